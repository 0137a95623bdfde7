/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Systems made on the spot, of the families that differ: what is found in them must be what lies
 * there. And the tables that recognise: no row is dead, and the recorder knows every path.
 */
#include <errno.h>
#include <inttypes.h>
#include "common/bytes.h"
#include "common/tables.h"
#include "inventory/block/fsusage.h"
#include "inventory/collect.h"
#include "inventory/machine_json.h"
#include "inventory/os/os.h"
#include "inventory/os/os_signs.h"
#include "tests/unit/test_root.h"

static struct machine *collect_firmware_of(enum machine_firmware_type firmware, const char *file)
{
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct err err = ERR_INIT;
	struct machine *m = NULL;

	ck_assert_int_eq(sysroot_open(made, &root, &err), 0);
	ck_assert_int_eq(machine_new(&m), 0);
	m->firmware.type = firmware;
	if (file) {
		struct machine_boot_entry *e = machine_grow(&m->firmware.entries,
							    &m->firmware.nentries, sizeof(*e));

		e->number = 7;
		e->file = strdup(file);
		m->firmware.boot_current = 7;
	}
	ck_assert_msg(collect_os(root, m, &err) == 0, "%s", err.text);
	ck_assert_msg(collect_software(root, m, &err) == 0, "%s", err.text);
	return m;
}

static struct machine *collect_made(void)
{
	return collect_firmware_of(MACHINE_FIRMWARE_UNKNOWN, NULL);
}

static const struct machine_kernel *kernel(const struct machine *m, const char *version)
{
	for (size_t i = 0; i < m->os.nkernels; i++)
		if (strcmp(m->os.kernels[i].version, version) == 0)
			return &m->os.kernels[i];
	ck_abort_msg("no kernel %s", version);
}

static const struct machine_service *service(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->os.nservices; i++)
		if (strcmp(m->os.services[i].name, name) == 0)
			return &m->os.services[i];
	return NULL;
}

static const struct machine_software *software(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->os.nsoftware; i++)
		if (strcmp(m->os.software[i].name, name) == 0)
			return &m->os.software[i];
	return NULL;
}

static void put_systemd(void)
{
	put_text("/proc/1/comm", "systemd\n");
	put_text("/etc/os-release", "ID=debian\n");
}

#define OLD "5.10.0-9-amd64"
#define NEW "5.10.0-28-amd64"

START_TEST(test_kernels_of_debian)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_kernel *k;

	make_root();
	put_systemd();
	put_text("/proc/sys/kernel/osrelease", OLD "\n");
	put_link("/lib", "usr/lib");
	put_text("/usr/lib/modules/" OLD "/modules.dep",
		 "kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko\n"
		 "kernel/drivers/block/virtio_blk.ko.xz: kernel/drivers/virtio/virtio.ko.xz\n"
		 "kernel/x/notvirtio_net.ko:\n"
		 "kernel/x/other.ko: kernel/drivers/net/virtio_net.ko\n");
	put_text("/usr/lib/modules/" OLD "/modules.builtin",
		 "kernel/drivers/scsi/virtio-scsi.ko\n");
	put_text("/usr/lib/modules/" NEW "/modules.dep", "");
	put_text("/usr/lib/modules/stray-file", "");
	put_text("/boot/vmlinuz-" OLD, "not an image");
	put_text("/boot/initrd.img-" OLD, "1234567");
	put_text("/boot/initrd.img-" NEW, "12");
	put_text("/boot/vmlinuz-" NEW, "");
	put_text("/boot/vmlinuz-" NEW ".dpkg-new", "");
	/* By hand, without a package and without modules. */
	put_text("/boot/vmlinuz-6.9.1-mine", "");
	put_text("/boot/initrd-6.9.1-mine", "");
	put_text("/boot/memtest86+.bin", "");
	put_text("/boot/vmlinuz-0-rescue-0123456789abcdef0123456789abcdef", "");
	m = collect_made();
	remove_root();

	ck_assert_uint_eq(m->os.nkernels, 3);
	ck_assert_str_eq(m->os.kernels[0].version, NEW);	/* the newest first */
	k = kernel(m, OLD);
	ck_assert_str_eq(k->image, "/boot/vmlinuz-" OLD);
	ck_assert_str_eq(k->initramfs, "/boot/initrd.img-" OLD);
	ck_assert_uint_eq(k->initramfs_size, 7);
	ck_assert(k->modules && k->booted);
	ck_assert_uint_eq(k->virtio.n, 3);
	ck_assert(!machine_strv_has(&k->virtio, "virtio_net"));
	k = kernel(m, NEW);
	ck_assert(k->modules && !k->booted);
	ck_assert_uint_eq(k->virtio.n, 0);
	k = kernel(m, "6.9.1-mine");
	ck_assert(!k->modules);
	ck_assert_str_eq(k->initramfs, "/boot/initrd-6.9.1-mine");
}
END_TEST

