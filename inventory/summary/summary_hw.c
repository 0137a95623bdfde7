/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The computer: model, firmware, processors, memory, devices. */
#include "inventory/summary/summary_parts.h"

#include <inttypes.h>
#include <string.h>
#include "common/size.h"

static void say_model(struct strbuf *b, const struct machine_smbios *s)
{
	struct para p;

	if (!s->sys_vendor && !s->product_name && !s->uuid)
		return;
	p = para_labelled(b, "Model");
	para_text(&p, " ", s->sys_vendor);
	para_text(&p, " ", s->product_name);
	para_named(&p, ", ", "serial", s->product_serial);
	para_named(&p, ", ", "UUID", s->uuid);
	para_end(&p);
}

static void say_firmware(struct strbuf *b, const struct machine *m)
{
	const struct machine_firmware *f = &m->firmware;
	const struct machine_boot_entry *e = machine_boot_current(m);
	struct para p = para_labelled(b, "Firmware");
	char text[PARA_ITEM_MAX];

	if (f->type == MACHINE_FIRMWARE_UEFI) {
		para_item(&p, "", "UEFI");
		para_item(&p, ", ", "Secure Boot %s", f->secure_boot == MACHINE_YES ? "on" :
			  f->secure_boot == MACHINE_NO ? "off" : "not known");
		if (f->setup_mode == MACHINE_YES)
			para_item(&p, ", ", "setup mode");
	} else {
		para_item(&p, "", "%s", f->type == MACHINE_FIRMWARE_BIOS ? "BIOS" : "not known");
	}
	if (f->mok_keys)
		para_item(&p, ", ", "%u machine owner key%s", f->mok_keys,
			  f->mok_keys == 1 ? "" : "s");
	if (f->mok_insecure == MACHINE_YES)
		para_item(&p, ", ", "shim does not validate");
	if (e) {
		para_item(&p, ", ", "booted from Boot%04X", e->number);
		if (e->label)
			para_item(&p, " ", "\"%s\"", text_escape_str(e->label, text, sizeof(text)));
		para_path(&p, " ", e->file);
	}
	para_end(&p);
}

static void say_cpu(struct strbuf *b, const struct machine_cpu *c)
{
	struct para p = para_labelled(b, "CPU");

	para_text(&p, "", c->model ? c->model : c->vendor ? c->vendor : "not known");
	if (c->sockets)
		para_item(&p, ", ", "%u socket%s x %u core%s x %u thread%s", c->sockets,
		     c->sockets == 1 ? "" : "s", c->cores_per_socket,
		     c->cores_per_socket == 1 ? "" : "s", c->threads_per_core,
		     c->threads_per_core == 1 ? "" : "s");
	if (c->online)
		para_item(&p, ", ", "%u online", c->online);
	if (c->present > c->online)
		para_item(&p, ", ", "%u offline", c->present - c->online);
	if (c->x86_64_level)
		para_item(&p, ", ", "x86-64-v%u", c->x86_64_level);
	if (c->nnodes > 1)
		para_item(&p, ", ", "%zu NUMA nodes", c->nnodes);
	para_named(&p, ", ", "below", c->hypervisor);
	para_end(&p);
}

/* "8 x 16 GiB DDR4" when all are alike, else how many of how many places are taken. */
static void say_slots(struct para *p, const struct machine_memory *mem)
{
	const struct machine_memory_slot *first = NULL;
	size_t used = 0, alike = 0;
	char size[SIZE_TEXT_MAX];

	for (size_t i = 0; i < mem->nslots; i++) {
		const struct machine_memory_slot *s = &mem->slots[i];

		if (s->size == 0)
			continue;
		used++;
		if (!first)
			first = s;
		alike += s->size == first->size;
	}
	if (used == 0)
		return;
	if (alike == used) {
		para_item(p, ", ", "%zu x %s", used, size_format(first->size, size));
		para_text(p, " ", first->type);
	}
	para_item(p, ", ", "%zu of %zu slots", used, mem->nslots);
}

