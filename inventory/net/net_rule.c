/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_rule.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include "common/compiler.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/machine_fields.h"
#include "inventory/net/netlink.h"

/* Protocols by their names in /etc/protocols, as ip prints them; any other by its number. */
static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{ 1, "icmp" }, { 6, "tcp" }, { 17, "udp" }, { 58, "ipv6-icmp" }, { 132, "sctp" },
};

static int set(char **to, const char *text)
{
	return text ? collect_util_text(text, strlen(text), to) : 0;
}

/* One more condition, in ip's words. */
static int more(struct machine_rule *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int more(struct machine_rule *r, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	char raw[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	if (collect_util_text(raw, strlen(raw), &text) < 0)
		return -ENOMEM;
	return text ? machine_strv_add(&r->also, text) : 0;
}

static int range(struct machine_rule *r, const char *word, uint32_t from, uint32_t to)
{
	return from == to ? more(r, "%s %" PRIu32, word, from) :
			    more(r, "%s %" PRIu32 "-%" PRIu32, word, from, to);
}

/* What the kernel makes for itself when a namespace begins. */
static bool is_own(const struct machine_rule *r)
{
	static const struct {
		uint32_t priority;
		const char *table;
	} own[] = { { 0, "local" }, { 32766, "main" }, { 32767, "default" } };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (r->priority == own[i].priority && r->table &&
		    strcmp(r->table, own[i].table) == 0)
			return !r->invert && !r->from && !r->to && !r->iif && !r->oif &&
			       !r->mark && r->also.n == 0;
	return false;
}

/* Takes what r owns in any case. */
static int keep(struct machine *m, struct machine_rule *r, int error)
{
	struct machine_rule *slot;

	if (error == 0 && !is_own(r)) {
		if (m->nrules == COLLECT_LIST_MAX) {
			error = collect_full(m, "rules of routing");
		} else {
			slot = machine_grow(&m->rules, &m->nrules, sizeof(*slot));
			if (slot) {
				*slot = *r;
				return 0;
			}
			error = -ENOMEM;
		}
	}
	machine_fields_free(r, machine_fields_rule);
	return error;
}

/* ---- messages */

static int address(const struct netlink_attr *a, int family, unsigned int bits, char **to)
{
	char text[INET6_ADDRSTRLEN + 8];

	if (netlink_attr_address(a, family, text, INET6_ADDRSTRLEN))
		snprintf(text + strlen(text), 8, "/%u", bits);
	else if (bits > 0)
		snprintf(text, sizeof(text), "%s/%u", family == AF_INET ? "0.0.0.0" : "::", bits);
	else
		return 0;
	return set(to, text);
}

static int name(const struct netlink_attr *a, char **to)
{
	char text[64];

	if (!a->p)
		return 0;
	netlink_attr_text(a, text, sizeof(text));
	return set(to, text);
}

static int mark(struct machine_rule *r, uint32_t value, uint32_t mask)
{
	char text[32];

	if (mask == UINT32_MAX)
		snprintf(text, sizeof(text), "0x%" PRIx32, value);
	else
		snprintf(text, sizeof(text), "0x%" PRIx32 "/0x%" PRIx32, value, mask);
	return set(&r->mark, text);
}

/* Two numbers of the struct that the attribute is; false when it is not there. */
static bool pair16(const struct netlink_attr *a, uint32_t ret[static 2])
{
	struct fib_rule_port_range v;

	if (!a->p || a->len < sizeof(v))
		return false;
	memcpy(&v, a->p, sizeof(v));
	ret[0] = v.start;
	ret[1] = v.end;
	return true;
}

static int conditions(struct machine_rule *r, const struct fib_rule_hdr *h,
		      const struct netlink_attr *at)
{
	uint8_t protocol = netlink_attr_u8(&at[FRA_IP_PROTO], 0);
	struct fib_rule_uid_range uid;
	uint32_t v[2];
	int e = 0;

	if (at[FRA_FWMARK].p || at[FRA_FWMASK].p)
		e = mark(r, netlink_attr_u32(&at[FRA_FWMARK], 0),
			 netlink_attr_u32(&at[FRA_FWMASK], UINT32_MAX));
	if (e == 0 && h->tos)
		e = more(r, "tos 0x%02x", h->tos);
	if (e == 0 && netlink_attr_u8(&at[FRA_L3MDEV], 0))
		e = more(r, "l3mdev");
	if (e == 0 && at[FRA_UID_RANGE].p && at[FRA_UID_RANGE].len >= sizeof(uid)) {
		memcpy(&uid, at[FRA_UID_RANGE].p, sizeof(uid));
		e = more(r, "uidrange %" PRIu32 "-%" PRIu32, uid.start, uid.end);
	}
	if (e == 0 && protocol) {
		size_t i = 0;

		while (i < ARRAY_SIZE(protocols) && protocols[i].number != protocol)
			i++;
		e = i < ARRAY_SIZE(protocols) ? more(r, "ipproto %s", protocols[i].name) :
						more(r, "ipproto %u", protocol);
	}
	if (e == 0 && pair16(&at[FRA_SPORT_RANGE], v))
		e = range(r, "sport", v[0], v[1]);
	if (e == 0 && pair16(&at[FRA_DPORT_RANGE], v))
		e = range(r, "dport", v[0], v[1]);
	return e;
}

static int action_of(struct machine_rule *r, const struct fib_rule_hdr *h,
		     const struct netlink_attr *at)
{
	char text[32];

	switch (h->action) {
	case FR_ACT_TO_TBL:
		return 0;
	case FR_ACT_GOTO:
		snprintf(text, sizeof(text), "goto %" PRIu32,
			 netlink_attr_u32(&at[FRA_GOTO], 0));
		return set(&r->action, text);
	case FR_ACT_NOP:
		return set(&r->action, "nop");
	case FR_ACT_BLACKHOLE:
		return set(&r->action, "blackhole");
	case FR_ACT_UNREACHABLE:
		return set(&r->action, "unreachable");
	case FR_ACT_PROHIBIT:
		return set(&r->action, "prohibit");
	default:
		snprintf(text, sizeof(text), "%u", h->action);
		return set(&r->action, text);
	}
}

int net_rule_message(struct net_message *s, const uint8_t *p, size_t len)
{
	struct netlink_attr at[FRA_DPORT_RANGE + 1];
	struct machine_rule r = { 0 };
	struct fib_rule_hdr h;
	uint32_t table;
	char text[64];
	int e;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (h.family != AF_INET && h.family != AF_INET6)
		return 0;
	netlink_attrs_after(p, len, sizeof(h), at, ARRAY_SIZE(at));
	r.priority = netlink_attr_u32(&at[FRA_PRIORITY], 0);
	r.invert = (h.flags & FIB_RULE_INVERT) != 0;
	table = netlink_attr_u32(&at[FRA_TABLE], h.table);
	e = set(&r.family, h.family == AF_INET ? "inet" : "inet6");
	if (e == 0)
		e = address(&at[FRA_SRC], h.family, h.src_len, &r.from);
	if (e == 0)
		e = address(&at[FRA_DST], h.family, h.dst_len, &r.to);
	if (e == 0)
		e = name(&at[FRA_IIFNAME], &r.iif);
	if (e == 0)
		e = name(&at[FRA_OIFNAME], &r.oif);
	if (e == 0)
		e = conditions(&r, &h, at);
	if (e == 0)
		e = action_of(&r, &h, at);
	if (e == 0 && table != RT_TABLE_UNSPEC)
		e = set(&r.table, net_message_table(s->rt_tables, table, text, sizeof(text)));
	return keep(s->m, &r, e);
}

/* ---- JSON */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint32_t number_of(const json_t *o, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(o, key));

	return v > 0 && v <= UINT32_MAX ? (uint32_t)v : 0;
}

/* "src": "10.0.0.0", "srclen": 24; a whole address has no length, and "all" is none. */
static int json_address(const json_t *o, const char *key, const char *key_len, char **to)
{
	const char *a = text_of(o, key);
	uint32_t bits = number_of(o, key_len);
	char text[INET6_ADDRSTRLEN + 16];

	if (!a || strcmp(a, "all") == 0)
		return 0;
	if (strcmp(a, "0") == 0)
		a = "0.0.0.0";
	snprintf(text, sizeof(text), "%.45s/%" PRIu32, a, bits ? bits : strchr(a, ':') ? 128 : 32);
	return set(to, text);
}

/* 0x1, as text or, of some versions, as a number. */
static bool json_hex(const json_t *o, const char *key, uint32_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_string(v))
		*ret = (uint32_t)strtoul(json_string_value(v), NULL, 16);
	else if (json_is_integer(v))
		*ret = (uint32_t)json_integer_value(v);
	return json_is_string(v) || json_is_integer(v);
}

