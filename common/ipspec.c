/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/ipspec.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"

struct shown {
	char s[80];
};
#define SHOW(text) text_escape_str(text, (struct shown){ 0 }.s, sizeof(struct shown))

bool ipspec_parse_mac(const char *text, char ret[static 18])
{
	bool zero = true;

	if (!text || strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
		zero = zero && (text[i] == ':' || text[i] == '0');
		ret[i] = (char)tolower((unsigned char)text[i]);
	}
	ret[17] = '\0';
	/* The lowest bit of the first byte is group addresses'. */
	return !zero && strchr("02468ace", ret[1]);
}

bool ipspec_parse_ip(const char *text, struct ipspec_ip *ret)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct ipspec_ip ip = { 0 };
	char host[IPSPEC_TEXT_MAX];
	unsigned int bits;

	if (n == 0 || n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	ip.v6 = strchr(host, ':');
	bits = ip.v6 ? 128 : 32;
	ip.prefix = bits;
	if (inet_pton(ip.v6 ? AF_INET6 : AF_INET, host, ip.bytes) != 1 ||
	    !inet_ntop(ip.v6 ? AF_INET6 : AF_INET, ip.bytes, ip.text, sizeof(ip.text)))
		return false;
	if (slash) {
		n = strspn(slash + 1, "0123456789");
		if (n == 0 || n > 3 || slash[1 + n])
			return false;
		ip.prefix = (unsigned int)atoi(slash + 1);
		if (ip.prefix > bits)
			return false;
	}
	*ret = ip;
	return true;
}

void ipspec_netmask(unsigned int prefix, char ret[static 16])
{
	unsigned char b[4];

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int left = prefix > i * 8 ? prefix - i * 8 : 0;

		b[i] = left >= 8 ? 0xff : (unsigned char)(0xff00u >> left);
	}
	snprintf(ret, 16, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

/* Are the first bits of both the same? */
static bool same_network(const struct ipspec_ip *a, const struct ipspec_ip *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, whole) == 0 &&
	       (!rest || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0);
}

/* The bits behind the prefix: are all of them 0 (or all 1)? */
static bool host_is(const struct ipspec_ip *ip, bool ones)
{
	for (unsigned int i = ip->prefix; i < (ip->v6 ? 128u : 32u); i++)
		if (((ip->bytes[i / 8] >> (7 - i % 8)) & 1) != ones)
			return false;
	return true;
}

/* An address that one interface can have, or that a gateway or name server can have. */
static bool is_unicast(const struct ipspec_ip *ip)
{
	static const unsigned char zero[16];

	if (memcmp(ip->bytes, zero, ip->v6 ? 16 : 4) == 0)
		return false;
	return ip->v6 ? ip->bytes[0] != 0xff : ip->bytes[0] < 224;
}

static int add_address(struct ipspec *s, const char *word, struct ipspec_ip *ret, struct err *err)
{
	struct ipspec_ip ip;
	bool bare;

	if (!ipspec_parse_ip(word, &ip) || !strchr(word, '/') || ip.prefix == 0)
		return err_set(err, EINVAL,
			       "%s is no address with the length of its network, such as "
			       "10.0.0.5/24",
			       SHOW(word));
	bare = ip.prefix < (ip.v6 ? 127u : 31u);
	if (!is_unicast(&ip) || (bare && host_is(&ip, false)) ||
	    (bare && !ip.v6 && host_is(&ip, true)))
		return err_set(err, EINVAL, "%s is no address of a machine", SHOW(word));
	if (!ip.v6 && s->dhcp)
		return err_set(err, EINVAL, "%s: dhcp is asked for already", SHOW(word));
	for (size_t i = 0; i < s->naddresses; i++)
		if (s->address[i].v6 == ip.v6 &&
		    memcmp(s->address[i].bytes, ip.bytes, sizeof(ip.bytes)) == 0)
			return err_set(err, EINVAL, "%s is given twice", SHOW(word));
	if (s->naddresses == IPSPEC_ADDRESSES_MAX)
		return err_set(err, EINVAL, "%s: more than %d addresses", SHOW(word),
			       IPSPEC_ADDRESSES_MAX);
	s->address[s->naddresses++] = ip;
	*ret = ip;
	return 0;
}

static int add_gateway(struct ipspec *s, const char *word, const struct ipspec_ip *address,
		       struct err *err)
{
	struct ipspec_ip ip;

	if (!address)
		return err_set(err, EINVAL, "a gateway goes with an address, not with dhcp");
	if (!ipspec_parse_ip(word, &ip) || strchr(word, '/') || !is_unicast(&ip) ||
	    ip.v6 != address->v6)
		return err_set(err, EINVAL, "gateway %s is no IPv%d address", SHOW(word),
			       address->v6 ? 6 : 4);
	/* Routers of IPv6 are usually known by their address on the link. */
	if (!same_network(&ip, address, address->prefix) &&
	    !(ip.v6 && ip.bytes[0] == 0xfe && (ip.bytes[1] & 0xc0) == 0x80))
		return err_set(err, EINVAL, "gateway %s is outside of %s/%u", ip.text,
			       address->text, address->prefix);
	if (memcmp(ip.bytes, address->bytes, sizeof(ip.bytes)) == 0)
		return err_set(err, EINVAL, "gateway %s is the interface's own address", ip.text);
	if (s->has_gateway[ip.v6])
		return err_set(err, EINVAL, "gateway %s: there is one for IPv%d already", ip.text,
			       ip.v6 ? 6 : 4);
	s->gateway[ip.v6] = ip;
	s->has_gateway[ip.v6] = true;
	return 0;
}

static int add_dns(struct ipspec *s, const char *word, struct err *err)
{
	struct ipspec_ip ip;

	if (!ipspec_parse_ip(word, &ip) || strchr(word, '/') || !is_unicast(&ip))
		return err_set(err, EINVAL, "name server %s is no address", SHOW(word));
	if (s->ndns == IPSPEC_DNS_MAX)
		return err_set(err, EINVAL, "more than %d name servers", IPSPEC_DNS_MAX);
	s->dns[s->ndns++] = ip;
	return 0;
}

int ipspec_add(struct ipspec *s, const char *text, struct err *err)
{
	CLEANUP(mem_free) char *copy = strdup(text);
	struct ipspec_ip address;
	bool have = false, in_dns = false;
	char *rest = copy, *word;
	int r = 0;

	if (!copy)
		return err_nomem(err);
	while (r >= 0 && (word = strsep(&rest, ","))) {
		if (word == copy && strcmp(word, "dhcp") == 0) {
			for (size_t i = 0; i < s->naddresses; i++)
				if (!s->address[i].v6)
					return err_set(err, EINVAL,
						       "dhcp: an IPv4 address is given already");
			s->dhcp = true;
		} else if (word == copy) {
			r = add_address(s, word, &address, err);
			have = true;
		} else if (strncmp(word, "gw=", 3) == 0) {
			in_dns = false;
			r = add_gateway(s, word + 3, have ? &address : NULL, err);
		} else if (strncmp(word, "dns=", 4) == 0) {
			in_dns = true;
			r = add_dns(s, word + 4, err);
		} else if (in_dns) {
			r = add_dns(s, word, err);
		} else {
			r = err_set(err, EINVAL, "%s is none of gw=ADDRESS and dns=ADDRESS",
				    SHOW(word));
		}
	}
	return r < 0 ? r : 0;
}

bool ipspec_has(const struct ipspec *s, bool v6)
{
	if (!v6 && s->dhcp)
		return true;
	for (size_t i = 0; i < s->naddresses; i++)
		if (s->address[i].v6 == v6)
			return true;
	return false;
}
