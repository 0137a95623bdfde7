/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See target.h. */
#include "p2v-server/target.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/ring.h"
#include "convert/qcow2_write.h"
#include "p2v-server/checks.h"
#include "p2v-server/unread.h"
#include "wire/proto.h"

/*
 * Messages between two journal appends, and unreadable ranges of a disk: bounds on what an agent
 * can make us hold.
 */
#define WAITING_MAX	65536u
#define BAD_MAX		(1u << 20)
/* Beside the states of a chunk: given to the writer, who knows more of it than the journal. */
#define GIVEN		UINT8_MAX

struct waiting {			/* one message between its arrival and its journal record */
	uint64_t id;
	bool written;
	bool has_record;		/* a FLUSH has none */
	struct journal_record rec;
};

struct target {
	struct job *job;
	struct journal *journal;
	struct decode *decode;
	struct early *early;		/* NULL: all in one thread */
	size_t with_writers;		/* items that have not come back */
	struct writer **writers;
	/*
	 * Of a live job, per disk and chunk: what the journal said before it was taken off, or
	 * GIVEN; CHUNK_ABSENT: it has not been taken off.
	 */
	uint8_t **was;
	struct checks *checks;		/* of a live job; so is */
	struct unread *unread;
	int epoll;			/* of all writers' descriptors */
	size_t n;
	struct ring waiting;		/* of struct waiting, by rising id */
	uint64_t acked, durable;
	uint64_t flush_id;		/* the FLUSH on its way, 0 none */
	uint64_t flush_next;		/* one that waits for it, 0 none */
	size_t flush_left;		/* images that have not answered flush_id */
	struct err failure;		/* the first; code 0: none */
};

/* Remember the first failure. */
static int failed(struct target *t, int r, const struct err *why, struct err *err)
{
	if (t->failure.code == 0) {
		t->failure = *why;
		t->failure.code = -r;
	}
	if (err)
		*err = t->failure;
	return -t->failure.code;
}

static struct waiting *at(struct target *t, size_t i)
{
	return ring_at(&t->waiting, i);
}

static int waiting_push(struct target *t, const struct waiting *w, struct err *err)
{
	return ring_push(&t->waiting, w) < 0 ? err_nomem(err) : 0;
}

/* Ids rise by one, so the place follows from the id. */
static struct waiting *waiting_find(struct target *t, uint64_t id)
{
	uint64_t first = t->waiting.n ? at(t, 0)->id : 0;

	if (id < first || id - first >= t->waiting.n)
		return NULL;
	return at(t, (size_t)(id - first));
}

/*
 * A crash between the renaming of the images and job.json: the images take their partial names
 * back.
 */
static int reclaim_partial(const struct job *j, const struct job_image *im, const char *partial,
			   struct err *err)
{
	CLEANUP(mem_free) char *final = job_image_name(im, false);

