/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/machine_source.h"

#include "common/fdio.h"
#include "common/sysroot.h"
#include "inventory/collect.h"
#include "inventory/plan.h"
#include "wire/proto.h"

static int load_file(const char *path, struct machine **ret, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;
	int r;

	r = fdio_read_file(path, PROTO_MACHINE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	r = plan_parse(text, len, ret, err);
	if (r < 0)
		err_prefix(err, "%s", path);
	return r;
}

int machine_source_load(const char *sysroot, const char *file, struct machine **ret,
			struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	int r;

	if (sysroot && file)
		return err_set(err, EINVAL, "--sysroot and --machine exclude each other");
	if (file)
		return load_file(file, ret, err);
	r = sysroot_open(sysroot ? sysroot : "/", &root, err);
	if (r < 0)
		return r;
	return collect_machine(root, "p2v-agent " P2V_VERSION, ret, err);
}
