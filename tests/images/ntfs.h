/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Changing an NTFS volume below its files: the flags of $Volume, a log that was not closed. For
 * volumes by mkntfs, whatever their clusters and records.
 */
#ifndef P2V_TESTS_NTFS_H
#define P2V_TESTS_NTFS_H

#include "common/bytes.h"
#include "tests/images/image.h"

#define NTFS_RECORD	1024u		/* but with sectors of 4 KiB */
#define NTFS_RECORD_MAX	4096u
#define NTFS_LOG_PAGE	4096u
#define NTFS_LOG	2u		/* numbers of MFT records */
#define NTFS_VOLUME	3u

UNUSED static uint32_t ntfs_cluster(const char *image)
{
	uint8_t boot[512];

	image_read(image, boot, sizeof(boot), 0);
	return (uint32_t)get_le16(boot + 11) *
	       (boot[13] > 128 ? UINT32_C(1) << (256 - boot[13]) : boot[13]);
}

UNUSED static uint32_t ntfs_record_size(const char *image)
{
	uint8_t v;

	image_read(image, &v, 1, 64);
	return v > 128 ? UINT32_C(1) << (256 - v) : v * ntfs_cluster(image);
}

/* Where the boot sector says that $MFT is, or its mirror. */
static inline uint64_t ntfs_place(const char *image, size_t field)
{
	uint8_t boot[512];

	image_read(image, boot, sizeof(boot), 0);
	return get_le64(boot + field) * ntfs_cluster(image);
}

static inline uint64_t ntfs_mft(const char *image)
{
	return ntfs_place(image, 48);
}

static inline uint64_t ntfs_mirror(const char *image)
{
	return ntfs_place(image, 56);
}

static inline uint64_t ntfs_record_at(const char *image, uint32_t number)
{
	return ntfs_mft(image) + (uint64_t)number * ntfs_record_size(image);
}

static inline void ntfs_record_read(const char *image, uint32_t number,
				    uint8_t ret[static NTFS_RECORD_MAX])
{
	image_read(image, ret, ntfs_record_size(image), ntfs_record_at(image, number));
}

/* The attribute of that type in an MFT record: its offset in the record. */
UNUSED static size_t ntfs_attribute(const uint8_t *record, uint32_t type)
{
	size_t at = get_le16(record + 20);

	while (get_le32(record + at) != type) {
		ck_assert_uint_ne(get_le32(record + at), UINT32_MAX);
		at += get_le32(record + at + 4);
	}
	return at;
}

/* The place on the volume where the unnamed data of a file begins. */
UNUSED static uint64_t ntfs_data(const char *image, uint32_t number)
{
	uint8_t record[NTFS_RECORD_MAX];
	size_t at, run;
	uint64_t lcn = 0;

	ntfs_record_read(image, number, record);
	at = ntfs_attribute(record, 0x80);
	run = at + get_le16(record + at + 32);
	for (unsigned int i = 0; i < record[run] >> 4; i++)
		lcn |= (uint64_t)record[run + 1 + (record[run] & 15) + i] << 8 * i;
	return lcn * ntfs_cluster(image);
}

/* In $MFT, and in its mirror if it is one of the four. Not for the last word of 512 bytes. */
UNUSED static void ntfs_poke(const char *image, uint32_t number, size_t at, const void *p,
			     size_t len)
{
	image_write(image, p, len, ntfs_record_at(image, number) + at);
	if (number < 4)
		image_write(image, p, len, ntfs_mirror(image) +
			    (uint64_t)number * ntfs_record_size(image) + at);
}

UNUSED static void ntfs_set_flags(const char *image, uint16_t flags)
{
	uint8_t record[NTFS_RECORD_MAX], value[2];
	size_t at;

	ntfs_record_read(image, NTFS_VOLUME, record);
	at = ntfs_attribute(record, 0x70);
	put_le16(value, flags);
	ntfs_poke(image, NTFS_VOLUME, at + get_le16(record + at + 20) + 10, value, 2);
}

/*
 * A log with two restart pages, as Windows keeps it while the volume is mounted: a client is in
 * its list. clean: the list is empty, or the flag says that it was closed.
 */
UNUSED static void ntfs_write_log(const char *image, uint16_t in_use, uint16_t flags)
{
	uint8_t page[NTFS_LOG_PAGE] = { 0 }, record[NTFS_RECORD_MAX];
	uint64_t offset = ntfs_data(image, NTFS_LOG);
	size_t at;

	ntfs_record_read(image, NTFS_LOG, record);
	at = ntfs_attribute(record, 0x80);
	memcpy(page, "RSTR", 4);
	put_le16(page + 4, 30);			/* update sequence array */
	put_le16(page + 6, 1 + NTFS_LOG_PAGE / 512);
	put_le32(page + 16, NTFS_LOG_PAGE);	/* system page */
	put_le32(page + 20, NTFS_LOG_PAGE);	/* log page */
	put_le16(page + 24, 48);		/* the restart area, 8 aligned behind the array */
	put_le16(page + 26, 1);			/* version 1.1 */
	put_le16(page + 28, 1);
	put_le64(page + 48, 0x1000);		/* current LSN */
	put_le16(page + 48 + 8, 1);		/* one client record */
	put_le16(page + 48 + 10, in_use == 0xffff ? 0 : 0xffff);
	put_le16(page + 48 + 12, in_use);
	put_le16(page + 48 + 14, flags);
	put_le32(page + 48 + 16, 67 - 20);	/* bits of a sequence number; below */
	put_le16(page + 48 + 20, 48 + 160);	/* length of the area */
	put_le16(page + 48 + 22, 48);		/* the client records in it */
	put_le64(page + 48 + 24, get_le64(record + at + 48));
	/* The number of bits follows from the log's size: 67 less those of the size. */
	for (uint64_t size = get_le64(record + at + 48), bits = 67;; size >>= 1, bits--)
		if (size == 0) {
			put_le32(page + 48 + 16, (uint32_t)bits);
			break;
		}
	put_le16(page + 48 + 36, 48);		/* log record header */
	put_le16(page + 48 + 38, 64);		/* log page data */
	put_le16(page + 96 + 16, 0xffff);	/* client: no previous, no next */
	put_le16(page + 96 + 18, 0xffff);
	put_le32(page + 96 + 28, 8);
	memcpy(page + 96 + 32, "N\0T\0F\0S\0", 8);
	/* Fixed up: the last word of each sector is the sequence number, its own in the array. */
	put_le16(page + 30, 1);
	for (unsigned int i = 1; i <= NTFS_LOG_PAGE / 512; i++) {
		memcpy(page + 30 + 2 * i, page + i * 512 - 2, 2);
		put_le16(page + i * 512 - 2, 1);
	}
	image_write(image, page, sizeof(page), offset);
	image_write(image, page, sizeof(page), offset + NTFS_LOG_PAGE);
}

#endif
