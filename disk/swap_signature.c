/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk/swap_signature.h"

#include <string.h>
#include "common/compiler.h"

bool swap_signature_is_image(const uint8_t signature[static SWAP_SIGNATURE_LEN])
{
	static const struct {
		const char *text;
		size_t len;
	} marks[] = {
		{ "S1SUSPEND", 9 },				/* the kernel */
		{ "S2SUSPEND", 9 },
		{ "ULSUSPEND", 9 },				/* uswsusp */
		{ "LINHIB0001", 10 },
		{ "\xed\xc3\x02\xe9\x98\x56\xe5\x0c", 8 },	/* TuxOnIce */
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (memcmp(signature, marks[i].text, marks[i].len) == 0)
			return true;
	return false;
}
