/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/fix.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/diff.h"
#include "postfix/fixer.h"
#include "postfix/windows/windows.h"

#define FIX_MAX 128 /* rows of all tables */

static const struct fix_table *const tables[] = { &linux_fixes, &windows_fixes };

const char *fix_state_name(enum fix_state s)
{
	static const char *const names[] = {
		[FIX_NOT_NEEDED] = "not-needed", [FIX_WOULD_APPLY] = "would-apply",
		[FIX_APPLIED] = "applied", [FIX_SKIPPED] = "skipped", [FIX_FAILED] = "failed",
	};

	return (size_t)s < ARRAY_SIZE(names) ? names[s] : "?";
}

const char *fix_severity_name(enum fix_severity s)
{
	static const char *const names[] = {
		[FIX_BOOT] = "boot", [FIX_NETWORK] = "network", [FIX_COMFORT] = "comfort",
	};

	return (size_t)s < ARRAY_SIZE(names) ? names[s] : "?";
}

const struct fix_info *fix_list(size_t *ret_n)
{
	/* Filled the same way every time; one more than rows, the last one stays empty. */
	static struct fix_info list[FIX_MAX + 1];
	size_t n = 0;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (size_t i = 0; i < tables[t]->n && n < FIX_MAX; i++) {
			const struct fix_row *row = &tables[t]->rows[i];

			list[n++] = (struct fix_info){ .id = row->id, .title = row->title,
						       .applies = row->applies, .undo = row->undo,
						       .severity = row->severity,
						       .off = row->off };
		}
	if (ret_n)
		*ret_n = n;
	return list;
}

const char *fixer_setting(const struct fixer *f, const char *key)
{
	const char *value = NULL;
	size_t n = strlen(key);

	for (const char *const *s = f->opt->set; s && *s; s++)
		if (strncmp(*s, key, n) == 0 && (*s)[n] == '=')
			value = *s + n + 1;
	return value;
}

void fixer_say(struct fixer *f, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (f->detail.len)
		strbuf_add(&f->detail, "\n");
	strbuf_add(&f->detail, line);
}

int fixer_warn(struct fixer *f, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (machine_strv_has(f->warnings, line))
		return 0;
	return machine_strv_add(f->warnings, line);
}

int fixer_rewrite(struct fixer *f, const char *path,
		  int (*rewrite)(struct fixer *f, const char *path, const char *text, char **ret),
		  struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	struct err e = ERR_INIT;
	int r = guest_edit_read(&f->edits, path, &text, &e);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == -EFBIG || r == -EILSEQ) {
		fixer_say(f, "not looked into: %s", e.text);
		return 0;
	}
	if (r == -ENOENT || r == -EISDIR)
		return 0;
	if (r < 0) {
		if (err)
			*err = e;
		return r;
	}
	r = rewrite(f, path, text, &to);
	if (r < 0)
		return err_code(err, -r, "cannot work on %s", path);
	if (!r)
		return 0;
	r = guest_edit_write(&f->edits, path, to, 0644, err);
	return r < 0 ? r : 1;
}

int fixer_rewrite_all(struct fixer *f, const char *dir, const char *glob,
		      int (*rewrite)(struct fixer *f, const char *path, const char *text,
				     char **ret),
		      struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);
	int changed = 0;

	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *path = NULL;
		int r;

		if (fnmatch(glob, names[i], FNM_PERIOD) != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, names[i]) < 0)
			return err_nomem(err);
		r = fixer_rewrite(f, path, rewrite, err);
		if (r < 0)
			return r;
		changed |= r;
	}
	return changed;
}

