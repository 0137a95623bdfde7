/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Staying behind what the machine is there for: while rounds are sent beside a load, this thread
 * and those that it starts get the processor and the disks after others (nice 10, best effort 7, as
 * nice(1) and ionice(1) have it). While the machine stands still they are as good as any: then
 * others wait for us.
 *
 * Threads that run already keep what they have. What the kernel does not allow is let be.
 */
#ifndef P2V_AGENT_HOT_GENTLE_H
#define P2V_AGENT_HOT_GENTLE_H

#include <stdbool.h>

void gentle_set(bool gentle);

#endif
