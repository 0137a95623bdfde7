/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/kernels.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/compiler.h"
#include "common/kernelname.h"
#include "inventory/machine.h"
#include "postfix/linux/lines.h"

/* It becomes part of a command line in the guest. */
bool kernels_version_valid(const char *s)
{
	if (!isdigit((unsigned char)s[0]) || strlen(s) > 120)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr(".-_+~", *s))
			return false;
	return true;
}

bool kernels_path_valid(const char *s)
{
	if (s[0] != '/' || strlen(s) > 200)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("/.-_+~", *s))
			return false;
	return true;
}

static const char *image_version(const char *name)
{
	static const char *const prefixes[] = { "vmlinuz-", "vmlinux-", "kernel-genkernel-x86_64-",
					       "kernel-", "bzImage-" };

	if (kernelname_is_leftover(name))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], n) == 0 && kernels_version_valid(name + n))
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
		{ "initramfs-", "" },
		{ "initramfs-genkernel-x86_64-", "" },
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

	if (x->xen != y->xen)
		return x->xen ? 1 : -1;
	if (x->spare != y->spare)
		return x->spare ? 1 : -1;
	return kernels_version_compare(y->version, x->version);
}

/* SUSE's and Red Hat's kernels for the hypervisor say so at the end of their name. */
static bool needs_xen(const char *version)
{
	size_t n = strlen(version);

	return n > 3 && (strcmp(version + n - 3, "xen") == 0 ||
			 strcmp(version + n - 3, "xen0") == 0 || strstr(version, "-xen-"));
}

void kernels_sort(struct kernels *k)
{
	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), newest_first);
}

int kernels_add(struct kernels *k, const struct kernels_one *one)
{
	struct kernels_one *to;

	if (!kernels_version_valid(one->version) || !kernels_path_valid(one->image) ||
	    (one->initrd && !kernels_path_valid(one->initrd)))
		return 0;
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->v[i].image, one->image) == 0 &&
		    (!one->initrd || (k->v[i].initrd && strcmp(k->v[i].initrd, one->initrd) == 0)))
			return 0;
	to = machine_grow(&k->v, &k->n, sizeof(*k->v));
	if (!to)
		return -ENOMEM;
	*to = *one;
	to->version = strdup(one->version);
	to->image = strdup(one->image);
	to->initrd = one->initrd ? strdup(one->initrd) : NULL;
	to->xen = needs_xen(one->version);
	return to->version && to->image && (!one->initrd || to->initrd) ? 1 : -ENOMEM;
}

/* Linux' boot protocol for x86: "HdrS" at 0x202; at 0x20e, where the version is behind 0x200. */
char *kernels_image_version(const void *data, size_t len)
{
	const char *p = data;
	size_t at, n;
	char *s;

	if (len < 0x210 || memcmp(p + 0x202, "HdrS", 4) != 0)
		return NULL;
	at = get_le16(p + 0x20e);
	if (!at || at + 0x200 >= len)
		return NULL;
	at += 0x200;
	for (n = 0; n < 121 && at + n < len && p[at + n] && p[at + n] != ' ';)
		n++;
	s = strndup(p + at, n);
	if (s && kernels_version_valid(s))
		return s;
	free(s);
	return NULL;
}

static int take_value(const char *p, const char *end, char **ret)
{
	struct span w;

	if (!lines_word(&p, end, &w))
		return 0;
	free(*ret);
	*ret = lines_span_dup(w);
	return *ret ? 0 : -ENOMEM;
}

int kernels_entry(const char *text, char **ret_linux, char **ret_initrd, char **ret_version)
{
	char *v[3] = { NULL, NULL, NULL };
	static const char *const keys[] = { "linux", "initrd", "version" };
	const char *pos = text;
	struct line l;
	int r = 0;

	while (r == 0 && lines_next(&pos, &l)) {
		const char *p = l.s, *end = l.s + l.len;
		struct span key;

		if (!lines_word(&p, end, &key))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++)
			if (lines_span_is(key, keys[i]))
				r = take_value(p, end, &v[i]);
	}
	if (r < 0) {
		for (size_t i = 0; i < ARRAY_SIZE(v); i++)
			free(v[i]);
		return r;
	}
	*ret_linux = v[0];
	*ret_initrd = v[1];
	*ret_version = v[2];
	return 0;
}

bool kernels_known(const struct kernels *k, const char *version)
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
	one->xen = needs_xen(version);
	return 0;
}

int kernels_find(char *const *boot, size_t nboot, char *const *modules, size_t nmodules,
		 struct kernels *ret)
{
	CLEANUP(kernels_done) struct kernels k = { 0 };

	for (size_t i = 0; i < nboot; i++) {
		const char *version = image_version(boot[i]);

		if (!version || kernels_known(&k, version))
			continue;
		if (add(&k, boot[i], version, boot, nboot, modules, nmodules) < 0)
			return -ENOMEM;
	}
	kernels_sort(&k);
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
