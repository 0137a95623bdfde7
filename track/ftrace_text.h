/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What ftrace writes: the format of an event, lines of its pipe without their context, and the
 * counts of a processor's ring. Pure.
 *
 *	block_bio_queue: 7,0 WS 2048 + 8 [dd]
 *	block_rq_complete: 7,0 WS () 2048 + 8 none,0,0 [0]
 *	CPU:1 [LOST 12 EVENTS]
 *
 * The letters say what it was: R a read, wherever it is not the F of a flush; D a discard; N what
 * has no letter, such as write-zeroes until 6.12, or a driver's command. So only R is left out. A
 * driver's command has the sector 2^64 - 1, and does not tell whether it read or wrote.
 */
#ifndef P2V_TRACK_FTRACE_TEXT_H
#define P2V_TRACK_FTRACE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ftrace_kind { FTRACE_OTHER, FTRACE_QUEUE, FTRACE_COMPLETE, FTRACE_LOST };

struct ftrace_line {
	enum ftrace_kind kind;
	uint32_t major, minor;
	bool reads;
	uint64_t sector, sectors;
	uint64_t lost;
};

/* A line without its newline; -EBADMSG for one of these events that is not as above. */
int ftrace_text_line(const char *line, size_t len, struct ftrace_line *ret);

/*
 * A format file: has it the fields dev, sector, nr_sector and rwbs, and are they printed as above?
 * -ENOENT, -EBADMSG.
 */
int ftrace_text_format(const char *text, bool complete);

/* Events that a ring lost, from per_cpu/cpuN/stats; -EBADMSG without such counts. */
int ftrace_text_stats(const char *text, uint64_t *ret_lost);

#endif
