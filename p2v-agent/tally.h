/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all connections of a pass have done together. Each adds what it did; the pass's own thread
 * shows it (progress) and draws conclusions from it (adapt). Counters only rise; any thread.
 */
#ifndef P2V_AGENT_TALLY_H
#define P2V_AGENT_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/progress.h"

struct tally {
	atomic_uint_fast64_t done;			/* bytes sent and acknowledged */
	atomic_uint_fast64_t skipped[PROGRESS_SKIP_COUNT];
	atomic_uint_fast64_t sent;			/* bytes of the disks sent */
	atomic_uint_fast64_t in, out;	/* of DATA: bytes of the disks, on the wire */
	/*
	 * Time of workers; of connections without work, or waiting for the far end's
	 * confirmation.
	 */
	atomic_uint_fast64_t busy_ns, starved_ns, stalled_ns;
	atomic_uint_fast64_t rate;	/* bytes per second for each connection; 0 no limit */
	atomic_bool advanced;				/* something became durable */
};

/* What of a tally its reader has seen, so that it takes each byte once. */
struct tally_shown {
	uint64_t done, skipped[PROGRESS_SKIP_COUNT], in, out, busy_ns, starved_ns, stalled_ns;
};

#endif
