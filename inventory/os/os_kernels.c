/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which kernels a system has, by what is there rather than by packages: every folder of modules,
 * every image of /boot. They meet by their version, which is
 *
 *	the folder's name	6.1.0-18-amd64
 *	the image's name	vmlinuz-6.1.0-18-amd64, kernel-genkernel-x86_64-6.1.0
 *	what the image says	vmlinuz-linux (Arch), vmlinuz-lts (Alpine), vmlinuz
 *	a folder around it	/boot/MACHINE-ID/6.1.0/linux (Boot Loader Specification)
 *	a part of its name	EFI/Linux/MACHINE-ID-6.1.0.efi, a unified kernel image
 */
#include "inventory/os/os.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "common/kernelname.h"
#include "common/text.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

static const char *const boot_tops[] = { "/boot", "/boot/efi", "/efi" };

static struct machine_kernel *find(const struct os_look *o, const char *version)
{
	for (size_t i = 0; i < o->os->nkernels; i++)
		if (strcmp(o->os->kernels[i].version, version) == 0)
			return &o->os->kernels[i];
	return NULL;
}

/* The kernel of that version, a new one if need be; NULL in *ret when the list is full. */
static int get(struct os_look *o, const char *version, struct machine_kernel **ret)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_kernel *k;
	int r = collect_util_text(version, strlen(version), &text);

	*ret = text ? find(o, text) : NULL;
	if (r < 0 || *ret || !text)
		return r;
	if (o->os->nkernels == COLLECT_LIST_MAX)
		return collect_full(o->m, "kernels");
	k = machine_grow(&o->os->kernels, &o->os->nkernels, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->version = TAKE_PTR(text);
	k->booted = o->running && o->os->kernel && strcmp(k->version, o->os->kernel) == 0;
	*ret = k;
	return os_modules_collect(o, version, k);
}

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

/* Behind the prefix of an image's name; "" for a plain "vmlinuz"; NULL: no kernel. */
static const char *image_name(const char *name)
{
	static const char *const prefixes[] = {
		"kernel-genkernel-x86_64-", "kernel-genkernel-x86-", "vmlinuz", "vmlinux",
		"kernel", "bzImage", "Image",
	};

	if (kernelname_is_leftover(name))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) != 0)
			continue;
		if (prefixes[i][n - 1] == '-' && name[n])
			return name + n;
		if (!name[n])
			return name + n;
		if (name[n] == '-' && name[n + 1])
			return name + n + 1;
	}
	return NULL;
}

/* key: a version, or "linux", "lts" where images have no version in their names. */
static bool is_initramfs(const char *name, const char *key)
{
	static const char *const forms[][2] = {
		{ "initrd.img-", "" },	{ "initramfs-", ".img" }, { "initrd-", "" },
		{ "initrd-", ".img" },	{ "initramfs-", "" },	  { "initramfs.img-", "" },
		{ "initramfs-genkernel-x86_64-", "" },		  { "initrd-", ".gz" },
		{ "initramfs-genkernel-x86-", "" },
	};
	size_t n = strlen(key);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t p = strlen(forms[i][0]);

		if (strncmp(name, forms[i][0], p) == 0 && strncmp(name + p, key, n) == 0 &&
		    strcmp(name + p + n, forms[i][1]) == 0)
			return true;
	}
	return !*key && (strcmp(name, "initrd") == 0 || strcmp(name, "initrd.img") == 0 ||
			 strcmp(name, "initrd.gz") == 0);
}

static int set_initramfs(struct os_look *o, struct machine_kernel *k, const char *path)
{
	CLEANUP(os_image_done) struct os_image image = { 0 };
	int r = os_image_read(o, path, &image);

	if (r < 0)
		return r;
	k->initramfs_size = image.size;
	return collect_util_text(path, strlen(path), &k->initramfs);
}

