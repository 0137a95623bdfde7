/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LVM metadata: recorded physical volumes (tests/images/lvm.sh) against what pvs said about them,
 * and hand-made ones for everything that must end in doubt.
 */
#include "tests/images/image.h"
#include "common/bytes.h"
#include "disk/crc32.h"
#include "disk/lvm/lvm_assemble.h"
#include "disk/lvm/lvm_group.h"
#include "disk/lvm/lvm_text.h"
#include "disk/usedmap.h"

#define CRC_INITIAL	0xf597a6cfu

/* --- recorded --- */

static void load(const char *name, uint64_t offset, struct image_pv *ret)
{
	unlink(image_path("pv.img"));
	image_load_pv("pv.img", name, offset, ret);
}

static int read_space(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return space_read(arg, buf, len, offset, err);
}

/* The layers one after the other, as for a PV alone. */
static int lvm_pv_read(const struct space *space, struct lvm_pv *ret, char **ret_why,
		       struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(lvm_vg_done) struct lvm_vg vg = { 0 };
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct lvm_source s = {
		.read = read_space,
		.arg = (void *)(uintptr_t)space,
		.length = space->size,
		.why = &why,
		.err = err,
	};
	struct lvm_header h;
	size_t len = 0;
	int r;

	r = lvm_label_read(&s, &h);
	if (r > 0)
		r = lvm_area_read(&s, &h, &text, &len);
	if (r > 0)
		r = lvm_text_parse(&s, text, len, &root);
	if (r > 0)
		r = lvm_vg_read(&s, root, &vg);
	if (r > 0)
		r = lvm_group_walk(&s, &vg, &h, &pv);
	if (r > 0) {
		*ret = pv;
		pv = (struct lvm_pv){ 0 };
	} else if (r == 0) {
		*ret_why = TAKE_PTR(why);
	}
	return r;
}

static int read_pv(uint64_t offset, uint64_t length, struct lvm_pv *pv, char **why)
{
	CLEANUP(disk_free) struct disk *d = NULL;
	CLEANUP(space_free) struct space *whole = NULL, *part = NULL;
	struct err err = ERR_INIT;
	int r;

	*why = NULL;
	memset(pv, 0, sizeof(*pv));
	ck_assert_msg(disk_open(image_path("pv.img"), 0, &d, &err) == 0, "%s", err.text);
	ck_assert_int_eq(space_on_disk(d, NULL, "pv.img", &whole, &err), 0);
	ck_assert_msg(space_slice(whole, offset, length, "pv", &part, &err) == 0, "%s", err.text);
	r = lvm_pv_read(part, pv, why, &err);
	ck_assert_msg(r >= 0, "%s", err.text);
	ck_assert_int_eq(*why != NULL, r == 0);
	return r;
}

static void check_truth(const struct lvm_pv *pv, const struct image_pv *rec)
{
	struct extents truth = { 0 };

	for (unsigned int i = 0; i < rec->n; i++)
		ck_assert_int_eq(extents_add(&truth, pv->pe_start + rec->start[i] * pv->extent_size,
					     rec->count[i] * pv->extent_size, 0), 0);
	ck_assert_uint_eq(truth.n, pv->allocated.n);
	for (size_t i = 0; i < truth.n; i++) {
		ck_assert_uint_eq(truth.v[i].offset, pv->allocated.v[i].offset);
		ck_assert_uint_eq(truth.v[i].length, pv->allocated.v[i].length);
	}
	extents_done(&truth);
}

static const struct {
	const char *name, *vg;
	uint64_t pe_start, extent_size, extents;
} recorded[] = {
	{ "holes", "holes", MIB, 4 * MIB, 15 },
	{ "pair1", "pair", MIB, MIB, 62 },
	{ "pair2", "pair", MIB, MIB, 62 },
	{ "thin", "thin", 1536 * KIB, 4 * MIB, 63 },
};

