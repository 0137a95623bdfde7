/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/medium/cmdline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/size.h"
#include "common/text.h"
#include "inventory/plan/plan.h"
#include "p2v-agent/bandwidth.h"
#include "p2v-agent/medium/words.h"
#include "p2v-agent/transport_ssh.h"

#define SHOWN_MAX	120

struct parser {
	struct words words;
	struct medium_cmdline *c;
	struct err *err;
};

static const char *value(const struct parser *p, enum word w)
{
	return p->words.value[w];
}

/* "p2v.port=x: why" */
static int wrong(const struct parser *p, enum word w, const char *why)
{
	char shown[SHOWN_MAX];

	return err_set(p->err, EINVAL, "%s=%s: %s", words_name(w),
		       text_escape_str(value(p, w), shown, sizeof(shown)), why);
}

static int copy(const struct parser *p, enum word w, char **ret)
{
	*ret = strdup(value(p, w));
	return *ret ? 0 : err_nomem(p->err);
}

/* 0 when it is no number of the range. */
static unsigned long number(const char *text, unsigned long max)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	return errno == 0 && !*end && n <= max ? n : 0;
}

static int one_of(const struct parser *p, enum word w, const char *const *list, const char *why)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(value(p, w), list[i]) == 0)
			return i;
	return wrong(p, w, why);
}

/* "a,b,c": each must be there. */
static int split(const struct parser *p, enum word w, const char *prefix, struct machine_strv *ret)
{
	CLEANUP(mem_free) char *list = strdup(value(p, w));
	char *rest = list, *word;

	if (!list)
		return err_nomem(p->err);
	while ((word = strsep(&rest, ","))) {
		bool bare = *word != '/';
		CLEANUP(mem_free) char *text = text_format("%s%s", bare ? prefix : "", word);

		if (!*word)
			return wrong(p, w, "a name is missing beside a comma");
		if (!text || machine_strv_add(ret, text) < 0)
			return err_nomem(p->err);
	}
	return 0;
}

/* HOST and USER@HOST:PORT; what stands in p2v.port and p2v.username goes in between. */
static int read_server(const struct parser *p)
{
	CLEANUP(ssh_target_done) struct ssh_target t = { 0 };
	const char *user = value(p, WORD_USER), *port = value(p, WORD_PORT);
	char digits[8] = "";
	struct err e = ERR_INIT;
	bool v6;

	if (port && !number(port, 65535))
		return wrong(p, WORD_PORT, "a port is 1 to 65535");
	if (user && strpbrk(user, "@:/ "))
		return wrong(p, WORD_USER, "this is no name of a user");
	if (!value(p, WORD_SERVER)) {
		if (port || user)
			return err_set(p->err, EINVAL, "%s is there, and p2v.server is not",
				       words_name(port ? WORD_PORT : WORD_USER));
		return 0;
	}
	if (ssh_target_parse(value(p, WORD_SERVER), &t, &e) < 0)
		return wrong(p, WORD_SERVER, "it is HOST, USER@HOST or USER@HOST:PORT");
	if (!user)
		user = t.user ? t.user : "root";
	if (port || t.port)
		snprintf(digits, sizeof(digits), ":%lu", port ? number(port, 65535) : t.port);
	v6 = strchr(t.host, ':') != NULL;
	p->c->server = text_format("%s@%s%s%s%s", user, v6 ? "[" : "", t.host, v6 ? "]" : "",
				   digits);
	return p->c->server ? 0 : err_nomem(p->err);
}

static int add_map(struct medium_cmdline *c, const char *nic, const char *kind, const char *target)
{
	struct medium_map *v = reallocarray(c->map, c->nmap + 1, sizeof(*v)), *m;

	if (!v)
		return -ENOMEM;
	c->map = v;
	m = &v[c->nmap++];
	m->nic = nic ? strdup(nic) : NULL;
	m->connect = text_format("%s%s", kind, target);
	return (!nic || m->nic) && m->connect ? 0 : -ENOMEM;
}

/*
 * p2v.map=NIC=KIND:TARGET,... and virt-p2v's p2v.network=NIC:NETWORK,...; an entry without a NIC is
 * for the rest. A NIC may be an address, which has colons: the last one parts it from the network.
 */
