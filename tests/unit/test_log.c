/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "tests/lib/unit.h"

static FILE *to;
static int saved_fd;

static void setup(void)
{
	to = tmpfile();
	saved_fd = dup(2);
	dup2(fileno(to), 2);
	unsetenv("P2V_DEBUG");
	log_init("prog");
	log_set_level(LOG_LEVEL_NOTICE);
	log_set_stderr(true);
}

static void teardown(void)
{
	log_set_hook(NULL, NULL);
	log_set_sink(NULL, NULL);
	dup2(saved_fd, 2);
	close(saved_fd);
	fclose(to);
}

/* Everything logged since the last call. */
static char *logged(void)
{
	char *text = NULL;

	rewind(to);
	ck_assert_int_eq(fdio_read_fd(fileno(to), 1 << 24, &text, NULL), 0);
	rewind(to);
	ck_assert_int_eq(ftruncate(fileno(to), 0), 0);
	return text;
}

static void expect(const char *want)
{
	char *got = logged();

	ck_assert_str_eq(got, want);
	free(got);
}

static void one_of_each(void)
{
	log_error("e%d", 1);
	log_warning("w");
	log_notice("n");
	log_info("i");
	log_debug("wire", "d");
}

START_TEST(levels)
{
	static const char *const want[] = {
		"prog: error: e1\n",
		"prog: error: e1\nprog: warning: w\n",
		"prog: error: e1\nprog: warning: w\nprog: n\n",
		"prog: error: e1\nprog: warning: w\nprog: n\nprog: i\n",
		"prog: error: e1\nprog: warning: w\nprog: n\nprog: i\nprog: debug: wire: d\n",
	};

	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level((enum log_level)level);
		ck_assert_int_eq(log_get_level(), level);
		one_of_each();
		expect(want[level]);
	}
}
END_TEST

START_TEST(areas)
{
	setenv("P2V_DEBUG", "wire,,ssh", 1);
	log_init("prog");
	ck_assert(log_debug_on("wire"));
	ck_assert(log_debug_on("ssh"));
	ck_assert(!log_debug_on("ss"));
	ck_assert(!log_debug_on("wires"));
	ck_assert(!log_debug_on(""));
	log_debug("wire", "seen");
	log_debug("disk", "not seen");
	expect("prog: debug: wire: seen\n");
	setenv("P2V_DEBUG", "all", 1);
	log_init("prog");
	ck_assert(log_debug_on("anything"));
	setenv("P2V_DEBUG", "help", 1);
	log_init("prog");
	free(logged());
	ck_assert(!log_debug_on("anything"));
}
END_TEST

START_TEST(errno_and_errors)
{
	struct err err = ERR_INIT;

	errno = ENOTTY;
	log_error("x");
	ck_assert_int_eq(errno, ENOTTY);
	free(logged());
	err_set(&err, EIO, "cannot read %s", "x");
	err_hint(&err, "try again");
	log_err(&err);
	expect("prog: error: cannot read x\nprog: hint: try again\n");
	err_reset(&err);
	err.code = ENOENT;
	log_err(&err);
	expect("prog: error: No such file or directory\n");
}
END_TEST

START_TEST(long_lines_are_cut)
{
	char *big = malloc(100001), *got;

	memset(big, 'a', 100000);
	big[100000] = '\0';
	log_notice("%s", big);
	got = logged();
	ck_assert_uint_lt(strlen(got), 5000);
	ck_assert_str_eq(got + strlen(got) - 5, "a...\n");
	free(got);
	free(big);
}
END_TEST

struct seen {
	char text[1000];
};

static void hook(bool before, void *opaque)
{
	strcat(((struct seen *)opaque)->text, before ? "<" : ">");
	/* A hook that logs does not wait for itself. */
	if (before)
		log_notice("nested");
}

static void sink(enum log_level level, const char *line, void *opaque)
{
	char buf[200];

	snprintf(buf, sizeof(buf), "[%d %s]", level, line);
	strcat(((struct seen *)opaque)->text, buf);
}

START_TEST(hook_and_sink)
{
	struct seen s = { "" };

	log_set_hook(hook, &s);
	log_set_sink(sink, &s);
	log_warning("x");
	ck_assert_str_eq(s.text, "<>[1 prog: warning: x]");
	expect("prog: nested\nprog: warning: x\n");
	log_set_stderr(false);
	log_info("below the level");
	log_error("y");
	ck_assert_str_eq(s.text, "<>[1 prog: warning: x][0 prog: error: y]");
	expect("");
	log_set_stderr(true);
	log_set_hook(NULL, NULL);
	log_set_sink(NULL, NULL);
	log_error("z");
	expect("prog: error: z\n");
	ck_assert_str_eq(s.text, "<>[1 prog: warning: x][0 prog: error: y]");
}
END_TEST

static void *chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_notice("thread %s line %03d 0123456789012345678901234567890123456789",
			   (const char *)arg, i);
	return NULL;
}

/* Loses counts unless the log lets in one thread at a time. */
static void counting_sink(enum log_level level, const char *line, void *opaque)
{
	int *count = opaque, n = *count;

	(void)level;
	(void)line;
	sched_yield();
	*count = n + 1;
}

START_TEST(threads_do_not_mix)
{
	static const char *const names[] = { "a", "b", "c" };
	int next[3] = { 0 }, n = 0, counted = 0;
	pthread_t t[3];
	char *got, *save = NULL;

	log_set_sink(counting_sink, &counted);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, chatter, (void *)(uintptr_t)names[i]),
				 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	got = logged();
	for (char *line = strtok_r(got, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save), n++) {
		int number;
		char who, rest[64];

		if (sscanf(line, "prog: thread %c line %d %63s", &who, &number, rest) != 3 ||
		    strlen(rest) != 40)
			ck_abort_msg("mixed: %s", line);
		if (number != next[who - 'a']++)
			ck_abort_msg("out of order: %s", line);
	}
	ck_assert_int_eq(n, 1500);
	ck_assert_int_eq(counted, 1500);
	free(got);
}
END_TEST

static Suite *log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, levels);
	tcase_add_test(t, areas);
	tcase_add_test(t, errno_and_errors);
	tcase_add_test(t, long_lines_are_cut);
	tcase_add_test(t, hook_and_sink);
	tcase_add_test(t, threads_do_not_mix);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(log_suite)
