/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/net_yaml.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/text.h"

#define TEXT_MAX	((size_t)256 << 10)
#define DEPTH_MAX	40
#define FLOW_MAX	64	/* brackets that are open */
#define COLUMNS_MAX	4096

struct edit {
	size_t from, to;		/* bytes of the text */
	size_t order;
	char *text;
};

struct net_yaml {
	char *text;
	size_t len;
	yaml_document_t doc;
	bool loaded, failed;
	uint32_t *at;			/* byte of each character; NULL: all are ASCII */
	size_t nat;
	struct edit *edits;
	size_t nedits, cap;
	int *parent;			/* by node: the collection it stands in, and which entry */
	size_t *place;
	size_t *off, *added;		/* by node: entries switched off, entries put in */
	int nnodes;
};

/* libyaml counts characters. */
static int count_characters(struct net_yaml *y)
{
	size_t n = 0, skip = strncmp(y->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	bool ascii = skip == 0;

	for (size_t i = 0; i < y->len; i++)
		ascii = ascii && (unsigned char)y->text[i] < 0x80;
	if (ascii)
		return 0;
	y->at = calloc(y->len + 2, sizeof(*y->at));
	if (!y->at)
		return -ENOMEM;
	for (size_t i = skip; i < y->len; i++)
		if (((unsigned char)y->text[i] & 0xc0) != 0x80)
			y->at[n++] = (uint32_t)i;
	y->at[n++] = (uint32_t)y->len;
	y->nat = n;
	return 0;
}

static size_t byte_of(const struct net_yaml *y, const yaml_mark_t *m)
{
	size_t i = m->index;

	if (y->at)
		i = y->at[i < y->nat ? i : y->nat - 1];
	return i < y->len ? i : y->len;
}

static yaml_node_t *node_of(const struct net_yaml *y, int node)
{
	if (node < 1 || node > y->nnodes)
		return NULL;
	return y->doc.nodes.start + (node - 1);
}

static int index_nodes(struct net_yaml *y)
{
	size_t n;

	y->nnodes = (int)(y->doc.nodes.top - y->doc.nodes.start);
	n = (size_t)y->nnodes + 1;
	y->parent = calloc(n, sizeof(*y->parent));
	y->place = calloc(n, sizeof(*y->place));
	y->off = calloc(n, sizeof(*y->off));
	y->added = calloc(n, sizeof(*y->added));
	if (!y->parent || !y->place || !y->off || !y->added)
		return -ENOMEM;
	for (int i = 1; i <= y->nnodes; i++)
		for (size_t k = 0; k < net_yaml_count(y, i); k++) {
			int v = net_yaml_value(y, i, k);

			if (v > 0 && v <= y->nnodes && !y->parent[v]) {
				y->parent[v] = i;
				y->place[v] = k;
			}
		}
	return 0;
}

static int load(struct net_yaml *y)
{
	yaml_parser_t parser;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)y->text, y->len);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	if (!yaml_parser_load(&parser, &y->doc))
		r = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
	else
		y->loaded = true;
	if (r == 0) {
		yaml_document_t more;

		/* A second document has no place in a file of settings. */
		if (!yaml_parser_load(&parser, &more)) {
			r = parser.error == YAML_MEMORY_ERROR ? -ENOMEM : -EBADMSG;
		} else {
			if (yaml_document_get_root_node(&more))
				r = -EBADMSG;
			yaml_document_delete(&more);
		}
	}
	yaml_parser_delete(&parser);
	return r;
}

/* libyaml takes time with the square of the depth; settings are shallow, their lines short. */
static bool is_reasonable(const char *text)
{
	size_t depth = 0, column = 0;

	if (strlen(text) > TEXT_MAX)
		return false;
	for (; *text; text++) {
		if (*text == '[' || *text == '{')
			depth++;
		else if ((*text == ']' || *text == '}') && depth)
			depth--;
		column = *text == '\n' ? 0 : column + 1;
		if (depth > FLOW_MAX || column > COLUMNS_MAX)
			return false;
	}
	return true;
}

int net_yaml_open(const char *text, struct net_yaml **ret)
{
	CLEANUP(net_yaml_free) struct net_yaml *y = NULL;
	int r;

	if (!is_reasonable(text))
		return -EBADMSG;
	y = calloc(1, sizeof(*y));
	if (!y)
		return -ENOMEM;
	y->text = strdup(text);
	if (!y->text)
		return -ENOMEM;
	y->len = strlen(text);
	r = count_characters(y);
	if (r >= 0)
		r = load(y);
	if (r >= 0)
		r = index_nodes(y);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(y);
	return 0;
}

