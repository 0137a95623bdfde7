/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See gentle.h. */
#include "p2v-agent/hot/gentle.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE		10
/* linux/ioprio.h: class best effort, and a place in it. */
#define IOPRIO(place)	(2 << 13 | (place))
#define WHO_THREAD	1

void gentle_set(bool gentle)
{
	(void)setpriority(PRIO_PROCESS, 0, gentle ? NICE : 0);
	(void)syscall(SYS_ioprio_set, WHO_THREAD, 0, IOPRIO(gentle ? 7 : 4));
}
