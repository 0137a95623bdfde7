/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smart/smart_scsi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

#define NOT_READY		0x02
#define ASC_NOT_READY		0x04
#define ASCQ_NEEDS_START	0x02
#define ASCQ_NEEDS_NOTIFY	0x11	/* SAS: waits for its turn to spin up */
#define ASC_LOW_POWER		0x5e
#define ASC_PREDICTION		0x5d
#define ASC_WARNING		0x0b

#define PAGE_HEADER		4	/* page, subpage, u16 length */
#define PARAMETER_HEADER	4	/* u16 code, control, length */
#define TEMPERATURE_UNKNOWN	0xff

#define PARAMETER_UNCORRECTED	6	/* of the error counters */
#define PARAMETER_ENDURANCE	1
#define SCAN_RESULT_MAX		0x800	/* of the background scan: 1 to this */
#define SCAN_WAITS		1	/* for Write or Reassign Blocks */

#define DEFECTS_HEADER		4	/* 0, flags and format, u16 length of the list */

int smart_scsi_sense(const void *sense, size_t len, struct smart_scsi_sense *ret)
{
	const uint8_t *s = sense;
	uint8_t code = len > 0 ? s[0] & 0x7f : 0;

	if ((code == 0x72 || code == 0x73) && len >= 4)
		*ret = (struct smart_scsi_sense){ s[1] & 0x0f, s[2], s[3] };
	else if ((code == 0x70 || code == 0x71) && len >= 14)
		*ret = (struct smart_scsi_sense){ s[2] & 0x0f, s[12], s[13] };
	else
		return -EBADMSG;
	return 0;
}

bool smart_scsi_asleep(const struct smart_scsi_sense *s)
{
	if (s->key == NOT_READY && s->asc == ASC_NOT_READY)
		return s->ascq == ASCQ_NEEDS_START || s->ascq == ASCQ_NEEDS_NOTIFY;
	/* Standby by timer and by command, standby_y the same; idle answers at once. */
	return s->asc == ASC_LOW_POWER &&
	       (s->ascq == 0x02 || s->ascq == 0x04 || s->ascq == 0x09 || s->ascq == 0x0a);
}

/* SPC-5 annex F: what 5Dh is followed by counts causes in steps of 16 and what failed in ones. */
static char *prediction(uint8_t ascq)
{
	static const char *const parts[] = {
		"", "hardware: ", "controller: ", "data channel: ", "servo: ", "spindle: ",
		"firmware: ",
	};
	static const char *const causes[] = {
		"general failure", "error rate too high", "data error rate too high",
		"seek error rate too high", "too many block reassigns", "access times too high",
		"start times too high", "parametrics out of range", "controller detected",
		"throughput", "seek time", "spin-up retries", "drive calibration retries",
		"power loss protection circuit",
	};
	uint8_t part = ascq >> 4, cause = ascq & 0x0f;

	if (ascq == 0xff)
		return text_format("a failure was predicted for a test");
	if (part == 0 && cause > 0)
		return text_format(cause == 1 ? "a failure of the medium is predicted" :
				   cause == 3 ? "spare area is running out" :
				   "a failure of the disk is predicted");
	if (part == 7 && cause == 3)
		return text_format("the medium's endurance is used up");
	return text_format("a failure is predicted: %s%s",
			   part < ARRAY_SIZE(parts) ? parts[part] : "",
			   cause < ARRAY_SIZE(causes) ? causes[cause] : "cause unknown");
}

int smart_scsi_status(uint8_t asc, uint8_t ascq, struct machine_smart *ret)
{
	bool failed = asc == ASC_PREDICTION || asc == ASC_WARNING;
	CLEANUP(mem_free) char *status = strdup(failed ? "failed" : "passed"), *detail = NULL;

	if (asc == ASC_PREDICTION)
		detail = prediction(ascq);
	else if (asc == ASC_WARNING)
		detail = text_format(ascq == 0x01 ? "temperature is out of range" :
				     ascq == 0x02 ? "the enclosure is degraded" :
				     "the disk warns (%02x/%02x)", asc, ascq);
	if (!status || (failed && !detail))
		return -ENOMEM;
	free(ret->status);
	ret->status = TAKE_PTR(status);
	free(ret->detail);
	ret->detail = TAKE_PTR(detail);
	return 0;
}

