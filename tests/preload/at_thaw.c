/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * To be preloaded into p2v-agent: just before a filesystem is thawed, P2V_AT_THAW is run by the
 * shell. So a test can take a copy of the disk while it stands still, and hold the image against
 * it. Processes of the agent that only guard the freeze run nothing: their thaw comes too late.
 */
#include <dlfcn.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	static pid_t agent;
	const char *command = getenv("P2V_AT_THAW");
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	if (request == FIFREEZE)
		agent = getpid();
	if (request == FITHAW && agent == getpid() && command && system(command) != 0)
		fprintf(stderr, "at-thaw: %s failed\n", command);
	return real(fd, request, arg);
}
