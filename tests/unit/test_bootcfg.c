/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernel arguments in every kind of boot loader's file, and the table that says what goes. */
#include "tests/lib/unit.h"

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/bootcfg.h"
#include "postfix/linux/esp_path.h"
#include "postfix/linux/kargs_table.h"

static struct devmap map;

static void setup(void)
{
	struct devmap_part root = { .disk = (char[]){ "sda" }, .number = 1,
				    .type = (char[]){ "ext4" }, .uuid = (char[]){ "R-1" } };
	struct devmap_part swap = { .disk = (char[]){ "sda" }, .number = 2,
				    .type = (char[]){ "swap" }, .uuid = (char[]){ "S-1" } };
	struct devmap_part pool = { .disk = (char[]){ "sda" }, .number = 3,
				    .type = (char[]){ "zfs_member" }, .uuid = (char[]){ "Z-1" },
				    .partuuid = (char[]){ "P-3" } };

	ck_assert_int_eq(devmap_add(&map, &root), 0);
	ck_assert_int_eq(devmap_add(&map, &swap), 0);
	ck_assert_int_eq(devmap_add(&map, &pool), 0);
}

static void teardown(void)
{
	devmap_done(&map);
}

static bool by_table(const char *arg, void *opaque)
{
	const struct tables_row *row = kargs_table_find(arg);

	(void)opaque;
	return row && strcmp(row->group, "drop") == 0;
}

static const struct {
	const char *path;
	enum bootcfg_kind kind;
} places[] = {
	{ "/etc/default/grub", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/default/grub.d/50-cloudimg-settings.cfg", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/default/extlinux", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/update-extlinux.conf", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/sysconfig/bootloader", BOOTCFG_GRUB_DEFAULT },
	{ "/etc/kernel/cmdline", BOOTCFG_CMDLINE },
	{ "/etc/cmdline.d/root.conf", BOOTCFG_CMDLINE },
	{ "/boot/grub2/grub.cfg", BOOTCFG_GRUB_CFG },
	{ "/boot/grub/custom.cfg", BOOTCFG_GRUB_CFG },
	{ "/etc/grub.d/40_custom", BOOTCFG_GRUB_CFG },
	{ "/boot/efi/EFI/redhat/grub.cfg", BOOTCFG_GRUB_CFG },
	{ "/boot/efi/EFI/redhat/grubenv", BOOTCFG_GRUBENV },
	{ "/boot/grub2/grubenv", BOOTCFG_GRUBENV },
	{ "/boot/grub/menu.lst", BOOTCFG_GRUB_LEGACY },
	{ "/boot/grub/grub.conf", BOOTCFG_GRUB_LEGACY },
	{ "/etc/grub.conf", BOOTCFG_GRUB_LEGACY },
	{ "/boot/loader/entries/0123-5.14.0.conf", BOOTCFG_LOADER_ENTRY },
	{ "/boot/extlinux/extlinux.conf", BOOTCFG_SYSLINUX },
	{ "/boot/extlinux/linux.conf", BOOTCFG_SYSLINUX },
	{ "/boot/extlinux.conf", BOOTCFG_SYSLINUX },
	{ "/boot/syslinux/syslinux.cfg", BOOTCFG_SYSLINUX },
	{ "/etc/lilo.conf", BOOTCFG_LILO },
	{ "/boot/efi/EFI/SuSE/elilo.conf", BOOTCFG_LILO },
};

START_TEST(kinds_by_place)
{
	ck_assert_msg(bootcfg_kind_of(places[_i].path) == places[_i].kind, "%s", places[_i].path);
}
END_TEST

