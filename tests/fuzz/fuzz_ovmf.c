/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file of OVMF's variables. Its header has a check sum, which a fuzzer would not find: it is made
 * right first. Besides not crashing: what is read can be changed, written, and read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "convert/ovmf_vars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *p, size_t size)
{
	size_t header = size >= 72 ? get_le16(p + 48) : 0;
	uint16_t sum = 0;

	if (header < 72 || header % 2 || header > size)
		return;
	put_le16(p + 50, 0);
	for (size_t i = 0; i < header; i += 2)
		sum = (uint16_t)(sum + get_le16(p + i));
	put_le16(p + 50, (uint16_t)-sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(mem_free) uint8_t *copy = malloc(size + 1), *out = NULL;
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL, *again = NULL;
	size_t n;

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	mend(copy, size);
	if (ovmf_vars_parse(copy, size, &v, NULL) < 0 ||
	    ovmf_vars_set(v, ovmf_vars_global, "Boot0001", OVMF_VAR_DEFAULT, "data", 4, NULL) < 0 ||
	    ovmf_vars_build(v, &out, &n, NULL) < 0)
		return 0;
	if (ovmf_vars_parse(out, n, &again, NULL) < 0 || again->n != v->n)
		abort();
	return 0;
}
