/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scripts that run in Windows. There is no Windows here, so they are looked at, not run: the
 * bytes (ASCII, CR LF), brackets and quotes, labels, and the order of what must come first.
 */
#include "tests/lib/unit.h"

#include <ctype.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/text.h"
#include "postfix/windows/winscript.h"

static const char *const fixed[] = { winscript_setup, winscript_firstboot, winscript_network_ps1,
				     winscript_network_vbs };

START_TEST(bytes_are_those_of_windows)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		const char *s = fixed[i];

		ck_assert_uint_gt(strlen(s), 500);
		for (size_t k = 0; s[k]; k++) {
			ck_assert_msg((s[k] >= ' ' && s[k] <= '~') || strchr("\t\r\n", s[k]),
				      "script %zu has a byte %02x", i, s[k] & 0xff);
			ck_assert_int_eq(s[k] == '\n', k > 0 && s[k - 1] == '\r');
			ck_assert(s[k] != '\r' || s[k + 1] == '\n');
		}
	}
}
END_TEST

static bool next_line(const char **p, char *line, size_t size)
{
	const char *end = strstr(*p, "\r\n");

	if (!end)
		return false;
	ck_assert_uint_lt((size_t)(end - *p), size);
	snprintf(line, size, "%.*s", (int)(end - *p), *p);
	*p = end + 2;
	return true;
}

static bool has_label(const char *script, const char *name, size_t len)
{
	const char *p = script;
	char line[400];

	while (next_line(&p, line, sizeof(line)))
		if (line[0] == ':' && strncasecmp(line + 1, name, len) == 0 && !line[1 + len])
			return true;
	return false;
}

/* Each goto and call goes somewhere; quotes and brackets close on their line. */
static void check_batch(const char *script)
{
	static const char *const jumps[] = { "goto ", "call :" };
	const char *p = script;
	char line[400];

	while (next_line(&p, line, sizeof(line))) {
		int quotes = 0, depth = 0, percents = 0;

		if (strncmp(line, "rem", 3) == 0 || line[0] == ':')
			continue;
		for (const char *c = line; *c; c++) {
			quotes += *c == '"';
			percents += *c == '%';
			if (quotes % 2)
				continue;
			depth += (*c == '(') - (*c == ')');
			ck_assert_msg(depth >= 0, "a bracket is not opened: %s", line);
		}
		ck_assert_msg(quotes % 2 == 0, "a quote is not closed: %s", line);
		ck_assert_msg(depth == 0, "a bracket is not closed: %s", line);
		ck_assert_msg(strstr(line, "%~") || strstr(line, "%%") || percents % 2 == 0,
			      "a percent sign alone: %s", line);
		for (size_t i = 0; i < ARRAY_SIZE(jumps); i++)
			for (const char *j = line; (j = strstr(j, jumps[i])); ) {
				size_t n;

				j += strlen(jumps[i]);
				n = strcspn(j, " \"&)");
				if (memchr(j, '%', n))
					continue;
				ck_assert_msg(has_label(script, j, n), "there is no such label: %s",
					      line);
			}
	}
}

static const struct {
	unsigned int major, minor, build;
	const char *drivers, *network;
} versions[] = {
	{ 5, 1, 2600, "device_path", "vbs" },
	{ 5, 2, 3790, "device_path", "vbs" },
	{ 6, 0, 6002, "install", "vbs" },
	{ 6, 1, 7601, "install", "ps1" },
	{ 6, 3, 9600, "install", "ps1" },
	{ 10, 0, 0, "install", "ps1" },
	{ 10, 0, 10586, "install", "ps1" },
	{ 10, 0, 14393, "add_driver", "ps1" },
	{ 10, 0, 19045, "add_driver", "ps1" },
	{ 10, 0, 26100, "add_driver", "ps1" },
};

START_TEST(versions_get_their_tools)
{
	CLEANUP(mem_free) char *script = NULL;
	char line[80];

	ck_assert_int_eq(winscript_firstboot_for(versions[_i].major, versions[_i].minor,
						 versions[_i].build, &script), 0);
	ck_assert_ptr_null(strstr(script, "@DRIVERS@"));
	ck_assert_ptr_null(strstr(script, "@NETWORK@"));
	snprintf(line, sizeof(line), "set \"DRIVERS=%s\"\r\n", versions[_i].drivers);
	ck_assert_msg(strstr(script, line) != NULL, "not found: %s", line);
	snprintf(line, sizeof(line), "drivers_%s", versions[_i].drivers);
	ck_assert(has_label(script, line, strlen(line)));
	snprintf(line, sizeof(line), "set \"NETWORK=%s\"\r\n", versions[_i].network);
	ck_assert_msg(strstr(script, line) != NULL, "not found: %s", line);
	check_batch(script);
}
END_TEST

START_TEST(setup_is_sound)
{
	check_batch(winscript_setup);
}
END_TEST

/* first stands before second. */
static void expect_order(const char *script, const char *first, const char *second)
{
	const char *a = strstr(script, first), *b = strstr(script, second);

	ck_assert_msg(a && b, "not found: %s, or %s", first, second);
	ck_assert_msg(a < b, "%s comes after %s", first, second);
}

