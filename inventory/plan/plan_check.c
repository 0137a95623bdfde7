/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a plan may say. Checked where it is written, where it is sent from, and where it arrives: a
 * slip of the pen is found before a byte is copied. Text that is not ours is escaped on its way
 * into an error.
 */
#include "inventory/plan/plan.h"

#include <inttypes.h>
#include <string.h>
#include "common/compiler.h"
#include "common/ipspec.h"
#include "common/text.h"

const char *const plan_buses[] = { "virtio-scsi", "virtio-blk", "sata", "ide", NULL };
const char *const plan_models[] = { "virtio", "e1000e", "e1000", "rtl8139", NULL };
const char *const plan_firmwares[] = { "bios", "uefi", NULL };
const char *const plan_bonds[] = { "keep", "flatten", NULL };

/* Long enough for any name; longer text is cut. */
struct shown {
	char s[100];
};
#define SHOW(text) text_escape_str(text, (struct shown){ 0 }.s, sizeof(struct shown))

static bool one_of(const char *const *words, const char *s)
{
	while (*words && strcmp(*words, s) != 0)
		words++;
	return *words != NULL;
}

static int check_word(const char *member, const char *const *words, const char *s,
		      struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	if (!s || one_of(words, s))
		return 0;
	for (size_t i = 0; words[i]; i++)
		strbuf_addf(&b, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " and ", words[i]);
	if (b.failed)
		return err_nomem(err);
	return err_set(err, EBADMSG, "%s %s is none of %s", member, SHOW(s), b.s);
}

/* -- disks */

static const struct machine_disk *find_disk(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->ndisks; i++)
		if (strcmp(m->disks[i].name, name) == 0)
			return &m->disks[i];
	return NULL;
}

static int check_disk(const struct machine *m, const struct machine_plan_disk *p, struct err *err)
{
	const struct machine_disk *d = find_disk(m, p->name);

	if (!d)
		return err_set(err, EBADMSG, "name %s is no disk of the machine", SHOW(p->name));
	if (p->size % 512 != 0)
		return err_set(err, EBADMSG, "size %" PRIu64 " is not a multiple of 512", p->size);
	if (p->size > PLAN_DISK_SIZE_MAX)
		return err_set(err, EBADMSG, "size %" PRIu64 " is out of range", p->size);
	if (p->size && p->size < d->size)
		return err_set(err, EBADMSG,
			       "size %" PRIu64 " is less than the source's %" PRIu64
			       ": a disk can only grow",
			       p->size, d->size);
	return check_word("bus", plan_buses, p->bus, err);
}

static int check_disks(const struct machine *m, struct err *err)
{
	const struct machine_plan *p = m->plan;

	for (size_t i = 0; i < p->ndisks; i++) {
		int r = check_disk(m, &p->disks[i], err);

		for (size_t k = 0; r == 0 && k < i; k++)
			if (strcmp(p->disks[k].name, p->disks[i].name) == 0)
				r = err_set(err, EBADMSG, "name %s is in the plan twice",
					    SHOW(p->disks[i].name));
		if (r < 0) {
			err_prefix(err, "disks[%zu]", i);
			return r;
		}
	}
	return 0;
}

/* -- NICs */

