/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/content/content.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/digest.h"
#include "common/text.h"
#include "inventory/collect_util.h"

int content_read(const struct content_source *s, uint64_t offset, void *buf, size_t len,
		 struct err *err)
{
	int r;

	if (!range_inside(offset, len, s->size))
		return err_set(err, EBADMSG, "it would need 0x%zx bytes at 0x%" PRIx64
			       ", behind the end", len, offset);
	r = s->read_at(s->arg, offset, buf, len);
	return r < 0 ? err_code(err, -r, "cannot read 0x%zx bytes at 0x%" PRIx64, len, offset) : 0;
}

int content_text(const void *field, size_t len, char **ret, struct err *err)
{
	return collect_util_text(field, strnlen(field, len), ret) < 0 ? err_nomem(err) : 0;
}

int content_uuid(const uint8_t raw[static 16], char **ret, struct err *err)
{
	char hex[2 * 16 + 1];

	digest_hex(raw, 16, hex);
	return content_set(ret, err, "%.8s-%.4s-%.4s-%.4s-%s", hex, hex + 8, hex + 12, hex + 16,
			   hex + 20);
}

int content_set(char **ret, struct err *err, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (!text)
		return err_nomem(err);
	free(*ret);
	*ret = text;
	return 0;
}
