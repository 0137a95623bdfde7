/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An initramfs of the guest is copied into memory, read there (ramdisk.h), and, when something is
 * to be appended, copied back with it. No program of the guest runs for any of this.
 */
#include "postfix/linux/linux_initramfs.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/pe.h"
#include "postfix/linux/ramdisk_plan.h"
#include "postfix/linux/ramdisk_write.h"

/* A universal image with firmware may have 300 MiB. */
#define IMAGE_MAX	(1 * GIB)
#define KERNEL_MAX	(256 * MIB)
#define BOOT_SPARE	(2 * MIB)
/* From here on what is appended is compressed, when the image is. */
#define SMALL		(256 * KIB)

/* A file of the guest, in memory. */
struct copy {
	int fd;
	char *data;
	size_t len;
};

static void copy_done(struct copy *c)
{
	if (c->data)
		munmap(c->data, c->len);
	fd_close(c->fd);
}
DEFINE_CLEANUP_VALUE(struct copy, copy_done)

static int copy_of(struct guest *guest, const char *path, uint64_t max, struct copy *ret,
		   struct err *err)
{
	CLEANUP(copy_done) struct copy c = { .fd = memfd_create("p2v-guest-file", MFD_CLOEXEC) };
	struct stat st;
	int r;

	if (c.fd < 0)
		return err_errno(err, "cannot keep %s in memory", path);
	r = guest_download(guest, path, max, c.fd, err);
	if (r < 0)
		return r;
	if (fstat(c.fd, &st) < 0)
		return err_errno(err, "cannot keep %s in memory", path);
	if (st.st_size == 0)
		return err_set(err, EBADMSG, "%s is empty", path);
	c.len = (size_t)st.st_size;
	c.data = mmap(NULL, c.len, PROT_READ, MAP_PRIVATE, c.fd, 0);
	if (c.data == MAP_FAILED) {
		c.data = NULL;
		return err_errno(err, "cannot keep %s in memory", path);
	}
	*ret = c;
	c = (struct copy){ .fd = -1 };
	return 0;
}

int linux_ramdisk_links(struct fixer *f, struct machine_strv *ret)
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
	if (!machine_grow(&ret->v, &ret->n, sizeof(*ret->v)))
		return -ENOMEM;
	ret->n--;
	return 0;
}

void linux_ramdisk_strv_done(struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i]);
	free(v->v);
	*v = (struct machine_strv){ 0 };
}

void linux_ramdisk_judge(const struct ramdisk *image, const char *version, char *const *links,
			 struct fixer_kernel *k)
{
	for (size_t i = 0; i < DRIVER_COUNT; i++)
		k->image_has[i] = ramdisk_has_module(image, version, fixer_driver_names[i]);
	/* What lies in an image inside the image is not seen: doubt. */
	k->image_listed = !image->nested;
	k->image_kind = ramdisk_kind(image);
	k->image_has_links = true;
	if (ramdisk_has_base(image, "80-net-setup-link.rules"))
		for (; links && *links; links++)
			if (!ramdisk_has_base(image, *links))
				k->image_has_links = false;
}

/* The initramfs in what was copied: all of it, or a section of a unified kernel image. */
static int part_of(const struct kernels_one *one, const struct copy *c, const char **ret,
		   size_t *ret_len, struct err *err)
{
	size_t offset = 0, size = c->len;
	int r = one->uki ? pe_section(c->data, c->len, ".initrd", &offset, &size, err) : 0;

	*ret = c->data + offset;
	*ret_len = size;
	return r;
}

int linux_ramdisk_list(struct fixer *f, size_t i, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	struct fixer_kernel *k = &f->kernel[i];
	CLEANUP(copy_done) struct copy c = { .fd = -1 };
	CLEANUP(ramdisk_done) struct ramdisk image = { 0 };
	struct machine_strv links = { 0 };
	struct err e = ERR_INIT;
	const char *data;
	size_t len;
	int r;

	k->image_listed = false;
	memset(k->image_has, 0, sizeof(k->image_has));
	if (!one->initrd)
		return 0;
	r = copy_of(f->guest, one->initrd, IMAGE_MAX, &c, &e);
	if (r >= 0)
		r = part_of(one, &c, &data, &len, &e);
	if (r >= 0)
		r = ramdisk_read(data, len, NULL, &image, &e);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return fixer_warn(f, "%s cannot be read: %s", one->initrd, e.text) < 0
			       ? err_nomem(err)
			       : 0;
	r = linux_ramdisk_links(f, &links);
	if (r >= 0)
		linux_ramdisk_judge(&image, one->version, links.v, k);
	linux_ramdisk_strv_done(&links);
	return r < 0 ? err_nomem(err) : 0;
}

