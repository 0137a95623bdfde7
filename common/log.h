/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages for people, on stderr. Only programs (p2v-agent, p2v-server) call this; floors 0-3
 * report through struct err, and use log_debug() at most.
 *
 * A message is built whole and written with one write(2), so lines of two threads or of two
 * processes do not mix. Any thread may log. errno is kept.
 *
 * P2V_DEBUG=area,area (or "all", or "help") switches on log_debug() for the named areas:
 * the area is the folder or module name ("wire", "qcow2", "ssh", ...).
 */
#ifndef P2V_COMMON_LOG_H
#define P2V_COMMON_LOG_H

#include <stdbool.h>
#include "common/compiler.h"
#include "common/err.h"

enum log_level {
	LOG_LEVEL_ERROR,	/* -q -q */
	LOG_LEVEL_WARNING,	/* -q */
	LOG_LEVEL_NOTICE,	/* the default */
	LOG_LEVEL_INFO,		/* -v */
	LOG_LEVEL_DEBUG,	/* -v -v */
};

/* Set the name put in front of messages ("p2v-agent: ...") and read P2V_DEBUG. */
void log_init(const char *program);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/*
 * Called, when set, before and after a line goes to the terminal, so that a progress bar can
 * step aside. One hook; NULL removes it. Hook and sink run under the log's lock on the thread that
 * logs, so they are done with their opaque once log_set_hook/sink(NULL) has returned.
 */
void log_set_hook(void (*hook)(bool before, void *opaque), void *opaque);
/* Called, when set, with each line logged (no newline): the TUI's log pane, a job's log. */
void log_set_sink(void (*sink)(enum log_level level, const char *line, void *opaque), void *opaque);

/* Off while something else draws on the terminal (the TUI); the sink still gets every line. */
void log_set_stderr(bool on);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_notice(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Printed when the area is in P2V_DEBUG or the level is DEBUG. */
void log_debug(const char *area, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool log_debug_on(const char *area);
/* The error's text, and its hint on a second line, as an error message. */
void log_err(const struct err *err);

#endif
