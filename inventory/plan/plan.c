/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making plans, reading them, looking things up in them. plan_check.c says what a good one is. */
#include "inventory/plan/plan.h"

#include <string.h>
#include <strings.h>
#include "common/compiler.h"
#include "common/jsonpos.h"
#include "common/jsonx.h"
#include "common/text.h"
#include "inventory/machine_fields.h"
#include "inventory/machine_json.h"

static int copy(char **to, const char *from, struct err *err)
{
	*to = strdup(from);
	return *to ? 0 : err_nomem(err);
}

/* ---- making one */

static int make_disk(struct machine_plan *p, const struct machine_disk *d, struct err *err)
{
	struct machine_plan_disk *v = machine_grow(&p->disks, &p->ndisks, sizeof(*v));

	if (!v)
		return err_nomem(err);
	v->skip = d->removable || d->size == 0;
	v->size = d->size % 512 == 0 ? d->size : 0;
	return copy(&v->name, d->name, err);
}

/*
 * One without a link gets none in the virtual machine, unless it is connected on purpose: no
 * decision says just that.
 */
static int make_nic(struct machine_plan *p, const struct machine_nic *n, struct err *err)
{
	struct machine_plan_nic *v = machine_grow(&p->nics, &p->nnics, sizeof(*v));
	int r;

	if (!v)
		return err_nomem(err);
	r = copy(&v->name, n->name, err);
	if (r == 0 && (n->carrier || !n->up))
		r = copy(&v->connect, "network:default", err);
	return r;
}

/* As many as the source has, or as a virtual machine can have; 0: not known. */
static uint32_t vcpus(const struct machine_cpu *c)
{
	uint64_t total = (uint64_t)c->sockets * c->cores_per_socket;

	total = total > UINT32_MAX ? UINT32_MAX : total * c->threads_per_core;
	if (total == 0 || total < c->online)
		total = c->online;
	return (uint32_t)MIN(total, (uint64_t)PLAN_VCPUS_MAX);
}

static uint64_t memory(const struct machine_memory *m)
{
	uint64_t n = m->installed;

	if (n < m->usable)
		/* What the kernel kept for itself is not told; whole MiB are near. */
		n = n || m->usable > INT64_MAX ? m->usable : ALIGN_UP(m->usable, MIB);
	return n < PLAN_MEMORY_MIN || n > INT64_MAX ? 0 : n;
}

static int fill(struct machine_plan *p, const struct machine *m, const char *name,
		struct err *err)
{
	int r = copy(&p->name, name, err);

	p->vcpus = vcpus(&m->cpu);
	p->memory = memory(&m->memory);
	if (r == 0 && m->firmware.type != MACHINE_FIRMWARE_UNKNOWN)
		r = copy(&p->firmware, machine_fields_firmware_types[m->firmware.type], err);
	for (size_t i = 0; r == 0 && i < m->ndisks; i++)
		r = make_disk(p, &m->disks[i], err);
	for (size_t i = 0; r == 0 && i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];

		if (n->name && strcmp(n->name, "lo") != 0 &&
		    (!n->kind || strcmp(n->kind, "physical") == 0))
			r = make_nic(p, n, err);
	}
	return r;
}

int plan_make(struct machine *m, const char *name, struct err *err)
{
	int r;

	if (m->plan)
		return err_set(err, EEXIST, "the machine has a plan already");
	m->plan = calloc(1, sizeof(*m->plan));
	if (!m->plan)
		return err_nomem(err);
	r = fill(m->plan, m, name, err);
	if (r < 0) {
		machine_fields_free(m->plan, machine_fields_plan);
		free(m->plan);
		m->plan = NULL;
	}
	return r;
}

/* ---- its text */

/*
 * What machine_to_json() left out, at the end of the object; the list of members keeps the order
 * of the table.
 */
