/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one error convention.
 *
 *	int thing_do(struct thing *t, ..., struct x **ret_x, struct err *err);
 *
 * returns >= 0 on success or -errno. struct err lives on the caller's stack, is the last
 * argument, and may be NULL when the caller only wants the code. The function that finds the
 * fault fills it with one phrase that names the thing, without newline or full stop:
 *
 *	return err_set(err, EIO, "cannot read %s at 0x%" PRIx64, path, offset);
 *	return err_errno(err, "cannot open %s", path);		appends ": No such file..."
 *
 * Callers above may prefix (err_prefix) but do not replace. Text that came from a peer or a disk
 * goes through text_escape() before it is formatted in. Wrong:
 *
 *	err_set(err, peer_code, ...)		a peer's number is never a return value
 *	return -1				-1 is -EPERM here
 *
 * An optional hint says what to do next; programs print it on a line of its own.
 * struct err is plain data: no allocation, no thread affinity.
 */
#ifndef P2V_COMMON_ERR_H
#define P2V_COMMON_ERR_H

#include "common/compiler.h"

#define ERR_TEXT_MAX	512
#define ERR_HINT_MAX	256

struct err {
	int code;			/* positive errno, 0 = none */
	char text[ERR_TEXT_MAX];
	char hint[ERR_HINT_MAX];
};

#define ERR_INIT ((struct err){ 0 })

/*
 * Store code (positive errno; 0 is turned into EIO, -errno is understood too) and text, drop an
 * old hint; returns -code. err may be NULL. The text may be made from err's own old text.
 */
int err_set(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As err_set with the current errno, whose description is appended after ": ". */
int err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As err_errno for a code in hand. */
int err_code(struct err *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* -ENOMEM with the standard phrase. */
int err_nomem(struct err *err);
/* Put "<formatted>: " in front of the text already there. */
void err_prefix(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What to do next, one phrase. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_reset(struct err *err);

#endif
