/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making and freeing; what goes into a vmspec is chosen part by part: see vmspec_builder.h. */
#include "convert/vmspec.h"

#include <stdlib.h>
#include "common/compiler.h"
#include "convert/vmspec_builder.h"

void guestcaps_default(struct guestcaps *c)
{
	*c = (struct guestcaps){
		.block = VM_BLOCK_IDE,
		.net = VM_NET_E1000,
		.major = -1,
		.minor = -1,
	};
}

int vmspec_build(const struct machine *m, const struct guestcaps *caps,
		 const struct vmspec_image *images, size_t nimages,
		 const struct vmspec_options *opt, struct vmspec **ret,
		 struct machine_strv *warnings, struct err *err)
{
	CLEANUP(vmspec_free) struct vmspec *s = NULL;
	struct vmspec_builder b = {
	    .m = m,
	    .caps = caps,
	    .images = images,
	    .nimages = nimages,
	    .opt = opt,
	    .warnings = warnings,
	};
	int r;

	if (nimages == 0)
		return err_set(err, EINVAL, "no disk image given for the domain");
	if (opt->nvram_path && opt->nvram_path[0] != '/')
		return err_set(err, EINVAL,
			       "the path given for the firmware's variables is not absolute");
	s = b.s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->caps = *caps;
	r = vmspec_identity_fill(&b, err);
	if (r == 0)
		r = vmspec_hardware_fill(&b, err);
	if (r == 0)
		r = vmspec_disks_fill(&b, err);
	if (r == 0)
		r = vmspec_nics_fill(&b, err);
	if (r < 0)
		return r;
	vmspec_hardware_extras(&b);
	if (b.nomem)
		return err_nomem(err);
	*ret = TAKE_PTR(s);
	return 0;
}

static void smbios_done(struct machine_smbios *s)
{
	char *all[] = {
		s->uuid, s->sys_vendor, s->product_name, s->product_version, s->product_serial,
		s->product_sku, s->product_family, s->board_vendor, s->board_name, s->board_version,
		s->board_serial, s->board_asset_tag, s->chassis_vendor, s->chassis_type,
		s->chassis_version, s->chassis_serial, s->chassis_asset_tag, s->bios_vendor,
		s->bios_version, s->bios_date,
	};

	_Static_assert(sizeof(all) == offsetof(struct machine_smbios, oem_strings),
		       "a member is missing above");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
}

void vmspec_free(struct vmspec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->ndisks; i++) {
		struct vmspec_disk *d = &s->disks[i];

		free(d->name);
		free(d->path);
		free(d->format);
		free(d->dev);
		free(d->serial);
		free(d->wwn);
		free(d->vendor);
		free(d->product);
	}
	free(s->disks);
	for (size_t i = 0; i < s->nnics; i++) {
		free(s->nics[i].name);
		free(s->nics[i].mac);
		free(s->nics[i].target);
	}
	free(s->nics);
	smbios_done(&s->smbios);
	free(s->name);
	free(s->uuid);
	free(s->description);
	free(s->osinfo);
	free(s->arch);
	free(s->nvram_path);
	free(s->tpm_version);
	free(s);
}
