/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a kernel's image says of itself. On x86 the boot protocol (the kernel's
 * Documentation/arch/x86/boot.rst) puts "HdrS" at 0x202 and at 0x20e the place, less 0x200, of a
 * string that begins with the release. Other images do not tell, and their names must do.
 */
#include "inventory/os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "common/bytes.h"
#include "common/fdio.h"
#include "inventory/collect_util.h"

#define HEADER_AT	0x202
#define HEADER_LEN	14
#define RELEASE_MAX	64

static int read_release(int fd, char **ret)
{
	uint8_t header[HEADER_LEN];
	char text[RELEASE_MAX];
	size_t len;

	if (fdio_pread_full(fd, header, sizeof(header), HEADER_AT) < 0 ||
	    memcmp(header, "HdrS", 4) != 0 || get_le16(header + 12) == 0 ||
	    fdio_pread_full(fd, text, sizeof(text), 0x200 + (uint64_t)get_le16(header + 12)) < 0)
		return 0;
	for (len = 0; len < sizeof(text) && text[len] > ' ' && text[len] < 0x7f;)
		len++;
	return len < sizeof(text) ? collect_util_text(text, len, ret) : 0;
}

/* A line of /p2v/boot: "37843250 6.1.0-18-amd64 /boot/vmlinuz-6.1.0-18-amd64"; "-" not told. */
static bool find_record(const char *text, const char *path, uint64_t *ret_size, const char **ret,
			size_t *ret_len)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		int release = 0, at = 0;

		if (sscanf(text, "%" SCNu64 " %n%*s %n", ret_size, &release, &at) == 1 &&
		    at > release && (size_t)at < len && strlen(path) == len - (size_t)at &&
		    memcmp(text + at, path, len - (size_t)at) == 0) {
			*ret = text + release;
			*ret_len = strcspn(*ret, " ");
			return true;
		}
		text += len + (text[len] == '\n');
	}
	return false;
}

int os_image_read(struct os_look *o, const char *path, struct os_image *ret)
{
	CLEANUP(os_image_done) struct os_image image = { 0 };
	CLEANUP(fd_close) int fd = -1;
	const char *release;
	struct stat st;
	size_t len;
	int r = 0;

	*ret = image;
	if (find_record(o->boot, path, &image.size, &release, &len)) {
		if (len != 1 || *release != '-')
			r = collect_util_text(release, len, &image.release);
	} else if (os_reachable(o, path)) {
		/* O_PATH: images may be for root's eyes only, their sizes are not. */
		fd = sysroot_openf(o->root, O_PATH, "%s", path);
		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			return fd == -ENOMEM ? fd : 0;
		image.size = (uint64_t)st.st_size;
		fd_close(fd);
		fd = sysroot_openf(o->root, O_NONBLOCK, "%s", path);
		if (fd >= 0)
			r = read_release(fd, &image.release);
	}
	if (r < 0)
		return r;
	*ret = image;
	image = (struct os_image){ 0 };
	return 0;
}

void os_image_done(struct os_image *i)
{
	free(i->release);
	*i = (struct os_image){ 0 };
}
