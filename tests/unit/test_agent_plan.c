/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan on the agent's side: laid over the machine as it is now, following disks and NICs that are
 * called otherwise, refused when what it was made for is gone; which disks it leaves to copy, and
 * who names the job. "This machine" is a folder.
 */
#include "p2v-agent/plan_source.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/machine_source.h"
#include "p2v-agent/source.h"
#include "tests/lib/unit.h"

#define MUST(call) \
	do { \
		struct err e = ERR_INIT; \
		int must_r = (call); \
		ck_assert_msg(must_r >= 0, "%s: %d: %s", #call, must_r, e.text); \
	} while (0)

#define ROOT	"tests/sysroots/uefi-nvme-bond"
#define OTHER	"tests/sysroots/bios-ahci-lvm"

static char dir[64], file[96];
static struct machine *m;
static struct err err;

static void setup(void)
{
	log_set_stderr(false);
	err_reset(&err);
	snprintf(dir, sizeof(dir), "/tmp/p2v-unit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/plan.json", dir);
	MUST(machine_source_load(ROOT, NULL, &m, &e));
	MUST(plan_make(m, "planned", &e));
	m->plan->vcpus = 3;
	ck_assert_uint_ge(m->ndisks, 1);
	ck_assert_uint_ge(m->plan->nnics, 2);
	ck_assert_ptr_nonnull(m->smbios.uuid);
}

static void teardown(void)
{
	char cmd[80];

	machine_free(m);
	m = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

static void write_plan(void)
{
	CLEANUP(mem_free) char *text = NULL;

	MUST(plan_dump(m, &text, &e));
	MUST(fdio_replace_file(file, text, strlen(text), 0600, &e));
}

static void set(char **where, const char *text)
{
	free(*where);
	*where = text ? strdup(text) : NULL;
}

START_TEST(laid_over_the_machine_as_it_is)
{
	CLEANUP(machine_free) struct machine *now = NULL;

	set(&m->hostname, "renamed-since");
	write_plan();
	MUST(plan_source_load(file, ROOT, false, &now, &e));
	ck_assert_str_ne(now->hostname, "renamed-since");
	ck_assert_uint_eq(now->plan->vcpus, 3);
	ck_assert_uint_eq(now->plan->ndisks, m->plan->ndisks);
}
END_TEST

START_TEST(of_another_machine)
{
	CLEANUP(machine_free) struct machine *now = NULL;

	set(&m->hostname, "far-away");
	write_plan();
	ck_assert_int_eq(plan_source_load(file, OTHER, false, &now, &err), -EINVAL);
	ck_assert(strstr(err.text, "not of this machine") && strstr(err.hint, "--disk"));
	/* The disks are named: its own description counts. */
	MUST(plan_source_load(file, OTHER, true, &now, &e));
	ck_assert_str_eq(now->hostname, "far-away");
	machine_free(now);
	now = NULL;
	/* Nobody knows which machine it is of. */
	set(&m->smbios.uuid, NULL);
	write_plan();
	ck_assert_int_eq(plan_source_load(file, ROOT, false, &now, &err), -EINVAL);
}
END_TEST

START_TEST(names_that_moved)
{
	CLEANUP(machine_free) struct machine *now = NULL;
	char disk[64], nic[64];

	snprintf(disk, sizeof(disk), "%s", m->disks[0].name);
	snprintf(nic, sizeof(nic), "%s", m->plan->nics[0].name);
	ck_assert(m->disks[0].serial || m->disks[0].wwn);
	set(&m->disks[0].name, "sdq");
	set(&m->plan->disks[0].name, "sdq");
	set(&m->plan->disks[0].bus, "sata");
	for (size_t i = 0; i < m->nnics; i++)
		if (strcmp(m->nics[i].name, nic) == 0)
			set(&m->nics[i].name, "old0");
	set(&m->plan->nics[0].name, "old0");
	set(&m->plan->nics[0].connect, "bridge:br7");
	write_plan();
	MUST(plan_source_load(file, ROOT, false, &now, &e));
	ck_assert_str_eq(plan_disk(now, disk)->bus, "sata");
	ck_assert_ptr_null(plan_disk(now, "sdq"));
	ck_assert_str_eq(plan_nic(now, nic)->connect, "bridge:br7");
}
END_TEST

static void stale(const char *words)
{
	CLEANUP(machine_free) struct machine *now = NULL;

	write_plan();
	ck_assert_int_eq(plan_source_load(file, ROOT, false, &now, &err), -ESTALE);
	ck_assert_msg(strstr(err.text, words) && strstr(err.text, file), "%s", err.text);
	ck_assert_ptr_nonnull(strstr(err.hint, "p2v-agent plan"));
}

START_TEST(a_disk_is_gone)
{
	set(&m->disks[0].serial, "ANOTHER");
	set(&m->disks[0].wwn, NULL);
	stale("with serial number ANOTHER, which is gone");
}
END_TEST

START_TEST(a_disk_without_identity_is_gone)
{
	set(&m->disks[0].serial, NULL);
	set(&m->disks[0].wwn, NULL);
	set(&m->disks[0].name, "sdq");
	set(&m->plan->disks[0].name, "sdq");
	stale("names the disk sdq, which is gone");
}
END_TEST

START_TEST(a_disk_has_another_size)
{
	m->disks[0].size -= 512;
	stale("when the plan was made, and has");
}
END_TEST

START_TEST(a_nic_is_gone)
{
	for (size_t i = 0; i < m->nnics; i++) {
		if (strcmp(m->nics[i].name, m->plan->nics[0].name) != 0)
			continue;
		set(&m->nics[i].mac, "52:54:00:ff:ff:ff");
		set(&m->nics[i].permanent_mac, NULL);
	}
	stale("the network interface");
}
END_TEST

START_TEST(bad_files)
{
	CLEANUP(machine_free) struct machine *now = NULL;
	char cmd[128];

	ck_assert_int_eq(plan_source_load(file, ROOT, true, &now, &err), -ENOENT);
	m->plan->memory = 5;
	write_plan();
	ck_assert_int_eq(plan_source_load(file, ROOT, true, &now, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "plan.json: line 6: plan: memory 5"), "%s", err.text);
	ck_assert_int_eq(machine_source_load(NULL, file, &now, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "plan.json: line 6: plan: memory 5"), "%s", err.text);
	snprintf(cmd, sizeof(cmd), "echo '{\"version\":1}' >%s", file);
	ck_assert_int_eq(system(cmd), 0);
	ck_assert_int_eq(plan_source_load(file, ROOT, true, &now, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "is an inventory"), "%s", err.text);
	MUST(machine_source_load(NULL, file, &now, &e));
}
END_TEST

START_TEST(who_names_the_job)
{
	char name[TEXT_NAME_MAX + 1];

	MUST(plan_source_name(m, NULL, name, &e));
	ck_assert_str_eq(name, "planned");
	/* The option wins, and the plan that is sent says so. */
	MUST(plan_source_name(m, "given", name, &e));
	ck_assert_str_eq(name, "given");
	ck_assert_str_eq(m->plan->name, "given");
	set(&m->plan->name, NULL);
	set(&m->hostname, "my host");
	MUST(plan_source_name(m, NULL, name, &e));
	ck_assert_str_eq(name, "my-host");
	ck_assert_ptr_null(m->plan->name);
	set(&m->hostname, NULL);
	MUST(plan_source_name(m, NULL, name, &e));
	ck_assert_str_eq(name, "machine");
}
END_TEST

static struct machine_disk *add_image(struct machine *on, const char *name)
{
	struct machine_disk *d = machine_grow(&on->disks, &on->ndisks, sizeof(*d));
	int fd;

	d->name = strdup(name);
	ck_assert_int_ge(asprintf(&d->path, "%s/%s", dir, name), 0);
	d->size = 64 * KIB;
	fd = open(d->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 64 * KIB), 0);
	close(fd);
	return d;
}

START_TEST(which_disks_are_left)
{
	CLEANUP(machine_free) struct machine *here = NULL;
	CLEANUP(source_free) struct source *s = NULL;
	const struct opt_list none = { 0 };
	CLEANUP(mem_free) char *path = NULL;

	ck_assert_int_eq(machine_new(&here), 0);
	add_image(here, "sda");
	add_image(here, "sdb");
	add_image(here, "sdc")->removable = true;
	path = strdup(here->disks[1].path);
	MUST(plan_make(here, "x", &e));
	MUST(source_open(&none, here, true, &s, &e));
	ck_assert_uint_eq(s->n, 2);		/* not the removable one */
	source_free(s);
	s = NULL;
	here->plan->disks[1].skip = true;
	here->plan->disks[2].skip = false;
	MUST(source_open(&none, here, true, &s, &e));
	ck_assert_uint_eq(s->n, 2);
	ck_assert_str_eq(s->disks[0].name, "sda");
	ck_assert_str_eq(s->disks[1].name, "sdc");
	source_free(s);
	s = NULL;
	/* --disk overrules. */
	MUST(source_open(&(struct opt_list){ .v = (const char *[]){ path }, .n = 1 }, here, true,
			 &s, &e));
	ck_assert_str_eq(s->disks[0].name, "sdb");
	source_free(s);
	s = NULL;
	here->plan->disks[0].skip = here->plan->disks[2].skip = true;
	ck_assert_int_eq(source_open(&none, here, true, &s, &err), -ENODEV);
	ck_assert_ptr_nonnull(strstr(err.text, "the plan leaves no disk"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("agent_plan");
	TCase *t;

#define ADD(fn) \
	t = tcase_create(#fn); \
	tcase_add_checked_fixture(t, setup, teardown); \
	tcase_add_test(t, fn); \
	suite_add_tcase(s, t)
	ADD(laid_over_the_machine_as_it_is);
	ADD(of_another_machine);
	ADD(names_that_moved);
	ADD(a_disk_is_gone);
	ADD(a_disk_without_identity_is_gone);
	ADD(a_disk_has_another_size);
	ADD(a_nic_is_gone);
	ADD(bad_files);
	ADD(who_names_the_job);
	ADD(which_disks_are_left);
	return s;
}

UNIT_MAIN(suite)
