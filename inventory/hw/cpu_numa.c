/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/cpu_numa.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/size.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/collect_util.h"

#define NODE_DIR	"/sys/devices/system/node"
#define MASK_CPUS_MAX	8192	/* the most that Linux can be built for on x86 */

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static void add_range(struct strbuf *b, size_t first, size_t last)
{
	strbuf_addf(b, first == last ? "%s%zu" : "%s%zu-%zu", b->len ? "," : "", first, last);
}

/* "00000000,000000f3" as "0-1,4-7": kernels before 2.6.26 write masks only. */
static int list_of_mask(const char *mask, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	size_t bit = 0, first = 0;
	bool inside = false;

	for (size_t i = strlen(mask); i-- > 0;) {
		int digit = hex_digit(mask[i]);

		if (mask[i] == ',')
			continue;
		if (digit < 0 || bit >= MASK_CPUS_MAX)
			return 0;
		for (int k = 0; k < 4; k++, bit++) {
			bool set = (digit >> k & 1) != 0;

			if (set && !inside)
				first = bit;
			else if (!set && inside)
				add_range(&b, first, bit - 1);
			inside = set;
		}
	}
	if (inside)
		add_range(&b, first, bit - 1);
	if (b.failed)
		return -ENOMEM;
	*ret = b.len ? strbuf_take(&b) : NULL;
	return 0;
}

/* "Node 0 MemTotal:       32767992 kB" */
static uint64_t node_memory(const char *meminfo)
{
	const char *p = meminfo ? strstr(meminfo, "MemTotal:") : NULL;
	uint64_t kib, bytes = 0;

	if (!p || sscanf(p, "MemTotal: %" SCNu64 " kB", &kib) != 1 || !u64_mul(kib, KIB, &bytes))
		return 0;
	return bytes <= INT64_MAX ? bytes : 0;
}

static int read_node(const struct sysroot *root, const char *name, struct machine_numa_node *n)
{
	CLEANUP(mem_free) char *meminfo = NULL, *mask = NULL;
	int r = sysroot_read(root, &meminfo, NULL, NODE_DIR "/%s/meminfo", name);

	if (r == -ENOMEM)
		return r;
	n->memory = node_memory(meminfo);
	r = collect_util_line(root, &n->cpus, NODE_DIR "/%s/cpulist", name);
	if (r == 0 && !sysroot_exists(root, NODE_DIR "/%s/cpulist", name))
		r = collect_util_line(root, &mask, NODE_DIR "/%s/cpumap", name);
	if (r == 0 && mask)
		r = list_of_mask(mask, &n->cpus);
	return r == 0 ? collect_util_line(root, &n->distances, NODE_DIR "/%s/distance", name) : r;
}

int cpu_numa_read(const struct sysroot *root, struct machine *m)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, NODE_DIR);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		struct machine_numa_node *slot;
		uint32_t id;
		int end = 0;

		if (sscanf(*p, "node%" SCNu32 "%n", &id, &end) != 1 || (*p)[end])
			continue;
		if (m->cpu.nnodes == COLLECT_LIST_MAX)
			return collect_full(m, "NUMA nodes");
		slot = machine_grow(&m->cpu.nodes, &m->cpu.nnodes, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		slot->id = id;
		r = read_node(root, *p, slot);
		if (r < 0)
			return r;
	}
	return 0;
}
