/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/source.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/lib/unit.h"

static char dir[64];
static struct machine *machine;
static const char *paths[8];
static char path_text[8][128];
static struct opt_list list;

static void add_machine_disk(const char *name, const char *path, uint64_t size)
{
	struct machine_disk *d = machine_grow(&machine->disks, &machine->ndisks, sizeof(*d));

	d->name = strdup(name);
	d->path = strdup(path);
	d->size = size;
	d->logical_sector = d->physical_sector = 512;
}

static void setup(void)
{
	log_set_stderr(false);
	snprintf(dir, sizeof(dir), "/tmp/p2v-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(machine_new(&machine), 0);
	add_machine_disk("sda", "/dev/sda", 4 * MIB);
	add_machine_disk("sdb", "/dev/sdb", 8 * MIB);
	add_machine_disk("sdc", "/dev/sdc", 8 * MIB);
	add_machine_disk("cciss/c0d0", "/dev/cciss/c0d0", 16 * MIB);
	list = (struct opt_list){ .v = paths };
}

static void teardown(void)
{
	char cmd[80];

	machine_free(machine);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* An image file of this size, named to source_open() with this tail. */
static void image(const char *name, uint64_t size, const char *tail)
{
	size_t n = list.n++;
	int fd;

	snprintf(path_text[n], sizeof(path_text[n]), "%s/%s", dir, name);
	fd = open(path_text[n], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
	strcat(path_text[n], tail);
	paths[n] = path_text[n];
}

static struct source *open_all(void)
{
	struct source *s = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(source_open(&list, machine, true, &s, &err) == 0, "%s", err.text);
	return s;
}

static void check_refused(int code, const char *word)
{
	struct source *s = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(source_open(&list, machine, true, &s, &err), code);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(err.text, word), "\"%s\" does not say %s", err.text, word);
}

START_TEST(by_size)
{
	CLEANUP(source_free) struct source *s = NULL;

	image("x.img", 4 * MIB, "");
	image("y.img", 16 * MIB, "");
	s = open_all();
	ck_assert_uint_eq(s->n, 2);
	ck_assert_str_eq(s->disks[0].name, "sda");
	ck_assert_str_eq(s->disks[1].name, "cciss-c0d0");
	ck_assert_uint_eq(source_size(s), 20 * MIB);
	ck_assert_ptr_null(s->disks[0].used);
}
END_TEST

/* Two disks of that size: nobody knows which; the file's own name is taken, never a guess. */
START_TEST(size_is_ambiguous)
{
	CLEANUP(source_free) struct source *s = NULL;

	image("data.raw", 8 * MIB, "");
	s = open_all();
	ck_assert_str_eq(s->disks[0].name, "data");
}
END_TEST

START_TEST(size_is_unknown)
{
	CLEANUP(source_free) struct source *s = NULL;

	image("my disk (1).img", 12 * MIB, "");
	image(".hidden", 5 * MIB, "");
	s = open_all();
	ck_assert_str_eq(s->disks[0].name, "my-disk-1");
	ck_assert(text_name_valid(s->disks[1].name));
}
END_TEST

START_TEST(named_by_the_user)
{
	CLEANUP(source_free) struct source *s = NULL;

	image("x.img", 8 * MIB, ",name=sdc");
	image("y.img", 8 * MIB, ",name=sdb");
	image("z.img", 4 * MIB, ",name=other");
	s = open_all();
	ck_assert_str_eq(s->disks[0].name, "sdc");
	ck_assert_str_eq(s->disks[1].name, "sdb");
	ck_assert_str_eq(s->disks[2].name, "other");
	ck_assert_ptr_null(strstr(s->disks[0].disk->path, ",name="));
}
END_TEST

/* The named disk's sector size is the image's. */
START_TEST(sector_of_the_named_disk)
{
	CLEANUP(source_free) struct source *s = NULL;

	machine->disks[1].logical_sector = machine->disks[1].physical_sector = 4096;
	image("x.img", 8 * MIB, ",name=sdb");
	s = open_all();
	ck_assert_uint_eq(s->disks[0].disk->logical_sector, 4096);
}
END_TEST

START_TEST(size_does_not_fit_the_sector)
{
	machine->disks[1].logical_sector = machine->disks[1].physical_sector = 4096;
	image("x.img", 8 * MIB + 512, ",name=sdb");
	check_refused(-EINVAL, "4096");
}
END_TEST

START_TEST(long_names)
{
	CLEANUP(source_free) struct source *s = NULL;
	char name[101];

	memset(name, 'n', 100);
	name[100] = '\0';
	image(name, 3 * MIB, "");
	s = open_all();
	ck_assert(text_name_valid(s->disks[0].name));
}
END_TEST

START_TEST(names_that_are_none)
{
	static const char *const names[] = { "", "..", "../x", "a/b", "-x", "a b", "a,name=b" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char tail[32];

		list.n = 0;
		snprintf(tail, sizeof(tail), ",name=%s", names[i]);
		image("x.img", 4 * MIB, tail);
		check_refused(-EINVAL, "name");
	}
}
END_TEST

START_TEST(twice_the_same_name)
{
	image("x.img", 4 * MIB, "");
	image("y.img", 4 * MIB, "");
	check_refused(-EEXIST, "sda");
	list.n = 0;
	image("x.img", 4 * MIB, ",name=q");
	image("y.img", 8 * MIB, ",name=q");
	check_refused(-EEXIST, "q");
	list.n = 0;
	image("data.1", 5 * MIB, "");
	image("data.2", 6 * MIB, "");
	check_refused(-EEXIST, "data");
}
END_TEST

START_TEST(no_disks_at_all)
{
	for (size_t i = 0; i < machine->ndisks; i++)
		machine->disks[i].removable = true;
	check_refused(-ENODEV, "no fixed disk");
}
END_TEST

START_TEST(not_there)
{
	image("x.img", 4 * MIB, "");
	ck_assert_int_eq(unlink(paths[0]), 0);
	check_refused(-ENOENT, "x.img");
	paths[0] = "/dev/null";
	check_refused(-ENOTBLK, "/dev/null");
	paths[0] = dir;
	check_refused(-ENOTBLK, dir);
	list.n = 0;
	image("empty", 0, "");
	check_refused(-EINVAL, "empty");
	list.n = 0;
	image("odd", MIB + 100, "");
	check_refused(-EINVAL, "odd");
}
END_TEST

static Suite *source_suite(void)
{
	const TTest *const tests[] = { by_size,
				       size_is_ambiguous,
				       size_is_unknown,
				       named_by_the_user,
				       sector_of_the_named_disk,
				       size_does_not_fit_the_sector,
				       long_names,
				       names_that_are_none,
				       twice_the_same_name,
				       no_disks_at_all,
				       not_there };
	Suite *s = suite_create("source");

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		TCase *tc = tcase_create(tests[i]->name);

		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_add_test(tc, tests[i]);
		suite_add_tcase(s, tc);
	}
	return s;
}

UNIT_MAIN(source_suite)
