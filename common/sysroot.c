/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A path is resolved here, link by link, into one that has no link and no ".." in it; only that
 * one is handed to the kernel, relative to the root's descriptor. Machines worth converting run
 * kernels that know no better, and realpath below a root needs the walk anyway. Where there is
 * openat2(RESOLVE_IN_ROOT) (Linux 5.6) it opens in one call instead of one per component, which
 * counts with hundreds of disks; whatever it does not open in a common way is walked again.
 */
#include "common/sysroot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include "common/bytes.h"
#include "common/fdio.h"

#define LINKS_MAX	40		/* as the kernel */
#define READ_MAX	((size_t)1 << 20)
/* What sysfs says of the size of an attribute: a page of the smallest kind. */
#define ATTRIBUTE_SIZE	4096
/* /proc/cpuinfo of 512 processors, /proc/1/mountinfo of thousands of containers. */
#define PROC_READ_MAX	((size_t)16 << 20)

/* openat2(2): the number on all architectures of interest, and the structure's first version. */
#ifndef SYS_openat2
#define SYS_openat2	437
#endif
#define IN_ROOT		0x10		/* RESOLVE_IN_ROOT */

struct how {
	uint64_t flags, mode, resolve;
};

struct sysroot {
	int fd;
	bool live;
	bool fast;			/* openat2() is there and allowed */
	char *path;
	struct sysroot_troubles *troubles;
};

/* What is resolved so far: "" is the root, else "sys/block". */
struct resolved {
	char path[PATH_MAX];
	size_t len;
};

static int open_fast(const struct sysroot *s, const char *path, int flags)
{
	/* It refuses flags that mean nothing beside O_PATH. */
	int tty = flags & O_PATH ? 0 : O_NOCTTY;
	struct how how = {
		.flags = (uint64_t)(O_RDONLY | O_CLOEXEC | tty | flags),
		.resolve = IN_ROOT,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, s->fd, path, &how, sizeof(how));
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : (int)fd;
}

int sysroot_open(const char *root, struct sysroot **ret, struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *s = calloc(1, sizeof(*s));
	CLEANUP(fd_close) int probe = -1;

	if (!s)
		return err_nomem(err);
	s->fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_errno(err, "cannot open root folder %s", root);
	s->troubles = calloc(1, sizeof(*s->troubles));
	if (!s->troubles)
		return err_nomem(err);
	s->path = realpath(root, NULL);
	if (!s->path)
		return err_errno(err, "cannot resolve root folder %s", root);
	s->live = strcmp(s->path, "/") == 0;
	probe = open_fast(s, "/", O_DIRECTORY);
	s->fast = probe >= 0;
	*ret = TAKE_PTR(s);
	return 0;
}

void sysroot_free(struct sysroot *s)
{
	if (!s)
		return;
	fd_close(s->fd);
	for (size_t i = 0; s->troubles && i < s->troubles->n; i++)
		free(s->troubles->v[i].path);
	free(s->troubles);
	free(s->path);
	free(s);
}

const struct sysroot_troubles *sysroot_troubles(const struct sysroot *s)
{
	return s->troubles;
}

/*
 * Most errors are how a file of /proc or /sys says that it has nothing to tell (EINVAL, ENODATA,
 * ENXIO, ...), or that the device is gone (ENODEV). These say that it is hidden or broken.
 */
