/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "convert/ovmf_vars.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/machine.h"

/* Firmware volume header; its check sum makes the sum of its 16-bit words 0. */
#define FV_GUID		16
#define FV_LENGTH	32
#define FV_SIGNATURE	40
#define FV_HEADER_LEN	48
#define FV_HEADER_MIN	72

/* Variable store header, and in it the size of the store with this header. */
#define STORE_SIZE	16
#define STORE_FORMAT	20
#define STORE_STATE	21
#define STORE_HEADER	28
#define FORMATTED	0x5a
#define HEALTHY		0xfe

/* Variable header. */
#define VAR_START	0x55aa
#define VAR_STATE	2
#define VAR_ATTRIBUTES	4
#define VAR_AUTH	8		/* u64 counter, 16 bytes of time, u32 key index */
#define VAR_NAME_LEN	36
#define VAR_DATA_LEN	40
#define VAR_GUID	44
#define VAR_HEADER	60
/* Bits of the state go from 1 to 0, one event each. */
#define STATE_ADDED	0x3f
#define STATE_LEAVING	0x3e		/* added, and in deleted transition */

#define VARS_MAX	4096

const uint8_t ovmf_vars_global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
				       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };

/* EFI_SYSTEM_NV_DATA_FV_GUID, fff12b8d-7696-4c8b-a985-2747075b4f50 */
static const uint8_t fv_guid[16] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
				     0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
/* gEfiAuthenticatedVariableGuid, aaf32c78-947b-439a-a180-2e144ec37792 */
static const uint8_t store_guid[16] = { 0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
					0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92 };

static void var_done(struct ovmf_var *v)
{
	free(v->name);
	free(v->data);
}

void ovmf_vars_free(struct ovmf_vars *vars)
{
	if (!vars)
		return;
	for (size_t i = 0; i < vars->n; i++)
		var_done(&vars->v[i]);
	free(vars->v);
	free(vars->file);
	free(vars);
}

static size_t align4(size_t n)
{
	return (n + 3) / 4 * 4;
}

static int bad(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "the firmware's variables: %s", what);
}

static int parse_volume(const uint8_t *p, size_t size, size_t *ret_header, size_t *ret_length,
			struct err *err)
{
	uint16_t sum = 0;
	uint64_t length;
	size_t header;

	if (size < FV_HEADER_MIN || memcmp(p + FV_SIGNATURE, "_FVH", 4) != 0)
		return bad(err, "no firmware volume");
	if (memcmp(p + FV_GUID, fv_guid, sizeof(fv_guid)) != 0)
		return bad(err, "the firmware volume is for something else");
	length = get_le64(p + FV_LENGTH);
	header = get_le16(p + FV_HEADER_LEN);
	if (length > size)
		return bad(err, "the file is cut off");
	if (header < FV_HEADER_MIN || header % 4 || header > length)
		return bad(err, "the firmware volume's header has no sane length");
	for (size_t i = 0; i < header; i += 2)
		sum = (uint16_t)(sum + get_le16(p + i));
	if (sum)
		return bad(err, "the check sum of the firmware volume's header is wrong");
	*ret_header = header;
	*ret_length = (size_t)length;
	return 0;
}

static bool same_name(const struct ovmf_var *v, const uint8_t *guid, const uint8_t *name,
		      size_t name_len)
{
	return v->name_len == name_len && memcmp(v->guid, guid, sizeof(v->guid)) == 0 &&
	       memcmp(v->name, name, name_len) == 0;
}

static struct ovmf_var *lookup(const struct ovmf_vars *vars, const uint8_t *guid,
			       const uint8_t *name, size_t name_len)
{
	for (size_t i = 0; i < vars->n; i++)
		if (same_name(&vars->v[i], guid, name, name_len))
			return &vars->v[i];
	return NULL;
}

static void *dup_bytes(const void *p, size_t len)
{
	void *q = malloc(len ? len : 1);

	if (q && len)
		memcpy(q, p, len);
	return q;
}

/* Take one over, in the place of an older one of its name. */
static int keep(struct ovmf_vars *vars, const uint8_t *p, size_t name_len, size_t len,
		struct err *err)
{
	const uint8_t *name = p + VAR_HEADER;
	struct ovmf_var *slot = lookup(vars, p + VAR_GUID, name, name_len), v = { 0 };

	if (slot && p[VAR_STATE] == STATE_LEAVING)
		return 0;
	if (!slot && vars->n == VARS_MAX)
		return bad(err, "there are too many");
	v.name = dup_bytes(name, name_len);
	v.data = dup_bytes(name + name_len, len);
	if (v.name && v.data && !slot)
		slot = machine_grow(&vars->v, &vars->n, sizeof(*vars->v));
	if (!slot || !v.name || !v.data) {
		var_done(&v);
		return err_nomem(err);
	}
	v.name_len = name_len;
	v.len = len;
	v.attributes = get_le32(p + VAR_ATTRIBUTES);
	memcpy(v.guid, p + VAR_GUID, sizeof(v.guid));
	memcpy(v.auth, p + VAR_AUTH, sizeof(v.auth));
	var_done(slot);
	*slot = v;
	return 0;
}

