/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which chart each resource gets, and what is said above it. */
#include "inventory/load/chart.h"

#include <inttypes.h>
#include <string.h>
#include "common/duration.h"
#include "common/text.h"

#define P95(s) histogram_percentile(&(s)->all, 950)

static struct chart begin(const struct sizing *s, const char *title, const char *description)
{
	return (struct chart){ .title = title, .description = description, .bins = s->bins,
			       .nbins = s->nbins };
}

static const char *hostname(const struct sizing *s)
{
	return s->machine && s->machine->hostname ? s->machine->hostname : "this machine";
}

static char *draw(const struct chart *c)
{
	return c->title && c->description ? chart_svg(c) : NULL;
}

char *chart_cpu(const struct sizing *s)
{
	CLEANUP(mem_free) char *title = NULL, *what = NULL;
	char time[DURATION_TEXT_MAX], p95[32], peak[32];
	uint64_t vcpus = sizing_advise_vcpus(s);
	struct chart c;

	title = text_format("CPUs of %s", hostname(s));
	what = text_format("%" PRIu32 " CPUs; busy %s at p95, %s at the peak, in %s. Recommended: %"
			   PRIu64 " vCPUs.", s->cpus_online,
			   chart_value(P95(&s->v[SAMPLE_CPU_BUSY]), CHART_CPUS, p95),
			   chart_value(s->v[SAMPLE_CPU_BUSY].all.max, CHART_CPUS, peak),
			   duration_format(sizing_seconds(s), time), vcpus);
	c = begin(s, title, what);
	c.npanels = 1;
	c.panels[0] = (struct chart_panel){
		.name = "CPUs busy", .unit = CHART_CPUS,
		.lines = { { "peak", s->v[SAMPLE_CPU_BUSY].at, true, CHART_FAINT, 0 },
			   { "mean", s->v[SAMPLE_CPU_BUSY].at, false, CHART_AREA, 0 },
			   { "waiting for disks", s->v[SAMPLE_CPU_IOWAIT].at, false, CHART_LINE,
			     3 } },
		.nlines = 3,
		.marks = { { "p95", P95(&s->v[SAMPLE_CPU_BUSY]), 1 },
			   { "recommended", vcpus * 1000, 2 } },
		.nmarks = vcpus ? 2 : 1,
	};
	if (s->v[SAMPLE_CPU_STEAL].all.max > 0)
		c.panels[0].lines[c.panels[0].nlines++] = (struct chart_line){
			"stolen", s->v[SAMPLE_CPU_STEAL].at, false, CHART_LINE, 1
		};
	return draw(&c);
}

char *chart_memory(const struct sizing *s)
{
	CLEANUP(mem_free) char *title = NULL, *what = NULL;
	char time[DURATION_TEXT_MAX], total[32], peak[32], want[32];
	uint64_t memory = sizing_advise_memory(s);
	struct chart c;

	title = text_format("Memory of %s", hostname(s));
	what = text_format("%s in all; working set up to %s in %s, file cache apart. Recommended: "
			   "%s.", chart_value(s->mem_total, CHART_BYTES, total),
			   chart_value(s->v[SAMPLE_MEM_WORKING].all.max, CHART_BYTES, peak),
			   duration_format(sizing_seconds(s), time),
			   chart_value(memory, CHART_BYTES, want));
	c = begin(s, title, what);
	c.npanels = 1;
	c.panels[0] = (struct chart_panel){
		.name = "Memory", .unit = CHART_BYTES,
		.lines = { { "file cache", s->v[SAMPLE_MEM_CACHE].at, false, CHART_LINE, 3 },
			   { "working set, peak", s->v[SAMPLE_MEM_WORKING].at, true, CHART_FAINT,
			     0 },
			   { "working set", s->v[SAMPLE_MEM_WORKING].at, false, CHART_AREA, 0 } },
		.nlines = 3,
		.marks = { { "total", s->mem_total, 3 }, { "recommended", memory, 2 },
			   { "p95", P95(&s->v[SAMPLE_MEM_WORKING]), 1 } },
		.nmarks = 3,
	};
	if (s->v[SAMPLE_SWAP_USED].all.max > 0)
		c.panels[0].lines[c.panels[0].nlines++] = (struct chart_line){
			"swap in use", s->v[SAMPLE_SWAP_USED].at, false, CHART_LINE, 1
		};
	return draw(&c);
}

