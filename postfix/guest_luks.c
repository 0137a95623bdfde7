/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/guest_luks.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

static bool is_luks(const struct devmap_part *p)
{
	return p->type && strcmp(p->type, "crypto_LUKS") == 0;
}

const char *guest_luks_name(const struct guest *guest, const struct devmap_part *p, char *buf,
			    size_t size)
{
	const struct machine_disk *d = p->disk && guest->machine ?
				       machine_find_disk(guest->machine, p->disk) : NULL;

	for (size_t i = 0; d && i < d->npartitions; i++)
		if (d->partitions[i].number == p->number && d->partitions[i].name)
			return d->partitions[i].name;
	if (!p->disk)
		return p->device;
	if (p->number) {
		size_t n = strlen(p->disk);

		snprintf(buf, size, "%s%s%u", p->disk,
			 n && isdigit((unsigned char)p->disk[n - 1]) ? "p" : "", p->number);
		return buf;
	}
	return p->disk;
}

bool guest_luks_matches(const struct devmap *map, const struct devmap_part *p, const char *name)
{
	const char *uuid = strncmp(name, "UUID=", 5) == 0 ? name + 5 : name;

	if (p->uuid && strcasecmp(p->uuid, uuid) == 0)
		return true;
	if (p->disk) {
		CLEANUP(mem_free) char *path = text_format("/dev/%s", name);

		return devmap_find(map, name) == p || (path && devmap_find(map, path) == p);
	}
	if (p->device && strcmp(p->device, name) == 0)
		return true;
	/* A volume: the inventory knows its names, and the UUID of what it holds. */
	for (size_t i = 0; map->machine && i < map->machine->nvolumes; i++) {
		const struct machine_volume *v = &map->machine->volumes[i];

		if (((v->name && strcmp(v->name, name) == 0) ||
		     (v->path && strcmp(v->path, name) == 0) ||
		     machine_strv_has(&v->aliases, name)) &&
		    v->fs.uuid && p->uuid && strcasecmp(v->fs.uuid, p->uuid) == 0)
			return true;
	}
	return false;
}

/* The name that the machine gave to what is inside, for its fstab may have it. malloc'd. */
static char *map_name(const struct guest *guest, const struct devmap_part *p)
{
	static const char dir[] = "/dev/mapper/";
	const struct machine *m = guest->machine;
	char buf[80];
	const char *name = guest_luks_name(guest, p, buf, sizeof(buf));

	for (size_t i = 0; m && i < m->nvolumes; i++) {
		const struct machine_volume *v = &m->volumes[i];

		if (v->kind && strcmp(v->kind, "crypt") == 0 && v->path &&
		    strncmp(v->path, dir, sizeof(dir) - 1) == 0 &&
		    machine_strv_has(&v->slaves, name) &&
		    text_name_valid(v->path + sizeof(dir) - 1))
			return strdup(v->path + sizeof(dir) - 1);
	}
	return text_format("luks-%s", p->uuid ? p->uuid : "device");
}

static bool is_open(const struct guest *guest, const char *map)
{
	for (size_t i = 0; i < guest->map.nparts; i++) {
		const char *d = guest->map.parts[i].device;

		if (d && strncmp(d, "/dev/mapper/", 12) == 0 && strcmp(d + 12, map) == 0)
			return true;
	}
	return false;
}

static const struct fix_key *key_for(const struct fix_options *opt, const struct devmap *map,
				     const struct devmap_part *p)
{
	for (size_t i = 0; i < opt->nkeys; i++)
		if (guest_luks_matches(map, p, opt->keys[i].device))
			return &opt->keys[i];
	return NULL;
}

/* A passphrase in a file often has a newline behind it, which is no part of it. */
static int try_key(struct guest *guest, const char *device, const struct fix_key *key,
		   const char *map)
{
	char *bare;
	int r = guestfs_cryptsetup_open(guest->g, device, key->data, map, -1);

	if (r == 0 || !key->len || key->data[key->len - 1] != '\n')
		return r;
	bare = strndup(key->data, key->len - 1);
	if (!bare)
		return -1;
	r = guestfs_cryptsetup_open(guest->g, device, bare, map, -1);
	explicit_bzero(bare, key->len - 1);
	free(bare);
	return r;
}

int guest_luks_open(struct guest *guest, const struct fix_options *opt, struct err *err)
{
	int opened = 0;

	for (size_t i = 0; i < guest->map.nparts; i++) {
		const struct devmap_part *p = &guest->map.parts[i];
		const struct fix_key *key = is_luks(p) ? key_for(opt, &guest->map, p) : NULL;
		CLEANUP(mem_free) char *map = key ? map_name(guest, p) : NULL;

		if (!key)
			continue;
		if (!map)
			return err_nomem(err);
		if (is_open(guest, map))
			continue;
		if (memchr(key->data, '\0', key->len)) {
			err_set(err, EINVAL, "the key for %s has a zero byte in it, and cannot be "
				"given to the appliance", key->device);
			err_hint(err, "use another key slot's passphrase, or add one: cryptsetup "
				 "luksAddKey");
			return -EINVAL;
		}
		if (try_key(guest, p->device, key, map) < 0) {
			char safe[200];

			return err_set(err, EACCES, "the key for %s does not open it: %s",
				       key->device,
				       text_escape_str(guestfs_last_error(guest->g), safe,
						       sizeof(safe)));
		}
		opened++;
	}
	if (opened && guestfs_lvm_scan(guest->g, 1) < 0)
		return guest_fail(guest, err, "cannot look for volumes in what was opened");
	return opened;
}

int guest_luks_check(struct guest *guest, const struct fix_options *opt,
		     struct machine_strv *warnings, struct err *err)
{
	for (size_t k = 0; k < opt->nkeys; k++) {
		bool used = false;

		for (size_t i = 0; i < guest->map.nparts; i++)
			used = used || (is_luks(&guest->map.parts[i]) &&
					guest_luks_matches(&guest->map, &guest->map.parts[i],
							   opt->keys[k].device));
		if (!used)
			return err_set(err, EINVAL, "--key: the images have no encrypted device %s",
				       opt->keys[k].device);
	}
	for (size_t i = 0; i < guest->map.nparts; i++) {
		const struct devmap_part *p = &guest->map.parts[i];
		CLEANUP(mem_free) char *s = NULL;
		char buf[80], safe[100];

		if (!is_luks(p) || key_for(opt, &guest->map, p))
			continue;
		text_escape_str(guest_luks_name(guest, p, buf, sizeof(buf)), safe, sizeof(safe));
		s = text_format("%s is encrypted and was not looked into: there was no key for it",
				safe);
		if (!s || machine_strv_add(warnings, s) < 0)
			return err_nomem(err);
	}
	return 0;
}
