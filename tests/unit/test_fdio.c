/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "common/cleanup.h"
#include "tests/lib/unit.h"

static char folder[64];
static int folder_fd;

static void setup(void)
{
	strcpy(folder, "/tmp/p2v-fdio.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(folder_fd, 0);
}

static void teardown(void)
{
	char command[128];

	close(folder_fd);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void expect_content(const char *name, const char *want)
{
	CLEANUP(mem_free) char *got = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_msg(fdio_read_file_at(folder_fd, name, 1 << 20, &got, &len, &err) == 0, "%s",
		      err.text);
	ck_assert_uint_eq(len, strlen(want));
	ck_assert_str_eq(got, want);
}

static int count_entries(void)
{
	CLEANUP(dir_close) DIR *d = opendir(folder);
	int n = -2;

	while (readdir(d))
		n++;
	return n;
}

START_TEST(positioned)
{
	CLEANUP(fd_close) int fd = openat(folder_fd, "x", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char buf[8];

	ck_assert_int_eq(fdio_pwrite_full(fd, "hello", 5, 3), 0);
	ck_assert_int_eq(fdio_pread_full(fd, buf, 8, 0), 0);
	ck_assert_mem_eq(buf, "\0\0\0hello", 8);
	ck_assert_int_eq(fdio_pread_full(fd, buf, 8, 1), -ENODATA);
	ck_assert_int_eq(fdio_pread_full(fd, buf, 1, 8), -ENODATA);
	ck_assert_int_eq(fdio_pread_full(fd, buf, 0, 100), 0);
	ck_assert_int_eq(fdio_pread_full(fd, buf, 1, UINT64_MAX), -EOVERFLOW);
	ck_assert_int_eq(fdio_pwrite_full(fd, buf, 2, INT64_MAX - 1), -EOVERFLOW);
	ck_assert_int_eq(fdio_pread_full(-1, buf, 1, 0), -EBADF);
	ck_assert_int_eq(lseek(fd, 3, SEEK_SET), 3);
	ck_assert_int_eq(fdio_read_full(fd, buf, 5), 0);
	ck_assert_int_eq(fdio_read_full(fd, buf, 1), -ENODATA);
}
END_TEST

struct slow {
	int fd;
	size_t len;
};

static void *slow_writer(void *arg)
{
	struct slow *s = arg;

	for (size_t i = 0; i < s->len; i++) {
		char c = (char)i;

		if (i % 100 == 0)
			usleep(500);
		if (write(s->fd, &c, 1) != 1)
			return NULL;
	}
	close(s->fd);
	return NULL;
}

/* A non-blocking pipe that gives a byte now and then. */
START_TEST(nonblocking_is_waited_for)
{
	struct slow s = { .len = 2000 };
	char buf[2001];
	pthread_t t;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(fdio_set_nonblock(fds[0], true), 0);
	s.fd = fds[1];
	ck_assert_int_eq(pthread_create(&t, NULL, slow_writer, &s), 0);
	ck_assert_int_eq(fdio_read_full(fds[0], buf, s.len), 0);
	for (size_t i = 0; i < s.len; i++) {
		if (buf[i] != (char)i)
			ck_abort_msg("byte %zu", i);
	}
	ck_assert_int_eq(fdio_read_full(fds[0], buf, 1), -ENODATA);
	pthread_join(t, NULL);
	ck_assert_int_eq(fdio_set_nonblock(fds[0], false), 0);
	ck_assert_int_eq(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	close(fds[0]);
}
END_TEST

START_TEST(read_file_limits)
{
	CLEANUP(mem_free) char *data = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "ten", "0123456789", 10, 0600, &err), 0);
	ck_assert_int_eq(fdio_read_file_at(folder_fd, "ten", 9, &data, &len, &err), -EFBIG);
	ck_assert_ptr_nonnull(strstr(err.text, "ten is larger than 9 bytes"));
	ck_assert_ptr_null(data);
	ck_assert_int_eq(fdio_read_file_at(folder_fd, "ten", 0, &data, &len, &err), -EFBIG);
	ck_assert_int_eq(fdio_read_file_at(folder_fd, "ten", 10, &data, &len, &err), 0);
	ck_assert_uint_eq(len, 10);
	free(TAKE_PTR(data));
	ck_assert_int_eq(fdio_read_file_at(folder_fd, "none", 10, &data, &len, &err), -ENOENT);
	ck_assert_int_eq(fdio_read_file(folder, 10, &data, &len, &err), -EISDIR);
	/* st_size is 0 there. */
	ck_assert_int_eq(fdio_read_file("/proc/self/status", SIZE_MAX, &data, NULL, &err), 0);
	ck_assert_ptr_nonnull(strstr(data, "Name:"));
}
END_TEST

START_TEST(replace)
{
	struct err err = ERR_INIT;
	struct stat st;
	char path[128];

	umask(077);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "old", 3, 0644, &err), 0);
	expect_content("f", "old");
	ck_assert_int_eq(fstatat(folder_fd, "f", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0644);
	snprintf(path, sizeof(path), "%s/f", folder);
	ck_assert_int_eq(fdio_replace_file(path, "newer", 5, 0600, &err), 0);
	expect_content("f", "newer");
	ck_assert_int_eq(fdio_replace_file(path, NULL, 0, 0600, &err), 0);
	expect_content("f", "");
	ck_assert_int_eq(count_entries(), 1);
}
END_TEST

START_TEST(replace_refuses_paths)
{
	static const char *const wrong[] = { "", ".", "..", "a/b", "../x", "/x" };
	struct err err = ERR_INIT;
	char name[300];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		ck_assert_int_eq(fdio_replace_file_at(folder_fd, wrong[i], "x", 1, 0600, &err),
				 -EINVAL);
		ck_assert_int_eq(fdio_rename_durable(folder_fd, wrong[i], "y", &err), -EINVAL);
		ck_assert_int_eq(fdio_rename_durable(folder_fd, "y", wrong[i], &err), -EINVAL);
	}
	memset(name, 'n', sizeof(name));
	name[252] = '\0';
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, name, "x", 1, 0600, &err), -ENAMETOOLONG);
	ck_assert_int_eq(fdio_replace_file("/nonexistent/x", "x", 1, 0600, &err), -ENOENT);
	ck_assert_int_eq(count_entries(), 0);
}
END_TEST

