/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wish to go over to the virtual machine now: an empty file in the job's folder ("cutover"),
 * made by p2v-server cutover, and passed on to the agent by the process that receives, which
 * removes it. It waits for an agent that is not connected.
 */
#ifndef P2V_SERVER_CUTOVER_H
#define P2V_SERVER_CUTOVER_H

#include <stdbool.h>
#include "common/err.h"

int cutover_ask(int jobfd, struct err *err);
bool cutover_wanted(int jobfd);
/* 0 also when there was none. */
int cutover_take_back(int jobfd, struct err *err);

#endif
