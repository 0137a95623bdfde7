/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ring file: going round, torn and hostile files, failures of any call, two recorders. */
#include "inventory/load/sample_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/fdio.h"
#include "inventory/load/sample_code.h"
#include "tests/lib/fault.h"
#include "tests/lib/unit.h"

static char dir[64], path[128];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/p2v-ring-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ring", dir);
}

static void teardown(void)
{
	char tmp[160];

	fault_disarm();
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	unlink(path);
	unlink(tmp);
	rmdir(dir);
}

static struct sample_ring *create(uint32_t days, uint32_t interval)
{
	struct sample_ring_options o = { days, interval, 2, 1 };
	struct sample_ring *r = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(sample_ring_create(path, &o, &r, &err) == 0, "%s", err.text);
	return r;
}

static struct sample_ring *open_ring(void)
{
	struct sample_ring *r = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(sample_ring_open(path, &r, &err) == 0, "%s", err.text);
	return r;
}

static struct sample_stat stat_of(uint64_t from, uint64_t step)
{
	struct sample_stat s;
	uint64_t v[12];

	for (size_t i = 0; i < 12; i++)
		v[i] = from + i * step;
	sample_window_stat(v, 12, &s);
	return s;
}

static struct sample_device_stat disks[8], nics[1];

static struct sample_record record(uint64_t n, size_t ndisks)
{
	struct sample_record r = { .time = 1000 + n * 60, .duration_ms = 60000, .cpus_online = 4,
				   .mem_total = 123456789, .disks = disks, .ndisks = ndisks,
				   .nics = nics, .nnics = 1, .nservices = 1 };

	memset(disks, 0, sizeof(disks));
	memset(r.boot_id, 0xab, 16);
	for (int i = 0; i < SAMPLE_SERIES; i++)
		r.s[i] = stat_of(n + (uint64_t)i, 10);
	for (size_t d = 0; d < 8; d++) {
		snprintf(disks[d].name, sizeof(disks[d].name), "sd%c", (char)('a' + d));
		for (int i = 0; i < SAMPLE_DISK_SERIES; i++)
			disks[d].s[i] = stat_of(n * (d + 1), 100);
	}
	snprintf(nics[0].name, sizeof(nics[0].name), "eth0");
	for (int i = 0; i < SAMPLE_NIC_SERIES; i++)
		nics[0].s[i] = stat_of(n, UINT64_C(1000000000));
	r.services[0] = (struct sample_service){ "a.service", 1500, SAMPLE_NONE };
	return r;
}

static void append(struct sample_ring *r, uint64_t n, size_t ndisks)
{
	struct sample_record rec = record(n, ndisks);
	struct err err = ERR_INIT;

	ck_assert_msg(sample_ring_append(r, &rec, &err) == 0, "%s", err.text);
}

/* How many records there are; checks that they are in order and are what was written. */
static size_t read_all(uint64_t first, size_t *ret_bad)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = open_ring();
	const struct sample_record *rec;
	struct err err = ERR_INIT;
	uint64_t n = first, last = 0;
	size_t count = 0;
	int e;

	*ret_bad = 0;
	while ((e = sample_ring_next(r, &rec, ret_bad, &err)) > 0) {
		ck_assert_uint_gt(rec->time, last);
		last = rec->time;
		n = (rec->time - 1000) / 60;
		ck_assert_uint_ge(n, first);
		ck_assert_uint_eq(rec->s[0].min, n);
		ck_assert_uint_eq(rec->s[0].max, n + 110);
		ck_assert_uint_eq(rec->s[0].n, 12);
		ck_assert_str_eq(rec->disks[1].name, "sdb");
		ck_assert_uint_eq(rec->disks[1].s[0].min, n * 2);
		ck_assert_str_eq(rec->services[0].name, "a.service");
		ck_assert_uint_eq(rec->services[0].cpu, 1500);
		ck_assert_uint_eq(rec->services[0].memory, SAMPLE_NONE);
		/* Rounded up, by less than 1 in 1024. */
		ck_assert_uint_ge(rec->nics[0].s[0].max, n + UINT64_C(11000000000));
		ck_assert_uint_le(rec->nics[0].s[0].max, UINT64_C(11010742188) + n);
		count++;
	}
	ck_assert_msg(e == 0, "%s", err.text);
	return count;
}

START_TEST(codes)
{
	uint64_t v = 1;

	for (uint32_t c = 0; c < 2048 + 53 * 1024 - 1; c++) {
		uint64_t of = sample_code_value_of((uint16_t)c);

		ck_assert_uint_eq(sample_code_value(of), c);
		ck_assert(c == 0 || of > sample_code_value_of((uint16_t)(c - 1)));
	}
	for (int i = 0; i < 100000; i++) {
		uint64_t x, back;

		v ^= v << 13;
		v ^= v >> 7;
		v ^= v << 17;
		x = v >> (i % 64);
		back = sample_code_value_of(sample_code_value(x));
		if (x > UINT64_C(0xffc0000000000000))
			continue;
		ck_assert_uint_ge(back, x);
		ck_assert_uint_le(back - x, x / 1024);
	}
	ck_assert_uint_eq(sample_code_value(UINT64_MAX), 2048 + 53 * 1024 - 1);
}
END_TEST

