/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A guest opened for fixing: the images attached to a libguestfs appliance, the system in them
 * found, its filesystems mounted as its own fstab says.
 *
 * Everything of the guest is touched inside the appliance, a virtual machine without a network: a
 * hostile filesystem, symlink or maintainer script meets that, not the host. What comes back
 * (texts, lists, command output) is bounded in size and never trusted.
 *
 * Devices are matched by what they hold and by the inventory, never by the order in which either
 * machine found them. In a dry run the images are attached read-only with a throw-away overlay, so
 * even the replay of a journal changes nothing.
 *
 * One guest per thread; the calls block, and only the launch has a time limit of its own.
 */
#ifndef P2V_POSTFIX_GUEST_H
#define P2V_POSTFIX_GUEST_H

#include <guestfs.h>
#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/devmap.h"
#include "postfix/fix.h"

/* The largest text file that is edited, and the largest file that is looked into. */
#define GUEST_TEXT_MAX	((size_t)1 << 20)
#define GUEST_DATA_MAX	((size_t)16 << 20)

struct guest {
	guestfs_h *g;
	bool dry_run;
	const struct machine *machine;	/* borrowed */
	char *root;			/* the root filesystem, in the appliance's terms */
	char *os_name, *type, *distro, *arch, *osinfo;	/* "" when not known */
	int major, minor;		/* -1 unknown */
	struct devmap map;
	char *scratch;			/* an empty disk for the temporary files of big rebuilds */
	bool scratch_mounted;
	size_t boot_image;		/* which image holds the root filesystem */
};

/* Start a handle with the options every appliance here has; not launched. */
int guest_handle_new(bool tcg, guestfs_h **ret, struct err *err);
/* guestfs_launch() with an end: -ETIMEDOUT after timeout_s seconds, its qemu killed. */
int guest_handle_launch(guestfs_h *g, unsigned int timeout_s, struct err *err);

/* -ENOENT: there is no operating system in the images. */
int guest_open(const struct fix_options *opt, struct guest **ret, struct machine_strv *warnings,
	       struct err *err);
/* Unmount and stop in an orderly way: what was written has reached the images when this is 0. */
int guest_close(struct guest *guest, struct err *err);
void guest_free(struct guest *guest);
DEFINE_CLEANUP(struct guest *, guest_free)

/* err from the handle's last error, prefixed; returns -code. */
int guest_fail(struct guest *guest, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

bool guest_is_file(struct guest *guest, const char *path);	/* symlinks followed */
bool guest_is_dir(struct guest *guest, const char *path);
/* The target of a symlink, malloc'd; NULL when path is not one. */
char *guest_readlink(struct guest *guest, const char *path);
/* Names in a folder, sorted, NULL-terminated; an empty list when there is no such folder. */
char **guest_list(struct guest *guest, const char *dir, size_t *ret_n);
void guest_strings_free(char **list);
DEFINE_CLEANUP(char **, guest_strings_free)
/*
 * The whole of a regular file, symlinks followed inside the guest, a NUL behind it. -ENOENT when
 * there is none, -EFBIG past max, -EISDIR when it is something else. err may be NULL.
 */
int guest_read(struct guest *guest, const char *path, size_t max, char **ret, size_t *ret_len,
	       struct err *err);
/* Size in bytes, 0 when it cannot be told; free bytes of the filesystem that holds path. */
uint64_t guest_file_size(struct guest *guest, const char *path);
uint64_t guest_free_bytes(struct guest *guest, const char *path);
/*
 * Run a shell command in the guest's root with an end after an hour. Output (both streams) goes to
 * *ret_out when asked for; on failure the last lines of it are in err.
 */
int guest_run(struct guest *guest, const char *command, char **ret_out, struct err *err);
/* Put the scratch disk on /var/tmp, so that a rebuild does not fill the guest; and take it away. */
int guest_scratch_mount(struct guest *guest, struct err *err);
void guest_scratch_unmount(struct guest *guest);

#endif
