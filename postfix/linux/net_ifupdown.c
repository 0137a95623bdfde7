/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_ifupdown.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/net_bond.h"

/* A line, with those that it goes on in. */
struct row {
	struct line l;
	struct span word, value;	/* the first word, and the rest of the line */
	bool comment;
};

struct job {
	const struct net_plan *p;
	struct row *v;
	size_t n;
	struct strbuf out;
	bool changed;
	bool *done;
	bool *v4, *v6;			/* by interface: a stanza of that family was there */
	struct machine_strv *notes;
};

static struct span trimmed(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct span){ s, (size_t)(end - s) };
}

static int parse(struct job *j, const char *text)
{
	const char *pos = text;
	size_t cap = 0;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct row r = { .l = l, .comment = lines_is_comment(&l, "#") };
		const char *p;

		while (!r.comment && l.len && l.s[l.len - 1] == '\\' && lines_next(&pos, &l)) {
			r.l.len = r.l.full + l.len;
			r.l.full += l.full;
		}
		p = r.l.s;
		if (!r.comment && lines_word(&p, r.l.s + r.l.len, &r.word))
			r.value = trimmed(p, r.l.s + r.l.len);
		if (j->n == cap) {
			size_t more = cap ? cap * 2 : 64;
			struct row *v = reallocarray(j->v, more, sizeof(*v));

			if (!v)
				return -ENOMEM;
			j->v = v;
			cap = more;
		}
		j->v[j->n++] = r;
	}
	return 0;
}

static void keep(struct job *j, const struct row *r)
{
	strbuf_addn(&j->out, r->l.s, r->l.full);
}

static void off(struct job *j, const struct row *r)
{
	const char *pos = r->l.s, *end = r->l.s + r->l.full;
	struct line l;

	while (pos < end && lines_next(&pos, &l)) {
		strbuf_add(&j->out, "#");
		strbuf_addn(&j->out, l.s, l.full);
	}
	j->changed = true;
}

/* Another value for the option in r, with what stood around it. */
static void put(struct job *j, const struct row *r, const char *value)
{
	strbuf_addn(&j->out, r->l.s, (size_t)(r->value.s - r->l.s));
	strbuf_add(&j->out, value);
	strbuf_addn(&j->out, r->l.s + r->l.len, r->l.full - r->l.len);
	j->changed = true;
}

static bool glob_is(const char *const *globs, size_t n, struct span w)
{
	char buf[64];

	if (w.len >= sizeof(buf))
		return false;
	memcpy(buf, w.s, w.len);
	buf[w.len] = '\0';
	for (size_t i = 0; i < n; i++)
		if (fnmatch(globs[i], buf, 0) == 0)
			return true;
	return false;
}

static bool starts_stanza(const struct row *r)
{
	static const char *const words[] = {
		"iface", "auto", "mapping", "allow-*", "no-auto-down", "no-scripts", "source",
		"source-directory", "rename", "template", "vlan",
	};

	return !r->comment && glob_is(words, ARRAY_SIZE(words), r->word);
}

/* "up ethtool -s eth0 wol g", "pre-up /sbin/mii-tool ..." */
static bool runs_tool(const struct row *r)
{
	static const char *const verbs[] = { "up", "pre-up", "post-up", "down", "pre-down",
					     "post-down" };
	static const char *const tools[] = { "ethtool", "mii-tool", "*/ethtool", "*/mii-tool" };
	const char *p = r->value.s;
	struct span w;

	return glob_is(verbs, ARRAY_SIZE(verbs), r->word) &&
	       lines_word(&p, r->value.s + r->value.len, &w) &&
	       glob_is(tools, ARRAY_SIZE(tools), w);
}

static bool is_hardware(const struct row *r)
{
	static const char *const globs[] = {
		"link-speed", "link-duplex", "link-autoneg", "ethernet-port", "ethernet-wol",
		"ethernet-autoneg", "ethernet-pause-*", "hardware-irq-coalesce-*",
		"hardware-dma-ring-*", "driver-message-level", "offload-*", "ethtool-*",
	};

	return glob_is(globs, ARRAY_SIZE(globs), r->word) || runs_tool(r);
}

