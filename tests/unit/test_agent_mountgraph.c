/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is frozen, and in which order: mount tables as real machines have them, and worse ones. */
#include "p2v-agent/quiesce/mountgraph.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "common/compiler.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

#define MAX_VIEWS	3

static struct mountinfo infos[MAX_VIEWS];
static struct mountgraph_view views[MAX_VIEWS];
static struct blockstack stack;
static struct mountgraph_config cfg;
static struct mountgraph graph;
static dev_t disks[8];

static void setup(void)
{
	memset(infos, 0, sizeof(infos));
	stack = (struct blockstack){ 0 };
	graph = (struct mountgraph){ 0 };
	cfg = (struct mountgraph_config){ .views = views, .stack = &stack, .disks = disks };
}

static void teardown(void)
{
	mountgraph_done(&graph);
	for (size_t i = 0; i < cfg.nviews; i++)
		mountinfo_done(&infos[i]);
	blockstack_done(&stack);
}

static void view(const char *prefix, const char *mounts, const char *swaps)
{
	ck_assert_int_eq(mountinfo_parse(mounts, swaps, &infos[cfg.nviews]), 0);
	views[cfg.nviews] = (struct mountgraph_view){ prefix, &infos[cfg.nviews] };
	cfg.nviews++;
}

static void dev(unsigned int major, unsigned int minor, const char *name, const char *alias,
		const char *file, const char *below)
{
	ck_assert_int_eq(blockstack_add(&stack, makedev(major, minor), name, alias, file, &below,
					below ? 1 : 0), 0);
}

static void disk(unsigned int major, unsigned int minor)
{
	disks[cfg.ndisks++] = makedev(major, minor);
}

static void make(void)
{
	struct err err = ERR_INIT;

	ck_assert_msg(mountgraph_make(&cfg, &graph, &err) == 0, "%s", err.text);
}

/* "/a /b /": the order of freezing. */
static void order_is(const char *wanted)
{
	char got[1024] = "";

	for (size_t i = 0; i < graph.norder; i++) {
		strcat(got, i ? " " : "");
		strcat(got, mountgraph_fs_path(&graph.fs[graph.order[i]]));
	}
	ck_assert_str_eq(got, wanted);
}

static const struct mountgraph_fs *at(const char *path)
{
	for (size_t i = 0; i < graph.nfs; i++)
		for (size_t k = 0; k < graph.fs[i].nmounts; k++)
			if (strcmp(graph.fs[i].mounts[k].path, path) == 0 &&
			    !graph.fs[i].mounts[k].covered)
				return &graph.fs[i];
	ck_abort_msg("nothing is mounted at %s", path);
}

static void verdict_is(const char *path, enum mountgraph_verdict v, const char *why)
{
	const struct mountgraph_fs *f = at(path);

	ck_assert_msg(f->verdict == v, "%s: %s", path, mountgraph_verdict_word(f->verdict));
	ck_assert_msg(strstr(f->why, why) != NULL, "%s: %s", path, f->why);
}

static void plain_disk(void)
{
	dev(8, 0, "sda", NULL, NULL, NULL);
	dev(8, 1, "sda1", NULL, NULL, "sda");
	dev(8, 2, "sda2", NULL, NULL, "sda");
	dev(8, 3, "sda3", NULL, NULL, "sda");
}

/* A server as a distribution sets it up, with LVM. */
START_TEST(server)
{
	plain_disk();
	dev(253, 0, "dm-0", "vg-root", NULL, "sda3");
	dev(253, 1, "dm-1", "vg-var", NULL, "sda3");
	dev(253, 2, "dm-2", "vg-swap", NULL, "sda3");
	view("", "21 26 0:19 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
	     "22 26 0:20 / /proc rw shared:13 - proc proc rw\n"
	     "23 26 0:5 / /dev rw shared:2 - devtmpfs udev rw,size=1k\n"
	     "26 1 253:0 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw\n"
	     "27 26 0:21 / /run rw - tmpfs tmpfs rw\n"
	     "90 26 8:2 / /boot rw shared:31 - ext4 /dev/sda2 rw\n"
	     "92 90 8:1 / /boot/efi rw shared:32 - vfat /dev/sda1 rw,fmask=0077\n"
	     "94 26 253:1 / /var rw - xfs /dev/mapper/vg-var rw\n"
	     "95 94 0:50 / /var/lib/nfs/x rw - nfs4 nas:/x rw\n"
	     "96 26 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro\n",
	     "Filename Type Size Used Priority\n/dev/dm-2 partition 1 0 -2\n/swap\\040file "
	     "file 1 0 -3\n");
	dev(7, 0, "loop0", NULL, "/var/lib/snapd/snaps/core_1.snap", NULL);
	disk(8, 0);
	make();
	order_is("/boot /var /");
	verdict_is("/boot/efi", MOUNTGRAPH_SYNC, "cannot be frozen");
	verdict_is("/var/lib/nfs/x", MOUNTGRAPH_LEAVE, "another machine");
	verdict_is("/snap/core/1", MOUNTGRAPH_LEAVE, "read-only");
	verdict_is("/run", MOUNTGRAPH_LEAVE, "not on a disk");
	ck_assert_uint_eq(graph.nswaps, 2);
	ck_assert_str_eq(graph.swaps[1].path, "/swap file");
	ck_assert(graph.swaps[1].file);
	ck_assert(!graph.swaps[0].file);
}
END_TEST

