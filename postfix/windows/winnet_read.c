/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/winnet.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"

#define CLASS	"{4d36e972-e325-11ce-bfc1-08002be10318}"
#define TEXT_MAX	255		/* of what is kept of a text */
#define HIDDEN		0x8		/* Characteristics: NCF_HIDDEN */

struct reader {
	struct hive *h;
	const char *set;
	struct winnet *net;
	struct winnet_adapter *a;
	char tcpip[600];		/* key of the adapter's settings */
};

static int note(struct reader *r, const char *fault, const char *what)
{
	char line[400], safe[200];

	snprintf(line, sizeof(line), "%s: %s", fault, text_escape_str(what, safe, sizeof(safe)));
	return machine_strv_add(&r->net->notes, line);
}

static bool is_guid(const char *s)
{
	static const char form[] = "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}";

	for (size_t i = 0; i < sizeof(form); i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return true;
}

/* Identifiers of devices, which get into a command line: no blank, no quote. */
static bool is_device(const char *s)
{
	if (!*s || strlen(s) > TEXT_MAX)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_&\\.#{}-", *s))
			return false;
	return true;
}

/* Windows forbids these in names of connections; with them out, no tool trips over one. */
static bool is_name(const char *s)
{
	if (!*s || strlen(s) > TEXT_MAX)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || strchr("\\/:*?<>|\"", *s))
			return false;
	return true;
}

static bool is_domain(const char *s)
{
	if (!*s || strlen(s) > TEXT_MAX)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("-._", *s))
			return false;
	return true;
}

static bool is_ipv4(const char *s)
{
	struct in_addr a;

	return inet_pton(AF_INET, s, &a) == 1 && a.s_addr != 0;
}

static bool is_mask(const char *s)
{
	struct in_addr a;
	uint32_t host;

	if (inet_pton(AF_INET, s, &a) != 1)
		return false;
	host = ~ntohl(a.s_addr);
	return a.s_addr != 0 && (host & (host + 1)) == 0;
}

static bool is_ipv6(const char *s)
{
	struct in6_addr a;

	return inet_pton(AF_INET6, s, &a) == 1;
}

/* *ret is malloc'd: the text, or "" when there is none that is sound. */
static int text(struct reader *r, const char *key, const char *name, char **ret)
{
	int k = hive_get_string(r->h, key, name, ret, NULL);

	if (k == -ENOMEM)
		return k;
	if (k == -EILSEQ && note(r, "no text, left out", name) < 0)
		return -ENOMEM;
	if (k >= 0)
		return 0;
	*ret = strdup("");
	return *ret ? 0 : -ENOMEM;
}

/* A text that ok() likes; another one is noted and "". */
static int checked(struct reader *r, const char *key, const char *name, bool (*ok)(const char *),
		   char **ret)
{
	int k = text(r, key, name, ret);

	if (k < 0 || !(*ret)[0] || ok(*ret))
		return k;
	k = note(r, "not used", *ret);
	(*ret)[0] = '\0';
	return k;
}

static int list(struct reader *r, const char *key, const char *name, struct machine_strv *ret)
{
	int k = hive_get_strings(r->h, key, name, ret, NULL);

	if (k == -EILSEQ)
		k = note(r, "no list of texts, left out", name);
	return k == -ENOMEM ? k : 0;
}

static uint32_t number(struct reader *r, const char *key, const char *name, uint32_t otherwise)
{
	uint32_t value;

	return hive_get_dword(r->h, key, name, &value, NULL) == 0 ? value : otherwise;
}