static int show_undecided(json_t *o, const struct machine_field *fields, struct err *err)
{
	CLEANUP(json_unref) json_t *full = json_object();

	for (const struct machine_field *f = fields; f->name; f++) {
		json_t *v = json_object_get(o, f->name), *e;
		/* Is read, not edited. */
		bool advice = strcmp(f->name, "advice") == 0;
		size_t i;
		int r = 0;

		if (!v && advice)
			continue;
		if (v)
			json_incref(v);
		else if (f->kind == FIELD_LIST || f->kind == FIELD_STRV)
			v = json_array();
		else if (f->kind == FIELD_FLAG)
			v = json_false();
		else
			v = json_null();
		if (json_object_set_new(full, f->name, v) < 0)
			return err_nomem(err);
		if (f->kind != FIELD_LIST || advice)
			continue;
		json_array_foreach(v, i, e) {
			r = show_undecided(e, f->sub, err);
			if (r < 0)
				return r;
		}
	}
	return json_object_clear(o) < 0 || json_object_update(o, full) < 0 ? err_nomem(err) : 0;
}

int plan_dump(const struct machine *m, char **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	json_t *p;
	char *text;
	int r = machine_to_json(m, &j, err);

	p = r < 0 ? NULL : json_object_get(j, "plan");
	if (p)
		r = show_undecided(p, machine_fields_plan, err);
	if (r < 0)
		return r;
	text = jsonx_dump(j);
	if (!text)
		return err_nomem(err);
	*ret = text;
	return 0;
}

int plan_locate(const char *text, size_t len, int r, struct err *err)
{
	static const char before[] = "machine: ";
	unsigned int line = 1;

	if (r != -EBADMSG || !err)
		return r;
	if (strncmp(err->text, before, strlen(before)) == 0)
		memmove(err->text, err->text + strlen(before),
			strlen(err->text + strlen(before)) + 1);
	(void)jsonpos_line(text, len, err->text, &line);
	err_prefix(err, "line %u", line);
	return r;
}

static int parse(const char *text, size_t len, struct machine **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	int r;

	if (len > MACHINE_JSON_TEXT_MAX)
		return err_set(err, EBADMSG, "line 1: the file is larger than %d bytes",
			       MACHINE_JSON_TEXT_MAX);
	r = jsonx_parse_edited(text, len, &j, err);
	return r < 0 ? r : plan_locate(text, len, machine_from_json(j, ret, err), err);
}

int plan_parse(const char *text, size_t len, struct machine **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	struct err local = ERR_INIT;
	int r = parse(text, len, &m, &local);

	if (r == 0)
		r = plan_locate(text, len, plan_check(m, &local), &local);
	if (r < 0) {
		if (err)
			*err = local;
		return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

int plan_lay(struct machine *m, const char *text, size_t len, struct err *err)
{
	CLEANUP(machine_free) struct machine *from = NULL;
	struct err local = ERR_INIT;
	struct machine_plan *was = m->plan;
	int r = plan_parse(text, len, &from, err);

	if (r < 0)
		return r;
	if (!from->plan)
		return err_set(err, EBADMSG, "line 1: this is an inventory: \"plan\" is missing");
	if (m->smbios.uuid && from->smbios.uuid && !plan_same_machine(m, from))
		return err_set(err, EXDEV, "the plan is another machine's");
	m->plan = from->plan;
	r = plan_locate(text, len, plan_check(m, &local), &local);
	/* Either way one of the two is freed with what it was read with. */
	if (r < 0)
		m->plan = was;
	else
		from->plan = was;
	if (r < 0 && err)
		*err = local;
	return r;
}

/* ---- looking up */

static bool names_disk(const char *disk, const char *name)
{
	char made[TEXT_NAME_MAX + 1];

	if (strcmp(disk, name) == 0)
		return true;
	text_name_make(disk, made);
	return strcmp(made, name) == 0;
}

const struct machine_plan_disk *plan_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; m->plan && i < m->plan->ndisks; i++)
		if (names_disk(m->plan->disks[i].name, name))
			return &m->plan->disks[i];
	return NULL;
}

const struct machine_plan_nic *plan_nic(const struct machine *m, const char *name)
{
	for (size_t i = 0; m->plan && i < m->plan->nnics; i++)
		if (strcmp(m->plan->nics[i].name, name) == 0)
			return &m->plan->nics[i];
	return NULL;
}

bool plan_same_machine(const struct machine *a, const struct machine *b)
{
	return a->smbios.uuid && b->smbios.uuid && strcasecmp(a->smbios.uuid, b->smbios.uuid) == 0;
}