static int read_map(const struct parser *p, enum word w)
{
	CLEANUP(mem_free) char *list = value(p, w) ? strdup(value(p, w)) : NULL;
	const char *kind = w == WORD_NETWORK ? "network:" : "";
	char *rest = list, *word;

	if (!value(p, w))
		return 0;
	if (!list)
		return err_nomem(p->err);
	while ((word = strsep(&rest, ","))) {
		char *mark = w == WORD_NETWORK ? strrchr(word, ':') : strchr(word, '=');
		const char *target = mark ? mark + 1 : word;

		if (!*target || mark == word)
			return wrong(p, w, w == WORD_NETWORK ? "it is NIC:NETWORK,..." :
							       "it is NIC=KIND:TARGET,...");
		if (mark)
			*mark = '\0';
		if (add_map(p->c, mark ? word : NULL, kind, target) < 0)
			return err_nomem(p->err);
	}
	return 0;
}

static int read_machine(const struct parser *p)
{
	int r = 0;

	if (value(p, WORD_NAME) && !text_name_valid(value(p, WORD_NAME)))
		return wrong(p, WORD_NAME, "a name is 1 to 63 letters, digits, dots, dashes or "
					   "underscores");
	if (value(p, WORD_NAME))
		r = copy(p, WORD_NAME, &p->c->name);
	if (r == 0 && value(p, WORD_DISKS))
		r = split(p, WORD_DISKS, "/dev/", &p->c->disks);
	if (r == 0 && value(p, WORD_INTERFACES))
		r = split(p, WORD_INTERFACES, "", &p->c->nics);
	if (r == 0)
		r = read_map(p, WORD_MAP);
	if (r == 0)
		r = read_map(p, WORD_NETWORK);
	if (r < 0)
		return r;
	if (value(p, WORD_VCPUS)) {
		p->c->vcpus = (uint32_t)number(value(p, WORD_VCPUS), PLAN_VCPUS_MAX);
		if (p->c->vcpus == 0)
			return wrong(p, WORD_VCPUS, "it is 1 to 255");
	}
	if (value(p, WORD_MEMORY) && (size_parse(value(p, WORD_MEMORY), &p->c->memory) < 0 ||
				      p->c->memory < PLAN_MEMORY_MIN))
		return wrong(p, WORD_MEMORY, "it is a size such as 4096M or 4G, at least 16M");
	return 0;
}

/* What goes into the settings of a shell has letters that a name has, and no others. */
static bool plain(const char *s)
{
	return *s != '-' && s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					"0123456789_.:-")] == '\0';
}

static int read_network(const struct parser *p)
{
	struct medium_cmdline *c = p->c;
	struct err e = ERR_INIT;
	char mac[18];

	if (!value(p, WORD_IP))
		c->ip.dhcp = true;
	else if (ipspec_add(&c->ip, value(p, WORD_IP), &e) < 0)
		return wrong(p, WORD_IP, e.text);
	if (value(p, WORD_VLAN)) {
		c->vlan = (unsigned int)number(value(p, WORD_VLAN), 4094);
		if (c->vlan == 0)
			return wrong(p, WORD_VLAN, "a VLAN is 1 to 4094");
	}
	if (!value(p, WORD_NIC))
		return 0;
	if (strlen(value(p, WORD_NIC)) > 17 || !plain(value(p, WORD_NIC)))
		return wrong(p, WORD_NIC, "this is neither a name nor an address of an interface");
	/* The kernel writes addresses in lower case. */
	c->link = strdup(ipspec_parse_mac(value(p, WORD_NIC), mac) ? mac : value(p, WORD_NIC));
	return c->link ? 0 : err_nomem(p->err);
}

static int add_option(const struct parser *p, const char *option, enum word w)
{
	if (!value(p, w))
		return 0;
	if (machine_strv_add(&p->c->options, option) < 0 ||
	    (*value(p, w) && machine_strv_add(&p->c->options, value(p, w)) < 0))
		return err_nomem(p->err);
	return 0;
}

