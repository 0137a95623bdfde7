/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The document is written top to bottom, one function per section, in the order in which libvirt
 * itself prints it. What libvirt chooses well by itself (emulator path, PCI addresses and ports)
 * is left to it.
 *
 * The oldest libvirt and QEMU to understand this are Debian 12's, 9.0 and 7.2.
 */
#include "convert/domain_xml.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "common/compiler.h"
#include "convert/xmlw.h"

#define LIBOSINFO_NS	"http://libosinfo.org/xmlns/libvirt/domain/1.0"
#define NET_QUEUES_MAX	8

static uint32_t vcpus(const struct vmspec *s)
{
	return s->sockets * s->cores * s->threads;
}

static bool is_windows(const struct vmspec *s)
{
	return strcmp(s->caps.os_type, "windows") == 0;
}

static bool is_linux(const struct vmspec *s)
{
	return strcmp(s->caps.os_type, "linux") == 0;
}

/*
 * Windows since Vista (NT 6) uses Hyper-V's paravirtual interfaces, which KVM provides; under TCG
 * they do not exist.
 */
static bool has_hyperv(const struct vmspec *s)
{
	return s->kvm && is_windows(s) && (s->caps.major < 0 || s->caps.major >= 6);
}

/* An I/O thread is worth it, and known to work, for a modern driver under KVM. */
static bool has_iothread(const struct vmspec *s)
{
	if (!s->kvm || !s->caps.virtio_1_0)
		return false;
	for (size_t i = 0; i < s->ndisks; i++)
		if (s->disks[i].bus == VM_BLOCK_VIRTIO_SCSI ||
		    s->disks[i].bus == VM_BLOCK_VIRTIO_BLK)
			return true;
	return false;
}

/*
 * On q35 plain "virtio" is a modern device on a PCI Express port, which a driver from before
 * virtio 1.0 does not see; i440fx's is good for both.
 */
static const char *virtio_model(const struct vmspec *s, const char *plain)
{
	return s->q35 && !s->caps.virtio_1_0 ? "virtio-transitional" : plain;
}

static bool knows_virtio(const struct vmspec *s)
{
	return s->caps.block == VM_BLOCK_VIRTIO_SCSI || s->caps.block == VM_BLOCK_VIRTIO_BLK ||
	       s->caps.net == VM_NET_VIRTIO || s->caps.virtio_rng || s->caps.virtio_balloon ||
	       s->caps.guest_agent;
}

/* Can it be said at all? */

static int check_disk(const struct vmspec *s, const struct vmspec_disk *d, struct err *err)
{
	if (!d->path || d->path[0] != '/' || !d->format || !d->dev)
		return err_set(err, EINVAL, "disk: the path, format or target name is missing");
	if (d->bus == VM_BLOCK_IDE && s->q35)
		return err_set(err, EINVAL, "disk %s: q35 has no IDE", d->dev);
	if ((d->bus == VM_BLOCK_IDE || d->bus == VM_BLOCK_SATA) && d->logical_sector > 512)
		return err_set(err, EINVAL, "disk %s: IDE and SATA have sectors of 512 bytes only",
			       d->dev);
	return 0;
}

