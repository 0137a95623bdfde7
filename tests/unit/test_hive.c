/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registry hives: what is set is read back, by us and by hivexregedit; what is torn is refused. */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/fdio.h"
#include "postfix/windows/hive.h"
#include "postfix/windows/regf.h"
#include "tests/lib/hives.h"
#include "tests/lib/mutate.h"

static char path[64];

static void setup(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/p2v-hive.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(path);
}

static struct hive *opened(bool writable)
{
	struct err err = ERR_INIT;
	struct hive *h;

	ck_assert_msg(hive_open_file(path, writable, &h, &err) == 0, "%s", err.text);
	return h;
}

static void read_all(char **ret, size_t *ret_len)
{
	ck_assert_int_ge(fdio_read_file(path, 1 << 26, ret, ret_len, NULL), 0);
}

static void write_all(const void *data, size_t len)
{
	ck_assert_int_ge(fdio_replace_file(path, data, len, 0600, NULL), 0);
}

static const char sample[] =
	"[Select]\n\"Current\"=dword:00000001\n"
	"[ControlSet001\\Services\\disk]\n\"Start\"=dword:00000000\n"
	"\"ImagePath\"=expand:\"system32\\\\DRIVERS\\\\disk.sys\"\n"
	"\"Big\"=hex:00,01,02,03,04,05,06,07,08,09\n\"Empty\"=hex:\n"
	"\"List\"=multi:\"one\",\"zwei \303\244\",\"\360\237\230\200\"\n"
	"\"Name\"=\"a \\\"b\\\" c\"\n\"Odd\"=hex(1):41,00,42\n\"Lone\"=hex(1):00,d8,41,00\n"
	"@=\"default\"\n";

START_TEST(test_read)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(mem_free) char *s = NULL;
	struct machine_strv v = { 0 };
	const char *key = "controlset001\\SERVICES\\Disk";
	struct err err = ERR_INIT;
	uint32_t n;

	hives_make(path, sample);
	h = opened(false);
	ck_assert_int_eq(hive_get_dword(h, "Select", "current", &n, NULL), 0);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(hive_get_dword(h, key, "ImagePath", &n, &err), -EILSEQ);
	ck_assert_int_eq(hive_get_dword(h, key, "Nothing", &n, &err), -ENOENT);
	ck_assert_int_eq(hive_get_dword(h, "No\\Such", "Nothing", &n, &err), -ENOENT);
	ck_assert_int_eq(hive_get_string(h, key, "imagepath", &s, NULL), 0);
	ck_assert_str_eq(s, "system32\\DRIVERS\\disk.sys");
	free(s);
	ck_assert_int_eq(hive_get_string(h, key, "", &s, NULL), 0);
	ck_assert_str_eq(s, "default");
	free(s);
	ck_assert_int_eq(hive_get_string(h, key, "Name", &s, NULL), 0);
	ck_assert_str_eq(s, "a \"b\" c");
	free(s);
	ck_assert_int_eq(hive_get_string(h, key, "Odd", &s, NULL), 0);
	ck_assert_str_eq(s, "A");
	ck_assert_int_eq(hive_get_string(h, key, "Lone", &s, &err), -EILSEQ);
	ck_assert_int_eq(hive_get_strings(h, key, "List", &v, NULL), 0);
	ck_assert_uint_eq(v.n, 3);
	ck_assert_str_eq(v.v[1], "zwei \303\244");
	ck_assert_str_eq(v.v[2], "\360\237\230\200");
	ck_assert_int_eq(hive_subkeys(h, "ControlSet001", &v, NULL), 0);
	ck_assert_uint_eq(v.n, 1);
	ck_assert_int_eq(hive_subkeys(h, "Nowhere", &v, NULL), 0);
	ck_assert_uint_eq(v.n, 0);
	ck_assert_int_eq(hive_values(h, key, &v, NULL), 0);
	ck_assert_uint_eq(v.n, 9);
	ck_assert_str_eq(v.v[1], "Big");
	ck_assert_int_eq(hive_set_dword(h, key, "Start", 4, &err), -EROFS);
	machine_strv_done(&v);
}
END_TEST

