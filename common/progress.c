/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time is read once per tick and handed down, so that the arithmetic has no clock in it. The line
 * on a terminal is written by the owner's thread only; a log line from another thread merely
 * wipes it and leaves drawing it again to the next tick, so no lock is needed.
 */
#include "common/progress.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include "common/fdio.h"
#include "common/size.h"
#include "common/text.h"

#define SAMPLE_S	1.0		/* length of a rate sample */
#define AGEING		0.85		/* weight of the past after one second */
#define STALL_S		5.0
#define DRAW_S		0.2		/* on a terminal */
#define PLAIN_S		10.0		/* elsewhere */
#define EVENT_S		1.0
#define BAR_MIN		8
#define BAR_MAX		30
#define EVENT_FORMAT	(JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(14))
#define ERASE_LINE	"\r\033[K"

struct progress {
	int stream_fd, events_fd;
	bool terminal;
	bool active;			/* between begin and end */
	atomic_bool line_shown;		/* the terminal's line holds our text */
	atomic_bool log_busy;		/* somebody is writing a log line */
	char phase[64], thing[64];	/* escaped */
	bool has_thing;
	uint64_t total, done;		/* done includes skipped */
	uint64_t skipped[PROGRESS_SKIP_COUNT];
	double begun, last_draw, last_event;
	struct progress_rate rate;
};

static double clock_s(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

const char *progress_skip_name(enum progress_skip why)
{
	static const char *const names[PROGRESS_SKIP_COUNT] = {
		[PROGRESS_SKIP_FREE] = "free",
		[PROGRESS_SKIP_ZERO] = "zero",
		[PROGRESS_SKIP_UNCHANGED] = "unchanged",
		[PROGRESS_SKIP_BAD] = "bad",
	};

	return (unsigned int)why < PROGRESS_SKIP_COUNT ? names[why] : "unknown";
}

static double past_weight(double seconds)
{
	double w = 1;

	/* Whole seconds by multiplication, the rest on a straight line: no need for libm. */
	for (; seconds >= 1 && w > 1e-6; seconds--)
		w *= AGEING;
	return seconds >= 1 ? 0 : w * (1 - seconds * (1 - AGEING));
}

void progress_rate_update(struct progress_rate *r, double now, uint64_t done)
{
	double elapsed, sample, w;

	if (!r->primed || done < r->last_done || now < r->last_time) {
		*r = (struct progress_rate){
			.last_done = done, .last_time = now, .last_advance = now, .primed = true,
		};
		return;
	}
	if (done > r->last_done)
		r->last_advance = now;
	elapsed = now - r->last_time;
	if (elapsed < SAMPLE_S)
		return;
	sample = (double)(done - r->last_done) / elapsed;
	w = r->rate > 0 ? past_weight(elapsed) : 0;
	r->rate = r->rate * w + sample * (1 - w);
	r->last_done = done;
	r->last_time = now;
}

bool progress_rate_stalled(const struct progress_rate *r, double now)
{
	return r->primed && now - r->last_advance >= STALL_S;
}

/* Seconds to go, or -1 when there is no telling. */
static int64_t eta_s(const struct progress *p, double now)
{
	double left;

	if (p->done >= p->total)
		return p->total ? 0 : -1;
	if (p->rate.rate < 1 || progress_rate_stalled(&p->rate, now))
		return -1;
	left = (double)(p->total - p->done) / p->rate.rate;
	return left < 1e9 ? (int64_t)(left + 0.5) : -1;
}

static uint64_t skipped_sum(const struct progress *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < PROGRESS_SKIP_COUNT; i++)
		sum += p->skipped[i];
	return sum;
}

static void send_event(struct progress *p, json_t *event, bool may_drop)
{
	CLEANUP(strbuf_done) struct strbuf line = { 0 };
	struct pollfd pfd = { .fd = p->events_fd, .events = POLLOUT };
	char *text = event ? json_dumps(event, EVENT_FORMAT) : NULL;
	int r;

	json_decref(event);
	/* Out of memory loses an event, not the copy. */
	if (!text)
		return;
	strbuf_add(&line, text);
	strbuf_add(&line, "\n");
	free(text);
	if (line.failed || (may_drop && poll(&pfd, 1, 0) == 0))
		return;
	r = fdio_write_full(p->events_fd, line.s, line.len);
	if (r < 0)
		p->events_fd = -1;
}

static json_t *new_event(const char *name)
{
	/* Milliseconds are as fine as anybody reads. */
	int64_t ms = (int64_t)(clock_s(CLOCK_REALTIME) * 1000);

	return json_pack("{s:s, s:f}", "event", name, "time", (double)ms / 1000);
}

