/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may send what, and in which phase of its own; and where the peer may be when it arrives. */
#include "wire/session_state.h"

#include "common/compiler.h"

#define IN(phase)	(1u << SESSION_##phase)
#define BUSY		(IN(JOB) | IN(COPY) | IN(FINISH))
#define ALIVE		(IN(OPEN) | BUSY)

static const struct rule {
	uint8_t agent_sends, server_gets;
	uint8_t server_sends, agent_gets;
} rules[] = {
	/* The session sends these two itself. */
	[PROTO_HELLO] = { 0, IN(HELLO), 0, IN(HELLO) },
	[PROTO_PONG] = { 0, ALIVE | IN(END), 0, ALIVE },

	[PROTO_OPEN] = { IN(OPEN), IN(OPEN), 0, 0 },
	[PROTO_JOB] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_HAVE] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_DIGESTS] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_READY] = { 0, 0, IN(JOB), IN(JOB) },
	[PROTO_DATA] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_ZERO] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_BAD] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_FLUSH] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_FINISH] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_STALE] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_PATCH] = { IN(COPY), IN(COPY), 0, 0 },
	[PROTO_CHECK] = { IN(COPY), IN(COPY), 0, 0 },
	/* The agent may have sent its FINISH while these were on their way. */
	[PROTO_ACK] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_FLUSHED] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_STATUS] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_FINISHED] = { 0, 0, IN(FINISH), IN(FINISH) },
	[PROTO_THROTTLE] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	[PROTO_DIFFER] = { 0, 0, IN(COPY), IN(COPY) },
	[PROTO_CUTOVER] = { 0, 0, IN(COPY) | IN(FINISH), IN(COPY) | IN(FINISH) },
	/* FINISHED, and READY of a complete job, may cross these on the wire. */
	[PROTO_CLOSE] = { BUSY, BUSY | IN(END), 0, 0 },
	[PROTO_PING] = { ALIVE, ALIVE | IN(END), ALIVE, ALIVE },
	[PROTO_ERROR] = { IN(HELLO) | ALIVE, ALIVE | IN(END), IN(HELLO) | ALIVE,
			  IN(HELLO) | ALIVE },
};

bool session_rules_may_send(const struct session *s, uint16_t type)
{
	const struct rule *r;

	if (type >= ARRAY_SIZE(rules))
		return false;
	r = &rules[type];
	if (s->closed && (s->role == PROTO_ROLE_AGENT || type == PROTO_PING))
		return false;
	return ((s->role == PROTO_ROLE_AGENT ? r->agent_sends : r->server_sends) >> s->phase) & 1;
}

bool session_rules_may_get(const struct session *s, uint16_t type)
{
	const struct rule *r;

	if (type >= ARRAY_SIZE(rules))
		return false;
	r = &rules[type];
	if (s->closed && s->role == PROTO_ROLE_SERVER)
		return false;
	return ((s->role == PROTO_ROLE_AGENT ? r->agent_gets : r->server_gets) >> s->phase) & 1;
}

const char *session_rules_phase_name(const struct session *s)
{
	static const char *const names[] = {
		[SESSION_HELLO] = "greeting",   [SESSION_OPEN] = "opening",
		[SESSION_JOB] = "answering",    [SESSION_COPY] = "copying",
		[SESSION_FINISH] = "finishing", [SESSION_END] = "ended",
	};

	return s->closed ? "closed" : names[s->phase];
}
