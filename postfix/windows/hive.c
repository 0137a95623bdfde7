/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libhivex reads a whole hive into memory, changes it there, and writes it out as a new file. It
 * wants names of files: hives lie in files without a name, reached through /proc/self/fd.
 */
#include "postfix/windows/hive.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/bytes.h"
#include "common/fdio.h"
#include "common/utf16.h"
#include "postfix/windows/hive_parts.h"
#include "postfix/windows/regf.h"

void hive_free(struct hive *h)
{
	if (!h)
		return;
	if (h->h)
		hivex_close(h->h);
	free(h->name);
	machine_strv_done(&h->changes);
	free(h);
}

static int refused(struct err *err, const char *name)
{
	err_prefix(err, "the registry hive %s is not touched", name);
	err_hint(err, "start Windows once, shut it down completely (shutdown /s /t 0), and copy "
		      "the disk again");
	return -EILSEQ;
}

/* Map the whole of fd and look whether it is sound. */
static int check_fd(int fd, const char *name, size_t *ret_unsorted, struct err *err)
{
	struct stat st;
	void *p;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "cannot read %s", name);
	if (st.st_size == 0) {
		err_set(err, EILSEQ, "it is empty");
		return refused(err, name);
	}
	if (st.st_size < 0 || (uint64_t)st.st_size > HIVE_MAX)
		return err_set(err, EFBIG, "the registry hive %s has %lld bytes: too large", name,
			       (long long)st.st_size);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, "cannot read %s", name);
	r = regf_check(p, (size_t)st.st_size, ret_unsorted, err);
	munmap(p, (size_t)st.st_size);
	return r == -EILSEQ ? refused(err, name) : r;
}

