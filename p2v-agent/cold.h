/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-agent cold: copy the disks of a machine that nobody writes to.
 *
 *	inventory -> open disks, used-block maps -> pre-flight -> [connect -> pass]* -> result
 *
 * The bracket repeats while the network fails, with growing pauses, until the job is finished.
 */
#ifndef P2V_AGENT_COLD_H
#define P2V_AGENT_COLD_H

#include "common/opts.h"

struct cold_config {
	const char *server, *identity, *host_key, *known_hosts, *connect_command, *remote_command;
	const char *name, *sysroot, *machine, *plan, *bad_sectors, *bandwidth, *level, *io;
	const char *cipher, *connections;
	struct opt_list disks, force, keys;
	bool compressed, all_used, resync, no_input;
	int threads, events_fd;
	uint64_t flush_size, retry_for;
};

#endif