static int addresses(struct reader *r)
{
	CLEANUP(machine_strv_done) struct machine_strv ips = { 0 }, masks = { 0 };

	if (list(r, r->tcpip, "IPAddress", &ips) < 0 || list(r, r->tcpip, "SubnetMask", &masks) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ips.n && i < WINNET_LIST_MAX; i++) {
		char line[64];

		/* What DHCP leaves behind. */
		if (strcmp(ips.v[i], "0.0.0.0") == 0)
			continue;
		if (!is_ipv4(ips.v[i]) || i >= masks.n || !is_mask(masks.v[i])) {
			if (note(r, "no address with a mask", ips.v[i]) < 0)
				return -ENOMEM;
			continue;
		}
		snprintf(line, sizeof(line), "%s %s", ips.v[i], masks.v[i]);
		if (machine_strv_add(&r->a->addresses, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int gateways(struct reader *r)
{
	CLEANUP(machine_strv_done) struct machine_strv to = { 0 }, metrics = { 0 };

	if (list(r, r->tcpip, "DefaultGateway", &to) < 0 ||
	    list(r, r->tcpip, "DefaultGatewayMetric", &metrics) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < to.n && i < WINNET_LIST_MAX; i++) {
		long metric = i < metrics.n ? strtol(metrics.v[i], NULL, 10) : 0;
		char line[64];

		if (!is_ipv4(to.v[i])) {
			if (note(r, "no gateway", to.v[i]) < 0)
				return -ENOMEM;
			continue;
		}
		if (metric < 0 || metric > 9999)
			metric = 0;
		snprintf(line, sizeof(line), "%s %ld", to.v[i], metric);
		if (machine_strv_add(&r->a->gateways, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* "10.0.0.2,10.0.0.3", or with blanks. */
static int split_servers(struct reader *r, const char *s, bool (*ok)(const char *),
			 struct machine_strv *ret)
{
	while (*s && ret->n < WINNET_LIST_MAX) {
		size_t n = strcspn(s, ", \t");
		char one[64];

		snprintf(one, sizeof(one), "%.*s", n < sizeof(one) ? (int)n : 0, s);
		if (n && ok(one)) {
			if (machine_strv_add(ret, one) < 0)
				return -ENOMEM;
		} else if (n && note(r, "no name server", s) < 0) {
			return -ENOMEM;
		}
		s += n;
		s += strspn(s, ", \t");
	}
	return 0;
}

static int servers(struct reader *r, const char *key, bool (*ok)(const char *),
		   struct machine_strv *ret)
{
	CLEANUP(mem_free) char *s = NULL;

	if (text(r, key, "NameServer", &s) < 0)
		return -ENOMEM;
	return split_servers(r, s, ok, ret);
}

static int wins(struct reader *r)
{
	CLEANUP(machine_strv_done) struct machine_strv names = { 0 };
	char key[600];

	snprintf(key, sizeof(key), "%s\\Services\\NetBT\\Parameters\\Interfaces\\Tcpip_%s", r->set,
		 r->a->guid);
	if (list(r, key, "NameServerList", &names) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < names.n && r->a->wins.n < 2; i++)
		if (is_ipv4(names.v[i]) && machine_strv_add(&r->a->wins, names.v[i]) < 0)
			return -ENOMEM;
	r->a->netbios = number(r, key, "NetbiosOptions", 0);
	if (r->a->netbios > 2)
		r->a->netbios = 0;
	return 0;
}

static int settings(struct reader *r)
{
	char key6[600];

	snprintf(r->tcpip, sizeof(r->tcpip), "%s\\Services\\Tcpip\\Parameters\\Interfaces\\%s",
		 r->set, r->a->guid);
	snprintf(key6, sizeof(key6), "%s\\Services\\Tcpip6\\Parameters\\Interfaces\\%s", r->set,
		 r->a->guid);
	if (addresses(r) < 0 || gateways(r) < 0 ||
	    servers(r, r->tcpip, is_ipv4, &r->a->dns) < 0 ||
	    servers(r, key6, is_ipv6, &r->a->dns6) < 0 || wins(r) < 0 ||
	    checked(r, r->tcpip, "Domain", is_domain, &r->a->domain) < 0 ||
	    checked(r, r->tcpip, "DhcpIPAddress", is_ipv4, &r->a->lease) < 0)
		return -ENOMEM;
	r->a->metric = number(r, r->tcpip, "InterfaceMetric", 0);
	if (r->a->metric > 9999)
		r->a->metric = 0;
	r->a->dhcp = number(r, r->tcpip, "EnableDHCP", r->a->addresses.n == 0) != 0;
	return 0;
}

/* 12 hexadecimal digits, also with - between the bytes. */
static bool parse_mac(const char *s, uint8_t ret[static 6])
{
	size_t n = 0;

	for (; *s; s++) {
		int c = tolower((unsigned char)*s);

		if (c == '-' || c == ':')
			continue;
		if (!isxdigit(c) || n >= 12)
			return false;
		c = isdigit(c) ? c - '0' : c - 'a' + 10;
		ret[n / 2] = (uint8_t)(n % 2 ? ret[n / 2] << 4 | c : c);
		n++;
	}
	return n == 12;
}

static int hex(const char *device, const char *mark, size_t digits)
{
	const char *p = strcasestr(device, mark);
	char buf[5] = "", *end;
	long v;

	if (!p)
		return -1;
	snprintf(buf, sizeof(buf), "%.*s", (int)digits, p + strlen(mark));
	v = strtol(buf, &end, 16);
	return *end || end != buf + digits ? -1 : (int)v;
}

/*
 * LocationInformation: "PCI bus 3, device 0, function 1" in the language of an XP, or since Vista
 * "@System32\drivers\pci.sys,#65536;PCI bus %1, device %2, function %3;(3,0,1)".
 */
static void location(struct winnet_adapter *a, const char *s)
{
	const char *last = strrchr(s, '(');
	int got[3], n = 0;

	a->bus = a->slot = a->function = -1;
	if (last && sscanf(last, "(%d,%d,%d)", &got[0], &got[1], &got[2]) == 3) {
		n = 3;
	} else {
		if (s[0] == '@')
			return;
		while (*s) {
			if (!isdigit((unsigned char)*s)) {
				s++;
				continue;
			}
			if (n == 3)
				return;
			got[n++] = (int)strtol(s, (char **)&s, 10);
		}
	}
	if (n != 3 || got[0] < 0 || got[1] < 0 || got[1] > 31 || got[2] < 0 || got[2] > 7)
		return;
	a->bus = got[0];
	a->slot = got[1];
	a->function = got[2];
}

static int device(struct reader *r, const char *class_key)
{
	CLEANUP(mem_free) char *where = NULL, *mac = NULL, *id = NULL;
	char key[600];

	snprintf(key, sizeof(key), "%s\\Control\\Network\\" CLASS "\\%s\\Connection", r->set,
		 r->a->guid);
	if (checked(r, key, "Name", is_name, &r->a->name) < 0 ||
	    checked(r, key, "PnpInstanceID", is_device, &id) < 0)
		return -ENOMEM;
	if (!id[0]) {
		free(id);
		id = NULL;
		if (checked(r, class_key, "DeviceInstanceID", is_device, &id) < 0)
			return -ENOMEM;
	}
	r->a->device = TAKE_PTR(id);
	snprintf(key, sizeof(key), "%s\\Enum\\%s", r->set, r->a->device);
	if (text(r, key, "LocationInformation", &where) < 0 ||
	    text(r, class_key, "NetworkAddress", &mac) < 0)
		return -ENOMEM;
	r->a->bus = r->a->slot = r->a->function = -1;
	if (r->a->device[0])
		location(r->a, where);
	r->a->has_mac = parse_mac(mac, r->a->mac);
	r->a->vendor = hex(r->a->device, "VEN_", 4);
	r->a->model = hex(r->a->device, "DEV_", 4);
	r->a->subsystem_model = hex(r->a->device, "SUBSYS_", 4);
	r->a->subsystem_vendor = -1;
	if (r->a->subsystem_model >= 0) {
		char sub[16];

		snprintf(sub, sizeof(sub), "SUBSYS_%04x", (unsigned int)r->a->subsystem_model);
		r->a->subsystem_vendor = hex(r->a->device, sub, 4);
	}
	return 0;
}

static int adapter(struct reader *r, const char *number_key)
{
	CLEANUP(mem_free) char *guid = NULL;
	char key[600];
	uint32_t flags;

	if (strlen(number_key) != 4 || strspn(number_key, "0123456789") != 4)
		return 0;
	snprintf(key, sizeof(key), "%s\\Control\\Class\\" CLASS "\\%s", r->set, number_key);
	flags = number(r, key, "Characteristics", 0);
	if (text(r, key, "NetCfgInstanceId", &guid) < 0)
		return -ENOMEM;
	if (!guid[0] || flags & HIDDEN)
		return 0;
	if (!is_guid(guid))
		return note(r, "an adapter has no sound identifier", guid);
	r->a = machine_grow(&r->net->v, &r->net->n, sizeof(*r->net->v));
	if (!r->a)
		return -ENOMEM;
	r->a->guid = TAKE_PTR(guid);
	r->a->number = strdup(number_key);
	if (!r->a->number || text(r, key, "DriverDesc", &r->a->description) < 0 ||
	    device(r, key) < 0)
		return -ENOMEM;
	return settings(r);
}

int winnet_read(struct hive *system, const char *set, struct winnet *ret, struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv numbers = { 0 }, ip6 = { 0 };
	CLEANUP(winnet_done) struct winnet net = { 0 };
	struct reader r = { .h = system, .set = set, .net = &net };
	char key[600];
	int k;

	snprintf(key, sizeof(key), "%s\\Control\\Class\\" CLASS, set);
	k = hive_subkeys(system, key, &numbers, err);
	if (k < 0)
		return k;
	for (size_t i = 0; i < numbers.n && net.n < WINNET_ADAPTERS_MAX; i++)
		if (adapter(&r, numbers.v[i]) < 0)
			return err_nomem(err);
	snprintf(key, sizeof(key), "%s\\Services\\Tcpip\\Parameters\\PersistentRoutes", set);
	k = hive_values(system, key, &net.routes, err);
	if (k < 0)
		return k;
	/* Addresses of IPv6, in a binary form that is not documented. */
	snprintf(key, sizeof(key), "%s\\Control\\Nsi\\{eb004a01-9b1a-11d4-9123-0050047759bc}\\10",
		 set);
	k = hive_values(system, key, &ip6, err);
	if (k < 0)
		return k;
	net.static6 = (unsigned int)ip6.n;
	*ret = net;
	net = (struct winnet){ 0 };
	return 0;
}

void winnet_done(struct winnet *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct winnet_adapter *a = &w->v[i];

		free(a->guid);
		free(a->number);
		free(a->device);
		free(a->description);
		free(a->name);
		free(a->domain);
		free(a->lease);
		machine_strv_done(&a->addresses);
		machine_strv_done(&a->gateways);
		machine_strv_done(&a->dns);
		machine_strv_done(&a->dns6);
		machine_strv_done(&a->wins);
	}
	free(w->v);
	machine_strv_done(&w->routes);
	machine_strv_done(&w->notes);
	*w = (struct winnet){ 0 };
}

bool winnet_is_configured(const struct winnet_adapter *a)
{
	return (!a->dhcp && a->addresses.n) || a->dns.n || a->dns6.n || a->wins.n ||
	       a->domain[0] || a->metric || a->netbios;
}

bool winnet_is_pci(const struct winnet_adapter *a)
{
	return strncasecmp(a->device, "PCI\\", 4) == 0;
}
