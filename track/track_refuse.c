/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See track_refuse.h. First all devices that lie on the disk are found: its partitions, and who
 * holds any of them; then each question is asked of all of these.
 */
#include "track/track_refuse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"

#define FAMILY_MAX	512u	/* devices on one disk; more are not looked at */
#define NAME_LEN	64u

struct family {
	char v[FAMILY_MAX][NAME_LEN];
	size_t n;
};

void track_refusals_done(struct track_refusals *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].what);
		free(r->v[i].way);
	}
	free(r->v);
	*r = (struct track_refusals){ 0 };
}

/* Takes both texts. */
static int add(struct track_refusals *r, const char *id, bool refuse, char *what, char *way)
{
	struct track_refusal *v = what && way ? realloc(r->v, (r->n + 1) * sizeof(*v)) : NULL;

	if (!v) {
		free(what);
		free(way);
		return -ENOMEM;
	}
	r->v = v;
	r->v[r->n++] = (struct track_refusal){ id, refuse, what, way };
	return 0;
}

static bool in_family(const struct family *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i], name) == 0)
			return true;
	return false;
}

static void join(struct family *f, const char *name)
{
	if (f->n < FAMILY_MAX && strlen(name) < NAME_LEN && !in_family(f, name))
		snprintf(f->v[f->n++], NAME_LEN, "%s", name);
}

static bool starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* Partitions and holders of each, holders' holders too: the list grows while it is walked. */
static void find_family(const struct sysroot *root, const char *name, struct family *f)
{
	join(f, name);
	for (size_t i = 0; i < f->n; i++) {
		CLEANUP(strv_free) char **parts = NULL;
		CLEANUP(strv_free) char **holders = NULL;

		if (sysroot_list(root, &parts, "/sys/class/block/%s", f->v[i]) == 0)
			for (char **p = parts; *p; p++)
				if (sysroot_exists(root, "/sys/class/block/%s/%s/partition", f->v[i],
						   *p))
					join(f, *p);
		if (sysroot_list(root, &holders, "/sys/class/block/%s/holders", f->v[i]) == 0)
			for (char **p = holders; *p; p++)
				join(f, *p);
	}
}

static int look_at_caches(const struct sysroot *root, const struct family *f,
			  struct track_refusals *ret)
{
	int r = 0;

	for (size_t i = 0; i < f->n && r == 0; i++) {
		CLEANUP(mem_free) char *mode = NULL;
		CLEANUP(mem_free) char *dm = NULL;
		const char *n = f->v[i];

		if (sysroot_read_line(root, &mode, "/sys/class/block/%s/bcache/cache_mode", n) == 0 &&
		    strstr(mode, "[writeback]"))
			r = add(ret, "write-back", true,
				text_format("%s is behind a bcache that writes back.", n),
				text_format("Set its cache_mode to writethrough and wait until its "
					    "state is clean, or convert the bcache device."));
		/* LVM names the origin of a cached volume so; its mode is known to LVM only. */
		if (r == 0 &&
		    sysroot_read_line(root, &dm, "/sys/class/block/%s/dm/name", n) == 0 &&
		    (strstr(dm, "_corig") || strstr(dm, "_wcorig")))
			r = add(ret, "write-back", true,
				text_format("%s is behind a cache of LVM, which may write back.", dm),
				text_format("Take the cache off (lvconvert --splitcache), or convert "
					    "the volume instead of the disk."));
	}
	return r;
}

static int look_at_paths(const struct sysroot *root, const struct family *f,
			 struct track_refusals *ret)
{
	for (size_t i = 1; i < f->n; i++) {
		CLEANUP(mem_free) char *uuid = NULL;

		if (sysroot_read_line(root, &uuid, "/sys/class/block/%s/dm/uuid", f->v[i]) < 0 ||
		    !starts_with(uuid, "mpath-"))
			continue;
		return add(ret, "path", true,
			   text_format("%s is one of several paths to %s.", f->v[0], f->v[i]),
			   text_format("Name %s instead.", f->v[i]));
	}
	return 0;
}

