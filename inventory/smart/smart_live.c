/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smart/smart_live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "common/bytes.h"
#include "common/text.h"
#include "inventory/smart/smart_ata.h"
#include "inventory/smart/smart_nvme.h"
#include "inventory/smart/smart_scsi.h"

#define SENSE_LEN		64
#define SCSI_CHECK_CONDITION	0x02
#define SCSI_STATUS_MASK	0x3e
#define SCSI_ILLEGAL_REQUEST	0x05	/* sense key */
#define SG_DRIVER_TIMEOUT	0x06	/* DRIVER_TIMEOUT of older kernels */
#define SG_DRIVER_MASK		0x0f

#define OP_REQUEST_SENSE	0x03
#define OP_READ_DEFECT_DATA	0x37
#define OP_LOG_SENSE		0x4d
#define OP_ATA_16		0x85
#define DEFECTS_GROWN		0x08
#define DEFECTS_PHYSICAL	0x05	/* the format */
#define LOG_CUMULATIVE		0x40	/* PC 01b */
#define LOG_LEN			8192

#define ATA_NON_DATA		(3 << 1)
#define ATA_PIO_IN		(4 << 1)
#define ATA_CK_COND		0x20	/* registers come back as sense data */
#define ATA_FROM_DEVICE		0x08
#define ATA_BLOCKS		0x04
#define ATA_LENGTH_IN_COUNT	0x02
#define ATA_CHECK_POWER_MODE	0xe5
#define ATA_SMART		0xb0
#define ATA_SMART_READ_DATA	0xd0
#define ATA_SMART_THRESHOLDS	0xd1
#define ATA_SMART_STATUS	0xda
#define ATA_SMART_MID		0x4f
#define ATA_SMART_HIGH		0xc2

#define NVME_GET_LOG_PAGE	0x02
#define NVME_HEALTH		0x02
#define NVME_ALL		0xffffffff

struct sg {				/* one command and what came back */
	int fd;
	uint8_t sense[SENSE_LEN];
	size_t sense_len;
};

/*
 * 0 or -errno; -EOPNOTSUPP for a command that the device does not know. A check condition is 0 when
 * want_sense, since then the sense data are the answer.
 * *ret_len (may be NULL): how much of data the device has filled.
 */
static int command(struct sg *sg, const uint8_t *cdb, size_t cdb_len, void *data, size_t len,
		   bool want_sense, size_t *ret_len)
{
	struct smart_scsi_sense why;
	uint8_t copy[16];
	struct sg_io_hdr h = {
		.interface_id = 'S', .dxfer_direction = len ? SG_DXFER_FROM_DEV : SG_DXFER_NONE,
		.cmd_len = (unsigned char)cdb_len, .mx_sb_len = SENSE_LEN,
		.dxfer_len = (unsigned int)len, .dxferp = data, .cmdp = copy, .sbp = sg->sense,
		.timeout = SMART_LIVE_TIMEOUT,
	};

	memcpy(copy, cdb, cdb_len);
	memset(sg->sense, 0, sizeof(sg->sense));
	if (ioctl(sg->fd, SG_IO, &h) < 0)
		return -errno;
	sg->sense_len = MIN((size_t)h.sb_len_wr, sizeof(sg->sense));
	if (h.host_status || (h.driver_status & SG_DRIVER_MASK) == SG_DRIVER_TIMEOUT)
		return -EIO;
	if ((h.status & SCSI_STATUS_MASK) &&
	    !(want_sense && (h.status & SCSI_STATUS_MASK) == SCSI_CHECK_CONDITION))
		return smart_scsi_sense(sg->sense, sg->sense_len, &why) == 0 &&
		       why.key == SCSI_ILLEGAL_REQUEST ? -EOPNOTSUPP : -EIO;
	if (ret_len)
		*ret_len = h.resid > 0 && (size_t)h.resid <= len ? len - (size_t)h.resid : len;
	return 0;
}

