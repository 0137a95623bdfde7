/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tools that make an initramfs. Each is known by its files, never by the distribution.
 *
 * They run in the appliance, whose hardware is not the guest's: what looks at the running machine
 * (MODULES=dep, hostonly, autodetect) is switched off for this run, for it would describe the
 * appliance. The settings that stay only add the drivers: later, in the virtual machine, a tool
 * that looks around sees the right hardware.
 */
#include "postfix/linux/linux_initramfs.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "postfix/linux/initrd_conf.h"
#include "postfix/linux/lines.h"
#include "postfix/linux/modlist.h"

#define TOOLS_CONF_D	"/etc/initramfs-tools/conf.d"
#define POLICY_FILE	TOOLS_CONF_D "/zz-p2v"
#define DRACUT_FILE	"/etc/dracut.conf.d/zz-p2v.conf"
#define MODULES_FILE	"/etc/initramfs-tools/modules"

static bool any_file(struct guest *guest, const char *const *paths)
{
	for (; *paths; paths++)
		if (guest_is_file(guest, *paths))
			return true;
	return false;
}

/* Stage what rewrite made of a file; an absent one counts as empty. */
static int stage_text(struct fixer *f, const char *path, const char *to, int r, struct err *err)
{
	if (r < 0)
		return err_nomem(err);
	return r ? guest_edit_write(&f->edits, path, to, 0644, err) : 0;
}

static int read_text(struct fixer *f, const char *path, char **ret, struct err *err)
{
	int r = guest_edit_read(&f->edits, path, ret, err);

	if (r != -ENOENT)
		return r;
	*ret = strdup("");
	return *ret ? 0 : err_nomem(err);
}

static int add_words(struct fixer *f, const char *path, const char *key, const char *const *words,
		     size_t n, bool array, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	int r = read_text(f, path, &text, err);

	if (r < 0)
		return r;
	r = initrd_conf_add_words(text, key, words, n, array, &to);
	return stage_text(f, path, to, r, err);
}

/* Write a file of ours, unless it is there. */
static int write_ours(struct fixer *f, const char *path, struct strbuf *b, struct err *err)
{
	CLEANUP(mem_free) char *have = NULL;

	if (b->failed)
		return err_nomem(err);
	if (guest_edit_read(&f->edits, path, &have, NULL) == 0 && strcmp(have, b->s) == 0)
		return 0;
	return guest_edit_write(&f->edits, path, b->s, 0644, err);
}

static void add_list(struct strbuf *out, const char *before, const char *const *modules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		strbuf_addf(out, "%s%s", before, modules[i]);
}

/* ---- initramfs-tools */

static bool tools_present(struct guest *guest)
{
	/* Debian's dracut may bring an update-initramfs of its own, but never a mkinitramfs. */
	return guest_is_file(guest, "/usr/sbin/mkinitramfs") &&
	       guest_is_file(guest, "/usr/sbin/update-initramfs");
}

void linux_generator_policy(const char *text, char policy[static 16])
{
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		struct span key, value;

		if (lines_is_comment(&l, "#") || !lines_assignment(&l, &key, &value) ||
		    !lines_span_is(key, "MODULES"))
			continue;
		while (value.len && (*value.s == '"' || *value.s == '\'')) {
			value.s++;
			value.len--;
		}
		value.len = strcspn(value.s, "\"' \t\r\n#") < value.len ?
			    strcspn(value.s, "\"' \t\r\n#") : value.len;
		snprintf(policy, 16, "%.*s", (int)MIN(value.len, (size_t)15), value.s);
	}
}

/* A file in /etc takes the place of the one in /usr/share that has its name. */
static int policy_of_dir(struct fixer *f, const char *dir, const char *masked_by,
			 char policy[static 16], struct err *err)
{
	CLEANUP(guest_strings_free) char **names = guest_list(f->guest, dir, NULL);

	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *path = text_format("%s/%s", dir, names[i]);
		CLEANUP(mem_free) char *mask = NULL, *text = NULL;

		if (masked_by)
			mask = text_format("%s/%s", masked_by, names[i]);
		if (!path || (masked_by && !mask))
			return err_nomem(err);
		if (mask && guest_is_file(f->guest, mask))
			continue;
		if (guest_edit_read(&f->edits, path, &text, NULL) >= 0)
			linux_generator_policy(text, policy);
	}
	return 0;
}

