/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The computer itself: topologies held against lscpu, memory slots against dmidecode, both reading
 * what the test made; hypervisors, NUMA nodes, huge pages, the owner's keys.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/bytes.h"
#include "common/jsonx.h"
#include "common/size.h"
#include "common/text.h"
#include "inventory/collect.h"
#include "inventory/hw/efivar.h"
#include "inventory/hw/smbios.h"
#include "tests/lib/tmproot.h"
#include "tests/lib/unit.h"

typedef int collector(const struct sysroot *root, struct machine *m, struct err *err);

static struct machine *run(collector *fn)
{
	CLEANUP(sysroot_free) struct sysroot *root = tmproot_open();
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_int_eq(machine_new(&m), 0);
	ck_assert_msg(fn(root, m, &err) == 0, "%s", err.text);
	return m;
}

static bool warned(const struct machine *m, const char *what)
{
	for (size_t i = 0; i < m->warnings.n; i++)
		if (strstr(m->warnings.v[i], what))
			return true;
	return false;
}

static bool have(const char *tool)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", tool);
	return WEXITSTATUS(system(command)) == 0;
}

/* -- topology -- */

struct cpus {
	const char *what;
	uint32_t n;
	uint32_t sockets, per_socket, threads;	/* what must come out */
	uint32_t online;
	uint32_t nodes;
	/* The place of a CPU: false, it is offline. */
	bool (*place)(uint32_t cpu, uint32_t *package, uint32_t *core);
};

static bool place_512(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	/* Threads are numbered after all first threads, as firmware does. */
	*core = cpu % 256;
	*package = *core / 128;
	return true;
}

static bool place_hybrid(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = 0;
	*core = cpu < 16 ? cpu / 2 : cpu - 8;
	return true;
}

static bool place_one_off(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = 0;
	*core = cpu / 2;
	return cpu != 3;
}

static bool place_core_and_thread_off(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = 0;
	*core = cpu / 2;
	return cpu != 3 && cpu < 6;
}

static bool place_uneven(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = cpu < 8 ? 0 : 1;
	*core = cpu;
	return true;
}

static bool place_cluster(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = cpu / 16;
	*core = cpu / 2;
	return true;
}

static bool place_nosmt(uint32_t cpu, uint32_t *package, uint32_t *core)
{
	*package = 0;
	*core = cpu / 2;
	return cpu % 2 == 0;
}

static const struct cpus machines[] = {
	{ "512 CPUs", 512, 2, 128, 2, 512, 8, place_512 },
	{ "hybrid", 24, 1, 16, 2, 24, 1, place_hybrid },
	{ "one thread off", 8, 1, 4, 2, 7, 1, place_one_off },
	{ "a core and a thread off", 8, 1, 3, 2, 5, 1, place_core_and_thread_off },
	{ "sockets unlike", 12, 2, 6, 1, 12, 2, place_uneven },
	{ "cluster on die", 32, 2, 8, 2, 32, 4, place_cluster },
	{ "SMT off", 8, 1, 4, 1, 4, 1, place_nosmt },
};

/* The CPUs that share a core (or, by_package, a package) with one; a list, or a mask. */
static char *siblings(const struct cpus *c, uint32_t cpu, bool by_package, bool mask)
{
	uint32_t words[16] = { 0 }, package, core;
	struct strbuf b = { 0 };

	ck_assert(c->place(cpu, &package, &core));
	for (uint32_t i = 0; i < c->n; i++) {
		uint32_t p, k;

		if (!c->place(i, &p, &k) || (by_package ? p != package : k != core))
			continue;
		words[i / 32] |= UINT32_C(1) << i % 32;
		if (!mask)
			strbuf_addf(&b, "%s%" PRIu32, b.len ? "," : "", i);
	}
	for (uint32_t i = (c->n + 31) / 32; mask && i-- > 0;)
		strbuf_addf(&b, "%08" PRIx32 "%s", words[i], i ? "," : "");
	strbuf_add(&b, "\n");
	return strbuf_take(&b);
}

/* lscpu reads the mask. */
static void put_node_mask(const struct cpus *c, uint32_t node)
{
	struct strbuf b = { 0 };

	for (uint32_t i = (c->n + 31) / 32; i-- > 0;) {
		uint32_t word = 0;

		for (uint32_t bit = 0; bit < 32; bit++)
			if (i * 32 + bit < c->n && (i * 32 + bit) * c->nodes / c->n == node)
				word |= UINT32_C(1) << bit;
		strbuf_addf(&b, "%08" PRIx32 "%s", word, i ? "," : "\n");
	}
	tmproot_text(b.s, "/sys/devices/system/node/node%u/cpumap", node);
	strbuf_done(&b);
}

