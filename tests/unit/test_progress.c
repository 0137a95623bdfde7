/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clock is ours: this program's clock_gettime stands in for libc's and adds what a test has
 * let pass, so that ten seconds take none.
 */
#include "common/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pty.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include "common/fdio.h"
#include "tests/lib/unit.h"

static time_t passed;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += passed;
	return r;
}

START_TEST(rate_is_smooth)
{
	struct progress_rate r = { 0 };
	double now = 1000;
	uint64_t done = 0;

	progress_rate_update(&r, now, 0);
	ck_assert_double_eq(r.rate, 0);
	/* Less than a sample's length: no opinion yet. */
	progress_rate_update(&r, now + 0.5, 50);
	ck_assert_double_eq(r.rate, 0);
	for (int i = 0; i < 5; i++)
		progress_rate_update(&r, now += 1, done += 100);
	ck_assert_double_eq_tol(r.rate, 100, 0.01);
	/* A burst moves it, but not all the way. */
	progress_rate_update(&r, now += 1, done += 1100);
	ck_assert_double_gt(r.rate, 150);
	ck_assert_double_lt(r.rate, 400);
	for (int i = 0; i < 60; i++)
		progress_rate_update(&r, now += 1, done += 100);
	ck_assert_double_eq_tol(r.rate, 100, 1);
}
END_TEST

/* A tick that comes late weighs as much as the ticks it stands for. */
START_TEST(late_ticks)
{
	struct progress_rate a = { 0 }, b = { 0 };

	for (int i = 0; i <= 3; i++) {
		progress_rate_update(&a, i, (uint64_t)i * 1000);
		progress_rate_update(&b, i, (uint64_t)i * 1000);
	}
	for (int i = 4; i <= 8; i++)
		progress_rate_update(&a, i, 3000 + (uint64_t)(i - 3) * 100);
	progress_rate_update(&b, 8, 3500);
	ck_assert_double_eq_tol(a.rate, b.rate, 0.5);
	/* However late: the past is forgotten, nothing is infinite. */
	progress_rate_update(&b, 1e12, 3500);
	ck_assert_double_ge(b.rate, 0);
	ck_assert_double_lt(b.rate, 1);
	/* Time or work that goes backwards begins anew. */
	progress_rate_update(&b, 5, 3600);
	ck_assert_double_eq(b.rate, 0);
	progress_rate_update(&b, 6, 10);
	ck_assert_double_eq(b.rate, 0);
}
END_TEST

START_TEST(stall)
{
	struct progress_rate r = { 0 };

	ck_assert(!progress_rate_stalled(&r, 1e9));
	progress_rate_update(&r, 10, 0);
	ck_assert(!progress_rate_stalled(&r, 14.9));
	ck_assert(progress_rate_stalled(&r, 15));
	/* An advance within a sample counts at once. */
	progress_rate_update(&r, 10.5, 1);
	ck_assert(!progress_rate_stalled(&r, 15.4));
	ck_assert(progress_rate_stalled(&r, 15.5));
	for (int i = 11; i < 30; i++)
		progress_rate_update(&r, i, 1);
	ck_assert(progress_rate_stalled(&r, 30));
}
END_TEST

