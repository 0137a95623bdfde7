/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/kernelname.h"

#include <string.h>
#include "common/compiler.h"

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), k = strlen(suffix);

	return n >= k && strcmp(s + n - k, suffix) == 0;
}

bool kernelname_is_leftover(const char *name)
{
	/* vmlinux-*.gz is what SUSE keeps for debugging. */
	static const char *const suffixes[] = {
		".old", ".bak", ".orig", ".dpkg-old", ".dpkg-new", ".dpkg-bak", ".dpkg-tmp",
		".rpmsave", ".rpmnew", ".new", ".hmac", ".sha512hmac", ".sig", ".gz", ".map", "~",
	};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (ends(name, suffixes[i]))
			return true;
	return strstr(name, "kdump") || strstr(name, "rescue") || strstr(name, "memtest");
}

bool kernelname_is_module(const char *path, size_t len, const char *module)
{
	const char *base = memrchr(path, '/', len), *end = path + len;
	size_t n = strlen(module);

	base = base ? base + 1 : path;
	if ((size_t)(end - base) < n + 3)
		return false;
	for (size_t i = 0; i < n; i++)
		if (base[i] != module[i] && !(base[i] == '-' && module[i] == '_'))
			return false;
	base += n;
	return memcmp(base, ".ko", 3) == 0 && (base + 3 == end || base[3] == '.');
}
