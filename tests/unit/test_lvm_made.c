/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Volume groups with texts made up here: odd, hostile and very long ones. */
#include "tests/unit/test_lvm_rig.h"

#define PV_SIZE	(16 * MIB)
#define HEAD \
	"vg {\nid = \"some\"\nseqno = 3\nstatus = [\"READ\", \"WRITE\"]\nflags = []\n" \
	"extent_size = 128\nphysical_volumes {\n" \
	"pv0 {\nid = \"AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA\"\n" \
	"status = [\"ALLOCATABLE\"]\nflags = []\npe_start = 18432\npe_count = 100\n}\n" \
	"pv1 {\nid = \"BBBBBB-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA\"\n" \
	"status = [\"ALLOCATABLE\"]\nflags = []\npe_start = 18432\npe_count = 100\n}\n" \
	"}\nlogical_volumes {\n"
#define TAIL	"}\n}\ncontents = \"Text Format Volume Group\"\nversion = 1\n"
#define LV(name, words, flags, segments) \
	name " {\nstatus = [\"READ\"" words "]\nflags = [" flags "]\nsegment_count = 1\n" \
	"segment1 {\nstart_extent = 0\n" segments "}\n}\n"
#define SHOWN	", \"VISIBLE\""
#define LINEAR(count, first) \
	"extent_count = " count "\ntype = \"striped\"\nstripe_count = 1\n" \
	"stripes = [\"pv0\", " first "]\n"
#define RAID1(list) \
	"extent_count = 1\ntype = \"raid1\"\ndevice_count = 1\nraids = [" list "]\n"
#define MIRROR(list) \
	"extent_count = 1\ntype = \"mirror\"\nmirror_count = 1\nmirror_log = \"log\"\n" \
	"region_size = 128\nmirrors = [" list ", 0]\n"
#define LOG		LV("log", "", "", LINEAR("1", "9"))
#define POOL_SEGMENT \
	"extent_count = 4\ntype = \"thin-pool\"\nmetadata = \"m\"\npool = \"d\"\n" \
	"transaction_id = 1\nchunk_size = 128\n"

static void make_text(const char *text)
{
	rig_label("made", 'A', PV_SIZE, 9 * MIB, 8 * MIB);
	rig_set_text("made", text);
	RIG_OPEN("made");
}

