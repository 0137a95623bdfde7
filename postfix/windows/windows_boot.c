/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-boot": what keeps a Windows that was moved from starting well, or its disks from
 * coming up. Each part looks at one control set; what is only told is told for the current one.
 */
#include "postfix/windows/windows_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "postfix/windows/windrive.h"

#define MEMORY	"Control\\Session Manager\\Memory Management"

/* -ENOENT and -EILSEQ are answers: the second is said. */
static int number(struct fixer *f, const char *key, const char *name, uint32_t *ret)
{
	int r = hive_get_dword(f->windows->system, key, name, ret, NULL);

	if (r == -EILSEQ)
		fixer_say(f, "%s is no number, left alone", name);
	return r;
}

/* The answer of hive_set_dword(), with the old value in words. */
static int set_number(struct fixer *f, const char *key, const char *name, uint32_t value,
		      const char *why, struct err *err)
{
	uint32_t old;
	int got = number(f, key, name, &old), r;

	if (got == -ENOMEM)
		return err_nomem(err);
	if (got == -EILSEQ || (got == 0 && old == value))
		return 0;
	r = hive_set_dword(f->windows->system, key, name, value, err);
	if (r <= 0 || !windows_rows_current(f, key))
		return r;
	if (got == 0)
		fixer_say(f, "%s was %u, is %u: %s", name, old, value, why);
	else
		fixer_say(f, "%s was not set, is %u: %s", name, value, why);
	return 1;
}

/* Since Vista: what becomes of disks that Windows has not seen before. Servers leave them off. */
static int san_policy(struct fixer *f, const char *key, struct err *err)
{
	if (f->windows->major < 6)
		return 0;
	return set_number(f, key, "SanPolicy", 1, "new disks come up online", err);
}

static int fast_startup(struct fixer *f, const char *key, struct err *err)
{
	uint32_t old;

	/* Absent on what has no Fast Startup. */
	if (number(f, key, "HiberbootEnabled", &old) < 0)
		return 0;
	return set_number(f, key, "HiberbootEnabled", 0, "a shut down system is shut down", err);
}

static int hibernation(struct fixer *f, const char *key, struct err *err)
{
	uint32_t old;

	if (number(f, key, "HibernateEnabled", &old) < 0)
		return 0;
	return set_number(f, key, "HibernateEnabled", 0, "the host suspends and saves machines",
			  err);
}

/* "D:\pagefile.sys 0 0", "\??\D:\pagefile.sys", "\Device\..." or "?:\pagefile.sys". */
static char letter_of(const char *path)
{
	if (strncmp(path, "\\??\\", 4) == 0)
		path += 4;
	return isalpha((unsigned char)path[0]) && path[1] == ':' ?
	       (char)toupper((unsigned char)path[0]) : '\0';
}

static bool is_missing(struct fixer *f, const char *path, const char **ret_disk)
{
	char letter = letter_of(path);

	return letter && windrive_find(f->windows->system, letter, &f->guest->map, ret_disk) ==
	       WINDRIVE_MISSING;
}

static int page_files_in(struct fixer *f, const char *key, const char *name, bool keep_one,
			 struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv files = { 0 };
	CLEANUP(mem_free) const char **keep = NULL;
	struct hive *h = f->windows->system;
	const char *disk = NULL;
	char safe[80], safe_disk[80];
	size_t n = 0;
	int r = hive_get_strings(h, key, name, &files, NULL);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -EILSEQ)
		fixer_say(f, "%s is no list of files, left alone", name);
	if (r < 0 || files.n == 0)
		return 0;
	keep = calloc(files.n, sizeof(*keep));
	if (!keep)
		return err_nomem(err);
	for (size_t i = 0; i < files.n; i++) {
		if (!is_missing(f, files.v[i], &disk)) {
			keep[n++] = files.v[i];
			continue;
		}
		if (windows_rows_current(f, key))
			fixer_say(f, "%s: %s is on %s, which was not copied", name,
				  text_escape_str(files.v[i], safe, sizeof(safe)),
				  text_escape_str(disk, safe_disk, sizeof(safe_disk)));
	}
	if (n == files.n)
		return 0;
	/* One of the size that Windows chooses, on the drive of Windows. */
	if (n == 0 && keep_one) {
		keep[n++] = f->windows->major >= 6 ? "?:\\pagefile.sys" : "C:\\pagefile.sys 0 0";
		if (f->windows->major < 6 && is_missing(f, keep[0], NULL))
			n = 0;
		if (n && windows_rows_current(f, key))
			fixer_say(f, "%s: Windows chooses a page file", name);
	}
	return hive_set_strings(h, key, name, keep, n, err);
}

static int page_files(struct fixer *f, const char *key, struct err *err)
{
	int r = page_files_in(f, key, "PagingFiles", true, err);

	return r < 0 ? r : page_files_in(f, key, "ExistingPageFiles", false, err);
}