/* A leftover of a killed process is taken over; a link in its place is not followed. */
START_TEST(replace_takes_over)
{
	CLEANUP(fd_close) int fd = -1;
	struct err err = ERR_INIT;

	fd = openat(folder_fd, ".f.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	ck_assert_int_eq(fdio_write_full(fd, "a long torn leftover", 20), 0);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "good", 4, 0600, &err), 0);
	expect_content("f", "good");
	ck_assert_int_eq(count_entries(), 1);

	ck_assert_int_eq(symlinkat("f", folder_fd, ".f.tmp"), 0);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "bad", 3, 0600, &err), -ELOOP);
	expect_content("f", "good");
}
END_TEST

/* When the disk is full (here: the file size limit), the old content stays and nothing is left. */
START_TEST(replace_failing_keeps_old)
{
	struct rlimit old, small = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY };
	struct err err = ERR_INIT;
	static char big[100000];

	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "old", 3, 0600, &err), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", big, sizeof(big), 0600, &err),
			 -EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	expect_content("f", "old");
	ck_assert_int_eq(count_entries(), 1);
	/* The target is a folder: the rename is what fails. */
	ck_assert_int_eq(mkdirat(folder_fd, "d", 0700), 0);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "d", "x", 1, 0600, &err), -EISDIR);
	ck_assert_int_eq(count_entries(), 2);
}
END_TEST

static void replace_in_a_loop(char fill)
{
	static char data[20000];

	memset(data, fill, sizeof(data));
	for (;;) {
		if (fdio_replace_file_at(folder_fd, "f", data, sizeof(data), 0600, NULL) < 0)
			_exit(1);
	}
}

/* Two writers at once and a reader, who always reads one writer's whole content; then kill them. */
START_TEST(replace_is_atomic)
{
	CLEANUP(mem_free) char *data = NULL;
	pid_t pids[2];
	size_t len;

	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "", 0, 0600, NULL), 0);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0)
			replace_in_a_loop((char)('a' + i));
	}
	for (int round = 0; round < 300; round++) {
		ck_assert_int_eq(fdio_read_file_at(folder_fd, "f", 1 << 20, &data, &len, NULL), 0);
		if (len && (len != 20000 || strspn(data, data[0] == 'a' ? "a" : "b") != len))
			ck_abort_msg("a torn file of %zu bytes", len);
		free(TAKE_PTR(data));
		usleep(500);
	}
	for (int i = 0; i < 2; i++) {
		int status;

		ck_assert_int_eq(waitpid(pids[i], &status, WNOHANG), 0);
		ck_assert_int_eq(kill(pids[i], SIGKILL), 0);
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
	}
	ck_assert_int_eq(fdio_read_file_at(folder_fd, "f", 1 << 20, &data, &len, NULL), 0);
	ck_assert_uint_eq(len, 20000);
	ck_assert_int_le(count_entries(), 2);
	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "f", "end", 3, 0600, NULL), 0);
	ck_assert_int_eq(count_entries(), 1);
	expect_content("f", "end");
}
END_TEST

START_TEST(rename_and_folders)
{
	struct err err = ERR_INIT;
	char path[128];

	ck_assert_int_eq(fdio_replace_file_at(folder_fd, "a", "x", 1, 0600, &err), 0);
	ck_assert_int_eq(fdio_rename_durable(folder_fd, "a", "b", &err), 0);
	expect_content("b", "x");
	ck_assert_int_eq(fdio_rename_durable(folder_fd, "a", "b", &err), -ENOENT);
	ck_assert_str_eq(err.text, "cannot rename a to b: No such file or directory");

	snprintf(path, sizeof(path), "%s/p/q//r/", folder);
	ck_assert_int_eq(fdio_mkdir_p(path, 0755, &err), 0);
	ck_assert_int_eq(fdio_mkdir_p(path, 0755, &err), 0);
	ck_assert_int_eq(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/b", folder);
	ck_assert_int_eq(fdio_mkdir_p(path, 0755, &err), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/b/c", folder);
	ck_assert_int_lt(fdio_mkdir_p(path, 0755, &err), 0);
	ck_assert_int_eq(fdio_mkdir_p("", 0755, &err), -EINVAL);
	ck_assert_int_eq(fdio_mkdir_p("/", 0755, &err), 0);
}
END_TEST

static Suite *fdio_suite(void)
{
	Suite *s = suite_create("fdio");
	TCase *t = tcase_create("fdio");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, positioned);
	tcase_add_test(t, nonblocking_is_waited_for);
	tcase_add_test(t, read_file_limits);
	tcase_add_test(t, replace);
	tcase_add_test(t, replace_refuses_paths);
	tcase_add_test(t, replace_takes_over);
	tcase_add_test(t, replace_failing_keeps_old);
	tcase_add_test(t, replace_is_atomic);
	tcase_add_test(t, rename_and_folders);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(fdio_suite)
