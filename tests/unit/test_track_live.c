/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracker on a loop device, and what goes wrong with it: programs that are skipped, pins that
 * vanish, a disk that grows. Root only.
 *
 * Programs that lose events are made by putting a filter in front of them.
 * WRAP: -Wl,--wrap=bpf_code_build
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/spawn.h"
#include "common/text.h"
#include "tests/lib/unit.h"
#include "track/bpf_code.h"
#include "track/kernelfs.h"
#include "track/track.h"

#define SIZE	(16 * MIB)
#define BLOCK	4096u

int __real_bpf_code_build(const struct bpf_program *p, struct bpf_insn *code, size_t max);
int __wrap_bpf_code_build(const struct bpf_program *p, struct bpf_insn *code, size_t max);

/* Slots whose program sees 7 events of 8. */
static unsigned int lossy;

int __wrap_bpf_code_build(const struct bpf_program *p, struct bpf_insn *code, size_t max)
{
	static const struct bpf_insn filter[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32 },
		{ .code = BPF_ALU64 | BPF_AND | BPF_K, .imm = 7 },
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .off = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 1, .src_reg = 6 },
	};
	size_t n = lossy & 1u << p->slot ? ARRAY_SIZE(filter) : 0;
	int r = __real_bpf_code_build(p, code + n, max - n);

	memcpy(code, filter, n * sizeof(*filter));
	return r < 0 ? r : r + (int)n;
}

static char folder[] = "/var/tmp/p2v-unit.XXXXXX";
static char *image, *run_dir, *device;
static struct track_disk disk;
static struct sysroot *root;
static struct track *track;
static const char *why;

static bool command(char *const argv[], char **ret_out)
{
	CLEANUP(spawn_result_done) struct spawn_result r = { 0 };

	if (spawn_run(argv, NULL, 0, 30, 4096, &r, NULL) < 0 || r.status != 0)
		return false;
	if (ret_out) {
		r.out[strcspn(r.out, "\n")] = '\0';
		*ret_out = TAKE_PTR(r.out);
	}
	return true;
}

