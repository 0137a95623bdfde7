/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a machine becomes, rule by rule: names, UUIDs, memory and processors, firmware; that every
 * fact that is missing gives a warning and a choice, and that a random machine always gives a spec
 * that has an XML. Disks and network cards have tests of their own.
 */
#include "tests/unit/test_vmspec_rig.h"

START_TEST(known_machine_warns_of_nothing)
{
	SPEC;

	ck_assert_msg(warnings.n == 0, "%s", warnings.n ? warnings.v[0] : "");
	ck_assert_str_eq(s->name, "web1");
	ck_assert_str_eq(s->uuid, SANE_UUID);
	ck_assert_str_eq(s->arch, "x86_64");
	ck_assert_uint_eq(s->memory, 4 * GIB);
	ck_assert(s->q35 && !s->uefi && !s->secure_boot && !s->tpm && !s->watchdog &&
		  !s->clock_local);
	ck_assert(s->kvm && s->cpu_host_model);
	ck_assert_ptr_null(s->osinfo);
	ck_assert_ptr_nonnull(strstr(s->description, "web1"));
}
END_TEST

START_TEST(nothing_known)
{
	CLEANUP(vmspec_free) struct vmspec *s = NULL;
	struct vmspec_image one = { .name = "x", .path = "/x.qcow2" };

	machine_free(m);
	ck_assert_int_eq(machine_new(&m), 0);
	guestcaps_default(&caps);
	ck_assert_int_eq(vmspec_build(m, &caps, &one, 1, &opt, &s, &warnings, &err), 0);
	ck_assert(warned("UUID") && warned("host name") && warned("memory") && warned("topology") &&
		  warned("firmware") && warned("inventory") && warned("network interfaces"));
	ck_assert_str_eq(s->name, "machine");
	ck_assert_str_eq(s->uuid, RANDOM_UUID);
	ck_assert_uint_eq(s->memory, 2 * GIB);
	ck_assert_uint_eq(s->sockets * s->cores * s->threads, 1);
	ck_assert(!s->uefi && !s->q35);
	ck_assert_int_eq(s->disks[0].bus, VM_BLOCK_IDE);
	ck_assert_str_eq(s->disks[0].dev, "hda");
	ck_assert_uint_eq(s->disks[0].logical_sector, 512);
	ck_assert_uint_eq(s->nnics, 0);
	/* Nobody has to listen. */
	vmspec_free(s);
	s = NULL;
	ck_assert_int_eq(vmspec_build(m, &caps, &one, 1, &opt, &s, NULL, NULL), 0);
}
END_TEST

START_TEST(bad_options)
{
	const char *path = images[0].path;

	nimages = 0;
	refused("no disk image");
	nimages = 1;
	images[0].path = "relative.qcow2";
	refused("absolute");
	images[0].path = NULL;
	refused("absolute");
	images[0].path = path;
	opt.name = "../evil";
	refused("name");
	opt.name = "";
	refused("name");
	opt.name = NULL;
	opt.uuid = "4c4c4544-0053-4a10-8057-b4c04f4d363";
	refused("UUID");
	opt.uuid = "00000000-0000-0000-0000-000000000000";
	refused("UUID");
	opt.uuid = NULL;
	opt.memory = 4096;
	refused("memory");
	opt.memory = UINT64_MAX;
	refused("memory");
	opt.memory = 0;
	opt.vcpus = 256;
	refused("processors");
	opt.vcpus = 0;
	opt.nvram_path = "VARS.fd";
	refused("variables");
	opt.nvram_path = NULL;
	set(&m->smbios.uuid, NULL);
	opt.random_uuid = NULL;
	refused("random UUID");
	opt.random_uuid = "x";
	refused("random UUID");
}
END_TEST

