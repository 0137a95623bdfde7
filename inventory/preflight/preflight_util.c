/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/preflight/preflight_rules.h"

bool preflight_is_one_of(const char *s, const char *const *words)
{
	for (; s && *words; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

void preflight_names_add(struct preflight_names *names, const char *name)
{
	if (names->n++ >= PREFLIGHT_NAMES_MAX)
		return;
	if (names->n > 1)
		strbuf_add(&names->b, ", ");
	strbuf_add(&names->b, name ? name : "?");
}

const char *preflight_names_text(struct preflight_names *names)
{
	if (names->n > PREFLIGHT_NAMES_MAX) {
		strbuf_addf(&names->b, " and %zu more", names->n - PREFLIGHT_NAMES_MAX);
		names->n = PREFLIGHT_NAMES_MAX;
	}
	strbuf_add(&names->b, "");
	return names->b.failed ? "?" : names->b.s;
}

void preflight_names_done(struct preflight_names *names)
{
	strbuf_done(&names->b);
	names->n = 0;
}
