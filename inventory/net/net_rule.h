/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules of policy routing: which table a packet is looked up in. From rtnetlink messages of the
 * live kernel, or from what `ip -j rule` said. Memory to memory. The three rules that every kernel
 * has by itself (0: local, 32766: main, 32767: default) are no facts of a machine. All return 0 or
 * -ENOMEM.
 */
#ifndef P2V_INVENTORY_NET_RULE_H
#define P2V_INVENTORY_NET_RULE_H

#include <jansson.h>
#include "inventory/machine.h"
#include "inventory/net/net_message.h"

/* The payload of an RTM_NEWRULE. */
int net_rule_message(struct net_message *s, const uint8_t *p, size_t len);
/* A list of rules; family is "inet" or "inet6". */
int net_rule_json(struct machine *m, const json_t *rules, const char *family);

#endif
