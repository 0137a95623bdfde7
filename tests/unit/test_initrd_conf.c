/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The settings of the tools that make an initramfs, before and after; and what a guest whose
 * kernel has no virtio gets instead.
 */
#include "tests/lib/unit.h"

#include "common/cleanup.h"
#include "common/compiler.h"
#include "postfix/linux/initrd_conf.h"
#include "postfix/linux/linux_rows.h"

static const char *const virtio[] = { "virtio_pci", "virtio_blk" };

enum what { WORDS, ARRAY, SET, ALIAS, YAML };

static const struct {
	enum what what;
	const char *key, *from, *to;	/* to NULL: nothing to do */
} cases[] = {
	/* SUSE */
	{ WORDS, "INITRD_MODULES", "X=1\nINITRD_MODULES=\"ata_piix ext3\"\nY=2\n",
	  "X=1\nINITRD_MODULES=\"virtio_pci virtio_blk ata_piix ext3\"\nY=2\n" },
	{ WORDS, "INITRD_MODULES", "INITRD_MODULES=\"\"\n",
	  "INITRD_MODULES=\"virtio_pci virtio_blk\"\n" },
	{ WORDS, "INITRD_MODULES", "INITRD_MODULES=\"virtio_blk x\"",
	  "INITRD_MODULES=\"virtio_pci virtio_blk x\"" },
	{ WORDS, "INITRD_MODULES", "INITRD_MODULES=\"virtio_blk  virtio_pci\"\n", NULL },
	{ WORDS, "INITRD_MODULES", "DOMU_INITRD_MODULES=\"x\"\n",
	  "DOMU_INITRD_MODULES=\"x\"\nINITRD_MODULES=\"virtio_pci virtio_blk\"\n" },
	/* A comment is none; the last one counts; single quotes; no quotes at all. */
	{ WORDS, "M", "#M=\"virtio_pci\"\nM=a\nM='b'\n", "#M=\"virtio_pci\"\nM=a\nM='virtio_pci "
							  "virtio_blk b'\n" },
	{ WORDS, "M", "M=ahci # why\n", "M=\"virtio_pci virtio_blk ahci\" # why\n" },
	{ WORDS, "M", "M=\n", "M=\"virtio_pci virtio_blk\"\n" },
	{ WORDS, "M", "M=", "M=\"virtio_pci virtio_blk\"" },
	{ WORDS, "M", "", "M=\"virtio_pci virtio_blk\"\n" },
	/* A word of which ours is a part. */
	{ WORDS, "M", "M=\"virtio_pci_legacy virtio_blk\"\n",
	  "M=\"virtio_pci virtio_pci_legacy virtio_blk\"\n" },
	/* mkinitcpio */
	{ ARRAY, "MODULES", "# MODULES=(piix)\nMODULES=()\nHOOKS=(base)\n",
	  "# MODULES=(piix)\nMODULES=(virtio_pci virtio_blk)\nHOOKS=(base)\n" },
	{ ARRAY, "MODULES", "MODULES=(\n  ext4\n  virtio_blk\n)\n",
	  "MODULES=(virtio_pci\n  ext4\n  virtio_blk\n)\n" },
	{ ARRAY, "MODULES", "HOOKS=(base)", "HOOKS=(base)\nMODULES=(virtio_pci virtio_blk)\n" },
	{ SET, "VIRTIO", "#VIRTIO=\"no\"\nA=1\n", "#VIRTIO=\"no\"\nA=1\nVIRTIO=\"yes\"\n" },
	{ SET, "VIRTIO", "VIRTIO=\"no\"\n", "VIRTIO=\"yes\"\n" },
	{ SET, "VIRTIO", "VIRTIO=\"yes\"\n", NULL },
	/* RHEL 5 */
	{ ALIAS, NULL, "alias eth0 bnx2\nalias scsi_hostadapter cciss\n",
	  "alias eth0 bnx2\nalias scsi_hostadapter cciss\nalias scsi_hostadapter1 virtio_pci\n"
	  "alias scsi_hostadapter2 virtio_blk\n" },
	{ ALIAS, NULL, "",
	  "alias scsi_hostadapter virtio_pci\nalias scsi_hostadapter1 virtio_blk\n" },
	{ ALIAS, NULL, "alias scsi_hostadapter7 virtio_pci\n",
	  "alias scsi_hostadapter7 virtio_pci\nalias scsi_hostadapter8 virtio_blk\n" },
	{ ALIAS, NULL, "alias scsi_hostadapter virtio_blk\nalias scsi_hostadapter1 virtio_pci\n",
	  NULL },
	/* booster */
	{ YAML, "modules", "network:\n  dhcp: on\nmodules: nvme\n",
	  "network:\n  dhcp: on\nmodules: nvme,virtio_pci,virtio_blk\n" },
	{ YAML, "modules", "modules:\n", "modules: virtio_pci,virtio_blk\n" },
	{ YAML, "modules", "a: b", "a: b\nmodules: virtio_pci,virtio_blk\n" },
	{ YAML, "modules", "modules: virtio_pci, virtio_blk\n", NULL },
	{ YAML, "modules", "modules_force_load: x\n",
	  "modules_force_load: x\nmodules: virtio_pci,virtio_blk\n" },
};