START_TEST(recordings)
{
	uint64_t offset = _i % 2 ? 3 * MIB : 0;
	struct image_pv rec;
	struct lvm_pv pv;
	char *why;

	load(recorded[_i].name, offset, &rec);
	ck_assert_uint_gt(rec.n, 0);
	ck_assert_msg(read_pv(offset, rec.size, &pv, &why) == 1, "%s", why);
	ck_assert_str_eq(pv.vg_name, recorded[_i].vg);
	ck_assert_uint_eq(strlen(pv.uuid), 38);
	ck_assert_uint_eq(pv.pe_start, recorded[_i].pe_start);
	ck_assert_uint_eq(pv.extent_size, recorded[_i].extent_size);
	ck_assert_uint_eq(pv.extents, recorded[_i].extents);
	check_truth(&pv, &rec);
	ck_assert_ptr_nonnull(extents_find(&pv.metadata, 0));
	ck_assert_ptr_nonnull(extents_find(&pv.metadata, 4096));
	lvm_pv_done(&pv);
	/* The same PV in a partition that is too small for it. */
	ck_assert_int_eq(read_pv(offset, rec.size - 512, &pv, &why), 0);
	free(why);
	ck_assert_int_eq(read_pv(offset, 512, &pv, &why), 0);
	free(why);
}
END_TEST

START_TEST(orphan)
{
	struct image_pv rec;
	struct lvm_pv pv;
	char *why;

	load("orphan", 0, &rec);
	ck_assert_int_eq(read_pv(0, rec.size, &pv, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "no volume group"));
	free(why);
}
END_TEST

/* Any one byte changed, anywhere in what LVM wrote: doubt, or the same answer. */
START_TEST(one_byte)
{
	uint64_t rnd = (uint64_t)_i + 5;
	unsigned int refused = 0;
	struct image_pv rec;
	struct lvm_pv pv;
	char *why;

	load(recorded[_i].name, 0, &rec);
	for (int i = 0; i < 400; i++) {
		uint64_t r = image_random(&rnd);
		uint64_t at = i % 4 == 0 ? 512 + r % 512 : i % 4 == 1 ? 4096 + r % 128 : r % 65536;
		uint8_t was, is;

		image_read("pv.img", &was, 1, at);
		is = was ^ (uint8_t)(1 + (r >> 40) % 255);
		image_write("pv.img", &is, 1, at);
		if (read_pv(0, rec.size, &pv, &why) == 1)
			check_truth(&pv, &rec);
		else
			refused++;
		lvm_pv_done(&pv);
		free(why);
		image_write("pv.img", &was, 1, at);
	}
	ck_assert_uint_gt(refused, 100);
}
END_TEST

START_TEST(map)
{
	struct image_pv rec;
	CLEANUP(assembly_done) struct assembly a = { 0 };
	CLEANUP(disk_free) struct disk *d = NULL;
	CLEANUP(space_free) struct space *whole = NULL, *pv = NULL;
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	struct err err = ERR_INIT;
	uint64_t offset = 2 * MIB;

	load("holes", offset, &rec);
	ck_assert_int_eq(disk_open(image_path("pv.img"), 0, &d, &err), 0);
	ck_assert_int_eq(bitmap_new(d->size, USEDMAP_GRANULARITY, &b), 0);
	bitmap_set_all(b);
	ck_assert_int_eq(space_on_disk(d, b, "pv.img", &whole, &err), 0);
	ck_assert_int_eq(space_slice(whole, offset, rec.size, "pv", &pv, &err), 0);
	ck_assert_int_eq(lvm_assemble(&pv, 1, &a, &err), 0);
	ck_assert(a.members[0].trusted);
	ck_assert_str_eq(a.members[0].why, "LVM extent map");
	for (size_t i = 0; i < a.members[0].free.n; i++)
		space_release(pv, a.members[0].free.v[i].offset, a.members[0].free.v[i].length);
	space_disk_settle(whole);
	ck_assert(bitmap_all(b, 0, offset + MIB));				/* metadata */
	ck_assert(bitmap_all(b, offset + MIB, 3 * 4 * MIB));			/* one */
	ck_assert(!bitmap_any(b, offset + MIB + 3 * 4 * MIB, 2 * 4 * MIB));	/* the hole */
	ck_assert(bitmap_all(b, offset + MIB + 5 * 4 * MIB, 7 * 4 * MIB));	/* three, four */
	ck_assert(!bitmap_any(b, offset + MIB + 12 * 4 * MIB, 3 * 4 * MIB));
	ck_assert(bitmap_all(b, offset + MIB + 15 * 4 * MIB, d->size)); /* behind the extents */
}
END_TEST

