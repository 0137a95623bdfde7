/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What FAT and exFAT have in common: clusters that are numbered from 2, chains of them (an entry of
 * the file allocation table names the next one), and folders that are chains of 32-byte entries.
 *
 * Neither has a checksum over what it calls free. So the whole tree is walked, and nothing that is
 * reached may have been cleared in the map (fs_ntfs.c argues the same). A circle cannot go on for
 * ever: each cluster is claimed by one file only, so there are never more claims than clusters.
 *
 *	fs_chain_init()
 *	... the map is cleared by what the filesystem calls free ...
 *	fs_chain_claim() the root, push it; then fs_folder_next() until nothing is left
 *
 * All of these return 1, 0 in doubt, or -errno.
 */
#ifndef P2V_DISK_FS_CHAIN_H
#define P2V_DISK_FS_CHAIN_H

#include <stdbool.h>
#include <stdint.h>
#include "disk/fs/fs.h"

#define FS_CHAIN_FIRST	2u		/* number of the first cluster */
#define FS_ENTRY	32u		/* bytes of a folder's entry */
#define FS_FOLDER_DEPTH	256u

struct fs_chain;

/* What comes behind this cluster; *ret is 0 when it is the last. */
typedef int fs_chain_next_fn(struct fs_chain *c, uint32_t cluster, uint32_t *ret);

struct fs_folder {
	uint32_t first;			/* its first cluster; 0: it is no chain but lies at fixed */
	uint64_t fixed;
	uint64_t length;		/* bytes */
	bool contiguous;		/* its clusters lie in a row, no table says so */
	/* inside */
	uint32_t cluster;
	uint64_t pos;
};

struct fs_chain {
	const struct space *space;
	struct bitmap *map;
	char **why;
	struct err *err;
	fs_chain_next_fn *next;
	uint64_t heap;			/* where the first cluster is */
	uint64_t cluster;		/* bytes of one */
	uint32_t clusters;
	uint64_t claimed;
	/* The folders that are open, each inside of the one before. */
	struct fs_folder *open;
	size_t nopen;
	/* inside: what was read last, and where from */
	uint8_t *cache;
	uint64_t *cache_at;
};

/* The first four members are set. -ENOMEM, or 1. */
int fs_chain_init(struct fs_chain *c);
void fs_chain_done(struct fs_chain *c);
DEFINE_CLEANUP_VALUE(struct fs_chain, fs_chain_done)

/* For small reads here and there: tables and folders. */
int fs_chain_read(struct fs_chain *c, void *buf, size_t len, uint64_t offset);
/* Is there a cluster of that number? */
bool fs_chain_valid(const struct fs_chain *c, uint32_t cluster);
uint64_t fs_chain_offset(const struct fs_chain *c, uint32_t cluster);

/*
 * A file has these clusters, at least least of them; nothing of it may be free. contiguous: exactly
 * so many in a row.
 */
int fs_chain_claim(struct fs_chain *c, uint32_t first, uint64_t least, bool contiguous,
		   uint64_t *ret_n);

/* Opens a folder whose clusters were claimed. */
int fs_folder_push(struct fs_chain *c, const struct fs_folder *f);
/* The next entry of the innermost one. *ret_more false: it has no more, and was closed. */
int fs_folder_next(struct fs_chain *c, uint8_t entry[static FS_ENTRY], bool *ret_more);
/* Nothing but rubbish is left in the innermost. */
void fs_folder_pop(struct fs_chain *c);
/* Every entry of the folders that are open; take() opens those that it finds. As the others. */
int fs_folder_walk(struct fs_chain *c, int (*take)(struct fs_chain *c, const uint8_t *entry));

#endif
