/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU is the judge: qemu-img check finds neither errors nor leaks after every flush, qemu-img
 * compare finds what the model holds, and our reader finds the same as QEMU in QEMU's images.
 * Skipped as a whole, and counted, where there is no qemu-img or qemu-io.
 */
#include <errno.h>
#include <stdarg.h>
#include "tests/unit/test_qcow2_model.h"

static struct model model;

/* Run a command, its output in a buffer; 0 when it exits with 0. */
static int run(char *out, size_t max, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int run(char *out, size_t max, const char *fmt, ...)
{
	char command[1024];
	va_list ap;
	size_t n;
	FILE *p;

	va_start(ap, fmt);
	ck_assert_int_lt(vsnprintf(command, sizeof(command), fmt, ap), (int)sizeof(command));
	va_end(ap);
	p = popen(command, "re");
	ck_assert_ptr_nonnull(p);
	n = fread(out, 1, max - 1, p);
	out[n] = '\0';
	return pclose(p);
}

static void qemu_check(const char *path)
{
	char out[4096];
	int r = run(out, sizeof(out), "qemu-img check -f qcow2 --output=json '%s' 2>&1", path);

	ck_assert_msg(r == 0, "qemu-img check: %d %s", r, out);
	ck_assert_msg(strstr(out, "\"check-errors\": 0") && !strstr(out, "\"leaks\"") &&
		      !strstr(out, "\"corruptions\""), "%s", out);
}

static void qemu_compare(const char *path, const char *raw)
{
	char out[4096];
	int r = run(out, sizeof(out), "qemu-img compare -f qcow2 -F raw '%s' '%s' 2>&1", path, raw);

	ck_assert_msg(r == 0, "qemu-img compare: %d %s", r, out);
}

static void judge(const char *path)
{
	const char *raw = tmp_path("model.raw");

	qemu_check(path);
	model_export(&model, raw);
	qemu_compare(path, raw);
	unlink(raw);
}

static struct image *create(const char *path, uint64_t size, bool compressed)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_create(AT_FDCWD, path, size, compressed, &im, &err), &err);
	memset(&model, 0, sizeof(model));
	model.size = size;
	return im;
}

static const uint64_t sizes[] = {
	512, CLUSTER - 512, 20 * MIB + 512, 512 * MIB, 512 * MIB + CLUSTER, 3 * TIB + 512,
};

static void work(struct image *im, uint64_t *state, bool compressed)
{
	uint64_t all = DIV_ROUND_UP(im->size, CLUSTER);
	struct err err = ERR_INIT;

	for (int i = 0; i < 12; i++) {
		uint64_t near[] = { 0, all / 2, all - 1, QCOW2_L2_ENTRIES - 3 };
		uint64_t c = (near[rnd(state) % 4] + rnd(state) % 9) % all;
		uint32_t n = (uint32_t)(1 + rnd(state) % 8), number = (uint32_t)rnd(state) | 1;

		n = (uint32_t)MIN(n, all - c);
		switch (rnd(state) % 4) {
		case 0:
			ck_good(put_raw(&model, im, c, n, number, &err), &err);
			break;
		case 1:
			ck_good(put_zero(&model, im, c, n, &err), &err);
			break;
		default:
			for (uint32_t k = 0; k < n; k++)
				ck_good(compressed
					    ? put_packed(&model, im, c + k, number + k, &err)
					    : put_raw(&model, im, c + k, 1, number + k, &err),
					&err);
		}
	}
}

START_TEST(qemu_agrees)
{
	const char *path = tmp_path("image.qcow2");
	bool compressed = _i % 2;
	uint64_t size = sizes[_i / 2], state = 31 + (uint64_t)_i;
	struct image *im = create(path, size, compressed);
	struct err err = ERR_INIT;

	judge(path);
	for (int round = 0; round < 3; round++) {
		work(im, &state, compressed);
		ck_good(im->ops->flush(im, &err), &err);
		model_flushed(&model);
		judge(path);
		if (round == 1) {
			CLEANUP(bitmap_free) struct bitmap *keep = NULL;

			work(im, &state, compressed);
			image_abandon(im);
			keep = model_keep(&model);
			ck_good(qcow2_write_open(AT_FDCWD, path, size, compressed, keep, &im, &err),
				&err);
			model_reopened(&model);
			judge(path);
		}
	}
	ck_good(im->ops->close(im, &err), &err);
	judge(path);
	model_verify(&model, path);
}
END_TEST