static void put_cpus(const struct cpus *c)
{
	struct strbuf info = { 0 }, online = { 0 };
	char text[64];

	for (uint32_t i = 0; i < c->n; i++) {
		static const char dir[] = "/sys/devices/system/cpu";
		uint32_t package, core;

		tmproot_text("", "%s/cpu%u/uevent", dir, i);
		if (!c->place(i, &package, &core))
			continue;
		strbuf_addf(&online, "%s%u", online.len ? "," : "", i);
		strbuf_addf(&info, "processor\t: %u\nvendor_id\t: GenuineIntel\nphysical id\t: %u\n"
			    "core id\t\t: %u\nflags\t\t: fpu\n\n", i, package, core);
		for (int k = 0; k < 3; k++) {
			CLEANUP(mem_free) char *s = siblings(c, i, k == 2, k > 0);
			static const char *const names[] = {
				"thread_siblings_list", "thread_siblings", "core_siblings",
			};

			tmproot_text(s, "%s/cpu%u/topology/%s", dir, i, names[k]);
		}
		snprintf(text, sizeof(text), "%u\n", package);
		tmproot_text(text, "%s/cpu%u/topology/physical_package_id", dir, i);
	}
	strbuf_add(&online, "\n");
	snprintf(text, sizeof(text), "0-%u\n", c->n - 1);
	tmproot_text(text, "/sys/devices/system/cpu/possible");
	tmproot_text(text, "/sys/devices/system/cpu/present");
	tmproot_text(online.s, "/sys/devices/system/cpu/online");
	tmproot_text(info.s, "/proc/cpuinfo");
	for (uint32_t i = 0; i < c->nodes; i++) {
		snprintf(text, sizeof(text), "%u-%u\n", i * c->n / c->nodes,
			 (i + 1) * c->n / c->nodes - 1);
		tmproot_text(text, "/sys/devices/system/node/node%u/cpulist", i);
		put_node_mask(c, i);
	}
	strbuf_done(&info);
	strbuf_done(&online);
}

static const char *lscpu_field(const json_t *list, const char *field)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) {
		const char *name = json_string_value(json_object_get(o, "field"));
		const char *below;

		if (name && strcmp(name, field) == 0)
			return json_string_value(json_object_get(o, "data"));
		below = lscpu_field(json_object_get(o, "children"), field);
		if (below)
			return below;
	}
	return NULL;
}

static void same_number(const json_t *list, const char *field, uint32_t ours)
{
	const char *theirs = lscpu_field(list, field);

	ck_assert_msg(theirs && strtoul(theirs, NULL, 10) == ours, "%s: lscpu %s, we %u", field,
		      theirs ? theirs : "(none)", ours);
}

static void compare_with_lscpu(const struct machine *m)
{
	CLEANUP(json_unref) json_t *j = NULL;
	char command[256], text[1 << 16];
	const json_t *list;
	FILE *f;
	size_t n;

	snprintf(command, sizeof(command), "lscpu -J --sysroot %s", tmproot_path());
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text), f);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_int_eq(jsonx_parse(text, n, "lscpu", &j, NULL), 0);
	list = json_object_get(j, "lscpu");
	same_number(list, "CPU(s):", m->cpu.present);
	same_number(list, "Socket(s):", m->cpu.sockets);
	same_number(list, "Core(s) per socket:", m->cpu.cores_per_socket);
	same_number(list, "Thread(s) per core:", m->cpu.threads_per_core);
	same_number(list, "NUMA node(s):", (uint32_t)m->cpu.nnodes);
	for (size_t i = 0; i < m->cpu.nnodes; i++) {
		char field[64];

		snprintf(field, sizeof(field), "NUMA node%zu CPU(s):", i);
		ck_assert_str_eq(lscpu_field(list, field), m->cpu.nodes[i].cpus);
	}
}

START_TEST(test_topology)
{
	const struct cpus *c = &machines[_i];
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	put_cpus(c);
	m = run(collect_cpu);
	ck_assert_msg(m->cpu.sockets == c->sockets && m->cpu.cores_per_socket == c->per_socket &&
			  m->cpu.threads_per_core == c->threads && m->cpu.online == c->online &&
			  m->cpu.present == c->n,
		      "%s: %u x %u x %u, %u of %u", c->what, m->cpu.sockets,
		      m->cpu.cores_per_socket, m->cpu.threads_per_core, m->cpu.online,
		      m->cpu.present);
	ck_assert_int_eq(warned(m, "not all alike"), c->place == place_hybrid);
	if (have("lscpu"))
		compare_with_lscpu(m);
	tmproot_remove();
	if (!have("lscpu"))
		UNIT_LEAVE("no lscpu");
}
END_TEST

static void put_cpuinfo(uint32_t n, const char *fmt, uint32_t cores)
{
	struct strbuf b = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		strbuf_addf(&b, "processor\t: %u\n", i);
		if (fmt)
			strbuf_addf(&b, "physical id\t: %u\n%s: %u\n", i / 4, fmt,
				    cores ? cores : i % 2);
		strbuf_add(&b, cores ? "siblings\t: 4\n\n" : "\n");
	}
	tmproot_text(b.s, "/proc/cpuinfo");
	strbuf_done(&b);
}

