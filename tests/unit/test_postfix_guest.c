/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole table over a small phony Debian, in a real libguestfs appliance. The guest's tools are
 * shell scripts: its "initramfs" is a cpio archive of empty files. Needs root (owners in
 * the image), e2fsprogs, sfdisk and a working appliance; skipped without them.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/jsonx.h"
#include "common/text.h"
#include "postfix/fix.h"
#include "postfix/probe.h"

static char dir[] = "/tmp/p2v-guest.XXXXXX";

static const char builder[] =
	"set -eu; cd \"$1\"; mkdir -p t; cd t\n"
	"mkdir -p bin boot/grub dev etc/default etc/initramfs-tools/conf.d etc/modules-load.d \\\n"
	"  etc/systemd/system/getty.target.wants etc/systemd/system/multi-user.target.wants "
	"etc/network \\\n"
	"  etc/NetworkManager/system-connections etc/udev/rules.d lib/systemd/system "
	"lib/udev/rules.d \\\n"
	"  lib/modules/6.1.0-1-amd64 proc root sbin sys tmp usr/bin usr/sbin usr/lib/systemd "
	"var/tmp \\\n"
	"  var/lib/dpkg var/cache/debconf var/backups var/log\n"
	"chmod 1777 tmp var/tmp\n"
	"cp -L /bin/dash bin/sh\n"
	"for f in $(ldd /bin/dash | grep -o '/[^ ]*'); do mkdir -p .$(dirname $f); cp -L $f .$f; "
	"done\n"
	"printf 'ID=debian\\nVERSION_ID=\"12\"\\nPRETTY_NAME=\"Debian GNU/Linux 12 (phony)\"\\n' "
	">etc/os-release\n"
	"echo 12.0 >etc/debian_version; echo phony >etc/hostname; : >var/lib/dpkg/status\n"
	"printf '# kept\\n/dev/sda1\\t/\\text4\\tdefaults 0 1\\n/dev/sdq1 /data ext4 defaults 0 "
	"2\\n' >etc/fstab\n"
	"printf 'RESUME=/dev/sdq2\\n' >etc/initramfs-tools/conf.d/resume\n"
	"printf 'MODULES=dep\\n' >etc/initramfs-tools/initramfs.conf; : "
	">etc/initramfs-tools/modules\n"
	"printf 'GRUB_CMDLINE_LINUX=\"console=ttyS1,9600\"\\n' >etc/default/grub\n"
	"printf 'menuentry x {\\n\\tlinux /boot/vmlinuz-6.1.0-1-amd64 root=/dev/sda1 ro "
	"console=ttyS1,9600\\n}\\n' \\\n"
	"  >boot/grub/grub.cfg\n"
	"printf '(hd0) /dev/disk/by-id/ata-X\\n' >boot/grub/device.map\n"
	"printf 'Name: grub-pc/install_devices\\nTemplate: grub-pc/install_devices\\nValue: "
	"/dev/sda1\\n' \\\n"
	"  >var/cache/debconf/config.dat\n"
	/* Leads out of the guest, if anyone follows it on the host. */
	"ln -s ../../../../../../..$1/outside etc/modules\n"
	"printf 'coretemp\\nloop\\n' >etc/modules-load.d/hw.conf\n"
	"head -c 1100000 /dev/zero | tr '\\0' x >etc/modules-load.d/big.conf\n"
	"printf '[match]\\ndriver=ixgbe;\\n' >etc/NetworkManager/system-connections/lan\n"
	"chmod 600 etc/NetworkManager/system-connections/lan\n"
	"chown 12:34 etc/NetworkManager/system-connections/lan\n"
	": >lib/udev/rules.d/80-net-setup-link.rules; : >usr/lib/systemd/libsystemd-shared-252.so\n"
	": >'lib/systemd/system/serial-getty@.service'; : >lib/systemd/system/smartd.service\n"
	": >lib/systemd/system/ssh.service\n"
	"ln -s /lib/systemd/system/serial-getty@.service \\\n"
	"  etc/systemd/system/getty.target.wants/serial-getty@ttyS1.service\n"
	"for u in smartd ssh; do ln -s /lib/systemd/system/$u.service "
	"etc/systemd/system/multi-user.target.wants/; done\n"
	"k=lib/modules/6.1.0-1-amd64\n"
	"for m in virtio_pci virtio_blk virtio_scsi virtio_net sd_mod ahci virtio-rng; do\n"
	"  echo kernel/x/$m.ko: >>$k/modules.dep; done; : >$k/modules.builtin\n"
	": >usr/sbin/mkinitramfs\n"
	/* entry NAME: an empty file as cpio's newc has it; the name is filled up to fours. */
	"cat >usr/bin/entry <<'X'\nentry() {\n"
	"printf 070701; for w in 0 33188 0 0 1 0 0 0 0 0 0 $((${#1} + 1)) 0; do\n"
	"printf %08X $w; done\n"
	"printf '%s\\0' \"$1\"; p=$((${#1} + 3)); while [ $((p % 4)) -ne 0 ]; do\n"
	"printf '\\0'; p=$((p + 1)); done; }\nX\n"
	"cat >usr/sbin/update-initramfs <<'X'\n#!/bin/sh\n"
	"[ \"$1 $2\" = '-u -k' ] || exit 9\n. /usr/bin/entry\n"
	"{ while read m; do entry usr/lib/modules/6.1.0-1-amd64/$m.ko; done "
	"</etc/initramfs-tools/modules\n"
	"entry usr/lib/udev/rules.d/80-net-setup-link.rules\n"
	"for f in /etc/systemd/network/*.link; do entry usr/lib/systemd/network/${f##*/}; done\n"
	"entry TRAILER!!!; } >/boot/initrd.img-$3\nX\n"
	"chmod 755 usr/sbin/update-initramfs usr/sbin/mkinitramfs\n"
	": >boot/vmlinuz-6.1.0-1-amd64; . ./usr/bin/entry\n"
	"{ entry usr/lib/modules/6.1.0-1-amd64/ahci.ko; entry TRAILER!!!; } "
	">boot/initrd.img-6.1.0-1-amd64\n"
	"cd ..; echo ipmi_si >outside; truncate -s 200M disk.raw\n"
	"echo 'label: dos\nstart=1MiB, type=83' | sfdisk -q disk.raw\n"
	"mke2fs -q -F -t ext4 -U 11111111-2222-3333-4444-555555555555 -E offset=1048576 -d t "
	"disk.raw 190M\n";

