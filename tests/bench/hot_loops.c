/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hot_loops NAME MIB: the loop NAME over so many MiB of a disk, for tests/bench/counts, which runs
 * it under callgrind with two values of MIB: what differs is the loop, without the setting up.
 * Without arguments: the names, with what each is.
 *
 * The data are made by arithmetic, the same everywhere: "text" as logs are, "noise" as encrypted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bitmap.h"
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/iszero.h"
#include "convert/qcow2_write.h"
#include "wire/chunk_digest.h"
#include "wire/codec.h"
#include "wire/session.h"

#define CHUNK	PROTO_CHUNK_SIZE

static uint8_t raw[CHUNK], scratch[CODEC_SCRATCH_SIZE], copy[CHUNK];
static volatile uint64_t sink;	/* no loop is for nothing */

static void must(int r, const struct err *err)
{
	if (r >= 0)
		return;
	fprintf(stderr, "hot_loops: %s\n", err ? err->text : "failed");
	exit(1);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill_noise(void)
{
	uint64_t state = 88172645463325252u, r;

	for (size_t i = 0; i < CHUNK; i += sizeof(r)) {
		r = next_random(&state);
		memcpy(raw + i, &r, sizeof(r));
	}
}

static void fill_text(void)
{
	uint64_t state = 88172645463325252u;
	char line[160];

	for (size_t i = 0; i < CHUNK;) {
		uint64_t r = next_random(&state);
		int n = snprintf(line, sizeof(line),
				 "Nov 23 10:%02u:%02u host service[%u]: request %x from 10.0.%u.%u "
				 "served in %u ms, status %u\n",
				 (unsigned int)(r % 60), (unsigned int)(r >> 8) % 60,
				 (unsigned int)(r >> 16) % 5000, (unsigned int)(r >> 32),
				 (unsigned int)(r >> 24) % 256, (unsigned int)(r >> 40) % 256,
				 (unsigned int)(r >> 48) % 900, r % 7 ? 200 : 404);
		size_t len = MIN((size_t)n, CHUNK - i);

		memcpy(raw + i, line, len);
		i += len;
	}
}

/* ---- memory */

static void loop_zero(unsigned int mib)
{
	while (mib-- > 0)
		sink += is_zero(raw, CHUNK);
}

static void loop_crc32c(unsigned int mib)
{
	fill_noise();
	while (mib-- > 0)
		sink += digest_crc32c(0, raw, CHUNK);
}

static void loop_sha256(unsigned int mib)
{
	uint8_t digest[SHA256_LEN];

	fill_noise();
	while (mib-- > 0)
		must(chunk_digest(raw, CHUNK, digest), NULL);
}

/* ---- codec */

static void encode_once(struct codec *c, struct msg_data *m)
{
	struct err err = ERR_INIT;

	*m = (struct msg_data){ .length = CHUNK };
	must(codec_encode(c, raw, scratch, m, &err), &err);
}

static void encode(unsigned int mib, int level)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	struct err err = ERR_INIT;
	struct msg_data m;

	must(codec_new(level, &c, &err), &err);
	while (mib-- > 0)
		encode_once(c, &m);
}

static void loop_encode_0(unsigned int mib)
{
	fill_text();
	encode(mib, 0);
}

static void loop_encode_1(unsigned int mib)
{
	fill_text();
	encode(mib, 1);
}

static void loop_encode_3(unsigned int mib)
{
	fill_text();
	encode(mib, 3);
}

static void loop_encode_noise(unsigned int mib)
{
	fill_noise();
	encode(mib, 1);
}

static void decode(unsigned int mib, int level)
{
	CLEANUP(codec_free) struct codec *c = NULL;
	struct err err = ERR_INIT;
	struct msg_data m;

	must(codec_new(level, &c, &err), &err);
	encode_once(c, &m);
	while (mib-- > 0)
		must(codec_decode(c, &m, copy, &err), &err);
}

static void loop_decode_0(unsigned int mib)
{
	fill_text();
	decode(mib, 0);
}

static void loop_decode_1(unsigned int mib)
{
	fill_text();
	decode(mib, 1);
}

/* ---- session: an agent's and a server's, back to back */

