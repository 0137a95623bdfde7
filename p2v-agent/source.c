/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See source.h. */
#include "p2v-agent/source.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/fdio.h"
#include "common/log.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/medium/medium.h"
#include "wire/proto.h"

/* Split "PATH,name=NAME"; both results are malloc'd, *ret_name may stay NULL. */
static int split_spec(const char *spec, char **ret_path, char **ret_name, struct err *err)
{
	const char *comma = strstr(spec, ",name=");
	CLEANUP(mem_free) char *path = comma ? strndup(spec, (size_t)(comma - spec)) : strdup(spec);
	CLEANUP(mem_free) char *name = comma ? strdup(comma + strlen(",name=")) : NULL;

	if (!path || (comma && !name))
		return err_nomem(err);
	if (name && !text_name_valid(name))
		return err_set(
			err, EINVAL,
			"disk name %s is not acceptable (letters, digits, dot, dash, underscore)",
			name);
	*ret_path = TAKE_PTR(path);
	*ret_name = TAKE_PTR(name);
	return 0;
}

/* The machine's disk behind an image file: the only one of its size. */
static const struct machine_disk *find_by_size(const struct machine *m, uint64_t size)
{
	const struct machine_disk *found = NULL;

	for (size_t i = 0; i < m->ndisks; i++) {
		if (m->disks[i].size != size)
			continue;
		if (found)
			return NULL;
		found = &m->disks[i];
	}
	return found;
}

static bool name_taken(const struct source *s, const char *name)
{
	for (size_t i = 0; i + 1 < s->n; i++)
		if (strcmp(s->disks[i].name, name) == 0)
			return true;
	return false;
}

static void name_from_path(const char *path, char ret[static TEXT_NAME_MAX + 1])
{
	const char *base = strrchr(path, '/');
	char stem[TEXT_NAME_MAX + 1];
	size_t len;

	base = base ? base + 1 : path;
	len = strcspn(base, ".");
	if (len == 0 || len > TEXT_NAME_MAX)
		len = strnlen(base, TEXT_NAME_MAX);
	memcpy(stem, base, len);
	stem[len] = '\0';
	text_name_make(stem, ret);
}

static int name_disk(struct source *s, struct source_disk *sd, const char *path, const char *given,
		     const struct machine *m, struct err *err)
{
	const struct machine_disk *md = given ? NULL : machine_find_disk(m, path);

	if (!given && !md && !sd->disk->block_device) {
		md = find_by_size(m, sd->disk->size);
		if (!md)
			log_warning(
				"%s matches no disk of the inventory by size: serial numbers and "
				"device names "
				"cannot be carried over; say which it is with --disk %s,name=NAME",
				path, path);
	}
	if (given)
		snprintf(sd->name, sizeof(sd->name), "%s", given);
	else if (md)
		text_name_make(md->name, sd->name);
	else
		name_from_path(path, sd->name);
	if (name_taken(s, sd->name))
		return err_set(err, EEXIST, "two disks would be called %s (the second is %s)",
			       sd->name, path);
	return 0;
}

static int add_disk(struct source *s, const char *spec, const struct machine *m, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	CLEANUP(mem_free) char *given = NULL;
	const struct machine_disk *md;
	struct source_disk *sd, *v;
	int r;

	r = split_spec(spec, &path, &given, err);
	if (r < 0)
		return r;
	if (s->n == PROTO_DISKS_MAX)
		return err_set(err, E2BIG, "more than %d disks", PROTO_DISKS_MAX);
	v = reallocarray(s->disks, s->n + 1, sizeof(*v));
	if (!v)
		return err_nomem(err);
	s->disks = v;
	sd = &s->disks[s->n++];
	memset(sd, 0, sizeof(*sd));

	md = machine_find_disk(m, given ? given : path);
	r = disk_open(path, md ? md->logical_sector : 0, &sd->disk, err);
	if (r < 0)
		return r;
	r = name_disk(s, sd, path, given, m, err);
	if (r < 0)
		return r;
	return disk_in_use(sd->disk, &sd->in_use_by, err);
}

/* All disks together, since a volume may lie on several. */
static int map_disks(struct source *s, struct err *err)
{
	CLEANUP(mem_free) const struct disk **disks = calloc(s->n + 1, sizeof(*disks));
	size_t n = 0;
	int r;

	if (!disks)
		return err_nomem(err);
	/* A map of a disk that somebody writes to proves nothing. */
	for (size_t i = 0; i < s->n; i++)
		if (!s->disks[i].in_use_by)
			disks[n++] = s->disks[i].disk;
	r = usedmap_build(disks, n, &s->maps, err);
	for (size_t i = 0, k = 0; i < s->n && r == 0; i++)
		if (!s->disks[i].in_use_by)
			s->disks[i].used = s->maps->maps[k++];
	return r;
}

