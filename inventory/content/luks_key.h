/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does a key open a LUKS volume? Asked before a conversion, so that a wrong key is found before a
 * byte is copied.
 *
 * The header with its key slots is copied into memory, and libcryptsetup gets the copy: the source
 * is neither opened by the library, nor locked, nor repaired, and nothing is mapped. No device
 * mapper is needed, for the library decrypts key slots in its own crypto backend; where that lacks
 * the cipher, it asks the kernel (AF_ALG), and when that has none either, it would need a mapping,
 * which cannot be had of memory: -ENOTSUP.
 */
#ifndef P2V_INVENTORY_LUKS_KEY_H
#define P2V_INVENTORY_LUKS_KEY_H

#include <stddef.h>
#include <stdint.h>
#include "common/err.h"

/* The largest LUKS2 header has two times 4 MiB of metadata; key slots follow. */
#define LUKS_KEY_HEADER_MAX	(32u << 20)

/*
 * Try key (a passphrase or a key file's content) on the volume at [offset, offset + size) of fd;
 * size 0: to its end. 0: it opens; -EPERM: it does not; else -errno and the question is open:
 *	-EINVAL		not LUKS, or damaged
 *	-ENOTSUP	a cipher, hash or kind of key slot that cannot be had here
 *	-ENOMEM		also when the key slot's Argon2 needs more memory than there is
 *	-ENOENT		there is no key slot for a passphrase
 * Takes as long as the key slots were made to take: seconds for each. Several megabytes to a
 * gigabyte of memory meanwhile. libcryptsetup's log function is a global: one thread at a time.
 */
int luks_key_try(int fd, uint64_t offset, uint64_t size, const void *key, size_t len,
		 struct err *err);

#endif
