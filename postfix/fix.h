/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Making the guest boot and feel at home: a table of fixes, run over the images of one job.
 *
 *	images + machine --guest_open()--> guest (libguestfs appliance, inspected, mounted)
 *	for each row of the table:  detect -> [apply] -> report
 *	guest_close() -> guest caps
 *
 * Terms: a *fix* is one row {id, title, severity, applies, detect, apply, undo note}. *detect*
 * looks and says what it would change; *apply* changes it. A dry run detects only. Every fix is
 * idempotent: a second run finds nothing to do. Each kind of guest
 * has its table (linux/linux_table.c). The images given here are overlays (or copies):
 * this module never sees the pristine replica.
 *
 * Text files are changed through guest_edit.h, which keeps the original for the report's diff,
 * writes atomically in the guest and keeps owner, mode and SELinux label.
 */
#ifndef P2V_POSTFIX_FIX_H
#define P2V_POSTFIX_FIX_H

#include <jansson.h>
#include <stdbool.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "convert/vmspec.h"
#include "inventory/machine.h"

struct guest;

enum fix_state {
	FIX_NOT_NEEDED,			/* detect found nothing */
	FIX_WOULD_APPLY,		/* dry run */
	FIX_APPLIED,
	FIX_SKIPPED,			/* switched off by the user */
	FIX_FAILED,			/* the guest may still boot: look at severity */
};

enum fix_severity {
	FIX_BOOT,    /* without it the guest does not boot; failure fails the run */
	FIX_NETWORK, /* without it the guest is not reachable; failure is a warning */
	FIX_COMFORT, /* nicer with it; failure is a warning */
};

struct fix_change {			/* one changed, added or removed file */
	char *path;			/* in the guest */
	char *what;			/* "edited", "added", "removed", "rebuilt" */
	char *diff;			/* unified diff for text, NULL for binary */
};

struct fix_result {
	const char *id;			/* "device-names"; stable, used by --skip and --only */
	const char *title;
	enum fix_severity severity;
	enum fix_state state;
	char *detail; /* what was found and done, or why it failed; one or more lines */
	const char *undo;		/* how to take it back */
	struct fix_change *changes;
	size_t nchanges;
};

struct fix_report {
	char *os_name;			/* "Debian GNU/Linux 12 (bookworm)" */
	char *root;			/* root filesystem device in the appliance's terms */
	bool dry_run;
	struct fix_result *results;
	size_t nresults;
	struct machine_strv warnings;
	struct guestcaps caps;
	size_t boot_image;		/* index of the image the guest boots from */
};

struct fix_image {
	const char *name;		/* the machine's disk name */
	const char *path;		/* overlay */
	const char *format;
	uint32_t logical_sector;	/* 512 or 4096 */
	bool grown;			/* larger than its source: what sits at the end moves */
};

struct fix_key {			/* opens an encrypted device */
	const char *device;		/* the machine's name or path of it, or UUID=... */
	const char *data;		/* len bytes, a NUL behind them */
	size_t len;
};

struct fix_nic_change {			/* what is to be different, of one interface */
	const char *name;		/* the machine's */
	const char *mac;		/* of its virtual NIC; NULL: the same */
	const char *const *addresses;	/* of common/ipspec.h; NULL-terminated, or NULL */
	bool absent;			/* it gets no virtual NIC */
};

struct fix_options {
	const struct fix_image *images;
	size_t nimages;
	const struct machine *machine;	/* the truth about names, serials, MACs and boot */
	bool dry_run;
	bool fast; /* append to an initramfs rather than have the guest make it anew */
	const char *const *skip;	/* ids; NULL-terminated, may be NULL */
	const char *const *only;	/* ids; NULL-terminated, may be NULL: all */
	/* "KEY=VALUE", NULL-terminated, may be NULL: "tuned=virtual-guest", "ID=on". */
	const char *const *set;
	uint64_t memory;		/* bytes that the VM will have; 0: as the machine */
	const struct fix_key *keys;	/* borrowed; wiped by whoever made them */
	size_t nkeys;
	const char *inject;		/* folder of the host with a guest agent's package */
	const struct fix_nic_change *nics;
	size_t nnics;
	bool flatten_bonds;		/* postfix/linux/net_plan.h tells what that means */
	/* Drivers for Windows: a folder or an ISO; NULL: $VIRTIO_WIN, or where packages put it. */
	const char *virtio_win;
	bool tcg;			/* run the appliance without KVM */
	unsigned int appliance_timeout;	/* seconds for the launch; 0 = 600 */
	/* Called as work goes on: "detecting network-names", done/total steps. May be NULL. */
	void (*progress)(const char *step, unsigned int done, unsigned int total, void *opaque);
	void *opaque;
};

/*
 * Run the table. Returns 0 when every FIX_BOOT row is applied, not needed, or skipped on request;
 * -errno with err set otherwise (*ret_report is set all the same when the run got that far, so
 * that the report can be written). -ENOENT: no operating system found in the images.
 */
int fix_run(const struct fix_options *opt, struct fix_report **ret_report, struct err *err);
/*
 * The same on a guest that is open already and stays open: images, tcg and appliance_timeout do not
 * count. *ret_report is set unless an option is not valid or memory is short.
 */
int fix_guest(const struct fix_options *opt, struct guest *guest, struct fix_report **ret_report,
	      struct err *err);
void fix_report_free(struct fix_report *r);
DEFINE_CLEANUP(struct fix_report *, fix_report_free)
/*
 * The report as JSON: {"os":..., "dry_run":...,
 * "fixes":[{id,title,severity,state,detail,undo,changes:[{path,what,diff}]}], "warnings":[],
 * "guestcaps":{...}}
 */
int fix_report_to_json(const struct fix_report *r, json_t **ret, struct err *err);

/*
 * The rows of all tables, for --list and for checking --skip and --only; ends with id NULL.
 */
struct fix_info {
	const char *id, *title, *applies, *undo;
	enum fix_severity severity;
	bool off; /* only when it is asked for */
};
const struct fix_info *fix_list(size_t *ret_n);
const char *
fix_state_name(enum fix_state s); /* "not-needed", "would-apply", "applied", "skipped", "failed" */
const char *fix_severity_name(enum fix_severity s);	/* "boot", "network", "comfort" */

#endif
