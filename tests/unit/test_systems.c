/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Systems on images of disks, made on the spot: found, described, and not changed by a byte, with a
 * journal to replay and orphans to clean up on them. Needs root for that; what is pure is tested
 * without.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "common/compiler.h"
#include "common/digest.h"
#include "inventory/machine_json.h"
#include "inventory/systems/systems.h"
#include "inventory/systems/systems_look.h"
#include "tests/unit/test_root.h"

/* -- pure -- */

static struct machine_os *add_system(struct machine *m, const char *id, const char *root,
				     const char *boot, const char *esp)
{
	struct machine_os *os = machine_grow(&m->systems, &m->nsystems, sizeof(*os));

	os->kind = strdup(strcmp(id, "windows") == 0 ? "windows" : "linux");
	os->id = strcmp(id, "windows") == 0 ? NULL : strdup(id);
	os->root_source = strdup(root);
	os->boot_source = boot ? strdup(boot) : NULL;
	os->esp_source = esp ? strdup(esp) : NULL;
	return os;
}

static struct machine_disk *add_disk(struct machine *m, const char *name, int partitions)
{
	struct machine_disk *d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));

	d->name = strdup(name);
	ck_assert_int_gt(asprintf(&d->path, "/dev/%s", name), 0);
	for (int i = 1; i <= partitions; i++) {
		struct machine_partition *p = machine_grow(&d->partitions, &d->npartitions,
							   sizeof(*p));

		p->number = (uint32_t)i;
		ck_assert_int_gt(asprintf(&p->name, "%s%d", name, i), 0);
		ck_assert_int_gt(asprintf(&p->path, "/dev/%s%d", name, i), 0);
		ck_assert_int_gt(asprintf(&p->uuid, "0000000%d-%s", i, name), 0);
	}
	return d;
}

static void add_entry(struct machine *m, uint16_t number, const char *file, const char *uuid)
{
	struct machine_boot_entry *e = machine_grow(&m->firmware.entries, &m->firmware.nentries,
						    sizeof(*e));
	uint16_t *order = machine_grow(&m->firmware.boot_order, &m->firmware.nboot_order,
				       sizeof(*order));

	e->number = *order = number;
	e->active = true;
	e->file = strdup(file);
	e->partition_uuid = uuid ? strdup(uuid) : NULL;
	m->firmware.type = MACHINE_FIRMWARE_UEFI;
}

static const char *first(struct machine *m)
{
	const char *found = "none";
	int n = 0;

	systems_mark_first(m);
	for (size_t i = 0; i < m->nsystems; i++)
		if (m->systems[i].boots_first) {
			found = m->systems[i].id ? m->systems[i].id : "windows";
			n++;
		}
	ck_assert_int_le(n, 1);
	return found;
}

START_TEST(test_first_by_boot_entry)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_str_eq(first(m), "none");
	add_disk(m, "sda", 4);
	add_disk(m, "sdb", 2);
	add_system(m, "debian", "/dev/sda2", NULL, "/dev/sda1");
	ck_assert_str_eq(first(m), "debian");		/* the only one */
	add_system(m, "rhel", "/dev/sda3", NULL, "/dev/sda1");
	add_system(m, "windows", "/dev/sda4", NULL, NULL);
	add_system(m, "alpine", "/dev/sdb2", NULL, "/dev/sdb1");
	/* The medium's entry fits none. */
	add_entry(m, 9, "\\EFI\\BOOT\\BOOTX64.EFI", "00000001-usb");
	m->firmware.boot_current = 9;
	add_entry(m, 3, "\\EFI\\redhat\\shimx64.efi", "00000001-SDA");
	add_entry(m, 4, "\\EFI\\Microsoft\\Boot\\bootmgfw.efi", "00000001-sda");
	add_entry(m, 5, "\\EFI\\BOOT\\BOOTX64.EFI", "00000001-sdb");
	add_entry(m, 6, "\\EFI\\ours\\grubx64.efi", "00000001-sda");
	ck_assert_str_eq(first(m), "rhel");
	m->firmware.boot_order[1] = 4;
	ck_assert_str_eq(first(m), "windows");
	m->firmware.boot_order[1] = 5;
	ck_assert_str_eq(first(m), "alpine");
	m->firmware.boot_order[1] = 6;
	ck_assert_str_eq(first(m), "debian");		/* a guess: the first on that ESP */
	m->firmware.entries[4].active = false;
	m->firmware.boot_order[2] = 3;
	ck_assert_str_eq(first(m), "rhel");
	m->firmware.boot_current = 5;
	ck_assert_str_eq(first(m), "alpine");
	m->systems[2].booted = true;
	ck_assert_str_eq(first(m), "windows");
}
END_TEST

