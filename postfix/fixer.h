/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rows of the table share while a run is under way. Internal to postfix/; fix.h is the
 * door.
 *
 * A row's detect looks, stages the changes it would make (guest_edit.h), and says in words what it
 * found (fixer_say). Returning 1, or having staged anything, means "needed". The runner then
 * commits what is staged and calls apply, if there is one, for what cannot be staged (commands).
 * detect must not change the guest: a dry run calls it and stops.
 */
#ifndef P2V_POSTFIX_FIXER_H
#define P2V_POSTFIX_FIXER_H

#include "common/text.h"
#include "postfix/fix.h"
#include "postfix/guest.h"
#include "postfix/guest_edit.h"
#include "postfix/linux/kernels.h"
#include "postfix/linux/net_plan.h"
#include "postfix/linux/ramdisk.h"

/* The drivers whose presence decides what the VM may consist of. */
enum fixer_driver {
	DRIVER_VIRTIO_PCI, DRIVER_VIRTIO_BLK, DRIVER_VIRTIO_SCSI, DRIVER_VIRTIO_NET, DRIVER_SD_MOD,
	DRIVER_AHCI, DRIVER_ATA_PIIX, DRIVER_E1000E, DRIVER_E1000, DRIVER_VIRTIO_RNG,
	DRIVER_VIRTIO_BALLOON, DRIVER_PIIX, DRIVER_8139CP, DRIVER_8139TOO,
	DRIVER_COUNT
};
extern const char *const fixer_driver_names[DRIVER_COUNT];

struct fixer_kernel {
	enum kernels_driver has[DRIVER_COUNT];
	bool image_has[DRIVER_COUNT];	/* in the initramfs */
	bool image_has_links; /* all our .link files are in it, or it has no use for them */
	bool image_listed;		/* its contents could be listed */
	enum ramdisk_kind image_kind;	/* who made it */
	bool rebuild;			/* decided by the initramfs row */
};

struct linux_generator;

struct fixer {
	const struct fix_options *opt;
	const struct machine *m;	/* never NULL */
	struct guest *guest;
	struct guest_edits edits;
	struct machine_strv *warnings;	/* of the report */
	struct strbuf detail;		/* of the row at work */
	struct kernels kernels;		/* newest first */
	struct fixer_kernel *kernel;	/* one for each of kernels */
	const struct linux_generator *generator;	/* linux/linux_initramfs.h; NULL: none */
	bool serial_console;		/* ttyS0 will have a login prompt */
	struct net_plan *net;		/* linux/net_plan.h; by linux_network_plan() */
	struct windows *windows;	/* of a Windows guest: windows/windows.h */
};

struct fix_row {
	const char *id, *title;
	const char *applies;		/* to what guests: "Linux", "Windows 8 and newer" */
	const char *undo;
	enum fix_severity severity;
	bool off;			/* only when it is asked for: --only ID, --set ID=on */
	int (*detect)(struct fixer *f, struct err *err);
	int (*apply)(struct fixer *f, struct err *err);		/* may be NULL */
};

/* The rows of a kind of guest, in the order in which they run. */
struct fix_table {
	const char *type;		/* as the inspection says: "linux", "windows" */
	const struct fix_row *rows;
	size_t n;
	/* Before the first row and after the last one: what rows share. May be NULL. */
	int (*begin)(struct fixer *f, struct err *err);
	void (*caps)(const struct fixer *f, struct guestcaps *ret);
	/*
	 * Writes what the rows prepared, may be NULL: runs after them whatever --only says, but not
	 * after a row without which the guest does not boot has failed. It is in no list.
	 */
	const struct fix_row *last;
	void (*end)(struct fixer *f);	/* frees what begin made, may be NULL */
};
extern const struct fix_table linux_fixes;

/* The value of --set KEY=VALUE; NULL when it was not given. The last one counts. */
const char *fixer_setting(const struct fixer *f, const char *key);

void fixer_say(struct fixer *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
int fixer_warn(struct fixer *f, const char *fmt, ...) PRINTF_LIKE(2, 3);
/*
 * Read a text file, let rewrite make a new one (1 and *ret, or 0), stage it. 0 too when the file
 * is not there or is no text: a fix does what it can.
 */
int fixer_rewrite(struct fixer *f, const char *path,
		  int (*rewrite)(struct fixer *f, const char *path, const char *text, char **ret),
		  struct err *err);
/* The same for every file in dir whose name matches glob. */
int fixer_rewrite_all(struct fixer *f, const char *dir, const char *glob,
		      int (*rewrite)(struct fixer *f, const char *path, const char *text,
				     char **ret),
		      struct err *err);
/* Has anything staged or done so far changed a path that starts with prefix? */
bool fixer_touched(const struct fixer *f, const char *prefix);

#endif
