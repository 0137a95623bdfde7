/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Guests that mean harm, or are broken: each file of each guest of tests/trees is replaced in turn
 * by something that no configuration file should be. The table of fixes must end, in good order,
 * with a report, and change nothing outside of the guest.
 */
#include "tests/lib/unit.h"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "tests/lib/fix_case.h"

enum harm {
	FIFO,	/* opening it would wait for ever */
	DEVICE, /* /dev/zero has no end */
	FOLDER,
	LOOP,	  /* a link to itself */
	OUTSIDE,  /* a link out of the guest */
	ABSOLUTE, /* the same by its path on the host */
	HUGE,	  /* 100 MB */
	BINARY,
	NOT_UTF8,
	ONE_LINE, /* 900 KiB without an end of line */
	EMPTY,
	HARMS
};

static const char *const names[HARMS] = {
	"FIFO",	  "device", "folder",	 "loop",     "link outside", "absolute link outside",
	"100 MB", "binary", "not UTF-8", "one line", "empty",
};

static glob_t trees;

static void fill(const char *path, const char *what, size_t n, size_t times)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < times; i++)
		ck_assert_uint_eq(fwrite(what, 1, n, f), n);
	ck_assert_int_eq(fclose(f), 0);
}

/* False when this user cannot make it. */
static bool put_harm(enum harm what, const struct fix_case *c, const char *path)
{
	static const char noise[] = "UUID=x\0\1\2\377 / ext4\n\033[31m";
	static const char latin[] = "auto eth\xe9\niface eth\xc3\x28 inet \xff\xfe\nHWADDR=\x80\n";
	static const char endless[] = "root=/dev/sda1 'x\\";
	char to[300];

	switch (what) {
	case FIFO:
		return mkfifo(path, 0644) == 0;
	case DEVICE:
		return mknod(path, S_IFCHR | 0666, 1 << 8 | 5) == 0;
	case FOLDER:
		return mkdir(path, 0755) == 0;
	case LOOP:
		return symlink(strrchr(path, '/') + 1, path) == 0;
	case OUTSIDE:
		return symlink("../../../../../../../../../../outside/file", path) == 0;
	case ABSOLUTE:
		snprintf(to, sizeof(to), "%s/outside/file", c->dir);
		return symlink(to, path) == 0;
	case HUGE:
		fill(path, "", 0, 0);
		return truncate(path, 100 * 1000 * 1000) == 0;
	case BINARY:
		fill(path, noise, sizeof(noise), 100);
		return true;
	case NOT_UTF8:
		fill(path, latin, sizeof(latin) - 1, 20);
		return true;
	case ONE_LINE:
		fill(path, endless, sizeof(endless) - 1, 900 * 1024 / sizeof(endless));
		return true;
	case EMPTY:
		fill(path, "", 0, 0);
		return true;
	case HARMS:
		break;
	}
	return false;
}

static const char outside_line[] = "/dev/sda1 / ext4 defaults 0 1\n";

/* What lies beside the guest's root, where its links lead. */
static void make_outside(const struct fix_case *c, char *dir, size_t size)
{
	char path[128];

	snprintf(dir, size, "%s/outside", c->dir);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	snprintf(path, sizeof(path), "%.100s/file", dir);
	fill(path, outside_line, sizeof(outside_line) - 1, 1);
}

/* One file, with what was put there; a new name beside it would be a second link or entry. */
static bool is_untouched(const char *dir)
{
	CLEANUP(mem_free) char *text = NULL;
	char path[128];
	glob_t found;
	size_t n;

	snprintf(path, sizeof(path), "%.100s/*", dir);
	if (glob(path, 0, NULL, &found) != 0)
		return false;
	n = found.gl_pathc;
	globfree(&found);
	snprintf(path, sizeof(path), "%.100s/file", dir);
	return n == 1 && fdio_read_file(path, 4096, &text, &n, NULL) >= 0 &&
	       strcmp(text, outside_line) == 0;
}

/* The guest's files, in an order that does not change. */
static size_t list_files(const char *root, char **ret, size_t max)
{
	char command[200], line[1024];
	size_t n = 0;
	FILE *p;

	snprintf(command, sizeof(command), "cd %s && find . -type f | LC_ALL=C sort", root);
	p = popen(command, "re");
	ck_assert_ptr_nonnull(p);
	while (n < max && fgets(line, sizeof(line), p))
		ret[n++] = strndup(line + 1, strcspn(line + 1, "\n"));
	pclose(p);
	return n;
}

static void try_harm(const char *spec, const char *file, enum harm what)
{
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;
	char outside[100], path[1024];
	struct err e = ERR_INIT;
	struct fix_case c;

	fix_case_make(&c, spec);
	make_outside(&c, outside, sizeof(outside));
	snprintf(path, sizeof(path), "%s%s", c.root, file);
	ck_assert_int_eq(unlink(path), 0);
	if (!put_harm(what, &c, path)) {
		fix_case_done(&c);
		return;
	}
	alarm(60);
	/* It may fail, with a word that says why; then no boot row is said to be done. */
	if (fix_case_run(&c, false, &rep, &e) < 0)
		ck_assert_msg(e.text[0] && !strchr(e.text, '\n'), "%s: %s as %s: no word", c.name,
			      names[what], file);
	alarm(0);
	ck_assert_msg(rep != NULL, "%s: %s as %s: no report", c.name, names[what], file);
	ck_assert_msg(is_untouched(outside), "%s: %s as %s changed what is outside", c.name,
		      names[what], file);
	fix_case_done(&c);
}

/* Every third file meets one kind of harm; with P2V_HARM=all each meets them all, in an hour. */
START_TEST(harm_is_survived)
{
	bool all = getenv("P2V_HARM") && strcmp(getenv("P2V_HARM"), "all") == 0;
	const char *spec = trees.gl_pathv[_i];
	char *files[500];
	struct fix_case c;
	size_t n;

	fix_case_make(&c, spec);
	n = list_files(c.root, files, ARRAY_SIZE(files));
	fix_case_done(&c);
	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		for (unsigned int h = 0; h < HARMS; h++)
			if (all || ((i + (size_t)_i) % 3 == 0 && h == (i + (size_t)_i) / 3 % HARMS))
				try_harm(spec, files[i], (enum harm)h);
		free(files[i]);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fix_hostile");
	TCase *t = tcase_create("harm");

	if (glob("tests/trees/*.tree", 0, NULL, &trees) != 0)
		trees.gl_pathc = 0;
	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, harm_is_survived, 0, (int)trees.gl_pathc);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