static bool build(void)
{
	char script[sizeof(dir) + 16], cmd[200];
	FILE *f;

	if (!mkdtemp(dir))
		return false;
	snprintf(script, sizeof(script), "%s/build", dir);
	f = fopen(script, "w");
	if (!f || fputs(builder, f) < 0 || fclose(f) != 0)
		return false;
	snprintf(cmd, sizeof(cmd), "PATH=$PATH:/sbin:/usr/sbin sh %s %s >%s/log 2>&1", script, dir,
		 dir);
	return system(cmd) == 0;
}

static pid_t owner;

/* Made before the tests, because it also tells whether there is an appliance here at all. */
static struct fix_report *dry_report;
static char *dry_before;

static void clean(void)
{
	char cmd[sizeof(dir) + 16];

	/* Every test is a child that ends with exit(), too. */
	if (getpid() != owner)
		return;
	fix_report_free(dry_report);
	free(dry_before);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		fprintf(stderr, "cannot remove %s\n", dir);
}

/* What a command says about the disk; "%D" is it, and the partition in it "%P". */
static char *ask(const char *fmt)
{
	CLEANUP(strbuf_done) struct strbuf cmd = { 0 }, out = { 0 };
	char buf[4096];
	size_t n;
	FILE *p;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			strbuf_addn(&cmd, fmt, 1);
			continue;
		}
		strbuf_addf(&cmd, *++fmt == 'D' ? "%s/disk.raw" : "'%s/disk.raw?offset=1048576'",
			    dir);
	}
	strbuf_add(&cmd, " 2>/dev/null");
	p = popen(cmd.s, "r");
	strbuf_add(&out, "");
	if (!p)
		return strbuf_take(&out);
	while ((n = fread(buf, 1, sizeof(buf), p)) > 0)
		strbuf_addn(&out, buf, n);
	pclose(p);
	return strbuf_take(&out);
}

