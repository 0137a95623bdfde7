/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "absent-disks", "lvm", "mdadm" and "luks": what the layers between disks and filesystems
 * keep on file about the disks they had.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/absent.h"
#include "postfix/linux/conftext.h"
#include "postfix/linux/cryptopts.h"
#include "postfix/linux/linux_notes.h"
#include "postfix/linux/lvmconf.h"
#include "postfix/linux/mdadmconf.h"

/* ---- disks that were left behind */

static int fstab(struct fixer *f, const char *path, const char *text, char **ret)
{
	const char *how = fixer_setting(f, "absent-disks");
	struct machine_strv notes = { 0 };
	bool comment = how && strcmp(how, "comment") == 0;
	int r;

	(void)path;
	r = comment ? absent_comment_fstab(text, &f->guest->map, ret, &notes) :
		      absent_optional_fstab(text, &f->guest->map, ret, &notes);
	return linux_notes_say(f, &notes, r);
}

static int crypt_optional(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_say(f, &notes,
			       cryptopts_optional(text, &f->guest->map, ret, &notes));
}

int linux_absent_detect(struct fixer *f, struct err *err)
{
	const struct devmap *map = &f->guest->map;
	CLEANUP(mem_free) const char **copied = calloc(map->nparts + 1, sizeof(*copied));
	struct machine_strv notes = { 0 };
	size_t n = 0;
	int r;

	if (!copied)
		return err_nomem(err);
	for (size_t i = 0; i < map->nparts; i++)
		if (map->parts[i].disk)
			copied[n++] = map->parts[i].disk;
	r = linux_notes_warn(f, &notes, absent_check(f->m, copied, &notes, err));
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/fstab", fstab, err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/crypttab", crypt_optional, err);
	return r < 0 ? r : 0;
}

/* ---- LVM */

/* Physical volumes right on a disk or on a partition: those have other names now. */
static void find_pvs(const struct fixer *f, bool *ret_whole, bool *ret_parts)
{
	for (size_t i = 0; i < f->guest->map.nparts; i++) {
		const struct devmap_part *p = &f->guest->map.parts[i];

		if (p->disk && p->type && strcmp(p->type, "LVM2_member") == 0)
			*(p->number ? ret_parts : ret_whole) = true;
	}
	for (size_t i = 0; i < f->m->ndisks; i++) {
		const struct machine_disk *d = &f->m->disks[i];

		*ret_whole = *ret_whole ||
			     (d->fs.type && strcmp(d->fs.type, "LVM2_member") == 0);
		for (size_t k = 0; k < d->npartitions; k++)
			*ret_parts = *ret_parts ||
				     (d->partitions[k].fs.type &&
				      strcmp(d->partitions[k].fs.type, "LVM2_member") == 0);
	}
}

static int lvm_conf(struct fixer *f, const char *path, const char *text, char **ret)
{
	static const char *const vd[] = { "/dev/vda", "/dev/disk/by-path/virtio-pci-0000:04:00.0",
					  NULL };
	static const char *const vd2[] = { "/dev/vda2",
					   "/dev/disk/by-path/virtio-pci-0000:04:00.0-part2",
					   NULL };
	static const char *const sd[] = { "/dev/sda",
					  "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0", NULL };
	static const char *const sd2[] = { "/dev/sda2",
					   "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:0:0-part2",
					   NULL };
	struct machine_strv notes = { 0 };
	bool whole = false, parts = false;
	struct lvmconf_device devices[2] = {
		{ .title = "virtio-blk disks", .names = vd2, .accept = "a|^/dev/vd|" },
		{ .title = "virtio-scsi and SATA disks", .names = sd2, .accept = "a|^/dev/sd|" },
	};
	int r;

	find_pvs(f, &whole, &parts);
	if (!whole && !parts)
		return 0;
	if (!parts) {
		devices[0].names = vd;
		devices[1].names = sd;
	}
	r = lvmconf_rewrite(text, devices, ARRAY_SIZE(devices), ret, &notes);
	if (notes.n)
		fixer_say(f, "%s:", path);
	return linux_notes_say(f, &notes, r);
}

static int remove_file(struct fixer *f, const char *path, const char *why, struct err *err)
{
	if (!guest_edit_exists(&f->edits, path))
		return 0;
	fixer_say(f, "%s: %s", path, why);
	return guest_edit_remove(&f->edits, path, err);
}

