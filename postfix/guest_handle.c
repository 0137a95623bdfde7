/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The appliance as such: made, launched with an end to it, and what it says when it fails. */
#include "postfix/guest.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compiler.h"
#include "common/text.h"

#define LAUNCH_TIMEOUT	600

int guest_handle_fail(guestfs_h *g, struct err *err, const char *what)
{
	const char *msg = guestfs_last_error(g);
	char safe[384];

	text_escape_str(msg ? msg : "unknown error", safe, sizeof(safe));
	return err_set(err, EIO, "%s: %s", what, safe);
}

int guest_handle_new(bool tcg, guestfs_h **ret, struct err *err)
{
	static char force_tcg[] = "force_tcg";
	char *const settings[] = { force_tcg, NULL };
	guestfs_h *g = guestfs_create();

	if (!g)
		return err_errno(err, "cannot start libguestfs");
	guestfs_set_error_handler(g, NULL, NULL);
	/*
	 * The direct back end needs no libvirt, and its qemu is our child: the launch can be
	 * ended.
	 */
	if ((!getenv("LIBGUESTFS_BACKEND") && guestfs_set_backend(g, "direct") < 0) ||
	    (tcg && guestfs_set_backend_settings(g, settings) < 0) ||
	    guestfs_set_network(g, 0) < 0) {
		int r = guest_handle_fail(g, err, "cannot set up libguestfs");

		guestfs_close(g);
		return r;
	}
	*ret = g;
	return 0;
}

/* The launch blocks in libguestfs, which locks the handle; only its qemu can be reached. */
static void kill_children_of(pid_t parent, const char *program)
{
	CLEANUP(dir_close) DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		char path[64], stat[256], exe[256];
		CLEANUP(file_close) FILE *f = NULL;
		const char *close;
		ssize_t n;
		int ppid;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/stat", e->d_name);
		f = fopen(path, "re");
		if (!f || !fgets(stat, sizeof(stat), f))
			continue;
		close = strrchr(stat, ')');
		if (!close || sscanf(close, ") %*c %d", &ppid) != 1 || ppid != parent)
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/exe", e->d_name);
		n = readlink(path, exe, sizeof(exe) - 1);
		if (n <= 0)
			continue;
		exe[n] = '\0';
		if (strstr(exe, program))
			kill((pid_t)atoi(e->d_name), SIGKILL);
	}
}

struct watchdog {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct timespec deadline;
	bool done, fired;
};

static void *watch(void *opaque)
{
	struct watchdog *w = opaque;

	pthread_mutex_lock(&w->lock);
	while (!w->done) {
		if (pthread_cond_timedwait(&w->wake, &w->lock, &w->deadline) != ETIMEDOUT ||
		    w->done)
			continue;
		/* Again and again: the qemu that hangs may be yet to come when the time is up. */
		w->fired = true;
		kill_children_of(getpid(), "qemu");
		clock_gettime(CLOCK_MONOTONIC, &w->deadline);
		w->deadline.tv_sec++;
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int guest_handle_launch(guestfs_h *g, unsigned int timeout_s, struct err *err)
{
	struct watchdog w = { .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_condattr_t attr;
	pthread_t thread;
	int r, code;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.wake, &attr);
	pthread_condattr_destroy(&attr);
	clock_gettime(CLOCK_MONOTONIC, &w.deadline);
	w.deadline.tv_sec += timeout_s ? timeout_s : LAUNCH_TIMEOUT;
	code = pthread_create(&thread, NULL, watch, &w);
	if (code) {
		pthread_cond_destroy(&w.wake);
		return err_code(err, code, "cannot watch the launch of the appliance");
	}
	r = guestfs_launch(g);
	pthread_mutex_lock(&w.lock);
	w.done = true;
	pthread_cond_signal(&w.wake);
	pthread_mutex_unlock(&w.lock);
	pthread_join(thread, NULL);
	pthread_cond_destroy(&w.wake);
	if (w.fired)
		return err_set(err, ETIMEDOUT, "the libguestfs appliance did not start within %u s",
			       timeout_s ? timeout_s : LAUNCH_TIMEOUT);
	if (r < 0)
		return guest_handle_fail(g, err, "cannot launch the libguestfs appliance");
	return 0;
}
