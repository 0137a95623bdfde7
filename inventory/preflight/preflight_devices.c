/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on the computer: processors, memory, and devices that a virtual machine lacks. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>
#include "common/size.h"

static int hypervisor(PREFLIGHT_LOOK)
{
	const char *h = in->machine->cpu.hypervisor;

	return h ? preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
				 "the processor tells of a hypervisor (%s)", h) : 0;
}

/* The local APIC's identifiers have 8 bits, the last of which means all of them. */
#define CPUS_PLAIN	255

static int many_cpus(PREFLIGHT_LOOK)
{
	uint32_t n = in->machine->cpu.online;

	if (in->machine->plan && in->machine->plan->vcpus)
		n = in->machine->plan->vcpus;
	if (n <= CPUS_PLAIN)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "%" PRIu32 " processors", n);
}

static int cpu_level(PREFLIGHT_LOOK)
{
	uint32_t level = in->machine->cpu.x86_64_level;

	if (level < 3)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "the processor is an x86-64-v%" PRIu32 " one", level);
}

static int big_memory(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;
	uint64_t size = m->plan && m->plan->memory ? m->plan->memory : m->memory.installed;
	char text[SIZE_TEXT_MAX];

	if (size <= TIB)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine", "%s of memory",
			     size_format(size, text));
}

static int numa(PREFLIGHT_LOOK)
{
	size_t n = in->machine->cpu.nnodes;

	return n < 2 ? 0 : preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
					 "memory and processors are in %zu NUMA nodes", n);
}

