/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network as the registry has it, and the boot configuration: hostile values are left out and
 * named; adapters are matched by facts, in any order.
 */
#include "tests/lib/unit.h"

#include <unistd.h>

#include "common/bytes.h"
#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/tables.h"
#include "common/utf16.h"
#include "postfix/windows/bcd.h"
#include "postfix/windows/windows_rows.h"
#include "postfix/windows/windrive.h"
#include "postfix/windows/winnet.h"
#include "tests/lib/hives.h"

#define CLASS	"ControlSet001\\Control\\Class\\{4d36e972-e325-11ce-bfc1-08002be10318}"
#define GUID1	"{11111111-1111-4111-8111-111111111111}"
#define GUID2	"{22222222-2222-4222-8222-222222222222}"
#define CONNECTION(guid) \
	"[ControlSet001\\Control\\Network\\{4D36E972-E325-11CE-BFC1-08002BE10318}\\" guid \
	"\\Connection]\n"
#define TCPIP(guid)	"[ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\" guid "]\n"
#define DEVICE1		"PCI\\\\VEN_8086&DEV_1521&SUBSYS_00018086&REV_01\\\\3&1&0"
#define DEVICE2		"PCI\\\\VEN_8086&DEV_1521&SUBSYS_00018086&REV_01\\\\3&1&1"

#define LONG		((size_t)4000)	/* two of them are what a value can hold */

static char path[64];

static struct hive *hive_of(const char *text)
{
	struct hive *h = NULL;
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "/tmp/p2v-winnet.%d", (int)getpid());
	unlink(path);
	hives_make(path, text);
	ck_assert_msg(hive_open_file(path, true, &h, &e) >= 0, "%s", e.text);
	return h;
}

static void drop(struct hive *h)
{
	hive_free(h);
	unlink(path);
}

static const char one_adapter[] =
	"[" CLASS "\\0001]\n\"NetCfgInstanceId\"=\"" GUID1 "\"\n\"DriverDesc\"=\"Card\"\n"
	CONNECTION(GUID1) "\"Name\"=\"LAN\"\n\"PnpInstanceID\"=\"" DEVICE1 "\"\n"
	TCPIP(GUID1) "\"EnableDHCP\"=dword:00000000\n";

/* Each line is added to a sound adapter; what must not get into network.txt, what must be noted. */
static const struct {
	const char *line, *absent, *noted;
} hostile[] = {
	{ CONNECTION(GUID1) "\"Name\"=\"a\\\"&del\"\n", "del", "not used: a\"&del" },
	{ CONNECTION(GUID1) "\"Name\"=\"a|b\"\n", "a|b", "not used: a|b" },
	{ CONNECTION(GUID1) "\"Name\"=hex(1):61,00,0a,00,6d,00,00,00\n", "a\nm", "not used" },
	{ CONNECTION(GUID1) "\"Name\"=dword:00000001\n", "name=", "no text, left out: Name" },
	{ CONNECTION(GUID1) "\"Name\"=hex(1):00,d8,41,00\n", "name=", "no text, left out: Name" },
	{ CONNECTION(GUID1) "\"PnpInstanceID\"=\"PCI\\\\A\\\" /x\\\\1\"\n", "ghost", "not used" },
	{ CONNECTION(GUID1) "\"PnpInstanceID\"=\"PCI\\\\..\\\\a b\"\n", "ghost", "not used" },
	{ TCPIP(GUID1) "\"IPAddress\"=multi:\"10.0.0.5;calc\"\n\"SubnetMask\"=multi:\"255.0.0.0\"\n",
	  "calc", "no address with a mask: 10.0.0.5;calc" },
	{ TCPIP(GUID1) "\"IPAddress\"=multi:\"10.0.0.5\"\n\"SubnetMask\"=multi:\"255.0.255.0\"\n",
	  "10.0.0.5", "no address with a mask: 10.0.0.5" },
	{ TCPIP(GUID1) "\"IPAddress\"=multi:\"10.0.0.5\"\n", "10.0.0.5", "no address with a mask" },
	{ TCPIP(GUID1) "\"IPAddress\"=\"10.0.0.5\"\n", "10.0.0.5", "no list of texts" },
	{ TCPIP(GUID1) "\"DefaultGateway\"=multi:\"$(x)\"\n", "$(x)", "no gateway: $(x)" },
	{ TCPIP(GUID1) "\"NameServer\"=\"10.0.0.2,'x'\"\n", "'x'", "no name server" },
	{ TCPIP(GUID1) "\"NameServer\"=hex(7):ff\n", "dns=", "no text, left out: NameServer" },
	{ TCPIP(GUID1) "\"Domain\"=\"a b\"\n", "domain", "not used: a b" },
	{ "[" CLASS "\\0002]\n\"NetCfgInstanceId\"=\"{..\\\\..}\"\n", "..", "no sound identifier" },
	{ "[" CLASS "\\0002]\n\"NetCfgInstanceId\"=hex:01,02\n", "0002", "NetCfgInstanceId" },
	{ "[" CLASS "\\00 2]\n\"NetCfgInstanceId\"=\"" GUID2 "\"\n", "00 2", NULL },
};

