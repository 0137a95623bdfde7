/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/finish_keys.h"

#include <stdint.h>
#include <stdlib.h>

#include "common/keyarg.h"

int finish_keys_read(const struct opt_list *list, struct finish_keys *ret, struct err *err)
{
	CLEANUP(finish_keys_done) struct finish_keys keys = { 0 };

	keys.v = calloc(list->n + 1, sizeof(*keys.v));
	if (!keys.v)
		return err_nomem(err);
	for (size_t i = 0; i < list->n; i++) {
		CLEANUP(mem_free) char *device = NULL;
		const char *file;
		char *data = NULL;
		size_t len = 0;
		int r = keyarg_split(list->v[i], &device, &file, err);

		if (r >= 0)
			r = keyarg_read(file, &data, &len, err);
		if (r < 0)
			return r;
		keys.v[keys.n++] = (struct fix_key){ .device = TAKE_PTR(device), .data = data,
						     .len = len };
	}
	*ret = keys;
	keys = (struct finish_keys){ 0 };
	return 0;
}

void finish_keys_done(struct finish_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		free((char *)(uintptr_t)keys->v[i].device);
		keyarg_wipe((char *)(uintptr_t)keys->v[i].data, keys->v[i].len);
	}
	free(keys->v);
	*keys = (struct finish_keys){ 0 };
}
