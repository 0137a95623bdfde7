/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/block/blk_probe.h"

#include <blkid/blkid.h>
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "inventory/collect_util.h"

#define GPT_LEGACY_BOOT	((uint64_t)1 << 2)
#define MBR_ACTIVE	0x80

static inline void probe_free(blkid_probe pr)
{
	blkid_free_probe(pr);
}
DEFINE_CLEANUP(blkid_probe, probe_free)

/* blkid counts in 512 bytes whatever the device's sectors are. */
static uint64_t from_sectors(blkid_loff_t n)
{
	return n > 0 && n <= INT64_MAX / 512 ? (uint64_t)n * 512 : 0;
}

static int take(const char *s, char **ret)
{
	return s && !*ret ? collect_util_text(s, strlen(s), ret) : 0;
}

static int new_probe(int fd, uint64_t offset, uint64_t size, blkid_probe *ret)
{
	CLEANUP(probe_free) blkid_probe pr = blkid_new_probe();

	if (!pr)
		return -ENOMEM;
	if (offset > INT64_MAX || size > INT64_MAX ||
	    blkid_probe_set_device(pr, fd, (blkid_loff_t)offset, (blkid_loff_t)size) != 0)
		return -EIO;
	*ret = TAKE_PTR(pr);
	return 0;
}

static int add_part(blkid_partition par, bool is_dos, struct blk_table *t)
{
	struct blk_part *p = machine_grow(&t->parts, &t->nparts, sizeof(*p));
	uint64_t flags = blkid_partition_get_flags(par);
	const char *type = blkid_partition_get_type_string(par);
	int n = blkid_partition_get_partno(par), r;

	if (!p)
		return -ENOMEM;
	p->number = n > 0 ? (uint32_t)n : 0;
	p->start = from_sectors(blkid_partition_get_start(par));
	p->size = from_sectors(blkid_partition_get_size(par));
	p->extended = blkid_partition_is_extended(par);
	p->boot = is_dos ? flags == MBR_ACTIVE : (flags & GPT_LEGACY_BOOT) != 0;
	r = take(blkid_partition_get_uuid(par), &p->uuid);
	if (r == 0)
		r = take(blkid_partition_get_name(par), &p->label);
	if (r == 0)
		r = take(type, &p->type);
	if (r == 0 && !p->type &&
	    asprintf(&p->type, "0x%x", (unsigned int)blkid_partition_get_type(par)) < 0) {
		p->type = NULL;
		r = -ENOMEM;
	}
	collect_util_lower(p->type);
	collect_util_lower(p->uuid);
	return r;
}

int blk_probe_table(int fd, uint32_t sector, struct blk_table *ret)
{
	CLEANUP(blk_probe_table_done) struct blk_table t = { 0 };
	CLEANUP(probe_free) blkid_probe pr = NULL;
	blkid_partlist list;
	blkid_parttable top = NULL;
	int r = new_probe(fd, 0, 0, &pr);

	if (r < 0)
		return r;
	/* A block device tells by itself; an image file counts as one of 512. */
	if (sector >= 512 && sector <= 65536 && (sector & (sector - 1)) == 0)
		(void)blkid_probe_set_sectorsize(pr, sector);
	blkid_probe_enable_superblocks(pr, 0);
	blkid_probe_enable_partitions(pr, 1);
	errno = 0;
	list = blkid_probe_get_partitions(pr);
	if (!list)
		/* NULL is also how it says that there is no table. */
		return errno == ENOMEM ? -ENOMEM : errno == EIO ? -EIO : 0;
	for (int i = 0; i < blkid_partlist_numof_partitions(list); i++) {
		blkid_partition par = blkid_partlist_get_partition(list, i);
		blkid_parttable table = par ? blkid_partition_get_table(par) : NULL;

		if (!table || blkid_parttable_get_parent(table))
			continue;
		if (!top)
			top = table;
		r = add_part(par, strcmp(blkid_parttable_get_type(table), "dos") == 0, &t);
		if (r < 0)
			return r;
	}
	if (!top)
		top = blkid_partlist_get_table(list);
	if (top) {
		r = take(blkid_parttable_get_type(top), &t.type);
		if (r == 0)
			r = take(blkid_parttable_get_id(top), &t.id);
		if (r < 0)
			return r;
		collect_util_lower(t.id);
	}
	*ret = t;
	t = (struct blk_table){ 0 };
	return 0;
}

static int take_value(blkid_probe pr, const char *name, char **ret)
{
	const char *v = NULL;

	return blkid_probe_lookup_value(pr, name, &v, NULL) == 0 ? take(v, ret) : 0;
}