START_TEST(test_first_by_disk)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	struct machine_volume *v;

	ck_assert_int_eq(machine_new(&m), 0);
	m->firmware.type = MACHINE_FIRMWARE_BIOS;
	add_disk(m, "sda", 3);
	add_disk(m, "sdb", 2);
	v = machine_grow(&m->volumes, &m->nvolumes, sizeof(*v));
	v->name = strdup("dm-0");
	v->path = strdup("/dev/mapper/vg-root");
	machine_strv_add(&v->slaves, "sda3");
	add_system(m, "late", "/dev/sdb1", NULL, NULL);
	add_system(m, "lvm", "/dev/mapper/vg-root", NULL, NULL);
	add_system(m, "active", "/dev/sdb2", "/dev/sda1", NULL);
	ck_assert_str_eq(first(m), "lvm");
	m->disks[0].partitions[0].boot = true;
	ck_assert_str_eq(first(m), "active");
	ck_assert_str_eq(systems_disk_of(m, "dm-0")->name, "sda");
	ck_assert_ptr_null(systems_disk_of(m, "/dev/none"));
	/* A circle of volumes, as no kernel would show it. */
	machine_strv_add(&v->slaves, "dm-0");
	free(v->slaves.v[0]);
	v->slaves.v[0] = strdup("dm-0");
	ck_assert_ptr_null(systems_disk_of(m, "dm-0"));
}
END_TEST

START_TEST(test_what_a_medium_is)
{
	static const struct {
		const char *fs, *cmdline;
		bool medium;
	} cases[] = {
		{ "ext4", "root=/dev/sda1", false },	{ "overlay", NULL, true },
		{ "squashfs", "", true },		{ "tmpfs", "", true },
		{ "ext4", "quiet p2v.medium", true },	{ "ext4", "p2v.medium=1 quiet", true },
		{ "ext4", "xp2v.medium", false },	{ "ext4", "p2v.mediumx", false },
		{ "ext4", "p2v.medium=0", false },	{ NULL, NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct machine m = { 0 };

		m.os.root_fs = (char *)cases[i].fs;
		m.os.cmdline = (char *)cases[i].cmdline;
		ck_assert_msg(systems_on_medium(&m) == cases[i].medium, "case %zu", i);
	}
}
END_TEST

START_TEST(test_what_is_never_mounted)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(systems_set_done) struct systems_set s = { .image = -1 };
	struct machine_disk *d;

	ck_assert_int_eq(machine_new(&m), 0);
	m->os.root_fs = strdup("overlay");
	add_disk(m, "sda", 3);
	d = add_disk(m, "sdb", 2);	/* the medium */
	for (size_t i = 0; i < m->ndisks; i++)
		for (size_t j = 0; j < m->disks[i].npartitions; j++) {
			struct machine_partition *p = &m->disks[i].partitions[j];

			p->fs.type = strdup("ext4");
			ck_assert_int_gt(asprintf(&p->fs.uuid, "uuid-%zu-%zu", i, j), 0);
		}
	machine_strv_add(&d->partitions[0].mountpoints, "/run/live/medium");
	machine_strv_add(&m->disks[0].partitions[0].mountpoints, "/mnt");
	free(m->disks[0].partitions[2].fs.uuid);
	m->disks[0].partitions[2].fs.uuid = strdup("uuid-0-1");
	m->disks[0].partitions[1].fs.label = strdup("root fs");
	m->disks[0].partitions[1].label = strdup("Linux");
	machine_strv_add(&m->disks[0].partitions[1].aliases, "/dev/disk/by-id/x-part2");
	ck_assert_int_eq(systems_set_make(m, &s), 0);
	ck_assert_uint_eq(s.n, 5);
	ck_assert(s.v[0].in_use && !s.v[1].in_use && !s.v[2].in_use);
	ck_assert(!s.v[1].again && s.v[2].again);
	ck_assert(s.v[3].in_use && s.v[4].in_use);
	ck_assert_ptr_eq(systems_set_find(&s, "UUID=UUID-0-1"), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "UUID=\"uuid-0-1\""), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "LABEL=root fs"), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "PARTUUID=00000002-SDA"), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "PARTLABEL=Linux"), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "/dev/sda2"), &s.v[1]);
	ck_assert_ptr_eq(systems_set_find(&s, "/dev/disk/by-id/x-part2"), &s.v[1]);
	ck_assert_ptr_null(systems_set_find(&s, "/dev/sda1"));	/* in use */
	ck_assert_ptr_null(systems_set_find(&s, "UUID="));
	ck_assert_ptr_null(systems_set_find(&s, "tmpfs"));
	ck_assert_ptr_null(systems_set_find(&s, "server:/x"));
}
END_TEST

