/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See bpf_objects.h. */
#include "track/bpf_objects.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "track/bpf_code.h"

#define PAIRS_MAX	65536u	/* bios in flight */
#define NAME_MAX_LEN	32

enum kind { META, MARKS, COUNTERS, PAIRS, PROG, LINK, KINDS };

static const struct {
	const char *name;
	unsigned int n;
	bool numbered;
} kinds[KINDS] = {
	[META] = { "meta", 1, false },
	[MARKS] = { "marks", 1, false },
	[COUNTERS] = { "counters", 1, false },
	[PAIRS] = { "pairs", TRACK_COPIES, true },
	[PROG] = { "prog", TRACK_SLOTS, true },
	[LINK] = { "link", TRACK_SLOTS, true },
};

static int *fd_of(const struct bpf_objects *o, enum kind k, unsigned int i)
{
	struct bpf_objects *w = (struct bpf_objects *)o;
	int *const all[KINDS] = { &w->meta, &w->marks, &w->counters, w->pairs, w->prog, w->link };

	return all[k] + i;
}

static const char *pin_path(const struct bpf_objects *o, enum kind k, unsigned int i, char *buf,
			    size_t size)
{
	if (kinds[k].numbered)
		snprintf(buf, size, "%s/%s-%u", o->dir, kinds[k].name, i);
	else
		snprintf(buf, size, "%s/%s", o->dir, kinds[k].name);
	return buf;
}

#define FOR_EACH(k, i) \
	for (enum kind k = META; k < KINDS; k++) \
		for (unsigned int i = 0; i < kinds[k].n; i++)

int bpf_objects_new(const char *run_dir, struct bpf_objects **ret, struct err *err)
{
	CLEANUP(bpf_objects_free) struct bpf_objects *o = calloc(1, sizeof(*o));

	if (!o)
		return err_nomem(err);
	FOR_EACH(k, i)
		*fd_of(o, k, i) = -1;
	o->dir = text_format("%s/bpf", run_dir);
	if (!o->dir)
		return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}

void bpf_objects_free(struct bpf_objects *o)
{
	if (!o)
		return;
	if (o->meta_map)
		munmap(o->meta_map, sizeof(*o->meta_map));
	if (o->marks_map)
		munmap(o->marks_map, o->marks_len);
	if (o->counters_map)
		munmap(o->counters_map, o->counters_len);
	FOR_EACH(k, i)
		fd_close(*fd_of(o, k, i));
	free(o->dir);
	free(o);
}

static bool on_bpffs(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && (uint32_t)fs.f_type == BPF_FS_MAGIC;
}

int bpf_objects_mount(struct bpf_objects *o, struct err *err)
{
	int r = fdio_mkdir_p(o->dir, 0700, err);

	if (r < 0 || on_bpffs(o->dir))
		return r;
	if (mount("p2v-track", o->dir, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0)
		return err_errno(err, "cannot mount a bpf filesystem on %s", o->dir);
	return 0;
}

/* ---- maps */

static int create(enum bpf_map_type type, const char *name, uint32_t key, uint32_t value,
		  uint32_t n, uint32_t flags, int *ret, struct err *err)
{
	struct bpf_map_create_opts opts = { .sz = sizeof(opts), .map_flags = flags };

	*ret = bpf_map_create(type, name, key, value, n, &opts);
	if (*ret < 0)
		return err_code(err, *ret, "cannot create a BPF map of %u x %u bytes", n, value);
	return 0;
}

static int map_memory(int fd, size_t len, void **ret, struct err *err)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_errno(err, "cannot map %zu bytes of a BPF map", len);
	*ret = p;
	return 0;
}

static int map_all(struct bpf_objects *o, struct err *err)
{
	void *p = NULL;
	int r = map_memory(o->meta, sizeof(*o->meta_map), &p, err);

	if (r == 0) {
		o->meta_map = p;
		r = map_memory(o->marks, o->marks_len, &p, err);
	}
	if (r == 0) {
		o->marks_map = p;
		r = map_memory(o->counters, o->counters_len, &p, err);
	}
	if (r == 0)
		o->counters_map = p;
	return r;
}

int bpf_objects_create(struct bpf_objects *o, uint64_t nwords, size_t n, bool pairs,
		       struct err *err)
{
	int r;

	o->marks_len = nwords * sizeof(uint64_t);
	o->counters_len = n * TRACK_SLOTS * sizeof(struct track_counters);
	r = create(BPF_MAP_TYPE_ARRAY, "p2v_meta", 4, sizeof(struct track_meta), 1,
		   BPF_F_MMAPABLE, &o->meta, err);
	if (r == 0)
		r = create(BPF_MAP_TYPE_ARRAY, "p2v_marks", 4, 8, (uint32_t)nwords, BPF_F_MMAPABLE,
			   &o->marks, err);
	/* One value, so that programs know the place of each counter. */
	if (r == 0)
		r = create(BPF_MAP_TYPE_ARRAY, "p2v_counters", 4, (uint32_t)o->counters_len, 1,
			   BPF_F_MMAPABLE, &o->counters, err);
	for (unsigned int i = 0; r == 0 && pairs && i < TRACK_COPIES; i++)
		r = create(BPF_MAP_TYPE_HASH, "p2v_pairs", 8, sizeof(struct bpf_pair), PAIRS_MAX, 0,
			   &o->pairs[i], err);
	return r < 0 ? r : map_all(o, err);
}

