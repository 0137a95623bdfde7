/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The vectors in tests/vectors/1 were made by a program that shares no code with wire/; they are
 * also the examples of docs/protocol.md.
 */
#include "tests/lib/unit.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "tests/lib/loopback.h"
#include "tests/lib/mutate.h"
#include "wire/codec.h"
#include "wire/msg.h"

#define MIB_ (UINT64_C(1) << 20)

static const char *in_tree(const char *path)
{
	static char buf[4096];
	const char *top = getenv("P2V_TOP");

	snprintf(buf, sizeof(buf), "%s/%s", top ? top : ".", path);
	return buf;
}

static char *read_text(const char *path)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len;

	ck_assert_msg(fdio_read_file(in_tree(path), 1u << 20, &text, &len, &err) == 0, "%s",
		      err.text);
	return text;
}

/* The hex digits of a vector, without comment lines and white space. */
static void strip(char *text)
{
	char *to = text;

	for (char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		for (size_t i = 0; *line != '#' && i < n; i++)
			if (!isspace((unsigned char)line[i]))
				*to++ = line[i];
		line += n + (line[n] != 0);
	}
	*to = '\0';
}

struct vector {
	char name[256];
	char *hex;
	uint8_t bytes[4096];
	size_t len;
	struct iobuf view;
	struct frame frame;
};

static void vector_load(struct vector *v, const char *name)
{
	char path[512];

	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(path, sizeof(path), "tests/vectors/1/%s", name);
	v->hex = read_text(path);
	strip(v->hex);
	v->len = strlen(v->hex) / 2;
	ck_assert_uint_le(v->len, sizeof(v->bytes));
	ck_assert_int_eq(digest_unhex(v->hex, v->bytes, v->len), 0);
	iobuf_view(&v->view, v->bytes, v->len);
	ck_assert_msg(frame_peek(&v->view, &v->frame, NULL) == 1, "%s is no whole frame", name);
	ck_assert_uint_eq(frame_size(&v->frame), v->len);
}

/* Every vector in turn, in the order of their names. */
static unsigned int each_vector(void (*fn)(struct vector *v))
{
	struct dirent **list;
	int n = scandir(in_tree("tests/vectors/1"), &list, NULL, alphasort);
	unsigned int done = 0;

	ck_assert_int_gt(n, 0);
	for (int i = 0; i < n; i++) {
		static struct vector v;
		const char *dot = strrchr(list[i]->d_name, '.');

		if (dot && strcmp(dot, ".hex") == 0) {
			vector_load(&v, list[i]->d_name);
			fn(&v);
			free(v.hex);
			done++;
		}
		free(list[i]);
	}
	free(list);
	return done;
}

static uint32_t types_seen;

static void check_round_trip(struct vector *v)
{
	CLEANUP(iobuf_done) struct iobuf out;
	CLEANUP(msg_done) struct msg m = { 0 };
	struct err err = ERR_INIT;

	iobuf_init(&out, 1u << 20);
	ck_assert_msg(msg_decode(&v->frame, &m, &err) == 0, "%s: %s", v->name, err.text);
	ck_assert_uint_eq(m.wire_size, v->len);
	ck_assert_uint_eq(msg_wire_size(&m), v->len);
	ck_assert_msg(msg_encode(&out, &m, &err) == 0, "%s: %s", v->name, err.text);
	ck_assert_uint_eq(iobuf_len(&out), v->len);
	ck_assert_mem_eq(iobuf_ptr(&out), v->bytes, v->len);
	types_seen |= 1u << m.type;
}

START_TEST(vectors_round_trip)
{
	types_seen = 0;
	ck_assert_uint_ge(each_vector(check_round_trip), 20);
	/* Every type has one. */
	ck_assert_uint_eq(types_seen, ((1u << (PROTO_TYPE_LAST + 1)) - 1) & ~1u);
}
END_TEST

static char *document;

static void check_documented(struct vector *v)
{
	ck_assert_msg(strstr(document, v->hex) != NULL, "docs/protocol.md lacks the bytes of %s",
		      v->name);
}

START_TEST(vectors_are_the_documents_examples)
{
	char *to;

	document = read_text("docs/protocol.md");
	to = document;
	for (const char *p = document; *p; p++)
		if (!isspace((unsigned char)*p))
			*to++ = *p;
	*to = '\0';
	each_vector(check_documented);
	free(document);
}
END_TEST

static void load_msg(struct vector *v, const char *name, struct msg *m)
{
	struct err err = ERR_INIT;

	vector_load(v, name);
	ck_assert_msg(msg_decode(&v->frame, m, &err) == 0, "%s: %s", name, err.text);
	free(v->hex);
}

static void blob_is(const struct msg_blob *b, const char *text)
{
	ck_assert_uint_eq(b->len, strlen(text));
	ck_assert_mem_eq(b->p, text, b->len);
}

