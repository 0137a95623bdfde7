/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every part of the machine model is made of; see machine.h. */
#ifndef P2V_INVENTORY_MACHINE_BASE_H
#define P2V_INVENTORY_MACHINE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may not be known; in the JSON true, false or left out. */
enum machine_answer {
	MACHINE_NOT_KNOWN,
	MACHINE_NO,
	MACHINE_YES,
};

struct machine_strv {
	char **v;
	size_t n;
};

#endif
