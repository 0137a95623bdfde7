/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/keyarg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fdio.h"

int keyarg_split(const char *text, char **ret_device, const char **ret_file, struct err *err)
{
	/* A path may have an equals sign; a device's name hardly, but for UUID=... */
	const char *from = strncmp(text, "UUID=", 5) == 0 ? text + 5 : text;
	const char *equals = strchr(from, '=');

	if (!equals || equals == from || !equals[1])
		return err_set(err, EINVAL, "--key wants DEVICE=FILE, not %s", text);
	*ret_device = strndup(text, (size_t)(equals - text));
	if (!*ret_device)
		return err_nomem(err);
	*ret_file = equals + 1;
	return 0;
}

int keyarg_read(const char *file, char **ret, size_t *ret_len, struct err *err)
{
	int r;

	if (strcmp(file, "-") != 0)
		return fdio_read_file(file, KEYARG_FILE_MAX, ret, ret_len, err);
	r = fdio_read_fd(0, KEYARG_FILE_MAX, ret, ret_len);
	if (r < 0)
		return err_code(err, -r, "cannot read a key from standard input");
	if (*ret_len && (*ret)[*ret_len - 1] == '\n')
		(*ret)[--*ret_len] = '\0';
	return 0;
}

void keyarg_wipe(char *key, size_t len)
{
	if (key)
		explicit_bzero(key, len);
	free(key);
}
