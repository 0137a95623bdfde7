/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pe.h"

#include <errno.h>
#include <string.h>
#include "common/bytes.h"

#define DOS_HEADER		0x40
#define DOS_NEW_HEADER		0x3c
#define COFF_HEADER		24	/* with the "PE\0\0" before it */
#define COFF_SECTIONS		6
#define COFF_OPTIONAL_SIZE	20
#define SECTION			40	/* u8 name[8], u32 used, address, size, offset, ... */
#define MAGIC_PE32		0x10b
#define MAGIC_PE32_PLUS		0x20b
#define DIRECTORY		8	/* u32 offset, u32 size */
#define DIRECTORY_CERTIFICATES	4

/* Where the COFF header is. */
static int find_coff(const uint8_t *p, size_t len, size_t *ret, struct err *err)
{
	size_t at;

	if (len < DOS_HEADER || memcmp(p, "MZ", 2) != 0)
		return err_set(err, EBADMSG, "not an EFI program");
	at = get_le32(p + DOS_NEW_HEADER);
	if (!range_inside(at, COFF_HEADER + 2, len))
		return err_set(err, EBADMSG, "PE header is not in the first %zu bytes", len);
	if (memcmp(p + at, "PE\0\0", 4) != 0)
		return err_set(err, EBADMSG, "not an EFI program");
	*ret = at;
	return 0;
}

int pe_section(const void *data, size_t len, const char *name, size_t *ret_offset,
	       size_t *ret_size, struct err *err)
{
	const uint8_t *p = data;
	size_t at, n;
	int r = find_coff(p, len, &at, err);

	if (r < 0)
		return r;
	n = get_le16(p + at + COFF_SECTIONS);
	at += COFF_HEADER + get_le16(p + at + COFF_OPTIONAL_SIZE);
	if (!range_inside(at, n * SECTION, len))
		return err_set(err, EBADMSG, "PE sections are not in the first %zu bytes", len);
	for (; n; n--, at += SECTION) {
		/* The file's part is padded; a section that is longer in memory ends in zeroes. */
		uint32_t used = get_le32(p + at + 8), size = get_le32(p + at + 16),
			 offset = get_le32(p + at + 20);

		if (strncmp((const char *)p + at, name, 8) != 0 || strlen(name) > 8)
			continue;
		if (!range_inside(offset, size, len))
			return err_set(err, EBADMSG, "section %s is not all there", name);
		*ret_offset = offset;
		*ret_size = used && used < size ? used : size;
		return 0;
	}
	return err_set(err, ENOENT, "no section %s", name);
}

int pe_has_signature(const void *head, size_t len, bool *ret, struct err *err)
{
	const uint8_t *p = head;
	size_t at, size, count_at;
	uint16_t magic;
	int r = find_coff(p, len, &at, err);

	if (r < 0)
		return r;
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
