/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "network-names". The virtual NICs have the old MAC addresses (or those that were asked for)
 * in other slots with another driver: names are pinned to the MACs, so that everything that
 * mentions a name (addresses, firewall, DHCP server, ...) stays right without being touched.
 *
 * Where udev has its net_setup_link rule, a .link file does it; Name= counts also where the kernel
 * was told net.ifnames=0, which only switches the policy off. Elsewhere (RHEL 6, SLES 11, Debian 7
 * and older) a udev rule does, and that udev swaps names by itself. biosdevname gives no names in
 * a virtual machine, so em1 and p1p1 are pinned as all others are.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/netcfg.h"

int linux_network_plan(struct fixer *f, struct err *err)
{
	if (f->net)
		return 0;
	return net_plan_make(f->m, f->opt->nics, f->opt->nnics, f->opt->flatten_bonds, &f->net,
			     err);
}

/* From the name of systemd's own library; 0 unknown. */
static int systemd_version(struct fixer *f)
{
	static const char *const dirs[] = {
		"/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
		"/usr/lib/i386-linux-gnu/systemd", "/usr/lib/systemd", "/lib/systemd",
		"/usr/lib64/systemd",
	};
	static const char prefix[] = "libsystemd-shared-";

	for (size_t d = 0; d < ARRAY_SIZE(dirs); d++) {
		CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dirs[d], NULL);

		for (size_t i = 0; names && names[i]; i++)
			if (strncmp(names[i], prefix, sizeof(prefix) - 1) == 0)
				return atoi(names[i] + sizeof(prefix) - 1);
	}
	return 0;
}

/* Does this udev apply .link files? The administrator can have switched that off. */
static bool uses_links(struct fixer *f)
{
	static const char rules[] = "80-net-setup-link.rules";
	char path[80];
	CLEANUP(mem_free) char *mask = NULL;

	snprintf(path, sizeof(path), "/etc/udev/rules.d/%s", rules);
	mask = guest_readlink(f->guest, path);
	if (mask && strcmp(mask, "/dev/null") == 0)
		return false;
	return guest_is_file(f->guest, "/usr/lib/udev/rules.d/80-net-setup-link.rules") ||
	       guest_is_file(f->guest, "/lib/udev/rules.d/80-net-setup-link.rules");
}

static int pin_by_link(struct fixer *f, struct err *err)
{
	int version = systemd_version(f);

	for (size_t i = 0; i < f->net->n; i++) {
		const struct net_if *x = &f->net->v[i];
		CLEANUP(mem_free) char *text = NULL, *have = NULL;
		char path[80];
		int r;

		if (!x->vnic)
			continue;
		if (netcfg_link_file(x->new_name, x->mac, version >= 245, &text) < 0)
			return err_nomem(err);
		snprintf(path, sizeof(path), "/etc/systemd/network/10-p2v-%s.link", x->new_name);
		r = guest_edit_read(&f->edits, path, &have, NULL);
		if (r == 0 && strcmp(have, text) == 0)
			continue;
		r = guest_edit_write(&f->edits, path, text, 0644, err);
		if (r < 0)
			return r;
		fixer_say(f, "%s is the interface with %s", x->new_name, x->mac);
	}
	return 0;
}

static const char persistent_rules[] = "/etc/udev/rules.d/70-persistent-net.rules";

static int pin_by_rule(struct fixer *f, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	CLEANUP(mem_free) char *text = NULL;
	int r = guest_edit_read(&f->edits, persistent_rules, &text, NULL);
	size_t before;

	if (r < 0 && r != -ENOENT)
		return err_set(err, -r, "cannot read %s", persistent_rules);
	strbuf_add(&out, text ? text : "");
	if (out.len && out.s[out.len - 1] != '\n')
		strbuf_add(&out, "\n");
	before = out.len;
	for (size_t i = 0; i < f->net->n; i++) {
		const struct net_if *x = &f->net->v[i];
		CLEANUP(mem_free) char *rule = NULL;

		if (!x->vnic || (text && strcasestr(text, x->mac)))
			continue;
		if (netcfg_udev_rule(x->new_name, x->mac, &rule) < 0)
			return err_nomem(err);
		strbuf_add(&out, rule);
		fixer_say(f, "%s is the interface with %s", x->new_name, x->mac);
	}
	if (out.failed)
		return err_nomem(err);
	return out.len == before ? 0
				 : guest_edit_write(&f->edits, persistent_rules, out.s, 0644, err);
}

static int udev_rules(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return netcfg_rewrite_udev(text, f->net, ret);
}

/* Who knew the machine by its old addresses has to be told. */
static int tell_new_macs(struct fixer *f)
{
	for (size_t i = 0; i < f->net->n; i++) {
		const struct net_if *x = &f->net->v[i];

		if (x->vnic && strcmp(x->mac, x->old_mac) != 0 &&
		    fixer_warn(f, "%s has %s instead of %s: DHCP reservations, port security and "
				  "licences that go by the address need the new one",
			       x->new_name, x->mac, x->old_mac) < 0)
			return -ENOMEM;
	}
	return 0;
}

int linux_network_names_detect(struct fixer *f, struct err *err)
{
	size_t pinnable = 0;
	int r = linux_network_plan(f, err);

	for (size_t i = 0; r >= 0 && i < f->net->n; i++)
		pinnable += f->net->v[i].vnic;
	if (r >= 0 && !pinnable &&
	    fixer_warn(f, "no network interface was recorded: the guest's interfaces may "
			  "come up under other names") < 0)
		return err_nomem(err);
	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/udev/rules.d", "*net*.rules", udev_rules, err);
	if (r >= 0)
		r = uses_links(f) ? pin_by_link(f, err) : pin_by_rule(f, err);
	if (r >= 0 && tell_new_macs(f) < 0)
		return err_nomem(err);
	return r < 0 ? r : 0;
}

static int cd_rules(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)f;
	(void)path;
	return netcfg_rewrite_cd(text, ret);
}

int linux_cd_names_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite_all(f, "/etc/udev/rules.d", "*-cd.rules", cd_rules, err);

	return r < 0 ? r : 0;
}
