/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "kernel-arguments": what was told to the kernel about hardware that is gone, out of every
 * boot loader's files, settings and generated entries alike. postfix/data/kargs.tbl says what.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/kargs_table.h"

/* The same argument stands in many entries: one line for it. */
static void say_once(struct fixer *f, const char *line)
{
	if (!f->detail.s || !strstr(f->detail.s, line))
		fixer_say(f, "%s", line);
}

static const char *setting(const struct fixer *f, const char *name)
{
	char key[160];

	snprintf(key, sizeof(key), "karg.%s", name);
	return fixer_setting(f, key);
}

static bool drop(const char *arg, void *opaque)
{
	const struct tables_row *row = kargs_table_find(arg);
	struct fixer *f = opaque;
	char name[128], exact[128], safe[200], line[480];
	const char *set;

	kargs_table_name(arg, name, sizeof(name));
	snprintf(exact, sizeof(exact), "%.*s", (int)strcspn(arg, "="), arg);
	text_escape_str(arg, safe, sizeof(safe));
	set = setting(f, exact);
	if (!set)
		set = setting(f, name);
	if (set && strcmp(set, "keep") == 0)
		return false;
	if (set && strcmp(set, "drop") == 0) {
		snprintf(line, sizeof(line), "%s: dropped, as asked for", safe);
		say_once(f, line);
		return true;
	}
	if (!row || strcmp(row->group, "keep") == 0)
		return false;
	if (strcmp(row->group, "ask") == 0) {
		snprintf(line, sizeof(line), "%s: %s; left (--set karg.%s=drop takes it out)", safe,
			 row->reason, exact);
		say_once(f, line);
		(void)fixer_warn(f, "kernel argument %s: %s; left as it is", safe, row->reason);
		return false;
	}
	snprintf(line, sizeof(line), "%s: dropped, %s", safe, row->reason);
	say_once(f, line);
	return true;
}

static int arguments(struct fixer *f, const char *path, const char *text, char **ret)
{
	const struct kargs_rules rules = { .drop = drop, .opaque = f };
	struct machine_strv notes = { 0 };
	int r = bootcfg_rewrite(bootcfg_kind_of(path), text, &rules, ret, &notes);

	return linux_bootloader_notes(f, path, &notes, r);
}

int linux_kargs_detect(struct fixer *f, struct err *err)
{
	int r = linux_bootloader_visit(f, arguments, err);

	return r < 0 ? r : 0;
}
