/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-agent hot: copy a machine that goes on serving.
 *
 *	inventory, pre-flight -> tracker on -> a short freeze for the used-block maps
 *		-> [connect -> rounds (rounds.h)]* -> the moment -> the server verifies
 *		-> hold, power off, or go on
 */
#include <errno.h>
#include <math.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "common/size.h"
#include "common/spawn.h"
#include "p2v-agent/check.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/copy.h"
#include "p2v-agent/hot/hot_map.h"
#include "p2v-agent/hot/rounds.h"
#include "p2v-agent/hot/ticket.h"
#include "p2v-agent/quiesce_words.h"
#include "track/track_refuse.h"
#include "wire/link.h"

#define MAX_FREEZE_NS	UINT64_C(1000000000)
#define INTERVAL_NS	UINT64_C(5000000000)
#define POWEROFF_S	60u

enum then { THEN_RESUME, THEN_ISOLATE, THEN_POWEROFF };

struct hot_config {
	struct copy_config copy;
	const char *cutover, *max_freeze, *deadline, *interval, *then, *tier, *run_dir;
	const char *hooks, *hold, *hold_deadline;
	bool qemu_hooks, accept, takeover;
	uint64_t memory;
	struct opt_list stop, peers, links;
};

#define OPT(field) offsetof(struct hot_config, field)

const struct opt hot_opts[] = {
	COPY_OPTS(struct hot_config, copy),
	{ "cutover", 0, "now|HH:MM|on-command",
	  "when to come to the last round (default now: as soon as it is short enough)", OPT_STR,
	  OPT(cutover) },
	{ "max-freeze", 0, "TIME", "only when the machine will stand still for less (default 1s)",
	  OPT_STR, OPT(max_freeze) },
	{ "deadline", 0, "TIME", "the watchdog thaws after so long, 10s by default", OPT_STR,
	  OPT(deadline) },
	{ "interval", 0, "TIME", "between rounds, while in sync (default 5s)", OPT_STR,
	  OPT(interval) },
	{ "then", 0, "resume|isolate|poweroff",
	  "what this machine does when its copy is whole (default resume)", OPT_STR, OPT(then) },
	{ "takeover", 0, NULL,
	  "only when the server says that the virtual machine serves; else this one serves on",
	  OPT_FLAG, OPT(takeover) },
	{ "hold", 0, "HOW",
	  "close the intake from the last round on: nft, iptables, auto, link, none", OPT_STR,
	  OPT(hold) },
	{ "hold-deadline", 0, "TIME", "the hold is lifted after so long, 15m by default", OPT_STR,
	  OPT(hold_deadline) },
	{ "stop", 0, "SERVICE", "service to be stopped with it; repeatable", OPT_LIST, OPT(stop) },
	{ "peer", 0, "ADDRESS", "may come in during a hold, beside the server; repeatable",
	  OPT_LIST, OPT(peers) },
	{ "link", 0, "NAME", "network interface that --hold link takes down; repeatable", OPT_LIST,
	  OPT(links) },
	{ "hooks", 0, "DIR", "folder of the hooks, " HOOKS_DIR " by default", OPT_STR, OPT(hooks) },
	{ "qemu-hooks", 0, NULL, "call those of " HOOKS_QEMU_DIR ", too", OPT_FLAG,
	  OPT(qemu_hooks) },
	{ "accept-unfrozen", 0, NULL, "go on though something writable cannot be frozen", OPT_FLAG,
	  OPT(accept) },
	{ "tier", 0, "TIER", "the first tracker to try: bpf, ftrace, blktrace (default bpf)",
	  OPT_STR, OPT(tier) },
	{ "track-memory", 0, "SIZE",
	  "at most so much for its maps (default a sixteenth of what is free)", OPT_SIZE,
	  OPT(memory) },
	{ "run-dir", 0, "DIR", "where the tracker's pins are (default " TRACK_RUN_DIR ")", OPT_STR,
	  OPT(run_dir) },
	{ 0 }
};

