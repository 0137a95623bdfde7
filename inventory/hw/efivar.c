/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/hw/efivar.h"

#include <inttypes.h>
#include <string.h>
#include "common/bytes.h"
#include "common/text.h"
#include "common/utf16.h"

#define ATTRIBUTES_LEN		4
#define LOAD_OPTION_ACTIVE	1u
#define LOAD_OPTION_HEADER	6	/* u32 attributes, u16 length of the device path list */

/* Device path nodes: type, subtype, u16 length that includes these four bytes. */
#define NODE_HEADER		4
#define NODE_MEDIA		4
#define NODE_MEDIA_HD		1
#define NODE_MEDIA_FILE		4
#define NODE_END		0x7f
#define HD_LEN			42
#define HD_SIGNATURE		24
#define HD_SIGNATURE_TYPE	41
#define HD_SIGNATURE_GUID	2

/* Signature list: type GUID, u32 size of it all, u32 of a header, u32 of each signature. */
#define LIST_HEADER		28
#define LIST_SIZE		16
#define LIST_EXTRA		20
#define LIST_EACH		24
#define SIGNATURE_OWNER		16	/* a GUID before the certificate */

/* EFI GUIDs are little-endian in their first three groups. */
static int format_guid(const uint8_t *g, char **ret)
{
	int n = asprintf(ret, "%08" PRIx32 "-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 get_le32(g), get_le16(g + 4), get_le16(g + 6), g[8], g[9], g[10], g[11],
			 g[12], g[13], g[14], g[15]);

	return n < 0 ? -ENOMEM : 0;
}

/* Strip the attributes. */
static int value(const void *data, size_t len, size_t min, const uint8_t **ret, size_t *ret_len,
		 struct err *err)
{
	if (len < ATTRIBUTES_LEN + min)
		return err_set(err, EBADMSG, "EFI variable is too short (%zu bytes)", len);
	*ret = (const uint8_t *)data + ATTRIBUTES_LEN;
	*ret_len = len - ATTRIBUTES_LEN;
	return 0;
}

/* A list holds one device path; the first hard disk and the file after it are what boots. */
static int parse_path(const uint8_t *p, size_t len, struct strbuf *file, char **uuid,
		      struct err *err)
{
	while (len > 0) {
		size_t n;

		if (len < NODE_HEADER)
			return err_set(err, EBADMSG, "EFI device path is cut off");
		n = get_le16(p + 2);
		if (n < NODE_HEADER || n > len)
			return err_set(err, EBADMSG, "EFI device path has a node of %zu bytes", n);
		if (p[0] == NODE_END)
			return 0;
		if (p[0] == NODE_MEDIA && p[1] == NODE_MEDIA_HD && n >= HD_LEN && !*uuid &&
		    p[HD_SIGNATURE_TYPE] == HD_SIGNATURE_GUID &&
		    format_guid(p + HD_SIGNATURE, uuid) < 0)
			return err_nomem(err);
		if (p[0] == NODE_MEDIA && p[1] == NODE_MEDIA_FILE) {
			size_t room = (n - NODE_HEADER) / 2;

			/* A path may be spread over nodes: the separator is theirs or ours. */
			if (file->len > 0 && room > 0 && file->s[file->len - 1] != '\\' &&
			    get_le16(p + NODE_HEADER) != '\\')
				strbuf_add(file, "\\");
			utf16_add(file, p + NODE_HEADER, utf16_len(p + NODE_HEADER, room));
		}
		p += n;
		len -= n;
	}
	return 0;
}

