/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sampler over small roots made here, whose counters the tests turn on. */
#include "inventory/load/sample.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/load/sample_delta.h"
#include "inventory/load/sample_proc.h"
#include "inventory/load/sample_window.h"
#include "tests/lib/unit.h"

#define S UINT64_C(1000000)

static char dir[64];
static struct sysroot *root;
static struct sampler *sampler;
static uint64_t now;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	struct err err = ERR_INIT;

	snprintf(dir, sizeof(dir), "%s/p2v-load-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(sysroot_open(dir, &root, &err), 0);
	now = 1000 * S;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int flag UNUSED,
		      struct FTW *ftw UNUSED)
{
	return remove(path);
}

static void teardown(void)
{
	sample_close(TAKE_PTR(sampler));
	sysroot_free(TAKE_PTR(root));
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* In place: the sampler keeps files open. */
static void put(const char *text, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put(const char *text, const char *fmt, ...)
{
	char path[512];
	int n = snprintf(path, sizeof(path), "%s", dir);
	struct err err = ERR_INIT;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
	va_end(ap);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(fdio_mkdir_p(path, 0755, &err), 0);
	path[strlen(path)] = '/';
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void disk(const char *name)
{
	put("1000\n", "/sys/block/%s/size", name);
	put("", "/sys/block/%s/device/x", name);
}

static const struct sample *take(uint64_t seconds, bool services)
{
	const struct sample *s = NULL;
	struct err err = ERR_INIT;

	if (!sampler)
		ck_assert_msg(sample_open(root, &sampler, &err) == 0, "%s", err.text);
	now += seconds * S;
	ck_assert_int_eq(sample_take(sampler, now, services, &s, &err), 0);
	return s;
}

START_TEST(cpus)
{
	const struct sample *s;

	put("cpu  1 2 3 4\ncpu0 100 0 100 1000 50 0 0 0 0 0\ncpu1 0 0 0 1000 0 0 0 0\n"
	    "intr 1 2 3\nprocs_running 3\n", "/proc/stat");
	put("0.25 1.00 2.00 1/2 3\n", "/proc/loadavg");
	s = take(0, false);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_BUSY], SAMPLE_NONE);
	ck_assert_uint_eq(s->cpus_online, 2);
	ck_assert_uint_eq(s->v[SAMPLE_RUNNING], 3);
	ck_assert_uint_eq(s->v[SAMPLE_LOAD], 250);
	/* 0: 50 busy, 25 idle, 25 waiting; 1: 75 stolen, 25 idle. */
	put("cpu  1 2 3 4\ncpu0 120 10 110 1025 75 5 5 0 0 0\ncpu1 0 0 0 1025 0 0 0 75\n",
	    "/proc/stat");
	s = take(1, false);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_BUSY], 500);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_IOWAIT], 250);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_STEAL], 750);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_TOP], 500);
	ck_assert_uint_eq(s->v[SAMPLE_RUNNING], SAMPLE_NONE);
	/* iowait goes back a little, as it may; CPU 1 goes off line. */
	put("cpu0 170 10 110 1075 74 5 5 0 0 0\n", "/proc/stat");
	s = take(1, false);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_BUSY], 500);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_IOWAIT], 0);
	ck_assert_uint_eq(s->cpus_online, 1);
	/* It is back: no value until it was seen twice. CPU 0 was set back: none either. */
	put("cpu0 1 0 0 0\ncpu1 900 0 0 1025 0 0 0 75\n", "/proc/stat");
	s = take(1, false);
	ck_assert_uint_eq(s->v[SAMPLE_CPU_BUSY], SAMPLE_NONE);
	ck_assert_uint_eq(s->cpus_online, 2);
}
END_TEST

