/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statistics and the recommendations as tables of at most 100 columns. */
#include "inventory/load/sizing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "common/duration.h"
#include "common/size.h"
#include "common/text.h"

#define WIDTH		100
#define CELL		32
#define SERVICES	8
#define NAME_WIDTH	28

static void cell_count(uint64_t v, char *buf)
{
	snprintf(buf, CELL, "%" PRIu64, v);
}

static void cell_thousandths(uint64_t v, char *buf)
{
	snprintf(buf, CELL, "%" PRIu64 ".%02u", v / 1000, (unsigned int)(v % 1000 / 10));
}

static void cell_percent(uint64_t v, char *buf)
{
	snprintf(buf, CELL, "%" PRIu64 ".%u %%", v / 10, (unsigned int)(v % 10));
}

static void cell_size(uint64_t v, char *buf)
{
	size_format(v, buf);
}

static void cell_rate(uint64_t v, char *buf)
{
	char t[SIZE_TEXT_MAX];

	snprintf(buf, CELL, "%.24s/s", size_format(v, t));
}

static void cell_bits(uint64_t v, char *buf)
{
	if (v >= 1000000000)
		snprintf(buf, CELL, "%" PRIu64 ".%u Gbit/s", v / 1000000000,
			 (unsigned int)(v % 1000000000 / 100000000));
	else if (v >= 1000000)
		snprintf(buf, CELL, "%" PRIu64 ".%u Mbit/s", v / 1000000,
			 (unsigned int)(v % 1000000 / 100000));
	else
		snprintf(buf, CELL, "%" PRIu64 ".%u kbit/s", v / 1000,
			 (unsigned int)(v % 1000 / 100));
}

static void cell_ms(uint64_t v, char *buf)
{
	snprintf(buf, CELL, "%" PRIu64 ".%02u ms", v / 1000, (unsigned int)(v % 1000 / 10));
}

static void row(struct strbuf *b, const char *name, const struct sizing_series *s,
		void (*cell)(uint64_t v, char *buf))
{
	char t[4][CELL];

	if (s->all.total == 0)
		return;
	cell(histogram_mean(&s->all), t[0]);
	cell(histogram_percentile(&s->all, 950), t[1]);
	cell(histogram_percentile(&s->all, 990), t[2]);
	cell(s->all.max, t[3]);
	strbuf_addf(b, "  %-*.*s %15.15s %15.15s %15.15s %15.15s\n", NAME_WIDTH, NAME_WIDTH, name,
		    t[0], t[1], t[2], t[3]);
}

