/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chunks to wire clusters and back: zero detection, zstd per cluster, a digest per chunk. Pure
 * memory to memory; one codec belongs to one thread (it holds the zstd contexts).
 *
 * A zstd cluster is one complete frame with the content size in its header and no checksum (the
 * chunk's digest covers it), which is also what a qcow2 image with compression_type zstd stores
 * for a compressed cluster (qcow2 specification, "Compressed Clusters Descriptor"): the server
 * can store it as it came. The window must fit a cluster: window log <= 16.
 */
#ifndef P2V_WIRE_CODEC_H
#define P2V_WIRE_CODEC_H

#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "wire/msg.h"

struct codec;

/* level: 0 = store raw; 1..19 zstd levels; negative fast levels down to -7. */
int codec_new(int level, struct codec **ret, struct err *err);
/* From the next chunk on. The same range; -EINVAL, -ENOMEM, and then the old one stays. */
int codec_set_level(struct codec *c, int level, struct err *err);
void codec_free(struct codec *c);
DEFINE_CLEANUP(struct codec *, codec_free)

/* Bytes of scratch codec_encode() needs for a chunk. */
#define CODEC_SCRATCH_SIZE	PROTO_CHUNK_SIZE

/*
 * Fill sha256, nclusters and clusters of *m from its m->length raw bytes (disk, id and offset are
 * the caller's; clusters nobody uses are zeroes in raw). RAW clusters point into raw, ZSTD
 * clusters into scratch (CODEC_SCRATCH_SIZE bytes); both must outlive *m. A cluster that does not
 * shrink below 15/16 is stored RAW; one whose bytes are spread as evenly as noise is not even
 * tried. Returns 1 when the whole chunk is zero (send ZERO instead;
 * sha256 is not computed then), 0 otherwise, -errno.
 */
int codec_encode(struct codec *c, const uint8_t *raw, uint8_t *scratch, struct msg_data *m,
		 struct err *err);

/*
 * What codec_encode() would make of one whole cluster at another level: *ret_stored bytes, in
 * scratch (PROTO_CLUSTER_SIZE bytes) or as many as there are when it would be stored RAW.
 */
int codec_try(struct codec *c, int level, const uint8_t *raw, uint8_t *scratch,
	      uint32_t *ret_stored, struct err *err);

/*
 * Decode into raw (m->length bytes, zero clusters zeroed; a RAW cluster that lies there already
 * is left in its place) and compare the digest: -EBADMSG when
 * a cluster does not decode to exactly its size, -EILSEQ when the digest differs.
 */
int codec_decode(struct codec *c, const struct msg_data *m, uint8_t *raw, struct err *err);

/*
 * Fill codec, sha256, stored and p of *m, whose pieces are set, from their bytes, which follow each
 * other in raw. p points into raw or scratch (CODEC_SCRATCH_SIZE bytes); both must outlive *m.
 */
int codec_patch_encode(struct codec *c, const uint8_t *raw, uint8_t *scratch,
		       struct msg_patch *m, struct err *err);
/* The pieces' bytes into raw (PROTO_CHUNK_SIZE bytes), held against the SHA-256: codec_decode(). */
int codec_patch_decode(struct codec *c, const struct msg_patch *m, uint8_t *raw, struct err *err);

#endif
