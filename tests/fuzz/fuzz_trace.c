/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel's tracers write, for the parsers of track/. Byte 0 of the input says which; the
 * rest is given to it:
 *
 *	t	lines of ftrace's pipe		f	a format file
 *	s	a ring's counts			b	records of blktrace
 *	d	a disk's counts
 *
 * Besides not crashing: what is taken for an event has a range that marks_mark() can mark.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "track/blktrace_record.h"
#include "track/ftrace_text.h"
#include "track/marks.h"
#include "track/diskstat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK	(64 * MIB)

static struct marks_disk disk;
static uint64_t words[2048];

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void mark(uint64_t sector, uint64_t bytes)
{
	bool inside = bytes == 0 || (sector < DISK / 512 && bytes <= DISK - sector * 512);

	must(marks_mark(words, &disk, sector, bytes) == inside);
}

static void lines(const char *p, size_t len)
{
	while (len > 0) {
		const char *end = memchr(p, '\n', len);
		size_t n = end ? (size_t)(end - p) : len;
		struct ftrace_line l;

		if (ftrace_text_line(p, n, &l) == 0 && l.kind != FTRACE_OTHER &&
		    l.kind != FTRACE_LOST)
			mark(l.sector, l.sectors * 512);
		n += end != NULL;
		p += n;
		len -= n;
	}
}

static void records(const uint8_t *p, size_t len)
{
	for (;;) {
		struct blktrace_record rec;
		int n = blktrace_record_parse(p, len, &rec);

		if (n <= 0)
			return;
		must((size_t)n <= len);
		mark(rec.sector, rec.bytes);
		p += n;
		len -= (size_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(mem_free) char *text = NULL;
	struct diskstat counts;
	uint64_t lost;

	if (size < 1)
		return 0;
	must(marks_layout(DISK, 12, 0, &disk) == 0 && disk.words <= ARRAY_SIZE(words));
	if (data[0] == 't')
		lines((const char *)data + 1, size - 1);
	if (data[0] == 'b')
		records(data + 1, size - 1);
	text = malloc(size);
	must(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'f') {
		(void)ftrace_text_format(text, false);
		(void)ftrace_text_format(text, true);
	}
	if (data[0] == 's')
		(void)ftrace_text_stats(text, &lost);
	if (data[0] == 'd')
		(void)diskstat_parse(text, &counts);
	return 0;
}
