/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OVMF's variable store: the real templates, boot entries in and out again, hostile files. */
#include "tests/lib/unit.h"

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "convert/ovmf_boot.h"
#include "convert/ovmf_vars.h"
#include "inventory/hw/efivar.h"
#include "tests/lib/mutate.h"

#define TEMPLATES "/usr/share/OVMF/"

/* EFI_IMAGE_SECURITY_DATABASE_GUID, d719b2cb-3d3a-4596-a3bc-dad00e67656f */
static const uint8_t security_guid[16] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
					   0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

static bool load(const char *name, char **ret, size_t *ret_len)
{
	char path[80];

	snprintf(path, sizeof(path), TEMPLATES "%s", name);
	return fdio_read_file(path, OVMF_VARS_MAX_FILE, ret, ret_len, NULL) == 0;
}

static const char *const templates[] = {
	"OVMF_VARS_4M.fd", "OVMF_VARS_4M.ms.fd", "OVMF_VARS.fd", "OVMF_VARS.ms.fd",
};

START_TEST(the_templates_are_read)
{
	CLEANUP(mem_free) char *data = NULL;
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL, *again = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	bool keys = strstr(templates[_i], ".ms.") != NULL;
	struct err err = ERR_INIT;
	size_t len, n;

	if (!load(templates[_i], &data, &len))
		UNIT_LEAVE("no ovmf package");
	ck_assert_msg(ovmf_vars_parse(data, len, &v, &err) == 0, "%s", err.text);
	ck_assert(keys == (ovmf_vars_find(v, ovmf_vars_global, "PK") != NULL));
	ck_assert(keys == (ovmf_vars_find(v, security_guid, "db") != NULL));
	ck_assert(keys == (v->n > 0));
	/* Written anew it holds the same, and everything outside the store is untouched. */
	ck_assert_int_eq(ovmf_vars_build(v, &out, &n, &err), 0);
	ck_assert_uint_eq(n, len);
	ck_assert_mem_eq(out, data, v->store + 28);
	ck_assert_mem_eq(out + v->store + v->store_size, data + v->store + v->store_size,
			 len - v->store - v->store_size);
	ck_assert_int_eq(ovmf_vars_parse(out, n, &again, &err), 0);
	ck_assert_uint_eq(again->n, v->n);
	for (size_t i = 0; i < v->n; i++) {
		ck_assert_uint_eq(again->v[i].len, v->v[i].len);
		ck_assert_mem_eq(again->v[i].data, v->v[i].data, v->v[i].len);
		ck_assert_mem_eq(again->v[i].auth, v->v[i].auth, sizeof(v->v[i].auth));
		ck_assert_uint_eq(again->v[i].attributes, v->v[i].attributes);
	}
}
END_TEST

/* An empty store of 1 KiB in a volume of 2 KiB, with a mark where fault tolerant writes are. */
#define STORE_AT 72
#define STORE_LEN 1024
#define FILE_LEN 2048
static void make_file(uint8_t *p)
{
	static const uint8_t volume[] = { 0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
					  0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50 };
	static const uint8_t store[] = { 0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43,
					 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92 };
	uint16_t sum = 0;

	memset(p, 0xff, FILE_LEN);
	memset(p, 0, STORE_AT);
	memcpy(p + 16, volume, sizeof(volume));
	put_le64(p + 32, FILE_LEN);
	memcpy(p + 40, "_FVH", 4);
	put_le16(p + 48, STORE_AT);
	for (size_t i = 0; i < STORE_AT; i += 2)
		sum = (uint16_t)(sum + get_le16(p + i));
	put_le16(p + 50, (uint16_t)-sum);
	memcpy(p + STORE_AT, store, sizeof(store));
	put_le32(p + STORE_AT + 16, STORE_LEN);
	p[STORE_AT + 20] = 0x5a;
	p[STORE_AT + 21] = 0xfe;
	memset(p + STORE_AT + STORE_LEN, 0x77, 16);
}

static struct ovmf_vars *parse(const uint8_t *p)
{
	struct ovmf_vars *v = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(ovmf_vars_parse(p, FILE_LEN, &v, &err) == 0, "%s", err.text);
	return v;
}

static uint8_t *build(struct ovmf_vars *v)
{
	uint8_t *out = NULL;
	size_t n = 0;

	ck_assert_int_eq(ovmf_vars_build(v, &out, &n, NULL), 0);
	ck_assert_uint_eq(n, FILE_LEN);
	return out;
}

