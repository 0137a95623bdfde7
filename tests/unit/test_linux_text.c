/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rewriters of boot loader files and of the small files in /etc. */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/kargs.h"
#include "postfix/linux/linux_initramfs.h"
#include "postfix/linux/modlist.h"

static struct devmap map;

static void setup(void)
{
	struct devmap_part root = { .disk = (char[]){ "sda" },
				    .number = 1,
				    .type = (char[]){ "ext4" },
				    .uuid = (char[]){ "R-1" } };
	struct devmap_part swap = { .disk = (char[]){ "sda" },
				    .number = 2,
				    .type = (char[]){ "swap" },
				    .uuid = (char[]){ "S-1" } };

	ck_assert_int_eq(devmap_add(&map, &root), 0);
	ck_assert_int_eq(devmap_add(&map, &swap), 0);
}

static void teardown(void)
{
	devmap_done(&map);
}

static const struct {
	const char *in, *out;		/* out NULL: unchanged */
} kargs[] = {
	{ "root=/dev/sda1 ro quiet", "root=UUID=R-1 ro quiet" },
	{ "ro resume=/dev/sda2  root=/dev/sda1", "ro resume=UUID=S-1  root=UUID=R-1" },
	{ "root=UUID=R-1 ro", NULL },
	{ "root=/dev/mapper/vg-root ro", NULL },
	{ "root=/dev/sdq1 ro", NULL },
	{ "xroot=/dev/sda1 rootflags=x", NULL },
	{ "console=tty0 console=ttyS1,115200n8", "console=tty0 console=ttyS0,115200n8" },
	{ "console=ttyS1 console=tty0", "console=ttyS0 console=tty0" },
	/* Both ports: one is enough. */
	{ "console=ttyS0,9600 console=ttyS1,9600 ro", "console=ttyS0,9600 ro" },
	{ "console=ttyS1 console=ttyS2 x", "console=ttyS0 x" },
	{ "console=ttyS0,115200", NULL },
	{ "console=ttyS10", "console=ttyS0" },
	{ "console=ttyS console=ttySx console=ttyUSB1 console=ttyAMA0", NULL },
	{ "earlyprintk=ttyS1,115200", "earlyprintk=ttyS0,115200" },
	{ "earlyprintk=serial,ttyS1", "earlyprintk=serial,ttyS0" },
	{ "", NULL },
	{ "   ", NULL },
};

START_TEST(kargs_table)
{
	const struct kargs_rules rules = { .map = &map, .console = true };
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	int r = kargs_rewrite(kargs[_i].in, strlen(kargs[_i].in), &rules, &out, NULL);

	ck_assert_int_eq(r, kargs[_i].out != NULL);
	ck_assert_str_eq(out.s, kargs[_i].out ? kargs[_i].out : kargs[_i].in);
}
END_TEST

START_TEST(kargs_values)
{
	const char *s = "a root=1 xroot=2 root=3 b";
	size_t n = 0;
	const char *v = kargs_get(s, strlen(s), "root", &n);

	ck_assert_ptr_nonnull(v);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(*v, '3');
	ck_assert_ptr_null(kargs_get(s, strlen(s), "nothing", &n));
	ck_assert(kargs_has_serial_console("x console=ttyS0,9600", 20));
	ck_assert(!kargs_has_serial_console("x console=ttyS01", 16));
	ck_assert(!kargs_has_serial_console("x console=ttyS1", 15));
}
END_TEST

START_TEST(unknown_devices_are_noted_once)
{
	const struct kargs_rules rules = { .map = &map };
	struct machine_strv notes = { 0 };
	CLEANUP(mem_free) char *out = NULL;

	ck_assert_int_eq(bootcfg_rewrite(BOOTCFG_GRUB_CFG,
					 "linux /v root=/dev/sdq1\nlinux /w root=/dev/sdq1\n",
					 &rules, &out, &notes),
			 0);
	ck_assert_uint_eq(notes.n, 1);
	ck_assert_ptr_nonnull(strstr(notes.v[0], "/dev/sdq1"));
	free(notes.v[0]);
	free(notes.v);
}
END_TEST