/* --- hand-made --- */

#define PV_SIZE		(16 * MIB)
#define MDA1		4096u
#define MDA_SIZE	(64u << 10)
#define MDA2		(PV_SIZE - MDA_SIZE)
#define PE_START	MIB

static void write_label(unsigned int mdas, uint64_t pe_start)
{
	uint8_t s[512] = { 0 };
	size_t at = 32 + 40;

	memcpy(s, "LABELONE", 8);
	put_le64(s + 8, 1);
	put_le32(s + 20, 32);
	memcpy(s + 24, "LVM2 001", 8);
	memset(s + 32, 'A', 32);
	put_le64(s + 64, PV_SIZE);
	put_le64(s + at, pe_start);
	at += 32;
	put_le64(s + at, MDA1);
	put_le64(s + at + 8, MDA_SIZE);
	at += 16;
	if (mdas > 1) {
		put_le64(s + at, MDA2);
		put_le64(s + at + 8, MDA_SIZE);
		at += 16;
	}
	at += 16;
	put_le32(s + at, 2);
	put_le32(s + 16, crc32_bare(CRC_INITIAL, s + 20, sizeof(s) - 20));
	image_write("pv.img", s, sizeof(s), 512);
}

/* The text at byte "at" of the area, which wraps round behind its end. */
static void write_mda(uint64_t mda, const char *text, uint64_t at, uint32_t flags, bool unfinished)
{
	uint8_t h[512] = { 0 };
	size_t len = strlen(text) + 1, first = MIN(len, MDA_SIZE - at);

	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(h + 20, 1);
	put_le64(h + 24, mda);
	put_le64(h + 32, MDA_SIZE);
	put_le64(h + 40, at);
	put_le64(h + 48, len);
	put_le32(h + 56, crc32_bare(CRC_INITIAL, text, len));
	put_le32(h + 60, flags);
	if (unfinished)
		put_le64(h + 64, 8192);
	put_le32(h, crc32_bare(CRC_INITIAL, h + 4, sizeof(h) - 4));
	image_write("pv.img", h, sizeof(h), mda);
	image_write("pv.img", text, first, mda + at);
	if (first < len)
		image_write("pv.img", text + first, len - first, mda + 512);
}

#define OWN_ID	"AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA"
#define TAIL                                                                                       \
	"\ncontents = \"Text Format Volume Group\"\nversion = 1\n\ndescription = \"a "             \
	"\\\"quoted\\\" \\\\\"\n"
#define PV0                                                                                        \
	"pv0 {\nid = \"" OWN_ID                                                                    \
	"\"\ndevice = \"/dev/sda\"\t# Hint only\nstatus = [\"ALLOCATABLE\"]\n"                     \
	"flags = []\ndev_size = 32768\npe_start = 2048\npe_count = 14\n}\n"
#define PV1 \
	"pv1 {\nid = \"BBBBBB-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA\"\nstatus = [\"ALLOCATABLE\"]\n" \
	"flags = [\"MISSING\"]\npe_start = 2048\npe_count = 14\n}\n"
#define VG(pvs, lvs)                                                                               \
	"# a comment {\nvg {\nid = \"x\"\nseqno = 3\nstatus = [\"RESIZEABLE\", \"READ\", "         \
	"\"WRITE\"]\n"                                                                             \
	"flags = []\nextent_size = 2048\nphysical_volumes {\n" pvs "}\n\n" lvs "}\n" TAIL
#define LVS(lvs)	"logical_volumes {\n" lvs "}\n"
#define LV(name, status, segments) \
	name " {\nstatus = [" status "]\nflags = []\n" segments "}\n"
#define SEG(n, start, count, rest) \
	"segment" n " {\nstart_extent = " start "\nextent_count = " count "\n" rest "}\n"
#define LINEAR(pv, first)                                                                          \
	"type = \"striped\"\nstripe_count = 1\nstripes = [\n\"" pv "\", " first "\n]\n"
#define ONE(rest)		LV("a", "\"READ\"", "segment_count = 1\n" rest)

static int try_text(const char *text, struct lvm_pv *pv, char **why)
{
	image_make("pv.img", PV_SIZE);
	write_label(1, PE_START);
	write_mda(MDA1, text, 512, 0, false);
	return read_pv(0, PV_SIZE, pv, why);
}

