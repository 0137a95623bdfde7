/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/text.h"
#include "inventory/load/sample_delta.h"
#include "inventory/load/sample_proc.h"

#define TEXT_MAX	4096u

struct meter {				/* a counter of CPU time, in microseconds */
	char name[SAMPLE_NAME_MAX];
	uint64_t used;
};

struct process {
	uint64_t pid, start, ticks;
};

struct sample_service_state {
	const struct sysroot *root;
	uint64_t last_us, elapsed_us;	/* elapsed 0: no rates this time */
	bool primed;
	struct sample_service out[SAMPLE_SERVICES_MAX];
	size_t nout;
	/* of the last look; the order is that of the folder, so a name is near where it was */
	struct meter before[SAMPLE_SERVICES_MAX], now[SAMPLE_SERVICES_MAX];
	size_t nbefore;
	struct process *pids;
	size_t npids;
	bool all_pids;			/* the list was not cut */
	uint64_t tick_us, page_size;
};

int sample_service_new(const struct sysroot *root, struct sample_service_state **ret)
{
	struct sample_service_state *s = calloc(1, sizeof(*s));
	long hz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

	if (!s)
		return -ENOMEM;
	s->root = root;
	s->tick_us = 1000000 / (uint64_t)(hz > 0 ? hz : 100);
	s->page_size = (uint64_t)(page > 0 ? page : 4096);
	*ret = s;
	return 0;
}

void sample_service_free(struct sample_service_state *s)
{
	if (!s)
		return;
	free(s->pids);
	free(s);
}

/* A small file without an allocation; "" when there is none. */
static void read_small(const struct sysroot *root, char text[static TEXT_MAX], const char *dir,
		       const char *name, const char *file)
{
	CLEANUP(fd_close) int fd = sysroot_openf(root, O_NONBLOCK, "%s/%s/%s", dir, name, file);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

	text[n > 0 ? n : 0] = '\0';
}

static uint64_t small_number(const char *text)
{
	char line[64];

	/* As if it were a line with a key. */
	snprintf(line, sizeof(line), "v %.40s", text);
	return sample_proc_key(line, "v");
}

struct hierarchy {
	const char *cpu, *memory;	/* where the groups are */
	const char *cpu_file, *memory_file;
};

static const struct hierarchy hierarchies[] = {
	{ "/sys/fs/cgroup", "/sys/fs/cgroup", "cpu.stat", "memory.current" },
	{ "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/memory", "cpuacct.usage",
	  "memory.usage_in_bytes" },
	{ "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/memory", "cpuacct.usage",
	  "memory.usage_in_bytes" },
};

static const struct hierarchy *find_hierarchy(const struct sysroot *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++)
		if (sysroot_exists(root, "%s/system.slice/%s", hierarchies[i].cpu,
				   hierarchies[i].cpu_file))
			return &hierarchies[i];
	return NULL;
}

/* Microseconds of CPU that the group used. */
static uint64_t group_used(const struct sysroot *root, const struct hierarchy *h, const char *name)
{
	char text[TEXT_MAX];
	uint64_t ns;

	read_small(root, text, h->cpu, name, h->cpu_file);
	if (h == &hierarchies[0])
		return sample_proc_key(text, "usage_usec");
	ns = small_number(text);
	return ns == SAMPLE_NONE ? ns : ns / 1000;
}

