/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of fixes for Linux. */
#include "common/compiler.h"
#include "postfix/linux/linux_rows.h"

#define UNDO_DIFF "apply the diff in reverse, or restore the replica"

/* In the order in which they run: what the initramfs is made from comes before it. */
static const struct fix_row rows[] = {
	{ "device-names", "Disks are named by what they hold", "Linux", UNDO_DIFF, FIX_BOOT, false,
	  linux_device_names_detect, NULL },
	{ "bootloader", "The boot loader names disks by what they hold", "Linux", UNDO_DIFF,
	  FIX_BOOT, false, linux_bootloader_detect, NULL },
	{ "resume", "The early boot does not wait for a disk that is gone", "Linux", UNDO_DIFF,
	  FIX_COMFORT, false, linux_resume_detect, NULL },
	{ "network-names", "Network interfaces keep their names", "Linux",
	  "remove /etc/systemd/network/10-p2v-*.link (or the added udev rules), rebuild the "
	  "initramfs",
	  FIX_NETWORK, false, linux_network_names_detect, NULL },
	{ "network-config", "Network settings do not depend on the old hardware", "Linux",
	  UNDO_DIFF, FIX_NETWORK, false, linux_network_config_detect, NULL },
	{ "serial-console", "Console and login on the first serial port", "Linux", UNDO_DIFF,
	  FIX_COMFORT, false, linux_console_detect, NULL },
	{ "hardware-services", "Services for the old hardware are off", "Linux",
	  "systemctl enable UNIT", FIX_COMFORT, false, linux_services_detect, NULL },
	{ "hardware-modules", "Drivers for the old hardware are not loaded by name", "Linux",
	  "remove the # in front of the module", FIX_COMFORT, false, linux_modules_detect, NULL },
	{ "guest-agent", "The guest agent is on", "Linux", "systemctl disable qemu-guest-agent",
	  FIX_COMFORT, false, linux_agent_detect, NULL },
	{ "trim", "Freed space is given back every week", "Linux", "systemctl disable fstrim.timer",
	  FIX_COMFORT, false, linux_trim_detect, NULL },
	{ "uefi-boot", "The firmware finds the boot loader without a stored entry", "Linux",
	  "remove EFI/BOOT from the EFI system partition", FIX_BOOT, false, linux_uefi_detect,
	  NULL },
	{ "initramfs", "The early boot has drivers for virtual disks", "Linux",
	  "remove the lines added to the tool's settings and run it (update-initramfs -u -k all, "
	  "dracut --regenerate-all, mkinitcpio -P), or put the old image in /var/backups/p2v back",
	  FIX_BOOT, false, linux_initramfs_detect, linux_initramfs_apply },
	{ "kdump", "Crash dump images are made for this hardware", "Linux",
	  "kdumpctl rebuild, or the like: such an image is made from what is installed", FIX_COMFORT,
	  false, linux_kdump_detect, NULL },
	/* Its answer depends on the bus, and that on what the initramfs holds. */
	{ "grub-install", "Boot loader updates go to the virtual disk", "Linux", UNDO_DIFF,
	  FIX_COMFORT, false, linux_grub_install_detect, NULL },
};

const struct fix_table linux_fixes = {
	.type = "linux",
	.rows = rows,
	.n = ARRAY_SIZE(rows),
	.begin = linux_kernels_scan,
	.caps = linux_guestcaps,
};
