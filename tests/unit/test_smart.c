/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Disk health: the pages of ATA, SCSI and NVMe disks and the records of smartctl, good ones and
 * hostile ones; and which disks of a machine are asked at all.
 */
#include <errno.h>
#include <inttypes.h>
#include "common/bytes.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/smart/smart_ata.h"
#include "inventory/smart/smart_nvme.h"
#include "inventory/smart/smart_recorded.h"
#include "inventory/smart/smart_scsi.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

static void smart_done(struct machine_smart *s)
{
	free(s->source);
	free(s->status);
	free(s->detail);
	*s = (struct machine_smart){ 0 };
}

static uint32_t rng = 0x2545f491;

static uint32_t rnd(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 17;
	rng ^= rng << 5;
	return rng;
}

/* -- ATA -- */

static void set_attribute(uint8_t *page, int i, uint8_t id, uint8_t value, uint64_t raw)
{
	uint8_t *a = page + 2 + i * 12;

	a[0] = id;
	a[3] = value;
	put_le32(a + 5, (uint32_t)raw);
	put_le16(a + 9, (uint16_t)(raw >> 32));
}

static void set_checksum(uint8_t *page)
{
	uint8_t sum = 0;

	for (int i = 0; i < 511; i++)
		sum = (uint8_t)(sum + page[i]);
	page[511] = (uint8_t)-sum;
}

START_TEST(test_ata_attributes)
{
	uint8_t page[SMART_ATA_PAGE] = { 1 }, thresholds[SMART_ATA_PAGE] = { 1 };
	struct machine_smart s = { 0 };
	char *detail = NULL;

	set_attribute(page, 0, 5, 10, UINT64_C(0x000100000018));
	set_attribute(page, 1, 9, 50, UINT64_C(0x00ff01008000) + 1234);
	set_attribute(page, 2, 187, 100, 3);
	set_attribute(page, 3, 190, 70, 99);
	set_attribute(page, 4, 194, 70, UINT64_C(0x002d00110022));
	set_attribute(page, 7, 197, 100, 8);
	set_attribute(page, 28, 198, 100, 2);
	set_attribute(page, 29, 240, 3, 2);
	set_checksum(page);
	ck_assert_int_eq(smart_ata_attributes(page, sizeof(page), &s, NULL), 0);
	ck_assert_uint_eq(s.reallocated, 24);
	ck_assert_uint_eq(s.power_on_hours, 0x8000 + 1234);
	ck_assert_uint_eq(s.uncorrectable, 3);
	ck_assert_uint_eq(s.temperature, 34);
	ck_assert_uint_eq(s.pending, 8);

	/* 5 is below its threshold, 9 has none, 197 is well, 240 is at it. */
	thresholds[2] = 5;
	thresholds[3] = 36;
	thresholds[14] = 240;
	thresholds[15] = 3;
	thresholds[26] = 197;
	thresholds[27] = 1;
	ck_assert_int_eq(smart_ata_failing(page, thresholds, &detail), 0);
	ck_assert_str_eq(detail, "reallocated sectors, attribute 240");
	free(detail);
	detail = NULL;
	memset(thresholds, 0, sizeof(thresholds));
	ck_assert_int_eq(smart_ata_failing(page, thresholds, &detail), 0);
	ck_assert_ptr_null(detail);

	page[100]++;
	ck_assert_int_eq(smart_ata_attributes(page, sizeof(page), &s, NULL), -EBADMSG);
	ck_assert_int_eq(smart_ata_attributes(page, 511, &s, NULL), -EBADMSG);
}
END_TEST

