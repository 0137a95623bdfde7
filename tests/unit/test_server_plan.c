/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan on the server: which one is in force, what finish takes from it and from its options,
 * what is kept; and that the words of a plan are those that vmspec understands.
 */
#include "p2v-server/finish_plan.h"

#include "common/jsonx.h"
#include "inventory/plan/plan.h"
#include "p2v-server/job_view.h"
#include "p2v-server/overlay.h"
#include "tests/unit/test_server_rig.h"

#define JOB_DISKS 2

static struct machine *m;		/* of the job */
static struct job *job;
static struct finish_options opt;
static const char *option_text[4];

static struct machine *make_machine(void)
{
	struct machine *new = NULL;

	ck_assert_int_eq(machine_new(&new), 0);
	new->hostname = strdup("box");
	new->smbios.uuid = strdup("4c4c4544-0053-4a10-8057-b4c04f4d3632");
	new->firmware.type = MACHINE_FIRMWARE_BIOS;
	for (int i = 0; i < 2; i++) {
		struct machine_disk *d = machine_grow(&new->disks, &new->ndisks, sizeof(*d));
		struct machine_nic *n = machine_grow(&new->nics, &new->nnics, sizeof(*n));

		d->name = strdup(i == 0 ? "sda" : "cciss/c0d0");
		d->size = i == 0 ? 4 * MIB : 2 * MIB;
		n->name = strdup(i == 0 ? "eth0" : "eth1");
		n->up = n->carrier = true;
	}
	return new;
}

static void make_job(const struct machine *from)
{
	const struct job_image images[JOB_DISKS] = {
		{ .disk = (char *)(uintptr_t)"sda", .source = (char *)(uintptr_t)"/dev/sda",
		  .size = 4 * MIB, .logical_sector = 512, .physical_sector = 512 },
		{ .disk = (char *)(uintptr_t)"cciss-c0d0", .source = (char *)(uintptr_t)"/dev/c",
		  .size = 2 * MIB, .logical_sector = 512, .physical_sector = 512 },
	};
	CLEANUP(mem_free) char *text = NULL;

	MUST(machine_json_dump(from, &text, &e));
	MUST(job_create(rig_store, "box", images, JOB_DISKS, false, text, strlen(text), &job, &e));
}

static void setup(void)
{
	rig_setup();
	m = make_machine();
	opt = (struct finish_options){ 0 };
}

static void teardown(void)
{
	job_free(job);
	job = NULL;
	machine_free(m);
	opt_list_done(&opt.maps);
	rig_teardown();
}

/* The plan of m, with something in each place. */
static void decide(void)
{
	struct machine_plan *p;

	MUST(plan_make(m, "planned", &e));
	p = m->plan;
	p->vcpus = 3;
	p->memory = GIB;
	p->disks[0].size = 8 * MIB;
	p->disks[0].bus = strdup("sata");
	p->disks[1].bus = strdup("virtio-blk");
	free(p->nics[0].connect);
	p->nics[0].connect = strdup("bridge:br0");
	p->nics[1].model = strdup("e1000");
	ck_assert_int_eq(machine_strv_add(&p->skip_fixes, "trim"), 0);
}

/* A plan file in the store, made of m. */
static const char *write_plan(void)
{
	static char path[128];
	CLEANUP(mem_free) char *text = NULL;

	MUST(plan_dump(m, &text, &e));
	rig_write("edited.json", text, strlen(text));
	snprintf(path, sizeof(path), "%s/edited.json", rig_store);
	return path;
}

/* As finish does it. */
#define PLAN \
	CLEANUP(machine_free) struct machine *now = NULL; \
	CLEANUP(finish_plan_done) struct finish_plan p = { 0 }; \
	MUST(job_machine(job, &now, &e)); \
	MUST(finish_plan_make(&p, job, now, &opt, &e))

static void refused(int code, const char *begins, const char *words)
{
	CLEANUP(machine_free) struct machine *now = NULL;
	CLEANUP(finish_plan_done) struct finish_plan p = { 0 };
	struct err err = ERR_INIT;

	MUST(job_machine(job, &now, &e));
	ck_assert_int_eq(finish_plan_make(&p, job, now, &opt, &err), code);
	ck_assert_msg(strstr(err.text, begins) && strstr(err.text, words), "%s", err.text);
}

