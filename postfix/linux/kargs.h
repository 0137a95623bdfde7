/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel command lines, wherever they are kept: /etc/default/grub, grub.cfg, menu.lst, loader
 * entries, /etc/kernel/cmdline. One rewriter for all of them keeps the stores consistent without
 * running grub-mkconfig, which would look at the machine it runs on instead of the one it is for.
 *
 * Pure.
 */
#ifndef P2V_POSTFIX_KARGS_H
#define P2V_POSTFIX_KARGS_H

#include <stdbool.h>
#include <stddef.h>
#include "common/text.h"
#include "inventory/machine.h"
#include "postfix/devmap.h"

struct kargs_rules {
	const struct devmap *map;	/* rewrite root=, resume=, ...; NULL: leave devices alone */
	bool console;			/* a console on any serial port moves to ttyS0 */
	/* Is this argument to go? Quotes and blanks inside a value are part of it. May be NULL. */
	bool (*drop)(const char *arg, void *opaque);
	void *opaque;
	/*
	 * What to write for a device, in place of what devmap_translate() says; answers as it does.
	 * For boot loaders whose early boot knows no UUIDs. May be NULL.
	 */
	int (*device)(const char *name, char **ret, void *opaque);
};

/*
 * Append the n bytes of words at s to out, rewritten; returns 1 when something changed, 0 or
 * -ENOMEM. Words with a console that would be there twice are dropped. What stands after a lone
 * "--" is for init and stays. notes may be NULL.
 */
int kargs_rewrite(const char *s, size_t n, const struct kargs_rules *rules, struct strbuf *out,
		  struct machine_strv *notes);
/* Is there a console=ttyS0 among the words? */
bool kargs_has_serial_console(const char *s, size_t n);
/* The value of the last key=value; {NULL,0} when there is none. */
const char *kargs_get(const char *s, size_t n, const char *key, size_t *ret_len);

#endif
