/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every choice here falls back to the most compatible one and says so in a warning; the only
 * errors are memory and options that the user can correct. What came from the machine may be
 * anything (firmware strings are often junk), so it is cleaned on its way in: the XML writer and
 * libvirt then never have to refuse what the user cannot change.
 */
#include "convert/vmspec.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/size.h"
#include "common/text.h"

#define UUID_LEN	36
#define MEMORY_DEFAULT	(2 * GIB)
#define MEMORY_MIN	(16 * MIB)
#define VCPU_MAX 255 /* more need an IOMMU with x2APIC, and a guest that can use it */
#define IDE_MAX		4		/* two channels of two */
#define SECTOR_MAX	(32 * KIB)
#define SMBIOS_MAX	255
#define ESP_TYPE	"c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define BIOS_BOOT_TYPE	"21686148-6449-6e6f-744e-656564454649"

/* What vmspec_build() works with. After memory ran out all goes on, without doing harm. */
struct build {
	const struct machine *m;
	const struct guestcaps *caps;
	const struct vmspec_image *images;
	size_t nimages;
	const struct vmspec_options *opt;
	struct vmspec *s;
	struct machine_strv *warnings;
	bool nomem;
};

void guestcaps_default(struct guestcaps *c)
{
	*c = (struct guestcaps){
		.block = VM_BLOCK_IDE,
		.net = VM_NET_E1000,
		.major = -1,
		.minor = -1,
	};
}

static void warn(struct build *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void warn(struct build *b, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;
	int n;

	if (!b->warnings)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	if (n < 0 || machine_strv_add(b->warnings, text) < 0)
		b->nomem = true;
}

static char *dup_or_flag(struct build *b, const char *s)
{
	char *copy;

	if (!s)
		return NULL;
	copy = strdup(s);
	if (!copy)
		b->nomem = true;
	return copy;
}

/*
 * Printable ASCII, without blanks around it, at most max bytes; NULL when nothing is left. Every
 * other byte becomes '?' where it may carry meaning; control characters become blanks.
 */
static char *clean(struct build *b, const char *text, size_t max)
{
	char *s = dup_or_flag(b, text), *start = s;
	size_t n;

	if (!s)
		return NULL;
	for (char *p = s; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < ' ' || c == 0x7f)
			*p = ' ';
		else if (c > 0x7f)
			*p = '?';
	}
	while (*start == ' ')
		start++;
	n = strnlen(start, max);
	while (n > 0 && start[n - 1] == ' ')
		n--;
	memmove(s, start, n);
	s[n] = '\0';
	if (n == 0) {
		free(s);
		return NULL;
	}
	return s;
}

/* Identity: UUID, name, SMBIOS, provenance. */

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

static int build_uuid(struct build *b, struct err *err)
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
			warn(b, "the machine's UUID is a placeholder of its vendor: the domain "
				"gets a random one");
		else
			warn(b, "the machine's UUID is not known: the domain gets a random one");
	}
	b->s->uuid = dup_or_flag(b, from);
	for (char *p = b->s->uuid; p && *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p |= 0x20;
	return 0;
}

static int build_name(struct build *b, struct err *err)
{
	char made[TEXT_NAME_MAX + 1];
	const char *host = b->m->hostname ? b->m->hostname : b->m->os.hostname;

	if (b->opt->name) {
		if (!text_name_valid(b->opt->name))
			return err_set(err, EINVAL, "the domain name given is not a valid name");
		b->s->name = dup_or_flag(b, b->opt->name);
		return 0;
	}
	text_name_make(host ? host : "", made);
	if (!host)
		warn(b, "the machine's host name is not known: the domain is called \"%s\"", made);
	b->s->name = dup_or_flag(b, made);
	return 0;
}

