/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rows of the table of fixes for Windows share while a run is under way. Internal to
 * postfix/. In struct fixer it hangs at f->windows, made by windows_begin().
 *
 * A row's detect changes the hives in memory (hive.h): the runner shows the changes of a dry run,
 * and windows_commit(), the last row, writes SYSTEM and SOFTWARE once. Files (drivers, scripts) are
 * staged in f->windows->files and put there by the same last row, hives last of all: a run that
 * ends half-way leaves a Windows that boots as it did.
 *
 * Every row works on "CurrentControlSet" as Select\Current names it, and on the control set of
 * Select\Default when that is another one.
 */
#ifndef P2V_POSTFIX_WINDOWS_WINDOWS_H
#define P2V_POSTFIX_WINDOWS_WINDOWS_H

#include "postfix/fixer.h"
#include "postfix/windows/hive.h"

enum windows_arch { WINDOWS_X86, WINDOWS_AMD64, WINDOWS_ARM64 };

struct windows_file {			/* to be put into the guest */
	char *path;			/* in the guest, as the filesystem spells it */
	char *host_path;		/* a file of the host, or NULL: */
	void *data;
	size_t len;
};

struct windows {
	struct guest *guest;		/* borrowed */
	struct hive *system, *software;
	char *root;			/* "/Windows", as the filesystem spells it */
	char *system32;			/* "/Windows/System32" */
	struct machine_strv sets;	/* "ControlSet001", ...: those that rows must change */
	enum windows_arch arch;
	unsigned int major, minor, build; /* 6, 1, 7601; build 0 unknown */
	unsigned int build_revision;	/* UBR, 0 unknown */
	bool server;			/* ProductType is not WinNT */
	char *product;			/* ProductName */
	struct windows_file *files;
	size_t nfiles;
	size_t said_system, said_software, said_files; /* what windows_done() has told */
	/* What the drivers that were put in can drive; decides the guest caps. */
	bool has_viostor, has_vioscsi, has_netkvm, has_balloon, has_viorng, has_vioserial;
	bool has_agent;			/* it is put in, for the first boot to install */
	bool virtio_1_0;		/* they know the devices of virtio 1.0 */
};

/* Find folders, open both hives, read the version. -EILSEQ: a torn or dirty hive, nothing done. */
int windows_begin(struct fixer *f, struct err *err);
void windows_free(struct windows *w);
/*
 * The path in the guest of a Windows path without drive ("Windows\\System32\\drivers"), component
 * by component without regard to case; what is not there is taken as it is written. malloc'd.
 */
int windows_path(struct fixer *f, const char *path, char **ret, struct err *err);
/*
 * Stage a file for path, which is as windows_path() makes it. 1 staged, 0 the guest has it already
 * (or it is staged already), or -errno.
 */
int windows_put(struct windows *w, const char *path, const void *data, size_t len, struct err *err);
int windows_put_file(struct windows *w, const char *path, const char *host_path, struct err *err);
/*
 * The end of a row's detect: says every change of the hives and every file staged since the last
 * call, and returns 1 when there was any, else 0. So a row is
 *
 *	set and put what is needed; return windows_done(f);
 */
int windows_done(struct fixer *f);
/* Calls fn with KEY below each control set, "ControlSet001\\KEY"; the sum of what it returns. */
int windows_each_set(struct fixer *f, const char *key,
		     int (*fn)(struct fixer *f, const char *key, struct err *err), struct err *err);

extern const struct fix_table windows_fixes;	/* windows_table.c */

#endif
