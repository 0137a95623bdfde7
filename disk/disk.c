/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Opening and reading a source. Everything below is O_RDONLY; there is no code here that could
 * write.
 *
 * The kernel reports a medium error of a disk as ENODATA (BLK_STS_MEDIUM), a target failure as
 * EREMOTEIO and so on. All errors of the medium become -EIO here, because callers treat -EIO as
 * "this range is unreadable", and -ENODATA has another meaning in this module. Errors that speak of
 * the whole device (gone, transport down) stay what they are: nobody may zero-fill the rest of a
 * disk because its cable was pulled.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/text.h"
#include "disk/disk.h"

#define SECTOR_MIN	512u
#define SECTOR_MAX	65536u
#define BOUNCE_MAX	(1u << 20)
#define NODES_MAX	4096		/* block devices looked at by disk_in_use() */

static bool sector_valid(uint64_t sector)
{
	return sector >= SECTOR_MIN && sector <= SECTOR_MAX && (sector & (sector - 1)) == 0;
}

static int geometry_of_device(struct disk *d, struct err *err)
{
	uint64_t size;
	unsigned int physical;
	int logical;

	if (ioctl(d->fd, BLKGETSIZE64, &size) < 0)
		return err_errno(err, "cannot get the size of %s", d->path);
	if (ioctl(d->fd, BLKSSZGET, &logical) < 0)
		return err_errno(err, "cannot get the sector size of %s", d->path);
	if (logical < 0 || !sector_valid((uint64_t)logical))
		return err_set(err, EINVAL, "%s has an odd sector size: %d", d->path, logical);
	if (ioctl(d->fd, BLKPBSZGET, &physical) < 0 || !sector_valid(physical))
		physical = (unsigned int)logical;
	d->size = size;
	d->logical_sector = (uint32_t)logical;
	d->physical_sector = physical;
	return 0;
}

/* Some filesystems accept O_DIRECT at open and refuse it at the first read. */
static int settle_direct(struct disk *d, struct err *err)
{
	CLEANUP(mem_free) void *probe = NULL;
	int flags;

	if (!d->direct)
		return 0;
	probe = fdio_alloc(FDIO_ALIGN);
	if (!probe)
		return err_nomem(err);
	if (pread(d->fd, probe, FDIO_ALIGN, 0) >= 0 || (errno != EINVAL && errno != EOPNOTSUPP))
		return 0;
	flags = fcntl(d->fd, F_GETFL);
	if (flags < 0 || fcntl(d->fd, F_SETFL, flags & ~O_DIRECT) < 0)
		return err_errno(err, "cannot turn direct reading off for %s", d->path);
	d->direct = false;
	return 0;
}

