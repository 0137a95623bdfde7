/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks on text that hold in both directions. */
#include "inventory/machine_json_code.h"

#include <stdbool.h>
#include <string.h>

static bool device_name_ok(const char *s)
{
	const char *part = s;

	for (;; s++) {
		if (((unsigned char)*s < ' ' && *s) || *s == 0x7f)
			return false;
		if (*s && *s != '/')
			continue;
		/* One component ends here. */
		if (s == part || (s - part == 1 && *part == '.') ||
		    (s - part == 2 && memcmp(part, "..", 2) == 0))
			return false;
		if (!*s)
			return true;
		part = s + 1;
	}
}

static bool mac_ok(const char *s)
{
	size_t n = strlen(s);

	/* Ethernet has 6 bytes, InfiniBand 20. */
	if (n < 3 * 6 - 1 || n > 3 * 32 - 1 || n % 3 != 2)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (i % 3 == 2 ? s[i] != ':' : !hex)
			return false;
	}
	return true;
}

int machine_json_rules_check(const char *name, const char *s, unsigned int rules, int what,
			     struct err *err)
{
	if (strlen(s) > MACHINE_JSON_STRING_MAX)
		return err_set(err, what, "%s is too long", name);
	if (((rules & RULE_DEVICE) && !device_name_ok(s)) || ((rules & RULE_NIC) && strchr(s, '/')))
		return err_set(err, what, "%s is not a device name", name);
	if ((rules & RULE_MAC) && !mac_ok(s))
		return err_set(err, what, "%s is not a MAC address", name);
	return 0;
}