static const struct {
	enum bootcfg_kind kind;
	const char *in, *out;		/* out NULL: unchanged */
} files[] = {
	{ BOOTCFG_CMDLINE, "ro intel_iommu=on iommu=pt quiet\n", "ro quiet\n" },
	{ BOOTCFG_CMDLINE, "intel_iommu=on pci=nomsi  ro\n", "ro\n" },
	{ BOOTCFG_CMDLINE, "intel_iommu=on", "" },
	{ BOOTCFG_CMDLINE, "ro quiet isolcpus=2-7 nomodeset acpi=force numa=off\n", NULL },
	/* Blanks inside quotes are part of the argument; what is quoted is nothing of its own. */
	{ BOOTCFG_CMDLINE, "ro acpi_osi=\"!Windows 2012\" quiet\n", "ro quiet\n" },
	{ BOOTCFG_CMDLINE, "ro dyndbg=\"file a.c idle +p\" quiet\n", NULL },
	{ BOOTCFG_CMDLINE, "ro acpi_osi=\"never ends\n", "ro ends\n" },
	{ BOOTCFG_CMDLINE, "ro mce=off -- pci=nomsi single\n", "ro -- pci=nomsi single\n" },
	{ BOOTCFG_CMDLINE, "cryptdevice=/dev/sda1:c:allow-discards root=/dev/mapper/c\n",
	  "cryptdevice=UUID=R-1:c:allow-discards root=/dev/mapper/c\n" },
	{ BOOTCFG_CMDLINE, "cryptopts=target=c,source=/dev/sda1,lvm=x\n",
	  "cryptopts=target=c,source=UUID=R-1,lvm=x\n" },
	{ BOOTCFG_CMDLINE, "rootflags=subvol=@,device=/dev/sda1\n",
	  "rootflags=subvol=@,device=UUID=R-1\n" },
	{ BOOTCFG_CMDLINE, "fips=1 boot=/dev/sda1\n", "fips=1 boot=UUID=R-1\n" },
	{ BOOTCFG_CMDLINE, "root=ZFS=rpool/ROOT zfs=/dev/sda3\n", NULL },
	{ BOOTCFG_CMDLINE, "root=/dev/md0 rd.md.uuid=1:2:3:4 rd.lvm.lv=vg/root\n", NULL },
	{ BOOTCFG_GRUB_DEFAULT, "GRUB_CMDLINE_LINUX=\"a=\\\"b c\\\" hpsa.x=1 d\"\n",
	  "GRUB_CMDLINE_LINUX=\"a=\\\"b c\\\" d\"\n" },
	{ BOOTCFG_GRUB_DEFAULT, "DEFAULT_APPEND=\"resume=/dev/sda2 splash=silent\"\n",
	  "DEFAULT_APPEND=\"resume=UUID=S-1 splash=silent\"\n" },
	{ BOOTCFG_GRUB_DEFAULT, "EXTLINUX_ROOT=\"root=/dev/sda1\"\n",
	  "EXTLINUX_ROOT=\"root=UUID=R-1\"\n" },
	{ BOOTCFG_GRUB_DEFAULT, "root=/dev/sda1\ndefault_kernel_opts=\"quiet console=ttyS1\"\n"
	  "serial_port=1\nserial_baud=115200\n",
	  "root=UUID=R-1\ndefault_kernel_opts=\"quiet console=ttyS0\"\nserial_port=0\n"
	  "serial_baud=115200\n" },
	{ BOOTCFG_GRUB_CFG, "  set kernelopts=\"root=/dev/sda1 ro \"\n",
	  "  set kernelopts=\"root=UUID=R-1 ro \"\n" },
	{ BOOTCFG_GRUB_CFG, "set default=\"x\"\nset kernelopts\nset\n", NULL },
	{ BOOTCFG_LOADER_ENTRY, "linux /a\noptions $kernelopts $tuned_params\n", NULL },
	{ BOOTCFG_LOADER_ENTRY, "options root=/dev/sda1 mce=off\noptions x idle=poll\n",
	  "options root=UUID=R-1\noptions x\n" },
	{ BOOTCFG_SYSLINUX, "SERIAL 1 115200\nLABEL a\n  APPEND initrd=/i root=/dev/sda1 ro\n",
	  "SERIAL 0 115200\nLABEL a\n  APPEND initrd=/i root=UUID=R-1 ro\n" },
	{ BOOTCFG_SYSLINUX, "serial 0x3f8 9600\nappend -\ntext help\n", NULL },
	{ BOOTCFG_LILO, "boot=/dev/sda\nroot = /dev/sda1\nserial=1,9600n8\n"
	  "append = \"console=ttyS1 ro\"\n",
	  "boot=/dev/sda\nroot = /dev/disk/by-uuid/R-1\nserial=0,9600n8\n"
	  "append = \"console=ttyS0 ro\"\n" },
	{ BOOTCFG_GRUB_LEGACY, "title x\n\troot (hd0,0)\n\tkernel /v root=/dev/sda1 vga=0x317\n"
	  "\tinitrd /i\n",
	  "title x\n\troot (hd0,0)\n\tkernel /v root=UUID=R-1 vga=0x317\n\tinitrd /i\n" },
};

START_TEST(files_by_kind)
{
	const struct kargs_rules rules = { .map = &map, .console = true, .drop = by_table };
	CLEANUP(mem_free) char *out = NULL, *again = NULL;
	int r = bootcfg_rewrite(files[_i].kind, files[_i].in, &rules, &out, NULL);

	ck_assert_msg((r == 1) == (files[_i].out != NULL), "%s gave %d %s", files[_i].in, r,
		      out ? out : "");
	if (!files[_i].out)
		return;
	ck_assert_str_eq(out, files[_i].out);
	ck_assert_int_eq(bootcfg_rewrite(files[_i].kind, out, &rules, &again, NULL), 0);
}
END_TEST