static void holds(const char *path, const char *want)
{
	CLEANUP(mem_free) char *cmd = NULL, *text = NULL;

	ck_assert_int_gt(asprintf(&cmd, "/sbin/debugfs -R 'cat %s' %%P", path), 0);
	text = ask(cmd);
	ck_assert_msg(strcmp(text, want) == 0, "%s holds: %s", path, text);
}

static struct machine *phony_machine(void)
{
	struct machine *m = NULL;
	struct machine_disk *d;
	struct machine_nic *n;

	/* No assertions here: it is used before the tests, too. */
	if (machine_new(&m) < 0)
		return NULL;
	d = machine_grow(&m->disks, &m->ndisks, sizeof(*d));
	d->name = strdup("sda");
	d->path = strdup("/dev/sda");
	n = machine_grow(&m->nics, &m->nnics, sizeof(*n));
	n->name = strdup("eno1");
	n->kind = strdup("physical");
	n->mac = strdup("02:00:00:00:00:01");
	n->driver = strdup("ixgbe");
	m->firmware.type = MACHINE_FIRMWARE_BIOS;
	m->os.root_uuid = strdup("11111111-2222-3333-4444-555555555555");
	return m;
}

static int try(bool dry, const char *const *skip, struct fix_report **ret, struct err *err)
{
	CLEANUP(machine_free) struct machine *m = phony_machine();
	CLEANUP(mem_free) char *path = NULL;
	struct fix_image image = { .name = "sda", .format = "raw", .logical_sector = 512 };
	struct fix_options opt = { .images = &image, .nimages = 1, .machine = m, .dry_run = dry,
				   .tcg = true, .skip = skip };

	if (asprintf(&path, "%s/disk.raw", dir) < 0)
		return -ENOMEM;
	image.path = path;
	return fix_run(&opt, ret, err);
}

static struct fix_report *run(bool dry, const char *const *skip)
{
	struct fix_report *rep = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(try(dry, skip, &rep, &err) == 0, "%s", err.text);
	return rep;
}

static enum fix_state state_of(const struct fix_report *rep, const char *id)
{
	for (size_t i = 0; i < rep->nresults; i++)
		if (strcmp(rep->results[i].id, id) == 0)
			return rep->results[i].state;
	ck_abort_msg("no result for %s", id);
}

static const char *const touched[] = {
	"device-names", "bootloader", "resume", "network-names", "network-config", "serial-console",
	"hardware-services", "hardware-modules", "initramfs", "grub-install",
};
#define NTOUCHED (sizeof(touched) / sizeof(touched[0]))

START_TEST(dry_run_finds_everything_and_changes_nothing)
{
	CLEANUP(mem_free) char *after = ask("sha256sum %D"), *text = NULL;
	const struct fix_report *rep = dry_report;
	CLEANUP(json_unref) json_t *json = NULL;

	ck_assert_ptr_nonnull(rep);
	for (size_t i = 0; i < NTOUCHED; i++)
		ck_assert_msg(state_of(rep, touched[i]) == FIX_WOULD_APPLY, "%s", touched[i]);
	ck_assert_str_eq(rep->os_name, "Debian GNU/Linux 12 (phony)");
	ck_assert_int_eq(rep->caps.block, VM_BLOCK_VIRTIO_SCSI);
	ck_assert_int_eq(rep->caps.net, VM_NET_VIRTIO);
	ck_assert(rep->caps.virtio_rng && !rep->caps.virtio_balloon && rep->caps.serial_console);
	ck_assert_str_eq(rep->caps.osinfo, "http://debian.org/debian/12");
	ck_assert_uint_gt(strlen(after), 64);
	ck_assert_str_eq(dry_before, after);
	ck_assert_int_eq(fix_report_to_json(rep, &json, NULL), 0);
	text = jsonx_dump(json);
	ck_assert_ptr_nonnull(strstr(text, "+UUID=11111111-2222-3333-4444-555555555555\\t/"));
	ck_assert_ptr_nonnull(strstr(text, "\"state\": \"would-apply\""));
}
END_TEST

