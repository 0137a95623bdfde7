/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/windrive.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"

void windrive_guid(const uint8_t *p, char ret[static 37])
{
	snprintf(ret, 37, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", get_le32(p),
		 get_le16(p + 4), get_le16(p + 6), p[8], p[9], p[10], p[11], p[12], p[13],
		 p[14], p[15]);
}

static enum windrive_answer copied(const struct devmap *map, const struct machine_disk *d,
				   const char **ret_disk)
{
	if (ret_disk)
		*ret_disk = d->name;
	for (size_t i = 0; i < map->nparts; i++)
		if (map->parts[i].disk && d->name && strcmp(map->parts[i].disk, d->name) == 0)
			return WINDRIVE_COPIED;
	return WINDRIVE_MISSING;
}

enum windrive_answer windrive_partition(const struct devmap *map, const char *guid,
					uint32_t signature, uint64_t start, const char **ret_disk)
{
	const struct machine *m = map->machine;
	char id[9];

	snprintf(id, sizeof(id), "%08x", signature);
	if (ret_disk)
		*ret_disk = NULL;
	for (size_t i = 0; m && i < m->ndisks; i++) {
		const struct machine_disk *d = &m->disks[i];

		if (!guid && (!d->table_uuid || strcasecmp(d->table_uuid, id) != 0))
			continue;
		for (size_t k = 0; k < d->npartitions; k++) {
			const struct machine_partition *p = &d->partitions[k];

			if (guid ? p->uuid && strcasecmp(p->uuid, guid) == 0 : p->start == start)
				return copied(map, d, ret_disk);
		}
	}
	return WINDRIVE_UNKNOWN;
}

enum windrive_answer windrive_find(struct hive *system, char letter, const struct devmap *map,
				   const char **ret_disk)
{
	CLEANUP(mem_free) void *data = NULL;
	const uint8_t *p;
	enum hive_type type;
	char name[16], guid[37];
	size_t len;

	if (ret_disk)
		*ret_disk = NULL;
	snprintf(name, sizeof(name), "\\DosDevices\\%c:", letter);
	if (hive_get_raw(system, "MountedDevices", name, &type, &data, &len, NULL) < 0)
		return WINDRIVE_UNKNOWN;
	p = data;
	if (len == 12)
		return windrive_partition(map, NULL, get_le32(p), get_le64(p + 4), ret_disk);
	if (len != 24 || memcmp(p, "DMIO:ID:", 8) != 0)
		return WINDRIVE_UNKNOWN;
	windrive_guid(p + 8, guid);
	return windrive_partition(map, guid, 0, 0, ret_disk);
}
