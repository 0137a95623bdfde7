/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is asked of libvirt: to take a domain, to start and stop it, and how it is. The only user of
 * its library beside doctor. Errors are libvirt's words behind ours.
 */
#ifndef P2V_SERVER_VIRT_H
#define P2V_SERVER_VIRT_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "common/err.h"

#define VIRT_URI	"qemu:///system"

struct virt;			/* a connection, and a domain in it */

/* Connect to uri, and define the domain that xml describes. */
int virt_define(const char *uri, const char *xml, struct virt **ret, struct err *err);
void virt_free(struct virt *v);	/* lets go; the domain stays */
DEFINE_CLEANUP(struct virt *, virt_free)

const char *virt_name(const struct virt *v);
/* -EALREADY: it runs. */
int virt_start(struct virt *v, struct err *err);
/* At once, as by pulling the plug. 0 as well when it did not run. */
int virt_stop(struct virt *v, struct err *err);
bool virt_runs(struct virt *v);
/* Whether the guest agent in it answers. */
bool virt_answers(struct virt *v);

#endif
