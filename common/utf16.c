/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/utf16.h"

#include <stdint.h>

#include "common/bytes.h"

static bool is_high(uint32_t c)
{
	return c >= 0xd800 && c < 0xdc00;
}

static bool is_low(uint32_t c)
{
	return c >= 0xdc00 && c < 0xe000;
}

/* The character at *i, which moves behind it; 0xfffd with *ret_broken set when it is none. */
static uint32_t next(const uint8_t *p, size_t units, size_t *i, bool *ret_broken)
{
	uint32_t c = get_le16(p + 2 * (*i)++), low;

	if (is_high(c) && *i < units) {
		low = get_le16(p + 2 * *i);
		if (is_low(low)) {
			(*i)++;
			return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	*ret_broken = is_high(c) || is_low(c);
	return *ret_broken ? 0xfffd : c;
}

static void add_utf8(struct strbuf *b, uint32_t c)
{
	char u[4];

	if (c < 0x80) {
		u[0] = (char)c;
		strbuf_addn(b, u, 1);
	} else if (c < 0x800) {
		u[0] = (char)(0xc0 | c >> 6);
		u[1] = (char)(0x80 | (c & 0x3f));
		strbuf_addn(b, u, 2);
	} else if (c < 0x10000) {
		u[0] = (char)(0xe0 | c >> 12);
		u[1] = (char)(0x80 | (c >> 6 & 0x3f));
		u[2] = (char)(0x80 | (c & 0x3f));
		strbuf_addn(b, u, 3);
	} else {
		u[0] = (char)(0xf0 | c >> 18);
		u[1] = (char)(0x80 | (c >> 12 & 0x3f));
		u[2] = (char)(0x80 | (c >> 6 & 0x3f));
		u[3] = (char)(0x80 | (c & 0x3f));
		strbuf_addn(b, u, 4);
	}
}

size_t utf16_len(const void *p, size_t max)
{
	const uint8_t *u = p;
	size_t n = 0;

	while (n < max && get_le16(u + 2 * n) != 0)
		n++;
	return n;
}

bool utf16_valid(const void *p, size_t units)
{
	bool broken = false;

	for (size_t i = 0; i < units && !broken;)
		next(p, units, &i, &broken);
	return !broken;
}

void utf16_add(struct strbuf *b, const void *p, size_t units)
{
	bool broken;

	for (size_t i = 0; i < units;)
		add_utf8(b, next(p, units, &i, &broken));
}

int utf16_from_utf8(const char *s, size_t len, void **ret, size_t *ret_len)
{
	CLEANUP(mem_free) uint8_t *out = NULL;
	size_t n = 0;

	/* No character takes more units than it has bytes. */
	if (len > SIZE_MAX / 2 - 1)
		return -ENOMEM;
	out = malloc(2 * len + 2);
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t used = text_utf8_decode(s + i, len - i, &c);

		if (!used)
			return -EILSEQ;
		i += used;
		if (c >= 0x10000) {
			put_le16(out + n, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			n += 2;
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_le16(out + n, (uint16_t)c);
		n += 2;
	}
	put_le16(out + n, 0);
	*ret = TAKE_PTR(out);
	*ret_len = n;
	return 0;
}