/* A command without data, whose answer is in the registers. */
static int ata_registers(struct sg *sg, uint8_t cmd, uint8_t feature, struct smart_ata_regs *ret)
{
	uint8_t cdb[16] = { OP_ATA_16, ATA_NON_DATA, ATA_CK_COND, 0, feature };
	int r;

	if (cmd == ATA_SMART) {
		cdb[10] = ATA_SMART_MID;
		cdb[12] = ATA_SMART_HIGH;
	}
	cdb[14] = cmd;
	r = command(sg, cdb, sizeof(cdb), NULL, 0, true, NULL);
	return r < 0 ? r : smart_ata_registers(sg->sense, sg->sense_len, ret);
}

static int ata_page(struct sg *sg, uint8_t feature, uint8_t page[static SMART_ATA_PAGE])
{
	const uint8_t cdb[16] = {
		OP_ATA_16, ATA_PIO_IN, ATA_FROM_DEVICE | ATA_BLOCKS | ATA_LENGTH_IN_COUNT, 0,
		feature, 0, 1, 0, 0, 0, ATA_SMART_MID, 0, ATA_SMART_HIGH, 0, ATA_SMART, 0,
	};
	size_t n = 0;
	int r = command(sg, cdb, sizeof(cdb), page, SMART_ATA_PAGE, false, &n);

	return r == 0 && n < SMART_ATA_PAGE ? -ENODATA : r;
}

