/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smbios.h"

#include "common/bytes.h"
#include "common/compiler.h"

#define HEADER			4	/* type, length of the formatted part, u16 handle */
#define TYPE_ARRAY		16
#define TYPE_DEVICE		17
#define TYPE_END		127

#define ARRAY_USE		5
#define ARRAY_USE_SYSTEM	3

#define DEVICES_MAX		4096
#define DEVICE_ARRAY		4
#define DEVICE_SIZE		0x0c
#define DEVICE_SIZE_UNKNOWN	0xffff
#define DEVICE_SIZE_EXTENDED	0x7fff
#define DEVICE_EXTENDED		0x1c
#define DEVICE_TECHNOLOGY	0x28
#define TECHNOLOGY_NVDIMM_FIRST	4
#define TECHNOLOGY_NVDIMM_LAST	7
#define DEVICE_VOLATILE		0x3c

struct structure {
	const uint8_t *p;
	uint8_t type, length;
};

/* The structure at *offset; *offset moves past its strings. */
static bool next(const uint8_t *table, size_t len, size_t *offset, struct structure *ret)
{
	size_t at = *offset, end;

	if (at > len || len - at < HEADER || table[at + 1] < HEADER || table[at + 1] > len - at)
		return false;
	*ret = (struct structure){ table + at, table[at], table[at + 1] };
	/* The strings end with an empty one; a structure without any has two NULs. */
	for (end = at + ret->length; end + 1 < len; end++)
		if (table[end] == 0 && table[end + 1] == 0)
			break;
	*offset = end + 2;
	return ret->type != TYPE_END;
}

/* An array that is not in the table is taken for system memory: entries/17-N come alone. */
static bool is_system_array(const uint8_t *table, size_t len, uint16_t handle)
{
	struct structure s;
	size_t offset = 0;

	while (next(table, len, &offset, &s))
		if (s.type == TYPE_ARRAY && s.length > ARRAY_USE && get_le16(s.p + 2) == handle)
			return s.p[ARRAY_USE] == ARRAY_USE_SYSTEM;
	return true;
}

static void add_device(const struct structure *s, struct smbios_memory *sum)
{
	uint16_t size = get_le16(s->p + DEVICE_SIZE);
	uint64_t bytes;

	sum->slots++;
	if (size == 0)
		return;
	if (size == DEVICE_SIZE_EXTENDED && s->length >= DEVICE_EXTENDED + 4)
		bytes = (uint64_t)(get_le32(s->p + DEVICE_EXTENDED) & 0x7fffffff) * MIB;
	else if (size == DEVICE_SIZE_UNKNOWN)
		bytes = 0;
	else
		bytes = (uint64_t)(size & 0x7fff) * (size & 0x8000 ? KIB : MIB);
	if (s->length >= DEVICE_VOLATILE + 8 &&
	    s->p[DEVICE_TECHNOLOGY] >= TECHNOLOGY_NVDIMM_FIRST &&
	    s->p[DEVICE_TECHNOLOGY] <= TECHNOLOGY_NVDIMM_LAST) {
		bytes = get_le64(s->p + DEVICE_VOLATILE);
		if (bytes == 0 || bytes == UINT64_MAX)
			return;
	}
	if (bytes == 0)
		sum->unknown = true;
	if (!u64_add(sum->bytes, bytes, &sum->bytes))
		sum->unknown = true;
	sum->devices++;
}

void smbios_memory_sum(const void *table, size_t len, struct smbios_memory *sum)
{
	struct structure s;
	size_t offset = 0;

	/* Each device searches for its array: a table of nothing else must end, too. */
	while (sum->slots < DEVICES_MAX && next(table, len, &offset, &s))
		if (s.type == TYPE_DEVICE && s.length >= DEVICE_SIZE + 2 &&
		    is_system_array(table, len, get_le16(s.p + DEVICE_ARRAY)))
			add_device(&s, sum);
}
