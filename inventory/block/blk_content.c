/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/block/blk_content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "inventory/block/blk_text.h"
#include "inventory/collect.h"
#include "inventory/content/content.h"

#define RECORDS_MAX	16

/* Types as libblkid names them. */
static const struct {
	const char *type;
	content_fn *decode;
} decoders[] = {
	{ "LVM2_member", content_lvm },
	{ "bcache", content_bcache },
	{ "btrfs", content_btrfs },
	{ "crypto_LUKS", content_luks },
	{ "ddf_raid_member", content_ddf },
	{ "ext2", content_ext },
	{ "ext3", content_ext },
	{ "ext4", content_ext },
	{ "ext4dev", content_ext },
	{ "isw_raid_member", content_imsm },
	{ "linux_raid_member", content_md },
	{ "ntfs", content_ntfs },
	{ "swap", content_swap },
	{ "xfs", content_xfs },
};

static content_fn *find_decoder(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(decoders); i++)
		if (strcmp(type, decoders[i].type) == 0)
			return decoders[i].decode;
	return NULL;
}

/* -- a device -- */

struct device {
	int fd;
	uint64_t offset;
	uint64_t left;			/* bytes that may still be read */
};

static int read_device(void *arg, uint64_t offset, void *buf, size_t len)
{
	struct device *d = arg;
	uint64_t at;

	if (len > d->left)
		return -EFBIG;
	if (!u64_add(d->offset, offset, &at))
		return -EOVERFLOW;
	d->left -= len;
	return fdio_pread_full(d->fd, buf, len, at);
}

static uint64_t size_behind(int fd, uint64_t offset)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end > 0 && (uint64_t)end > offset ? (uint64_t)end - offset : 0;
}

/* -- records: /p2v/content/NAME.OFFSET, see collect.h -- */

struct record {
	uint64_t offset;
	size_t len;
	char *data;
};

struct records {
	struct record v[RECORDS_MAX];
	size_t n;
};

static void records_done(struct records *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].data);
}
DEFINE_CLEANUP_VALUE(struct records, records_done)

static int read_records(void *arg, uint64_t offset, void *buf, size_t len)
{
	const struct records *x = arg;

	for (size_t i = 0; i < x->n; i++) {
		const struct record *p = &x->v[i];

		if (offset < p->offset || !range_inside(offset - p->offset, len, p->len))
			continue;
		memcpy(buf, p->data + (offset - p->offset), len);
		return 0;
	}
	return -ENODATA;
}

/* The end of "NAME.OFFSET" as a number. */
static bool parse_offset(const char *s, uint64_t *ret)
{
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*ret = strtoull(s, &end, 10);
	return *end == '\0' && errno == 0;
}

static int load_records(const struct blk_walk *b, const char *sysname, struct records *x)
{
	CLEANUP(strv_free) char **names = NULL;
	size_t len = strlen(sysname);
	int r = sysroot_list(b->root, &names, "/p2v/content");

	for (char **p = names; p && *p && x->n < RECORDS_MAX; p++) {
		struct record *to = &x->v[x->n];

		if (strncmp(*p, sysname, len) != 0 || (*p)[len] != '.' ||
		    !parse_offset(*p + len + 1, &to->offset))
			continue;
		r = sysroot_read(b->root, &to->data, &to->len, "/p2v/content/%s", *p);
		if (r == -ENOMEM)
			return r;
		x->n += r == 0;
	}
	return r == -ENOMEM ? r : 0;
}

/* What was found out of an NTFS volume when it was recorded, in words. */
static int read_words(const struct blk_walk *b, const char *sysname, struct machine_fs *fs)
{
	CLEANUP(mem_free) char *text = NULL;
	int r = sysroot_read(b->root, &text, NULL, "/p2v/ntfs/%s", sysname);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char *save = NULL, *w = strtok_r(text, " \n", &save); w;
	     w = strtok_r(NULL, " \n", &save)) {
		fs->dirty = fs->dirty || strcmp(w, "dirty") == 0;
		fs->hibernated = fs->hibernated || strcmp(w, "hibernated") == 0;
		fs->fast_startup = fs->fast_startup || strcmp(w, "fast_startup") == 0;
	}
	return 0;
}