static bool noted(const struct winnet *net, const char *text)
{
	for (size_t i = 0; i < net->notes.n; i++)
		if (strstr(net->notes.v[i], text))
			return true;
	return false;
}

static struct machine_nic card(const char *mac, const char *bus)
{
	return (struct machine_nic){ .name = (char *)(uintptr_t)"eth0",
				     .kind = (char *)(uintptr_t)"physical",
				     .mac = (char *)(uintptr_t)mac,
				     .permanent_mac = (char *)(uintptr_t)mac,
				     .bus = (char *)(uintptr_t)bus };
}

static char *text_of(const struct winnet *net)
{
	CLEANUP(mem_free) void *data = NULL;
	struct strbuf b = { 0 };
	struct err e = ERR_INIT;
	size_t len;

	ck_assert_msg(winnet_text(net, &data, &len, &e) >= 0, "%s", e.text);
	strbuf_add(&b, "");
	if (data)
		utf16_add(&b, data, len / 2);
	return strbuf_take(&b);
}

START_TEST(hostile_values_are_left_out)
{
	CLEANUP(winnet_done) struct winnet net = { 0 };
	CLEANUP(mem_free) char *text = NULL, *reg = NULL;
	struct machine_nic nic = card("52:54:00:00:00:01", "0000:01:00.0");
	struct err e = ERR_INIT;
	struct hive *h;

	ck_assert_int_ge(asprintf(&reg, "%s%s", one_adapter, hostile[_i].line), 0);
	h = hive_of(reg);
	ck_assert_msg(winnet_read(h, "ControlSet001", &net, &e) >= 0, "%s", e.text);
	ck_assert_uint_eq(net.n, 1);
	net.v[0].nic = &nic;
	text = text_of(&net);
	ck_assert_msg(!strstr(text, hostile[_i].absent), "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "mac=52:54:00:00:00:01\r\n"));
	/* No address that is understood: nothing is made up. */
	ck_assert_ptr_nonnull(strstr(text, "dhcp=1\r\n"));
	if (hostile[_i].noted)
		ck_assert_msg(noted(&net, hostile[_i].noted), "not noted: %s", hostile[_i].noted);
	drop(h);
}
END_TEST

START_TEST(long_values_do_no_harm)
{
	CLEANUP(winnet_done) struct winnet net = { 0 };
	CLEANUP(mem_free) char *text = NULL, *longer = malloc(LONG + 1);
	struct machine_nic nic = card("52:54:00:00:00:01", "0000:01:00.0");
	const char *const list[] = { longer, longer };
	struct hive *h = hive_of(one_adapter);
	struct err e = ERR_INIT;
	const char *tcpip = "ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\" GUID1;
	static const char *const texts[] = { "NameServer", "Domain", "DhcpIPAddress" };
	static const char *const lists[] = { "IPAddress", "SubnetMask", "DefaultGateway",
					     "DefaultGatewayMetric" };

	memset(longer, '1', LONG);
	longer[LONG] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		ck_assert_int_ge(hive_set_string(h, tcpip, texts[i], HIVE_SZ, longer, &e), 0);
	/* Many of them, too. */
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		ck_assert_int_ge(hive_set_strings(h, tcpip, lists[i], list, 2, &e), 0);
	ck_assert_int_ge(hive_set_string(h, CLASS "\\0001", "NetworkAddress", HIVE_SZ, longer, &e),
			 0);
	ck_assert_int_ge(winnet_read(h, "ControlSet001", &net, &e), 0);
	net.v[0].nic = &nic;
	text = text_of(&net);
	ck_assert_uint_lt(strlen(text), 500);
	drop(h);
}
END_TEST

static const char two_adapters[] =
	"[" CLASS "\\0001]\n\"NetCfgInstanceId\"=\"" GUID1 "\"\n"
	"[" CLASS "\\0002]\n\"NetCfgInstanceId\"=\"" GUID2 "\"\n"
	CONNECTION(GUID1) "\"Name\"=\"A\"\n\"PnpInstanceID\"=\"" DEVICE1 "\"\n"
	CONNECTION(GUID2) "\"Name\"=\"B\"\n\"PnpInstanceID\"=\"" DEVICE2 "\"\n"
	"[ControlSet001\\Enum\\PCI\\VEN_8086&DEV_1521&SUBSYS_00018086&REV_01\\3&1&0]\n"
	"\"LocationInformation\"=\"@System32\\\\drivers\\\\pci.sys,#65536;PCI bus %1;(1,0,0)\"\n"
	"[ControlSet001\\Enum\\PCI\\VEN_8086&DEV_1521&SUBSYS_00018086&REV_01\\3&1&1]\n"
	"\"LocationInformation\"=\"@System32\\\\drivers\\\\pci.sys,#65536;PCI bus %1;(1,0,1)\"\n"
	TCPIP(GUID1) "\"EnableDHCP\"=dword:00000000\n\"IPAddress\"=multi:\"10.0.0.1\"\n"
	"\"SubnetMask\"=multi:\"255.0.0.0\"\n";

static const char *name_for(const struct winnet *net, const struct machine_nic *nic)
{
	for (size_t i = 0; i < net->n; i++)
		if (net->v[i].nic == nic)
			return net->v[i].name;
	return "none";
}

START_TEST(matched_by_place_in_any_order)
{
	for (int turn = 0; turn < 2; turn++) {
		CLEANUP(winnet_done) struct winnet net = { 0 };
		struct machine_nic nics[2];
		struct machine m = { .nics = nics, .nnics = 2 };
		struct hive *h = hive_of(two_adapters);

		nics[turn] = card("52:54:00:00:00:0a", "0000:01:00.0");
		nics[!turn] = card("52:54:00:00:00:0b", "0000:01:00.1");
		ck_assert_int_ge(winnet_read(h, "ControlSet001", &net, NULL), 0);
		ck_assert_int_ge(winnet_match(&net, &m), 0);
		ck_assert_str_eq(name_for(&net, &nics[turn]), "A");
		ck_assert_str_eq(name_for(&net, &nics[!turn]), "B");
		drop(h);
	}
}
END_TEST

/* Other places, and two of a kind: nobody is guessed, until an address tells one of them. */
START_TEST(what_is_not_certain_is_not_matched)
{
	CLEANUP(winnet_done) struct winnet net = { 0 };
	struct machine_address address = { .address = (char *)(uintptr_t)"10.0.0.1/8" };
	struct machine_pci pci[2] = {
		{ .address = (char *)(uintptr_t)"0000:05:00.0",
		  .vendor = (char *)(uintptr_t)"0x8086", .device = (char *)(uintptr_t)"0x1521" },
		{ .address = (char *)(uintptr_t)"0000:05:00.1",
		  .vendor = (char *)(uintptr_t)"0x8086", .device = (char *)(uintptr_t)"0x1521" },
	};
	struct machine_nic nics[2] = { card("52:54:00:00:00:0a", "0000:05:00.0"),
				       card("52:54:00:00:00:0b", "0000:05:00.1") };
	struct machine m = { .nics = nics, .nnics = 2, .pci = pci, .npci = 2 };
	struct hive *h = hive_of(two_adapters);

	ck_assert_int_ge(winnet_read(h, "ControlSet001", &net, NULL), 0);
	ck_assert_int_ge(winnet_match(&net, &m), 0);
	ck_assert_ptr_null(net.v[0].nic);
	ck_assert_ptr_null(net.v[1].nic);

	nics[1].addresses = &address;
	nics[1].naddresses = 1;
	ck_assert_int_ge(winnet_match(&net, &m), 0);
	ck_assert_str_eq(name_for(&net, &nics[1]), "A");
	/* And then only one of a kind is left on both sides. */
	ck_assert_str_eq(name_for(&net, &nics[0]), "B");
	drop(h);
}
END_TEST

/* The right place with another device in it is not the card. */
START_TEST(another_device_at_the_place_is_no_match)
{
	CLEANUP(winnet_done) struct winnet net = { 0 };
	struct machine_pci pci = { .address = (char *)(uintptr_t)"0000:01:00.0",
				   .vendor = (char *)(uintptr_t)"0x14e4",
				   .device = (char *)(uintptr_t)"0x165f" };
	struct machine_nic nic = card("52:54:00:00:00:0a", "0000:01:00.0");
	struct machine m = { .nics = &nic, .nnics = 1, .pci = &pci, .npci = 1 };
	struct hive *h = hive_of(two_adapters);

	ck_assert_int_ge(winnet_read(h, "ControlSet001", &net, NULL), 0);
	ck_assert_int_ge(winnet_match(&net, &m), 0);
	ck_assert_str_eq(name_for(&net, &nic), "none");
	drop(h);
}
END_TEST

START_TEST(mac_that_no_card_can_have)
{
	struct machine_nic nic = card("00:00:00:00:00:00", NULL);

	ck_assert_ptr_null(winnet_match_mac(&nic));
	nic.permanent_mac = nic.mac = (char *)(uintptr_t)"01:00:5e:00:00:01";
	ck_assert_ptr_null(winnet_match_mac(&nic));
	nic.permanent_mac = nic.mac = (char *)(uintptr_t)"52:54:00:00:00:01:07";
	ck_assert_ptr_null(winnet_match_mac(&nic));
	nic.permanent_mac = nic.mac = NULL;
	ck_assert_ptr_null(winnet_match_mac(&nic));
}
END_TEST

/* ---- the boot configuration */

START_TEST(devices_of_any_length)
{
	uint8_t data[88] = { 0 };
	struct bcd_device d;

	put_le32(data + 16, 6);
	put_le32(data + 52, 1);
	put_le32(data + 56, 0x1234abcd);
	put_le64(data + 32, 1048576);
	for (size_t n = 0; n <= sizeof(data); n++) {
		/* Of its own size, so that a byte too far is seen. */
		CLEANUP(mem_free) uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, data, n);
		bcd_device_parse(copy, n, &d);
		ck_assert_int_eq(d.kind, n < 72 ? BCD_DEVICE_OTHER : BCD_DEVICE_MBR);
	}
	ck_assert_uint_eq(d.signature, 0x1234abcd);
	ck_assert_uint_eq(d.start, 1048576);
	put_le32(data + 52, 0);
	bcd_device_parse(data, sizeof(data), &d);
	ck_assert_int_eq(d.kind, BCD_DEVICE_GPT);
	ck_assert_str_eq(d.guid, "00100000-0000-0000-0000-000000000000");
	put_le32(data + 16, 5);
	bcd_device_parse(data, sizeof(data), &d);
	ck_assert_int_eq(d.kind, BCD_DEVICE_BOOT);
}
END_TEST

