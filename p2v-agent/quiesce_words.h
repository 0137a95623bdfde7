/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands that freeze this machine take and say in the same words: quiesce and hot. */
#ifndef P2V_AGENT_QUIESCE_WORDS_H
#define P2V_AGENT_QUIESCE_WORDS_H

#include "p2v-agent/quiesce/quiesce.h"

/* The value of --option, a time in *ns; text NULL: it stays as it is. -EINVAL. */
int quiesce_words_time(const char *option, const char *text, uint64_t *ns, struct err *err);
/* What is logged before: all that is needed when nobody can log in any more. -ENOMEM. */
int quiesce_words_by_hand(const struct quiesce *q, struct err *err);

#endif
