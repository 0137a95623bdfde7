/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on what is made of several devices: volume groups, arrays, sets, caches, paths. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- groups: devices that say of which larger thing they are a part */

struct member {
	const struct preflight_device *d;
	const char *type, *group, *key;
};

static const char *group_of(const struct machine_fs *fs)
{
	return fs->group_uuid ? fs->group_uuid : fs->group;
}

static int by_group(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int r = strcmp(x->type, y->type);

	if (r == 0)
		r = strcmp(x->group, y->group);
	if (r == 0)
		r = strcmp(x->key, y->key);
	return r ? r : (x->d > y->d) - (x->d < y->d);
}

/* All devices of a type that name their group, in order of it; *ret is malloc'd. */
static int collect(const struct preflight_input *in, const char *type, struct member **ret,
		   size_t *ret_n)
{
	struct member *v = calloc(in->index->n + 1, sizeof(*v));
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	preflight_each(in, d) {
		const char *role = d->fs->role;

		if (!preflight_is(d->fs->type, type) || !group_of(d->fs))
			continue;
		/*
		 * The same member may be seen more than once: on each path to a disk, and on the
		 * multipath device. A physical volume is known by its UUID, others by their number.
		 */
		if (strcmp(type, "LVM2_member") == 0)
			role = d->fs->uuid;
		v[n++] = (struct member){ d, d->fs->type, group_of(d->fs), role ? role : d->name };
	}
	if (n)
		qsort(v, n, sizeof(*v), by_group);
	*ret = v;
	*ret_n = n;
	return 0;
}

struct group {
	const char *name, *level;
	uint32_t wanted;
	size_t here, elsewhere;		/* members on what is copied, and on the rest */
	struct preflight_names names, others;
};

static void group_done(struct group *g)
{
	preflight_names_done(&g->names);
	preflight_names_done(&g->others);
}
DEFINE_CLEANUP_VALUE(struct group, group_done)

/* Count the members from v[i] on that are of one group; returns where the next one begins. */
static size_t count_group(const struct member *v, size_t n, size_t i, struct group *g)
{
	static const char *const idle[] = { "spare", "faulty", "journal", NULL };
	const char *group = v[i].group;

	*g = (struct group){ .name = v[i].d->fs->group ? v[i].d->fs->group : group };
	while (i < n && strcmp(v[i].group, group) == 0) {
		const char *key = v[i].key;
		const struct preflight_device *found = NULL;
		size_t first = i;

		for (; i < n && strcmp(v[i].group, group) == 0 && strcmp(v[i].key, key) == 0; i++) {
			const struct machine_fs *fs = v[i].d->fs;

			if (fs->members > g->wanted)
				g->wanted = fs->members;
			if (!g->level)
				g->level = fs->level;
			if (v[i].d->copied && !found)
				found = v[i].d;
		}
		/* These hold nothing of the array's, and two of them have the same role. */
		if (preflight_is_one_of(v[first].d->fs->role, idle))
			continue;
		if (found) {
			g->here++;
			preflight_names_add(&g->names, found->name);
		} else {
			g->elsewhere++;
			preflight_names_add(&g->others, v[first].d->name);
		}
	}
	return i;
}

/* How many members an array can do without. */
static size_t can_miss(const char *level, uint32_t wanted)
{
	if (preflight_is(level, "raid1"))
		return wanted ? wanted - 1 : 0;
	if (preflight_is(level, "raid4") || preflight_is(level, "raid5") ||
	    preflight_is(level, "raid10"))
		return 1;
	return preflight_is(level, "raid6") ? 2 : 0;
}

