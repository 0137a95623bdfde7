/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every constant of the p2v wire protocol, version 1. docs/protocol.md is the specification and
 * the two change together. The agent is the client (it opens the channel and sends data), the
 * server is p2v-server receive on the far end of the channel's stdin and stdout.
 *
 *	agent                                     server
 *	HELLO ---------------------------------->
 *	      <---------------------------------- HELLO
 *	OPEN (name, machine, disks) ------------>
 *	      <---------------------------------- JOB, HAVE*, READY
 *	DATA/ZERO/BAD (ids 1, 2, 3...) --------->
 *	      <---------------------------------- ACK (high-water mark)
 *	FLUSH (id) ----------------------------->
 *	      <---------------------------------- FLUSHED (durable and journalled)
 *	STALE, PATCH, CHECK (live disks) ------->
 *	      <---------------------------------- DIFFER, CUTOVER
 *	FINISH (id) ---------------------------->
 *	      <---------------------------------- STATUS* (verifying), FINISHED
 *	close                                     close
 *
 * The agent may leave early and in order with CLOSE; either side may end it with ERROR.
 */
#ifndef P2V_WIRE_PROTO_H
#define P2V_WIRE_PROTO_H

#include <stdint.h>

#define PROTO_MAGIC		UINT64_C(0x7032762d77697265)	/* "p2v-wire" */
#define PROTO_VERSION		1	/* the highest we speak */
#define PROTO_VERSION_MIN	1	/* the lowest */

/* u32 payload length, u16 type, u16 flags (zero), u32 CRC-32C of those 8 bytes and the payload. */
#define PROTO_FRAME_HEADER	12
#define PROTO_PAYLOAD_MAX	(4u << 20)

/* The unit of hashing, acknowledgement and resume; and of compression and of the image. */
#define PROTO_CHUNK_SIZE	(1u << 20)
#define PROTO_CLUSTER_SIZE	(64u << 10)
#define PROTO_CHUNK_CLUSTERS	(PROTO_CHUNK_SIZE / PROTO_CLUSTER_SIZE)
/* The unit of what PATCH changes, and of the digest of a chunk. */
#define PROTO_BLOCK_SIZE	(4u << 10)
#define PROTO_CHUNK_BLOCKS	(PROTO_CHUNK_SIZE / PROTO_BLOCK_SIZE)
#define PROTO_PATCH_PIECES_MAX	(PROTO_CHUNK_BLOCKS / 2)	/* more cannot lie apart */

#define PROTO_NAME_MAX		63		/* job and disk names, see common/text.h */
#define PROTO_PATH_MAX		4095
#define PROTO_MACHINE_MAX	(2u << 20)	/* machine JSON */
#define PROTO_SUMMARY_MAX	(1u << 20)	/* FINISH and FINISHED JSON */
#define PROTO_SOFTWARE_MAX	255
#define PROTO_ERROR_TEXT_MAX	1024
#define PROTO_DISKS_MAX		256
#define PROTO_HAVE_MAX		65536		/* ranges in one HAVE, STALE, DIFFER */
#define PROTO_DIGESTS_MAX	32768		/* digests in one DIGESTS, CHECK */
#define PROTO_DISK_SIZE_MAX	(UINT64_C(1) << 56)
#define PROTO_CREDIT_MIN	(4u << 20)	/* frame bytes the server lets be unacknowledged */
#define PROTO_CREDIT_MAX	(1u << 30)
#define PROTO_UNACKED_MAX	65536		/* messages in flight, whatever their sizes */
#define PROTO_FLUSH_MAX		16		/* FLUSHes not answered yet */
#define PROTO_PING_MAX		16		/* PINGs of one side not answered yet */

enum proto_type {
	PROTO_HELLO	= 1,
	PROTO_OPEN	= 2,
	PROTO_JOB	= 3,
	PROTO_HAVE	= 4,
	PROTO_READY	= 5,
	PROTO_DATA	= 6,
	PROTO_ZERO	= 7,
	PROTO_ACK	= 8,
	PROTO_FLUSH	= 9,
	PROTO_FLUSHED	= 10,
	PROTO_BAD	= 11,
	PROTO_FINISH	= 12,
	PROTO_FINISHED	= 13,
	PROTO_ERROR	= 14,
	PROTO_STATUS	= 15,
	PROTO_PING	= 16,
	PROTO_PONG	= 17,
	PROTO_CLOSE	= 18,
	PROTO_THROTTLE	= 19,
	PROTO_DIGESTS	= 20,
	PROTO_STALE	= 21,
	PROTO_PATCH	= 22,
	PROTO_CHECK	= 23,
	PROTO_DIFFER	= 24,
	PROTO_CUTOVER	= 25,
	PROTO_TYPE_LAST	= PROTO_CUTOVER,
};

