/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * XML written as nested calls; the one user of libxml2's writer. Errors (memory, invalid UTF-8)
 * are remembered and reported by xmlw_end(), so that a document reads like the document:
 *
 *	xmlw_open(w, "memory");
 *	xmlw_attr(w, "unit", "KiB");
 *	xmlw_textf(w, "%" PRIu64, kib);
 *	xmlw_close(w);
 */
#ifndef P2V_CONVERT_XMLW_H
#define P2V_CONVERT_XMLW_H

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"

struct xmlw;

int xmlw_new(struct xmlw **ret);
void xmlw_free(struct xmlw *w);
DEFINE_CLEANUP(struct xmlw *, xmlw_free)

void xmlw_open(struct xmlw *w, const char *element);
void xmlw_close(struct xmlw *w);
void xmlw_attr(struct xmlw *w, const char *name, const char *value);	/* NULL value: left out */
void xmlw_attrf(struct xmlw *w, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
void xmlw_text(struct xmlw *w, const char *text);
void xmlw_textf(struct xmlw *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* <element>text</element>; NULL text: left out. */
void xmlw_element(struct xmlw *w, const char *element, const char *text);
void xmlw_elementf(struct xmlw *w, const char *element, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * An empty element with attributes: name, value, name, value, ..., NULL. A NULL value leaves its
 * attribute out.
 */
void xmlw_empty(struct xmlw *w, const char *element, ...) __attribute__((sentinel));
void xmlw_comment(struct xmlw *w, const char *text);
/* Finish; the document text is malloc'd. The writer is spent. */
int xmlw_end(struct xmlw *w, char **ret, struct err *err);

#endif
