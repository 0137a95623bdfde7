/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A driver of disks is found at boot in two steps: the boot loader loads every service of type 0
 * (boot), and Plug and Play, which has no INF files at hand yet, looks the device's ids up in
 *
 *	up to 7, 2008 R2	ControlSetNNN\Control\CriticalDeviceDatabase\PCI#VEN_1AF4&DEV_1001
 *	from 8, 2012 on		DriverDatabase\DeviceIds\PCI\VEN_1AF4&DEV_1001 -> an INF's name
 *				  -> DriverDatabase\DriverInfFiles\NAME -> its package
 *				  -> DriverDatabase\DriverPackages\PACKAGE\Descriptors\PCI\...
 *				  -> ...\Configurations\CONFIGURATION: the service
 *
 * The package is one of our own making, of no date and version: what the first boot installs
 * properly is newer, and takes its place. Its name is of the form that Windows expects of a folder
 * in its driver store.
 */
#include "postfix/windows/windows_install.h"

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"

#define SCSI_ADAPTER	"{4D36E97B-E325-11CE-BFC1-08002BE10318}"
#define DATABASE	"DriverDatabase"
#define MATCH_BEST	"\x01\xff\x00\x00"	/* as for an id named by an INF */

/* ---- the service ---- */

static int set_reg(struct hive *h, const char *service, const struct inf_reg *x, struct err *err)
{
	CLEANUP(mem_free) char *key = text_format("%s%s%s", service, *x->subkey ? "\\" : "",
						  x->subkey);
	const char *first = x->values.n ? x->values.v[0] : "";
	uint8_t bytes[256];
	size_t n = 0;

	if (!key)
		return err_nomem(err);
	switch (x->type) {
	case INF_REG_DWORD:
		return hive_set_dword(h, key, x->name, x->dword, err);
	case INF_REG_SZ:
		return hive_set_string(h, key, x->name, HIVE_SZ, first, err);
	case INF_REG_EXPAND_SZ:
		return hive_set_string(h, key, x->name, HIVE_EXPAND_SZ, first, err);
	case INF_REG_MULTI_SZ:
		return hive_set_strings(h, key, x->name, (const char *const *)x->values.v,
					x->values.n, err);
	case INF_REG_BINARY:
		for (; n < x->values.n && n < sizeof(bytes); n++)
			bytes[n] = (uint8_t)strtoul(x->values.v[n], NULL, 16);
		return hive_set_raw(h, key, x->name, HIVE_BINARY, bytes, n, err);
	}
	return 0;
}

static int set_service(struct fixer *f, const char *set, const struct inf_service *s,
		       const char *image, struct err *err)
{
	struct hive *h = f->windows->system;
	CLEANUP(mem_free) char *key = text_format("%s\\Services\\%s", set, s->name);
	const char *group = *s->group ? s->group : "SCSI miniport";
	int r;

	if (!key)
		return err_nomem(err);
	r = hive_set_dword(h, key, "Type", s->type ? s->type : 1, err);
	if (r >= 0)
		r = hive_set_dword(h, key, "Start", 0, err);
	if (r >= 0)
		r = hive_set_dword(h, key, "ErrorControl", s->error_control, err);
	if (r >= 0)
		r = hive_set_string(h, key, "Group", HIVE_SZ, group, err);
	if (r >= 0 && image)
		r = hive_set_string(h, key, "ImagePath", HIVE_EXPAND_SZ, image, err);
	for (size_t i = 0; i < s->nregs && r >= 0; i++)
		r = set_reg(h, key, &s->regs[i], err);
	return r;
}

/* ---- the device ids ---- */

int windows_install_critical(struct fixer *f, const char *set, const char *id, const char *service,
			     const char *class_guid, struct err *err)
{
	CLEANUP(mem_free) char *key = text_format("%s\\Control\\CriticalDeviceDatabase\\%s", set,
						  id);
	char *slash = key ? strrchr(key, '\\') : NULL;
	struct hive *h = f->windows->system;
	int r;

	if (!key)
		return err_nomem(err);
	/* The bus and the device are one name here. */
	if (strchr(id, '\\'))
		*slash = '#';
	r = hive_set_string(h, key, "Service", HIVE_SZ, service, err);
	return r < 0 ? r : hive_set_string(h, key, "ClassGUID", HIVE_SZ, class_guid, err);
}

