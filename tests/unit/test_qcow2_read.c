/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader against small files made by hand: every kind of cluster, every refusal, and damage
 * found where it is read and nowhere else.
 */
#include <errno.h>
#include "tests/unit/test_qcow2_model.h"

/* 4 KiB clusters: header, L1 (1 entry), L2, then data. Two L2 tables' worth would be 4 MiB. */
#define CB		12
#define C		(1u << CB)
#define SIZE		(2 * MIB + 512)
#define L1		C
#define L2(i)		((2 + (i)) * C)
#define DATA		(4 * C)
#define FILE_LEN	(32 * C)

static uint8_t file[FILE_LEN];
static uint8_t pattern[64 * C];
static struct err err;

static void set_l2(unsigned int cluster, uint64_t entry)
{
	put_be64(file + L2(cluster / 512) + cluster % 512 * 8, entry);
}

static uint64_t packed(uint64_t host, size_t len)
{
	uint64_t sectors = DIV_ROUND_UP(host % 512 + len, 512);

	return QCOW2_COMPRESSED | (sectors - 1) << (62 - (CB - 8)) | host;
}

/*
 * Guest cluster: 0 raw, 1 raw behind it, 2 raw elsewhere, 3 zero flag, 4 none, 5 and 6 packed,
 * 512 raw.
 */
static size_t build(void)
{
	uint64_t state = 99;
	size_t n, n2;

	memset(file, 0, sizeof(file));
	for (size_t i = 0; i < sizeof(pattern); i += 8)
		put_le64(pattern + i, rnd(&state) & UINT64_C(0x0f0f0f0f0f0f0f0f));
	put_be32(file + QCOW2_H_MAGIC, QCOW2_MAGIC);
	put_be32(file + QCOW2_H_VERSION, 3);
	put_be32(file + QCOW2_H_CLUSTER_BITS, CB);
	put_be64(file + QCOW2_H_SIZE, SIZE);
	put_be32(file + QCOW2_H_L1_SIZE, 2);
	put_be64(file + QCOW2_H_L1_OFFSET, L1);
	put_be64(file + QCOW2_H_INCOMPATIBLE, QCOW2_INCOMPAT_COMPRESSION);
	put_be32(file + QCOW2_H_REFCOUNT_ORDER, 4);
	put_be32(file + QCOW2_H_HEADER_LENGTH, QCOW2_HEADER_LENGTH);
	file[QCOW2_H_COMPRESSION] = QCOW2_COMPRESSION_ZSTD;
	put_be64(file + L1, QCOW2_COPIED | L2(0));
	put_be64(file + L1 + 8, QCOW2_COPIED | L2(1));
	memcpy(file + DATA, pattern, 2 * C);
	memcpy(file + DATA + 4 * C, pattern + 2 * C, C);
	set_l2(0, QCOW2_COPIED | DATA);
	set_l2(1, QCOW2_COPIED | (DATA + C));
	set_l2(2, QCOW2_COPIED | (DATA + 4 * C));
	set_l2(3, QCOW2_L2_ZERO | QCOW2_COPIED | DATA);
	n = ZSTD_compress(file + DATA + 5 * C + 100, 2 * C, pattern + 5 * C, C, 3);
	ck_assert(!ZSTD_isError(n));
	set_l2(5, packed(DATA + 5 * C + 100, n));
	/* The second frame lies right behind the first, across a cluster border. */
	n2 = ZSTD_compress(file + DATA + 5 * C + 100 + n, 2 * C, pattern + 6 * C, C, 3);
	ck_assert(!ZSTD_isError(n2));
	set_l2(6, packed(DATA + 5 * C + 100 + n, n2));
	memcpy(file + DATA + 9 * C, pattern + 9 * C, 512);
	set_l2(512, QCOW2_COPIED | (DATA + 9 * C));
	memset(pattern + 3 * C, 0, 2 * C);
	return n;
}

static int open_len(size_t len, struct qcow2_read **ret)
{
	const char *path = tmp_path("read");
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_eq(pwrite(fd, file, len, 0), (ssize_t)len);
	err_reset(&err);
	return qcow2_read_open(AT_FDCWD, path, ret, &err);
}

static struct qcow2_read *must_open(void)
{
	struct qcow2_read *r = NULL;