static int check(const struct vmspec *s, struct err *err)
{
	uint64_t n = (uint64_t)s->sockets * s->cores;

	if (!s->name || !s->uuid)
		return err_set(err, EINVAL, "name or uuid: missing");
	if (!s->arch || strcmp(s->arch, "x86_64") != 0)
		return err_set(err, EINVAL, "arch: only x86_64 machines can be expressed");
	if (s->memory == 0 || s->memory > INT64_MAX)
		return err_set(err, EINVAL, "memory: out of range");
	if (n == 0 || n > UINT16_MAX || s->threads == 0 || n * s->threads > UINT16_MAX)
		return err_set(err, EINVAL, "sockets, cores, threads: out of range");
	if (s->secure_boot && !(s->uefi && s->q35))
		return err_set(err, EINVAL, "secure_boot: needs UEFI and q35");
	if (s->nvram_path && s->nvram_path[0] != '/')
		return err_set(err, EINVAL, "nvram_path: not absolute");
	for (size_t i = 0; i < s->ndisks; i++) {
		int r = check_disk(s, &s->disks[i], err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < s->nnics; i++) {
		enum vm_net_kind k = s->nics[i].kind;

		if (k != VM_NET_USER && k != VM_NET_NONE && !s->nics[i].target)
			return err_set(err, EINVAL, "nic %zu: nothing to connect it to", i);
	}
	return 0;
}

/* Sections. */

static void write_head(struct xmlw *w, const struct vmspec *s)
{
	uint64_t kib = DIV_ROUND_UP(s->memory, KIB);

	xmlw_element(w, "name", s->name);
	xmlw_element(w, "uuid", s->uuid);
	xmlw_element(w, "description", s->description);
	if (s->osinfo) {
		xmlw_open(w, "metadata");
		xmlw_open(w, "libosinfo:libosinfo");
		xmlw_attr(w, "xmlns:libosinfo", LIBOSINFO_NS);
		xmlw_empty(w, "libosinfo:os", "id", s->osinfo, NULL);
		xmlw_close(w);
		xmlw_close(w);
	}
	for (int i = 0; i < 2; i++) {
		xmlw_open(w, i == 0 ? "memory" : "currentMemory");
		xmlw_attr(w, "unit", "KiB");
		xmlw_textf(w, "%" PRIu64, kib);
		xmlw_close(w);
	}
	xmlw_open(w, "vcpu");
	xmlw_attr(w, "placement", "static");
	xmlw_textf(w, "%" PRIu32, vcpus(s));
	xmlw_close(w);
	if (has_iothread(s))
		xmlw_element(w, "iothreads", "1");
}

struct entry {
	const char *name, *value;
};

static void write_entries(struct xmlw *w, const char *element, const struct entry *e, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!e[i].value)
			continue;
		if (!any)
			xmlw_open(w, element);
		any = true;
		xmlw_open(w, "entry");
		xmlw_attr(w, "name", e[i].name);
		xmlw_text(w, e[i].value);
		xmlw_close(w);
	}
	if (any)
		xmlw_close(w);
}

/* libvirt refuses a domain whose BIOS date is not MM/DD/YYYY (or YY); NULL for such a one. */
static const char *bios_date(const char *s)
{
	unsigned int month, day, year;
	int end = 0;

	if (!s || strspn(s, "0123456789/") != strlen(s) ||
	    sscanf(s, "%2u/%2u/%4u%n", &month, &day, &year, &end) != 3 || s[end])
		return NULL;
	if (month < 1 || month > 12 || day < 1 || day > 31 || (year >= 100 && year < 1900))
		return NULL;
	return s;
}

static bool has_sysinfo(const struct vmspec *s)
{
	const struct machine_smbios *f = &s->smbios;

	return f->uuid || f->sys_vendor || f->product_name || f->product_version ||
	       f->product_serial || f->product_sku || f->product_family || f->board_vendor ||
	       f->board_name || f->board_version || f->board_serial || f->board_asset_tag ||
	       f->chassis_vendor || f->chassis_version || f->chassis_serial ||
	       f->chassis_asset_tag || f->bios_vendor || f->bios_version || bios_date(f->bios_date);
}

static void write_sysinfo(struct xmlw *w, const struct vmspec *s)
{
	const struct machine_smbios *f = &s->smbios;
	const struct entry bios[] = {
		{ "vendor", f->bios_vendor },
		{ "version", f->bios_version },
		{ "date", bios_date(f->bios_date) },
	};
	const struct entry sys[] = {
		{ "manufacturer", f->sys_vendor },
		{ "product", f->product_name },
		{ "version", f->product_version },
		{ "serial", f->product_serial },
		/* libvirt insists that this is the domain's, and shows that one anyway. */
		{ "uuid", f->uuid && strcasecmp(f->uuid, s->uuid) == 0 ? s->uuid : NULL },
		{ "sku", f->product_sku },
		{ "family", f->product_family },
	};
	const struct entry board[] = {
		{ "manufacturer", f->board_vendor },
		{ "product", f->board_name },
		{ "version", f->board_version },
		{ "serial", f->board_serial },
		{ "asset", f->board_asset_tag },
	};
	const struct entry chassis[] = {
		{ "manufacturer", f->chassis_vendor },
		{ "version", f->chassis_version },
		{ "serial", f->chassis_serial },
		{ "asset", f->chassis_asset_tag },
	};

	if (!has_sysinfo(s))
		return;
	xmlw_open(w, "sysinfo");
	xmlw_attr(w, "type", "smbios");
	write_entries(w, "bios", bios, ARRAY_SIZE(bios));
	write_entries(w, "system", sys, ARRAY_SIZE(sys));
	write_entries(w, "baseBoard", board, ARRAY_SIZE(board));
	write_entries(w, "chassis", chassis, ARRAY_SIZE(chassis));
	xmlw_close(w);
}

