/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transport to a command on this machine (--connect-command): its stdin and stdout are the
 * channel, its stderr is ours. Run by /bin/sh -c.
 */
#ifndef P2V_AGENT_TRANSPORT_CMD_H
#define P2V_AGENT_TRANSPORT_CMD_H

#include "wire/transport.h"

int transport_cmd_new(const char *command, struct transport **ret, struct err *err);

#endif
