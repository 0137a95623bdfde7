/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Setting one value makes libhivex write all values of that key anew. One of more than
 * HIVE_VALUE_MAX bytes is kept in pieces, which it reads but does not write: such keys are left
 * alone. A change that fails half-way inside libhivex leaves a hive that nobody should keep, so
 * the handle is marked, and will not be committed.
 */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/utf16.h"
#include "postfix/windows/hive_parts.h"

/* A value as a line of the report has it. data NULL: none. */
static void describe(struct strbuf *b, enum hive_type type, const uint8_t *data, size_t len)
{
	if (!data) {
		strbuf_add(b, "nothing");
	} else if (type == HIVE_DWORD && len == 4) {
		strbuf_addf(b, "%" PRIu32, get_le32(data));
	} else if (type == HIVE_SZ || type == HIVE_EXPAND_SZ || type == HIVE_MULTI_SZ) {
		size_t units = len / 2, at = 0;

		strbuf_add(b, "\"");
		do {
			size_t n = utf16_len(data + 2 * at, units - at);
			CLEANUP(strbuf_done) struct strbuf raw = { 0 };
			char safe[400];

			if (at && n)
				strbuf_add(b, "\", \"");
			utf16_add(&raw, data + 2 * at, n);
			strbuf_add(b, text_escape(raw.s ? raw.s : "", raw.len, safe, sizeof(safe)));
			at += n + 1;
		} while (type == HIVE_MULTI_SZ && at < units);
		strbuf_add(b, "\"");
	} else {
		strbuf_add(b, "hex ");
		for (size_t i = 0; i < len && i < 32; i++)
			strbuf_addf(b, "%02x", data[i]);
		if (len > 32)
			strbuf_addf(b, "... (%zu bytes)", len);
	}
}

static int remember(struct hive *h, const char *line, struct err *err)
{
	h->changed = true;
	return line && machine_strv_add(&h->changes, line) >= 0 ? 1 : err_nomem(err);
}

static int remember_key(struct hive *h, const char *key, const char *what, struct err *err)
{
	CLEANUP(mem_free) char *line = text_format("%s: %s", key, what);

	return remember(h, line, err);
}

struct blob {
	enum hive_type type;
	const void *data;		/* NULL: none */
	size_t len;
};

static int remember_value(struct hive *h, const char *key, const char *name, struct blob old,
			  struct blob new, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) char *line = NULL;

	strbuf_addf(&b, "%s\\%s: ", key, *name ? name : "(default)");
	describe(&b, old.type, old.data, old.len);
	strbuf_add(&b, " -> ");
	describe(&b, new.type, new.data, new.len);
	line = strbuf_take(&b);
	return remember(h, line, err);
}

static int broken(struct hive *h, struct err *err)
{
	int code = errno;

	h->broken = true;
	if (code == ENOMEM)
		return err_nomem(err);
	return err_set(err, EIO, "cannot change the registry hive %s: %s", h->name,
		       strerror(code));
}

