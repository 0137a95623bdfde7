/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A target being made: what vmspec_build() carries from part to part, what the parts share, and
 * the parts themselves. Internal to vmspec*.c. One thread; the builder owns nothing, s is the
 * caller's and is freed by it also when a part fails half-way.
 *
 *	vmspec_build() -> identity -> hardware -> disks -> nics -> extras
 *
 * Every choice falls back to the most compatible one and says so in a warning; the only errors
 * are memory and options that the user can correct. What came from the machine may be anything
 * (firmware strings are often junk), so it is cleaned on its way in: the XML writer and libvirt
 * then never have to refuse what the user cannot change.
 */
#ifndef P2V_CONVERT_VMSPEC_BUILDER_H
#define P2V_CONVERT_VMSPEC_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include "common/compiler.h"
#include "convert/vmspec.h"

/* After memory ran out all goes on, without doing harm. */
struct vmspec_builder {
	const struct machine *m;
	const struct guestcaps *caps;
	const struct vmspec_image *images;
	size_t nimages;
	const struct vmspec_options *opt;
	struct vmspec *s;
	struct machine_strv *warnings;
	bool nomem;
};

/* -- shared by the parts -- */

/* One more warning, when the caller wants them. */
void vmspec_builder_warn(struct vmspec_builder *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A copy; NULL for NULL, and when memory ran out, which sets nomem. */
char *vmspec_builder_dup(struct vmspec_builder *b, const char *s);
/*
 * Printable ASCII, without blanks around it, at most max bytes; NULL when nothing is left. Every
 * other byte becomes '?' where it may carry meaning; control characters become blanks.
 */
char *vmspec_builder_clean(struct vmspec_builder *b, const char *text, size_t max);
/* The machine's disk of image i; NULL when the inventory does not know it. */
const struct machine_disk *vmspec_builder_disk(const struct vmspec_builder *b, size_t i);

/* -- the parts, in the order in which they are called -- */

/* Name, UUID, SMBIOS, description, libosinfo's id. */
int vmspec_identity_fill(struct vmspec_builder *b, struct err *err);
/* Architecture, memory, processors, firmware, chipset: the disks and NICs depend on the last. */
int vmspec_hardware_fill(struct vmspec_builder *b, struct err *err);
/* Every image a disk: its bus, its names, its place in the boot order. */
int vmspec_disks_fill(struct vmspec_builder *b, struct err *err);
/* Every physical NIC, as the maps say. */
int vmspec_nics_fill(struct vmspec_builder *b, struct err *err);
/* Clock, TPM, watchdog. */
void vmspec_hardware_extras(struct vmspec_builder *b);

#endif
