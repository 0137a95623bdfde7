/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much memory is in the machine. The kernel's MemTotal is less than that by what firmware and
 * kernel keep for themselves, so the modules are counted: 24 GiB stay 24 GiB.
 */
#include "inventory/collect.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/size.h"
#include "inventory/collect_util.h"
#include "inventory/smbios.h"

static int from_dmi(const struct sysroot *root, struct smbios_memory *sum)
{
	CLEANUP(mem_free) char *table = NULL;
	CLEANUP(strv_free) char **names = NULL;
	size_t len;
	int r;

	r = sysroot_read(root, &table, &len, "/sys/firmware/dmi/tables/DMI");
	if (r == -ENOMEM)
		return r;
	if (r >= 0) {
		smbios_memory_sum(table, len, sum);
		return 0;
	}
	/* Kernels before 4.2 have the structures one by one. */
	r = sysroot_list(root, &names, "/sys/firmware/dmi/entries");
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *raw = NULL;

		if (strncmp(*p, "17-", 3) != 0)
			continue;
		r = sysroot_read(root, &raw, &len, "/sys/firmware/dmi/entries/%s/raw", *p);
		if (r == -ENOMEM)
			return r;
		if (r >= 0)
			smbios_memory_sum(raw, len, sum);
	}
	return 0;
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
	(void)u64_mul(one, n, ret);
	return 0;
}

static int from_meminfo(const struct sysroot *root, uint64_t *ret)
{
	CLEANUP(mem_free) char *text = NULL;
	const char *p;
	uint64_t kib;
	int r = sysroot_read(root, &text, NULL, "/proc/meminfo");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	p = strstr(text, "MemTotal:");
	if (p && sscanf(p, "MemTotal: %" SCNu64 " kB", &kib) == 1)
		(void)u64_mul(kib, KIB, ret);
	return 0;
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

	if (from_meminfo(root, &mem->usable) < 0 || from_blocks(root, &blocks) < 0 ||
	    from_dmi(root, &dmi) < 0)
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
