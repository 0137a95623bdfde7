/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recorded machines in tests/golden/domain/NAME.machine.json become NAME.xml, byte for byte, and
 * every NAME.xml is valid against libvirt's schema where virt-xml-validate is installed.
 * P2V_REGEN=1 writes the expected files anew (then read the diff). P2V_TOP is the source folder.
 */
#include <errno.h>
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "common/spawn.h"
#include "common/text.h"
#include "convert/domain_xml.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

#define RANDOM_UUID	"6ba7b810-9dad-41d1-80b4-00c04fd430c8"

struct golden {
	const char *name;
	struct guestcaps caps;
	struct vmspec_image images[6];
	size_t nimages;
	const char *const maps[6];
	struct vmspec_options opt;
};

#define LINUX_MODERN                                                                               \
	.block = VM_BLOCK_VIRTIO_SCSI, .net = VM_NET_VIRTIO, .virtio_rng = true,                   \
	.virtio_balloon = true, .guest_agent = true, .q35 = true, .virtio_1_0 = true,              \
	.serial_console = true, .os_type = "linux"

static const struct golden goldens[] = {
    {
	.name = "bios-debian",
	.caps = {LINUX_MODERN, .distro = "debian", .major = 12,
		 .osinfo = "http://debian.org/debian/12"},
	.images = {{.name = "sda",
		    .path = "/srv/p2v/db1/sda.qcow2",
		    .format = "qcow2",
		    .direct_io = true}},
	.nimages = 1,
	.opt = {.kvm = true},
    },
    {
	.name = "uefi-secureboot-tpm",
	.caps = {LINUX_MODERN, .distro = "ubuntu", .major = 22, .minor = 4},
	.images = {{.name = "nvme0n1", .path = "/srv/p2v/web1/nvme0n1.qcow2", .boot = true}},
	.nimages = 1,
	.opt = {.kvm = true, .nvram_path = "/srv/p2v/web1/VARS.fd"},
    },
    {
	.name = "old-i440fx-ide",
	.caps = {.block = VM_BLOCK_IDE, .net = VM_NET_RTL8139, .os_type = "linux", .major = 6},
	.images =
	    {
		{.name = "hda", .path = "/srv/p2v/old/hda & <1>.qcow2"},
		{.name = "hdb",
		 .path = "/srv/p2v/old/hdb.raw",
		 .format = "raw",
		 .logical_sector = 4096},
	    },
	.nimages = 1,
	.opt = {.kvm = true, .random_uuid = RANDOM_UUID},
    },
    {
	.name = "disk-4kn",
	/* A guest whose virtio is older than 1.0, on q35 because of UEFI: transitional devices. */
	.caps = {.block = VM_BLOCK_VIRTIO_BLK,
		 .net = VM_NET_VIRTIO,
		 .virtio_rng = true,
		 .virtio_balloon = true,
		 .os_type = "linux"},
	.images =
	    {
		{.name = "sda", .path = "/srv/p2v/store1/sda.qcow2"},
		{.name = "sdb",
		 .path = "/srv/p2v/store1/sdb.qcow2",
		 .logical_sector = 512,
		 .physical_sector = 4096},
	    },
	.nimages = 2,
	.opt = {.kvm = true},
    },
    {
	.name = "multi",
	.caps = {LINUX_MODERN, .distro = "rhel", .major = 7, .minor = 9},
	.images =
	    {
		{.name = "sda", .path = "/srv/p2v/app/sda.qcow2"},
		{.name = "sdb", .path = "/srv/p2v/app/sdb.qcow2"},
		{.name = "sdc", .path = "/srv/p2v/app/sdc.qcow2"},
	    },
	.nimages = 3,
	.maps = {"eno1=bridge:br0", "eno2=direct:eth1", "38:63:BB:00:00:04=network:storage",
		 "ens1=none", "ens2=user", "*=network:lab"},
	.opt = {.kvm = true,
		.name = "app-7.new",
		.uuid = "0F0E0D0C-0B0A-4908-8706-050403020100",
		.memory = 8 * GIB,
		.vcpus = 4,
		.description = "two lines,\nand \"quotes\" & <tags>"},
    },
    {
	.name = "windows",
	.caps = {.block = VM_BLOCK_VIRTIO_SCSI,
		 .net = VM_NET_VIRTIO,
		 .virtio_balloon = true,
		 .q35 = true,
		 .virtio_1_0 = true,
		 .os_type = "windows",
		 .major = 10,
		 .minor = 0,
		 .osinfo = "http://microsoft.com/win/2k19"},
	.images = {{.name = "sda", .path = "/srv/p2v/win/sda.qcow2"}},
	.nimages = 1,
	.opt = {.kvm = true},
    },
    {
	.name = "unknown",
	.caps = {.block = VM_BLOCK_IDE, .net = VM_NET_E1000, .major = -1, .minor = -1},
	.images =
	    {
		{.name = "a", .path = "/srv/p2v/u/a.qcow2"},
		{.name = "b", .path = "/srv/p2v/u/b.qcow2"},
		{.name = "c", .path = "/srv/p2v/u/c.qcow2"},
		{.name = "d", .path = "/srv/p2v/u/d.qcow2"},
		{.name = "e", .path = "/srv/p2v/u/e.qcow2"},
	    },
	.nimages = 5,
	.opt = {.random_uuid = "6ba7b811-9dad-41d1-80b4-00c04fd430c8"},
    },
    {
	.name = "demo-tcg",
	.caps = {LINUX_MODERN, .distro = "debian", .major = 12},
	.images = {{.name = "sda", .path = "/srv/p2v/demo/sda.qcow2"}},
	.nimages = 1,
	.maps = {"*=user"},
    },
    {
	.name = "uefi-q35-tcg",
	.caps = {LINUX_MODERN, .distro = "debian", .major = 12},
	.images = {{.name = "sda", .path = "/srv/p2v/demo-uefi/sda.qcow2"}},
	.nimages = 1,
	.maps = {"*=user"},
	.opt = {.nvram_path = "/srv/p2v/demo-uefi/VARS.fd"},
    },
};