START_TEST(round_and_round)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = create(1, 3600);
	struct stat before, after;
	size_t bad;

	ck_assert_uint_eq(sample_ring_capacity(r), 24);
	ck_assert_int_eq(stat(path, &before), 0);
	ck_assert_uint_eq((uint64_t)before.st_size, sample_ring_size(r));
	ck_assert_uint_eq(read_all(0, &bad), 0);
	for (uint64_t n = 0; n < 100; n++) {
		append(r, n, 2);
		ck_assert_uint_eq(read_all(n < 24 ? 0 : n - 23, &bad), MIN(n + 1, UINT64_C(24)));
		ck_assert_uint_eq(bad, 0);
		/* The recorder ends, and another goes on. */
		if (n % 7 == 3) {
			sample_ring_free(r);
			r = create(0, 0);
		}
	}
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_int_eq(before.st_size, after.st_size);
}
END_TEST

START_TEST(places_run_out)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = create(1, 3600);
	size_t bad;

	append(r, 0, 2);
	ck_assert_uint_eq(sample_ring_left_out(r), 0);
	append(r, 1, 8);
	ck_assert_uint_eq(sample_ring_left_out(r), 2);
	ck_assert_uint_eq(read_all(0, &bad), 2);
}
END_TEST

START_TEST(one_recorder)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = create(1, 60), *other = NULL;
	struct sample_ring_options o = { 2, 0, 0, 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(sample_ring_create(path, &o, &other, &err), -EBUSY);
	sample_ring_free(TAKE_PTR(r));
	ck_assert_int_eq(sample_ring_create(path, &o, &other, &err), -EEXIST);
	ck_assert(err.hint[0]);
	o = (struct sample_ring_options){ 366, 1, 100, 100 };
	unlink(path);
	ck_assert_int_eq(sample_ring_create(path, &o, &other, &err), -EFBIG);
	ck_assert_int_eq(access(path, F_OK), -1);
	o = (struct sample_ring_options){ 367, 60, 1, 1 };
	ck_assert_int_eq(sample_ring_create(path, &o, &other, &err), -EINVAL);
}
END_TEST

/* Every byte of the file damaged in turn: it is refused, or one record at most is lost. */
START_TEST(damage)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = create(1, 3600);
	CLEANUP(fd_close) int fd = -1;
	uint64_t size = sample_ring_size(r);

	for (uint64_t n = 0; n < 30; n++)
		append(r, n, 2);
	sample_ring_free(TAKE_PTR(r));
	fd = open(path, O_RDWR);
	for (uint64_t at = 0; at < size; at += at < 1024 ? 1 : 97) {
		CLEANUP(sample_ring_free) struct sample_ring *again = NULL;
		struct err err = ERR_INIT;
		const struct sample_record *rec;
		uint8_t was, now;
		size_t n = 0, bad = 0;

		ck_assert_int_eq(fdio_pread_full(fd, &was, 1, at), 0);
		now = was ^ 0x41;
		ck_assert_int_eq(fdio_pwrite_full(fd, &now, 1, at), 0);
		if (sample_ring_open(path, &again, &err) == 0) {
			ck_assert_uint_ge(at, 64);
			while (sample_ring_next(again, &rec, &bad, &err) > 0)
				n++;
			/* The newest one lost is one that was never there. */
			ck_assert_uint_ge(n, 23);
			ck_assert_uint_le(bad, 1);
		} else {
			ck_assert_msg(err.code == EBADMSG && err.text[0], "%s", err.text);
			ck_assert_uint_lt(at, 64);
		}
		ck_assert_int_eq(fdio_pwrite_full(fd, &was, 1, at), 0);
	}
}
END_TEST

START_TEST(torn_record)
{
	CLEANUP(sample_ring_free) struct sample_ring *r = create(1, 3600);
	size_t size = sample_code_size(6, 5), bad;
	CLEANUP(fd_close) int fd = -1;
	uint8_t zero[128] = { 0 };

	for (uint64_t n = 0; n < 30; n++)
		append(r, n, 2);
	/* Number 30 lies at place 30 % 24 = 6. */
	fd = open(path, O_RDWR);
	ck_assert_int_eq(fdio_pwrite_full(fd, zero, sizeof(zero), 64 * 12 + 6 * size + 200), 0);
	/* The newest: then the ring ends before it, and the one under it is gone, too. */
	ck_assert_uint_eq(read_all(5, &bad), 23);
	/* In the middle. */
	ck_assert_int_eq(fdio_pwrite_full(fd, zero, sizeof(zero), 64 * 12 + 9 * size + 200), 0);
	ck_assert_uint_eq(read_all(5, &bad), 22);
	ck_assert_uint_ge(bad, 1);
	/* The recorder goes on over it. */
	sample_ring_free(TAKE_PTR(r));
	r = create(0, 0);
	append(r, 29, 2);
	append(r, 30, 2);
	ck_assert_uint_ge(read_all(6, &bad), 22);
}
END_TEST

