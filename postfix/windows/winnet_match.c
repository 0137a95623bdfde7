/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which NIC of the inventory was which adapter of Windows. In this order, each by a fact that
 * belongs to one device only:
 *
 *	1. the same place on the bus, and the same kind of device as far as both know it
 *	2. a MAC address: in the device's serial number (Intel and others), or set by hand, as teams
 *	   have that of a member
 *	3. an address that the NIC had while the machine was recorded
 *	4. the only device of its kind, on both sides
 */
#include "postfix/windows/winnet.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"

static bool parse_mac(const char *s, uint8_t ret[static 6])
{
	unsigned int b[6];

	if (!s || sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) !=
	    6 || strlen(s) != 17)
		return false;
	for (size_t i = 0; i < 6; i++)
		ret[i] = (uint8_t)b[i];
	return true;
}

/* As vmspec chooses it. */
const char *winnet_match_mac(const struct machine_nic *nic)
{
	const char *mac = nic->permanent_mac ? nic->permanent_mac : nic->mac;
	uint8_t b[6];

	if (!parse_mac(mac, b) || b[0] & 1 || (b[0] | b[1] | b[2] | b[3] | b[4] | b[5]) == 0)
		return NULL;
	return mac;
}

static bool is_card(const struct machine_nic *nic)
{
	return nic->kind && strcmp(nic->kind, "physical") == 0 && winnet_match_mac(nic);
}

static const struct machine_pci *pci_of(const struct machine *m, const struct machine_nic *nic)
{
	for (size_t i = 0; nic->bus && i < m->npci; i++)
		if (m->pci[i].address && strcmp(m->pci[i].address, nic->bus) == 0)
			return &m->pci[i];
	return NULL;
}

/* Both known and different. */
static bool differs(int a, const char *b)
{
	return a >= 0 && b && a != (int)strtol(b, NULL, 16);
}

static bool other_kind(const struct winnet_adapter *a, const struct machine_pci *p)
{
	return p && (differs(a->vendor, p->vendor) || differs(a->model, p->device) ||
		     differs(a->subsystem_vendor, p->subsystem_vendor) ||
		     differs(a->subsystem_model, p->subsystem_device));
}

static bool by_place(const struct winnet_adapter *a, const struct machine *m,
		     const struct machine_nic *nic)
{
	unsigned int domain, bus, slot, function;

	if (a->bus < 0 || !winnet_is_pci(a) || !nic->bus ||
	    sscanf(nic->bus, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return false;
	return (unsigned int)a->bus == (domain << 8 | bus) && (unsigned int)a->slot == slot &&
	       (unsigned int)a->function == function && !other_kind(a, pci_of(m, nic));
}

/*
 * The last component of a device's identifier, when it is a PCI Express serial number: 16 digits
 * with FFFF in the middle of a MAC address, that of function 0, and 2 digits of the function.
 */
static bool serial_mac(const struct winnet_adapter *a, uint8_t ret[static 6])
{
	const char *s = strrchr(a->device, '\\');
	char text[18];

	if (!s || strlen(++s) != 18 || strspn(s, "0123456789abcdefABCDEF") != 18 ||
	    strncasecmp(s + 6, "ffff", 4) != 0 || strcmp(s + 16, "00") != 0)
		return false;
	snprintf(text, sizeof(text), "%.2s:%.2s:%.2s:%.2s:%.2s:%.2s", s, s + 2, s + 4, s + 10,
		 s + 12, s + 14);
	return parse_mac(text, ret);
}

static bool has_mac(const struct machine_nic *nic, const uint8_t mac[static 6])
{
	uint8_t b[6];

	return (parse_mac(nic->permanent_mac, b) && memcmp(b, mac, 6) == 0) ||
	       (parse_mac(nic->mac, b) && memcmp(b, mac, 6) == 0);
}

static bool by_mac(const struct winnet_adapter *a, const struct machine *m,
		   const struct machine_nic *nic)
{
	uint8_t mac[6];

	return (a->has_mac && has_mac(nic, a->mac)) ||
	       (serial_mac(a, mac) && has_mac(nic, mac) && !other_kind(a, pci_of(m, nic)));
}

static bool by_address(const struct winnet_adapter *a, const struct machine *m,
		       const struct machine_nic *nic)
{
	(void)m;
	for (size_t i = 0; i < nic->naddresses; i++) {
		const char *s = nic->addresses[i].address;
		size_t n = s ? strcspn(s, "/") : 0;

		if (n == 0 || strncmp(s, "127.", 4) == 0)
			continue;
		if (strlen(a->lease) == n && strncmp(a->lease, s, n) == 0)
			return true;
		for (size_t k = 0; k < a->addresses.n; k++)
			if (strncmp(a->addresses.v[k], s, n) == 0 && a->addresses.v[k][n] == ' ')
				return true;
	}
	return false;
}

static bool by_kind(const struct winnet_adapter *a, const struct machine *m,
		    const struct machine_nic *nic)
{
	const struct machine_pci *p = pci_of(m, nic);

	return winnet_is_pci(a) && p && p->vendor && p->device && a->vendor >= 0 &&
	       a->model >= 0 && !other_kind(a, p);
}

/* Cards are given once; an adapter without a device of its own (a team) shares its member's. */
static bool is_taken(const struct winnet *w, const struct winnet_adapter *a,
		     const struct machine_nic *nic)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i].nic == nic && winnet_is_pci(&w->v[i]) == winnet_is_pci(a))
			return true;
	return false;
}

typedef bool (*winnet_rule)(const struct winnet_adapter *a, const struct machine *m,
			    const struct machine_nic *nic);

/* Both ways: one NIC for the adapter, and no other adapter that wants it by the same rule. */
static const struct machine_nic *only_one(const struct winnet *w, const struct winnet_adapter *a,
					  const struct machine *m, winnet_rule rule)
{
	const struct machine_nic *found = NULL;

	for (size_t i = 0; i < m->nnics; i++) {
		const struct machine_nic *nic = &m->nics[i];

		if (!is_card(nic) || is_taken(w, a, nic) || !rule(a, m, nic))
			continue;
		if (found)
			return NULL;
		found = nic;
	}
	for (size_t i = 0; found && i < w->n; i++) {
		const struct winnet_adapter *b = &w->v[i];

		if (b != a && !b->nic && winnet_is_pci(b) == winnet_is_pci(a) && rule(b, m, found))
			return NULL;
	}
	return found;
}

int winnet_match(struct winnet *w, const struct machine *m)
{
	static const struct {
		winnet_rule rule;
		const char *how;
	} rules[] = {
		{ by_place, "it was at the same place on the bus" },
		{ by_mac, "it had this MAC address" },
		{ by_address, "it had the same address" },
		{ by_kind, "it is the only one of its kind" },
	};

	for (size_t r = 0; r < ARRAY_SIZE(rules); r++) {
		/* Found first, given afterwards: so the order of the list does not count. */
		CLEANUP(mem_free) const struct machine_nic **found = NULL;

		if (w->n == 0)
			return 0;
		found = calloc(w->n, sizeof(*found));
		if (!found)
			return -ENOMEM;
		for (size_t i = 0; i < w->n; i++)
			if (!w->v[i].nic)
				found[i] = only_one(w, &w->v[i], m, rules[r].rule);
		for (size_t i = 0; i < w->n; i++)
			if (found[i]) {
				w->v[i].nic = found[i];
				w->v[i].how = rules[r].how;
			}
	}
	return 0;
}
