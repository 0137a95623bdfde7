/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drawing. All lengths are tenths of a pixel, so that no number depends on the locale. */
#include "inventory/load/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "common/compiler.h"
#include "common/size.h"
#include "common/text.h"

#define WIDTH		9600
#define LEFT		780
#define RIGHT		9360
#define TOP		1020		/* of the first panel's drawing area */
#define HEIGHT		2100		/* of a drawing area */
#define BETWEEN		780		/* of two drawing areas */
#define BOTTOM		520
#define TICKS		6

static const char style[] =
	"<style>\n"
	"svg{background:#fff;font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,Helvetica,Arial,"
	"sans-serif}\n"
	".bg{fill:#fff}.t{fill:#1b1f24;font-size:18px;font-weight:600}.d{fill:#57606a;"
	"font-size:13px}\n"
	".n{fill:#1b1f24;font-weight:600;font-size:13px}.l{fill:#57606a}.m{fill:#1b1f24;"
	"font-size:11px;stroke:#fff;stroke-width:3px;paint-order:stroke;stroke-linejoin:round}\n"
	".g{stroke:#e4e8ec;fill:none}.a{stroke:#8c959f;fill:none}.gap{fill:#8c959f;opacity:.13}\n"
	".s{fill:none;stroke-width:1.6px;stroke-linejoin:round}.f{fill:none;stroke-width:1px;"
	"opacity:.55;stroke-linejoin:round}\n"
	".p{stroke-width:1.4px;stroke-dasharray:7 4;fill:none}.r{opacity:.2;stroke:none}\n"
	".c0{stroke:#0969da}.c1{stroke:#bc4c00}.c2{stroke:#1a7f37}.c3{stroke:#8250df}\n"
	".r.c0,.k.c0{fill:#0969da}.r.c1,.k.c1{fill:#bc4c00}.r.c2,.k.c2{fill:#1a7f37}"
	".r.c3,.k.c3{fill:#8250df}\n"
	"@media (prefers-color-scheme:dark){\n"
	"svg{background:#0d1117}.bg{fill:#0d1117}.t,.n{fill:#e6edf3}.d,.l{fill:#9aa4af}\n"
	".m{fill:#e6edf3;stroke:#0d1117}.g{stroke:#252c35}.a{stroke:#6e7781}\n"
	".c0{stroke:#58a6ff}.c1{stroke:#f0883e}.c2{stroke:#3fb950}.c3{stroke:#bc8cff}\n"
	".r.c0,.k.c0{fill:#58a6ff}.r.c1,.k.c1{fill:#f0883e}.r.c2,.k.c2{fill:#3fb950}"
	".r.c3,.k.c3{fill:#bc8cff}\n"
	"}\n</style>\n";

struct axis {
	uint64_t from, to;		/* ms; to > from */
};

struct canvas {
	struct strbuf b;
	struct axis time;
};

/* "12.3" from 123. */
static void px(struct strbuf *b, const char *before, int64_t v)
{
	strbuf_addf(b, "%s%" PRId64, before, v / 10);
	if (v % 10)
		strbuf_addf(b, ".%" PRId64, v % 10);
}

static void escaped(struct strbuf *b, const char *s)
{
	CLEANUP(mem_free) char *text = text_escape_xml(s);

	if (text)
		strbuf_add(b, text);
	else
		b->failed = true;
}

static void text_at(struct strbuf *b, const char *class, const char *anchor, int64_t x, int64_t y,
		    const char *s)
{
	strbuf_addf(b, "<text class=\"%s\"", class);
	px(b, " x=\"", x);
	px(b, "\" y=\"", y);
	strbuf_add(b, "\"");
	if (anchor)
		strbuf_addf(b, " text-anchor=\"%s\"", anchor);
	strbuf_add(b, ">");
	escaped(b, s);
	strbuf_add(b, "</text>\n");
}

static void line_at(struct strbuf *b, const char *class, int64_t x1, int64_t y1, int64_t x2,
		    int64_t y2)
{
	strbuf_addf(b, "<path class=\"%s\"", class);
	px(b, " d=\"M", x1);
	px(b, " ", y1);
	px(b, "L", x2);
	px(b, " ", y2);
	strbuf_add(b, "\"/>\n");
}

/* -- numbers -- */

