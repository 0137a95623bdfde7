/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/inf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

#define DEVICES_MAX	1000
#define FILES_MAX	500
#define ASSOCIATED	2u		/* flag of AddService: it drives the device */

/* Flags of AddReg that tell a type. */
#define TYPE_MASK	0xffff0001u

void inf_driver_free(struct inf_driver *d)
{
	if (!d)
		return;
	free(d->class);
	free(d->class_guid);
	free(d->version);
	machine_strv_done(&d->files);
	for (size_t i = 0; i < d->nservices; i++) {
		struct inf_service *s = &d->services[i];

		free(s->name);
		free(s->binary);
		free(s->group);
		for (size_t k = 0; k < s->nregs; k++) {
			free(s->regs[k].subkey);
			free(s->regs[k].name);
			machine_strv_done(&s->regs[k].values);
		}
		free(s->regs);
	}
	free(d->services);
	for (size_t i = 0; i < d->ndevices; i++) {
		free(d->devices[i].id);
		free(d->devices[i].install);
	}
	free(d->devices);
	free(d);
}

static const char *value_at(const struct inf_line *l, size_t i)
{
	return i < l->values.n ? l->values.v[i] : "";
}

static uint32_t number(const char *s)
{
	return s ? (uint32_t)strtoul(s, NULL, 0) : 0;
}

