/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of UEFI variables that finish makes. */
#include "tests/unit/test_server_rig.h"

#include "common/compiler.h"
#include "convert/ovmf_vars.h"
#include "p2v-server/nvram.h"

static struct machine_boot_entry entries[] = {
	{ .number = 1, .label = (char[]){ "debian" }, .active = true,
	  .file = (char[]){ "\\EFI\\debian\\shimx64.efi" },
	  .partition_uuid = (char[]){ "01234567-89ab-cdef-0123-456789abcdef" } },
	{ .number = 2, .label = (char[]){ "PXE" }, .active = true },
	{ .number = 3, .label = (char[]){ "PXE 2" }, .active = true },
};
static uint16_t order[] = { 2, 1 };
static struct machine_partition partition = {
	.number = 1, .start = MIB, .size = MIB,
	.uuid = (char[]){ "01234567-89ab-cdef-0123-456789abcdef" },
};
static struct machine_disk disk = { .name = (char[]){ "sda0" }, .logical_sector = 512,
				    .partitions = &partition, .npartitions = 1 };
static const struct machine machine = {
	.disks = &disk, .ndisks = 1,
	.firmware = { .boot_current = 1, .entries = entries, .nentries = ARRAY_SIZE(entries),
		      .boot_order = order, .nboot_order = ARRAY_SIZE(order), .mok_keys = 2 },
};

static struct job *make_job(void)
{
	const uint64_t size = MIB;
	struct job *j = rig_job("box", &size, 1, false);

	j->nvram = strdup("box_VARS.fd");
	ck_assert_ptr_nonnull(j->nvram);
	return j;
}

static struct ovmf_vars *read_file(void)
{
	CLEANUP(mem_free) char *data = NULL;
	struct ovmf_vars *v = NULL;
	char path[128];
	struct stat st;
	size_t n;

	snprintf(path, sizeof(path), "%s/box/box_VARS.fd", rig_store);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	MUST(fdio_read_file(path, OVMF_VARS_MAX_FILE, &data, &n, &e));
	MUST(ovmf_vars_parse(data, n, &v, &e));
	return v;
}

START_TEST(entries_are_taken_along)
{
	CLEANUP(job_free) struct job *j = make_job();
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;
	const struct ovmf_var *x;

	if (!nvram_template(false) || !nvram_template(true))
		UNIT_LEAVE("no ovmf package");
	MUST(nvram_write(j, &machine, _i, false, &e));
	v = read_file();
	ck_assert(ovmf_vars_find(v, ovmf_vars_global, "Boot0001") != NULL);
	ck_assert(ovmf_vars_find(v, ovmf_vars_global, "Boot0002") == NULL);
	x = ovmf_vars_find(v, ovmf_vars_global, "BootOrder");
	ck_assert(x && x->len == 2 && get_le16(x->data) == 1);
	/* With Secure Boot the common keys are there. */
	ck_assert((ovmf_vars_find(v, ovmf_vars_global, "PK") != NULL) == (_i == 1));
	ck_assert_uint_eq(j->warnings.n, 2);
	ck_assert_ptr_nonnull(strstr(j->warnings.v[0], "2 boot entries"));
	ck_assert_ptr_nonnull(strstr(j->warnings.v[1], "mokutil"));
}
END_TEST

START_TEST(a_fresh_one_is_blank)
{
	CLEANUP(job_free) struct job *j = make_job();
	CLEANUP(ovmf_vars_free) struct ovmf_vars *v = NULL;

	if (!nvram_template(false))
		UNIT_LEAVE("no ovmf package");
	MUST(nvram_write(j, &machine, false, false, &e));
	MUST(nvram_write(j, &machine, false, true, &e));
	v = read_file();
	ck_assert_uint_eq(v->n, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("server_nvram");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, rig_setup, rig_teardown);
	tcase_add_loop_test(t, entries_are_taken_along, 0, 2);
	tcase_add_test(t, a_fresh_one_is_blank);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
