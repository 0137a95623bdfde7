/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree: TOP/secret is outside; TOP/root is the root. Every way out that a recorded tree could
 * try leads to what lies at the same name inside, or nowhere.
 */
#include "common/sysroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include "tests/lib/unit.h"

static char top[64];
static struct sysroot *root;

static void put(const char *path, const char *content)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static void folder(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	ck_assert_int_eq(mkdir(full, 0755), 0);
}

static void ln(const char *target, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	ck_assert_int_eq(symlink(target, full), 0);
}

static void setup(void)
{
	static const char *const folders[] = {
		"root",
		"root/etc",
		"root/sys",
		"root/sys/block",
		"root/sys/devices",
		"root/sys/devices/pci",
		"root/sys/devices/pci/sda",
		"root/a",
		"root/a/b",
		"root/tmp",
	};
	char path[128];

	strcpy(top, "/tmp/p2v-sysroot.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		folder(folders[i]);
	put("secret", "outside\n");
	put("root/etc/hostname", "  web01 \t\r\nsecond\n");
	put("root/sys/devices/pci/sda/size", "2048\n");
	ln("../devices/pci/sda", "root/sys/block/sda");
	snprintf(path, sizeof(path), "%s/root", top);
	ck_assert_int_eq(sysroot_open(path, &root, NULL), 0);
}

static void teardown(void)
{
	char command[128];

	sysroot_free(root);
	snprintf(command, sizeof(command), "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(reads)
{
	CLEANUP(mem_free) char *s = NULL;
	CLEANUP(mem_free) char *all = NULL;
	uint64_t size = 0;
	size_t len = 0;

	ck_assert_int_eq(sysroot_read_line(root, &s, "/etc/%s", "hostname"), 0);
	ck_assert_str_eq(s, "web01");
	ck_assert_int_eq(sysroot_read(root, &all, &len, "//etc/./hostname"), 0);
	ck_assert_uint_eq(len, 18);
	ck_assert_int_eq(sysroot_read_u64(root, &size, "/sys/block/sda/size"), 0);
	ck_assert_uint_eq(size, 2048);
	ck_assert(sysroot_exists(root, "/sys/block/sda/size"));
	ck_assert(sysroot_exists(root, "/"));
	ck_assert(!sysroot_exists(root, "/sys/block/sdb"));
	ck_assert(!sysroot_is_live(root));
	ck_assert_int_eq(strncmp(sysroot_path(root), top, strlen(top)), 0);
}
END_TEST

START_TEST(failures)
{
	char *s = NULL, **v = NULL;
	uint64_t u = 5;
	char big[PATH_MAX + 10];
	struct sysroot *none = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/nope"), -ENOENT);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/nope/deeper"), -ENOENT);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "etc/hostname"), -EINVAL);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "%s", ""), -EINVAL);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/etc/hostname/x"), -ENOTDIR);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/etc/hostname/.."), -ENOTDIR);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/etc/hostname/"), -ENOTDIR);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/etc"), -EISDIR);
	ck_assert_int_eq(sysroot_read_u64(root, &u, "/etc/hostname"), -EBADMSG);
	ck_assert_int_eq(sysroot_readlink(root, &s, "/etc/hostname"), -EINVAL);
	ck_assert_int_eq(sysroot_list(root, &v, "/etc/hostname"), -ENOTDIR);
	ck_assert_int_eq(sysroot_list(root, &v, "/none"), -ENOENT);
	memset(big, 'x', sizeof(big));
	big[0] = '/';
	big[sizeof(big) - 1] = '\0';
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "%s", big), -ENAMETOOLONG);
	big[300] = '\0';
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "%s", big), -ENAMETOOLONG);
	ck_assert_int_eq(sysroot_open("/nonexistent", &none, &err), -ENOENT);
	ck_assert_ptr_null(none);
	ck_assert_ptr_null(s);
	ck_assert_ptr_null(v);
	ck_assert_uint_eq(u, 5);
}
END_TEST

