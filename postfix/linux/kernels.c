/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/kernels.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/kernelname.h"
#include "inventory/machine.h"
#include "postfix/linux/lines.h"

/* It becomes part of a command line in the guest. */
static bool version_valid(const char *s)
{
	if (!isdigit((unsigned char)s[0]) || strlen(s) > 120)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(".-_+~", *s))
			return false;
	return true;
}

static const char *image_version(const char *name)
{
	static const char *const prefixes[] = { "vmlinuz-", "vmlinux-", "kernel-", "bzImage-" };

	if (kernelname_is_leftover(name))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) == 0 && version_valid(name + n))
			return name + n;
	}
	return NULL;
}

static bool is_initrd_of(const char *name, const char *version)
{
	static const char *const forms[][2] = {
		{ "initrd.img-", "" },
		{ "initramfs-", ".img" },
		{ "initrd-", "" },
		{ "initrd-", ".img" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t p = strlen(forms[i][0]), v = strlen(version);

		if (strncmp(name, forms[i][0], p) == 0 && strncmp(name + p, version, v) == 0 &&
		    strcmp(name + p + v, forms[i][1]) == 0)
			return true;
	}
	return false;
}

static const char *skip_zeros(const char *s)
{
	while (*s == '0' && isdigit((unsigned char)s[1]))
		s++;
	return s;
}

int kernels_version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			size_t n, k;
			int r;

			a = skip_zeros(a);
			b = skip_zeros(b);
			n = strspn(a, "0123456789");
			k = strspn(b, "0123456789");
			if (n != k)
				return n < k ? -1 : 1;
			r = memcmp(a, b, n);
			if (r)
				return r < 0 ? -1 : 1;
			a += n;
			b += n;
			continue;
		}
		/* A release candidate and a "~" come before the thing itself. */
		if (*a == '~' || *b == '~' || strncmp(a, "-rc", 3) == 0 ||
		    strncmp(b, "-rc", 3) == 0) {
			bool pa = *a == '~' || strncmp(a, "-rc", 3) == 0;
			bool pb = *b == '~' || strncmp(b, "-rc", 3) == 0;

			if (pa != pb)
				return pa ? -1 : 1;
		}
		if (*a != *b)
			return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
		a++;
		b++;
	}
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct kernels_one *x = a, *y = b;

	return kernels_version_compare(y->version, x->version);
}

static bool known(const struct kernels *k, const char *version)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->v[i].version, version) == 0)
			return true;
	return false;
}

static int add(struct kernels *k, const char *name, const char *version, char *const *boot,
	       size_t nboot, char *const *modules, size_t nmodules)
{
	struct kernels_one *one = machine_grow(&k->v, &k->n, sizeof(*k->v));

	if (!one)
		return -ENOMEM;
	one->version = strdup(version);
	if (!one->version || asprintf(&one->image, "/boot/%s", name) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < nboot && !one->initrd; i++)
		if (is_initrd_of(boot[i], version) &&
		    asprintf(&one->initrd, "/boot/%s", boot[i]) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < nmodules; i++)
		one->has_modules = one->has_modules || strcmp(modules[i], version) == 0;
	return 0;
}

int kernels_find(char *const *boot, size_t nboot, char *const *modules, size_t nmodules,
		 struct kernels *ret)
{
	CLEANUP(kernels_done) struct kernels k = { 0 };

	for (size_t i = 0; i < nboot; i++) {
		const char *version = image_version(boot[i]);

		if (!version || known(&k, version))
			continue;
		if (add(&k, boot[i], version, boot, nboot, modules, nmodules) < 0)
			return -ENOMEM;
	}
	if (k.n)
		qsort(k.v, k.n, sizeof(*k.v), newest_first);
	*ret = k;
	k = (struct kernels){ 0 };
	return 0;
}

void kernels_done(struct kernels *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].version);
		free(k->v[i].image);
		free(k->v[i].initrd);
	}
	free(k->v);
	*k = (struct kernels){ 0 };
}

bool kernels_version_parse(const char *version, unsigned int *ret_major, unsigned int *ret_minor)
{
	return sscanf(version, "%4u.%4u", ret_major, ret_minor) == 2;
}

static bool listed(const char *text, const char *name)
{
	const char *pos = text;
	struct line l;

	while (text && lines_next(&pos, &l)) {
		/* modules.dep: "path/x.ko: what it needs"; modules.builtin: the path alone. */
		const char *colon = memchr(l.s, ':', l.len);

		if (kernelname_is_module(l.s, colon ? (size_t)(colon - l.s) : l.len, name))
			return true;
	}
	return false;
}

enum kernels_driver kernels_driver(const char *modules_dep, const char *modules_builtin,
				   const char *name)
{
	if (listed(modules_builtin, name))
		return KERNELS_BUILTIN;
	return listed(modules_dep, name) ? KERNELS_MODULE : KERNELS_ABSENT;
}
