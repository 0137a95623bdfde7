/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/fsusage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include "common/bytes.h"

static bool make(uint64_t blocks, uint64_t unit, uint64_t nfree, struct fsusage *ret)
{
	struct fsusage u;

	if (nfree > blocks || !u64_mul(blocks, unit, &u.size) || !u64_mul(nfree, unit, &u.free))
		return false;
	*ret = u;
	return true;
}

bool fsusage_live(const char *path, struct fsusage *ret)
{
	struct statvfs st;

	return statvfs(path, &st) == 0 && make(st.f_blocks, st.f_frsize, st.f_bfree, ret);
}

/* Lines of "blocks unit free target". */
bool fsusage_recorded(const char *statvfs, const char *target, struct fsusage *ret)
{
	const char *p = statvfs;

	while (p && *p) {
		uint64_t blocks, unit, nfree;
		size_t len = strcspn(p, "\n");
		int at = 0;

		if (sscanf(p, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %n", &blocks, &unit, &nfree,
			   &at) == 3 &&
		    at > 0 && (size_t)at <= len && len - (size_t)at == strlen(target) &&
		    memcmp(p + at, target, strlen(target)) == 0)
			return make(blocks, unit, nfree, ret);
		p += len + (p[len] == '\n');
	}
	return false;
}
