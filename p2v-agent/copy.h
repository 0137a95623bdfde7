/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every copy of a machine has, cold or live: where to, of what, how fast; and connections
 * that are made again until it is done.
 *
 *	copy_check()	the options, by themselves
 *	copy_prepare()	inventory, plan, name, disks and their used-block maps
 *	copy_run()	[connect -> pass]*, with growing pauses while the network fails
 *	copy_conclude()	what the server says of it, as words and exit status
 *
 * One thread.
 */
#ifndef P2V_AGENT_COPY_H
#define P2V_AGENT_COPY_H

#include "common/opts.h"
#include "common/progress.h"
#include "common/text.h"
#include "inventory/machine.h"
#include "p2v-agent/pass.h"
#include "p2v-agent/transport_ssh.h"

struct copy_config {
	const char *server, *identity, *host_key, *known_hosts, *connect_command, *remote_command;
	const char *name, *sysroot, *machine, *plan, *bad_sectors, *bandwidth, *level, *io;
	const char *cipher, *connections;
	struct opt_list disks, force;
	bool compressed, all_used, resync, no_input;
	int threads, events_fd;
	uint64_t flush_size, retry_for;
};

/* As it is before options are read. */
#define COPY_CONFIG_INIT { \
	.threads = (int)sysconf(_SC_NPROCESSORS_ONLN), .flush_size = 64 * MIB, .retry_for = 3600, \
	.events_fd = -1, \
}
void copy_config_done(struct copy_config *cfg);

/* The options of a table whose struct has the config as a member. */
#define COPY_OPTS(type, member) \
	COPY_OPT_("server", 's', "USER@HOST[:PORT]", "conversion server, reached by SSH", \
		  OPT_STR, type, member.server), \
	COPY_OPT_("identity", 'i', "KEY", "private key file to log in with", OPT_STR, type, \
		  member.identity), \
	COPY_OPT_("host-key", 0, "SHA256:...", \
		  "the server's host key must have this finger-print", OPT_STR, type, \
		  member.host_key), \
	COPY_OPT_("known-hosts", 0, "FILE", "known_hosts file to use instead of the user's", \
		  OPT_STR, type, member.known_hosts), \
	COPY_OPT_("remote-command", 0, "CMD", \
		  "what to run at the server (default: p2v-server receive)", OPT_STR, type, \
		  member.remote_command), \
	COPY_OPT_("connect-command", 0, "CMD", "run CMD here as the far end instead of using SSH", \
		  OPT_STR, type, member.connect_command), \
	COPY_OPT_("disk", 'd', "PATH[,name=NAME]", \
		  "disk or image file to copy; repeatable (default: every fixed disk)", OPT_LIST, \
		  type, member.disks), \
	COPY_OPT_("name", 'n', "NAME", \
		  "name of the job and of the virtual machine (default: the host name)", OPT_STR, \
		  type, member.name), \
	COPY_OPT_("plan", 'p', "FILE", "do as the plan in FILE says (see p2v-agent plan)", \
		  OPT_STR, type, member.plan), \
	COPY_OPT_("resync", 'r', NULL, "bring the job up to date: compare, and send what differs", \
		  OPT_FLAG, type, member.resync), \
	COPY_OPT_("level", 'l', "N|auto", \
		  "zstd level for the wire, 1 to 19, 0 none (default auto; 1 with --compressed)", \
		  OPT_STR, type, member.level), \
	COPY_OPT_("threads", 't', "N", \
		  "workers for hashing and compression, 0 none (default: one per CPU)", OPT_INT, \
		  type, member.threads), \
	COPY_OPT_("connections", 0, "N|auto", \
		  "spread the copy over N connections, 1 to 8 (default auto)", OPT_STR, type, \
		  member.connections), \
	COPY_OPT_("cipher", 0, "auto|LIST", "SSH ciphers to offer, the preferred one first", \
		  OPT_STR, type, member.cipher), \
	COPY_OPT_("io", 0, "auto|io_uring|threads", "how the disks are read ahead", OPT_STR, \
		  type, member.io), \
	COPY_OPT_("bandwidth", 'b', "RATE|TIMETABLE", \
		  "bytes per second to use of the link: 40M, or 08:00-18:00=20M,else=max", \
		  OPT_STR, type, member.bandwidth), \
	COPY_OPT_("bad-sectors", 0, "stop|zero", \
		  "at an unreadable sector: stop (default), or fill with zeroes and report", \
		  OPT_STR, type, member.bad_sectors), \
	COPY_OPT_("all", 'a', NULL, "copy every block, do not look for free space", OPT_FLAG, \
		  type, member.all_used), \
	COPY_OPT_("force", 'f', "ID", \
		  "go on in spite of this finding of check, such as disk-in-use; repeatable", \
		  OPT_LIST, type, member.force), \
	COPY_OPT_("no-input", 0, NULL, "never ask on the terminal", OPT_FLAG, type, \
		  member.no_input), \
	COPY_OPT_("flush-size", 0, "SIZE", \
		  "make progress durable after this much data (default 64M)", OPT_SIZE, type, \
		  member.flush_size), \
	COPY_OPT_("retry-for", 0, "SECONDS", \
		  "give up after this long without progress (default 3600)", OPT_U64, type, \
		  member.retry_for), \
	COPY_OPT_("events-fd", 0, "N", "write JSON events to this file descriptor", OPT_INT, type, \
		  member.events_fd)
#define COPY_OPT_(name, letter, arg, help, kind, type, field) \
	{ name, letter, arg, help, kind, offsetof(type, field) }

struct copy {
	const struct copy_config *cfg;
	struct ssh_target target;
	struct machine *machine;
	char *machine_json;
	char name[TEXT_NAME_MAX + 1];
	struct source *source;
	struct progress *progress;
	enum reader_mode mode;
	enum readahead_engine engine;
	struct bandwidth bandwidth;
	int level;
	bool adaptive;
	unsigned int connections;	/* 0: auto */
};

/* -EINVAL: a usage error. */
int copy_check(struct copy *c, struct err *err);
/* live: disks that are in use have no map yet, whoever calls makes one. */
int copy_prepare(struct copy *c, bool live, struct err *err);
/* What is going to be copied, as words. */
void copy_announce(const struct copy *c);
/*
 * Until it is done, given up, or cancelled; as pass_run(). rounds: NULL for a cold copy.
 * lost: called each time a connection ends before that; NULL: nobody cares.
 */
int copy_run(struct copy *c, const struct pass_rounds *rounds, bool consistent,
	     void (*lost)(void *opaque), void *opaque, struct pass_result *res, struct err *err);
/* Tell the result; the exit status follows from it. */
int copy_conclude(const struct copy *c, const struct pass_result *res);
void copy_done(struct copy *c);
DEFINE_CLEANUP_VALUE(struct copy, copy_done)

#endif
