/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names on an EFI system partition: what a boot entry's path means, for which processor a program
 * is, and the list that shim's fallback reads. Pure.
 */
#ifndef P2V_POSTFIX_ESP_PATH_H
#define P2V_POSTFIX_ESP_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct esp_arch {
	const char *lower, *upper;	/* "x64", "X64" */
	const char *guest;		/* as the inspection says: "x86_64" */
};

/* Boot loaders, the one to be preferred first; ends with NULL. */
extern const char *const esp_loader_names[];

/*
 * "\EFI\debian\shimx64.efi" as "EFI/debian/shimx64.efi", malloc'd. NULL for what is not a plain
 * path below the root, and when memory runs out.
 */
char *esp_path_of_entry(const char *file);
/* By the end of its name, else by the guest's processor, else x64. Never NULL. */
const struct esp_arch *esp_path_arch(const char *loader, const char *guest_arch);
/* Is this the name of a kernel that the firmware starts by itself? */
bool esp_path_is_kernel(const char *name);
/*
 * One line of a BOOT<arch>.CSV, "loader,label,,comment", in UTF-16LE with a mark (the format is
 * that of shim's README.fallback). malloc'd; NULL when memory runs out.
 */
uint8_t *esp_path_csv(const char *loader, const char *label, size_t *ret_len);

#endif
