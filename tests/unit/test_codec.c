/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/unit.h"

#include <errno.h>
#include <zstd.h>

#include "tests/lib/loopback.h"
#include "wire/chunk_digest.h"
#include "wire/codec.h"

static uint8_t raw[PROTO_CHUNK_SIZE], scratch[CODEC_SCRATCH_SIZE], back[PROTO_CHUNK_SIZE];

static struct codec *new_codec(int level)
{
	struct codec *c = NULL;

	ck_assert_int_eq(codec_new(level, &c, NULL), 0);
	return c;
}

static uint64_t rng = 1;

static uint8_t noise(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (uint8_t)(rng >> 24);
}

/* Cluster i: zeroes, text or noise. */
static void fill(uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		uint32_t k = i / PROTO_CLUSTER_SIZE % 3;

		raw[i] = k == 0 ? 0 : k == 1 ? (uint8_t)"the quick brown fox"[i % 19] : noise();
	}
}

/* The message as the receiver sees it: encoded and decoded again. */
static void over_the_wire(struct iobuf *b, const struct msg_data *d, struct msg *ret)
{
	struct msg m = { .type = PROTO_DATA, .data = *d };
	struct err err = ERR_INIT;
	struct frame f;

	m.data.id = 1;
	ck_assert_msg(msg_encode(b, &m, &err) == 0, "%s", err.text);
	ck_assert_int_eq(frame_peek(b, &f, NULL), 1);
	ck_assert_msg(msg_decode(&f, ret, &err) == 0, "%s", err.text);
}

START_TEST(round_trip)
{
	static const uint32_t lengths[] = { PROTO_CHUNK_SIZE, 512, 65536, 65536 + 512,
					   3 * 65536 + 1536 };
	static const int levels[] = { 0, 1, 3, 19, -1, -7 };
	CLEANUP(codec_free) struct codec *reader = new_codec(0);

	for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
		CLEANUP(codec_free) struct codec *c = new_codec(levels[l]);

		for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct msg_data d = { .offset = 5u << 20, .length = lengths[i] };
			CLEANUP(iobuf_done) struct iobuf b;
			struct err err = ERR_INIT;
			struct msg m;

			iobuf_init(&b, 4u << 20);
			fill(lengths[i]);
			raw[0] = 1;
			ck_assert_int_eq(codec_encode(c, raw, scratch, &d, &err), 0);
			over_the_wire(&b, &d, &m);
			memset(back, 0xee, sizeof(back));
			ck_assert_msg(codec_decode(reader, &m.data, back, &err) == 0, "%s",
				      err.text);
			ck_assert_mem_eq(back, raw, lengths[i]);
		}
	}
}
END_TEST

START_TEST(picks_codecs)
{
	CLEANUP(codec_free) struct codec *c = new_codec(1);
	struct msg_data d = { .length = PROTO_CHUNK_SIZE - 65536 + 512 };

	fill(PROTO_CHUNK_SIZE);
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.nclusters, 16);
	ck_assert_uint_eq(d.clusters[0].codec, PROTO_CODEC_ZERO);
	ck_assert_uint_eq(d.clusters[0].stored, 0);
	ck_assert_uint_eq(d.clusters[1].codec, PROTO_CODEC_ZSTD);
	ck_assert_uint_lt(d.clusters[1].stored, 1000);
	/* Noise does not shrink, and is not copied. */
	ck_assert_uint_eq(d.clusters[2].codec, PROTO_CODEC_RAW);
	ck_assert_ptr_eq(d.clusters[2].p, raw + 2 * 65536);
	memset(raw + 15 * 65536, 'x', 512);
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.clusters[15].codec, PROTO_CODEC_RAW);
	ck_assert_uint_eq(d.clusters[15].stored, 512);
}
END_TEST

