/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys for encrypted devices, tried before a conversion: --key DEVICE=FILE, or DEVICE=- for one
 * that is typed, or that comes from standard input when that is no terminal. A key is read, tried
 * and wiped; it is neither sent nor kept.
 */
#ifndef P2V_AGENT_CHECK_KEYS_H
#define P2V_AGENT_CHECK_KEYS_H

#include "common/opts.h"
#include "inventory/preflight/preflight.h"
#include "p2v-agent/source.h"

struct check_keys {
	struct preflight_key *v;	/* devices are the machine's names */
	size_t n;
};

/*
 * Try each key of the list on its device, as far as the device is on a disk of s (NULL: none is
 * open) or, on the machine itself, a volume. A key that cannot be tried is left out, with a
 * warning.
 * -EINVAL: not DEVICE=FILE, or no such device; else what went wrong with reading the key.
 */
int check_keys_try(const struct machine *m, const struct source *s, const struct opt_list *list,
		   struct check_keys *ret, struct err *err);
void check_keys_done(struct check_keys *keys);
DEFINE_CLEANUP_VALUE(struct check_keys, check_keys_done)

#endif
