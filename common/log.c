/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line is put together on the stack and goes out in one write(2); the lock only keeps hook,
 * write and sink together. A hook or sink that logs itself would wait for itself for ever: such a
 * nested message is written straight to stderr instead.
 */
#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/fdio.h"

#define LINE_MAX_LEN	4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void (*hook_fn)(bool before, void *opaque);
static void *hook_opaque;
static void (*sink_fn)(enum log_level level, const char *line, void *opaque);
static void *sink_opaque;
static char program_name[64] = "p2v";
static char debug_areas[256];
static atomic_int current_level = LOG_LEVEL_NOTICE;
static atomic_bool stderr_on = true;
static __thread bool inside;

static bool area_listed(const char *area)
{
	size_t len = strlen(area);

	for (const char *p = debug_areas; *p;) {
		size_t n = strcspn(p, ", ");

		if (n == len && memcmp(p, area, len) == 0)
			return true;
		p += n;
		p += strspn(p, ", ");
	}
	return false;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARNING:
		return "warning: ";
	default:
		return "";
	}
}

/* line ends in a newline, which is not part of what the sink sees. */
static void emit(enum log_level level, char *line, size_t len)
{
	if (inside) {
		fdio_write_full(STDERR_FILENO, line, len);
		return;
	}
	pthread_mutex_lock(&lock);
	inside = true;
	if (stderr_on) {
		if (hook_fn)
			hook_fn(true, hook_opaque);
		fdio_write_full(STDERR_FILENO, line, len);
		if (hook_fn)
			hook_fn(false, hook_opaque);
	}
	if (sink_fn) {
		line[len - 1] = '\0';
		sink_fn(level, line, sink_opaque);
	}
	inside = false;
	pthread_mutex_unlock(&lock);
}

static void say(enum log_level level, const char *tag, const char *fmt, va_list ap)
{
	static const char dots[] = "...";
	char line[LINE_MAX_LEN];
	size_t room = sizeof(line) - 1, len;
	int saved = errno, n;

	n = snprintf(line, room, "%s: %s", program_name, tag);
	len = n < 0 ? 0 : MIN((size_t)n, room - 1);
	n = vsnprintf(line + len, room - len, fmt, ap);
	if (n >= 0 && (size_t)n >= room - len) {
		len = room - 1;
		memcpy(line + len - strlen(dots), dots, strlen(dots));
	} else if (n >= 0) {
		len += (size_t)n;
	}
	line[len++] = '\n';
	emit(level, line, len);
	errno = saved;
}

void log_init(const char *program)
{
	const char *areas = getenv("P2V_DEBUG");

	pthread_mutex_lock(&lock);
	snprintf(program_name, sizeof(program_name), "%s", program);
	snprintf(debug_areas, sizeof(debug_areas), "%s", areas ? areas : "");
	pthread_mutex_unlock(&lock);
	if (area_listed("help"))
		log_notice("P2V_DEBUG is \"all\" or a list such as \"wire,qcow2\": names of "
			   "folders and modules");
}

void log_set_level(enum log_level level)
{
	current_level = (int)level;
}

enum log_level log_get_level(void)
{
	return (enum log_level)(int)current_level;
}

void log_set_stderr(bool on)
{
	stderr_on = on;
}

void log_set_hook(void (*hook)(bool before, void *opaque), void *opaque)
{
	pthread_mutex_lock(&lock);
	hook_fn = hook;
	hook_opaque = opaque;
	pthread_mutex_unlock(&lock);
}

void log_set_sink(void (*sink)(enum log_level level, const char *line, void *opaque), void *opaque)
{
	pthread_mutex_lock(&lock);
	sink_fn = sink;
	sink_opaque = opaque;
	pthread_mutex_unlock(&lock);
}

#define DEFINE_LOG(name, level) \
	void name(const char *fmt, ...) \
	{ \
		va_list ap; \
		\
		if (log_get_level() < (level)) \
			return; \
		va_start(ap, fmt); \
		say(level, level_word(level), fmt, ap); \
		va_end(ap); \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_notice, LOG_LEVEL_NOTICE)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)

bool log_debug_on(const char *area)
{
	return log_get_level() >= LOG_LEVEL_DEBUG || area_listed("all") || area_listed(area);
}

void log_debug(const char *area, const char *fmt, ...)
{
	int saved = errno;
	char tag[64];
	va_list ap;

	if (!log_debug_on(area))
		return;
	snprintf(tag, sizeof(tag), "debug: %s: ", area);
	errno = saved;
	va_start(ap, fmt);
	say(LOG_LEVEL_DEBUG, tag, fmt, ap);
	va_end(ap);
}

static void say_hint(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say_hint(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, "hint: ", fmt, ap);
	va_end(ap);
}

void log_err(const struct err *err)
{
	char reason[128];

	if (err->text[0])
		log_error("%s", err->text);
	else
		log_error("%s", err->code ? strerror_r(err->code, reason, sizeof(reason))
					  : "unknown error");
	if (err->hint[0])
		say_hint("%s", err->hint);
}
