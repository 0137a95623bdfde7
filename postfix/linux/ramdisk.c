/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parser takes pieces of any size, because that is how unpacked data comes. It keeps the
 * kernel's rules: headers and file data are aligned to 4 bytes from where the archive's data
 * began, and behind the trailer zeroes may stand.
 */
#include "postfix/linux/ramdisk.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/compiler.h"
#include "common/iszero.h"
#include "common/kernelname.h"
#include "inventory/machine.h"

#define HEADER	110		/* "070701" and 13 numbers of 8 hexadecimal digits */
#define NAME_MAX_BYTES	4096
#define TRAILER	"TRAILER!!!"

enum state { BETWEEN, HEAD, NAME, DATA, PAD };

struct parser {
	struct ramdisk *out;
	const char *const *keep;
	enum state state, after_pad;
	uint64_t at;			/* bytes since the archive's data began */
	uint64_t total;			/* unpacked bytes of all */
	char head[HEADER + 1];
	char name[NAME_MAX_BYTES + 1];
	size_t have, name_len;
	uint32_t mode, size, left;
	struct ramdisk_file *file;	/* whose content is being kept */
	bool trailer;			/* just seen */
};

static int bad(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "%s", what);
}

static bool hex8(const char *s, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		char c = s[i];
		unsigned int d;

		if (c >= '0' && c <= '9')
			d = (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			d = (unsigned int)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			d = (unsigned int)(c - 'A') + 10;
		else
			return false;
		v = v << 4 | d;
	}
	*ret = v;
	return true;
}

static int head_done(struct parser *p, struct err *err)
{
	uint32_t name_len;

	if (memcmp(p->head, "070701", 6) != 0 && memcmp(p->head, "070702", 6) != 0)
		return bad(err, "no cpio archive of the kind that a kernel reads");
	if (!hex8(p->head + 14, &p->mode) || !hex8(p->head + 54, &p->size) ||
	    !hex8(p->head + 94, &name_len))
		return bad(err, "a header with something else than numbers");
	if (name_len == 0 || name_len > NAME_MAX_BYTES)
		return bad(err, "a name of an impossible length");
	p->name_len = name_len;
	p->have = 0;
	p->state = NAME;
	return 0;
}

static bool wanted(const struct parser *p, const char *name)
{
	for (const char *const *k = p->keep; k && *k; k++)
		if (fnmatch(*k, name, 0) == 0)
			return true;
	return false;
}

static int add_entry(struct parser *p, const char *name, struct err *err)
{
	struct ramdisk *out = p->out;
	struct ramdisk_entry *e;

	if (out->n >= RAMDISK_ENTRIES_MAX)
		return err_set(err, EFBIG, "more than %d files in it", RAMDISK_ENTRIES_MAX);
	e = machine_grow(&out->v, &out->n, sizeof(*e));
	if (!e)
		return err_nomem(err);
	e->mode = p->mode;
	e->size = p->size;
	e->order = (uint32_t)out->n;
	e->name = strdup(name);
	if (!e->name)
		return err_nomem(err);
	p->file = NULL;
	if ((S_ISREG(p->mode) || S_ISLNK(p->mode)) && p->size <= RAMDISK_KEEP_MAX &&
	    out->nkept < 256 && wanted(p, name)) {
		struct ramdisk_file *f = machine_grow(&out->kept, &out->nkept, sizeof(*f));

		if (!f)
			return err_nomem(err);
		f->name = strdup(name);
		f->data = calloc(1, (size_t)p->size + 1);
		if (!f->name || !f->data)
			return err_nomem(err);
		p->file = f;
	}
	if (strstr(name, "squashfs-root.img") || strstr(name, "squash-root.img") ||
	    strstr(name, "erofs-root.img"))
		out->nested = true;
	return 0;
}

static int name_done(struct parser *p, struct err *err)
{
	const char *name = p->name;
	size_t len = strnlen(p->name, p->name_len);

	/* More zeroes than one put the data at a multiple of a block, to be shared with a file. */
	if (len == p->name_len || !is_zero(p->name + len, p->name_len - len))
		return bad(err, "a name that does not end where it should");
	p->left = p->size;
	p->state = PAD;
	if (strcmp(name, TRAILER) == 0) {
		p->file = NULL;
		p->trailer = true;
		p->out->archives++;
		p->after_pad = p->left ? DATA : BETWEEN;
		return 0;
	}
	while (*name == '/' || (name[0] == '.' && name[1] == '/'))
		name += *name == '/' ? 1 : 2;
	p->after_pad = p->left ? DATA : BETWEEN;
	p->file = NULL;
	return *name && strcmp(name, ".") != 0 ? add_entry(p, name, err) : 0;
}