START_TEST(memory)
{
	const struct sample *s;

	put("MemTotal: 16000 kB\nMemFree: 1000 kB\nBuffers: 100 kB\nCached: 5000 kB\n"
	    "SwapCached: 50 kB\nActive(file): 2000 kB\nDirty: 30 kB\nWriteback: 12 kB\n"
	    "AnonPages: 4000 kB\nShmem: 600 kB\nSReclaimable: 500 kB\nSUnreclaim: 300 kB\n"
	    "KernelStack: 20 kB\nPageTables: 80 kB\nHugePages_Total: 2\nHugepagesize: 2048 kB\n"
	    "SwapTotal: 8000 kB\nSwapFree: 7000 kB\n", "/proc/meminfo");
	put("pswpin 100\npswpout 200\n", "/proc/vmstat");
	s = take(0, false);
	/* cache: 100 + 5000 + 50 - 600 + 500; used: all but free and cache, more than named */
	ck_assert_uint_eq(s->v[SAMPLE_MEM_CACHE], 5050 * 1024);
	ck_assert_uint_eq(s->v[SAMPLE_MEM_WORKING], 9950 * 1024);
	ck_assert_uint_eq(s->v[SAMPLE_MEM_HUGE], 4096 * 1024);
	ck_assert_uint_eq(s->v[SAMPLE_MEM_DIRTY], 42 * 1024);
	ck_assert_uint_eq(s->v[SAMPLE_SWAP_USED], 950 * 1024);
	ck_assert_uint_eq(s->v[SAMPLE_SWAP_IN], SAMPLE_NONE);
	put("pswpin 110\npswpout 200\n", "/proc/vmstat");
	s = take(2, false);
	ck_assert_uint_eq(s->v[SAMPLE_SWAP_IN], 5 * (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_uint_eq(s->v[SAMPLE_SWAP_OUT], 0);
	/* What is named counts, even when the rest does not add up. */
	put("MemTotal: 1000 kB\nMemFree: 900 kB\nAnonPages: 400 kB\nShmem: 99999999 kB\n",
	    "/proc/meminfo");
	s = take(1, false);
	ck_assert_uint_eq(s->v[SAMPLE_MEM_WORKING], 1000 * 1024);
}
END_TEST

#define DISK(name, n, ms) "   8       0 " name " " n " 0 800 " ms " 0 0 0 0 0 " ms " 0\n"

START_TEST(disks_and_nics)
{
	const struct sample *s;

	put("", "/proc/stat");
	disk("sda");
	disk("cciss!c0d0");
	put("1000\n", "/sys/block/dm-0/size");
	disk("sr0");
	disk("hid");
	put("1\n", "/sys/block/hid/hidden");
	put("", "/sys/class/net/eth0/device/x");
	put(DISK("loop0", "1", "1") "   8 0 sda 100 0 800 50 100 0 1600 150 0 100 200\n"
	    " 8 1 sda1 1 2 3 4\n" DISK("dm-0", "9", "9") DISK("sr0", "1", "1") DISK("hid", "1", "1")
	    "104 0 cciss/c0d0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", "/proc/diskstats");
	put("Inter-|   Receive\n face |bytes\n    lo: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n"
	    "  eth0:1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0\n", "/proc/net/dev");
	s = take(0, false);
	ck_assert_uint_eq(s->ndisks, 2);
	ck_assert_str_eq(s->disks[1].name, "cciss/c0d0");
	ck_assert_uint_eq(s->nnics, 1);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_IOPS], SAMPLE_NONE);
	/* sda: 100 requests, 400 + 800 sectors, 1000 ms, 500 ms busy. cciss is gone, sdb new. */
	disk("sdb");
	put("   8 0 sda 150 0 1200 550 150 0 2400 650 0 600 200\n" DISK("sdb", "5", "5"),
	    "/proc/diskstats");
	put("  eth0:2000 20 0 0 0 0 0 0 6000 60 0 0 0 0 0 0\n", "/proc/net/dev");
	s = take(2, false);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_IOPS], 50);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_READ], 200 * 512);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_WRITE], 400 * 512);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_LATENCY], 10000);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_UTIL], 250);
	ck_assert_uint_eq(s->disks[1].v[SAMPLE_DISK_IOPS], SAMPLE_NONE);
	ck_assert_uint_eq(s->ndisks, 3);
	ck_assert_str_eq(s->disks[2].name, "sdb");
	ck_assert_uint_eq(s->nics[0].v[SAMPLE_NIC_RX], 4000);
	ck_assert_uint_eq(s->nics[0].v[SAMPLE_NIC_TX_PACKETS], 20);
	/* Back after a turn, with other counters: primed anew. sda is another disk now. */
	put("   8 0 sda 1 0 8 1 1 0 8 1 0 1 1\n" DISK("sdb", "7", "5")
	    "104 0 cciss/c0d0 900 0 900 0 0 0 0 0 0 0 0\n", "/proc/diskstats");
	s = take(1, false);
	ck_assert_uint_eq(s->disks[0].v[SAMPLE_DISK_IOPS], SAMPLE_NONE);
	ck_assert_uint_eq(s->disks[1].v[SAMPLE_DISK_IOPS], SAMPLE_NONE);
	ck_assert_uint_eq(s->disks[2].v[SAMPLE_DISK_IOPS], 2);
	s = take(1, false);
	ck_assert_uint_eq(s->ndisks, 3);
	ck_assert_uint_eq(s->disks[1].v[SAMPLE_DISK_IOPS], 0);
	ck_assert_uint_eq(s->disks[1].v[SAMPLE_DISK_LATENCY], SAMPLE_NONE);
}
END_TEST

