/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_delta.h"

#include "inventory/load/sample.h"

#define US_PER_S UINT64_C(1000000)

static bool within(uint64_t delta, uint64_t limit, uint64_t elapsed_us)
{
	/* A second more: counters are brought up to date in steps. */
	return (unsigned __int128)delta * US_PER_S <=
	       (unsigned __int128)limit * (elapsed_us + US_PER_S);
}

bool sample_delta(const uint64_t *before, const uint64_t *now, const uint64_t *limit, size_t n,
		  uint64_t elapsed_us, uint64_t *ret)
{
	size_t backwards = 0;

	for (size_t i = 0; i < n; i++)
		backwards += now[i] < before[i];
	if (backwards > 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint64_t d = now[i] - before[i];

		if (now[i] < before[i]) {
			if (before[i] > UINT32_MAX)
				return false;
			d = (UINT64_C(1) << 32) - before[i] + now[i];
		}
		if (!within(d, limit[i], elapsed_us))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		ret[i] = now[i] < before[i] ? (UINT64_C(1) << 32) - before[i] + now[i] :
					      now[i] - before[i];
	return true;
}

uint64_t sample_delta_rate(uint64_t delta, uint64_t scale, uint64_t elapsed_us)
{
	unsigned __int128 v;

	if (elapsed_us == 0)
		return SAMPLE_NONE;
	v = ((unsigned __int128)delta * scale * US_PER_S + elapsed_us / 2) / elapsed_us;
	return v >= SAMPLE_NONE ? SAMPLE_NONE : (uint64_t)v;
}
