/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/tmproot.h"

#include <check.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "common/fdio.h"

static char made[64];

void tmproot_make(void)
{
	strcpy(made, "/tmp/p2v-root-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(made));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

void tmproot_remove(void)
{
	nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *tmproot_path(void)
{
	return made;
}

void tmproot_put(const char *path, const void *data, size_t len)
{
	char full[4096], *slash;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", made, path);
	slash = strrchr(full, '/');
	*slash = '\0';
	ck_assert_int_eq(fdio_mkdir_p(full, 0755, NULL), 0);
	*slash = '/';
	f = fopen(full, "we");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

void tmproot_text(const char *text, const char *fmt, ...)
{
	char path[3900];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	tmproot_put(path, text, strlen(text));
}

void tmproot_folder(const char *path)
{
	char full[4096];

	snprintf(full, sizeof(full), "%s%s", made, path);
	ck_assert_int_eq(fdio_mkdir_p(full, 0755, NULL), 0);
}

void tmproot_link(const char *path, const char *target)
{
	char full[4096];

	tmproot_put(path, "", 0);
	snprintf(full, sizeof(full), "%s%s", made, path);
	ck_assert_int_eq(unlink(full), 0);
	ck_assert_int_eq(symlink(target, full), 0);
}

struct sysroot *tmproot_open(void)
{
	struct sysroot *root = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(sysroot_open(made, &root, &err) == 0, "%s", err.text);
	return root;
}