static void setup(void)
{
	struct err err = ERR_INIT;
	int fd;

	why = geteuid() != 0 ? "root is wanted" : NULL;
	if (!why && access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		why = "this kernel does not tell its types";
	if (why)
		return;
	fd = open(image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert(fd >= 0 && ftruncate(fd, SIZE) == 0);
	close(fd);
	if (!command((char *[]){ "losetup", "--find", "--show", image, NULL }, &device)) {
		why = "there are no loop devices";
		return;
	}
	ck_assert_int_eq(sysroot_open("/", &root, &err), 0);
	ck_assert_msg(track_disk_find(root, device + 5, &disk, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(disk.size, SIZE);
}

static void teardown(void)
{
	track_free(track);
	track = NULL;
	lossy = 0;
	track_remove(run_dir, NULL);
	if (device)
		command((char *[]){ "losetup", "--detach", device, NULL }, NULL);
	sysroot_free(root);
	free(device);
	device = NULL;
	root = NULL;
}

/* In the process that runs the tests: a test that fails leaves its tracker and its device. */
static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	image = text_format("%s/image", folder);
	run_dir = text_format("%s/run", folder);
}

static void remove_folder(void)
{
	CLEANUP(mem_free) char *left = NULL;

	track_remove(run_dir, NULL);
	while (command((char *[]){ "losetup", "-n", "-O", "NAME", "-j", image, NULL }, &left) &&
	       left[0] && command((char *[]){ "losetup", "--detach", left, NULL }, NULL))
		free(TAKE_PTR(left));
	unlink(image);
	rmdir(run_dir);
	rmdir(folder);
	free(image);
	free(run_dir);
}

static const struct track_options *options(enum track_tier first)
{
	static struct track_options o;

	o = (struct track_options){ .disks = &disk, .n = 1, .run_dir = run_dir, .first = first };
	return &o;
}

static void start(void)
{
	struct err err = ERR_INIT;

	ck_assert_msg(track_start(options(TRACK_BPF), &track, &err) == 0, "%s", err.text);
	if (track_tier(track) != TRACK_BPF)
		why = "this kernel does not take the programs";
}

/* Every block is written once, in an order of its own; in flight is nothing afterwards. */
static void write_all(void)
{
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(BLOCK);
	CLEANUP(fd_close) int fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	for (uint64_t i = 0; i < SIZE / BLOCK; i++) {
		memset(buf, (int)i, BLOCK);
		ck_assert_int_eq(fdio_pwrite_full(fd, buf, BLOCK,
						  i * 2731 % (SIZE / BLOCK) * BLOCK), 0);
	}
}

static struct track_audit audit(void)
{
	struct track_audit a = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(track_audit(track, 0, true, &a, &err) == 0, "%s", err.text);
	return a;
}

static uint64_t harvest(bool last)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	struct err err = ERR_INIT;
	int r;

	ck_assert_int_eq(bitmap_new(SIZE, BLOCK, &b), 0);
	r = (last ? track_harvest_last : track_harvest)(track, 0, b, NULL, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return bitmap_bytes(b);
}

#define START_OR_LEAVE() \
	do { \
		if (!why) \
			start(); \
		if (why) \
			UNIT_LEAVE(why); \
	} while (0)

START_TEST(sees_all)
{
	struct track_audit a;

	START_OR_LEAVE();
	write_all();
	a = audit();
	ck_assert_int_eq(a.verdict, TRACK_SOUND);
	ck_assert_uint_eq(a.sectors_kernel, SIZE / 512);
	ck_assert_uint_eq(a.sectors_submitted, SIZE / 512);
	ck_assert_uint_eq(a.ever, SIZE);
	ck_assert_uint_eq(harvest(false), SIZE);
	ck_assert_uint_eq(harvest(false), 0);
}
END_TEST

/* One copy of each loses events: the other has them. */
START_TEST(one_copy_is_lossy)
{
	lossy = 1u << 0 | 1u << 2;
	START_OR_LEAVE();
	write_all();
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
	ck_assert_uint_eq(audit().deficit_submitted, 0);
	ck_assert_uint_eq(harvest(false), SIZE);
}
END_TEST

/* Completions are lost in both: what was copied may be old, and the last harvest gives it again. */
START_TEST(completions_are_lossy)
{
	struct track_audit a;

	lossy = 1u << 2 | 1u << 3;
	START_OR_LEAVE();
	write_all();
	a = audit();
	ck_assert_int_eq(a.verdict, TRACK_SOUND);
	ck_assert_uint_eq(a.reasons, TRACK_REASON_LATE);
	ck_assert_uint_gt(a.deficit_completed, 0);
	ck_assert_uint_eq(a.deficit_submitted, 0);
	ck_assert_uint_eq(harvest(false), SIZE);
	ck_assert_uint_eq(harvest(false), 0);
	ck_assert_uint_eq(harvest(true), SIZE);
}
END_TEST

/* All are lossy, on their own: a write may have been seen by none. */
START_TEST(all_are_lossy)
{
	struct track_audit a;

	lossy = 0xf;
	START_OR_LEAVE();
	write_all();
	a = audit();
	ck_assert_int_eq(a.verdict, TRACK_COMPARE_ALL);
	ck_assert_uint_eq(a.reasons, TRACK_REASON_DEFICIT);
	ck_assert_uint_gt(a.deficit_submitted, 0);
}
END_TEST

START_TEST(submissions_are_lossy)
{
	lossy = 1u << 0 | 1u << 1;
	START_OR_LEAVE();
	write_all();
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
	ck_assert_uint_eq(harvest(false), SIZE);
}
END_TEST

/* Once gone, it stays in doubt, though the pin should come back. */
START_TEST(a_pin_is_gone)
{
	CLEANUP(mem_free) char *pin = text_format("%s/bpf/link-1", run_dir ? run_dir : "");

	START_OR_LEAVE();
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
	ck_assert_int_eq(unlink(pin), 0);
	ck_assert_int_eq(audit().verdict, TRACK_COMPARE_ALL);
	ck_assert_uint_eq(audit().reasons, TRACK_REASON_GONE);
	track_leave(track);
	track = NULL;
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &track, NULL), -ESTALE);
	/* A fresh one takes its place. */
	start();
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
}
END_TEST

START_TEST(resumed)
{
	struct track_disk other = disk;
	struct track *second = NULL;
	struct track_options o;

	START_OR_LEAVE();
	ck_assert_int_eq(track_start(options(TRACK_BPF), &second, NULL), -EBUSY);
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &second, NULL), -EBUSY);
	ck_assert_int_eq(track_remove(run_dir, NULL), -EBUSY);
	write_all();
	ck_assert_uint_eq(harvest(false), SIZE);
	track_leave(track);
	track = NULL;
	other.dev++;
	o = *options(TRACK_BPF);
	o.disks = &other;
	ck_assert_int_eq(track_resume(&o, &track, NULL), -ESTALE);
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &track, NULL), 0);
	/* Nobody settled it. */
	ck_assert_uint_eq(harvest(false), SIZE);
	ck_assert_uint_eq(harvest(false), 0);
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
	track_settled(track, 0);
	track_leave(track);
	track = NULL;
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &track, NULL), 0);
	ck_assert_uint_eq(harvest(false), 0);
	track_free(track);
	track = NULL;
	ck_assert_int_eq(access(run_dir, F_OK), -1);
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &track, NULL), -ENOENT);
	ck_assert_int_eq(access(run_dir, F_OK), -1);
}
END_TEST

