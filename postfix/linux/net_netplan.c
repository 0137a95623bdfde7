/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_netplan.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "postfix/linux/net_bond.h"
#include "postfix/linux/net_yaml.h"

struct job {
	struct net_yaml *y;
	const struct net_plan *p;
	int network;
	bool *done;
	struct machine_strv *notes;
	int result;			/* -ENOMEM of a note */
};

static void note(struct job *j, const char *id, const char *what)
{
	char safe[64];

	if (net_note(j->notes, "%s: %s", text_escape_str(id ? id : "?", safe, sizeof(safe)), what) <
	    0)
		j->result = -ENOMEM;
}

static struct span span(const char *s)
{
	return (struct span){ s ? s : "", s ? strlen(s) : 0 };
}

/* -- whose entry is it */

static const struct net_if *by_match(const struct job *j, int entry)
{
	int match = net_yaml_get(j->y, entry, "match");
	const char *mac = net_yaml_scalar(j->y, net_yaml_get(j->y, match, "macaddress"));
	const char *name = net_yaml_scalar(j->y, net_yaml_get(j->y, match, "name"));
	const struct net_if *x = mac ? net_plan_find_mac(j->p, span(mac)) : NULL;

	return x ? x : name ? net_plan_find(j->p, span(name)) : NULL;
}

static const struct net_if *whose(const struct job *j, const char *id, int entry)
{
	const struct net_if *x;

	if (net_yaml_get(j->y, entry, "match"))
		return by_match(j, entry);
	x = net_plan_find(j->p, span(id));
	/* Flattened already: the carrier by the bond's name. */
	return x;
}

/* The netplan id of an interface; its name when no entry is its own. */
static const char *id_of(const struct job *j, const struct net_if *x)
{
	int ethernets = net_yaml_get(j->y, j->network, "ethernets");

	for (size_t i = 0; i < net_yaml_count(j->y, ethernets); i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, ethernets, i));

		if (id && whose(j, id, net_yaml_value(j->y, ethernets, i)) == x)
			return id;
	}
	return x->name;
}

/* -- the first pass: hardware, matches, addresses of hardware, bonds that stay */

static void off_key(struct job *j, int map, const char *id, const char *key)
{
	size_t i;

	if (net_yaml_find(j->y, map, key, &i) && !net_yaml_off(j->y, map, i))
		note(j, id, "an entry shares its line with another one: left as it is");
}

static void hardware(struct job *j, const char *id, int entry)
{
	static const char *const keys[] = {
		"wakeonlan", "receive-checksum-offload", "transmit-checksum-offload",
		"tcp-segmentation-offload", "tcp6-segmentation-offload",
		"generic-segmentation-offload", "generic-receive-offload", "large-receive-offload",
		"virtual-function-count", "embedded-switch-mode", "delay-virtual-functions-rebind",
		"infiniband-mode",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		off_key(j, entry, id, keys[i]);
}

static void new_mac(struct job *j, int node)
{
	const char *s = net_yaml_scalar(j->y, node);
	const char *mac = s ? net_plan_new_mac(j->p, span(s)) : NULL;
	char quoted[24];

	if (!mac)
		return;
	snprintf(quoted, sizeof(quoted), "\"%s\"", mac);
	(void)net_yaml_set(j->y, node, quoted);
}

static bool driver_is(const struct job *j, int driver, const struct net_if *x)
{
	const char *s = net_yaml_scalar(j->y, driver);

	if (!x->vnic || !x->nic->driver)
		return false;
	if (s)
		return fnmatch(s, x->nic->driver, 0) == 0;
	for (size_t i = 0; i < net_yaml_count(j->y, driver); i++) {
		s = net_yaml_scalar(j->y, net_yaml_value(j->y, driver, i));
		if (s && fnmatch(s, x->nic->driver, 0) == 0)
			return true;
	}
	return false;
}

/* A pattern for the names of the NICs in which is true, and of no other one; "" there is none. */
static void common_pattern(const struct job *j, const bool *which, char *buf, size_t size)
{
	const char *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < j->p->n; i++) {
		const char *name = j->p->v[i].new_name;

		if (!which[i])
			continue;
		if (!first) {
			first = name;
			n = strlen(name);
		}
		while (strncmp(first, name, n) != 0)
			n--;
	}
	snprintf(buf, size, "%.*s*", (int)n, first ? first : "");
	for (size_t i = 0; i < j->p->n; i++)
		if (!which[i] && j->p->v[i].vnic && fnmatch(buf, j->p->v[i].new_name, 0) == 0)
			n = 0;
	if (n == 0)
		buf[0] = '\0';
}

