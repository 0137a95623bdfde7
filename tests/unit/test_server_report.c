/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/report.h"

#include "common/jsonx.h"
#include "p2v-server/diskmap.h"
#include "tests/unit/test_server_rig.h"

#define EVIL	"<script>alert('1')</script>\" onload=\"x\" &amp; </pre><img src=x>\n+<b>\x01\x7f"

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* Foreign text may be in a tag within quotes only. */
static void check_tag(const char *p, size_t n)
{
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		quoted ^= p[i] == '"';
		ck_assert_msg(quoted || strncmp(p + i, "onload", 6) != 0,
			      "an attribute of somebody else: %.40s", p);
		ck_assert_msg(quoted || strncmp(p + i, "alert", 5) != 0,
			      "foreign text in a tag: %.40s", p);
	}
	ck_assert_msg(!quoted, "an open quote: %.40s", p);
}

/* Every tag is one that the page itself writes, and every attribute, too. */
static void check_html(const char *html)
{
	static const char *const tags[] = { "!DOCTYPE", "html",	   "head", "meta",  "style",
					    "title",	"body",	   "h1",   "h2",    "h3",
					    "p",	"div",	   "span", "table", "tr",
					    "td",	"th",	   "code", "br",    "strong",
					    "details",	"summary", "pre",  "svg",   "rect" };

	for (const char *p = strchr(html, '<'); p; p = strchr(p + 1, '<')) {
		const char *name = p + 1 + (p[1] == '/');
		size_t n = strcspn(name, " >/\n");
		bool known = false;

		for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
			known |= strlen(tags[i]) == n && strncmp(tags[i], name, n) == 0;
		ck_assert_msg(known, "a tag of somebody else: %.40s", p);
		check_tag(p, strcspn(p, ">"));
	}
	ck_assert_ptr_null(strstr(html, "<script"));
	ck_assert_ptr_null(strchr(html, '\x01'));
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		char open[16], shut[16];

		if (strchr("!mb", tags[i][0]) || strcmp(tags[i], "rect") == 0)
			continue;
		snprintf(open, sizeof(open), "<%s>", tags[i]);
		snprintf(shut, sizeof(shut), "</%s>", tags[i]);
		snprintf(open + strlen(open) - 1, 2, " ");
		ck_assert_msg(count(html, shut) >= count(html, open), "%s is not closed", tags[i]);
	}
}

static void add_record(struct journal *j, enum journal_type type, uint8_t reason, uint64_t offset,
		       uint64_t length)
{
	struct journal_record r = {
		.type = type, .reason = reason, .offset = offset, .length = length
	};

	MUST(journal_append(j, &r, 1, &e));
}

static json_t *evil_object(const char *const *keys, size_t n)
{
	json_t *o = json_object();

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(jsonx_set_str(o, keys[i], EVIL), 0);
	return o;
}

#define EVIL_OBJECT(...) \
	({ \
		static const char *const keys_[] = { __VA_ARGS__ }; \
		evil_object(keys_, ARRAY_SIZE(keys_)); \
	})

static json_t *evil_list(json_t *member)
{
	json_t *a = json_array();

	ck_assert_int_eq(json_array_append_new(a, member), 0);
	return a;
}