/* What cold takes as it is; it looks at the rest of the values. */
static int read_options(const struct parser *p)
{
	CLEANUP(machine_strv_done) struct machine_strv force = { 0 };
	struct bandwidth b;
	struct err e = ERR_INIT;
	int r;

	if (value(p, WORD_HOST_KEY) && strncmp(value(p, WORD_HOST_KEY), "SHA256:", 7) != 0)
		return wrong(p, WORD_HOST_KEY, "it is SHA256:..., as p2v-server doctor prints it");
	if (value(p, WORD_BANDWIDTH) && bandwidth_parse(value(p, WORD_BANDWIDTH), &b, &e) < 0)
		return wrong(p, WORD_BANDWIDTH, e.text);
	if (value(p, WORD_RETRY_FOR) && !number(value(p, WORD_RETRY_FOR), 31536000))
		return wrong(p, WORD_RETRY_FOR, "it is a number of seconds");
	if (value(p, WORD_COMPRESSED) && *value(p, WORD_COMPRESSED))
		return wrong(p, WORD_COMPRESSED, "it takes no value");
	r = add_option(p, "--host-key", WORD_HOST_KEY);
	if (r == 0)
		r = add_option(p, "--bandwidth", WORD_BANDWIDTH);
	if (r == 0)
		r = add_option(p, "--level", WORD_LEVEL);
	if (r == 0)
		r = add_option(p, "--connections", WORD_CONNECTIONS);
	if (r == 0)
		r = add_option(p, "--compressed", WORD_COMPRESSED);
	if (r == 0)
		r = add_option(p, "--bad-sectors", WORD_BAD_SECTORS);
	if (r == 0)
		r = add_option(p, "--retry-for", WORD_RETRY_FOR);
	if (r == 0 && value(p, WORD_FORCE))
		r = split(p, WORD_FORCE, "", &force);
	for (size_t i = 0; r == 0 && i < force.n; i++)
		if (machine_strv_add(&p->c->options, "--force") < 0 ||
		    machine_strv_add(&p->c->options, force.v[i]) < 0)
			r = err_nomem(p->err);
	return r;
}

static int add_note(const struct parser *p, const char *text)
{
	return machine_strv_add(&p->c->notes, text) < 0 ? err_nomem(p->err) : 0;
}

static int read_mode(const struct parser *p)
{
	static const char *const modes[] = { "ask", "convert", "inventory", "shell", NULL };
	static const char *const posts[] = { "stay", "poweroff", "reboot", NULL };
	struct medium_cmdline *c = p->c;
	int r = c->server ? MEDIUM_CONVERT : MEDIUM_ASK;

	if (value(p, WORD_MODE))
		r = one_of(p, WORD_MODE, modes, "it is ask, convert, inventory or shell");
	if (r < 0)
		return r;
	c->mode = (enum medium_mode)r;
	if (c->mode == MEDIUM_CONVERT && !c->server)
		return wrong(p, WORD_MODE, "p2v.server=HOST must say where to");
	r = value(p, WORD_POST) ?
		    one_of(p, WORD_POST, posts, "it is stay, poweroff or reboot; no commands are "
						"run from a kernel command line") :
		    MEDIUM_STAY;
	if (r < 0)
		return r;
	c->post = (enum medium_post)r;
	if (c->mode != MEDIUM_CONVERT || value(p, WORD_HOST_KEY))
		return 0;
	/* Without it anybody could be that server, and nobody is there to say no. */
	c->mode = MEDIUM_ASK;
	return add_note(p, "p2v.host-key is missing (p2v-server doctor prints it): somebody must "
			   "compare the server's key here");
}

int medium_cmdline_parse(const char *text, struct medium_cmdline *ret, struct err *err)
{
	CLEANUP(medium_cmdline_done) struct medium_cmdline c = { 0 };
	struct parser p = { .c = &c, .err = err };
	int r = words_read(text, &p.words, &c.notes, err);

	if (r == 0)
		r = read_server(&p);
	if (r == 0)
		r = read_machine(&p);
	if (r == 0)
		r = read_network(&p);
	if (r == 0)
		r = read_options(&p);
	if (r == 0)
		r = read_mode(&p);
	words_done(&p.words);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct medium_cmdline){ 0 };
	return 0;
}

void medium_cmdline_done(struct medium_cmdline *c)
{
	for (size_t i = 0; i < c->nmap; i++) {
		free(c->map[i].nic);
		free(c->map[i].connect);
	}
	free(c->map);
	free(c->server);
	free(c->name);
	free(c->link);
	machine_strv_done(&c->options);
	machine_strv_done(&c->disks);
	machine_strv_done(&c->nics);
	machine_strv_done(&c->notes);
	*c = (struct medium_cmdline){ 0 };
}

bool medium_cmdline_wants_plan(const struct medium_cmdline *c)
{
	return c->nmap > 0 || c->nics.n > 0 || c->vcpus > 0 || c->memory > 0;
}