static void scaled(uint64_t v, const char *unit, char buf[static 32])
{
	static const struct {
		uint64_t one;
		const char *letter;
	} steps[] = {
		{ UINT64_C(1000000000000), "T" }, { 1000000000, "G" }, { 1000000, "M" },
		{ 1000, "k" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t whole = v / steps[i].one, tenth = v % steps[i].one / (steps[i].one / 10);

		if (whole == 0)
			continue;
		if (tenth == 0 || whole >= 100)
			snprintf(buf, 32, "%" PRIu64 "%s%s%s", whole, *unit ? " " : "",
				 steps[i].letter, unit);
		else
			snprintf(buf, 32, "%" PRIu64 ".%" PRIu64 "%s%s%s", whole, tenth,
				 *unit ? " " : "", steps[i].letter, unit);
		return;
	}
	snprintf(buf, 32, "%" PRIu64 "%s%s", v, *unit ? " " : "", unit);
}

const char *chart_value(uint64_t v, enum chart_unit unit, char buf[static 32])
{
	char t[SIZE_TEXT_MAX];

	switch (unit) {
	case CHART_CPUS:
		if (v % 1000 == 0)
			snprintf(buf, 32, "%" PRIu64, v / 1000);
		else if (v % 100 == 0 || v >= 10000)
			snprintf(buf, 32, "%" PRIu64 ".%" PRIu64, v / 1000, v % 1000 / 100);
		else
			snprintf(buf, 32, "%" PRIu64 ".%02" PRIu64, v / 1000, v % 1000 / 10);
		break;
	case CHART_BYTES:
		size_format(v, buf);
		break;
	case CHART_BYTE_RATE:
		snprintf(buf, 32, "%.28s/s", size_format(v, t));
		break;
	case CHART_BIT_RATE:
		scaled(v, "bit/s", buf);
		break;
	case CHART_COUNT_RATE:
		scaled(v, "", buf);
		break;
	}
	return buf;
}

uint64_t chart_step(uint64_t max, enum chart_unit unit)
{
	bool binary = unit == CHART_BYTES || unit == CHART_BYTE_RATE;
	/* The finest that is worth a label: 10 thousandths of a CPU. */
	uint64_t step = unit == CHART_CPUS ? 10 : 1;
	static const unsigned int factors[] = { 2, 5, 10 };

	for (uint64_t base = step; ; base *= 10) {
		if (binary) {
			while (max / step >= TICKS)
				step *= 2;
			return step;
		}
		step = base;
		for (size_t i = 0; max / step >= TICKS && i < ARRAY_SIZE(factors); i++)
			step = base * factors[i];
		if (max / step < TICKS || base > UINT64_MAX / 100)
			return step;
	}
}

/* -- the time axis -- */

static int64_t x_of(const struct canvas *c, uint64_t ms)
{
	uint64_t span = c->time.to - c->time.from;

	ms = MIN(MAX(ms, c->time.from), c->time.to);
	return LEFT + (int64_t)((unsigned __int128)(ms - c->time.from) * (RIGHT - LEFT) / span);
}

static uint64_t time_step(uint64_t span_ms)
{
	static const uint32_t steps[] = {
		1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
		86400, 172800, 604800, 1209600, 2592000,
	};
	uint64_t step;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (span_ms / 1000 / steps[i] <= 8)
			return steps[i];
	for (step = 31536000; span_ms / 1000 / step > 8 && step < UINT64_MAX / 4; step *= 2)
		;
	return step;
}

static void time_label(uint64_t seconds, uint64_t step, char buf[static 32])
{
	time_t t = (time_t)seconds;
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&t, &tm)) {
		/* Midnight says which day begins. */
		if (step >= 31536000)
			n = strftime(buf, 32, "%Y", &tm);
		else if (step >= 86400 || (step >= 60 && seconds % 86400 == 0))
			n = strftime(buf, 32, "%d %b", &tm);
		else if (step >= 60)
			n = strftime(buf, 32, "%H:%M", &tm);
		else
			n = strftime(buf, 32, "%H:%M:%S", &tm);
	}
	if (n == 0)
		snprintf(buf, 32, "?");
}

static void draw_time_axis(struct canvas *c, int64_t top, int64_t bottom, bool labels)
{
	uint64_t step = time_step(c->time.to - c->time.from);
	uint64_t t = DIV_ROUND_UP(c->time.from, 1000 * step) * step;
	char text[32];

	for (; t * 1000 <= c->time.to; t += step) {
		int64_t x = x_of(c, t * 1000);

		line_at(&c->b, "g", x, top, x, bottom + (labels ? 50 : 0));
		if (!labels)
			continue;
		time_label(t, step, text);
		if (x < RIGHT - 350)
			text_at(&c->b, "l", "middle", x, bottom + 210, text);
	}
	if (labels)
		text_at(&c->b, "l", "end", RIGHT, bottom + 210, "UTC");
}

/* -- panels -- */

struct panel {
	const struct chart_panel *p;
	int64_t top, bottom;
	uint64_t max;			/* of the axis; > 0 */
	uint64_t step;
};

