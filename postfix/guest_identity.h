/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which system a guest is, found in three looks instead of libguestfs' inspection, which starts
 * dozens of programs in the appliance: on an emulated one that is most of the time before the first
 * fix. The inventory says which filesystem the machine ran from (its UUID); there /etc/os-release
 * says what it is, and the head of /bin/sh for which processor.
 *
 * Only for what that settles: one filesystem of ext or XFS has the UUID, the distribution is in the
 * table (with libguestfs' names for it, which the caps and libosinfo's ids are made from), and it
 * has a version. For everything else the inspection decides.
 */
#ifndef P2V_POSTFIX_GUEST_IDENTITY_H
#define P2V_POSTFIX_GUEST_IDENTITY_H

#include "postfix/guest.h"

struct guest_identity {
	char distro[32], osinfo[48];	/* "ubuntu", "ubuntu24.04" */
	int major, minor;		/* 24, 4; minor 0 when there is none */
};

/* From the text of an os-release(5), which may be hostile: false when not in the table. Pure. */
bool guest_identity_parse(const char *text, struct guest_identity *ret);
/* "x86_64", "i386", from the first n bytes of a program; NULL when it is for another. Pure. */
const char *guest_identity_arch(const void *head, size_t n);

/*
 * 1: the root filesystem is mounted, and type, distro, arch, osinfo, major and minor are set. 0:
 * not settled, and nothing is mounted. -ENOMEM.
 */
int guest_identify(struct guest *guest, struct err *err);

#endif
