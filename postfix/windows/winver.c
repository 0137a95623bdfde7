/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/winver.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"

#define URL "http://microsoft.com/win/"

/*
 * The folders are those of the virtio-win ISO. Windows Vista and XP for 64 bits have none of their
 * own: their kernel is that of Windows Server 2008 and 2003. A fallback is a driver for an older
 * version, as near as can be, for such run on newer ones; then one for the other edition.
 * Build numbers: learn.microsoft.com, "Windows 10 release information" and its likes.
 */
static const struct winver versions[] = {
	{ "Windows XP", 5, 1, 0, false, URL "xp", { "xp", "2k3" } },
	{ "Windows XP (64 bits)", 5, 2, 0, false, URL "xp", { "2k3", "xp" } },
	{ "Windows Server 2003", 5, 2, 0, true, URL "2k3", { "2k3", "xp" } },
	{ "Windows Vista", 6, 0, 0, false, URL "vista", { "vista", "2k8" } },
	{ "Windows Server 2008", 6, 0, 0, true, URL "2k8", { "2k8", "vista" } },
	{ "Windows 7", 6, 1, 0, false, URL "7", { "w7", "2k8r2", "2k8" } },
	{ "Windows Server 2008 R2", 6, 1, 0, true, URL "2k8r2", { "2k8r2", "w7", "2k8" } },
	{ "Windows 8", 6, 2, 0, false, URL "8", { "w8", "2k12", "w7", "2k8r2" } },
	{ "Windows Server 2012", 6, 2, 0, true, URL "2k12", { "2k12", "w8", "2k8r2", "w7" } },
	{ "Windows 8.1", 6, 3, 0, false, URL "8.1", { "w8.1", "2k12r2", "w8", "2k12" } },
	{ "Windows Server 2012 R2", 6, 3, 0, true, URL "2k12r2",
	  { "2k12r2", "w8.1", "2k12", "w8" } },
	{ "Windows 10", 10, 0, 0, false, URL "10", { "w10", "2k16", "2k19", "w8.1", "2k12r2" } },
	{ "Windows 11", 10, 0, 22000, false, URL "11",
	  { "w11", "w10", "2k22", "2k19", "2k16", "2k25" } },
	{ "Windows Server 2016", 10, 0, 0, true, URL "2k16", { "2k16", "w10", "2k12r2", "w8.1" } },
	{ "Windows Server 2019", 10, 0, 17763, true, URL "2k19", { "2k19", "2k16", "w10" } },
	{ "Windows Server 2022", 10, 0, 20348, true, URL "2k22",
	  { "2k22", "2k19", "w11", "w10", "2k16" } },
	{ "Windows Server 2025", 10, 0, 26100, true, URL "2k25",
	  { "2k25", "2k22", "w11", "2k19", "w10", "2k16" } },
};

const struct winver *winver_find(unsigned int major, unsigned int minor, unsigned int build,
				 bool server)
{
	const struct winver *found = NULL;

	/* The table is sorted: the last one that is not newer. */
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		const struct winver *v = &versions[i];

		if (v->server != server || v->major > major)
			continue;
		if (v->major == major &&
		    (v->minor > minor || (v->minor == minor && v->build > build)))
			continue;
		found = v;
	}
	return found;
}

/* "Win10", "windows10", "W10" -> "w10"; "win2k8R2", "w2k8r2" -> "2k8r2"; old names of kernels. */
static void canonical(const char *part, char *buf, size_t size)
{
	static const char *const old[][2] = {
		{ "wxp", "xp" }, { "wnet", "2k3" }, { "wlh", "2k8" }, { "wvista", "vista" },
		{ "w2003", "2k3" }, { "w2008", "2k8" }, { "w2008r2", "2k8r2" },
		{ "w2012", "2k12" }, { "w2012r2", "2k12r2" }, { "w2016", "2k16" },
		{ "w2019", "2k19" }, { "w2022", "2k22" }, { "w2025", "2k25" }, { "w81", "w8.1" },
	};
	size_t n = 0;

	if (strncasecmp(part, "windows", 7) == 0)
		part += 7, buf[n++] = 'w';
	else if (strncasecmp(part, "win", 3) == 0)
		part += 3, buf[n++] = 'w';
	for (; *part && n + 1 < size; part++)
		buf[n++] = (char)tolower((unsigned char)*part);
	buf[n] = '\0';
	if (strncmp(buf, "w2k", 3) == 0)
		memmove(buf, buf + 1, n);
	for (size_t i = 0; i < ARRAY_SIZE(old); i++)
		if (strcmp(buf, old[i][0]) == 0)
			snprintf(buf, size, "%s", old[i][1]);
}

size_t winver_rank(const struct winver *v, const char *part)
{
	char name[32];

	canonical(part, name, sizeof(name));
	for (size_t i = 0; i < WINVER_FOLDERS && v->folders[i]; i++)
		if (strcmp(v->folders[i], name) == 0)
			return i;
	return WINVER_FOLDERS;
}

const char *winver_arch(const char *part)
{
	static const char *const names[][2] = {
		{ "amd64", "amd64" }, { "x64", "amd64" }, { "x86_64", "amd64" },
		{ "x86", "x86" }, { "i386", "x86" }, { "i686", "x86" },
		{ "arm64", "arm64" }, { "aarch64", "arm64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcasecmp(part, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}
