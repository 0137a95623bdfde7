/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The machine as text for a person: at most 100 columns, one section per kind of thing. */
#ifndef P2V_INVENTORY_SUMMARY_H
#define P2V_INVENTORY_SUMMARY_H

#include "inventory/machine.h"

/* malloc'd text, NULL on ENOMEM. Text from the machine is escaped. */
char *summary_text(const struct machine *m);

#endif
