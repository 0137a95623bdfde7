/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/regf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/bytes.h"
#include "common/cleanup.h"

/* Base block */
#define SEQUENCE_1	4
#define SEQUENCE_2	8
#define MAJOR		20
#define MINOR		24
#define FILE_TYPE	28
#define ROOT_CELL	36
#define BINS_SIZE	40
#define CHECKSUM	508

/* Head of a bin */
#define BIN_OFFSET	4
#define BIN_SIZE	8
#define BIN_HEAD	32

static uint32_t checksum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < CHECKSUM; i += 4)
		sum ^= get_le32(p + i);
	return sum;
}

static int check_base(const uint8_t *p, size_t len, struct err *err)
{
	if (len < 2 * REGF_BLOCK)
		return err_set(err, EILSEQ, "it is cut off, or no registry hive");
	if (memcmp(p, "regf", 4) != 0)
		return err_set(err, EILSEQ, "it is no registry hive");
	if (get_le32(p + CHECKSUM) != checksum(p))
		return err_set(err, EILSEQ, "it is torn: its first block has a wrong checksum");
	if (get_le32(p + SEQUENCE_1) != get_le32(p + SEQUENCE_2))
		return err_set(err, EILSEQ, "it is dirty: changes wait in its log");
	if (get_le32(p + MAJOR) != 1 || get_le32(p + FILE_TYPE) != 0)
		return err_set(err, EILSEQ, "it is a hive of an unknown version");
	return 0;
}

/* A key */
#define NK_FLAGS	2
#define NK_SUBKEYS	20
#define NK_LIST		28
#define NK_VALUES	36
#define NK_VALUE_LIST	40
#define NK_SECURITY	44
#define NK_CLASS	48
#define NK_NAME_LEN	72
#define NK_CLASS_LEN	74
#define NK_NAME		76
#define NK_LATIN1	0x20u		/* the name has a byte a character */

/* A value */
#define VK_NAME_LEN	2
#define VK_DATA_LEN	4
#define VK_DATA		8
#define VK_NAME		20
#define VK_INLINE	0x80000000u

/* Access rights */
#define SK_PREVIOUS	4
#define SK_NEXT		8
#define SK_HEAD		20

#define NONE		UINT32_MAX
#define BIG_DATA	16344u		/* longer data is in pieces, since version 1.4 */
#define DEPTH_MAX	512		/* Windows allows as many levels */

struct walk {
	const uint8_t *bins;		/* behind the base block */
	uint64_t size;
	/* A bit for each 8 bytes: a cell in use starts here; it was seen; it is one of security. */
	uint8_t *used, *seen, *security;
	bool big;			/* long data is in pieces */
	size_t unsorted;
};

struct cell {
	const uint8_t *p;
	uint32_t len;
};

static bool bit(const uint8_t *map, uint64_t at)
{
	return map[at / 64] & 1u << (at / 8 % 8);
}

static void set_bit(uint8_t *map, uint64_t at)
{
	map[at / 64] |= (uint8_t)(1u << (at / 8 % 8));
}

static int damaged(struct err *err, const char *what, uint32_t at)
{
	return err_set(err, EILSEQ, "it is damaged: %s at 0x%" PRIx64, what,
		       (uint64_t)at + REGF_BLOCK);
}

/* The cell in use at an offset; at least min bytes long, and with this mark if there is one. */
static int shared_cell(const struct walk *w, uint32_t at, uint32_t min, const char *mark,
		       struct cell *ret, struct err *err)
{
	if (at % 8 || at >= w->size || !bit(w->used, at))
		return damaged(err, "something leads to no cell", at);
	ret->p = w->bins + at + 4;
	ret->len = (uint32_t)-(int32_t)get_le32(w->bins + at) - 4;
	if (ret->len < min || (mark && memcmp(ret->p, mark, 2) != 0))
		return damaged(err, "a cell holds something else than it should", at);
	return 0;
}

/* The same for what only one other cell may lead to: libhivex frees it with that. */
static int get_cell(struct walk *w, uint32_t at, uint32_t min, const char *mark, struct cell *ret,
		    struct err *err)
{
	int r = shared_cell(w, at, min, mark, ret, err);

	if (r < 0)
		return r;
	if (bit(w->seen, at) || bit(w->security, at))
		return damaged(err, "a cell is in two places", at);
	set_bit(w->seen, at);
	return 0;
}

