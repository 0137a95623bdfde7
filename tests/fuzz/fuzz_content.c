/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tampered superblocks and metadata, for the decoders of inventory/content/content.h. The input
 * is a sparse device:
 *
 *	byte 0		which decoder, in the order of the table below
 *	byte 1		size of the device in MiB, 0: 256
 *	then, again and again
 *	bytes 0-3	offset in units of 16 bytes, big-endian
 *	bytes 4-5	number of bytes, big-endian
 *	then		those bytes; what is nowhere given is zero
 *
 * Besides not crashing: an error says what is wrong, little is read, and a second run over the same
 * bytes tells the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "inventory/content/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libntfs-3g 2022.10.3 forgets a few KiB when it refuses some volumes. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libntfs-3g\n";
}

static content_fn *const decoders[] = {
	content_ext, content_xfs, content_btrfs, content_swap, content_bcache, content_md,
	content_imsm, content_ddf, content_lvm, content_luks, content_ntfs,
};

#define READ_MAX (2u << 20)

struct input {
	const uint8_t *p;
	size_t len;
	uint64_t left;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int read_at(void *arg, uint64_t offset, void *buf, size_t len)
{
	struct input *in = arg;
	size_t at = 0;

	if (len > in->left)
		return -EFBIG;
	in->left -= len;
	memset(buf, 0, len);
	while (in->len - at > 6) {
		uint64_t to = (uint64_t)get_be32(in->p + at) * 16, from, end;
		size_t n = MIN(get_be16(in->p + at + 4), in->len - at - 6);

		from = MAX(to, offset);
		end = MIN(to + n, offset + len);
		if (from < end)
			memcpy((uint8_t *)buf + (from - offset), in->p + at + 6 + (from - to),
			       end - from);
		at += 6 + n;
	}
	return 0;
}

static void done(struct machine_fs *fs)
{
	free(fs->group);
	free(fs->group_uuid);
	free(fs->level);
	free(fs->role);
	for (size_t i = 0; i < fs->tokens.n; i++)
		free(fs->tokens.v[i]);
	free(fs->tokens.v);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine_fs fs[2] = { { 0 } };
	int r[2];

	if (size < 2)
		return 0;
	for (unsigned int i = 0; i < 2; i++) {
		struct input in = { data + 2, size - 2, READ_MAX };
		struct content_source s = {
			.read_at = read_at, .arg = &in,
			.size = (uint64_t)(data[1] ? data[1] : 256) << 20,
		};
		struct err err = ERR_INIT;

		r[i] = decoders[data[0] % ARRAY_SIZE(decoders)](&s, &fs[i], &err);
		must(r[i] == 0 || (r[i] < 0 && err.code == -r[i] && err.text[0]));
	}
	must(r[0] == r[1] && same(fs[0].group, fs[1].group) && same(fs[0].role, fs[1].role) &&
	     fs[0].dirty == fs[1].dirty && fs[0].hibernated == fs[1].hibernated &&
	     fs[0].keyslots == fs[1].keyslots && fs[0].tokens.n == fs[1].tokens.n);
	done(&fs[0]);
	done(&fs[1]);
	return 0;
}
