/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows "network-names" and "network-config". The virtual NICs have the old MAC addresses in other
 * slots with another driver: names are pinned to the MACs, so that everything that mentions a name
 * (addresses, firewall, DHCP server, ...) stays right without being touched.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/netcfg.h"

/* From the name of systemd's own library; 0 unknown. */
static int systemd_version(struct fixer *f)
{
	static const char *const dirs[] = {
		"/usr/lib/x86_64-linux-gnu/systemd", "/usr/lib/aarch64-linux-gnu/systemd",
		"/usr/lib/i386-linux-gnu/systemd", "/usr/lib/systemd", "/lib/systemd",
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

	for (size_t i = 0; i < f->m->nnics; i++) {
		const struct machine_nic *nic = &f->m->nics[i];
		CLEANUP(mem_free) char *text = NULL, *have = NULL;
		char path[80];
		int r;

		if (!netcfg_is_pinnable(nic))
			continue;
		if (netcfg_link_file(nic, version >= 245, &text) < 0)
			return err_nomem(err);
		snprintf(path, sizeof(path), "/etc/systemd/network/10-p2v-%s.link", nic->name);
		r = guest_edit_read(&f->edits, path, &have, NULL);
		if (r == 0 && strcmp(have, text) == 0)
			continue;
		r = guest_edit_write(&f->edits, path, text, 0644, err);
		if (r < 0)
			return r;
		fixer_say(f, "%s is the interface with %s", nic->name, netcfg_mac(nic));
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
	before = out.len;
	for (size_t i = 0; i < f->m->nnics; i++) {
		const struct machine_nic *nic = &f->m->nics[i];
		CLEANUP(mem_free) char *rule = NULL;

		if (!netcfg_is_pinnable(nic) || (text && strcasestr(text, netcfg_mac(nic))))
			continue;
		if (netcfg_udev_rule(nic, &rule) < 0)
			return err_nomem(err);
		strbuf_add(&out, rule);
		fixer_say(f, "%s is the interface with %s", nic->name, netcfg_mac(nic));
	}
	if (out.failed)
		return err_nomem(err);
	return out.len == before ? 0
				 : guest_edit_write(&f->edits, persistent_rules, out.s, 0644, err);
}

static int udev_rules(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return netcfg_rewrite_udev(text, f->m, ret);
}

int linux_network_names_detect(struct fixer *f, struct err *err)
{
	size_t pinnable = 0;
	int r;

	for (size_t i = 0; i < f->m->nnics; i++)
		pinnable += netcfg_is_pinnable(&f->m->nics[i]);
	if (!pinnable &&
	    fixer_warn(f, "no network interface was recorded: the guest's interfaces may "
			  "come up under other names") < 0)
		return err_nomem(err);
	r = fixer_rewrite_all(f, "/etc/udev/rules.d", "*net*.rules", udev_rules, err);
	if (r >= 0)
		r = uses_links(f) ? pin_by_link(f, err) : pin_by_rule(f, err);
	if (r >= 0 && netcfg_names_collide(f->m) &&
	    fixer_warn(f, "interfaces called eth0, eth1, ... were not in the order in which a "
			  "kernel finds "
			  "them: check which is which before the first boot") < 0)
		return err_nomem(err);
	return r < 0 ? r : 0;
}

struct ini_file {
	const char *dir, *glob;
	enum netcfg_ini kind;
};

static const struct ini_file ini_files[] = {
	{ "/etc/systemd/network", "*.network", NETCFG_NETWORKD_NETWORK },
	{ "/etc/systemd/network", "*.link", NETCFG_NETWORKD_LINK },
	{ "/etc/NetworkManager/system-connections", "*", NETCFG_NM },
};

static int ini(struct fixer *f, const char *path, const char *text, char **ret)
{
	struct machine_strv notes = { 0 };
	size_t n = strlen(path);
	enum netcfg_ini kind = NETCFG_NM;
	int r;

	if (n > 8 && strcmp(path + n - 8, ".network") == 0)
		kind = NETCFG_NETWORKD_NETWORK;
	else if (n > 5 && strcmp(path + n - 5, ".link") == 0)
		kind = NETCFG_NETWORKD_LINK;
	r = netcfg_rewrite_ini(kind, text, f->m, ret, &notes);
	for (size_t i = 0; i < notes.n; i++) {
		if (fixer_warn(f, "%s: %s", path, notes.v[i]) < 0)
			r = -ENOMEM;
		free(notes.v[i]);
	}
	free(notes.v);
	return r;
}

static int ifupdown(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)f;
	(void)path;
	return netcfg_rewrite_ifupdown(text, ret);
}

/* What works in a VM but not as it did. */
static int advise(struct fixer *f)
{
	for (size_t i = 0; i < f->m->nnics; i++) {
		const struct machine_nic *nic = &f->m->nics[i];
		const char *kind = nic->kind ? nic->kind : "";

		if ((strcmp(kind, "bond") == 0 || strcmp(kind, "team") == 0) &&
		    fixer_warn(f,
			       "%s is a %s: on a virtual network one interface is enough, and LACP "
			       "finds "
			       "no partner",
			       nic->name, kind) < 0)
			return -ENOMEM;
		if (strcmp(kind, "vlan") == 0 &&
		    fixer_warn(f, "%s is VLAN %u: its network must reach the VM tagged", nic->name,
			       nic->vlan_id) < 0)
			return -ENOMEM;
	}
	return 0;
}

int linux_network_config_detect(struct fixer *f, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ini_files) && r >= 0; i++)
		r = fixer_rewrite_all(f, ini_files[i].dir, ini_files[i].glob, ini, err);
	if (r >= 0)
		r = fixer_rewrite(f, "/etc/network/interfaces", ifupdown, err);
	if (r >= 0)
		r = fixer_rewrite_all(f, "/etc/network/interfaces.d", "*", ifupdown, err);
	if (r >= 0 && advise(f) < 0)
		return err_nomem(err);
	return r < 0 ? r : 0;
}
