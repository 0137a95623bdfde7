/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "network-config": the settings of every network stack whose files are there, whichever of
 * them is in use. What is done to them is said in net_plan.h and in the header of each rewriter.
 *
 * New addresses go where the interface has its settings. When it has none, a file is made for the
 * first stack that is there, in the order of stacks[].
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/net_bond.h"
#include "postfix/linux/net_doc.h"
#include "postfix/linux/net_etc.h"
#include "postfix/linux/net_ifcfg.h"
#include "postfix/linux/net_ifupdown.h"
#include "postfix/linux/net_netplan.h"
#include "postfix/linux/net_networkd.h"
#include "postfix/linux/net_nm.h"

#define RH	"/etc/sysconfig/network-scripts"
#define SUSE	"/etc/sysconfig/network"
#define NM	"/etc/NetworkManager/system-connections"
#define NETWORKD "/etc/systemd/network"
#define CONNMAN	"/var/lib/connman"
#define IFUPDOWN "/etc/network/interfaces"

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Takes the notes. */
static int tell(struct fixer *f, const char *path, struct machine_strv *notes, int r)
{
	for (size_t i = 0; i < notes->n; i++) {
		if (fixer_warn(f, "%s: %s", path, notes->v[i]) < 0)
			r = -ENOMEM;
		free(notes->v[i]);
	}
	free(notes->v);
	return r;
}

static void mark(struct fixer *f, const struct net_if *x)
{
	if (x)
		f->net->done[x - f->net->v] = true;
}

/* What a rewriter said of a file. */
static int judge(struct fixer *f, const char *path, int r, const struct net_if *done)
{
	mark(f, done);
	if (r != NET_REMOVE)
		return r;
	fixer_say(f, "%s is for a member of a bond that becomes one interface: removed", path);
	r = guest_edit_remove(&f->edits, path, NULL);
	return r < 0 ? r : 0;
}

static int rh_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	const struct net_if *done = NULL;
	int r = net_ifcfg_rewrite(base(path), text, false, f->net, ret, &done, &notes);

	return judge(f, path, tell(f, path, &notes, r), done);
}

static int nm_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	const struct net_if *done = NULL;
	int r = net_nm_rewrite(text, f->net, ret, &done, &notes);

	return judge(f, path, tell(f, path, &notes, r), done);
}

static int nm_conf(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	int r = net_nm_conf(text, f->net, ret, &notes);

	return tell(f, path, &notes, r);
}

static int networkd_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	const struct net_if *done = NULL;
	int r;

	/* The pins are the other row's. */
	if (strncmp(base(path), "10-p2v-", 7) == 0)
		return 0;
	r = net_networkd_rewrite(base(path), text, f->net, ret, &done, &notes);
	return judge(f, path, tell(f, path, &notes, r), done);
}

static int ifupdown_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	int r = net_ifupdown_rewrite(text, f->net, ret, f->net->done, &notes);

	return tell(f, path, &notes, r);
}

static int netplan_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	int r = net_netplan_rewrite(text, f->net, ret, f->net->done, &notes);

	return tell(f, path, &notes, r);
}

static int modprobe_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return net_bond_modprobe(text, f->net, ret);
}

static int dhcpcd_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return net_etc_dhcpcd(text, f->net, ret, f->net->done);
}

static int wicked_file(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)ret;
	if (!strstr(text, "<bond>") && !strstr(text, "<team>") && !f->net->new_macs)
		return 0;
	return fixer_warn(f, "%s: wicked's own format is left as it is: look at bonds and "
			     "addresses of hardware in it", path);
}

static const struct place {
	const char *dir, *glob;		/* glob NULL: dir is a file */
	int (*rewrite)(struct fixer *f, const char *path, const char *text, char **ret);
} places[] = {
	{ NETWORKD, "*.network", networkd_file },
	{ NETWORKD, "*.netdev", networkd_file },
	{ NETWORKD, "*.link", networkd_file },
	{ NM, "*", nm_file },
	{ "/etc/NetworkManager/NetworkManager.conf", NULL, nm_conf },
	{ "/etc/NetworkManager/conf.d", "*.conf", nm_conf },
	{ RH, "ifcfg-*", rh_file },
	{ "/etc/wicked/ifconfig", "*.xml", wicked_file },
	{ "/etc/netplan", "*.yaml", netplan_file },
	{ IFUPDOWN, NULL, ifupdown_file },
	{ IFUPDOWN ".d", "*", ifupdown_file },
	{ "/etc/dhcpcd.conf", NULL, dhcpcd_file },
	{ "/etc/modprobe.d", "*.conf", modprobe_file },
	{ "/etc/modprobe.conf", NULL, modprobe_file },
	{ "/etc/modprobe.conf.local", NULL, modprobe_file },
};

