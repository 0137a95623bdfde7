/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See virt.h. */
#include "p2v-server/virt.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdlib.h>

struct virt {
	virConnectPtr conn;
	virDomainPtr dom;
};

/* libvirt prints errors on stderr by itself; ours go through struct err. */
static void quiet(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static int failed(struct err *err, const char *what)
{
	return err_set(err, EIO, "%s: %s", what, virGetLastErrorMessage());
}

int virt_define(const char *uri, const char *xml, struct virt **ret, struct err *err)
{
	CLEANUP(virt_free) struct virt *v = calloc(1, sizeof(*v));

	if (!v)
		return err_nomem(err);
	virSetErrorFunc(NULL, quiet);
	v->conn = virConnectOpen(uri);
	if (!v->conn)
		return failed(err, "cannot connect to libvirt");
	v->dom = virDomainDefineXMLFlags(v->conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
	if (!v->dom)
		return failed(err, "libvirt does not take the domain");
	*ret = TAKE_PTR(v);
	return 0;
}

void virt_free(struct virt *v)
{
	if (!v)
		return;
	if (v->dom)
		virDomainFree(v->dom);
	if (v->conn)
		virConnectClose(v->conn);
	free(v);
}

const char *virt_name(const struct virt *v)
{
	return virDomainGetName(v->dom);
}

int virt_start(struct virt *v, struct err *err)
{
	if (virt_runs(v))
		return err_set(err, EALREADY, "domain %s runs already", virt_name(v));
	return virDomainCreate(v->dom) < 0 ? failed(err, "the domain does not start") : 0;
}

int virt_stop(struct virt *v, struct err *err)
{
	if (!virt_runs(v))
		return 0;
	return virDomainDestroy(v->dom) < 0 ? failed(err, "the domain does not stop") : 0;
}

bool virt_runs(struct virt *v)
{
	return virDomainIsActive(v->dom) == 1;
}

bool virt_answers(struct virt *v)
{
	virDomainInterfacePtr *all = NULL;
	int n = virDomainInterfaceAddresses(v->dom, &all, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
					    0);

	for (int i = 0; i < n; i++)
		virDomainInterfaceFree(all[i]);
	free(all);
	return n >= 0;
}