START_TEST(test_ata_registers)
{
	/* CHECK POWER MODE of a disk in standby, as libata gives it; in fixed format from a HBA. */
	uint8_t descriptor[22] = { 0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 0, 0, 0, 0, 0,
				   0, 0x4f, 0, 0xc2, 0x40, 0x50 };
	uint8_t fixed[18] = { 0x70, 0, 1, 0, 0x50, 0x40, 0xff, 10, 0, 0, 0xf4, 0x2c, 0, 0x1d };
	struct smart_ata_regs r;
	bool failed = true;

	ck_assert_int_eq(smart_ata_registers(descriptor, sizeof(descriptor), &r), 0);
	ck_assert(smart_ata_asleep(&r));
	ck_assert_int_eq(smart_ata_status(&r, &failed), 0);
	ck_assert(!failed);
	ck_assert_int_eq(smart_ata_registers(fixed, sizeof(fixed), &r), 0);
	ck_assert(!smart_ata_asleep(&r));
	ck_assert_uint_eq(r.status, 0x50);
	ck_assert_int_eq(smart_ata_status(&r, &failed), 0);
	ck_assert(failed);
	r.lba_mid = 0x4f;
	ck_assert_int_eq(smart_ata_status(&r, &failed), -EBADMSG);
	r.count = 0x80;			/* idle: it turns */
	ck_assert(!smart_ata_asleep(&r));

	for (size_t n = 0; n < sizeof(descriptor); n++) {
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, descriptor, n);
		ck_assert_int_eq(smart_ata_registers(copy, n, &r), -EBADMSG);
	}
	/* Another descriptor in front, of any length; a length of its own that lies. */
	for (unsigned int len = 0; len < 256; len++) {
		CLEANUP(mem_free) uint8_t *copy = calloc(1, 64);

		copy[0] = 0x72;
		copy[7] = 56;
		copy[9] = (uint8_t)len;
		if (len + 10 + 14 <= 64)
			memcpy(copy + 10 + len, descriptor + 8, 14);
		ck_assert_int_eq(smart_ata_registers(copy, 64, &r),
				 len + 10 + 14 <= 64 ? 0 : -EBADMSG);
	}
	descriptor[0] = 0x7f;
	ck_assert_int_eq(smart_ata_registers(descriptor, sizeof(descriptor), &r), -EBADMSG);
	/* Sense of something else: an error, not an answer. */
	fixed[12] = 0x20;
	ck_assert_int_eq(smart_ata_registers(fixed, sizeof(fixed), &r), -EBADMSG);
}
END_TEST

/* -- NVMe -- */

START_TEST(test_nvme_log)
{
	uint8_t page[SMART_NVME_PAGE] = { 0 };
	struct machine_smart s = { 0 };

	put_le16(page + 1, 273 + 41);
	page[5] = 107;
	put_le64(page + 128, 31000);
	put_le64(page + 160, 2);
	ck_assert_int_eq(smart_nvme_log(page, sizeof(page), &s, NULL), 0);
	ck_assert_str_eq(s.status, "passed");
	ck_assert_ptr_null(s.detail);
	ck_assert_uint_eq(s.temperature, 41);
	ck_assert_uint_eq(s.percentage_used, 107);
	ck_assert_uint_eq(s.power_on_hours, 31000);
	ck_assert_uint_eq(s.uncorrectable, 2);
	page[0] = 0x84 | 1;
	memset(page + 128, 0xff, 16);
	put_le16(page + 1, 0);
	ck_assert_int_eq(smart_nvme_log(page, sizeof(page), &s, NULL), 0);
	ck_assert_str_eq(s.status, "failed");
	ck_assert_str_eq(s.detail, "spare blocks are running out, reliability is degraded by "
				   "errors, warning bit 7");
	ck_assert_uint_eq(s.power_on_hours, INT64_MAX);
	ck_assert_uint_eq(s.temperature, 0);
	ck_assert_int_eq(smart_nvme_log(page, 511, &s, NULL), -EBADMSG);
	smart_done(&s);
}
END_TEST

/* -- SCSI -- */

