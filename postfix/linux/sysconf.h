/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings of the kernel and of clocks that were right for the physical machine. Pure; rewriters
 * return 1 and *ret (malloc'd) when something changed, 0, or -ENOMEM.
 */
#ifndef P2V_POSTFIX_SYSCONF_H
#define P2V_POSTFIX_SYSCONF_H

#include <stdbool.h>
#include <stdint.h>
#include "inventory/machine.h"

/* sysctl.conf: the number that key is set to (the last one counts); false when it is none. */
bool sysconf_sysctl_number(const char *text, const char *key, uint64_t *ret);
/* Every assignment of key gets this value. */
int sysconf_sysctl_set(const char *text, const char *key, const char *value, char **ret);

/*
 * How many huge pages of page bytes a machine of memory bytes can give away: all of pages while
 * they are at most 70 % of it, else as many as 50 % hold.
 */
uint64_t sysconf_hugepages(uint64_t pages, uint64_t page, uint64_t memory);
/* Bytes of a huge page by default_hugepagesz= on a kernel's command line; 2 MiB else. */
uint64_t sysconf_hugepage_size(const char *cmdline);

/* /etc/adjtime: another clock drifts in another way. UTC or LOCAL stays. */
int sysconf_adjtime(const char *text, char **ret);
/* Does it say that the hardware clock keeps local time? */
bool sysconf_adjtime_local(const char *text);
/*
 * chrony.conf and ntp.conf: clocks that hang on hardware (PHC, PPS, SHM; 127.127.20, .22, .28 and
 * .46 with their fudge lines) and hardware time stamps go behind a "#", their lines into dropped.
 */
int sysconf_time_sources(const char *text, char **ret, struct machine_strv *dropped);
/* Is a source left: server, pool, peer, refclock, sourcedir? */
bool sysconf_has_time_source(const char *text);

#endif