static void send_progress(struct progress *p, double now, bool may_drop)
{
	json_t *event, *skipped;
	int64_t eta = eta_s(p, now);

	if (p->events_fd < 0)
		return;
	p->last_event = now;
	event = new_event("progress");
	skipped = json_object();
	for (int i = 0; i < PROGRESS_SKIP_COUNT; i++)
		json_object_set_new(skipped, progress_skip_name((enum progress_skip)i),
				    json_integer((json_int_t)p->skipped[i]));
	json_object_set_new(event, "phase", json_string(p->phase));
	json_object_set_new(event, "disk", p->has_thing ? json_string(p->thing) : json_null());
	json_object_set_new(event, "done", json_integer((json_int_t)p->done));
	json_object_set_new(event, "total", json_integer((json_int_t)p->total));
	json_object_set_new(event, "rate", json_integer((json_int_t)p->rate.rate));
	json_object_set_new(event, "eta", eta < 0 ? json_null() : json_integer(eta));
	json_object_set_new(
		event, "stalled",
		json_boolean(p->done < p->total && progress_rate_stalled(&p->rate, now)));
	json_object_set_new(event, "skipped", skipped);
	send_event(p, event, may_drop);
}

static void add_title(const struct progress *p, struct strbuf *b)
{
	strbuf_addf(b, "%s%s%s", p->phase, p->has_thing ? " " : "", p->thing);
}

static void add_skipped(const struct progress *p, struct strbuf *b)
{
	char size[SIZE_TEXT_MAX];
	const char *separator = " (";

	if (skipped_sum(p) == 0)
		return;
	strbuf_addf(b, ", skipped %s", size_format(skipped_sum(p), size));
	for (int i = 0; i < PROGRESS_SKIP_COUNT; i++) {
		if (!p->skipped[i])
			continue;
		strbuf_addf(b, "%s%s %s", separator, progress_skip_name((enum progress_skip)i),
			    size_format(p->skipped[i], size));
		separator = ", ";
	}
	strbuf_add(b, ")");
}

static unsigned int percent(const struct progress *p)
{
	if (p->total == 0)
		return 0;
	return p->done >= p->total ? 100 : (unsigned int)((double)p->done / (double)p->total * 100);
}

static void add_state(const struct progress *p, double now, struct strbuf *b)
{
	char size[SIZE_TEXT_MAX];
	int64_t eta = eta_s(p, now);

	if (progress_rate_stalled(&p->rate, now) && p->done < p->total) {
		strbuf_addf(b, "stalled for %s",
			    size_format_duration((uint64_t)(now - p->rate.last_advance), size));
		return;
	}
	strbuf_addf(b, "%s/s", size_format((uint64_t)p->rate.rate, size));
	if (eta >= 0)
		strbuf_addf(b, ", ETA %s", size_format_duration((uint64_t)eta, size));
}

static void add_amount(const struct progress *p, struct strbuf *b)
{
	char done[SIZE_TEXT_MAX], total[SIZE_TEXT_MAX];

	size_format(p->done, done);
	if (p->total)
		strbuf_addf(b, "%3u%%  %s of %s", percent(p), done, size_format(p->total, total));
	else
		strbuf_add(b, done);
}