START_TEST(numbers)
{
	static const struct { const char *text; int r; uint64_t v;
	} cases[] = {
		{ "0x1af4\n", 0, 0x1af4 },
		{ "010", 0, 10 },
		{ " 7 \n9", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EBADMSG, 0 },
		{ "\n5", -EBADMSG, 0 },
		{ "-1", -EBADMSG, 0 },
		{ "0x", -EBADMSG, 0 },
		{ "1f", -EBADMSG, 0 },
		{ "1 2", -EBADMSG, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 0;

		put("root/tmp/n", cases[i].text);
		ck_assert_int_eq(sysroot_read_u64(root, &v, "/tmp/n"), cases[i].r);
		ck_assert_uint_eq(v, cases[i].v);
	}
}
END_TEST

START_TEST(no_way_out)
{
	static const char *const ways[] = {
		"/../secret",
		"/../../../../../../secret",
		"/etc/../../secret",
		"/a/b/../../../secret",
		"/up/secret",
		"/absup",
		"/relup",
		"/abstop",
		"/chain",
		"/a/b/mixed",
		"/updir/../secret",
	};
	char target[128];
	char *s = NULL;

	ln("..", "root/up");
	ln("/../secret", "root/absup");
	ln("../../../../../secret", "root/relup");
	snprintf(target, sizeof(target), "%s/secret", top);
	ln(target, "root/abstop");
	ln("relup", "root/chain");
	ln("../../../up/../secret", "root/a/b/mixed");
	ln("/..", "root/updir");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		ck_assert_msg(sysroot_read(root, &s, NULL, "%s", ways[i]) == -ENOENT, "%s",
			      ways[i]);
		ck_assert_msg(!sysroot_exists(root, "%s", ways[i]), "%s", ways[i]);
		ck_assert_msg(sysroot_openf(root, 0, "%s", ways[i]) == -ENOENT, "%s", ways[i]);
		ck_assert_msg(sysroot_realpath(root, &s, "%s", ways[i]) == -ENOENT, "%s", ways[i]);
	}
	/* With something of that name inside, that is what they mean. */
	put("root/secret", "inside\n");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(ways[i], "/abstop") == 0)
			continue;
		ck_assert_msg(sysroot_read_line(root, &s, "%s", ways[i]) == 0, "%s", ways[i]);
		ck_assert_str_eq(s, "inside");
		free(s);
		s = NULL;
	}
}
END_TEST

START_TEST(links)
{
	char *s = NULL, *deep;
	int fd;

	ck_assert_int_eq(sysroot_readlink(root, &s, "/sys/block/sda"), 0);
	ck_assert_str_eq(s, "../devices/pci/sda");
	free(s);
	ck_assert_int_eq(sysroot_realpath(root, &s, "/sys/block/sda/"), 0);
	ck_assert_str_eq(s, "/sys/devices/pci/sda");
	free(s);
	ck_assert_int_eq(sysroot_realpath(root, &s, "/"), 0);
	ck_assert_str_eq(s, "/");
	free(s);
	ln("/etc/hostname", "root/abs");
	ck_assert_int_eq(sysroot_realpath(root, &s, "/a/b/../../abs"), 0);
	ck_assert_str_eq(s, "/etc/hostname");
	free(s);
	s = NULL;
	/* From deep inside, an absolute one starts at the root all the same. */
	ln("/etc/hostname", "root/a/b/deepabs");
	ck_assert_int_eq(sysroot_realpath(root, &s, "/a/b/deepabs"), 0);
	ck_assert_str_eq(s, "/etc/hostname");
	free(s);
	s = NULL;
	ln("loop", "root/loop");
	ln("ping", "root/pong");
	ln("pong", "root/ping");
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/loop"), -ELOOP);
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/ping"), -ELOOP);
	ln("selfdir/x", "root/selfdir");
	ck_assert_int_eq(sysroot_read(root, &s, NULL, "/selfdir"), -ELOOP);
	ck_assert_int_eq(sysroot_openf(root, O_NOFOLLOW, "/abs"), -ELOOP);
	ln("nowhere", "root/dangling");
	ck_assert(!sysroot_exists(root, "/dangling"));
	ck_assert_int_eq(sysroot_readlink(root, &s, "/dangling"), 0);
	free(s);
	fd = sysroot_openf(root, O_DIRECTORY, "/sys/block/sda");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	/* Forty links are followed, one more is not. */
	deep = strdup("etc/hostname");
	for (int i = 0; i < 41; i++) {
		char name[32];

		snprintf(name, sizeof(name), "root/l%d", i);
		ln(deep, name);
		free(deep);
		deep = strdup(name + 5);
	}
	free(deep);
	ck_assert(sysroot_exists(root, "/l39"));
	ck_assert(!sysroot_exists(root, "/l40"));
	ck_assert_int_eq(sysroot_openf(root, 0, "/l40"), -ELOOP);
}
END_TEST