static bool is_bond_option(const struct row *r)
{
	static const char *const globs[] = { "bond-*", "bond_*", "slaves", "requires" };

	return glob_is(globs, ARRAY_SIZE(globs), r->word) ||
	       (lines_span_is(r->word, "use") && lines_span_is(r->value, "bond")) ||
	       (r->value.len && (memmem(r->value.s, r->value.len, "ifenslave", 9) ||
				 memmem(r->value.s, r->value.len, "modprobe bonding", 16)));
}

/* "bond_mode", "bond-mode" */
static bool option_is(const struct row *r, const char *name)
{
	size_t n = strlen(name);

	if (r->word.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (r->word.s[i] != name[i] && !(name[i] == '-' && r->word.s[i] == '_'))
			return false;
	return true;
}

/* -- one "iface" stanza: rows from + 1 up to end are its options */

struct stanza {
	size_t from, end;
	struct span name, family, method;
	const struct net_if *x;
	bool v6;
};

static size_t stanza_end(const struct job *j, size_t from)
{
	size_t end = from + 1;

	while (end < j->n && !starts_stanza(&j->v[end]))
		end++;
	/* Comments before the next stanza are its own. */
	while (end > from + 1 && j->v[end - 1].comment)
		end--;
	return end;
}

static bool is_member(const struct job *j, const struct stanza *s)
{
	if (s->x && s->x->bond)
		return s->x->bond->flat;
	for (size_t i = s->from + 1; i < s->end; i++)
		if (option_is(&j->v[i], "bond-master") &&
		    net_plan_is_flat(j->p, j->v[i].value))
			return true;
	return false;
}

/* The lines that new addresses of a family come down to. */
struct lines_wanted {
	char *v[IPSPEC_ADDRESSES_MAX + 8];
	bool there[IPSPEC_ADDRESSES_MAX + 8];
	size_t n;
	bool failed;
};

static void want(struct lines_wanted *w, char *line)
{
	if (!line || w->n == ARRAY_SIZE(w->v)) {
		w->failed = true;
		free(line);
		return;
	}
	w->there[w->n] = false;
	w->v[w->n++] = line;
}

static void wanted_done(struct lines_wanted *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->v[i]);
}
DEFINE_CLEANUP_VALUE(struct lines_wanted, wanted_done)

/* plain: a stanza without family, of ifupdown-ng, where addresses have their length with them. */
static void want_family(struct lines_wanted *w, const struct net_if *x, bool v6, bool plain)
{
	const struct ipspec *ip = &x->ip;
	bool first = true;

	for (size_t i = 0; i < ip->naddresses; i++) {
		const struct ipspec_ip *a = &ip->address[i];
		char mask[16];

		if (a->v6 != v6)
			continue;
		if (plain) {
			want(w, text_format("address %s/%u", a->text, a->prefix));
			continue;
		}
		if (!first) {
			want(w, text_format("up ip %s addr add %s/%u dev %s", v6 ? "-6" : "-4",
					    a->text, a->prefix, x->new_name));
			continue;
		}
		first = false;
		want(w, text_format("address %s", a->text));
		ipspec_netmask(a->prefix, mask);
		/* Old ones take no length behind the address. */
		want(w, v6 ? text_format("netmask %u", a->prefix) :
			     text_format("netmask %s", mask));
	}
	if (ip->has_gateway[v6])
		want(w, text_format("gateway %s", ip->gateway[v6].text));
	if (plain && !v6 && ip->dhcp)
		want(w, strdup("use dhcp"));
}

static void want_dns(struct lines_wanted *w, const struct net_if *x)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	if (!x->ip.ndns)
		return;
	strbuf_add(&b, "dns-nameservers");
	for (size_t i = 0; i < x->ip.ndns; i++)
		strbuf_addf(&b, " %s", x->ip.dns[i].text);
	want(w, strbuf_take(&b));
}