/* Red Hat's gateway for all interfaces. */
static int rh_gateway(struct fixer *f, const char *path, const char *text, char **ret)
{
	CLEANUP(net_doc_done) struct net_doc d = { 0 };
	struct span dev;
	bool any = false, named;
	int r = net_doc_open(&d, NET_SHELL, text);

	(void)path;
	if (r < 0)
		return r == -EBADMSG ? 0 : r;
	named = net_doc_get(&d, NULL, "GATEWAYDEV", &dev) && dev.len;
	for (size_t i = 0; i < f->net->n; i++) {
		const struct net_if *x = &f->net->v[i];

		any = any || (x->readdress && f->net->done[i] && ipspec_has(&x->ip, false) &&
			      (named ? lines_span_is(dev, x->new_name) : x->ip.has_gateway[0]));
	}
	if (any)
		net_doc_off(&d, NULL, "GATEWAY", NULL, NULL);
	return net_doc_take(&d, ret);
}

/* -- SUSE: files may get another name, and gateways are elsewhere */

static bool is_backup(const char *name)
{
	size_t n = strlen(name);

	return n && (name[n - 1] == '~' || strstr(name, ".bak") || strstr(name, ".rpm") ||
		     strstr(name, ".orig") || strstr(name, ".old"));
}

static int suse_file(struct fixer *f, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *path = text_format(SUSE "/%s", name), *text = NULL, *out = NULL;
	CLEANUP(mem_free) char *other = net_ifcfg_new_name(name, f->net), *to = NULL;
	struct machine_strv notes = { 0 };
	const struct net_if *done = NULL;
	int r;

	if (!path)
		return err_nomem(err);
	if (guest_edit_read(&f->edits, path, &text, NULL) < 0)
		return 0;
	r = net_ifcfg_rewrite(name, text, true, f->net, &out, &done, &notes);
	r = judge(f, path, tell(f, path, &notes, r), done);
	if (r < 0)
		return err_code(err, -r, "cannot work on %s", path);
	if (!guest_edit_exists(&f->edits, path))
		return 0;
	if (other) {
		to = text_format(SUSE "/%s", other);
		if (!to)
			return err_nomem(err);
		if (guest_edit_exists(&f->edits, to)) {
			fixer_say(f, "%s: there is %s already", path, to);
		} else {
			fixer_say(f, "%s is called %s now", path, other);
			r = guest_edit_write(&f->edits, to, out ? out : text, 0600, err);
			return r < 0 ? r : guest_edit_remove(&f->edits, path, err);
		}
	}
	return out ? guest_edit_write(&f->edits, path, out, 0600, err) : 0;
}

static int suse_route_file(struct fixer *f, const struct net_if *x, const char *path, bool all,
			   struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	bool there = guest_edit_read(&f->edits, path, &text, NULL) == 0;
	int r;

	if (!there && all)
		return 0;
	r = net_ifcfg_routes(there ? text : "", x, all, !all, &to);
	if (r < 0)
		return err_nomem(err);
	return r ? guest_edit_write(&f->edits, path, to, 0644, err) : 0;
}

static int suse_dns(struct fixer *f, const struct net_if *x, struct err *err)
{
	static const char path[] = SUSE "/config";
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	int r;

	if (!x->ip.ndns || guest_edit_read(&f->edits, path, &text, NULL) < 0)
		return 0;
	r = net_etc_suse_dns(text, &x->ip, &to);
	if (r < 0)
		return err_nomem(err);
	return r ? guest_edit_write(&f->edits, path, to, 0644, err) : 0;
}

