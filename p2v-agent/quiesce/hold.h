/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hold: between the last block that is copied and the virtual machine's start the source runs,
 * and no client may write to it any more, as that would be lost. So its intake is closed, and
 * services of the administrator's choice are stopped. If the server cannot confirm, the hold is
 * lifted, and the source goes on serving as if nothing had been.
 *
 * Intake, one of:
 *
 *	nft		a table of our own, which drops what comes in, of new and of established
 *			connections, but from the loopback and from the peers (the control
 *			connection). It hooks in before everything else, so what is forwarded to
 *			containers is dropped, too. Packets of neighbour discovery pass.
 *	iptables	the same as a chain of our own in the raw table, where there is no nft
 *	link		network interfaces are taken down: what is chosen by name. Addresses and
 *			routes that nobody configures anew come back only in part.
 *	none		services only
 *
 * Dropped, not rejected: clients wait and try again, and reach the virtual machine then.
 *
 * Every step is written down with a deadman (deadman.h) before it is done. The rules are one table
 * or chain that is removed by one command, which may run twice. Nothing is written to a disk: a
 * machine that is started again is not held.
 */
#ifndef P2V_AGENT_QUIESCE_HOLD_H
#define P2V_AGENT_QUIESCE_HOLD_H

#include <stddef.h>
#include "common/text.h"
#include "p2v-agent/quiesce/deadman.h"

enum hold_intake { HOLD_NONE, HOLD_AUTO, HOLD_NFT, HOLD_IPTABLES, HOLD_LINK };

struct hold_config {
	enum hold_intake intake;	/* AUTO: nft, or else iptables */
	const char *const *peers;	/* IPv4 and IPv6 addresses that may come in */
	size_t npeers;
	const char *const *links;	/* of HOLD_LINK */
	size_t nlinks;
	const char *const *services;	/* stopped in this order, started in reverse */
	size_t nservices;
	unsigned int timeout_s;		/* for each command */
};

/* "none", "auto", "nft", "iptables", "link"; -EINVAL. */
int hold_intake_parse(const char *text, enum hold_intake *ret);
/*
 * Addresses, names of interfaces and services are what they should be: nothing odd gets through.
 * And the program that closes the intake is there; -ENOENT. So this runs programs.
 */
int hold_check(const struct hold_config *cfg, struct err *err);
/*
 * Intake first, then services. On failure part of it may hold, and hold_lift() is called by the
 * caller. *ret_used: what closes the intake.
 */
int hold_begin(const struct hold_config *cfg, struct deadman *d, enum hold_intake *ret_used,
	       struct err *err);
/* As if it had never been; nothing, when there is none. */
int hold_lift(struct deadman *d, struct err *err);
/* The commands that lift it by hand, a line each. */
void hold_by_hand(const struct hold_config *cfg, struct strbuf *b);

#endif
