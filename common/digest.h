/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Digests: SHA-256 (libcrypto, which uses the CPU's SHA instructions) for content, CRC-32C
 * (Castagnoli, polynomial 0x1EDC6F41 reflected, RFC 3720 B.4) for framing and record checks.
 */
#ifndef P2V_COMMON_DIGEST_H
#define P2V_COMMON_DIGEST_H

#include <stdint.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

#define SHA256_LEN	32
#define SHA256_HEX_LEN	64

/* One-shot; -ENOMEM or -EIO when libcrypto fails. Any thread. */
int digest_sha256(const void *p, size_t len, uint8_t ret[static SHA256_LEN]) WARN_UNUSED;

struct sha256;		/* incremental; one thread */
int sha256_new(struct sha256 **ret) WARN_UNUSED;
void sha256_free(struct sha256 *s);
DEFINE_CLEANUP(struct sha256 *, sha256_free)
/* Both: -EINVAL once it is final, -EIO when libcrypto fails. */
int sha256_update(struct sha256 *s, const void *p, size_t len) WARN_UNUSED;
int sha256_final(struct sha256 *s, uint8_t ret[static SHA256_LEN]) WARN_UNUSED;

/* Start with crc = 0; feed the result back in to continue. */
uint32_t digest_crc32c(uint32_t crc, const void *p, size_t len);
/* The same result without the CPU's help; here for the test that holds the two together. */
uint32_t digest_crc32c_portable(uint32_t crc, const void *p, size_t len);

/* Lower-case hex with NUL: buf holds 2 * len + 1. */
void digest_hex(const uint8_t *p, size_t len, char *buf);
/* Exactly 2 * len hex digits of either case, then NUL; -EINVAL otherwise, p untouched. */
int digest_unhex(const char *hex, uint8_t *p, size_t len) WARN_UNUSED;

#endif
