/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/windows.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/compiler.h"
#include "common/fdio.h"

#define CURRENT_VERSION	"Microsoft\\Windows NT\\CurrentVersion"
#define FILE_SAME_MAX	((size_t)64 << 20) /* larger ones are compared by their size */

void windows_free(struct windows *w)
{
	if (!w)
		return;
	hive_free(w->system);
	hive_free(w->software);
	free(w->root);
	free(w->system32);
	machine_strv_done(&w->sets);
	free(w->product);
	for (size_t i = 0; i < w->nfiles; i++) {
		free(w->files[i].path);
		free(w->files[i].host_path);
		free(w->files[i].data);
	}
	free(w->files);
	free(w);
}

/* ---- paths ---- */

/* The entry of dir called name, as it is spelled there; name when there is none. malloc'd. */
static char *spelled(struct guest *guest, const char *dir, const char *name)
{
	CLEANUP(guest_strings_free) char **list = guest_list(guest, *dir ? dir : "/", NULL);
	const char *found = name;

	for (size_t i = 0; list && list[i]; i++) {
		if (strcmp(list[i], name) == 0)
			return strdup(name);
		if (found == name && strcasecmp(list[i], name) == 0)
			found = list[i];
	}
	return strdup(found);
}

static int path_in(struct guest *guest, const char *path, char **ret, struct err *err)
{
	CLEANUP(mem_free) char *at = strdup("");

	while (at && *path) {
		size_t n = strcspn(path, "\\/");
		CLEANUP(mem_free) char *name = strndup(path, n), *real = NULL;
		char *next;

		path += n + (path[n] != '\0');
		if (!n)
			continue;
		if (!name)
			return err_nomem(err);
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return err_set(err, EINVAL, "a Windows path with %s in it", name);
		real = spelled(guest, at, name);
		next = real ? text_format("%s/%s", at, real) : NULL;
		free(at);
		at = next;
	}
	if (!at)
		return err_nomem(err);
	*ret = TAKE_PTR(at);
	return 0;
}

int windows_path(struct fixer *f, const char *path, char **ret, struct err *err)
{
	return path_in(f->guest, path, ret, err);
}

/* ---- finding the system ---- */

/* Does folder hold a Windows? Then its System32, and both hives, as they are spelled. */
static int look_into(struct guest *guest, const char *folder, char **ret_system32,
		     char **ret_system, char **ret_software, struct err *err)
{
	CLEANUP(mem_free) char *system32 = NULL, *system = NULL, *software = NULL, *path = NULL;
	int r;

	path = text_format("%s/System32", folder);
	r = path ? path_in(guest, path, &system32, err) : err_nomem(err);
	if (r < 0)
		return r;
	free(path);
	path = text_format("%s/config/SYSTEM", system32);
	r = path ? path_in(guest, path, &system, err) : err_nomem(err);
	if (r < 0)
		return r;
	free(path);
	path = text_format("%s/config/SOFTWARE", system32);
	r = path ? path_in(guest, path, &software, err) : err_nomem(err);
	if (r < 0)
		return r;
	if (!guest_is_file(guest, system) || !guest_is_file(guest, software))
		return 0;
	*ret_system32 = TAKE_PTR(system32);
	*ret_system = TAKE_PTR(system);
	*ret_software = TAKE_PTR(software);
	return 1;
}

static int find_system(struct fixer *f, char **ret_system, char **ret_software, struct err *err)
{
	static const char *const usual[] = { "Windows", "WINNT" };
	CLEANUP(guest_strings_free) char **list = guest_list(f->guest, "/", NULL);
	struct windows *w = f->windows;

	for (size_t i = 0; i < ARRAY_SIZE(usual) + 1; i++)
		for (size_t k = 0; list && list[k]; k++) {
			CLEANUP(mem_free) char *root = text_format("/%s", list[k]);
			int r;

			if (i < ARRAY_SIZE(usual) && strcasecmp(list[k], usual[i]) != 0)
				continue;
			r = root ? look_into(f->guest, root, &w->system32, ret_system,
					     ret_software, err)
				 : err_nomem(err);
			if (r > 0)
				w->root = TAKE_PTR(root);
			if (r)
				return r;
		}
	return err_set(err, ENOENT, "no folder of %s holds a Windows with its registry",
		       f->guest->root);
}

/* ---- what it is ---- */

