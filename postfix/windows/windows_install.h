/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Installing a driver in a Windows that does not run: what Plug and Play would have written to the
 * registry for a disk controller that is there at the first start. Internal to postfix/.
 */
#ifndef P2V_POSTFIX_WINDOWS_INSTALL_H
#define P2V_POSTFIX_WINDOWS_INSTALL_H

#include "postfix/windows/inf.h"
#include "postfix/windows/virtio_win.h"
#include "postfix/windows/windows.h"

const char *windows_arch_name(enum windows_arch arch);	/* "amd64" */
/* file is the INF's. 1 it is in, 0 a file or a service is missing (said). */
int windows_install_storage(struct fixer *f, const struct virtio_win *v, size_t file,
			    const struct inf_driver *d, struct err *err);
/* Let Plug and Play look into %SystemRoot%\p2v\drivers\NAME (Windows XP and Server 2003). */
int windows_install_search(struct fixer *f, const char *name, struct err *err);
/* This device is driven by this service at boot. id as in an INF: "PCI\\CC_0106". */
int windows_install_critical(struct fixer *f, const char *set, const char *id, const char *service,
			     const char *class_guid, struct err *err);

#endif