int linux_ramdisk_uki_cmdline(struct fixer *f, const char *path, char **ret, struct err *err)
{
	CLEANUP(copy_done) struct copy c = { .fd = -1 };
	size_t offset, size;
	int r = copy_of(f->guest, path, IMAGE_MAX, &c, err);

	if (r >= 0)
		r = pe_section(c.data, c.len, ".cmdline", &offset, &size, err);
	if (r < 0)
		return r;
	*ret = strndup(c.data + offset, MIN(size, (size_t)4096));
	return *ret ? 0 : err_nomem(err);
}

int linux_ramdisk_kernel_version(struct fixer *f, const char *path, char **ret, struct err *err)
{
	CLEANUP(copy_done) struct copy c = { .fd = -1 };
	size_t offset, size;
	int r = copy_of(f->guest, path, KERNEL_MAX, &c, err);

	if (r < 0)
		return r;
	*ret = NULL;
	if (pe_section(c.data, c.len, ".uname", &offset, &size, NULL) == 0) {
		*ret = strndup(c.data + offset, MIN(size, (size_t)128));
		if (!*ret)
			return err_nomem(err);
		(*ret)[strcspn(*ret, " \n")] = '\0';
		return 0;
	}
	if (pe_section(c.data, c.len, ".linux", &offset, &size, NULL) < 0) {
		offset = 0;
		size = c.len;
	}
	*ret = kernels_image_version(c.data + offset, size);
	return 0;
}

/* The files of a plan, read from the guest. */
struct parts {
	struct ramdisk_put *v;
	char **data;			/* what was read, to be freed */
	size_t n;
	uint64_t bytes;
};

static void parts_done(struct parts *p)
{
	for (size_t i = 0; p->data && i < p->n; i++)
		free(p->data[i]);
	free(p->data);
	free(p->v);
}
DEFINE_CLEANUP_VALUE(struct parts, parts_done)

static int parts_read(struct fixer *f, const struct ramdisk_plan *plan, struct parts *ret,
		      struct err *err)
{
	ret->v = calloc(plan->n + 1, sizeof(*ret->v));
	ret->data = calloc(plan->n + 1, sizeof(*ret->data));
	ret->n = plan->n;
	if (!ret->v || !ret->data)
		return err_nomem(err);
	for (size_t i = 0; i < plan->n; i++) {
		const struct ramdisk_plan_file *x = &plan->v[i];
		struct ramdisk_put *to = &ret->v[i];
		int r = 0;

		to->name = x->to;
		to->mode = x->from || x->text ? S_IFREG | 0644 : S_IFDIR | 0755;
		if (x->from) {
			r = guest_read(f->guest, x->from, GUEST_DATA_MAX, &ret->data[i], &to->len,
				       err);
			/* A changed file may have been removed: it becomes an empty one. */
			if (r == -ENOENT && strncmp(x->from, "/lib/", 5) != 0)
				r = 0;
			to->data = ret->data[i];
		} else if (x->text) {
			to->data = x->text;
			to->len = strlen(x->text);
		}
		if (r < 0)
			return r;
		ret->bytes += to->len + strlen(to->name) + 128;
	}
	return 0;
}

static int check_room(struct fixer *f, const char *path, uint64_t need, struct err *err)
{
	uint64_t room = guest_free_bytes(f->guest, path);

	if (room >= need + BOOT_SPARE)
		return 0;
	err_set(err, ENOSPC,
		"%s: %" PRIu64 " MiB free where the new image needs %" PRIu64, path, room / MIB,
		(need + BOOT_SPARE) / MIB + 1);
	err_hint(err, "remove an old kernel on the source, or enlarge the filesystem");
	return -ENOSPC;
}

