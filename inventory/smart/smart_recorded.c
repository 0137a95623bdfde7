/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smart/smart_recorded.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "common/compiler.h"
#include "common/jsonx.h"
#include "common/text.h"
#include "inventory/smart/smart_ata.h"
#include "inventory/smart/smart_nvme.h"
#include "inventory/smart/smart_scsi.h"

#define RAW_MAX	((INT64_C(1) << 48) - 1)

/* The member behind a list of keys that ends with NULL; NULL when it is not there. */
static const json_t *member(const json_t *j, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, j);
	while (j && (key = va_arg(ap, const char *)))
		j = json_object_get(j, key);
	va_end(ap);
	return j;
}

/* A number from 0 to max; 0 for anything else. */
static uint64_t number(const json_t *j, int64_t max)
{
	json_int_t v = json_is_integer(j) ? json_integer_value(j) : 0;

	return v < 0 || v > max ? 0 : (uint64_t)v;
}

/* With -n standby smartctl leaves a disk that sleeps alone, and says so in a message. */
static bool is_asleep(const json_t *root)
{
	const json_t *m;
	size_t i;

	json_array_foreach(member(root, "smartctl", "messages", NULL), i, m) {
		const char *s = json_string_value(member(m, "string", NULL));

		if (s && strncmp(s, "Device is in ", 13) == 0 &&
		    (strstr(s, "STANDBY") || strstr(s, "SLEEP")))
			return true;
	}
	return false;
}

static int set_status(const json_t *root, struct machine_smart *ret)
{
	const json_t *passed = member(root, "smart_status", "passed", NULL);

	if (!json_is_boolean(passed))
		return 0;
	ret->status = strdup(json_is_true(passed) ? "passed" : "failed");
	return ret->status ? 0 : -ENOMEM;
}

static int from_ata(const json_t *root, struct machine_smart *ret)
{
	CLEANUP(strbuf_done) struct strbuf failing = { 0 };
	const json_t *a;
	size_t i;
	int r = set_status(root, ret);

	if (r < 0)
		return r;
	json_array_foreach(member(root, "ata_smart_attributes", "table", NULL), i, a) {
		const char *when = json_string_value(member(a, "when_failed", NULL));
		uint8_t id = (uint8_t)number(member(a, "id", NULL), UINT8_MAX);
		const char *name = smart_ata_name(id);

		smart_ata_attribute(id, number(member(a, "raw", "value", NULL), RAW_MAX), ret);
		if (!when || strcmp(when, "now") != 0)
			continue;
		strbuf_add(&failing, failing.len ? ", " : "");
		if (name)
			strbuf_add(&failing, name);
		else
			strbuf_addf(&failing, "attribute %u", id);
	}
	if (failing.failed)
		return -ENOMEM;
	if (failing.len && ret->status && strcmp(ret->status, "failed") == 0)
		ret->detail = strbuf_take(&failing);
	return 0;
}

static int from_nvme(const json_t *root, struct machine_smart *ret)
{
	const json_t *log = member(root, "nvme_smart_health_information_log", NULL);

	if (!json_is_object(log))
		return 0;
	ret->temperature = (uint32_t)number(member(root, "temperature", "current", NULL), 1000);
	ret->power_on_hours = number(member(log, "power_on_hours", NULL), INT64_MAX);
	ret->uncorrectable = number(member(log, "media_errors", NULL), INT64_MAX);
	ret->percentage_used = (uint32_t)number(member(log, "percentage_used", NULL), UINT8_MAX);
	return smart_nvme_warning(
	    (uint8_t)number(member(log, "critical_warning", NULL), UINT8_MAX), ret);
}

static int from_scsi(const json_t *root, struct machine_smart *ret)
{
	static const char *const counters[] = { "read", "write", "verify" };
	const json_t *asc = member(root, "smart_status", "scsi", "asc", NULL);
	const json_t *ascq = member(root, "smart_status", "scsi", "ascq", NULL);
	int r;

	if (json_is_integer(asc))
		r = smart_scsi_status((uint8_t)number(asc, UINT8_MAX),
				      (uint8_t)number(ascq, UINT8_MAX), ret);
	else
		r = set_status(root, ret);
	ret->temperature = (uint32_t)number(member(root, "temperature", "current", NULL), 254);
	ret->power_on_hours = number(member(root, "power_on_time", "hours", NULL), INT64_MAX);
	ret->reallocated = number(member(root, "scsi_grown_defect_list", NULL), INT64_MAX);
	ret->percentage_used = (uint32_t)number(
	    member(root, "scsi_percentage_used_endurance_indicator", NULL), UINT8_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		ret->uncorrectable += number(member(root, "scsi_error_counter_log", counters[i],
						    "total_uncorrected_errors", NULL), UINT32_MAX);
	return r;
}

int smart_recorded_parse(const char *text, size_t len, struct machine_smart *ret, struct err *err)
{
	static const struct {
		const char *protocol, *source;
		int (*fill)(const json_t *root, struct machine_smart *ret);
	} kinds[] = {
		{ "ATA", "ata", from_ata }, { "SCSI", "scsi", from_scsi },
		{ "NVMe", "nvme", from_nvme },
	};
	CLEANUP(json_unref) json_t *root = NULL;
	const char *protocol;
	int r = jsonx_parse(text, len, "smartctl", &root, err);

	if (r < 0)
		return r;
	protocol = json_string_value(member(root, "device", "protocol", NULL));
	for (size_t i = 0; protocol && i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(protocol, kinds[i].protocol) != 0)
			continue;
		if (is_asleep(root))
			ret->status = strdup("standby");
		else if (kinds[i].fill(root, ret) < 0)
			return err_nomem(err);
		/* Without a status there was no answer, or none that counts. */
		if (ret->status)
			ret->source = strdup(kinds[i].source);
		else if (!is_asleep(root))
			return 0;
		return ret->source ? 0 : err_nomem(err);
	}
	return 0;
}
