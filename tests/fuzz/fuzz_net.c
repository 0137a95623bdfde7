/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of the network that mean harm, for the rewriters of postfix/linux/net_*.h. The first
 * byte is which rewriter (bits 0-2), whether bonds are flattened (bit 3), and whether there are
 * new addresses (bit 4); the rest is the file.
 *
 * Besides not crashing: what was changed once is not changed a second time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/net_etc.h"
#include "postfix/linux/net_ifcfg.h"
#include "postfix/linux/net_ifupdown.h"
#include "postfix/linux/net_netplan.h"
#include "postfix/linux/net_networkd.h"
#include "postfix/linux/net_nm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_plan *make_plan(struct machine *m, bool flatten, bool fresh)
{
	static char names[3][8] = { "eth0", "eth1", "bond0" };
	static char macs[3][18] = { "02:00:00:00:00:01", "02:00:00:00:00:02",
				    "02:00:00:00:00:01" };
	static char physical[] = "physical", bond[] = "bond", driver[] = "ixgbe";
	static const char *const ip[] = { "10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2",
					  "2001:db8::5/64,gw=fe80::1", NULL };
	static const struct fix_nic_change changes[] = {
		{ .name = "eth1", .mac = "52:54:00:00:00:02" },
		{ .name = "bond0", .addresses = ip },
	};
	static struct machine_nic nics[3];
	struct net_plan *p = NULL;

	for (int i = 0; i < 3; i++)
		nics[i] = (struct machine_nic){ .name = names[i], .mac = macs[i],
						.kind = i < 2 ? physical : bond,
						.driver = driver,
						.master = i < 2 ? names[2] : NULL };
	m->nics = nics;
	m->nnics = 3;
	if (net_plan_make(m, changes, fresh ? 2 : 0, flatten, &p, NULL) < 0)
		abort();
	return p;
}

static int rewrite(unsigned int which, const char *text, const struct net_plan *p, char **ret)
{
	const struct net_if *done = NULL;

	switch (which) {
	case 0:
		return net_ifcfg_rewrite("ifcfg-bond0", text, false, p, ret, &done, NULL);
	case 1:
		return net_ifcfg_rewrite("ifcfg-bond0", text, true, p, ret, &done, NULL);
	case 2:
		return net_nm_rewrite(text, p, ret, &done, NULL);
	case 3:
		return net_networkd_rewrite("a.network", text, p, ret, &done, NULL);
	case 4:
		return net_networkd_rewrite("a.netdev", text, p, ret, &done, NULL);
	case 5:
		return net_ifupdown_rewrite(text, p, ret, p->done, NULL);
	case 6:
		return net_nm_conf(text, p, ret, NULL);
	default:
		return net_netplan_rewrite(text, p, ret, p->done, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine m = { 0 };
	struct net_plan *p;
	char *text, *out = NULL, *again = NULL;

	if (size < 1)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		abort();
	p = make_plan(&m, data[0] & 8, data[0] & 16);
	if (rewrite(data[0] & 7, text, p, &out) == NET_CHANGED &&
	    rewrite(data[0] & 7, out, p, &again) == NET_CHANGED && (data[0] & 7) != 7)
		abort();
	free(text);
	free(out);
	free(again);
	net_plan_free(p);
	return 0;
}