static size_t gather(char *to, size_t want, size_t *have, const char *from, size_t n)
{
	size_t k = MIN(want - *have, n);

	memcpy(to + *have, from, k);
	*have += k;
	return k;
}

/* How many of the n bytes were taken: fewer only after a trailer, when to stop was asked for. */
static int feed(struct parser *p, const char *s, size_t n, bool stop, size_t *ret_taken,
		struct err *err)
{
	size_t i = 0;
	int r = 0;

	if (n > RAMDISK_UNPACKED_MAX - p->total)
		return err_set(err, EFBIG, "it unpacks to more than %llu MiB",
			       (unsigned long long)(RAMDISK_UNPACKED_MAX / MIB));
	p->total += n;
	while (i < n && r >= 0) {
		size_t k = 0;

		switch (p->state) {
		case BETWEEN:
			if (p->trailer && stop)
				goto out;
			/* Zeroes between archives, never between the files of one. */
			if (s[i] == '\0') {
				k = 1;
				break;
			}
			p->have = 0;
			p->trailer = false;
			p->state = HEAD;
			break;
		case HEAD:
			k = gather(p->head, HEADER, &p->have, s + i, n - i);
			if (p->have == HEADER)
				r = head_done(p, err);
			break;
		case NAME:
			k = gather(p->name, p->name_len, &p->have, s + i, n - i);
			if (p->have == p->name_len)
				r = name_done(p, err);
			break;
		case DATA:
			k = MIN((size_t)p->left, n - i);
			if (p->file) {
				memcpy(p->file->data + p->file->len, s + i, k);
				p->file->len += k;
			}
			p->left -= (uint32_t)k;
			if (!p->left) {
				p->state = PAD;
				p->after_pad = BETWEEN;
			}
			break;
		case PAD:
			k = MIN((size_t)(ALIGN_UP(p->at, 4) - p->at), n - i);
			if (p->at + k == ALIGN_UP(p->at, 4))
				p->state = p->after_pad;
			break;
		}
		i += k;
		p->at += k;
	}
out:
	*ret_taken = i;
	return r;
}

static int feed_piece(void *opaque, const void *piece, size_t n, struct err *err)
{
	size_t taken;

	return feed(opaque, piece, n, false, &taken, err);
}

static int by_name(const void *a, const void *b)
{
	const struct ramdisk_entry *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->order > y->order) - (x->order < y->order);
}

static int read_all(struct parser *p, const char *data, size_t len, struct err *err)
{
	size_t at = 0;

	while (at < len) {
		enum ramdisk_pack kind;
		size_t used = 0;
		int r;

		if (data[at] == '\0') {
			at++;
			continue;
		}
		kind = ramdisk_pack_kind(data + at, len - at);
		p->at = 0;
		p->state = BETWEEN;
		p->trailer = false;
		if (kind == RAMDISK_PACK_UNKNOWN)
			/* Padding of boot loaders and signatures: not what was asked for. */
			return p->out->archives ? 0 : bad(err, "no initramfs");
		if (kind == RAMDISK_PACK_CPIO)
			r = feed(p, data + at, len - at, true, &used, err);
		else
			r = ramdisk_pack_read(kind, data + at, len - at, feed_piece, p, &used, err);
		if (r < 0)
			return r;
		if (!used || !(p->state == BETWEEN || (p->state == PAD && p->trailer)))
			return bad(err, "it ends in the middle of a file");
		p->out->last = kind;
		at += used;
	}
	return p->out->archives ? 0 : bad(err, "nothing in it");
}

int ramdisk_read(const void *data, size_t len, const char *const *keep, struct ramdisk *ret,
		 struct err *err)
{
	CLEANUP(ramdisk_done) struct ramdisk out = { 0 };
	CLEANUP(mem_free) struct parser *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_nomem(err);
	p->out = &out;
	p->keep = keep;
	r = read_all(p, data, len, err);
	if (r < 0)
		return r;
	if (out.n)
		qsort(out.v, out.n, sizeof(*out.v), by_name);
	*ret = out;
	out = (struct ramdisk){ 0 };
	return 0;
}

void ramdisk_done(struct ramdisk *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].name);
	free(r->v);
	for (size_t i = 0; i < r->nkept; i++) {
		free(r->kept[i].name);
		free(r->kept[i].data);
	}
	free(r->kept);
	*r = (struct ramdisk){ 0 };
}

/* The first entry that is not before name. */
static size_t lower_bound(const struct ramdisk *r, const char *name)
{
	size_t a = 0, b = r->n;

	while (a < b) {
		size_t mid = a + (b - a) / 2;

		if (strcmp(r->v[mid].name, name) < 0)
			a = mid + 1;
		else
			b = mid;
	}
	return a;
}

