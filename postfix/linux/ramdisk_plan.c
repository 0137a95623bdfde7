/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/ramdisk_plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/kernels.h"
#include "postfix/linux/moddep.h"
#include "postfix/linux/modlist.h"

const char *const ramdisk_plan_keep[] = { "conf/modules", "config", NULL };

void ramdisk_plan_done(struct ramdisk_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].to);
		free(p->v[i].from);
		free(p->v[i].text);
	}
	free(p->v);
	machine_strv_done(&p->unplaced);
	*p = (struct ramdisk_plan){ 0 };
}

static int add_one(struct ramdisk_plan *p, const char *to, const char *from, const char *text)
{
	struct ramdisk_plan_file *f = machine_grow(&p->v, &p->n, sizeof(*p->v));

	if (!f)
		return -ENOMEM;
	f->to = strdup(to);
	f->from = from ? strdup(from) : NULL;
	f->text = text ? strdup(text) : NULL;
	return f->to && (!from || f->from) && (!text || f->text) ? 0 : -ENOMEM;
}

static bool planned(const struct ramdisk_plan *p, const char *to)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].to, to) == 0)
			return true;
	return false;
}

/* The folders on the way are made where they are not in the image yet. */
static int add_parents(const struct ramdisk_plan_input *in, struct ramdisk_plan *p, const char *to,
		       struct err *err)
{
	CLEANUP(mem_free) char *dir = strdup(to);

	if (!dir)
		return err_nomem(err);
	for (char *slash = strchr(dir, '/'); slash; slash = strchr(slash + 1, '/')) {
		const struct ramdisk_entry *e;

		*slash = '\0';
		e = ramdisk_find(in->image, dir);
		if (e && !S_ISDIR(e->mode))
			return err_set(err, ENOTSUP, "%s in it is no folder", dir);
		if (!e && !planned(p, dir) && add_one(p, dir, NULL, NULL) < 0)
			return err_nomem(err);
		*slash = '/';
	}
	return 0;
}

static int add(const struct ramdisk_plan_input *in, struct ramdisk_plan *p, const char *to,
	       const char *from, const char *text, struct err *err)
{
	const struct ramdisk_entry *e = ramdisk_find(in->image, to);
	int r;

	if (e && !S_ISREG(e->mode))
		return err_set(err, ENOTSUP, "%s in it is no file", to);
	if (planned(p, to))
		return 0;
	r = add_parents(in, p, to, err);
	if (r < 0)
		return r;
	return add_one(p, to, from, text) < 0 ? err_nomem(err) : 0;
}

/* "x.ko.xz" -> ".xz", "x.ko" -> "", no module -> NULL */
static const char *packed_as(const char *name)
{
	const char *base = strrchr(name, '/'), *ko = strstr(base ? base : name, ".ko");

	return ko && (ko[3] == '\0' || ko[3] == '.') ? ko + 3 : NULL;
}

/*
 * The full indexes name every module as the guest's file is called. An image whose modules were
 * unpacked on the way in would lose those it has.
 */
static int check_names(const struct ramdisk_plan_input *in, const struct moddep *dep,
		       const char *dir, const struct machine_strv *files, struct err *err)
{
	size_t n = strlen(dir), have = 0;
	const char *as = NULL;

	for (size_t i = 0; i < in->image->n; i++) {
		const struct ramdisk_entry *e = &in->image->v[i];

		if (!S_ISREG(e->mode) || strncmp(e->name, dir, n) != 0 || e->name[n] != '/' ||
		    !packed_as(e->name))
			continue;
		if (!moddep_has_path(dep, e->name + n + 1))
			return err_set(err, ENOTSUP,
				       "its modules are not called as in the guest (%s)", e->name);
		as = packed_as(e->name);
		have++;
	}
	for (size_t i = 0; i < files->n; i++) {
		const char *packed = packed_as(files->v[i]);

		if (packed && *packed && !(have && as && strcmp(as, packed) == 0))
			return err_set(err, ENOTSUP,
				       "it is not known that it can unpack modules (%s)", packed);
	}
	return 0;
}

