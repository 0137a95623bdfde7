/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_link.h"

#include <ctype.h>
#include <string.h>
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/machine_fields.h"
#include "inventory/net/net_facts.h"
#include "inventory/net/net_names.h"

#define FLAG_UP			1	/* IFF_UP */
#define ASSIGN_PERMANENT	0	/* NET_ADDR_PERM: nobody has changed the MAC */
/* ARPHRD_* of linux/if_arp.h, the file "type" */
#define TYPE_ETHER		1
#define TYPE_INFINIBAND		32

/* The line of /proc/net/vlan/config: "eth0.100       | 100  | eth0" */
static const char *vlan_line(const char *vlans, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = vlans; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, n) == 0 && (p[n] == ' ' || p[n] == '|'))
			return p;
	return NULL;
}

/* A whole line of uevent. */
static bool has_devtype(const char *uevent, const char *type)
{
	CLEANUP(mem_free) char *value = NULL;

	return collect_util_key(uevent, "DEVTYPE", &value) == 0 && value &&
	       strcmp(value, type) == 0;
}

static const char *kind_of(const struct sysroot *root, const char *name, const char *uevent,
			   const char *vlans)
{
	uint32_t type = TYPE_ETHER;

	if (sysroot_exists(root, "/sys/class/net/%s/wireless", name) ||
	    sysroot_exists(root, "/sys/class/net/%s/phy80211", name) || has_devtype(uevent, "wlan"))
		return "wireless";
	if (sysroot_exists(root, "/sys/class/net/%s/bonding", name))
		return "bond";
	if (sysroot_exists(root, "/sys/class/net/%s/bridge", name))
		return "bridge";
	if (has_devtype(uevent, "vlan") || vlan_line(vlans, name))
		return "vlan";
	if (has_devtype(uevent, "wwan"))
		return "wwan";
	collect_util_u32(root, &type, "/sys/class/net/%s/type", name);
	if (type == TYPE_INFINIBAND)
		return "infiniband";
	if (!sysroot_exists(root, "/sys/class/net/%s/device", name))
		return "virtual";
	return type == TYPE_ETHER ? "physical" : "other";
}

static void find_vlan_id(const char *vlans, struct machine_nic *n)
{
	const char *line = vlan_line(vlans, n->name), *bar = line ? strchr(line, '|') : NULL;
	unsigned int id;

	if (bar && sscanf(bar + 1, " %4u", &id) == 1 && id < 4096)
		n->vlan_id = id;
}

static int add_lower(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, "/sys/class/net/%s", n->name);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* Bonds, bridges and VLANs alike have links lower_NAME; since Linux 3.9, as has brif. */
	for (char **p = names; *p && n->lower.n < COLLECT_LIST_MAX; p++)
		if (strncmp(*p, "lower_", 6) == 0 && (*p)[6] &&
		    machine_strv_add(&n->lower, *p + 6) < 0)
			return -ENOMEM;
	return 0;
}

/* Before Linux 3.9: /sys/class/net/br0/brif/eth0; and bonds have a list, since ever. */
static int add_members(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(mem_free) char *slaves = NULL;
	CLEANUP(strv_free) char **ports = NULL;
	char *save = NULL;
	int r = sysroot_list(root, &ports, "/sys/class/net/%s/brif", n->name);

	for (char **p = ports; p && *p && r != -ENOMEM; p++)
		if (!machine_strv_has(&n->lower, *p))
			r = machine_strv_add(&n->lower, *p);
	if (r != -ENOMEM)
		r = collect_util_line(root, &slaves, "/sys/class/net/%s/bonding/slaves", n->name);
	for (char *p = slaves ? strtok_r(slaves, " ", &save) : NULL; p && r != -ENOMEM;
	     p = strtok_r(NULL, " ", &save))
		if (!machine_strv_has(&n->lower, p))
			r = machine_strv_add(&n->lower, p);
	return r == -ENOMEM ? r : 0;
}

/* What bonds and bridges tell of themselves. */
static int read_master(const struct sysroot *root, struct machine_nic *n)
{
	uint32_t stp = 0;
	int r = 0;

	if (strcmp(n->kind, "bond") == 0) {
		r = collect_util_line(root, &n->bond_mode, "/sys/class/net/%s/bonding/mode",
				      n->name);
		/* "active-backup 1" */
		if (n->bond_mode)
			n->bond_mode[strcspn(n->bond_mode, " ")] = '\0';
		if (r == 0)
			r = collect_util_line(root, &n->bond_active,
					      "/sys/class/net/%s/bonding/active_slave", n->name);
	} else if (strcmp(n->kind, "bridge") == 0) {
		collect_util_u32(root, &stp, "/sys/class/net/%s/bridge/stp_state", n->name);
		n->bridge_stp = stp != 0;
	}
	return r == 0 ? add_members(root, n) : r;
}

