/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/devmap.h"

#define U1 "4c28e665-7947-4ce4-b2f2-537efd0c53e2"
#define U2 "11111111-2222-3333-4444-555555555555"
#define U3 "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"

static struct machine *machine;
static struct devmap map;

static struct machine_disk *add_disk(const char *name, const char *alias)
{
	struct machine_disk *d = machine_grow(&machine->disks, &machine->ndisks, sizeof(*d));

	d->name = strdup(name);
	ck_assert_int_gt(asprintf(&d->path, "/dev/%s", name), 0);
	if (alias)
		ck_assert_int_eq(machine_strv_add(&d->aliases, alias), 0);
	return d;
}

static void add_partition(size_t disk, uint32_t number, const char *name, const char *alias,
			  const char *uuid)
{
	struct machine_disk *d = &machine->disks[disk];
	struct machine_partition *p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));

	p->number = number;
	p->name = strdup(name);
	ck_assert_int_gt(asprintf(&p->path, "/dev/%s", name), 0);
	if (alias)
		ck_assert_int_eq(machine_strv_add(&p->aliases, alias), 0);
	p->fs.type = strdup("ext4");
	p->fs.uuid = uuid ? strdup(uuid) : NULL;
}

static void add_part(const char *disk, unsigned int number, const char *type, const char *uuid,
		     const char *partuuid)
{
	struct devmap_part p = { .disk = (char *)(uintptr_t)disk, .number = number,
				 .type = (char *)(uintptr_t)type, .uuid = (char *)(uintptr_t)uuid,
				 .partuuid = (char *)(uintptr_t)partuuid };

	ck_assert_int_eq(devmap_add(&map, &p), 0);
}

static void setup(void)
{
	struct machine_volume *v;

	ck_assert_int_eq(machine_new(&machine), 0);
	/* The kernel's order on that day: the second disk of the images comes first. */
	add_disk("sdb", "/dev/disk/by-id/ata-X");
	add_partition(0, 1, "sdb1", "/dev/disk/by-id/ata-X-part1", U1);
	add_partition(0, 2, "sdb2", NULL, NULL);
	add_disk("cciss/c0d0", NULL);
	add_partition(1, 1, "cciss/c0d0p1", NULL, U2);
	add_disk("sdz", NULL);
	add_partition(2, 1, "sdz1", NULL, "99999999-0000-0000-0000-000000000000");
	v = machine_grow(&machine->volumes, &machine->nvolumes, sizeof(*v));
	v->path = strdup("/dev/mapper/mpatha-part1");
	v->kind = strdup("part");
	v->uuid = strdup("part1-mpath-360060160a0b1c2d3");
	v->fs.type = strdup("ext4");
	v->fs.uuid = strdup(U3);
	v = machine_grow(&machine->volumes, &machine->nvolumes, sizeof(*v));
	v->path = strdup("/dev/mapper/vg-root");
	v->kind = strdup("lvm");
	v->fs.uuid = strdup(U3);
	map = (struct devmap){ .machine = machine };
	add_part("sdb", 0, NULL, NULL, NULL);
	add_part("sdb", 1, "ext4", U1, "p-1");
	add_part("sdb", 2, "LVM2_member", "lvm-uuid", "p-2");
	add_part("sdb", 3, "swap", U2, "p-3");
	add_part("cciss/c0d0", 1, "ext4", "C0D0-UUID", NULL);
	add_part("nvme0n1", 2, "vfat", "ABCD-1234", NULL);
}

static void teardown(void)
{
	devmap_done(&map);
	machine_free(machine);
}

