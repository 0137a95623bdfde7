/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each logical CPU gets a place (package, core); equal places are then counted by sorting. */
#include "inventory/hw/cpu_topology.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/text.h"
#include "inventory/collect_util.h"

#define CPU_DIR "/sys/devices/system/cpu"

struct place {
	int64_t package;
	char *core;		/* the same text for all threads of one core */
};

struct places {
	struct place *v;
	size_t n;
};

static void places_done(struct places *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].core);
	free(p->v);
}
DEFINE_CLEANUP_VALUE(struct places, places_done)

/* Takes *core over. */
static int add_place(struct places *p, int64_t package, char **core)
{
	struct place *slot = machine_grow(&p->v, &p->n, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	slot->package = package;
	slot->core = TAKE_PTR(*core);
	return 0;
}

/* CPUs in a list "0-3,8"; 0 when it is none, or counts more than any machine has. */
static uint32_t count_list(const char *list)
{
	uint64_t n = 0;

	while (list && *list) {
		uint64_t first, last;
		char *end;

		if (*list < '0' || *list > '9')
			return 0;
		first = last = strtoull(list, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoull(end + 1, &end, 10);
		if (last < first || last - first >= UINT32_MAX || (*end && *end != ','))
			return 0;
		n += last - first + 1;
		if (n > UINT32_MAX)
			return 0;
		list = *end ? end + 1 : end;
	}
	return (uint32_t)n;
}

static int read_count(const struct sysroot *root, const char *file, uint32_t *ret)
{
	CLEANUP(mem_free) char *list = NULL;
	int r = collect_util_line(root, &list, CPU_DIR "/%s", file);

	*ret = count_list(list);
	return r;
}

static bool is_cpu_name(const char *name)
{
	return strncmp(name, "cpu", 3) == 0 && name[3] && !name[3 + strspn(name + 3, "0123456789")];
}

/* An offline CPU has a folder without a topology. */
static int from_sysfs(const struct sysroot *root, struct places *ret, uint32_t *ret_folders)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, CPU_DIR);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *core = NULL, *package = NULL;

		if (!is_cpu_name(*p))
			continue;
		++*ret_folders;
		r = collect_util_line(root, &core, CPU_DIR "/%s/topology/thread_siblings_list", *p);
		if (r == 0 && core)
			r = collect_util_line(root, &package,
					      CPU_DIR "/%s/topology/physical_package_id", *p);
		/* -1: the firmware does not say; then it is all one package. */
		if (r == 0 && core)
			r = add_place(ret, package ? strtoll(package, NULL, 10) : -1, &core);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "key\t: 12" in the lines up to end. */
static bool block_number(const char *block, const char *end, const char *key, int64_t *ret)
{
	size_t n = strlen(key);

	while (block < end) {
		const char *p = block + n, *stop = memchr(block, '\n', (size_t)(end - block));

		if (strncmp(block, key, n) == 0) {
			p += strspn(p, " \t");
			if (*p == ':') {
				*ret = strtoll(p + 1, NULL, 10);
				return true;
			}
		}
		block = stop ? stop + 1 : end;
	}
	return false;
}

/* Blocks of lines, one per CPU. All of them must tell. */
static int from_cpuinfo(const char *text, struct places *ret, uint32_t *ret_cpus)
{
	uint32_t placed = 0;

	while (*text) {
		const char *gap = strstr(text, "\n\n"), *end = gap ? gap + 1 : strchr(text, '\0');
		CLEANUP(mem_free) char *core = NULL;
		int64_t cpu, package, id;

		if (block_number(text, end, "processor", &cpu)) {
			++*ret_cpus;
			if (block_number(text, end, "physical id", &package) &&
			    block_number(text, end, "core id", &id)) {
				core = text_format("%" PRId64 ":%" PRId64, package, id);
				if (!core || add_place(ret, package, &core) < 0)
					return -ENOMEM;
				placed++;
			}
		}
		text = gap ? gap + 2 : end;
	}
	if (placed < *ret_cpus) {
		places_done(ret);
		*ret = (struct places){ 0 };
	}
	return 0;
}

/* Without places: "siblings" and "cpu cores" of the first CPU, when they fit the number of CPUs. */
static void from_counts(const char *text, struct machine_cpu *c)
{
	const char *gap = text ? strstr(text, "\n\n") : NULL;
	int64_t siblings = 0, cores = 0;

	c->sockets = c->threads_per_core = 1;
	c->cores_per_socket = c->online;
	if (!text)
		return;
	gap = gap ? gap + 1 : strchr(text, '\0');
	if (!block_number(text, gap, "siblings", &siblings) ||
	    !block_number(text, gap, "cpu cores", &cores) || cores <= 0 ||
	    siblings <= 0 || siblings > c->online || siblings % cores || c->online % siblings)
		return;
	c->sockets = (uint32_t)(c->online / siblings);
	c->cores_per_socket = (uint32_t)cores;
	c->threads_per_core = (uint32_t)(siblings / cores);
}

static int by_package(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return (a->package > b->package) - (a->package < b->package);
}

static int by_core(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return strcmp(a->core, b->core);
}

static void count_places(struct places *p, struct machine_cpu *c)
{
	uint32_t sockets = 1, cores = 1, threads = 1, run = 1;

	qsort(p->v, p->n, sizeof(*p->v), by_package);
	for (size_t i = 1; i < p->n; i++)
		sockets += by_package(&p->v[i - 1], &p->v[i]) != 0;
	qsort(p->v, p->n, sizeof(*p->v), by_core);
	for (size_t i = 1; i < p->n; i++) {
		bool same = by_core(&p->v[i - 1], &p->v[i]) == 0;

		cores += !same;
		run = same ? run + 1 : 1;
		threads = MAX(threads, run);
	}
	c->sockets = sockets;
	c->cores_per_socket = MAX(cores / sockets, 1U);
	c->threads_per_core = threads;
}

int cpu_topology_read(const struct sysroot *root, const char *cpuinfo, struct machine_cpu *c,
		      bool *ret_alike)
{
	CLEANUP(places_done) struct places sysfs = { 0 }, info = { 0 };
	struct places *places = &sysfs;
	uint32_t folders = 0, cpus = 0;
	int r = from_sysfs(root, &sysfs, &folders);

	*ret_alike = true;
	if (r == 0 && cpuinfo)
		r = from_cpuinfo(cpuinfo, &info, &cpus);
	if (r == 0)
		r = read_count(root, "online", &c->online);
	if (r == 0)
		r = read_count(root, "present", &c->present);
	if (r < 0)
		return r;
	if (c->online == 0)
		c->online = sysfs.n ? (uint32_t)sysfs.n : cpus;
	if (c->present == 0)
		c->present = folders;
	c->present = MAX(c->present, c->online);
	if (c->online == 0)
		return 0;
	if (places->n == 0)
		places = &info;
	if (places->n == 0) {
		from_counts(cpuinfo, c);
		return 0;
	}
	count_places(places, c);
	*ret_alike = c->online < c->present ||
		     (uint64_t)c->sockets * c->cores_per_socket * c->threads_per_core == c->online;
	return 0;
}