bool fixer_touched(const struct fixer *f, const char *prefix)
{
	for (size_t i = 0; i < f->edits.n; i++)
		if (strncmp(f->edits.v[i].path, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

static bool named(const char *const *list, const char *id)
{
	for (; list && *list; list++)
		if (strcmp(*list, id) == 0)
			return true;
	return false;
}

static int check_ids(const char *const *list, struct err *err)
{
	for (; list && *list; list++) {
		bool known = false;
		char safe[80];

		for (const struct fix_info *i = fix_list(NULL); i->id; i++)
			known = known || strcmp(i->id, *list) == 0;
		if (!known)
			return err_set(err, EINVAL, "there is no fix called %s",
				       text_escape_str(*list, safe, sizeof(safe)));
	}
	return 0;
}

static int add_change(struct fix_result *res, const struct guest_edit *x)
{
	static const char *const words[] = {
		[EDIT_WRITE] = "edited", [EDIT_REMOVE] = "removed", [EDIT_SYMLINK] = "edited",
		[EDIT_COPY] = "edited", [EDIT_REBUILD] = "rebuilt",
	};
	struct fix_change *c = machine_grow(&res->changes, &res->nchanges, sizeof(*res->changes));
	CLEANUP(mem_free) char *link = NULL;

	if (!c)
		return -ENOMEM;
	c->path = strdup(x->path);
	c->what = strdup(!x->existed ? "added" : words[x->kind]);
	if (!c->path || !c->what)
		return -ENOMEM;
	switch (x->kind) {
	case EDIT_WRITE:
		return diff_unified(x->path, x->old_text, x->new_text, &c->diff);
	case EDIT_REMOVE:
		return x->old_text ? diff_unified(x->path, x->old_text, NULL, &c->diff) : 0;
	case EDIT_SYMLINK:
		if (asprintf(&link, "-> %s\n", x->new_text) < 0)
			return -ENOMEM;
		return diff_unified(x->path, x->old_text, link, &c->diff);
	case EDIT_COPY:
	case EDIT_REBUILD:
		return 0;
	}
	return 0;
}

static const struct fix_table *table_for(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		if (strcmp(tables[i]->type, type) == 0)
			return tables[i];
	return NULL;
}

/* What was named counts before what the row says of itself. */
static bool wanted(const struct fixer *f, const struct fix_row *row)
{
	const struct fix_options *opt = f->opt;
	const char *set = fixer_setting(f, row->id);

	if (row == table_for(f->guest->type)->last)
		return true;
	if (named(opt->skip, row->id))
		return false;
	if (opt->only && *opt->only)
		return named(opt->only, row->id);
	return !row->off || (set && strcmp(set, "on") == 0);
}

static int run_row(struct fixer *f, const struct fix_row *row, struct fix_result *res,
		   struct err *err)
{
	const struct fix_options *opt = f->opt;
	size_t before = f->edits.n;
	int r;

	if (!wanted(f, row)) {
		res->state = FIX_SKIPPED;
		return 0;
	}
	f->edits.owner++;
	r = row->detect(f, err);
	if (r == 0 && f->edits.n == before) {
		res->state = FIX_NOT_NEEDED;
	} else if (r >= 0 && opt->dry_run) {
		res->state = FIX_WOULD_APPLY;
	} else if (r >= 0) {
		r = guest_edit_commit(&f->edits, err);
		if (r >= 0 && row->apply)
			r = row->apply(f, err);
		res->state = FIX_APPLIED;
	}
	if (r < 0) {
		res->state = FIX_FAILED;
		guest_edit_drop(&f->edits);
	}
	return r;
}

static int report_row(struct fixer *f, struct fix_result *res, const struct err *why)
{
	if (res->state == FIX_FAILED)
		fixer_say(f, "failed: %s", why->text);
	res->detail = strbuf_take(&f->detail);
	if (!res->detail)
		return -ENOMEM;
	for (size_t i = 0; i < f->edits.n; i++) {
		const struct guest_edit *x = &f->edits.v[i];

		if (x->owner != f->edits.owner || res->state == FIX_SKIPPED)
			continue;
		/* What the failed command was to make is not there, or not sound. */
		if (x->kind == EDIT_REBUILD && res->state == FIX_FAILED)
			continue;
		if (add_change(res, x) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void progress(const struct fix_options *opt, const char *what, const char *id,
		     unsigned int done, size_t rows)
{
	char step[80];

	if (!opt->progress)
		return;
	snprintf(step, sizeof(step), "%s %s", what, id);
	opt->progress(step, done, (unsigned int)rows + 3, opt->opaque);
}

/* Run one row, and report it; *result becomes why the whole run has failed. */
static int run_and_report(struct fixer *f, const struct fix_row *row, struct fix_report *rep,
			  int *result, struct err *err)
{
	struct fix_result *res;
	struct err e = ERR_INIT;
	int r;

	res = machine_grow(&rep->results, &rep->nresults, sizeof(*rep->results));
	if (!res)
		return err_nomem(err);
	res->id = row->id;
	res->title = row->title;
	res->undo = row->undo;
	res->severity = row->severity;
	r = run_row(f, row, res, &e);
	if (r == -ENOMEM || report_row(f, res, &e) < 0)
		return err_nomem(err);
	if (r >= 0)
		return 0;
	if (row->severity != FIX_BOOT || f->still_boots) {
		f->still_boots = false;
		if (fixer_warn(f, "%s: %s%s%s", row->id, e.text, *e.hint ? "; " : "", e.hint) < 0)
			return err_nomem(err);
	} else if (*result == 0) {
		*result = r;
		if (err) {
			*err = e;
			err_prefix(err, "fix %s", row->id);
		}
	}
	return 0;
}

static int run_rows(struct fixer *f, const struct fix_table *table, struct fix_report *rep,
		    struct err *err)
{
	int result = 0, r = 0;

	for (size_t i = 0; i < table->n && r >= 0; i++) {
		progress(f->opt, f->opt->dry_run ? "detecting" : "fixing", table->rows[i].id,
			 (unsigned int)i + 2, table->n);
		r = run_and_report(f, &table->rows[i], rep, &result, err);
	}
	if (table->last && result >= 0 && r >= 0)
		r = run_and_report(f, table->last, rep, &result, err);
	return r < 0 ? r : result;
}

static int fix_with(struct fixer *f, const struct fix_table *table, struct fix_report *rep,
		    struct err *err)
{
	int r = 0;

	progress(f->opt, "looking at", "the guest", 1, table->n);
	if (table->begin)
		r = table->begin(f, err);
	if (r >= 0)
		r = run_rows(f, table, rep, err);
	if (table->caps)
		table->caps(f, &rep->caps);
	if (table->end)
		table->end(f);
	return r;
}

static void fixer_done(struct fixer *f)
{
	guest_edit_done(&f->edits);
	strbuf_done(&f->detail);
	kernels_done(&f->kernels);
	free(f->kernel);
	net_plan_free(f->net);
}

static int check_options(const struct fix_options *opt, struct err *err)
{
	int r = check_ids(opt->skip, err);

	return r < 0 ? r : check_ids(opt->only, err);
}

/* The table over an open guest; the report is made as far as it goes. */
static int fix_open_guest(const struct fix_options *opt, struct guest *guest,
			  struct fix_report *rep, struct err *err)
{
	CLEANUP(machine_free) struct machine *nothing = NULL;
	struct fixer f = { .opt = opt, .m = opt->machine };
	const struct fix_table *table = table_for(guest->type);
	int r;

	if (!f.m && machine_new(&nothing) < 0)
		return err_nomem(err);
	if (!f.m)
		f.m = nothing;
	rep->dry_run = opt->dry_run;
	guestcaps_default(&rep->caps);
	guest->dry_run = opt->dry_run;
	rep->boot_image = guest->boot_image;
	rep->os_name = strdup(guest->os_name);
	rep->root = strdup(guest->root);
	if (!rep->os_name || !rep->root)
		return err_nomem(err);
	f.guest = guest;
	f.edits.guest = guest;
	f.warnings = &rep->warnings;
	if (table) {
		r = fix_with(&f, table, rep, err);
	} else {
		snprintf(rep->caps.os_type, sizeof(rep->caps.os_type), "%s", guest->type);
		r = fixer_warn(&f, "%s: no fixes for this system yet, nothing was changed",
			       guest->os_name);
	}
	fixer_done(&f);
	return r;
}

int fix_guest(const struct fix_options *opt, struct guest *guest, struct fix_report **ret_report,
	      struct err *err)
{
	CLEANUP(fix_report_free) struct fix_report *rep = calloc(1, sizeof(*rep));
	int r = check_options(opt, err);

	if (r < 0)
		return r;
	if (!rep)
		return err_nomem(err);
	r = fix_open_guest(opt, guest, rep, err);
	*ret_report = TAKE_PTR(rep);
	return r < 0 ? r : 0;
}

int fix_run(const struct fix_options *opt, struct fix_report **ret_report, struct err *err)
{
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;
	CLEANUP(guest_free) struct guest *guest = NULL;
	struct err e = ERR_INIT;
	int r;

	if (!opt->nimages)
		return err_set(err, EINVAL, "no image to fix");
	r = check_options(opt, err);
	if (r < 0)
		return r;
	rep = calloc(1, sizeof(*rep));
	if (!rep)
		return err_nomem(err);
	progress(opt, "starting", "the appliance", 0, linux_fixes.n);
	r = guest_open(opt, &guest, &rep->warnings, err);
	if (r < 0)
		return r;
	r = fix_open_guest(opt, guest, rep, err);
	progress(opt, "stopping", "the appliance", (unsigned int)rep->nresults + 2, rep->nresults);
	/* Also after a failed fix: what was done so far is to be whole on the disk. */
	if (guest_close(guest, &e) < 0 && r >= 0) {
		r = -e.code;
		if (err)
			*err = e;
	}
	*ret_report = TAKE_PTR(rep);
	return r < 0 ? r : 0;
}
