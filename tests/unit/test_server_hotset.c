/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Over an image in memory, that counts what is read of it. */
#include "p2v-server/hotset.h"

#include "tests/unit/test_server_rig.h"

#define CHUNKS	6
#define SIZE	((CHUNKS - 1) * CHUNK + 3 * PROTO_BLOCK_SIZE + 512)

struct memory {
	struct image im;		/* first: the image is the memory */
	uint8_t *bytes;
	unsigned int reads, patches;
	unsigned int fail_patch;	/* the nth from now on; 0 none */
	bool fail_read;
};

static struct memory memory;
static struct hotset *hot;
static uint64_t rng;

static int memory_read(struct image *im, void *buf, uint64_t offset, uint64_t length,
		       struct err *err)
{
	if (memory.fail_read)
		return err_set(err, EIO, "planted");
	ck_assert_uint_le(offset + length, im->size);
	memory.reads++;
	memcpy(buf, memory.bytes + offset, length);
	return 0;
}

static int memory_patch(struct image *im, const void *buf, uint64_t offset, uint64_t length,
			struct err *err)
{
	if (memory.fail_patch > 0 && --memory.fail_patch == 0)
		return err_set(err, ENOSPC, "planted");
	ck_assert_uint_le(offset + length, im->size);
	memory.patches++;
	memcpy(memory.bytes + offset, buf, length);
	return 0;
}

static const struct image_ops memory_ops = { .format = "memory", .read = memory_read,
					     .patch = memory_patch };

static void setup(void)
{
	rng = 31;
	memory = (struct memory){ .im = { .ops = &memory_ops, .size = SIZE },
				  .bytes = calloc(1, SIZE) };
	rig_fill(&(struct rig_disk){ SIZE, memory.bytes }, 0, SIZE, &rng);
	MUST(hotset_new(SIZE, HOTSET_MAX, &hot, &e));
}

static void teardown(void)
{
	hotset_free(hot);
	free(memory.bytes);
}

static uint64_t length_of(uint64_t chunk)
{
	return MIN(CHUNK, SIZE - chunk * CHUNK);
}

static void digest(uint64_t chunk, uint8_t ret[static SHA256_LEN])
{
	ck_assert_int_eq(chunk_digest(memory.bytes + chunk * CHUNK, length_of(chunk), ret), 0);
}

static const struct hotset_base unknown = { .kind = HOTSET_UNKNOWN };

static struct hotset_base base_of(uint64_t chunk)
{
	struct hotset_base b = { .kind = HOTSET_DIGEST };

	digest(chunk, b.sha256);
	return b;
}

/* Two pieces of a chunk become noise; what the digest is to be, is the image's afterwards. */
static int patch(uint64_t chunk, const struct hotset_base *base, struct err *err)
{
	static uint8_t raw[2 * PROTO_BLOCK_SIZE];
	struct msg_patch p = { .offset = chunk * CHUNK, .npieces = 2 };
	uint32_t last = (uint32_t)((length_of(chunk) - 1) / PROTO_BLOCK_SIZE);
	uint32_t n = (uint32_t)length_of(chunk) - last * PROTO_BLOCK_SIZE;
	uint8_t got[SHA256_LEN], want[SHA256_LEN];
	int r;

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (uint8_t)(rig_random(&rng) >> 9);
	p.pieces[0] = (struct msg_piece){ rig_random(&rng) % (last - 1) * PROTO_BLOCK_SIZE,
					  PROTO_BLOCK_SIZE };
	p.pieces[1] = (struct msg_piece){ last * PROTO_BLOCK_SIZE, n };
	r = hotset_patch(hot, &memory.im, &p, raw, base, got, err);
	if (r < 0)
		return r;
	ck_assert_mem_eq(memory.bytes + p.offset + p.pieces[0].offset, raw, PROTO_BLOCK_SIZE);
	ck_assert_mem_eq(memory.bytes + p.offset + p.pieces[1].offset, raw + PROTO_BLOCK_SIZE, n);
	digest(chunk, want);
	ck_assert_mem_eq(got, want, SHA256_LEN);
	return 0;
}

/* The first patch of a chunk reads it, the next ones do not; also of the short one at the end. */
START_TEST(read_once)
{
	for (uint64_t c = 0; c < CHUNKS; c++) {
		struct hotset_base base = base_of(c);

		for (int i = 0; i < 5; i++)
			MUST(patch(c, &base, &e));
		ck_assert_uint_eq(memory.reads, c + 1);
	}
	ck_assert_uint_eq(memory.patches, CHUNKS * 5 * 2);
}
END_TEST