static bool is_trouble(int r)
{
	static const int odd[] = {
		EACCES, EPERM, EIO, EFBIG, ELOOP, ENAMETOOLONG, EISDIR, EBADF, ETIMEDOUT,
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (r == -odd[i])
			return true;
	return false;
}

/* Returns r. Without memory for it the trouble is counted only. */
static int note(const struct sysroot *s, int r, const char *fmt, va_list ap)
{
	struct sysroot_troubles *t = s->troubles;
	CLEANUP(mem_free) char *path = NULL;

	if (!is_trouble(r))
		return r;
	if (vasprintf(&path, fmt, ap) < 0)
		path = NULL;
	for (size_t i = 0; path && i < t->n; i++)
		if (strcmp(t->v[i].path, path) == 0)
			return r;
	if (!path || t->n == SYSROOT_TROUBLES_MAX) {
		t->more++;
		return r;
	}
	t->v[t->n].path = TAKE_PTR(path);
	t->v[t->n++].code = -r;
	return r;
}

bool sysroot_is_live(const struct sysroot *s)
{
	return s->live;
}

const char *sysroot_path(const struct sysroot *s)
{
	return s->path;
}

/* The kernel's idea of the root itself is ".". */
static const char *below(const struct resolved *r)
{
	return r->len ? r->path : ".";
}

static int push(struct resolved *r, const char *name, size_t n)
{
	if (n > NAME_MAX || r->len + n + 2 > sizeof(r->path))
		return -ENAMETOOLONG;
	if (r->len)
		r->path[r->len++] = '/';
	memcpy(r->path + r->len, name, n);
	r->len += n;
	r->path[r->len] = '\0';
	return 0;
}

static void pop(struct resolved *r)
{
	char *slash = strrchr(r->path, '/');

	r->len = slash ? (size_t)(slash - r->path) : 0;
	r->path[r->len] = '\0';
}

static int check_folder(const struct sysroot *s, const struct resolved *r)
{
	struct stat st;

	if (fstatat(s->fd, below(r), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* pending is PATH_MAX bytes and is used up. follow_last: also when the path itself is a link. */
static int walk(const struct sysroot *s, char *pending, bool follow_last, struct resolved *r)
{
	char target[PATH_MAX], rest[PATH_MAX];
	unsigned int links = 0;
	char *p = pending;
	int ret;

	r->len = 0;
	r->path[0] = '\0';
	if (*p != '/')
		return -EINVAL;
	for (;;) {
		bool last, slash_after;
		ssize_t len;
		size_t n;

		p += strspn(p, "/");
		if (!*p)
			return 0;
		n = strcspn(p, "/");
		slash_after = p[n] == '/';
		last = p[n + strspn(p + n, "/")] == '\0';
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.')) {
			ret = check_folder(s, r);
			if (ret < 0)
				return ret;
			if (n == 2)
				pop(r);
			p += n;
			continue;
		}
		ret = push(r, p, n);
		if (ret < 0)
			return ret;
		len = readlinkat(s->fd, r->path, target, sizeof(target));
		if (len < 0) {
			/* EINVAL: it is there and is no link. */
			if (errno != EINVAL)
				return -errno;
			if (last && slash_after) {
				ret = check_folder(s, r);
				if (ret < 0)
					return ret;
			}
			p += n;
			continue;
		}
		if (last && !slash_after && !follow_last)
			return 0;
		if (++links > LINKS_MAX)
			return -ELOOP;
		if (len == 0)
			return -ENOENT;
		/* The link's target takes the place of its name in what is left to do. */
		if ((size_t)len + 1 + strlen(p + n) >= PATH_MAX)
			return -ENAMETOOLONG;
		strcpy(rest, p + n);
		memcpy(pending, target, (size_t)len);
		strcpy(pending + len, rest);
		p = pending;
		if (target[0] == '/') {
			r->len = 0;
			r->path[0] = '\0';
		} else {
			pop(r);
		}
	}
}

/* Into pending, PATH_MAX bytes. */
static int format_path(char *pending, const char *fmt, va_list ap)
{
	int n = vsnprintf(pending, PATH_MAX, fmt, ap);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int resolvev(const struct sysroot *s, bool follow_last, struct resolved *r, const char *fmt,
		    va_list ap)
{
	char pending[PATH_MAX];
	int ret = format_path(pending, fmt, ap);

	return ret < 0 ? ret : walk(s, pending, follow_last, r);
}

static int openv(const struct sysroot *s, int flags, const char *fmt, va_list ap)
{
	char pending[PATH_MAX];
	struct resolved at;
	int r, fd;

	r = format_path(pending, fmt, ap);
	if (r < 0)
		return r;
	if (s->fast && pending[0] == '/') {
		fd = open_fast(s, pending, flags);
		/* ELOOP: also a link of /proc that is not followed by its text. EAGAIN: a race. */
		if (fd != -ELOOP && fd != -EAGAIN)
			return fd;
	}
	r = walk(s, pending, !(flags & O_NOFOLLOW), &at);
	if (r < 0)
		return r;
	do {
		fd = openat(s->fd, below(&at),
			    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | flags);
	} while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* What fills the page may have more behind it. */
static int read_attribute(int fd, char **ret, size_t *ret_len)
{
	char page[ATTRIBUTE_SIZE];
	ssize_t n;
	char *copy;

	do {
		n = pread(fd, page, sizeof(page), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN)
		return -errno;
	if (n < 0 || n == (ssize_t)sizeof(page))
		return fdio_read_fd(fd, READ_MAX, ret, ret_len);
	copy = malloc((size_t)n + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, page, (size_t)n);
	copy[n] = '\0';
	*ret = copy;
	if (ret_len)
		*ret_len = (size_t)n;
	return 0;
}

static int readv_quiet(const struct sysroot *s, char **ret, size_t *ret_len, const char *fmt,
		       va_list ap)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat st;
	va_list again;
	char path[16];

	va_copy(again, ap);
	vsnprintf(path, sizeof(path), fmt, again);
	va_end(again);
	/* Of a pipe, neither opening nor reading may wait for who is at its other end. */
	fd = openv(s, O_NONBLOCK, fmt, ap);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EBADF;
	/* An attribute of sysfs says a page, and comes whole: one read instead of two. */
	if (st.st_size == ATTRIBUTE_SIZE && strncmp(path, "/sys/", 5) == 0 && s->live)
		return read_attribute(fd, ret, ret_len);
	return fdio_read_fd(fd, strncmp(path, "/proc/", 6) == 0 ? PROC_READ_MAX : READ_MAX, ret,
			    ret_len);
}

static int readv_all(const struct sysroot *s, char **ret, size_t *ret_len, const char *fmt,
		     va_list ap)
{
	va_list again;
	int r;

	va_copy(again, ap);
	r = note(s, readv_quiet(s, ret, ret_len, fmt, ap), fmt, again);
	va_end(again);
	return r;
}

int sysroot_openf(const struct sysroot *s, int flags, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = openv(s, flags, fmt, ap);
	va_end(ap);
	return r;
}

bool sysroot_exists(const struct sysroot *s, const char *fmt, ...)
{
	CLEANUP(fd_close) int fd = -1;
	va_list ap;

	va_start(ap, fmt);
	fd = openv(s, O_PATH, fmt, ap);
	va_end(ap);
	return fd >= 0;
}

int sysroot_read(const struct sysroot *s, char **ret, size_t *ret_len, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = readv_all(s, ret, ret_len, fmt, ap);
	va_end(ap);
	return r;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static int first_line(const struct sysroot *s, char **ret, const char *fmt, va_list ap)
{
	char *data = NULL;
	size_t start, end;
	int r;

	r = readv_all(s, &data, NULL, fmt, ap);
	if (r < 0)
		return r;
	end = strcspn(data, "\n");
	for (start = 0; start < end && blank(data[start]);)
		start++;
	while (end > start && blank(data[end - 1]))
		end--;
	memmove(data, data + start, end - start);
	data[end - start] = '\0';
	*ret = data;
	return 0;
}

int sysroot_read_line(const struct sysroot *s, char **ret, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = first_line(s, ret, fmt, ap);
	va_end(ap);
	return r;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

int sysroot_read_u64(const struct sysroot *s, uint64_t *ret, const char *fmt, ...)
{
	CLEANUP(mem_free) char *line = NULL;
	unsigned int base = 10;
	uint64_t v = 0;
	const char *p;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = first_line(s, &line, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	p = line;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (!*p)
		return -EBADMSG;
	for (; *p; p++) {
		unsigned int d = (unsigned int)digit_value(*p);

		if (d >= base)
			return -EBADMSG;
		if (!u64_mul(v, base, &v) || !u64_add(v, d, &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

/* The length of the link's text, or -errno. One way through the kernel, where it knows the way. */
static ssize_t link_text(const struct sysroot *s, char text[static PATH_MAX], const char *fmt,
			 va_list ap)
{
	CLEANUP(fd_close) int fd = -1;
	char pending[PATH_MAX];
	struct resolved at;
	ssize_t len;
	int r = format_path(pending, fmt, ap);

	if (r < 0)
		return r;
	if (s->fast && pending[0] == '/') {
		fd = open_fast(s, pending, O_PATH | O_NOFOLLOW);
		if (fd < 0 && fd != -ELOOP && fd != -EAGAIN)
			return fd;
	}
	if (fd < 0) {
		r = walk(s, pending, false, &at);
		if (r < 0)
			return r;
	}
	len = fd >= 0 ? readlinkat(fd, "", text, PATH_MAX) :
			readlinkat(s->fd, below(&at), text, PATH_MAX);
	if (len >= 0)
		return len;
	/* By descriptor the kernel says so of what is no link. */
	return fd >= 0 && errno == ENOENT ? -EINVAL : -errno;
}

int sysroot_readlink(const struct sysroot *s, char **ret, const char *fmt, ...)
{
	char text[PATH_MAX];
	ssize_t len;
	va_list ap;
	char *copy;

	va_start(ap, fmt);
	len = link_text(s, text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return (int)len;
	if ((size_t)len >= sizeof(text))
		return -ENAMETOOLONG;
	copy = strndup(text, (size_t)len);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* What the kernel calls that file: 0, 1 when it has to be found out step by step, or -errno. */
static int ask_realpath(const struct sysroot *s, char **ret, const char *fmt, va_list ap)
{
	static const char gone[] = " (deleted)";
	CLEANUP(fd_close) int fd = -1;
	char pending[PATH_MAX], link[40];
	ssize_t n;
	int r = format_path(pending, fmt, ap);

	if (r < 0)
		return r;
	if (!s->live || !s->fast || pending[0] != '/')
		return 1;
	fd = open_fast(s, pending, O_PATH);
	if (fd < 0)
		return fd == -ELOOP || fd == -EAGAIN ? 1 : fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, pending, sizeof(pending));
	if (n <= 0 || (size_t)n >= sizeof(pending) || pending[0] != '/' ||
	    ((size_t)n >= sizeof(gone) &&
	     memcmp(pending + n - (sizeof(gone) - 1), gone, sizeof(gone) - 1) == 0))
		return 1;
	*ret = strndup(pending, (size_t)n);
	return *ret ? 0 : -ENOMEM;
}

int sysroot_realpath(const struct sysroot *s, char **ret, const char *fmt, ...)
{
	struct resolved at;
	va_list ap;
	char *path;
	int r;

	va_start(ap, fmt);
	r = ask_realpath(s, ret, fmt, ap);
	va_end(ap);
	if (r <= 0)
		return r;
	va_start(ap, fmt);
	r = resolvev(s, true, &at, fmt, ap);
	va_end(ap);
	if (r < 0)
		return r;
	if (asprintf(&path, "/%s", at.path) < 0)
		return -ENOMEM;
	*ret = path;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t run_length(const char *s, bool (*member)(char c))
{
	size_t n = 0;

	while (member(s[n]))
		n++;
	return n;
}

static int by_length(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_numbers(const char *a, size_t na, const char *b, size_t nb)
{
	for (; na > 1 && *a == '0'; na--)
		a++;
	for (; nb > 1 && *b == '0'; nb--)
		b++;
	return na != nb ? by_length(na, nb) : memcmp(a, b, na);
}

/*
 * Disks count in letters after a prefix of two or three (sda ... sdz, sdaa), so of two words that
 * begin with the same two letters the shorter comes first.
 */
static int compare_words(const char *a, size_t na, const char *b, size_t nb)
{
	int r;

	if (na >= 2 && nb >= 2 && memcmp(a, b, 2) == 0 && na != nb)
		return by_length(na, nb);
	r = memcmp(a, b, MIN(na, nb));
	return r ? r : by_length(na, nb);
}

static int compare_names(const void *pa, const void *pb)
{
	const char *const *sa = pa, *const *sb = pb;
	const char *a = *sa, *b = *sb;
	int r;

	while (*a && *b) {
		bool (*member)(char c) = NULL;
		size_t na = 1, nb = 1;

		if (is_digit(*a) && is_digit(*b))
			member = is_digit;
		else if (is_letter(*a) && is_letter(*b))
			member = is_letter;
		if (member) {
			na = run_length(a, member);
			nb = run_length(b, member);
		}
		if (member == is_digit)
			r = compare_numbers(a, na, b, nb);
		else if (member == is_letter)
			r = compare_words(a, na, b, nb);
		else
			r = (unsigned char)*a - (unsigned char)*b;
		if (r)
			return r;
		a += na;
		b += nb;
	}
	if (*a || *b)
		return *a ? 1 : -1;
	/* "a01" and "a1" count the same: any fixed order will do. */
	return strcmp(*sa, *sb);
}

static int read_names(DIR *dir, char ***ret)
{
	CLEANUP(strv_free) char **v = NULL;
	size_t n = 0, cap = 0;

	for (;;) {
		struct dirent *d;

		errno = 0;
		d = readdir(dir);
		if (!d && errno)
			return -errno;
		if (d && (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0))
			continue;
		if (n + 1 >= cap) {
			char **bigger = reallocarray(v, cap ? cap * 2 : 32, sizeof(*v));

			if (!bigger)
				return -ENOMEM;
			v = bigger;
			cap = cap ? cap * 2 : 32;
		}
		v[n] = NULL;
		if (!d)
			break;
		v[n] = strdup(d->d_name);
		if (!v[n])
			return -ENOMEM;
		v[++n] = NULL;
	}
	qsort(v, n, sizeof(*v), compare_names);
	*ret = TAKE_PTR(v);
	return 0;
}

int sysroot_list(const struct sysroot *s, char ***ret, const char *fmt, ...)
{
	CLEANUP(dir_close) DIR *dir = NULL;
	CLEANUP(fd_close) int fd = -1;
	va_list ap;

	va_start(ap, fmt);
	fd = openv(s, O_DIRECTORY, fmt, ap);
	va_end(ap);
	if (fd < 0) {
		va_start(ap, fmt);
		(void)note(s, fd, fmt, ap);
		va_end(ap);
		return fd;
	}
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	return read_names(dir, ret);
}

void strv_free(char **v)
{
	if (!v)
		return;
	for (char **p = v; *p; p++)
		free(*p);
	free(v);
}
