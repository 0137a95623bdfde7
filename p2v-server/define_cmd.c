/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server define: hand the finished job's XML to libvirt. The only user of libvirt's library. */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "common/fdio.h"
#include "common/log.h"
#include "p2v-server/commands.h"
#include "p2v-server/job.h"

#define XML_MAX (4u << 20)

struct define_options {
	const char *connect;
};

const struct opt define_opts[] = { { "connect", 'c', "URI",
				     "libvirt connection (default: qemu:///system)", OPT_STR,
				     offsetof(struct define_options, connect) },
				   { 0 } };

/* libvirt prints errors on stderr by itself; ours go through struct err. */
static void quiet(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static int libvirt_error(struct err *err, const char *what)
{
	return err_set(err, EIO, "%s: %s", what, virGetLastErrorMessage());
}

static int define(const char *name, const char *uri, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(mem_free) char *xml = NULL;
	virConnectPtr conn;
	virDomainPtr dom;
	int r;

	r = job_open(server_store(), name, JOB_LOCK_NONE, &j, err);
	if (r < 0)
		return r;
	if (j->state != JOB_FINISHED || !j->domain_xml) {
		err_set(err, EAGAIN, "job %s is %s: it has no virtual machine yet", name,
			job_state_name(j->state));
		err_hint(err, "p2v-server finish %s", name);
		return -EAGAIN;
	}
	r = fdio_read_file_at(j->dirfd, j->domain_xml, XML_MAX, &xml, NULL, err);
	if (r < 0)
		return r;
	virSetErrorFunc(NULL, quiet);
	conn = virConnectOpen(uri);
	if (!conn)
		return libvirt_error(err, "cannot connect to libvirt");
	dom = virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
	r = dom ? 0 : libvirt_error(err, "libvirt does not take the domain");
	if (dom) {
		log_notice("domain %s is defined in %s", virDomainGetName(dom), uri);
		log_notice("start it only when the physical machine is off: virsh -c %s start %s",
			   uri, virDomainGetName(dom));
		virDomainFree(dom);
	}
	virConnectClose(conn);
	return r;
}

int define_run(int argc, char **argv)
{
	struct define_options o = { .connect = "qemu:///system" };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "define", argc, argv, &o, 1, &first);
	if (r >= 0)
		return r;
	return server_exit(define(argv[first], o.connect, &err), &err);
}
