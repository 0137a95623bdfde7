/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "initramfs": every bootable kernel's image gets the virtio drivers.
 *
 * As a rule the guest's own tool makes the image anew (linux_generators.c), after its settings were
 * changed so that the guest's next kernel update makes a good image too. All images are made by one
 * command. Where no tool can, or time is short (fix_options.fast), the drivers are appended to the
 * image as it is (linux_ramdisk.c). Each way stands in for the other. In the end the image is read
 * again: what counts is what is in it.
 */
#include "postfix/linux/linux_initramfs.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/linux_rows.h"

#define BACKUP_DIR	"/var/backups/p2v"
#define BOOT_SPARE	(4 * MIB)

/* What the root disk hangs on, whichever virtual bus it will be. */
static const enum fixer_driver wanted[] = {
	DRIVER_VIRTIO_PCI, DRIVER_VIRTIO_BLK, DRIVER_VIRTIO_SCSI, DRIVER_SD_MOD,
};
/* Nice to have early, too. */
static const enum fixer_driver extra[] = { DRIVER_VIRTIO_NET };

static bool lacks(const struct fixer_kernel *k, enum fixer_driver d)
{
	return k->has[d] == KERNELS_MODULE && !k->image_has[d];
}

/* The first wanted driver that is not in the image; NULL when all are. */
static const char *lacking(const struct fixer_kernel *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (lacks(k, wanted[i]))
			return fixer_driver_names[wanted[i]];
	return NULL;
}

/* Files that a generator copies into the image, or is steered by. */
int linux_initramfs_inputs(const struct fixer *f, struct machine_strv *ret)
{
	static const char *const inputs[] = {
		"/etc/crypttab", "/etc/initramfs-tools/", "/etc/dracut", "/etc/udev/rules.d/",
		"/etc/mdadm", "/etc/lvm/", "/etc/modprobe.d/", "/etc/multipath", "/etc/iscsi/",
	};

	for (size_t i = 0; i < f->edits.n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(inputs); k++) {
			const char *path = f->edits.v[i].path;

			if (strncmp(path, inputs[k], strlen(inputs[k])) == 0 &&
			    !machine_strv_has(ret, path) && machine_strv_add(ret, path) < 0)
				return -ENOMEM;
		}
	return 0;
}

static int inputs_changed(const struct fixer *f)
{
	struct machine_strv v = { 0 };
	int r = linux_initramfs_inputs(f, &v);

	if (r >= 0)
		r = v.n > 0;
	linux_ramdisk_strv_done(&v);
	return r;
}

/* Drivers that kernel k has as modules; builtin ones need no line anywhere. */
static void want_of(const struct fixer *f, size_t k, bool want[static DRIVER_COUNT])
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		want[wanted[i]] |= f->kernel[k].has[wanted[i]] == KERNELS_MODULE;
	for (size_t i = 0; i < ARRAY_SIZE(extra); i++)
		want[extra[i]] |= f->kernel[k].has[extra[i]] == KERNELS_MODULE;
}

static size_t names_of(const bool want[static DRIVER_COUNT], const char *ret[static DRIVER_COUNT])
{
	size_t n = 0;

	for (size_t i = 0; i < DRIVER_COUNT; i++)
		if (want[i])
			ret[n++] = fixer_driver_names[i];
	return n;
}

/* Those that some kernel has. */
static size_t module_names(const struct fixer *f, const char *ret[static DRIVER_COUNT])
{
	bool want[DRIVER_COUNT] = { false };

	for (size_t k = 0; k < f->kernels.n; k++)
		want_of(f, k, want);
	return names_of(want, ret);
}

/* Why kernel k's image must be made anew; NULL when it is good. */
static const char *reason(const struct fixer *f, size_t k, bool changed)
{
	const struct fixer_kernel *x = &f->kernel[k];
	const struct kernels_one *one = &f->kernels.v[k];

	if (!one->has_modules || !one->initrd || one->xen)
		return NULL;
	/* A rescue image that is not understood stays: it is not what is booted. */
	if (!x->image_listed)
		return one->spare ? NULL : "its contents are not known";
	if (lacking(x))
		return "it has no drivers for virtual disks";
	if (one->spare)
		return NULL;
	if (!x->image_has_links)
		return "it would rename network interfaces";
	return changed ? "what it is made from has changed" : NULL;
}

static int stage_settings(struct fixer *f, bool missing, struct err *err)
{
	const char *modules[DRIVER_COUNT];
	size_t n = module_names(f, modules);

	if (!f->generator) {
		fixer_say(f, "the guest has no tool that makes such images: drivers are appended, "
			     "and the next kernel needs the same");
		return 0;
	}
	/* A dracut that lists .link files is told of the drivers, too. */
	if (!missing && f->generator->kind != RAMDISK_DRACUT)
		n = 0;
	return f->generator->stage(f, modules, n, err);
}

