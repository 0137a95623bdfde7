/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small machines made on the spot for the block collector: a root folder with the files of /sys,
 * /dev and /run that a test wants, and what collect_block() says of it. One root at a time.
 */
#ifndef P2V_TESTS_COLLECT_BLOCK_H
#define P2V_TESTS_COLLECT_BLOCK_H

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

static char made[256];

/* In memory where possible: tens of thousands of files come and go. */
static inline void make_root(void)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp)
		tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	ck_assert_int_lt(snprintf(made, sizeof(made), "%s/p2v-block-XXXXXX", tmp), sizeof(made));
	ck_assert_ptr_nonnull(mkdtemp(made));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void remove_root(void)
{
	nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path inside the root, its folders made. */
static inline void place(char full[static 512], const char *path)
{
	snprintf(full, 512, "%s%s", made, path);
	/* fdio_mkdir_p() would see to it that the folders last. */
	for (char *slash = strchr(full + strlen(made) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static inline void put(const char *path, const void *data, size_t len)
{
	char full[512];
	FILE *f;

	place(full, path);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

static inline void put_text(const char *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void put_text(const char *text, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	va_list ap;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	put(path, text, strlen(text));
}

static inline void put_link(const char *target, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void put_link(const char *target, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	char full[512];
	va_list ap;

	va_start(ap, fmt);
	path = text_vformat(fmt, ap);
	va_end(ap);
	place(full, path);
	(void)unlink(full);
	ck_assert_int_eq(symlink(target, full), 0);
}

/* A SCSI disk "0:0:0:TARGET" of 1 GiB on an AHCI controller; dev as "8:0". */
static inline void put_disk(const char *name, int target, const char *dev)
{
	CLEANUP(mem_free) char *at = text_format("/sys/devices/pci0000:00/0000:00:1f.2/host0/"
						 "0:0:0:%d", target);

	put_text("2097152\n", "%s/block/%s/size", at, name);
	put_text(dev, "%s/block/%s/dev", at, name);
	put_text("512\n", "%s/block/%s/queue/logical_block_size", at, name);
	put_text("running\n", "%s/state", at);
	put_link("../../bus/pci/drivers/ahci", "/sys/devices/pci0000:00/0000:00:1f.2/driver");
	{
		CLEANUP(mem_free) char *device = text_format("../../../0:0:0:%d", target);

		put_link(device, "%s/block/%s/device", at, name);
	}
	{
		CLEANUP(mem_free) char *real = text_format("..%s/block/%s", at + 4, name);

		put_link(real, "/sys/block/%s", name);
	}
}

/* A volume without more than size, number and slaves ("sda sdb1"). */
static inline void put_volume(const char *name, const char *dev, const char *slaves)
{
	CLEANUP(mem_free) char *copy = strdup(slaves), *real = NULL;
	char *save = NULL;

	put_text("2048\n", "/sys/devices/virtual/block/%s/size", name);
	put_text(dev, "/sys/devices/virtual/block/%s/dev", name);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		CLEANUP(mem_free) char *to = text_format("/sys/block/%s", s);

		put_link(to, "/sys/devices/virtual/block/%s/slaves/%s", name, s);
	}
	real = text_format("../devices/virtual/block/%s", name);
	put_link(real, "/sys/block/%s", name);
}

/* 1 MiB with a swap area of that label, in place of a device's node. */
static inline void put_swap(const char *node, const char *label)
{
	CLEANUP(mem_free) uint8_t *p = calloc(1, 1 << 20);

	memcpy(p + 4086, "SWAPSPACE2", 10);
	put_le32(p + 1024, 1);
	put_le32(p + 1028, 200);
	memcpy(p + 1036, "\x12\x34", 2);
	snprintf((char *)p + 1052, 16, "%s", label);
	put(node, p, 1 << 20);
}

/* What is found; it must survive the way through JSON. */
static inline struct machine *collect_made(void)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(machine_free) struct machine *back = NULL;
	CLEANUP(mem_free) char *json = NULL;
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(sysroot_open(made, &root, &err) == 0, "%s", err.text);
	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(collect_block(root, m, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_dump(m, &json, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_parse(json, strlen(json), &back, &err) == 0, "%s", err.text);
	return m;
}

static inline bool warns_of(const struct machine *m, const char *text)
{
	for (size_t i = 0; i < m->warnings.n; i++)
		if (strstr(m->warnings.v[i], text))
			return true;
	return false;
}

static inline const struct machine_volume *volume(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->nvolumes; i++)
		if (strcmp(m->volumes[i].name, name) == 0)
			return &m->volumes[i];
	return NULL;
}

#define ck_assert_text(a, b) \
	do { \
		const char *a_ = (a), *b_ = (b); \
		if (b_) { \
			ck_assert_ptr_nonnull(a_); \
			ck_assert_str_eq(a_, b_); \
		} else { \
			ck_assert_msg(!a_, "\"%s\" instead of nothing", a_); \
		} \
	} while (0)

#endif
