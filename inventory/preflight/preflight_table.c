/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one table: all themes, in the order of the document. */
#include "inventory/preflight/preflight_rules.h"

static const struct preflight_theme *const themes[] = {
	&preflight_disks, &preflight_layers, &preflight_filesystems, &preflight_windows,
	&preflight_boot, &preflight_devices, &preflight_network, &preflight_software,
};

const struct preflight_theme *const *preflight_themes(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(themes);
	return themes;
}

const struct preflight_rule *preflight_find(const char *id)
{
	for (size_t t = 0; t < ARRAY_SIZE(themes); t++)
		for (size_t i = 0; i < themes[t]->n; i++)
			if (strcmp(themes[t]->rules[i].id, id) == 0)
				return &themes[t]->rules[i];
	return NULL;
}

const char *preflight_severity_name(enum preflight_severity s)
{
	static const char *const names[] = { "note", "degrades", "blocks" };

	return names[s];
}