const struct ramdisk_entry *ramdisk_find(const struct ramdisk *r, const char *name)
{
	const struct ramdisk_entry *found = NULL;

	for (size_t i = lower_bound(r, name); i < r->n && strcmp(r->v[i].name, name) == 0; i++)
		found = &r->v[i];
	return found;
}

bool ramdisk_has_base(const struct ramdisk *r, const char *base)
{
	for (size_t i = 0; i < r->n; i++) {
		const char *slash = strrchr(r->v[i].name, '/');

		if (strcmp(slash ? slash + 1 : r->v[i].name, base) == 0)
			return true;
	}
	return false;
}

const struct ramdisk_file *ramdisk_kept(const struct ramdisk *r, const char *name)
{
	for (size_t i = r->nkept; i-- > 0;)
		if (strcmp(r->kept[i].name, name) == 0)
			return &r->kept[i];
	return NULL;
}

bool ramdisk_has_module(const struct ramdisk *r, const char *version, const char *module)
{
	size_t n = version ? strlen(version) : 0;

	for (size_t i = 0; i < r->n; i++) {
		const char *name = r->v[i].name, *dir = strstr(name, "lib/modules/");

		if (!S_ISREG(r->v[i].mode) || !kernelname_is_module(name, strlen(name), module))
			continue;
		/* Images of RHEL 5 have all modules in /lib. */
		if (!dir || !version || (strncmp(dir + 12, version, n) == 0 && dir[12 + n] == '/'))
			return true;
	}
	return false;
}

char *ramdisk_module_dir(const struct ramdisk *r, const char *version)
{
	static const char *const roots[] = { "usr/lib/modules/", "lib/modules/" };
	char dir[400];

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		const struct ramdisk_entry *e;

		snprintf(dir, sizeof(dir), "%s%s", roots[i], version);
		e = ramdisk_find(r, dir);
		if (e && S_ISDIR(e->mode))
			return strdup(dir);
	}
	return NULL;
}

enum ramdisk_kind ramdisk_kind(const struct ramdisk *r)
{
	static const struct {
		const char *name;	/* a file, or a folder of this name */
		enum ramdisk_kind kind;
	} marks[] = {
		{ "conf/initramfs.conf", RAMDISK_INITRAMFS_TOOLS },
		{ "scripts/init-top/ORDER", RAMDISK_INITRAMFS_TOOLS },
		{ "usr/lib/dracut", RAMDISK_DRACUT },
		{ "lib/dracut", RAMDISK_DRACUT },
		{ "usr/lib/dracut-lib.sh", RAMDISK_DRACUT },
		{ "lib/dracut-lib.sh", RAMDISK_DRACUT },
		{ "init_functions", RAMDISK_MKINITCPIO },
		{ "buildconfig", RAMDISK_MKINITCPIO },
		{ "sbin/nlplug-findfs", RAMDISK_MKINITFS },
		{ "usr/sbin/nlplug-findfs", RAMDISK_MKINITFS },
		{ "etc/booster.init.yaml", RAMDISK_BOOSTER },
		{ "etc/initrd.defaults", RAMDISK_GENKERNEL },
		{ "run_all.sh", RAMDISK_SUSE },
		{ "mkinitrd.config", RAMDISK_SUSE },
		{ "bin/nash", RAMDISK_NASH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (ramdisk_find(r, marks[i].name))
			return marks[i].kind;
	return RAMDISK_UNKNOWN;
}

const char *ramdisk_kind_name(enum ramdisk_kind kind)
{
	static const char *const names[] = {
		[RAMDISK_UNKNOWN] = "an unknown tool",
		[RAMDISK_INITRAMFS_TOOLS] = "initramfs-tools",
		[RAMDISK_DRACUT] = "dracut",
		[RAMDISK_MKINITCPIO] = "mkinitcpio",
		[RAMDISK_MKINITFS] = "mkinitfs",
		[RAMDISK_BOOSTER] = "booster",
		[RAMDISK_GENKERNEL] = "genkernel",
		[RAMDISK_SUSE] = "mkinitrd of SUSE",
		[RAMDISK_NASH] = "mkinitrd of RHEL 5",
	};

	return (unsigned int)kind < ARRAY_SIZE(names) ? names[kind] : names[RAMDISK_UNKNOWN];
}

bool ramdisk_loads_by_alias(const struct ramdisk *r)
{
	return ramdisk_has_base(r, "80-drivers.rules") || ramdisk_has_base(r, "nlplug-findfs");
}
