/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/netcfg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "postfix/linux/net_plan.h"

static bool mac_valid(const char *mac)
{
	if (!mac || strlen(mac) != 17)
		return false;
	for (size_t i = 0; i < 17; i++)
		if (i % 3 == 2 ? mac[i] != ':' : !isxdigit((unsigned char)mac[i]))
			return false;
	return strcmp(mac, "00:00:00:00:00:00") != 0;
}

const char *netcfg_mac(const struct machine_nic *nic)
{
	if (mac_valid(nic->permanent_mac))
		return nic->permanent_mac;
	return mac_valid(nic->mac) ? nic->mac : NULL;
}

bool netcfg_name_valid(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (!n || n > 15 || !isalnum((unsigned char)s[0]))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-' && *s != '.')
			return false;
	return true;
}

bool netcfg_is_pinnable(const struct machine_nic *nic)
{
	return nic->kind && strcmp(nic->kind, "physical") == 0 && netcfg_name_valid(nic->name) &&
	       netcfg_mac(nic);
}

int netcfg_link_file(const char *name, const char *mac, bool by_permanent, char **ret)
{
	char *s;

	/*
	 * The path keeps VLANs and bridges out, which have the MAC of what they stand on.
	 */
	s = text_format("# The name that this interface had on the physical machine.\n"
			"[Match]\n%s=%s\n%s\n[Link]\nName=%s\n",
			by_permanent ? "PermanentMACAddress" : "MACAddress", mac,
			by_permanent ? "" : "Path=*pci-*\n", name);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int netcfg_udev_rule(const char *name, const char *mac, char **ret)
{
	char *s;

	s = text_format("SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", "
			"ATTR{address}==\"%s\", ATTR{type}==\"1\", NAME=\"%s\"\n",
			mac, name);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* One KEY=="value" term of a udev rule, quotes respected; false at the end of the line. */
struct term {
	struct span all, key, value;
};

static bool next_term(const char **pos, const char *end, struct term *t)
{
	const char *p = *pos, *q;

	while (p < end && (*p == ' ' || *p == '\t' || *p == ','))
		p++;
	if (p == end)
		return false;
	t->all.s = p;
	while (p < end && *p != '=' && *p != '!' && *p != '+' && *p != ':' && *p != ' ' &&
	       *p != ',')
		p++;
	t->key = (struct span){ t->all.s, (size_t)(p - t->all.s) };
	while (p < end && *p != '"' && *p != ',')
		p++;
	t->value = (struct span){ p, 0 };
	if (p < end && *p == '"') {
		q = memchr(p + 1, '"', (size_t)(end - p - 1));
		if (!q)
			q = end;
		t->value = (struct span){ p + 1, (size_t)(q - p) - 1 };
		p = q < end ? q + 1 : end;
	}
	t->all.len = (size_t)(p - t->all.s);
	*pos = p;
	return true;
}

static bool is_compare(const struct term *t)
{
	const char *op = t->key.s + t->key.len;

	return op + 1 < t->all.s + t->all.len && op[0] == '=' && op[1] == '=';
}

static bool ties_to_hardware(const struct term *t)
{
	if (!is_compare(t))
		return false;
	if (lines_span_is(t->key, "KERNELS") || lines_span_is(t->key, "ID") ||
	    lines_span_is(t->key, "BUS") || lines_span_is(t->key, "ENV{ID_PATH}") ||
	    lines_span_is(t->key, "ENV{ID_NET_NAME_PATH}"))
		return true;
	/* Which port of a card; virtual ones have one each. */
	if (lines_span_is(t->key, "ATTR{dev_id}") || lines_span_is(t->key, "ATTR{dev_port}"))
		return !lines_span_is(t->value, "0x0") && !lines_span_is(t->value, "0");
	/* "?*" only asks for some driver, and keeps bridges and VLANs out. */
	return (lines_span_is(t->key, "DRIVERS") || lines_span_is(t->key, "DRIVER") ||
		lines_span_is(t->key, "ENV{ID_NET_DRIVER}")) &&
	       !lines_span_is(t->value, "?*");
}

static bool is_address(const struct term *t)
{
	return lines_span_is(t->key, "ATTR{address}") || lines_span_is(t->key, "SYSFS{address}");
}

struct rule {
	bool tied, is_net;
	struct span address;		/* s NULL: it has none */
	const struct net_if *x;		/* by its address, else by the name that it gives */
};

static struct rule read_rule(const struct line *l, const struct net_plan *p)
{
	const char *pos = l->s, *end = l->s + l->len;
	struct rule r = { 0 };
	struct span name = { NULL, 0 };
	struct term t;

	while (next_term(&pos, end, &t)) {
		r.tied = r.tied || ties_to_hardware(&t);
		if (lines_span_is(t.key, "SUBSYSTEM"))
			r.is_net = lines_span_is(t.value, "net");
		if (is_address(&t))
			r.address = t.value;
		if (lines_span_is(t.key, "NAME") && !is_compare(&t))
			name = t.value;
	}
	if (r.address.s)
		r.x = net_plan_find_mac(p, r.address);
	else if (name.s)
		r.x = net_plan_find(p, name);
	if (r.x && !r.x->vnic)
		r.x = NULL;
	return r;
}

static int udev_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct net_plan *p = opaque;
	const char *pos = l->s, *end = l->s + l->len, *at = l->s;
	bool changed = false;
	struct rule r = { 0 };
	struct term t;

	if (!lines_is_comment(l, "#") && !(l->len && end[-1] == '\\'))
		r = read_rule(l, p);
	/* Without an address it is known by its name; else nothing can take the slot's place. */
	if (!r.is_net || (!r.address.s && !r.x))
		goto keep;
	for (; next_term(&pos, end, &t); at = pos) {
		const char *mac = is_address(&t) ? net_plan_new_mac(p, t.value) : NULL;
		const char *name = r.x && lines_span_is(t.key, "NAME") && !is_compare(&t) &&
				   lines_span_is(t.value, r.x->name) ? r.x->new_name : NULL;

		if (ties_to_hardware(&t)) {
			changed = true;
			if (r.address.s)
				continue;
			strbuf_addn(out, at, (size_t)(t.all.s - at));
			strbuf_addf(out, "ATTR{address}==\"%s\"", r.x->mac);
			r.address = t.value;
			continue;
		}
		/*
		 * The comma belongs to the term before; a dropped first term takes its own along.
		 */
		strbuf_addn(out, at, (size_t)(t.all.s - at));
		if (mac || (name && !lines_span_is(t.value, name))) {
			strbuf_addn(out, t.all.s, (size_t)(t.value.s - t.all.s));
			strbuf_add(out, mac ? mac : name);
			strbuf_addn(out, t.value.s + t.value.len,
				    (size_t)(t.all.s + t.all.len - t.value.s - t.value.len));
			changed = true;
		} else {
			strbuf_addn(out, t.all.s, t.all.len);
		}
	}
	strbuf_addn(out, at, (size_t)(l->s + l->full - at));
	return changed;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

int netcfg_rewrite_udev(const char *text, const struct net_plan *p, char **ret)
{
	return lines_rewrite(text, udev_line, (void *)(uintptr_t)p, ret);
}

static int cd_line(const struct line *l, struct strbuf *out, void *opaque)
{
	bool drive = false, tied = false;
	const char *pos = l->s;
	struct term t;

	(void)opaque;
	while (!lines_is_comment(l, "#") && next_term(&pos, l->s + l->len, &t)) {
		drive = drive || lines_span_is(t.key, "ENV{ID_CDROM}");
		tied = tied || (is_compare(&t) && (lines_span_is(t.key, "ENV{ID_PATH}") ||
						   lines_span_is(t.key, "ENV{ID_SERIAL}")));
	}
	if (drive && tied)
		strbuf_add(out, "#");
	strbuf_addn(out, l->s, l->full);
	return drive && tied;
}

int netcfg_rewrite_cd(const char *text, char **ret)
{
	return lines_rewrite(text, cd_line, NULL, ret);
}