char *chart_disk(const struct sizing *s, const struct sizing_device *d)
{
	CLEANUP(mem_free) char *title = NULL, *what = NULL;
	char time[DURATION_TEXT_MAX], iops[32], rd[32], wr[32], ms[32];
	struct chart c;

	title = text_format("Disk %s of %s", d->name, hostname(s));
	what = text_format("p95 of %s requests a second, %s read, %s written, latency %s ms, "
			   "in %s.",
			   chart_value(P95(&d->s[SAMPLE_DISK_IOPS]), CHART_COUNT_RATE, iops),
			   chart_value(P95(&d->s[SAMPLE_DISK_READ]), CHART_BYTE_RATE, rd),
			   chart_value(P95(&d->s[SAMPLE_DISK_WRITE]), CHART_BYTE_RATE, wr),
			   chart_value(P95(&d->s[SAMPLE_DISK_LATENCY]), CHART_CPUS, ms),
			   duration_format(sizing_seconds(s), time));
	c = begin(s, title, what);
	c.npanels = 2;
	c.panels[0] = (struct chart_panel){
		.name = "Throughput", .unit = CHART_BYTE_RATE,
		.lines = { { "read, peak", d->s[SAMPLE_DISK_READ].at, true, CHART_FAINT, 0 },
			   { "read", d->s[SAMPLE_DISK_READ].at, false, CHART_AREA, 0 },
			   { "written, peak", d->s[SAMPLE_DISK_WRITE].at, true, CHART_FAINT, 1 },
			   { "written", d->s[SAMPLE_DISK_WRITE].at, false, CHART_AREA, 1 } },
		.nlines = 4,
	};
	c.panels[1] = (struct chart_panel){
		.name = "Requests a second", .unit = CHART_COUNT_RATE,
		.lines = { { "peak", d->s[SAMPLE_DISK_IOPS].at, true, CHART_FAINT, 2 },
			   { "mean", d->s[SAMPLE_DISK_IOPS].at, false, CHART_AREA, 2 } },
		.nlines = 2,
		.marks = { { "p95", P95(&d->s[SAMPLE_DISK_IOPS]), 1 } },
		.nmarks = 1,
	};
	return draw(&c);
}

char *chart_nic(const struct sizing *s, const struct sizing_device *d)
{
	CLEANUP(mem_free) char *title = NULL, *what = NULL;
	char time[DURATION_TEXT_MAX], rx[32], tx[32];
	struct chart c;

	title = text_format("NIC %s of %s", d->name, hostname(s));
	what = text_format("p95 of %s received and %s sent, in %s.",
			   chart_value(P95(&d->s[SAMPLE_NIC_RX]), CHART_BIT_RATE, rx),
			   chart_value(P95(&d->s[SAMPLE_NIC_TX]), CHART_BIT_RATE, tx),
			   duration_format(sizing_seconds(s), time));
	c = begin(s, title, what);
	c.npanels = 1;
	c.panels[0] = (struct chart_panel){
		.name = "Traffic", .unit = CHART_BIT_RATE,
		.lines = { { "received, peak", d->s[SAMPLE_NIC_RX].at, true, CHART_FAINT, 0 },
			   { "received", d->s[SAMPLE_NIC_RX].at, false, CHART_AREA, 0 },
			   { "sent, peak", d->s[SAMPLE_NIC_TX].at, true, CHART_FAINT, 1 },
			   { "sent", d->s[SAMPLE_NIC_TX].at, false, CHART_AREA, 1 } },
		.nlines = 4,
	};
	return draw(&c);
}
