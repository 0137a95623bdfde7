/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/virtio_win.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/machine.h"

#define FILES_MAX	50000
#define FILE_MAX	((size_t)64 << 20)
#define LOAD_MAX	((size_t)256 << 20)
#define DEPTH_MAX	8

void virtio_win_free(struct virtio_win *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++) {
		free(v->files[i].path);
		free(v->files[i].data);
	}
	free(v->files);
	free(v->path);
	free(v);
}

static int add(struct virtio_win *v, const char *path)
{
	struct virtio_win_file *x;

	if (v->n >= FILES_MAX)
		return -EFBIG;
	x = machine_grow(&v->files, &v->n, sizeof(*v->files));
	if (!x)
		return -ENOMEM;
	x->same = SIZE_MAX;
	x->path = strdup(path);
	if (x->path)
		return 0;
	v->n--;
	return -ENOMEM;
}

static int by_path(const void *a, const void *b)
{
	const struct virtio_win_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

/* The file of that path; SIZE_MAX when there is none. */
static size_t find(const struct virtio_win *v, const char *path)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(v->files[mid].path, path);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SIZE_MAX;
}

/* ---- a folder ---- */

static int walk(struct virtio_win *v, int dirfd, const char *prefix, unsigned int depth)
{
	CLEANUP(dir_close) DIR *dir = fdopendir(dirfd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		close(dirfd);
		return -errno;
	}
	while (r >= 0 && (e = readdir(dir))) {
		CLEANUP(mem_free) char *path = text_format("%s%s%s", prefix, *prefix ? "/" : "",
							   e->d_name);
		struct stat st, link;
		int fd;

		if (!path)
			return -ENOMEM;
		if (e->d_name[0] == '.' || fstatat(dirfd, e->d_name, &st, 0) < 0 ||
		    fstatat(dirfd, e->d_name, &link, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			r = add(v, path);
		if (!S_ISDIR(link.st_mode) || depth >= DEPTH_MAX)
			continue;
		fd = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0)
			r = walk(v, fd, path, depth + 1);
	}
	return r;
}

static int load_folder(struct virtio_win *v, struct err *err)
{
	size_t total = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct virtio_win_file *x = &v->files[i];
		CLEANUP(mem_free) char *path = text_format("%s/%s", v->path, x->path);
		char *data = NULL;
		int r;

		total += x->len;
		if (!x->wanted || x->data)
			continue;
		if (!path)
			return err_nomem(err);
		r = fdio_read_file(path, FILE_MAX, &data, &x->len, err);
		if (r < 0)
			return r;
		x->data = data;
		total += x->len;
		if (total > LOAD_MAX)
			return err_set(err, EFBIG, "%s: drivers of too many bytes", v->path);
	}
	return 0;
}

/* ---- an ISO image ---- */

static void archive_done(struct archive *a)
{
	archive_read_free(a);
}
DEFINE_CLEANUP(struct archive *, archive_done)

static int iso_fail(const struct virtio_win *v, struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);
	char safe[200];

	return err_set(err, EIO, "cannot read %s: %s", v->path,
		       text_escape_str(why ? why : "unknown error", safe, sizeof(safe)));
}

static int iso_open(const struct virtio_win *v, struct archive **ret, struct err *err)
{
	CLEANUP(archive_done) struct archive *a = archive_read_new();

	if (!a)
		return err_nomem(err);
	if (archive_read_support_format_iso9660(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, v->path, 65536) != ARCHIVE_OK)
		return iso_fail(v, a, err);
	*ret = TAKE_PTR(a);
	return 0;
}

/* 1 an entry, 0 the end, -errno. */
static int iso_next(const struct virtio_win *v, struct archive *a, struct archive_entry **ret,
		    struct err *err)
{
	int r;

	do
		r = archive_read_next_header(a, ret);
	while (r == ARCHIVE_RETRY);
	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 1 : iso_fail(v, a, err);
}

/* libarchive calls a file a hard link when another one has the same bytes on the disk. */
struct link {
	char *path, *target;
};

static int list_iso(struct virtio_win *v, struct link **links, size_t *nlinks, struct err *err)
{
	CLEANUP(archive_done) struct archive *a = NULL;
	struct archive_entry *e;
	int r = iso_open(v, &a, err);

	while (r >= 0 && (r = iso_next(v, a, &e, err)) > 0) {
		const char *path = archive_entry_pathname(e), *to = archive_entry_hardlink(e);
		struct link *l;

		if (!path || (!to && archive_entry_filetype(e) != AE_IFREG))
			continue;
		r = add(v, path);
		if (r >= 0 && to) {
			l = machine_grow(links, nlinks, sizeof(**links));
			if (!l)
				return err_nomem(err);
			l->path = strdup(path);
			l->target = strdup(to);
			if (!l->path || !l->target)
				return err_nomem(err);
		}
		if (r < 0)
			return r == -ENOMEM ? err_nomem(err)
					    : err_set(err, -r, "%s has too many files", v->path);
	}
	return r;
}

