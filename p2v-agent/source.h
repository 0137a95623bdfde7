/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disks of one job on the agent's side: which they are, what they are called, and what of
 * them is used. Made once, before anything is sent.
 *
 * A disk's name is the machine's name for it ("sda"): found by path or alias, else (an image file
 * standing in for a disk) given by the user as PATH,name=sda, else the machine's only disk of
 * that size. It is never guessed by list order.
 */
#ifndef P2V_AGENT_SOURCE_H
#define P2V_AGENT_SOURCE_H

#include "common/opts.h"
#include "common/text.h"
#include "disk/disk.h"
#include "disk/usedmap.h"
#include "inventory/machine.h"

struct source_disk {
	char name[TEXT_NAME_MAX + 1];	/* valid for the wire: "cciss/c0d0" becomes "cciss-c0d0" */
	struct disk *disk;
	const struct usedmap *used;	/* of the source's maps; NULL: all is used */
	char *in_use_by;		/* NULL, or who writes to it */
};

struct source {
	struct source_disk *disks;
	size_t n;
	struct usedmap_set *maps;	/* of the disks that nobody writes to; may be NULL */
};

/*
 * Open the disks of the list (or, when it is empty, every fixed disk of the machine, and what its
 * plan wants or does not want) and build their used-block maps. all_used: do not look, everything
 * is used.
 */
int source_open(const struct opt_list *paths, const struct machine *m, bool all_used,
		struct source **ret, struct err *err);
void source_free(struct source *s);
DEFINE_CLEANUP(struct source *, source_free)
uint64_t source_size(const struct source *s);
/*
 * Mark each of the machine's disks that is copied with a finger-print: the SHA-256 over the head of
 * the disk and of every partition, where filesystems note that they were mounted or changed. The
 * server compares it when a job is taken up again: chunks of a disk that lived on in between must
 * not be mixed. It is a net, not a proof: what changes only deep inside a volume is not seen.
 * Disks that are in use get none.
 */
int source_fingerprint(const struct source *s, struct machine *m, struct err *err);

#endif
