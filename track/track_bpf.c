/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The first tier: programs in the kernel that set bits in memory which we share with them. They are
 * of the kind "tp_btf" (Linux 5.5), which reads the kernel's structures directly and costs half of
 * what a raw_tp program does; setting bits needs Linux 5.12. What a kernel lacks it says at the
 * load, so nothing is asked before.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "common/compiler.h"
#include "track/bpf_code.h"
#include "track/bpf_layout.h"
#include "track/bpf_objects.h"

static bool any_by_bio(const struct track_meta *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->disks[i].by_bio)
			return true;
	return false;
}

static bool any_by_request(const struct track_meta *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->disks[i].by_bio)
			return true;
	return false;
}

static int load(struct bpf_objects *o, const struct bpf_program *p, struct err *err)
{
	CLEANUP(mem_free) struct bpf_insn *code = calloc(BPF_CODE_MAX, sizeof(*code));
	struct bpf_prog_load_opts opts = { .sz = sizeof(opts),
					   .expected_attach_type = BPF_TRACE_RAW_TP,
					   .attach_btf_id = p->layout->btf_id[p->hook] };
	static const char *const names[BPF_HOOKS] = { "p2v_queue", "p2v_complete", "p2v_bio_done" };
	unsigned int s = p->slot;
	int n;

	if (!code)
		return err_nomem(err);
	n = bpf_code_build(p, code, BPF_CODE_MAX);
	if (n < 0)
		return err_code(err, n, "the program of %s is too long", bpf_hook_name(p->hook));
	o->prog[s] = bpf_prog_load(BPF_PROG_TYPE_TRACING, names[p->hook], "GPL", code, (size_t)n,
				   &opts);
	if (o->prog[s] < 0)
		return err_code(err, o->prog[s], "the kernel refuses the program of %s",
				bpf_hook_name(p->hook));
	o->meta_map->prog_id[s] = bpf_objects_prog_id(o->prog[s]);
	return 0;
}

static int attach(struct bpf_objects *o, struct err *err)
{
	for (unsigned int s = 0; s < TRACK_SLOTS; s++) {
		if (o->prog[s] < 0)
			continue;
		o->link[s] = bpf_raw_tracepoint_open(NULL, o->prog[s]);
		if (o->link[s] < 0)
			return err_code(err, o->link[s], "cannot attach a program to %s",
					bpf_hook_name((enum bpf_hook)(s / TRACK_COPIES)));
	}
	return 0;
}

static int load_all(struct bpf_objects *o, const struct track_meta *m,
		    const struct bpf_layout *l, struct err *err)
{
	CLEANUP(mem_free) struct bpf_target *targets = calloc(m->n, sizeof(*targets));
	const bool wanted[BPF_HOOKS] = { true, any_by_request(m), any_by_bio(m) };
	struct bpf_program p = { .layout = l,
				 .targets = targets,
				 .n = m->n,
				 .marks_fd = o->marks,
				 .counters_fd = o->counters };

	if (!targets)
		return err_nomem(err);
	if (wanted[BPF_HOOK_BIO_COMPLETE] && l->btf_id[BPF_HOOK_BIO_COMPLETE] == 0)
		return err_set(err, ENOENT, "this kernel has no tracepoint block_bio_complete");
	for (size_t i = 0; i < m->n; i++)
		targets[i] = (struct bpf_target){ .major = major((dev_t)m->disks[i].dev),
						  .minor = minor((dev_t)m->disks[i].dev),
						  .marks = m->disks[i].marks,
						  .by_bio = m->disks[i].by_bio };
	for (unsigned int s = 0; s < BPF_HOOKS * TRACK_COPIES; s++) {
		int r;

		p.hook = (enum bpf_hook)(s / TRACK_COPIES);
		p.slot = s;
		p.pairs_fd = o->pairs[s % TRACK_COPIES];
		if (!wanted[p.hook])
			continue;
		r = load(o, &p, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void show(struct track *t, struct bpf_objects *o)
{
	t->tier = o;
	t->meta = o->meta_map;
	t->marks = o->marks_map;
	t->counters = o->counters_map;
	t->nwords = o->marks_len / sizeof(*t->marks);
}

static int bpf_start(struct track *t, struct err *err)
{
	CLEANUP(bpf_objects_free) struct bpf_objects *o = NULL;
	struct bpf_layout layout;
	int r = bpf_layout_kernel(&layout, err);

	if (r == 0)
		r = bpf_objects_new(t->run_dir, &o, err);
	if (r == 0)
		r = bpf_objects_create(o, t->nwords, t->meta->n, any_by_bio(t->meta), err);
	if (r < 0)
		return r;
	*o->meta_map = *t->meta;
	r = load_all(o, t->meta, &layout, err);
	if (r == 0 && !t->trial)
		r = bpf_objects_mount(o, err);
	if (r == 0)
		r = attach(o, err);
	if (r == 0 && !t->trial)
		r = bpf_objects_pin(o, err);
	if (r < 0)
		return r;
	free(t->meta);
	show(t, TAKE_PTR(o));
	return 0;
}

static int bpf_resume(struct track *t, struct err *err)
{
	CLEANUP(bpf_objects_free) struct bpf_objects *o = NULL;
	int r = bpf_objects_new(t->run_dir, &o, err);

	if (r == 0)
		r = bpf_objects_open(o, err);
	if (r == 0)
		show(t, TAKE_PTR(o));
	return r;
}

static void bpf_check(struct track *t, size_t disk, unsigned int *reasons, uint64_t *misses,
		      uint64_t *overruns)
{
	(void)disk;
	(void)overruns;
	if (!bpf_objects_whole(t->tier))
		*reasons |= TRACK_REASON_GONE;
	*misses += bpf_objects_misses(t->tier);
}

static void bpf_leave(struct track *t)
{
	if (t->tier) {
		bpf_objects_free(t->tier);
		t->tier = NULL;
		t->meta = NULL;
		t->marks = NULL;
		t->counters = NULL;
	}
	/* A start that failed has its meta still in memory of its own. */
	track_deallocate(t);
}

/* Also of what a dead process left, so without t->tier. */
static void bpf_remove(struct track *t)
{
	struct bpf_objects *o = NULL;

	if (bpf_objects_new(t->run_dir, &o, NULL) < 0)
		return;
	bpf_objects_remove(o);
	bpf_objects_free(o);
}

const struct track_ops track_bpf_ops = {
	.tier = TRACK_BPF,
	.start = bpf_start,
	.resume = bpf_resume,
	.check = bpf_check,
	.leave = bpf_leave,
	.remove = bpf_remove,
};
