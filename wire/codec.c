/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/iszero.h"
#include "wire/chunk_digest.h"

#define LEVEL_MIN	(-7)
#define LEVEL_MAX	19
#define WINDOW_LOG	16

/* More than this and the saving is not worth the receiver's time. */
#define STORED_MAX	(PROTO_CLUSTER_SIZE / 16 * 15)

/* Of each cluster so many bytes are counted, in pieces, to see whether it is noise. */
#define NOISE_PIECES	16
#define NOISE_PIECE	256u

struct codec {
	int level;		/* 0: store raw */
	ZSTD_CCtx *cctx;	/* NULL until there was a level */
	ZSTD_CCtx *trial;	/* the same, of codec_try() */
	ZSTD_DCtx *dctx;
};

static int cctx_new(int level, ZSTD_CCtx **ret, struct err *err)
{
	const struct {
		ZSTD_cParameter param;
		int value;
	} params[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, WINDOW_LOG },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_checksumFlag, 0 },
		{ ZSTD_c_dictIDFlag, 0 },
	};
	ZSTD_CCtx *cctx = ZSTD_createCCtx();

	if (!cctx)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		size_t r = ZSTD_CCtx_setParameter(cctx, params[i].param, params[i].value);

		if (ZSTD_isError(r)) {
			ZSTD_freeCCtx(cctx);
			return err_set(err, EINVAL, "cannot set up zstd level %d: %s", level,
				       ZSTD_getErrorName(r));
		}
	}
	*ret = cctx;
	return 0;
}

static int level_check(int level, struct err *err)
{
	if (level < LEVEL_MIN || level > LEVEL_MAX)
		return err_set(err, EINVAL, "compression level %d is not in %d..%d", level,
			       LEVEL_MIN, LEVEL_MAX);
	return 0;
}

/* The context for a level that is not 0: made when there is none yet. */
static int cctx_at(ZSTD_CCtx **cctx, int level, struct err *err)
{
	size_t r;

	if (!*cctx)
		return cctx_new(level, cctx, err);
	r = ZSTD_CCtx_setParameter(*cctx, ZSTD_c_compressionLevel, level);
	if (ZSTD_isError(r))
		return err_set(err, EINVAL, "cannot set up zstd level %d: %s", level,
			       ZSTD_getErrorName(r));
	return 0;
}

int codec_set_level(struct codec *c, int level, struct err *err)
{
	int r = level_check(level, err);

	if (r == 0 && level != 0 && level != c->level)
		r = cctx_at(&c->cctx, level, err);
	if (r == 0)
		c->level = level;
	return r;
}

int codec_new(int level, struct codec **ret, struct err *err)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	int r;

	r = level_check(level, err);
	if (r < 0)
		return r;
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_nomem(err);
	r = codec_set_level(c, level, err);
	if (r < 0)
		return r;
	c->dctx = ZSTD_createDCtx();
	if (!c->dctx)
		return err_nomem(err);
	*ret = TAKE_PTR(c);
	return 0;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeCCtx(c->trial);
	ZSTD_freeDCtx(c->dctx);
	free(c);
}

/*
 * Encrypted or compressed data: every byte is about as frequent as any other. Of n even bytes the
 * sum of the squares of the 256 counts is n + n(n-1)/256 on average, and its deviation n * sqrt(2 *
 * 255) / 256; six of those more are allowed. Text has several times as much. What is missed are
 * repetitions within noise.
 */
static bool is_noise(const uint8_t *raw)
{
	const uint32_t n = NOISE_PIECES * NOISE_PIECE, mean = n + n / 256 * (n - 1);
	uint16_t counts[4][256] = { { 0 } };
	uint32_t sum = 0;

	/* Four tables, so that equal neighbours do not wait for each other. */
	for (uint32_t piece = 0; piece < NOISE_PIECES; piece++) {
		const uint8_t *p = raw + piece * (PROTO_CLUSTER_SIZE / NOISE_PIECES);

		for (uint32_t i = 0; i < NOISE_PIECE; i += 4) {
			counts[0][p[i]]++;
			counts[1][p[i + 1]]++;
			counts[2][p[i + 2]]++;
			counts[3][p[i + 3]]++;
		}
	}
	for (int i = 0; i < 256; i++) {
		uint32_t c = (uint32_t)counts[0][i] + counts[1][i] + counts[2][i] + counts[3][i];

		sum += c * c;
	}
	return sum < mean + n * 6 * 23 / 256;
}

