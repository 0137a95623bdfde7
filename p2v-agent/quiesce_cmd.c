/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-agent quiesce: what a freeze of this machine would be, and one for trying. The conversion of
 * a running machine does the same, with the last blocks in the middle.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonx.h"
#include "common/log.h"
#include "common/quit.h"
#include "p2v-agent/commands.h"
#include "p2v-agent/quiesce/quiesce.h"
#include "p2v-agent/quiesce_words.h"
#include "p2v-agent/terminal.h"

#define FOR_DEFAULT_MS	200
#define BEAT_MS		100

struct quiesce_cmd_config {
	bool plan, try, json, yes, accept, qemu_hooks;
	const char *lasting, *deadline, *hooks, *hold, *hold_deadline, *sysroot;
	struct opt_list mounts, stop, peers, links;
};

const struct opt quiesce_opts[] = {
	{ "plan", 'p', NULL, "show what would be frozen, in which order, and what cannot be",
	  OPT_FLAG, offsetof(struct quiesce_cmd_config, plan) },
	{ "json", 'j', NULL, "show that as JSON", OPT_FLAG,
	  offsetof(struct quiesce_cmd_config, json) },
	{ "try", 't', NULL, "freeze and thaw once, and show how long it took", OPT_FLAG,
	  offsetof(struct quiesce_cmd_config, try) },
	{ "for", 0, "TIME", "stay frozen so long: 200ms (the default), 2s", OPT_STR,
	  offsetof(struct quiesce_cmd_config, lasting) },
	{ "mount", 'm', "DIR", "only the filesystem mounted there; repeatable", OPT_LIST,
	  offsetof(struct quiesce_cmd_config, mounts) },
	{ "yes", 'y', NULL, "do not ask before", OPT_FLAG,
	  offsetof(struct quiesce_cmd_config, yes) },
	{ "deadline", 0, "TIME", "the watchdog thaws after so long, 10s by default", OPT_STR,
	  offsetof(struct quiesce_cmd_config, deadline) },
	{ "accept-unfrozen", 0, NULL, "go on though something writable cannot be frozen", OPT_FLAG,
	  offsetof(struct quiesce_cmd_config, accept) },
	{ "hooks", 0, "DIR", "folder of the hooks, " HOOKS_DIR " by default", OPT_STR,
	  offsetof(struct quiesce_cmd_config, hooks) },
	{ "qemu-hooks", 0, NULL, "call those of " HOOKS_QEMU_DIR ", too", OPT_FLAG,
	  offsetof(struct quiesce_cmd_config, qemu_hooks) },
	{ "hold", 0, "HOW", "close the intake while it lasts: nft, iptables, auto, link, none",
	  OPT_STR, offsetof(struct quiesce_cmd_config, hold) },
	{ "hold-deadline", 0, "TIME", "the hold is lifted after so long, 15m by default", OPT_STR,
	  offsetof(struct quiesce_cmd_config, hold_deadline) },
	{ "peer", 0, "ADDRESS", "may come in during a hold; repeatable", OPT_LIST,
	  offsetof(struct quiesce_cmd_config, peers) },
	{ "link", 0, "NAME", "network interface that --hold link takes down; repeatable", OPT_LIST,
	  offsetof(struct quiesce_cmd_config, links) },
	{ "stop", 0, "SERVICE", "service to be stopped meanwhile; repeatable", OPT_LIST,
	  offsetof(struct quiesce_cmd_config, stop) },
	{ "sysroot", 0, "DIR", "show the plan of a recorded machine", OPT_STR,
	  offsetof(struct quiesce_cmd_config, sysroot) },
	{ 0 }
};

static void config_done(struct quiesce_cmd_config *c)
{
	opt_list_done(&c->mounts);
	opt_list_done(&c->stop);
	opt_list_done(&c->peers);
	opt_list_done(&c->links);
}
DEFINE_CLEANUP_VALUE(struct quiesce_cmd_config, config_done)

