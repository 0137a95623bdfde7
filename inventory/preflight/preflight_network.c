/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on the network: what the virtual machine must find again, and what it must not disturb. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>

static bool is_kind(const struct machine_nic *n, const char *kind)
{
	return preflight_is(n->kind, kind);
}

/* Addresses that others know; link-local ones and the loopback's are one's own affair. */
static bool is_global(const struct machine_nic *n, const struct machine_address *a)
{
	if (preflight_is(n->name, "lo"))
		return false;
	return a->scope ? preflight_is(a->scope, "global") || preflight_is(a->scope, "site") :
			  strncmp(a->address, "127.", 4) != 0 &&
			  strncmp(a->address, "fe80:", 5) != 0 &&
			  strncmp(a->address, "::1/", 4) != 0;
}

static void addresses(const struct machine *m, bool dynamic, struct preflight_names *names)
{
	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];

		/* Bridges of containers and the like stay within the machine. */
		if (is_kind(n, "virtual"))
			continue;
		for (size_t k = 0; k < n->naddresses; k++)
			if (n->addresses[k].dynamic == dynamic && is_global(n, &n->addresses[k]))
				preflight_names_add(names, n->addresses[k].address);
	}
}

static int clash(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };

	addresses(in->machine, false, &names);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, in->hot ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
			     "machine", "static addresses: %s", preflight_names_text(&names));
}

static int dhcp(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };

	addresses(in->machine, true, &names);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "addresses that were assigned: %s", preflight_names_text(&names));
}

static int bond(PREFLIGHT_LOOK)
{
	/* Those that are content with switches that know nothing of it. */
	static const char *const plain[] = { "active-backup", "activebackup", "balance-tlb",
					     "balance-alb", NULL };
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
		const struct machine_nic *n = &m->nics[i];

		if (!is_kind(n, "bond") && !is_kind(n, "team"))
			continue;
		for (size_t k = 0; k < n->lower.n; k++)
			preflight_names_add(&names, n->lower.v[k]);
		if (preflight_add(report, rule, preflight_is_one_of(n->bond_mode, plain) ?
				  PREFLIGHT_NOTE : PREFLIGHT_DEGRADES, n->name,
				  "%s is a %s (%s) of %s", n->name, n->kind,
				  n->bond_mode ? n->bond_mode : "mode not known",
				  names.n ? preflight_names_text(&names) : "nothing") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int bridge(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
		const struct machine_nic *n = &m->nics[i];

		/* A bridge without a port to the outside disturbs nobody. */
		for (size_t k = 0; is_kind(n, "bridge") && k < n->lower.n; k++)
			if (!preflight_starts(n->lower.v[k], "veth") &&
			    !preflight_starts(n->lower.v[k], "vnet") &&
			    !preflight_starts(n->lower.v[k], "tap"))
				preflight_names_add(&names, n->lower.v[k]);
		if (names.n && preflight_add(report, rule, PREFLIGHT_NOTE, n->name,
					     "%s is a bridge over %s%s", n->name,
					     preflight_names_text(&names),
					     n->bridge_stp ? ", with STP" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int vlan(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++)
		if (is_kind(&m->nics[i], "vlan") || m->nics[i].vlan_id)
			preflight_names_add(&names, m->nics[i].name);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine", "VLAN interfaces: %s",
			     preflight_names_text(&names));
}

static int sriov(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];

		int r = 0;

		if (n->physfn)
			r = preflight_add(report, rule, PREFLIGHT_DEGRADES, n->name,
					  "%s is a virtual function of %s", n->name, n->physfn);
		else if (n->sriov_vfs)
			r = preflight_add(report, rule, PREFLIGHT_DEGRADES, n->name,
					  "%s has %" PRIu32 " virtual functions", n->name,
					  n->sriov_vfs);
		if (r < 0)
			return r;
	}
	return 0;
}

static int infiniband(PREFLIGHT_LOOK)
{
	static const char *const drivers[] = { "ib_ipoib", "ipoib", "mlx4_ib", "mlx5_ib", "hfi1",
					       "ib_qib", NULL };
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];
		/* Its addresses have 20 bytes, Ethernet's have 6. */
		bool is = is_kind(n, "infiniband") || (n->mac && strlen(n->mac) > 17) ||
			  preflight_is_one_of(n->driver, drivers);

		if (is && preflight_add(report, rule, PREFLIGHT_DEGRADES, n->name,
					"%s is an InfiniBand interface (driver %s)", n->name,
					n->driver ? n->driver : "not known") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int wireless(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];
		bool used = n->naddresses > 0;

		if ((is_kind(n, "wireless") || is_kind(n, "wwan")) &&
		    preflight_add(report, rule, used ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE, n->name,
				  "%s is a radio interface (%s)%s", n->name, n->kind,
				  used ? ", and has addresses" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int large_mtu(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine *m = in->machine;
	uint32_t mtu = 0;

	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *n = &m->nics[i];

		if (!is_kind(n, "physical") || n->mtu <= 1500)
			continue;
		preflight_names_add(&names, n->name);
		mtu = MAX(mtu, n->mtu);
	}
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine", "MTU %" PRIu32 " on %s", mtu,
			     preflight_names_text(&names));
}

/* ---- storage over the network */

static bool is_network_fs(const char *type)
{
	static const char *const types[] = {
		"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs",
		"fuse.sshfs", "9p", "afs", "lustre", "beegfs", "gpfs", "ocfs2", "gfs2", NULL
	};

	return preflight_is_one_of(type, types);
}

static int root_on_network(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nmounts; i++) {
		const struct machine_mount *p = &m->mounts[i];

		if (preflight_is(p->target, "/") && is_network_fs(p->fs))
			return preflight_add(report, rule, PREFLIGHT_BLOCKS, "/",
					     "/ is mounted from %s (%s)",
					     p->source ? p->source : "the network", p->fs);
	}
	return 0;
}

static int mounts_on_network(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nmounts; i++)
		if (!preflight_is(m->mounts[i].target, "/") && is_network_fs(m->mounts[i].fs))
			preflight_names_add(&names, m->mounts[i].target);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "mounted over the network: %s", preflight_names_text(&names));
}