static void build_smbios(struct build *b)
{
	const struct machine_smbios *from = &b->m->smbios;
	struct machine_smbios *to = &b->s->smbios;

#define COPY(member)	(to->member = clean(b, from->member, SMBIOS_MAX))
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

static void build_description(struct build *b)
{
	const struct machine *m = b->m;
	const struct machine_smbios *f = &b->s->smbios;
	CLEANUP(strbuf_done) struct strbuf t = { 0 };
	const char *known = m->hostname ? m->hostname : m->os.hostname;
	CLEANUP(mem_free) char *host = clean(b, known, SMBIOS_MAX);
	CLEANUP(mem_free) char *at = clean(b, m->recorded_at, 64);
	CLEANUP(mem_free) char *by = clean(b, m->recorded_by, 64);

	if (b->opt->description) {
		b->s->description = dup_or_flag(b, b->opt->description);
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
static void build_osinfo(struct build *b)
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
		b->s->osinfo = clean(b, b->caps->osinfo, sizeof(b->caps->osinfo));
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

/* Memory and processors. */

static int build_memory(struct build *b, struct err *err)
{
	const struct machine_memory *mem = &b->m->memory;
	char text[SIZE_TEXT_MAX];
	uint64_t n = b->opt->memory;

	if (n) {
		if (n < MEMORY_MIN || n > INT64_MAX)
			return err_set(err, EINVAL,
				       "the memory size given for the domain is out of range");
		b->s->memory = n;
		return 0;
	}
	n = mem->installed;
	if (n && n < mem->usable) {
		n = mem->usable;
		warn(b,
		     "the machine uses more memory than it says is installed: taking what it uses");
	}
	if (!n && mem->usable) {
		/* What the kernel kept for itself is lost to us; VMs have whole MiB. */
		n = mem->usable > INT64_MAX ? mem->usable : ALIGN_UP(mem->usable, MIB);
		warn(b,
		     "the installed memory is not known: the domain gets what the system could "
		     "use, %s",
		     size_format(n, text));
	}
	if (n < MEMORY_MIN || n > INT64_MAX) {
		warn(b, "the machine's memory is %s: the domain gets %s",
		     n ? "out of range" : "not known", size_format(MEMORY_DEFAULT, text));
		n = MEMORY_DEFAULT;
	}
	b->s->memory = n;
	return 0;
}

static int build_cpu(struct build *b, struct err *err)
{
	const struct machine_cpu *c = &b->m->cpu;
	struct vmspec *s = b->s;
	uint64_t total;

	s->cpu_level = c->x86_64_level <= 4 ? c->x86_64_level : 0;
	s->kvm = s->cpu_host_model = b->opt->kvm;
	if (!s->kvm && s->cpu_level == 4)
		warn(b, "the machine's CPU has AVX-512, which is not emulated: the domain gets "
			"x86-64-v3");

	s->sockets = c->sockets;
	s->cores = c->cores_per_socket;
	s->threads = c->threads_per_core;
	/* Each is 32 bits, and the first two bounded before the third comes in. */
	total = (uint64_t)s->sockets * s->cores;
	total = total > UINT32_MAX ? UINT32_MAX : total * s->threads;
	if (b->opt->vcpus) {
		if (b->opt->vcpus > VCPU_MAX)
			return err_set(err, EINVAL, "a domain can have at most %d processors",
				       VCPU_MAX);
		if (total == b->opt->vcpus)
			return 0;
		/* One socket: desktop systems use no more than one or two. */
		s->sockets = s->threads = 1;
		s->cores = b->opt->vcpus;
		return 0;
	}
	if (total == 0 || total < c->online) {
		total = c->online ? c->online : 1;
		s->sockets = s->threads = 1;
		s->cores = (uint32_t)total;
		warn(b,
		     "the CPU topology is not known or does not add up: the domain gets one socket "
		     "of %" PRIu64 " core%s",
		     total, total == 1 ? "" : "s");
	}
	if (total > VCPU_MAX) {
		uint64_t per_core = (uint64_t)s->sockets * s->threads;

		warn(b,
		     "the machine has %" PRIu64 " processors, more than the %d a domain can have: "
		     "the domain gets fewer cores",
		     total, VCPU_MAX);
		if (per_core > VCPU_MAX)
			s->sockets = s->threads = 1;
		s->cores = VCPU_MAX / (s->sockets * s->threads);
	}
	return 0;
}

/* Firmware and chipset. */

static const struct machine_disk *image_disk(const struct build *b, size_t i)
{
	return b->images[i].name ? machine_find_disk(b->m, b->images[i].name) : NULL;
}

static bool has_partition_type(const struct build *b, const char *type)
{
	for (size_t i = 0; i < b->nimages; i++) {
		const struct machine_disk *d = image_disk(b, i);

		for (size_t p = 0; d && p < d->npartitions; p++)
			if (d->partitions[p].type && strcasecmp(d->partitions[p].type, type) == 0)
				return true;
	}
	return false;
}

static void build_firmware(struct build *b)
{
	const struct machine_firmware *f = &b->m->firmware;
	struct vmspec *s = b->s;

	if (f->type == MACHINE_FIRMWARE_UNKNOWN) {
		s->uefi = f->nentries > 0 || (has_partition_type(b, ESP_TYPE) &&
					      !has_partition_type(b, BIOS_BOOT_TYPE));
		warn(b, "the machine's firmware is not known: taking %s because of %s",
		     s->uefi ? "UEFI" : "BIOS",
		     f->nentries > 0 ? "its boot entries" :
		     s->uefi ? "its EFI system partition" : "its partitions");
	} else {
		s->uefi = f->type == MACHINE_FIRMWARE_UEFI;
	}
	s->secure_boot = s->uefi && f->secure_boot && !f->setup_mode;
	if (s->secure_boot)
		warn(b, "Secure Boot stays on, with the common keys: keys of one's own must be "
			"enrolled again");
	/* Who boots with UEFI knows PCI Express; Secure Boot needs q35's SMM. */
	s->q35 = b->caps->q35 || s->uefi;
}

/* Disks. */

static char *clean_serial(struct build *b, const char *text, enum vm_block_bus bus)
{
	/* What QEMU's models show: 36 characters on SCSI's page 0x80, 20 elsewhere. */
	char *s = clean(b, text, bus == VM_BLOCK_VIRTIO_SCSI ? 36 : 20);

	/* libvirt takes no others; '_' is what udev makes of them in /dev/disk/by-id, too. */
	for (char *p = s; p && *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+- ",
			    *p))
			*p = '_';
	return s;
}

/* "0x5000c500...", "naa.5000...", "eui.0025..." as 16 hex digits; no longer ones can be shown. */
static char *clean_wwn(struct build *b, const char *text)
{
	static const char *const prefixes[] = { "0x", "naa.", "eui." };

	if (!text)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncasecmp(text, prefixes[i], strlen(prefixes[i])) == 0) {
			text += strlen(prefixes[i]);
			break;
		}
	}
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16 ||
	    strspn(text, "0") == 16)
		return NULL;
	return dup_or_flag(b, text);
}

