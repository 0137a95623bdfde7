/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/pe.h"

#include <errno.h>
#include <string.h>
#include "common/bytes.h"

#define DOS_HEADER		0x40
#define DOS_NEW_HEADER		0x3c
#define COFF_HEADER		24	/* with the "PE\0\0" before it */
#define COFF_OPTIONAL_SIZE	20
#define MAGIC_PE32		0x10b
#define MAGIC_PE32_PLUS		0x20b
#define DIRECTORY		8	/* u32 offset, u32 size */
#define DIRECTORY_CERTIFICATES	4

int pe_has_signature(const void *head, size_t len, bool *ret, struct err *err)
{
	const uint8_t *p = head;
	size_t at, size, count_at;
	uint16_t magic;

	if (len < DOS_HEADER || memcmp(p, "MZ", 2) != 0)
		return err_set(err, EBADMSG, "not an EFI program");
	at = get_le32(p + DOS_NEW_HEADER);
	if (!range_inside(at, COFF_HEADER + 2, len))
		return err_set(err, EBADMSG, "PE header is not in the first %zu bytes", len);
	if (memcmp(p + at, "PE\0\0", 4) != 0)
		return err_set(err, EBADMSG, "not an EFI program");
	size = get_le16(p + at + COFF_OPTIONAL_SIZE);
	at += COFF_HEADER;
	magic = get_le16(p + at);
	if (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS)
		return err_set(err, EBADMSG, "PE header of unknown kind 0x%x", magic);
	count_at = magic == MAGIC_PE32 ? 92 : 108;
	if (size < count_at + 4)
		return err_set(err, EBADMSG, "PE header of %zu bytes is too short", size);
	if (!range_inside(at, size, len))
		return err_set(err, EBADMSG, "PE header is not in the first %zu bytes", len);
	/* An image may have fewer directories: then it has no such table. */
	*ret = get_le32(p + at + count_at) > DIRECTORY_CERTIFICATES &&
	       size >= count_at + 4 + (DIRECTORY_CERTIFICATES + 1) * DIRECTORY &&
	       get_le32(p + at + count_at + 4 + DIRECTORY_CERTIFICATES * DIRECTORY) > 0 &&
	       get_le32(p + at + count_at + 4 + DIRECTORY_CERTIFICATES * DIRECTORY + 4) > 0;
	return 0;
}
