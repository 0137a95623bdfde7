/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libxml2's writer escapes what has to be escaped but trusts its caller with everything else:
 * nesting, names, encoding, "--" in comments. These are checked here, before the call, so that a
 * failing call can only be memory.
 */
#include "convert/xmlw.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <libxml/tree.h>
#include <libxml/xmlwriter.h>

#include "common/text.h"

struct xmlw {
	xmlBufferPtr buf;
	xmlTextWriterPtr out;
	unsigned int depth;
	bool in_tag;		/* the start tag is still open: attributes may follow */
	bool has_root;
	bool spent;
	int code;		/* of the first error, 0 while all is well */
	struct err err;
};

static void fail(struct xmlw *w, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void fail(struct xmlw *w, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	if (w->code < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	w->code = err_set(&w->err, code, "%s", text);
}

static void check(struct xmlw *w, int written)
{
	if (written < 0 && w->code == 0)
		w->code = err_nomem(&w->err);
}

/* One UTF-8 character that XML 1.0 allows; its length, or 0. */
static size_t xml_char(const unsigned char *p)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = *p;
	size_t n;

	if (c < 0x80)
		return c >= 0x20 || c == '\t' || c == '\n' || c == '\r' ? 1 : 0;
	n = c >= 0xf8 ? 0 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	if (n == 0)
		return 0;
	c &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		/* The terminating NUL is no continuation byte, so this never runs past the end. */
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c & 0xfffe) == 0xfffe)
		return 0;
	return n;
}

static bool text_ok(struct xmlw *w, const char *where, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		size_t n = xml_char(p);

		if (n == 0) {
			fail(w, EINVAL, "%s holds a character that XML cannot carry (at byte %zu)",
			     where, (size_t)(p - (const unsigned char *)text));
			return false;
		}
		p += n;
	}
	return true;
}

static bool name_ok(struct xmlw *w, const char *name)
{
	if (xmlValidateQName(BAD_CAST name, 0) == 0)
		return true;
	fail(w, EINVAL, "not an XML name");
	return false;
}

/* Common to all calls: nothing is done after an error or after the end. */
static bool ready(struct xmlw *w)
{
	if (w->spent)
		fail(w, EINVAL, "the XML document is finished already");
	return w->code == 0;
}

int xmlw_new(struct xmlw **ret)
{
	CLEANUP(xmlw_free) struct xmlw *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->buf = xmlBufferCreate();
	if (!w->buf)
		return -ENOMEM;
	w->out = xmlNewTextWriterMemory(w->buf, 0);
	if (!w->out || xmlTextWriterSetIndent(w->out, 1) < 0 ||
	    xmlTextWriterSetIndentString(w->out, BAD_CAST "  ") < 0 ||
	    xmlTextWriterStartDocument(w->out, NULL, "UTF-8", NULL) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(w);
	return 0;
}

void xmlw_free(struct xmlw *w)
{
	if (!w)
		return;
	/* The writer flushes into the buffer when it goes, so the buffer goes last. */
	if (w->out)
		xmlFreeTextWriter(w->out);
	if (w->buf)
		xmlBufferFree(w->buf);
	free(w);
}

void xmlw_open(struct xmlw *w, const char *element)
{
	if (!ready(w) || !name_ok(w, element))
		return;
	if (w->depth == 0 && w->has_root) {
		fail(w, EINVAL, "a second root element: %s", element);
		return;
	}
	check(w, xmlTextWriterStartElement(w->out, BAD_CAST element));
	w->depth++;
	w->in_tag = true;
	w->has_root = true;
}

void xmlw_close(struct xmlw *w)
{
	if (!ready(w))
		return;
	if (w->depth == 0) {
		fail(w, EINVAL, "more XML elements closed than opened");
		return;
	}
	check(w, xmlTextWriterEndElement(w->out));
	w->depth--;
	w->in_tag = false;
}

void xmlw_attr(struct xmlw *w, const char *name, const char *value)
{
	if (!value || !ready(w) || !name_ok(w, name) || !text_ok(w, name, value))
		return;
	if (!w->in_tag) {
		fail(w, EINVAL, "the attribute %s comes after its element's start", name);
		return;
	}
	check(w, xmlTextWriterWriteAttribute(w->out, BAD_CAST name, BAD_CAST value));
}

void xmlw_attrf(struct xmlw *w, const char *name, const char *fmt, ...)
{
	CLEANUP(mem_free) char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	value = text_vformat(fmt, ap);
	va_end(ap);
	check(w, value ? 0 : -1);
	xmlw_attr(w, name, value);
}

void xmlw_text(struct xmlw *w, const char *text)
{
	if (!ready(w) || !text_ok(w, "the text of an element", text))
		return;
	if (w->depth == 0) {
		fail(w, EINVAL, "XML text outside an element");
		return;
	}
	check(w, xmlTextWriterWriteString(w->out, BAD_CAST text));
	w->in_tag = false;
}

void xmlw_textf(struct xmlw *w, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	check(w, text ? 0 : -1);
	if (text)
		xmlw_text(w, text);
}

void xmlw_element(struct xmlw *w, const char *element, const char *text)
{
	if (!text || !ready(w) || !text_ok(w, element, text))
		return;
	xmlw_open(w, element);
	xmlw_text(w, text);
	xmlw_close(w);
}

void xmlw_elementf(struct xmlw *w, const char *element, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	check(w, text ? 0 : -1);
	xmlw_element(w, element, text);
}

void xmlw_empty(struct xmlw *w, const char *element, ...)
{
	const char *name;
	va_list ap;

	xmlw_open(w, element);
	va_start(ap, element);
	while ((name = va_arg(ap, const char *)) != NULL)
		xmlw_attr(w, name, va_arg(ap, const char *));
	va_end(ap);
	xmlw_close(w);
}

void xmlw_comment(struct xmlw *w, const char *text)
{
	CLEANUP(mem_free) char *safe = NULL;
	size_t n = 0;

	if (!ready(w) || !text_ok(w, "a comment", text))
		return;
	safe = malloc(2 * strlen(text) + 2);
	if (!safe) {
		w->code = err_nomem(&w->err);
		return;
	}
	/* Two dashes would end the comment, and so would one at its end. */
	for (; *text; text++) {
		safe[n++] = *text;
		if (*text == '-' && (text[1] == '-' || text[1] == '\0'))
			safe[n++] = ' ';
	}
	safe[n] = '\0';
	check(w, xmlTextWriterWriteComment(w->out, BAD_CAST safe));
	w->in_tag = false;
}

int xmlw_end(struct xmlw *w, char **ret, struct err *err)
{
	char *text;

	if (ready(w) && (w->depth > 0 || !w->has_root))
		fail(w, EINVAL,
		     w->has_root ? "an XML element is still open"
				 : "an XML document without an element");
	if (w->code == 0)
		check(w, xmlTextWriterEndDocument(w->out));
	if (w->code == 0)
		check(w, xmlTextWriterFlush(w->out));
	w->spent = true;
	if (w->code < 0)
		return w->err.code ? err_set(err, w->err.code, "%s", w->err.text) : w->code;
	/* libxml2 may have an allocator of its own; the caller frees with free(). */
	text = strndup((const char *)xmlBufferContent(w->buf), (size_t)xmlBufferLength(w->buf));
	if (!text)
		return err_nomem(err);
	*ret = text;
	return 0;
}