	ck_good(open_len(FILE_LEN, &r), &err);
	return r;
}

START_TEST(all_kinds)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	static uint8_t got[7 * C];
	uint64_t state = 3;

	build();
	r = must_open();
	ck_assert_uint_eq(qcow2_read_size(r), SIZE);
	ck_assert_uint_ge(qcow2_read_allocated(r), C);
	ck_good(qcow2_read(r, got, 0, 7 * C, &err), &err);
	ck_assert_mem_eq(got, pattern, 7 * C);
	ck_good(qcow2_read(r, got, 2 * MIB, 512, &err), &err);
	ck_assert_mem_eq(got, pattern + 9 * C, 512);
	for (int i = 0; i < 2000; i++) {
		uint64_t at = rnd(&state) % (7 * C), n = rnd(&state) % (7 * C - at + 1);

		ck_good(qcow2_read(r, got, at, n, &err), &err);
		ck_assert_mem_eq(got, pattern + at, n);
	}
}
END_TEST

START_TEST(zero_ranges)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

	build();
	r = must_open();
	ck_assert(qcow2_read_is_zero(r, 3 * C, 2 * C));
	ck_assert(qcow2_read_is_zero(r, 7 * C, 2 * MIB - 7 * C));
	ck_assert(qcow2_read_is_zero(r, 3 * C + 1, 2 * C - 1));
	ck_assert(qcow2_read_is_zero(r, SIZE, 0));
	ck_assert(!qcow2_read_is_zero(r, 3 * C, 2 * C + 1));
	ck_assert(!qcow2_read_is_zero(r, 3 * C - 1, 2));
	ck_assert(!qcow2_read_is_zero(r, 2 * MIB - 1, 2));
	ck_assert(!qcow2_read_is_zero(r, 7 * C, SIZE));
	ck_assert_uint_eq(qcow2_read_zero_run(r, 3 * C + 1, SIZE - 3 * C - 1), 2 * C - 1);
	ck_assert_uint_eq(qcow2_read_zero_run(r, 3 * C, C + 1), C + 1);
	ck_assert_uint_eq(qcow2_read_zero_run(r, 3 * C - 1, C), 0);
	ck_assert_uint_eq(qcow2_read_zero_run(r, 7 * C, SIZE), 0);
	qcow2_read_free(TAKE_PTR(r));
	/* No L2 table: zeroes. A damaged one: not known to be. */
	put_be64(file + L1, 0);
	r = must_open();
	ck_assert(qcow2_read_is_zero(r, 0, 2 * MIB));
	qcow2_read_free(TAKE_PTR(r));
	put_be64(file + L1, QCOW2_COPIED | FILE_LEN);
	r = must_open();
	ck_assert(!qcow2_read_is_zero(r, 0, C));
}
END_TEST

START_TEST(past_the_end)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	uint8_t got[1024];

	build();
	r = must_open();
	ck_assert_int_eq(qcow2_read(r, got, SIZE, 1, &err), -EINVAL);
	ck_assert_int_eq(qcow2_read(r, got, SIZE - 512, 513, &err), -EINVAL);
	ck_assert_int_eq(qcow2_read(r, got, UINT64_MAX, 2, &err), -EINVAL);
	ck_assert_int_eq(qcow2_read(r, got, SIZE, 0, &err), 0);
}
END_TEST

