/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An array that moves up is enough: it holds a few ids at most. */
#include "wire/session_ids.h"

#include <assert.h>
#include <string.h>

void session_ids_push(struct session_ids *q, uint64_t id)
{
	assert(q->n < SESSION_IDS_MAX);
	q->id[q->n++] = id;
}

void session_ids_drop(struct session_ids *q, unsigned int n)
{
	memmove(q->id, q->id + n, (q->n - n) * sizeof(q->id[0]));
	q->n -= n;
}

unsigned int session_ids_find(const struct session_ids *q, uint64_t id)
{
	for (unsigned int i = 0; i < q->n; i++)
		if (q->id[i] == id)
			return i + 1;
	return 0;
}