/* Bins follow each other up to the end that the base block tells; so do cells in each. */
static int check_bins(struct walk *w, struct err *err)
{
	const uint8_t *p = w->bins;
	uint64_t at = 0;

	while (at < w->size) {
		uint64_t bin = get_le32(p + at + BIN_SIZE), cell = at + BIN_HEAD;

		if (memcmp(p + at, "hbin", 4) != 0 || !bin || bin % REGF_BLOCK ||
		    bin > w->size - at || get_le32(p + at + BIN_OFFSET) != at)
			return damaged(err, "no sound bin", (uint32_t)at);
		while (cell < at + bin) {
			int64_t n = (int32_t)get_le32(p + cell);
			bool in_use = n < 0;

			n = in_use ? -n : n;
			if (n < 8 || n % 8 || (uint64_t)n > at + bin - cell)
				return damaged(err, "no sound cell", (uint32_t)cell);
			if (in_use)
				set_bit(w->used, cell);
			cell += (uint64_t)n;
		}
		at += bin;
	}
	return 0;
}

/* ---- values ---- */

static int check_pieces(struct walk *w, const struct cell *db, struct err *err)
{
	uint32_t n = get_le16(db->p + 2);
	struct cell list, piece;
	int r = get_cell(w, get_le32(db->p + 4), 4 * n, NULL, &list, err);

	for (uint32_t i = 0; i < n && r >= 0; i++)
		r = get_cell(w, get_le32(list.p + 4 * i), 4, NULL, &piece, err);
	return r;
}

static int check_value(struct walk *w, uint32_t at, struct err *err)
{
	struct cell vk, data;
	uint32_t len;
	int r = get_cell(w, at, VK_NAME, "vk", &vk, err);

	if (r < 0)
		return r;
	if (get_le16(vk.p + VK_NAME_LEN) > vk.len - VK_NAME)
		return damaged(err, "a value's name is too long", at);
	len = get_le32(vk.p + VK_DATA_LEN);
	if (len & VK_INLINE)
		return (len & ~VK_INLINE) <= 4 ? 0 : damaged(err, "a value is too long", at);
	if (len > BIG_DATA && w->big) {
		r = get_cell(w, get_le32(vk.p + VK_DATA), 8, "db", &data, err);
		return r < 0 ? r : check_pieces(w, &data, err);
	}
	return get_cell(w, get_le32(vk.p + VK_DATA), len, NULL, &data, err);
}

static int check_values(struct walk *w, const struct cell *nk, struct err *err)
{
	uint32_t n = get_le32(nk->p + NK_VALUES);
	struct cell list;
	int r;

	if (!n)
		return 0;
	if (n > w->size / 8)
		return err_set(err, EILSEQ, "it is damaged: a key has %" PRIu32 " values", n);
	r = get_cell(w, get_le32(nk->p + NK_VALUE_LIST), 4 * n, NULL, &list, err);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		r = check_value(w, get_le32(list.p + 4 * i), err);
	return r;
}

/* ---- keys ---- */

