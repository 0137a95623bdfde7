/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host keys of this machine's sshd, as an agent's user wants to compare them. */
#ifndef P2V_SERVER_HOSTKEYS_H
#define P2V_SERVER_HOSTKEYS_H

#include "common/err.h"

/*
 * One "ssh-ed25519 SHA256:..." line per /etc/ssh/ssh_host_*_key.pub (fingerprint as ssh-keygen
 * -lf prints it: unpadded base64 of the SHA-256 of the key blob). NULL-terminated; strv_free().
 */
int hostkeys_list(char ***ret, struct err *err);

#endif
