/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/cutover.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fdio.h"

#define FILE_NAME	"cutover"

int cutover_ask(int jobfd, struct err *err)
{
	return fdio_replace_file_at(jobfd, FILE_NAME, "", 0, 0600, err);
}

bool cutover_wanted(int jobfd)
{
	return faccessat(jobfd, FILE_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int cutover_take_back(int jobfd, struct err *err)
{
	if (unlinkat(jobfd, FILE_NAME, 0) < 0 && errno != ENOENT)
		return err_errno(err, "cannot remove the job's file " FILE_NAME);
	return 0;
}
