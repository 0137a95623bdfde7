/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_code.h"

#include <string.h>
#include "common/bytes.h"
#include "common/digest.h"
#include "common/text.h"

#define CRC_LEN		4u
#define EXACT		2048u		/* values below have their own code */
#define MANTISSA	10u		/* bits behind the leading one */

/*
 * From 2048 on: the highest bit at e (11 to 63), ten bits m behind it.
 * code = 2048 + (e - 11) * 1024 + m
 */
uint16_t sample_code_value(uint64_t v)
{
	uint64_t m;
	unsigned int e;

	if (v < EXACT)
		return (uint16_t)v;
	e = 63u - (unsigned int)__builtin_clzll(v);
	m = v >> (e - MANTISSA);
	if (v & ((UINT64_C(1) << (e - MANTISSA)) - 1))
		m++;
	/* Rounded up to the next power of two: the sum carries into the exponent. */
	m += EXACT - 1024 + (uint64_t)(e - 11) * 1024;
	return (uint16_t)MIN(m, (uint64_t)(EXACT + 53 * 1024 - 1));
}

uint64_t sample_code_value_of(uint16_t code)
{
	unsigned int e, m;

	if (code < EXACT)
		return code;
	e = (code - EXACT) / 1024 + 11;
	m = (code - EXACT) % 1024;
	if (e > 63)
		return UINT64_MAX - 1;
	return (uint64_t)(1024 + m) << (e - MANTISSA);
}

size_t sample_code_size(uint16_t ndisks, uint16_t nnics)
{
	size_t n = SAMPLE_CODE_FIXED + SAMPLE_WINDOW_SERVICES * SAMPLE_CODE_SERVICE +
		   (SAMPLE_SERIES + (size_t)ndisks * SAMPLE_DISK_SERIES +
		    (size_t)nnics * SAMPLE_NIC_SERIES) * SAMPLE_CODE_STAT + CRC_LEN;

	return ALIGN_UP(n, 8u);
}

static void put_stat(uint8_t *p, const struct sample_stat *s)
{
	put_be16(p, sample_code_value(s->min));
	put_be16(p + 2, sample_code_value(s->mean));
	put_be16(p + 4, sample_code_value(s->max));
	memcpy(p + 6, s->part, SAMPLE_WINDOW_PARTS);
}

static bool get_stat(const uint8_t *p, struct sample_stat *s)
{
	memset(s, 0, sizeof(*s));
	s->min = sample_code_value_of(get_be16(p));
	s->mean = sample_code_value_of(get_be16(p + 2));
	s->max = sample_code_value_of(get_be16(p + 4));
	memcpy(s->part, p + 6, SAMPLE_WINDOW_PARTS);
	for (size_t i = 0; i < SAMPLE_WINDOW_PARTS; i++)
		s->n += s->part[i];
	if (s->n == 0)
		return s->max == 0 && s->mean == 0 && s->min == 0;
	return s->min <= s->mean && s->mean <= s->max && s->n <= SAMPLE_WINDOW_SAMPLES;
}

static void put_services(uint8_t *p, const struct sample_record *r)
{
	for (size_t i = 0; i < r->nservices; i++, p += SAMPLE_CODE_SERVICE) {
		const struct sample_service *s = &r->services[i];

		memcpy(p, s->name, strnlen(s->name, SAMPLE_NAME_MAX - 1));
		put_be16(p + SAMPLE_NAME_MAX, s->cpu == SAMPLE_NONE ? UINT16_MAX :
								      sample_code_value(s->cpu));
		put_be16(p + SAMPLE_NAME_MAX + 2, s->memory == SAMPLE_NONE ?
				UINT16_MAX : sample_code_value(s->memory));
	}
}

static uint64_t service_value(uint16_t code)
{
	return code == UINT16_MAX ? SAMPLE_NONE : sample_code_value_of(code);
}

