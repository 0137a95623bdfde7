/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CRC-32 with the polynomial of IEEE 802.3 (reflected: 0xedb88320), bare: no inversion before or
 * after. GPT inverts (start with ~0, invert the result), LVM starts with 0xf597a6cf and does not.
 * Only metadata goes through here, so four bits at a time are fast enough.
 */
#ifndef P2V_DISK_CRC32_H
#define P2V_DISK_CRC32_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t crc32_bare(uint32_t crc, const void *data, size_t len)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ nibble[crc & 15];
		crc = crc >> 4 ^ nibble[crc & 15];
	}
	return crc;
}

#endif