static int dump_file(struct fixer *f, const char *key, const char *name, const char *instead,
		     struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	struct hive *h = f->windows->system;
	const char *disk = NULL;
	char safe[80], safe_disk[80];
	int r = hive_get_string(h, key, name, &path, NULL);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -EILSEQ)
		fixer_say(f, "%s is no text, left alone", name);
	if (r < 0 || !is_missing(f, path, &disk))
		return 0;
	if (windows_rows_current(f, key))
		fixer_say(f, "%s: %s is on %s, which was not copied", name,
			  text_escape_str(path, safe, sizeof(safe)),
			  text_escape_str(disk, safe_disk, sizeof(safe_disk)));
	if (!instead)
		return hive_delete_value(h, key, name, err);
	return hive_set_string(h, key, name, HIVE_EXPAND_SZ, instead, err);
}

static int dump_files(struct fixer *f, const char *key, struct err *err)
{
	int r = dump_file(f, key, "DumpFile", "%SystemRoot%\\MEMORY.DMP", err);

	return r < 0 ? r : dump_file(f, key, "DedicatedDumpFile", NULL, err);
}

/* ---- what is only told; key is the control set */

static void tell_auto_reboot(struct fixer *f, const char *set)
{
	char key[300];
	uint32_t value;

	snprintf(key, sizeof(key), "%s\\Control\\CrashControl", set);
	if (number(f, key, "AutoReboot", &value) == 0)
		fixer_say(f, "after a stop error Windows %s (AutoReboot=%u, left as it is)",
			  value ? "restarts" : "stays at the blue screen", value);
}

static int tell_clock(struct fixer *f, const char *set)
{
	const struct machine_clock *clock = &f->m->clock;
	char key[300];
	uint32_t utc = 0;
	int r;

	snprintf(key, sizeof(key), "%s\\Control\\TimeZoneInformation", set);
	r = number(f, key, "RealTimeIsUniversal", &utc);
	if (r == -ENOMEM)
		return r;
	fixer_say(f, "Windows takes the hardware clock for %s",
		  r == 0 && utc == 1 ? "UTC" : "local time");
	if (r == -EILSEQ || !clock->rtc_known || clock->rtc_local == !(r == 0 && utc == 1))
		return 0;
	return fixer_warn(f, "Windows takes the hardware clock for %s, and the machine was recorded "
			  "with a clock in %s: the virtual machine follows the record",
			  clock->rtc_local ? "UTC" : "local time",
			  clock->rtc_local ? "local time" : "UTC");
}

static void tell_renames(struct fixer *f, const char *set)
{
	CLEANUP(machine_strv_done) struct machine_strv list = { 0 };
	char key[300];

	snprintf(key, sizeof(key), "%s\\Control\\Session Manager", set);
	/* Pairs; empty ones are lost on the way, so only whether there are any is told. */
	if (hive_get_strings(f->windows->system, key, "PendingFileRenameOperations", &list,
			     NULL) == 0 && list.n)
		fixer_say(f, "files wait to be replaced at the next start: an update or an "
			  "installation was not ended");
}

static int tell_hiberfil(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	int r = windows_path(f, "hiberfil.sys", &path, err);

	if (r >= 0 && guest_is_file(f->guest, path))
		fixer_say(f, "%s is left: %llu MiB that powercfg /h off frees", path,
			  (unsigned long long)(guest_file_size(f->guest, path) >> 20));
	return r;
}

/* XP and 2003 are installed with the HAL of the machine, and keep it. */
static int tell_hal(struct fixer *f, const char *set)
{
	CLEANUP(machine_strv_done) struct machine_strv ids = { 0 };
	char key[300], safe[80];

	if (f->windows->major >= 6)
		return 0;
	snprintf(key, sizeof(key), "%s\\Enum\\Root\\ACPI_HAL\\0000", set);
	if (hive_get_strings(f->windows->system, key, "HardwareID", &ids, NULL) < 0 || !ids.n)
		return fixer_warn(f, "this Windows was installed without ACPI: it does not power "
				  "off by itself, and needs a machine of the type pc (i440fx)");
	fixer_say(f, "its HAL is %s", text_escape_str(ids.v[0], safe, sizeof(safe)));
	if (strcasecmp(ids.v[0], "acpipic_up") == 0 || strcasecmp(ids.v[0], "acpiapic_up") == 0)
		return fixer_warn(f, "this Windows has a HAL for one processor (%s): give the "
				  "virtual machine one, or change the HAL in the device manager "
				  "afterwards", safe);
	return 0;
}

int windows_boot_detect(struct fixer *f, struct err *err)
{
	static const struct {
		const char *key;
		int (*fn)(struct fixer *f, const char *key, struct err *err);
	} parts[] = {
		{ "Services\\partmgr\\Parameters", san_policy },
		{ "Control\\Session Manager\\Power", fast_startup },
		{ "Control\\Power", hibernation },
		{ MEMORY, page_files },
		{ "Control\\CrashControl", dump_files },
	};
	const char *set = f->windows->sets.v[0];
	int r;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = windows_each_set(f, parts[i].key, parts[i].fn, err);
		if (r < 0)
			return r;
	}
	tell_auto_reboot(f, set);
	tell_renames(f, set);
	if (tell_clock(f, set) < 0 || tell_hal(f, set) < 0)
		return err_nomem(err);
	r = tell_hiberfil(f, err);
	return r < 0 ? r : windows_done(f);
}