static void write_os(struct xmlw *w, const struct vmspec *s)
{
	const char *yes_no = s->secure_boot ? "yes" : "no";

	xmlw_open(w, "os");
	/* libvirt finds the firmware's files and makes the variables from their template. */
	if (s->uefi)
		xmlw_attr(w, "firmware", "efi");
	xmlw_open(w, "type");
	xmlw_attr(w, "arch", s->arch);
	xmlw_attr(w, "machine", s->q35 ? "q35" : "pc");
	xmlw_text(w, "hvm");
	xmlw_close(w);
	if (s->uefi) {
		xmlw_open(w, "firmware");
		xmlw_empty(w, "feature", "enabled", yes_no, "name", "enrolled-keys", NULL);
		xmlw_empty(w, "feature", "enabled", yes_no, "name", "secure-boot", NULL);
		xmlw_close(w);
		xmlw_element(w, "nvram", s->nvram_path);
	}
	if (has_sysinfo(s))
		xmlw_empty(w, "smbios", "mode", "sysinfo", NULL);
	xmlw_close(w);
}

static void write_hyperv(struct xmlw *w)
{
	static const char *const on[] = {
		"relaxed", "vapic", "vpindex", "runtime", "synic", "stimer", "reset", "frequencies",
	};

	xmlw_open(w, "hyperv");
	xmlw_attr(w, "mode", "custom");
	for (size_t i = 0; i < ARRAY_SIZE(on); i++)
		xmlw_empty(w, on[i], "state", "on", NULL);
	xmlw_empty(w, "spinlocks", "state", "on", "retries", "8191", NULL);
	xmlw_close(w);
}

static void write_features(struct xmlw *w, const struct vmspec *s)
{
	xmlw_open(w, "features");
	xmlw_empty(w, "acpi", NULL);
	xmlw_empty(w, "apic", NULL);
	if (has_hyperv(s))
		write_hyperv(w);
	if (s->secure_boot)
		xmlw_empty(w, "smm", "state", "on", NULL);
	xmlw_close(w);
}

static void write_topology(struct xmlw *w, const struct vmspec *s)
{
	xmlw_open(w, "topology");
	xmlw_attrf(w, "sockets", "%" PRIu32, s->sockets);
	xmlw_attr(w, "dies", "1");
	xmlw_attrf(w, "cores", "%" PRIu32, s->cores);
	xmlw_attrf(w, "threads", "%" PRIu32, s->threads);
	xmlw_close(w);
}

/*
 * Without KVM there is no host CPU to model. A distribution may be built for x86-64-v2 or v3, so
 * the level is what matters; an unknown one gets the highest that TCG of QEMU 7.2 emulates, as a
 * higher level runs what a lower one does. Listed as missing are the features of the model that
 * TCG does not have (qemu -accel tcg -cpu MODEL,enforce names them).
 */
static void write_cpu_model(struct xmlw *w, uint32_t level)
{
	static const char *const missing[] = { "pcid", "x2apic", "tsc-deadline", "invpcid" };
	bool v3 = level == 0 || level >= 3;

	xmlw_open(w, "model");
	xmlw_attr(w, "fallback", "forbid");
	xmlw_text(w, v3 ? "Haswell-noTSX" : level == 2 ? "Nehalem" : "Penryn");
	xmlw_close(w);
	for (size_t i = 0; v3 && i < ARRAY_SIZE(missing); i++)
		xmlw_empty(w, "feature", "policy", "disable", "name", missing[i], NULL);
}

