/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-drivers": from a collection of virtio drivers, those made for this very Windows are
 * put into it.
 *
 * Those for disks must work before anything can be installed: their files, services and device ids
 * are written offline (windows_install.c), for both buses, so that the machine boots from either.
 * All packages go to %SystemRoot%\p2v\drivers, from where the first boot installs them properly.
 */
#include "postfix/windows/windows_drivers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/windows/windows_install.h"
#include "postfix/windows/winver.h"

const char *windows_arch_name(enum windows_arch arch)
{
	static const char *const names[] = {
		[WINDOWS_X86] = "x86", [WINDOWS_AMD64] = "amd64", [WINDOWS_ARM64] = "arm64",
	};

	return names[arch];
}

/* ---- choosing ---- */

struct choice {				/* the INF of one driver */
	const struct tables_row *row;
	size_t file;			/* in the collection; SIZE_MAX: none */
	size_t rank;			/* of its folder: 0 is made for this Windows */
};

/* How good a path is for this Windows: the rank of a folder's name, if the processor fits. */
static size_t rank_of(const char *path, const struct winver *ver, const char *arch)
{
	size_t rank = WINVER_FOLDERS;
	bool fits = false;

	while (*path) {
		size_t n = strcspn(path, "/");
		char part[32];

		if (n < sizeof(part) && path[n]) {
			const char *a;

			memcpy(part, path, n);
			part[n] = '\0';
			a = winver_arch(part);
			fits = fits || (a && strcmp(a, arch) == 0);
			rank = MIN(rank, winver_rank(ver, part));
		}
		path += n + (path[n] != '\0');
	}
	return fits ? rank : WINVER_FOLDERS;
}

/* The name of a file without folder and ".inf"; false when it is no INF. */
static bool stem_of(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strlen(name);

	if (n < 5 || strcasecmp(name + n - 4, ".inf") != 0 || n - 4 >= size)
		return false;
	memcpy(buf, name, n - 4);
	buf[n - 4] = '\0';
	return true;
}

static void choose(const struct virtio_win *v, const struct winver *ver, const char *arch,
		   struct choice *choices)
{
	for (size_t k = 0; k < tables_windows_drivers_count; k++)
		choices[k] = (struct choice){ &tables_windows_drivers[k], SIZE_MAX,
					      WINVER_FOLDERS };
	for (size_t i = 0; i < v->n; i++) {
		char stem[64];
		size_t rank;

		if (!stem_of(v->files[i].path, stem, sizeof(stem)))
			continue;
		rank = rank_of(v->files[i].path, ver, arch);
		for (size_t k = 0; k < tables_windows_drivers_count; k++)
			if (strcasecmp(choices[k].row->pattern, stem) == 0 &&
			    rank < choices[k].rank) {
				choices[k].file = i;
				choices[k].rank = rank;
			}
	}
}

/* ---- packages ---- */

static int parse(const struct windows *w, const struct virtio_win *v, size_t file,
		 struct inf_driver **ret, struct err *err)
{
	CLEANUP(inf_free) struct inf *inf = NULL;
	struct inf_target target = {
		.arch = windows_arch_name(w->arch), .major = w->major, .minor = w->minor,
		.build = w->build, .server = w->server,
	};
	const void *data;
	size_t len;
	char safe[200];
	int r;

	data = virtio_win_data(v, file, &len);
	if (!data)
		return err_set(err, EIO, "%s is gone",
			       text_escape_str(v->files[file].path, safe, sizeof(safe)));
	r = inf_parse(data, len, &inf, err);
	if (r >= 0)
		r = inf_driver(inf, &target, ret, err);
	if (r < 0 && r != -ENOMEM)
		err_prefix(err, "%s", text_escape_str(v->files[file].path, safe, sizeof(safe)));
	return r;
}

struct package {
	struct choice choice;
	struct inf_driver *driver;	/* NULL: not usable */
};

static void packages_free(struct package *p)
{
	for (size_t i = 0; p && i < tables_windows_drivers_count; i++)
		inf_driver_free(p[i].driver);
	free(p);
}
DEFINE_CLEANUP(struct package *, packages_free)

static bool is_storage(const struct package *p)
{
	return strcmp(p->choice.row->group, "storage") == 0;
}

/* Read the INFs, then mark all their files. What cannot be used is said, and left out. */
static int read_packages(struct fixer *f, struct virtio_win *v, const struct winver *ver,
			 struct package *p, struct err *err)
{
	struct windows *w = f->windows;
	int r;

