/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See jsonpos.h. Each level scans its members in one go and steps into the one that was found. */
#include "common/jsonpos.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct place {
	const char *at, *end;
	unsigned int line;
};

static void skip_space(struct place *p)
{
	while (p->at < p->end &&
	       (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')) {
		if (*p->at == '\n')
			p->line++;
		p->at++;
	}
}

/* p stands at what must be c. */
static bool take(struct place *p, char c)
{
	if (p->at >= p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* A string with its quotes; JSON has no newline in one. *ret is what is between them. */
static bool take_string(struct place *p, const char **ret, size_t *ret_len)
{
	const char *s;

	if (!take(p, '"'))
		return false;
	s = p->at;
	while (p->at < p->end && *p->at != '"') {
		if (*p->at == '\n' || (*p->at == '\\' && ++p->at == p->end))
			return false;
		p->at++;
	}
	*ret = s;
	*ret_len = (size_t)(p->at - s);
	return take(p, '"');
}

/* Over a whole value. What is inside lists and objects is only counted. */
static bool skip_value(struct place *p)
{
	size_t depth = 0;

	do {
		const char *s, *from;
		size_t n;

		skip_space(p);
		if (p->at >= p->end)
			return false;
		switch (*p->at) {
		case '"':
			if (!take_string(p, &s, &n))
				return false;
			break;
		case '{':
		case '[':
			depth++;
			p->at++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return false;
			depth--;
			p->at++;
			break;
		case ',':
		case ':':
			if (depth == 0)
				return false;
			p->at++;
			break;
		default:
			from = p->at;
			while (p->at < p->end && !strchr(" \t\r\n\",:[]{}", *p->at))
				p->at++;
			if (p->at == from)
				return false;	/* a NUL: strchr() finds it */
		}
	} while (depth > 0);
	return true;
}

/* How much of the path the name is, with its quotes; 0: the path goes elsewhere. */
static size_t name_matches(const char *path, const char *name, size_t len)
{
	size_t quotes = *path == '"';

	/* The path's end ends the comparison; a NUL in the name must not. */
	if (len == 0 || memchr(name, '\0', len) || strncmp(path + quotes, name, len) != 0)
		return 0;
	if (quotes)
		return path[len + 1] == '"' ? len + 2 : 0;
	return strchr(" :.[", path[len]) ? len : 0;
}

/*
 * p stands at an object: step to the value of the member that the path names, *path behind its
 * name, *ret_line at the name. False: there is none.
 */
static bool step_member(struct place *p, const char **path, unsigned int *ret_line)
{
	struct place found = { 0 };
	size_t best = 0;

	if (!take(p, '{'))
		return false;
	for (;;) {
		unsigned int line;
		const char *name;
		size_t len, n;

		skip_space(p);
		line = p->line;
		if (!take_string(p, &name, &len))
			break;
		skip_space(p);
		if (!take(p, ':'))
			break;
		skip_space(p);
		n = name_matches(*path, name, len);
		if (n > best) {
			best = n;
			found = *p;
			*ret_line = line;
		}
		if (!skip_value(p))
			break;
		skip_space(p);
		if (!take(p, ','))
			break;
	}
	if (best == 0)
		return false;
	*p = found;
	*path += best;
	return true;
}

/* The same for a list, and "[N]" in the path. */
static bool step_place(struct place *p, const char **path, unsigned int *ret_line)
{
	const char *s = *path + 1;
	size_t n = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (n > 100000000)
			return false;
		n = n * 10 + (size_t)(*s - '0');
	}
	if (*s != ']' || !take(p, '['))
		return false;
	for (skip_space(p); n > 0; n--) {
		if (!skip_value(p))
			return false;
		skip_space(p);
		if (!take(p, ','))
			return false;
		skip_space(p);
	}
	if (p->at >= p->end || *p->at == ']')
		return false;
	*path = s + 1;
	*ret_line = p->line;
	return true;
}

int jsonpos_line(const char *text, size_t len, const char *path, unsigned int *ret_line)
{
	struct place p = { .at = text, .end = text + len, .line = 1 };
	bool any = false;

	skip_space(&p);
	if (p.at >= p.end || (*p.at != '{' && *p.at != '['))
		return -EBADMSG;
	for (;;) {
		bool more = *path == '[' ? step_place(&p, &path, ret_line) :
					   step_member(&p, &path, ret_line);

		if (!more)
			return any ? 0 : -ENOENT;
		any = true;
		if (*path == '.')
			path++;
		else if (path[0] == ':' && path[1] == ' ')
			path += 2;
		else if (*path != '[')
			return 0;
	}
}
