/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/plan_source.h"

#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/machine_source.h"

int plan_source_read(const char *path, struct machine **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r = machine_source_load(NULL, path, &m, err);

	if (r < 0)
		return r;
	if (!m->plan)
		return err_set(err, EBADMSG,
			       "%s: line 1: this is an inventory: \"plan\" is missing", path);
	*ret = TAKE_PTR(m);
	return 0;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static const struct machine_disk *find_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->ndisks; i++)
		if (strcmp(m->disks[i].name, name) == 0)
			return &m->disks[i];
	return NULL;
}

/* -1: it is another one; 0: nothing to tell by; 1: the same. */
static int same_disk(const struct machine_disk *a, const struct machine_disk *b)
{
	if (a->wwn && b->wwn)
		return same(a->wwn, b->wwn) ? 1 : -1;
	if (a->serial && b->serial)
		return same(a->serial, b->serial) ? 1 : -1;
	return 0;
}

/*
 * The disk that was planned for, as it is called now. Its old name counts where nothing speaks
 * against it: two paths to one disk have one serial number.
 */
static const struct machine_disk *disk_now(const struct machine *now,
					   const struct machine_disk *was)
{
	const struct machine_disk *d = find_disk(now, was->name);

	if (d && same_disk(was, d) >= 0)
		return d;
	for (size_t i = 0; i < now->ndisks; i++)
		if (same_disk(was, &now->disks[i]) > 0)
			return &now->disks[i];
	return NULL;
}

static int rename_to(char **name, const char *now, struct err *err)
{
	char *copy;

	if (strcmp(*name, now) == 0)
		return 0;
	log_notice("the plan's %s is called %s now", *name, now);
	copy = strdup(now);
	if (!copy)
		return err_nomem(err);
	free(*name);
	*name = copy;
	return 0;
}

static int stale(struct err *err)
{
	err_hint(err, "make a new plan of the machine as it is now: p2v-agent plan");
	return -ESTALE;
}

static int follow_disk(const struct machine *was, const struct machine *now,
		       struct machine_plan_disk *p, struct err *err)
{
	const struct machine_disk *a = find_disk(was, p->name), *b = disk_now(now, a);
	char serial[100];

	if (!b) {
		err_set(err, ESTALE, "the plan names the disk %s%s%s, which is gone", p->name,
			a->serial ? " with serial number " : "",
			a->serial ? text_escape_str(a->serial, serial, sizeof(serial)) : "");
		return stale(err);
	}
	if (a->size != b->size) {
		err_set(err, ESTALE,
			"the disk %s had %" PRIu64 " bytes when the plan was made, and has %" PRIu64
			" now",
			p->name, a->size, b->size);
		return stale(err);
	}
	return rename_to(&p->name, b->name, err);
}

static const char *nic_address(const struct machine_nic *n)
{
	return n->permanent_mac ? n->permanent_mac : n->mac;
}

static const struct machine_nic *find_nic(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->nnics; i++)
		if (strcmp(m->nics[i].name, name) == 0)
			return &m->nics[i];
	return NULL;
}

static const struct machine_nic *nic_now(const struct machine *now, const struct machine_nic *was)
{
	const struct machine_nic *n = find_nic(now, was->name);
	const char *mac = nic_address(was);

	if (n && (!mac || !nic_address(n) || same(mac, nic_address(n))))
		return n;
	for (size_t i = 0; i < now->nnics; i++)
		if ((!now->nics[i].kind || strcmp(now->nics[i].kind, "physical") == 0) &&
		    same(mac, nic_address(&now->nics[i])))
			return &now->nics[i];
	return NULL;
}

static int follow_nic(const struct machine *was, const struct machine *now,
		      struct machine_plan_nic *p, struct err *err)
{
	const struct machine_nic *a = find_nic(was, p->name), *b = nic_now(now, a);

	if (b)
		return rename_to(&p->name, b->name, err);
	err_set(err, ESTALE, "the plan names the network interface %s, which is gone", p->name);
	return stale(err);
}

/* was passed plan_check(), so what its plan names is there. */
static int follow(const struct machine *was, const struct machine *now, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < was->plan->ndisks; i++)
		r = follow_disk(was, now, &was->plan->disks[i], err);
	for (size_t i = 0; r == 0 && i < was->plan->nnics; i++)
		r = follow_nic(was, now, &was->plan->nics[i], err);
	return r;
}

int plan_source_load(const char *path, const char *root, bool disks_named, struct machine **ret,
		     struct err *err)
{
	CLEANUP(machine_free) struct machine *was = NULL;
	CLEANUP(machine_free) struct machine *now = NULL;
	int r = plan_source_read(path, &was, err);

	if (r >= 0)
		r = machine_source_load(root, NULL, &now, err);
	if (r < 0)
		return r;
	if (!plan_same_machine(was, now)) {
		if (!disks_named) {
			err_set(err, EINVAL, "%s: the plan is not of this machine", path);
			err_hint(err, "name what to copy with --disk, or plan for this machine");
			return -EINVAL;
		}
		*ret = TAKE_PTR(was);
		return 0;
	}
	r = follow(was, now, err);
	if (r == 0) {
		now->plan = TAKE_PTR(was->plan);
		r = plan_check(now, err);
	}
	if (r < 0) {
		err_prefix(err, "%s", path);
		return r;
	}
	*ret = TAKE_PTR(now);
	return 0;
}

int plan_source_name(struct machine *m, const char *given, char ret[static TEXT_NAME_MAX + 1],
		     struct err *err)
{
	struct machine_plan *p = m->plan;
	const char *planned = p ? p->name : NULL;
	char *copy;

	text_name_make(given ? given : planned ? planned : m->hostname ? m->hostname : "machine",
		       ret);
	if (!planned || strcmp(planned, ret) == 0)
		return 0;
	copy = strdup(ret);
	if (!copy)
		return err_nomem(err);
	free(p->name);
	p->name = copy;
	return 0;
}
