/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/medium/medium.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "inventory/plan/plan.h"

/* As iso/image and the overlay's script key have them. */
#define LABEL_MEDIUM	"P2V"
#define LABEL_KEY	"P2V-KEY"

static void add_addresses(struct strbuf *b, const struct ipspec *ip)
{
	for (size_t i = 0; i < ip->naddresses; i++)
		strbuf_addf(b, "%s%s/%u", i ? " " : "address=", ip->address[i].text,
			    ip->address[i].prefix);
	if (ip->naddresses > 0)
		strbuf_add(b, "\n");
	for (size_t i = 0, n = 0; i < 2; i++)
		if (ip->has_gateway[i])
			strbuf_addf(b, "%s%s", n++ ? " " : "gateway=", ip->gateway[i].text);
	if (ip->has_gateway[0] || ip->has_gateway[1])
		strbuf_add(b, "\n");
	for (size_t i = 0; i < ip->ndns; i++)
		strbuf_addf(b, "%s%s", i ? " " : "dns=", ip->dns[i].text);
	if (ip->ndns > 0)
		strbuf_add(b, "\n");
}

static void add_summary(struct strbuf *b, const struct medium_cmdline *c)
{
	char shown[256];

	if (!c->server)
		return;
	strbuf_addf(b, "summary=to %s", text_escape_str(c->server, shown, sizeof(shown)));
	if (c->name)
		strbuf_addf(b, " as %s", c->name);
	for (size_t i = 0; i < c->disks.n; i++)
		strbuf_addf(b, "%s%s", i ? ", " : ": ",
			    text_escape_str(c->disks.v[i], shown, sizeof(shown)));
	strbuf_add(b, "\n");
}

char *medium_settings(const struct medium_cmdline *c)
{
	static const char *const modes[] = { "ask", "convert", "inventory", "shell" };
	static const char *const posts[] = { "stay", "poweroff", "reboot" };
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	strbuf_addf(&b, "mode=%s\npost=%s\n", modes[c->mode], posts[c->post]);
	add_summary(&b, c);
	if (c->ip.dhcp)
		strbuf_add(&b, "dhcp=yes\n");
	add_addresses(&b, &c->ip);
	if (c->link)
		strbuf_addf(&b, "nic=%s\n", c->link);
	if (c->vlan)
		strbuf_addf(&b, "vlan=%u\n", c->vlan);
	return strbuf_take(&b);
}

static bool same(const char *a, const char *b)
{
	return a && b && strcasecmp(a, b) == 0;
}

/* By what it is called here, by what udev would call it, by its address. */
static bool is_nic(const struct machine_nic *n, const char *text)
{
	return same(n->name, text) || same(n->mac, text) || same(n->permanent_mac, text) ||
	       machine_strv_has(&n->predictable, text) || machine_strv_has(&n->altnames, text);
}

static const struct machine_nic *find_nic(const struct machine *m, const char *text)
{
	for (size_t i = 0; i < m->nnics; i++)
		if (is_nic(&m->nics[i], text) && plan_nic(m, m->nics[i].name))
			return &m->nics[i];
	return NULL;
}

static int no_nic(const struct machine *m, const char *text, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char shown[64];

	for (size_t i = 0; i < m->plan->nnics; i++)
		strbuf_addf(&b, "%s%s", i ? ", " : "it has ", m->plan->nics[i].name);
	return err_set(err, ENODEV, "this machine has no network interface %s; %s",
		       text_escape_str(text, shown, sizeof(shown)),
		       b.len && !b.failed ? b.s : "it has none");
}

static int connect_nic(struct machine_plan_nic *p, const char *to, struct err *err)
{
	char *text = strdup(to);

	if (!text)
		return err_nomem(err);
	free(p->connect);
	p->connect = text;
	return 0;
}

