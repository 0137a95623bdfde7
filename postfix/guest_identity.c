/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See guest_identity.h. */
#include "postfix/guest_identity.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "postfix/linux/lines.h"

/* The ids of os-release, libguestfs' names, and how libosinfo makes its id. */
static const struct known {
	const char *id, *distro;
	bool with_minor;
} known[] = {
	{ "debian", "debian", false },
	{ "ubuntu", "ubuntu", true },
	{ "fedora", "fedora", false },
	{ "rhel", "rhel", true },
};

/* One to five digits; false for anything else. */
static bool take_number(struct span *s, int *ret)
{
	size_t n = 0;

	for (*ret = 0; n < s->len && n < 6 && s->s[n] >= '0' && s->s[n] <= '9'; n++)
		*ret = *ret * 10 + (s->s[n] - '0');
	s->s += n;
	s->len -= n;
	return n > 0 && n < 6;
}

/* "24.04", "12". */
static bool parse_version(struct span s, struct guest_identity *ret)
{
	if (!take_number(&s, &ret->major))
		return false;
	ret->minor = 0;
	if (s.len == 0)
		return true;
	if (*s.s != '.')
		return false;
	s.s++;
	s.len--;
	return take_number(&s, &ret->minor) && s.len == 0;
}

bool guest_identity_parse(const char *text, struct guest_identity *ret)
{
	struct span id = { 0 }, version = { 0 };
	struct guest_identity found = { 0 };
	const char *pos;
	struct line l;

	for (pos = text; lines_next(&pos, &l);) {
		struct span key, value;

		if (!lines_assignment(&l, &key, &value))
			continue;
		if (lines_span_is(key, "ID"))
			id = lines_unquoted(value);
		else if (lines_span_is(key, "VERSION_ID"))
			version = lines_unquoted(value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (!id.s || !version.s || !lines_span_is(id, known[i].id))
			continue;
		if (!parse_version(version, &found))
			return false;
		snprintf(found.distro, sizeof(found.distro), "%s", known[i].distro);
		if (known[i].with_minor)
			snprintf(found.osinfo, sizeof(found.osinfo), "%s%.*s", known[i].distro,
				 (int)version.len, version.s);
		else
			snprintf(found.osinfo, sizeof(found.osinfo), "%s%d", known[i].distro,
				 found.major);
		*ret = found;
		return true;
	}
	return false;
}

const char *guest_identity_arch(const void *head, size_t n)
{
	const uint8_t *p = head;

	if (n < 20 || memcmp(p, ELFMAG, SELFMAG) != 0 || p[EI_DATA] != ELFDATA2LSB)
		return NULL;
	switch (get_le16(p + 18)) {
	case EM_X86_64:
		return "x86_64";
	case EM_386:
		return "i386";
	default:
		return NULL;
	}
}

/* The one filesystem that the recorded machine ran from; NULL when there is none, or two. */
static const char *recorded_root(const struct guest *guest)
{
	const char *want = guest->machine ? guest->machine->os.root_uuid : NULL;
	static const char *const kinds[] = { "ext2", "ext3", "ext4", "xfs" };
	const char *device = NULL;

	for (size_t i = 0; want && i < guest->map.nparts; i++) {
		const struct devmap_part *p = &guest->map.parts[i];
		bool fits = false;

		if (!p->uuid || strcasecmp(p->uuid, want) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			fits |= p->type && strcmp(p->type, kinds[k]) == 0;
		if (device || !fits)
			return NULL;
		device = p->device;
	}
	return device;
}

static const char *find_arch(struct guest *guest)
{
	CLEANUP(mem_free) char *head = NULL;
	size_t n = 0;

	if (guest_is_file(guest, "/bin/sh"))
		head = guestfs_pread(guest->g, "/bin/sh", 64, 0, &n);
	return head ? guest_identity_arch(head, n) : NULL;
}

/* 1 all is set, 0 not settled. */
static int fill(struct guest *guest, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct guest_identity id;
	const char *arch;

	if (guest_read(guest, "/etc/os-release", GUEST_TEXT_MAX, &text, NULL, NULL) < 0 ||
	    !guest_identity_parse(text, &id))
		return 0;
	arch = find_arch(guest);
	if (!arch)
		return 0;
	guest->type = strdup("linux");
	guest->distro = strdup(id.distro);
	guest->osinfo = strdup(id.osinfo);
	guest->arch = strdup(arch);
	/* PRETTY_NAME takes its place. */
	guest->os_name = strdup(id.distro);
	guest->major = id.major;
	guest->minor = id.minor;
	if (!guest->type || !guest->distro || !guest->osinfo || !guest->arch || !guest->os_name)
		return err_nomem(err);
	return 1;
}

int guest_identify(struct guest *guest, struct err *err)
{
	const char *device = recorded_root(guest);
	int r;

	if (!device || guestfs_mount_options(guest->g, "rw", device, "/") < 0)
		return 0;
	r = fill(guest, err);
	if (r > 0) {
		guest->root = strdup(device);
		return guest->root ? 1 : err_nomem(err);
	}
	if (r == 0 && guestfs_umount_all(guest->g) < 0)
		return guest_fail(guest, err, "cannot unmount %s", device);
	return r;
}