static char *drain(int fd)
{
	static char buf[65536];
	ssize_t n;

	fdio_set_nonblock(fd, true);
	n = read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static json_int_t number(json_t *j, const char *key)
{
	json_t *v = json_object_get(j, key);

	ck_assert_msg(json_is_integer(v), "%s is not a whole number", key);
	return json_integer_value(v);
}

/* The only event since the last call. */
static json_t *event(int fd)
{
	char *line = drain(fd);
	json_t *j;

	ck_assert_uint_gt(strlen(line), 1);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	j = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(j != NULL, "%s", line);
	ck_assert_double_gt(json_real_value(json_object_get(j, "time")), 1e9);
	return j;
}

START_TEST(events)
{
	struct progress *p = NULL;
	json_t *j, *skipped;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(progress_new(-1, fds[1], &p), 0);
	progress_begin(p, "copy", "sda", 10000);
	j = event(fds[0]);
	ck_assert_str_eq(json_string_value(json_object_get(j, "event")), "progress");
	ck_assert_str_eq(json_string_value(json_object_get(j, "phase")), "copy");
	ck_assert_str_eq(json_string_value(json_object_get(j, "disk")), "sda");
	ck_assert_int_eq(number(j, "done"), 0);
	ck_assert_int_eq(number(j, "total"), 10000);
	ck_assert(json_is_null(json_object_get(j, "eta")));
	json_decref(j);
	/* Nothing within the second. */
	progress_tick(p);
	ck_assert_str_eq(drain(fds[0]), "");

	passed += 2;
	progress_done(p, 3000);
	progress_skip(p, PROGRESS_SKIP_FREE, 700);
	progress_skip(p, PROGRESS_SKIP_ZERO, 200);
	progress_skip(p, PROGRESS_SKIP_UNCHANGED, 60);
	progress_skip(p, PROGRESS_SKIP_BAD, 40);
	progress_tick(p);
	j = event(fds[0]);
	ck_assert_int_eq(number(j, "done"), 4000);
	ck_assert_int_ge(number(j, "rate"), 1900);
	ck_assert_int_le(number(j, "rate"), 2000);
	ck_assert_int_eq(number(j, "eta"), 3);
	ck_assert(json_is_false(json_object_get(j, "stalled")));
	skipped = json_object_get(j, "skipped");
	ck_assert_int_eq(number(skipped, "free"), 700);
	ck_assert_int_eq(number(skipped, "zero"), 200);
	ck_assert_int_eq(number(skipped, "unchanged"), 60);
	ck_assert_int_eq(number(skipped, "bad"), 40);
	json_decref(j);

	passed += 6;
	progress_tick(p);
	j = event(fds[0]);
	ck_assert(json_is_true(json_object_get(j, "stalled")));
	ck_assert(json_is_null(json_object_get(j, "eta")));
	json_decref(j);

	progress_set_total(p, 4000);
	progress_end(p);
	j = event(fds[0]);
	ck_assert_int_eq(number(j, "total"), 4000);
	ck_assert_int_eq(number(j, "eta"), 0);
	ck_assert(json_is_false(json_object_get(j, "stalled")));
	json_decref(j);
	progress_end(p);
	progress_tick(p);
	ck_assert_str_eq(drain(fds[0]), "");

	/* Counters start at zero again. */
	progress_begin(p, "verify", NULL, 0);
	j = event(fds[0]);
	ck_assert_int_eq(number(j, "done"), 0);
	ck_assert(json_is_null(json_object_get(j, "disk")));
	ck_assert_int_eq(number(json_object_get(j, "skipped"), "free"), 0);
	json_decref(j);
	progress_free(p);
	json_decref(event(fds[0]));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(free_events)
{
	struct progress *p = NULL;
	json_t *j;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(progress_new(-1, fds[1], &p), 0);
	progress_event(p, "frozen", "{\"seconds\": 3, \"event\": \"other\", \"time\": 0}");
	j = event(fds[0]);
	ck_assert_str_eq(json_string_value(json_object_get(j, "event")), "frozen");
	ck_assert_int_eq(number(j, "seconds"), 3);
	json_decref(j);
	progress_event(p, "bare\n", NULL);
	j = event(fds[0]);
	ck_assert_uint_eq(json_object_size(j), 2);
	json_decref(j);
	progress_event(p, "wrong", "[not an object");
	j = event(fds[0]);
	ck_assert_uint_eq(json_object_size(j), 2);
	json_decref(j);
	progress_free(p);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* A reader who sleeps costs progress events, not the copy; one who is gone is forgotten. */
START_TEST(slow_and_gone_readers)
{
	struct progress *p = NULL;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_ge(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	ck_assert_int_eq(progress_new(-1, fds[1], &p), 0);
	progress_begin(p, "copy", "sda", 100);
	for (int i = 0; i < 200; i++) {
		passed += 2;
		progress_tick(p);
	}
	close(fds[0]);
	progress_event(p, "x", NULL);
	progress_event(p, "y", NULL);
	progress_free(p);
	close(fds[1]);
}
END_TEST

START_TEST(plain_lines)
{
	struct progress *p = NULL;
	int fds[2];
	char *text;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(progress_new(fds[1], -1, &p), 0);
	progress_begin(p, "copy", "sda", 10 * MIB);
	progress_tick(p);
	ck_assert_str_eq(drain(fds[0]), "");
	progress_done(p, 4 * MIB);
	progress_skip(p, PROGRESS_SKIP_ZERO, MIB);
	passed += 10;
	progress_tick(p);
	text = drain(fds[0]);
	ck_assert_msg(strncmp(text, "copy sda:  50%  5 MiB of 10 MiB, ", 33) == 0, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, ", ETA 0:10, skipped 1 MiB (zero 1 MiB)\n"));
	passed += 10;
	progress_tick(p);
	ck_assert_ptr_nonnull(strstr(drain(fds[0]), "stalled for 0:"));
	progress_skip(p, PROGRESS_SKIP_FREE, 5 * MIB);
	progress_end(p);
	text = drain(fds[0]);
	ck_assert_msg(strncmp(text, "copy sda: 4 MiB in 0:20 (20", 27) == 0, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " KiB/s), skipped 6 MiB (free 5 MiB, zero 1 MiB)\n"));
	ck_assert_ptr_null(strchr(text, '\r'));
	/* A name from outside cannot speak to the terminal; what is missing is said. */
	progress_begin(p, "copy", "s\x1b[2Jda\n", 10);
	progress_end(p);
	text = drain(fds[0]);
	ck_assert_msg(strcmp(text, "copy s\\x1b[2Jda\\x0a: 0 B in 0:00, 10 B left\n") == 0, "%s",
		      text);
	progress_free(p);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(terminal)
{
	struct winsize narrow = { .ws_col = 40, .ws_row = 24 },
		       wide = { .ws_col = 100, .ws_row = 24 };
	struct progress *p = NULL;
	int master, slave;
	char *text;

	ck_assert_int_eq(openpty(&master, &slave, NULL, NULL, &wide), 0);
	ck_assert_int_eq(progress_new(slave, -1, &p), 0);
	progress_begin(p, "copy", "sda", 1000);
	drain(master);
	progress_done(p, 500);
	progress_tick(p);
	ck_assert_str_eq(drain(master), "");
	passed += 1;
	progress_tick(p);
	text = drain(master);
	ck_assert_msg(
		strncmp(text,
			"\r\033[Kcopy sda [###############               ]  50%  500 B of 1000 B, ",
			68) == 0,
		"%s", text + 4);
	ck_assert_ptr_null(strchr(text, '\n'));
	/* A log line wipes it, once; the next tick draws it again at once. */
	progress_log_hook(true, p);
	ck_assert_str_eq(drain(master), "\r\033[K");
	progress_tick(p);
	ck_assert_str_eq(drain(master), "");
	progress_log_hook(false, p);
	progress_log_hook(true, p);
	ck_assert_str_eq(drain(master), "");
	progress_log_hook(false, p);
	progress_tick(p);
	ck_assert_ptr_nonnull(strstr(drain(master), "copy sda ["));
	/* It never wraps. */
	ck_assert_int_eq(ioctl(slave, TIOCSWINSZ, &narrow), 0);
	passed += 1;
	progress_tick(p);
	text = drain(master);
	ck_assert_uint_le(strlen(text), 4 + 39);
	ck_assert_ptr_null(strchr(text + 4, '['));
	progress_end(p);
	text = drain(master);
	ck_assert_int_eq(strncmp(text, "\r\033[Kcopy sda: 500 B in 0:02", 26), 0);
	ck_assert_str_eq(text + strlen(text) - 2, "\r\n");
	progress_free(p);
	close(slave);
	close(master);
}
END_TEST

START_TEST(null_is_fine)
{
	progress_begin(NULL, "a", "b", 1);
	progress_set_total(NULL, 1);
	progress_done(NULL, 1);
	progress_skip(NULL, PROGRESS_SKIP_BAD, 1);
	progress_tick(NULL);
	progress_event(NULL, "x", NULL);
	progress_log_hook(true, NULL);
	progress_end(NULL);
	progress_free(NULL);
	ck_assert_str_eq(progress_skip_name(PROGRESS_SKIP_UNCHANGED), "unchanged");
	ck_assert_str_eq(progress_skip_name(PROGRESS_SKIP_COUNT), "unknown");
}
END_TEST

static Suite *progress_suite(void)
{
	Suite *s = suite_create("progress");
	TCase *t = tcase_create("progress");

	tcase_add_test(t, rate_is_smooth);
	tcase_add_test(t, late_ticks);
	tcase_add_test(t, stall);
	tcase_add_test(t, events);
	tcase_add_test(t, free_events);
	tcase_add_test(t, slow_and_gone_readers);
	tcase_add_test(t, plain_lines);
	tcase_add_test(t, terminal);
	tcase_add_test(t, null_is_fine);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(progress_suite)