START_TEST(test_names_of_other_families)
{
	static const struct {
		const char *version, *image, *initramfs;
	} cases[] = {
		{ "4.18.0-553.el8.x86_64", "/boot/vmlinuz-4.18.0-553.el8.x86_64",
		  "/boot/initramfs-4.18.0-553.el8.x86_64.img" },
		{ "5.14.21-150500.53-default", "/boot/vmlinuz-5.14.21-150500.53-default",
		  "/boot/initrd-5.14.21-150500.53-default" },
		{ "2.6.18-419.el5", "/boot/vmlinuz-2.6.18-419.el5",
		  "/boot/initrd-2.6.18-419.el5.img" },
		{ "6.6.58-gentoo", "/boot/kernel-6.6.58-gentoo",
		  "/boot/initramfs-6.6.58-gentoo.img" },
		{ "4.9.6-gentoo-r1", "/boot/kernel-genkernel-x86_64-4.9.6-gentoo-r1",
		  "/boot/initramfs-genkernel-x86_64-4.9.6-gentoo-r1" },
		{ "6.8.0-40-generic",
		  "/boot/efi/0123456789abcdef0123456789abcdef/6.8.0-40-generic/linux",
		  "/boot/efi/0123456789abcdef0123456789abcdef/6.8.0-40-generic/"
		  "initrd.img-6.8.0-40-generic" },
		{ "6.11.4-301.fc41.x86_64",
		  "/boot/fedora/6.11.4-301.fc41.x86_64/linux",
		  "/boot/fedora/6.11.4-301.fc41.x86_64/initrd" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		char path[256];

		make_root();
		put_systemd();
		put_text("/etc/kernel/entry-token", "fedora\n");
		snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", cases[i].version);
		put_text(path, "");
		put_text(cases[i].image, "");
		put_text(cases[i].initramfs, "123");
		m = collect_made();
		remove_root();
		ck_assert_uint_eq(m->os.nkernels, 1);
		ck_assert_str_eq(m->os.kernels[0].version, cases[i].version);
		ck_assert_msg(m->os.kernels[0].image != NULL, "%s", cases[i].image);
		ck_assert_str_eq(m->os.kernels[0].image, cases[i].image);
		ck_assert_msg(m->os.kernels[0].initramfs != NULL, "%s", cases[i].initramfs);
		ck_assert_str_eq(m->os.kernels[0].initramfs, cases[i].initramfs);
		ck_assert_uint_eq(m->os.kernels[0].initramfs_size, 3);
	}
}
END_TEST

/* A bzImage as far as it is looked at. */
static void put_image(const char *path, uint16_t at, const char *text)
{
	uint8_t image[2048] = { 0 };

	memcpy(image + 0x202, "HdrS", 4);
	put_le16(image + 0x20e, at);
	strcpy((char *)image + 0x400, text);
	put(path, image, sizeof(image));
}

START_TEST(test_images_tell_their_release)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_kernel *k;

	make_root();
	put_systemd();
	put_text("/lib/modules/6.10.3-arch1-2/modules.dep", "");
	put_text("/lib/modules/6.6.47-0-lts/modules.dep", "");
	put_image("/boot/vmlinuz-linux", 0x200, "6.10.3-arch1-2 (linux@archlinux) #1 SMP");
	put_text("/boot/initramfs-linux.img", "12345");
	put_text("/boot/initramfs-linux-fallback.img", "123456789");
	put_image("/boot/vmlinuz-lts", 0x200, "6.6.47-0-lts (buildozer@build) #1-Alpine");
	put_text("/boot/initramfs-lts", "1");
	put_image("/boot/vmlinuz", 0x200, "5.15.19 (root@darkstar.example.net)");
	put_text("/boot/initrd.gz", "22");
	/* Points past the end; no header; no text. */
	put_image("/boot/vmlinuz-beyond", 0xffff, "1.2.3");
	put_text("/boot/vmlinuz-huge", "");
	put_image("/boot/vmlinuz-blank", 0x200, "");
	m = collect_made();
	remove_root();
	k = kernel(m, "6.10.3-arch1-2");
	ck_assert_str_eq(k->image, "/boot/vmlinuz-linux");
	ck_assert_str_eq(k->initramfs, "/boot/initramfs-linux.img");
	k = kernel(m, "6.6.47-0-lts");
	ck_assert_str_eq(k->initramfs, "/boot/initramfs-lts");
	k = kernel(m, "5.15.19");
	ck_assert_str_eq(k->image, "/boot/vmlinuz");
	ck_assert_str_eq(k->initramfs, "/boot/initrd.gz");
	ck_assert_str_eq(kernel(m, "beyond")->image, "/boot/vmlinuz-beyond");
	ck_assert_str_eq(kernel(m, "huge")->image, "/boot/vmlinuz-huge");
	ck_assert_str_eq(kernel(m, "blank")->image, "/boot/vmlinuz-blank");
	ck_assert_uint_eq(m->os.nkernels, 6);
}
END_TEST

START_TEST(test_unified_images_and_records)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	const struct machine_kernel *k;

	make_root();
	put_systemd();
	put_text("/lib/modules/6.12.1/modules.dep", "");
	put_text("/lib/modules/6.12.1-200.fc41/modules.dep", "");
	put_text("/efi/EFI/Linux/fedora-6.12.1-200.fc41.efi", "12345678");
	put_text("/efi/EFI/Linux/other.efi", "");
	put_text("/boot/vmlinuz", "");
	put_text("/p2v/boot", "nonsense\n1 2\n4711 6.12.1 /boot/vmlinuz\n");
	m = collect_firmware_of(MACHINE_FIRMWARE_UEFI, "\\EFI\\Linux\\fedora-6.12.1-200.fc41.efi");
	remove_root();
	k = kernel(m, "6.12.1-200.fc41");
	ck_assert_str_eq(k->image, "/efi/EFI/Linux/fedora-6.12.1-200.fc41.efi");
	ck_assert_str_eq(k->initramfs, k->image);
	ck_assert_uint_eq(k->initramfs_size, 8);
	ck_assert_str_eq(kernel(m, "6.12.1")->image, "/boot/vmlinuz");
	ck_assert_str_eq(m->os.bootloader, "uki");
}
END_TEST