START_TEST(test_scsi_sense)
{
	static const struct {
		uint8_t key, asc, ascq;
		bool asleep;
	} cases[] = {
		{ 0, 0, 0, false }, { 2, 4, 2, true }, { 2, 4, 1, false }, { 2, 4, 0x11, true },
		{ 0, 0x5e, 0, false }, { 0, 0x5e, 1, false }, { 0, 0x5e, 2, true },
		{ 0, 0x5e, 4, true }, { 6, 0x29, 0, false }, { 3, 4, 2, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t fixed[18] = { 0x70, 0, cases[i].key };
		uint8_t descriptor[8] = { 0x72, cases[i].key, cases[i].asc, cases[i].ascq };
		struct smart_scsi_sense s;

		fixed[12] = cases[i].asc;
		fixed[13] = cases[i].ascq;
		ck_assert_int_eq(smart_scsi_sense(fixed, sizeof(fixed), &s), 0);
		ck_assert_int_eq(smart_scsi_asleep(&s), cases[i].asleep);
		ck_assert_int_eq(smart_scsi_sense(descriptor, sizeof(descriptor), &s), 0);
		ck_assert_int_eq(smart_scsi_asleep(&s), cases[i].asleep);
		ck_assert_int_eq(smart_scsi_sense(fixed, 13, &s), -EBADMSG);
		ck_assert_int_eq(smart_scsi_sense(descriptor, 3, &s), -EBADMSG);
		ck_assert_int_eq(smart_scsi_sense(fixed, 0, &s), -EBADMSG);
	}
}
END_TEST

/* A page with one parameter more for each call. */
static void add_parameter(uint8_t *page, uint16_t code, const uint8_t *data, uint8_t len)
{
	uint8_t *p = page + 4 + get_be16(page + 2);

	put_be16(p, code);
	p[3] = len;
	memcpy(p + 4, data, len);
	put_be16(page + 2, (uint16_t)(get_be16(page + 2) + 4 + len));
}

START_TEST(test_scsi_pages)
{
	struct machine_smart s = { 0 };
	uint8_t page[512] = { 0x2f };

	add_parameter(page, 0, (const uint8_t[]){ 0x5d, 0x14, 38, 0 }, 4);
	add_parameter(page, 1, (const uint8_t[]){ 0, 0, 99, 0 }, 4);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x2f, &s, NULL), 0);
	ck_assert_str_eq(s.status, "failed");
	ck_assert_str_eq(s.detail, "a failure is predicted: hardware: too many block reassigns");
	ck_assert_uint_eq(s.temperature, 38);
	page[8] = page[9] = 0;
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x2f, &s, NULL), 0);
	ck_assert_str_eq(s.status, "passed");
	ck_assert_ptr_null(s.detail);

	memset(page, 0, sizeof(page));
	page[0] = 0x0d;
	add_parameter(page, 0, (const uint8_t[]){ 0, 0xff }, 2);
	add_parameter(page, 1, (const uint8_t[]){ 0, 60 }, 2);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x0d, &s, NULL), 0);
	ck_assert_uint_eq(s.temperature, 38);	/* not known there, and the other is its limit */

	memset(page, 0, sizeof(page));
	page[0] = 0x15;
	add_parameter(page, 0, (const uint8_t[]){ 0, 0x1b, 0x77, 0x40, 0, 8 }, 6);
	add_parameter(page, 1, (const uint8_t[]){ 0, 0, 0, 1, 0x13, 0x11 }, 6);
	add_parameter(page, 2, (const uint8_t[]){ 0, 0, 0, 1, 0x51, 0x11 }, 6);
	add_parameter(page, 0x800, (const uint8_t[]){ 0, 0, 0, 1, 0x1f, 0x11 }, 6);
	add_parameter(page, 0x801, (const uint8_t[]){ 0, 0, 0, 1, 0x1f, 0x11 }, 6);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x15, &s, NULL), 0);
	ck_assert_uint_eq(s.power_on_hours, 30000);
	ck_assert_uint_eq(s.pending, 2);

	memset(page, 0, sizeof(page));
	page[0] = 0x03;
	add_parameter(page, 5, (const uint8_t[]){ 9, 9 }, 2);
	add_parameter(page, 6, (const uint8_t[]){ 1, 2 }, 2);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x03, &s, NULL), 0);
	page[0] = 0x02;
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x02, &s, NULL), 0);
	ck_assert_uint_eq(s.uncorrectable, 2 * 0x102);
	/* A counter wider than any number: as many as can be said, and no more. */
	add_parameter(page, 6, (const uint8_t[]){ 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 12);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x02, &s, NULL), 0);
	ck_assert_uint_eq(s.uncorrectable, INT64_MAX);

	memset(page, 0, sizeof(page));
	page[0] = 0x11;
	add_parameter(page, 1, (const uint8_t[]){ 0, 0, 0, 17 }, 4);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x11, &s, NULL), 0);
	ck_assert_uint_eq(s.percentage_used, 17);
	ck_assert_int_eq(smart_scsi_page(page, sizeof(page), 0x2f, &s, NULL), -EBADMSG);
	ck_assert_int_eq(smart_scsi_page(page, 3, 0x11, &s, NULL), -EBADMSG);
	smart_done(&s);
}
END_TEST