START_TEST(test_change)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(mem_free) char *before = NULL, *after = NULL;
	const char *key = "ControlSet001\\Services\\disk";
	static const char *const list[] = { "x", "y" };
	size_t n, m;
	struct err err = ERR_INIT;

	hives_make(path, sample);
	read_all(&before, &n);
	h = opened(true);
	ck_assert_int_eq(hive_set_dword(h, key, "Start", 0, NULL), 0);
	ck_assert_int_eq(hive_set_string(h, key, "name", HIVE_SZ, "a \"b\" c", NULL), 0);
	ck_assert_int_eq(hive_make_key(h, key, NULL), 0);
	ck_assert_int_eq(hive_delete_value(h, key, "Nope", NULL), 0);
	ck_assert_int_eq(hive_delete_key(h, "Nope\\Deep", NULL), 0);
	ck_assert_int_eq(hive_commit(h, NULL), 0);
	read_all(&after, &m);
	ck_assert(n == m && memcmp(before, after, n) == 0);

	ck_assert_int_eq(hive_set_dword(h, key, "start", 4, NULL), 1);
	ck_assert_int_eq(hive_set_string(h, key, "Name", HIVE_EXPAND_SZ, "n\303\244", NULL), 1);
	ck_assert_int_eq(hive_set_strings(h, key, "List", list, 2, NULL), 1);
	ck_assert_int_eq(hive_set_dword(h, "New\\Key\\Deep", "v", 7, NULL), 1);
	ck_assert_int_eq(hive_delete_value(h, key, "EMPTY", NULL), 1);
	ck_assert_int_eq(hive_make_key(h, "Only\\Key", NULL), 1);
	ck_assert_int_eq(hive_delete_key(h, "Only\\Key", NULL), 1);
	ck_assert_int_eq(hive_set_dword(h, "N\303\244", "v", 7, &err), -EINVAL);
	ck_assert_int_eq(hive_set_string(h, key, "Name", HIVE_SZ, "\377", &err), -EILSEQ);
	ck_assert_uint_eq(hive_changes(h)->n, 7);
	ck_assert_str_eq(hive_changes(h)->v[0],
			 "ControlSet001\\Services\\disk\\start: 0 -> 4");
	ck_assert_str_eq(hive_changes(h)->v[1],
			 "ControlSet001\\Services\\disk\\Name: \"a \"b\" c\" -> \"n\303\244\"");
	ck_assert_str_eq(hive_changes(h)->v[3], "New\\Key\\Deep\\v: nothing -> 7");
	ck_assert_str_eq(hive_changes(h)->v[5], "Only\\Key: made");
	ck_assert_int_eq(hive_commit(h, &err), 0);
	hive_free(h);
	h = opened(true);
	ck_assert_int_eq(hive_set_dword(h, key, "start", 4, NULL), 0);
	ck_assert_int_eq(hive_set_strings(h, key, "List", list, 2, NULL), 0);
	ck_assert(!hive_has_key(h, "Only\\Key") && hive_has_key(h, "only"));
}
END_TEST

/* What is refused stays as it was, and says what to do. */
static void refused(const char *why)
{
	struct err err = ERR_INIT;
	struct hive *h = NULL;
	int r = hive_open_file(path, true, &h, &err);

	ck_assert_msg(r == -EILSEQ, "%s: %d %s", why, r, err.text);
	ck_assert_ptr_null(h);
	ck_assert_msg(strstr(err.text, why), "%s, not: %s", why, err.text);
	ck_assert_ptr_nonnull(strstr(err.hint, "shut it down completely"));
}

START_TEST(test_torn)
{
	CLEANUP(mem_free) char *good = NULL;
	size_t n;

	hives_make(path, sample);
	read_all(&good, &n);
	write_all("", 0);
	refused("empty");
	write_all("regf", 4);
	refused("cut off");
	write_all("XXXX this is something else, and long enough to be one", 40);
	refused("no registry hive");
	for (size_t cut = 8; cut < n; cut += cut < 512 ? 8 : 256) {
		write_all(good, cut);
		refused("cut off");
	}
	put_le32(good + 4, get_le32(good + 4) + 1);
	write_all(good, n);
	refused("wrong checksum");
	hives_seal((uint8_t *)good);
	write_all(good, n);
	refused("dirty");
	put_le32(good + 4, get_le32(good + 8));
	put_le32(good + 36, 0x40);
	hives_seal((uint8_t *)good);
	write_all(good, n);
	refused("damaged");
}
END_TEST