static int may_change(struct hive *h, struct err *err)
{
	if (!h->writable)
		return err_set(err, EROFS, "%s was opened for reading", h->name);
	if (h->broken)
		return err_set(err, EIO, "%s: an earlier change failed", h->name);
	return 0;
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

/* The node of key, made when it is missing with those above it; *ret_made says whether. */
static int make(struct hive *h, const char *key, hive_node_h *ret, bool *ret_made,
		struct err *err)
{
	hive_node_h node = hivex_root(h->h);
	const char *p = key;

	*ret_made = false;
	while (node && *p) {
		size_t n = strcspn(p, "\\");
		char part[256];
		hive_node_h child;

		if (n >= sizeof(part))
			return err_set(err, ENAMETOOLONG, "a key of %zu characters", n);
		memcpy(part, p, n);
		part[n] = '\0';
		p += n + (p[n] == '\\');
		if (!n)
			continue;
		child = hivex_node_get_child(h->h, node, part);
		if (!child && !is_plain(part))
			return err_set(err, EINVAL, "%s: a new key can only have an ASCII name",
				       h->name);
		if (!child) {
			child = hivex_node_add_child(h->h, node, part);
			if (!child)
				return broken(h, err);
			*ret_made = true;
		}
		node = child;
	}
	*ret = node;
	return 0;
}

/* Can libhivex write the values of this key anew? See the head of this file. */
static int check_values(struct hive *h, hive_node_h node, const char *key, struct err *err)
{
	CLEANUP(mem_free) hive_value_h *list = hivex_node_values(h->h, node);

	if (!list)
		return err_set(err, EILSEQ, "%s: the values of %s cannot be read", h->name, key);
	for (size_t i = 0; list[i]; i++) {
		hivex_type type;
		size_t len = 0;

		if (hivex_value_type(h->h, list[i], &type, &len) < 0)
			return err_set(err, EILSEQ, "%s: the values of %s cannot be read", h->name,
				       key);
		if (len > HIVE_VALUE_MAX)
			return err_set(err, EFBIG,
				       "%s: %s is left alone, it has a value of %zu bytes",
				       h->name, key, len);
	}
	return 0;
}

int hive_set_raw(struct hive *h, const char *key, const char *name, enum hive_type type,
		 const void *value, size_t len, struct err *err)
{
	CLEANUP(mem_free) void *old = NULL;
	enum hive_type old_type = HIVE_NONE;
	struct hive_set_value v = {
		.key = (char *)(uintptr_t)name, .t = (hivex_type)(unsigned int)type, .len = len,
		.value = (char *)(uintptr_t)value,
	};
	size_t old_len = 0;
	hive_node_h node;
	bool made;
	int r = may_change(h, err);

	if (r < 0)
		return r;
	r = hive_get_raw(h, key, name, &old_type, &old, &old_len, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r >= 0 && old_type == type && old_len == len && memcmp(old, value, len) == 0)
		return 0;
	if (len > HIVE_VALUE_MAX)
		return err_set(err, EFBIG, "%s: a value of %zu bytes", h->name, len);
	node = hive_find(h, key);
	r = node ? check_values(h, node, key, err) : make(h, key, &node, &made, err);
	if (r < 0)
		return r;
	if (hivex_node_set_value(h->h, node, &v, 0) < 0)
		return broken(h, err);
	return remember_value(h, key, name, (struct blob){ old_type, old, old_len },
			      (struct blob){ type, value, len }, err);
}

int hive_set_dword(struct hive *h, const char *key, const char *name, uint32_t value,
		   struct err *err)
{
	uint8_t le[4];

	put_le32(le, value);
	return hive_set_raw(h, key, name, HIVE_DWORD, le, sizeof(le), err);
}

static int not_text(struct err *err, int r, const char *key, const char *name)
{
	return r == -ENOMEM ? err_nomem(err)
			    : err_set(err, EILSEQ, "%s\\%s: the new text is no UTF-8", key, name);
}

int hive_set_string(struct hive *h, const char *key, const char *name, enum hive_type type,
		    const char *value, struct err *err)
{
	CLEANUP(mem_free) void *data = NULL;
	size_t len;
	int r = utf16_from_utf8(value, strlen(value), &data, &len);

	if (r < 0)
		return not_text(err, r, key, name);
	return hive_set_raw(h, key, name, type, data, len + 2, err);
}

int hive_set_strings(struct hive *h, const char *key, const char *name, const char *const *values,
		     size_t n, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(mem_free) void *data = NULL;
	size_t len;
	int r;

	/* Each with its NUL; the one that is added ends the list. */
	strbuf_add(&b, "");
	for (size_t i = 0; i < n; i++)
		strbuf_addn(&b, values[i], strlen(values[i]) + 1);
	if (b.failed)
		return err_nomem(err);
	r = utf16_from_utf8(b.s, b.len, &data, &len);
	if (r < 0)
		return not_text(err, r, key, name);
	return hive_set_raw(h, key, name, HIVE_MULTI_SZ, data, len + 2, err);
}

int hive_make_key(struct hive *h, const char *key, struct err *err)
{
	hive_node_h node;
	bool made;
	int r = may_change(h, err);

	if (r >= 0)
		r = make(h, key, &node, &made, err);
	if (r < 0)
		return r;
	return made ? remember_key(h, key, "made", err) : 0;
}

int hive_delete_key(struct hive *h, const char *key, struct err *err)
{
	hive_node_h node;
	int r = may_change(h, err);

	if (r < 0)
		return r;
	node = hive_find(h, key);
	if (!node)
		return 0;
	if (node == hivex_root(h->h))
		return err_set(err, EINVAL, "%s: the root key stays", h->name);
	if (hivex_node_delete_child(h->h, node) < 0)
		return broken(h, err);
	return remember_key(h, key, "removed", err);
}

/* All values but one are written anew: libhivex has no other way. */
static int set_without(struct hive *h, hive_node_h node, const char *name)
{
	CLEANUP(mem_free) hive_value_h *list = hivex_node_values(h->h, node);
	hive_set_value *v;
	size_t n = 0, have = 0;
	int r = 0;

	while (list && list[have])
		have++;
	v = calloc(have + 1, sizeof(*v));
	if (!list || !v) {
		free(v);
		return -1;
	}
	for (size_t i = 0; i < have && r == 0; i++) {
		v[n].key = hivex_value_key(h->h, list[i]);
		if (v[n].key && strcasecmp(v[n].key, name) == 0) {
			free(v[n].key);
			continue;
		}
		v[n].value = hivex_value_value(h->h, list[i], &v[n].t, &v[n].len);
		r = v[n].key && v[n].value ? 0 : -1;
		n++;
	}
	if (r == 0)
		r = hivex_node_set_values(h->h, node, n, v, 0);
	for (size_t i = 0; i < n; i++) {
		free(v[i].key);
		free(v[i].value);
	}
	free(v);
	return r;
}

int hive_delete_value(struct hive *h, const char *key, const char *name, struct err *err)
{
	CLEANUP(mem_free) void *old = NULL;
	enum hive_type type;
	hive_node_h node;
	size_t len;
	int r = may_change(h, err);

	if (r < 0)
		return r;
	r = hive_get_raw(h, key, name, &type, &old, &len, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	node = hive_find(h, key);
	r = check_values(h, node, key, err);
	if (r < 0)
		return r;
	if (set_without(h, node, name) < 0)
		return broken(h, err);
	return remember_value(h, key, name, (struct blob){ type, old, len }, (struct blob){ 0 },
			      err);
}

const struct machine_strv *hive_changes(const struct hive *h)
{
	return &h->changes;
}
