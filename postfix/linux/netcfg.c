/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/netcfg.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/lines.h"

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

int netcfg_kernel_number(const char *name)
{
	size_t n;

	if (strncmp(name, "eth", 3) != 0)
		return -1;
	n = strspn(name + 3, "0123456789");
	if (!n || n > 4 || name[3 + n])
		return -1;
	return atoi(name + 3);
}

bool netcfg_names_collide(const struct machine *m)
{
	int count = 0, i = 0;

	for (size_t k = 0; k < m->nnics; k++)
		count += netcfg_is_pinnable(&m->nics[k]);
	for (size_t k = 0; k < m->nnics; k++) {
		int want;

		if (!netcfg_is_pinnable(&m->nics[k]))
			continue;
		want = netcfg_kernel_number(m->nics[k].name);
		/*
		 * The kernel calls this one eth<i> first; somebody else has the wanted name then.
		 */
		if (want >= 0 && want < count && want != i)
			return true;
		i++;
	}
	return false;
}

int netcfg_link_file(const struct machine_nic *nic, bool by_permanent, char **ret)
{
	char *s;
	int r;

	if (by_permanent)
		r = asprintf(&s, "# The name that this interface had on the physical machine.\n"
				 "[Match]\nPermanentMACAddress=%s\n\n[Link]\nName=%s\n",
			     netcfg_mac(nic), nic->name);
	else
		/*
		 * The path keeps VLANs and bridges out, which have the MAC of what they stand on.
		 */
		r = asprintf(&s, "# The name that this interface had on the physical machine.\n"
				 "[Match]\nMACAddress=%s\nPath=*pci-*\n\n[Link]\nName=%s\n",
			     netcfg_mac(nic), nic->name);
	if (r < 0)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int netcfg_udev_rule(const struct machine_nic *nic, char **ret)
{
	char *s;

	if (asprintf(&s,
		     "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"%s\", "
		     "ATTR{type}==\"1\", NAME=\"%s\"\n",
		     netcfg_mac(nic), nic->name) < 0)
		return -ENOMEM;
	*ret = s;
	return 0;
}

static const struct machine_nic *find_nic(const struct machine *m, struct span name)
{
	for (size_t i = 0; i < m->nnics; i++)
		if (m->nics[i].name && lines_span_is(name, m->nics[i].name))
			return &m->nics[i];
	return NULL;
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
	    lines_span_is(t->key, "ENV{ID_PATH}"))
		return true;
	/* "?*" only asks for some driver, and keeps bridges and VLANs out. */
	return (lines_span_is(t->key, "DRIVERS") || lines_span_is(t->key, "DRIVER")) &&
	       !lines_span_is(t->value, "?*");
}

static int udev_line(const struct line *l, const struct machine *m, struct strbuf *out)
{
	const char *p = l->s, *end = l->s + l->len, *at = l->s;
	bool tied = false, has_address = false, is_net = false;
	const struct machine_nic *nic = NULL;
	struct term t;

	if (lines_is_comment(l, "#") || (l->len && end[-1] == '\\'))
		goto keep;
	while (next_term(&p, end, &t)) {
		tied = tied || ties_to_hardware(&t);
		if (lines_span_is(t.key, "SUBSYSTEM"))
			is_net = lines_span_is(t.value, "net");
		if (lines_span_is(t.key, "ATTR{address}") || lines_span_is(t.key, "SYSFS{address}"))
			has_address = true;
		if (lines_span_is(t.key, "NAME") && !is_compare(&t))
			nic = find_nic(m, t.value);
	}
	if (!tied || !is_net || (!has_address && (!nic || !netcfg_mac(nic))))
		goto keep;
	for (p = l->s; next_term(&p, end, &t); at = p) {
		if (ties_to_hardware(&t)) {
			if (has_address)
				continue;
			strbuf_addn(out, at, (size_t)(t.all.s - at));
			strbuf_addf(out, "ATTR{address}==\"%s\"", netcfg_mac(nic));
			has_address = true;
			continue;
		}
		/*
		 * The comma belongs to the term before; a dropped first term takes its own along.
		 */
		strbuf_addn(out, at, (size_t)(t.all.s - at));
		strbuf_addn(out, t.all.s, t.all.len);
	}
	strbuf_addn(out, at, (size_t)(l->s + l->full - at));
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return 0;
}

