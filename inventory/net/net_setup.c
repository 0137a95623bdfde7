/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/net/net_setup.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "inventory/collect.h"
#include "inventory/collect_util.h"
#include "inventory/net/net_live.h"
#include "inventory/net/net_recorded.h"
#include "inventory/net/net_units.h"

/* What a file says: the first word of a line, up to a blank or '=', and the value after it. */
struct words {
	char *text;		/* the file, cut up */
	char *at;
	char *key, *value;
};

static void words_done(struct words *w)
{
	free(w->text);
}
DEFINE_CLEANUP_VALUE(struct words, words_done)

static bool next_words(struct words *w)
{
	while (w->at && *w->at) {
		char *line = w->at, *end = strchr(line, '\n');

		w->at = end ? end + 1 : NULL;
		if (end)
			*end = '\0';
		line[strcspn(line, "#;")] = '\0';
		w->key = line + strspn(line, " \t");
		w->value = w->key + strcspn(w->key, " \t=");
		if (w->value == w->key)
			continue;
		if (*w->value)
			*w->value++ = '\0';
		w->value += strspn(w->value, " \t=");
		return true;
	}
	return false;
}

/* 0 or -ENOMEM; without the file there are no words. */
static int open_words(const struct sysroot *root, const char *path, struct words *w)
{
	int r = sysroot_read(root, &w->text, NULL, "%s", path);

	if (r == -ENOMEM)
		return r;
	w->at = r < 0 ? NULL : w->text;
	return 0;
}

/* The file has a line "KEY VALUE" or KEY=VALUE: 1, 0 or -ENOMEM. Case does not matter. */
static int file_says(const struct sysroot *root, const char *path, const char *key,
		     const char *value)
{
	CLEANUP(words_done) struct words w = { 0 };

	if (open_words(root, path, &w) < 0)
		return -ENOMEM;
	while (next_words(&w)) {
		w.value += *w.value == '"' || *w.value == '\'';
		if (strcasecmp(w.key, key) == 0 &&
		    strncasecmp(w.value, value, strlen(value)) == 0)
			return 1;
	}
	return 0;
}

/* Files in a folder whose names begin and end so, and not with what is not one's own: 1, 0. */
static int has_files(const struct sysroot *root, const char *folder, const char *begin,
		     const char *end, const char *but)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, "%s", folder);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		size_t n = strlen(*p), k = strlen(end);

		if (strncmp(*p, begin, strlen(begin)) == 0 && n >= k &&
		    strcmp(*p + n - k, end) == 0 && (!but || strcmp(*p, but) != 0))
			return 1;
	}
	return 0;
}

/* Of a list of folders or files, until the first that has it. */
static int any_files(const struct sysroot *root, const char *const *folders, size_t n,
		     const char *begin, const char *end, const char *but)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = has_files(root, folders[i], begin, end, but);
	return r;
}

static int has_networkd_files(const struct sysroot *root)
{
	/* Not /usr/lib: what a distribution ships there is for containers and the like. */
	static const char *const folders[] = {
		"/etc/systemd/network", "/run/systemd/network", "/usr/local/lib/systemd/network",
	};

	return any_files(root, folders, ARRAY_SIZE(folders), "", ".network", NULL);
}

static int has_netplan_files(const struct sysroot *root)
{
	static const char *const folders[] = { "/etc/netplan", "/run/netplan", "/lib/netplan" };

	return any_files(root, folders, ARRAY_SIZE(folders), "", ".yaml", NULL);
}

/* RHEL's and SUSE's. */
static int has_ifcfg_files(const struct sysroot *root)
{
	static const char *const folders[] = {
		"/etc/sysconfig/network-scripts", "/etc/sysconfig/network",
	};

	return any_files(root, folders, ARRAY_SIZE(folders), "ifcfg-", "", "ifcfg-lo");
}