/* All that from has to say, to the other; the server's answers to what it got are queued. */
static void carry(struct session *from, struct session *to)
{
	struct err err = ERR_INIT;
	struct iobuf *out = session_output(from);
	struct msg m, answer;
	int r;

	while (iobuf_len(out) > 0) {
		size_t n = MIN(iobuf_len(out), (size_t)SESSION_FEED_MAX);

		must(session_feed(to, iobuf_ptr(out), n, &err), &err);
		iobuf_consume(out, n);
		while ((r = session_step(to, &m, &err)) == 1) {
			if (m.type == PROTO_OPEN) {
				answer = (struct msg){ .type = PROTO_JOB,
						       .job = { .uuid = "0123456789abcde",
								.state = PROTO_JOB_NEW,
								.credit = PROTO_CREDIT_MIN } };
				must(session_send(to, &answer, &err), &err);
				answer = (struct msg){ .type = PROTO_READY };
				must(session_send(to, &answer, &err), &err);
			} else if (m.type == PROTO_DATA) {
				answer = (struct msg){ .type = PROTO_ACK, .id = { m.data.id } };
				must(session_send(to, &answer, &err), &err);
			}
		}
		must(r, &err);
	}
}

static void loop_session(unsigned int mib)
{
	CLEANUP(session_free) struct session *agent = NULL, *server = NULL;
	CLEANUP(codec_free) struct codec *c = NULL;
	struct err err = ERR_INIT;
	struct msg_disk disk = { .name = "sda", .source = "/dev/sda", .size = UINT64_C(1) << 40,
				 .logical_sector = 512, .physical_sector = 512 };
	struct msg m = { .type = PROTO_OPEN,
			 .open = { .name = "bench", .ndisks = 1, .disks = &disk,
				   .machine = { (const uint8_t *)"{}", 2 } } };

	fill_noise();
	must(codec_new(0, &c, &err), &err);
	must(session_new(PROTO_ROLE_AGENT, "bench", &agent, &err), &err);
	must(session_new(PROTO_ROLE_SERVER, "bench", &server, &err), &err);
	carry(agent, server);
	carry(server, agent);
	must(session_send(agent, &m, &err), &err);
	carry(agent, server);
	carry(server, agent);
	m = (struct msg){ .type = PROTO_DATA };
	encode_once(c, &m.data);
	for (unsigned int i = 0; i < mib; i++) {
		m.data.offset = (uint64_t)i * CHUNK;
		must(session_send(agent, &m, &err), &err);
		carry(agent, server);
		carry(server, agent);
	}
}

/* ---- maps and images */

static void loop_bitmap(unsigned int mib)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	uint64_t offset = 0, length = 0;

	must(bitmap_new((uint64_t)mib * MIB, 4096, &b), NULL);
	for (uint64_t at = 0; at < b->size; at += 128 << 10)
		bitmap_set_range(b, at, 64 << 10);
	while (bitmap_next_run(b, true, offset + length, &offset, &length))
		sink += length;
}

static void loop_qcow2(unsigned int mib)
{
	char dir[] = "/tmp/p2v-hot.XXXXXX";
	CLEANUP(image_abandon) struct image *im = NULL;
	struct err err = ERR_INIT;
	int fd;

	fill_noise();
	must(mkdtemp(dir) ? 0 : -errno, NULL);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(fd, NULL);
	must(qcow2_write_create(fd, "image", UINT64_C(1) << 40, false, &im, &err), &err);
	for (unsigned int i = 0; i < mib; i++) {
		must(im->ops->write(im, raw, (uint64_t)i * CHUNK, CHUNK, &err), &err);
		if (i % 64 == 63)
			must(im->ops->flush(im, &err), &err);
	}
	unlinkat(fd, "image", 0);
	close(fd);
	rmdir(dir);
}

static const struct {
	const char *name, *words;
	void (*run)(unsigned int mib);
} loops[] = {
	{ "is_zero", "`is_zero()` of zeroes", loop_zero },
	{ "crc32c", "CRC-32C of frames", loop_crc32c },
	{ "sha256", "SHA-256 of chunks", loop_sha256 },
	{ "encode-0", "`codec_encode()` of text, level 0", loop_encode_0 },
	{ "encode-1", "`codec_encode()` of text, level 1", loop_encode_1 },
	{ "encode-3", "`codec_encode()` of text, level 3", loop_encode_3 },
	{ "encode-noise", "`codec_encode()` of noise, level 1", loop_encode_noise },
	{ "decode-0", "`codec_decode()` of text, level 0", loop_decode_0 },
	{ "decode-1", "`codec_decode()` of text, level 1", loop_decode_1 },
	{ "session", "DATA of noise and its ACK through two sessions", loop_session },
	{ "bitmap", "runs of 64 KiB in a bitmap of 4 KiB, set and walked", loop_bitmap },
	{ "qcow2", "chunks into a qcow2 image", loop_qcow2 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_SIZE(loops); i++) {
		if (argc < 3)
			printf("%s\t%s\n", loops[i].name, loops[i].words);
		else if (strcmp(argv[1], loops[i].name) == 0) {
			loops[i].run((unsigned int)strtoul(argv[2], NULL, 10));
			return 0;
		}
	}
	return argc < 3 ? 0 : 2;
}