	if (!final)
		return err_nomem(err);
	if (faccessat(j->dirfd, partial, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	    faccessat(j->dirfd, final, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (fchmodat(j->dirfd, final, 0600, 0) < 0)
		return err_errno(err, "cannot take up %s", final);
	return fdio_rename_durable(j->dirfd, final, partial, err);
}

static int open_image(struct target *t, size_t i, struct err *err)
{
	struct job *j = t->job;
	struct journal_disk *jd = &t->journal->disks[i];
	CLEANUP(mem_free) char *name = job_image_name(&j->images[i], true);
	CLEANUP(bitmap_free) struct bitmap *have = NULL;
	struct image *im = NULL;
	int r;

	if (!name)
		return err_nomem(err);
	r = reclaim_partial(j, &j->images[i], name, err);
	if (r >= 0)
		r = journal_have(t->journal, (uint16_t)i, &have, err);
	if (r < 0)
		return r;
	if (bitmap_count(have) == 0) {
		/* Nothing of it is durable: what lies there is the rest of an attempt. */
		if (unlinkat(j->dirfd, name, 0) < 0 && errno != ENOENT)
			return err_errno(err, "cannot remove %s", name);
		r = qcow2_write_create(j->dirfd, name, jd->size, j->compressed, &im, err);
	} else {
		r = qcow2_write_open(j->dirfd, name, jd->size, j->compressed, have, &im, err);
	}
	if (r < 0) {
		err_prefix(err, "image %s", name);
		return r;
	}
	r = writer_new(im, j->compressed, j->live, t->decode, &t->writers[i], err);
	if (r < 0)
		return r;
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, writer_fd(t->writers[i]),
		      &(struct epoll_event){ .events = EPOLLIN }) < 0)
		return err_errno(err, "cannot watch the writer of %s", name);
	return 0;
}

static int open_live(struct target *t, struct err *err)
{
	int r;

	t->was = calloc(t->n, sizeof(*t->was));
	for (size_t i = 0; t->was && i < t->n; i++) {
		t->was[i] = calloc(t->journal->disks[i].nchunks, 1);
		if (!t->was[i])
			return err_nomem(err);
	}
	r = t->was ? checks_new((uint16_t)t->n, &t->checks, err) : err_nomem(err);
	return r < 0 ? r : unread_new((uint16_t)t->n, &t->unread, err);
}

int target_open(struct job *j, unsigned int threads, struct target **ret, struct err *err)
{
	CLEANUP(target_free) struct target *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_nomem(err);
	t->job = j;
	t->waiting = (struct ring)RING_OF(struct waiting);
	t->n = j->nimages;
	t->writers = calloc(t->n, sizeof(struct writer *));
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!t->writers)
		return err_nomem(err);
	if (t->epoll < 0)
		return err_errno(err, "cannot make an epoll descriptor");
	r = decode_new(threads, &t->decode, err);
	if (r >= 0)
		r = job_journal(j, false, &t->journal, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < t->n; i++) {
		r = open_image(t, i, err);
		if (r < 0)
			return r;
	}
	if (j->live) {
		r = open_live(t, err);
		if (r < 0)
			return r;
	}
	if (fsync(j->dirfd) < 0)
		return err_errno(err, "cannot sync the job folder");
	r = threads > 0 ? early_new(j, t->journal, &t->early, err) : 0;
	if (r < 0)
		return r;
	if (t->early)
		early_idle(t->early, true);
	*ret = TAKE_PTR(t);
	return 0;
}

void target_free(struct target *t)
{
	if (!t)
		return;
	early_free(t->early);
	for (size_t i = 0; t->writers && i < t->n; i++)
		writer_free(t->writers[i]);
	free(t->writers);
	decode_free(t->decode);
	for (size_t i = 0; t->was && i < t->n; i++)
		free(t->was[i]);
	free(t->was);
	checks_free(t->checks);
	unread_free(t->unread);
	fd_close(t->epoll);
	journal_free(t->journal);
	ring_done(&t->waiting);
	free(t);
}

struct journal *target_journal(struct target *t)
{
	return t->journal;
}

struct early *target_early(struct target *t)
{
	return t->early;
}

struct early *target_take_early(struct target *t)
{
	if (t->early)
		early_stop(t->early);
	return TAKE_PTR(t->early);
}

/* Chunks are about to be taken off the journal: 1, or 0 when it has none of them. */
static int prepare_revoke(struct target *t, uint16_t disk, uint64_t offset, uint64_t length,
			  struct err *err)
{
	const uint8_t *state = t->journal->disks[disk].state;
	uint64_t first = offset / PROTO_CHUNK_SIZE, end = first + DIV_ROUND_UP(length,
									      PROTO_CHUNK_SIZE);
	int any = 0, r;

	for (uint64_t i = first; i < end; i++) {
		if (state[i] == CHUNK_ABSENT)
			continue;
		any = 1;
		if (t->was)
			t->was[disk][i] = state[i];
	}
	if (any && t->early)
		early_revoke(t->early, disk, offset, length);
	r = any && t->unread ? unread_keep(t->unread, t->journal, disk, offset, length, err) : 0;
	return r < 0 ? r : any;
}

/*
 * Chunks that are durable already may be sent again (a re-sync); their old digests must not
 * survive a crash half-way through the overwriting.
 */
