/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Logins on serial ports, in the words of init systems before systemd: another port becomes ttyS0.
 * Pure; 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM.
 */
#ifndef P2V_POSTFIX_GETTYTEXT_H
#define P2V_POSTFIX_GETTYTEXT_H

#include <stdbool.h>

/* A job of upstart: the ports on its lines with a getty. */
int gettytext_upstart(const char *text, char **ret);
/* /etc/securetty: root may log in on ttyS0 where it may on another port. */
int gettytext_securetty(const char *text, char **ret);
/* "ttyS1.conf" as "ttyS0.conf", malloc'd; NULL when no such name is in it. */
char *gettytext_first_port(const char *name);

#endif
