/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/finish_plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "inventory/machine_json.h"
#include "inventory/plan/plan.h"
#include "postfix/fix.h"
#include "postfix/linux/net_plan.h"

/* ---- which plan */

static int check_fixes(const struct machine_strv *ids, struct err *err)
{
	size_t n;
	const struct fix_info *known = fix_list(&n);

	for (size_t i = 0; i < ids->n; i++) {
		size_t k = 0;

		while (k < n && strcmp(known[k].id, ids->v[i]) != 0)
			k++;
		if (k == n) {
			err_set(err, EBADMSG, "plan: skip_fixes[%zu]: there is no fix %s", i,
				ids->v[i]);
			err_hint(err, "p2v-server finish --list-fixes shows them");
			return -EBADMSG;
		}
	}
	return 0;
}

/* The disks of the job are those that were copied, maybe from an image in a disk's place. */
static int check_images(const struct job *j, const struct machine *m, struct err *err)
{
	for (size_t i = 0; i < j->nimages; i++) {
		const struct job_image *im = &j->images[i];
		const struct machine_plan_disk *d = plan_disk(m, im->disk);

		if (d && d->size && d->size < im->size)
			return err_set(err, EBADMSG,
				       "plan: disks[%td]: size %" PRIu64
				       " is less than the image's %" PRIu64,
				       d - m->plan->disks, d->size, im->size);
	}
	return 0;
}

/* What plan_check() cannot know. */
static int check_plan(const struct job *j, const struct machine *m, struct err *err)
{
	int r = check_fixes(&m->plan->skip_fixes, err);

	return r < 0 ? r : check_images(j, m, err);
}

static int use_file(const struct job *j, struct machine *m, const char *path, bool keep,
		    struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r = fdio_read_file(path, MACHINE_JSON_TEXT_MAX, &text, &len, err);

	if (r < 0)
		return r;
	r = plan_lay(m, text, len, err);
	if (r >= 0)
		r = plan_locate(text, len, check_plan(j, m, err), err);
	if (r < 0) {
		err_prefix(err, "%s", path);
		return r;
	}
	return keep ? fdio_replace_file_at(j->dirfd, JOB_PLAN, text, len, 0600, err) : 0;
}

static int choose(const struct job *j, struct machine *m, const struct finish_options *opt,
		  struct err *err)
{
	int r;

	if (opt->plan)
		return use_file(j, m, opt->plan, !opt->dry_run, err);
	r = job_plan(j, m, err);
	return r >= 0 && m->plan ? check_plan(j, m, err) : r;
}

/* ---- the decisions */

static int fill_disks(struct finish_plan *p, const struct job *j, const struct machine *m,
		      struct err *err)
{
	p->sizes = calloc(j->nimages, sizeof(*p->sizes));
	p->buses = calloc(j->nimages, sizeof(*p->buses));
	if (!p->sizes || !p->buses)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++) {
		const struct machine_plan_disk *d = plan_disk(m, j->images[i].disk);

		p->sizes[i] = d ? MAX(d->size, j->images[i].size) : j->images[i].size;
		p->buses[i] = d ? d->bus : NULL;
	}
	return 0;
}

static int add_map(struct finish_plan *p, const char *text, struct err *err)
{
	int r = vmspec_map_parse(text, &p->maps[p->nmaps], err);

	if (r >= 0)
		p->nmaps++;
	return r;
}

/* A NIC may be called what no map can say. */
static int add_connect(struct finish_plan *p, const struct machine_plan_nic *n, struct err *err)
{
	CLEANUP(mem_free) char *text = text_format("*=%s", n->connect);
	CLEANUP(mem_free) char *name = strdup(n->name);
	struct vmspec_map *map = &p->maps[p->nmaps];
	int r = text && name ? add_map(p, text, err) : err_nomem(err);

	if (r < 0)
		return r;
	free(map->nic);
	map->nic = TAKE_PTR(name);
	return 0;
}

/*
 * Options come first, and the first map that names a NIC is the one that counts. An option for
 * every NIC that is not named leaves nothing for the plan to connect.
 */
