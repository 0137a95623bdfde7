/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kernels, boot loader, services and software of the booted system. */
#include "inventory/collect.h"

#include "inventory/os/os.h"

int collect_software(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(os_look_done) struct os_look o = {
		.root = root, .m = m, .os = &m->os, .running = true
	};
	int r = os_look_load(&o);

	if (r == 0)
		r = os_look_all(&o);
	return r < 0 ? err_nomem(err) : 0;
}