static void write_cpu(struct xmlw *w, const struct vmspec *s)
{
	xmlw_open(w, "cpu");
	if (s->cpu_host_model) {
		xmlw_attr(w, "mode", "host-model");
		write_topology(w, s);
	} else {
		xmlw_attr(w, "mode", "custom");
		xmlw_attr(w, "match", "exact");
		/* What TCG offers is not what libvirt knows of the host. */
		xmlw_attr(w, "check", "none");
		write_cpu_model(w, s->cpu_level);
		write_topology(w, s);
	}
	xmlw_close(w);
}

static void write_clock(struct xmlw *w, const struct vmspec *s)
{
	xmlw_open(w, "clock");
	xmlw_attr(w, "offset", s->clock_local ? "localtime" : "utc");
	xmlw_empty(w, "timer", "name", "rtc", "tickpolicy", "catchup", NULL);
	/* TCG has no in-kernel PIT to tune, and no other good clock source than the HPET. */
	if (s->kvm) {
		xmlw_empty(w, "timer", "name", "pit", "tickpolicy", "delay", NULL);
		xmlw_empty(w, "timer", "name", "hpet", "present", "no", NULL);
	}
	if (has_hyperv(s))
		xmlw_empty(w, "timer", "name", "hypervclock", "present", "yes", NULL);
	xmlw_close(w);
	xmlw_element(w, "on_poweroff", "destroy");
	xmlw_element(w, "on_reboot", "restart");
	xmlw_element(w, "on_crash", "restart");
}

static const char *bus_name(enum vm_block_bus bus)
{
	switch (bus) {
	case VM_BLOCK_VIRTIO_SCSI:
		return "scsi";
	case VM_BLOCK_VIRTIO_BLK:
		return "virtio";
	case VM_BLOCK_SATA:
		return "sata";
	case VM_BLOCK_IDE:
		break;
	}
	return "ide";
}

/* unit counts the SCSI disks. */
static void write_disk(struct xmlw *w, const struct vmspec *s, const struct vmspec_disk *d,
		       uint32_t *unit)
{
	bool scsi = d->bus == VM_BLOCK_VIRTIO_SCSI, blk = d->bus == VM_BLOCK_VIRTIO_BLK;
	uint32_t logical = d->logical_sector ? d->logical_sector : 512;
	uint32_t physical = MAX(d->physical_sector, logical);

	xmlw_open(w, "disk");
	xmlw_attr(w, "type", "file");
	xmlw_attr(w, "device", "disk");
	if (blk && strcmp(virtio_model(s, "virtio"), "virtio") != 0)
		xmlw_attr(w, "model", "virtio-transitional");

	/*
	 * The hypervisor's default cache mode keeps flushes and works on every file system;
	 * O_DIRECT is better where it exists.
	 */
	xmlw_empty(w, "driver", "name", "qemu", "type", d->format,
		   "cache", d->direct_io ? "none" : NULL,
		   "io", d->direct_io ? "native" : NULL,
		   "discard", "unmap",
		   "iothread", blk && has_iothread(s) ? "1" : NULL, NULL);
	xmlw_empty(w, "source", "file", d->path, NULL);
	if (logical != 512 || physical != 512) {
		xmlw_open(w, "blockio");
		xmlw_attrf(w, "logical_block_size", "%" PRIu32, logical);
		xmlw_attrf(w, "physical_block_size", "%" PRIu32, physical);
		xmlw_close(w);
	}
	/* 1 is SCSI's and ATA's word for "does not rotate"; virtio-blk has none. */
	xmlw_empty(w, "target", "dev", d->dev, "bus", bus_name(d->bus),
		   "rotation_rate", !blk && !d->rotational ? "1" : NULL, NULL);
	xmlw_element(w, "serial", d->serial);
	if (scsi || d->bus == VM_BLOCK_IDE)
		xmlw_element(w, "wwn", d->wwn);
	if (scsi) {
		xmlw_element(w, "vendor", d->vendor);
		xmlw_element(w, "product", d->product);
	}
	if (d->boot_order) {
		xmlw_open(w, "boot");
		xmlw_attrf(w, "order", "%u", d->boot_order);
		xmlw_close(w);
	}
	/* From the name, libvirt would spread disks over controllers of a model of its choice. */
	if (scsi) {
		xmlw_open(w, "address");
		xmlw_attr(w, "type", "drive");
		xmlw_attr(w, "controller", "0");
		xmlw_attr(w, "bus", "0");
		xmlw_attr(w, "target", "0");
		xmlw_attrf(w, "unit", "%" PRIu32, (*unit)++);
		xmlw_close(w);
	}
	xmlw_close(w);
}

