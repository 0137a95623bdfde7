/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disk is tiled with parts: partitions (or one whole-disk filesystem) and the gaps between
 * them. Each part is looked at on its own; what a part's reader clears is cut off at the part's
 * borders whatever it does, because it works on a bitmap of its own and only the part's range is
 * taken over.
 */
#include <assert.h>
#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdarg.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "disk/usedmap.h"

/* Kept at both ends of the disk: boot loaders, partition tables, RAID labels. */
#define EDGE	MIB

#define KIND_UNKNOWN	"unknown"
#define KIND_GAP	"unallocated"

static char *format(const char *fmt, ...) PRINTF_LIKE(1, 2);

static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

static usedmap_fn *reader_for(const char *kind)
{
	static const struct {
		const char *kind;
		usedmap_fn *fn;
	} table[] = {
		{ "ext2", usedmap_ext },	{ "ext3", usedmap_ext },
		{ "ext4", usedmap_ext },	{ "ext4dev", usedmap_ext },
		{ "swap", usedmap_swap },	{ "LVM2_member", usedmap_lvm },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].kind, kind) == 0)
			return table[i].fn;
	return NULL;
}

static void probe_free(blkid_probe pr)
{
	if (pr)
		blkid_free_probe(pr);
}
DEFINE_CLEANUP(blkid_probe, probe_free)

enum detected { DETECT_ERROR = -1, DETECT_NONE, DETECT_ONE, DETECT_MANY };