static int hugepages(PREFLIGHT_LOOK)
{
	const struct machine_memory *mem = &in->machine->memory;

	for (size_t i = 0; i < mem->nhugepages; i++) {
		char size[SIZE_TEXT_MAX];

		if (mem->hugepages[i].total &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
				  "%" PRIu64 " huge pages of %s are reserved",
				  mem->hugepages[i].total,
				  size_format(mem->hugepages[i].size, size)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_licence(const char *group)
{
	return preflight_is(group, "licence") || preflight_is(group, "dongle");
}

static bool same_group(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/*
 * One finding for each group of devices, however many there are. Groups are few: they come from a
 * table. Of a machine that says otherwise only the first ones are told.
 */
#define GROUPS_MAX 32

static int pci(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;
	const char *groups[GROUPS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < m->npci && n < GROUPS_MAX; i++) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
		const struct machine_pci *p = &m->pci[i];
		bool seen = false;

		for (size_t k = 0; k < n; k++)
			seen = seen || same_group(groups[k], p->group);
		if (!p->lacks || seen)
			continue;
		groups[n++] = p->group;
		for (size_t k = i; k < m->npci; k++)
			if (m->pci[k].lacks && same_group(m->pci[k].group, p->group))
				preflight_names_add(&names, m->pci[k].address);
		if (preflight_add(report, rule, PREFLIGHT_DEGRADES, p->group ? p->group : "pci",
				  "%s%s%s at %s: the virtual machine has no %s",
				  p->vendor_name ? p->vendor_name : "a device",
				  p->vendor_name && p->device_name ? " " : "",
				  p->vendor_name && p->device_name ? p->device_name : "",
				  preflight_names_text(&names), p->lacks) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int usb_of(PREFLIGHT_LOOK, bool licence)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nusb; i++) {
		const struct machine_usb *u = &m->usb[i];

		if (u->lacks && is_licence(u->group) == licence &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES,
				  u->address ? u->address : "usb", "USB device %s:%s%s%s (%s)",
				  u->vendor ? u->vendor : "?", u->product ? u->product : "?",
				  u->product_name ? " " : "",
				  u->product_name ? u->product_name : "", u->lacks) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int usb(PREFLIGHT_LOOK)
{
	return usb_of(in, rule, report, false);
}

static int dongle(PREFLIGHT_LOOK)
{
	return usb_of(in, rule, report, true);
}

static int tpm(PREFLIGHT_LOOK)
{
	static const char *const bound[] = { "systemd-tpm2", "clevis", NULL };
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };

	if (!in->machine->tpm_present)
		return 0;
	preflight_each(in, d) {
		bool uses = preflight_is(d->fs->type, "BitLocker");

		for (size_t i = 0; i < d->fs->tokens.n; i++)
			uses = uses || preflight_is_one_of(d->fs->tokens.v[i], bound);
		if (d->copied && uses)
			preflight_names_add(&names, d->name);
	}
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "the machine has a TPM%s%s, which may hold keys of %s",
			     in->machine->tpm_version ? " " : "",
			     in->machine->tpm_version ? in->machine->tpm_version : "",
			     preflight_names_text(&names));
}

static int watchdog(PREFLIGHT_LOOK)
{
	const struct machine *m = in->machine;

	for (size_t i = 0; i < m->nwatchdogs; i++) {
		const struct machine_watchdog *w = &m->watchdogs[i];

		if (w->in_use &&
		    preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
				  "the watchdog %s is in use", w->identity ? w->identity :
				  w->driver ? w->driver : "(without a name)") < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct preflight_rule rules[] = {
	{ "already-virtual", PREFLIGHT_NOTE, "The machine is a virtual one already",
	  "It is converted like a physical machine. Guest tools of the hypervisor that it runs "
	  "under (VMware Tools, Hyper-V daemons) are of no use afterwards.",
	  "Where that hypervisor can export its images, converting those may be easier.",
	  hypervisor },
	{ "cpu-many", PREFLIGHT_DEGRADES, "More than 255 processors",
	  "A virtual machine with so many needs an IOMMU with interrupt remapping (x2APIC), and a "
	  "host that allows it; older hosts and guests refuse.",
	  "Give it fewer (p2v-server finish --vcpus N), as many as it really uses; or add <iommu "
	  "model=\"intel\"> with eim=\"on\" and intremap=\"on\" to the domain XML.", many_cpus },
	{ "cpu-level", PREFLIGHT_NOTE, "Programs may rely on this processor's instructions",
	  "Programs that were built for this machine (-march=native), and distributions that want "
	  "x86-64-v3, need the same instructions in the virtual machine. Whether its host has "
	  "them is not known here.",
	  "Run the virtual machine on a host of the same level or newer: p2v-server doctor, "
	  "/usr/lib64/ld-linux-x86-64.so.2 --help.", cpu_level },
	{ "memory-big", PREFLIGHT_NOTE, "More than 1 TiB of memory",
	  "The host must have it to spare, and its processor enough physical address bits; "
	  "machines with the default of 40 bits end at 1 TiB.",
	  "Give it less (p2v-server finish --memory SIZE), or set <maxphysaddr "
	  "mode=\"passthrough\"/> in the domain XML.", big_memory },
	{ "numa", PREFLIGHT_NOTE, "The machine has several NUMA nodes",
	  "The virtual machine has one, unless it is described otherwise. Software that was tuned "
	  "to the nodes (databases, pinned processes) finds other numbers.",
	  "Keep the virtual machine within one node of its host, or describe the nodes in the "
	  "domain XML and take out bindings such as numactl.", numa },
	{ "hugepages", PREFLIGHT_NOTE, "Huge pages are reserved",
	  "The settings are copied, so the virtual machine reserves as many. With less memory "
	  "than the source it may have too little left to start.",
	  "Adapt vm.nr_hugepages or hugepages= when the virtual machine gets less memory.",
	  hugepages },
	{ "pci-device", PREFLIGHT_DEGRADES, "A PCI device that a virtual machine lacks",
	  "What depends on it does not work in the virtual machine: its driver finds nothing.",
	  "If it is needed, hand a device of the host through to the virtual machine (<hostdev> "
	  "in the domain XML).", pci },
	{ "usb-device", PREFLIGHT_DEGRADES, "A USB device that a virtual machine lacks",
	  "The device stays plugged into the physical machine; the virtual machine does not see "
	  "it.",
	  "Plug it into the host and hand it through (<hostdev type=\"usb\"> in the domain XML), "
	  "or use a USB server on the network.", usb },
	{ "licence-dongle", PREFLIGHT_DEGRADES, "A licence dongle is plugged in",
	  "Software that looks for it does not run in the virtual machine, or runs as a trial, "
	  "until the dongle is there.",
	  "Plug it into the host and hand it through (<hostdev type=\"usb\"> in the domain XML), "
	  "put it into a USB server on the network, or ask its maker for a network licence.",
	  dongle },
	{ "tpm-in-use", PREFLIGHT_DEGRADES, "Keys are sealed to the machine's TPM",
	  "A key in a TPM never leaves it. The virtual machine may get a TPM of its own, and that "
	  "one is empty.",
	  "Have the passphrase or the recovery key at hand for the first start, and seal the key "
	  "anew in the virtual machine (systemd-cryptenroll, clevis luks bind, manage-bde).", tpm },
	{ "watchdog-in-use", PREFLIGHT_NOTE, "A hardware watchdog is in use",
	  "The virtual machine has none of this kind. Services that need it are switched off by "
	  "the server.",
	  "If it is wanted, add <watchdog model=\"i6300esb\"/> to the domain XML.", watchdog },
};

const struct preflight_theme preflight_devices = { "Hardware", rules, ARRAY_SIZE(rules) };
