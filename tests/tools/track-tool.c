/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The change tracker beside real writers, for tests/e2e/50-track.sh.
 *
 *	track-tool DISK MIRROR RUN-DIR TIER <script
 *	track-tool write FILE SIZE SECONDS direct|buffered SEED
 *
 * The first keeps a mirror of a disk by what the tracker says, and obeys a line at a time:
 *
 *	start | resume | leave | free	as track.h has them
 *	copy		copy all of it		round	harvest, and copy what was harvested
 *	last		the same with track_harvest_last()
 *	settled		what was copied is safe
 *	take		harvest, and lose it
 *	audit | quiet	print the audit
 *	ever		print how many bytes of the disk differ from the mirror outside of ever
 *	compare		print how many 4 KiB blocks of disk and mirror differ
 *	& COMMAND	start a shell command	wait	for all of them
 *	! COMMAND	run one; when it fails, this fails
 *	sleep MS
 *	die		kill -9 oneself
 *
 * The second writes at random places, in random sizes, what was never written before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "track/track.h"

#define CHUNK	((size_t)1 << 20)
#define BLOCK	4096u

struct mirror {
	struct track_disk disk;
	const char *run_dir;
	enum track_tier tier;
	int from, to;
	uint8_t *buf, *other;
	struct track *track;
};

static struct track *to_free;

static void die(const char *what)
{
	fprintf(stderr, "track-tool: %s\n", what);
	track_free(to_free);
	exit(1);
}

static void copy_range(struct mirror *m, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		size_t n = (size_t)MIN(length, (uint64_t)CHUNK);

		if (fdio_pread_full(m->from, m->buf, n, offset) < 0 ||
		    fdio_pwrite_full(m->to, m->buf, n, offset) < 0)
			die("cannot copy");
		offset += n;
		length -= n;
	}
}

static void round_of(struct mirror *m, bool last)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	uint64_t bytes = 0, copied = 0;
	struct err err = ERR_INIT;
	int r;

	if (bitmap_new(m->disk.size, BLOCK, &b) < 0)
		die("no memory");
	r = last ? track_harvest_last(m->track, 0, b, &bytes, &err) :
		   track_harvest(m->track, 0, b, &bytes, &err);
	if (r < 0)
		die(err.text);
	for (uint64_t at = 0, n; bitmap_next_run(b, true, at, &at, &n); at += n) {
		copy_range(m, at, n);
		copied += n;
	}
	printf("%s bytes=%" PRIu64 " copied=%" PRIu64 "\n", last ? "last" : "round", bytes,
	       copied);
}

/* In and outside of a map, or everywhere. */
static uint64_t differing(struct mirror *m, const struct bitmap *outside)
{
	uint64_t blocks = 0;

	for (uint64_t at = 0; at < m->disk.size; at += CHUNK) {
		size_t n = (size_t)MIN(m->disk.size - at, (uint64_t)CHUNK);

		if (fdio_pread_full(m->from, m->buf, n, at) < 0 ||
		    fdio_pread_full(m->to, m->other, n, at) < 0)
			die("cannot compare");
		for (size_t i = 0; i < n; i += BLOCK)
			if (memcmp(m->buf + i, m->other + i, MIN(n - i, (size_t)BLOCK)) != 0 &&
			    !(outside && bitmap_any(outside, at + i, BLOCK)))
				blocks++;
	}
	return blocks;
}

static void outside_ever(struct mirror *m)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;
	struct err err = ERR_INIT;

	if (bitmap_new(m->disk.size, BLOCK, &b) < 0 || track_ever(m->track, 0, b, &err) < 0)
		die(err.text);
	printf("ever bytes=%" PRIu64 " outside=%" PRIu64 "\n", bitmap_bytes(b), differing(m, b));
}

static void audit(struct mirror *m, bool quiet)
{
	struct err err = ERR_INIT;
	struct track_audit a;

	if (track_audit(m->track, 0, quiet, &a, &err) < 0)
		die(err.text);
	printf("audit verdict=%s reasons=%#x events=%" PRIu64 " kernel=%" PRIu64
	       " submitted=%" PRIu64 " completed=%" PRIu64 " short=%" PRIu64 "/%" PRIu64
	       " unknown=%" PRIu64 " outside=%" PRIu64 " overruns=%" PRIu64 " misses=%" PRIu64
	       "\n",
	       track_verdict_name(a.verdict), a.reasons, a.events, a.sectors_kernel,
	       a.sectors_submitted, a.sectors_completed, a.deficit_submitted,
	       a.deficit_completed, a.unknown, a.outside, a.overruns, a.misses);
}

