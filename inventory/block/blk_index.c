/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/block/blk_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "inventory/machine.h"

int blk_index_add(struct blk_index *x, const char *key, size_t at)
{
	struct blk_index_entry *e = machine_grow(&x->v, &x->n, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct blk_index_entry){ .key = key, .at = at };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct blk_index_entry *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r ? r : (x->at > y->at) - (x->at < y->at);
}

void blk_index_sort(struct blk_index *x)
{
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), compare);
}

const struct blk_index_entry *blk_index_find(const struct blk_index *x, const char *key,
					     size_t *ret_n)
{
	size_t lo = 0, hi = x->n, n = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(x->v[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	while (lo + n < x->n && strcmp(x->v[lo + n].key, key) == 0)
		n++;
	*ret_n = n;
	return n ? &x->v[lo] : NULL;
}

void blk_index_done(struct blk_index *x)
{
	free(x->v);
	*x = (struct blk_index){ 0 };
}
