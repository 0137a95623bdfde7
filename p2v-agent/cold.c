/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See cold.h. */
#include "p2v-agent/cold.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/progress.h"
#include "common/quit.h"
#include "common/size.h"
#include "inventory/machine_json.h"
#include "p2v-agent/check.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/pass.h"
#include "p2v-agent/plan_source.h"
#include "p2v-agent/transport_cmd.h"
#include "p2v-agent/transport_ssh.h"
#include "wire/link.h"

#define OPT(field) offsetof(struct cold_config, field)
#define BACKOFF_MAX_S 60

const struct opt cold_opts[] = {
	{ "server", 's', "USER@HOST[:PORT]", "conversion server, reached by SSH", OPT_STR,
	  OPT(server) },
	{ "identity", 'i', "KEY", "private key file to log in with", OPT_STR, OPT(identity) },
	{ "host-key", 0, "SHA256:...", "the server's host key must have this finger-print", OPT_STR,
	  OPT(host_key) },
	{ "known-hosts", 0, "FILE", "known_hosts file to use instead of the user's", OPT_STR,
	  OPT(known_hosts) },
	{ "remote-command", 0, "CMD", "what to run at the server (default: p2v-server receive)",
	  OPT_STR, OPT(remote_command) },
	{ "connect-command", 0, "CMD", "run CMD here as the far end instead of using SSH", OPT_STR,
	  OPT(connect_command) },
	{ "disk", 'd', "PATH[,name=NAME]",
	  "disk or image file to copy; repeatable (default: every fixed disk)", OPT_LIST,
	  OPT(disks) },
	{ "name", 'n', "NAME",
	  "name of the job and of the virtual machine (default: the host name)", OPT_STR,
	  OPT(name) },
	{ "machine", 'm', "FILE", "inventory made earlier, when the disk is not this machine's own",
	  OPT_STR, OPT(machine) },
	{ "sysroot", 0, "DIR", "take the inventory from the recorded machine below DIR", OPT_STR,
	  OPT(sysroot) },
	{ "plan", 'p', "FILE", "do as the plan in FILE says (see p2v-agent plan)", OPT_STR,
	  OPT(plan) },
	{ "compressed", 'c', NULL, "store the image compressed, as it came over the wire", OPT_FLAG,
	  OPT(compressed) },
	{ "resync", 'r', NULL, "bring the job up to date: compare, and send what differs", OPT_FLAG,
	  OPT(resync) },
	{ "level", 'l', "N|auto",
	  "zstd level for the wire, 1 to 19, 0 none (default auto; 1 with --compressed)", OPT_STR,
	  OPT(level) },
	{ "threads", 't', "N", "workers for hashing and compression, 0 none (default: one per CPU)",
	  OPT_INT, OPT(threads) },
	{ "connections", 0, "N|auto", "spread the copy over N connections, 1 to 8 (default auto)",
	  OPT_STR, OPT(connections) },
	{ "cipher", 0, "auto|LIST", "SSH ciphers to offer, the preferred one first", OPT_STR,
	  OPT(cipher) },
	{ "io", 0, "auto|io_uring|threads", "how the disks are read ahead", OPT_STR, OPT(io) },
	{ "bandwidth", 'b', "RATE|TIMETABLE",
	  "bytes per second to use of the link: 40M, or 08:00-18:00=20M,else=max", OPT_STR,
	  OPT(bandwidth) },
	{ "bad-sectors", 0, "stop|zero",
	  "at an unreadable sector: stop (default), or fill with zeroes and report", OPT_STR,
	  OPT(bad_sectors) },
	{ "all", 'a', NULL, "copy every block, do not look for free space", OPT_FLAG,
	  OPT(all_used) },
	{ "key", 'k', "DEVICE=FILE",
	  "try this key on an encrypted device before the copy; -: ask; repeatable", OPT_LIST,
	  OPT(keys) },
	{ "force", 'f', "ID",
	  "go on in spite of this finding of check, such as disk-in-use; repeatable", OPT_LIST,
	  OPT(force) },
	{ "no-input", 0, NULL, "never ask on the terminal", OPT_FLAG, OPT(no_input) },
	{ "flush-size", 0, "SIZE", "make progress durable after this much data (default 64M)",
	  OPT_SIZE, OPT(flush_size) },
	{ "retry-for", 0, "SECONDS", "give up after this long without progress (default 3600)",
	  OPT_U64, OPT(retry_for) },
	{ "events-fd", 0, "N", "write JSON events to this file descriptor", OPT_INT,
	  OPT(events_fd) },
	{ 0 }
};

