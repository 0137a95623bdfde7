/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/check_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/keyarg.h"
#include "common/log.h"
#include "inventory/content/luks_key.h"
#include "p2v-agent/terminal.h"

#define PASSPHRASE_MAX	512

/* What a key is for: a range of an open disk, or a volume with a path. */
struct target {
	const char *name, *disk;	/* the machine's names; disk NULL: a volume */
	const char *path;
	uint64_t offset, size;
};

static bool names(const char *given, const char *name, const char *path,
		  const struct machine_strv *aliases)
{
	return strcmp(given, name) == 0 || (path && strcmp(given, path) == 0) ||
	       machine_strv_has(aliases, given);
}

static int find_target(const struct machine *m, const char *given, struct target *ret,
		       struct err *err)
{
	const struct machine_disk *d = NULL;
	const struct machine_partition *p = machine_find_partition(m, given, &d);

	if (p) {
		*ret = (struct target){ p->name, d->name, p->path, p->start, p->size };
		return 0;
	}
	d = machine_find_disk(m, given);
	if (d) {
		*ret = (struct target){ d->name, d->name, d->path, 0, 0 };
		return 0;
	}
	for (size_t i = 0; i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		if (!names(given, v->name, v->path, &v->aliases))
			continue;
		*ret = (struct target){ v->name, NULL, v->path, 0, 0 };
		return 0;
	}
	return err_set(err, EINVAL, "--key: the inventory has no device %s", given);
}

/* A descriptor to read the target from; -ENODEV when there is none. */
static int open_target(const struct source *s, const struct target *t, struct err *err)
{
	char made[TEXT_NAME_MAX + 1];
	bool live = false;

	if (t->disk)
		text_name_make(t->disk, made);
	for (size_t i = 0; s && i < s->n; i++) {
		const struct source_disk *sd = &s->disks[i];

		live = live || sd->disk->block_device;
		if (t->disk && (strcmp(sd->name, t->disk) == 0 || strcmp(sd->name, made) == 0))
			return disk_reopen(sd->disk, err);
	}
	/* Of a recorded machine, that path is somebody else's device here. */
	if (!t->disk && live && t->path) {
		int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		return fd < 0 ? err_errno(err, "cannot open %s", t->path) : fd;
	}
	return err_set(err, ENODEV, "it is on no disk that is open");
}

static int read_key(const char *device, const char *file, char **ret, size_t *ret_len,
		    struct err *err)
{
	char prompt[128], shown[64];
	int r;

	if (strcmp(file, "-") != 0 || !isatty(0))
		return keyarg_read(file, ret, ret_len, err);
	*ret = calloc(1, PASSPHRASE_MAX + 1);
	if (!*ret)
		return err_nomem(err);
	snprintf(prompt, sizeof(prompt), "Passphrase of %s: ",
		 text_escape_str(device, shown, sizeof(shown)));
	r = terminal_ask(prompt, false, *ret, PASSPHRASE_MAX + 1);
	*ret_len = r < 0 ? 0 : strlen(*ret);
	return r < 0 ? err_code(err, -r, "no passphrase for %s", device) : 0;
}

static int try_one(const struct machine *m, const struct source *s, const char *device,
		   const char *file, struct check_keys *keys, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;
	struct err why = ERR_INIT;
	struct preflight_key *k;
	struct target t = { 0 };
	char *secret = NULL;
	size_t len = 0;
	int r = find_target(m, device, &t, err);

	if (r >= 0)
		r = read_key(device, file, &secret, &len, err);
	if (r < 0) {
		free(secret);
		return r;
	}
	fd = open_target(s, &t, &why);
	r = fd < 0 ? fd : luks_key_try(fd, t.offset, t.size, secret, len, &why);
	keyarg_wipe(secret, len);
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 && r != -EPERM) {
		log_warning("the key for %s was not tried: %s", device, why.text);
		return 0;
	}
	k = machine_grow(&keys->v, &keys->n, sizeof(*k));
	if (!k)
		return err_nomem(err);
	*k = (struct preflight_key){ .device = t.name, .opens = r == 0 };
	return 0;
}

int check_keys_try(const struct machine *m, const struct source *s, const struct opt_list *list,
		   struct check_keys *ret, struct err *err)
{
	CLEANUP(check_keys_done) struct check_keys keys = { 0 };

	for (size_t i = 0; i < list->n; i++) {
		CLEANUP(mem_free) char *device = NULL;
		const char *file;
		int r = keyarg_split(list->v[i], &device, &file, err);

		if (r >= 0)
			r = try_one(m, s, device, file, &keys, err);
		if (r < 0)
			return r;
	}
	*ret = keys;
	keys = (struct check_keys){ 0 };
	return 0;
}

void check_keys_done(struct check_keys *keys)
{
	free(keys->v);
	*keys = (struct check_keys){ 0 };
}