START_TEST(test_scsi_lists)
{
	static const uint8_t other[] = { 0x0d, 0, 0, 1, 0x2f };
	static const uint8_t list[] = { 0, 0, 0, 4, 0x00, 0x03, 0x0d, 0x2f };
	static const uint8_t defects[] = { 0, 0x0d, 0, 24 }, blocks[] = { 0, 0x08, 0, 24 };
	uint64_t n = 0;

	ck_assert(smart_scsi_has_page(list, sizeof(list), 0x2f));
	ck_assert(!smart_scsi_has_page(list, sizeof(list), 0x15));
	ck_assert(!smart_scsi_has_page(list, 7, 0x2f));
	ck_assert(!smart_scsi_has_page(other, sizeof(other), 0x2f));
	ck_assert(!smart_scsi_has_page(list, 3, 0x00));
	ck_assert_int_eq(smart_scsi_defects(defects, 4, &n), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_eq(smart_scsi_defects(blocks, 4, &n), 0);
	ck_assert_uint_eq(n, 6);
	ck_assert_int_eq(smart_scsi_defects(blocks, 3, &n), -EBADMSG);
}
END_TEST

/* Any bytes, of any length: an answer or -EBADMSG, nothing else. */
START_TEST(test_noise)
{
	static const uint8_t codes[] = { 0x00, 0x02, 0x03, 0x05, 0x0d, 0x11, 0x15, 0x2f };

	for (int round = 0; round < 40000; round++) {
		size_t n = rnd() % 600;
		CLEANUP(mem_free) uint8_t *p = malloc(n ? n : 1);
		uint8_t code = codes[round % ARRAY_SIZE(codes)];
		struct machine_smart s = { 0 };
		struct smart_scsi_sense sense;
		struct smart_ata_regs regs;
		uint64_t defects;
		int r;

		for (size_t i = 0; i < n; i++)
			p[i] = round % 3 ? (uint8_t)(rnd() >> 24) : (uint8_t)(rnd() >> 24 & 7);
		if (n > 0 && round % 2)
			p[0] = round % 4 == 1 ? code : (uint8_t)(0x70 + rnd() % 4);
		r = smart_scsi_page(p, n, code, &s, NULL);
		ck_assert(r == 0 || r == -EBADMSG);
		ck_assert(s.uncorrectable <= INT64_MAX);
		(void)smart_scsi_has_page(p, n, code);
		(void)smart_scsi_sense(p, n, &sense);
		(void)smart_scsi_defects(p, n, &defects);
		(void)smart_ata_registers(p, n, &regs);
		(void)smart_ata_attributes(p, n, &s, NULL);
		r = smart_nvme_log(p, n, &s, NULL);
		ck_assert_int_eq(r, n < SMART_NVME_PAGE ? -EBADMSG : 0);
		ck_assert(s.power_on_hours <= INT64_MAX);
		smart_done(&s);
	}
}
END_TEST

/* -- records -- */

#define HEAD(protocol) \
	"{\"json_format_version\":[1,0],\"smartctl\":{\"version\":[7,3],\"exit_status\":0}," \
	"\"device\":{\"name\":\"/dev/sda\",\"type\":\"x\",\"protocol\":\"" protocol "\"}"

static const char ata_record[] = HEAD("ATA")
	",\"smart_status\":{\"passed\":false},\"ata_smart_attributes\":{\"revision\":1,\"table\":["
	"{\"id\":5,\"name\":\"Reallocated_Sector_Ct\",\"value\":1,\"worst\":1,\"thresh\":36,"
	"\"when_failed\":\"now\",\"raw\":{\"value\":1024,\"string\":\"1024\"}},"
	"{\"id\":9,\"when_failed\":\"\",\"raw\":{\"value\":40000,\"string\":\"40000\"}},"
	"{\"id\":194,\"when_failed\":\"\",\"raw\":{\"value\":73014444066,\"string\":\"34\"}},"
	"{\"id\":197,\"when_failed\":\"past\",\"raw\":{\"value\":16,\"string\":\"16\"}}]},"
	"\"power_on_time\":{\"hours\":40000},\"temperature\":{\"current\":34}}";
static const char nvme_record[] = HEAD("NVMe")
	",\"smart_status\":{\"passed\":true,\"nvme\":{\"value\":0}},"
	"\"nvme_smart_health_information_log\":{\"critical_warning\":0,\"temperature\":36,"
	"\"available_spare\":100,\"percentage_used\":3,\"power_on_hours\":9876,"
	"\"media_errors\":1},\"temperature\":{\"current\":36}}";
static const char scsi_record[] = HEAD("SCSI")
	",\"smart_status\":{\"passed\":false,\"scsi\":{\"asc\":93,\"ascq\":16,"
	"\"ie_string\":\"HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE\"}},"
	"\"temperature\":{\"current\":29},\"power_on_time\":{\"hours\":51000,\"minutes\":12},"
	"\"scsi_grown_defect_list\":7,\"scsi_error_counter_log\":{\"read\":"
	"{\"total_uncorrected_errors\":2},\"write\":{\"total_uncorrected_errors\":1}}}";
static const char standby_record[] =
	"{\"smartctl\":{\"messages\":[{\"string\":\"Device is in STANDBY mode, exit(2)\","
	"\"severity\":\"information\"}],\"exit_status\":2},\"device\":{\"protocol\":\"ATA\"}}";

static struct machine_smart parse(const char *text)
{
	struct machine_smart s = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(smart_recorded_parse(text, strlen(text), &s, &err) == 0, "%s", err.text);
	return s;
}

START_TEST(test_records)
{
	struct machine_smart s = parse(ata_record);

	ck_assert_str_eq(s.source, "ata");
	ck_assert_str_eq(s.status, "failed");
	ck_assert_str_eq(s.detail, "reallocated sectors");
	ck_assert_uint_eq(s.reallocated, 1024);
	ck_assert_uint_eq(s.power_on_hours, 40000);
	ck_assert_uint_eq(s.temperature, 34);
	ck_assert_uint_eq(s.pending, 16);
	smart_done(&s);

	s = parse(nvme_record);
	ck_assert_str_eq(s.source, "nvme");
	ck_assert_str_eq(s.status, "passed");
	ck_assert_uint_eq(s.percentage_used, 3);
	ck_assert_uint_eq(s.power_on_hours, 9876);
	ck_assert_uint_eq(s.uncorrectable, 1);
	ck_assert_uint_eq(s.temperature, 36);
	smart_done(&s);

	s = parse(scsi_record);
	ck_assert_str_eq(s.source, "scsi");
	ck_assert_str_eq(s.status, "failed");
	ck_assert_str_eq(s.detail, "a failure is predicted: hardware: general failure");
	ck_assert_uint_eq(s.reallocated, 7);
	ck_assert_uint_eq(s.uncorrectable, 3);
	ck_assert_uint_eq(s.power_on_hours, 51000);
	smart_done(&s);

	s = parse(standby_record);
	ck_assert_str_eq(s.source, "ata");
	ck_assert_str_eq(s.status, "standby");
	smart_done(&s);
}
END_TEST

START_TEST(test_records_without_an_answer)
{
	static const char *const empty[] = {
		"{}", "{\"device\":7}", "{\"device\":{\"protocol\":\"Floppy\"}}",
		HEAD("ATA") "}", HEAD("NVMe") ",\"nvme_smart_health_information_log\":[1]}",
		HEAD("SCSI") ",\"smart_status\":{\"passed\":\"yes\"}}",
		"{\"smartctl\":{\"messages\":[{\"string\":\"/dev/sda: Unable to detect device "
		"type\"}]},\"device\":{\"protocol\":\"ATA\"}}",
	};
	struct machine_smart s = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(empty); i++) {
		s = parse(empty[i]);
		ck_assert_ptr_null(s.source);
		ck_assert_ptr_null(s.status);
	}
	ck_assert_int_eq(smart_recorded_parse("smartctl 7.3", 12, &s, NULL), -EBADMSG);
	ck_assert_int_eq(smart_recorded_parse("[1]", 3, &s, NULL), 0);
	ck_assert_ptr_null(s.source);
	/* Numbers that no disk has. */
	s = parse(HEAD("NVMe") ",\"nvme_smart_health_information_log\":{\"critical_warning\":-1,"
		  "\"percentage_used\":99999999999,\"power_on_hours\":-5,\"media_errors\":1.5}}");
	ck_assert_str_eq(s.status, "passed");
	ck_assert_uint_eq(s.percentage_used, 0);
	ck_assert_uint_eq(s.power_on_hours, 0);
	ck_assert_uint_eq(s.uncorrectable, 0);
	smart_done(&s);
}
END_TEST