START_TEST(test_fstab)
{
	CLEANUP(systems_fstab_done) struct systems_fstab f = { 0 };
	const struct systems_fstab_entry *e;

	ck_assert_int_eq(systems_fstab_parse("# comment\n\n"
					     "UUID=1 / ext4 defaults 0 1\r\n"
					     "  \tLABEL=a\\040b\t/boot/\text2\n"
					     "none swap swap sw 0 0\n"
					     "one-word\n"
					     "UUID=2 /boot ext4 ro", &f), 0);
	ck_assert_uint_eq(f.n, 3);
	ck_assert_str_eq(f.v[1].spec, "LABEL=a b");
	ck_assert_str_eq(f.v[1].options, "");
	e = systems_fstab_find(&f, "/boot");
	ck_assert_str_eq(e->spec, "UUID=2");
	ck_assert_str_eq(e->options, "ro");
	ck_assert_ptr_null(systems_fstab_find(&f, "/usr"));
	systems_fstab_done(&f);
	ck_assert_int_eq(systems_fstab_parse(NULL, &f), 0);
	ck_assert_uint_eq(f.n, 0);
}
END_TEST

/* -- the child -- */

static int say(void *opaque, char **ret)
{
	*ret = strdup(opaque);
	return 0;
}

static int hang(void *opaque, char **ret)
{
	(void)ret;
	for (;;)
		pause();
	return opaque != NULL;
}

static int crash(void *opaque, char **ret)
{
	(void)opaque;
	(void)ret;
	raise(SIGKILL);
	return 0;
}

static int flood(void *opaque, char **ret)
{
	(void)opaque;
	*ret = malloc(MACHINE_JSON_TEXT_MAX + 100000);
	memset(*ret, 'x', MACHINE_JSON_TEXT_MAX + 100000);
	(*ret)[MACHINE_JSON_TEXT_MAX + 99999] = '\0';
	return 0;
}