static void match_driver(struct job *j, const char *id, int match)
{
	int driver = net_yaml_get(j->y, match, "driver");
	const char *name = net_yaml_scalar(j->y, net_yaml_get(j->y, match, "name"));
	CLEANUP(mem_free) bool *which = NULL;
	const struct net_if *one = NULL;
	char text[80];
	size_t n = 0, at;

	if (!driver || !net_yaml_find(j->y, match, "driver", &at))
		return;
	which = calloc(j->p->n + 1, sizeof(*which));
	if (!which) {
		j->result = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < j->p->n; i++) {
		const struct net_if *x = &j->p->v[i];

		which[i] = driver_is(j, driver, x) && (!name || fnmatch(name, x->name, 0) == 0);
		n += which[i];
		if (which[i])
			one = x;
	}
	if (net_yaml_get(j->y, match, "macaddress")) {
		if (n)
			off_key(j, match, id, "driver");
		return;
	}
	if (n == 0) {
		note(j, id, "match: driver fits none of the recorded interfaces: left as it is");
		return;
	}
	if (n == 1) {
		snprintf(text, sizeof(text), "macaddress: \"%s\"", one->mac);
		net_yaml_insert(j->y, match, text);
		off_key(j, match, id, "driver");
		return;
	}
	if (name) {
		off_key(j, match, id, "driver");
		return;
	}
	common_pattern(j, which, text, sizeof(text));
	if (!text[0]) {
		note(j, id, "match: driver fits several interfaces whose names have nothing in "
			    "common: name them by hand");
		return;
	}
	{
		CLEANUP(mem_free) char *line = text_format("name: \"%s\"", text);

		if (!line) {
			j->result = -ENOMEM;
			return;
		}
		net_yaml_insert(j->y, match, line);
		off_key(j, match, id, "driver");
	}
}

/* Is it a member of a bond that is flattened, by itself or because the bond says so? */
static bool is_member(const struct job *j, const char *id, int entry)
{
	const struct net_if *x = whose(j, id, entry);
	int bonds = net_yaml_get(j->y, j->network, "bonds");

	if (x && x->bond && x->bond->flat)
		return true;
	for (size_t i = 0; i < net_yaml_count(j->y, bonds); i++) {
		const char *bond = net_yaml_scalar(j->y, net_yaml_key(j->y, bonds, i));
		int members = net_yaml_get(j->y, net_yaml_value(j->y, bonds, i), "interfaces");

		if (!bond || !net_plan_is_flat(j->p, span(bond)))
			continue;
		for (size_t k = 0; k < net_yaml_count(j->y, members); k++)
			if (net_yaml_is(j->y, net_yaml_value(j->y, members, k), id))
				return true;
	}
	return false;
}

static void ethernets(struct job *j)
{
	int map = net_yaml_get(j->y, j->network, "ethernets");

	for (size_t i = 0; i < net_yaml_count(j->y, map); i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));
		int entry = net_yaml_value(j->y, map, i), match;

		if (!id || !net_yaml_is_map(j->y, entry))
			continue;
		/* What is switched off later need not be right; but see flatten(). */
		if (is_member(j, id, entry))
			continue;
		hardware(j, id, entry);
		match = net_yaml_get(j->y, entry, "match");
		match_driver(j, id, match);
		new_mac(j, net_yaml_get(j->y, match, "macaddress"));
		new_mac(j, net_yaml_get(j->y, entry, "macaddress"));
	}
}

static void keep_bond(struct job *j, const char *id, int entry)
{
	int parameters = net_yaml_get(j->y, entry, "parameters");
	int mode = net_yaml_get(j->y, parameters, "mode");
	const char *s = net_yaml_scalar(j->y, mode);
	const struct net_if *x = net_plan_find(j->p, span(id));
	const char *primary = x && x->carrier ? id_of(j, x->carrier) : NULL;
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	if (s && net_bond_is_backup(span(s)))
		return;
	if (!net_yaml_count(j->y, parameters)) {
		strbuf_add(&b, "parameters: {mode: active-backup, mii-monitor-interval: 100");
		if (primary)
			strbuf_addf(&b, ", primary: %s", primary);
		strbuf_add(&b, "}");
		if (b.failed)
			j->result = -ENOMEM;
		else
			net_yaml_insert(j->y, entry, b.s);
		return;
	}
	if (primary && !net_yaml_get(j->y, parameters, "primary")) {
		strbuf_addf(&b, "primary: %s", primary);
		if (b.failed)
			j->result = -ENOMEM;
		else
			net_yaml_insert(j->y, parameters, b.s);
	}
	if (!net_yaml_get(j->y, parameters, "mii-monitor-interval") &&
	    !net_yaml_get(j->y, parameters, "arp-interval"))
		net_yaml_insert(j->y, parameters, "mii-monitor-interval: 100");
	net_yaml_put(j->y, parameters, "mode", "active-backup");
	for (size_t i = 0; i < net_yaml_count(j->y, parameters); i++) {
		const char *key = net_yaml_scalar(j->y, net_yaml_key(j->y, parameters, i));

		if (key && net_bond_is_balancing(span(key)) &&
		    !net_yaml_off(j->y, parameters, i))
			note(j, id, "an entry shares its line with another one: left as it is");
	}
}