/* interfaces(5) configures something but lo. */
static int interfaces_file(const struct sysroot *root, const char *path)
{
	CLEANUP(words_done) struct words w = { 0 };

	if (open_words(root, path, &w) < 0)
		return -ENOMEM;
	while (next_words(&w))
		if (strcmp(w.key, "iface") == 0 &&
		    (strncmp(w.value, "lo", 2) != 0 || !isspace((unsigned char)w.value[2])))
			return 1;
	return 0;
}

static int has_interfaces(const struct sysroot *root)
{
	static const char folder[] = "/etc/network/interfaces.d";
	CLEANUP(strv_free) char **names = NULL;
	int r = interfaces_file(root, "/etc/network/interfaces");

	if (r != 0)
		return r;
	r = sysroot_list(root, &names, folder);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = 0;
	for (char **p = names; *p && r == 0; p++) {
		char path[sizeof(folder) + 256];

		snprintf(path, sizeof(path), "%s/%s", folder, *p);
		r = interfaces_file(root, path);
	}
	return r;
}

static int add_stack(struct machine *m, const char *name)
{
	return machine_strv_has(&m->network_stacks, name) ?
		0 : machine_strv_add(&m->network_stacks, name);
}

static int fill_stacks(const struct sysroot *root, const struct machine_strv *units,
		       struct machine *m)
{
	static const struct {
		const char *unit, *stack;
		int (*configured)(const struct sysroot *root);	/* NULL: being on is enough */
	} rules[] = {
		{ "NetworkManager", "networkmanager", NULL },
		{ "network-manager", "networkmanager", NULL },	/* Debian's and Ubuntu's before */
		{ "systemd-networkd", "networkd", has_networkd_files },
		{ "networking", "ifupdown", has_interfaces },
		{ "network", "ifcfg", has_ifcfg_files },
		{ "wicked", "wicked", NULL },
		{ "connman", "connman", NULL },
		{ "dhcpcd", "dhcpcd", NULL },
	};
	int r = has_netplan_files(root);

	/* netplan makes files for one of the others at each boot: both are named. */
	if (r > 0)
		r = add_stack(m, "netplan");
	for (size_t i = 0; i < ARRAY_SIZE(rules) && r >= 0; i++) {
		if (!machine_strv_has(units, rules[i].unit))
			continue;
		r = rules[i].configured ? rules[i].configured(root) : 1;
		if (r > 0)
			r = add_stack(m, rules[i].stack);
	}
	return r < 0 ? r : 0;
}

static int fill_manager(const struct sysroot *root, const struct machine_strv *units,
			struct machine *m)
{
	/* Those that write rules for others come first: ufw loads its own through iptables. */
	static const struct {
		const char *unit, *manager;
		const char *file, *key, *value;		/* and this must be set */
	} rules[] = {
		{ "firewalld", "firewalld", NULL, NULL, NULL },
		{ "ufw", "ufw", "/etc/ufw/ufw.conf", "ENABLED", "yes" },
		{ "csf", "csf", NULL, NULL, NULL },
		{ "shorewall", "shorewall", "/etc/shorewall/shorewall.conf", "STARTUP_ENABLED",
		  "yes" },
		{ "shorewall6", "shorewall6", "/etc/shorewall6/shorewall6.conf", "STARTUP_ENABLED",
		  "yes" },
		{ "ferm", "ferm", NULL, NULL, NULL },
		{ "SuSEfirewall2", "SuSEfirewall2", NULL, NULL, NULL },
		{ "SuSEfirewall2_setup", "SuSEfirewall2", NULL, NULL, NULL },
		{ "nftables", "nftables.service", NULL, NULL, NULL },
		{ "netfilter-persistent", "netfilter-persistent.service", NULL, NULL, NULL },
		{ "iptables-persistent", "netfilter-persistent.service", NULL, NULL, NULL },
		{ "iptables", "iptables.service", NULL, NULL, NULL },
		{ "ip6tables", "iptables.service", NULL, NULL, NULL },
	};
	int r = 1;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (!machine_strv_has(units, rules[i].unit))
			continue;
		if (rules[i].file)
			r = file_says(root, rules[i].file, rules[i].key, rules[i].value);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		m->firewall.manager = strdup(rules[i].manager);
		return m->firewall.manager ? 0 : -ENOMEM;
	}
	return 0;
}