static int fill_nics(struct finish_plan *p, const struct machine *m,
		     const struct finish_options *opt, struct err *err)
{
	size_t planned = m->plan ? m->plan->nnics : 0;
	bool all = false;
	int r = 0;

	p->maps = calloc(opt->maps.n + planned + 1, sizeof(*p->maps));
	p->models = calloc(planned + 1, sizeof(*p->models));
	if (!p->maps || !p->models)
		return err_nomem(err);
	for (size_t i = 0; r >= 0 && i < opt->maps.n; i++) {
		r = add_map(p, opt->maps.v[i], err);
		all = all || (r >= 0 && strcmp(p->maps[p->nmaps - 1].nic, "*") == 0);
	}
	for (size_t i = 0; r >= 0 && i < planned; i++) {
		const struct machine_plan_nic *n = &m->plan->nics[i];

		if (n->model)
			p->models[p->nmodels++] =
				(struct vmspec_model){ .nic = n->name, .model = n->model };
		if (n->connect && !all)
			r = add_connect(p, n, err);
	}
	return r;
}

/* -- Ethernet and IP addresses: options in place of the plan's, for each NIC */

/* The change of a NIC, made when there is none yet. There is room for all. */
static struct fix_nic_change *change_of(struct finish_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nnics; i++)
		if (strcmp(p->nics[i].name, name) == 0)
			return &p->nics[i];
	p->nics[p->nnics].name = name;
	return &p->nics[p->nnics++];
}

/* The machine's NIC that "NAME=..." names, and what is behind. */
static const struct machine_nic *named(const struct machine *m, const char *option,
				       const char *text, const char **ret, struct err *err)
{
	const char *eq = strchr(text, '=');
	size_t n = eq ? (size_t)(eq - text) : 0;

	for (size_t i = 0; n && i < m->nnics; i++)
		if (m->nics[i].name && strlen(m->nics[i].name) == n &&
		    strncmp(m->nics[i].name, text, n) == 0) {
			*ret = eq + 1;
			return &m->nics[i];
		}
	err_set(err, EDOM, "--%s %s: the machine has no such network interface", option, text);
	return NULL;
}

static int option_macs(struct finish_plan *p, const struct machine *m, const struct opt_list *l,
		       struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *mac;
		const struct machine_nic *n = named(m, "mac", l->v[i], &mac, err);

		if (!n)
			return -EDOM;
		change_of(p, n->name)->mac = mac;
	}
	return 0;
}

