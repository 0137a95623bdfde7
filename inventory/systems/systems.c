/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One child per filesystem, and what becomes of what they find; see systems.h. */
#include "inventory/systems/systems.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "common/jsonx.h"
#include "common/text.h"
#include "inventory/block/blk_probe.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/machine_json_code.h"
#include "inventory/systems/systems_look.h"

/* -- in the child -- */

struct job {
	const struct machine *m;
	struct systems_set *set;
	struct systems_device *device;
};

static int work(void *opaque, char **ret)
{
	struct job *job = opaque;
	CLEANUP(machine_free) struct machine *found = NULL;
	struct err err = ERR_INIT;
	int r = machine_new(&found);

	if (r < 0)
		return r;
	/* Which boot loader is the one depends on it. */
	found->firmware.type = job->m->firmware.type;
	r = systems_look(job->set, job->device, found, &err);
	/* Without a driver there is nothing to tell: so it is with most kernels and NTFS. */
	if (r < 0 && (r != -ENODEV || strcmp(job->device->fs->type, "ntfs") != 0) &&
	    collect_warn(found, "cannot look for a system on %s: %s", job->device->name,
			 err.text) < 0)
		return -ENOMEM;
	return machine_json_dump(found, ret, NULL);
}

/* -- in the parent -- */

