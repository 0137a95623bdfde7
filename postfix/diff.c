/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/diff.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/lines.h"

#define CONTEXT		3
/* The trace of the search takes d*d ints for d differences: 4 MB at this bound. */
#define MAX_EDITS	1000

struct text {
	struct span *lines;		/* each with its newline, if it has one */
	size_t n;
};

static int split(const char *s, struct text *ret)
{
	struct line l;
	const char *p = s;
	size_t n = 0;

	while (lines_next(&p, &l))
		n++;
	ret->lines = calloc(n ? n : 1, sizeof(*ret->lines));
	if (!ret->lines)
		return -ENOMEM;
	ret->n = n;
	p = s;
	for (size_t i = 0; lines_next(&p, &l); i++)
		ret->lines[i] = (struct span){ l.s, l.full };
	return 0;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/*
 * gone[i] / come[j] say that an old line is deleted or a new line inserted. a and b are what is
 * left between the common head and tail.
 */
static int myers(const struct span *a, long n, const struct span *b, long m, bool *gone, bool *come)
{
	long max = MIN(n + m, MAX_EDITS), d, k, x, y;
	CLEANUP(mem_free) int *v = calloc((size_t)(2 * max + 3), sizeof(*v));
	CLEANUP(mem_free) int **trace = calloc((size_t)max + 1, sizeof(*trace));
	long off = max + 1;
	int r = 0;

	if (!v || !trace)
		return -ENOMEM;
	for (d = 0; d <= max; d++) {
		/* Before round d only diagonals -d+1 .. d-1 (and the initial 1) are set. */
		trace[d] = malloc((size_t)(2 * d + 3) * sizeof(**trace));
		if (!trace[d]) {
			r = -ENOMEM;
			goto out;
		}
		memcpy(trace[d], v + off - d - 1, (size_t)(2 * d + 3) * sizeof(*v));
		for (k = -d; k <= d; k += 2) {
			if (k == -d || (k != d && v[off + k - 1] < v[off + k + 1]))
				x = v[off + k + 1];
			else
				x = v[off + k - 1] + 1;
			y = x - k;
			while (x < n && y < m && same(a[x], b[y])) {
				x++;
				y++;
			}
			v[off + k] = (int)x;
			if (x >= n && y >= m)
				goto found;
		}
	}
	/* Too different to be worth showing line by line. */
	memset(gone, 1, (size_t)n * sizeof(*gone));
	memset(come, 1, (size_t)m * sizeof(*come));
	goto out;
found:
	x = n;
	y = m;
	for (; d > 0; d--) {
		const int *t = trace[d] + d + 1;	/* t[k] is diagonal k */
		long pk, px, py;

		k = x - y;
		pk = k == -d || (k != d && t[k - 1] < t[k + 1]) ? k + 1 : k - 1;
		px = t[pk];
		py = px - pk;
		if (pk == k + 1)
			come[py] = true;
		else
			gone[px] = true;
		x = px;
		y = py;
	}
out:
	for (long i = 0; i <= max && trace[i]; i++)
		free(trace[i]);
	return r;
}

static void add_line(struct strbuf *out, char mark, struct span l)
{
	strbuf_addn(out, &mark, 1);
	strbuf_addn(out, l.s, l.len);
	if (!l.len || l.s[l.len - 1] != '\n')
		strbuf_add(out, "\n\\ No newline at end of file\n");
}

static void add_range(struct strbuf *out, char mark, size_t start, size_t n)
{
	/* An empty range names the line before it, as diff does. */
	if (n == 1)
		strbuf_addf(out, "%c%zu", mark, start + 1);
	else
		strbuf_addf(out, "%c%zu,%zu", mark, n ? start + 1 : start, n);
}

struct script {
	const struct text *a, *b;
	const bool *gone, *come;
};

static bool at_change(const struct script *s, size_t i, size_t j)
{
	return (i < s->a->n && s->gone[i]) || (j < s->b->n && s->come[j]);
}

/* One hunk that begins at (i, j), CONTEXT lines before a change; moves both past its end. */
static void hunk(const struct script *s, size_t *pi, size_t *pj, struct strbuf *out)
{
	size_t i = *pi, j = *pj, quiet = 0;
	struct strbuf body = { 0 };

	while (i < s->a->n || j < s->b->n) {
		if (i < s->a->n && s->gone[i]) {
			add_line(&body, '-', s->a->lines[i++]);
			quiet = 0;
			continue;
		}
		if (j < s->b->n && s->come[j]) {
			add_line(&body, '+', s->b->lines[j++]);
			quiet = 0;
			continue;
		}
		if (quiet >= CONTEXT) {
			/*
			 * Go on only when the next change is so near that the contexts would
			 * touch.
			 */
			size_t ahead = 0;

			while (ahead <= CONTEXT && i + ahead < s->a->n &&
			       !at_change(s, i + ahead, j + ahead))
				ahead++;
			if (ahead > CONTEXT || !at_change(s, i + ahead, j + ahead))
				break;
		}
		add_line(&body, ' ', s->a->lines[i++]);
		j++;
		quiet++;
	}
	strbuf_add(out, "@@ ");
	add_range(out, '-', *pi, i - *pi);
	strbuf_add(out, " ");
	add_range(out, '+', *pj, j - *pj);
	strbuf_add(out, " @@\n");
	if (body.failed)
		out->failed = true;
	else if (body.len)
		strbuf_addn(out, body.s, body.len);
	strbuf_done(&body);
	*pi = i;
	*pj = j;
}

static void print(const struct script *s, struct strbuf *out)
{
	size_t i = 0, j = 0;

	while (i < s->a->n || j < s->b->n) {
		size_t ahead = 0, back;

		while (i + ahead < s->a->n && !at_change(s, i + ahead, j + ahead))
			ahead++;
		if (!at_change(s, i + ahead, j + ahead))
			return;
		back = MIN(ahead, (size_t)CONTEXT);
		i += ahead - back;
		j += ahead - back;
		hunk(s, &i, &j, out);
	}
}

static int changes(const struct text *a, const struct text *b, bool *gone, bool *come)
{
	size_t head = 0, tail = 0;

	while (head < a->n && head < b->n && same(a->lines[head], b->lines[head]))
		head++;
	while (tail < a->n - head && tail < b->n - head &&
	       same(a->lines[a->n - 1 - tail], b->lines[b->n - 1 - tail]))
		tail++;
	return myers(a->lines + head, (long)(a->n - head - tail), b->lines + head,
		     (long)(b->n - head - tail), gone + head, come + head);
}

int diff_unified(const char *path, const char *old_text, const char *new_text, char **ret)
{
	struct text a = { 0 }, b = { 0 };
	bool *gone = NULL, *come = NULL;
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *rel = path[0] == '/' ? path + 1 : path;
	int r = -ENOMEM;
	char *s;

	strbuf_add(&out, "");
	if (old_text && new_text && strcmp(old_text, new_text) == 0)
		goto done;
	if (split(old_text ? old_text : "", &a) < 0 || split(new_text ? new_text : "", &b) < 0)
		goto out;
	gone = calloc(a.n + 1, sizeof(*gone));
	come = calloc(b.n + 1, sizeof(*come));
	if (!gone || !come || changes(&a, &b, gone, come) < 0)
		goto out;
	strbuf_addf(&out, "--- %s%s\n", old_text ? "a/" : "/dev/null", old_text ? rel : "");
	strbuf_addf(&out, "+++ %s%s\n", new_text ? "b/" : "/dev/null", new_text ? rel : "");
	print(&(struct script){ &a, &b, gone, come }, &out);
done:
	s = strbuf_take(&out);
	if (!s)
		goto out;
	*ret = s;
	r = 0;
out:
	free(a.lines);
	free(b.lines);
	free(gone);
	free(come);
	return r;
}
