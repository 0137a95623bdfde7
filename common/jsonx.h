/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading our own JSON files (jansson) with errors that name the member. Each getter returns 0,
 * -ENOENT (absent or null: *ret untouched, err not set), or -EBADMSG with err set.
 */
#ifndef P2V_COMMON_JSONX_H
#define P2V_COMMON_JSONX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"

static inline void json_unref(json_t *j)
{
	json_decref(j);
}
DEFINE_CLEANUP(json_t *, json_unref)

int jsonx_get_str(const json_t *obj, const char *key, char **ret, struct err *err); /* malloc'd */
int jsonx_get_u64(const json_t *obj, const char *key, uint64_t *ret,
		  struct err *err); /* 0..2^63-1 */
int jsonx_get_i64(const json_t *obj, const char *key, int64_t *ret, struct err *err);
int jsonx_get_bool(const json_t *obj, const char *key, bool *ret, struct err *err);
int jsonx_get_obj(const json_t *obj, const char *key, json_t **ret, struct err *err); /* borrowed */
int jsonx_get_arr(const json_t *obj, const char *key, json_t **ret, struct err *err); /* borrowed */

/* Text, which the caller has limited, to a tree; duplicates rejected, depth bounded by jansson. */
int jsonx_parse(const char *text, size_t len, const char *what, json_t **ret, struct err *err);
/* The same for a file that people edit: err begins with "line N: ". */
int jsonx_parse_edited(const char *text, size_t len, json_t **ret, struct err *err);
/*
 * Set a member; a NULL string is left out (0). A string that is not UTF-8 is stored as
 * text_escape() writes it. -ENOMEM (also when obj is NULL, so that json_object() need not be
 * checked first); -ERANGE for a number past 2^63-1.
 */
int jsonx_set_str(json_t *obj, const char *key, const char *value);
int jsonx_set_u64(json_t *obj, const char *key, uint64_t value);
int jsonx_set_bool(json_t *obj, const char *key, bool value);
/* Indented, keys in insertion order, newline at the end; malloc'd, NULL on ENOMEM. */
char *jsonx_dump(const json_t *j);

#endif
