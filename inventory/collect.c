/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/collect.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include "inventory/collect_util.h"

int collect_warn(struct machine *m, const char *fmt, ...)
{
	CLEANUP(mem_free) char *raw = NULL, *text = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&raw, fmt, ap);
	va_end(ap);
	if (r < 0) {
		raw = NULL;
		return -ENOMEM;
	}
	if (m->warnings.n == COLLECT_LIST_MAX)
		return 0;
	/* Names of devices and variables are in it. */
	r = collect_util_text(raw, strlen(raw), &text);
	return r < 0 || !text ? r : machine_strv_add(&m->warnings, text);
}

int collect_full(struct machine *m, const char *what)
{
	char text[80];

	snprintf(text, sizeof(text), "more than %d %s: the rest is left out", COLLECT_LIST_MAX,
		 what);
	return machine_strv_has(&m->warnings, text) ? 0 : collect_warn(m, "%s", text);
}

uint64_t collect_now(const struct sysroot *root)
{
	uint64_t now = 0;
	time_t t;

	if (!sysroot_is_live(root)) {
		collect_util_u64(root, &now, "/p2v/now");
		return now;
	}
	t = time(NULL);
	return t > 0 ? (uint64_t)t : 0;
}

static int stamp(const struct sysroot *root, const char *recorded_by, struct machine *m)
{
	uint64_t now = collect_now(root);
	/* Year 9999: beyond it RFC 3339 has no place for the year. */
	time_t t = now < 253402300800ULL ? (time_t)now : 0;
	char text[32];
	struct tm tm;

	if (recorded_by && collect_util_text(recorded_by, strlen(recorded_by), &m->recorded_by) < 0)
		return -ENOMEM;
	if (t == 0 || !gmtime_r(&t, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return 0;
	return collect_util_text(text, strlen(text), &m->recorded_at);
}

static bool is_told(const struct machine *m, const char *path)
{
	for (size_t i = 0; i < m->warnings.n; i++) {
		const char *at = strstr(m->warnings.v[i], path);

		if (at && (!at[strlen(path)] || strchr(": ", at[strlen(path)])))
			return true;
	}
	return false;
}

/* A note for each thing that is there and could not be read, whoever wanted it. */
static int tell_troubles(const struct sysroot *root, struct machine *m)
{
	const struct sysroot_troubles *t = sysroot_troubles(root);
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++)
		if (!is_told(m, t->v[i].path))
			r = collect_warn(m, "cannot read %s: %s", t->v[i].path,
					 strerror(t->v[i].code));
	if (r == 0 && t->more)
		r = collect_warn(m, "%zu more files or folders cannot be read", t->more);
	return r;
}

int collect_machine(const struct sysroot *root, const char *recorded_by, struct machine **ret,
		    struct err *err)
{
	/*
	 * In this order: smart asks the disks, and os refers to the filesystems, that block has
	 * found; esp looks where os has found something mounted.
	 */
	static int (*const collectors[])(const struct sysroot *root, struct machine *m,
					 struct err *err) = {
		collect_cpu, collect_memory, collect_firmware, collect_dmi, collect_devices,
		collect_nvdimm, collect_bus, collect_block, collect_smart, collect_net, collect_os,
		collect_software, collect_esp,
	};
	CLEANUP(machine_free) struct machine *m = NULL;

	if (machine_new(&m) < 0 || stamp(root, recorded_by, m) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < ARRAY_SIZE(collectors); i++) {
		int r = collectors[i](root, m, err);

		if (r < 0)
			return r;
	}
	if (tell_troubles(root, m) < 0)
		return err_nomem(err);
	*ret = TAKE_PTR(m);
	return 0;
}
