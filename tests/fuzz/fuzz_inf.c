/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A driver's INF file, read for an old and a new Windows. */
#include <stdint.h>
#include <stdlib.h>

#include "common/compiler.h"
#include "postfix/windows/inf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct inf_target targets[] = {
		{ "x86", 5, 1, 2600, false },
		{ "amd64", 10, 0, 20348, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		CLEANUP(inf_free) struct inf *inf = NULL;
		CLEANUP(inf_driver_free) struct inf_driver *d = NULL;

		if (inf_parse(data, size, &inf, NULL) >= 0)
			inf_driver(inf, &targets[i], &d, NULL);
	}
	return 0;
}