static int make_plan(struct fixer *f, size_t i, const struct ramdisk *image,
		     const char *const *modules, size_t n, struct ramdisk_plan *ret,
		     struct err *err)
{
	const char *version = f->kernels.v[i].version;
	CLEANUP(mem_free) char *dir = text_format("/lib/modules/%s", version);
	CLEANUP(mem_free) char *path = text_format("/lib/modules/%s/modules.dep", version);
	CLEANUP(mem_free) char *dep = NULL;
	CLEANUP(guest_strings_free) char **indexes = NULL;
	struct machine_strv changed = { 0 }, links = { 0 };
	struct ramdisk_plan_input in = {
		.image = image, .version = version, .modules = modules, .nmodules = n,
	};
	int r;

	if (!dir || !path)
		return err_nomem(err);
	r = guest_read(f->guest, path, GUEST_DATA_MAX, &dep, NULL, err);
	if (r < 0)
		return r;
	in.dep = dep;
	in.indexes = indexes = guest_list(f->guest, dir, NULL);
	r = in.indexes ? linux_initramfs_inputs(f, &changed) : -ENOMEM;
	if (r >= 0)
		r = linux_ramdisk_links(f, &links);
	for (size_t k = 0; k < links.n && r >= 0; k++) {
		CLEANUP(mem_free) char *link = text_format("/etc/systemd/network/%s", links.v[k]);

		r = link ? machine_strv_add(&changed, link) : -ENOMEM;
	}
	if (r < 0)
		err_nomem(err);
	in.changed = changed.v;
	in.nchanged = changed.n;
	if (r >= 0)
		r = ramdisk_plan_make(&in, ret, err);
	linux_ramdisk_strv_done(&changed);
	linux_ramdisk_strv_done(&links);
	return r;
}

/* Changed files that have no place: the image may still ask for what is gone. */
static int judge_unplaced(struct fixer *f, const struct kernels_one *one,
			  const struct ramdisk_plan *plan, bool strict, struct err *err)
{
	if (!plan->unplaced.n)
		return 0;
	if (strict)
		return err_set(err, ENOTSUP, "it is made from %s, which has changed",
			       plan->unplaced.v[0]);
	return fixer_warn(f, "%s does not know that %s has changed", one->initrd,
			  plan->unplaced.v[0]) < 0
		       ? err_nomem(err)
		       : 0;
}

int linux_ramdisk_append(struct fixer *f, size_t i, const char *const *modules, size_t n,
			 bool strict, struct err *err)
{
	const struct kernels_one *one = &f->kernels.v[i];
	CLEANUP(copy_done) struct copy c = { .fd = -1 };
	CLEANUP(ramdisk_done) struct ramdisk image = { 0 };
	CLEANUP(ramdisk_plan_done) struct ramdisk_plan plan = { 0 };
	CLEANUP(parts_done) struct parts parts = { 0 };
	struct guest_stat st = { .mode = 0600 };
	struct stat now;
	bool gzip;
	int r;

	if (one->uki)
		return err_set(err, ENOTSUP,
			       "nothing can be appended to a unified kernel image");
	r = copy_of(f->guest, one->initrd, IMAGE_MAX, &c, err);
	if (r >= 0)
		r = ramdisk_read(c.data, c.len, ramdisk_plan_keep, &image, err);
	if (r >= 0)
		r = make_plan(f, i, &image, modules, n, &plan, err);
	if (r >= 0)
		r = judge_unplaced(f, one, &plan, strict, err);
	if (r < 0)
		return r;
	if (!plan.n)
		return 0;
	r = parts_read(f, &plan, &parts, err);
	if (r < 0)
		return r;
	/* Every kernel that unpacks gzip here can do so again. */
	gzip = image.last == RAMDISK_PACK_GZIP && parts.bytes > SMALL;
	r = ramdisk_write_append(c.fd, image.last == RAMDISK_PACK_LZ4 ? 8 : 0, parts.v, parts.n,
				 gzip, err);
	if (r < 0)
		return r;
	if (fstat(c.fd, &now) < 0)
		return err_errno(err, "cannot append to %s", one->initrd);
	/* The new one is written beside the old one, which goes away then. */
	r = check_room(f, one->initrd, (uint64_t)now.st_size, err);
	if (r >= 0)
		r = guest_stat(f->guest, one->initrd, &st, err);
	if (r >= 0)
		r = guest_put_fd(f->guest, one->initrd, c.fd, st.mode, err);
	if (r >= 0)
		fixer_say(f, "%s: %zu files appended, %" PRIu64 " KiB", one->initrd, parts.n,
			  ((uint64_t)now.st_size - c.len) / KIB);
	return r;
}