START_TEST(values_come_back)
{
	uint8_t file[FILE_LEN];
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL, *again = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	const struct ovmf_var *x;

	make_file(file);
	v = parse(file);
	ck_assert_uint_eq(v->n, 0);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "A", 7, "12345", 5, NULL), 0);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "Bb", 3, "x", 1, NULL), 0);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "A", 7, "678", 3, NULL), 0);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "\xc3\xa4", 7, "", 0, NULL), -EINVAL);
	out = build(v);
	ck_assert_int_eq(out[STORE_AT + STORE_LEN], 0x77);
	again = parse(out);
	ck_assert_uint_eq(again->n, 2);
	x = ovmf_vars_find(again, ovmf_vars_global, "A");
	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq(x->len, 3);
	ck_assert_mem_eq(x->data, "678", 3);
	ck_assert_uint_eq(ovmf_vars_find(again, ovmf_vars_global, "Bb")->attributes, 3);
	ck_assert_ptr_null(ovmf_vars_find(again, security_guid, "A"));
}
END_TEST

/* State bits: an old value that was being replaced counts only when the new one is missing. */
START_TEST(deleted_ones_do_not_count)
{
	uint8_t file[FILE_LEN];
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL, *a = NULL, *b = NULL, *c = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	size_t first = STORE_AT + 28, second = first + 68;

	make_file(file);
	v = parse(file);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "A", 7, "1234", 4, NULL), 0);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "B", 7, "5678", 4, NULL), 0);
	out = build(v);
	ck_assert_uint_eq(get_le16(out + second), 0x55aa);
	out[first + 2] = 0x3d;
	a = parse(out);
	ck_assert_uint_eq(a->n, 1);
	ck_assert_ptr_null(ovmf_vars_find(a, ovmf_vars_global, "A"));
	out[first + 2] = 0x3e;
	b = parse(out);
	ck_assert_uint_eq(b->n, 2);
	out[second + 60] = 'A';
	c = parse(out);
	ck_assert_uint_eq(c->n, 1);
	ck_assert_mem_eq(c->v[0].data, "5678", 4);
}
END_TEST

START_TEST(a_full_store_is_said)
{
	uint8_t file[FILE_LEN], big[900] = { 0 };
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;
	uint8_t *out = NULL;
	size_t n;

	make_file(file);
	v = parse(file);
	/* 28 + 60 + 4 + 900 = 992: it fits; with 33 more it does not. */
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "A", 7, big, sizeof(big), NULL), 0);
	ck_assert_int_eq(ovmf_vars_build(v, &out, &n, NULL), 0);
	free(out);
	ck_assert_int_eq(ovmf_vars_set(v, ovmf_vars_global, "B", 7, big, 33, NULL), 0);
	ck_assert_int_eq(ovmf_vars_build(v, &out, &n, NULL), -ENOSPC);
}
END_TEST

static struct machine_boot_entry entries[] = {
	{ .number = 0, .label = (char[]){ "UiApp" }, .active = true },
	{ .number = 4, .label = (char[]){ "debian" }, .active = true,
	  .file = (char[]){ "\\EFI\\debian\\shimx64.efi" },
	  .partition_uuid = (char[]){ "01234567-89ab-cdef-0123-456789abcdef" } },
	{ .number = 0x1a, .label = (char[]){ "R\xc3\xb6hre \xf0\x9f\x90\xa7" }, .active = false,
	  .file = (char[]){ "\\EFI\\Linux\\a.efi" },
	  .partition_uuid = (char[]){ "01234567-89ab-cdef-0123-456789abcdef" } },
	{ .number = 7, .label = (char[]){ "gone" }, .active = true,
	  .file = (char[]){ "\\EFI\\x\\grubx64.efi" },
	  .partition_uuid = (char[]){ "99999999-89ab-cdef-0123-456789abcdef" } },
};
static uint16_t order[] = { 0, 7, 0x1a, 4, 4 };
static struct machine_partition partition = {
	.number = 1, .start = MIB, .size = 100 * MIB,
	.uuid = (char[]){ "01234567-89ab-cdef-0123-456789abcdef" },
};
static struct machine_disk disk = {
	.name = (char[]){ "sda" }, .logical_sector = 512, .partitions = &partition,
	.npartitions = 1,
};
static const struct machine machine = {
	.disks = &disk, .ndisks = 1,
	.firmware = { .boot_current = 4, .entries = entries, .nentries = ARRAY_SIZE(entries),
		      .boot_order = order, .nboot_order = ARRAY_SIZE(order) },
};

static void read_back(const struct ovmf_vars *v, const char *name, struct machine_boot_entry *ret)
{
	const struct ovmf_var *x = ovmf_vars_find(v, ovmf_vars_global, name);
	uint8_t buf[1024] = { 7 };
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(x);
	ck_assert_uint_le(x->len, sizeof(buf) - 4);
	memcpy(buf + 4, x->data, x->len);
	ck_assert_msg(efivar_load_option(buf, x->len + 4, ret, &err) == 0, "%s", err.text);
}