static void expect(const char *text, size_t n, uint64_t first, uint64_t count)
{
	struct lvm_pv pv;
	char *why;

	ck_assert_msg(try_text(text, &pv, &why) == 1, "%s", why);
	ck_assert_uint_eq(pv.allocated.n, n);
	if (n > 0) {
		ck_assert_uint_eq(pv.allocated.v[0].offset, PE_START + first * MIB);
		ck_assert_uint_eq(pv.allocated.v[0].length, count * MIB);
	}
	lvm_pv_done(&pv);
}

START_TEST(good_texts)
{
	expect(VG(PV0, ""), 0, 0, 0);
	expect(VG(PV0, LVS("")), 0, 0, 0);
	expect(VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "5"))))), 1, 5, 3);
	/* On another PV, which may be missing for all we care. */
	expect(VG(PV0 PV1, LVS(ONE(SEG("1", "0", "3", LINEAR("pv1", "5"))))), 0, 0, 0);
	expect(VG(PV0 PV1, LVS(LV("a", "\"READ\"", "segment_count = 2\n"
				  SEG("1", "0", "3", LINEAR("pv1", "5"))
				  SEG("2", "3", "14", LINEAR("pv0", "0"))))), 1, 0, 14);
	expect(VG(PV0 PV1, LVS(ONE(SEG("1", "0", "6", "type = \"striped\"\nstripe_count = 2\n"
				       "stripes = [\"pv1\", 1, \"pv0\", 2]\n")))), 1, 2, 3);
	expect(VG(PV0, LVS(LV("s", "\"READ\"", "segment_count = 1\n" SEG("1", "0", "3",
			      "type = \"thin\"\nthin_pool = \"p\"\n"))
			   ONE(SEG("1", "0", "3", LINEAR("pv0", "1"))))), 1, 1, 3);
}
END_TEST