START_TEST(test_child)
{
	CLEANUP(mem_free) char *text = NULL;
	struct err err = ERR_INIT;
	time_t start = time(NULL);

	ck_assert_int_eq(systems_child_run(say, (void *)"hello", 10, &text, &err), 0);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(systems_child_run(hang, NULL, 1, &text, &err), -ETIMEDOUT);
	ck_assert_str_eq(err.text, "no answer within 1 seconds");
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);	/* killed and reaped */
	ck_assert_int_eq(systems_child_run(crash, NULL, 10, &text, &err), -EIO);
	ck_assert_int_eq(systems_child_run(flood, NULL, 10, &text, &err), -EFBIG);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_lt(time(NULL) - start, 8);
}
END_TEST

/* -- with root: images -- */

#define NEED_ROOT() \
	do { \
		if (geteuid() != 0) \
			UNIT_LEAVE("mounting needs root"); \
	} while (0)

static bool has_driver(const char *type)
{
	char command[128];

	snprintf(command, sizeof(command), "grep -qw %s /proc/filesystems || modprobe -q %s", type,
		 type);
	return system(command) == 0;
}

/* In the made folder. */
static void run(const char *script)
{
	CLEANUP(mem_free) char *command = NULL;

	ck_assert_int_gt(asprintf(&command, "cd %s && set -eu; { %s\n} >log 2>&1", made, script),
			 0);
	if (system(command) != 0) {
		CLEANUP(mem_free) char *log = NULL;
		char path[128];

		snprintf(path, sizeof(path), "%s/log", made);
		fdio_read_file(path, 1 << 20, &log, NULL, NULL);
		ck_abort_msg("%s\n%s", script, log ? log : "");
	}
}

/* A tree of a system at the folder: as little of Debian as is asked for. */
static void put_system(const char *at, const char *id, const char *fstab)
{
	char path[256], text[512];

	snprintf(path, sizeof(path), "%s/etc/os-release", at);
	snprintf(text, sizeof(text), "ID=%s\nPRETTY_NAME=\"%s Linux\"\n", id, id);
	put_text(path, text);
	snprintf(path, sizeof(path), "%s/etc/hostname", at);
	snprintf(text, sizeof(text), "host-%s\n", id);
	put_text(path, text);
	snprintf(path, sizeof(path), "%s/etc/fstab", at);
	put_text(path, fstab);
	snprintf(path, sizeof(path), "%s/sbin/init", at);
	put_link(path, "/lib/systemd/systemd");
	snprintf(path, sizeof(path), "%s/lib/systemd/systemd", at);
	put_text(path, "");
	snprintf(path, sizeof(path), "%s/lib/modules/6.1.0-9/modules.dep", at);
	put_text(path, "kernel/drivers/block/virtio_blk.ko:\n");
	snprintf(path, sizeof(path), "%s/etc/systemd/system/multi-user.target.wants/"
		 "postgresql.service", at);
	put_link(path, "/lib/systemd/system/postgresql.service");
	snprintf(path, sizeof(path), "%s/boot", at);
	put_folder(path);
}

static void checksum(const char *name, char hex[static SHA256_HEX_LEN + 1])
{
	char command[256];
	FILE *f;

	snprintf(command, sizeof(command), "sha256sum %s/%s", made, name);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%64s", hex), 1);
	pclose(f);
}

static char *own_mounts(void)
{
	char *text = NULL;

	ck_assert_int_eq(fdio_read_file("/proc/self/mountinfo", 1 << 22, &text, NULL, NULL), 0);
	return text;
}

/* A loop device that stands for one of our images. They go a moment after their last user. */
static bool has_loop(void)
{
	glob_t g = { 0 };
	bool found = false;

	glob("/sys/block/loop*/loop/backing_file", 0, NULL, &g);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		CLEANUP(mem_free) char *text = NULL;

		if (fdio_read_file(g.gl_pathv[i], 4096, &text, NULL, NULL) == 0 &&
		    strncmp(text, made, strlen(made)) == 0)
			found = true;
	}
	globfree(&g);
	return found;
}

