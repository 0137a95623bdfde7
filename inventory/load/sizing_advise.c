/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of sizing.h, and the sentences that say why. */
#include "inventory/load/sizing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/duration.h"
#include "common/size.h"
#include "common/text.h"

#define GBIT		UINT64_C(1000000000)
#define MBYTE		UINT64_C(1000000)

struct scope {				/* how careful to be */
	bool keep, careful;
	char time[DURATION_TEXT_MAX];
	const char *confidence;
};

static struct scope scope_of(const struct sizing *s)
{
	uint64_t t = sizing_seconds(s);
	struct scope c = { .keep = t < SIZING_KEEP_S, .careful = t < SIZING_SHORT_S,
			   .confidence = sizing_confidence(s) };

	duration_format(t, c.time);
	return c;
}

/* A percentile, or the peak where the sample is too short for one. */
static uint64_t level(const struct sizing_series *v, unsigned int permille, bool careful)
{
	return careful ? v->all.max : histogram_percentile(&v->all, permille);
}

/* Values of a made-up file end here, so that sums need no checks. */
static uint64_t bounded(uint64_t v)
{
	return MIN(v, UINT64_C(1) << 60);
}

static uint64_t percent_more(uint64_t v, unsigned int percent)
{
	return (uint64_t)(((unsigned __int128)v * (100 + percent) + 99) / 100);
}

static uint32_t online(const struct sizing *s)
{
	if (s->cpus_online > 0)
		return s->cpus_online;
	return s->machine ? s->machine->cpu.online : 0;
}

static uint64_t demand(const struct sizing *s, unsigned int permille, bool careful)
{
	return bounded(level(&s->v[SAMPLE_CPU_BUSY], permille, careful)) +
	       bounded(level(&s->v[SAMPLE_CPU_STEAL], permille, careful));
}

static bool at_its_limit(const struct sizing *s)
{
	uint64_t n = online(s);

	return demand(s, 950, false) >= n * 850 ||
	       histogram_percentile(&s->v[SAMPLE_RUNNING].all, 950) > n;
}

uint64_t sizing_advise_vcpus(const struct sizing *s)
{
	struct scope c = scope_of(s);
	uint64_t n = online(s), want;

	if (c.keep || s->v[SAMPLE_CPU_BUSY].all.total == 0 || at_its_limit(s))
		return n;
	want = MAX(percent_more(demand(s, 950, false), 30),
		   percent_more(demand(s, 990, false), 10));
	if (c.careful)
		want = MAX(want, demand(s, 1000, true));
	want = MAX(DIV_ROUND_UP(want, 1000), UINT64_C(1));
	if (want > 4)
		want += want % 2;
	return n ? MIN(want, n) : want;
}

static uint64_t installed(const struct sizing *s)
{
	uint64_t v = s->machine ? s->machine->memory.installed : 0;

	return MAX(v, s->mem_total);
}

static uint64_t round_memory(uint64_t v)
{
	uint64_t step = v <= 2 * GIB ? 256 * MIB : v <= 8 * GIB ? 512 * MIB :
			v <= 32 * GIB ? GIB : 4 * GIB;

	return ALIGN_UP(v, step);
}

static uint64_t cache_share(const struct sizing *s, bool careful)
{
	uint64_t v = bounded(level(&s->v[SAMPLE_MEM_ACTIVE_FILE], 950, careful));

	return careful ? v : v / 2;
}

uint64_t sizing_advise_memory(const struct sizing *s)
{
	struct scope c = scope_of(s);
	uint64_t have = installed(s), want;

	if (c.keep || s->v[SAMPLE_MEM_WORKING].all.total == 0)
		return have;
	want = percent_more(bounded(s->v[SAMPLE_MEM_WORKING].all.max), 15);
	want += bounded(level(&s->v[SAMPLE_SWAP_USED], 950, c.careful));
	want = round_memory(want + cache_share(s, c.careful));
	if (have == 0 ||
	    histogram_percentile(&s->v[SAMPLE_SWAP_IN].all, 950) >= 64 * KIB)
		return want;
	return MIN(want, have);
}

static struct machine_plan_advice *advice_new(struct machine_plan_advice **v, size_t *n,
					      const char *confidence)
{
	struct machine_plan_advice *a = machine_grow(v, n, sizeof(*a));

	if (a)
		a->confidence = strdup(confidence);
	return a;
}

