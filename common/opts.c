/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * getopt_long does the splitting; its own messages are off, as one line with the option's name
 * as the user would look it up says more. A long option's val is its place in the table, above
 * every letter, so that a fault can be traced back to what was typed.
 */
#include "common/opts.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/size.h"
#include "common/text.h"

#define WIDTH		80
#define HELP_COLUMN	30
#define LONG_VAL	1000		/* val of the first long option */

static const struct opt no_opts[] = { { 0 } };

void opt_list_done(struct opt_list *l)
{
	free(l->v);
	*l = (struct opt_list){ 0 };
}

static size_t count_opts(const struct opt *opts)
{
	size_t n = 0;

	while (opts[n].name)
		n++;
	return n;
}

static const struct opt *opt_by_letter(const struct opt *opts, int letter)
{
	for (; opts->name; opts++) {
		if (opts->letter && (unsigned char)opts->letter == letter)
			return opts;
	}
	return NULL;
}

/* Text that begins at column col goes on at column indent; a word too long for a line is split. */
static void wrap(const char *text, size_t col, size_t indent)
{
	bool first = true;

	for (;;) {
		size_t len;

		text += strspn(text, " \n");
		if (!*text)
			break;
		len = strcspn(text, " \n");
		if (!first && col + 1 + len > WIDTH) {
			printf("\n%*s", (int)indent, "");
			col = indent;
		} else if (!first) {
			putchar(' ');
			col++;
		}
		first = false;
		while (col > WIDTH || len > WIDTH - col) {
			if (col > indent) {
				printf("\n%*s", (int)indent, "");
				col = indent;
				continue;
			}
			printf("%.*s\n%*s", (int)(WIDTH - col), text, (int)indent, "");
			text += WIDTH - col;
			len -= WIDTH - col;
		}
		printf("%.*s", (int)len, text);
		text += len;
		col += len;
	}
	putchar('\n');
}

/* One row of a two-column table. */
static void row(const char *left, const char *help)
{
	size_t len = strlen(left);

	if (len + 2 > WIDTH) {
		printf("  ");
		wrap(left, 2, 6);
	} else if (len + 4 > HELP_COLUMN) {
		printf("  %s\n", left);
	} else {
		printf("  %-*s", HELP_COLUMN - 2, left);
		wrap(help, HELP_COLUMN, HELP_COLUMN);
		return;
	}
	printf("%*s", HELP_COLUMN, "");
	wrap(help, HELP_COLUMN, HELP_COLUMN);
}

static void opt_row(const struct opt *o)
{
	char left[256];

	snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter ? '-' : ' ',
		 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? "=" : "",
		 o->arg ? o->arg : "");
	row(left, o->help);
}

static void opt_rows(const struct opt *opts)
{
	static const struct opt help = { .name = "help", .letter = 'h', .help = "show this help" };
	static const struct opt help_long = { .name = "help", .help = "show this help" };

	printf("\nOptions:\n");
	for (const struct opt *o = opts; o->name; o++)
		opt_row(o);
	opt_row(opt_by_letter(opts, 'h') ? &help_long : &help);
}

static void usage_line(const char *program, const char *sub, const char *rest)
{
	char head[128];
	int n;

	n = snprintf(head, sizeof(head), "Usage: %s%s%s ", program, *sub ? " " : "", sub);
	n = MIN(MAX(n, 0), (int)sizeof(head) - 1);
	printf("%s", head);
	wrap(rest, (size_t)n, MIN((size_t)n, (size_t)HELP_COLUMN));
}

static void sub_help(const char *program, const struct subcommand *sub, const struct opt *opts)
{
	usage_line(program, sub->name, sub->synopsis ? sub->synopsis : "[OPTION]...");
	putchar('\n');
	wrap(sub->help, 0, 0);
	opt_rows(opts);
}

void opts_program_help(const char *program, const char *description, const struct opt *global,
		       const struct subcommand *subs)
{
	usage_line(program, "", "[OPTION]... COMMAND [ARGUMENT]...");
	putchar('\n');
	wrap(description, 0, 0);
	opt_rows(global ? global : no_opts);
	printf("\nCommands:\n");
	for (const struct subcommand *s = subs; s->name; s++)
		row(s->name, s->help);
	putchar('\n');
	printf("%s COMMAND --help ", program);
	wrap("describes a command.", strlen(program) + 16, 0);
}

