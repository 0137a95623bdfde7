/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a system is, and what it is called. */
#include "inventory/os/os.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include "common/bytes.h"
#include "common/fdio.h"
#include "inventory/collect_util.h"

static int set(char **to, const char *from)
{
	return collect_util_text(from, strlen(from), to);
}

static int read_release(struct os_look *o)
{
	CLEANUP(mem_free) char *text = NULL;
	struct machine_os *os = o->os;
	int r = sysroot_read(o->root, &text, NULL, "/etc/os-release");

	if (r < 0 && r != -ENOMEM)
		r = sysroot_read(o->root, &text, NULL, "/usr/lib/os-release");
	if (r == -ENOMEM)
		return r;
	r = collect_util_key(text, "ID", &os->id);
	if (r == 0)
		r = collect_util_key(text, "ID_LIKE", &os->id_like);
	if (r == 0)
		r = collect_util_key(text, "VERSION_ID", &os->version_id);
	if (r == 0)
		r = collect_util_key(text, "PRETTY_NAME", &os->pretty_name);
	/* Red Hat 6 and before have but this line. */
	if (r == 0 && !os->pretty_name)
		r = collect_util_line(o->root, &os->pretty_name, "/etc/redhat-release");
	if (r == 0 && !os->pretty_name)
		r = collect_util_line(o->root, &os->pretty_name, "/etc/SuSE-release");
	return r;
}

/* The machine in the header of a program (elf(5)): 32-bit programs may have a 64-bit kernel. */
static int read_program_arch(struct os_look *o, const char *path, char **ret)
{
	static const struct {
		uint16_t machine;
		const char *arch;
	} archs[] = {
		{ EM_X86_64, "x86_64" }, { EM_386, "i686" },	  { EM_AARCH64, "aarch64" },
		{ EM_ARM, "armv7l" },	 { EM_S390, "s390x" },	  { EM_PPC64, "ppc64" },
		{ EM_PPC, "ppc" },	 { EM_RISCV, "riscv64" }, { EM_IA_64, "ia64" },
	};
	CLEANUP(fd_close) int fd = sysroot_openf(o->root, O_NONBLOCK, "%s", path);
	uint8_t header[20];
	uint16_t machine;

	if (fd < 0 || fdio_pread_full(fd, header, sizeof(header), 0) < 0 ||
	    memcmp(header, ELFMAG, SELFMAG) != 0)
		return 0;
	machine = header[EI_DATA] == ELFDATA2MSB ? get_be16(header + 18) : get_le16(header + 18);
	if (machine == EM_PPC64 && header[EI_DATA] == ELFDATA2LSB)
		return set(ret, "ppc64le");
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i].machine == machine)
			return set(ret, archs[i].arch);
	return 0;
}

static int read_arch(struct os_look *o)
{
	static const char *const programs[] = { "/sbin/init", "/usr/lib/systemd/systemd",
						"/bin/sh", "/bin/bash", "/bin/busybox" };
	struct machine_os *os = o->os;
	struct utsname u;
	int r = 0;

	if (o->running && sysroot_is_live(o->root) && uname(&u) == 0)
		return set(&os->arch, u.machine);
	if (o->running) {
		r = collect_util_line(o->root, &os->arch, "/p2v/arch");
		if (r == 0 && !os->arch)
			r = collect_util_line(o->root, &os->arch, "/proc/sys/kernel/arch");
		return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(programs) && r == 0 && !os->arch; i++)
		r = read_program_arch(o, programs[i], &os->arch);
	return r;
}

static int find_by_signs(struct os_look *o)
{
	static const struct {
		const char *path, *init;
	} signs[] = {
		{ "/run/systemd/system", "systemd" },
		{ "/run/openrc", "openrc" },
		{ "/sbin/openrc", "openrc" },
		{ "/sbin/initctl", "upstart" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (sysroot_exists(o->root, "%s", signs[i].path))
			return set(&o->os->init, signs[i].init);
	return set(&o->os->init, "sysvinit");
}

/* What /sbin/init leads to. */
static int read_installed_init(struct os_look *o)
{
	static const struct {
		const char *program, *init;
	} programs[] = {
		{ "systemd", "systemd" },   { "runit-init", "runit" }, { "runit", "runit" },
		{ "openrc-init", "openrc" }, { "upstart", "upstart" },
	};
	CLEANUP(mem_free) char *path = NULL;
	int r = sysroot_realpath(o->root, &path, "/sbin/init");

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (strcmp(collect_util_base(path), programs[i].program) == 0)
			return set(&o->os->init, programs[i].init);
	return sysroot_exists(o->root, "%s", path) ? find_by_signs(o) : 0;
}

/* Process 1 is "systemd", or some "init" that has to be told from others by what comes with it. */
static int read_init(struct os_look *o)
{
	int r;

	if (!o->running)
		return read_installed_init(o);
	r = collect_util_line(o->root, &o->os->init, "/proc/1/comm");
	return r < 0 || !o->os->init || strcmp(o->os->init, "init") != 0 ? r : find_by_signs(o);
}

static int read_names(struct os_look *o)
{
	CLEANUP(mem_free) char *network = NULL;
	struct machine_os *os = o->os;
	int r = 0;

	if (o->running)
		r = collect_util_line(o->root, &os->hostname, "/proc/sys/kernel/hostname");
	if (r == 0 && !os->hostname)
		r = collect_util_line(o->root, &os->hostname, "/etc/hostname");
	if (r == 0 && !os->hostname)
		r = collect_util_line(o->root, &os->hostname, "/etc/HOSTNAME");
	if (r == 0 && !os->hostname) {
		r = sysroot_read(o->root, &network, NULL, "/etc/sysconfig/network");
		r = r == -ENOMEM ? r : collect_util_key(network, "HOSTNAME", &os->hostname);
	}
	if (r == 0)
		r = collect_util_line(o->root, &os->machine_id, "/etc/machine-id");
	if (r == 0 && !os->machine_id)
		r = collect_util_line(o->root, &os->machine_id, "/var/lib/dbus/machine-id");
	return r;
}

int os_identity_collect(struct os_look *o)
{
	struct machine_os *os = o->os;
	int r = read_release(o);

	if (r == 0)
		r = read_arch(o);
	if (r == 0)
		r = read_names(o);
	if (r == 0)
		r = read_init(o);
	if (r == 0 && !os->kind && (os->id || os->pretty_name || os->init || os->arch))
		r = set(&os->kind, "linux");
	if (r < 0 || !o->running)
		return r;
	os->booted = true;
	r = collect_util_line(o->root, &os->kernel, "/proc/sys/kernel/osrelease");
	return r == 0 ? collect_util_line(o->root, &os->cmdline, "/proc/cmdline") : r;
}
