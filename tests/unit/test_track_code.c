/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracker's programs are run here, by an interpreter of the few instructions they have, over
 * bios and requests in memory of our own; what they mark and count is compared with marks_mark().
 */
#include "track/bpf_code.h"

#include <errno.h>

#include "common/compiler.h"
#include "tests/lib/unit.h"

#define MARKS_FD	7
#define COUNTERS_FD	8
#define PAIRS_FD	9
#define STEPS_MAX	100000
#define OP_DISCARD	3
#define OP_DRIVER	34

struct fake_disk {
	uint8_t head[8];
	uint32_t major, minor;
};

struct fake_request {
	struct fake_disk *disk;
	uint32_t flags;
	uint64_t sector;
};

struct fake_bio {
	struct fake_disk **bdev;
	uint32_t opf, size;
	uint64_t sector;
};

static const struct bpf_layout layout = {
	.bio_disk = { 2, { offsetof(struct fake_bio, bdev), 0 } },
	.rq_disk = { 1, { offsetof(struct fake_request, disk) } },
	.bio_opf = offsetof(struct fake_bio, opf),
	.bio_sector = offsetof(struct fake_bio, sector),
	.bio_size = offsetof(struct fake_bio, size),
	.rq_flags = offsetof(struct fake_request, flags),
	.rq_sector = offsetof(struct fake_request, sector),
	.disk_major = offsetof(struct fake_disk, major),
	.disk_minor = offsetof(struct fake_disk, minor),
	.arg = { 0, 0, 1 },
	.arg_bytes = 2,
	.op_discard = OP_DISCARD,
	.op_first_driver = OP_DRIVER,
};

static struct bpf_target targets[3];
static uint64_t *marks;
static uint64_t nwords;
static struct track_counters counters[3 * TRACK_SLOTS];
static struct {
	uint64_t key;
	struct bpf_pair value;
	bool full;
} pair;

/* ---- the machine */

static uint64_t helper(int32_t id, const uint64_t *r)
{
	uint64_t key;

	if (r[1] == MARKS_FD) {
		uint32_t i = *(const uint32_t *)(uintptr_t)r[2];

		ck_assert_int_eq(id, BPF_FUNC_map_lookup_elem);
		return i < nwords ? (uintptr_t)&marks[i] : 0;
	}
	ck_assert_uint_eq(r[1], PAIRS_FD);
	memcpy(&key, (const void *)(uintptr_t)r[2], sizeof(key));
	if (id == BPF_FUNC_map_lookup_elem)
		return pair.full && pair.key == key ? (uintptr_t)&pair.value : 0;
	if (id == BPF_FUNC_map_delete_elem) {
		pair.full = pair.full && pair.key != key;
		return 0;
	}
	ck_assert_int_eq(id, BPF_FUNC_map_update_elem);
	memcpy(&pair.value, (const void *)(uintptr_t)r[3], sizeof(pair.value));
	pair.key = key;
	pair.full = true;
	return 0;
}

static uint64_t alu(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_MOV: return b;
	case BPF_ADD: return a + b;
	case BPF_SUB: return a - b;
	case BPF_AND: return a & b;
	case BPF_OR: return a | b;
	case BPF_LSH: return a << (b & 63);
	case BPF_RSH: return a >> (b & 63);
	}
	ck_abort_msg("an operation of %#x", op);
}

static bool holds(uint8_t op, uint64_t a, uint64_t b)
{
	switch (op) {
	case BPF_JA: return true;
	case BPF_JEQ: return a == b;
	case BPF_JNE: return a != b;
	case BPF_JGT: return a > b;
	case BPF_JGE: return a >= b;
	case BPF_JLT: return a < b;
	case BPF_JLE: return a <= b;
	}
	ck_abort_msg("a jump of %#x", op);
}

