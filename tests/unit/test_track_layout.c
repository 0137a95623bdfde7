/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Layouts of kernels that were written down: the types of one of today, of one before 5.12, and of
 * ones that lack something. The types of the kernel that runs are read as well.
 */
#include "track/bpf_layout.h"

#include <bpf/btf.h>
#include <errno.h>
#include <unistd.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"

enum variant { TODAY, OLD, NO_OPS, NO_COMPLETE, NO_BIO_COMPLETE, WIDE_SIZE, VARIANTS };

/* In order: where the members are, by these types. */
static struct btf *types(enum variant v)
{
	struct btf *b = btf__new_empty();
	int u32 = btf__add_int(b, "unsigned int", 4, 0), u64 = btf__add_int(b, "u64", 8, 0);
	int i32 = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	int disk, pdisk, queue, pqueue, bdev, pbdev, iter, bio, pbio, rq, prq, proto, opf, anon;

	disk = btf__add_struct(b, "gendisk", 16);
	btf__add_field(b, "major", i32, 0, 0);
	btf__add_field(b, "first_minor", i32, 32, 0);
	pdisk = btf__add_ptr(b, disk);
	queue = btf__add_struct(b, "request_queue", 200);
	if (v != OLD)
		btf__add_field(b, "disk", pdisk, 104 * 8, 0);
	pqueue = btf__add_ptr(b, queue);
	bdev = btf__add_struct(b, "block_device", 64);
	btf__add_field(b, "bd_disk", pdisk, 40 * 8, 0);
	pbdev = btf__add_ptr(b, bdev);
	opf = btf__add_typedef(b, "blk_opf_t", u32);
	iter = btf__add_struct(b, "bvec_iter", 24);
	btf__add_field(b, "bi_sector", u64, 0, 0);
	btf__add_field(b, "bi_size", v == WIDE_SIZE ? u64 : u32, 64, 0);
	bio = btf__add_struct(b, "bio", 100);
	btf__add_field(b, v == OLD ? "bi_disk" : "bi_bdev", v == OLD ? pdisk : pbdev, 8 * 8, 0);
	btf__add_field(b, "bi_opf", opf, 16 * 8, 0);
	btf__add_field(b, "bi_iter", iter, 32 * 8, 0);
	pbio = btf__add_ptr(b, bio);
	/* A part without a name. */
	anon = btf__add_struct(b, NULL, 16);
	btf__add_field(b, "__sector", u64, 64, 0);
	rq = btf__add_struct(b, "request", 200);
	btf__add_field(b, "q", pqueue, 0, 0);
	btf__add_field(b, "cmd_flags", opf, 24 * 8, 0);
	btf__add_field(b, NULL, anon, 40 * 8, 0);
	if (v == OLD)
		btf__add_field(b, "rq_disk", pdisk, 96 * 8, 0);
	prq = btf__add_ptr(b, rq);

	/* Parameters follow their prototype at once. */
	proto = btf__add_func_proto(b, 0);
	btf__add_func_param(b, "data", pqueue);
	if (v == OLD)
		btf__add_func_param(b, "q", pqueue);
	btf__add_func_param(b, "bio", pbio);
	btf__add_typedef(b, "btf_trace_block_bio_queue", btf__add_ptr(b, proto));
	proto = btf__add_func_proto(b, 0);
	btf__add_func_param(b, "data", pqueue);
	btf__add_func_param(b, "rq", prq);
	btf__add_func_param(b, "error", i32);
	btf__add_func_param(b, "nr_bytes", u32);
	if (v != NO_COMPLETE)
		btf__add_typedef(b, "btf_trace_block_rq_complete", btf__add_ptr(b, proto));
	proto = btf__add_func_proto(b, 0);
	btf__add_func_param(b, "data", pqueue);
	btf__add_func_param(b, "q", pqueue);
	btf__add_func_param(b, "bio", pbio);
	if (v != NO_BIO_COMPLETE)
		btf__add_typedef(b, "btf_trace_block_bio_complete", btf__add_ptr(b, proto));
	btf__add_enum(b, v == OLD ? "req_opf" : "req_op", 4);
	btf__add_enum_value(b, "REQ_OP_READ", 0);
	btf__add_enum_value(b, "REQ_OP_WRITE", 1);
	btf__add_enum_value(b, "REQ_OP_DISCARD", 3);
	if (v == OLD)
		btf__add_enum_value(b, "REQ_OP_SCSI_IN", 32);
	if (v != NO_OPS)
		btf__add_enum_value(b, "REQ_OP_DRV_IN", 34);
	return b;
}

