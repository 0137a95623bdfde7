/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three layers, each of which may end in doubt (0), success (1) or an error:
 *
 *	label sector	"LABELONE" in one of the first four sectors, with the PV header in it: UUID,
 *			where the data area and the metadata areas are
 *	metadata area	a header that points at the committed text in a ring
 *	text		parsed into a tree, then walked: which extents of this PV has some LV?
 *
 * In LVM2 space on a PV is only ever given out through the area lists of segments, and in all
 * segment types that are known here but "striped" (linear is striped over one) those lists name
 * other LVs, which come down to striped ones in the end. So the striped segments are the whole
 * truth, provided that no other segment names a PV; that is checked too.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"
#include "disk/crc32.h"
#include "disk/lvm_meta.h"

#define SECTOR		512u
#define LABEL_SECTORS	4u
#define CRC_INITIAL	0xf597a6cfu
#define MDAS_MAX	2
#define TEXT_MAX	(8u << 20)	/* the default area is 1 MiB */
#define DEPTH_MAX	16
#define LOCN_IGNORED	1u

struct area {
	uint64_t offset, length;
};

struct source {
	const struct disk *d;
	uint64_t offset, length;	/* the PV on the disk */
	char **why;
	struct err *err;
};

static int doubt(const struct source *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int doubt(const struct source *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(s->err);
	free(*s->why);
	*s->why = text;
	return 0;
}

static int read_pv(const struct source *s, void *buf, size_t len, uint64_t offset)
{
	assert(range_inside(offset, len, s->length));
	return disk_read(s->d, buf, len, s->offset + offset, s->err);
}

/* --- label and PV header --- */

struct header {
	char uuid[33];
	uint64_t device_size;
	struct area data, mda[MDAS_MAX];
	unsigned int mdas;
};

/* A list of areas that ends with a zero one. *pos moves behind it. */
static int parse_areas(const struct source *s, const uint8_t *sector, size_t *pos,
		       struct area *list, unsigned int max, unsigned int *ret_n)
{
	for (unsigned int n = 0;; n++) {
		struct area a;

		if (*pos + 16 > SECTOR)
			return doubt(s, "the PV header does not end");
		a = (struct area){ get_le64(sector + *pos), get_le64(sector + *pos + 8) };
		*pos += 16;
		if (a.offset == 0) {
			*ret_n = n;
			return 1;
		}
		if (n == max)
			return doubt(s, "the PV header names too many areas");
		if (!range_inside(a.offset, a.length, s->length))
			return doubt(s, "the PV header names an area outside the partition");
		list[n] = a;
	}
}

static int parse_header(const struct source *s, const uint8_t *sector, struct header *ret)
{
	struct header h = { 0 };
	unsigned int n;
	size_t pos = get_le32(sector + 20);
	uint32_t version;
	int r;

	if (pos < 32 || pos > SECTOR - 40)
		return doubt(s, "the PV header is not in its label sector");
	memcpy(h.uuid, sector + pos, 32);
	for (int i = 0; i < 32; i++)
		if (h.uuid[i] <= ' ' || h.uuid[i] > '~')
			return doubt(s, "the PV has an impossible UUID");
	h.device_size = get_le64(sector + pos + 32);
	pos += 40;
	r = parse_areas(s, sector, &pos, &h.data, 1, &n);
	if (r <= 0)
		return r;
	if (n != 1)
		return doubt(s, "the PV has no data area");
	r = parse_areas(s, sector, &pos, h.mda, MDAS_MAX, &h.mdas);
	if (r <= 0)
		return r;
	if (h.mdas == 0)
		return doubt(s, "the PV has no metadata area of its own");
	/* The header extension; version 0 is an older LVM2 that knew none. */
	if (pos + 8 > SECTOR)
		return doubt(s, "the PV header does not end");
	version = get_le32(sector + pos);
	if (version > 2)
		return doubt(s, "the PV header extension has version %" PRIu32, version);
	if (h.device_size > s->length)
		return doubt(s, "the PV is larger than its partition");
	*ret = h;
	return 1;
}

static int read_label(const struct source *s, struct header *ret)
{
	uint8_t sectors[LABEL_SECTORS * SECTOR];
	const uint8_t *label = NULL;
	int r;

	if (s->length < sizeof(sectors))
		return doubt(s, "too small for LVM");
	r = read_pv(s, sectors, sizeof(sectors), 0);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < LABEL_SECTORS; i++) {
		const uint8_t *p = sectors + i * SECTOR;

		if (memcmp(p, "LABELONE", 8) != 0)
			continue;
		if (label)
			return doubt(s, "two LVM labels");
		if (memcmp(p + 24, "LVM2 001", 8) != 0)
			return doubt(s, "an LVM label of unknown kind");
		if (get_le64(p + 8) != i)
			return doubt(s, "the LVM label is not where it was written");
		if (crc32_bare(CRC_INITIAL, p + 20, SECTOR - 20) != get_le32(p + 16))
			return doubt(s, "the LVM label has a wrong checksum");
		label = p;
	}
	if (!label)
		return doubt(s, "no LVM label");
	return parse_header(s, label, ret);
}