START_TEST(lists_in_version_order)
{
	static const char *const sorted[] = {
		"1-1",	 "1-2",	 "1-10",    "dm-2",	 "dm-10",      "eth0",	  "eth1",
		"eth10", "lo",	 "nvme0n1", "nvme0n1p2", "nvme0n1p10", "nvme1n1", "nvme10n1",
		"sda",	 "sda1", "sda2",    "sda10",	 "sdb",	       "sdz",	  "sdaa",
		"sdab1", "vda",	 "xvda",    "xvdb",	 "xvdaa",
	};
	CLEANUP(strv_free) char **v = NULL;
	CLEANUP(strv_free) char **none = NULL;
	size_t n = ARRAY_SIZE(sorted), i;

	for (i = 0; i < n; i++) {
		char name[64];

		/* Seven and the number of names have no common divisor: all, in disorder. */
		snprintf(name, sizeof(name), "root/a/b/%s", sorted[i * 7 % n]);
		put(name, "");
	}
	ck_assert_int_eq(sysroot_list(root, &v, "/a/b"), 0);
	for (i = 0; v[i]; i++) {
		ck_assert_uint_lt(i, n);
		ck_assert_str_eq(v[i], sorted[i]);
	}
	ck_assert_uint_eq(i, n);
	ck_assert_int_eq(sysroot_list(root, &none, "/tmp"), 0);
	ck_assert_ptr_null(none[0]);
	strv_free(NULL);
}
END_TEST

START_TEST(size_limit)
{
	char *big = malloc((1 << 20) + 2), *s = NULL;
	size_t len;

	memset(big, 'x', (1 << 20) + 1);
	big[1 << 20] = '\0';
	put("root/tmp/big", big);
	ck_assert_int_eq(sysroot_read(root, &s, &len, "/tmp/big"), 0);
	ck_assert_uint_eq(len, 1 << 20);
	free(s);
	s = NULL;
	big[1 << 20] = 'x';
	big[(1 << 20) + 1] = '\0';
	put("root/tmp/big", big);
	ck_assert_int_eq(sysroot_read(root, &s, &len, "/tmp/big"), -EFBIG);
	ck_assert_ptr_null(s);
	free(big);
}
END_TEST

