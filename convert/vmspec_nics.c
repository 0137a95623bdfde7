/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One vNIC for each physical NIC: with the address it was built with, where the map says. What the
 * source made of its NICs (bonds, bridges, VLANs) is in the guest's own files and comes along.
 */
#include "convert/vmspec_builder.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/text.h"

/* An Ethernet address that a NIC can have: six bytes, unicast, not zero. */
static bool mac_usable(const char *s)
{
	static const char digits[] = "0123456789abcdef";
	bool zero = true;

	if (!s || strlen(s) != 17)
		return false;
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2) {
			if (s[i] != ':')
				return false;
			continue;
		}
		if (!strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i]))
			return false;
		zero = zero && s[i] == '0';
	}
	/* The lowest bit of the first byte is group addresses'. */
	return !zero && strchr("02468aceACE", s[1]);
}

static bool map_names(const struct vmspec_map *map, const struct machine_nic *n)
{
	return strcmp(map->nic, n->name) == 0 || (n->mac && strcasecmp(map->nic, n->mac) == 0) ||
	       (n->permanent_mac && strcasecmp(map->nic, n->permanent_mac) == 0);
}

static const struct vmspec_map *map_find(const struct vmspec_builder *b,
					 const struct machine_nic *n)
{
	const struct vmspec_map *any = NULL;

	for (size_t i = 0; i < b->opt->nmaps; i++) {
		if (map_names(&b->opt->maps[i], n))
			return &b->opt->maps[i];
		if (strcmp(b->opt->maps[i].nic, "*") == 0)
			any = &b->opt->maps[i];
	}
	return any;
}

/* The guest's best, or what is wished for. */
static int wanted_model(struct vmspec_builder *b, const char *nic, enum vm_net_model *ret,
			struct err *err)
{
	static const char *const names[] = {
		[VM_NET_VIRTIO] = "virtio", [VM_NET_E1000E] = "e1000e", [VM_NET_E1000] = "e1000",
		[VM_NET_RTL8139] = "rtl8139",
	};
	const char *wish = NULL;
	size_t i = 0;
	char safe[32];

	*ret = b->caps->net;
	for (size_t k = 0; k < b->opt->nmodels; k++)
		if (strcmp(b->opt->models[k].nic, nic) == 0)
			wish = b->opt->models[k].model;
	if (!wish)
		return 0;
	while (i < ARRAY_SIZE(names) && strcmp(names[i], wish) != 0)
		i++;
	text_escape_str(wish, safe, sizeof(safe));
	if (i == ARRAY_SIZE(names))
		return err_set(err, EINVAL, "there is no model %s of network interfaces", safe);
	*ret = (enum vm_net_model)i;
	if (*ret != b->caps->net)
		vmspec_builder_warn(b,
				    "%s becomes %s as it was wished; the best that the guest is "
				    "known to drive is %s",
				    nic, safe, names[b->caps->net]);
	return 0;
}

static const char *wanted_mac(const struct vmspec_builder *b, const char *nic)
{
	const char *mac = NULL;

	for (size_t i = 0; i < b->opt->nmacs; i++)
		if (strcmp(b->opt->macs[i].nic, nic) == 0)
			mac = b->opt->macs[i].mac;
	return mac;
}