/* --- metadata area --- */

/* *ret stays NULL when LVM has been told not to use this area. */
static int read_mda(const struct source *s, const struct area *mda, char **ret, size_t *ret_len)
{
	static const char magic[16] = " LVM2 x[5A%r0N*>";
	CLEANUP(mem_free) char *text = NULL;
	uint8_t header[SECTOR];
	uint64_t offset, size, first;
	uint32_t checksum, flags;
	int r;

	if (mda->length < 2 * SECTOR)
		return doubt(s, "a metadata area is too small");
	r = read_pv(s, header, sizeof(header), mda->offset);
	if (r < 0)
		return r;
	if (crc32_bare(CRC_INITIAL, header + 4, SECTOR - 4) != get_le32(header))
		return doubt(s, "a metadata area header has a wrong checksum");
	if (memcmp(header + 4, magic, sizeof(magic)) != 0 || get_le32(header + 20) != 1 ||
	    get_le64(header + 24) != mda->offset || get_le64(header + 32) != mda->length)
		return doubt(s, "a metadata area header is not LVM's");
	offset = get_le64(header + 40);
	size = get_le64(header + 48);
	checksum = get_le32(header + 56);
	flags = get_le32(header + 60);
	if (flags & ~LOCN_IGNORED)
		return doubt(s, "a metadata area has unknown flags");
	if (flags & LOCN_IGNORED)
		return 1;
	if (offset == 0)
		return doubt(s, "the PV belongs to no volume group");
	if (get_le64(header + 64) != 0)
		return doubt(s, "an LVM change was not finished");
	if (offset < SECTOR || offset >= mda->length || size == 0 || size > mda->length - SECTOR ||
	    size > TEXT_MAX)
		return doubt(s, "a metadata area points outside itself");

	text = malloc(size + 1);
	if (!text)
		return err_nomem(s->err);
	/* The ring begins behind the header. */
	first = MIN(size, mda->length - offset);
	r = read_pv(s, text, first, mda->offset + offset);
	if (r == 0 && first < size)
		r = read_pv(s, text + first, size - first, mda->offset + SECTOR);
	if (r < 0)
		return r;
	if (crc32_bare(CRC_INITIAL, text, size) != checksum)
		return doubt(s, "the LVM metadata has a wrong checksum");
	text[size] = '\0';
	*ret = TAKE_PTR(text);
	*ret_len = size;
	return 1;
}

static int read_text(const struct source *s, const struct header *h, char **ret, size_t *ret_len)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len = 0;
	int r;

	for (unsigned int i = 0; i < h->mdas; i++) {
		CLEANUP(mem_free) char *copy = NULL;
		size_t copy_len = 0;

		r = read_mda(s, &h->mda[i], &copy, &copy_len);
		if (r <= 0)
			return r;
		if (!copy)
			continue;
		if (text && (copy_len != len || memcmp(copy, text, len) != 0))
			return doubt(s, "the two copies of the LVM metadata differ");
		if (!text) {
			text = TAKE_PTR(copy);
			len = copy_len;
		}
	}
	if (!text)
		return doubt(s, "all metadata areas of the PV are switched off");
	while (len > 0 && text[len - 1] == '\0')
		len--;
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 1;
}

/* --- text --- */

enum kind { SECTION, NUMBER, STRING, ARRAY };

struct node {
	struct node *next, *children;
	char *name;			/* NULL in an array */
	enum kind kind;
	uint64_t number;
	char *string;
};

/* Children's children are few levels deep (DEPTH_MAX); siblings are a loop. */
static void node_free(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		node_free(n->children);
		free(n->name);
		free(n->string);
		free(n);
		n = next;
	}
}
DEFINE_CLEANUP(struct node *, node_free)

