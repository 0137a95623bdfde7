/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The frame of a unit test program: write a function that builds a check Suite and end the file
 * with UNIT_MAIN(that_function). The program prints TAP on stdout (for prove) and exits 0 only
 * when every test passed. Under valgrind or a sanitizer run with CK_FORK=no.
 *
 * UNIT_SKIP("why") inside UNIT_MAIN's optional guard skips the whole program: exit status 0 with a
 * TAP "1..0 # SKIP why" line, which the runner counts, and STRICT=1 turns into a failure.
 */
#ifndef P2V_TESTS_UNIT_H
#define P2V_TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_SKIP(why) \
	do { \
		printf("1..0 # SKIP %s\n", why); \
		exit(0); \
	} while (0)

/*
 * Inside a test that lacks a tool or a right: it passes and says so, or fails under STRICT=1, where
 * a hole in the proof counts.
 */
#define UNIT_LEAVE(why) \
	do { \
		const char *strict_ = getenv("STRICT"); \
		if (strict_ && strcmp(strict_, "1") == 0) \
			ck_abort_msg("left out: %s", why); \
		printf("# left out: %s\n", why); \
		return; \
	} while (0)

/* Under an emulated processor (valgrind) a sample has to do: P2V_SLOW=1. */
static inline bool unit_slow(void)
{
	return getenv("P2V_SLOW") != NULL;
}

/* Memory is several times as dear. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNIT_SANITIZED	1
#else
#define UNIT_SANITIZED	0
#endif

/* Let check run it, its own report silenced, and give TAP from its result list. */
static inline int unit_run(Suite *s)
{
	SRunner *sr = srunner_create(s);
	int failed, n;
	TestResult **res;

	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	n = srunner_ntests_run(sr);
	res = srunner_results(sr);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		bool ok = tr_rtype(res[i]) == CK_PASS;

		printf("%sok %d - %s\n", ok ? "" : "not ", i + 1, tr_tcname(res[i]));
		if (!ok)
			printf("# %s:%d: %s\n", tr_lfile(res[i]) ? tr_lfile(res[i]) : "?",
			       tr_lno(res[i]), tr_msg(res[i]) ? tr_msg(res[i]) : "");
	}
	free(res);
	srunner_free(sr);
	return failed == 0 && n > 0 ? 0 : 1;
}

#define UNIT_MAIN(suite_fn) \
	int main(void) \
	{ \
		return unit_run(suite_fn()); \
	}

#endif
