/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"

static const struct subcommand *find(const struct program *p, const char *name)
{
	for (const struct subcommand *s = p->commands; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static void set_level(const struct program_globals *g)
{
	int level = (int)LOG_LEVEL_NOTICE + g->verbose - g->quiet;

	log_set_level((enum log_level)MAX(MIN(level, (int)LOG_LEVEL_DEBUG), (int)LOG_LEVEL_ERROR));
}

int program_main(const struct program *p, int argc, char **argv)
{
	const struct subcommand *s;
	struct err err = ERR_INIT;
	char shown[128];
	int first, r;

	log_init(p->name);
	r = opts_parse(p->name, NULL, p->global_opts, argc, argv, true, p->globals, &first, &err);
	if (r < 0)
		return opts_usage_error(p->name, NULL, &err);
	if (r == 1) {
		opts_program_help(p->name, p->description, p->global_opts, p->commands);
		return EXIT_DONE;
	}
	if (p->globals->version) {
		printf("%s %s\n", p->name, P2V_VERSION);
		return EXIT_DONE;
	}
	set_level(p->globals);
	if (first == argc) {
		err_set(&err, EINVAL, "no subcommand given");
		return opts_usage_error(p->name, NULL, &err);
	}
	if (strcmp(argv[first], "completion") == 0) {
		opts_completion(p->name, p->global_opts, p->commands);
		return EXIT_DONE;
	}
	s = find(p, argv[first]);
	if (!s) {
		err_set(&err, EINVAL, "there is no subcommand %s",
			text_escape_str(argv[first], shown, sizeof(shown)));
		return opts_usage_error(p->name, NULL, &err);
	}
	return s->run(argc - first, argv + first);
}

int program_parse(const struct program *p, const char *command, int argc, char **argv, void *cfg,
		  int want_args, int *ret_first)
{
	const struct subcommand *s = find(p, command);
	struct err err = ERR_INIT;
	char shown[128];
	int first = argc, r;

	r = opts_parse(p->name, s, s->opts, argc, argv, false, cfg, &first, &err);
	if (r == 1)
		return EXIT_DONE;
	if (r >= 0 && argc - first < (want_args == PROGRAM_ARGS_SOME ? 1 : want_args))
		r = err_set(&err, EINVAL, "an argument is missing: %s %s", s->name, s->synopsis);
	if (r >= 0 && want_args >= 0 && argc - first > want_args)
		r = err_set(&err, EINVAL, "unexpected argument %s",
			    text_escape_str(argv[first + want_args], shown, sizeof(shown)));
	if (r < 0)
		return opts_usage_error(p->name, s->name, &err);
	if (ret_first)
		*ret_first = first;
	return -1;
}