static uint64_t value_of(const struct chart_line *l, size_t i)
{
	return l->peak ? l->at[i].max : l->at[i].mean;
}

static void measure(const struct chart *c, struct panel *pan)
{
	uint64_t max = 0;

	for (size_t k = 0; k < pan->p->nlines; k++)
		for (size_t i = 0; i < c->nbins; i++)
			if (pan->p->lines[k].at[i].ms > 0)
				max = MAX(max, value_of(&pan->p->lines[k], i));
	for (size_t k = 0; k < pan->p->nmarks; k++)
		max = MAX(max, pan->p->marks[k].value);
	/* A made-up file may have anything in it; an axis ends somewhere. */
	max = MIN(max, UINT64_C(1) << 60);
	max = MAX(max, pan->p->unit == CHART_CPUS ? UINT64_C(100) : UINT64_C(2));
	pan->step = chart_step(max, pan->p->unit);
	/* A little air above the highest. */
	pan->max = (max + max / 40) / pan->step * pan->step + pan->step;
}

static int64_t y_of(const struct panel *pan, uint64_t v)
{
	v = MIN(v, pan->max);
	return pan->bottom - (int64_t)((unsigned __int128)v * HEIGHT / pan->max);
}

static void draw_grid(struct canvas *c, const struct panel *pan)
{
	char text[32];

	for (uint64_t v = 0; v <= pan->max; v += pan->step) {
		int64_t y = y_of(pan, v);

		line_at(&c->b, v ? "g" : "a", LEFT, y, RIGHT, y);
		text_at(&c->b, "l", "end", LEFT - 80, y + 40, chart_value(v, pan->p->unit, text));
	}
}

/* From bin i on: the first that belongs to another stretch, or has no value. */
static size_t stretch(const struct chart *c, const struct chart_line *l, size_t i)
{
	for (i++; i < c->nbins && l->at[i].ms > 0 && !c->bins[i].gap; i++)
		;
	return i;
}

/* "x y" of every point from bin i to n, at the middles of the bins and at both ends. */
static void draw_points(struct canvas *cv, const struct chart *c, const struct panel *pan,
			const struct chart_line *l, size_t i, size_t n)
{
	px(&cv->b, "", x_of(cv, c->bins[i].from));
	px(&cv->b, " ", y_of(pan, value_of(l, i)));
	for (size_t k = i; k < n && n - i > 1; k++) {
		px(&cv->b, "L", x_of(cv, c->bins[k].from + (c->bins[k].to - c->bins[k].from) / 2));
		px(&cv->b, " ", y_of(pan, value_of(l, k)));
	}
	px(&cv->b, "L", x_of(cv, c->bins[n - 1].to));
	px(&cv->b, " ", y_of(pan, value_of(l, n - 1)));
}

static void draw_line(struct canvas *cv, const struct chart *c, const struct panel *pan,
		      const struct chart_line *l)
{
	for (size_t i = 0, n; i < c->nbins; i = n) {
		n = i + 1;
		if (l->at[i].ms == 0)
			continue;
		n = stretch(c, l, i);
		if (l->style == CHART_AREA) {
			strbuf_addf(&cv->b, "<path class=\"r c%u\" d=\"M", l->colour % 4);
			draw_points(cv, c, pan, l, i, n);
			px(&cv->b, "L", x_of(cv, c->bins[n - 1].to));
			px(&cv->b, " ", pan->bottom);
			px(&cv->b, "L", x_of(cv, c->bins[i].from));
			px(&cv->b, " ", pan->bottom);
			strbuf_add(&cv->b, "Z\"/>\n");
		}
		strbuf_addf(&cv->b, "<path class=\"%s c%u\" d=\"M",
			    l->style == CHART_FAINT ? "f" : "s", l->colour % 4);
		draw_points(cv, c, pan, l, i, n);
		strbuf_add(&cv->b, "\"/>\n");
	}
}

static void draw_gaps(struct canvas *cv, const struct chart *c, const struct panel *pan)
{
	for (size_t i = 1; i < c->nbins; i++) {
		int64_t x = x_of(cv, c->bins[i - 1].to), to = x_of(cv, c->bins[i].from);

		if (!c->bins[i].gap || to - x < 10)
			continue;
		px(&cv->b, "<rect class=\"gap\" x=\"", x);
		px(&cv->b, "\" y=\"", pan->top);
		px(&cv->b, "\" width=\"", to - x);
		px(&cv->b, "\" height=\"", pan->bottom - pan->top);
		strbuf_add(&cv->b, "\"/>\n");
	}
}

