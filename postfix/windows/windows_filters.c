/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Filter drivers of device classes. A class key (Control\Class\{GUID}) lists drivers that are put
 * above (UpperFilters) or below (LowerFilters) the driver of every device of the class. When one
 * of them cannot be loaded the device does not start: for disks that is stop 0x7B.
 *
 * Dropped are, in every class, what the table of services names; and in the classes that a start
 * or the network need, what has no service or no file. What cannot be judged stays.
 */
#include "postfix/windows/windows_rows.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/tables.h"

static const char *const needed_classes[] = {
	"{4d36e967-e325-11ce-bfc1-08002be10318}",	/* disk drives */
	"{71a27cdd-812a-11d0-bec7-08002be2092f}",	/* volumes */
	"{4d36e965-e325-11ce-bfc1-08002be10318}",	/* CD-ROM drives */
	"{4d36e97b-e325-11ce-bfc1-08002be10318}",	/* SCSI and RAID controllers */
	"{4d36e96a-e325-11ce-bfc1-08002be10318}",	/* ATA controllers */
	"{4d36e972-e325-11ce-bfc1-08002be10318}",	/* network adapters */
	"{4d36e97d-e325-11ce-bfc1-08002be10318}",	/* system devices: the PCI bus */
};

static bool is_needed(const char *class)
{
	for (size_t i = 0; i < ARRAY_SIZE(needed_classes); i++)
		if (strcasecmp(class, needed_classes[i]) == 0)
			return true;
	return false;
}

static const char *skip_word(const char *s, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(s, word, n) == 0 ? s + n : NULL;
}

/*
 * The file of an ImagePath as a path below the root of the system's drive, in *ret. 0 when it is
 * on another drive, or in no form that is known.
 */
static int image_file(const struct windows *w, const char *image, char **ret)
{
	static const char *const roots[] = { "\\SystemRoot\\", "%SystemRoot%\\", "SystemRoot\\" };
	const char *rest = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(roots) && !rest; i++)
		rest = skip_word(image, roots[i]);
	if (!rest && skip_word(image, "system32\\"))
		rest = image;
	if (!rest)
		return 0;
	return asprintf(ret, "%s\\%s", w->root + 1, rest) < 0 ? -ENOMEM : 1;
}

/* Is the driver there? True also when that cannot be told. */
static int has_file(struct fixer *f, const char *set, const char *name, bool *ret, struct err *err)
{
	CLEANUP(mem_free) char *key = NULL, *image = NULL, *file = NULL, *path = NULL;
	struct windows *w = f->windows;
	int r;

	*ret = true;
	if (strpbrk(name, "\\/"))
		return 0;
	if (asprintf(&key, "%s\\Services\\%s", set, name) < 0)
		return err_nomem(err);
	if (!hive_has_key(w->system, key)) {
		*ret = false;
		return 0;
	}
	r = hive_get_string(w->system, key, "ImagePath", &image, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -EILSEQ)
		return 0;
	if (r < 0 || !image[0]) {
		free(image);
		image = NULL;
		if (asprintf(&image, "system32\\drivers\\%s.sys", name) < 0)
			return err_nomem(err);
	}
	r = image_file(w, image, &file);
	if (r < 0)
		return err_nomem(err);
	if (r == 0)
		return 0;
	r = windows_path(f, file, &path, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	/* A path that winds upwards is not followed. */
	if (r < 0)
		return 0;
	*ret = guest_is_file(f->guest, path);
	return 0;
}

/* Why the filter has to go: 1 and *why, or 0. */
static int judge(struct fixer *f, const char *set, const char *class, const char *name,
		 const char **why, struct err *err)
{
	const struct tables_row *row = windows_services_match(f->windows, name);
	bool there;
	int r;

	if (row) {
		*why = row->reason;
		return 1;
	}
	if (!is_needed(class))
		return 0;
	r = has_file(f, set, name, &there, err);
	if (r < 0 || there)
		return r;
	*why = "its driver is not there";
	return 1;
}

/* classes: "ControlSet001\Control\Class" */
static int drop_from(struct fixer *f, const char *classes, const char *class, const char *value,
		     struct err *err)
{
	CLEANUP(mem_free) char *set = strndup(classes, strcspn(classes, "\\"));
	CLEANUP(machine_strv_done) struct machine_strv names = { 0 };
	CLEANUP(mem_free) const char **keep = NULL;
	CLEANUP(mem_free) char *key = NULL;
	struct hive *h = f->windows->system;
	char safe[80], safe_class[80];
	size_t n = 0;
	int r;

	if (!set || asprintf(&key, "%s\\%s", classes, class) < 0)
		return err_nomem(err);
	r = hive_get_strings(h, key, value, &names, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	text_escape_str(class, safe_class, sizeof(safe_class));
	if (r == -EILSEQ)
		fixer_say(f, "%s of class %s is no list of names, left alone", value, safe_class);
	if (r < 0 || names.n == 0)
		return 0;
	keep = calloc(names.n, sizeof(*keep));
	if (!keep)
		return err_nomem(err);
	for (size_t i = 0; i < names.n; i++) {
		const char *why = NULL;

		r = judge(f, set, class, names.v[i], &why, err);
		if (r < 0)
			return r;
		if (!r) {
			keep[n++] = names.v[i];
			continue;
		}
		if (windows_rows_current(f, classes))
			fixer_say(f, "%s is taken out of %s of class %s: %s",
				  text_escape_str(names.v[i], safe, sizeof(safe)), value,
				  safe_class, why);
	}
	if (n == names.n)
		return 0;
	if (n == 0)
		return hive_delete_value(h, key, value, err);
	return hive_set_strings(h, key, value, keep, n, err);
}

int windows_filters_drop(struct fixer *f, const char *key, struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv classes = { 0 };
	int r = hive_subkeys(f->windows->system, key, &classes, err);

	for (size_t i = 0; i < classes.n && r >= 0; i++) {
		r = drop_from(f, key, classes.v[i], "UpperFilters", err);
		if (r >= 0)
			r = drop_from(f, key, classes.v[i], "LowerFilters", err);
	}
	return r;
}
