/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last ten bytes of a swap area's first page: what kind of area it is. Linux's
 * kernel/power/swap.c and uswsusp write the marks of a suspended system.
 */
#ifndef P2V_DISK_SWAP_SIGNATURE_H
#define P2V_DISK_SWAP_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#define SWAP_SIGNATURE_LEN	10
#define SWAP_PAGE_MIN		4096u	/* page sizes that the signature may stand at the end of */
#define SWAP_PAGE_MAX		65536u

/* It holds the image of a suspended system. */
bool swap_signature_is_image(const uint8_t signature[static SWAP_SIGNATURE_LEN]);

#endif