static int effective_policy(struct fixer *f, char policy[static 16], struct err *err)
{
	CLEANUP(mem_free) char *conf = NULL;
	int r;

	snprintf(policy, 16, "most");
	if (guest_edit_read(&f->edits, "/etc/initramfs-tools/initramfs.conf", &conf, NULL) >= 0)
		linux_generator_policy(conf, policy);
	r = policy_of_dir(f, "/usr/share/initramfs-tools/conf.d", TOOLS_CONF_D, policy, err);
	return r < 0 ? r : policy_of_dir(f, TOOLS_CONF_D, NULL, policy, err);
}

static int tools_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	char policy[16];
	int r = effective_policy(f, policy, err);

	if (r < 0)
		return r;
	if (strcmp(policy, "dep") == 0) {
		fixer_say(f, "MODULES=dep would look at the machine that builds the image: now "
			     "MODULES=most");
		r = guest_edit_write(&f->edits, POLICY_FILE, "MODULES=most\n", 0644, err);
		if (r < 0)
			return r;
	}
	r = read_text(f, MODULES_FILE, &text, err);
	if (r < 0)
		return r;
	r = modlist_add(text, modules, n, &to);
	return stage_text(f, MODULES_FILE, to, r, err);
}

/* Old versions refuse to update an image that they do not remember making. */
static void tools_command(const struct kernels_one *one, const char *const *modules, size_t n,
			  struct strbuf *out)
{
	(void)modules;
	(void)n;
	strbuf_addf(out, "update-initramfs -u -k %s || update-initramfs -c -t -k %s", one->version,
		    one->version);
}

/* ---- dracut */

static bool dracut_present(struct guest *guest)
{
	static const char *const paths[] = { "/usr/bin/dracut", "/sbin/dracut", "/usr/sbin/dracut",
					     NULL };

	return any_file(guest, paths);
}

static int dracut_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	struct machine_strv links = { 0 };
	int r;

	strbuf_add(&b, "# Drivers for virtual disks, whatever other files here leave out.\n"
		       "add_drivers+=\"");
	add_list(&b, " ", modules, n);
	strbuf_add(&b, " \"\nfor p2v_driver in virtio virtio_ring");
	add_list(&b, " ", modules, n);
	strbuf_add(&b, "; do\n\tomit_drivers=\" ${omit_drivers} \"\n"
		       "\tomit_drivers=\"${omit_drivers// ${p2v_driver} / }\"\ndone\n");
	r = linux_ramdisk_links(f, &links);
	if (r >= 0 && links.n) {
		strbuf_add(&b, "install_items+=\"");
		add_list(&b, " /etc/systemd/network/", (const char *const *)links.v, links.n);
		strbuf_add(&b, " \"\n");
	}
	linux_ramdisk_strv_done(&links);
	return r < 0 ? err_nomem(err) : write_ours(f, DRACUT_FILE, &b, err);
}

/* dracut 004 of RHEL 6 lacks some of the options: it is asked. */
static void dracut_options(const char *const *modules, size_t n, struct strbuf *out)
{
	strbuf_add(out, "o=; h=$(dracut --help 2>&1); "
			"for x in --no-hostonly --no-hostonly-cmdline; do "
			"case \"$h\" in *\"$x\"*) o=\"$o $x\";; esac; done; ");
	strbuf_add(out, "dracut --force $o");
	if (n) {
		strbuf_add(out, " --add-drivers \"");
		add_list(out, " ", modules, n);
		strbuf_add(out, " \"");
	}
}

static void dracut_command(const struct kernels_one *one, const char *const *modules, size_t n,
			   struct strbuf *out)
{
	dracut_options(modules, n, out);
	strbuf_addf(out, " %s %s", one->initrd, one->version);
}

/* ---- mkinitcpio */

static bool mkinitcpio_present(struct guest *guest)
{
	static const char *const paths[] = { "/usr/bin/mkinitcpio", "/sbin/mkinitcpio", NULL };

	return any_file(guest, paths);
}

static int mkinitcpio_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	if (!guest_is_dir(f->guest, "/etc/mkinitcpio.conf.d"))
		return add_words(f, "/etc/mkinitcpio.conf", "MODULES", modules, n, true, err);
	if (!n)
		return 0;
	strbuf_add(&b, "# Drivers for virtual disks.\nMODULES+=(");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&b, "%s%s", i ? " " : "", modules[i]);
	strbuf_add(&b, ")\n");
	return write_ours(f, "/etc/mkinitcpio.conf.d/zz-p2v.conf", &b, err);
}