int disk_open(const char *path, uint32_t sector, struct disk **ret, struct err *err)
{
	CLEANUP(disk_free) struct disk *d = NULL;
	struct stat st;
	int r;

	if (sector != 0 && !sector_valid(sector))
		return err_set(err, EINVAL, "%" PRIu32 " is no sector size", sector);
	/* Looked at before it is opened: opening a tape or a pipe has effects. */
	if (stat(path, &st) < 0)
		return err_errno(err, "cannot open %s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ENOTBLK, "%s is neither a block device nor an image file",
			       path);

	d = calloc(1, sizeof(*d));
	if (!d)
		return err_nomem(err);
	d->fd = -1;
	d->path = strdup(path);
	if (!d->path)
		return err_nomem(err);
	d->direct = true;
	d->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_DIRECT);
	if (d->fd < 0 && errno == EINVAL) {
		d->direct = false;
		d->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	if (d->fd < 0)
		return err_errno(err, "cannot open %s", path);
	if (fstat(d->fd, &st) < 0)
		return err_errno(err, "cannot look at %s", path);

	if (S_ISBLK(st.st_mode)) {
		d->block_device = true;
		r = geometry_of_device(d, err);
		if (r < 0)
			return r;
	} else if (S_ISREG(st.st_mode)) {
		d->size = (uint64_t)st.st_size;
		d->logical_sector = sector ? sector : SECTOR_MIN;
		d->physical_sector = d->logical_sector;
	} else {
		return err_set(err, ENOTBLK, "%s is neither a block device nor an image file",
			       path);
	}
	if (d->size == 0)
		return err_set(err, EINVAL, "%s is empty", path);
	if (d->size > INT64_MAX)
		return err_set(err, EINVAL, "%s is larger than any disk", path);
	if (d->size % d->logical_sector != 0)
		return err_set(err, EINVAL,
			       "the size of %s (%" PRIu64 ") is not a multiple of %" PRIu32
			       " bytes", path, d->size, d->logical_sector);
	r = settle_direct(d, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(d);
	return 0;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	fd_close(d->fd);
	free(d->path);
	free(d);
}

int disk_reopen(const struct disk *d, struct err *err)
{
	char name[64];
	int fd;

	/* By descriptor, so that it is the same thing even when the name has changed hands. */
	snprintf(name, sizeof(name), "/proc/self/fd/%d", d->fd);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_errno(err, "cannot open %s once more", d->path);
	/*
	 * The page cache of a disk does not see writes that went through a partition's device
	 * while somebody (we) held the disk open.
	 */
	if (d->block_device)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return fd;
}

static int media_error(const struct disk *d, int code, uint64_t offset, struct err *err)
{
	switch (code) {
	case EIO:
	case ENODATA:
	case EREMOTEIO:
	case EILSEQ:
	case ETIMEDOUT:
		return err_set(err, EIO, "cannot read %s at 0x%" PRIx64 ": unreadable", d->path,
			       offset);
	default:
		return err_code(err, code, "cannot read %s at 0x%" PRIx64, d->path, offset);
	}
}

/*
 * Read [offset, offset + len) of which at least want bytes must be there: a direct read of a whole
 * unit may reach past the end of the disk.
 */
static int read_aligned(const struct disk *d, uint8_t *buf, size_t len, size_t want,
			uint64_t offset, struct err *err)
{
	size_t done = 0;

	while (done < want) {
		ssize_t n = pread(d->fd, buf + done, len - done, (off_t)(offset + done));

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return media_error(d, errno, offset + done, err);
		}
		if (n == 0)
			return err_set(err, ENODATA, "%s became smaller: it ends at 0x%" PRIx64,
				       d->path, offset + done);
		done += (size_t)n;
	}
	return 0;
}

/* A sector of a device is the finest thing that can fail, so never read more than asked. */
static uint64_t read_unit(const struct disk *d)
{
	return !d->direct ? 1 : d->block_device ? d->logical_sector : FDIO_ALIGN;
}

bool disk_aligned(const struct disk *d, const void *buf, size_t len, uint64_t offset)
{
	uint64_t unit = read_unit(d);

	return !d->direct ||
	       ((uintptr_t)buf % FDIO_ALIGN == 0 && offset % unit == 0 && len % unit == 0);
}

bool disk_is_hole(const struct disk *d, uint64_t offset, uint64_t length)
{
	struct stat st;
	off_t data;

	if (d->block_device)
		return false;
	/* Nothing else uses the descriptor's position. */
	data = lseek(d->fd, (off_t)offset, SEEK_DATA);
	if (data >= 0)
		return (uint64_t)data >= offset + length;
	/* A hole up to the end; but what lies behind the end of a file that was cut is no hole. */
	return errno == ENXIO && fstat(d->fd, &st) == 0 && (uint64_t)st.st_size >= offset + length;
}

int disk_read(const struct disk *d, void *buf, size_t len, uint64_t offset, struct err *err)
{
	uint64_t unit = read_unit(d);
	CLEANUP(mem_free) uint8_t *bounce = NULL;
	uint8_t *p = buf;
	size_t bounce_len;
	int r;

	if (!range_inside(offset, len, d->size))
		return err_set(err, ERANGE, "0x%zx bytes at 0x%" PRIx64 " are not inside %s", len,
			       offset, d->path);
	if (len == 0)
		return 0;
	if (disk_aligned(d, buf, len, offset))
		return read_aligned(d, buf, len, len, offset, err);

	bounce_len = MIN((uint64_t)BOUNCE_MAX, ALIGN_UP(len + offset % unit, unit));
	bounce = fdio_alloc(bounce_len);
	if (!bounce)
		return err_nomem(err);
	while (len > 0) {
		size_t skip = (size_t)(offset % unit);
		size_t want = MIN(len, bounce_len - skip);

		r = read_aligned(d, bounce, ALIGN_UP(skip + want, (size_t)unit), skip + want,
				 offset - skip, err);
		if (r < 0)
			return r;
		memcpy(p, bounce + skip, want);
		p += want;
		offset += want;
		len -= want;
	}
	return 0;
}

