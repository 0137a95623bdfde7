/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the kernel that runs here keeps what the tracker's programs read: offsets of members, the
 * arguments of the tracepoints, and the numbers of operations. All of it is read from the kernel's
 * own type information (BTF); version numbers say little, since distributions move such changes
 * into old kernels. What is not found, or is not of the size the programs load, is an error, and
 * the tier is not used.
 *
 *	block_bio_queue(bio)			when a bio is handed to the block layer
 *	block_rq_complete(request, ..., bytes)	when bytes of a request are done
 *	block_bio_complete(queue, bio)		when a bio is done, of disks that know no requests
 *
 * A disk is told by its gendisk's major and first_minor, so a partition's writes are its disk's.
 */
#ifndef P2V_TRACK_BPF_LAYOUT_H
#define P2V_TRACK_BPF_LAYOUT_H

#include <stdint.h>
#include "common/err.h"

struct btf;

enum bpf_hook { BPF_HOOK_QUEUE, BPF_HOOK_COMPLETE, BPF_HOOK_BIO_COMPLETE, BPF_HOOKS };

#define BPF_CHAIN_MAX	2

/* Pointers that lead to a gendisk. */
struct bpf_chain {
	unsigned int n;
	uint32_t offset[BPF_CHAIN_MAX];
};

struct bpf_layout {
	struct bpf_chain bio_disk, rq_disk;
	uint32_t bio_opf, bio_sector, bio_size;
	uint32_t rq_flags, rq_sector;
	uint32_t disk_major, disk_minor;
	uint32_t arg[BPF_HOOKS];	/* index of the bio or request */
	uint32_t arg_bytes;		/* of block_rq_complete */
	uint32_t btf_id[BPF_HOOKS];	/* of the tracepoint's prototype; 0: no such tracepoint */
	uint32_t op_discard, op_first_driver;	/* from there on: commands of drivers */
};

const char *bpf_hook_name(enum bpf_hook h);
/* -ENOENT when something is missing, -ERANGE when it has another size; err names it. */
int bpf_layout_read(const struct btf *btf, struct bpf_layout *ret, struct err *err);
/* The same of the kernel that runs; -ENOENT too when it tells no types. */
int bpf_layout_kernel(struct bpf_layout *ret, struct err *err);

#endif
