/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One reason is kept, as text: whoever asked for the PV shows it. */
#include "disk/lvm/lvm_source.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/bytes.h"

int lvm_source_doubt(const struct lvm_source *s, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(s->err);
	free(*s->why);
	*s->why = text;
	return 0;
}

int lvm_source_read(const struct lvm_source *s, void *buf, size_t len, uint64_t offset)
{
	assert(range_inside(offset, len, s->length));
	return s->read(s->arg, buf, len, offset, s->err);
}