static bool has_dax_option(const char *options)
{
	for (const char *p = options; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (starts_with(p, "dax") && (p[3] == '\0' || p[3] == ',' || p[3] == '=') &&
		    !starts_with(p, "dax=never") && !starts_with(p, "dax=inode"))
			return true;
		if (!*p)
			break;
	}
	return false;
}

/* The name in /sys of a mount's source; dm devices are mounted by a link. */
static bool mounted_here(const struct sysroot *root, const struct family *f, const char *source)
{
	CLEANUP(mem_free) char *real = NULL;
	const char *slash;

	if (!starts_with(source, "/dev/"))
		return false;
	if (sysroot_realpath(root, &real, "%s", source) == 0)
		source = real;
	slash = strrchr(source, '/');
	return in_family(f, slash + 1);
}

static int look_at_dax(const struct sysroot *root, const struct family *f,
		       struct track_refusals *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	uint64_t dax = 0;
	int r = 0;

	if (sysroot_read_u64(root, &dax, "/sys/class/block/%s/queue/dax", f->v[0]) == 0 && dax != 0)
		r = add(ret, "pmem", true,
			text_format("%s is memory that programs can map and write directly.",
				    f->v[0]),
			text_format("Convert it while it is not in use."));
	if (r < 0 || sysroot_read(root, &text, NULL, "/proc/self/mounts") < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char source[256], target[1024], options[1024], shown[256];

		if (sscanf(line, "%255s %1023s %*s %1023s", source, target, options) != 3 ||
		    !has_dax_option(options) || !mounted_here(root, f, source))
			continue;
		r = add(ret, "dax", true,
			text_format("%s is mounted with DAX: its writes cannot be tracked.",
				    text_escape_str(target, shown, sizeof(shown))),
			text_format("Mount it without dax, or convert it while it is not in use."));
	}
	return r;
}

static int look_at_disk(const struct sysroot *root, const char *name, struct track_refusals *ret)
{
	CLEANUP(mem_free) char *zoned = NULL;
	uint64_t on = 1;
	int r = 0;

	if (sysroot_read_line(root, &zoned, "/sys/block/%s/queue/zoned", name) == 0 &&
	    strcmp(zoned, "none") != 0)
		r = add(ret, "zoned", true, text_format("%s is a zoned disk.", name),
			text_format("Convert it while it is not in use."));
	if (r == 0 && sysroot_exists(root, "/sys/block/%s/loop/backing_file", name))
		r = add(ret, "file", false,
			text_format("%s is a file: writes to the file itself are not seen.", name),
			text_format("Convert the disk that the file lies on, or keep other programs "
				    "from the file."));
	if (r == 0 && sysroot_read_u64(root, &on, "/sys/block/%s/queue/iostats", name) == 0 &&
	    on == 0)
		r = add(ret, "no-count", false,
			text_format("The kernel does not count what is written to %s.", name),
			text_format("echo 1 >/sys/block/%s/queue/iostats", name));
	return r;
}

/* ---- programs that have a device open for writing */

static bool writes(const struct sysroot *root, const char *pid, const char *fd)
{
	CLEANUP(mem_free) char *text = NULL;
	const char *p;
	unsigned int flags;

	if (sysroot_read(root, &text, NULL, "/proc/%s/fdinfo/%s", pid, fd) < 0)
		return false;
	p = strstr(text, "flags:");
	return p && sscanf(p, "flags: %o", &flags) == 1 && (flags & 3) != 0;
}

static int look_at_process(const struct sysroot *root, const char *pid, const struct family *f,
			   struct track_refusals *ret)
{
	CLEANUP(strv_free) char **fds = NULL;