static void write_controllers(struct xmlw *w, const struct vmspec *s)
{
	bool scsi = false;

	for (size_t i = 0; i < s->ndisks; i++)
		scsi = scsi || s->disks[i].bus == VM_BLOCK_VIRTIO_SCSI;
	if (scsi) {
		xmlw_open(w, "controller");
		xmlw_attr(w, "type", "scsi");
		xmlw_attr(w, "index", "0");
		xmlw_attr(w, "model", virtio_model(s, "virtio-scsi"));
		if (has_iothread(s))
			xmlw_empty(w, "driver", "iothread", "1", NULL);
		xmlw_close(w);
	}
	/* USB 3 where the system has a driver for sure, else the oldest. */
	xmlw_empty(w, "controller", "type", "usb", "index", "0", "model",
		   s->q35 && (is_linux(s) || (is_windows(s) && s->caps.major >= 10)) ?
		   "qemu-xhci" : "piix3-uhci", NULL);
	if (knows_virtio(s) && strcmp(virtio_model(s, ""), "") != 0)
		xmlw_empty(w, "controller", "type", "virtio-serial", "index", "0",
			   "model", virtio_model(s, ""), NULL);
}

static const char *net_model(const struct vmspec *s, const struct vmspec_nic *n)
{
	switch (n->model) {
	case VM_NET_VIRTIO:
		return virtio_model(s, "virtio");
	case VM_NET_E1000E:
		return s->q35 ? "e1000e" : "e1000";
	case VM_NET_E1000:
		return "e1000";
	case VM_NET_RTL8139:
		break;
	}
	return "rtl8139";
}

static void write_nic(struct xmlw *w, const struct vmspec *s, const struct vmspec_nic *n)
{
	uint32_t queues = MIN(vcpus(s), NET_QUEUES_MAX);

	if (n->kind == VM_NET_NONE)
		return;
	xmlw_open(w, "interface");
	xmlw_attr(w, "type", n->kind == VM_NET_NETWORK ? "network" :
		  n->kind == VM_NET_BRIDGE ? "bridge" :
		  n->kind == VM_NET_DIRECT ? "direct" : "user");
	if (n->mac)
		xmlw_empty(w, "mac", "address", n->mac, NULL);
	if (n->kind == VM_NET_NETWORK)
		xmlw_empty(w, "source", "network", n->target, NULL);
	else if (n->kind == VM_NET_BRIDGE)
		xmlw_empty(w, "source", "bridge", n->target, NULL);
	else if (n->kind == VM_NET_DIRECT)
		xmlw_empty(w, "source", "dev", n->target, "mode", "bridge", NULL);
	xmlw_empty(w, "model", "type", net_model(s, n), NULL);
	/* One queue per processor; drivers from before virtio 1.0 may not know of more than one. */
	if (s->kvm && n->model == VM_NET_VIRTIO && s->caps.virtio_1_0 && n->kind != VM_NET_USER &&
	    queues > 1) {
		xmlw_open(w, "driver");
		xmlw_attrf(w, "queues", "%" PRIu32, queues);
		xmlw_close(w);
	}
	if (!n->link_up)
		xmlw_empty(w, "link", "state", "down", NULL);
	/* libvirt can set it on devices of its own making only. */
	if (n->mtu && (n->kind == VM_NET_NETWORK || n->kind == VM_NET_BRIDGE)) {
		xmlw_open(w, "mtu");
		xmlw_attrf(w, "size", "%" PRIu32, n->mtu);
		xmlw_close(w);
	}
	xmlw_close(w);
}