struct hot {
	const struct hot_config *cfg;
	struct copy copy;
	struct sysroot *root;
	enum rounds_when when;
	int64_t at;
	enum then then;
	enum track_tier first;
	uint64_t max_freeze_ns, interval_ns;
	struct quiesce_config qc;
	const char *hook_dirs[2];
	const char **names;		/* of the disks, for the freeze */
	char **peers;			/* addresses that the hold lets in */
	struct quiesce *quiesce;
	struct track *track;
	bool resumed;			/* an earlier agent's tracker */
	size_t *tracked;
	char *tickets;			/* folder of the tracker's ticket */
	struct hot_map map;
	struct forecast forecast;
	struct rounds *rounds;
};

/* ---- options */

/* The next time that the clock shows it. */
static int parse_clock(const char *text, int64_t *ret)
{
	time_t now = time(NULL);
	struct tm tm;
	int hour, minute, end = 0;

	if (sscanf(text, "%2d:%2d%n", &hour, &minute, &end) != 2 || text[end] || hour > 23 ||
	    minute > 59 || hour < 0 || minute < 0)
		return -EINVAL;
	localtime_r(&now, &tm);
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	*ret = mktime(&tm);
	if (*ret <= now) {
		tm.tm_mday++;
		tm.tm_isdst = -1;
		*ret = mktime(&tm);
	}
	return 0;
}

static int parse_words(struct hot *h, struct err *err)
{
	const struct hot_config *cfg = h->cfg;

	if (!cfg->cutover || strcmp(cfg->cutover, "now") == 0)
		h->when = ROUNDS_NOW;
	else if (strcmp(cfg->cutover, "on-command") == 0)
		h->when = ROUNDS_ON_COMMAND;
	else if (parse_clock(cfg->cutover, &h->at) == 0)
		h->when = ROUNDS_AT;
	else
		return err_set(err, EINVAL, "--cutover is now, on-command or a time such as 02:30");
	if (!cfg->then || strcmp(cfg->then, "resume") == 0)
		h->then = THEN_RESUME;
	else if (strcmp(cfg->then, "isolate") == 0)
		h->then = THEN_ISOLATE;
	else if (strcmp(cfg->then, "poweroff") == 0)
		h->then = THEN_POWEROFF;
	else
		return err_set(err, EINVAL, "--then is resume, isolate or poweroff");
	if (cfg->tier && track_tier_parse(cfg->tier, &h->first) < 0)
		return err_set(err, EINVAL, "--tier is bpf, ftrace, blktrace or none");
	if (cfg->takeover && h->then == THEN_RESUME)
		return err_set(err, EINVAL, "--takeover goes with --then isolate or poweroff: two "
					    "machines cannot both serve");
	/* What comes in after the moment would be lost, unless the machine goes on. */
	h->qc.hold.intake = h->then == THEN_RESUME ? HOLD_NONE : HOLD_AUTO;
	if (cfg->hold && hold_intake_parse(cfg->hold, &h->qc.hold.intake) < 0)
		return err_set(err, EINVAL, "--hold is nft, iptables, auto, link or none");
	if (h->then == THEN_ISOLATE && h->qc.hold.intake == HOLD_NONE)
		return err_set(err, EINVAL, "--then isolate without a hold isolates nothing");
	return 0;
}

static int check_options(struct hot *h, struct err *err)
{
	const struct hot_config *cfg = h->cfg;
	int r = copy_check(&h->copy, err);

	if (r >= 0)
		r = parse_words(h, err);
	if (r >= 0)
		r = quiesce_words_time("max-freeze", cfg->max_freeze, &h->max_freeze_ns, err);
	if (r >= 0)
		r = quiesce_words_time("deadline", cfg->deadline, &h->qc.bound_ns, err);
	if (r >= 0)
		r = quiesce_words_time("interval", cfg->interval, &h->interval_ns, err);
	if (r >= 0)
		r = quiesce_words_time("hold-deadline", cfg->hold_deadline, &h->qc.hold_bound_ns,
				       err);
	if (r >= 0)
		r = hold_check(&h->qc.hold, err);
	return r;
}

/* ---- preparing */

