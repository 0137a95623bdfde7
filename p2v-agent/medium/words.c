/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/medium/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/compiler.h"
#include "common/text.h"
#include "p2v-agent/medium/cmdline.h"

#define ALIASES	3

static const struct {
	const char *name, *aliases[ALIASES];	/* behind "p2v."; the others are virt-p2v's */
	bool flag;				/* needs no value */
} table[WORDS] = {
	[WORD_MEDIUM] = { "medium", { NULL }, true },
	[WORD_MODE] = { "mode", { NULL }, false },
	[WORD_SERVER] = { "server", { "remote.server" }, false },
	[WORD_PORT] = { "port", { "remote.port" }, false },
	[WORD_USER] = { "username", { "auth.username" }, false },
	[WORD_HOST_KEY] = { "host-key", { NULL }, false },
	[WORD_NAME] = { "name", { "guestname" }, false },
	[WORD_DISKS] = { "disks", { NULL }, false },
	[WORD_INTERFACES] = { "interfaces", { NULL }, false },
	[WORD_MAP] = { "map", { NULL }, false },
	[WORD_NETWORK] = { "network", { "network_map" }, false },
	[WORD_VCPUS] = { "vcpus", { "vcpu.cores" }, false },
	[WORD_MEMORY] = { "memory", { NULL }, false },
	[WORD_IP] = { "ip", { NULL }, false },
	[WORD_NIC] = { "nic", { NULL }, false },
	[WORD_VLAN] = { "vlan", { NULL }, false },
	[WORD_BANDWIDTH] = { "bandwidth", { NULL }, false },
	[WORD_LEVEL] = { "level", { NULL }, false },
	[WORD_CONNECTIONS] = { "connections", { NULL }, false },
	[WORD_COMPRESSED] = { "compressed", { NULL }, true },
	[WORD_BAD_SECTORS] = { "bad-sectors", { NULL }, false },
	[WORD_FORCE] = { "force", { NULL }, false },
	[WORD_RETRY_FOR] = { "retry-for", { NULL }, false },
	[WORD_POST] = { "post", { NULL }, false },
};

#define SUDO	"the user of p2v.username needs no more rights than to run p2v-server receive"

/* Of virt-p2v, without a meaning here. */
static const struct {
	const char *name, *why;
} left_out[] = {
	{ "sudo", SUDO },
	{ "auth.sudo", SUDO },
	{ "identity", "the key is built into the medium, or on a second one" },
	{ "auth.identity.url", "the key is built into the medium, or on a second one" },
	{ "removable", "drives are part of p2v-server define" },
	{ "vcpu.phys_topo", "the topology is part of p2v-server define" },
	{ "cpu.vendor", "the processor is part of p2v-server define" },
	{ "cpu.model", "the processor is part of p2v-server define" },
	{ "cpu.acpi", "it is as on the machine" },
	{ "cpu.apic", "it is as on the machine" },
	{ "cpu.pae", "it is as on the machine" },
	{ "rtc.basis", "the clock is as on the machine" },
	{ "rtc.offset", "the clock is as on the machine" },
	{ "o", "what becomes of a job is decided on the server" },
	{ "oa", "what becomes of a job is decided on the server" },
	{ "oc", "what becomes of a job is decided on the server" },
	{ "of", "what becomes of a job is decided on the server" },
	{ "os", "what becomes of a job is decided on the server" },
	{ "output.type", "what becomes of a job is decided on the server" },
	{ "output.allocation", "what becomes of a job is decided on the server" },
	{ "output.connection", "what becomes of a job is decided on the server" },
	{ "output.format", "what becomes of a job is decided on the server" },
	{ "output.storage", "what becomes of a job is decided on the server" },
	{ "pre", "no commands are run from a kernel command line" },
	{ "fail", "no commands are run from a kernel command line" },
};

const char *words_name(enum word w)
{
	static const char *const names[WORDS] = {
		"p2v.medium", "p2v.mode", "p2v.server", "p2v.port", "p2v.username", "p2v.host-key",
		"p2v.name", "p2v.disks", "p2v.interfaces", "p2v.map", "p2v.network", "p2v.vcpus",
		"p2v.memory", "p2v.ip", "p2v.nic", "p2v.vlan", "p2v.bandwidth", "p2v.level",
		"p2v.connections", "p2v.compressed", "p2v.bad-sectors", "p2v.force",
		"p2v.retry-for", "p2v.post",
	};

	return names[w];
}

