/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report and the table for people. What comes from the machine is escaped, word by word, so
 * nothing in it can break a line or the terminal.
 */
#include "inventory/preflight/preflight_rules.h"

#include <inttypes.h>
#include "common/size.h"

#define WIDTH	100
#define INDENT	10

/* What to write in front of a finding, as wide as INDENT. */
static const char *mark(const struct preflight_finding *f)
{
	if (f->severity == PREFLIGHT_BLOCKS)
		return f->accepted ? "accepted  " : "BLOCKS    ";
	return f->severity == PREFLIGHT_DEGRADES ? "degrades  " : "note      ";
}

static void say_finding(struct strbuf *b, const struct preflight_finding *f)
{
	/* A note that asks for nothing needs no second look. */
	bool brief = f->severity == PREFLIGHT_NOTE;
	char head[128];

	snprintf(head, sizeof(head), "%s [%s]", f->rule->title, f->rule->id);
	strbuf_add(b, mark(f));
	text_wrap(b, head, INDENT, INDENT, WIDTH);
	strbuf_addf(b, "%*s", INDENT, "");
	text_wrap(b, f->evidence, INDENT, INDENT, WIDTH);
	if (!brief) {
		strbuf_addf(b, "%*s> ", INDENT, "");
		text_wrap(b, f->rule->advice, INDENT + 2, INDENT + 2, WIDTH);
	}
	strbuf_add(b, "\n");
}

/* Rates of links as they are sold, as bytes a second. */
static const struct {
	const char *name;
	uint64_t rate;
} links[] = {
	{ "100 Mbit/s", 12500000 }, { "1 Gbit/s", 125000000 },
	{ "10 Gbit/s", 1250000000 }, { "25 Gbit/s", 3125000000 },
};

static void say_amount(struct strbuf *b, const struct preflight_report *r)
{
	uint64_t bytes = r->to_copy ? r->to_copy : r->total;
	const char *most = r->to_copy ? "" : "at most ";
	char size[SIZE_TEXT_MAX], all[SIZE_TEXT_MAX], time[SIZE_TEXT_MAX];

	if (r->total == 0)
		return;
	if (r->to_copy)
		strbuf_addf(b, "To copy: %s of %s\n", size_format(r->to_copy, size),
			    size_format(r->total, all));
	else
		strbuf_addf(b, "To copy: at most %s; how much of it is used was not looked at\n",
			    size_format(r->total, all));
	if (r->rate) {
		strbuf_addf(b, "At %s/s: %s%s\n", size_format(r->rate, size), most,
			    size_format_duration(r->seconds, time));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		strbuf_addf(b, "  %-12s %s%s\n", links[i].name, most,
			    size_format_duration(preflight_seconds(bytes, links[i].rate), time));
	strbuf_add(b, "Without compression and pauses; disks may be slower than the link.\n");
}

static size_t count(const struct preflight_report *r, enum preflight_severity s, bool accepted)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->findings[i].severity == s &&
		     (s != PREFLIGHT_BLOCKS || r->findings[i].accepted == accepted);
	return n;
}

char *preflight_text(const struct preflight_report *r)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	size_t accepted = count(r, PREFLIGHT_BLOCKS, true), blocking = preflight_blocking(r);

	for (size_t i = 0; i < r->n; i++)
		say_finding(&b, &r->findings[i]);
	say_amount(&b, r);
	strbuf_addf(&b, "%s%zu finding%s: %zu block%s", r->total ? "\n" : "", r->n,
		    preflight_s(r->n), blocking, blocking == 1 ? "s" : "");
	if (accepted)
		strbuf_addf(&b, ", %zu accepted", accepted);
	strbuf_addf(&b, ", %zu degrade%s, %zu note%s\n", count(r, PREFLIGHT_DEGRADES, false),
		    count(r, PREFLIGHT_DEGRADES, false) == 1 ? "s" : "",
		    count(r, PREFLIGHT_NOTE, false),
		    preflight_s(count(r, PREFLIGHT_NOTE, false)));
	if (blocking)
		strbuf_add(&b, "What blocks stops p2v-agent cold. --force ID accepts a finding.\n");
	return strbuf_take(&b);
}

char *preflight_list(void)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const struct preflight_theme *const *themes;
	size_t n;

	themes = preflight_themes(&n);
	for (size_t t = 0; t < n; t++) {
		strbuf_addf(&b, "%s%s\n", t ? "\n" : "", themes[t]->title);
		for (size_t i = 0; i < themes[t]->n; i++) {
			const struct preflight_rule *rule = &themes[t]->rules[i];

			strbuf_addf(&b, "  %-23s %-9s ", rule->id,
				    preflight_severity_name(rule->severity));
			text_wrap(&b, rule->title, 36, 36, WIDTH);
		}
	}
	return strbuf_take(&b);
}
