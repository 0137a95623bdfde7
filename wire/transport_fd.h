/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transport over two plain descriptors (a pipe pair, a socket, our stdin and stdout). Sets
 * them non-blocking; owns and closes them when own is true, from success on: after a failure they
 * are still the caller's.
 *
 * Writing to a peer that is gone gives -EPIPE and never a SIGPIPE. wait() takes at most
 * TRANSPORT_FD_EXTRA_MAX extra descriptors; a signal may end it early. shutdown() of a pipe that
 * is not owned is -EOPNOTSUPP: only closing a pipe ends it.
 */
#ifndef P2V_WIRE_TRANSPORT_FD_H
#define P2V_WIRE_TRANSPORT_FD_H

#include "wire/transport.h"

#define TRANSPORT_FD_EXTRA_MAX	14

int transport_fd_new(int in, int out, bool own, struct transport **ret, struct err *err);

#endif