START_TEST(test_units)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_systemd();
	put_link("/etc/systemd/system/multi-user.target.wants/smartd.service", "/x/smartd.service");
	put_link("/etc/systemd/system/multi-user.target.wants/masked.service", "/x/masked.service");
	put_link("/etc/systemd/system/masked.service", "/dev/null");
	put_link("/etc/systemd/system/x.requires/needed.socket", "/x/needed.socket");
	put_link("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service");
	put_link("/etc/systemd/system/own.service", "/opt/own/own.service");
	put_link("/etc/systemd/system/default.target", "/x/multi-user.target");
	put_link("/usr/lib/systemd/system/multi-user.target.wants/vendor.service", "/x");
	put_link("/run/systemd/generator.late/multi-user.target.wants/script.service", "/x");
	put_text("/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "812\n");
	put_text("/sys/fs/cgroup/system.slice/dead.service/cgroup.procs", "");
	put_text("/sys/fs/cgroup/system.slice/udev.service/cgroup.procs", "");
	put_text("/sys/fs/cgroup/system.slice/udev.service/udev/cgroup.procs", "9\n");
	put_text("/sys/fs/cgroup/system.slice/new.service/cgroup.events",
		 "populated 1\nfrozen 0\n");
	put_text("/sys/fs/cgroup/system.slice/gone.service/cgroup.events",
		 "populated 0\nfrozen 0\n");
	put_text("/sys/fs/cgroup/system.slice/system-postgresql.slice/postgresql@15-main.service/"
		 "cgroup.procs", "77\n");
	put_text("/sys/fs/cgroup/user.slice/user-1.slice/user@1.service/cgroup.procs", "5\n");
	m = collect_made();
	ck_assert_uint_eq(m->os.nservices, 7);
	ck_assert_str_eq(service(m, "smartd.service")->group, "disk-health");
	ck_assert_ptr_nonnull(service(m, "smartd.service")->reason);
	ck_assert(service(m, "smartd.service")->enabled && !service(m, "smartd.service")->running);
	ck_assert(service(m, "needed.socket")->enabled);
	ck_assert(service(m, "ssh.service")->enabled && service(m, "ssh.service")->running);
	ck_assert(service(m, "script.service")->enabled);
	ck_assert(service(m, "udev.service")->running && !service(m, "udev.service")->enabled);
	ck_assert(service(m, "new.service")->running);
	ck_assert_str_eq(software(m, "PostgreSQL")->evidence,
			 "postgresql@15-main.service is running");
	ck_assert(software(m, "PostgreSQL")->running);

	/* A hierarchy of its own goes before the unified one. */
	put_text("/sys/fs/cgroup/systemd/system.slice/cron.service/cgroup.procs", "1\n");
	machine_free(m);
	m = collect_made();
	remove_root();
	ck_assert_ptr_nonnull(service(m, "cron.service"));
	ck_assert(!service(m, "ssh.service")->running);
}
END_TEST

START_TEST(test_red_hat_6)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_text("/etc/redhat-release", "CentOS release 6.10 (Final)\n");
	put_text("/proc/1/comm", "init\n");
	put_text("/sbin/initctl", "");
	put_text("/etc/inittab", "# id:5:initdefault:\nid:3:initdefault:\n");
	put_link("/etc/rc3.d", "rc.d/rc3.d");
	put_link("/etc/rc.d/rc3.d/S26ipmi", "../init.d/ipmi");
	put_link("/etc/rc.d/rc3.d/S64mysqld", "../init.d/mysqld");
	put_link("/etc/rc.d/rc3.d/K15httpd", "../init.d/httpd");
	put_link("/etc/rc.d/rc3.d/S99", "../init.d/none");
	put_link("/etc/rc.d/rc5.d/S99oddjobd", "../init.d/oddjobd");
	put_text("/var/lock/subsys/mysqld", "");
	put_text("/etc/init/tty.conf", "stop on runlevel [S]\n");
	put_text("/etc/init/splash.conf", "start on stopped rc\ntask\n");
	put_text("/etc/init/agent.conf", "# agent\nstart on runlevel [2345]\n");
	put_text("/etc/init/off.conf", "start on runlevel [2345]\n");
	put_text("/etc/init/off.override", "manual\n");
	put_text("/lib/modules/2.6.32-754.el6.x86_64/modules.dep", "");
	put_text("/lib/modules/2.6.18-8.el5/modules.dep", "kernel/drivers/virtio/virtio_pci.ko:\n");
	put_text("/boot/config-2.6.32-754.el6.x86_64",
		 "CONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=m\n# CONFIG_SCSI_VIRTIO is not set\n");
	put_text("/boot/grub/stage2", "");
	put_text("/boot/grub/grub.conf", "");
	put_folder("/var/lib/rpm");
	put_text("/usr/bin/yum", "");
	put_text("/sbin/dracut", "");
	put_text("/sbin/mkinitrd", "");
	put_text("/selinux/enforce", "0");
	put_text("/etc/selinux/config", "SELINUX=enforcing\n");
	put_text("/etc/oratab", "");
	m = collect_made();
	remove_root();
	ck_assert_str_eq(m->os.init, "upstart");
	ck_assert_uint_eq(m->os.nservices, 3);
	ck_assert_str_eq(service(m, "ipmi")->group, "ipmi");
	ck_assert(!service(m, "ipmi")->running && service(m, "ipmi")->enabled);
	ck_assert(service(m, "mysqld")->running);
	ck_assert(service(m, "agent")->enabled);
	ck_assert_str_eq(software(m, "MySQL")->evidence, "mysqld is running");
	ck_assert_str_eq(software(m, "Oracle Database")->evidence, "/etc/oratab");
	ck_assert(!software(m, "Oracle Database")->running);
	ck_assert_uint_eq(kernel(m, "2.6.32-754.el6.x86_64")->virtio.n, 1);
	ck_assert(machine_strv_has(&kernel(m, "2.6.18-8.el5")->virtio, "virtio_pci"));
	ck_assert_str_eq(m->os.bootloader, "grub-legacy");
	ck_assert_str_eq(m->os.package_manager, "yum");
	ck_assert_str_eq(m->os.initramfs_tool, "dracut");
	ck_assert_str_eq(m->os.selinux, "permissive");
	ck_assert_str_eq(m->os.kind, "linux");
	ck_assert(m->os.booted);
}
END_TEST