static int set(char **to, const char *text)
{
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int ask_ata(struct sg *sg, struct machine_smart *ret, struct err *err)
{
	uint8_t page[SMART_ATA_PAGE], thresholds[SMART_ATA_PAGE];
	struct smart_ata_regs regs;
	bool failed = false;
	int r = ata_registers(sg, ATA_CHECK_POWER_MODE, 0, &regs);

	if (r < 0)
		return err_code(err, -r, "CHECK POWER MODE");
	if (smart_ata_asleep(&regs))
		return set(&ret->status, "standby");
	r = ata_registers(sg, ATA_SMART, ATA_SMART_STATUS, &regs);
	if (r == 0)
		r = smart_ata_status(&regs, &failed);
	if (r < 0)
		return err_code(err, -r, "SMART RETURN STATUS");
	if (set(&ret->status, failed ? "failed" : "passed") < 0)
		return -ENOMEM;
	r = ata_page(sg, ATA_SMART_READ_DATA, page);
	if (r < 0)
		return err_code(err, -r, "SMART READ DATA");
	r = smart_ata_attributes(page, sizeof(page), ret, err);
	if (r < 0 || !failed)
		return r;
	r = ata_page(sg, ATA_SMART_THRESHOLDS, thresholds);
	if (r < 0)
		return err_code(err, -r, "SMART READ THRESHOLDS");
	return smart_ata_failing(page, thresholds, &ret->detail);
}

static int scsi_page(struct sg *sg, uint8_t code, uint8_t buf[static LOG_LEN], size_t *ret_len)
{
	uint8_t cdb[10] = { OP_LOG_SENSE, 0, LOG_CUMULATIVE | code };

	put_be16(cdb + 7, LOG_LEN);
	memset(buf, 0, LOG_LEN);
	return command(sg, cdb, sizeof(cdb), buf, LOG_LEN, false, ret_len);
}

static int scsi_pages(struct sg *sg, bool solid, struct machine_smart *ret, struct err *err)
{
	static const uint8_t wanted[] = {
		SMART_SCSI_EXCEPTIONS, SMART_SCSI_TEMPERATURE, SMART_SCSI_SCAN, SMART_SCSI_WRITE,
		SMART_SCSI_READ, SMART_SCSI_VERIFY, SMART_SCSI_SOLID_STATE,
	};
	uint8_t list[LOG_LEN], page[LOG_LEN];
	size_t list_len = 0, len = 0;
	int r = scsi_page(sg, SMART_SCSI_PAGES, list, &list_len);

	/* A disk without log pages has nothing to tell. */
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return err_code(err, -r, "LOG SENSE");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!smart_scsi_has_page(list, list_len, wanted[i]) ||
		    (wanted[i] == SMART_SCSI_SOLID_STATE && !solid))
			continue;
		r = scsi_page(sg, wanted[i], page, &len);
		if (r < 0)
			return err_code(err, -r, "LOG SENSE page 0x%02x", wanted[i]);
		r = smart_scsi_page(page, len, wanted[i], ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int ask_scsi(struct sg *sg, bool solid, struct machine_smart *ret, struct err *err)
{
	uint8_t cdb[6] = { OP_REQUEST_SENSE, 0, 0, 0, SENSE_LEN }, data[SENSE_LEN] = { 0 };
	const uint8_t defects[10] = {
		OP_READ_DEFECT_DATA, 0, DEFECTS_GROWN | DEFECTS_PHYSICAL, 0, 0, 0, 0, 0, 4, 0,
	};
	struct smart_scsi_sense sense = { 0 };
	size_t len = 0;
	int r = command(sg, cdb, sizeof(cdb), data, sizeof(data), false, &len);

	if (r == 0)
		r = smart_scsi_sense(data, len, &sense);
	if (r < 0)
		return err_code(err, -r, "REQUEST SENSE");
	if (smart_scsi_asleep(&sense))
		return set(&ret->status, "standby");
	r = scsi_pages(sg, solid, ret, err);
	if (r < 0 || solid || !ret->status)
		return r;
	r = command(sg, defects, sizeof(defects), data, 4, false, &len);
	if (r == 0)
		r = smart_scsi_defects(data, len, &ret->reallocated);
	return r < 0 ? err_code(err, -r, "READ DEFECT DATA") : 0;
}

static int ask_nvme(int fd, struct machine_smart *ret, struct err *err)
{
	uint8_t page[SMART_NVME_PAGE] = { 0 };
	struct nvme_admin_cmd cmd = {
		.opcode = NVME_GET_LOG_PAGE, .nsid = NVME_ALL, .addr = (uintptr_t)page,
		.data_len = sizeof(page), .timeout_ms = SMART_LIVE_TIMEOUT,
		/* Length in words of four bytes, less one. */
		.cdw10 = NVME_HEALTH | (sizeof(page) / 4 - 1) << 16,
	};
	int r = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &cmd);

	if (r < 0)
		return err_errno(err, "health log");
	if (r > 0)
		return err_set(err, EIO, "health log: NVMe status 0x%x", (unsigned int)r);
	return smart_nvme_log(page, sizeof(page), ret, err);
}

const char *smart_live_source(enum smart_live_kind kind)
{
	return kind == SMART_LIVE_ATA ? "ata" : kind == SMART_LIVE_SCSI ? "scsi" :
	       kind == SMART_LIVE_NVME ? "nvme" : NULL;
}

int smart_live_ask(const char *name, enum smart_live_kind kind, bool solid,
		   struct machine_smart *ret, struct err *ret_why)
{
	CLEANUP(mem_free) char *path = text_format("/dev/%s", name);
	CLEANUP(fd_close) int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	struct sg sg = { .fd = fd };
	struct stat st;
	int r;

	if (!path)
		return -ENOMEM;
	if (fd < 0) {
		(void)err_errno(ret_why, "cannot open %s", path);
		return 0;
	}
	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode)) {
		(void)err_set(ret_why, ENOTBLK, "%s is no block device", path);
		return 0;
	}
	if (kind == SMART_LIVE_ATA)
		r = ask_ata(&sg, ret, ret_why);
	else if (kind == SMART_LIVE_SCSI)
		r = ask_scsi(&sg, solid, ret, ret_why);
	else
		r = ask_nvme(fd, ret, ret_why);
	if (r == -ENOMEM || (ret->status && set(&ret->source, smart_live_source(kind)) < 0))
		return -ENOMEM;
	return 0;
}