static int parse_variables(struct ovmf_vars *vars, struct err *err)
{
	const uint8_t *store = vars->file + vars->store;
	size_t at = STORE_HEADER, end = vars->store_size;

	while (at < end && end - at >= VAR_HEADER) {
		const uint8_t *p = store + at;
		uint32_t name_len, len;
		size_t room = end - at - VAR_HEADER;
		int r;

		if (get_le16(p) != VAR_START)
			break;
		name_len = get_le32(p + VAR_NAME_LEN);
		len = get_le32(p + VAR_DATA_LEN);
		if (name_len > room || len > room - name_len)
			return bad(err, "one is longer than the store");
		if (p[VAR_STATE] == STATE_ADDED || p[VAR_STATE] == STATE_LEAVING) {
			if (name_len < 2 || name_len % 2 ||
			    get_le16(p + VAR_HEADER + name_len - 2) != 0)
				return bad(err, "one has a name without an end");
			r = keep(vars, p, name_len, len, err);
			if (r < 0)
				return r;
		}
		at += VAR_HEADER + align4((size_t)name_len + len);
	}
	return 0;
}

int ovmf_vars_parse(const void *data, size_t size, struct ovmf_vars **ret, struct err *err)
{
	CLEANUP(ovmf_vars_free) struct ovmf_vars *vars = NULL;
	const uint8_t *p = data, *store;
	size_t header = 0, length = 0;
	int r;

	if (size > OVMF_VARS_MAX_FILE)
		return bad(err, "the file is too large");
	r = parse_volume(p, size, &header, &length, err);
	if (r < 0)
		return r;
	store = p + header;
	if (length - header < STORE_HEADER ||
	    memcmp(store, store_guid, sizeof(store_guid)) != 0)
		return bad(err, "no store of authenticated variables");
	if (store[STORE_FORMAT] != FORMATTED || store[STORE_STATE] != HEALTHY)
		return bad(err, "the store is not in order");
	vars = calloc(1, sizeof(*vars));
	if (!vars)
		return err_nomem(err);
	vars->store = header;
	vars->store_size = get_le32(store + STORE_SIZE);
	if (vars->store_size < STORE_HEADER || vars->store_size > length - header)
		return bad(err, "the store is larger than its volume");
	vars->size = size;
	vars->file = dup_bytes(data, size);
	if (!vars->file)
		return err_nomem(err);
	r = parse_variables(vars, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(vars);
	return 0;
}

/* ASCII as UTF-16LE with its NUL; NULL when memory ran out. */
static uint8_t *wide(const char *name, size_t *ret_len)
{
	size_t n = strlen(name) + 1;
	uint8_t *w = calloc(n, 2);

	for (size_t i = 0; w && i < n; i++)
		w[2 * i] = (uint8_t)name[i];
	*ret_len = 2 * n;
	return w;
}

const struct ovmf_var *ovmf_vars_find(const struct ovmf_vars *vars, const uint8_t guid[static 16],
				      const char *name)
{
	size_t len = 0;
	CLEANUP(mem_free) uint8_t *w = wide(name, &len);

	return w ? lookup(vars, guid, w, len) : NULL;
}

int ovmf_vars_set(struct ovmf_vars *vars, const uint8_t guid[static 16], const char *name,
		  uint32_t attributes, const void *data, size_t len, struct err *err)
{
	struct ovmf_var v = { .attributes = attributes, .len = len }, *slot;

	for (const char *s = name; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return err_set(err, EINVAL, "a UEFI variable's name must be ASCII");
	v.name = wide(name, &v.name_len);
	v.data = dup_bytes(data, len);
	memcpy(v.guid, guid, sizeof(v.guid));
	slot = v.name ? lookup(vars, guid, v.name, v.name_len) : NULL;
	if (v.name && v.data && !slot)
		slot = machine_grow(&vars->v, &vars->n, sizeof(*vars->v));
	if (!v.name || !v.data || !slot) {
		var_done(&v);
		return err_nomem(err);
	}
	var_done(slot);
	*slot = v;
	return 0;
}

void ovmf_vars_remove(struct ovmf_vars *vars, size_t i)
{
	var_done(&vars->v[i]);
	/* machine_grow() finds room by the count: giving up elements is safe. */
	vars->n--;
	memmove(&vars->v[i], &vars->v[i + 1], (vars->n - i) * sizeof(*vars->v));
}

static void put_variable(uint8_t *p, const struct ovmf_var *v)
{
	memset(p, 0, VAR_HEADER);
	put_le16(p, VAR_START);
	p[VAR_STATE] = STATE_ADDED;
	put_le32(p + VAR_ATTRIBUTES, v->attributes);
	memcpy(p + VAR_AUTH, v->auth, sizeof(v->auth));
	put_le32(p + VAR_NAME_LEN, (uint32_t)v->name_len);
	put_le32(p + VAR_DATA_LEN, (uint32_t)v->len);
	memcpy(p + VAR_GUID, v->guid, sizeof(v->guid));
	memcpy(p + VAR_HEADER, v->name, v->name_len);
	memcpy(p + VAR_HEADER + v->name_len, v->data, v->len);
}

int ovmf_vars_build(const struct ovmf_vars *vars, uint8_t **ret, size_t *ret_size, struct err *err)
{
	CLEANUP(mem_free) uint8_t *file = dup_bytes(vars->file, vars->size);
	size_t at = STORE_HEADER;
	uint8_t *store;

	if (!file)
		return err_nomem(err);
	store = file + vars->store;
	/* The state of flash that was erased. */
	memset(store + STORE_HEADER, 0xff, vars->store_size - STORE_HEADER);
	for (size_t i = 0; i < vars->n; i++) {
		const struct ovmf_var *v = &vars->v[i];
		size_t left = vars->store_size - at;

		if (left < VAR_HEADER || v->name_len > left - VAR_HEADER ||
		    v->len > left - VAR_HEADER - v->name_len)
			return err_set(err, ENOSPC,
				       "the firmware's variables do not fit into their store");
		put_variable(store + at, v);
		at += VAR_HEADER + align4(v->name_len + v->len);
		at = MIN(at, vars->store_size);
	}
	*ret = TAKE_PTR(file);
	*ret_size = vars->size;
	return 0;
}