static int read_speed(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(mem_free) char *speed = NULL, *duplex = NULL;
	int r = collect_util_line(root, &speed, "/sys/class/net/%s/speed", n->name);

	if (r == 0)
		r = collect_util_line(root, &duplex, "/sys/class/net/%s/duplex", n->name);
	/* Unknown is -1 or, with some drivers, 2^32 - 1. */
	if (speed && isdigit((unsigned char)speed[0])) {
		long long v = strtoll(speed, NULL, 10);

		n->speed = v > 0 && v < UINT32_MAX ? v : -1;
	}
	/* The third word is "unknown". */
	if (duplex && (strcmp(duplex, "full") == 0 || strcmp(duplex, "half") == 0))
		n->duplex = TAKE_PTR(duplex);
	return r;
}

static int read_attributes(const struct sysroot *root, struct machine_nic *n, const char *vlans)
{
	CLEANUP(mem_free) char *uevent = NULL, *mac = NULL;
	uint64_t bits = 0;
	int r = sysroot_read(root, &uevent, NULL, "/sys/class/net/%s/uevent", n->name);

	if (r == -ENOMEM)
		return r;
	n->kind = strdup(kind_of(root, n->name, uevent, vlans));
	if (!n->kind)
		return -ENOMEM;
	r = collect_util_line(root, &mac, "/sys/class/net/%s/address", n->name);
	if (r == 0)
		r = net_facts_mac_text(mac, &n->mac);
	if (r == 0)
		r = collect_util_link_name(root, &n->driver, "/sys/class/net/%s/device/driver",
					   n->name);
	if (r == 0)
		r = collect_util_link_name(root, &n->physfn, "/sys/class/net/%s/device/physfn",
					   n->name);
	if (r == 0)
		r = collect_util_link_name(root, &n->master, "/sys/class/net/%s/master", n->name);
	if (r == 0)
		r = add_lower(root, n);
	if (r == 0)
		r = read_master(root, n);
	if (r == 0)
		r = read_speed(root, n);
	collect_util_u32(root, &n->mtu, "/sys/class/net/%s/mtu", n->name);
	collect_util_u64(root, &bits, "/sys/class/net/%s/flags", n->name);
	n->up = (bits & FLAG_UP) != 0;
	n->carrier = collect_util_flag(root, "/sys/class/net/%s/carrier", n->name);
	collect_util_u32(root, &n->sriov_total, "/sys/class/net/%s/device/sriov_totalvfs", n->name);
	collect_util_u32(root, &n->sriov_vfs, "/sys/class/net/%s/device/sriov_numvfs", n->name);
	find_vlan_id(vlans, n);
	return r;
}

int net_link_add(const struct sysroot *root, struct machine *m, const char *name, const char *vlans)
{
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->speed = -1;
	n->name = strdup(name);
	r = n->name ? read_attributes(root, n, vlans) : -ENOMEM;
	if (r == 0 && !sysroot_exists(root, "/sys/class/net/%s/address", name)) {
		machine_fields_free(n, machine_fields_nic);
		m->nnics--;
		return collect_warn(m, "%s vanished while it was looked at", name);
	}
	return r;
}

int net_link_finish(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(mem_free) char *device = NULL;
	uint32_t assigned = UINT32_MAX;
	struct net_names_pci at;
	int r = sysroot_realpath(root, &device, "/sys/class/net/%s/device", n->name);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	collect_util_u32(root, &assigned, "/sys/class/net/%s/addr_assign_type", n->name);
	if (!n->permanent_mac && n->mac && assigned == ASSIGN_PERMANENT) {
		n->permanent_mac = strdup(n->mac);
		if (!n->permanent_mac)
			return -ENOMEM;
	}
	if (net_names_pci(device, &at)) {
		if (asprintf(&n->bus, "%04x:%02x:%02x.%x", at.domain, at.bus, at.slot,
			     at.function) < 0) {
			n->bus = NULL;
			return -ENOMEM;
		}
	} else {
		const char *base = collect_util_base(device);

		if (collect_util_text(base, strlen(base), &n->bus) < 0)
			return -ENOMEM;
	}
	return net_names_predictable(root, device, n);
}
