/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A parser by descent: one function for each thing that can stand in the text. */
#include "disk/lvm/lvm_text.h"

#include <stdlib.h>
#include <string.h>
#include "common/bytes.h"

#define DEPTH_MAX	16

/* Children's children are few levels deep (DEPTH_MAX); siblings are a loop. */
void lvm_text_free(struct lvm_node *n)
{
	while (n) {
		struct lvm_node *next = n->next;

		lvm_text_free(n->children);
		free(n->name);
		free(n->string);
		free(n);
		n = next;
	}
}

struct parser {
	const struct lvm_source *s;
	const char *p, *end;
};

static void skip_blanks(struct parser *x)
{
	while (x->p < x->end) {
		if (*x->p == '#') {
			while (x->p < x->end && *x->p != '\n')
				x->p++;
		} else if (*x->p == ' ' || *x->p == '\t' || *x->p == '\n') {
			x->p++;
		} else {
			return;
		}
	}
}

/* Is c the next thing? Then it is taken. */
static bool take(struct parser *x, char c)
{
	skip_blanks(x);
	if (x->p == x->end || *x->p != c)
		return false;
	x->p++;
	return true;
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '+';
}

static int parse_string(struct parser *x, struct lvm_node *n)
{
	size_t len = 0;
	char *to;

	/* No longer than up to its quote, or the end of its line. */
	for (const char *p = x->p; p < x->end && *p != '"' && *p != '\n'; p++, len++) {
		if (*p == '\\' && p + 1 < x->end && p[1] != '\n') {
			p++;
			len++;
		}
	}
	n->string = to = malloc(len + 1);
	if (!to)
		return err_nomem(x->s->err);
	n->kind = LVM_STRING;
	while (x->p < x->end && *x->p != '\n' && *x->p != '\0') {
		char c = *x->p++;

		if (c == '"') {
			*to = '\0';
			return 1;
		}
		if (c == '\\') {
			if (x->p == x->end || (*x->p != '"' && *x->p != '\\'))
				break;
			c = *x->p++;
		}
		*to++ = c;
	}
	*to = '\0';
	return lvm_source_doubt(x->s, "a string in the LVM metadata does not end");
}

static int parse_number(struct parser *x, struct lvm_node *n)
{
	const char *start = x->p;

	n->kind = LVM_NUMBER;
	for (; x->p < x->end && *x->p >= '0' && *x->p <= '9'; x->p++)
		if (!u64_mul(n->number, 10, &n->number) ||
		    !u64_add(n->number, (uint64_t)(*x->p - '0'), &n->number))
			return lvm_source_doubt(x->s, "a number in the LVM metadata is too large");
	if (x->p == start || (x->p < x->end && name_char(*x->p)))
		return lvm_source_doubt(x->s, "the LVM metadata cannot be parsed");
	return 1;
}

static int parse_scalar(struct parser *x, struct lvm_node *n)
{
	return take(x, '"') ? parse_string(x, n) : parse_number(x, n);
}

static int parse_array(struct parser *x, struct lvm_node *n)
{
	struct lvm_node **tail = &n->children;
	int r;

	n->kind = LVM_ARRAY;
	if (take(x, ']'))
		return 1;
	for (;;) {
		*tail = calloc(1, sizeof(**tail));
		if (!*tail)
			return err_nomem(x->s->err);
		r = parse_scalar(x, *tail);
		if (r <= 0)
			return r;
		tail = &(*tail)->next;
		if (take(x, ']'))
			return 1;
		if (!take(x, ','))
			return lvm_source_doubt(x->s, "the LVM metadata cannot be parsed");
	}
}

/* "name { ... }" and "name = value" up to '}' (not at the top) or the end (at the top). */
static int parse_section(struct parser *x, struct lvm_node *parent, int depth)
{
	struct lvm_node **tail = &parent->children;
	int r;

	parent->kind = LVM_SECTION;
	if (depth > DEPTH_MAX)
		return lvm_source_doubt(x->s, "the LVM metadata is nested too deeply");
	for (;;) {
		const char *name;
		struct lvm_node *n;

		skip_blanks(x);
		if (depth == 0 && x->p == x->end)
			return 1;
		if (depth > 0 && take(x, '}'))
			return 1;
		name = x->p;
		while (x->p < x->end && name_char(*x->p))
			x->p++;
		if (x->p == name)
			return lvm_source_doubt(x->s, "the LVM metadata cannot be parsed");
		*tail = n = calloc(1, sizeof(*n));
		if (!n)
			return err_nomem(x->s->err);
		tail = &n->next;
		n->name = strndup(name, (size_t)(x->p - name));
		if (!n->name)
			return err_nomem(x->s->err);

		if (take(x, '{'))
			r = parse_section(x, n, depth + 1);
		else if (!take(x, '='))
			r = lvm_source_doubt(x->s, "the LVM metadata cannot be parsed");
		else
			r = take(x, '[') ? parse_array(x, n) : parse_scalar(x, n);
		if (r <= 0)
			return r;
	}
}

int lvm_text_parse(const struct lvm_source *s, const char *text, size_t len, struct lvm_node **ret)
{
	CLEANUP(lvm_text_free) struct lvm_node *root = calloc(1, sizeof(*root));
	struct parser x = { .s = s, .p = text, .end = text + len };
	int r;

	if (!root)
		return err_nomem(s->err);
	r = parse_section(&x, root, 0);
	if (r > 0)
		*ret = TAKE_PTR(root);
	return r;
}

const struct lvm_node *lvm_text_child(const struct lvm_node *parent, const char *name,
				      enum lvm_kind kind)
{
	const struct lvm_node *found = NULL;

	for (const struct lvm_node *n = parent->children; n; n = n->next) {
		if (!n->name || strcmp(n->name, name) != 0)
			continue;
		if (found)
			return NULL;
		found = n;
	}
	return found && found->kind == kind ? found : NULL;
}

bool lvm_text_child_number(const struct lvm_node *parent, const char *name, uint64_t *ret)
{
	const struct lvm_node *n = lvm_text_child(parent, name, LVM_NUMBER);

	if (n)
		*ret = n->number;
	return n;
}

const char *lvm_text_child_string(const struct lvm_node *parent, const char *name)
{
	const struct lvm_node *n = lvm_text_child(parent, name, LVM_STRING);

	return n ? n->string : NULL;
}

bool lvm_text_only_words(const struct lvm_node *parent, const char *name,
			 const char *const *allowed)
{
	const struct lvm_node *array = lvm_text_child(parent, name, LVM_ARRAY);

	if (!array)
		return false;
	for (const struct lvm_node *n = array->children; n; n = n->next) {
		const char *const *a = allowed;

		while (*a && (n->kind != LVM_STRING || strcmp(*a, n->string) != 0))
			a++;
		if (!*a)
			return false;
	}
	return true;
}

bool lvm_text_has_word(const struct lvm_node *parent, const char *name, const char *word)
{
	const struct lvm_node *array = lvm_text_child(parent, name, LVM_ARRAY);

	for (const struct lvm_node *n = array ? array->children : NULL; n; n = n->next)
		if (n->kind == LVM_STRING && strcmp(n->string, word) == 0)
			return true;
	return false;
}

bool lvm_text_has_section(const struct lvm_node *parent, const char *name)
{
	return parent && lvm_text_child(parent, name, LVM_SECTION);
}
