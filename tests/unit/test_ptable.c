/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Partition tables made by sfdisk, and then spoilt. */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "disk/crc32.h"
#include "disk/ptable.h"

#define SIZE	(64 * MIB)

static struct ptable table;

/* sector 0: 512 */
static void read_table(uint32_t sector)
{
	struct disk *d = NULL;
	struct err err = ERR_INIT;

	ptable_done(&table);
	ck_assert_msg(disk_open(image_path("disk.img"), sector, &d, &err) == 0, "%s", err.text);
	ck_assert_msg(ptable_read(d, &table, &err) == 0, "%s", err.text);
	ck_assert_int_eq(table.understood, table.why[0] == '\0');
	disk_free(d);
}

static void expect_doubt(const char *phrase)
{
	read_table(0);
	ck_assert(!table.understood);
	ck_assert_msg(strstr(table.why, phrase) != NULL, "%s, not %s", table.why, phrase);
}

/* sfdisk takes a quarter of a second, waiting for nobody: the same script is run but once. */
static void make(const char *script)
{
	uint32_t name = crc32_bare(~0u, script, strlen(script));

	ck_assert_msg(image_run("test -e %08x.img || { truncate -s %" PRIu64 " tmp.img && "
				"printf '%s' | sfdisk -q tmp.img && mv tmp.img %08x.img; }; "
				"cp %08x.img disk.img", name, SIZE, script, name, name) == 0,
		      "%s", script);
}

static void expect_part(size_t i, uint32_t number, uint64_t start_mib, uint64_t mib,
			const char *type)
{
	const struct ptable_part *p = &table.parts[i];

	ck_assert_uint_lt(i, table.nparts);
	ck_assert_uint_eq(p->number, number);
	ck_assert_uint_eq(p->offset, start_mib * MIB);
	ck_assert_uint_eq(p->length, mib * MIB);
	ck_assert_str_eq(p->type, type);
}

static const char gpt_script[] =
	"label: gpt\\nlabel-id: 11111111-2222-3333-4444-555555555555\\n"
	"3: start=1MiB, size=2MiB, type=U, name=\"EFI\", "
	"uuid=AAAAAAAA-2222-3333-4444-555555555555\\n"
	"1: start=30MiB, size=20MiB, name=\"Daten groß\", attrs=\"LegacyBIOSBootable\"\\n"
	"2: start=3MiB, size=10MiB, type=E6D6D379-F507-44C2-A23C-238F2A3DF928\\n";
static const char dos_script[] =
	"label: dos\\nlabel-id: 0xdeadbeef\\n"
	"1: start=1MiB, size=9MiB, type=83, bootable\\n"
	"2: start=10MiB, size=40MiB, type=5\\n"
	"3: start=55MiB, size=2MiB, type=7\\n"
	"5: start=11MiB, size=9MiB, type=82\\n"
	"6: start=25MiB, size=10MiB, type=8e\\n"
	"7: start=40MiB, size=10MiB, type=83\\n";

