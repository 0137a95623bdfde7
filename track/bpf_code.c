/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See bpf_code.h. Registers, from the moment the disk is known: r6 first bit, r7 last bit, r8 turns
 * of the loop, r9 the counters. Before that: r6 the bio or request, r7 the sector, r8 the bytes.
 */
#include "track/bpf_code.h"

#include <errno.h>

#include "common/compiler.h"

/* The stack, below r10. */
enum {
	AT_KEY = -8,		/* u32: index of a word */
	AT_EVER = -16,		/* u64: words from there to the ever part */
	AT_MASK = -24,
	AT_BASE = -32,		/* u64: first word of the part */
	AT_OP = -40,
	AT_BIO = -48,		/* key of pairs */
	AT_PAIR = -64,		/* struct bpf_pair */
};

enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

#define TURNS_MAX	((int)MARKS_FINE_WORDS_MAX + 2)
#define JUMPS_MAX	256

struct code {
	struct bpf_insn *v;
	size_t n, max;
	const struct bpf_program *p;
	/* Jumps to the two places that all share. */
	size_t to_end[JUMPS_MAX], to_bad[JUMPS_MAX];
	size_t nend, nbad;
	bool full;
};

static size_t put(struct code *c, uint8_t op, int dst, int src, int off, int32_t imm)
{
	if (c->n >= c->max) {
		c->full = true;
		return 0;
	}
	c->v[c->n] = (struct bpf_insn){ .code = op,
					.dst_reg = (uint8_t)dst & 15,
					.src_reg = (uint8_t)src & 15,
					.off = (int16_t)off,
					.imm = imm };
	return c->n++;
}

/* ---- one instruction each */

static void mov(struct code *c, int dst, int src)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void mov32(struct code *c, int dst, int src)	/* clears the upper half */
{
	put(c, BPF_ALU | BPF_MOV | BPF_X, dst, src, 0, 0);
}

static void set(struct code *c, int dst, int32_t imm)
{
	put(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm);
}

static void set64(struct code *c, int dst, uint64_t imm)
{
	put(c, BPF_LD | BPF_DW | BPF_IMM, dst, 0, 0, (int32_t)(uint32_t)imm);
	put(c, 0, 0, 0, 0, (int32_t)(uint32_t)(imm >> 32));
}

static void alu(struct code *c, int op, int dst, int src)
{
	put(c, (uint8_t)(BPF_ALU64 | op | BPF_X), dst, src, 0, 0);
}

static void alu_imm(struct code *c, int op, int dst, int32_t imm)
{
	put(c, (uint8_t)(BPF_ALU64 | op | BPF_K), dst, 0, 0, imm);
}

static void load(struct code *c, int size, int dst, int src, int off)
{
	put(c, (uint8_t)(BPF_LDX | size | BPF_MEM), dst, src, off, 0);
}

static void store(struct code *c, int size, int dst, int off, int src)
{
	put(c, (uint8_t)(BPF_STX | size | BPF_MEM), dst, src, off, 0);
}

static void atomic(struct code *c, int op, int dst, int off, int src)
{
	put(c, BPF_STX | BPF_DW | BPF_ATOMIC, dst, src, off, op);
}

