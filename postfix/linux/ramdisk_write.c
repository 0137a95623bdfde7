/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/ramdisk_write.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"

static void writer_free(struct archive *a)
{
	if (a)
		archive_write_free(a);
}
DEFINE_CLEANUP(struct archive *, writer_free)

static void entry_free(struct archive_entry *e)
{
	if (e)
		archive_entry_free(e);
}
DEFINE_CLEANUP(struct archive_entry *, entry_free)

static int fail(struct archive *a, struct err *err)
{
	const char *why = archive_error_string(a);

	if (archive_errno(a) == ENOMEM)
		return err_nomem(err);
	return err_set(err, EIO, "cannot write the archive: %s", why ? why : "unknown error");
}

static int put(struct archive *a, const struct ramdisk_put *x, struct err *err)
{
	CLEANUP(entry_free) struct archive_entry *e = archive_entry_new();
	size_t size = S_ISREG(x->mode) ? x->len : 0;

	if (!e)
		return err_nomem(err);
	archive_entry_set_pathname(e, x->name);
	archive_entry_set_mode(e, x->mode);
	archive_entry_set_nlink(e, 1);
	archive_entry_set_size(e, (la_int64_t)size);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    (size && archive_write_data(a, x->data, size) != (la_ssize_t)size))
		return fail(a, err);
	return 0;
}

int ramdisk_write_append(int fd, unsigned int pad, const struct ramdisk_put *v, size_t n, bool gzip,
			 struct err *err)
{
	static const char zeroes[64];
	CLEANUP(writer_free) struct archive *a = archive_write_new();
	off_t at = lseek(fd, 0, SEEK_END);
	size_t gap;
	int r;

	if (!a)
		return err_nomem(err);
	if (at < 0)
		return err_errno(err, "cannot append to the initramfs");
	gap = (size_t)(ALIGN_UP((uint64_t)at, 4) - (uint64_t)at) + pad;
	r = gap <= sizeof(zeroes) ? fdio_write_full(fd, zeroes, gap) : -EINVAL;
	if (r < 0)
		return err_code(err, -r, "cannot append to the initramfs");
	if (archive_write_set_format_cpio_newc(a) != ARCHIVE_OK ||
	    (gzip && archive_write_add_filter_gzip(a) != ARCHIVE_OK) ||
	    (gzip && archive_write_set_filter_option(a, "gzip", "timestamp", NULL) != ARCHIVE_OK) ||
	    archive_write_set_bytes_in_last_block(a, 4) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return fail(a, err);
	for (size_t i = 0; i < n; i++) {
		r = put(a, &v[i], err);
		if (r < 0)
			return r;
	}
	return archive_write_close(a) == ARCHIVE_OK ? 0 : fail(a, err);
}
