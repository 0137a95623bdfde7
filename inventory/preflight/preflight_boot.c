/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules on firmware, boot loader and what it needs to be found in the virtual machine. */
#include "inventory/preflight/preflight_rules.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#define ESP_GPT	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define ESP_MBR	"0xef"

static int system_left_out(PREFLIGHT_LOOK)
{
	static const char *const places[] = { "/", "/usr", "/boot" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct preflight_device *d = preflight_index_mounted(in->index, places[i]);

		/* A volume of nothing that is known may be anywhere. */
		if (d && !d->copied && (d->disk || d->volume->slaves.n > 0) &&
		    preflight_add(report, rule, PREFLIGHT_BLOCKS, d->name,
				  "%s is on %s, which is on no disk that is copied", places[i],
				  d->path ? d->path : d->name) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool is_esp(const struct preflight_device *d)
{
	const char *type = d->partition ? d->partition->type : NULL;

	return preflight_is(type, ESP_GPT) || preflight_is(type, ESP_MBR);
}

static int esp_left_out(PREFLIGHT_LOOK)
{
	const struct preflight_device *there = NULL;
	bool copied = false, tables = false;

	if (in->machine->firmware.type != MACHINE_FIRMWARE_UEFI)
		return 0;
	preflight_each(in, d) {
		/* On a mirror it is a volume: then its mount point tells. */
		bool esp = is_esp(d) || machine_strv_has(d->mountpoints, "/boot/efi") ||
			   machine_strv_has(d->mountpoints, "/efi");

		tables = tables || (d->copied && d->partition);
		copied = copied || (esp && d->copied);
		if (esp && !d->copied && !there)
			there = d;
	}
	/* A disk without any partition may be something else than it seems. */
	if (copied || !tables)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_BLOCKS, "machine",
			     "the machine starts by UEFI, and %s%s", there ?
			     "its EFI system partition is not copied: " :
			     "no disk that is copied has an EFI system partition",
			     there ? there->name : "");
}

static bool is_fallback(const char *path)
{
	return path && strncasecmp(path, "/EFI/BOOT/BOOT", strlen("/EFI/BOOT/BOOT")) == 0;
}

static int no_fallback(PREFLIGHT_LOOK)
{
	const struct machine_firmware *f = &in->machine->firmware;
	const struct machine_boot_entry *e = machine_boot_current(in->machine);

	/* Nobody has looked at the partition: that is no finding. */
	if (f->type != MACHINE_FIRMWARE_UEFI || (e && e->file) || f->nefi_files == 0)
		return 0;
	for (size_t i = 0; i < f->nefi_files; i++)
		if (is_fallback(f->efi_files[i].path))
			return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "none of %zu EFI program%s is /EFI/BOOT/BOOT*.EFI, and which one the "
			     "machine was started with is not known", f->nefi_files,
			     preflight_s(f->nefi_files));
}

static int no_variables(PREFLIGHT_LOOK)
{
	const struct machine_firmware *f = &in->machine->firmware;

	if (f->type != MACHINE_FIRMWARE_UEFI || f->nentries || f->nboot_order ||
	    f->boot_current >= 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "UEFI, without a single boot entry in the inventory");
}

static int secure_boot_unknown(PREFLIGHT_LOOK)
{
	const struct machine_firmware *f = &in->machine->firmware;

	if (f->type != MACHINE_FIRMWARE_UEFI || f->secure_boot != MACHINE_NOT_KNOWN)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine",
			     "UEFI, and whether Secure Boot is on is not in the inventory");
}

static int unsigned_programs(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine_firmware *f = &in->machine->firmware;

	for (size_t i = 0; f->secure_boot == MACHINE_YES && i < f->nefi_files; i++)
		if (!f->efi_files[i].has_signature)
			preflight_names_add(&names, f->efi_files[i].path);
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "Secure Boot is on, and without a signature: %s",
			     preflight_names_text(&names));
}

static int own_keys(PREFLIGHT_LOOK)
{
	const struct machine_firmware *f = &in->machine->firmware;

	/* One is the distribution's own, built into its shim. */
	if (f->secure_boot != MACHINE_YES || f->mok_keys < 2)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "Secure Boot is on, and shim knows %" PRIu32 " keys", f->mok_keys);
}

static int shim_off(PREFLIGHT_LOOK)
{
	const struct machine_firmware *f = &in->machine->firmware;

	if (f->secure_boot != MACHINE_YES || f->mok_insecure != MACHINE_YES)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine",
			     "Secure Boot is on, and the variable MokSBState switches shim's "
			     "validation off");
}