START_TEST(what_bounds_comes_first)
{
	/* Out of the registry before anything is started. */
	expect_order(winscript_setup, "reg copy ", "schtasks /create");
	expect_order(winscript_setup, "reg copy ", "start \"\"");
	/* The number of the try is on disk before the work, and too many are none. */
	expect_order(winscript_firstboot, "gtr 3 goto give_up", "call :drivers\r\n");
	expect_order(winscript_firstboot, ">\"%P2V%\\tries\" echo", "call :drivers\r\n");
	expect_order(winscript_firstboot, "goto no_count", "call :drivers\r\n");
	/* One restart: marked before it is asked for, and only when the mark is there. */
	expect_order(winscript_firstboot, ">\"%P2V%\\rebooted\" echo", "shutdown.exe");
	expect_order(winscript_firstboot, "if not exist \"%P2V%\\rebooted\" goto finish",
		     "shutdown.exe");
	ck_assert_ptr_eq(strstr(strstr(winscript_firstboot, "shutdown.exe") + 1, "shutdown.exe"),
			 NULL);
	/* Both ends lead to the mark and to the removal of the task. */
	expect_order(winscript_firstboot, ":give_up", ":finish");
	expect_order(winscript_firstboot, ":finish", ":remove");
	expect_order(winscript_firstboot, ":remove", "schtasks /delete");
}
END_TEST

/* Brackets of PowerShell, outside of strings and comments. */
START_TEST(powershell_is_sound)
{
	const char *p = winscript_network_ps1;
	char line[400], open[64];
	size_t depth = 0;

	while (next_line(&p, line, sizeof(line))) {
		char quote = '\0';

		for (const char *c = line; *c; c++) {
			if (quote) {
				quote = *c == quote ? '\0' : quote;
				continue;
			}
			if (*c == '#')
				break;
			if (*c == '\'' || *c == '"')
				quote = *c;
			if (strchr("({[", *c)) {
				ck_assert_uint_lt(depth, sizeof(open));
				open[depth++] = *c;
			} else if (strchr(")}]", *c)) {
				ck_assert_msg(depth > 0, "not opened: %s", line);
				depth--;
				ck_assert_msg(open[depth] == (*c == ')' ? '(' : *c == '}' ? '{'
											  : '['),
					      "crossed: %s", line);
			}
		}
		ck_assert_msg(!quote, "a quote is not closed: %s", line);
	}
	ck_assert_uint_eq(depth, 0);
	/* Text never becomes code. */
	ck_assert_ptr_null(strcasestr(winscript_network_ps1, "Invoke-Expression"));
	ck_assert_ptr_null(strcasestr(winscript_network_ps1, "iex "));
	ck_assert_ptr_null(strcasestr(winscript_network_ps1, "cmd.exe"));
}
END_TEST

static void count(const char *line, const char *word, int by, int *depth)
{
	while (*line == '\t')
		line++;
	if (strncmp(line, word, strlen(word)) == 0)
		*depth += by;
}

START_TEST(vbscript_is_sound)
{
	static const struct {
		const char *opens, *closes;
	} blocks[] = {
		{ "Sub ", "End Sub" }, { "Function ", "End Function" }, { "For ", "Next" },
		{ "Do ", "Loop" },
	};
	int depth[ARRAY_SIZE(blocks)] = { 0 }, ifs = 0, brackets = 0;
	const char *p = winscript_network_vbs;
	char line[400];

	while (next_line(&p, line, sizeof(line))) {
		size_t n;
		int quotes = 0;

		if (line[0] == '\'')
			continue;
		for (const char *c = line; *c; c++) {
			quotes += *c == '"';
			if (quotes % 2 == 0 && *c == '\'')
				break;
			if (quotes % 2 == 0)
				brackets += (*c == '(') - (*c == ')');
		}
		n = strlen(line);
		ck_assert_msg(quotes % 2 == 0, "a quote is not closed: %s", line);
		ck_assert_msg(brackets == 0 || line[n - 1] == '_', "brackets: %s", line);
		for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
			count(line, blocks[i].opens, 1, &depth[i]);
			count(line, blocks[i].closes, -1, &depth[i]);
		}
		/* Only a block ends its line with Then. */
		ifs += n > 5 && strcmp(line + n - 5, " Then") == 0 && !strstr(line, "ElseIf");
		count(line, "End If", -1, &ifs);
	}
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		ck_assert_msg(depth[i] == 0, "%s: %d", blocks[i].opens, depth[i]);
	ck_assert_int_eq(ifs, 0);
	ck_assert_ptr_null(strcasestr(winscript_network_vbs, "Execute"));
	ck_assert_ptr_null(strcasestr(winscript_network_vbs, "Eval("));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("winscript");
	TCase *t = tcase_create("scripts");

	tcase_add_test(t, bytes_are_those_of_windows);
	tcase_add_loop_test(t, versions_get_their_tools, 0, (int)ARRAY_SIZE(versions));
	tcase_add_test(t, setup_is_sound);
	tcase_add_test(t, what_bounds_comes_first);
	tcase_add_test(t, powershell_is_sound);
	tcase_add_test(t, vbscript_is_sound);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
