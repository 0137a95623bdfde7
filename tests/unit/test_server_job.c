/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/job.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/jsonx.h"
#include "common/sysroot.h"
#include "p2v-server/job_state.h"
#include "tests/unit/test_server_rig.h"

static const uint64_t one_disk[1] = { 4 * MIB };

static void make_job(const char *name)
{
	job_free(rig_job(name, one_disk, 1, false));
}

static char *read_json(void)
{
	char path[128], *text = NULL;

	snprintf(path, sizeof(path), "%s/box/job.json", rig_store);
	MUST(fdio_read_file(path, 1 << 20, &text, NULL, &e));
	return text;
}

static int try_open(const char *name, enum job_lock lock, struct err *err)
{
	struct job *j = NULL;
	int r = job_open(rig_store, name, lock, &j, err);

	ck_assert((r >= 0) == (j != NULL));
	job_free(j);
	return r;
}

/* ---- names */

static const char *const bad_names[] = {
	"",
	".",
	"..",
	"../x",
	"a/b",
	"a/../../b",
	"/etc",
	"-x",
	".hidden",
	"a b",
	"a\nb",
	"a\\b",
	"a:b",
	"a\x1b[31m",
	"ü",
	"%s%n",
	"0123456789012345678901234567890123456789012345678901234567890123",
};

START_TEST(names_that_escape)
{
	const struct job_image im = { .disk = (char *)"sda",
				      .source = (char *)"/dev/sda",
				      .size = MIB,
				      .logical_sector = 512,
				      .physical_sector = 512 };
	char store[96];

	snprintf(store, sizeof(store), "%s/inner", rig_store);
	ck_assert_int_eq(mkdir(store, 0700), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		struct job *j = NULL;
		struct err e = ERR_INIT;

		ck_assert_int_eq(job_open(store, bad_names[i], JOB_LOCK_TAKE_OVER, &j, &e),
				 -EINVAL);
		ck_assert_uint_gt(strlen(e.text), 0);
		ck_assert_ptr_null(strchr(e.text, '\n'));
		ck_assert_ptr_null(strchr(e.text, '\x1b'));
		ck_assert_int_eq(job_create(store, bad_names[i], &im, 1, false, "{}", 2, &j, &e),
				 -EINVAL);
		ck_assert_ptr_null(j);
	}
	/* Both folders are as empty as they were. */
	ck_assert_int_eq(rmdir(store), 0);
	ck_assert_int_eq(rmdir(rig_store), 0);
}
END_TEST

START_TEST(links_in_the_store)
{
	const struct job_image im = { .disk = (char *)"sda",
				      .source = (char *)"/dev/sda",
				      .size = MIB,
				      .logical_sector = 512,
				      .physical_sector = 512 };
	static const char *const files[] = { "job.json", "lock" };
	char outside[96], path[160], target[160];
	struct job *j = NULL;

	make_job("box");
	snprintf(outside, sizeof(outside), "%s/box", rig_store);
	snprintf(path, sizeof(path), "%s/evil", rig_store);
	ck_assert_int_eq(symlink(outside, path), 0);
	ck_assert_int_lt(try_open("evil", JOB_LOCK_NONE, NULL), 0);
	ck_assert_int_lt(try_open("evil", JOB_LOCK_TRY, NULL), 0);
	ck_assert_int_lt(job_create(rig_store, "evil", &im, 1, false, "{}", 2, &j, NULL), 0);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/box/%s", rig_store, files[i]);
		snprintf(target, sizeof(target), "%s/%s.moved", rig_store, files[i]);
		(void)close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		ck_assert_int_eq(rename(path, target), 0);
		ck_assert_int_eq(symlink(target, path), 0);
		ck_assert_int_lt(try_open("box", JOB_LOCK_TRY, NULL), 0);
		ck_assert_int_eq(unlink(path), 0);
		ck_assert_int_eq(rename(target, path), 0);
	}
	ck_assert_int_eq(try_open("box", JOB_LOCK_TRY, NULL), 0);
}
END_TEST

START_TEST(odd_files_do_not_hang)
{
	char path[128];
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "%s/pipe", rig_store);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(try_open("pipe", JOB_LOCK_NONE, &e), -ENOENT);
	snprintf(path, sizeof(path), "%s/pipe/job.json", rig_store);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_lt(try_open("pipe", JOB_LOCK_NONE, &e), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_lt(try_open("pipe", JOB_LOCK_NONE, &e), 0);
	rig_write("file", "x", 1);
	ck_assert_int_lt(try_open("file", JOB_LOCK_NONE, &e), 0);
}
END_TEST

