/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "multipath", "san" and "disk-identity": names and programs for disks with several ways to
 * them, and programs that know disks by their serial numbers.
 *
 * "multipath" comes before all rows that translate names: it learns what /dev/mapper/mpatha was.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "common/text.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/devconf.h"
#include "postfix/linux/fstab.h"
#include "postfix/linux/linux_notes.h"
#include "postfix/linux/linux_units.h"
#include "postfix/linux/mpath.h"

#define CONF		"/etc/multipath.conf"
#define BINDINGS	"/etc/multipath/bindings"
#define WWIDS		"/etc/multipath/wwids"

/* ---- multipath */

static const struct tables_row *why_multipath(struct fixer *f, const char *unit)
{
	const struct tables_row *row = tables_match(tables_services, tables_services_count, unit);

	(void)f;
	return row && strcmp(row->group, "multipath") == 0 ? row : NULL;
}

/* The disk with that WWID; of several paths to it, the one that was copied. "": none. */
static const char *find_disk(const struct fixer *f, const char *wwid)
{
	const struct devmap *map = &f->guest->map;
	const char *found = "";

	for (size_t k = 0; k < f->m->ndisks; k++) {
		const struct machine_disk *d = &f->m->disks[k];

		if (!d->name || !mpath_is_disk(d, wwid))
			continue;
		for (size_t i = 0; i < map->nparts; i++)
			if (map->parts[i].disk && strcmp(map->parts[i].disk, d->name) == 0)
				return d->name;
		if (!*found)
			found = d->name;
	}
	return found;
}