START_TEST(test_topology_of_cpuinfo)
{
	static const struct {
		const char *fmt;
		uint32_t cores, out[3];
	} cases[] = {
		{ "core id\t", 0, { 2, 2, 2 } },	/* two threads of cores 0 and 1 in each */
		{ "cpu cores\t", 2, { 2, 2, 2 } },
		{ "cpu cores\t", 3, { 1, 8, 1 } },	/* 4 siblings on 3 cores: no */
		{ NULL, 0, { 1, 8, 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		tmproot_make();
		put_cpuinfo(8, cases[i].fmt, cases[i].cores);
		m = run(collect_cpu);
		tmproot_remove();
		ck_assert_uint_eq(m->cpu.sockets, cases[i].out[0]);
		ck_assert_uint_eq(m->cpu.cores_per_socket, cases[i].out[1]);
		ck_assert_uint_eq(m->cpu.threads_per_core, cases[i].out[2]);
		ck_assert_uint_eq(m->cpu.online, 8);
		ck_assert_uint_eq(m->cpu.present, 8);
	}
}
END_TEST

START_TEST(test_hostile_cpu_lists)
{
	static const char *const lists[] = {
		"0-4294967295", "3-1", "0-18446744073709551615", "x", "0,,1", "-", "0-", "0-1-2",
		"0-4000000000,0-4000000000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		tmproot_make();
		put_cpuinfo(2, NULL, 0);
		tmproot_text(lists[i], "/sys/devices/system/cpu/online");
		tmproot_text(lists[i], "/sys/devices/system/cpu/present");
		m = run(collect_cpu);
		tmproot_remove();
		ck_assert_uint_eq(m->cpu.online, 2);
		ck_assert_uint_eq(m->cpu.present, 2);
	}
}
END_TEST

START_TEST(test_numa_nodes)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	tmproot_text("0-7,16-23\n", "/sys/devices/system/node/node0/cpulist");
	tmproot_text("Node 0 MemTotal:       32767992 kB\nNode 0 MemFree: 1 kB\n",
		     "/sys/devices/system/node/node0/meminfo");
	tmproot_text("10 21 31\n", "/sys/devices/system/node/node0/distance");
	tmproot_text("\n", "/sys/devices/system/node/node2/cpulist");
	tmproot_text("Node 2 MemTotal: 18446744073709551615 kB\n",
		     "/sys/devices/system/node/node2/meminfo");
	/* An old kernel's. */
	tmproot_text("00000001,80ff00f3\n", "/sys/devices/system/node/node10/cpumap");
	tmproot_text("", "/sys/devices/system/node/nodes/x");
	tmproot_text("0-2\n", "/sys/devices/system/node/possible");
	m = run(collect_cpu);
	tmproot_remove();
	ck_assert_uint_eq(m->cpu.nnodes, 3);
	ck_assert_str_eq(m->cpu.nodes[0].cpus, "0-7,16-23");
	ck_assert_uint_eq(m->cpu.nodes[0].memory, 32767992 * KIB);
	ck_assert_str_eq(m->cpu.nodes[0].distances, "10 21 31");
	ck_assert_uint_eq(m->cpu.nodes[1].id, 2);
	ck_assert_ptr_null(m->cpu.nodes[1].cpus);
	ck_assert_uint_eq(m->cpu.nodes[1].memory, 0);
	ck_assert_uint_eq(m->cpu.nodes[2].id, 10);
	ck_assert_str_eq(m->cpu.nodes[2].cpus, "0-1,4-7,16-23,31-32");
}
END_TEST

START_TEST(test_hypervisors)
{
	static const struct {
		const char *flags, *type, *xen, *vendor, *product, *clock, *out;
	} cases[] = {
		{ "fpu", NULL, NULL, "Dell Inc.", "PowerEdge R740", "tsc hpet", NULL },
		{ "fpu", NULL, NULL, "QEMU", "Standard PC", "tsc", NULL },
		{ "fpu hypervisor", NULL, NULL, "VMware, Inc.", "VMware7,1", "tsc", "VMware" },
		{ "fpu hypervisor", NULL, NULL, "Microsoft Corporation", "Virtual Machine", NULL,
		  "Hyper-V" },
		{ "fpu hypervisor", NULL, NULL, "QEMU", "Standard PC (Q35)", NULL, "KVM" },
		{ "fpu hypervisor", NULL, NULL, "innotek GmbH", "VirtualBox", NULL, "VirtualBox" },
		{ "fpu hypervisor", NULL, NULL, "Amazon EC2", "m5.large", NULL, "Amazon EC2" },
		{ "fpu hypervisor", NULL, NULL, "Microsoft Corporation", "Surface", NULL,
		  "unknown" },
		{ "fpu hypervisor", NULL, NULL, NULL, NULL, "tsc kvm-clock", "KVM" },
		{ "fpu hypervisor", NULL, NULL, NULL, NULL, NULL, "unknown" },
		{ "fpu", "xen", "", "Xen", "HVM domU", "xen", "Xen" },
		{ "fpu hypervisor", "xen", "control_d\n", "HP", "ProLiant", "xen", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		CLEANUP(mem_free) char *info = text_format("processor : 0\nmicrocode\t: 0x2006e05\n"
							   "flags : %s\n", cases[i].flags);

		tmproot_make();
		tmproot_text(info, "/proc/cpuinfo");
		if (cases[i].type)
			tmproot_text(cases[i].type, "/sys/hypervisor/type");
		if (cases[i].xen)
			tmproot_text(cases[i].xen, "/proc/xen/capabilities");
		if (cases[i].vendor)
			tmproot_text(cases[i].vendor, "/sys/class/dmi/id/sys_vendor");
		if (cases[i].product)
			tmproot_text(cases[i].product, "/sys/class/dmi/id/product_name");
		if (cases[i].clock)
			tmproot_text(cases[i].clock, "/sys/devices/system/clocksource/clocksource0/"
				     "available_clocksource");
		m = run(collect_cpu);
		tmproot_remove();
		ck_assert_msg(cases[i].out ? m->cpu.hypervisor &&
			      strcmp(m->cpu.hypervisor, cases[i].out) == 0 : !m->cpu.hypervisor,
			      "%zu: %s", i, m->cpu.hypervisor ? m->cpu.hypervisor : "(none)");
		ck_assert_str_eq(m->cpu.microcode, "0x2006e05");
	}
}
END_TEST

/* -- memory -- */

START_TEST(test_hugepages_and_swap)
{
	CLEANUP(machine_free) struct machine *m = NULL, *old = NULL;

	tmproot_make();
	tmproot_text("MemTotal: 1000000 kB\nSwapTotal:     2048 kB\nHugePages_Total: 3\n"
		     "HugePages_Free: 1\nHugepagesize: 2048 kB\n", "/proc/meminfo");
	old = run(collect_memory);
	tmproot_text("0\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	tmproot_text("0\n", "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
	tmproot_text("16\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	tmproot_text("5\n", "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages");
	tmproot_text("9\n", "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
		     UINT64_MAX);
	tmproot_text("9\n", "/sys/kernel/mm/hugepages/hugepages-64kBx/nr_hugepages");
	m = run(collect_memory);
	tmproot_remove();
	ck_assert_uint_eq(m->memory.swap, 2048 * KIB);
	ck_assert_uint_eq(m->memory.nhugepages, 1);
	ck_assert_uint_eq(m->memory.hugepages[0].size, GIB);
	ck_assert_uint_eq(m->memory.hugepages[0].total, 16);
	ck_assert_uint_eq(m->memory.hugepages[0].free, 5);
	ck_assert_uint_eq(old->memory.nhugepages, 1);
	ck_assert_uint_eq(old->memory.hugepages[0].size, 2 * MIB);
	ck_assert_uint_eq(old->memory.hugepages[0].total, 3);
	ck_assert_uint_eq(old->memory.hugepages[0].free, 1);
}
END_TEST

struct table {
	uint8_t b[1 << 15];
	size_t n;
	uint16_t count;
};

static uint8_t *add_structure(struct table *t, uint8_t type, uint8_t length, const char *strings,
			      size_t strings_len)
{
	uint8_t *s = t->b + t->n;

	memset(s, 0, length);
	s[0] = type;
	s[1] = length;
	put_le16(s + 2, t->count++);
	memcpy(s + length, strings, strings_len);
	t->n += length + strings_len;
	t->b[t->n++] = 0;
	if (strings_len == 0)
		t->b[t->n++] = 0;
	return s;
}

#define STRINGS(s) s, sizeof(s)

#define LAST_TYPE 0x23	/* the last that dmidecode 3.4 knows */

/* A module of each memory type, and the sizes, speeds and texts that are special. */
static void make_table(struct table *t)
{
	uint8_t *s = add_structure(t, 11, 5, STRINGS("Dell System\0" "5[0000]\0" " \0" "last"));

	s[4] = 4;
	s = add_structure(t, 16, 0x17, "", 0);
	s[4] = 3;
	s[5] = 3;
	s[6] = 6;
	for (uint8_t type = 1; type <= LAST_TYPE; type++) {
		s = add_structure(t, 17, 0x28, STRINGS("DIMM_A1\0" "NODE 1\0" "Samsung \0"
						       "1234ABCD\0" "M393A2K43BB1-CRC  "));
		put_le16(s + 4, 1);
		put_le16(s + 0x0c, 16384);
		s[0x10] = 1;
		s[0x11] = 2;
		s[0x12] = type;
		put_le16(s + 0x15, 2933);
		s[0x17] = 3;
		s[0x18] = 4;
		s[0x1a] = 5;
		put_le16(s + 0x20, 2666);
	}
	/* Large; without texts that say something; empty; small; of before SMBIOS 2.7. */
	s = add_structure(t, 17, 0x5c, STRINGS("DIMM_B1\0" "Not Specified\0" "NO DIMM"));
	put_le16(s + 4, 1);
	put_le16(s + 0x0c, 0x7fff);
	put_le32(s + 0x1c, 128 * 1024);
	s[0x10] = 1;
	s[0x11] = 2;
	s[0x12] = 0x22;
	s[0x17] = s[0x18] = 3;
	s[0x1a] = 9;			/* there is no such string */
	put_le16(s + 0x20, 0xffff);
	put_le32(s + 0x58, 70000);
	s = add_structure(t, 17, 0x28, STRINGS("DIMM_B2"));
	put_le16(s + 4, 1);
	s[0x10] = 1;
	s[0x12] = 2;
	s[0x17] = s[0x18] = 1;
	put_le16(s + 0x20, 2666);
	s = add_structure(t, 17, 0x1b, STRINGS("DIMM_B3"));
	put_le16(s + 4, 1);
	put_le16(s + 0x0c, 0x8000 | 512);
	s[0x10] = 1;
	s[0x12] = 0x13;
	put_le16(s + 0x15, 667);
	add_structure(t, 127, 4, "", 0);
}

/* What dmidecode has after "key: " in the n-th block; NULL: no such line. */
static char *dmidecode_value(const char *text, size_t block, const char *key)
{
	const char *p = text, *end;

	for (size_t i = 0; p && i <= block; i++) {
		p = strstr(p, "Memory Device\n");
		p = p ? p + 14 : NULL;
	}
	ck_assert_ptr_nonnull(p);
	end = strstr(p, "\n\n");
	p = strstr(p, key);
	if (!p || (end && p > end))
		return NULL;
	p += strlen(key);
	return strndup(p, strcspn(p, "\n"));
}

static void compare_text(const char *text, size_t block, const char *key, const char *ours)
{
	CLEANUP(mem_free) char *theirs = dmidecode_value(text, block, key);
	size_t n;

	ck_assert_msg(theirs, "%zu: no %s", block, key);
	n = strlen(theirs);
	while (n > 0 && theirs[n - 1] == ' ')
		theirs[--n] = '\0';
	if (ours)
		ck_assert_msg(strcmp(theirs, ours) == 0, "%zu %s: dmidecode \"%s\", we \"%s\"",
			      block, key, theirs, ours);
	else
		ck_assert_msg(strstr("Not Specified|NO DIMM|Unknown|Other|<BAD INDEX>|Reserved|"
				     "<OUT OF SPEC>|None", theirs),
			      "%zu %s: dmidecode \"%s\", we nothing", block, key, theirs);
}

static char *size_text(uint64_t size)
{
	if (size == 0)
		return strdup("No Module Installed");
	if (size % GIB == 0)
		return text_format("%" PRIu64 " GB", size / GIB);
	return text_format(size % MIB ? "%" PRIu64 " kB" : "%" PRIu64 " MB",
			   size % MIB ? size / KIB : size / MIB);
}

/* The file that dmidecode reads: an entry point that says where the table is, then the table. */
static void put_dump(const struct table *t)
{
	static struct {
		uint8_t b[32 + (1 << 15)];
	} dump;
	uint8_t sum = 0;

	memset(dump.b, 0, 32);
	memcpy(dump.b, "_SM3_\0\x18\x03\x05\x00\x01", 11);
	put_le32(dump.b + 12, (uint32_t)t->n);
	put_le64(dump.b + 16, 32);
	for (int i = 0; i < 0x18; i++)
		sum = (uint8_t)(sum + dump.b[i]);
	dump.b[5] = (uint8_t)-sum;
	memcpy(dump.b + 32, t->b, t->n);
	tmproot_put("/dump", dump.b, 32 + t->n);
}

START_TEST(test_memory_slots_agree_with_dmidecode)
{
	static struct table t;
	static char text[1 << 17];
	CLEANUP(machine_free) struct machine *m = NULL;
	char command[256];
	FILE *f;

	make_table(&t);
	tmproot_make();
	tmproot_put("/sys/firmware/dmi/tables/DMI", t.b, t.n);
	put_dump(&t);
	m = run(collect_memory);
	snprintf(command, sizeof(command), "dmidecode -q -t 16,17 --from-dump %s/dump 2>&1",
		 tmproot_path());
	f = have("dmidecode") ? popen(command, "re") : NULL;
	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		pclose(f);
	}
	tmproot_remove();
	ck_assert_uint_eq(m->memory.nslots, LAST_TYPE + 3);
	ck_assert_str_eq(m->memory.ecc, "multi-bit");
	ck_assert_uint_eq(m->memory.installed, LAST_TYPE * 16 * GIB + 128 * GIB + 512 * KIB);
	ck_assert_str_eq(m->memory.slots[0x19].type, "DDR4");
	ck_assert_str_eq(m->memory.slots[0x19].part_number, "M393A2K43BB1-CRC");
	ck_assert_str_eq(m->memory.slots[0x19].manufacturer, "Samsung");
	ck_assert_uint_eq(m->memory.slots[0x19].speed, 2666);
	ck_assert_ptr_null(m->memory.slots[LAST_TYPE].bank);
	ck_assert_ptr_null(m->memory.slots[LAST_TYPE].serial);
	ck_assert_ptr_null(m->memory.slots[LAST_TYPE].part_number);
	ck_assert_uint_eq(m->memory.slots[LAST_TYPE].speed, 70000);
	ck_assert_uint_eq(m->memory.slots[LAST_TYPE + 1].size, 0);
	ck_assert_uint_eq(m->memory.slots[LAST_TYPE + 1].speed, 0);
	ck_assert_ptr_null(m->memory.slots[LAST_TYPE + 1].manufacturer);
	ck_assert_uint_eq(m->memory.slots[LAST_TYPE + 2].speed, 667);
	if (!f)
		UNIT_LEAVE("no dmidecode");
	ck_assert_ptr_nonnull(strstr(text, "Error Correction Type: Multi-bit ECC"));
	for (size_t i = 0; i < m->memory.nslots; i++) {
		const struct machine_memory_slot *s = &m->memory.slots[i];
		CLEANUP(mem_free) char *size = size_text(s->size);
		CLEANUP(mem_free) char *speed = text_format("%u MT/s", s->speed);

		compare_text(text, i, "\tSize: ", size);
		compare_text(text, i, "\tLocator: ", s->locator);
		compare_text(text, i, "\tBank Locator: ", s->bank);
		compare_text(text, i, "\tType: ", s->type);
		/* It passes over the rest where there is no module. */
		if (s->size == 0)
			continue;
		/* Before SMBIOS 2.7 there was but one. */
		compare_text(text, i, i == LAST_TYPE + 2 ? "\tSpeed: " :
			     "\tConfigured Memory Speed: ", speed);
		compare_text(text, i, "\tManufacturer: ", s->manufacturer);
		compare_text(text, i, "\tSerial Number: ", s->serial);
		if (s->part_number)
			compare_text(text, i, "\tPart Number: ", s->part_number);
	}
}
END_TEST

/* Kernels before 4.2: a file per structure, and the array's use still counts. */
START_TEST(test_structures_one_by_one)
{
	static struct table t;
	CLEANUP(machine_free) struct machine *m = NULL, *dmi = NULL;
	size_t at[3];
	uint8_t *s;

	at[0] = t.n;
	s = add_structure(&t, 16, 0x0f, "", 0);
	s[5] = 3;
	s[6] = 5;
	at[1] = t.n;
	s = add_structure(&t, 17, 0x1b, STRINGS("A0"));
	put_le16(s + 4, 0);
	put_le16(s + 0x0c, 4096);
	s[0x10] = 1;
	at[2] = t.n;
	s = add_structure(&t, 11, 5, STRINGS("one\0two"));
	s[4] = 2;
	tmproot_make();
	tmproot_put("/sys/firmware/dmi/entries/16-0/raw", t.b + at[0], at[1] - at[0]);
	tmproot_put("/sys/firmware/dmi/entries/17-0/raw", t.b + at[1], at[2] - at[1]);
	tmproot_put("/sys/firmware/dmi/entries/11-0/raw", t.b + at[2], t.n - at[2]);
	tmproot_text("x", "/sys/firmware/dmi/entries/17-1/raw");
	tmproot_text("", "/sys/firmware/acpi/tables/MSDM");
	m = run(collect_memory);
	dmi = run(collect_dmi);
	tmproot_remove();
	ck_assert_uint_eq(m->memory.installed, 4 * GIB);
	ck_assert_uint_eq(m->memory.nslots, 1);
	ck_assert_str_eq(m->memory.slots[0].locator, "A0");
	ck_assert_str_eq(m->memory.ecc, "single-bit");
	ck_assert_uint_eq(dmi->smbios.oem_strings.n, 2);
	ck_assert_str_eq(dmi->smbios.oem_strings.v[1], "two");
	ck_assert(dmi->smbios.msdm && !dmi->smbios.slic);
}
END_TEST

START_TEST(test_oem_strings)
{
	static struct table t;
	CLEANUP(machine_free) struct machine *m = NULL;

	make_table(&t);
	tmproot_make();
	tmproot_put("/sys/firmware/dmi/tables/DMI", t.b, t.n);
	tmproot_text("", "/sys/firmware/acpi/tables/SLIC");
	m = run(collect_dmi);
	tmproot_remove();
	ck_assert_uint_eq(m->smbios.oem_strings.n, 3);	/* a blank one is none */
	ck_assert_str_eq(m->smbios.oem_strings.v[0], "Dell System");
	ck_assert_str_eq(m->smbios.oem_strings.v[2], "last");
	ck_assert(m->smbios.slic && !m->smbios.msdm);
}
END_TEST

/* Cut and damaged tables: never past their end (the sanitizer watches), never for ever. */
START_TEST(test_damaged_tables)
{
	static struct table t;
	uint32_t rng = 0x1234567;

	make_table(&t);
	for (int round = 0; round < 3000; round++) {
		size_t n = round < 1000 ? (size_t)round * 3 : t.n;
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);
		CLEANUP(machine_free) struct machine *m = NULL;
		struct smbios_memory sum = { 0 };
		bool full;

		n = MIN(n, t.n);
		memcpy(copy, t.b, n);
		for (int k = 0; k < round % 50 && n > 0; k++) {
			rng ^= rng << 13;
			rng ^= rng >> 17;
			rng ^= rng << 5;
			copy[rng % n] = (uint8_t)(rng >> 24);
		}
		ck_assert_int_eq(machine_new(&m), 0);
		smbios_memory_sum(copy, n, &sum);
		ck_assert_int_eq(smbios_slots(copy, n, 20, &m->memory, &full), 0);
		ck_assert_uint_le(m->memory.nslots, 20);
		ck_assert(!full || m->memory.nslots == 20);
		ck_assert_int_eq(smbios_oem_strings(copy, n, 5, &m->smbios.oem_strings), 0);
		ck_assert_uint_le(m->smbios.oem_strings.n, 5);
		(void)smbios_ecc(copy, n);
	}
}
END_TEST

/* -- firmware -- */

static size_t add_list(uint8_t *p, bool x509, uint32_t each, uint32_t count, uint8_t fill)
{
	static const uint8_t guid[16] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
					  0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };

	memcpy(p, guid, 16);
	p[0] ^= !x509;
	put_le32(p + 16, 28 + each * count);
	put_le32(p + 20, 0);
	put_le32(p + 24, each);
	for (uint32_t i = 0; i < count; i++)
		memset(p + 28 + i * each, fill + (int)i, each);
	return 28 + (size_t)each * count;
}

#define MOK "/sys/firmware/efi/efivars/Mok%s-" EFIVAR_SHIM

START_TEST(test_owner_keys)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	uint8_t v[1024] = { 6 };
	size_t n = 4;
	char path[160];

	tmproot_make();
	/* Two certificates and three hashes; then a third one, and one that was there already. */
	n += add_list(v + n, true, 100, 1, 1);
	n += add_list(v + n, false, 48, 3, 1);
	n += add_list(v + n, true, 120, 1, 1);
	snprintf(path, sizeof(path), MOK, "ListRT");
	tmproot_put(path, v, n);
	n = 4 + add_list(v + 4, true, 100, 2, 1);
	snprintf(path, sizeof(path), MOK, "ListRT1");
	tmproot_put(path, v, n);
	snprintf(path, sizeof(path), MOK, "ListRTx");
	tmproot_put(path, v, 7);
	snprintf(path, sizeof(path), MOK, "ListXRT");
	tmproot_put(path, v, n);
	snprintf(path, sizeof(path), MOK, "SBStateRT");
	tmproot_put(path, "\6\0\0\0\1", 5);
	m = run(collect_firmware);
	ck_assert_uint_eq(m->firmware.mok_keys, 3);
	ck_assert_int_eq(m->firmware.mok_insecure, MACHINE_YES);
	/* The variables can be read, and these are not there. */
	ck_assert_int_eq(m->firmware.secure_boot, MACHINE_NO);
	ck_assert_int_eq(m->firmware.setup_mode, MACHINE_NO);
	ck_assert_uint_eq(m->warnings.n, 0);

	machine_free(m);
	snprintf(path, sizeof(path), MOK, "ListRT2");
	tmproot_put(path, v, n - 1);
	m = run(collect_firmware);
	tmproot_remove();
	ck_assert_uint_eq(m->firmware.mok_keys, 3);
	ck_assert(warned(m, "MokListRT2"));
}
END_TEST

