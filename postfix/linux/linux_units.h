/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services of a guest, whatever starts them: switched off and on as the guest's own tools would do
 * it, by links and small files, so that nothing has to run.
 *
 *	systemd		links in /etc/systemd/system/X.wants	systemctl disable, enable
 *	SysV		/etc/rc3.d/S20name -> K01name		update-rc.d, chkconfig
 *	upstart		/etc/init/name.override: "manual"	Ubuntu 10.10 to 14.10
 *	OpenRC		links in /etc/runlevels/X		rc-update
 *
 * A guest may have more than one of them (SysV scripts below systemd), so all are looked at.
 * Services are called as systemd does: "smartd.service"; a script "smartd" is that, too.
 */
#ifndef P2V_POSTFIX_LINUX_UNITS_H
#define P2V_POSTFIX_LINUX_UNITS_H

#include "common/tables.h"
#include "postfix/fixer.h"

/* Why a service is to go: a row of a table; NULL: it stays. */
typedef const struct tables_row *linux_units_why(struct fixer *f, const char *unit);

/*
 * Stage what switches off every service for which why() has an answer, one line of the report for
 * each. Returns how many, or -errno.
 */
int linux_units_off(struct fixer *f, linux_units_why *why, struct err *err);
/* The unit's file, malloc'd; NULL when systemd has none of that name, or memory ran out. */
char *linux_units_find(struct fixer *f, const char *unit);
/* Is there a unit, or an init script of one of the names? */
bool linux_units_find_any(struct fixer *f, const char *unit, const char *const *scripts, size_t n);
/* As "systemctl enable": *ret_links is how many links its [Install] asks for. */
int linux_units_link(struct fixer *f, const char *unit, const char *file, size_t *ret_links,
		     struct err *err);
/* Take a mask away; says so. */
int linux_units_unmask(struct fixer *f, const char *unit, struct err *err);
/*
 * Switch on an init script of OpenRC or of SysV, in the levels that are usual. 0 also when there
 * is no such script.
 */
int linux_units_script_on(struct fixer *f, const char *name, struct err *err);

#endif