static void memory(const struct bpf_insn *i, uint64_t *r)
{
	bool is_load = BPF_CLASS(i->code) == BPF_LDX;
	uint8_t *at = (uint8_t *)(uintptr_t)(r[is_load ? i->src_reg : i->dst_reg] +
					     (uint64_t)(int64_t)i->off);
	size_t n = BPF_SIZE(i->code) == BPF_DW ? 8 : 4;
	uint64_t v = 0;

	if (is_load) {
		memcpy(&v, at, n);
		r[i->dst_reg] = v;
	} else if (BPF_MODE(i->code) == BPF_MEM) {
		memcpy(at, &r[i->src_reg], n);
	} else {
		ck_assert_uint_eq(n, 8);
		if (i->imm == BPF_ADD)
			*(uint64_t *)at += r[i->src_reg];
		else
			*(uint64_t *)at |= r[i->src_reg];
	}
}

/* How many instructions it took. */
static unsigned int run(const struct bpf_insn *code, size_t n, const uint64_t *ctx)
{
	uint8_t stack[512];
	uint64_t r[11] = { 0 };
	unsigned int steps = 0;

	memset(stack, 0xa5, sizeof(stack));
	r[1] = (uintptr_t)ctx;
	r[10] = (uintptr_t)(stack + sizeof(stack));
	for (size_t at = 0; at < n; at++) {
		const struct bpf_insn *i = &code[at];
		uint64_t b = i->code & BPF_X ? r[i->src_reg] : (uint64_t)(int64_t)i->imm;

		ck_assert_uint_lt(++steps, STEPS_MAX);
		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			r[i->dst_reg] = (uint32_t)i->imm | (uint64_t)(uint32_t)i[1].imm << 32;
			if (i->src_reg == BPF_PSEUDO_MAP_FD)
				r[i->dst_reg] = (uint64_t)i->imm;
			else if (i->src_reg == BPF_PSEUDO_MAP_VALUE)
				r[i->dst_reg] = (uintptr_t)counters + (uint32_t)i[1].imm;
			at++;
			break;
		case BPF_ALU64:
			r[i->dst_reg] = alu(BPF_OP(i->code), r[i->dst_reg], b);
			break;
		case BPF_ALU:
			r[i->dst_reg] = (uint32_t)alu(BPF_OP(i->code), r[i->dst_reg], b);
			break;
		case BPF_JMP32:
			if (holds(BPF_OP(i->code), (uint32_t)r[i->dst_reg], (uint32_t)b))
				at += (size_t)(long)i->off;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_EXIT)
				return steps;
			if (BPF_OP(i->code) == BPF_CALL) {
				r[0] = helper(i->imm, r);
				memset(r + 1, 0x5a, 5 * sizeof(r[0]));
			} else if (holds(BPF_OP(i->code), r[i->dst_reg], b)) {
				at += (size_t)(long)i->off;
			}
			break;
		default:
			memory(i, r);
		}
	}
	ck_abort_msg("ran past its end");
}

/* ---- the disks: 1 GiB at 4 KiB, 5 TiB at 64 KiB, and one of bios with an odd size */

static void setup(void)
{
	static const uint64_t sizes[] = { 1 * GIB, 5 * TIB, 300 * MIB + 512 };
	static const unsigned int shifts[] = { 12, 16, 13 };

	nwords = 0;
	memset(counters, 0, sizeof(counters));
	memset(&pair, 0, sizeof(pair));
	for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
		targets[i] = (struct bpf_target){ .major = 8 + i, .minor = 16 * i };
		targets[i].by_bio = i == 2;
		ck_assert_int_eq(marks_layout(sizes[i], shifts[i], (uint32_t)nwords,
					      &targets[i].marks), 0);
		nwords += targets[i].marks.words;
	}
	marks = calloc(nwords, sizeof(*marks));
}

static void teardown(void)
{
	free(marks);
}