START_TEST(the_disk_grows)
{
	START_OR_LEAVE();
	ck_assert_int_eq(truncate(image, SIZE + MIB), 0);
	ck_assert(command((char *[]){ "losetup", "--set-capacity", device, NULL }, NULL));
	ck_assert_int_eq(audit().verdict, TRACK_COMPARE_ALL);
	ck_assert_uint_eq(audit().reasons, TRACK_REASON_RESIZED);
	track_leave(track);
	track = NULL;
	ck_assert_int_eq(track_resume(options(TRACK_BPF), &track, NULL), -ESTALE);
}
END_TEST

/* Counts that the kernel does not make cannot vouch. */
START_TEST(the_kernel_does_not_count)
{
	CLEANUP(mem_free) char *path = NULL;

	START_OR_LEAVE();
	path = text_format("/sys/block/%s/queue/iostats", disk.name);
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(fdio_write_full(fd, "0", 1), 0);
	write_all();
	ck_assert_int_eq(audit().verdict, TRACK_COMPARE_EVER);
	ck_assert_int_eq(fdio_write_full(fd, "1", 1), 0);
	/* It is not forgotten. */
	ck_assert_int_eq(audit().verdict, TRACK_COMPARE_EVER);
	ck_assert_uint_eq(audit().ever, SIZE);
}
END_TEST

START_TEST(no_tracker_at_all)
{
	struct track_audit a;

	if (why)
		UNIT_LEAVE(why);
	ck_assert_int_eq(track_start(options(TRACK_NONE), &track, NULL), 0);
	ck_assert_int_eq(track_tier(track), TRACK_NONE);
	a = audit();
	ck_assert_int_eq(a.verdict, TRACK_COMPARE_ALL);
	ck_assert_uint_eq(a.reasons, TRACK_REASON_ABSENT);
	ck_assert_uint_eq(harvest(false), SIZE);
	ck_assert_uint_eq(harvest(false), SIZE);
	ck_assert_uint_eq(harvest(true), SIZE);
}
END_TEST