struct cold {
	const struct cold_config *cfg;
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

/* A compressed image is to be the same bytes whenever it is made: no choices by the clock. */
static int parse_level(struct cold *c, struct err *err)
{
	const char *text = c->cfg->level ? c->cfg->level : c->cfg->compressed ? "1" : "auto";
	char *end;
	long n;

	c->level = 1;
	c->adaptive = strcmp(text, "auto") == 0;
	if (c->adaptive)
		return 0;
	n = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > 19)
		return err_set(err, EINVAL, "--level is auto or 0 to 19, not %s", text);
	c->level = (int)n;
	return 0;
}

static int parse_connections(struct cold *c, struct err *err)
{
	const char *text = c->cfg->connections;
	char *end;
	long n;

	if (!text || strcmp(text, "auto") == 0)
		return 0;
	n = strtol(text, &end, 10);
	if (*text < '1' || *text > '9' || *end || n > LANES_MAX + 1)
		return err_set(err, EINVAL, "--connections is auto or 1 to %d, not %s",
			       LANES_MAX + 1, text);
	c->connections = (unsigned int)n;
	return 0;
}

static int check_config(struct cold *c, struct err *err)
{
	const struct cold_config *cfg = c->cfg;

	if (!cfg->server == !cfg->connect_command)
		return err_set(err, EINVAL,
			       "exactly one of --server and --connect-command is wanted");
	if (cfg->server && ssh_target_parse(cfg->server, &c->target, err) < 0)
		return -EINVAL;
	if (cfg->host_key && strncmp(cfg->host_key, "SHA256:", 7) != 0)
		return err_set(err, EINVAL,
			       "--host-key wants SHA256:..., as ssh-keygen -lf prints it");
	if (!cfg->bad_sectors || strcmp(cfg->bad_sectors, "stop") == 0)
		c->mode = READER_STOP;
	else if (strcmp(cfg->bad_sectors, "zero") == 0)
		c->mode = READER_ZERO;
	else
		return err_set(err, EINVAL, "--bad-sectors is stop or zero, not %s",
			       cfg->bad_sectors);
	if (cfg->io && readahead_engine_parse(cfg->io, &c->engine) < 0)
		return err_set(err, EINVAL, "--io is auto, io_uring or threads, not %s", cfg->io);
	if (parse_level(c, err) < 0 || parse_connections(c, err) < 0)
		return -EINVAL;
	if (cfg->compressed && c->level == 0)
		return err_set(
			err, EINVAL,
			"--compressed stores what the wire carries: it needs a --level above 0");
	if (cfg->bandwidth && bandwidth_parse(cfg->bandwidth, &c->bandwidth, err) < 0) {
		err_prefix(err, "--bandwidth");
		return -EINVAL;
	}
	if (cfg->threads < 0 || cfg->threads > 256)
		return err_set(err, EINVAL, "--threads is 0 to 256, not %d", cfg->threads);
	if (cfg->flush_size < PROTO_CHUNK_SIZE)
		return err_set(err, EINVAL, "--flush-size is at least 1M");
	if (cfg->events_fd >= 0 && fcntl(cfg->events_fd, F_GETFD) < 0)
		return err_set(err, EINVAL, "file descriptor %d is not open", cfg->events_fd);
	if (cfg->name && !text_name_valid(cfg->name))
		return err_set(err, EINVAL,
			       "--name %s: 1 to %d letters, digits, dots, dashes or underscores",
			       cfg->name, TEXT_NAME_MAX);
	if (cfg->sysroot && cfg->machine)
		return err_set(err, EINVAL, "--sysroot and --machine exclude each other");
	if (cfg->plan && (cfg->sysroot || cfg->machine))
		return err_set(err, EINVAL, "--plan comes with its machine: it excludes --sysroot "
					    "and --machine");
	if ((cfg->sysroot || cfg->machine) && cfg->disks.n == 0)
		return err_set(
			err, EINVAL,
			"with the inventory of another machine, --disk must name what to copy");
	return check_ids(&cfg->force, err);
}

/* What would go wrong, before a byte is sent: -EBUSY when that stops it, and all is said. */
static int preflight(struct cold *c, bool *ret_consistent, struct err *err)
{
	CLEANUP(preflight_report_free) struct preflight_report *report = NULL;
	const struct check_config cfg = { .machine = c->machine, .source = c->source,
					  .disks = &c->cfg->disks, .force = &c->cfg->force,
					  .keys = &c->cfg->keys };
	int r = check_run(&cfg, &report, err);

	if (r < 0)
		return r;
	*ret_consistent = true;
	for (size_t i = 0; i < c->source->n; i++)
		if (c->source->disks[i].in_use_by)
			*ret_consistent = false;
	if (check_log(report) == 0)
		return 0;
	log_notice("p2v-agent check tells more, and what to do; so does docs/preflight.md");
	return -EBUSY;
}

