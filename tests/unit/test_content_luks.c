/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * LUKS headers made by cryptsetup: what is told of them, hostile JSON in them, and trying keys,
 * on files, without device mapper.
 */
#include "inventory/content/luks_key.h"
#include "tests/images/image.h"
#include "tests/lib/content.h"

#define IMAGE	"luks.img"
#define QUICK	"--pbkdf pbkdf2 --pbkdf-force-iterations 1000"

static bool make(const char *kind)
{
	if (!image_have("cryptsetup"))
		return false;
	image_make(IMAGE, 24 << 20);
	ck_assert_int_eq(image_run("printf first > first; printf second > second; "
				   "printf wrong > wrong"), 0);
	ck_assert_msg(image_run("cryptsetup -q luksFormat --disable-locks --type %s " QUICK
				" %s first", kind, IMAGE) == 0, "%s", kind);
	return true;
}

static void add_key(void)
{
	ck_assert_int_eq(image_run("cryptsetup -q luksAddKey --disable-locks --key-file first "
				   QUICK " %s second", IMAGE), 0);
}

static void add_token(const char *json)
{
	ck_assert_int_eq(image_run("echo '%s' | cryptsetup token import --disable-locks %s", json,
				   IMAGE), 0);
}

START_TEST(key_slots)
{
	static const char *const kinds[] = { "luks1", "luks2" };
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	if (!make(kinds[_i]))
		UNIT_LEAVE("no cryptsetup");
	CONTENT_OK(content_luks, image_path(IMAGE), &fs);
	ck_assert_uint_eq(fs.keyslots, 1);
	ck_assert_uint_eq(fs.tokens.n, 0);
	add_key();
	CONTENT_OK(content_luks, image_path(IMAGE), &fs);
	ck_assert_uint_eq(fs.keyslots, 2);
	ck_assert_int_eq(image_run("cryptsetup -q luksKillSlot --disable-locks --key-file second "
				   "%s 0", IMAGE), 0);
	CONTENT_OK(content_luks, image_path(IMAGE), &fs);
	ck_assert_uint_eq(fs.keyslots, 1);
}
END_TEST

START_TEST(tokens)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	add_token("{\"type\":\"clevis\",\"keyslots\":[\"0\"],\"jwe\":{\"tag\":\"x\"}}");
	add_token("{\"type\":\"acme-hsm\",\"keyslots\":[\"0\"]}");
	add_token("{\"type\":\"clevis\",\"keyslots\":[\"0\"]}");
	CONTENT_OK(content_luks, image_path(IMAGE), &fs);
	ck_assert_uint_eq(fs.tokens.n, 2);
	ck_assert(machine_strv_has(&fs.tokens, "clevis"));
	ck_assert(machine_strv_has(&fs.tokens, "acme-hsm"));
}
END_TEST

/* The first header is gone: the second one tells the same. */
START_TEST(second_header)
{
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	static const uint8_t zero[4096];
	struct err err = ERR_INIT;

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	image_write(IMAGE, zero, sizeof(zero), 0);
	CONTENT_OK(content_luks, image_path(IMAGE), &fs);
	ck_assert_uint_eq(fs.keyslots, 1);
	image_write(IMAGE, zero, sizeof(zero), 16384);
	ck_assert_int_eq(content_of(content_luks, image_path(IMAGE), &fs, &err), -EBADMSG);
	ck_assert_str_eq(err.text, "the LUKS2 header is not where it was written");
}
END_TEST

static int with_json(const char *json, size_t len, struct machine_fs *fs, struct err *err)
{
	uint8_t area[12288] = { 0 };
	static const uint8_t zero[4096];

	ck_assert_uint_le(len, sizeof(area));
	memcpy(area, json, len);
	image_write(IMAGE, area, sizeof(area), 4096);
	image_write(IMAGE, zero, sizeof(zero), 16384);
	return content_of(content_luks, image_path(IMAGE), fs, err);
}

