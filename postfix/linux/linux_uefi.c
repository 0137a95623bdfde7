/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "uefi-boot". A new VM may have an empty boot menu, and its firmware then starts
 * \EFI\BOOT\BOOT<arch>.EFI. Put there what the physical machine's firmware started: the loader of
 * the recorded BootCurrent, with the files that it looks for next to itself.
 *
 * shim in that place has a habit of its own: with fb<arch>.efi beside it, it does not start GRUB
 * but that program, which makes boot entries from the files BOOT<arch>.CSV of the vendors' folders.
 * So where that program is, the vendor's folder must have such a file.
 */
#include "postfix/linux/linux_rows.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "postfix/linux/esp_path.h"

struct esp {
	char *dir;			/* where it is mounted in the guest */
	char *loader;			/* path of the loader in the guest */
	const struct esp_arch *arch;
	bool booted;			/* it is what the machine's firmware started */
	char *csv;			/* to be written, for shim's fallback; NULL: no need */
};

static void esp_done(struct esp *e)
{
	free(e->dir);
	free(e->loader);
	free(e->csv);
}

/* The file by a path without regard to case, malloc'd; NULL when there is none. */
static char *find_nocase(struct guest *guest, const char *dir, const char *path)
{
	char *at = strdup(dir);

	while (at && *path) {
		CLEANUP(guest_strings_free) char **names = NULL;
		size_t n = strcspn(path, "/"), i = 0;
		char *next = NULL;

		names = guest_list(guest, *at ? at : "/", NULL);
		for (i = 0; names && names[i]; i++)
			if (strlen(names[i]) == n && strncasecmp(names[i], path, n) == 0)
				break;
		if (names && names[i])
			next = text_format("%s/%s", at, names[i]);
		free(at);
		at = next;
		path += n + (path[n] == '/');
	}
	return at;
}

static bool take_file(struct fixer *f, struct esp *e, const char *path)
{
	char *found = find_nocase(f->guest, e->dir, path);

	if (!found || !guest_is_file(f->guest, found)) {
		free(found);
		return false;
	}
	free(e->loader);
	e->loader = found;
	return true;
}

static bool take_entry(struct fixer *f, struct esp *e, const struct machine_boot_entry *b)
{
	CLEANUP(mem_free) char *path = b && b->file ? esp_path_of_entry(b->file) : NULL;

	return path && take_file(f, e, path);
}

/* By name, the best first, in every folder below EFI but BOOT. */
static bool take_known(struct fixer *f, struct esp *e)
{
	CLEANUP(mem_free) char *efi = find_nocase(f->guest, e->dir, "EFI");
	CLEANUP(guest_strings_free) char **dirs = efi ? guest_list(f->guest, efi, NULL) : NULL;

	for (size_t i = 0; esp_loader_names[i]; i++)
		for (size_t d = 0; dirs && dirs[d]; d++) {
			CLEANUP(mem_free) char *path = NULL;

			if (strcasecmp(dirs[d], "BOOT") == 0)
				continue;
			path = text_format("EFI/%s/%s", dirs[d], esp_loader_names[i]);
			if (path && take_file(f, e, path))
				return true;
		}
	return false;
}

/* A kernel with everything in one file; of several the last by name. */
static bool take_unified(struct fixer *f, struct esp *e)
{
	CLEANUP(mem_free) char *dir = find_nocase(f->guest, e->dir, "EFI/Linux");
	CLEANUP(guest_strings_free) char **names = dir ? guest_list(f->guest, dir, NULL) : NULL;
	bool found = false;

	for (size_t i = 0; names && names[i]; i++) {
		size_t n = strlen(names[i]);
		CLEANUP(mem_free) char *path = text_format("EFI/Linux/%s", names[i]);

		if (n > 4 && strcasecmp(names[i] + n - 4, ".efi") == 0 && path)
			found |= take_file(f, e, path);
	}
	return found;
}

/* What the firmware started, else what it would have, else what an installer puts there. */
static bool find_loader(struct fixer *f, struct esp *e)
{
	const struct machine_firmware *fw = &f->m->firmware;

	e->booted = take_entry(f, e, machine_boot_current(f->m));
	if (e->booted)
		return true;
	for (size_t i = 0; i < fw->nboot_order; i++)
		for (size_t k = 0; k < fw->nentries; k++)
			if (fw->entries[k].number == fw->boot_order[i] &&
			    take_entry(f, e, &fw->entries[k]))
				return true;
	return take_known(f, e) || take_unified(f, e);
}

static int stage_copy(struct fixer *f, const char *from, const char *to, struct err *err)
{
	if (!from || !guest_is_file(f->guest, from))
		return 0;
	if (guest_is_file(f->guest, to) && guest_same(f->guest, from, to))
		return 0;
	return guest_edit_copy(&f->edits, from, to, err);
}

/* The name that is there already, in whatever case, else the usual one. */
static char *place(struct fixer *f, const struct esp *e, const char *name)
{
	CLEANUP(mem_free) char *path = text_format("EFI/BOOT/%s", name), *boot = NULL, *efi = NULL;
	char *found = path ? find_nocase(f->guest, e->dir, path) : NULL;

	if (found)
		return found;
	boot = find_nocase(f->guest, e->dir, "EFI/BOOT");
	if (boot)
		return text_format("%s/%s", boot, name);
	efi = find_nocase(f->guest, e->dir, "EFI");
	return efi ? text_format("%s/BOOT/%s", efi, name) : NULL;
}