START_TEST(vectors_mean_what_they_say)
{
	static struct vector v;
	struct msg m;

	load_msg(&v, "01-hello-agent.hex", &m);
	ck_assert_uint_eq(m.hello.version, 1);
	ck_assert_uint_eq(m.hello.role, PROTO_ROLE_AGENT);
	blob_is(&m.hello.software, "p2v-agent 0.1");
	load_msg(&v, "03-open.hex", &m);
	ck_assert_uint_eq(m.open.flags, PROTO_OPEN_COMPRESSED);
	ck_assert_str_eq(m.open.name, "web");
	blob_is(&m.open.machine, "{\"name\":\"web\"}");
	ck_assert_uint_eq(m.open.ndisks, 1);
	ck_assert_str_eq(m.open.disks[0].name, "sda");
	ck_assert_str_eq(m.open.disks[0].source, "/dev/sda");
	ck_assert_uint_eq(m.open.disks[0].size, 2 * MIB_ + 512);
	ck_assert_uint_eq(m.open.disks[0].logical_sector, 512);
	ck_assert_uint_eq(m.open.disks[0].physical_sector, 4096);
	msg_done(&m);
	ck_assert_ptr_null(m.open.disks);
	load_msg(&v, "04-job.hex", &m);
	ck_assert_uint_eq(m.job.uuid[15], 15);
	ck_assert_uint_eq(m.job.state, PROTO_JOB_RESUMED);
	ck_assert_uint_eq(m.job.credit, 16 * MIB_);
	load_msg(&v, "05-have.hex", &m);
	ck_assert_uint_eq(m.have.n, 1);
	ck_assert_uint_eq(m.have.ranges[0].length, MIB_);
	msg_done(&m);
	load_msg(&v, "07-data-zstd.hex", &m);
	ck_assert_uint_eq(m.data.id, 1);
	ck_assert_uint_eq(m.data.offset, MIB_);
	ck_assert_uint_eq(m.data.length, MIB_);
	ck_assert_uint_eq(m.data.nclusters, 16);
	ck_assert_uint_eq(m.data.clusters[0].codec, PROTO_CODEC_ZSTD);
	ck_assert_uint_eq(m.data.clusters[15].codec, PROTO_CODEC_ZERO);
	load_msg(&v, "08-data-raw.hex", &m);
	ck_assert_uint_eq(m.data.length, 512);
	ck_assert_uint_eq(m.data.clusters[0].p[511], 'U');
	load_msg(&v, "09-zero.hex", &m);
	ck_assert_uint_eq(m.zero.id, 3);
	ck_assert_uint_eq(m.zero.reason, PROTO_ZERO_FREE);
	ck_assert_uint_eq(m.zero.length, MIB_);
	load_msg(&v, "10-bad.hex", &m);
	ck_assert_uint_eq(m.bad.offset, MIB_ + 4096);
	ck_assert_uint_eq(m.bad.length, 4096);
	load_msg(&v, "16-finish.hex", &m);
	ck_assert_uint_eq(m.finish.id, 6);
	blob_is(&m.finish.summary, "{\"bad\":4096}");
	load_msg(&v, "17-status.hex", &m);
	ck_assert_uint_eq(m.status.phase, PROTO_PHASE_VERIFYING);
	ck_assert_uint_eq(m.status.done, MIB_);
	ck_assert_uint_eq(m.status.total, 2 * MIB_);
	load_msg(&v, "23-stale.hex", &m);
	ck_assert_uint_eq(m.stale.id, 7);
	ck_assert_uint_eq(m.stale.what.n, 2);
	ck_assert_uint_eq(m.stale.what.ranges[1].offset, 2 * MIB_);
	ck_assert_uint_eq(m.stale.what.ranges[1].length, 512);
	msg_done(&m);
	ck_assert_ptr_null(m.stale.what.ranges);
	load_msg(&v, "24-patch-raw.hex", &m);
	ck_assert_uint_eq(m.patch.codec, PROTO_PATCH_RAW);
	ck_assert_uint_eq(m.patch.offset, 2 * MIB_);
	ck_assert_uint_eq(msg_patch_bytes(&m.patch), 512);
	ck_assert_uint_eq(m.patch.p[511], 'V');
	load_msg(&v, "25-patch-zstd.hex", &m);
	ck_assert_uint_eq(m.patch.id, 9);
	ck_assert_uint_eq(m.patch.codec, PROTO_PATCH_ZSTD);
	ck_assert_uint_eq(m.patch.npieces, 2);
	ck_assert_uint_eq(m.patch.pieces[1].offset, MIB_ - 4096);
	ck_assert_uint_eq(m.patch.stored, 11);
	load_msg(&v, "26-check.hex", &m);
	ck_assert_uint_eq(m.check.id, 10);
	ck_assert_uint_eq(m.check.what.kind, PROTO_DIGESTS_DATA);
	ck_assert_uint_eq(m.check.what.n, 2);
	load_msg(&v, "27-differ.hex", &m);
	ck_assert_uint_eq(m.have.n, 1);
	ck_assert_uint_eq(m.have.ranges[0].offset, MIB_);
	msg_done(&m);
	ck_assert_ptr_null(m.have.ranges);
	load_msg(&v, "19-error.hex", &m);
	ck_assert_uint_eq(m.error.code, PROTO_ERR_SPACE);
	blob_is(&m.error.text, "no space left");
}
END_TEST