/* One probing, blind for a kind (NULL: for none). As blkid_do_safeprobe(), or -1. */
static int probe(const struct disk *d, int fd, uint64_t offset, uint64_t length, char *blind_for,
		 char **ret_kind, struct err *err)
{
	CLEANUP(probe_free) blkid_probe pr = blkid_new_probe();
	char *names[] = { blind_for, NULL };
	const char *type;
	int r;

	if (!pr)
		return err_nomem(err);
	if (blkid_probe_set_device(pr, fd, (blkid_loff_t)offset, (blkid_loff_t)length) < 0)
		return -1;
	if (!d->block_device && blkid_probe_set_sectorsize(pr, d->logical_sector) < 0)
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

/*
 * What lies in [offset, offset + length)? *ret_kind is malloc'd for DETECT_ONE. Several signatures
 * at once are not resolved here but reported. libblkid stops at the first RAID-like one, and to it
 * LVM is such: so there is a second look for anything else beside what was found.
 */
static int detect(const struct disk *d, uint64_t offset, uint64_t length, enum detected *ret,
		  char **ret_kind, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(mem_free) char *kind = NULL, *other = NULL;
	int r;

	fd = disk_reopen(d, err);
	if (fd < 0)
		return fd;
	r = probe(d, fd, offset, length, NULL, &kind, err);
	if (r == 0) {
		r = probe(d, fd, offset, length, kind, &other, err);
		if (r == 1) {
			*ret_kind = TAKE_PTR(kind);
			*ret = DETECT_ONE;
			return 0;
		}
		r = r == 0 ? -2 : r;
	}
	if (r == -ENOMEM)
		return r;
	*ret = r == 1 ? DETECT_NONE : r == -2 ? DETECT_MANY : DETECT_ERROR;
	return 0;
}

static int add_part(struct usedmap *u, char *name, char *kind, uint64_t offset, uint64_t length,
		    char *why, bool trusted, struct err *err)
{
	struct usedmap_part *v;

	v = reallocarray(u->parts, u->nparts + 1, sizeof(*v));
	if (v)
		u->parts = v;
	if (!v || !name || !kind || !why) {
		free(name);
		free(kind);
		free(why);
		return err_nomem(err);
	}
	v[u->nparts++] = (struct usedmap_part){
		.name = name,
		.kind = kind,
		.offset = offset,
		.length = length,
		.why = why,
		.trusted = trusted,
	};
	return 0;
}

/* Take over what is clear in scratch, inside the part only. */
static void take_cleared(struct bitmap *map, const struct bitmap *scratch, uint64_t offset,
			 uint64_t length)
{
	uint64_t end = offset + length, at = offset, run, run_length;

	while (at < end && bitmap_next_run(scratch, false, at, &run, &run_length) && run < end) {
		uint64_t from = MAX(run, offset), to = MIN(run + run_length, end);

		bitmap_clear_range(map, from, to - from);
		at = run + run_length;
	}
}

/* One partition or whole-disk filesystem. */
static int add_contents(struct usedmap *u, const struct disk *d, struct bitmap *scratch, char *name,
			uint64_t offset, uint64_t length, bool nested, struct err *err)
{
	CLEANUP(mem_free) char *owned_name = name, *kind = NULL, *why = NULL;
	enum detected found = DETECT_ERROR;
	usedmap_fn *fn;
	bool trusted = false;
	int r;

	r = detect(d, offset, length, &found, &kind, err);
	if (r < 0)
		return r;
	fn = kind ? reader_for(kind) : NULL;
	if (nested) {
		why = format("holds a partition table of its own: all used");
	} else if (found == DETECT_MANY) {
		why = format("several signatures contradict each other: all used");
	} else if (found == DETECT_ERROR) {
		why = format("cannot be probed: all used");
	} else if (found == DETECT_NONE) {
		why = format("no known filesystem: all used");
	} else if (!fn) {
		why = format("no reader for this kind: all used");
	} else {
		bitmap_set_all(scratch);
		r = fn(d, offset, length, scratch, &why, err);
		/* An unreadable block bitmap is no reason not to copy the rest of the disk. */
		if (r == -EIO) {
			why = format("its metadata is unreadable: all used");
			if (err)
				err_reset(err);
		} else if (r < 0) {
			return r;
		}
		trusted = r == 1;
		if (trusted)
			take_cleared(u->map, scratch, offset, length);
	}
	if (!kind)
		kind = strdup(KIND_UNKNOWN);
	return add_part(u, TAKE_PTR(owned_name), TAKE_PTR(kind), offset, length, TAKE_PTR(why),
			trusted, err);
}

static int add_gap(struct usedmap *u, uint64_t offset, uint64_t length, bool is_free,
		   const char *why, struct err *err)
{
	if (length == 0)
		return 0;
	if (is_free) {
		uint64_t from = MAX(offset, u->table.usable_offset);
		uint64_t to = MIN(offset + length, u->table.usable_offset + u->table.usable_length);

		if (from < to)
			bitmap_clear_range(u->map, from, to - from);
	}
	return add_part(u, strdup("gap"), strdup(KIND_GAP), offset, length, strdup(why), true, err);
}

static int build_all_used(struct usedmap *u, const struct disk *d, const char *why, struct err *err)
{
	return add_part(u, strdup("disk"), strdup(KIND_UNKNOWN), 0, d->size,
			format("%s: all used", why), false, err);
}

/* Partitions in order, and what is left between them. */
static int build_partitions(struct usedmap *u, const struct disk *d, struct bitmap *scratch,
			    struct err *err)
{
	static const char between[] = "between partitions";
	static const char boot[] = "before the first partition: boot loaders live here";
	static const char records[] = "in the extended partition: boot records lie here";
	uint64_t at = 0, container_end = 0;
	bool first = true;
	int r;

	for (size_t i = 0; i < u->table.nparts; i++) {
		const struct ptable_part *p = &u->table.parts[i];

		/* What is left of a container that ends before this partition. */
		if (at < container_end && container_end <= p->offset) {
			r = add_gap(u, at, container_end - at, false, records, err);
			if (r < 0)
				return r;
			at = container_end;
		}
		r = add_gap(u, at, p->offset - at, !first && !p->logical,
			    first ? boot : p->logical ? records : between, err);
		if (r < 0)
			return r;
		first = false;
		at = p->offset;
		if (p->extended) {
			container_end = p->offset + p->length;
			continue;
		}
		r = add_contents(u, d, scratch, format("%" PRIu32, p->number), p->offset, p->length,
				 p->nested, err);
		if (r < 0)
			return r;
		at = p->offset + p->length;
	}
	if (at < container_end) {
		r = add_gap(u, at, container_end - at, false, records, err);
		if (r < 0)
			return r;
		at = container_end;
	}
	return add_gap(u, at, d->size - at, !first,
		       first ? "no partitions" : "behind the last partition", err);
}

static int build_parts(struct usedmap *u, const struct disk *d, struct bitmap *scratch,
		       struct err *err)
{
	CLEANUP(mem_free) char *kind = NULL;
	enum detected found = DETECT_ERROR;
	int r;

	r = ptable_read(d, &u->table, err);
	if (r == -EIO) {
		if (err)
			err_reset(err);
		return build_all_used(u, d, "the partition table is unreadable", err);
	}
	if (r < 0)
		return r;
	if (!u->table.understood)
		return build_all_used(u, d, u->table.why, err);
	if (u->table.kind[0] == '\0')
		return add_contents(u, d, scratch, strdup("disk"), 0, d->size, false, err);

	/* A table and a signature over the whole disk: who is right? (Fake RAID, leftovers.) */
	r = detect(d, 0, d->size, &found, &kind, err);
	if (r < 0)
		return r;
	if (found != DETECT_NONE)
		return build_all_used(u, d, "a partition table and another signature", err);
	return build_partitions(u, d, scratch, err);
}

/* used and free of every part, by the finished map. */
static void count_parts(struct usedmap *u)
{
	for (size_t i = 0; i < u->nparts; i++) {
		struct usedmap_part *p = &u->parts[i];
		uint64_t end = p->offset + p->length, at = p->offset, run, length;

		p->free = 0;
		while (at < end && bitmap_next_run(u->map, false, at, &run, &length) && run < end) {
			uint64_t from = MAX(run, p->offset), to = MIN(run + length, end);

			p->free += to - from;
			at = run + length;
		}
		p->used = p->length - p->free;
	}
}

int usedmap_build(const struct disk *d, struct usedmap **ret, struct err *err)
{
	CLEANUP(usedmap_free) struct usedmap *u = NULL;
	CLEANUP(bitmap_free) struct bitmap *scratch = NULL;
	int r;

	u = calloc(1, sizeof(*u));
	if (!u)
		return err_nomem(err);
	r = bitmap_new(d->size, USEDMAP_GRANULARITY, &u->map);
	if (r == 0)
		r = bitmap_new(d->size, USEDMAP_GRANULARITY, &scratch);
	if (r < 0)
		return err_code(err, -r, "cannot make a map of %s", d->path);
	bitmap_set_all(u->map);

	r = build_parts(u, d, scratch, err);
	if (r < 0)
		return r;

	/* Whatever was concluded above. */
	bitmap_set_range(u->map, 0, EDGE);
	bitmap_set_range(u->map, d->size - MIN(d->size, EDGE), EDGE);
	if (u->table.nparts > 0)
		bitmap_set_range(u->map, 0, u->table.parts[0].offset);
	count_parts(u);
	*ret = TAKE_PTR(u);
	return 0;
}

void usedmap_free(struct usedmap *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->nparts; i++) {
		free(u->parts[i].name);
		free(u->parts[i].kind);
		free(u->parts[i].why);
	}
	free(u->parts);
	ptable_done(&u->table);
	bitmap_free(u->map);
	free(u);
}
