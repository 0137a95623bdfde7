/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include "common/compiler.h"
#include "common/kernelname.h"
#include "postfix/linux/kernels.h"

START_TEST(kernels_are_found)
{
	static const char *const boot[] = {
		"System.map-6.1.0-9-amd64",
		"config-6.1.0-9-amd64",
		"grub",
		"initrd.img-6.1.0-13-amd64",
		"initrd.img-6.1.0-9-amd64",
		"initrd.img-6.1.0-9-amd64.dpkg-bak",
		"initramfs-5.10.7.img",
		"memtest86+.bin",
		"vmlinuz-5.10.7",
		"vmlinuz-6.1.0-13-amd64",
		"vmlinuz-6.1.0-9-amd64",
		"vmlinuz-6.1.0-9-amd64.dpkg-tmp",
		"vmlinuz",
		"vmlinuz-",
		"vmlinuz-$(reboot)",
		"vmlinuz-6.1;x",
		"vmlinuz-0-rescue-abc",
		"vmlinuz-6.1.0-9-amd64.old",
	};
	static const char *const modules[] = { "6.1.0-9-amd64", "6.1.0-13-amd64",
					       "4.19.0-leftover" };
	struct kernels k = { 0 };

	ck_assert_int_eq(kernels_find((char *const *)(uintptr_t)boot, ARRAY_SIZE(boot),
				      (char *const *)(uintptr_t)modules, ARRAY_SIZE(modules), &k),
			 0);
	ck_assert_uint_eq(k.n, 3);
	ck_assert_str_eq(k.v[0].version, "6.1.0-13-amd64");
	ck_assert_str_eq(k.v[0].image, "/boot/vmlinuz-6.1.0-13-amd64");
	ck_assert_str_eq(k.v[0].initrd, "/boot/initrd.img-6.1.0-13-amd64");
	ck_assert(k.v[0].has_modules);
	ck_assert_str_eq(k.v[1].version, "6.1.0-9-amd64");
	ck_assert_str_eq(k.v[1].initrd, "/boot/initrd.img-6.1.0-9-amd64");
	/* Made by hand: dracut's way of naming the image, and no modules at all. */
	ck_assert_str_eq(k.v[2].version, "5.10.7");
	ck_assert_str_eq(k.v[2].initrd, "/boot/initramfs-5.10.7.img");
	ck_assert(!k.v[2].has_modules);
	kernels_done(&k);
	ck_assert_int_eq(kernels_find(NULL, 0, NULL, 0, &k), 0);
	ck_assert_uint_eq(k.n, 0);
}
END_TEST

static const struct {
	const char *newer, *older;
} order[] = {
	{ "5.10.0", "5.9.0" }, { "6.1.0-13-amd64", "6.1.0-9-amd64" }, { "6.1.0", "6.1.0-rc4" },
	{ "10.0", "9.99" },    { "5.10.0-8-amd64", "5.10.0-8" },      { "6.1", "6.1~rc1" },
	{ "6.010", "6.9" },
};

START_TEST(versions_compare)
{
	ck_assert_int_gt(kernels_version_compare(order[_i].newer, order[_i].older), 0);
	ck_assert_int_lt(kernels_version_compare(order[_i].older, order[_i].newer), 0);
	ck_assert_int_eq(kernels_version_compare(order[_i].older, order[_i].older), 0);
}
END_TEST

START_TEST(drivers_are_found)
{
	static const char dep[] = "kernel/drivers/block/virtio_blk.ko: kernel/x/virtio_ring.ko\n"
				  "kernel/drivers/char/hw_random/virtio-rng.ko.xz:\n"
				  "kernel/drivers/scsi/sd_mod.ko.zst: kernel/y/ahci.ko\n";
	static const char builtin[] = "kernel/drivers/virtio/virtio_pci.ko\n";

	ck_assert_int_eq(kernels_driver(dep, builtin, "virtio_blk"), KERNELS_MODULE);
	ck_assert_int_eq(kernels_driver(dep, builtin, "virtio_rng"), KERNELS_MODULE);
	ck_assert_int_eq(kernels_driver(dep, builtin, "sd_mod"), KERNELS_MODULE);
	ck_assert_int_eq(kernels_driver(dep, builtin, "virtio_pci"), KERNELS_BUILTIN);
	/* Only named as what another one needs. */
	ck_assert_int_eq(kernels_driver(dep, builtin, "ahci"), KERNELS_ABSENT);
	ck_assert_int_eq(kernels_driver(NULL, NULL, "ahci"), KERNELS_ABSENT);
	ck_assert(!kernelname_is_module("x/virtio_blkx.ko", 16, "virtio_blk"));
	ck_assert(!kernelname_is_module("x/xvirtio_blk.ko", 16, "virtio_blk"));
	ck_assert(!kernelname_is_module("ko", 2, "virtio_blk"));
}
END_TEST