/* -- which disks are asked -- */

START_TEST(test_which_disks)
{
	static const struct {
		const char *name, *transport, *vendor, *driver, *file, *text, *source;
	} cases[] = {
		{ "sda", "sata", "ATA", "ahci", NULL, NULL, "ata" },
		{ "sda", "sas", "ATA", "mpt3sas", NULL, NULL, "ata" },
		{ "sda", "sas", "HGST", "mpt3sas", NULL, NULL, "scsi" },
		{ "sda", "scsi", "SEAGATE", "aic7xxx", NULL, NULL, "scsi" },
		{ "sda", "scsi", "QEMU", "virtio_scsi", NULL, NULL, NULL },
		{ "sda", "sas", "LSI", "mpt3sas", NULL, NULL, NULL },
		{ "sda", "raid", "HP", "hpsa", NULL, NULL, NULL },
		{ "sda", "usb", "ATA", "uas", NULL, NULL, NULL },
		{ "sda", "fc", "NETAPP", "qla2xxx", NULL, NULL, NULL },
		{ "sda", NULL, "ATA", NULL, NULL, NULL, NULL },
		{ "hda", "ide", NULL, "piix", NULL, NULL, NULL },
		{ "vda", "virtio", NULL, "virtio_blk", NULL, NULL, NULL },
		{ "sda", "sata", "ATA", "ahci", "state", "offline\n", NULL },
		{ "sda", "sata", "ATA", "ahci", "state", "running\n", "ata" },
		{ "nvme0n1", "nvme", NULL, "nvme", "state", "live\n", "nvme" },
		{ "nvme0n1", "nvme", NULL, "nvme", "state", "resetting\n", NULL },
		{ "nvme0n1", "nvme", NULL, "nvme", "transport", "tcp\n", NULL },
		{ "nvme0n1", "nvme", NULL, "nvme", "nvme0/transport", "tcp\n", NULL },
		{ "nvme0n1", "nvme", NULL, "nvme", "nvme0/transport", "pcie\n", "nvme" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		CLEANUP(sysroot_free) struct sysroot *root = NULL;
		struct machine_disk *d;
		char dir[64];

		tmproot_make();
		snprintf(dir, sizeof(dir), "/sys/block/%s/device", cases[i].name);
		tmproot_folder(dir);
		if (cases[i].file)
			tmproot_text(cases[i].text, "%s/%s", dir, cases[i].file);
		tmproot_text(strncmp(cases[i].name, "nvme", 4) == 0 ? nvme_record :
			     cases[i].vendor && strcmp(cases[i].vendor, "ATA") == 0 ? ata_record :
			     scsi_record, "/p2v/smart/%s", cases[i].name);
		ck_assert_int_eq(machine_new(&m), 0);
		d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
		d->name = strdup(cases[i].name);
		d->transport = cases[i].transport ? strdup(cases[i].transport) : NULL;
		d->vendor = cases[i].vendor ? strdup(cases[i].vendor) : NULL;
		d->driver = cases[i].driver ? strdup(cases[i].driver) : NULL;
		root = tmproot_open();
		ck_assert_int_eq(collect_smart(root, m, NULL), 0);
		tmproot_remove();
		ck_assert_msg(cases[i].source ? d->smart.source &&
			      strcmp(d->smart.source, cases[i].source) == 0 : !d->smart.source,
			      "%zu: %s", i, d->smart.source ? d->smart.source : "(none)");
		ck_assert_uint_eq(m->warnings.n, 0);
	}
}
END_TEST

START_TEST(test_suspended_and_damaged)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	static const char *const names[] = { "sda", "sdb", "sdc", "sdd" };

	tmproot_make();
	tmproot_text("suspended\n", "/sys/block/sda/device/power/runtime_status");
	tmproot_text(ata_record, "/p2v/smart/sda");
	tmproot_text("{\"device\"", "/p2v/smart/sdb");
	tmproot_folder("/p2v/smart/sdc");
	ck_assert_int_eq(machine_new(&m), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));

		d->name = strdup(names[i]);
		d->transport = strdup("sata");
	}
	root = tmproot_open();
	ck_assert_int_eq(collect_smart(root, m, NULL), 0);
	tmproot_remove();
	ck_assert_str_eq(m->disks[0].smart.status, "standby");
	ck_assert_str_eq(m->disks[0].smart.source, "ata");
	for (size_t i = 1; i < 4; i++)
		ck_assert_ptr_null(m->disks[i].smart.source);
	ck_assert_uint_eq(m->warnings.n, 2);
	ck_assert_ptr_nonnull(strstr(m->warnings.v[0], "sdb"));
	ck_assert_ptr_nonnull(strstr(m->warnings.v[1], "sdc"));
}
END_TEST

static Suite *smart_suite(void)
{
	Suite *s = suite_create("smart");
	TCase *t = tcase_create("smart");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, test_ata_attributes);
	tcase_add_test(t, test_ata_registers);
	tcase_add_test(t, test_nvme_log);
	tcase_add_test(t, test_scsi_sense);
	tcase_add_test(t, test_scsi_pages);
	tcase_add_test(t, test_scsi_lists);
	tcase_add_test(t, test_noise);
	tcase_add_test(t, test_records);
	tcase_add_test(t, test_records_without_an_answer);
	tcase_add_test(t, test_which_disks);
	tcase_add_test(t, test_suspended_and_damaged);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(smart_suite)
