/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what the kernel command line asks for to what is done: lines for the medium's scripts, a
 * plan, the arguments of "p2v-agent cold". Nothing here does I/O.
 *
 *	/proc/cmdline --medium_cmdline_parse()--> struct medium_cmdline
 *		--medium_settings()--> "mode=convert\ndhcp=yes\n..."	iso/overlay reads these
 *		--medium_plan()------> decisions on this machine	when it asks for any
 *		--medium_arguments()-> cold --server ... --disk ...
 */
#ifndef P2V_AGENT_MEDIUM_MEDIUM_H
#define P2V_AGENT_MEDIUM_MEDIUM_H

#include "p2v-agent/medium/cmdline.h"

/*
 * NAME=VALUE lines: mode, post, summary (what will be done, for people), dhcp, address, gateway,
 * dns (addresses with blanks between them), nic, vlan. What is not set is left out. Values hold
 * nothing that a shell or a terminal would take for more than letters. malloc'd; NULL: no memory.
 */
char *medium_settings(const struct medium_cmdline *c);
/*
 * Give m, which has no plan yet, the plan that c asks for. -ENODEV names an interface that the
 * machine has not, and those that it has; -EBADMSG as plan_check(); -ENOMEM.
 */
int medium_plan(const struct medium_cmdline *c, struct machine *m, struct err *err);
/*
 * The arguments for cold, its name in front. identity: a private key file, then nobody is asked; or
 * NULL. plan: a file, or NULL. -ENODEV without a server.
 */
int medium_arguments(const struct medium_cmdline *c, const char *identity, const char *plan,
		     struct machine_strv *ret, struct err *err);
/*
 * The disk is a medium of p2v's own: this one's (an ISO image on USB that was made by make iso), or
 * the one with the key. It is nothing to convert.
 */
bool medium_is_own(const struct machine_disk *d);

#endif