static int prepare(struct cold *c, struct err *err)
{
	int r;

	if (c->cfg->plan)
		r = plan_source_load(c->cfg->plan, "/", c->cfg->disks.n > 0, &c->machine, err);
	else
		r = machine_source_load(c->cfg->sysroot, c->cfg->machine, &c->machine, err);
	if (r >= 0)
		r = plan_source_name(c->machine, c->cfg->name, c->name, err);
	if (r < 0)
		return r;
	r = source_open(&c->cfg->disks, c->machine, c->cfg->all_used, &c->source, err);
	if (r >= 0)
		r = source_fingerprint(c->source, c->machine, err);
	if (r < 0)
		return r;
	r = machine_json_dump(c->machine, &c->machine_json, err);
	if (r < 0)
		return r;
	if (strlen(c->machine_json) > PROTO_MACHINE_MAX)
		return err_set(err, E2BIG, "the inventory is larger than %u bytes",
			       PROTO_MACHINE_MAX);
	return 0;
}

static void announce(const struct cold *c)
{
	for (size_t i = 0; i < c->source->n; i++) {
		const struct source_disk *sd = &c->source->disks[i];
		char size[SIZE_TEXT_MAX], used[SIZE_TEXT_MAX], part[SIZE_TEXT_MAX];

		log_notice(
			"%s (%s): %s, %s to copy", sd->disk->path, sd->name,
			size_format(sd->disk->size, size),
			size_format(sd->used ? bitmap_bytes(sd->used->map) : sd->disk->size, used));
		for (size_t k = 0; sd->used && k < sd->used->nparts; k++) {
			const struct usedmap_part *p = &sd->used->parts[k];

			if (p->free > 0)
				log_info("  %s %s: skipping %s: free (%s)", p->name, p->kind,
					 size_format(p->free, part), p->why);
			else
				log_info("  %s %s: %s, all copied (%s)", p->name, p->kind,
					 size_format(p->length, part), p->why);
		}
	}
}

static int connect_to(const struct cold *c, bool may_ask, struct transport **ret, bool *ret_lost,
		      struct err *err)
{
	struct ssh_config sc = {
		.target = c->target,
		.identity = c->cfg->identity,
		.host_key = c->cfg->host_key,
		.known_hosts = c->cfg->known_hosts,
		.ciphers = c->cfg->cipher,
		.command = c->cfg->remote_command ? c->cfg->remote_command : "p2v-server receive",
		.interactive = may_ask && !c->cfg->no_input && isatty(0),
	};

	if (c->cfg->connect_command)
		return transport_cmd_new(c->cfg->connect_command, ret, err);
	return transport_ssh_new(&sc, ret, ret_lost, err);
}

/* The far end was gone before it said a word: its exit status tells more than "connection lost". */
static void explain_far_end(struct transport *t, struct pass_result *res, struct err *err)
{
	int status;

	if (res->greeted || !res->lost)
		return;
	status = t->ops->exit_status(t);
	if (status == 127 || status == 126) {
		res->lost = false;
		err_set(err, ENOENT, "the server could not start p2v-server (exit status %d)",
			status);
		err_hint(err, "install p2v-server there, or say where it is with --remote-command");
	} else if (status > 0 && status < 126) {
		res->lost = false;
		err_prefix(err, "the server ended with exit status %d", status);
	} else if (status == 0) {
		/* It ended in order and never spoke: trying again will not change that. */
		res->lost = false;
		err_set(err, EPROTO,
			"what runs at the server is not p2v-server receive: it ended without a "
			"word");
		err_hint(err,
			 "look at the forced command in authorized_keys, or at --remote-command");
	}
}

/* From another thread: what the terminal was asked once is known by now, or not to be had. */
static int connect_further(void *opaque, struct transport **ret, bool *ret_lost, struct err *err)
{
	return connect_to(opaque, false, ret, ret_lost, err);
}

/* Encryption is half a core at either end, and the machine has other things to do. */
static unsigned int connections_max(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return (unsigned int)MAX(MIN(cores / 2, 4), 1);
}

static int one_connection(struct cold *c, bool consistent, struct pass_result *res, struct err *err)
{
	CLEANUP(transport_free) struct transport *t = NULL;
	struct pass_config pc = {
		.source = c->source,
		.name = c->name,
		.machine_json = c->machine_json,
		.compressed = c->cfg->compressed,
		.resync = c->cfg->resync,
		.level = c->level,
		.adaptive = c->adaptive,
		.threads = (unsigned int)c->cfg->threads,
		.mode = c->mode,
		.engine = c->engine,
		.flush_bytes = c->cfg->flush_size,
		.consistent = consistent,
		.connections = c->connections,
		.connections_max = connections_max(),
		.connect = connect_further,
		.connect_opaque = c,
		.bandwidth = &c->bandwidth,
		.progress = c->progress,
	};
	int r;

	*res = (struct pass_result){ 0 };
	r = connect_to(c, true, &t, &res->lost, err);
	if (r < 0)
		return r;
	r = pass_run(&pc, t, res, err);
	if (r < 0)
		explain_far_end(t, res, err);
	return r;
}