START_TEST(names)
{
	static const struct {
		const char *host, *want;
	} t[] = {
	    {"db1.example.org", "db1.example.org"},
	    {"-x-", "x"},
	    {"a b/c", "a-b-c"},
	    {"\xc3\xbc", "machine"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		set(&m->hostname, t[i].host);
		SPEC;

		ck_assert_str_eq(s->name, t[i].want);
	}
	set(&m->hostname, NULL);
	set(&m->os.hostname, "from-os");
	opt.name = "given_1";
	SPEC;

	ck_assert_str_eq(s->name, "given_1");
	opt.name = NULL;
	vmspec_free(s);
	s = build();
	ck_assert_str_eq(s->name, "from-os");
}
END_TEST

START_TEST(uuids)
{
	static const char *const fakes[] = {
	    "00000000-0000-0000-0000-000000000000",
	    "ffffffff-ffff-ffff-ffff-ffffffffffff",
	    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
	    "aaaaaaaa-aaaa-aaaa-aaaa-AAAAAAAAAAAA",
	    "03000200-0400-0500-0006-000700080009",
	    "00020003-0004-0005-0006-000700080009",
	    "12345678-1234-5678-90AB-CDDEEFAABBCC",
	    "Not Settable",
	    "",
	    "4c4c4544-0053-4a10-8057-b4c04f4d36322",
	    "4c4c454400534a108057b4c04f4d3632",
	    "4c4c4544-0053-4a10-8057-b4c04f4d363g",
	    "4c4c4544-0000-2010-8020-80c04f202020",
	};
	/* Partly zero but with the board's MAC in it: Supermicro's are like that, and unique. */
	static const char *const sane[] = {
		"00000000-0000-0000-0000-ac1f6b010203", "4C4C4544-0053-4A10-8057-B4C04F4D3632",
	};

	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++) {
		set(&m->smbios.uuid, fakes[i]);
		SPEC;

		ck_assert_msg(strcmp(s->uuid, RANDOM_UUID) == 0, "%s", fakes[i]);
		ck_assert(warned("placeholder"));
		/* Still there for who wants to see what the firmware said. */
		if (fakes[i][0])
			ck_assert_str_eq(s->smbios.uuid, fakes[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(sane); i++) {
		set(&m->smbios.uuid, sane[i]);
		SPEC;

		ck_assert_int_eq(strcasecmp(s->uuid, sane[i]), 0);
		ck_assert_ptr_null(strpbrk(s->uuid, "ABCDEF"));
		ck_assert_uint_eq(warnings.n, 0);
	}
	opt.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100";
	SPEC;

	ck_assert_str_eq(s->uuid, "0f0e0d0c-0b0a-4908-8706-050403020100");
}
END_TEST

START_TEST(memory)
{
	SPEC;

	opt.memory = GIB + 1;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, GIB + 1);
	opt.memory = 0;

	/* Not a power of two, and it stays so. */
	m->memory.installed = 98 * GIB;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, 98 * GIB);
	ck_assert_uint_eq(warnings.n, 0);

	m->memory.installed = GIB;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, 3 * GIB);
	ck_assert(warned("than it says"));

	m->memory.installed = 0;
	m->memory.usable = 3 * GIB - 5;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, 3 * GIB);
	ck_assert(warned("not known"));

	m->memory.usable = 0;
	m->memory.installed = UINT64_MAX;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, 2 * GIB);
	ck_assert(warned("out of range"));
	m->memory.installed = 0;
	m->memory.usable = UINT64_MAX;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->memory, 2 * GIB);
}
END_TEST

