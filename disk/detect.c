/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libblkid wants a descriptor. A space in one piece on a disk has one; of any other both ends are
 * copied into a file in memory, as large as the space and empty between: signatures lie within the
 * first and the last MiB.
 */
#include "disk/detect.h"

#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"

#define EDGE		(2 * MIB)
#define RAID_MEMBER	"linux_raid_member"

static void probe_free(blkid_probe pr)
{
	if (pr)
		blkid_free_probe(pr);
}
DEFINE_CLEANUP(blkid_probe, probe_free)

struct target {				/* what libblkid looks at */
	int fd;
	uint64_t offset, length;
	uint32_t sector;		/* 0: it asks the device */
};

/* One probing, blind for a kind (NULL: for none). As blkid_do_safeprobe(), or -1. */
static int probe(const struct target *t, char *blind_for, char **ret_kind, struct err *err)
{
	CLEANUP(probe_free) blkid_probe pr = blkid_new_probe();
	char *names[] = { blind_for, NULL };
	const char *type;
	int r;

	if (!pr)
		return err_nomem(err);
	if (blkid_probe_set_device(pr, t->fd, (blkid_loff_t)t->offset, (blkid_loff_t)t->length) < 0)
		return -1;
	if (t->sector && blkid_probe_set_sectorsize(pr, t->sector) < 0)
		return -1;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE);
	if (blind_for && blkid_probe_filter_superblocks_type(pr, BLKID_FLTR_NOTIN, names) < 0)
		return -1;
	r = blkid_do_safeprobe(pr);
	if (r != 0)
		return r;
	if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL) < 0)
		return -1;
	free(*ret_kind);
	*ret_kind = strdup(type);
	return *ret_kind ? 0 : err_nomem(err);
}

static int copy_range(const struct space *s, int fd, uint8_t *buf, uint64_t offset, size_t len,
		      struct err *err)
{
	int r = space_read(s, buf, len, offset, err);

	if (r == 0)
		r = fdio_pwrite_full(fd, buf, len, offset);
	return r;
}

/* Both ends, in memory. */
static int copy_ends(const struct space *s, int fd, struct err *err)
{
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(EDGE);
	size_t n = (size_t)MIN(s->size, EDGE);
	int r;

	if (!buf)
		return err_nomem(err);
	if (ftruncate(fd, (off_t)s->size) < 0)
		return err_code(err, errno, "cannot make a copy of the ends of %s", s->name);
	r = copy_range(s, fd, buf, 0, n, err);
	if (r == 0)
		r = copy_range(s, fd, buf, s->size - n, n, err);
	return r;
}

static int open_target(const struct space *s, struct target *t, struct err *err)
{
	const struct disk *d;
	uint64_t offset;

	t->length = s->size;
	if (space_is_linear(s, &d, &offset)) {
		t->fd = disk_reopen(d, err);
		t->offset = offset;
		t->sector = d->block_device ? 0 : d->logical_sector;
		return t->fd < 0 ? t->fd : 0;
	}
	t->fd = memfd_create("p2v-ends", MFD_CLOEXEC);
	if (t->fd < 0)
		return err_code(err, errno, "cannot make a copy of the ends of %s", s->name);
	t->sector = s->sector;
	return copy_ends(s, t->fd, err);
}

/* Where a live space lies, in words: names of partitions are not unique. */
static void name_place(const struct space *s, char *buf, size_t size)
{
	const struct disk *d;
	uint64_t offset;

	if (space_is_linear(s, &d, &offset))
		snprintf(buf, size, "%d:%" PRIu64 "+%" PRIu64, d->fd, offset, s->size);
	else
		snprintf(buf, size, "%s+%" PRIu64, s->name, s->size);
}

static int take_known(const struct view_kind *k, enum detected *ret, char **ret_kind,
		      char **ret_beside, struct err *err)
{
	CLEANUP(mem_free) char *kind = k->kind ? strdup(k->kind) : NULL;
	CLEANUP(mem_free) char *beside = k->beside ? strdup(k->beside) : NULL;

	if ((k->kind && !kind) || (k->beside && !beside))
		return err_nomem(err);
	*ret = k->found;
	*ret_kind = TAKE_PTR(kind);
	*ret_beside = TAKE_PTR(beside);
	return 0;
}

/*
 * libblkid stops at the first RAID-like signature, and to it LVM is such: so there is a second look
 * for anything else beside what was found.
 */
static int detect_now(const struct space *s, enum detected *ret, char **ret_kind,
		      char **ret_beside, struct err *err)
{
	CLEANUP(mem_free) char *kind = NULL, *other = NULL;
	struct target t = { .fd = -1 };
	int r;

	*ret = DETECT_ERROR;
	r = open_target(s, &t, err);
	if (r == 0) {
		r = probe(&t, NULL, &kind, err);
		*ret = r == 1 ? DETECT_NONE : r == -2 ? DETECT_MANY : DETECT_ERROR;
	}
	if (r == 0) {
		r = probe(&t, kind, &other, err);
		if (r == 1 || (r == 0 && strcmp(kind, RAID_MEMBER) == 0))
			*ret = DETECT_ONE;
		else if (r == 0 || r == -2)
			*ret = DETECT_MANY;
	}
	if (t.fd >= 0)
		close(t.fd);
	if (r == -ENOMEM)
		return r;
	if (err)
		err_reset(err);
	if (*ret == DETECT_ONE) {
		*ret_kind = TAKE_PTR(kind);
		*ret_beside = TAKE_PTR(other);
	}
	return 0;
}

int detect(const struct space *s, enum detected *ret, char **ret_kind, char **ret_beside,
	   struct err *err)
{
	char place[sizeof(((struct view_kind *)0)->place)];
	const struct view_kind *known;
	int r;

	if (!s->view)
		return detect_now(s, ret, ret_kind, ret_beside, err);
	name_place(s, place, sizeof(place));
	known = view_find_kind(s->view, place);
	if (known)
		return take_known(known, ret, ret_kind, ret_beside, err);
	r = detect_now(s, ret, ret_kind, ret_beside, err);
	/* What there was no time for will be looked at again. */
	if (r < 0 || *ret == DETECT_ERROR)
		return r;
	return view_keep_kind(s->view, place, *ret, *ret == DETECT_ONE ? *ret_kind : NULL,
			      *ret == DETECT_ONE ? *ret_beside : NULL, err);
}
