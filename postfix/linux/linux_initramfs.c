/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "initramfs": every bootable kernel's image gets the virtio drivers, by the guest's own
 * generator and settings, so that the guest's next kernel update makes a good image too.
 *
 * The generator runs in the appliance, whose hardware is not the guest's: anything that looks at
 * the running machine (MODULES=dep, dracut's hostonly) is switched off, for it would describe the
 * appliance.
 */
#include "postfix/linux/linux_initramfs.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/kernelname.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_rows.h"
#include "postfix/linux/modlist.h"

#define POLICY_FILE	"/etc/initramfs-tools/conf.d/zz-p2v"
#define DRACUT_FILE	"/etc/dracut.conf.d/zz-p2v.conf"
#define MODULES_FILE	"/etc/initramfs-tools/modules"
#define BACKUP_DIR	"/var/backups/p2v"
#define BOOT_SPARE	(4 * MIB)

/* What the root disk hangs on, whichever virtual bus it will be. */
static const enum fixer_driver wanted[] = {
	DRIVER_VIRTIO_PCI, DRIVER_VIRTIO_BLK, DRIVER_VIRTIO_SCSI, DRIVER_SD_MOD,
};
/* Nice to have early, too. */
static const enum fixer_driver extra[] = { DRIVER_VIRTIO_NET };

enum fixer_generator linux_initramfs_generator(struct guest *guest)
{
	/* Debian's dracut may bring an update-initramfs of its own, but never a mkinitramfs. */
	if (guest_is_file(guest, "/usr/sbin/mkinitramfs") &&
	    guest_is_file(guest, "/usr/sbin/update-initramfs"))
		return GENERATOR_INITRAMFS_TOOLS;
	if (guest_is_file(guest, "/usr/bin/dracut") || guest_is_file(guest, "/sbin/dracut"))
		return GENERATOR_DRACUT;
	return GENERATOR_NONE;
}

static bool base_is(struct span w, const char *name)
{
	const char *slash = memrchr(w.s, '/', w.len);
	const char *base = slash ? slash + 1 : w.s;

	return lines_span_is((struct span){ base, (size_t)(w.s + w.len - base) }, name);
}

void linux_initramfs_read_listing(const char *text, char *const *links, struct fixer_kernel *k)
{
	const char *pos = text, *p;
	bool renames = false;
	size_t nlinks = 0, seen = 0;
	struct line l;
	struct span w;

	memset(k->image_has, 0, sizeof(k->image_has));
	while (links && links[nlinks])
		nlinks++;
	while (lines_next(&pos, &l))
		for (p = l.s; lines_word(&p, l.s + l.len, &w);) {
			for (size_t i = 0; i < DRIVER_COUNT; i++)
				if (kernelname_is_module(w.s, w.len, fixer_driver_names[i]))
					k->image_has[i] = true;
			renames = renames || base_is(w, "80-net-setup-link.rules");
			for (size_t i = 0; i < nlinks; i++)
				seen += base_is(w, links[i]);
		}
	k->image_listed = true;
	k->image_has_links = !renames || seen >= nlinks;
}

/* Our .link files as they are now, or will be. */
static int our_links(struct fixer *f, struct machine_strv *ret)
{
	static const char dir[] = "/etc/systemd/network/";
	CLEANUP(guest_strings_free)
	char **names = guest_list(f->guest, "/etc/systemd/network", NULL);

	for (size_t i = 0; names && names[i]; i++)
		if (fnmatch("10-p2v-*.link", names[i], 0) == 0 &&
		    machine_strv_add(ret, names[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < f->edits.n; i++) {
		const char *path = f->edits.v[i].path;

		if (strncmp(path, dir, sizeof(dir) - 1) != 0)
			continue;
		path += sizeof(dir) - 1;
		if (fnmatch("10-p2v-*.link", path, 0) == 0 && !machine_strv_has(ret, path) &&
		    machine_strv_add(ret, path) < 0)
			return -ENOMEM;
	}
	/* NULL-terminated for the listing. */
	return machine_grow(&ret->v, &ret->n, sizeof(*ret->v)) ? 0 : -ENOMEM;
}

static void strv_done(struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
}

int linux_initramfs_list(struct fixer *f, size_t i, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	struct machine_strv links = { 0 };
	CLEANUP(mem_free) char *out = NULL;
	struct err e = ERR_INIT;
	char cmd[400];
	int r;

	f->kernel[i].image_listed = false;
	if (!one->initrd || f->generator == GENERATOR_NONE)
		return 0;
	/* The version was checked when it became a kernel: no character that a shell would mind. */
	snprintf(cmd, sizeof(cmd), "%s %s",
		 f->generator == GENERATOR_DRACUT ? "lsinitrd" : "lsinitramfs", one->initrd);
	r = guest_run(f->guest, cmd, &out, &e);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0) {
		memset(f->kernel[i].image_has, 0, sizeof(f->kernel[i].image_has));
		return fixer_warn(f, "%s cannot be listed: %s", one->initrd, e.text) < 0
			       ? err_nomem(err)
			       : 0;
	}
	r = our_links(f, &links);
	if (r >= 0)
		linux_initramfs_read_listing(out, links.v, &f->kernel[i]);
	strv_done(&links);
	return r < 0 ? err_nomem(err) : 0;
}

static bool lacks(const struct fixer_kernel *k, enum fixer_driver d)
{
	return k->has[d] == KERNELS_MODULE && !k->image_has[d];
}

/* Files that a generator copies into the image, or is steered by. */
static bool inputs_changed(const struct fixer *f)
{
	static const char *const inputs[] = {
		"/etc/crypttab", "/etc/initramfs-tools/", "/etc/dracut", "/etc/udev/rules.d/",
		"/etc/mdadm", "/etc/lvm/", "/etc/modprobe.d/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++)
		if (fixer_touched(f, inputs[i]))
			return true;
	return false;
}

void linux_initramfs_modules_policy(const char *text, char policy[static 16])
{
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct span key, value;

		if (lines_is_comment(&l, "#") || !lines_assignment(&l, &key, &value) ||
		    !lines_span_is(key, "MODULES"))
			continue;
		while (value.len && (*value.s == '"' || *value.s == '\'')) {
			value.s++;
			value.len--;
		}
		value.len = strcspn(value.s, "\"' \t\r\n#") < value.len ?
			    strcspn(value.s, "\"' \t\r\n#") : value.len;
		snprintf(policy, 16, "%.*s", (int)MIN(value.len, (size_t)15), value.s);
	}
}

static int effective_policy(struct fixer *f, char policy[static 16], struct err *err)
{
	CLEANUP(guest_strings_free)
	char **names = guest_list(f->guest, "/etc/initramfs-tools/conf.d", NULL);
	CLEANUP(mem_free) char *conf = NULL;

	snprintf(policy, 16, "most");
	if (guest_edit_read(&f->edits, "/etc/initramfs-tools/initramfs.conf", &conf, NULL) >= 0)
		linux_initramfs_modules_policy(conf, policy);
	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *path = NULL, *text = NULL;

		if (asprintf(&path, "/etc/initramfs-tools/conf.d/%s", names[i]) < 0)
			return err_nomem(err);
		if (guest_edit_read(&f->edits, path, &text, NULL) >= 0)
			linux_initramfs_modules_policy(text, policy);
	}
	return 0;
}

static int stage_initramfs_tools(struct fixer *f, const char *const *modules, size_t n,
				 struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	char policy[16];
	int r = effective_policy(f, policy, err);

	if (r < 0)
		return r;
	if (strcmp(policy, "dep") == 0) {
		fixer_say(f, "MODULES=dep would look at the machine that builds the image: now "
			     "MODULES=most");
		r = guest_edit_write(&f->edits, POLICY_FILE, "MODULES=most\n", 0644, err);
		if (r < 0)
			return r;
	}
	r = guest_edit_read(&f->edits, MODULES_FILE, &text, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = modlist_add(text ? text : "", modules, n, &to);
	if (r < 0)
		return err_nomem(err);
	return r ? guest_edit_write(&f->edits, MODULES_FILE, to, 0644, err) : 0;
}

static int stage_dracut(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *have = NULL;
	struct machine_strv links = { 0 };
	int r;

	strbuf_add(&b, "# Drivers for virtual disks, whatever other files here leave out.\n"
		       "add_drivers+=\"");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, " %s", modules[i]);
	strbuf_add(&b, " \"\nfor p2v_driver in virtio virtio_ring");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, " %s", modules[i]);
	strbuf_add(&b, "; do\n\tomit_drivers=\" ${omit_drivers} \"\n"
		       "\tomit_drivers=\"${omit_drivers// ${p2v_driver} / }\"\ndone\n");
	r = our_links(f, &links);
	if (r >= 0 && links.n > 1) {
		strbuf_add(&b, "install_items+=\"");
		for (size_t i = 0; i + 1 < links.n; i++)
			strbuf_addf(&b, " /etc/systemd/network/%s", links.v[i]);
		strbuf_add(&b, " \"\n");
	}
	strv_done(&links);
	if (r < 0 || b.failed)
		return err_nomem(err);
	if (guest_edit_read(&f->edits, DRACUT_FILE, &have, NULL) == 0 && strcmp(have, b.s) == 0)
		return 0;
	return guest_edit_write(&f->edits, DRACUT_FILE, b.s, 0644, err);
}