START_TEST(hostile_files)
{
	static const struct {
		const char *what;
		size_t size;
	} cases[] = { { "", 0 }, { "p2vload1", 8 }, { "p2vload1", 4096 }, { "p2vload2", 4096 },
		      { "\x7f""ELF", 4096 }, { "", 4096 } };
	struct sample_ring_options o = { 1, 3600, 1, 1 };
	struct sample_ring *r = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t text[4096] = { 0 };

		memcpy(text, cases[i].what, strlen(cases[i].what));
		ck_assert_int_eq(fdio_replace_file(path, text, cases[i].size, 0600, &err), 0);
		ck_assert_int_eq(sample_ring_open(path, &r, &err), -EBADMSG);
		ck_assert_ptr_nonnull(strstr(err.text, path));
		/* Somebody else's file is not taken over. */
		ck_assert_int_eq(sample_ring_create(path, &o, &r, &err), -EBADMSG);
	}
	unlink(path);
	ck_assert_int_eq(sample_ring_open(path, &r, &err), -ENOENT);
	ck_assert_int_eq(sample_ring_open(dir, &r, &err), -EBADMSG);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(sample_ring_open(path, &r, &err), -EBADMSG);
	ck_assert_int_eq(sample_ring_create(path, &o, &r, &err), -EBADMSG);
	ck_assert_int_eq(sample_ring_open("/dev/zero", &r, &err), -EBADMSG);
}
END_TEST

/* Sealed by who knows how to, and still nonsense. */
START_TEST(made_up_values)
{
	struct sample_device_stat d[1] = { 0 }, n[1] = { 0 };
	struct sample_record rec = record(5, 0), back = { .disks = d, .nics = n };
	size_t size = sample_code_size(1, 1);
	uint8_t *p = malloc(size);
	int32_t none = -1;

	rec.s[3].min = 100;
	rec.s[3].max = 50;
	sample_code_encode(&rec, 9, &none, &none, 1, 1, p);
	ck_assert_uint_eq(sample_code_seq(p, size), 9);
	ck_assert(!sample_code_decode(p, 1, 1, &back));
	rec = record(5, 0);
	memset(rec.s[3].part, 255, sizeof(rec.s[3].part));
	sample_code_encode(&rec, 9, &none, &none, 1, 1, p);
	ck_assert(!sample_code_decode(p, 1, 1, &back));
	rec = record(5, 0);
	sample_code_encode(&rec, 9, &none, &none, 1, 1, p);
	ck_assert(sample_code_decode(p, 1, 1, &back));
	free(p);
}
END_TEST

/* Any call fails: an error, no leak, and the file is as good as before. */
START_TEST(failures)
{
	size_t bad;

	for (uint64_t nth = 1; ; nth++) {
		struct sample_ring_options o = { 1, 3600, 2, 1 };
		struct sample_ring *r = NULL;
		struct err err = ERR_INIT;
		uint64_t done = 0;
		bool hit;
		int e;

		unlink(path);
		fault_arm(FAULT_ALL, nth, false);
		e = sample_ring_create(path, &o, &r, &err);
		for (uint64_t n = 0; e == 0 && n < 3; n++) {
			struct sample_record rec = record(n, 2);

			done += sample_ring_append(r, &rec, &err) == 0;
		}
		if (e == 0)
			(void)sample_ring_sync(r, &err);
		hit = fault_hit() != 0;
		fault_disarm();
		sample_ring_free(r);
		if (e == 0)
			ck_assert_uint_eq(read_all(0, &bad), done);
		else
			ck_assert_msg(err.code != 0, "failed without a word");
		if (!hit) {
			ck_assert_uint_eq(done, 3);
			ck_assert_uint_gt(nth, 10);
			break;
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sample_ring");
	TCase *t = tcase_create("sample_ring");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, codes);
	tcase_add_test(t, round_and_round);
	tcase_add_test(t, places_run_out);
	tcase_add_test(t, one_recorder);
	tcase_add_test(t, damage);
	tcase_add_test(t, torn_record);
	tcase_add_test(t, hostile_files);
	tcase_add_test(t, made_up_values);
	tcase_add_test(t, failures);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
