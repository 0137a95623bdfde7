/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * p2v-server doctor: can this host receive, fix and run machines? Each check is one function that
 * says ok, warning or failure, what it found, and what to do about it.
 */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "common/size.h"
#include "common/spawn.h"
#include "common/sysroot.h"
#include "common/text.h"
#include "p2v-server/accel.h"
#include "p2v-server/commands.h"
#include "p2v-server/hostkeys.h"
#include "postfix/probe.h"

#define APPLIANCE_S	300
#define SPACE_LOW	(20 * GIB)

struct doctor_options {
	bool json, quick;
	const char *connect, *accel;
};

const struct opt doctor_opts[] = {
	{ "json", 'j', NULL, "print JSON", OPT_FLAG, offsetof(struct doctor_options, json) },
	{ "quick", 0, NULL, "do not start guests: skip the appliance and the acceleration",
	  OPT_FLAG, offsetof(struct doctor_options, quick) },
	{ "connect", 'c', "URI", "libvirt connection to check (default: qemu:///system)", OPT_STR,
	  offsetof(struct doctor_options, connect) },
	{ "accel", 0, "auto|kvm|tcg",
	  "acceleration to use for the appliance (default: found by trying)", OPT_STR,
	  offsetof(struct doctor_options, accel) },
	{ 0 }
};

enum health { HEALTH_OK, HEALTH_WARNING, HEALTH_FAILURE };

struct finding {
	enum health health;
	char text[384];
	char advice[256];
};

static const char *const health_names[] = { "ok", "warning", "failure" };

PRINTF_LIKE(3, 4) static void find(struct finding *f, enum health h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->health = h;
}

PRINTF_LIKE(2, 3) static void advise(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->advice, sizeof(f->advice), fmt, ap);
	va_end(ap);
}

static void check_store(struct finding *f)
{
	const char *store = server_store();
	char size[SIZE_TEXT_MAX];
	struct err err = ERR_INIT;
	struct statvfs st;
	uint64_t room;

	if (fdio_mkdir_p(store, 0711, &err) < 0 || statvfs(store, &st) < 0 ||
	    access(store, W_OK) < 0) {
		find(f, HEALTH_FAILURE, "%s cannot be used: %s", store,
		     err.text[0] ? err.text : strerror(errno));
		advise(f, "make the folder writable for the user who receives, or name another "
			  "with --store");
		return;
	}
	room = (uint64_t)st.f_bavail * st.f_frsize;
	find(f, room < SPACE_LOW ? HEALTH_WARNING : HEALTH_OK, "%s is writable, %s free", store,
	     size_format(room, size));
	if (room < SPACE_LOW)
		advise(f,
		       "the used data of a machine must fit; put the store on a larger filesystem");
}

static void check_program(struct finding *f, const char *program, const char *package,
			  enum health missing)
{
	char *argv[] = { (char *)(uintptr_t)program, "--version", NULL };
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char line[160];

	if (spawn_run(argv, NULL, 0, 20, 4096, &res, NULL) < 0 || res.status != 0) {
		find(f, missing, "%s is not there", program);
		advise(f, "apt-get install %s", package);
		return;
	}
	find(f, HEALTH_OK, "%s", text_escape(res.out, strcspn(res.out, "\n"), line, sizeof(line)));
}

static void check_qemu_img(struct finding *f)
{
	check_program(f, "qemu-img", "qemu-utils", HEALTH_FAILURE);
}

static void check_qemu(struct finding *f)
{
	check_program(f, "qemu-system-x86_64", "qemu-system-x86", HEALTH_WARNING);
}

static void check_swtpm(struct finding *f)
{
	check_program(f, "swtpm", "swtpm", HEALTH_WARNING);
	if (f->health != HEALTH_OK)
		find(f, HEALTH_WARNING, "swtpm is not there: libvirt refuses machines with a TPM");
}

/* The first of the files that is there. */
static const char *first_of(const char *const *paths)
{
	for (; *paths; paths++)
		if (access(*paths, R_OK) == 0)
			return *paths;
	return NULL;
}

static void check_ovmf(struct finding *f)
{
	static const char *const paths[] = {
		"/usr/share/OVMF/OVMF_CODE_4M.fd",
		"/usr/share/OVMF/OVMF_CODE.fd",
		"/usr/share/edk2/ovmf/OVMF_CODE.fd",
		"/usr/share/edk2/x64/OVMF_CODE.4m.fd",
		NULL,
	};
	const char *found = first_of(paths);

	if (found) {
		find(f, HEALTH_OK, "%s", found);
		return;
	}
	find(f, HEALTH_WARNING, "no OVMF firmware: machines that boot by UEFI cannot run here");
	advise(f, "apt-get install ovmf");
}

static void check_virtio_win(struct finding *f)
{
	static const char *const paths[] = { "/usr/share/virtio-win/virtio-win.iso",
					     "/usr/share/virtio-win", NULL };
	const char *found = first_of(paths);

	if (found) {
		find(f, HEALTH_OK, "%s", found);
		return;
	}
	find(f, HEALTH_WARNING,
	     "no virtio-win drivers: Windows guests would get emulated disks and NICs");
	advise(f, "put virtio-win.iso into /usr/share/virtio-win");
}

