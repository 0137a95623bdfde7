/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/fix_settings.h"

#include "common/compiler.h"

static const struct fix_setting settings[] = {
	{ "multipath", "multipath", "off|keep", "keep: multipath stays as it is" },
	{ "absent-disks", "absent-disks", "nofail|comment",
	  "comment: filesystems that were not copied go behind a comment sign in fstab" },
	{ "karg.NAME", "kernel-arguments", "drop|keep",
	  "the kernel argument NAME goes or stays, whatever postfix/data/kargs.tbl says" },
	{ "raid1", "mdadm", "keep", "arrays of two disks stay arrays; collapse is not done" },
	{ "keep-services", "hardware-services", "GROUP,UNIT,...",
	  "groups (ups, watchdog, ...; postfix/data/services.tbl) and units that stay on" },
	{ "power-key", "power-button", "poweroff|keep", "keep: what logind does stays" },
	{ "tuned", "tuned", "virtual-guest|keep|PROFILE", "the profile of tuned" },
	{ "hugepages", "hugepages", "scale|keep|off",
	  "scale: half of the memory when they are more than 70 % of it; off: none" },
	{ "cloud-init", "cloud-init", "off|pin|keep",
	  "off: it does not run; pin: it runs, as the instance that it was" },
	{ "relabel", "selinux", "auto|always|never",
	  "always: all files are labelled anew at the first boot" },
	{ 0 }
};

const struct fix_setting *fix_settings_list(size_t *ret_n)
{
	if (ret_n)
		*ret_n = ARRAY_SIZE(settings) - 1;
	return settings;
}