/*
 * In use? A set of device numbers grows upwards from the disk: its partitions, what holds those
 * (device-mapper, md, bcache), what holds that, read-write loop devices over any of them, and the
 * other members of a btrfs one of them belongs to (a mount names but one member). Then mounts and
 * swap are looked up in it.
 */
struct node {
	dev_t dev;
	char *name;		/* "sda1" */
};

struct nodes {
	struct node *v;
	size_t n;
};

static void nodes_done(struct nodes *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].name);
	free(x->v);
}
DEFINE_CLEANUP_VALUE(struct nodes, nodes_done)

static const struct node *nodes_find(const struct nodes *x, dev_t dev)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].dev == dev)
			return &x->v[i];
	return NULL;
}

/* 1 added, 0 known already. */
static int nodes_add(struct nodes *x, dev_t dev, const char *name)
{
	struct node *v;
	char *copy;

	if (nodes_find(x, dev))
		return 0;
	if (x->n >= NODES_MAX)
		return -E2BIG;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	v = reallocarray(x->v, x->n + 1, sizeof(*v));
	if (!v) {
		free(copy);
		return -ENOMEM;
	}
	x->v = v;
	x->v[x->n++] = (struct node){ .dev = dev, .name = copy };
	return 1;
}

static bool parse_devno(const char *text, dev_t *ret)
{
	unsigned int ma, mi;
	char end;

	if (sscanf(text, "%u:%u%c", &ma, &mi, &end) != 2)
		return false;
	*ret = makedev(ma, mi);
	return true;
}