void net_yaml_free(struct net_yaml *y)
{
	if (!y)
		return;
	for (size_t i = 0; i < y->nedits; i++)
		free(y->edits[i].text);
	if (y->loaded)
		yaml_document_delete(&y->doc);
	free(y->edits);
	free(y->parent);
	free(y->place);
	free(y->off);
	free(y->added);
	free(y->at);
	free(y->text);
	free(y);
}

/* -- looking */

int net_yaml_root(const struct net_yaml *y)
{
	return y->nnodes > 0 ? 1 : 0;
}

bool net_yaml_is_map(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);

	return n && n->type == YAML_MAPPING_NODE;
}

bool net_yaml_is_list(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);

	return n && n->type == YAML_SEQUENCE_NODE;
}

size_t net_yaml_count(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);

	if (n && n->type == YAML_MAPPING_NODE)
		return (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
	if (n && n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	return 0;
}

int net_yaml_key(const struct net_yaml *y, int node, size_t i)
{
	const yaml_node_t *n = node_of(y, node);

	return n && n->type == YAML_MAPPING_NODE && i < net_yaml_count(y, node) ?
		       n->data.mapping.pairs.start[i].key : 0;
}

int net_yaml_value(const struct net_yaml *y, int node, size_t i)
{
	const yaml_node_t *n = node_of(y, node);

	if (!n || i >= net_yaml_count(y, node))
		return 0;
	return n->type == YAML_MAPPING_NODE ? n->data.mapping.pairs.start[i].value :
					      n->data.sequence.items.start[i];
}

const char *net_yaml_scalar(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);
	const char *s;

	if (!n || n->type != YAML_SCALAR_NODE)
		return NULL;
	s = (const char *)n->data.scalar.value;
	return strlen(s) == n->data.scalar.length ? s : NULL;
}

bool net_yaml_is(const struct net_yaml *y, int node, const char *text)
{
	const char *s = net_yaml_scalar(y, node);

	return s && strcmp(s, text) == 0;
}

bool net_yaml_find(const struct net_yaml *y, int map, const char *key, size_t *ret_i)
{
	for (size_t i = 0; net_yaml_is_map(y, map) && i < net_yaml_count(y, map); i++)
		if (net_yaml_is(y, net_yaml_key(y, map, i), key)) {
			*ret_i = i;
			return true;
		}
	return false;
}

int net_yaml_get(const struct net_yaml *y, int map, const char *key)
{
	size_t i;

	return net_yaml_find(y, map, key, &i) ? net_yaml_value(y, map, i) : 0;
}

/* -- where things stand */