int blk_probe_fs(int fd, uint64_t offset, uint64_t size, struct machine_fs *ret,
		 bool *ret_ambiguous)
{
	CLEANUP(probe_free) blkid_probe pr = NULL;
	int r = new_probe(fd, offset, size, &pr);

	if (r < 0)
		return r;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
					      BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
					      BLKID_SUBLKS_VERSION
#ifdef BLKID_SUBLKS_FSINFO
					      | BLKID_SUBLKS_FSINFO
#endif
					  );
	errno = 0;
	r = blkid_do_safeprobe(pr);
	if (ret_ambiguous)
		*ret_ambiguous = r == -2;
	if (r == -1)
		return errno == ENOMEM ? -ENOMEM : -EIO;
	if (r != 0)
		return 0;
	r = take_value(pr, "TYPE", &ret->type);
	if (r == 0)
		r = take_value(pr, "USAGE", &ret->usage);
	if (r == 0)
		r = take_value(pr, "UUID", &ret->uuid);
	if (r == 0)
		r = take_value(pr, "LABEL", &ret->label);
	if (r == 0)
		r = take_value(pr, "VERSION", &ret->version);
	if (r == 0 && ret->size == 0) {
		const char *v = NULL;

		if (blkid_probe_lookup_value(pr, "FSSIZE", &v, NULL) == 0 && v)
			ret->size = strtoull(v, NULL, 10);
	}
	return r;
}

static int parse_text(const char *text, const char *key, char **ret)
{
	return *ret ? 0 : collect_util_key_enc(text, key, ret);
}

static uint64_t parse_number(const char *text, const char *key)
{
	CLEANUP(mem_free) char *s = NULL;
	uint64_t v = 0;

	if (collect_util_key(text, key, &s) == 0 && s)
		v = strtoull(s, NULL, 0);
	return v;
}

int blk_probe_parse_fs(const char *text, struct machine_fs *ret)
{
	int r = parse_text(text, "ID_FS_TYPE", &ret->type);

	if (r == 0)
		r = parse_text(text, "ID_FS_USAGE", &ret->usage);
	/* The plain forms have blanks and more replaced: second best. */
	if (r == 0)
		r = parse_text(text, "ID_FS_UUID_ENC", &ret->uuid);
	if (r == 0)
		r = parse_text(text, "ID_FS_UUID", &ret->uuid);
	if (r == 0)
		r = parse_text(text, "ID_FS_LABEL_ENC", &ret->label);
	if (r == 0)
		r = parse_text(text, "ID_FS_LABEL", &ret->label);
	if (r == 0)
		r = parse_text(text, "ID_FS_VERSION", &ret->version);
	return r;
}

int blk_probe_parse_table(const char *text, struct blk_table *ret)
{
	int r = parse_text(text, "ID_PART_TABLE_TYPE", &ret->type);

	if (r == 0)
		r = parse_text(text, "ID_PART_TABLE_UUID", &ret->id);
	collect_util_lower(ret->id);
	return r;
}

int blk_probe_parse_part(const char *text, struct blk_part *ret)
{
	CLEANUP(mem_free) char *scheme = NULL;
	uint64_t flags = parse_number(text, "ID_PART_ENTRY_FLAGS");
	uint64_t number = parse_number(text, "ID_PART_ENTRY_NUMBER");
	uint64_t start = parse_number(text, "ID_PART_ENTRY_OFFSET");
	uint64_t size = parse_number(text, "ID_PART_ENTRY_SIZE");
	bool dos;
	int r = parse_text(text, "ID_PART_ENTRY_SCHEME", &scheme);

	if (r == 0)
		r = parse_text(text, "ID_PART_ENTRY_TYPE", &ret->type);
	if (r == 0)
		r = parse_text(text, "ID_PART_ENTRY_UUID", &ret->uuid);
	if (r == 0)
		r = parse_text(text, "ID_PART_ENTRY_NAME", &ret->label);
	if (r < 0)
		return r;
	collect_util_lower(ret->type);
	collect_util_lower(ret->uuid);
	dos = scheme && strcmp(scheme, "dos") == 0;
	ret->number = number <= UINT32_MAX ? (uint32_t)number : 0;
	if (!u64_mul(start, 512, &ret->start) || !u64_mul(size, 512, &ret->size))
		ret->start = ret->size = 0;
	ret->boot = dos ? flags == MBR_ACTIVE : (flags & GPT_LEGACY_BOOT) != 0;
	ret->extended = dos && ret->type && (strcmp(ret->type, "0x5") == 0 ||
					     strcmp(ret->type, "0xf") == 0 ||
					     strcmp(ret->type, "0x85") == 0);
	return 0;
}

void blk_probe_part_done(struct blk_part *p)
{
	free(p->type);
	free(p->uuid);
	free(p->label);
	*p = (struct blk_part){ 0 };
}

void blk_probe_table_done(struct blk_table *t)
{
	for (size_t i = 0; i < t->nparts; i++)
		blk_probe_part_done(&t->parts[i]);
	free(t->parts);
	free(t->type);
	free(t->id);
	*t = (struct blk_table){ 0 };
}
