/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server define: hand the finished job's XML to libvirt. */
#include <errno.h>

#include "common/log.h"
#include "p2v-server/commands.h"
#include "p2v-server/job.h"
#include "p2v-server/virt.h"

struct define_options {
	const char *connect;
};

const struct opt define_opts[] = { { "connect", 'c', "URI",
				     "libvirt connection (default: " VIRT_URI ")", OPT_STR,
				     offsetof(struct define_options, connect) },
				   { 0 } };

static int define(const char *name, const char *uri, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(virt_free) struct virt *v = NULL;
	CLEANUP(mem_free) char *xml = NULL;
	int r;

	r = job_open(server_store(), name, JOB_LOCK_NONE, &j, err);
	if (r >= 0)
		r = job_xml(j, &xml, err);
	if (r >= 0)
		r = virt_define(uri, xml, &v, err);
	if (r < 0)
		return r;
	log_notice("domain %s is defined in %s", virt_name(v), uri);
	log_notice("start it only when the physical machine is off: virsh -c %s start %s", uri,
		   virt_name(v));
	return 0;
}

int define_run(int argc, char **argv)
{
	struct define_options o = { .connect = VIRT_URI };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "define", argc, argv, &o, 1, &first);
	if (r >= 0)
		return r;
	return server_exit(define(argv[first], o.connect, &err), &err);
}
