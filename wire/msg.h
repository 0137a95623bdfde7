/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages: one struct each, encode and decode, and complete validation of the fields that can be
 * judged without context (lengths, reserved bits, enums, alignment to clusters). What depends on
 * the conversation (ids, sizes of the disks, credit, who may send it) is session.h's business.
 *
 * Decoded structs point into the frame's payload: valid until the frame is consumed. Text fields
 * are not NUL-terminated unless said so. No field of a decoded message may be trusted for more
 * than what its comment promises.
 */
#ifndef P2V_WIRE_MSG_H
#define P2V_WIRE_MSG_H

#include <stdint.h>
#include "common/digest.h"
#include "common/err.h"
#include "common/iobuf.h"
#include "wire/frame.h"
#include "wire/proto.h"

struct msg_blob {
	const uint8_t *p;
	uint32_t len;
};

struct msg_hello {
	uint16_t version;		/* the highest the sender speaks; judged by session.h */
	uint8_t role;			/* enum proto_role */
	uint64_t must, may;
	struct msg_blob software;	/* "p2v-agent 0.1", for logs */
};

struct msg_disk {
	char name[PROTO_NAME_MAX + 1];	/* text_name_valid(), NUL-terminated */
	char source[PROTO_PATH_MAX + 1];/* path on the source machine, for reports; no NUL inside */
	uint64_t size;			/* bytes, > 0, <= PROTO_DISK_SIZE_MAX, multiple of 512 */
	uint32_t logical_sector;	/* 512..64 KiB, power of two */
	uint32_t physical_sector;	/* same; >= logical_sector */
};

struct msg_open {
	char name[PROTO_NAME_MAX + 1];	/* text_name_valid() */
	uint32_t flags;			/* PROTO_OPEN_* */
	/* JSON of inventory/machine_json.h, not parsed here; with JOIN the job's uuid */
	struct msg_blob machine;
	uint16_t ndisks;		/* 1..PROTO_DISKS_MAX; names are unique */
	struct msg_disk *disks;		/* malloc'd by decode: msg_open_done() */
};

struct msg_job {
	uint8_t uuid[16];
	uint8_t state;			/* enum proto_job_state */
	uint32_t credit;		/* PROTO_CREDIT_MIN..MAX */
};

struct msg_range {
	uint64_t offset, length;	/* chunk-aligned, but for the end of the disk */
};

struct msg_have {			/* HAVE, DIFFER: ascending, not touching */
	uint16_t disk;
	uint32_t n;
	struct msg_range *ranges;	/* malloc'd by decode: msg_done() */
};

struct msg_stale {			/* chunks that are about to be changed */
	uint64_t id;
	struct msg_have what;
};

struct msg_digests {			/* durable chunks from offset on */
	uint16_t disk;
	uint8_t kind;			/* enum proto_digests */
	uint32_t n;			/* chunks; DATA: 1..PROTO_DIGESTS_MAX, ZERO: > 0 */
	uint64_t offset;		/* chunk-aligned */
	const uint8_t *sha256;		/* DATA: n * SHA256_LEN bytes; else NULL */
};

struct msg_check {			/* what chunks are now at the source */
	uint64_t id;
	struct msg_digests what;
};

struct msg_piece {
	uint32_t offset, length;	/* in the chunk; whole blocks but for the end of the disk */
};

struct msg_patch {			/* pieces of a chunk that has been sent before */
	uint64_t id;
	uint16_t disk;
	uint8_t codec;			/* enum proto_patch_codec */
	uint16_t npieces;		/* 1..PROTO_PATCH_PIECES_MAX; rising, apart */
	uint64_t offset;		/* of the chunk; chunk-aligned */
	uint8_t sha256[SHA256_LEN];	/* of the pieces' bytes, one after the other */
	uint32_t stored;		/* bytes at p; RAW: all pieces', ZSTD: less than that */
	const uint8_t *p;
	struct msg_piece pieces[PROTO_PATCH_PIECES_MAX];
};

/* Bytes of all pieces. */
static inline uint32_t msg_patch_bytes(const struct msg_patch *p)
{
	uint32_t sum = 0;

	for (uint16_t i = 0; i < p->npieces; i++)
		sum += p->pieces[i].length;
	return sum;
}

