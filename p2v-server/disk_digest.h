/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The digest of a whole virtual disk: the SHA-256 over the SHA-256s of its 1 MiB chunks, in order
 * (docs/job-format.md). So chunks can be read in any order and by many at once, and a chunk of
 * zeroes costs 32 bytes of hashing: their digest is computed once.
 *
 * One thread.
 */
#ifndef P2V_SERVER_DISK_DIGEST_H
#define P2V_SERVER_DISK_DIGEST_H

#include <stdint.h>
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/err.h"

struct disk_digest;

int disk_digest_new(struct disk_digest **ret, struct err *err);
void disk_digest_free(struct disk_digest *d);
DEFINE_CLEANUP(struct disk_digest *, disk_digest_free)

/* The next chunk has this digest; the next length bytes are zeroes, only at the end no chunks. */
int disk_digest_add(struct disk_digest *d, const uint8_t sha[static SHA256_LEN], struct err *err);
int disk_digest_add_zeroes(struct disk_digest *d, uint64_t length, struct err *err);
int disk_digest_final(struct disk_digest *d, char ret[static SHA256_HEX_LEN + 1], struct err *err);

#endif
