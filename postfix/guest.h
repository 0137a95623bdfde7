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
#include "postfix/guest_fs.h"

/* The largest text file that is edited, and the largest file that is looked into. */
#define GUEST_TEXT_MAX	((size_t)1 << 20)
#define GUEST_DATA_MAX	((size_t)16 << 20)
#define GUEST_SAME_MAX	((uint64_t)64 << 20)

struct guest {
	guestfs_h *g;			/* NULL when the files are not in an appliance */
	const struct guest_fs_ops *fs;
	void *fs_arg;
	bool dry_run;
	const struct machine *machine;	/* borrowed */
	char *root;			/* the root filesystem, in the appliance's terms */
	char *os_name, *type, *distro, *arch, *osinfo;	/* "" when not known */
	int major, minor;		/* -1 unknown */
	struct devmap map;
	char *scratch;			/* an empty disk for the temporary files of big rebuilds */
	bool scratch_mounted;
	char *esp;			/* guest_mount_esp() found it here; NULL: not asked, none */
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

/* err from the handle's last error, prefixed; -EIO. */
int guest_handle_fail(guestfs_h *g, struct err *err, const char *what);
int guest_fail(struct guest *guest, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Looking. Symlinks are followed inside the guest, but for guest_readlink() and guest_lstat(). None
 * of these sees what is staged in guest_edit.h.
 */
int guest_stat(struct guest *guest, const char *path, struct guest_stat *ret, struct err *err);
int guest_lstat(struct guest *guest, const char *path, struct guest_stat *ret, struct err *err);
bool guest_is_file(struct guest *guest, const char *path);
bool guest_is_dir(struct guest *guest, const char *path);
/* The target of a symlink, malloc'd; NULL when path is not one. */
char *guest_readlink(struct guest *guest, const char *path);
/* The path without symlinks, malloc'd; NULL when there is nothing. */
char *guest_realpath(struct guest *guest, const char *path);
/* Names in a folder, sorted, NULL-terminated; an empty list when there is no such folder. */
char **guest_list(struct guest *guest, const char *dir, size_t *ret_n);
void guest_strings_free(char **list);
DEFINE_CLEANUP(char **, guest_strings_free)
/*
 * The whole of a regular file, a NUL behind it. -ENOENT when there is none, -EFBIG past max,
 * -EISDIR when it is something else (a FIFO or a device is never opened). err may be NULL.
 */
int guest_read(struct guest *guest, const char *path, size_t max, char **ret, size_t *ret_len,
	       struct err *err);
/* Copy a regular file of at most max bytes into fd, from its start; -EFBIG, -EISDIR, -ENOENT. */
int guest_download(struct guest *guest, const char *path, uint64_t max, int fd, struct err *err);
/* Do both files hold the same bytes? False also when one cannot be read. At most 64 MiB each. */
bool guest_same(struct guest *guest, const char *a, const char *b);
/* Size in bytes, 0 when it cannot be told; free bytes of the filesystem that holds path. */
uint64_t guest_file_size(struct guest *guest, const char *path);
uint64_t guest_free_bytes(struct guest *guest, const char *path);

/*
 * Changing at once: for apply functions, on files that cannot be staged (guest_edit.h is for text).
 * Never in a dry run. Missing folders are made. Report what was changed by guest_edit_rebuilt().
 */
/* Put size bytes at path: a temporary file renamed over it, which takes over its attributes. */
int guest_put(struct guest *guest, const char *path, const void *data, size_t size,
	      unsigned int mode, struct err *err);
/* The same with the whole content of fd, of any size. */
int guest_put_fd(struct guest *guest, const char *path, int fd, unsigned int mode, struct err *err);
int guest_copy(struct guest *guest, const char *from, const char *to, struct err *err);
/* Over what may be at to. */
int guest_rename(struct guest *guest, const char *from, const char *to, struct err *err);
int guest_symlink(struct guest *guest, const char *path, const char *target, struct err *err);
/* A file or a link; 0 too when there is none. */
int guest_remove(struct guest *guest, const char *path, struct err *err);
int guest_mkdir(struct guest *guest, const char *path, struct err *err);
/*
 * Where the EFI system partition is: mounted now, when it was not yet, also when fstab does not
 * speak of it, and when it lies in an array (RAID 1 with its metadata at the end, of which a
 * firmware sees one half). It is the one that the recorded machine booted from, else the one of
 * that type. 1: *ret is malloc'd, the folder without a slash at its end ("" for the root); 0: there
 * is none. A guest without an appliance has it in the folder that fstab names, /boot/efi or /efi.
 * The same answer every time; the mount ends with the guest. Also for a guest that is not Linux.
 */
int guest_mount_esp(struct guest *guest, char **ret, struct err *err);
/*
 * Run a shell command in the guest's root with an end after an hour. Output (both streams) goes to
 * *ret_out when asked for; on failure the last lines of it are in err.
 */
int guest_run(struct guest *guest, const char *command, char **ret_out, struct err *err);
/* Put the scratch disk on /var/tmp, so that a rebuild does not fill the guest; and take it away. */
int guest_scratch_mount(struct guest *guest, struct err *err);
void guest_scratch_unmount(struct guest *guest);

#endif
