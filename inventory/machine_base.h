/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every part of the machine model is made of; see machine.h. */
#ifndef P2V_INVENTORY_MACHINE_BASE_H
#define P2V_INVENTORY_MACHINE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine_strv {
	char **v;
	size_t n;
};

#endif
