/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * YAML text that is changed in places and stays byte for byte what it was elsewhere: comments,
 * order, quotes and all. libyaml reads it and tells where each node stands; changes are collected
 * and made at the end, in one go:
 *
 *	net_yaml_open() -> look: net_yaml_get() ... -> net_yaml_set(), ... -> net_yaml_take()
 *
 * Nodes are numbers; 0 is no node, and every function takes it (and finds nothing in it). In block
 * style an entry that goes gets a '#' in front of its lines; in flow style it is cut out. A
 * collection whose entries are all gone goes too. An alias is the node that it names.
 *
 * One thread; no I/O.
 */
#ifndef P2V_POSTFIX_NET_YAML_H
#define P2V_POSTFIX_NET_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"

struct net_yaml;

/* -EBADMSG: it is no YAML, or too much of it; -ENOMEM. An empty document has no root. */
int net_yaml_open(const char *text, struct net_yaml **ret);
void net_yaml_free(struct net_yaml *y);
DEFINE_CLEANUP(struct net_yaml *, net_yaml_free)

int net_yaml_root(const struct net_yaml *y);
bool net_yaml_is_map(const struct net_yaml *y, int node);
bool net_yaml_is_list(const struct net_yaml *y, int node);
/* Entries of a mapping or a list; a list's have no key. */
size_t net_yaml_count(const struct net_yaml *y, int node);
int net_yaml_key(const struct net_yaml *y, int node, size_t i);
int net_yaml_value(const struct net_yaml *y, int node, size_t i);
/* The value of a key in a mapping, and which entry it is. */
int net_yaml_get(const struct net_yaml *y, int map, const char *key);
bool net_yaml_find(const struct net_yaml *y, int map, const char *key, size_t *ret_i);
/* The text of a scalar; NULL when it is none. */
const char *net_yaml_scalar(const struct net_yaml *y, int node);
bool net_yaml_is(const struct net_yaml *y, int node, const char *text);

/* Another text in place of a scalar or of a collection in flow style; false: it is neither. */
bool net_yaml_set(struct net_yaml *y, int node, const char *text);
/* Another key. */
void net_yaml_rename(struct net_yaml *y, int map, size_t i, const char *key);
/* Switch an entry off. False: it shares its lines with something else, and stays. */
bool net_yaml_off(struct net_yaml *y, int node, size_t i);
/* An entry in front of the first one: "key: value", or "value" for a list; in one line. */
void net_yaml_insert(struct net_yaml *y, int node, const char *text);
/* key: text, whether there was such a key or not. */
void net_yaml_put(struct net_yaml *y, int map, const char *key, const char *text);
/* Take entry i of a block mapping to the end of another one. False: not in block style. */
bool net_yaml_move(struct net_yaml *y, int from, size_t i, int to);

/* 1 and *ret (malloc'd), 0 when nothing changed, -ENOMEM. */
int net_yaml_take(struct net_yaml *y, char **ret);

#endif