static int option_ips(struct finish_plan *p, const struct machine *m, const struct opt_list *l,
		      struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *text;
		const struct machine_nic *n = named(m, "ip", l->v[i], &text, err);

		if (!n)
			return -EDOM;
		if (machine_strv_add(&p->ips[change_of(p, n->name) - p->nics], text) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* An option for a NIC leaves nothing of what the plan has for it. */
static int planned_nics(struct finish_plan *p, const struct machine *m, struct err *err)
{
	for (size_t i = 0; m->plan && i < m->plan->nnics; i++) {
		const struct machine_plan_nic *n = &m->plan->nics[i];
		struct fix_nic_change *c = change_of(p, n->name);
		struct machine_strv *ips = &p->ips[c - p->nics];
		size_t had = ips->n;

		if (!c->mac)
			c->mac = n->mac;
		for (size_t k = 0; had == 0 && k < n->addresses.n; k++)
			if (machine_strv_add(ips, n->addresses.v[k]) < 0)
				return err_nomem(err);
	}
	return 0;
}

static bool is_absent(const struct finish_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nmaps; i++)
		if (strcmp(p->maps[i].nic, name) == 0)
			return p->maps[i].kind == VM_NET_NONE;
	return false;
}

static int fill_changes(struct finish_plan *p, const struct machine *m,
			const struct finish_options *opt, struct err *err)
{
	size_t room = m->nnics + (m->plan ? m->plan->nnics : 0) + 1;
	const char *bonds = opt->bond ? opt->bond : m->plan ? m->plan->bonds : NULL;
	struct net_plan *net = NULL;
	struct err e = ERR_INIT;
	int r;

	p->flatten = bonds && strcmp(bonds, "flatten") == 0;
	p->nics = calloc(room, sizeof(*p->nics));
	p->ips = calloc(room, sizeof(*p->ips));
	p->macs = calloc(room, sizeof(*p->macs));
	if (!p->nics || !p->ips || !p->macs)
		return err_nomem(err);
	r = option_macs(p, m, &opt->macs, err);
	if (r >= 0)
		r = option_ips(p, m, &opt->ips, err);
	if (r >= 0)
		r = planned_nics(p, m, err);
	for (size_t i = 0; r >= 0 && i < m->nnics; i++)
		if (m->nics[i].name && is_absent(p, m->nics[i].name))
			change_of(p, m->nics[i].name)->absent = true;
	for (size_t i = 0; r >= 0 && i < p->nnics; i++) {
		/* A NULL at the end, which does not count. */
		if (!machine_grow(&p->ips[i].v, &p->ips[i].n, sizeof(char *)))
			return err_nomem(err);
		p->ips[i].n--;
		p->nics[i].addresses = (const char *const *)p->ips[i].v;
		if (p->nics[i].mac)
			p->macs[p->nmacs++] = (struct vmspec_mac){ .nic = p->nics[i].name,
								   .mac = p->nics[i].mac };
	}
	if (r < 0)
		return r;
	/* Whether it makes sense is asked before anything is done. */
	r = net_plan_make(m, p->nics, p->nnics, p->flatten, &net, &e);
	net_plan_free(net);
	if (r == -EINVAL && m->plan && !opt->macs.n && !opt->ips.n && !opt->bond)
		return err_set(err, EBADMSG, "plan: %s", e.text);
	return r < 0 ? err_set(err, r == -EINVAL ? EDOM : -r, "%s", e.text) : 0;
}

/* --only says what is to be made, whatever the plan leaves out. */
static int fill_skip(struct finish_plan *p, const struct machine *m,
		     const struct finish_options *opt, struct err *err)
{
	size_t planned = m->plan && opt->only.n == 0 ? m->plan->skip_fixes.n : 0, n = 0;

	if (opt->skip.n + planned == 0)
		return 0;
	p->skip = calloc(opt->skip.n + planned + 1, sizeof(*p->skip));
	if (!p->skip)
		return err_nomem(err);
	for (size_t i = 0; i < opt->skip.n; i++)
		p->skip[n++] = opt->skip.v[i];
	for (size_t i = 0; i < planned; i++)
		p->skip[n++] = m->plan->skip_fixes.v[i];
	return 0;
}

int finish_plan_make(struct finish_plan *p, const struct job *j, struct machine *m,
		     const struct finish_options *opt, struct err *err)
{
	static const struct machine_plan nothing;
	const struct machine_plan *d;
	int r = choose(j, m, opt, err);

	if (r < 0)
		return r;
	d = m->plan ? m->plan : &nothing;
	p->name = opt->domain_name ? opt->domain_name : d->name ? d->name : j->name;
	p->memory = opt->memory ? opt->memory : d->memory;
	p->vcpus = opt->vcpus ? (uint32_t)opt->vcpus : d->vcpus;
	if (d->firmware)
		p->firmware = strcmp(d->firmware, "uefi") == 0 ? MACHINE_FIRMWARE_UEFI :
								 MACHINE_FIRMWARE_BIOS;
	r = fill_disks(p, j, m, err);
	if (r >= 0)
		r = fill_nics(p, m, opt, err);
	if (r >= 0)
		r = fill_changes(p, m, opt, err);
	return r < 0 ? r : fill_skip(p, m, opt, err);
}

void finish_plan_done(struct finish_plan *p)
{
	for (size_t i = 0; i < p->nmaps; i++)
		vmspec_map_done(&p->maps[i]);
	free(p->maps);
	free(p->models);
	for (size_t i = 0; i < p->nnics; i++) {
		machine_strv_done(&p->ips[i]);
	}
	free(p->ips);
	free(p->nics);
	free(p->macs);
	free(p->sizes);
	free(p->buses);
	free(p->skip);
	*p = (struct finish_plan){ 0 };
}
