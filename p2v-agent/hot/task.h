/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thing done by a thread of its own while the caller's loop goes on: what may wait for disks,
 * as writing back does. Never two at a time.
 *
 * The owner's thread calls all of this.
 */
#ifndef P2V_AGENT_HOT_TASK_H
#define P2V_AGENT_HOT_TASK_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "common/err.h"

typedef int task_fn(void *opaque, struct err *err);

struct task;

int task_new(struct task **ret, struct err *err);
/* Waits for what runs. */
void task_free(struct task *t);
DEFINE_CLEANUP(struct task *, task_free)

/* -EBUSY: something runs, or its end was not taken. */
int task_start(struct task *t, task_fn *fn, void *opaque, struct err *err);
bool task_busy(const struct task *t);
/* 1 and the result in *ret_code once it has ended; 0 while it runs, or when there is none. */
int task_take(struct task *t, int *ret_code, struct err *err);
/* Readable when there is something to take. */
int task_fd(const struct task *t);

#endif
