/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The board: memory, processors, firmware, chipset, and the small devices on it. Every number is
 * the machine's word, which may be missing, wrong or more than a domain can have.
 */
#include "convert/vmspec_builder.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "common/size.h"

#define MEMORY_DEFAULT	(2 * GIB)
#define MEMORY_MIN	(16 * MIB)
#define VCPU_MAX 255 /* more need an IOMMU with x2APIC, and a guest that can use it */
#define ESP_TYPE	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define BIOS_BOOT_TYPE	"21686148-6449-6e6f-744e-656564454649"

static int build_memory(struct vmspec_builder *b, struct err *err)
{
	const struct machine_memory *mem = &b->m->memory;
	char text[SIZE_TEXT_MAX];
	uint64_t n = b->opt->memory;

	if (n) {
		if (n < MEMORY_MIN || n > INT64_MAX)
			return err_set(err, EINVAL,
				       "the memory size given for the domain is out of range");
		b->s->memory = n;
		return 0;
	}
	n = mem->installed;
	if (n && n < mem->usable) {
		n = mem->usable;
		vmspec_builder_warn(b, "the machine uses more memory than it says is installed: "
				       "taking what it uses");
	}
	if (!n && mem->usable) {
		/* What the kernel kept for itself is lost to us; VMs have whole MiB. */
		n = mem->usable > INT64_MAX ? mem->usable : ALIGN_UP(mem->usable, MIB);
		vmspec_builder_warn(b,
				    "the installed memory is not known: the domain gets what the "
				    "system could use, %s",
				    size_format(n, text));
	}
	if (n < MEMORY_MIN || n > INT64_MAX) {
		vmspec_builder_warn(b, "the machine's memory is %s: the domain gets %s",
				    n ? "out of range" : "not known",
				    size_format(MEMORY_DEFAULT, text));
		n = MEMORY_DEFAULT;
	}
	b->s->memory = n;
	return 0;
}

static int build_cpu(struct vmspec_builder *b, struct err *err)
{
	const struct machine_cpu *c = &b->m->cpu;
	struct vmspec *s = b->s;
	uint64_t total;

	s->cpu_level = c->x86_64_level <= 4 ? c->x86_64_level : 0;
	s->kvm = s->cpu_host_model = b->opt->kvm;
	if (!s->kvm && s->cpu_level == 4)
		vmspec_builder_warn(b, "the machine's CPU has AVX-512, which is not emulated: the "
				       "domain gets x86-64-v3");

	s->sockets = c->sockets;
	s->cores = c->cores_per_socket;
	s->threads = c->threads_per_core;
	/* Each is 32 bits, and the first two bounded before the third comes in. */
	total = (uint64_t)s->sockets * s->cores;
	total = total > UINT32_MAX ? UINT32_MAX : total * s->threads;
	if (b->opt->vcpus) {
		if (b->opt->vcpus > VCPU_MAX)
			return err_set(err, EINVAL, "a domain can have at most %d processors",
				       VCPU_MAX);
		if (total == b->opt->vcpus)
			return 0;
		/* One socket: desktop systems use no more than one or two. */
		s->sockets = s->threads = 1;
		s->cores = b->opt->vcpus;
		return 0;
	}
	/* More than there are: some cores have fewer threads than others. */
	if (total == 0 || total < c->online || (c->present && total > c->present)) {
		total = c->online ? c->online : 1;
		s->sockets = s->threads = 1;
		s->cores = (uint32_t)total;
		vmspec_builder_warn(b,
				    "the CPU topology is not known or does not add up: the domain "
				    "gets one socket of %" PRIu64 " core%s",
				    total, total == 1 ? "" : "s");
	}
	if (total > VCPU_MAX) {
		uint64_t per_core = (uint64_t)s->sockets * s->threads;

		vmspec_builder_warn(b,
				    "the machine has %" PRIu64
				    " processors, more than the %d a domain can have: the domain "
				    "gets fewer cores",
				    total, VCPU_MAX);
		if (per_core > VCPU_MAX)
			s->sockets = s->threads = 1;
		s->cores = VCPU_MAX / (s->sockets * s->threads);
	}
	return 0;
}

/* Firmware and chipset. */

static bool has_partition_type(const struct vmspec_builder *b, const char *type)
{
	for (size_t i = 0; i < b->nimages; i++) {
		const struct machine_disk *d = vmspec_builder_disk(b, i);

		for (size_t p = 0; d && p < d->npartitions; p++)
			if (d->partitions[p].type && strcasecmp(d->partitions[p].type, type) == 0)
				return true;
	}
	return false;
}