/* An instance of ftrace that a killed process left goes with the next start. */
START_TEST(a_killed_ftrace_is_removed)
{
	CLEANUP(mem_free) char *tracefs = NULL;
	CLEANUP(mem_free) char *instance = NULL;
	int status;
	pid_t pid;

	if (why)
		UNIT_LEAVE(why);
	pid = fork();
	if (pid == 0) {
		if (track_start(options(TRACK_FTRACE), &track, NULL) == 0 &&
		    track_tier(track) == TRACK_FTRACE)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		UNIT_LEAVE("there is no ftrace");
	ck_assert_int_eq(kernelfs_find(KERNELFS_TRACE, run_dir, false, &tracefs, NULL), 0);
	instance = text_format("%s/instances/p2v%s", tracefs, run_dir);
	for (char *p = instance + strlen(tracefs) + strlen("/instances/"); *p; p++)
		if (*p == '/')
			*p = '-';
	ck_assert_int_eq(access(instance, F_OK), 0);
	ck_assert_int_eq(track_start(options(TRACK_NONE), &track, NULL), 0);
	free(TAKE_PTR(tracefs));
	ck_assert_int_eq(kernelfs_find(KERNELFS_TRACE, run_dir, true, &tracefs, NULL), 0);
	ck_assert_int_eq(access(tracefs, F_OK), 0);
	ck_assert_int_eq(access(instance, F_OK), -1);
	kernelfs_remove(KERNELFS_TRACE, run_dir);
}
END_TEST

/* A trial ends with its process, and has no pins that could outlive it. */
START_TEST(a_trial_pins_nothing)
{
	CLEANUP(mem_free) char *dir = text_format("%s/bpf", run_dir ? run_dir : "");
	struct track_options o;

	START_OR_LEAVE();
	track_free(track);
	track = NULL;
	o = *options(TRACK_BPF);
	o.trial = true;
	ck_assert_int_eq(track_start(&o, &track, NULL), 0);
	ck_assert_int_eq(access(dir, F_OK), -1);
	write_all();
	ck_assert_int_eq(audit().verdict, TRACK_SOUND);
	ck_assert_uint_eq(harvest(false), SIZE);
	track_leave(track);
	track = NULL;
	ck_assert_int_eq(track_resume(&o, &track, NULL), -ENOENT);
}
END_TEST

START_TEST(wrong_options)
{
	struct track_disk two[2];
	struct track_options o;

	if (why)
		UNIT_LEAVE(why);
	o = *options(TRACK_BPF);
	two[0] = two[1] = disk;
	o.disks = two;
	o.n = 2;
	ck_assert_int_eq(track_start(&o, &track, NULL), -EINVAL);
	o.n = 0;
	ck_assert_int_eq(track_start(&o, &track, NULL), -EINVAL);
	o.n = 1;
	two[0].granule_shift = 11;
	ck_assert_int_eq(track_start(&o, &track, NULL), -EINVAL);
	two[0].granule_shift = 16;
	ck_assert_int_eq(track_start(&o, &track, NULL), 0);
	ck_assert_uint_eq(track_granule(track, 0), 65536);
}
END_TEST

static Suite *track_live_suite(void)
{
	Suite *s = suite_create("track_live");
	TCase *tc = tcase_create("track_live");

	tcase_add_unchecked_fixture(tc, make_folder, remove_folder);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, sees_all);
	tcase_add_test(tc, one_copy_is_lossy);
	tcase_add_test(tc, completions_are_lossy);
	tcase_add_test(tc, all_are_lossy);
	tcase_add_test(tc, submissions_are_lossy);
	tcase_add_test(tc, a_pin_is_gone);
	tcase_add_test(tc, resumed);
	tcase_add_test(tc, the_disk_grows);
	tcase_add_test(tc, the_kernel_does_not_count);
	tcase_add_test(tc, no_tracker_at_all);
	tcase_add_test(tc, a_killed_ftrace_is_removed);
	tcase_add_test(tc, a_trial_pins_nothing);
	tcase_add_test(tc, wrong_options);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(track_live_suite)
