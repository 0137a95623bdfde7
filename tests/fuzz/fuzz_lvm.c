/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Volume groups whose metadata passed all checksums. The first byte says what the rest is:
 *
 *	'v'	a group's text. PVs with UUIDs of 32 times A, B and C are here, of 16 MiB each, all
 *		zero, with extents from 1 MiB on
 *	't'	blocks of a thin pool's metadata, which are given their numbers and checksums here
 *
 * Besides not crashing: volumes can be read and released to their ends, and what is free is inside.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/digest.h"
#include "disk/lvm/lvm_group.h"
#include "disk/lvm/lvm_thin.h"
#include "disk/lvm/lvm_volumes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PV_SIZE	(16 * MIB)

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int read_zero(const struct space *s UNUSED, void *buf, size_t len, uint64_t offset UNUSED,
		     struct err *err UNUSED)
{
	memset(buf, 0, len);
	return 0;
}

static void release(struct space *s, uint64_t offset, uint64_t length)
{
	must(length > 0 && range_inside(offset, length, s->size));
}

static void keep(struct space *s UNUSED)
{
}

static const struct space_ops ops = { .read = read_zero, .release = release, .free = keep };

static void use(const struct assembly_volume *v)
{
	uint8_t b[512];

	must(v->name && (v->space || v->why));
	if (!v->space)
		return;
	for (uint64_t at = 0; at + sizeof(b) <= v->space->size; at += v->space->size / 7 + 512)
		must(space_read(v->space, b, sizeof(b), at, NULL) == 0);
	space_release(v->space, 0, v->space->size);
}

static void try_text(const char *text, size_t len)
{
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(lvm_vg_done) struct lvm_vg vg = { 0 };
	CLEANUP(assembly_done) struct assembly a = { 0 };
	CLEANUP(mem_free) struct lvm_slot *slots = NULL;
	CLEANUP(mem_free) char *why = NULL;
	const struct lvm_source s = { .why = &why, .length = PV_SIZE };
	struct space pvs[3];
	bool any = false;

	if (lvm_text_parse(&s, text, len, &root) != 1 || lvm_vg_read(&s, root, &vg) != 1)
		return;
	slots = calloc(vg.pvs.n + 1, sizeof(*slots));
	must(slots && assembly_init(&a, ARRAY_SIZE(pvs), NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(pvs); i++) {
		CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
		struct lvm_header h = { .device_size = PV_SIZE, .data = { .offset = MIB } };

		space_init(&pvs[i], &ops, PV_SIZE, 512, "pv");
		memset(h.uuid, 'A' + (int)i, 32);
		if (lvm_group_walk(&s, &vg, &h, &pv) != 1)
			continue;
		any = true;
		for (size_t k = 0; k < vg.pvs.n; k++) {
			const char *id = lvm_text_child_string(vg.pvs.v[k].node, "id");

			if (id && strcmp(id, pv.uuid) == 0)
				slots[k] = (struct lvm_slot){ &pvs[i], i, pv.pe_start, false };
		}
	}
	if (!any)
		return;
	must(lvm_volumes_make(&vg, slots, &a, NULL) == 0);
	for (size_t i = 0; i < a.nvolumes; i++)
		use(&a.volumes[i]);
}

static int read_memory(void *arg, void *buf, size_t len, uint64_t offset, struct err *err UNUSED)
{
	memcpy(buf, (const uint8_t *)arg + offset, len);
	return 0;
}

/* Trees say whether they are a leaf where bitmaps have nothing. */
static void seal(uint8_t *b, uint64_t n)
{
	put_le64(b + 8, n);
	put_le32(b, ~digest_crc32c(0, b + 4, LVM_THIN_BLOCK - 4) ^
		 (n == 0 ? LVM_THIN_XOR_SUPER : get_le32(b + 4) ? LVM_THIN_XOR_TREE :
		  LVM_THIN_XOR_BITMAP));
}

static void try_pool(const uint8_t *data, size_t size)
{
	size_t blocks = size / LVM_THIN_BLOCK;
	CLEANUP(mem_free) uint8_t *meta = malloc(size + 1);
	CLEANUP(mem_free) char *why = NULL;
	CLEANUP(extents_done) struct extents x = { 0 };
	const struct lvm_thin_pool say = {
		.data_size = 4096 * MIB, .chunk = 64 * KIB, .transaction = 7,
	};
	const struct lvm_source s = {
		.read = read_memory, .arg = meta, .length = size, .why = &why,
	};
	int r;

	if (!meta || blocks == 0)
		return;
	memcpy(meta, data, size);
	for (size_t i = 0; i < blocks; i++)
		seal(meta + i * LVM_THIN_BLOCK, i);
	r = lvm_thin_read(&s, &say, &x);
	must(r == 1 || (r == 0 && why && x.n == 0));
	for (size_t i = 0; i < x.n; i++)
		must(range_inside(x.v[i].offset, x.v[i].length, say.data_size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 1 && data[0] == 'v')
		try_text((const char *)data + 1, size - 1);
	else if (size > 1 && data[0] == 't')
		try_pool(data + 1, size - 1);
	return 0;
}
