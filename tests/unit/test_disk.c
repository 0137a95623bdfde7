/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening, reading at every alignment, and who uses the disk (on made-up /sys and /proc). */
#include <sys/sysmacros.h>
#include "common/fdio.h"
#include "tests/images/image.h"
#include "disk/disk.h"

static uint8_t *content;
#define SIZE	(300 * 4096 + 1536)

static void setup(void)
{
	uint64_t rnd = 5;

	image_setup();
	content = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (uint8_t)image_random(&rnd);
	image_make("disk.img", SIZE);
	image_write("disk.img", content, SIZE, 0);
}

static void teardown(void)
{
	free(content);
	image_teardown();
}

static struct disk *open_disk(const char *path)
{
	struct disk *d = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(disk_open(path, 0, &d, &err) == 0, "%s", err.text);
	return d;
}

START_TEST(opening)
{
	struct disk *d = open_disk(image_path("disk.img"));
	struct err err = ERR_INIT;

	ck_assert_uint_eq(d->size, SIZE);
	ck_assert_uint_eq(d->logical_sector, 512);
	ck_assert(!d->block_device);
	ck_assert_int_eq(fcntl(d->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(fcntl(d->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	disk_free(d);
	d = NULL;

	image_make("empty.img", 0);
	image_make("odd.img", 1000);
	image_make("sector.img", 4096 * 3 + 512);
	ck_assert_int_eq(disk_open(image_path("empty.img"), 0, &d, &err), -EINVAL);
	ck_assert_int_eq(disk_open(image_path("odd.img"), 0, &d, &err), -EINVAL);
	ck_assert_int_eq(disk_open(image_path("sector.img"), 4096, &d, &err), -EINVAL);
	ck_assert_int_eq(disk_open(image_path("disk.img"), 1000, &d, &err), -EINVAL);
	ck_assert_int_eq(disk_open(image_path("disk.img"), 256, &d, &err), -EINVAL);
	ck_assert_int_eq(disk_open(image_path("none.img"), 0, &d, &err), -ENOENT);
	ck_assert_int_eq(disk_open(image_dir, 0, &d, &err), -ENOTBLK);
	ck_assert_int_eq(disk_open("/dev/null", 0, &d, &err), -ENOTBLK);
	ck_assert_int_eq(mkfifo(image_path("fifo"), 0600), 0);
	ck_assert_int_eq(disk_open(image_path("fifo"), 0, &d, &err), -ENOTBLK);
	ck_assert_ptr_null(d);
	ck_assert_ptr_nonnull(strstr(err.text, "fifo"));
	disk_free(NULL);
}
END_TEST

static void read_everywhere(struct disk *d)
{
	static const size_t lens[] = { 0, 1, 511, 512, 513, 4095, 4096, 4097, 8192, 300000, SIZE };
	static const uint64_t offsets[] = {
		0, 1, 511, 512, 4095, 4096, 4097, 65536, SIZE - 1, SIZE - 512, SIZE - 1536,
		SIZE - 1537, SIZE - 4096, SIZE - 8192, SIZE
	};
	uint8_t *buf = fdio_alloc(SIZE + 8192);
	struct err err = ERR_INIT;

	ck_assert_uint_eq((uintptr_t)buf % FDIO_ALIGN, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++)
		for (size_t j = 0; j < ARRAY_SIZE(offsets); j++)
			for (size_t shift = 0; shift < 2; shift++) {
				uint8_t *p = buf + 4096 + shift * 7;
				bool inside = offsets[j] <= SIZE && lens[i] <= SIZE - offsets[j];
				int r;

				memset(buf, 0xcc, SIZE + 8192);
				r = disk_read(d, p, lens[i], offsets[j], &err);
				ck_assert_int_eq(r, inside ? 0 : -ERANGE);
				if (!inside)
					continue;
				ck_assert(memcmp(p, content + offsets[j], lens[i]) == 0);
				ck_assert_uint_eq(p[-1], 0xcc);
				ck_assert_uint_eq(p[lens[i]], 0xcc);
			}
	ck_assert_int_eq(disk_read(d, buf, 1, UINT64_MAX, &err), -ERANGE);
	free(buf);
}

START_TEST(reading)
{
	struct disk *d = open_disk(image_path("disk.img"));
	char other[] = "/var/tmp/p2v-disk-XXXXXX";
	int fd;

	read_everywhere(d);
	disk_free(d);
	/* Once more where O_DIRECT is the real thing, if this is such a place. */
	fd = mkstemp(other);
	if (fd < 0)
		return;
	ck_assert_int_eq(write(fd, content, SIZE), SIZE);
	close(fd);
	d = open_disk(other);
	unlink(other);
	read_everywhere(d);
	/* A second descriptor of a file that has no name any more. */
	fd = disk_reopen(d, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	disk_free(d);
}
END_TEST

START_TEST(became_smaller)
{
	struct disk *d = open_disk(image_path("disk.img"));
	uint8_t buf[4096];
	struct err err = ERR_INIT;

	ck_assert_int_eq(truncate(image_path("disk.img"), 8192), 0);
	ck_assert_int_eq(disk_read(d, buf, sizeof(buf), 0, &err), 0);
	ck_assert_int_eq(disk_read(d, buf, 100, 100000, &err), -ENODATA);
	ck_assert_int_eq(disk_read(d, buf, sizeof(buf), 6000, &err), -ENODATA);
	disk_free(d);
	ck_assert_int_eq(truncate(image_path("disk.img"), SIZE), 0);
	image_write("disk.img", content, SIZE, 0);
}
END_TEST

/*
 * A made-up machine: sda with sda1, sda2; dm-0 on sda2, dm-1 on dm-0; sdb with sdb1, which is one
 * of two members of a btrfs (the other is sdc); sdd with a loop device on it.
 */
static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	ck_assert_int_eq(image_run("mkdir -p $(dirname root%s)", path), 0);
	snprintf(full, sizeof(full), "%s%s", image_path("root"), path);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void block(const char *path, unsigned int minor_no)
{
	const char *name = strrchr(path, '/') + 1;

	ck_assert_int_eq(
		image_run("d=root/sys/devices/%s; mkdir -p $d/holders root/sys/class/block "
			  "root/sys/block root/sys/dev/block && echo 8:%u >$d/dev && "
			  "ln -s ../../devices/%s root/sys/class/block/%s && "
			  "ln -s ../../devices/%s root/sys/dev/block/8:%u",
			  path, minor_no, path, name, path, minor_no),
		0);
}

static void machine(void)
{
	ck_assert_int_eq(image_run("rm -rf root; mkdir root"), 0);
	block("x/sda", 0);
	block("x/sda/sda1", 1);
	block("x/sda/sda2", 2);
	block("x/sdb", 16);
	block("x/sdb/sdb1", 17);
	block("x/sdc", 32);
	block("x/sdd", 48);
	block("v/dm-0", 100);
	block("v/dm-1", 101);
	block("v/loop3", 103);
	put("/sys/devices/x/sda/sda1/partition", "1");
	put("/sys/devices/x/sda/sda2/partition", "2");
	put("/sys/devices/x/sdb/sdb1/partition", "1");
	put("/sys/devices/v/loop3/loop/backing_file", "/dev/sdd");
	put("/sys/devices/v/loop3/ro", "1");
	ck_assert_int_eq(
		image_run("cd root/sys; ln -s ../../../../v/dm-0 devices/x/sda/sda2/holders/dm-0;"
			  "ln -s ../../dm-1 devices/v/dm-0/holders/dm-1;"
			  "ln -s ../devices/v/loop3 block/loop3;"
			  "mkdir -p fs/btrfs/uuid/devices;"
			  "ln -s ../../../../devices/x/sdb/sdb1 fs/btrfs/uuid/devices/sdb1;"
			  "ln -s ../../../../devices/x/sdc fs/btrfs/uuid/devices/sdc;"
			  "mkdir -p ../dev/mapper; touch ../dev/dm-1 ../dev/sdc;"
			  "ln -s ../dm-1 ../dev/mapper/vg-swap"),
		0);
	put("/proc/self/mountinfo", "1 1 0:22 / /proc rw - proc proc rw");
	put("/proc/swaps", "Filename Type Size Used Priority");
}

static int ask(unsigned int minor_no, const char *image, const char *expected)
{
	struct sysroot *s = NULL;
	struct err err = ERR_INIT;
	char *by = NULL;
	int r;

	ck_assert_int_eq(sysroot_open(image_path("root"), &s, &err), 0);
	r = disk_in_use_at(s, image ? 0 : makedev(8, minor_no), image, &by, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	ck_assert_int_eq(by != NULL, r == 1);
	if (expected)
		ck_assert_msg(by && strcmp(by, expected) == 0, "%s, not %s", by ? by : "nothing",
			      expected);
	else
		ck_assert_msg(!by, "%s", by);
	free(by);
	sysroot_free(s);
	return r;
}

#define MOUNT	"/proc/self/mountinfo"

START_TEST(in_use)
{
	machine();
	ask(0, NULL, NULL);
	put(MOUNT, "30 1 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 ro");
	ask(0, NULL, NULL);
	put(MOUNT,
	    "30 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=remount-ro");
	ask(0, NULL, "/dev/sda1 mounted read-write on /");
	ask(1, NULL, "/dev/sda1 mounted read-write on /");
	ask(2, NULL, NULL);
	ask(16, NULL, NULL);
	/* A read-only view of a writable filesystem; a mount point with a blank. */
	put(MOUNT, "30 1 8:101 / /my\\040data ro,relatime - xfs /dev/mapper/vg-root rw,attr2");
	ask(0, NULL, "/dev/dm-1 mounted read-write on /my data");
	ask(1, NULL, NULL);
	/* btrfs: an anonymous device, and the source is the other member. */
	put(MOUNT, "31 1 0:45 /@ / rw - btrfs /dev/sdc rw,subvol=/@");
	ask(16, NULL, "/dev/sdc mounted read-write on /");
	ask(32, NULL, "/dev/sdc mounted read-write on /");
	ask(0, NULL, NULL);
	/* Only the first process sees it. */
	put(MOUNT, "1 1 0:22 / /proc rw - proc proc rw");
	put("/proc/1/mountinfo", "30 1 8:1 / /hidden rw - ext4 /dev/sda1 rw");
	ask(0, NULL, "/dev/sda1 mounted read-write on /hidden");
	put("/proc/1/mountinfo", "");

	put("/proc/swaps",
	    "Filename Type Size Used Priority\n/dev/mapper/vg-swap partition 1 0 -2");
	ask(0, NULL, "/dev/dm-1 is active swap");
	ask(16, NULL, NULL);
	put("/proc/swaps", "Filename Type Size Used Priority\n/swap\\040file file 1 0 -2");
	ask(0, NULL, NULL);
}
END_TEST

START_TEST(in_use_by_loop)
{
	machine();
	ask(48, NULL, NULL);			/* a read-only loop device */
	put(MOUNT, "30 1 8:103 / /l ro - ext4 /dev/loop3 ro");
	ask(48, NULL, NULL);
	put(MOUNT, "30 1 8:103 / /l rw - ext4 /dev/loop3 rw");
	ask(48, NULL, "/dev/loop3 mounted read-write on /l");
	put("/sys/devices/v/loop3/ro", "0");
	ask(48, NULL, "/dev/loop3 is a writable loop device on /dev/sdd");

	put("/sys/devices/v/loop3/loop/backing_file", "/images/a.img");
	ask(0, "/images/a.img", "/dev/loop3 is a writable loop device on /images/a.img");
	ask(0, "/images/b.img", NULL);
	put("/sys/devices/v/loop3/ro", "1");
	put(MOUNT, "1 1 0:22 / /proc rw - proc proc rw");
	ask(0, "/images/a.img", NULL);
}
END_TEST

START_TEST(in_use_odd)
{
	struct sysroot *s = NULL;
	struct err err = ERR_INIT;
	char *by = NULL;

	machine();
	put(MOUNT,
	    "garbage\n\n30 1 8:1\n30 1 8:1 / / rw\n30 1 x:y / / rw - ext4 /dev/sda1 rw\n- - - -");
	ask(1, NULL, "/dev/sda1 mounted read-write on /");
	ck_assert_int_eq(sysroot_open(image_path("root"), &s, &err), 0);
	/* A device that /sys does not know is an error, not "not in use". */
	ck_assert_int_lt(disk_in_use_at(s, makedev(9, 9), NULL, &by, &err), 0);
	ck_assert_int_eq(image_run("rm root/proc/self/mountinfo"), 0);
	ck_assert_int_lt(disk_in_use_at(s, makedev(8, 0), NULL, &by, &err), 0);
	ck_assert_ptr_null(by);
	sysroot_free(s);
}
END_TEST

START_TEST(live_loop)
{
	struct disk *d;
	struct err err = ERR_INIT;
	char *by = NULL;
	int r;

	d = open_disk(image_path("disk.img"));
	ck_assert_int_eq(disk_in_use(d, &by, &err), 0);
	if (geteuid() != 0 || image_run("losetup -f --show disk.img >name") != 0) {
		disk_free(d);
		UNIT_LEAVE("no loop devices");
	}
	r = disk_in_use(d, &by, &err);
	/* Detached before anything is asserted. */
	image_run("losetup -d $(cat name)");
	ck_assert_int_eq(r, 1);
	ck_assert_ptr_nonnull(strstr(by, "writable loop device"));
	free(by);
	disk_free(d);
}
END_TEST

/* A block device, when there may be one: the loop device is a real one with O_DIRECT. */
START_TEST(block_device)
{
	char name[64] = "";
	struct disk *d = NULL;
	struct err err = ERR_INIT;
	int r, same = 0;
	uint8_t *buf;
	FILE *f;

	if (geteuid() != 0 || image_run("losetup -r -f --show disk.img >name") != 0) {
		UNIT_LEAVE("no loop devices");
	}
	f = fopen(image_path("name"), "r");
	if (f && fgets(name, sizeof(name), f))
		name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
	r = disk_open(name, 0, &d, &err);
	buf = fdio_alloc(SIZE);
	if (r == 0 && d->block_device && d->size == SIZE)
		same = disk_read(d, buf, SIZE - 512, 512, &err) == 0 &&
		       memcmp(buf, content + 512, SIZE - 512) == 0;
	disk_free(d);
	free(buf);
	image_run("losetup -d $(cat name)");
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_int_eq(same, 1);
}
END_TEST

/* Holes of a file; not what is written, not what was cut off, and not what is nearly a hole. */
START_TEST(holes)
{
	char path[] = "/var/tmp/p2v-unit.XXXXXX";
	CLEANUP(disk_free) struct disk *d = NULL;
	CLEANUP(fd_close) int fd = mkstemp(path);
	struct err err = ERR_INIT;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 16 * MIB), 0);
	ck_assert_int_eq(pwrite(fd, "x", 1, 5 * MIB), 1);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_msg(disk_open(path, 0, &d, &err) == 0, "%s", err.text);
	unlink(path);
	/* A filesystem that does not tell has none. */
	if (!disk_is_hole(d, 0, MIB))
		return;
	ck_assert(disk_is_hole(d, 4 * MIB, MIB));
	ck_assert(!disk_is_hole(d, 4 * MIB, MIB + 4096));
	ck_assert(!disk_is_hole(d, 5 * MIB, MIB));
	ck_assert(disk_is_hole(d, 6 * MIB, 10 * MIB));
	ck_assert(!disk_is_hole(d, 6 * MIB, 10 * MIB + 512));
	ck_assert_int_eq(ftruncate(fd, 8 * MIB), 0);
	ck_assert(disk_is_hole(d, 7 * MIB, MIB));
	ck_assert(!disk_is_hole(d, 8 * MIB, MIB));
	ck_assert(!disk_is_hole(d, 7 * MIB, 2 * MIB));
}
END_TEST

static Suite *suite_disk(void)
{
	Suite *s = suite_create("disk");
	TCase *tc = tcase_create("disk");

	tcase_add_unchecked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, holes);
	tcase_add_test(tc, opening);
	tcase_add_test(tc, reading);
	tcase_add_test(tc, became_smaller);
	tcase_add_test(tc, in_use);
	tcase_add_test(tc, in_use_by_loop);
	tcase_add_test(tc, in_use_odd);
	tcase_add_test(tc, live_loop);
	tcase_add_test(tc, block_device);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_disk)