START_TEST(keeps_what_shrinks_too_little_raw)
{
	CLEANUP(codec_free) struct codec *c = new_codec(1);
	struct msg_data d = { .length = 65536 };

	/* 1/20 of text and noise for the rest: would shrink, but not below 15/16. */
	for (uint32_t i = 0; i < 65536; i++)
		raw[i] = i < 65536 / 20 ? 'a' : noise();
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.clusters[0].codec, PROTO_CODEC_RAW);
	for (uint32_t i = 0; i < 65536 / 10; i++)
		raw[i] = 'a';
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.clusters[0].codec, PROTO_CODEC_ZSTD);
}
END_TEST

START_TEST(zero_chunk_and_bad_arguments)
{
	CLEANUP(codec_free) struct codec *c = new_codec(3);
	struct msg_data d = { .length = PROTO_CHUNK_SIZE };
	struct codec *none = NULL;

	memset(raw, 0, sizeof(raw));
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 1);
	raw[PROTO_CHUNK_SIZE - 1] = 1;
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	d.length = 0;
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), -EINVAL);
	d.length = PROTO_CHUNK_SIZE + 512;
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), -EINVAL);
	ck_assert_int_eq(codec_new(20, &none, NULL), -EINVAL);
	ck_assert_int_eq(codec_new(-8, &none, NULL), -EINVAL);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(frames_are_what_an_image_stores)
{
	CLEANUP(codec_free) struct codec *c = new_codec(19);
	struct msg_data d = { .length = 65536 };

	for (uint32_t i = 0; i < 65536; i++)
		raw[i] = (uint8_t) "some text that repeats, with a number "[i % 38] +
			 (uint8_t)(i / 4096);
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.clusters[0].codec, PROTO_CODEC_ZSTD);
	ck_assert_uint_eq(ZSTD_getFrameContentSize(d.clusters[0].p, d.clusters[0].stored), 65536);
	ck_assert_uint_eq(ZSTD_getDictID_fromFrame(d.clusters[0].p, d.clusters[0].stored), 0);
	/* Bit 2 of the descriptor is the check sum, bit 5 the single segment (window = content). */
	ck_assert_uint_eq(d.clusters[0].p[4] & 0x24, 0x20);
}
END_TEST

/* One ZSTD cluster of this stored form, decoded with the right digest for what it should be. */
static int decode_zstd(const void *p, size_t stored, struct err *err)
{
	CLEANUP(codec_free) struct codec *c = new_codec(0);
	struct msg_data d = { .length = 65536, .nclusters = 1 };

	d.clusters[0] = (struct msg_cluster){ PROTO_CODEC_ZSTD, (uint32_t)stored, p };
	memset(raw, 'A', 65536);
	ck_assert_int_eq(chunk_digest(raw, 65536, d.sha256), 0);
	return codec_decode(c, &d, back, err);
}

START_TEST(hand_made_frame)
{
	struct err err = ERR_INIT;

	ck_assert_msg(decode_zstd(loopback_zstd_cluster, LOOPBACK_ZSTD_LEN, &err) == 0, "%s",
		      err.text);
	ck_assert_mem_eq(back, raw, 65536);
}
END_TEST

static void refuse(const void *p, size_t stored, const char *why)
{
	struct err err = ERR_INIT;

	ck_assert_msg(decode_zstd(p, stored, &err) == -EBADMSG, "accepted: %s", why);
	ck_assert_msg(strstr(err.text, why) != NULL, "'%s' does not say '%s'", err.text, why);
}

