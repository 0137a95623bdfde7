/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every line is a paragraph of items: it breaks between items, never inside one, and indents what
 * follows. An item is escaped and cut to a width that always fits, so no text of the machine can
 * break the layout or the terminal.
 */
#include "inventory/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include "common/size.h"
#include "common/text.h"

#define WIDTH		100
#define ITEM_MAX	72	/* bytes, so at most as many columns */
#define LABEL_WIDTH	10

struct para {
	struct strbuf *b;
	size_t indent, column;
	bool first;		/* nothing on this line yet */
};

/* Bytes that begin a character; what is wider than one column takes three bytes and counts less. */
static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if ((c & 0xc0) != 0x80)
			n += c >= 0xe1 ? 2 : 1;
	}
	return n;
}

static void spaces(struct strbuf *b, size_t n)
{
	while (n--)
		strbuf_add(b, " ");
}

/* One item with the separator that stands before it ("" or ", " or "  "). */
static void item_raw(struct para *p, const char *separator, const char *text)
{
	size_t need = columns(text) + columns(separator);

	/* One column is kept for the comma that stays behind at a break. */
	if (!p->first && p->column + need >= WIDTH) {
		strbuf_addn(p->b, separator, strcspn(separator, " "));
		strbuf_add(p->b, "\n");
		spaces(p->b, p->indent);
		p->column = p->indent;
		p->first = true;
	}
	if (!p->first) {
		strbuf_add(p->b, separator);
		p->column += columns(separator);
	}
	strbuf_add(p->b, text);
	p->column += columns(text);
	p->first = false;
}

