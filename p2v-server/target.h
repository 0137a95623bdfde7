/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A job that is being written: its writers, its journal, and the bookkeeping between the two.
 *
 *	target_data/zero/bad() --> writers --> done (acknowledged) --> [flush] --> journal (durable)
 *
 * Message ids are acknowledged as a high-water mark over all disks; records wait here until the
 * FLUSH that covers them is through every image, then they are journalled in one append. A FLUSH
 * that comes while another one is on its way waits for it; only the last one that waits is carried
 * out, for it answers the others. A chunk that was overwritten by a later message before its record
 * was journalled is journalled with that later message only: its first digest may be the image's no
 * more.
 *
 * Of a job whose disks go on changing, STALE takes chunks off the journal, all of a round at once.
 * What the journal said of them is remembered here, for the PATCHes that build on it.
 *
 * The first failure is final: nothing is journalled after it, and every later call returns it
 * again.
 * One thread, the receiver's. Memory: the credit; decode_ahead() chunks of 1 MiB; what the images
 * say (qcow2_write.h) and the journal; the records that wait for it; and early.h.
 */
#ifndef P2V_SERVER_TARGET_H
#define P2V_SERVER_TARGET_H

#include "p2v-server/early.h"
#include "p2v-server/job.h"
#include "p2v-server/writer.h"

struct target;

/*
 * Create or take up the job's images as its journal says. The job is locked and receiving. threads:
 * for decoding; 0: everything in the caller's thread, with the same images in the end.
 */
int target_open(struct job *j, unsigned int threads, struct target **ret, struct err *err);
void target_free(struct target *t);	/* abandons what was not flushed */
DEFINE_CLEANUP(struct target *, target_free)
struct journal *target_journal(struct target *t);
/* What is verified beside the copy; NULL with threads = 0. */
struct early *target_early(struct target *t);
/* Ends that, and hands over what it has found; the caller frees it. */
struct early *target_take_early(struct target *t);

int target_data(struct target *t, const struct msg_data *d, struct err *err);
int target_zero(struct target *t, const struct msg_zero *z, struct err *err);
int target_bad(struct target *t, const struct msg_bad *b, struct err *err);
/* Of live jobs. -EBADMSG: something that writes is on its way. */
int target_stale(struct target *t, const struct msg_stale *s, struct err *err);
/* -EBADMSG: the chunk was never sent. */
int target_patch(struct target *t, const struct msg_patch *p, struct err *err);
int target_check(struct target *t, const struct msg_check *c, struct err *err);
/*
 * Chunks that differ, by CHECKs that a flush has covered; to be told before that flush's answer.
 * As checks_next().
 */
bool target_differ(struct target *t, struct msg_range *ranges, struct msg_have *ret);
/* Some have not been told, or wait for a flush. */
bool target_checks_pending(const struct target *t);
/* Some wait for a flush, or have been found to differ and were not sent again. */
bool target_checks_open(const struct target *t);
int target_flush(struct target *t, uint64_t id, struct err *err);
/*
 * Collect what the writers finished. *ret_acked: every id up to it is in its image; *ret_durable:
 * every id up to it is journalled. Both only rise. A writer's failure is returned here.
 */
int target_poll(struct target *t, uint64_t *ret_acked, uint64_t *ret_durable, struct err *err);
/* Readable when target_poll() has something: one descriptor for all images. */
int target_fd(struct target *t);
/* The connection is gone: make durable and journal everything that was given. */
int target_save(struct target *t, struct err *err);
/* Everything is there and flushed: close the images. The target is spent, whatever is returned. */
int target_close(struct target *t, struct err *err);

#endif
