/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/smbios.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/collect_util.h"

#define HEADER			4	/* type, length of the formatted part, u16 handle */
#define TYPE_OEM_STRINGS	11
#define TYPE_ARRAY		16
#define TYPE_DEVICE		17
#define TYPE_END		127

#define OEM_COUNT		4

#define ARRAY_USE		5
#define ARRAY_USE_SYSTEM	3
#define ARRAY_ECC		6

#define DEVICES_MAX		4096
#define DEVICE_ARRAY		4
#define DEVICE_SIZE		0x0c
#define DEVICE_SIZE_UNKNOWN	0xffff
#define DEVICE_SIZE_EXTENDED	0x7fff
#define DEVICE_LOCATOR		0x10
#define DEVICE_BANK		0x11
#define DEVICE_TYPE		0x12
#define DEVICE_SPEED		0x15
#define DEVICE_MANUFACTURER	0x17
#define DEVICE_SERIAL		0x18
#define DEVICE_PART		0x1a
#define DEVICE_EXTENDED		0x1c
#define DEVICE_CONFIGURED	0x20
#define DEVICE_TECHNOLOGY	0x28
#define TECHNOLOGY_NVDIMM_FIRST	4
#define TECHNOLOGY_NVDIMM_LAST	7
#define DEVICE_VOLATILE		0x3c
#define DEVICE_CONFIGURED_LONG	0x58
#define SPEED_LONG		0xffff	/* see the field of 32 bits */

#define TABLE_MAX		((size_t)1 << 20)

struct structure {
	const uint8_t *p;
	uint8_t type, length;
	const char *strings, *end;	/* each with its NUL; end: of the table, or of them */
};

/* The structure at *offset; *offset moves past its strings. */
static bool next(const uint8_t *table, size_t len, size_t *offset, struct structure *ret)
{
	size_t at = *offset, end;

	if (at > len || len - at < HEADER || table[at + 1] < HEADER || table[at + 1] > len - at)
		return false;
	ret->p = table + at;
	ret->type = table[at];
	ret->length = table[at + 1];
	/* The strings end with an empty one; a structure without any has two NULs. */
	for (end = at + ret->length; end + 1 < len; end++)
		if (table[end] == 0 && table[end + 1] == 0)
			break;
	ret->strings = (const char *)table + at + ret->length;
	ret->end = (const char *)table + MIN(end + 1, len);
	*offset = end + 2;
	return ret->type != TYPE_END;
}