START_TEST(processors)
{
	static const struct {
		uint32_t in[5], vcpus, out[3];	/* in: the last is present */
		bool warns;
	} t[] = {
		{ { 1, 4, 2, 8 }, 0, { 1, 4, 2 }, false },
		{ { 2, 6, 2, 12 }, 0, { 2, 6, 2 }, false },	/* some switched off */
		{ { 2, 6, 2, 21, 24 }, 0, { 2, 6, 2 }, false },
		{ { 1, 16, 2, 24, 24 }, 0, { 1, 24, 1 }, true },/* cores of two kinds */
		{ { 1, 4, 2, 8 }, 3, { 1, 3, 1 }, false },
		{ { 1, 4, 2, 8 }, 8, { 1, 4, 2 }, false },
		{ { 0, 0, 0, 6 }, 0, { 1, 6, 1 }, true },
		{ { 1, 0, 2, 6 }, 0, { 1, 6, 1 }, true },
		{ { 1, 2, 1, 6 }, 0, { 1, 6, 1 }, true },	/* does not add up */
		{ { 0, 0, 0, 0 }, 0, { 1, 1, 1 }, true },
		{ { 0, 0, 0, 0 }, 255, { 1, 255, 1 }, false },
		{ { 4, 48, 2, 384 }, 0, { 4, 31, 2 }, true },
		{ { 300, 1, 1, 300 }, 0, { 1, 255, 1 }, true },
		{ { 0, 0, 0, 4000000000 }, 0, { 1, 255, 1 }, true },
		{ { UINT32_MAX, UINT32_MAX, UINT32_MAX, 1 }, 0, { 1, 255, 1 }, true },
		/* 2^64: nothing, in 64 bits. */
		{ { UINT32_C(1) << 31, UINT32_C(1) << 31, 4, 1 }, 0, { 1, 255, 1 }, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		m->cpu.sockets = t[i].in[0];
		m->cpu.cores_per_socket = t[i].in[1];
		m->cpu.threads_per_core = t[i].in[2];
		m->cpu.online = t[i].in[3];
		m->cpu.present = t[i].in[4];
		opt.vcpus = t[i].vcpus;
		SPEC;

		ck_assert_msg(s->sockets == t[i].out[0] && s->cores == t[i].out[1] &&
				  s->threads == t[i].out[2],
			      "%zu: %" PRIu32 " %" PRIu32 " %" PRIu32, i, s->sockets, s->cores,
			      s->threads);
		ck_assert_msg((warnings.n > 0) == t[i].warns, "%zu", i);
	}
	m->cpu.present = 0;
	opt.kvm = false;
	m->cpu.x86_64_level = 4;
	SPEC;

	ck_assert(!s->kvm && !s->cpu_host_model && warned("AVX-512"));
	ck_assert_uint_eq(s->cpu_level, 4);
	m->cpu.x86_64_level = 77;
	vmspec_free(s);
	s = build();
	ck_assert_uint_eq(s->cpu_level, 0);
}
END_TEST

START_TEST(firmware)
{
	struct machine_partition *p;

	m->firmware.type = MACHINE_FIRMWARE_UEFI;
	caps.q35 = false;
	opt.nvram_path = "/srv/VARS.fd";
	SPEC;

	/* Not known is off, and is said. */
	ck_assert(s->uefi && s->q35 && !s->secure_boot && warned("not known: it is switched off"));
	m->firmware.secure_boot = MACHINE_NO;
	vmspec_free(s);
	s = build();
	ck_assert(!s->secure_boot && !warned("Secure Boot"));
	ck_assert_str_eq(s->nvram_path, "/srv/VARS.fd");
	m->firmware.secure_boot = MACHINE_YES;
	vmspec_free(s);
	s = build();
	ck_assert(s->secure_boot && warned("Secure Boot"));
	m->firmware.setup_mode = MACHINE_YES;
	vmspec_free(s);
	s = build();
	ck_assert(!s->secure_boot);

	/* BIOS: variables make no sense. */
	m->firmware.type = MACHINE_FIRMWARE_BIOS;
	vmspec_free(s);
	s = build();
	ck_assert(!s->uefi && !s->q35 && !s->secure_boot && !s->nvram_path);

	m->firmware.type = MACHINE_FIRMWARE_UNKNOWN;
	vmspec_free(s);
	s = build();
	ck_assert(!s->uefi && warned("firmware"));
	p = add_partition(&m->disks[0]);
	set(&p->type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
	vmspec_free(s);
	s = build();
	ck_assert(s->uefi && warned("EFI system partition"));
	p = add_partition(&m->disks[0]);
	set(&p->type, "21686148-6449-6e6f-744e-656564454649");
	vmspec_free(s);
	s = build();
	ck_assert(!s->uefi);
}
END_TEST

START_TEST(devices)
{
	struct machine_watchdog *d = machine_grow(&m->watchdogs, &m->nwatchdogs, sizeof(*d));

	m->tpm_present = true;
	set(&m->tpm_version, "1.2");
	SPEC;

	ck_assert(s->tpm && !s->watchdog && warned("TPM"));
	ck_assert_str_eq(s->tpm_version, "1.2");
	d->in_use = true;
	set(&m->tpm_version, NULL);
	snprintf(caps.os_type, sizeof(caps.os_type), "windows");
	vmspec_free(s);
	s = build();
	ck_assert_str_eq(s->tpm_version, "2.0");
	ck_assert(s->watchdog && s->clock_local);
	m->clock.rtc_known = true;
	vmspec_free(s);
	s = build();
	ck_assert(!s->clock_local);
	m->clock.rtc_local = true;
	caps.os_type[0] = '\0';
	vmspec_free(s);
	s = build();
	ck_assert(s->clock_local);
}
END_TEST

START_TEST(arch_and_osinfo)
{
	static const struct {
		const char *id, *version, *want;
	} t[] = {
	    {"debian", "12", "http://debian.org/debian/12"},
	    {"debian", "10.3", "http://debian.org/debian/10"},
	    {"ubuntu", "22.04", "http://ubuntu.com/ubuntu/22.04"},
	    {"debian", "12/../x", NULL},
	    {"debian", "", NULL},
	    {"debian", "1111111111111111", NULL},
	    {"templeos", "1", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		set(&m->os.id, t[i].id);
		set(&m->os.version_id, t[i].version);
		SPEC;

		if (t[i].want)
			ck_assert_str_eq(s->osinfo, t[i].want);
		else
			ck_assert_ptr_null(s->osinfo);
	}
	set(&m->os.arch, "i686");
	SPEC;

	ck_assert_str_eq(s->arch, "x86_64");
	snprintf(caps.arch, sizeof(caps.arch), "aarch64");
	snprintf(caps.osinfo, sizeof(caps.osinfo), "http://example.org/os");
	vmspec_free(s);
	s = build();
	ck_assert_str_eq(s->arch, "aarch64");
	ck_assert_str_eq(s->osinfo, "http://example.org/os");
}
END_TEST

START_TEST(junk_is_cleaned)
{
	char big[1000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	set(&m->smbios.product_serial, "  a\x01\x7f" "b\xff\n ");
	set(&m->smbios.product_name, big);
	set(&m->smbios.board_name, " \t ");
	SPEC;

	ck_assert_str_eq(s->smbios.product_serial, "a  b?");
	ck_assert_uint_eq(strlen(s->smbios.product_name), 255);
	ck_assert_ptr_null(s->smbios.board_name);
}
END_TEST

static uint32_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Text as a hostile machine JSON could hold it: any bytes, or something near to what is expected.
 */
static void rnd_text(char **where)
{
	static const char *const likely[] = {
	    "0x5000c50012345678",
	    SANE_UUID,
	    "52:54:00:12:34:56",
	    "01/02/2020",
	    "2.0",
	    "physical",
	    "x86_64",
	    "debian",
	};
	char text[64];
	size_t n = rnd(60);

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(1 + rnd(255));
	text[n] = '\0';
	set(where, rnd(3) == 0 ? NULL : rnd(2) ? text : likely[rnd(ARRAY_SIZE(likely))]);
}

/* Whatever the machine: a spec, and its XML, and the same XML again. */
START_TEST(any_machine_has_an_xml)
{
	for (uint32_t run = 0; run < 500; run++) {
		CLEANUP(mem_free) char *xml = NULL, *again = NULL;
		struct machine_smbios *f;
		struct machine_disk *d;

		teardown();
		setup();
		seed = run * UINT32_C(2654435761);
		f = &m->smbios;
		rnd_text(&m->hostname);
		rnd_text(&m->recorded_at);
		rnd_text(&m->tpm_version);
		rnd_text(&m->os.id);
		rnd_text(&m->os.version_id);
		rnd_text(&f->uuid);
		rnd_text(&f->sys_vendor);
		rnd_text(&f->product_name);
		rnd_text(&f->product_serial);
		rnd_text(&f->bios_date);
		rnd_text(&f->chassis_asset_tag);
		m->memory.installed = (uint64_t)rnd(UINT32_MAX) << rnd(40);
		m->cpu.sockets = rnd(2) ? rnd(UINT32_MAX) : rnd(5);
		m->cpu.threads_per_core = rnd(3);
		m->cpu.online = rnd(400);
		m->cpu.x86_64_level = rnd(7);
		m->tpm_present = rnd(2);
		m->firmware.type = (enum machine_firmware_type)rnd(3);
		m->firmware.secure_boot = (enum machine_answer)rnd(3);
		for (uint32_t i = rnd(6); i > 0; i--) {
			d = add_disk("sdx", 512U << rnd(6));
			rnd_text(&d->serial);
			rnd_text(&d->wwn);
			rnd_text(&d->vendor);
			rnd_text(&d->model);
		}
		for (uint32_t i = rnd(6); i > 0; i--) {
			struct machine_nic *n = add_nic("n", NULL, NULL);

			rnd_text(&n->mac);
			rnd_text(&n->permanent_mac);
			rnd_text(&n->kind);
			n->mtu = rnd(70000);
		}
		caps.block = (enum vm_block_bus)rnd(4);
		caps.net = (enum vm_net_model)rnd(4);
		caps.q35 = rnd(2);
		caps.virtio_1_0 = rnd(2);
		caps.virtio_rng = rnd(2);
		opt.kvm = rnd(2);
		SPEC;

		ck_assert_msg(domain_xml_build(s, &xml, &err) == 0, "run %" PRIu32 ": %s", run,
			      err.text);
		ck_assert_int_eq(domain_xml_build(s, &again, &err), 0);
		ck_assert_str_eq(xml, again);
	}
}
END_TEST

START_TEST(wishes_for_firmware)
{
	opt.firmware = MACHINE_FIRMWARE_BIOS;
	SPEC;

	ck_assert(!s->uefi && warnings.n == 0);
	opt.firmware = MACHINE_FIRMWARE_UEFI;
	refused("starts by BIOS, and its boot loader would not start by UEFI");
	m->firmware.type = MACHINE_FIRMWARE_UEFI;
	opt.firmware = MACHINE_FIRMWARE_BIOS;
	refused("starts by UEFI");
	/* What is not known can be said. */
	m->firmware.type = MACHINE_FIRMWARE_UNKNOWN;
	vmspec_free(s);
	s = build();
	ck_assert(!s->uefi && !warned("firmware"));
	opt.firmware = MACHINE_FIRMWARE_UEFI;
	opt.nvram_path = "/srv/x_VARS.fd";
	vmspec_free(s);
	s = build();
	ck_assert(s->uefi && s->q35 && s->nvram_path && !warned("firmware"));
}
END_TEST

static Suite *vmspec_suite(void)
{
	Suite *s = suite_create("vmspec");
	TCase *tc = tcase_create("vmspec");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, known_machine_warns_of_nothing);
	tcase_add_test(tc, nothing_known);
	tcase_add_test(tc, bad_options);
	tcase_add_test(tc, names);
	tcase_add_test(tc, uuids);
	tcase_add_test(tc, memory);
	tcase_add_test(tc, processors);
	tcase_add_test(tc, firmware);
	tcase_add_test(tc, devices);
	tcase_add_test(tc, arch_and_osinfo);
	tcase_add_test(tc, junk_is_cleaned);
	tcase_add_test(tc, any_machine_has_an_xml);
	tcase_add_test(tc, wishes_for_firmware);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(vmspec_suite)