/* Our own connection has to get through a hold. */
static int find_peers(struct hot *h, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	size_t n = h->cfg->peers.n, k = 0;
	int r;

	if (h->copy.target.host) {
		r = getaddrinfo(h->copy.target.host, NULL, &hints, &list);
		if (r != 0)
			return err_set(err, EHOSTUNREACH, "cannot find the address of %s: %s",
				       h->copy.target.host, gai_strerror(r));
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		n++;
	h->peers = calloc(n + 1, sizeof(*h->peers));
	for (size_t i = 0; h->peers && i < h->cfg->peers.n; i++)
		h->peers[k++] = strdup(h->cfg->peers.v[i]);
	for (const struct addrinfo *a = list; h->peers && a; a = a->ai_next) {
		char text[NI_MAXHOST];

		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				NI_NUMERICHOST) == 0)
			h->peers[k++] = strdup(text);
	}
	if (list)
		freeaddrinfo(list);
	for (size_t i = 0; h->peers && i < k; i++)
		if (!h->peers[i])
			return err_nomem(err);
	if (!h->peers)
		return err_nomem(err);
	h->qc.hold.peers = (const char *const *)h->peers;
	h->qc.hold.npeers = k;
	return 0;
}

static int preflight(struct hot *h, struct err *err)
{
	CLEANUP(preflight_report_free) struct preflight_report *report = NULL;
	const struct opt_list none = { 0 };
	const struct check_config cfg = { .machine = h->copy.machine, .source = h->copy.source,
					  .disks = &h->cfg->copy.disks,
					  .force = &h->cfg->copy.force, .keys = &none,
					  .hot = true };
	int r = check_run(&cfg, &report, err);

	if (r < 0)
		return r;
	if (check_log(report) == 0)
		return 0;
	log_notice("p2v-agent check --hot tells more, and what to do; so does docs/preflight.md");
	return -EBUSY;
}

/* What no tracker sees stops it; the rest is said. */
static int refusals(const struct hot *h, const char *name, struct err *err)
{
	CLEANUP(track_refusals_done) struct track_refusals v = { 0 };
	int r = track_refuse(h->root, name, &v, err);

	for (size_t i = 0; r >= 0 && i < v.n; i++) {
		if (v.v[i].refuse) {
			err_set(err, EOPNOTSUPP, "%s: %s", name, v.v[i].what);
			err_hint(err, "%s", v.v[i].way);
			return -EOPNOTSUPP;
		}
		log_warning("%s: %s (%s)", name, v.v[i].what, v.v[i].way);
	}
	return r;
}

static int find_disk(const struct hot *h, const struct source_disk *sd, struct track_disk *ret,
		     struct err *err)
{
	CLEANUP(mem_free) char *real = realpath(sd->disk->path, NULL);
	const char *name;
	int r;

	if (!sd->disk->block_device || !real || strncmp(real, "/dev/", 5) != 0)
		return err_set(err, ENOTBLK,
			       "%s is no disk of this machine: only these are tracked",
			       sd->disk->path);
	name = real + strlen("/dev/");
	r = track_disk_find(h->root, name, ret, err);
	if (r < 0)
		return r;
	/* The caller's, and longer there than what it was found in. */
	ret->name = strdup(name);
	return ret->name ? refusals(h, ret->name, err) : err_nomem(err);
}

