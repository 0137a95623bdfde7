/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/sample_options.h"

#include <errno.h>

#include "common/duration.h"
#include "common/quit.h"
#include "p2v-agent/sample_run.h"

#define SAMPLE_MAX_S	(366 * DURATION_DAY)

int sample_options_check(struct sample_options *o, struct err *err)
{
	if (o->sample && o->ring)
		return err_set(err, EINVAL, "--sample and --sample-ring exclude each other");
	if (o->charts && !o->sample && !o->ring)
		return err_set(err, EINVAL, "--charts needs --sample or --sample-ring");
	if (o->sample && (duration_parse(o->sample, &o->seconds) < 0 || o->seconds == 0 ||
			  o->seconds > SAMPLE_MAX_S))
		return err_set(err, EINVAL, "--sample wants a duration such as 30s, 10m or 2h");
	return 0;
}

int sample_options_run(const struct sample_options *o, const char *sysroot,
		       const struct machine *m, struct sizing **ret, struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(sizing_free) struct sizing *s = NULL;
	int r = 0;

	if (o->ring) {
		r = sample_run_ring(o->ring, m, &s, err);
	} else if (o->sample) {
		r = quit_init(err);
		if (r == 0)
			r = sysroot_open(sysroot ? sysroot : "/", &root, err);
		if (r == 0)
			r = sample_run_for(root, m, o->seconds, &s, err);
	}
	if (r == 0 && o->charts)
		r = sample_run_charts(s, o->charts, err);
	if (r == 0)
		*ret = TAKE_PTR(s);
	return r;
}