static void resolve_links(struct virtio_win *v, const struct link *links, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t from = find(v, links[i].path), to = find(v, links[i].target);

		if (from != SIZE_MAX && to != SIZE_MAX && from != to)
			v->files[from].same = to;
	}
}

static size_t source_of(const struct virtio_win *v, size_t i)
{
	/* A link leads to a file that came before it in the image; a chain ends. */
	for (unsigned int k = 0; k < 16 && v->files[i].same != SIZE_MAX; k++)
		i = v->files[i].same;
	return i;
}

static int load_one(struct virtio_win *v, struct archive *a, struct archive_entry *e,
		    struct virtio_win_file *x, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	int64_t size = archive_entry_size(e);
	size_t n = 0;

	if (size < 0 || (uint64_t)size > FILE_MAX)
		return err_set(err, EFBIG, "%s: %s is too large", v->path, x->path);
	data = malloc((size_t)size + 1);
	if (!data)
		return err_nomem(err);
	while (n < (size_t)size) {
		la_ssize_t got = archive_read_data(a, data + n, (size_t)size - n);

		if (got < 0)
			return iso_fail(v, a, err);
		if (got == 0)
			return err_set(err, EIO, "%s: %s is cut off", v->path, x->path);
		n += (size_t)got;
	}
	x->data = TAKE_PTR(data);
	x->len = n;
	return 0;
}

static int load_iso(struct virtio_win *v, struct err *err)
{
	CLEANUP(archive_done) struct archive *a = NULL;
	struct archive_entry *e;
	size_t left = 0, total = 0;
	int r;

	for (size_t i = 0; i < v->n; i++) {
		total += v->files[i].len;
		left += v->files[i].wanted && !v->files[i].data;
	}
	if (!left)
		return 0;
	r = iso_open(v, &a, err);
	while (r >= 0 && left && (r = iso_next(v, a, &e, err)) > 0) {
		const char *path = archive_entry_pathname(e);
		size_t i = path && !archive_entry_hardlink(e) ? find(v, path) : SIZE_MAX;

		if (i == SIZE_MAX || !v->files[i].wanted || v->files[i].data)
			continue;
		r = load_one(v, a, e, &v->files[i], err);
		left--;
		total += v->files[i].len;
		if (total > LOAD_MAX)
			return err_set(err, EFBIG, "%s: drivers of too many bytes", v->path);
	}
	return r < 0 ? r : 0;
}

/* ---- both ---- */

static int open_path(const char *path, struct virtio_win **ret, struct err *err)
{
	CLEANUP(virtio_win_free) struct virtio_win *v = calloc(1, sizeof(*v));
	struct link *links = NULL;
	size_t nlinks = 0;
	struct stat st;
	int r;

	if (!v)
		return err_nomem(err);
	v->path = strdup(path);
	if (!v->path)
		return err_nomem(err);
	if (stat(path, &st) < 0)
		return err_errno(err, "cannot open the drivers in %s", path);
	v->iso = !S_ISDIR(st.st_mode);
	if (v->iso) {
		r = list_iso(v, &links, &nlinks, err);
	} else {
		int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r = fd < 0 ? -errno : walk(v, fd, "", 0);
		if (r < 0)
			err_code(err, -r, "cannot list the drivers in %s", path);
	}
	if (r >= 0 && v->n)
		qsort(v->files, v->n, sizeof(*v->files), by_path);
	if (r >= 0)
		resolve_links(v, links, nlinks);
	for (size_t i = 0; i < nlinks; i++) {
		free(links[i].path);
		free(links[i].target);
	}
	free(links);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(v);
	return 0;
}

int virtio_win_open(const char *path, struct virtio_win **ret, struct err *err)
{
	const char *const usual[] = { getenv("VIRTIO_WIN"), "/usr/share/virtio-win/virtio-win.iso",
				      "/usr/share/virtio-win" };

	if (path)
		return open_path(path, ret, err);
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		if (!usual[i] || !*usual[i])
			continue;
		/* What was asked for must be there. */
		if (i == 0 || access(usual[i], F_OK) == 0)
			return open_path(usual[i], ret, err);
	}
	return err_set(err, ENOENT, "no virtio drivers for Windows on this server");
}

void virtio_win_want(struct virtio_win *v, size_t i)
{
	v->files[source_of(v, i)].wanted = true;
}

int virtio_win_load(struct virtio_win *v, struct err *err)
{
	return v->iso ? load_iso(v, err) : load_folder(v, err);
}

const void *virtio_win_data(const struct virtio_win *v, size_t i, size_t *ret_len)
{
	const struct virtio_win_file *x = &v->files[source_of(v, i)];

	*ret_len = x->len;
	return x->data;
}

size_t virtio_win_beside(const struct virtio_win *v, size_t i, const char *name)
{
	const char *slash = strrchr(v->files[i].path, '/');
	size_t dir = slash ? (size_t)(slash - v->files[i].path) + 1 : 0;

	for (size_t k = 0; k < v->n; k++)
		if (strncmp(v->files[k].path, v->files[i].path, dir) == 0 &&
		    strcasecmp(v->files[k].path + dir, name) == 0)
			return k;
	return SIZE_MAX;
}