static int suse_routes(struct fixer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < f->net->n && r >= 0; i++) {
		const struct net_if *x = &f->net->v[i];
		char path[80];

		if (!x->readdress || !f->net->done[i])
			continue;
		snprintf(path, sizeof(path), SUSE "/ifroute-%.15s", x->new_name);
		r = suse_route_file(f, x, SUSE "/routes", true, err);
		if (r >= 0)
			r = suse_route_file(f, x, path, false, err);
		if (r >= 0)
			r = suse_dns(f, x, err);
	}
	return r;
}

static int suse(struct fixer *f, struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, SUSE, NULL);
	bool any = false;
	int r = 0;

	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		if (strncmp(names[i], "ifcfg-", 6) != 0 || is_backup(names[i]) ||
		    strcmp(names[i], "ifcfg-lo") == 0)
			continue;
		any = true;
		r = suse_file(f, names[i], err);
	}
	return r >= 0 && any ? suse_routes(f, err) : r;
}

/* -- connman: the address of the hardware is in the names of folder and section */

static int connman_service(struct fixer *f, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *path = text_format(CONNMAN "/%s/settings", name), *text = NULL;
	CLEANUP(mem_free) char *service = NULL, *out = NULL, *to = NULL;
	const struct net_if *done = NULL;
	int r;

	if (!path)
		return err_nomem(err);
	if (guest_edit_read(&f->edits, path, &text, NULL) < 0)
		return 0;
	r = net_etc_connman(name, text, f->net, &service, &out, &done);
	mark(f, done);
	if (r <= 0)
		return r < 0 ? err_nomem(err) : 0;
	to = text_format(CONNMAN "/%s/settings", service ? service : name);
	if (!to)
		return err_nomem(err);
	r = guest_edit_write(&f->edits, to, out, 0600, err);
	return r < 0 || !service ? r : guest_edit_remove(&f->edits, path, err);
}

static int connman(struct fixer *f, struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, CONNMAN, NULL);
	int r = 0;

	for (size_t i = 0; names && names[i] && r >= 0; i++)
		if (strncmp(names[i], "ethernet_", 9) == 0)
			r = connman_service(f, names[i], err);
	return r;
}

/* -- new addresses for an interface that has no settings yet */

static int make_file(struct fixer *f, const char *path, char *text, int mode, struct err *err)
{
	int r = text ? guest_edit_write(&f->edits, path, text, mode, err) : err_nomem(err);

	free(text);
	return r;
}

static int append_interfaces(struct fixer *f, const struct net_if *x, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *more = net_ifupdown_new(x), *all = NULL;

	if (guest_edit_read(&f->edits, IFUPDOWN, &text, NULL) < 0)
		return 0;
	all = more ? text_format("%s%s", text, more) : NULL;
	return all ? guest_edit_write(&f->edits, IFUPDOWN, all, 0644, err) : err_nomem(err);
}

static bool has_any(struct fixer *f, const char *dir, const char *end)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++) {
		size_t n = strlen(names[i]), k = strlen(end);

		if (n >= k && strcmp(names[i] + n - k, end) == 0)
			return true;
	}
	return false;
}

static int make_new(struct fixer *f, const struct net_if *x, struct err *err)
{
	const char *n = x->new_name;
	char path[120];

	fixer_say(f, "%s had no settings: they are made", n);
	if (has_any(f, "/etc/netplan", ".yaml"))
		return make_file(f, "/etc/netplan/99-p2v.yaml", net_netplan_new(x), 0600, err);
	if (guest_is_dir(f->guest, RH)) {
		snprintf(path, sizeof(path), RH "/ifcfg-%.15s", n);
		/* Without its plug-in NetworkManager reads no ifcfg files any more. */
		if (guest_is_file(f->guest, "/etc/sysconfig/network-scripts/ifcfg-lo") ||
		    !guest_is_dir(f->guest, NM))
			return make_file(f, path, net_ifcfg_new(x, false), 0644, err);
	}
	if (guest_is_dir(f->guest, SUSE)) {
		snprintf(path, sizeof(path), SUSE "/ifcfg-%.15s", n);
		return make_file(f, path, net_ifcfg_new(x, true), 0600, err);
	}
	if (guest_is_dir(f->guest, NM)) {
		snprintf(path, sizeof(path), NM "/p2v-%.15s.nmconnection", n);
		return make_file(f, path, net_nm_new(x), 0600, err);
	}
	if (guest_is_file(f->guest, IFUPDOWN))
		return append_interfaces(f, x, err);
	if (guest_is_dir(f->guest, NETWORKD)) {
		snprintf(path, sizeof(path), NETWORKD "/05-p2v-%.15s.network", n);
		return make_file(f, path, net_networkd_new(x), 0644, err);
	}
	return fixer_warn(f, "%s: nothing that configures the network was found: its new addresses "
			     "are not set", n);
}