/* The same for text in our own words, formatted; its arguments are escaped already. */
static void item(struct para *p, const char *separator, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void item(struct para *p, const char *separator, const char *fmt, ...)
{
	char text[2 * ITEM_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	item_raw(p, separator, text);
}

/* Foreign text as an item; NULL is left out. */
static void item_text(struct para *p, const char *separator, const char *s)
{
	char text[ITEM_MAX];

	if (s && *s)
		item_raw(p, separator, text_escape_str(s, text, sizeof(text)));
}

/* EFI's separator is what escapes are made of; a slash reads better than \x5c. */
static void item_path(struct para *p, const char *separator, const char *s)
{
	char path[ITEM_MAX], text[ITEM_MAX];

	if (!s)
		return;
	snprintf(path, sizeof(path), "%s", s);
	for (char *c = path; *c; c++)
		if (*c == '\\')
			*c = '/';
	/* Cut inside a character, perhaps: the escape shows it as what it is. */
	item_raw(p, separator, text_escape_str(path, text, sizeof(text)));
}

/* "serial ABC" */
static void item_named(struct para *p, const char *separator, const char *name, const char *s)
{
	char text[ITEM_MAX];

	if (s && *s)
		item(p, separator, "%s %s", name, text_escape_str(s, text, sizeof(text)));
}

static struct para line(struct strbuf *b, size_t margin, size_t hang)
{
	spaces(b, margin);
	return (struct para){ b, margin + hang, margin, true };
}

static struct para labelled(struct strbuf *b, const char *label)
{
	struct para p = { b, LABEL_WIDTH, LABEL_WIDTH, true };

	strbuf_addf(b, "%-*s", LABEL_WIDTH, label);
	return p;
}

static void end(struct para *p)
{
	strbuf_add(p->b, "\n");
}

static void heading(struct strbuf *b, const char *text)
{
	strbuf_addf(b, "\n%s\n", text);
}

static void say_system(struct strbuf *b, const struct machine *m)
{
	struct para p = line(b, 0, 0);

	item_text(&p, "", m->hostname ? m->hostname : "(machine without a name)");
	end(&p);
	p = labelled(b, "System");
	item_text(&p, ", ", m->os.pretty_name ? m->os.pretty_name :
			    m->os.id ? m->os.id : "unknown system");
	item_named(&p, ", ", "kernel", m->os.kernel);
	item_text(&p, ", ", m->os.arch);
	item_text(&p, ", ", m->os.init);
	end(&p);
	if (m->recorded_at || m->recorded_by) {
		p = labelled(b, "Recorded");
		item_text(&p, " ", m->recorded_at);
		item_named(&p, " ", "by", m->recorded_by);
		end(&p);
	}
}

static void say_model(struct strbuf *b, const struct machine_smbios *s)
{
	struct para p;

	if (!s->sys_vendor && !s->product_name && !s->uuid)
		return;
	p = labelled(b, "Model");
	item_text(&p, " ", s->sys_vendor);
	item_text(&p, " ", s->product_name);
	item_named(&p, ", ", "serial", s->product_serial);
	item_named(&p, ", ", "UUID", s->uuid);
	end(&p);
}

static void say_firmware(struct strbuf *b, const struct machine *m)
{
	const struct machine_firmware *f = &m->firmware;
	const struct machine_boot_entry *e = machine_boot_current(m);
	struct para p = labelled(b, "Firmware");
	char text[ITEM_MAX];

	if (f->type == MACHINE_FIRMWARE_UEFI) {
		item(&p, "", "UEFI");
		item(&p, ", ", "Secure Boot %s", f->secure_boot ? "on" : "off");
		if (f->setup_mode)
			item(&p, ", ", "setup mode");
	} else {
		item(&p, "", "%s", f->type == MACHINE_FIRMWARE_BIOS ? "BIOS" : "not known");
	}
	if (e) {
		item(&p, ", ", "booted from Boot%04X", e->number);
		if (e->label)
			item(&p, " ", "\"%s\"", text_escape_str(e->label, text, sizeof(text)));
		item_path(&p, " ", e->file);
	}
	end(&p);
}

static void say_cpu(struct strbuf *b, const struct machine_cpu *c)
{
	struct para p = labelled(b, "CPU");

	item_text(&p, "", c->model ? c->model : c->vendor ? c->vendor : "not known");
	if (c->sockets)
		item(&p, ", ", "%u socket%s x %u core%s x %u thread%s", c->sockets,
		     c->sockets == 1 ? "" : "s", c->cores_per_socket,
		     c->cores_per_socket == 1 ? "" : "s", c->threads_per_core,
		     c->threads_per_core == 1 ? "" : "s");
	if (c->online)
		item(&p, ", ", "%u online", c->online);
	if (c->x86_64_level)
		item(&p, ", ", "x86-64-v%u", c->x86_64_level);
	end(&p);
}

static void say_memory(struct strbuf *b, const struct machine_memory *mem)
{
	struct para p = labelled(b, "Memory");
	char size[SIZE_TEXT_MAX];

	if (mem->installed)
		item(&p, "", "%s", size_format(mem->installed, size));
	else
		item(&p, "", "not known");
	if (mem->source && strcmp(mem->source, "dmi") == 0)
		item(&p, " ", "in modules");
	if (mem->usable && mem->usable != mem->installed)
		item(&p, ", ", "%s usable", size_format(mem->usable, size));
	end(&p);
}

static void say_devices(struct strbuf *b, const struct machine *m)
{
	struct para p;

	if (m->tpm_present) {
		p = labelled(b, "TPM");
		item_text(&p, "", m->tpm_version ? m->tpm_version : "present");
		end(&p);
	}
	for (size_t i = 0; i < m->nwatchdogs; i++) {
		const struct machine_watchdog *w = &m->watchdogs[i];

		p = labelled(b, i ? "" : "Watchdog");
		item_text(&p, "", w->identity ? w->identity : w->driver ? w->driver : "present");
		item_named(&p, ", ", "driver", w->driver);
		if (w->in_use)
			item(&p, ", ", "in use");
		end(&p);
	}
}

static void say_clock(struct strbuf *b, const struct machine_clock *c)
{
	struct para p = labelled(b, "Clock");
	char text[SIZE_TEXT_MAX];
	uint64_t off = c->rtc_minus_system < 0 ? 0 - (uint64_t)c->rtc_minus_system :
						 (uint64_t)c->rtc_minus_system;

	item(&p, "", "hardware clock in %s", c->rtc_local ? "local time" : "UTC");
	if (c->rtc_known && off > 1)
		item(&p, ", ", "%s %s the system", size_format_duration(off, text),
		     c->rtc_minus_system < 0 ? "behind" : "ahead of");
	item_text(&p, ", ", c->timezone);
	end(&p);
}

static void say_strv(struct para *p, const char *separator, const char *name,
		     const struct machine_strv *v)
{
	for (size_t i = 0; i < v->n; i++) {
		if (i == 0 && name)
			item_named(p, separator, name, v->v[i]);
		else
			item_text(p, i ? " " : separator, v->v[i]);
	}
}

/* Columns of a table: pad the last item to a width. */
static void pad(struct para *p, size_t column)
{
	if (p->column >= column)
		return;
	spaces(p->b, column - p->column);
	p->column = column;
}

static void say_fs(struct para *p, const struct machine_fs *fs,
		   const struct machine_strv *mountpoints)
{
	char text[SIZE_TEXT_MAX];

	item_text(p, "  ", fs->type);
	say_strv(p, "  ", NULL, mountpoints);
	if (fs->size && fs->used)
		item(p, "  ", "%s used", size_format(fs->used, text));
	item_named(p, "  ", "label", fs->label);
}

/* The type of a partition where there is no filesystem to speak for it. */
static const char *type_name(const char *type)
{
	static const struct {
		const char *type, *name;
	} names[] = {
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system" },
		{ "21686148-6449-6e6f-744e-656564454649", "BIOS boot" },
		{ "9e1a2d38-c612-4316-aa26-8b49521e5a8b", "PReP boot" },
		{ "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved" },
		{ "0x5", "extended" }, { "0xf", "extended" }, { "0x85", "extended" },
	};

	for (size_t i = 0; type && i < ARRAY_SIZE(names); i++)
		if (strcmp(type, names[i].type) == 0)
			return names[i].name;
	return NULL;
}

static void say_partition(struct strbuf *b, const struct machine_partition *pt)
{
	struct para p = line(b, 4, 4);
	char text[SIZE_TEXT_MAX];
	const char *type = type_name(pt->type);

	item_text(&p, "", pt->name);
	pad(&p, 16);
	item(&p, "  ", "%10s", size_format(pt->size, text));
	if (type)
		item_text(&p, "  ", type);
	else if (!pt->fs.type)
		item_named(&p, "  ", "type", pt->type);
	say_fs(&p, &pt->fs, &pt->mountpoints);
	if (pt->boot)
		item(&p, "  ", "active");
	end(&p);
}

static void say_disk(struct strbuf *b, const struct machine_disk *d)
{
	struct para p = line(b, 2, 4);
	char text[SIZE_TEXT_MAX];

	item_text(&p, "", d->name);
	pad(&p, 16);
	item(&p, "  ", "%10s", size_format(d->size, text));
	item_text(&p, "  ", d->vendor);
	item_text(&p, d->vendor ? " " : "  ", d->model);
	item_named(&p, ", ", "serial", d->serial);
	item_text(&p, ", ", d->transport);
	if (!d->transport || !d->driver || strcmp(d->transport, d->driver) != 0)
		item_named(&p, " ", "by", d->driver);
	item(&p, ", ", "%s", d->rotational ? "rotating" : "solid state");
	if (d->logical_sector && d->logical_sector != 512)
		item(&p, ", ", "%u-byte sectors", d->logical_sector);
	item_text(&p, ", ", d->table);
	if (d->removable)
		item(&p, ", ", "removable");
	if (d->readonly)
		item(&p, ", ", "read-only");
	say_fs(&p, &d->fs, &d->mountpoints);
	end(&p);
	for (size_t i = 0; i < d->npartitions; i++)
		say_partition(b, &d->partitions[i]);
}

static void say_volume(struct strbuf *b, const struct machine_volume *v)
{
	struct para p = line(b, 2, 4);
	char text[SIZE_TEXT_MAX];

	item_text(&p, "", v->path && v->kind && strcmp(v->kind, "md") != 0 ? v->path : v->name);
	pad(&p, 30);
	item(&p, "  ", "%10s", size_format(v->size, text));
	item_text(&p, "  ", v->kind);
	item_text(&p, " ", v->level);
	say_strv(&p, " ", "on", &v->slaves);
	say_fs(&p, &v->fs, &v->mountpoints);
	end(&p);
}

/* Virtual links without an address are the business of whatever made them. */
static bool is_boring(const struct machine_nic *n)
{
	return n->kind && strcmp(n->kind, "virtual") == 0 && n->naddresses == 0;
}

static void say_nic(struct strbuf *b, const struct machine_nic *n)
{
	struct para p = line(b, 2, 16);

	item_text(&p, "", n->name);
	pad(&p, 16);
	item_text(&p, "  ", n->kind ? n->kind : "unknown");
	if (n->vlan_id)
		item(&p, " ", "%u", n->vlan_id);
	item_text(&p, "  ", n->mac);
	if (n->permanent_mac && n->mac && strcmp(n->permanent_mac, n->mac) != 0)
		item_named(&p, " ", "permanent", n->permanent_mac);
	item_text(&p, "  ", n->driver);
	item_text(&p, " ", n->bus);
	item(&p, "  ", "%s", !n->up ? "down" : n->carrier ? "up" : "no carrier");
	if (n->speed > 0)
		item(&p, " ", "%" PRId64 " Mbit/s", n->speed);
	say_strv(&p, "  ", "on", &n->lower);
	item_named(&p, "  ", "in", n->master);
	end(&p);
	for (size_t i = 0; i < n->naddresses; i++) {
		const struct machine_address *a = &n->addresses[i];

		/* Every link has one of these, made from its MAC. */
		if (a->scope && strcmp(a->scope, "link") == 0)
			continue;
		p = line(b, 18, 0);
		item_text(&p, "", a->address);
		if (a->dynamic)
			item(&p, " ", "(dynamic)");
		end(&p);
	}
}

static void say_routes(struct strbuf *b, const struct machine *m)
{
	struct para p;

	if (m->nroutes == 0 && m->dns.n == 0)
		return;
	heading(b, "Routes and name servers");
	for (size_t i = 0; i < m->nroutes; i++) {
		p = line(b, 2, 4);
		item_text(&p, "", m->routes[i].destination);
		item_named(&p, " ", "via", m->routes[i].gateway);
		item_named(&p, " ", "dev", m->routes[i].nic);
		end(&p);
	}
	if (m->dns.n > 0) {
		p = line(b, 2, 4);
		say_strv(&p, "", "DNS", &m->dns);
		end(&p);
	}
}

/* A warning is a sentence: it breaks at its blanks. */
static void say_warning(struct strbuf *b, const char *text)
{
	struct para p = line(b, 2, 2);

	item_raw(&p, "", "-");
	while (*text) {
		size_t n = strcspn(text, " ");
		char word[ITEM_MAX];

		if (n > 0)
			item_raw(&p, " ", text_escape(text, n, word, sizeof(word)));
		text += n + (text[n] == ' ');
	}
	end(&p);
}

char *summary_text(const struct machine *m)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	say_system(&b, m);
	say_model(&b, &m->smbios);
	say_firmware(&b, m);
	say_cpu(&b, &m->cpu);
	say_memory(&b, &m->memory);
	say_devices(&b, m);
	say_clock(&b, &m->clock);
	heading(&b, "Disks");
	for (size_t i = 0; i < m->ndisks; i++)
		say_disk(&b, &m->disks[i]);
	if (m->ndisks == 0)
		strbuf_add(&b, "  none found\n");
	if (m->nvolumes > 0)
		heading(&b, "Volumes");
	for (size_t i = 0; i < m->nvolumes; i++)
		say_volume(&b, &m->volumes[i]);
	if (m->nnics > 0)
		heading(&b, "Network");
	for (size_t i = 0; i < m->nnics; i++)
		if (!is_boring(&m->nics[i]))
			say_nic(&b, &m->nics[i]);
	say_routes(&b, m);
	if (m->warnings.n > 0)
		heading(&b, "Warnings");
	for (size_t i = 0; i < m->warnings.n; i++)
		say_warning(&b, m->warnings.v[i]);
	return strbuf_take(&b);
}
