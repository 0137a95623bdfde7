/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of volume groups share: images of whole PVs, recorded (tests/images/lvm-volumes.sh
 * has how) or made here out of a text, their assembly, and changes of a PV's text.
 */
#ifndef P2V_TESTS_LVM_RIG_H
#define P2V_TESTS_LVM_RIG_H

#include "tests/images/property.h"
#include "common/bytes.h"
#include "disk/crc32.h"
#include "disk/lvm/lvm_assemble.h"
#include "disk/lvm/lvm_label.h"

#define RIG_MAX		4
#define RIG_RING	4096u		/* where the first metadata area is */
#define RIG_TEXT_MAX	(12u << 20)

static struct rig {
	size_t n;
	struct disk *disk[RIG_MAX];
	struct bitmap *map[RIG_MAX];
	struct space *bottom[RIG_MAX];
	struct assembly a;
} rig;

/* A recorded PV becomes the image "to". */
UNUSED static void rig_load(const char *name, const char *to)
{
	static const char here[] = __FILE__;
	char top[512];

	ck_assert_ptr_nonnull(getcwd(top, sizeof(top)));
	ck_assert_msg(image_run("zstd -q -d -f %s%s%.*s../images/lvm/%s.img.zst -o %s",
				here[0] == '/' ? "" : top, here[0] == '/' ? "" : "/",
				(int)(strrchr(here, '/') - here + 1), here, name, to) == 0,
		      "cannot load %s", name);
}

UNUSED static void rig_close(void)
{
	assembly_done(&rig.a);
	for (size_t i = 0; i < rig.n; i++) {
		space_free(rig.bottom[i]);
		bitmap_free(rig.map[i]);
		disk_free(rig.disk[i]);
	}
	memset(&rig, 0, sizeof(rig));
}

/* Images in the folder, NULL at the end; each is a PV. */
UNUSED static void rig_open(const char *const *images)
{
	struct err err = ERR_INIT;

	rig_close();
	for (; images[rig.n]; rig.n++) {
		size_t i = rig.n;

		ck_assert_msg(disk_open(image_path(images[i]), 0, &rig.disk[i], &err) == 0, "%s",
			      err.text);
		ck_assert_int_eq(bitmap_new(rig.disk[i]->size, 512, &rig.map[i]), 0);
		bitmap_set_all(rig.map[i]);
		ck_assert_int_eq(space_on_disk(rig.disk[i], rig.map[i], images[i], &rig.bottom[i],
					       &err), 0);
	}
	ck_assert_msg(lvm_assemble(rig.bottom, rig.n, &rig.a, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(rig.a.nmembers, rig.n);
	for (size_t i = 0; i < rig.n; i++) {
		const struct assembly_member *m = &rig.a.members[i];

		ck_assert_ptr_nonnull(m->why);
		ck_assert_int_eq(m->trusted, strcmp(m->why, "LVM extent map") == 0);
		if (!m->trusted) {
			ck_assert_uint_eq(m->free.n, 0);
			ck_assert_ptr_nonnull(strstr(m->why, ": all used"));
		}
	}
	for (size_t i = 0; i < rig.a.nvolumes; i++) {
		const struct assembly_volume *v = &rig.a.volumes[i];

		ck_assert(v->space || v->why);
		if (!v->trusted)
			ck_assert_uint_eq(v->free.n, 0);
		for (size_t k = 0; k < v->nmembers; k++)
			ck_assert(rig.a.members[v->members[k]].trusted);
	}
}

#define RIG_OPEN(...)	rig_open((const char *const[]){ __VA_ARGS__, NULL })

UNUSED static const struct assembly_volume *rig_volume(const char *name)
{
	for (size_t i = 0; i < rig.a.nvolumes; i++)
		if (strcmp(rig.a.volumes[i].name, name) == 0)
			return &rig.a.volumes[i];
	ck_abort_msg("no volume %s", name);
	return NULL;
}

/* A member in doubt for that reason; NULL: trusted. */
UNUSED static void rig_expect_member(size_t i, const char *phrase)
{
	const struct assembly_member *m = &rig.a.members[i];

	if (!phrase)
		ck_assert_msg(m->trusted, "%s", m->why);
	else
		ck_assert_msg(!m->trusted && strstr(m->why, phrase), "%s, not %s", m->why, phrase);
}

/* A volume without a space for that reason; NULL: with one. */
UNUSED static void rig_expect(const char *name, const char *phrase)
{
	const struct assembly_volume *v = rig_volume(name);

	if (!phrase)
		ck_assert_msg(v->space && !v->kind, "%s: %s", name, v->why);
	else
		ck_assert_msg(!v->space && strstr(v->why, phrase), "%s: %s, not %s", name, v->why,
			      phrase);
}

/* --- texts of PVs --- */

/* Its committed text, with a NUL. */
UNUSED static char *rig_text(const char *image)
{
	uint8_t h[512];
	uint64_t offset, size;
	char *text;

	image_read(image, h, sizeof(h), RIG_RING);
	offset = get_le64(h + 40);
	size = get_le64(h + 48);
	ck_assert_uint_le(offset + size, get_le64(h + 32));
	text = calloc(1, size + 1);
	ck_assert_ptr_nonnull(text);
	image_read(image, text, size, RIG_RING + offset);
	return text;
}

/* In place of it, at the ring's start. */
UNUSED static void rig_set_text(const char *image, const char *text)
{
	size_t len = strlen(text) + 1;
	uint8_t h[512];

	image_read(image, h, sizeof(h), RIG_RING);
	ck_assert_uint_le(len + 512, get_le64(h + 32));
	put_le64(h + 40, 512);
	put_le64(h + 48, len);
	put_le32(h + 56, crc32_bare(LVM_CRC_INITIAL, text, len));
	put_le32(h, crc32_bare(LVM_CRC_INITIAL, h + 4, sizeof(h) - 4));
	image_write(image, h, sizeof(h), RIG_RING);
	image_write(image, text, len, RIG_RING + 512);
}

/* The first "from" behind the first "after" becomes "to". */
UNUSED static void rig_edit(const char *image, const char *after, const char *from, const char *to)
{
	char *text = rig_text(image), *at = strstr(text, after), *made;

	at = at ? strstr(at, from) : NULL;
	ck_assert_msg(at != NULL, "no %s behind %s", from, after);
	ck_assert_int_gt(asprintf(&made, "%.*s%s%s", (int)(at - text), text, to,
				  at + strlen(from)), 0);
	rig_set_text(image, made);
	free(made);
	free(text);
}

/* The label of a PV, and its header's UUID: 32 times that letter. mda_size 0: no area. */
UNUSED static void rig_label(const char *image, char uuid, uint64_t size, uint64_t pe_start,
			     uint64_t mda_size)
{
	uint8_t s[512] = { 0 }, h[512] = { 0 };

	image_make(image, size);
	memcpy(s, "LABELONE", 8);
	put_le64(s + 8, 1);
	put_le32(s + 20, 32);
	memcpy(s + 24, "LVM2 001", 8);
	memset(s + 32, uuid, 32);
	put_le64(s + 64, size);
	put_le64(s + 72, pe_start);
	if (mda_size) {
		put_le64(s + 104, RIG_RING);
		put_le64(s + 112, mda_size);
		memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
		put_le32(h + 20, 1);
		put_le64(h + 24, RIG_RING);
		put_le64(h + 32, mda_size);
		image_write(image, h, sizeof(h), RIG_RING);
	}
	put_le32(s + 16, crc32_bare(LVM_CRC_INITIAL, s + 20, sizeof(s) - 20));
	image_write(image, s, sizeof(s), 512);
}

#endif
