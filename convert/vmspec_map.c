/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of one --map, taken apart. */
#include "convert/vmspec.h"

#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "common/text.h"

/* A host device's or network's name: what the schema takes, short enough for a device. */
static bool target_ok(const char *s, enum vm_net_kind kind)
{
	size_t n = strlen(s), max = kind == VM_NET_NETWORK ? TEXT_NAME_MAX : 15;

	return n > 0 && n <= max && s[0] != '-' && s[0] != '.' &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

int vmspec_map_parse(const char *text, struct vmspec_map *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum vm_net_kind kind;
		bool target;
	} kinds[] = {
		{ "network", VM_NET_NETWORK, true },
		{ "bridge", VM_NET_BRIDGE, true },
		{ "direct", VM_NET_DIRECT, true },
		{ "user", VM_NET_USER, false },
		{ "none", VM_NET_NONE, false },
	};
	const char *eq = strchr(text, '='), *kind = eq ? eq + 1 : NULL;
	struct vmspec_map m = { 0 };
	char shown[64];

	text_escape_str(text, shown, sizeof(shown));
	for (size_t i = 0; eq && eq != text && i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		const char *target = kind + n + 1;

		if (strncmp(kind, kinds[i].name, n) != 0 ||
		    kind[n] != (kinds[i].target ? ':' : '\0'))
			continue;
		if (kinds[i].target && !target_ok(target, kinds[i].kind))
			return err_set(err, EINVAL, "not a name of a %s in the map %s",
				       kinds[i].name, shown);
		m.kind = kinds[i].kind;
		m.nic = strndup(text, (size_t)(eq - text));
		if (kinds[i].target)
			m.target = strdup(target);
		if (!m.nic || (kinds[i].target && !m.target)) {
			vmspec_map_done(&m);
			return err_nomem(err);
		}
		*ret = m;
		return 0;
	}
	err_set(err, EINVAL, "cannot make sense of the map %s", shown);
	err_hint(err, "NIC=network:NAME, bridge:NAME, direct:DEVICE, user or none; "
		 "NIC * is every other one");
	return -EINVAL;
}

void vmspec_map_done(struct vmspec_map *m)
{
	free(m->nic);
	free(m->target);
	*m = (struct vmspec_map){ 0 };
}