static int add_set(struct windows *w, const char *value, struct err *err)
{
	uint32_t n;
	char name[32];
	int r = hive_get_dword(w->system, "Select", value, &n, NULL);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return 0;
	snprintf(name, sizeof(name), "ControlSet%03" PRIu32, n);
	if (!hive_has_key(w->system, name) || machine_strv_has(&w->sets, name))
		return 0;
	return machine_strv_add(&w->sets, name) < 0 ? err_nomem(err) : 0;
}

static int find_sets(struct windows *w, struct err *err)
{
	int r = add_set(w, "Current", err);

	if (r >= 0)
		r = add_set(w, "Default", err);
	if (r >= 0 && !w->sets.n)
		return err_set(err, EILSEQ, "the registry names no control set that is there");
	return r;
}

/* A string of a hive, "" when it is not there or no string. malloc'd. */
static int text_of(struct hive *h, const char *key, const char *name, char **ret, struct err *err)
{
	int r = hive_get_string(h, key, name, ret, NULL);

	if (r < 0 && r != -ENOMEM)
		*ret = strdup("");
	return r == -ENOMEM || !*ret ? err_nomem(err) : 0;
}

static int read_version(struct windows *w, struct err *err)
{
	CLEANUP(mem_free) char *version = NULL, *build = NULL, *old_build = NULL;
	uint32_t major, minor, revision;
	int r;

	r = text_of(w->software, CURRENT_VERSION, "CurrentVersion", &version, err);
	if (r >= 0)
		r = text_of(w->software, CURRENT_VERSION, "CurrentBuild", &build, err);
	if (r >= 0)
		r = text_of(w->software, CURRENT_VERSION, "CurrentBuildNumber", &old_build, err);
	if (r >= 0)
		r = text_of(w->software, CURRENT_VERSION, "ProductName", &w->product, err);
	if (r < 0)
		return r;
	/* Since Windows 10 the old value says 6.3 for ever. */
	if (hive_get_dword(w->software, CURRENT_VERSION, "CurrentMajorVersionNumber", &major,
			   NULL) >= 0 &&
	    hive_get_dword(w->software, CURRENT_VERSION, "CurrentMinorVersionNumber", &minor,
			   NULL) >= 0) {
		w->major = major;
		w->minor = minor;
	} else if (sscanf(version, "%9u.%9u", &w->major, &w->minor) != 2) {
		return err_set(err, EILSEQ, "the registry does not tell the version of Windows");
	}
	/* XP has a text in CurrentBuild that is no number of its own. */
	if (sscanf(old_build, "%9u", &w->build) != 1 && sscanf(build, "%9u", &w->build) != 1)
		w->build = 0;
	if (hive_get_dword(w->software, CURRENT_VERSION, "UBR", &revision, NULL) >= 0)
		w->build_revision = revision;
	return 0;
}

static int read_kind(struct fixer *f, struct err *err)
{
	static const struct {
		const char *name;
		enum windows_arch arch;
	} known[] = {
		{ "x86", WINDOWS_X86 },
		{ "AMD64", WINDOWS_AMD64 },
		{ "ARM64", WINDOWS_ARM64 },
	};
	struct windows *w = f->windows;
	CLEANUP(mem_free) char *env = text_format("%s\\Control\\Session Manager\\Environment",
						  w->sets.v[0]);
	CLEANUP(mem_free) char *options = text_format("%s\\Control\\ProductOptions", w->sets.v[0]);
	CLEANUP(mem_free) char *arch = NULL, *type = NULL, *path = NULL;
	char safe[80];
	int r;

	if (!env || !options)
		return err_nomem(err);
	r = text_of(w->system, env, "PROCESSOR_ARCHITECTURE", &arch, err);
	if (r >= 0)
		r = text_of(w->system, options, "ProductType", &type, err);
	if (r < 0)
		return r;
	w->server = *type && strcasecmp(type, "WinNT") != 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcasecmp(arch, known[i].name) == 0) {
			w->arch = known[i].arch;
			return 0;
		}
	if (*arch)
		return err_set(err, EILSEQ, "the registry names an unknown processor, %s",
			       text_escape_str(arch, safe, sizeof(safe)));
	/* Only a 64-bit Windows has a second folder for 32-bit programs. */
	r = windows_path(f, "Program Files (x86)", &path, err);
	if (r < 0)
		return r;
	w->arch = guest_is_dir(f->guest, path) ? WINDOWS_AMD64 : WINDOWS_X86;
	return 0;
}

