/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Partition tables in images of disks, as sfdisk, fdisk and sgdisk make them; sfdisk's own idea of
 * them is the judge.
 */
#include <jansson.h>
#include "tests/unit/test_collect_block.h"
#include "common/jsonx.h"
#include "common/spawn.h"

#define SIZE	(64 * MIB)

static void make_disk(void)
{
	make_root();
	put_disk("sda", 0, "8:0");
	put_text("131072\n", "/sys/block/sda/size");
	put("/dev/sda", "", 0);
}

/* The command sees the image as $IMG; what it prints, or NULL when a tool is missing. */
static char *run(const char *command)
{
	CLEANUP(mem_free) char *script = text_format("PATH=$PATH:/usr/sbin:/sbin; "
						     "IMG=%s/dev/sda; %s", made, command);
	char *argv[] = { (char *)"sh", (char *)"-c", script, NULL };
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(spawn_run(argv, NULL, 0, 30, 1 << 20, &r, &err) == 0, "%s", err.text);
	if (r.status == 127)
		return NULL;
	ck_assert_msg(r.status == 0, "%s: %s", command, r.errtext);
	return TAKE_PTR(r.out);
}

/* fmt: what makes the table. false: the tool is missing. */
static bool make_table(const char *command)
{
	char node[sizeof(made) + 16];
	CLEANUP(mem_free) char *out = NULL;

	make_disk();
	snprintf(node, sizeof(node), "%s/dev/sda", made);
	ck_assert_int_eq(truncate(node, SIZE), 0);
	out = run(command);
	return out != NULL;
}

static const char *text_of(const json_t *j, const char *key)
{
	return json_string_value(json_object_get(j, key));
}

/* The same partitions, by node name, as sfdisk -J has. */
static void compare_with_sfdisk(const struct machine_disk *d)
{
	CLEANUP(mem_free) char *out = run("sfdisk -J $IMG");
	CLEANUP(json_unref) json_t *tree = NULL;
	const json_t *table, *parts;
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(out);
	ck_assert_msg(jsonx_parse(out, strlen(out), "sfdisk", &tree, &err) == 0, "%s", err.text);
	table = json_object_get(tree, "partitiontable");
	parts = json_object_get(table, "partitions");
	ck_assert_text(d->table, text_of(table, "label"));
	ck_assert_uint_eq(d->npartitions, json_array_size(parts));
	for (size_t i = 0; i < json_array_size(parts); i++) {
		const json_t *e = json_array_get(parts, i);
		const struct machine_partition *p = NULL;
		const char *node = strrchr(text_of(e, "node"), '/') + 1;

		for (size_t j = 0; j < d->npartitions; j++)
			if (strcmp(d->partitions[j].name, node) == 0)
				p = &d->partitions[j];
		ck_assert_msg(p != NULL, "no %s", node);
		ck_assert_int_eq(p->start, json_integer_value(json_object_get(e, "start")) * 512);
		ck_assert_int_eq(p->size, json_integer_value(json_object_get(e, "size")) * 512);
		ck_assert_int_eq(p->boot, json_is_true(json_object_get(e, "bootable")));
		if (text_of(e, "uuid"))
			ck_assert_int_eq(strcasecmp(p->uuid, text_of(e, "uuid")), 0);
		if (strcmp(d->table, "gpt") == 0)
			ck_assert_int_eq(strcasecmp(p->type, text_of(e, "type")), 0);
		else
			ck_assert_uint_eq(strtoul(p->type, NULL, 16),
					  strtoul(text_of(e, "type"), NULL, 16));
		ck_assert_text(p->label, text_of(e, "name"));
	}
}

START_TEST(test_gpt)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	if (!make_table("printf 'label: gpt\\nsize=4M,name=\"EFI System\",type=U\\n"
			"start=40M,size=2M\\nstart=20M,size=1M,name=\"\\303\\244\"\\n' | "
			"sfdisk -q $IMG")) {
		remove_root();
		UNIT_LEAVE("no sfdisk");
	}
	m = collect_made();
	compare_with_sfdisk(&m->disks[0]);
	remove_root();
	ck_assert_uint_eq(m->disks[0].npartitions, 3);
	ck_assert_str_eq(m->disks[0].partitions[0].label, "EFI System");
	/* By place, not by number. */
	ck_assert_uint_eq(m->disks[0].partitions[1].number, 3);
	ck_assert(!m->disks[0].hybrid_mbr);
	ck_assert(warns_of(m, "no devices for the 3 partitions of sda"));
}
END_TEST

