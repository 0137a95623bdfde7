/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/esp_path.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

static const struct esp_arch archs[] = {
	{ "x64", "X64", "x86_64" }, { "ia32", "IA32", "i386" }, { "aa64", "AA64", "aarch64" },
};

const char *const esp_loader_names[] = {
	"shimx64.efi",	       "shimaa64.efi", "shimia32.efi",	       "grubx64.efi",
	"grubaa64.efi",	       "grubia32.efi", "systemd-bootx64.efi", "systemd-bootaa64.efi",
	"systemd-bootia32.efi", "elilo.efi",    "refind_x64.efi",      NULL,
};

char *esp_path_of_entry(const char *file)
{
	char *path, *p;

	if (file[0] != '\\' && file[0] != '/')
		return NULL;
	path = strdup(file + 1);
	for (p = path; p && *p; p++) {
		if (!isprint((unsigned char)*p)) {
			free(path);
			return NULL;
		}
		if (*p == '\\')
			*p = '/';
	}
	if (path && (!*path || *path == '/' || strncmp(path, "../", 3) == 0 ||
		     strstr(path, "/../") || strstr(path, "//"))) {
		free(path);
		return NULL;
	}
	return path;
}

const struct esp_arch *esp_path_arch(const char *loader, const char *guest_arch)
{
	size_t n = strlen(loader);

	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		size_t k = strlen(archs[i].lower) + 4;

		if (n >= k && strncasecmp(loader + n - k, archs[i].lower, k - 4) == 0 &&
		    strcasecmp(loader + n - 4, ".efi") == 0)
			return &archs[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (strcmp(guest_arch, archs[i].guest) == 0)
			return &archs[i];
	return &archs[0];
}

bool esp_path_is_kernel(const char *name)
{
	return strncasecmp(name, "vmlinuz", 7) == 0 || strncasecmp(name, "bzImage", 7) == 0;
}

uint8_t *esp_path_csv(const char *loader, const char *label, size_t *ret_len)
{
	CLEANUP(mem_free) char *plain = strdup(label), *line = NULL;
	uint8_t *out;
	size_t n;

	/* Commas part the fields, and the rest of the tool chain is happier with ASCII. */
	for (char *p = plain; p && *p; p++)
		if (*p == ',' || !isprint((unsigned char)*p))
			*p = ' ';
	line = plain ? text_format("%s,%s,,This is the boot entry for %s\n", loader, plain, plain) :
		       NULL;
	if (!line)
		return NULL;
	n = strlen(line);
	out = malloc(2 * n + 2);
	if (!out)
		return NULL;
	put_le16(out, 0xfeff);
	for (size_t i = 0; i < n; i++)
		put_le16(out + 2 + 2 * i, (unsigned char)line[i]);
	*ret_len = 2 * n + 2;
	return out;
}
