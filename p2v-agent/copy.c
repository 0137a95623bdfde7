/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See copy.h. */
#include "p2v-agent/copy.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "common/size.h"
#include "inventory/machine_json.h"
#include "p2v-agent/check.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/plan_source.h"
#include "p2v-agent/transport_cmd.h"
#include "wire/link.h"

#define BACKOFF_MAX_S 60

/* A compressed image is to be the same bytes whenever it is made: no choices by the clock. */
static int parse_level(struct copy *c, struct err *err)
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

static int parse_connections(struct copy *c, struct err *err)
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

int copy_check(struct copy *c, struct err *err)
{
	const struct copy_config *cfg = c->cfg;

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

int copy_prepare(struct copy *c, bool live, struct err *err)
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
	r = source_open(&c->cfg->disks, c->machine, c->cfg->all_used || live, &c->source, err);
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

void copy_announce(const struct copy *c)
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

static int connect_to(const struct copy *c, bool may_ask, struct transport **ret, bool *ret_lost,
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

static int one_connection(struct copy *c, const struct pass_rounds *rounds, bool consistent,
			  struct pass_result *res, struct err *err)
{
	CLEANUP(transport_free) struct transport *t = NULL;
	struct pass_config pc = {
		.source = c->source,
		.rounds = rounds,
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
		.takeover = c->takeover,
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

static int run_passes(struct copy *c, const struct pass_rounds *rounds, bool consistent,
		      void (*lost)(void *opaque), void *opaque, struct pass_result *res,
		      struct err *err)
{
	double last_progress = link_now();
	unsigned int pause = 1;

	for (;;) {
		int r;

		err_reset(err);
		r = one_connection(c, rounds, consistent, res, err);
		if (r < 0 && lost)
			lost(opaque);
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

int copy_run(struct copy *c, const struct pass_rounds *rounds, bool consistent,
	     void (*lost)(void *opaque), void *opaque, struct pass_result *res, struct err *err)
{
	int r;

	if (progress_new(log_get_level() >= LOG_LEVEL_NOTICE ? 2 : -1, c->cfg->events_fd,
			 &c->progress) < 0)
		return err_nomem(err);
	log_set_hook(progress_log_hook, c->progress);
	r = run_passes(c, rounds, consistent, lost, opaque, res, err);
	log_set_hook(NULL, NULL);
	return r;
}

/* Tell the result; the exit status follows from it. */
int copy_conclude(const struct copy *c, const struct pass_result *res)
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

void copy_config_done(struct copy_config *cfg)
{
	opt_list_done(&cfg->disks);
	opt_list_done(&cfg->force);
}

void copy_done(struct copy *c)
{
	progress_free(c->progress);
	source_free(c->source);
	free(c->machine_json);
	machine_free(c->machine);
	ssh_target_done(&c->target);
}
