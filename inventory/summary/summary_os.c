/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system, its clock. */
#include "inventory/summary/summary_parts.h"

#include <inttypes.h>
#include <string.h>
#include "common/size.h"

void summary_system(struct strbuf *b, const struct machine *m)
{
	struct para p = para_line(b, 0, 0);

	para_text(&p, "", m->hostname ? m->hostname : "(machine without a name)");
	para_end(&p);
	p = para_labelled(b, "System");
	para_text(&p, ", ", m->os.pretty_name ? m->os.pretty_name :
			    m->os.id ? m->os.id : "unknown system");
	para_named(&p, ", ", "kernel", m->os.kernel);
	para_text(&p, ", ", m->os.arch);
	para_text(&p, ", ", m->os.init);
	para_text(&p, ", ", m->os.bootloader);
	para_text(&p, ", ", m->os.initramfs_tool);
	para_named(&p, ", ", "SELinux", m->os.selinux);
	para_end(&p);
	if (m->recorded_at || m->recorded_by) {
		p = para_labelled(b, "Recorded");
		para_text(&p, " ", m->recorded_at);
		para_named(&p, " ", "by", m->recorded_by);
		para_end(&p);
	}
}

void summary_clock(struct strbuf *b, const struct machine *m)
{
	const struct machine_clock *c = &m->clock;
	struct para p = para_labelled(b, "Clock");
	char text[SIZE_TEXT_MAX];
	uint64_t off = c->rtc_minus_system < 0 ? 0 - (uint64_t)c->rtc_minus_system :
						 (uint64_t)c->rtc_minus_system;

	para_item(&p, "", "hardware clock in %s", c->rtc_local ? "local time" : "UTC");
	if (c->rtc_known && off > 1)
		para_item(&p, ", ", "%s %s the system", size_format_duration(off, text),
		     c->rtc_minus_system < 0 ? "behind" : "ahead of");
	para_text(&p, ", ", c->timezone);
	para_end(&p);
}

static void say_kernels(struct strbuf *b, const struct machine_os *os)
{
	for (size_t i = 0; i < os->nkernels; i++) {
		const struct machine_kernel *k = &os->kernels[i];
		struct para p = para_line(b, 2, 4);

		para_named(&p, "", "kernel", k->version);
		if (k->booted)
			para_item(&p, ", ", "running");
		if (!k->image)
			para_item(&p, ", ", "no image");
		if (!k->initramfs)
			para_item(&p, ", ", "no initramfs");
		if (!k->modules)
			para_item(&p, ", ", "no modules");
		if (k->virtio.n == 0)
			para_item(&p, ", ", "NO VIRTIO");
		para_end(&p);
	}
}

/* What a virtual machine has no use for. */
static void say_agents(struct strbuf *b, const struct machine_os *os)
{
	struct para p;
	bool said = false;

	for (size_t i = 0; i < os->nservices; i++) {
		const struct machine_service *s = &os->services[i];

		if (!s->group)
			continue;
		if (!said) {
			p = para_line(b, 2, 4);
			para_raw(&p, "", "bound to hardware:");
		}
		para_text(&p, said ? ", " : " ", s->name);
		said = true;
	}
	if (said)
		para_end(&p);
}

static void say_others(struct strbuf *b, const struct machine *m)
{
	for (size_t i = 0; m->nsystems > 1 && i < m->nsystems; i++) {
		const struct machine_os *os = &m->systems[i];
		struct para p = para_line(b, 2, 4);

		para_text(&p, "", os->pretty_name ? os->pretty_name : os->kind);
		para_named(&p, " ", "on", os->root_source);
		if (os->boots_first)
			para_item(&p, ", ", "boots first");
		if (os->booted)
			para_item(&p, ", ", "running");
		para_end(&p);
	}
}

void summary_software(struct strbuf *b, const struct machine *m)
{
	const struct machine_os *os = &m->os;

	if (os->nkernels + os->nsoftware + os->nservices + m->nsystems == 0)
		return;
	para_heading(b, "System");
	say_others(b, m);
	say_kernels(b, os);
	for (size_t i = 0; i < os->nsoftware; i++) {
		const struct machine_software *s = &os->software[i];
		struct para p = para_line(b, 2, 4);

		para_text(&p, "", s->kind);
		para_text(&p, " ", s->name);
		para_text(&p, ": ", s->evidence);
		para_end(&p);
	}
	say_agents(b, os);
}
