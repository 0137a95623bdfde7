/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel command line of the bootable medium asks for: the words that begin with "p2v.",
 * described in p2v-agent-cmdline(7). Pure: text in, struct out.
 *
 *	p2v.server=conv.example p2v.host-key=SHA256:... p2v.disks=sda p2v.post=poweroff
 *
 * A word may be in double quotes as the kernel takes them, whole or behind the equals sign. The
 * last of several words of one name counts, so that what is typed at the end of a menu's line
 * prevails. The names that virt-p2v has for the same are taken, too; those of its own that mean
 * nothing here are left out with a note.
 *
 * A slip never leads to a conversion of something else: an unknown name and a value that makes no
 * sense are errors. So is each secret: everybody on the machine can read its command line, and it
 * ends up in logs. What is said of it never repeats its value.
 */
#ifndef P2V_AGENT_MEDIUM_CMDLINE_H
#define P2V_AGENT_MEDIUM_CMDLINE_H

#include <stddef.h>
#include "common/ipspec.h"
#include "inventory/machine.h"

#define MEDIUM_CMDLINE_MAX	4096	/* bytes; the kernel itself keeps 2048 on x86 */

enum medium_mode {
	MEDIUM_ASK,			/* wait for somebody on a console */
	MEDIUM_CONVERT,			/* by itself */
	MEDIUM_INVENTORY,
	MEDIUM_SHELL,
};

enum medium_post { MEDIUM_STAY, MEDIUM_POWEROFF, MEDIUM_REBOOT };

struct medium_map {
	char *nic;			/* its name, any of its names, or address; NULL: the rest */
	char *connect;			/* "bridge:br0", as a plan has it */
};

struct medium_cmdline {
	enum medium_mode mode;
	enum medium_post post;		/* after a conversion that went well */
	char *server;			/* "USER@HOST:PORT" for ssh_target_parse(); NULL: none */
	struct machine_strv options;	/* further arguments of "p2v-agent cold" */
	char *name;			/* NULL: the host name */
	struct machine_strv disks;	/* paths; none: all fixed ones */
	struct machine_strv nics;	/* those to keep; none: all */
	struct medium_map *map;
	size_t nmap;
	uint32_t vcpus;			/* 0: as the machine has */
	uint64_t memory;		/* bytes; 0: as the machine has */
	struct ipspec ip;		/* dhcp, when nothing was given */
	char *link;			/* which network interface: name or address; NULL: any */
	unsigned int vlan;		/* 1 to 4094; 0: none */
	struct machine_strv notes;	/* what was left out, in plain words */
};

/*
 * text: the whole command line. -EINVAL with the word that is wrong and why; -EACCES for a secret;
 * -E2BIG; -ENOMEM. On failure ret is as it was.
 */
int medium_cmdline_parse(const char *text, struct medium_cmdline *ret, struct err *err);
void medium_cmdline_done(struct medium_cmdline *c);
DEFINE_CLEANUP_VALUE(struct medium_cmdline, medium_cmdline_done)

/* The plan that p2v.map, p2v.interfaces, p2v.vcpus or p2v.memory ask for is wanted. */
bool medium_cmdline_wants_plan(const struct medium_cmdline *c);

#endif