static bool complete(const struct machine_plan_advice *a)
{
	return a->resource && a->now && a->recommended && a->evidence && a->confidence;
}

/* Thousandths with one digit: "3.1". */
static const char *tenths(uint64_t v, char buf[static 32])
{
	snprintf(buf, 32, "%" PRIu64 ".%" PRIu64, (v + 50) / 1000, (v + 50) % 1000 / 100);
	return buf;
}

static void say_numa(struct strbuf *b, const struct machine_cpu *cpu, uint64_t n, uint64_t vcpus)
{
	uint64_t per_node = cpu->nnodes > 1 ? n / cpu->nnodes : 0;

	if (per_node == 0)
		return;
	if (vcpus > per_node)
		strbuf_addf(b, "; more than one of the source's NUMA nodes has (%" PRIu64
			       "): give the VM %" PRIu64 " nodes",
			    per_node, DIV_ROUND_UP(vcpus, per_node));
	else
		strbuf_addf(b, "; fits in one NUMA node of %" PRIu64 " CPUs", per_node);
}

static int advise_cpu(const struct sizing *s, const struct scope *c,
		      struct machine_plan_advice **v, size_t *nv)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 }, now = { 0 };
	struct machine_plan_advice *a = advice_new(v, nv, c->confidence);
	const struct machine_cpu *cpu = s->machine ? &s->machine->cpu : NULL;
	uint64_t n = online(s), vcpus = sizing_advise_vcpus(s);
	char t[4][32];

	if (!a)
		return -ENOMEM;
	strbuf_addf(&now, "%" PRIu64 " CPUs", n);
	if (cpu && cpu->threads_per_core > 1)
		strbuf_addf(&now, " (%" PRIu64 " cores of %u threads)", n / cpu->threads_per_core,
			    cpu->threads_per_core);
	if (s->v[SAMPLE_CPU_BUSY].all.total == 0) {
		strbuf_add(&b, "the load of the CPUs is not known: as it is");
	} else {
		strbuf_addf(&b, "%s CPUs busy at p95, %s at p99, peak %s, in %s",
			    tenths(demand(s, 950, false), t[0]),
			    tenths(demand(s, 990, false), t[1]),
			    tenths(s->v[SAMPLE_CPU_BUSY].all.max, t[2]), c->time);
		if (histogram_percentile(&s->v[SAMPLE_CPU_STEAL].all, 950) > 0)
			strbuf_addf(&b, " (%s of them stolen by its host)",
				    tenths(histogram_percentile(&s->v[SAMPLE_CPU_STEAL].all, 950),
					   t[3]));
		if (c->keep)
			strbuf_add(&b, "; too short to size by: as it is");
		else if (at_its_limit(s))
			strbuf_addf(&b, ", %" PRIu64 " tasks runnable at p95: at its limit, keep "
					"every CPU",
				    histogram_percentile(&s->v[SAMPLE_RUNNING].all, 950));
		else if (c->careful)
			strbuf_add(&b, "; a short sample: never below the peak, 30 % headroom on "
				       "p95");
		else
			strbuf_add(&b, "; 30 % headroom on p95, 10 % on p99");
	}
	if (cpu && cpu->threads_per_core > 1)
		strbuf_add(&b, "; a vCPU stands for a thread, not for a core");
	if (cpu)
		say_numa(&b, cpu, n, vcpus);
	a->resource = strdup("vcpus");
	a->now = strbuf_take(&now);
	a->recommended = text_format("%" PRIu64 " vCPU%s", vcpus, vcpus == 1 ? "" : "s");
	a->value = vcpus;
	a->evidence = strbuf_take(&b);
	return complete(a) ? 0 : -ENOMEM;
}

