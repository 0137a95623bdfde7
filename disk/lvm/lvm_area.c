/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A metadata area: a header that points at the committed text in a ring. */
#include "disk/lvm/lvm_label.h"

#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "disk/crc32.h"

#define TEXT_MAX	(8u << 20)	/* the default area is 1 MiB */
#define LOCN_IGNORED	1u

/* *ret stays NULL when LVM has been told not to use this area. */
static int read_mda(const struct lvm_source *s, const struct lvm_area *mda, char **ret,
		    size_t *ret_len)
{
	static const char magic[16] = " LVM2 x[5A%r0N*>";
	CLEANUP(mem_free) char *text = NULL;
	uint8_t header[LVM_SECTOR];
	uint64_t offset, size, first;
	uint32_t checksum, flags;
	int r;

	if (mda->length < 2 * LVM_SECTOR)
		return lvm_source_doubt(s, "a metadata area is too small");
	r = lvm_source_read(s, header, sizeof(header), mda->offset);
	if (r < 0)
		return r;
	if (crc32_bare(LVM_CRC_INITIAL, header + 4, LVM_SECTOR - 4) != get_le32(header))
		return lvm_source_doubt(s, "a metadata area header has a wrong checksum");
	if (memcmp(header + 4, magic, sizeof(magic)) != 0 || get_le32(header + 20) != 1 ||
	    get_le64(header + 24) != mda->offset || get_le64(header + 32) != mda->length)
		return lvm_source_doubt(s, "a metadata area header is not LVM's");
	offset = get_le64(header + 40);
	size = get_le64(header + 48);
	checksum = get_le32(header + 56);
	flags = get_le32(header + 60);
	if (flags & ~LOCN_IGNORED)
		return lvm_source_doubt(s, "a metadata area has unknown flags");
	if (flags & LOCN_IGNORED)
		return 1;
	if (offset == 0)
		return lvm_source_doubt(s, "the PV belongs to no volume group");
	if (get_le64(header + 64) != 0)
		return lvm_source_doubt(s, "an LVM change was not finished");
	if (offset < LVM_SECTOR || offset >= mda->length || size == 0 ||
	    size > mda->length - LVM_SECTOR || size > TEXT_MAX)
		return lvm_source_doubt(s, "a metadata area points outside itself");

	text = malloc(size + 1);
	if (!text)
		return err_nomem(s->err);
	/* The ring begins behind the header. */
	first = MIN(size, mda->length - offset);
	r = lvm_source_read(s, text, first, mda->offset + offset);
	if (r == 0 && first < size)
		r = lvm_source_read(s, text + first, size - first, mda->offset + LVM_SECTOR);
	if (r < 0)
		return r;
	if (crc32_bare(LVM_CRC_INITIAL, text, size) != checksum)
		return lvm_source_doubt(s, "the LVM metadata has a wrong checksum");
	text[size] = '\0';
	*ret = TAKE_PTR(text);
	*ret_len = size;
	return 1;
}

int lvm_area_find(const struct lvm_source *s, const struct lvm_header *h, char **ret,
		  size_t *ret_len)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len = 0;
	int r;

	for (unsigned int i = 0; i < h->mdas; i++) {
		CLEANUP(mem_free) char *copy = NULL;
		size_t copy_len = 0;

		r = read_mda(s, &h->mda[i], &copy, &copy_len);
		if (r <= 0)
			return r;
		if (!copy)
			continue;
		if (text && (copy_len != len || memcmp(copy, text, len) != 0))
			return lvm_source_doubt(s, "the two copies of the LVM metadata differ");
		if (!text) {
			text = TAKE_PTR(copy);
			len = copy_len;
		}
	}
	while (len > 0 && text[len - 1] == '\0')
		len--;
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 1;
}

int lvm_area_read(const struct lvm_source *s, const struct lvm_header *h, char **ret,
		  size_t *ret_len)
{
	char *text = NULL;
	int r = lvm_area_find(s, h, &text, ret_len);

	if (r > 0 && !text)
		return lvm_source_doubt(s, h->mdas == 0 ?
					"the PV has no metadata area of its own" :
					"all metadata areas of the PV are switched off");
	if (r > 0)
		*ret = text;
	return r;
}