/* Look into the image, and hold that nothing has changed by it. */
static struct machine *look(const char *name)
{
	char before[SHA256_HEX_LEN + 1], after[SHA256_HEX_LEN + 1], path[256];
	CLEANUP(mem_free) char *mounts = own_mounts(), *now = NULL;
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	checksum(name, before);
	snprintf(path, sizeof(path), "%s/%s", made, name);
	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(systems_collect_image(path, m, &err) == 0, "%s", err.text);
	checksum(name, after);
	ck_assert_str_eq(before, after);
	now = own_mounts();
	ck_assert_str_eq(mounts, now);
	for (int i = 0; has_loop(); i++) {
		ck_assert_msg(i < 100, "a loop device was left");
		usleep(50000);
	}
	return m;
}

static const struct machine_os *system_of(const struct machine *m, const char *id)
{
	for (size_t i = 0; i < m->nsystems; i++)
		if (m->systems[i].id && strcmp(m->systems[i].id, id) == 0)
			return &m->systems[i];
	ck_abort_msg("no system %s; %s", id, m->warnings.n ? m->warnings.v[0] : "no warning");
}

/* A GPT disk: ESP, /boot of the first, the first, the second; the second boots first. */
START_TEST(test_two_systems_on_a_disk)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_os *one, *two;

	NEED_ROOT();
	make_root();
	put_system("/one", "debian",
		   "UUID=11111111-1111-4111-8111-111111111111 / ext4 defaults 0 1\n"
		   "UUID=22222222-2222-4222-8222-222222222222 /boot ext4 defaults 0 2\n"
		   "UUID=ABCD-1234 /boot/efi vfat umask=0077 0 1\n");
	put_system("/two", "ubuntu", "LABEL=two / ext4 defaults 0 1\n");
	put_text("/bootfs/vmlinuz-6.1.0-9", "");
	put_text("/bootfs/initrd.img-6.1.0-9", "12345");
	put_folder("/bootfs/efi");
	run("truncate -s 40M disk.img\n"
	    "printf 'label: gpt\\nsize=4M,type=U\\nsize=8M\\nsize=8M\\nsize=8M\\n' | "
	    "sfdisk -q disk.img\n"
	    "mkfs.vfat -C -i ABCD1234 esp 4096\n"
	    "mkfs.ext4 -q -d bootfs -U 22222222-2222-4222-8222-222222222222 bootp 8M\n"
	    "mkfs.ext4 -q -d one -U 11111111-1111-4111-8111-111111111111 onep 8M\n"
	    "mkfs.ext4 -q -d two -L two twop 8M\n"
	    "dd if=esp of=disk.img bs=1M seek=1 conv=notrunc\n"
	    "dd if=bootp of=disk.img bs=1M seek=5 conv=notrunc\n"
	    "dd if=onep of=disk.img bs=1M seek=13 conv=notrunc\n"
	    "dd if=twop of=disk.img bs=1M seek=21 conv=notrunc\n");
	m = look("disk.img");
	remove_root();
	ck_assert_uint_eq(m->disks[0].npartitions, 4);
	ck_assert_uint_eq(m->nsystems, 2);
	one = system_of(m, "debian");
	two = system_of(m, "ubuntu");
	ck_assert_str_eq(one->root_source, "/dev/disk0p3");
	ck_assert_str_eq(one->root_uuid, "11111111-1111-4111-8111-111111111111");
	ck_assert_str_eq(one->root_fs, "ext4");
	ck_assert_str_eq(one->boot_source, "/dev/disk0p2");
	ck_assert_str_eq(one->init, "systemd");
	ck_assert_str_eq(one->hostname, "host-debian");
	ck_assert_uint_eq(one->nkernels, 1);
	ck_assert_str_eq(one->kernels[0].image, "/boot/vmlinuz-6.1.0-9");
	ck_assert_uint_eq(one->kernels[0].initramfs_size, 5);
	ck_assert_str_eq(one->kernels[0].virtio.v[0], "virtio_blk");
	ck_assert_str_eq(one->software[0].name, "PostgreSQL");
	ck_assert(one->root_free > 0 && one->boot_free > 0 && one->root_free != one->boot_free);
	ck_assert(!one->booted);
	ck_assert_str_eq(two->root_source, "/dev/disk0p4");
	ck_assert_ptr_null(two->kernels[0].image);
	/* Also when the kernel has no vfat; then there is a warning. */
	ck_assert_str_eq(one->esp_source, "/dev/disk0p1");
	if (!has_driver("vfat"))
		ck_assert_ptr_nonnull(strstr(m->warnings.v[0], "disk0p1"));
	/* Firmware unknown: the first disk's first. */
	ck_assert(one->boots_first && !two->boots_first);
	ck_assert_str_eq(m->os.id, "debian");
	ck_assert_str_eq(m->hostname, "host-debian");
}
END_TEST