static const struct {
	enum bootcfg_kind kind;
	const char *in, *out;
} bootcfgs[] = {
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX=\"root=/dev/sda1 console=ttyS1\"\n",
	  "GRUB_CMDLINE_LINUX=\"root=UUID=R-1 console=ttyS0\"\n" },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX_DEFAULT='resume=/dev/sda2' # why\n",
	  "GRUB_CMDLINE_LINUX_DEFAULT='resume=UUID=S-1' # why\n" },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX=root=/dev/sda1\n",
	  "GRUB_CMDLINE_LINUX=root=UUID=R-1\n" },
	{ BOOTCFG_GRUB_DEFAULT, "#GRUB_CMDLINE_LINUX=\"root=/dev/sda1\"\nGRUB_TIMEOUT=1\n", NULL },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX=\"root=/dev/sda1\n", NULL },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_DISABLE_LINUX_UUID=true\n",
	  "#GRUB_DISABLE_LINUX_UUID=true\n" },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_DISABLE_LINUX_UUID=false\n", NULL },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_SERIAL_COMMAND=\"serial --unit=1 --speed=9600\"\n",
	  "GRUB_SERIAL_COMMAND=\"serial --unit=0 --speed=9600\"\n" },
	{ BOOTCFG_GRUB_CFG, "serial --unit=1 --speed=9600\n", "serial --unit=0 --speed=9600\n" },
	{ BOOTCFG_GRUB_CFG, "serial --unit=0 --speed=9600\n", NULL },
	{ BOOTCFG_GRUB_CFG, "\tlinux\t/vmlinuz-6 root=/dev/sda1 ro \n\tinitrd /i\n",
	  "\tlinux\t/vmlinuz-6 root=UUID=R-1 ro \n\tinitrd /i\n" },
	{ BOOTCFG_GRUB_CFG, "linuxefi /v root=/dev/sda1\n", "linuxefi /v root=UUID=R-1\n" },
	/* Not a kernel line, whatever it says. */
	{ BOOTCFG_GRUB_CFG, "echo 'root=/dev/sda1'\nset root='hd0,msdos1'\nlinux /v\nlinux\n",
	  NULL },
	{ BOOTCFG_GRUB_LEGACY, "# kopt=root=/dev/sda1 ro\n## kopt=root=/dev/sda1\n",
	  "# kopt=root=UUID=R-1 ro\n## kopt=root=/dev/sda1\n" },
	{ BOOTCFG_GRUB_LEGACY, "kernel --no-mem-option /v root=/dev/sda1\n",
	  "kernel --no-mem-option /v root=UUID=R-1\n" },
	{ BOOTCFG_LOADER_ENTRY, "title x\noptions root=/dev/sda1 rw\n",
	  "title x\noptions root=UUID=R-1 rw\n" },
	{ BOOTCFG_CMDLINE, "root=/dev/sda1 rw\n", "root=UUID=R-1 rw\n" },
	{ BOOTCFG_CMDLINE, "", NULL },
};

START_TEST(bootcfg_table)
{
	const struct kargs_rules rules = { .map = &map, .console = true };
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	int r = bootcfg_rewrite(bootcfgs[_i].kind, bootcfgs[_i].in, &rules, &out, NULL);

	ck_assert_int_eq(r, bootcfgs[_i].out != NULL);
	if (!bootcfgs[_i].out)
		return;
	ck_assert_str_eq(out, bootcfgs[_i].out);
	ck_assert_int_eq(bootcfg_rewrite(bootcfgs[_i].kind, out, &rules, &again, NULL), 0);
}
END_TEST

static const struct {
	const char *in, *out;
} resumes[] = {
	{ "RESUME=/dev/sda2\n", "RESUME=UUID=S-1\n" },
	{ "RESUME=\"/dev/sda2\"\n", "RESUME=\"UUID=S-1\"\n" },
	{ "RESUME=UUID=S-1\n", NULL },
	{ "RESUME=UUID=gone\n", "RESUME=none\n" },
	{ "RESUME=/dev/sdq9\n", "RESUME=none\n" },
	{ "RESUME=none\n", NULL },
	{ "RESUME=auto\nRESUME=/dev/mapper/vg-swap\n#RESUME=/dev/sda2\n", NULL },
};

START_TEST(resume_table)
{
	CLEANUP(mem_free) char *out = NULL;

	ck_assert_int_eq(etctext_resume(resumes[_i].in, &map, &out), resumes[_i].out != NULL);
	if (resumes[_i].out)
		ck_assert_str_eq(out, resumes[_i].out);
}
END_TEST

