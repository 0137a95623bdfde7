/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One registry hive of a guest: fetched, read, changed in memory, written back as a whole.
 *
 *	hive_open()   download into an unlinked file of the host, parse
 *	hive_*()      keys by path ("ControlSet001\\Services\\viostor"), values by name; names are
 *	              compared without regard to case, as Windows does
 *	hive_commit() when something changed: write, parse again, upload over the old file
 *
 * A hive that is torn, dirty (its two sequence numbers differ: changes wait in its log) or not a
 * hive is refused with -EILSEQ before anything is changed. Setting what is there already is no
 * change, so a second run of a fix commits nothing. Every change is remembered for the report, as
 * "KEY\\NAME: old -> new".
 *
 * Strings go in and out as UTF-8; the hive has UTF-16LE with a NUL (REG_SZ, REG_EXPAND_SZ,
 * REG_MULTI_SZ) and DWORDs little-endian. One thread.
 */
#ifndef P2V_POSTFIX_WINDOWS_HIVE_H
#define P2V_POSTFIX_WINDOWS_HIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "common/cleanup.h"
#include "common/err.h"
#include "inventory/machine.h"
#include "postfix/guest.h"

#define HIVE_MAX	((uint64_t)512 << 20)	/* larger ones are refused */

/* Types of values, as winnt.h numbers them. */
enum hive_type {
	HIVE_NONE = 0, HIVE_SZ = 1, HIVE_EXPAND_SZ = 2, HIVE_BINARY = 3, HIVE_DWORD = 4,
	HIVE_MULTI_SZ = 7, HIVE_QWORD = 11,
};

struct hive;

/* path is in the guest. writable false: setting anything is our own bug. */
int hive_open(struct guest *guest, const char *path, bool writable, struct hive **ret,
	      struct err *err);
/* The same on a file of the host, which is changed by hive_commit(); for tests and tools. */
int hive_open_file(const char *path, bool writable, struct hive **ret, struct err *err);
void hive_free(struct hive *h);
DEFINE_CLEANUP(struct hive *, hive_free)

const char *hive_path(const struct hive *h); /* as it was given */
bool hive_has_key(struct hive *h, const char *key);
/* Names of the subkeys of key, sorted without regard to case; empty when there is no such key. */
int hive_subkeys(struct hive *h, const char *key, struct machine_strv *ret, struct err *err);
int hive_values(struct hive *h, const char *key, struct machine_strv *ret, struct err *err);

/*
 * Reading a value; "" is the name of a key's default value. 0, or -ENOENT, or -EILSEQ when it has
 * another type or is not sound (err may be NULL).
 */
int hive_get_dword(struct hive *h, const char *key, const char *name, uint32_t *ret,
		   struct err *err);
/* REG_SZ and REG_EXPAND_SZ; malloc'd. */
int hive_get_string(struct hive *h, const char *key, const char *name, char **ret, struct err *err);
int hive_get_strings(struct hive *h, const char *key, const char *name, struct machine_strv *ret,
		     struct err *err);
int hive_get_raw(struct hive *h, const char *key, const char *name, enum hive_type *ret_type,
		 void **ret, size_t *ret_len, struct err *err);

/*
 * Setting a value; missing keys are made. 1 changed, 0 it was so already, or -errno.
 *
 * Two things are refused before anything is changed, because libhivex would write what Windows
 * misreads: a new key whose name is not ASCII (-EINVAL), and a value in a key that has one of more
 * than HIVE_VALUE_MAX bytes, or would have (-EFBIG).
 */
#define HIVE_VALUE_MAX	16344
int hive_set_dword(struct hive *h, const char *key, const char *name, uint32_t value,
		   struct err *err);
int hive_set_string(struct hive *h, const char *key, const char *name, enum hive_type type,
		    const char *value, struct err *err);
int hive_set_strings(struct hive *h, const char *key, const char *name, const char *const *values,
		     size_t n, struct err *err);
int hive_set_raw(struct hive *h, const char *key, const char *name, enum hive_type type,
		 const void *value, size_t len, struct err *err);
/* 1 made, 0 was there. */
int hive_make_key(struct hive *h, const char *key, struct err *err);
/* 1 removed, 0 was not there. The key goes with all below it. */
int hive_delete_key(struct hive *h, const char *key, struct err *err);
int hive_delete_value(struct hive *h, const char *key, const char *name, struct err *err);

/* What was changed since it was opened, a line each, in order; borrowed. */
const struct machine_strv *hive_changes(const struct hive *h);
/* Nothing happens when nothing changed. After a failure the guest's file is as it was. */
int hive_commit(struct hive *h, struct err *err);

#endif