/* The tracker that an earlier agent left, or a new one. */
static int start_tracker(struct hot *h, struct err *err)
{
	const struct source *src = h->copy.source;
	CLEANUP(mem_free) struct track_disk *disks = calloc(src->n, sizeof(*disks));
	struct track_options o = { .disks = disks, .n = src->n, .run_dir = h->cfg->run_dir,
				   .first = h->first, .memory = h->cfg->memory };
	struct err why = ERR_INIT;
	int r = 0;

	h->tickets = text_format("%s-job", h->cfg->run_dir ? h->cfg->run_dir : TRACK_RUN_DIR);
	h->tracked = calloc(src->n, sizeof(*h->tracked));
	h->names = calloc(src->n, sizeof(*h->names));
	if (!disks || !h->tickets || !h->tracked || !h->names)
		return err_nomem(err);
	for (size_t i = 0; r >= 0 && i < src->n; i++) {
		r = find_disk(h, &src->disks[i], &disks[i], err);
		h->names[i] = disks[i].name;
	}
	if (r < 0)
		return r;
	r = track_resume(&o, &h->track, &why);
	h->resumed = r >= 0;
	if (r < 0 && r != -ENOENT)
		log_warning("%s: a new tracker is started", why.text);
	if (r < 0) {
		ticket_remove(h->tickets);
		r = track_start(&o, &h->track, err);
	}
	for (size_t i = 0; r >= 0 && i < src->n; i++)
		for (size_t k = 0; k < track_ndisks(h->track); k++)
			if (track_disk_dev(h->track, k) == disks[i].dev)
				h->tracked[i] = k;
	if (r < 0)
		return r;
	log_notice("changes are tracked by %s%s: %s", track_tier_name(track_tier(h->track)),
		   h->resumed ? ", since an earlier run" : "",
		   track_tier_meaning(track_tier(h->track)));
	for (int t = 0; t < (int)track_tier(h->track); t++)
		if (track_why_not(h->track, (enum track_tier)t))
			log_info("not by %s: %s", track_tier_name((enum track_tier)t),
				 track_why_not(h->track, (enum track_tier)t));
	return 0;
}

static int prepare_freeze(struct hot *h, struct err *err)
{
	int r;

	quiesce_set_disks(h->quiesce, h->names, h->copy.source->n);
	r = quiesce_prepare(h->quiesce, err);
	return r < 0 ? r : quiesce_words_by_hand(h->quiesce, err);
}

static bool vouched(void *opaque, const uint8_t uuid[static PROTO_UUID_LEN], bool sent)
{
	const struct hot *h = opaque;
	struct err err = ERR_INIT;
	bool has = ticket_has(h->tickets, uuid);

	if (sent && !has && ticket_write(h->tickets, uuid, &err) < 0)
		log_warning("%s: an agent that takes over has to compare everything", err.text);
	return has;
}

static int prepare(struct hot *h, struct err *err)
{
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "only root may track disks and freeze filesystems");
	r = quit_init(err);
	if (r >= 0)
		r = sysroot_open("/", &h->root, err);
	if (r >= 0)
		r = find_peers(h, err);
	/* Its helpers are forked while this process is small. */
	h->qc.wanted.root = h->root;
	if (r >= 0)
		r = quiesce_new(&h->qc, &h->quiesce, err);
	if (r >= 0)
		r = copy_prepare(&h->copy, true, err);
	if (r >= 0)
		r = preflight(h, err);
	if (r >= 0)
		r = start_tracker(h, err);
	if (r >= 0)
		r = prepare_freeze(h, err);
	return r;
}

static int make_rounds(struct hot *h, struct err *err)
{
	struct rounds_config rc = {
		.source = h->copy.source,
		.track = h->track,
		.tracked = h->tracked,
		.quiesce = h->quiesce,
		.max_freeze_ns = h->max_freeze_ns,
		.interval_ns = h->interval_ns,
		.when = h->when,
		.at = h->at,
		.progress = &h->copy.progress,
		.vouched = vouched,
		.opaque = h,
	};
	struct hot_map_config mc = {
		.source = h->copy.source,
		.track = h->track,
		.tracked = h->tracked,
		.quiesce = h->quiesce,
		.root = h->root,
		.all_used = h->cfg->copy.all_used,
	};
	int r = hot_map_make(&mc, &h->map, err);

	if (r < 0)
		return r;
	forecast_add_still(&h->forecast, h->map.still);
	log_notice("a freeze and thaw of %zu filesystems took %.3f s",
		   freezer_count(quiesce_freezer_of(h->quiesce)), h->map.still);
	r = rounds_new(&rc, h->map.used, &h->forecast, &h->rounds, err);
	for (size_t i = 0; r >= 0 && i < h->copy.source->n; i++)
		rounds_add(h->rounds, i, h->map.dirty[i]);
	return r;
}

