/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "kdump-image": the initramfs of the kernel that saves crash dumps is made for the hardware
 * it was made on, down to the one driver of the one disk. Its service makes a new one when there
 * is none, on the machine as it is then: so what has no virtio driver goes.
 */
#include "postfix/linux/linux_initramfs.h"

#include <fnmatch.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/linux_rows.h"

static int judge(struct fixer *f, const char *path, struct err *err)
{
	bool good = false;
	int r;

	if (!guest_is_file(f->guest, path))
		return 0;
	/* One that cannot be read is as good as none. */
	r = linux_ramdisk_drives_virtio(f, path, &good, NULL);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (good)
		return 0;
	fixer_say(f, "%s: for the old hardware; the crash dump service makes a new one", path);
	return guest_edit_remove(&f->edits, path, err);
}

int linux_kdump_image_detect(struct fixer *f, struct err *err)
{
	static const char *const places[][2] = {
		{ "/boot", "initr*kdump*" },
		{ "/var/lib/kdump", "initr*" },
	};
	size_t before = f->edits.n;

	/* What is built in needs nothing in an image. */
	if (!f->kernels.n || (f->kernel[0].has[DRIVER_VIRTIO_BLK] != KERNELS_MODULE &&
			      f->kernel[0].has[DRIVER_VIRTIO_SCSI] != KERNELS_MODULE))
		return 0;
	for (size_t k = 0; k < ARRAY_SIZE(places); k++) {
		CLEANUP(guest_strings_free) char **names = guest_list(f->guest, places[k][0], NULL);

		for (size_t i = 0; names && names[i]; i++) {
			CLEANUP(mem_free) char *path = text_format("%s/%s", places[k][0], names[i]);
			int r;

			if (!path)
				return err_nomem(err);
			if (fnmatch(places[k][1], names[i], 0) != 0)
				continue;
			r = judge(f, path, err);
			if (r < 0)
				return r;
		}
	}
	return f->edits.n > before;
}
