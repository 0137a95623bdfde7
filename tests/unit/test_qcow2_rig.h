/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the qcow2 writer share: an image, and the model it is held against. A test
 * that uses it includes tests/lib/fault.h by itself as well, which says how it is linked; the
 * writer's own calls are to fail, not what the tests do around them.
 */
#ifndef P2V_TESTS_QCOW2_RIG_H
#define P2V_TESTS_QCOW2_RIG_H

#include "tests/lib/fault.h"

#define MODEL_CALL(call) \
	({ \
		fault_pause(false); \
		int call_ = (call); \
		fault_pause(true); \
		call_; \
	})

#include "tests/unit/test_qcow2_model.h"

static UNUSED struct model model, snapshot;

static UNUSED void model_new(uint64_t size)
{
	memset(&model, 0, sizeof(model));
	model.size = size;
}

static UNUSED struct image *create(const char *path, uint64_t size, bool compressed)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_create(AT_FDCWD, path, size, compressed, &im, &err), &err);
	ck_assert_uint_eq(im->size, size);
	ck_assert_uint_eq(im->cluster, CLUSTER);
	model_new(size);
	return im;
}

static UNUSED struct image *take_up(const char *path, uint64_t size, bool compressed,
			     const struct bitmap *keep)
{
	struct err err = ERR_INIT;
	struct image *im = NULL;

	ck_good(qcow2_write_open(AT_FDCWD, path, size, compressed, keep, &im, &err), &err);
	return im;
}

static UNUSED void flush(struct image *im)
{
	struct err err = ERR_INIT;

	ck_good(im->ops->flush(im, &err), &err);
	model_flushed(&model);
}

static UNUSED void finish(struct image *im, const char *path)
{
	struct err err = ERR_INIT;

	ck_good(im->ops->close(im, &err), &err);
	check_refcounts(path, BOOKS_EXACT);
	model_verify(&model, path);
}

static UNUSED int put_either(struct image *im, bool packed, uint64_t cluster, uint32_t number,
		      struct err *err)
{
	return packed ? put_packed(&model, im, cluster, number, err)
		      : put_raw(&model, im, cluster, 1, number, err);
}

static UNUSED uint64_t file_size(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

#endif
