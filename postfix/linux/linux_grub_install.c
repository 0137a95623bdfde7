/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "grub-install": where the next update of the boot loader's package installs it. It runs when
 * the bus is known, because a disk's name depends on that.
 */
#include "postfix/linux/linux_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/etctext.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/linux_rootname.h"

/*
 * "a, b" as debconf keeps it, or a line for each: the disks that came along by their new names, in
 * their order, each once. When none did, the one that boots.
 */
static int new_disks(struct fixer *f, const char *old, const char *between, char **ret)
{
	CLEANUP(mem_free) char *copy = strdup(old);
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	char *save = NULL, buf[96];

	if (!copy)
		return -ENOMEM;
	for (char *s = strtok_r(copy, ", \t\n", &save); s; s = strtok_r(NULL, ", \t\n", &save)) {
		CLEANUP(mem_free) char *to = NULL;

		if (linux_rootname_old_disk(f, s, &to) < 0)
			return -ENOMEM;
		if (!to || (out.len && strstr(out.s, to)))
			continue;
		strbuf_add(&out, out.len ? between : "");
		strbuf_add(&out, to);
	}
	if (!out.len) {
		const char *disk = linux_rootname_boot_disk(f);

		if (!disk || linux_rootname_disk(f, disk, buf, sizeof(buf)) < 0)
			return 0;
		strbuf_add(&out, buf);
	}
	*ret = strbuf_take(&out);
	return *ret ? 1 : -ENOMEM;
}

static int install_devices(struct fixer *f, const char *path, const char *text, char **ret)
{
	static const char question[] = "grub-pc/install_devices";
	CLEANUP(mem_free) char *value = NULL, *to = NULL;
	int r = etctext_debconf_get(text, question, &value);

	(void)path;
	/* Empty: the administrator never let the package install anything. */
	if (r < 0 || !value || !*value)
		return r < 0 ? r : 0;
	r = new_disks(f, value, ", ", &to);
	if (r <= 0 || strcmp(value, to) == 0)
		return r < 0 ? r : 0;
	fixer_say(f, "grub-pc was installed to %s, and will be to %s", value, to);
	return etctext_debconf_set(text, question, to, ret);
}

/* SUSE's /etc/default/grub_installdevice: a device or a word ("activate") on each line. */
static int suse_device(struct fixer *f, const char *path, const char *text, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *pos = text;
	bool changed = false;
	struct line l;
	char *s;

	while (lines_next(&pos, &l)) {
		const char *p = l.s;
		CLEANUP(mem_free) char *name = NULL, *to = NULL;
		struct span w;
		int r;

		if (!lines_word(&p, l.s + l.len, &w) || !lines_span_starts(w, "/dev/")) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		name = lines_span_dup(w);
		if (!name)
			return -ENOMEM;
		/* A partition by what is on it, a disk by its number. */
		r = devmap_translate(&f->guest->map, name, DEVMAP_PATH, &to, NULL);
		if (r < 0)
			return r;
		if (r == DEVMAP_UNKNOWN || (r == DEVMAP_MAPPED && strstr(to, "by-partuuid"))) {
			free(to);
			to = NULL;
			r = new_disks(f, name, "\n", &to);
			if (r < 0)
				return r;
		}
		if (!to || strcmp(to, name) == 0) {
			strbuf_addn(&out, l.s, l.full);
			continue;
		}
		fixer_say(f, "%s: %s is %s now", path, name, to);
		strbuf_addf(&out, "%s\n", to);
		changed = true;
	}
	if (!changed)
		return 0;
	s = strbuf_take(&out);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 1;
}

/* GRUB 1's tools ask the map what (hd0) is. */
static int device_map(struct fixer *f, const char *path, const char *text, char **ret)
{
	const char *disk = linux_rootname_boot_disk(f);
	CLEANUP(mem_free) char *to = NULL;
	char buf[96];

	(void)path;
	if (!disk || linux_rootname_disk(f, disk, buf, sizeof(buf)) < 0)
		return 0;
	to = text_format("(hd0)\t%s\n", buf);
	if (!to)
		return -ENOMEM;
	if (strcmp(text, to) == 0)
		return 0;
	*ret = TAKE_PTR(to);
	return 1;
}

int linux_grub_install_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite(f, "/var/cache/debconf/config.dat", install_devices, err);

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/default/grub_installdevice", suse_device, err);
	if (r >= 0 && linux_rootname_is_grub1(f))
		r = fixer_rewrite(f, "/boot/grub/device.map", device_map, err);
	return r < 0 ? r : 0;
}