/* ---- kernels */

static bool can_virtio(const struct machine_kernel *k)
{
	return machine_strv_has(&k->virtio, "virtio_pci") &&
	       (machine_strv_has(&k->virtio, "virtio_blk") ||
		machine_strv_has(&k->virtio, "virtio_scsi"));
}

static int no_virtio(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine_os *os = &in->machine->os;
	bool any = false, booted = false;
	size_t n = 0;

	for (size_t i = 0; i < os->nkernels; i++) {
		const struct machine_kernel *k = &os->kernels[i];

		/* Modules that a removed kernel has left behind start nothing. */
		if (!k->image && !k->booted)
			continue;
		n++;
		if (can_virtio(k)) {
			any = true;
			continue;
		}
		booted = booted || k->booted;
		preflight_names_add(&names, k->version);
	}
	if (names.n == 0)
		return 0;
	return preflight_add(report, rule, booted || !any ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
			     "machine", "%s of %zu kernel%s without drivers for virtio disks%s: %s",
			     any ? "some" : "all", n, preflight_s(n),
			     booted ? ", the booted one too" : "", preflight_names_text(&names));
}

static int no_initramfs(PREFLIGHT_LOOK)
{
	const struct machine_os *os = &in->machine->os;

	for (size_t i = 0; i < os->nkernels; i++) {
		const struct machine_kernel *k = &os->kernels[i];

		if (k->image && !k->initramfs && k->modules && can_virtio(k) &&
		    preflight_add(report, rule, k->booted ? PREFLIGHT_DEGRADES : PREFLIGHT_NOTE,
				  k->version, "%s%s has no initramfs beside it", k->image,
				  k->booted ? ", the booted kernel," : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

/* What p2v-server wants left when it replaces an image; what a new one may be larger by. */
#define INITRAMFS_SPARE	(4 * MIB)
#define INITRAMFS_LEAST	(64 * MIB)

static int initramfs_room(PREFLIGHT_LOOK)
{
	const struct machine_os *os = &in->machine->os;
	uint64_t room = os->boot_free ? os->boot_free : os->root_free, largest = 0, want;

	for (size_t i = 0; i < os->nkernels; i++)
		largest = MAX(largest, os->kernels[i].initramfs_size);
	/* Absurd sizes would make the sum wrap. */
	if (room == 0 || largest == 0 || largest > TIB)
		return 0;
	/* They are made one after the other, each beside the one that it replaces. */
	want = MAX(2 * largest, INITRAMFS_LEAST);
	if (room >= want)
		return 0;
	return preflight_add(report, rule, room < largest + INITRAMFS_SPARE ?
			     PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES, os->boot_free ? "/boot" : "/",
			     "%" PRIu64 " MiB are free for a new initramfs; the largest has %"
			     PRIu64 " MiB, %" PRIu64 " MiB are wanted", room / MIB, largest / MIB,
			     want / MIB);
}

static int root_full(PREFLIGHT_LOOK)
{
	uint64_t room = in->machine->os.root_free;

	if (room == 0 || room >= 128 * MIB)
		return 0;
	return preflight_add(report, rule, room < 16 * MIB ? PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES,
			     "/", "%" PRIu64 " MiB are free on /", room / MIB);
}

static int boot_loader(PREFLIGHT_LOOK)
{
	static const char *const good[] = { "grub2", "grub", "systemd-boot", "efistub", NULL };
	static const char *const bad[] = { "lilo", NULL };
	const struct machine_os *os = &in->machine->os;

	if (!os->bootloader || preflight_is(os->kind, "windows") ||
	    preflight_is_one_of(os->bootloader, good))
		return 0;
	return preflight_add(report, rule, preflight_is_one_of(os->bootloader, bad) ?
			     PREFLIGHT_BLOCKS : PREFLIGHT_DEGRADES, "machine",
			     "the boot loader is %s", os->bootloader);
}

/* ---- the system */

/* ID or a word of ID_LIKE. */
static bool is_like(const struct machine_os *os, const char *id)
{
	size_t len = strlen(id);

	if (preflight_is(os->id, id))
		return true;
	for (const char *p = os->id_like; p && (p = strstr(p, id)); p += len)
		if ((p == os->id_like || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

static int unfixed(PREFLIGHT_LOOK)
{
	const struct machine_os *os = &in->machine->os;
	const char *name = os->pretty_name ? os->pretty_name : os->id;
	bool foreign = os->kind && !preflight_is(os->kind, "linux");

	if (!foreign && (!os->id || is_like(os, "debian") || is_like(os, "ubuntu")))
		return 0;
	return preflight_add(report, rule, PREFLIGHT_DEGRADES, "machine", "the system is %s",
			     name ? name : os->kind);
}

static int several_systems(PREFLIGHT_LOOK)
{
	CLEANUP(preflight_names_done) struct preflight_names names = { 0 };
	const struct machine *m = in->machine;
	const char *first = NULL;

	for (size_t i = 0; i < m->nsystems; i++) {
		const struct machine_os *os = &m->systems[i];
		const char *name = os->pretty_name ? os->pretty_name : os->id ? os->id : os->kind;

		preflight_names_add(&names, name);
		if (os->boots_first && !first)
			first = name ? name : "?";
	}
	if (names.n < 2)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine", "%zu systems: %s; %s%s",
			     m->nsystems, preflight_names_text(&names),
			     first ? "what starts first is " : "what starts first is not known",
			     first ? first : "");
}

static int foreign_arch(PREFLIGHT_LOOK)
{
	static const char *const x86[] = { "x86_64", "amd64", "i386", "i486", "i586", "i686",
					   NULL };
	const char *arch = in->machine->os.arch;

	if (!arch || preflight_is_one_of(arch, x86))
		return 0;
	return preflight_add(report, rule, PREFLIGHT_BLOCKS, "machine",
			     "the machine's architecture is %s", arch);
}

static int old_arch(PREFLIGHT_LOOK)
{
	const char *arch = in->machine->os.arch;

	if (!preflight_starts(arch, "i") || strlen(arch) != 4 || strcmp(arch + 2, "86") != 0)
		return 0;
	return preflight_add(report, rule, PREFLIGHT_NOTE, "machine", "the kernel is for %s", arch);
}

static const struct preflight_rule rules[] = {
	{ "system-left-out", PREFLIGHT_BLOCKS,
	  "A filesystem that the system starts from is not copied",
	  "Without /, /usr or /boot the virtual machine does not start.",
	  "Copy its disk as well (--disk), or leave --disk away: every fixed disk is copied then.",
	  system_left_out },
	{ "esp-left-out", PREFLIGHT_BLOCKS, "The EFI system partition is not copied",
	  "The firmware of the virtual machine is UEFI like the source's, and looks for a boot "
	  "loader on this partition. Without it there is nothing to start.",
	  "Copy the disk that it is on (--disk).", esp_left_out },
	{ "uefi-no-fallback", PREFLIGHT_DEGRADES,
	  "There may be no boot loader where a new firmware looks",
	  "A virtual machine begins with empty firmware variables: its firmware starts "
	  "/EFI/BOOT/BOOTX64.EFI. The server puts there what the source was started with, and "
	  "that is not known here; it then looks for the usual names only.",
	  "Take the inventory in the running system, started by UEFI, as root: p2v-agent "
	  "inventory --json. Or install the loader there: grub-install --force-extra-removable.",
	  no_fallback },
	{ "uefi-no-variables", PREFLIGHT_NOTE, "The firmware's boot entries could not be read",
	  "Which loader starts the machine is taken from the variables BootCurrent and Boot####. "
	  "Without them, the usual places are searched.",
	  "Mount efivarfs (mount -t efivarfs efivarfs /sys/firmware/efi/efivars) and take the "
	  "inventory again.", no_variables },
	{ "secureboot-unknown", PREFLIGHT_NOTE, "Whether Secure Boot is on is not known",
	  "The virtual machine gets firmware with Secure Boot switched off: a system that starts "
	  "with it starts without it too, and not always the other way round. What is bound to "
	  "it, such as keys that a TPM gives out only under Secure Boot, is asked for by hand.",
	  "Mount efivarfs (mount -t efivarfs efivarfs /sys/firmware/efi/efivars), run as root, and "
	  "take the inventory again. Or make a plan, and put \"secure_boot\": true or false into "
	  "its \"firmware\".", secure_boot_unknown },
	{ "secureboot-unsigned", PREFLIGHT_DEGRADES, "Unsigned EFI programs under Secure Boot",
	  "The virtual machine has Secure Boot switched on, too. Programs without a signature do "
	  "not start there; on this machine they do not start either, unless their hashes were "
	  "enrolled in its firmware, and enrolled hashes are not carried over.",
	  "Sign them, or switch Secure Boot off in the domain XML before the first start.",
	  unsigned_programs },
	{ "secureboot-mok", PREFLIGHT_DEGRADES, "Keys of your own are enrolled for Secure Boot",
	  "Machine owner keys are in this machine's firmware variables and are not carried over. "
	  "Kernels and modules that are signed with them, such as those of DKMS, are refused in "
	  "the virtual machine.",
	  "Enrol the keys in the virtual machine (mokutil --import KEY.der, then at the console "
	  "at the next start), or switch Secure Boot off there.", own_keys },
	{ "secureboot-shim-off", PREFLIGHT_DEGRADES, "shim's validation is switched off",
	  "Secure Boot is on in the firmware, but shim was told not to check what it starts. The "
	  "virtual machine's variables are new, so shim checks again, and refuses kernels without "
	  "a good signature.",
	  "Repeat mokutil --disable-validation in the virtual machine, or switch Secure Boot off "
	  "there.", shim_off },
	{ "kernel-no-virtio", PREFLIGHT_DEGRADES, "A kernel has no drivers for virtio disks",
	  "Such a kernel cannot use the fast virtual disks. When it is the newest one the server "
	  "gives the machine emulated SATA or IDE disks, which every kernel can use and which are "
	  "several times slower.",
	  "Install a distribution kernel with virtio_pci and virtio_blk or virtio_scsi on the "
	  "source, and start it once.", no_virtio },
	{ "initramfs-missing", PREFLIGHT_DEGRADES, "A kernel has no initramfs",
	  "If its virtio drivers are modules, and not built in, it cannot load them before it has "
	  "found its root filesystem, and so does not find it. The server rebuilds images that "
	  "are there; it makes no first one.",
	  "Make one on the source: update-initramfs -c -k VERSION, or dracut --kver VERSION.",
	  no_initramfs },
	{ "initramfs-no-room", PREFLIGHT_BLOCKS, "No room for a new initramfs",
	  "The server puts virtio drivers into the initramfs: it makes each image anew, one after "
	  "the other, beside the one that it replaces. Twice the largest image should be free, "
	  "and 64 MiB at least. With less than one image it cannot be done.",
	  "Remove old kernels on the source (apt autoremove), or enlarge /boot.", initramfs_room },
	{ "root-full", PREFLIGHT_BLOCKS, "The root filesystem is full",
	  "The server edits configuration files in the image and needs a little room for that, as "
	  "does the system when it starts.",
	  "Free some 128 MiB on / before the conversion.", root_full },
	{ "bootloader-unsupported", PREFLIGHT_BLOCKS,
	  "The boot loader is not one that the server knows",
	  "GRUB 2 and systemd-boot are understood. The settings of others (GRUB Legacy, syslinux, "
	  "elilo) are read as far as possible, and the rest stays as it is. LILO finds its files "
	  "by block numbers: it does not start any more once a file is written anew.",
	  "Install GRUB 2 on the source before the conversion. With --force "
	  "bootloader-unsupported, finish with --skip initramfs and --skip bootloader.",
	  boot_loader },
	{ "guest-unfixed", PREFLIGHT_DEGRADES,
	  "The system is of a kind that is copied and not fixed",
	  "Debian and its relatives are prepared for the virtual machine: drivers, names of disks "
	  "and network interfaces, services. Others are copied and described as they are, with "
	  "the most compatible virtual devices, and may need a hand before they start.",
	  "Put virtio and AHCI drivers into the initramfs on the source (dracut --add-drivers), "
	  "use UUIDs in /etc/fstab, and have console access at the first start.", unfixed },
	{ "several-systems", PREFLIGHT_NOTE, "Several systems are installed",
	  "The one that the firmware starts first is prepared for the virtual machine. The others "
	  "are copied as they are.",
	  "If it is another one that is wanted, make it the first before the conversion.",
	  several_systems },
	{ "arch-foreign", PREFLIGHT_BLOCKS, "The machine is not an x86 machine",
	  "The server describes x86 virtual machines only. An image of another architecture "
	  "starts in no such machine.",
	  "With --force arch-foreign the disks are copied; a machine for them has to be described "
	  "by hand.", foreign_arch },
	{ "arch-32bit", PREFLIGHT_NOTE, "The system is a 32-bit one",
	  "It runs in an x86-64 virtual machine. Memory above 4 GiB is used only with a PAE "
	  "kernel, and virtio drivers may be old.",
	  "Nothing.", old_arch },
};

const struct preflight_theme preflight_boot = { "Boot", rules, ARRAY_SIZE(rules) };