static void call(struct code *c, int helper)
{
	put(c, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

/* r[dst] = address of a map (value_offset < 0), or of a place in its first value. */
static void map(struct code *c, int dst, int fd, int value_offset)
{
	put(c, BPF_LD | BPF_DW | BPF_IMM, dst,
	    value_offset < 0 ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE, 0, fd);
	put(c, 0, 0, 0, 0, MAX(value_offset, 0));
}

/* ---- jumps: forwards they are landed later */

static size_t jump_imm(struct code *c, int op, int dst, int32_t imm)
{
	return put(c, (uint8_t)(BPF_JMP | op | BPF_K), dst, 0, 0, imm);
}

static size_t jump_imm32(struct code *c, int op, int dst, int32_t imm)
{
	return put(c, (uint8_t)(BPF_JMP32 | op | BPF_K), dst, 0, 0, imm);
}

static size_t jump(struct code *c, int op, int dst, int src)
{
	return put(c, (uint8_t)(BPF_JMP | op | BPF_X), dst, src, 0, 0);
}

static size_t go(struct code *c)
{
	return put(c, BPF_JMP | BPF_JA, 0, 0, 0, 0);
}

static void land_at(struct code *c, size_t from, size_t to)
{
	if (c->full)
		return;
	c->v[from].off = (int16_t)((long)to - (long)from - 1);
}

static void land(struct code *c, size_t from)
{
	land_at(c, from, c->n);
}

static void end_if(struct code *c, size_t from)
{
	if (c->nend == JUMPS_MAX)
		c->full = true;
	else
		c->to_end[c->nend++] = from;
}

static void bad_if(struct code *c, size_t from)
{
	if (c->nbad == JUMPS_MAX)
		c->full = true;
	else
		c->to_bad[c->nbad++] = from;
}

/* ---- parts */

static void count(struct code *c, size_t member, int reg)
{
	atomic(c, BPF_ADD, R9, (int)member, reg);
}

static void count_one(struct code *c, size_t member)
{
	set(c, R1, 1);
	count(c, member, R1);
}

/* r2 = major << 20 | minor of the gendisk that r6's chain leads to. */
static void load_dev(struct code *c, const struct bpf_chain *chain)
{
	const struct bpf_layout *l = c->p->layout;

	mov(c, R3, R6);
	for (unsigned int i = 0; i < chain->n; i++)
		load(c, BPF_DW, R3, R3, (int)chain->offset[i]);
	load(c, BPF_W, R2, R3, (int)l->disk_major);
	load(c, BPF_W, R3, R3, (int)l->disk_minor);
	alu_imm(c, BPF_LSH, R2, 20);
	alu(c, BPF_OR, R2, R3);
}

/* AT_OP = operation, r7 = sector, r8 = bytes, r2 = device; ends for reads and what has no data. */
static void begin_request(struct code *c)
{
	const struct bpf_layout *l = c->p->layout;

	load(c, BPF_DW, R8, R1, (int)l->arg_bytes * 8);
	mov32(c, R8, R8);
	load(c, BPF_DW, R6, R1, (int)l->arg[BPF_HOOK_COMPLETE] * 8);
	load(c, BPF_W, R2, R6, (int)l->rq_flags);
	alu_imm(c, BPF_AND, R2, 0xff);
	end_if(c, jump_imm(c, BPF_JEQ, R2, 0));
	store(c, BPF_DW, R10, AT_OP, R2);
	load(c, BPF_DW, R7, R6, (int)l->rq_sector);
	load_dev(c, &l->rq_disk);
}

static void begin_queue(struct code *c)
{
	const struct bpf_layout *l = c->p->layout;

	load(c, BPF_DW, R6, R1, (int)l->arg[BPF_HOOK_QUEUE] * 8);
	load(c, BPF_W, R2, R6, (int)l->bio_opf);
	alu_imm(c, BPF_AND, R2, 0xff);
	end_if(c, jump_imm(c, BPF_JEQ, R2, 0));
	store(c, BPF_DW, R10, AT_OP, R2);
	load(c, BPF_DW, R7, R6, (int)l->bio_sector);
	load(c, BPF_W, R8, R6, (int)l->bio_size);
	load_dev(c, &l->bio_disk);
}

static void begin_bio_complete(struct code *c)
{
	const struct bpf_layout *l = c->p->layout;

	load(c, BPF_DW, R6, R1, (int)l->arg[BPF_HOOK_BIO_COMPLETE] * 8);
	load(c, BPF_W, R2, R6, (int)l->bio_opf);
	alu_imm(c, BPF_AND, R2, 0xff);
	end_if(c, jump_imm(c, BPF_JEQ, R2, 0));
	store(c, BPF_DW, R10, AT_OP, R2);
	store(c, BPF_DW, R10, AT_BIO, R6);
	map(c, R1, c->p->pairs_fd, -1);
	mov(c, R2, R10);
	alu_imm(c, BPF_ADD, R2, AT_BIO);
	call(c, BPF_FUNC_map_lookup_elem);
	end_if(c, jump_imm(c, BPF_JEQ, R0, 0));
	load(c, BPF_DW, R7, R0, (int)offsetof(struct bpf_pair, sector));
	load(c, BPF_W, R8, R0, (int)offsetof(struct bpf_pair, bytes));
	load(c, BPF_W, R1, R0, (int)offsetof(struct bpf_pair, dev));
	store(c, BPF_DW, R10, AT_PAIR, R1);
	map(c, R1, c->p->pairs_fd, -1);
	mov(c, R2, R10);
	alu_imm(c, BPF_ADD, R2, AT_BIO);
	call(c, BPF_FUNC_map_delete_elem);
	load(c, BPF_DW, R2, R10, AT_PAIR);
}

/*
 * Keep the range of a bio whose completion will not tell it. Should there be no place, its
 * completion is not counted, and missed by the audit.
 */
static void keep_pair(struct code *c)
{
	store(c, BPF_DW, R10, AT_PAIR, R7);
	store(c, BPF_W, R10, AT_PAIR + (int)offsetof(struct bpf_pair, bytes), R8);
	store(c, BPF_W, R10, AT_PAIR + (int)offsetof(struct bpf_pair, dev), R2);
	store(c, BPF_DW, R10, AT_BIO, R6);
	map(c, R1, c->p->pairs_fd, -1);
	mov(c, R2, R10);
	alu_imm(c, BPF_ADD, R2, AT_BIO);
	mov(c, R3, R10);
	alu_imm(c, BPF_ADD, R3, AT_PAIR);
	set(c, R4, BPF_ANY);
	call(c, BPF_FUNC_map_update_elem);
}

static uint32_t kernel_dev(const struct bpf_target *t)
{
	return t->major << 20 | t->minor;
}

/* Which disk: its counters into r9, its numbers into r1 (shift), r3 (granules), AT_BASE, AT_EVER. */
static void choose(struct code *c)
{
	const struct bpf_program *p = c->p;
	size_t common[256];
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct bpf_target *t = &p->targets[i];
		const struct marks_disk *d = &t->marks;
		size_t next;

		if ((p->hook == BPF_HOOK_COMPLETE && t->by_bio) ||
		    (p->hook == BPF_HOOK_BIO_COMPLETE && !t->by_bio))
			continue;
		next = jump_imm32(c, BPF_JNE, R2, (int32_t)kernel_dev(t));
		map(c, R9, p->counters_fd,
		    (int)((i * TRACK_SLOTS + p->slot) * sizeof(struct track_counters)));
		if (p->hook == BPF_HOOK_QUEUE && t->by_bio)
			keep_pair(c);
		set64(c, R1, d->base);
		store(c, BPF_DW, R10, AT_BASE, R1);
		set64(c, R1, marks_ever_offset(d));
		store(c, BPF_DW, R10, AT_EVER, R1);
		set64(c, R3, DIV_ROUND_UP(d->size, UINT64_C(1) << d->shift));
		set64(c, R4, d->fine);
		set(c, R1, (int32_t)d->shift - 9);
		if (n == ARRAY_SIZE(common)) {
			c->full = true;
			return;
		}
		common[n++] = go(c);
		land(c, next);
	}
	end_if(c, go(c));
	for (size_t i = 0; i < n; i++)
		land(c, common[i]);
}

/* Count by kind. r1, r3 and r4 survive. r5 = sectors. */
static void count_event(struct code *c)
{
	const struct bpf_layout *l = c->p->layout;
	size_t even, place, write, done;

	load(c, BPF_DW, R2, R10, AT_OP);
	/* A driver's command: what it writes, and where, only the driver knows. */
	place = jump_imm(c, BPF_JLT, R2, (int32_t)l->op_first_driver);
	alu_imm(c, BPF_AND, R2, 1);
	end_if(c, jump_imm(c, BPF_JEQ, R2, 0));
	end_if(c, jump_imm(c, BPF_JEQ, R8, 0));
	count_one(c, offsetof(struct track_counters, unknown));
	end_if(c, go(c));
	land(c, place);
	end_if(c, jump_imm(c, BPF_JEQ, R8, 0));
	mov(c, R5, R8);
	alu_imm(c, BPF_ADD, R5, 511);
	alu_imm(c, BPF_RSH, R5, 9);
	set(c, R0, 1);
	count(c, offsetof(struct track_counters, events), R0);
	write = jump_imm(c, BPF_JNE, R2, (int32_t)l->op_discard);
	count(c, offsetof(struct track_counters, discarded), R5);
	done = go(c);
	land(c, write);
	/* Odd operations write, to the kernel's own count too. */
	alu_imm(c, BPF_AND, R2, 1);
	even = jump_imm(c, BPF_JEQ, R2, 0);
	count(c, offsetof(struct track_counters, sectors), R5);
	land(c, even);
	land(c, done);
}

/* r6 = first bit, r7 = last bit, in the fine or the coarse part. */
static void choose_bits(struct code *c)
{
	size_t ok, fine, outside;

	mov(c, R6, R7);
	alu(c, BPF_RSH, R6, R1);
	bad_if(c, jump(c, BPF_JGE, R6, R3));
	/* At most 2^23 sectors are added to what is below 2^57: no wrap. */
	alu(c, BPF_ADD, R7, R5);
	alu_imm(c, BPF_SUB, R7, 1);
	alu(c, BPF_RSH, R7, R1);
	ok = jump(c, BPF_JLT, R7, R3);
	mov(c, R7, R3);
	alu_imm(c, BPF_SUB, R7, 1);
	set(c, R0, 1);
	count(c, offsetof(struct track_counters, outside), R0);
	land(c, ok);
	mov(c, R2, R7);
	alu_imm(c, BPF_RSH, R2, 6);
	mov(c, R0, R6);
	alu_imm(c, BPF_RSH, R0, 6);
	alu(c, BPF_SUB, R2, R0);
	fine = jump_imm(c, BPF_JLE, R2, (int32_t)MARKS_FINE_WORDS_MAX);
	alu_imm(c, BPF_RSH, R6, (int32_t)MARKS_COARSE_SHIFT);
	alu_imm(c, BPF_RSH, R7, (int32_t)MARKS_COARSE_SHIFT);
	load(c, BPF_DW, R0, R10, AT_BASE);
	alu(c, BPF_ADD, R0, R4);
	store(c, BPF_DW, R10, AT_BASE, R0);
	land(c, fine);
	outside = jump(c, BPF_JLE, R6, R7);
	bad_if(c, go(c));
	land(c, outside);
}

/* r0 = the word at the key, or the end. */
static void look_up(struct code *c)
{
	map(c, R1, c->p->marks_fd, -1);
	mov(c, R2, R10);
	alu_imm(c, BPF_ADD, R2, AT_KEY);
	call(c, BPF_FUNC_map_lookup_elem);
	bad_if(c, jump_imm(c, BPF_JEQ, R0, 0));
}

static void mark(struct code *c)
{
	size_t top, inner, have;

	set(c, R8, 0);
	top = c->n;
	/* The mask of this word. */
	set(c, R3, -1);
	alu(c, BPF_LSH, R3, R6);
	mov(c, R1, R6);
	alu_imm(c, BPF_RSH, R1, 6);
	mov(c, R2, R7);
	alu_imm(c, BPF_RSH, R2, 6);
	inner = jump(c, BPF_JNE, R1, R2);
	set(c, R4, 63);
	mov(c, R5, R7);
	alu_imm(c, BPF_AND, R5, 63);
	alu(c, BPF_SUB, R4, R5);
	set(c, R5, -1);
	alu(c, BPF_RSH, R5, R4);
	alu(c, BPF_AND, R3, R5);
	land(c, inner);
	store(c, BPF_DW, R10, AT_MASK, R3);
	/* Ever first: what is harvested was noted there. Most of it is set already. */
	load(c, BPF_DW, R2, R10, AT_BASE);
	alu(c, BPF_ADD, R1, R2);
	load(c, BPF_DW, R2, R10, AT_EVER);
	alu(c, BPF_ADD, R1, R2);
	store(c, BPF_W, R10, AT_KEY, R1);
	look_up(c);
	load(c, BPF_DW, R1, R10, AT_MASK);
	load(c, BPF_DW, R2, R0, 0);
	alu(c, BPF_AND, R2, R1);
	have = jump(c, BPF_JEQ, R2, R1);
	atomic(c, BPF_OR, R0, 0, R1);
	land(c, have);
	load(c, BPF_W, R1, R10, AT_KEY);
	load(c, BPF_DW, R2, R10, AT_EVER);
	alu(c, BPF_SUB, R1, R2);
	store(c, BPF_W, R10, AT_KEY, R1);
	look_up(c);
	load(c, BPF_DW, R1, R10, AT_MASK);
	atomic(c, BPF_OR, R0, 0, R1);
	/* On to the next word. */
	alu_imm(c, BPF_OR, R6, 63);
	alu_imm(c, BPF_ADD, R6, 1);
	end_if(c, jump(c, BPF_JGT, R6, R7));
	alu_imm(c, BPF_ADD, R8, 1);
	land_at(c, jump_imm(c, BPF_JLT, R8, TURNS_MAX), top);
}

int bpf_code_build(const struct bpf_program *p, struct bpf_insn *code, size_t max)
{
	struct code c = { .v = code, .max = max, .p = p };

	if (p->hook == BPF_HOOK_QUEUE)
		begin_queue(&c);
	else if (p->hook == BPF_HOOK_COMPLETE)
		begin_request(&c);
	else
		begin_bio_complete(&c);
	choose(&c);
	count_event(&c);
	choose_bits(&c);
	mark(&c);
	/* Here falls through a loop that did not end, which cannot be. */
	for (size_t i = 0; i < c.nbad; i++)
		land(&c, c.to_bad[i]);
	count_one(&c, offsetof(struct track_counters, outside));
	for (size_t i = 0; i < c.nend; i++)
		land(&c, c.to_end[i]);
	set(&c, R0, 0);
	put(&c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return c.full ? -E2BIG : (int)c.n;
}