/* ---- making and loading */

START_TEST(round_trip)
{
	static const uint64_t sizes[3] = { 1536, MIB, 5 * MIB + 512 };
	struct job *j = rig_job("box", sizes, 3, true), *again = NULL;
	struct job_image *im = &j->images[1];
	struct stat st;

	ck_assert_int_eq(fstat(j->dirfd, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0711);
	ck_assert_int_eq(fstatat(j->dirfd, "job.json", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(j->uuid[6] >> 4, 4);
	ck_assert_int_eq(j->uuid[8] >> 6, 2);
	j->state = JOB_FINISHED;
	im->fixed = strdup("sdb1-vm.qcow2");
	memset(im->digest, 'a', SHA256_HEX_LEN);
	j->agent = strdup("p2v-agent \"1\"");
	j->domain_xml = strdup("box.xml");
	ck_assert_int_eq(job_warn(j, "odd %d", 1), 0);
	ck_assert_int_eq(job_warn(j, "odd %d", 1), 0);
	MUST(job_save(j, &e));
	MUST(job_open(rig_store, "box", JOB_LOCK_NONE, &again, &e));
	ck_assert_mem_eq(j->uuid, again->uuid, 16);
	ck_assert_int_eq(again->state, JOB_FINISHED);
	ck_assert(again->compressed);
	ck_assert_uint_eq(again->nimages, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(again->images[i].size, sizes[i]);
	ck_assert_str_eq(again->images[1].fixed, im->fixed);
	ck_assert_str_eq(again->images[1].digest, im->digest);
	ck_assert_str_eq(again->images[0].digest, "");
	ck_assert_str_eq(again->agent, j->agent);
	ck_assert_str_eq(again->domain_xml, "box.xml");
	ck_assert_ptr_null(again->report);
	ck_assert_uint_eq(again->warnings.n, 1);
	job_free(again);
	job_free(j);
}
END_TEST

START_TEST(made_once)
{
	const struct job_image im = { .disk = (char *)"sda",
				      .source = (char *)"/dev/sda",
				      .size = MIB,
				      .logical_sector = 512,
				      .physical_sector = 512 };
	CLEANUP(mem_free) char *before = NULL;
	CLEANUP(mem_free) char *after = NULL;
	struct job *j = NULL;
	char store[96];

	make_job("box");
	before = read_json();
	ck_assert_int_eq(job_create(rig_store, "box", &im, 1, true, "{}", 2, &j, NULL), -EEXIST);
	after = read_json();
	ck_assert_str_eq(before, after);
	/* A folder without job.json is an attempt that died. */
	snprintf(store, sizeof(store), "%s/a/b", rig_store);
	MUST(job_create(store, "x", &im, 1, true, "{}", 2, &j, &e));
	ck_assert_int_eq(unlinkat(j->dirfd, "job.json", 0), 0);
	job_free(j);
	MUST(job_create(store, "x", &im, 1, true, "{}", 2, &j, &e));
	job_free(j);
}
END_TEST

START_TEST(torn_json)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;

	make_job("box");
	text = read_json();
	len = strlen(text);
	for (size_t n = 0; n + 1 < len; n++) {
		struct err e = ERR_INIT;

		rig_write("box/job.json", text, n);
		ck_assert_msg(try_open("box", JOB_LOCK_NONE, &e) == -EBADMSG,
			      "%zu bytes of it pass", n);
		ck_assert_ptr_nonnull(strstr(e.text, "box"));
	}
}
END_TEST

/* Every member replaced by values of every type: understood or refused by name, never a crash. */
static void swap_members(json_t *root, json_t *object, size_t *refused)
{
	static const char *const values[] = { "null",	  "true",
					      "0",	  "-1",
					      "1.5",	  "9223372036854775807",
					      "\"\"",	  "\"x\"",
					      "\"../x\"", "\"/etc/passwd\"",
					      "\"..\"",	  "[]",
					      "{}",	  "[[]]",
					      "[1]",	  "[{}]",
					      "[null]" };
	const char *key;
	json_t *old;

	json_object_foreach(object, key, old)
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			CLEANUP(mem_free) char *text = NULL;
			struct job *j = NULL;
			struct err e = ERR_INIT;
			int r;

			json_incref(old);
			ck_assert_int_eq(
				json_object_set_new(object, key,
						    json_loads(values[i], JSON_DECODE_ANY, NULL)),
				0);
			text = json_dumps(root, 0);
			ck_assert_int_eq(json_object_set_new(object, key, old), 0);
			rig_write("box/job.json", text, strlen(text));
			r = job_open(rig_store, "box", JOB_LOCK_NONE, &j, &e);
			if (r >= 0) {
				ck_assert(!j->domain_xml || !strchr(j->domain_xml, '/'));
				ck_assert(!j->images[0].fixed || !strchr(j->images[0].fixed, '/'));
				ck_assert(text_name_valid(j->images[0].disk));
				ck_assert_str_eq(j->name, "box");
			} else {
				ck_assert_msg(r == -EBADMSG, "%s=%s: %d", key, values[i], r);
				ck_assert_uint_gt(strlen(e.text), 0);
				++*refused;
			}
			job_free(j);
		}
}

START_TEST(members_of_the_wrong_type)
{
	struct job *j = rig_job("box", one_disk, 1, false);
	CLEANUP(json_unref) json_t *root = NULL;
	size_t refused = 0;

	j->agent = strdup("a");
	j->domain_xml = strdup("b");
	j->report = strdup("c");
	j->report_html = strdup("d");
	j->nvram = strdup("e");
	j->images[0].fixed = strdup("f");
	memset(j->images[0].digest, 'a', SHA256_HEX_LEN);
	MUST(job_state_json(j, &root, &e));
	job_free(j);
	swap_members(root, root, &refused);
	swap_members(root, json_array_get(json_object_get(root, "images"), 0), &refused);
	ck_assert_uint_gt(refused, 200);
}
END_TEST

START_TEST(numbers_of_images)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(json_unref) json_t *root = NULL;
	json_t *images;

	make_job("box");
	text = read_json();
	root = json_loads(text, 0, NULL);
	images = json_object_get(root, "images");
	for (size_t n = 1; n <= PROTO_DISKS_MAX + 1; n++) {
		if (n >= PROTO_DISKS_MAX) {
			CLEANUP(mem_free) char *now = json_dumps(root, 0);

			rig_write("box/job.json", now, strlen(now));
			ck_assert_int_eq(try_open("box", JOB_LOCK_NONE, NULL),
					 n == PROTO_DISKS_MAX ? 0 : -EBADMSG);
		}
		ck_assert_int_eq(json_array_append(images, json_array_get(images, 0)), 0);
	}
}
END_TEST

/* A job of the time when the member was called sha256, and meant something else. */
START_TEST(earlier_digest_is_not_taken_for_one)
{
	CLEANUP(mem_free) char *text = NULL, *now = NULL;
	CLEANUP(json_unref) json_t *root = NULL;
	CLEANUP(job_free) struct job *j = NULL;
	json_t *image;

	make_job("box");
	text = read_json();
	root = json_loads(text, 0, NULL);
	image = json_array_get(json_object_get(root, "images"), 0);
	json_object_set_new(image, "sha256", json_string("not even hex"));
	now = json_dumps(root, 0);
	rig_write("box/job.json", now, strlen(now));
	MUST(job_open(rig_store, "box", JOB_LOCK_NONE, &j, &e));
	ck_assert_str_eq(j->images[0].digest, "");
}
END_TEST

/* ---- the lock */

struct holder {
	pid_t pid;
	int release;			/* close to make it let go */
};

static int term_pipe[2];

static void on_term(int sig)
{
	(void)sig;
	(void)!write(term_pipe[1], "t", 1);
}

/* A process that holds the lock; it exits with 7 when it is asked to leave by a signal. */
static struct holder hold(const char *name, enum job_lock how)
{
	int ready[2], release[2];
	struct holder h;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(release), 0);
	h.pid = fork();
	if (h.pid == 0) {
		struct pollfd p[2];
		struct job *j = NULL;

		close(release[1]);
		if (pipe(term_pipe) < 0 || signal(SIGTERM, on_term) == SIG_ERR)
			_exit(1);
		if (job_open(rig_store, name, how, &j, NULL) < 0)
			_exit(2);
		(void)!write(ready[1], "r", 1);
		p[0] = (struct pollfd){ .fd = release[0], .events = POLLIN };
		p[1] = (struct pollfd){ .fd = term_pipe[0], .events = POLLIN };
		while (poll(p, 2, -1) < 0)
			;
		_exit(p[1].revents ? 7 : 0);
	}
	close(ready[1]);
	close(release[0]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	h.release = release[1];
	return h;
}

static int ended(struct holder h)
{
	int status;

	close(h.release);
	ck_assert_int_eq(waitpid(h.pid, &status, 0), h.pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

START_TEST(lock_is_one_process)
{
	struct holder h;
	struct err e = ERR_INIT;

	make_job("box");
	h = hold("box", JOB_LOCK_TRY);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TRY, &e), -EBUSY);
	ck_assert_ptr_nonnull(strstr(e.text, "box"));
	/* Who looks is not kept out; who would receive does not push a finish or a verify aside. */
	ck_assert_int_eq(try_open("box", JOB_LOCK_NONE, &e), 0);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TAKE_OVER, &e), -EBUSY);
	ck_assert_int_eq(ended(h), 0);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TRY, &e), 0);
}
END_TEST

