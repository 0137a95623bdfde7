/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EFI programs are PE images (Microsoft PE format, "Optional Header Data Directories"; UEFI 2.10,
 * 2.1.1): a DOS header whose word at 0x3c points to "PE\0\0", a COFF header, an optional header
 * that ends with data directories. The fifth is the certificate table, which Secure Boot checks:
 * the one directory that is a file offset and not an address. That it is there does not mean that
 * its signatures are good.
 *
 * Behind the headers stands the table of sections. A unified kernel image (UKI) has its parts in
 * sections: .linux, .initrd, .cmdline, .uname, .osrel. Pure.
 */
#ifndef P2V_COMMON_PE_H
#define P2V_COMMON_PE_H

#include <stdbool.h>
#include <stddef.h>
#include "common/err.h"

/* How much of a file is read: linkers put the headers first. */
#define PE_HEAD		1024

/*
 * head: the first len bytes of a file of some larger size. *ret: its certificate table is not
 * empty. -EBADMSG when it is no PE image, or its headers are not in the part at hand.
 */
int pe_has_signature(const void *head, size_t len, bool *ret, struct err *err);

/*
 * Where the first section of that name lies in an image of len bytes. -ENOENT when there is none,
 * -EBADMSG when it is no PE image or the section is not all there.
 */
int pe_section(const void *data, size_t len, const char *name, size_t *ret_offset,
	       size_t *ret_size, struct err *err);

#endif