/* Drivers that some kernel has as a module; builtin ones need no line anywhere. */
static size_t module_names(const struct fixer *f, const char *ret[static DRIVER_COUNT])
{
	bool want[DRIVER_COUNT] = { false };
	size_t n = 0;

	for (size_t k = 0; k < f->kernels.n; k++) {
		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
			want[wanted[i]] |= f->kernel[k].has[wanted[i]] == KERNELS_MODULE;
		for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
			want[extra[i]] |= f->kernel[k].has[extra[i]] == KERNELS_MODULE;
	}
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		if (want[i])
			ret[n++] = fixer_driver_names[i];
	return n;
}

/* Why kernel k's image must be made anew; NULL when it is good. */
static const char *reason(const struct fixer *f, size_t k)
{
	const struct fixer_kernel *x = &f->kernel[k];

	if (!f->kernels.v[k].has_modules)
		return NULL;
	if (!f->kernels.v[k].initrd)
		return NULL;
	if (!x->image_listed)
		return "its contents are not known";
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (lacks(x, wanted[i]))
			return "it has no drivers for virtual disks";
	if (!x->image_has_links)
		return "it would rename network interfaces";
	return inputs_changed(f) ? "what it is made from has changed" : NULL;
}

int linux_initramfs_detect(struct fixer *f, struct err *err)
{
	const char *modules[DRIVER_COUNT];
	bool any = false, missing = false, links = false;
	size_t n;
	int r;

	if (!f->kernels.n)
		return err_set(err, ENOENT, "no kernel found in /boot");
	/* The .link files of this run may not be there yet, or not have been when it was listed. */
	links = fixer_touched(f, "/etc/systemd/network/10-p2v-");
	for (size_t i = 0; i < f->kernels.n; i++) {
		const char *why;

		if (links)
			f->kernel[i].image_has_links = false;
		why = reason(f, i);
		f->kernel[i].rebuild = why != NULL;
		if (!f->kernels.v[i].initrd)
			fixer_say(f, "kernel %s has no initramfs", f->kernels.v[i].version);
		if (!why)
			continue;
		any = true;
		for (size_t d = 0; d < ARRAY_SIZE(wanted); d++)
			missing = missing || lacks(&f->kernel[i], wanted[d]);
		fixer_say(f, "%s: %s", f->kernels.v[i].initrd, why);
	}
	if (!any)
		return 0;
	if (f->generator == GENERATOR_NONE)
		return err_set(err, ENOTSUP, "the guest has neither initramfs-tools nor dracut");
	n = module_names(f, modules);
	if (f->generator == GENERATOR_DRACUT)
		r = stage_dracut(f, modules, n, err);
	else
		r = stage_initramfs_tools(f, modules, missing ? n : 0, err);
	for (size_t i = 0; i < f->kernels.n && r >= 0; i++)
		if (f->kernel[i].rebuild)
			r = guest_edit_rebuilt(&f->edits, f->kernels.v[i].initrd, err);
	return r < 0 ? r : 1;
}