/* Hostile text in every place that the page shows. */
START_TEST(hostile_text)
{
	static const uint64_t size[1] = { 4 * MIB };
	CLEANUP(job_free) struct job *j = rig_job("box", size, 1, false);
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(json_unref) json_t *report = json_object();
	CLEANUP(mem_free) char *html = NULL;
	json_t *job = EVIL_OBJECT("name", "updated", "state", "consistency", "agent", "domain_xml");
	json_t *image = EVIL_OBJECT("disk", "source", "path", "replica", "digest");
	json_t *machine = EVIL_OBJECT("hostname"), *guest = EVIL_OBJECT("os");
	json_t *part = EVIL_OBJECT("name", "kind", "why"), *disk = EVIL_OBJECT("name");
	json_t *fix = EVIL_OBJECT("id", "title", "state", "severity", "detail", "undo");
	json_t *change = EVIL_OBJECT("path", "what", "diff"), *source = json_object();

	MUST(job_journal(j, false, &journal, &e));
	json_object_set_new(image, "bad",
			    evil_list(json_pack("{s:I,s:I}", "offset", (json_int_t)512, "length",
						(json_int_t)512)));
	json_object_set_new(job, "images", evil_list(image));
	json_object_set_new(job, "warnings", evil_list(json_string("<script>\"'&")));
	json_object_set_new(machine, "smbios", EVIL_OBJECT("product_name", "product_serial"));
	json_object_set_new(machine, "os", EVIL_OBJECT("pretty_name"));
	json_object_set_new(disk, "parts", evil_list(part));
	json_object_set_new(source, "disks", evil_list(disk));
	json_object_set_new(fix, "changes", evil_list(change));
	json_object_set_new(guest, "fixes", evil_list(fix));
	json_object_set_new(guest, "warnings", evil_list(json_string("<script>\"'&")));
	json_object_set_new(report, "job", job);
	json_object_set_new(report, "machine", machine);
	json_object_set_new(report, "source", source);
	json_object_set_new(report, "guest", guest);
	MUST(report_html(report, journal, &html, &e));
	check_html(html);
	/* It is shown, not left out. */
	ck_assert_uint_gt(count(html, "&lt;script&gt;"), 20);
}
END_TEST

/* Members of the wrong kind are shown as nothing. */
START_TEST(members_of_the_wrong_type)
{
	static const char *const texts[] = {
		"{}",
		"{\"job\":1,\"machine\":[],\"source\":\"x\",\"guest\":{}}",
		"{\"job\":{\"images\":[1,null,{}],\"warnings\":[1]},\"guest\":{\"fixes\":[1,{},{"
		"\"changes\":[1]}],\"warnings\":{}}}",
		"{\"job\":{\"images\":[{\"disk\":5,\"bad\":[1]}]},\"source\":{\"disks\":[1,{"
		"\"name\":\"\",\"parts\":[1]}]}}",
	};
	static const uint64_t size[3] = { MIB, MIB, MIB };
	CLEANUP(job_free) struct job *j = rig_job("box", size, 3, false);
	CLEANUP(journal_free) struct journal *journal = NULL;

	MUST(job_journal(j, false, &journal, &e));
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		CLEANUP(json_unref) json_t *report = NULL;
		CLEANUP(mem_free) char *html = NULL;

		MUST(jsonx_parse(texts[i], strlen(texts[i]), "test", &report, &e));
		MUST(report_html(report, journal, &html, &e));
		check_html(html);
	}
}
END_TEST

START_TEST(written_for_a_job)
{
	static const char source[] = "{\"disks\":[{\"name\":\"sda0\",\"parts\":[{\"name\":\"<1>\","
				     "\"kind\":\"ext4\"}]}]}";
	static const uint64_t size[1] = { 3 * MIB + 512 };
	CLEANUP(job_free) struct job *j = rig_job("box", size, 1, false);
	CLEANUP(journal_free) struct journal *journal = NULL;
	CLEANUP(mem_free) char *html = NULL;
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(json_unref) json_t *report = NULL;
	size_t len;

	MUST(job_journal(j, false, &journal, &e));
	add_record(journal, JOURNAL_ZERO, PROTO_ZERO_FREE, 0, size[0]);
	add_record(journal, JOURNAL_BAD, 0, MIB, 1024);
	rig_write("box/source.json", source, strlen(source));
	ck_assert_int_eq(job_warn(j, "<script>%d</script>", 1), 0);
	free(j->images[0].source);
	j->images[0].source = strdup("/dev/<sda>");
	MUST(report_write(j, NULL, &e));
	ck_assert_str_eq(j->report, "report.json");
	ck_assert_str_eq(j->report_html, "report.html");
	MUST(fdio_read_file_at(j->dirfd, "report.html", 1 << 20, &html, NULL, &e));
	check_html(html);
	ck_assert_ptr_nonnull(strstr(html, "/dev/&lt;sda&gt;"));
	ck_assert_ptr_nonnull(strstr(html, "1024 bytes at offset 0x100000"));
	MUST(fdio_read_file_at(j->dirfd, "report.json", 1 << 20, &text, &len, &e));
	MUST(jsonx_parse(text, len, "report", &report, &e));
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(report, "job"), "name")),
			 "box");
	/* No journal is no reason for no report of what is known. */
	ck_assert_int_eq(unlinkat(j->dirfd, "source.json", 0), 0);
	rig_write("box/source.json", "{", 1);
	MUST(report_write(j, NULL, &e));
}
END_TEST

