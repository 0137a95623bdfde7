/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of the table of fixes for Linux (linux_table.c), and what they ask of each other.
 * Internal to postfix/. What detect and apply may do is said in postfix/fixer.h.
 */
#ifndef P2V_POSTFIX_LINUX_ROWS_H
#define P2V_POSTFIX_LINUX_ROWS_H

#include "postfix/fixer.h"

int linux_device_names_detect(struct fixer *f, struct err *err);
int linux_bootloader_detect(struct fixer *f, struct err *err);
int linux_kargs_detect(struct fixer *f, struct err *err);
int linux_boot_device_detect(struct fixer *f, struct err *err);
int linux_boot_device_apply(struct fixer *f, struct err *err);
int linux_grub_install_detect(struct fixer *f, struct err *err);
int linux_resume_detect(struct fixer *f, struct err *err);
int linux_network_names_detect(struct fixer *f, struct err *err);
int linux_network_config_detect(struct fixer *f, struct err *err);
int linux_network_cloud_detect(struct fixer *f, struct err *err);
int linux_network_mentions_detect(struct fixer *f, struct err *err);
int linux_cd_names_detect(struct fixer *f, struct err *err);
int linux_console_detect(struct fixer *f, struct err *err);
int linux_services_detect(struct fixer *f, struct err *err);
int linux_modules_detect(struct fixer *f, struct err *err);
int linux_agent_detect(struct fixer *f, struct err *err);
int linux_agent_apply(struct fixer *f, struct err *err);
int linux_selinux_detect(struct fixer *f, struct err *err);
int linux_selinux_apply(struct fixer *f, struct err *err);
int linux_trim_detect(struct fixer *f, struct err *err);
int linux_uefi_detect(struct fixer *f, struct err *err);
int linux_multipath_detect(struct fixer *f, struct err *err);
int linux_absent_detect(struct fixer *f, struct err *err);
int linux_lvm_detect(struct fixer *f, struct err *err);
int linux_mdadm_detect(struct fixer *f, struct err *err);
int linux_luks_detect(struct fixer *f, struct err *err);
int linux_san_detect(struct fixer *f, struct err *err);
int linux_disk_identity_detect(struct fixer *f, struct err *err);
int linux_watchdog_detect(struct fixer *f, struct err *err);
int linux_power_button_detect(struct fixer *f, struct err *err);
int linux_tuned_detect(struct fixer *f, struct err *err);
int linux_hugepages_detect(struct fixer *f, struct err *err);
int linux_kdump_detect(struct fixer *f, struct err *err);
int linux_time_detect(struct fixer *f, struct err *err);
int linux_cloud_init_detect(struct fixer *f, struct err *err);
int linux_graphics_detect(struct fixer *f, struct err *err);
int linux_cron_detect(struct fixer *f, struct err *err);
int linux_packages_detect(struct fixer *f, struct err *err);
int linux_by_hand_detect(struct fixer *f, struct err *err);
int linux_uefi_apply(struct fixer *f, struct err *err);
int linux_initramfs_detect(struct fixer *f, struct err *err);
int linux_initramfs_apply(struct fixer *f, struct err *err);

/* Before the first row: the kernels, their drivers, and what their initramfs holds. */
int linux_kernels_scan(struct fixer *f, struct err *err);
/* f->net is there afterwards. -EINVAL: what was asked for makes no sense for this machine. */
int linux_network_plan(struct fixer *f, struct err *err);
/*
 * Visit every boot loader's file there is, also on an EFI system partition; bootcfg_kind_of() says
 * what kind one is.
 */
typedef int linux_bootloader_fn(struct fixer *f, const char *path, const char *text, char **ret);
int linux_bootloader_visit(struct fixer *f, linux_bootloader_fn *rewrite, struct err *err);
/* Say and warn of notes about path, and free them; r, or -ENOMEM. */
int linux_bootloader_notes(struct fixer *f, const char *path, struct machine_strv *notes, int r);

/* linux_guestcaps.c: what the guest can drive now (in a dry run: could, if the fixes were made). */
void linux_guestcaps(const struct fixer *f, struct guestcaps *ret);
enum vm_block_bus linux_block_bus(const struct fixer *f);
enum vm_net_model linux_net_model(const struct fixer *f);

#endif
