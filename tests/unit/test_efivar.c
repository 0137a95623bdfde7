/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EFI variables: good ones give their facts, cut and mutated ones an error and nothing else. */
#include <errno.h>
#include "common/bytes.h"
#include "inventory/hw/efivar.h"
#include "tests/lib/unit.h"

struct blob {
	uint8_t b[1024];
	size_t n;
};

static void add(struct blob *v, const void *p, size_t n)
{
	ck_assert_uint_le(v->n + n, sizeof(v->b));
	memcpy(v->b + v->n, p, n);
	v->n += n;
}

static void add16(struct blob *v, uint16_t x)
{
	uint8_t b[2];

	put_le16(b, x);
	add(v, b, 2);
}

static void add_text(struct blob *v, const char *ascii)
{
	for (; *ascii; ascii++)
		add16(v, (uint8_t)*ascii);
}

static void add_node(struct blob *v, uint8_t type, uint8_t subtype, const struct blob *body)
{
	uint8_t head[2] = { type, subtype };

	add(v, head, 2);
	add16(v, (uint16_t)(4 + body->n));
	add(v, body->b, body->n);
}

static void add_hd(struct blob *v, uint8_t signature_type)
{
	static const uint8_t guid[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
					  0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
	struct blob body = { .n = 20 };
	uint8_t tail[2] = { 2, signature_type };

	add(&body, guid, 16);
	add(&body, tail, 2);
	add_node(v, 4, 1, &body);
}

static void add_file(struct blob *v, const char *path, bool nul)
{
	struct blob body = { .n = 0 };

	add_text(&body, path);
	if (nul)
		add16(&body, 0);
	add_node(v, 4, 4, &body);
}

static void add_end(struct blob *v)
{
	static const struct blob none;

	add_node(v, 0x7f, 0xff, &none);
}

static struct blob option(uint32_t attributes, const char *label, const struct blob *path)
{
	struct blob v = { .n = 8 };

	put_le32(v.b, 7);
	put_le32(v.b + 4, attributes);
	add16(&v, (uint16_t)path->n);
	add_text(&v, label);
	add16(&v, 0);
	add(&v, path->b, path->n);
	return v;
}

static struct blob debian(void)
{
	struct blob path = { .n = 0 };

	add_hd(&path, 2);
	add_file(&path, "\\EFI\\debian\\shimx64.efi", true);
	add_end(&path);
	return option(1, "debian", &path);
}

static void entry_done(struct machine_boot_entry *e)
{
	free(e->label);
	free(e->file);
	free(e->partition_uuid);
	*e = (struct machine_boot_entry){ 0 };
}

START_TEST(test_disk_entry)
{
	struct machine_boot_entry e = { .number = 7 };
	struct blob v = debian();

	ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
	ck_assert_str_eq(e.label, "debian");
	ck_assert(e.active);
	ck_assert_str_eq(e.file, "\\EFI\\debian\\shimx64.efi");
	ck_assert_str_eq(e.partition_uuid, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	ck_assert_uint_eq(e.number, 7);
	entry_done(&e);

	/* Optional data after the path belongs to the loader. */
	add_text(&v, "WINDOWS");
	ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
	ck_assert_str_eq(e.file, "\\EFI\\debian\\shimx64.efi");
	entry_done(&e);
}
END_TEST

START_TEST(test_entry_without_disk)
{
	struct machine_boot_entry e = { 0 };
	struct blob path = { .n = 0 }, pci = { .n = 2 }, v;

	add_node(&path, 1, 1, &pci);
	add_end(&path);
	v = option(0, "", &path);
	ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
	ck_assert(!e.active);
	ck_assert_str_eq(e.label, "");
	ck_assert_ptr_null(e.file);
	ck_assert_ptr_null(e.partition_uuid);
	entry_done(&e);

	/* A disk with an MBR has a number, not a GUID. */
	path.n = 0;
	add_hd(&path, 1);
	add_end(&path);
	v = option(0, "mbr", &path);
	ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
	ck_assert_ptr_null(e.partition_uuid);
	entry_done(&e);
}
END_TEST

START_TEST(test_file_over_several_nodes)
{
	static const char *const parts[][2] = {
		{ "\\EFI\\BOOT", "BOOTX64.EFI" }, { "\\EFI\\BOOT\\", "BOOTX64.EFI" },
		{ "\\EFI\\BOOT", "\\BOOTX64.EFI" },
	};

	for (int i = 0; i < 6; i++) {
		struct machine_boot_entry e = { 0 };
		struct blob path = { .n = 0 }, v;

		add_file(&path, parts[i % 3][0], i < 3);
		add_file(&path, parts[i % 3][1], i < 3);
		add_end(&path);
		v = option(1, "x", &path);
		ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
		ck_assert_str_eq(e.file, "\\EFI\\BOOT\\BOOTX64.EFI");
		entry_done(&e);
	}
}
END_TEST

START_TEST(test_utf16)
{
	/* u-umlaut, euro, a die beyond the first plane, and both surrogates alone. */
	static const uint16_t units[] = {0xfc, 0x20ac, 0xd83c, 0xdfb2, 0xd83c,
					 'a',  0xdfb2, 0xd83c, 0};
	struct machine_boot_entry e = { 0 };
	struct blob v = { .n = 8 };

	add16(&v, 0);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		add16(&v, units[i]);
	ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), 0);
	ck_assert_str_eq(e.label, "\xc3\xbc\xe2\x82\xac\xf0\x9f\x8e\xb2\xef\xbf\xbd"
				  "a\xef\xbf\xbd\xef\xbf\xbd");
	entry_done(&e);
}
END_TEST