/* The new image is made next to the old one. */
static int check_room(struct fixer *f, const struct kernels_one *one, struct err *err)
{
	uint64_t size = guest_file_size(f->guest, one->initrd);
	uint64_t room = guest_free_bytes(f->guest, one->initrd);

	if (room >= size + BOOT_SPARE)
		return 0;
	err_set(err, ENOSPC, "%s: %llu MiB free where a new image needs more than %llu",
		one->initrd, (unsigned long long)(room / MIB),
		(unsigned long long)((size + BOOT_SPARE) / MIB));
	err_hint(err, "remove an old kernel on the source, or enlarge the filesystem");
	return -ENOSPC;
}

/* Only where there is plenty of room: the untouched replica is the real backup. */
static char *keep_backup(struct fixer *f, const struct kernels_one *one)
{
	char *path;

	if (guest_mkdir(f->guest, BACKUP_DIR, NULL) < 0 ||
	    guest_free_bytes(f->guest, BACKUP_DIR) <
		    4 * guest_file_size(f->guest, one->initrd) + 256 * MIB)
		return NULL;
	if (asprintf(&path, BACKUP_DIR "/initrd-%s", one->version) < 0)
		return NULL;
	if (guest_copy(f->guest, one->initrd, path, NULL) < 0) {
		guest_remove(f->guest, path, NULL);
		free(path);
		return NULL;
	}
	return path;
}