START_TEST(test_openrc_and_runit)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_text("/proc/1/comm", "init\n");
	put_folder("/run/openrc");
	put_link("/etc/runlevels/default/sshd", "/etc/init.d/sshd");
	put_link("/etc/runlevels/boot/mcelog", "/etc/init.d/mcelog");
	put_link("/etc/runlevels/shutdown/savecache", "/etc/init.d/savecache");
	put_link("/run/openrc/started/sshd", "/etc/init.d/sshd");
	put_link("/run/openrc/started/docker", "/etc/init.d/docker");
	put_text("/boot/extlinux.conf", "");
	put_text("/boot/ldlinux.sys", "");
	put_text("/lib/apk/db/installed", "");
	put_text("/sbin/apk", "");
	m = collect_made();
	ck_assert_str_eq(m->os.init, "openrc");
	ck_assert_uint_eq(m->os.nservices, 3);
	ck_assert(service(m, "sshd")->enabled && service(m, "sshd")->running);
	ck_assert_str_eq(service(m, "mcelog")->group, "errors");
	ck_assert(!service(m, "docker")->enabled);
	ck_assert(software(m, "Docker")->running);
	ck_assert_str_eq(m->os.bootloader, "extlinux");
	ck_assert_str_eq(m->os.package_manager, "apk");
	machine_free(m);
	put_text("/proc/1/comm", "runit\n");
	put_link("/etc/runit/runsvdir/default/chronyd", "/etc/sv/chronyd");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->os.nservices, 1);
	ck_assert_str_eq(software(m, "chrony")->kind, "time");
}
END_TEST

START_TEST(test_bootloaders)
{
	static const struct {
		enum machine_firmware_type firmware;
		const char *entry;	/* file of the entry booted from */
		const char *loader;	/* LoaderInfo, four bytes of attributes in front */
		const char *paths[3];
		const char *want;
	} cases[] = {
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL,
		  { "/boot/grub/i386-pc/core.img", "/boot/grub/stage2", "/boot/grub/menu.lst" },
		  "grub2" },
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL, { "/boot/grub2/grub.cfg" }, "grub2" },
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL, { "/etc/lilo.conf", "/boot/map" }, "lilo" },
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL,
		  { "/etc/lilo.conf", "/boot/map", "/boot/grub/grub.cfg" }, "grub2" },
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL, { "/etc/lilo.conf" }, NULL },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\debian\\shimx64.efi", NULL,
		  { "/boot/grub/grub.cfg" }, "grub2" },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\BOOT\\BOOTX64.EFI", NULL,
		  { "/efi/EFI/systemd/systemd-bootx64.efi", "/efi/loader/loader.conf" },
		  "systemd-boot" },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\systemd\\systemd-bootx64.efi", NULL,
		  { "/boot/grub/grub.cfg" }, "systemd-boot" },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\redhat\\grubx64.efi", NULL,
		  { "/efi/EFI/systemd/x", "/efi/loader/loader.conf" }, "grub2" },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\refind\\refind_x64.efi", NULL, { NULL },
		  "refind" },
		{ MACHINE_FIRMWARE_UEFI, "\\EFI\\BOOT\\BOOTX64.EFI", "systemd-boot 252",
		  { "/boot/grub/grub.cfg" }, "systemd-boot" },
		/* A disk made for the other firmware. */
		{ MACHINE_FIRMWARE_UEFI, NULL, NULL, { "/boot/grub/i386-pc/core.img" }, "grub2" },
		{ MACHINE_FIRMWARE_UNKNOWN, NULL, NULL, { "/etc/zipl.conf", "/boot/bootmap" },
		  "zipl" },
		{ MACHINE_FIRMWARE_BIOS, NULL, NULL, { NULL }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		make_root();
		put_systemd();
		for (size_t j = 0; j < 3 && cases[i].paths[j]; j++)
			put_text(cases[i].paths[j], "");
		if (cases[i].loader) {
			char value[128] = { 6 };

			for (size_t j = 0; cases[i].loader[j]; j++)
				value[4 + 2 * j] = cases[i].loader[j];
			put("/sys/firmware/efi/efivars/"
			    "LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", value,
			    4 + 2 * strlen(cases[i].loader) + 2);
		}
		m = collect_firmware_of(cases[i].firmware, cases[i].entry);
		remove_root();
		ck_assert_msg((m->os.bootloader == NULL) == (cases[i].want == NULL), "case %zu: %s",
			      i, m->os.bootloader ? m->os.bootloader : "none");
		if (cases[i].want)
			ck_assert_str_eq(m->os.bootloader, cases[i].want);
	}
}
END_TEST