/* What each map's name stood for goes into the map of devices, for the rows that come. */
static int learn_names(struct fixer *f)
{
	static const char *const bindings[] = { BINDINGS, "/var/lib/multipath/bindings",
						"/etc/multipath_bindings" };
	CLEANUP(mpath_names_done) struct mpath_names names = { 0 };
	CLEANUP(mem_free) char *conf = NULL;

	if (guest_edit_read(&f->edits, CONF, &conf, NULL) >= 0 &&
	    mpath_read_conf(conf, &names) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(bindings); i++) {
		CLEANUP(mem_free) char *text = NULL;

		if (guest_edit_read(&f->edits, bindings[i], &text, NULL) >= 0 &&
		    mpath_read_bindings(text, &names) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *disk = find_disk(f, names.v[i].wwid);

		if (*disk)
			fixer_say(f, "/dev/mapper/%s was %s", names.v[i].alias, disk);
		if (devmap_add_alias(&f->guest->map, names.v[i].alias, disk) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Renamed, not removed: it can be looked up, and taken back. */
static int put_aside(struct fixer *f, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *aside = NULL;
	int r = guest_edit_read(&f->edits, path, &text, NULL);

	if (r == -ENOMEM || asprintf(&aside, "%s.p2v", path) < 0)
		return err_nomem(err);
	if (r < 0)
		return 0;
	r = guest_edit_write(&f->edits, aside, text, 0600, err);
	return r < 0 ? r : guest_edit_remove(&f->edits, path, err);
}

static int dracut_modules(struct fixer *f, const char *path, const char *text, char **ret)
{
	int r = conftext_drop_word(text, "add_dracutmodules", "multipath", ret);

	if (r > 0)
		fixer_say(f, "%s: the initramfs has no multipath", path);
	return r;
}

int linux_multipath_detect(struct fixer *f, struct err *err)
{
	static const char *const files[] = { CONF, BINDINGS, WWIDS };
	const char *how = fixer_setting(f, "multipath");
	size_t before = f->edits.n;
	int r;

	if (learn_names(f) < 0)
		return err_nomem(err);
	if (how && strcmp(how, "keep") == 0)
		return 0;
	r = linux_units_off(f, why_multipath, err);
	for (size_t i = 0; i < ARRAY_SIZE(files) && r >= 0; i++)
		r = put_aside(f, files[i], err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/dracut.conf", dracut_modules, err);
	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/dracut.conf.d", "*.conf", dracut_modules, err);
	if (r >= 0 && f->edits.n > before)
		fixer_say(f, "a virtual disk has one path: multipath is off, its settings are kept "
			  "as FILE.p2v");
	return r < 0 ? r : 0;
}

/* ---- what came with a SAN */

static bool root_is_encapsulated(struct fixer *f)
{
	CLEANUP(mem_free) char *text = NULL;
	struct fstab_entry *list = NULL;
	bool hit = guest_is_file(f->guest, "/etc/vx/reconfig.d/state.d/root-done");
	size_t n = 0;

	if (guest_edit_read(&f->edits, "/etc/fstab", &text, NULL) < 0 ||
	    fstab_parse(text, &list, &n) < 0)
		return hit;
	for (size_t i = 0; i < n; i++)
		hit = hit || (strcmp(list[i].dir, "/") == 0 &&
			      strncmp(list[i].spec, "/dev/vx/", 8) == 0);
	fstab_entries_free(list, n);
	return hit;
}

static const struct {
	const char *path, *what;
} san_signs[] = {
	{ "/etc/opt/emcpower", "PowerPath" },
	{ "/etc/emcp_devicesDB.dat", "PowerPath" },
	{ "/opt/DynamicLinkManager", "Hitachi Dynamic Link Manager" },
	{ "/etc/vx/volboot", "Veritas Volume Manager: its disk groups are imported by their own "
			     "identity" },
};

/* Sessions that were opened at boot are opened by the VM, too: with the same name. */
static int tell_iscsi(struct fixer *f)
{
	static const char dir[] = "/etc/iscsi/nodes", dir2[] = "/var/lib/iscsi/nodes";
	const char *const dirs[] = { dir, dir2 };

	for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
		CLEANUP(guest_strings_free) char **targets = guest_list(f->guest, dirs[d], NULL);

		for (size_t i = 0; targets && targets[i]; i++) {
			char safe[160];

			text_escape_str(targets[i], safe, sizeof(safe));
			fixer_say(f, "iSCSI target %s: the VM has the machine's initiator name, so "
				  "only one of the two may run", safe);
			if (fixer_warn(f, "iSCSI target %s is opened by the VM with the machine's "
				       "initiator name", safe) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

int linux_san_detect(struct fixer *f, struct err *err)
{
	static const char early[] = "/etc/iscsi/iscsi.initramfs";
	int r;

	if (root_is_encapsulated(f)) {
		err_set(err, ENOTSUP, "the root filesystem is encapsulated by Veritas Volume "
			"Manager, whose drivers know no virtual disk");
		err_hint(err, "unroot it on the machine first: vxunroot, then copy again");
		return -ENOTSUP;
	}
	for (size_t i = 0; i < ARRAY_SIZE(san_signs); i++)
		if (guest_edit_exists(&f->edits, san_signs[i].path))
			fixer_say(f, "%s is installed (%s): it may be removed", san_signs[i].what,
				  san_signs[i].path);
	r = tell_iscsi(f);
	if (r < 0)
		return err_nomem(err);
	if (!guest_edit_exists(&f->edits, early))
		return 0;
	fixer_say(f, "%s: the early boot does not log in to a SAN, its disks are copied", early);
	return guest_edit_remove(&f->edits, early, err);
}

/* ---- disks known by their serial numbers */

static int tell_rules(struct fixer *f, const char *dir)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *path = NULL, *text = NULL;
		struct machine_strv found = { 0 };
		int r = 0;

		if (fnmatch("*.rules", names[i], 0) != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, names[i]) < 0)
			return -ENOMEM;
		if (guest_edit_read(&f->edits, path, &text, NULL) >= 0)
			r = devconf_udev_disks(text, &found);
		if (found.n) {
			fixer_say(f, "%s knows disks by what the hardware said of them:", path);
			if (fixer_warn(f, "%s knows disks by serial number or WWN: use a "
				       "virtio-scsi disk with <serial> and <wwn> of the machine's",
				       path) < 0)
				r = -ENOMEM;
		}
		r = linux_notes_say(f, &found, r);
		if (r < 0)
			return r;
	}
	return 0;
}

int linux_disk_identity_detect(struct fixer *f, struct err *err)
{
	static const struct {
		const char *path, *what;
	} signs[] = {
		{ "/etc/sysconfig/oracleasm", "Oracle ASM finds disks by their labels: see that "
					      "ORACLEASM_SCANORDER fits" },
		{ "/etc/sysconfig/rawdevices", "raw devices are bound by name" },
		{ "/etc/raw", "raw devices are bound by name" },
		{ "/etc/zfs/zpool.cache", "ZFS remembers devices: zpool import -f -d "
					  "/dev/disk/by-partuuid finds the pools" },
		{ "/etc/ceph", "Ceph's OSDs know their disks by LVM tags or partition UUIDs" },
	};
	bool several = false;
	int r = tell_rules(f, "/etc/udev/rules.d");

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (guest_edit_exists(&f->edits, signs[i].path))
			fixer_say(f, "%s: %s", signs[i].path, signs[i].what);
	for (size_t i = 0; i < f->m->nvolumes && r >= 0; i++) {
		const struct machine_volume *v = &f->m->volumes[i];
		bool bcache = v->kind && strcmp(v->kind, "bcache") == 0;

		if (bcache || (v->cache_mode && strcmp(v->cache_mode, "writeback") == 0)) {
			fixer_say(f, "%s is %s%s%s: both its disks are needed, or detach the cache "
				  "on the machine first", v->path ? v->path : v->name,
				  bcache ? "bcache" : "a dm-cache", v->cache_mode ? ", " : "",
				  v->cache_mode ? v->cache_mode : "");
			if (v->cache_mode && strcmp(v->cache_mode, "writeback") == 0 &&
			    fixer_warn(f, "%s is cached with writeback: without the cache's disk "
				       "its data is incomplete", v->path ? v->path : v->name) < 0)
				r = -ENOMEM;
		}
	}
	for (size_t i = 0; i < f->m->ndisks; i++)
		for (size_t k = 0; k < f->m->disks[i].npartitions; k++) {
			const struct machine_fs *fs = &f->m->disks[i].partitions[k].fs;

			several = several || (fs->type && fs->members > 1 &&
					      (strcmp(fs->type, "btrfs") == 0 ||
					       strcmp(fs->type, "zfs_member") == 0));
		}
	if (several)
		fixer_say(f, "a filesystem spans several disks: all of them belong to one VM");
	return r < 0 ? err_nomem(err) : 0;
}