/* String number n of a structure, unterminated; *ret_len 0 when there is none. */
static const char *string_at(const struct structure *s, unsigned int n, size_t *ret_len)
{
	const char *p = s->strings;

	*ret_len = 0;
	while (n > 0 && p < s->end) {
		const char *nul = memchr(p, 0, (size_t)(s->end - p));

		if (!nul)
			return p;
		if (--n == 0) {
			*ret_len = (size_t)(nul - p);
			return p;
		}
		p = nul + 1;
	}
	return p;
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

/* What is in the slot; 0: nothing, or *ret_unknown. */
static uint64_t device_size(const struct structure *s, bool *ret_unknown)
{
	uint16_t size = get_le16(s->p + DEVICE_SIZE);
	uint64_t bytes;

	*ret_unknown = false;
	if (size == 0)
		return 0;
	if (size == DEVICE_SIZE_EXTENDED && s->length >= DEVICE_EXTENDED + 4)
		bytes = (uint64_t)(get_le32(s->p + DEVICE_EXTENDED) & 0x7fffffff) * MIB;
	else if (size == DEVICE_SIZE_UNKNOWN)
		bytes = 0;
	else
		bytes = (uint64_t)(size & 0x7fff) * (size & 0x8000 ? KIB : MIB);
	*ret_unknown = bytes == 0;
	return bytes;
}

static void add_device(const struct structure *s, struct smbios_memory *sum)
{
	bool unknown;
	uint64_t bytes = device_size(s, &unknown);

	sum->slots++;
	if (bytes == 0 && !unknown)
		return;
	if (s->length >= DEVICE_VOLATILE + 8 &&
	    s->p[DEVICE_TECHNOLOGY] >= TECHNOLOGY_NVDIMM_FIRST &&
	    s->p[DEVICE_TECHNOLOGY] <= TECHNOLOGY_NVDIMM_LAST) {
		bytes = get_le64(s->p + DEVICE_VOLATILE);
		if (bytes == 0 || bytes == UINT64_MAX)
			return;
	}
	/* Past 2^63 it is no size. */
	if (bytes == 0 || !u64_add(sum->bytes, bytes, &bytes) || bytes > INT64_MAX)
		sum->unknown = true;
	else
		sum->bytes = bytes;
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

/* A text of the structure, when it has the field, and it says something. */
static int device_text(const struct structure *s, size_t field, char **ret)
{
	static const char *const nothing[] = {
		"Not Specified", "NO DIMM", "NOT AVAILABLE", "Unknown", "Undefined", "None",
		"Empty", "[Empty]", "N/A", "Not Provided", "To Be Filled By O.E.M.",
		"Default string",
	};
	CLEANUP(mem_free) char *text = NULL;
	const char *p;
	size_t len;
	int r;

	if (s->length <= field)
		return 0;
	p = string_at(s, s->p[field], &len);
	r = collect_util_text(p, len, &text);
	if (r < 0 || !text)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++)
		if (strcasecmp(text, nothing[i]) == 0)
			return 0;
	*ret = TAKE_PTR(text);
	return 0;
}

/* DSP0134 7.18.2. */
static const char *device_type(uint8_t type)
{
	static const char *const types[] = {
		[0x03] = "DRAM", [0x04] = "EDRAM", [0x05] = "VRAM", [0x06] = "SRAM",
		[0x07] = "RAM", [0x08] = "ROM", [0x09] = "Flash", [0x0a] = "EEPROM",
		[0x0b] = "FEPROM", [0x0c] = "EPROM", [0x0d] = "CDRAM", [0x0e] = "3DRAM",
		[0x0f] = "SDRAM", [0x10] = "SGRAM", [0x11] = "RDRAM", [0x12] = "DDR",
		[0x13] = "DDR2", [0x14] = "DDR2 FB-DIMM", [0x18] = "DDR3", [0x19] = "FBD2",
		[0x1a] = "DDR4", [0x1b] = "LPDDR", [0x1c] = "LPDDR2", [0x1d] = "LPDDR3",
		[0x1e] = "LPDDR4", [0x1f] = "Logical non-volatile device", [0x20] = "HBM",
		[0x21] = "HBM2", [0x22] = "DDR5", [0x23] = "LPDDR5", [0x24] = "HBM3",
	};

	return type < ARRAY_SIZE(types) ? types[type] : NULL;
}

/* Configured; from before SMBIOS 2.7, which has no such field, the module's own. */
static uint32_t device_speed(const struct structure *s)
{
	size_t field = s->length >= DEVICE_CONFIGURED + 2 ? DEVICE_CONFIGURED : DEVICE_SPEED;
	uint16_t speed = s->length >= field + 2 ? get_le16(s->p + field) : 0;

	if (speed != SPEED_LONG)
		return speed;
	return field == DEVICE_CONFIGURED && s->length >= DEVICE_CONFIGURED_LONG + 4
		       ? get_le32(s->p + DEVICE_CONFIGURED_LONG) & 0x7fffffff
		       : 0;
}

#define SLOT_TEXTS 2	/* locator and bank, first below */

static int fill_slot(const struct structure *s, struct machine_memory_slot *ret)
{
	static const struct {
		size_t field, offset;
	} texts[] = {
		{ DEVICE_LOCATOR, offsetof(struct machine_memory_slot, locator) },
		{ DEVICE_BANK, offsetof(struct machine_memory_slot, bank) },
		{ DEVICE_MANUFACTURER, offsetof(struct machine_memory_slot, manufacturer) },
		{ DEVICE_PART, offsetof(struct machine_memory_slot, part_number) },
		{ DEVICE_SERIAL, offsetof(struct machine_memory_slot, serial) },
	};
	const char *type = s->length > DEVICE_TYPE ? device_type(s->p[DEVICE_TYPE]) : NULL;
	bool unknown, empty;

	ret->size = device_size(s, &unknown);
	empty = ret->size == 0 && !unknown;
	ret->speed = empty ? 0 : device_speed(s);
	/* Of an empty slot, what is a module's is left over from some other. */
	for (size_t i = 0; i < (empty ? SLOT_TEXTS : ARRAY_SIZE(texts)); i++) {
		char **member = (char **)(void *)((char *)ret + texts[i].offset);

		if (device_text(s, texts[i].field, member) < 0)
			return -ENOMEM;
	}
	return type ? collect_util_text(type, strlen(type), &ret->type) : 0;
}

int smbios_slots(const void *table, size_t len, size_t max, struct machine_memory *ret,
		 bool *ret_full)
{
	struct structure s;
	size_t offset = 0;

	*ret_full = false;
	while (next(table, len, &offset, &s)) {
		struct machine_memory_slot *slot;

		if (s.type != TYPE_DEVICE || s.length < DEVICE_SIZE + 2)
			continue;
		*ret_full = ret->nslots == max;
		if (*ret_full)
			break;
		slot = machine_grow(&ret->slots, &ret->nslots, sizeof(*slot));
		if (!slot || fill_slot(&s, slot) < 0)
			return -ENOMEM;
	}
	return 0;
}

const char *smbios_ecc(const void *table, size_t len)
{
	/* DSP0134 7.17.3; 2 is "unknown". */
	static const char *const kinds[] = {
		[1] = "other", [3] = "none", [4] = "parity", [5] = "single-bit",
		[6] = "multi-bit", [7] = "crc",
	};
	struct structure s;
	size_t offset = 0;

	while (next(table, len, &offset, &s))
		if (s.type == TYPE_ARRAY && s.length > ARRAY_ECC &&
		    s.p[ARRAY_USE] == ARRAY_USE_SYSTEM && s.p[ARRAY_ECC] < ARRAY_SIZE(kinds) &&
		    kinds[s.p[ARRAY_ECC]])
			return kinds[s.p[ARRAY_ECC]];
	return NULL;
}

int smbios_oem_strings(const void *table, size_t len, size_t max, struct machine_strv *ret)
{
	struct structure s;
	size_t offset = 0;

	while (next(table, len, &offset, &s)) {
		if (s.type != TYPE_OEM_STRINGS || s.length <= OEM_COUNT)
			continue;
		for (unsigned int i = 1; i <= s.p[OEM_COUNT] && ret->n < max; i++) {
			CLEANUP(mem_free) char *text = NULL;
			size_t n;
			const char *p = string_at(&s, i, &n);

			if (collect_util_text(p, n, &text) < 0 ||
			    (text && machine_strv_add(ret, text) < 0))
				return -ENOMEM;
		}
	}
	return 0;
}

static int append(char **table, size_t *len, const char *more, size_t n)
{
	char *bigger = realloc(*table, *len + n + 1);

	if (!bigger)
		return -ENOMEM;
	memcpy(bigger + *len, more, n);
	*table = bigger;
	*len += n;
	return 0;
}

int smbios_read(const struct sysroot *root, char **ret, size_t *ret_len)
{
	CLEANUP(mem_free) char *table = NULL;
	CLEANUP(strv_free) char **names = NULL;
	size_t len = 0;
	int r = sysroot_read(root, &table, &len, "/sys/firmware/dmi/tables/DMI");

	if (r < 0 && r != -ENOMEM)
		r = sysroot_list(root, &names, "/sys/firmware/dmi/entries");
	for (char **p = names; r >= 0 && p && *p; p++) {
		CLEANUP(mem_free) char *raw = NULL;
		size_t n;

		if (strncmp(*p, "11-", 3) != 0 && strncmp(*p, "16-", 3) != 0 &&
		    strncmp(*p, "17-", 3) != 0)
			continue;
		r = sysroot_read(root, &raw, &n, "/sys/firmware/dmi/entries/%s/raw", *p);
		/* A structure is its own end's judge: the next one must not be lost with it. */
		if (r >= 0 && n >= HEADER + 2 && len + n <= TABLE_MAX)
			r = append(&table, &len, raw, n);
		else if (r != -ENOMEM)
			r = 0;
	}
	if (r == -ENOMEM)
		return r;
	if (table) {
		*ret = TAKE_PTR(table);
		*ret_len = len;
	}
	return 0;
}