/* 1: the cluster is at scratch, *ret_stored bytes; 0: it does not shrink enough. */
static int compress_cluster(ZSTD_CCtx *cctx, const uint8_t *raw, uint8_t *scratch,
			    uint32_t *ret_stored, struct err *err)
{
	size_t n;

	if (is_noise(raw))
		return 0;
	n = ZSTD_compress2(cctx, scratch, STORED_MAX, raw, PROTO_CLUSTER_SIZE);
	if (ZSTD_isError(n)) {
		if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
			return 0;
		if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation)
			return err_nomem(err);
		return err_set(err, EIO, "cannot compress a cluster: %s", ZSTD_getErrorName(n));
	}
	*ret_stored = (uint32_t)n;
	return 1;
}

int codec_try(struct codec *c, int level, const uint8_t *raw, uint8_t *scratch,
	      uint32_t *ret_stored, struct err *err)
{
	int r = level_check(level, err);

	if (r == 0 && level != 0)
		r = cctx_at(&c->trial, level, err);
	if (r == 0 && level != 0)
		r = compress_cluster(c->trial, raw, scratch, ret_stored, err);
	if (r == 0)
		*ret_stored = PROTO_CLUSTER_SIZE;
	return r < 0 ? r : 0;
}

int codec_encode(struct codec *c, const uint8_t *raw, uint8_t *scratch, struct msg_data *m,
		 struct err *err)
{
	bool all_zero = true;
	uint16_t n = 0;

	if (m->length == 0 || m->length > PROTO_CHUNK_SIZE)
		return err_set(err, EINVAL, "a chunk of %" PRIu32 " bytes", m->length);
	for (uint32_t pos = 0; pos < m->length; pos += PROTO_CLUSTER_SIZE, n++) {
		uint32_t len = MIN(m->length - pos, PROTO_CLUSTER_SIZE);
		struct msg_cluster *k = &m->clusters[n];
		int r = 0;

		if (is_zero(raw + pos, len)) {
			*k = (struct msg_cluster){ .codec = PROTO_CODEC_ZERO };
			continue;
		}
		all_zero = false;
		/* A short cluster at the disk's end stays raw: an image stores whole ones only. */
		if (c->level != 0 && len == PROTO_CLUSTER_SIZE)
			r = compress_cluster(c->cctx, raw + pos, scratch + pos, &k->stored, err);
		if (r < 0)
			return r;
		k->codec = r ? PROTO_CODEC_ZSTD : PROTO_CODEC_RAW;
		k->p = r ? scratch + pos : raw + pos;
		if (!r)
			k->stored = len;
	}
	if (all_zero)
		return 1;
	m->nclusters = n;
	if (chunk_digest(raw, m->length, m->sha256) < 0)
		return err_set(err, EIO, "cannot compute a SHA-256");
	return 0;
}

/*
 * The parts of the frame header (RFC 8878, 3.1.1.1) that libzstd has no stable function for: a
 * receiver that stores the cluster as it came must not store a dictionary reference, a check sum
 * or a window beyond a cluster.
 */
static const char *zstd_header_fault(const uint8_t *p, size_t len)
{
	uint8_t descriptor;

	if (len < 6 || get_le32(p) != ZSTD_MAGICNUMBER)
		return "is not a zstd frame";
	descriptor = p[4];
	if (descriptor & 0x03)
		return "has a dictionary id";
	if (descriptor & 0x04)
		return "has a check sum";
	if (descriptor & 0x18)
		return "has unknown flags";
	if (!(descriptor & 0x20)) {
		uint32_t log = 10 + (p[5] >> 3);

		if (log > WINDOW_LOG || (log == WINDOW_LOG && (p[5] & 7) != 0))
			return "needs a window larger than a cluster";
	}
	return NULL;
}

/* One frame of stored bytes at p that decodes to len bytes; what is wrong with it, or NULL. */
static const char *decompress_frame(struct codec *c, const uint8_t *p, uint32_t stored,
				    uint8_t *raw, uint32_t len)
{
	const char *fault = zstd_header_fault(p, stored);
	size_t n;

	if (fault)
		return fault;
	if (ZSTD_getFrameContentSize(p, stored) != len)
		return "does not declare its size";
	/* The window of a single segment is its content. */
	if ((p[4] & 0x20) && len > 1u << WINDOW_LOG)
		return "needs a window larger than a cluster";
	n = ZSTD_findFrameCompressedSize(p, stored);
	if (ZSTD_isError(n))
		return "is cut or damaged";
	if (n != stored)
		return "has bytes after its frame";
	n = ZSTD_decompressDCtx(c->dctx, raw, len, p, stored);
	if (ZSTD_isError(n))
		return "is damaged";
	if (n != len)
		return "does not decode to its size";
	return NULL;
}