static const struct meter *find_before(const struct sample_service_state *s, const char *name,
				       size_t near)
{
	for (size_t i = 0; i < s->nbefore; i++) {
		const struct meter *m = &s->before[(near + i) % s->nbefore];

		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

static void add_group(struct sample_service_state *s, const struct hierarchy *h, const char *path,
		      const char *name)
{
	const struct meter *before;
	struct sample_service *out;
	char text[TEXT_MAX];
	struct meter *m;
	uint64_t used;

	if (s->nout == SAMPLE_SERVICES_MAX)
		return;
	used = group_used(s->root, h, path);
	if (used == SAMPLE_NONE)
		return;
	m = &s->now[s->nout];
	out = &s->out[s->nout];
	text_escape_str(name, m->name, sizeof(m->name));
	memcpy(out->name, m->name, sizeof(out->name));
	m->used = used;
	before = find_before(s, m->name, s->nout);
	out->cpu = SAMPLE_NONE;
	/* Started anew: it has a group of its own again, which began at nothing. */
	if (before && used >= before->used)
		out->cpu = sample_delta_rate(used - before->used, 1, s->elapsed_us);
	if (out->cpu != SAMPLE_NONE)
		out->cpu /= 1000;
	read_small(s->root, text, h->memory, path, h->memory_file);
	out->memory = small_number(text);
	s->nout++;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	return n > k && strcmp(s + n - k, tail) == 0;
}

static bool is_top_group(const char *name)
{
	return (ends_with(name, ".slice") && strcmp(name, "system.slice") != 0) ||
	       strcmp(name, "docker") == 0 || strcmp(name, "lxc") == 0 ||
	       strcmp(name, "kubepods") == 0;
}

static int look_at_groups(struct sample_service_state *s, const struct hierarchy *h)
{
	CLEANUP(strv_free) char **top = NULL, **services = NULL;
	int r = sysroot_list(s->root, &top, "%s", h->cpu);

	if (r >= 0)
		r = sysroot_list(s->root, &services, "%s/system.slice", h->cpu);
	if (r == -ENOMEM)
		return r;
	for (char **p = top; p && *p; p++)
		if (is_top_group(*p))
			add_group(s, h, *p, *p);
	for (char **p = services; p && *p; p++) {
		CLEANUP(mem_free) char *path = NULL;

		if (!ends_with(*p, ".service") && !ends_with(*p, ".scope") &&
		    !ends_with(*p, ".slice"))
			continue;
		path = text_format("system.slice/%s", *p);
		if (!path)
			return -ENOMEM;
		add_group(s, h, path, *p);
	}
	memcpy(s->before, s->now, s->nout * sizeof(s->now[0]));
	s->nbefore = s->nout;
	return 0;
}

static struct sample_service *service_of(struct sample_service_state *s, const char *name)
{
	struct sample_service *out;

	for (size_t i = 0; i < s->nout; i++)
		if (strcmp(s->out[i].name, name) == 0)
			return &s->out[i];
	if (s->nout == SAMPLE_SERVICES_MAX)
		return NULL;
	out = &s->out[s->nout++];
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->cpu = s->elapsed_us > 0 ? 0 : SAMPLE_NONE;
	out->memory = 0;
	return out;
}

/* What a process used since the last look; it may have begun since. */
static uint64_t ticks_since(const struct sample_service_state *s, const struct process *p,
			    size_t *cursor)
{
	while (*cursor < s->npids && s->pids[*cursor].pid < p->pid)
		++*cursor;
	if (*cursor < s->npids && s->pids[*cursor].pid == p->pid &&
	    s->pids[*cursor].start == p->start)
		return p->ticks > s->pids[*cursor].ticks ? p->ticks - s->pids[*cursor].ticks : 0;
	return s->all_pids ? p->ticks : 0;
}

static int look_at_processes(struct sample_service_state *s)
{
	CLEANUP(mem_free) struct process *now = calloc(SAMPLE_SERVICE_PIDS, sizeof(*now));
	CLEANUP(strv_free) char **names = NULL;
	size_t n = 0, cursor = 0;
	int r = sysroot_list(s->root, &names, "/proc");

	if (!now || r == -ENOMEM)
		return -ENOMEM;
	/* Version order, so the numbers rise. */
	for (char **p = names; p && *p && n < SAMPLE_SERVICE_PIDS; p++) {
		char text[TEXT_MAX], name[SAMPLE_NAME_MAX];
		struct process *one = &now[n];
		struct sample_service *out;
		uint64_t rss, bytes, cpu;

		one->pid = strspn(*p, "0123456789") == strlen(*p) ? small_number(*p) : SAMPLE_NONE;
		if (one->pid == SAMPLE_NONE)
			continue;
		read_small(s->root, text, "/proc", *p, "stat");
		if (!sample_proc_pid(text, name, &one->ticks, &one->start, &rss))
			continue;
		n++;
		out = service_of(s, name);
		if (!out)
			continue;
		if (!u64_mul(rss, s->page_size, &bytes) || !u64_add(out->memory, bytes, &bytes))
			bytes = SAMPLE_NONE - 1;
		out->memory = bytes;
		if (s->elapsed_us == 0)
			continue;
		cpu = sample_delta_rate(ticks_since(s, one, &cursor), s->tick_us,
					s->elapsed_us);
		if (cpu == SAMPLE_NONE || !u64_add(out->cpu, cpu, &out->cpu))
			out->cpu = SAMPLE_NONE - 1;
	}
	for (size_t i = 0; i < s->nout; i++)
		if (s->out[i].cpu != SAMPLE_NONE)
			s->out[i].cpu /= 1000;
	s->all_pids = n < SAMPLE_SERVICE_PIDS;
	free(s->pids);
	s->pids = TAKE_PTR(now);
	s->npids = n;
	return 0;
}

static int busier(const void *pa, const void *pb)
{
	const struct sample_service *a = pa, *b = pb;
	uint64_t ca = a->cpu == SAMPLE_NONE ? 0 : a->cpu, cb = b->cpu == SAMPLE_NONE ? 0 : b->cpu;
	uint64_t ma = a->memory == SAMPLE_NONE ? 0 : a->memory;
	uint64_t mb = b->memory == SAMPLE_NONE ? 0 : b->memory;

	if (ca != cb)
		return ca > cb ? -1 : 1;
	if (ma != mb)
		return ma > mb ? -1 : 1;
	return strcmp(a->name, b->name);
}

int sample_service_look(struct sample_service_state *s, uint64_t now_us,
			struct sample_service **ret, size_t *ret_n, uint64_t *ret_elapsed_us)
{
	const struct hierarchy *h = find_hierarchy(s->root);
	int r;

	s->nout = 0;
	s->elapsed_us = s->primed && now_us > s->last_us ? now_us - s->last_us : 0;
	r = h ? look_at_groups(s, h) : look_at_processes(s);
	if (r < 0)
		return r;
	s->primed = true;
	s->last_us = now_us;
	qsort(s->out, s->nout, sizeof(s->out[0]), busier);
	*ret = s->out;
	*ret_n = s->nout;
	*ret_elapsed_us = s->elapsed_us;
	return 0;
}