int windows_begin(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) char *system = NULL, *software = NULL;
	struct windows *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err);
	f->windows = w;
	w->guest = f->guest;
	r = find_system(f, &system, &software, err);
	if (r >= 0)
		r = hive_open(f->guest, system, true, &w->system, err);
	if (r >= 0)
		r = hive_open(f->guest, software, true, &w->software, err);
	if (r >= 0)
		r = find_sets(w, err);
	if (r >= 0)
		r = read_version(w, err);
	if (r >= 0)
		r = read_kind(f, err);
	return r < 0 ? r : 0;
}

int windows_each_set(struct fixer *f, const char *key,
		     int (*fn)(struct fixer *f, const char *key, struct err *err), struct err *err)
{
	int sum = 0;

	for (size_t i = 0; i < f->windows->sets.n; i++) {
		CLEANUP(mem_free) char *full = text_format("%s\\%s", f->windows->sets.v[i], key);
		int r = full ? fn(f, full, err) : err_nomem(err);

		if (r < 0)
			return r;
		sum += r;
	}
	return sum;
}

/* ---- files ---- */

/* What is staged for path already, or a new one. */
static struct windows_file *slot(struct windows *w, const char *path)
{
	struct windows_file *x;

	for (size_t i = 0; i < w->nfiles; i++)
		if (strcasecmp(w->files[i].path, path) == 0)
			return &w->files[i];
	x = machine_grow(&w->files, &w->nfiles, sizeof(*w->files));
	if (!x)
		return NULL;
	x->path = strdup(path);
	if (!x->path) {
		w->nfiles--;
		return NULL;
	}
	return x;
}

static bool guest_has(struct windows *w, const char *path, const void *data, size_t len)
{
	CLEANUP(mem_free) char *have = NULL;
	size_t n;

	if (!guest_is_file(w->guest, path) || guest_file_size(w->guest, path) != len)
		return false;
	return len > FILE_SAME_MAX || (guest_read(w->guest, path, len, &have, &n, NULL) >= 0 &&
				       n == len && memcmp(have, data, n) == 0);
}

int windows_put(struct windows *w, const char *path, const void *data, size_t len, struct err *err)
{
	CLEANUP(mem_free) void *copy = NULL;
	struct windows_file *x;

	if (guest_has(w, path, data, len))
		return 0;
	copy = malloc(len ? len : 1);
	if (!copy)
		return err_nomem(err);
	memcpy(copy, data, len);
	x = slot(w, path);
	if (!x)
		return err_nomem(err);
	if (x->data && x->len == len && memcmp(x->data, data, len) == 0)
		return 0;
	free(x->data);
	free(x->host_path);
	x->host_path = NULL;
	x->data = TAKE_PTR(copy);
	x->len = len;
	return 1;
}

int windows_put_file(struct windows *w, const char *path, const char *host_path, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL, *copy = NULL;
	struct windows_file *x;
	struct stat st;
	size_t len;
	int r;

	if (stat(host_path, &st) < 0)
		return err_errno(err, "cannot read %s", host_path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is no file", host_path);
	if (guest_is_file(w->guest, path) &&
	    guest_file_size(w->guest, path) == (uint64_t)st.st_size) {
		if ((uint64_t)st.st_size > FILE_SAME_MAX)
			return 0;
		r = fdio_read_file(host_path, FILE_SAME_MAX, &data, &len, err);
		if (r < 0)
			return r;
		if (guest_has(w, path, data, len))
			return 0;
	}
	copy = strdup(host_path);
	x = copy ? slot(w, path) : NULL;
	if (!x)
		return err_nomem(err);
	if (x->host_path && strcmp(x->host_path, host_path) == 0)
		return 0;
	free(x->data);
	free(x->host_path);
	x->data = NULL;
	x->host_path = TAKE_PTR(copy);
	x->len = (size_t)st.st_size;
	return 1;
}

/* ---- telling ---- */

static void say_changes(struct fixer *f, const char *hive, const struct machine_strv *list,
			size_t *said)
{
	for (; *said < list->n; (*said)++)
		fixer_say(f, "%s\\%s", hive, list->v[*said]);
}

int windows_done(struct fixer *f)
{
	struct windows *w = f->windows;
	size_t before = w->said_system + w->said_software + w->said_files;

	say_changes(f, "SYSTEM", hive_changes(w->system), &w->said_system);
	say_changes(f, "SOFTWARE", hive_changes(w->software), &w->said_software);
	for (; w->said_files < w->nfiles; w->said_files++)
		fixer_say(f, "%s: %zu bytes", w->files[w->said_files].path,
			  w->files[w->said_files].len);
	return w->said_system + w->said_software + w->said_files != before;
}
