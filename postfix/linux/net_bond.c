/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_bond.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"

static bool is_case(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.s, word, s.len) == 0;
}

bool net_bond_is_backup(struct span mode)
{
	return lines_span_is(mode, "1") || is_case(mode, "active-backup");
}

/* Letters and digits only, lower case: "LACPTransmitRate", "lacp_transmit_rate". */
static void plain(struct span key, char *buf, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < key.len && n + 1 < size; i++)
		if (isalnum((unsigned char)key.s[i]))
			buf[n++] = (char)tolower((unsigned char)key.s[i]);
	buf[n] = '\0';
}

bool net_bond_is_balancing(struct span key)
{
	static const char *const words[] = {
		"lacprate", "lacptransmitrate", "lacpactive", "xmithashpolicy",
		"transmithashpolicy", "adselect", "adactorsystem", "adactorsysprio",
		"adactorsystempriority", "aduserportkey", "minlinks", "packetsperslave",
		"packetspermember", "lpinterval", "learnpacketinterval", "learnpacketintervalsec",
		"tlbdynamiclb", "dynamictransmitloadbalancing", "allslavesactive",
		"allmembersactive", "vlansrcmac", "balanceslb",
	};
	char buf[48];
	const char *s = buf;

	plain(key, buf, sizeof(buf));
	if (strncmp(s, "bond", 4) == 0)
		s += 4;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(s, words[i]) == 0)
			return true;
	return false;
}

static struct span key_of(struct span word, struct span *value)
{
	const char *eq = memchr(word.s, '=', word.len);

	if (!eq) {
		*value = (struct span){ word.s + word.len, 0 };
		return word;
	}
	*value = (struct span){ eq + 1, (size_t)(word.s + word.len - eq) - 1 };
	return (struct span){ word.s, (size_t)(eq - word.s) };
}

/* The options that stay, and what they were. */
struct seen {
	bool backup, mode, watched, primary;
};

static void add_word(struct strbuf *out, struct span w)
{
	strbuf_add(out, out->len ? " " : "");
	strbuf_addn(out, w.s, w.len);
}

static struct seen options(struct span opts, struct strbuf *out)
{
	const char *p = opts.s, *end = opts.s + opts.len;
	struct seen seen = { 0 };
	struct span w;

	while (lines_word(&p, end, &w)) {
		struct span value, key = key_of(w, &value);

		if (lines_span_is(key, "mode")) {
			seen.mode = true;
			seen.backup = net_bond_is_backup(value);
			if (!seen.backup)
				w = (struct span){ "mode=active-backup", 18 };
			add_word(out, w);
			continue;
		}
		if (net_bond_is_balancing(key))
			continue;
		seen.watched = seen.watched || lines_span_is(key, "miimon") ||
			       lines_span_is(key, "arp_interval");
		seen.primary = seen.primary || lines_span_is(key, "primary");
		add_word(out, w);
	}
	return seen;
}

int net_bond_opts(struct span opts, const char *primary, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	struct seen seen = options(opts, &out);

	if (seen.backup)
		return out.failed ? -ENOMEM : 0;
	if (!seen.mode)
		strbuf_addf(&out, "%smode=active-backup", out.len ? " " : "");
	if (!seen.watched)
		strbuf_add(&out, " miimon=100");
	if (!seen.primary && primary)
		strbuf_addf(&out, " primary=%s", primary);
	*ret = strbuf_take(&out);
	return *ret ? 1 : -ENOMEM;
}

int net_bond_team(struct span config, char **ret)
{
	CLEANUP(mem_free) char *text = lines_span_dup(config);

	if (!text)
		return -ENOMEM;
	if (strstr(text, "activebackup"))
		return 0;
	*ret = strdup("{\"runner\": {\"name\": \"activebackup\"}, "
		      "\"link_watch\": {\"name\": \"ethtool\"}}");
	return *ret ? 1 : -ENOMEM;
}

/* The modes of all bonds of the module may be a list: "mode=4,4". */
static int modprobe_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct net_plan *p = opaque;
	CLEANUP(mem_free) char *to = NULL;
	const char *pos = l->s, *end = l->s + l->len;
	struct span verb, name, last, rest;
	int r = 0;

	if (!lines_word(&pos, end, &verb) || !lines_word(&pos, end, &name))
		goto keep;
	rest = (struct span){ pos, (size_t)(end - pos) };
	if (lines_span_is(verb, "alias") && net_plan_is_flat(p, name) &&
	    lines_word(&pos, end, &last) && lines_span_is(last, "bonding")) {
		strbuf_add(out, "#");
		strbuf_addn(out, l->s, l->full);
		return 1;
	}
	if (!lines_span_is(verb, "options") ||
	    !(lines_span_is(name, "bonding") || lines_span_starts(name, "bond")))
		goto keep;
	/* Without a mode it is for something else: max_bonds, and what ifcfg files go on from. */
	if (!memmem(rest.s, rest.len, "mode=", 5))
		goto keep;
	r = net_bond_opts(rest, net_plan_primary(p, name), &to);
	if (r < 0)
		return r;
	if (r == 0)
		goto keep;
	strbuf_addn(out, l->s, (size_t)(name.s + name.len - l->s));
	strbuf_addf(out, " %s", to);
	strbuf_addn(out, l->s + l->len, l->full - l->len);
	return 1;
keep:
	strbuf_addn(out, l->s, l->full);
	return r;
}

int net_bond_modprobe(const char *text, const struct net_plan *p, char **ret)
{
	return lines_rewrite(text, modprobe_line, (void *)(uintptr_t)p, ret);
}