START_TEST(debconf_answers)
{
	static const char db[] =
		"Name: a/b\nTemplate: a/b\nValue: 1\nOwners: a\n\n"
		"Name: grub-pc/install_devices\nValue: /dev/disk/by-id/ata-X, /dev/sdb\n"
		"Owners: grub-pc\nFlags: seen\n\nName: z/z\nValue: 2\n";
	CLEANUP(mem_free) char *value = NULL, *out = NULL, *again = NULL, *none = NULL;

	ck_assert_int_eq(etctext_debconf_get(db, "grub-pc/install_devices", &value), 0);
	ck_assert_str_eq(value, "/dev/disk/by-id/ata-X, /dev/sdb");
	ck_assert_int_eq(etctext_debconf_set(db, "grub-pc/install_devices", "/dev/sda", &out), 1);
	ck_assert_ptr_nonnull(strstr(out, "install_devices\nValue: /dev/sda\nOwners: grub-pc\n"));
	ck_assert_ptr_nonnull(strstr(out, "Name: a/b\nTemplate: a/b\nValue: 1\n"));
	ck_assert_int_eq(etctext_debconf_set(out, "grub-pc/install_devices", "/dev/sda", &again),
			 0);
	ck_assert_int_eq(etctext_debconf_get(db, "grub-pc/install", &none), 0);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(inittab_gettys)
{
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL;

	ck_assert_int_eq(etctext_inittab("1:2345:respawn:/sbin/getty 38400 tty1\n"
					 "T1:23:respawn:/sbin/getty -L ttyS1 9600 vt100\n", &a), 1);
	ck_assert_str_eq(a, "1:2345:respawn:/sbin/getty 38400 tty1\n"
			    "T1:23:respawn:/sbin/getty -L ttyS0 9600 vt100\n");
	ck_assert_int_eq(etctext_inittab("T0:23:respawn:/sbin/getty -L ttyS0 9600\n"
					 "T1:23:respawn:/sbin/getty -L ttyS1 9600\n", &b), 1);
	ck_assert_str_eq(b, "T0:23:respawn:/sbin/getty -L ttyS0 9600\n"
			    "#T1:23:respawn:/sbin/getty -L ttyS1 9600\n");
	ck_assert_int_eq(etctext_inittab(b, &c), 0);
}
END_TEST

START_TEST(unit_files)
{
	CLEANUP(mem_free) char *out = NULL;
	struct machine_strv v = { 0 };

	ck_assert_int_eq(etctext_unit_device("[Mount]\nWhat=/dev/sda1\nWhere=/x\n", &map, &out), 1);
	ck_assert_str_eq(out, "[Mount]\nWhat=/dev/disk/by-uuid/R-1\nWhere=/x\n");
	ck_assert_int_eq(
		etctext_unit_install(
			"[Unit]\nWantedBy=no.target\n[Install]\nWantedBy=a.target b.target\n"
			"#WantedBy=c\nWantedBy=d\n",
			"WantedBy", &v),
		0);
	ck_assert_uint_eq(v.n, 3);
	ck_assert_str_eq(v.v[2], "d");
	machine_strv_done(&v);
}
END_TEST

static bool is_bad(const char *module, void *opaque)
{
	(void)opaque;
	return strcmp(module, "bad") == 0;
}

START_TEST(module_lists)
{
	static const char *const add[] = { "virtio_blk", "sd_mod" };
	CLEANUP(mem_free) char *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	ck_assert_int_eq(modlist_drop("# bad\ngood\nbad option=1\n  bad\n", is_bad, NULL, &a, NULL),
			 1);
	ck_assert_str_eq(a, "# bad\ngood\n#bad option=1\n#  bad\n");
	ck_assert_int_eq(modlist_drop(a, is_bad, NULL, &b, NULL), 0);
	ck_assert_int_eq(modlist_add("x\nvirtio-blk", add, 2, &c), 1);
	ck_assert_str_eq(c, "x\nvirtio-blk\nsd_mod\n");
	ck_assert_int_eq(modlist_add(c, add, 2, &d), 0);
}
END_TEST

START_TEST(initramfs_contents)
{
	static char link[] = "10-p2v-eno1.link", blk[] = "m/lib/modules/6.1/k/virtio_blk.ko.xz",
		    scsi[] = "usr/lib/modules/6.1/k/virtio_scsi.ko", pci[] = "usr/virtio_pci.koala",
		    other[] = "usr/lib/modules/6.2/k/virtio_net.ko",
		    rule[] = "x/80-net-setup-link.rules", there[] = "y/10-p2v-eno1.link";
	char *links[] = { link, NULL };
	struct ramdisk_entry v[] = {
		{ .name = blk, .mode = 0100644 }, { .name = pci, .mode = 0100644 },
		{ .name = other, .mode = 0100644 }, { .name = scsi, .mode = 0100644 },
		{ .name = rule, .mode = 0100644 }, { .name = there, .mode = 0100644 },
	};
	struct ramdisk image = { .v = v, .n = 4 };
	struct fixer_kernel k = { 0 };

	linux_ramdisk_judge(&image, "6.1", links, &k);
	ck_assert(k.image_listed);
	ck_assert(k.image_has[DRIVER_VIRTIO_BLK]);
	ck_assert(k.image_has[DRIVER_VIRTIO_SCSI]);
	ck_assert(!k.image_has[DRIVER_VIRTIO_PCI]);
	ck_assert(!k.image_has[DRIVER_VIRTIO_NET]);
	/* Nothing in it renames interfaces, so it needs no names. */
	ck_assert(k.image_has_links);
	image.n = 5;
	linux_ramdisk_judge(&image, "6.1", links, &k);
	ck_assert(!k.image_has_links);
	image.n = 6;
	linux_ramdisk_judge(&image, "6.1", links, &k);
	ck_assert(k.image_has_links);
	image.nested = true;
	linux_ramdisk_judge(&image, "6.1", links, &k);
	ck_assert(!k.image_listed);
}
END_TEST

START_TEST(initramfs_policy)
{
	char p[16] = "most";

	linux_generator_policy("# MODULES=x\nBUSYBOX=auto\n", p);
	ck_assert_str_eq(p, "most");
	linux_generator_policy("MODULES=dep\n", p);
	ck_assert_str_eq(p, "dep");
	linux_generator_policy("MODULES=\"list\" # why\n", p);
	ck_assert_str_eq(p, "list");
	linux_generator_policy("MODULES=averyveryverylongword\n", p);
	ck_assert_str_eq(p, "averyveryverylo");
}
END_TEST

START_TEST(tables_hit_what_they_should)
{
	static const char *const off[] = { "smartd.service",	"smartmontools.service",
					   "watchdog.service",	"dsm_sa_datamgrd.service",
					   "hp-health.service", "openipmi.service",
					   "apcupsd.service",	"nut-monitor.service",
					   "mcelog.service" };
	static const char *const on[] = { "ssh.service",
					  "networking.service",
					  "mdmonitor.service",
					  "acpid.service",
					  "qemu-guest-agent.service",
					  "chrony.service",
					  "fstrim.timer",
					  "smartd",
					  "systemd-networkd.service" };
	static const char *const modules_off[] = { "ipmi_si", "coretemp", "hpwdt", "amd64_edac" };
	static const char *const modules_on[] = { "virtio_net", "loop", "bonding", "8021q",
						  "nf_conntrack" };

	for (size_t i = 0; i < ARRAY_SIZE(off); i++)
		ck_assert_msg(tables_match(tables_services, tables_services_count, off[i]), "%s",
			      off[i]);
	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		ck_assert_msg(!tables_match(tables_services, tables_services_count, on[i]), "%s",
			      on[i]);
	for (size_t i = 0; i < ARRAY_SIZE(modules_off); i++)
		ck_assert_msg(tables_match(tables_modules, tables_modules_count, modules_off[i]),
			      "%s", modules_off[i]);
	for (size_t i = 0; i < ARRAY_SIZE(modules_on); i++)
		ck_assert_msg(!tables_match(tables_modules, tables_modules_count, modules_on[i]),
			      "%s", modules_on[i]);
}
END_TEST

START_TEST(table_exceptions_win)
{
	static const struct tables_row rows[] = { { "g", "a*", "r" }, { "g", "!ab*", "r" } };

	ck_assert_ptr_nonnull(tables_match(rows, 2, "ac"));
	ck_assert_ptr_null(tables_match(rows, 2, "abc"));
}
END_TEST

static Suite *linux_text_suite(void)
{
	Suite *s = suite_create("linux_text");
	TCase *t = tcase_create("linux_text");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, kargs_table, 0, ARRAY_SIZE(kargs));
	tcase_add_test(t, kargs_values);
	tcase_add_test(t, unknown_devices_are_noted_once);
	tcase_add_loop_test(t, bootcfg_table, 0, ARRAY_SIZE(bootcfgs));
	tcase_add_loop_test(t, resume_table, 0, ARRAY_SIZE(resumes));
	tcase_add_test(t, debconf_answers);
	tcase_add_test(t, inittab_gettys);
	tcase_add_test(t, unit_files);
	tcase_add_test(t, module_lists);
	tcase_add_test(t, initramfs_contents);
	tcase_add_test(t, initramfs_policy);
	tcase_add_test(t, tables_hit_what_they_should);
	tcase_add_test(t, table_exceptions_win);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(linux_text_suite)