static int build_nic(struct vmspec_builder *b, const struct machine_nic *n,
		     const struct vmspec_map *map, struct err *err)
{
	const char *asked = wanted_mac(b, n->name);
	const char *mac = asked ? asked : mac_usable(n->permanent_mac) ? n->permanent_mac : n->mac;
	bool chosen = map && strcmp(map->nic, "*") != 0;
	enum vm_net_model model;
	struct vmspec_nic *v;
	char name[64];
	int r;

	text_escape_str(n->name, name, sizeof(name));
	r = wanted_model(b, n->name, &model, err);
	if (r < 0)
		return r;
	if (!mac_usable(mac)) {
		vmspec_builder_warn(b,
				    "%s has no usable Ethernet address: its replacement gets a new "
				    "one",
				    name);
		mac = NULL;
	}
	/* Members of a bond share the current address; only the permanent one tells them apart. */
	for (size_t i = 0; mac && i < b->s->nnics; i++) {
		if (b->s->nics[i].mac && strcasecmp(b->s->nics[i].mac, mac) == 0) {
			vmspec_builder_warn(b,
					    "%s has the same address as %s: its replacement gets a "
					    "new one",
					    name, b->s->nics[i].name);
			mac = NULL;
		}
	}
	v = machine_grow(&b->s->nics, &b->s->nnics, sizeof(*v));
	if (!v) {
		b->nomem = true;
		return 0;
	}
	v->name = vmspec_builder_dup(b, name);
	v->mac = vmspec_builder_dup(b, mac);
	v->model = model;
	/* e1000e is a PCI Express device. */
	if (v->model == VM_NET_E1000E && !b->s->q35)
		v->model = VM_NET_E1000;
	v->kind = map ? map->kind : VM_NET_NETWORK;
	v->target = vmspec_builder_dup(b, map ? map->target : "default");
	v->mtu = n->mtu >= 68 && n->mtu <= UINT16_MAX && n->mtu != 1500 ? n->mtu : 0;
	/* An interface that is down tells nothing of its cable. */
	v->link_up = chosen || n->carrier || !n->up;
	if (!v->link_up)
		vmspec_builder_warn(b,
				    "%s had no link and its replacement gets none; name it in a "
				    "map to connect it",
				    name);
	if (!map && b->opt->nmaps > 0)
		vmspec_builder_warn(b,
				    "%s is named by no map: it is connected to the network "
				    "\"default\"",
				    name);
	return 0;
}

/* A virtual function that is not for the machine itself, but for guests that it had. */
static bool is_spare_vf(const struct machine_nic *n)
{
	return n->physfn && !n->naddresses && !n->master;
}

/* "eth17": 17; -1 for any other name. */
static int kernel_number(const char *name)
{
	size_t n;

	if (!name || strncmp(name, "eth", 3) != 0)
		return -1;
	n = strspn(name + 3, "0123456789");
	return n && n <= 4 && !name[3 + n] ? atoi(name + 3) : -1;
}

/* Devices called ethN go to place N, the others keep their order around them. */
static int order(struct vmspec_builder *b)
{
	size_t n = b->s->nnics, next = 0;
	CLEANUP(mem_free) struct vmspec_nic *old = calloc(n + 1, sizeof(*old));
	CLEANUP(mem_free) bool *taken = calloc(n + 1, sizeof(*taken));

	if (!old || !taken)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		old[i] = b->s->nics[i];
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n; i++) {
			int k = kernel_number(old[i].name);
			bool fits = k >= 0 && (size_t)k < n;
			size_t to = (size_t)k;

			if (fits != (pass == 0))
				continue;
			/* A name that is there twice is not worth a device. */
			if (!fits || taken[to]) {
				while (taken[next])
					next++;
				to = next;
			}
			taken[to] = true;
			b->s->nics[to] = old[i];
		}
	return 0;
}

int vmspec_nics_fill(struct vmspec_builder *b, struct err *err)
{
	const struct machine *m = b->m;
	char name[64];

	for (size_t i = 0; i < m->nnics && !b->nomem; i++) {
		const struct machine_nic *n = &m->nics[i];
		const struct vmspec_map *map;
		int r;

		if (!n->name || strcmp(n->name, "lo") == 0)
			continue;
		text_escape_str(n->name, name, sizeof(name));
		if (n->kind && strcmp(n->kind, "wireless") == 0) {
			vmspec_builder_warn(b, "the wireless interface %s does not become a device",
					    name);
			continue;
		}
		if (n->kind && strcmp(n->kind, "physical") != 0)
			continue;
		map = map_find(b, n);
		if (map && map->kind == VM_NET_NONE)
			continue;
		if (is_spare_vf(n) && (!map || strcmp(map->nic, "*") == 0))
			continue;
		r = build_nic(b, n, map, err);
		if (r < 0)
			return r;
	}
	if (!b->nomem && order(b) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < b->opt->nmaps; i++) {
		const char *wanted = b->opt->maps[i].nic;
		bool found = strcmp(wanted, "*") == 0;

		for (size_t k = 0; k < m->nnics && !found; k++)
			found = m->nics[k].name && map_names(&b->opt->maps[i], &m->nics[k]);
		if (!found)
			vmspec_builder_warn(b, "the machine has no network interface %s",
					    text_escape_str(wanted, name, sizeof(name)));
	}
	if (m->nnics == 0)
		vmspec_builder_warn(b, "the machine's network interfaces are not known: the domain "
				       "has none");
	return 0;
}