#define ENV_HEAD "# GRUB Environment Block\nsaved_entry=x\nkernelopts="

static void make_env(char *buf, const char *opts)
{
	size_t n = (size_t)snprintf(buf, 1025, ENV_HEAD "%s\nboot_success=1\n", opts);

	memset(buf + n, '#', 1024 - n);
	buf[1024] = '\0';
}

START_TEST(the_block_keeps_its_size)
{
	const struct kargs_rules rules = { .map = &map, .drop = by_table };
	char in[1025], want[1025];
	CLEANUP(mem_free) char *out = NULL;

	make_env(in, "root=/dev/sda1 ro intel_iommu=on rhgb");
	make_env(want, "root=UUID=R-1 ro rhgb");
	ck_assert_int_eq(bootcfg_rewrite(BOOTCFG_GRUBENV, in, &rules, &out, NULL), 1);
	ck_assert_str_eq(out, want);
	make_env(in, "root=UUID=R-1 ro");
	ck_assert_int_eq(bootcfg_rewrite(BOOTCFG_GRUBENV, in, &rules, &out, NULL), 0);
}
END_TEST

static int long_name(const char *name, char **ret, void *opaque)
{
	(void)opaque;
	if (strncmp(name, "/dev/sda1", 9) != 0)
		return DEVMAP_KEEP;
	*ret = malloc(1001);
	ck_assert_ptr_nonnull(*ret);
	memset(*ret, 'x', 1000);
	(*ret)[1000] = '\0';
	return DEVMAP_MAPPED;
}

START_TEST(a_full_block_is_left)
{
	const struct kargs_rules rules = { .device = long_name };
	struct machine_strv notes = { 0 };
	char in[1025];
	char *out = NULL;

	make_env(in, "root=/dev/sda1 ro");
	ck_assert_int_eq(bootcfg_rewrite(BOOTCFG_GRUBENV, in, &rules, &out, &notes), 0);
	ck_assert_ptr_null(out);
	ck_assert_uint_eq(notes.n, 1);
	free(notes.v[0]);
	free(notes.v);
}
END_TEST

static const struct {
	const char *arg, *group;	/* NULL: no row */
} args[] = {
	{ "intel_iommu=on", "drop" },	     { "iommu=pt", "drop" },
	{ "vfio-pci.ids=10de:1b80", "drop" }, { "acpi=off", "drop" },
	{ "acpi=force", NULL },		     { "processor.max_cstate=1", "drop" },
	{ "intel_idle.max_cstate=0", "drop" }, { "isolcpus=1-3", "ask" },
	{ "mem=8G", "ask" },		     { "memmap=64K$0x18690000", "drop" },
	{ "memory_corruption_check=1", NULL }, { "nomodeset", "keep" },
	{ "vga=791", "ask" },		     { "rd.multipath=0", "keep" },
	{ "rd.multipath=default", "drop" },  { "ip=ibft", "drop" },
	{ "ip=10.0.0.1::10.0.0.2:255.255.255.0:h:eno1:none", NULL },
	{ "netroot=iscsi:@10.0.0.1::3260::iqn", "drop" }, { "netroot=nfs:x", "ask" },
	{ "ima_appraise=enforce", "ask" },   { "fips=1", "keep" },
	{ "root=UUID=x", NULL },	     { "quiet", NULL },
	{ "", NULL },			     { "=", NULL },
	{ "i915.modeset=0", "drop" },	     { "i915", NULL },
	{ "rd.md.uuid=1:2", "keep" },	     { "biosdevname=0", "keep" },
	{ "mce=off", "drop" },		     { "numa=off", "keep" },
};

START_TEST(rows_of_the_table)
{
	const struct tables_row *row = kargs_table_find(args[_i].arg);

	ck_assert_msg((row == NULL) == (args[_i].group == NULL), "%s", args[_i].arg);
	if (row)
		ck_assert_msg(strcmp(row->group, args[_i].group) == 0, "%s: %s", args[_i].arg,
			      row->group);
}
END_TEST

/* A row that a wider one above hides would never be asked. */
START_TEST(the_table_is_sound)
{
	for (size_t i = 0; i < tables_kargs_count; i++) {
		const struct tables_row *r = &tables_kargs[i];

		ck_assert_msg(strcmp(r->group, "drop") == 0 || strcmp(r->group, "keep") == 0 ||
			      strcmp(r->group, "ask") == 0, "%s", r->pattern);
		for (const char *p = r->pattern; *p && *p != '='; p++)
			ck_assert_msg(*p != '-', "%s: a name is written with _", r->pattern);
		if (!strpbrk(r->pattern, "*?["))
			ck_assert_msg(kargs_table_find(r->pattern) == r, "%s is hidden",
				      r->pattern);
	}
}
END_TEST