/* Sleep, unless asked to leave. */
static bool pause_for(unsigned int seconds)
{
	struct pollfd p = { .fd = quit_fd(), .events = POLLIN };

	(void)poll(&p, 1, (int)seconds * 1000);
	return !quit_requested();
}

static int run_passes(struct cold *c, bool consistent, struct pass_result *res, struct err *err)
{
	double last_progress = link_now();
	unsigned int pause = 1;

	for (;;) {
		int r;

		err_reset(err);
		r = one_connection(c, consistent, res, err);
		if (res->advanced) {
			last_progress = link_now();
			pause = 1;
		}
		if (r >= 0 || !res->lost || quit_requested())
			return r;
		if (link_now() - last_progress >= (double)c->cfg->retry_for) {
			err_hint(err, "run the same command to go on from what is durable");
			return r;
		}
		log_warning("%s; trying again in %u s", err->text, pause);
		progress_event(c->progress, "reconnect", NULL);
		pass_result_done(res);
		if (!pause_for(pause))
			return err_set(err, ECANCELED,
				       "cancelled; run the same command to go on from here");
		pause = MIN(pause * 2, (unsigned int)BACKOFF_MAX_S);
	}
}

/* Tell the result; the exit status follows from it. */
static int conclude(const struct cold *c, const struct pass_result *res)
{
	CLEANUP(json_unref) json_t *j = NULL;
	struct err err = ERR_INIT;
	uint64_t bad = 0;
	char text[SIZE_TEXT_MAX];

	if (res->state == PROTO_JOB_COMPLETE) {
		log_notice("job %s is complete already: nothing to do (--resync brings it up to "
			   "date)", c->name);
		progress_event(c->progress, "complete", "{\"already\":true}");
		return EXIT_DONE;
	}
	/*
	 * The job is whole, but whether sectors are missing in it is not known: that is no
	 * success.
	 */
	if (jsonx_parse(res->summary, strlen(res->summary), "the server's summary", &j, &err) < 0 ||
	    jsonx_get_u64(j, "bad_bytes", &bad, &err) < 0) {
		log_error("the server's summary is not understood; look with: p2v-server show %s",
			  c->name);
		return EXIT_FAILED;
	}
	progress_event(c->progress, "complete", res->summary);
	log_notice("job %s is complete and verified; %s were sent", c->name,
		   size_format(res->sent, text));
	log_notice("next, on the server: p2v-server finish %s", c->name);
	if (bad > 0) {
		log_warning("%s of the source could not be read and are zeroes in the image; the "
			    "report lists the ranges",
			    size_format(bad, text));
		return EXIT_BAD_SECTORS;
	}
	return EXIT_DONE;
}

static int status_of(int code)
{
	return code == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
}

static int cold(struct cold *c)
{
	CLEANUP(pass_result_done) struct pass_result res = { 0 };
	struct err err = ERR_INIT;
	bool consistent;
	int r;

	r = quit_init(&err);
	if (r >= 0)
		r = prepare(c, &err);
	if (r >= 0) {
		r = preflight(c, &consistent, &err);
		if (r == -EBUSY)
			return EXIT_REFUSED;
	}
	if (r >= 0 && progress_new(log_get_level() >= LOG_LEVEL_NOTICE ? 2 : -1, c->cfg->events_fd,
				   &c->progress) < 0)
		r = err_nomem(&err);
	if (r >= 0) {
		announce(c);
		log_set_hook(progress_log_hook, c->progress);
		r = run_passes(c, consistent, &res, &err);
		log_set_hook(NULL, NULL);
	}
	if (r < 0) {
		log_err(&err);
		return status_of(r);
	}
	return conclude(c, &res);
}

int cold_run(int argc, char **argv)
{
	struct cold_config cfg = {
		.threads = (int)sysconf(_SC_NPROCESSORS_ONLN),
		.flush_size = 64 * MIB,
		.retry_for = 3600,
		.events_fd = -1,
	};
	struct cold c = { .cfg = &cfg };
	struct err err = ERR_INIT;
	int status;

	status = program_parse(&agent_program, "cold", argc, argv, &cfg, 0, NULL);
	if (status < 0)
		status = check_config(&c, &err) < 0
				 ? opts_usage_error(agent_program.name, "cold", &err)
				 : cold(&c);
	progress_free(c.progress);
	source_free(c.source);
	free(c.machine_json);
	machine_free(c.machine);
	ssh_target_done(&c.target);
	opt_list_done(&cfg.disks);
	opt_list_done(&cfg.force);
	opt_list_done(&cfg.keys);
	return status;
}