/* ---- the end */

static int power_off(struct err *err)
{
	char *const argv[] = { (char *)"systemctl", (char *)"poweroff", NULL };
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };

	return spawn_run(argv, NULL, 0, POWEROFF_S, 4096, &res, err);
}

/* What the server says of the virtual machine; -EHOSTDOWN: it does not serve. */
static int check_takeover(const struct pass_result *res, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	CLEANUP(mem_free) char *takeover = NULL, *why = NULL;
	char shown[512];
	int r = res->summary ? jsonx_parse(res->summary, strlen(res->summary),
					   "the server's summary", &j, err) : -ENOENT;

	if (r >= 0)
		r = jsonx_get_str(j, "takeover", &takeover, err);
	if (r >= 0 && strcmp(takeover, "serving") == 0) {
		log_notice("the virtual machine serves");
		return 0;
	}
	if (r >= 0 && strcmp(takeover, "not-set-up") == 0) {
		err_set(err, EHOSTDOWN, "the server has not been told how to start the virtual "
					"machine");
		err_hint(err, "p2v-server receive --on-complete, in authorized_keys");
		return -EHOSTDOWN;
	}
	if (r >= 0)
		(void)jsonx_get_str(j, "why", &why, NULL);
	return err_set(err, EHOSTDOWN, "the virtual machine does not serve: %s",
		       why ? text_escape_str(why, shown, sizeof(shown)) : "the server did not say");
}

/*
 * The job may be complete and be of another moment: of an earlier run, or of one after which a
 * connection was lost, and the machine served on.
 */
static int check_moment(const struct hot *h, struct err *err)
{
	if (rounds_report(h->rounds)->frozen_ns > 0 || h->then == THEN_RESUME)
		return 0;
	err_set(err, ESTALE, "the job is complete, and this machine has served on since the moment "
			     "that it is of");
	err_hint(err, "say --resync to bring it up to date");
	return -ESTALE;
}

static int go_on(struct hot *h, const struct pass_result *res, struct err *err)
{
	struct err lift = ERR_INIT;
	int r = check_moment(h, err);

	if (r >= 0 && h->cfg->takeover)
		r = check_takeover(res, err);

	/* As if nothing had been: the copy is whole, and of no use for this. */
	if (r < 0) {
		if (quiesce_lift(h->quiesce, &lift) < 0)
			log_warning("%s", lift.text);
		log_notice("this machine serves on");
		return r;
	}

	if (h->then == THEN_RESUME) {
		r = quiesce_lift(h->quiesce, err);
		log_notice("this machine serves on; what it writes from now on is not in the copy");
		return r;
	}
	r = quiesce_confirm(h->quiesce, err);
	if (r < 0) {
		err_hint(err, "this machine has served on since: copy what it wrote, or convert "
			      "it again with --resync");
		return r;
	}
	if (h->then == THEN_ISOLATE) {
		log_notice("this machine is held: nothing comes in any more");
		return 0;
	}
	log_notice("powering off");
	return power_off(err);
}

static void tell(const struct hot *h)
{
	const struct rounds_report *p = rounds_report(h->rounds);
	char bytes[SIZE_TEXT_MAX], json[512];

	if (p->frozen_ns == 0)
		return;
	snprintf(json, sizeof(json),
		 "{\"rounds\":%u,\"freezes\":%u,\"frozen\":%.3f,\"foreseen\":%.3f,"
		 "\"last_bytes\":%llu,\"verdict\":\"%s\",\"patrolled\":%llu,\"repaired\":%llu,"
		 "\"consistency\":\"%s\"}",
		 p->rounds, p->freezes, (double)p->frozen_ns / 1e9,
		 isfinite(p->foreseen) ? p->foreseen : -1.0, (unsigned long long)p->last_bytes,
		 track_verdict_name(p->verdict), (unsigned long long)p->patrolled,
		 (unsigned long long)p->repaired, p->consistency);
	progress_event(h->copy.progress, "moment", json);
	if (p->repaired > 0)
		log_warning("%s differed from what had been sent, and was sent again, frozen",
			    size_format(p->repaired, bytes));
	log_notice("%s; %u rounds, the last one, frozen for %.3f s, of %s; the tracker is %s",
		   p->consistency, p->rounds, (double)p->frozen_ns / 1e9,
		   size_format(p->last_bytes, bytes), track_verdict_name(p->verdict));
}

