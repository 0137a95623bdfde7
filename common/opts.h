/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Command lines from tables: one table per subcommand gives getopt_long parsing, --help (at most
 * 80 columns, stdout), and shell completion. A usage error is one line on stderr and exit
 * status 2.
 *
 *	static const struct opt cold_opts[] = {
 *		{ "server", 's', "USER@HOST[:PORT]", "conversion server", OPT_STR,
 *		  offsetof(struct cfg, server) },
 *		{ "force", 0, NULL, "go on with a disk in use", OPT_FLAG, offsetof(...) },
 *		{ 0 }
 *	};
 *
 * Values go into the caller's struct at the given byte offset: OPT_FLAG bool; OPT_COUNT int (++);
 * OPT_STR const char * (points into argv); OPT_U64 uint64_t (plain number); OPT_SIZE uint64_t
 * (size_parse); OPT_INT int; OPT_LIST struct opt_list (repeatable).
 */
#ifndef P2V_COMMON_OPTS_H
#define P2V_COMMON_OPTS_H

#include <stddef.h>
#include <stdbool.h>
#include "common/compiler.h"
#include "common/err.h"

/* Exit statuses shared by both programs. */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_BAD_SECTORS = 3,	/* done, with unreadable ranges zero-filled */
	EXIT_CANCELLED = 4,
	EXIT_REFUSED = 5,	/* pre-flight says no */
};

enum opt_kind { OPT_FLAG, OPT_COUNT, OPT_STR, OPT_U64, OPT_SIZE, OPT_INT, OPT_LIST };

struct opt {
	const char *name;	/* long name; NULL ends the table */
	char letter;		/* short option or 0 */
	const char *arg;	/* metavar, NULL for flags */
	const char *help;	/* one sentence; wrapped at 80 columns */
	enum opt_kind kind;
	size_t offset;		/* into the config struct */
};

struct opt_list {
	const char **v;
	size_t n;
};
void opt_list_done(struct opt_list *l);

struct subcommand {
	const char *name;	/* NULL ends the table */
	const char *synopsis;	/* "NAME [--json]": what follows the name */
	const char *help;	/* one line */
	const struct opt *opts;	/* may be NULL */
	int (*run)(int argc,
		   char **argv); /* argv[0] is the subcommand's name; returns an exit status */
};

/*
 * Parse argv (argv[0] is skipped) into cfg. Non-option arguments are moved to the end, as getopt
 * does; *ret_first is the index of the first. Returns 0; 1 when --help was asked for and printed
 * (the caller returns EXIT_DONE); -EINVAL with err set for a usage error; -ENOMEM. With sub NULL
 * nothing is printed for --help: the caller has opts_program_help(). -h and --help need no entry in
 * the table. Main thread only, as getopt is.
 * stop_at_first: stop at the first non-option (for options in front of a subcommand).
 */
int opts_parse(const char *program, const struct subcommand *sub, const struct opt *opts, int argc,
	       char **argv, bool stop_at_first, void *cfg, int *ret_first, struct err *err);
/* "p2v-agent --help": description, global options, table of subcommands. */
void opts_program_help(const char *program, const char *description, const struct opt *global,
		       const struct subcommand *subs);
/* Print a bash completion script for the program to stdout. */
void opts_completion(const char *program, const struct opt *global, const struct subcommand *subs);
/*
 * Log the usage error with a "see program sub --help" tail and return EXIT_USAGE. sub may be NULL.
 */
int opts_usage_error(const char *program, const char *sub, const struct err *err);

#endif
