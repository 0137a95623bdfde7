/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a machine to a virtual one: its disks. */
#include "tests/unit/test_vmspec_rig.h"

START_TEST(disk_identity)
{
	static const struct {
		const char *in, *want;
	} wwns[] = {
	    {"0x5000c50012345678", "5000c50012345678"},
	    {"5000C50012345678", "5000C50012345678"},
	    {"naa.5000c50012345678", "5000c50012345678"},
	    {"eui.0025385b71b0e6e4", "0025385b71b0e6e4"},
	    {"0x600508b1001c16aa00112233445566ff", NULL},
	    {"t10.ATA", NULL},
	    {"", NULL},
	    {"0x", NULL},
	    {"0x0000000000000000", NULL},
	    {"5000c5001234567", NULL},
	    {"5000c5001234567g", NULL},
	    {"0xnaa.5000c50012345", NULL},
	};
	struct machine_disk *d = &m->disks[0];

	for (size_t i = 0; i < ARRAY_SIZE(wwns); i++) {
		set(&d->wwn, wwns[i].in);
		SPEC;

		if (wwns[i].want)
			ck_assert_str_eq(s->disks[0].wwn, wwns[i].want);
		else
			ck_assert_msg(!s->disks[0].wwn, "%s", wwns[i].in);
	}
	set(&d->wwn, "0x5000c50012345678");
	set(&d->serial, "  0123456789/0123456789\x01,0123456789abcdefghij ");
	set(&d->vendor, "VENDOR TOO LONG");
	set(&d->model, "exactly 16 chars and more");
	SPEC;

	ck_assert_str_eq(s->disks[0].serial, "0123456789_0123456789 _0123456789abc");
	ck_assert_str_eq(s->disks[0].vendor, "VENDOR T");
	ck_assert_str_eq(s->disks[0].product, "exactly 16 chars");
	set(&d->vendor, "ATA     ");
	set(&d->serial, " \x02\x03 ");
	vmspec_free(s);
	s = build();
	ck_assert_ptr_null(s->disks[0].vendor);
	ck_assert_ptr_null(s->disks[0].serial);

	/* virtio-blk shows 20 characters of serial number and nothing else. */
	caps.block = VM_BLOCK_VIRTIO_BLK;
	set(&d->serial, "0123456789012345678901234");
	vmspec_free(s);
	s = build();
	ck_assert_str_eq(s->disks[0].serial, "01234567890123456789");
	ck_assert(!s->disks[0].wwn && !s->disks[0].vendor && !s->disks[0].product);
	ck_assert_str_eq(s->disks[0].dev, "vda");
	ck_assert_str_eq(s->disks[0].format, "qcow2");
}
END_TEST