static int revoke_durable(struct target *t, uint16_t disk, uint64_t offset, uint64_t length,
			  struct err *err)
{
	struct journal_record rec = {
		.type = JOURNAL_REVOKE, .disk = disk, .offset = offset, .length = length
	};

	int r = prepare_revoke(t, disk, offset, length, err);

	return r > 0 ? journal_append(t->journal, &rec, 1, err) : r;
}

static void mark_given(struct target *t, const struct journal_record *rec)
{
	if (t->was)
		memset(t->was[rec->disk] + rec->offset / PROTO_CHUNK_SIZE, GIVEN,
		       DIV_ROUND_UP(rec->length, PROTO_CHUNK_SIZE));
}

/* An item goes to a writer, or has come back: who verifies beside it stays out of its way. */
static void count_item(struct target *t, int by)
{
	t->with_writers += (size_t)by;
	if (t->early && (by > 0 ? t->with_writers == 1 : t->with_writers == 0))
		early_idle(t->early, t->with_writers == 0);
}

static int flush_all(struct target *t, uint64_t id, struct err *err)
{
	t->flush_id = id;
	t->flush_next = 0;
	t->flush_left = t->n;
	for (size_t i = 0; i < t->n; i++) {
		int r;

		count_item(t, 1);
		r = writer_flush(t->writers[i], id, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * What waits to be journalled takes memory. An agent that never asks for a FLUSH gets one of our
 * own, of which it hears nothing.
 */
static int bound_waiting(struct target *t, struct err *err)
{
	if (t->waiting.n <= WAITING_MAX || t->flush_id != 0)
		return 0;
	return flush_all(t, at(t, t->waiting.n - 1)->id, err);
}

/* What a PATCH builds on. */
static int base_of(const struct target *t, uint16_t disk, uint64_t chunk, struct hotset_base *ret,
		   struct err *err)
{
	const struct journal_disk *d = &t->journal->disks[disk];

	*ret = (struct hotset_base){ .kind = HOTSET_UNKNOWN };
	switch (t->was ? t->was[disk][chunk] : CHUNK_ABSENT) {
	case CHUNK_DATA:
		ret->kind = HOTSET_DIGEST;
		memcpy(ret->sha256, d->sha256[chunk], SHA256_LEN);
		return 0;
	case CHUNK_ZERO:
	case CHUNK_FREE:
		ret->kind = HOTSET_ZERO;
		return 0;
	case GIVEN:
		return 0;
	default:
		return err_set(err, EBADMSG,
			       "a PATCH of the chunk at 0x%" PRIx64 ", which was never sent",
			       chunk * PROTO_CHUNK_SIZE);
	}
}

/* What is sent is there, or has been said to be unreadable by a BAD before it. */
static int forget_unread(struct target *t, const struct journal_record *rec,
			 const struct msg_patch *p, struct err *err)
{
	int r = 0;

	if (!t->unread)
		return 0;
	if (!p)
		return unread_written(t->unread, rec->disk, rec->offset, rec->length, err);
	for (uint16_t i = 0; r >= 0 && i < p->npieces; i++)
		r = unread_written(t->unread, rec->disk, p->offset + p->pieces[i].offset,
				   p->pieces[i].length, err);
	return r;
}

/* A message that writes: its record waits, its work goes to the image. */
static int give(struct target *t, const struct waiting *w, const struct msg_data *d,
		const struct msg_zero *z, const struct msg_patch *p, struct err *err)
{
	const struct journal_record *rec = &w->rec;
	struct hotset_base base;
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0)
		r = revoke_durable(t, rec->disk, rec->offset, rec->length, &why);
	if (r >= 0 && p)
		r = base_of(t, rec->disk, rec->offset / PROTO_CHUNK_SIZE, &base, &why);
	if (r >= 0)
		r = forget_unread(t, rec, p, &why);
	if (r >= 0 && t->checks)
		r = checks_sent(t->checks, rec->disk, rec->offset, rec->length, &why);
	if (r >= 0)
		r = waiting_push(t, w, &why);
	if (r >= 0)
		count_item(t, 1);
	if (r >= 0 && d)
		r = writer_data(t->writers[rec->disk], d, &why);
	else if (r >= 0 && z)
		r = writer_zero(t->writers[rec->disk], z, &why);
	else if (r >= 0)
		r = writer_patch(t->writers[rec->disk], p, &base, &why);
	if (r >= 0)
		mark_given(t, rec);
	if (r >= 0)
		r = bound_waiting(t, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

int target_data(struct target *t, const struct msg_data *d, struct err *err)
{
	struct waiting w = {
		.id = d->id,
		.has_record = true,
		.rec = { .type = JOURNAL_DATA,
			 .disk = d->disk,
			 .offset = d->offset,
			 .length = d->length },
	};

	memcpy(w.rec.sha256, d->sha256, SHA256_LEN);
	return give(t, &w, d, NULL, NULL, err);
}

int target_zero(struct target *t, const struct msg_zero *z, struct err *err)
{
	struct waiting w = {
		.id = z->id,
		.has_record = true,
		.rec = { .type = JOURNAL_ZERO,
			 .reason = z->reason,
			 .disk = z->disk,
			 .offset = z->offset,
			 .length = z->length },
	};

	return give(t, &w, NULL, z, NULL, err);
}

/* The digest of the chunk is known when the writer has done it. */
int target_patch(struct target *t, const struct msg_patch *p, struct err *err)
{
	struct waiting w = {
		.id = p->id,
		.has_record = true,
		.rec = { .type = JOURNAL_DATA,
			 .disk = p->disk,
			 .offset = p->offset,
			 .length = MIN((uint64_t)PROTO_CHUNK_SIZE,
				       t->journal->disks[p->disk].size - p->offset) },
	};

	return give(t, &w, NULL, NULL, p, err);
}

static int revoke_stale(struct target *t, const struct msg_have *h, struct err *err)
{
	CLEANUP(mem_free) struct journal_record *v = calloc(h->n, sizeof(*v));
	size_t n = 0;

	if (!v)
		return err_nomem(err);
	for (size_t i = 0; i < t->waiting.n; i++)
		if (at(t, i)->has_record)
			return err_set(err, EBADMSG, "STALE while chunks are on their way");
	for (uint32_t i = 0; i < h->n; i++) {
		const struct msg_range *g = &h->ranges[i];
		int r = prepare_revoke(t, h->disk, g->offset, g->length, err);

		if (r < 0)
			return r;
		if (r > 0)
			v[n++] = (struct journal_record){ .type = JOURNAL_REVOKE,
							  .disk = h->disk,
							  .offset = g->offset,
							  .length = g->length };
	}
	return n > 0 ? journal_append(t->journal, v, n, err) : 0;
}

/* A message that changes nothing in an image. */
static int push_light(struct target *t, uint64_t id, struct err *err)
{
	struct waiting w = { .id = id, .written = true };
	int r = waiting_push(t, &w, err);

	return r < 0 ? r : bound_waiting(t, err);
}

int target_stale(struct target *t, const struct msg_stale *s, struct err *err)
{
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0)
		r = revoke_stale(t, &s->what, &why);
	if (r >= 0)
		r = push_light(t, s->id, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

int target_check(struct target *t, const struct msg_check *c, struct err *err)
{
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0 && !t->checks)
		r = err_set(&why, EBADMSG, "a CHECK in a job whose disks do not change");
	if (r >= 0)
		r = checks_add(t->checks, c->id, &c->what, &why);
	if (r >= 0)
		r = push_light(t, c->id, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

bool target_differ(struct target *t, struct msg_range *ranges, struct msg_have *ret)
{
	return t->checks && checks_next(t->checks, ranges, ret);
}

bool target_checks_pending(const struct target *t)
{
	return t->checks && checks_pending(t->checks);
}

bool target_checks_open(const struct target *t)
{
	return t->checks && checks_open(t->checks);
}

static int revoke_around(struct target *t, const struct msg_bad *b, struct err *err)
{
	uint64_t from = ALIGN_DOWN(b->offset, (uint64_t)PROTO_CHUNK_SIZE);
	uint64_t to = MIN(ALIGN_UP(b->offset + b->length, (uint64_t)PROTO_CHUNK_SIZE),
			  t->journal->disks[b->disk].size);

	return revoke_durable(t, b->disk, from, to - from, err);
}

int target_bad(struct target *t, const struct msg_bad *b, struct err *err)
{
	struct waiting w = {
		.id = b->id,
		.has_record = true,
		.written = true, /* nothing to write: the zeroes come as data */
		.rec = { .type = JOURNAL_BAD,
			 .disk = b->disk,
			 .offset = b->offset,
			 .length = b->length },
	};
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0 && t->journal->disks[b->disk].bad.n >= BAD_MAX)
		r = err_set(&why, E2BIG, "more than %u unreadable ranges", BAD_MAX);
	/*
	 * Its data is still to come. The chunk is revoked now: when that came with the data, it
	 * would take this record with it.
	 */
	if (r == 0)
		r = revoke_around(t, b, &why);
	if (r >= 0)
		r = waiting_push(t, &w, &why);
	if (r >= 0)
		r = bound_waiting(t, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

int target_flush(struct target *t, uint64_t id, struct err *err)
{
	struct waiting w = { .id = id };
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0)
		r = waiting_push(t, &w, &why);
	if (r >= 0 && t->flush_id != 0)
		t->flush_next = id;
	else if (r >= 0)
		r = flush_all(t, id, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

static bool writes(const struct waiting *w)
{
	return w->has_record && w->rec.type != JOURNAL_BAD;
}

/* The parts of a record's range that no later message has written to. */
static void emit_unseen(const struct journal_record *rec, const struct bitmap *seen,
			struct journal_record *v, size_t *n)
{
	uint64_t pos = rec->offset, end = rec->offset + rec->length, off, len;

	while (pos < end && bitmap_next_run(seen, false, pos, &off, &len) && off < end) {
		v[*n] = *rec;
		v[*n].offset = off;
		v[*n].length = MIN(off + len, end) - off;
		pos = off + len;
		++*n;
	}
}

/*
 * The records of the first covered messages. BADs come first, so that no torn append has the data
 * without them; then the rest from the newest on, each chunk once. Every range that is split is
 * split by one that disappears in it, so there are at most two records for a message.
 */
static int collect(struct target *t, size_t covered, struct journal_record *v, size_t *ret_n,
		   struct bitmap **seen)
{
	size_t n = 0;

	for (size_t i = 0; i < covered; i++)
		if (at(t, i)->has_record && at(t, i)->rec.type == JOURNAL_BAD)
			v[n++] = at(t, i)->rec;
	for (size_t i = t->waiting.n; i-- > 0;) {
		const struct journal_record *rec = &at(t, i)->rec;

		if (!writes(at(t, i)))
			continue;
		if (!seen[rec->disk] && bitmap_new(t->journal->disks[rec->disk].size,
						   PROTO_CHUNK_SIZE, &seen[rec->disk]) < 0)
			return -ENOMEM;
		if (i < covered)
			emit_unseen(rec, seen[rec->disk], v, &n);
		bitmap_set_range(seen[rec->disk], rec->offset, rec->length);
	}
	*ret_n = n;
	return 0;
}

static int journal_first(struct target *t, size_t covered, struct err *err)
{
	CLEANUP(mem_free) struct journal_record *v = calloc(2 * t->waiting.n + 1, sizeof(*v));
	CLEANUP(mem_free) struct bitmap **seen = calloc(t->n, sizeof(struct bitmap *));
	size_t n = 0;
	int r = v && seen ? collect(t, covered, v, &n, seen) : -ENOMEM;

	for (size_t i = 0; seen && i < t->n; i++)
		bitmap_free(seen[i]);
	r = r < 0 ? err_nomem(err) : 0;
	if (r >= 0 && t->unread)
		r = unread_restore(t->unread, t->journal, v, n, err);
	if (r >= 0)
		r = journal_append(t->journal, v, n, err);
	for (size_t i = 0; r >= 0 && t->early && i < n; i++)
		if (v[i].type == JOURNAL_DATA)
			early_add(t->early, v[i].disk, v[i].offset, v[i].length);
	return r;
}

/* Every image has flushed: journal what the flush covers. */
static int journal_covered(struct target *t, struct err *err)
{
	size_t covered = 0;
	int r;

	while (covered < t->waiting.n && at(t, covered)->id <= t->flush_id)
		covered++;
	r = journal_first(t, covered, err);
	if (r < 0)
		return r;
	if (t->checks)
		r = checks_answer(t->checks, t->journal, t->flush_id, err);
	if (r < 0)
		return r;
	ring_drop(&t->waiting, covered);
	t->durable = t->flush_id;
	t->acked = MAX(t->acked, t->flush_id);
	t->flush_id = 0;
	return t->flush_next != 0 ? flush_all(t, t->flush_next, err) : 0;
}

static int item_done(struct target *t, const struct writer_item *it, struct err *err)
{
	struct waiting *w;

	if (it->code < 0) {
		if (err)
			*err = it->err;
		return it->code;
	}
	if (it->op != WRITER_FLUSH) {
		w = waiting_find(t, it->id);
		if (w && it->op == WRITER_PATCH)
			memcpy(w->rec.sha256, it->sha256, SHA256_LEN);
		if (w)
			w->written = true;
		return 0;
	}
	if (--t->flush_left > 0)
		return 0;
	w = waiting_find(t, it->id);
	if (w)
		w->written = true;
	return journal_covered(t, err);
}

/* The high-water mark: everything in front of it is written. */
static void advance_acked(struct target *t)
{
	size_t i = 0;

	if (t->waiting.n > 0 && t->acked >= at(t, 0)->id)
		i = (size_t)(t->acked - at(t, 0)->id + 1);
	for (; i < t->waiting.n && at(t, i)->written; i++)
		t->acked = at(t, i)->id;
}

static int poll_writer(struct target *t, size_t i, struct err *err)
{
	struct writer_item *it;

	writer_fd_clear(t->writers[i]);
	while (writer_next(t->writers[i], &it) == 0) {
		int r;

		count_item(t, -1);
		r = item_done(t, it, err);
		writer_item_free(it);
		if (r < 0) {
			err_prefix(err, "%s", t->job->images[i].disk);
			return r;
		}
	}
	return 0;
}

int target_poll(struct target *t, uint64_t *ret_acked, uint64_t *ret_durable, struct err *err)
{
	struct err why = t->failure;
	int r = -why.code;

	for (size_t i = 0; r >= 0 && i < t->n; i++)
		r = poll_writer(t, i, &why);
	if (r < 0)
		return failed(t, r, &why, err);
	advance_acked(t);
	*ret_acked = t->acked;
	*ret_durable = t->durable;
	return 0;
}

int target_fd(struct target *t)
{
	return t->epoll;
}

/* Let the flushes on their way, if any, arrive. */
static int wait_flush(struct target *t, struct err *err)
{
	struct pollfd p = { .fd = t->epoll, .events = POLLIN };

	while (t->flush_id != 0) {
		uint64_t acked, durable;
		int r = target_poll(t, &acked, &durable, err);

		if (r < 0)
			return r;
		if (t->flush_id != 0 && poll(&p, 1, 1000) < 0 && errno != EINTR)
			return err_errno(err, "cannot wait for the images");
	}
	return 0;
}

int target_save(struct target *t, struct err *err)
{
	struct err why = t->failure;
	int r = -why.code;

	if (r == 0)
		r = wait_flush(t, &why);
	if (r >= 0 && t->waiting.n > 0)
		r = flush_all(t, at(t, t->waiting.n - 1)->id, &why);
	if (r >= 0)
		r = wait_flush(t, &why);
	return r < 0 ? failed(t, r, &why, err) : 0;
}

int target_close(struct target *t, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < t->n; i++) {
		int r = writer_end(TAKE_PTR(t->writers[i]), true, result < 0 ? NULL : err);

		if (r < 0 && result >= 0)
			result = r;
	}
	target_free(t);
	return result;
}
