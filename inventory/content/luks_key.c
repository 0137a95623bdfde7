/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/content/luks_key.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"

#define COPY_CHUNK	(256u << 10)

static inline void device_free(struct crypt_device *cd)
{
	crypt_free(cd);
}
DEFINE_CLEANUP(struct crypt_device *, device_free)

/* The library's last complaint: the only place where it says why. */
struct complaint {
	char text[160];
};

static void take_log(int level, const char *text, void *arg)
{
	struct complaint *c = arg;

	if (level == CRYPT_LOG_ERROR)
		text_escape(text, strcspn(text, "\n"), c->text, sizeof(c->text));
}

/* A file in memory, as large as the volume, with its first bytes. */
static int copy_header(int fd, uint64_t offset, uint64_t size, struct err *err)
{
	CLEANUP(fd_close) int copy = memfd_create("luks-header", MFD_CLOEXEC);
	uint64_t len = MIN(size, LUKS_KEY_HEADER_MAX);
	CLEANUP(mem_free) uint8_t *buf = malloc(COPY_CHUNK);

	if (!buf)
		return err_nomem(err);
	if (copy < 0 || ftruncate(copy, (off_t)size) < 0)
		return err_errno(err, "cannot make a copy of the LUKS header in memory");
	for (uint64_t at = 0; at < len; at += COPY_CHUNK) {
		size_t n = (size_t)MIN(len - at, COPY_CHUNK);
		int r = fdio_pread_full(fd, buf, n, offset + at);

		if (r < 0)
			return err_code(err, -r, "cannot read the LUKS header");
		/* Holes cost nothing. */
		r = memcmp(buf, buf + 1, n - 1) == 0 && buf[0] == 0 ? 0 :
		    fdio_pwrite_full(copy, buf, n, at);
		if (r < 0)
			return err_code(err, -r, "cannot copy the LUKS header into memory");
	}
	return TAKE_FD(copy);
}

static int told(struct err *err, int r, const char *what, const struct complaint *c)
{
	int code;

	switch (r) {
	case -EPERM:		/* that would mean "not this key", and was asked before */
	case -EIO:		/* memory does not fail: the header leads past its end */
		code = EINVAL;
		break;
	case -ENODEV:		/* no device mapper, which it takes as the last resort */
	case -ENOTBLK:
	case -ENOSYS:
		code = ENOTSUP;
		break;
	default:
		code = -r;
	}
	return err_set(err, code, "%s: %s", what, c->text[0] ? c->text : strerror(-r));
}

int luks_key_try(int fd, uint64_t offset, uint64_t size, const void *key, size_t len,
		 struct err *err)
{
	CLEANUP(device_free) struct crypt_device *cd = NULL;
	CLEANUP(fd_close) int copy = -1;
	struct complaint c = { "" };
	char path[32];
	int r;

	if (size == 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		if (end < 0)
			return err_errno(err, "cannot tell the size of the LUKS volume");
		size = (uint64_t)end > offset ? (uint64_t)end - offset : 0;
	}
	if (size == 0 || size > INT64_MAX || offset > INT64_MAX - size)
		return err_set(err, EINVAL, "the LUKS volume has no size");
	copy = copy_header(fd, offset, size, err);
	if (copy < 0)
		return copy;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	r = crypt_init(&cd, path);
	if (r < 0)
		return told(err, r, "cannot look at the LUKS header", &c);
	crypt_set_log_callback(cd, take_log, &c);
	/* Nobody else sees the copy; a lock would be a file below /run. */
	r = crypt_metadata_locking(cd, 0);
	if (r == 0)
		r = crypt_load(cd, CRYPT_LUKS, NULL);
	if (r < 0)
		return told(err, r, "cannot understand the LUKS header", &c);
	r = crypt_activate_by_passphrase(cd, NULL, CRYPT_ANY_SLOT, key, len, 0);
	if (r >= 0)
		return 0;
	if (r == -EPERM)
		return err_set(err, EPERM, "the key does not open the LUKS volume");
	if (r == -ENOENT)
		return err_set(err, ENOENT, "the LUKS volume has no key slot that a passphrase or "
			       "key file opens");
	if (r == -ENOMEM)
		return err_set(err, ENOMEM, "there is not enough memory to try the key%s%s",
			       c.text[0] ? ": " : "", c.text);
	return told(err, r, "cannot try the key", &c);
}
