/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The transport over an SSH channel (libssh): connect, check the host key, authenticate, run one
 * command. The only user of libssh.
 *
 * Host key: with host_key given ("SHA256:..." as ssh-keygen -l prints it) it must match, whatever
 * known_hosts says. Otherwise known_hosts decides: a changed key is always refused; an unknown one
 * is refused too, unless somebody at a terminal compares the finger-print and says yes.
 *
 * Authentication, in order: the identity file when given (and nothing else then); else the SSH
 * agent and the user's default keys; else, at a terminal, a password. Passwords are never taken
 * from the command line or the environment.
 */
#ifndef P2V_AGENT_TRANSPORT_SSH_H
#define P2V_AGENT_TRANSPORT_SSH_H

#include "wire/transport.h"

struct ssh_target {
	char *user, *host;		/* user NULL: the current one */
	unsigned int port;		/* 0: 22 */
};

/* "user@host", "host:2222", "user@[::1]:22"; -EINVAL. */
int ssh_target_parse(const char *text, struct ssh_target *ret, struct err *err);
void ssh_target_done(struct ssh_target *t);
DEFINE_CLEANUP_VALUE(struct ssh_target, ssh_target_done)

/*
 * Ciphers: what encrypts a gigabyte in the least time is preferred. That is AES-GCM where this
 * processor has instructions for AES, ChaCha20-Poly1305 where it has none. A Ciphers line of the
 * user's ssh_config that fits the host prevails over that, and ciphers over both.
 */
struct ssh_config {
	struct ssh_target target;
	const char *identity;		/* private key file, or NULL */
	const char *host_key;		/* "SHA256:...", or NULL */
	const char *known_hosts;	/* file, or NULL: the user's and the system's */
	const char *ciphers;		/* SSH's names with commas; NULL or "auto": see below */
	const char *command;		/* to run at the far end */
	bool interactive;		/* may ask on the terminal */
	unsigned int timeout_s;		/* for connecting; 0: 30 */
};

/*
 * *ret_lost is set when the failure is the network's (refused, unreachable, timed out, dropped) and
 * another try may succeed; never for keys, authentication or a refused command (-EACCES,
 * -EKEYREJECTED).
 */
int transport_ssh_new(const struct ssh_config *cfg, struct transport **ret, bool *ret_lost,
		      struct err *err);

#endif
