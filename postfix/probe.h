/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does the libguestfs appliance start on this host, and with which acceleration? Some hosts have a
 * /dev/kvm on which guests hang, so the answer is found by trying, in a child process, with a time
 * limit; the child and its qemu are killed when it passes.
 */
#ifndef P2V_POSTFIX_PROBE_H
#define P2V_POSTFIX_PROBE_H

#include <stdbool.h>
#include "common/err.h"

struct probe_result {
	bool works;
	bool timed_out;
	double seconds;
	char message[256];		/* libguestfs' own words when it failed */
};

/*
 * Launch an appliance without drives, tcg or with KVM; 0 whenever the trial itself could be made.
 */
int probe_appliance(bool tcg, unsigned int timeout_s, struct probe_result *ret, struct err *err);

#endif
