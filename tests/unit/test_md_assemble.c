/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which members make an array, and every reason why they may not. All in memory. */
#include <sys/mman.h>
#include "disk/md/md_assemble.h"
#include "tests/images/md.h"

#define SIZE	(1 * MIB)		/* of each member */

struct mem {
	struct space space;
	uint8_t *p;
	bool broken;
};

static int mem_read(const struct space *s, void *buf, size_t len, uint64_t offset, struct err *err)
{
	const struct mem *m = container_of(s, const struct mem, space);

	if (m->broken)
		return err_set(err, EIO, "broken");
	memcpy(buf, m->p + offset, len);
	return 0;
}

static void mem_release(struct space *s, uint64_t offset, uint64_t length)
{
	(void)s, (void)offset, (void)length;
}

static const struct space_ops mem_ops = { .read = mem_read, .release = mem_release };

static struct mem mem[MDW_MAX];
static struct assembly got;

static void done(void)
{
	assembly_done(&got);
	for (unsigned int i = 0; i < MDW_MAX; i++)
		if (mem[i].p)
			munmap(mem[i].p, SIZE);
	memset(mem, 0, sizeof(mem));
}

static uint8_t *super_of(const struct mdw *v, unsigned int i)
{
	return mem[i].p + mdw_super_at(v, SIZE);
}

/* n members (those behind v->n are spares), with superblocks and without data. */
static void make(const struct mdw *v, unsigned int n)
{
	done();
	for (unsigned int i = 0; i < n; i++) {
		space_init(&mem[i].space, &mem_ops, SIZE, 512, "mem%u", i);
		/* Pages that nobody touches cost nothing. */
		mem[i].p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
		ck_assert_ptr_ne(mem[i].p, MAP_FAILED);
		mdw_super(v, i, SIZE, super_of(v, i));
	}
}

