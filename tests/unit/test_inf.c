/* SPDX-License-Identifier: GPL-3.0-or-later */
/* INF files: the right models for each Windows, both encodings, and hostile ones. */
#include "tests/lib/unit.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/text.h"
#include "common/utf16.h"
#include "postfix/windows/inf.h"
#include "postfix/windows/winver.h"
#include "tests/lib/drivers.h"
#include "tests/lib/mutate.h"

static const struct inf_target win10 = { "amd64", 10, 0, 19045, false };

static struct inf_driver *driver_of(const void *data, size_t len, const struct inf_target *t)
{
	CLEANUP(inf_free) struct inf *inf = NULL;
	struct inf_driver *d = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(inf_parse(data, len, &inf, &err) == 0, "%s", err.text);
	ck_assert_msg(inf_driver(inf, t, &d, &err) == 0, "%s", err.text);
	return d;
}

static void check_viostor(const struct inf_driver *d)
{
	const struct inf_service *s;

	ck_assert_str_eq(d->class, "SCSIAdapter");
	ck_assert_str_eq(d->class_guid, "{4D36E97B-E325-11CE-BFC1-08002BE10318}");
	ck_assert_str_eq(d->version, "100.94.104.24000");
	ck_assert_uint_eq(d->files.n, 2);
	ck_assert_str_eq(d->files.v[0], "viostor.sys");
	ck_assert_str_eq(d->files.v[1], "viostor.cat");
	ck_assert_uint_eq(d->ndevices, 2);
	ck_assert_str_eq(d->devices[0].id, "PCI\\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00");
	ck_assert_str_eq(d->devices[1].id, "PCI\\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01");
	ck_assert_str_eq(d->devices[0].install, "inst8");
	ck_assert_uint_eq(d->nservices, 1);
	s = &d->services[0];
	ck_assert_str_eq(s->name, "viostor");
	ck_assert_str_eq(s->binary, "viostor.sys");
	ck_assert_str_eq(s->group, "SCSI miniport");
	ck_assert_uint_eq(s->type, 1);
	ck_assert_uint_eq(s->start, 0);
	ck_assert_uint_eq(s->nregs, 2);
	ck_assert_str_eq(s->regs[0].subkey, "Parameters\\PnpInterface");
	ck_assert_str_eq(s->regs[0].name, "5");
	ck_assert_int_eq(s->regs[0].type, INF_REG_DWORD);
	ck_assert_uint_eq(s->regs[1].dword, 1);
}

START_TEST(test_real)
{
	CLEANUP(mem_free) char *text = drivers_inf("viostor");
	CLEANUP(inf_driver_free) struct inf_driver *d = driver_of(text, strlen(text), &win10);

	check_viostor(d);
}
END_TEST

START_TEST(test_encodings)
{
	CLEANUP(mem_free) char *text = drivers_inf("viostor"), *wide = NULL, *marked = NULL;
	struct inf_driver *d;
	void *units;
	size_t n;

	ck_assert_int_eq(utf16_from_utf8(text, strlen(text), &units, &n), 0);
	wide = malloc(n + 2);
	memcpy(wide, "\xff\xfe", 2);
	memcpy(wide + 2, units, n);
	free(units);
	d = driver_of(wide, n + 2, &win10);
	check_viostor(d);
	inf_driver_free(d);
	/* Without a mark, too. */
	d = driver_of(wide + 2, n, &win10);
	check_viostor(d);
	inf_driver_free(d);
	marked = text_format("\xef\xbb\xbf%s", text);
	d = driver_of(marked, strlen(marked), &win10);
	check_viostor(d);
	inf_driver_free(d);
}
END_TEST

