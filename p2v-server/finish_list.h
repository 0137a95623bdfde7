/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of fixes as a list, as JSON, and as docs/fixes.md, on standard output. */
#ifndef P2V_SERVER_FINISH_LIST_H
#define P2V_SERVER_FINISH_LIST_H

#include "common/err.h"

void finish_list_text(void);
/* [{"id","title","applies","severity","off","undo","settings":[{key,values,what}]}] */
int finish_list_json(struct err *err);
void finish_list_document(void);

#endif
