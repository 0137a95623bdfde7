/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of the ring file as bytes, all big-endian (docs/sample-format.md has the tables). Pure.
 *
 * A value takes 16 bits: values below 2048 as they are; above, 11 significant bits and an exponent,
 * so that it is kept to within 1 in 2048, rounded up: a peak never becomes smaller. The largest
 * code stands for 2^63 and more.
 *
 * Decoding takes any bytes: what does not fit together (min above mean, more samples than a window
 * holds) makes the record invalid as a whole, as a wrong CRC does.
 */
#ifndef P2V_INVENTORY_SAMPLE_CODE_H
#define P2V_INVENTORY_SAMPLE_CODE_H

#include "inventory/load/sample_window.h"

#define SAMPLE_CODE_FIXED	64u	/* in front of the series */
#define SAMPLE_CODE_STAT	14u	/* min, mean, max; 8 parts of a byte */
#define SAMPLE_CODE_SERVICE	56u

uint16_t sample_code_value(uint64_t v);
uint64_t sample_code_value_of(uint16_t code);

/* Bytes of a record for so many places; at most about 140 KiB. */
size_t sample_code_size(uint16_t ndisks, uint16_t nnics);
/*
 * place[i] of r's disk i is its place in the file, or -1: then it is left out. seq is not 0, p has
 * the record's size.
 */
void sample_code_encode(const struct sample_record *r, uint64_t seq, const int32_t *disk_place,
			const int32_t *nic_place, uint16_t ndisks, uint16_t nnics, uint8_t *p);
/*
 * The number of a record, 0 when it is empty, torn or damaged. A record by itself is sealed and
 * numbered; its values are looked at by sample_code_decode.
 */
uint64_t sample_code_seq(const uint8_t *p, size_t size);
/*
 * Into r, whose lists have ndisks and nnics elements already (names are left alone). False: the
 * values contradict each other.
 */
bool sample_code_decode(const uint8_t *p, uint16_t ndisks, uint16_t nnics,
			struct sample_record *r);

#endif