static char *golden_path(const char *name, const char *suffix)
{
	const char *top = getenv("P2V_TOP");
	char *path;

	ck_assert_int_ge(
	    asprintf(&path, "%s/tests/golden/domain/%s.%s", top ? top : ".", name, suffix), 0);
	return path;
}

static struct vmspec *golden_spec(const struct golden *g)
{
	CLEANUP(mem_free) char *path = golden_path(g->name, "machine.json");
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(machine_free) struct machine *m = NULL;
	struct vmspec_map maps[6] = { 0 };
	struct vmspec_options opt = g->opt;
	struct vmspec *s = NULL;
	struct err err = ERR_INIT;
	size_t len;
	int r;

	ck_assert_msg(fdio_read_file(path, MACHINE_JSON_TEXT_MAX, &text, &len, &err) == 0, "%s",
		      err.text);
	ck_assert_msg(machine_json_parse(text, len, &m, &err) == 0, "%s", err.text);
	for (; opt.nmaps < 6 && g->maps[opt.nmaps]; opt.nmaps++)
		ck_assert_int_eq(vmspec_map_parse(g->maps[opt.nmaps], &maps[opt.nmaps], NULL), 0);
	opt.maps = maps;
	r = vmspec_build(m, &g->caps, g->images, g->nimages, &opt, &s, NULL, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	for (size_t i = 0; i < opt.nmaps; i++)
		vmspec_map_done(&maps[i]);
	return s;
}

static char *golden_xml(const struct golden *g)
{
	CLEANUP(vmspec_free) struct vmspec *s = golden_spec(g);
	struct err err = ERR_INIT;
	char *xml = NULL;

	ck_assert_msg(domain_xml_build(s, &xml, &err) == 0, "%s", err.text);
	return xml;
}

START_TEST(golden)
{
	const struct golden *g = &goldens[_i];
	CLEANUP(mem_free) char *path = golden_path(g->name, "xml");
	CLEANUP(mem_free) char *xml = golden_xml(g);
	CLEANUP(mem_free) char *again = golden_xml(g);
	CLEANUP(mem_free) char *want = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_str_eq(xml, again);
	if (getenv("P2V_REGEN"))
		ck_assert_int_eq(fdio_replace_file(path, xml, strlen(xml), 0644, &err), 0);
	ck_assert_msg(fdio_read_file(path, MIB, &want, &len, &err) == 0, "%s", err.text);
	ck_assert_str_eq(xml, want);
}
END_TEST

static bool have_validator(void)
{
	char *argv[] = { (char *)"virt-xml-validate", (char *)"--version", NULL };
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };

	return spawn_run(argv, NULL, 0, 10, 4096, &res, NULL) == 0;
}

START_TEST(valid)
{
	CLEANUP(mem_free) char *path = golden_path(goldens[_i].name, "xml");
	char *argv[] = { (char *)"virt-xml-validate", path, (char *)"domain", NULL };
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(spawn_run(argv, NULL, 0, 30, 65536, &res, &err) == 0, "%s", err.text);
	ck_assert_msg(res.status == 0, "%s: %s", goldens[_i].name, res.errtext);
}
END_TEST

/* A spec that can be expressed, changed in one place at a time. */
static struct vmspec *spec(void)
{
	return golden_spec(&goldens[0]);
}

static void refused(const struct vmspec *s, const char *field)
{
	struct err err = ERR_INIT;
	char *xml = NULL;

	ck_assert_int_eq(domain_xml_build(s, &xml, &err), -EINVAL);
	ck_assert_ptr_null(xml);
	ck_assert_msg(strstr(err.text, field) != NULL, "\"%s\" does not name %s", err.text, field);
}

#define REFUSED(field, change) \
	do { \
		CLEANUP(vmspec_free) struct vmspec *s = spec(); \
		change; \
		refused(s, field); \
	} while (0)

START_TEST(inexpressible)
{
	REFUSED("arch", memcpy(s->arch, "sparc_", 6));
	REFUSED("memory", s->memory = 0);
	REFUSED("memory", s->memory = UINT64_MAX);
	REFUSED("threads", s->threads = 0);
	REFUSED("threads", s->sockets = s->cores = UINT32_MAX);
	REFUSED("threads", s->threads = UINT32_MAX);
	REFUSED("secure_boot", s->secure_boot = true);
	REFUSED("uuid", free(s->uuid); s->uuid = NULL);
	REFUSED("nvram_path", s->nvram_path = strdup("VARS.fd"));
	REFUSED("q35", s->disks[0].bus = VM_BLOCK_IDE);
	REFUSED("512", s->disks[0].bus = VM_BLOCK_SATA; s->disks[0].logical_sector = 4096);
	REFUSED("disk", s->disks[0].path[0] = '.');
	REFUSED("nic 0", free(s->nics[0].target); s->nics[0].target = NULL);
	/* What the XML writer refuses: it comes through as an error, not as a broken document. */
	REFUSED("description", s->description[0] = '\x01');
	REFUSED("name", s->name[0] = '\xff');
}
END_TEST

static bool xml_has(const struct vmspec *s, const char *what)
{
	CLEANUP(mem_free) char *xml = NULL;

	ck_assert_int_eq(domain_xml_build(s, &xml, NULL), 0);
	return strstr(xml, what) != NULL;
}

START_TEST(memory_is_exact)
{
	CLEANUP(vmspec_free) struct vmspec *s = spec();

	s->memory = 3 * GIB + 5 * KIB;
	ck_assert(xml_has(s, "<memory unit=\"KiB\">3145733</memory>"));
	ck_assert(xml_has(s, "<currentMemory unit=\"KiB\">3145733</currentMemory>"));
	s->memory++;
	ck_assert(xml_has(s, ">3145734<"));
}
END_TEST

START_TEST(sysinfo_uuid_is_the_domains)
{
	CLEANUP(vmspec_free) struct vmspec *s = spec();

	ck_assert(xml_has(s, "<entry name=\"uuid\">4c4c4544-0053-4a10-8057-b4c04f4d3632</entry>"));
	/* Another case is the same UUID, and written as the domain's. */
	s->smbios.uuid[0] = '4';
	s->smbios.uuid[1] = 'C';
	ck_assert(xml_has(s, "<entry name=\"uuid\">4c4c4544"));
	s->smbios.uuid[0] = '5';
	ck_assert(!xml_has(s, "<entry name=\"uuid\">"));
}
END_TEST

