/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/opts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/log.h"
#include "tests/lib/unit.h"

struct cfg {
	bool force;
	int verbose, level;
	const char *server;
	uint64_t number, size;
	struct opt_list disks;
};

static const struct opt table[] = {
	{ "server", 's', "USER@HOST[:PORT]", "conversion server", OPT_STR,
	  offsetof(struct cfg, server) },
	{ "force", 'f', NULL,
	  "go on although the disk is in use, which is a sentence long enough to be wrapped over "
	  "several lines of the help",
	  OPT_FLAG, offsetof(struct cfg, force) },
	{ "verbose", 'v', NULL, "say more", OPT_COUNT, offsetof(struct cfg, verbose) },
	{ "number", 0, "N", "a number", OPT_U64, offsetof(struct cfg, number) },
	{ "size", 0, "SIZE", "a size", OPT_SIZE, offsetof(struct cfg, size) },
	{ "level", 'l', "N", "a level", OPT_INT, offsetof(struct cfg, level) },
	{ "disk-with-a-rather-long-name", 'd', "DEVICE",
	  "a disk, given once for each; "
	  "aWordThatIsFarTooLongToStandInOneLineOfTheHelpTextAndThereforeHasToBeSplit!",
	  OPT_LIST, offsetof(struct cfg, disks) },
	{ 0 }
};

static const struct subcommand cold = {
	.name = "cold",
	.synopsis = "--server=USER@HOST[:PORT] [--disk=DEVICE]... [--size=SIZE] [--force] NAME "
		    "[ANOTHER-NAME]...",
	.help = "copy a machine that has been started from the live medium, which is the safest of "
		"all ways to do it",
	.opts = table,
};

static const struct subcommand subs[] = {
	{ .name = "cold", .help = "copy a machine at rest", .opts = table },
	{ .name = "a-subcommand-with-a-very-long-name",
	  .help = "a sentence about it that does not fit in the line's rest" },
	{ 0 }
};

static int parse(struct cfg *cfg, int *first, struct err *err, const char *line)
{
	static char words[500];
	static char *argv[64];
	char *save = NULL;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	argv[argc++] = "cold";
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	return opts_parse("p2v-test", &cold, table, argc, argv, false, cfg, first, err);
}

START_TEST(every_kind)
{
	struct err err = ERR_INIT;
	struct cfg cfg = { 0 };
	int first = 0;

	ck_assert_msg(parse(&cfg, &first, &err,
			    "one -s host -fvv --number=42 two --size 1.5G -l -7 "
			    "--disk-with-a-rather-long-name=sda -d sdb --verbose -- -three") == 0,
		      "%s", err.text);
	ck_assert(cfg.force);
	ck_assert_int_eq(cfg.verbose, 3);
	ck_assert_int_eq(cfg.level, -7);
	ck_assert_str_eq(cfg.server, "host");
	ck_assert_uint_eq(cfg.number, 42);
	ck_assert_uint_eq(cfg.size, UINT64_C(3) << 29);
	ck_assert_uint_eq(cfg.disks.n, 2);
	ck_assert_str_eq(cfg.disks.v[0], "sda");
	ck_assert_str_eq(cfg.disks.v[1], "sdb");
	opt_list_done(&cfg.disks);
	ck_assert_uint_eq(cfg.disks.n, 0);
	/* The options were moved in front of one, two and -three. */
	ck_assert_int_eq(first, 14);
	/* And once more, from the start. */
	cfg = (struct cfg){ 0 };
	ck_assert_int_eq(parse(&cfg, &first, &err, ""), 0);
	ck_assert_int_eq(first, 1);
	ck_assert(!cfg.force);
	ck_assert_int_eq(parse(&cfg, &first, &err, "--forc"), 0);
	ck_assert(cfg.force);
}
END_TEST

START_TEST(stops_at_the_subcommand)
{
	char *argv[] = { "p2v-test", "-v", "cold", "-f", NULL };
	struct cfg cfg = { 0 };
	int first = 0;

	ck_assert_int_eq(opts_parse("p2v-test", NULL, table, 4, argv, true, &cfg, &first, NULL), 0);
	ck_assert_int_eq(first, 2);
	ck_assert_int_eq(cfg.verbose, 1);
	ck_assert(!cfg.force);
	ck_assert_str_eq(argv[2], "cold");
	/* A program without options of its own. */
	argv[1] = "x";
	ck_assert_int_eq(opts_parse("p2v-test", NULL, NULL, 4, argv, true, NULL, &first, NULL), 0);
	ck_assert_int_eq(first, 1);
}
END_TEST

START_TEST(usage_errors)
{
	static const struct { const char *line, *text;
	} cases[] = {
		{ "--nope", "unknown option --nope" },
		{ "--nope=5", "unknown option --nope" },
		{ "x -q", "unknown option -q" },
		{ "-vq", "unknown option -q" },
		{ "--force=yes", "--force takes no value" },
		{ "--help=yes", "--help takes no value" },
		{ "--server", "--server (-s) needs a value" },
		{ "x -s", "--server (-s) needs a value" },
		{ "--s=5", "ambiguous option --s" },
		{ "--number=x", "--number: \"x\" is not a number" },
		{ "--number=-1", "--number: \"-1\" is not a number" },
		{ "--number=", "--number: \"\" is not a number" },
		{ "--number=18446744073709551616",
		  "--number: \"18446744073709551616\" is not a number" },
		{ "--size=10MB", "--size: \"10MB\" is not a size such as 512K or 1.5G" },
		{ "-l 2147483648", "--level (-l): \"2147483648\" is not a number" },
		{ "-l -2147483649", "--level (-l): \"-2147483649\" is not a number" },
		{ "-l --1", "--level (-l): \"--1\" is not a number" },
		{ "--\x1b[31m", "unknown option --\\x1b[31m" },
	};
	struct cfg cfg = { 0 };
	int first = 77;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;

		ck_assert_int_eq(parse(&cfg, &first, &err, cases[i].line), -EINVAL);
		ck_assert_str_eq(err.text, cases[i].text);
	}
	ck_assert_int_eq(first, 77);
	ck_assert_int_eq(parse(&cfg, &first, NULL, "-l -2147483648"), 0);
	ck_assert_int_eq(cfg.level, INT_MIN);
}
END_TEST

