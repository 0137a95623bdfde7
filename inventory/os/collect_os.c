/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The booted system, what it has mounted, and how it keeps the time. */
#include "inventory/collect.h"

#include <string.h>
#include <time.h>
#include "inventory/block/mountinfo.h"
#include "inventory/collect_util.h"
#include "inventory/os/os.h"

static int read_system(const struct sysroot *root, struct machine *m)
{
	CLEANUP(os_look_done) struct os_look o = {
		.root = root, .m = m, .os = &m->os, .running = true
	};
	int r = os_identity_collect(&o);

	if (r == 0 && m->os.hostname)
		r = collect_util_text(m->os.hostname, strlen(m->os.hostname), &m->hostname);
	return r;
}

/* What the kernel shows of itself; nothing of it is in an fstab that needs fixing. */
static bool is_pseudo(const struct mountinfo_entry *e)
{
	static const char *const kinds[] = {
		"sysfs", "proc", "devtmpfs", "devpts", "cgroup", "cgroup2", "pstore", "bpf",
		"securityfs", "debugfs", "tracefs", "mqueue", "hugetlbfs", "configfs", "fusectl",
		"binfmt_misc", "efivarfs", "autofs", "rpc_pipefs", "selinuxfs", "nsfs",
		"fuse.gvfsd-fuse", "fuse.portal", "usbfs", "ramfs", "nfsd",
	};
	static const char *const places[] = { "/dev", "/run", "/sys", "/proc", "/var/lib/docker",
					      "/var/lib/containers", "/snap" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(e->fs, kinds[i]) == 0)
			return true;
	if (strcmp(e->fs, "tmpfs") != 0 && strcmp(e->fs, "overlay") != 0 &&
	    strcmp(e->fs, "squashfs") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t n = strlen(places[i]);

		if (strncmp(e->target, places[i], n) == 0 && (e->target[n] == '/' || !e->target[n]))
			return true;
	}
	return false;
}

static int copy(const char *from, char **to)
{
	return from ? collect_util_text(from, strlen(from), to) : 0;
}

/* The filesystem on the device called source, when it is one of the machine's. */
static const struct machine_fs *fs_of(const struct machine *m, const char *source,
				      const char *target)
{
	const struct machine_partition *p = source ? machine_find_partition(m, source, NULL) : NULL;
	const struct machine_disk *d = source ? machine_find_disk(m, source) : NULL;

	if (p)
		return &p->fs;
	if (d)
		return &d->fs;
	for (size_t i = 0; i < m->nvolumes; i++)
		if ((source && strcmp(m->volumes[i].path, source) == 0) ||
		    machine_strv_has(&m->volumes[i].mountpoints, target))
			return &m->volumes[i].fs;
	/* "/dev/root": the block collector has matched it by its device number. */
	for (size_t i = 0; i < m->ndisks; i++) {
		if (machine_strv_has(&m->disks[i].mountpoints, target))
			return &m->disks[i].fs;
		for (size_t j = 0; j < m->disks[i].npartitions; j++)
			if (machine_strv_has(&m->disks[i].partitions[j].mountpoints, target))
				return &m->disks[i].partitions[j].fs;
	}
	return NULL;
}

static int read_mounts(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mountinfo_done) struct mountinfo info = { 0 };
	int r = mountinfo_read(root, &info);

	for (size_t i = 0; i < info.nmounts && r == 0; i++) {
		const struct mountinfo_entry *e = &info.mounts[i];
		struct machine_mount *slot;

		if (is_pseudo(e))
			continue;
		if (m->nmounts == COLLECT_LIST_MAX)
			return collect_full(m, "mounts");
		slot = machine_grow(&m->mounts, &m->nmounts, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		r = copy(e->source, &slot->source);
		if (r == 0)
			r = copy(e->target, &slot->target);
		if (r == 0)
			r = copy(e->fs, &slot->fs);
		if (r == 0)
			r = copy(e->options, &slot->options);
		/* The last mount on "/" is the one that is seen, not the initramfs'. */
		if (r == 0 && strcmp(e->target, "/") == 0) {
			const struct machine_fs *fs = fs_of(m, e->source, "/");

			r = copy(e->source, &m->os.root_source);
			if (r == 0)
				r = copy(e->fs, &m->os.root_fs);
			if (r == 0 && fs)
				r = copy(fs->uuid, &m->os.root_uuid);
		}
	}
	return r;
}

static int read_timezone(const struct sysroot *root, struct machine_clock *c)
{
	CLEANUP(mem_free) char *link = NULL, *conf = NULL;
	const char *zone;
	int r = sysroot_readlink(root, &link, "/etc/localtime");

	if (r == -ENOMEM)
		return r;
	zone = r >= 0 ? strstr(link, "zoneinfo/") : NULL;
	if (zone)
		return copy(zone + strlen("zoneinfo/"), &c->timezone);
	r = collect_util_line(root, &c->timezone, "/etc/timezone");
	if (r < 0 || c->timezone)
		return r;
	r = sysroot_read(root, &conf, NULL, "/etc/sysconfig/clock");
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return collect_util_key(conf, "ZONE", &c->timezone);
}

/* hwclock(8): the third line of adjtime says LOCAL or UTC. Without it old init scripts decide. */
static int read_rtc_local(const struct sysroot *root, bool *ret)
{
	static const char *const files[] = { "/etc/sysconfig/clock", "/etc/default/rcS" };
	CLEANUP(mem_free) char *adjtime = NULL;
	const char *p;
	int r = sysroot_read(root, &adjtime, NULL, "/etc/adjtime");

	if (r == -ENOMEM)
		return r;
	p = adjtime;
	for (int i = 0; i < 2 && p; i++) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (p && (strncmp(p, "LOCAL", 5) == 0 || strncmp(p, "UTC", 3) == 0)) {
		*ret = p[0] == 'L';
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		CLEANUP(mem_free) char *text = NULL, *utc = NULL;

		r = sysroot_read(root, &text, NULL, "%s", files[i]);
		if (r == -ENOMEM || collect_util_key(text, "UTC", &utc) < 0)
			return -ENOMEM;
		if (utc && (strcmp(utc, "false") == 0 || strcmp(utc, "no") == 0))
			*ret = true;
	}
	return 0;
}

static int read_clock(const struct sysroot *root, struct machine *m)
{
	uint64_t rtc = 0, now;
	int r = read_rtc_local(root, &m->clock.rtc_local);

	if (r < 0)
		return r;
	/* Read next to each other: the difference is what counts. */
	collect_util_u64(root, &rtc, "/sys/class/rtc/rtc0/since_epoch");
	now = collect_now(root);
	if (rtc > 0 && rtc <= INT64_MAX && now > 0 && now <= INT64_MAX) {
		m->clock.rtc_known = true;
		m->clock.rtc_minus_system = (int64_t)rtc - (int64_t)now;
	}
	return read_timezone(root, &m->clock);
}

int collect_os(const struct sysroot *root, struct machine *m, struct err *err)
{
	int r = read_system(root, m);

	if (r == 0)
		r = read_mounts(root, m);
	if (r == 0)
		r = read_clock(root, m);
	return r < 0 ? err_nomem(err) : 0;
}