struct parser {
	const struct source *s;
	const char *p, *end;
};

static void skip_blanks(struct parser *x)
{
	while (x->p < x->end) {
		if (*x->p == '#') {
			while (x->p < x->end && *x->p != '\n')
				x->p++;
		} else if (*x->p == ' ' || *x->p == '\t' || *x->p == '\n') {
			x->p++;
		} else {
			return;
		}
	}
}

/* Is c the next thing? Then it is taken. */
static bool take(struct parser *x, char c)
{
	skip_blanks(x);
	if (x->p == x->end || *x->p != c)
		return false;
	x->p++;
	return true;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '+';
}

static int parse_string(struct parser *x, struct node *n)
{
	size_t len = 0;
	char *to;

	/* No longer than what is left of its line, quotes included. */
	for (const char *p = x->p; p < x->end && *p != '\n'; p++)
		len++;
	n->string = to = malloc(len + 1);
	if (!to)
		return err_nomem(x->s->err);
	n->kind = STRING;
	while (x->p < x->end && *x->p != '\n' && *x->p != '\0') {
		char c = *x->p++;

		if (c == '"') {
			*to = '\0';
			return 1;
		}
		if (c == '\\') {
			if (x->p == x->end || (*x->p != '"' && *x->p != '\\'))
				break;
			c = *x->p++;
		}
		*to++ = c;
	}
	*to = '\0';
	return doubt(x->s, "a string in the LVM metadata does not end");
}

static int parse_number(struct parser *x, struct node *n)
{
	const char *start = x->p;

	n->kind = NUMBER;
	for (; x->p < x->end && *x->p >= '0' && *x->p <= '9'; x->p++)
		if (!u64_mul(n->number, 10, &n->number) ||
		    !u64_add(n->number, (uint64_t)(*x->p - '0'), &n->number))
			return doubt(x->s, "a number in the LVM metadata is too large");
	if (x->p == start || (x->p < x->end && name_char(*x->p)))
		return doubt(x->s, "the LVM metadata cannot be parsed");
	return 1;
}

static int parse_scalar(struct parser *x, struct node *n)
{
	return take(x, '"') ? parse_string(x, n) : parse_number(x, n);
}

static int parse_array(struct parser *x, struct node *n)
{
	struct node **tail = &n->children;
	int r;

	n->kind = ARRAY;
	if (take(x, ']'))
		return 1;
	for (;;) {
		*tail = calloc(1, sizeof(**tail));
		if (!*tail)
			return err_nomem(x->s->err);
		r = parse_scalar(x, *tail);
		if (r <= 0)
			return r;
		tail = &(*tail)->next;
		if (take(x, ']'))
			return 1;
		if (!take(x, ','))
			return doubt(x->s, "the LVM metadata cannot be parsed");
	}
}

/* "name { ... }" and "name = value" up to '}' (not at the top) or the end (at the top). */
static int parse_section(struct parser *x, struct node *parent, int depth)
{
	struct node **tail = &parent->children;
	int r;

	parent->kind = SECTION;
	if (depth > DEPTH_MAX)
		return doubt(x->s, "the LVM metadata is nested too deeply");
	for (;;) {
		const char *name;
		struct node *n;

		skip_blanks(x);
		if (depth == 0 && x->p == x->end)
			return 1;
		if (depth > 0 && take(x, '}'))
			return 1;
		name = x->p;
		while (x->p < x->end && name_char(*x->p))
			x->p++;
		if (x->p == name)
			return doubt(x->s, "the LVM metadata cannot be parsed");
		*tail = n = calloc(1, sizeof(*n));
		if (!n)
			return err_nomem(x->s->err);
		tail = &n->next;
		n->name = strndup(name, (size_t)(x->p - name));
		if (!n->name)
			return err_nomem(x->s->err);

		if (take(x, '{'))
			r = parse_section(x, n, depth + 1);
		else if (!take(x, '='))
			r = doubt(x->s, "the LVM metadata cannot be parsed");
		else
			r = take(x, '[') ? parse_array(x, n) : parse_scalar(x, n);
		if (r <= 0)
			return r;
	}
}