/* The kernel's name to a device number. */
static int name_devno(const struct sysroot *s, const char *name, dev_t *ret)
{
	CLEANUP(mem_free) char *line = NULL;
	int r;

	r = sysroot_read_line(s, &line, "/sys/class/block/%s/dev", name);
	if (r < 0)
		return r;
	return parse_devno(line, ret) ? 0 : -EINVAL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "/dev/mapper/vg-root" to a device number; on a recorded machine there are no device nodes. */
static int path_devno(const struct sysroot *s, const char *path, dev_t *ret)
{
	CLEANUP(mem_free) char *real = NULL;
	struct stat st;
	int r;

	if (sysroot_is_live(s) && stat(path, &st) == 0) {
		if (!S_ISBLK(st.st_mode))
			return -ENOTBLK;
		*ret = st.st_rdev;
		return 0;
	}
	if (strncmp(path, "/dev/", 5) != 0)
		return -ENOTBLK;
	r = sysroot_realpath(s, &real, "%s", path);
	if (r == -ENOMEM)
		return r;
	return name_devno(s, base_name(r < 0 ? path : real), ret);
}

static int add_by_name(const struct sysroot *s, struct nodes *x, const char *name)
{
	dev_t dev;
	int r = name_devno(s, name, &dev);

	if (r < 0)
		return r == -ENOMEM ? r : 0;	/* gone between listing and looking */
	return nodes_add(x, dev, name);
}

static int add_btrfs_siblings(const struct sysroot *s, struct nodes *x, const char *name)
{
	CLEANUP(strv_free) char **fs = NULL;
	int r = sysroot_list(s, &fs, "/sys/fs/btrfs");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (char **f = fs; *f; f++) {
		CLEANUP(strv_free) char **members = NULL;

		if (!sysroot_exists(s, "/sys/fs/btrfs/%s/devices/%s", *f, name))
			continue;
		r = sysroot_list(s, &members, "/sys/fs/btrfs/%s/devices", *f);
		if (r < 0)
			return r == -ENOMEM ? r : 0;
		for (char **m = members; *m; m++) {
			r = add_by_name(s, x, *m);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* What stands directly on one device: partitions and holders. */
static int add_children(const struct sysroot *s, struct nodes *x, const char *name)
{
	CLEANUP(strv_free) char **entries = NULL;
	CLEANUP(strv_free) char **holders = NULL;
	int r;

	r = sysroot_list(s, &entries, "/sys/class/block/%s", name);
	if (r == -ENOMEM)
		return r;
	for (char **e = r < 0 ? NULL : entries; e && *e; e++) {
		if (!sysroot_exists(s, "/sys/class/block/%s/%s/partition", name, *e))
			continue;
		r = add_by_name(s, x, *e);
		if (r < 0)
			return r;
	}
	r = sysroot_list(s, &holders, "/sys/class/block/%s/holders", name);
	if (r == -ENOMEM)
		return r;
	for (char **h = r < 0 ? NULL : holders; h && *h; h++) {
		r = add_by_name(s, x, *h);
		if (r < 0)
			return r;
	}
	return add_btrfs_siblings(s, x, name);
}

static bool same_file(const struct sysroot *s, const char *a, const char *b)
{
	struct stat sa, sb;

	if (strcmp(a, b) == 0)
		return true;
	return sysroot_is_live(s) && stat(a, &sa) == 0 && stat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int say(char **ret_by, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int say(char **ret_by, struct err *err, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(err);
	*ret_by = text;
	return 1;
}

/* Loop devices over the image or over a device of ours: 1 when one of them can be written to. */
static int look_at_loops(const struct sysroot *s, struct nodes *x, const char *image, char **ret_by,
			 struct err *err)
{
	CLEANUP(strv_free) char **blocks = NULL;
	int r = sysroot_list(s, &blocks, "/sys/block");

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	for (char **b = blocks; *b; b++) {
		CLEANUP(mem_free) char *backing = NULL;
		uint64_t ro = 0;
		bool ours = false;
		dev_t dev;

		if (strncmp(*b, "loop", 4) != 0)
			continue;
		r = sysroot_read_line(s, &backing, "/sys/block/%s/loop/backing_file", *b);
		if (r == -ENOMEM)
			return err_nomem(err);
		if (r < 0)
			continue;
		if (image)
			ours = same_file(s, backing, image);
		if (!ours && strncmp(backing, "/dev/", 5) == 0 && path_devno(s, backing, &dev) == 0)
			ours = nodes_find(x, dev);
		if (!ours)
			continue;
		if (sysroot_read_u64(s, &ro, "/sys/block/%s/ro", *b) < 0)
			ro = 0;
		if (!ro)
			return say(ret_by, err, "/dev/%s is a writable loop device on %s", *b,
				   backing);
		r = add_by_name(s, x, *b);
		if (r < 0)
			return err_code(err, -r, "cannot look at %s", *b);
	}
	return 0;
}

/* \040 and the like, in place. */
static void unescape_octal(char *text)
{
	char *w = text;

	for (const char *p = text; *p; w++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*w = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*w = *p++;
		}
	}
	*w = '\0';
}

static bool has_option(const char *list, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = list; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, option, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

#define FIELDS_MAX 64

static size_t split(char *line, char *fields[static FIELDS_MAX])
{
	char *save = NULL;
	size_t n = 0;

	for (char *f = strtok_r(line, " \t", &save); f && n < FIELDS_MAX;
	     f = strtok_r(NULL, " \t", &save))
		fields[n++] = f;
	return n;
}

/*
 * One line of mountinfo. It is the filesystem's own "rw" that counts: a read-only mount of a
 * filesystem that is writable elsewhere proves nothing.
 */
static int look_at_mount(const struct sysroot *s, const struct nodes *x, char *line, char **ret_by,
			 struct err *err)
{
	char *f[FIELDS_MAX], shown[256];
	size_t n = split(line, f), dash = 6;
	const struct node *node = NULL;
	dev_t dev;

	while (dash < n && strcmp(f[dash], "-") != 0)
		dash++;
	if (dash + 3 >= n || !has_option(f[dash + 3], "rw"))
		return 0;
	if (parse_devno(f[2], &dev))
		node = nodes_find(x, dev);
	unescape_octal(f[dash + 2]);
	/* btrfs and others show an anonymous device number; the source names a member. */
	if (!node && f[dash + 2][0] == '/' && path_devno(s, f[dash + 2], &dev) == 0)
		node = nodes_find(x, dev);
	if (!node)
		return 0;
	unescape_octal(f[4]);
	return say(ret_by, err, "/dev/%s mounted read-write on %s", node->name,
		   text_escape_str(f[4], shown, sizeof(shown)));
}

static int look_at_swap(const struct sysroot *s, const struct nodes *x, char *line, char **ret_by,
			struct err *err)
{
	char *f[FIELDS_MAX];
	const struct node *node;
	dev_t dev;

	if (split(line, f) < 2 || f[0][0] != '/')
		return 0;
	unescape_octal(f[0]);
	if (path_devno(s, f[0], &dev) < 0)
		return 0;
	node = nodes_find(x, dev);
	return node ? say(ret_by, err, "/dev/%s is active swap", node->name) : 0;
}

typedef int look_fn(const struct sysroot *s, const struct nodes *x, char *line, char **ret_by,
		    struct err *err);

static int look_at_lines(const struct sysroot *s, const struct nodes *x, const char *path,
			 look_fn *look, char **ret_by, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	char *save = NULL;
	int r = sysroot_read(s, &text, NULL, "%s", path);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		r = look(s, x, line, ret_by, err);
		if (r != 0)
			return r;
	}
	return 0;
}

int disk_in_use_at(const struct sysroot *s, dev_t rdev, const char *image_path, char **ret_by,
		   struct err *err)
{
	CLEANUP(nodes_done) struct nodes x = { 0 };
	size_t seen = 0;
	int r;

	if (rdev != 0) {
		CLEANUP(mem_free) char *real = NULL;

		r = sysroot_realpath(s, &real, "/sys/dev/block/%u:%u", major(rdev), minor(rdev));
		if (r < 0)
			return err_code(err, -r, "cannot find device %u:%u in /sys", major(rdev),
					minor(rdev));
		r = nodes_add(&x, rdev, base_name(real));
		if (r < 0)
			return err_code(err, -r, "cannot look at %s", real);
	}
	for (;;) {
		for (; seen < x.n; seen++) {
			r = add_children(s, &x, x.v[seen].name);
			if (r < 0)
				return err_code(err, -r, "cannot look at /dev/%s", x.v[seen].name);
		}
		r = look_at_loops(s, &x, rdev == 0 ? image_path : NULL, ret_by, err);
		if (r != 0)
			return r;
		if (seen == x.n)
			break;
	}

	r = look_at_lines(s, &x, "/proc/self/mountinfo", look_at_mount, ret_by, err);
	if (r > 0 || r == -ENOMEM)
		return r;
	if (r < 0)
		return err_code(err, -r, "cannot read /proc/self/mountinfo");
	/* The first process may see mounts that our own namespace hides; it may not be visible. */
	r = look_at_lines(s, &x, "/proc/1/mountinfo", look_at_mount, ret_by, err);
	if (r > 0 || r == -ENOMEM)
		return r;
	r = look_at_lines(s, &x, "/proc/swaps", look_at_swap, ret_by, err);
	if (r > 0 || r == -ENOMEM || r == -ENOENT)	/* a kernel without swap */
		return r == -ENOENT ? 0 : r;
	return r < 0 ? err_code(err, -r, "cannot read /proc/swaps") : 0;
}

int disk_in_use(const struct disk *d, char **ret_by, struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *s = NULL;
	struct stat st;
	int r;

	r = sysroot_open("/", &s, err);
	if (r < 0)
		return r;
	if (fstat(d->fd, &st) < 0)
		return err_errno(err, "cannot look at %s", d->path);
	return disk_in_use_at(s, d->block_device ? st.st_rdev : 0, d->path, ret_by, err);
}