static bool is_wanted(struct lines_wanted *w, const struct row *r)
{
	for (size_t i = 0; i < w->n; i++) {
		const char *p = r->l.s, *want_p = w->v[i];
		struct span a, b;
		bool more;

		if (w->there[i])
			continue;
		do {
			more = lines_word(&p, r->l.s + r->l.len, &a);
			if (more != lines_word(&want_p, w->v[i] + strlen(w->v[i]), &b) ||
			    (more && (a.len != b.len || memcmp(a.s, b.s, a.len) != 0)))
				break;
		} while (more);
		if (!more && *want_p == '\0') {
			w->there[i] = true;
			return true;
		}
	}
	return false;
}

static bool is_v6(struct span v)
{
	return memchr(v.s, ':', v.len) != NULL;
}

static bool is_address_option(const struct row *r, const struct stanza *s)
{
	static const char *const globs[] = {
		"address", "netmask", "gateway", "network", "broadcast", "pointopoint",
	};
	bool plain = !s->family.len;

	if (lines_span_is(r->word, "up") && r->value.len &&
	    memmem(r->value.s, r->value.len, " addr add ", 10))
		return true;
	if (plain && lines_span_is(r->word, "use") && lines_span_is(r->value, "dhcp"))
		return ipspec_has(&s->x->ip, false);
	if (!glob_is(globs, ARRAY_SIZE(globs), r->word))
		return false;
	return !plain || ipspec_has(&s->x->ip, is_v6(r->value));
}

static void put_wanted(struct job *j, const struct lines_wanted *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->there[i])
			continue;
		strbuf_addf(&j->out, "\t%s\n", w->v[i]);
		j->changed = true;
	}
	if (w->failed)
		j->out.failed = true;
}

/* iface NAME FAMILY METHOD: with the method that the new addresses need. */
static void put_head(struct job *j, const struct stanza *s)
{
	const struct row *r = &j->v[s->from];
	const char *method = !s->v6 && s->x->ip.dhcp ? "dhcp" : "static";

	if (!s->method.len || lines_span_is(s->method, method)) {
		keep(j, r);
	} else {
		strbuf_addn(&j->out, r->l.s, (size_t)(s->method.s - r->l.s));
		strbuf_add(&j->out, method);
		strbuf_addn(&j->out, s->method.s + s->method.len,
			    (size_t)(r->l.s + r->l.full - s->method.s - s->method.len));
		j->changed = true;
	}
	if (j->out.len && j->out.s[j->out.len - 1] != '\n')
		strbuf_add(&j->out, "\n");
}

/* What a bond that stays needs besides its own lines. */
static void put_bond(struct job *j, const struct stanza *s, const struct row *r, bool mode,
		     bool watched, bool primary)
{
	const char *first = s->x && s->x->carrier ? s->x->carrier->name : NULL;
	struct span indent = { r->l.s, (size_t)(lines_text(&r->l) - r->l.s) };
	char c = r->word.len > 4 && r->word.s[4] == '_' ? '_' : '-';

	if (r->l.full == r->l.len)
		strbuf_add(&j->out, "\n");
	if (!mode)
		strbuf_addf(&j->out, "%.*sbond%cmode active-backup\n", (int)indent.len, indent.s,
			    c);
	if (!watched)
		strbuf_addf(&j->out, "%.*sbond%cmiimon 100\n", (int)indent.len, indent.s, c);
	if (!primary && first)
		strbuf_addf(&j->out, "%.*sbond%cprimary %s\n", (int)indent.len, indent.s, c,
			    first);
	j->changed = true;
}

struct bond {
	const struct row *at;		/* its mode, or its members: what is added stands behind */
	bool mode, backup, watched, primary, is;
};

static struct bond look(const struct job *j, const struct stanza *s)
{
	struct bond b = { 0 };

	for (size_t i = s->from + 1; i < s->end; i++) {
		const struct row *r = &j->v[i];

		if (option_is(r, "bond-mode")) {
			b.mode = b.is = true;
			b.backup = net_bond_is_backup(r->value);
			b.at = r;
		}
		if (option_is(r, "bond-slaves") || option_is(r, "bond-members") ||
		    option_is(r, "slaves")) {
			b.is = true;
			b.at = b.at ? b.at : r;
		}
		b.watched = b.watched || option_is(r, "bond-miimon") ||
			    option_is(r, "bond-arp-interval");
		b.primary = b.primary || option_is(r, "bond-primary");
	}
	return b;
}