static void say_machine(struct strbuf *b, const struct sizing *s)
{
	static const struct {
		enum sample_series s;
		const char *name;
		void (*cell)(uint64_t v, char *buf);
	} rows[] = {
		{ SAMPLE_CPU_BUSY, "CPUs busy", cell_thousandths },
		{ SAMPLE_CPU_TOP, "  the busiest one", cell_percent },
		{ SAMPLE_CPU_IOWAIT, "CPUs waiting for disks", cell_thousandths },
		{ SAMPLE_CPU_STEAL, "CPUs stolen", cell_thousandths },
		{ SAMPLE_RUNNING, "tasks runnable", cell_count },
		{ SAMPLE_LOAD, "load average", cell_thousandths },
		{ SAMPLE_PRESSURE_CPU, "pressure on CPUs", cell_percent },
		{ SAMPLE_PRESSURE_IO, "pressure on disks", cell_percent },
		{ SAMPLE_PRESSURE_MEMORY, "pressure on memory", cell_percent },
		{ SAMPLE_MEM_WORKING, "working set", cell_size },
		{ SAMPLE_MEM_SHARED, "  shared memory", cell_size },
		{ SAMPLE_MEM_HUGE, "  huge pages", cell_size },
		{ SAMPLE_MEM_CACHE, "file cache", cell_size },
		{ SAMPLE_MEM_ACTIVE_FILE, "  used again (active)", cell_size },
		{ SAMPLE_MEM_DIRTY, "  dirty", cell_size },
		{ SAMPLE_SWAP_USED, "swap in use", cell_size },
		{ SAMPLE_SWAP_IN, "swapped in", cell_rate },
		{ SAMPLE_SWAP_OUT, "swapped out", cell_rate },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		row(b, rows[i].name, &s->v[rows[i].s], rows[i].cell);
}

static void say_devices(struct strbuf *b, const struct sizing_device *v, size_t n, bool disks)
{
	static const char *const disk_rows[] = {
		"requests a second", "read", "written", "latency", "busy",
	};
	static const char *const nic_rows[] = {
		"received", "sent", "packets received", "packets sent",
	};
	static void (*const disk_cells[])(uint64_t, char *) = {
		cell_count, cell_rate, cell_rate, cell_ms, cell_percent,
	};
	static void (*const nic_cells[])(uint64_t, char *) = {
		cell_bits, cell_bits, cell_count, cell_count,
	};

	for (size_t i = 0; i < n; i++) {
		char name[2 * SAMPLE_NAME_MAX], text[3 * SAMPLE_NAME_MAX];
		int rows = disks ? SAMPLE_DISK_SERIES : SAMPLE_NIC_SERIES;

		text_escape_str(v[i].name, name, sizeof(name));
		for (int k = 0; k < rows; k++) {
			snprintf(text, sizeof(text), "%.10s %s", name,
				 disks ? disk_rows[k] : nic_rows[k]);
			row(b, text, &v[i].s[k], disks ? disk_cells[k] : nic_cells[k]);
		}
	}
}

static void say_services(struct strbuf *b, const struct sizing *s)
{
	char cpu[CELL], size[SIZE_TEXT_MAX], name[2 * SAMPLE_NAME_MAX];

	if (s->nservices == 0)
		return;
	strbuf_addf(b, "\n%-46s %15s %15s\n", "Services by CPU time", "CPUs, MEAN", "MEMORY, PEAK");
	for (size_t i = 0; i < s->nservices && i < SERVICES; i++) {
		const struct sizing_service *v = &s->services[i];

		cell_thousandths(s->ms ? v->cpu_ms * 1000 / s->ms : 0, cpu);
		strbuf_addf(b, "  %-44.44s %15s %15s\n",
			    text_escape_str(v->name, name, sizeof(name)), cpu,
			    size_format(v->memory, size));
	}
}

/* A sentence, broken at its blanks. */
static void wrap(struct strbuf *b, const char *text, size_t indent)
{
	size_t column = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column == 0 || column + 1 + n > WIDTH) {
			strbuf_addf(b, "%s%*s", column ? "\n" : "", (int)indent, "");
			column = indent;
		} else {
			strbuf_add(b, " ");
			column++;
		}
		strbuf_addn(b, text, n);
		column += n;
		text += n + (text[n] == ' ');
	}
	strbuf_add(b, "\n");
}

static int say_advice(struct strbuf *b, const struct sizing *s)
{
	struct machine_plan_advice *v;
	size_t n;
	int r = sizing_advise(s, &v, &n);

	if (r < 0)
		return r;
	strbuf_addf(b, "\n%-20s %-36s %s\n", "Recommended for", "NOW", "VIRTUAL MACHINE");
	for (size_t i = 0; i < n; i++) {
		char now[40];

		strbuf_addf(b, "  %-18.18s %-36.36s %.42s\n", v[i].resource,
			    text_escape_str(v[i].now, now, sizeof(now)), v[i].recommended);
		wrap(b, v[i].evidence, 6);
	}
	sizing_advise_free(v, n);
	return 0;
}

char *sizing_text(const struct sizing *s)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char time[DURATION_TEXT_MAX];

	strbuf_addf(&b, "Load in %s: %zu records", duration_format(sizing_seconds(s), time),
		    s->records);
	if (s->boots > 1)
		strbuf_addf(&b, ", %zu boots", s->boots);
	if (s->gaps > 0)
		strbuf_addf(&b, ", %zu gaps", s->gaps);
	if (s->bad > 0)
		strbuf_addf(&b, ", %zu damaged", s->bad);
	strbuf_addf(&b, "; confidence: %s\n\n", sizing_confidence(s));
	strbuf_addf(&b, "  %-*s %15s %15s %15s %15s\n", NAME_WIDTH, "", "MEAN", "P95", "P99",
		    "PEAK");
	say_machine(&b, s);
	say_devices(&b, s->disks, s->ndisks, true);
	say_devices(&b, s->nics, s->nnics, false);
	say_services(&b, s);
	if (say_advice(&b, s) < 0)
		return NULL;
	return strbuf_take(&b);
}