/* shim's companions: GRUB and the key manager, and GRUB's settings. */
static int stage_companions(struct fixer *f, struct esp *e, const char *dir, struct err *err)
{
	static const char *const names[] = { "grub%s.efi", "mm%s.efi", "grub.cfg" };
	CLEANUP(mem_free) char *fb_name = text_format("fb%s.efi", e->arch->lower);
	CLEANUP(mem_free) char *csv_name = text_format("BOOT%s.CSV", e->arch->upper);
	CLEANUP(mem_free) char *fb = fb_name ? place(f, e, fb_name) : NULL;
	CLEANUP(mem_free) char *csv = csv_name ? find_nocase(f->guest, dir, csv_name) : NULL;
	int r = 0;

	if (!fb_name || !csv_name || !fb)
		return err_nomem(err);
	if (guest_is_file(f->guest, fb)) {
		/* It finds the loader by itself, and leaves a boot entry behind. */
		if (!csv)
			e->csv = text_format("%s/%s", dir, csv_name);
		return csv || e->csv ? 0 : err_nomem(err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(names) && r >= 0; i++) {
		CLEANUP(mem_free) char *name = NULL, *from = NULL, *to = NULL;

		name = i < 2 ? text_format(i ? "mm%s.efi" : "grub%s.efi", e->arch->lower) :
			       strdup(names[i]);
		from = name ? find_nocase(f->guest, dir, name) : NULL;
		to = name ? place(f, e, name) : NULL;
		if (!to)
			return err_nomem(err);
		r = stage_copy(f, from, to, err);
	}
	return r;
}

/* 32-bit firmware started a 32-bit loader; the VM's is 64-bit and wants its brother. */
static int other_arch(struct fixer *f, struct esp *e, struct err *err)
{
	CLEANUP(mem_free) char *path = NULL;
	const char *rest = e->loader + strlen(e->dir) + 1;
	size_t n = strlen(rest), k = strlen("ia32.efi");

	if (strcmp(e->arch->lower, "ia32") != 0 || strcmp(f->guest->arch, "x86_64") != 0)
		return 0;
	path = n > k ? text_format("%.*sx64.efi", (int)(n - k), rest) : NULL;
	if (path && take_file(f, e, path)) {
		e->arch = esp_path_arch(e->loader, f->guest->arch);
		return 0;
	}
	fixer_say(f, "%s is for 32-bit firmware, and its 64-bit brother is not there", e->loader);
	if (fixer_warn(f, "the boot loader is for 32-bit firmware, which the virtual machine does "
			  "not have") < 0)
		return err_nomem(err);
	return 0;
}

static int look(struct fixer *f, struct esp *e, struct err *err)
{
	CLEANUP(mem_free) char *to = NULL, *name = NULL, *dir = NULL, *fallback = NULL;
	const char *base;
	int r = guest_mount_esp(f->guest, &e->dir, err);

	if (r < 0)
		return r;
	if (r && !find_loader(f, e)) {
		/* Nothing but the fallback: what it is, the machine has booted. */
		fallback = text_format("EFI/BOOT/BOOT%s.EFI",
				       esp_path_arch("", f->guest->arch)->upper);
		if (fallback && take_file(f, e, fallback))
			return 0;
	}
	if (!r || !e->loader) {
		if (f->m->firmware.type == MACHINE_FIRMWARE_UNKNOWN)
			return 0;
		return err_set(err, ENOENT,
			       r ? "no boot loader found on the EFI system partition" :
				   "the EFI system partition was not found");
	}
	e->arch = esp_path_arch(e->loader, f->guest->arch);
	r = other_arch(f, e, err);
	if (r < 0)
		return r;
	base = strrchr(e->loader, '/') + 1;
	fixer_say(f,
		  e->booted ? "the physical machine started %s" :
			      "what the physical machine started is not there; taking %s",
		  e->loader);
	if (esp_path_is_kernel(base))
		fixer_say(f, "%s is a kernel, and its arguments were in the firmware's entry",
			  base);
	name = text_format("BOOT%s.EFI", e->arch->upper);
	to = name ? place(f, e, name) : NULL;
	dir = strndup(e->loader, (size_t)(base - 1 - e->loader));
	if (!to || !dir)
		return err_nomem(err);
	if (strcasecmp(e->loader, to) == 0)
		return 0;
	r = stage_copy(f, e->loader, to, err);
	if (r >= 0 && strncasecmp(base, "shim", 4) == 0)
		r = stage_companions(f, e, dir, err);
	return r;
}

int linux_uefi_detect(struct fixer *f, struct err *err)
{
	struct esp e = { 0 };
	int r;

	if (f->m->firmware.type == MACHINE_FIRMWARE_BIOS)
		return 0;
	r = look(f, &e, err);
	if (r >= 0 && e.csv) {
		fixer_say(f, "%s is what shim's fallback looks for", e.csv);
		r = 1;
	}
	esp_done(&e);
	return r < 0 ? r : r > 0;
}

/* What is staged is done; the list for shim's fallback is UTF-16, no text to be staged. */
int linux_uefi_apply(struct fixer *f, struct err *err)
{
	struct esp e = { 0 };
	CLEANUP(mem_free) uint8_t *text = NULL;
	size_t n = 0, detail = f->detail.len;
	int r = look(f, &e, err);

	/* The same words again. */
	if (f->detail.s && f->detail.len > detail) {
		f->detail.len = detail;
		f->detail.s[detail] = '\0';
	}
	if (r >= 0 && e.csv) {
		text = esp_path_csv(strrchr(e.loader, '/') + 1, f->guest->os_name, &n);
		r = text ? guest_put(f->guest, e.csv, text, n, 0644, err) : err_nomem(err);
		if (r >= 0)
			r = guest_edit_rebuilt(&f->edits, e.csv, err);
	}
	esp_done(&e);
	return r < 0 ? r : 0;
}
