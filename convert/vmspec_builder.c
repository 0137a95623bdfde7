/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of vmspec*.c share: warnings, and text that is fit to be passed on. */
#include "convert/vmspec_builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

void vmspec_builder_warn(struct vmspec_builder *b, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;

	if (!b->warnings)
		return;
	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (!text || machine_strv_add(b->warnings, text) < 0)
		b->nomem = true;
}

char *vmspec_builder_dup(struct vmspec_builder *b, const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = strdup(s);
	if (!copy)
		b->nomem = true;
	return copy;
}

char *vmspec_builder_clean(struct vmspec_builder *b, const char *text, size_t max)
{
	char *s = vmspec_builder_dup(b, text), *start = s;
	size_t n;

	if (!s)
		return NULL;
	for (char *p = s; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < ' ' || c == 0x7f)
			*p = ' ';
		else if (c > 0x7f)
			*p = '?';
	}
	while (*start == ' ')
		start++;
	n = strnlen(start, max);
	while (n > 0 && start[n - 1] == ' ')
		n--;
	memmove(s, start, n);
	s[n] = '\0';
	if (n == 0) {
		free(s);
		return NULL;
	}
	return s;
}

const struct machine_disk *vmspec_builder_disk(const struct vmspec_builder *b, size_t i)
{
	return b->images[i].name ? machine_find_disk(b->m, b->images[i].name) : NULL;
}