/* Which connection the command line has for this one; NULL: none. */
static const char *connection(const struct medium_cmdline *c, const struct machine_nic *n)
{
	const char *rest = NULL;

	for (size_t i = 0; i < c->nmap; i++) {
		if (c->map[i].nic && is_nic(n, c->map[i].nic))
			return c->map[i].connect;
		if (!c->map[i].nic)
			rest = c->map[i].connect;
	}
	for (size_t i = 0; i < c->nics.n; i++)
		if (is_nic(n, c->nics.v[i]))
			return rest;
	return c->nics.n > 0 ? "none" : rest;
}

static int plan_nics(const struct medium_cmdline *c, struct machine *m, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < c->nmap; i++)
		if (c->map[i].nic && !find_nic(m, c->map[i].nic))
			return no_nic(m, c->map[i].nic, err);
	for (size_t i = 0; i < c->nics.n; i++)
		if (!find_nic(m, c->nics.v[i]))
			return no_nic(m, c->nics.v[i], err);
	for (size_t i = 0; i < m->plan->nnics && r == 0; i++) {
		struct machine_plan_nic *p = &m->plan->nics[i];
		const struct machine_nic *n = find_nic(m, p->name);
		const char *to = n ? connection(c, n) : NULL;

		if (to)
			r = connect_nic(p, to, err);
	}
	return r;
}

int medium_plan(const struct medium_cmdline *c, struct machine *m, struct err *err)
{
	char name[TEXT_NAME_MAX + 1];
	int r;

	text_name_make(c->name ? c->name : m->hostname ? m->hostname : "machine", name);
	r = plan_make(m, name, err);
	if (r < 0)
		return r;
	if (c->vcpus > 0)
		m->plan->vcpus = c->vcpus;
	if (c->memory > 0)
		m->plan->memory = c->memory;
	r = plan_nics(c, m, err);
	return r < 0 ? r : plan_check(m, err);
}

static int add(struct machine_strv *v, const char *option, const char *text, struct err *err)
{
	if (!text)
		return 0;
	if ((option && machine_strv_add(v, option) < 0) || machine_strv_add(v, text) < 0)
		return err_nomem(err);
	return 0;
}

int medium_arguments(const struct medium_cmdline *c, const char *identity, const char *plan,
		     struct machine_strv *ret, struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv v = { 0 };
	int r;

	if (!c->server)
		return err_set(err, ENODEV, "p2v.server is not on the kernel command line: it "
					    "says where to convert to");
	r = add(&v, NULL, "cold", err);
	if (r == 0)
		r = add(&v, "--server", c->server, err);
	if (r == 0)
		r = add(&v, "--identity", identity, err);
	if (r == 0 && identity)
		r = add(&v, NULL, "--no-input", err);
	if (r == 0)
		r = add(&v, "--plan", plan, err);
	if (r == 0)
		r = add(&v, "--name", c->name, err);
	for (size_t i = 0; r == 0 && i < c->disks.n; i++)
		r = add(&v, "--disk", c->disks.v[i], err);
	for (size_t i = 0; r == 0 && i < c->options.n; i++)
		r = add(&v, NULL, c->options.v[i], err);
	if (r < 0)
		return r;
	*ret = v;
	v = (struct machine_strv){ 0 };
	return 0;
}

static bool has_label(const struct machine_fs *fs, const char *type, const char *label)
{
	return same(fs->type, type) && same(fs->label, label);
}

bool medium_is_own(const struct machine_disk *d)
{
	if (has_label(&d->fs, "iso9660", LABEL_MEDIUM) ||
	    has_label(&d->fs, "iso9660", LABEL_KEY) || has_label(&d->fs, "vfat", LABEL_KEY))
		return true;
	for (size_t i = 0; i < d->npartitions; i++)
		if (has_label(&d->partitions[i].fs, "iso9660", LABEL_MEDIUM) ||
		    has_label(&d->partitions[i].fs, "vfat", LABEL_KEY))
			return true;
	return false;
}
