/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Namespaces of persistent memory, by what libnvdimm tells in /sys/bus/nd. What claims a namespace
 * gives it its mode: pfn is "fsdax" (a disk that maps its pages), btt is "sector", dax is "devdax",
 * which is a device of characters and no disk at all; nobody: "raw". The words are those of ndctl.
 */
#include "inventory/collect.h"

#include <string.h>
#include "inventory/collect_util.h"

#define ND "/sys/bus/nd/devices"

static const struct {
	const char *holder, *mode, *folder;	/* where the device's name is, below the holder */
} modes[] = {
	{ "pfn", "fsdax", "block" }, { "btt", "sector", "block" }, { "dax", "devdax", "dax" },
};

/* The only thing in a folder; *ret is untouched when there is none. */
static int only_entry(const struct sysroot *root, char **ret, const char *of, const char *folder)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, ND "/%s/%s", of, folder);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return names[0] ? collect_util_text(names[0], strlen(names[0]), ret) : 0;
}

static int read_holder(const struct sysroot *root, struct machine_nvdimm *n, const char *holder)
{
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strncmp(holder, modes[i].holder, 3) != 0)
			continue;
		n->mode = strdup(modes[i].mode);
		return n->mode ? only_entry(root, &n->device, holder, modes[i].folder) : -ENOMEM;
	}
	return 0;
}

static int read_namespace(const struct sysroot *root, struct machine_nvdimm *n)
{
	CLEANUP(mem_free) char *holder = NULL;
	int r = collect_util_line(root, &n->uuid, ND "/%s/uuid", n->name);

	if (r == 0)
		r = collect_util_line(root, &n->label, ND "/%s/alt_name", n->name);
	if (r == 0)
		r = collect_util_line(root, &holder, ND "/%s/holder", n->name);
	if (r == 0 && holder)
		return read_holder(root, n, holder);
	if (r < 0)
		return r;
	n->mode = strdup("raw");
	return n->mode ? only_entry(root, &n->device, n->name, "block") : -ENOMEM;
}

int collect_nvdimm(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(root, &names, ND);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	for (char **p = names; *p; p++) {
		struct machine_nvdimm *n;
		uint64_t size = 0;

		if (strncmp(*p, "namespace", 9) != 0)
			continue;
		/* The kernel keeps one of no size as the seed of the next. */
		collect_util_u64(root, &size, ND "/%s/size", *p);
		if (size == 0)
			continue;
		if (m->nnvdimms == COLLECT_LIST_MAX) {
			if (collect_full(m, "namespaces of persistent memory") < 0)
				return err_nomem(err);
			break;
		}
		n = machine_grow(&m->nvdimms, &m->nnvdimms, sizeof(*n));
		if (!n)
			return err_nomem(err);
		n->size = size;
		if (collect_util_text(*p, strlen(*p), &n->name) < 0 || !n->name ||
		    read_namespace(root, n) < 0)
			return err_nomem(err);
	}
	return 0;
}