START_TEST(hostile_frames)
{
	uint8_t b[200];
	size_t n;
	/* Content size 65535 and 65537, both with blocks that agree. */
	static const uint8_t small[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xff,
					0xfe, 0xfb, 0xff, 0x07, 'A' };
	static const uint8_t large[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1,  0,
					1,    0,    0x0b, 0,	0x08, 'A' };
	/* A claim of 65536 with a block of 65535. */
	static const uint8_t liar[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x60, 0,
				       0xff, 0xfb, 0xff, 0x07, 'A' };
	/* No content size; a window of 128 KiB. */
	static const uint8_t unsized[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00,
					  0x30, 0x03, 0x00, 0x08, 'A' };
	static const uint8_t window[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x40, 0x38,
					 0,    0xff, 0x03, 0,	 0x08, 'A' };
	static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 };

	refuse(small, sizeof(small), "declare");
	refuse(large, sizeof(large), "declare");
	refuse(liar, sizeof(liar), "damaged");
	refuse(unsized, sizeof(unsized), "declare");
	refuse(window, sizeof(window), "window");
	refuse(skippable, sizeof(skippable), "not a zstd frame");

	memcpy(b, loopback_zstd_cluster, LOOPBACK_ZSTD_LEN);
	b[LOOPBACK_ZSTD_LEN] = 0;
	refuse(b, LOOPBACK_ZSTD_LEN + 1, "after");
	memcpy(b + LOOPBACK_ZSTD_LEN, loopback_zstd_cluster, LOOPBACK_ZSTD_LEN);
	refuse(b, 2 * LOOPBACK_ZSTD_LEN, "after");
	memcpy(b + LOOPBACK_ZSTD_LEN, skippable, sizeof(skippable));
	refuse(b, LOOPBACK_ZSTD_LEN + sizeof(skippable), "after");
	for (n = 0; n < LOOPBACK_ZSTD_LEN; n++)
		refuse(loopback_zstd_cluster, n, "");
	b[4] |= 0x04;
	refuse(b, LOOPBACK_ZSTD_LEN, "check sum");
	b[4] = 0x61;
	refuse(b, LOOPBACK_ZSTD_LEN, "dictionary");
	b[4] = 0x68;
	refuse(b, LOOPBACK_ZSTD_LEN, "flags");
}
END_TEST

START_TEST(frames_of_other_settings)
{
	uint8_t b[2000];
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t n;

	memset(raw, 'A', 65536);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(ctx, b, sizeof(b), raw, 65536);
	refuse(b, n, "check sum");
	ZSTD_CCtx_reset(ctx, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, 16);
	n = ZSTD_compress2(ctx, b, sizeof(b), raw, 65536);
	refuse(b, n, "declare");
	ZSTD_freeCCtx(ctx);
}
END_TEST

START_TEST(digest_and_sizes_are_checked)
{
	CLEANUP(codec_free) struct codec *c = new_codec(1);
	struct msg_data d = { .length = PROTO_CHUNK_SIZE }, e;
	struct err err = ERR_INIT;

	fill(PROTO_CHUNK_SIZE);
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	e = d;
	e.sha256[31] ^= 1;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EILSEQ);
	e = d;
	raw[2 * 65536 + 100] ^= 1;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EILSEQ);
	raw[2 * 65536 + 100] ^= 1;
	e.clusters[2].stored--;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EBADMSG);
	e = d;
	e.clusters[2].codec = 9;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EBADMSG);
	e = d;
	e.nclusters = 15;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EBADMSG);
	e = d;
	e.length = PROTO_CHUNK_SIZE + 1;
	ck_assert_int_eq(codec_decode(c, &e, back, &err), -EBADMSG);
	ck_assert_int_eq(codec_decode(c, &d, back, &err), 0);
}
END_TEST

START_TEST(damaged_frames)
{
	CLEANUP(codec_free) struct codec *c = new_codec(3);
	struct msg_data d = { .length = 65536 };
	uint8_t b[65536];

	for (uint32_t i = 0; i < 65536; i++)
		raw[i] = (uint8_t)"0123456789abcdef"[noise() & 15];
	ck_assert_int_eq(codec_encode(c, raw, scratch, &d, NULL), 0);
	ck_assert_uint_eq(d.clusters[0].codec, PROTO_CODEC_ZSTD);
	for (int i = 0; i < 1500; i++) {
		struct msg_data e = d;
		uint32_t at = (noise() | (uint32_t)noise() << 8) % d.clusters[0].stored;
		uint8_t flip = (uint8_t)(1u << (noise() & 7));
		int r;

		memcpy(b, d.clusters[0].p, d.clusters[0].stored);
		b[i < 100 ? (uint32_t)i : at] ^= flip;
		if (i % 10 == 9)
			e.clusters[0].stored = at + 1;
		e.clusters[0].p = b;
		r = codec_decode(c, &e, back, NULL);
		ck_assert(r == -EBADMSG || r == -EILSEQ ||
			  (r == 0 && memcmp(back, raw, 65536) == 0));
	}
}
END_TEST