/* A copy of the settings without the hook that looks at the machine at hand. */
#define MKINITCPIO_CONF	"/var/tmp/p2v-mkinitcpio.conf"
#define MKINITCPIO_BEGIN \
	"for c in /etc/mkinitcpio.conf /etc/mkinitcpio.conf.d/*.conf; do " \
	"test ! -f $c || { cat $c; echo; }; done | " \
	"sed \"/^[[:space:]]*#/!s/\\bautodetect\\b//g\" >" MKINITCPIO_CONF \
	"; mkinitcpio -c " MKINITCPIO_CONF " -k %s "
#define MKINITCPIO_END	"; r=$?; rm -f " MKINITCPIO_CONF "; test $r = 0"

static void mkinitcpio_command(const struct kernels_one *one, const char *const *modules, size_t n,
			       struct strbuf *out)
{
	(void)modules;
	(void)n;
	strbuf_addf(out, MKINITCPIO_BEGIN "-g %s" MKINITCPIO_END, one->version, one->initrd);
}

/* ---- booster */

static bool booster_present(struct guest *guest)
{
	return guest_is_file(guest, "/usr/bin/booster");
}

static int booster_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	int r = read_text(f, "/etc/booster.yaml", &text, err);

	if (r < 0)
		return r;
	r = initrd_conf_add_yaml(text, "modules", modules, n, &to);
	return stage_text(f, "/etc/booster.yaml", to, r, err);
}

static void booster_command(const struct kernels_one *one, const char *const *modules, size_t n,
			    struct strbuf *out)
{
	(void)modules;
	(void)n;
	strbuf_addf(out, "booster build --force --universal --kernel-version %s %s", one->version,
		    one->initrd);
}

/* ---- mkinitfs */

static bool mkinitfs_present(struct guest *guest)
{
	static const char *const paths[] = { "/sbin/mkinitfs", "/usr/sbin/mkinitfs", NULL };

	return any_file(guest, paths);
}

/* A feature is a file with the paths of modules; ours stands beside those of the package. */
static int mkinitfs_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	static const char *const feature[] = { "p2v" };
	static const char *const paths[][2] = {
		{ "virtio_pci", "kernel/drivers/virtio/virtio_pci.ko*" },
		{ "virtio_blk", "kernel/drivers/block/virtio_blk.ko*" },
		{ "virtio_scsi", "kernel/drivers/scsi/virtio_scsi.ko*" },
		{ "virtio_net", "kernel/drivers/net/virtio_net.ko*" },
		{ "sd_mod", "kernel/drivers/scsi/sd_mod.ko*" },
	};
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(paths); k++)
			if (strcmp(modules[i], paths[k][0]) == 0)
				strbuf_addf(&b, "%s\n", paths[k][1]);
	if (!b.len)
		return b.failed ? err_nomem(err) : 0;
	r = write_ours(f, "/etc/mkinitfs/features.d/p2v.modules", &b, err);
	if (r < 0)
		return r;
	return add_words(f, "/etc/mkinitfs/mkinitfs.conf", "features", feature, 1, false, err);
}

static void mkinitfs_command(const struct kernels_one *one, const char *const *modules, size_t n,
			     struct strbuf *out)
{
	(void)modules;
	(void)n;
	strbuf_addf(out, "mkinitfs -o %s %s", one->initrd, one->version);
}

/* ---- mkinitrd of SUSE, before it had dracut */

#define SUSE_FILE	"/etc/sysconfig/kernel"

static bool suse_present(struct guest *guest)
{
	CLEANUP(mem_free) char *text = NULL;

	return guest_is_file(guest, "/sbin/mkinitrd") &&
	       guest_read(guest, SUSE_FILE, GUEST_TEXT_MAX, &text, NULL, NULL) >= 0 &&
	       strstr(text, "INITRD_MODULES=");
}

static int suse_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	return add_words(f, SUSE_FILE, "INITRD_MODULES", modules, n, false, err);
}

/* It wants names in /boot. */
static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void suse_command(const struct kernels_one *one, const char *const *modules, size_t n,
			 struct strbuf *out)
{
	(void)modules;
	(void)n;
	strbuf_addf(out, "mkinitrd -k %s -i %s", base_name(one->image), base_name(one->initrd));
}

/* ---- mkinitrd of RHEL 5, whose init is a script for nash */

static bool nash_present(struct guest *guest)
{
	return guest_is_file(guest, "/sbin/mkinitrd") && guest_is_file(guest, "/sbin/nash");
}