START_TEST(fixes_are_made_once)
{
	static const char *const skip[] = { "serial-console", NULL };
	CLEANUP(fix_report_free) struct fix_report *first = run(false, skip), *second = NULL;
	CLEANUP(mem_free) char *stat = NULL, *outside = NULL, *listing = NULL;
	char path[64];

	for (size_t i = 0; i < NTOUCHED; i++)
		ck_assert_msg(state_of(first, touched[i]) ==
			      (strcmp(touched[i], skip[0]) == 0 ? FIX_SKIPPED : FIX_APPLIED), "%s",
			      touched[i]);
	ck_assert_int_eq(first->caps.block, VM_BLOCK_VIRTIO_SCSI);
	holds("/etc/fstab",
	      "# kept\nUUID=11111111-2222-3333-4444-555555555555\t/\text4\tdefaults 0 1\n"
	      "/dev/sdq1 /data ext4 defaults,nofail,x-systemd.device-timeout=5s 0 2\n");
	holds("/etc/initramfs-tools/conf.d/resume", "RESUME=none\n");
	holds("/etc/initramfs-tools/conf.d/zz-p2v", "MODULES=most\n");
	holds("/etc/initramfs-tools/modules",
	      "virtio_pci\nvirtio_blk\nvirtio_scsi\nvirtio_net\nsd_mod\n");
	/* The console was to be left alone, the root device not. */
	holds("/boot/grub/grub.cfg", "menuentry x {\n\tlinux /boot/vmlinuz-6.1.0-1-amd64 "
	      "root=UUID=11111111-2222-3333-4444-555555555555 ro console=ttyS1,9600\n}\n");
	holds("/boot/grub/device.map", "");
	holds("/etc/modules-load.d/hw.conf", "#coretemp\nloop\n");
	holds("/etc/NetworkManager/system-connections/lan",
	      "[match]\ninterface-name=eno1\n#driver=ixgbe;\n");
	stat = ask("/sbin/debugfs -R 'stat /etc/NetworkManager/system-connections/lan' %P");
	ck_assert_ptr_nonnull(strstr(stat, "Mode:  0600"));
	ck_assert_ptr_nonnull(strstr(stat, "User:    12   Group:    34"));
	holds("/etc/systemd/network/10-p2v-eno1.link",
	      "# The name that this interface had on the physical machine.\n"
	      "[Match]\nPermanentMACAddress=02:00:00:00:00:01\n\n[Link]\nName=eno1\n");
	holds("/var/backups/p2v/initrd-6.1.0-1-amd64", "");
	listing = ask("/sbin/debugfs -R 'ls /etc/systemd/system/multi-user.target.wants' %P");
	ck_assert_ptr_null(strstr(listing, "smartd"));
	ck_assert_ptr_nonnull(strstr(listing, "ssh.service"));
	snprintf(path, sizeof(path), "cat %s/outside", dir);
	outside = ask(path);
	ck_assert_str_eq(outside, "ipmi_si\n");

	second = run(false, skip);
	for (size_t i = 0; i < second->nresults; i++)
		ck_assert_msg(second->results[i].state == FIX_NOT_NEEDED ||
			      second->results[i].state == FIX_SKIPPED, "%s", second->results[i].id);
	free(stat);
	stat = ask("/sbin/e2fsck -fn %P");
	ck_assert_msg(strstr(stat, "non-contiguous"), "%s", stat);
}
END_TEST

START_TEST(unknown_ids_are_refused)
{
	static const char *const skip[] = { "no-such-fix", NULL };
	struct fix_image image = { .name = "sda", .path = "/nonexistent", .format = "raw" };
	struct fix_options opt = { .images = &image, .nimages = 1, .skip = skip };
	struct fix_report *rep = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(fix_run(&opt, &rep, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "no-such-fix"));
	opt.skip = NULL;
	opt.nimages = 0;
	ck_assert_int_eq(fix_run(&opt, &rep, &err), -EINVAL);
	ck_assert_ptr_null(rep);
}
END_TEST

START_TEST(no_system_is_an_error)
{
	CLEANUP(mem_free) char *path = NULL, *made = NULL;
	struct fix_image image = { .name = "sda", .format = "raw", .logical_sector = 512 };
	struct fix_options opt = { .images = &image, .nimages = 1, .tcg = true, .dry_run = true };
	struct fix_report *rep = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_gt(asprintf(&path, "%s/empty.raw", dir), 0);
	made = ask("truncate -s 8M $(dirname %D)/empty.raw");
	image.path = path;
	ck_assert_int_eq(fix_run(&opt, &rep, &err), -ENOENT);
	ck_assert_ptr_null(rep);
}
END_TEST