START_TEST(test_selinux)
{
	static const struct {
		const char *runtime, *config, *want;
	} cases[] = {
		{ "1", "SELINUX=permissive\n", "enforcing" },
		{ "0", NULL, "permissive" },
		{ NULL, "#SELINUX=x\nSELINUX=enforcing\n", "disabled" },
		{ NULL, "SELINUXTYPE=targeted\n", NULL },
		{ NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(machine_free) struct machine *m = NULL;

		make_root();
		put_systemd();
		if (cases[i].runtime)
			put_text("/sys/fs/selinux/enforce", cases[i].runtime);
		if (cases[i].config)
			put_text("/etc/selinux/config", cases[i].config);
		m = collect_made();
		remove_root();
		ck_assert_str_eq(m->os.selinux ? m->os.selinux : "",
				 cases[i].want ? cases[i].want : "");
	}
}
END_TEST

/* What hangs on the network, or would be mounted by looking, is not looked at. */
START_TEST(test_what_may_wait_is_left_alone)
{
	CLEANUP(machine_free) struct machine *m = NULL;

	make_root();
	put_systemd();
	put_text("/proc/1/mountinfo",
		 "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		 "21 20 0:30 / /boot rw - autofs systemd-1 rw\n"
		 "22 20 0:31 / /opt rw - nfs4 server:/opt rw\n"
		 "23 22 8:2 / /opt/rlm rw - xfs /dev/sda2 rw\n"
		 "24 20 0:33 / /efi rw - autofs systemd-1 rw\n"
		 "25 24 8:3 / /efi rw - vfat /dev/sda3 rw\n");
	put_text("/boot/vmlinuz-1.2.3", "");
	put_text("/opt/LifeKeeper/bin/x", "");
	put_text("/opt/rlm/rlm", "");
	put_text("/lib/modules/6.1/modules.dep", "");
	put_text("/efi/EFI/Linux/6.1.efi", "");
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(m->os.nkernels, 1);
	ck_assert_str_eq(m->os.kernels[0].image, "/efi/EFI/Linux/6.1.efi");
	ck_assert_ptr_null(software(m, "SIOS LifeKeeper"));
	ck_assert_ptr_nonnull(software(m, "Reprise License Manager"));
}
END_TEST

START_TEST(test_space_and_subvolume)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	struct fsusage u = { 1, 2 };

	make_root();
	put_systemd();
	put_text("/proc/1/mountinfo",
		 "19 1 0:2 / / rw - rootfs rootfs rw\n"
		 "20 1 0:29 /@rootfs / rw - btrfs /dev/sda1 rw,subvol=/@rootfs\n"
		 "21 20 8:2 / /boot rw - ext4 /dev/sda2 rw\n");
	put_text("/p2v/statvfs", "1000 4096 250 /\n500 1024 100 /boot\n");
	m = collect_made();
	ck_assert_str_eq(m->os.root_subvolume, "@rootfs");
	ck_assert_uint_eq(m->os.root_free, 250 * 4096);
	ck_assert_uint_eq(m->os.boot_free, 100 * 1024);
	machine_free(m);
	put_text("/proc/1/mountinfo", "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
	m = collect_made();
	remove_root();
	ck_assert_ptr_null(m->os.root_subvolume);
	ck_assert_uint_eq(m->os.boot_free, m->os.root_free);

	ck_assert(!fsusage_recorded("1 18446744073709551615 1 /\n", "/x", &u));
	ck_assert(!fsusage_recorded("2 18446744073709551615 1 /\n", "/", &u));
	ck_assert(!fsusage_recorded("1 1 2 /\n", "/", &u));
	ck_assert(!fsusage_recorded("1 1 \n1 /\n", "/", &u));
	ck_assert(!fsusage_recorded(NULL, "/", &u));
	ck_assert_uint_eq(u.size, 1);
}
END_TEST

/* An installed system: nothing runs, and /proc and /run are not asked. */
START_TEST(test_installed_system)
{
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(sysroot_free) struct sysroot *root = NULL;
	struct os_look o = { 0 };
	uint8_t elf[64] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };

	put_le16(elf + 18, 183);
	make_root();
	put_text("/etc/os-release", "ID=ubuntu\nVERSION_ID=\"22.04\"\n");
	put_text("/etc/hostname", "db1\n");
	put_link("/sbin/init", "/lib/systemd/systemd");
	put("/lib/systemd/systemd", elf, sizeof(elf));
	put_text("/proc/1/comm", "init\n");
	put_text("/proc/sys/kernel/osrelease", "1.2.3\n");
	put_text("/proc/sys/kernel/hostname", "medium\n");
	put_text("/sys/fs/cgroup/system.slice/a.service/cgroup.procs", "1\n");
	put_text("/sys/fs/selinux/enforce", "0");
	put_text("/etc/selinux/config", "SELINUX=ENFORCING\n");
	put_link("/etc/systemd/system/a.wants/b.service", "/x");
	put_link("/etc/rc2.d/S01old", "../init.d/old");
	put_link("/etc/rc2.d/S01new", "../init.d/new");
	put_text("/lib/systemd/system/new.service", "");
	ck_assert_int_eq(sysroot_open(made, &root, NULL), 0);
	ck_assert_int_eq(machine_new(&m), 0);
	o = (struct os_look){ .root = root, .m = m, .os = &m->os };
	ck_assert_int_eq(os_look_load(&o), 0);
	ck_assert_int_eq(os_identity_collect(&o), 0);
	ck_assert_int_eq(os_look_all(&o), 0);
	os_look_done(&o);
	remove_root();
	ck_assert_str_eq(m->os.kind, "linux");
	ck_assert_str_eq(m->os.init, "systemd");
	ck_assert_str_eq(m->os.arch, "aarch64");
	ck_assert_str_eq(m->os.hostname, "db1");
	ck_assert_str_eq(m->os.selinux, "enforcing");
	ck_assert_ptr_null(m->os.kernel);
	ck_assert(!m->os.booted);
	ck_assert_uint_eq(m->os.nservices, 2);
	ck_assert_ptr_nonnull(service(m, "old.service"));
	ck_assert(m->os.root_free > 0);
}
END_TEST