static bool sector_ok(uint32_t n)
{
	return n >= 512 && n <= SECTOR_MAX && (n & (n - 1)) == 0;
}

static uint32_t sector_choose(uint32_t image, uint32_t disk, uint32_t fallback)
{
	return sector_ok(image) ? image : sector_ok(disk) ? disk : fallback;
}

/* How sure it is that the machine boots from this disk; 0 = nothing speaks for it. */
static unsigned int boot_score(const struct build *b, const struct machine_disk *d)
{
	const struct machine_boot_entry *e = machine_boot_current(b->m);
	unsigned int best = 0;

	for (size_t i = 0; d && i < d->npartitions; i++) {
		const struct machine_partition *p = &d->partitions[i];
		unsigned int n = p->boot ? 1 : 0;

		if (machine_strv_has(&p->mountpoints, "/"))
			n = 2;
		if (machine_strv_has(&p->mountpoints, "/boot"))
			n = 3;
		if (machine_strv_has(&p->mountpoints, "/boot/efi") ||
		    machine_strv_has(&p->mountpoints, "/efi"))
			n = 4;
		if (e && e->partition_uuid && p->uuid &&
		    strcasecmp(e->partition_uuid, p->uuid) == 0)
			n = 5;
		best = MAX(best, n);
	}
	return best;
}