/* What is not converted stays as it is; nothing named means everything. */
START_TEST(other_disk)
{
	plain_disk();
	dev(8, 16, "sdb", NULL, NULL, NULL);
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:16 / /data rw - xfs /dev/sdb "
	     "rw\n", NULL);
	disk(8, 0);
	make();
	order_is("/");
	verdict_is("/data", MOUNTGRAPH_LEAVE, "not on a disk that is converted");
	mountgraph_done(&graph);
	cfg.ndisks = 0;
	make();
	order_is("/data /");
}
END_TEST

/* Not known to sysfs: doubt freezes. */
START_TEST(unknown_device)
{
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:44 / /b rw - btrfs /dev/xyz rw\n"
	     "3 1 9:9 / /new rw - shinyfs /dev/md9 rw\n", NULL);
	disk(8, 0);
	make();
	order_is("/b /new /");
	verdict_is("/new", MOUNTGRAPH_TRY, "shinyfs");
}
END_TEST

START_TEST(btrfs_subvolumes)
{
	static char *both[] = { (char *)"sda2", (char *)"sdb" };
	char **group = calloc(3, sizeof(char *));

	plain_disk();
	dev(8, 16, "sdb", NULL, NULL, NULL);
	group[0] = strdup(both[0]);
	group[1] = strdup(both[1]);
	stack.groups = malloc(sizeof(*stack.groups));
	stack.groups[0] = group;
	stack.ngroups = 1;
	view("", "1 0 0:30 /@ / rw - btrfs /dev/sdb rw,subvol=/@\n"
	     "2 1 0:30 /@home /home rw - btrfs /dev/sdb rw,subvol=/@home\n"
	     "3 1 0:30 /@log /var/log rw - btrfs /dev/sdb rw,subvol=/@log\n", NULL);
	/* The source is the other disk, but one of its devices is on this one. */
	disk(8, 0);
	make();
	order_is("/");
	ck_assert_uint_eq(graph.nfs, 1);
	ck_assert_uint_eq(graph.fs[0].nmounts, 3);
}
END_TEST

START_TEST(bind_mounts)
{
	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /srv/deep/data rw - ext4 "
	     "/dev/sda2 rw\n"
	     "3 1 8:2 /www /www ro - ext4 /dev/sda2 rw\n4 1 8:1 /etc/x /srv/etc rw - ext4 "
	     "/dev/sda1 rw\n",
	     NULL);
	make();
	order_is("/www /");
	/* A mount that is read-only does not make the filesystem so. */
	verdict_is("/www", MOUNTGRAPH_FREEZE, "");
	ck_assert_uint_eq(at("/www")->nmounts, 2);
}
END_TEST

/* Another filesystem lies over the mount point: the next one is opened. */
START_TEST(covered)
{
	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n"
	     "3 2 8:3 / /mnt rw - xfs /dev/sda3 rw\n4 1 8:2 / /other/place rw - ext4 /dev/sda2 rw\n"
	     "5 3 0:9 / /mnt/t rw - tmpfs x rw\n", NULL);
	make();
	order_is("/other/place /mnt /");
	ck_assert(!at("/other/place")->mounts[0].covered);
	ck_assert(at("/other/place")->mounts[1].covered);
	ck_assert_uint_eq(at("/mnt")->dev, makedev(8, 3));
}
END_TEST

