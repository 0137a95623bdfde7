/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/os/os_signs.h"

#define BIOS MACHINE_FIRMWARE_BIOS
#define UEFI MACHINE_FIRMWARE_UEFI

/* The database of what is installed, and the program: either alone is found on others' systems. */
const struct os_sign os_signs_package_managers[] = {
	{ "apt", { "/var/lib/dpkg/status", "/usr/bin/apt-get" }, 0 },
	{ "rpm-ostree", { "/ostree/repo", "/usr/bin/rpm-ostree" }, 0 },
	{ "zypper", { "/var/lib/rpm", "/usr/bin/zypper" }, 0 },
	{ "zypper", { "/usr/lib/sysimage/rpm", "/usr/bin/zypper" }, 0 },
	{ "dnf", { "/var/lib/rpm", "/usr/bin/dnf" }, 0 },
	{ "dnf", { "/usr/lib/sysimage/rpm", "/usr/bin/dnf" }, 0 },
	{ "dnf", { "/usr/lib/sysimage/rpm", "/usr/bin/dnf5" }, 0 },
	{ "dnf", { "/var/lib/rpm", "/usr/bin/microdnf" }, 0 },
	{ "tdnf", { "/var/lib/rpm", "/usr/bin/tdnf" }, 0 },
	{ "yum", { "/var/lib/rpm", "/usr/bin/yum" }, 0 },
	{ "urpmi", { "/var/lib/rpm", "/usr/sbin/urpmi" }, 0 },
	{ "up2date", { "/var/lib/rpm", "/usr/sbin/up2date" }, 0 },
	{ "pacman", { "/var/lib/pacman/local", "/usr/bin/pacman" }, 0 },
	{ "apk", { "/lib/apk/db/installed", "/sbin/apk" }, 0 },
	{ "apk", { "/usr/lib/apk/db/installed", "/usr/bin/apk" }, 0 },
	{ "portage", { "/var/db/pkg", "/usr/bin/emerge" }, 0 },
	{ "xbps", { "/var/db/xbps", "/usr/bin/xbps-install" }, 0 },
	{ "eopkg", { "/var/lib/eopkg", "/usr/bin/eopkg" }, 0 },
	{ "swupd", { "/usr/share/clear/bundles", "/usr/bin/swupd" }, 0 },
	{ "nix", { "/etc/NIXOS", "/nix/var/nix/db" }, 0 },
	{ "slackpkg", { "/var/log/packages", "/sbin/installpkg" }, 0 },
	{ "dpkg", { "/var/lib/dpkg/status", "/usr/bin/dpkg" }, 0 },
	{ "rpm", { "/var/lib/rpm", "/bin/rpm" }, 0 },
	{ "rpm", { "/usr/lib/sysimage/rpm", "/usr/bin/rpm" }, 0 },
	{ 0 },
};

/* Hooks that run it for a new kernel first: the program alone may be there for another's sake. */
const struct os_sign os_signs_initramfs_tools[] = {
	{ "dracut", { "/etc/kernel/postinst.d/dracut" }, 0 },
	{ "initramfs-tools", { "/etc/kernel/postinst.d/initramfs-tools" }, 0 },
	{ "mkinitcpio", { "/usr/share/libalpm/hooks/90-mkinitcpio-install.hook" }, 0 },
	{ "initramfs-tools", { "/usr/sbin/update-initramfs" }, 0 },
	{ "dracut", { "/usr/bin/dracut" }, 0 },
	{ "dracut", { "/sbin/dracut" }, 0 },
	{ "mkinitcpio", { "/usr/bin/mkinitcpio" }, 0 },
	{ "mkinitcpio", { "/sbin/mkinitcpio" }, 0 },
	{ "mkinitfs", { "/sbin/mkinitfs" }, 0 },
	{ "mkinitfs", { "/usr/sbin/mkinitfs" }, 0 },
	{ "booster", { "/usr/bin/booster" }, 0 },
	{ "genkernel", { "/usr/bin/genkernel" }, 0 },
	{ "mkinitrd", { "/sbin/mkinitrd" }, 0 },
	{ "yaird", { "/usr/sbin/mkinitrd.yaird" }, 0 },
	{ 0 },
};

/*
 * core.img and stage2 are written by installing to the disk. A UEFI machine's boot entry decides
 * before this table does (os_boot.c).
 */
const struct os_sign os_signs_bootloaders[] = {
	{ "grub2", { "/boot/grub/i386-pc/core.img" }, BIOS },
	{ "grub2", { "/boot/grub2/i386-pc/core.img" }, BIOS },
	{ "grub2", { "/boot/grub/powerpc-ieee1275/core.elf" }, 0 },
	{ "grub2", { "/boot/grub2/powerpc-ieee1275/core.elf" }, 0 },
	{ "systemd-boot", { "/boot/efi/EFI/systemd", "/boot/efi/loader/loader.conf" }, UEFI },
	{ "systemd-boot", { "/efi/EFI/systemd", "/efi/loader/loader.conf" }, UEFI },
	{ "systemd-boot", { "/boot/EFI/systemd", "/boot/loader/loader.conf" }, UEFI },
	{ "refind", { "/boot/efi/EFI/refind" }, UEFI },
	{ "refind", { "/efi/EFI/refind" }, UEFI },
	{ "refind", { "/boot/EFI/refind" }, UEFI },
	{ "grub2", { "/boot/grub/grub.cfg" }, 0 },
	{ "grub2", { "/boot/grub2/grub.cfg" }, 0 },
	{ "grub-legacy", { "/boot/grub/stage2", "/boot/grub/menu.lst" }, BIOS },
	{ "grub-legacy", { "/boot/grub/stage2", "/boot/grub/grub.conf" }, BIOS },
	{ "extlinux", { "/boot/extlinux.conf", "/boot/ldlinux.sys" }, BIOS },
	{ "extlinux", { "/boot/extlinux/extlinux.conf", "/boot/extlinux/ldlinux.sys" }, BIOS },
	{ "extlinux", { "/boot/syslinux/syslinux.cfg", "/boot/syslinux/ldlinux.sys" }, BIOS },
	{ "extlinux", { "/boot/extlinux/extlinux.conf" }, 0 },
	{ "lilo", { "/etc/lilo.conf", "/boot/map" }, BIOS },
	{ "elilo", { "/etc/elilo.conf" }, UEFI },
	{ "elilo", { "/boot/efi/EFI/Slackware/elilo.conf" }, UEFI },
	{ "zipl", { "/etc/zipl.conf", "/boot/bootmap" }, 0 },
	{ "yaboot", { "/etc/yaboot.conf" }, 0 },
	{ "grub-legacy", { "/boot/grub/menu.lst" }, BIOS },
	{ "grub-legacy", { "/boot/grub/grub.conf" }, BIOS },
	{ "limine", { "/boot/limine/limine.conf" }, 0 },
	{ "limine", { "/boot/limine.conf" }, 0 },
	{ 0 },
};

const char *os_signs_find(const struct os_look *o, const struct os_sign *table,
			  enum machine_firmware_type firmware)
{
	for (const struct os_sign *s = table; s->name; s++) {
		if (s->firmware && firmware && s->firmware != firmware)
			continue;
		if (os_exists(o, "%s", s->paths[0]) &&
		    (!s->paths[1] || os_exists(o, "%s", s->paths[1])))
			return s->name;
	}
	return NULL;
}
