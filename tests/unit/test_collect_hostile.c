/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A good machine (tests/sysroots/lenovo-sr650.machine) with faults in it: whatever a file turns
 * into, the inventory is complete but for that, can be written and read back, and never waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/sysroot.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/hw/efivar.h"
#include "inventory/machine_json.h"
#include "inventory/summary/summary.h"
#include "tests/lib/tree.h"
#include "tests/lib/unit.h"

#define FILES_MAX	4096
#define BIG		((1 << 20) + 1)

static char made[64];
static char *files[FILES_MAX];
static size_t nfiles;
static char *big;
static uint32_t rng = 0x2545f491;

static uint32_t next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static int list_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)f;
	/* Processors are alike: a few of them will do. */
	if (type != FTW_F || (strstr(path, "/cpu/cpu") && !strstr(path, "/cpu/cpu1/")) ||
	    nfiles == FILES_MAX)
		return 0;
	files[nfiles] = strdup(path);
	return files[nfiles++] ? 0 : -1;
}

static void wipe(void)
{
	if (made[0])
		nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	while (nfiles)
		free(files[--nfiles]);
}

static void setup(void)
{
	struct err err = ERR_INIT;

	strcpy(made, access("/dev/shm", W_OK) == 0 ? "/dev/shm/p2v-hostile-XXXXXX"
						   : "/tmp/p2v-hostile-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(made));
	ck_assert_msg(tree_make("tests/sysroots/lenovo-sr650.machine", made, &err) == 0, "%s",
		      err.text);
	ck_assert_int_eq(nftw(made, list_one, 16, FTW_PHYS), 0);
	big = malloc(BIG);
	ck_assert_ptr_nonnull(big);
	memset(big, 'A', BIG);
}

static void teardown(void)
{
	wipe();
	free(big);
	made[0] = '\0';
}

static struct machine *collect(void)
{
	CLEANUP(machine_free) struct machine *back = NULL;
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(mem_free) char *json = NULL, *summary = NULL;
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sysroot_open(made, &root, NULL), 0);
	ck_assert_msg(collect_machine(root, "test", &m, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_dump(m, &json, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_parse(json, strlen(json), &back, &err) == 0, "%s", err.text);
	summary = summary_text(m);
	ck_assert_ptr_nonnull(summary);
	return m;
}

static void put(const char *path, const void *data, size_t len)
{
	FILE *f = fopen(path, "w");

	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

enum fault { EMPTY, BYTES, NUMBER, LARGE, FOLDER, PIPE, LOOP, GONE, FAULTS };

static void plant(const char *path, enum fault fault)
{
	char noise[512];

	ck_assert_int_eq(unlink(path), 0);
	switch (fault) {
	case EMPTY:
		put(path, "", 0);
		break;
	case BYTES:
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (char)(i % 2 ? 0xff : next(&rng) >> 24);
		put(path, noise, sizeof(noise));
		break;
	case NUMBER:
		put(path, "18446744073709551615\n", 21);
		break;
	case LARGE:
		put(path, big, BIG);
		break;
	case FOLDER:
		ck_assert_int_eq(mkdir(path, 0755), 0);
		break;
	case PIPE:
		ck_assert_int_eq(mkfifo(path, 0644), 0);
		break;
	case LOOP:
		ck_assert_int_eq(symlink(path + strlen(made), path), 0);
		break;
	default:
		break;
	}
}

static bool is_told(const struct machine *m, const char *what)
{
	for (size_t i = 0; i < m->warnings.n; i++)
		if (strstr(m->warnings.v[i], what))
			return true;
	return false;
}

/* Disks and cards that the file is no part of are there. */
static void check_rest(const struct machine *m, const char *path)
{
	for (int i = 0; i < 4; i++) {
		char name[4] = { 's', 'd', (char)('a' + i) }, part[16];

		snprintf(part, sizeof(part), "/%s/", name);
		if (!strstr(path, part))
			ck_assert_msg(machine_find_disk(m, name) != NULL, "%s: no %s", path, name);
	}
	if (!strstr(path, "/net/"))
		ck_assert_msg(m->nnics == 9, "%s: %zu cards", path, m->nnics);
	if (!strstr(path, "/0000:"))
		ck_assert_msg(m->npci == 10, "%s: %zu PCI devices", path, m->npci);
	if (!strstr(path, "dm-0"))
		ck_assert_msg(m->nvolumes >= 1, "%s: %zu volumes", path, m->nvolumes);
	if (!strstr(path, "/hostname"))
		ck_assert_msg(m->hostname && strcmp(m->hostname, "vmhost4") == 0, "%s", path);
}

/* Every file of the machine, in turn, becomes this. */
START_TEST(test_one_fault)
{
	CLEANUP(mem_free) char *keep = text_format("%s.keep", made);

	for (size_t i = 0; i < nfiles; i++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		ck_assert_int_eq(rename(files[i], keep), 0);
		put(files[i], "", 0);
		plant(files[i], (enum fault)_i);
		m = collect();
		check_rest(m, files[i] + strlen(made));
		(void)remove(files[i]);
		ck_assert_int_eq(rename(keep, files[i]), 0);
	}
}
END_TEST

/* A note for each that names it. */
START_TEST(test_notes)
{
	static const char *const read[] = {
		"/proc/meminfo", "/proc/cpuinfo", "/sys/devices/virtual/dmi/id/product_serial",
		"/sys/devices/virtual/block/dm-0/dm/name", "/proc/1/mountinfo", "/etc/os-release",
		"/p2v/blkid/sda1", "/sys/devices/virtual/block/md0/md/level",
	};
	static const enum fault faults[] = { FOLDER, PIPE, LOOP };

	for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
			CLEANUP(mem_free) char *path = text_format("%s%s", made, read[i]);

			(void)remove(path);
			put(path, "", 0);
			plant(path, faults[f]);
		}
		m = collect();
		for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++) {
			const char *name = strrchr(read[i], '/');

			ck_assert_msg(is_told(m, name), "fault %zu: no note on %s", f, read[i]);
		}
	}
}
END_TEST