/* "{4D36E97B-E325-11CE-BFC1-08002BE10318}" as 16 bytes. */
static void guid_bytes(const char *s, uint8_t ret[16])
{
	unsigned int a, b, c, d[8];

	if (sscanf(s, "{%8x-%4x-%4x-%2x%2x-%2x%2x%2x%2x%2x%2x}", &a, &b, &c, &d[0], &d[1], &d[2],
		   &d[3], &d[4], &d[5], &d[6], &d[7]) != 11) {
		guid_bytes(SCSI_ADAPTER, ret);
		return;
	}
	put_le32(ret, a);
	put_le16(ret + 4, (uint16_t)b);
	put_le16(ret + 6, (uint16_t)c);
	for (size_t i = 0; i < 8; i++)
		ret[8 + i] = (uint8_t)d[i];
}

struct package {			/* of DriverDatabase */
	char *inf;			/* "p2vviostor.inf" */
	char *key;			/* DriverDatabase\DriverPackages\p2v... */
	const char *label;		/* the last part of key */
};

static int add_device(struct hive *h, const struct package *p, const char *id, const char *install,
		      const char *service, struct err *err)
{
	CLEANUP(mem_free) char *ids = text_format(DATABASE "\\DeviceIds\\%s", id);
	CLEANUP(mem_free) char *of = text_format("%s\\Descriptors\\%s", p->key, id);
	CLEANUP(mem_free) char *conf = text_format("%s\\Configurations\\%s", p->key, install);
	int r;

	if (!ids || !of || !conf)
		return err_nomem(err);
	r = hive_set_raw(h, ids, p->inf, HIVE_BINARY, MATCH_BEST, 4, err);
	if (r >= 0)
		r = hive_set_string(h, of, "Configuration", HIVE_SZ, install, err);
	if (r >= 0)
		r = hive_set_dword(h, conf, "ConfigFlags", 0, err);
	return r < 0 ? r : hive_set_string(h, conf, "Service", HIVE_SZ, service, err);
}

static int add_package(struct fixer *f, const struct inf_driver *d, const struct package *p,
		       struct err *err)
{
	CLEANUP(mem_free) char *key = text_format(DATABASE "\\DriverInfFiles\\%s", p->inf);
	struct hive *h = f->windows->system;
	struct machine_strv installs = { 0 };
	/* What there is in the head of a package: class, date, version; the last two are 0. */
	uint8_t version[48] = { 0x00, 0xff, 0x09 };
	int r = 0;

	if (!key)
		return err_nomem(err);
	guid_bytes(d->class_guid, version + 8);
	for (size_t i = 0; i < d->ndevices; i++)
		if (d->devices[i].service != SIZE_MAX &&
		    !machine_strv_has(&installs, d->devices[i].install) &&
		    machine_strv_add(&installs, d->devices[i].install) < 0)
			r = err_nomem(err);
	if (r >= 0)
		r = hive_set_strings(h, key, "", &p->label, 1, err);
	if (r >= 0)
		r = hive_set_string(h, key, "Active", HIVE_SZ, p->label, err);
	if (r >= 0)
		r = hive_set_strings(h, key, "Configurations", (const char *const *)installs.v,
				     installs.n, err);
	machine_strv_done(&installs);
	return r < 0 ? r : hive_set_raw(h, p->key, "Version", HIVE_BINARY, version,
					sizeof(version), err);
}

/* "PCI\\VEN_1AF4&DEV_1001" of a longer id; NULL when it has no more. malloc'd. */
static char *short_id(const char *id)
{
	const char *p = strstr(id, "&DEV_");

	p = p ? strchr(p + 5, '&') : NULL;
	return p ? strndup(id, (size_t)(p - id)) : NULL;
}

