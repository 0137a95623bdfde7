/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See finish.h. */
#include "p2v-server/finish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "convert/domain_xml.h"
#include "p2v-server/accel.h"
#include "p2v-server/finish_keys.h"
#include "p2v-server/finish_plan.h"
#include "p2v-server/nvram.h"
#include "p2v-server/overlay.h"
#include "p2v-server/report.h"
#include "postfix/fix.h"

struct finish {
	struct job *job;
	const struct finish_options *opt;
	struct machine *machine;	/* with the plan that is in force */
	struct finish_plan plan;
	enum accel accel;
	char **paths; /* per image: the file that is fixed, or looked at in a dry run */
	struct fix_report *fixes;
};

static void on_step(const char *step, unsigned int done, unsigned int total, void *opaque)
{
	(void)opaque;
	log_info("[%u/%u] %s", done, total, step);
}

/* An opt_list as the NULL-terminated array that fix_run() wants; NULL for an empty one. */
static const char **ids(const struct opt_list *l)
{
	const char **v = l->n ? calloc(l->n + 1, sizeof(*v)) : NULL;

	for (size_t i = 0; v && i < l->n; i++)
		v[i] = l->v[i];
	return v;
}

static int check_ids(const struct opt_list *l, struct err *err)
{
	size_t n;
	const struct fix_info *known = fix_list(&n);

	for (size_t i = 0; i < l->n; i++) {
		size_t k = 0;

		while (k < n && strcmp(known[k].id, l->v[i]) != 0)
			k++;
		if (k == n) {
			err_set(err, EINVAL, "there is no fix %s", l->v[i]);
			err_hint(err, "p2v-server finish --list-fixes shows them");
			return -EINVAL;
		}
	}
	return 0;
}

static int run_fixes(struct finish *f, struct err *err)
{
	struct job *j = f->job;
	CLEANUP(mem_free) struct fix_image *images = calloc(j->nimages, sizeof(*images));
	CLEANUP(mem_free) const char **only = ids(&f->opt->only);
	CLEANUP(mem_free) const char **set = ids(&f->opt->set);
	CLEANUP(finish_keys_done) struct finish_keys keys = { 0 };
	struct fix_options fo = {
		.images = images,
		.nimages = j->nimages,
		.machine = f->machine,
		.dry_run = f->opt->dry_run,
		.fast = f->opt->fast,
		.skip = f->plan.skip,
		.only = only,
		.memory = f->plan.memory,
		.inject = f->opt->inject,
		.set = set,
		.virtio_win = f->opt->virtio_win,
		.nics = f->plan.nics,
		.nnics = f->plan.nnics,
		.flatten_bonds = f->plan.flatten,
		.tcg = f->accel == ACCEL_TCG,
		.progress = on_step,
	};
	int r;

	if (!images)
		return err_nomem(err);
	r = finish_keys_read(&f->opt->keys, &keys, err);
	if (r < 0)
		return r;
	fo.keys = keys.v;
	fo.nkeys = keys.n;
	for (size_t i = 0; i < j->nimages; i++)
		images[i] = (struct fix_image){
			.name = j->images[i].disk,
			.path = f->paths[i],
			.format = "qcow2",
			.logical_sector = j->images[i].logical_sector,
			.grown = f->plan.sizes[i] > j->images[i].size,
		};
	return fix_run(&fo, &f->fixes, err);
}

static int build_spec(struct finish *f, struct vmspec **ret, struct err *err)
{
	struct job *j = f->job;
	CLEANUP(mem_free) struct vmspec_image *images = calloc(j->nimages, sizeof(*images));
	CLEANUP(mem_free) char *nvram = NULL;
	struct guestcaps caps;
	uint8_t raw[16];
	char uuid[37], description[256];
	struct vmspec_options vo = { 0 };
	int r;

	if (!images)
		return err_nomem(err);
	guestcaps_default(&caps);
	if (f->fixes)
		caps = f->fixes->caps;
	for (size_t i = 0; i < j->nimages; i++)
		images[i] = (struct vmspec_image){
			.name = j->images[i].disk,
			.path = f->paths[i],
			.format = "qcow2",
			.size = f->plan.sizes[i],
			.logical_sector = j->images[i].logical_sector,
			.physical_sector = j->images[i].physical_sector,
			.bus = f->plan.buses[i],
			.boot = f->fixes ? f->fixes->boot_image == i : i == 0,
		};
	r = job_uuid_random(raw, err);
	if (r < 0)
		return r;
	job_uuid_text(raw, uuid);
	snprintf(description, sizeof(description),
		 "Converted from a physical machine by p2v-server %s, job %s, copied %s",
		 P2V_VERSION, j->name, j->created ? j->created : "");
	/* For a machine with UEFI; whether it is one, the vmspec decides. */
	free(j->nvram);
	j->nvram = text_format("%s_VARS.fd", j->name);
	nvram = j->nvram ? job_path(j, j->nvram) : NULL;
	if (!nvram)
		return err_nomem(err);
	vo = (struct vmspec_options){
		.name = f->plan.name,
		.random_uuid = uuid,
		.memory = f->plan.memory,
		.vcpus = f->plan.vcpus,
		.kvm = f->accel == ACCEL_KVM,
		.maps = f->plan.maps,
		.nmaps = f->plan.nmaps,
		.models = f->plan.models,
		.nmodels = f->plan.nmodels,
		.macs = f->plan.macs,
		.nmacs = f->plan.nmacs,
		.firmware = f->plan.firmware,
		.nvram_path = nvram,
		.description = description,
	};
	return vmspec_build(f->machine, &caps, images, j->nimages, &vo, ret, &j->warnings, err);
}

