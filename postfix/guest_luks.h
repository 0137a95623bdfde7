/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encrypted devices of a guest, opened with the keys that the user gave, before the inspection
 * looks for a system. Internal to postfix/guest_open.c.
 */
#ifndef P2V_POSTFIX_GUEST_LUKS_H
#define P2V_POSTFIX_GUEST_LUKS_H

#include "postfix/guest.h"

/*
 * Open each LUKS device of the guest's map for which there is a key and that is not open yet, and
 * activate the volume groups that come to light. Returns how many were opened: the caller lists the
 * devices anew, for there may be more within. -EACCES: a key does not fit.
 */
int guest_luks_open(struct guest *guest, const struct fix_options *opt, struct err *err);
/* Every key had a device, or -EINVAL; a warning for each device that stays closed. */
int guest_luks_check(struct guest *guest, const struct fix_options *opt,
		     struct machine_strv *warnings, struct err *err);
/* The machine's name of a device: "sda3", "/dev/vg/root"; buf is used for it. */
const char *guest_luks_name(const struct guest *guest, const struct devmap_part *p, char *buf,
			    size_t size);
/* Is it the device that --key calls by that name? Pure. */
bool guest_luks_matches(const struct devmap *map, const struct devmap_part *p, const char *name);

#endif
