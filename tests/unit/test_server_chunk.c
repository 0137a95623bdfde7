/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chunks of all kinds of clusters through an image that writes down what it is given. */
#include "p2v-server/chunk.h"

#include "tests/unit/test_server_rig.h"

struct notes {
	struct image im;
	uint8_t *bytes;			/* of the disk, as written */
	uint64_t unaligned, calls, packed;
};

static int note_mixed(struct image *im, const void *buf, uint64_t offset, uint64_t length,
		      uint32_t zero, struct err *err)
{
	struct notes *n = container_of(im, struct notes, im);

	(void)err;
	n->calls++;
	n->unaligned += (uintptr_t)buf % FDIO_ALIGN != 0;
	memcpy(n->bytes + offset, buf, length);
	for (uint64_t at = 0; at < length; at += CLUSTER, zero >>= 1)
		if (zero & 1)
			memset(n->bytes + offset + at, 0, MIN(CLUSTER, length - at));
	return 0;
}

static int note_compressed(struct image *im, const void *frame, uint32_t len, uint64_t offset,
			   struct err *err)
{
	struct notes *n = container_of(im, struct notes, im);
	CLEANUP(codec_free) struct codec *c = NULL;
	struct msg_data m = { .offset = offset, .length = (uint32_t)CLUSTER, .nclusters = 1 };

	(void)err;
	n->packed++;
	m.clusters[0] = (struct msg_cluster){ PROTO_CODEC_ZSTD, len, frame };
	MUST(codec_new(0, &c, &e));
	/* The digest is of no chunk: only that cannot be right. */
	ck_assert_int_eq(codec_decode(c, &m, n->bytes + offset, NULL), -EILSEQ);
	return 0;
}

static int note_zero(struct image *im, uint64_t offset, uint64_t length, struct err *err)
{
	struct notes *n = container_of(im, struct notes, im);

	(void)err;
	n->calls++;
	memset(n->bytes + offset, 0, length);
	return 0;
}

static const struct image_ops ops = {
	.format = "notes",
	.write_mixed = note_mixed,
	.write_compressed = note_compressed,
	.zero = note_zero,
};

/* Send the disk, packed or not, and hold what arrived against it. */
static void send(const struct rig_disk *d, int level, bool store, struct notes *n, bool *ret_place)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	CLEANUP(mem_free) uint8_t *scratch = malloc(CODEC_SCRATCH_SIZE);
	CLEANUP(mem_free) uint8_t *spare = fdio_alloc(CHUNK);

	n->im.ops = &ops;
	n->bytes = malloc(d->size);
	memset(n->bytes, 0xee, d->size);
	*ret_place = true;
	MUST(codec_new(level, &c, &e));
	for (uint64_t at = 0; at < d->size; at += CHUNK) {
		struct chunk chunk = { 0 };
		struct msg_data m;

		if (rig_encode(c, d, 0, at, scratch, &m) == 1) {
			MUST(note_zero(&n->im, at, rig_chunk_length(d, at), &e));
			continue;
		}
		MUST(chunk_take(&chunk, &m, &e));
		*ret_place &= chunk.in_place;
		MUST(chunk_decode(&chunk, c, chunk.in_place ? NULL : spare, &e));
		ck_assert(!chunk.in_place || chunk.raw == chunk.bytes);
		MUST(chunk_write(&chunk, &n->im, store, &e));
		chunk_drop(&chunk);
	}
	ck_assert_mem_eq(n->bytes, d->bytes, d->size);
	free(n->bytes);
}

START_TEST(all_kinds)
{
	for (uint64_t seed = 1; seed < 6; seed++) {
		struct rig_disk d = rig_disk_new(3 * CHUNK + CLUSTER + 1536, seed);
		struct notes n[3] = { 0 };
		bool place;

		send(&d, 0, false, &n[0], &place);
		send(&d, 1, false, &n[1], &place);
		send(&d, 1, true, &n[2], &place);
		ck_assert_uint_eq(n[0].packed + n[1].packed, 0);
		ck_assert_uint_gt(n[2].packed, 0);
		ck_assert_uint_eq(n[0].unaligned + n[1].unaligned + n[2].unaligned, 0);
		free(d.bytes);
	}
}
END_TEST

/* Noise: one call for each chunk, from the memory it was copied to. */
START_TEST(raw_chunks_stay_in_place)
{
	struct rig_disk d = rig_disk_new(2 * CHUNK + 512, 1);
	struct notes n = { 0 };
	uint64_t rng = 4;
	bool place;

	for (uint64_t i = 0; i < d.size; i += 8)
		put_be64(d.bytes + i, rig_random(&rng));
	send(&d, 1, false, &n, &place);
	ck_assert(place);
	ck_assert_uint_eq(n.calls, 3);
	ck_assert_uint_eq(n.unaligned, 0);
	free(d.bytes);
}
END_TEST

START_TEST(wrong_digest_is_seen_in_place)
{
	struct rig_disk d = rig_disk_new(CHUNK, 1);
	CLEANUP(codec_free) struct codec *c = NULL;
	struct chunk chunk = { 0 };
	struct msg_data m;

	memset(d.bytes, 'x', CHUNK);
	MUST(codec_new(0, &c, &e));
	ck_assert_int_eq(rig_encode(c, &d, 0, 0, NULL, &m), 0);
	m.sha256[9] ^= 1;
	MUST(chunk_take(&chunk, &m, &e));
	ck_assert(chunk.in_place);
	ck_assert_int_eq(chunk_decode(&chunk, c, NULL, NULL), -EILSEQ);
	chunk_drop(&chunk);
	free(d.bytes);
}
END_TEST

static void nothing(void)
{
}

static Suite *chunk_suite(void)
{
	const TTest *const tests[] = { all_kinds, raw_chunks_stay_in_place,
				       wrong_digest_is_seen_in_place };

	return rig_suite("chunk", tests, ARRAY_SIZE(tests), nothing, nothing);
}

UNIT_MAIN(chunk_suite)
