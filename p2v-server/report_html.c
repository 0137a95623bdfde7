/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page. Every text from the machine or the guest goes through add_text(), which escapes it. */
#include <inttypes.h>
#include <string.h>

#include "common/jsonx.h"
#include "common/size.h"
#include "p2v-server/diskmap.h"
#include "p2v-server/report.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
	":root{--ink:#1d2733;--dim:#5c6b7a;--line:#d9e0e7;--data:#2f6fb5;--zero:#a9c7e6;--free:#"
	"e8edf2;--bad:#c8321e;--ok:#23784b;--warn:#9a6200}\n"
	"body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);margin:2rem "
	"auto;max-width:70rem;padding:0 1rem}\n"
	"h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem;border-"
	"bottom:1px solid var(--line)}\n"
	"table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .8rem "
	".25rem 0;vertical-align:top}td:first-child{white-space:nowrap}\n"
	"th{color:var(--dim);font-weight:600}tr+tr td{border-top:1px solid var(--line)}\n"
	"code,pre{font:13px/1.45 "
	"ui-monospace,monospace}pre{background:#f6f8fa;padding:.6rem;overflow-x:auto;margin:.3rem "
	"0}\n"
	".map{width:100%;height:auto;background:#fff}.data{fill:var(--data)}.zero{fill:var(--zero)}"
	".free{fill:var(--free)}\n"
	".bad{fill:var(--bad)}.absent{fill:#fff;stroke:var(--bad)}.key "
	"span{display:inline-block;width:.9em;height:.9em;margin:0 .3em 0 "
	"1em;vertical-align:-.1em}\n"
	".state{font-weight:600}.applied,.not-needed{color:var(--ok)}.failed{color:var(--bad)}."
	"skipped,.would-apply{color:var(--warn)}\n"
	".warning{background:#fff6e5;border-left:4px solid var(--warn);padding:.4rem "
	".8rem;margin:.4rem 0}.dim{color:var(--dim)}\n"
	".add{color:var(--ok)}.del{color:var(--bad)}@media(max-width:40rem){td,th{padding-right:."
	"4rem}}\n</style>\n";

static void add_text(struct strbuf *b, const char *s)
{
	CLEANUP(mem_free) char *safe = text_escape_xml(s ? s : "-");

	if (!safe)
		b->failed = true;
	else
		strbuf_add(b, safe);
}