static size_t page_end(const uint8_t *p, size_t len)
{
	return len < PAGE_HEADER ? 0 : MIN(len, (size_t)PAGE_HEADER + get_be16(p + 2));
}

bool smart_scsi_has_page(const void *page, size_t len, uint8_t code)
{
	const uint8_t *p = page;
	size_t end = page_end(p, len);

	if (end == 0 || (p[0] & 0x3f) != SMART_SCSI_PAGES)
		return false;
	for (size_t i = PAGE_HEADER; i < end; i++)
		if ((p[i] & 0x3f) == code)
			return true;
	return false;
}

/* A counter of any width; what does not fit the model is as much as it can say. */
static uint64_t counter(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++) {
		if (v >> 55)
			return INT64_MAX;
		v = v << 8 | p[i];
	}
	return v;
}

static void set_temperature(uint8_t t, struct machine_smart *ret)
{
	if (t != TEMPERATURE_UNKNOWN && t > 0)
		ret->temperature = t;
}

/* One parameter of a page, with len bytes of its own. */
static int parameter(uint8_t page, uint16_t code, const uint8_t *p, size_t len,
		     struct machine_smart *ret)
{
	uint64_t n;

	switch (page) {
	case SMART_SCSI_EXCEPTIONS:
		if (code == 0 && len >= 3)
			set_temperature(p[2], ret);
		return code == 0 && len >= 2 ? smart_scsi_status(p[0], p[1], ret) : 0;
	case SMART_SCSI_TEMPERATURE:
		if (code == 0 && len >= 2)
			set_temperature(p[1], ret);
		return 0;
	case SMART_SCSI_SCAN:
		if (code == 0 && len >= 4)
			ret->power_on_hours = get_be32(p) / 60;
		else if (code >= 1 && code <= SCAN_RESULT_MAX && len >= 5)
			ret->pending += p[4] >> 4 == SCAN_WAITS;
		return 0;
	case SMART_SCSI_WRITE:
	case SMART_SCSI_READ:
	case SMART_SCSI_VERIFY:
		if (code == PARAMETER_UNCORRECTED) {
			n = counter(p, len);
			ret->uncorrectable = n > INT64_MAX - ret->uncorrectable
						     ? INT64_MAX : ret->uncorrectable + n;
		}
		return 0;
	case SMART_SCSI_SOLID_STATE:
		if (code == PARAMETER_ENDURANCE && len >= 4)
			ret->percentage_used = p[3];
		return 0;
	default:
		return 0;
	}
}

int smart_scsi_page(const void *page, size_t len, uint8_t code, struct machine_smart *ret,
		    struct err *err)
{
	const uint8_t *p = page;
	size_t end = page_end(p, len), n;

	if (end == 0 || (p[0] & 0x3f) != code)
		return err_set(err, EBADMSG, "the answer is not log page 0x%02x", code);
	for (size_t at = PAGE_HEADER; end - at >= PARAMETER_HEADER; at += n) {
		n = PARAMETER_HEADER + (size_t)p[at + 3];
		if (n > end - at)
			break;
		if (parameter(code, get_be16(p + at), p + at + PARAMETER_HEADER,
			      n - PARAMETER_HEADER, ret) < 0)
			return err_nomem(err);
	}
	return 0;
}

int smart_scsi_defects(const void *header, size_t len, uint64_t *ret)
{
	const uint8_t *p = header;

	if (len < DEFECTS_HEADER)
		return -EBADMSG;
	/* Formats 0 and 3 have blocks of 4 and 8 bytes, 4 and 5 have 8 (SBC-4 6.2). */
	*ret = get_be16(p + 2) / ((p[1] & 0x07) == 0 ? 4 : 8);
	return 0;
}
