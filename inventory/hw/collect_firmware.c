/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * BIOS or UEFI, and with UEFI the boot entries and the owner's keys: they are not on any disk that
 * will be copied.
 */
#include "inventory/collect.h"

#include <ctype.h>
#include <string.h>
#include "inventory/collect_util.h"
#include "inventory/hw/efivar.h"

#define EFIVARS "/sys/firmware/efi/efivars"

/* 0, -ENOENT when there is no such variable (or, with a warning, no reading it), or -ENOMEM. */
static int read_var_of(const struct sysroot *root, struct machine *m, const char *name,
		       const char *owner, char **ret, size_t *ret_len)
{
	int r = sysroot_read(root, ret, ret_len, EFIVARS "/%s-%s", name, owner);

	if (r >= 0)
		return 0;
	if (r == -ENOMEM)
		return r;
	if (r != -ENOENT && collect_warn(m, "cannot read the EFI variable %s", name) < 0)
		return -ENOMEM;
	return -ENOENT;
}

static int read_var(const struct sysroot *root, struct machine *m, const char *name, char **ret,
		    size_t *ret_len)
{
	return read_var_of(root, m, name, EFIVAR_GLOBAL, ret, ret_len);
}

/* A variable that does not parse is a warning; only memory is a failure. */
static int judge(struct machine *m, const char *name, int r, const struct err *err)
{
	if (r == 0 || r == -ENOMEM)
		return r;
	return collect_warn(m, "EFI variable %s: %s", name, err->text);
}

/* Where variables can be read, one that is not there says no; else nothing is known. */
static int read_answer(const struct sysroot *root, struct machine *m, const char *name,
		       const char *owner, enum machine_answer *ret)
{
	CLEANUP(mem_free) char *data = NULL;
	struct err err = ERR_INIT;
	bool yes = false;
	size_t len;
	int r = sysroot_read(root, &data, &len, EFIVARS "/%s-%s", name, owner);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -ENOENT)
		return collect_warn(m, "cannot read the EFI variable %s", name);
	r = r < 0 ? 0 : efivar_bool(data, len, &yes, &err);
	if (r == 0)
		*ret = yes ? MACHINE_YES : MACHINE_NO;
	return judge(m, name, r, &err);
}

static int read_current(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mem_free) char *data = NULL;
	struct err err = ERR_INIT;
	uint16_t number;
	size_t len;
	int r = read_var(root, m, "BootCurrent", &data, &len);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = efivar_u16(data, len, &number, &err);
	if (r == 0)
		m->firmware.boot_current = number;
	return judge(m, "BootCurrent", r, &err);
}

