/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/finish_list.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonx.h"
#include "postfix/fix.h"
#include "postfix/fix_settings.h"

void finish_list_text(void)
{
	size_t n;
	const struct fix_info *f = fix_list(&n);

	printf("%-22s %-9s %-9s %s\n", "ID", "SEVERITY", "FOR", "WHAT");
	for (size_t i = 0; i < n; i++)
		printf("%-22s %-9s %-9s %s%s\n", f[i].id, fix_severity_name(f[i].severity),
		       f[i].applies, f[i].title, f[i].off ? " (only when asked for)" : "");
}

static int add_settings(json_t *fix, const char *id)
{
	json_t *list = json_array();

	if (json_object_set_new(fix, "settings", list) < 0)
		return -ENOMEM;
	for (const struct fix_setting *s = fix_settings_list(NULL); s->key; s++) {
		json_t *o;

		if (strcmp(s->fix, id) != 0)
			continue;
		o = json_object();
		if (jsonx_set_str(o, "key", s->key) < 0 ||
		    jsonx_set_str(o, "values", s->values) < 0 ||
		    jsonx_set_str(o, "what", s->what) < 0 || json_array_append_new(list, o) < 0)
			return -ENOMEM;
	}
	return 0;
}

int finish_list_json(struct err *err)
{
	CLEANUP(json_unref) json_t *list = json_array();
	CLEANUP(mem_free) char *text = NULL;

	for (const struct fix_info *f = fix_list(NULL); f->id; f++) {
		json_t *o = json_object();

		if (jsonx_set_str(o, "id", f->id) < 0 || jsonx_set_str(o, "title", f->title) < 0 ||
		    jsonx_set_str(o, "applies", f->applies) < 0 ||
		    jsonx_set_str(o, "severity", fix_severity_name(f->severity)) < 0 ||
		    jsonx_set_bool(o, "off", f->off) < 0 || jsonx_set_str(o, "undo", f->undo) < 0 ||
		    add_settings(o, f->id) < 0 || json_array_append_new(list, o) < 0)
			return err_nomem(err);
	}
	text = list ? jsonx_dump(list) : NULL;
	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

/* A bar would end the field of a Markdown table. */
static void put_field(const char *s)
{
	for (; *s; s++) {
		if (*s == '|')
			putchar('\\');
		putchar(*s);
	}
}

static const char head[] =
	"<!-- SPDX-License-Identifier: GPL-3.0-or-later -->\n"
	"<!-- Made by p2v-server finish --list-fixes --document; do not edit. -->\n"
	"# Fixes\n\n"
	"What `p2v-server finish` changes in a guest, in this order. Each fix has one of the\n"
	"ids below, which do not change: `--skip ID` leaves it out, `--only ID` makes it alone,\n"
	"and `--set KEY=VALUE` decides how it works. `--dry-run` shows what would be changed, with\n"
	"diffs. A second run finds nothing to do.\n\n"
	"- **boot**: without it the guest does not start. When it fails, the run fails.\n"
	"- **network**: without it the guest is not reached. When it fails, that is a warning.\n"
	"- **comfort**: nicer with it. When it fails, that is a warning.\n\n"
	"Some only look, and tell what a person has to decide: their way back is that nothing is\n"
	"changed. Of a file that was removed, the content is in the report.\n";

void finish_list_document(void)
{
	const char *kind = NULL;

	fputs(head, stdout);
	for (const struct fix_info *f = fix_list(NULL); f->id; f++) {
		size_t n = strcspn(f->applies, " ");

		/* Those of a kind of guest stand together. */
		if (!kind || strncmp(kind, f->applies, n) != 0) {
			kind = f->applies;
			printf("\n## %.*s\n\n| id | severity | what | applies to | way back |\n"
			       "|---|---|---|---|---|\n", (int)n, kind);
		}
		printf("| `%s` | %s | ", f->id, fix_severity_name(f->severity));
		put_field(f->title);
		printf("%s | %s | ", f->off ? " (only when asked for)" : "", f->applies);
		put_field(f->undo);
		fputs(" |\n", stdout);
	}
	fputs("\n## Settings\n\n| `--set` | values, the default first | fix | what |\n"
	      "|---|---|---|---|\n", stdout);
	for (const struct fix_setting *s = fix_settings_list(NULL); s->key; s++) {
		printf("| `%s` | ", s->key);
		put_field(s->values);
		printf(" | `%s` | %s |\n", s->fix, s->what);
	}
	fputs("\n`--set ID=on` makes a fix that is only made when it is asked for.\n", stdout);
}
