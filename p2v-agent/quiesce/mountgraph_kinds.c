/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/mountgraph_kinds.h"

#include <string.h>
#include <sys/sysmacros.h>
#include "common/compiler.h"

static const struct {
	const char *name;
	enum mountgraph_kind kind;
} kinds[] = {
	{ "ext2", KIND_FREEZES }, { "ext3", KIND_FREEZES }, { "ext4", KIND_FREEZES },
	{ "xfs", KIND_FREEZES }, { "btrfs", KIND_FREEZES }, { "f2fs", KIND_FREEZES },
	{ "jfs", KIND_FREEZES }, { "reiserfs", KIND_FREEZES }, { "nilfs2", KIND_FREEZES },
	{ "gfs2", KIND_FREEZES },
	{ "vfat", KIND_SYNCS }, { "msdos", KIND_SYNCS }, { "exfat", KIND_SYNCS },
	{ "fuseblk", KIND_USER_SPACE },
	{ "zfs", KIND_POOL },
	{ "nfs", KIND_NETWORK }, { "nfs4", KIND_NETWORK }, { "cifs", KIND_NETWORK },
	{ "smb3", KIND_NETWORK }, { "smbfs", KIND_NETWORK }, { "ceph", KIND_NETWORK },
	{ "9p", KIND_NETWORK }, { "virtiofs", KIND_NETWORK }, { "afs", KIND_NETWORK },
	{ "lustre", KIND_NETWORK }, { "fuse.glusterfs", KIND_NETWORK },
	{ "fuse.sshfs", KIND_NETWORK }, { "fuse.ceph", KIND_NETWORK },
	{ "overlay", KIND_OVERLAY }, { "aufs", KIND_OVERLAY },
};

enum mountgraph_kind mountgraph_kinds_of(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			return kinds[i].kind;
	return KIND_UNKNOWN;
}

bool mountgraph_kinds_on_device(const char *kind, const char *source, dev_t dev)
{
	if (major(dev) != 0)
		return true;
	/* What has no device may still be called after one: /dev/fuse is everybody's. */
	return strncmp(source, "/dev/", 5) == 0 && strcmp(source, "/dev/fuse") != 0 &&
	       strncmp(kind, "fuse", 4) != 0 && mountgraph_kinds_of(kind) != KIND_NETWORK;
}
