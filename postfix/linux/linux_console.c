/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "serial-console": servers have their serial-over-LAN on the second port; a VM has one port,
 * ttyS0, with a login on it.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/etctext.h"

#define WANTS	"/etc/systemd/system/getty.target.wants"

static int console(struct fixer *f, const char *path, const char *text, char **ret)
{
	const struct kargs_rules rules = { .console = true };
	enum bootcfg_kind kind = bootcfg_kind_of(path);
	int r = bootcfg_rewrite(kind, text, &rules, ret, NULL);

	/* What the boot loader reads decides, not what it is generated from. */
	if (r >= 0 && kind != BOOTCFG_GRUB_DEFAULT && kind != BOOTCFG_CMDLINE)
		f->serial_console |= bootcfg_has_serial_console(kind, r ? *ret : text);
	return r;
}

static int inittab(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	f->serial_console |= strstr(text, "ttyS") != NULL;
	return etctext_inittab(text, ret);
}

/* serial-getty@ttyS1.service and getty@ttyS1.service, for any port but the first. */
static bool is_other_port(const char *name)
{
	unsigned int port;
	char end[12] = "";

	if (strncmp(name, "serial-", 7) == 0)
		name += 7;
	return sscanf(name, "getty@ttyS%u%11s", &port, end) == 2 && port > 0 &&
	       strcmp(end, ".service") == 0;
}

static const char *getty_template(struct fixer *f)
{
	static const char *const paths[] = { "/lib/systemd/system/serial-getty@.service",
					     "/usr/lib/systemd/system/serial-getty@.service" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (guest_is_file(f->guest, paths[i]))
			return paths[i];
	return NULL;
}

static int gettys(struct fixer *f, struct err *err)
{
	static const char first[] = WANTS "/serial-getty@ttyS0.service";
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, WANTS, NULL);
	CLEANUP(mem_free)
	char *mask = guest_readlink(f->guest, "/etc/systemd/system/serial-getty@ttyS0.service");
	const char *template = getty_template(f);
	int r = 0;

	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *path = NULL;

		if (!is_other_port(names[i]))
			continue;
		if (asprintf(&path, WANTS "/%s", names[i]) < 0)
			return err_nomem(err);
		r = guest_edit_remove(&f->edits, path, err);
	}
	if (r < 0 || !template)
		return r;
	if (mask && strcmp(mask, "/dev/null") == 0) {
		fixer_say(f, "the login on ttyS0 is masked: left so");
		f->serial_console = false;
		return 0;
	}
	if (guest_edit_exists(&f->edits, first)) {
		f->serial_console = true;
		return 0;
	}
	/* With console=ttyS0 systemd starts one by itself. */
	if (f->serial_console)
		return 0;
	f->serial_console = true;
	return guest_edit_symlink(&f->edits, first, template, err);
}

int linux_console_detect(struct fixer *f, struct err *err)
{
	int r = linux_bootloader_visit(f, console, err);

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/inittab", inittab, err);
	if (r >= 0)
		r = gettys(f, err);
	return r < 0 ? r : 0;
}