/* "hwaddress ether 00:..." or without the word. */
static const char *new_mac(const struct job *j, const struct row *r, struct span *ret)
{
	const char *p = r->value.s;

	if (!lines_span_is(r->word, "hwaddress") && !lines_span_is(r->word, "hwaddress-ether"))
		return NULL;
	while (lines_word(&p, r->value.s + r->value.len, ret)) {
		const char *mac = net_plan_new_mac(j->p, *ret);

		if (mac)
			return mac;
	}
	return NULL;
}

static void options(struct job *j, const struct stanza *s, struct lines_wanted *w)
{
	bool flat = s->x && s->x->flat;
	struct bond b = look(j, s);

	for (size_t i = s->from + 1; i < s->end; i++) {
		const struct row *r = &j->v[i];
		const char *mac;
		struct span at;

		if (r->comment)
			keep(j, r);
		else if (is_hardware(r))
			off(j, r);
		else if (flat && (is_bond_option(r) || lines_span_is(r->word, "hwaddress")))
			off(j, r);
		else if (w && (is_address_option(r, s) ||
			       (s->x->ip.ndns && lines_span_is(r->word, "dns-nameservers"))) &&
			 !is_wanted(w, r))
			off(j, r);
		else if (b.is && !b.backup && option_is(r, "bond-mode"))
			put(j, r, "active-backup");
		else if (b.is && !b.backup && net_bond_is_balancing(r->word))
			off(j, r);
		else if ((mac = new_mac(j, r, &at))) {
			strbuf_addn(&j->out, r->l.s, (size_t)(at.s - r->l.s));
			strbuf_add(&j->out, mac);
			strbuf_addn(&j->out, at.s + at.len,
				    (size_t)(r->l.s + r->l.full - at.s - at.len));
			j->changed = true;
		} else {
			keep(j, r);
		}
		if (!flat && b.is && !b.backup && r == b.at)
			put_bond(j, s, r, b.mode, b.watched, b.primary);
	}
}

static void stanza(struct job *j, const struct stanza *s)
{
	CLEANUP(wanted_done) struct lines_wanted w = { 0 };
	bool plain = !s->family.len;
	size_t me = s->x ? (size_t)(s->x - j->p->v) : 0;
	bool address = s->x && s->x->readdress &&
		       (plain || ipspec_has(&s->x->ip, s->v6)) &&
		       !lines_span_is(s->method, "loopback");

	if (is_member(j, s)) {
		for (size_t i = s->from; i < s->end; i++)
			if (j->v[i].comment)
				keep(j, &j->v[i]);
			else
				off(j, &j->v[i]);
		return;
	}
	if (address && !plain && (s->v6 ? j->v6 : j->v4)[me]) {
		/* One more stanza of the same family: an old second address. */
		for (size_t i = s->from; i < s->end; i++)
			if (j->v[i].comment)
				keep(j, &j->v[i]);
			else
				off(j, &j->v[i]);
		return;
	}
	if (s->x && s->x->readdress && !lines_span_is(s->method, "loopback")) {
		j->done[me] = true;
		if (plain || !s->v6)
			j->v4[me] = true;
		if (plain || s->v6)
			j->v6[me] = true;
	}
	if (!address) {
		keep(j, &j->v[s->from]);
		options(j, s, NULL);
		return;
	}
	for (int v6 = 0; v6 < 2; v6++)
		if (plain || v6 == s->v6)
			want_family(&w, s->x, v6, plain);
	if (plain || !s->v6 || !ipspec_has(&s->x->ip, false))
		want_dns(&w, s->x);
	/* What is there is found out by a trial run; then the new lines come first. */
	for (size_t i = s->from + 1; i < s->end; i++)
		if (!j->v[i].comment)
			(void)is_wanted(&w, &j->v[i]);
	put_head(j, s);
	put_wanted(j, &w);
	for (size_t i = 0; i < w.n; i++)
		w.there[i] = false;
	options(j, s, &w);
}

