/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The load of a machine, one sample after the other, read through a root folder. A sample says what
 * held, or what happened per second, since the sample before it; what is not known is SAMPLE_NONE.
 *
 *	sampler --sample_take()--> struct sample --sample_window--> a minute --> ring, sizing
 *
 * Where the values come from:
 *
 *	CPU		/proc/stat, line per CPU: busy is user + nice + system + irq + softirq of
 *			all ticks of that CPU (guests are in user); iowait and steal on their own.
 *			A sum over CPUs is in thousandths of a CPU: 2500 is two and a half.
 *	run queue	/proc/stat procs_running, without the sampler itself; /proc/loadavg
 *	pressure	/proc/pressure, "some ... total="; since Linux 4.20, where it is on
 *	memory		/proc/meminfo. The working set is what cannot be dropped without swapping:
 *			    anonymous	AnonPages
 *			    shmem	Shmem: tmpfs, System V and POSIX shared memory
 *			    huge pages	Hugetlb, else HugePages_Total * Hugepagesize: the whole pool
 *			    kernel	SUnreclaim + KernelStack + PageTables + SecPageTables +
 *					Percpu
 *			    the rest	MemTotal - MemFree - page cache - SReclaimable less all of
 *					the above: what drivers took, and no field names
 *			Page cache is Buffers + Cached + SwapCached - Shmem; it is not working set.
 *			Active(file), the part of it that was used again, and Dirty + Writeback are
 *			told apart.
 *	swap		SwapTotal - SwapFree - SwapCached; /proc/vmstat pswpin, pswpout (pages)
 *	disks		/proc/diskstats, of whole disks with a device behind them
 *			(/sys/block/NAME/device): no partitions, volumes, loops, RAM and optical
 *			drives. Latency is time per finished read or write (the kernel's
 *			milliseconds), utilisation the share of time with a request in flight.
 *	NICs		/proc/net/dev, of interfaces with a device (/sys/class/net/NAME/device)
 *	services	system.slice's children and the other slices in cgroup v2 (cpu.stat,
 *			memory.current) or v1 (cpuacct.usage, memory.usage_in_bytes); without
 *			either, processes summed up by name (/proc/PID/stat). Memory of a cgroup
 *			includes its page cache.
 *
 * Counters that go backwards give no value, except for one that ran over 2^32 alone among those of
 * its device and moved by an amount that hardware can do: see sample_delta.h.
 *
 * Files stay open and buffers are used again, so a sample costs what the kernel takes to write the
 * text, and its parsing. Services are looked at only when asked for. One thread.
 */
#ifndef P2V_INVENTORY_SAMPLE_H
#define P2V_INVENTORY_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "common/sysroot.h"

#define SAMPLE_NONE		UINT64_MAX
#define SAMPLE_NAME_MAX		48	/* bytes of a device's or service's name with its NUL */
#define SAMPLE_DEVICES_MAX	1024	/* of each kind; further ones are not looked at */
#define SAMPLE_SERVICES_MAX	256

enum sample_series {
	SAMPLE_CPU_BUSY,		/* thousandths of a CPU, as the next two */
	SAMPLE_CPU_IOWAIT,
	SAMPLE_CPU_STEAL,
	SAMPLE_CPU_TOP,			/* the busiest CPU, 0..1000 */
	SAMPLE_RUNNING,			/* tasks on a CPU or waiting for one */
	SAMPLE_LOAD,			/* of the last minute, thousandths */
	SAMPLE_PRESSURE_CPU,		/* thousandths of the time somebody waited */
	SAMPLE_PRESSURE_IO,
	SAMPLE_PRESSURE_MEMORY,
	SAMPLE_MEM_WORKING,		/* bytes, as down to swap_used */
	SAMPLE_MEM_SHARED,		/* part of it: shmem */
	SAMPLE_MEM_HUGE,		/* part of it: huge pages */
	SAMPLE_MEM_FREE,
	SAMPLE_MEM_CACHE,		/* page cache and reclaimable slab */
	SAMPLE_MEM_ACTIVE_FILE,
	SAMPLE_MEM_DIRTY,
	SAMPLE_SWAP_USED,
	SAMPLE_SWAP_IN,			/* bytes a second */
	SAMPLE_SWAP_OUT,
	SAMPLE_SERIES
};

enum sample_disk_series {
	SAMPLE_DISK_IOPS,		/* reads and writes a second */
	SAMPLE_DISK_READ,		/* bytes a second */
	SAMPLE_DISK_WRITE,
	SAMPLE_DISK_LATENCY,		/* microseconds a request; no requests: SAMPLE_NONE */
	SAMPLE_DISK_UTIL,		/* thousandths of the time */
	SAMPLE_DISK_SERIES
};

enum sample_nic_series {
	SAMPLE_NIC_RX,			/* bits a second */
	SAMPLE_NIC_TX,
	SAMPLE_NIC_RX_PACKETS,		/* a second */
	SAMPLE_NIC_TX_PACKETS,
	SAMPLE_NIC_SERIES
};

#define SAMPLE_DEVICE_SERIES	5	/* the larger of the two */

/* "cpu_busy", "read", ...: as in JSON. */
const char *sample_series_name(enum sample_series s);
const char *sample_disk_series_name(enum sample_disk_series s);
const char *sample_nic_series_name(enum sample_nic_series s);

struct sample_device {
	char name[SAMPLE_NAME_MAX];	/* "sda", "cciss/c0d0", "eth0"; as the kernel gives it */
	uint64_t v[SAMPLE_DEVICE_SERIES];
};

struct sample_cpu {			/* thousandths of its time; SAMPLE_NONE: off line */
	uint32_t number;
	uint64_t busy, iowait, steal;
};

struct sample_service {
	char name[SAMPLE_NAME_MAX];	/* "nginx.service", "user.slice", "mysqld" */
	uint64_t cpu;			/* thousandths of a CPU; SAMPLE_NONE: seen first now */
	uint64_t memory;		/* bytes; SAMPLE_NONE */
};

/* Devices keep their place from sample to sample; one that is gone has no values. */
struct sample {
	uint64_t elapsed_us;		/* since the sample before; 0: this is the first */
	uint32_t cpus_online;		/* 0: not known */
	uint64_t mem_total, swap_total;	/* bytes; 0: not known */
	uint64_t v[SAMPLE_SERIES];
	struct sample_cpu *cpus;
	size_t ncpus;
	struct sample_device *disks;
	size_t ndisks;
	struct sample_device *nics;
	size_t nnics;
	bool has_services;		/* they were looked at */
	uint64_t services_us;		/* since they were looked at before; 0: first look */
	struct sample_service *services;/* the busiest first */
	size_t nservices;
};

struct sampler;

/*
 * root stays the caller's and must outlive the sampler. -ENOENT when there is neither a /proc/stat
 * nor a /proc/meminfo below it.
 */
int sample_open(const struct sysroot *root, struct sampler **ret, struct err *err);
void sample_close(struct sampler *s);
DEFINE_CLEANUP(struct sampler *, sample_close)
/*
 * Take one. now_us: of a clock that does not jump. The result is the sampler's own and holds until
 * the next call. What cannot be read has no value; -ENOMEM is the only failure.
 */
int sample_take(struct sampler *s, uint64_t now_us, bool services, const struct sample **ret,
		struct err *err);
/* Which boot this is, from /proc/sys/kernel/random/boot_id; zeroes when there is none. */
void sample_boot_id(const struct sysroot *root, uint8_t ret[static 16]);

#endif