static char *upper(const char *s)
{
	char *u = strdup(s);

	for (char *p = u; p && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return u;
}

/* The last part of "%12%\\viostor.sys". */
static const char *base_name(const char *path)
{
	const char *p = strrchr(path, '\\');

	return p ? p + 1 : path;
}

/* A name becomes a file's name and a part of a key: nothing in it may lead elsewhere. */
static bool is_safe(const char *s)
{
	if (!*s || strlen(s) > 100 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e ||
		    strchr("\\/:*?\"<>|", *s))
			return false;
	return true;
}

/* ---- which models section ---- */

/*
 * How well does a decoration ("NTamd64.10.0...16299") fit? 0 not at all, else the more the better:
 * the version, then the build, then a product type. It reads
 * NT[arch][.[major][.[minor][.[type][.[suite][.[build]]]]]].
 */
static uint64_t fit(const char *decoration, const struct inf_target *t)
{
	unsigned long field[5] = { 0 };
	bool given[5] = { false };
	size_t n;

	if (strncasecmp(decoration, "NT", 2) != 0)
		return 0;
	decoration += 2;
	n = strcspn(decoration, ".");
	if (n ? n != strlen(t->arch) || strncasecmp(decoration, t->arch, n) != 0
	      : strcmp(t->arch, "x86") != 0)
		return 0;
	decoration += n;
	for (size_t i = 0; i < 5 && *decoration == '.'; i++) {
		char *end;

		decoration++;
		given[i] = isxdigit((unsigned char)*decoration) != 0;
		field[i] = strtoul(decoration, &end, i == 2 || i == 3 ? 0 : 10);
		decoration = end + strcspn(end, ".");
	}
	if (field[0] > t->major || (field[0] == t->major && field[1] > t->minor))
		return 0;
	/* A later build only of the very version that is named. */
	if (given[4] && field[0] == t->major && field[1] == t->minor && field[4] > t->build)
		return 0;
	/* 1 is a workstation, 2 a domain controller, 3 a server. */
	if (given[2] && (field[2] == 1) == t->server)
		return 0;
	return ((uint64_t)(field[0] & 0xff) << 48) + ((uint64_t)(field[1] & 0xff) << 40) +
	       ((uint64_t)(field[4] & 0xffffffff) << 8) + (given[2] ? 4 : 0) + 2;
}

/* The models section of a line of [Manufacturer] that fits best; NULL when none does. */
static const struct inf_section *best_models(const struct inf *inf, const struct inf_line *l,
					     const struct inf_target *t)
{
	const struct inf_section *best = NULL;
	uint64_t best_fit = 0;

	/* Undecorated models are for 32 bits, since there is anything else. */
	if (strcmp(t->arch, "x86") == 0)
		best = inf_section(inf, value_at(l, 0));
	for (size_t i = 1; i < l->values.n; i++) {
		CLEANUP(mem_free) char *name =
			text_format("%s.%s", l->values.v[0], l->values.v[i]);
		uint64_t f = fit(l->values.v[i], t);
		const struct inf_section *s = f > best_fit && name ? inf_section(inf, name) : NULL;

		if (s) {
			best = s;
			best_fit = f;
		}
	}
	return best;
}

/* "INSTALL.NTamd64.Services", ".NT.Services", ".Services": the first that is there. */
static const struct inf_section *services_of(const struct inf *inf, const char *install,
					     const struct inf_target *t)
{
	const char *const middle[] = { ".NT", ".NT", "" };
	const char *const arch[] = { t->arch, "", "" };

	for (size_t i = 0; i < 3; i++) {
		CLEANUP(mem_free) char *name =
			text_format("%s%s%s.Services", install, middle[i], arch[i]);
		const struct inf_section *s = name ? inf_section(inf, name) : NULL;

		if (s)
			return s;
	}
	return NULL;
}

/* ---- services ---- */

static int add_reg(struct inf_service *s, const struct inf_line *l)
{
	uint32_t flags = number(value_at(l, 3)), type = flags & TYPE_MASK;
	struct inf_reg *x;

	if (strcasecmp(value_at(l, 0), "HKR") != 0 || s->nregs >= 200)
		return 0;
	/* Deleting, appending, or not overwriting what is there: not for a service that is new. */
	if (flags & 0x0000fffcu & ~0x00000010u)
		return 0;
	x = machine_grow(&s->regs, &s->nregs, sizeof(*s->regs));
	if (!x)
		return -ENOMEM;
	x->type = type == 0x00010001 ? INF_REG_DWORD :
		  type == 0x00020000 ? INF_REG_EXPAND_SZ :
		  type == 0x00010000 ? INF_REG_MULTI_SZ :
		  type & 1	     ? INF_REG_BINARY :
				       INF_REG_SZ;
	x->subkey = strdup(value_at(l, 1));
	x->name = strdup(value_at(l, 2));
	if (!x->subkey || !x->name)
		return -ENOMEM;
	if (x->type == INF_REG_DWORD)
		x->dword = number(value_at(l, 4));
	for (size_t i = 4; i < l->values.n; i++)
		if (machine_strv_add(&x->values, l->values.v[i]) < 0)
			return -ENOMEM;
	return 0;
}

static int add_regs(const struct inf *inf, const struct inf_section *service, struct inf_service *s)
{
	for (size_t i = 0; i < service->n; i++) {
		const struct inf_line *l = &service->lines[i];

		if (!l->key || strcasecmp(l->key, "AddReg") != 0)
			continue;
		for (size_t v = 0; v < l->values.n; v++) {
			const struct inf_section *regs = inf_section(inf, l->values.v[v]);

			for (size_t k = 0; regs && k < regs->n; k++)
				if (add_reg(s, &regs->lines[k]) < 0)
					return -ENOMEM;
		}
	}
	return 0;
}

/* The service that drives the devices of an install section: its index, SIZE_MAX for none. */
static int find_service(const struct inf *inf, struct inf_driver *d, const char *install,
			const struct inf_target *t, size_t *ret)
{
	const struct inf_section *list = services_of(inf, install, t);

	*ret = SIZE_MAX;
	for (size_t i = 0; list && i < list->n; i++) {
		const struct inf_line *l = &list->lines[i];
		const struct inf_section *section;
		struct inf_service *s;
		const char *binary, *group;

		if (!l->key || strcasecmp(l->key, "AddService") != 0 ||
		    !(number(value_at(l, 1)) & ASSOCIATED) || !is_safe(value_at(l, 0)))
			continue;
		for (size_t k = 0; k < d->nservices; k++)
			if (strcasecmp(d->services[k].name, l->values.v[0]) == 0) {
				*ret = k;
				return 0;
			}
		section = inf_section(inf, value_at(l, 2));
		binary = inf_value(section, "ServiceBinary");
		if (!binary || !is_safe(base_name(binary)))
			continue;
		s = machine_grow(&d->services, &d->nservices, sizeof(*d->services));
		if (!s)
			return -ENOMEM;
		group = inf_value(section, "LoadOrderGroup");
		s->name = strdup(l->values.v[0]);
		s->binary = strdup(base_name(binary));
		s->group = strdup(group ? group : "");
		s->type = number(inf_value(section, "ServiceType"));
		s->start = number(inf_value(section, "StartType"));
		s->error_control = number(inf_value(section, "ErrorControl"));
		*ret = d->nservices - 1;
		return s->name && s->binary && s->group ? add_regs(inf, section, s) : -ENOMEM;
	}
	return 0;
}

/* ---- devices ---- */

static int add_device(struct inf_driver *d, const char *id, const char *install, size_t service)
{
	CLEANUP(mem_free) char *u = upper(id);
	struct inf_device *x;

	if (!u)
		return -ENOMEM;
	for (size_t i = 0; i < d->ndevices; i++)
		if (strcmp(d->devices[i].id, u) == 0)
			return 0;
	if (d->ndevices >= DEVICES_MAX)
		return -EFBIG;
	x = machine_grow(&d->devices, &d->ndevices, sizeof(*d->devices));
	if (!x)
		return -ENOMEM;
	x->id = TAKE_PTR(u);
	x->install = strdup(install);
	x->service = service;
	return x->install ? 0 : -ENOMEM;
}

/* "BUS\\DEVICE" of plain characters: it becomes two levels of keys. */
static bool is_id(const char *s)
{
	const char *p = strchr(s, '\\');
	CLEANUP(mem_free) char *bus = p ? strndup(s, (size_t)(p - s)) : NULL;

	return bus && is_safe(bus) && is_safe(p + 1);
}

static int add_models(const struct inf *inf, const struct inf_section *models,
		      const struct inf_target *t, struct inf_driver *d)
{
	for (size_t i = 0; i < models->n; i++) {
		const struct inf_line *l = &models->lines[i];
		const char *install = value_at(l, 0);
		size_t service;
		int r;

		if (!l->key || !is_safe(install))
			continue;
		r = find_service(inf, d, install, t, &service);
		for (size_t v = 1; v < l->values.n && r >= 0; v++)
			if (is_id(l->values.v[v]))
				r = add_device(d, l->values.v[v], install, service);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- files ---- */

static int add_file(struct inf_driver *d, const char *name)
{
	if (!is_safe(name) || machine_strv_has(&d->files, name))
		return 0;
	return d->files.n < FILES_MAX ? machine_strv_add(&d->files, name) : -EFBIG;
}

static int add_files(const struct inf *inf, const struct inf_target *t, struct inf_driver *d)
{
	CLEANUP(mem_free) char *decorated = text_format("SourceDisksFiles.%s", t->arch);
	const struct inf_section *version = inf_section(inf, "Version");
	int r = 0;

	if (!decorated)
		return -ENOMEM;
	for (int k = 0; k < 2; k++) {
		const struct inf_section *s = inf_section(inf, k ? decorated : "SourceDisksFiles");

		for (size_t i = 0; s && i < s->n && r >= 0; i++)
			if (s->lines[i].key)
				r = add_file(d, s->lines[i].key);
	}
	/* CatalogFile, CatalogFile.NTamd64: those of other processors do no harm. */
	for (size_t i = 0; version && i < version->n && r >= 0; i++) {
		const struct inf_line *l = &version->lines[i];

		if (l->key && strncasecmp(l->key, "CatalogFile", 11) == 0)
			r = add_file(d, value_at(l, 0));
	}
	return r;
}

static int head(const struct inf *inf, struct inf_driver *d)
{
	const struct inf_section *version = inf_section(inf, "Version");
	const char *class = inf_value(version, "Class"), *guid = inf_value(version, "ClassGUID");
	const char *number_of = "";

	for (size_t i = 0; version && i < version->n; i++)
		if (version->lines[i].key && strcasecmp(version->lines[i].key, "DriverVer") == 0)
			number_of = value_at(&version->lines[i], 1);
	d->class = strdup(class ? class : "");
	d->class_guid = upper(guid ? guid : "");
	d->version = strdup(number_of);
	return d->class && d->class_guid && d->version ? 0 : -ENOMEM;
}

int inf_driver(const struct inf *inf, const struct inf_target *target, struct inf_driver **ret,
	       struct err *err)
{
	CLEANUP(inf_driver_free) struct inf_driver *d = calloc(1, sizeof(*d));
	const struct inf_section *makers = inf_section(inf, "Manufacturer");
	int r;

	if (!d)
		return err_nomem(err);
	r = head(inf, d);
	if (r >= 0)
		r = add_files(inf, target, d);
	for (size_t i = 0; makers && i < makers->n && r >= 0; i++) {
		const struct inf_section *models = best_models(inf, &makers->lines[i], target);

		if (models)
			r = add_models(inf, models, target, d);
	}
	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		return err_set(err, -r, "an INF file with too many devices or files");
	*ret = TAKE_PTR(d);
	return 0;
}
