/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who the virtual machine is. Software is bound to UUID, serial numbers and vendor names, so they
 * are kept; what is only a vendor's placeholder must not become an identity.
 */
#include "convert/vmspec_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "common/text.h"

#define UUID_LEN	36
#define SMBIOS_MAX	255

static bool uuid_shape(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool hex =
		    (s[i] >= '0' && s[i] <= '9') || ((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f');

		if (dash ? s[i] != '-' : !hex)
			return false;
	}
	return s[UUID_LEN] == '\0';
}

/* One byte all over (all zero, all ff): libvirt refuses these. */
static bool uuid_uniform(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i += s[i + 2] == '-' ? 3 : 2)
		if (strncasecmp(s, s + i, 2) != 0)
			return false;
	return true;
}

/* What firmware shows where nobody filled in a number: two such machines would collide. */
static bool uuid_fake(const char *s)
{
	static const char *const fakes[] = {
	    "03000200-0400-0500-0006-000700080009", /* AMI's sample, also in the other byte order */
	    "00020003-0004-0005-0006-000700080009",
	    "12345678-1234-5678-90ab-cddeefaabbcc",
	    "78563412-3412-7856-90ab-cddeefaabbcc",
	    "00010203-0405-0607-0809-0a0b0c0d0e0f", /* counted up */
	    "03020100-0504-0706-0809-0a0b0c0d0e0f",
	    "01020304-0506-0708-090a-0b0c0d0e0f10",
	    "01234567-89ab-cdef-0123-456789abcdef",
	    "00112233-4455-6677-8899-aabbccddeeff",
	    "33221100-5544-7766-8899-aabbccddeeff",
	    "4c4c4544-0000-2010-8020-80c04f202020", /* Dell without a service tag */
	    "4c4c4544-0020-2010-8020-80c04f202020",
	};

	if (uuid_uniform(s))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++)
		if (strcasecmp(s, fakes[i]) == 0)
			return true;
	return false;
}

