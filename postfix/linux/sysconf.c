/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/sysconf.h"

#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/kargs.h"
#include "postfix/linux/lines.h"

/*
 * ---- sysctl.conf(5): "key = value", "-key = value" when a failure is none; '/' is as good as '.'
 */

static bool same_key(struct span have, const char *key)
{
	if (have.len && *have.s == '-') {
		have.s++;
		have.len--;
	}
	if (have.len != strlen(key))
		return false;
	for (size_t i = 0; i < have.len; i++)
		if ((have.s[i] == '/' ? '.' : have.s[i]) != key[i])
			return false;
	return true;
}

static bool sysctl_line(const struct line *l, const char *key, struct span *ret_value)
{
	struct span have;

	return !lines_is_comment(l, "#;") && lines_assignment(l, &have, ret_value) &&
	       same_key(have, key);
}

bool sysconf_sysctl_number(const char *text, const char *key, uint64_t *ret)
{
	const char *pos = text;
	bool found = false;
	struct line l;
	struct span v;

	while (lines_next(&pos, &l)) {
		CLEANUP(mem_free) char *value = NULL;

		if (!sysctl_line(&l, key, &v))
			continue;
		value = lines_span_dup(v);
		found = value && conftext_number(value, ret);
	}
	return found;
}

struct assign {
	const char *key, *value;
};

static int assign_line(const struct line *l, struct strbuf *out, void *opaque)
{
	const struct assign *a = opaque;
	struct span v;

	if (!sysctl_line(l, a->key, &v) || lines_span_is(v, a->value)) {
		strbuf_addn(out, l->s, l->full);
		return 0;
	}
	strbuf_addn(out, l->s, (size_t)(v.s - l->s));
	strbuf_add(out, a->value);
	strbuf_addn(out, v.s + v.len, (size_t)(l->s + l->full - (v.s + v.len)));
	return 1;
}

int sysconf_sysctl_set(const char *text, const char *key, const char *value, char **ret)
{
	struct assign a = { .key = key, .value = value };

	return lines_rewrite(text, assign_line, &a, ret);
}

/* ---- huge pages */

uint64_t sysconf_hugepages(uint64_t pages, uint64_t page, uint64_t memory)
{
	uint64_t limit;

	if (!page || !memory)
		return pages;
	limit = memory / 10 * 7 / page;
	return pages <= limit ? pages : memory / 2 / page;
}

uint64_t sysconf_hugepage_size(const char *cmdline)
{
	size_t n = 0;
	const char *v = cmdline ? kargs_get(cmdline, strlen(cmdline), "default_hugepagesz", &n) :
				  NULL;

	return v && n && strchr("gG", v[n - 1]) ? GIB : 2 * MIB;
}

/* ---- clocks */

int sysconf_adjtime(const char *text, char **ret)
{
	static const char zero[] = "0.0 0 0.0\n0\n";
	const char *pos = text;
	struct line l;
	char *s;

	/* The first two lines are the drift and when it was last set; the third one is kept. */
	for (size_t i = 0; i < 2; i++)
		if (!lines_next(&pos, &l))
			return 0;
	if ((size_t)(pos - text) == sizeof(zero) - 1 && strncmp(text, zero, sizeof(zero) - 1) == 0)
		return 0;
	s = text_format("%s%s", zero, pos);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

bool sysconf_adjtime_local(const char *text)
{
	const char *pos = text;
	struct line l;

	for (size_t i = 0; lines_next(&pos, &l); i++)
		if (i == 2)
			return lines_span_is((struct span){ l.s, l.len }, "LOCAL");
	return false;
}

static bool word_is(struct span w, const char *s)
{
	return w.len == strlen(s) && strncasecmp(w.s, s, w.len) == 0;
}

/* The number in 127.127.NUMBER.x, ntpd's name for a clock; -1 for anything else. */
static int ntp_clock(struct span w)
{
	static const char start[] = "127.127.";
	int n = 0;

	if (!lines_span_starts(w, start))
		return -1;
	for (size_t i = sizeof(start) - 1; i < w.len && w.s[i] >= '0' && w.s[i] <= '9' && n < 999;
	     i++)
		n = n * 10 + (w.s[i] - '0');
	return n;
}

static bool on_hardware(const struct line *l, void *opaque)
{
	const char *p = l->s, *end = l->s + l->len;
	struct span a, b;

	(void)opaque;
	if (!lines_word(&p, end, &a))
		return false;
	if (word_is(a, "hwtimestamp"))
		return true;
	if (!lines_word(&p, end, &b))
		return false;
	if (word_is(a, "refclock"))
		return (word_is(b, "PHC") && !memmem(l->s, l->len, "ptp_kvm", 7)) ||
		       word_is(b, "PPS") || word_is(b, "SHM");
	if (word_is(a, "server") || word_is(a, "fudge")) {
		int n = ntp_clock(b);

		/* NMEA, PPS, shared memory, gpsd */
		return n == 20 || n == 22 || n == 28 || n == 46;
	}
	return false;
}

int sysconf_time_sources(const char *text, char **ret, struct machine_strv *dropped)
{
	return conftext_comment(text, "#", on_hardware, NULL, ret, dropped);
}

bool sysconf_has_time_source(const char *text)
{
	static const char *const sources[] = { "server", "pool", "peer", "refclock", "sourcedir" };
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		const char *p = l.s;
		struct span w;

		if (lines_is_comment(&l, "#!;%") || !lines_word(&p, l.s + l.len, &w))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
			if (word_is(w, sources[i]))
				return true;
	}
	return false;
}
