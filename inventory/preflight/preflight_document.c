/* SPDX-License-Identifier: GPL-3.0-or-later */
/* docs/preflight.md, from the table. A test compares the two. */
#include "inventory/preflight/preflight_rules.h"

#define WIDTH	100

static const char head[] =
	"<!-- SPDX-License-Identifier: GPL-3.0-or-later -->\n"
	"<!-- Made by p2v-agent check --document; do not edit. -->\n"
	"# Pre-flight\n"
	"\n"
	"What `p2v-agent check` looks for, and `p2v-agent cold` before it sends a byte. Each\n"
	"finding has one of the ids below; they do not change.\n"
	"\n"
	"- **blocks**: the conversion would fail, lose data, or give a machine that does not\n"
	"  start. It is refused with exit status 5 until the finding is accepted: `--force ID`,\n"
	"  or `accept` in a plan.\n"
	"- **degrades**: it works, with something lost, or to be done by hand.\n"
	"- **note**: good to know.\n"
	"\n"
	"The severity given is the worst that a finding of this id can have; often it is less.\n"
	"A rule speaks of what it has seen: what the inventory does not know is no finding.\n";

static const char *const severities[] = {
	"Note.", "Degrades.", "Blocks.",
};

/* A paragraph in our words, where Markdown finds nothing to mark up. */
static void paragraph(struct strbuf *b, const char *lead, const char *text)
{
	CLEANUP(strbuf_done) struct strbuf p = { 0 };

	strbuf_add(&p, lead);
	for (; *text; text++) {
		if (*text == '<')
			strbuf_add(&p, "&lt;");
		else if (*text == '*')
			strbuf_add(&p, "&#42;");
		else
			strbuf_addn(&p, text, 1);
	}
	strbuf_add(b, "\n");
	if (p.failed)
		b->failed = true;
	else
		text_wrap(b, p.s, 0, 0, WIDTH);
}

char *preflight_document(void)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const struct preflight_theme *const *themes;
	size_t n;

	themes = preflight_themes(&n);
	strbuf_add(&b, head);
	for (size_t t = 0; t < n; t++) {
		strbuf_addf(&b, "\n## %s\n\n| id | severity | finding |\n|---|---|---|\n",
			    themes[t]->title);
		for (size_t i = 0; i < themes[t]->n; i++) {
			const struct preflight_rule *rule = &themes[t]->rules[i];

			strbuf_addf(&b, "| [%s](#%s) | %s | %s |\n", rule->id, rule->id,
				    preflight_severity_name(rule->severity), rule->title);
		}
		for (size_t i = 0; i < themes[t]->n; i++) {
			const struct preflight_rule *rule = &themes[t]->rules[i];
			CLEANUP(mem_free) char *lead =
				text_format("**%s.** %s ", rule->title, severities[rule->severity]);

			if (!lead)
				return NULL;
			strbuf_addf(&b, "\n### %s\n", rule->id);
			paragraph(&b, lead, rule->why);
			paragraph(&b, "*What to do:* ", rule->advice);
		}
	}
	return strbuf_take(&b);
}
