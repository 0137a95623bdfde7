/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mount tables. The input: the system's mountinfo, then after a NUL each /proc/swaps, the
 * mountinfo of a container, and lines "MAJOR:MINOR NAME BELOW FILE" for block devices ("-" for
 * none). The first of these devices is what is converted.
 *
 * Besides not crashing: each filesystem that is to be frozen stands in the order once, no other
 * does, and what is not frozen has a reason.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "common/compiler.h"
#include "p2v-agent/quiesce/mountgraph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PARTS	4

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void read_devices(char *text, struct blockstack *s)
{
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char name[64], below[64], file[256];
		const char *b = below;
		unsigned int major, minor;

		if (sscanf(line, "%u:%u %63s %63s %255s", &major, &minor, name, below, file) != 5)
			continue;
		must(blockstack_add(s, makedev(major, minor), name, name,
				    strcmp(file, "-") ? file : NULL, &b, strcmp(b, "-") != 0) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(mem_free) char *text = calloc(1, size + PARTS);
	CLEANUP(mem_free) bool *listed = NULL;
	CLEANUP(blockstack_done) struct blockstack stack = { 0 };
	CLEANUP(mountinfo_done) struct mountinfo own = { 0 };
	CLEANUP(mountinfo_done) struct mountinfo other = { 0 };
	CLEANUP(mountgraph_done) struct mountgraph g = { 0 };
	struct mountgraph_view views[] = { { "", &own }, { "/proc/9/root", &other } };
	struct mountgraph_config cfg = { .views = views, .nviews = 2, .stack = &stack };
	char *part[PARTS];
	size_t at = 0;
	int r;

	if (!text || size > 65536)
		return 0;
	memcpy(text, data, size);
	for (int i = 0; i < PARTS; i++) {
		part[i] = text + at;
		at = MIN(at + strlen(part[i]) + 1, size + i);
	}
	must(mountinfo_parse(part[0], part[1], &own) == 0);
	must(mountinfo_parse(part[2], NULL, &other) == 0);
	read_devices(part[3], &stack);
	cfg.disks = stack.n ? &stack.v[0].dev : NULL;
	cfg.ndisks = stack.n ? 1 : 0;
	r = mountgraph_make(&cfg, &g, NULL);
	must(r == 0 || r == -ELOOP);
	listed = calloc(g.nfs + 1, sizeof(bool));
	must(listed != NULL);
	for (size_t i = 0; i < g.norder; i++) {
		must(g.order[i] < g.nfs && !listed[g.order[i]]);
		listed[g.order[i]] = true;
	}
	for (size_t i = 0; i < g.nfs; i++) {
		enum mountgraph_verdict v = g.fs[i].verdict;

		must(g.fs[i].nmounts > 0);
		must(listed[i] == (v == MOUNTGRAPH_FREEZE || v == MOUNTGRAPH_TRY));
		must(v == MOUNTGRAPH_FREEZE || g.fs[i].why[0]);
	}
	return 0;
}
