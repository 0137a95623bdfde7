/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Arrays that mdadm and the kernel made (tests/images/md.sh), full of numbered blocks: each block
 * is read where its number says. And the pictures of md.h, by which the other tests write arrays,
 * are those of the kernel.
 */
#include "disk/md/md_assemble.h"
#include "tests/images/md.h"

#define ALL	"all.img"

struct recorded {
	uint64_t array;			/* bytes */
	uint64_t at[MDW_MAX], size[MDW_MAX];
	unsigned int n;
};

static const struct expected {
	const char *name;
	struct mdw v;			/* n == 0: no picture of it */
	const char *why;		/* of the first member; NULL: trusted */
} table[] = {
	{ "r0", { .n = 0 }, NULL },
	{ "r0-zones-original", { .n = 0 }, NULL },
	{ "r0-zones-alternate", { .n = 0 }, NULL },
	{ "linear", { .n = 0 }, NULL },
	{ "linear-090", { .n = 0 }, NULL },
	{ "r1", { "", 1, 0, 2, 4, 12, 576 * KIB, 64 * KIB, NULL }, NULL },
	{ "r1-10", { "", 1, 0, 2, 4, 10, 576 * KIB, 0, NULL }, NULL },
	{ "r1-11-bitmap", { .n = 0 }, NULL },
	{ "r1-090-bitmap", { "", 1, 0, 2, 4, 90, 576 * KIB, 0, NULL }, NULL },
	{ "r1-missing", { .n = 0 }, NULL },
	{ "r1-stale", { .n = 0 }, NULL },
	{ "r4", { "", 4, 0, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-left-asymmetric", { "", 5, 0, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-right-asymmetric", { "", 5, 1, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-left-symmetric", { "", 5, 2, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-right-symmetric", { "", 5, 3, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-parity-first", { "", 5, 4, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-parity-last", { "", 5, 5, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-left-asymmetric", { "", 6, 0, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-right-asymmetric", { "", 6, 1, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-left-symmetric", { "", 6, 2, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-right-symmetric", { "", 6, 3, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-parity-first", { "", 6, 4, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r6-parity-last", { "", 6, 5, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-090", { "", 5, 2, 3, 8, 90, 512 * KIB, 0, NULL }, NULL },
	{ "r5-spare", { "", 5, 2, 3, 64, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r5-degraded", { .n = 0 }, "1 of the 3 members of md/r5-degraded are missing" },
	{ "r5-ppl", { .n = 0 }, "has a journal" },
	{ "r6-ddf", { .n = 0 }, "layout of RAID 6 that is not known (10)" },
	{ "r6-like5", { .n = 0 }, "layout of RAID 6 that is not known (18)" },
	{ "r10-n2x4", { "", 10, 0x102, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-n2x3", { "", 10, 0x102, 3, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-n3x4", { "", 10, 0x103, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-f2x3", { "", 10, 0x201, 3, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-f2x4", { "", 10, 0x201, 4, 8, 12, 504 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-f3x4", { "", 10, 0x301, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-o2x3", { "", 10, 0x10201, 3, 8, 12, 504 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-o2x4", { "", 10, 0x10201, 4, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-o3x5", { "", 10, 0x10301, 5, 8, 12, 512 * KIB, 64 * KIB, NULL }, NULL },
	{ "r10-090", { "", 10, 0x102, 4, 8, 90, 512 * KIB, 0, NULL }, NULL },
	{ "r10-degraded", { .n = 0 }, NULL },
};

/* Unpacks it. */
static void load(const char *name, struct recorded *ret)
{
	static const char here[] = __FILE__;
	char dir[512], cwd[256], line[640], *p, *next;
	uint64_t at = 0;
	bool found = false;
	FILE *f;

	ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
	snprintf(dir, sizeof(dir), "%s%s%.*s../images/md", here[0] == '/' ? "" : cwd,
		 here[0] == '/' ? "" : "/", (int)(strrchr(here, '/') - here + 1), here);
	memset(ret, 0, sizeof(*ret));
	snprintf(line, sizeof(line), "%s/arrays.txt", dir);
	f = fopen(line, "r");
	ck_assert_msg(f != NULL, "%s: %s", line, strerror(errno));
	while (!found && fgets(line, sizeof(line), f)) {
		p = strchr(line, ' ');
		ck_assert_ptr_nonnull(p);
		*p++ = '\0';
		if (strcmp(line, name) != 0)
			continue;
		found = true;
		ret->array = strtoull(p, &p, 10);
		while (ret->n < MDW_MAX) {
			uint64_t size = strtoull(p, &next, 10);

			if (next == p)
				break;
			p = next;
			ret->at[ret->n] = at;
			ret->size[ret->n++] = size;
			at += size;
		}
	}
	fclose(f);
	ck_assert(found && ret->n > 0);
	ck_assert_int_eq(image_run("zstd -q -d -f -o " ALL " %s/%s.zst", dir, name), 0);
}

static void blocks_are_in_place(const struct space *s, const char *name)
{
	uint8_t buf[4096], zero[4096] = { 0 };
	struct err err = ERR_INIT;

	for (uint64_t at = 0; at + sizeof(buf) <= s->size; at += sizeof(buf)) {
		uint64_t number = at / sizeof(buf);

		/* Written when one leg had gone already. */
		if (strcmp(name, "r1-stale") == 0 && number >= 16 && number < 32)
			number -= 16;
		ck_assert_msg(space_read(s, buf, sizeof(buf), at, &err) == 0, "%s: %s", name,
			      err.text);
		ck_assert_msg(memcmp(buf, "md", 2) == 0 && get_le32(buf + 2) == number,
			      "%s: block %u instead of %" PRIu64, name, get_le32(buf + 2), number);
		ck_assert(memcmp(buf + 8, zero, sizeof(buf) - 8) == 0);
	}
}

START_TEST(recorded)
{
	const struct expected *e = &table[_i];
	CLEANUP(disk_free) struct disk *disk = NULL;
	CLEANUP(space_free) struct space *whole = NULL;
	CLEANUP(assembly_done) struct assembly a = { 0 };
	struct space *members[MDW_MAX];
	struct recorded rec;
	struct err err = ERR_INIT;

	IMAGE_NEED("zstd");
	load(e->name, &rec);
	ck_assert_msg(disk_open(image_path(ALL), 0, &disk, &err) == 0, "%s", err.text);
	ck_assert_int_eq(space_on_disk(disk, NULL, e->name, &whole, &err), 0);
	for (unsigned int i = 0; i < rec.n; i++)
		ck_assert_int_eq(space_slice(whole, rec.at[i], rec.size[i], e->name, &members[i],
					     &err), 0);
	ck_assert_int_eq(md_assemble(members, rec.n, &a, &err), 0);
	ck_assert_uint_le(a.nvolumes, 1);
	if (e->why) {
		ck_assert_msg(!a.members[0].trusted && strstr(a.members[0].why, e->why), "%s: %s",
			      e->name, a.members[0].why);
		ck_assert(a.nvolumes == 0 || !a.volumes[0].space);
	} else {
		ck_assert_uint_eq(a.nvolumes, 1);
		ck_assert_msg(a.volumes[0].space != NULL, "%s: %s", e->name, a.volumes[0].why);
		ck_assert_msg(a.volumes[0].space->size == rec.array, "%s: %" PRIu64
			      " instead of %" PRIu64, e->name, a.volumes[0].space->size, rec.array);
		blocks_are_in_place(a.volumes[0].space, e->name);
	}
	if (strcmp(e->name, "r1-stale") == 0)
		ck_assert(strstr(a.members[1].why, "stale member of md"));
	if (strcmp(e->name, "r5-spare") == 0)
		ck_assert(strstr(a.members[3].why, "spare of md"));
	if (e->v.n > 0) {
		static const char *const images[MDW_MAX] = { ALL, ALL, ALL, ALL, ALL, ALL };
		uint64_t data_at[MDW_MAX];

		for (unsigned int i = 0; i < e->v.n; i++)
			data_at[i] = rec.at[i] + e->v.offset;
		ck_assert_msg(mdw_mismatches(&e->v, images, data_at) == 0, "%s: another picture",
			      e->name);
	}
	assembly_done(&a);
	for (unsigned int i = 0; i < rec.n; i++)
		space_free(members[i]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("md_recorded");
	TCase *t = tcase_create("md_recorded");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, recorded, 0, ARRAY_SIZE(table));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
