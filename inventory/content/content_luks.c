/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LUKS 1 (LUKS On-Disk Format Specification 1.2.3): a binary header with eight key slots, each
 * active or not. LUKS 2 (LUKS2 On-Disk Format Specification 1.1): a binary header of 4 KiB, then
 * JSON to the end of the header, whose size is one of a few; a second copy of both behind it. All
 * binary fields are big-endian.
 *
 * Which of the two copies is newer does not matter here: the first that can be understood is told.
 */
#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/jsonx.h"
#include "inventory/collect.h"
#include "inventory/content/content.h"

#define VERSION		6
#define LUKS1_SLOTS	208
#define LUKS1_SLOT_LEN	48
#define LUKS1_NSLOTS	8
#define LUKS1_ACTIVE	0x00ac71f3u
#define LUKS1_INACTIVE	0x0000deadu

#define LUKS2_HEADER	4096u
#define LUKS2_SIZE	8
#define LUKS2_PLACE	256
#define LUKS2_MIN	16384u
#define LUKS2_MAX	(4u << 20)
#define CHUNK		16384u

static const char magic[6] = "LUKS\xba\xbe", magic_second[6] = "SKUL\xba\xbe";

static int decode_luks1(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	uint8_t h[LUKS1_SLOTS + LUKS1_NSLOTS * LUKS1_SLOT_LEN];
	uint32_t active = 0;
	int r = content_read(s, 0, h, sizeof(h), err);

	if (r < 0)
		return r;
	for (unsigned int i = 0; i < LUKS1_NSLOTS; i++) {
		uint32_t state = get_be32(h + LUKS1_SLOTS + i * LUKS1_SLOT_LEN);

		if (state == LUKS1_ACTIVE)
			active++;
		else if (state != LUKS1_INACTIVE)
			return err_set(err, EBADMSG, "LUKS key slot %u has an impossible state", i);
	}
	fs->keyslots = active;
	return 0;
}

static int take_json(json_t *root, struct machine_fs *fs, struct err *err)
{
	json_t *slots = json_object_get(root, "keyslots");
	json_t *tokens = json_object_get(root, "tokens"), *o;
	struct machine_strv *list = &fs->tokens;
	uint32_t n = 0;
	const char *key;

	if (!json_is_object(slots) || (tokens && !json_is_object(tokens)))
		return err_set(err, EBADMSG, "the LUKS2 metadata has no key slots or tokens");
	/* A slot of the type "reencrypt" opens nothing. */
	json_object_foreach(slots, key, o) {
		const char *type = json_string_value(json_object_get(o, "type"));

		n += type && strcmp(type, "luks2") == 0;
	}
	fs->keyslots = n;
	json_object_foreach(tokens, key, o) {
		const char *type = json_string_value(json_object_get(o, "type"));
		CLEANUP(mem_free) char *text = NULL;

		if (type && content_text(type, strlen(type), &text, err) < 0)
			return -ENOMEM;
		if (!text || machine_strv_has(list, text) || list->n == COLLECT_LIST_MAX)
			continue;
		if (machine_strv_add(list, text) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* The text of the area, which ends at the first NUL: read so far and not further. */
static int read_area(const struct content_source *s, uint64_t offset, size_t len, char **ret,
		     size_t *ret_len, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;

	for (size_t at = 0; at < len; at += CHUNK) {
		size_t n = MIN(len - at, CHUNK);
		char *bigger = realloc(text, at + n), *end;
		int r;

		if (!bigger)
			return err_nomem(err);
		text = bigger;
		r = content_read(s, offset + at, text + at, n, err);
		if (r < 0)
			return r;
		end = memchr(text + at, '\0', n);
		if (end) {
			*ret_len = (size_t)(end - text);
			*ret = TAKE_PTR(text);
			return 0;
		}
	}
	return err_set(err, EBADMSG, "the LUKS2 metadata does not end");
}

static int decode_luks2(const struct content_source *s, uint64_t offset, const char *expected,
			struct machine_fs *fs, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(json_unref) json_t *root = NULL;
	uint8_t h[LUKS2_PLACE + 8];
	uint64_t size;
	size_t len = 0;
	int r = content_read(s, offset, h, sizeof(h), err);

	if (r < 0)
		return r;
	size = get_be64(h + LUKS2_SIZE);
	if (memcmp(h, expected, sizeof(magic)) != 0 || get_be16(h + VERSION) != 2 ||
	    get_be64(h + LUKS2_PLACE) != offset)
		return err_set(err, EBADMSG, "the LUKS2 header is not where it was written");
	if (size < LUKS2_MIN || size > LUKS2_MAX || (size & (size - 1)))
		return err_set(err, EBADMSG, "the LUKS2 header has the impossible size 0x%" PRIx64,
			       size);
	r = read_area(s, offset + LUKS2_HEADER, size - LUKS2_HEADER, &text, &len, err);
	if (r == 0)
		r = jsonx_parse(text, len, "the LUKS2 metadata", &root, err);
	return r < 0 ? r : take_json(root, fs, err);
}

int content_luks(const struct content_source *s, struct machine_fs *fs, struct err *err)
{
	struct err first = ERR_INIT;
	uint8_t h[8];
	bool is_first;
	int r = content_read(s, 0, h, sizeof(h), err);

	if (r < 0)
		return r;
	is_first = memcmp(h, magic, sizeof(magic)) == 0;
	if (is_first && get_be16(h + VERSION) == 1)
		return decode_luks1(s, fs, err);
	if (is_first && get_be16(h + VERSION) != 2)
		return err_set(err, EBADMSG, "the LUKS header has the unknown version %u",
			       get_be16(h + VERSION));
	r = decode_luks2(s, 0, magic, fs, &first);
	if (r == 0 || r == -ENOMEM)
		return r;
	for (uint64_t at = LUKS2_MIN; at <= LUKS2_MAX; at *= 2) {
		int r2;

		/* Most places hold something else; that is no news. */
		r2 = decode_luks2(s, at, magic_second, fs, NULL);
		if (r2 == -ENOMEM)
			return err_nomem(err);
		if (r2 == 0)
			return 0;
	}
	return err_set(err, first.code, "%s", first.text);
}