static int build_firmware(struct vmspec_builder *b, struct err *err)
{
	const struct machine_firmware *f = &b->m->firmware;
	enum machine_firmware_type wish = b->opt->firmware;
	struct vmspec *s = b->s;

	/* The boot loader is in the place where the source's firmware looks for it. */
	if (wish != MACHINE_FIRMWARE_UNKNOWN && f->type != MACHINE_FIRMWARE_UNKNOWN &&
	    wish != f->type)
		return err_set(err, EINVAL,
			       "the machine starts by %s, and its boot loader would not start by "
			       "%s",
			       f->type == MACHINE_FIRMWARE_UEFI ? "UEFI" : "BIOS",
			       wish == MACHINE_FIRMWARE_UEFI ? "UEFI" : "BIOS");
	if (f->type == MACHINE_FIRMWARE_UNKNOWN && wish != MACHINE_FIRMWARE_UNKNOWN) {
		s->uefi = wish == MACHINE_FIRMWARE_UEFI;
	} else if (f->type == MACHINE_FIRMWARE_UNKNOWN) {
		s->uefi = f->nentries > 0 || (has_partition_type(b, ESP_TYPE) &&
					      !has_partition_type(b, BIOS_BOOT_TYPE));
		vmspec_builder_warn(b,
				    "the machine's firmware is not known: taking %s because of %s",
				    s->uefi ? "UEFI" : "BIOS",
				    f->nentries > 0 ? "its boot entries" :
				    s->uefi ? "its EFI system partition" : "its partitions");
	} else {
		s->uefi = f->type == MACHINE_FIRMWARE_UEFI;
	}
	/* Who starts with it starts without it too; the other way round it may not. */
	s->secure_boot = s->uefi && f->secure_boot == MACHINE_YES &&
			 f->setup_mode != MACHINE_YES;
	if (s->uefi && f->secure_boot == MACHINE_NOT_KNOWN)
		vmspec_builder_warn(b, "whether Secure Boot was on is not known: it is switched "
				       "off");
	if (s->secure_boot)
		vmspec_builder_warn(b, "Secure Boot stays on, with the common keys: keys of one's "
				       "own must be enrolled again");
	/* Who boots with UEFI knows PCI Express; Secure Boot needs q35's SMM. */
	s->q35 = b->caps->q35 || s->uefi;
	if (s->uefi)
		s->nvram_path = vmspec_builder_dup(b, b->opt->nvram_path);
	return 0;
}

static void build_arch(struct vmspec_builder *b)
{
	const char *arch = b->caps->arch[0] ? b->caps->arch : b->m->os.arch;
	size_t n = arch ? strlen(arch) : 0;

	/* A 32-bit system runs on a 64-bit processor, as it most likely did. */
	if (n == 0 || strcmp(arch, "amd64") == 0 ||
	    (n == 4 && arch[0] == 'i' && strcmp(arch + 2, "86") == 0))
		arch = "x86_64";
	b->s->arch = vmspec_builder_clean(b, arch, 32);
}

int vmspec_hardware_fill(struct vmspec_builder *b, struct err *err)
{
	int r;

	build_arch(b);
	r = build_memory(b, err);
	if (r == 0)
		r = build_cpu(b, err);
	return r < 0 ? r : build_firmware(b, err);
}

void vmspec_hardware_extras(struct vmspec_builder *b)
{
	const struct machine *m = b->m;
	struct vmspec *s = b->s;
	bool windows = strcmp(b->caps->os_type, "windows") == 0;

	/* Windows keeps local time unless told otherwise. */
	s->clock_local = m->clock.rtc_local || (windows && !m->clock.rtc_known);
	s->tpm = m->tpm_present;
	if (s->tpm) {
		s->tpm_version = vmspec_builder_dup(b, m->tpm_version && strncmp(m->tpm_version,
										 "1", 1) == 0 ?
							       "1.2" :
							       "2.0");
		vmspec_builder_warn(b, "the TPM is a new, empty one: what the old one sealed (disk "
				       "keys) needs its recovery key");
	}
	for (size_t i = 0; i < m->nwatchdogs; i++)
		s->watchdog = s->watchdog || m->watchdogs[i].in_use;
}
