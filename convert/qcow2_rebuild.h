/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Taking up an image that may have been torn by a crash, or forged. Internal to the qcow2 writer.
 *
 * First everything that is to be kept is checked, without a write: a refused file is left as it
 * was. Then the image is marked dirty (qcow2's own word for "do not believe the refcounts"),
 * mappings that are not kept are cleared, the refcounts are counted anew from the tables, and when
 * all that is durable the mark is taken off and the file cut to its last used cluster. A crash on
 * the way is repaired by the next call.
 *
 * Memory: 4 MiB per TiB of file while it runs, 2 MiB of which stay as the free bitmap.
 */
#ifndef P2V_CONVERT_QCOW2_REBUILD_H
#define P2V_CONVERT_QCOW2_REBUILD_H

#include "convert/qcow2_meta.h"

/*
 * m is fresh from qcow2_meta_init(), m->file_size set. -EBADMSG: a kept range is damaged, and
 * which. Afterwards the image is consistent and durable.
 */
int qcow2_rebuild(struct qcow2_meta *m, const struct bitmap *keep, struct err *err);

#endif
