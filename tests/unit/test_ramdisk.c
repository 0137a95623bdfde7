/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader of initramfs images: every compression, archives behind each other, damage, bounds;
 * and what is appended, read back by the reader, by cpio and by lsinitramfs.
 */
#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/compiler.h"
#include "common/fdio.h"
#include "postfix/linux/moddep.h"
#include "postfix/linux/ramdisk.h"
#include "postfix/linux/ramdisk_plan.h"
#include "postfix/linux/ramdisk_write.h"
#include "tests/lib/mutate.h"

#define DIR	S_IFDIR | 0755
#define REG	S_IFREG | 0644

static const struct ramdisk_put early[] = {
	{ "kernel", DIR, NULL, 0 },
	{ "kernel/x86", DIR, NULL, 0 },
	{ "kernel/x86/GenuineIntel.bin", REG, "abc", 3 },
};

static const struct ramdisk_put tools[] = {
	{ "conf", DIR, NULL, 0 },
	{ "conf/initramfs.conf", REG, "MODULES=most\n", 13 },
	{ "conf/modules", REG, "ahci\n", 5 },
	{ "usr", DIR, NULL, 0 },
	{ "usr/lib", DIR, NULL, 0 },
	{ "usr/lib/modules", DIR, NULL, 0 },
	{ "usr/lib/modules/6.1.0-9-amd64", DIR, NULL, 0 },
	{ "usr/lib/modules/6.1.0-9-amd64/kernel", DIR, NULL, 0 },
	{ "usr/lib/modules/6.1.0-9-amd64/kernel/ahci.ko", REG, "ELF", 3 },
	{ "usr/lib/modules/6.1.0-9-amd64/modules.dep", REG, "kernel/ahci.ko:\n", 16 },
	{ "usr/lib/udev/rules.d/80-drivers.rules", REG, "", 0 },
};

static const struct ramdisk_put more[] = {
	{ "conf/modules", REG, "ahci\nvirtio_blk\n", 16 },
	{ "usr/lib/modules/6.1.0-9-amd64/kernel/virtio_blk.ko", REG, "ELF2", 4 },
};

static const char *const keep[] = { "conf/modules", "config", NULL };

static char *take_fd(int fd, size_t *ret_len)
{
	char *data = NULL;

	ck_assert_int_ge((int)lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(fdio_read_fd(fd, 256 * MIB, &data, ret_len), 0);
	return data;
}

static char *archive_of(const struct ramdisk_put *v, size_t n, size_t *ret_len)
{
	CLEANUP(fd_close) int fd = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ramdisk_write_append(fd, 0, v, n, false, NULL), 0);
	return take_fd(fd, ret_len);
}

/* What a program makes of data; NULL when it is not installed. */
static char *through(const char *command, const void *data, size_t len, size_t *ret_len)
{
	CLEANUP(mem_free) char *in = NULL, *out = NULL, *line = NULL;
	char dir[] = "/tmp/p2v-ramdisk-XXXXXX";
	char *got = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert(asprintf(&in, "%s/in", dir) > 0 && asprintf(&out, "%s/out", dir) > 0);
	ck_assert_int_eq(fdio_replace_file(in, data, len, 0600, NULL), 0);
	ck_assert(asprintf(&line, "%s <%s >%s 2>/dev/null", command, in, out) > 0);
	if (system(line) != 0 || fdio_read_file(out, 256 * MIB, &got, ret_len, NULL) < 0)
		got = NULL;
	unlink(in);
	unlink(out);
	rmdir(dir);
	return got;
}

/* Put a piece behind what is there, at a multiple of 4. */
static void join(char **data, size_t *len, const void *piece, size_t n, size_t gap)
{
	size_t at = ALIGN_UP(*len, 4) + gap;
	char *p = realloc(*data, at + n);

	ck_assert_ptr_nonnull(p);
	memset(p + *len, 0, at - *len);
	memcpy(p + at, piece, n);
	*data = p;
	*len = at + n;
}

static const char *const packers[] = {
	"cat", "gzip -9", "xz -T1 --check=crc32", "xz -T1 --check=sha256 --block-size=1KiB",
	"zstd -q -19", "zstd -q -1 --no-check", "lz4 -l -9", "bzip2", "xz --format=lzma",
};

