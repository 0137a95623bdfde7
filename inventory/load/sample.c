/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sampler: open files, counters of the last time, and the sample made of both. */
#include "inventory/load/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "inventory/load/sample_delta.h"
#include "inventory/load/sample_device.h"
#include "inventory/load/sample_proc.h"
#include "inventory/load/sample_service.h"

#define TEXT_MAX	(1024 * 1024u)
#define CPUS_MAX	8192u		/* the most that x86 kernels are made for */

enum file { STAT, LOADAVG, MEMINFO, VMSTAT, DISKSTATS, NET_DEV, PRESSURE_CPU, PRESSURE_IO,
	    PRESSURE_MEMORY, FILES };

static const char *const paths[FILES] = {
	"/proc/stat", "/proc/loadavg", "/proc/meminfo", "/proc/vmstat", "/proc/diskstats",
	"/proc/net/dev", "/proc/pressure/cpu", "/proc/pressure/io", "/proc/pressure/memory",
};

struct cpu_state {
	struct sample_proc_cpu last;
	uint64_t seen;			/* turn in which it was on line; 0 never */
};

enum { PAGES_IN, PAGES_OUT, PAGES };
enum { PRESSURES = 3 };

struct sampler {
	const struct sysroot *root;
	int fd[FILES];
	char *text;			/* one buffer for all files */
	size_t cap;
	uint64_t turn, last_us, page_size;
	struct cpu_state *cpus;		/* by number */
	size_t ncpus;
	uint64_t pages[PAGES], pressure[PRESSURES];
	bool pages_known, pressure_known[PRESSURES];
	struct sample_devices *disks, *nics;
	struct sample_service_state *services;
	struct sample out;
};

const char *sample_series_name(enum sample_series s)
{
	static const char *const names[SAMPLE_SERIES] = {
		"cpu_busy", "cpu_iowait", "cpu_steal", "cpu_top", "running", "load",
		"pressure_cpu", "pressure_io", "pressure_memory", "working_set", "shared",
		"hugepages", "free", "cache", "active_file", "dirty", "swap_used", "swap_in",
		"swap_out",
	};

	return names[s];
}

const char *sample_disk_series_name(enum sample_disk_series s)
{
	static const char *const names[SAMPLE_DISK_SERIES] = {
		"iops", "read", "write", "latency", "utilization",
	};

	return names[s];
}

const char *sample_nic_series_name(enum sample_nic_series s)
{
	static const char *const names[SAMPLE_NIC_SERIES] = {
		"rx", "tx", "rx_packets", "tx_packets",
	};

	return names[s];
}