static void entry_done(struct machine_boot_entry *e)
{
	free(e->label);
	free(e->file);
	free(e->partition_uuid);
}

START_TEST(boot_entries)
{
	uint8_t file[FILE_LEN];
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;
	struct machine_boot_entry e = { 0 };
	struct machine_strv notes = { 0 };
	const struct ovmf_var *x;

	make_file(file);
	v = parse(file);
	ck_assert_int_eq(ovmf_boot_write(v, &machine, NULL, &notes, NULL), 2);
	ck_assert_uint_eq(notes.n, 2);
	ck_assert_ptr_nonnull(strstr(notes.v[0], "Boot0000 (UiApp)"));
	ck_assert_ptr_nonnull(strstr(notes.v[1], "Boot0007"));
	machine_strv_done(&notes);
	/* The inventory's parser, which knows what real firmware writes, reads the same. */
	read_back(v, "Boot0004", &e);
	ck_assert(e.active);
	ck_assert_str_eq(e.label, "debian");
	ck_assert_str_eq(e.file, "\\EFI\\debian\\shimx64.efi");
	ck_assert_str_eq(e.partition_uuid, partition.uuid);
	entry_done(&e);
	read_back(v, "Boot001A", &e);
	ck_assert(!e.active);
	ck_assert_str_eq(e.label, entries[2].label);
	entry_done(&e);
	x = ovmf_vars_find(v, ovmf_vars_global, "BootOrder");
	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq(x->len, 4);
	ck_assert_uint_eq(get_le16(x->data), 0x1a);
	ck_assert_uint_eq(get_le16(x->data + 2), 4);
	ck_assert_uint_eq(x->attributes, 7);
}
END_TEST

START_TEST(entries_of_disks_that_stayed_behind)
{
	static const char *const other[] = { "sdb", NULL };
	uint8_t file[FILE_LEN];
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;

	make_file(file);
	v = parse(file);
	ck_assert_int_eq(ovmf_boot_write(v, &machine, other, NULL, NULL), 0);
	ck_assert_ptr_null(ovmf_vars_find(v, ovmf_vars_global, "BootOrder"));
}
END_TEST

static void try_mutant(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	size_t n, *good = opaque;
	struct err err = ERR_INIT;

	if (ovmf_vars_parse(data, len, &v, &err) < 0) {
		ck_assert_msg(err.text[0], "%s: refused without a word", what);
		return;
	}
	(*good)++;
	if (ovmf_boot_write(v, &machine, NULL, NULL, NULL) >= 0 &&
	    ovmf_vars_build(v, &out, &n, NULL) == 0)
		ck_assert_uint_eq(n, len);
}

START_TEST(damaged_ones_do_no_harm)
{
	uint8_t file[FILE_LEN];
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;
	CLEANUP(mem_free) uint8_t *out = NULL;
	size_t good = 0, n;

	make_file(file);
	v = parse(file);
	ck_assert_int_ge(ovmf_boot_write(v, &machine, NULL, NULL, NULL), 0);
	out = build(v);
	n = mutate_each(out, FILE_LEN, 0, try_mutant, &good);
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_lt(good, n);
}
END_TEST

START_TEST(what_is_no_store)
{
	static const size_t breaks[] = { 0x10, 0x20 + 7, 0x28, 0x30, 0x32, STORE_AT,
					 STORE_AT + 18, STORE_AT + 20, STORE_AT + 21 };
	uint8_t file[FILE_LEN];
	struct ovmf_vars *v = NULL;

	make_file(file);
	ck_assert_int_eq(ovmf_vars_parse(file, FILE_LEN - 1, &v, NULL), -EBADMSG);
	ck_assert_int_eq(ovmf_vars_parse(file, 0, &v, NULL), -EBADMSG);
	ck_assert_int_eq(ovmf_vars_parse(file, OVMF_VARS_MAX_FILE + 1, &v, NULL), -EBADMSG);
	for (size_t i = 0; i < ARRAY_SIZE(breaks); i++) {
		file[breaks[i]] ^= 0x40;
		ck_assert_msg(ovmf_vars_parse(file, FILE_LEN, &v, NULL) == -EBADMSG,
			      "byte %zu", breaks[i]);
		file[breaks[i]] ^= 0x40;
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ovmf_vars");
	TCase *t = tcase_create("all");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, the_templates_are_read, 0, ARRAY_SIZE(templates));
	tcase_add_test(t, values_come_back);
	tcase_add_test(t, deleted_ones_do_not_count);
	tcase_add_test(t, a_full_store_is_said);
	tcase_add_test(t, boot_entries);
	tcase_add_test(t, entries_of_disks_that_stayed_behind);
	tcase_add_test(t, damaged_ones_do_no_harm);
	tcase_add_test(t, what_is_no_store);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
