/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The programs on EFI system partitions: what the boot entries start, and what the removable path
 * would. Partitions are not mounted for it; one that is not mounted has no list.
 *
 * Only the head of a file is read, live as recorded, so both tell the same; the size of a recorded
 * one is in /p2v/esp.
 */
#include "inventory/collect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "common/fdio.h"
#include "common/text.h"
#include "inventory/collect_util.h"
#include "common/pe.h"

#define ESP_GUID	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define ESP_MBR		"0xef"
#define DEPTH_MAX	8	/* folders in folders: real ones have three */
#define ENTRIES_MAX	20000	/* looked at, of all kinds, on one partition */

struct esp {
	const struct sysroot *root;
	struct machine *m;
	const char *device;	/* name of the partition */
	const char *target;	/* where it is mounted */
	const char *sizes;	/* /p2v/esp, or NULL */
	unsigned int entries;
};

/* "SIZE PATH", a line per file. */
static uint64_t recorded_size(const char *sizes, const char *path, uint64_t size)
{
	for (const char *p = sizes; p; p = strchr(p, '\n')) {
		uint64_t n;
		int at = 0;

		p += *p == '\n';
		if (sscanf(p, "%" SCNu64 "%n", &n, &at) == 1 && p[at] == ' ' && n <= INT64_MAX &&
		    strncmp(p + at + 1, path, strlen(path)) == 0 &&
		    (p[at + 1 + strlen(path)] == '\n' || !p[at + 1 + strlen(path)]))
			return n;
	}
	return size;
}

static bool is_program(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcasecmp(name + n - 4, ".efi") == 0;
}

/* Up to PE_HEAD bytes; how many, or -errno. */
static ssize_t read_head(int fd, char *buf)
{
	size_t n = 0;

	while (n < PE_HEAD) {
		ssize_t k = read(fd, buf + n, PE_HEAD - n);

		if (k < 0 && errno != EINTR)
			return -errno;
		if (k == 0)
			break;
		n += k > 0 ? (size_t)k : 0;
	}
	return (ssize_t)n;
}

/* path: on the partition. */
static int add_file(struct esp *e, int fd, const struct stat *st, const char *path)
{
	CLEANUP(mem_free) char *full = text_format("%s%s", e->target, path);
	struct machine_firmware *f = &e->m->firmware;
	struct machine_efi_file *slot;
	struct err why = ERR_INIT;
	char head[PE_HEAD];
	bool has_signature = false;
	ssize_t n = read_head(fd, head);
	int r;

	if (!full)
		return -ENOMEM;
	if (n < 0)
		return collect_warn(e->m, "cannot read %s: %s", full, strerror((int)-n));
	if (f->nefi_files == COLLECT_LIST_MAX)
		return collect_full(e->m, "EFI programs");
	r = pe_has_signature(head, (size_t)n, &has_signature, &why);
	if (r < 0 && collect_warn(e->m, "%s: %s", full, why.text) < 0)
		return -ENOMEM;
	slot = machine_grow(&f->efi_files, &f->nefi_files, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	slot->size = recorded_size(e->sizes, full, (uint64_t)st->st_size);
	slot->has_signature = has_signature;
	if (collect_util_text(e->device, strlen(e->device), &slot->device) < 0)
		return -ENOMEM;
	return collect_util_text(path, strlen(path), &slot->path);
}

/* Everything below a folder of the partition; "" is its root, where only /EFI counts. */
static int walk(struct esp *e, const char *folder, unsigned int depth)
{
	CLEANUP(strv_free) char **names = NULL;
	int r = sysroot_list(e->root, &names, "%s%s/", e->target, folder);

	if (r < 0)
		return r == -ENOMEM ? r : collect_warn(e->m, "cannot read %s%s: %s", e->target,
						       folder, strerror(-r));
	for (char **p = names; *p; p++) {
		CLEANUP(mem_free) char *path = NULL;
		CLEANUP(fd_close) int fd = -1;
		struct stat st;

		if (depth == 0 && strcasecmp(*p, "EFI") != 0)
			continue;
		if (++e->entries > ENTRIES_MAX)
			return e->entries > ENTRIES_MAX + 1 ? 0 : collect_warn(e->m,
				"more than %d files on %s: the rest is left out", ENTRIES_MAX,
				e->device);
		path = text_format("%s/%s", folder, *p);
		if (!path)
			return -ENOMEM;
		/* FAT has no links. What is none of a file and a folder does not belong there. */
		fd = sysroot_openf(e->root, O_NOFOLLOW | O_NONBLOCK, "%s%s", e->target, path);
		if (fd < 0) {
			if (fd != -ELOOP && is_program(*p) &&
			    collect_warn(e->m, "cannot open %s%s: %s", e->target, path,
					 strerror(-fd)) < 0)
				return -ENOMEM;
			continue;
		}
		r = 0;
		if (fstat(fd, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = walk(e, path, depth + 1);
		else if (S_ISREG(st.st_mode) && is_program(*p))
			r = add_file(e, fd, &st, path);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The name of the device that is mounted, when it is an EFI system partition; else NULL. */
static const char *esp_device(const struct machine *m, const struct machine_mount *mount)
{
	static const char *const places[] = { "/boot/efi", "/efi", "/boot" };
	const struct machine_partition *p;

	if (!mount->source || !mount->target || !mount->fs ||
	    (strcmp(mount->fs, "vfat") != 0 && strcmp(mount->fs, "msdos") != 0))
		return NULL;
	p = machine_find_partition(m, mount->source, NULL);
	if (p && p->type && (strcmp(p->type, ESP_GUID) == 0 || strcmp(p->type, ESP_MBR) == 0))
		return p->name;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strcmp(mount->target, places[i]) == 0)
			return p ? p->name : collect_util_base(mount->source);
	return NULL;
}

/* It may be mounted at more than one place. */
static bool is_listed(const struct machine *m, const char *device)
{
	for (size_t i = 0; i < m->firmware.nefi_files; i++)
		if (m->firmware.efi_files[i].device &&
		    strcmp(m->firmware.efi_files[i].device, device) == 0)
			return true;
	return false;
}

int collect_esp(const struct sysroot *root, struct machine *m, struct err *err)
{
	CLEANUP(mem_free) char *sizes = NULL;

	if (!sysroot_is_live(root) && sysroot_read(root, &sizes, NULL, "/p2v/esp") == -ENOMEM)
		return err_nomem(err);
	for (size_t i = 0; i < m->nmounts; i++) {
		struct esp e = { .root = root, .m = m, .device = esp_device(m, &m->mounts[i]),
				 .target = m->mounts[i].target, .sizes = sizes };

		if (!e.device || is_listed(m, e.device))
			continue;
		/* A record from before this was recorded has no such folder. */
		if (!sysroot_is_live(root) && !sysroot_exists(root, "%s", e.target))
			continue;
		if (walk(&e, "", 0) < 0)
			return err_nomem(err);
	}
	return 0;
}