/* A chain of images, each in the filesystem of the one before. */
START_TEST(nested_loops)
{
	plain_disk();
	dev(7, 0, "loop0", NULL, "/img/a.raw", NULL);
	dev(7, 1, "loop1", NULL, "/a/b.raw", NULL);
	dev(253, 7, "dm-7", "b-crypt", NULL, "loop1");
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /img rw - xfs /dev/sda2 rw\n"
	     "3 1 7:0 / /a rw - ext4 /dev/loop0 rw\n4 1 253:7 / /b rw - ext4 "
	     "/dev/mapper/b-crypt rw\n",
	     NULL);
	disk(8, 0);
	make();
	order_is("/b /a /img /");
}
END_TEST

/* A root that lives in a file of what is mounted below it: the file wins over the tree. */
START_TEST(root_in_a_file)
{
	plain_disk();
	dev(7, 0, "loop0", NULL, "/host/disk.raw", NULL);
	view("", "1 0 7:0 / / rw - ext4 /dev/loop0 rw\n2 1 8:2 / /host rw - ext4 /dev/sda2 "
	     "rw\n", NULL);
	disk(8, 0);
	make();
	order_is("/ /host");
}
END_TEST

/* Its file is gone, or belongs to another namespace: first of all, and never left out. */
START_TEST(lost_file)
{
	plain_disk();
	dev(7, 0, "loop0", NULL, "?", NULL);
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /x/y/z rw - ext4 /dev/sda2 rw\n"
	     "3 1 7:0 / /l rw - ext4 /dev/loop0 rw\n", NULL);
	disk(8, 0);
	make();
	order_is("/l /x/y/z /");
}
END_TEST

START_TEST(circle)
{
	struct err err = ERR_INIT;

	dev(7, 0, "loop0", NULL, "/b/0", NULL);
	dev(7, 1, "loop1", NULL, "/a/1", NULL);
	view("", "1 0 7:0 / /a rw - ext4 /dev/loop0 rw\n2 1 7:1 / /b rw - ext4 /dev/loop1 "
	     "rw\n", NULL);
	ck_assert_int_eq(mountgraph_make(&cfg, &graph, &err), -ELOOP);
	ck_assert_msg(strstr(err.text, "circle") != NULL, "%s", err.text);
}
END_TEST

START_TEST(containers)
{
	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /var/lib/docker rw - xfs "
	     "/dev/sda2 rw\n"
	     "3 2 0:60 / /var/lib/docker/overlay2/q/merged rw - overlay overlay "
	     "rw,lowerdir=/var/lib/docker/overlay2/l,"
	     "upperdir=/var/lib/docker/overlay2/q/diff,workdir=/w\n"
	     "4 1 0:61 / /media rw - overlay overlay ro,lowerdir=/a:/b\n", NULL);
	/* A volume that only a container sees, and what everybody sees. */
	view("/proc/77/root", "101 100 0:60 / / rw - overlay overlay rw\n"
	     "102 101 8:3 / /data rw - ext4 /dev/sda3 rw\n"
	     "103 101 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n", NULL);
	make();
	order_is("/var/lib/docker /proc/77/root/data /");
	verdict_is("/var/lib/docker/overlay2/q/merged", MOUNTGRAPH_THROUGH, "/var/lib/docker");
	verdict_is("/media", MOUNTGRAPH_LEAVE, "");
	ck_assert_uint_eq(at("/")->nmounts, 1);
}
END_TEST

/* Writable, converted, and cannot be held still. */
START_TEST(stops)
{
	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /win rw - fuseblk /dev/sda2 rw\n"
	     "3 1 8:3 / /ro ro - fuseblk /dev/sda3 ro\n4 1 0:71 / /tank rw - zfs tank/x rw\n"
	     "5 1 0:72 / /gv rw - fuse.portal /dev/fuse rw\n", NULL);
	disk(8, 0);
	make();
	order_is("/");
	verdict_is("/win", MOUNTGRAPH_STOPS, "unmount");
	verdict_is("/ro", MOUNTGRAPH_LEAVE, "read-only");
	verdict_is("/tank", MOUNTGRAPH_STOPS, "zfs");
	verdict_is("/gv", MOUNTGRAPH_LEAVE, "has no device");
}
END_TEST

START_TEST(only_some)
{
	static const char *only[] = { "/data/" }, *none[] = { "/dat" };
	struct err err = ERR_INIT;

	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data rw - ext4 /dev/sda2 "
	     "rw\n", NULL);
	cfg.only = only;
	cfg.nonly = 1;
	make();
	order_is("/data");
	verdict_is("/", MOUNTGRAPH_LEAVE, "not asked for");
	mountgraph_done(&graph);
	cfg.only = none;
	ck_assert_int_eq(mountgraph_make(&cfg, &graph, &err), -ENOENT);
}
END_TEST

