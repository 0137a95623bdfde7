/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An LVM2 PV. The parser is the one of the used-block map (disk/lvm/lvm_assemble.h), which
 * distrusts more than is needed here; of the tree only names and UUIDs are wanted.
 */
#include <stdlib.h>
#include <string.h>
#include "disk/lvm/lvm_label.h"
#include "disk/lvm/lvm_text.h"
#include "inventory/content/content.h"

static int read_pv(void *arg, void *buf, size_t len, uint64_t offset, struct err *err)
{
	return content_read(arg, offset, buf, len, err);
}

/* The metadata writes UUIDs with dashes, the header without. */
static bool same_uuid(const char *dashed, const char *plain)
{
	for (; *dashed; dashed++) {
		if (*dashed == '-')
			continue;
		if (*dashed != *plain)
			return false;
		plain++;
	}
	return *plain == '\0';
}

static int take_group(const struct lvm_node *root, const struct lvm_header *h,
		      struct machine_fs *fs, struct err *err)
{
	const struct lvm_node *vg = root->children, *pvs;
	const char *id;
	uint32_t n = 0;
	int r;

	while (vg && vg->kind != LVM_SECTION)
		vg = vg->next;
	if (!vg)
		return err_set(err, EBADMSG, "the LVM metadata describes no volume group");
	id = lvm_text_child_string(vg, "id");
	pvs = lvm_text_child(vg, "physical_volumes", LVM_SECTION);
	r = content_text(vg->name, strlen(vg->name), &fs->group, err);
	if (r == 0 && id)
		r = content_text(id, strlen(id), &fs->group_uuid, err);
	for (const struct lvm_node *p = pvs ? pvs->children : NULL; p && r == 0; p = p->next) {
		const char *uuid = p->kind == LVM_SECTION ? lvm_text_child_string(p, "id") : NULL;

		n += p->kind == LVM_SECTION;
		if (uuid && same_uuid(uuid, h->uuid))
			r = content_text(p->name, strlen(p->name), &fs->role, err);
	}
	if (r < 0)
		return r;
	fs->members = n;
	return fs->role ? 0 : err_set(err, EBADMSG, "volume group %s does not list the PV",
				      fs->group);
}

int content_lvm(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	CLEANUP(lvm_text_free) struct lvm_node *root = NULL;
	CLEANUP(mem_free) char *text = NULL, *why = NULL;
	struct content_source copy = *s;
	struct lvm_source source = {
		.read = read_pv, .arg = &copy, .length = s->size, .why = &why, .err = err
	};
	struct lvm_header h;
	size_t len = 0;
	int r = lvm_label_read(&source, &h);

	if (r > 0)
		r = lvm_area_read(&source, &h, &text, &len);
	if (r > 0)
		r = lvm_text_parse(&source, text, len, &root);
	if (r > 0)
		return take_group(root, &h, fs, err);
	return r < 0 ? r : err_set(err, EBADMSG, "%s", why);
}
