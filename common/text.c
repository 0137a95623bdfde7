/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One UTF-8 decoder serves both escapers; it is strict (no overlong forms, no surrogates), since
 * a lenient one lets a control character through in disguise.
 */
#include "common/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t text_utf8_decode(const void *data, size_t len, uint32_t *ret_cp)
{
	const uint8_t *p = data;
	uint32_t cp, least;
	size_t n;

	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	if ((p[0] & 0xe0) == 0xc0) {
		n = 2;
		cp = p[0] & 0x1f;
		least = 0x80;
	} else if ((p[0] & 0xf0) == 0xe0) {
		n = 3;
		cp = p[0] & 0x0f;
		least = 0x800;
	} else if ((p[0] & 0xf8) == 0xf0) {
		n = 4;
		cp = p[0] & 0x07;
		least = 0x10000;
	} else {
		return 0;
	}
	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

/* Control characters, and what reorders or breaks a line of text on a terminal. */
static bool printable(uint32_t cp)
{
	if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
		return false;
	if (cp == 0x2028 || cp == 0x2029 || cp == 0xfeff)
		return false;
	if (cp == 0x200e || cp == 0x200f || (cp >= 0x202a && cp <= 0x202e) ||
	    (cp >= 0x2066 && cp <= 0x2069))
		return false;
	return true;
}

const char *text_escape(const void *data, size_t len, char *buf, size_t bufsize)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;
	size_t out = 0, safe = 0, i = 0;

	if (bufsize == 0)
		return buf;
	while (i < len) {
		char unit[16];
		size_t unit_len = 0, n;
		uint32_t cp;

		n = text_utf8_decode(p + i, len - i, &cp);
		if (n > 0 && printable(cp) && cp != '\\') {
			memcpy(unit, p + i, n);
			unit_len = n;
		} else {
			if (n == 0)
				n = 1;
			for (size_t k = 0; k < n; k++) {
				unit[unit_len++] = '\\';
				unit[unit_len++] = 'x';
				unit[unit_len++] = digits[p[i + k] >> 4];
				unit[unit_len++] = digits[p[i + k] & 15];
			}
		}
		if (out + unit_len >= bufsize) {
			/* Back to the last place where the dots fit. */
			for (out = safe; out < safe + 3 && out + 1 < bufsize; out++)
				buf[out] = '.';
			break;
		}
		memcpy(buf + out, unit, unit_len);
		out += unit_len;
		i += n;
		if (out + 3 < bufsize)
			safe = out;
	}
	buf[out] = '\0';
	return buf;
}

const char *text_escape_str(const char *s, char *buf, size_t bufsize)
{
	return text_escape(s ? s : "", s ? strlen(s) : 0, buf, bufsize);
}

static bool alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_byte(char c)
{
	return alnum(c) || c == '.' || c == '_' || c == '-';
}

bool text_name_valid(const char *s)
{
	size_t n;

	if (!s || !alnum(s[0]))
		return false;
	for (n = 0; s[n]; n++) {
		if (n == TEXT_NAME_MAX || !name_byte(s[n]))
			return false;
	}
	return true;
}

void text_name_make(const char *s, char ret[static TEXT_NAME_MAX + 1])
{
	size_t n = 0;

	if (text_name_valid(s)) {
		memcpy(ret, s, strlen(s) + 1);
		return;
	}
	for (; s && *s && n < TEXT_NAME_MAX; s++) {
		if (n == 0 && !alnum(*s))
			continue;
		if (name_byte(*s))
			ret[n++] = *s;
		else if (ret[n - 1] != '-')
			ret[n++] = '-';
	}
	while (n > 0 && ret[n - 1] == '-')
		n--;
	ret[n] = '\0';
	if (n == 0)
		strcpy(ret, "machine");
}

/* XML 1.0, 2.2: what may stand in a document at all. */
static bool xml_char(uint32_t cp)
{
	return cp == '\t' || cp == '\n' || cp == '\r' ||
	       (cp >= 0x20 && cp != 0xfffe && cp != 0xffff);
}

char *text_escape_xml(const char *s)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const uint8_t *p = (const uint8_t *)s;
	size_t len = strlen(s);

	strbuf_addn(&b, "", 0);
	for (size_t i = 0; i < len;) {
		uint32_t cp;
		size_t n = text_utf8_decode(p + i, len - i, &cp);

		if (n == 0 || !xml_char(cp))
			strbuf_add(&b, "\xef\xbf\xbd");
		else if (cp == '&')
			strbuf_add(&b, "&amp;");
		else if (cp == '<')
			strbuf_add(&b, "&lt;");
		else if (cp == '>')
			strbuf_add(&b, "&gt;");
		else if (cp == '"')
			strbuf_add(&b, "&quot;");
		else if (cp == '\'')
			strbuf_add(&b, "&#39;");
		else if (cp < 0x20)
			strbuf_addf(&b, "&#%u;", (unsigned int)cp);
		else
			strbuf_addn(&b, s + i, n);
		i += n ? n : 1;
	}
	return strbuf_take(&b);
}

/* Room for n more bytes and a NUL. */
static bool strbuf_room(struct strbuf *b, size_t n)
{
	size_t need, cap;
	char *s;

	if (b->failed)
		return false;
	if (__builtin_add_overflow(b->len, n, &need) ||
	    __builtin_add_overflow(need, (size_t)1, &need))
		goto fail;
	if (need <= b->cap)
		return true;
	cap = b->cap > SIZE_MAX / 2 ? need : MAX(MAX(need, b->cap * 2), (size_t)64);
	s = realloc(b->s, cap);
	if (!s)
		goto fail;
	b->s = s;
	b->cap = cap;
	return true;
fail:
	b->failed = true;
	return false;
}

void strbuf_addn(struct strbuf *b, const char *s, size_t n)
{
	if (!strbuf_room(b, n))
		return;
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}

char *text_vformat(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

char *text_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = text_vformat(fmt, ap);
	va_end(ap);
	return s;
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!strbuf_room(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->s + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

char *strbuf_take(struct strbuf *b)
{
	char *s;

	strbuf_addn(b, "", 0);
	if (b->failed) {
		strbuf_done(b);
		return NULL;
	}
	s = TAKE_PTR(b->s);
	strbuf_done(b);
	return s;
}

void strbuf_done(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf){ 0 };
}

void text_wrap(struct strbuf *b, const char *text, size_t column, size_t indent, size_t width)
{
	static const char blanks[] = " \t\r\n";
	bool first = true;
	char word[512];

	text += strspn(text, blanks);
	while (*text) {
		size_t n = strcspn(text, blanks), len;

		/* Bytes are counted, not columns: never too few of them. */
		text_escape(text, n, word, MIN(sizeof(word), width - indent + 1));
		len = strlen(word);
		if (first ? column > indent && column + len > width : column + 1 + len > width) {
			strbuf_addf(b, "\n%*s", (int)indent, "");
			column = indent;
			first = true;
		}
		if (!first)
			strbuf_add(b, " ");
		strbuf_add(b, word);
		column += len + !first;
		first = false;
		text += n;
		text += strspn(text, blanks);
	}
	strbuf_add(b, "\n");
}