/* Which models section is for whom. */
START_TEST(test_targets)
{
	static const char text[] =
		"[Version]\nClass=X\n[Manufacturer]\n"
		"%V%=M,NTx86.5.1,NTamd64.6.1,NTamd64.10.0...17763,NTamd64.6.1.1,NTamd64.6.1.3,"
		"NTamd64.10.0,NTamd64.bad,NTarm64,NT.6.0\n"
		"[M]\na=i,PCI\\A\n[M.NTx86.5.1]\na=i,PCI\\XP\n[M.NTamd64.6.1]\na=i,PCI\\SEVEN\n"
		"[M.NTamd64.6.1.1]\na=i,PCI\\SEVEN_CLIENT\n[M.NTamd64.6.1.3]\na=i,PCI\\SERVER\n"
		"[M.NTamd64.10.0]\na=i,PCI\\TEN\n[M.NTamd64.10.0...17763]\na=i,PCI\\TEN_1809\n"
		"[M.NTarm64]\na=i,PCI\\ARM\n[M.NT.6.0]\na=i,PCI\\VISTA32\n[Strings]\nV=\"v\"\n";
	static const struct {
		struct inf_target t;
		const char *id;
	} cases[] = {
		{ { "x86", 5, 0, 2195, false }, "PCI\\A" },
		{ { "x86", 5, 1, 2600, false }, "PCI\\XP" },
		{ { "x86", 6, 1, 7601, false }, "PCI\\VISTA32" },
		{ { "amd64", 6, 0, 6002, false }, NULL },
		{ { "amd64", 6, 1, 7601, false }, "PCI\\SEVEN_CLIENT" },
		{ { "amd64", 6, 1, 7601, true }, "PCI\\SERVER" },
		{ { "amd64", 6, 3, 9600, true }, "PCI\\SERVER" },
		{ { "amd64", 10, 0, 14393, true }, "PCI\\TEN" },
		{ { "amd64", 10, 0, 17763, true }, "PCI\\TEN_1809" },
		{ { "amd64", 10, 0, 26100, false }, "PCI\\TEN_1809" },
		{ { "arm64", 10, 0, 22631, false }, "PCI\\ARM" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(inf_driver_free)
		struct inf_driver *d = driver_of(text, strlen(text), &cases[i].t);

		ck_assert_uint_eq(d->ndevices, cases[i].id ? 1 : 0);
		if (cases[i].id)
			ck_assert_str_eq(d->devices[0].id, cases[i].id);
	}
}
END_TEST

START_TEST(test_syntax)
{
	static const char text[] =
		"key = in no section\n; comment\n[ A ]x\n[b]\nOne = \"a ; b\" ; c\n"
		"two=x,\"y, z\" , \"say \"\"hi\"\"\",\nthree = \\\n  joined, \\\n  more\n"
		"four = %known%%unknown%%%|%\n\"five = quoted\"\n[B]\nsix=\n[Strings]\n"
		"known = \"%known%\"\nopen = \"never closed\n";
	CLEANUP(inf_free) struct inf *inf = NULL;
	const struct inf_section *s;

	ck_assert_int_eq(inf_parse(text, strlen(text), &inf, NULL), 0);
	s = inf_section(inf, "B");
	ck_assert_uint_eq(s->n, 6);
	ck_assert_str_eq(inf_value(s, "one"), "a ; b");
	ck_assert_uint_eq(s->lines[1].values.n, 4);
	ck_assert_str_eq(s->lines[1].values.v[1], "y, z");
	ck_assert_str_eq(s->lines[1].values.v[2], "say \"hi\"");
	ck_assert_str_eq(s->lines[1].values.v[3], "");
	ck_assert_uint_eq(s->lines[2].values.n, 2);
	ck_assert_str_eq(s->lines[2].values.v[1], "more");
	ck_assert_str_eq(inf_value(s, "four"), "%known%%unknown%%|%");
	ck_assert_ptr_null(s->lines[4].key);
	ck_assert_str_eq(s->lines[4].values.v[0], "five = quoted");
	ck_assert_str_eq(inf_value(s, "six"), "");
	ck_assert_ptr_null(inf_value(s, "seven"));
	ck_assert_ptr_null(inf_section(inf, "nothing"));
}
END_TEST

/* Names that would lead out of a folder or a key are not taken over. */
START_TEST(test_bad_names)
{
	static const char text[] =
		"[Version]\nCatalogFile=..\\..\\x.cat\n[SourceDisksFiles]\n"
		"../evil.sys=1\na:b=1\nok.sys=1\n"
		"[Manufacturer]\nv=M,NTamd64\n[M.NTamd64]\na=i,PCI\\..\\..\\x,NOBUS,PCI\\OK\n"
		"b=j,PCI\\J\nc=k,PCI\\K\n[i.Services]\nAddService=a\\b,2,s\n"
		"[j.Services]\nAddService=good,2,gone\n[k.Services]\nAddService=good,2,s\n"
		"[s]\nServiceBinary=%12%\\..\n";
	CLEANUP(inf_driver_free) struct inf_driver *d = driver_of(text, strlen(text), &win10);

	ck_assert_uint_eq(d->files.n, 1);
	ck_assert_uint_eq(d->nservices, 0);
	ck_assert_uint_eq(d->ndevices, 3);
	ck_assert_str_eq(d->devices[0].id, "PCI\\OK");
	ck_assert_uint_eq(d->devices[0].service, SIZE_MAX);
}
END_TEST

static void any(const void *data, size_t len)
{
	CLEANUP(inf_free) struct inf *inf = NULL;
	CLEANUP(inf_driver_free) struct inf_driver *d = NULL;

	if (inf_parse(data, len, &inf, NULL) == 0)
		inf_driver(inf, &win10, &d, NULL);
}

static void mutant(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	(void)what;
	(void)opaque;
	any(data, len);
}

static void huge(const char *head, const char *again, size_t bytes, int code)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	CLEANUP(inf_free) struct inf *inf = NULL;

	strbuf_add(&b, head);
	while (b.len < bytes)
		strbuf_add(&b, again);
	ck_assert_int_eq(inf_parse(b.s, b.len, &inf, NULL), code);
}