START_TEST(counters)
{
	static const uint64_t limit[2] = { 1000000000, 1000000 };
	static const uint64_t any[2] = { UINT32_MAX, UINT32_MAX };
	const uint64_t high[2] = { 0xfffffff0, 0xfffffff0 };
	uint64_t d[2] = { 7, 7 };
	const uint64_t a[2] = { 0xfffffff0, 100 }, b[2] = { 0x10, 200 };
	const uint64_t reset[2] = { 5, 1 }, large[2] = { UINT64_C(1) << 40, 100 };
	const uint64_t less[2] = { (UINT64_C(1) << 40) - 1, 100 };

	ck_assert(sample_delta(a, b, limit, 2, S, d));		/* over 2^32, alone */
	ck_assert_uint_eq(d[0], 0x20);
	ck_assert_uint_eq(d[1], 100);
	d[0] = 7;
	ck_assert(!sample_delta(a, reset, limit, 2, S, d));	/* both: a reset */
	ck_assert(!sample_delta(high, reset, any, 2, S, d));	/* though hardware could */
	ck_assert(!sample_delta(large, less, limit, 2, S, d));	/* no 32-bit counter */
	ck_assert(!sample_delta(b, large, limit, 2, S, d));	/* more than hardware does */
	ck_assert(!sample_delta(b, a, (uint64_t[]){ 1000, 1000000 }, 2, S, d));
	ck_assert_uint_eq(d[0], 7);
	ck_assert_uint_eq(sample_delta_rate(100, 8, 2 * S), 400);
	ck_assert_uint_eq(sample_delta_rate(100, 8, 0), SAMPLE_NONE);
	ck_assert_uint_eq(sample_delta_rate(UINT64_MAX, UINT64_MAX, 1), SAMPLE_NONE);
}
END_TEST

START_TEST(services_of_cgroups)
{
	const struct sample *s;

	put("", "/proc/stat");
	put("usage_usec 1000000\nuser_usec 1\n", "/sys/fs/cgroup/system.slice/cpu.stat");
	put("usage_usec 1000000\n", "/sys/fs/cgroup/system.slice/a.service/cpu.stat");
	put("4096\n", "/sys/fs/cgroup/system.slice/a.service/memory.current");
	put("usage_usec 5000000\n", "/sys/fs/cgroup/user.slice/cpu.stat");
	s = take(0, true);
	ck_assert_uint_eq(s->nservices, 2);
	ck_assert_uint_eq(s->services[0].cpu, SAMPLE_NONE);
	put("usage_usec 4000000\n", "/sys/fs/cgroup/system.slice/a.service/cpu.stat");
	put("usage_usec 1\n", "/sys/fs/cgroup/system.slice/b.service/cpu.stat");
	s = take(2, true);
	ck_assert_uint_eq(s->nservices, 3);
	ck_assert_str_eq(s->services[0].name, "a.service");
	ck_assert_uint_eq(s->services[0].cpu, 1500);
	ck_assert_uint_eq(s->services[0].memory, 4096);
	s = take(2, false);
	ck_assert_uint_eq(s->nservices, 0);
}
END_TEST

START_TEST(services_of_cgroup_v1)
{
	const struct sample *s;

	put("", "/proc/stat");
	put("1\n", "/sys/fs/cgroup/cpuacct/system.slice/cpuacct.usage");
	put("1000000000\n", "/sys/fs/cgroup/cpuacct/system.slice/a.service/cpuacct.usage");
	put("8192\n", "/sys/fs/cgroup/memory/system.slice/a.service/memory.usage_in_bytes");
	take(0, true);
	put("1500000000\n", "/sys/fs/cgroup/cpuacct/system.slice/a.service/cpuacct.usage");
	s = take(1, true);
	ck_assert_uint_eq(s->nservices, 1);
	ck_assert_uint_eq(s->services[0].cpu, 500);
	ck_assert_uint_eq(s->services[0].memory, 8192);
}
END_TEST

#define PID(pid, name, ticks, start) \
	pid " (" name ") S 1 1 1 0 -1 4194560 1 0 0 0 " ticks " 0 0 0 " \
	"20 0 1 0 " start " 1000 3 18446744073709551615 1 1\n"