START_TEST(odd_configurations_are_read)
{
	CLEANUP(bcd_done) struct bcd b = { 0 };
	struct hive *h = hive_of(
		"[Objects\\{x}\\Description]\n\"Type\"=dword:10200003\n"
		"[Objects\\{x}\\Elements\\12000002]\n\"Element\"=dword:00000001\n"
		"[Objects\\{x}\\Elements\\12000004]\n\"Element\"=hex(1):61\n"
		"[Objects\\{x}\\Elements\\21000001]\n\"Element\"=\"text\"\n"
		"[Objects\\{x}\\Elements\\250000f0]\n\"Element\"=hex:01,00\n"
		"[Objects\\{x}\\Elements\\260000b0]\n\"Element\"=hex:\n"
		"[Objects\\{y}\\Description]\n\"Type\"=\"x\"\n");

	ck_assert_int_ge(bcd_read(h, &b, NULL), 0);
	ck_assert_uint_eq(b.n, 1);
	ck_assert_ptr_null(b.loaders[0].path);
	ck_assert_int_eq(b.loaders[0].osdevice.kind, BCD_DEVICE_OTHER);
	ck_assert_int_eq(b.loaders[0].device.kind, BCD_DEVICE_NONE);
	ck_assert_int_eq(b.loaders[0].hypervisor, -1);
	ck_assert(!b.loaders[0].ems && !b.loaders[0].is_default);
	drop(h);
}
END_TEST

