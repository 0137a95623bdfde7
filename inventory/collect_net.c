/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Network cards and what is built of them. What stays true on the target is the permanent MAC
 * and the names udev would give the card: those are what the guest's configuration refers to.
 */
#include "inventory/collect.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "inventory/collect_util.h"
#include "inventory/net_facts.h"
#include "inventory/net_live.h"
#include "inventory/net_recorded.h"

#define FLAG_UP			1	/* IFF_UP */
#define ASSIGN_PERMANENT	0	/* NET_ADDR_PERM: nobody has changed the MAC */

struct pci {
	unsigned int domain, bus, slot, function;
};

/* The last "0000:03:00.0" in a sysfs path. */
static bool find_pci(const char *path, struct pci *ret)
{
	bool found = false;

	for (const char *p = path; p; p = strchr(p, '/')) {
		struct pci a;
		int n = 0;

		p++;
		if (sscanf(p, "%8x:%2x:%2x.%1x%n", &a.domain, &a.bus, &a.slot, &a.function,
			   &n) == 4 &&
		    n >= 12 && (p[n] == '/' || !p[n])) {
			*ret = a;
			found = true;
		}
	}
	return found;
}

static const char *kind_of(const struct sysroot *root, const char *name, const char *uevent,
			   const char *vlans)
{
	CLEANUP(mem_free) char *line = NULL;

	if (sysroot_exists(root, "/sys/class/net/%s/wireless", name) ||
	    sysroot_exists(root, "/sys/class/net/%s/phy80211", name))
		return "wireless";
	if (sysroot_exists(root, "/sys/class/net/%s/bonding", name))
		return "bond";
	if (sysroot_exists(root, "/sys/class/net/%s/bridge", name))
		return "bridge";
	if (uevent && strstr(uevent, "DEVTYPE=vlan"))
		return "vlan";
	/* "eth0.100       | 100  | eth0" */
	for (const char *p = vlans; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, strlen(name)) == 0 && (p[strlen(name)] == ' ' ||
							    p[strlen(name)] == '|'))
			return "vlan";
	return sysroot_exists(root, "/sys/class/net/%s/device", name) ? "physical" : "virtual";
}

static void find_vlan_id(const char *vlans, struct machine_nic *n)
{
	for (const char *p = vlans; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
		char name[32];
		unsigned int id;

		if (sscanf(p, "%31s | %u |", name, &id) == 2 && strcmp(name, n->name) == 0 &&
		    id < 4096)
			n->vlan_id = id;
	}
}

static int add_lower(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, "/sys/class/net/%s", n->name);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* Bonds, bridges and VLANs alike have links lower_NAME; since Linux 3.9, as has brif. */
	for (char **p = names; *p; p++)
		if (strncmp(*p, "lower_", 6) == 0 && (*p)[6] &&
		    machine_strv_add(&n->lower, *p + 6) < 0)
			return -ENOMEM;
	return 0;
}

static int add_name(struct machine_nic *n, const char *name)
{
	if (!name || machine_strv_has(&n->predictable, name))
		return 0;
	return machine_strv_add(&n->predictable, name);
}

/* A slot the firmware knows: /sys/bus/pci/slots/3/address is "0000:03:00". */
static int find_slot(const struct sysroot *root, const struct pci *at, char **ret)
{
	CLEANUP(strv_free) char **slots = NULL;
	int r = sysroot_list(root, &slots, "/sys/bus/pci/slots");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = slots; *p && !*ret; p++) {
		CLEANUP(mem_free) char *address = NULL;
		unsigned int domain, bus, slot;

		/* systemd takes numbers only. */
		if ((*p)[strspn(*p, "0123456789")] || strcmp(*p, "0") == 0)
			continue;
		r = collect_util_line(root, &address, "/sys/bus/pci/slots/%s/address", *p);
		if (r < 0)
			return r;
		if (address && sscanf(address, "%x:%x:%x", &domain, &bus, &slot) == 3 &&
		    domain == at->domain && bus == at->bus && slot == at->slot) {
			*ret = strdup(*p);
			return *ret ? 0 : -ENOMEM;
		}
	}
	return 0;
}

/* More than one function, so that names need the function's number: bit 7 of the header type. */
static bool is_multifunction(const struct sysroot *root, const struct pci *at)
{
	CLEANUP(mem_free) char *config = NULL;
	size_t len;

	return sysroot_read(root, &config, &len, "/sys/bus/pci/devices/%04x:%02x:%02x.%x/config",
			    at->domain, at->bus, at->slot, at->function) >= 0 &&
	       len > 14 && ((unsigned char)config[14] & 0x80);
}