static void say_memory(struct strbuf *b, const struct machine_memory *mem)
{
	struct para p = para_labelled(b, "Memory");
	char size[SIZE_TEXT_MAX];

	if (mem->installed)
		para_item(&p, "", "%s", size_format(mem->installed, size));
	else
		para_item(&p, "", "not known");
	if (mem->source && strcmp(mem->source, "dmi") == 0)
		para_item(&p, " ", "in modules");
	if (mem->usable && mem->usable != mem->installed)
		para_item(&p, ", ", "%s usable", size_format(mem->usable, size));
	say_slots(&p, mem);
	if (mem->ecc && strcmp(mem->ecc, "none") != 0)
		para_named(&p, ", ", "ECC", mem->ecc);
	for (size_t i = 0; i < mem->nhugepages; i++)
		if (mem->hugepages[i].total > 0)
			para_item(&p, ", ", "%" PRIu64 " hugepages of %s", mem->hugepages[i].total,
				  size_format(mem->hugepages[i].size, size));
	if (mem->swap)
		para_item(&p, ", ", "%s swap", size_format(mem->swap, size));
	para_end(&p);
}

static void say_devices(struct strbuf *b, const struct machine *m)
{
	struct para p;

	if (m->tpm_present) {
		p = para_labelled(b, "TPM");
		para_text(&p, "", m->tpm_version ? m->tpm_version : "present");
		para_end(&p);
	}
	for (size_t i = 0; i < m->nnvdimms; i++) {
		const struct machine_nvdimm *n = &m->nvdimms[i];
		char size[SIZE_TEXT_MAX];

		p = para_labelled(b, i ? "" : "NVDIMM");
		para_text(&p, "", n->name);
		para_item(&p, ", ", "%s", size_format(n->size, size));
		para_text(&p, ", ", n->mode);
		para_text(&p, ", ", n->device);
		para_end(&p);
	}
	for (size_t i = 0; i < m->nwatchdogs; i++) {
		const struct machine_watchdog *w = &m->watchdogs[i];

		p = para_labelled(b, i ? "" : "Watchdog");
		para_text(&p, "", w->identity ? w->identity : w->driver ? w->driver : "present");
		para_named(&p, ", ", "driver", w->driver);
		if (w->in_use)
			para_item(&p, ", ", "in use");
		para_end(&p);
	}
}

void summary_computer(struct strbuf *b, const struct machine *m)
{
	say_model(b, &m->smbios);
	say_firmware(b, m);
	say_cpu(b, &m->cpu);
	say_memory(b, &m->memory);
	say_devices(b, m);
}

static void say_lack(struct strbuf *b, const char *address, const char *vendor, const char *name,
		     const char *ids, const char *lacks)
{
	struct para p = para_line(b, 2, 16);

	para_text(&p, "", address);
	para_pad(&p, 16);
	para_text(&p, "  ", lacks);
	para_text(&p, ": ", vendor);
	para_text(&p, vendor ? " " : ": ", name);
	if (!vendor && !name)
		para_text(&p, ": ", ids);
	para_end(&p);
}

/* Only those that will be missed: the list of all is in the JSON. */
void summary_devices(struct strbuf *b, const struct machine *m)
{
	bool said = false;

	for (size_t i = 0; i < m->npci; i++) {
		const struct machine_pci *d = &m->pci[i];

		if (!d->lacks)
			continue;
		if (!said)
			para_heading(b, "Devices that a virtual machine will lack");
		said = true;
		say_lack(b, d->address, d->vendor_name, d->device_name, d->modalias, d->lacks);
	}
	for (size_t i = 0; i < m->nusb; i++) {
		const struct machine_usb *d = &m->usb[i];

		if (!d->lacks)
			continue;
		if (!said)
			para_heading(b, "Devices that a virtual machine will lack");
		said = true;
		say_lack(b, d->address, d->manufacturer, d->product_name, d->vendor, d->lacks);
	}
}
