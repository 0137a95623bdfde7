/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * May this agent have this job? OPEN's name, disks and machine are held against what is in the
 * store, and the job is made, or taken up, or looked at.
 *
 *	no such job			made: receiving
 *	receiving			taken up, by the same machine with the same disks
 *	verified, finished		only looked at: there is nothing to send
 *	the same, and OPEN compares	back to receiving, marked: a re-sync
 *
 * A job that is marked as being re-synced is neither resumed without comparing nor finished: its
 * images hold chunks of two moments until the re-sync has come to its end. What finish made is
 * taken back before, and when a virtual machine has run on it the re-sync is refused.
 */
#ifndef P2V_SERVER_ADMISSION_H
#define P2V_SERVER_ADMISSION_H

#include "p2v-server/job.h"
#include "p2v-server/receive.h"
#include "wire/msg.h"

/*
 * -EACCES: not this key's job; -EEXIST: another machine's, or with other disks, or changed since;
 * -EUCLEAN: damaged; -EBUSY: somebody else has it, or a virtual machine runs on it; -ENOTUNIQ: a
 * disk's name clashes with a file of ours. *ret is locked unless it is complete.
 */
int admission_open(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		   bool *ret_new, struct err *err);

/*
 * For an OPEN that joins: the job as it is, to be looked at; it is open for writing by somebody
 * else. -EACCES, -EEXIST as above; -EBUSY: nobody has it open.
 */
int admission_join(const struct receive_config *cfg, const struct msg_open *o, struct job **ret,
		   struct err *err);

#endif
