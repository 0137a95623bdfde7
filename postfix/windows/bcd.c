/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/bcd.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "postfix/windows/windrive.h"

#define MANAGER	"{9dea862c-5cdd-4e70-acc1-f32b344d4795}"

#define TYPE_LOADER		0x10200003
#define LIBRARY_DEVICE		0x11000001
#define LIBRARY_PATH		0x12000002
#define LIBRARY_DESCRIPTION	0x12000004
#define LIBRARY_EMS		0x16000020
#define MANAGER_DEFAULT		0x23000003
#define LOADER_OSDEVICE		0x21000001
#define LOADER_SAFE_BOOT	0x25000080
#define LOADER_DETECT_HAL	0x26000010
#define LOADER_EMS		0x260000b0
#define LOADER_HYPERVISOR	0x250000f0

#define LOADERS_MAX	64

void bcd_device_parse(const void *data, size_t len, struct bcd_device *ret)
{
	const uint8_t *p = data;
	uint32_t type;

	*ret = (struct bcd_device){ .kind = BCD_DEVICE_OTHER };
	if (len < 32)
		return;
	type = get_le32(p + 16);
	if (type == 5)
		ret->kind = BCD_DEVICE_BOOT;
	if (type != 6 || len < 72)
		return;
	if (get_le32(p + 52) == 0) {
		windrive_guid(p + 32, ret->guid);
		ret->kind = BCD_DEVICE_GPT;
	} else if (get_le32(p + 52) == 1) {
		ret->start = get_le64(p + 32);
		ret->signature = get_le32(p + 56);
		ret->kind = BCD_DEVICE_MBR;
	}
}

/* The key of an element, in a buffer for the longest name of an object that is looked at. */
static const char *element(char buf[static 160], const char *id, uint32_t number)
{
	snprintf(buf, 160, "Objects\\%s\\Elements\\%08x", id, number);
	return buf;
}

static int get_device(struct hive *h, const char *id, uint32_t number, struct bcd_device *ret)
{
	CLEANUP(mem_free) void *data = NULL;
	enum hive_type type;
	char key[160];
	size_t len;
	int r = hive_get_raw(h, element(key, id, number), "Element", &type, &data, &len, NULL);

	if (r == -ENOMEM)
		return r;
	*ret = (struct bcd_device){ .kind = r == -ENOENT ? BCD_DEVICE_NONE : BCD_DEVICE_OTHER };
	if (r >= 0)
		bcd_device_parse(data, len, ret);
	return 0;
}

static int get_text(struct hive *h, const char *id, uint32_t number, char **ret)
{
	char key[160];
	int r = hive_get_string(h, element(key, id, number), "Element", ret, NULL);

	return r == -ENOMEM ? r : 0;
}

/* Integers have 8 bytes, booleans 1; missing or not sound: what the caller had. */
static int get_number(struct hive *h, const char *id, uint32_t number, int64_t *ret)
{
	CLEANUP(mem_free) void *data = NULL;
	enum hive_type type;
	char key[160];
	size_t len;
	int r = hive_get_raw(h, element(key, id, number), "Element", &type, &data, &len, NULL);

	if (r == -ENOMEM)
		return r;
	if (r >= 0 && type == HIVE_BINARY && len == 8)
		*ret = (int64_t)get_le64(data);
	else if (r >= 0 && type == HIVE_BINARY && len == 1)
		*ret = *(const uint8_t *)data;
	return 0;
}

static int get_bool(struct hive *h, const char *id, uint32_t number, bool *ret)
{
	int64_t value = 0;
	int r = get_number(h, id, number, &value);

	*ret = value != 0;
	return r;
}

static int read_loader(struct hive *h, const char *id, struct bcd_loader *l)
{
	int64_t safe = -1;

	l->id = strdup(id);
	l->hypervisor = -1;
	if (!l->id || get_text(h, id, LIBRARY_DESCRIPTION, &l->description) < 0 ||
	    get_text(h, id, LIBRARY_PATH, &l->path) < 0 ||
	    get_device(h, id, LIBRARY_DEVICE, &l->device) < 0 ||
	    get_device(h, id, LOADER_OSDEVICE, &l->osdevice) < 0 ||
	    get_bool(h, id, LOADER_EMS, &l->ems) < 0 ||
	    get_bool(h, id, LOADER_DETECT_HAL, &l->detect_hal) < 0 ||
	    get_number(h, id, LOADER_SAFE_BOOT, &safe) < 0 ||
	    get_number(h, id, LOADER_HYPERVISOR, &l->hypervisor) < 0)
		return -ENOMEM;
	l->safe_mode = safe >= 0;
	return 0;
}

int bcd_read(struct hive *h, struct bcd *ret, struct err *err)
{
	CLEANUP(machine_strv_done) struct machine_strv ids = { 0 };
	CLEANUP(bcd_done) struct bcd b = { 0 };
	CLEANUP(mem_free) char *first = NULL;
	int r = hive_subkeys(h, "Objects", &ids, err);

	if (r < 0)
		return r;
	if (get_device(h, MANAGER, LIBRARY_DEVICE, &b.manager) < 0 ||
	    get_bool(h, MANAGER, LIBRARY_EMS, &b.boot_ems) < 0 ||
	    get_text(h, MANAGER, MANAGER_DEFAULT, &first) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < ids.n && b.n < LOADERS_MAX; i++) {
		struct bcd_loader *l;
		char key[160];
		uint32_t type;

		if (strlen(ids.v[i]) > 64)
			continue;
		snprintf(key, sizeof(key), "Objects\\%s\\Description", ids.v[i]);
		if (hive_get_dword(h, key, "Type", &type, NULL) < 0 || type != TYPE_LOADER)
			continue;
		l = machine_grow(&b.loaders, &b.n, sizeof(*b.loaders));
		if (!l || read_loader(h, ids.v[i], l) < 0)
			return err_nomem(err);
		l->is_default = first && strcasecmp(first, l->id) == 0;
	}
	*ret = b;
	b = (struct bcd){ 0 };
	return 0;
}

void bcd_done(struct bcd *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->loaders[i].id);
		free(b->loaders[i].description);
		free(b->loaders[i].path);
	}
	free(b->loaders);
	*b = (struct bcd){ 0 };
}