static size_t boot_guess(struct build *b)
{
	unsigned int best = 0;
	size_t found = 0;

	for (size_t i = 0; i < b->nimages; i++) {
		unsigned int n = boot_score(b, image_disk(b, i));

		if (n > best) {
			best = n;
			found = i;
		}
	}
	if (best == 0 && b->nimages > 1)
		warn(b, "it is not known which disk the machine boots from: taking the first one");
	return found;
}

/*
 * Every disk gets a place, also those that nobody boots from: with a boot order, SeaBIOS and OVMF
 * do not set up disks outside it, and then the boot loader misses the rest of a RAID or a
 * volume group.
 */
static void build_boot_order(struct build *b)
{
	unsigned int next = 1;
	bool any = false;
	size_t guess;

	for (size_t i = 0; i < b->nimages; i++) {
		if (b->images[i].boot) {
			b->s->disks[i].boot_order = next++;
			any = true;
		}
	}
	if (!any) {
		guess = boot_guess(b);
		b->s->disks[guess].boot_order = next++;
	}
	for (size_t i = 0; i < b->nimages; i++)
		if (b->s->disks[i].boot_order == 0)
			b->s->disks[i].boot_order = next++;
}

static enum vm_block_bus choose_bus(struct build *b, const char *name, uint32_t logical,
				    size_t *nide)
{
	enum vm_block_bus bus = b->caps->block;

	/* IDE and SATA have 512-byte sectors; the partition table would not be found. */
	if ((bus == VM_BLOCK_IDE || bus == VM_BLOCK_SATA) && logical != 512) {
		warn(b, "the disk %s has sectors of %" PRIu32 " bytes, which only virtio can show: "
		     "the guest needs its virtio-scsi driver", name, logical);
		return VM_BLOCK_VIRTIO_SCSI;
	}
	if (bus != VM_BLOCK_IDE)
		return bus;
	if (b->s->q35)
		return VM_BLOCK_SATA;	/* q35 has no IDE */
	if (*nide == IDE_MAX) {
		warn(b, "IDE has room for %d disks: the disk %s goes on SATA", IDE_MAX, name);
		return VM_BLOCK_SATA;
	}
	(*nide)++;
	return bus;
}

/* "sda" ... "sdz", "sdaa" ... */
static char *target_name(struct build *b, enum vm_block_bus bus, size_t index)
{
	const char *prefix = bus == VM_BLOCK_VIRTIO_BLK ? "vd" : bus == VM_BLOCK_IDE ? "hd" : "sd";
	char digits[16], *p = digits + sizeof(digits) - 1, *s;

	*p = '\0';
	for (index++; index > 0; index = (index - 1) / 26)
		*--p = (char)('a' + (index - 1) % 26);
	if (asprintf(&s, "%s%s", prefix, p) < 0) {
		b->nomem = true;
		return NULL;
	}
	return s;
}

static int build_disk(struct build *b, size_t i, size_t *nide, size_t names[4], struct err *err)
{
	const struct vmspec_image *img = &b->images[i];
	const struct machine_disk *d = image_disk(b, i);
	struct vmspec_disk *v = &b->s->disks[i];
	char name[64];
	size_t *used;

	if (!img->name || !img->path || img->path[0] != '/')
		return err_set(err, EINVAL, "image %zu lacks a disk name or an absolute path", i);
	text_escape_str(img->name, name, sizeof(name));
	if (!d)
		warn(b, "the disk %s is not in the machine's inventory: its serial number is not "
			"known", name);

	v->name = dup_or_flag(b, img->name);
	v->path = dup_or_flag(b, img->path);
	v->format = dup_or_flag(b, img->format ? img->format : "qcow2");
	v->size = img->size;
	v->direct_io = img->direct_io;
	v->logical_sector = sector_choose(img->logical_sector, d ? d->logical_sector : 0, 512);
	v->physical_sector =
	    sector_choose(img->physical_sector, d ? d->physical_sector : 0, v->logical_sector);
	v->physical_sector = MAX(v->physical_sector, v->logical_sector);
	v->bus = choose_bus(b, name, v->logical_sector, nide);
	used = v->bus == VM_BLOCK_SATA ? &names[VM_BLOCK_VIRTIO_SCSI] : &names[v->bus];
	v->dev = target_name(b, v->bus, (*used)++);
	if (!d) {
		/* HDD: what a guest makes of a disk that does not say. */
		v->rotational = true;
		return 0;
	}
	v->rotational = d->rotational;
	v->serial = clean_serial(b, d->serial, v->bus);
	if (v->bus == VM_BLOCK_VIRTIO_SCSI || v->bus == VM_BLOCK_IDE)
		v->wwn = clean_wwn(b, d->wwn);
	if (v->bus == VM_BLOCK_VIRTIO_SCSI) {
		v->vendor = clean(b, d->vendor, 8);
		v->product = clean(b, d->model, 16);
		/* libata's word for a disk that it translates: udev would send ATA commands. */
		if (v->vendor && strcmp(v->vendor, "ATA") == 0) {
			free(v->vendor);
			v->vendor = NULL;
		}
	}
	return 0;
}

