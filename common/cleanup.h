/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Scope-bound ownership.
 *
 *	CLEANUP(foo_free) struct foo *f = NULL;		freed when f leaves scope
 *	*ret = TAKE_PTR(f);				handed over: f is NULL now
 *	CLEANUP(fd_close) int fd = -1;			closed; TAKE_FD(fd) hands it over
 *
 * A module makes its destructor usable here by writing, in its header,
 *
 *	DEFINE_CLEANUP(struct foo *, foo_free)
 *
 * Destructors accept NULL. fd_close keeps errno, so that a return value computed from errno
 * after a failing call survives the clean-up.
 */
#ifndef P2V_COMMON_CLEANUP_H
#define P2V_COMMON_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn)		__attribute__((cleanup(fn##_cleanup)))
#define DEFINE_CLEANUP(type, fn) \
	static inline void fn##_cleanup(type *p) \
	{ \
		fn(*p); \
	}

/* The same for a struct held by value: CLEANUP(iobuf_done) struct iobuf b; */
#define DEFINE_CLEANUP_VALUE(type, fn) \
	static inline void fn##_cleanup(type *p) \
	{ \
		fn(p); \
	}

#define TAKE_PTR(p) \
	({ \
		__typeof__(p) take_ptr_ = (p); \
		(p) = NULL; \
		take_ptr_; \
	})
#define TAKE_FD(fd) \
	({ \
		int take_fd_ = (fd); \
		(fd) = -1; \
		take_fd_; \
	})

static inline void fd_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}
DEFINE_CLEANUP(int, fd_close)

static inline void file_close(FILE *f)
{
	if (f)
		fclose(f);
}
DEFINE_CLEANUP(FILE *, file_close)

static inline void dir_close(DIR *d)
{
	if (d)
		closedir(d);
}
DEFINE_CLEANUP(DIR *, dir_close)

/* CLEANUP(mem_free) works for a pointer of any type. */
static inline void mem_free_cleanup(void *p)
{
	free(*(void **)p);
}

#endif
