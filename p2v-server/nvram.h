/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file of UEFI variables that a virtual machine starts with: JOB_VARS.fd in the job's folder,
 * made from the firmware package's template, with the boot entries of the source in it.
 */
#ifndef P2V_SERVER_NVRAM_H
#define P2V_SERVER_NVRAM_H

#include <stdbool.h>
#include "p2v-server/job.h"

/*
 * Write j->nvram, in place of an earlier one. secure_boot: from the template with the common keys.
 * fresh: the template as it is. What could not be taken along becomes a warning of the job. Without
 * a template on this host there is a warning and no file: libvirt makes one by itself.
 */
int nvram_write(struct job *j, const struct machine *m, bool secure_boot, bool fresh,
		struct err *err);
/* The template this host has, for a machine with or without Secure Boot; NULL: none. */
const char *nvram_template(bool secure_boot);

#endif
