/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sections of the summary, in their order. Internal to summary*.c. */
#ifndef P2V_INVENTORY_SUMMARY_PARTS_H
#define P2V_INVENTORY_SUMMARY_PARTS_H

#include "inventory/machine.h"
#include "inventory/summary/para.h"

void summary_system(struct strbuf *b, const struct machine *m);		/* summary_os.c */
void summary_computer(struct strbuf *b, const struct machine *m);	/* summary_hw.c */
void summary_clock(struct strbuf *b, const struct machine *m);		/* summary_os.c */
void summary_storage(struct strbuf *b, const struct machine *m);	/* summary_block.c */
void summary_network(struct strbuf *b, const struct machine *m);	/* summary_net.c */
void summary_software(struct strbuf *b, const struct machine *m);	/* summary_os.c */
void summary_devices(struct strbuf *b, const struct machine *m);	/* summary_hw.c */

#endif