static void map(const char *text)
{
	opt.maps.v = reallocarray(opt.maps.v, opt.maps.n + 1, sizeof(*opt.maps.v));
	opt.maps.v[opt.maps.n++] = text;
}

START_TEST(without_a_plan)
{
	make_job(m);
	PLAN;
	ck_assert_str_eq(p.name, "box");
	ck_assert(p.memory == 0 && p.vcpus == 0 && p.firmware == MACHINE_FIRMWARE_UNKNOWN);
	ck_assert(p.sizes[0] == 4 * MIB && p.sizes[1] == 2 * MIB && !p.buses[0] && !p.buses[1]);
	ck_assert(p.nmaps == 0 && p.nmodels == 0 && !p.skip);
}
END_TEST

START_TEST(as_planned)
{
	decide();
	make_job(m);
	PLAN;
	ck_assert_str_eq(p.name, "planned");
	ck_assert(p.memory == GIB && p.vcpus == 3 && p.firmware == MACHINE_FIRMWARE_BIOS);
	ck_assert(p.sizes[0] == 8 * MIB && p.sizes[1] == 2 * MIB);
	ck_assert_str_eq(p.buses[0], "sata");
	ck_assert_str_eq(p.buses[1], "virtio-blk");	/* "cciss/c0d0" there, "cciss-c0d0" here */
	ck_assert_uint_eq(p.nmaps, 2);
	ck_assert_str_eq(p.maps[0].nic, "eth0");
	ck_assert_int_eq(p.maps[0].kind, VM_NET_BRIDGE);
	ck_assert_str_eq(p.maps[1].target, "default");
	ck_assert_uint_eq(p.nmodels, 1);
	ck_assert_str_eq(p.models[0].nic, "eth1");
	ck_assert_str_eq(p.models[0].model, "e1000");
	ck_assert_str_eq(p.skip[0], "trim");
	ck_assert_ptr_null(p.skip[1]);
}
END_TEST

START_TEST(options_overrule)
{
	decide();
	make_job(m);
	opt.domain_name = "other";
	opt.memory = 2 * GIB;
	opt.vcpus = 7;
	option_text[0] = "initramfs";
	opt.skip = (struct opt_list){ .v = option_text, .n = 1 };
	map("eth0=user");
	{
		PLAN;
		ck_assert_str_eq(p.name, "other");
		ck_assert(p.memory == 2 * GIB && p.vcpus == 7);
		ck_assert_str_eq(p.maps[0].nic, "eth0");
		ck_assert_int_eq(p.maps[0].kind, VM_NET_USER);
		ck_assert_str_eq(p.maps[2].nic, "eth1");
		ck_assert_str_eq(p.skip[0], "initramfs");
		ck_assert_str_eq(p.skip[1], "trim");
		ck_assert_ptr_null(p.skip[2]);
	}
	map("*=none");
	opt.skip.n = 0;
	option_text[1] = "trim";
	opt.only = (struct opt_list){ .v = option_text + 1, .n = 1 };
	PLAN;
	ck_assert_uint_eq(p.nmaps, 2);		/* nothing of the plan's */
	ck_assert_ptr_null(p.skip);
}
END_TEST

START_TEST(a_file_is_kept)
{
	make_job(m);
	decide();
	opt.plan = write_plan();
	opt.dry_run = true;
	{
		PLAN;
		ck_assert_uint_eq(p.vcpus, 3);
	}
	ck_assert_int_eq(rig_size("box/plan.json"), -1);
	opt.dry_run = false;
	{
		PLAN;
		ck_assert_uint_eq(p.vcpus, 3);
	}
	ck_assert_int_gt(rig_size("box/plan.json"), 0);
	opt.plan = NULL;
	{
		PLAN;
		ck_assert_uint_eq(p.vcpus, 3);
		/* What the file says of the machine is not taken over. */
		ck_assert_ptr_null(now->os.kernel);
	}
	CLEANUP(json_unref) json_t *view = NULL;
	MUST(job_view_json(job, &view, &e));
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(view, "plan"),
							    "vcpus")), 3);
}
END_TEST

