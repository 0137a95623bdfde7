/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether memory is all zero bytes, at memory speed. */
#ifndef P2V_COMMON_ISZERO_H
#define P2V_COMMON_ISZERO_H

#include <stdbool.h>
#include <stddef.h>

bool is_zero(const void *p, size_t len);

#endif