START_TEST(test_every_cut_is_an_error)
{
	struct blob v = debian();

	for (size_t n = 0; n < v.n; n++) {
		struct machine_boot_entry e = { 0 };
		uint8_t *copy = malloc(n ? n : 1);
		struct err err = ERR_INIT;

		memcpy(copy, v.b, n);
		ck_assert_int_eq(efivar_load_option(copy, n, &e, &err), -EBADMSG);
		ck_assert_int_ne(err.text[0], 0);
		ck_assert_ptr_null(e.label);
		free(copy);
	}
}
END_TEST

START_TEST(test_hostile_lengths)
{
	static const uint16_t lengths[] = { 0, 1, 3, 43, 0x7fff, 0xffff };
	struct machine_boot_entry e = { 0 };
	size_t path_at = 8 + 2 + 2 * 7;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct blob v = debian();

		/* Of the first node. */
		put_le16(v.b + path_at + 2, lengths[i]);
		ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), -EBADMSG);
	}
	for (size_t i = 3; i < ARRAY_SIZE(lengths); i++) {
		struct blob v = debian();

		/* Of the list: longer than the variable, or inside a node. */
		put_le16(v.b + 8, lengths[i]);
		ck_assert_int_eq(efivar_load_option(v.b, v.n, &e, NULL), -EBADMSG);
	}
	ck_assert_ptr_null(e.label);
}
END_TEST

START_TEST(test_random_damage)
{
	uint32_t rng = 0xdeadbeef;

	for (int round = 0; round < 20000; round++) {
		struct machine_boot_entry e = { 0 };
		struct blob v = debian();
		uint8_t *copy = malloc(v.n);

		for (int k = 0; k <= round % 4; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			v.b[rng % v.n] = (uint8_t)(rng >> 24);
		}
		memcpy(copy, v.b, v.n);
		if (efivar_load_option(copy, v.n, &e, NULL) == 0)
			ck_assert_ptr_nonnull(e.label);
		else
			ck_assert_ptr_null(e.label);
		entry_done(&e);
		free(copy);
	}
}
END_TEST

START_TEST(test_small_variables)
{
	static const uint8_t order[] = { 7, 0, 0, 0, 3, 0, 0x1a, 0, 0xff, 0xff };
	static const uint8_t yes[] = { 6, 0, 0, 0, 1 }, no[] = { 6, 0, 0, 0, 0 };
	uint16_t *list = NULL, number = 9;
	bool flag = false;
	size_t n = 99;

	ck_assert_int_eq(efivar_boot_order(order, sizeof(order), &list, &n, NULL), 0);
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(list[1], 0x1a);
	ck_assert_uint_eq(list[2], 0xffff);
	free(list);
	ck_assert_int_eq(efivar_boot_order(order, 4, &list, &n, NULL), 0);
	ck_assert_uint_eq(n, 0);
	free(list);
	list = NULL;
	ck_assert_int_eq(efivar_boot_order(order, 9, &list, &n, NULL), -EBADMSG);
	ck_assert_int_eq(efivar_boot_order(order, 3, &list, &n, NULL), -EBADMSG);
	ck_assert_ptr_null(list);

	ck_assert_int_eq(efivar_u16(order, 6, &number, NULL), 0);
	ck_assert_uint_eq(number, 3);
	ck_assert_int_eq(efivar_u16(order, 5, &number, NULL), -EBADMSG);
	ck_assert_int_eq(efivar_bool(yes, 5, &flag, NULL), 0);
	ck_assert(flag);
	ck_assert_int_eq(efivar_bool(yes, 4, &flag, NULL), -EBADMSG);
	ck_assert(flag);
	ck_assert_int_eq(efivar_bool(no, 5, &flag, NULL), 0);
	ck_assert(!flag);
}
END_TEST

