/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An initramfs of a hostile guest, or a unified kernel image: postfix/linux/ramdisk.h. Besides not
 * crashing: an error says what is wrong, the entries are sorted, and what could be read can be
 * planned for.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/pe.h"
#include "postfix/linux/ramdisk.h"
#include "postfix/linux/ramdisk_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void plan(const struct ramdisk *image)
{
	static const char *const modules[] = { "virtio_blk" };
	static char bin[] = "modules.dep.bin";
	static char *indexes[] = { bin, NULL };
	CLEANUP(ramdisk_plan_done) struct ramdisk_plan p = { 0 };
	struct ramdisk_plan_input in = {
		.image = image, .version = "6.1", .dep = "k/virtio_blk.ko: k/virtio.ko\n",
		.indexes = indexes, .modules = modules, .nmodules = 1,
	};
	struct err err = ERR_INIT;

	must(ramdisk_plan_make(&in, &p, &err) == 0 || err.text[0]);
	for (size_t i = 0; i < p.n; i++)
		must(p.v[i].to[0] != '/' && !strstr(p.v[i].to, "../"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	struct err err = ERR_INIT;
	size_t at = 0, n = size;

	if (pe_section(data, size, ".initrd", &at, &n, NULL) == 0)
		must(at <= size && n <= size - at);
	if (ramdisk_read(data + at, n, ramdisk_plan_keep, &r, &err) < 0) {
		must(err.code && err.text[0]);
		return 0;
	}
	for (size_t i = 1; i < r.n; i++)
		must(strcmp(r.v[i - 1].name, r.v[i].name) <= 0);
	must(r.n <= RAMDISK_ENTRIES_MAX && r.archives > 0);
	plan(&r);
	return 0;
}