/* What a call writes to a descriptor. */
static int saved_fd;

static void capture(int fd, FILE *to)
{
	fflush(stdout);
	saved_fd = dup(fd);
	dup2(fileno(to), fd);
}

static char *captured(int fd, FILE *to)
{
	char *text = NULL;

	fflush(stdout);
	dup2(saved_fd, fd);
	close(saved_fd);
	rewind(to);
	ck_assert_int_eq(fdio_read_fd(fileno(to), 1 << 20, &text, NULL), 0);
	return text;
}

static void check_width(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		ck_assert_msg(len <= 80, "%zu columns: %.*s", len, (int)len, text);
		ck_assert_msg(len == 0 || text[len - 1] != ' ', "blank at the end: %.*s", (int)len,
			      text);
		ck_assert_int_eq(text[len], '\n');
		text += len + 1;
	}
}

START_TEST(help_fits)
{
	CLEANUP(file_close) FILE *to = tmpfile();
	CLEANUP(mem_free) char *text = NULL;
	struct cfg cfg = { 0 };
	int first, r;

	capture(1, to);
	r = parse(&cfg, &first, NULL, "-v --help --nonsense");
	text = captured(1, to);
	ck_assert_int_eq(r, 1);
	check_width(text);
	ck_assert_ptr_eq(strstr(text,
				"Usage: p2v-test cold --server=USER@HOST[:PORT] [--disk=DEVICE]... "
				"[--size=SIZE]\n                     [--force] NAME"),
			 text);
	ck_assert_ptr_nonnull(strstr(text, "\n  -f, --force                 go on although"));
	ck_assert_ptr_nonnull(strstr(text, "\n      --number=N              a number\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n  -s, --server=USER@HOST[:PORT]\n                    "
					   "          conversion server\n"));
	ck_assert_ptr_nonnull(strstr(text, "\n  -h, --help                  show this help\n"));
}
END_TEST

START_TEST(program_help_fits)
{
	CLEANUP(file_close) FILE *to = tmpfile();
	CLEANUP(mem_free) char *text = NULL;

	capture(1, to);
	opts_program_help(
		"p2v-test",
		"What this program is for, told in a sentence that takes more than a single line.",
		table, subs);
	text = captured(1, to);
	check_width(text);
	ck_assert_int_eq(
		strncmp(text, "Usage: p2v-test [OPTION]... COMMAND [ARGUMENT]...\n\nWhat", 55), 0);
	ck_assert_ptr_nonnull(strstr(
		text, "\nCommands:\n  cold                        copy a machine at rest\n"));
}
END_TEST

/* bash itself says whether the script is one, and what it completes. */
START_TEST(completion)
{
	CLEANUP(file_close) FILE *to = tmpfile();
	CLEANUP(mem_free) char *text = NULL;
	char path[] = "/tmp/p2v-completion.XXXXXX", command[300];
	int fd = mkstemp(path);

	capture(1, to);
	opts_completion("p2v-test", table, subs);
	text = captured(1, to);
	ck_assert_int_eq(fdio_write_full(fd, text, strlen(text)), 0);
	close(fd);
	if (system("command -v bash >/dev/null") == 0) {
		snprintf(command, sizeof(command),
			 "bash -c '. %s && COMP_WORDS=(p2v-test cold --for) COMP_CWORD=2 && "
			 "_p2v_test && [ \"${COMPREPLY[*]}\" = --force ]'",
			 path);
		ck_assert_int_eq(system(command), 0);
		snprintf(command, sizeof(command),
			 "bash -c '. %s && COMP_WORDS=(p2v-test co) COMP_CWORD=1 && "
			 "_p2v_test && [ \"${COMPREPLY[*]}\" = cold ]'",
			 path);
		ck_assert_int_eq(system(command), 0);
	}
	unlink(path);
}
END_TEST

START_TEST(usage_error_is_one_line)
{
	CLEANUP(file_close) FILE *to = tmpfile();
	CLEANUP(mem_free) char *text = NULL;
	struct err err = ERR_INIT;
	int r;

	err_set(&err, EINVAL, "unknown option --x");
	log_init("p2v-test");
	capture(2, to);
	r = opts_usage_error("p2v-test", "cold", &err);
	text = captured(2, to);
	ck_assert_int_eq(r, EXIT_USAGE);
	ck_assert_str_eq(text, "p2v-test: error: unknown option --x (see p2v-test cold --help)\n");
}
END_TEST

static Suite *opts_suite(void)
{
	Suite *s = suite_create("opts");
	TCase *t = tcase_create("opts");

	tcase_add_test(t, every_kind);
	tcase_add_test(t, stops_at_the_subcommand);
	tcase_add_test(t, usage_errors);
	tcase_add_test(t, help_fits);
	tcase_add_test(t, program_help_fits);
	tcase_add_test(t, completion);
	tcase_add_test(t, usage_error_is_one_line);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(opts_suite)