static int build_disks(struct build *b, struct err *err)
{
	size_t nide = 0, names[4] = { 0 };

	b->s->disks = calloc(b->nimages, sizeof(*b->s->disks));
	if (!b->s->disks)
		return err_nomem(err);
	b->s->ndisks = b->nimages;
	for (size_t i = 0; i < b->nimages; i++) {
		int r = build_disk(b, i, &nide, names, err);

		if (r < 0)
			return r;
	}
	build_boot_order(b);
	return 0;
}

/* Network. */

/* An Ethernet address that a NIC can have: six bytes, unicast, not zero. */
static bool mac_usable(const char *s)
{
	static const char digits[] = "0123456789abcdef";
	bool zero = true;

	if (!s || strlen(s) != 17)
		return false;
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2) {
			if (s[i] != ':')
				return false;
			continue;
		}
		if (!strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] | 0x20 : s[i]))
			return false;
		zero = zero && s[i] == '0';
	}
	/* The lowest bit of the first byte is group addresses'. */
	return !zero && strchr("02468aceACE", s[1]);
}

static bool map_names(const struct vmspec_map *map, const struct machine_nic *n)
{
	return strcmp(map->nic, n->name) == 0 || (n->mac && strcasecmp(map->nic, n->mac) == 0) ||
	       (n->permanent_mac && strcasecmp(map->nic, n->permanent_mac) == 0);
}

static const struct vmspec_map *map_find(const struct build *b, const struct machine_nic *n)
{
	const struct vmspec_map *any = NULL;

	for (size_t i = 0; i < b->opt->nmaps; i++) {
		if (map_names(&b->opt->maps[i], n))
			return &b->opt->maps[i];
		if (strcmp(b->opt->maps[i].nic, "*") == 0)
			any = &b->opt->maps[i];
	}
	return any;
}

static void build_nic(struct build *b, const struct machine_nic *n, const struct vmspec_map *map)
{
	const char *mac = mac_usable(n->permanent_mac) ? n->permanent_mac : n->mac;
	bool chosen = map && strcmp(map->nic, "*") != 0;
	struct vmspec_nic *v;
	char name[64];

	text_escape_str(n->name, name, sizeof(name));
	if (!mac_usable(mac)) {
		warn(b, "%s has no usable Ethernet address: its replacement gets a new one", name);
		mac = NULL;
	}
	/* Members of a bond share the current address; only the permanent one tells them apart. */
	for (size_t i = 0; mac && i < b->s->nnics; i++) {
		if (b->s->nics[i].mac && strcasecmp(b->s->nics[i].mac, mac) == 0) {
			warn(b, "%s has the same address as %s: its replacement gets a new one",
			     name, b->s->nics[i].name);
			mac = NULL;
		}
	}
	v = machine_grow(&b->s->nics, &b->s->nnics, sizeof(*v));
	if (!v) {
		b->nomem = true;
		return;
	}
	v->name = dup_or_flag(b, name);
	v->mac = dup_or_flag(b, mac);
	v->model = b->caps->net;
	/* e1000e is a PCI Express device. */
	if (v->model == VM_NET_E1000E && !b->s->q35)
		v->model = VM_NET_E1000;
	v->kind = map ? map->kind : VM_NET_NETWORK;
	v->target = dup_or_flag(b, map ? map->target : "default");
	v->mtu = n->mtu >= 68 && n->mtu <= UINT16_MAX && n->mtu != 1500 ? n->mtu : 0;
	/* An interface that is down tells nothing of its cable. */
	v->link_up = chosen || n->carrier || !n->up;
	if (!v->link_up)
		warn(b,
		     "%s had no link and its replacement gets none; name it in a map to connect it",
		     name);
	if (!map && b->opt->nmaps > 0)
		warn(b, "%s is named by no map: it is connected to the network \"default\"", name);
}

