/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See diskstat.h. */
#include "track/diskstat.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define FIELDS_OLD	11	/* until 4.18 discards were counted as writes */
#define FIELDS		15

/* Fields count from 1, as they do in the documents. */
enum { WRITE_SECTORS = 7, IN_FLIGHT = 9, DISCARD_SECTORS = 14 };

int diskstat_parse(const char *text, struct diskstat *ret)
{
	uint64_t v[FIELDS + 1] = { 0 };
	int n = 0;

	while (n < FIELDS) {
		char *end;

		while (isspace((unsigned char)*text))
			text++;
		if (!isdigit((unsigned char)*text))
			break;
		errno = 0;
		v[++n] = strtoull(text, &end, 10);
		if (errno != 0)
			return -EBADMSG;
		text = end;
	}
	if (n < FIELDS_OLD)
		return -EBADMSG;
	ret->sectors = v[WRITE_SECTORS] + v[DISCARD_SECTORS];
	ret->in_flight = v[IN_FLIGHT];
	return 0;
}

int diskstat_read(const struct sysroot *root, const char *name, struct diskstat *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	uint64_t on = 0;
	int r = sysroot_read_u64(root, &on, "/sys/block/%s/queue/iostats", name);

	if (r < 0)
		return r;
	if (on == 0)
		return -ENOENT;
	r = sysroot_read(root, &text, NULL, "/sys/block/%s/stat", name);
	return r < 0 ? r : diskstat_parse(text, ret);
}