/* systemd.net-naming-scheme(7): what udev would have said. */
static int compute_names(const struct sysroot *root, const char *device, struct machine_nic *n)
{
	const char *type = n->kind && strcmp(n->kind, "wireless") == 0 ? "wl" : "en";
	CLEANUP(mem_free) char *index = NULL, *slot = NULL, *name = NULL;
	char function[8] = "", port[16] = "", domain[8] = "";
	uint32_t dev_port = 0;
	struct pci at;
	int r;

	if (!find_pci(device, &at) || strstr(device, "/usb"))
		return 0;
	r = collect_util_line(root, &index, "/sys/class/net/%s/device/acpi_index", n->name);
	if (r == 0 && !index)
		r = collect_util_line(root, &index, "/sys/class/net/%s/device/index", n->name);
	if (r == 0)
		r = find_slot(root, &at, &slot);
	if (r < 0)
		return r;
	collect_util_u32(root, &dev_port, "/sys/class/net/%s/dev_port", n->name);
	if (at.function > 0 || is_multifunction(root, &at))
		snprintf(function, sizeof(function), "f%u", at.function & 7);
	if (dev_port > 0)
		snprintf(port, sizeof(port), "d%" PRIu32, dev_port);
	if (at.domain > 0)
		snprintf(domain, sizeof(domain), "P%u", at.domain & 0xffff);
	if (index && isdigit((unsigned char)index[0]) && strcmp(index, "0") != 0) {
		if (asprintf(&name, "%so%s%s", type, index, port) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		if (add_name(n, name) < 0)
			return -ENOMEM;
		free(TAKE_PTR(name));
	}
	if (slot) {
		if (asprintf(&name, "%s%ss%s%s%s", type, domain, slot, function, port) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		if (add_name(n, name) < 0)
			return -ENOMEM;
		free(TAKE_PTR(name));
	}
	if (asprintf(&name, "%s%sp%us%u%s%s", type, domain, at.bus, at.slot, function, port) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	return add_name(n, name);
}

static int add_predictable(const struct sysroot *root, const char *device, struct machine_nic *n)
{
	static const char *const keys[] = {
		"ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT", "ID_NET_NAME_PATH", "ID_NET_NAME_MAC",
	};
	CLEANUP(mem_free) char *udev = NULL, *index = NULL;
	const char *type = n->kind && strcmp(n->kind, "wireless") == 0 ? "wl" : "en";
	char by_mac[32];
	size_t at;
	int r;

	r = collect_util_line(root, &index, "/sys/class/net/%s/ifindex", n->name);
	if (r == 0 && index)
		r = sysroot_read(root, &udev, NULL, "/run/udev/data/n%s", index);
	if (r == -ENOMEM)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		CLEANUP(mem_free) char *name = NULL;

		if (collect_util_key(udev, keys[i], &name) < 0 || add_name(n, name) < 0)
			return -ENOMEM;
	}
	if (n->predictable.n > 0)
		return 0;
	r = compute_names(root, device, n);
	if (r < 0 || !n->permanent_mac || strlen(n->permanent_mac) != 17)
		return r;
	at = (size_t)snprintf(by_mac, sizeof(by_mac), "%sx", type);
	for (const char *p = n->permanent_mac; *p; p++)
		if (*p != ':')
			by_mac[at++] = *p;
	by_mac[at] = '\0';
	return add_name(n, by_mac);
}

static int parse_mac(char **ret, char *text)
{
	uint8_t mac[32];
	size_t n = 0;

	for (char *p = text; p && n < sizeof(mac) && sscanf(p, "%2hhx", &mac[n]) == 1;) {
		n++;
		p = strchr(p, ':');
		if (p)
			p++;
	}
	return net_facts_mac(mac, n, ret);
}

static int add_nic(const struct sysroot *root, struct machine *m, const char *name,
		   const char *vlans)
{
	CLEANUP(mem_free) char *uevent = NULL, *mac = NULL, *flags = NULL, *speed = NULL;
	struct machine_nic *n = machine_grow(&m->nics, &m->nnics, sizeof(*n));
	uint64_t bits = 0;
	int r;

	if (!n)
		return -ENOMEM;
	n->speed = -1;
	n->name = strdup(name);
	if (!n->name)
		return -ENOMEM;
	r = sysroot_read(root, &uevent, NULL, "/sys/class/net/%s/uevent", name);
	if (r == -ENOMEM)
		return r;
	n->kind = strdup(kind_of(root, name, uevent, vlans));
	if (!n->kind)
		return -ENOMEM;
	r = collect_util_line(root, &mac, "/sys/class/net/%s/address", name);
	if (r == 0 && mac)
		r = parse_mac(&n->mac, mac);
	if (r == 0)
		r = collect_util_line(root, &speed, "/sys/class/net/%s/speed", name);
	if (r == 0)
		r = collect_util_link_name(root, &n->driver, "/sys/class/net/%s/device/driver",
					   name);
	if (r == 0)
		r = collect_util_link_name(root, &n->master, "/sys/class/net/%s/master", name);
	if (r == 0)
		r = add_lower(root, n);
	if (r < 0)
		return r;
	collect_util_u32(root, &n->mtu, "/sys/class/net/%s/mtu", name);
	collect_util_u64(root, &bits, "/sys/class/net/%s/flags", name);
	n->up = (bits & FLAG_UP) != 0;
	n->carrier = collect_util_flag(root, "/sys/class/net/%s/carrier", name);
	/* Unknown is -1 or, with some drivers, 2^32 - 1. */
	if (speed && isdigit((unsigned char)speed[0])) {
		long long v = strtoll(speed, NULL, 10);

		n->speed = v > 0 && v < UINT32_MAX ? v : -1;
	}
	find_vlan_id(vlans, n);
	return 0;
}

/* Once the permanent MACs are known. */
static int finish_nic(const struct sysroot *root, struct machine_nic *n)
{
	CLEANUP(mem_free) char *device = NULL;
	uint32_t assigned = UINT32_MAX;
	struct pci at;
	int r = sysroot_realpath(root, &device, "/sys/class/net/%s/device", n->name);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	collect_util_u32(root, &assigned, "/sys/class/net/%s/addr_assign_type", n->name);
	if (!n->permanent_mac && n->mac && assigned == ASSIGN_PERMANENT) {
		n->permanent_mac = strdup(n->mac);
		if (!n->permanent_mac)
			return -ENOMEM;
	}
	if (find_pci(device, &at)) {
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
	return add_predictable(root, device, n);
}

static int collect_dns(const struct sysroot *root, struct machine *m)
{
	/* systemd-resolved points resolv.conf at itself and keeps the servers' list here. */
	static const char *const files[] = {
		"/run/systemd/resolve/resolv.conf", "/etc/resolv.conf",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files) && m->dns.n == 0; i++) {
		CLEANUP(mem_free) char *text = NULL;
		char *save = NULL;
		int r = sysroot_read(root, &text, NULL, "%s", files[i]);

		if (r == -ENOMEM)
			return r;
		for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
		     line = strtok_r(NULL, "\n", &save)) {
			CLEANUP(mem_free) char *server = NULL;

			if (strncmp(line, "nameserver", 10) != 0 ||
			    !isspace((unsigned char)line[10]))
				continue;
			r = collect_util_text(line + 10, strcspn(line + 10, "#;"), &server);
			if (r == 0 && server && !machine_strv_has(&m->dns, server))
				r = machine_strv_add(&m->dns, server);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int collect_net(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *vlans = NULL;
	int r;

	r = sysroot_read(root, &vlans, NULL, "/proc/net/vlan/config");
	if (r != -ENOMEM)
		r = sysroot_list(root, &names, "/sys/class/net");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 && collect_warn(m, "cannot read /sys/class/net: the network is not known") < 0)
		return err_nomem(err);
	for (char **p = names; p && *p; p++) {
		/* bonding_masters is a file among the folders. */
		if (strcmp(*p, "lo") == 0 || !sysroot_exists(root, "/sys/class/net/%s/address", *p))
			continue;
		r = m->nnics == COLLECT_LIST_MAX ? collect_full(m, "network links") :
						   add_nic(root, m, *p, vlans);
		if (r < 0)
			return err_nomem(err);
	}
	r = sysroot_is_live(root) ? net_live_fill(m) : net_recorded_fill(root, m);
	if (r < 0 && r != -ENOMEM)
		r = collect_warn(m, "the kernel does not tell the network addresses: %s",
				 strerror(-r));
	for (size_t i = 0; i < m->nnics && r == 0; i++)
		r = finish_nic(root, &m->nics[i]);
	if (r == 0)
		r = collect_dns(root, m);
	return r < 0 ? err_nomem(err) : 0;
}