static int add_all(struct source *s, const struct machine *m, struct err *err)
{
	for (size_t i = 0; i < m->ndisks; i++) {
		const struct machine_disk *md = &m->disks[i];
		const struct machine_plan_disk *pd = plan_disk(m, md->name);
		int r;

		if (pd && pd->skip) {
			log_notice("skipping %s: the plan says so", md->path);
			continue;
		}
		if ((md->removable && !pd) || md->size == 0) {
			log_info("skipping %s: removable or empty", md->path);
			continue;
		}
		if (medium_is_own(md)) {
			log_notice("skipping %s: it is a medium of p2v's own", md->path);
			continue;
		}
		r = add_disk(s, md->path, m, err);
		if (r < 0)
			return r;
	}
	if (s->n == 0) {
		err_set(err, ENODEV, m->plan ? "the plan leaves no disk to copy" :
					       "no fixed disk found on this machine");
		err_hint(err, "name one with --disk PATH");
		return -ENODEV;
	}
	return 0;
}

int source_open(const struct opt_list *paths, const struct machine *m, bool all_used,
		struct source **ret, struct err *err)
{
	CLEANUP(source_free) struct source *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_nomem(err);
	if (paths->n == 0)
		r = add_all(s, m, err);
	for (size_t i = 0; r >= 0 && i < paths->n; i++)
		r = add_disk(s, paths->v[i], m, err);
	if (r >= 0 && !all_used)
		r = map_disks(s, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

/* Superblocks lie in the first 64 KiB of a filesystem, btrfs's at 64 KiB. */
#define FINGERPRINT_HEAD (128u << 10)

static int hash_head(struct sha256 *h, const struct disk *d, uint64_t offset, uint64_t length,
		     uint8_t *buf, struct err *err)
{
	size_t n = (size_t)MIN(length, (uint64_t)FINGERPRINT_HEAD);
	int r;

	if (!range_inside(offset, n, d->size))
		return 0;
	r = disk_read(d, buf, n, offset, err);
	/* A bad sector there is the copy's business; here the head just does not count. */
	if (r == -EIO)
		return 0;
	if (r >= 0 && sha256_update(h, buf, n) < 0)
		r = err_set(err, EIO, "cannot compute SHA-256");
	return r;
}

static int fingerprint(const struct disk *d, char **ret, struct err *err)
{
	CLEANUP(ptable_done) struct ptable table = { 0 };
	CLEANUP(sha256_free) struct sha256 *h = NULL;
	CLEANUP(mem_free) uint8_t *buf = fdio_alloc(FINGERPRINT_HEAD);
	uint8_t sha[SHA256_LEN];
	int r;

	if (!buf || sha256_new(&h) < 0)
		return err_nomem(err);
	r = ptable_read(d, &table, err);
	if (r >= 0)
		r = hash_head(h, d, 0, d->size, buf, err);
	for (size_t i = 0; r >= 0 && i < table.nparts; i++)
		r = hash_head(h, d, table.parts[i].offset, table.parts[i].length, buf, err);
	if (r >= 0 && sha256_final(h, sha) < 0)
		r = err_set(err, EIO, "cannot compute SHA-256");
	if (r < 0)
		return r;
	*ret = malloc(SHA256_HEX_LEN + 1);
	if (!*ret)
		return err_nomem(err);
	digest_hex(sha, sizeof(sha), *ret);
	return 0;
}

int source_fingerprint(const struct source *s, struct machine *m, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct source_disk *sd = &s->disks[i];
		struct machine_disk *md =
			(struct machine_disk *)(uintptr_t)machine_find_disk(m, sd->name);
		int r;

		if (!md || sd->in_use_by)
			continue;
		free(md->fingerprint);
		md->fingerprint = NULL;
		r = fingerprint(sd->disk, &md->fingerprint, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void source_free(struct source *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		disk_free(s->disks[i].disk);
		free(s->disks[i].in_use_by);
	}
	usedmap_set_free(s->maps);
	free(s->disks);
	free(s);
}

uint64_t source_size(const struct source *s)
{
	uint64_t total = 0;

	for (size_t i = 0; i < s->n; i++)
		total += s->disks[i].disk->size;
	return total;
}