static void assemble(unsigned int n)
{
	struct space *members[MDW_MAX];
	struct err err = ERR_INIT;

	for (unsigned int i = 0; i < n; i++)
		members[i] = &mem[i].space;
	assembly_done(&got);
	ck_assert_msg(md_assemble(members, n, &got, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(got.nmembers, n);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_ptr_nonnull(got.members[i].why);
		ck_assert_uint_eq(got.members[i].free.n, 0);
		if (!got.members[i].trusted)
			ck_assert_msg(strstr(got.members[i].why, ": all used") != NULL, "%s",
				      got.members[i].why);
	}
	for (size_t i = 0; i < got.nvolumes; i++) {
		const struct assembly_volume *a = &got.volumes[i];

		ck_assert_int_eq(a->space == NULL, a->why != NULL);
		for (size_t k = 0; k < a->nmembers; k++)
			ck_assert(got.members[a->members[k]].trusted);
	}
}

/* NULL: trusted. */
static void expect(unsigned int i, const char *why, const char *label)
{
	const struct assembly_member *m = &got.members[i];

	ck_assert_msg(m->trusted == (why == NULL), "%s, member %u: %s", label, i, m->why);
	ck_assert_msg(strstr(m->why, why ? why : "member of md") != NULL, "%s, member %u: %s",
		      label, i, m->why);
}

static const struct mdw r0 = { "raid0", 0, 0, 2, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw lin = { "linear", -1, 0, 2, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r1 = { "raid1", 1, 0, 2, 0, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r1x3 = { "raid1", 1, 0, 3, 0, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r1_10 = { "raid1", 1, 0, 2, 0, 10, 512 * KIB, 0, NULL };
static const struct mdw r4 = { "raid4", 4, 5, 3, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r5 = { "raid5", 5, 2, 3, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r6 = { "raid6", 6, 2, 4, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw r10 = { "raid10", 10, 0x102, 4, 16, 12, 512 * KIB, 64 * KIB, NULL };
static const struct mdw v0 = { "0.90", 1, 0, 2, 0, 90, 512 * KIB, 0, NULL };

#define ALL	(~0u)

static const struct change {
	const struct mdw *v;
	unsigned int members;		/* bits: whose superblock is changed */
	unsigned int at, width;		/* width 0: nothing, 1: and no checksum */
	uint64_t value;
	const char *why[2];		/* of the first two members */
} changes[] = {
	{ &r0, ALL, 0, 0, 0, { NULL, NULL } },
	{ &lin, ALL, 0, 0, 0, { NULL, NULL } },
	{ &r1, ALL, 0, 0, 0, { NULL, NULL } },
	{ &r1_10, ALL, 0, 0, 0, { NULL, NULL } },
	{ &r4, ALL, 0, 0, 0, { NULL, NULL } },
	{ &r10, ALL, 0, 0, 0, { NULL, NULL } },
	{ &v0, ALL, 0, 0, 0, { NULL, NULL } },
	{ &r1, 2, 217, 1, 0xee, { "member 1 of md/data is not here", "superblock is damaged" } },
	{ &r1, 2, 0, 4, 0, { "member 1 of md/data is not here", "no md superblock" } },
	/* States. */
	{ &r1, ALL, 8, 4, 1 << 2, { "being reshaped", "being reshaped" } },
	{ &r1, 2, 8, 4, 1 << 1, { "member 1 of md/data is not here", "being recovered" } },
	{ &r5, ALL, 8, 4, 1 << 9, { "has a journal", "has a journal" } },
	{ &r5, ALL, 8, 4, 1 << 10, { "has a journal", "has a journal" } },
	{ &r5, ALL, 8, 4, 1 << 11, { "has a journal", "has a journal" } },
	{ &r1, ALL, 8, 4, 1 << 8, { "belongs to a cluster", "belongs to a cluster" } },
	{ &r1, 2, 8, 4, 1 << 4, { "is not here", "features are unknown (0x10)" } },
	{ &r1, ALL, 8, 4, 1 << 13, { "unknown", "unknown" } },
	{ &r1, ALL, 8, 4, 1u << 31, { "unknown (0x80000000)", "unknown" } },
	{ &r1, ALL, 208, 8, 0, { "not stopped in sync", "not stopped in sync" } },
	{ &r5, ALL, 208, 8, 4096, { "not stopped in sync", "not stopped in sync" } },
	{ &r0, ALL, 208, 8, 0, { NULL, NULL } },	/* nothing to be in sync */
	{ &v0, ALL, 4 * 33, 4, 0, { "md3 was not stopped in sync", "not stopped in sync" } },
	{ &v0, ALL, 4 * 2, 4, 91, { "being reshaped", "being reshaped" } },
	{ &v0, 2, 4 * 996, 4, 2, { "is not here", "being recovered" } },
	{ &v0, 1, 4 * (128 + 32 + 4), 4, 2, { "being recovered", "is not here" } },
	/* Places. */
	{ &r1, 1, 128, 8, 0, { "does not fit its device", "member 0 of md/data is not here" } },
	{ &r1, 1, 128, 8, 15, { "does not fit", "is not here" } },
	{ &r1, 1, 128, 8, UINT64_MAX / 512, { "does not fit", "is not here" } },
	{ &r1, 1, 128, 8, UINT64_MAX, { "does not fit", "is not here" } },
	{ &r1, 1, 136, 8, 0, { "does not fit", "is not here" } },
	{ &r1, 1, 136, 8, SIZE / 512, { "does not fit", "is not here" } },
	{ &r1, 1, 136, 8, 1000, { "does not fit", "is not here" } },	/* less than is used */
	{ &r1_10, 1, 136, 8, SIZE / 512, { "does not fit", "is not here" } },
	{ &r1_10, ALL, 128, 8, 8, { NULL, NULL } },
	{ &v0, ALL, 4 * 8, 4, 1000, { "does not fit", "does not fit" } },
	{ &r1, ALL, 80, 8, 0, { "impossible", "impossible" } },
	{ &r5, ALL, 80, 8, 7, { "impossible", "impossible" } },		/* less than a chunk */
	/* Shapes. */
	{ &r1, ALL, 92, 4, 0, { "impossible number of members", "impossible number" } },
	{ &r1, ALL, 92, 4, 129, { "impossible number", "impossible number" } },
	{ &r1, ALL, 92, 4, UINT32_MAX, { "impossible number", "impossible number" } },
	{ &r1, ALL, 92, 4, 1, { "impossible place", "impossible place" } },
	{ &r0, ALL, 92, 4, 3, { "1 of the 3 members of md/data are missing", "missing" } },
	{ &lin, ALL, 92, 4, 3, { "missing", "missing" } },
	{ &r1, ALL, 92, 4, 3, { NULL, NULL } },
	{ &r5, ALL, 92, 4, 4, { "1 of the 4 members", "1 of the 4 members" } },
	{ &r6, ALL, 92, 4, 5, { "1 of the 5 members", "1 of the 5 members" } },
	{ &r10, ALL, 92, 4, 5, { NULL, NULL } },
	{ &r10, ALL, 92, 4, 6, { "2 of the 6 members", "2 of the 6 members" } },
	{ &r5, ALL, 72, 4, 7, { "level of md that is not known (7)", "not known" } },
	{ &r1, ALL, 72, 4, (uint32_t)-4, { "level of md that is not known (-4)", "not known" } },
	{ &r1, ALL, 72, 4, (uint32_t)-1000000, { "not known", "not known" } },
	{ &r5, ALL, 88, 4, 0, { "impossible", "impossible" } },
	{ &r5, ALL, 88, 4, 24, { "impossible", "impossible" } },
	{ &r5, ALL, 88, 4, 4, { "impossible", "impossible" } },
	{ &r0, ALL, 88, 4, 0, { "impossible", "impossible" } },
	{ &r0, ALL, 88, 4, 3, { "impossible", "impossible" } },
	{ &r0, ALL, 88, 4, 2048, { "impossible", "impossible" } },
	{ &lin, ALL, 88, 4, 0, { NULL, NULL } },
	{ &lin, ALL, 88, 4, 3, { NULL, NULL } },
	{ &lin, ALL, 88, 4, 2048, { "impossible", "impossible" } },
	{ &r10, ALL, 88, 4, 1, { "impossible", "impossible" } },
	{ &r10, ALL, 88, 4, 2048, { "impossible", "impossible" } },
	{ &r5, ALL, 76, 4, 5, { NULL, NULL } },
	{ &r5, ALL, 76, 4, 6, { "layout of RAID 5 that is not known (6)", "not known" } },
	{ &r6, ALL, 76, 4, 10, { "layout of RAID 6 that is not known (10)", "not known" } },
	{ &r6, ALL, 76, 4, 18, { "not known", "not known" } },
	{ &r4, ALL, 76, 4, 0, { NULL, NULL } },
	{ &r4, ALL, 76, 4, 4, { "layout of RAID 4", "not known" } },
	{ &r10, ALL, 76, 4, 0x101, { "layout of RAID 10 that is not known (0x101)", "not known" } },
	{ &r10, ALL, 76, 4, 0x202, { "not known", "not known" } },
	{ &r10, ALL, 76, 4, 0x105, { "not known", "not known" } },
	{ &r10, ALL, 76, 4, 0x100, { "not known", "not known" } },
	{ &r10, ALL, 76, 4, 0x10102, { "not known", "not known" } },
	{ &r10, ALL, 76, 4, 0x20201, { "not known", "not known" } },
	{ &r10, ALL, 76, 4, 0x10201, { NULL, NULL } },
	/* Zones. */
	{ &r0, 1, 136, 8, 800, { "different sizes", "nobody knows in which layout" } },
	/* They must agree. */
	{ &r1, 2, 64 + 8, 4, 10, { "members of md/data contradict each other", "contradict" } },
	{ &r1, 2, 33, 2, 'x', { "contradict", "contradict" } },
	{ &r1, 2, 76, 4, 1, { "contradict", "contradict" } },
	{ &r1, 2, 80, 8, 512, { "contradict", "contradict" } },
	{ &r1, 2, 88, 4, 8, { "contradict", "contradict" } },
	{ &r1, 2, 92, 4, 3, { "contradict", "contradict" } },
	{ &r1, 2, 208, 8, 0, { "contradict", "contradict" } },
	{ &r1, 2, 8, 4, 1 << 12, { "contradict", "contradict" } },
	{ &r1, 2, 256 + 4, 2, 2, { "contradict", "contradict" } },
	{ &r1, 2, 220, 4, 127, { "contradict", "contradict" } },
	{ &r1, 2, 160, 4, 0, { "two are the same member", "two are the same member" } },
	{ &r1, ALL, 16, 4, 1, { NULL, NULL } },
	{ &r1, 2, 16, 4, 1, { "member 1 of md/data is not here", "member 0 of md/data is" } },
	{ &v0, 2, 4 * 995, 4, 0, { "impossible place", "impossible place" } },
	{ &v0, 2, 4 * 992, 4, 0, { "impossible place", "impossible place" } },
	{ &v0, 2, 4 * 992, 4, 99, { "impossible place", "impossible place" } },
	/* Those who do not belong to it, though they should. */
	{ &r1, 2, 200, 8, 17, { "member 1 of md/data is not here", "stale member of md 7777" } },
	{ &r1, 1, 200, 8, 17, { "stale member of md 77777777:77777777:77777777:77777777",
				"member 0 of md/data is not here" } },
	{ &v0, 2, 4 * 39, 4, 17, { "is not here", "stale member of md 11223344:00000005" } },
	{ &r1, 2, 258, 2, 0xffff, { "is not here", "spare of md" } },
	{ &r1, 2, 258, 2, 0xfffe, { "is not here", "faulty member of md" } },
	{ &r1, 2, 258, 2, 0xfffd, { "is not here", "journal of md" } },
	{ &r1, 2, 160, 4, 500, { "is not here", "spare of md" } },
	{ &r1, 2, 160, 4, 1000000, { "is not here", "spare of md" } },
	/* And as they do when the others know it: a mirror goes on. */
	{ &r1, ALL, 258, 2, 0xffff, { NULL, "spare of md" } },
	{ &r1, ALL, 258, 2, 0xfffe, { NULL, "faulty member of md" } },
	{ &r5, ALL, 258, 2, 0xfffe, { "1 of the 3 members", "faulty member of md" } },
	{ &r1, ALL, 256, 4, 0xffffffff, { "spare of md", "spare of md" } },
};

START_TEST(each_reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		const struct change *c = &changes[i];
		char label[64];

		snprintf(label, sizeof(label), "change %zu (%s)", i, c->v->label);
		make(c->v, c->v->n);
		for (unsigned int m = 0; m < c->v->n; m++) {
			uint8_t value[8], *sb = super_of(c->v, m);

			if (!(c->members & 1u << m))
				continue;
			put_le64(value, c->value);
			memcpy(sb + c->at, value, c->width);
			if (c->width > 1)
				mdw_checksum(sb, c->v->version == 90);
		}
		assemble(c->v->n);
		expect(0, c->why[0], label);
		expect(1, c->why[1], label);
	}
}
END_TEST

/* The stale one knows less than the others, who know that it has gone. */
START_TEST(a_mirror_without_its_stale_leg)
{
	uint8_t byte;

	make(&r1, 2);
	put_le16(super_of(&r1, 0) + 258, 0xfffe);
	put_le64(super_of(&r1, 0) + 200, 30);
	mdw_checksum(super_of(&r1, 0), false);
	mem[0].p[64 * KIB + 100] = 0x11;
	mem[1].p[64 * KIB + 100] = 0x22;
	assemble(2);
	expect(0, NULL, "new leg");
	expect(1, "stale member of md", "old leg");
	ck_assert_uint_eq(got.nvolumes, 1);
	ck_assert_uint_eq(got.volumes[0].nmembers, 1);
	ck_assert_int_eq(space_read(got.volumes[0].space, &byte, 1, 100, NULL), 0);
	ck_assert_uint_eq(byte, 0x11);
	ck_assert_uint_eq(got.volumes[0].space->size, r1.size);

	/* Each thinks that the other has gone, equally often. */
	make(&r1, 2);
	put_le16(super_of(&r1, 0) + 258, 0xfffe);
	put_le16(super_of(&r1, 1) + 256, 0xfffe);
	mdw_checksum(super_of(&r1, 0), false);
	mdw_checksum(super_of(&r1, 1), false);
	assemble(2);
	expect(0, "contradict", "one half");
	expect(1, "contradict", "the other");
}
END_TEST

START_TEST(a_stripe_of_mirrors_without_legs)
{
	for (unsigned int gone = 1; gone < 16; gone++) {
		bool complete = (gone & 3) != 3 && (gone & 12) != 12;
		uint8_t buf[64 * KIB];

		make(&r10, 4);
		for (unsigned int m = 0; m < 4; m++) {
			for (unsigned int k = 0; k < 4; k++)
				if (gone & 1u << k)
					put_le16(super_of(&r10, m) + 256 + 2 * k, 0xfffe);
			mdw_checksum(super_of(&r10, m), false);
		}
		assemble(4);
		for (unsigned int m = 0; m < 4; m++)
			expect(m, gone & 1u << m ? "faulty" : complete ? NULL : "are missing",
			       "raid10");
		if (complete)
			ck_assert_int_eq(space_read(got.volumes[0].space, buf, sizeof(buf), 0,
						    NULL), 0);
	}
}
END_TEST

START_TEST(a_bad_sector_of_one_leg)
{
	uint8_t buf[1024];

	make(&r10, 4);
	assemble(4);
	expect(0, NULL, "raid10");
	mem[0].broken = true;
	ck_assert_int_eq(space_read(got.volumes[0].space, buf, sizeof(buf), 0, NULL), 0);
	mem[1].broken = true;
	ck_assert_int_eq(space_read(got.volumes[0].space, buf, sizeof(buf), 0, NULL), -EIO);
	ck_assert_int_eq(space_read(got.volumes[0].space, buf, sizeof(buf), 16 * KIB, NULL), 0);
	/* A superblock that cannot be read. */
	assemble(4);
	expect(0, "its metadata is unreadable", "raid10");
	expect(2, "member 0 of md/data is not here", "raid10");
}
END_TEST

static void set_bad(unsigned int m, int32_t offset, unsigned int sectors, uint64_t first)
{
	uint8_t *sb = super_of(&r1, m);

	put_le32(sb + 8, 1 << 3);
	put_le16(sb + 186, (uint16_t)sectors);
	put_le32(sb + 188, (uint32_t)offset);
	memset(mem[m].p + 16 * KIB, 0xff, 4096);
	put_le64(mem[m].p + 16 * KIB, first);
	mdw_checksum(sb, false);
}

START_TEST(logs_of_bad_blocks_and_bitmaps)
{
	static const struct {
		int32_t offset;
		unsigned int sectors;
		uint64_t first;
		const char *why;
	} logs[] = {
		{ 24, 8, UINT64_MAX, NULL },
		{ 24, 8, 4711 << 10 | 3, "md has bad blocks in its log" },
		{ 24, 0, UINT64_MAX, "log of bad blocks has no place" },
		{ 24, 9, UINT64_MAX, "has no place" },
		{ 0, 8, UINT64_MAX, "has no place" },
		{ -9, 8, UINT64_MAX, "has no place" },
		{ 119, 8, UINT64_MAX, "has no place" },		/* into the data */
		{ 200, 8, UINT64_MAX, "has no place" },
		{ INT32_MAX, 8, UINT64_MAX, "has no place" },
		{ INT32_MIN, 8, UINT64_MAX, "has no place" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		make(&r1, 2);
		set_bad(0, logs[i].offset, logs[i].sectors, logs[i].first);
		assemble(2);
		expect(0, logs[i].why, "bad blocks");
	}
	for (int32_t at = -200; at < 2500; at += 25) {
		bool beside = at >= -8 && (at + 8 < 128 || (at + 8 >= 1152 && at < 2040));

		make(&r1, 2);
		for (unsigned int m = 0; m < 2; m++) {
			put_le32(super_of(&r1, m) + 8, 1);
			put_le32(super_of(&r1, m) + 96, (uint32_t)at);
			mdw_checksum(super_of(&r1, m), false);
		}
		assemble(2);
		if (at != 0)
			expect(0, beside ? NULL : "bitmap does not lie beside the data", "bitmap");
	}
}
END_TEST

START_TEST(several_superblocks)
{
	struct mdw other = r1;

	/* An old one of another version. */
	for (unsigned int i = 0; i < 3; i++) {
		static const unsigned int versions[] = { 90, 10, 11 };

		make(&r1, 2);
		other.version = versions[i];
		mdw_super(&other, 0, SIZE, super_of(&other, 0));
		assemble(2);
		expect(0, "there are several md superblocks", "old one");
		super_of(&other, 0)[100] ^= 1;
		assemble(2);
		expect(0, "an md superblock is damaged", "old one");
	}
	/* 0.90 where another belongs. */
	make(&r1, 2);
	mdw_super(&v0, 0, SIZE, mem[0].p + 4096);
	assemble(2);
	expect(0, "does not fit its device", "0.90");
	/* Turned. */
	make(&v0, 2);
	for (unsigned int m = 0; m < 2; m++)
		for (uint8_t *p = super_of(&v0, m), *e = p + 4096; p < e; p += 4)
			put_be32(p, get_le32(p));
	assemble(2);
	expect(0, "another byte order", "big");
}
END_TEST

START_TEST(names)
{
	static const char *const table[][2] = {
		{ "box:data", "md/data" }, { "0", "md/0" }, { "any:1:2", "md/1:2" },
		{ "box:", "md/box:" }, { "a\nb:c\x1b[1m", "md/c\\x1b[1m" }, { "", "md/77777777" },
		{ "0123456789012345678901234567890123456789",
		  "md/01234567890123456789012345678901" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct mdw v = r1;

		v.name = table[i][0];
		make(&v, 2);
		assemble(2);
		ck_assert_uint_eq(got.nvolumes, 1);
		ck_assert_str_eq(got.volumes[0].name, table[i][1]);
	}
	make(&v0, 2);
	assemble(2);
	ck_assert_str_eq(got.volumes[0].name, "md3");
}
END_TEST

/* Two arrays, their members mixed, and a spare. */
START_TEST(more_than_one_array)
{
	make(&r1, 6);
	for (unsigned int i = 1; i < 6; i += 2) {
		mdw_super(&r1, i / 2, SIZE, super_of(&r1, i));
		super_of(&r1, i)[16] = 1;
		mdw_checksum(super_of(&r1, i), false);
	}
	for (unsigned int i = 0; i < 6; i += 2)
		mdw_super(&r1, i / 2, SIZE, super_of(&r1, i));
	assemble(6);
	ck_assert_uint_eq(got.nvolumes, 2);
	for (unsigned int i = 0; i < 4; i++)
		expect(i, NULL, "two arrays");
	expect(4, "spare of md 77777777:77777777:77777777:77777777", "spare");
	expect(5, "spare of md 01777777", "spare");
	ck_assert_uint_eq(got.volumes[0].nmembers, 2);
	ck_assert_uint_eq(got.volumes[0].members[1], 2);
}
END_TEST

/* After any byte under a checksum is changed, nothing is trusted that was not. */
START_TEST(damage)
{
	static const struct mdw *const v[] = { &r1, &r5, &v0, &r1_10 };
	uint64_t rnd = 99;

	for (int i = 0; i < (UNIT_SANITIZED ? 800 : 3000); i++) {
		const struct mdw *w = v[i % (int)ARRAY_SIZE(v)];
		unsigned int m = (unsigned int)(image_random(&rnd) % w->n);
		size_t len = w->version == 90 ? 4096 : 256 + 2 * 128, at;

		make(w, w->n);
		at = image_random(&rnd) % len;
		super_of(w, m)[at] ^= (uint8_t)(1 + image_random(&rnd) % 255);
		assemble(w->n);
		ck_assert(!got.members[m].trusted);
		for (unsigned int k = 0; k < w->n; k++)
			ck_assert(!got.members[k].trusted);
	}
}
END_TEST

/* Absurd numbers with a good checksum: an answer, and what it gives can be read. */
START_TEST(absurd)
{
	static const struct mdw *const v[] = { &r0, &lin, &r1x3, &r4, &r5, &r6, &r10, &v0 };
	static const uint64_t values[] = { 0, 1, 2, 3, 127, 128, 0xff, 0x100, 0xfffe, 0xffff,
					   INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };
	uint64_t rnd = 5;
	unsigned int trusted = 0;

	for (int i = 0; i < (UNIT_SANITIZED ? 4000 : 12000); i++) {
		const struct mdw *w = v[i % (int)ARRAY_SIZE(v)];
		unsigned int times = 1 + (unsigned int)(image_random(&rnd) % 3);
		uint8_t value[8];

		make(w, w->n);
		for (unsigned int t = 0; t < times; t++) {
			size_t at = image_random(&rnd) % 290, width = 1u << image_random(&rnd) % 4;
			uint64_t some = image_random(&rnd);
			unsigned int who = (unsigned int)(image_random(&rnd) % 3 == 0 ? 1 : ALL);

			if (w->version == 90 && image_random(&rnd) % 2)
				at = 3968 + image_random(&rnd) % 20;
			at = ALIGN_DOWN(MAX(at, (size_t)8), (size_t)4);
			put_le64(value, image_random(&rnd) % 3 ?
				 values[some % ARRAY_SIZE(values)] : some % 4096);
			for (unsigned int m = 0; m < w->n; m++)
				if (who & 1u << m)
					memcpy(super_of(w, m) + at, value, width);
		}
		for (unsigned int m = 0; m < w->n; m++)
			mdw_checksum(super_of(w, m), w->version == 90);
		assemble(w->n);
		for (size_t k = 0; k < got.nvolumes; k++) {
			struct space *s = got.volumes[k].space;
			uint8_t buf[8192];

			if (!s)
				continue;
			trusted++;
			for (uint64_t at = 0; at < s->size; at += MAX(s->size / 7, UINT64_C(512)))
				ck_assert_int_eq(space_read(s, buf, (size_t)MIN(sizeof(buf),
							    s->size - at), at, NULL), 0);
			space_release(s, 512, s->size - 1024);
		}
	}
	ck_assert_uint_gt(trusted, UNIT_SANITIZED ? 300 : 1000);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("md_assemble");
	TCase *t = tcase_create("md_assemble");

	tcase_add_checked_fixture(t, NULL, done);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, each_reason);
	tcase_add_test(t, a_mirror_without_its_stale_leg);
	tcase_add_test(t, a_stripe_of_mirrors_without_legs);
	tcase_add_test(t, a_bad_sector_of_one_leg);
	tcase_add_test(t, logs_of_bad_blocks_and_bitmaps);
	tcase_add_test(t, several_superblocks);
	tcase_add_test(t, names);
	tcase_add_test(t, more_than_one_array);
	tcase_add_test(t, damage);
	tcase_add_test(t, absurd);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