/* Volume "vg/a" has no space for that reason; or none of the PV is trusted ('-' before). */
static const struct {
	const char *phrase, *lvs;
} odd[] = {
	{ NULL, LV("a", SHOWN, "", LINEAR("3", "5")) },
	{ NULL, LV("a", SHOWN, "\"WRITE_LOCKED\", \"ACTIVATION_SKIP\"", LINEAR("3", "5")) },
	{ NULL, LV("a", SHOWN, "", LINEAR("3", "5") "tags = [\"a\"]\n") },
	{ "unknown way", LV("a", SHOWN, "\"FUTURE\"", LINEAR("3", "5")) },
	{ "unknown way", LV("a", SHOWN ", \"PARTIAL\"", "", LINEAR("3", "5")) },
	{ "-being moved", LV("a", SHOWN ", \"LOCKED\"", "", LINEAR("3", "5")) },
	{ "-leaves the PV", LV("a", SHOWN, "", LINEAR("3", "98")) },
	{ "-overlaps", LV("a", SHOWN, "", LINEAR("3", "5")) LV("b", "", "", LINEAR("1", "7")) },
	{ "-two LVs", LV("a", "", "", LINEAR("1", "5")) LV("a", "", "", LINEAR("1", "7")) },
	{ "-unknown type", LV("a", SHOWN, "", "extent_count = 1\ntype = \"raid1+NEW\"\n") },
	{ "is not here", LV("a", SHOWN, "", "extent_count = 1\ntype = \"striped\"\n"
			    "stripe_count = 1\nstripes = [\"pv1\", 5]\n") },
	/* A volume on itself, and one on another. */
	{ "others are made of it", LV("a", SHOWN, "", "extent_count = 1\ntype = \"striped\"\n"
				      "stripe_count = 1\nstripes = [\"a\", 0]\n") },
	{ "unusual way", LV("a", SHOWN, "", "extent_count = 1\ntype = \"striped\"\n"
			    "stripe_count = 1\nstripes = [\"b\", 0]\n")
	  LV("b", "", "", LINEAR("1", "5")) },
	/* Circles of parts. */
	{ "other uses", LV("a", SHOWN, "", MIRROR("\"b\"")) LV("b", "", "", MIRROR("\"c\""))
	  LV("c", "", "", MIRROR("\"b\"")) LOG },
	{ "others are made of it", LV("a", SHOWN, "", RAID1("\"a\", \"a\"")) },
	{ "other uses", LV("a", SHOWN, "", RAID1("\"b\", \"b\""))
	  LV("b", "", "", LINEAR("1", "5")) },
	{ "other uses", LV("a", SHOWN, "", RAID1("\"b\", \"c\""))
	  LV("b", SHOWN, "", LINEAR("1", "5")) LV("c", "", "", LINEAR("1", "6")) },
	{ "not listed", LV("a", SHOWN, "", RAID1("\"b\", \"c\"")) },
	{ "no superblock", LV("a", SHOWN, "", RAID1("\"b\", \"c\""))
	  LV("b", "", "", LINEAR("1", "5")) LV("c", "", "", LINEAR("1", "6")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("\"b\", \"c\""))
	  LV("b", "", "", LINEAR("1", "5")) LV("c", "", "", LINEAR("2", "6")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("\"b\"")) LV("b", "", "", LINEAR("1", "5")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("7")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("\"b\", \"c\", 1"))
	  LV("b", "", "", LINEAR("1", "5")) LV("c", "", "", LINEAR("1", "6")) },
	{ "impossible", LV("a", SHOWN, "", RAID1("\"b\", \"c\", \"d\", \"e\""))
	  LV("b", "", "", LINEAR("1", "5")) LV("c", "", "", LINEAR("1", "6")) },
	{ "another mirror", LV("a", SHOWN, "", MIRROR("\"b\"")) LOG
	  LV("b", "", "", LINEAR("1", "5")) },
	/* A stripe that no extent is a multiple of; none at all; too many. */
	{ "impossible", LV("a", SHOWN, "", "extent_count = 2\ntype = \"striped\"\n"
			   "stripe_count = 2\nstripe_size = 24\n"
			   "stripes = [\"pv0\", 5, \"pv0\", 7]\n") },
	{ "impossible", LV("a", SHOWN, "", "extent_count = 2\ntype = \"striped\"\n"
			   "stripe_count = 2\nstripes = [\"pv0\", 5, \"pv0\", 7]\n") },
	{ NULL, LV("a", SHOWN, "", "extent_count = 2\ntype = \"striped\"\nstripe_count = 2\n"
		   "stripe_size = 8\nstripes = [\"pv0\", 7, \"pv0\", 5]\n") },
	{ "impossible", LV("a", SHOWN, "", "extent_count = 1\ntype = \"raid0\"\n"
			   "stripe_count = 1\nraid0_lvs = [\"b\", 0]\n")
	  LV("b", "", "", LINEAR("1", "5")) },
	{ NULL, LV("a", SHOWN, "", "extent_count = 1\ntype = \"raid0\"\nstripe_size = 8\n"
		   "stripe_count = 1\nraid0_lvs = [\"b\", 0]\n")
	  LV("b", "", "", LINEAR("1", "5")) },
	{ "RAID 10 in LVM", LV("a", SHOWN, "", "extent_count = 1\ntype = \"raid10\"\n") },
	{ "RAID 6 in LVM", LV("a", SHOWN, "", "extent_count = 1\ntype = \"raid6_zr\"\n") },
	{ "a cache may", LV("a", SHOWN, "", "extent_count = 1\ntype = \"writecache\"\n") },
	{ "of type vdo", LV("a", SHOWN, "", "extent_count = 1\ntype = \"vdo\"\n") },
	{ "of type error", LV("a", SHOWN, "", "extent_count = 1\ntype = \"error\"\n") },
	{ "of type integrity", LV("a", SHOWN, "", "extent_count = 1\ntype = \"integrity\"\n") },
	/* Snapshots, also while they are merged, and thin volumes on a volume of the usual kind. */
	{ "snapshots need", LV("a", SHOWN, "", LINEAR("1", "5")) LV("s", "", "",
	  "extent_count = 1\ntype = \"snapshot\"\norigin = \"a\"\nmerging_store = \"b\"\n") },
	{ "snapshot's blocks", LV("b", SHOWN, "", LINEAR("1", "5")) LV("s", "", "",
	  "extent_count = 1\ntype = \"snapshot\"\norigin = \"b\"\nmerging_store = \"a\"\n")
	  LV("a", SHOWN, "", LINEAR("1", "6")) },
	{ "thin volumes need", LV("a", SHOWN, "", LINEAR("1", "5")) LV("t", SHOWN, "",
	  "extent_count = 1\ntype = \"thin\"\nthin_pool = \"p\"\nexternal_origin = \"a\"\n") },
	{ "not the pool", LV("a", SHOWN, "", LINEAR("1", "5")) LV("t", SHOWN, "",
	  "extent_count = 1\ntype = \"thin\"\nthin_pool = \"a\"\n") },
	{ "not listed", LV("a", SHOWN, "", POOL_SEGMENT) },
	{ "cannot be understood", LV("a", SHOWN, "", POOL_SEGMENT)
	  LV("d", "", "", LINEAR("3", "5")) LV("m", "", "", LINEAR("1", "9")) },
	{ "not finished", LV("a", SHOWN, "", POOL_SEGMENT "message1 {\ndelete = 3\n}\n")
	  LV("d", "", "", LINEAR("4", "5")) LV("m", "", "", LINEAR("1", "9")) },
	{ "wrong checksum", LV("a", SHOWN, "", POOL_SEGMENT)
	  LV("d", "", "", LINEAR("4", "5")) LV("m", "", "", LINEAR("1", "9")) },
};

