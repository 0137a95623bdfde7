/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages while filesystems are frozen. Standard error may be a file on one of them, or a pipe to
 * a journal that keeps its file there: whoever writes to it then waits for the thaw that it should
 * bring about. So lines go to memory meanwhile, and come out afterwards, with how many were lost
 * when the memory was too small.
 *
 * One at a time; it takes the log's sink (log.h), so nobody else may have one meanwhile. begin and
 * end from one thread; lines from any.
 */
#ifndef P2V_AGENT_QUIESCE_MEMLOG_H
#define P2V_AGENT_QUIESCE_MEMLOG_H

#include <stddef.h>

#define MEMLOG_SIZE	16384

void memlog_begin(void);
/* Nothing, when it was not begun. */
void memlog_end(void);
/* Lines kept and lost so far. */
size_t memlog_kept(void);
size_t memlog_lost(void);

#endif
