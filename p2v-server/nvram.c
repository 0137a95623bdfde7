/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/nvram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/fdio.h"
#include "common/log.h"
#include "convert/ovmf_boot.h"
#include "convert/ovmf_vars.h"

/* Of the same size as the program that libvirt chooses on that distribution. */
static const char *const plain[] = {
	"/usr/share/OVMF/OVMF_VARS_4M.fd",
	"/usr/share/edk2/ovmf/OVMF_VARS.fd",
	"/usr/share/edk2/x64/OVMF_VARS.4m.fd",
	"/usr/share/OVMF/OVMF_VARS.fd",
};
static const char *const with_keys[] = {
	"/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
	"/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd",
	"/usr/share/OVMF/OVMF_VARS.ms.fd",
};

const char *nvram_template(bool secure_boot)
{
	const char *const *list = secure_boot ? with_keys : plain;
	size_t n = secure_boot ? ARRAY_SIZE(with_keys) : ARRAY_SIZE(plain);

	for (size_t i = 0; i < n; i++)
		if (access(list[i], R_OK) == 0)
			return list[i];
	return NULL;
}

/* Real firmware has an entry for each network card: one warning for them all. */
static int take_notes(struct job *j, struct machine_strv *notes)
{
	int r = 0;

	for (size_t i = 0; i < notes->n; i++)
		job_log(j, "%s", notes->v[i]);
	if (notes->n == 1)
		r = job_warn(j, "%s", notes->v[0]);
	else if (notes->n)
		r = job_warn(j, "%zu boot entries of the firmware have no device in the virtual "
				"machine and were left out; the first: %s",
			     notes->n, notes->v[0]);
	for (size_t i = 0; i < notes->n; i++)
		free(notes->v[i]);
	free(notes->v);
	return r;
}

static int add_entries(struct job *j, const struct machine *m, struct ovmf_vars *vars,
		       struct err *err)
{
	CLEANUP(mem_free) const char **disks = calloc(j->nimages + 1, sizeof(*disks));
	struct machine_strv notes = { 0 };
	int r, n;

	if (!disks)
		return err_nomem(err);
	for (size_t i = 0; i < j->nimages; i++)
		disks[i] = j->images[i].disk;
	n = ovmf_boot_write(vars, m, disks, &notes, err);
	r = take_notes(j, &notes);
	if (n < 0)
		return n;
	if (r >= 0 && m->firmware.mok_keys)
		r = job_warn(j,
			     "keys that were enrolled in shim (%u) are not in the virtual machine: "
			     "enrol them again with mokutil",
			     m->firmware.mok_keys);
	log_info("firmware: %d boot entries taken along", n);
	return r < 0 ? err_nomem(err) : 0;
}

int nvram_write(struct job *j, const struct machine *m, bool secure_boot, bool fresh,
		struct err *err)
{
	const char *path = nvram_template(secure_boot);
	CLEANUP(ovmf_vars_free) struct ovmf_vars *vars = NULL;
	CLEANUP(mem_free) char *data = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	size_t n = 0;
	int r;

	/* One that an earlier run left would be taken for this one's. */
	if (unlinkat(j->dirfd, j->nvram, 0) < 0 && errno != ENOENT)
		return err_errno(err, "cannot remove %s", j->nvram);
	if (!path) {
		r = job_warn(j, "no template of the firmware's variables on this host: the virtual "
				"machine starts without the boot entries of the source");
		return r < 0 ? err_nomem(err) : 0;
	}
	r = fdio_read_file(path, OVMF_VARS_MAX_FILE, &data, &n, err);
	if (r >= 0)
		r = ovmf_vars_parse(data, n, &vars, err);
	if (r < 0) {
		err_prefix(err, "%s", path);
		return r;
	}
	if (!fresh)
		r = add_entries(j, m, vars, err);
	if (r >= 0)
		r = ovmf_vars_build(vars, &out, &n, err);
	if (r >= 0)
		r = fdio_replace_file_at(j->dirfd, j->nvram, out, n, 0600, err);
	return r;
}