static int rewrite(enum what what, const char *key, const char *from, char **to)
{
	switch (what) {
	case WORDS:
		return initrd_conf_add_words(from, key, virtio, 2, false, to);
	case ARRAY:
		return initrd_conf_add_words(from, key, virtio, 2, true, to);
	case SET:
		return initrd_conf_set(from, key, "yes", to);
	case ALIAS:
		return initrd_conf_add_aliases(from, virtio, 2, to);
	case YAML:
		return initrd_conf_add_yaml(from, key, virtio, 2, to);
	}
	return -1;
}

START_TEST(settings_are_rewritten)
{
	CLEANUP(mem_free) char *to = NULL, *again = NULL;
	int r = rewrite(cases[_i].what, cases[_i].key, cases[_i].from, &to);

	ck_assert_int_eq(r, cases[_i].to != NULL);
	if (!r)
		return;
	ck_assert_str_eq(to, cases[_i].to);
	ck_assert_int_eq(rewrite(cases[_i].what, cases[_i].key, to, &again), 0);
}
END_TEST

START_TEST(odd_texts_do_no_harm)
{
	static const char *const odd[] = {
		"M=\"", "M=(", "M='a\nM=\"b\nM=(c\n", "=\n==\nM==\n", "M=\"\xff\xfe\n",
		"\r\nM=\"a\"\r\n", "MODULES=(ext4\n",
		"M=\\\"x\n", "alias\nalias scsi_hostadapter\n",
		"alias scsi_hostadapter99999999999 x\n",
		"M:\nmodules:", "modules: \"a\", 'b'\r\n",
	};
	CLEANUP(mem_free) char *big = malloc(MIB + 1);

	ck_assert_ptr_nonnull(big);
	memset(big, 'x', MIB);
	memcpy(big, "M=\"", 3);
	big[MIB] = '\0';
	for (size_t i = 0; i <= ARRAY_SIZE(odd); i++)
		for (enum what w = WORDS; w <= YAML; w++) {
			CLEANUP(mem_free) char *to = NULL;
			int r = rewrite(w, w == YAML ? "modules" : "M",
					i < ARRAY_SIZE(odd) ? odd[i] : big, &to);

			ck_assert(r == 0 || (r == 1 && to));
		}
}
END_TEST

/* Kernels by their drivers: what can be booted from, and what network card there is. */
START_TEST(devices_without_virtio)
{
	char version[16] = "2.6.9", at[] = "/boot/vmlinuz";
	struct kernels_one one = { .version = version, .image = at };
	struct fixer_kernel k = { 0 };
	struct fix_options opt = { 0 };
	struct fixer f = { .opt = &opt, .kernels = { &one, 1 }, .kernel = &k };

	/* Nothing known: by its age. */
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_IDE);
	ck_assert(!linux_boots_without_virtio(&f));
	strcpy(version, "5.10.0");
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_SATA);
	k.has[DRIVER_PIIX] = KERNELS_BUILTIN;
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_IDE);
	ck_assert(linux_boots_without_virtio(&f));
	k.has[DRIVER_PIIX] = KERNELS_ABSENT;
	k.has[DRIVER_ATA_PIIX] = k.has[DRIVER_SD_MOD] = KERNELS_MODULE;
	/* A module helps only when it is in the image. */
	ck_assert(!linux_boots_without_virtio(&f));
	k.image_has[DRIVER_ATA_PIIX] = k.image_has[DRIVER_SD_MOD] = true;
	ck_assert(linux_boots_without_virtio(&f));
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_IDE);
	k.has[DRIVER_AHCI] = KERNELS_BUILTIN;
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_SATA);
	k.has[DRIVER_VIRTIO_PCI] = k.has[DRIVER_VIRTIO_BLK] = KERNELS_BUILTIN;
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_VIRTIO_BLK);
	k.has[DRIVER_VIRTIO_SCSI] = KERNELS_MODULE;
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_VIRTIO_BLK);
	k.image_has[DRIVER_VIRTIO_SCSI] = true;
	ck_assert_int_eq(linux_block_bus(&f), VM_BLOCK_VIRTIO_SCSI);

	k = (struct fixer_kernel){ 0 };
	k.has[DRIVER_8139TOO] = KERNELS_MODULE;
	ck_assert_int_eq(linux_net_model(&f), VM_NET_RTL8139);
	k.has[DRIVER_E1000] = KERNELS_MODULE;
	ck_assert_int_eq(linux_net_model(&f), VM_NET_E1000);
	k.has[DRIVER_E1000E] = KERNELS_MODULE;
	ck_assert_int_eq(linux_net_model(&f), VM_NET_E1000E);
	k.has[DRIVER_VIRTIO_NET] = KERNELS_MODULE;
	ck_assert_int_eq(linux_net_model(&f), VM_NET_E1000E);
	k.has[DRIVER_VIRTIO_PCI] = KERNELS_BUILTIN;
	ck_assert_int_eq(linux_net_model(&f), VM_NET_VIRTIO);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("initrd_conf");
	TCase *tc = tcase_create("initrd_conf");

	tcase_add_loop_test(tc, settings_are_rewritten, 0, ARRAY_SIZE(cases));
	tcase_add_test(tc, odd_texts_do_no_harm);
	tcase_add_test(tc, devices_without_virtio);
	suite_add_tcase(s, tc);
	return s;
}
UNIT_MAIN(suite)