/* What convert/vmspec.h takes behind the "=" of a map; a test holds the two together. */
static bool connect_ok(const char *s)
{
	static const struct {
		const char *kind;
		size_t max;		/* of the name behind the colon; 0: there is none */
	} kinds[] = {
		{ "network", TEXT_NAME_MAX }, { "bridge", 15 }, { "direct", 15 },
		{ "user", 0 }, { "none", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t n = strlen(kinds[i].kind), len;
		const char *target = s + n + 1;

		if (strncmp(s, kinds[i].kind, n) != 0 || s[n] != (kinds[i].max ? ':' : '\0'))
			continue;
		if (kinds[i].max == 0)
			return true;
		len = strlen(target);
		return len > 0 && len <= kinds[i].max && *target != '-' && *target != '.' &&
		       strspn(target, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789_.-") == len;
	}
	return false;
}

static bool has_nic(const struct machine *m, const char *name)
{
	for (size_t i = 0; i < m->nnics; i++)
		if (strcmp(m->nics[i].name, name) == 0)
			return true;
	return false;
}

static int check_nic(const struct machine *m, const struct machine_plan_nic *p, struct err *err)
{
	struct ipspec ip = { 0 };
	struct err e = ERR_INIT;
	char mac[18];

	if (!has_nic(m, p->name))
		return err_set(err, EBADMSG, "name %s is no network interface of the machine",
			       SHOW(p->name));
	if (p->connect && !connect_ok(p->connect))
		return err_set(err, EBADMSG,
			       "connect %s is none of network:NAME, bridge:NAME, direct:DEVICE, "
			       "user and none",
			       SHOW(p->connect));
	if (p->mac && !ipspec_parse_mac(p->mac, mac))
		return err_set(err, EBADMSG, "mac %s is no address of a network interface",
			       SHOW(p->mac));
	for (size_t i = 0; i < p->addresses.n; i++)
		if (ipspec_add(&ip, p->addresses.v[i], &e) < 0)
			return err_set(err, EBADMSG, "addresses[%zu]: %s", i, e.text);
	return check_word("model", plan_models, p->model, err);
}

static int check_nics(const struct machine *m, struct err *err)
{
	const struct machine_plan *p = m->plan;

	for (size_t i = 0; i < p->nnics; i++) {
		int r = check_nic(m, &p->nics[i], err);

		for (size_t k = 0; r == 0 && k < i; k++)
			if (strcmp(p->nics[k].name, p->nics[i].name) == 0)
				r = err_set(err, EBADMSG, "name %s is in the plan twice",
					    SHOW(p->nics[i].name));
		if (r < 0) {
			err_prefix(err, "nics[%zu]", i);
			return r;
		}
	}
	return 0;
}

/* -- the machine as a whole */

static int check_firmware(const struct machine *m, struct err *err)
{
	enum machine_firmware_type was = m->firmware.type;
	const char *wanted = m->plan->firmware;
	int r = check_word("firmware", plan_firmwares, wanted, err);

	if (r < 0 || !wanted || was == MACHINE_FIRMWARE_UNKNOWN ||
	    strcmp(wanted, plan_firmwares[was == MACHINE_FIRMWARE_UEFI]) == 0)
		return r;
	return err_set(err, EBADMSG,
		       "firmware %s is not the machine's %s: its boot loader is installed for that "
		       "and would not start",
		       wanted, plan_firmwares[was == MACHINE_FIRMWARE_UEFI]);
}

static int check_ids(const char *member, const struct machine_strv *ids, struct err *err)
{
	for (size_t i = 0; i < ids->n; i++) {
		const char *s = ids->v[i];
		size_t n = strlen(s);

		if (n == 0 || n > TEXT_NAME_MAX ||
		    strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
			return err_set(err, EBADMSG,
				       "%s[%zu] %s is no id: lower-case letters, digits and dashes",
				       member, i, SHOW(s));
	}
	return 0;
}

static int check(const struct machine *m, struct err *err)
{
	const struct machine_plan *p = m->plan;
	int r;

	if (p->name && !text_name_valid(p->name))
		return err_set(err, EBADMSG,
			       "name %s is not 1 to %d letters, digits, dots, dashes, "
			       "underscores",
			       SHOW(p->name), TEXT_NAME_MAX);
	if (p->vcpus > PLAN_VCPUS_MAX)
		return err_set(err, EBADMSG, "vcpus %" PRIu32 " is more than %d", p->vcpus,
			       PLAN_VCPUS_MAX);
	if (p->memory && p->memory < PLAN_MEMORY_MIN)
		return err_set(err, EBADMSG,
			       "memory %" PRIu64 " is less than 16 MiB; it is a number of bytes",
			       p->memory);
	r = check_firmware(m, err);
	if (r == 0)
		r = check_word("bonds", plan_bonds, p->bonds, err);
	if (r == 0)
		r = check_disks(m, err);
	if (r == 0)
		r = check_nics(m, err);
	if (r == 0)
		r = check_ids("skip_fixes", &p->skip_fixes, err);
	return r < 0 ? r : check_ids("accept", &p->accept, err);
}

int plan_check(const struct machine *m, struct err *err)
{
	int r = m->plan ? check(m, err) : 0;

	if (r < 0)
		err_prefix(err, "plan");
	return r;
}
