/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/kargs.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/lines.h"

/* Arguments whose value is a block device. */
static const char *const device_keys[] = {
	"root=", "resume=", "boot=", "real_root=", "journal_dev=", "rd.journaldev=", "swap=",
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

static int rewrite_device(struct span w, const struct devmap *map, struct strbuf *out,
			  struct machine_strv *notes)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_keys); i++) {
		const char *key = device_keys[i];
		size_t n = strlen(key);
		CLEANUP(mem_free) char *dev = NULL, *to = NULL;
		int answer;

		if (!lines_span_starts(w, key))
			continue;
		dev = strndup(w.s + n, w.len - n);
		if (!dev)
			return -ENOMEM;
		answer = devmap_translate(map, dev, DEVMAP_TAG, &to, NULL);
		if (answer < 0)
			return answer;
		if (answer == DEVMAP_UNKNOWN)
			return note(notes, key, dev);
		if (answer != DEVMAP_MAPPED)
			return 0;
		strbuf_add(out, key);
		strbuf_add(out, to);
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

int kargs_rewrite(const char *s, size_t n, const struct kargs_rules *rules, struct strbuf *out,
		  struct machine_strv *notes)
{
	bool have = kargs_has_serial_console(s, n);
	const char *p = s, *end = s + n, *rest;
	int changed = 0, r;
	struct span w;

	for (;;) {
		const char *gap = p;
		bool found = lines_word(&p, end, &w);
		size_t blank = (size_t)((found ? w.s : end) - gap), prefix;

		if (!found) {
			strbuf_addn(out, gap, blank);
			break;
		}
		prefix = rules->console ? serial_prefix(w) : 0;
		if (prefix && is_port(w, prefix, &rest) &&
		    !(w.s[prefix] == '0' && rest == w.s + prefix + 1)) {
			changed = 1;
			if (w.s[0] == 'c' && have)
				continue;	/* ttyS0 is a console already */
			have = have || w.s[0] == 'c';
			strbuf_addn(out, gap, blank);
			strbuf_addn(out, w.s, prefix);
			strbuf_add(out, "0");
			strbuf_addn(out, rest, (size_t)(w.s + w.len - rest));
			continue;
		}
		strbuf_addn(out, gap, blank);
		r = rules->map ? rewrite_device(w, rules->map, out, notes) : 0;
		if (r < 0)
			return r;
		changed |= r;
		if (!r)
			strbuf_addn(out, w.s, w.len);
	}
	return out->failed ? -ENOMEM : changed;
}