START_TEST(every_compression_is_read_and_what_follows_it_too)
{
	size_t n[3], len = 0, plen;
	CLEANUP(mem_free) char *a = archive_of(early, ARRAY_SIZE(early), &n[0]);
	CLEANUP(mem_free) char *b = archive_of(tools, ARRAY_SIZE(tools), &n[1]);
	CLEANUP(mem_free) char *c = archive_of(more, ARRAY_SIZE(more), &n[2]);
	CLEANUP(mem_free) char *packed = through(packers[_i], b, n[1], &plen), *all = NULL;
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	struct err err = ERR_INIT;

	if (!packed)
		UNIT_LEAVE(packers[_i]);
	join(&all, &len, a, n[0], 0);
	join(&all, &len, packed, plen, 512);
	join(&all, &len, c, n[2], 8);
	ck_assert_msg(ramdisk_read(all, len, keep, &r, &err) == 0, "%s: %s", packers[_i], err.text);
	ck_assert_uint_eq(r.archives, 3);
	ck_assert_uint_eq(r.n, ARRAY_SIZE(early) + ARRAY_SIZE(tools) + ARRAY_SIZE(more));
	ck_assert_int_eq(r.last, RAMDISK_PACK_CPIO);
	ck_assert_int_eq(ramdisk_kind(&r), RAMDISK_INITRAMFS_TOOLS);
	ck_assert(ramdisk_has_module(&r, "6.1.0-9-amd64", "virtio_blk"));
	ck_assert(ramdisk_has_module(&r, "6.1.0-9-amd64", "ahci"));
	ck_assert(!ramdisk_has_module(&r, "6.1.0-9", "ahci"));
	ck_assert(!ramdisk_has_module(&r, "6.1.0-9-amd64", "virtio_scsi"));
	ck_assert(ramdisk_loads_by_alias(&r));
	/* The later file counts. */
	ck_assert_str_eq(ramdisk_kept(&r, "conf/modules")->data, "ahci\nvirtio_blk\n");
	ck_assert_uint_eq(ramdisk_find(&r, "conf/modules")->size, 16);
}
END_TEST

struct count {
	size_t parsed, refused;
};

static void one_mutant(const uint8_t *data, size_t len, const char *what, void *opaque)
{
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	struct count *c = opaque;
	struct err err = ERR_INIT;

	if (ramdisk_read(data, len, keep, &r, &err) == 0) {
		c->parsed++;
		ck_assert_uint_le(r.n, RAMDISK_ENTRIES_MAX);
		return;
	}
	c->refused++;
	ck_assert_msg(err.text[0], "%s", what);
}

START_TEST(damage_is_refused_or_read_and_never_crashes)
{
	size_t n, len = 0, plen, mutants;
	CLEANUP(mem_free) char *b = archive_of(tools, ARRAY_SIZE(tools), &n);
	CLEANUP(mem_free) char *packed = through(packers[_i], b, n, &plen), *all = NULL;
	struct count c = { 0 };

	if (!packed)
		UNIT_LEAVE(packers[_i]);
	join(&all, &len, packed, plen, 0);
	join(&all, &len, b, n, 0);
	mutants = mutate_each(all, len, unit_slow() ? 200 : UNIT_SANITIZED ? 600 : 3000,
			      one_mutant, &c);
	ck_assert_uint_eq(c.parsed + c.refused, mutants);
	ck_assert_uint_gt(c.refused, 0);
}
END_TEST

START_TEST(it_ends_where_it_ends)
{
	size_t n;
	CLEANUP(mem_free) char *b = archive_of(tools, ARRAY_SIZE(tools), &n);
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(ramdisk_read("", 0, keep, &r, &err), -EBADMSG);
	ck_assert_int_eq(ramdisk_read("\0\0\0\0", 4, keep, &r, &err), -EBADMSG);
	ck_assert_int_eq(ramdisk_read("#!/bin/sh\n", 10, keep, &r, &err), -EBADMSG);
	ck_assert_int_eq(ramdisk_read(b, n / 2, keep, &r, &err), -EBADMSG);
	ck_assert_int_eq(ramdisk_read("\x89LZO\0\r\n\x1a\n", 9, keep, &r, &err), -ENOTSUP);
}
END_TEST