static void write_consoles(struct xmlw *w, const struct vmspec *s)
{
	xmlw_open(w, "serial");
	xmlw_attr(w, "type", "pty");
	xmlw_empty(w, "target", "type", "isa-serial", "port", "0", NULL);
	xmlw_close(w);
	xmlw_open(w, "console");
	xmlw_attr(w, "type", "pty");
	xmlw_empty(w, "target", "type", "serial", "port", "0", NULL);
	xmlw_close(w);
	/* The agent may be put in later; the channel waits for it. */
	if (knows_virtio(s)) {
		xmlw_open(w, "channel");
		xmlw_attr(w, "type", "unix");
		xmlw_empty(w, "target", "type", "virtio", "name", "org.qemu.guest_agent.0", NULL);
		xmlw_close(w);
	}
}

static void write_screen(struct xmlw *w, const struct vmspec *s)
{
	/* A pointer that needs no grabbing. */
	xmlw_empty(w, "input", "type", "tablet", "bus", "usb", NULL);
	if (s->tpm) {
		bool v2 = s->tpm_version && strcmp(s->tpm_version, "2.0") == 0;

		xmlw_open(w, "tpm");
		xmlw_attr(w, "model", v2 ? "tpm-crb" : "tpm-tis");
		xmlw_empty(w, "backend", "type", "emulator", "version", v2 ? "2.0" : "1.2", NULL);
		xmlw_close(w);
	}
	xmlw_open(w, "graphics");
	xmlw_attr(w, "type", "vnc");
	xmlw_attr(w, "port", "-1");
	xmlw_attr(w, "autoport", "yes");
	xmlw_attr(w, "listen", "127.0.0.1");
	xmlw_empty(w, "listen", "type", "address", "address", "127.0.0.1", NULL);
	xmlw_close(w);
	xmlw_open(w, "video");
	/* A Linux that is new enough for virtio 1.0 drives it; VGA works anywhere. */
	xmlw_empty(w, "model", "type",
		   is_linux(s) && s->q35 && s->caps.virtio_1_0 ? "virtio" : "vga",
		   "heads", "1", "primary", "yes", NULL);
	xmlw_close(w);
}

static void write_paravirtual(struct xmlw *w, const struct vmspec *s)
{
	if (s->watchdog)
		xmlw_empty(w, "watchdog", "model", "i6300esb", "action", "reset", NULL);
	xmlw_empty(w, "memballoon", "model",
		   s->caps.virtio_balloon ? virtio_model(s, "virtio") : "none", NULL);
	if (s->caps.virtio_rng) {
		xmlw_open(w, "rng");
		xmlw_attr(w, "model", virtio_model(s, "virtio"));
		xmlw_open(w, "backend");
		xmlw_attr(w, "model", "random");
		xmlw_text(w, "/dev/urandom");
		xmlw_close(w);
		xmlw_close(w);
	}
	/* Windows reports crashes through Hyper-V's interface; it has no driver for pvpanic. */
	if (is_linux(s))
		xmlw_empty(w, "panic", "model", "isa", NULL);
	else if (has_hyperv(s))
		xmlw_empty(w, "panic", "model", "hyperv", NULL);
}

static void write_devices(struct xmlw *w, const struct vmspec *s)
{
	uint32_t unit = 0;

	xmlw_open(w, "devices");
	for (size_t i = 0; i < s->ndisks; i++)
		write_disk(w, s, &s->disks[i], &unit);
	write_controllers(w, s);
	for (size_t i = 0; i < s->nnics; i++)
		write_nic(w, s, &s->nics[i]);
	write_consoles(w, s);
	write_screen(w, s);
	write_paravirtual(w, s);
	xmlw_close(w);
}

int domain_xml_build(const struct vmspec *s, char **ret_xml, struct err *err)
{
	CLEANUP(xmlw_free) struct xmlw *w = NULL;
	int r;

	r = check(s, err);
	if (r < 0)
		return r;
	r = xmlw_new(&w);
	if (r < 0)
		return err_nomem(err);
	xmlw_open(w, "domain");
	xmlw_attr(w, "type", s->kvm ? "kvm" : "qemu");
	write_head(w, s);
	write_sysinfo(w, s);
	write_os(w, s);
	write_features(w, s);
	write_cpu(w, s);
	write_clock(w, s);
	write_devices(w, s);
	xmlw_close(w);
	return xmlw_end(w, ret_xml, err);
}
