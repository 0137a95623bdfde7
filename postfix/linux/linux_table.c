/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of fixes for Linux. */
#include "common/compiler.h"
#include "postfix/linux/linux_rows.h"

#define UNDO_DIFF "apply the diff in reverse, or restore the replica"

/* In the order in which they run: what the initramfs is made from comes before it. */
static const struct fix_row rows[] = {
	/* Learns what the names of its maps meant: all that translates names comes after it. */
	{ "multipath", "A virtual disk has one path", "Linux",
	  "rename /etc/multipath.conf.p2v and /etc/multipath/*.p2v back; systemctl enable "
	  "multipathd",
	  FIX_BOOT, false, linux_multipath_detect, NULL },
	{ "san", "Nothing waits for the storage network", "Linux", UNDO_DIFF, FIX_BOOT, false,
	  linux_san_detect, NULL },
	{ "device-names", "Disks are named by what they hold", "Linux", UNDO_DIFF, FIX_BOOT, false,
	  linux_device_names_detect, NULL },
	{ "bootloader", "The boot loader names disks by what they hold", "Linux", UNDO_DIFF,
	  FIX_BOOT, false, linux_bootloader_detect, NULL },
	{ "absent-disks", "The system does without the disks that were not copied", "Linux",
	  UNDO_DIFF, FIX_BOOT, false, linux_absent_detect, NULL },
	{ "lvm", "LVM looks at the virtual disks", "Linux with LVM", UNDO_DIFF, FIX_BOOT, false,
	  linux_lvm_detect, NULL },
	{ "mdadm", "Arrays are found by their UUID", "Linux with mdadm", UNDO_DIFF, FIX_BOOT, false,
	  linux_mdadm_detect, NULL },
	{ "luks", "Encrypted disks ask for the passphrase", "Linux with LUKS", UNDO_DIFF, FIX_BOOT,
	  false, linux_luks_detect, NULL },
	{ "disk-identity", "What knows disks by their serial numbers is told", "Linux",
	  "nothing is changed", FIX_COMFORT, false, linux_disk_identity_detect, NULL },
	{ "kernel-arguments", "The kernel is told nothing of the old hardware", "Linux", UNDO_DIFF,
	  FIX_COMFORT, false, linux_kargs_detect, NULL },
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
	  "systemctl enable UNIT; update-rc.d NAME enable or chkconfig NAME on; rm "
	  "/etc/init/NAME.override; rc-update add NAME",
	  FIX_COMFORT, false, linux_services_detect, NULL },
	{ "hardware-cron", "Nothing looks after the old hardware by the clock", "Linux",
	  "remove the # in front of the lines, or the added exit 0", FIX_COMFORT, false,
	  linux_cron_detect, NULL },
	{ "hardware-modules", "Drivers for the old hardware are not loaded by name", "Linux",
	  "remove the # in front of the module", FIX_COMFORT, false, linux_modules_detect, NULL },
	{ "vendor-packages", "Packages for the old hardware are listed", "Linux",
	  "nothing is changed", FIX_COMFORT, false, linux_packages_detect, NULL },
	{ "watchdog", "Nothing counts on the server's watchdog", "Linux", UNDO_DIFF, FIX_COMFORT,
	  false, linux_watchdog_detect, NULL },
	{ "power-button", "A shutdown by the host is obeyed", "Linux", UNDO_DIFF, FIX_COMFORT,
	  false, linux_power_button_detect, NULL },
	{ "tuned", "The tuning profile is one for a virtual machine", "Linux with tuned",
	  "tuned-adm profile NAME", FIX_COMFORT, false, linux_tuned_detect, NULL },
	{ "graphics", "The X server finds the card by itself", "Linux",
	  "rename FILE.p2v back", FIX_COMFORT, false, linux_graphics_detect, NULL },
	{ "hugepages", "Huge pages leave memory for the rest", "Linux", UNDO_DIFF, FIX_BOOT, false,
	  linux_hugepages_detect, NULL },
	{ "kdump", "Crash dumps go to a disk that is there", "Linux with kdump", UNDO_DIFF,
	  FIX_COMFORT, false, linux_kdump_detect, NULL },
	{ "time", "Time does not come from clocks that are gone", "Linux", UNDO_DIFF, FIX_COMFORT,
	  false, linux_time_detect, NULL },
	{ "cloud-init", "cloud-init does not take it for a new machine", "Linux with cloud-init",
	  "remove /etc/cloud/cloud-init.disabled", FIX_NETWORK, false, linux_cloud_init_detect,
	  NULL },
	{ "by-hand", "What only a person can decide is told", "Linux", "nothing is changed",
	  FIX_COMFORT, false, linux_by_hand_detect, NULL },
	{ "guest-agent", "The guest agent is on", "Linux", "systemctl disable qemu-guest-agent",
	  FIX_COMFORT, false, linux_agent_detect, linux_agent_apply },
	{ "trim", "Freed space is given back every week", "Linux", "systemctl disable fstrim.timer",
	  FIX_COMFORT, false, linux_trim_detect, NULL },
	{ "uefi-boot", "The firmware finds the boot loader without a stored entry", "Linux",
	  "remove EFI/BOOT from the EFI system partition", FIX_BOOT, false, linux_uefi_detect,
	  linux_uefi_apply },
	{ "initramfs", "The early boot has drivers for virtual disks", "Linux",
	  "remove the lines added to the settings; run update-initramfs -u -k all, or dracut "
	  "--regenerate-all",
	  FIX_BOOT, false, linux_initramfs_detect, linux_initramfs_apply },
	/* Their answers depend on the bus, and that on what the initramfs holds. */
	{ "boot-device", "Old boot loaders name the root disk as the virtual machine does", "Linux",
	  UNDO_DIFF, FIX_BOOT, false, linux_boot_device_detect, linux_boot_device_apply },
	{ "grub-install", "Boot loader updates go to the virtual disk", "Linux", UNDO_DIFF,
	  FIX_COMFORT, false, linux_grub_install_detect, NULL },
	/* What all rows before it made has its labels now, or never. */
	{ "selinux", "New files have their SELinux labels", "Linux with SELinux",
	  "remove /.autorelabel", FIX_COMFORT, false, linux_selinux_detect, linux_selinux_apply },
};

const struct fix_table linux_fixes = {
	.type = "linux",
	.rows = rows,
	.n = ARRAY_SIZE(rows),
	.begin = linux_kernels_scan,
	.caps = linux_guestcaps,
};
