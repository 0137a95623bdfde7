/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The job folder and its lock. job_state.c has job.json. */
#include "p2v-server/job.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/sysroot.h"
#include "inventory/machine_json.h"
#include "inventory/plan/plan.h"
#include "p2v-server/job_state.h"
#include "wire/proto.h"

/*
 * How long to wait for the lock: until a dead connection counts as stale, and then for its data to
 * become durable.
 */
#define XML_MAX		(4u << 20)
#define TAKE_OVER_S (JOB_STALE_S + 25)

const char *job_state_name(enum job_state s)
{
	static const char *const names[JOB_STATES] = { "receiving", "verified", "finished",
						       "damaged" };

	return s < JOB_STATES ? names[s] : "unknown";
}

int job_uuid_random(uint8_t u[static 16], struct err *err)
{
	if (getrandom(u, 16, 0) != 16)
		return err_errno(err, "no random bytes for a UUID");
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);	/* version 4 */
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);	/* variant 1 */
	return 0;
}

void job_uuid_text(const uint8_t u[static 16], char ret[static 37])
{
	char hex[33];

	digest_hex(u, 16, hex);
	snprintf(ret, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

char *job_now(void)
{
	char buf[32];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return strdup(buf);
}

char *job_image_name(const struct job_image *im, bool partial)
{
	return text_format("%s.qcow2%s", im->disk, partial ? ".partial" : "");
}

char *job_path(const struct job *j, const char *file)
{
	return text_format("%s/%s%s%s", j->store, j->name, file ? "/" : "", file ? file : "");
}

int job_warn(struct job *j, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	if (!text)
		return -ENOMEM;
	return machine_strv_has(&j->warnings, text) ? 0 : machine_strv_add(&j->warnings, text);
}

void job_log(const struct job *j, const char *fmt, ...)
{
	CLEANUP(fd_close)
	int fd = openat(j->dirfd, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			0600);
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) char *line = NULL;
	CLEANUP(mem_free) char *now = job_now();
	va_list ap;

	va_start(ap, fmt);
	text = text_vformat(fmt, ap);
	va_end(ap);
	line = text ? text_format("%s %s\n", now ? now : "-", text) : NULL;
	if (fd < 0 || !line || fdio_write_full(fd, line, strlen(line)) < 0)
		log_debug("job", "cannot write the log of job %s", j->name);
}

void job_forget_warnings(struct job *j)
{
	while (j->warnings.n > j->copy_warnings)
		free(j->warnings.v[--j->warnings.n]);
}

void job_unlock(struct job *j)
{
	fd_close(TAKE_FD(j->lockfd));
}

void job_free(struct job *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->nimages; i++) {
		free(j->images[i].disk);
		free(j->images[i].source);
		free(j->images[i].fixed);
	}
	free(j->images);
	machine_strv_done(&j->warnings);
	free(j->store);
	free(j->consistency);
	free(j->created);
	free(j->updated);
	free(j->agent);
	free(j->domain_xml);
	free(j->report);
	free(j->report_html);
	free(j->nvram);
	fd_close(j->lockfd);
	fd_close(j->dirfd);
	free(j);
}

static int check_name(const char *name, struct err *err)
{
	char shown[4 * TEXT_NAME_MAX];

	if (text_name_valid(name))
		return 0;
	return err_set(err, EINVAL,
		       "%s is no job name (1 to %d letters, digits, dots, dashes, underscores)",
		       text_escape_str(name, shown, sizeof(shown)), TEXT_NAME_MAX);
}

static int job_alloc(const char *store, const char *name, struct job **ret, struct err *err)
{
	CLEANUP(job_free) struct job *j = calloc(1, sizeof(*j));
	char real[PATH_MAX];

	if (!j)
		return err_nomem(err);
	j->dirfd = j->lockfd = -1;
	if (!realpath(store, real))
		return err_errno(err, "cannot use the store %s", store);
	j->store = strdup(real);
	if (!j->store)
		return err_nomem(err);
	snprintf(j->name, sizeof(j->name), "%s", name);
	*ret = TAKE_PTR(j);
	return 0;
}

static int set_lock(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &fl) < 0 ? -errno : 0;
}