static const struct {
	const char *phrase, *text;
} bad_texts[] = {
	{ "unknown type", VG(PV0, LVS(ONE(SEG("1", "0", "3", "type = \"future\"\n")))) },
	{ "unknown type", VG(PV0, LVS(ONE(SEG("1", "0", "3", "type = \"striped+NEW\"\n")))) },
	{ "unknown way",
	  VG(PV0, LVS(ONE(SEG("1", "0", "3", "type = \"mirror\"\nmirrors = [\"pv0\", 0]\n")))) },
	{ "unknown way",
	  VG(PV0, LVS(ONE(SEG("1", "0", "3", "type = \"zero\"\nx { y = [\"pv0\", 0] }\n")))) },
	{ "being moved", VG(PV0, LVS(LV("a", "\"READ\", \"PVMOVE\"", "segment_count = 0\n"))) },
	{ "being moved", VG(PV0, LVS(LV("a", "\"LOCKED\"", "segment_count = 0\n"))) },
	{ "leaves the PV", VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "12"))))) },
	{ "leaves the PV",
	  VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "18446744073709551615"))))) },
	{ "too large",
	  VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "18446744073709551616"))))) },
	{ "overlaps",
	  VG(PV0,
	     LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "1"))) LV(
		     "b", "", "segment_count = 1\n" SEG("1", "0", "2", LINEAR("pv0", "3"))))) },
	{ "unknown PV", VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv7", "1"))))) },
	{ "both called",
	  VG(PV0,
	     LVS(LV("pv0", "", "segment_count = 1\n" SEG("1", "0", "3", LINEAR("pv0", "1"))))) },
	{ "incomplete", VG(PV0, LVS(ONE(SEG("1", "0", "3",
					    "type = \"striped\"\nstripe_count = 2\n"
					    "stripes = [\"pv0\", 1, \"pv0\", 5]\n")))) },
	{ "incomplete", VG(PV0, LVS(ONE(SEG("1", "0", "4",
					    "type = \"striped\"\nstripe_count = 2\n"
					    "stripes = [\"pv0\", 1]\n")))) },
	{ "incomplete", VG(PV0, LVS(ONE(SEG("1", "0", "4",
					    "type = \"striped\"\nstripe_count = 0\n"
					    "stripes = []\n")))) },
	{ "understood", VG(PV0, LVS(ONE(SEG("1", "0", "1",
					    "type = \"striped\"\nstripe_count = 1\n"
					    "stripes = [\"pv0\"]\n")))) },
	{ "understood", VG(PV0, LVS(ONE(SEG("1", "1", "3", LINEAR("pv0", "1"))))) },
	{ "lacks segments",
	  VG(PV0, LVS(LV("a", "", "segment_count = 2\n" SEG("1", "0", "3", LINEAR("pv0", "1"))))) },
	{ "no segments", VG(PV0, LVS(LV("a", "", SEG("1", "0", "3", LINEAR("pv0", "1"))))) },
	{ "not listed", VG(PV1, "") },
	{ "two PVs", VG(PV0 PV0, "") },
	{ "lists no PVs", "vg {\nstatus = [\"READ\"]\nflags = []\nextent_size = 8\n}" TAIL },
	{ "marked", "vg {\nstatus = [\"READ\"]\nflags = [\"FUTURE\"]\nextent_size = 8\n}" TAIL },
	{ "marked", "vg {\nstatus = [\"READ\", 7]\nflags = []\nextent_size = 8\n}" TAIL },
	{ "extent size", "vg {\nstatus = []\nflags = []\nextent_size = 0\n}" TAIL },
	{ "extent size",
	  "vg {\nstatus = []\nflags = []\nextent_size = 18446744073709551615\n}" TAIL },
	{ "two volume groups", "vg { }\nvh { }" TAIL },
	{ "no volume group", TAIL },
	{ "unknown version", "vg { }\ncontents = \"Something\"\nversion = 1\n" },
	{ "unknown version", "vg { }\ncontents = \"Text Format Volume Group\"\nversion = 2\n" },
	{ "odd way", VG(PV0, LVS("") LVS("")) },
	{ "missing",
	  VG("pv0 {\nid = \"" OWN_ID "\"\nstatus = [\"ALLOCATABLE\"]\nflags = [\"MISSING\"]\n"
	     "pe_start = 2048\npe_count = 14\n}\n",
	     "") },
	{ "do not fit", VG("pv0 {\nid = \"" OWN_ID "\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\n"
			   "pe_start = 2048\npe_count = 16\n}\n",
			   "") },
	{ "do not fit", VG("pv0 {\nid = \"" OWN_ID "\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\n"
			   "pe_start = 2048\npe_count = 18446744073709551615\n}\n",
			   "") },
	{ "where the extents begin",
	  VG("pv0 {\nid = \"" OWN_ID "\"\nstatus = [\"ALLOCATABLE\"]\nflags = []\n"
	     "pe_start = 4096\npe_count = 12\n}\n",
	     "") },
	{ "parsed", "vg { x = }" },
	{ "parsed", "vg x" },
	{ "parsed", "vg { x = [1" },
	{ "parsed", "vg { x = [1 2] }" },
	{ "parsed", "vg { x = -1 }" },
	{ "parsed", "vg { x = 1.5 }" },
	{ "parsed", "vg {" },
	{ "parsed", "}" },
	{ "parsed", "vg { x = 1a }" },
	{ "parsed", "vg { = 1 }" },
	{ "parsed", "vg { x = [[1]] }" },
	{ "does not end", "vg { x = \"abc" },
	{ "does not end", "vg { x = \"abc\n\" }" },
	{ "does not end", "vg { x = \"ab\\n\" }" },
	{ "too deeply", "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{" },
	{ "no volume group", "\ncontents = \"Text Format Volume Group\"\nversion = 1\n#" },
};

START_TEST(bad_text)
{
	struct lvm_pv pv;
	char *why;

	ck_assert_msg(try_text(bad_texts[_i].text, &pv, &why) == 0, "accepted: %s",
		      bad_texts[_i].text);
	ck_assert_msg(strstr(why, bad_texts[_i].phrase) != NULL, "%s, not %s: %s", why,
		      bad_texts[_i].phrase, bad_texts[_i].text);
	free(why);
}
END_TEST

static const char fine[] = VG(PV0, LVS(ONE(SEG("1", "0", "3", LINEAR("pv0", "5")))));