static int json_range(struct machine_rule *r, const json_t *o, const char *word)
{
	char from[24], to[24];

	snprintf(from, sizeof(from), "%s_start", word);
	snprintf(to, sizeof(to), "%s_end", word);
	if (json_object_get(o, word))
		return range(r, word, number_of(o, word), number_of(o, word));
	return json_object_get(o, from) ? range(r, word, number_of(o, from), number_of(o, to)) : 0;
}

static int json_conditions(struct machine_rule *r, const json_t *o)
{
	uint32_t value = 0, mask = UINT32_MAX;
	const char *protocol = text_of(o, "ipproto"), *tos = text_of(o, "tos");
	int e = 0;

	if (json_hex(o, "fwmark", &value)) {
		json_hex(o, "fwmask", &mask);
		e = mark(r, value, mask);
	}
	if (e == 0 && tos)
		e = more(r, "tos %.16s", tos);
	if (e == 0 && json_object_get(o, "l3mdev"))
		e = more(r, "l3mdev");
	if (e == 0 && json_object_get(o, "uid_start"))
		e = more(r, "uidrange %" PRIu32 "-%" PRIu32, number_of(o, "uid_start"),
			 number_of(o, "uid_end"));
	if (e == 0 && protocol)
		e = more(r, "ipproto %.32s", protocol);
	if (e == 0)
		e = json_range(r, o, "sport");
	return e == 0 ? json_range(r, o, "dport") : e;
}

