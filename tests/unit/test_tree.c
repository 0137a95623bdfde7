/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines written as a text become the folder that is meant, and slips of the pen are told. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/sysroot.h"
#include "common/text.h"
#include "tests/lib/tree.h"
#include "tests/lib/unit.h"

static char dir[32];

static void setup(void)
{
	strcpy(dir, "/tmp/p2v-tree.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	CLEANUP(mem_free) char *command = text_format("rm -rf %s", dir);

	ck_assert_int_eq(system(command), 0);
}

static int tree_of(const char *text, struct sysroot **ret, struct err *err)
{
	CLEANUP(mem_free) char *spec = text_format("%s/spec", dir);
	CLEANUP(mem_free) char *root = text_format("%s/r", dir);
	int r;

	ck_assert_int_eq(fdio_replace_file(spec, text, strlen(text), 0600, NULL), 0);
	ck_assert_int_eq(mkdir(root, 0755), 0);
	r = tree_make(spec, root, err);
	if (r == 0)
		ck_assert_int_eq(sysroot_open(root, ret, NULL), 0);
	return r;
}

static void is(const struct sysroot *s, const char *path, const char *want)
{
	CLEANUP(mem_free) char *text = NULL;

	ck_assert_msg(sysroot_read(s, &text, NULL, "%s", path) >= 0, "%s is not there", path);
	ck_assert_str_eq(text, want);
}

START_TEST(test_all_words)
{
	static const char text[] = "# comment\n\n"
				   "dir /sys/empty\n"
				   "file /sys/size  1953525168\n"
				   "file /sys/nothing\n"
				   "file /sys/brace {{a}\n"
				   "link /sys/link ../sys/size\n"
				   "hex /sys/bytes 410a42\n"
				   "zero /sys/zeroes 3000\n"
				   "each i 0 1\n"
				   "each j {i} 2\n"
				   "file /n/{i}{j*2:02x} {(i+1)*10-j%2/1}\n"
				   "end\n"
				   "text /t/{i}\n"
				   "each of {i}\n"
				   ".\n"
				   "end\n"
				   "link /d/{25:sd} x\nlink /d/{26:sd} x\nlink /d/{702:sd} x\n";
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	CLEANUP(mem_free) char *zeroes = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_msg(tree_of(text, &s, &err) == 0, "%s", err.text);
	ck_assert(sysroot_exists(s, "/sys/empty"));
	is(s, "/sys/link", "1953525168\n");
	is(s, "/sys/nothing", "");
	is(s, "/sys/brace", "{a}\n");
	is(s, "/sys/bytes", "A\nB");
	ck_assert_int_ge(sysroot_read(s, &zeroes, &len, "/sys/zeroes"), 0);
	ck_assert_uint_eq(len, 3000);
	is(s, "/n/002", "9\n");
	is(s, "/n/104", "20\n");
	ck_assert(!sysroot_exists(s, "/n/100"));
	is(s, "/t/1", "each of 1\n");
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "/d/z", "/d/aa", "/d/aaa" };
		CLEANUP(mem_free) char *target = NULL;

		ck_assert_int_ge(sysroot_readlink(s, &target, "%s", names[i]), 0);
	}
}
END_TEST

static const struct {
	const char *text, *where;
} slips[] = {
	{ "file /a 1\nfil /b 2\n", ":2: not understood" },
	{ "file a 1\n", ":1: not understood" },
	{ "file /a/../b 1\n", ":1: not understood" },
	{ "file /a {i}\n", ":1: not understood" },
	{ "file /a {1/0}\n", ":1: not understood" },
	{ "file /a {1\n", ":1: not understood" },
	{ "file /a {1:7s}\n", ":1: not understood" },
	{ "each i 0 1\nfile /a\n", ":1: not understood" },
	{ "each i 0\nend\n", ":1: not understood" },
	{ "\ntext /a\nno end\n", ":2: not understood" },
	{ "each i 0 1\nset i 2\nend\n", ":2: not understood" },
	{ "smbios 11 0 odd\n", ":1: not understood" },
	{ "set n x\nfile /a {n+1}\n", ":2: not understood" },
	{ "use missing.machine\n", "missing.machine" },
	{ "use spec\n", "symbolic links" },
	{ "file /a 1\nfile /a/b 1\n", ":2: Not a directory" },
};

START_TEST(test_variables_and_tables)
{
	static const char text[] = "set n 3\nset at /sys/x\nset name a b\n"
				   "file {at}/{n*2} {name}\nset n 4\n"
				   "each i 0 1\nset k {n+i}\nmore {at}/list\n{k}\n.\nend\n"
				   "link {at}/l one\nlink {at}/l two\n"
				   "smbios 16 0303\nsmbios 11 02 First|Second one\n";
	static const char table[] = "\x10\x06\0\0\x03\x03\0\0"
				    "\x0b\x05\x01\0\x02" "First\0Second one\0";
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	CLEANUP(mem_free) char *dmi = NULL, *target = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_msg(tree_of(text, &s, &err) == 0, "%s", err.text);
	is(s, "/sys/x/6", "a b\n");
	is(s, "/sys/x/list", "4\n5\n");
	ck_assert_int_eq(sysroot_readlink(s, &target, "/sys/x/l"), 0);
	ck_assert_str_eq(target, "two");
	ck_assert_int_eq(sysroot_read(s, &dmi, &len, "/sys/firmware/dmi/tables/DMI"), 0);
	ck_assert_uint_eq(len, sizeof(table));
	ck_assert_mem_eq(dmi, table, len);
}
END_TEST

START_TEST(test_slips_are_told)
{
	struct sysroot *s = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_lt(tree_of(slips[_i].text, &s, &err), 0);
	ck_assert_msg(strstr(err.text, slips[_i].where) != NULL, "%s", err.text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tree");
	TCase *t = tcase_create("tree");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_all_words);
	tcase_add_test(t, test_variables_and_tables);
	tcase_add_loop_test(t, test_slips_are_told, 0, ARRAY_SIZE(slips));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
