/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/pkglist.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"

#define NAME_MAX_	128

struct stanza {
	char name[NAME_MAX_], version[NAME_MAX_];
	bool installed;
};

/* The value of "Key: value" or "K:value", cut to what a package may be called. */
static bool take(const char *line, size_t n, const char *key, char ret[NAME_MAX_])
{
	size_t k = strlen(key);

	if (n < k || memcmp(line, key, k) != 0)
		return false;
	while (k < n && line[k] == ' ')
		k++;
	n = n - k < NAME_MAX_ - 1 ? n - k : NAME_MAX_ - 1;
	for (size_t i = 0; i < n; i++)
		ret[i] = isgraph((unsigned char)line[k + i]) ? line[k + i] : '?';
	ret[n] = '\0';
	return true;
}

static int end_stanza(struct stanza *s, pkglist_fn *fn, void *opaque)
{
	int r = s->name[0] && s->installed ? fn(s->name, s->version, opaque) : 0;

	*s = (struct stanza){ 0 };
	return r;
}

static bool dpkg_line(struct stanza *s, const char *line, size_t n)
{
	static const char status[] = "Status: ", word[] = " installed";

	if (n > sizeof(status) - 1 && memcmp(line, status, sizeof(status) - 1) == 0)
		s->installed = n > sizeof(word) - 1 &&
			       memcmp(line + n - (sizeof(word) - 1), word, sizeof(word) - 1) == 0;
	else if (!take(line, n, "Package:", s->name))
		return take(line, n, "Version:", s->version);
	return true;
}

static bool apk_line(struct stanza *s, const char *line, size_t n)
{
	s->installed = true;
	return take(line, n, "P:", s->name) || take(line, n, "V:", s->version);
}

static int walk(const char *text, size_t n, bool (*on_line)(struct stanza *, const char *, size_t),
		pkglist_fn *fn, void *opaque)
{
	struct stanza s = { 0 };
	const char *p = text, *end = text + n;
	int r = 0;

	while (p < end && r == 0) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		if (len)
			on_line(&s, p, len);
		else
			r = end_stanza(&s, fn, opaque);
		p = nl ? nl + 1 : end;
	}
	return r ? r : end_stanza(&s, fn, opaque);
}

int pkglist_dpkg(const char *text, size_t n, pkglist_fn *fn, void *opaque)
{
	return walk(text, n, dpkg_line, fn, opaque);
}

int pkglist_apk(const char *text, size_t n, pkglist_fn *fn, void *opaque)
{
	return walk(text, n, apk_line, fn, opaque);
}

static bool put(char *to, size_t size, const char *s, size_t n)
{
	if (!n || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("+-._~", s[i]))
			return false;
	memcpy(to, s, n);
	to[n] = '\0';
	return true;
}

/* Where "-version-release" begins: the second dash from the end. */
static const char *version_dash(const char *s, const char *end)
{
	const char *dash = memrchr(s, '-', (size_t)(end - s));

	return dash ? memrchr(s, '-', (size_t)(dash - s)) : NULL;
}

bool pkglist_parse_file(const char *file, struct pkglist_file *ret)
{
	const char *dot = strrchr(file, '.'), *a, *b;

	*ret = (struct pkglist_file){ 0 };
	if (!dot || !isalnum((unsigned char)*file))
		return false;
	if (strcmp(dot, ".deb") == 0) {
		a = strchr(file, '_');
		b = memrchr(file, '_', (size_t)(dot - file));
		ret->format = PKGLIST_DEB;
		return a && b > a && put(ret->name, sizeof(ret->name), file, (size_t)(a - file)) &&
		       put(ret->arch, sizeof(ret->arch), b + 1, (size_t)(dot - b - 1));
	}
	if (strcmp(dot, ".rpm") == 0) {
		b = memrchr(file, '.', (size_t)(dot - file));
		a = b ? version_dash(file, b) : NULL;
		ret->format = PKGLIST_RPM;
		return a && put(ret->name, sizeof(ret->name), file, (size_t)(a - file)) &&
		       put(ret->arch, sizeof(ret->arch), b + 1, (size_t)(dot - b - 1));
	}
	if (strcmp(dot, ".apk") == 0) {
		a = version_dash(file, dot);
		ret->format = PKGLIST_APK;
		return a && put(ret->name, sizeof(ret->name), file, (size_t)(a - file));
	}
	return false;
}

bool pkglist_arch_fits(const char *arch, const char *guest)
{
	static const char *const pairs[][2] = {
		{ "amd64", "x86_64" },	 { "x86_64", "x86_64" },   { "i386", "i386" },
		{ "i486", "i386" },	 { "i586", "i386" },	   { "i686", "i386" },
		{ "arm64", "aarch64" },	 { "aarch64", "aarch64" }, { "ppc64el", "ppc64le" },
		{ "ppc64le", "ppc64le" }, { "s390x", "s390x" },
	};

	if (!*arch || strcmp(arch, "all") == 0 || strcmp(arch, "noarch") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (strcmp(pairs[i][0], arch) == 0 && strcmp(pairs[i][1], guest) == 0)
			return true;
	return false;
}
