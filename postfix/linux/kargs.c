/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/kargs.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/lines.h"

/*
 * Arguments with a block device: it begins behind key, or behind inner within the value, and ends
 * before one of the characters in end.
 */
static const struct device_key {
	const char *key, *inner, *end;
} device_keys[] = {
	{ "root=", NULL, "" }, { "resume=", NULL, "" }, { "boot=", NULL, "" },
	{ "real_root=", NULL, "" }, { "real_resume=", NULL, "" }, { "journal_dev=", NULL, "" },
	{ "rd.journaldev=", NULL, "" }, { "swap=", NULL, "" }, { "mount.usr=", NULL, "" },
	{ "crypt_root=", NULL, "" }, { "crypt_swap=", NULL, "" }, { "cryptroot=", NULL, ",:" },
	{ "cryptdevice=", NULL, ":" }, { "cryptopts=", "source=", "," },
	{ "rootflags=", "device=", "," },
};

static int note(struct machine_strv *notes, const char *key, const char *dev)
{
	CLEANUP(mem_free) char *msg = NULL;
	char safe[160];

	if (!notes)
		return 0;
	text_escape_str(dev, safe, sizeof(safe));
	if (asprintf(&msg,
		     "kernel argument %s%s: not a device of the recorded machine, left as it is",
		     key, safe) < 0)
		return -ENOMEM;
	if (machine_strv_has(notes, msg))
		return 0;
	return machine_strv_add(notes, msg);
}

/* The device in a word of this key; false when it has none. */
static bool find_device(struct span w, const struct device_key *k, struct span *ret)
{
	const char *p = w.s + strlen(k->key), *end = w.s + w.len, *q;

	if (!lines_span_starts(w, k->key))
		return false;
	if (k->inner) {
		q = memmem(p, (size_t)(end - p), k->inner, strlen(k->inner));
		if (!q || (q > p && q[-1] != ','))
			return false;
		p = q + strlen(k->inner);
	}
	for (q = p; q < end && !(*q && strchr(k->end, *q)); q++)
		;
	*ret = (struct span){ p, (size_t)(q - p) };
	return q > p;
}

static int rewrite_device(struct span w, const struct kargs_rules *rules, struct strbuf *out,
			  struct machine_strv *notes)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_keys); i++) {
		CLEANUP(mem_free) char *dev = NULL, *to = NULL;
		struct span d;
		int answer;

		if (!find_device(w, &device_keys[i], &d))
			continue;
		dev = lines_span_dup(d);
		if (!dev)
			return -ENOMEM;
		answer = rules->device ? rules->device(dev, &to, rules->opaque) :
					 devmap_translate(rules->map, dev, DEVMAP_TAG, &to, NULL);
		if (answer < 0)
			return answer;
		if (answer == DEVMAP_UNKNOWN)
			return note(notes, device_keys[i].key, dev);
		if (answer != DEVMAP_MAPPED)
			return 0;
		strbuf_addn(out, w.s, (size_t)(d.s - w.s));
		strbuf_add(out, to);
		strbuf_addn(out, d.s + d.len, (size_t)(w.s + w.len - (d.s + d.len)));
		return 1;
	}
	return 0;
}

/* "console=ttyS1,115200n8": the length of what stands before the port number, or 0. */
static size_t serial_prefix(struct span w)
{
	static const char *const prefixes[] = { "console=ttyS", "earlyprintk=serial,ttyS",
						"earlyprintk=ttyS" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (lines_span_starts(w, prefixes[i]))
			return strlen(prefixes[i]);
	return 0;
}

static bool is_port(struct span w, size_t prefix, const char **ret_rest)
{
	const char *p = w.s + prefix, *end = w.s + w.len;

	if (p == end || *p < '0' || *p > '9')
		return false;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p < end && *p != ',')
		return false;
	*ret_rest = p;
	return true;
}

bool kargs_has_serial_console(const char *s, size_t n)
{
	const char *p = s, *rest;
	struct span w;

	while (lines_word(&p, s + n, &w))
		if (lines_span_starts(w, "console=ttyS0") &&
		    is_port(w, strlen("console=ttyS"), &rest) &&
		    rest == w.s + strlen("console=ttyS0"))
			return true;
	return false;
}

const char *kargs_get(const char *s, size_t n, const char *key, size_t *ret_len)
{
	const char *p = s, *found = NULL;
	size_t k = strlen(key);
	struct span w;

	while (lines_word(&p, s + n, &w)) {
		if (!lines_span_starts(w, key) || w.len <= k || w.s[k] != '=')
			continue;
		found = w.s + k + 1;
		*ret_len = w.len - k - 1;
	}
	return found;
}

/* A value in quotes may hold blanks: make w reach to its end. False when there is no end. */
static bool whole_argument(struct span *w, const char *end)
{
	bool open = false;
	const char *p;

	for (p = w->s; p < end; p++) {
		if (*p == '"')
			open = !open;
		else if (!open && p >= w->s + w->len)
			break;
	}
	if (open)
		return false;
	w->len = (size_t)(p - w->s);
	return true;
}

/* Is it to go? */
static int drop_argument(struct span w, const struct kargs_rules *rules)
{
	CLEANUP(mem_free) char *arg = rules->drop ? lines_span_dup(w) : NULL;

	if (!rules->drop)
		return 0;
	return arg ? rules->drop(arg, rules->opaque) : -ENOMEM;
}

/* 1: *w was a console on another port, and is written; 2: it is gone. */
static int move_console(struct span w, const char *gap, bool *have, struct strbuf *out)
{
	size_t prefix = serial_prefix(w);
	const char *rest;

	if (!prefix || !is_port(w, prefix, &rest) ||
	    (w.s[prefix] == '0' && rest == w.s + prefix + 1))
		return 0;
	if (w.s[0] == 'c' && *have)
		return 2;	/* ttyS0 is a console already */
	*have = *have || w.s[0] == 'c';
	strbuf_addn(out, gap, (size_t)(w.s - gap));
	strbuf_addn(out, w.s, prefix);
	strbuf_add(out, "0");
	strbuf_addn(out, rest, (size_t)(w.s + w.len - rest));
	return 1;
}

int kargs_rewrite(const char *s, size_t n, const struct kargs_rules *rules, struct strbuf *out,
		  struct machine_strv *notes)
{
	bool have = kargs_has_serial_console(s, n), first = true;
	const char *p = s, *end = s + n, *gap = s;
	int changed = 0, r;
	struct span w;

	for (; lines_word(&p, end, &w); gap = p) {
		if (lines_span_is(w, "--"))
			break;
		if (whole_argument(&w, end))
			p = w.s + w.len;
		r = drop_argument(w, rules);
		if (r < 0)
			return r;
		if (r) {
			changed = 1;
			/* No blank is left where the first one stood. */
			if (first && w.s == s) {
				while (p < end && (*p == ' ' || *p == '\t'))
					p++;
				s = p;
			}
			continue;
		}
		first = false;
		r = rules->console ? move_console(w, gap, &have, out) : 0;
		if (r) {
			changed = 1;
			continue;
		}
		strbuf_addn(out, gap, (size_t)(w.s - gap));
		r = rules->map || rules->device ? rewrite_device(w, rules, out, notes) : 0;
		if (r < 0)
			return r;
		changed |= r;
		if (!r)
			strbuf_addn(out, w.s, w.len);
	}
	strbuf_addn(out, gap, (size_t)(end - gap));
	return out->failed ? -ENOMEM : changed;
}
