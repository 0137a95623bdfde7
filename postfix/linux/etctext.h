/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Small rewriters for files that need one line changed: the resume device, debconf's database,
 * inittab, unit files, dracut's settings. Pure; the results are as everywhere here: 1 and *ret
 * (malloc'd) when something changed, 0, or -ENOMEM.
 */
#ifndef P2V_POSTFIX_ETCTEXT_H
#define P2V_POSTFIX_ETCTEXT_H

#include <stdbool.h>
#include "inventory/machine.h"
#include "postfix/devmap.h"

/*
 * initramfs-tools' RESUME=device. What is not on the copied disks becomes RESUME=none, or every
 * boot would wait for it.
 */
int etctext_resume(const char *text, const struct devmap *map, char **ret);
/* The value of a question in debconf's config.dat; NULL when it is not there. malloc'd in *ret. */
int etctext_debconf_get(const char *text, const char *question, char **ret);
/* Set it; 0 when there is no such question, or it has that value. */
int etctext_debconf_set(const char *text, const char *question, const char *value, char **ret);
/* Gettys on serial ports other than ttyS0 move there, unless ttyS0 has one. */
int etctext_inittab(const char *text, char **ret);
/* What= of a .mount or .swap unit. */
int etctext_unit_device(const char *text, const struct devmap *map, char **ret);
/* The name that systemd wants for the unit of a path: "dev-sda1.swap". */
int etctext_unit_name(const char *path, const char *suffix, char **ret);
/* The values of WantedBy= (or any other key) in [Install], one by one. */
int etctext_unit_install(const char *text, const char *key, struct machine_strv *ret);

#endif