/* The largest disk QEMU takes, with tables of the largest size. */
START_TEST(qemu_takes_the_largest)
{
	const char *path = tmp_path("large.qcow2");
	struct image *im = create(path, 2048 * TIB, true);
	struct err err = ERR_INIT;

	ck_good(put_packed(&model, im, 2048 * TIB / CLUSTER - 1, 6, &err), &err);
	ck_good(im->ops->close(im, &err), &err);
	qemu_check(path);
}
END_TEST

/* QEMU itself writes into what we made, compressed too, and our reader understands the outcome. */
START_TEST(qemu_writes_on)
{
	const char *path = tmp_path("on.qcow2");
	struct image *im = create(path, 600 * MIB, true);
	struct err err = ERR_INIT;
	char out[4096];

	ck_good(put_packed(&model, im, 1, 6, &err), &err);
	ck_good(put_raw(&model, im, 2, 2, 8, &err), &err);
	ck_good(im->ops->close(im, &err), &err);
	ck_assert_msg(run(out, sizeof(out),
			  "qemu-io -f qcow2 -c 'write -z 128k 64k' -c 'discard 64k 64k' "
			  "-c 'write -c -P 0 10M 64k' '%s' 2>&1",
			  path) == 0,
		      "%s", out);
	model_set(&model, 1, 0);
	model_set(&model, 2, 0);
	judge(path);
	{
		CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
		uint8_t got[64], want[CLUSTER];

		ck_good(qcow2_read_open(AT_FDCWD, path, &r, &err), &err);
		ck_assert(qcow2_read_is_zero(r, CLUSTER, 2 * CLUSTER));
		fill_cluster(want, 9);
		ck_good(qcow2_read(r, got, 3 * CLUSTER, 64, &err), &err);
		ck_assert_mem_eq(got, want, 64);
		ck_good(qcow2_read(r, got, 10 * MIB, 64, &err), &err);
		ck_assert_mem_eq(got, (uint8_t[64]){ 0 }, 64);
	}
}
END_TEST

static const char *const options[] = {
    "-o compression_type=zstd -c",
    "-o compression_type=zlib",
    "-o cluster_size=512",
    "-o cluster_size=4k,compression_type=zstd -c",
    "-o cluster_size=2M,compression_type=zstd -c",
    "-o refcount_bits=1",
    "-o lazy_refcounts=on",
};

/* Our reader and QEMU's image of a raw file whose content we know. */
START_TEST(reads_images_of_qemu)
{
	const char *raw = tmp_path("in.raw"), *path = tmp_path("out.qcow2");
	CLEANUP(qcow2_read_free) struct qcow2_read *r = NULL;
	uint8_t want[CLUSTER], got[CLUSTER];
	struct err err = ERR_INIT;
	char out[4096];

	memset(&model, 0, sizeof(model));
	model.size = 9 * MIB + 512;
	for (uint32_t c = 3; c < 144; c += 1 + c % 5)
		model_set(&model, c, c + 1);
	model_export(&model, raw);
	ck_assert_msg(run(out, sizeof(out), "qemu-img convert -f raw -O qcow2 %s '%s' '%s' 2>&1",
			  options[_i], raw, path) == 0,
		      "%s", out);
	ck_good(qcow2_read_open(AT_FDCWD, path, &r, &err), &err);
	ck_assert_uint_eq(qcow2_read_size(r), model.size);
	for (uint32_t c = 0; c <= 144; c++) {
		uint64_t len = cluster_bytes(model.size, c);

		fill_cluster(want, *model_at(&model, c));
		ck_good(qcow2_read(r, got, c * (uint64_t)CLUSTER, len, &err), &err);
		ck_assert_mem_eq(got, want, len);
	}
}
END_TEST

static Suite *qcow2_qemu_suite(void)
{
	Suite *s = suite_create("qcow2_qemu");
	TCase *tc = tcase_create("qemu");

	if (system("qemu-img --version >/dev/null 2>&1 && qemu-io --version >/dev/null 2>&1") != 0)
		UNIT_SKIP("no qemu-img and qemu-io");
	tcase_set_timeout(tc, 60);
	tmpdir_fixture(tc);
	tcase_add_loop_test(tc, qemu_agrees, 0, 2 * (int)ARRAY_SIZE(sizes));
	tcase_add_test(tc, qemu_takes_the_largest);
	tcase_add_test(tc, qemu_writes_on);
	tcase_add_loop_test(tc, reads_images_of_qemu, 0, (int)ARRAY_SIZE(options));
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(qcow2_qemu_suite)