	if (sysroot_list(root, &fds, "/proc/%s/fd", pid) < 0)
		return 0;
	for (char **p = fds; *p; p++) {
		CLEANUP(mem_free) char *to = NULL;
		CLEANUP(mem_free) char *comm = NULL;
		char shown[64];

		if (sysroot_readlink(root, &to, "/proc/%s/fd/%s", pid, *p) < 0 ||
		    !starts_with(to, "/dev/") || !in_family(f, strrchr(to, '/') + 1) ||
		    !writes(root, pid, *p))
			continue;
		if (sysroot_read_line(root, &comm, "/proc/%s/comm", pid) < 0)
			comm = strdup("a program");
		/* One line for a program is enough. */
		return add(ret, "raw-writer", false,
			   text_format("%s (process %s) writes to %s itself; freezing filesystems "
				       "does not stop it.",
				       text_escape_str(comm ? comm : "?", shown, sizeof(shown)), pid,
				       strrchr(to, '/') + 1),
			   text_format("Stop it before the cutover, or let a hook of the freeze do "
				       "so."));
	}
	return 0;
}

static int look_at_writers(const struct sysroot *root, const struct family *f,
			   struct track_refusals *ret)
{
	CLEANUP(strv_free) char **pids = NULL;
	int r = 0;

	if (sysroot_list(root, &pids, "/proc") < 0)
		return 0;
	for (char **p = pids; *p && r == 0; p++)
		if (isdigit((unsigned char)**p))
			r = look_at_process(root, *p, f, ret);
	return r;
}

int track_refuse(const struct sysroot *root, const char *name, struct track_refusals *ret,
		 struct err *err)
{
	CLEANUP(mem_free) struct family *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_nomem(err);
	find_family(root, name, f);
	r = look_at_dax(root, f, ret);
	if (r == 0)
		r = look_at_caches(root, f, ret);
	if (r == 0)
		r = look_at_paths(root, f, ret);
	if (r == 0)
		r = look_at_disk(root, name, ret);
	if (r == 0)
		r = look_at_writers(root, f, ret);
	return r < 0 ? err_nomem(err) : 0;
}

/* ---- which disks there are */

static bool is_real(const struct sysroot *root, const char *name)
{
	uint64_t sectors = 0, hidden = 0;

	(void)sysroot_read_u64(root, &hidden, "/sys/block/%s/hidden", name);
	return hidden == 0 && !starts_with(name, "sr") && !starts_with(name, "fd") &&
	       sysroot_exists(root, "/sys/block/%s/device", name) &&
	       sysroot_read_u64(root, &sectors, "/sys/block/%s/size", name) == 0 && sectors > 0;
}

/* The map that this disk is a path of. */
static bool find_map(const struct sysroot *root, const char *name, char map[static NAME_LEN])
{
	CLEANUP(strv_free) char **holders = NULL;

	if (sysroot_list(root, &holders, "/sys/block/%s/holders", name) < 0)
		return false;
	for (char **p = holders; *p; p++) {
		CLEANUP(mem_free) char *uuid = NULL;

		if (sysroot_read_line(root, &uuid, "/sys/block/%s/dm/uuid", *p) == 0 &&
		    starts_with(uuid, "mpath-") && strlen(*p) < NAME_LEN) {
			snprintf(map, NAME_LEN, "%s", *p);
			return true;
		}
	}
	return false;
}

int track_refuse_pick(const struct sysroot *root, char ***ret, struct err *err)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(strv_free) char **out = NULL;
	size_t n = 0, all = 0;
	int r = sysroot_list(root, &names, "/sys/block");

	if (r < 0)
		return err_code(err, r, "cannot list /sys/block");
	while (names[all])
		all++;
	out = calloc(all + 1, sizeof(*out));
	if (!out)
		return err_nomem(err);
	for (size_t i = 0; i < all; i++) {
		const char *name = names[i];
		char map[NAME_LEN];
		bool have = false;

		if (!is_real(root, name))
			continue;
		if (find_map(root, name, map))
			name = map;
		for (size_t k = 0; k < n; k++)
			have = have || strcmp(out[k], name) == 0;
		if (have)
			continue;
		out[n] = strdup(name);
		if (!out[n++])
			return err_nomem(err);
	}
	*ret = TAKE_PTR(out);
	return 0;
}