/* Two lists: hashes, then certs of one size each. */
static struct blob mok_list(uint8_t certs)
{
	static const uint8_t x509[16] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
					  0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
	struct blob v = { .n = 4 };

	for (int list = 0; list < 2; list++) {
		uint32_t each = list ? 40 : 48, count = list ? certs : 2;

		memcpy(v.b + v.n, x509, 16);
		v.b[v.n] ^= !list;
		put_le32(v.b + v.n + 16, 28 + each * count);
		put_le32(v.b + v.n + 24, each);
		v.n += 28;
		for (uint32_t i = 0; i < count; i++, v.n += each)
			memset(v.b + v.n, (int)i + 1, each);
	}
	return v;
}

START_TEST(test_certificates)
{
	CLEANUP(efivar_certs_done) struct efivar_certs c = { 0 };
	struct blob v = mok_list(5);

	ck_assert_int_eq(efivar_certs_add(&c, v.b, v.n, NULL), 0);
	ck_assert_uint_eq(c.n, 5);
	/* Again, and with one more. */
	v = mok_list(6);
	ck_assert_int_eq(efivar_certs_add(&c, v.b, v.n, NULL), 0);
	ck_assert_uint_eq(c.n, 6);
	ck_assert_int_eq(efivar_certs_add(&c, v.b, 4, NULL), 0);
	ck_assert_int_eq(efivar_certs_add(&c, v.b, 3, NULL), -EBADMSG);
	ck_assert_uint_eq(c.n, 6);
}
END_TEST

START_TEST(test_damaged_certificates)
{
	/* Of the second list: its size, its header's, a signature's. */
	static const uint32_t values[] = { 0, 1, 16, 17, 27, 29, 0x7fffffff, 0xffffffff };
	const size_t at = 4 + 28 + 2 * 48;
	struct blob good = mok_list(5);
	uint32_t rng = 0xcafef00d;

	for (size_t field = 16; field <= 24; field += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
			CLEANUP(efivar_certs_done) struct efivar_certs c = { 0 };
			struct blob v = good;

			if (field == 20 && values[i] == 0)
				continue;
			put_le32(v.b + at + field, values[i]);
			ck_assert_int_eq(efivar_certs_add(&c, v.b, v.n, NULL), -EBADMSG);
			ck_assert_uint_eq(c.n, 0);
		}
	}
	for (int round = 0; round < 20000; round++) {
		CLEANUP(efivar_certs_done) struct efivar_certs c = { 0 };
		size_t n = round < (int)good.n ? (size_t)round : good.n;
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);
		int r;

		memcpy(copy, good.b, n);
		for (int k = 0; k < round % 4 && n > 0; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			copy[rng % n] = (uint8_t)(rng >> 24);
		}
		r = efivar_certs_add(&c, copy, n, NULL);
		ck_assert(r == 0 || r == -EBADMSG);
	}
}
END_TEST

static Suite *efivar_suite(void)
{
	Suite *s = suite_create("efivar");
	TCase *t = tcase_create("efivar");

	tcase_add_test(t, test_disk_entry);
	tcase_add_test(t, test_entry_without_disk);
	tcase_add_test(t, test_file_over_several_nodes);
	tcase_add_test(t, test_utf16);
	tcase_add_test(t, test_every_cut_is_an_error);
	tcase_add_test(t, test_hostile_lengths);
	tcase_add_test(t, test_random_damage);
	tcase_add_test(t, test_small_variables);
	tcase_add_test(t, test_certificates);
	tcase_add_test(t, test_damaged_certificates);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(efivar_suite)