int sample_open(const struct sysroot *root, struct sampler **ret, struct err *err)
{
	CLEANUP(sample_close) struct sampler *s = calloc(1, sizeof(*s));
	long page = sysconf(_SC_PAGESIZE);

	if (!s)
		return err_nomem(err);
	s->root = root;
	s->page_size = (uint64_t)(page > 0 ? page : 4096);
	for (int i = 0; i < FILES; i++)
		s->fd[i] = -1;
	/* Not to wait for a pipe that somebody put there. */
	for (int i = 0; i < FILES; i++)
		s->fd[i] = sysroot_openf(root, O_NONBLOCK, "%s", paths[i]);
	if (s->fd[STAT] < 0 && s->fd[MEMINFO] < 0)
		return err_set(err, ENOENT, "there is no load to read below %s",
			       sysroot_path(root));
	if (sample_device_new(root, SAMPLE_DEVICE_DISK, &s->disks) < 0 ||
	    sample_device_new(root, SAMPLE_DEVICE_NIC, &s->nics) < 0 ||
	    sample_service_new(root, &s->services) < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(s);
	return 0;
}

void sample_close(struct sampler *s)
{
	if (!s)
		return;
	for (int i = 0; i < FILES; i++)
		fd_close(s->fd[i]);
	sample_device_free(s->disks);
	sample_device_free(s->nics);
	sample_service_free(s->services);
	free(s->out.cpus);
	free(s->cpus);
	free(s->text);
	free(s);
}

/* The file from its beginning, with a NUL behind it; "" when it cannot be read. */
static int read_text(struct sampler *s, enum file f, const char **ret)
{
	size_t len = 0;

	*ret = "";
	if (s->fd[f] < 0)
		return 0;
	for (;;) {
		ssize_t n;

		if (s->cap - len < 4096 && s->cap < TEXT_MAX) {
			size_t cap = s->cap ? 2 * s->cap : 16384;
			char *bigger = realloc(s->text, cap);

			if (!bigger)
				return -ENOMEM;
			s->text = bigger;
			s->cap = cap;
		}
		n = pread(s->fd[f], s->text + len, s->cap - 1 - len, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return 0;
		len += (size_t)n;
		if (n == 0 || len == TEXT_MAX - 1)
			break;
	}
	s->text[len] = '\0';
	/* Cut: the last line is not what it seems. */
	if (len == TEXT_MAX - 1) {
		char *end = strrchr(s->text, '\n');

		*(end ? end : s->text) = '\0';
	}
	*ret = s->text;
	return 0;
}

static uint64_t share(uint64_t part, uint64_t whole, uint64_t scale)
{
	return (uint64_t)((unsigned __int128)part * scale / whole);
}

static uint64_t forward(uint64_t before, uint64_t now)
{
	return now > before ? now - before : 0;
}

/* Millionths of the CPU's time into sum, thousandths into out; false: no value. */
static bool cpu_values(const struct sample_proc_cpu *before, const struct sample_proc_cpu *now,
		       uint64_t sum[3], struct sample_cpu *out)
{
	/* The kernel's idle and iowait may go back a little (proc(5)), time that was used never. */
	uint64_t idle = forward(before->idle, now->idle);
	uint64_t iowait = forward(before->iowait, now->iowait);
	uint64_t busy, steal, total;

	if (now->busy < before->busy || now->steal < before->steal)
		return false;
	busy = now->busy - before->busy;
	steal = now->steal - before->steal;
	if (!u64_add(idle, iowait, &total) || !u64_add(total, busy, &total) ||
	    !u64_add(total, steal, &total) || total == 0)
		return false;
	sum[0] += share(busy, total, 1000000);
	sum[1] += share(iowait, total, 1000000);
	sum[2] += share(steal, total, 1000000);
	out->busy = share(busy, total, 1000);
	out->iowait = share(iowait, total, 1000);
	out->steal = share(steal, total, 1000);
	return true;
}

static int grow_cpus(struct sampler *s, size_t n)
{
	struct sample_cpu *out = reallocarray(s->out.cpus, n, sizeof(*out));
	struct cpu_state *state;

	if (!out)
		return -ENOMEM;
	s->out.cpus = out;
	state = reallocarray(s->cpus, n, sizeof(*state));
	if (!state)
		return -ENOMEM;
	memset(state + s->ncpus, 0, (n - s->ncpus) * sizeof(*state));
	s->cpus = state;
	s->ncpus = n;
	return 0;
}

static int take_cpus(struct sampler *s)
{
	struct sample *o = &s->out;
	struct sample_proc_cpu now;
	uint64_t sum[3] = { 0 }, running;
	size_t valued = 0;
	const char *text, *p;
	int r = read_text(s, STAT, &text), one;

	if (r < 0)
		return r;
	o->ncpus = 0;
	for (p = text; (one = sample_proc_cpu(&p, &now)) >= 0;) {
		struct sample_cpu *out;
		struct cpu_state *c;

		if (one == 0 && o->ncpus > 0)
			break;		/* they come one behind the other */
		if (one == 0 || now.number >= CPUS_MAX)
			continue;
		if (now.number >= s->ncpus && grow_cpus(s, MAX(now.number + 1, 2 * s->ncpus)) < 0)
			return -ENOMEM;
		c = &s->cpus[now.number];
		if (c->seen == s->turn)
			continue;	/* twice in one text: somebody wrote it */
		out = &o->cpus[o->ncpus++];
		*out = (struct sample_cpu){ now.number, SAMPLE_NONE, SAMPLE_NONE, SAMPLE_NONE };
		if (c->seen > 0 && c->seen == s->turn - 1 && cpu_values(&c->last, &now, sum, out)) {
			valued++;
			if (o->v[SAMPLE_CPU_TOP] == SAMPLE_NONE ||
			    out->busy > o->v[SAMPLE_CPU_TOP])
				o->v[SAMPLE_CPU_TOP] = out->busy;
		}
		c->last = now;
		c->seen = s->turn;
	}
	o->cpus_online = (uint32_t)o->ncpus;
	if (valued > 0) {
		o->v[SAMPLE_CPU_BUSY] = sum[0] / 1000;
		o->v[SAMPLE_CPU_IOWAIT] = sum[1] / 1000;
		o->v[SAMPLE_CPU_STEAL] = sum[2] / 1000;
	}
	running = sample_proc_key(text, "procs_running");
	/* One of them reads this; a recorded machine has none that does. */
	if (running != SAMPLE_NONE)
		o->v[SAMPLE_RUNNING] = running > 0 && sysroot_is_live(s->root) ? running - 1 :
										 running;
	r = read_text(s, LOADAVG, &text);
	o->v[SAMPLE_LOAD] = sample_proc_loadavg(text);
	return r;
}

static int take_memory(struct sampler *s)
{
	static const uint64_t limit[PAGES] = { 1 << 26, 1 << 26 };	/* 256 GiB a second */
	struct sample *o = &s->out;
	struct sample_proc_memory m;
	uint64_t now[PAGES], moved[PAGES];
	const char *text;
	int r = read_text(s, MEMINFO, &text);

	if (r < 0)
		return r;
	sample_proc_meminfo(text, &m);
	sample_proc_memory_values(&m, o->v);
	o->mem_total = m.total == SAMPLE_NONE ? 0 : m.total;
	o->swap_total = m.swap_total == SAMPLE_NONE ? 0 : m.swap_total;
	r = read_text(s, VMSTAT, &text);
	if (r < 0)
		return r;
	now[PAGES_IN] = sample_proc_key(text, "pswpin");
	now[PAGES_OUT] = sample_proc_key(text, "pswpout");
	if (s->pages_known && now[0] != SAMPLE_NONE && now[1] != SAMPLE_NONE &&
	    sample_delta(s->pages, now, limit, PAGES, o->elapsed_us, moved)) {
		o->v[SAMPLE_SWAP_IN] =
			sample_delta_rate(moved[PAGES_IN], s->page_size, o->elapsed_us);
		o->v[SAMPLE_SWAP_OUT] =
			sample_delta_rate(moved[PAGES_OUT], s->page_size, o->elapsed_us);
	}
	s->pages_known = now[0] != SAMPLE_NONE && now[1] != SAMPLE_NONE;
	memcpy(s->pages, now, sizeof(now));
	return 0;
}

static int take_pressure(struct sampler *s)
{
	static const uint64_t limit = 2000000;
	struct sample *o = &s->out;

	for (int i = 0; i < PRESSURES; i++) {
		uint64_t now, waited;
		const char *text;
		int r = read_text(s, PRESSURE_CPU + i, &text);

		if (r < 0)
			return r;
		now = sample_proc_pressure(text);
		if (now != SAMPLE_NONE && s->pressure_known[i] && o->elapsed_us > 0 &&
		    sample_delta(&s->pressure[i], &now, &limit, 1, o->elapsed_us, &waited))
			o->v[SAMPLE_PRESSURE_CPU + i] =
				MIN(share(waited, o->elapsed_us, 1000), UINT64_C(1000));
		s->pressure_known[i] = now != SAMPLE_NONE;
		s->pressure[i] = now;
	}
	return 0;
}

static int take_devices(struct sampler *s)
{
	struct sample *o = &s->out;
	const char *text;
	int r = read_text(s, DISKSTATS, &text);

	if (r == 0)
		r = sample_device_update(s->disks, text, o->elapsed_us, &o->disks, &o->ndisks);
	if (r == 0)
		r = read_text(s, NET_DEV, &text);
	if (r == 0)
		r = sample_device_update(s->nics, text, o->elapsed_us, &o->nics, &o->nnics);
	return r;
}

int sample_take(struct sampler *s, uint64_t now_us, bool services, const struct sample **ret,
		struct err *err)
{
	struct sample *o = &s->out;
	int r;

	s->turn++;
	o->elapsed_us = s->turn > 1 && now_us > s->last_us ? now_us - s->last_us : 0;
	s->last_us = now_us;
	for (int i = 0; i < SAMPLE_SERIES; i++)
		o->v[i] = SAMPLE_NONE;
	o->has_services = services;
	o->nservices = 0;
	r = take_cpus(s);
	if (r == 0)
		r = take_memory(s);
	if (r == 0)
		r = take_pressure(s);
	if (r == 0)
		r = take_devices(s);
	if (r == 0 && services)
		r = sample_service_look(s->services, now_us, &o->services, &o->nservices,
					&o->services_us);
	if (r < 0)
		return err_nomem(err);
	*ret = o;
	return 0;
}

void sample_boot_id(const struct sysroot *root, uint8_t ret[static 16])
{
	CLEANUP(mem_free) char *line = NULL;
	size_t n = 0;

	memset(ret, 0, 16);
	if (sysroot_read_line(root, &line, "/proc/sys/kernel/random/boot_id") < 0)
		return;
	for (const char *p = line; *p && n < 32; p++) {
		const char *digits = "0123456789abcdef", *d = strchr(digits, *p | 0x20);

		if (*p == '-')
			continue;
		if (!d || !*d) {
			memset(ret, 0, 16);
			return;
		}
		ret[n / 2] = (uint8_t)(ret[n / 2] << 4 | (d - digits));
		n++;
	}
}
