/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/regf.h"

#include <errno.h>
#include <inttypes.h>

#include "common/bytes.h"

/* Base block */
#define SEQUENCE_1	4
#define SEQUENCE_2	8
#define MAJOR		20
#define FILE_TYPE	28
#define ROOT_CELL	36
#define BINS_SIZE	40
#define CHECKSUM	508

/* Head of a bin */
#define BIN_OFFSET	4
#define BIN_SIZE	8
#define BIN_HEAD	32

static uint32_t checksum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < CHECKSUM; i += 4)
		sum ^= get_le32(p + i);
	return sum;
}

static int check_base(const uint8_t *p, size_t len, struct err *err)
{
	if (len < 2 * REGF_BLOCK)
		return err_set(err, EILSEQ, "it is cut off, or no registry hive");
	if (memcmp(p, "regf", 4) != 0)
		return err_set(err, EILSEQ, "it is no registry hive");
	if (get_le32(p + CHECKSUM) != checksum(p))
		return err_set(err, EILSEQ, "it is torn: its first block has a wrong checksum");
	if (get_le32(p + SEQUENCE_1) != get_le32(p + SEQUENCE_2))
		return err_set(err, EILSEQ, "it is dirty: changes wait in its log");
	if (get_le32(p + MAJOR) != 1 || get_le32(p + FILE_TYPE) != 0)
		return err_set(err, EILSEQ, "it is a hive of an unknown version");
	return 0;
}

/* Bins follow each other up to the end that the base block tells; so do cells in each. */
static int check_bins(const uint8_t *p, size_t len, struct err *err)
{
	uint64_t size = get_le32(p + BINS_SIZE), end = REGF_BLOCK + size;
	uint64_t at = REGF_BLOCK;

	if (!size || size % REGF_BLOCK || end > len)
		return err_set(err, EILSEQ, "it is cut off: %zu bytes of %" PRIu64, len, end);
	while (at < end) {
		uint64_t bin = get_le32(p + at + BIN_SIZE), cell = at + BIN_HEAD;

		if (memcmp(p + at, "hbin", 4) != 0 || !bin || bin % REGF_BLOCK || bin > end - at ||
		    get_le32(p + at + BIN_OFFSET) != at - REGF_BLOCK)
			return err_set(err, EILSEQ, "it is damaged: no sound bin at 0x%" PRIx64,
				       at);
		while (cell < at + bin) {
			int64_t n = (int32_t)get_le32(p + cell);

			n = n < 0 ? -n : n;
			if (n < 8 || n % 8 || (uint64_t)n > at + bin - cell)
				return err_set(err, EILSEQ,
					       "it is damaged: no sound cell at 0x%" PRIx64, cell);
			cell += (uint64_t)n;
		}
		at += bin;
	}
	return 0;
}

int regf_check(const void *data, size_t len, struct err *err)
{
	int r = check_base(data, len, err);

	return r < 0 ? r : check_bins(data, len, err);
}