/* What was written meanwhile counts, not what the journal said long ago. */
START_TEST(data_and_zeroes_in_between)
{
	struct hotset_base old = base_of(2);
	uint8_t sha256[SHA256_LEN];

	MUST(patch(2, &old, &e));
	rig_fill(&(struct rig_disk){ SIZE, memory.bytes }, 2 * CHUNK, CHUNK, &rng);
	digest(2, sha256);
	hotset_data(hot, 2 * CHUNK, sha256);
	MUST(patch(2, &old, &e));
	ck_assert_uint_eq(memory.reads, 2);
	memset(memory.bytes + 2 * CHUNK, 0, SIZE - 2 * CHUNK);
	hotset_zero(hot, 2 * CHUNK, SIZE - 2 * CHUNK);
	MUST(patch(2, &old, &e));
	MUST(patch(CHUNKS - 1, &unknown, &e));
	ck_assert_uint_eq(memory.reads, 4);
}
END_TEST

START_TEST(zeroes_of_old)
{
	const struct hotset_base zero = { .kind = HOTSET_ZERO };
	struct err why = ERR_INIT;

	memset(memory.bytes + CHUNK, 0, CHUNK);
	MUST(patch(1, &zero, &e));
	MUST(patch(1, &zero, &e));
	/* The image has something there. */
	memory.bytes[4 * CHUNK - 1] = 1;
	ck_assert_int_eq(patch(3, &zero, &why), -EILSEQ);
	ck_assert_msg(strstr(why.text, "0x300000"), "%s", why.text);
	ck_assert_uint_eq(memory.patches, 4);
}
END_TEST

START_TEST(never_sent)
{
	struct err why = ERR_INIT;

	ck_assert_int_eq(patch(3, &unknown, &why), -EBADMSG);
	ck_assert_msg(strstr(why.text, "0x300000"), "%s", why.text);
	ck_assert_uint_eq(memory.reads, 0);
	ck_assert_uint_eq(memory.patches, 0);
}
END_TEST

/* One wrong byte, in a place that the patch does not touch. */
START_TEST(damaged)
{
	struct hotset_base base = base_of(4);
	struct err why = ERR_INIT;

	memory.bytes[5 * CHUNK - 2 * PROTO_BLOCK_SIZE + 7] ^= 1;
	ck_assert_int_eq(patch(4, &base, &why), -EILSEQ);
	ck_assert_uint_eq(memory.patches, 0);
	/* Nor of what was sent on this connection. */
	base = base_of(0);
	hotset_data(hot, 0, base.sha256);
	memory.bytes[PROTO_BLOCK_SIZE * 9] ^= 1;
	ck_assert_int_eq(patch(0, &unknown, &why), -EILSEQ);
}
END_TEST

/* Half a patch is in the image: nothing is known of the chunk any more. */
START_TEST(patch_that_fails)
{
	struct hotset_base base = base_of(1);
	struct err why = ERR_INIT;

	MUST(patch(1, &base, &e));
	memory.fail_patch = 2;
	ck_assert_int_eq(patch(1, &base, &why), -ENOSPC);
	ck_assert_int_eq(patch(1, &unknown, &why), -EBADMSG);
	/* The journal's word of before is not the image's. */
	ck_assert_int_eq(patch(1, &base, &why), -EILSEQ);
	base = base_of(1);
	hotset_data(hot, CHUNK, base.sha256);
	MUST(patch(1, &unknown, &e));
	memory.fail_read = true;
	base = base_of(0);
	ck_assert_int_eq(patch(0, &base, &why), -EIO);
}
END_TEST

/* One more than may be hot: all are read again, and all digests are as they were. */
START_TEST(cooling)
{
	struct hotset_base base[CHUNKS];

	hotset_free(hot);
	MUST(hotset_new(SIZE, 3, &hot, &e));
	for (uint64_t c = 0; c < CHUNKS; c++)
		base[c] = base_of(c);
	for (uint64_t c = 0; c < 3; c++)
		MUST(patch(c, &base[c], &e));
	for (uint64_t c = 0; c < 3; c++)
		MUST(patch(c, &base[c], &e));
	ck_assert_uint_eq(memory.reads, 3);
	MUST(patch(3, &base[3], &e));
	ck_assert_uint_eq(memory.reads, 4);
	MUST(patch(0, &base[0], &e));
	MUST(patch(1, &base[1], &e));
	ck_assert_uint_eq(memory.reads, 6);
	MUST(patch(3, &base[3], &e));
	ck_assert_uint_eq(memory.reads, 6);
	/* One that was written anew makes room. */
	hotset_data(hot, 0, base_of(0).sha256);
	MUST(patch(5, &base[5], &e));
	MUST(patch(1, &base[1], &e));
	ck_assert_uint_eq(memory.reads, 7);
	for (int i = 0; i < 100; i++) {
		uint64_t c = rig_random(&rng) % CHUNKS;

		MUST(patch(c, &base[c], &e));
	}
}
END_TEST

static Suite *hotset_suite(void)
{
	const TTest *const tests[] = { read_once, data_and_zeroes_in_between, zeroes_of_old,
				       never_sent, damaged, patch_that_fails, cooling };

	return rig_suite("hotset", tests, ARRAY_SIZE(tests), setup, teardown);
}

UNIT_MAIN(hotset_suite)