static const struct {
	const char *name;
	int answer;
	const char *tag;		/* NULL: nothing written */
	bool copied;
} cases[] = {
	{ "/dev/sdb1", DEVMAP_MAPPED, "UUID=" U1, true },
	{ "/dev/disk/by-id/ata-X-part1", DEVMAP_MAPPED, "UUID=" U1, true },
	/* Only the disk's link was recorded. */
	{ "/dev/disk/by-id/ata-X-part3", DEVMAP_MAPPED, "UUID=" U2, true },
	/* A volume group's member has no UUID that can be mounted. */
	{ "/dev/sdb2", DEVMAP_MAPPED, "PARTUUID=p-2", true },
	{ "/dev/sdb3", DEVMAP_MAPPED, "UUID=" U2, true },
	{ "/dev/cciss/c0d0p1", DEVMAP_MAPPED, "UUID=C0D0-UUID", true },
	{ "/dev/nvme0n1p2", DEVMAP_MAPPED, "UUID=ABCD-1234", true },
	/* Known, but not among the images. */
	{ "/dev/sdz1", DEVMAP_MAPPED, "UUID=99999999-0000-0000-0000-000000000000", false },
	{ "/dev/sda1", DEVMAP_UNKNOWN, NULL, false },
	{ "/dev/sdb9", DEVMAP_UNKNOWN, NULL, false },
	{ "/dev/disk/by-id/ata-Y-part1", DEVMAP_UNKNOWN, NULL, false },
	{ "/dev/disk/by-path/pci-0-part1", DEVMAP_UNKNOWN, NULL, false },
	{ "/dev/mapper/mpatha-part1", DEVMAP_MAPPED, "UUID=" U3, true },
	{ "/dev/mapper/vg-root", DEVMAP_KEEP, NULL, false },
	{ "/dev/vg/root", DEVMAP_KEEP, NULL, false },
	{ "/dev/md0", DEVMAP_KEEP, NULL, false },
	{ "/dev/disk/by-id/dm-name-vg-root", DEVMAP_KEEP, NULL, false },
	{ "/dev/disk/by-id/md-uuid-1", DEVMAP_KEEP, NULL, false },
	{ "/dev/disk/by-uuid/" U1, DEVMAP_KEEP, NULL, false },
	{ "/dev/disk/by-label/root", DEVMAP_KEEP, NULL, false },
	{ "UUID=" U1, DEVMAP_KEEP, NULL, false },
	{ "LABEL=root", DEVMAP_KEEP, NULL, false },
	{ "proc", DEVMAP_KEEP, NULL, false },
	{ "server:/export", DEVMAP_KEEP, NULL, false },
	{ "/dev/sr0", DEVMAP_KEEP, NULL, false },
	{ "/dev/fd0", DEVMAP_KEEP, NULL, false },
	{ "/dev/sd", DEVMAP_KEEP, NULL, false },
	{ "/dev/sda1x", DEVMAP_KEEP, NULL, false },
	{ "/dev/sda99999999999", DEVMAP_KEEP, NULL, false },
	{ "", DEVMAP_KEEP, NULL, false },
};

/* An array of another number in the appliance is known by what is on it. */
START_TEST(volumes_are_found_by_content)
{
	struct machine_volume *v = machine_grow(&machine->volumes, &machine->nvolumes, sizeof(*v));
	struct devmap_part md = { .device = (char *)(uintptr_t)"/dev/md127",
				  .uuid = (char *)(uintptr_t)"MD-FS" };
	const struct devmap_part *p;

	v->path = strdup("/dev/md0");
	v->kind = strdup("md");
	v->fs.uuid = strdup("md-fs");
	ck_assert_ptr_null(devmap_find_volume(&map, "/dev/md0"));
	ck_assert_int_eq(devmap_add(&map, &md), 0);
	p = devmap_find_volume(&map, "/dev/md0");
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->device, "/dev/md127");
	ck_assert_ptr_null(devmap_find_volume(&map, "/dev/md1"));
	map.machine = NULL;
	ck_assert_ptr_null(devmap_find_volume(&map, "/dev/md0"));
}
END_TEST

START_TEST(names_translate)
{
	CLEANUP(mem_free) char *s = NULL;
	bool copied = false;

	ck_assert_int_eq(devmap_translate(&map, cases[_i].name, DEVMAP_TAG, &s, &copied),
			 cases[_i].answer);
	if (!cases[_i].tag) {
		ck_assert_ptr_null(s);
		return;
	}
	ck_assert_str_eq(s, cases[_i].tag);
	ck_assert_int_eq(copied, cases[_i].copied);
}
END_TEST

START_TEST(paths_instead_of_tags)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL;

	ck_assert_int_eq(devmap_translate(&map, "/dev/sdb1", DEVMAP_PATH, &a, NULL), DEVMAP_MAPPED);
	ck_assert_str_eq(a, "/dev/disk/by-uuid/" U1);
	ck_assert_int_eq(devmap_translate(&map, "/dev/sdb2", DEVMAP_PATH, &b, NULL), DEVMAP_MAPPED);
	ck_assert_str_eq(b, "/dev/disk/by-partuuid/p-2");
}
END_TEST

