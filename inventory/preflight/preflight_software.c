/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on what runs: clusters, databases, agents, licences, clocks; and on the inventory. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>
#include "common/size.h"

/* Software of some kinds, all in one finding; nothing when there is none. */
static int of_kind(PREFLIGHT_LOOK, const char *const *kinds, enum preflight_severity severity)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine_os *os = &in->machine->os;
	const char *evidence = NULL;

	for (size_t i = 0; i < os->nsoftware; i++) {
		const struct machine_software *s = &os->software[i];

		if (!preflight_is_one_of(s->kind, kinds))
			continue;
		if (!evidence)
			evidence = s->evidence;
		preflight_names_add(&names, s->name);
	}
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, severity, "machine", "%s%s%s%s",
			     preflight_names_text(&names), evidence ? " (" : "",
			     evidence ? evidence : "", evidence ? ")" : "");
}

static int cluster(PREFLIGHT_LOOK)
{
	static const char *const kinds[] = { "cluster", NULL };

	return of_kind(in, rule, report, kinds, PREFLIGHT_DEGRADES);
}

static int database(PREFLIGHT_LOOK)
{
	static const char *const kinds[] = { "database", NULL };

	return in->hot ? of_kind(in, rule, report, kinds, PREFLIGHT_DEGRADES) : 0;
}

static int hosts_guests(PREFLIGHT_LOOK)
{
	static const char *const kinds[] = { "virtualization", NULL };

	return of_kind(in, rule, report, kinds, PREFLIGHT_DEGRADES);
}

static int containers(PREFLIGHT_LOOK)
{
	static const char *const kinds[] = { "container", NULL };

	return of_kind(in, rule, report, kinds, PREFLIGHT_NOTE);
}

static int licence(PREFLIGHT_LOOK)
{
	static const char *const kinds[] = { "licence", NULL };

	return of_kind(in, rule, report, kinds, PREFLIGHT_DEGRADES);
}

static int agents(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine_os *os = &in->machine->os;

	for (size_t i = 0; i < os->nservices; i++)
		if (os->services[i].group && (os->services[i].enabled || os->services[i].running))
			preflight_names_add(&names, os->services[i].name);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine", "%s",
			     preflight_names_text(&names));
}

/* ---- clocks */

static int local_clock(PREFLIGHT_LOOK)
{
	if (!in->machine->clock.rtc_local)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "the hardware clock keeps local time");
}

#define QUARTER	900
#define DAY	86400

/* In local time the offset of the zone is in it, which is some quarters of an hour. */
static uint64_t drift(const struct machine_clock *c)
{
	uint64_t off = c->rtc_minus_system < 0 ? 0 - (uint64_t)c->rtc_minus_system :
						 (uint64_t)c->rtc_minus_system;

	if (c->rtc_local && off <= DAY) {
		off %= QUARTER;
		off = MIN(off, QUARTER - off);
	}
	return off;
}

static int clock_off(PREFLIGHT_LOOK)
{
	const struct machine_clock *c = &in->machine->clock;
	uint64_t off = drift(c);
	char text[SIZE_TEXT_MAX];

	if (!c->rtc_known || off <= 60)
		return 0;
	return preflight_add(report, rule, off > DAY ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
			     "machine", "the hardware clock is %s %s the system's",
			     size_format_duration(off, text),
			     c->rtc_minus_system < 0 ? "behind" : "ahead of");
}

static int no_timezone(PREFLIGHT_LOOK)
{
	if (in->machine->clock.timezone)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "the inventory has no time zone");
}

/* ---- the inventory itself */

static int incomplete(PREFLIGHT_LOOK)
{
	const struct machine_strv *w = &in->machine->warnings;

	if (w->n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "%zu warning%s, the first: %s", w->n, preflight_s(w->n), w->v[0]);
}

static const struct preflight_rule rules[] = {
	{ "cluster-member", PREFLIGHT_DEGRADES, "The machine is a member of a cluster",
	  "The others see the source disappear, and later the virtual machine come with the same "
	  "identity; fencing devices (IPMI, SBD) still point to the physical machine. A restored "
	  "older state of a member can damage what the cluster shares.",
	  "Put the member into standby or take it out of the cluster for the conversion, copy it "
	  "cold, and configure fencing for the virtual machine (fence_virt) before it joins again.",
	  cluster },
	{ "database-hot", PREFLIGHT_DEGRADES, "A database runs while the machine is copied",
	  "The last pass of a hot copy is of one moment, with the filesystems frozen: to a "
	  "database that is like a power cut. It recovers from its log at the start; what is not "
	  "on its filesystems' disks is not part of that moment.",
	  "Stop the database for the last pass, or have a backup of its own. Cold copies are not "
	  "concerned.", database },
	{ "hypervisor-host", PREFLIGHT_DEGRADES, "The machine runs virtual machines itself",
	  "In a virtual machine they need nested virtualization, which the host must allow, and "
	  "run slower. Their disk images are copied as files.",
	  "Move the guests to other hosts first; or allow nesting on the host and keep <cpu "
	  "mode=\"host-passthrough\"/>.", hosts_guests },
	{ "container-host", PREFLIGHT_NOTE, "The machine runs containers",
	  "They go on in the virtual machine. A node of an orchestrated cluster (Kubernetes, "
	  "Swarm) comes back with the same identity.",
	  "Drain the node before the conversion, where there is an orchestrator.", containers },
	{ "licence-software", PREFLIGHT_DEGRADES,
	  "Software with a licence that is bound to hardware",
	  "Such licences count processors, or know the machine by MAC address, disk serial number "
	  "or SMBIOS UUID. The virtual machine keeps UUID, serial numbers and MAC addresses; a "
	  "licence manager that recognises a virtual machine may refuse all the same.",
	  "Ask the vendor for a licence for virtual machines, and keep the identity: do not "
	  "change UUID, serial numbers and MAC addresses in the domain XML.", licence },
	{ "vendor-agents", PREFLIGHT_NOTE, "Services that watch this hardware",
	  "They have nothing to watch in a virtual machine, and some restart it for that. The "
	  "server switches them off in the image; they are not removed.",
	  "Nothing. To keep one, finish with --skip hardware-services and switch the others off "
	  "by hand.", agents },
	{ "clock-local", PREFLIGHT_NOTE, "The hardware clock keeps local time",
	  "The virtual machine's hardware clock is set up for local time, too. Its host's time "
	  "zone must then be the same, and the hour of a change to or from summer time may be "
	  "wrong.",
	  "Better: timedatectl set-local-rtc 0 on the source.", local_clock },
	{ "clock-off", PREFLIGHT_DEGRADES, "Hardware clock and system clock differ",
	  "The virtual machine begins with its host's time. If the system's clock was wrong, time "
	  "jumps: back in time, databases, certificates and Kerberos tickets mind.",
	  "Set the clock right on the source before the conversion (chronyc makestep; hwclock "
	  "--systohc), and let a time service run.", clock_off },
	{ "timezone-unknown", PREFLIGHT_NOTE, "The time zone is not known",
	  "Times in reports cannot be compared with the machine's own, and a hardware clock in "
	  "local time cannot be understood.",
	  "Check /etc/localtime of the machine.", no_timezone },
	{ "inventory-incomplete", PREFLIGHT_NOTE, "The inventory is not complete",
	  "Rules speak of what was seen. What could not be read may hide something that they "
	  "would have found.",
	  "Look at the warnings with p2v-agent inventory, and run it as root.", incomplete },
};

const struct preflight_theme preflight_software = { "Software and clock", rules,
						    ARRAY_SIZE(rules) };