/* Run fn over the lines; the common end of every rewriter here. */
static int finish(int changed, struct strbuf *out, char **ret)
{
	char *s;

	if (!changed) {
		return out->failed ? -ENOMEM : 0;
	}
	s = strbuf_take(out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

int netcfg_rewrite_udev(const char *text, const struct machine *m, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	struct line l;
	int changed = 0;

	while (lines_next(&pos, &l))
		changed |= udev_line(&l, m, &out);
	return finish(changed, &out, ret);
}

static bool glob_any(struct span patterns, const char *s)
{
	const char *p = patterns.s, *end = patterns.s + patterns.len;
	struct span w;

	while (lines_word(&p, end, &w)) {
		CLEANUP(mem_free) char *glob = NULL;

		while (w.len && w.s[w.len - 1] == ';')
			w.len--;
		glob = lines_span_dup(w);
		if (glob && fnmatch(glob, s, 0) == 0)
			return true;
	}
	return false;
}

static bool nic_matches(const struct machine_nic *nic, bool by_path, struct span patterns)
{
	char path[80];

	if (!netcfg_is_pinnable(nic))
		return false;
	if (!by_path)
		return nic->driver && glob_any(patterns, nic->driver);
	if (!nic->bus)
		return false;
	snprintf(path, sizeof(path), "pci-%s", nic->bus);
	return glob_any(patterns, path);
}

/* What the machine's NICs that matched are to be called by from now on; NULL when none did. */
static int match_list(enum netcfg_ini kind, const struct machine *m, bool by_path,
		      struct span patterns, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	*ret = NULL;
	for (size_t i = 0; i < m->nnics; i++) {
		if (!nic_matches(&m->nics[i], by_path, patterns))
			continue;
		if (b.len)
			strbuf_add(&b, kind == NETCFG_NM ? ";" : " ");
		strbuf_add(&b, kind == NETCFG_NETWORKD_LINK ? netcfg_mac(&m->nics[i])
							    : m->nics[i].name);
	}
	if (b.failed)
		return -ENOMEM;
	if (!b.len)
		return 0;
	*ret = strbuf_take(&b);
	return *ret ? 0 : -ENOMEM;
}

struct ini_keys {
	const char *section, *path, *driver, *stable;
};

static const struct ini_keys ini_keys[] = {
	[NETCFG_NETWORKD_NETWORK] = { "Match", "Path", "Driver", "Name" },
	[NETCFG_NETWORKD_LINK] = { "Match", "Path", "Driver", "MACAddress" },
	[NETCFG_NM] = { "match", "path", "driver", "interface-name" },
};

/* Is the section tied to a stable name already? Then a path or driver only has to go. */
static bool has_stable_key(const char *text, enum netcfg_ini kind)
{
	const struct ini_keys *k = &ini_keys[kind];
	bool inside = false;
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct span key, value;

		if (lines_section(&l, &key)) {
			inside = lines_span_is(key, k->section) ||
				 (kind == NETCFG_NM && (lines_span_is(key, "connection") ||
							lines_span_is(key, "ethernet") ||
							lines_span_is(key, "802-3-ethernet")));
			continue;
		}
		if (!inside || lines_is_comment(&l, "#;") || !lines_assignment(&l, &key, &value) ||
		    !value.len)
			continue;
		if (lines_span_is(key, k->stable) || lines_span_is(key, "MACAddress") ||
		    lines_span_is(key, "PermanentMACAddress") || lines_span_is(key, "mac-address"))
			return true;
	}
	return false;
}

int netcfg_rewrite_ini(enum netcfg_ini kind, const char *text, const struct machine *m, char **ret,
		       struct machine_strv *notes)
{
	const struct ini_keys *k = &ini_keys[kind];
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	bool inside = false, stable = has_stable_key(text, kind);
	const char *pos = text;
	int changed = 0, r;
	struct line l;

	while (lines_next(&pos, &l)) {
		CLEANUP(mem_free) char *list = NULL;
		struct span key, value;
		bool by_path;

		if (lines_section(&l, &key))
			inside = lines_span_is(key, k->section);
		if (!inside || lines_is_comment(&l, "#;[") || !lines_assignment(&l, &key, &value) ||
		    !value.len)
			goto keep;
		by_path = lines_span_is(key, k->path);
		if (!by_path && !lines_span_is(key, k->driver))
			goto keep;
		/* Any PCI device, as our own pins say: true in the VM as well. */
		if (by_path && lines_span_is(value, "*pci-*"))
			goto keep;
		/* Drivers of devices that stay as they are: bonds, bridges, ... */
		r = match_list(kind, m, by_path, value, &list);
		if (r < 0)
			return r;
		if (!list && !stable) {
			CLEANUP(mem_free) char *msg = NULL;
			char safe[120];

			text_escape(l.s, l.len, safe, sizeof(safe));
			if (asprintf(&msg,
				     "%s matches none of the recorded interfaces: left as it is",
				     safe) < 0)
				return -ENOMEM;
			if (notes && machine_strv_add(notes, msg) < 0)
				return -ENOMEM;
			goto keep;
		}
		if (!list)
			goto keep;
		changed = 1;
		if (!stable) {
			strbuf_addf(&out, "%s=%s\n", k->stable, list);
			stable = true;
		}
		continue;
keep:
		strbuf_addn(&out, l.s, l.full);
	}
	return finish(changed, &out, ret);
}

int netcfg_rewrite_ifupdown(const char *text, char **ret)
{
	static const char *const globs[] = {
		"link-speed",
		"link-duplex",
		"ethernet-port",
		"ethernet-wol",
		"ethernet-autoneg",
		"ethernet-pause-*",
		"hardware-irq-coalesce-*",
		"hardware-dma-ring-*",
		"driver-message-level",
	};
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	int changed = 0;
	struct line l;

	while (lines_next(&pos, &l)) {
		const char *p = l.s;
		struct span w;
		bool hit = false;

		if (!lines_is_comment(&l, "#") && lines_word(&p, l.s + l.len, &w)) {
			CLEANUP(mem_free) char *word = lines_span_dup(w);

			if (!word)
				return -ENOMEM;
			for (size_t i = 0; i < ARRAY_SIZE(globs); i++)
				hit = hit || fnmatch(globs[i], word, 0) == 0;
		}
		if (hit) {
			changed = 1;
			strbuf_add(&out, "#");
		}
		strbuf_addn(&out, l.s, l.full);
	}
	return finish(changed, &out, ret);
}
