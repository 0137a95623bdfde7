/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/uki.h"

#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"

/* Microsoft's "PE Format": where the header is, then COFF header and table of sections. */
#define MZ_PE		0x3c
#define PE_SECTIONS	6
#define PE_OPTIONAL	20
#define PE_HEADER	24
#define SECTION_LEN	40
#define SECTION_VIRTUAL	8
#define SECTION_RAW	16
#define SECTION_OFFSET	20

bool uki_cmdline(const void *head, size_t len, uint64_t *ret_offset, size_t *ret_size)
{
	const uint8_t *p = head;
	size_t at, n;

	if (len < MZ_PE + 4 || memcmp(p, "MZ", 2) != 0)
		return false;
	at = get_le32(p + MZ_PE);
	if (!range_inside(at, PE_HEADER, len) || memcmp(p + at, "PE\0", 4) != 0)
		return false;
	n = get_le16(p + at + PE_SECTIONS);
	at += PE_HEADER + get_le16(p + at + PE_OPTIONAL);
	for (; n > 0 && range_inside(at, SECTION_LEN, len); n--, at += SECTION_LEN) {
		if (memcmp(p + at, ".cmdline", 8) != 0)
			continue;
		*ret_offset = get_le32(p + at + SECTION_OFFSET);
		*ret_size = MIN(get_le32(p + at + SECTION_VIRTUAL), get_le32(p + at + SECTION_RAW));
		return *ret_size > 0 && *ret_size <= UKI_CMDLINE_MAX;
	}
	return false;
}
