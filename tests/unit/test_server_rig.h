/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the server's parts share: a store in a temporary folder, jobs in it, disks in
 * memory that the images are held against, and the messages an agent would send for them.
 */
#ifndef P2V_TESTS_SERVER_RIG_H
#define P2V_TESTS_SERVER_RIG_H

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "convert/qcow2_read.h"
#include "inventory/machine_json.h"
#include "p2v-server/job.h"
#include "tests/lib/unit.h"
#include "wire/chunk_digest.h"
#include "wire/codec.h"

#define CHUNK	((uint64_t)PROTO_CHUNK_SIZE)
#define CLUSTER	((uint64_t)PROTO_CLUSTER_SIZE)

/* A call that must succeed, with its error's text when it does not. */
#define MUST(call) \
	do { \
		struct err e = ERR_INIT; \
		int must_r = (call); \
		ck_assert_msg(must_r >= 0, "%s: %d: %s", #call, must_r, e.text); \
	} while (0)

static UNUSED char rig_store[64];

/* In memory where there is room for it: these tests sync thousands of times. */
static UNUSED void rig_setup(void)
{
	struct statvfs fs;
	bool shm = statvfs("/dev/shm", &fs) == 0 &&
		   (uint64_t)fs.f_bavail * fs.f_frsize > 256 * MIB && access("/dev/shm", W_OK) == 0;

	snprintf(rig_store, sizeof(rig_store), "%s/p2v-unit.XXXXXX", shm ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(rig_store));
}

static UNUSED int rig_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static UNUSED void rig_teardown(void)
{
	nftw(rig_store, rig_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The store as a folder, for what lives in a job's. */
static UNUSED int folder = -1;

static UNUSED void rig_folder_setup(void)
{
	rig_setup();
	folder = open(rig_store, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(folder, 0);
}

static UNUSED void rig_folder_teardown(void)
{
	close(folder);
	rig_teardown();
}

static UNUSED uint64_t rig_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static UNUSED char *rig_machine(void)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	char *text = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	m->hostname = strdup("box");
	MUST(machine_json_dump(m, &text, &e));
	return text;
}

static UNUSED struct job *rig_job(const char *name, const uint64_t *sizes, size_t n,
				  bool compressed)
{
	CLEANUP(mem_free) char *machine = rig_machine();
	struct job_image images[64];
	char names[64][16];
	struct job *j = NULL;

	ck_assert_uint_le(n, ARRAY_SIZE(images));
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "sd%c%zu", 'a' + (int)(i % 26), i);
		images[i] = (struct job_image){ .disk = names[i],
						.source = names[i],
						.size = sizes[i],
						.logical_sector = 512,
						.physical_sector = 512 };
	}
	MUST(job_create(rig_store, name, images, n, compressed, machine, strlen(machine), &j, &e));
	return j;
}

/* A file below the store: its size, or -1. */
static UNUSED int64_t rig_size(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", rig_store, name);
	return lstat(path, &st) < 0 ? -1 : (int64_t)st.st_size;
}

static UNUSED void rig_write(const char *name, const void *data, size_t len)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", rig_store, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fdio_write_full(fd, data, len), 0);
	close(fd);
}

/* A disk in memory. */
struct rig_disk {
	uint64_t size;
	uint8_t *bytes;
};

/* Clusters of zeroes, of text that shrinks, and of noise. */
static UNUSED void rig_fill(struct rig_disk *d, uint64_t offset, uint64_t length, uint64_t *rng)
{
	for (uint64_t at = offset; at < offset + length; at += CLUSTER) {
		uint64_t n = MIN(CLUSTER, offset + length - at), kind = rig_random(rng) % 3;

		if (kind == 0)
			memset(d->bytes + at, 0, n);
		for (uint64_t i = 0; kind != 0 && i + 8 <= n; i += 8)
			put_be64(d->bytes + at + i, kind == 1 ? at + i % 64 : rig_random(rng));
	}
}

static UNUSED struct rig_disk rig_disk_new(uint64_t size, uint64_t seed)
{
	struct rig_disk d = { .size = size, .bytes = calloc(1, size) };

	ck_assert_ptr_nonnull(d.bytes);
	rig_fill(&d, 0, size, &seed);
	return d;
}

static UNUSED uint64_t rig_chunk_length(const struct rig_disk *d, uint64_t offset)
{
	return MIN(CHUNK, d->size - offset);
}

/*
 * The message for a chunk: 1 when it is all zero, and ZERO is to be sent. scratch:
 * CODEC_SCRATCH_SIZE.
 */
static UNUSED int rig_encode(struct codec *c, const struct rig_disk *d, uint16_t disk,
			     uint64_t offset, uint8_t *scratch, struct msg_data *ret)
{
	struct err e = ERR_INIT;
	int r;

	*ret = (struct msg_data){ .disk = disk,
				  .offset = offset,
				  .length = (uint32_t)rig_chunk_length(d, offset) };
	r = codec_encode(c, d->bytes + offset, scratch, ret, &e);
	ck_assert_msg(r >= 0, "%s", e.text);
	return r;
}

/*
 * The image reads as the disk does; only is a byte per chunk that says whether to look, or NULL:
 * all.
 */
static UNUSED void rig_compare(int dirfd, const char *name, const struct rig_disk *d,
			       const uint8_t *only)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *q = NULL;
	CLEANUP(mem_free) uint8_t *buf = malloc(CHUNK);

	MUST(qcow2_read_open(dirfd, name, &q, &e));
	ck_assert_uint_eq(qcow2_read_size(q), d->size);
	for (uint64_t at = 0; at < d->size; at += CHUNK) {
		uint64_t n = rig_chunk_length(d, at);

		if (only && !only[at / CHUNK])
			continue;
		MUST(qcow2_read(q, buf, at, n, &e));
		ck_assert_msg(memcmp(buf, d->bytes + at, n) == 0, "%s differs at chunk %" PRIu64,
			      name, at / CHUNK);
	}
}

/* A test case for each test, so that its name is in the report. */
static UNUSED void rig_suite_add(Suite *s, const TTest *const *tests, size_t n, SFun setup,
				 SFun teardown)
{
	for (size_t i = 0; i < n; i++) {
		TCase *tc = tcase_create(tests[i]->name);

		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, tests[i]);
		tcase_set_timeout(tc, 60);
		suite_add_tcase(s, tc);
	}
}

static UNUSED Suite *rig_suite(const char *name, const TTest *const *tests, size_t n, SFun setup,
			       SFun teardown)
{
	Suite *s = suite_create(name);

	rig_suite_add(s, tests, n, setup, teardown);
	return s;
}

#endif