/* Files that are not what they should be, too many of them, too large, in circles. */
START_TEST(test_hostile_system)
{
	CLEANUP(machine_free) struct machine *m = NULL, *back = NULL;
	CLEANUP(mem_free) char *big = malloc(3 << 20), *json = NULL;
	struct err err = ERR_INIT;
	char path[4096];

	make_root();
	put_systemd();
	memset(big, 'x', 3 << 20);
	memcpy(big + (2 << 20), "\nkernel/virtio_blk.ko:\n", 23);
	put("/lib/modules/6.1/modules.dep", big, 3 << 20);
	put("/etc/inittab", big, 2 << 20);
	put_link("/lib/modules/loop", "loop");
	put_link("/boot/vmlinuz-loop", "vmlinuz-loop");
	put_text("/boot/vmlinuz-1.\xff\x01", "");
	put_text("/boot/initrd.img-1.\xff\x01", "");
	snprintf(path, sizeof(path), "%s/boot/vmlinuz-fifo", made);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/etc/oratab", made);
	put_link("/etc/oratab", "/etc/oratab");
	put_link("/etc/systemd/system/\xc3\x28.wants/\xff.service", "/x");
	put_link("/etc/systemd/system/self.wants", "self.wants");
	for (int i = 0; i < COLLECT_LIST_MAX + 10; i++) {
		snprintf(path, sizeof(path),
			 "%s/sys/fs/cgroup/system.slice/s%d.service", made, i);
		ck_assert_int_eq(fdio_mkdir_p(path, 0755, NULL), 0);
		snprintf(path, sizeof(path),
			 "%s/sys/fs/cgroup/system.slice/s%d.service/cgroup.procs", made, i);
		FILE *f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		fputs("1\n", f);
		fclose(f);
	}
	m = collect_made();
	remove_root();
	ck_assert_uint_eq(kernel(m, "6.1")->virtio.n, 1);
	ck_assert_uint_eq(m->os.nservices, COLLECT_LIST_MAX);
	ck_assert(machine_strv_has(&m->warnings,
				   "more than 4096 services: the rest is left out"));
	ck_assert_msg(machine_json_dump(m, &json, &err) == 0, "%s", err.text);
	ck_assert_msg(machine_json_parse(json, strlen(json), &back, &err) == 0, "%s", err.text);
}
END_TEST

/* Names that the table must know; the list is of what is found on real machines. */
static const char *const examples[][3] = {
	{ "postgresql@15-main.service", "database", "PostgreSQL" },
	{ "postgresql-14.service", "database", "PostgreSQL" },
	{ "mysqld.service", "database", "MySQL" },
	{ "mariadb.service", "database", "MariaDB" },
	{ "oracledb_ORCLCDB-19c.service", "database", "Oracle Database" },
	{ "db2fmcd.service", "database", "IBM Db2" },
	{ "mssql-server.service", "database", "Microsoft SQL Server" },
	{ "mongod.service", "database", "MongoDB" },
	{ "redis-server.service", "database", "Redis" },
	{ "elasticsearch.service", "database", "Elasticsearch" },
	{ "SAPHDB_00.service", "database", "SAP NetWeaver or HANA" },
	{ "cassandra.service", "database", "Apache Cassandra" },
	{ "influxdb.service", "database", "InfluxDB" },
	{ "pacemaker.service", "cluster", "Pacemaker" },
	{ "corosync.service", "cluster", "Corosync" },
	{ "keepalived.service", "cluster", "Keepalived" },
	{ "vcs.service", "cluster", "Veritas Cluster Server" },
	{ "oracle-ohasd.service", "cluster", "Oracle Grid Infrastructure" },
	{ "dlm.service", "cluster", "Distributed Lock Manager" },
	{ "o2cb.service", "cluster", "OCFS2" },
	{ "drbd@r0.service", "cluster", "DRBD" },
	{ "glusterd.service", "cluster", "GlusterFS" },
	{ "ceph-mon@host1.service", "cluster", "Ceph monitor" },
	{ "ceph-4b5c8c0a-ff60-454b-a1b4-9747aa737d19@mon.host1.service", "cluster",
	  "Ceph monitor" },
	{ "ceph-4b5c8c0a-ff60-454b-a1b4-9747aa737d19@osd.3.service", "storage-raw", "Ceph OSD" },
	{ "ceph-osd@3.service", "storage-raw", "Ceph OSD" },
	{ "oracleasm.service", "storage-raw", "Oracle ASM" },
	{ "target.service", "storage-raw", "iSCSI target (LIO)" },
	{ "kubelet.service", "cluster", "Kubernetes node" },
	{ "k3s-agent.service", "cluster", "Kubernetes (k3s)" },
	{ "etcd.service", "cluster", "etcd" },
	{ "consul.service", "cluster", "Consul" },
	{ "lmgrd.service", "licence", "FlexLM" },
	{ "aksusbd.service", "licence", "Sentinel HASP" },
	{ "hasplmd.service", "licence", "Sentinel HASP" },
	{ "codemeter.service", "licence", "CodeMeter" },
	{ "rlm.service", "licence", "Reprise License Manager" },
	{ "docker.service", "container", "Docker" },
	{ "podman.service", "container", "Podman" },
	{ "containerd.service", "container", "containerd" },
	{ "lxc.service", "container", "LXC" },
	{ "libvirtd.service", "virtualization", "libvirt" },
	{ "veeamservice.service", "backup", "Veeam Agent" },
	{ "bacula-fd.service", "backup", "Bacula" },
	{ "commvault.Instance001.service", "backup", "Commvault" },
	{ "netbackup.service", "backup", "Veritas NetBackup" },
	{ "networker.service", "backup", "Dell NetWorker" },
	{ "samba-ad-dc.service", "directory", "Samba AD domain controller" },
	{ "dirsrv@EXAMPLE-COM.service", "directory", "389 Directory Server" },
	{ "chronyd.service", "time", "chrony" },
	{ "ntpd.service", "time", "NTP" },
	{ "zabbix-agent2.service", "monitoring", "Zabbix agent" },
	{ "node_exporter.service", "monitoring", "Prometheus node exporter" },
	{ "postfix@-.service", "mail", "Postfix" },
	{ "rabbitmq-server.service", "message-queue", "RabbitMQ" },
	{ "falcon-sensor.service", "security-agent", "CrowdStrike Falcon" },
	{ "cron.service", NULL, NULL },
	{ "ssh.service", NULL, NULL },
	{ "systemd-journald.service", NULL, NULL },
	{ "postgres_exporter.service", NULL, NULL },
	{ "nginx.service", NULL, NULL },
};

