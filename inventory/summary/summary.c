/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/summary/summary.h"

#include "common/cleanup.h"
#include "inventory/summary/summary_parts.h"

char *summary_text(const struct machine *m)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	summary_system(&b, m);
	summary_computer(&b, m);
	summary_clock(&b, m);
	summary_storage(&b, m);
	summary_network(&b, m);
	summary_software(&b, m);
	summary_devices(&b, m);
	if (m->warnings.n > 0)
		para_heading(&b, "Warnings");
	for (size_t i = 0; i < m->warnings.n; i++) {
		struct para p = para_line(&b, 2, 2);

		para_raw(&p, "", "-");
		para_sentence(&p, " ", m->warnings.v[i]);
		para_end(&p);
	}
	return strbuf_take(&b);
}
