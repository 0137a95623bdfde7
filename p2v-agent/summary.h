/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent says with FINISH of what it has copied: docs/job-format.md, source.json. */
#ifndef P2V_AGENT_SUMMARY_H
#define P2V_AGENT_SUMMARY_H

#include "p2v-agent/source.h"

/* JSON, malloc'd; NULL on ENOMEM. takeover: this machine waits for its virtual one. */
char *summary_make(const struct source *source, const char *consistency, bool takeover);

#endif
