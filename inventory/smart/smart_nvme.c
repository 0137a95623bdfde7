/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/smart/smart_nvme.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

#define WARNING		0
#define TEMPERATURE	1	/* u16, kelvin */
#define USED		5	/* percent */
#define HOURS		128	/* u128 */
#define MEDIA_ERRORS	160	/* u128 */
#define ZERO_CELSIUS	273

int smart_nvme_warning(uint8_t warning, struct machine_smart *ret)
{
	static const char *const bits[] = {
		"spare blocks are running out", "temperature is out of range",
		"reliability is degraded by errors", "the disk has become read-only",
		"the backup of the volatile memory has failed",
		"persistent memory has become read-only or unreliable",
	};
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *status = strdup(warning ? "failed" : "passed");

	for (size_t i = 0; i < 8; i++) {
		if (!(warning >> i & 1))
			continue;
		strbuf_add(&b, b.len ? ", " : "");
		if (i < ARRAY_SIZE(bits))
			strbuf_add(&b, bits[i]);
		else
			strbuf_addf(&b, "warning bit %zu", i);
	}
	if (!status || b.failed)
		return -ENOMEM;
	free(ret->status);
	ret->status = TAKE_PTR(status);
	free(ret->detail);
	ret->detail = b.len ? strbuf_take(&b) : NULL;
	return 0;
}

/* A number of 128 bits, up to what the model holds. */
static uint64_t get_le128(const uint8_t *p)
{
	uint64_t low = get_le64(p);

	return get_le64(p + 8) || low > INT64_MAX ? INT64_MAX : low;
}

int smart_nvme_log(const void *page, size_t len, struct machine_smart *ret, struct err *err)
{
	const uint8_t *p = page;
	uint16_t kelvin;

	if (len < SMART_NVME_PAGE)
		return err_set(err, EBADMSG, "health log is too short (%zu bytes)", len);
	kelvin = get_le16(p + TEMPERATURE);
	ret->temperature = kelvin > ZERO_CELSIUS ? kelvin - ZERO_CELSIUS : 0;
	ret->percentage_used = p[USED];
	ret->power_on_hours = get_le128(p + HOURS);
	ret->uncorrectable = get_le128(p + MEDIA_ERRORS);
	return smart_nvme_warning(p[WARNING], ret) < 0 ? err_nomem(err) : 0;
}