/* Levels, from the highest on; their labels step aside for each other. */
static void draw_marks(struct canvas *cv, const struct panel *pan)
{
	bool done[CHART_MARKS] = { false };
	int64_t label = INT64_MIN;

	for (size_t k = 0; k < pan->p->nmarks; k++) {
		const struct chart_mark *m;
		char value[32], text[96], class[16];
		size_t best = 0;
		int64_t y;

		while (done[best])
			best++;
		for (size_t i = best; i < pan->p->nmarks; i++)
			if (!done[i] && pan->p->marks[i].value > pan->p->marks[best].value)
				best = i;
		done[best] = true;
		m = &pan->p->marks[best];
		y = y_of(pan, m->value);
		snprintf(class, sizeof(class), "p c%u", m->colour % 4);
		line_at(&cv->b, class, LEFT, y, RIGHT, y);
		label = MAX(y - 50, label + 140);
		snprintf(text, sizeof(text), "%.40s %s", m->name,
			 chart_value(m->value, pan->p->unit, value));
		text_at(&cv->b, "m", "end", RIGHT - 60, label, text);
	}
}

/* On the right of the panel's name; a letter takes about 7 pixels of this size. */
static void draw_legend(struct canvas *cv, const struct panel *pan)
{
	int64_t x = RIGHT;

	for (size_t k = pan->p->nlines; k-- > 0;) {
		const struct chart_line *l = &pan->p->lines[k];

		x -= (int64_t)strlen(l->name) * 70;
		text_at(&cv->b, "l", NULL, x, pan->top - 130, l->name);
		x -= 190;
		if (l->style == CHART_FAINT) {
			char class[16];

			snprintf(class, sizeof(class), "f c%u", l->colour % 4);
			line_at(&cv->b, class, x, pan->top - 170, x + 140, pan->top - 170);
		} else {
			strbuf_addf(&cv->b, "<rect class=\"k c%u\" width=\"14\" height=\"%s\"",
				    l->colour % 4, l->style == CHART_AREA ? "9" : "2");
			px(&cv->b, " x=\"", x);
			px(&cv->b, "\" y=\"",
			   pan->top - (l->style == CHART_AREA ? 215 : 180));
			strbuf_add(&cv->b, "\"/>\n");
		}
		x -= 200;
	}
}

static void draw_panel(struct canvas *cv, const struct chart *c, size_t i)
{
	struct panel pan = { .p = &c->panels[i] };

	pan.top = TOP + (int64_t)i * (HEIGHT + BETWEEN);
	pan.bottom = pan.top + HEIGHT;
	measure(c, &pan);
	text_at(&cv->b, "n", NULL, LEFT, pan.top - 130, pan.p->name);
	if (c->nbins == 0) {
		line_at(&cv->b, "a", LEFT, pan.bottom, RIGHT, pan.bottom);
		text_at(&cv->b, "d", "middle", (LEFT + RIGHT) / 2, pan.top + HEIGHT / 2,
			"nothing was recorded");
		return;
	}
	draw_legend(cv, &pan);
	draw_time_axis(cv, pan.top, pan.bottom, i + 1 == c->npanels);
	draw_gaps(cv, c, &pan);
	draw_grid(cv, &pan);
	for (size_t k = 0; k < pan.p->nlines; k++)
		draw_line(cv, c, &pan, &pan.p->lines[k]);
	draw_marks(cv, &pan);
}

char *chart_svg(const struct chart *c)
{
	CLEANUP(strbuf_done) struct strbuf done = { 0 };
	struct canvas cv = { .time = { 0, 1 } };
	int64_t height = TOP + (int64_t)c->npanels * (HEIGHT + BETWEEN) - BETWEEN + BOTTOM;

	if (c->nbins > 0) {
		cv.time.from = c->bins[0].from;
		cv.time.to = MAX(c->bins[c->nbins - 1].to, cv.time.from + 1);
	}
	strbuf_addf(&cv.b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %" PRId64
		    "\" width=\"%d\" height=\"%" PRId64 "\" role=\"img\" "
		    "aria-labelledby=\"title desc\">\n<title id=\"title\">",
		    WIDTH / 10, height / 10, WIDTH / 10, height / 10);
	escaped(&cv.b, c->title);
	strbuf_add(&cv.b, "</title>\n<desc id=\"desc\">");
	escaped(&cv.b, c->description);
	strbuf_add(&cv.b, "</desc>\n");
	strbuf_add(&cv.b, style);
	strbuf_add(&cv.b, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
	text_at(&cv.b, "t", NULL, 240, 320, c->title);
	text_at(&cv.b, "d", NULL, 240, 550, c->description);
	for (size_t i = 0; i < c->npanels; i++)
		draw_panel(&cv, c, i);
	strbuf_add(&cv.b, "</svg>\n");
	done = cv.b;
	return strbuf_take(&done);
}