#define ND "/sys/bus/nd/devices/"

START_TEST(test_persistent_memory)
{
	static const struct machine_nvdimm want[] = {
		{ (char *)"namespace0.0", (char *)"fsdax", 1073741824, (char *)"pmem0",
		  (char *)"5f0e6d1a-7c4b-4a8e-bb57-3a52c9d10001", (char *)"data" },
		{ (char *)"namespace1.0", (char *)"devdax", 2147483648, (char *)"dax1.0", NULL,
		  NULL },
		{ (char *)"namespace2.0", (char *)"raw", 4096, (char *)"pmem2", NULL, NULL },
		{ (char *)"namespace3.0", (char *)"sector", 8192, (char *)"pmem3s", NULL, NULL },
		{ (char *)"namespace4.0", NULL, 8192, NULL, NULL, NULL },
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	tmproot_make();
	tmproot_text("1073741824\n", ND "namespace0.0/size");
	tmproot_text("5f0e6d1a-7c4b-4a8e-bb57-3a52c9d10001\n", ND "namespace0.0/uuid");
	tmproot_text("data\n", ND "namespace0.0/alt_name");
	tmproot_text("pfn0.1\n", ND "namespace0.0/holder");
	tmproot_text("x", ND "pfn0.1/block/pmem0/size");
	tmproot_text("0\n", ND "namespace0.1/size");
	tmproot_text("2147483648\n", ND "namespace1.0/size");
	tmproot_text("dax1.0\n", ND "namespace1.0/holder");
	tmproot_text("x", ND "dax1.0/dax/dax1.0/size");
	tmproot_text("4096\n", ND "namespace2.0/size");
	tmproot_text("\n", ND "namespace2.0/holder");
	tmproot_text("x", ND "namespace2.0/block/pmem2/size");
	tmproot_text("8192\n", ND "namespace3.0/size");
	tmproot_text("btt3.0\n", ND "namespace3.0/holder");
	tmproot_text("x", ND "btt3.0/block/pmem3s/size");
	/* Of a kind that is not known; and what is no namespace. */
	tmproot_text("8192\n", ND "namespace4.0/size");
	tmproot_text("../../etc\n", ND "namespace4.0/holder");
	tmproot_text("1", ND "nmem0/size");
	m = run(collect_nvdimm);
	tmproot_remove();
	ck_assert_uint_eq(m->nnvdimms, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		ck_assert_str_eq(m->nvdimms[i].name, want[i].name);
		ck_assert_pstr_eq(m->nvdimms[i].mode, want[i].mode);
		ck_assert_uint_eq(m->nvdimms[i].size, want[i].size);
		ck_assert_pstr_eq(m->nvdimms[i].device, want[i].device);
		ck_assert_pstr_eq(m->nvdimms[i].uuid, want[i].uuid);
		ck_assert_pstr_eq(m->nvdimms[i].label, want[i].label);
	}
}
END_TEST

#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-" EFIVAR_GLOBAL

/* Off only where somebody could look. */
START_TEST(test_secure_boot_that_is_not_known)
{
	CLEANUP(machine_free) struct machine *m = NULL, *odd = NULL, *bios = NULL;

	tmproot_make();
	tmproot_text("64\n", "/sys/firmware/efi/fw_platform_size");
	m = run(collect_firmware);
	tmproot_text("\6", SECURE_BOOT);
	odd = run(collect_firmware);
	tmproot_remove();
	ck_assert_int_eq(m->firmware.type, MACHINE_FIRMWARE_UEFI);
	ck_assert_int_eq(m->firmware.secure_boot, MACHINE_NOT_KNOWN);
	ck_assert_int_eq(m->firmware.setup_mode, MACHINE_NOT_KNOWN);
	ck_assert_int_eq(m->firmware.mok_insecure, MACHINE_NOT_KNOWN);
	ck_assert(warned(m, "whether Secure Boot is on is not known"));
	/* One variable that makes no sense says nothing of the others. */
	ck_assert_int_eq(odd->firmware.secure_boot, MACHINE_NOT_KNOWN);
	ck_assert_int_eq(odd->firmware.setup_mode, MACHINE_NO);
	ck_assert(warned(odd, "SecureBoot"));

	tmproot_make();
	tmproot_text("x", "/sys/class/dmi/id/sys_vendor");
	bios = run(collect_firmware);
	tmproot_remove();
	ck_assert_int_eq(bios->firmware.secure_boot, MACHINE_NO);
	ck_assert_int_eq(bios->firmware.mok_insecure, MACHINE_NO);
}
END_TEST

static Suite *hw_suite(void)
{
	Suite *s = suite_create("collect_hw");
	TCase *t = tcase_create("collect_hw");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_topology, 0, ARRAY_SIZE(machines));
	tcase_add_test(t, test_topology_of_cpuinfo);
	tcase_add_test(t, test_hostile_cpu_lists);
	tcase_add_test(t, test_numa_nodes);
	tcase_add_test(t, test_hypervisors);
	tcase_add_test(t, test_hugepages_and_swap);
	tcase_add_test(t, test_memory_slots_agree_with_dmidecode);
	tcase_add_test(t, test_structures_one_by_one);
	tcase_add_test(t, test_oem_strings);
	tcase_add_test(t, test_damaged_tables);
	tcase_add_test(t, test_owner_keys);
	tcase_add_test(t, test_persistent_memory);
	tcase_add_test(t, test_secure_boot_that_is_not_known);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(hw_suite)
