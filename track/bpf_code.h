/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracker's programs, put together as instructions of the kernel's virtual machine, so that the
 * source needs no compiler. Pure: a layout and the disks go in, instructions come out.
 *
 * All disks share one program per hook and copy, and one array of marks (marks.h). What differs
 * between disks is baked in:
 *
 *	what operation?		a read: end
 *	which disk?		a chain of comparisons; of no disk of ours: end
 *	count it		events, sectors by kind, in the counters of this disk and this slot
 *	mark it			as marks_mark() does
 *
 * A disk without requests of its own (md, dm, zram) has its completions only at the bio, whose range
 * has changed by then: the queue program keeps the range by the bio's address, the complete
 * program looks it up.
 *
 * Slots: each program has one of its own to count in, so that copies do not count twice.
 */
#ifndef P2V_TRACK_BPF_CODE_H
#define P2V_TRACK_BPF_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include "track/bpf_layout.h"
#include "track/state.h"

#define BPF_CODE_MAX		4096u	/* instructions of one program */
/* What the queue program keeps for a bio. */
struct bpf_pair {
	uint64_t sector;
	uint32_t bytes, dev;
};

struct bpf_target {
	uint32_t major, minor;
	struct marks_disk marks;
	bool by_bio;			/* no requests: completions are paired */
};

struct bpf_program {
	enum bpf_hook hook;
	unsigned int slot;
	const struct bpf_layout *layout;
	const struct bpf_target *targets;
	size_t n;
	/* pairs_fd: one map for each copy; -1 when no target is by_bio. */
	int marks_fd, counters_fd, pairs_fd;
};

/* Fill code with at most max instructions, and give their number; -E2BIG. */
int bpf_code_build(const struct bpf_program *p, struct bpf_insn *code, size_t max);

#endif