static int add_modules(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
		       const char *dir, struct err *err)
{
	CLEANUP(moddep_done) struct moddep dep = { 0 };
	struct machine_strv files = { 0 };
	int r;

	if (moddep_parse(in->dep, in->version, &dep) < 0 ||
	    moddep_closure(&dep, in->modules, in->nmodules, &files) < 0)
		r = err_nomem(err);
	else
		r = check_names(in, &dep, dir, &files, err);
	for (size_t i = 0; i < files.n && r >= 0; i++) {
		CLEANUP(mem_free) char *to = text_format("%s/%s", dir, files.v[i]);
		CLEANUP(mem_free) char *from = text_format("/lib/modules/%s/%s", in->version,
							   files.v[i]);

		if (!to || !from)
			r = err_nomem(err);
		/* What the image has already is the same file. */
		else if (!ramdisk_find(in->image, to))
			r = add(in, p, to, from, NULL, err);
	}
	machine_strv_done(&files);
	return r;
}

static int add_indexes(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
		       const char *dir, struct err *err)
{
	for (size_t i = 0; in->indexes[i]; i++) {
		const char *name = in->indexes[i];
		CLEANUP(mem_free) char *to = NULL, *from = NULL;
		bool always = strcmp(name, "modules.dep.bin") == 0 ||
			      strcmp(name, "modules.alias.bin") == 0;
		int r;

		if (strncmp(name, "modules.", 8) != 0)
			continue;
		to = text_format("%s/%s", dir, name);
		from = text_format("/lib/modules/%s/%s", in->version, name);
		if (!to || !from)
			return err_nomem(err);
		if (!always && !ramdisk_find(in->image, to))
			continue;
		r = add(in, p, to, from, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_conf_modules(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
			    struct err *err)
{
	const struct ramdisk_file *old = ramdisk_kept(in->image, "conf/modules");
	CLEANUP(mem_free) char *to = NULL;
	int r;

	if (!old && ramdisk_find(in->image, "conf/modules"))
		return err_set(err, ENOTSUP, "its conf/modules is too large");
	r = modlist_add(old ? old->data : "", in->modules, in->nmodules, &to);
	if (r < 0)
		return err_nomem(err);
	return r ? add(in, p, "conf/modules", NULL, to, err) : 0;
}

/* For a systemd in the image. */
static int add_modules_load(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
			    struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	if (!ramdisk_has_base(in->image, "systemd-modules-load"))
		return 0;
	for (size_t i = 0; i < in->nmodules; i++)
		strbuf_addf(&b, "%s\n", in->modules[i]);
	if (b.failed)
		return err_nomem(err);
	return add(in, p, "etc/modules-load.d/zz-p2v.conf", NULL, b.s, err);
}

static int add_dracut(const struct ramdisk_plan_input *in, struct ramdisk_plan *p, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	int r;

	for (size_t i = 0; i < in->nmodules; i++)
		strbuf_addf(&b, "%srd.driver.pre=%s", i ? " " : "", in->modules[i]);
	strbuf_add(&b, "\n");
	if (b.failed)
		return err_nomem(err);
	r = add(in, p, "etc/cmdline.d/99-p2v.conf", NULL, b.s, err);
	return r < 0 ? r : add_modules_load(in, p, err);
}

/* The file is read by a shell; a later line adds to what an earlier one set. */
static int add_config(const struct ramdisk_plan_input *in, struct ramdisk_plan *p, struct err *err)
{
	const struct ramdisk_file *old = ramdisk_kept(in->image, "config");
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	int r = 0;

	if (old && !strstr(old->data, "# p2v")) {
		strbuf_addf(&b, "%s%s", old->data,
			    old->len && old->data[old->len - 1] != '\n' ? "\n" : "");
		strbuf_add(&b, "# p2v: drivers for virtual disks\nMODULES=\"${MODULES}");
		for (size_t i = 0; i < in->nmodules; i++)
			strbuf_addf(&b, " %s", in->modules[i]);
		strbuf_add(&b, "\"\n");
		if (b.failed)
			return err_nomem(err);
		r = add(in, p, "config", NULL, b.s, err);
	}
	return r < 0 ? r : add_modules_load(in, p, err);
}

static int add_loading(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
		       struct err *err)
{
	enum ramdisk_kind kind = ramdisk_kind(in->image);

	switch (kind) {
	case RAMDISK_INITRAMFS_TOOLS:
		return add_conf_modules(in, p, err);
	case RAMDISK_DRACUT:
		return add_dracut(in, p, err);
	case RAMDISK_MKINITCPIO:
		return add_config(in, p, err);
	default:
		break;
	}
	if (ramdisk_loads_by_alias(in->image))
		return 0;
	return err_set(err, ENOTSUP,
		       "it was made by %s, and nothing in it would load what is appended",
		       ramdisk_kind_name(kind));
}

/* Where a file of the guest stands in the image; NULL: nowhere. malloc'd. */
static char *place_of(const struct ramdisk *image, const char *path, bool *ret_failed)
{
	static const char *const roots[] = { "etc/udev/rules.d/", "usr/lib/udev/rules.d/",
					     "lib/udev/rules.d/" };
	static const char tools[] = "/etc/initramfs-tools/";
	const char *base = strrchr(path, '/') + 1;
	char *to = NULL;

	*ret_failed = false;
	if (strncmp(path, tools, sizeof(tools) - 1) == 0)
		to = text_format("conf/%s", path + sizeof(tools) - 1);
	else if (strncmp(path, "/etc/udev/rules.d/", 18) == 0)
		for (size_t i = 0; i < ARRAY_SIZE(roots) && !to; i++) {
			to = text_format("%s%s", roots[i], base);
			if (to && !ramdisk_find(image, to)) {
				free(to);
				to = NULL;
			}
		}
	else
		to = strdup(path + 1);
	if (!to && strncmp(path, "/etc/udev/rules.d/", 18) != 0)
		*ret_failed = true;
	return to;
}

static bool is_link(const char *path)
{
	size_t n = strlen(path);

	return strncmp(path, "/etc/systemd/network/", 21) == 0 && n > 5 &&
	       strcmp(path + n - 5, ".link") == 0;
}

static int add_changed(const struct ramdisk_plan_input *in, struct ramdisk_plan *p,
		       const char *path, struct err *err)
{
	CLEANUP(mem_free) char *to = NULL;
	bool failed;

	/* Settings of the tool itself; its list of modules is made by add_loading(). */
	if (path[0] != '/' || strncmp(path, "/etc/dracut", 11) == 0 ||
	    strcmp(path, "/etc/initramfs-tools/modules") == 0 ||
	    strcmp(path, "/etc/initramfs-tools/conf.d/zz-p2v") == 0)
		return 0;
	to = place_of(in->image, path, &failed);
	if (failed)
		return err_nomem(err);
	if (to && (ramdisk_find(in->image, to) || strncmp(to, "conf/conf.d/", 12) == 0 ||
		   (is_link(path) && ramdisk_has_base(in->image, "80-net-setup-link.rules"))))
		return add(in, p, to, path, NULL, err);
	/* An image without udev's rule for names has no use for them. */
	if (is_link(path))
		return 0;
	return machine_strv_add(&p->unplaced, path) < 0 ? err_nomem(err) : 0;
}

int ramdisk_plan_make(const struct ramdisk_plan_input *in, struct ramdisk_plan *ret,
		      struct err *err)
{
	CLEANUP(ramdisk_plan_done) struct ramdisk_plan p = { 0 };
	CLEANUP(mem_free) char *dir = ramdisk_module_dir(in->image, in->version);
	int r = 0;

	if (in->image->nested)
		return err_set(err, ENOTSUP, "its files are in an image inside it");
	if (!ramdisk_plan_follows(in->image->last, in->version))
		return err_set(err, ENOTSUP, "kernel %s does not read what follows %s",
			       in->version, ramdisk_pack_name(in->image->last));
	if (in->nmodules) {
		if (!dir)
			return err_set(err, ENOTSUP, "it has no folder for modules of kernel %s",
				       in->version);
		r = add_modules(in, &p, dir, err);
		if (r >= 0)
			r = add_indexes(in, &p, dir, err);
		if (r >= 0)
			r = add_loading(in, &p, err);
	}
	for (size_t i = 0; i < in->nchanged && r >= 0; i++)
		r = add_changed(in, &p, in->changed[i], err);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct ramdisk_plan){ 0 };
	return 0;
}

/* lz4: before 5.11 zeroes behind it were taken for more of it. */
bool ramdisk_plan_follows(enum ramdisk_pack pack, const char *version)
{
	unsigned int major, minor;

	if (pack == RAMDISK_PACK_LZO)
		return false;
	if (pack != RAMDISK_PACK_LZ4)
		return true;
	return kernels_version_parse(version, &major, &minor) &&
	       (major > 5 || (major == 5 && minor >= 11));
}