/*
 * Who holds the lock, from the kernel (so it is never a stale number), and whether that is a
 * receiving process: it writes "receive" into the file.
 */
static pid_t holder(int fd, bool *ret_receiving)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char what[16] = "";

	*ret_receiving = pread(fd, what, sizeof(what) - 1, 0) > 0 && strcmp(what, "receive\n") == 0;
	return fcntl(fd, F_GETLK, &fl) == 0 && fl.l_type != F_UNLCK ? fl.l_pid : 0;
}

void job_lock_touch(struct job *j)
{
	if (j->lockfd >= 0 && futimens(j->lockfd, NULL) < 0)
		log_debug("job", "cannot touch the lock of job %s: %s", j->name, strerror(errno));
}

static bool stale(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && time(NULL) - st.st_mtime > JOB_STALE_S;
}

static int take_over(struct job *j, struct err *err)
{
	bool asked = false;

	for (int tenths = 0; tenths < TAKE_OVER_S * 10; tenths++) {
		bool receiving;
		pid_t pid = holder(j->lockfd, &receiving);

		if (pid > 0 && !receiving)
			break;
		if (pid > 0 && !asked && stale(j->lockfd)) {
			log_info("job %s: process %d serves a dead connection; asking it to leave",
				 j->name, (int)pid);
			if (kill(pid, SIGTERM) < 0)
				log_debug("job", "cannot signal process %d: %s", (int)pid,
					  strerror(errno));
			asked = true;
		}
		if (set_lock(j->lockfd) == 0)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
	}
	return err_set(err, EBUSY, "job %s is in use by another process", j->name);
}

static int take_lock(struct job *j, enum job_lock how, struct err *err)
{
	int r;

	if (how == JOB_LOCK_NONE)
		return 0;
	j->lockfd = openat(j->dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->lockfd < 0)
		return err_errno(err, "cannot open the lock of job %s", j->name);
	r = set_lock(j->lockfd);
	if (r < 0 && how == JOB_LOCK_TAKE_OVER)
		r = take_over(j, err);
	else if (r < 0)
		r = err_set(err, EBUSY, "job %s is in use by another process", j->name);
	if (r < 0)
		return r;
	if (ftruncate(j->lockfd, 0) < 0 ||
	    (how == JOB_LOCK_TAKE_OVER && fdio_pwrite_full(j->lockfd, "receive\n", 8, 0) < 0))
		return err_errno(err, "cannot write the lock of job %s", j->name);
	return 0;
}

