/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps of filesystems in use, and those who use them, for tests/e2e/54-livemap.sh.
 *
 *	livemap-tool round DISK MOUNTPOINT RUN-DIR COPY FULL TIME CACHE TRIES DEVICE...
 *	livemap-tool churn FOLDER SEED MIB
 *
 * A round is what a hot conversion does with a disk (its name in /sys/block): the tracker is
 * started; a while later the filesystem is frozen, TIME ms of metadata are read into CACHE KiB, it
 * is thawed, the map is built and settled, in up to TRIES tries; and after another while it is
 * frozen once more. Then FULL becomes a copy of the disk, and COPY one of what the map has used or
 * the tracker marked, with 0xa5 in place of all else. DEVICE: those of the filesystem.
 *
 * TRIES 0: one try, and what was written since the thaw is kept from livemap_settle(): to see by
 * hand what the rule is for.
 *
 * churn makes, changes and deletes files until it is ended, and keeps about MIB MiB of them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fdio.h"
#include "disk/livemap.h"
#include "track/track.h"

#define CHUNK		((size_t)1 << 20)
#define MS		UINT64_C(1000000)
#define THAW_AFTER	15		/* seconds: the watchdog's */

static struct track *to_free;
static int frozen_fd = -1;

static NORETURN void die(const char *what)
{
	fprintf(stderr, "livemap-tool: %s\n", what);
	if (frozen_fd >= 0)
		ioctl(frozen_fd, FITHAW, 0);
	track_free(to_free);
	exit(1);
}

static void check(int r, const struct err *err)
{
	if (r < 0)
		die(err->text[0] ? err->text : strerror(-r));
}

static void pause_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

/* --- a round --- */

struct round {
	struct track_disk disk;
	struct track *track;
	struct disk *source;
	int mount;
	pid_t watchdog;
	struct bitmap *dirty;		/* since the start */
};

static void freeze(struct round *r)
{
	r->watchdog = fork();
	if (r->watchdog == 0) {
		sleep(THAW_AFTER);
		ioctl(r->mount, FITHAW, 0);
		_exit(1);
	}
	if (r->watchdog < 0 || ioctl(r->mount, FIFREEZE, 0) < 0)
		die("cannot freeze");
	frozen_fd = r->mount;
}

static void thaw(struct round *r)
{
	int thawed = ioctl(r->mount, FITHAW, 0);

	frozen_fd = -1;
	kill(r->watchdog, SIGKILL);
	waitpid(r->watchdog, NULL, 0);
	if (thawed < 0)
		die("the freeze was over before");
}

/* What was written since the last harvest; last: nothing is in flight. */
static struct bitmap *harvest(struct round *r, bool last)
{
	struct bitmap *b = NULL;
	struct err err = ERR_INIT;

	if (bitmap_new(r->disk.size, r->dirty->granularity, &b) < 0)
		die("no memory");
	check(last ? track_harvest_last(r->track, 0, b, NULL, &err) :
		     track_harvest(r->track, 0, b, NULL, &err), &err);
	if (bitmap_or(r->dirty, b) < 0)
		die("cannot add up");
	return b;
}

static uint64_t in_ms(unsigned int ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec + ms * MS;
}

static struct usedmap_set *make_map(struct round *r, struct livemap *l, unsigned int ms, int tries)
{
	struct usedmap_set *set = NULL;
	bool careless = tries == 0;