static void event(enum bpf_hook hook, unsigned int disk, uint32_t op, uint64_t sector,
		  uint32_t bytes)
{
	struct bpf_insn code[BPF_CODE_MAX];
	const struct bpf_program p = { .hook = hook,
				       .slot = (unsigned int)hook * TRACK_COPIES,
				       .layout = &layout,
				       .targets = targets,
				       .n = ARRAY_SIZE(targets),
				       .marks_fd = MARKS_FD,
				       .counters_fd = COUNTERS_FD,
				       .pairs_fd = PAIRS_FD };
	struct fake_disk d = { .major = 8 + disk, .minor = 16 * disk };
	struct fake_disk *pd = &d;
	static struct fake_bio bio;
	struct fake_request rq = { &d, op | 0x4800, sector };
	uint64_t ctx[3] = { 0 };
	int n = bpf_code_build(&p, code, BPF_CODE_MAX);

	bio = (struct fake_bio){ &pd, op | 0x4800, bytes, sector };
	ck_assert_int_gt(n, 0);
	if (hook == BPF_HOOK_COMPLETE) {
		ctx[0] = (uintptr_t)&rq;
		/* The upper half of an argument is nobody's. */
		ctx[2] = bytes | UINT64_C(0xdead) << 48;
	} else if (hook == BPF_HOOK_QUEUE) {
		ctx[0] = (uintptr_t)&bio;
	} else {
		/* What it covers has been eaten up by its end. */
		bio.sector += bytes >> 9;
		bio.size = 0;
		ctx[1] = (uintptr_t)&bio;
	}
	run(code, (size_t)n, ctx);
}

static const struct track_counters *slot(unsigned int disk, enum bpf_hook hook)
{
	return &counters[disk * TRACK_SLOTS + (unsigned int)hook * TRACK_COPIES];
}

START_TEST(as_marks_mark)
{
	CLEANUP(mem_free) uint64_t *want = calloc(nwords, sizeof(*want));
	uint64_t x = 88172645463325252u, sectors[3] = { 0 }, outside[3] = { 0 };

	for (int i = 0; i < 3000; i++) {
		unsigned int disk;
		uint64_t sector;
		uint32_t bytes;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		disk = (unsigned int)(x % 2);
		bytes = (uint32_t)(x >> 32) >> (x >> 3) % 32;
		bytes = ALIGN_DOWN(bytes, 512u);
		sector = (x >> 5) % (targets[disk].marks.size / 512);
		/* Sometimes past the end, or over it. */
		if (i % 50 < 2)
			sector = targets[disk].marks.size / 512 + 8 - (x >> 5) % 16;
		event(i % 2 ? BPF_HOOK_QUEUE : BPF_HOOK_COMPLETE, disk, 1, sector, bytes);
		outside[disk] += bytes > 0 &&
				 !marks_mark(want, &targets[disk].marks, sector, bytes);
		sectors[disk] += bytes / 512;
		ck_assert_msg(memcmp(want, marks, nwords * 8) == 0, "event %d", i);
	}
	for (unsigned int d = 0; d < 2; d++) {
		const struct track_counters *q = slot(d, BPF_HOOK_QUEUE);
		const struct track_counters *c = slot(d, BPF_HOOK_COMPLETE);

		ck_assert_uint_eq(q->sectors + c->sectors, sectors[d]);
		ck_assert_uint_eq(q->outside + c->outside, outside[d]);
		ck_assert_uint_gt(outside[d], 0);
		ck_assert_uint_eq(q->discarded + q->unknown, 0);
	}
}
END_TEST

START_TEST(operations)
{
	static const struct {
		uint32_t op;
		uint64_t sectors, discarded, unknown;
		bool marked;
	} rows[] = {
		{ 0, 0, 0, 0, false },			/* a read */
		{ 1, 8, 0, 0, true },
		{ 2, 0, 0, 0, true },			/* a flush with data: whoever sends it */
		{ OP_DISCARD, 0, 8, 0, true },
		{ 5, 8, 0, 0, true },			/* secure erase */
		{ 9, 8, 0, 0, true },			/* write zeroes */
		{ OP_DRIVER, 0, 0, 0, false },		/* a driver reads */
		{ OP_DRIVER + 1, 0, 0, 1, false },	/* a driver writes */
	};
	const enum bpf_hook hook = _i ? BPF_HOOK_COMPLETE : BPF_HOOK_QUEUE;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct track_counters *c = slot(0, hook);

		memset(counters, 0, sizeof(counters));
		memset(marks, 0, nwords * 8);
		event(hook, 0, rows[i].op, 8, 4096);
		ck_assert_uint_eq(c->sectors, rows[i].sectors);
		ck_assert_uint_eq(c->discarded, rows[i].discarded);
		ck_assert_uint_eq(c->unknown, rows[i].unknown);
		ck_assert_uint_eq(marks[0], rows[i].marked ? 2 : 0);
		ck_assert_uint_eq(c->events, rows[i].marked);
	}
}
END_TEST