/* Two legs of a mirror have one UUID: mounting by it would be a lottery. */
START_TEST(a_uuid_that_occurs_twice_is_not_used)
{
	CLEANUP(mem_free) char *s = NULL;

	add_part("sdc", 1, "ext4", U1, "p-9");
	ck_assert_int_eq(devmap_translate(&map, "/dev/sdb1", DEVMAP_TAG, &s, NULL), DEVMAP_MAPPED);
	ck_assert_str_eq(s, "PARTUUID=p-1");
}
END_TEST

START_TEST(hostile_ids_are_not_written)
{
	char *s = NULL;

	add_part("sde", 1, "ext4", "a b\" ; reboot", NULL);
	ck_assert_int_eq(devmap_translate(&map, "/dev/sde1", DEVMAP_TAG, &s, NULL), DEVMAP_UNKNOWN);
	ck_assert_ptr_null(s);
}
END_TEST

START_TEST(works_without_a_machine)
{
	CLEANUP(mem_free) char *s = NULL;

	map.machine = NULL;
	ck_assert_int_eq(devmap_translate(&map, "/dev/sdb1", DEVMAP_TAG, &s, NULL), DEVMAP_MAPPED);
	ck_assert_str_eq(s, "UUID=" U1);
}
END_TEST

START_TEST(root_alias_is_the_last_resort)
{
	CLEANUP(mem_free) char *s = NULL;

	map.root_alias = strdup("/dev/sda1");
	map.root_uuid = strdup(U1);
	ck_assert_int_eq(devmap_translate(&map, "/dev/sda1", DEVMAP_TAG, &s, NULL), DEVMAP_MAPPED);
	ck_assert_str_eq(s, "UUID=" U1);
}
END_TEST

START_TEST(missing_references)
{
	ck_assert(!devmap_is_missing(&map, "UUID=" U1));
	ck_assert(devmap_is_missing(&map, "UUID=00000000-0000-0000-0000-000000000000"));
	ck_assert(devmap_is_missing(&map, "UUID=\"nope\""));
	ck_assert(!devmap_is_missing(&map, "UUID=\"" U1 "\""));
	ck_assert(devmap_is_missing(&map, "/dev/disk/by-partuuid/p-77"));
	ck_assert(!devmap_is_missing(&map, "LABEL=whatever"));
	ck_assert(!devmap_is_missing(&map, "/dev/mapper/vg-root"));
}
END_TEST

static const struct {
	const char *name;
	bool ok;
	size_t len;
	unsigned int number;
} splits[] = {
	{ "sda", true, 3, 0 }, { "sda1", true, 3, 1 }, { "sdaa12", true, 4, 12 },
	{ "hdc3", true, 3, 3 }, { "xvda1", true, 4, 1 }, { "vdb", true, 3, 0 },
	{ "nvme0n1", true, 7, 0 }, { "nvme0n1p3", true, 7, 3 }, { "nvme10n12p3", true, 9, 3 },
	{ "mmcblk0p1", true, 7, 1 }, { "cciss/c0d1p2", true, 10, 2 }, { "cciss/c0d1", true, 10, 0 },
	{ "ida/c0d0p1", true, 8, 1 }, { "nvme0", false, 0, 0 }, { "nvme0n1p", false, 0, 0 },
	{ "nvme0n1p0", false, 0, 0 }, { "sda0", false, 0, 0 }, { "cciss/c0", false, 0, 0 },
	{ "sdab1c", false, 0, 0 }, { "sdabcd", false, 0, 0 }, { "", false, 0, 0 },
	{ "mmcblk", false, 0, 0 },
};

START_TEST(names_split)
{
	unsigned int number = 77;
	size_t len = 77;

	ck_assert_int_eq(devmap_split_name(splits[_i].name, &len, &number), splits[_i].ok);
	if (!splits[_i].ok)
		return;
	ck_assert_uint_eq(len, splits[_i].len);
	ck_assert_uint_eq(number, splits[_i].number);
}
END_TEST

static Suite *devmap_suite(void)
{
	Suite *s = suite_create("devmap");
	TCase *t = tcase_create("devmap");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_translate, 0, ARRAY_SIZE(cases));
	tcase_add_test(t, volumes_are_found_by_content);
	tcase_add_test(t, paths_instead_of_tags);
	tcase_add_test(t, a_uuid_that_occurs_twice_is_not_used);
	tcase_add_test(t, hostile_ids_are_not_written);
	tcase_add_test(t, works_without_a_machine);
	tcase_add_test(t, root_alias_is_the_last_resort);
	tcase_add_test(t, missing_references);
	tcase_add_loop_test(t, names_split, 0, ARRAY_SIZE(splits));
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(devmap_suite)
