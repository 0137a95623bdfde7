/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "convert/ovmf_boot.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

#define LOAD_OPTION_ACTIVE	1u
#define FILE_MAX		1024
#define LABEL_MAX		256

/* Device path nodes (UEFI 2.10, 10.3): type, subtype, u16 length with these four bytes. */
#define NODE_HEADER	4
#define HD_LEN		42

static bool was_copied(const char *const *disks, const char *name)
{
	if (!disks)
		return true;
	for (; name && *disks; disks++)
		if (strcmp(*disks, name) == 0)
			return true;
	return false;
}

static const struct machine_partition *find_partition(const struct machine *m,
						      const char *const *disks, const char *uuid,
						      const struct machine_disk **ret_disk)
{
	for (size_t d = 0; d < m->ndisks; d++)
		for (size_t p = 0; p < m->disks[d].npartitions; p++) {
			const struct machine_partition *mp = &m->disks[d].partitions[p];

			if (!mp->uuid || strcasecmp(mp->uuid, uuid) != 0 ||
			    !was_copied(disks, m->disks[d].name))
				continue;
			*ret_disk = &m->disks[d];
			return mp;
		}
	return NULL;
}

/* "8be4df61-93ca-...": the first three groups are little-endian. */
static bool parse_guid(const char *s, uint8_t ret[static 16])
{
	static const uint8_t place[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	if (strlen(s) != 36)
		return false;
	for (size_t i = 0; i < 16; i++) {
		unsigned int byte;

		if (i == 4 || i == 6 || i == 8 || i == 10)
			if (*s++ != '-')
				return false;
		if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]) ||
		    sscanf(s, "%2x", &byte) != 1)
			return false;
		ret[place[i]] = (uint8_t)byte;
		s += 2;
	}
	return true;
}

