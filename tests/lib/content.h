/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tests of the decoders (inventory/content/content.h) share: sources over a file or
 * over a few patches on a file, so that a mutant of a superblock does not need a copy of the
 * image.
 */
#ifndef P2V_TESTS_CONTENT_H
#define P2V_TESTS_CONTENT_H

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "inventory/content/content.h"
#include "tests/lib/mutate.h"
#include "tests/lib/unit.h"

struct content_file {
	int fd;
	const uint8_t *patch;		/* lies over the file at patch_at; NULL: none */
	uint64_t patch_at;
	size_t patch_len;
	uint64_t read;			/* bytes so far */
};

static inline int content_file_read(void *arg, uint64_t offset, void *buf, size_t len)
{
	struct content_file *f = arg;
	uint8_t *to = buf;
	int r = fdio_pread_full(f->fd, buf, len, offset);

	f->read += len;
	for (size_t i = 0; r == 0 && f->patch && i < len; i++)
		if (offset + i >= f->patch_at && offset + i - f->patch_at < f->patch_len)
			to[i] = f->patch[offset + i - f->patch_at];
	return r;
}

static inline void content_fs_done(struct machine_fs *fs)
{
	free(fs->type);
	free(fs->usage);
	free(fs->uuid);
	free(fs->label);
	free(fs->version);
	free(fs->group);
	free(fs->group_uuid);
	free(fs->level);
	free(fs->role);
	for (size_t i = 0; i < fs->tokens.n; i++)
		free(fs->tokens.v[i]);
	free(fs->tokens.v);
	memset(fs, 0, sizeof(*fs));
}
DEFINE_CLEANUP_VALUE(struct machine_fs, content_fs_done)

/* Decode the file; what it read is little. */
UNUSED static int content_of(content_fn *decode, const char *path, struct machine_fs *fs,
			     struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct content_file f = { .fd = fd };
	struct content_source s = { .read_at = content_file_read, .arg = &f };
	int r;

	ck_assert_int_ge(fd, 0);
	s.size = (uint64_t)lseek(fd, 0, SEEK_END);
	memset(fs, 0, sizeof(*fs));
	r = decode(&s, fs, err);
	ck_assert_uint_le(f.read, 2 << 20);
	return r;
}

/* No facts but those named may have come out: a guard against a decoder that tells too much. */
#define CONTENT_OK(decode, path, fs) \
	do { \
		struct err err_ = ERR_INIT; \
		ck_assert_msg(content_of(decode, path, fs, &err_) == 0, "%s", err_.text); \
	} while (0)

struct content_mutant {
	content_fn *decode;
	struct content_file f;
	uint64_t size;
	size_t failed;
};

static inline void content_try(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	struct content_mutant *m = opaque;
	struct content_source s = {
		.read_at = content_file_read, .arg = &m->f, .size = m->size
	};
	struct err err = ERR_INIT;
	int r;

	m->f.patch = data;
	m->f.patch_len = len;
	m->f.read = 0;
	r = m->decode(&s, &fs, &err);
	ck_assert_msg(r == 0 || (r < 0 && err.code == -r && err.text[0]), "%s: %d", what, r);
	ck_assert_msg(r != -ENOMEM, "%s: out of memory", what);
	m->failed += r < 0;
}

/* Every damage to [at, at + len) of the file ends in facts or an error; returns how many errors. */
UNUSED static size_t content_mutate(content_fn *decode, const char *path, uint64_t at, size_t len,
				    size_t limit)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(mem_free) uint8_t *bytes = malloc(len);
	struct content_mutant m = { .decode = decode, .f = { .fd = fd, .patch_at = at } };

	ck_assert(fd >= 0 && bytes);
	m.size = (uint64_t)lseek(fd, 0, SEEK_END);
	ck_assert_int_eq(fdio_pread_full(fd, bytes, len, at), 0);
	mutate_each(bytes, len, limit, content_try, &m);
	return m.failed;
}

#endif