static int make_missing(struct fixer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < f->net->n && r >= 0; i++) {
		const struct net_if *x = &f->net->v[i];

		if (!x->readdress || f->net->done[i])
			continue;
		/* Its settings would need more than addresses: what it stands on, its number. */
		if (!x->vnic && !x->flat)
			r = fixer_warn(f, "%s: no settings were found: its new addresses are not "
					  "set", x->name);
		else
			r = make_new(f, x, err);
	}
	return r < 0 ? r : 0;
}

/* -- */

/* The module makes a bond0 of its own when it is loaded, in the way of a NIC of that name. */
static int no_empty_bond(struct fixer *f, struct err *err)
{
	static const char path[] = "/etc/modprobe.d/p2v-bonding.conf";
	bool flat = false;

	for (size_t i = 0; i < f->net->n; i++)
		flat = flat || f->net->v[i].flat;
	if (!flat || !guest_is_dir(f->guest, "/etc/modprobe.d") ||
	    guest_edit_exists(&f->edits, path))
		return 0;
	return guest_edit_write(&f->edits, path, "options bonding max_bonds=0\n", 0644, err);
}

/* What works in a VM but not as it did. */
static int advise(struct fixer *f)
{
	for (size_t i = 0; i < f->net->n; i++) {
		const struct net_if *x = &f->net->v[i];
		const struct machine_nic *nic = x->nic;
		int r = 0;

		if (x->flat)
			fixer_say(f, "%s is one interface now, with the address %s", x->name,
				  x->carrier->mac);
		else if (x->carrier)
			r = fixer_warn(f, "%s is kept, with one member in use at a time: on a "
					  "virtual network one interface is enough "
					  "(--bond flatten)",
				       x->name);
		else if (f->opt->flatten_bonds && nic->kind && strcmp(nic->kind, "bond") == 0)
			r = fixer_warn(f, "%s has no member that becomes a virtual NIC: it is kept",
				       x->name);
		if (nic->kind && strcmp(nic->kind, "vlan") == 0)
			r = fixer_warn(f, "%s is VLAN %u: its network must reach the VM tagged",
				       x->name, nic->vlan_id);
		if (r >= 0 && x->vnic && nic->mtu > 1500)
			r = fixer_warn(f, "%s has an MTU of %u, which is kept: its network on the "
					  "host must carry that", x->new_name, nic->mtu);
		if (r >= 0 && x->vnic && nic->sriov_vfs)
			r = fixer_warn(f, "%s had %u virtual functions: the virtual machine's has "
					  "none", x->name, nic->sriov_vfs);
		if (r < 0)
			return r;
	}
	return 0;
}

static int all_places(struct fixer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(places) && r >= 0; i++)
		r = places[i].glob ? fixer_rewrite_all(f, places[i].dir, places[i].glob,
						       places[i].rewrite, err)
				   : fixer_rewrite(f, places[i].dir, places[i].rewrite, err);
	return r;
}

int linux_network_config_detect(struct fixer *f, struct err *err)
{
	int r = linux_network_plan(f, err);

	if (r < 0)
		return r;
	r = all_places(f, err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/sysconfig/network", rh_gateway, err);
	if (r >= 0)
		r = suse(f, err);
	if (r >= 0)
		r = connman(f, err);
	if (r >= 0)
		r = make_missing(f, err);
	if (r >= 0)
		r = no_empty_bond(f, err);
	if (r >= 0 && advise(f) < 0)
		return err_nomem(err);
	return r < 0 ? r : 0;
}