/* ---- drive letters */

START_TEST(letters_lead_to_disks)
{
	struct machine_partition p = { .start = 1048576,
		.uuid = (char *)(uintptr_t)"33221100-5544-7766-8899-aabbccddeeff" };
	struct machine_disk disk = { .name = (char *)(uintptr_t)"sda", .partitions = &p,
		.npartitions = 1, .table_uuid = (char *)(uintptr_t)"1234abcd" };
	struct machine m = { .disks = &disk, .ndisks = 1 };
	struct devmap_part part = { .disk = (char *)(uintptr_t)"sda" };
	struct devmap map = { .machine = &m };
	const char *name = NULL;
	struct hive *h = hive_of(
		"[MountedDevices]\n"
		"\"\\\\DosDevices\\\\C:\"=hex:cd,ab,34,12,00,00,10,00,00,00,00,00\n"
		"\"\\\\DosDevices\\\\D:\"=hex:44,4d,49,4f,3a,49,44,3a,00,11,22,33,44,55,66,77,"
		"88,99,aa,bb,cc,dd,ee,ff\n"
		"\"\\\\DosDevices\\\\E:\"=hex:cd,ab,34,12,00,00,20,00,00,00,00,00\n"
		"\"\\\\DosDevices\\\\F:\"=hex:5c,00,3f,00\n"
		"\"\\\\DosDevices\\\\G:\"=\"text\"\n");

	ck_assert_int_eq(windrive_find(h, 'C', &map, &name), WINDRIVE_MISSING);
	ck_assert_str_eq(name, "sda");
	ck_assert_int_eq(windrive_find(h, 'D', &map, &name), WINDRIVE_MISSING);
	ck_assert_int_eq(windrive_find(h, 'E', &map, &name), WINDRIVE_UNKNOWN);
	ck_assert_ptr_null(name);
	ck_assert_int_eq(windrive_find(h, 'F', &map, NULL), WINDRIVE_UNKNOWN);
	ck_assert_int_eq(windrive_find(h, 'G', &map, NULL), WINDRIVE_UNKNOWN);
	ck_assert_int_eq(windrive_find(h, 'H', &map, NULL), WINDRIVE_UNKNOWN);
	map.parts = &part;
	map.nparts = 1;
	ck_assert_int_eq(windrive_find(h, 'C', &map, &name), WINDRIVE_COPIED);
	map.machine = NULL;
	ck_assert_int_eq(windrive_find(h, 'C', &map, NULL), WINDRIVE_UNKNOWN);
	drop(h);
}
END_TEST

