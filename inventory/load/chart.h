/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Charts over time as SVG 1.1: one picture of one or two panels with a common time axis, below a
 * title and a sentence that says what there is to see. A file of its own: no scripts, no fonts or
 * pictures from elsewhere. Light and dark by prefers-color-scheme; readers that do not see it get
 * <title> and <desc>. Lines differ in more than colour.
 *
 *	title                                     ....
 *	description                              .legend
 *	 4 |        ^ peak of each interval
 *	 2 |~~~~~~~/ \~~~~~ mean (area)     - - - p95
 *	 0 +--------------------------------
 *	   08:00      12:00      16:00   UTC
 *
 * Points are sizing.h's: intervals of time that may have gaps between them; a line is broken there.
 * Pure; integers only, so the same data give the same bytes everywhere. All text is escaped.
 */
#ifndef P2V_INVENTORY_CHART_H
#define P2V_INVENTORY_CHART_H

#include "inventory/load/sizing.h"

#define CHART_LINES	4
#define CHART_MARKS	4
#define CHART_PANELS	2

enum chart_unit {
	CHART_CPUS,		/* values are thousandths */
	CHART_BYTES,
	CHART_BYTE_RATE,
	CHART_BIT_RATE,
	CHART_COUNT_RATE,
};

enum chart_style { CHART_AREA, CHART_LINE, CHART_FAINT };

struct chart_line {
	const char *name;		/* for the legend */
	const struct sizing_point *at;	/* as many as there are bins */
	bool peak;			/* draw max, not mean */
	enum chart_style style;
	unsigned int colour;		/* 0..3 */
};

struct chart_mark {			/* a level across the panel: "p95" */
	const char *name;
	uint64_t value;
	unsigned int colour;
};

struct chart_panel {
	const char *name;		/* what the axis shows: "CPUs busy" */
	enum chart_unit unit;
	struct chart_line lines[CHART_LINES];
	size_t nlines;
	struct chart_mark marks[CHART_MARKS];
	size_t nmarks;
};

struct chart {
	const char *title, *description;
	const struct sizing_bin *bins;
	size_t nbins;			/* 0: the picture says that there is nothing */
	struct chart_panel panels[CHART_PANELS];
	size_t npanels;
};

/* malloc'd, NULL on ENOMEM. */
char *chart_svg(const struct chart *c);
/*
 * The distance of ticks on an axis up to max, so that there are at least 2 and at most 6 of them:
 * 1, 2 or 5 times a power of ten; of bytes, a power of two. Here for tests.
 */
uint64_t chart_step(uint64_t max, enum chart_unit unit);
/* "2.5", "1.5 GiB", "20 MiB/s", "1.2 Gbit/s", "15k"; returns buf. */
const char *chart_value(uint64_t v, enum chart_unit unit, char buf[static 32]);

/* The load of one resource. NULL on ENOMEM. */
char *chart_cpu(const struct sizing *s);
char *chart_memory(const struct sizing *s);
char *chart_disk(const struct sizing *s, const struct sizing_device *d);
char *chart_nic(const struct sizing *s, const struct sizing_device *d);

#endif
