/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking somebody at the terminal, whatever standard input and output are. */
#ifndef P2V_AGENT_TERMINAL_H
#define P2V_AGENT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Show prompt on the controlling terminal and read a line of at most size - 1 bytes, without its
 * newline; echo false: what is typed is not shown. -ENOTTY: there is no terminal; -ECANCELED: no
 * answer. The caller wipes buf.
 */
int terminal_ask(const char *prompt, bool echo, char *buf, size_t size);

#endif
