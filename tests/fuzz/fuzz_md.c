/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tampered members of md arrays, for disk/md/md_assemble.h. The input:
 *
 *	byte 0		bits 0-1: number of members, less one; bit 2: checksums are put right
 *	then, again and again
 *	byte 0		which member
 *	bytes 1-2	offset in units of 16 bytes, big-endian
 *	bytes 3-4	number of bytes, big-endian
 *	then		those bytes; what is nowhere given is zero
 *
 * Besides not crashing: who is not trusted says why, no volume lies on him, and what is handed out
 * can be read and released as far as it goes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "disk/md/md_assemble.h"
#include "disk/md/md_super.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMBERS	4u
#define SIZE	(1u << 20)

struct member {
	struct space space;
	uint8_t *p;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int member_read(const struct space *s, void *buf, size_t len, uint64_t offset,
		       struct err *err)
{
	const struct member *m = container_of(s, const struct member, space);

	(void)err;
	must(range_inside(offset, len, SIZE));
	memcpy(buf, m->p + offset, len);
	return 0;
}

static void member_release(struct space *s, uint64_t offset, uint64_t length)
{
	must(length > 0 && range_inside(offset, length, s->size));
}

static const struct space_ops ops = { .read = member_read, .release = member_release };

/* Both versions fold the sum of all words but the one that holds it. */
static void put_right(uint8_t *sb)
{
	bool v0 = get_le32(sb + 4) == 0;
	size_t len = v0 ? 4096 : 256 + 2 * (size_t)get_le32(sb + 220), at = v0 ? 152 : 216;
	uint64_t sum = 0;

	if (!md_super_like(sb) || len > 4096)
		return;
	put_le32(sb + at, 0);
	for (size_t i = 0; i + 4 <= len; i += 4)
		sum += get_le32(sb + i);
	if (len % 4)
		sum += get_le16(sb + len - 2);
	put_le32(sb + at, (uint32_t)sum + (uint32_t)(sum >> 32));
}

static void fill(struct member *m, unsigned int n, const uint8_t *p, size_t len)
{
	while (len > 5) {
		size_t at = (size_t)get_be16(p + 1) * 16, k = MIN((size_t)get_be16(p + 3), len - 5);

		memcpy(m[p[0] % n].p + at, p + 5, MIN(k, SIZE - at));
		p += 5 + k;
		len -= 5 + k;
	}
}

static void look(const struct assembly *a)
{
	static uint8_t buf[65536];

	for (size_t i = 0; i < a->nmembers; i++)
		must(a->members[i].why && a->members[i].free.n == 0);
	for (size_t i = 0; i < a->nvolumes; i++) {
		const struct assembly_volume *v = &a->volumes[i];

		must(v->name && (v->space || v->why));
		for (size_t k = 0; k < v->nmembers; k++)
			must(a->members[v->members[k]].trusted);
		for (uint64_t at = 0; v->space && at < v->space->size; at += sizeof(buf) + 512)
			must(space_read(v->space, buf,
					(size_t)MIN(sizeof(buf), v->space->size - at), at,
					NULL) == 0);
		if (v->space)
			space_release(v->space, 0, v->space->size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct assembly a = { 0 };
	struct member m[MEMBERS];
	struct space *spaces[MEMBERS];
	unsigned int n;

	if (size < 1)
		return 0;
	n = (data[0] & 3u) + 1;
	for (unsigned int i = 0; i < n; i++) {
		space_init(&m[i].space, &ops, SIZE, 512, "m%u", i);
		m[i].p = calloc(1, SIZE);
		must(m[i].p != NULL);
		spaces[i] = &m[i].space;
	}
	fill(m, n, data + 1, size - 1);
	for (unsigned int i = 0; i < n && data[0] & 4; i++) {
		uint64_t places[MD_SUPER_PLACES];
		unsigned int k = md_super_places(SIZE, places);

		while (k-- > 0)
			put_right(m[i].p + places[k]);
	}
	must(md_assemble(spaces, n, &a, NULL) == 0);
	look(&a);
	assembly_done(&a);
	for (unsigned int i = 0; i < n; i++)
		free(m[i].p);
	return 0;
}