START_TEST(test_mbr_with_logical_partitions)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d;

	if (!make_table("printf 'label: dos\\nlabel-id: 0x1234abcd\\nsize=8M,bootable\\n"
			"size=4M,type=7\\nsize=30M,type=f\\nsize=2M,type=8e\\nsize=4M,type=82\\n"
			"size=1M,type=fd\\nsize=8M\\n' | sfdisk -q $IMG")) {
		remove_root();
		UNIT_LEAVE("no sfdisk");
	}
	/* Devices of the kernel, one of them shrunk to 1 KiB as it does. */
	put_text("1\n", "/sys/block/sda/sda1/partition");
	put_text("2048\n", "/sys/block/sda/sda1/start");
	put_text("16384\n", "/sys/block/sda/sda1/size");
	m = collect_made();
	d = &m->disks[0];
	ck_assert_uint_eq(d->npartitions, 1);
	ck_assert(d->partitions[0].boot);
	machine_free(m);
	{
		CLEANUP(mem_free) char *gone = text_format("%s/sys/block/sda/sda1/partition", made);

		ck_assert_int_eq(unlink(gone), 0);
	}
	m = collect_made();
	d = &m->disks[0];
	compare_with_sfdisk(d);
	remove_root();
	ck_assert_str_eq(d->table_uuid, "1234abcd");
	ck_assert_uint_eq(d->npartitions, 7);
	ck_assert(d->partitions[2].extended);
	ck_assert_uint_eq(d->partitions[3].number, 5);
	ck_assert(!d->hybrid_mbr);
}
END_TEST

START_TEST(test_hybrid_mbr)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) char *made_hybrid = NULL;
	char node[sizeof(made) + 16];
	uint8_t mbr[512];
	FILE *f;

	if (!make_table("sgdisk -n 1:0:+8M -n 2:0:+4M -n 3:0:0 $IMG")) {
		remove_root();
		UNIT_LEAVE("no sgdisk");
	}
	m = collect_made();
	ck_assert_str_eq(m->disks[0].table, "gpt");
	ck_assert(!m->disks[0].hybrid_mbr);
	machine_free(m);
	m = NULL;
	made_hybrid = run("sgdisk -h 1:2 $IMG");
	ck_assert_ptr_nonnull(made_hybrid);
	m = collect_made();
	ck_assert_str_eq(m->disks[0].table, "gpt");
	ck_assert_uint_eq(m->disks[0].npartitions, 3);
	ck_assert(m->disks[0].hybrid_mbr);
	machine_free(m);
	m = NULL;

	/* The same from the record of its first sector; not of a disk without GPT. */
	snprintf(node, sizeof(node), "%s/dev/sda", made);
	f = fopen(node, "r");
	ck_assert_uint_eq(fread(mbr, 1, sizeof(mbr), f), sizeof(mbr));
	fclose(f);
	ck_assert_int_eq(unlink(node), 0);
	put("/p2v/mbr/sda", mbr, sizeof(mbr));
	put_text("ID_PART_TABLE_TYPE=gpt\n", "/p2v/blkid/sda");
	m = collect_made();
	ck_assert(m->disks[0].hybrid_mbr);
	machine_free(m);
	put("/p2v/mbr/sda", mbr, 100);
	m = collect_made();
	ck_assert(!m->disks[0].hybrid_mbr);
	machine_free(m);
	put("/p2v/mbr/sda", mbr, sizeof(mbr));
	put_text("ID_PART_TABLE_TYPE=dos\n", "/p2v/blkid/sda");
	m = collect_made();
	remove_root();
	ck_assert(!m->disks[0].hybrid_mbr);
}
END_TEST

START_TEST(test_sectors_of_4096)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d;

	if (!make_table("printf 'g\\nn\\n1\\n256\\n1279\\nn\\n2\\n4096\\n6143\\nw\\n' | "
			"fdisk -b 4096 $IMG")) {
		remove_root();
		UNIT_LEAVE("no fdisk");
	}
	put_text("4096\n", "/sys/block/sda/queue/logical_block_size");
	m = collect_made();
	remove_root();
	d = &m->disks[0];
	ck_assert_uint_eq(d->logical_sector, 4096);
	ck_assert_text(d->table, "gpt");
	ck_assert_uint_eq(d->npartitions, 2);
	ck_assert_uint_eq(d->partitions[0].start, 256 * 4096);
	ck_assert_uint_eq(d->partitions[0].size, 1024 * 4096);
	ck_assert_uint_eq(d->partitions[1].start, 4096 * 4096);
}
END_TEST