/* As after a power cut: files in the log only, and an inode that is open and deleted. */
START_TEST(test_dirty_journals_stay_dirty)
{
	static const struct {
		const char *type, *make, *crash;
	} kinds[] = {
		{ "ext4", "mkfs.ext4 -q img 32M", "cp img dirty" },
		{ "ext4", "mkfs.ext4 -q -O ^metadata_csum img 32M", "cp img dirty" },
		{ "xfs", "truncate -s 320M img; mkfs.xfs -q img",
		  "xfs_io -x -c 'shutdown -f' mnt; cp --sparse=always img dirty" },
		{ "btrfs", "truncate -s 48M img; mkfs.btrfs -q -M img",
		  "cp --sparse=always img dirty" },
	};
	CLEANUP(machine_free) struct machine *m = NULL;
	char script[1024];

	NEED_ROOT();
	if (!has_driver(kinds[_i].type))
		UNIT_LEAVE("the kernel has no driver for the filesystem");
	make_root();
	put_system("/tree", "debian", "");
	snprintf(script, sizeof(script),
		 "%s\nmkdir mnt\n"
		 "unshare -m sh -euc \"mount -o loop img mnt; cp -a tree/. mnt/; umount mnt\n"
		 "	mount -o loop img mnt\n"
		 "	exec 3>mnt/open; echo x >&3; rm mnt/open\n"
		 "	dd if=/dev/zero of=mnt/late bs=4k count=3 conv=fsync\n"
		 "	%s; exec 3>&-; umount mnt\"\n", kinds[_i].make, kinds[_i].crash);
	run(script);
	if (strcmp(kinds[_i].type, "ext4") == 0)
		run("dumpe2fs -h dirty | grep needs_recovery");
	if (strcmp(kinds[_i].type, "xfs") == 0)
		run("! xfs_repair -n dirty; xfs_logprint -t dirty | grep DIRTY");
	m = look("dirty");
	remove_root();
	ck_assert_uint_eq(m->nsystems, 1);
	ck_assert_str_eq(m->systems[0].hostname, "host-debian");
	ck_assert(m->systems[0].boots_first);
}
END_TEST

/* What "ro,noload" on a device that can be written does not leave alone. */
START_TEST(test_orphans_stay)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	NEED_ROOT();
	make_root();
	put_system("/tree", "debian", "");
	put_text("/tree/orphan", "text that is to be cut off\n");
	run("mkfs.ext4 -q -d tree img 16M\n"
	    "inode=$(debugfs -R 'stat orphan' img 2>&1 | sed -n 's/^Inode: \\([0-9]*\\).*/\\1/p')\n"
	    "debugfs -w -R \"set_super_value last_orphan $inode\" img");
	m = look("img");
	ck_assert_uint_eq(m->nsystems, 1);
	/* That there was something to clean up: the same mount without us. */
	run("cp img plain; sum=$(sha256sum <plain)\n"
	    "mkdir mnt; loop=$(losetup -f --show plain)\n"
	    "unshare -m sh -euc \"mount -t ext4 -o ro,noload $loop mnt; umount mnt\" || r=1\n"
	    "losetup -d $loop; [ -z \"${r:-}\" ]\n"
	    "[ \"$sum\" != \"$(sha256sum <plain)\" ]");
	remove_root();
}
END_TEST