/* A disk in memory only; the map's cells are what is under test. */
static char *map_of(uint64_t nchunks, const uint8_t *state, uint64_t bad_offset,
		    uint64_t bad_length)
{
	struct journal_disk d = { .size = nchunks * CHUNK,
				  .nchunks = nchunks,
				  .state = (uint8_t *)state };
	struct strbuf b = { 0 };

	ck_assert_int_eq(extents_add(&d.bad, bad_offset, bad_length, 0), 0);
	strbuf_add(&b, "");
	diskmap_svg(&b, &d, "a <b> & \"c\"");
	extents_done(&d.bad);
	ck_assert(!b.failed);
	return strbuf_take(&b);
}

START_TEST(map_sizes)
{
	static const struct {
		uint64_t chunks;
		unsigned int cells, rows;
	} t[] = { { 0, 0, 0 },	      { 1, 1, 1 },	  { 95, 95, 1 },
		  { 96, 96, 1 },      { 97, 97, 2 },	  { 1535, 1535, 16 },
		  { 1536, 1536, 16 }, { 1537, 1536, 16 }, { 100000, 1536, 16 } };
	CLEANUP(mem_free) uint8_t *state = calloc(100000, 1);

	memset(state, CHUNK_ZERO, 100000);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		CLEANUP(mem_free) char *svg = map_of(t[i].chunks, state, 0, 0);
		char box[64];

		ck_assert_uint_eq(count(svg, "<rect "), t[i].cells);
		ck_assert_uint_eq(count(svg, "class=\"zero\""), t[i].cells);
		ck_assert_uint_eq(count(svg, "</svg>"), t[i].chunks > 0);
		if (t[i].chunks == 0)
			continue;
		snprintf(box, sizeof(box), "viewBox=\"0 0 960 %u\"", t[i].rows * 10);
		ck_assert_ptr_nonnull(strstr(svg, box));
		ck_assert_ptr_nonnull(strstr(svg, "a &lt;b&gt; &amp; &quot;c&quot;"));
	}
}
END_TEST

START_TEST(map_classes)
{
	uint8_t state[6] = { CHUNK_DATA,   CHUNK_ZERO, CHUNK_FREE,
			     CHUNK_ABSENT, CHUNK_DATA, CHUNK_FREE };
	CLEANUP(mem_free) char *svg = map_of(6, state, 5 * CHUNK - 512, 1024);
	CLEANUP(mem_free) uint8_t *big = calloc(3 * 1536, 1);
	CLEANUP(mem_free) char *mixed = NULL;

	ck_assert_uint_eq(count(svg, "class=\"data\""), 1);
	ck_assert_uint_eq(count(svg, "class=\"zero\""), 1);
	ck_assert_uint_eq(count(svg, "class=\"free\""), 1);
	ck_assert_uint_eq(count(svg, "class=\"absent\""), 1);
	ck_assert_uint_eq(count(svg, "class=\"bad\""), 2);
	/* Three chunks to a cell, one of them data: drawn as data, paler. */
	memset(big, CHUNK_FREE, 3 * 1536);
	for (size_t i = 0; i < 3 * 1536; i += 3)
		big[i] = CHUNK_DATA;
	mixed = map_of(3 * 1536, big, 0, 0);
	ck_assert_uint_eq(count(mixed, "class=\"data\""), 1536);
	ck_assert_uint_eq(count(mixed, "opacity=\"0.57\""), 1536);
}
END_TEST

static Suite *report_suite(void)
{
	const TTest *const tests[] = { hostile_text, members_of_the_wrong_type, written_for_a_job,
				       map_sizes, map_classes };

	return rig_suite("report", tests, ARRAY_SIZE(tests), rig_setup, rig_teardown);
}

UNIT_MAIN(report_suite)