/* Many at once, and all. */
START_TEST(test_many_faults)
{
	for (int round = 0; round < 25; round++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		for (size_t i = 0; i < nfiles; i++) {
			if (round < 20 && next(&rng) % 8)
				continue;
			(void)remove(files[i]);
			put(files[i], "", 0);
			plant(files[i], (enum fault)(next(&rng) % GONE));
		}
		m = collect();
		ck_assert_uint_ge(m->warnings.n, 1);
	}
}
END_TEST

static atomic_bool stop;

static void *vanish(void *arg)
{
	uint32_t state = *(uint32_t *)arg;
	char other[512];

	while (!atomic_load(&stop)) {
		const char *path = files[next(&state) % nfiles];

		snprintf(other, sizeof(other), "%s~", path);
		(void)rename(path, other);
		for (uint32_t i = next(&state) % 2000; i > 0; i--)
			atomic_load(&stop);
		if (next(&state) % 16)
			(void)rename(other, path);
		else
			(void)unlink(other);
	}
	return NULL;
}

/* Files that come and go, and go for good, while they are read. */
START_TEST(test_vanishing)
{
	for (uint32_t round = 1; round <= 8; round++) {
		uint32_t seed = round * 0x9e3779b9;
		pthread_t thread;

		atomic_store(&stop, false);
		ck_assert_int_eq(pthread_create(&thread, NULL, vanish, &seed), 0);
		for (int i = 0; i < 12; i++)
			machine_free(collect());
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
		wipe();
		free(big);
		setup();
	}
}
END_TEST

/* More than lists take, and names that no sane kernel gives. */
START_TEST(test_numbers_and_names)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *mounts = text_format("%s/proc/1/mountinfo", made);
	CLEANUP(mem_free) char *nic = text_format("%s/sys/class/net/e\x01\xff\n", made);
	CLEANUP(mem_free) char *disk = text_format("%s/sys/block/s\x1b[31m\xc3", made);
	FILE *f = fopen(mounts, "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "1 1 253:0 / / rw - ext4 /dev/mapper/vg0-root rw\n");
	for (int i = 0; i < 20000; i++)
		fprintf(f, "%d 1 0:%d / /var/lib/containers/%d rw - overlay overlay "
			"rw,lowerdir=/l/%d:/l/%d,upperdir=/u\xff/%d\n",
			i + 2, i + 50, i, i, i + 1, i);
	fclose(f);
	ck_assert_int_eq(symlink("../../devices/virtual/dmi", nic), 0);
	ck_assert_int_eq(symlink("../devices/virtual/dmi", disk), 0);
	m = collect();
	check_rest(m, "");
	ck_assert_uint_ge(m->nmounts, 1);
	ck_assert(m->nmounts == COLLECT_LIST_MAX ? is_told(m, "more than") : m->nmounts < 20001);
}
END_TEST

/* More boot numbers than a machine may have: it must still be one that can be written and read. */
START_TEST(test_long_boot_order)
{
	CLEANUP(mem_free) char *efi = text_format("%s/sys/firmware/efi", made);
	CLEANUP(mem_free) char *vars = text_format("%s/efivars", efi);
	CLEANUP(mem_free) char *path = text_format("%s/BootOrder-" EFIVAR_GLOBAL, vars);
	CLEANUP(machine_free) struct machine *m = NULL;

	ck_assert_int_eq(mkdir(efi, 0755), 0);
	ck_assert_int_eq(mkdir(vars, 0755), 0);
	put(path, big, 4 + 2 * (COLLECT_LIST_MAX + 1));
	m = collect();
	ck_assert_uint_eq(m->firmware.nboot_order, COLLECT_LIST_MAX);
	ck_assert(is_told(m, "BootOrder"));
}
END_TEST

/* A circle of folders below /sys. */
START_TEST(test_folders_in_a_circle)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *one = text_format("%s/sys/class/net/circle", made);
	CLEANUP(mem_free) char *two = text_format("%s/sys/block/sdz", made);
	CLEANUP(mem_free) char *three = text_format("%s/sys/devices/virtual/block/dm-0/slaves/dm-0",
						    made);

	ck_assert_int_eq(symlink("circle", one), 0);
	ck_assert_int_eq(symlink("../block", two), 0);
	ck_assert_int_eq(symlink("../../dm-0", three), 0);
	m = collect();
	check_rest(m, "");
}
END_TEST

static Suite *hostile_suite(void)
{
	Suite *s = suite_create("collect_hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_one_fault, 0, FAULTS);
	tcase_add_test(t, test_notes);
	tcase_add_test(t, test_many_faults);
	tcase_add_test(t, test_vanishing);
	tcase_add_test(t, test_numbers_and_names);
	tcase_add_test(t, test_long_boot_order);
	tcase_add_test(t, test_folders_in_a_circle);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(hostile_suite)
