/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of installed packages that are text: dpkg's status and apk's database. (rpm's are binary,
 * of three kinds: there, packages are known by the files they leave.) Pure.
 */
#ifndef P2V_POSTFIX_PKGLIST_H
#define P2V_POSTFIX_PKGLIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Call fn for every package that is installed; it returns 0 to go on, anything else is returned.
 * text need not end with a NUL: at most n bytes are looked at.
 */
typedef int pkglist_fn(const char *name, const char *version, void *opaque);
int pkglist_dpkg(const char *text, size_t n, pkglist_fn *fn, void *opaque);
int pkglist_apk(const char *text, size_t n, pkglist_fn *fn, void *opaque);

/*
 * What a package file says of itself by its name:
 *	qemu-guest-agent_7.2+dfsg-7_amd64.deb	name_version_arch.deb
 *	qemu-guest-agent-6.2.0-53.x86_64.rpm	name-version-release.arch.rpm
 *	qemu-guest-agent-8.1.3-r0.apk		name-version-release.apk, which says no arch
 */
enum pkglist_format { PKGLIST_NONE, PKGLIST_DEB, PKGLIST_RPM, PKGLIST_APK };
struct pkglist_file {
	enum pkglist_format format;
	char name[64];
	char arch[16];			/* "" when the name does not say */
};
bool pkglist_parse_file(const char *file, struct pkglist_file *ret);
/* Does a package for arch run on a guest of that kind ("x86_64", "i386", "aarch64")? */
bool pkglist_arch_fits(const char *arch, const char *guest);

#endif
