/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lvm.conf and lvmlocal.conf: the filters that decide which devices LVM looks at.
 *
 *	devices {
 *		filter = [ "a|^/dev/sd|", "r|.*|" ]
 *	}
 *
 * A rule is "a" (accept) or "r" (reject), a delimiter, a regular expression that may match
 * anywhere in a name, the delimiter again. The first rule that matches a name decides for that
 * name; a device is accepted when one of its names is, and rejected when names of it match reject
 * rules only; without a match it is accepted (lvm.conf(5)). A regular expression that is not
 * understood leaves the question open: nothing is changed then, and it is said.
 *
 * Pure.
 */
#ifndef P2V_POSTFIX_LVMCONF_H
#define P2V_POSTFIX_LVMCONF_H

#include "inventory/machine.h"

enum lvmconf_verdict { LVMCONF_ACCEPTED, LVMCONF_REJECTED, LVMCONF_UNKNOWN };

struct lvmconf_device {
	const char *title;		/* for the report: "virtio disks" */
	const char *const *names;	/* NULL-terminated */
	const char *accept;		/* the rule that would let it in: "a|^/dev/vd|" */
};

/* What the rules (as they stand in the file, without quotes) say of a device. */
enum lvmconf_verdict lvmconf_judge(char *const *rules, size_t n,
				   const struct lvmconf_device *device);
/*
 * Filters of the text that reject one of the devices get its accept rule in front; all other rules
 * stay. 1 and *ret (malloc'd), 0, or -ENOMEM; in plain words in notes what was done or not
 * understood.
 */
int lvmconf_rewrite(const char *text, const struct lvmconf_device *devices, size_t n, char **ret,
		    struct machine_strv *notes);
/* Does the text say use_devicesfile = 0? */
bool lvmconf_no_devicesfile(const char *text);

#endif