int codec_decode(struct codec *c, const struct msg_data *m, uint8_t *raw, struct err *err)
{
	uint8_t sha256[SHA256_LEN];

	if (m->length == 0 || m->length > PROTO_CHUNK_SIZE ||
	    m->nclusters != DIV_ROUND_UP(m->length, PROTO_CLUSTER_SIZE))
		return err_set(err, EBADMSG, "a chunk of %" PRIu32 " bytes in %u clusters",
			       m->length, m->nclusters);
	for (uint16_t i = 0; i < m->nclusters; i++) {
		const struct msg_cluster *k = &m->clusters[i];
		uint32_t pos = i * PROTO_CLUSTER_SIZE;
		uint32_t len = MIN(m->length - pos, PROTO_CLUSTER_SIZE);
		const char *fault = NULL;

		switch (k->codec) {
		case PROTO_CODEC_RAW:
			if (k->stored != len)
				fault = "has a wrong size";
			else if (k->p != raw + pos)
				memcpy(raw + pos, k->p, len);
			break;
		case PROTO_CODEC_ZSTD:
			fault = decompress_frame(c, k->p, k->stored, raw + pos, len);
			break;
		case PROTO_CODEC_ZERO:
			memset(raw + pos, 0, len);
			break;
		default:
			fault = "has an unknown codec";
		}
		if (fault)
			return err_set(err, EBADMSG, "cluster at 0x%" PRIx64 " of disk %u %s",
				       m->offset + pos, m->disk, fault);
	}
	if (chunk_digest(raw, m->length, sha256) < 0)
		return err_set(err, EIO, "cannot compute a SHA-256");
	if (memcmp(sha256, m->sha256, sizeof(sha256)) != 0)
		return err_set(err, EILSEQ,
			       "chunk at 0x%" PRIx64 " of disk %u does not match its SHA-256",
			       m->offset, m->disk);
	return 0;
}

/* PATCH */

int codec_patch_encode(struct codec *c, const uint8_t *raw, uint8_t *scratch,
		       struct msg_patch *m, struct err *err)
{
	uint32_t bytes = msg_patch_bytes(m);
	size_t n;

	if (digest_sha256(raw, bytes, m->sha256) < 0)
		return err_set(err, EIO, "cannot compute a SHA-256");
	m->codec = PROTO_PATCH_RAW;
	m->stored = bytes;
	m->p = raw;
	if (c->level == 0)
		return 0;
	n = ZSTD_compress2(c->cctx, scratch, bytes - bytes / 16, raw, bytes);
	if (ZSTD_isError(n) && ZSTD_getErrorCode(n) != ZSTD_error_dstSize_tooSmall)
		return err_set(err, EIO, "zstd: %s", ZSTD_getErrorName(n));
	if (ZSTD_isError(n))
		return 0;
	m->codec = PROTO_PATCH_ZSTD;
	m->stored = (uint32_t)n;
	m->p = scratch;
	return 0;
}

int codec_patch_decode(struct codec *c, const struct msg_patch *m, uint8_t *raw, struct err *err)
{
	uint32_t bytes = msg_patch_bytes(m);
	uint8_t sha256[SHA256_LEN];
	const char *fault = NULL;

	if (bytes > PROTO_CHUNK_SIZE || (m->codec == PROTO_PATCH_RAW && m->stored != bytes))
		fault = "has a wrong size";
	else if (m->codec == PROTO_PATCH_RAW)
		memcpy(raw, m->p, bytes);
	else
		fault = decompress_frame(c, m->p, m->stored, raw, bytes);
	if (fault)
		return err_set(err, EBADMSG, "PATCH at 0x%" PRIx64 " of disk %u %s", m->offset,
			       m->disk, fault);
	if (digest_sha256(raw, bytes, sha256) < 0)
		return err_set(err, EIO, "cannot compute a SHA-256");
	if (memcmp(sha256, m->sha256, sizeof(sha256)) != 0)
		return err_set(err, EILSEQ,
			       "PATCH at 0x%" PRIx64 " of disk %u does not match its SHA-256",
			       m->offset, m->disk);
	return 0;
}
