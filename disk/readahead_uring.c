/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine of io_uring (liburing). Reads are prepared as they are started and handed to the
 * kernel when one is waited for, so that filling the window costs one system call.
 *
 * IORING_OP_READ is of Linux 5.6: a kernel that has io_uring and not this operation is found out
 * by asking it (io_uring_get_probe), and the engine is then missing.
 */
#include <liburing.h>
#include <stdlib.h>

#include "disk/readahead_engine.h"

static int uring_new(unsigned int max, unsigned int threads, void **ret, struct err *err)
{
	CLEANUP(mem_free) struct io_uring *ring = calloc(1, sizeof(*ring));
	struct io_uring_probe *probe;
	bool can_read;
	int r;

	(void)threads;
	if (!ring)
		return err_nomem(err);
	r = io_uring_queue_init(max, ring, 0);
	if (r < 0)
		return err_code(err, -r, "io_uring cannot be used here");
	probe = io_uring_get_probe_ring(ring);
	can_read = probe && io_uring_opcode_supported(probe, IORING_OP_READ);
	io_uring_free_probe(probe);
	if (!can_read) {
		io_uring_queue_exit(ring);
		return err_set(err, ENOSYS, "io_uring of this kernel cannot read");
	}
	*ret = TAKE_PTR(ring);
	return 0;
}

static void uring_start(void *engine, struct readahead_read *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(engine);

	if (!sqe)
		return;
	io_uring_prep_read(sqe, r->disk->fd, r->buf, (unsigned int)r->len, r->offset);
	io_uring_sqe_set_data(sqe, r);
	r->busy = true;
}

static void reap(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(ring, &cqe) == 0) {
		struct readahead_read *r = io_uring_cqe_get_data(cqe);

		r->good = cqe->res >= 0 && (size_t)cqe->res == r->len;
		r->busy = false;
		io_uring_cqe_seen(ring, cqe);
	}
}

/*
 * A read that the kernel has cannot be left behind: its buffer would be written to later. So this
 * goes on until it is back, whatever the call says (-EINTR, -EAGAIN when memory is short).
 */
static void uring_wait(void *engine, struct readahead_read *r)
{
	reap(engine);
	while (r->busy) {
		(void)io_uring_submit_and_wait(engine, 1);
		reap(engine);
	}
}

static void uring_free(void *engine)
{
	io_uring_queue_exit(engine);
	free(engine);
}

const struct readahead_ops readahead_uring_ops = {
	.name = "io_uring",
	.new = uring_new,
	.start = uring_start,
	.wait = uring_wait,
	.free = uring_free,
};