/* An empty flush is completed with no data at sector 2^64 - 1. */
START_TEST(nothing_to_mark)
{
	event(BPF_HOOK_COMPLETE, 0, 1, UINT64_MAX, 0);
	event(BPF_HOOK_COMPLETE, 0, OP_DRIVER + 1, UINT64_MAX, 0);
	event(BPF_HOOK_QUEUE, 7, 1, 0, 4096);		/* another disk */
	event(BPF_HOOK_COMPLETE, 2, 1, 0, 4096);	/* one that knows no requests */
	for (uint64_t i = 0; i < nwords; i++)
		ck_assert_uint_eq(marks[i], 0);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		ck_assert_uint_eq(counters[i].events + counters[i].unknown + counters[i].outside,
				  0);
}
END_TEST

/* A bio's range is kept from its submission, and used once. */
START_TEST(bios_are_paired)
{
	const struct marks_disk *d = &targets[2].marks;

	event(BPF_HOOK_BIO_COMPLETE, 2, 1, 0, 8192);
	ck_assert_uint_eq(slot(2, BPF_HOOK_BIO_COMPLETE)->events, 0);
	event(BPF_HOOK_QUEUE, 2, 1, 160, 8192);
	ck_assert_uint_eq(marks[d->base], 1 << 10);
	marks[d->base] = 0;
	event(BPF_HOOK_BIO_COMPLETE, 2, 1, 160, 8192);
	ck_assert_uint_eq(marks[d->base], 1 << 10);
	ck_assert_uint_eq(slot(2, BPF_HOOK_BIO_COMPLETE)->sectors, 16);
	event(BPF_HOOK_BIO_COMPLETE, 2, 1, 160, 8192);
	ck_assert_uint_eq(slot(2, BPF_HOOK_BIO_COMPLETE)->events, 1);
}
END_TEST

START_TEST(too_long)
{
	struct bpf_insn code[BPF_CODE_MAX];
	const struct bpf_program p = { .layout = &layout, .targets = targets, .n = 3 };
	int n = bpf_code_build(&p, code, BPF_CODE_MAX);

	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(bpf_code_build(&p, code, (size_t)n), n);
	for (int max = 0; max < n; max++)
		ck_assert_int_eq(bpf_code_build(&p, code, (size_t)max), -E2BIG);
}
END_TEST

/* As many disks as a tracker takes. */
START_TEST(many_disks)
{
	CLEANUP(mem_free) struct bpf_target *many = calloc(TRACK_DISKS_MAX, sizeof(*many));
	struct bpf_insn code[BPF_CODE_MAX];
	struct bpf_program p = { .layout = &layout, .targets = many, .n = TRACK_DISKS_MAX };

	for (unsigned int i = 0; i < TRACK_DISKS_MAX; i++) {
		many[i] = targets[0];
		many[i].minor = i;
		many[i].by_bio = true;
	}
	ck_assert_int_gt(bpf_code_build(&p, code, BPF_CODE_MAX), 0);
	p.hook = BPF_HOOK_BIO_COMPLETE;
	ck_assert_int_gt(bpf_code_build(&p, code, BPF_CODE_MAX), 0);
}
END_TEST

static Suite *track_code_suite(void)
{
	Suite *s = suite_create("track_code");
	TCase *tc = tcase_create("track_code");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, as_marks_mark);
	tcase_add_loop_test(tc, operations, 0, 2);
	tcase_add_test(tc, nothing_to_mark);
	tcase_add_test(tc, bios_are_paired);
	tcase_add_test(tc, too_long);
	tcase_add_test(tc, many_disks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_code_suite)