/* "070701", 13 numbers, a name. */
static size_t put_header(char *to, unsigned int mode, unsigned int size, const char *name)
{
	size_t len = strlen(name) + 1;
	int n = sprintf(to, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 0, mode,
			0, 0, 1, 0, size, 0, 0, 0, 0, (unsigned int)len, 0);

	memcpy(to + n, name, len);
	memset(to + n + len, 0, 4);
	return ALIGN_UP((size_t)n + len, 4);
}

START_TEST(too_many_entries_are_too_many)
{
	size_t each = 120, count = RAMDISK_ENTRIES_MAX + 1, len = 0;
	CLEANUP(mem_free) char *data = malloc((count + 1) * each + 200);
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(data);
	for (size_t i = 0; i < count; i++)
		len += put_header(data + len, REG, 0, "a");
	ck_assert_int_eq(ramdisk_read(data, len, NULL, &r, &err), -EFBIG);
	/* One less is well. */
	len -= each - each % 4;
	len = 0;
	for (size_t i = 0; i + 1 < count; i++)
		len += put_header(data + len, REG, 0, "a");
	len += put_header(data + len, 0, 0, "TRAILER!!!");
	ck_assert_msg(ramdisk_read(data, len, NULL, &r, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(r.n, RAMDISK_ENTRIES_MAX);
}
END_TEST

START_TEST(odd_headers_are_refused)
{
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	char data[400] = { 0 };
	size_t n = put_header(data, REG, 0xffffffffu, "big");
	struct err err = ERR_INIT;

	/* A file of 4 GiB that is not there. */
	ck_assert_int_eq(ramdisk_read(data, n, (const char *const[]){ "*", NULL }, &r, &err),
			 -EBADMSG);
	n = put_header(data, REG, 0, "x");
	memcpy(data + 94, "00000000", 8);
	ck_assert_int_eq(ramdisk_read(data, n, NULL, &r, &err), -EBADMSG);
	memcpy(data + 94, "ffffffff", 8);
	ck_assert_int_eq(ramdisk_read(data, n, NULL, &r, &err), -EBADMSG);
	memcpy(data + 94, "0000000g", 8);
	ck_assert_int_eq(ramdisk_read(data, n, NULL, &r, &err), -EBADMSG);
	n = put_header(data, REG, 0, "a\0b");
	memcpy(data + 94, "00000004", 8);
	ck_assert_int_eq(ramdisk_read(data, n + 4, NULL, &r, &err), -EBADMSG);
}
END_TEST

/* dracut --enhanced-cpio and 3cpio --data-align do so: a kernel reads up to the first zero. */
START_TEST(names_may_be_filled_up_with_zeroes)
{
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	char data[4096 + 256] = { 0 };
	size_t n = 4096;
	struct err err = ERR_INIT;
	char length[9];

	put_header(data, REG, 8, "conf/modules");
	sprintf(length, "%08x", 4096 - 110);
	memcpy(data + 94, length, 8);
	memcpy(data + n, "ahci\nsd\n", 8);
	n += 8;
	n += put_header(data + n, 0, 0, "TRAILER!!!");
	ck_assert_msg(ramdisk_read(data, n, keep, &r, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(r.n, 1);
	ck_assert_ptr_nonnull(ramdisk_find(&r, "conf/modules"));
	ck_assert_uint_eq(r.nkept, 1);
	ck_assert_str_eq(r.kept[0].data, "ahci\nsd\n");
	/* Something behind the zeroes is no filling. */
	data[4095] = 'x';
	ck_assert_int_eq(ramdisk_read(data, n, keep, &r, &err), -EBADMSG);
	data[4095] = '\0';
	data[200] = 'x';
	ck_assert_int_eq(ramdisk_read(data, n, keep, &r, &err), -EBADMSG);
}
END_TEST

static const char dep_text[] =
	"kernel/a/virtio_blk.ko: kernel/v/virtio_ring.ko kernel/v/virtio.ko\n"
	"kernel/v/virtio_ring.ko: kernel/v/virtio.ko\n"
	"kernel/v/virtio.ko:\n"
	"kernel/v/virtio-pci.ko: kernel/v/virtio_ring.ko\n"
	"kernel/ahci.ko:\n"
	"no colon\n: nothing\n"
	"kernel/evil.ko: ../../../etc/shadow /etc/passwd\n";

START_TEST(modules_come_with_what_they_need)
{
	static const char *const names[] = { "virtio_blk", "virtio_pci", "sd_mod", "evil" };
	CLEANUP(moddep_done) struct moddep d = { 0 };
	struct machine_strv got = { 0 };

	ck_assert_int_eq(moddep_parse(dep_text, "6.1", &d), 0);
	ck_assert_uint_eq(d.n, 6);
	ck_assert_int_eq(moddep_closure(&d, names, ARRAY_SIZE(names), &got), 0);
	ck_assert_uint_eq(got.n, 5);
	ck_assert_str_eq(got.v[0], "kernel/a/virtio_blk.ko");
	ck_assert_str_eq(got.v[1], "kernel/v/virtio-pci.ko");
	ck_assert_str_eq(got.v[2], "kernel/evil.ko");
	ck_assert(machine_strv_has(&got, "kernel/v/virtio_ring.ko"));
	ck_assert(machine_strv_has(&got, "kernel/v/virtio.ko"));
	machine_strv_done(&got);
}
END_TEST

START_TEST(old_systems_write_whole_paths)
{
	static const char *const names[] = { "virtio_blk" };
	CLEANUP(moddep_done) struct moddep d = { 0 };
	struct machine_strv got = { 0 };

	ck_assert_int_eq(moddep_parse("/lib/modules/2.6.18/kernel/b/virtio_blk.ko: "
				      "/lib/modules/2.6.18/kernel/v/virtio.ko\n"
				      "/lib/modules/2.6.18/kernel/v/virtio.ko:\n",
				      "2.6.18", &d), 0);
	ck_assert(moddep_has_path(&d, "kernel/b/virtio_blk.ko"));
	ck_assert_int_eq(moddep_closure(&d, names, 1, &got), 0);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_str_eq(got.v[1], "kernel/v/virtio.ko");
	free(got.v[0]);
	free(got.v[1]);
	free(got.v);
}
END_TEST

static const char *const wanted[] = { "virtio_blk", "virtio_pci" };
static char i0[] = "modules.dep", i1[] = "modules.dep.bin", i2[] = "modules.alias.bin",
	    i3[] = "modules.order", i4[] = "kernel";
static char *indexes[] = { i0, i1, i2, i3, i4, NULL };

static int plan_for(const struct ramdisk_put *v, size_t n, const char *dep, char **changed,
		    size_t nchanged, struct ramdisk_plan *p, struct err *err)
{
	CLEANUP(ramdisk_done) struct ramdisk r = { 0 };
	size_t len;
	CLEANUP(mem_free) char *data = archive_of(v, n, &len);
	struct ramdisk_plan_input in = {
		.image = &r, .version = "6.1.0-9-amd64", .dep = dep, .indexes = indexes,
		.modules = wanted, .nmodules = ARRAY_SIZE(wanted),
		.changed = changed, .nchanged = nchanged,
	};

	ck_assert_int_eq(ramdisk_read(data, len, ramdisk_plan_keep, &r, NULL), 0);
	return ramdisk_plan_make(&in, p, err);
}

static const struct ramdisk_plan_file *planned(const struct ramdisk_plan *p, const char *to)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].to, to) == 0)
			return &p->v[i];
	return NULL;
}

