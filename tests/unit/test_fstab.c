/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/crypttab.h"
#include "postfix/linux/fstab.h"

static struct devmap map;
static struct machine_strv notes;

static void add(const char *disk, unsigned int number, const char *type, const char *uuid,
		const char *partuuid)
{
	struct devmap_part p = { .disk = (char *)(uintptr_t)disk, .number = number,
				 .type = (char *)(uintptr_t)type, .uuid = (char *)(uintptr_t)uuid,
				 .partuuid = (char *)(uintptr_t)partuuid };

	ck_assert_int_eq(devmap_add(&map, &p), 0);
}

static void setup(void)
{
	add("sda", 1, "ext4", "R-1", NULL);
	add("sda", 2, "swap", "S-1", NULL);
	add("sda", 3, "crypto_LUKS", "L-1", NULL);
	add("sda", 4, NULL, NULL, "P-4");
}

static void teardown(void)
{
	devmap_done(&map);
	machine_strv_done(&notes);
	notes = (struct machine_strv){ 0 };
}

static const struct {
	const char *in, *out;		/* out NULL: unchanged */
	size_t notes;
} fstabs[] = {
	{ "/dev/sda1 / ext4 defaults 0 1\n", "UUID=R-1 / ext4 defaults 0 1\n", 0 },
	/* Spacing, comments, a missing last newline and Windows line ends stay. */
	{ "# /dev/sda1\n\n\t/dev/sda1\t/  ext4   ro\t0 1 # x",
	  "# /dev/sda1\n\n\tUUID=R-1\t/  ext4   ro\t0 1 # x", 0 },
	{ "/dev/sda2 none swap sw 0 0\r\n", "UUID=S-1 none swap sw 0 0\r\n", 0 },
	{ "UUID=R-1 / ext4 defaults 0 1\n", NULL, 0 },
	{ "LABEL=x /x ext4 defaults 0 0\n/dev/mapper/vg-y /y xfs ro 0 0\n", NULL, 0 },
	{ "proc /proc proc defaults 0 0\ntmpfs /tmp tmpfs size=1G 0 0\n", NULL, 0 },
	{ "srv:/home /home nfs defaults 0 0\n//srv/x /x cifs ro 0 0\n", NULL, 0 },
	{ "/srv/a /srv/b none bind 0 0\n/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n", NULL,
	  0 },
	/* A disk that stayed behind must not stop the boot... */
	{ "/dev/sdq1 /data ext4 defaults 0 2\n",
	  "/dev/sdq1 /data ext4 defaults,nofail,x-systemd.device-timeout=5s 0 2\n", 1 },
	{ "UUID=gone /data ext4 noatime 0 2\n",
	  "UUID=gone /data ext4 noatime,nofail,x-systemd.device-timeout=5s 0 2\n", 1 },
	{ "UUID=gone none swap sw 0 0\n",
	  "UUID=gone none swap sw,nofail,x-systemd.device-timeout=5s 0 0\n", 1 },
	/* ... but is not made optional twice, nor when the system needs it. */
	{ "UUID=gone /data ext4 nofail,noatime 0 2\n", NULL, 1 },
	{ "UUID=gone /data ext4 noauto 0 2\n", NULL, 1 },
	{ "UUID=gone /usr ext4 defaults 0 2\n", NULL, 1 },
	{ "UUID=gone /data ext4\n", NULL, 1 },
	{ "/dev/sda1\n/dev/sda1 /\n", NULL, 0 },
	{ "", NULL, 0 },
};

START_TEST(fstab_table)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	int r = fstab_rewrite(fstabs[_i].in, &map, &out, &notes);

	ck_assert_int_eq(r, fstabs[_i].out != NULL);
	ck_assert_uint_eq(notes.n, fstabs[_i].notes);
	if (!fstabs[_i].out) {
		ck_assert_ptr_null(out);
		return;
	}
	ck_assert_str_eq(out, fstabs[_i].out);
	ck_assert_int_eq(fstab_rewrite(out, &map, &again, NULL), 0);
}
END_TEST

static const struct {
	const char *in, *out;
} crypttabs[] = {
	{ "root /dev/sda3 none luks\n", "root UUID=L-1 none luks\n" },
	{ "swap\t/dev/sda4\t/dev/urandom\tswap,cipher=aes\n",
	  "swap\t/dev/disk/by-partuuid/P-4\t/dev/urandom\tswap,cipher=aes\n" },
	{ "# root /dev/sda3\nroot UUID=L-1 none luks\n", NULL },
	{ "file /srv/container none\nroot\n", NULL },
	{ "x /dev/sdq1 none luks\n", NULL },
};

START_TEST(crypttab_table)
{
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	int r = crypttab_rewrite(crypttabs[_i].in, &map, &out, &notes);

	ck_assert_int_eq(r, crypttabs[_i].out != NULL);
	if (!crypttabs[_i].out)
		return;
	ck_assert_str_eq(out, crypttabs[_i].out);
	ck_assert_int_eq(crypttab_rewrite(out, &map, &again, NULL), 0);
}
END_TEST

START_TEST(the_root_is_known_under_any_name)
{
	CLEANUP(mem_free) char *out = NULL;

	map.root_uuid = strdup("R-1");
	ck_assert_int_eq(fstab_rewrite("/dev/sdq7 / ext4 ro 0 1\n", &map, &out, &notes), 1);
	ck_assert_str_eq(out, "UUID=R-1 / ext4 ro 0 1\n");
	ck_assert_uint_eq(notes.n, 0);
}
END_TEST

START_TEST(entries_are_parsed)
{
	struct fstab_entry *e = NULL;
	size_t n = 0;

	ck_assert_int_eq(
		fstab_parse("# c\nUUID=a / ext4 ro,subvol=@ 0 1\n/dev/b /a\\040b xfs\nbroken /x\n",
			    &e, &n),
		0);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(e[0].spec, "UUID=a");
	ck_assert_str_eq(e[0].options, "ro,subvol=@");
	ck_assert_str_eq(e[1].dir, "/a b");
	ck_assert_str_eq(e[1].options, "defaults");
	fstab_entries_free(e, n);
}
END_TEST

START_TEST(options_match_whole_words)
{
	ck_assert(fstab_has_option("rw,nofail", "nofail"));
	ck_assert(!fstab_has_option("rw,nofailx", "nofail"));
	ck_assert(fstab_has_option("subvol=@x,rw", "subvol="));
	ck_assert(!fstab_has_option("", "rw"));
	ck_assert(!fstab_has_option(NULL, "rw"));
}
END_TEST

static Suite *fstab_suite(void)
{
	Suite *s = suite_create("fstab");
	TCase *t = tcase_create("fstab");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, fstab_table, 0, ARRAY_SIZE(fstabs));
	tcase_add_loop_test(t, crypttab_table, 0, ARRAY_SIZE(crypttabs));
	tcase_add_test(t, the_root_is_known_under_any_name);
	tcase_add_test(t, entries_are_parsed);
	tcase_add_test(t, options_match_whole_words);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(fstab_suite)
