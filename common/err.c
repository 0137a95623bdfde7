/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every message is formatted into a scratch buffer first, because an argument may be the very
 * text that is about to be replaced (err_set(err, EIO, "%s again", err->text)).
 */
#include "common/err.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A cut in the middle of a UTF-8 character would print as rubbish: drop the torn one. */
static void trim_torn_char(char *s)
{
	size_t len = strlen(s), start = len, need;

	while (start > 0 && len - start < 3 && ((unsigned char)s[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0 || (unsigned char)s[start - 1] < 0xc0)
		return;
	start--;
	if ((unsigned char)s[start] >= 0xf0)
		need = 4;
	else if ((unsigned char)s[start] >= 0xe0)
		need = 3;
	else
		need = 2;
	if (len - start < need)
		s[start] = '\0';
}

static void format(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0)
		buf[0] = '\0';
	else if ((size_t)n >= size)
		trim_torn_char(buf);
}

static int positive_code(int code)
{
	if (code == 0 || code == INT_MIN)
		return EIO;
	return code < 0 ? -code : code;
}

static void store(struct err *err, int code, const char *text)
{
	err->code = code;
	err->hint[0] = '\0';
	snprintf(err->text, sizeof(err->text), "%s", text);
}

static int set_with_reason(struct err *err, int code, const char *fmt, va_list ap)
{
	char phrase[ERR_TEXT_MAX], reason_buf[128], text[ERR_TEXT_MAX];
	const char *reason;
	size_t room;

	code = positive_code(code);
	if (!err)
		return -code;
	reason = strerror_r(code, reason_buf, sizeof(reason_buf));
	/* The reason matters more than the end of a long phrase. */
	room = strlen(reason) + 2;
	room = room < sizeof(phrase) ? sizeof(phrase) - room : 1;
	format(phrase, room, fmt, ap);
	if ((size_t)snprintf(text, sizeof(text), "%s: %s", phrase, reason) >= sizeof(text))
		trim_torn_char(text);
	store(err, code, text);
	return -code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list ap;

	code = positive_code(code);
	if (!err)
		return -code;
	va_start(ap, fmt);
	format(text, sizeof(text), fmt, ap);
	va_end(ap);
	store(err, code, text);
	return -code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
	int saved = errno, r;
	va_list ap;

	va_start(ap, fmt);
	r = set_with_reason(err, saved, fmt, ap);
	va_end(ap);
	errno = saved;
	return r;
}

int err_code(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = set_with_reason(err, code, fmt, ap);
	va_end(ap);
	return r;
}

int err_nomem(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

void err_prefix(struct err *err, const char *fmt, ...)
{
	char prefix[ERR_TEXT_MAX], text[ERR_TEXT_MAX];
	va_list ap;
	int n;

	if (!err)
		return;
	va_start(ap, fmt);
	format(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	n = snprintf(text, sizeof(text), "%s: %s", prefix, err->text);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text))
		trim_torn_char(text);
	memcpy(err->text, text, sizeof(text));
}

void err_hint(struct err *err, const char *fmt, ...)
{
	char text[ERR_HINT_MAX];
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	format(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(err->hint, text, sizeof(text));
}

void err_reset(struct err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->text[0] = '\0';
	err->hint[0] = '\0';
}
