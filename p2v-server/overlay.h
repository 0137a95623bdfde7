/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The overlays that the guest is fixed in. The replica (DISK.qcow2) stays as it was copied and is
 * read-only; finish works in DISK-vm.qcow2.new over it, which gets its final name DISK-vm.qcow2
 * when every fix that matters was made. Running finish again starts from the replica again;
 * removing the overlays restores it. The backing file is named relatively, so a job folder can be
 * moved.
 */
#ifndef P2V_SERVER_OVERLAY_H
#define P2V_SERVER_OVERLAY_H

#include "p2v-server/job.h"

#define OVERLAY_SUFFIX "-vm"		/* DISK + this + ".qcow2" */

/*
 * Make fresh .new overlays for every image; paths[i] (malloc'd) is the file. sizes[i]: bytes of the
 * virtual disk, the image's or more; what is beyond the replica reads as zeroes.
 */
int overlay_create(const struct job *j, const uint64_t *sizes, char **paths, struct err *err);
/* Sync the .new overlays, give them their final names and enter them in the job. */
int overlay_commit(struct job *j, struct err *err);
/*
 * Has something been written to a final overlay since finish made it (a virtual machine ran on it),
 * or does qemu hold its locks (one runs on it, and has not written yet)?
 * 1 and the file's name in *ret_name (borrowed from the job), 0 no.
 */
int overlay_used(const struct job *j, const char **ret_name);
/* Remove .new overlays; with_final: the final ones as well, and forget them in the job. */
int overlay_remove(struct job *j, bool with_final, struct err *err);

#endif
