/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is inside a device beyond its type and its names: whether a filesystem is dirty or holds a
 * sleeping system, which group a member is of, how a LUKS header is locked. One decoder for each
 * format; libblkid has found the type before (blk_content.c picks the decoder by it).
 *
 * A decoder is pure: it reads through a source, so that a device, a part of one, the records of a
 * machine, and a test's bytes are all the same to it. It reads little (the source says when it is
 * too much), writes nothing, and does not trust a single byte: sizes, places and counts are held
 * against the source before use.
 *
 * Each returns 0 or -errno with err set: -EBADMSG when the structure is damaged or contradicts
 * itself, -ENOMEM, else what the source said. Facts that were found before the damage stay in fs;
 * members that are not the format's are not touched. Any thread, but content_ntfs(): see there.
 */
#ifndef P2V_INVENTORY_CONTENT_H
#define P2V_INVENTORY_CONTENT_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"
#include "inventory/machine.h"

struct content_source {
	/* All of the bytes at offset, or -errno; content_read() has held them against size. */
	int (*read_at)(void *arg, uint64_t offset, void *buf, size_t len);
	void *arg;
	uint64_t size;			/* of the device or of the part of it */
};

typedef int content_fn(const struct content_source *s, struct machine_fs *fs, struct err *err);

/* ext2, ext3, ext4: the journal is to be replayed, not unmounted, or errors: dirty. */
content_fn content_ext;
/* XFS: mkfs or growfs did not finish: dirty. An unclean log does not show in the superblock. */
content_fn content_xfs;
/* btrfs: group_uuid (fsid), members, role (device id); a log tree to be replayed: dirty. */
content_fn content_btrfs;
/* swap: hibernated. */
content_fn content_swap;
/* bcache: role, group_uuid (the cache set), members (of a cache); dirty data in the cache. */
content_fn content_bcache;
/* md 0.90, 1.0, 1.1, 1.2: group (array), group_uuid, members, level, role. */
content_fn content_md;
/* Intel firmware RAID: group (first volume), group_uuid (family), members, level; role if spare. */
content_fn content_imsm;
/* SNIA DDF firmware RAID: group (the disk's first volume), group_uuid, members, level, role. */
content_fn content_ddf;
/* LVM2 PV: group (VG), group_uuid, members (PVs of the VG), role ("pv0"). */
content_fn content_lvm;
/* LUKS 1 and 2: keyslots, tokens. */
content_fn content_luks;
/*
 * NTFS: dirty (the volume's flag, or its log), hibernated (hiberfil.sys has an image that was not
 * resumed). libntfs-3g keeps its log handler in a global variable: one thread at a time.
 */
content_fn content_ntfs;

/* -- for the decoders -- */

int content_read(const struct content_source *s, uint64_t offset, void *buf, size_t len,
		 struct err *err);
/* A field of text that ends at a NUL or with the field; an empty one leaves *ret alone. */
int content_text(const void *field, size_t len, char **ret, struct err *err);
/* "0f1e2d3c-...": 16 bytes in the order they are written. */
int content_uuid(const uint8_t raw[static 16], char **ret, struct err *err);
/* Formatted into *ret, which is freed first. */
int content_set(char **ret, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