START_TEST(sectors)
{
	static const struct {
		uint32_t image[2], disk[2], want[2];
	} t[] = {
		{ { 0, 0 }, { 0, 0 }, { 512, 512 } },
		{ { 0, 0 }, { 512, 4096 }, { 512, 4096 } },
		{ { 0, 0 }, { 4096, 4096 }, { 4096, 4096 } },
		{ { 512, 512 }, { 4096, 4096 }, { 512, 512 } },
		{ { 0, 0 }, { 4096, 512 }, { 4096, 4096 } },	/* physical is never the smaller */
		{ { 0, 0 }, { 520, 520 }, { 512, 512 } },
		{ { 1, 3 }, { UINT32_MAX, 0x80000000 }, { 512, 512 } },
		{ { 0, 0 }, { 512, 65536 }, { 512, 512 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		images[0].logical_sector = t[i].image[0];
		images[0].physical_sector = t[i].image[1];
		m->disks[0].logical_sector = t[i].disk[0];
		m->disks[0].physical_sector = t[i].disk[1];
		SPEC;

		ck_assert_msg(s->disks[0].logical_sector == t[i].want[0] &&
				  s->disks[0].physical_sector == t[i].want[1],
			      "%zu: %" PRIu32 " %" PRIu32, i, s->disks[0].logical_sector,
			      s->disks[0].physical_sector);
	}
}
END_TEST

START_TEST(buses)
{
	add_disk("sdb", 4096);
	for (char c = 'c'; c < 'h'; c++)
		add_disk((char[]){ 's', 'd', c, '\0' }, 512);
	caps.q35 = false;
	caps.block = VM_BLOCK_IDE;
	SPEC;
	static const char *const devs[] = { "hda", "sda", "hdb", "hdc", "hdd", "sdb", "sdc" };
	static const enum vm_block_bus want[] = {
	    VM_BLOCK_IDE, VM_BLOCK_VIRTIO_SCSI, VM_BLOCK_IDE,  VM_BLOCK_IDE,
	    VM_BLOCK_IDE, VM_BLOCK_SATA,	VM_BLOCK_SATA,
	};

	/* Four fit on IDE; the one with 4096-byte sectors must not be there; names are unique. */
	ck_assert_uint_eq(s->ndisks, 7);
	for (size_t i = 0; i < 7; i++) {
		ck_assert_str_eq(s->disks[i].dev, devs[i]);
		ck_assert_int_eq(s->disks[i].bus, want[i]);
	}
	ck_assert(warned("4096") && warned("room"));
	caps.q35 = true;
	vmspec_free(s);
	s = build();
	ck_assert_int_eq(s->disks[0].bus, VM_BLOCK_SATA);
	ck_assert_str_eq(s->disks[6].dev, "sdg");
}
END_TEST

START_TEST(many_disks)
{
	struct vmspec_image many[750];
	struct vmspec *s = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = images[0];
	ck_assert_int_eq(vmspec_build(m, &caps, many, ARRAY_SIZE(many), &opt, &s, NULL, &err), 0);
	ck_assert_str_eq(s->disks[25].dev, "sdz");
	ck_assert_str_eq(s->disks[26].dev, "sdaa");
	ck_assert_str_eq(s->disks[701].dev, "sdzz");
	ck_assert_str_eq(s->disks[702].dev, "sdaaa");
	vmspec_free(s);
}
END_TEST

static void orders(const char *want)
{
	SPEC;
	char got[16] = "";

	for (size_t i = 0; i < s->ndisks; i++)
		got[i] = (char)('0' + s->disks[i].boot_order);
	ck_assert_str_eq(got, want);
}

START_TEST(boot_order)
{
	struct machine_boot_entry *e;

	add_disk("sdb", 512);
	add_disk("sdc", 512);
	orders("123");
	ck_assert(warned("boots from"));
	images[2].boot = true;
	orders("231");
	ck_assert_uint_eq(warnings.n, 0);
	images[1].boot = true;
	orders("312");
	images[1].boot = images[2].boot = false;

	/* What speaks for a disk, from weak to strong. */
	add_partition(&m->disks[1])->boot = true;
	orders("213");
	ck_assert_uint_eq(warnings.n, 0);
	machine_strv_add(&add_partition(&m->disks[2])->mountpoints, "/");
	orders("231");
	machine_strv_add(&add_partition(&m->disks[1])->mountpoints, "/boot");
	orders("213");
	machine_strv_add(&add_partition(&m->disks[2])->mountpoints, "/boot/efi");
	orders("231");
	set(&add_partition(&m->disks[0])->uuid, "0a-1");
	m->firmware.boot_current = 7;
	e = machine_grow(&m->firmware.entries, &m->firmware.nentries, sizeof(*e));
	e->number = 7;
	e->partition_uuid = strdup("0A-1");
	orders("123");
	ck_assert_uint_eq(warnings.n, 0);
}
END_TEST

START_TEST(wishes_for_disks)
{
	add_disk("sdb", 512);
	add_disk("sdc", 4096);
	images[0].bus = "virtio-scsi";
	images[1].bus = "virtio-blk";
	images[2].bus = "sata";
	SPEC;

	ck_assert_int_eq(s->disks[0].bus, VM_BLOCK_VIRTIO_SCSI);
	ck_assert_int_eq(s->disks[1].bus, VM_BLOCK_VIRTIO_BLK);
	ck_assert_str_eq(s->disks[1].dev, "vda");
	/* No wish can make SATA show sectors of 4096 bytes. */
	ck_assert_int_eq(s->disks[2].bus, VM_BLOCK_VIRTIO_SCSI);
	ck_assert(!warned("the disk sda goes on") && warned("the disk sdb goes on virtio-blk as") &&
		  warned("the disk sdc has sectors of 4096"));
	ck_assert(warned("although virtio-scsi is the best"));
	vmspec_free(s);

	/* q35 has no IDE, the older board has. */
	images[0].bus = images[1].bus = "ide";
	images[2].bus = NULL;
	s = build();
	ck_assert_int_eq(s->disks[0].bus, VM_BLOCK_SATA);
	ck_assert(warned("board has no IDE: the disk sda goes on SATA"));
	vmspec_free(s);
	caps.q35 = false;
	s = build();
	ck_assert_int_eq(s->disks[0].bus, VM_BLOCK_IDE);
	ck_assert_str_eq(s->disks[1].dev, "hdb");
	images[1].bus = "scsi\x1b";
	refused("there is no bus scsi\\x1b for the disk sdb");
}
END_TEST

static Suite *vmspec_disks_suite(void)
{
	Suite *s = suite_create("vmspec_disks");
	TCase *tc = tcase_create("vmspec_disks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, disk_identity);
	tcase_add_test(tc, sectors);
	tcase_add_test(tc, buses);
	tcase_add_test(tc, many_disks);
	tcase_add_test(tc, boot_order);
	tcase_add_test(tc, wishes_for_disks);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(vmspec_disks_suite)