START_TEST(test_btrfs_subvolumes)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	NEED_ROOT();
	if (!has_driver("btrfs"))
		UNIT_LEAVE("the kernel has no driver for btrfs");
	make_root();
	put_system("/a", "debian",
		   "UUID=33333333-3333-4333-8333-333333333333 /boot btrfs subvol=@boot 0 0\n");
	put_system("/b", "opensuse-leap", "");
	put_system("/plain", "fedora", "");
	put_text("/k/vmlinuz-6.1.0-9", "");
	run("truncate -s 48M img; mkfs.btrfs -q -M -U 33333333-3333-4333-8333-333333333333 img\n"
	    "mkdir mnt\n"
	    "unshare -m sh -euc 'mount -o loop img mnt; cd mnt\n"
	    "	btrfs subvolume create @rootfs; btrfs subvolume create @boot\n"
	    "	btrfs subvolume create @home; mkdir -p @/.snapshots/1\n"
	    "	btrfs subvolume create @/.snapshots/1/snapshot\n"
	    "	cp -a ../a/. @rootfs; cp -a ../b/. @/.snapshots/1/snapshot; cp -a ../k/. @boot\n"
	    "	cp -a ../plain .; btrfs subvolume snapshot @rootfs snapshots\n"
	    "	btrfs subvolume set-default @/.snapshots/1/snapshot\n"
	    "	cd ..; umount mnt'");
	m = look("img");
	remove_root();
	ck_assert_uint_eq(m->nsystems, 2);
	ck_assert_str_eq(system_of(m, "debian")->root_subvolume, "@rootfs");
	ck_assert_str_eq(system_of(m, "debian")->kernels[0].image, "/boot/vmlinuz-6.1.0-9");
	ck_assert_str_eq(system_of(m, "opensuse-leap")->root_subvolume,
			 "@/.snapshots/1/snapshot");
}
END_TEST

START_TEST(test_hostile_filesystems)
{
	CLEANUP(machine_free) struct machine *links = NULL, *broken = NULL, *empty = NULL,
					     *ntfs = NULL;

	NEED_ROOT();
	make_root();
	/* Links that lead out; /boot, which would be mounted elsewhere. */
	put_system("/tree", "debian",
		   "LABEL=self /boot ext4 defaults 0 0\nLABEL=self /var ext4 defaults 0 0\n");
	run("rmdir tree/boot; ln -s ../../../../../../mnt tree/boot; ln -s /proc/1/root tree/var\n"
	    "rm tree/etc/hostname; ln -s ../../../../../../etc/hostname tree/etc/hostname\n"
	    "mkfs.ext4 -q -L self -d tree img 16M");
	links = look("img");
	ck_assert_uint_eq(links->nsystems, 1);
	ck_assert_ptr_null(links->systems[0].hostname);
	ck_assert_ptr_null(links->systems[0].boot_source);
	/* A superblock, and nothing behind it. */
	run("cp img bad; dd if=/dev/urandom of=bad bs=4k seek=1 count=300 conv=notrunc\n");
	broken = look("bad");
	ck_assert_uint_eq(broken->nsystems, 0);
	ck_assert_ptr_nonnull(strstr(broken->warnings.v[0], "disk0"));
	run("truncate -s 1M zero");
	empty = look("zero");
	ck_assert_uint_eq(empty->nsystems, 0);
	ck_assert_uint_eq(empty->warnings.n, 1);
	/* Without a driver it is passed over in silence; with one there is no Windows on it. */
	run("truncate -s 8M n; mkntfs -q -F n");
	ntfs = look("n");
	ck_assert_uint_eq(ntfs->nsystems, 0);
	ck_assert_uint_eq(ntfs->warnings.n, 1);
	remove_root();
}
END_TEST

