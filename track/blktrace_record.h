/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The records of blktrace (linux/blktrace_api.h), in the byte order of this machine, each with
 * some bytes of its own after it. Pure.
 */
#ifndef P2V_TRACK_BLKTRACE_RECORD_H
#define P2V_TRACK_BLKTRACE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum blktrace_kind { BLKTRACE_OTHER, BLKTRACE_QUEUE, BLKTRACE_COMPLETE };

struct blktrace_record {
	enum blktrace_kind kind;
	bool writes;		/* data goes to the disk, or is thrown away there */
	bool driver;		/* a driver's command: its sector means nothing */
	uint64_t sector, bytes;
	bool numbered;		/* notes are not; others count up from 1 on each processor */
	uint32_t sequence;
};

/* Bytes of the record at p, or 0 when it is not all there yet; -EBADMSG. */
int blktrace_record_parse(const void *p, size_t len, struct blktrace_record *ret);

#endif