START_TEST(the_plan_for_initramfs_tools)
{
	static char c1[] = "/etc/initramfs-tools/conf.d/resume", c2[] = "/etc/crypttab",
		    c3[] = "/etc/systemd/network/10-p2v-eth0.link";
	char *changed[] = { c1, c2, c3 };
	CLEANUP(ramdisk_plan_done) struct ramdisk_plan p = { 0 };
	struct err err = ERR_INIT;

	ck_assert_msg(plan_for(tools, ARRAY_SIZE(tools), dep_text, changed, 3, &p, &err) == 0,
		      "%s", err.text);
	ck_assert_str_eq(planned(&p, "conf/modules")->text, "ahci\nvirtio_blk\nvirtio_pci\n");
	ck_assert_str_eq(
		planned(&p, "usr/lib/modules/6.1.0-9-amd64/kernel/a/virtio_blk.ko")->from,
		"/lib/modules/6.1.0-9-amd64/kernel/a/virtio_blk.ko");
	ck_assert_ptr_nonnull(planned(&p, "usr/lib/modules/6.1.0-9-amd64/kernel/v/virtio.ko"));
	/* A folder that is not there is made before what is in it; one that is there is not. */
	ck_assert(planned(&p, "usr/lib/modules/6.1.0-9-amd64/kernel/a") <
		  planned(&p, "usr/lib/modules/6.1.0-9-amd64/kernel/a/virtio_blk.ko"));
	ck_assert_ptr_null(planned(&p, "usr/lib/modules/6.1.0-9-amd64/kernel"));
	/* The index in text only because the image has it. */
	ck_assert_ptr_nonnull(planned(&p, "usr/lib/modules/6.1.0-9-amd64/modules.dep"));
	ck_assert_ptr_nonnull(planned(&p, "usr/lib/modules/6.1.0-9-amd64/modules.dep.bin"));
	ck_assert_ptr_null(planned(&p, "usr/lib/modules/6.1.0-9-amd64/modules.order"));
	ck_assert_str_eq(planned(&p, "conf/conf.d/resume")->from, c1);
	/* No rule for names in it: no .link file. crypttab has another place: not known. */
	ck_assert_ptr_null(planned(&p, "etc/systemd/network/10-p2v-eth0.link"));
	ck_assert_uint_eq(p.unplaced.n, 1);
	ck_assert_str_eq(p.unplaced.v[0], "/etc/crypttab");
}
END_TEST