static int read_types(enum variant v, struct bpf_layout *l, struct err *err)
{
	struct btf *b = types(v);
	int r = bpf_layout_read(b, l, err);

	btf__free(b);
	return r;
}

START_TEST(today)
{
	struct bpf_layout l = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(read_types(TODAY, &l, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(l.bio_disk.n, 2);
	ck_assert_uint_eq(l.bio_disk.offset[0], 8);
	ck_assert_uint_eq(l.bio_disk.offset[1], 40);
	ck_assert_uint_eq(l.rq_disk.n, 2);
	ck_assert_uint_eq(l.rq_disk.offset[0], 0);
	ck_assert_uint_eq(l.rq_disk.offset[1], 104);
	ck_assert_uint_eq(l.bio_opf, 16);
	ck_assert_uint_eq(l.bio_sector, 32);
	ck_assert_uint_eq(l.bio_size, 40);
	ck_assert_uint_eq(l.rq_flags, 24);
	ck_assert_uint_eq(l.rq_sector, 48);
	ck_assert_uint_eq(l.disk_major, 0);
	ck_assert_uint_eq(l.disk_minor, 4);
	ck_assert_uint_eq(l.arg[BPF_HOOK_QUEUE], 0);
	ck_assert_uint_eq(l.arg[BPF_HOOK_COMPLETE], 0);
	ck_assert_uint_eq(l.arg[BPF_HOOK_BIO_COMPLETE], 1);
	ck_assert_uint_eq(l.arg_bytes, 2);
	ck_assert_uint_eq(l.op_discard, 3);
	ck_assert_uint_eq(l.op_first_driver, 34);
	for (int h = 0; h < BPF_HOOKS; h++)
		ck_assert_uint_gt(l.btf_id[h], 0);
}
END_TEST

START_TEST(old)
{
	struct bpf_layout l = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(read_types(OLD, &l, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(l.bio_disk.n, 1);
	ck_assert_uint_eq(l.bio_disk.offset[0], 8);
	ck_assert_uint_eq(l.rq_disk.n, 1);
	ck_assert_uint_eq(l.rq_disk.offset[0], 96);
	ck_assert_uint_eq(l.arg[BPF_HOOK_QUEUE], 1);
	ck_assert_uint_eq(l.op_first_driver, 32);
}
END_TEST

START_TEST(lacking)
{
	struct bpf_layout l = { .arg_bytes = 77 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(read_types(NO_OPS, &l, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "REQ_OP_DRV_IN"));
	ck_assert_int_eq(read_types(NO_COMPLETE, &l, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "block_rq_complete"));
	ck_assert_int_eq(read_types(WIDE_SIZE, &l, &err), -ERANGE);
	ck_assert_ptr_nonnull(strstr(err.text, "bi_size"));
	ck_assert_uint_eq(l.arg_bytes, 77);
	/* Only disks without requests want it. */
	ck_assert_int_eq(read_types(NO_BIO_COMPLETE, &l, &err), 0);
	ck_assert_uint_eq(l.btf_id[BPF_HOOK_BIO_COMPLETE], 0);
	ck_assert_uint_eq(l.arg_bytes, 2);
}
END_TEST

START_TEST(nothing_at_all)
{
	struct btf *b = btf__new_empty();
	struct bpf_layout l;

	ck_assert_int_eq(bpf_layout_read(b, &l, NULL), -ENOENT);
	btf__free(b);
}
END_TEST

START_TEST(this_kernel)
{
	struct bpf_layout l = { 0 };
	struct err err = ERR_INIT;

	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		UNIT_LEAVE("this kernel does not tell its types");
	ck_assert_msg(bpf_layout_kernel(&l, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(l.op_discard, 3);
}
END_TEST

static Suite *track_layout_suite(void)
{
	Suite *s = suite_create("track_layout");
	TCase *tc = tcase_create("track_layout");

	tcase_add_test(tc, today);
	tcase_add_test(tc, old);
	tcase_add_test(tc, lacking);
	tcase_add_test(tc, nothing_at_all);
	tcase_add_test(tc, this_kernel);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_layout_suite)