static int advise_memory(const struct sizing *s, const struct scope *c,
			 struct machine_plan_advice **v, size_t *nv)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	struct machine_plan_advice *a = advice_new(v, nv, c->confidence);
	uint64_t want = sizing_advise_memory(s), huge = s->v[SAMPLE_MEM_HUGE].all.max;
	uint64_t shared = s->v[SAMPLE_MEM_SHARED].all.max, swap, cache;
	char t[SIZE_TEXT_MAX];

	if (!a)
		return -ENOMEM;
	swap = level(&s->v[SAMPLE_SWAP_USED], 950, c->careful);
	cache = cache_share(s, c->careful);
	if (s->v[SAMPLE_MEM_WORKING].all.total == 0) {
		strbuf_add(&b, "the load of the memory is not known: as it is");
	} else {
		strbuf_addf(&b, "peak working set %s",
			    size_format(s->v[SAMPLE_MEM_WORKING].all.max, t));
		strbuf_addf(&b, " (p95 %s) in %s",
			    size_format(histogram_percentile(&s->v[SAMPLE_MEM_WORKING].all, 950),
					t), c->time);
		if (huge > 0)
			strbuf_addf(&b, ", of it %s of huge pages", size_format(huge, t));
		if (shared >= 64 * MIB)
			strbuf_addf(&b, ", %s shared", size_format(shared, t));
		if (c->keep) {
			strbuf_add(&b, "; too short to size by: as it is");
		} else {
			strbuf_add(&b, ", 15 % headroom");
			if (swap > 0)
				strbuf_addf(&b, ", %s of swap in use", size_format(swap, t));
			if (cache > 0)
				strbuf_addf(&b, ", %s of warm file cache", size_format(cache, t));
		}
		if (histogram_percentile(&s->v[SAMPLE_SWAP_IN].all, 950) >= 64 * KIB)
			strbuf_addf(&b, "; it lacks memory: %s/s swapped in at p95",
				    size_format(histogram_percentile(&s->v[SAMPLE_SWAP_IN].all,
								     950), t));
	}
	a->resource = strdup("memory");
	a->now = strdup(size_format(installed(s), t));
	a->recommended = strdup(size_format(want, t));
	a->value = want;
	a->evidence = strbuf_take(&b);
	return complete(a) ? 0 : -ENOMEM;
}

/* "12 MB/s", in the unit that disks and wires are sold by. */
static const char *rate(uint64_t bytes, char buf[static 32])
{
	if (bytes >= 10 * MBYTE)
		snprintf(buf, 32, "%" PRIu64 " MB/s", bytes / MBYTE);
	else
		snprintf(buf, 32, "%" PRIu64 ".%" PRIu64 " MB/s", bytes / MBYTE,
			 bytes % MBYTE / (MBYTE / 10));
	return buf;
}

static char *disk_now(const struct sizing *s, const char *name)
{
	const struct machine_disk *d = s->machine ? machine_find_disk(s->machine, name) : NULL;
	const char *transport = d && d->transport ? d->transport : "disk";

	if (d && d->driver && strcmp(d->driver, transport) != 0)
		return text_format("%s by %s", transport, d->driver);
	return strdup(transport);
}

static char *disk_bus(const struct sizing *s, uint64_t iops, uint64_t bytes, uint64_t *ret_queues)
{
	uint64_t vcpus = MAX(sizing_advise_vcpus(s), UINT64_C(1));

	if (iops >= 20000 || bytes >= 1500 * MBYTE) {
		*ret_queues = MIN(MAX(DIV_ROUND_UP(iops, 10000), UINT64_C(2)), vcpus);
		return text_format("virtio-blk, own I/O thread, %" PRIu64 " queue%s", *ret_queues,
				   *ret_queues == 1 ? "" : "s");
	}
	*ret_queues = 0;
	if (iops >= 5000 || bytes >= 500 * MBYTE)
		return strdup("virtio-scsi, own I/O thread");
	return strdup("virtio-scsi");
}

static int advise_disk(const struct sizing *s, const struct sizing_device *d,
		       const struct scope *c, struct machine_plan_advice **v, size_t *nv)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	struct machine_plan_advice *a = advice_new(v, nv, c->confidence);
	uint64_t iops = level(&d->s[SAMPLE_DISK_IOPS], 990, c->careful);
	uint64_t bytes = bounded(level(&d->s[SAMPLE_DISK_READ], 990, c->careful)) +
			 bounded(level(&d->s[SAMPLE_DISK_WRITE], 990, c->careful));
	uint64_t latency = histogram_percentile(&d->s[SAMPLE_DISK_LATENCY].all, 950);
	char t[32], name[2 * SAMPLE_NAME_MAX];

	if (!a)
		return -ENOMEM;
	strbuf_addf(&b, "%s %" PRIu64 " IOPS and %s in %s", c->careful ? "peak" : "p99", iops,
		    rate(bytes, t), c->time);
	if (latency > 0)
		strbuf_addf(&b, ", p95 latency %s ms", tenths(latency, t));
	strbuf_addf(&b, ", busy %s %% of the time at p95",
		    tenths(histogram_percentile(&d->s[SAMPLE_DISK_UTIL].all, 950) * 100, t));
	if (c->keep)
		strbuf_add(&b, "; too short to tell its busy hours");
	text_escape_str(d->name, name, sizeof(name));
	a->resource = text_format("disk %s", name);
	a->now = disk_now(s, d->name);
	a->recommended = disk_bus(s, iops, bytes, &a->value);
	a->evidence = strbuf_take(&b);
	return complete(a) ? 0 : -ENOMEM;
}