#define MODULES	"usr/lib/modules/6.1.0-9-amd64"

START_TEST(other_plans)
{
	static const struct ramdisk_put dracut[] = {
		{ "usr/lib/dracut", DIR, NULL, 0 }, { MODULES, DIR, NULL, 0 },
		{ "usr/lib/systemd/systemd-modules-load", REG, "", 0 },
		{ "usr/lib/udev/rules.d/80-net-setup-link.rules", REG, "", 0 },
	};
	static const struct ramdisk_put arch[] = {
		{ "init_functions", REG, "", 0 }, { MODULES, DIR, NULL, 0 },
		{ "config", REG, "MODULES=\"ahci\"", 14 },
	};
	static const struct ramdisk_put unpacked[] = {
		{ "usr/lib/dracut", DIR, NULL, 0 }, { MODULES, DIR, NULL, 0 },
		{ MODULES "/kernel/other.ko", REG, "", 0 },
	};
	static const struct ramdisk_put nothing[] = { { MODULES, DIR, NULL, 0 } };
	static const struct ramdisk_put link[] = {
		{ "usr/lib/dracut", DIR, NULL, 0 }, { MODULES, DIR, NULL, 0 },
		{ MODULES "/kernel", S_IFREG | 0644, "", 0 },
	};
	static const struct ramdisk_put nested[] = {
		{ "usr/lib/dracut", DIR, NULL, 0 }, { MODULES, DIR, NULL, 0 },
		{ "squashfs-root.img", REG, "", 0 },
	};
	static char c1[] = "/etc/systemd/network/10-p2v-eth0.link";
	char *changed[] = { c1 };
	struct ramdisk_plan p = { 0 };
	struct err err = ERR_INIT;

	ck_assert_int_eq(plan_for(dracut, 4, dep_text, changed, 1, &p, &err), 0);
	ck_assert_str_eq(planned(&p, "etc/cmdline.d/99-p2v.conf")->text,
			 "rd.driver.pre=virtio_blk rd.driver.pre=virtio_pci\n");
	ck_assert_str_eq(planned(&p, "etc/modules-load.d/zz-p2v.conf")->text,
			 "virtio_blk\nvirtio_pci\n");
	ck_assert_ptr_nonnull(planned(&p, "etc/systemd/network/10-p2v-eth0.link"));
	ck_assert_ptr_nonnull(planned(&p, "etc/systemd"));
	ramdisk_plan_done(&p);
	ck_assert_int_eq(plan_for(arch, 3, dep_text, NULL, 0, &p, &err), 0);
	ck_assert_str_eq(planned(&p, "config")->text,
			 "MODULES=\"ahci\"\n# p2v: drivers for virtual disks\n"
			 "MODULES=\"${MODULES} virtio_blk virtio_pci\"\n");
	ramdisk_plan_done(&p);
	/* Nothing would load it; names differ; a file in the way; files that are not seen. */
	ck_assert_int_eq(plan_for(nothing, 1, dep_text, NULL, 0, &p, &err), -ENOTSUP);
	ck_assert_int_eq(plan_for(unpacked, 3, dep_text, NULL, 0, &p, &err), -ENOTSUP);
	ck_assert_int_eq(plan_for(link, 3, dep_text, NULL, 0, &p, &err), -ENOTSUP);
	ck_assert_int_eq(plan_for(nested, 3, dep_text, NULL, 0, &p, &err), -ENOTSUP);
	/* Packed modules where the image has none. */
	ck_assert_int_eq(plan_for(dracut, 4, "kernel/virtio_blk.ko.xz:\n", NULL, 0, &p, &err),
			 -ENOTSUP);
	ck_assert(!ramdisk_plan_follows(RAMDISK_PACK_LZ4, "5.4.0-42-generic"));
	ck_assert(ramdisk_plan_follows(RAMDISK_PACK_LZ4, "5.15.0-1"));
	ck_assert(ramdisk_plan_follows(RAMDISK_PACK_GZIP, "2.6.32-71.el6"));
}
END_TEST