int linux_initramfs_detect(struct fixer *f, struct err *err)
{
	bool any = false, missing = false, links;
	int r, changed = inputs_changed(f);

	if (changed < 0)
		return err_nomem(err);
	if (!f->kernels.n)
		return err_set(err, ENOENT, "no kernel found in /boot");
	/* The .link files of this run may not be there yet, or not have been when it was listed. */
	links = fixer_touched(f, "/etc/systemd/network/10-p2v-");
	for (size_t i = 0; i < f->kernels.n; i++) {
		const struct kernels_one *one = &f->kernels.v[i];
		const char *why;

		if (links)
			f->kernel[i].image_has_links = false;
		why = reason(f, i, changed);
		f->kernel[i].rebuild = why != NULL;
		if (!one->initrd)
			fixer_say(f, "kernel %s has no initramfs", one->version);
		if (!why)
			continue;
		any = true;
		missing = missing || lacking(&f->kernel[i]);
		fixer_say(f, "%s: %s", one->initrd, why);
	}
	if (!any)
		return 0;
	r = stage_settings(f, missing, err);
	for (size_t i = 0; i < f->kernels.n && r >= 0; i++)
		if (f->kernel[i].rebuild)
			r = guest_edit_rebuilt(&f->edits, f->kernels.v[i].initrd, err);
	return r < 0 ? r : 1;
}

/* ---- apply */

/* An image that is being changed: how it went so far. */
struct work {
	char *backup;
	bool done;
	struct err err;			/* why not, when it is not */
};

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
static char *keep_backup(struct fixer *f, size_t i)
{
	const struct kernels_one *one = &f->kernels.v[i];
	char *path;

	if (guest_mkdir(f->guest, BACKUP_DIR, NULL) < 0 ||
	    guest_free_bytes(f->guest, BACKUP_DIR) <
		    4 * guest_file_size(f->guest, one->initrd) + 256 * MIB)
		return NULL;
	path = text_format(BACKUP_DIR "/initrd-%s%s", one->version, one->spare ? "-spare" : "");
	if (path && guest_copy(f->guest, one->initrd, path, NULL) < 0) {
		(void)guest_remove(f->guest, path, NULL);
		free(path);
		return NULL;
	}
	return path;
}

static int verify(struct fixer *f, size_t i, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	int r = linux_ramdisk_list(f, i, err);
	const char *name;

	if (r < 0)
		return r;
	if (!f->kernel[i].image_listed)
		return err_set(err, EIO, "the new %s cannot be read", one->initrd);
	name = lacking(&f->kernel[i]);
	if (name)
		return err_set(err, EIO, "the new %s still lacks %s", one->initrd, name);
	if (!f->kernel[i].image_has_links)
		return fixer_warn(f, "%s does not hold the names of the network interfaces",
				  one->initrd);
	return 0;
}

static int append(struct fixer *f, size_t i, bool strict, struct err *err)
{
	bool want[DRIVER_COUNT] = { false };
	const char *modules[DRIVER_COUNT];
	int r;

	want_of(f, i, want);
	r = linux_ramdisk_append(f, i, modules, names_of(want, modules), strict, err);
	return r < 0 ? r : verify(f, i, err);
}

static void put_back(struct fixer *f, size_t i, const struct work *w)
{
	const struct kernels_one *one = &f->kernels.v[i];

	if (w->backup && !guest_same(f->guest, w->backup, one->initrd) &&
	    guest_copy(f->guest, w->backup, one->initrd, NULL) >= 0)
		fixer_say(f, "%s is as it was", one->initrd);
	(void)linux_ramdisk_list(f, i, NULL);
}

static int command_of(struct fixer *f, size_t i, struct strbuf *out, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	CLEANUP(mem_free) char *cmdline = NULL;
	bool want[DRIVER_COUNT] = { false };
	const char *modules[DRIVER_COUNT];
	size_t n;
	int r;

	want_of(f, i, want);
	n = names_of(want, modules);
	if (one->uki) {
		r = linux_ramdisk_uki_cmdline(f, one->image, &cmdline, err);
		if (r < 0)
			return r;
		r = linux_generator_uki(f->guest, one, cmdline, out, err);
		return r < 0 ? r : fixer_warn(f, "%s is made anew: a signature in it is gone",
					      one->image);
	}
	if (!f->generator)
		return err_set(err, ENOTSUP, "the guest has no tool that makes it anew");
	f->generator->command(one, modules, n, out);
	return 0;
}

/* Did the command for kernel i fail? *ret is then the last line that it printed, escaped. */
static bool said_failed(const char *out, size_t i, char ret[static 240])
{
	char mark[40];
	const char *end, *start;

	snprintf(mark, sizeof(mark), "p2v-failed=%zu\n", i);
	end = strstr(out, mark);
	if (!end)
		return false;
	while (end > out && end[-1] == '\n')
		end--;
	start = memrchr(out, '\n', (size_t)(end - out));
	start = start ? start + 1 : out;
	text_escape(start, MIN((size_t)(end - start), (size_t)200), ret, 240);
	return true;
}

