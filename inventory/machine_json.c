/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table per struct of machine.h drives both directions, so they cannot drift apart: a field
 * that is written is read back, with the same name, type and checks.
 *
 * Errors find their path on the way up: the getter names the member ("start ..."), every level
 * above puts its own element in front.
 */
#include "inventory/machine_json.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/jsonx.h"
#include "common/text.h"

enum kind {
	STR,			/* char * */
	STRV,			/* struct machine_strv */
	BOOL,
	U16,			/* uint16_t, always written */
	U32,
	U64,
	I32,
	I64,
	FIRMWARE,		/* enum machine_firmware_type */
	OBJECT,			/* a struct held by value */
	LIST,			/* pointer to structs, and a count */
	U16LIST,		/* pointer to uint16_t, and a count */
};

enum rule {
	ANY,
	NEEDED = 1,		/* must be there */
	DEVICE = 2,		/* text that can stand below /dev */
	NIC = 4,		/* the same for /sys/class/net: one component */
	MAC = 8,
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
	size_t offset_n;	/* LIST, U16LIST: of the count */
	size_t size;		/* LIST: of one element */
	const struct field *sub;/* OBJECT, LIST; ends with a field without a name */
	int64_t unknown;	/* numbers: the value that is left out */
	unsigned int rules;
	int (*check)(const void *element, struct err *err);	/* OBJECT, LIST: after decoding */
};

