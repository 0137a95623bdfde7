/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pre-flight as the agent runs it: which disks are meant, ids, and keys that cannot be meant. */
#include "p2v-agent/check.h"

#include "common/log.h"
#include "inventory/machine_json.h"
#include "p2v-agent/check_keys.h"
#include "tests/lib/unit.h"

static const char text[] =
	"{\"version\":1,\"disks\":[{\"name\":\"cciss/c0d0\",\"path\":\"/dev/cciss/c0d0\",\"size\":"
	"4096,\"partitions\":[{\"name\":\"cciss/c0d0p1\",\"path\":\"/dev/cciss/c0d0p1\",\"size\":"
	"512}]},{\"name\":\"sda\",\"path\":\"/dev/sda\",\"size\":8192,\"aliases\":"
	"[\"/dev/disk/by-id/x\"],\"fs\":{\"type\":\"isw_raid_member\"}}],\"volumes\":[{\"name\":"
	"\"md126\",\"path\":\"/dev/md126\",\"size\":1024,\"slaves\":[\"sda\"]}]}";

static struct machine *machine;
static struct opt_list none;

static void setup(void)
{
	log_set_stderr(false);
	ck_assert_int_eq(machine_json_parse(text, strlen(text), &machine, NULL), 0);
}

static void teardown(void)
{
	machine_free(machine);
}

static bool has(const struct preflight_report *r, const char *id, const char *subject)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->findings[i].rule->id, id) == 0 &&
		    strcmp(r->findings[i].subject, subject) == 0)
			return true;
	return false;
}

/* What one --disk selects when no disk is open; NULL: it is an error. */
static void selects(const char *disk, uint64_t total, bool raid)
{
	CLEANUP(preflight_report_free) struct preflight_report *r = NULL;
	const struct opt_list disks = { &disk, 1 };
	const struct check_config cfg = { .machine = machine, .disks = &disks, .force = &none,
					  .keys = &none };
	struct err err = ERR_INIT;

	ck_assert_msg(check_run(&cfg, &r, &err) == 0, "%s: %s", disk, err.text);
	ck_assert_msg(r->total == total, "%s: %ju", disk, (uintmax_t)r->total);
	ck_assert_msg(has(r, "raid-firmware", "sda") == raid, "%s", disk);
	ck_assert_msg(!has(r, "disk-unknown", disk), "%s", disk);
}

START_TEST(test_named_disks)
{
	selects("/dev/sda", 8192, true);
	selects("/dev/disk/by-id/x", 8192, true);
	selects("/some/image,name=sda", 8192, true);
	selects("/dev/cciss/c0d0", 4096, false);
	selects("cciss/c0d0", 4096, false);
	/* The array instead of its members. */
	selects("/dev/md126", 1024, false);
	selects("md126", 1024, false);
}
END_TEST

START_TEST(test_disks_that_are_not_there)
{
	static const char *const disks[] = { "", "/dev/sdb", "sd", ",name", "cciss-c0d0" };

	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		CLEANUP(preflight_report_free) struct preflight_report *r = NULL;
		const char *disk = disks[i];
		const struct opt_list list = { &disk, 1 };
		const struct check_config cfg = { .machine = machine, .disks = &list,
						  .force = &none, .keys = &none };
		struct err err = ERR_INIT;

		ck_assert_msg(check_run(&cfg, &r, &err) == -EINVAL, "%s", disk);
		ck_assert_ptr_nonnull(strstr(err.text, "has no disk"));
	}
}
END_TEST

START_TEST(test_all_disks)
{
	CLEANUP(preflight_report_free) struct preflight_report *r = NULL, *forced = NULL;
	const char *id = "raid-firmware";
	const struct opt_list force = { &id, 1 };
	struct check_config cfg = { .machine = machine, .disks = &none, .force = &none,
				    .keys = &none, .rate = 4096 };

	ck_assert_int_eq(check_run(&cfg, &r, NULL), 0);
	ck_assert_uint_eq(r->total, 12288);
	ck_assert_uint_eq(r->seconds, 3);
	ck_assert_uint_eq(check_log(r), 1);
	cfg.force = &force;
	ck_assert_int_eq(check_run(&cfg, &forced, NULL), 0);
	ck_assert_uint_eq(check_log(forced), 0);
}
END_TEST

START_TEST(test_ids)
{
	const char *ids[] = { "disk-in-use", "luks-no-key", "Disk-in-use" };
	struct err err = ERR_INIT;

	ck_assert_int_eq(check_ids(&(struct opt_list){ ids, 2 }, &err), 0);
	ck_assert_int_eq(check_ids(&(struct opt_list){ ids, 3 }, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "--force Disk-in-use"));
	ck_assert_int_eq(check_ids(&none, &err), 0);
}
END_TEST

static int try(const char *key, size_t *ret_n, struct err *err)
{
	CLEANUP(check_keys_done) struct check_keys keys = { 0 };
	int r = check_keys_try(machine, NULL, &(struct opt_list){ &key, 1 }, &keys, err);

	*ret_n = keys.n;
	return r;
}

START_TEST(test_keys)
{
	static const char *const bad[] = { "sda", "sda=", "=file", "=", "" };
	struct err err = ERR_INIT;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(try(bad[i], &n, &err), -EINVAL);
	ck_assert_int_eq(try("sdb=/dev/null", &n, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no device sdb"));
	ck_assert_int_eq(try("sda=/no/such/file", &n, &err), -ENOENT);
	/* No disk is open: the key is left out, not taken for a wrong one. */
	ck_assert_int_eq(try("cciss/c0d0p1=/dev/null", &n, &err), 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(try("/dev/md126=/dev/null", &n, &err), 0);
	ck_assert_uint_eq(n, 0);
}
END_TEST

static Suite *check_suite(void)
{
	Suite *s = suite_create("agent_check");
	TCase *t = tcase_create("agent_check");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_named_disks);
	tcase_add_test(t, test_disks_that_are_not_there);
	tcase_add_test(t, test_all_disks);
	tcase_add_test(t, test_ids);
	tcase_add_test(t, test_keys);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(check_suite)