/* The second copy of a GPT goes to the new end of a disk that has grown, and of no other. */
START_TEST(tables_move_with_the_end)
{
	static const char make[] =
		"cd $(dirname %D); for f in grown same; do truncate -s 8M $f.raw; "
		"printf 'label: gpt\\nstart=2048, size=8192\\n' | "
		"PATH=$PATH:/sbin sfdisk -q $f.raw; "
		"truncate -s 16M $f.raw; done; cp --sparse=always disk.raw copy.raw; "
		"PATH=$PATH:/sbin sfdisk -J grown.raw 2>/dev/null | grep '\"start\"\\|\"uuid\"'";
	CLEANUP(mem_free) char *before = ask(make), *after = NULL, *ends = NULL;
	CLEANUP(machine_free) struct machine *m = phony_machine();
	static const char *const only[] = { "trim", NULL };
	static const char *const names[] = { "copy", "grown", "same" };
	struct fix_image images[3];
	struct fix_options opt = { .images = images, .nimages = 3, .machine = m, .tcg = true,
				   .only = only };
	char paths[3][64];

	for (size_t i = 0; i < 3; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%s.raw", dir, names[i]);
		images[i] = (struct fix_image){ .name = names[i], .path = paths[i], .format = "raw",
						.logical_sector = 512, .grown = i == 1 };
	}
	for (int dry = 1; dry >= 0; dry--) {
		CLEANUP(fix_report_free) struct fix_report *rep = NULL;
		struct err err = ERR_INIT;

		opt.dry_run = dry;
		ck_assert_msg(fix_run(&opt, &rep, &err) == 0, "%s", err.text);
		free(ends);
		ends = ask("cd $(dirname %D); for f in grown same; do "
			   "tail -c 512 $f.raw | head -c 8 | tr -d '\\0'; "
			   "echo .; done");
		ck_assert_str_eq(ends, dry ? ".\n.\n" : "EFI PART.\n.\n");
		ck_assert_msg(rep->warnings.n == 0, "%s", rep->warnings.v[0]);
	}
	ck_assert_uint_gt(strlen(before), 20);
	after = ask("cd $(dirname %D); PATH=$PATH:/sbin sfdisk -J grown.raw 2>/dev/null | "
		    "grep '\"start\"\\|\"uuid\"'");
	ck_assert_str_eq(before, after);
}
END_TEST

/* A launch that cannot make it in time ends, with everything it started. */
START_TEST(the_probe_keeps_its_time_limit)
{
	struct probe_result res;

	ck_assert_int_eq(probe_appliance(true, 1, &res, NULL), 0);
	ck_assert(res.timed_out);
	ck_assert(!res.works);
	ck_assert(res.seconds < 18);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static Suite *guest_suite(void)
{
	Suite *s = suite_create("postfix_guest");
	TCase *t = tcase_create("postfix_guest");
	struct err err = ERR_INIT;
	int r;

	if (geteuid() != 0)
		UNIT_SKIP("needs root");
	owner = getpid();
	if (!build()) {
		clean();
		UNIT_SKIP("cannot make a guest: mke2fs, sfdisk or dash is missing");
	}
	atexit(clean);
	dry_before = ask("sha256sum %D");
	r = try(true, NULL, &dry_report, &err);
	if (r < 0)
		printf("# %s\n", err.text);
	if (r < 0 && (strstr(err.text, "launch") || strstr(err.text, "did not start")))
		UNIT_SKIP("the libguestfs appliance does not start");
	tcase_set_timeout(t, 600);
	tcase_add_test(t, unknown_ids_are_refused);
	tcase_add_test(t, the_probe_keeps_its_time_limit);
	tcase_add_test(t, no_system_is_an_error);
	tcase_add_test(t, dry_run_finds_everything_and_changes_nothing);
	tcase_add_test(t, fixes_are_made_once);
	tcase_add_test(t, tables_move_with_the_end);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(guest_suite)
