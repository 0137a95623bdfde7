/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/block/fsusage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "common/bytes.h"

static bool make(uint64_t blocks, uint64_t unit, uint64_t nfree, struct fsusage *ret)
{
	struct fsusage u;

	if (nfree > blocks || !u64_mul(blocks, unit, &u.size) || u.size > INT64_MAX ||
	    !u64_mul(nfree, unit, &u.free))
		return false;
	*ret = u;
	return true;
}

bool fsusage_live(const char *path, struct fsusage *ret)
{
	struct statvfs st;

	return statvfs(path, &st) == 0 && make(st.f_blocks, st.f_frsize, st.f_bfree, ret);
}

const char *fsusage_parse(const char *line, struct fsusage *ret)
{
	uint64_t blocks, unit, nfree;
	int at = 0;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &blocks, &unit, &nfree, &at) !=
		    3 ||
	    at == 0 || !make(blocks, unit, nfree, ret))
		return NULL;
	return line + at;
}

bool fsusage_recorded(const char *statvfs, const char *target, struct fsusage *ret)
{
	size_t want = strlen(target);

	for (const char *p = statvfs; p && *p;) {
		const char *end = p + strcspn(p, "\n"), *found;
		struct fsusage u;

		found = fsusage_parse(p, &u);
		if (found && found <= end && (size_t)(end - found) == want &&
		    memcmp(found, target, want) == 0) {
			*ret = u;
			return true;
		}
		p = end + (*end == '\n');
	}
	return false;
}
