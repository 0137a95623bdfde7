/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drivers in a Windows guest: the rows about them, and what the VM may consist of once they are
 * in. Internal to postfix/.
 */
#ifndef P2V_POSTFIX_WINDOWS_DRIVERS_H
#define P2V_POSTFIX_WINDOWS_DRIVERS_H

#include "postfix/windows/windows.h"

int windows_drivers_detect(struct fixer *f, struct err *err);
int windows_storage_detect(struct fixer *f, struct err *err);
void windows_guestcaps(const struct fixer *f, struct guestcaps *ret);
/* Is there a service of this name ("storahci"); and is its driver's file there, too? */
bool windows_has_service(const struct fixer *f, const char *name);
bool windows_service_works(const struct fixer *f, const char *name);

#endif