START_TEST(lock_dies_with_its_holder)
{
	struct holder h;

	make_job("box");
	h = hold("box", JOB_LOCK_TAKE_OVER);
	kill(h.pid, SIGKILL);
	ck_assert_int_eq(ended(h), 128 + SIGKILL);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TRY, NULL), 0);
}
END_TEST

START_TEST(stale_receiver_is_asked_to_leave)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct holder h;
	char path[128];

	make_job("box");
	h = hold("box", JOB_LOCK_TAKE_OVER);
	snprintf(path, sizeof(path), "%s/box/lock", rig_store);
	ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TRY, NULL), -EBUSY);
	ck_assert_int_eq(try_open("box", JOB_LOCK_TAKE_OVER, NULL), 0);
	ck_assert_int_eq(ended(h), 7);
}
END_TEST

START_TEST(live_receiver_is_waited_for)
{
	struct holder h;
	pid_t waiter;
	int status;

	make_job("box");
	h = hold("box", JOB_LOCK_TAKE_OVER);
	waiter = fork();
	if (waiter == 0) {
		close(h.release);
		_exit(try_open("box", JOB_LOCK_TAKE_OVER, NULL) < 0);
	}
	ck_assert_int_eq(poll(NULL, 0, 500), 0);
	ck_assert_int_eq(waitpid(waiter, &status, WNOHANG), 0);
	ck_assert_int_eq(ended(h), 0);
	ck_assert_int_eq(waitpid(waiter, &status, 0), waiter);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(touch_keeps_alive)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct job *j = NULL;
	struct stat st;

	make_job("box");
	MUST(job_open(rig_store, "box", JOB_LOCK_TAKE_OVER, &j, &e));
	ck_assert_int_eq(futimens(j->lockfd, old), 0);
	job_lock_touch(j);
	ck_assert_int_eq(fstat(j->lockfd, &st), 0);
	ck_assert_int_gt(st.st_mtime, 1);
	job_free(j);
}
END_TEST