START_TEST(odd_volumes)
{
	char *text;

	ck_assert_int_gt(asprintf(&text, HEAD "%s" TAIL, odd[_i].lvs), 0);
	make_text(text);
	free(text);
	if (odd[_i].phrase && odd[_i].phrase[0] == '-') {
		rig_expect_member(0, odd[_i].phrase + 1);
		ck_assert_uint_eq(rig.a.nvolumes, 0);
	} else {
		rig_expect_member(0, NULL);
		rig_expect("vg/a", odd[_i].phrase);
	}
	rig_close();
}
END_TEST

/* A long text, put together with printf(); "%s" comes several times. */
struct builder {
	char *text;
	size_t len;
	FILE *f;
};

static FILE *begin(struct builder *b)
{
	b->f = open_memstream(&b->text, &b->len);
	ck_assert_ptr_nonnull(b->f);
	fputs(HEAD, b->f);
	return b->f;
}

static void finish(struct builder *b)
{
	fputs(TAIL, b->f);
	fclose(b->f);
	ck_assert_uint_lt(b->len, 7 * MIB);
	make_text(b->text);
	free(b->text);
}

/* As much as the text may have. */
START_TEST(very_many)
{
	struct builder b;
	FILE *f = begin(&b);

	/* Segments, of which none has a place: the first leaves the PV. */
	fprintf(f, "a {\nstatus = [\"VISIBLE\"]\nflags = []\nsegment_count = 60000\n");
	for (unsigned int i = 0; i < 60000; i++)
		fprintf(f, "segment%u {\nstart_extent=%u extent_count=1\ntype=\"striped\"\n"
			"stripe_count=1 stripes=[\"pv1\",%u]\n}\n", i, i, 60000 - i);
	fprintf(f, "}\n");
	finish(&b);
	rig_expect_member(0, NULL);
	rig_expect("vg/a", "too many pieces");

	/* Volumes. */
	f = begin(&b);
	for (unsigned int i = 0; i < 30000; i++)
		fprintf(f, "l%u {\nstatus=[\"VISIBLE\"]\nflags=[] segment_count=1\nsegment1 {\n"
			"start_extent=0 extent_count=1\ntype=\"striped\"\nstripe_count=1 "
			"stripes=[\"pv1\",%u]\n}\n}\n", i, i);
	finish(&b);
	rig_expect_member(0, NULL);
	ck_assert_uint_eq(rig.a.nvolumes, 1);
	rig_expect("vg", "too many volumes");

	/* Stripes. */
	f = begin(&b);
	fprintf(f, "a {\nstatus=[\"VISIBLE\"]\nflags=[] segment_count=1\nsegment1 {\n"
		"start_extent=0 extent_count=400000\ntype=\"striped\"\nstripe_count=400000\n"
		"stripe_size=8\nstripes=[\"pv1\",0");
	for (unsigned int i = 1; i < 400000; i++)
		fprintf(f, ",\"pv1\",%u", i);
	fprintf(f, "]\n}\n}\n");
	finish(&b);
	rig_expect_member(0, NULL);
	rig_expect("vg/a", "impossible");

	/* Mirrors of mirrors of mirrors. */
	f = begin(&b);
	for (unsigned int i = 0; i < 20000; i++)
		fprintf(f, "m%u {\nstatus=[%s]\nflags=[] segment_count=1\nsegment1 {\n"
			"start_extent=0 extent_count=1\ntype=\"mirror\"\nmirror_count=1 "
			"mirrors=[\"m%u\",0]\n}\n}\n", i, i ? "" : "\"VISIBLE\"", i + 1);
	finish(&b);
	rig_expect_member(0, NULL);
	rig_expect("vg/m0", "too deeply");
	rig_close();
}
END_TEST

static Suite *suite_lvm_made(void)
{
	Suite *s = suite_create("lvm_made");
	TCase *tc = tcase_create("lvm_made");

	tcase_add_unchecked_fixture(tc, image_setup, image_teardown);
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, odd_volumes, 0, (int)ARRAY_SIZE(odd));
	tcase_add_test(tc, very_many);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite_lvm_made)
