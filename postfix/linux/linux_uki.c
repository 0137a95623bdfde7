/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unified kernel images that have the old machine in their arguments. They cannot be edited: they
 * may be signed, and are measured. What is wrong in them is said, with what to do.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "postfix/linux/kargs.h"
#include "postfix/linux/uki.h"

#define IMAGE_MAX	((uint64_t)512 << 20)

/* The arguments, malloc'd; NULL when there are none, or it is something else. */
static char *read_cmdline(struct guest *guest, const char *path)
{
	CLEANUP(file_close) FILE *tmp = tmpfile();
	uint8_t head[UKI_HEAD_MAX];
	uint64_t offset = 0;
	size_t size = 0;
	ssize_t n;
	char *s;

	if (!tmp || guest_download(guest, path, IMAGE_MAX, fileno(tmp), NULL) < 0)
		return NULL;
	n = pread(fileno(tmp), head, sizeof(head), 0);
	if (n <= 0 || !uki_cmdline(head, (size_t)n, &offset, &size))
		return NULL;
	s = calloc(1, size + 1);
	if (s && fdio_pread_full(fileno(tmp), s, size, offset) < 0) {
		free(s);
		return NULL;
	}
	return s;
}

static int judge(struct fixer *f, const char *path, const char *cmdline)
{
	const struct kargs_rules rules = { .map = &f->guest->map, .console = true };
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	char safe[300];
	int r = kargs_rewrite(cmdline, strlen(cmdline), &rules, &out, NULL);

	if (r <= 0)
		return r;
	text_escape_str(cmdline, safe, sizeof(safe));
	fixer_say(f, "%s was built for the old machine (%s)", path, safe);
	return fixer_warn(f,
			  "%s has arguments of the old machine in it: make it anew in the virtual "
			  "machine (kernel-install, mkinitcpio -P, dracut --uefi), or start "
			  "another entry",
			  path);
}

int linux_uki_report(struct fixer *f, const char *esp, struct err *err)
{
	CLEANUP(mem_free) char *dir = text_format("%s/EFI/Linux", esp);
	CLEANUP(guest_strings_free) char **names = dir ? guest_list(f->guest, dir, NULL) : NULL;

	if (!names)
		return err_nomem(err);
	for (size_t i = 0; names[i]; i++) {
		CLEANUP(mem_free) char *path = text_format("%s/%s", dir, names[i]), *args = NULL;

		if (!path)
			return err_nomem(err);
		if (fnmatch("*.[eE][fF][iI]", names[i], 0) != 0)
			continue;
		args = read_cmdline(f->guest, path);
		if (args && judge(f, path, args) < 0)
			return err_nomem(err);
	}
	return 0;
}