	do {
		struct bitmap *since;
		struct err err = ERR_INIT;
		int all, n;

		usedmap_set_free(set);
		freeze(r);
		all = livemap_freeze_read(l, in_ms(ms), &err);
		check(all, &err);
		bitmap_free(harvest(r, false));
		thaw(r);
		/* Let it go on, so that there is something to be disturbed by. */
		pause_ms(careless ? 3000 : 100);
		check(livemap_build(l, &set, &err), &err);
		since = harvest(r, false);
		if (careless)
			bitmap_clear_all(since);
		n = livemap_settle(l, set, &since, &err);
		check(n, &err);
		bitmap_free(since);
		printf("try all=%d disturbed=%d free=%" PRIu64 "\n", all, n,
		       r->disk.size - bitmap_bytes(set->maps[0]->map));
		if (n == 0)
			break;
	} while (--tries > 0);
	for (size_t i = 0; i < set->maps[0]->nparts; i++)
		printf("part %s: %s, %s\n", set->maps[0]->parts[i].name,
		       set->maps[0]->parts[i].kind, set->maps[0]->parts[i].why);
	for (size_t i = 0; i < set->nvolumes; i++)
		printf("volume %s: %s, %s\n", set->volumes[i].name, set->volumes[i].kind,
		       set->volumes[i].why);
	return set;
}

static void copy_disk(struct round *r, const struct bitmap *used, const char *copy,
		      const char *full)
{
	int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int all = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint8_t *buf = fdio_alloc(CHUNK);
	uint64_t step = r->dirty->granularity, left_out = 0;
	struct err err = ERR_INIT;

	if (to < 0 || all < 0 || !buf)
		die("cannot make the copies");
	for (uint64_t at = 0; at < r->disk.size; at += CHUNK) {
		size_t n = (size_t)MIN((uint64_t)CHUNK, r->disk.size - at);

		check(disk_read(r->source, buf, n, at, &err), &err);
		if (fdio_pwrite_full(all, buf, n, at) < 0)
			die("cannot write");
		for (size_t i = 0; i < n; i += step) {
			if (bitmap_test(used, at + i) || bitmap_test(r->dirty, at + i))
				continue;
			memset(buf + i, 0xa5, MIN(step, n - i));
			left_out += step;
		}
		if (fdio_pwrite_full(to, buf, n, at) < 0)
			die("cannot write");
	}
	printf("copied left-out=%" PRIu64 " of %" PRIu64 "\n", left_out, r->disk.size);
	free(buf);
	close(to);
	close(all);
}

static int round_main(int argc, char **argv)
{
	const struct livemap_config cfg = {
		.cache_max = strtoull(argv[8], NULL, 10) * KIB,
		.frozen = (const char *const *)argv + 10,
		.nfrozen = (size_t)(argc - 10),
	};
	struct sysroot *root = NULL;
	struct err err = ERR_INIT;
	struct round r = { 0 };
	struct livemap_disk disk = { .in_use = true };
	struct usedmap_set *set;
	struct livemap *l = NULL;
	struct track_audit audit;
	char path[300];

	check(sysroot_open("/", &root, &err), &err);
	check(track_disk_find(root, argv[2], &r.disk, &err), &err);
	snprintf(path, sizeof(path), "/dev/%s", argv[2]);
	check(disk_open(path, 0, &r.source, &err), &err);
	r.mount = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r.mount < 0)
		die("cannot open the mount point");
	check(track_start(&(struct track_options){
		.disks = &r.disk, .n = 1, .run_dir = argv[4], .first = TRACK_BPF, .trial = true,
	}, &r.track, &err), &err);
	to_free = r.track;
	printf("tier %s granule %u\n", track_tier_name(track_tier(r.track)),
	       track_granule(r.track, 0));
	if (bitmap_new(r.disk.size, track_granule(r.track, 0), &r.dirty) < 0)
		die("no memory");
	disk.disk = r.source;
	check(livemap_new(&disk, 1, &cfg, &l, &err), &err);
	pause_ms(700);
	set = make_map(&r, l, (unsigned int)atoi(argv[7]), atoi(argv[9]));
	pause_ms(1500);
	freeze(&r);
	bitmap_free(harvest(&r, true));
	check(track_audit(r.track, 0, true, &audit, &err), &err);
	copy_disk(&r, set->maps[0]->map, argv[5], argv[6]);
	thaw(&r);
	printf("audit %s\n", track_verdict_name(audit.verdict));
	usedmap_set_free(set);
	livemap_free(l);
	bitmap_free(r.dirty);
	track_free(r.track);
	disk_free(r.source);
	close(r.mount);
	sysroot_free(root);
	return 0;
}

