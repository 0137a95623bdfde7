/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/memlog.h"

#include <stdbool.h>
#include <string.h>
#include "common/log.h"

/* Each line as its level, its text and a NUL. The sink runs under the log's lock. */
static char ring[MEMLOG_SIZE];
static size_t used, kept, lost;
static bool on;

static void keep(enum log_level level, const char *line, void *opaque)
{
	size_t need = strlen(line) + 2;

	(void)opaque;
	if (need > sizeof(ring) - used) {
		lost++;
		return;
	}
	ring[used] = (char)level;
	memcpy(ring + used + 1, line, need - 1);
	used += need;
	kept++;
}

void memlog_begin(void)
{
	if (on)
		return;
	/* Touched here, so that no page of it is missing later. */
	memset(ring, 0, sizeof(ring));
	used = kept = lost = 0;
	on = true;
	log_set_sink(keep, NULL);
	log_set_stderr(false);
}

/* The line has the program's name and the level's word in front, which are put there again. */
static const char *without_head(const char *line)
{
	static const char *const words[] = { "error: ", "warning: " };
	const char *p = strstr(line, ": ");

	p = p ? p + 2 : line;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(p, words[i], strlen(words[i])) == 0)
			return p + strlen(words[i]);
	return p;
}

static void say(enum log_level level, const char *text)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		log_error("%s", text);
		break;
	case LOG_LEVEL_WARNING:
		log_warning("%s", text);
		break;
	case LOG_LEVEL_NOTICE:
		log_notice("%s", text);
		break;
	case LOG_LEVEL_INFO:
		log_info("%s", text);
		break;
	default:
		log_debug("quiesce", "%s", text);
	}
}

void memlog_end(void)
{
	if (!on)
		return;
	on = false;
	log_set_sink(NULL, NULL);
	log_set_stderr(true);
	for (size_t at = 0; at < used; at += strlen(ring + at + 1) + 2)
		say((enum log_level)ring[at], without_head(ring + at + 1));
	if (lost > 0)
		log_warning("%zu messages of the time when filesystems were frozen are lost", lost);
}

size_t memlog_kept(void)
{
	return kept;
}

size_t memlog_lost(void)
{
	return lost;
}