START_TEST(header_refused)
{
	static const struct {
		size_t at;
		unsigned int bytes;
		uint64_t value;
		int code;
	} bad[] = {
		{ QCOW2_H_MAGIC, 4, 0x514649fa, EBADMSG },
		{ QCOW2_H_VERSION, 4, 2, ENOTSUP },
		{ QCOW2_H_VERSION, 4, 4, ENOTSUP },
		{ QCOW2_H_BACKING_OFFSET, 8, 200, ENOTSUP },
		{ QCOW2_H_CRYPT, 4, 1, ENOTSUP },
		{ QCOW2_H_NB_SNAPSHOTS, 4, 1, ENOTSUP },
		{ QCOW2_H_INCOMPATIBLE, 8, 2 | 8, EBADMSG },		/* corrupt */
		{ QCOW2_H_INCOMPATIBLE, 8, 4 | 8, ENOTSUP },		/* external data */
		{ QCOW2_H_INCOMPATIBLE, 8, 16 | 8, ENOTSUP },		/* extended L2 */
		{ QCOW2_H_INCOMPATIBLE, 8, UINT64_C(1) << 63, ENOTSUP },
		{ QCOW2_H_INCOMPATIBLE, 8, 0, EBADMSG },		/* zstd without its bit */
		{ QCOW2_H_COMPRESSION, 1, 0, EBADMSG },			/* the bit without zstd */
		{ QCOW2_H_COMPRESSION, 1, 2, ENOTSUP },
		{ QCOW2_H_HEADER_LENGTH, 4, 103, EBADMSG },
		{ QCOW2_H_HEADER_LENGTH, 4, 109, EBADMSG },
		{ QCOW2_H_CLUSTER_BITS, 4, 8, EBADMSG },
		{ QCOW2_H_CLUSTER_BITS, 4, 22, EBADMSG },
		{ QCOW2_H_CLUSTER_BITS, 4, UINT32_MAX, EBADMSG },
		{ QCOW2_H_L1_SIZE, 4, 1, EBADMSG },
		{ QCOW2_H_L1_SIZE, 4, UINT32_MAX, EBADMSG },
		{ QCOW2_H_L1_SIZE, 4, QCOW2_LAYOUT_L1_MAX / 8, EBADMSG },
		{ QCOW2_H_L1_OFFSET, 8, FILE_LEN, EBADMSG },
		{ QCOW2_H_L1_OFFSET, 8, UINT64_MAX - C + 1, EBADMSG },
		{ QCOW2_H_L1_OFFSET, 8, L1 + 8, EBADMSG },
		{ QCOW2_H_SIZE, 8, UINT64_MAX, EBADMSG },
		{ QCOW2_H_SIZE, 8, 5 * MIB, EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct qcow2_read *r = NULL;

		build();
		if (bad[i].bytes == 8)
			put_be64(file + bad[i].at, bad[i].value);
		else if (bad[i].bytes == 4)
			put_be32(file + bad[i].at, (uint32_t)bad[i].value);
		else
			file[bad[i].at] = (uint8_t)bad[i].value;
		ck_assert_msg(open_len(FILE_LEN, &r) == -bad[i].code, "case %zu: %d %s", i,
			      err.code, err.text);
		ck_assert_ptr_null(r);
		ck_assert_int_ne(err.text[0], 0);
	}
}
END_TEST

START_TEST(cut_files)
{
	static uint8_t got[7 * C];

	build();
	for (size_t len = 0; len < DATA + 8 * C; len += len < 120 ? 1 : 509) {
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
		int res = open_len(len, &r);

		if (len < L1 + 16)
			ck_assert_int_eq(res, -EBADMSG);
		if (res < 0)
			continue;
		res = qcow2_read(r, got, 0, 7 * C, &err);
		ck_assert(res == 0 || res == -EBADMSG);
		ck_assert(res == 0 || len < DATA + 7 * C);
	}
}
END_TEST

START_TEST(entry_damaged)
{
	static const uint64_t bad[] = {
	    QCOW2_COPIED,
	    QCOW2_COPIED | FILE_LEN,
	    QCOW2_COPIED | (DATA + 512),
	    DATA | UINT64_C(1) << 60,
	    DATA | 2,
	    QCOW2_COPIED | (QCOW2_OFFSET_MASK & ~(uint64_t)(C - 1)),
	    UINT64_MAX,
	    QCOW2_COMPRESSED | FILE_LEN,
	    QCOW2_COMPRESSED | ((UINT64_C(1) << 58) - 1),
	    QCOW2_COMPRESSED | QCOW2_COPIED | DATA,
	    QCOW2_COMPRESSED | DATA,
	};
	static uint8_t got[7 * C];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

		build();
		set_l2(1, bad[i]);
		r = must_open();
		ck_assert_msg(qcow2_read(r, got, 0, 7 * C, &err) == -EBADMSG, "case %zu", i);
		ck_assert_ptr_nonnull(strstr(err.text, "0x"));
		/* The neighbours are still readable. */
		ck_good(qcow2_read(r, got, 0, C, &err), &err);
		ck_good(qcow2_read(r, got, 2 * C, 5 * C, &err), &err);
		ck_assert_mem_eq(got, pattern + 2 * C, 5 * C);
	}
}
END_TEST

