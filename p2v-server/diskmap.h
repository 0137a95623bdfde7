/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The map of a copied disk as a picture: what was data, zero, free and unreadable, to scale. */
#ifndef P2V_SERVER_DISKMAP_H
#define P2V_SERVER_DISKMAP_H

#include "common/text.h"
#include "p2v-server/journal.h"

/*
 * Add an <svg> element to the HTML in b: rows of cells, each the mix of what lies under it. title
 * may be NULL.
 */
void diskmap_svg(struct strbuf *b, const struct journal_disk *d, const char *title);

#endif