START_TEST(versions_parse)
{
	unsigned int a = 0, b = 0;

	ck_assert(kernels_version_parse("6.1.0-13-amd64", &a, &b));
	ck_assert_uint_eq(a, 6);
	ck_assert_uint_eq(b, 1);
	ck_assert(!kernels_version_parse("x", &a, &b));
}
END_TEST

START_TEST(kernels_found_elsewhere_are_added)
{
	char v1[] = "6.6.10-arch1-1", i1[] = "/boot/vmlinuz-linux",
	     r1[] = "/boot/initramfs-linux.img",
	     r2[] = "/boot/initramfs-linux-fallback.img", v2[] = "5.3.18-xen", i2[] = "/boot/x",
	     bad[] = "/boot/x;reboot", v3[] = "6.9.1", i3[] = "/efi/a/linux";
	CLEANUP(kernels_done) struct kernels k = { 0 };
	struct kernels_one a = { .version = v1, .image = i1, .initrd = r1 };
	struct kernels_one b = { .version = v1, .image = i1, .initrd = r2, .spare = true };
	struct kernels_one c = { .version = v2, .image = i2 };
	struct kernels_one d = { .version = v3, .image = bad };
	struct kernels_one e = { .version = v3, .image = i3, .initrd = bad };

	ck_assert_int_eq(kernels_add(&k, &b), 1);
	ck_assert_int_eq(kernels_add(&k, &c), 1);
	ck_assert_int_eq(kernels_add(&k, &a), 1);
	ck_assert_int_eq(kernels_add(&k, &a), 0);
	ck_assert_int_eq(kernels_add(&k, &d), 0);
	ck_assert_int_eq(kernels_add(&k, &e), 0);
	kernels_sort(&k);
	ck_assert_uint_eq(k.n, 3);
	ck_assert_str_eq(k.v[0].initrd, r1);
	ck_assert(k.v[1].spare && k.v[2].xen);
}
END_TEST

START_TEST(a_kernel_tells_its_version)
{
	char data[0x300] = { 0 };
	char *s;

	ck_assert_ptr_null(kernels_image_version(data, sizeof(data)));
	memcpy(data + 0x202, "HdrS", 4);
	ck_assert_ptr_null(kernels_image_version(data, sizeof(data)));
	data[0x20e] = 0x40;
	strcpy(data + 0x240, "5.14.0-427.el9.x86_64 (mockbuild@x) #1");
	s = kernels_image_version(data, sizeof(data));
	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s, "5.14.0-427.el9.x86_64");
	free(s);
	/* It points out of the file; it is no version; it does not end. */
	data[0x20f] = 0x7f;
	ck_assert_ptr_null(kernels_image_version(data, sizeof(data)));
	data[0x20f] = 0;
	strcpy(data + 0x240, "5.14$(reboot)");
	ck_assert_ptr_null(kernels_image_version(data, sizeof(data)));
	memset(data + 0x240, '5', sizeof(data) - 0x240);
	ck_assert_ptr_null(kernels_image_version(data, sizeof(data)));
	ck_assert_ptr_null(kernels_image_version(data, 0x20f));
}
END_TEST

START_TEST(loader_entries)
{
	char *kernel = NULL, *initrd = NULL, *version = NULL;

	ck_assert_int_eq(kernels_entry("title x\nversion 6.1\nlinux /a/linux\n"
				       "initrd /ucode.img\ninitrd /a/initrd $tuned\noptions x\n",
				       &kernel, &initrd, &version), 0);
	ck_assert_str_eq(kernel, "/a/linux");
	ck_assert_str_eq(initrd, "/a/initrd");
	ck_assert_str_eq(version, "6.1");
	free(kernel);
	free(initrd);
	free(version);
	ck_assert_int_eq(kernels_entry("linux\nlinuxx y\n# initrd x\n", &kernel, &initrd, &version),
			 0);
	ck_assert(!kernel && !initrd && !version);
}
END_TEST

static Suite *kernels_suite(void)
{
	Suite *s = suite_create("kernels");
	TCase *t = tcase_create("kernels");

	tcase_add_test(t, kernels_are_found);
	tcase_add_loop_test(t, versions_compare, 0, ARRAY_SIZE(order));
	tcase_add_test(t, drivers_are_found);
	tcase_add_test(t, versions_parse);
	tcase_add_test(t, kernels_found_elsewhere_are_added);
	tcase_add_test(t, a_kernel_tells_its_version);
	tcase_add_test(t, loader_entries);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(kernels_suite)
