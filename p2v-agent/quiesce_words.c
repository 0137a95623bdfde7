/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See quiesce_words.h. */
#include "p2v-agent/quiesce_words.h"

#include <errno.h>
#include <string.h>

#include "common/duration.h"
#include "common/log.h"

int quiesce_words_time(const char *option, const char *text, uint64_t *ns, struct err *err)
{
	char shown[64];

	if (!text)
		return 0;
	if (duration_parse_ns(text, ns) < 0)
		return err_set(err, EINVAL, "--%s %s: a time such as 200ms or 2s, of a day at most",
			       option, text_escape_str(text, shown, sizeof(shown)));
	return 0;
}

int quiesce_words_by_hand(const struct quiesce *q, struct err *err)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char shown[512];

	quiesce_by_hand(q, &b);
	if (b.failed)
		return err_nomem(err);
	log_notice("should it not thaw by itself, by hand:");
	for (char *save = NULL, *line = strtok_r(b.s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		log_notice("    %s", text_escape_str(line, shown, sizeof(shown)));
	return 0;
}