START_TEST(a_bad_file_changes_nothing)
{
	make_job(m);
	decide();
	m->plan->disks[0].size = 5;
	opt.plan = write_plan();
	refused(-EBADMSG, "edited.json: line 1", "plan: disks[0]: size 5 is not a multiple");
	m->plan->disks[0].size = 0;
	ck_assert_int_eq(machine_strv_add(&m->plan->skip_fixes, "trimm"), 0);
	write_plan();
	refused(-EBADMSG, "edited.json: line 41: ", "plan: skip_fixes[1]: there is no fix trimm");
	m->plan->skip_fixes.n--;
	free(m->plan->skip_fixes.v[1]);
	/* Good in itself, but the job's machine is another. */
	m->disks[0].size = 2 * MIB;
	m->plan->disks[0].size = 3 * MIB;
	write_plan();
	refused(-EBADMSG, "edited.json: line 1",
		"disks[0]: size 3145728 is less than the source's");
	m->disks[0].size = 4 * MIB;
	m->plan->disks[0].size = 4 * MIB;
	m->smbios.uuid[0] = '0';
	write_plan();
	refused(-EXDEV, "edited.json: ", "another machine's");
	rig_write("edited.json", "{", 1);
	refused(-EBADMSG, "edited.json: line 1: ", "not valid JSON");
	opt.plan = "/does/not/exist";
	refused(-ENOENT, "/does/not/exist", "");
	ck_assert_int_eq(rig_size("box/plan.json"), -1);
}
END_TEST

/* An image file stood in for the disk, and is larger. */
START_TEST(smaller_than_the_image)
{
	m->disks[0].size = MIB;
	decide();
	m->plan->disks[0].size = 2 * MIB;
	make_job(m);
	refused(-EBADMSG, "plan: disks[0]: size 2097152", "less than the image's 4194304");
}
END_TEST

START_TEST(a_job_with_a_broken_plan)
{
	CLEANUP(machine_free) struct machine *now = NULL;
	CLEANUP(json_unref) json_t *view = NULL;
	struct err err = ERR_INIT;

	decide();
	make_job(m);
	rig_write("box/plan.json", "{\n5", 3);
	refused(-EBADMSG, "job box: plan.json: line 2: ", "not valid JSON");
	MUST(job_view_json(job, &view, &e));
	ck_assert(json_is_null(json_object_get(view, "plan")));
	rig_write("box/machine.json", "{\"version\": 1,\n\"plan\": {\"vcpus\": 999}}", 38);
	ck_assert_int_eq(job_machine(job, &now, &err), -EBADMSG);
	ck_assert_msg(strstr(err.text, "line 2: plan: vcpus 999"), "%s", err.text);
}
END_TEST

/* The overlays are as large as planned, and the replicas as they were. */
START_TEST(overlays_grow)
{
	CLEANUP(finish_plan_done) struct finish_plan p = { 0 };
	char *paths[JOB_DISKS] = { NULL };

	if (system("command -v qemu-img >/dev/null") != 0)
		UNIT_LEAVE("there is no qemu-img");
	decide();
	make_job(m);
	for (size_t i = 0; i < JOB_DISKS; i++) {
		CLEANUP(mem_free) char *cmd = NULL;

		cmd = text_format("qemu-img create -q -f qcow2 %s/box/%s.qcow2 %" PRIu64, rig_store,
				  job->images[i].disk, job->images[i].size);
		ck_assert_int_eq(system(cmd), 0);
	}
	MUST(finish_plan_make(&p, job, m, &opt, &e));
	MUST(overlay_create(job, p.sizes, paths, &e));
	for (size_t i = 0; i < JOB_DISKS; i++) {
		CLEANUP(qcow2_read_free) struct qcow2_read *q = NULL;
		CLEANUP(mem_free) char *name = text_format("%s.qcow2", job->images[i].disk);
		CLEANUP(mem_free) char *cmd = NULL;

		MUST(qcow2_read_open(job->dirfd, name, &q, &e));
		ck_assert_uint_eq(qcow2_read_size(q), job->images[i].size);
		cmd = text_format("qemu-img info --output=json %s | grep -q '\"virtual-size\": %"
				  PRIu64 ",'", paths[i], p.sizes[i]);
		ck_assert_int_eq(system(cmd), 0);
		free(paths[i]);
	}
}
END_TEST