START_TEST(test_no_table)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(mem_free) uint8_t *empty = calloc(1, MIB);

	make_disk();
	put("/dev/sda", empty, MIB);
	m = collect_made();
	ck_assert_text(m->disks[0].table, NULL);
	ck_assert_text(m->disks[0].fs.type, NULL);
	ck_assert_uint_eq(m->warnings.n, 0);
	machine_free(m);
	/* A filesystem on the whole disk, mounted. */
	put_swap("/dev/sda", "whole");
	put_text("x\n/dev/sda partition 1 0 -2\n", "/proc/swaps");
	m = collect_made();
	remove_root();
	ck_assert_text(m->disks[0].table, NULL);
	ck_assert_text(m->disks[0].fs.label, "whole");
	ck_assert_str_eq(m->disks[0].mountpoints.v[0], "[SWAP]");
}
END_TEST

/* What sysfs says of the disk itself. */
START_TEST(test_facts_of_disks)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_disk *d;

	make_root();
	put_disk("sda", 3, "8:0");
	put_text("SN05", "/sys/block/sda/device/rev");
	put_text("E:ID_REVISION=SN051234\n", "/run/udev/data/b8:0");
	put_text("write back\n", "/sys/block/sda/queue/write_cache");
	put_text("host-managed\n", "/sys/block/sda/queue/zoned");
	put_disk("sdb", 4, "8:16");
	put_text("AB01", "/sys/block/sdb/device/rev");
	put_text("E:ID_REVISION=other\n", "/run/udev/data/b8:16");
	put_text("none\n", "/sys/block/sdb/queue/zoned");
	put_text("write back, no read (daft)\n", "/sys/block/sdb/device/scsi_disk/0:0:0:4/"
		 "cache_type");
	put_disk("sdc", 5, "8:32");
	put_text("none\n", "/sys/block/sdc/device/scsi_disk/0:0:0:5/cache_type");
	put_text("2048\n", "/sys/devices/LNX/ndbus0/region0/namespace0.0/block/pmem0/size");
	put_link("../devices/LNX/ndbus0/region0/namespace0.0/block/pmem0", "/sys/block/pmem0");
	put_text("2048\n", "/sys/devices/vbd-51712/block/xvda/size");
	put_text("Connected\n", "/sys/devices/vbd-51712/state");
	put_link("../../../vbd-51712", "/sys/devices/vbd-51712/block/xvda/device");
	put_link("../devices/vbd-51712/block/xvda", "/sys/block/xvda");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->ndisks, 5);
	d = machine_find_disk(m, "sda");
	ck_assert_text(d->revision, "SN051234");
	ck_assert_text(d->controller, "0000:00:1f.2");
	ck_assert_text(d->driver, "ahci");
	ck_assert_text(d->hctl, "0:0:0:3");
	ck_assert_text(d->state, "running");
	ck_assert_text(d->write_cache, "write back");
	ck_assert_text(d->zoned, "host-managed");
	ck_assert(!d->dax);
	ck_assert_uint_eq(d->paths, 0);
	d = machine_find_disk(m, "sdb");
	ck_assert_text(d->revision, "AB01");
	ck_assert_text(d->write_cache, "write back");
	ck_assert_text(d->zoned, NULL);
	ck_assert_text(machine_find_disk(m, "sdc")->write_cache, "write through");
	d = machine_find_disk(m, "pmem0");
	ck_assert(d->dax);
	ck_assert_text(d->controller, NULL);
	d = machine_find_disk(m, "xvda");
	ck_assert_text(d->state, NULL);
	ck_assert_text(d->hctl, NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("collect_block_tables");
	TCase *t = tcase_create("tables");

	tcase_add_test(t, test_gpt);
	tcase_add_test(t, test_mbr_with_logical_partitions);
	tcase_add_test(t, test_hybrid_mbr);
	tcase_add_test(t, test_sectors_of_4096);
	tcase_add_test(t, test_no_table);
	tcase_add_test(t, test_facts_of_disks);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