/* All that is left by one command: starting a shell in the appliance takes a while. */
static int generate(struct fixer *f, struct work *w, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf script = { 0 };
	CLEANUP(mem_free) char *out = NULL;
	CLEANUP(mem_free) bool *asked = calloc(f->kernels.n + 1, sizeof(*asked));
	struct err e = ERR_INIT;
	size_t n = 0;
	int r = 0;

	if (!asked)
		return err_nomem(err);
	for (size_t i = 0; i < f->kernels.n; i++) {
		CLEANUP(strbuf_done) struct strbuf one = { 0 };

		if (!f->kernel[i].rebuild || w[i].done)
			continue;
		err_reset(&w[i].err);
		if (check_room(f, &f->kernels.v[i], &w[i].err) < 0 ||
		    command_of(f, i, &one, &w[i].err) < 0)
			continue;
		asked[i] = true;
		n++;
		strbuf_addf(&script, "(%s) || echo p2v-failed=%zu\n", one.s ? one.s : "false", i);
	}
	if (!n)
		return 0;
	if (script.failed)
		return err_nomem(err);
	r = guest_run(f->guest, script.s, &out, &e);
	if (r == -ENOMEM)
		return err_nomem(err);
	for (size_t i = 0; i < f->kernels.n; i++) {
		char why[240];

		if (!asked[i])
			continue;
		if (r < 0)
			w[i].err = e;
		else if (said_failed(out, i, why))
			err_set(&w[i].err, EIO, "%s failed: %s",
				f->generator ? f->generator->name : "the tool", why);
		else
			w[i].done = verify(f, i, &w[i].err) >= 0;
		if (!w[i].done)
			put_back(f, i, &w[i]);
	}
	return 0;
}

/* Try appending for those that are not done. */
static int append_all(struct fixer *f, struct work *w, bool only_spare, bool strict,
		      struct err *err)
{
	for (size_t i = 0; i < f->kernels.n; i++) {
		struct err e = ERR_INIT, before = w[i].err;
		int r;

		if (!f->kernel[i].rebuild || w[i].done || (only_spare && !f->kernels.v[i].spare))
			continue;
		r = append(f, i, strict, &e);
		if (r == -ENOMEM)
			return err_nomem(err);
		w[i].done = r >= 0;
		if (r >= 0 && before.code)
			fixer_say(f, "%s was not made anew: %s; what it lacked was appended",
				  f->kernels.v[i].initrd, before.text);
		else if (r < 0 && strict)
			fixer_say(f, "%s cannot be helped by appending: %s",
				  f->kernels.v[i].initrd, e.text);
		if (r < 0)
			put_back(f, i, &w[i]);
		if (r < 0 && before.code)
			err_set(&w[i].err, before.code, "%.250s; and %.200s", before.text, e.text);
		else
			w[i].err = e;
	}
	return 0;
}

static int finish_work(struct fixer *f, struct work *w, struct err *err)
{
	int first = 0;

	for (size_t i = 0; i < f->kernels.n; i++) {
		if (w[i].backup && w[i].done)
			fixer_say(f, "the old %s is kept as %s", f->kernels.v[i].initrd,
				  w[i].backup);
		else if (w[i].backup)
			(void)guest_remove(f->guest, w[i].backup, NULL);
		free(w[i].backup);
		if (!f->kernel[i].rebuild || w[i].done)
			continue;
		if (i == 0) {
			/* Booted by default. It may do so without virtio. */
			f->still_boots = linux_boots_without_virtio(f);
			if (f->still_boots)
				err_hint(&w[i].err, "the virtual machine gets emulated disks");
			first = -w[i].err.code;
			if (err)
				*err = w[i].err;
		} else if (fixer_warn(f, "kernel %s: %s", f->kernels.v[i].version,
				      w[i].err.text) < 0) {
			first = err_nomem(err);
		}
	}
	return first;
}

int linux_initramfs_apply(struct fixer *f, struct err *err)
{
	CLEANUP(mem_free) struct work *w = calloc(f->kernels.n + 1, sizeof(*w));
	int r = 0, done;

	if (!w)
		return err_nomem(err);
	for (size_t i = 0; i < f->kernels.n; i++)
		if (f->kernel[i].rebuild)
			w[i].backup = keep_backup(f, i);
	/* A rescue image is no matter of the tool's settings. */
	r = append_all(f, w, !(f->opt->fast || !f->generator), f->opt->fast, err);
	if (r >= 0) {
		r = guest_scratch_mount(f->guest, err);
		if (r >= 0)
			r = generate(f, w, err);
		guest_scratch_unmount(f->guest);
	}
	if (r >= 0)
		r = append_all(f, w, false, false, err);
	done = finish_work(f, w, r < 0 ? NULL : err);
	return r < 0 ? r : done;
}