int linux_lvm_detect(struct fixer *f, struct err *err)
{
	static const char dir[] = "/etc/lvm/devices";
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);
	int r = fixer_rewrite(f, "/etc/lvm/lvm.conf", lvm_conf, err);

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/lvm/lvmlocal.conf", lvm_conf, err);
	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *path = NULL;
		size_t n = strlen(names[i]);

		if (n < 9 || strcmp(names[i] + n - 8, ".devices") != 0)
			continue;
		if (asprintf(&path, "%s/%s", dir, names[i]) < 0)
			return err_nomem(err);
		r = remove_file(f, path,
				"the list of the old disks goes, and LVM looks at all disks; "
				"vgimportdevices -a makes a new one", err);
	}
	if (r >= 0)
		r = remove_file(f, "/etc/lvm/cache/.cache", "a cache of the old disks", err);
	return r < 0 ? r : 0;
}

/* ---- md */

static int mdadm_conf(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_warn(f, &notes, mdadmconf_rewrite(text, f->m, ret, &notes));
}

static int tell_arrays(struct fixer *f)
{
	const char *raid1 = fixer_setting(f, "raid1");
	int r = 0;

	for (size_t i = 0; i < f->m->nvolumes && r >= 0; i++) {
		const struct machine_volume *v = &f->m->volumes[i];
		bool md = v->kind && strcmp(v->kind, "md") == 0;

		if (v->kind && strcmp(v->kind, "dmraid") == 0)
			r = fixer_warn(f, "%s is an array of the firmware (dmraid): the VM's "
				       "firmware has none, copy it as one disk",
				       v->path ? v->path : v->name);
		if (md && v->metadata &&
		    (strcmp(v->metadata, "imsm") == 0 || strcmp(v->metadata, "ddf") == 0))
			r = fixer_warn(f, "%s is an array of the firmware (%s): in the VM it is "
				       "assembled only with IMSM_NO_PLATFORM=1 in mdadm's "
				       "environment", v->path ? v->path : v->name, v->metadata);
		if (md && r >= 0 && raid1 && strcmp(raid1, "keep") != 0 && v->level &&
		    strcmp(v->level, "raid1") == 0)
			r = fixer_warn(f, "%s: raid1=%s is not done, the array is kept: take the "
				       "second leg out in the VM (mdadm --fail, --remove, --grow "
				       "--raid-devices=1 --force)", v->path ? v->path : v->name,
				       raid1);
	}
	return r;
}

int linux_mdadm_detect(struct fixer *f, struct err *err)
{
	int r = tell_arrays(f) < 0 ? err_nomem(err) : 0;

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/mdadm.conf", mdadm_conf, err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/mdadm/mdadm.conf", mdadm_conf, err);
	return r < 0 ? r : 0;
}

/* ---- LUKS */

static int crypttab(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };

	(void)path;
	return linux_notes_warn(f, &notes, cryptopts_rewrite(text, ret, &notes));
}

static int tell_tokens(struct fixer *f, const char *name, const struct machine_fs *fs)
{
	for (size_t i = 0; i < fs->tokens.n; i++) {
		const char *t = fs->tokens.v[i];

		if (strcmp(t, "systemd-recovery") == 0 || strcmp(t, "luks2-keyring") == 0)
			continue;
		fixer_say(f, "%s has a key slot for %s, which does not open it in the VM%s", name,
			  t, strcmp(t, "clevis") == 0 ? " (but for a Tang server)" : "");
		if (fs->keyslots <= fs->tokens.n &&
		    fixer_warn(f, "%s may have no key slot with a passphrase: add one on the "
			       "machine (cryptsetup luksAddKey) before you rely on the VM",
			       name) < 0)
			return -ENOMEM;
	}
	return 0;
}

int linux_luks_detect(struct fixer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < f->m->ndisks && r >= 0; i++) {
		const struct machine_disk *d = &f->m->disks[i];

		r = tell_tokens(f, d->name, &d->fs);
		for (size_t k = 0; k < d->npartitions && r >= 0; k++)
			r = tell_tokens(f, d->partitions[k].name, &d->partitions[k].fs);
	}
	for (size_t i = 0; i < f->m->nvolumes && r >= 0; i++)
		r = tell_tokens(f, f->m->volumes[i].name, &f->m->volumes[i].fs);
	if (r < 0)
		return err_nomem(err);
	r = fixer_rewrite(f, "/etc/crypttab", crypttab, err);
	return r < 0 ? r : 0;
}