START_TEST(l1_damaged)
{
	static const uint64_t bad[] = {
		QCOW2_COPIED, QCOW2_COPIED | FILE_LEN, QCOW2_COPIED | (L2(0) + 512), UINT64_MAX,
		QCOW2_COMPRESSED | L2(0), L2(0) | QCOW2_L2_ZERO,
	};
	uint8_t got[512];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

		build();
		put_be64(file + L1, bad[i]);
		r = must_open();
		ck_assert_msg(qcow2_read(r, got, 0, 512, &err) == -EBADMSG, "case %zu", i);
		ck_good(qcow2_read(r, got, 2 * MIB, 512, &err), &err);
	}
}
END_TEST

/* A frame must be one, whole, and decode to exactly a cluster. */
START_TEST(frames_damaged)
{
	static const size_t decoded[] = { 1, C - 1, C + 1, 2 * C };
	static uint8_t got[C];
	uint64_t host = DATA + 5 * C + 100;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(decoded); i++) {
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

		build();
		n = ZSTD_compress(file + host, 4 * C, pattern, decoded[i], 3);
		set_l2(5, packed(host, n));
		r = must_open();
		ck_assert_int_eq(qcow2_read(r, got, 5 * C, C, &err), -EBADMSG);
		ck_assert_ptr_nonnull(strstr(err.text, "0x5000"));
	}
	for (size_t i = 0; i < 64; i++) {
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

		n = build();
		file[host + i * n / 64] ^= (uint8_t)(1 + i);
		r = must_open();
		/* Without a checksum some damage decodes; none may be worse than wrong bytes. */
		ck_assert(qcow2_read(r, got, 5 * C, C, &err) <= 0);
		ck_good(qcow2_read(r, got, 6 * C, C, &err), &err);
		ck_assert_mem_eq(got, pattern + 6 * C, C);
	}
	{
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;

		/* The entry claims fewer sectors than the frame has. */
		n = build();
		ck_assert_uint_gt(n, 1024);
		set_l2(5, packed(host, n - 1024));
		r = must_open();
		ck_assert_int_eq(qcow2_read(r, got, 5 * C, C, &err), -EBADMSG);
	}
}
END_TEST

/* Packed data in an image that says zlib: the rest can be read. */
START_TEST(zlib_not_supported)
{
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	static uint8_t got[5 * C];

	build();
	put_be64(file + QCOW2_H_INCOMPATIBLE, 0);
	file[QCOW2_H_COMPRESSION] = QCOW2_COMPRESSION_ZLIB;
	r = must_open();
	ck_assert_int_eq(qcow2_read(r, got, 5 * C, C, &err), -ENOTSUP);
	ck_good(qcow2_read(r, got, 0, 5 * C, &err), &err);
	ck_assert_mem_eq(got, pattern, 5 * C);
}
END_TEST

START_TEST(no_such_file)
{
	struct qcow2_read *r = NULL;

	ck_assert_int_eq(qcow2_read_open(AT_FDCWD, tmp_path("none"), &r, &err), -ENOENT);
	ck_assert_int_lt(qcow2_read_open(AT_FDCWD, tmpdir, &r, &err), 0);
	ck_assert_int_eq(mkfifo(tmp_path("fifo"), 0600), 0);
	ck_assert_int_eq(qcow2_read_open(AT_FDCWD, tmp_path("fifo"), &r, &err), -EBADMSG);
	ck_assert_ptr_null(r);
	qcow2_read_free(NULL);
}
END_TEST

static Suite *qcow2_read_suite(void)
{
	Suite *s = suite_create("qcow2_read");
	TCase *tc = tcase_create("read");

	tmpdir_fixture(tc);
	tcase_add_test(tc, all_kinds);
	tcase_add_test(tc, zero_ranges);
	tcase_add_test(tc, past_the_end);
	tcase_add_test(tc, header_refused);
	tcase_add_test(tc, cut_files);
	tcase_add_test(tc, entry_damaged);
	tcase_add_test(tc, l1_damaged);
	tcase_add_test(tc, frames_damaged);
	tcase_add_test(tc, zlib_not_supported);
	tcase_add_test(tc, no_such_file);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_read_suite)
