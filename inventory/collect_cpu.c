/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processors: what they are from /proc/cpuinfo, how they are arranged from
 * /sys/devices/system/cpu. A virtual machine has a rectangle of sockets x cores x threads; a
 * machine that is none (mixed core types) is described by one that has its number of CPUs.
 */
#include "inventory/collect.h"

#include <ctype.h>
#include <string.h>
#include "inventory/collect_util.h"

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

static uint32_t count_lines(const char *text, const char *prefix)
{
	uint32_t n = 0;

	while (text && *text) {
		n += strncmp(text, prefix, strlen(prefix)) == 0;
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return n;
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
		r = cpuinfo_value(text, "flags", &flags);
	if (r == 0 && !flags)
		r = cpuinfo_value(text, "Features", &flags);
	if (r == 0 && flags)
		r = split_flags(flags, &c->flags);
	c->x86_64_level = x86_64_level(&c->flags);
	c->online = count_lines(text, "processor");
	return r;
}

struct cpu_place {
	int64_t package;
	char *core;		/* the list of its threads: the same text for all of one core */
};

struct cpu_places {
	struct cpu_place *v;
	size_t n;
	uint32_t present;
};

static void cpu_places_done(struct cpu_places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].core);
	free(p->v);
}
DEFINE_CLEANUP_VALUE(struct cpu_places, cpu_places_done)

static bool is_cpu_name(const char *name)
{
	return strncmp(name, "cpu", 3) == 0 && name[3] && !name[3 + strspn(name + 3, "0123456789")];
}

static int read_places(const struct sysroot *root, struct cpu_places *ret)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, "/sys/devices/system/cpu");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *core = NULL, *package = NULL;
		struct cpu_place *slot;

		if (!is_cpu_name(*p))
			continue;
		ret->present++;
		/* An offline CPU has no topology. */
		r = collect_util_line(
		    root, &core, "/sys/devices/system/cpu/%s/topology/thread_siblings_list", *p);
		if (r == 0)
			r = collect_util_line(root, &package,
				"/sys/devices/system/cpu/%s/topology/physical_package_id", *p);
		if (r < 0)
			return r;
		if (!core)
			continue;
		slot = machine_grow(&ret->v, &ret->n, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		/* -1: the firmware does not say; then it is all one package. */
		slot->package = package ? strtol(package, NULL, 10) : -1;
		slot->core = TAKE_PTR(core);
	}
	return 0;
}

static void count_places(const struct cpu_places *p, struct machine_cpu *c)
{
	uint32_t sockets = 0, most_cores = 0, most_threads = 0;

	for (size_t i = 0; i < p->n; i++) {
		uint32_t threads = 0, cores = 0;
		bool first_of_package = true, first_of_core = true;

		for (size_t j = 0; j < p->n; j++) {
			bool same_core = strcmp(p->v[i].core, p->v[j].core) == 0;
			bool new_core = true;

			threads += same_core;
			if (j < i && same_core)
				first_of_core = false;
			if (p->v[j].package != p->v[i].package)
				continue;
			if (j < i)
				first_of_package = false;
			for (size_t k = 0; k < j && first_of_package && new_core; k++)
				new_core = strcmp(p->v[k].core, p->v[j].core) != 0;
			cores += new_core;
		}
		if (first_of_core)
			most_threads = MAX(most_threads, threads);
		if (first_of_package) {
			sockets++;
			most_cores = MAX(most_cores, cores);
		}
	}
	c->sockets = sockets;
	c->cores_per_socket = most_cores;
	c->threads_per_core = most_threads;
}

/* An old kernel, or a container that hides the folder. */
static int count_cpuinfo(const char *text, struct machine_cpu *c)
{
	uint32_t siblings = 0, cores = 0;
	int r = cpuinfo_number(text, "siblings", &siblings);

	if (r == 0)
		r = cpuinfo_number(text, "cpu cores", &cores);
	if (r < 0 || c->online == 0)
		return r;
	if (siblings == 0 || cores == 0 || siblings % cores || c->online % siblings) {
		c->sockets = 1;
		c->cores_per_socket = c->online;
		c->threads_per_core = 1;
		return 0;
	}
	c->sockets = c->online / siblings;
	c->cores_per_socket = cores;
	c->threads_per_core = siblings / cores;
	return 0;
}

int collect_cpu(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(cpu_places_done) struct cpu_places places = { 0 };
	CLEANUP(mem_free) char *text = NULL;
	struct machine_cpu *c = &m->cpu;
	uint64_t product;
	int r;

	r = sysroot_read(root, &text, NULL, "/proc/cpuinfo");
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 && collect_warn(m, "cannot read /proc/cpuinfo: the CPU model is not known") < 0)
		return err_nomem(err);
	if ((text && read_cpuinfo(text, c) < 0) || read_places(root, &places) < 0)
		return err_nomem(err);
	if (places.n == 0)
		return text && count_cpuinfo(text, c) < 0 ? err_nomem(err) : 0;

	c->online = (uint32_t)places.n;
	count_places(&places, c);
	product = (uint64_t)c->sockets * c->cores_per_socket * c->threads_per_core;
	if (product == c->online || product == places.present)
		return 0;
	if (c->online % c->sockets)
		c->sockets = 1;
	c->cores_per_socket = c->online / c->sockets;
	c->threads_per_core = 1;
	r = collect_warn(m, "the CPU cores are not all alike: described as %u x %u x 1", c->sockets,
			 c->cores_per_socket);
	return r < 0 ? err_nomem(err) : 0;
}