static int incomplete(PREFLIGHT_LOOK, const char *type, const char *what, const char *member)
{
	CLEANUP(mem_free) struct member *v = NULL;
	size_t n;

	if (collect(in, type, &v, &n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n;) {
		CLEANUP(group_done) struct group g;
		size_t wanted, missing;

		i = count_group(v, n, i, &g);
		/* What it says, or at least those that there are. */
		wanted = MAX((size_t)g.wanted, g.here + g.elsewhere);
		missing = wanted - g.here;
		if (g.here == 0 || missing == 0)
			continue;
		if (preflight_add(report, rule,
				  missing <= can_miss(g.level, (uint32_t)wanted) ?
				  PREFLIGHT_DEGRADES : PREFLIGHT_BLOCKS, g.name,
				  "%s %s wants %zu %s%s, and has %zu on what is copied (%s); "
				  "%s%s%s",
				  what, g.name, wanted, member, preflight_s(wanted), g.here,
				  preflight_names_text(&g.names),
				  g.elsewhere ? "not copied: " : "the rest was not found",
				  g.elsewhere ? preflight_names_text(&g.others) : "",
				  g.elsewhere && g.here + g.elsewhere < wanted ?
				  "; others were not found" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int lvm(PREFLIGHT_LOOK)
{
	return incomplete(in, rule, report, "LVM2_member", "the volume group", "physical volume");
}

static int md(PREFLIGHT_LOOK)
{
	return incomplete(in, rule, report, "linux_raid_member", "the array", "member");
}

static int btrfs(PREFLIGHT_LOOK)
{
	return incomplete(in, rule, report, "btrfs", "the btrfs filesystem", "device");
}

/* ---- volumes, as they run */

static int degraded(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_volume *v = d->volume;

		if (v && d->copied && v->missing &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, v->name,
				  "the array %s (%s) runs without %" PRIu32 " of its %" PRIu32
				  " devices", v->name, v->level ? v->level : "?", v->missing,
				  v->devices) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Is it said already, better, by a rule on groups? */
static bool group_speaks(const struct preflight_input *in, const struct machine_volume *v)
{
	for (size_t i = 0; i < v->slaves.n; i++) {
		const struct preflight_device *s =
			preflight_index_find(in->index, v->slaves.v[i]);

		if (s && !s->whole && (group_of(s->fs) || s->volume))
			return true;
	}
	return false;
}

static int split(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
		const struct machine_volume *v = d->volume;
		size_t missing = 0;

		/* bcache has a rule of its own. */
		if (!v || !d->copied || d->whole || v->cache_mode || group_speaks(in, v) ||
		    preflight_is(v->kind, "bcache"))
			continue;
		for (size_t i = 0; i < v->slaves.n; i++) {
			if (preflight_copies(in, v->slaves.v[i]))
				continue;
			preflight_names_add(&names, v->slaves.v[i]);
			missing++;
		}
		if (missing == 0)
			continue;
		if (preflight_add(report, rule,
				  missing <= can_miss(v->level, (uint32_t)v->slaves.n) ?
				  PREFLIGHT_DEGRADES : PREFLIGHT_BLOCKS, v->name,
				  "%s (%s) also stands on %s, which is not copied",
				  v->path ? v->path : v->name, v->kind ? v->kind : "volume",
				  preflight_names_text(&names)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- caches */

static int running_cache(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		const struct machine_volume *v = d->volume;
		enum preflight_severity severity = PREFLIGHT_NOTE;
		bool back;

		if (!v || !d->copied || (!v->cache_mode && !preflight_is(v->kind, "bcache")))
			continue;
		back = !v->cache_mode || preflight_is(v->cache_mode, "writeback") ||
		       preflight_is(v->state, "dirty");
		if (!d->whole)
			severity = back ? PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES;
		if (preflight_add(report, rule, severity, v->name,
				  "%s is cached (%s%s%s), and its cache is %s",
				  v->path ? v->path : v->name,
				  v->cache_mode ? v->cache_mode : "mode not known",
				  v->state ? ", " : "", v->state ? v->state : "",
				  d->whole ? "copied with it" : "not copied") < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The bcache set of a machine that does not run: backing devices without their cache. */
static int stopped_cache(PREFLIGHT_LOOK)
{
	CLEANUP(mem_free) struct member *v = NULL;
	size_t n, end;

	if (collect(in, "bcache", &v, &n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i = end) {
		const struct preflight_device *backing = NULL;
		bool has_cache = false, running;

		for (end = i; end < n && strcmp(v[end].group, v[i].group) == 0; end++) {
			const struct preflight_device *d = v[end].d;

			if (preflight_is(d->fs->role, "cache"))
				has_cache = has_cache || d->copied;
			else if (d->copied)
				backing = d;
		}
		/* What runs was looked at above. */
		running = backing && backing->above && backing->above->volume &&
			  preflight_is(backing->above->volume->kind, "bcache");
		if (backing && !has_cache && !running &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, backing->name,
				  "%s is cached by the bcache set %s, whose cache is not copied",
				  backing->name, v[i].group) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int cache(PREFLIGHT_LOOK)
{
	return running_cache(in, rule, report) < 0 ? -ENOMEM : stopped_cache(in, rule, report);
}

/* ---- the same disk more than once */

struct lun {
	const char *id;
	const struct preflight_device *d;
};

static int by_id(const void *a, const void *b)
{
	const struct lun *x = a, *y = b;
	int r = strcmp(x->id, y->id);

	return r ? r : (x->d > y->d) - (x->d < y->d);
}

static int twice(PREFLIGHT_LOOK)
{
	CLEANUP(mem_free) struct lun *v = calloc(in->index->n + 1, sizeof(*v));
	size_t n = 0, end;

	if (!v)
		return -ENOMEM;
	/* Only a name that is the world's: serial numbers of cheap disks are all the same. */
	preflight_each(in, d)
		if (d->disk && !d->partition && d->copied && d->disk->wwn && d->disk->wwn[0])
			v[n++] = (struct lun){ d->disk->wwn, d };
	if (n)
		qsort(v, n, sizeof(*v), by_id);
	for (size_t i = 0; i < n; i = end) {
		CLEANUP(preflight_names_done) struct preflight_names names = { 0 };

		for (end = i; end < n && strcmp(v[end].id, v[i].id) == 0; end++)
			/* Logical units of one device may share its name, not its size. */
			if (v[end].d->size == v[i].d->size)
				preflight_names_add(&names, v[end].d->name);
		if (names.n > 1 &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, v[i].d->name,
				  "%s are paths to the same disk (WWN %s)",
				  preflight_names_text(&names), v[i].id) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* ---- kinds that need a word */

static int firmware_raid(PREFLIGHT_LOOK)
{
	static const char *const types[] = {
		"isw_raid_member", "ddf_raid_member", "nvidia_raid_member", "via_raid_member",
		"promise_fasttrack_raid_member", "silicon_medley_raid_member",
		"lsi_mega_raid_member", "adaptec_raid_member", "jmicron_raid_member",
		"highpoint_raid_member", "hpt37x_raid_member", "hpt45x_raid_member", NULL
	};

	preflight_each(in, d) {
		const char *group = d->fs->group ? d->fs->group : d->fs->level;

		if (d->copied && preflight_is_one_of(d->fs->type, types) &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s is a member (%s) of a firmware RAID%s%s", d->name,
				  d->fs->type, group ? ": " : "", group ? group : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int drbd(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		bool is = preflight_is(d->fs->type, "drbd") ||
			  (d->volume && preflight_is(d->volume->kind, "drbd"));

		if (d->copied && is &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s is replicated by DRBD%s%s", d->name,
				  d->volume && d->volume->state ? ", state " : "",
				  d->volume && d->volume->state ? d->volume->state : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static int zfs(PREFLIGHT_LOOK)
{
	preflight_each(in, d) {
		if (d->copied && preflight_is(d->fs->type, "zfs_member") &&
		    preflight_add(report, rule, PREFLIGHT_DEGRADES, d->name,
				  "%s belongs to the ZFS pool %s", d->name,
				  d->fs->label ? d->fs->label :
				  d->fs->group ? d->fs->group : "(without a name)") < 0)
			return -ENOMEM;
	}
	return 0;
}

static const struct preflight_rule rules[] = {
	{ "lvm-incomplete", PREFLIGHT_BLOCKS, "A volume group is copied only in part",
	  "LVM does not activate volumes whose physical volumes are missing. The virtual machine "
	  "would not find its filesystems, or would come up with some of them only.",
	  "Copy all disks of the group (--disk), or move its volumes off the others first with "
	  "pvmove and vgreduce. A group that was broken before: vgreduce --removemissing.", lvm },
	{ "md-incomplete", PREFLIGHT_BLOCKS, "A software RAID array is copied only in part",
	  "Without redundancy the array does not start in the virtual machine. With redundancy it "
	  "starts degraded, if the system lets it: that is fine when it is wanted, for a virtual "
	  "disk does not need a mirror.",
	  "Copy all members (--disk), or, for a mirror, shrink the array in the virtual machine "
	  "afterwards: mdadm --grow --raid-devices=1 --force.", md },
	{ "md-degraded", PREFLIGHT_DEGRADES, "A software RAID array runs degraded",
	  "A member has failed or was removed. The array is copied as it is; one more error on "
	  "the members that are left, and data is lost before it was copied.",
	  "Replace the member and wait for the resync, or convert at once.", degraded },
	{ "btrfs-incomplete", PREFLIGHT_BLOCKS,
	  "A btrfs filesystem over several devices is copied only in part",
	  "btrfs is not mounted when devices are missing, except by hand with the option "
	  "degraded, and only when every block has a copy on the others.",
	  "Copy all of its disks (--disk), or take the others out first with btrfs device remove.",
	  btrfs },
	{ "volume-incomplete", PREFLIGHT_BLOCKS, "A volume is copied only in part",
	  "It is made of several devices, and not all of them are on disks that are copied. What "
	  "comes up in the virtual machine has holes, or nothing comes up.",
	  "Copy the other disks as well (--disk).", split },
	{ "cache-left-out", PREFLIGHT_BLOCKS, "A cached volume is copied without its cache",
	  "A write-back cache (bcache, dm-cache) holds the only copy of what was written last. "
	  "Without it the filesystem is of different moments, and is damaged. With the cache on "
	  "the same virtual storage there is nothing wrong, and nothing gained.",
	  "Detach the cache first: lvconvert --uncache VG/LV, or echo 1 > "
	  "/sys/block/bcacheN/bcache/detach and wait until state is \"no cache\". Or copy the "
	  "cache's disk as well (--disk).", cache },
	{ "multipath-twice", PREFLIGHT_BLOCKS, "The same disk would be copied more than once",
	  "Several paths lead to one logical unit, and each is a disk of its own to the system. "
	  "The virtual machine would get as many disks with the same UUIDs: LVM refuses "
	  "duplicates, and a filesystem may be mounted from either.",
	  "Name one path of each: --disk /dev/sdX. The virtual machine needs no multipath.",
	  twice },
	{ "raid-firmware", PREFLIGHT_BLOCKS, "Disks belong to a firmware RAID (\"fake RAID\")",
	  "The array is put together by the machine's firmware and by a driver that looks for "
	  "this firmware (Intel RST/VROC, DDF, dmraid). A virtual machine has no such firmware: "
	  "it would see the single members, and not start.",
	  "Copy the array as one disk instead of its members: --disk /dev/md126 (see "
	  "/proc/mdstat), or --disk /dev/mapper/NAME with dmraid.", firmware_raid },
	{ "drbd", PREFLIGHT_DEGRADES, "A device is replicated by DRBD",
	  "The copy has the same identity as the source. Once the virtual machine runs it "
	  "connects to the same peer; if both have been written to, DRBD calls it a split brain.",
	  "Make the source secondary and disconnect it before the last copy, and never let source "
	  "and virtual machine reach the peer at the same time.", drbd },
	{ "zfs-pool", PREFLIGHT_DEGRADES, "A disk belongs to a ZFS pool",
	  "All of it is copied, for its free space is not known. Whether all disks of the pool "
	  "are copied is not known either. A pool that was not exported is imported in the "
	  "virtual machine only when the host id is the same, or by force.",
	  "Copy all disks of the pool (zpool status lists them), and export pools that the system "
	  "does not start from: zpool export NAME.", zfs },
};

const struct preflight_theme preflight_layers = { "Volumes", rules, ARRAY_SIZE(rules) };
