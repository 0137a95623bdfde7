/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys of finish --key: read before the appliance starts, wiped when it has stopped. */
#ifndef P2V_SERVER_FINISH_KEYS_H
#define P2V_SERVER_FINISH_KEYS_H

#include "common/cleanup.h"
#include "common/opts.h"
#include "postfix/fix.h"

struct finish_keys {
	struct fix_key *v;
	size_t n;
};

int finish_keys_read(const struct opt_list *list, struct finish_keys *ret, struct err *err);
void finish_keys_done(struct finish_keys *keys);
DEFINE_CLEANUP_VALUE(struct finish_keys, finish_keys_done)

#endif