/* The agent is in a namespace of its own: the way leads through process 1, the names do not. */
START_TEST(own_namespace)
{
	static const char *only[] = { "/data" };

	plain_disk();
	view("/proc/1/root", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 8:2 / /data rw - ext4 /dev/sda2 rw\n", NULL);
	cfg.only = only;
	cfg.nonly = 1;
	make();
	order_is("/data");
	ck_assert_str_eq(graph.fs[graph.order[0]].mounts[0].path, "/proc/1/root/data");
}
END_TEST

/* Names are kept byte by byte to be opened, and escaped to be shown. */
START_TEST(odd_names)
{
	plain_disk();
	view("", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / /a\\040b\\012\xff\\040 rw - "
	     "new\\033fs /dev/sda2 rw\n"
	     "3 1 x:y / /no rw - ext4 /dev/sda2 rw\n4 4 8:3 / /self rw - ext4 /dev/sda3 "
	     "rw\nnonsense\n",
	     NULL);
	make();
	order_is("/a b\n\xff  /self /");
	ck_assert_ptr_null(strchr(at("/a b\n\xff ")->why, '\033'));
}
END_TEST

START_TEST(sysfs)
{
	struct sysroot *root;

	tmproot_make();
	tmproot_text("8:0\n", "/sys/block/sda/dev");
	tmproot_text("8:5\n", "/sys/block/sda/sda5/dev");
	tmproot_text("5\n", "/sys/block/sda/sda5/partition");
	tmproot_text("8:99\n", "/sys/block/sda/queue/dev");
	tmproot_text("253:0\n", "/sys/block/dm-0/dev");
	tmproot_text("luks-x\n", "/sys/block/dm-0/dm/name");
	tmproot_folder("/sys/block/dm-0/slaves/sda5");
	tmproot_text("7:1\n", "/sys/block/loop1/dev");
	tmproot_text("/a file\n", "/sys/block/loop1/loop/backing_file");
	tmproot_folder("/sys/block/nvme0c0n1");
	tmproot_folder("/sys/fs/btrfs/features");
	tmproot_folder("/sys/fs/btrfs/u-u/devices/dm-0");
	tmproot_folder("/sys/fs/btrfs/u-u/devices/loop1");
	root = tmproot_open();
	ck_assert_int_eq(blockstack_read(root, &stack), 0);
	sysroot_free(root);
	tmproot_remove();
	ck_assert_uint_eq(stack.n, 4);
	ck_assert_str_eq(blockstack_by_dev(&stack, makedev(8, 5))->below[0], "sda");
	ck_assert_str_eq(blockstack_by_path(&stack, "/dev/mapper/luks-x")->below[0], "sda5");
	ck_assert_ptr_eq(blockstack_by_path(&stack, "/dev/dm-0"),
			 blockstack_by_name(&stack, "dm-0"));
	ck_assert_ptr_null(blockstack_by_path(&stack, "/dev/mapper/sda"));
	ck_assert_ptr_null(blockstack_by_path(&stack, "sda"));
	ck_assert_str_eq(blockstack_by_name(&stack, "loop1")->file, "/a file");
	ck_assert_str_eq(blockstack_group(&stack, blockstack_by_name(&stack, "loop1"))[0], "dm-0");
	ck_assert_ptr_null(blockstack_group(&stack, blockstack_by_name(&stack, "sda")));
}
END_TEST

static Suite *mountgraph_suite(void)
{
	Suite *s = suite_create("mountgraph");
	TCase *tc = tcase_create("mountgraph");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, server);
	tcase_add_test(tc, other_disk);
	tcase_add_test(tc, unknown_device);
	tcase_add_test(tc, btrfs_subvolumes);
	tcase_add_test(tc, bind_mounts);
	tcase_add_test(tc, covered);
	tcase_add_test(tc, nested_loops);
	tcase_add_test(tc, root_in_a_file);
	tcase_add_test(tc, lost_file);
	tcase_add_test(tc, circle);
	tcase_add_test(tc, containers);
	tcase_add_test(tc, stops);
	tcase_add_test(tc, only_some);
	tcase_add_test(tc, own_namespace);
	tcase_add_test(tc, odd_names);
	tcase_add_test(tc, sysfs);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(mountgraph_suite)