START_TEST(bios_date)
{
	static const char *const good[] = { "01/02/2020", "12/31/99", "1/1/1999" };
	static const char *const bad[] = {
		"2020-01-02", "13/01/2020", "00/01/2020", "01/32/2020", "01/02/1899", "01/02/20201",
		"01/02/", "01/02", "", "+1/02/2020", "01/ 2/2020", "01/02/2020 ",
	};
	CLEANUP(vmspec_free) struct vmspec *s = spec();

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		free(s->smbios.bios_date);
		s->smbios.bios_date = strdup(good[i]);
		ck_assert_msg(xml_has(s, "\"date\""), "%s", good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		free(s->smbios.bios_date);
		s->smbios.bios_date = strdup(bad[i]);
		ck_assert_msg(!xml_has(s, "\"date\""), "%s", bad[i]);
	}
}
END_TEST

START_TEST(cpu_without_kvm)
{
	static const char *const models[] = {"Haswell-noTSX", "Penryn", "Nehalem", "Haswell-noTSX",
					     "Haswell-noTSX"};
	CLEANUP(vmspec_free) struct vmspec *s = spec();

	ck_assert(xml_has(s, "host-model"));
	s->kvm = s->cpu_host_model = false;
	for (uint32_t i = 0; i < ARRAY_SIZE(models); i++) {
		char text[64];

		s->cpu_level = i;
		snprintf(text, sizeof(text), "<model fallback=\"forbid\">%s</model>", models[i]);
		ck_assert(xml_has(s, text));
		ck_assert_int_eq(xml_has(s, "policy=\"disable\" name=\"pcid\""), i == 0 || i >= 3);
	}
	ck_assert(xml_has(s, "<domain type=\"qemu\">"));
	ck_assert(!xml_has(s, "iothread"));
	ck_assert(!xml_has(s, "queues"));
}
END_TEST

START_TEST(hyperv_needs_kvm_and_vista)
{
	CLEANUP(vmspec_free) struct vmspec *s = golden_spec(&goldens[5]);

	ck_assert(xml_has(s, "<hyperv") && xml_has(s, "hypervclock") &&
		  xml_has(s, "<panic model=\"hyperv\"/>"));
	s->caps.major = 5;
	ck_assert(!xml_has(s, "hyperv"));
	s->caps.major = -1;
	ck_assert(xml_has(s, "<hyperv"));
	s->kvm = false;
	ck_assert(!xml_has(s, "hyperv"));
}
END_TEST

START_TEST(network_without_device)
{
	CLEANUP(vmspec_free) struct vmspec *s = spec();

	ck_assert(xml_has(s, "<interface type=\"network\">"));
	s->nics[0].kind = VM_NET_NONE;
	ck_assert(!xml_has(s, "<interface"));
	/* An MTU that libvirt could not set is not asked for. */
	s->nics[0].mtu = 9000;
	s->nics[0].kind = VM_NET_BRIDGE;
	ck_assert(xml_has(s, "<mtu size=\"9000\"/>"));
	s->nics[0].kind = VM_NET_DIRECT;
	ck_assert(!xml_has(s, "<mtu"));
	s->nics[0].kind = VM_NET_USER;
	ck_assert(!xml_has(s, "<mtu") && !xml_has(s, "queues"));
}
END_TEST

static Suite *domain_xml_suite(void)
{
	Suite *s = suite_create("domain_xml");
	TCase *tc = tcase_create("golden");

	tcase_add_loop_test(tc, golden, 0, (int)ARRAY_SIZE(goldens));
	suite_add_tcase(s, tc);
	if (have_validator()) {
		tc = tcase_create("valid");
		tcase_set_timeout(tc, 60);
		tcase_add_loop_test(tc, valid, 0, (int)ARRAY_SIZE(goldens));
		suite_add_tcase(s, tc);
	} else {
		/* A comment in TAP; the runner counts these lines. */
		printf("# SKIP the schema: virt-xml-validate (libvirt-clients) is not installed\n");
	}
	tc = tcase_create("rules");
	tcase_add_test(tc, inexpressible);
	tcase_add_test(tc, memory_is_exact);
	tcase_add_test(tc, sysinfo_uuid_is_the_domains);
	tcase_add_test(tc, bios_date);
	tcase_add_test(tc, cpu_without_kvm);
	tcase_add_test(tc, hyperv_needs_kvm_and_vista);
	tcase_add_test(tc, network_without_device);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(domain_xml_suite)
