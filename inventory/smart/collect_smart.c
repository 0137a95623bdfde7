/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the disks say of their health. Disks are asked side by side, so that forty of them, or one
 * that takes its time, do not make the inventory wait.
 */
#include "inventory/collect.h"

#include <string.h>
#include "common/pool.h"
#include "inventory/collect_util.h"
#include "inventory/smart/smart_live.h"
#include "inventory/smart/smart_recorded.h"

#define THREADS_MAX	16

struct ask {			/* one disk's; a worker's while it is in the pool */
	const struct sysroot *root;
	const struct machine_disk *disk;
	enum smart_live_kind kind;
	struct machine_smart smart;
	struct err why;
	int r;
};

static bool is_any(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; s && i < n; i++)
		if (strcmp(s, list[i]) == 0)
			return true;
	return false;
}

/* Its controllers are in the machine: a namespace of another's storage is his to look after. */
static bool is_local_nvme(const struct sysroot *root, const char *name)
{
	CLEANUP(strv_free) char **names = NULL;
	CLEANUP(mem_free) char *transport = NULL;

	(void)collect_util_line(root, &transport, "/sys/block/%s/device/transport", name);
	if (transport)
		return strcmp(transport, "pcie") == 0;
	/* With multipath the device is the subsystem; its controllers hang below it. */
	if (sysroot_list(root, &names, "/sys/block/%s/device", name) < 0)
		return false;
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *one = NULL;

		if (strncmp(*p, "nvme", 4) != 0)
			continue;
		(void)collect_util_line(root, &one, "/sys/block/%s/device/%s/transport", name, *p);
		if (one && strcmp(one, "pcie") != 0)
			return false;
	}
	return true;
}

static enum smart_live_kind kind_of(const struct sysroot *root, const struct machine_disk *d)
{
	/* Parallel SCSI has no class in sysfs that would tell it from a RAID controller's disks. */
	static const char *const parallel[] = {
		"aic7xxx", "aic79xx", "sym53c8xx", "mptspi",
	};
	/* What such a controller calls its own arrays. */
	static const char *const arrays[] = { "LSILOGIC", "LSI", "VMware", "VMware," };
	bool ata = d->vendor && strcmp(d->vendor, "ATA") == 0;

	if (!d->transport)
		return SMART_LIVE_NONE;
	if (strcmp(d->transport, "nvme") == 0)
		return is_local_nvme(root, d->name) ? SMART_LIVE_NVME : SMART_LIVE_NONE;
	if (strncmp(d->name, "sd", 2) != 0 || is_any(d->vendor, arrays, ARRAY_SIZE(arrays)))
		return SMART_LIVE_NONE;
	if (strcmp(d->transport, "sata") == 0 || strcmp(d->transport, "ide") == 0)
		return SMART_LIVE_ATA;
	if (strcmp(d->transport, "sas") == 0)
		return ata ? SMART_LIVE_ATA : SMART_LIVE_SCSI;
	if (strcmp(d->transport, "scsi") == 0 && is_any(d->driver, parallel, ARRAY_SIZE(parallel)))
		return SMART_LIVE_SCSI;
	return SMART_LIVE_NONE;
}

/* The kernel has sent it to sleep: opening it would wake it. */
static bool is_suspended(const struct sysroot *root, const struct machine_disk *d)
{
	CLEANUP(mem_free) char *status = NULL;

	(void)collect_util_line(root, &status, "/sys/block/%s/device/power/runtime_status",
				d->name);
	return status && strcmp(status, "suspended") == 0;
}

/* A device that is offline, blocked or being reset does not answer; a state not known counts. */
static bool answers(const struct sysroot *root, const struct machine_disk *d)
{
	CLEANUP(mem_free) char *state = NULL;

	(void)collect_util_line(root, &state, "/sys/block/%s/device/state", d->name);
	return !state || strcmp(state, "running") == 0 || strcmp(state, "live") == 0;
}

static void ask_live(void *item, unsigned int worker, void *opaque)
{
	struct ask *a = item;

	(void)worker;
	(void)opaque;
	a->r = smart_live_ask(a->disk->name, a->kind, !a->disk->rotational, &a->smart,
			      &a->why);
}

static void ask_record(struct ask *a)
{
	CLEANUP(mem_free) char *text = NULL;
	size_t len;

	a->r = sysroot_read(a->root, &text, &len, "/p2v/smart/%s", a->disk->name);
	if (a->r == -ENOENT)
		a->r = 0;
	else if (a->r < 0)
		a->r = err_code(&a->why, -a->r, "cannot read the record");
	else
		a->r = smart_recorded_parse(text, len, &a->smart, &a->why);
}

static int ask_all_live(struct ask *asks, size_t n)
{
	CLEANUP(pool_free) struct pool *pool = NULL;
	struct err err = ERR_INIT;
	void *item;
	int r = pool_new(MIN((unsigned int)n, THREADS_MAX), n, ask_live, NULL, &pool, &err);

	/* No threads to be had: one after the other. */
	if (r < 0)
		r = pool_new(0, n, ask_live, NULL, &pool, &err);
	for (size_t i = 0; i < n && r == 0; i++)
		if (!asks[i].smart.status)
			r = pool_submit(pool, &asks[i], 1);
	if (pool)
		pool_close(pool);
	while (pool && pool_next_wait(pool, &item) == 0)
		continue;
	return r;
}

/* *ret_n of *ret; the caller frees them whole. */
static int choose(const struct sysroot *root, struct machine *m, struct ask **ret, size_t *ret_n)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];
		enum smart_live_kind kind = kind_of(root, d);
		struct ask *a;

		if (kind == SMART_LIVE_NONE || !answers(root, d))
			continue;
		a = machine_grow(ret, ret_n, sizeof(*a));
		if (!a)
			return -ENOMEM;
		a->root = root;
		a->disk = d;
		a->kind = kind;
		if (!is_suspended(root, d))
			continue;
		a->smart.source = strdup(smart_live_source(kind));
		a->smart.status = strdup("standby");
		if (!a->smart.source || !a->smart.status)
			return -ENOMEM;
	}
	return 0;
}

int collect_smart(const struct sysroot *root, struct machine *m, struct err *err)
{
	struct ask *asks = NULL;
	size_t n = 0;
	int r = choose(root, m, &asks, &n);

	if (r == 0 && n > 0 && sysroot_is_live(root))
		r = ask_all_live(asks, n);
	for (size_t i = 0; i < n; i++) {
		struct ask *a = &asks[i];
		/* The machine is ours to change; only the pool saw it const. */
		struct machine_disk *d = m->disks + (a->disk - m->disks);

		if (r == 0 && !sysroot_is_live(root) && !a->smart.status)
			ask_record(a);
		if (a->r == -ENOMEM)
			r = -ENOMEM;
		d->smart = a->smart;
		if (r == 0 && a->why.text[0])
			r = collect_warn(m, "%s: the disk's health is not %sknown: %s", d->name,
					 a->smart.status ? "all " : "", a->why.text);
	}
	free(asks);
	return r < 0 ? err_nomem(err) : 0;
}