/* Other programs read what is appended. */
START_TEST(others_read_it)
{
	size_t n, len;
	CLEANUP(mem_free) char *b = archive_of(tools, ARRAY_SIZE(tools), &n);
	CLEANUP(mem_free) char *listed = through("cpio -it --quiet", b, n, &len);
	CLEANUP(mem_free) char *packed = NULL, *listed2 = NULL;
	CLEANUP(fd_close) int fd = memfd_create("test", MFD_CLOEXEC);
	size_t lines = 0;

	if (!listed)
		UNIT_LEAVE("cpio");
	for (size_t i = 0; i < len; i++)
		lines += listed[i] == '\n';
	ck_assert_uint_eq(lines, ARRAY_SIZE(tools));
	ck_assert_uint_eq(n % 4, 0);
	/* Packed, behind an early archive: as an initramfs of Debian is. */
	ck_assert_int_eq(ramdisk_write_append(fd, 0, early, ARRAY_SIZE(early), false, NULL), 0);
	ck_assert_int_eq(ramdisk_write_append(fd, 0, tools, ARRAY_SIZE(tools), true, NULL), 0);
	packed = take_fd(fd, &n);
	listed2 = through("sh -c 'cat >/tmp/p2v-l.$$ && lsinitramfs /tmp/p2v-l.$$; r=$?; "
			  "rm -f /tmp/p2v-l.$$; exit $r'", packed, n, &len);
	if (!listed2)
		UNIT_LEAVE("lsinitramfs");
	ck_assert_ptr_nonnull(strstr(listed2, "conf/modules"));
	ck_assert_ptr_nonnull(strstr(listed2, "GenuineIntel"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ramdisk");
	TCase *tc = tcase_create("ramdisk");

	tcase_set_timeout(tc, 300);
	tcase_add_loop_test(tc, every_compression_is_read_and_what_follows_it_too, 0,
			    ARRAY_SIZE(packers));
	tcase_add_loop_test(tc, damage_is_refused_or_read_and_never_crashes, 0,
			    ARRAY_SIZE(packers));
	tcase_add_test(tc, it_ends_where_it_ends);
	tcase_add_test(tc, too_many_entries_are_too_many);
	tcase_add_test(tc, odd_headers_are_refused);
	tcase_add_test(tc, names_may_be_filled_up_with_zeroes);
	tcase_add_test(tc, modules_come_with_what_they_need);
	tcase_add_test(tc, old_systems_write_whole_paths);
	tcase_add_test(tc, the_plan_for_initramfs_tools);
	tcase_add_test(tc, other_plans);
	tcase_add_test(tc, others_read_it);
	suite_add_tcase(s, tc);
	return s;
}
UNIT_MAIN(suite)
