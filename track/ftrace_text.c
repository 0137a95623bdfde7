/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ftrace_text.h. A cursor runs over the line; it never passes the end. */
#include "track/ftrace_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
	const char *p, *end;
};

static bool take(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
		return false;
	c->p += n;
	return true;
}

static bool number(struct cursor *c, uint64_t max, uint64_t *ret)
{
	const char *start = c->p;
	uint64_t v = 0;

	while (c->p < c->end && isdigit((unsigned char)*c->p)) {
		unsigned int digit = (unsigned int)(*c->p - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
		c->p++;
	}
	*ret = v;
	return c->p > start;
}

static bool number32(struct cursor *c, uint32_t *ret)
{
	uint64_t v;

	if (!number(c, UINT32_MAX, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* An F in front is a flush before it; at the second place it would be forced unit access. */
static bool letters(struct cursor *c, bool *ret_reads)
{
	const char *start = c->p;

	while (c->p < c->end && isalpha((unsigned char)*c->p))
		c->p++;
	if (c->p == start || c->p - start > 15)
		return false;
	if (*start == 'F' && c->p - start > 1)
		start++;
	*ret_reads = *start == 'R';
	return true;
}

/* The command of a request, in hexadecimal and mostly empty. */
static bool command(struct cursor *c)
{
	if (!take(c, "("))
		return false;
	while (c->p < c->end && *c->p != ')')
		c->p++;
	return take(c, ") ");
}

static int lost(struct cursor *c, struct ftrace_line *ret)
{
	uint64_t cpu;

	if (!number(c, UINT32_MAX, &cpu) || !take(c, " [LOST "))
		return -EBADMSG;
	ret->kind = FTRACE_LOST;
	/* A kernel that cannot tell how many writes no number. */
	if (!number(c, UINT64_MAX, &ret->lost))
		ret->lost = 1;
	return 0;
}

int ftrace_text_line(const char *line, size_t len, struct ftrace_line *ret)
{
	struct cursor c = { line, line + len };
	bool complete;

	*ret = (struct ftrace_line){ 0 };
	while (c.p < c.end && *c.p == ' ')
		c.p++;
	if (take(&c, "CPU:"))
		return lost(&c, ret);
	complete = take(&c, "block_rq_complete: ");
	if (!complete && !take(&c, "block_bio_queue: "))
		return 0;
	if (!number32(&c, &ret->major) || !take(&c, ",") || !number32(&c, &ret->minor) ||
	    !take(&c, " ") || !letters(&c, &ret->reads) || !take(&c, " ") ||
	    (complete && !command(&c)) || !number(&c, UINT64_MAX, &ret->sector) ||
	    !take(&c, " + ") || !number(&c, UINT32_MAX, &ret->sectors))
		return -EBADMSG;
	ret->kind = complete ? FTRACE_COMPLETE : FTRACE_QUEUE;
	return 0;
}

/* A field's line ends its declaration with the name, and "[" or ";". */
static bool has_field(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p++)
		if (p > text && (p[-1] == ' ' || p[-1] == '\t') && (p[n] == ';' || p[n] == '['))
			return true;
	return false;
}

int ftrace_text_format(const char *text, bool complete)
{
	static const char *const fields[] = { "dev", "sector", "nr_sector", "rwbs" };
	const char *print = strstr(text, "print fmt: ");
	const char *want = complete ? "\"%d,%d %s (%s) %llu + %u" : "\"%d,%d %s %llu + %u";

	if (!print)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!has_field(text, fields[i]))
			return -ENOENT;
	return strncmp(print + strlen("print fmt: "), want, strlen(want)) == 0 ? 0 : -EBADMSG;
}

int ftrace_text_stats(const char *text, uint64_t *ret_lost)
{
	static const char *const rows[] = { "overrun: ", "commit overrun: ", "dropped events: " };
	bool any = false;
	uint64_t sum = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct cursor c = { text, text + len };
			uint64_t n;

			if (!take(&c, rows[i]))
				continue;
			if (!number(&c, UINT64_MAX, &n))
				return -EBADMSG;
			sum = sum + n < sum ? UINT64_MAX : sum + n;
			any = true;
		}
		text += len + (text[len] == '\n');
	}
	if (!any)
		return -EBADMSG;
	*ret_lost = sum;
	return 0;
}
