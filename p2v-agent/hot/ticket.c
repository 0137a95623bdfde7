/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See ticket.h. */
#include "p2v-agent/hot/ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/digest.h"
#include "common/fdio.h"

#define FILE_NAME	"hot-job"
#define HEX_LEN		32

static int open_dir(const char *dir, bool make)
{
	if (make && mkdir(dir, 0700) < 0 && errno != EEXIST)
		return -errno;
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

bool ticket_has(const char *dir, const uint8_t uuid[static 16])
{
	CLEANUP(mem_free) char *text = NULL;
	char want[HEX_LEN + 1];
	size_t len;
	int fd = open_dir(dir, false), r;

	if (fd < 0)
		return false;
	r = fdio_read_file_at(fd, FILE_NAME, HEX_LEN + 1, &text, &len, NULL);
	close(fd);
	digest_hex(uuid, 16, want);
	return r >= 0 && len == HEX_LEN && memcmp(text, want, HEX_LEN) == 0;
}

int ticket_write(const char *dir, const uint8_t uuid[static 16], struct err *err)
{
	char text[HEX_LEN + 1];
	int fd = open_dir(dir, true), r;

	if (fd < 0)
		return err_errno(err, "cannot open %s", dir);
	digest_hex(uuid, 16, text);
	r = fdio_replace_file_at(fd, FILE_NAME, text, HEX_LEN, 0600, err);
	close(fd);
	return r;
}

void ticket_remove(const char *dir)
{
	int fd = open_dir(dir, false);

	if (fd < 0)
		return;
	(void)unlinkat(fd, FILE_NAME, 0);
	close(fd);
	/* The last one in it takes it along. */
	(void)rmdir(dir);
}
