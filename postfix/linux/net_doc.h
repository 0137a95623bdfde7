/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A configuration file of assignments, changed one key at a time, the rest byte for byte as it was:
 *
 *	NET_INI		[section] and key=value: NetworkManager, systemd-networkd, connman
 *	NET_SHELL	KEY='value' without sections: ifcfg files
 *
 * What goes is not deleted but gets a '#' in front: it stays in sight, and can be had back.
 * A line that goes on (a quote that is still open, a backslash at the end) is one with the next.
 *
 * Keys are shell patterns where it says glob. Errors (memory) are kept until net_doc_take().
 * Pure; any thread.
 */
#ifndef P2V_POSTFIX_NET_DOC_H
#define P2V_POSTFIX_NET_DOC_H

#include <stdbool.h>
#include "common/cleanup.h"
#include "postfix/linux/lines.h"

enum net_style { NET_INI, NET_SHELL };

struct net_doc {
	char *text;
	enum net_style style;
	bool changed, failed;
};

/* -EBADMSG: a quote is never closed, or the last line goes on; -ENOMEM. */
int net_doc_open(struct net_doc *d, enum net_style style, const char *text);
void net_doc_done(struct net_doc *d);
DEFINE_CLEANUP_VALUE(struct net_doc, net_doc_done)
/* 1 and *ret when something was changed, 0, or -ENOMEM. d is to be done with afterwards. */
int net_doc_take(struct net_doc *d, char **ret);

/* section is NULL for NET_SHELL. The last value counts; without the quotes around it. */
bool net_doc_get(const struct net_doc *d, const char *section, const char *key, struct span *ret);
bool net_doc_is(const struct net_doc *d, const char *section, const char *key, const char *value);
bool net_doc_has_section(const struct net_doc *d, const char *section);
/* Is there a key that matches glob? */
bool net_doc_has(const struct net_doc *d, const char *section, const char *glob);

/* One value in place of all there are; at the end of the section when there is none. */
void net_doc_set(struct net_doc *d, const char *section, const char *key, const char *value);
/* Add one more, at the end of the section. */
void net_doc_add(struct net_doc *d, const char *section, const char *key, const char *value);
/* Switch off every key that matches glob; with match, only those whose value it accepts. */
typedef bool net_doc_match(struct span value, const void *opaque);
void net_doc_off(struct net_doc *d, const char *section, const char *glob, net_doc_match *match,
		 const void *opaque);
/*
 * These assignments, and no others whose keys match a glob (NULL-terminated) and whose values match
 * accepts (NULL: any). New ones stand where the old ones did.
 */
#define NET_PAIRS_MAX 64
struct net_pairs {
	struct net_pair {
		char key[32], value[64];
		bool there;
	} v[NET_PAIRS_MAX];
	size_t n;
};
void net_pairs_add(struct net_pairs *pairs, const char *key, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void net_doc_replace(struct net_doc *d, const char *section, const char *const *globs,
		     net_doc_match *match, const void *opaque, struct net_pairs *pairs);
/* Switch off whole sections of that name; with a key, those whose value of it match accepts. */
void net_doc_off_section(struct net_doc *d, const char *section, const char *key,
			 net_doc_match *match, const void *opaque);
/* Change every value of the key: fn returns malloc'd text, or NULL to leave it. */
typedef char *net_doc_map_fn(struct span value, const void *opaque);
void net_doc_map(struct net_doc *d, const char *section, const char *glob, net_doc_map_fn *fn,
		 const void *opaque);

#endif
