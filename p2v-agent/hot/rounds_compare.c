/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See rounds_state.h. */
#include "p2v-agent/hot/rounds_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/size.h"
#include "wire/link.h"

/* What a comparison reads and hashes in a second, to tell whether it can be done frozen. */
#define COMPARE_SPEED	(300.0 * 1024 * 1024)
/* What a patrol looks at in one go, and for how much of the time it may read. */
#define PATROL_CHUNKS	32u
#define PATROL_DUTY	0.2

void rounds_take_suspects(struct rounds *r)
{
	for (size_t i = 0; i < r->n; i++) {
		bitmap_merge(r->pending[i], r->suspect[i]);
		bitmap_merge(r->kept[i], r->suspect[i]);
		bitmap_clear_all(r->suspect[i]);
	}
}

/* ---- the patrol */

bool rounds_may_patrol(const struct rounds *r)
{
	return !r->rescan && !rounds_wanted(r) && r->report.rounds >= EAGER_ROUNDS &&
	       link_now() >= r->patrol_next;
}

/* The next chunks, on one disk. */
static int choose_patrolled(struct rounds *r, struct err *err)
{
	const struct bitmap *k = r->kept[r->patrol_disk];
	uint64_t from = r->patrol_pos;
	uint64_t to = MIN(from + PATROL_CHUNKS * (uint64_t)PROTO_CHUNK_SIZE, k->size);

	for (size_t i = 0; i < r->n; i++) {
		uint64_t size = r->kept[i]->size;

		if (!r->skip[i] && bitmap_new(size, PROTO_CHUNK_SIZE, &r->skip[i]) < 0)
			return err_nomem(err);
		bitmap_set_all(r->skip[i]);
	}
	bitmap_clear_range(r->skip[r->patrol_disk], from, to - from);
	r->report.patrolled += to - from;
	r->patrol_pos = to;
	if (to == k->size) {
		r->patrol_pos = 0;
		r->patrol_disk = (r->patrol_disk + 1) % r->n;
	}
	return 0;
}

int rounds_patrol(struct rounds *r, struct pass_round *ret, struct err *err)
{
	int res = choose_patrolled(r, err);

	if (res < 0)
		return res;
	r->step = PATROLLED;
	return rounds_ask(r, ret, WALK_CHECK, r->kept, r->skip, NULL);
}

/*
 * What differs and was written meanwhile has a mark, as it was submitted before it was read: so it
 * is harvested now. What differs and has none is a write that was missed.
 */
int rounds_patrolled(struct rounds *r, struct pass_round *ret, struct err *err)
{
	double took = link_now() - r->began;
	int res = rounds_harvest(r, false, err);

	if (res < 0)
		return res;
	r->patrol_next = link_now() + took / PATROL_DUTY;
	r->aside = true;
	for (size_t i = 0; i < r->n; i++) {
		const struct bitmap *s = r->suspect[i];
		uint64_t pos = 0, off, len;

		while (pos < s->size && bitmap_next_run(s, true, pos, &off, &len)) {
			/* One by one: each has to have a mark of its own. */
			len = MIN(len, (uint64_t)PROTO_CHUNK_SIZE);
			if (!bitmap_any(r->pending[i], off, len)) {
				log_error("%s differs at 0x%" PRIx64 ", where no write was seen: "
					  "the tracker is not to be trusted, and all will be "
					  "compared", r->cfg.source->disks[i].disk->path, off);
				r->missed = true;
			}
			pos = off + len;
		}
	}
	rounds_take_suspects(r);
	r->round.bytes = rounds_bytes(r->pending, r->n);
	return rounds_changes(r, ret);
}

/* ---- a tracker that cannot vouch */

/* The chunks that a comparison leaves out: all but those in which something may be wrong. */
static int choose_compared(struct rounds *r, uint64_t *ret_bytes, struct err *err)
{
	*ret_bytes = 0;
	for (size_t i = 0; i < r->n; i++) {
		const struct bitmap *k = r->kept[i];
		CLEANUP(bitmap_free) struct bitmap *ever = NULL;
		uint64_t pos = 0, off, len;
		int res;

		if (!r->skip[i] && bitmap_new(k->size, PROTO_CHUNK_SIZE, &r->skip[i]) < 0)
			return err_nomem(err);
		if (bitmap_new(k->size, k->granularity, &ever) < 0)
			return err_nomem(err);
		bitmap_set_all(r->skip[i]);
		if (r->report.verdict == TRACK_COMPARE_ALL) {
			bitmap_set_all(ever);
		} else {
			res = track_ever(r->cfg.track, r->cfg.tracked[i], ever, err);
			if (res < 0)
				return res;
		}
		while (pos < k->size && bitmap_next_run(ever, true, pos, &off, &len)) {
			uint64_t from = ALIGN_DOWN(off, (uint64_t)PROTO_CHUNK_SIZE);

			pos = MIN(ALIGN_UP(off + len, (uint64_t)PROTO_CHUNK_SIZE), k->size);
			bitmap_clear_range(r->skip[i], from, pos - from);
			*ret_bytes += pos - from;
		}
	}
	return 0;
}

static void reasons_text(unsigned int reasons, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned int bit = 0; bit < TRACK_REASONS && at < size; bit++)
		if (reasons >> bit & 1)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? "; " : "",
					       track_reason_text(bit));
}

int rounds_compare(struct rounds *r, struct pass_round *ret, struct err *err)
{
	char bytes[SIZE_TEXT_MAX], reasons[512];
	uint64_t sum;
	double takes;
	int res = choose_compared(r, &sum, err);

	if (res < 0)
		return res;
	reasons_text(r->report.reasons, reasons, sizeof(reasons));
	size_format(sum, bytes);
	takes = (double)sum / COMPARE_SPEED;
	if (takes * 1e9 > (double)quiesce_left_ns(r->cfg.quiesce)) {
		err_set(err, ETIME,
			"the tracker cannot vouch for itself (%s): %s have to be compared while "
			"the machine stands still, for about %.1f s", reasons, bytes, takes);
		err_hint(err, "allow it with --deadline, or stop what writes, and say --resync");
		return -ETIME;
	}
	log_warning("the tracker cannot vouch for itself (%s): comparing %s", reasons, bytes);
	r->step = COMPARED;
	return rounds_ask(r, ret, WALK_CHECK, r->kept, r->skip, NULL);
}

int rounds_compared(struct rounds *r, struct pass_round *ret)
{
	uint64_t sum;

	rounds_take_suspects(r);
	sum = rounds_bytes(r->pending, r->n);
	r->report.repaired += sum;
	r->step = MENDED;
	r->round = (struct forecast_round){ .bytes = sum };
	if (sum > 0)
		return rounds_ask(r, ret, WALK_CHANGES, r->pending, NULL, NULL);
	r->began = link_now();
	return PASS_WAIT;
}