static int each_id(struct fixer *f, const struct inf_driver *d, const struct inf_device *x,
		   const struct package *p, struct err *err)
{
	struct windows *w = f->windows;
	const char *service = d->services[x->service].name;
	CLEANUP(mem_free) char *less = short_id(x->id);
	const char *const ids[] = { x->id, less };
	int r = 0;

	/* A device is known by several ids: that without the board's is among them, too. */
	for (size_t i = 0; i < 2 && r >= 0; i++) {
		if (!ids[i])
			continue;
		if (p)
			r = add_device(w->system, p, ids[i], x->install, service, err);
		for (size_t s = 0; !p && s < w->sets.n && r >= 0; s++)
			r = windows_install_critical(f, w->sets.v[s], ids[i], service,
						     *d->class_guid ? d->class_guid : SCSI_ADAPTER,
						     err);
	}
	return r;
}

static int register_devices(struct fixer *f, const struct inf_driver *d, const char *stem,
			    struct err *err)
{
	CLEANUP(mem_free) char *inf = text_format("p2v%s.inf", stem);
	CLEANUP(mem_free) char *key = NULL;
	struct package p = { .inf = inf };
	bool database = hive_has_key(f->windows->system, DATABASE);
	int r = 0;

	key = text_format(DATABASE "\\DriverPackages\\p2v%s.inf_%s_0000000000000000", stem,
			  windows_arch_name(f->windows->arch));
	if (!inf || !key)
		return err_nomem(err);
	p.key = key;
	p.label = strrchr(key, '\\') + 1;
	if (database)
		r = add_package(f, d, &p, err);
	for (size_t i = 0; i < d->ndevices && r >= 0; i++)
		if (d->devices[i].service != SIZE_MAX)
			r = each_id(f, d, &d->devices[i], database ? &p : NULL, err);
	return r;
}

/* ---- files ---- */

/* The driver where the boot loader looks for it. */
static int put_binary(struct fixer *f, const struct virtio_win *v, size_t at,
		      const struct inf_service *s, struct err *err)
{
	CLEANUP(mem_free) char *name = text_format("%s/drivers/%s", f->windows->system32,
						   s->binary);
	CLEANUP(mem_free) char *path = NULL;
	const void *data;
	size_t len;
	int r = name ? windows_path(f, name, &path, err) : err_nomem(err);

	if (r < 0)
		return r;
	data = virtio_win_data(v, at, &len);
	if (!data)
		return err_set(err, EIO, "%s: a file is gone", v->path);
	return windows_put(f->windows, path, data, len, err);
}

int windows_install_storage(struct fixer *f, const struct virtio_win *v, size_t file,
			    const struct inf_driver *d, struct err *err)
{
	char stem[64] = "";
	int r = 0;

	for (size_t i = 0; i < d->nservices; i++) {
		const struct inf_service *s = &d->services[i];
		size_t at = virtio_win_beside(v, file, s->binary);
		CLEANUP(mem_free) char *image = text_format("system32\\drivers\\%s", s->binary);

		if (!image)
			return err_nomem(err);
		if (at == SIZE_MAX) {
			fixer_say(f, "%s: its file %s is missing, it is not used", s->name,
				  s->binary);
			return 0;
		}
		r = put_binary(f, v, at, s, err);
		for (size_t k = 0; k < f->windows->sets.n && r >= 0; k++)
			r = set_service(f, f->windows->sets.v[k], s, image, err);
		if (r < 0)
			return r;
		snprintf(stem, sizeof(stem), "%.60s", s->name);
	}
	if (!*stem) {
		fixer_say(f, "%s names no service, it is not used", v->files[file].path);
		return 0;
	}
	r = register_devices(f, d, stem, err);
	return r < 0 ? r : 1;
}

int windows_install_search(struct fixer *f, const char *name, struct err *err)
{
	static const char key[] = "Microsoft\\Windows\\CurrentVersion";
	CLEANUP(mem_free) char *have = NULL, *want = NULL;
	CLEANUP(mem_free) char *add = text_format("%%SystemRoot%%\\p2v\\drivers\\%s", name);
	struct hive *h = f->windows->software;
	int r = hive_get_string(h, key, "DevicePath", &have, NULL);

	if (r < 0 && r != -ENOENT)
		return r == -ENOMEM ? err_nomem(err) : 0;
	if (have && add && strcasestr(have, add))
		return 0;
	want = text_format("%s;%s", have && *have ? have : "%SystemRoot%\\inf", add ? add : "");
	if (!want || !add)
		return err_nomem(err);
	return hive_set_string(h, key, "DevicePath", HIVE_EXPAND_SZ, want, err);
}
