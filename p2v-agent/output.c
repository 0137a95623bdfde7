/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/output.h"

#include <string.h>

#include "common/fdio.h"

int output_text(const char *path, const char *text, struct err *err)
{
	int r;

	if (path)
		return fdio_replace_file(path, text, strlen(text), 0600, err);
	r = fdio_write_full(1, text, strlen(text));
	return r < 0 ? err_code(err, -r, "cannot write to standard output") : 0;
}
