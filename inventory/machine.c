/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Life and look-ups of the machine model. The free functions mirror the structs of machine.h one
 * by one; the round-trip test under the address sanitizer fills every member, so a member that is
 * forgotten here shows up as a leak.
 */
#include "inventory/machine.h"

#include <string.h>

static void strv_done(struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
}

static void cpu_done(struct machine_cpu *c)
{
	free(c->vendor);
	free(c->model);
	strv_done(&c->flags);
}

static void firmware_done(struct machine_firmware *f)
{
	for (size_t i = 0; i < f->nentries; i++) {
		free(f->entries[i].label);
		free(f->entries[i].file);
		free(f->entries[i].partition_uuid);
	}
	free(f->entries);
	free(f->boot_order);
}

static void smbios_done(struct machine_smbios *s)
{
	free(s->uuid);
	free(s->sys_vendor);
	free(s->product_name);
	free(s->product_version);
	free(s->product_serial);
	free(s->product_sku);
	free(s->product_family);
	free(s->board_vendor);
	free(s->board_name);
	free(s->board_version);
	free(s->board_serial);
	free(s->board_asset_tag);
	free(s->chassis_vendor);
	free(s->chassis_type);
	free(s->chassis_version);
	free(s->chassis_serial);
	free(s->chassis_asset_tag);
	free(s->bios_vendor);
	free(s->bios_version);
	free(s->bios_date);
}

static void fs_done(struct machine_fs *f)
{
	free(f->type);
	free(f->usage);
	free(f->uuid);
	free(f->label);
	free(f->version);
}

static void partition_done(struct machine_partition *p)
{
	free(p->name);
	free(p->path);
	free(p->type);
	free(p->uuid);
	free(p->label);
	fs_done(&p->fs);
	strv_done(&p->aliases);
	strv_done(&p->mountpoints);
}

static void disk_done(struct machine_disk *d)
{
	free(d->name);
	free(d->path);
	free(d->serial);
	free(d->wwn);
	free(d->fingerprint);
	free(d->vendor);
	free(d->model);
	free(d->transport);
	free(d->driver);
	strv_done(&d->aliases);
	free(d->table);
	free(d->table_uuid);
	for (size_t i = 0; i < d->npartitions; i++)
		partition_done(&d->partitions[i]);
	free(d->partitions);
	fs_done(&d->fs);
	strv_done(&d->mountpoints);
}

static void volume_done(struct machine_volume *v)
{
	free(v->name);
	free(v->path);
	free(v->kind);
	free(v->uuid);
	free(v->level);
	strv_done(&v->slaves);
	strv_done(&v->aliases);
	fs_done(&v->fs);
	strv_done(&v->mountpoints);
}

static void nic_done(struct machine_nic *n)
{
	free(n->name);
	free(n->kind);
	free(n->mac);
	free(n->permanent_mac);
	free(n->driver);
	free(n->bus);
	free(n->master);
	strv_done(&n->lower);
	strv_done(&n->predictable);
	for (size_t i = 0; i < n->naddresses; i++) {
		free(n->addresses[i].address);
		free(n->addresses[i].scope);
	}
	free(n->addresses);
}

static void os_done(struct machine_os *o)
{
	free(o->id);
	free(o->id_like);
	free(o->version_id);
	free(o->pretty_name);
	free(o->kernel);
	free(o->arch);
	free(o->cmdline);
	free(o->hostname);
	free(o->machine_id);
	free(o->init);
	free(o->root_source);
	free(o->root_uuid);
	free(o->root_fs);
}

int machine_new(struct machine **ret)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->firmware.boot_current = -1;
	*ret = m;
	return 0;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	free(m->recorded_at);
	free(m->recorded_by);
	free(m->hostname);
	cpu_done(&m->cpu);
	free(m->memory.source);
	firmware_done(&m->firmware);
	smbios_done(&m->smbios);
	free(m->tpm_version);
	for (size_t i = 0; i < m->nwatchdogs; i++) {
		free(m->watchdogs[i].identity);
		free(m->watchdogs[i].driver);
	}
	free(m->watchdogs);
	free(m->clock.timezone);
	os_done(&m->os);
	for (size_t i = 0; i < m->ndisks; i++)
		disk_done(&m->disks[i]);
	free(m->disks);
	for (size_t i = 0; i < m->nvolumes; i++)
		volume_done(&m->volumes[i]);
	free(m->volumes);
	for (size_t i = 0; i < m->nnics; i++)
		nic_done(&m->nics[i]);
	free(m->nics);
	for (size_t i = 0; i < m->nroutes; i++) {
		free(m->routes[i].destination);
		free(m->routes[i].gateway);
		free(m->routes[i].nic);
	}
	free(m->routes);
	strv_done(&m->dns);
	for (size_t i = 0; i < m->nmounts; i++) {
		free(m->mounts[i].source);
		free(m->mounts[i].target);
		free(m->mounts[i].fs);
		free(m->mounts[i].options);
	}
	free(m->mounts);
	strv_done(&m->warnings);
	free(m);
}

void *machine_grow(void *pv, size_t *pn, size_t size)
{
	char *old, *list;
	size_t n = *pn;

	/* pv is the address of a pointer of some type: only its bytes may be touched here. */
	memcpy(&old, pv, sizeof(old));
	list = old;
	/* The room doubles, and is full exactly when the count is zero or a power of two. */
	if ((n & (n - 1)) == 0) {
		list = reallocarray(old, n ? n * 2 : 1, size);
		if (!list)
			return NULL;
		memcpy(pv, &list, sizeof(list));
	}
	memset(list + n * size, 0, size);
	*pn = n + 1;
	return list + n * size;
}

int machine_strv_add(struct machine_strv *v, const char *s)
{
	CLEANUP(mem_free) char *copy = strdup(s);
	char **slot;

	if (!copy)
		return -ENOMEM;
	slot = machine_grow(&v->v, &v->n, sizeof(*v->v));
	if (!slot)
		return -ENOMEM;
	*slot = TAKE_PTR(copy);
	return 0;
}

bool machine_strv_has(const struct machine_strv *v, const char *s)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->v[i], s) == 0)
			return true;
	return false;
}

static bool is_called(const char *want, const char *name, const char *path,
		      const struct machine_strv *aliases)
{
	return (name && strcmp(name, want) == 0) || (path && strcmp(path, want) == 0) ||
	       machine_strv_has(aliases, want);
}

const struct machine_disk *machine_find_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (is_called(name, d->name, d->path, &d->aliases))
			return d;
	}
	return NULL;
}

const struct machine_partition *machine_find_partition(const struct machine *m, const char *name,
						       const struct machine_disk **ret_disk)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		for (size_t j = 0; j < d->npartitions; j++) {
			const struct machine_partition *p = &d->partitions[j];

			if (!is_called(name, p->name, p->path, &p->aliases))
				continue;
			if (ret_disk)
				*ret_disk = d;
			return p;
		}
	}
	return NULL;
}

const struct machine_boot_entry *machine_boot_current(const struct machine *m)
{
	for (size_t i = 0; i < m->firmware.nentries; i++)
		if (m->firmware.entries[i].number == m->firmware.boot_current)
			return &m->firmware.entries[i];
	return NULL;
}
