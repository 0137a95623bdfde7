/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making the system fail on purpose, in three ways:
 *
 *	the Nth call	fault_arm() lets the Nth matching call fail from then on once, or for good
 *	power cut	fault_record_*() keeps a log of what is written; fault_record_build()
 *			makes the file as it might look after the power went out at any point
 *	sparse		fault_sparse() turns large writes of zeroes into holes, so that files
 *			of many gigabytes can be tested in memory
 *
 * The program under test is linked with these flags (the makefile reads them here), so that its
 * calls come to this module:
 *
 * WRAP: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray
 * WRAP: -Wl,--wrap=pread64,--wrap=pwrite64,--wrap=preadv64,--wrap=pwritev64
 * WRAP: -Wl,--wrap=fdatasync,--wrap=fsync
 * WRAP: -Wl,--wrap=ftruncate64,--wrap=fallocate64
 *
 * (64: all is compiled with _FILE_OFFSET_BITS=64.) Only objects linked statically are caught, so
 * libc and other shared libraries work on undisturbed; the wrappers pass through until told
 * otherwise, and work under the sanitizers. What is done with O_DIRECT and is not aligned to
 * 4 KiB in all three ends the test, whatever the filesystem thinks of it. One thread.
 */
#ifndef P2V_TESTS_FAULT_H
#define P2V_TESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	FAULT_ALLOC = 1 << 0,		/* malloc, calloc, realloc, reallocarray: ENOMEM */
	FAULT_WRITE = 1 << 1,		/* pwrite: half is written, then nothing: ENOSPC */
	FAULT_SYNC = 1 << 2,		/* fdatasync, fsync: EIO */
	FAULT_TRUNCATE = 1 << 3,	/* ftruncate: ENOSPC */
	FAULT_READ = 1 << 4,		/* pread: EIO */
	FAULT_ALL = 0x1f,
	FAULT_DIRECT = 1 << 5,		/* pread, pwrite with O_DIRECT: EINVAL, nothing done */
};

/*
 * The nth matching call from now on fails (1 is the next one; 0: count only), and when for_good is
 * set every one after it too.
 */
void fault_arm(unsigned int ops, uint64_t nth, bool for_good);
/* Stop; the number of matching calls seen. */
uint64_t fault_disarm(void);
/* Calls made while it is on neither count nor fail; fault_arm() turns it off. */
void fault_pause(bool on);
/* Which kind of call was made to fail since fault_arm(), 0: none. */
unsigned int fault_hit(void);

/*
 * Record pwrite, ftruncate, hole punching and syncs of every regular file that is created after
 * the start. fault_record_count() is a point in the log: the number of entries so far.
 */
void fault_record_start(void);
void fault_record_stop(void);
uint64_t fault_record_count(void);
/*
 * Write to out the file behind fd (its inode is what counts) as it might be found after a power
 * cut at that point of the log: all that was synced, and of the rest with
 * seed 0 nothing, seed 1 everything, any other seed a random choice of it, some writes torn at
 * sectors of 512 bytes.
 */
void fault_record_build(int fd, uint64_t point, uint64_t seed, int out);

void fault_sparse(bool on);

#endif
