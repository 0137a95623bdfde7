/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/check.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "p2v-agent/check_keys.h"

struct selection {
	struct preflight_disk *v;
	size_t n;
	char **names;			/* those that are ours */
	size_t nnames;
};

static void selection_done(struct selection *s)
{
	for (size_t i = 0; i < s->nnames; i++)
		free(s->names[i]);
	free(s->names);
	free(s->v);
}
DEFINE_CLEANUP_VALUE(struct selection, selection_done)

/* A volume that is copied as a disk (an array of firmware RAID) is known by its path. */
static const char *volume_name(const struct machine *m, const char *path)
{
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		if (strcmp(v->name, path) == 0 || (v->path && strcmp(v->path, path) == 0) ||
		    machine_strv_has(&v->aliases, path))
			return v->name;
	}
	return NULL;
}

static int add_opened(const struct check_config *cfg, struct selection *s, struct err *err)
{
	for (size_t i = 0; i < cfg->source->n; i++) {
		const struct source_disk *sd = &cfg->source->disks[i];
		const char *volume = volume_name(cfg->machine, sd->disk->path);
		struct preflight_disk *d = machine_grow(&s->v, &s->n, sizeof(*d));

		if (!d)
			return err_nomem(err);
		*d = (struct preflight_disk){ .name = volume ? volume : sd->name,
					      .in_use_by = sd->in_use_by, .size = sd->disk->size,
					      .used = sd->used ? bitmap_bytes(sd->used->map) : 0 };
	}
	return 0;
}

static int add_named(const struct check_config *cfg, struct selection *s, struct err *err)
{
	for (size_t i = 0; i < cfg->disks->n; i++) {
		const char *spec = cfg->disks->v[i], *name = strstr(spec, ",name=");
		const struct machine_disk *md;
		struct preflight_disk *d;
		char **slot, *copy = strndup(spec, name ? (size_t)(name - spec) : strlen(spec));

		slot = copy ? machine_grow(&s->names, &s->nnames, sizeof(*slot)) : NULL;
		if (!slot) {
			free(copy);
			return err_nomem(err);
		}
		*slot = copy;
		md = machine_find_disk(cfg->machine, name ? name + strlen(",name=") : copy);
		if (name && !md)
			name += strlen(",name=");
		else
			name = md ? md->name : volume_name(cfg->machine, copy);
		if (!name)
			return err_set(err, EINVAL, "the inventory has no disk %s", copy);
		d = machine_grow(&s->v, &s->n, sizeof(*d));
		if (!d)
			return err_nomem(err);
		*d = (struct preflight_disk){ .name = name, .size = md ? md->size : 0 };
	}
	return 0;
}

int check_ids(const struct opt_list *ids, struct err *err)
{
	for (size_t i = 0; i < ids->n; i++)
		if (!preflight_find(ids->v[i]))
			return err_set(err, EINVAL, "--force %s: there is no such finding; "
				       "p2v-agent check --list has them", ids->v[i]);
	return 0;
}

int check_run(const struct check_config *cfg, struct preflight_report **ret, struct err *err)
{
	CLEANUP(check_keys_done) struct check_keys keys = { 0 };
	CLEANUP(selection_done) struct selection s = { 0 };
	/* The list lends its texts, which nobody changes. */
	const struct machine_strv accept = { (char **)(uintptr_t)cfg->force->v, cfg->force->n };
	struct preflight_input in = { .machine = cfg->machine, .hot = cfg->hot, .accept = &accept,
				      .rate = cfg->rate };
	int r = cfg->source ? add_opened(cfg, &s, err) : add_named(cfg, &s, err);

	if (r >= 0)
		r = check_keys_try(cfg->machine, cfg->source, cfg->keys, &keys, err);
	if (r < 0)
		return r;
	in.disks = s.v;
	in.ndisks = s.n;
	in.keys = keys.v;
	in.nkeys = keys.n;
	return preflight_run(&in, ret, err);
}

size_t check_log(const struct preflight_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct preflight_finding *f = &r->findings[i];
		const char *id = f->rule->id, *title = f->rule->title;
		char text[400];

		text_escape_str(f->evidence, text, sizeof(text));
		if (f->severity == PREFLIGHT_BLOCKS && !f->accepted)
			log_error("%s: %s (--force %s accepts this)", title, text, id);
		else if (f->severity == PREFLIGHT_BLOCKS)
			log_warning("%s: %s (accepted: %s)", title, text, id);
		else if (f->severity == PREFLIGHT_DEGRADES && !f->accepted)
			log_warning("%s: %s (%s)", title, text, id);
		else
			log_info("%s: %s (%s)", title, text, id);
	}
	return preflight_blocking(r);
}