/* The option as the user may have typed it, for messages: "--size (-s)". */
static const char *opt_title(const struct opt *o, char *buf, size_t size)
{
	if (o->letter)
		snprintf(buf, size, "--%s (-%c)", o->name, o->letter);
	else
		snprintf(buf, size, "--%s", o->name);
	return buf;
}

static int bad_value(const struct opt *o, const char *value, const char *wanted, struct err *err)
{
	char title[80], shown[80];

	return err_set(err, EINVAL, "%s: \"%s\" is not %s", opt_title(o, title, sizeof(title)),
		       text_escape_str(value, shown, sizeof(shown)), wanted);
}

static int parse_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (!u64_mul(v, 10, &v) || !u64_add(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

static int parse_int(const char *s, int *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int r;

	r = parse_u64(s + negative, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT_MAX + negative)
		return -ERANGE;
	*ret = negative ? (int)-(int64_t)v : (int)v;
	return 0;
}

static int list_add(struct opt_list *l, const char *value, struct err *err)
{
	const char **v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return err_nomem(err);
	l->v = v;
	l->v[l->n++] = value;
	return 0;
}

static int store(const struct opt *o, const char *value, void *cfg, struct err *err)
{
	void *at = (char *)cfg + o->offset;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_COUNT:
		if (*(int *)at < INT_MAX)
			++*(int *)at;
		return 0;
	case OPT_STR:
		*(const char **)at = value;
		return 0;
	case OPT_U64:
		if (parse_u64(value, at) < 0)
			return bad_value(o, value, "a number", err);
		return 0;
	case OPT_SIZE:
		if (size_parse(value, at) < 0)
			return bad_value(o, value, "a size such as 512K or 1.5G", err);
		return 0;
	case OPT_INT:
		if (parse_int(value, at) < 0)
			return bad_value(o, value, "a number", err);
		return 0;
	case OPT_LIST:
		return list_add(at, value, err);
	}
	return err_set(err, EINVAL, "--%s: unknown kind of option", o->name);
}

static bool takes_value(const struct opt *o)
{
	return o->kind != OPT_FLAG && o->kind != OPT_COUNT;
}

/* getopt's two tables from ours. */
static int build(const struct opt *opts, bool stop_at_first, char **ret_letters,
		 struct option **ret_long, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf letters = { 0 };
	size_t n = count_opts(opts);
	struct option *longs;

	longs = calloc(n + 2, sizeof(*longs));
	if (!longs)
		return err_nomem(err);
	strbuf_add(&letters, stop_at_first ? "+:" : ":");
	for (size_t i = 0; i < n; i++) {
		longs[i].name = opts[i].name;
		longs[i].has_arg = takes_value(&opts[i]) ? required_argument : no_argument;
		longs[i].val = LONG_VAL + (int)i;
		if (opts[i].letter)
			strbuf_addf(&letters, "%c%s", opts[i].letter,
				    takes_value(&opts[i]) ? ":" : "");
	}
	longs[n] =
		(struct option){ .name = "help", .has_arg = no_argument, .val = LONG_VAL + (int)n };
	if (!opt_by_letter(opts, 'h'))
		strbuf_add(&letters, "h");
	*ret_letters = strbuf_take(&letters);
	if (!*ret_letters) {
		free(longs);
		return err_nomem(err);
	}
	*ret_long = longs;
	return 0;
}

/* What getopt did not like, from optopt. */
static int fault(const struct opt *opts, bool missing_value, char **argv, struct err *err)
{
	size_t n = count_opts(opts), len;
	char title[80], shown[80];
	const struct opt *o = NULL;

	if (optopt >= LONG_VAL && (size_t)(optopt - LONG_VAL) < n)
		o = &opts[optopt - LONG_VAL];
	else if (optopt && optopt < LONG_VAL)
		o = opt_by_letter(opts, optopt);
	if (missing_value && o)
		return err_set(err, EINVAL, "%s needs a value", opt_title(o, title, sizeof(title)));
	if (o)
		return err_set(err, EINVAL, "--%s takes no value", o->name);
	if (optopt >= LONG_VAL)
		return err_set(err, EINVAL, "--help takes no value");
	if (optopt) {
		char letter[2] = { (char)optopt };

		return err_set(err, EINVAL, "unknown option -%s",
			       text_escape_str(letter, shown, sizeof(shown)));
	}
	len = strcspn(argv[optind - 1], "=");
	text_escape(argv[optind - 1], len, shown, sizeof(shown));
	for (size_t i = 0; i < n && len > 2; i++) {
		if (strncmp(opts[i].name, argv[optind - 1] + 2, len - 2) == 0)
			return err_set(err, EINVAL, "ambiguous option %s", shown);
	}
	return err_set(err, EINVAL, "unknown option %s", shown);
}

int opts_parse(const char *program, const struct subcommand *sub, const struct opt *opts, int argc,
	       char **argv, bool stop_at_first, void *cfg, int *ret_first, struct err *err)
{
	CLEANUP(mem_free) struct option *longs = NULL;
	CLEANUP(mem_free) char *letters = NULL;
	size_t n;
	int c, r;

	if (!opts)
		opts = no_opts;
	n = count_opts(opts);
	r = build(opts, stop_at_first, &letters, &longs, err);
	if (r < 0)
		return r;
	optind = 0;	/* makes glibc start afresh, with these tables */
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct opt *o;

		if (c == '?' || c == ':')
			return fault(opts, c == ':', argv, err);
		if (c >= LONG_VAL)
			o = (size_t)(c - LONG_VAL) < n ? &opts[c - LONG_VAL] : NULL;
		else
			o = opt_by_letter(opts, c);
		if (!o) {
			if (sub)
				sub_help(program, sub, opts);
			return 1;
		}
		r = store(o, optarg, cfg, err);
		if (r < 0)
			return r;
	}
	*ret_first = optind;
	return 0;
}

