/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session is blocking while connecting (with libssh's own time limit) and non-blocking from
 * then on. libssh buffers both ways, so waiting on its descriptor alone is not enough: before a
 * poll we ask whether it holds bytes for us already, and what it could not write yet wants
 * POLLOUT (ssh_get_poll_flags).
 */
#include "p2v-agent/transport_ssh.h"

#include <ctype.h>
#include <libssh/libssh.h>
#include <libssh/callbacks.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fdio.h"
#include "common/log.h"
#include "common/text.h"
#include "p2v-agent/terminal.h"

#define CONNECT_TIMEOUT_S 30

struct transport_ssh {
	struct transport base;
	ssh_session session;
	ssh_channel channel;
	char *host;			/* for messages */
	char stderr_line[256];		/* last words of the far end's stderr */
	size_t stderr_len;
	bool eof_sent;
	bool stalled;			/* the peer's window was used up at the last write */
};

static struct transport_ssh *self(struct transport *t)
{
	return (struct transport_ssh *)t;
}

/* ---- target */

int ssh_target_parse(const char *text, struct ssh_target *ret, struct err *err)
{
	const char *at = strrchr(text, '@'), *host = at ? at + 1 : text, *end, *colon = NULL;
	CLEANUP(ssh_target_done) struct ssh_target t = { 0 };

	if (at) {
		t.user = strndup(text, (size_t)(at - text));
		if (!t.user)
			return err_nomem(err);
		if (!*t.user)
			return err_set(err, EINVAL, "no user name in front of the @ in %s", text);
	}
	if (*host == '[') {
		end = strchr(++host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return err_set(err, EINVAL, "%s: an IPv6 address is written [ADDRESS]:PORT",
				       text);
		colon = end[1] ? end + 1 : NULL;
	} else {
		colon = strchr(host, ':');
		if (colon && strchr(colon + 1, ':'))	/* a bare IPv6 address */
			colon = NULL;
		end = colon ? colon : host + strlen(host);
	}
	if (colon) {
		char *stop;
		unsigned long port = strtoul(colon + 1, &stop, 10);

		if (!isdigit((unsigned char)colon[1]) || *stop || port < 1 || port > 65535)
			return err_set(err, EINVAL, "%s is not a port number (1 to 65535)",
				       colon + 1);
		t.port = (unsigned int)port;
	}
	if (end == host || *host == '-')
		return err_set(err, EINVAL, "no host name in %s", text);
	t.host = strndup(host, (size_t)(end - host));
	if (!t.host)
		return err_nomem(err);
	*ret = t;
	t = (struct ssh_target){ 0 };
	return 0;
}

void ssh_target_done(struct ssh_target *t)
{
	free(t->user);
	free(t->host);
	*t = (struct ssh_target){ 0 };
}

/* ---- host key */

static int fingerprint(ssh_session s, char **ret, struct err *err)
{
	unsigned char *hash = NULL;
	ssh_key key = NULL;
	size_t len;
	char *text = NULL;
	int r = -EIO;

	if (ssh_get_server_publickey(s, &key) == SSH_OK &&
	    ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) == 0)
		text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
	if (text) {
		*ret = strdup(text);
		r = *ret ? 0 : -ENOMEM;
	}
	ssh_string_free_char(text);
	ssh_clean_pubkey_hash(&hash);
	ssh_key_free(key);
	return r < 0 ? err_set(err, -r, "cannot compute the server's host key finger-print") : 0;
}

static int ask_unknown(struct transport_ssh *t, const char *print, struct err *err)
{
	char prompt[512], answer[8];

	snprintf(prompt, sizeof(prompt),
		 "The host key of %s is not known.\nIts finger-print is %s\n"
		 "Compare it with what the server shows (p2v-server doctor). Go on and remember "
		 "it? (yes/no) ",
		 t->host, print);
	if (terminal_ask(prompt, true, answer, sizeof(answer)) < 0 || strcmp(answer, "yes") != 0)
		return err_set(err, EKEYREJECTED, "the host key of %s was not confirmed", t->host);
	if (ssh_session_update_known_hosts(t->session) != SSH_OK)
		log_warning("cannot remember the host key of %s: %s", t->host,
			    ssh_get_error(t->session));
	return 0;
}

static int check_host_key(struct transport_ssh *t, const struct ssh_config *cfg, struct err *err)
{
	CLEANUP(mem_free) char *print = NULL;
	int r = fingerprint(t->session, &print, err);

	if (r < 0)
		return r;
	if (cfg->host_key) {
		if (strcmp(cfg->host_key, print) == 0)
			return 0;
		err_set(err, EKEYREJECTED, "the host key of %s is %s, not %s as given", t->host,
			print, cfg->host_key);
		err_hint(
			err,
			"find out why before going on: somebody may be between you and the server");
		return -EKEYREJECTED;
	}
	switch (ssh_session_is_known_server(t->session)) {
	case SSH_KNOWN_HOSTS_OK:
		return 0;
	case SSH_KNOWN_HOSTS_CHANGED:
	case SSH_KNOWN_HOSTS_OTHER:
		err_set(err, EKEYREJECTED,
			"the host key of %s has CHANGED: it is %s now, known_hosts has another",
			t->host, print);
		err_hint(err, "if the server was reinstalled, remove the old key: ssh-keygen -R %s",
			 t->host);
		return -EKEYREJECTED;
	case SSH_KNOWN_HOSTS_UNKNOWN:
	case SSH_KNOWN_HOSTS_NOT_FOUND:
		if (cfg->interactive)
			return ask_unknown(t, print, err);
		err_set(err, EKEYREJECTED, "the host key of %s is not known: %s", t->host, print);
		err_hint(err, "compare it with the server's and say --host-key %s", print);
		return -EKEYREJECTED;
	default:
		return err_set(err, EKEYREJECTED, "cannot check the host key of %s: %s", t->host,
			       ssh_get_error(t->session));
	}
}

/* ---- authentication */

static int ask_passphrase(const char *prompt, char *buf, size_t len, int echo, int verify,
			  void *userdata)
{
	(void)verify;
	(void)userdata;
	if (!prompt || !*prompt)
		prompt = "Passphrase of the key: ";
	return terminal_ask(prompt, echo, buf, len) < 0 ? -1 : 0;
}

static int auth_identity(struct transport_ssh *t, const struct ssh_config *cfg, struct err *err)
{
	ssh_key key = NULL;
	int r;

	if (access(cfg->identity, R_OK) < 0)
		return err_errno(err, "cannot read the key %s", cfg->identity);
	if (ssh_pki_import_privkey_file(cfg->identity, NULL,
					cfg->interactive ? ask_passphrase : NULL, NULL,
					&key) != SSH_OK)
		return err_set(
			err, EACCES,
			"%s is not a private key that can be used (wrong format or passphrase)",
			cfg->identity);
	r = ssh_userauth_publickey(t->session, NULL, key);
	ssh_key_free(key);
	if (r == SSH_AUTH_SUCCESS)
		return 0;
	err_set(err, EACCES, "%s does not accept the key %s", t->host, cfg->identity);
	err_hint(err,
		 "its public half belongs into the server's authorized_keys, see p2v-server(8)");
	return -EACCES;
}

static int auth_password(struct transport_ssh *t, struct err *err)
{
	char prompt[300], password[256];
	int r = SSH_AUTH_DENIED;

	snprintf(prompt, sizeof(prompt), "Password for %s: ", t->host);
	for (int i = 0; i < 3 && r != SSH_AUTH_SUCCESS; i++) {
		if (terminal_ask(prompt, false, password, sizeof(password)) < 0)
			break;
		r = ssh_userauth_password(t->session, NULL, password);
		explicit_bzero(password, sizeof(password));
	}
	return r == SSH_AUTH_SUCCESS
		       ? 0
		       : err_set(err, EACCES, "%s does not accept the password", t->host);
}

static int authenticate(struct transport_ssh *t, const struct ssh_config *cfg, struct err *err)
{
	int r = ssh_userauth_none(t->session, NULL);

	if (r == SSH_AUTH_SUCCESS)
		return 0;
	if (cfg->identity)
		return auth_identity(t, cfg, err);
	r = ssh_userauth_publickey_auto(t->session, NULL, NULL);
	if (r == SSH_AUTH_SUCCESS)
		return 0;
	if (cfg->interactive && (ssh_userauth_list(t->session, NULL) & SSH_AUTH_METHOD_PASSWORD))
		return auth_password(t, err);
	err_set(err, EACCES, "%s accepts none of the keys at hand", t->host);
	err_hint(err, "name one with --identity KEY");
	return -EACCES;
}

/* ---- the channel as a transport */

static int gone(struct transport_ssh *t, struct err *err)
{
	return err_set(err, ECONNRESET, "the connection to %s was lost: %s", t->host,
		       ssh_get_error(t->session));
}

/* The far end's stderr is for people: pass it on line by line. */
static void drain_stderr(struct transport_ssh *t)
{
	char buf[512], line[sizeof(t->stderr_line) * 4];
	int n;

	while ((n = ssh_channel_read_nonblocking(t->channel, buf, sizeof(buf), 1)) > 0) {
		for (int i = 0; i < n; i++) {
			if (buf[i] != '\n' && t->stderr_len < sizeof(t->stderr_line)) {
				t->stderr_line[t->stderr_len++] = buf[i];
				continue;
			}
			if (t->stderr_len > 0)
				log_notice("[server] %s", text_escape(t->stderr_line, t->stderr_len,
								      line, sizeof(line)));
			t->stderr_len = 0;
		}
	}
}

static ssize_t ssh_t_read(struct transport *base, void *buf, size_t len, struct err *err)
{
	struct transport_ssh *t = self(base);
	int n = ssh_channel_read_nonblocking(t->channel, buf,
					     (uint32_t)MIN(len, (size_t)(1u << 30)), 0);

	if (n > 0)
		return n;
	drain_stderr(t);
	if (n == SSH_EOF || (n == 0 && ssh_channel_is_eof(t->channel)))
		return 0;
	if (n == 0 || n == SSH_AGAIN)
		return ssh_is_connected(t->session) ? -EAGAIN : gone(t, err);
	return gone(t, err);
}

static ssize_t ssh_t_write(struct transport *base, const void *buf, size_t len, struct err *err)
{
	struct transport_ssh *t = self(base);
	uint32_t window = ssh_channel_window_size(t->channel);
	int n;

	/*
	 * libssh queues without limit what the socket does not take: stay inside the peer's
	 * window.
	 */
	t->stalled = window == 0;
	if (window == 0)
		return ssh_is_connected(t->session) && !ssh_channel_is_closed(t->channel)
			       ? -EAGAIN
			       : gone(t, err);
	n = ssh_channel_write(t->channel, buf, (uint32_t)MIN(len, (size_t)window));
	if (n > 0)
		return n;
	if (n == 0 || n == SSH_AGAIN)
		return -EAGAIN;
	return gone(t, err);
}

static int ssh_t_wait(struct transport *base, bool want_write, const int *extra, size_t n,
		      int timeout_ms, struct err *err)
{
	struct transport_ssh *t = self(base);
	struct pollfd fds[8] = { { .fd = ssh_get_fd(t->session), .events = POLLIN } };
	int r;

	r = ssh_channel_poll(t->channel, 0);
	if (r != 0)			/* bytes, end of file, or an error: read() tells which */
		return 0;
	if (want_write && ssh_channel_window_size(t->channel) > 0)
		fds[0].events |= POLLOUT;
	if (ssh_get_poll_flags(t->session) & SSH_WRITE_PENDING)
		fds[0].events |= POLLOUT;
	n = MIN(n, ARRAY_SIZE(fds) - 1);
	for (size_t i = 0; i < n; i++)
		fds[1 + i] = (struct pollfd){ .fd = extra[i], .events = POLLIN };
	r = poll(fds, (nfds_t)(n + 1), timeout_ms);
	if (r < 0 && errno != EINTR)
		return err_errno(err, "cannot wait for the connection to %s", t->host);
	return 0;
}

static bool ssh_t_stalled(const struct transport *base)
{
	return self((struct transport *)base)->stalled;
}

static int ssh_t_shutdown(struct transport *base, struct err *err)
{
	struct transport_ssh *t = self(base);

	if (t->eof_sent)
		return 0;
	t->eof_sent = true;
	return ssh_channel_send_eof(t->channel) == SSH_OK ? 0 : gone(t, err);
}

static int ssh_t_exit_status(struct transport *base)
{
	struct transport_ssh *t = self(base);

	drain_stderr(t);
	return ssh_channel_get_exit_status(t->channel);
}

static void ssh_t_free(struct transport *base)
{
	struct transport_ssh *t = self(base);

	if (t->channel) {
		drain_stderr(t);
		ssh_channel_close(t->channel);
		ssh_channel_free(t->channel);
	}
	if (t->session) {
		ssh_disconnect(t->session);
		ssh_free(t->session);
	}
	free(t->host);
	free(t);
}

static const struct transport_ops ssh_ops = {
	.name = "ssh",
	.read = ssh_t_read,
	.write = ssh_t_write,
	.stalled = ssh_t_stalled,
	.wait = ssh_t_wait,
	.shutdown = ssh_t_shutdown,
	.exit_status = ssh_t_exit_status,
	.free = ssh_t_free,
};

static int open_channel(struct transport_ssh *t, const struct ssh_config *cfg, bool *ret_lost,
			struct err *err)
{
	t->channel = ssh_channel_new(t->session);
	if (!t->channel)
		return err_nomem(err);
	if (ssh_channel_open_session(t->channel) != SSH_OK) {
		*ret_lost = true;
		return err_set(err, ECONNRESET, "%s opens no channel: %s", t->host,
			       ssh_get_error(t->session));
	}
	if (ssh_channel_request_exec(t->channel, cfg->command) != SSH_OK)
		return err_set(err, EACCES, "%s refuses to run \"%s\": %s", t->host, cfg->command,
			       ssh_get_error(t->session));
	return 0;
}

#define GCM	"aes128-gcm@openssh.com,aes256-gcm@openssh.com"
#define CHACHA	"chacha20-poly1305@openssh.com"
#define CTR	"aes128-ctr,aes192-ctr,aes256-ctr"

static const char *fast_ciphers(void)
{
#if defined(__x86_64__) || defined(__i386__)
	if (!__builtin_cpu_supports("aes"))
		return CHACHA "," GCM "," CTR;
#endif
	return GCM "," CHACHA "," CTR;
}

static int set_ciphers(struct transport_ssh *t, const char *ciphers)
{
	int r = ssh_options_set(t->session, SSH_OPTIONS_CIPHERS_C_S, ciphers);

	return r < 0 ? r : ssh_options_set(t->session, SSH_OPTIONS_CIPHERS_S_C, ciphers);
}

static int set_options(struct transport_ssh *t, const struct ssh_config *cfg, struct err *err)
{
	long timeout = cfg->timeout_s ? cfg->timeout_s : CONNECT_TIMEOUT_S;
	unsigned int port = cfg->target.port;
	int nodelay = 1;

	if (set_ciphers(t, fast_ciphers()) < 0)
		log_debug("ssh", "libssh's own choice of ciphers: %s", ssh_get_error(t->session));
	/*
	 * ~/.ssh/config may hold an alias, port or key for this server; what was asked for here
	 * comes after and wins.
	 */
	if (ssh_options_set(t->session, SSH_OPTIONS_HOST, cfg->target.host) == 0 &&
	    ssh_options_parse_config(t->session, NULL) < 0)
		log_debug("ssh", "no usable ssh configuration: %s", ssh_get_error(t->session));
	if (cfg->ciphers && strcmp(cfg->ciphers, "auto") != 0 && set_ciphers(t, cfg->ciphers) < 0)
		return err_set(err, EINVAL, "no cipher that is known in --cipher %s", cfg->ciphers);
	if ((cfg->target.user &&
	     ssh_options_set(t->session, SSH_OPTIONS_USER, cfg->target.user) < 0) ||
	    (cfg->known_hosts &&
	     ssh_options_set(t->session, SSH_OPTIONS_KNOWNHOSTS, cfg->known_hosts) < 0) ||
	    (cfg->known_hosts &&
	     ssh_options_set(t->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") < 0) ||
	    (port && ssh_options_set(t->session, SSH_OPTIONS_PORT, &port) < 0) ||
	    ssh_options_set(t->session, SSH_OPTIONS_TIMEOUT, &timeout) < 0 ||
	    ssh_options_set(t->session, SSH_OPTIONS_NODELAY, &nodelay) < 0)
		return err_set(err, EINVAL, "cannot set up SSH to %s: %s", t->host,
			       ssh_get_error(t->session));
	return 0;
}

int transport_ssh_new(const struct ssh_config *cfg, struct transport **ret, bool *ret_lost,
		      struct err *err)
{
	CLEANUP(transport_free) struct transport *base = NULL;
	struct transport_ssh *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return err_nomem(err);
	t->base.ops = &ssh_ops;
	base = &t->base;
	t->host = strdup(cfg->target.host);
	t->session = ssh_new();
	if (!t->host || !t->session)
		return err_nomem(err);
	r = set_options(t, cfg, err);
	if (r < 0)
		return r;
	if (ssh_connect(t->session) != SSH_OK) {
		*ret_lost = true;
		return err_set(err, ECONNREFUSED, "cannot connect to %s: %s", t->host,
			       ssh_get_error(t->session));
	}
	r = check_host_key(t, cfg, err);
	if (r < 0)
		return r;
	r = authenticate(t, cfg, err);
	if (r < 0)
		return r;
	r = open_channel(t, cfg, ret_lost, err);
	if (r < 0)
		return r;
	log_debug("ssh", "cipher %s", ssh_get_cipher_out(t->session));
	ssh_set_blocking(t->session, 0);
	fdio_set_nonblock(ssh_get_fd(t->session), true);
	*ret = TAKE_PTR(base);
	return 0;
}