/* ---- the list */

START_TEST(list_shows_what_is_there)
{
	CLEANUP(strv_free) char **names = NULL;
	char path[128];

	snprintf(path, sizeof(path), "%s/none", rig_store);
	MUST(job_list(path, &names, &e));
	ck_assert_ptr_null(names[0]);
	strv_free(names);
	names = NULL;
	make_job("zeta");
	make_job("alpha");
	make_job("broken");
	rig_write("broken/job.json", "{", 1);
	rig_write("host.json", "{}", 2);
	snprintf(path, sizeof(path), "%s/halfway", rig_store);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/.hidden", rig_store);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	rig_write(".hidden/job.json", "{}", 2);
	MUST(job_list(rig_store, &names, &e));
	ck_assert_str_eq(names[0], "alpha");
	ck_assert_str_eq(names[1], "broken");
	ck_assert_str_eq(names[2], "zeta");
	ck_assert_ptr_null(names[3]);
	ck_assert_int_eq(try_open("broken", JOB_LOCK_NONE, NULL), -EBADMSG);
}
END_TEST

static Suite *job_suite(void)
{
	const TTest *const tests[] = { names_that_escape,
				       links_in_the_store,
				       odd_files_do_not_hang,
				       round_trip,
				       made_once,
				       torn_json,
				       members_of_the_wrong_type,
				       numbers_of_images,
				       earlier_digest_is_not_taken_for_one,
				       lock_is_one_process,
				       lock_dies_with_its_holder,
				       stale_receiver_is_asked_to_leave,
				       live_receiver_is_waited_for,
				       touch_keeps_alive,
				       list_shows_what_is_there };

	return rig_suite("job", tests, ARRAY_SIZE(tests), rig_setup, rig_teardown);
}

UNIT_MAIN(job_suite)
