/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_names.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "inventory/collect_util.h"

bool net_names_pci(const char *path, struct net_names_pci *ret)
{
	bool found = false;

	for (const char *p = path; p; p = strchr(p, '/')) {
		struct net_names_pci a;
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

static int add_name(struct machine_nic *n, const char *name)
{
	if (!name || machine_strv_has(&n->predictable, name))
		return 0;
	return machine_strv_add(&n->predictable, name);
}

/* A slot the firmware knows: /sys/bus/pci/slots/3/address is "0000:03:00". */
static int find_slot(const struct sysroot *root, const struct net_names_pci *at, char **ret)
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
static bool is_multifunction(const struct sysroot *root, const struct net_names_pci *at)
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
	struct net_names_pci at;
	int r;

	if (!net_names_pci(device, &at) || strstr(device, "/usb"))
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

int net_names_predictable(const struct sysroot *root, const char *device, struct machine_nic *n)
{
	static const char *const keys[] = {
		"ID_NET_NAME_FROM_DATABASE", "ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT",
		"ID_NET_NAME_PATH", "ID_NET_NAME_MAC",
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
