/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Days of load in a file that never grows: records of sample_window.h in a ring, the newest over
 * the oldest. It outlives the recorder and the boot; each record says which boot it is of.
 *
 *	header 64 | places of disks, 64 each | places of NICs | record 0 | record 1 | ...
 *
 * A device gets a place when it is seen first and keeps it for good, so a record holds values by
 * place and no names. There are more places than devices when the file is made
 * (SAMPLE_RING_SPARE); devices past them are not recorded.
 *
 * Record N lies at N modulo the number of records. Each part of the file is sealed by a CRC-32C of
 * its own, and nothing refers to a record: after a crash at any point one record at most is torn,
 * which is passed over. A place is durable before a record uses it. Records are not synced one by
 * one: a power cut may take the last half minute, and it wakes no disk.
 *
 * docs/sample-format.md has the tables. One recorder at a time (flock); readers need no lock, a
 * record that is being written is torn to them. One thread.
 */
#ifndef P2V_INVENTORY_SAMPLE_RING_H
#define P2V_INVENTORY_SAMPLE_RING_H

#include "inventory/load/sample_window.h"

#define SAMPLE_RING_DAYS	7
#define SAMPLE_RING_INTERVAL	60	/* seconds */
#define SAMPLE_RING_SPARE	4	/* further places of each kind */
#define SAMPLE_RING_DAYS_MAX	366
#define SAMPLE_RING_INTERVAL_MAX 3600
#define SAMPLE_RING_SIZE_MAX	(UINT64_C(512) << 20)

struct sample_ring;

struct sample_ring_options {
	uint32_t days, interval;	/* 0: the default, or what the file has */
	size_t ndisks, nnics;		/* of the machine now; a file that is there keeps its own */
};

/*
 * To record: open path or make it, at its full size. -EBUSY when somebody records already; -EEXIST
 * when the file has other days or another interval than is asked for; -EFBIG past
 * SAMPLE_RING_SIZE_MAX; -EBADMSG when it is no such file or damaged in its header. A new file has
 * its name only once it is complete.
 */
int sample_ring_create(const char *path, const struct sample_ring_options *o,
		       struct sample_ring **ret, struct err *err);
/* To read. -EBADMSG as above. */
int sample_ring_open(const char *path, struct sample_ring **ret, struct err *err);
void sample_ring_free(struct sample_ring *r);
DEFINE_CLEANUP(struct sample_ring *, sample_ring_free)

uint32_t sample_ring_interval(const struct sample_ring *r);	/* seconds */
uint32_t sample_ring_capacity(const struct sample_ring *r);	/* records */
uint64_t sample_ring_size(const struct sample_ring *r);		/* bytes of the file */
/* Devices for which there was no place, so far. */
size_t sample_ring_left_out(const struct sample_ring *r);

/* The next record. After a failure the file is as good as before but for this record. */
int sample_ring_append(struct sample_ring *r, const struct sample_record *rec, struct err *err);
int sample_ring_sync(struct sample_ring *r, struct err *err);
/*
 * The oldest record that is left, then the next: 1, with *ret the ring's own until the next call;
 * 0 at the end. Records that are torn, damaged or were written over meanwhile are passed over and
 * counted in *ret_bad (may be NULL).
 */
int sample_ring_next(struct sample_ring *r, const struct sample_record **ret, size_t *ret_bad,
		     struct err *err);

#endif