static uint64_t speed_class(uint64_t bits)
{
	static const uint64_t classes[] = { 1, 10, 25, 40, 100, 200, 400 };

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		if (bits <= classes[i] * GBIT)
			return classes[i] * GBIT;
	return 800 * GBIT;
}

static char *nic_now(const struct sizing *s, const char *name)
{
	for (size_t i = 0; s->machine && i < s->machine->nnics; i++) {
		const struct machine_nic *n = &s->machine->nics[i];

		if (strcmp(n->name, name) != 0)
			continue;
		if (n->speed > 0)
			return text_format("%" PRId64 " Mbit/s by %s", n->speed,
					   n->driver ? n->driver : "an unknown driver");
		return strdup(n->driver ? n->driver : "NIC");
	}
	return strdup("NIC");
}

static int advise_nic(const struct sizing *s, const struct sizing_device *d,
		      const struct scope *c, struct machine_plan_advice **v, size_t *nv)
{
	struct machine_plan_advice *a = advice_new(v, nv, c->confidence);
	uint64_t rx = level(&d->s[SAMPLE_NIC_RX], 990, c->careful);
	uint64_t tx = level(&d->s[SAMPLE_NIC_TX], 990, c->careful);
	uint64_t packets = MAX(level(&d->s[SAMPLE_NIC_RX_PACKETS], 990, c->careful),
			       level(&d->s[SAMPLE_NIC_TX_PACKETS], 990, c->careful));
	uint64_t bits = bounded(MAX(rx, tx)), queues = 0;
	uint64_t vcpus = MAX(sizing_advise_vcpus(s), UINT64_C(1));
	char name[2 * SAMPLE_NAME_MAX], t[2][32];

	if (!a)
		return -ENOMEM;
	if (packets >= 100000 || bits >= 2 * GBIT)
		queues = MIN(MIN(MAX(DIV_ROUND_UP(packets, 100000), UINT64_C(2)), UINT64_C(8)),
			     vcpus);
	a->value = speed_class(percent_more(bits, 50));
	text_escape_str(d->name, name, sizeof(name));
	a->resource = text_format("nic %s", name);
	a->now = nic_now(s, d->name);
	if (queues > 1)
		a->recommended = text_format("virtio, %" PRIu64 " queues, %" PRIu64
					     " Gbit/s network", queues, a->value / GBIT);
	else
		a->recommended = text_format("virtio, %" PRIu64 " Gbit/s network",
					     a->value / GBIT);
	if (d->s[SAMPLE_NIC_RX].all.max == 0 && d->s[SAMPLE_NIC_TX].all.max == 0)
		a->evidence = text_format("no traffic in %s", c->time);
	else
		a->evidence = text_format("%s %s Mbit/s received, %s sent, %" PRIu64 " packets/s "
					  "in %s, 50 %% headroom%s",
					  c->careful ? "peak" : "p99",
					  tenths(bounded(rx) / 1000, t[0]),
					  tenths(bounded(tx) / 1000, t[1]), packets, c->time,
					  c->keep ? "; too short to tell its busy hours" : "");
	return complete(a) ? 0 : -ENOMEM;
}

void sizing_advise_free(struct machine_plan_advice *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].resource);
		free(v[i].now);
		free(v[i].recommended);
		free(v[i].evidence);
		free(v[i].confidence);
	}
	free(v);
}

int sizing_advise(const struct sizing *s, struct machine_plan_advice **ret, size_t *ret_n)
{
	struct machine_plan_advice *v = NULL;
	struct scope c = scope_of(s);
	size_t n = 0;
	int r = advise_cpu(s, &c, &v, &n);

	if (r == 0)
		r = advise_memory(s, &c, &v, &n);
	for (size_t i = 0; i < s->ndisks && r == 0; i++)
		r = advise_disk(s, &s->disks[i], &c, &v, &n);
	for (size_t i = 0; i < s->nnics && r == 0; i++)
		r = advise_nic(s, &s->nics[i], &c, &v, &n);
	if (r < 0) {
		sizing_advise_free(v, n);
		return r;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}