static void bonds(struct job *j)
{
	int map = net_yaml_get(j->y, j->network, "bonds");

	for (size_t i = 0; i < net_yaml_count(j->y, map); i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));
		int entry = net_yaml_value(j->y, map, i);

		if (!id || !net_yaml_is_map(j->y, entry))
			continue;
		new_mac(j, net_yaml_get(j->y, entry, "macaddress"));
		if (!net_plan_is_flat(j->p, span(id)))
			keep_bond(j, id, entry);
	}
}

/* -- the second pass: addresses */

static bool is_v6(const char *s)
{
	return strchr(s, ':') != NULL;
}

/* "10.0.0.5/24", or {"10.0.0.5/24": {label: x}} */
static const char *address_of(const struct job *j, int item)
{
	const char *s = net_yaml_scalar(j->y, item);

	return s ? s : net_yaml_scalar(j->y, net_yaml_key(j->y, item, 0));
}

/* The addresses that stay, and the new ones; *same: that is what there was. */
static char *address_list(const struct job *j, int list, const struct ipspec *ip, bool *same)
{
	struct strbuf b = { 0 };
	size_t had = net_yaml_count(j->y, list), kept = 0, found = 0;

	for (size_t i = 0; i < had; i++) {
		const char *s = address_of(j, net_yaml_value(j->y, list, i));

		/* An address of ours holds no quote; anything else is not an address. */
		if (!s || ipspec_has(ip, is_v6(s)) || strpbrk(s, "\"\\\n"))
			continue;
		strbuf_addf(&b, "%s\"%s\"", b.len ? ", " : "", s);
		kept++;
	}
	for (size_t i = 0; i < ip->naddresses; i++) {
		CLEANUP(mem_free) char *text = text_format("%s/%u", ip->address[i].text,
							   ip->address[i].prefix);

		strbuf_addf(&b, "%s\"%s\"", b.len ? ", " : "", text ? text : "");
		b.failed = b.failed || !text;
		for (size_t k = 0; text && k < had; k++) {
			const char *s = address_of(j, net_yaml_value(j->y, list, k));

			found += s && strcmp(s, text) == 0;
		}
	}
	*same = found == ip->naddresses && found + kept == had;
	strbuf_add(&b, "");
	return strbuf_take(&b);
}

static int put_list(struct job *j, int entry, const char *id, const char *key, char *items)
{
	CLEANUP(mem_free) char *list = items ? text_format("[%s]", items) : NULL;

	free(items);
	if (!list)
		return -ENOMEM;
	if (strcmp(list, "[]") == 0)
		off_key(j, entry, id, key);
	else
		net_yaml_put(j->y, entry, key, list);
	return 0;
}

static bool is_default(const struct job *j, int route, bool *v6)
{
	const char *to = net_yaml_scalar(j->y, net_yaml_get(j->y, route, "to"));
	const char *via = net_yaml_scalar(j->y, net_yaml_get(j->y, route, "via"));

	if (!to || !via || net_yaml_get(j->y, route, "table"))
		return false;
	*v6 = is_v6(via);
	return strcmp(to, "default") == 0 || strcmp(to, "0.0.0.0/0") == 0 ||
	       strcmp(to, "::/0") == 0 || strcmp(to, "0/0") == 0;
}

