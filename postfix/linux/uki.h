/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Unified kernel images: a kernel, its initramfs and its arguments in one EFI program (the UAPI
 * group's specification "Unified Kernel Image"). The arguments are the section ".cmdline".
 *
 * Pure.
 */
#ifndef P2V_POSTFIX_UKI_H
#define P2V_POSTFIX_UKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UKI_HEAD_MAX	8192		/* the headers of a program lie in its first bytes */
#define UKI_CMDLINE_MAX	65536

/*
 * From the first bytes of a program: where the arguments lie in the file. False when it is no
 * program, or has none.
 */
bool uki_cmdline(const void *head, size_t len, uint64_t *ret_offset, size_t *ret_size);

#endif