/* The one child of that name and kind; NULL when there is none, or more than one of the name. */
static const struct node *child(const struct node *parent, const char *name, enum kind kind)
{
	const struct node *found = NULL;

	for (const struct node *n = parent->children; n; n = n->next) {
		if (!n->name || strcmp(n->name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = n;
	}
	return found && found->kind == kind ? found : NULL;
}

static bool child_number(const struct node *parent, const char *name, uint64_t *ret)
{
	const struct node *n = child(parent, name, NUMBER);

	if (n)
		*ret = n->number;
	return n;
}

static const char *child_string(const struct node *parent, const char *name)
{
	const struct node *n = child(parent, name, STRING);

	return n ? n->string : NULL;
}

/* Is every word of the array in the (NULL-ended) list? A missing array is not. */
static bool only_words(const struct node *parent, const char *name, const char *const *allowed)
{
	const struct node *array = child(parent, name, ARRAY);

	if (!array)
		return false;
	for (const struct node *n = array->children; n; n = n->next) {
		const char *const *a = allowed;

		while (*a && (n->kind != STRING || strcmp(*a, n->string) != 0))
			a++;
		if (!*a)
			return false;
	}
	return true;
}

static bool has_word(const struct node *parent, const char *name, const char *word)
{
	const struct node *array = child(parent, name, ARRAY);

	for (const struct node *n = array ? array->children : NULL; n; n = n->next)
		if (n->kind == STRING && strcmp(n->string, word) == 0)
			return true;
	return false;
}

static bool has_section(const struct node *parent, const char *name)
{
	return parent && child(parent, name, SECTION);
}

/* --- what the text says about this PV --- */

struct group {
	const struct source *s;
	const struct node *pvs, *lvs;	/* lvs may be NULL */
	const struct node *own;		/* this PV's section */
	uint64_t extent_size;
	struct lvm_pv *pv;
};

static const char *const no_words[] = { NULL };

static bool known_type(const char *type)
{
	static const char *const exact[] = {
		"mirror", "snapshot", "thin", "thin-pool", "cache", "cache-pool", "writecache",
		"error", "zero", "integrity", "vdo", "vdo-pool", "raid0", "raid0_meta", "raid1",
		"raid4", "raid5", "raid5_la", "raid5_ls", "raid5_ra", "raid5_rs", "raid5_n",
		"raid6", "raid6_zr", "raid6_nr", "raid6_nc", "raid6_n_6", "raid6_la_6",
		"raid6_ls_6", "raid6_ra_6", "raid6_rs_6", "raid10", "raid10_near",
	};

	for (size_t i = 0; i < ARRAY_SIZE(exact); i++)
		if (strcmp(exact[i], type) == 0)
			return true;
	return false;
}

/* "stripes": name, first extent, name, first extent, ... */
static int walk_stripes(const struct group *g, const struct node *segment, const char *lv)
{
	const struct node *stripes = child(segment, "stripes", ARRAY);
	uint64_t count, stripe_count, width, listed = 0;

	if (!stripes || !child_number(segment, "extent_count", &count) ||
	    !child_number(segment, "stripe_count", &stripe_count) || stripe_count == 0 ||
	    count == 0 || count % stripe_count != 0)
		return doubt(g->s, "a segment of LV %s is incomplete", lv);
	width = count / stripe_count;
	for (const struct node *n = stripes->children; n; n = n->next->next, listed++) {
		uint64_t first, bytes = extents_bytes(&g->pv->allocated), length;

		if (n->kind != STRING || !n->next || n->next->kind != NUMBER)
			return doubt(g->s, "a segment of LV %s cannot be understood", lv);
		if (!has_section(g->pvs, n->string)) {
			if (!has_section(g->lvs, n->string))
				return doubt(g->s, "LV %s lies on an unknown PV", lv);
			continue;
		}
		/* Then nobody can tell which of the two is meant. */
		if (has_section(g->lvs, n->string))
			return doubt(g->s, "an LV and a PV are both called %s", n->string);
		if (strcmp(n->string, g->own->name) != 0)
			continue;
		first = n->next->number;
		if (!range_inside(first, width, g->pv->extents))
			return doubt(g->s, "LV %s leaves the PV", lv);
		length = width * g->extent_size;
		if (extents_add(&g->pv->allocated, g->pv->pe_start + first * g->extent_size, length,
				0) < 0)
			return err_nomem(g->s->err);
		if (extents_bytes(&g->pv->allocated) != bytes + length)
			return doubt(g->s, "LV %s overlaps another", lv);
	}
	if (listed != stripe_count)
		return doubt(g->s, "a segment of LV %s is incomplete", lv);
	return 1;
}

static bool names_pv(const struct group *g, const struct node *section)
{
	for (const struct node *n = section->children; n; n = n->next) {
		if (n->kind == STRING && has_section(g->pvs, n->string))
			return true;
		if ((n->kind == ARRAY || n->kind == SECTION) && names_pv(g, n))
			return true;
	}
	return false;
}

static int walk_lv(const struct group *g, const struct node *lv)
{
	uint64_t segments, found = 0, expected = 0;
	int r;

	if (lv->kind != SECTION)
		return doubt(g->s, "an LV cannot be understood");
	if (has_word(lv, "status", "PVMOVE") || has_word(lv, "flags", "PVMOVE") ||
	    has_word(lv, "status", "LOCKED") || has_word(lv, "flags", "LOCKED"))
		return doubt(g->s, "LV %s is being moved", lv->name);
	if (!child_number(lv, "segment_count", &segments))
		return doubt(g->s, "LV %s has no segments", lv->name);
	for (const struct node *n = lv->children; n; n = n->next) {
		char shown[64];
		const char *type;
		uint64_t start, count;

		if (n->kind != SECTION || strncmp(n->name, "segment", 7) != 0)
			continue;
		found++;
		type = child_string(n, "type");
		if (!type || !child_number(n, "start_extent", &start) ||
		    !child_number(n, "extent_count", &count) || start != expected ||
		    !u64_add(expected, count, &expected))
			return doubt(g->s, "a segment of LV %s cannot be understood", lv->name);
		if (strcmp(type, "striped") == 0) {
			r = walk_stripes(g, n, lv->name);
			if (r <= 0)
				return r;
			continue;
		}
		if (!known_type(type))
			return doubt(g->s, "LV %s has segments of the unknown type %s", lv->name,
				     text_escape_str(type, shown, sizeof(shown)));
		if (names_pv(g, n))
			return doubt(g->s, "LV %s lies on a PV in an unknown way", lv->name);
	}
	if (found != segments)
		return doubt(g->s, "LV %s lacks segments", lv->name);
	return 1;
}

/* "4Tcj7o-5f0B-..." is 32 characters with dashes after 6, 10, 14, ... */
static void uuid_with_dashes(const char *plain, char ret[static 40])
{
	char *to = ret;

	for (int i = 0; i < 32; i++) {
		if (i >= 6 && i <= 26 && (i - 6) % 4 == 0)
			*to++ = '-';
		*to++ = plain[i];
	}
	*to = '\0';
}

static int find_own_pv(struct group *g)
{
	for (const struct node *n = g->pvs->children; n; n = n->next) {
		const char *id = n->kind == SECTION ? child_string(n, "id") : NULL;

		if (!id)
			return doubt(g->s, "a PV in the LVM metadata has no id");
		if (!has_section(g->pvs, n->name))
			return doubt(g->s, "two PVs are called %s", n->name);
		if (strcmp(id, g->pv->uuid) != 0)
			continue;
		if (g->own)
			return doubt(g->s, "the PV is listed twice");
		g->own = n;
	}
	return g->own ? 1 : doubt(g->s, "the PV is not listed in its own metadata");
}

/* pe_start and the number of extents, held against the header and the partition. */
static int check_geometry(struct group *g, const struct header *h)
{
	static const char *const pv_status[] = { "ALLOCATABLE", "EXPORTED", NULL };
	struct lvm_pv *pv = g->pv;
	uint64_t start, count, size, end;

	if (!only_words(g->own, "status", pv_status) || !only_words(g->own, "flags", no_words))
		return doubt(g->s, "the PV is marked missing or in an unknown way");
	if (!child_number(g->own, "pe_start", &start) ||
	    !child_number(g->own, "pe_count", &count) ||
	    !u64_mul(start, SECTOR, &start) || !u64_mul(count, g->extent_size, &size) ||
	    !u64_add(start, size, &end) || end > h->device_size)
		return doubt(g->s, "the PV's extents do not fit into it");
	if (start != h->data.offset || start < LABEL_SECTORS * SECTOR)
		return doubt(g->s, "label and metadata differ on where the extents begin");
	pv->pe_start = start;
	pv->extents = count;
	pv->extent_size = g->extent_size;
	if (extents_add(&pv->metadata, 0, LABEL_SECTORS * SECTOR, 0) < 0)
		return err_nomem(g->s->err);
	for (unsigned int i = 0; i < h->mdas; i++) {
		const struct area *m = &h->mda[i];

		if (m->offset < end && m->offset + m->length > start)
			return doubt(g->s, "a metadata area overlaps the extents");
		if (extents_add(&pv->metadata, m->offset, m->length, 0) < 0)
			return err_nomem(g->s->err);
	}
	return 1;
}

static int walk_group(const struct source *s, const struct node *root, const struct header *h,
		      struct lvm_pv *pv)
{
	static const char *const vg_status[] = {
		"RESIZEABLE", "READ", "WRITE", "WRITE_LOCKED", "EXPORTED", "CLUSTERED", "SHARED",
		NULL
	};
	struct group g = { .s = s, .pv = pv };
	const struct node *vg = NULL;
	const char *contents = child_string(root, "contents");
	uint64_t version, sectors;
	int r;

	if (!contents || strcmp(contents, "Text Format Volume Group") != 0 ||
	    !child_number(root, "version", &version) || version != 1)
		return doubt(s, "the LVM metadata has an unknown version");
	for (const struct node *n = root->children; n; n = n->next) {
		if (n->kind != SECTION)
			continue;
		if (vg)
			return doubt(s, "the LVM metadata describes two volume groups");
		vg = n;
	}
	if (!vg)
		return doubt(s, "the LVM metadata describes no volume group");
	if (!only_words(vg, "status", vg_status) || !only_words(vg, "flags", no_words))
		return doubt(s, "volume group %s is marked in an unknown way", vg->name);
	if (!child_number(vg, "extent_size", &sectors) || sectors == 0 ||
	    !u64_mul(sectors, SECTOR, &g.extent_size))
		return doubt(s, "volume group %s has no extent size", vg->name);
	g.pvs = child(vg, "physical_volumes", SECTION);
	if (!g.pvs)
		return doubt(s, "volume group %s lists no PVs", vg->name);
	g.lvs = child(vg, "logical_volumes", SECTION);
	for (const struct node *n = vg->children; n && !g.lvs; n = n->next)
		if (strcmp(n->name, "logical_volumes") == 0)
			return doubt(s, "volume group %s lists its LVs in an odd way", vg->name);

	uuid_with_dashes(h->uuid, pv->uuid);
	r = find_own_pv(&g);
	if (r <= 0)
		return r;
	r = check_geometry(&g, h);
	if (r <= 0)
		return r;
	for (const struct node *n = g.lvs ? g.lvs->children : NULL; n; n = n->next) {
		r = walk_lv(&g, n);
		if (r <= 0)
			return r;
	}
	pv->vg_name = strdup(vg->name);
	return pv->vg_name ? 1 : err_nomem(s->err);
}

int lvm_pv_read(const struct disk *d, uint64_t offset, uint64_t length, struct lvm_pv *ret,
		char **ret_why, struct err *err)
{
	CLEANUP(lvm_pv_done) struct lvm_pv pv = { 0 };
	CLEANUP(node_free) struct node *root = NULL;
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct source s = { .d = d, .offset = offset, .length = length, .why = &why, .err = err };
	struct parser x = { .s = &s };
	struct header h;
	size_t len = 0;
	int r;

	if (!range_inside(offset, length, d->size))
		return err_set(err, ERANGE,
			       "0x%" PRIx64 " bytes at 0x%" PRIx64 " are not inside %s",
			       length, offset, d->path);
	r = read_label(&s, &h);
	if (r > 0)
		r = read_text(&s, &h, &text, &len);
	if (r > 0) {
		root = calloc(1, sizeof(*root));
		if (!root)
			return err_nomem(err);
		x.p = text;
		x.end = text + len;
		r = parse_section(&x, root, 0);
	}
	if (r > 0)
		r = walk_group(&s, root, &h, &pv);
	if (r > 0) {
		*ret = pv;
		pv = (struct lvm_pv){ 0 };
	} else if (r == 0) {
		*ret_why = TAKE_PTR(why);
	}
	return r;
}

void lvm_pv_done(struct lvm_pv *pv)
{
	extents_done(&pv->allocated);
	extents_done(&pv->metadata);
	free(pv->vg_name);
	*pv = (struct lvm_pv){ 0 };
}