static int build_uuid(struct vmspec_builder *b, struct err *err)
{
	const char *from = b->opt->uuid, *dmi = b->m->smbios.uuid;

	if (from) {
		if (!uuid_shape(from) || uuid_uniform(from))
			return err_set(err, EINVAL, "the UUID given for the domain is not one");
	} else if (dmi && uuid_shape(dmi) && !uuid_fake(dmi)) {
		from = dmi;
	} else {
		from = b->opt->random_uuid;
		if (!from || !uuid_shape(from) || uuid_uniform(from))
			return err_set(err, EINVAL, "no random UUID given for the domain");
		if (dmi)
			vmspec_builder_warn(b, "the machine's UUID is a placeholder of its vendor: "
					       "the domain gets a random one");
		else
			vmspec_builder_warn(b, "the machine's UUID is not known: the domain gets a "
					       "random one");
	}
	b->s->uuid = vmspec_builder_dup(b, from);
	for (char *p = b->s->uuid; p && *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p |= 0x20;
	return 0;
}

static int build_name(struct vmspec_builder *b, struct err *err)
{
	char made[TEXT_NAME_MAX + 1];
	const char *host = b->m->hostname ? b->m->hostname : b->m->os.hostname;

	if (b->opt->name) {
		if (!text_name_valid(b->opt->name))
			return err_set(err, EINVAL, "the domain name given is not a valid name");
		b->s->name = vmspec_builder_dup(b, b->opt->name);
		return 0;
	}
	text_name_make(host ? host : "", made);
	if (!host)
		vmspec_builder_warn(b,
				    "the machine's host name is not known: the domain is called "
				    "\"%s\"",
				    made);
	b->s->name = vmspec_builder_dup(b, made);
	return 0;
}

static void build_smbios(struct vmspec_builder *b)
{
	const struct machine_smbios *from = &b->m->smbios;
	struct machine_smbios *to = &b->s->smbios;

#define COPY(member)	(to->member = vmspec_builder_clean(b, from->member, SMBIOS_MAX))
	COPY(uuid);
	COPY(sys_vendor);
	COPY(product_name);
	COPY(product_version);
	COPY(product_serial);
	COPY(product_sku);
	COPY(product_family);
	COPY(board_vendor);
	COPY(board_name);
	COPY(board_version);
	COPY(board_serial);
	COPY(board_asset_tag);
	COPY(chassis_vendor);
	COPY(chassis_type);
	COPY(chassis_version);
	COPY(chassis_serial);
	COPY(chassis_asset_tag);
	COPY(bios_vendor);
	COPY(bios_version);
	COPY(bios_date);
#undef COPY
}

static void build_description(struct vmspec_builder *b)
{
	const struct machine *m = b->m;
	const struct machine_smbios *f = &b->s->smbios;
	CLEANUP(strbuf_done) struct strbuf t = { 0 };
	const char *known = m->hostname ? m->hostname : m->os.hostname;
	CLEANUP(mem_free) char *host = vmspec_builder_clean(b, known, SMBIOS_MAX);
	CLEANUP(mem_free) char *at = vmspec_builder_clean(b, m->recorded_at, 64);
	CLEANUP(mem_free) char *by = vmspec_builder_clean(b, m->recorded_by, 64);

	if (b->opt->description) {
		b->s->description = vmspec_builder_dup(b, b->opt->description);
		return;
	}
	strbuf_addf(&t, "Converted by p2v from the machine %s", host ? host : "of unknown name");
	if (f->sys_vendor || f->product_name)
		strbuf_addf(&t, ", %s%s%s", f->sys_vendor ? f->sys_vendor : "",
			    f->sys_vendor && f->product_name ? " " : "",
			    f->product_name ? f->product_name : "");
	if (f->product_serial)
		strbuf_addf(&t, ", serial number %s", f->product_serial);
	if (at)
		strbuf_addf(&t, ", recorded at %s", at);
	if (by)
		strbuf_addf(&t, " by %s", by);
	b->s->description = strbuf_take(&t);
	if (!b->s->description)
		b->nomem = true;
}

/* libosinfo's ids of Linux are a vendor's URL and the version; used when the fixer gave none. */
static void build_osinfo(struct vmspec_builder *b)
{
	static const struct {
		const char *id, *url;
		bool major_only;
	} known[] = {
		{ "debian", "http://debian.org/debian/", true },
		{ "ubuntu", "http://ubuntu.com/ubuntu/", false },
		{ "fedora", "http://fedoraproject.org/fedora/", true },
		{ "rhel", "http://redhat.com/rhel/", false },
		{ "rocky", "http://rockylinux.org/rocky/", true },
		{ "almalinux", "http://almalinux.org/almalinux/", true },
		{ "opensuse-leap", "http://opensuse.org/opensuse/", false },
		{ "sles", "http://suse.com/sle/", false },
	};
	const struct machine_os *os = &b->m->os;
	char version[16];
	size_t n;

	if (b->caps->osinfo[0]) {
		b->s->osinfo = vmspec_builder_clean(b, b->caps->osinfo, sizeof(b->caps->osinfo));
		return;
	}
	if (!os->id || !os->version_id)
		return;
	n = strspn(os->version_id, "0123456789.");
	if (n == 0 || n >= sizeof(version) || os->version_id[n])
		return;
	memcpy(version, os->version_id, n + 1);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(os->id, known[i].id) != 0)
			continue;
		if (known[i].major_only)
			version[strcspn(version, ".")] = '\0';
		if (asprintf(&b->s->osinfo, "%s%s", known[i].url, version) < 0) {
			b->s->osinfo = NULL;
			b->nomem = true;
		}
		return;
	}
}

int vmspec_identity_fill(struct vmspec_builder *b, struct err *err)
{
	int r = build_name(b, err);

	if (r == 0)
		r = build_uuid(b, err);
	if (r < 0)
		return r;
	build_smbios(b);
	build_description(b);
	build_osinfo(b);
	return 0;
}