START_TEST(gpt)
{
	IMAGE_NEED("sfdisk");
	make(gpt_script);
	read_table(0);
	ck_assert_msg(table.understood, "%s", table.why);
	ck_assert_str_eq(table.kind, "gpt");
	ck_assert_str_eq(table.uuid, "11111111-2222-3333-4444-555555555555");
	ck_assert_uint_eq(table.nparts, 3);
	expect_part(0, 3, 1, 2, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	expect_part(1, 2, 3, 10, "e6d6d379-f507-44c2-a23c-238f2a3df928");
	expect_part(2, 1, 30, 20, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	ck_assert_str_eq(table.parts[0].label, "EFI");
	ck_assert_str_eq(table.parts[0].uuid, "aaaaaaaa-2222-3333-4444-555555555555");
	ck_assert_str_eq(table.parts[2].label, "Daten groß");
	ck_assert_uint_eq(table.parts[2].flags, 4);
	ck_assert(!table.parts[0].extended && !table.parts[0].logical && !table.parts[0].nested);
	ck_assert_uint_le(table.usable_offset, MIB);
	ck_assert_uint_lt(table.usable_offset + table.usable_length, SIZE);
	ck_assert_uint_gt(table.usable_offset + table.usable_length, SIZE - MIB);
}
END_TEST

START_TEST(gpt_4kn)
{
	IMAGE_NEED("fdisk");
	image_make("disk.img", SIZE);
	ck_assert_int_eq(image_run("printf 'g\\nn\\n1\\n256\\n1279\\nn\\n2\\n4096\\n6143\\nw\\n' | "
				   "fdisk -b 4096 disk.img"), 0);
	read_table(4096);
	ck_assert_msg(table.understood, "%s", table.why);
	ck_assert_uint_eq(table.nparts, 2);
	expect_part(0, 1, 1, 4, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	expect_part(1, 2, 16, 8, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	/* With the wrong sector size there is no table to trust. */
	read_table(512);
	ck_assert(!table.understood || table.nparts == 0);
}
END_TEST

START_TEST(dos)
{
	IMAGE_NEED("sfdisk");
	make(dos_script);
	read_table(0);
	ck_assert_msg(table.understood, "%s", table.why);
	ck_assert_str_eq(table.kind, "dos");
	ck_assert_str_eq(table.uuid, "deadbeef");
	ck_assert_uint_eq(table.nparts, 6);
	expect_part(0, 1, 1, 9, "0x83");
	expect_part(1, 2, 10, 40, "0x05");
	expect_part(2, 5, 11, 9, "0x82");
	expect_part(3, 6, 25, 10, "0x8e");
	expect_part(4, 7, 40, 10, "0x83");
	expect_part(5, 3, 55, 2, "0x07");
	ck_assert_uint_eq(table.parts[0].flags, 0x80);
	ck_assert_str_eq(table.parts[0].uuid, "deadbeef-01");
	ck_assert(table.parts[1].extended && !table.parts[1].logical);
	ck_assert(table.parts[3].logical && !table.parts[3].extended);
}
END_TEST

START_TEST(empty_tables)
{
	IMAGE_NEED("sfdisk");
	make("label: dos\\n");
	read_table(0);
	ck_assert(table.understood);
	ck_assert_uint_eq(table.nparts, 0);
	make("label: gpt\\n");
	read_table(0);
	ck_assert(table.understood);
	ck_assert_uint_eq(table.nparts, 0);
	image_make("disk.img", SIZE);
	read_table(0);
	ck_assert_str_eq(table.kind, "");
	ck_assert(table.understood);
	/* The smallest disk there is. */
	image_make("disk.img", 512);
	read_table(0);
	ck_assert_str_eq(table.kind, "");
}
END_TEST

/* Sign both headers and entry arrays again, after changing both the same way. */
static void sign_gpt(void)
{
	uint8_t h[512], *entries = malloc(128 * 128);
	const uint64_t at[] = { 512, SIZE - 512 }, entries_at[] = { 1024, SIZE - 33 * 512 };

	for (int i = 0; i < 2; i++) {
		image_read("disk.img", h, sizeof(h), at[i]);
		image_read("disk.img", entries, (size_t)128 * 128, entries_at[i]);
		put_le32(h + 88, ~crc32_bare(~0u, entries, (size_t)128 * 128));
		put_le32(h + 16, 0);
		put_le32(h + 16, ~crc32_bare(~0u, h, 92));
		image_write("disk.img", h, sizeof(h), at[i]);
	}
	free(entries);
}

/* Into entry i of both copies. */
static void change_entry(unsigned int i, unsigned int field, uint64_t value)
{
	const uint64_t at[] = { 512, SIZE - 512 };
	uint8_t h[512], v[8];

	put_le64(v, value);
	for (int k = 0; k < 2; k++) {
		image_read("disk.img", h, sizeof(h), at[k]);
		image_write("disk.img", v, sizeof(v), get_le64(h + 72) * 512 + i * 128 + field);
	}
	sign_gpt();
}

static void change_headers(unsigned int field, uint64_t value)
{
	uint8_t v[8];

	put_le64(v, value);
	image_write("disk.img", v, sizeof(v), 512 + field);
	image_write("disk.img", v, sizeof(v), SIZE - 512 + field);
	sign_gpt();
}

START_TEST(spoilt_gpt)
{
	static const uint8_t hybrid[16] = { 0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0 };
	uint8_t zero[512] = { 0 };

	IMAGE_NEED("sfdisk");
	make(gpt_script);
	sign_gpt();
	read_table(0);
	ck_assert_msg(table.understood, "%s", table.why);

	image_write("disk.img", hybrid, sizeof(hybrid), 446 + 16);
	expect_doubt("protective MBR");

	make(gpt_script);
	image_write("disk.img", "x", 1, SIZE - 512 + 60);
	expect_doubt("backup GPT header");
	make(gpt_script);
	image_write("disk.img", "x", 1, 512 + 60);
	expect_doubt("primary GPT header");
	make(gpt_script);
	image_write("disk.img", "x", 1, 1024 + 200);
	read_table(0);
	ck_assert(!table.understood);
	make(gpt_script);
	image_write("disk.img", "x", 1, SIZE - 512 - 128 * 128 + 200);
	expect_doubt("backup GPT entries");

	/* Both copies say so, and libblkid leaves such an entry out without a word. */
	make(gpt_script);
	change_entry(0, 40, SIZE / 512 - 1);
	expect_doubt("usable area");
	make(gpt_script);
	change_entry(0, 32, 3);
	expect_doubt("usable area");
	make(gpt_script);
	change_entry(0, 40, 5);
	read_table(0);
	ck_assert(!table.understood);
	make(gpt_script);
	change_entry(0, 40, UINT64_MAX);
	read_table(0);
	ck_assert(!table.understood);
	make(gpt_script);
	change_entry(0, 32, 12 * 2048);
	expect_doubt("overlaps");

	/* Backup of another table. */
	make(gpt_script);
	ck_assert_int_eq(image_run("cp disk.img other.img"), 0);
	make("label: gpt\\nsize=1MiB\\n");
	ck_assert_int_eq(image_run("dd if=other.img of=disk.img bs=512 skip=%" PRIu64
				   " seek=%" PRIu64 " conv=notrunc",
				   SIZE / 512 - 33, SIZE / 512 - 33),
			 0);
	expect_doubt("headers differ");

	make(gpt_script);
	change_headers(40, 1);
	read_table(0);
	ck_assert(!table.understood);
	make(gpt_script);
	change_headers(48, UINT64_MAX);
	read_table(0);
	ck_assert(!table.understood);

	/* No protective MBR at all: libblkid sees nothing; the ruins must be seen. */
	make(gpt_script);
	image_write("disk.img", zero, sizeof(zero), 0);
	expect_doubt("damaged GPT");
	image_write("disk.img", zero, sizeof(zero), 512);
	expect_doubt("damaged GPT");
	image_write("disk.img", zero, sizeof(zero), SIZE - 512);
	read_table(0);
	ck_assert(table.understood && table.kind[0] == '\0');
}
END_TEST

/* Put an MBR-style entry into slot i of the boot record at offset. */
static void put_entry(uint64_t offset, int i, uint8_t type, uint32_t start, uint32_t sectors)
{
	uint8_t e[16] = { [4] = type };

	put_le32(e + 8, start);
	put_le32(e + 12, sectors);
	image_write("disk.img", e, sizeof(e), offset + 446 + (uint64_t)i * 16);
}

START_TEST(spoilt_dos)
{
	uint64_t ebr1 = 10 * MIB;
	uint8_t link[16];
	uint32_t at;

	IMAGE_NEED("sfdisk");
	make(dos_script);
	put_entry(0, 3, 0x83, 60 * 2048, 10 * 2048);
	expect_doubt("leaves the disk");
	put_entry(0, 3, 0x83, 5 * 2048, 2 * 2048);
	expect_doubt("overlaps");
	put_entry(0, 3, 0x83, 0, 512);
	read_table(0);
	ck_assert(!table.understood);
	put_entry(0, 3, 0x0f, 51 * 2048, 2048);
	expect_doubt("extended");

	make(dos_script);
	image_read("disk.img", link, sizeof(link), ebr1 + 446 + 16);
	at = get_le32(link + 8);
	put_entry(ebr1, 0, 0x82, 2048, 41 * 2048);
	read_table(0);
	ck_assert(!table.understood);
	put_entry(ebr1, 0, 0x82, 2048, 20 * 2048);
	read_table(0);
	ck_assert(!table.understood);
	put_entry(ebr1, 0, 0x82, 2048, 9 * 2048);
	read_table(0);
	ck_assert_msg(table.understood, "%s", table.why);
	put_entry(ebr1, 1, 0x05, 0, 2048);			/* to itself */
	expect_doubt("not in order");
	put_entry(ebr1, 1, 0x05, 200 * 2048, 2048);
	expect_doubt("leaves its container");
	put_entry(ebr1, 1, 0x05, at + 1, 2048);			/* no record there */
	expect_doubt("damaged");
	put_entry(ebr1, 1, 0x05, at, 2048);
	put_entry(ebr1, 2, 0x83, 30 * 2048, 2048);
	expect_doubt("unusual");

	/* A boot sector that libblkid takes for no table, with entries that look like one. */
	make(dos_script);
	image_write("disk.img", "\x7f\x7f", 2, 446);		/* no boot indicator */
	image_write("disk.img", "\x7f", 1, 446 + 16);
	read_table(0);
	ck_assert(!table.understood);
}
END_TEST

/*
 * Random bytes in the tables: never a crash, and never a partition outside the disk that is
 * trusted.
 */
START_TEST(noise)
{
	uint64_t rnd = 99 + (uint64_t)_i;

	IMAGE_NEED("sfdisk");
	make(_i % 2 ? gpt_script : dos_script);
	for (int i = 0; i < 100; i++) {
		uint64_t r = image_random(&rnd);
		uint64_t at = _i % 2 ? (i % 2 ? 512 + r % 92 : 1024 + r % 400) :
			      i % 3 == 0 ? 10 * MIB + 446 + r % 66 : 446 + r % 66;
		uint8_t was, is = (uint8_t)(r >> 40);

		image_read("disk.img", &was, 1, at);
		image_write("disk.img", &is, 1, at);
		if (_i % 2)
			sign_gpt();
		read_table(0);
		for (size_t k = 0; table.understood && k < table.nparts; k++)
			ck_assert(range_inside(table.parts[k].offset, table.parts[k].length, SIZE));
		image_write("disk.img", &was, 1, at);
	}
}
END_TEST

/* A table of a kind that is not taken apart. */
START_TEST(other_kinds)
{
	IMAGE_NEED("sfdisk");
	make("label: sun\\nsize=10MiB\\n");
	expect_doubt("sun");
	make("label: sgi\\n");
	expect_doubt("sgi");
}
END_TEST

static void done(void)
{
	ptable_done(&table);
}

static Suite *suite_ptable(void)
{
	Suite *s = suite_create("ptable");
	TCase *tc = tcase_create("ptable");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_add_checked_fixture(tc, NULL, done);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, gpt);
	tcase_add_test(tc, gpt_4kn);
	tcase_add_test(tc, dos);
	tcase_add_test(tc, empty_tables);
	tcase_add_test(tc, spoilt_gpt);
	tcase_add_test(tc, spoilt_dos);
	tcase_add_loop_test(tc, noise, 0, 4);
	tcase_add_test(tc, other_kinds);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_ptable)