	for (size_t k = 0; k < tables_windows_drivers_count; k++)
		if (p[k].choice.file != SIZE_MAX)
			virtio_win_want(v, p[k].choice.file);
	r = virtio_win_load(v, err);
	for (size_t k = 0; k < tables_windows_drivers_count && r >= 0; k++) {
		const char *name = p[k].choice.row->pattern;
		size_t file = p[k].choice.file;
		struct err e = ERR_INIT;

		if (file == SIZE_MAX)
			continue;
		r = parse(w, v, file, &p[k].driver, &e);
		if (r == -ENOMEM)
			return err_nomem(err);
		if (r < 0) {
			if (fixer_warn(f, "the driver %s is not used: %s", name, e.text) < 0)
				return err_nomem(err);
			r = 0;
			continue;
		}
		if (!p[k].driver->ndevices) {
			fixer_say(f, "%s: %s is not for %s", name, v->files[file].path, ver->name);
			inf_driver_free(p[k].driver);
			p[k].driver = NULL;
			continue;
		}
		if (p[k].choice.rank)
			fixer_say(f, "%s: none is made for %s, the one for %s is used", name,
				  ver->name, ver->folders[p[k].choice.rank]);
		for (size_t i = 0; i < p[k].driver->files.n; i++) {
			size_t at = virtio_win_beside(v, file, p[k].driver->files.v[i]);

			if (at != SIZE_MAX)
				virtio_win_want(v, at);
		}
	}
	return r < 0 ? r : virtio_win_load(v, err);
}

static int put_from(struct fixer *f, const struct virtio_win *v, size_t file, const char *folder,
		    struct err *err)
{
	const char *slash = strrchr(v->files[file].path, '/');
	CLEANUP(mem_free) char *path = text_format("%s/%s", folder,
						   slash ? slash + 1 : v->files[file].path);
	const void *data;
	size_t len;

	if (!path)
		return err_nomem(err);
	data = virtio_win_data(v, file, &len);
	if (!data)
		return err_set(err, EIO, "%s: a file is gone", v->path);
	return windows_put(f->windows, path, data, len, err);
}

static int put_package(struct fixer *f, const struct virtio_win *v, const struct package *p,
		       const char *drivers, struct err *err)
{
	CLEANUP(mem_free) char *folder = text_format("%s/%s", drivers, p->choice.row->pattern);
	int r = folder ? put_from(f, v, p->choice.file, folder, err) : err_nomem(err);

	for (size_t i = 0; i < p->driver->files.n && r >= 0; i++) {
		size_t at = virtio_win_beside(v, p->choice.file, p->driver->files.v[i]);

		if (at == SIZE_MAX)
			fixer_say(f, "%s: its file %s is missing", p->choice.row->pattern,
				  p->driver->files.v[i]);
		else
			r = put_from(f, v, at, folder, err);
	}
	return r;
}

static bool drives(const struct inf_driver *d, const char *id)
{
	for (size_t i = 0; i < d->ndevices; i++)
		if (strncmp(d->devices[i].id, id, strlen(id)) == 0)
			return true;
	return false;
}

/* What the domain may have, and whether as devices of virtio 1.0. */
static void note(struct windows *w, const struct package *p, bool *ret_modern)
{
	static const struct {
		const char *name, *modern;
		size_t flag;
	} known[] = {
		{ "viostor", "PCI\\VEN_1AF4&DEV_1042", offsetof(struct windows, has_viostor) },
		{ "vioscsi", "PCI\\VEN_1AF4&DEV_1048", offsetof(struct windows, has_vioscsi) },
		{ "netkvm", "PCI\\VEN_1AF4&DEV_1041", offsetof(struct windows, has_netkvm) },
		{ "balloon", "PCI\\VEN_1AF4&DEV_1045", offsetof(struct windows, has_balloon) },
		{ "viorng", "PCI\\VEN_1AF4&DEV_1044", offsetof(struct windows, has_viorng) },
		{ "vioser", "PCI\\VEN_1AF4&DEV_1043", offsetof(struct windows, has_vioserial) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].name, p->choice.row->pattern) == 0) {
			*(bool *)((char *)w + known[i].flag) = true;
			*ret_modern = *ret_modern && drives(p->driver, known[i].modern);
		}
}