static size_t terminal_width(const struct progress *p)
{
	struct winsize ws;

	if (ioctl(p->stream_fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		return ws.ws_col;
	return 80;
}

/* "copy sda [#####     ]  45%  4.5 GiB of 10 GiB, 105 MiB/s, ETA 0:52" */
static void draw_terminal(struct progress *p, double now)
{
	CLEANUP(strbuf_done) struct strbuf tail = { 0 };
	CLEANUP(strbuf_done) struct strbuf line = { 0 };
	size_t width = terminal_width(p) - 1, used, bar, full;

	p->last_draw = now;
	if (p->log_busy)
		return;
	add_amount(p, &tail);
	strbuf_add(&tail, ", ");
	add_state(p, now, &tail);
	add_title(p, &line);
	used = line.len + tail.len + 4;
	if (p->total && !tail.failed && used + BAR_MIN <= width) {
		bar = MIN(width - used, (size_t)BAR_MAX);
		full = bar * percent(p) / 100;
		strbuf_add(&line, " [");
		for (size_t i = 0; i < bar; i++)
			strbuf_add(&line, i < full ? "#" : " ");
		strbuf_add(&line, "] ");
	} else {
		strbuf_add(&line, " ");
	}
	strbuf_add(&line, tail.s ? tail.s : "");
	if (line.failed || tail.failed)
		return;
	/* A line longer than the terminal would wrap and could not be wiped again. */
	if (line.len > width) {
		/* Not inside a character, either. */
		while (width > 0 && ((unsigned char)line.s[width] & 0xc0) == 0x80)
			width--;
		line.s[width] = '\0';
	}
	tail.len = 0;
	strbuf_addf(&tail, ERASE_LINE "%s", line.s);
	if (tail.failed)
		return;
	fdio_write_full(p->stream_fd, tail.s, tail.len);
	p->line_shown = true;
}

static void draw_plain(struct progress *p, double now)
{
	CLEANUP(strbuf_done) struct strbuf line = { 0 };

	p->last_draw = now;
	add_title(p, &line);
	strbuf_add(&line, ": ");
	add_amount(p, &line);
	strbuf_add(&line, ", ");
	add_state(p, now, &line);
	add_skipped(p, &line);
	strbuf_add(&line, "\n");
	if (!line.failed)
		fdio_write_full(p->stream_fd, line.s, line.len);
}

/* "copy sda: 7.0 GiB in 1:10 (102 MiB/s), skipped 3.0 GiB (free 3.0 GiB)" */
static void draw_end(struct progress *p, double now)
{
	CLEANUP(strbuf_done) struct strbuf line = { 0 };
	char size[SIZE_TEXT_MAX], time[SIZE_TEXT_MAX], rate[SIZE_TEXT_MAX];
	uint64_t skipped = skipped_sum(p);
	uint64_t moved = p->done > skipped ? p->done - skipped : 0;
	double seconds = now - p->begun;

	if (p->terminal && p->line_shown)
		strbuf_add(&line, ERASE_LINE);
	p->line_shown = false;
	add_title(p, &line);
	strbuf_addf(&line, ": %s in %s", size_format(moved, size),
		    size_format_duration((uint64_t)(seconds + 0.5), time));
	if (seconds > 0 && moved)
		strbuf_addf(&line, " (%s/s)",
			    size_format((uint64_t)((double)moved / seconds), rate));
	add_skipped(p, &line);
	if (p->done < p->total)
		strbuf_addf(&line, ", %s left", size_format(p->total - p->done, size));
	strbuf_add(&line, "\n");
	if (!line.failed)
		fdio_write_full(p->stream_fd, line.s, line.len);
}

int progress_new(int stream_fd, int events_fd, struct progress **ret)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->stream_fd = stream_fd;
	p->events_fd = events_fd;
	p->terminal = stream_fd >= 0 && isatty(stream_fd);
	*ret = p;
	return 0;
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_end(p);
	free(p);
}

void progress_begin(struct progress *p, const char *phase, const char *thing, uint64_t total)
{
	double now = clock_s(CLOCK_MONOTONIC);

	if (!p)
		return;
	progress_end(p);
	text_escape_str(phase, p->phase, sizeof(p->phase));
	text_escape_str(thing, p->thing, sizeof(p->thing));
	p->has_thing = thing != NULL;
	p->total = total;
	p->done = 0;
	memset(p->skipped, 0, sizeof(p->skipped));
	p->rate = (struct progress_rate){ 0 };
	progress_rate_update(&p->rate, now, 0);
	p->begun = p->last_draw = now;
	p->active = true;
	if (p->terminal)
		draw_terminal(p, now);
	send_progress(p, now, false);
}

void progress_set_total(struct progress *p, uint64_t total)
{
	if (p)
		p->total = total;
}

void progress_done(struct progress *p, uint64_t bytes)
{
	if (p)
		p->done += bytes;
}

void progress_set_done(struct progress *p, uint64_t bytes)
{
	if (p)
		p->done = bytes;
}

void progress_skip(struct progress *p, enum progress_skip why, uint64_t bytes)
{
	if (!p || (unsigned int)why >= PROGRESS_SKIP_COUNT)
		return;
	p->skipped[why] += bytes;
	p->done += bytes;
}

void progress_tick(struct progress *p)
{
	double now = clock_s(CLOCK_MONOTONIC);

	if (!p || !p->active)
		return;
	progress_rate_update(&p->rate, now, p->done);
	if (p->terminal && (!p->line_shown || now - p->last_draw >= DRAW_S))
		draw_terminal(p, now);
	else if (!p->terminal && p->stream_fd >= 0 && now - p->last_draw >= PLAIN_S)
		draw_plain(p, now);
	if (now - p->last_event >= EVENT_S)
		send_progress(p, now, true);
}

void progress_end(struct progress *p)
{
	double now = clock_s(CLOCK_MONOTONIC);

	if (!p || !p->active)
		return;
	p->active = false;
	progress_rate_update(&p->rate, now, p->done);
	if (p->stream_fd >= 0)
		draw_end(p, now);
	send_progress(p, now, false);
}

void progress_event(struct progress *p, const char *name, const char *json)
{
	json_t *event, *members;

	if (!p || p->events_fd < 0)
		return;
	event = new_event(name);
	members = json ? json_loads(json, JSON_REJECT_DUPLICATES, NULL) : NULL;
	if (event && json_is_object(members))
		json_object_update_missing(event, members);
	json_decref(members);
	send_event(p, event, false);
}

void progress_log_hook(bool before, void *opaque)
{
	struct progress *p = opaque;

	if (!p || !p->terminal)
		return;
	if (!before) {
		p->log_busy = false;
		return;
	}
	p->log_busy = true;
	if (atomic_exchange(&p->line_shown, false))
		fdio_write_full(p->stream_fd, ERASE_LINE, strlen(ERASE_LINE));
}
