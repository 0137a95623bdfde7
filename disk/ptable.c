/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two readings: libblkid's, which names, numbers and describes the partitions, and a plain one of
 * our own, which is a list of byte ranges. ptable.h says why.
 *
 * Formats: GPT as in UEFI 2.10, chapter 5; MBR and extended boot records as the kernel's
 * block/partitions/msdos.c takes them.
 */
#include <assert.h>
#include <blkid/blkid.h>
#include <inttypes.h>
#include <stdarg.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "disk/crc32.h"
#include "disk/ptable.h"

#define PARTS_MAX	4096
#define GPT_ENTRIES_MAX	4096		/* 128 in practice */
#define EBRS_MAX	1024
#define MBR_ENTRIES	446

struct span {
	uint32_t number;
	uint64_t offset, length;
};

struct spans {
	struct span *v;
	size_t n;
};

static void spans_done(struct spans *x)
{
	free(x->v);
}
DEFINE_CLEANUP_VALUE(struct spans, spans_done)

static int spans_add(struct spans *x, uint32_t number, uint64_t offset, uint64_t length)
{
	struct span *v = reallocarray(x->v, x->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	x->v = v;
	x->v[x->n++] = (struct span){ .number = number, .offset = offset, .length = length };
	return 0;
}

/* Take the trust away, for the first reason found. 0, so that readers can say so and leave. */
static int doubt(struct ptable *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int doubt(struct ptable *t, const char *fmt, ...)
{
	va_list ap;

	if (!t->understood)
		return 0;
	t->understood = false;
	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return 0;
}

static bool extended_type(int type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static int by_offset(const void *a, const void *b)
{
	const struct ptable_part *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	/* A container and a logical partition cannot start together; this is for broken tables. */
	if (x->extended != y->extended)
		return x->extended ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int take_part(blkid_partition p, blkid_parttable main_table, struct ptable *t, size_t listed)
{
	struct ptable_part *to;
	blkid_loff_t start = blkid_partition_get_start(p), size = blkid_partition_get_size(p);
	uint64_t offset, length;
	const char *type;

	if (blkid_partition_get_table(p) != main_table) {
		/* Inside a partition that we have already: that one is not to be looked into. */
		for (size_t i = 0; i < t->nparts; i++)
			if ((uint64_t)start * 512 >= t->parts[i].offset &&
			    (uint64_t)start * 512 - t->parts[i].offset < t->parts[i].length)
				t->parts[i].nested = true;
		return 0;
	}
	assert(t->nparts < listed);
	to = &t->parts[t->nparts];
	if (start < 0 || size < 0 || !u64_mul((uint64_t)start, 512, &offset) ||
	    !u64_mul((uint64_t)size, 512, &length))
		return doubt(t, "partition %d has an impossible size",
			     blkid_partition_get_partno(p));
	*to = (struct ptable_part){
		.number = (uint32_t)blkid_partition_get_partno(p),
		.offset = offset,
		.length = length,
		.flags = blkid_partition_get_flags(p),
	};
	if (strcmp(t->kind, "dos") == 0) {
		to->extended = extended_type(blkid_partition_get_type(p));
		to->logical = to->number > 4;
	}
	type = blkid_partition_get_type_string(p);
	if (type)
		copy_text(to->type, sizeof(to->type), type);
	else
		snprintf(to->type, sizeof(to->type), "0x%02x", blkid_partition_get_type(p));
	copy_text(to->uuid, sizeof(to->uuid), blkid_partition_get_uuid(p));
	copy_text(to->label, sizeof(to->label), blkid_partition_get_name(p));
	t->nparts++;
	return 0;
}

/* libblkid's reading. */
static int read_blkid(const struct disk *d, blkid_probe pr, struct ptable *t, struct err *err)
{
	blkid_partlist list;
	blkid_parttable table;
	int n;

	errno = 0;
	list = blkid_probe_get_partitions(pr);
	table = list ? blkid_partlist_get_table(list) : NULL;
	if (!table) {
		if (errno == ENOMEM)
			return err_nomem(err);
		return 0;
	}
	copy_text(t->kind, sizeof(t->kind), blkid_parttable_get_type(table));
	copy_text(t->uuid, sizeof(t->uuid), blkid_parttable_get_id(table));
	n = blkid_partlist_numof_partitions(list);
	if (n < 0 || n > PARTS_MAX)
		return doubt(t, "the partition table of %s has %d entries", d->path, n);
	t->parts = calloc((size_t)n + 1, sizeof(*t->parts));
	if (!t->parts)
		return err_nomem(err);
	for (int i = 0; i < n; i++)
		take_part(blkid_partlist_get_partition(list, i), table, t, (size_t)n);
	return 0;
}

struct gpt_header {
	uint64_t alternate, first_usable, last_usable, entries_lba;
	uint32_t entries, entry_size, entries_crc;
	uint8_t guid[16];
};

/* 1 valid, 0 not, -errno. */
static int read_gpt_header(const struct disk *d, uint64_t lba, struct gpt_header *ret,
			   struct err *err)
{
	uint8_t sector[512];
	uint64_t offset;
	uint32_t size, crc;
	int r;

	if (!u64_mul(lba, d->logical_sector, &offset) ||
	    !range_inside(offset, d->logical_sector, d->size))
		return 0;
	r = disk_read(d, sector, sizeof(sector), offset, err);
	if (r < 0)
		return r;
	if (memcmp(sector, "EFI PART", 8) != 0)
		return 0;
	size = get_le32(sector + 12);
	if (size < 92 || size > sizeof(sector) || get_le64(sector + 24) != lba)
		return 0;
	crc = get_le32(sector + 16);
	memset(sector + 16, 0, 4);
	if (~crc32_bare(~0u, sector, size) != crc)
		return 0;
	*ret = (struct gpt_header){
		.alternate = get_le64(sector + 32),
		.first_usable = get_le64(sector + 40),
		.last_usable = get_le64(sector + 48),
		.entries_lba = get_le64(sector + 72),
		.entries = get_le32(sector + 80),
		.entry_size = get_le32(sector + 84),
		.entries_crc = get_le32(sector + 88),
	};
	memcpy(ret->guid, sector + 56, sizeof(ret->guid));
	return 1;
}

/* 1 the entries of h as they are on the disk, checksum right; 0 not; -errno. */
static int read_gpt_entries(const struct disk *d, const struct gpt_header *h, uint8_t **ret,
			    struct err *err)
{
	CLEANUP(mem_free) uint8_t *buf = NULL;
	uint64_t offset, length;
	int r;

	if (h->entries > GPT_ENTRIES_MAX || h->entry_size < 128 || h->entry_size > 4096 ||
	    h->entry_size % 8 != 0)
		return 0;
	length = (uint64_t)h->entries * h->entry_size;
	if (!u64_mul(h->entries_lba, d->logical_sector, &offset) ||
	    !range_inside(offset, length, d->size))
		return 0;
	buf = malloc(length + 1);
	if (!buf)
		return err_nomem(err);
	r = disk_read(d, buf, length, offset, err);
	if (r < 0)
		return r;
	if (~crc32_bare(~0u, buf, length) != h->entries_crc)
		return 0;
	*ret = TAKE_PTR(buf);
	return 1;
}

static bool gpt_mbr_protects(const uint8_t *mbr, const struct disk *d)
{
	const uint8_t *e = mbr + MBR_ENTRIES;
	int protective = 0;

	if (get_le16(mbr + 510) != 0xaa55)
		return false;
	for (int i = 0; i < 4; i++, e += 16) {
		if (e[4] == 0 && get_le32(e + 12) == 0)
			continue;
		/* Some firmware tools leave the size wrong; the start is always sector 1. */
		if (e[4] != 0xee || get_le32(e + 8) != 1)
			return false;
		protective++;
	}
	return protective == 1 && d->size > d->logical_sector;
}

static int read_gpt(const struct disk *d, const uint8_t *mbr, struct ptable *t, struct spans *ret,
		    struct err *err)
{
	static const uint8_t no_type[16];
	CLEANUP(mem_free) uint8_t *first = NULL, *second = NULL;
	struct gpt_header a, b;
	uint64_t sector = d->logical_sector, sectors = d->size / sector;
	int r;

	if (!gpt_mbr_protects(mbr, d))
		return doubt(t, "the GPT has no plain protective MBR (a hybrid one?)");
	r = read_gpt_header(d, 1, &a, err);
	if (r <= 0)
		return r < 0 ? r : doubt(t, "the primary GPT header is damaged");
	r = read_gpt_header(d, a.alternate, &b, err);
	if (r <= 0)
		return r < 0 ? r : doubt(t, "the backup GPT header is missing or damaged");
	if (a.alternate == 1 || b.alternate != 1 || a.first_usable != b.first_usable ||
	    a.last_usable != b.last_usable || a.entries != b.entries ||
	    a.entry_size != b.entry_size || a.entries_crc != b.entries_crc ||
	    memcmp(a.guid, b.guid, sizeof(a.guid)) != 0)
		return doubt(t, "the two GPT headers differ");
	if (a.first_usable < 3 || a.first_usable > a.last_usable || a.last_usable >= sectors ||
	    a.alternate <= a.last_usable)
		return doubt(t, "the usable area of the GPT is impossible");
	r = read_gpt_entries(d, &a, &first, err);
	if (r <= 0)
		return r < 0 ? r : doubt(t, "the GPT entries are damaged");
	r = read_gpt_entries(d, &b, &second, err);
	if (r <= 0)
		return r < 0 ? r : doubt(t, "the backup GPT entries are damaged");

	t->usable_offset = a.first_usable * sector;
	t->usable_length = (a.last_usable - a.first_usable + 1) * sector;
	for (uint32_t i = 0; i < a.entries; i++) {
		const uint8_t *e = first + (size_t)i * a.entry_size;
		uint64_t from = get_le64(e + 32), to = get_le64(e + 40);

		if (memcmp(e, no_type, sizeof(no_type)) == 0)
			continue;
		if (from > to || from < a.first_usable || to > a.last_usable)
			return doubt(t, "GPT entry %" PRIu32 " leaves the usable area", i + 1);
		if (spans_add(ret, i + 1, from * sector, (to - from + 1) * sector) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* The chain of extended boot records in [offset, offset + length), which is the container. */
static int read_ebrs(const struct disk *d, uint64_t offset, uint64_t length, struct ptable *t,
		     struct spans *ret, struct err *err)
{
	uint64_t sector = d->logical_sector, at = 0, last = 0;
	uint32_t number = 5;
	uint8_t ebr[512];
	int r;

	for (int i = 0; i < EBRS_MAX; i++) {
		const uint8_t *data = ebr + MBR_ENTRIES, *link = data + 16;
		uint64_t from, size;

		if (!range_inside(at, sector, length))
			return doubt(t, "an extended boot record leaves its container");
		r = disk_read(d, ebr, sizeof(ebr), offset + at, err);
		if (r < 0)
			return r;
		if (get_le16(ebr + 510) != 0xaa55)
			return doubt(t, "an extended boot record is damaged");
		/* Data and link in another order, or in the two slots that are unused. */
		if (extended_type(data[4]) || get_le32(ebr + MBR_ENTRIES + 32 + 12) != 0 ||
		    get_le32(ebr + MBR_ENTRIES + 48 + 12) != 0)
			return doubt(t, "an extended boot record is unusual");
		from = at + get_le32(data + 8) * sector;
		size = get_le32(data + 12) * sector;
		if (size > 0) {
			if (from < at + sector || !range_inside(from, size, length))
				return doubt(t, "logical partition %" PRIu32
					     " leaves its container", number);
			if (spans_add(ret, number, offset + from, size) < 0)
				return err_nomem(err);
			number++;
		}
		if (get_le32(link + 12) == 0)
			return 0;
		if (!extended_type(link[4]))
			return doubt(t, "an extended boot record is unusual");
		at = get_le32(link + 8) * sector;
		/* Ascending chains only: every partitioning tool writes them so, and they end. */
		if (at <= last)
			return doubt(t, "the extended boot records are not in order");
		last = at;
	}
	return doubt(t, "more than %d logical partitions", EBRS_MAX);
}

static int read_mbr(const struct disk *d, const uint8_t *mbr, struct ptable *t, struct spans *ret,
		    struct err *err)
{
	const uint8_t *e = mbr + MBR_ENTRIES;
	uint64_t sector = d->logical_sector;
	int containers = 0, r;

	if (get_le16(mbr + 510) != 0xaa55)
		return doubt(t, "the MBR has no signature");
	for (uint32_t i = 0; i < 4; i++, e += 16) {
		uint64_t offset = get_le32(e + 8) * sector, length = get_le32(e + 12) * sector;

		if (length == 0)
			continue;
		if (!range_inside(offset, length, d->size))
			return doubt(t, "partition %" PRIu32 " leaves the disk", i + 1);
		if (spans_add(ret, i + 1, offset, length) < 0)
			return err_nomem(err);
		if (!extended_type(e[4]))
			continue;
		if (containers++ > 0)
			return doubt(t, "two extended partitions");
		r = read_ebrs(d, offset, length, t, ret, err);
		if (r < 0 || !t->understood)
			return r;
	}
	t->usable_offset = sector;
	t->usable_length = d->size - sector;
	return 0;
}

/* Both readings must be the same set. */
static void compare(struct ptable *t, const struct spans *own)
{
	if (own->n != t->nparts) {
		doubt(t, "%zu partitions by one reading, %zu by another", t->nparts, own->n);
		return;
	}
	for (size_t i = 0; i < own->n; i++) {
		const struct span *s = &own->v[i];
		size_t same = 0;

		for (size_t j = 0; j < t->nparts; j++)
			same += t->parts[j].number == s->number &&
				t->parts[j].offset == s->offset &&
				t->parts[j].length == s->length;
		if (same != 1) {
			doubt(t, "two readings differ on partition %" PRIu32, s->number);
			return;
		}
	}
}

/* Inside the disk, not over the table, not over each other; logical ones inside their container. */
static void check_layout(const struct disk *d, struct ptable *t)
{
	const struct ptable_part *container = NULL;
	uint64_t end = d->logical_sector, logical_end = 0;

	for (size_t i = 0; i < t->nparts; i++) {
		const struct ptable_part *p = &t->parts[i];

		if (p->length == 0 || !range_inside(p->offset, p->length, d->size)) {
			doubt(t, "partition %" PRIu32 " leaves the disk", p->number);
			return;
		}
		if (p->logical) {
			if (!container || p->offset <= container->offset ||
			    !range_inside(p->offset - container->offset, p->length,
					  container->length)) {
				doubt(t, "logical partition %" PRIu32 " leaves its container",
				      p->number);
				return;
			}
			if (p->offset < logical_end) {
				doubt(t, "partition %" PRIu32 " overlaps another", p->number);
				return;
			}
			logical_end = p->offset + p->length;
			continue;
		}
		if (p->offset < end) {
			doubt(t, "partition %" PRIu32 " overlaps another or the table", p->number);
			return;
		}
		end = p->offset + p->length;
		if (p->extended)
			container = p;
	}
}

static int read_own(const struct disk *d, struct ptable *t, struct err *err)
{
	CLEANUP(spans_done) struct spans own = { 0 };
	uint8_t mbr[512];
	int r;

	r = disk_read(d, mbr, sizeof(mbr), 0, err);
	if (r < 0)
		return r;
	if (strcmp(t->kind, "gpt") == 0)
		r = read_gpt(d, mbr, t, &own, err);
	else if (strcmp(t->kind, "dos") == 0)
		r = read_mbr(d, mbr, t, &own, err);
	else
		r = doubt(t, "partition tables of kind %s are not taken apart", t->kind);
	if (r < 0)
		return r;
	if (t->understood)
		compare(t, &own);
	if (t->understood)
		check_layout(d, t);
	return 0;
}

/* libblkid sees no table: there must not be the ruins of one either. */
static int check_no_table(const struct disk *d, struct ptable *t, struct err *err)
{
	static const uint8_t no_entries[64];
	uint8_t sector[512];
	int r;

	r = disk_read(d, sector, sizeof(sector), 0, err);
	if (r < 0)
		return r;
	if (get_le16(sector + 510) == 0xaa55 &&
	    memcmp(sector + MBR_ENTRIES, no_entries, sizeof(no_entries)) != 0)
		return doubt(t, "the first sector may hold a partition table");
	if (d->size < 2 * (uint64_t)d->logical_sector)
		return 0;
	r = disk_read(d, sector, sizeof(sector), d->logical_sector, err);
	if (r < 0)
		return r;
	if (memcmp(sector, "EFI PART", 8) == 0)
		return doubt(t, "a damaged GPT");
	r = disk_read(d, sector, sizeof(sector), d->size - d->logical_sector, err);
	if (r < 0)
		return r;
	if (memcmp(sector, "EFI PART", 8) == 0)
		return doubt(t, "a damaged GPT");
	return 0;
}

static void probe_free(blkid_probe pr)
{
	if (pr)
		blkid_free_probe(pr);
}
DEFINE_CLEANUP(blkid_probe, probe_free)

int ptable_read(const struct disk *d, struct ptable *ret, struct err *err)
{
	CLEANUP(ptable_done) struct ptable t = { .understood = true };
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(probe_free) blkid_probe pr = NULL;
	int r;

	fd = disk_reopen(d, err);
	if (fd < 0)
		return fd;
	pr = blkid_new_probe();
	if (!pr)
		return err_nomem(err);
	if (blkid_probe_set_device(pr, fd, 0, (blkid_loff_t)d->size) < 0)
		return err_set(err, EIO, "cannot probe %s for partitions", d->path);
	if (!d->block_device && blkid_probe_set_sectorsize(pr, d->logical_sector) < 0)
		return err_set(err, EIO, "cannot set the sector size of %s", d->path);
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	blkid_probe_set_partitions_flags(pr, BLKID_PARTS_ENTRY_DETAILS);

	r = read_blkid(d, pr, &t, err);
	if (r < 0)
		return r;
	if (t.nparts > 0)
		qsort(t.parts, t.nparts, sizeof(*t.parts), by_offset);
	r = t.kind[0] != '\0' ? read_own(d, &t, err) : check_no_table(d, &t, err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct ptable){ 0 };
	return 0;
}

void ptable_done(struct ptable *t)
{
	free(t->parts);
	*t = (struct ptable){ 0 };
}