static size_t line_start(const struct net_yaml *y, size_t at)
{
	while (at > 0 && y->text[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the newline. */
static size_t line_end(const struct net_yaml *y, size_t at)
{
	while (at < y->len && y->text[at] != '\n')
		at++;
	return at < y->len ? at + 1 : at;
}

static bool is_flow(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);

	if (n && n->type == YAML_MAPPING_NODE)
		return n->data.mapping.style == YAML_FLOW_MAPPING_STYLE;
	if (n && n->type == YAML_SEQUENCE_NODE)
		return n->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
	return false;
}

static size_t node_start(const struct net_yaml *y, int node)
{
	const yaml_node_t *n = node_of(y, node);

	return n ? byte_of(y, &n->start_mark) : 0;
}

/*
 * Behind the last byte of a node. libyaml ends a block where the next thing begins, so a block
 * ends with what is last in it. An alias may stand anywhere: what is before the start is none.
 */
static size_t node_end(const struct net_yaml *y, int node, unsigned int depth)
{
	const yaml_node_t *n = node_of(y, node);
	size_t count = net_yaml_count(y, node), start = node_start(y, node), end = 0;

	if (!n)
		return 0;
	if (n->type == YAML_SCALAR_NODE || is_flow(y, node) || !count || depth > DEPTH_MAX)
		return byte_of(y, &n->end_mark);
	for (size_t i = count; i > 0 && end <= start; i--) {
		int key = net_yaml_key(y, node, i - 1);

		end = node_end(y, net_yaml_value(y, node, i - 1), depth + 1);
		if (key && end < node_end(y, key, depth + 1))
			end = node_end(y, key, depth + 1);
	}
	return end > start ? end : byte_of(y, &n->end_mark);
}

static size_t entry_start(const struct net_yaml *y, int node, size_t i)
{
	int key = net_yaml_key(y, node, i);

	return node_start(y, key ? key : net_yaml_value(y, node, i));
}

static size_t entry_end(const struct net_yaml *y, int node, size_t i)
{
	int key = net_yaml_key(y, node, i);
	size_t end = node_end(y, net_yaml_value(y, node, i), 0);
	size_t start = entry_start(y, node, i);

	if (key && end < node_end(y, key, 0))
		end = node_end(y, key, 0);
	return end > start ? end : start;
}

/* Entries of a block that have whole lines for themselves. */
static bool lines_of(const struct net_yaml *y, int node, size_t i, size_t *from, size_t *to)
{
	size_t start = entry_start(y, node, i), end = entry_end(y, node, i);
	bool list = net_yaml_is_list(y, node);
	bool dash = false;

	*from = line_start(y, start);
	for (size_t p = *from; p < start; p++) {
		if (y->text[p] == '-' && list && !dash)
			dash = true;
		else if (y->text[p] != ' ')
			return false;
	}
	if (list != dash)
		return false;
	/* The end of a block scalar is the start of the line behind it. */
	if (end > start && y->text[end - 1] == '\n')
		*to = end;
	else
		*to = line_end(y, end);
	/* The next entry must not start in there. */
	return i + 1 >= net_yaml_count(y, node) || entry_start(y, node, i + 1) >= *to;
}

/* -- changing */

static void add_edit(struct net_yaml *y, size_t from, size_t to, char *text)
{
	if (!text || y->failed || from > to) {
		y->failed = y->failed || !text;
		free(text);
		return;
	}
	for (size_t i = 0; i < y->nedits; i++)
		if (from < to && y->edits[i].from == from && y->edits[i].to == to) {
			/* The same node by another name. */
			free(y->edits[i].text);
			y->edits[i].text = text;
			return;
		}
	if (y->nedits == y->cap) {
		size_t cap = y->cap ? y->cap * 2 : 16;
		struct edit *v = reallocarray(y->edits, cap, sizeof(*v));

		if (!v) {
			y->failed = true;
			free(text);
			return;
		}
		y->edits = v;
		y->cap = cap;
	}
	y->edits[y->nedits] = (struct edit){ from, to, y->nedits, text };
	y->nedits++;
}

bool net_yaml_set(struct net_yaml *y, int node, const char *text)
{
	const yaml_node_t *n = node_of(y, node);

	if (!n || (n->type != YAML_SCALAR_NODE && !is_flow(y, node)))
		return false;
	if (n->type == YAML_SCALAR_NODE && (n->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
					    n->data.scalar.style == YAML_FOLDED_SCALAR_STYLE))
		return false;
	/* Nothing is there: "key:" */
	if (byte_of(y, &n->start_mark) == byte_of(y, &n->end_mark)) {
		int map = y->parent[node];
		size_t end = map ? node_end(y, net_yaml_key(y, map, y->place[node]), 0) : 0;

		if (!end || y->text[end] != ':')
			return false;
		add_edit(y, end + 1, end + 1, text_format(" %s", text));
		return true;
	}
	add_edit(y, byte_of(y, &n->start_mark), byte_of(y, &n->end_mark), strdup(text));
	return true;
}

void net_yaml_rename(struct net_yaml *y, int map, size_t i, const char *key)
{
	(void)net_yaml_set(y, net_yaml_key(y, map, i), key);
}

/* The lines with '#' in front. */
static char *commented(const struct net_yaml *y, size_t from, size_t to)
{
	struct strbuf b = { 0 };

	while (from < to) {
		size_t end = line_end(y, from);

		/* What is a comment already stays one. */
		if (y->text[from] != '#')
			strbuf_add(&b, "#");
		strbuf_addn(&b, y->text + from, end - from);
		from = end;
	}
	return strbuf_take(&b);
}

static void cut_flow(struct net_yaml *y, int node, size_t i)
{
	size_t from = entry_start(y, node, i), to = entry_end(y, node, i);

	/* Behind the last one a comma may stay: that is good YAML. */
	if (i + 1 < net_yaml_count(y, node))
		to = entry_start(y, node, i + 1);
	add_edit(y, from, to, strdup(""));
}

bool net_yaml_off(struct net_yaml *y, int node, size_t i)
{
	size_t from, to, count = net_yaml_count(y, node);
	int parent;

	if (i >= count)
		return false;
	parent = y->parent[node];
	/* All of them gone: the whole of it goes, as an empty one may not be taken. */
	if (y->off[node] + 1 >= count && !y->added[node] && parent && parent != node)
		return net_yaml_off(y, parent, y->place[node]);
	if (is_flow(y, node)) {
		cut_flow(y, node, i);
	} else {
		if (!lines_of(y, node, i, &from, &to))
			return false;
		add_edit(y, from, to, commented(y, from, to));
	}
	y->off[node]++;
	return true;
}

void net_yaml_insert(struct net_yaml *y, int node, const char *text)
{
	size_t start, line, from, to;
	const char *dash = net_yaml_is_list(y, node) ? "- " : "";

	if (!net_yaml_count(y, node))
		return;
	start = entry_start(y, node, 0);
	y->added[node]++;
	if (is_flow(y, node)) {
		add_edit(y, start, start, text_format("%s, ", text));
		return;
	}
	line = line_start(y, start);
	if (*dash) {
		while (start > line && y->text[start - 1] != '-')
			start--;
		start -= start > line;
	}
	/* A line of its own; but in "- key: value", behind the dash. */
	if (lines_of(y, node, 0, &from, &to))
		add_edit(y, line, line,
			 text_format("%*s%s%s\n", (int)(start - line), "", dash, text));
	else
		add_edit(y, start, start,
			 text_format("%s%s\n%*s", dash, text, (int)(start - line), ""));
}

void net_yaml_put(struct net_yaml *y, int map, const char *key, const char *text)
{
	CLEANUP(mem_free) char *both = text_format("%s: %s", key, text);
	size_t i;

	if (!both) {
		y->failed = true;
		return;
	}
	if (net_yaml_find(y, map, key, &i)) {
		if (net_yaml_set(y, net_yaml_value(y, map, i), text))
			return;
		net_yaml_insert(y, map, both);
		(void)net_yaml_off(y, map, i);
		return;
	}
	net_yaml_insert(y, map, both);
}

/* Column of the entries of a block. */
static size_t indent_of(const struct net_yaml *y, int node)
{
	size_t start = entry_start(y, node, 0);

	return start - line_start(y, start);
}

bool net_yaml_move(struct net_yaml *y, int from, size_t i, int to)
{
	struct strbuf b = { 0 };
	size_t start, end, last_from, last_to, old, new;
	size_t count = net_yaml_count(y, to);

	if (is_flow(y, from) || is_flow(y, to) || !count || !net_yaml_is_map(y, to) ||
	    !lines_of(y, from, i, &start, &end) ||
	    !lines_of(y, to, count - 1, &last_from, &last_to))
		return false;
	old = indent_of(y, from);
	new = indent_of(y, to);
	if (last_to > 0 && y->text[last_to - 1] != '\n')
		strbuf_add(&b, "\n");
	for (size_t at = start; at < end;) {
		size_t stop = line_end(y, at), blank = 0;

		while (blank < old && at + blank < stop && y->text[at + blank] == ' ')
			blank++;
		/* Comments may stand further out. */
		strbuf_addf(&b, "%*s", (int)new, "");
		strbuf_addn(&b, y->text + at + blank, stop - at - blank);
		at = stop;
	}
	if (b.len && !b.failed && b.s[b.len - 1] != '\n')
		strbuf_add(&b, "\n");
	y->added[to]++;
	add_edit(y, last_to, last_to, strbuf_take(&b));
	if (net_yaml_count(y, from) == y->off[from] + 1 && y->parent[from]) {
		size_t head = entry_start(y, y->parent[from], y->place[from]);

		/* "bonds:" itself, up to its first entry. */
		add_edit(y, line_start(y, head), end, strdup(""));
	} else {
		add_edit(y, start, end, strdup(""));
	}
	y->off[from]++;
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct edit *x = a, *z = b;

	if (x->from != z->from)
		return x->from < z->from ? -1 : 1;
	/* Insertions first; then the larger one, which swallows the others. */
	if ((x->from == x->to) != (z->from == z->to))
		return x->from == x->to ? -1 : 1;
	if (x->to != z->to)
		return x->to > z->to ? -1 : 1;
	return x->order < z->order ? -1 : 1;
}

int net_yaml_take(struct net_yaml *y, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	size_t at = 0;

	if (y->failed)
		return -ENOMEM;
	if (!y->nedits)
		return 0;
	qsort(y->edits, y->nedits, sizeof(*y->edits), by_place);
	for (size_t i = 0; i < y->nedits; i++) {
		const struct edit *e = &y->edits[i];

		if (e->from < at)
			continue;	/* within what has been replaced */
		strbuf_addn(&b, y->text + at, e->from - at);
		strbuf_add(&b, e->text);
		at = e->to;
	}
	strbuf_add(&b, y->text + at);
	if (b.failed)
		return -ENOMEM;
	if (strcmp(b.s, y->text) == 0)
		return 0;
	*ret = strbuf_take(&b);
	return *ret ? 1 : -ENOMEM;
}