static int read_order(const struct sysroot *root, struct machine *m)
{
	CLEANUP(mem_free) char *data = NULL;
	CLEANUP(mem_free) uint16_t *order = NULL;
	struct err err = ERR_INIT;
	size_t len, n = 0;
	int r = read_var(root, m, "BootOrder", &data, &len);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = efivar_boot_order(data, len, &order, &n, &err);
	for (size_t i = 0; i < n && r == 0; i++) {
		uint16_t *slot;

		if (i == COLLECT_LIST_MAX)
			return collect_full(m, "numbers in BootOrder");
		slot = machine_grow(&m->firmware.boot_order, &m->firmware.nboot_order,
				    sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = order[i];
	}
	return judge(m, "BootOrder", r, &err);
}

/* "Boot01AF-<global GUID>" */
static bool is_entry(const char *file, uint16_t *ret)
{
	uint16_t n = 0;

	if (strncmp(file, "Boot", 4) != 0)
		return false;
	for (int i = 4; i < 8; i++) {
		unsigned char c = (unsigned char)file[i];

		if (!isxdigit(c) || islower(c))
			return false;
		n = (uint16_t)(n << 4 | (isdigit(c) ? c - '0' : c - 'A' + 10));
	}
	*ret = n;
	return strcmp(file + 8, "-" EFIVAR_GLOBAL) == 0;
}

static int read_entries(const struct sysroot *root, struct machine *m, char *const *files)
{
	for (char *const *p = files; *p; p++) {
		struct machine_boot_entry parsed = { 0 }, *slot;
		CLEANUP(mem_free) char *data = NULL;
		struct err err = ERR_INIT;
		char name[9];
		size_t len;
		int r;

		if (!is_entry(*p, &parsed.number))
			continue;
		if (m->firmware.nentries == COLLECT_LIST_MAX)
			return collect_full(m, "EFI boot entries");
		snprintf(name, sizeof(name), "%.8s", *p);
		r = read_var(root, m, name, &data, &len);
		if (r == -ENOENT)
			continue;
		if (r == 0)
			r = efivar_load_option(data, len, &parsed, &err);
		if (r < 0) {
			r = judge(m, name, r, &err);
			if (r < 0)
				return r;
			continue;
		}
		slot = machine_grow(&m->firmware.entries, &m->firmware.nentries, sizeof(*slot));
		if (!slot) {
			free(parsed.label);
			free(parsed.file);
			free(parsed.partition_uuid);
			return -ENOMEM;
		}
		*slot = parsed;
	}
	return 0;
}

/* "MokListRT-<GUID of shim>", and "MokListRT1-..." when it is split. */
static bool is_mok_list(const char *file, char ret_name[static 32])
{
	static const char prefix[] = "MokListRT", suffix[] = "-" EFIVAR_SHIM;
	size_t n = sizeof(prefix) - 1;

	if (strncmp(file, prefix, n) != 0)
		return false;
	n += strspn(file + n, "0123456789");
	if (n >= 32 || strcmp(file + n, suffix) != 0)
		return false;
	memcpy(ret_name, file, n);
	ret_name[n] = '\0';
	return true;
}

static int read_mok(const struct sysroot *root, struct machine *m, char *const *files)
{
	CLEANUP(efivar_certs_done) struct efivar_certs certs = { 0 };
	int r;

	for (char *const *p = files; *p; p++) {
		CLEANUP(mem_free) char *data = NULL;
		struct err err = ERR_INIT;
		char name[32];
		size_t len;

		if (!is_mok_list(*p, name))
			continue;
		r = read_var_of(root, m, name, EFIVAR_SHIM, &data, &len);
		if (r == 0)
			r = judge(m, name, efivar_certs_add(&certs, data, len, &err), &err);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	m->firmware.mok_keys = (uint32_t)certs.n;
	return read_answer(root, m, "MokSBStateRT", EFIVAR_SHIM, &m->firmware.mok_insecure);
}

static int by_number(const void *a, const void *b)
{
	const struct machine_boot_entry *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int read_variables(const struct sysroot *root, struct machine *m)
{
	struct machine_firmware *f = &m->firmware;
	CLEANUP(strv_free) char **files = NULL;
	int r = sysroot_list(root, &files, EFIVARS);

	if (r == -ENOMEM)
		return r;
	if (r < 0 || !files[0])
		return collect_warn(m, "the EFI variables cannot be read (is efivarfs mounted?): "
				    "whether Secure Boot is on is not known");
	r = read_entries(root, m, files);
	if (r == 0)
		r = read_order(root, m);
	if (r == 0)
		r = read_current(root, m);
	if (r == 0)
		r = read_answer(root, m, "SecureBoot", EFIVAR_GLOBAL, &f->secure_boot);
	if (r == 0)
		r = read_answer(root, m, "SetupMode", EFIVAR_GLOBAL, &f->setup_mode);
	if (r == 0)
		r = read_mok(root, m, files);
	return r;
}

int collect_firmware(const struct sysroot *root, struct machine *m, struct err *err)
{
	struct machine_firmware *f = &m->firmware;
	int r;

	if (!sysroot_exists(root, "/sys/firmware/efi")) {
		/* Without /sys nothing is known; without ACPI and DMI it is no PC. */
		if (sysroot_exists(root, "/sys/firmware/acpi") ||
		    sysroot_exists(root, "/sys/class/dmi/id") ||
		    sysroot_exists(root, "/sys/firmware/memmap")) {
			f->type = MACHINE_FIRMWARE_BIOS;
			f->secure_boot = f->setup_mode = f->mok_insecure = MACHINE_NO;
		} else if (collect_warn(m, "the kind of firmware is not known") < 0) {
			return err_nomem(err);
		}
		return 0;
	}
	f->type = MACHINE_FIRMWARE_UEFI;
	r = read_variables(root, m);
	if (r < 0)
		return err_nomem(err);
	if (f->nentries)
		qsort(f->entries, f->nentries, sizeof(*f->entries), by_number);
	return 0;
}