/* The digests of the examples are those of what they say, by the code that will compare them. */
START_TEST(vectors_have_true_digests)
{
	static const char *const data[] = { "07-data-zstd.hex", "08-data-raw.hex" };
	static const char *const patches[] = { "24-patch-raw.hex", "25-patch-zstd.hex" };
	static uint8_t raw[PROTO_CHUNK_SIZE];
	static struct vector v;
	CLEANUP(codec_free) struct codec *c = NULL;
	struct err err = ERR_INIT;
	struct msg m;

	ck_assert_int_eq(codec_new(0, &c, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		load_msg(&v, data[i], &m);
		ck_assert_msg(codec_decode(c, &m.data, raw, &err) == 0, "%s: %s", data[i],
			      err.text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
		load_msg(&v, patches[i], &m);
		ck_assert_msg(codec_patch_decode(c, &m.patch, raw, &err) == 0, "%s: %s", patches[i],
			      err.text);
	}
	ck_assert_uint_eq(raw[0], 'A');
	ck_assert_uint_eq(raw[8191], 'A');
}
END_TEST

/* What decodes must encode to the very same bytes: there is one way to say a thing. */
static unsigned int mutants_accepted;

static void try_mutant(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	const struct vector *v = opaque;
	CLEANUP(iobuf_done) struct iobuf out;
	CLEANUP(msg_done) struct msg m = { 0 };
	struct frame f = { .type = v->frame.type, .payload = data, .len = (uint32_t)len };
	struct err err = ERR_INIT;
	int r;

	iobuf_init(&out, 1u << 20);
	r = msg_decode(&f, &m, &err);
	if (r < 0) {
		ck_assert_msg(r == -EBADMSG && err.text[0], "%s, %s: %d", v->name, what, r);
		ck_assert_uint_eq(m.type, 0);
		return;
	}
	mutants_accepted++;
	r = msg_encode(&out, &m, &err);
	ck_assert_msg(r == 0, "%s, %s: accepted, then '%s'", v->name, what, err.text);
	ck_assert_msg(iobuf_len(&out) == len + PROTO_FRAME_HEADER &&
		      (len == 0 || memcmp(iobuf_ptr(&out) + PROTO_FRAME_HEADER, data, len) == 0),
		      "%s, %s: not the same bytes again", v->name, what);
}

static void mutate_vector(struct vector *v)
{
	if (v->frame.len > 0)
		ck_assert_uint_gt(mutate_each(v->frame.payload, v->frame.len, 20000, try_mutant, v),
				  10);
}

START_TEST(mutants)
{
	mutants_accepted = 0;
	each_vector(mutate_vector);
	ck_assert_uint_gt(mutants_accepted, 100);
}
END_TEST

/* Any type with the payload of any other. */
static void try_all_types(struct vector *v)
{
	for (unsigned int type = 0; type < 40; type++) {
		struct frame f = {
			.type = (uint16_t)type, .payload = v->frame.payload, .len = v->frame.len };
		CLEANUP(msg_done) struct msg m = { 0 };
		struct err err = ERR_INIT;
		int r = msg_decode(&f, &m, &err);

		ck_assert(r == 0 || (r == -EBADMSG && err.text[0]));
		if (type == 0 || type > PROTO_TYPE_LAST)
			ck_assert_int_eq(r, -EBADMSG);
	}
}

START_TEST(wrong_types)
{
	each_vector(try_all_types);
}
END_TEST

/* Limits that no mutation of a small vector reaches; through encode, which judges as decode does.
 */

static struct msg_disk disk(const char *name)
{
	struct msg_disk d = { .size = MIB_, .logical_sector = 512, .physical_sector = 512 };

	snprintf(d.name, sizeof(d.name), "%s", name);
	return d;
}

static void encodes(const struct msg *m, bool good, const char *what)
{
	CLEANUP(iobuf_done) struct iobuf out;
	CLEANUP(msg_done) struct msg back = { 0 };
	struct err err = ERR_INIT;
	struct frame f;
	int r;

	iobuf_init(&out, 2 * PROTO_PAYLOAD_MAX);
	r = msg_encode(&out, m, &err);
	if (!good) {
		ck_assert_msg(r == -EBADMSG && err.text[0], "%s: %d", what, r);
		ck_assert_uint_eq(iobuf_len(&out), 0);
		return;
	}
	ck_assert_msg(r == 0, "%s: %s", what, err.text);
	ck_assert_uint_eq(iobuf_len(&out), msg_wire_size(m));
	ck_assert_int_eq(frame_peek(&out, &f, NULL), 1);
	ck_assert_msg(msg_decode(&f, &back, &err) == 0, "%s: %s", what, err.text);
}

START_TEST(open_limits)
{
	static struct msg_disk disks[PROTO_DISKS_MAX + 1];
	static uint8_t machine[PROTO_MACHINE_MAX + 1];
	struct msg m = { .type = PROTO_OPEN,
			 .open = { .name = "job", .ndisks = 1, .disks = disks } };
	char name[20];

	for (unsigned int i = 0; i <= PROTO_DISKS_MAX; i++) {
		snprintf(name, sizeof(name), "sd%u", i);
		disks[i] = disk(name);
	}
	encodes(&m, true, "one disk");
	m.open.ndisks = 0;
	encodes(&m, false, "no disk");
	m.open.ndisks = PROTO_DISKS_MAX;
	encodes(&m, true, "256 disks");
	m.open.ndisks = PROTO_DISKS_MAX + 1;
	encodes(&m, false, "257 disks");

	/* Everything at its longest still fits a frame. */
	m.open.ndisks = PROTO_DISKS_MAX;
	m.open.machine = (struct msg_blob){ machine, PROTO_MACHINE_MAX };
	for (unsigned int i = 0; i < PROTO_DISKS_MAX; i++)
		memset(disks[i].source, 'x', PROTO_PATH_MAX);
	encodes(&m, true, "all at its longest");
	m.open.machine.len++;
	encodes(&m, false, "machine too long");
	m.open.machine.len = 0;
	m.open.ndisks = 2;

	memset(disks[1].source, 'x', sizeof(disks[1].source));
	encodes(&m, false, "source without end");
	disks[1] = disk("sd0");
	encodes(&m, false, "same name");
	disks[1] = disk("../x");
	encodes(&m, false, "disk name");
	memset(disks[1].name, 'x', sizeof(disks[1].name));
	encodes(&m, false, "name without end");
	disks[1] = disk("sd1");
	snprintf(m.open.name, sizeof(m.open.name), "-rf");
	encodes(&m, false, "job name");
	snprintf(m.open.name, sizeof(m.open.name), "job");
	m.open.flags = 16;
	encodes(&m, false, "flag");
	m.open.flags = PROTO_OPEN_JOIN;
	encodes(&m, false, "a join without a uuid");
	m.open.machine = (struct msg_blob){ (const uint8_t *)"0123456789abcdef", PROTO_UUID_LEN };
	encodes(&m, true, "a join");
	m.open.flags |= PROTO_OPEN_COMPARE;
	encodes(&m, false, "a join that compares");
	m.open.flags = PROTO_OPEN_JOIN | PROTO_OPEN_LIVE;
	encodes(&m, false, "a join with live disks");
	m.open.flags = PROTO_OPEN_COMPARE | PROTO_OPEN_LIVE;
	encodes(&m, true, "live disks, compared");
	m.open.machine = (struct msg_blob){ 0 };
	m.open.flags = 0;
}
END_TEST

START_TEST(disk_limits)
{
	static const struct {
		uint64_t size;
		uint32_t logical, physical;
		bool good;
	} cases[] = {
		{ 512, 512, 512, true },
		{ PROTO_DISK_SIZE_MAX, 512, 65536, true },
		{ MIB_, 4096, 4096, true },
		{ 0, 512, 512, false },
		{ 511, 512, 512, false },
		{ MIB_ + 1, 512, 512, false },
		{ PROTO_DISK_SIZE_MAX + 512, 512, 512, false },
		{ UINT64_MAX - 511, 512, 512, false },
		{ MIB_, 256, 512, false },
		{ MIB_, 513, 1024, false },
		{ MIB_, 512, 131072, false },
		{ MIB_, 4096, 512, false },
		{ MIB_, 0, 0, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct msg_disk d = disk("sda");
		struct msg m = { .type = PROTO_OPEN,
				.open = { .name = "job", .ndisks = 1, .disks = &d } };
		char what[40];

		snprintf(what, sizeof(what), "disk case %zu", i);
		d.size = cases[i].size;
		d.logical_sector = cases[i].logical;
		d.physical_sector = cases[i].physical;
		encodes(&m, cases[i].good, what);
	}
}
END_TEST

START_TEST(ranges)
{
	static const struct {
		uint64_t offset, length;
		bool zero, bad;		/* good for ZERO, HAVE, DIFFER and STALE; good for BAD */
	} cases[] = {
		{ 0, MIB_, true, true },
		{ 0, 512, true, true },
		{ MIB_, PROTO_DISK_SIZE_MAX - MIB_, true, true },
		{ 512, 512, false, true },
		{ 0, 0, false, false },
		{ 0, 511, false, false },
		{ 1, 512, false, false },
		{ MIB_, PROTO_DISK_SIZE_MAX, false, false },
		{ UINT64_MAX - MIB_ + 1, MIB_, false, false },
		{ UINT64_C(0xfffffffffff00000), UINT64_C(0xfffffffffff00000), false, false },
		{ PROTO_DISK_SIZE_MAX, 512, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct msg_range r = { cases[i].offset, cases[i].length };
		struct msg zero = { .type = PROTO_ZERO,
				   .zero = { 0, PROTO_ZERO_ZERO, 1, r.offset, r.length } };
		struct msg bad = { .type = PROTO_BAD, .bad = { 0, 1, r.offset, r.length } };
		struct msg have = { .type = PROTO_HAVE, .have = { 0, 1, &r } };
		struct msg differ = { .type = PROTO_DIFFER, .have = { 0, 1, &r } };
		struct msg stale = { .type = PROTO_STALE, .stale = { 1, { 0, 1, &r } } };

		encodes(&zero, cases[i].zero, "ZERO");
		encodes(&have, cases[i].zero, "HAVE");
		encodes(&differ, cases[i].zero, "DIFFER");
		encodes(&stale, cases[i].zero, "STALE");
		encodes(&bad, cases[i].bad, "BAD");
	}
}
END_TEST

/* h: where m, which is of a type that lists ranges, has them. */
static void order_of(const struct msg *m, struct msg_have *h)
{
	static struct msg_range many[PROTO_HAVE_MAX + 1];

	*h = (struct msg_have){ .n = 3, .ranges = many };
	for (uint64_t i = 0; i <= PROTO_HAVE_MAX; i++)
		many[i] = (struct msg_range){ 2 * i * MIB_, MIB_ };
	encodes(m, true, "three");
	h->n = PROTO_HAVE_MAX;
	encodes(m, true, "the most");
	h->n = PROTO_HAVE_MAX + 1;
	encodes(m, false, "too many");
	h->n = 0;
	encodes(m, false, "none");
	h->n = 3;
	many[1].length = 2 * MIB_;
	encodes(m, false, "touching");
	many[1].length = 3 * MIB_;
	encodes(m, false, "overlapping");
	many[1] = many[0];
	encodes(m, false, "twice");
	many[1] = (struct msg_range){ 10 * MIB_, MIB_ };
	encodes(m, false, "falling");
}

START_TEST(range_order)
{
	struct msg m = { .type = _i == 0 ? PROTO_HAVE : PROTO_DIFFER };
	struct msg stale = { .type = PROTO_STALE, .stale = { .id = 1 } };

	if (_i < 2)
		order_of(&m, &m.have);
	else
		order_of(&stale, &stale.stale.what);
}
END_TEST

static struct msg data_msg(uint32_t length)
{
	static const uint8_t bytes[PROTO_CLUSTER_SIZE];
	struct msg m = {
		.type = PROTO_DATA,
		.data = { .id = 1, .length = length,
			  .nclusters = (uint16_t)DIV_ROUND_UP(length, PROTO_CLUSTER_SIZE) },
	};

	for (unsigned int i = 0; i < m.data.nclusters && i < PROTO_CHUNK_CLUSTERS; i++)
		m.data.clusters[i] = (struct msg_cluster){
			PROTO_CODEC_RAW,
			MIN(length - i * PROTO_CLUSTER_SIZE, PROTO_CLUSTER_SIZE),
			bytes,
		};
	return m;
}

START_TEST(data_rules)
{
	struct msg m = data_msg(PROTO_CHUNK_SIZE);

	encodes(&m, true, "all raw");
	m = data_msg(PROTO_CHUNK_SIZE);
	m.data.id = 0;
	encodes(&m, false, "id 0");
	m = data_msg(PROTO_CHUNK_SIZE);
	m.data.offset = 65536;
	encodes(&m, false, "offset");
	m = data_msg(1000);
	encodes(&m, false, "half a sector");
	m = data_msg(PROTO_CHUNK_SIZE + 512);
	encodes(&m, false, "too long");
	m = data_msg(PROTO_CHUNK_SIZE);
	m.data.nclusters = 15;
	encodes(&m, false, "a cluster less");
	m = data_msg(65536 + 512);
	m.data.nclusters = 3;
	encodes(&m, false, "a cluster more");
	m = data_msg(65536 + 512);
	m.data.clusters[1].stored = 511;
	encodes(&m, false, "short raw");
	m = data_msg(65536);
	m.data.clusters[0].codec = PROTO_CODEC_ZSTD;
	encodes(&m, false, "zstd that does not shrink");
	m.data.clusters[0].stored = 65535;
	encodes(&m, true, "zstd that shrinks");
	m.data.clusters[0].stored = 0;
	encodes(&m, false, "empty zstd");
	m = data_msg(512);
	m.data.clusters[0].codec = PROTO_CODEC_ZSTD;
	m.data.clusters[0].stored = 11;
	encodes(&m, false, "zstd of a part of a cluster");
	m = data_msg(65536);
	m.data.clusters[0].codec = PROTO_CODEC_ZERO;
	encodes(&m, false, "zero with bytes");
	m.data.clusters[0].stored = 0;
	encodes(&m, true, "zero");
	m.data.clusters[0].codec = 3;
	encodes(&m, false, "unknown codec");
}
END_TEST

static struct msg patch_msg(uint16_t npieces)
{
	static const uint8_t bytes[PROTO_CHUNK_SIZE];
	struct msg m = { .type = PROTO_PATCH,
			 .patch = { .id = 1, .npieces = npieces, .p = bytes } };
	uint32_t n = MIN(npieces, PROTO_PATCH_PIECES_MAX);

	for (uint32_t i = 0; i < n; i++)
		m.patch.pieces[i] = (struct msg_piece){ i * 8192, 4096 };
	m.patch.stored = n * 4096;
	return m;
}

START_TEST(patch_rules)
{
	/* Of two pieces; the first is at 0, of a block. */
	static const struct {
		struct msg_piece second;
		bool good;
	} cases[] = {
		{ { 8192, 4096 }, true },
		{ { 8192, MIB_ - 8192 }, true },
		{ { MIB_ - 4096, 4096 }, true },
		/* Where the disk ends, perhaps: the session knows. */
		{ { 8192, 512 }, true },
		{ { 8192, 4096 + 512 }, true },
		{ { 8192, 511 }, false },
		{ { 8192, 0 }, false },
		{ { 4096, 4096 }, false },		/* touches */
		{ { 0, 4096 }, false },
		{ { 8192 + 512, 4096 }, false },
		{ { MIB_, 4096 }, false },
		{ { MIB_ - 4096, 8192 }, false },
		{ { 8192, UINT32_MAX - 4095 }, false },
		{ { UINT32_MAX - 4095, 4096 }, false },
		{ { UINT32_MAX - 4095, 8192 }, false },
	};
	struct msg m = patch_msg(1);

	encodes(&m, true, "a block");
	m.patch.pieces[0].length = MIB_;
	m.patch.stored = MIB_;
	encodes(&m, true, "all of a chunk");
	m = patch_msg(PROTO_PATCH_PIECES_MAX);
	encodes(&m, true, "every other block");
	m = patch_msg(PROTO_PATCH_PIECES_MAX + 1);
	encodes(&m, false, "too many pieces");
	m = patch_msg(0);
	encodes(&m, false, "no piece");
	m = patch_msg(1);
	m.patch.id = 0;
	encodes(&m, false, "id 0");
	m = patch_msg(1);
	m.patch.offset = 4096;
	encodes(&m, false, "not at a chunk");
	m.patch.offset = PROTO_DISK_SIZE_MAX;
	encodes(&m, false, "beyond any disk");
	m.patch.offset = PROTO_DISK_SIZE_MAX - MIB_;
	encodes(&m, true, "the last chunk of all");
	m = patch_msg(1);
	m.patch.stored--;
	encodes(&m, false, "short raw");
	m.patch.stored = 4097;
	encodes(&m, false, "long raw");
	m.patch.codec = PROTO_PATCH_ZSTD;
	encodes(&m, false, "zstd that grows");
	m.patch.stored = 4096;
	encodes(&m, false, "zstd that does not shrink");
	m.patch.stored = 4095;
	encodes(&m, true, "zstd that shrinks");
	m.patch.stored = 0;
	encodes(&m, false, "empty zstd");
	m = patch_msg(1);
	m.patch.codec = 2;
	encodes(&m, false, "codec");
	m = patch_msg(3);
	m.patch.pieces[1].length = 512;
	m.patch.stored = 2 * 4096 + 512;
	encodes(&m, false, "a part of a block in the middle");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char what[40];

		snprintf(what, sizeof(what), "piece %zu", i);
		m = patch_msg(2);
		m.patch.pieces[1] = cases[i].second;
		/* What would be right if it were. */
		m.patch.stored = MIN(msg_patch_bytes(&m.patch), MIB_);
		encodes(&m, cases[i].good, what);
	}
}
END_TEST

/* d: where m, a DIGESTS or a CHECK, has them. */
static void digests_of(const struct msg *m, struct msg_digests *d)
{
	static const uint8_t sha256[PROTO_DIGESTS_MAX * SHA256_LEN];

	*d = (struct msg_digests){ .kind = PROTO_DIGESTS_ZERO, .n = 1 };
	encodes(m, true, "a zero chunk");
	d->n = 0;
	encodes(m, false, "no chunks");
	d->n = UINT32_MAX;
	encodes(m, true, "many zero chunks");
	d->offset = PROTO_DISK_SIZE_MAX;
	encodes(m, false, "beyond any disk");
	d->offset = 512;
	encodes(m, false, "not at a chunk");
	*d = (struct msg_digests){ .kind = PROTO_DIGESTS_DATA, .n = 1, .sha256 = sha256 };
	encodes(m, true, "one digest");
	d->n = PROTO_DIGESTS_MAX;
	encodes(m, true, "the most digests");
	d->n = PROTO_DIGESTS_MAX + 1;
	encodes(m, false, "too many digests");
	*d = (struct msg_digests){ .kind = 3, .n = 1 };
	encodes(m, false, "kind");
	*d = (struct msg_digests){ .n = 1 };
	encodes(m, false, "no kind");
}

START_TEST(digest_rules)
{
	struct msg digests = { .type = PROTO_DIGESTS };
	struct msg check = { .type = PROTO_CHECK, .check = { .id = 1 } };

	digests_of(&digests, &digests.digests);
	digests_of(&check, &check.check.what);
	check.check = (struct msg_check){ 0, { .kind = PROTO_DIGESTS_ZERO, .n = 1 } };
	encodes(&check, false, "id 0");
}
END_TEST

/* What encode would never say: payloads with one byte changed. */
static void refuses(const char *name, size_t at, uint8_t value, const char *says)
{
	static struct vector v;
	struct err err = ERR_INIT;
	struct msg m = { 0 };
	uint8_t *payload;

	vector_load(&v, name);
	free(v.hex);
	payload = v.bytes + PROTO_FRAME_HEADER;
	ck_assert_uint_lt(at, v.frame.len);
	ck_assert_uint_ne(payload[at], value);
	payload[at] = value;
	ck_assert_msg(msg_decode(&v.frame, &m, &err) == -EBADMSG, "%s, byte %zu", name, at);
	ck_assert_msg(strstr(err.text, says), "%s, byte %zu: '%s'", name, at, err.text);
}

START_TEST(live_rules)
{
	struct msg_range range = { 0, MIB_ };
	struct msg m = { .type = PROTO_STALE, .stale = { 0, { 0, 1, &range } } };

	encodes(&m, false, "id 0");
	m = (struct msg){ .type = PROTO_CUTOVER };
	encodes(&m, true, "a cutover");
	m.close.reserved = 1;
	encodes(&m, false, "reserved");
	refuses("23-stale.hex", 10, 1, "reserved");
	refuses("23-stale.hex", 15, 3, "too short");
	refuses("23-stale.hex", 15, 1, "bytes after its end");
	refuses("24-patch-raw.hex", 10, 1, "too many pieces");
	refuses("24-patch-raw.hex", 11, 2, "too short");
	refuses("24-patch-raw.hex", 13, 1, "reserved");
	refuses("24-patch-raw.hex", 15, 1, "reserved");
	refuses("24-patch-raw.hex", 56, 1, "too short");
	refuses("25-patch-zstd.hex", 59, 10, "bytes after its end");
	refuses("26-check.hex", 11, 1, "reserved");
	refuses("26-check.hex", 15, 3, "too short");
	refuses("26-check.hex", 15, 1, "bytes after its end");
	refuses("27-differ.hex", 2, 1, "reserved");
	refuses("27-differ.hex", 7, 2, "too short");
	refuses("28-cutover.hex", 0, 1, "reserved");
}
END_TEST

START_TEST(other_rules)
{
	static uint8_t text[PROTO_SUMMARY_MAX + 1];
	struct msg m = { .type = PROTO_HELLO, .hello = { .version = 1, .role = 3 } };

	encodes(&m, false, "role");
	m.hello.role = PROTO_ROLE_SERVER;
	m.hello.software = (struct msg_blob){ text, PROTO_SOFTWARE_MAX };
	encodes(&m, true, "software");
	m.hello.software.len++;
	encodes(&m, false, "software too long");
	m = (struct msg){ .type = PROTO_JOB, .job = { .state = 1, .credit = PROTO_CREDIT_MIN } };
	encodes(&m, true, "job");
	m.job.credit--;
	encodes(&m, false, "credit");
	m.job.credit = PROTO_CREDIT_MAX + 1;
	encodes(&m, false, "credit");
	m.job.credit = PROTO_CREDIT_MAX;
	m.job.state = 4;
	encodes(&m, false, "state");
	m.job.state = 0;
	encodes(&m, false, "state");
	m = (struct msg){ .type = PROTO_FINISH, .finish = { 1, { text, PROTO_SUMMARY_MAX } } };
	encodes(&m, true, "summary");
	m.finish.summary.len++;
	encodes(&m, false, "summary too long");
	m = (struct msg){ .type = PROTO_FINISHED, .finished = { { text, PROTO_SUMMARY_MAX + 1 } } };
	encodes(&m, false, "summary too long");
	m = (struct msg){ .type = PROTO_STATUS, .status = { PROTO_PHASE_FLUSHING, 2, 1 } };
	encodes(&m, false, "more than all");
	m.status.total = 2;
	encodes(&m, true, "all");
	m.status.phase = PROTO_PHASE_STARTING;
	encodes(&m, true, "the last phase");
	m.status.phase++;
	encodes(&m, false, "phase");
	m = (struct msg){ .type = PROTO_ERROR, .error = { 65535, { text, PROTO_ERROR_TEXT_MAX } } };
	encodes(&m, true, "error of a later version");
	m.error.text.len++;
	encodes(&m, false, "error text");
	m.error = (struct msg_error){ 0 };
	encodes(&m, false, "error 0");
	for (uint16_t type = PROTO_ACK; type <= PROTO_FLUSHED; type++) {
		m = (struct msg){ .type = type };
		encodes(&m, false, "id 0");
	}
	m = (struct msg){ .type = PROTO_PING };
	encodes(&m, true, "any ping id");
	m = (struct msg){ .type = PROTO_CLOSE, .close = { 1 } };
	encodes(&m, false, "reserved");
	m = (struct msg){ .type = PROTO_THROTTLE };
	encodes(&m, true, "their own pace");
	m.throttle.rate = 1;
	encodes(&m, false, "a rate of their own");
	m.throttle.mode = PROTO_THROTTLE_RATE;
	encodes(&m, true, "a rate");
	m.throttle.rate = 0;
	encodes(&m, false, "a rate of nothing");
	m.throttle.mode = PROTO_THROTTLE_NONE;
	encodes(&m, true, "no limit");
	m.throttle.mode = 3;
	encodes(&m, false, "mode");
	m = (struct msg){ .type = 99 };
	encodes(&m, false, "no such type");
}
END_TEST

START_TEST(encode_into_a_full_buffer)
{
	CLEANUP(iobuf_done) struct iobuf out;
	struct msg m = data_msg(PROTO_CHUNK_SIZE), small = { .type = PROTO_PING };
	struct err err = ERR_INIT;

	iobuf_init(&out, 1000);
	ck_assert_int_eq(msg_encode(&out, &small, &err), 0);
	ck_assert_int_eq(msg_encode(&out, &m, &err), -EMSGSIZE);
	ck_assert_uint_eq(iobuf_len(&out), 20);
}
END_TEST

START_TEST(tables)
{
	ck_assert_str_eq(msg_type_name(PROTO_DATA), "DATA");
	ck_assert_str_eq(msg_type_name(77), "type 77");
	ck_assert_str_eq(msg_type_name(0), "type 0");
	ck_assert_str_eq(msg_type_name(65535), "type 65535");
	ck_assert_str_eq(msg_error_name(PROTO_ERR_SPACE), "target full");
	ck_assert_str_eq(msg_error_name(0), "unknown error");
	ck_assert_str_eq(msg_error_name(9999), "unknown error");
	for (uint16_t code = PROTO_ERR_PROTOCOL; code <= PROTO_ERR_VERIFY; code++) {
		ck_assert_str_ne(msg_error_name(code), "unknown error");
		ck_assert_int_gt(msg_error_errno(code), 0);
	}
	ck_assert_int_eq(msg_error_errno(PROTO_ERR_BUSY), EBUSY);
	ck_assert_int_eq(msg_error_errno(0), EREMOTEIO);
	ck_assert_int_eq(msg_error_errno(9999), EREMOTEIO);
	ck_assert_uint_eq(msg_error_from_errno(ENOSPC), PROTO_ERR_SPACE);
	ck_assert_uint_eq(msg_error_from_errno(EIO), PROTO_ERR_IO);
	ck_assert_uint_eq(msg_error_from_errno(EBADMSG), PROTO_ERR_PROTOCOL);
	ck_assert_uint_eq(msg_error_from_errno(EILSEQ), PROTO_ERR_DIGEST);
	ck_assert_uint_eq(msg_error_from_errno(ECANCELED), PROTO_ERR_CANCELLED);
	ck_assert_uint_eq(msg_error_from_errno(ENOENT), PROTO_ERR_INTERNAL);
}
END_TEST

static Suite *msg_suite(void)
{
	Suite *s = suite_create("msg");
	TCase *t = tcase_create("vectors");

	tcase_add_test(t, vectors_round_trip);
	tcase_add_test(t, vectors_mean_what_they_say);
	tcase_add_test(t, vectors_are_the_documents_examples);
	tcase_add_test(t, vectors_have_true_digests);
	tcase_add_test(t, mutants);
	tcase_add_test(t, wrong_types);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	t = tcase_create("rules");
	tcase_add_test(t, open_limits);
	tcase_add_test(t, disk_limits);
	tcase_add_test(t, ranges);
	tcase_add_loop_test(t, range_order, 0, 3);
	tcase_add_test(t, data_rules);
	tcase_add_test(t, patch_rules);
	tcase_add_test(t, digest_rules);
	tcase_add_test(t, live_rules);
	tcase_add_test(t, other_rules);
	tcase_add_test(t, encode_into_a_full_buffer);
	tcase_add_test(t, tables);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(msg_suite)
