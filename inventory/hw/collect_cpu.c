/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processors: what they are from /proc/cpuinfo; how they are arranged, and on what, in cpu_*.c.
 */
#include "inventory/collect.h"

#include <ctype.h>
#include <string.h>
#include "inventory/collect_util.h"
#include "inventory/hw/cpu_hypervisor.h"
#include "inventory/hw/cpu_numa.h"
#include "inventory/hw/cpu_topology.h"

/* The flags /proc/cpuinfo shows for each level of the x86-64 psABI. "abm" stands for LZCNT. */
static const char *const level_flags[][12] = {
	{ "lm", "cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2" },
	{ "cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3" },
	{ "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave" },
	{ "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl" },
};

static uint32_t x86_64_level(const struct machine_strv *flags)
{
	uint32_t level = 0;

	for (size_t i = 0; i < ARRAY_SIZE(level_flags); i++) {
		for (size_t j = 0; level_flags[i][j]; j++)
			if (!machine_strv_has(flags, level_flags[i][j]))
				return level;
		level = (uint32_t)i + 1;
	}
	return level;
}

/* "key\t: value" of the first processor of /proc/cpuinfo. */
static int cpuinfo_value(const char *text, const char *key, char **ret)
{
	size_t n = strlen(key);

	while (text && *text) {
		const char *p = text + n;

		if (strncmp(text, key, n) == 0) {
			p += strspn(p, " \t");
			if (*p == ':')
				return collect_util_text(p + 1, strcspn(p + 1, "\n"), ret);
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return 0;
}

static int cpuinfo_number(const char *text, const char *key, uint32_t *ret)
{
	CLEANUP(mem_free) char *s = NULL;
	int r = cpuinfo_value(text, key, &s);

	if (s && isdigit((unsigned char)*s)) {
		unsigned long v = strtoul(s, NULL, 10);

		if (v <= UINT32_MAX)
			*ret = (uint32_t)v;
	}
	return r;
}

static int split_flags(char *s, struct machine_strv *ret)
{
	char *save = NULL;

	for (char *f = strtok_r(s, " ", &save); f; f = strtok_r(NULL, " ", &save)) {
		int r = machine_strv_add(ret, f);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_cpuinfo(const char *text, struct machine_cpu *c)
{
	CLEANUP(mem_free) char *flags = NULL;
	int r;

	r = cpuinfo_value(text, "vendor_id", &c->vendor);
	if (r == 0)
		r = cpuinfo_value(text, "model name", &c->model);
	if (r == 0)
		r = cpuinfo_number(text, "cpu family", &c->family);
	if (r == 0)
		r = cpuinfo_number(text, "model", &c->model_number);
	if (r == 0)
		r = cpuinfo_number(text, "stepping", &c->stepping);
	if (r == 0)
		r = cpuinfo_value(text, "microcode", &c->microcode);
	if (r == 0)
		r = cpuinfo_value(text, "flags", &flags);
	if (r == 0 && !flags)
		r = cpuinfo_value(text, "Features", &flags);
	if (r == 0 && flags)
		r = split_flags(flags, &c->flags);
	c->x86_64_level = x86_64_level(&c->flags);
	return r;
}

int collect_cpu(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_cpu *c = &m->cpu;
	bool alike = true;
	int r;

	r = sysroot_read(root, &text, NULL, "/proc/cpuinfo");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 && collect_warn(m, "cannot read /proc/cpuinfo: the CPU model is not known") < 0)
		return err_nomem(err);
	r = text ? read_cpuinfo(text, c) : 0;
	/* Kernels before 2.6.39 have it in sysfs only. */
	if (r == 0 && !c->microcode)
		r = collect_util_line(root, &c->microcode,
				      "/sys/devices/system/cpu/cpu0/microcode/version");
	if (r == 0)
		r = cpu_topology_read(root, text, c, &alike);
	if (r == 0)
		r = cpu_numa_read(root, m);
	if (r == 0)
		r = cpu_hypervisor_read(root, &c->flags, &c->hypervisor);
	if (r == 0 && !alike)
		r = collect_warn(m, "the CPU cores are not all alike: %u CPUs in %u sockets of %u "
				 "cores of up to %u threads", c->online, c->sockets,
				 c->cores_per_socket, c->threads_per_core);
	return r < 0 ? err_nomem(err) : 0;
}
