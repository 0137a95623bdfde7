/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See hot_map.h. */
#include "p2v-agent/hot/hot_map.h"

#include <stdlib.h>

#include "common/log.h"
#include "wire/link.h"

/* Nothing but standing still, so that it is known how long that takes. */
static int pause_once(const struct hot_map_config *cfg, double *ret_still, struct err *err)
{
	int r = quiesce_sync(cfg->quiesce, err);

	if (r >= 0)
		r = quiesce_pause(cfg->quiesce, err);
	if (r >= 0)
		r = quiesce_thaw(cfg->quiesce, NULL, err);
	if (r >= 0)
		*ret_still = (double)freezer_frozen_ns(quiesce_freezer_of(cfg->quiesce)) / 1e9;
	return r;
}

int hot_map_make(const struct hot_map_config *cfg, struct hot_map *ret, struct err *err)
{
	size_t n = cfg->source->n;

	ret->used = calloc(n, sizeof(*ret->used));
	ret->dirty = calloc(n, sizeof(*ret->dirty));
	if (!ret->used || !ret->dirty)
		return err_nomem(err);
	return pause_once(cfg, &ret->still, err);
}

void hot_map_done(struct hot_map *m, size_t n)
{
	for (size_t i = 0; m->dirty && i < n; i++)
		bitmap_free(m->dirty[i]);
	free(m->used);
	free(m->dirty);
}
