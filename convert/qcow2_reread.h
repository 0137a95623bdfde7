/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading an image while it is written, through the tables that the writer has in memory. Internal
 * to the qcow2 writer; one thread. What is on disk is another reader's business: qcow2_read.h.
 */
#ifndef P2V_CONVERT_QCOW2_REREAD_H
#define P2V_CONVERT_QCOW2_REREAD_H

#include "convert/qcow2_meta.h"

/*
 * n clusters from guest cluster first on, all of one L2 table, into buf (n * 64 KiB, from
 * fdio_alloc() saves a copy). -EBADMSG: a packed cluster does not decode.
 */
int qcow2_reread(struct qcow2_meta *m, uint64_t first, uint32_t n, uint8_t *buf, struct err *err);

#endif