/* ---- both sides speak the same language */

static bool plan_takes(const char *connect, const char *bus, const char *model)
{
	struct machine_plan_nic *n = &m->plan->nics[0];
	struct machine_plan_disk *d = &m->plan->disks[0];
	bool good;

	free(n->connect);
	n->connect = (char *)(uintptr_t)connect;
	n->model = (char *)(uintptr_t)model;
	d->bus = (char *)(uintptr_t)bus;
	good = plan_check(m, NULL) == 0;
	n->connect = n->model = d->bus = NULL;
	return good;
}

START_TEST(connections_are_maps)
{
	static const char *const examples[] = {
		"network:default", "network:a.b-c_d", "bridge:br0", "direct:eno2", "user", "none",
		"bridge:fifteen-letters", "bridge:sixteen-letters-", "network:0",
		"network:sixty-three-bytes-sixty-three-bytes-sixty-three-bytes-sixty-thr",
		"network:sixty-four-bytes-sixty-four-bytes-sixty-four-bytes-sixty-four-by",
		"", ":", "bridge", "bridge:", "user:", "user:x", "none:", "none ", " none", "None",
		"bridge:a b", "bridge:../x", "network:a/b", "bridge:-x", "bridge:.x", "vdpa:x",
		"bridge:br0:1", "bridge:br0=x", "direct:\x01", "network:\xc3\xa4", "bridge:br0\n",
		"users", "networks:x",
	};
	unsigned int good = 0;

	MUST(plan_make(m, "x", &e));
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		CLEANUP(mem_free) char *text = text_format("eth0=%s", examples[i]);
		struct vmspec_map one = { 0 };
		bool there = vmspec_map_parse(text, &one, NULL) == 0;

		ck_assert_msg(plan_takes(examples[i], NULL, NULL) == there, "\"%s\"", examples[i]);
		vmspec_map_done(&one);
		good += there;
	}
	ck_assert_uint_eq(good, 9);
}
END_TEST

static int build(const char *bus, const char *model, uint32_t vcpus, uint64_t memory)
{
	CLEANUP(vmspec_free) struct vmspec *s = NULL;
	const struct vmspec_image image = { .name = "sda", .path = "/x", .size = MIB, .bus = bus };
	const struct vmspec_model one = { "eth0", model };
	const struct vmspec_options vo = {
		.random_uuid = "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
		.models = &one, .nmodels = model ? 1 : 0, .vcpus = vcpus, .memory = memory,
	};
	struct guestcaps caps;

	guestcaps_default(&caps);
	return vmspec_build(m, &caps, &image, 1, &vo, &s, NULL, NULL);
}

START_TEST(words_and_limits)
{
	MUST(plan_make(m, "x", &e));
	for (const char *const *w = plan_buses; *w; w++)
		ck_assert_msg(build(*w, NULL, 0, 0) == 0 && plan_takes(NULL, *w, NULL), "%s", *w);
	for (const char *const *w = plan_models; *w; w++)
		ck_assert_msg(build(NULL, *w, 0, 0) == 0 && plan_takes(NULL, NULL, *w), "%s", *w);
	ck_assert_int_eq(build("usb", NULL, 0, 0), -EINVAL);
	ck_assert_int_eq(build(NULL, "ne2k", 0, 0), -EINVAL);
	ck_assert_int_eq(build(NULL, NULL, PLAN_VCPUS_MAX, PLAN_MEMORY_MIN), 0);
	ck_assert_int_eq(build(NULL, NULL, PLAN_VCPUS_MAX + 1, 0), -EINVAL);
	ck_assert_int_eq(build(NULL, NULL, 0, PLAN_MEMORY_MIN - 1), -EINVAL);
	ck_assert_uint_eq(PLAN_DISK_SIZE_MAX, PROTO_DISK_SIZE_MAX);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = {
		without_a_plan, as_planned, options_overrule, a_file_is_kept,
		a_bad_file_changes_nothing, smaller_than_the_image, a_job_with_a_broken_plan,
		overlays_grow, connections_are_maps, words_and_limits,
	};

	return rig_suite("plan", tests, ARRAY_SIZE(tests), setup, teardown);
}

UNIT_MAIN(suite)