START_TEST(hostile_text)
{
	static const enum bootcfg_kind kinds[] = {
		BOOTCFG_GRUB_DEFAULT, BOOTCFG_GRUB_CFG, BOOTCFG_GRUB_LEGACY, BOOTCFG_LOADER_ENTRY,
		BOOTCFG_CMDLINE, BOOTCFG_GRUBENV, BOOTCFG_SYSLINUX, BOOTCFG_LILO,
	};
	static const char *const bits[] = {
		"GRUB_CMDLINE_LINUX=\"", "GRUB_CMDLINE_LINUX=\"\\", "kernelopts=", "append=\"",
		"append", "APPEND \"", "linux", "linux /v \"\"\"", "set kernelopts=\"", "serial",
		"serial=", "root=", "options \xff\xfe\"", "kernel --", "cryptdevice=:",
		"linux /v cryptopts=source= rootflags=device= root= boot=", "\\", "=", "#", "\"",
	};
	const struct kargs_rules rules = { .map = &map, .console = true, .drop = by_table };
	size_t n = 1 << 20;
	CLEANUP(mem_free) char *big = malloc(n + 1);

	ck_assert_ptr_nonnull(big);
	memset(big, '"', n);
	big[n] = '\0';
	memcpy(big, "options ", 8);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		CLEANUP(mem_free) char *out = NULL;

		ck_assert_int_ge(bootcfg_rewrite(kinds[k], big, &rules, &out, NULL), 0);
		for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
			CLEANUP(mem_free) char *o = NULL;

			ck_assert_int_ge(bootcfg_rewrite(kinds[k], bits[i], &rules, &o, NULL), 0);
		}
	}
}
END_TEST

static const struct {
	const char *in, *out;
} entry_paths[] = {
	{ "\\EFI\\debian\\shimx64.efi", "EFI/debian/shimx64.efi" },
	{ "/EFI/x", "EFI/x" },
	{ "EFI\\x", NULL },
	{ "\\..\\x", NULL },
	{ "\\EFI\\..\\x", NULL },
	{ "\\\\host\\x", NULL },
	{ "\\EFI\\\x01", NULL },
	{ "\\", NULL },
	{ "", NULL },
};

START_TEST(paths_of_entries)
{
	CLEANUP(mem_free) char *s = esp_path_of_entry(entry_paths[_i].in);

	if (entry_paths[_i].out)
		ck_assert_str_eq(s, entry_paths[_i].out);
	else
		ck_assert_ptr_null(s);
}
END_TEST

START_TEST(programs)
{
	static const char want[] = "shimx64.efi,Fedora  38,,"
				   "This is the boot entry for Fedora  38\n";
	CLEANUP(mem_free) uint8_t *csv = NULL;
	size_t n = 0;

	ck_assert_str_eq(esp_path_arch("/a/SHIMX64.EFI", "aarch64")->upper, "X64");
	ck_assert_str_eq(esp_path_arch("/a/grubia32.efi", "x86_64")->lower, "ia32");
	ck_assert_str_eq(esp_path_arch("/a/loader.efi", "aarch64")->lower, "aa64");
	ck_assert_str_eq(esp_path_arch("", "")->lower, "x64");
	ck_assert(esp_path_is_kernel("vmlinuz-6.1.efi"));
	ck_assert(!esp_path_is_kernel("shimx64.efi"));
	csv = esp_path_csv("shimx64.efi", "Fedora, 38", &n);
	ck_assert_ptr_nonnull(csv);
	ck_assert_uint_eq(n, 2 + 2 * strlen(want));
	ck_assert_uint_eq(get_le16(csv), 0xfeff);
	for (size_t i = 0; want[i]; i++)
		ck_assert_int_eq(get_le16(csv + 2 + 2 * i), want[i]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bootcfg");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, kinds_by_place, 0, ARRAY_SIZE(places));
	tcase_add_loop_test(t, files_by_kind, 0, ARRAY_SIZE(files));
	tcase_add_test(t, the_block_keeps_its_size);
	tcase_add_test(t, a_full_block_is_left);
	tcase_add_loop_test(t, rows_of_the_table, 0, ARRAY_SIZE(args));
	tcase_add_test(t, the_table_is_sound);
	tcase_add_test(t, hostile_text);
	tcase_add_loop_test(t, paths_of_entries, 0, ARRAY_SIZE(entry_paths));
	tcase_add_test(t, programs);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