/* A disk that is a device, while the running system is a medium: it becomes the machine's. */
START_TEST(test_devices_under_a_medium)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(machine_free) struct machine *m = NULL, *not_medium = NULL;
	CLEANUP(mem_free) char *loop = NULL;
	struct machine_disk *d;
	struct err err = ERR_INIT;
	char path[128];

	NEED_ROOT();
	make_root();
	put_system("/tree", "debian", "");
	run("mkfs.ext4 -q -d tree img 16M; losetup -r -f --show img >name");
	snprintf(path, sizeof(path), "%s/name", made);
	ck_assert_int_eq(fdio_read_file(path, 100, &loop, NULL, NULL), 0);
	loop[strcspn(loop, "\n")] = '\0';
	ck_assert_int_eq(sysroot_open("/", &root, NULL), 0);
	for (int i = 0; i < 2; i++) {
		struct machine **to = i == 0 ? &m : &not_medium;

		ck_assert_int_eq(machine_new(to), 0);
		(*to)->os.id = strdup("medium");
		(*to)->os.booted = true;
		(*to)->os.root_fs = strdup(i == 0 ? "overlay" : "ext4");
		d = add_disk(*to, loop + strlen("/dev/"), 0);
		d->fs.type = strdup("ext4");
		ck_assert_msg(systems_collect(root, *to, &err) == 0, "%s", err.text);
	}
	run("losetup -d $(cat name)");
	remove_root();
	ck_assert_uint_eq(m->nsystems, 1);
	ck_assert_str_eq(m->os.id, "debian");
	ck_assert_str_eq(m->os.root_source, loop);
	ck_assert(m->os.boots_first && !m->os.booted);
	ck_assert_str_eq(m->hostname, "host-debian");

	ck_assert_uint_eq(not_medium->nsystems, 2);
	ck_assert_str_eq(not_medium->os.id, "medium");
	ck_assert_str_eq(not_medium->systems[0].id, "medium");
	ck_assert(not_medium->systems[0].boots_first && !not_medium->systems[1].boots_first);
}
END_TEST

START_TEST(test_without_root)
{
	CLEANUP(sysroot_free) struct sysroot *live = NULL, *record = NULL;
	CLEANUP(machine_free) struct machine *m = NULL, *r = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sysroot_open("/", &live, NULL), 0);
	ck_assert_int_eq(sysroot_open("tests/sysroots/bios-ahci-lvm", &record, NULL), 0);
	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_int_eq(machine_new(&r), 0);
	ck_assert_int_eq(systems_collect(record, r, &err), 0);
	ck_assert_uint_eq(r->nsystems, 0);
	ck_assert_uint_eq(r->warnings.n, 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(systems_collect(live, m, &err), 0);
	ck_assert_int_eq(systems_collect_image("/etc/passwd", m, &err), -EPERM);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_uint_eq(m->nsystems, 1);
	ck_assert_str_eq(m->warnings.v[0], "not root: installed systems were not looked for");
}
END_TEST

static Suite *systems_suite(void)
{
	Suite *s = suite_create("systems");
	TCase *t = tcase_create("systems");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_first_by_boot_entry);
	tcase_add_test(t, test_first_by_disk);
	tcase_add_test(t, test_what_a_medium_is);
	tcase_add_test(t, test_what_is_never_mounted);
	tcase_add_test(t, test_fstab);
	tcase_add_test(t, test_child);
	tcase_add_test(t, test_two_systems_on_a_disk);
	tcase_add_loop_test(t, test_dirty_journals_stay_dirty, 0, 4);
	tcase_add_test(t, test_orphans_stay);
	tcase_add_test(t, test_btrfs_subvolumes);
	tcase_add_test(t, test_hostile_filesystems);
	tcase_add_test(t, test_devices_under_a_medium);
	tcase_add_test(t, test_without_root);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(systems_suite)