static int routes(struct job *j, const char *id, int entry, const struct ipspec *ip)
{
	int list = net_yaml_get(j->y, entry, "routes");
	bool have[2] = { false, false }, v6;

	for (size_t i = 0; i < net_yaml_count(j->y, list); i++) {
		int r = net_yaml_value(j->y, list, i);

		if (is_default(j, r, &v6) && ip->has_gateway[v6] &&
		    net_yaml_is(j->y, net_yaml_get(j->y, r, "via"), ip->gateway[v6].text))
			have[v6] = true;
	}
	for (int k = 0; k < 2; k++) {
		CLEANUP(mem_free) char *item = NULL, *key = NULL;

		if (!ip->has_gateway[k] || have[k])
			continue;
		item = text_format("{to: \"%s\", via: \"%s\"}", k ? "::/0" : "0.0.0.0/0",
				   ip->gateway[k].text);
		key = item && net_yaml_count(j->y, list) ? strdup(item) :
		      item ? text_format("routes: [%s]", item) : NULL;
		if (!key)
			return -ENOMEM;
		/* Both families at once, where there is no list yet. */
		if (!net_yaml_count(j->y, list) && k == 0 && ip->has_gateway[1]) {
			free(key);
			key = text_format("routes: [%s, {to: \"::/0\", via: \"%s\"}]", item,
					  ip->gateway[1].text);
			have[1] = true;
			if (!key)
				return -ENOMEM;
		}
		net_yaml_insert(j->y, net_yaml_count(j->y, list) ? list : entry, key);
	}
	for (size_t i = 0; i < net_yaml_count(j->y, list); i++) {
		int r = net_yaml_value(j->y, list, i);

		if (!is_default(j, r, &v6) || !ipspec_has(ip, v6) ||
		    (ip->has_gateway[v6] &&
		     net_yaml_is(j->y, net_yaml_get(j->y, r, "via"), ip->gateway[v6].text)))
			continue;
		if (!net_yaml_off(j->y, list, i))
			note(j, id, "a default route shares its line with something else: left as "
				    "it is");
	}
	return 0;
}

static void dhcp(struct job *j, int entry, const char *key, bool on)
{
	int node = net_yaml_get(j->y, entry, key);
	const char *s = net_yaml_scalar(j->y, node);
	bool is = s && (strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0 ||
			strcasecmp(s, "on") == 0 || strcasecmp(s, "y") == 0);

	if (is != on)
		net_yaml_put(j->y, entry, key, on ? "true" : "false");
}

static int nameservers(struct job *j, const char *id, int entry, const struct ipspec *ip)
{
	int map = net_yaml_get(j->y, entry, "nameservers");
	int list = net_yaml_get(j->y, map, "addresses");
	struct strbuf b = { 0 };
	size_t same = 0;

	if (!ip->ndns)
		return 0;
	for (size_t i = 0; i < ip->ndns; i++) {
		strbuf_addf(&b, "%s\"%s\"", b.len ? ", " : "", ip->dns[i].text);
		same += net_yaml_is(j->y, net_yaml_value(j->y, list, i), ip->dns[i].text);
	}
	if (same == ip->ndns && same == net_yaml_count(j->y, list)) {
		strbuf_done(&b);
		return 0;
	}
	if (net_yaml_count(j->y, map))
		return put_list(j, map, id, "addresses", strbuf_take(&b));
	{
		CLEANUP(strbuf_done) struct strbuf all = { 0 };

		strbuf_addf(&all, "nameservers: {addresses: [%s]}", b.s ? b.s : "");
		all.failed = all.failed || b.failed;
		strbuf_done(&b);
		if (all.failed)
			return -ENOMEM;
		net_yaml_insert(j->y, entry, all.s);
	}
	return 0;
}

static int readdress(struct job *j, const char *id, int entry, const struct ipspec *ip)
{
	int list = net_yaml_get(j->y, entry, "addresses"), r = 0;
	bool same = false;
	char *items = address_list(j, list, ip, &same);

	if (!items)
		return -ENOMEM;
	/* What is put in comes first: see net_yaml_off(). */
	if (ipspec_has(ip, false))
		dhcp(j, entry, "dhcp4", ip->dhcp);
	if (ipspec_has(ip, true))
		dhcp(j, entry, "dhcp6", false);
	r = nameservers(j, id, entry, ip);
	if (r >= 0)
		r = routes(j, id, entry, ip);
	if (r >= 0 && !same)
		r = put_list(j, entry, id, "addresses", TAKE_PTR(items));
	free(items);
	if (ipspec_has(ip, false))
		off_key(j, entry, id, "gateway4");
	if (ipspec_has(ip, true))
		off_key(j, entry, id, "gateway6");
	return r;
}

static int readdress_all(struct job *j)
{
	static const char *const kinds[] = { "ethernets", "bonds", "bridges", "vlans" };
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		int map = net_yaml_get(j->y, j->network, kinds[k]);

		for (size_t i = 0; i < net_yaml_count(j->y, map) && r >= 0; i++) {
			const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));
			int entry = net_yaml_value(j->y, map, i);
			const struct net_if *x = id ? whose(j, id, entry) : NULL;

			if (!x || !x->readdress || (k == 0 && is_member(j, id, entry)))
				continue;
			if (!net_yaml_count(j->y, entry)) {
				CLEANUP(mem_free) char *empty = strdup("{dhcp4: false}");

				/* Filled in the next time round. */
				if (!empty || !net_yaml_set(j->y, entry, empty))
					note(j, id, "cannot be given addresses");
				continue;
			}
			r = readdress(j, id, entry, &x->ip);
			j->done[x - j->p->v] = true;
		}
	}
	return r;
}

