/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See blktrace_record.h. */
#include "track/blktrace_record.h"

#include <errno.h>
#include <linux/blktrace_api.h>
#include <string.h>

#define ACTION_MASK	0xffffu

int blktrace_record_parse(const void *p, size_t len, struct blktrace_record *ret)
{
	struct blk_io_trace t;
	uint32_t act;

	if (len < sizeof(t))
		return 0;
	memcpy(&t, p, sizeof(t));
	if (t.magic != (BLK_IO_TRACE_MAGIC | BLK_IO_TRACE_VERSION))
		return -EBADMSG;
	if (len - sizeof(t) < t.pdu_len)
		return 0;
	*ret = (struct blktrace_record){ .sector = t.sector, .bytes = t.bytes };
	act = t.action & ACTION_MASK & ~(uint32_t)__BLK_TA_CGROUP;
	/* Notes have numbers of their own. */
	if (!(t.action & BLK_TC_ACT(BLK_TC_NOTIFY))) {
		ret->numbered = true;
		ret->sequence = t.sequence;
		if (act == __BLK_TA_QUEUE)
			ret->kind = BLKTRACE_QUEUE;
		else if (act == __BLK_TA_COMPLETE)
			ret->kind = BLKTRACE_COMPLETE;
	}
	/* Only what is clearly a read is one. */
	ret->writes = !(t.action & BLK_TC_ACT(BLK_TC_READ)) ||
		      (t.action & BLK_TC_ACT(BLK_TC_WRITE | BLK_TC_DISCARD));
	ret->driver = t.action & BLK_TC_ACT(BLK_TC_PC);
	return (int)(sizeof(t) + t.pdu_len);
}
