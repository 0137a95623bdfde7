/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A job: one machine's conversion, a folder of the store. docs/job-format.md lists its files.
 *
 *	STORE/NAME/job.json	what it is and how far it got; replaced atomically
 *		   machine.json	the source's inventory as the agent sent it
 *		   journal	what is durable (journal.h)
 *		   lock		held (fcntl) by whoever changes the job
 *		   DISK.qcow2.partial -> DISK.qcow2
 *		   log		what happened to the job, a line each, for people
 *		   ...		what finish makes: overlays, NAME.xml, report.json, report.html
 *
 * States go one way: receiving -> verified -> finished; "damaged" when a later verification failed.
 * A re-sync leads back to receiving (admission.h).
 * An image has its final name only from "verified" on.
 *
 * The name is checked (text_name_valid) before it touches a path, everything is opened relative to
 * the job folder's descriptor, and O_NOFOLLOW is used: a name from a peer cannot leave the store.
 */
#ifndef P2V_SERVER_JOB_H
#define P2V_SERVER_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "common/text.h"
#include "inventory/machine.h"
#include "p2v-server/journal.h"

#define JOB_VERSION 1
#define JOB_STORE_DEFAULT "/var/lib/p2v"
#define JOB_PLAN "plan.json"		/* finish --plan keeps it; prevails over machine.json's */

enum job_state { JOB_RECEIVING, JOB_VERIFIED, JOB_FINISHED, JOB_DAMAGED, JOB_STATES };

struct job_image {
	char *disk;			/* name: "sda" */
	char *source;			/* path on the source machine */
	uint64_t size;
	uint32_t logical_sector, physical_sector;
	char digest[SHA256_HEX_LEN + 1];/* of the disk as copied: disk_digest.h; "" not verified */
	char *fixed; /* overlay made by finish, file name in the folder; NULL before */
	uint64_t fixed_mtime;		/* of that file when finish was done, ns since the epoch */
};

struct job {
	char *store;			/* absolute path */
	char name[TEXT_NAME_MAX + 1];
	int dirfd;			/* the job's folder */
	int lockfd;			/* -1: not locked */
	uint8_t uuid[16];
	enum job_state state;
	bool compressed;
	bool resync;			/* receiving what has changed since it was copied */
	bool live;			/* receiving rounds of disks that go on changing */
	char *consistency;		/* job_consistency_valid(), or "unknown" before FINISH */
	char *created, *updated;	/* RFC 3339, UTC */
	char *agent;			/* software of the last agent */
	struct job_image *images;
	size_t nimages;
	struct machine_strv warnings;	/* first those of the copy, then those of the last finish */
	size_t copy_warnings;		/* how many are the copy's */
	char *domain_xml, *report, *report_html, *nvram; /* file names in the folder, or NULL */
};

/* How the lock is taken. */
enum job_lock {
	JOB_LOCK_NONE,	    /* read only */
	JOB_LOCK_TRY,	    /* -EBUSY when somebody holds it */
	JOB_LOCK_TAKE_OVER, /* for receiving: wait for the holder, and end it when it is stale */
};

/* Open an existing job. -ENOENT: no such job; -EBADMSG: job.json is not understood; -EBUSY. */
int job_open(const char *store, const char *name, enum job_lock lock, struct job **ret,
	     struct err *err);
/*
 * Make a new job with these disks (images[] is copied: disk, source, size, sectors), locked, state
 * receiving, with machine.json. -EEXIST when it is there.
 */
int job_create(const char *store, const char *name, const struct job_image *images, size_t n,
	       bool compressed, const char *machine_json, size_t machine_len, struct job **ret,
	       struct err *err);
/*
 * The holder of a receiving lock shows that its agent is alive by calling this while it hears from
 * it. A receiving process that has not done so for JOB_STALE_S serves a dead connection: whoever
 * wants the lock with JOB_LOCK_TAKE_OVER asks it to leave (SIGTERM, upon which it makes durable
 * what it has). A live one is never disturbed: two agents cannot steal a job from each other.
 */
#define JOB_STALE_S 20
void job_lock_touch(struct job *j);
/* Others may work on the job from now on; what j says of it is what it was. */
void job_unlock(struct job *j);
void job_free(struct job *j);		/* releases the lock */
DEFINE_CLEANUP(struct job *, job_free)

/* Write job.json; sets updated. */
int job_save(struct job *j, struct err *err);
int job_warn(struct job *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Forget the warnings of an earlier finish. */
void job_forget_warnings(struct job *j);
/*
 * Append a line with the time to the job's log file, for people; a log that cannot be written is
 * let be.
 */
void job_log(const struct job *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *job_state_name(enum job_state s);
/*
 * What a copy may be: "consistent" (nobody wrote), "in-use" (of no one moment), and of a live
 * machine, all of one moment: "crash-consistent", "filesystem-consistent" (frozen),
 * "application-consistent" (and hooks had the applications write out what they had).
 */
bool job_consistency_valid(const char *text);
/* "sda.qcow2" or "sda.qcow2.partial"; malloc'd, NULL on ENOMEM. */
char *job_image_name(const struct job_image *im, bool partial);
/* STORE/NAME/file, absolute; malloc'd. file NULL: the folder. */
char *job_path(const struct job *j, const char *file);
/* Put another description of the machine in the place of the first. */
int job_set_machine(struct job *j, const char *json, size_t len, struct err *err);
/* The domain XML that finish made; -EAGAIN: it has not, with what to do. malloc'd. */
int job_xml(const struct job *j, char **ret, struct err *err);
int job_journal(const struct job *j, bool readonly, struct journal **ret, struct err *err);
/* As the agent sent it, maybe with a plan. */
int job_machine(const struct job *j, struct machine **ret, struct err *err);
/* Lay the plan that finish was given (JOB_PLAN) over m; when there is none, m's stays. */
int job_plan(const struct job *j, struct machine *m, struct err *err);
/* A random one, RFC 4122 version 4. */
int job_uuid_random(uint8_t ret[static 16], struct err *err);
void job_uuid_text(const uint8_t uuid[static 16], char ret[static 37]);
/*
 * Names of the jobs in the store, sorted; strv_free(). An empty or missing store gives an empty
 * list.
 */
int job_list(const char *store, char ***ret, struct err *err);
/* Now, RFC 3339 UTC, malloc'd. */
char *job_now(void);

#endif
