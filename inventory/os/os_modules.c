/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which virtio drivers a kernel has: as modules (modules.dep, whatever they are packed with), or
 * built in (modules.builtin; kernels before 2.6.33 have none, their configuration must do).
 */
#include "inventory/os/os.h"

#include <errno.h>
#include <string.h>
#include "common/kernelname.h"
#include "inventory/block/blk_text.h"

/* Lines of "path/virtio-net.ko.xz", in modules.dep with ": what it needs" behind. */
static bool listed(const char *text, const char *name)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n"), path = strcspn(text, ":\n");

		if (kernelname_is_module(text, path, name))
			return true;
		text += len + (text[len] == '\n');
	}
	return false;
}

static bool configured(const char *text, const char *option)
{
	size_t n = strlen(option);

	while (text && *text) {
		size_t len = strcspn(text, "\n");

		if (len == n && memcmp(text, option, n) == 0)
			return true;
		text += len + (text[len] == '\n');
	}
	return false;
}

int os_modules_collect(struct os_look *o, const char *version, struct machine_kernel *k)
{
	static const struct {
		const char *name, *option;
	} drivers[] = {
		{ "virtio_pci", "CONFIG_VIRTIO_PCI=y" },
		{ "virtio_blk", "CONFIG_VIRTIO_BLK=y" },
		{ "virtio_scsi", "CONFIG_SCSI_VIRTIO=y" },
		{ "virtio_net", "CONFIG_VIRTIO_NET=y" },
	};
	CLEANUP(mem_free) char *dep = NULL, *builtin = NULL, *config = NULL;
	int r = os_read(o, &dep, "/lib/modules/%s/modules.dep", version);

	if (r == 0 && !dep)
		r = os_read(o, &dep, "/usr/lib/modules/%s/modules.dep", version);
	if (r == 0)
		r = os_read(o, &builtin, "/lib/modules/%s/modules.builtin", version);
	if (r == 0 && !builtin)
		r = os_read(o, &builtin, "/usr/lib/modules/%s/modules.builtin", version);
	if (r == 0 && !builtin)
		r = os_read(o, &config, "/boot/config-%s", version);
	if (r < 0)
		return r;
	k->modules = k->modules || dep;
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if ((listed(dep, drivers[i].name) || listed(builtin, drivers[i].name) ||
		     configured(config, drivers[i].option)) &&
		    blk_text_add_once(&k->virtio, drivers[i].name) < 0)
			return -ENOMEM;
	return 0;
}
