/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See accel.h. */
#include "p2v-server/accel.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "common/text.h"
#include "postfix/probe.h"

#define HOST_JSON_MAX 65536

static char *boot_id(void)
{
	char *text = NULL;

	if (fdio_read_file("/proc/sys/kernel/random/boot_id", 64, &text, NULL, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

/* 1 or 0: what an earlier trial found since the host booted; -ENOENT: nothing known. */
static int remembered(const char *path, const char *boot)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(mem_free) char *of = NULL;
	CLEANUP(json_unref) json_t *j = NULL;
	size_t len;
	bool works;

	if (!boot || fdio_read_file(path, HOST_JSON_MAX, &text, &len, NULL) < 0 ||
	    jsonx_parse(text, len, path, &j, NULL) < 0 ||
	    jsonx_get_str(j, "boot_id", &of, NULL) < 0 || strcmp(of, boot) != 0 ||
	    jsonx_get_bool(j, "kvm_works", &works, NULL) < 0)
		return -ENOENT;
	return works;
}

/* Not being able to remember only costs another trial. */
static void remember(const char *path, const char *boot, bool works)
{
	CLEANUP(json_unref)
	json_t *j = json_pack("{s:s?, s:b}", "boot_id", boot, "kvm_works", works);
	CLEANUP(mem_free) char *text = j ? jsonx_dump(j) : NULL;
	struct err err = ERR_INIT;

	if (text && fdio_replace_file(path, text, strlen(text), 0600, &err) < 0)
		log_debug("accel", "%s", err.text);
}

static int try_kvm(const char *path, const char *boot, enum accel *ret, char why[static 160],
		   struct err *err)
{
	struct probe_result p;
	int r;

	log_notice("trying whether KVM guests run on this host (up to %d s, once)", ACCEL_PROBE_S);
	r = probe_appliance(false, ACCEL_PROBE_S, &p, err);
	if (r < 0)
		return r;
	remember(path, boot, p.works);
	*ret = p.works ? ACCEL_KVM : ACCEL_TCG;
	if (p.works)
		snprintf(why, 160, "a KVM guest started in %.1f s", p.seconds);
	else if (p.timed_out)
		snprintf(why, 160, "KVM guests hang on this host (nothing after %d s)",
			 ACCEL_PROBE_S);
	else
		snprintf(why, 160, "KVM guests do not start: %.120s", p.message);
	return 0;
}

int accel_choose(const char *store, const char *choice, enum accel *ret, char why[static 160],
		 struct err *err)
{
	const char *settings = getenv("LIBGUESTFS_BACKEND_SETTINGS");
	CLEANUP(mem_free) char *boot = NULL;
	CLEANUP(mem_free) char *path = NULL;
	int known;

	if (choice && strcmp(choice, "auto") != 0) {
		if (strcmp(choice, "kvm") != 0 && strcmp(choice, "tcg") != 0)
			return err_set(err, EINVAL, "--accel is auto, kvm or tcg, not %s", choice);
		*ret = strcmp(choice, "kvm") == 0 ? ACCEL_KVM : ACCEL_TCG;
		snprintf(why, 160, "asked for");
		return 0;
	}
	*ret = ACCEL_TCG;
	if (settings && strstr(settings, "force_tcg")) {
		snprintf(why, 160, "LIBGUESTFS_BACKEND_SETTINGS says so");
		return 0;
	}
	if (access("/dev/kvm", R_OK | W_OK) < 0) {
		snprintf(why, 160, "/dev/kvm cannot be used: %s", strerror(errno));
		return 0;
	}
	boot = boot_id();
	path = text_format("%s/.host.json", store);
	if (!path)
		return err_nomem(err);
	known = remembered(path, boot);
	if (known < 0)
		return try_kvm(path, boot, ret, why, err);
	*ret = known ? ACCEL_KVM : ACCEL_TCG;
	snprintf(why, 160,
		 known ? "KVM guests run on this host"
		       : "KVM guests do not run on this host (tried since it booted)");
	return 0;
}