static int take_over(struct machine *m, struct machine *found)
{
	for (size_t i = 0; i < found->warnings.n; i++)
		if (collect_warn(m, "%s", found->warnings.v[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < found->nsystems; i++) {
		struct machine_os *os;

		if (m->nsystems == COLLECT_LIST_MAX)
			return collect_full(m, "systems");
		os = machine_grow(&m->systems, &m->nsystems, sizeof(*os));
		if (!os)
			return -ENOMEM;
		*os = found->systems[i];
		memset(&found->systems[i], 0, sizeof(found->systems[i]));
	}
	return 0;
}

static int look_at(struct machine *m, struct systems_set *s, struct systems_device *d)
{
	struct job job = { m, s, d };
	CLEANUP(machine_free) struct machine *found = NULL;
	CLEANUP(mem_free) char *text = NULL;
	struct err err = ERR_INIT;
	int r = systems_child_run(work, &job, SYSTEMS_TIME_LIMIT, &text, &err);

	if (r == 0)
		r = machine_json_parse(text, strlen(text), &found, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return collect_warn(m, "cannot look for a system on %s: %s", d->name, err.text);
	return take_over(m, found);
}

static bool may_hold_system(const struct systems_device *d)
{
	static const char *const types[] = { "ext4", "ext3", "ext2", "xfs", "btrfs", "ntfs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(d->fs->type, types[i]) == 0)
			return !d->in_use && !d->again;
	return false;
}

static int look_at_all(struct machine *m, struct systems_set *s)
{
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++)
		if (may_hold_system(&s->v[i]))
			r = look_at(m, s, &s->v[i]);
	return r;
}

/* to is empty, or is freed. */
static int copy_os(const struct machine_os *from, struct machine_os *to)
{
	CLEANUP(json_unref) json_t *o = json_object();
	struct machine_os os = { 0 };
	int r = o ? machine_json_encode(from, machine_fields_os, o, NULL) : -ENOMEM;

	if (r == 0)
		r = machine_json_decode(o, machine_fields_os, RULE_ANY, &os, NULL);
	if (r < 0) {
		machine_fields_free(&os, machine_fields_os);
		return r;
	}
	machine_fields_free(to, machine_fields_os);
	*to = os;
	return 0;
}

static const struct machine_os *first_of(const struct machine *m)
{
	for (size_t i = 0; i < m->nsystems; i++)
		if (m->systems[i].boots_first)
			return &m->systems[i];
	return NULL;
}

/* On a medium the machine is what is installed on it. */
static int choose(struct machine *m)
{
	const struct machine_os *first = first_of(m);
	int r;

	if (m->nsystems == 0)
		return collect_warn(m, "no installed system was found on the disks");
	if (!first) {
		first = &m->systems[0];
		r = collect_warn(m, "which of %zu systems boots first is not known: the one on %s "
				 "is taken", m->nsystems, first->root_source);
		if (r < 0)
			return r;
	}
	r = copy_os(first, &m->os);
	if (r == 0 && m->os.hostname)
		r = collect_util_text(m->os.hostname, strlen(m->os.hostname), &m->hostname);
	return r;
}

int systems_collect(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(systems_set_done) struct systems_set s = { .image = -1 };
	bool medium = systems_on_medium(m);
	int r = 0;

	if (!sysroot_is_live(root))
		return 0;
	if (!medium) {
		struct machine_os *os = machine_grow(&m->systems, &m->nsystems, sizeof(*os));

		r = os ? copy_os(&m->os, os) : -ENOMEM;
	}
	if (r == 0 && geteuid() != 0)
		r = collect_warn(m, "not root: installed systems were not looked for");
	else if (r == 0) {
		r = systems_set_make(m, &s);
		for (size_t i = 0; i < s.n; i++)
			s.v[i].offset = s.v[i].size = 0;
		if (r == 0)
			r = look_at_all(m, &s);
	}
	if (r == 0)
		systems_mark_first(m);
	if (r == 0 && medium && geteuid() == 0)
		r = choose(m);
	return r < 0 ? err_nomem(err) : 0;
}

/* -- images -- */

static int add_partition(struct machine_disk *d, int fd, struct blk_part *part)
{
	struct machine_partition *p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->number = part->number;
	p->start = part->start;
	p->size = part->size;
	p->type = TAKE_PTR(part->type);
	p->uuid = TAKE_PTR(part->uuid);
	p->label = TAKE_PTR(part->label);
	p->boot = part->boot;
	p->extended = part->extended;
	p->name = text_format("%sp%u", d->name, part->number);
	p->path = p->name ? text_format("/dev/%s", p->name) : NULL;
	if (!p->path)
		return -ENOMEM;
	/* What cannot be read holds nothing for us. */
	return p->extended || p->size == 0 ? 0 :
	       blk_probe_fs(fd, p->start, p->size, &p->fs, NULL) == -ENOMEM ? -ENOMEM : 0;
}

static int add_image(struct machine *m, int fd, uint64_t size)
{
	CLEANUP(blk_probe_table_done) struct blk_table t = { 0 };
	struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->name = strdup("disk0");
	d->path = strdup("/dev/disk0");
	d->size = size;
	d->logical_sector = 512;
	if (!d->name || !d->path || blk_probe_table(fd, 0, &t) == -ENOMEM)
		return -ENOMEM;
	d->table = TAKE_PTR(t.type);
	d->table_uuid = TAKE_PTR(t.id);
	for (size_t i = 0; i < t.nparts; i++)
		if (add_partition(d, fd, &t.parts[i]) < 0)
			return -ENOMEM;
	r = t.nparts ? 0 : blk_probe_fs(fd, 0, 0, &d->fs, NULL);
	return r == -ENOMEM ? r : 0;
}

int systems_collect_image(const char *path, struct machine *m, struct err *err)
{
	CLEANUP(systems_set_done) struct systems_set s = { .image = -1 };
	CLEANUP(fd_close) int fd = -1;
	struct stat st;
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "looking into %s needs root", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, "cannot look at %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return err_set(err, EINVAL, "%s is not an image of a disk", path);
	r = add_image(m, fd, (uint64_t)st.st_size);
	if (r == 0)
		r = systems_set_make(m, &s);
	s.image = fd;
	if (r == 0)
		r = look_at_all(m, &s);
	if (r == 0) {
		systems_mark_first(m);
		r = choose(m);
	}
	return r < 0 ? err_nomem(err) : 0;
}
