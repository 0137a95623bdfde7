/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The summary keeps its shape whatever the machine says: 100 columns, and no control character. */
#include <errno.h>
#include "common/cleanup.h"
#include "common/fdio.h"
#include "inventory/machine_json.h"
#include "inventory/summary/summary.h"
#include "tests/lib/unit.h"

static struct machine *parse(const char *json)
{
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_msg(machine_json_parse(json, strlen(json), &m, &err) == 0, "%s", err.text);
	return m;
}

static char *summary_of(const char *json)
{
	CLEANUP(machine_free) struct machine *m = parse(json);
	char *s = summary_text(m);

	ck_assert_ptr_nonnull(s);
	return s;
}

static void check_shape(const char *s)
{
	size_t column = 0;

	ck_assert_uint_gt(strlen(s), 0);
	ck_assert_int_eq(s[strlen(s) - 1], '\n');
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p == '\n') {
			column = 0;
			continue;
		}
		ck_assert_msg(*p >= ' ' && *p != 0x7f, "control character 0x%02x", *p);
		column += (*p & 0xc0) != 0x80;
		ck_assert_msg(column <= 100, "a line is longer than 100 columns: %.120s",
			      p - column + 1);
	}
}

START_TEST(test_unknown_machine)
{
	CLEANUP(mem_free) char *s = summary_of("{\"version\":1}");

	check_shape(s);
	ck_assert_ptr_nonnull(strstr(s, "machine without a name"));
	ck_assert_ptr_nonnull(strstr(s, "none found"));
	ck_assert_ptr_null(strstr(s, "(null)"));
}
END_TEST

START_TEST(test_what_is_asked_at_night)
{
	CLEANUP(mem_free)
	char *s = summary_of(
	    "{\"version\":1,\"hostname\":\"db1\",\"memory\":{\"installed\":25769803776,\"source\":"
	    "\"dmi\"},"
	    "\"firmware\":{\"type\":\"uefi\",\"secure_boot\":true,\"boot_current\":3,\"entries\":"
	    "[{\"number\":3,\"label\":\"debian\",\"file\":\"\\\\EFI\\\\debian\\\\shimx64.efi\"}]},"
	    "\"disks\":[{\"name\":\"sda\",\"size\":1000204886016,\"model\":\"DISK\",\"serial\":"
	    "\"S1\","
	    "\"partitions\":[{\"name\":\"sda1\",\"size\":1048576,\"fs\":{\"type\":\"ext4\"},"
	    "\"mountpoints\":[\"/"
	    "\"]}]}],\"nics\":[{\"name\":\"eno1\",\"kind\":\"physical\",\"up\":true,"
	    "\"carrier\":true,\"addresses\":[{\"address\":\"10.0.0.1/24\"}]},{\"name\":\"veth1\","
	    "\"kind\":\"virtual\"}],\"warnings\":[\"something is odd\"]}");

	check_shape(s);
	ck_assert_ptr_nonnull(strstr(s, "24 GiB in modules"));
	ck_assert_ptr_nonnull(strstr(s, "Secure Boot on"));
	ck_assert_ptr_nonnull(strstr(s, "Boot0003 \"debian\" /EFI/debian/shimx64.efi"));
	ck_assert_ptr_nonnull(strstr(s, "serial S1"));
	ck_assert_ptr_nonnull(strstr(s, "ext4  /"));
	ck_assert_ptr_nonnull(strstr(s, "10.0.0.1/24"));
	ck_assert_ptr_nonnull(strstr(s, "- something is odd"));
	ck_assert_ptr_null(strstr(s, "veth1"));
}
END_TEST

START_TEST(test_hostile_text_is_escaped)
{
	CLEANUP(mem_free)
	char *s =
	    summary_of("{\"version\":1,\"hostname\":\"a\\u001b[2Jb\\nFirmware  "
		       "forged\",\"os\":{\"pretty_name\":"
		       "\"\\u202eevil\"},\"disks\":[{\"name\":\"sda\",\"model\":\"x\\r\\u0007y\"}],"
		       "\"warnings\":[\"w\\u001b]0;t\\u0007 z\"]}");

	check_shape(s);
	ck_assert_ptr_nonnull(strstr(s, "\\x1b"));
	ck_assert_ptr_null(strstr(s, "\nFirmware  forged"));
	ck_assert_ptr_null(strstr(s, "\xe2\x80\xae"));
}
END_TEST

/* Every string of every kind of thing is long, and of wide characters. */
START_TEST(test_long_text_is_cut_or_wrapped)
{
	static const char *const fills[] = {"x",  "\xc3\xbc", "\xe4\xb8\xad", "\xf0\x9f\x8e\xb2",
					    "a ", "\\"};

	for (size_t f = 0; f < ARRAY_SIZE(fills); f++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		CLEANUP(mem_free) char *s = NULL;
		char wide[2001] = "";

		for (int i = 0; i < 500; i++)
			strcat(wide, fills[f]);
		m = parse(
		    "{\"version\":1,\"firmware\":{\"boot_current\":1,\"type\":\"uefi\",\"entries\":"
		    "[{\"number\":1}]},\"disks\":[{\"name\":\"a\",\"partitions\":[{\"name\":\"b\"}]"
		    "}],"
		    "\"volumes\":[{\"name\":\"c\"}],\"nics\":[{\"name\":\"d\",\"addresses\":"
		    "[{\"address\":\"e\"}]}],\"routes\":[{\"destination\":\"f\"}],\"tpm_present\":"
		    "true,"
		    "\"watchdogs\":[{}],\"warnings\":[\"g\"]}");
		m->hostname = strdup(wide);
		m->recorded_by = strdup(wide);
		m->os.pretty_name = strdup(wide);
		m->os.kernel = strdup(wide);
		m->smbios.sys_vendor = strdup(wide);
		m->smbios.product_serial = strdup(wide);
		m->cpu.model = strdup(wide);
		m->tpm_version = strdup(wide);
		m->watchdogs[0].identity = strdup(wide);
		m->clock.timezone = strdup(wide);
		m->firmware.entries[0].label = strdup(wide);
		m->firmware.entries[0].file = strdup(wide);
		m->disks[0].model = strdup(wide);
		m->disks[0].serial = strdup(wide);
		m->disks[0].fs.label = strdup(wide);
		m->disks[0].partitions[0].fs.type = strdup(wide);
		m->volumes[0].path = strdup(wide);
		m->volumes[0].kind = strdup(wide);
		m->nics[0].driver = strdup(wide);
		m->nics[0].master = strdup(wide);
		m->routes[0].gateway = strdup(wide);
		for (int i = 0; i < 40; i++) {
			machine_strv_add(&m->dns, wide);
			machine_strv_add(&m->nics[0].lower, wide);
			machine_strv_add(&m->disks[0].partitions[0].mountpoints,
					 "/some/where/else");
		}
		machine_strv_add(&m->warnings, wide);
		s = summary_text(m);
		check_shape(s);
	}
}
END_TEST

static Suite *summary_suite(void)
{
	Suite *s = suite_create("summary");
	TCase *t = tcase_create("summary");

	tcase_add_test(t, test_unknown_machine);
	tcase_add_test(t, test_what_is_asked_at_night);
	tcase_add_test(t, test_hostile_text_is_escaped);
	tcase_add_test(t, test_long_text_is_cut_or_wrapped);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(summary_suite)