static int write_xml(struct finish *f, struct err *err)
{
	CLEANUP(vmspec_free) struct vmspec *spec = NULL;
	CLEANUP(mem_free) char *xml = NULL;
	struct job *j = f->job;
	int r;

	r = build_spec(f, &spec, err);
	if (r >= 0)
		r = domain_xml_build(spec, &xml, err);
	if (r >= 0 && spec->uefi) {
		r = nvram_write(j, f->machine, spec->secure_boot, f->opt->nvram_fresh, err);
	} else if (r >= 0) {
		free(j->nvram);
		j->nvram = NULL;
	}
	if (r < 0)
		return r;
	free(j->domain_xml);
	j->domain_xml = text_format("%s.xml", j->name);
	if (!j->domain_xml)
		return err_nomem(err);
	return fdio_replace_file_at(j->dirfd, j->domain_xml, xml, strlen(xml), 0644, err);
}

/* The paths in the XML are the final names, not the .new ones that were fixed. */
static int final_paths(struct finish *f, struct err *err)
{
	for (size_t i = 0; i < f->job->nimages; i++) {
		free(f->paths[i]);
		f->paths[i] = job_path(f->job, f->job->images[i].fixed);
		if (!f->paths[i])
			return err_nomem(err);
	}
	return 0;
}

static int replica_paths(struct finish *f, struct err *err)
{
	for (size_t i = 0; i < f->job->nimages; i++) {
		CLEANUP(mem_free) char *name = job_image_name(&f->job->images[i], false);

		f->paths[i] = name ? job_path(f->job, name) : NULL;
		if (!f->paths[i])
			return err_nomem(err);
	}
	return 0;
}

static void print_fixes(const struct fix_report *r)
{
	printf("%-22s %-12s %-9s %s\n", "FIX", "STATE", "SEVERITY", "WHAT");
	for (size_t i = 0; i < r->nresults; i++) {
		const struct fix_result *x = &r->results[i];

		printf("%-22s %-12s %-9s %s\n", x->id, fix_state_name(x->state),
		       fix_severity_name(x->severity),
		       x->detail && *x->detail ? x->detail : x->title);
		for (size_t k = 0; k < x->nchanges; k++)
			printf("%-22s   %s %s\n", "", x->changes[k].what, x->changes[k].path);
	}
}

/* A dry run shows what would be done, with diffs, and leaves nothing behind. */
static int dry_run(struct finish *f, struct err *err)
{
	CLEANUP(json_unref) json_t *o = NULL;
	CLEANUP(mem_free) char *text = NULL;
	int r;

	r = replica_paths(f, err);
	if (r >= 0)
		r = run_fixes(f, err);
	if (!f->fixes)
		return r;
	if (!f->opt->json) {
		print_fixes(f->fixes);
		for (size_t i = 0; i < f->fixes->nresults; i++)
			for (size_t k = 0; k < f->fixes->results[i].nchanges; k++)
				if (f->fixes->results[i].changes[k].diff)
					printf("\n%s", f->fixes->results[i].changes[k].diff);
		return r;
	}
	if (fix_report_to_json(f->fixes, &o, r < 0 ? NULL : err) < 0 || !(text = jsonx_dump(o)))
		return r < 0 ? r : err_nomem(err);
	fputs(text, stdout);
	return r;
}

static void collect_warnings(struct job *j, const struct fix_report *r)
{
	for (size_t i = 0; i < r->warnings.n; i++)
		(void)job_warn(j, "%s", r->warnings.v[i]);
	for (size_t i = 0; i < r->nresults; i++)
		if (r->results[i].state == FIX_FAILED)
			(void)job_warn(j, "fix %s failed: %s", r->results[i].id,
				       r->results[i].detail ? r->results[i].detail : "");
}