START_TEST(hostile_json)
{
	static const char *const bad[] = {
		"", "[]", "1", "{", "{}", "{\"keyslots\":[]}", "{\"keyslots\":{},\"tokens\":[]}",
		"{\"keyslots\":{\"0\":{}},\"keyslots\":{}}", "{\"keyslots\":{}}}", "nul",
		"{\"keyslots\":\"\xff\"}",
	};
	char deep[12288];

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
		struct err err = ERR_INIT;

		ck_assert_int_eq(with_json(bad[i], strlen(bad[i]), &fs, &err), -EBADMSG);
		ck_assert(err.text[0]);
	}
	memset(deep, '[', sizeof(deep));
	for (size_t len = sizeof(deep) - 1; len <= sizeof(deep); len++) {
		CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
		struct err err = ERR_INIT;

		ck_assert_int_eq(with_json(deep, len, &fs, &err), -EBADMSG);
	}
}
END_TEST

/* Types of the wrong kind are passed over; slots that are no keys are not counted. */
START_TEST(odd_json)
{
	static const char json[] =
		"{\"keyslots\":{\"0\":{\"type\":\"luks2\"},\"1\":{\"type\":\"reencrypt\"},\"2\":5,"
		"\"3\":{\"type\":null},\"4\":{\"type\":\"luks2\"}},"
		"\"tokens\":{\"0\":{\"type\":7},\"1\":null,\"2\":{\"type\":\"\"},"
		"\"3\":{\"type\":\"a\\u0001\"}}}";
	CLEANUP(content_fs_done) struct machine_fs fs = { 0 };
	struct err err = ERR_INIT;

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	ck_assert_msg(with_json(json, strlen(json), &fs, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(fs.keyslots, 2);
	ck_assert_uint_eq(fs.tokens.n, 1);
}
END_TEST

START_TEST(damage)
{
	static const struct {
		const char *kind;
		uint64_t at;
		size_t len;
	} parts[] = {
		{ "luks1", 0, 592 }, { "luks2", 0, 512 }, { "luks2", 4096, 700 },
	};

	if (!make(parts[_i].kind))
		UNIT_LEAVE("no cryptsetup");
	content_mutate(content_luks, image_path(IMAGE), parts[_i].at, parts[_i].len, 3000);
}
END_TEST

/* -- keys -- */

static int try_at(uint64_t offset, uint64_t size, const char *key, struct err *err)
{
	CLEANUP(fd_close) int fd = open(image_path(IMAGE), O_RDONLY | O_CLOEXEC);
	int r = luks_key_try(fd, offset, size, key, strlen(key), err);

	ck_assert_msg(r <= 0 && (r == 0 || (err->code == -r && err->text[0])), "%d", r);
	return r;
}

START_TEST(keys)
{
	static const char *const kinds[] = {
		"luks1", "luks2", "luks2 --cipher aes-cbc-essiv:sha256 --key-size 256",
	};
	struct err err = ERR_INIT;
	int r;

	if (!make(kinds[_i]))
		UNIT_LEAVE("no cryptsetup");
	add_key();
	ck_assert_int_eq(image_run("cp %s before; chmod 0400 %s", IMAGE, IMAGE), 0);
	r = try_at(0, 0, "first", &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_msg(try_at(0, 0, "second", &err) == 0, "%s", err.text);
	ck_assert_int_eq(try_at(0, 0, "wrong", &err), -EPERM);
	ck_assert_str_eq(err.text, "the key does not open the LUKS volume");
	ck_assert_int_eq(try_at(0, 0, "", &err), -EPERM);
	ck_assert_int_eq(image_run("cmp %s before", IMAGE), 0);
}
END_TEST

/* A key file may hold any bytes; a volume may be a part of a disk. */
START_TEST(binary_key_in_a_partition)
{
	static const char key[] = "\0\n\xff\0key!";
	CLEANUP(mem_free) char *bytes = malloc(24 << 20);
	struct err err = ERR_INIT;

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	image_make("key", 0);
	image_write("key", key, sizeof(key), 0);
	ck_assert_int_eq(image_run("cryptsetup -q luksAddKey --disable-locks --key-file first "
				   QUICK " %s key", IMAGE), 0);
	image_read(IMAGE, bytes, 24 << 20, 0);
	image_make(IMAGE, 40 << 20);
	image_write(IMAGE, bytes, 24 << 20, 3 << 20);
	{
		CLEANUP(fd_close) int fd = open(image_path(IMAGE), O_RDONLY | O_CLOEXEC);

		ck_assert_int_eq(luks_key_try(fd, 3 << 20, 24 << 20, key, sizeof(key), &err), 0);
		ck_assert_int_eq(luks_key_try(fd, 3 << 20, 24 << 20, key, sizeof(key) - 2, &err),
				 -EPERM);
		ck_assert_int_eq(luks_key_try(fd, 3 << 20, 0, key, sizeof(key), &err), 0);
		ck_assert_int_eq(luks_key_try(fd, 0, 0, key, sizeof(key), &err), -EINVAL);
		ck_assert_int_eq(luks_key_try(fd, 41 << 20, 0, key, sizeof(key), &err), -EINVAL);
	}
}
END_TEST

/* What cryptsetup makes by default: Argon2id. */
START_TEST(argon2)
{
	struct err err = ERR_INIT;

	IMAGE_NEED("cryptsetup");
	image_make(IMAGE, 24 << 20);
	ck_assert_int_eq(image_run("printf first > first; cryptsetup -q luksFormat --disable-locks"
				   " --type luks2 --pbkdf argon2id --pbkdf-force-iterations 4"
				   " --pbkdf-memory 32768 --pbkdf-parallel 1 %s first", IMAGE), 0);
	ck_assert_msg(try_at(0, 0, "first", &err) == 0, "%s", err.text);
	ck_assert_int_eq(try_at(0, 0, "wrong", &err), -EPERM);
}
END_TEST

START_TEST(no_key_slot)
{
	struct err err = ERR_INIT;
	int r;

	if (!make("luks2"))
		UNIT_LEAVE("no cryptsetup");
	ck_assert_int_eq(image_run("cryptsetup -q erase --disable-locks %s", IMAGE), 0);
	r = try_at(0, 0, "first", &err);
	ck_assert_msg(r == -ENOENT, "%d %s", r, err.text);
}
END_TEST

START_TEST(no_luks)
{
	static const uint64_t sizes[] = { 0, 1, 4096, 1 << 20 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct err err = ERR_INIT;

		image_make(IMAGE, sizes[i]);
		ck_assert_int_eq(try_at(0, 0, "first", &err), -EINVAL);
	}
}
END_TEST

/* A damaged header never opens by the wrong key, and never takes the program down. */
START_TEST(damaged_header)
{
	uint64_t seed = 4711;
	uint8_t old, byte;

	if (!make("luks1"))
		UNIT_LEAVE("no cryptsetup");
	for (int i = 0; i < 60; i++) {
		struct err err = ERR_INIT;
		uint64_t at = image_random(&seed) % 592;

		image_read(IMAGE, &old, 1, at);
		byte = (uint8_t)(old ^ (1 << (image_random(&seed) % 8)));
		/* More iterations would only take longer. */
		if ((at >= 164 && at < 168) || (at >= 208 && (at - 208) % 48 >= 4 &&
						(at - 208) % 48 < 8))
			continue;
		image_write(IMAGE, &byte, 1, at);
		ck_assert_int_lt(try_at(0, 0, "wrong", &err), 0);
		image_write(IMAGE, &old, 1, at);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("content_luks");
	TCase *t = tcase_create("content_luks");

	tcase_add_unchecked_fixture(t, image_setup, image_teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, key_slots, 0, 2);
	tcase_add_test(t, tokens);
	tcase_add_test(t, second_header);
	tcase_add_test(t, hostile_json);
	tcase_add_test(t, odd_json);
	tcase_add_loop_test(t, damage, 0, 3);
	tcase_add_loop_test(t, keys, 0, 3);
	tcase_add_test(t, binary_key_in_a_partition);
	tcase_add_test(t, argon2);
	tcase_add_test(t, no_key_slot);
	tcase_add_test(t, no_luks);
	tcase_add_test(t, damaged_header);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