START_TEST(test_software_examples)
{
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		const struct tables_row *row = tables_match(tables_software, tables_software_count,
							    examples[i][0]);

		if (!examples[i][1]) {
			ck_assert_msg(!row, "%s", examples[i][0]);
			continue;
		}
		ck_assert_msg(row != NULL, "%s is not known", examples[i][0]);
		ck_assert_str_eq(row->group, examples[i][1]);
		ck_assert_str_eq(row->reason, examples[i][2]);
	}
}
END_TEST

/* A name that the pattern matches: stars and marks become letters, [0-9] a number. */
static void instance(const char *pattern, char *buf)
{
	while (*pattern) {
		if (*pattern == '[') {
			*buf++ = pattern[1];
			pattern = strchr(pattern, ']') + 1;
		} else {
			*buf++ = *pattern == '*' || *pattern == '?' ? 'x' : *pattern;
			pattern++;
		}
	}
	*buf = '\0';
}

/* Every row is reached by something, and those that are paths can be found. */
START_TEST(test_no_row_is_dead)
{
	static const char *const groups[] = {
		"database", "cluster", "licence", "storage-raw", "container", "virtualization",
		"backup", "directory", "time", "monitoring", "mail", "message-queue",
		"security-agent",
	};
	size_t used[ARRAY_SIZE(groups)] = { 0 };

	for (size_t i = 0; i < tables_software_count; i++) {
		const struct tables_row *row = &tables_software[i], *found;
		char name[256];
		size_t g = 0;

		while (g < ARRAY_SIZE(groups) && strcmp(groups[g], row->group) != 0)
			g++;
		ck_assert_msg(g < ARRAY_SIZE(groups), "unknown group %s", row->group);
		used[g]++;
		instance(row->pattern, name);
		if (row->pattern[0] == '/') {
			const char *mark = strpbrk(row->pattern, "*?[");

			/* Patterns in the last component only. */
			ck_assert_msg(!mark || !strchr(mark, '/'), "%s", row->pattern);
			continue;
		}
		found = tables_match(tables_software, tables_software_count, name);
		ck_assert_msg(found == row, "%s is hidden by %s", row->pattern,
			      found ? found->pattern : "nothing");
		/* Nothing else can be the name of what a service manager tells. */
		ck_assert_msg(strstr(name, ".service") || strstr(name, ".timer") ||
			      strstr(name, ".socket"), "%s", row->pattern);
	}
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		ck_assert_msg(used[g] >= 4, "%s: %zu rows", groups[g], used[g]);
}
END_TEST

START_TEST(test_paths_are_found)
{
	for (size_t i = 0; i < tables_software_count; i++) {
		CLEANUP(machine_free) struct machine *m = NULL;
		const struct tables_row *row = &tables_software[i];
		char path[256];

		if (row->pattern[0] != '/')
			continue;
		instance(row->pattern, path);
		make_root();
		put_systemd();
		put_text(path, "");
		m = collect_made();
		remove_root();
		ck_assert_msg(software(m, row->reason) != NULL, "%s", path);
		ck_assert_str_eq(software(m, row->reason)->evidence, path);
		ck_assert_uint_eq(m->os.nsoftware, 1);
	}
}
END_TEST

/* path is a line of its own in record-machine. */
static bool is_recorded(const char *script, const char *path)
{
	char line[512];

	snprintf(line, sizeof(line), "\n%s\n", path);
	return strstr(script, line) != NULL;
}