/* Keys are sorted by capitals, "_" behind letters: what is made is, and what is not is seen. */
START_TEST(test_order)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(mem_free) char *data = NULL;
	size_t n, unsorted = 99;
	char *list, swap[8];

	hives_make(path, "[A\\x1]\n[A\\xz]\n[A\\xa]\n");
	h = opened(true);
	ck_assert_int_eq(hive_make_key(h, "A\\x_y", NULL), 1);
	ck_assert_int_eq(hive_commit(h, NULL), 0);
	read_all(&data, &n);
	ck_assert_int_eq(regf_check(data, n, &unsorted, NULL), 0);
	ck_assert_uint_eq(unsorted, 0);
	/* Two entries of the list of four. */
	list = memmem(data, n, "lh\4\0", 4);
	ck_assert_ptr_nonnull(list);
	memcpy(swap, list + 4, 8);
	memcpy(list + 4, list + 12, 8);
	memcpy(list + 12, swap, 8);
	ck_assert_int_eq(regf_check(data, n, &unsorted, NULL), 0);
	ck_assert_uint_eq(unsorted, 1);
	/* One of them twice. */
	memcpy(list + 4, list + 12, 8);
	ck_assert_int_eq(regf_check(data, n, NULL, NULL), -EILSEQ);
}
END_TEST

/* Values that are kept in pieces are read, and their key is left alone. */
START_TEST(test_long_values)
{
	CLEANUP(hive_free) struct hive *h = NULL;
	CLEANUP(mem_free) char *long_one = malloc(HIVE_VALUE_MAX + 1);
	struct err err = ERR_INIT;

	memset(long_one, 'x', HIVE_VALUE_MAX + 1);
	hives_make(path, sample);
	h = opened(true);
	ck_assert_int_eq(hive_set_raw(h, "Select", "v", HIVE_BINARY, long_one, HIVE_VALUE_MAX + 1,
				      &err), -EFBIG);
	ck_assert_int_eq(hive_set_raw(h, "Select", "v", HIVE_BINARY, long_one, HIVE_VALUE_MAX,
				      &err), 1);
	ck_assert_int_eq(hive_commit(h, &err), 0);
}
END_TEST

/* Use a hive in every way: what got through must not crash anything. */
static void use(struct hive *h)
{
	const char *key = "ControlSet001\\Services\\disk";
	struct machine_strv v = { 0 };
	uint32_t n;

	hive_get_dword(h, key, "Start", &n, NULL);
	hive_get_strings(h, key, "List", &v, NULL);
	hive_subkeys(h, "ControlSet001", &v, NULL);
	hive_values(h, key, &v, NULL);
	hive_set_dword(h, key, "New", 1, NULL);
	hive_set_dword(h, "ControlSet001\\Services\\viostor\\Parameters", "New", 1, NULL);
	hive_delete_value(h, key, "Big", NULL);
	hive_delete_key(h, "Select", NULL);
	machine_strv_done(&v);
	hive_commit(h, NULL);
}

static unsigned int opened_count;

/* In memory: syncing thousands of files takes minutes. They cannot be replaced there. */
static void damaged(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	CLEANUP(fd_close) int fd = memfd_create("hive", MFD_CLOEXEC);
	CLEANUP(mem_free) uint8_t *copy = malloc(len ? len : 1);
	CLEANUP(hive_free) struct hive *h = NULL;
	char name[40];

	(void)what;
	(void)opaque;
	memcpy(copy, data, len);
	/* Else every damage to the first block would end there. */
	if (len >= 4096)
		hives_seal(copy);
	ck_assert_int_ge(fdio_pwrite_full(fd, copy, len, 0), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if (hive_open_file(name, true, &h, NULL) < 0)
		return;
	opened_count++;
	use(h);
}

START_TEST(test_damaged)
{
	CLEANUP(mem_free) char *good = NULL;
	size_t n;

	hives_make(path, sample);
	read_all(&good, &n);
	/* The first bin is where all is; the mutants go all over it, and over the head. */
	mutate_each(good, n, 1500, damaged, NULL);
	for (size_t at = 4096; at < n && at < 4096 + 1400; at++) {
		uint8_t keep = (uint8_t)good[at];

		for (unsigned int b = at % 3; b < 8; b += 6) {
			good[at] = (char)(keep ^ 1u << b);
			damaged((uint8_t *)good, n, "", NULL);
		}
		good[at] = (char)keep;
	}
	ck_assert_uint_gt(opened_count, 100);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hive");
	TCase *t = tcase_create("hive");

	tcase_set_timeout(t, 180);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_read);
	tcase_add_test(t, test_change);
	tcase_add_test(t, test_torn);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_long_values);
	tcase_add_test(t, test_damaged);
	suite_add_tcase(s, t);
	return s;
}
UNIT_MAIN(suite)
