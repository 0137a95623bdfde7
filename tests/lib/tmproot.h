/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A root folder made for one test: a temporary one that is filled file by file and looked at by a
 * collector through sysroot. One at a time; tmproot_remove() ends it.
 */
#ifndef P2V_TESTS_TMPROOT_H
#define P2V_TESTS_TMPROOT_H

#include <stddef.h>
#include "common/compiler.h"
#include "common/sysroot.h"

void tmproot_make(void);
void tmproot_remove(void);
const char *tmproot_path(void);
/* A file below it, its folders made; path is absolute in the root. */
void tmproot_put(const char *path, const void *data, size_t len);
void tmproot_text(const char *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
void tmproot_folder(const char *path);
void tmproot_link(const char *path, const char *target);
/* The caller frees it. */
struct sysroot *tmproot_open(void);

#endif