static int put_all(struct fixer *f, const struct virtio_win *v, const struct package *p,
		   const struct winver *ver, struct err *err)
{
	struct windows *w = f->windows;
	CLEANUP(mem_free) char *name = text_format("%s/p2v/drivers", w->root), *drivers = NULL;
	bool modern = true;
	size_t n = 0;
	int r = name ? windows_path(f, name, &drivers, err) : err_nomem(err);

	for (size_t k = 0; k < tables_windows_drivers_count && r >= 0; k++) {
		if (!p[k].driver) {
			if (is_storage(&p[k]) &&
			    fixer_warn(f, "there is no driver %s for %s (%s) in %s",
				       p[k].choice.row->pattern, ver->name,
				       windows_arch_name(w->arch), v->path) < 0)
				return err_nomem(err);
			continue;
		}
		if (is_storage(&p[k])) {
			r = windows_install_storage(f, v, p[k].choice.file, p[k].driver, err);
			if (r == 0)
				continue;
		}
		if (r >= 0)
			r = put_package(f, v, &p[k], drivers, err);
		if (r >= 0 && w->major < 6)
			r = windows_install_search(f, p[k].choice.row->pattern, err);
		note(w, &p[k], &modern);
		n++;
	}
	w->virtio_1_0 = n && modern;
	return r;
}

/* ---- the guest agent ---- */

static size_t find_agent(const struct virtio_win *v, enum windows_arch arch)
{
	static const char *const names[][2] = {
		[WINDOWS_X86] = { "qemu-ga-i386.msi", "qemu-ga-x86.msi" },
		[WINDOWS_AMD64] = { "qemu-ga-x86_64.msi", "qemu-ga-x64.msi" },
		[WINDOWS_ARM64] = { "qemu-ga-arm64.msi", "qemu-ga-aarch64.msi" },
	};

	for (size_t i = 0; i < v->n; i++) {
		const char *slash = strrchr(v->files[i].path, '/');
		const char *name = slash ? slash + 1 : v->files[i].path;

		if (strcasecmp(name, names[arch][0]) == 0 || strcasecmp(name, names[arch][1]) == 0)
			return i;
	}
	return SIZE_MAX;
}

static int put_agent(struct fixer *f, const struct virtio_win *v, size_t file, struct err *err)
{
	CLEANUP(mem_free) char *name = text_format("%s/p2v/packages", f->windows->root);
	CLEANUP(mem_free) char *folder = NULL;
	int r = name ? windows_path(f, name, &folder, err) : err_nomem(err);

	if (r >= 0)
		r = put_from(f, v, file, folder, err);
	f->windows->has_agent = r >= 0;
	return r;
}

int windows_drivers_detect(struct fixer *f, struct err *err)
{
	struct windows *w = f->windows;
	CLEANUP(virtio_win_free) struct virtio_win *v = NULL;
	CLEANUP(packages_free) struct package *p = NULL;
	const struct winver *ver = winver_find(w->major, w->minor, w->build, w->server);
	struct choice choices[64];
	size_t agent = SIZE_MAX;
	struct err e = ERR_INIT;
	int r;

	if (!ver) {
		fixer_say(f, "Windows %u.%u: there are no virtio drivers for it", w->major,
			  w->minor);
		return 0;
	}
	r = virtio_win_open(f->opt->virtio_win, &v, &e);
	if (r == -ENOENT && !f->opt->virtio_win && !v) {
		fixer_say(f, "%s", e.text);
		return fixer_warn(f, "no virtio drivers for Windows were found on this server: the "
				     "virtual machine gets emulated disks and network cards (see "
				     "--virtio-win)") < 0 ? err_nomem(err) : 0;
	}
	if (r < 0) {
		if (err)
			*err = e;
		return r;
	}
	p = calloc(tables_windows_drivers_count, sizeof(*p));
	if (!p)
		return err_nomem(err);
	choose(v, ver, windows_arch_name(w->arch), choices);
	for (size_t k = 0; k < tables_windows_drivers_count; k++)
		p[k].choice = choices[k];
	/* Older Windows has no MSI of the agent that would run. */
	if ((w->major > 6 || (w->major == 6 && w->minor >= 1)) &&
	    !windows_has_service(f, "QEMU-GA"))
		agent = find_agent(v, w->arch);
	if (agent != SIZE_MAX)
		virtio_win_want(v, agent);
	fixer_say(f, "drivers for %s (%s) from %s", ver->name, windows_arch_name(w->arch), v->path);
	r = read_packages(f, v, ver, p, err);
	if (r >= 0)
		r = put_all(f, v, p, ver, err);
	if (r >= 0 && agent != SIZE_MAX)
		r = put_agent(f, v, agent, err);
	return r < 0 ? r : windows_done(f);
}