static void check_host_keys(struct finding *f)
{
	CLEANUP(strv_free) char **keys = NULL;
	struct err err = ERR_INIT;

	if (hostkeys_list(&keys, &err) < 0 || !keys[0]) {
		find(f, HEALTH_WARNING, "no SSH host keys found: agents cannot log in over SSH");
		advise(f, "apt-get install openssh-server");
		return;
	}
	find(f, HEALTH_OK, "%s", keys[0]);
	for (size_t i = 1; keys[i]; i++) {
		size_t len = strlen(f->text);

		snprintf(f->text + len, sizeof(f->text) - len, ", %s", keys[i]);
	}
}

static void ignore_error(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static void check_libvirt(struct finding *f, const char *uri)
{
	virConnectPtr conn;
	unsigned long v = 0;

	virSetErrorFunc(NULL, ignore_error);
	conn = virConnectOpenReadOnly(uri);
	if (!conn) {
		find(f, HEALTH_WARNING, "%s: %s", uri, virGetLastErrorMessage());
		advise(f, "apt-get install libvirt-daemon-system, and start libvirtd; define needs "
			  "it");
		return;
	}
	(void)virConnectGetLibVersion(conn, &v);
	virConnectClose(conn);
	find(f, HEALTH_OK, "%s answers, libvirt %lu.%lu.%lu", uri, v / 1000000, v / 1000 % 1000,
	     v % 1000);
}

static void check_accel(struct finding *f, const char *choice, enum accel *ret)
{
	struct err err = ERR_INIT;
	char why[160] = "";

	*ret = ACCEL_TCG;
	if (accel_choose(server_store(), choice, ret, why, &err) < 0) {
		find(f, HEALTH_FAILURE, "%s", err.text);
		return;
	}
	if (*ret == ACCEL_KVM) {
		find(f, HEALTH_OK, "KVM: %s", why);
		return;
	}
	find(f, HEALTH_WARNING, "no KVM, guests are emulated and slow: %s", why);
	advise(f, "enable virtualisation in the firmware, or nested virtualisation on the "
		  "hypervisor below");
}

static void check_appliance(struct finding *f, enum accel accel)
{
	struct probe_result p;
	struct err err = ERR_INIT;

	if (probe_appliance(accel == ACCEL_TCG, APPLIANCE_S, &p, &err) < 0) {
		find(f, HEALTH_FAILURE, "%s", err.text);
		return;
	}
	if (p.works) {
		find(f, HEALTH_OK, "starts in %.0f s", p.seconds);
		return;
	}
	find(f, HEALTH_FAILURE, "the libguestfs appliance does not start: %s",
	     p.timed_out ? "time limit" : p.message);
	advise(f, "run libguestfs-test-tool; a kernel must be readable in /boot (apt-get install "
		  "linux-image-amd64)");
}

struct report {
	json_t *all;
	bool json, failed;
};

static void tell(struct report *r, const char *check, const struct finding *f)
{
	static const char *const marks[] = { "ok     ", "WARNING", "FAILURE" };

	r->failed |= f->health == HEALTH_FAILURE;
	if (r->json) {
		json_array_append_new(r->all, json_pack("{s:s, s:s, s:s, s:s}", "check", check,
							"health", health_names[f->health], "found",
							f->text, "advice", f->advice));
		return;
	}
	printf("%s  %-13s %s\n", marks[f->health], check, f->text);
	if (f->advice[0])
		printf("         %-13s -> %s\n", "", f->advice);
	fflush(stdout);
}

#define CHECK(name, ...) \
	do { \
		struct finding f_ = { 0 }; \
		__VA_ARGS__; \
		tell(&r, name, &f_); \
	} while (0)

static int doctor(const struct doctor_options *o, struct err *err)
{
	struct report r = { .all = json_array(), .json = o->json };
	CLEANUP(mem_free) char *text = NULL;
	enum accel accel;

	if (!r.all)
		return err_nomem(err);
	CHECK("store", check_store(&f_));
	CHECK("qemu-img", check_qemu_img(&f_));
	CHECK("qemu", check_qemu(&f_));
	CHECK("ovmf", check_ovmf(&f_));
	CHECK("swtpm", check_swtpm(&f_));
	CHECK("virtio-win", check_virtio_win(&f_));
	CHECK("libvirt", check_libvirt(&f_, o->connect));
	CHECK("host-keys", check_host_keys(&f_));
	if (!o->quick) {
		CHECK("acceleration", check_accel(&f_, o->accel, &accel));
		CHECK("appliance", check_appliance(&f_, accel));
	}
	text = o->json ? jsonx_dump(r.all) : NULL;
	json_decref(r.all);
	if (o->json && !text)
		return err_nomem(err);
	if (text)
		fputs(text, stdout);
	return r.failed ? err_set(err, EIO, "this host is not ready; see above what to do") : 0;
}

int doctor_run(int argc, char **argv)
{
	struct doctor_options o = { .connect = "qemu:///system" };
	struct err err = ERR_INIT;
	int r = program_parse(&server_program, "doctor", argc, argv, &o, 0, NULL);

	if (r >= 0)
		return r;
	return server_exit(doctor(&o, &err), &err);
}
