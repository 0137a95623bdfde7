/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See qcow2_reread.h. */
#include "convert/qcow2_reread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"

#define CLUSTER		QCOW2_CLUSTER_SIZE

static int damaged(uint64_t cluster, struct err *err)
{
	return err_set(err, EBADMSG, "the packed cluster at 0x%" PRIx64 " does not decode",
		       cluster * CLUSTER);
}

/* A frame lies somewhere in the bytes of its entry, and may end before they do. */
static int unpack(struct qcow2_meta *m, const struct qcow2_entry *e, uint64_t cluster,
		  uint8_t *buf, struct err *err)
{
	CLEANUP(mem_free) uint8_t *frame = malloc(e->length);
	/* The last sector may not be there in full. */
	size_t len = MIN(e->length, m->file_size - e->host), n;
	int r;

	if (!frame)
		return err_nomem(err);
	r = fdio_pread_full(m->fd, frame, len, e->host);
	if (r < 0)
		return err_code(err, -r, "cannot read the image at 0x%" PRIx64, e->host);
	n = ZSTD_findFrameCompressedSize(frame, len);
	if (ZSTD_isError(n))
		return damaged(cluster, err);
	n = ZSTD_decompress(buf, CLUSTER, frame, n);
	return ZSTD_isError(n) || n != CLUSTER ? damaged(cluster, err) : 0;
}

/* How many raw clusters from i on follow each other in the file. */
static uint32_t raw_run(const struct qcow2_table *t, uint32_t i, uint32_t n, uint64_t host)
{
	uint32_t run = 1;

	for (; run < n; run++) {
		struct qcow2_entry e = qcow2_layout_decode(qcow2_meta_entry(t, i + run),
							   QCOW2_CLUSTER_BITS);

		if (e.kind != QCOW2_KIND_RAW || e.host != host + (uint64_t)run * CLUSTER)
			break;
	}
	return run;
}

int qcow2_reread(struct qcow2_meta *m, uint64_t first, uint32_t n, uint8_t *buf, struct err *err)
{
	uint32_t i = (uint32_t)(first % QCOW2_L2_ENTRIES), done = 0;
	struct qcow2_table *t;
	int r = qcow2_meta_l2(m, first / QCOW2_L2_ENTRIES, false, &t, err);

	if (r >= 0 && !t)
		memset(buf, 0, (size_t)n * CLUSTER);
	while (r >= 0 && t && done < n) {
		struct qcow2_entry e = qcow2_layout_decode(qcow2_meta_entry(t, i + done),
							   QCOW2_CLUSTER_BITS);
		uint8_t *to = buf + (size_t)done * CLUSTER;
		uint32_t run = 1;

		switch (e.kind) {
		case QCOW2_KIND_RAW:
			run = raw_run(t, i + done, n - done, e.host);
			r = qcow2_data_read(&m->data, to, (size_t)run * CLUSTER, e.host);
			if (r < 0)
				r = err_code(err, -r, "cannot read the image at 0x%" PRIx64,
					     e.host);
			break;
		case QCOW2_KIND_PACKED:
			r = unpack(m, &e, first + done, to, err);
			break;
		case QCOW2_KIND_NONE:
		case QCOW2_KIND_ZERO:
			memset(to, 0, CLUSTER);
			break;
		case QCOW2_KIND_BAD:
			r = err_set(err, EBADMSG, "the L2 entry for 0x%" PRIx64 " is damaged",
				    (first + done) * CLUSTER);
			break;
		}
		done += run;
	}
	return r;
}