static json_t *json_plan(const struct quiesce_plan *p)
{
	json_t *root = json_pack("{s:[], s:[], s:[]}", "filesystems", "swaps", "hooks"), *o;
	const struct mountgraph *g = &p->graph;

	for (size_t i = 0; i < g->nfs; i++) {
		const struct mountgraph_fs *f = &g->fs[i];

		o = json_object();
		jsonx_set_str(o, "mount", mountgraph_fs_path(f));
		jsonx_set_str(o, "kind", f->kind);
		jsonx_set_str(o, "source", f->source);
		jsonx_set_str(o, "verdict", mountgraph_verdict_word(f->verdict));
		jsonx_set_str(o, "why", f->why[0] ? f->why : NULL);
		for (size_t k = 0; k < g->norder; k++)
			if (g->order[k] == i)
				jsonx_set_u64(o, "order", k + 1);
		json_array_append_new(json_object_get(root, "filesystems"), o);
	}
	for (size_t i = 0; i < g->nswaps; i++) {
		o = json_object();
		jsonx_set_str(o, "path", g->swaps[i].path);
		jsonx_set_bool(o, "file", g->swaps[i].file);
		json_array_append_new(json_object_get(root, "swaps"), o);
	}
	for (size_t i = 0; i < p->hooks.n; i++) {
		o = json_object();
		jsonx_set_str(o, "path", p->hooks.v[i].path);
		json_array_append_new(json_object_get(root, "hooks"), o);
	}
	return root;
}

