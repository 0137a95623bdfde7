/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A root filesystem within a volume group within LUKS 2, made and opened in real libguestfs
 * appliances; and the names by which --key calls a device. Skipped where there is no appliance.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/keyarg.h"
#include "common/text.h"
#include "postfix/guest.h"
#include "postfix/guest_luks.h"

#define KEY	"correct horse battery"

static char dir[] = "/tmp/p2v-luks.XXXXXX";
static char path[sizeof(dir) + 16];
static pid_t owner;

/* What a wrong key and no key gave: an appliance takes its time, so the one that fills is asked. */
static int wrong_status, check_status;
static struct err wrong_err = ERR_INIT;
static struct machine_strv closed;

static bool try_wrong(guestfs_h *g)
{
	static char disk[] = "sda", device[] = "/dev/sda1", type[] = "crypto_LUKS";
	struct devmap_part part = { .disk = disk, .number = 1, .device = device, .type = type };
	struct guest guest = { .g = g };
	struct fix_key key = { .device = "/dev/sda1", .data = "wrong", .len = 5 };
	struct fix_options opt = { .keys = &key, .nkeys = 1 }, none = { 0 };

	if (devmap_add(&guest.map, &part) < 0)
		return false;
	wrong_status = guest_luks_open(&guest, &opt, &wrong_err);
	check_status = guest_luks_check(&guest, &none, &closed, NULL);
	devmap_done(&guest.map);
	return true;
}

/* sda1: LUKS 2, in it a volume group, in that a Debian of a few files. */
static bool fill(guestfs_h *g)
{
	static char device[] = "/dev/mapper/in", *devices[] = { device, NULL };

	return guestfs_part_init(g, "/dev/sda", "gpt") == 0 &&
	       guestfs_part_add(g, "/dev/sda", "p", 2048, -2048) == 0 &&
	       guestfs_luks_format(g, "/dev/sda1", KEY, 0) == 0 && try_wrong(g) &&
	       guestfs_cryptsetup_open(g, "/dev/sda1", KEY, "in", -1) == 0 &&
	       guestfs_pvcreate(g, device) == 0 && guestfs_vgcreate(g, "vg", devices) == 0 &&
	       guestfs_lvcreate(g, "root", "vg", 40) == 0 &&
	       guestfs_mkfs(g, "ext4", "/dev/vg/root") == 0 &&
	       guestfs_mount(g, "/dev/vg/root", "/") == 0 && guestfs_mkdir_p(g, "/etc") == 0 &&
	       guestfs_mkdir(g, "/bin") == 0 && guestfs_mkdir(g, "/usr") == 0 &&
	       guestfs_mkdir(g, "/var") == 0 && guestfs_mkdir(g, "/boot") == 0 &&
	       guestfs_write(g, "/etc/fstab", "/dev/mapper/vg-root / ext4 defaults 0 1\n", 40) ==
		       0 &&
	       guestfs_write(g, "/etc/debian_version", "12.0\n", 5) == 0 &&
	       guestfs_write(g, "/etc/os-release",
			     "ID=debian\nPRETTY_NAME=\"Debian (locked)\"\n", 41) == 0 &&
	       guestfs_umount_all(g) == 0 && guestfs_shutdown(g) == 0;
}

static bool build(void)
{
	guestfs_h *g = NULL;
	bool ok;
	int fd;

	if (!mkdtemp(dir))
		return false;
	snprintf(path, sizeof(path), "%s/disk.raw", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 96 << 20) < 0 || close(fd) < 0)
		return false;
	if (guest_handle_new(true, &g, NULL) < 0)
		return false;
	ok = guestfs_add_drive_opts(g, path, GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", -1) == 0 &&
	     guest_handle_launch(g, 0, NULL) == 0 && fill(g);
	if (!ok && guestfs_last_error(g))
		printf("# %s\n", guestfs_last_error(g));
	guestfs_close(g);
	return ok;
}

static void clean(void)
{
	if (getpid() != owner)
		return;
	unlink(path);
	rmdir(dir);
}

static int open_with(const char *device, const char *key, struct guest **ret,
		     struct machine_strv *warnings, struct err *err)
{
	struct fix_image image = { .name = "sda", .path = path, .format = "raw",
				   .logical_sector = 512 };
	struct fix_key k = { .device = device, .data = key, .len = key ? strlen(key) : 0 };
	struct fix_options opt = { .images = &image, .nimages = 1, .tcg = true, .dry_run = true,
				   .keys = &k, .nkeys = key != NULL };

	return guest_open(&opt, ret, warnings, err);
}

