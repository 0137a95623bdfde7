/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory is in the machine. The kernel's MemTotal is less than that by what firmware and
 * kernel keep for themselves, so the modules are counted: 24 GiB stay 24 GiB. Of huge pages, the
 * sizes that have a pool are told.
 */
#include "inventory/collect.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/size.h"
#include "inventory/collect_util.h"
#include "inventory/hw/smbios.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"

static int from_dmi(const struct sysroot *root, struct machine *m, struct smbios_memory *sum)
{
	CLEANUP(mem_free) char *table = NULL;
	const char *ecc;
	size_t len = 0;
	bool full = false;
	int r = smbios_read(root, &table, &len);

	if (r < 0 || !table)
		return r;
	smbios_memory_sum(table, len, sum);
	r = smbios_slots(table, len, COLLECT_LIST_MAX, &m->memory, &full);
	if (r == 0 && full)
		r = collect_full(m, "memory slots");
	ecc = smbios_ecc(table, len);
	return r == 0 && ecc ? collect_util_text(ecc, strlen(ecc), &m->memory.ecc) : r;
}

static int from_blocks(const struct sysroot *root, uint64_t *ret)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *size = NULL;
	uint64_t one, n = 0;
	char *end;
	int r;

	r = collect_util_line(root, &size, "/sys/devices/system/memory/block_size_bytes");
	if (r < 0 || !size)
		return r;
	/* Hexadecimal, without a prefix. */
	one = strtoull(size, &end, 16);
	if (*end)
		return 0;
	r = sysroot_list(root, &names, "/sys/devices/system/memory");
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *state = NULL;

		if (strncmp(*p, "memory", 6) != 0)
			continue;
		r = collect_util_line(root, &state, "/sys/devices/system/memory/%s/state", *p);
		if (r < 0)
			return r;
		n += state && strncmp(state, "online", 6) == 0;
	}
	if (u64_mul(one, n, &one) && one <= INT64_MAX)
		*ret = one;
	return 0;
}

/* "key:   123 kB" at the start of a line. */
static bool meminfo_number(const char *text, const char *key, uint64_t *ret)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, n) == 0 && p[n] == ':')
			return sscanf(p + n + 1, "%" SCNu64, ret) == 1;
	}
	return false;
}

static void meminfo_bytes(const char *text, const char *key, uint64_t *ret)
{
	uint64_t kib, bytes;

	if (meminfo_number(text, key, &kib) && u64_mul(kib, KIB, &bytes) && bytes <= INT64_MAX)
		*ret = bytes;
}

static int add_hugepages(struct machine *m, uint64_t size, uint64_t total, uint64_t nfree)
{
	struct machine_hugepages *slot;

	if (total == 0 || total > INT64_MAX || nfree > total)
		return 0;
	slot = machine_grow(&m->memory.hugepages, &m->memory.nhugepages, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = (struct machine_hugepages){ .size = size, .total = total, .free = nfree };
	return 0;
}

/* Kernels before 2.6.27 have one size, which /proc/meminfo tells. */
static int read_hugepages(const struct sysroot *root, struct machine *m, const char *meminfo)
{
	CLEANUP(strv_free) char **names = NULL;
	uint64_t size = 0, total = 0, nfree = 0;
	int r = sysroot_list(root, &names, HUGEPAGES);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		meminfo_bytes(meminfo, "Hugepagesize", &size);
		(void)meminfo_number(meminfo, "HugePages_Total", &total);
		(void)meminfo_number(meminfo, "HugePages_Free", &nfree);
		return add_hugepages(m, size, total, nfree);
	}
	for (char **p = names; *p; p++) {
		uint64_t kib = 0;
		int end = 0;

		if (sscanf(*p, "hugepages-%" SCNu64 "kB%n", &kib, &end) != 1 || !end || (*p)[end] ||
		    !u64_mul(kib, KIB, &size) || size > INT64_MAX)
			continue;
		total = nfree = 0;
		collect_util_u64(root, &total, HUGEPAGES "/%s/nr_hugepages", *p);
		collect_util_u64(root, &nfree, HUGEPAGES "/%s/free_hugepages", *p);
		if (m->memory.nhugepages == COLLECT_LIST_MAX)
			return collect_full(m, "kinds of huge pages");
		r = add_hugepages(m, size, total, nfree);
		if (r < 0)
			return r;
	}
	return 0;
}

static int from_meminfo(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mem_free) char *text = NULL;
	int r = sysroot_read(root, &text, NULL, "/proc/meminfo");

	if (r == -ENOMEM)
		return r;
	meminfo_bytes(text, "MemTotal", &m->memory.usable);
	meminfo_bytes(text, "SwapTotal", &m->memory.swap);
	return read_hugepages(root, m, text);
}

static int set_installed(struct machine_memory *mem, uint64_t bytes, const char *source)
{
	mem->installed = bytes;
	mem->source = strdup(source);
	return mem->source ? 0 : -ENOMEM;
}

int collect_memory(const struct sysroot *root, struct machine *m, struct err *err)
{
	struct machine_memory *mem = &m->memory;
	struct smbios_memory dmi = { 0 };
	char a[SIZE_TEXT_MAX], b[SIZE_TEXT_MAX];
	uint64_t blocks = 0;
	int r = 0;

	if (from_meminfo(root, m) < 0 || from_blocks(root, &blocks) < 0 ||
	    from_dmi(root, m, &dmi) < 0)
		return err_nomem(err);

	/* Firmware that knows of less than the kernel uses does not know. */
	if (dmi.bytes > 0 && !dmi.unknown && dmi.bytes >= mem->usable) {
		r = set_installed(mem, dmi.bytes, "dmi");
		/* Mirrored or spare modules, or a mem= option: the guest gets to decide. */
		if (r == 0 && mem->usable > 0 && mem->usable < dmi.bytes / 4 * 3)
			r = collect_warn(m, "the firmware reports %s of memory, the system uses %s",
					 size_format(dmi.bytes, a), size_format(mem->usable, b));
	} else if (blocks > 0 && blocks >= mem->usable) {
		r = set_installed(mem, blocks, "memory-blocks");
	} else if (mem->usable > 0) {
		r = set_installed(mem, mem->usable, "meminfo");
	} else {
		r = collect_warn(m, "the size of the memory is not known");
	}
	return r < 0 ? err_nomem(err) : 0;
}
