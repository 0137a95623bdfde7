/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * KVM or not, found by trying. There are hosts whose /dev/kvm opens and whose guests hang, so
 * looking at the device is not enough: an appliance is started with a time limit. The answer is
 * kept in STORE/.host.json for as long as the host is up (its boot id), because a failed trial
 * takes
 * the whole time limit.
 */
#ifndef P2V_SERVER_ACCEL_H
#define P2V_SERVER_ACCEL_H

#include <stdbool.h>
#include "common/err.h"

#define ACCEL_PROBE_S 60

enum accel { ACCEL_KVM, ACCEL_TCG };

/*
 * choice: "kvm", "tcg" or NULL/"auto". Auto obeys LIBGUESTFS_BACKEND_SETTINGS=force_tcg, needs
 * /dev/kvm, then asks .host.json, then tries. *ret_why (may be NULL): one phrase, static or in buf.
 */
int accel_choose(const char *store, const char *choice, enum accel *ret, char why[static 160],
		 struct err *err);

#endif