static int hot(struct hot *h)
{
	CLEANUP(pass_result_done) struct pass_result res = { 0 };
	struct pass_rounds ops;
	struct err err = ERR_INIT;
	int r = prepare(h, &err), status;

	if (r == -EBUSY && !err.text[0])
		return EXIT_REFUSED;
	if (r >= 0)
		r = make_rounds(h, &err);
	if (r >= 0) {
		copy_announce(&h->copy);
		ops = rounds_ops(h->rounds);
		h->copy.takeover = h->cfg->takeover;
		r = copy_run(&h->copy, &ops, true, rounds_lost, h->rounds, &res, &err);
	}
	if (r < 0) {
		log_err(&err);
		if (h->track && track_tier(h->track) == TRACK_BPF)
			log_notice("the tracker goes on marking, for the same command; p2v-agent "
				   "track --remove ends it");
		return r == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
	}
	tell(h);
	status = copy_conclude(&h->copy, &res);
	if (status == EXIT_FAILED)
		return status;
	if (go_on(h, &res, &err) < 0) {
		log_err(&err);
		status = EXIT_FAILED;
	}
	/* It has done its work. */
	track_free(TAKE_PTR(h->track));
	ticket_remove(h->tickets);
	return status;
}

static void hot_done(struct hot *h)
{
	rounds_free(h->rounds);
	hot_map_done(&h->map, h->copy.source ? h->copy.source->n : 0);
	quiesce_free(h->quiesce);
	track_leave(h->track);
	for (size_t i = 0; h->names && h->copy.source && i < h->copy.source->n; i++)
		free((char *)(uintptr_t)h->names[i]);
	free(h->names);
	free(h->tracked);
	free(h->tickets);
	strv_free(h->peers);
	sysroot_free(h->root);
	copy_done(&h->copy);
}

int hot_run(int argc, char **argv)
{
	struct hot_config cfg = { .copy = COPY_CONFIG_INIT };
	struct hot h = {
		.cfg = &cfg,
		.copy.cfg = &cfg.copy,
		.max_freeze_ns = MAX_FREEZE_NS,
		.interval_ns = INTERVAL_NS,
		.qc = { .bound_ns = QUIESCE_BOUND_NS, .silence_ns = QUIESCE_SILENCE_NS,
			.hold_bound_ns = QUIESCE_HOLD_BOUND_NS,
			.hook_timeout_s = QUIESCE_HOOK_TIMEOUT_S },
		.hook_dirs = { HOOKS_DIR, HOOKS_QEMU_DIR },
	};
	struct err err = ERR_INIT;
	int status;

	status = program_parse(&agent_program, "hot", argc, argv, &cfg, 0, NULL);
	if (status < 0) {
		if (cfg.hooks)
			h.hook_dirs[0] = cfg.hooks;
		h.qc.wanted.hook_dirs = h.hook_dirs;
		h.qc.wanted.nhook_dirs = cfg.qemu_hooks ? 2 : 1;
		h.qc.accept = cfg.accept;
		h.qc.hold.timeout_s = QUIESCE_HOOK_TIMEOUT_S;
		h.qc.hold.services = cfg.stop.v;
		h.qc.hold.nservices = cfg.stop.n;
		h.qc.hold.links = cfg.links.v;
		h.qc.hold.nlinks = cfg.links.n;
		status = check_options(&h, &err) < 0
				 ? opts_usage_error(agent_program.name, "hot", &err)
				 : hot(&h);
	}
	hot_done(&h);
	copy_config_done(&cfg.copy);
	opt_list_done(&cfg.stop);
	opt_list_done(&cfg.peers);
	opt_list_done(&cfg.links);
	return status;
}
