/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-firstboot": at its first start Windows runs our scripts once (winscript.h tells how
 * and why). Nothing is armed when there is nothing for them to do, or when Windows is in the middle
 * of a setup of its own.
 *
 * What SYSTEM\Setup had before is kept below it, in the key p2v; setup.cmd copies it back as a
 * whole, so no value of the guest passes through a command line.
 */
#include "postfix/windows/windows_rows.h"

#include <string.h>
#include <strings.h>

#include "postfix/windows/winscript.h"

#define FOLDER		"p2v"			/* below the folder of Windows */
#define SETUP		"Setup"
#define KEPT		"Setup\\p2v"
#define COMMAND		"cmd.exe /c %SystemRoot%\\p2v\\setup.cmd"
#define SETUP_NO_REBOOT	2

static int path_of(struct fixer *f, const char *name, char **ret, struct err *err)
{
	CLEANUP(mem_free) char *below = NULL;

	if (asprintf(&below, "%s\\" FOLDER "%s%s", f->windows->root + 1, name[0] ? "\\" : "",
		     name) < 0)
		return err_nomem(err);
	return windows_path(f, below, ret, err);
}

int windows_firstboot_put(struct fixer *f, const char *name, const void *data, size_t len,
			  struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	int r = path_of(f, name, &path, err);

	return r < 0 ? r : windows_put(f->windows, path, data, len, err);
}

/* What was staged by rows before, or lies there from an earlier run that was not started yet. */
static int has_work(struct fixer *f, bool *ret_staged, bool *ret_there, struct err *err)
{
	static const char *const parts[] = { "network.txt", "drivers", "packages" };
	CLEANUP(mem_free) char *dir = NULL;
	struct windows *w = f->windows;
	int r = path_of(f, "", &dir, err);
	size_t n;

	if (r < 0)
		return r;
	n = strlen(dir);
	*ret_staged = *ret_there = false;
	for (size_t i = 0; i < w->nfiles; i++)
		if (strncasecmp(w->files[i].path, dir, n) == 0 && w->files[i].path[n] == '/')
			*ret_staged = true;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		CLEANUP(mem_free) char *path = NULL;

		r = path_of(f, parts[i], &path, err);
		if (r < 0)
			return r;
		if (guest_is_file(f->guest, path) || guest_is_dir(f->guest, path))
			*ret_there = true;
	}
	return 0;
}

static int is_done(struct fixer *f, bool *ret, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	int r = path_of(f, "done", &path, err);

	if (r >= 0)
		*ret = guest_is_file(f->guest, path);
	return r;
}

/* Of a Windows that was prepared for cloning, or whose installation was not ended. */
static bool in_setup(struct hive *h, uint32_t type, const char *command)
{
	uint32_t busy = 0;

	if (hive_get_dword(h, SETUP, "SystemSetupInProgress", &busy, NULL) == 0 && busy)
		return true;
	return type != 0 && strcasecmp(command, COMMAND) != 0;
}

static int scripts(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct windows *w = f->windows;
	int r;

	if (winscript_firstboot_for(w->major, w->minor, w->build, &text) < 0)
		return err_nomem(err);
	r = windows_firstboot_put(f, "firstboot.cmd", text, strlen(text), err);
	if (r >= 0)
		r = windows_firstboot_put(f, "setup.cmd", winscript_setup,
					  strlen(winscript_setup), err);
	return r;
}

static int arm(struct hive *h, uint32_t type, const char *command, struct err *err)
{
	int r = 0;

	if (strcasecmp(command, COMMAND) != 0) {
		r = hive_set_dword(h, KEPT, "SetupType", type, err);
		if (r >= 0)
			r = hive_set_string(h, KEPT, "CmdLine", HIVE_SZ, command, err);
	}
	if (r >= 0)
		r = hive_set_string(h, SETUP, "CmdLine", HIVE_SZ, COMMAND, err);
	if (r >= 0)
		r = hive_set_dword(h, SETUP, "SetupType", SETUP_NO_REBOOT, err);
	return r;
}

int windows_firstboot_detect(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *command = NULL;
	struct hive *h = f->windows->system;
	bool staged, there, done = false;
	uint32_t type = 0;
	int r;

	r = has_work(f, &staged, &there, err);
	if (r >= 0)
		r = is_done(f, &done, err);
	if (r < 0)
		return r;
	if (!staged && (!there || done))
		return 0;
	if (hive_get_dword(h, SETUP, "SetupType", &type, NULL) == -EILSEQ)
		return err_set(err, EILSEQ, "Setup\\SetupType is no number");
	r = hive_get_string(h, SETUP, "CmdLine", &command, NULL);
	if (r < 0 && r != -ENOMEM)
		command = strdup("");
	if (!command)
		return err_nomem(err);
	r = scripts(f, err);
	if (r < 0)
		return r;
	if (in_setup(h, type, command)) {
		if (fixer_warn(f, "this Windows is in the middle of its own setup: after it, run "
			       "%%SystemRoot%%\\p2v\\firstboot.cmd as administrator") < 0)
			return err_nomem(err);
		return windows_done(f);
	}
	r = arm(h, type, command, err);
	return r < 0 ? r : windows_done(f);
}