/* Noise is not tried; text, and bytes of which some are rare, are. */
START_TEST(noise_is_seen)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	uint64_t rnd = 88172645463325252u;
	uint32_t stored;

	ck_assert_int_eq(codec_new(1, &c, NULL), 0);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < PROTO_CLUSTER_SIZE; i += 8) {
			rnd ^= rnd << 13;
			rnd ^= rnd >> 7;
			rnd ^= rnd << 17;
			memcpy(raw + i, &rnd, 8);
		}
		ck_assert_int_eq(codec_try(c, 9, raw, scratch, &stored, NULL), 0);
		ck_assert_uint_eq(stored, PROTO_CLUSTER_SIZE);
		/* Base64 has six bits in eight. */
		for (size_t i = 0; i < PROTO_CLUSTER_SIZE; i++)
			raw[i] = (uint8_t)('0' + raw[i] % 64);
		ck_assert_int_eq(codec_try(c, 1, raw, scratch, &stored, NULL), 0);
		ck_assert_uint_lt(stored, PROTO_CLUSTER_SIZE / 16 * 14);
	}
}
END_TEST

/* A level set later gives what a codec made with it gives. */
START_TEST(levels_change)
{
	static const int levels[] = { 1, 9, 0, -5, 3, 19, 0, 1 };
	CLEANUP(codec_free) struct codec *c = NULL;
	static uint8_t a[CODEC_SCRATCH_SIZE], b[CODEC_SCRATCH_SIZE];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(i * i / 1000 % 97);
	ck_assert_int_eq(codec_new(0, &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		CLEANUP(codec_free) struct codec *other = NULL;
		static struct msg_data m, n;
		uint32_t stored;

		m = n = (struct msg_data){ .length = sizeof(raw) };
		ck_assert_int_eq(codec_set_level(c, levels[i], NULL), 0);
		ck_assert_int_eq(codec_new(levels[i], &other, NULL), 0);
		ck_assert_int_eq(codec_encode(c, raw, a, &m, NULL), 0);
		ck_assert_int_eq(codec_encode(other, raw, b, &n, NULL), 0);
		for (int k = 0; k < m.nclusters; k++) {
			ck_assert_int_eq(m.clusters[k].codec, n.clusters[k].codec);
			ck_assert_uint_eq(m.clusters[k].stored, n.clusters[k].stored);
			ck_assert_mem_eq(m.clusters[k].p, n.clusters[k].p, m.clusters[k].stored);
		}
		/* And a trial at that level says the same of a single cluster. */
		ck_assert_int_eq(codec_try(c, levels[i], raw, b, &stored, NULL), 0);
		ck_assert_uint_eq(stored, m.clusters[0].stored);
	}
	ck_assert_int_eq(codec_set_level(c, 20, &err), -EINVAL);
	ck_assert_int_eq(codec_try(c, -8, raw, b, &(uint32_t){ 0 }, &err), -EINVAL);
}
END_TEST

/* A raw cluster that lies where it belongs stays there, and is checked all the same. */
START_TEST(decodes_in_place)
{
	CLEANUP(codec_free) struct codec *c = new_codec(0);
	struct msg_data m = { .length = sizeof(raw) };
	struct err err = ERR_INIT;

	fill(sizeof(raw));
	for (size_t i = 0; i < sizeof(raw); i += 512)
		raw[i] = (uint8_t)(i / 512 | 1);
	ck_assert_int_eq(codec_encode(c, raw, scratch, &m, &err), 0);
	memcpy(back, raw, sizeof(raw));
	for (uint16_t i = 0; i < m.nclusters; i++) {
		ck_assert_int_eq(m.clusters[i].codec, PROTO_CODEC_RAW);
		m.clusters[i].p = back + (size_t)i * PROTO_CLUSTER_SIZE;
	}
	ck_assert_int_eq(codec_decode(c, &m, back, &err), 0);
	ck_assert_mem_eq(back, raw, sizeof(raw));
	back[70000] ^= 4;
	ck_assert_int_eq(codec_decode(c, &m, back, &err), -EILSEQ);
}
END_TEST

/* PATCH */

static struct msg_patch pieces(uint32_t length)
{
	return (struct msg_patch){ .npieces = 2,
				   .offset = PROTO_CHUNK_SIZE,
				   .pieces = { { 0, 4096 }, { 8192, length - 4096 } } };
}

START_TEST(patches)
{
	static const uint32_t lengths[] = { 8192, 65536, 512 * 1024, PROTO_CHUNK_SIZE - 4096 };
	static uint8_t in[PROTO_CHUNK_SIZE];

	for (uint32_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i / 100 + i / 5000);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (int level = 0; level <= 3; level += 3) {
			CLEANUP(codec_free) struct codec *c = NULL;
			struct msg_patch m = pieces(lengths[i]);
			struct err err = ERR_INIT;

			ck_assert_int_eq(codec_new(level, &c, NULL), 0);
			ck_assert_int_eq(codec_patch_encode(c, in, scratch, &m, &err), 0);
			ck_assert_uint_eq(m.codec, level ? PROTO_PATCH_ZSTD : PROTO_PATCH_RAW);
			ck_assert(level ? m.stored < lengths[i] : m.stored == lengths[i]);
			ck_assert_msg(codec_patch_decode(c, &m, back, &err) == 0, "%s", err.text);
			ck_assert_mem_eq(back, in, lengths[i]);
			m.sha256[31] ^= 1;
			ck_assert_int_eq(codec_patch_decode(c, &m, back, &err), -EILSEQ);
			m.sha256[31] ^= 1;
			m.pieces[1].length += 4096;
			ck_assert_int_eq(codec_patch_decode(c, &m, back, &err), -EBADMSG);
		}
	}
}
END_TEST