/* -- both -- */

static int run(const struct blk_walk *b, const char *name, const struct content_source *s,
	       content_fn *decode, struct machine_fs *fs)
{
	struct err err = ERR_INIT;
	int r = decode(s, fs, &err);

	if (r >= 0 || r == -ENOMEM)
		return MIN(r, 0);
	return collect_warn(b->m, "%s (%s): %s", name, fs->type, err.text);
}

static int run_recorded(const struct blk_walk *b, const char *name, content_fn *decode,
			struct machine_fs *fs)
{
	CLEANUP(records_done) struct records x = { 0 };
	CLEANUP(mem_free) char *sysname = strdup(name);
	struct content_source s = { .read_at = read_records, .arg = &x };
	int r;

	if (!sysname)
		return -ENOMEM;
	for (char *p = sysname; *p; p++)
		if (*p == '/')
			*p = '!';
	if (decode == content_ntfs)
		return read_words(b, sysname, fs);
	r = load_records(b, sysname, &x);
	if (r < 0 || x.n == 0)
		return r;
	if (sysroot_read_u64(b->root, &s.size, "/p2v/content/%s.size", sysname) < 0)
		return collect_warn(b->m, "%s: its recorded content has no size", name);
	return run(b, name, &s, decode, fs);
}

int blk_content_add(const struct blk_walk *b, const char *name, int fd, uint64_t offset,
		    uint64_t size, struct machine_fs *fs)
{
	struct device d = { .fd = fd, .offset = offset, .left = BLK_CONTENT_READ_MAX };
	struct content_source s = { .read_at = read_device, .arg = &d, .size = size };
	content_fn *decode = fs->type ? find_decoder(fs->type) : NULL;

	/* libblkid's words for swap with a suspended system in it; older ones used the second. */
	if (fs->type && (strcmp(fs->type, "swsuspend") == 0 || strcmp(fs->type, "suspend") == 0))
		fs->hibernated = true;
	if (!decode)
		return 0;
	if (fd < 0)
		return sysroot_is_live(b->root) ? 0 : run_recorded(b, name, decode, fs);
	if (size == 0)
		s.size = size_behind(fd, offset);
	return run(b, name, &s, decode, fs);
}

static bool is_btrfs_of(const struct machine_fs *fs, const char *uuid)
{
	return fs->type && strcmp(fs->type, "btrfs") == 0 && fs->uuid &&
	       strcmp(fs->uuid, uuid) == 0;
}

static void clear_btrfs(struct machine *m, const struct machine_fs *mounted)
{
	const char *uuid = mounted->uuid;

	if (!uuid || !is_btrfs_of(mounted, uuid))
		return;
	for (size_t i = 0; i < m->ndisks; i++) {
		struct machine_disk *d = &m->disks[i];

		if (is_btrfs_of(&d->fs, uuid))
			d->fs.dirty = false;
		for (size_t j = 0; j < d->npartitions; j++)
			if (is_btrfs_of(&d->partitions[j].fs, uuid))
				d->partitions[j].fs.dirty = false;
	}
	for (size_t i = 0; i < m->nvolumes; i++)
		if (is_btrfs_of(&m->volumes[i].fs, uuid))
			m->volumes[i].fs.dirty = false;
}

void blk_content_settle(struct machine *m)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (d->mountpoints.n > 0)
			clear_btrfs(m, &d->fs);
		for (size_t j = 0; j < d->npartitions; j++)
			if (d->partitions[j].mountpoints.n > 0)
				clear_btrfs(m, &d->partitions[j].fs);
	}
	for (size_t i = 0; i < m->nvolumes; i++)
		if (m->volumes[i].mountpoints.n > 0)
			clear_btrfs(m, &m->volumes[i].fs);
}