static int open_hivex(int fd, const char *name, bool writable, hive_h **ret,
		      size_t *ret_unsorted, struct err *err)
{
	char path[40];
	int r = check_fd(fd, name, ret_unsorted, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret = hivex_open(path, writable ? HIVEX_OPEN_WRITE : 0);
	if (*ret)
		return 0;
	if (errno == ENOMEM)
		return err_nomem(err);
	err_set(err, EILSEQ, "it is damaged");
	return refused(err, name);
}

int hive_open_fd(int fd, const char *name, bool writable, struct hive **ret, struct err *err)
{
	CLEANUP(hive_free) struct hive *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return err_nomem(err);
	h->name = strdup(name);
	if (!h->name)
		return err_nomem(err);
	h->writable = writable;
	r = open_hivex(fd, name, writable, &h->h, &h->unsorted, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(h);
	return 0;
}

static int store_file(struct hive *h, int fd, struct err *err)
{
	CLEANUP(mem_free) char *data = NULL;
	struct stat st;
	size_t len;
	int r = fdio_read_fd(fd, HIVE_MAX, &data, &len);

	if (r < 0)
		return err_code(err, -r, "cannot read the new %s", h->name);
	if (stat(h->name, &st) < 0)
		return err_errno(err, "cannot replace %s", h->name);
	return fdio_replace_file(h->name, data, len, st.st_mode & 07777, err);
}

int hive_open_file(const char *path, bool writable, struct hive **ret, struct err *err)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct hive *h;
	int r;

	if (fd < 0)
		return err_errno(err, "cannot open %s", path);
	r = hive_open_fd(fd, path, writable, &h, err);
	if (r < 0)
		return r;
	h->store = store_file;
	*ret = h;
	return 0;
}

hive_node_h hive_find(struct hive *h, const char *key)
{
	hive_node_h node = hivex_root(h->h);

	while (node && *key) {
		size_t n = strcspn(key, "\\");
		char part[512];

		if (n >= sizeof(part))
			return 0;
		memcpy(part, key, n);
		part[n] = '\0';
		if (n)
			node = hivex_node_get_child(h->h, node, part);
		key += n + (key[n] == '\\');
	}
	return node;
}

const char *hive_path(const struct hive *h)
{
	return h->name;
}

bool hive_has_key(struct hive *h, const char *key)
{
	return hive_find(h, key) != 0;
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* Takes a list of either kind; a name that cannot be told is left out. */
static int names(struct hive *h, const size_t *list, char *(*get)(hive_h *, size_t),
		 struct machine_strv *ret, struct err *err)
{
	struct machine_strv v = { 0 };

	for (size_t i = 0; list && list[i]; i++) {
		CLEANUP(mem_free) char *name = get(h->h, list[i]);

		if (name && machine_strv_add(&v, name) < 0) {
			machine_strv_done(&v);
			return err_nomem(err);
		}
	}
	if (v.n)
		qsort(v.v, v.n, sizeof(*v.v), by_name);
	machine_strv_done(ret);
	*ret = v;
	return 0;
}

int hive_subkeys(struct hive *h, const char *key, struct machine_strv *ret, struct err *err)
{
	hive_node_h node = hive_find(h, key);
	CLEANUP(mem_free) hive_node_h *list = node ? hivex_node_children(h->h, node) : NULL;

	if (node && !list)
		return err_set(err, EILSEQ, "%s: the keys below %s cannot be read", h->name, key);
	return names(h, list, hivex_node_name, ret, err);
}

int hive_values(struct hive *h, const char *key, struct machine_strv *ret, struct err *err)
{
	hive_node_h node = hive_find(h, key);
	CLEANUP(mem_free) hive_value_h *list = node ? hivex_node_values(h->h, node) : NULL;

	if (node && !list)
		return err_set(err, EILSEQ, "%s: the values of %s cannot be read", h->name, key);
	return names(h, list, hivex_value_key, ret, err);
}

int hive_get_raw(struct hive *h, const char *key, const char *name, enum hive_type *ret_type,
		 void **ret, size_t *ret_len, struct err *err)
{
	hive_node_h node = hive_find(h, key);
	hive_value_h value = node ? hivex_node_get_value(h->h, node, name) : 0;
	hivex_type type;
	size_t len;
	char *data;

	if (!value)
		return err_set(err, ENOENT, "%s: no value %s\\%s", h->name, key, name);
	data = hivex_value_value(h->h, value, &type, &len);
	if (!data && errno == ENOMEM)
		return err_nomem(err);
	if (!data)
		return err_set(err, EILSEQ, "%s: the value %s\\%s cannot be read", h->name, key,
			       name);
	*ret_type = (enum hive_type)(unsigned int)type;
	*ret = data;
	*ret_len = len;
	return 0;
}

static int get_typed(struct hive *h, const char *key, const char *name, unsigned int types,
		     uint8_t **ret, size_t *ret_len, struct err *err)
{
	enum hive_type type;
	void *data = NULL;
	int r = hive_get_raw(h, key, name, &type, &data, ret_len, err);

	if (r < 0)
		return r;
	if ((unsigned int)type >= 32 || !(types & 1u << type)) {
		free(data);
		return err_set(err, EILSEQ, "%s: the value %s\\%s has type %u", h->name, key, name,
			       (unsigned int)type);
	}
	*ret = data;
	return 0;
}

int hive_get_dword(struct hive *h, const char *key, const char *name, uint32_t *ret,
		   struct err *err)
{
	CLEANUP(mem_free) uint8_t *data = NULL;
	size_t len;
	int r = get_typed(h, key, name, 1u << HIVE_DWORD, &data, &len, err);

	if (r < 0)
		return r;
	if (len != 4)
		return err_set(err, EILSEQ, "%s: the value %s\\%s has %zu bytes", h->name, key,
			       name, len);
	*ret = get_le32(data);
	return 0;
}

static int to_utf8(struct hive *h, const char *key, const char *name, const uint8_t *p,
		   size_t units, char **ret, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char *s;

	if (!utf16_valid(p, units))
		return err_set(err, EILSEQ, "%s: the value %s\\%s is no text", h->name, key, name);
	strbuf_add(&b, "");
	utf16_add(&b, p, units);
	s = strbuf_take(&b);
	if (!s)
		return err_nomem(err);
	*ret = s;
	return 0;
}

int hive_get_string(struct hive *h, const char *key, const char *name, char **ret, struct err *err)
{
	CLEANUP(mem_free) uint8_t *data = NULL;
	size_t len;
	int r = get_typed(h, key, name, 1u << HIVE_SZ | 1u << HIVE_EXPAND_SZ, &data, &len, err);

	if (r < 0)
		return r;
	return to_utf8(h, key, name, data, utf16_len(data, len / 2), ret, err);
}

int hive_get_strings(struct hive *h, const char *key, const char *name, struct machine_strv *ret,
		     struct err *err)
{
	CLEANUP(mem_free) uint8_t *data = NULL;
	struct machine_strv v = { 0 };
	size_t len, at = 0;
	int r = get_typed(h, key, name, 1u << HIVE_MULTI_SZ, &data, &len, err);

	while (r >= 0 && at < len / 2) {
		size_t n = utf16_len(data + 2 * at, len / 2 - at);
		CLEANUP(mem_free) char *s = NULL;

		if (!n)
			break;
		r = to_utf8(h, key, name, data + 2 * at, n, &s, err);
		if (r >= 0 && machine_strv_add(&v, s) < 0)
			r = err_nomem(err);
		at += n + 1;
	}
	if (r < 0) {
		machine_strv_done(&v);
		return r;
	}
	machine_strv_done(ret);
	*ret = v;
	return 0;
}

int hive_commit(struct hive *h, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	hive_h *again = NULL;
	size_t unsorted = 0;
	char path[40];
	int r;

	if (!h->changed)
		return 0;
	if (h->broken)
		return err_set(err, EIO, "%s is left as it was: an earlier change failed", h->name);
	fd = memfd_create("p2v-hive", MFD_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot make room for %s", h->name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (hivex_commit(h->h, path, 0) < 0)
		return err_errno(err, "cannot write the new %s", h->name);
	r = open_hivex(fd, h->name, false, &again, &unsorted, err);
	if (r < 0)
		return err_set(err, EIO, "the new %s would not be sound", h->name);
	hivex_close(again);
	/* Not every libhivex sorts by capitals, as Windows does: "_" stands behind the letters. */
	if (unsorted > h->unsorted)
		return err_set(err, EIO, "the new %s would have a key in the wrong place",
			       h->name);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, "cannot read the new %s", h->name);
	r = h->store(h, fd, err);
	if (r < 0)
		return r;
	h->changed = false;
	return 0;
}