static void build_nics(struct build *b)
{
	const struct machine *m = b->m;
	char name[64];

	for (size_t i = 0; i < m->nnics && !b->nomem; i++) {
		const struct machine_nic *n = &m->nics[i];
		const struct vmspec_map *map;

		if (!n->name || strcmp(n->name, "lo") == 0)
			continue;
		text_escape_str(n->name, name, sizeof(name));
		if (n->kind && strcmp(n->kind, "wireless") == 0) {
			warn(b, "the wireless interface %s does not become a device", name);
			continue;
		}
		if (n->kind && strcmp(n->kind, "physical") != 0)
			continue;
		map = map_find(b, n);
		if (map && map->kind == VM_NET_NONE)
			continue;
		build_nic(b, n, map);
	}
	for (size_t i = 0; i < b->opt->nmaps; i++) {
		const char *wanted = b->opt->maps[i].nic;
		bool found = strcmp(wanted, "*") == 0;

		for (size_t k = 0; k < m->nnics && !found; k++)
			found = m->nics[k].name && map_names(&b->opt->maps[i], &m->nics[k]);
		if (!found)
			warn(b, "the machine has no network interface %s",
			     text_escape_str(wanted, name, sizeof(name)));
	}
	if (m->nnics == 0)
		warn(b, "the machine's network interfaces are not known: the domain has none");
}

/* The rest. */

static void build_devices(struct build *b)
{
	const struct machine *m = b->m;
	struct vmspec *s = b->s;
	bool windows = strcmp(b->caps->os_type, "windows") == 0;

	/* Windows keeps local time unless told otherwise. */
	s->clock_local = m->clock.rtc_local || (windows && !m->clock.rtc_known);
	s->tpm = m->tpm_present;
	if (s->tpm) {
		s->tpm_version = dup_or_flag(
		    b, m->tpm_version && strncmp(m->tpm_version, "1", 1) == 0 ? "1.2" : "2.0");
		warn(b, "the TPM is a new, empty one: what the old one sealed (disk keys) needs "
			"its recovery key");
	}
	for (size_t i = 0; i < m->nwatchdogs; i++)
		s->watchdog = s->watchdog || m->watchdogs[i].in_use;
}

static void build_arch(struct build *b)
{
	const char *arch = b->caps->arch[0] ? b->caps->arch : b->m->os.arch;
	size_t n = arch ? strlen(arch) : 0;

	/* A 32-bit system runs on a 64-bit processor, as it most likely did. */
	if (n == 0 || strcmp(arch, "amd64") == 0 ||
	    (n == 4 && arch[0] == 'i' && strcmp(arch + 2, "86") == 0))
		arch = "x86_64";
	b->s->arch = clean(b, arch, 32);
}

int vmspec_build(const struct machine *m, const struct guestcaps *caps,
		 const struct vmspec_image *images, size_t nimages,
		 const struct vmspec_options *opt, struct vmspec **ret,
		 struct machine_strv *warnings, struct err *err)
{
	CLEANUP(vmspec_free) struct vmspec *s = NULL;
	struct build b = {
	    .m = m,
	    .caps = caps,
	    .images = images,
	    .nimages = nimages,
	    .opt = opt,
	    .warnings = warnings,
	};
	int r;