static bool in_signs(const char *path, size_t len)
{
	const struct os_sign *const tables[] = {
		os_signs_package_managers, os_signs_initramfs_tools, os_signs_bootloaders,
	};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct os_sign *s = tables[t]; s->name; s++)
			for (size_t i = 0; i < ARRAY_SIZE(s->paths) && s->paths[i]; i++)
				if (strlen(s->paths[i]) == len &&
				    strncmp(s->paths[i], path, len) == 0)
					return true;
	for (size_t i = 0; i < tables_software_count; i++)
		if (strlen(tables_software[i].pattern) == len &&
		    strncmp(tables_software[i].pattern, path, len) == 0)
			return true;
	return false;
}

START_TEST(test_recorder_knows_every_path)
{
	const struct os_sign *const tables[] = {
		os_signs_package_managers, os_signs_initramfs_tools, os_signs_bootloaders,
	};
	CLEANUP(mem_free) char *script = NULL;
	size_t lines = 0;

	ck_assert_int_eq(fdio_read_file("tests/sysroots/record-machine", 1 << 20, &script, NULL,
					NULL), 0);
	for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct os_sign *s = tables[t]; s->name; s++)
			for (size_t i = 0; i < ARRAY_SIZE(s->paths) && s->paths[i]; i++)
				ck_assert_msg(is_recorded(script, s->paths[i]),
					      "record-machine lacks %s", s->paths[i]);
	for (size_t i = 0; i < tables_software_count; i++)
		if (tables_software[i].pattern[0] == '/')
			ck_assert_msg(is_recorded(script, tables_software[i].pattern),
				      "record-machine lacks %s", tables_software[i].pattern);
	for (const char *p = script; (p = strstr(p, "\n/")) != NULL; p++, lines++)
		ck_assert_msg(in_signs(p + 1, strcspn(p + 1, "\n")),
			      "record-machine has %.60s in vain", p + 1);
	ck_assert_uint_gt(lines, 80);
}
END_TEST

static const char *or_none(const char *s)
{
	return s ? s : "(none)";
}

START_TEST(test_live_system_and_its_record)
{
	CLEANUP(sysroot_free) struct sysroot *live_root = NULL, *record_root = NULL;
	CLEANUP(machine_free) struct machine *live = NULL, *record = NULL;
	struct err err = ERR_INIT;
	char command[256];

	make_root();
	snprintf(command, sizeof(command), "tests/sysroots/record-machine %s/r 2>/dev/null", made);
	ck_assert_int_eq(system(command), 0);
	strcat(made, "/r");
	ck_assert_int_eq(machine_new(&live), 0);
	ck_assert_int_eq(machine_new(&record), 0);
	ck_assert_int_eq(sysroot_open("/", &live_root, &err), 0);
	ck_assert_int_eq(sysroot_open(made, &record_root, &err), 0);
	ck_assert_int_eq(collect_os(live_root, live, &err), 0);
	ck_assert_int_eq(collect_software(live_root, live, &err), 0);
	ck_assert_int_eq(collect_os(record_root, record, &err), 0);
	ck_assert_int_eq(collect_software(record_root, record, &err), 0);
	*strrchr(made, '/') = '\0';
	remove_root();
	ck_assert_str_eq(or_none(live->os.package_manager), or_none(record->os.package_manager));
	ck_assert_str_eq(or_none(live->os.initramfs_tool), or_none(record->os.initramfs_tool));
	ck_assert_str_eq(or_none(live->os.bootloader), or_none(record->os.bootloader));
	ck_assert_str_eq(or_none(live->os.selinux), or_none(record->os.selinux));
	ck_assert_uint_eq(live->os.nkernels, record->os.nkernels);
	for (size_t i = 0; i < live->os.nkernels; i++) {
		const struct machine_kernel *a = &live->os.kernels[i], *b = &record->os.kernels[i];

		ck_assert_str_eq(a->version, b->version);
		ck_assert_str_eq(or_none(a->image), or_none(b->image));
		ck_assert_str_eq(or_none(a->initramfs), or_none(b->initramfs));
		ck_assert_uint_eq(a->initramfs_size, b->initramfs_size);
		ck_assert_uint_eq(a->virtio.n, b->virtio.n);
		ck_assert(a->modules == b->modules);
	}
	/* Others may start services meanwhile. */
	for (size_t i = 0; i < live->os.nservices; i++) {
		const struct machine_service *s = &live->os.services[i];

		ck_assert_msg(!s->enabled || service(record, s->name), "%s", s->name);
	}
	for (size_t i = 0; i < live->os.nsoftware; i++)
		ck_assert_ptr_nonnull(software(record, live->os.software[i].name));
}
END_TEST

static Suite *os_suite(void)
{
	Suite *s = suite_create("collect_os");
	TCase *t = tcase_create("collect_os");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_kernels_of_debian);
	tcase_add_test(t, test_names_of_other_families);
	tcase_add_test(t, test_images_tell_their_release);
	tcase_add_test(t, test_unified_images_and_records);
	tcase_add_test(t, test_units);
	tcase_add_test(t, test_red_hat_6);
	tcase_add_test(t, test_openrc_and_runit);
	tcase_add_test(t, test_bootloaders);
	tcase_add_test(t, test_selinux);
	tcase_add_test(t, test_what_may_wait_is_left_alone);
	tcase_add_test(t, test_space_and_subvolume);
	tcase_add_test(t, test_installed_system);
	tcase_add_test(t, test_hostile_system);
	tcase_add_test(t, test_software_examples);
	tcase_add_test(t, test_no_row_is_dead);
	tcase_add_test(t, test_paths_are_found);
	tcase_add_test(t, test_recorder_knows_every_path);
	tcase_add_test(t, test_live_system_and_its_record);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(os_suite)
