/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "windows-storage": the drivers for SATA and IDE that Windows brings along are loaded at boot,
 * so that the machine also starts where no virtio driver could be put in.
 *
 * Windows switches off what the old hardware did not need: by Start, and since Windows 8 also by a
 * key StartOverride below the service, which counts more. Windows XP and Server 2003 know only the
 * controller that they were installed on (Microsoft KB 314082 tells what to add).
 */
#include "postfix/windows/windows_drivers.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "postfix/windows/windows_install.h"

#define CLASS_HDC	"{4D36E96A-E325-11CE-BFC1-08002BE10318}"
#define CLASS_DISK	"{4D36E967-E325-11CE-BFC1-08002BE10318}"

static const char *const inbox[] = {
	"storahci", "msahci", "pciide", "intelide", "atapi", "viostor", "vioscsi",
};

/* Up to Windows 7: ids of what QEMU has, and what is generic. */
static const struct {
	const char *id, *service, *class;
} critical[] = {
	{ "PCI\\CC_0106", "msahci", CLASS_HDC },
	{ "PCI\\CC_0101", "pciide", CLASS_HDC },
	{ "PCI\\VEN_8086&DEV_7010", "intelide", CLASS_HDC },	/* i440fx */
	{ "PCI\\VEN_8086&DEV_7111", "intelide", CLASS_HDC },
	{ "PRIMARY_IDE_CHANNEL", "atapi", CLASS_HDC },
	{ "SECONDARY_IDE_CHANNEL", "atapi", CLASS_HDC },
	{ "GENDISK", "disk", CLASS_DISK },
};

bool windows_has_service(const struct fixer *f, const char *name)
{
	const struct windows *w = f->windows;
	CLEANUP(mem_free) char *key = text_format("%s\\Services\\%s", w->sets.v[0], name);

	return key && hive_has_key(w->system, key);
}

/* A driver's ImagePath as a path below the folder of Windows; "" when it is something else. */
static const char *below_root(const char *image)
{
	static const char *const starts[] = { "\\SystemRoot\\", "%SystemRoot%\\" };

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++)
		if (strncasecmp(image, starts[i], strlen(starts[i])) == 0)
			return image + strlen(starts[i]);
	return strncasecmp(image, "system32\\", 9) == 0 ? image : "";
}

static bool is_staged(const struct windows *w, const char *path)
{
	for (size_t i = 0; i < w->nfiles; i++)
		if (strcasecmp(w->files[i].path, path) == 0)
			return true;
	return false;
}

bool windows_service_works(const struct fixer *f, const char *name)
{
	struct windows *w = f->windows;
	CLEANUP(mem_free) char *key = text_format("%s\\Services\\%s", w->sets.v[0], name);
	CLEANUP(mem_free) char *image = NULL, *file = NULL, *path = NULL;
	const char *below = "";

	if (!key || !hive_has_key(w->system, key))
		return false;
	if (hive_get_string(w->system, key, "ImagePath", &image, NULL) >= 0)
		below = below_root(image);
	file = *below ? text_format("%s/%s", w->root, below)
		      : text_format("%s/drivers/%s.sys", w->system32, name);
	/* windows_path() asks for a fixer that may change: it only looks. */
	if (!file || windows_path((struct fixer *)(uintptr_t)f, file, &path, NULL) < 0)
		return false;
	return is_staged(w, path) || guest_is_file(w->guest, path);
}

/* All values below StartOverride: each is for a hardware profile, 0 in almost all cases. */
static int clear_override(struct fixer *f, const char *service, struct err *err)
{
	CLEANUP(mem_free) char *key = text_format("%s\\StartOverride", service);
	struct hive *h = f->windows->system;
	struct machine_strv names = { 0 };
	int r = key ? hive_values(h, key, &names, err) : err_nomem(err);

	for (size_t i = 0; i < names.n; i++) {
		if (r >= 0)
			r = hive_set_dword(h, key, names.v[i], 0, err);
		free(names.v[i]);
	}
	free(names.v);
	return r;
}

static int start_at_boot(struct fixer *f, const char *set, const char *name, struct err *err)
{
	CLEANUP(mem_free) char *key = text_format("%s\\Services\\%s", set, name);
	int r;

	if (!key)
		return err_nomem(err);
	if (!hive_has_key(f->windows->system, key))
		return 0;
	r = hive_set_dword(f->windows->system, key, "Start", 0, err);
	return r < 0 ? r : clear_override(f, key, err);
}

static int know_device(struct fixer *f, const char *set, size_t i, struct err *err)
{
	CLEANUP(mem_free) char *key = text_format("%s\\Control\\CriticalDeviceDatabase\\%s", set,
						  critical[i].id);
	char *slash = key ? strrchr(key, '\\') : NULL;

	if (!key)
		return err_nomem(err);
	if (strchr(critical[i].id, '\\'))
		*slash = '#';
	if (hive_has_key(f->windows->system, key))
		return 0;
	return windows_install_critical(f, set, critical[i].id, critical[i].service,
					critical[i].class, err);
}

int windows_storage_detect(struct fixer *f, struct err *err)
{
	struct windows *w = f->windows;
	bool old = !hive_has_key(w->system, "DriverDatabase");
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(inbox) && r >= 0; i++) {
		if (!windows_service_works(f, inbox[i])) {
			if (windows_has_service(f, inbox[i]))
				fixer_say(f, "%s has no file, it stays as it is", inbox[i]);
			continue;
		}
		any = true;
		for (size_t s = 0; s < w->sets.n && r >= 0; s++)
			r = start_at_boot(f, w->sets.v[s], inbox[i], err);
	}
	for (size_t i = 0; old && i < ARRAY_SIZE(critical) && r >= 0; i++)
		for (size_t s = 0; s < w->sets.n && r >= 0; s++)
			if (windows_service_works(f, critical[i].service))
				r = know_device(f, w->sets.v[s], i, err);
	if (r >= 0 && !any)
		r = fixer_warn(f, "Windows has no driver for any disk controller of a virtual "
				  "machine") < 0 ? err_nomem(err) : 0;
	return r < 0 ? r : windows_done(f);
}