struct msg_cluster {
	uint8_t codec;			/* enum proto_codec */
	/*
	 * Bytes. RAW: the cluster's length; ZERO: 0; ZSTD: 1..PROTO_CLUSTER_SIZE-1, and only for a
	 * whole cluster, so that an image can store it as it came. What is inside is codec.h's.
	 */
	uint32_t stored;
	const uint8_t *p;
};

struct msg_data {
	uint16_t disk;
	uint64_t id;
	uint64_t offset;		/* chunk-aligned */
	uint32_t length;		/* 1..PROTO_CHUNK_SIZE, multiple of 512 */
	uint8_t sha256[SHA256_LEN];	/* chunk_digest.h */
	uint16_t nclusters;		/* DIV_ROUND_UP(length, cluster) */
	struct msg_cluster clusters[PROTO_CHUNK_CLUSTERS];
};

struct msg_zero {
	uint16_t disk;
	uint8_t reason;			/* enum proto_zero_reason */
	uint64_t id;
	uint64_t offset, length;	/* chunk-aligned, but for the end of the disk; length > 0 */
};

struct msg_bad {			/* unreadable on the source, sent as zeroes, after this */
	uint16_t disk;
	uint64_t id;
	uint64_t offset, length; /* multiple of 512, > 0; within one chunk-aligned range or not */
};

struct msg_finish {
	uint64_t id;
	struct msg_blob summary;	/* JSON */
};

struct msg_finished {
	struct msg_blob summary;	/* JSON */
};

struct msg_status {
	uint8_t phase;			/* enum proto_phase */
	uint64_t done, total;		/* bytes; done <= total */
};

struct msg_error {
	uint16_t code;			/* enum proto_error, or unknown */
	struct msg_blob text;		/* escape before printing */
};

struct msg_id {				/* ACK, FLUSH, FLUSHED, PING, PONG */
	uint64_t id;
};

struct msg_throttle {
	uint8_t mode;			/* enum proto_throttle */
	uint64_t rate;			/* bytes per second; 0 unless mode is PROTO_THROTTLE_RATE */
};

struct msg_close {			/* CLOSE, CUTOVER; READY has no fields at all */
	uint8_t reserved;		/* none yet; sent as zero */
};

/* One of them, by type. */
struct msg {
	uint16_t type;
	uint32_t wire_size;		/* the frame's, for credit */
	union {
		struct msg_hello hello;
		struct msg_open open;
		struct msg_job job;
		struct msg_have have;	/* and DIFFER */
		struct msg_data data;
		struct msg_zero zero;
		struct msg_bad bad;
		struct msg_finish finish;
		struct msg_finished finished;
		struct msg_status status;
		struct msg_error error;
		struct msg_id id;
		struct msg_close close;	/* and CUTOVER */
		struct msg_throttle throttle;
		struct msg_digests digests;
		struct msg_stale stale;
		struct msg_patch patch;
		struct msg_check check;
	};
};

/* Decode and validate; -EBADMSG (err names message and field), -ENOMEM. *ret is untouched on
 * failure. */
int msg_decode(const struct frame *f, struct msg *ret, struct err *err);
/* Free what decode allocated (OPEN's disks, ranges of HAVE, STALE and DIFFER). */
void msg_done(struct msg *m);
DEFINE_CLEANUP_VALUE(struct msg, msg_done)
/* Validate as decode does and append a whole frame to out; nothing is appended on failure. */
int msg_encode(struct iobuf *out, const struct msg *m, struct err *err);
/* The frame bytes that msg_encode() would append for a valid message. */
uint32_t msg_wire_size(const struct msg *m);
/*
 * Where a message that counts against the credit keeps its id (DATA, ZERO, BAD, FLUSH, FINISH,
 * STALE, PATCH, CHECK); NULL for the others.
 */
uint64_t *msg_counted_id(struct msg *m);

const char *msg_type_name(uint16_t type); /* "DATA", or "type 77" in a static per-thread buffer */
/* "target full"; "unknown error" for codes not in the table. */
const char *msg_error_name(uint16_t code);
/* A wire code as a positive errno for struct err, by table: unknown becomes EREMOTEIO. */
int msg_error_errno(uint16_t code);
/*
 * The code to send for a local errno: ENOSPC and EDQUOT -> SPACE, EIO -> IO, EBADMSG -> PROTOCOL,
 * EILSEQ -> DIGEST, ECANCELED -> CANCELLED, else INTERNAL.
 */
uint16_t msg_error_from_errno(int code);

#endif