static void get_services(const uint8_t *p, struct sample_record *r)
{
	r->nservices = 0;
	for (size_t i = 0; i < SAMPLE_WINDOW_SERVICES && p[0]; i++, p += SAMPLE_CODE_SERVICE) {
		struct sample_service *s = &r->services[r->nservices++];
		size_t n = strnlen((const char *)p, SAMPLE_NAME_MAX - 1);

		memset(s, 0, sizeof(*s));
		memcpy(s->name, p, n);
		s->cpu = service_value(get_be16(p + SAMPLE_NAME_MAX));
		s->memory = service_value(get_be16(p + SAMPLE_NAME_MAX + 2));
	}
}

static void put_devices(uint8_t *p, const struct sample_device_stat *v, size_t n,
			const int32_t *place, size_t nseries)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < nseries && place[i] >= 0; k++)
			put_stat(p + ((size_t)place[i] * nseries + k) * SAMPLE_CODE_STAT,
				 &v[i].s[k]);
}

void sample_code_encode(const struct sample_record *r, uint64_t seq, const int32_t *disk_place,
			const int32_t *nic_place, uint16_t ndisks, uint16_t nnics, uint8_t *p)
{
	size_t size = sample_code_size(ndisks, nnics);
	uint8_t *at = p + SAMPLE_CODE_FIXED;

	memset(p, 0, size);
	put_be64(p, seq);
	put_be64(p + 8, r->time);
	put_be32(p + 16, r->duration_ms);
	put_be32(p + 20, r->cpus_online);
	memcpy(p + 24, r->boot_id, 16);
	put_be64(p + 40, r->mem_total);
	put_be64(p + 48, r->swap_total);
	for (int i = 0; i < SAMPLE_SERIES; i++, at += SAMPLE_CODE_STAT)
		put_stat(at, &r->s[i]);
	put_services(at, r);
	at += SAMPLE_WINDOW_SERVICES * SAMPLE_CODE_SERVICE;
	put_devices(at, r->disks, r->ndisks, disk_place, SAMPLE_DISK_SERIES);
	at += (size_t)ndisks * SAMPLE_DISK_SERIES * SAMPLE_CODE_STAT;
	put_devices(at, r->nics, r->nnics, nic_place, SAMPLE_NIC_SERIES);
	put_be32(p + size - CRC_LEN, digest_crc32c(0, p, size - CRC_LEN));
}

uint64_t sample_code_seq(const uint8_t *p, size_t size)
{
	if (get_be32(p + size - CRC_LEN) != digest_crc32c(0, p, size - CRC_LEN))
		return 0;
	return get_be64(p);
}

static bool get_devices(const uint8_t **p, struct sample_device_stat *v, size_t n, size_t nseries)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < nseries; k++, *p += SAMPLE_CODE_STAT)
			if (!get_stat(*p, &v[i].s[k]))
				return false;
	return true;
}

bool sample_code_decode(const uint8_t *p, uint16_t ndisks, uint16_t nnics, struct sample_record *r)
{
	const uint8_t *at = p + SAMPLE_CODE_FIXED;

	r->time = get_be64(p + 8);
	r->duration_ms = get_be32(p + 16);
	r->services_ms = r->duration_ms;	/* a look for each record */
	r->cpus_online = get_be32(p + 20);
	memcpy(r->boot_id, p + 24, 16);
	r->mem_total = get_be64(p + 40);
	r->swap_total = get_be64(p + 48);
	if (r->time > INT64_MAX || r->mem_total > INT64_MAX || r->swap_total > INT64_MAX)
		return false;
	for (int i = 0; i < SAMPLE_SERIES; i++, at += SAMPLE_CODE_STAT)
		if (!get_stat(at, &r->s[i]))
			return false;
	get_services(at, r);
	at += SAMPLE_WINDOW_SERVICES * SAMPLE_CODE_SERVICE;
	r->ndisks = ndisks;
	r->nnics = nnics;
	return get_devices(&at, r->disks, ndisks, SAMPLE_DISK_SERIES) &&
	       get_devices(&at, r->nics, nnics, SAMPLE_NIC_SERIES);
}