static void begin(struct mirror *m, bool resume)
{
	const struct track_options o = {
		.disks = &m->disk, .n = 1, .run_dir = m->run_dir, .first = m->tier
	};
	struct err err = ERR_INIT;
	int r = resume ? track_resume(&o, &m->track, &err) : track_start(&o, &m->track, &err);

	if (r < 0) {
		printf("%s %d %s\n", resume ? "resume" : "start", r, err.text);
		return;
	}
	to_free = m->track;
	printf("%s 0 tier=%s granule=%u\n", resume ? "resume" : "start",
	       track_tier_name(track_tier(m->track)), track_granule(m->track, 0));
	for (int i = 0; i < TRACK_TIERS; i++)
		if (track_why_not(m->track, (enum track_tier)i))
			printf("not %s: %s\n", track_tier_name((enum track_tier)i),
			       track_why_not(m->track, (enum track_tier)i));
}

static void shell(const char *command, bool background)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0)
		die("cannot fork");
	if (!background && (waitpid(pid, &status, 0) < 0 || status != 0))
		die(command);
}

static void harvest_and_lose(struct mirror *m)
{
	CLEANUP(bitmap_free) struct bitmap *b = NULL;

	if (bitmap_new(m->disk.size, BLOCK, &b) < 0 ||
	    track_harvest(m->track, 0, b, NULL, NULL) < 0)
		die("cannot harvest");
	printf("take bytes=%" PRIu64 "\n", bitmap_bytes(b));
}

static void obey(struct mirror *m, const char *line)
{
	int status;

	if (strcmp(line, "start") == 0 || strcmp(line, "resume") == 0)
		begin(m, line[0] == 'r');
	else if (line[0] == '&' || line[0] == '!')
		shell(line + 1, line[0] == '&');
	else if (strncmp(line, "sleep ", 6) == 0)
		usleep((useconds_t)atoi(line + 6) * 1000);
	else if (strcmp(line, "die") == 0)
		kill(getpid(), SIGKILL);
	else if (strcmp(line, "copy") == 0)
		copy_range(m, 0, m->disk.size);
	else if (strcmp(line, "compare") == 0)
		printf("compare missed=%" PRIu64 "\n", differing(m, NULL));
	else if (strcmp(line, "wait") == 0)
		while (waitpid(-1, &status, 0) > 0)
			(status != 0 ? die("a writer failed") : (void)0);
	else if (!m->track)
		die("there is no tracker");
	else if (strcmp(line, "round") == 0 || strcmp(line, "last") == 0)
		round_of(m, line[0] == 'l');
	else if (strcmp(line, "settled") == 0)
		track_settled(m->track, 0);
	else if (strcmp(line, "take") == 0)
		harvest_and_lose(m);
	else if (strcmp(line, "ever") == 0)
		outside_ever(m);
	else if (strcmp(line, "audit") == 0 || strcmp(line, "quiet") == 0)
		audit(m, line[0] == 'q');
	else if (strcmp(line, "leave") == 0 || strcmp(line, "free") == 0) {
		(line[0] == 'l' ? track_leave : track_free)(m->track);
		m->track = to_free = NULL;
	} else
		die(line);
	fflush(stdout);
}

static int mirror_main(char **argv)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(mem_free) char *line = NULL;
	struct err err = ERR_INIT;
	struct mirror m = { .run_dir = argv[3] };
	char path[300];
	size_t cap = 0;

	if (sysroot_open("/", &root, &err) < 0 ||
	    track_disk_find(root, argv[1], &m.disk, &err) < 0 ||
	    track_tier_parse(argv[4], &m.tier) < 0)
		die(err.text);
	snprintf(path, sizeof(path), "/dev/%s", argv[1]);
	m.from = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	m.to = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	m.buf = fdio_alloc(CHUNK);
	m.other = fdio_alloc(CHUNK);
	if (m.from < 0 || m.to < 0 || ftruncate(m.to, (off_t)m.disk.size) < 0)
		die("cannot open");
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		obey(&m, line);
	}
	track_free(m.track);
	return 0;
}

static int write_main(char **argv)
{
	uint64_t size = strtoull(argv[3], NULL, 10), x = strtoull(argv[6], NULL, 10) * 2 + 1;
	bool direct = strcmp(argv[5], "direct") == 0;
	int fd = open(argv[2], O_RDWR | O_CREAT | (direct ? O_DIRECT : 0), 0600);
	time_t end = time(NULL) + atoi(argv[4]);
	uint8_t *buf = fdio_alloc(32 * BLOCK);
	uint64_t n = 0;
	int r;

	if (fd < 0 || !buf)
		die("cannot write there");
	while (time(NULL) < end) {
		uint64_t length, offset;

		/* Marsaglia's xorshift. */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		length = (x >> 8) % 8 == 0 ? 32 * BLOCK : BLOCK;
		offset = (x >> 16) % (size / BLOCK - 32) * BLOCK;
		memset(buf, (int)(x & 255), length);
		memcpy(buf, &x, sizeof(x));
		r = fdio_pwrite_full(fd, buf, length, offset);
		if (r < 0)
			die(strerror(-r));
		if (!direct && ++n % 512 == 0)
			fdatasync(fd);
	}
	return fsync(fd) < 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "write") == 0)
		return write_main(argv);
	if (argc == 5)
		return mirror_main(argv);
	die("usage: see the first lines of tests/tools/track-tool.c");
}