	if (nimages == 0)
		return err_set(err, EINVAL, "no disk image given for the domain");
	if (opt->nvram_path && opt->nvram_path[0] != '/')
		return err_set(err, EINVAL,
			       "the path given for the firmware's variables is not absolute");
	s = b.s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->caps = *caps;
	build_arch(&b);
	r = build_name(&b, err);
	if (r == 0)
		r = build_uuid(&b, err);
	if (r == 0)
		r = build_memory(&b, err);
	if (r == 0)
		r = build_cpu(&b, err);
	if (r < 0)
		return r;
	build_smbios(&b);
	build_description(&b);
	build_osinfo(&b);
	build_firmware(&b);
	if (s->uefi)
		s->nvram_path = dup_or_flag(&b, opt->nvram_path);
	r = build_disks(&b, err);
	if (r < 0)
		return r;
	build_nics(&b);
	build_devices(&b);
	if (b.nomem)
		return err_nomem(err);
	*ret = TAKE_PTR(s);
	return 0;
}

static void smbios_done(struct machine_smbios *s)
{
	char *all[] = {
		s->uuid, s->sys_vendor, s->product_name, s->product_version, s->product_serial,
		s->product_sku, s->product_family, s->board_vendor, s->board_name, s->board_version,
		s->board_serial, s->board_asset_tag, s->chassis_vendor, s->chassis_type,
		s->chassis_version, s->chassis_serial, s->chassis_asset_tag, s->bios_vendor,
		s->bios_version, s->bios_date,
	};

	_Static_assert(sizeof(all) == sizeof(*s), "a member is missing above");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
}

void vmspec_free(struct vmspec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->ndisks; i++) {
		struct vmspec_disk *d = &s->disks[i];

		free(d->name);
		free(d->path);
		free(d->format);
		free(d->dev);
		free(d->serial);
		free(d->wwn);
		free(d->vendor);
		free(d->product);
	}
	free(s->disks);
	for (size_t i = 0; i < s->nnics; i++) {
		free(s->nics[i].name);
		free(s->nics[i].mac);
		free(s->nics[i].target);
	}
	free(s->nics);
	smbios_done(&s->smbios);
	free(s->name);
	free(s->uuid);
	free(s->description);
	free(s->osinfo);
	free(s->arch);
	free(s->nvram_path);
	free(s->tpm_version);
	free(s);
}

/* Maps. */

/* A host device's or network's name: what the schema takes, short enough for a device. */
static bool target_ok(const char *s, enum vm_net_kind kind)
{
	size_t n = strlen(s), max = kind == VM_NET_NETWORK ? TEXT_NAME_MAX : 15;

	return n > 0 && n <= max && s[0] != '-' && s[0] != '.' &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == n;
}

int vmspec_map_parse(const char *text, struct vmspec_map *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum vm_net_kind kind;
		bool target;
	} kinds[] = {
		{ "network", VM_NET_NETWORK, true },
		{ "bridge", VM_NET_BRIDGE, true },
		{ "direct", VM_NET_DIRECT, true },
		{ "user", VM_NET_USER, false },
		{ "none", VM_NET_NONE, false },
	};
	const char *eq = strchr(text, '='), *kind = eq ? eq + 1 : NULL;
	struct vmspec_map m = { 0 };
	char shown[64];

	text_escape_str(text, shown, sizeof(shown));
	for (size_t i = 0; eq && eq != text && i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].name);
		const char *target = kind + n + 1;

		if (strncmp(kind, kinds[i].name, n) != 0 ||
		    kind[n] != (kinds[i].target ? ':' : '\0'))
			continue;
		if (kinds[i].target && !target_ok(target, kinds[i].kind))
			return err_set(err, EINVAL, "not a name of a %s in the map %s",
				       kinds[i].name, shown);
		m.kind = kinds[i].kind;
		m.nic = strndup(text, (size_t)(eq - text));
		if (kinds[i].target)
			m.target = strdup(target);
		if (!m.nic || (kinds[i].target && !m.target)) {
			vmspec_map_done(&m);
			return err_nomem(err);
		}
		*ret = m;
		return 0;
	}
	err_set(err, EINVAL, "cannot make sense of the map %s", shown);
	err_hint(err, "NIC=network:NAME, bridge:NAME, direct:DEVICE, user or none; "
		 "NIC * is every other one");
	return -EINVAL;
}

void vmspec_map_done(struct vmspec_map *m)
{
	free(m->nic);
	free(m->target);
	*m = (struct vmspec_map){ 0 };
}