/* A character of a name in capitals; 0 behind its end, 0x80 and more when it is not ASCII. */
static unsigned int unit(const struct cell *nk, uint32_t i)
{
	uint32_t n = get_le16(nk->p + NK_NAME_LEN);
	bool bytes = get_le16(nk->p + NK_FLAGS) & NK_LATIN1;
	unsigned int c;

	if (i >= (bytes ? n : n / 2))
		return 0;
	c = bytes ? nk->p[NK_NAME + i] : get_le16(nk->p + NK_NAME + 2 * i);
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

/* Does a stand in front of b? Yes, too, when that is a matter of other letters than ASCII. */
static bool in_order(const struct cell *a, const struct cell *b)
{
	for (uint32_t i = 0;; i++) {
		unsigned int x = unit(a, i), y = unit(b, i);

		if (x >= 0x80 || y >= 0x80)
			return true;
		if (x != y || !x)
			return x < y;
	}
}

static int check_key(struct walk *w, uint32_t at, unsigned int depth, struct cell *ret,
		     struct err *err);

/* A leaf of the list of subkeys; counts them, and remembers the last one for the order. */
static int check_leaf(struct walk *w, uint32_t at, unsigned int depth, uint64_t *count,
		      struct cell *last, struct err *err)
{
	struct cell list, child;
	uint32_t n, each;
	int r = get_cell(w, at, 4, NULL, &list, err);

	if (r < 0)
		return r;
	each = memcmp(list.p, "li", 2) == 0 ? 4 : 8;
	if (each == 8 && memcmp(list.p, "lf", 2) != 0 && memcmp(list.p, "lh", 2) != 0)
		return damaged(err, "no list of keys", at);
	n = get_le16(list.p + 2);
	if (list.len - 4 < each * n)
		return damaged(err, "a list of keys is too long", at);
	for (uint32_t i = 0; i < n; i++) {
		r = check_key(w, get_le32(list.p + 4 + each * i), depth, &child, err);
		if (r < 0)
			return r;
		w->unsorted += last->p && !in_order(last, &child);
		*last = child;
	}
	*count += n;
	return 0;
}

static int check_subkeys(struct walk *w, const struct cell *nk, uint32_t at, unsigned int depth,
			 struct err *err)
{
	uint32_t n = get_le32(nk->p + NK_SUBKEYS), root = get_le32(nk->p + NK_LIST);
	struct cell list, last = { 0 };
	uint64_t count = 0;
	int r;

	if (!n)
		return 0;
	r = shared_cell(w, root, 4, NULL, &list, err);
	if (r < 0)
		return r;
	if (memcmp(list.p, "ri", 2) == 0) {
		uint32_t leaves = get_le16(list.p + 2);

		r = get_cell(w, root, 4, NULL, &list, err);
		if (r < 0)
			return r;
		if (list.len - 4 < 4 * leaves)
			return damaged(err, "a list of keys is too long", root);
		for (uint32_t i = 0; i < leaves && r >= 0; i++)
			r = check_leaf(w, get_le32(list.p + 4 + 4 * i), depth, &count, &last, err);
	} else {
		r = check_leaf(w, root, depth, &count, &last, err);
	}
	if (r >= 0 && count != n)
		return damaged(err, "a key does not have as many keys as it says", at);
	return r;
}

/* Access rights, which many keys share; they are in a ring, which libhivex mends unlooked. */
static int check_security(struct walk *w, uint32_t at, struct err *err)
{
	struct cell sk, other;
	int r = shared_cell(w, at, SK_HEAD, "sk", &sk, err);

	if (r < 0 || bit(w->security, at))
		return r;
	if (bit(w->seen, at))
		return damaged(err, "a cell is in two places", at);
	set_bit(w->security, at);
	r = shared_cell(w, get_le32(sk.p + SK_PREVIOUS), SK_HEAD, "sk", &other, err);
	return r < 0 ? r : shared_cell(w, get_le32(sk.p + SK_NEXT), SK_HEAD, "sk", &other, err);
}

static int check_key(struct walk *w, uint32_t at, unsigned int depth, struct cell *ret,
		     struct err *err)
{
	struct cell nk, other;
	int r = get_cell(w, at, NK_NAME, "nk", &nk, err);

	if (r < 0)
		return r;
	if (depth > DEPTH_MAX || get_le16(nk.p + NK_NAME_LEN) > nk.len - NK_NAME)
		return damaged(err, "no sound key", at);
	if (get_le32(nk.p + NK_SECURITY) != NONE)
		r = check_security(w, get_le32(nk.p + NK_SECURITY), err);
	if (r >= 0 && get_le32(nk.p + NK_CLASS) != NONE)
		r = get_cell(w, get_le32(nk.p + NK_CLASS), get_le16(nk.p + NK_CLASS_LEN), NULL,
			     &other, err);
	if (r >= 0)
		r = check_values(w, &nk, err);
	if (r >= 0)
		r = check_subkeys(w, &nk, at, depth + 1, err);
	*ret = nk;
	return r;
}

int regf_check(const void *data, size_t len, size_t *ret_unsorted, struct err *err)
{
	CLEANUP(mem_free) uint8_t *used = NULL, *seen = NULL, *security = NULL;
	const uint8_t *p = data;
	struct walk w = { .bins = p + REGF_BLOCK };
	struct cell root;
	int r = check_base(p, len, err);

	if (r < 0)
		return r;
	w.size = get_le32(p + BINS_SIZE);
	w.big = get_le32(p + MINOR) >= 4;
	if (!w.size || w.size % REGF_BLOCK || w.size > len - REGF_BLOCK)
		return err_set(err, EILSEQ, "it is cut off: %zu bytes of %" PRIu64, len,
			       w.size + REGF_BLOCK);
	w.used = used = calloc(1, w.size / 64 + 1);
	w.seen = seen = calloc(1, w.size / 64 + 1);
	w.security = security = calloc(1, w.size / 64 + 1);
	if (!used || !seen || !security)
		return err_nomem(err);
	r = check_bins(&w, err);
	if (r >= 0)
		r = check_key(&w, get_le32(p + ROOT_CELL), 0, &root, err);
	if (r >= 0 && ret_unsorted)
		*ret_unsorted = w.unsorted;
	return r;
}