#define F(st, member, k) \
	{ .name = #member, .kind = (k), .offset = offsetof(struct st, member) }
#define F_RULES(st, member, k, r) \
	{ .name = #member, .kind = (k), .offset = offsetof(struct st, member), .rules = (r) }
#define F_UNKNOWN(st, member, k, u) \
	{ .name = #member, .kind = (k), .offset = offsetof(struct st, member), .unknown = (u) }
#define F_OBJECT(st, member, table) \
	{ .name = #member, .kind = OBJECT, .offset = offsetof(struct st, member), .sub = (table) }
#define F_LIST_CHECK(st, member, elem, table, fn) \
	{ .name = #member, .kind = LIST, .offset = offsetof(struct st, member), \
	  .offset_n = offsetof(struct st, n##member), .size = sizeof(struct elem), \
	  .sub = (table), .check = (fn) }
#define F_LIST(st, member, elem, table)	F_LIST_CHECK(st, member, elem, table, NULL)
#define F_END				{ .name = NULL }

static const struct field cpu_fields[] = {
	F(machine_cpu, vendor, STR),
	F(machine_cpu, model, STR),
	F(machine_cpu, family, U32),
	F(machine_cpu, model_number, U32),
	F(machine_cpu, stepping, U32),
	F(machine_cpu, sockets, U32),
	F(machine_cpu, cores_per_socket, U32),
	F(machine_cpu, threads_per_core, U32),
	F(machine_cpu, online, U32),
	F(machine_cpu, x86_64_level, U32),
	F(machine_cpu, flags, STRV),
	F_END
};

static const struct field memory_fields[] = {
	F(machine_memory, installed, U64),
	F(machine_memory, usable, U64),
	F(machine_memory, source, STR),
	F_END
};

static const struct field boot_entry_fields[] = {
	F_RULES(machine_boot_entry, number, U16, NEEDED),
	F(machine_boot_entry, label, STR),
	F(machine_boot_entry, active, BOOL),
	F(machine_boot_entry, file, STR),
	F(machine_boot_entry, partition_uuid, STR),
	F_END
};

static const struct field firmware_fields[] = {
	F(machine_firmware, type, FIRMWARE),
	F(machine_firmware, secure_boot, BOOL),
	F(machine_firmware, setup_mode, BOOL),
	F_UNKNOWN(machine_firmware, boot_current, I32, -1),
	{ .name = "boot_order", .kind = U16LIST,
	  .offset = offsetof(struct machine_firmware, boot_order),
	  .offset_n = offsetof(struct machine_firmware, nboot_order) },
	F_LIST(machine_firmware, entries, machine_boot_entry, boot_entry_fields),
	F_END
};

static const struct field smbios_fields[] = {
	F(machine_smbios, uuid, STR),
	F(machine_smbios, sys_vendor, STR),
	F(machine_smbios, product_name, STR),
	F(machine_smbios, product_version, STR),
	F(machine_smbios, product_serial, STR),
	F(machine_smbios, product_sku, STR),
	F(machine_smbios, product_family, STR),
	F(machine_smbios, board_vendor, STR),
	F(machine_smbios, board_name, STR),
	F(machine_smbios, board_version, STR),
	F(machine_smbios, board_serial, STR),
	F(machine_smbios, board_asset_tag, STR),
	F(machine_smbios, chassis_vendor, STR),
	F(machine_smbios, chassis_type, STR),
	F(machine_smbios, chassis_version, STR),
	F(machine_smbios, chassis_serial, STR),
	F(machine_smbios, chassis_asset_tag, STR),
	F(machine_smbios, bios_vendor, STR),
	F(machine_smbios, bios_version, STR),
	F(machine_smbios, bios_date, STR),
	F_END
};

static const struct field fs_fields[] = {
	F(machine_fs, type, STR),
	F(machine_fs, usage, STR),
	F(machine_fs, uuid, STR),
	F(machine_fs, label, STR),
	F(machine_fs, version, STR),
	F(machine_fs, size, U64),
	F(machine_fs, used, U64),
	F_END
};

static const struct field partition_fields[] = {
	F(machine_partition, number, U32),
	F_RULES(machine_partition, name, STR, NEEDED | DEVICE),
	F(machine_partition, path, STR),
	F(machine_partition, start, U64),
	F(machine_partition, size, U64),
	F(machine_partition, type, STR),
	F(machine_partition, uuid, STR),
	F(machine_partition, label, STR),
	F(machine_partition, boot, BOOL),
	F(machine_partition, extended, BOOL),
	F_OBJECT(machine_partition, fs, fs_fields),
	F(machine_partition, aliases, STRV),
	F(machine_partition, mountpoints, STRV),
	F_END
};

static int check_partition(const void *element, struct err *err)
{
	const struct machine_partition *p = element;

	/* Each is below 2^63 already; their sum must be, too. */
	if (p->size > (uint64_t)INT64_MAX - p->start)
		return err_set(err, EBADMSG, "start + size is out of range");
	return 0;
}

static const struct field disk_fields[] = {
	F_RULES(machine_disk, name, STR, NEEDED | DEVICE),
	F(machine_disk, path, STR),
	F(machine_disk, size, U64),
	F(machine_disk, logical_sector, U32),
	F(machine_disk, physical_sector, U32),
	F(machine_disk, serial, STR),
	F(machine_disk, wwn, STR),
	F(machine_disk, vendor, STR),
	F(machine_disk, model, STR),
	F(machine_disk, transport, STR),
	F(machine_disk, driver, STR),
	F(machine_disk, rotational, BOOL),
	F(machine_disk, removable, BOOL),
	F(machine_disk, readonly, BOOL),
	F(machine_disk, discard, BOOL),
	F(machine_disk, aliases, STRV),
	F(machine_disk, table, STR),
	F(machine_disk, table_uuid, STR),
	F_LIST_CHECK(machine_disk, partitions, machine_partition, partition_fields,
		     check_partition),
	F_OBJECT(machine_disk, fs, fs_fields),
	F(machine_disk, mountpoints, STRV),
	F_END
};

static const struct field volume_fields[] = {
	F_RULES(machine_volume, name, STR, NEEDED | DEVICE),
	F(machine_volume, path, STR),
	F(machine_volume, kind, STR),
	F(machine_volume, uuid, STR),
	F(machine_volume, level, STR),
	F(machine_volume, size, U64),
	F(machine_volume, slaves, STRV),
	F(machine_volume, aliases, STRV),
	F_OBJECT(machine_volume, fs, fs_fields),
	F(machine_volume, mountpoints, STRV),
	F_END
};

static const struct field address_fields[] = {
	F_RULES(machine_address, address, STR, NEEDED),
	F(machine_address, scope, STR),
	F(machine_address, dynamic, BOOL),
	F_END
};

static const struct field nic_fields[] = {
	F_RULES(machine_nic, name, STR, NEEDED | DEVICE | NIC),
	F(machine_nic, kind, STR),
	F_RULES(machine_nic, mac, STR, MAC),
	F_RULES(machine_nic, permanent_mac, STR, MAC),
	F(machine_nic, driver, STR),
	F(machine_nic, bus, STR),
	F(machine_nic, master, STR),
	F(machine_nic, lower, STRV),
	F(machine_nic, vlan_id, U32),
	F(machine_nic, mtu, U32),
	F_UNKNOWN(machine_nic, speed, I64, -1),
	F(machine_nic, carrier, BOOL),
	F(machine_nic, up, BOOL),
	F(machine_nic, predictable, STRV),
	F_LIST(machine_nic, addresses, machine_address, address_fields),
	F_END
};

static const struct field route_fields[] = {
	F_RULES(machine_route, destination, STR, NEEDED),
	F(machine_route, gateway, STR),
	F(machine_route, nic, STR),
	F_END
};

static const struct field clock_fields[] = {
	F(machine_clock, rtc_local, BOOL),
	F(machine_clock, rtc_known, BOOL),
	F(machine_clock, rtc_minus_system, I64),
	F(machine_clock, timezone, STR),
	F_END
};

static const struct field os_fields[] = {
	F(machine_os, id, STR),
	F(machine_os, id_like, STR),
	F(machine_os, version_id, STR),
	F(machine_os, pretty_name, STR),
	F(machine_os, kernel, STR),
	F(machine_os, arch, STR),
	F(machine_os, cmdline, STR),
	F(machine_os, hostname, STR),
	F(machine_os, machine_id, STR),
	F(machine_os, init, STR),
	F(machine_os, root_source, STR),
	F(machine_os, root_uuid, STR),
	F(machine_os, root_fs, STR),
	F_END
};

static const struct field mount_fields[] = {
	F(machine_mount, source, STR),
	F_RULES(machine_mount, target, STR, NEEDED),
	F(machine_mount, fs, STR),
	F(machine_mount, options, STR),
	F_END
};

static const struct field watchdog_fields[] = {
	F(machine_watchdog, identity, STR),
	F(machine_watchdog, driver, STR),
	F(machine_watchdog, in_use, BOOL),
	F_END
};

static const struct field machine_fields[] = {
	F(machine, recorded_at, STR),
	F(machine, recorded_by, STR),
	F(machine, hostname, STR),
	F_OBJECT(machine, cpu, cpu_fields),
	F_OBJECT(machine, memory, memory_fields),
	F_OBJECT(machine, firmware, firmware_fields),
	F_OBJECT(machine, smbios, smbios_fields),
	F(machine, tpm_present, BOOL),
	F(machine, tpm_version, STR),
	F_LIST(machine, watchdogs, machine_watchdog, watchdog_fields),
	F_OBJECT(machine, clock, clock_fields),
	F_OBJECT(machine, os, os_fields),
	F_LIST(machine, disks, machine_disk, disk_fields),
	F_LIST(machine, volumes, machine_volume, volume_fields),
	F_LIST(machine, nics, machine_nic, nic_fields),
	F_LIST(machine, routes, machine_route, route_fields),
	F(machine, dns, STRV),
	F_LIST(machine, mounts, machine_mount, mount_fields),
	F(machine, warnings, STRV),
	F_END
};

static const char *const firmware_names[] = {
	[MACHINE_FIRMWARE_UNKNOWN] = NULL,
	[MACHINE_FIRMWARE_BIOS] = "bios",
	[MACHINE_FIRMWARE_UEFI] = "uefi",
};

/* Checks on text that hold in both directions; what is the positive errno to report. */

static bool device_name_ok(const char *s)
{
	const char *part = s;

	for (;; s++) {
		if (((unsigned char)*s < ' ' && *s) || *s == 0x7f)
			return false;
		if (*s && *s != '/')
			continue;
		/* One component ends here. */
		if (s == part || (s - part == 1 && *part == '.') ||
		    (s - part == 2 && memcmp(part, "..", 2) == 0))
			return false;
		if (!*s)
			return true;
		part = s + 1;
	}
}

static bool mac_ok(const char *s)
{
	size_t n = strlen(s);

	/* Ethernet has 6 bytes, InfiniBand 20. */
	if (n < 3 * 6 - 1 || n > 3 * 32 - 1 || n % 3 != 2)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (i % 3 == 2 ? s[i] != ':' : !hex)
			return false;
	}
	return true;
}

static int check_text(const char *name, const char *s, unsigned int rules, int what,
		      struct err *err)
{
	if (strlen(s) > MACHINE_JSON_STRING_MAX)
		return err_set(err, what, "%s is too long", name);
	if (((rules & DEVICE) && !device_name_ok(s)) || ((rules & NIC) && strchr(s, '/')))
		return err_set(err, what, "%s is not a device name", name);
	if ((rules & MAC) && !mac_ok(s))
		return err_set(err, what, "%s is not a MAC address", name);
	return 0;
}

/* Encoding. Members appear in the order of the tables, so the text is stable. */

static int encode_object(const void *base, const struct field *fields, json_t *o, struct err *err);

static int set_new(json_t *o, const char *name, json_t *value, struct err *err)
{
	/* Takes value in any case; a NULL value is memory that ran out while making it. */
	return json_object_set_new(o, name, value) == 0 ? 0 : err_nomem(err);
}

static int append_text(json_t *a, const char *name, const char *s, struct err *err)
{
	json_t *v;
	int r;

	if (!s)
		return err_set(err, EINVAL, "%s has an empty place", name);
	r = check_text(name, s, ANY, EINVAL, err);
	if (r < 0)
		return r;
	v = json_string(s);
	if (!v)
		return err_set(err, EINVAL, "%s holds text that is not UTF-8", name);
	return json_array_append_new(a, v) == 0 ? 0 : err_nomem(err);
}

static int encode_text(const struct field *f, const char *s, json_t *o, struct err *err)
{
	json_t *v;
	int r;

	if (!s)
		return (f->rules & NEEDED) ? err_set(err, EINVAL, "%s is missing", f->name) : 0;
	r = check_text(f->name, s, f->rules, EINVAL, err);
	if (r < 0)
		return r;
	v = json_string(s);
	/* jansson does not tell the two causes apart; this is the one that has been seen. */
	if (!v)
		return err_set(err, EINVAL, "%s is not UTF-8", f->name);
	return set_new(o, f->name, v, err);
}

static int encode_strv(const struct field *f, const struct machine_strv *v, json_t *o,
		       struct err *err)
{
	CLEANUP(json_unref) json_t *a = NULL;
	int r;

	if (v->n == 0)
		return 0;
	if (v->n > MACHINE_JSON_LIST_MAX)
		return err_set(err, EINVAL, "%s has too many elements", f->name);
	a = json_array();
	if (!a)
		return err_nomem(err);
	for (size_t i = 0; i < v->n; i++) {
		r = append_text(a, f->name, v->v[i], err);
		if (r < 0)
			return r;
	}
	return set_new(o, f->name, TAKE_PTR(a), err);
}

static int encode_list(const struct field *f, const void *base, json_t *o, struct err *err)
{
	const char *p;
	size_t n;
	CLEANUP(json_unref) json_t *a = NULL;
	int r;

	memcpy(&p, (const char *)base + f->offset, sizeof(p));
	memcpy(&n, (const char *)base + f->offset_n, sizeof(n));
	if (n == 0)
		return 0;
	if (n > MACHINE_JSON_LIST_MAX)
		return err_set(err, EINVAL, "%s has too many elements", f->name);
	a = json_array();
	if (!a)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		json_t *e;

		if (f->kind == U16LIST) {
			e = json_integer(((const uint16_t *)(const void *)p)[i]);
			if (json_array_append_new(a, e) < 0)
				return err_nomem(err);
			continue;
		}
		e = json_object();
		if (json_array_append_new(a, e) < 0)
			return err_nomem(err);
		r = encode_object(p + i * f->size, f->sub, e, err);
		if (r == 0 && f->check)
			r = f->check(p + i * f->size, err);
		if (r < 0) {
			err_prefix(err, "%s[%zu]", f->name, i);
			/* A broken rule on our side is not a bad message. */
			return r == -EBADMSG ? -EINVAL : r;
		}
	}
	return set_new(o, f->name, TAKE_PTR(a), err);
}

static int encode_number(const struct field *f, const void *p, json_t *o, struct err *err)
{
	int64_t v;

	switch (f->kind) {
	case U16:
		v = *(const uint16_t *)p;
		break;
	case U32:
		v = *(const uint32_t *)p;
		break;
	case I32:
		v = *(const int32_t *)p;
		break;
	case I64:
		v = *(const int64_t *)p;
		break;
	default:
		if (*(const uint64_t *)p > INT64_MAX)
			return err_set(err, EINVAL, "%s is out of range", f->name);
		v = (int64_t)*(const uint64_t *)p;
		break;
	}
	if (v == f->unknown && !(f->rules & NEEDED))
		return 0;
	return set_new(o, f->name, json_integer(v), err);
}

static int encode_object(const void *base, const struct field *fields, json_t *o, struct err *err)
{
	for (const struct field *f = fields; f->name; f++) {
		const void *p = (const char *)base + f->offset;
		CLEANUP(json_unref) json_t *sub = NULL;
		int r = 0;

		switch (f->kind) {
		case STR:
			r = encode_text(f, *(char *const *)p, o, err);
			break;
		case STRV:
			r = encode_strv(f, p, o, err);
			break;
		case BOOL:
			r = set_new(o, f->name, json_boolean(*(const bool *)p), err);
			break;
		case FIRMWARE: {
			enum machine_firmware_type t = *(const enum machine_firmware_type *)p;

			if ((size_t)t >= ARRAY_SIZE(firmware_names))
				r = err_set(err, EINVAL, "%s is out of range", f->name);
			else if (firmware_names[t])
				r = set_new(o, f->name, json_string(firmware_names[t]), err);
			break;
		}
		case OBJECT:
			sub = json_object();
			if (!sub)
				return err_nomem(err);
			r = encode_object(p, f->sub, sub, err);
			if (r < 0)
				err_prefix(err, "%s", f->name);
			else if (json_object_size(sub) > 0)
				r = set_new(o, f->name, TAKE_PTR(sub), err);
			break;
		case LIST:
		case U16LIST:
			r = encode_list(f, base, o, err);
			break;
		default:
			r = encode_number(f, p, o, err);
			break;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

/* Decoding into zeroed memory that the caller frees also after a failure half-way. */

static int decode_object(const json_t *o, const struct field *fields, void *base, struct err *err);

static int absent(const struct field *f, struct err *err)
{
	return (f->rules & NEEDED) ? err_set(err, EBADMSG, "%s is missing", f->name) : 0;
}

static int decode_text(const json_t *o, const struct field *f, char **ret, struct err *err)
{
	const json_t *v = json_object_get(o, f->name);
	int r;

	if (json_is_string(v) && strlen(json_string_value(v)) != json_string_length(v))
		return err_set(err, EBADMSG, "%s has a NUL in it", f->name);
	r = jsonx_get_str(o, f->name, ret, err);
	if (r == -ENOENT)
		return absent(f, err);
	return r < 0 ? r : check_text(f->name, *ret, f->rules, EBADMSG, err);
}

static int get_list(const json_t *o, const struct field *f, json_t **ret, struct err *err)
{
	int r = jsonx_get_arr(o, f->name, ret, err);

	if (r == 0 && json_array_size(*ret) > MACHINE_JSON_LIST_MAX)
		return err_set(err, EBADMSG, "%s has too many elements", f->name);
	return r;
}

static int decode_strv(const json_t *o, const struct field *f, struct machine_strv *ret,
		       struct err *err)
{
	json_t *a, *e;
	size_t i;
	int r;

	r = get_list(o, f, &a, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	json_array_foreach(a, i, e) {
		const char *s = json_string_value(e);

		if (!s || strlen(s) != json_string_length(e))
			return err_set(err, EBADMSG, "%s[%zu] is not a string", f->name, i);
		r = check_text(f->name, s, f->rules, EBADMSG, err);
		if (r < 0)
			return r;
		if (machine_strv_add(ret, s) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int decode_list(const json_t *o, const struct field *f, void *base, struct err *err)
{
	size_t *pn = (size_t *)(void *)((char *)base + f->offset_n);
	void *pv = (char *)base + f->offset;
	json_t *a, *e;
	size_t i;
	int r;

	r = get_list(o, f, &a, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	json_array_foreach(a, i, e) {
		void *p = machine_grow(pv, pn, f->kind == U16LIST ? sizeof(uint16_t) : f->size);

		if (!p)
			return err_nomem(err);
		if (f->kind == U16LIST) {
			json_int_t v = json_integer_value(e);

			if (!json_is_integer(e) || v < 0 || v > UINT16_MAX)
				return err_set(err, EBADMSG, "%s[%zu] is not within 0..65535",
					       f->name, i);
			*(uint16_t *)p = (uint16_t)v;
			continue;
		}
		if (!json_is_object(e))
			return err_set(err, EBADMSG, "%s[%zu] is not an object", f->name, i);
		r = decode_object(e, f->sub, p, err);
		if (r == 0 && f->check)
			r = f->check(p, err);
		if (r < 0) {
			err_prefix(err, "%s[%zu]", f->name, i);
			return r;
		}
	}
	return 0;
}

static int decode_number(const json_t *o, const struct field *f, void *p, struct err *err)
{
	int64_t lo = 0, hi = INT64_MAX, v = f->unknown;
	int r = jsonx_get_i64(o, f->name, &v, err);

	if (r == -ENOENT && (f->rules & NEEDED))
		return absent(f, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (f->kind == U16)
		hi = UINT16_MAX;
	else if (f->kind == U32)
		hi = UINT32_MAX;
	else if (f->kind == I32)
		hi = INT32_MAX;
	if (f->kind == I32)
		lo = INT32_MIN;
	else if (f->kind == I64)
		lo = INT64_MIN;
	if (v < lo || v > hi)
		return err_set(err, EBADMSG, "%s is out of range", f->name);

	if (f->kind == U16)
		*(uint16_t *)p = (uint16_t)v;
	else if (f->kind == U32)
		*(uint32_t *)p = (uint32_t)v;
	else if (f->kind == I32)
		*(int32_t *)p = (int32_t)v;
	else if (f->kind == I64)
		*(int64_t *)p = v;
	else
		*(uint64_t *)p = (uint64_t)v;
	return 0;
}

static int decode_firmware_type(const json_t *o, const struct field *f,
				enum machine_firmware_type *ret, struct err *err)
{
	CLEANUP(mem_free) char *s = NULL;
	int r = jsonx_get_str(o, f->name, &s, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < ARRAY_SIZE(firmware_names); i++) {
		if (firmware_names[i] && strcmp(firmware_names[i], s) == 0) {
			*ret = (enum machine_firmware_type)i;
			return 0;
		}
	}
	return err_set(err, EBADMSG, "%s is neither \"bios\" nor \"uefi\"", f->name);
}

static int decode_object(const json_t *o, const struct field *fields, void *base, struct err *err)
{
	for (const struct field *f = fields; f->name; f++) {
		void *p = (char *)base + f->offset;
		json_t *sub;
		int r;

		switch (f->kind) {
		case STR:
			r = decode_text(o, f, p, err);
			break;
		case STRV:
			r = decode_strv(o, f, p, err);
			break;
		case BOOL:
			r = jsonx_get_bool(o, f->name, p, err);
			break;
		case FIRMWARE:
			r = decode_firmware_type(o, f, p, err);
			break;
		case OBJECT:
			r = jsonx_get_obj(o, f->name, &sub, err);
			if (r == 0)
				r = decode_object(sub, f->sub, p, err);
			if (r < 0 && r != -ENOENT)
				err_prefix(err, "%s", f->name);
			break;
		case LIST:
		case U16LIST:
			r = decode_list(o, f, base, err);
			break;
		default:
			r = decode_number(o, f, p, err);
			break;
		}
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int machine_to_json(const struct machine *m, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	int r;

	if (!o)
		return err_nomem(err);
	r = set_new(o, "version", json_integer(MACHINE_VERSION), err);
	if (r == 0)
		r = encode_object(m, machine_fields, o, err);
	if (r < 0) {
		err_prefix(err, "machine");
		return r;
	}
	*ret = TAKE_PTR(o);
	return 0;
}

static int check_version(const json_t *j, struct err *err)
{
	int64_t version;
	int r;

	if (!json_is_object(j))
		return err_set(err, EBADMSG, "not a JSON object");
	r = jsonx_get_i64(j, "version", &version, err);
	if (r == -ENOENT)
		return err_set(err, EBADMSG, "version is missing");
	if (r == 0 && version != MACHINE_VERSION)
		return err_set(err, EBADMSG, "version %" PRId64 " is not known here (%d is)",
			       version, MACHINE_VERSION);
	return r;
}

int machine_from_json(const json_t *j, struct machine **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	int r = check_version(j, err);

	if (r == 0 && machine_new(&m) < 0)
		return err_nomem(err);
	if (r == 0)
		r = decode_object(j, machine_fields, m, err);
	if (r < 0) {
		err_prefix(err, "machine");
		return r;
	}
	*ret = TAKE_PTR(m);
	return 0;
}

int machine_json_dump(const struct machine *m, char **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	char *text;
	int r = machine_to_json(m, &j, err);

	if (r < 0)
		return r;
	text = jsonx_dump(j);
	if (!text)
		return err_nomem(err);
	*ret = text;
	return 0;
}

int machine_json_parse(const char *text, size_t len, struct machine **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *j = NULL;
	int r;

	if (len > MACHINE_JSON_TEXT_MAX)
		return err_set(err, EBADMSG, "machine: the text is too long");
	r = jsonx_parse(text, len, "machine", &j, err);
	return r < 0 ? r : machine_from_json(j, ret, err);
}