int efivar_load_option(const void *data, size_t len, struct machine_boot_entry *ret,
		       struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf label = { 0 }, file = { 0 };
	CLEANUP(mem_free) char *uuid = NULL;
	size_t n = 0, units, path_len;
	const uint8_t *p = NULL;
	int r = value(data, len, LOAD_OPTION_HEADER + 2, &p, &n, err);

	if (r < 0)
		return r;
	path_len = get_le16(p + 4);
	units = utf16_len(p + LOAD_OPTION_HEADER, (n - LOAD_OPTION_HEADER) / 2);
	if (units == (n - LOAD_OPTION_HEADER) / 2)
		return err_set(err, EBADMSG, "EFI boot entry has a label without an end");
	if (path_len > n - LOAD_OPTION_HEADER - 2 * (units + 1))
		return err_set(err, EBADMSG, "EFI boot entry is shorter than its device path");

	strbuf_add(&label, "");
	utf16_add(&label, p + LOAD_OPTION_HEADER, units);
	r = parse_path(p + LOAD_OPTION_HEADER + 2 * (units + 1), path_len, &file, &uuid, err);
	if (r < 0)
		return r;
	if (label.failed || file.failed)
		return err_nomem(err);
	ret->active = (get_le32(p) & LOAD_OPTION_ACTIVE) != 0;
	ret->label = strbuf_take(&label);
	ret->file = file.len > 0 ? strbuf_take(&file) : NULL;
	ret->partition_uuid = TAKE_PTR(uuid);
	return 0;
}

int efivar_boot_order(const void *data, size_t len, uint16_t **ret, size_t *ret_n, struct err *err)
{
	const uint8_t *p = NULL;
	uint16_t *list;
	size_t n = 0;
	int r = value(data, len, 0, &p, &n, err);

	if (r < 0)
		return r;
	if (n % 2)
		return err_set(err, EBADMSG, "EFI boot order has an odd length");
	list = calloc(n ? n / 2 : 1, sizeof(*list));
	if (!list)
		return err_nomem(err);
	for (size_t i = 0; i < n / 2; i++)
		list[i] = get_le16(p + 2 * i);
	*ret = list;
	*ret_n = n / 2;
	return 0;
}

int efivar_u16(const void *data, size_t len, uint16_t *ret, struct err *err)
{
	const uint8_t *p = NULL;
	size_t n = 0;
	int r = value(data, len, 2, &p, &n, err);

	if (r == 0)
		*ret = get_le16(p);
	return r;
}

int efivar_bool(const void *data, size_t len, bool *ret, struct err *err)
{
	const uint8_t *p = NULL;
	size_t n = 0;
	int r = value(data, len, 1, &p, &n, err);

	if (r == 0)
		*ret = p[0] == 1;
	return r;
}

static int add_cert(struct efivar_certs *c, const uint8_t *p, size_t len, struct err *err)
{
	uint8_t digest[SHA256_LEN], (*slot)[SHA256_LEN];
	int r = digest_sha256(p, len, digest);

	if (r < 0)
		return err_set(err, -r, "cannot compute a digest");
	for (size_t i = 0; i < c->n; i++)
		if (memcmp(c->digests[i], digest, SHA256_LEN) == 0)
			return 0;
	if (c->n == EFIVAR_CERTS_MAX)
		return err_set(err, E2BIG, "more than %d certificates", EFIVAR_CERTS_MAX);
	slot = machine_grow(&c->digests, &c->n, sizeof(*slot));
	if (!slot)
		return err_nomem(err);
	memcpy(slot, digest, SHA256_LEN);
	return 0;
}

int efivar_certs_add(struct efivar_certs *c, const void *data, size_t len, struct err *err)
{
	/* EFI_CERT_X509_GUID a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
	static const uint8_t x509[16] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
					  0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
	const uint8_t *p = NULL;
	size_t n = 0;
	int r = value(data, len, 0, &p, &n, err);

	while (r == 0 && n > 0) {
		uint32_t size, extra, each;

		if (n < LIST_HEADER)
			return err_set(err, EBADMSG, "EFI signature list is cut off");
		size = get_le32(p + LIST_SIZE);
		extra = get_le32(p + LIST_EXTRA);
		each = get_le32(p + LIST_EACH);
		if (size < LIST_HEADER || size > n || extra > size - LIST_HEADER ||
		    each <= SIGNATURE_OWNER || (size - LIST_HEADER - extra) % each)
			return err_set(err, EBADMSG,
				       "EFI signature list of %" PRIu32 " bytes does not add up",
				       size);
		for (uint32_t at = LIST_HEADER + extra;
		     r == 0 && at < size && memcmp(p, x509, sizeof(x509)) == 0; at += each)
			r = add_cert(c, p + at + SIGNATURE_OWNER, each - SIGNATURE_OWNER, err);
		p += size;
		n -= size;
	}
	return r;
}

void efivar_certs_done(struct efivar_certs *c)
{
	free(c->digests);
	*c = (struct efivar_certs){ 0 };
}
