/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading a driver's INF, as far as an offline installation asks: for which devices it is, which
 * service drives them, which files belong to it.
 *
 *	[Version]	class, catalog, version
 *	[Manufacturer]	%VENDOR% = MODELS, NTamd64.6.1, NTamd64.10.0
 *	[MODELS.NTamd64.10.0]	%name% = INSTALL, PCI\VEN_1AF4&DEV_1001	<- the best for this Windows
 *	[INSTALL.Services]	AddService = viostor, 2, SERVICE
 *	[SERVICE]	StartType = 0, ServiceBinary = %12%\viostor.sys, AddReg = REGS
 *	[REGS]		HKR, Parameters, BusType, 0x00010001, 1
 *
 * The text is UTF-16LE, UTF-8 with a mark, or one byte a character (taken as Latin-1). It may be
 * hostile: sizes and counts are bounded, what is over the bounds is refused with -EFBIG.
 *
 * The format: learn.microsoft.com, "General Syntax Rules for INF Files", "INF Models Section", "INF
 * AddService Directive", "INF AddReg Directive".
 *
 * Pure: memory in, memory out.
 */
#ifndef P2V_POSTFIX_WINDOWS_INF_H
#define P2V_POSTFIX_WINDOWS_INF_H

#include <stdbool.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"

#define INF_MAX		((size_t)2 << 20)	/* bytes of a file */
#define INF_LINES_MAX	20000

/* ---- the text: sections with lines ---- */

struct inf_line {
	char *key;			/* in front of the "=", NULL when there is none */
	struct machine_strv values;	/* unquoted, %strings% replaced */
};

struct inf_section {
	char *name;
	struct inf_line *lines;
	size_t n;
};

struct inf {
	struct inf_section *sections;	/* those of one name are one */
	size_t n, nlines;
};

int inf_parse(const void *data, size_t len, struct inf **ret, struct err *err);
void inf_free(struct inf *inf);
DEFINE_CLEANUP(struct inf *, inf_free)
/* Without regard to case; NULL when there is none. */
const struct inf_section *inf_section(const struct inf *inf, const char *name);
/* The first value of key, "" when it has none, NULL when there is no such line. */
const char *inf_value(const struct inf_section *s, const char *key);

/* ---- what it means for one Windows: inf_driver.c ---- */

struct inf_target {
	const char *arch;		/* "x86", "amd64", "arm64" */
	unsigned int major, minor, build;
	bool server;
};

enum inf_reg_type {
	INF_REG_SZ, INF_REG_EXPAND_SZ, INF_REG_MULTI_SZ, INF_REG_DWORD, INF_REG_BINARY
};

struct inf_reg {			/* a value below the service's key */
	char *subkey, *name;
	enum inf_reg_type type;
	uint32_t dword;
	struct machine_strv values;	/* texts; bytes as two digits each for binary ones */
};

struct inf_service {
	char *name, *binary, *group;	/* "viostor", "viostor.sys", "SCSI miniport" or "" */
	uint32_t type, start, error_control;
	struct inf_reg *regs;
	size_t nregs;
};

struct inf_device {
	char *id;			/* "PCI\\VEN_1AF4&DEV_1001...", upper case */
	char *install;			/* name of its install section */
	size_t service;			/* index, or SIZE_MAX: none */
};

struct inf_driver {
	char *class, *class_guid;	/* "SCSIAdapter", "{4D36E97B-...}" (upper case); or "" */
	char *version;			/* "100.94.104.24000" or "" */
	struct machine_strv files;	/* of the package, without the INF itself */
	struct inf_service *services;
	size_t nservices;
	struct inf_device *devices;	/* none: it is not for this Windows */
	size_t ndevices;
};

int inf_driver(const struct inf *inf, const struct inf_target *target, struct inf_driver **ret,
	       struct err *err);
void inf_driver_free(struct inf_driver *d);
DEFINE_CLEANUP(struct inf_driver *, inf_driver_free)

#endif
