/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of machine_os.h. */
#include "inventory/machine_fields.h"

const struct machine_field machine_fields_clock[] = {
	F(machine_clock, rtc_local, BOOL),
	F(machine_clock, rtc_known, BOOL),
	F(machine_clock, rtc_minus_system, I64),
	F(machine_clock, timezone, STR),
	F_END
};

static const struct machine_field kernel_fields[] = {
	F_RULES(machine_kernel, version, STR, RULE_NEEDED),
	F(machine_kernel, image, STR),
	F(machine_kernel, initramfs, STR),
	F(machine_kernel, initramfs_size, U64),
	F(machine_kernel, modules, BOOL),
	F(machine_kernel, virtio, STRV),
	F(machine_kernel, booted, FLAG),
	F_END
};

static const struct machine_field service_fields[] = {
	F_RULES(machine_service, name, STR, RULE_NEEDED),
	F(machine_service, enabled, BOOL),
	F(machine_service, running, BOOL),
	F(machine_service, group, STR),
	F(machine_service, reason, STR),
	F_END
};

static const struct machine_field software_fields[] = {
	F(machine_software, kind, STR),
	F_RULES(machine_software, name, STR, RULE_NEEDED),
	F(machine_software, evidence, STR),
	F(machine_software, running, BOOL),
	F_END
};

const struct machine_field machine_fields_os[] = {
	F(machine_os, kind, STR),
	F(machine_os, id, STR),
	F(machine_os, id_like, STR),
	F(machine_os, version_id, STR),
	F(machine_os, pretty_name, STR),
	F(machine_os, kernel, STR),
	F(machine_os, arch, STR),
	F(machine_os, cmdline, STR),
	F(machine_os, hostname, STR),
	F(machine_os, machine_id, STR),
	F(machine_os, init, STR),
	F(machine_os, package_manager, STR),
	F(machine_os, initramfs_tool, STR),
	F(machine_os, bootloader, STR),
	F(machine_os, selinux, STR),
	F(machine_os, root_source, STR),
	F(machine_os, root_uuid, STR),
	F(machine_os, root_fs, STR),
	F(machine_os, root_subvolume, STR),
	F(machine_os, boot_source, STR),
	F(machine_os, esp_source, STR),
	F(machine_os, root_free, U64),
	F(machine_os, boot_free, U64),
	F(machine_os, booted, FLAG),
	F(machine_os, boots_first, FLAG),
	F_LIST(machine_os, kernels, machine_kernel, kernel_fields),
	F_LIST(machine_os, services, machine_service, service_fields),
	F_LIST(machine_os, software, machine_software, software_fields),
	F_END
};

const struct machine_field machine_fields_mount[] = {
	F(machine_mount, source, STR),
	F_RULES(machine_mount, target, STR, RULE_NEEDED),
	F(machine_mount, fs, STR),
	F(machine_mount, options, STR),
	F_END
};