static int print_json(const struct quiesce_plan *p, struct err *err)
{
	CLEANUP(json_unref) json_t *root = json_plan(p);
	CLEANUP(mem_free) char *text = root ? jsonx_dump(root) : NULL;

	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

static void print_fs(const struct mountgraph_fs *f, size_t number)
{
	char path[256], kind[64], source[128], order[24] = "-";

	if (number)
		snprintf(order, sizeof(order), "%zu", number);
	printf("%5s  %-8s %-24s %-8s %-24s %s\n", order, mountgraph_verdict_word(f->verdict),
	       text_escape_str(mountgraph_fs_path(f), path, sizeof(path)),
	       text_escape_str(f->kind, kind, sizeof(kind)),
	       text_escape_str(f->source, source, sizeof(source)), f->why);
}

/* Those without a device are many, and no news. */
static bool is_news(const struct mountgraph_fs *f)
{
	return f->verdict != MOUNTGRAPH_LEAVE || strncmp(f->source, "/dev/", 5) == 0;
}

static void print_plan(const struct quiesce_plan *p)
{
	const struct mountgraph *g = &p->graph;
	char path[256];

	printf("%5s  %-8s %-24s %-8s %-24s %s\n", "ORDER", "VERDICT", "MOUNTED AT", "KIND",
	       "SOURCE", "WHY");
	for (size_t i = 0; i < g->norder; i++)
		print_fs(&g->fs[g->order[i]], i + 1);
	for (size_t i = 0; i < g->nfs; i++)
		if (g->fs[i].verdict != MOUNTGRAPH_FREEZE && g->fs[i].verdict != MOUNTGRAPH_TRY &&
		    is_news(&g->fs[i]))
			print_fs(&g->fs[i], 0);
	for (size_t i = 0; i < g->nswaps; i++)
		printf("\nswap %s %s: it is written to while all else is frozen; what is in it is "
		       "of no use to the virtual machine\n", g->swaps[i].file ? "file" : "device",
		       text_escape_str(g->swaps[i].path, path, sizeof(path)));
	printf("\nhooks:%s\n", p->hooks.n ? "" : " none");
	for (size_t i = 0; i < p->hooks.n; i++)
		printf("  %s\n", text_escape_str(p->hooks.v[i].path, path, sizeof(path)));
}

static int show_plan(const struct quiesce_cmd_config *cfg, const struct quiesce_wanted *w,
		     struct err *err)
{
	CLEANUP(quiesce_plan_done) struct quiesce_plan p = { 0 };
	int r = quiesce_plan_make(w, &p, err);

	if (r < 0)
		return r;
	if (cfg->json)
		return print_json(&p, err);
	print_plan(&p);
	return 0;
}

static int ask(size_t n, struct err *err)
{
	char prompt[160], answer[16] = "";
	int r;

	snprintf(prompt, sizeof(prompt), "p2v-agent: freeze %zu filesystem%s of this machine now? "
		 "(yes/no) ", n, n == 1 ? "" : "s");
	r = terminal_ask(prompt, true, answer, sizeof(answer));
	if (r == -ENOTTY)
		return err_set(err, ENOTTY, "nobody is there to ask; --yes says that it may");
	if (r < 0 || strcmp(answer, "yes") != 0)
		return err_set(err, ECANCELED, "not frozen");
	return 0;
}

/* Until the time is over, a signal comes, or it is thawed by others. */
static void stay(struct quiesce *q, uint64_t ns)
{
	struct pollfd p = { .fd = quit_fd(), .events = POLLIN };
	uint64_t left_at_start = quiesce_left_ns(q), left;

	while ((left = quiesce_left_ns(q)) > 0 && left_at_start - left < ns) {
		uint64_t rest_ms = (ns - (left_at_start - left)) / 1000000;

		quiesce_beat(q);
		if (poll(&p, 1, (int)MIN(rest_ms + 1, BEAT_MS)) > 0)
			return;
	}
}

static void print_ms(uint64_t ns)
{
	printf(" %9.2f", (double)ns / 1e6);
}

static void print_times(const struct quiesce *q)
{
	const struct freezer *f = quiesce_freezer_of(q);
	const struct hooks *h = &quiesce_plan_of(q)->hooks;
	char path[256];

	for (size_t i = 0; i < h->n; i++)
		printf("%-32s %.2f ms\n", text_escape_str(h->v[i].path, path, sizeof(path)),
		       (double)h->v[i].freeze_ns / 1e6);
	printf("%-32s %9s %9s %9s\n", "MILLISECONDS", "SYNC", "FREEZE", "THAW");
	for (size_t i = 0; i < freezer_count(f); i++) {
		const struct freezer_fs *fs = freezer_get(f, i);

		printf("%-32s", text_escape_str(fs->name, path, sizeof(path)));
		print_ms(fs->sync_ns);
		if (!fs->sync_only && !fs->refused) {
			print_ms(fs->freeze_ns);
			print_ms(fs->thaw_ns);
		} else {
			printf("  %s", fs->refused ? "cannot be frozen" : "only written back");
		}
		putchar('\n');
	}
	printf("frozen for %.2f ms\n", (double)freezer_frozen_ns(f) / 1e6);
}

static int freeze_once(struct quiesce *q, uint64_t ns, struct err *err)
{
	struct err hooks = ERR_INIT, lift = ERR_INIT;
	int r = quiesce_freeze(q, err), r2;

	if (r < 0)
		return r;
	stay(q, ns);
	r = quiesce_thaw(q, &hooks, err);
	r2 = quiesce_lift(q, &lift);
	if (hooks.text[0])
		log_warning("%s", hooks.text);
	if (r2 < 0)
		log_warning("%s", lift.text);
	if (r == 0)
		print_times(q);
	return r;
}

static int try_it(const struct quiesce_cmd_config *cfg, const struct quiesce_config *qc,
		  uint64_t ns, struct err *err)
{
	CLEANUP(quiesce_free) struct quiesce *q = NULL;
	size_t n;
	int r;

	if (geteuid() != 0)
		return err_set(err, EPERM, "only root may freeze filesystems");
	r = quit_init(err);
	if (r == 0)
		r = quiesce_new(qc, &q, err);
	if (r == 0)
		r = quiesce_prepare(q, err);
	if (r < 0)
		return r;
	n = quiesce_plan_of(q)->graph.norder;
	if (n == 0)
		return err_set(err, ENOENT, "there is nothing to freeze");
	r = quiesce_words_by_hand(q, err);
	if (r == 0 && !cfg->yes)
		r = ask(n, err);
	if (r == 0)
		r = freeze_once(q, ns, err);
	if (r == 0 && quit_requested())
		r = err_set(err, ECANCELED, "ended early");
	return r;
}

static int parse(const struct quiesce_cmd_config *cfg, struct quiesce_config *qc, uint64_t *ns,
		 struct err *err)
{
	int r;

	if (cfg->plan == cfg->try)
		return err_set(err, EINVAL, "either --plan or --try");
	if (cfg->try && (cfg->json || cfg->sysroot))
		return err_set(err, EINVAL, "--json and --sysroot go with --plan");
	if (cfg->hold && hold_intake_parse(cfg->hold, &qc->hold.intake) < 0)
		return err_set(err, EINVAL, "--hold %s: nft, iptables, auto, link or none",
			       text_escape_str(cfg->hold, (char[64]){ 0 }, 64));
	r = quiesce_words_time("for", cfg->lasting, ns, err);
	if (r == 0)
		r = quiesce_words_time("deadline", cfg->deadline, &qc->bound_ns, err);
	if (r == 0)
		r = quiesce_words_time("hold-deadline", cfg->hold_deadline, &qc->hold_bound_ns,
				       err);
	return r == 0 ? hold_check(&qc->hold, err) : r;
}

int quiesce_run(int argc, char **argv)
{
	CLEANUP(config_done) struct quiesce_cmd_config cfg = { 0 };
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	const char *dirs[2] = { HOOKS_DIR, HOOKS_QEMU_DIR };
	struct quiesce_config qc = {
		.bound_ns = QUIESCE_BOUND_NS, .silence_ns = QUIESCE_SILENCE_NS,
		.hold_bound_ns = QUIESCE_HOLD_BOUND_NS, .hook_timeout_s = QUIESCE_HOOK_TIMEOUT_S,
	};
	uint64_t ns = FOR_DEFAULT_MS * UINT64_C(1000000);
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&agent_program, "quiesce", argc, argv, &cfg, PROGRAM_ARGS_ANY, &first);
	if (r >= 0)
		return r;
	qc.accept = cfg.accept;
	qc.hold.timeout_s = QUIESCE_HOOK_TIMEOUT_S;
	qc.hold.services = cfg.stop.v;
	qc.hold.nservices = cfg.stop.n;
	qc.hold.peers = cfg.peers.v;
	qc.hold.npeers = cfg.peers.n;
	qc.hold.links = cfg.links.v;
	qc.hold.nlinks = cfg.links.n;
	if (parse(&cfg, &qc, &ns, &err) < 0)
		return opts_usage_error("p2v-agent", "quiesce", &err);
	if (cfg.hooks)
		dirs[0] = cfg.hooks;
	r = sysroot_open(cfg.sysroot ? cfg.sysroot : "/", &root, &err);
	qc.wanted = (struct quiesce_wanted){
		.root = root, .disks = (const char *const *)(argv + first),
		.ndisks = (size_t)(argc - first), .mounts = cfg.mounts.v, .nmounts = cfg.mounts.n,
		.hook_dirs = dirs, .nhook_dirs = cfg.sysroot ? 0 : cfg.qemu_hooks ? 2 : 1,
	};
	if (r == 0)
		r = cfg.plan ? show_plan(&cfg, &qc.wanted, &err) : try_it(&cfg, &qc, ns, &err);
	if (r == 0)
		return EXIT_DONE;
	log_err(&err);
	return r == -ECANCELED && quit_requested() ? EXIT_CANCELLED : EXIT_FAILED;
}