static void expect_why(const char *phrase)
{
	struct lvm_pv pv;
	char *why;

	if (!phrase) {
		ck_assert_msg(read_pv(0, PV_SIZE, &pv, &why) == 1, "%s", why);
		ck_assert_uint_eq(extents_bytes(&pv.allocated), 3 * MIB);
		lvm_pv_done(&pv);
		return;
	}
	ck_assert_int_eq(read_pv(0, PV_SIZE, &pv, &why), 0);
	ck_assert_msg(strstr(why, phrase) != NULL, "%s, not %s", why, phrase);
	free(why);
}

/* Rings, copies and switches of the metadata areas. */
START_TEST(areas)
{
	char other[sizeof(fine)];
	uint8_t label[512];

	memcpy(other, fine, sizeof(fine));
	*strstr(other, "seqno = 3") = 'S';
	image_make("pv.img", PV_SIZE);
	write_label(2, PE_START);
	write_mda(MDA1, fine, 512, 0, false);
	expect_why("header has a wrong checksum");
	write_mda(MDA2, fine, 5120, 0, false);
	expect_why(NULL);
	write_mda(MDA2, fine, MDA_SIZE - 100, 0, false);
	expect_why(NULL);			/* wrapped round */
	write_mda(MDA2, other, 512, 0, false);
	expect_why("copies of the LVM metadata differ");
	write_mda(MDA2, other, 512, 1, false);
	expect_why(NULL);			/* the second one is switched off */
	write_mda(MDA1, fine, 512, 1, false);
	expect_why("switched off");
	write_mda(MDA1, fine, 512, 2, false);
	expect_why("unknown flags");
	write_mda(MDA1, fine, 512, 0, true);
	expect_why("not finished");
	write_mda(MDA1, fine, 512, 0, false);
	image_write("pv.img", "V", 1, MDA1 + 520);
	expect_why("wrong checksum");
	write_mda(MDA1, fine, 512, 0, false);
	expect_why(NULL);
	write_label(2, PV_SIZE - MDA_SIZE + 512);
	expect_why("where the extents begin");
	write_label(2, PE_START);
	image_read("pv.img", label, sizeof(label), 512);
	image_write("pv.img", label, sizeof(label), 1024);
	expect_why("two LVM labels");
	memset(label, 0, sizeof(label));
	image_write("pv.img", label, sizeof(label), 512);
	expect_why("not where it was written");
	image_write("pv.img", label, sizeof(label), 1024);
	expect_why("no LVM label");
}
END_TEST

/* Texts cut short and mangled, with a right checksum: an answer, never a crash. */
START_TEST(mangled)
{
	uint64_t rnd = 4711;
	char text[sizeof(fine)];
	struct lvm_pv pv;
	char *why;

	image_make("pv.img", PV_SIZE);
	write_label(1, PE_START);
	for (size_t cut = 0; cut < sizeof(fine) - 1; cut += 3) {
		memcpy(text, fine, sizeof(fine));
		text[cut] = '\0';
		write_mda(MDA1, text, 512, 0, false);
		read_pv(0, PV_SIZE, &pv, &why);
		lvm_pv_done(&pv);
		free(why);
	}
	for (int i = 0; i < 1500; i++) {
		memcpy(text, fine, sizeof(fine));
		for (uint64_t n = 1 + image_random(&rnd) % 4; n > 0; n--)
			text[image_random(&rnd) % (sizeof(fine) - 1)] =
				(char)(i % 3 ? " \n\"\\{}[]=#,0a"[image_random(&rnd) % 13] :
				       (char)(1 + image_random(&rnd) % 255));
		write_mda(MDA1, text, 512, 0, false);
		read_pv(0, PV_SIZE, &pv, &why);
		lvm_pv_done(&pv);
		free(why);
	}
}
END_TEST

static Suite *suite_lvm_meta(void)
{
	Suite *s = suite_create("lvm_meta");
	TCase *tc = tcase_create("lvm_meta");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, recordings, 0, (int)ARRAY_SIZE(recorded));
	tcase_add_test(tc, orphan);
	tcase_add_loop_test(tc, one_byte, 0, (int)ARRAY_SIZE(recorded));
	tcase_add_test(tc, map);
	tcase_add_test(tc, good_texts);
	tcase_add_loop_test(tc, bad_text, 0, (int)ARRAY_SIZE(bad_texts));
	tcase_add_test(tc, areas);
	tcase_add_test(tc, mangled);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_lvm_meta)