/* Feature masks of HELLO. An unknown must-bit means refusal, an unknown may-bit nothing. */
#define PROTO_FEATURE_THROTTLE	(UINT64_C(1) << 0)	/* may: the agent obeys THROTTLE */
#define PROTO_FEATURE_COMPARE	(UINT64_C(1) << 1)	/* may: OPEN may ask for DIGESTS */
#define PROTO_FEATURE_JOIN	(UINT64_C(1) << 2)	/* may: more connections for one job */
#define PROTO_FEATURE_LIVE	(UINT64_C(1) << 3)	/* may: disks that go on changing */
#define PROTO_FEATURES_MUST	UINT64_C(0)
#define PROTO_FEATURES_MAY (PROTO_FEATURE_THROTTLE | PROTO_FEATURE_COMPARE | PROTO_FEATURE_JOIN | \
			    PROTO_FEATURE_LIVE)

/* OPEN flags */
#define PROTO_OPEN_COMPRESSED	(1u << 0)	/* store zstd clusters as they come */
#define PROTO_OPEN_COMPARE	(1u << 1)	/* answer with DIGESTS, also for a complete job */
#define PROTO_OPEN_JOIN		(1u << 2)	/* one more connection of a job that is open */
#define PROTO_OPEN_LIVE		(1u << 3)	/* the disks go on changing */
#define PROTO_OPEN_FLAGS (PROTO_OPEN_COMPRESSED | PROTO_OPEN_COMPARE | PROTO_OPEN_JOIN | \
			  PROTO_OPEN_LIVE)
#define PROTO_UUID_LEN		16		/* of JOB, and of an OPEN that joins */

enum proto_role { PROTO_ROLE_AGENT = 1, PROTO_ROLE_SERVER = 2 };

enum proto_job_state {
	PROTO_JOB_NEW		= 1,
	PROTO_JOB_RESUMED	= 2,	/* HAVE lists what need not be sent again */
	PROTO_JOB_COMPLETE	= 3,	/* nothing to send; the server closes after READY */
};

enum proto_codec {
	PROTO_CODEC_RAW		= 0,
	PROTO_CODEC_ZSTD	= 1,	/* one zstd frame that decodes to one whole cluster */
	PROTO_CODEC_ZERO	= 2,	/* no bytes; the cluster reads as zeroes */
};

/* How the pieces of a PATCH are stored. */
enum proto_patch_codec {
	PROTO_PATCH_RAW		= 0,
	PROTO_PATCH_ZSTD	= 1,	/* one zstd frame of all of them */
};

enum proto_zero_reason {
	PROTO_ZERO_FREE		= 1,	/* not read: nobody uses it */
	PROTO_ZERO_ZERO		= 2,	/* read, all zero */
};

/* At what pace the agent is to send. */
enum proto_throttle {
	PROTO_THROTTLE_OWN	= 0,	/* as its own user says */
	PROTO_THROTTLE_RATE	= 1,
	PROTO_THROTTLE_NONE	= 2,	/* as fast as it can */
};

/* What the chunks of a DIGESTS or CHECK are. */
enum proto_digests {
	PROTO_DIGESTS_ZERO	= 1,	/* all zeroes; no digests follow */
	PROTO_DIGESTS_DATA	= 2,	/* each has its SHA-256 */
};

enum proto_phase { PROTO_PHASE_FLUSHING = 1, PROTO_PHASE_VERIFYING = 2 };

/* On the wire only: a number from here never becomes a return value; wire/msg.h names them. */
enum proto_error {
	PROTO_ERR_PROTOCOL	= 1,	/* malformed, illegal now, or out of range */
	PROTO_ERR_VERSION	= 2,
	PROTO_ERR_FEATURE	= 3,
	PROTO_ERR_NAME		= 4,	/* job or disk name not acceptable */
	PROTO_ERR_BUSY		= 5,	/* another channel serves this job; try again */
	PROTO_ERR_MISMATCH	= 6,	/* the job exists with other disks */
	PROTO_ERR_SPACE		= 7,	/* target full */
	PROTO_ERR_IO		= 8,
	PROTO_ERR_DIGEST	= 9,	/* data does not match its SHA-256 */
	PROTO_ERR_DENIED	= 10,	/* this key may not do that */
	PROTO_ERR_CANCELLED	= 11,
	PROTO_ERR_INTERNAL	= 12,
	PROTO_ERR_VERIFY	= 13,	/* the finished image does not read back as sent */
};

#endif