static void completion_words(const struct opt *opts)
{
	for (; opts && opts->name; opts++)
		printf("--%s%s ", opts->name, opts->arg ? "=" : "");
	printf("--help");
}

void opts_completion(const char *program, const struct opt *global, const struct subcommand *subs)
{
	char fn[64];
	size_t n;

	snprintf(fn, sizeof(fn), "_%s", program);
	for (n = 0; fn[n]; n++) {
		if (fn[n] == '-' || fn[n] == '.')
			fn[n] = '_';
	}
	printf("# bash completion for %s\n", program);
	printf("%s()\n{\n", fn);
	printf("\tlocal cur=${COMP_WORDS[COMP_CWORD]} word words command= i\n\n");
	printf("\tCOMPREPLY=()\n");
	printf("\tfor ((i = 1; i < COMP_CWORD; i++)); do\n");
	printf("\t\tword=${COMP_WORDS[i]}\n");
	printf("\t\tcase $word in\n\t\t");
	for (const struct subcommand *s = subs; s->name; s++)
		printf("%s%s", s == subs ? "" : "|", s->name);
	printf(") command=$word; break ;;\n\t\tesac\n\tdone\n");
	printf("\tcase $command in\n");
	for (const struct subcommand *s = subs; s->name; s++) {
		printf("\t%s) words='", s->name);
		completion_words(s->opts);
		printf("' ;;\n");
	}
	printf("\t*) words='");
	completion_words(global);
	for (const struct subcommand *s = subs; s->name; s++)
		printf(" %s", s->name);
	printf("' ;;\n\tesac\n");
	printf("\tif [[ $cur == -* || -z $command ]]; then\n");
	printf("\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n");
	printf("\t\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n");
	printf("\tfi\n\treturn 0\n}\n");
	printf("complete -o default -F %s %s\n", fn, program);
}

int opts_usage_error(const char *program, const char *sub, const struct err *err)
{
	log_error("%s (see %s%s%s --help)", err->text, program, sub ? " " : "", sub ? sub : "");
	return EXIT_USAGE;
}
