/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who looks after the network of the system: the programs that configure it, the firewall, the
 * name servers. Told by what is switched on, not by what is installed:
 *
 *	systemd		links in /etc/systemd/system/TARGET.wants and .requires, unless masked; the
 *			links that generators make at boot in /run/systemd
 *	SysV, Upstart	/etc/rc[2-5S].d/S??NAME, /etc/rc.d likewise
 *	OpenRC		/etc/runlevels/{boot,default}/NAME
 *
 * All return 0 or -ENOMEM; what cannot be read is as if it were not there.
 */
#ifndef P2V_INVENTORY_NET_SETUP_H
#define P2V_INVENTORY_NET_SETUP_H

#include "common/sysroot.h"
#include "inventory/machine.h"

/* m->network_stacks, m->firewall.manager; m->firewall.backend from the kernel or its record. */
int net_setup_fill(const struct sysroot *root, struct machine *m);
/* m->dns and m->dns_search: resolv.conf(5), and behind the resolver that it points to. */
int net_setup_dns(const struct sysroot *root, struct machine *m);

#endif