int job_open(const char *store, const char *name, enum job_lock lock, struct job **ret,
	     struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	CLEANUP(mem_free) char *path = NULL;
	int r;

	r = check_name(name, err);
	if (r < 0)
		return r;
	r = job_alloc(store, name, &j, err);
	if (r < 0)
		return r;
	path = job_path(j, NULL);
	if (!path)
		return err_nomem(err);
	j->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (j->dirfd < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "there is no job %s in %s", name, j->store);
	if (j->dirfd < 0)
		return err_errno(err, "cannot open job %s", name);
	r = take_lock(j, lock, err);
	if (r < 0)
		return r;
	r = job_state_load(j, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

static int copy_images(struct job *j, const struct job_image *images, size_t n, struct err *err)
{
	j->images = calloc(n, sizeof(*j->images));
	if (!j->images)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		struct job_image *im = &j->images[j->nimages++];

		im->size = images[i].size;
		im->logical_sector = images[i].logical_sector;
		im->physical_sector = images[i].physical_sector;
		im->disk = strdup(images[i].disk);
		im->source = strdup(images[i].source);
		if (!im->disk || !im->source)
			return err_nomem(err);
	}
	return 0;
}

/*
 * The folder gets job.json last, so a folder without one is an attempt that died: it holds nothing
 * durable and is taken up again.
 */
static int make_folder(struct job *j, struct err *err)
{
	CLEANUP(mem_free) char *path = job_path(j, NULL);
	CLEANUP(fd_close) int storefd = -1;

	if (!path)
		return err_nomem(err);
	if (mkdir(path, 0711) < 0 && errno != EEXIST)
		return err_errno(err, "cannot make the job folder %s", path);
	j->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (j->dirfd < 0)
		return err_errno(err, "cannot open the job folder %s", path);
	storefd = open(j->store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (storefd < 0 || fsync(storefd) < 0)
		return err_errno(err, "cannot sync the store %s", j->store);
	return 0;
}

int job_set_machine(struct job *j, const char *json, size_t len, struct err *err)
{
	return fdio_replace_file_at(j->dirfd, "machine.json", json, len, 0600, err);
}

int job_create(const char *store, const char *name, const struct job_image *images, size_t n,
	       bool compressed, const char *machine_json, size_t machine_len, struct job **ret,
	       struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	r = check_name(name, err);
	if (r < 0)
		return r;
	r = fdio_mkdir_p(store, 0711, err);
	if (r < 0)
		return r;
	r = job_alloc(store, name, &j, err);
	if (r < 0)
		return r;
	r = make_folder(j, err);
	if (r < 0)
		return r;
	r = take_lock(j, JOB_LOCK_TAKE_OVER, err);
	if (r < 0)
		return r;
	if (faccessat(j->dirfd, "job.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, EEXIST, "job %s exists already", name);
	j->compressed = compressed;
	j->state = JOB_RECEIVING;
	r = job_uuid_random(j->uuid, err);
	if (r < 0)
		return r;
	j->created = job_now();
	j->consistency = strdup("unknown");
	if (!j->created || !j->consistency)
		return err_nomem(err);
	r = copy_images(j, images, n, err);
	if (r < 0)
		return r;
	r = job_set_machine(j, machine_json, machine_len, err);
	if (r < 0)
		return r;
	r = job_save(j, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(j);
	return 0;
}

int job_xml(const struct job *j, char **ret, struct err *err)
{
	if (j->state != JOB_FINISHED || !j->domain_xml) {
		err_set(err, EAGAIN, "job %s is %s: it has no virtual machine yet", j->name,
			job_state_name(j->state));
		err_hint(err, "p2v-server finish %s", j->name);
		return -EAGAIN;
	}
	return fdio_read_file_at(j->dirfd, j->domain_xml, XML_MAX, ret, NULL, err);
}

int job_journal(const struct job *j, bool readonly, struct journal **ret, struct err *err)
{
	CLEANUP(mem_free) uint64_t *sizes = calloc(j->nimages, sizeof(*sizes));
	uint64_t cut;
	int r;

	if (!sizes)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		sizes[i] = j->images[i].size;
	r = journal_open(j->dirfd, "journal", j->uuid, sizes, (uint16_t)j->nimages, readonly, ret,
			 &cut, err);
	if (r >= 0 && cut > 0)
		log_info("job %s: %zu bytes of torn journal ignored; that data is sent again",
			 j->name, (size_t)cut);
	return r;
}

int job_machine(const struct job *j, struct machine **ret, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r = fdio_read_file_at(j->dirfd, "machine.json", PROTO_MACHINE_MAX, &text, &len, err);

	if (r >= 0)
		r = plan_parse(text, len, ret, err);
	if (r < 0)
		err_prefix(err, "job %s: machine.json", j->name);
	return r;
}

int job_plan(const struct job *j, struct machine *m, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r;

	if (faccessat(j->dirfd, JOB_PLAN, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = fdio_read_file_at(j->dirfd, JOB_PLAN, MACHINE_JSON_TEXT_MAX, &text, &len, err);
	if (r >= 0)
		r = plan_lay(m, text, len, err);
	if (r < 0)
		err_prefix(err, "job %s: " JOB_PLAN, j->name);
	return r;
}

int job_list(const char *store, char ***ret, struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(strv_free) char **names = NULL;
	size_t kept = 0;
	int r;

	r = sysroot_open(store, &root, err);
	if (r == -ENOENT) {
		*ret = calloc(1, sizeof(char *));
		return *ret ? 0 : err_nomem(err);
	}
	if (r < 0)
		return r;
	r = sysroot_list(root, &names, "/");
	if (r < 0)
		return err_code(err, -r, "cannot list the store %s", store);
	for (size_t i = 0; names[i]; i++) {
		if (text_name_valid(names[i]) && sysroot_exists(root, "/%s/job.json", names[i]))
			names[kept++] = names[i];
		else
			free(names[i]);
	}
	names[kept] = NULL;
	*ret = TAKE_PTR(names);
	return 0;
}