static int find_initramfs(struct os_look *o, struct machine_kernel *k, const char *dir,
			  char **names, const char *key)
{
	for (char **p = names; p && *p && !k->initramfs; p++) {
		CLEANUP(mem_free) char *path = NULL;

		if (!is_initramfs(*p, key))
			continue;
		path = text_format("%s/%s", dir, *p);
		if (!path || set_initramfs(o, k, path) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int set_image(struct machine_kernel *k, const char *path)
{
	return k->image ? 0 : collect_util_text(path, strlen(path), &k->image);
}

static int add_folders(struct os_look *o, const char *top)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s", top);
	size_t n = 0;

	while (names && names[n])
		n++;
	/* Newest first. */
	while (n-- > 0 && r == 0) {
		struct machine_kernel *k;

		/* A stray file is no kernel. */
		if (os_exists(o, "%s/%s/.", top, names[n]))
			r = get(o, names[n], &k);
	}
	return r;
}

static bool is_version(const char *s)
{
	return isdigit((unsigned char)s[0]) && strchr(s, '.');
}

/* An image of /boot that is not a folder of its own. */
static int add_image(struct os_look *o, char **names, const char *name)
{
	CLEANUP(os_image_done) struct os_image image = { 0 };
	CLEANUP(mem_free) char *path = text_format("/boot/%s", name);
	const char *key = image_name(name), *version = key;
	struct machine_kernel *k;
	int r = path ? os_image_read(o, path, &image) : -ENOMEM;

	if (r < 0)
		return r;
	if (!find(o, key) && !is_version(key)) {
		/* A link "vmlinuz" to an image that has been seen already adds nothing. */
		if (!image.release && !*key)
			return 0;
		version = image.release ? image.release : key;
	}
	r = get(o, version, &k);
	if (r == 0 && k)
		r = set_image(k, path);
	if (r == 0 && k)
		r = find_initramfs(o, k, "/boot", names, version);
	if (r == 0 && k && version != key)
		r = find_initramfs(o, k, "/boot", names, key);
	return r;
}

static int add_images(struct os_look *o)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "/boot");

	/* Names with a version first: what else leads to the same kernel is a copy or a link. */
	for (int round = 0; round < 2; round++)
		for (char **p = names; p && *p && r == 0; p++) {
			const char *key = image_name(*p);

			if (key && is_version(key) == (round == 0))
				r = add_image(o, names, *p);
		}
	return r;
}

/* /boot/MACHINE-ID/VERSION/linux and what lies beside it. */
static int add_entry_folder(struct os_look *o, const char *dir, const char *version)
{
	static const char *const images[] = { "linux", "vmlinuz", "vmlinuz.efi" };
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s/%s", dir, version);

	for (size_t i = 0; i < ARRAY_SIZE(images) && r == 0; i++) {
		CLEANUP(mem_free) char *path = text_format("%s/%s/%s", dir, version, images[i]);
		CLEANUP(mem_free) char *folder = text_format("%s/%s", dir, version);
		struct machine_kernel *k;

		if (!path || !folder)
			return -ENOMEM;
		if (!os_exists(o, "%s", path))
			continue;
		r = get(o, version, &k);
		if (r < 0 || !k)
			return r;
		r = set_image(k, path);
		if (r == 0)
			r = find_initramfs(o, k, folder, names, version);
		if (r == 0)
			r = find_initramfs(o, k, folder, names, "");
	}
	return r;
}

static int add_entries(struct os_look *o, const char *top)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *token = NULL;
	int r = os_list(o, &names, "%s", top);

	/* kernel-install(8): the folder is called by the machine's id, or by this. */
	if (r == 0)
		r = collect_util_line(o->root, &token, "/etc/kernel/entry-token");
	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(strv_free) char **inner = NULL;
		CLEANUP(mem_free) char *dir = text_format("%s/%s", top, *p);

		if (!dir)
			return -ENOMEM;
		if (!(strlen(*p) == 32 && strspn(*p, "0123456789abcdef") == 32) &&
		    !(token && strcmp(token, *p) == 0))
			continue;
		r = os_list(o, &inner, "%s", dir);
		for (char **v = inner; v && *v && r == 0; v++)
			r = add_entry_folder(o, dir, *v);
	}
	return r;
}

/* The longest known version that the name holds. */
static struct machine_kernel *find_in_name(const struct os_look *o, const char *name)
{
	struct machine_kernel *found = NULL;

	for (size_t i = 0; i < o->os->nkernels; i++) {
		struct machine_kernel *k = &o->os->kernels[i];

		if (strstr(name, k->version) &&
		    (!found || strlen(k->version) > strlen(found->version)))
			found = k;
	}
	return found;
}

/* Unified kernel images carry their initramfs inside. */
static int add_unified(struct os_look *o, const char *top)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = os_list(o, &names, "%s/EFI/Linux", top);

	for (char **p = names; p && *p && r == 0; p++) {
		CLEANUP(mem_free) char *path = text_format("%s/EFI/Linux/%s", top, *p);
		struct machine_kernel *k = find_in_name(o, *p);

		if (!path)
			return -ENOMEM;
		if (!ends(*p, ".efi") || !k || k->image)
			continue;
		r = set_image(k, path);
		if (r == 0)
			r = set_initramfs(o, k, path);
	}
	return r;
}

int os_kernels_collect(struct os_look *o)
{
	int r = add_folders(o, "/lib/modules");

	if (r == 0)
		r = add_folders(o, "/usr/lib/modules");
	if (r == 0)
		r = add_images(o);
	for (size_t i = 0; i < ARRAY_SIZE(boot_tops) && r == 0; i++)
		r = add_entries(o, boot_tops[i]);
	for (size_t i = 0; i < ARRAY_SIZE(boot_tops) && r == 0; i++)
		r = add_unified(o, boot_tops[i]);
	return r;
}
