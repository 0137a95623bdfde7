/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs on EFI system partitions, and the PE headers that say whether they are signed. */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include "common/bytes.h"
#include "inventory/collect.h"
#include "common/pe.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

/* The head of a program: 64 bits or 32, with so many directories; the fifth of that size. */
static void make_pe(uint8_t p[static PE_HEAD], bool plus, uint32_t directories, uint32_t size)
{
	size_t at = 0x80, count;

	memset(p, 0, PE_HEAD);
	memcpy(p, "MZ", 2);
	put_le32(p + 0x3c, (uint32_t)at);
	memcpy(p + at, "PE\0\0", 4);
	count = plus ? 108 : 92;
	put_le16(p + at + 20, (uint16_t)(count + 4 + 16 * 8));
	put_le16(p + at + 24, plus ? 0x20b : 0x10b);
	put_le32(p + at + 24 + count, directories);
	put_le32(p + at + 24 + count + 4 + 4 * 8, 0x1000);
	put_le32(p + at + 24 + count + 4 + 4 * 8 + 4, size);
}

START_TEST(test_certificate_table)
{
	static const struct {
		uint32_t directories, size;
		bool is_signed;
	} cases[] = {
		{ 16, 0x1888, true }, { 16, 0, false }, { 5, 1, true }, { 4, 0x1888, false },
		{ 0, 8, false }, { UINT32_MAX, 8, true },
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		uint8_t p[PE_HEAD];
		bool is_signed = !cases[i / 2].is_signed;

		make_pe(p, i % 2, cases[i / 2].directories, cases[i / 2].size);
		ck_assert_int_eq(pe_has_signature(p, sizeof(p), &is_signed, NULL), 0);
		ck_assert_int_eq(is_signed, cases[i / 2].is_signed);
	}
}
END_TEST

START_TEST(test_hostile_pe)
{
	static const uint32_t places[] = { 0x3f0, 0x400, 0x7fffffff, 0xffffffff, 0xfffffff0 };
	uint8_t p[PE_HEAD];
	uint32_t rng = 0xabcdef;
	bool is_signed;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		make_pe(p, true, 16, 8);
		put_le32(p + 0x3c, places[i]);
		ck_assert_int_eq(pe_has_signature(p, sizeof(p), &is_signed, NULL), -EBADMSG);
	}
	/* An optional header of no length, of a length past the head; of another kind. */
	for (int i = 0; i < 3; i++) {
		make_pe(p, true, 16, 8);
		put_le16(p + 0x80 + (i < 2 ? 20 : 24), i == 1 ? 0xffff : 0);
		ck_assert_int_eq(pe_has_signature(p, sizeof(p), &is_signed, NULL), -EBADMSG);
	}
	for (size_t n = 0; n < 0x80 + 24 + 240; n++) {
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

		make_pe(p, true, 16, 8);
		memcpy(copy, p, n);
		ck_assert_int_eq(pe_has_signature(copy, n, &is_signed, NULL), -EBADMSG);
	}
	for (int round = 0; round < 20000; round++) {
		CLEANUP(mem_free) uint8_t *copy = malloc(512);

		make_pe(p, round % 2, 16, 8);
		memcpy(copy, p, 512);
		for (int k = 0; k <= round % 4; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			copy[k ? rng % 512 : 0x3c + rng % 4] = (uint8_t)(rng >> 24);
		}
		(void)pe_has_signature(copy, 512, &is_signed, NULL);
	}
}
END_TEST

static struct machine *run(const char *source, const char *target, const char *fs,
			   const char *type)
{
	CLEANUP(sysroot_free) struct sysroot *root = tmproot_open();
	struct machine_mount *mount;
	struct machine_partition *p;
	struct machine_disk *d;
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(machine_new(&m), 0);
	d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
	d->name = strdup("sda");
	p = machine_grow(&d->partitions, &d->npartitions, sizeof(*p));
	p->name = strdup("sda1");
	p->path = strdup("/dev/sda1");
	p->type = strdup(type);
	/* Twice: it is listed once. */
	for (int i = 0; i < 2; i++) {
		mount = machine_grow(&m->mounts, &m->nmounts, sizeof(*mount));
		mount->source = strdup(source);
		mount->target = strdup(target);
		mount->fs = strdup(fs);
	}
	ck_assert_msg(collect_esp(root, m, &err) == 0, "%s", err.text);
	return m;
}

#define ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define DATA "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"