START_TEST(services_of_processes)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
	const struct sample *s;

	put("", "/proc/stat");
	put(PID("7", "my sql) (", "100", "5"), "/proc/7/stat");
	put(PID("12", "my sql) (", "100", "5"), "/proc/12/stat");
	put(PID("13", "cron", "100", "5"), "/proc/13/stat");
	put("nonsense", "/proc/14/stat");
	take(0, true);
	put(PID("7", "my sql) (", "150", "5"), "/proc/7/stat");
	/* Another one by that number. */
	put(PID("12", "my sql) (", "30", "500"), "/proc/12/stat");
	s = take(1, true);
	ck_assert_uint_eq(s->nservices, 2);
	ck_assert_str_eq(s->services[0].name, "my sql) (");
	ck_assert_uint_eq(s->services[0].cpu, 80 * 1000 / hz);
	ck_assert_uint_eq(s->services[0].memory, 6 * page);
	ck_assert_uint_eq(s->services[1].cpu, 0);
}
END_TEST

/* 512 CPUs, 300 disks with a partition each, 16 NICs: what a sample costs there. */
START_TEST(large_machine)
{
	CLEANUP(sample_window_free) struct sample_window *w = NULL;
	struct timespec a, b;
	const struct sample *s;
	uint64_t us;
	int rounds = 40;

	for (int i = 0; i < 300; i++) {
		char name[8];

		snprintf(name, sizeof(name), "sd%c%c", (char)(97 + i / 26), (char)(97 + i % 26));
		disk(name);
	}
	for (int i = 0; i < 16; i++)
		put("", "/sys/class/net/eth%d/device/x", i);
	ck_assert_int_eq(sample_window_new(&w), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (int round = 0; round <= rounds; round++) {
		CLEANUP(strbuf_done) struct strbuf st = { 0 }, ds = { 0 }, nd = { 0 };

		if (round <= 1) {
			for (int i = 0; i < 512; i++)
				strbuf_addf(&st, "cpu%d %d 0 0 %d 0 0 0 0 0 0\n", i,
					    123456789 + round * 50, 987654321 + round * 50);
			strbuf_add(&st, "intr");
			for (int i = 0; i < 20000; i++)
				strbuf_add(&st, " 0");
			strbuf_add(&st, "\nprocs_running 5\n");
			for (int i = 0; i < 300; i++)
				for (int part = 0; part < 2; part++)
					strbuf_addf(&ds, "   8 %d sd%c%c%s %d 2345 123456789 45678 "
						    "1234567 2345 123456789 456789 0 45678 567890 "
						    "0 0 0 0 0 0\n", i, 'a' + i / 26, 'a' + i % 26,
						    part ? "1" : "", 100000 + round);
			for (int i = 0; i < 16; i++)
				strbuf_addf(&nd, "eth%d: %d 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n", i,
					    1000 + round);
			put(st.s, "/proc/stat");
			put(ds.s, "/proc/diskstats");
			put(nd.s, "/proc/net/dev");
		}
		s = take(1, false);
		if (round == 1) {
			ck_assert_uint_eq(s->v[SAMPLE_CPU_BUSY], 256000);
			ck_assert_uint_eq(s->ndisks, 300);
			ck_assert_uint_eq(s->nnics, 16);
			ck_assert_uint_eq(s->disks[299].v[SAMPLE_DISK_IOPS], 1);
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
		}
		ck_assert_int_eq(sample_window_add(w, s), 0);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	us = (uint64_t)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000) /
	     (uint64_t)(rounds - 1);
	printf("# 512 CPUs, 300 disks: %d us of CPU time a sample\n", (int)us);
	ck_assert_uint_eq(sample_window_take(w)->ndisks, 300);
}
END_TEST

START_TEST(hostile)
{
	static const char *const files[] = {
		"stat", "loadavg", "meminfo", "vmstat", "diskstats", "net/dev", "pressure/cpu",
	};
	static const char *const pieces[] = {
		"cpu", "cpu0", "cpu99999999999", " 18446744073709551615", " 99999999999999999999",
		"\n",
		" ", ":", "-1", "\xff", "8 0 ../../etc 1 1 1 1 1 1 1 1 1 1 1\n", "MemTotal: 5 kB\n",
		"MemTotal: 18446744073709551615 kB\n", "MemFree: 1\n", "Shmem: 17179869184 kB\n",
		"some avg10=0 total=5\n", "some total=18446744073709551615\n", "eth0:",
		" 1 1 1 1 1 1 1 1",
		"8 0 sda", "pswpin 5\n", "pswpout 7\n", "1.5", "procs_running 0\n", "\t",
		"cpu1 1 1 1 1\n",
		" 1 2 3 4 5 6 7 8 9 10 11\n", "cpu1 18446744073709551614 1 1 1\n",
	};
	uint64_t seed = 42;

	disk("sda");
	put("", "/proc/stat");
	for (size_t f = 0; f < ARRAY_SIZE(files); f++)
		put("", "/proc/%s", files[f]);
	for (int round = 0; round < 400; round++) {
		CLEANUP(strbuf_done) struct strbuf b = { 0 };
		const struct sample *s;

		strbuf_add(&b, "");
		for (int i = 0; i < 60; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
			strbuf_add(&b, pieces[(seed >> 33) % ARRAY_SIZE(pieces)]);
		}
		put(b.s, "/proc/%s", files[round % (int)ARRAY_SIZE(files)]);
		s = take(1, round % 50 == 0);
		ck_assert(s->v[SAMPLE_CPU_TOP] == SAMPLE_NONE || s->v[SAMPLE_CPU_TOP] <= 1000);
		ck_assert(s->v[SAMPLE_CPU_BUSY] == SAMPLE_NONE ||
			  s->v[SAMPLE_CPU_BUSY] <= 1000 * s->ncpus);
		ck_assert(s->v[SAMPLE_MEM_WORKING] == SAMPLE_NONE ||
			  s->v[SAMPLE_MEM_WORKING] <= s->mem_total);
		for (size_t i = 0; i < s->ndisks; i++)
			ck_assert_str_eq(s->disks[i].name, "sda");
	}
}
END_TEST

START_TEST(odd_roots)
{
	struct err err = ERR_INIT;
	CLEANUP(mem_free) char *big = malloc(3 << 20);
	char path[128];
	uint8_t id[16];

	ck_assert_int_eq(sample_open(root, &sampler, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, dir));
	/* Binary of three MiB, a pipe, a folder, a loop of links. */
	memset(big, 'x', (3 << 20) - 1);
	big[(3 << 20) - 1] = '\0';
	put(big, "/proc/stat");
	snprintf(path, sizeof(path), "%s/proc/meminfo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/proc/diskstats", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/proc/net", dir);
	ck_assert_int_eq(symlink("net", path), 0);
	take(0, true);
	take(1, true);
	sample_boot_id(root, id);
	ck_assert_int_eq(id[0], 0);
	put("f81d4fae-7dec-11d0-a765-00a0c91e6bf6\n", "/proc/sys/kernel/random/boot_id");
	sample_boot_id(root, id);
	ck_assert_int_eq(id[0], 0xf8);
	ck_assert_int_eq(id[15], 0xf6);
	put("f81d4fae-7dec-zzzz\n", "/proc/sys/kernel/random/boot_id");
	sample_boot_id(root, id);
	ck_assert_int_eq(id[0], 0);
}
END_TEST

START_TEST(this_machine)
{
	CLEANUP(sysroot_free) struct sysroot *live = NULL;
	CLEANUP(sample_close) struct sampler *here = NULL;
	const struct sample *s = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sysroot_open("/", &live, &err), 0);
	if (sample_open(live, &here, &err) < 0)
		UNIT_LEAVE("no /proc here");
	ck_assert_int_eq(sample_take(here, 1 * S, true, &s, &err), 0);
	usleep(50000);
	ck_assert_int_eq(sample_take(here, 1 * S + 50000, true, &s, &err), 0);
	ck_assert_uint_ge(s->cpus_online, 1);
	ck_assert_uint_gt(s->mem_total, 0);
	ck_assert_uint_le(s->v[SAMPLE_MEM_WORKING], s->mem_total);
	ck_assert_uint_gt(s->nservices, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sample");
	TCase *t = tcase_create("sample");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, cpus);
	tcase_add_test(t, memory);
	tcase_add_test(t, disks_and_nics);
	tcase_add_test(t, counters);
	tcase_add_test(t, services_of_cgroups);
	tcase_add_test(t, services_of_cgroup_v1);
	tcase_add_test(t, services_of_processes);
	tcase_add_test(t, large_machine);
	tcase_add_test(t, hostile);
	tcase_add_test(t, odd_roots);
	tcase_add_test(t, this_machine);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
