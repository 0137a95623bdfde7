/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of disk/ share: a folder for throw-away images, running the tools that make
 * them, a fixed-seed random source, and writing bytes into an image.
 *
 * IMAGE_NEED("mke2fs") at the top of a test leaves it (it passes, and says so on stdout as a TAP
 * comment) when the tool is missing; a program whose every test needs it skips as a whole.
 */
#ifndef P2V_TESTS_IMAGE_H
#define P2V_TESTS_IMAGE_H

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/compiler.h"
#include "disk/fs/fs.h"
#include "tests/lib/unit.h"

static char image_dir[64];

static int image_run(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Through the shell, in the image folder, silent; the exit status. */
UNUSED static int image_run(const char *fmt, ...)
{
	char inner[4096], cmd[4352];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(inner, sizeof(inner), fmt, ap);
	va_end(ap);
	snprintf(cmd, sizeof(cmd), "cd %s && { %s ; } >log 2>&1", image_dir, inner);
	status = system(cmd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

UNUSED static bool image_have(const char *tool)
{
	return image_run("command -v %s", tool) == 0;
}

static inline void image_setup(void)
{
	const char *base = getenv("TMPDIR");
	char path[512];

	snprintf(path, sizeof(path), "/usr/local/sbin:/usr/sbin:/sbin:%s",
		 getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	setenv("PATH", path, 1);
	setenv("MKE2FS_DEVICE_SECTSIZE", "512", 1);
	/* Direct reads of a file that was just written wait for the disk; memory does not. */
	if (!base || strlen(base) >= 32)
		base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	snprintf(image_dir, sizeof(image_dir), "%s/p2v-disk-XXXXXX", base);
	if (!mkdtemp(image_dir)) {
		perror(image_dir);
		exit(1);
	}
}

static inline void image_teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", image_dir);
	if (system(cmd) != 0)
		fprintf(stderr, "cannot remove %s\n", image_dir);
}

/* The path of a file in the folder; the last four stay valid. */
UNUSED static const char *image_path(const char *name)
{
	static char paths[4][192];
	static unsigned int next;
	char *p = paths[next++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", image_dir, name);
	return p;
}

UNUSED static void image_make(const char *name, uint64_t size)
{
	int fd = open(image_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

UNUSED static void image_write(const char *name, const void *p, size_t len, uint64_t offset)
{
	int fd = open(image_path(name), O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, p, len, (off_t)offset), (ssize_t)len);
	close(fd);
}

UNUSED static void image_read(const char *name, void *p, size_t len, uint64_t offset)
{
	int fd = open(image_path(name), O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, p, len, (off_t)offset), (ssize_t)len);
	close(fd);
}

/* xorshift64*: the same numbers on every run. */
UNUSED static uint64_t image_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/*
 * What a filesystem reader makes of [offset, offset + length) of an image: the map of the whole
 * image (of that granularity), which the reader's own map went down to. Returns what the reader
 * did; the reason is malloc'd. In doubt nothing is clear.
 */
UNUSED static int image_map(const char *name, uint64_t offset, uint64_t length,
			    uint64_t granularity, fs_map_fn *reader, struct bitmap **ret,
			    char **ret_why)
{
	CLEANUP(disk_free) struct disk *d = NULL;
	CLEANUP(space_free) struct space *whole = NULL;
	CLEANUP(space_free) struct space *part = NULL;
	CLEANUP(bitmap_free) struct bitmap *own = NULL;
	struct err err = ERR_INIT;
	int r;

	*ret_why = NULL;
	ck_assert_msg(disk_open(image_path(name), 0, &d, &err) == 0, "%s", err.text);
	ck_assert_int_eq(bitmap_new(d->size, granularity, ret), 0);
	bitmap_set_all(*ret);
	ck_assert_int_eq(space_on_disk(d, *ret, name, &whole, &err), 0);
	ck_assert_msg(space_slice(whole, offset, length, name, &part, &err) == 0, "%s", err.text);
	ck_assert_int_eq(bitmap_new(length, MIN(granularity, 4096u), &own), 0);
	bitmap_set_all(own);
	r = reader(part, own, ret_why, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	ck_assert_ptr_nonnull(*ret_why);
	if (r == 0)
		ck_assert_uint_eq(bitmap_bytes(own), own->size);
	else
		space_release_clear(part, own);
	space_disk_settle(whole);
	return r;
}

struct image_pv {
	uint64_t size;
	uint64_t start[64], count[64];	/* extents in use */
	unsigned int n;
};

static inline unsigned int image_hex(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/*
 * The recorded PV lvm/NAME.pv (lvm.sh has the format) into an image at offset; the image is made
 * when it is not there.
 */
UNUSED static void image_load_pv(const char *image, const char *name, uint64_t offset,
				 struct image_pv *ret)
{
	static const char here[] = __FILE__;
	static char line[4096];
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%.*slvm/%s.pv",
		 (int)(strrchr(here, '/') ? strrchr(here, '/') - here + 1 : 0), here, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	memset(ret, 0, sizeof(*ret));
	while (fgets(line, sizeof(line), f)) {
		uint8_t sector[512];
		uint64_t at;
		int text;

		if (sscanf(line, "size %" SCNu64, &ret->size) == 1) {
			if (access(image_path(image), F_OK) != 0)
				image_make(image, offset + ret->size + MIB);
		} else if (strncmp(line, "truth", 5) == 0) {
			ck_assert_uint_lt(ret->n, ARRAY_SIZE(ret->start));
			ck_assert_int_eq(sscanf(line, "truth %" SCNu64 " %" SCNu64,
						&ret->start[ret->n], &ret->count[ret->n]), 2);
			ret->n++;
		} else {
			ck_assert_int_eq(sscanf(line, "%" SCNu64 " %n", &at, &text), 1);
			for (unsigned int i = 0; i < 512; i++)
				sector[i] = (uint8_t)(image_hex(line[text + (int)i * 2]) << 4 |
						      image_hex(line[text + (int)i * 2 + 1]));
			image_write(image, sector, sizeof(sector), offset + at);
		}
	}
	fclose(f);
}

#define IMAGE_NEED(tool) \
	do { \
		if (!image_have(tool)) \
			UNIT_LEAVE("no " tool); \
	} while (0)

#endif