/* Tables of iptables' own kernel part, which is not what iptables-nft fills. */
static int has_legacy_tables(const struct sysroot *root)
{
	static const char *const files[] = {
		"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names",
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(mem_free) char *line = NULL;

		if (collect_util_line(root, &line, "%s", files[i]) < 0)
			return -ENOMEM;
		if (line)
			return 1;
	}
	return 0;
}

static int fill_backend(const struct sysroot *root, struct machine *m)
{
	const char *backend = NULL;
	bool nft = false;
	int r;

	if (sysroot_is_live(root)) {
		r = net_live_nftables(root);
		nft = r > 0;
	} else {
		r = net_recorded_nftables(root, &nft);
	}
	if (nft) {
		backend = "nftables";
	} else if (r != -ENOMEM) {
		r = has_legacy_tables(root);
		backend = r > 0 ? "iptables" : NULL;
	}
	if (r == -ENOMEM || !backend)
		return r == -ENOMEM ? r : 0;
	m->firewall.backend = strdup(backend);
	return m->firewall.backend ? 0 : -ENOMEM;
}

int net_setup_fill(const struct sysroot *root, struct machine *m)
{
	CLEANUP(net_units_done) struct machine_strv units = { 0 };

	if (net_units_load(root, &units) < 0 || fill_stacks(root, &units, m) < 0 ||
	    fill_manager(root, &units, m) < 0)
		return -ENOMEM;
	return fill_backend(root, m);
}

/* The last of "search" and "domain" counts, resolv.conf(5). */
static int read_resolv(const struct sysroot *root, const char *path, struct machine_strv *servers,
		       struct machine_strv *search)
{
	CLEANUP(words_done) struct words w = { 0 };
	int r = open_words(root, path, &w);

	while (r == 0 && next_words(&w)) {
		bool is_search = strcmp(w.key, "search") == 0 || strcmp(w.key, "domain") == 0;
		struct machine_strv *to = is_search ? search : servers;
		char *save = NULL;

		if (!is_search && strcmp(w.key, "nameserver") != 0)
			continue;
		if (is_search)
			net_units_done(search);
		for (char *p = strtok_r(w.value, " \t\r", &save); p && r == 0;
		     p = strtok_r(NULL, " \t\r", &save)) {
			CLEANUP(mem_free) char *text = NULL;

			r = collect_util_text(p, strlen(p), &text);
			if (r == 0 && text && to->n < COLLECT_LIST_MAX &&
			    !machine_strv_has(to, text))
				r = machine_strv_add(to, text);
			if (!is_search)
				break;
		}
	}
	return r;
}

/* Every server is this machine: a resolver that asks others. */
static bool only_stub(const struct machine_strv *servers)
{
	for (size_t i = 0; i < servers->n; i++)
		if (strncmp(servers->v[i], "127.", 4) != 0 && strcmp(servers->v[i], "::1") != 0)
			return false;
	return true;
}

int net_setup_dns(const struct sysroot *root, struct machine *m)
{
	/* systemd-resolved and NetworkManager (with dnsmasq) keep whom they ask here. */
	static const char *const behind[] = {
		"/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf",
	};

	if (read_resolv(root, "/etc/resolv.conf", &m->dns, &m->dns_search) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(behind) && only_stub(&m->dns); i++) {
		CLEANUP(net_units_done) struct machine_strv servers = { 0 }, search = { 0 };

		if (read_resolv(root, behind[i], &servers, &search) < 0)
			return -ENOMEM;
		if (servers.n > 0) {
			struct machine_strv stub = m->dns;

			m->dns = servers;
			servers = stub;
		}
		if (m->dns_search.n == 0) {
			m->dns_search = search;
			search = (struct machine_strv){ 0 };
		}
	}
	return 0;
}