/* UTF-8 to UTF-16LE with a NUL; what is broken becomes '?'. At most max units; returns bytes. */
static size_t put_utf16(uint8_t *p, const char *s, size_t max)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t n = 0;

	while (*u && n + 2 < max) {
		uint32_t c = *u++;
		int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : -1;

		if (more > 0)
			c &= 0x3fu >> more;
		for (int i = 0; more > 0 && i < more; i++) {
			if ((*u & 0xc0) != 0x80) {
				more = -1;
				break;
			}
			c = c << 6 | (*u++ & 0x3f);
		}
		if (more < 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			c = '?';
		if (c >= 0x10000) {
			put_le16(p + 2 * n++, (uint16_t)(0xd800 + ((c - 0x10000) >> 10)));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_le16(p + 2 * n++, (uint16_t)c);
	}
	put_le16(p + 2 * n++, 0);
	return 2 * n;
}

static size_t put_node(uint8_t *p, uint8_t type, uint8_t subtype, size_t len)
{
	p[0] = type;
	p[1] = subtype;
	put_le16(p + 2, (uint16_t)len);
	return len;
}

/* HD(number,GPT,guid,start,size) in blocks. */
static size_t put_hd(uint8_t *p, const struct machine_disk *d, const struct machine_partition *mp,
		     const uint8_t guid[static 16])
{
	uint32_t sector = d->logical_sector ? d->logical_sector : 512;

	put_le32(p + 4, mp->number);
	put_le64(p + 8, mp->start / sector);
	put_le64(p + 16, mp->size / sector);
	memcpy(p + 24, guid, 16);
	p[40] = 2;			/* a GPT */
	p[41] = 2;			/* whose signature is a GUID */
	return put_node(p, 4, 1, HD_LEN);
}

static int write_entry(struct ovmf_vars *vars, const struct machine_boot_entry *e,
		       const struct machine_disk *d, const struct machine_partition *mp,
		       const uint8_t guid[static 16], struct err *err)
{
	uint8_t buf[6 + 2 * LABEL_MAX + HD_LEN + NODE_HEADER + 2 * FILE_MAX + NODE_HEADER];
	char name[9];
	size_t at = 6, path, n;

	memset(buf, 0, sizeof(buf));
	put_le32(buf, e->active ? LOAD_OPTION_ACTIVE : 0);
	at += put_utf16(buf + at, e->label ? e->label : "", LABEL_MAX);
	path = at;
	at += put_hd(buf + at, d, mp, guid);
	n = put_utf16(buf + at + NODE_HEADER, e->file, FILE_MAX);
	at += put_node(buf + at, 4, 4, NODE_HEADER + n);
	at += put_node(buf + at, 0x7f, 0xff, NODE_HEADER);
	put_le16(buf + 4, (uint16_t)(at - path));
	snprintf(name, sizeof(name), "Boot%04X", e->number);
	return ovmf_vars_set(vars, ovmf_vars_global, name, OVMF_VAR_DEFAULT, buf, at, err);
}

static int note(struct machine_strv *notes, const struct machine_boot_entry *e, const char *why)
{
	CLEANUP(mem_free) char *s = NULL;
	char label[80];

	if (!notes)
		return 0;
	text_escape_str(e->label ? e->label : "", label, sizeof(label));
	s = text_format("boot entry Boot%04X (%s) was left out: %s", e->number, label, why);
	return s ? machine_strv_add(notes, s) : -ENOMEM;
}

/* 1: written; 0: left out. */
static int take_entry(struct ovmf_vars *vars, const struct machine *m, const char *const *disks,
		      const struct machine_boot_entry *e, struct machine_strv *notes,
		      struct err *err)
{
	const struct machine_partition *mp;
	const struct machine_disk *d = NULL;
	const char *why = NULL;
	uint8_t guid[16];
	int r;

	mp = e->partition_uuid ? find_partition(m, disks, e->partition_uuid, &d) : NULL;
	if (!e->file || !e->partition_uuid)
		why = "it names no file on a disk";
	else if (!mp)
		why = "its partition is not on a copied disk";
	else if (!parse_guid(e->partition_uuid, guid) || strlen(e->file) >= FILE_MAX - 1)
		why = "it is not a plain one";
	if (why)
		return note(notes, e, why) < 0 ? err_nomem(err) : 0;
	r = write_entry(vars, e, d, mp, guid, err);
	return r < 0 ? r : 1;
}

static bool in_order(const uint8_t *order, size_t n, uint16_t number)
{
	for (size_t i = 0; i < n; i++)
		if (get_le16(order + 2 * i) == number)
			return true;
	return false;
}

/* "Boot0001", "BootOrder": a template may bring those of the machine that made it. */
static void forget_entries(struct ovmf_vars *vars)
{
	for (size_t i = vars->n; i > 0; i--) {
		const struct ovmf_var *v = &vars->v[i - 1];
		char name[10] = "";

		for (size_t k = 0; k + 1 < sizeof(name) && 2 * k + 1 < v->name_len; k++)
			name[k] = v->name[2 * k + 1] ? '?' : (char)v->name[2 * k];
		if (memcmp(v->guid, ovmf_vars_global, 16) == 0 && strncmp(name, "Boot", 4) == 0 &&
		    (strcmp(name, "BootOrder") == 0 ||
		     (strspn(name + 4, "0123456789ABCDEF") == 4 && !name[8])))
			ovmf_vars_remove(vars, i - 1);
	}
}

int ovmf_boot_write(struct ovmf_vars *vars, const struct machine *m, const char *const *disks,
		    struct machine_strv *notes, struct err *err)
{
	const struct machine_firmware *f = &m->firmware;
	CLEANUP(mem_free) uint8_t *order = calloc(f->nentries + 1, 2);
	CLEANUP(mem_free) bool *taken = calloc(f->nentries + 1, sizeof(*taken));
	size_t n = 0;
	int count = 0;

	if (!order || !taken)
		return err_nomem(err);
	forget_entries(vars);
	for (size_t i = 0; i < f->nentries; i++) {
		int r = take_entry(vars, m, disks, &f->entries[i], notes, err);

		if (r < 0)
			return r;
		taken[i] = r > 0;
		count += r;
	}
	for (size_t i = 0; i < f->nboot_order; i++)
		for (size_t k = 0; k < f->nentries; k++)
			if (taken[k] && f->entries[k].number == f->boot_order[i] &&
			    !in_order(order, n, f->boot_order[i]))
				put_le16(order + 2 * n++, f->boot_order[i]);
	/* Started by hand, or once only: better than nothing. */
	for (size_t k = 0; k < f->nentries && n == 0; k++)
		if (taken[k] && f->entries[k].number == f->boot_current)
			put_le16(order + 2 * n++, f->entries[k].number);
	if (n) {
		int r = ovmf_vars_set(vars, ovmf_vars_global, "BootOrder", OVMF_VAR_DEFAULT, order,
				      2 * n, err);

		if (r < 0)
			return r;
	}
	return count;
}
