/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The main() of a program with subcommands: options in front of the subcommand, verbosity,
 * --version, --help, "completion", and dispatch. Both programs are tables given to program_main().
 */
#ifndef P2V_COMMON_PROGRAM_H
#define P2V_COMMON_PROGRAM_H

#include "common/opts.h"

/* First member of a program's own struct of global options. */
struct program_globals {
	int verbose, quiet;
	bool version;
};

/* The rows of the option table that fill it. */
#define PROGRAM_GLOBAL_OPT(field) offsetof(struct program_globals, field)
#define PROGRAM_GLOBAL_OPTS \
	{ "verbose", 'v', NULL, "say more; twice: debug messages", OPT_COUNT, \
	  PROGRAM_GLOBAL_OPT(verbose) }, \
	{ "quiet", 'q', NULL, "only warnings and errors; twice: only errors", OPT_COUNT, \
	  PROGRAM_GLOBAL_OPT(quiet) }, \
	{ "version", 'V', NULL, "print the version", OPT_FLAG, PROGRAM_GLOBAL_OPT(version) }

struct program {
	const char *name, *description;
	const struct opt *global_opts;
	struct program_globals *globals;
	const struct subcommand *commands;
};

/* Returns the exit status. */
int program_main(const struct program *p, int argc, char **argv);
/*
 * What every subcommand's run() begins with: parse argv into cfg by the command's own table.
 * want_args: exact number of non-option arguments, PROGRAM_ARGS_ANY, or PROGRAM_ARGS_SOME for one
 * or more. Returns -1 to go on, else the exit status to return at once.
 */
#define PROGRAM_ARGS_ANY	(-1)
#define PROGRAM_ARGS_SOME	(-2)
int program_parse(const struct program *p, const char *command, int argc, char **argv, void *cfg,
		  int want_args, int *ret_first);

#endif