static int json_action(struct machine_rule *r, const json_t *o)
{
	const json_t *to = json_object_get(o, "goto");
	char text[32];

	if (to) {
		snprintf(text, sizeof(text), "goto %" PRIu32, number_of(o, "goto"));
		return set(&r->action, text);
	}
	return json_object_get(o, "nop") ? set(&r->action, "nop") :
					   set(&r->action, text_of(o, "action"));
}

int net_rule_json(struct machine *m, const json_t *rules, const char *family)
{
	const json_t *o;
	size_t i;

	json_array_foreach(rules, i, o) {
		struct machine_rule r = { .priority = number_of(o, "priority") };
		int e;

		if (!json_is_object(o))
			continue;
		r.invert = json_object_get(o, "not") != NULL;
		e = set(&r.family, family);
		if (e == 0)
			e = json_address(o, "src", "srclen", &r.from);
		if (e == 0)
			e = json_address(o, "dst", "dstlen", &r.to);
		if (e == 0)
			e = set(&r.iif, text_of(o, "iif"));
		if (e == 0)
			e = set(&r.oif, text_of(o, "oif"));
		if (e == 0)
			e = json_conditions(&r, o);
		if (e == 0)
			e = json_action(&r, o);
		if (e == 0)
			e = set(&r.table, text_of(o, "table"));
		e = keep(m, &r, e);
		if (e < 0)
			return e;
	}
	return 0;
}
