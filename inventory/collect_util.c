/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/collect_util.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include "common/text.h"

#define REPLACEMENT "\xef\xbf\xbd"
/* Nothing true is as long; every byte replaced, it still fits where it goes (machine_json.h). */
#define TEXT_MAX	((size_t)16 * 1024)

/* Bytes of the valid UTF-8 character at p, or 0 (Unicode 15, table 3-7). */
static size_t utf8_len(const unsigned char *p, size_t len)
{
	unsigned char lo = 0x80, hi = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		lo = 0xa0;
	else if (p[0] == 0xed)
		hi = 0x9f;
	else if (p[0] == 0xf0)
		lo = 0x90;
	else if (p[0] == 0xf4)
		hi = 0x8f;
	if (len < n || p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static bool is_blank(char c)
{
	return c == '\0' || isspace((unsigned char)c);
}

int collect_util_text(const char *p, size_t len, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char *s;

	if (len > TEXT_MAX)
		len = TEXT_MAX;
	while (len > 0 && is_blank(p[len - 1]))
		len--;
	while (len > 0 && is_blank(*p)) {
		p++;
		len--;
	}
	if (len == 0)
		return 0;
	while (len > 0) {
		size_t n = *p ? utf8_len((const unsigned char *)p, len) : 0;

		if (n > 0)
			strbuf_addn(&b, p, n);
		else
			strbuf_add(&b, REPLACEMENT);
		n = n ? n : 1;
		p += n;
		len -= n;
	}
	s = strbuf_take(&b);
	if (!s)
		return -ENOMEM;
	free(*ret);
	*ret = s;
	return 0;
}

/* The file's content, or NULL; only -ENOMEM is told. */
static int read_path(const struct sysroot *root, const char *fmt, va_list ap, char **ret,
		     size_t *ret_len)
{
	CLEANUP(mem_free) char *path = NULL;
	int r;

	if (vasprintf(&path, fmt, ap) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = sysroot_read(root, ret, ret_len, "%s", path);
	return r == -ENOMEM ? r : 0;
}

int collect_util_line(const struct sysroot *root, char **ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *s = NULL;
	size_t len = 0;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = read_path(root, fmt, ap, &s, &len);
	va_end(ap);
	if (r < 0 || !s)
		return r;
	return collect_util_text(s, strcspn(s, "\n"), ret);
}

void collect_util_u64(const struct sysroot *root, uint64_t *ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (r < 0)
		path = NULL;
	else
		(void)sysroot_read_u64(root, ret, "%s", path);
}

void collect_util_u32(const struct sysroot *root, uint32_t *ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL;
	uint64_t v;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (r < 0)
		path = NULL;
	else if (sysroot_read_u64(root, &v, "%s", path) == 0 && v <= UINT32_MAX)
		*ret = (uint32_t)v;
}

bool collect_util_flag(const struct sysroot *root, const char *fmt, ...)
{
	CLEANUP(mem_free) char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	(void)read_path(root, fmt, ap, &s, NULL);
	va_end(ap);
	return s && (s[0] == '1' || s[0] == 'Y');
}

int collect_util_link_name(const struct sysroot *root, char **ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *path = NULL, *link = NULL;
	const char *base;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&path, fmt, ap);
	va_end(ap);
	if (r < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = sysroot_readlink(root, &link, "%s", path);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	base = collect_util_base(link);
	return collect_util_text(base, strlen(base), ret);
}

/* The value after KEY= at the start of a line, "E:" passed over; NULL when there is none. */
static const char *find_key(const char *text, const char *key, size_t *ret_len)
{
	size_t n = strlen(key);

	while (text && *text) {
		const char *p = strncmp(text, "E:", 2) == 0 ? text + 2 : text;

		if (strncmp(p, key, n) == 0 && p[n] == '=') {
			*ret_len = strcspn(p + n + 1, "\n");
			return p + n + 1;
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

int collect_util_key(const char *text, const char *key, char **ret)
{
	size_t len;
	const char *v = find_key(text, key, &len);

	if (!v)
		return 0;
	if (len >= 2 && (v[0] == '"' || v[0] == '\'') && v[len - 1] == v[0]) {
		v++;
		len -= 2;
	}
	return collect_util_text(v, len, ret);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int collect_util_key_enc(const char *text, const char *key, char **ret)
{
	CLEANUP(mem_free) char *s = NULL;
	size_t len, n = 0;
	const char *v = find_key(text, key, &len);

	if (!v)
		return 0;
	s = malloc(len + 1);
	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		if (v[i] == '\\' && len - i >= 4 && v[i + 1] == 'x' && hex_value(v[i + 2]) >= 0 &&
		    hex_value(v[i + 3]) >= 0) {
			s[n++] = (char)(hex_value(v[i + 2]) << 4 | hex_value(v[i + 3]));
			i += 3;
		} else {
			s[n++] = v[i];
		}
	}
	return collect_util_text(s, n, ret);
}

void collect_util_fill(char **to, char **from)
{
	if (*to) {
		free(*from);
		*from = NULL;
	} else {
		*to = TAKE_PTR(*from);
	}
}

void collect_util_lower(char *s)
{
	for (; s && *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

const char *collect_util_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
