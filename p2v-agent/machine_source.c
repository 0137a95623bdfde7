/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/machine_source.h"

#include "common/fdio.h"
#include "common/sysroot.h"
#include "inventory/collect.h"
#include "inventory/plan/plan.h"
#include "inventory/systems/systems.h"
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

int machine_source_collect(const char *sysroot, bool systems, struct machine **ret,
			   struct err *err)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	CLEANUP(machine_free) struct machine *m = NULL;
	int r;

	r = sysroot_open(sysroot ? sysroot : "/", &root, err);
	if (r == 0)
		r = collect_machine(root, "p2v-agent " P2V_VERSION, &m, err);
	/* On a medium it is the installed systems that matter, never the medium's own. */
	if (r == 0 && (systems || systems_on_medium(m)))
		r = systems_collect(root, m, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

int machine_source_load(const char *sysroot, const char *file, struct machine **ret,
			struct err *err)
{
	if (sysroot && file)
		return err_set(err, EINVAL, "--sysroot and --machine exclude each other");
	return file ? load_file(file, ret, err) :
		      machine_source_collect(sysroot, false, ret, err);
}

int machine_source_image(const char *path, struct machine **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r;

	if (machine_new(&m) < 0)
		return err_nomem(err);
	r = systems_collect_image(path, m, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}