/* --- churn --- */

#define NAMES	64u

static uint64_t state;

/* Marsaglia's xorshift. */
static uint32_t pick(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 20) % n;
}

static uint8_t *noise;			/* 2 MiB */

static void put(int fd, uint64_t at, size_t len)
{
	uint64_t stamp = state;

	memcpy(noise, &stamp, sizeof(stamp));
	/* A full filesystem is one of the states it is to be in. */
	(void)!pwrite(fd, noise, len, (off_t)at);
}

static void one_step(int folder, uint64_t mib)
{
	struct fstrim_range trim = { .len = UINT64_MAX };
	uint64_t average = mib * MIB / NAMES;
	char name[32], other[32];
	int fd;

	snprintf(name, sizeof(name), "f%u", pick(NAMES));
	snprintf(other, sizeof(other), "d%u/f%u", pick(4), pick(8));
	fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		unlinkat(folder, name, 0);
		return;
	}
	switch (pick(16)) {
	case 0:
	case 1:
	case 2:
	case 3:			/* anew, somewhere else */
		unlinkat(folder, name, 0);
		close(fd);
		fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
		if (fd < 0)
			return;
		for (uint64_t at = 0, end = 1 + pick((uint32_t)average * 2); at < end; at += MIB)
			put(fd, at, (size_t)MIN(end - at, MIB));
		break;
	case 4:
		put(fd, pick((uint32_t)average), 1 + pick(300000));
		break;
	case 5:
		(void)!fallocate(fd, 0, 0, 1 + (off_t)pick((uint32_t)average));
		put(fd, pick((uint32_t)average), 1 + pick(20000));
		break;
	case 6:
		(void)!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 pick((uint32_t)average), 1 + (off_t)pick(500000));
		break;
	case 7:
		(void)!fallocate(fd, FALLOC_FL_ZERO_RANGE, pick((uint32_t)average),
				 1 + (off_t)pick(300000));
		break;
	case 8:
		(void)!ftruncate(fd, (off_t)pick((uint32_t)average));
		break;
	case 9:
		unlinkat(folder, name, 0);
		break;
	case 10:
		(void)!renameat(folder, name, folder, other);
		break;
	case 11:
		unlinkat(folder, other, 0);
		break;
	case 12: {
		int to = openat(folder, other, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

		if (to >= 0) {
			(void)!ioctl(to, FICLONE, fd);
			close(to);
		}
		break;
	}
	case 13:
	case 14:
		(void)!fsync(fd);
		break;
	default:
		/*
		 * Rarely, and not before it is asked for: it makes all of the free space dirty,
		 * and then the map has nothing to say.
		 */
		if (pick(1000) == 0 && faccessat(folder, "../trims", F_OK, 0) == 0)
			(void)!ioctl(folder, FITRIM, &trim);
		else if (pick(8) == 0)
			(void)!syncfs(folder);
	}
	close(fd);
}

static NORETURN void churn_main(char **argv)
{
	int folder = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	state = strtoull(argv[3], NULL, 10) * 2 + 1;
	noise = malloc(2 * MIB);
	if (folder < 0 || !noise)
		die("cannot write there");
	for (size_t i = 0; i < 2 * MIB; i++)
		noise[i] = (uint8_t)pick(256);
	for (char name[] = "d0"; name[1] < '4'; name[1]++)
		(void)!mkdirat(folder, name, 0755);
	for (;;)
		one_step(folder, strtoull(argv[4], NULL, 10));
}

int main(int argc, char **argv)
{
	if (argc >= 11 && strcmp(argv[1], "round") == 0)
		return round_main(argc, argv);
	if (argc == 5 && strcmp(argv[1], "churn") == 0)
		churn_main(argv);
	die("usage: see the first lines of tests/tools/livemap-tool.c");
}