/* ---- the table */

START_TEST(names_of_services)
{
	static const struct {
		const char *name;
		bool old, new;
	} names[] = {
		{ "CQMGHOST", true, true }, { "Server Administrator", true, true },
		{ "Intel(R) PROSet Monitoring Service", true, true }, { "intelppm", true, false },
		{ "agp440", true, false }, { "disk", false, false }, { "viostor", false, false },
		{ "vioscsi", false, false }, { "NetKVM", false, false }, { "storahci", false, false },
		{ "partmgr", false, false }, { "volsnap", false, false }, { "iaStorA", false, false },
		{ "iaStorAV", false, false }, { "MsLbfoProvider", false, false },
		{ "mpio", false, false }, { "msdsm", false, false }, { "Tcpip", false, false },
		{ "LanmanServer", false, false }, { "QEMU-GA", false, false }, { "", false, false },
		{ "PlugPlay", false, false }, { "pci", false, false }, { "ACPI", false, false },
	};
	struct windows xp = { .major = 5, .minor = 1 }, ten = { .major = 10 };
	char longer[600];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_msg((windows_services_match(&xp, names[i].name) != NULL) == names[i].old,
			      "%s on XP", names[i].name);
		ck_assert_msg((windows_services_match(&ten, names[i].name) != NULL) ==
			      names[i].new, "%s on 10", names[i].name);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_ptr_null(windows_services_match(&xp, longer));
	for (size_t i = 0; i < tables_windows_services_count; i++)
		for (const char *c = tables_windows_services[i].pattern; *c; c++)
			ck_assert_msg(*c < 'A' || *c > 'Z', "not in lower case: %s",
				      tables_windows_services[i].pattern);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("winnet");
	TCase *t = tcase_create("winnet");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, hostile_values_are_left_out, 0, (int)ARRAY_SIZE(hostile));
	tcase_add_test(t, long_values_do_no_harm);
	tcase_add_test(t, matched_by_place_in_any_order);
	tcase_add_test(t, what_is_not_certain_is_not_matched);
	tcase_add_test(t, another_device_at_the_place_is_no_match);
	tcase_add_test(t, mac_that_no_card_can_have);
	tcase_add_test(t, devices_of_any_length);
	tcase_add_test(t, odd_configurations_are_read);
	tcase_add_test(t, letters_lead_to_disks);
	tcase_add_test(t, names_of_services);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