/* What the appliance would have moved to the end of a disk that has grown stays where it was. */
static void warn_of_tables(struct finish *f)
{
	for (size_t i = 0; i < f->job->nimages; i++) {
		const struct job_image *im = &f->job->images[i];
		const struct machine_disk *d = machine_find_disk(f->machine, im->disk);

		if (f->plan.sizes[i] > im->size && d && d->table && strcmp(d->table, "gpt") == 0)
			(void)job_warn(f->job,
				       "%s has grown and its guest was not touched: the second "
				       "copy of the partition table is not at its end; run sgdisk "
				       "--move-second-header in the virtual machine",
				       im->disk);
	}
}

static int convert(struct finish *f, struct err *err)
{
	struct job *j = f->job;
	int r;

	job_forget_warnings(j);
	r = overlay_create(j, f->plan.sizes, f->paths, err);
	if (r >= 0 && !f->opt->no_fix) {
		r = run_fixes(f, err);
		if (f->fixes)
			collect_warnings(j, f->fixes);
	}
	if (r < 0) {
		/* What went wrong is worth a report even though there is no virtual machine yet. */
		if (f->fixes && report_write(j, f->fixes, NULL) >= 0)
			(void)job_save(j, NULL);
		(void)overlay_remove(j, false, NULL);
		return r;
	}
	if (f->opt->no_fix)
		warn_of_tables(f);
	r = overlay_commit(j, err);
	if (r >= 0)
		r = final_paths(f, err);
	if (r >= 0)
		r = write_xml(f, err);
	if (r < 0)
		return r;
	j->state = JOB_FINISHED;
	r = report_write(j, f->fixes, err);
	return r < 0 ? r : job_save(j, err);
}

static void forget_finish(struct job *j)
{
	free(j->domain_xml);
	free(j->report);
	free(j->report_html);
	free(j->nvram);
	j->domain_xml = j->report = j->report_html = j->nvram = NULL;
}

/* A virtual machine's own data is not ours to throw away. opt NULL: no option says otherwise. */
static int refuse_used(const struct job *j, const struct finish_options *opt, struct err *err)
{
	const char *name;

	if ((opt && (opt->force || opt->dry_run)) || !overlay_used(j, &name))
		return 0;
	err_set(err, EBUSY,
		"%s was written to since it was finished: a virtual machine has run on it", name);
	err_hint(err, "stop the machine; p2v-server finish --force throws away what it wrote");
	return -EBUSY;
}

static int restore(struct job *j, struct err *err)
{
	int r = overlay_remove(j, true, err);

	if (r < 0)
		return r;
	if (j->state == JOB_FINISHED)
		j->state = JOB_VERIFIED;
	if (j->nvram && unlinkat(j->dirfd, j->nvram, 0) < 0 && errno != ENOENT)
		log_warning("cannot remove %s: %s", j->nvram, strerror(errno));
	forget_finish(j);
	job_forget_warnings(j);
	return job_save(j, err);
}

int finish_restore(struct job *j, struct err *err)
{
	int r = refuse_used(j, NULL, err);

	return r < 0 ? r : restore(j, err);
}

int finish_job(struct job *j, const struct finish_options *opt, struct err *err)
{
	struct finish f = { .job = j, .opt = opt };
	char why[160];
	int r;

	r = refuse_used(j, opt, err);
	if (r >= 0 && opt->restore)
		return restore(j, err);
	if (r >= 0)
		r = check_ids(&opt->skip, err);
	if (r >= 0)
		r = check_ids(&opt->only, err);
	if (r >= 0)
		r = job_machine(j, &f.machine, err);
	if (r >= 0)
		r = finish_plan_make(&f.plan, j, f.machine, opt, err);
	if (r >= 0)
		r = accel_choose(j->store, opt->accel, &f.accel, why, err);
	if (r >= 0) {
		log_info("acceleration: %s (%s)", f.accel == ACCEL_KVM ? "KVM" : "none (TCG)", why);
		f.paths = calloc(j->nimages, sizeof(char *));
		r = f.paths ? 0 : err_nomem(err);
	}
	if (r >= 0)
		r = opt->dry_run ? dry_run(&f, err) : convert(&f, err);
	if (r >= 0 && !opt->dry_run && f.fixes)
		print_fixes(f.fixes);
	for (size_t i = 0; f.paths && i < j->nimages; i++)
		free(f.paths[i]);
	free(f.paths);
	finish_plan_done(&f.plan);
	machine_free(f.machine);
	fix_report_free(f.fixes);
	return r;
}
