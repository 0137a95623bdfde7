/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder made on the spot that stands for a machine's "/": for the tests of collectors. */
#ifndef P2V_TESTS_UNIT_TEST_ROOT_H
#define P2V_TESTS_UNIT_TEST_ROOT_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/fdio.h"
#include "tests/lib/unit.h"

static char made[64];

static inline void make_root(void)
{
	strcpy(made, "/tmp/p2v-root-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(made));
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void remove_root(void)
{
	nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void put(const char *path, const void *data, size_t len)
{
	char full[4096], *slash;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", made, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	ck_assert_int_eq(fdio_mkdir_p(full, 0755, NULL), 0);
	*slash = '/';
	f = fopen(full, "w");
	ck_assert_msg(f != NULL, "%s", full);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static inline void put_text(const char *path, const char *text)
{
	put(path, text, strlen(text));
}

static inline void put_folder(const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s%s", made, path);
	ck_assert_int_eq(fdio_mkdir_p(full, 0755, NULL), 0);
}

static inline void put_link(const char *path, const char *target)
{
	char full[4096];

	put_text(path, "");
	snprintf(full, sizeof(full), "%s%s", made, path);
	ck_assert_int_eq(unlink(full), 0);
	ck_assert_int_eq(symlink(target, full), 0);
}

#endif
