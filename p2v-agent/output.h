/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a subcommand's answer goes: inventory and plan print a text, or put it into a file.
 */
#ifndef P2V_AGENT_OUTPUT_H
#define P2V_AGENT_OUTPUT_H

#include "common/err.h"

/* To the file, which is replaced as a whole or not at all (mode 0600); NULL: standard output. */
int output_text(const char *path, const char *text, struct err *err);

#endif
