/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How systems.c finds them; see systems.h. Internal to systems*.c and its test. */
#ifndef P2V_INVENTORY_SYSTEMS_LOOK_H
#define P2V_INVENTORY_SYSTEMS_LOOK_H

#include "common/err.h"
#include "common/cleanup.h"
#include "inventory/machine.h"

/* -- devices: what may hold a system, or a part of one -- */

struct systems_device {			/* borrows from the machine */
	const char *name, *path;	/* "sda2", "/dev/sda2" */
	const struct machine_fs *fs;
	const char *part_uuid, *part_label;
	const struct machine_strv *aliases;
	uint64_t offset, size;		/* of the image; 0, 0: the whole device */
	bool in_use;			/* never to be mounted here */
	bool again;			/* has the UUID of one in front of it */
	int loop_fd;			/* in the child: its loop device, -1 none yet */
	char loop[24];			/* "/dev/loop7" */
};

struct systems_set {
	struct systems_device *v;
	size_t n;
	int image;			/* all of them are parts of this file; -1: devices */
};

/* Every filesystem of the machine, volumes first. -ENOMEM. */
int systems_set_make(const struct machine *m, struct systems_set *ret);
void systems_set_done(struct systems_set *s);
DEFINE_CLEANUP_VALUE(struct systems_set, systems_set_done)
/* By an fstab's first field: "UUID=...", "/dev/mapper/vg-root"; NULL: none that can be used. */
struct systems_device *systems_set_find(struct systems_set *s, const char *spec);

/* -- the child -- */

/*
 * Run fn in a child that dies with us, and read the text that it hands back (malloc'd, in fn's
 * *ret). -ETIMEDOUT when it took longer than limit_s and was killed, -EIO when it ended without a
 * text, -EFBIG past MACHINE_JSON_TEXT_MAX.
 */
int systems_child_run(int (*fn)(void *opaque, char **ret), void *opaque, unsigned int limit_s,
		      char **ret, struct err *err);

/* In the child: a mount namespace of its own, and an empty folder in memory: *ret is constant. */
int systems_mount_begin(const char **ret, struct err *err);
/*
 * Mount what is on the device at the folder that target_fd is (O_PATH). options: of the subvolume,
 * "" or NULL none. -ENODEV: the kernel has no driver.
 */
int systems_mount(struct systems_set *s, struct systems_device *d, int target_fd,
		  const char *options, struct err *err);

/*
 * In the child: mount the device and add the systems on it to m. -errno when it cannot be looked
 * into.
 */
int systems_look(struct systems_set *s, struct systems_device *d, struct machine *m,
		 struct err *err);

/* -- fstab(5) -- */

struct systems_fstab_entry {
	char *spec, *dir, *type, *options;
};
struct systems_fstab {
	struct systems_fstab_entry *v;
	size_t n;
};
/* text may be NULL. -ENOMEM. */
int systems_fstab_parse(const char *text, struct systems_fstab *ret);
void systems_fstab_done(struct systems_fstab *f);
DEFINE_CLEANUP_VALUE(struct systems_fstab, systems_fstab_done)
/* The last entry for dir; NULL. */
const struct systems_fstab_entry *systems_fstab_find(const struct systems_fstab *f,
						     const char *dir);

#endif