static int verify(struct fixer *f, size_t i, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	int r = linux_initramfs_list(f, i, err);

	if (r < 0)
		return r;
	if (!f->kernel[i].image_listed)
		return err_set(err, EIO, "the new %s cannot be listed", one->initrd);
	for (size_t d = 0; d < ARRAY_SIZE(wanted); d++)
		if (lacks(&f->kernel[i], wanted[d]))
			return err_set(err, EIO, "the new %s still lacks %s", one->initrd,
				       fixer_driver_names[wanted[d]]);
	if (!f->kernel[i].image_has_links)
		return fixer_warn(f, "%s does not hold the names of the network interfaces",
				  one->initrd);
	return 0;
}

static int generate(struct fixer *f, const struct kernels_one *one, struct err *err)
{
	char cmd[600];
	int r;

	if (f->generator == GENERATOR_DRACUT) {
		snprintf(cmd, sizeof(cmd),
			 "dracut --force --no-hostonly --no-hostonly-cmdline %s %s", one->initrd,
			 one->version);
		return guest_run(f->guest, cmd, NULL, err);
	}
	snprintf(cmd, sizeof(cmd), "update-initramfs -u -k %s", one->version);
	r = guest_run(f->guest, cmd, NULL, err);
	if (r < 0) {
		struct err e = ERR_INIT;

		/* Old versions refuse to update an image that they do not remember making. */
		snprintf(cmd, sizeof(cmd), "update-initramfs -c -t -k %s", one->version);
		if (guest_run(f->guest, cmd, NULL, &e) < 0)
			return r;
		err_reset(err);
	}
	return 0;
}

static int rebuild(struct fixer *f, size_t i, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	CLEANUP(mem_free) char *backup = NULL;
	int r = check_room(f, one, err);

	if (r < 0)
		return r;
	backup = keep_backup(f, one);
	r = generate(f, one, err);
	if (r >= 0)
		r = verify(f, i, err);
	if (r < 0 && backup && guest_copy(f->guest, backup, one->initrd, NULL) == 0)
		fixer_say(f, "%s is as it was", one->initrd);
	else if (backup)
		fixer_say(f, "the old %s is kept as %s", one->initrd, backup);
	return r;
}

int linux_initramfs_apply(struct fixer *f, struct err *err)
{
	int first = 0, r;
	bool newest = true;

	r = guest_scratch_mount(f->guest, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f->kernels.n; i++) {
		struct err e = ERR_INIT;

		if (!f->kernel[i].rebuild) {
			newest = false;
			continue;
		}
		r = rebuild(f, i, &e);
		if (r < 0 && newest && first == 0) {
			/* The kernel that the guest boots by default. */
			first = r;
			if (err)
				*err = e;
		} else if (r < 0 &&
			   fixer_warn(f, "kernel %s: %s", f->kernels.v[i].version, e.text) < 0) {
			first = err_nomem(err);
		}
		newest = false;
	}
	guest_scratch_unmount(f->guest);
	return first;
}