START_TEST(the_key_opens_it)
{
	CLEANUP(guest_free) struct guest *guest = NULL;
	CLEANUP(machine_strv_done) struct machine_strv warnings = { 0 };
	struct err err = ERR_INIT;
	bool inside = false;

	/* With the newline that an editor puts behind it. */
	ck_assert_msg(open_with("sda1", KEY "\n", &guest, &warnings, &err) == 0, "%s", err.text);
	ck_assert_str_eq(guest->os_name, "Debian (locked)");
	ck_assert_str_eq(guest->root, "/dev/vg/root");
	ck_assert_uint_eq(warnings.n, 0);
	for (size_t i = 0; i < guest->map.nparts; i++)
		inside = inside || (guest->map.parts[i].type &&
				    strcmp(guest->map.parts[i].type, "LVM2_member") == 0);
	ck_assert(inside);
	ck_assert_int_eq(guest_close(guest, &err), 0);
}
END_TEST

START_TEST(a_wrong_key_is_one_clear_line)
{
	ck_assert_int_eq(wrong_status, -EACCES);
	ck_assert_ptr_nonnull(strstr(wrong_err.text, "the key for /dev/sda1 does not open it"));
	ck_assert_ptr_null(strchr(wrong_err.text, '\n'));
	ck_assert_ptr_null(strstr(wrong_err.text, "wrong"));
}
END_TEST

START_TEST(what_stays_closed_is_told)
{
	ck_assert_int_eq(check_status, 0);
	ck_assert_uint_eq(closed.n, 1);
	ck_assert_ptr_nonnull(strstr(closed.v[0], "sda1 is encrypted"));
}
END_TEST

START_TEST(devices_have_many_names)
{
	static char disk[] = "nvme0n1", dev[] = "/dev/sda2", uuid[] = "aaaa-BBBB",
		    lv[] = "/dev/vg/h";
	static char luks[] = "crypto_LUKS", volume[] = "dm-3", lv_path[] = "/dev/mapper/vg-h";
	struct machine_volume v = { .name = volume, .path = lv_path, .fs = { .uuid = uuid } };
	struct machine m = { .volumes = &v, .nvolumes = 1 };
	CLEANUP(devmap_done) struct devmap map = { .machine = &m };
	struct devmap_part part = { .disk = disk, .number = 2, .device = dev, .type = luks };
	struct devmap_part volume_part = { .device = lv, .type = luks, .uuid = uuid };
	struct guest guest = { .machine = &m };
	char buf[80];

	ck_assert_int_eq(devmap_add(&map, &part), 0);
	ck_assert_int_eq(devmap_add(&map, &volume_part), 0);
	ck_assert(guest_luks_matches(&map, &map.parts[0], "nvme0n1p2"));
	ck_assert(guest_luks_matches(&map, &map.parts[0], "/dev/nvme0n1p2"));
	/* The appliance's name is nobody's. */
	ck_assert(!guest_luks_matches(&map, &map.parts[0], "/dev/sda2"));
	ck_assert(!guest_luks_matches(&map, &map.parts[0], "nvme0n1"));
	ck_assert(guest_luks_matches(&map, &map.parts[1], "UUID=AAAA-bbbb"));
	ck_assert(guest_luks_matches(&map, &map.parts[1], "/dev/vg/h"));
	ck_assert(guest_luks_matches(&map, &map.parts[1], "/dev/mapper/vg-h"));
	ck_assert(guest_luks_matches(&map, &map.parts[1], "dm-3"));
	ck_assert(!guest_luks_matches(&map, &map.parts[1], "dm-4"));
	ck_assert_str_eq(guest_luks_name(&guest, &map.parts[0], buf, sizeof(buf)), "nvme0n1p2");
	ck_assert_str_eq(guest_luks_name(&guest, &map.parts[1], buf, sizeof(buf)), "/dev/vg/h");
}
END_TEST

START_TEST(arguments_are_split)
{
	static const char *const bad[] = { "", "x", "=f", "sda=", "UUID=x", "UUID==f" };
	CLEANUP(mem_free) char *device = NULL, *tag = NULL;
	const char *file;

	ck_assert_int_eq(keyarg_split("sda3=/root/a=b", &device, &file, NULL), 0);
	ck_assert_str_eq(device, "sda3");
	ck_assert_str_eq(file, "/root/a=b");
	ck_assert_int_eq(keyarg_split("UUID=1-2=-", &tag, &file, NULL), 0);
	ck_assert_str_eq(tag, "UUID=1-2");
	ck_assert_str_eq(file, "-");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *none = NULL;

		ck_assert_msg(keyarg_split(bad[i], &none, &file, NULL) == -EINVAL, "%s", bad[i]);
	}
}
END_TEST

static Suite *luks_suite(void)
{
	Suite *s = suite_create("postfix_luks");
	TCase *pure = tcase_create("names"), *t = tcase_create("appliance");

	owner = getpid();
	atexit(clean);
	tcase_add_test(pure, devices_have_many_names);
	tcase_add_test(pure, arguments_are_split);
	suite_add_tcase(s, pure);
	if (!build()) {
		printf("# no appliance that makes LUKS: only names are tested\n");
		return s;
	}
	tcase_set_timeout(t, 600);
	tcase_add_test(t, the_key_opens_it);
	tcase_add_test(t, a_wrong_key_is_one_clear_line);
	tcase_add_test(t, what_stays_closed_is_told);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(luks_suite)