static void put_esp(const char *target)
{
	uint8_t p[PE_HEAD];
	char path[256];

	make_pe(p, true, 16, 0x1000);
	snprintf(path, sizeof(path), "%s/efi/debian/shimx64.efi", target);
	tmproot_put(path, p, sizeof(p));
	make_pe(p, true, 16, 0);
	snprintf(path, sizeof(path), "%s/efi/BOOT/BOOTX64.EFI", target);
	tmproot_put(path, p, sizeof(p));
	tmproot_text("x", "%s/efi/debian/grub.cfg", target);
	tmproot_text("x", "%s/startup.efi", target);
	tmproot_text("x", "%s/efi/.efi", target);
}

START_TEST(test_programs)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_efi_file *f;

	tmproot_make();
	put_esp("/boot/efi");
	tmproot_text("952384 /boot/efi/efi/debian/shimx64.efi\n12 /boot/efi/efi/BOOT\n"
		     "99999999999999999999 /boot/efi/efi/BOOT/BOOTX64.EFI\nx\n\n", "/p2v/esp");
	m = run("/dev/sda1", "/boot/efi", "vfat", ESP);
	tmproot_remove();
	ck_assert_uint_eq(m->firmware.nefi_files, 2);
	f = m->firmware.efi_files;
	ck_assert_str_eq(f[0].path, "/efi/BOOT/BOOTX64.EFI");
	ck_assert_uint_eq(f[0].size, PE_HEAD);		/* there is no line for it */
	ck_assert(!f[0].has_signature);
	ck_assert_str_eq(f[1].path, "/efi/debian/shimx64.efi");
	ck_assert_str_eq(f[1].device, "sda1");
	ck_assert_uint_eq(f[1].size, 952384);
	ck_assert(f[1].has_signature);
	ck_assert_uint_eq(m->warnings.n, 0);
}
END_TEST

/* Which mounts are EFI system partitions: by the type, or by the place. */
START_TEST(test_which_mounts)
{
	static const struct {
		const char *source, *target, *fs, *type, *device;
	} cases[] = {
		{ "/dev/sda1", "/mnt/x", "vfat", ESP, "sda1" },
		{ "/dev/sda1", "/mnt/x", "vfat", "0xef", "sda1" },
		{ "/dev/sda1", "/mnt/x", "vfat", DATA, NULL },
		{ "/dev/sda1", "/boot", "vfat", DATA, "sda1" },
		{ "/dev/md127", "/boot/efi", "vfat", DATA, "md127" },
		{ "/dev/sda1", "/boot/efi", "ext4", ESP, NULL },
		{ "/dev/ ", "/efi", "vfat", DATA, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		const char *device = cases[i].device;

		tmproot_make();
		put_esp(cases[i].target);
		m = run(cases[i].source, cases[i].target, cases[i].fs, cases[i].type);
		tmproot_remove();
		if (!device || !*device) {
			ck_assert_uint_eq(m->firmware.nefi_files, device ? 4 : 0);
			continue;
		}
		ck_assert_uint_eq(m->firmware.nefi_files, 2);
		ck_assert_str_eq(m->firmware.efi_files[0].device, device);
	}
}
END_TEST

START_TEST(test_hostile_partition)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	char path[512] = "/boot/efi/EFI", fifo[600];
	size_t told = 0;

	tmproot_make();
	put_esp("/boot/efi");
	tmproot_text("MZ", "/boot/efi/efi/short.efi");
	tmproot_text("", "/boot/efi/efi/empty.efi");
	tmproot_link("/boot/efi/efi/loop", "../efi");
	tmproot_link("/boot/efi/efi/self.efi", "self.efi");
	tmproot_link("/boot/efi/efi/out.efi", "/etc/passwd");
	tmproot_folder("/boot/efi/efi/folder.efi");
	/* Too deep to be one. */
	for (int i = 0; i < 20; i++)
		strcat(path, "/d");
	strcat(path, "/deep.efi");
	tmproot_text("x", "%s", path);
	snprintf(fifo, sizeof(fifo), "%s/boot/efi/efi/fifo.efi", tmproot_path());
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	m = run("/dev/sda1", "/boot/efi", "vfat", ESP);
	tmproot_remove();
	/* What looks like a program is listed, and that it is none is told. */
	ck_assert_uint_eq(m->firmware.nefi_files, 4);
	for (size_t i = 0; i < m->warnings.n; i++)
		told += strstr(m->warnings.v[i], "not an EFI program") != NULL;
	ck_assert_uint_eq(told, 2);
	ck_assert_uint_eq(m->warnings.n, 2);
}
END_TEST

static Suite *esp_suite(void)
{
	Suite *s = suite_create("collect_esp");
	TCase *t = tcase_create("collect_esp");

	tcase_add_test(t, test_certificate_table);
	tcase_add_test(t, test_hostile_pe);
	tcase_add_test(t, test_programs);
	tcase_add_test(t, test_which_mounts);
	tcase_add_test(t, test_hostile_partition);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(esp_suite)