static int disk_on_network(PREFLIGHT_LOOK)
{
	static const char *const transports[] = { "iscsi", "fc", "fcoe", "rbd", "nbd", "nvme-tcp",
						  "nvme-rdma", "nvme-fc", "nvme-fabrics", NULL };

	preflight_each(in, d) {
		if (d->disk && !d->partition &&
		    preflight_is_one_of(d->disk->transport, transports) &&
		    preflight_add(report, rule, d->copied ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
				  d->name, "%s comes over %s and is %scopied", d->name,
				  d->disk->transport, d->copied ? "" : "not ") < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct preflight_rule rules[] = {
	{ "net-address-clash", PREFLIGHT_DEGRADES,
	  "The virtual machine has the source's static addresses",
	  "As long as both are on the network, two machines answer for the same address: "
	  "connections break, and data may be written to the wrong one.",
	  "Start the virtual machine only when the physical one is off or its cables are out. To "
	  "test before: p2v-server finish --map '*=none'.", clash },
	{ "net-dhcp", PREFLIGHT_NOTE, "Addresses come from DHCP or router advertisements",
	  "The virtual machine keeps the MAC addresses, so it gets the same lease, provided that "
	  "it is connected to the same network. A server that goes by switch port gives another "
	  "one.",
	  "Connect it to the same network: p2v-server finish --map NIC=bridge:NAME.", dhcp },
	{ "net-bond", PREFLIGHT_DEGRADES, "Network interfaces are bonded or teamed",
	  "Every member becomes a virtual interface of its own. Modes that want the switch to "
	  "take part (LACP, balance-rr, balance-xor) do not work on a virtual bridge; "
	  "active-backup works, and gains nothing.",
	  "Bond the host's interfaces, and give the virtual machine one that has the bond's "
	  "address; or map one member and leave the others out: p2v-server finish --map NIC=none.",
	  bond },
	{ "net-bridge", PREFLIGHT_NOTE, "The machine is a bridge",
	  "Guests or containers behind it send with MAC addresses of their own. A hypervisor that "
	  "lets a virtual machine use its own address only (port security, anti-spoofing) drops "
	  "that.",
	  "Allow other MAC addresses for it in the hypervisor, or connect what is behind it "
	  "otherwise.", bridge },
	{ "net-vlan", PREFLIGHT_DEGRADES, "VLANs are tagged by the machine itself",
	  "The virtual machine sends tagged frames, too. They arrive only when what it is "
	  "connected to is a trunk with these VLANs.",
	  "Map the interface to a bridge over the host's untagged trunk port, not to one that is "
	  "in a VLAN already: p2v-server finish --map NIC=bridge:NAME.", vlan },
	{ "net-sriov", PREFLIGHT_DEGRADES, "SR-IOV is in use",
	  "The virtual interfaces of the virtual machine have no virtual functions. What was "
	  "given one of them (guests, containers, DPDK) finds none.",
	  "Hand a virtual function of the host through (<interface type=\"hostdev\">), or "
	  "configure the software for an ordinary interface.", sriov },
	{ "net-infiniband", PREFLIGHT_DEGRADES, "An InfiniBand interface",
	  "There is no virtual InfiniBand card. RDMA and addresses on this network are not there "
	  "in the virtual machine.",
	  "Hand a function of the host's card through (<hostdev>), or change to Ethernet.",
	  infiniband },
	{ "net-wireless", PREFLIGHT_DEGRADES, "A wireless or mobile network interface",
	  "A virtual machine has none. Addresses on it have to move to an Ethernet interface.",
	  "Configure the address for a wired interface before the conversion.", wireless },
	{ "net-mtu", PREFLIGHT_NOTE, "Jumbo frames",
	  "They are lost, in part, on a bridge with a smaller MTU: connections open, and stall "
	  "when much is sent.",
	  "Give bridge and physical interface of the host the same MTU.", large_mtu },
	{ "root-on-network", PREFLIGHT_BLOCKS, "The root filesystem is on the network",
	  "The system is not on a disk of this machine, so there is nothing to copy that would "
	  "start.",
	  "Describe a virtual machine that starts from the network like this one. Local disks can "
	  "be copied with --force root-on-network.", root_on_network },
	{ "net-mounts", PREFLIGHT_NOTE, "Filesystems are mounted over the network",
	  "They are not copied. The virtual machine mounts them from the same servers, and must "
	  "be allowed to: exports are often bound to addresses.",
	  "See that the virtual machine reaches these servers from where it will be.",
	  mounts_on_network },
	{ "disk-on-network", PREFLIGHT_DEGRADES, "A disk comes over a storage network",
	  "A disk by iSCSI, Fibre Channel or NVMe over fabrics looks like a local one and is "
	  "copied like it. If the virtual machine then logs in to the same target, it has "
	  "original and copy with the same UUIDs. What comes over Fibre Channel it does not reach "
	  "by itself at all.",
	  "Decide: copy it, and switch the initiator off in the virtual machine (iscsid, "
	  "/etc/iscsi/nodes); or name the other disks with --disk, and connect the virtual "
	  "machine to the storage.", disk_on_network },
};

const struct preflight_theme preflight_network = { "Network", rules, ARRAY_SIZE(rules) };
