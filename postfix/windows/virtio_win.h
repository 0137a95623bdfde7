/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A collection of virtio drivers for Windows on the host: a folder, or an ISO image
 * (virtio-win.iso), which is read without mounting it.
 *
 *	virtio_win_open()	list all files
 *	virtio_win_want()	mark those that are needed
 *	virtio_win_load()	read what is marked: one pass over an ISO
 *
 * Paths are relative, with "/". Files of an ISO that share their bytes are found under each of
 * their names. Sizes and counts are bounded; links to folders are not followed.
 */
#ifndef P2V_POSTFIX_WINDOWS_VIRTIO_WIN_H
#define P2V_POSTFIX_WINDOWS_VIRTIO_WIN_H

#include <stdbool.h>
#include <stddef.h>
#include "common/cleanup.h"
#include "common/err.h"

struct virtio_win_file {
	char *path;			/* "viostor/w10/amd64/viostor.inf" */
	size_t same;			/* index of the file whose bytes these are; else its own */
	bool wanted;
	void *data;			/* once loaded; ask virtio_win_data() */
	size_t len;
};

struct virtio_win {
	char *path;
	bool iso;
	struct virtio_win_file *files;	/* sorted by path */
	size_t n;
};

/*
 * path NULL: $VIRTIO_WIN, then where distributions put them. -ENOENT: there is none of these.
 */
int virtio_win_open(const char *path, struct virtio_win **ret, struct err *err);
void virtio_win_free(struct virtio_win *v);
DEFINE_CLEANUP(struct virtio_win *, virtio_win_free)
void virtio_win_want(struct virtio_win *v, size_t i);
int virtio_win_load(struct virtio_win *v, struct err *err);
/* Of a file that is loaded; NULL else. */
const void *virtio_win_data(const struct virtio_win *v, size_t i, size_t *ret_len);
/* The file called name, in any case, in the folder of file i; SIZE_MAX when there is none. */
size_t virtio_win_beside(const struct virtio_win *v, size_t i, const char *name);

#endif