START_TEST(test_hostile)
{
	CLEANUP(mem_free) char *text = drivers_inf("netkvm");

	any("", 0);
	any("\xff\xfe", 2);
	any("\xff\xfe\x41", 3);
	any("[\0]\0=", 5);
	any("[", 1);
	any("[a]\n=", 5);
	any("[a]\n\\", 5);
	mutate_each(text, strlen(text), 3000, mutant, NULL);
	huge("[a]\n", "x=y\n", 200000, -EFBIG);
	huge("[a]\n", "[x]\n", 200000, -EFBIG);
	huge("[a]\nx=", ",", 1 << 20, 0);
	huge("[a]\nx=", "\\\n", 1 << 20, 0);
	huge("[a]\n", "\"", 1 << 20, 0);
	huge("[a]\n", "x", INF_MAX + 1, -EFBIG);
	huge("[Strings]\nk=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n[a]\nx=",
	     "%k%", 1 << 20, -EFBIG);
}
END_TEST

START_TEST(test_versions)
{
	static const struct {
		unsigned int major, minor, build;
		bool server;
		const char *name, *folder, *osinfo;
	} cases[] = {
		{ 5, 1, 2600, false, "Windows XP", "xp", "xp" },
		{ 5, 2, 3790, false, "Windows XP (64 bits)", "2k3", "xp" },
		{ 5, 2, 3790, true, "Windows Server 2003", "2k3", "2k3" },
		{ 6, 0, 6002, false, "Windows Vista", "vista", "vista" },
		{ 6, 0, 6002, true, "Windows Server 2008", "2k8", "2k8" },
		{ 6, 1, 7601, false, "Windows 7", "w7", "7" },
		{ 6, 1, 7601, true, "Windows Server 2008 R2", "2k8r2", "2k8r2" },
		{ 6, 2, 9200, false, "Windows 8", "w8", "8" },
		{ 6, 2, 9200, true, "Windows Server 2012", "2k12", "2k12" },
		{ 6, 3, 9600, false, "Windows 8.1", "w8.1", "8.1" },
		{ 6, 3, 9600, true, "Windows Server 2012 R2", "2k12r2", "2k12r2" },
		{ 10, 0, 19045, false, "Windows 10", "w10", "10" },
		{ 10, 0, 0, false, "Windows 10", "w10", "10" },
		{ 10, 0, 22000, false, "Windows 11", "w11", "11" },
		{ 10, 0, 26100, false, "Windows 11", "w11", "11" },
		{ 10, 0, 14393, true, "Windows Server 2016", "2k16", "2k16" },
		{ 10, 0, 17763, true, "Windows Server 2019", "2k19", "2k19" },
		{ 10, 0, 20348, true, "Windows Server 2022", "2k22", "2k22" },
		{ 10, 0, 25398, true, "Windows Server 2022", "2k22", "2k22" },
		{ 10, 0, 26100, true, "Windows Server 2025", "2k25", "2k25" },
		{ 11, 0, 1, true, "Windows Server 2025", "2k25", "2k25" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct winver *v = winver_find(cases[i].major, cases[i].minor,
						     cases[i].build, cases[i].server);

		ck_assert_ptr_nonnull(v);
		ck_assert_str_eq(v->name, cases[i].name);
		ck_assert_str_eq(v->folders[0], cases[i].folder);
		ck_assert_str_eq(strrchr(v->osinfo, '/') + 1, cases[i].osinfo);
		ck_assert_uint_eq(winver_rank(v, cases[i].folder), 0);
		ck_assert_uint_eq(winver_rank(v, "readme"), WINVER_FOLDERS);
	}
	ck_assert_ptr_null(winver_find(5, 0, 2195, false));
	ck_assert_ptr_null(winver_find(4, 0, 1381, true));
	ck_assert_uint_eq(winver_rank(winver_find(10, 0, 19045, false), "Win10"), 0);
	ck_assert_uint_eq(winver_rank(winver_find(10, 0, 19045, false), "windows10"), 0);
	ck_assert_uint_eq(winver_rank(winver_find(6, 1, 7601, true), "Win2k8R2"), 0);
	ck_assert_uint_eq(winver_rank(winver_find(6, 0, 1, true), "Wlh"), 0);
	ck_assert_uint_eq(winver_rank(winver_find(6, 3, 1, false), "Win8.1"), 0);
	ck_assert_str_eq(winver_arch("AMD64"), "amd64");
	ck_assert_str_eq(winver_arch("i386"), "x86");
	ck_assert_str_eq(winver_arch("ARM64"), "arm64");
	ck_assert_ptr_null(winver_arch("ia64"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("inf");
	TCase *t = tcase_create("inf");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_real);
	tcase_add_test(t, test_encodings);
	tcase_add_test(t, test_targets);
	tcase_add_test(t, test_syntax);
	tcase_add_test(t, test_bad_names);
	tcase_add_test(t, test_hostile);
	tcase_add_test(t, test_versions);
	suite_add_tcase(s, t);
	return s;
}
UNIT_MAIN(suite)