/* A frame of a single segment has its content for a window: 128 KiB are too many. */
START_TEST(patch_windows)
{
	static uint8_t in[2 * PROTO_CLUSTER_SIZE];
	CLEANUP(codec_free) struct codec *c = NULL;
	ZSTD_CCtx *ctx = ZSTD_createCCtx();

	ck_assert_int_eq(codec_new(0, &c, NULL), 0);
	for (int log = 16; log <= 17; log++) {
		struct msg_patch m = pieces(sizeof(in));
		struct err err = ERR_INIT;
		size_t n;
		int r;

		ck_assert_int_eq(digest_sha256(in, sizeof(in), m.sha256), 0);
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, log);
		n = ZSTD_compress2(ctx, scratch, sizeof(scratch), in, sizeof(in));
		ck_assert(!ZSTD_isError(n));
		/* Bit 5 of the descriptor. */
		ck_assert_int_eq((scratch[4] & 0x20) != 0, log == 17);
		m.codec = PROTO_PATCH_ZSTD;
		m.stored = (uint32_t)n;
		m.p = scratch;
		r = codec_patch_decode(c, &m, back, &err);
		ck_assert_msg(r == (log == 16 ? 0 : -EBADMSG), "%d: %s", log, err.text);
		ck_assert(log == 16 || strstr(err.text, "window"));
	}
	ZSTD_freeCCtx(ctx);
}
END_TEST

static Suite *codec_suite(void)
{
	Suite *s = suite_create("codec");
	TCase *t = tcase_create("codec");

	tcase_add_test(t, round_trip);
	tcase_add_test(t, picks_codecs);
	tcase_add_test(t, keeps_what_shrinks_too_little_raw);
	tcase_add_test(t, zero_chunk_and_bad_arguments);
	tcase_add_test(t, frames_are_what_an_image_stores);
	tcase_add_test(t, hand_made_frame);
	tcase_add_test(t, hostile_frames);
	tcase_add_test(t, frames_of_other_settings);
	tcase_add_test(t, digest_and_sizes_are_checked);
	tcase_add_test(t, damaged_frames);
	tcase_add_test(t, noise_is_seen);
	tcase_add_test(t, levels_change);
	tcase_add_test(t, decodes_in_place);
	tcase_add_test(t, patches);
	tcase_add_test(t, patch_windows);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(codec_suite)
