/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smart/smart_ata.h"

#include <errno.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

/* Sense data (SPC-5 4.4): response code 70h, 71h fixed, 72h, 73h descriptors. */
#define SENSE_CODE(s)		((s)[0] & 0x7f)
#define SENSE_LENGTH		7	/* what follows the first eight bytes */
#define DESCRIPTORS		8
#define DESCRIPTOR_ATA		0x09
#define DESCRIPTOR_ATA_LEN	14
#define FIXED_LEN		14
#define FIXED_ASC		12
#define ATA_INFORMATION_ASCQ	0x1d	/* with ASC 0 */

/* The two answers of SMART RETURN STATUS, in LBA mid and high. */
#define STATUS_GOOD_MID		0x4f
#define STATUS_GOOD_HIGH	0xc2
#define STATUS_BAD_MID		0xf4
#define STATUS_BAD_HIGH		0x2c

#define TABLE			2	/* of 30 attributes, after a version */
#define ATTRIBUTES		30
#define ATTRIBUTE_LEN		12	/* id, u16 flags, value, worst, raw[6], 1 */
#define ATTRIBUTE_VALUE		3
#define THRESHOLD_VALUE		1	/* of as many entries: id, value */
#define ATTRIBUTE_RAW		5

#define ID_REALLOCATED		5
#define ID_HOURS		9
#define ID_UNCORRECTABLE	187
#define ID_AIRFLOW		190
#define ID_TEMPERATURE		194
#define ID_PENDING		197
#define ID_OFFLINE		198

int smart_ata_registers(const void *sense, size_t len, struct smart_ata_regs *ret)
{
	const uint8_t *s = sense;
	size_t end, at;

	if (len < DESCRIPTORS)
		return -EBADMSG;
	if (SENSE_CODE(s) == 0x70 || SENSE_CODE(s) == 0x71) {
		if (len < FIXED_LEN || s[FIXED_ASC] != 0 ||
		    s[FIXED_ASC + 1] != ATA_INFORMATION_ASCQ)
			return -EBADMSG;
		*ret = (struct smart_ata_regs){
			.error = s[3], .status = s[4], .device = s[5], .count = s[6],
			.lba_low = s[9], .lba_mid = s[10], .lba_high = s[11],
		};
		return 0;
	}
	if (SENSE_CODE(s) != 0x72 && SENSE_CODE(s) != 0x73)
		return -EBADMSG;
	end = MIN(len, (size_t)DESCRIPTORS + s[SENSE_LENGTH]);
	for (at = DESCRIPTORS; end - at >= 2; at += 2 + (size_t)s[at + 1]) {
		const uint8_t *d = s + at;

		if ((size_t)d[1] + 2 > end - at)
			break;
		if (d[0] != DESCRIPTOR_ATA || d[1] + 2 < DESCRIPTOR_ATA_LEN)
			continue;
		*ret = (struct smart_ata_regs){
			.error = d[3], .count = d[5], .lba_low = d[7], .lba_mid = d[9],
			.lba_high = d[11], .device = d[12], .status = d[13],
		};
		return 0;
	}
	return -EBADMSG;
}

bool smart_ata_asleep(const struct smart_ata_regs *r)
{
	/* Standby_z, standby_y, and a cache that works while the disk stands. */
	return r->count == 0x00 || r->count == 0x01 || r->count == 0x40;
}

int smart_ata_status(const struct smart_ata_regs *r, bool *ret_failed)
{
	if (r->lba_mid == STATUS_GOOD_MID && r->lba_high == STATUS_GOOD_HIGH)
		*ret_failed = false;
	else if (r->lba_mid == STATUS_BAD_MID && r->lba_high == STATUS_BAD_HIGH)
		*ret_failed = true;
	else
		return -EBADMSG;
	return 0;
}

void smart_ata_attribute(uint8_t id, uint64_t raw, struct machine_smart *ret)
{
	/* The upper bytes hold other counts with some makers, never more of this one. */
	uint64_t count = raw & UINT32_MAX;

	switch (id) {
	case ID_REALLOCATED:
		ret->reallocated = count;
		break;
	case ID_HOURS:
		/* 24 bits: some count the parts of the hour above. */
		ret->power_on_hours = raw & 0xffffff;
		break;
	case ID_UNCORRECTABLE:
	case ID_OFFLINE:
		ret->uncorrectable = MAX(ret->uncorrectable, count);
		break;
	case ID_AIRFLOW:
		if (ret->temperature == 0)
			ret->temperature = raw & 0xff;
		break;
	case ID_TEMPERATURE:
		/* Lowest and highest are above it. Below zero is no number to have here. */
		if ((raw & 0xff) < 0x80)
			ret->temperature = raw & 0xff;
		break;
	case ID_PENDING:
		ret->pending = count;
		break;
	default:
		break;
	}
}

int smart_ata_attributes(const void *page, size_t len, struct machine_smart *ret, struct err *err)
{
	const uint8_t *p = page;
	uint8_t sum = 0;

	if (len < SMART_ATA_PAGE)
		return err_set(err, EBADMSG, "SMART data is too short (%zu bytes)", len);
	for (size_t i = 0; i < SMART_ATA_PAGE; i++)
		sum = (uint8_t)(sum + p[i]);
	if (sum != 0)
		return err_set(err, EBADMSG, "SMART data has a wrong checksum");
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		const uint8_t *a = p + TABLE + i * ATTRIBUTE_LEN;

		smart_ata_attribute(a[0], get_le32(a + ATTRIBUTE_RAW) |
				    (uint64_t)get_le16(a + ATTRIBUTE_RAW + 4) << 32, ret);
	}
	return 0;
}

const char *smart_ata_name(uint8_t id)
{
	static const struct {
		uint8_t id;
		const char *name;
	} names[] = {
		{ 1, "read errors" }, { 3, "spin-up time" },
		{ ID_REALLOCATED, "reallocated sectors" },
		{ 7, "seek errors" }, { 10, "spin-up retries" }, { 184, "end-to-end errors" },
		{ ID_UNCORRECTABLE, "uncorrectable errors" }, { 188, "command timeouts" },
		{ ID_AIRFLOW, "temperature" }, { ID_TEMPERATURE, "temperature" },
		{ 196, "reallocations" }, { ID_PENDING, "pending sectors" },
		{ ID_OFFLINE, "uncorrectable sectors" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].id == id)
			return names[i].name;
	return NULL;
}

/* The threshold of an attribute; 0: it has none. */
static uint8_t threshold_of(const uint8_t *thresholds, uint8_t id)
{
	for (size_t i = 0; i < ATTRIBUTES; i++)
		if (thresholds[TABLE + i * ATTRIBUTE_LEN] == id)
			return thresholds[TABLE + i * ATTRIBUTE_LEN + THRESHOLD_VALUE];
	return 0;
}

int smart_ata_failing(const void *page, const void *thresholds, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	for (size_t i = 0; i < ATTRIBUTES; i++) {
		const uint8_t *a = (const uint8_t *)page + TABLE + i * ATTRIBUTE_LEN;
		uint8_t threshold = a[0] ? threshold_of(thresholds, a[0]) : 0;
		const char *name = smart_ata_name(a[0]);

		if (threshold == 0 || a[ATTRIBUTE_VALUE] > threshold)
			continue;
		strbuf_add(&b, b.len ? ", " : "");
		if (name)
			strbuf_add(&b, name);
		else
			strbuf_addf(&b, "attribute %u", a[0]);
	}
	if (b.failed)
		return -ENOMEM;
	if (b.len)
		*ret = strbuf_take(&b);
	return 0;
}
