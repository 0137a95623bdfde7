/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the names of kernels' files tell: the inventory lists the kernels of a system, the fixer
 * makes their initramfs anew, and both must mean the same files.
 */
#ifndef P2V_COMMON_KERNELNAME_H
#define P2V_COMMON_KERNELNAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An image's name that is of no normal boot: a copy that a package manager or somebody has left
 * ("vmlinuz-6.1.old"), a signature beside it, a kernel for crash dumps, rescue or memory tests.
 */
bool kernelname_is_leftover(const char *name);
/*
 * The path (len bytes) of a module's file is that of the module, however it is packed:
 * "kernel/drivers/net/virtio-net.ko.xz" of "virtio_net".
 */
bool kernelname_is_module(const char *path, size_t len, const char *module);

#endif