static void iface(struct job *j, size_t from)
{
	struct stanza s = { .from = from, .end = stanza_end(j, from) };
	const char *p = j->v[from].value.s;

	if (p) {
		const char *end = p + j->v[from].value.len;

		(void)lines_word(&p, end, &s.name);
		if (lines_word(&p, end, &s.family) && !lines_span_starts(s.family, "inet"))
			s.family.len = 0;
		if (s.family.len)
			(void)lines_word(&p, end, &s.method);
	}
	s.v6 = lines_span_is(s.family, "inet6");
	s.x = s.name.len ? net_plan_find(j->p, s.name) : NULL;
	stanza(j, &s);
}

/* "auto eno1 eno2 bond0": without the members of bonds that are flattened. */
static void list(struct job *j, const struct row *r)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const char *p = r->value.s, *end = p + r->value.len;
	bool some = false;
	struct span w;

	while (r->value.s && lines_word(&p, end, &w)) {
		if (net_plan_is_member(j->p, w)) {
			some = true;
			continue;
		}
		strbuf_add(&b, b.len ? " " : "");
		strbuf_addn(&b, w.s, w.len);
	}
	if (b.failed)
		j->out.failed = true;
	if (!some || b.failed)
		keep(j, r);
	else if (!b.len)
		off(j, r);
	else
		put(j, r, b.s);
}

static void add_stanza(struct strbuf *out, const struct net_if *x, bool v6, bool dns)
{
	CLEANUP(wanted_done) struct lines_wanted w = { 0 };

	strbuf_addf(out, "iface %s %s %s\n", x->new_name, v6 ? "inet6" : "inet",
		    !v6 && x->ip.dhcp ? "dhcp" : "static");
	want_family(&w, x, v6, false);
	if (dns)
		want_dns(&w, x);
	for (size_t i = 0; i < w.n; i++)
		strbuf_addf(out, "\t%s\n", w.v[i]);
	out->failed = out->failed || w.failed;
}

/* The family that had no stanza of its own. */
static void other_families(struct job *j)
{
	for (size_t i = 0; i < j->p->n; i++) {
		const struct net_if *x = &j->p->v[i];

		for (int v6 = 0; j->done[i] && v6 < 2; v6++) {
			if (!ipspec_has(&x->ip, v6) || (v6 ? j->v6 : j->v4)[i])
				continue;
			strbuf_add(&j->out, "\n");
			add_stanza(&j->out, x, v6, false);
			j->changed = true;
		}
	}
}

static int rewrite(struct job *j, char **ret)
{
	for (size_t i = 0; i < j->n;) {
		const struct row *r = &j->v[i];

		if (!r->comment && lines_span_is(r->word, "iface")) {
			size_t end = stanza_end(j, i);

			iface(j, i);
			i = end;
			continue;
		}
		if (!r->comment && (lines_span_is(r->word, "auto") ||
				    lines_span_starts(r->word, "allow-")))
			list(j, r);
		else
			keep(j, r);
		i++;
	}
	other_families(j);
	if (j->out.failed)
		return -ENOMEM;
	if (!j->changed)
		return 0;
	*ret = strbuf_take(&j->out);
	return *ret ? 1 : -ENOMEM;
}

int net_ifupdown_rewrite(const char *text, const struct net_plan *p, char **ret, bool *done,
			 struct machine_strv *notes)
{
	struct job j = { .p = p, .done = done, .notes = notes };
	int r;

	j.v4 = calloc(p->n + 1, sizeof(bool));
	j.v6 = calloc(p->n + 1, sizeof(bool));
	r = j.v4 && j.v6 ? parse(&j, text) : -ENOMEM;
	if (r >= 0)
		r = rewrite(&j, ret);
	strbuf_done(&j.out);
	free(j.v);
	free(j.v4);
	free(j.v6);
	return r;
}

char *net_ifupdown_new(const struct net_if *x)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "\n# New addresses, asked for when this became a virtual machine.\n"
			"auto %s\n", x->new_name);
	if (ipspec_has(&x->ip, false))
		add_stanza(&b, x, false, true);
	if (ipspec_has(&x->ip, true))
		add_stanza(&b, x, true, !ipspec_has(&x->ip, false));
	return strbuf_take(&b);
}
