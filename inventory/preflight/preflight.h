/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What would go wrong with the conversion of a machine, told before a byte is copied.
 *
 *	machine + what is to be copied --preflight_run()--> report: findings
 *
 * There is one table of rules, in themes (preflight_table.c); a rule looks at the machine and adds
 * a finding for each thing that it holds against it. Ids are stable: scripts and plans name them,
 * docs/preflight.md is made from the table (preflight_document()). Pure: no I/O, no clock.
 *
 * A finding blocks, degrades or is a note. One that blocks stops the conversion until the user
 * accepts it by its id (--force ID, or the plan's "accept"). What is not known is no finding: a
 * rule speaks of what it has seen, and says in its evidence what that was.
 */
#ifndef P2V_INVENTORY_PREFLIGHT_H
#define P2V_INVENTORY_PREFLIGHT_H

#include <jansson.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/err.h"
#include "inventory/machine.h"

enum preflight_severity {
	PREFLIGHT_NOTE,			/* good to know */
	PREFLIGHT_DEGRADES,		/* works, with something lost or to be done */
	PREFLIGHT_BLOCKS,		/* would not work, or would lose data */
};
const char *preflight_severity_name(enum preflight_severity s);	/* "note", "degrades", "blocks" */

struct preflight_input;
struct preflight_report;
struct preflight_index;

struct preflight_rule {
	const char *id;			/* "ntfs-hibernated": lower case, dashes */
	enum preflight_severity severity;/* the worst that it gives */
	const char *title;		/* one line: "NTFS holds a hibernated Windows" */
	const char *why;		/* what would happen, one paragraph, for the document */
	const char *advice;		/* what to do; "" never */
	int (*look)(const struct preflight_input *in, const struct preflight_rule *rule,
		    struct preflight_report *report);	/* 0 or -ENOMEM */
};

struct preflight_theme {
	const char *title;		/* "Disks" */
	const struct preflight_rule *rules;
	size_t n;
};
/* All there are: preflight_themes(&n)[0..n) */
const struct preflight_theme *const *preflight_themes(size_t *ret_n);
const struct preflight_rule *preflight_find(const char *id);	/* NULL: there is none */

struct preflight_disk {			/* one that is to be copied */
	/*
	 * The machine's name of it, or what a job makes of that ("cciss-c0d0"). It may be a
	 * volume's: then that is copied, as a disk of its own, and not what it is made of.
	 */
	const char *name;
	const char *in_use_by;		/* who writes to it now ("mounted on /"), or NULL */
	uint64_t size, used;		/* bytes; used 0: not looked at */
};

struct preflight_key {			/* a key that was given for an encrypted device, tried */
	const char *device;		/* machine's name: "sda3" */
	bool opens;
};

struct preflight_input {
	const struct machine *machine;
	const struct preflight_disk *disks;	/* none: every fixed disk of the machine */
	size_t ndisks;
	bool hot;				/* the source runs on while it is copied */
	const struct preflight_key *keys;
	size_t nkeys;
	const struct machine_strv *accept;	/* ids; NULL none. The plan's are added to them. */
	uint64_t rate;				/* bytes a second of the link; 0 unknown */
	const struct preflight_index *index;	/* for rules: preflight_run() makes it */
};

struct preflight_finding {
	const struct preflight_rule *rule;
	enum preflight_severity severity;
	char *subject;			/* what it is about: "sda2", "eth0", "machine" */
	char *evidence;			/* what was seen, in one sentence */
	bool accepted;
	size_t order;			/* in which it was found */
};

struct preflight_report {
	struct preflight_finding *findings;	/* worst first, then by the table's order */
	size_t n;
	uint64_t total, to_copy;	/* bytes; to_copy 0: not known, total is the most */
	uint64_t rate;			/* bytes a second, as it was given */
	uint64_t seconds;		/* at rate, for to_copy or else total; 0: not known */
};

int preflight_run(const struct preflight_input *in, struct preflight_report **ret,
		  struct err *err);
void preflight_report_free(struct preflight_report *r);
DEFINE_CLEANUP(struct preflight_report *, preflight_report_free)
/* Findings that block and are not accepted. */
size_t preflight_blocking(const struct preflight_report *r);

/* For rules: add a finding; text is escaped when it is printed, not here. 0 or -ENOMEM. */
int preflight_add(struct preflight_report *report, const struct preflight_rule *rule,
		  enum preflight_severity severity, const char *subject, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* For rules: the disk is one that is copied. */
bool preflight_copies(const struct preflight_input *in, const char *disk);

/*
 * {"findings":[{id, severity, accepted, subject, title, evidence, advice, link}], "blocking":N,
 * "total":BYTES, "to_copy":BYTES, "rate":BYTES, "seconds":N}; what is not known is left out.
 */
int preflight_to_json(const struct preflight_report *r, json_t **ret, struct err *err);
/* The rules: [{id, severity, theme, title, why, advice, link}] */
int preflight_rules_to_json(json_t **ret, struct err *err);
/* Seconds for bytes at rate (bytes a second), rounded up; 0 when either is 0. */
uint64_t preflight_seconds(uint64_t bytes, uint64_t rate);
/* For people, at most 100 columns. malloc'd, NULL on ENOMEM. */
char *preflight_text(const struct preflight_report *r);
/* The rules, one in a line or two. malloc'd, NULL on ENOMEM. */
char *preflight_list(void);
/* docs/preflight.md, whole. malloc'd, NULL on ENOMEM. */
char *preflight_document(void);

#endif
