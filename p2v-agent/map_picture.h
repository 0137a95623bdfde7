/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A used-block map as a picture: each disk a block of cells, in rows from its beginning to its end.
 * A cell's colour is between that of free space and that of its partition, by how much of it is
 * used:
 *
 *	blue	used, by a partition that is understood
 *	orange	all used because of doubt, or of an unknown kind
 *	grey	used, of no partition (tables, boot loaders)
 *	pale	free
 */
#ifndef P2V_AGENT_MAP_PICTURE_H
#define P2V_AGENT_MAP_PICTURE_H

#include <stddef.h>
#include <stdint.h>
#include "disk/usedmap.h"

#define MAP_PICTURE_COLUMNS	128
#define MAP_PICTURE_ROWS	32	/* of each disk */
#define MAP_PICTURE_CELL	8	/* pixels, with a gap of one */
#define MAP_PICTURE_MARGIN	8

/* The colour (0xRRGGBB) of cell i of a disk of MAP_PICTURE_COLUMNS * MAP_PICTURE_ROWS. */
uint32_t map_picture_cell(const struct usedmap *u, size_t i);
/* Writes a PNG; an older file is replaced. -errno, with the file named in err. */
int map_picture_write(const struct usedmap_set *set, const char *path, struct err *err);

#endif
