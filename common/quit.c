/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/quit.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "common/compiler.h"

static atomic_int first_signal;
static atomic_int interrupts;
static int event_fd = -1;

static void on_signal(int sig)
{
	const uint64_t one = 1;
	int saved = errno, none = 0;

	atomic_compare_exchange_strong(&first_signal, &none, sig);
	if (sig == SIGINT && atomic_fetch_add(&interrupts, 1) >= 1)
		signal(SIGINT, SIG_DFL);
	/* An eventfd only fails to count up near 2^64, and then it is readable all the same. */
	if (write(event_fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

int quit_init(struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (event_fd < 0) {
		event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (event_fd < 0)
			return err_errno(err, "cannot make a descriptor for signals");
	}
	sigfillset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct sigaction old;

		/* nohup(1) means it. */
		if (signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signals[i], &sa, NULL) < 0)
			return err_errno(err, "cannot catch signal %d", signals[i]);
	}
	if (sigaction(SIGPIPE, &ignore, NULL) < 0)
		return err_errno(err, "cannot ignore SIGPIPE");
	return 0;
}

bool quit_requested(void)
{
	return first_signal != 0;
}

int quit_signal(void)
{
	return first_signal;
}

int quit_fd(void)
{
	return event_fd;
}
