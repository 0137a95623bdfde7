/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel command line as words: which begin with "p2v.", what each is called here, and the
 * last value of each. What the values mean is cmdline.c's business.
 */
#ifndef P2V_AGENT_MEDIUM_WORDS_H
#define P2V_AGENT_MEDIUM_WORDS_H

#include "common/err.h"
#include "inventory/machine.h"

enum word {
	WORD_MEDIUM, WORD_MODE, WORD_SERVER, WORD_PORT, WORD_USER, WORD_HOST_KEY, WORD_NAME,
	WORD_DISKS, WORD_INTERFACES, WORD_MAP, WORD_NETWORK, WORD_VCPUS, WORD_MEMORY, WORD_IP,
	WORD_NIC, WORD_VLAN, WORD_BANDWIDTH, WORD_LEVEL, WORD_CONNECTIONS, WORD_COMPRESSED,
	WORD_BAD_SECTORS, WORD_FORCE, WORD_RETRY_FOR, WORD_POST,
	WORDS
};

struct words {
	char *value[WORDS];		/* NULL: not there; "" for a word without a value */
};

/* Errors as of medium_cmdline_parse(). notes: what was left out is added. */
int words_read(const char *text, struct words *ret, struct machine_strv *notes, struct err *err);
void words_done(struct words *w);
DEFINE_CLEANUP_VALUE(struct words, words_done)
/* "p2v.name", for messages. */
const char *words_name(enum word w);

#endif