/* ---- pins */

int bpf_objects_pin(struct bpf_objects *o, struct err *err)
{
	char path[PATH_MAX];

	o->pins = true;
	/* Meta last: without it there is nothing to take up. */
	for (int k = LINK; k >= META; k--) {
		for (unsigned int i = 0; i < kinds[k].n; i++) {
			int fd = *fd_of(o, (enum kind)k, i), r;

			if (fd < 0)
				continue;
			pin_path(o, (enum kind)k, i, path, sizeof(path));
			r = bpf_obj_pin(fd, path);
			if (r < 0)
				return err_code(err, r, "cannot pin %s", path);
		}
	}
	return 0;
}

uint32_t bpf_objects_prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

static bool map_info(int fd, struct bpf_map_info *ret)
{
	uint32_t len = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return fd >= 0 && bpf_obj_get_info_by_fd(fd, ret, &len) == 0;
}

static int check_maps(struct bpf_objects *o, struct err *err)
{
	struct bpf_map_info meta, marks, counters;

	if (!map_info(o->meta, &meta) || !map_info(o->marks, &marks) ||
	    !map_info(o->counters, &counters))
		return err_set(err, ESTALE, "a map of the tracker is gone");
	if (meta.type != BPF_MAP_TYPE_ARRAY || meta.value_size != sizeof(struct track_meta) ||
	    marks.type != BPF_MAP_TYPE_ARRAY || marks.value_size != 8 ||
	    counters.type != BPF_MAP_TYPE_ARRAY || !(meta.map_flags & BPF_F_MMAPABLE) ||
	    !(marks.map_flags & BPF_F_MMAPABLE) || !(counters.map_flags & BPF_F_MMAPABLE))
		return err_set(err, ESTALE, "the maps of the tracker are not as expected");
	o->marks_len = (size_t)marks.max_entries * 8;
	o->counters_len = counters.value_size;
	return 0;
}

int bpf_objects_open(struct bpf_objects *o, struct err *err)
{
	char path[PATH_MAX];
	size_t found = 0;
	int r;

	o->pins = true;
	if (!on_bpffs(o->dir))
		return err_set(err, ENOENT, "there is no tracker in %s", o->dir);
	FOR_EACH(k, i) {
		int fd = bpf_obj_get(pin_path(o, k, i, path, sizeof(path)));

		*fd_of(o, k, i) = fd < 0 ? -1 : fd;
		found += fd >= 0;
	}
	if (found == 0)
		return err_set(err, ENOENT, "there is no tracker in %s", o->dir);
	r = check_maps(o, err);
	if (r == 0)
		r = map_all(o, err);
	if (r < 0)
		return r;
	if (o->counters_len != (size_t)o->meta_map->n * TRACK_SLOTS * sizeof(struct track_counters))
		return err_set(err, ESTALE, "the maps of the tracker are not as expected");
	if (!bpf_objects_whole(o))
		return err_set(err, ESTALE, "a program of the tracker, or what attaches it, is gone");
	return 0;
}

static bool pinned(const struct bpf_objects *o, enum kind k, unsigned int i)
{
	char path[PATH_MAX];

	return !o->pins || access(pin_path(o, k, i, path, sizeof(path)), F_OK) == 0;
}

bool bpf_objects_whole(const struct bpf_objects *o)
{
	bool any = false;

	for (unsigned int i = 0; i < TRACK_SLOTS; i++) {
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info), id = o->meta_map->prog_id[i];

		if (id == 0)
			continue;
		any = true;
		if (o->link[i] < 0 || bpf_obj_get_info_by_fd(o->link[i], &info, &len) < 0 ||
		    info.prog_id != id || bpf_objects_prog_id(o->prog[i]) != id ||
		    !pinned(o, LINK, i) || !pinned(o, PROG, i))
			return false;
	}
	return any && pinned(o, META, 0) && pinned(o, MARKS, 0) && pinned(o, COUNTERS, 0);
}

uint64_t bpf_objects_misses(const struct bpf_objects *o)
{
	uint64_t misses = 0;

	for (unsigned int i = 0; i < TRACK_SLOTS; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		if (o->prog[i] >= 0 && bpf_obj_get_info_by_fd(o->prog[i], &info, &len) == 0)
			misses += info.recursion_misses;
	}
	return misses;
}

void bpf_objects_remove(struct bpf_objects *o)
{
	char path[PATH_MAX];

	if (on_bpffs(o->dir)) {
		FOR_EACH(k, i)
			unlink(pin_path(o, k, i, path, sizeof(path)));
		/* Somebody else's pins keep it: rmdir of what is not empty, umount of what is used. */
		umount2(o->dir, UMOUNT_NOFOLLOW);
	}
	rmdir(o->dir);
}