static const char *str(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static uint64_t num(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static void add_size(struct strbuf *b, uint64_t bytes)
{
	char buf[SIZE_TEXT_MAX];

	strbuf_add(b, size_format(bytes, buf));
}

static void row(struct strbuf *b, const char *name, const char *value)
{
	strbuf_addf(b, "<tr><th>%s</th><td>", name);
	add_text(b, value);
	strbuf_add(b, "</td></tr>\n");
}

static void cell(struct strbuf *b, const char *text)
{
	strbuf_add(b, "<td>");
	add_text(b, text);
	strbuf_add(b, "</td>");
}

static void cell_size(struct strbuf *b, uint64_t bytes)
{
	strbuf_add(b, "<td>");
	add_size(b, bytes);
	strbuf_add(b, "</td>");
}

static void warning(struct strbuf *b, const char *text)
{
	strbuf_add(b, "<div class=\"warning\">");
	add_text(b, text);
	strbuf_add(b, "</div>\n");
}

static void section_job(struct strbuf *b, const json_t *report)
{
	const json_t *job = json_object_get(report, "job"), *m = json_object_get(report, "machine");
	const json_t *smbios = json_object_get(m, "smbios"), *os = json_object_get(m, "os"),
		     *warnings = json_object_get(job, "warnings");

	strbuf_add(b, "<h1>");
	add_text(b, str(job, "name"));
	strbuf_add(b, "</h1><p class=\"dim\">physical to virtual conversion report, ");
	add_text(b, str(job, "updated"));
	strbuf_add(b, "</p>\n");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		warning(b, json_string_value(json_array_get(warnings, i)));
	strbuf_add(b, "<table>\n");
	row(b, "State", str(job, "state"));
	row(b, "Consistency", str(job, "consistency"));
	row(b, "Source machine",
	    str(smbios, "product_name") ? str(smbios, "product_name") : str(m, "hostname"));
	row(b, "Serial number", str(smbios, "product_serial"));
	row(b, "Operating system",
	    str(os, "pretty_name") ? str(os, "pretty_name")
				   : str(json_object_get(report, "guest"), "os"));
	row(b, "Copied by", str(job, "agent"));
	row(b, "Domain XML", str(job, "domain_xml"));
	strbuf_add(b, "</table>\n");
}

static void parts_table(struct strbuf *b, const json_t *source, const char *disk)
{
	const json_t *disks = json_object_get(source, "disks"), *parts = NULL;

	for (size_t i = 0; i < json_array_size(disks); i++) {
		const json_t *d = json_array_get(disks, i);

		if (str(d, "name") && strcmp(str(d, "name"), disk) == 0)
			parts = json_object_get(d, "parts");
	}
	if (json_array_size(parts) == 0)
		return;
	strbuf_add(b, "<table><tr><th>Part</th><th>Kind</th><th>Size</th><th>Used</th><th>Free</"
		      "th><th>Why</th></tr>\n");
	for (size_t i = 0; i < json_array_size(parts); i++) {
		const json_t *p = json_array_get(parts, i);

		strbuf_add(b, "<tr>");
		cell(b, str(p, "name"));
		cell(b, str(p, "kind"));
		cell_size(b, num(p, "length"));
		cell_size(b, num(p, "used"));
		cell_size(b, num(p, "free"));
		cell(b, str(p, "why"));
		strbuf_add(b, "</tr>\n");
	}
	strbuf_add(b, "</table>\n");
}

static void section_disks(struct strbuf *b, const json_t *report, const struct journal *journal)
{
	const json_t *images = json_object_get(json_object_get(report, "job"), "images");

	strbuf_add(b, "<h2>Disks</h2>\n<p class=\"key\">"
		      "<span style=\"background:var(--data)\"></span>data<span "
		      "style=\"background:var(--zero)\"></span>zero"
		      "<span style=\"background:var(--free)\"></span>free, not copied<span "
		      "style=\"background:var(--bad)\"></span>unreadable</p>\n");
	for (size_t i = 0; i < json_array_size(images) && i < journal->ndisks; i++) {
		const json_t *im = json_array_get(images, i), *bad = json_object_get(im, "bad");

		strbuf_add(b, "<h3>");
		add_text(b, str(im, "disk"));
		strbuf_add(b, " <span class=\"dim\">");
		add_text(b, str(im, "source"));
		strbuf_add(b, ", ");
		add_size(b, num(im, "virtual_size"));
		strbuf_add(b, ": data ");
		add_size(b, num(im, "data"));
		strbuf_add(b, ", zero ");
		add_size(b, num(im, "zero"));
		strbuf_add(b, ", free ");
		add_size(b, num(im, "free"));
		strbuf_add(b, "</span></h3>\n");
		diskmap_svg(b, &journal->disks[i], str(im, "disk"));
		strbuf_add(b, "<table>\n");
		row(b, "Image", str(im, "path"));
		row(b, "Replica", str(im, "replica"));
		row(b, "Digest of the replica's content", str(im, "digest"));
		strbuf_add(b, "</table>\n");
		for (size_t k = 0; k < json_array_size(bad); k++)
			strbuf_addf(b,
				    "<div class=\"warning\">unreadable on the source, zeroes in "
				    "the image: %" PRIu64 " bytes at offset 0x%" PRIx64 "</div>\n",
				    num(json_array_get(bad, k), "length"),
				    num(json_array_get(bad, k), "offset"));
		parts_table(b, json_object_get(report, "source"),
			    str(im, "disk") ? str(im, "disk") : "");
	}
}

/* A diff with its lines coloured; line by line, because each one is foreign text. */
static void add_diff(struct strbuf *b, const char *diff)
{
	strbuf_add(b, "<pre>");
	while (*diff) {
		size_t n = strcspn(diff, "\n");
		CLEANUP(mem_free) char *line = strndup(diff, n);
		const char *class = *diff == '+' ? "add" : *diff == '-' ? "del" : "ctx";

		strbuf_addf(b, "<span class=\"%s\">", class);
		if (line)
			add_text(b, line);
		else
			b->failed = true;
		strbuf_add(b, "</span>\n");
		diff += n + (diff[n] == '\n');
	}
	strbuf_add(b, "</pre>\n");
}

static void fix_row(struct strbuf *b, const json_t *f)
{
	const json_t *changes = json_object_get(f, "changes");
	const char *state = str(f, "state") ? str(f, "state") : "";

	strbuf_add(b, "<tr><td><code>");
	add_text(b, str(f, "id"));
	strbuf_add(b, "</code><br><span class=\"state ");
	add_text(b, state);
	strbuf_add(b, "\">");
	add_text(b, state);
	strbuf_add(b, "</span></td><td><strong>");
	add_text(b, str(f, "title"));
	strbuf_add(b, "</strong>");
	if (str(f, "detail")) {
		strbuf_add(b, "<br>");
		add_text(b, str(f, "detail"));
	}
	for (size_t i = 0; i < json_array_size(changes); i++) {
		const json_t *c = json_array_get(changes, i);

		strbuf_add(b, "<details><summary>");
		add_text(b, str(c, "what"));
		strbuf_add(b, " <code>");
		add_text(b, str(c, "path"));
		strbuf_add(b, "</code></summary>\n");
		if (str(c, "diff"))
			add_diff(b, str(c, "diff"));
		strbuf_add(b, "</details>\n");
	}
	if (json_array_size(changes) > 0 && str(f, "undo")) {
		strbuf_add(b, "<span class=\"dim\">To take it back: ");
		add_text(b, str(f, "undo"));
		strbuf_add(b, "</span>");
	}
	strbuf_add(b, "</td></tr>\n");
}

static void section_guest(struct strbuf *b, const json_t *guest)
{
	const json_t *fixes = json_object_get(guest, "fixes"),
		     *warnings = json_object_get(guest, "warnings");

	if (!json_is_object(guest))
		return;
	strbuf_add(b, "<h2>Changes in the guest</h2>\n");
	for (size_t i = 0; i < json_array_size(warnings); i++)
		warning(b, json_string_value(json_array_get(warnings, i)));
	strbuf_add(b, "<table>\n");
	for (size_t i = 0; i < json_array_size(fixes); i++)
		fix_row(b, json_array_get(fixes, i));
	strbuf_add(b, "</table>\n");
}

int report_html(const json_t *report, const struct journal *journal, char **ret, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	const json_t *job = json_object_get(report, "job");

	strbuf_add(&b, head);
	strbuf_add(&b, "<title>p2v: ");
	add_text(&b, str(job, "name"));
	strbuf_add(&b, "</title></head><body>\n");
	section_job(&b, report);
	section_disks(&b, report, journal);
	section_guest(&b, json_object_get(report, "guest"));
	strbuf_add(&b, "<h2>Next</h2>\n<p>Define the virtual machine: <code>p2v-server define ");
	add_text(&b, str(job, "name"));
	strbuf_add(&b, "</code>. Start it only when the physical machine is off: they share names "
		       "and addresses. "
		       "The replica is as it was copied; <code>p2v-server finish --restore ");
	add_text(&b, str(job, "name"));
	strbuf_add(&b, "</code> goes back to it.</p>\n</body></html>\n");
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_nomem(err);
}