static int nash_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	const char *disks[3];
	size_t k = 0;
	int r = read_text(f, "/etc/modprobe.conf", &text, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && k < ARRAY_SIZE(disks); i++)
		if (strncmp(modules[i], "virtio_", 7) == 0 && strcmp(modules[i], "virtio_net") != 0)
			disks[k++] = modules[i];
	r = initrd_conf_add_aliases(text, disks, k, &to);
	return stage_text(f, "/etc/modprobe.conf", to, r, err);
}

static void nash_command(const struct kernels_one *one, const char *const *modules, size_t n,
			 struct strbuf *out)
{
	strbuf_add(out, "mkinitrd -f");
	add_list(out, " --with=", modules, n);
	strbuf_addf(out, " %s %s", one->initrd, one->version);
}

/* ---- genkernel */

static bool genkernel_present(struct guest *guest)
{
	return guest_is_file(guest, "/usr/bin/genkernel");
}

static int genkernel_stage(struct fixer *f, const char *const *modules, size_t n, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL, *to = NULL;
	int r = read_text(f, "/etc/genkernel.conf", &text, err);

	(void)modules;
	if (r < 0 || !n)
		return r;
	r = initrd_conf_set(text, "VIRTIO", "yes", &to);
	return stage_text(f, "/etc/genkernel.conf", to, r, err);
}

/* Which kernel it serves is decided by the sources in /usr/src/linux: the result is looked at. */
static void genkernel_command(const struct kernels_one *one, const char *const *modules, size_t n,
			      struct strbuf *out)
{
	(void)one;
	(void)modules;
	(void)n;
	strbuf_add(out, "genkernel --no-mountboot --virtio initramfs");
}

/* ---- all of them */

static const struct linux_generator generators[] = {
	{ "initramfs-tools", RAMDISK_INITRAMFS_TOOLS, tools_present, tools_stage, tools_command },
	{ "dracut", RAMDISK_DRACUT, dracut_present, dracut_stage, dracut_command },
	{ "mkinitcpio", RAMDISK_MKINITCPIO, mkinitcpio_present, mkinitcpio_stage,
	  mkinitcpio_command },
	{ "booster", RAMDISK_BOOSTER, booster_present, booster_stage, booster_command },
	{ "mkinitfs", RAMDISK_MKINITFS, mkinitfs_present, mkinitfs_stage, mkinitfs_command },
	{ "mkinitrd (SUSE)", RAMDISK_SUSE, suse_present, suse_stage, suse_command },
	{ "mkinitrd (RHEL 5)", RAMDISK_NASH, nash_present, nash_stage, nash_command },
	{ "genkernel", RAMDISK_GENKERNEL, genkernel_present, genkernel_stage, genkernel_command },
};

const struct linux_generator *linux_generator_find(struct guest *guest, enum ramdisk_kind kind)
{
	const struct linux_generator *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(generators); i++) {
		if (!generators[i].present(guest))
			continue;
		if (generators[i].kind == kind)
			return &generators[i];
		if (!first)
			first = &generators[i];
	}
	return first;
}

/* It becomes part of a command, in double quotes. */
static bool cmdline_is_plain(const char *s)
{
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(" =/.,_:@%+-~\n", *s))
			return false;
	return true;
}

int linux_generator_uki(struct guest *guest, const struct kernels_one *one, const char *cmdline,
			struct strbuf *out, struct err *err)
{
	static const char *const stubs[] = { "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
					     "/usr/lib/systemd/boot/efi/linuxaa64.efi.stub", NULL };

	if (!cmdline_is_plain(cmdline))
		return err_set(err, ENOTSUP, "its kernel command line has odd characters");
	if (!any_file(guest, stubs))
		return err_set(err, ENOTSUP,
			       "the guest has no /usr/lib/systemd/boot/efi/linux*.efi.stub to make "
			       "it from");
	if (dracut_present(guest)) {
		dracut_options(NULL, 0, out);
		strbuf_addf(out, " --uefi --kver %s --kernel-cmdline \"%.*s\" %s", one->version,
			    (int)strcspn(cmdline, "\n"), cmdline, one->image);
		return 0;
	}
	if (mkinitcpio_present(guest)) {
		strbuf_addf(out, "echo \"%.*s\" >/var/tmp/p2v-cmdline; " MKINITCPIO_BEGIN
			    "--cmdline /var/tmp/p2v-cmdline -U %s" MKINITCPIO_END,
			    (int)strcspn(cmdline, "\n"), cmdline, one->version, one->image);
		return 0;
	}
	return err_set(err, ENOTSUP,
		       "the guest has neither dracut nor mkinitcpio, which make such images");
}