/* -- the third pass: flattened bonds become ethernets */

static void strip_bond(struct job *j, const char *id, int entry)
{
	static const char *const keys[] = { "interfaces", "parameters", "macaddress" };

	/* An entry with nothing else in it stays as one that says something. */
	if (net_yaml_count(j->y, entry) <= 3 && !net_yaml_get(j->y, entry, "dhcp4") &&
	    !net_yaml_get(j->y, entry, "dhcp6"))
		net_yaml_insert(j->y, entry, "dhcp4: false");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		off_key(j, entry, id, keys[i]);
}

/* Members first: once a bond has lost its list, it does not tell them any more. */
static void flatten(struct job *j)
{
	int eths = net_yaml_get(j->y, j->network, "ethernets");
	int map = net_yaml_get(j->y, j->network, "bonds");
	size_t n = net_yaml_count(j->y, eths);

	for (size_t i = 0; i < n; i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, eths, i));

		if (id && is_member(j, id, net_yaml_value(j->y, eths, i)) &&
		    !net_yaml_off(j->y, eths, i))
			note(j, id, "shares its line with another entry: switch it off by hand");
	}
	for (size_t i = 0; i < net_yaml_count(j->y, map); i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));

		if (id && net_plan_is_flat(j->p, span(id)))
			strip_bond(j, id, net_yaml_value(j->y, map, i));
	}
}

static void move(struct job *j)
{
	int eths = net_yaml_get(j->y, j->network, "ethernets");
	int map = net_yaml_get(j->y, j->network, "bonds");
	size_t n = net_yaml_count(j->y, map), flat = 0, at;

	for (size_t i = 0; i < n; i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));

		flat += id && net_plan_is_flat(j->p, span(id));
	}
	if (!flat)
		return;
	if (!net_yaml_count(j->y, eths)) {
		if (flat == n && net_yaml_find(j->y, j->network, "bonds", &at))
			net_yaml_rename(j->y, j->network, at, "ethernets");
		else
			note(j, "bonds", "some are flattened, and there is no ethernets: to take "
					 "them: do it by hand");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *id = net_yaml_scalar(j->y, net_yaml_key(j->y, map, i));

		if (id && net_plan_is_flat(j->p, span(id)) && !net_yaml_move(j->y, map, i, eths))
			note(j, id, "is not written in block style: move it to ethernets: by "
				    "hand");
	}
}

static void first(struct job *j)
{
	ethernets(j);
	bonds(j);
}

static void address_pass(struct job *j)
{
	if (readdress_all(j) < 0)
		j->result = -ENOMEM;
}

int net_netplan_rewrite(const char *text, const struct net_plan *p, char **ret, bool *done,
			struct machine_strv *notes)
{
	static void (*const passes[])(struct job *) = {
		first, address_pass, address_pass, flatten, move,
	};
	CLEANUP(mem_free) char *now = strdup(text);
	bool changed = false;

	if (!now)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(passes); i++) {
		CLEANUP(net_yaml_free) struct net_yaml *y = NULL;
		struct job j = { .p = p, .done = done, .notes = notes };
		char *to = NULL;
		int r = net_yaml_open(now, &y);

		if (r == -EBADMSG)
			return net_note(notes, "is no YAML: left as it is");
		if (r < 0)
			return r;
		j.y = y;
		j.network = net_yaml_get(y, net_yaml_root(y), "network");
		passes[i](&j);
		r = j.result < 0 ? j.result : net_yaml_take(y, &to);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		free(now);
		now = to;
		changed = true;
	}
	if (!changed)
		return 0;
	*ret = TAKE_PTR(now);
	return 1;
}

char *net_netplan_new(const struct net_if *x)
{
	CLEANUP(mem_free) char *head = NULL;
	CLEANUP(mem_free) bool *done = NULL;
	struct net_plan one = { .v = (struct net_if *)(uintptr_t)x, .n = 1 };
	char *out = NULL;

	head = text_format("# New addresses, asked for when this became a virtual machine.\n"
			   "network:\n  version: 2\n  ethernets:\n    %s:\n      dhcp4: false\n",
			   x->new_name);
	done = calloc(1, sizeof(*done));
	if (!head || !done)
		return NULL;
	if (net_netplan_rewrite(head, &one, &out, done, NULL) == 0)
		out = strdup(head);
	return out;
}