static bool named(const char *name, size_t w)
{
	if (strcmp(table[w].name, name) == 0)
		return true;
	for (size_t i = 0; i < ALIASES && table[w].aliases[i]; i++)
		if (strcmp(table[w].aliases[i], name) == 0)
			return true;
	return false;
}

/* Whatever may have been meant for one: the value is not looked at, and shown to nobody. */
static bool is_secret(const char *name)
{
	static const char *const parts[] = { "pass", "secret", "token", "private" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

static int note(struct machine_strv *notes, const char *name, const char *why, struct err *err)
{
	CLEANUP(mem_free) char *text = text_format("p2v.%s is left out: %s", name, why);

	return text && machine_strv_add(notes, text) == 0 ? 0 : err_nomem(err);
}

/* One word without its "p2v.", cut at the equals sign; value NULL: there was none. */
static int take(const char *name, const char *value, struct words *ret, struct machine_strv *notes,
		struct err *err)
{
	char shown[100];

	if (is_secret(name)) {
		err_set(err, EACCES,
			"p2v.%s: a kernel command line is no place for a secret, everybody can "
			"read it", text_escape_str(name, shown, sizeof(shown)));
		err_hint(err, "take it out, and use another one from now on; log in with a key, "
			      "or type the password on the console");
		return -EACCES;
	}
	for (size_t w = 0; w < WORDS; w++) {
		char *copy;

		if (!named(name, w))
			continue;
		if (!table[w].flag && (!value || !*value))
			return err_set(err, EINVAL, "p2v.%s needs a value", name);
		copy = strdup(value ? value : "");
		if (!copy)
			return err_nomem(err);
		free(ret->value[w]);
		ret->value[w] = copy;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
		if (strcmp(left_out[i].name, name) == 0)
			return note(notes, name, left_out[i].why, err);
	err_set(err, EINVAL, "p2v.%s is not known",
		text_escape_str(name, shown, sizeof(shown)));
	err_hint(err, "p2v-agent-cmdline(7) has the names");
	return -EINVAL;
}

/*
 * The next word, in place: blanks within double quotes belong to it, and the quotes go. NULL at the
 * end.
 */
static char *next_word(char **p)
{
	char *word, *to;
	bool quoted = false;

	*p += strspn(*p, " \t\n");
	if (!**p)
		return NULL;
	word = to = *p;
	for (; **p && (quoted || !strchr(" \t\n", **p)); (*p)++) {
		if (**p == '"')
			quoted = !quoted;
		else
			*to++ = **p;
	}
	if (**p)
		(*p)++;
	*to = '\0';
	return word;
}

int words_read(const char *text, struct words *ret, struct machine_strv *notes, struct err *err)
{
	CLEANUP(mem_free) char *copy = NULL;
	CLEANUP(words_done) struct words w = { 0 };
	char *p, *word;
	int r = 0;

	if (strlen(text) > MEDIUM_CMDLINE_MAX)
		return err_set(err, E2BIG, "the kernel command line is longer than %d bytes",
			       MEDIUM_CMDLINE_MAX);
	p = copy = strdup(text);
	if (!copy)
		return err_nomem(err);
	while (r == 0 && (word = next_word(&p))) {
		char *equals = strchr(word, '=');

		/* What follows two dashes is for init, says the kernel. */
		if (strcmp(word, "--") == 0)
			break;
		if (strncmp(word, "p2v.", 4) != 0)
			continue;
		if (equals)
			*equals = '\0';
		r = take(word + 4, equals ? equals + 1 : NULL, &w, notes, err);
	}
	if (r < 0)
		return r;
	*ret = w;
	w = (struct words){ 0 };
	return 0;
}

void words_done(struct words *w)
{
	for (size_t i = 0; i < WORDS; i++)
		free(w->value[i]);
	*w = (struct words){ 0 };
}
