/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "selinux": files that commands made in the appliance, whose kernel has no SELinux, have no
 * labels. They get them from the guest's own rules; only where that cannot be done is the whole
 * system labelled at its first boot, which takes minutes and reboots it.
 *
 * Text files need nothing: they keep their label, or take that of their folder (guest_edit.h).
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/kargs.h"

#define CONFIG		"/etc/selinux/config"
#define AUTORELABEL	"/.autorelabel"

/* The policy's name when SELinux is on, malloc'd; NULL when it is off or not there. */
static char *policy(struct fixer *f)
{
	CLEANUP(mem_free) char *text = NULL, *mode = NULL, *type = NULL;
	const char *cmdline = f->m->os.cmdline, *off = NULL;
	size_t n = 0;

	if (guest_edit_read(&f->edits, CONFIG, &text, NULL) < 0 ||
	    conftext_get(text, NULL, "SELINUX", &mode) < 0 ||
	    conftext_get(text, NULL, "SELINUXTYPE", &type) < 0)
		return NULL;
	if (cmdline)
		off = kargs_get(cmdline, strlen(cmdline), "selinux", &n);
	if (!mode || (strcmp(mode, "enforcing") != 0 && strcmp(mode, "permissive") != 0) ||
	    (off && n == 1 && *off == '0'))
		return NULL;
	/* It becomes part of a path, and of a command. */
	if (!type || !text_name_valid(type))
		return strdup("targeted");
	return TAKE_PTR(type);
}

static bool is_made_by_command(const struct guest_edit *e)
{
	return e->kind == EDIT_REBUILD || e->kind == EDIT_COPY;
}

static bool is_plain(const char *path)
{
	for (; *path; path++)
		if (strchr("'\"\\$`;&|<>*?[]() \t\n", *path))
			return false;
	return true;
}

int linux_selinux_detect(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *type = policy(f);
	const char *how = fixer_setting(f, "relabel");
	size_t n = 0;

	if (!type || (how && strcmp(how, "never") == 0))
		return 0;
	if (how && strcmp(how, "always") == 0) {
		if (guest_edit_exists(&f->edits, AUTORELABEL))
			return 0;
		fixer_say(f, "the whole system gets its labels anew at the first boot");
		return guest_edit_write(&f->edits, AUTORELABEL, "", 0644, err);
	}
	for (size_t i = 0; i < f->edits.n; i++)
		n += is_made_by_command(&f->edits.v[i]);
	if (!n)
		return 0;
	fixer_say(f, "%zu file%s made without a label", n, n == 1 ? " was" : "s were");
	return 1;
}

int linux_selinux_apply(struct fixer *f, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf command = { 0 };
	CLEANUP(mem_free) char *type = policy(f);
	struct err e = ERR_INIT;
	int r = 0;

	/* Staged: it is done already. */
	if (!type || guest_edit_exists(&f->edits, AUTORELABEL))
		return 0;
	strbuf_addf(&command, "setfiles -F /etc/selinux/%s/contexts/files/file_contexts", type);
	for (size_t i = 0; i < f->edits.n; i++) {
		const char *path = f->edits.v[i].path;

		/* The ESP has no labels. */
		if (is_made_by_command(&f->edits.v[i]) && is_plain(path) &&
		    strncmp(path, "/boot/efi/", 10) != 0 && guest_is_file(f->guest, path))
			strbuf_addf(&command, " %s", path);
	}
	if (command.failed)
		return err_nomem(err);
	r = guest_run(f->guest, command.s, NULL, &e);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r >= 0 && !fixer_touched(f, "/usr/")) {
		fixer_say(f, "they have it now");
		return 0;
	}
	/* A package has more files than are known here. */
	fixer_say(f, "the whole system gets its labels at the first boot, which takes a while and "
		  "reboots it once");
	r = guest_edit_write(&f->edits, AUTORELABEL, "", 0644, err);
	return r < 0 ? r : guest_edit_commit(&f->edits, err);
}