/* Nothing waits for a pipe, lists of /proc may be long, and what is odd is remembered once. */
START_TEST(troubles)
{
	const struct sysroot_troubles *t = sysroot_troubles(root);
	char full[128], *text = NULL;
	size_t len;
	FILE *f;

	ck_assert_uint_eq(t->n, 0);
	ck_assert_int_eq(sysroot_read(root, &text, NULL, "/sys/none"), -ENOENT);
	ck_assert_uint_eq(t->n, 0);
	snprintf(full, sizeof(full), "%s/root/tmp/pipe", top);
	ck_assert_int_eq(mkfifo(full, 0600), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(sysroot_read(root, &text, NULL, "/tmp/%s", "pipe"), -EBADF);
	ck_assert_int_eq(sysroot_read_line(root, &text, "/sys/block"), -EISDIR);
	ck_assert_uint_eq(t->n, 2);
	ck_assert_str_eq(t->v[0].path, "/tmp/pipe");
	ck_assert_int_eq(t->v[1].code, EISDIR);
	for (int i = 0; i < SYSROOT_TROUBLES_MAX; i++)
		(void)sysroot_read(root, &text, NULL, "/sys/block%.*s", i + 1,
				   "///////////////////////////////////////////////////////////////"
				   "//////////");
	ck_assert_uint_eq(t->n, SYSROOT_TROUBLES_MAX);
	ck_assert_uint_eq(t->more, 2);

	folder("root/proc");
	snprintf(full, sizeof(full), "%s/root/proc/cpuinfo", top);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(ftruncate(fileno(f), 2 << 20), 0);
	fclose(f);
	ck_assert_int_eq(sysroot_read(root, &text, &len, "/proc/cpuinfo"), 0);
	ck_assert_uint_eq(len, 2 << 20);
	free(text);
	ck_assert_int_eq(truncate(full, (16 << 20) + 1), 0);
	ck_assert_int_eq(sysroot_read(root, &text, NULL, "/proc/cpuinfo"), -EFBIG);
}
END_TEST

START_TEST(live)
{
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	CLEANUP(mem_free) char *line = NULL;

	ck_assert_int_eq(sysroot_open("/", &s, NULL), 0);
	ck_assert(sysroot_is_live(s));
	ck_assert_str_eq(sysroot_path(s), "/");
	ck_assert_int_eq(sysroot_read_line(s, &line, "/proc/self/stat"), 0);
	ck_assert_int_eq(atoi(line), getpid());
}
END_TEST

/* On the live machine the kernel is asked in one go: it must say what the walk says. */
START_TEST(live_links)
{
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	char *text = NULL, want[PATH_MAX], path[256];

	ck_assert_int_eq(sysroot_open("/", &s, NULL), 0);
	folder("root/deep");
	put("root/deep/file", "x\n");
	ln("deep/file", "root/to-file");
	ln("nowhere", "root/dangling");
	ln("loop-b", "root/loop-a");
	ln("loop-a", "root/loop-b");
	snprintf(path, sizeof(path), "%s/root/to-file", top);
	ck_assert_int_eq(sysroot_readlink(s, &text, "%s", path), 0);
	ck_assert_str_eq(text, "deep/file");
	free(text);
	ck_assert_int_eq(sysroot_realpath(s, &text, "%s", path), 0);
	ck_assert_ptr_nonnull(realpath(path, want));
	ck_assert_str_eq(text, want);
	free(text);
	/* No link; nothing there; a link to nothing; a circle; a name like that of a lost file. */
	ck_assert_int_eq(sysroot_readlink(s, &text, "%s/root/deep", top), -EINVAL);
	ck_assert_int_eq(sysroot_readlink(s, &text, "%s/root/gone", top), -ENOENT);
	ck_assert_int_eq(sysroot_realpath(s, &text, "%s/root/gone", top), -ENOENT);
	ck_assert_int_eq(sysroot_readlink(s, &text, "%s/root/dangling", top), 0);
	ck_assert_str_eq(text, "nowhere");
	free(text);
	ck_assert_int_eq(sysroot_realpath(s, &text, "%s/root/dangling", top), -ENOENT);
	ck_assert_int_eq(sysroot_realpath(s, &text, "%s/root/loop-a", top), -ELOOP);
	put("root/odd (deleted)", "x\n");
	ck_assert_int_eq(sysroot_realpath(s, &text, "%s/root/odd (deleted)", top), 0);
	ck_assert_ptr_nonnull(strstr(text, "/odd (deleted)"));
	free(text);
}
END_TEST

/* An attribute of sysfs says that it is a page long, and is read once. */
START_TEST(live_attributes)
{
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	CLEANUP(mem_free) char *text = NULL;
	char want[8192] = "";
	size_t len, n;
	FILE *f = fopen("/sys/devices/system/cpu/online", "re");

	if (!f)
		UNIT_LEAVE("there is no /sys here");
	n = fread(want, 1, sizeof(want) - 1, f);
	fclose(f);
	ck_assert_int_eq(sysroot_open("/", &s, NULL), 0);
	ck_assert_int_eq(sysroot_read(s, &text, &len, "/sys/devices/system/cpu/online"), 0);
	ck_assert_uint_eq(len, n);
	ck_assert_str_eq(text, want);
}
END_TEST

static Suite *sysroot_suite(void)
{
	Suite *s = suite_create("sysroot");
	TCase *t = tcase_create("sysroot");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, reads);
	tcase_add_test(t, failures);
	tcase_add_test(t, numbers);
	tcase_add_test(t, no_way_out);
	tcase_add_test(t, links);
	tcase_add_test(t, lists_in_version_order);
	tcase_add_test(t, size_limit);
	tcase_add_test(t, troubles);
	tcase_add_test(t, live);
	tcase_add_test(t, live_links);
	tcase_add_test(t, live_attributes);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(sysroot_suite)
