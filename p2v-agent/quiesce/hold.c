/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "common/compiler.h"
#include "common/spawn.h"

#define OUTPUT_MAX	4096
#define TABLE		"p2v_hold"
#define CHAIN		"P2V_HOLD"

static const char *const words[] = {
	[HOLD_NONE] = "none", [HOLD_AUTO] = "auto", [HOLD_NFT] = "nft",
	[HOLD_IPTABLES] = "iptables", [HOLD_LINK] = "link",
};

int hold_intake_parse(const char *text, enum hold_intake *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], text) == 0) {
			*ret = (enum hold_intake)i;
			return 0;
		}
	return -EINVAL;
}

static bool is_address(const char *text, int family)
{
	unsigned char addr[16];

	return inet_pton(family, text, addr) == 1;
}

/* Not an option, and no more than these characters. */
static bool is_word(const char *text, const char *also)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	if (!text[0] || text[0] == '-')
		return false;
	for (; *text; text++)
		if (!strchr(plain, *text) && !strchr(also, *text))
			return false;
	return true;
}

static int odd(struct err *err, const char *what, const char *text)
{
	char shown[128];

	return err_set(err, EINVAL, "%s is no %s", text_escape_str(text, shown, sizeof(shown)),
		       what);
}

/* The status, or -errno. */
static int run(const char *const argv[], const char *input, unsigned int timeout_s,
	       char *why, size_t size, struct err *err)
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char *args[8];
	size_t n = 0;
	int r;

	for (; n < ARRAY_SIZE(args) - 1 && argv[n]; n++)
		args[n] = (char *)(uintptr_t)argv[n];
	args[n] = NULL;
	r = spawn_run(args, input, input ? strlen(input) : 0, timeout_s, OUTPUT_MAX, &res, err);
	if (r < 0)
		return r;
	text_escape(res.errtext, strcspn(res.errtext, "\n"), why, size);
	return res.status;
}

/* Is the program there at all? Not every iptables-restore knows this option, but all run. */
static bool there_is(const char *program)
{
	const char *argv[] = { program, "--version", NULL };
	char why[64];

	return run(argv, NULL, 10, why, sizeof(why), NULL) >= 0;
}

/* What closes the intake, by a program that is there. */
static int choose(enum hold_intake intake, enum hold_intake *ret, struct err *err)
{
	int r = 0;

	if (intake == HOLD_AUTO && there_is("nft"))
		intake = HOLD_NFT;
	if (intake == HOLD_AUTO && there_is("iptables-restore"))
		intake = HOLD_IPTABLES;
	if (intake == HOLD_AUTO)
		r = err_set(err, ENOENT, "neither nft nor iptables-restore is here to close the "
			    "intake");
	else if (intake == HOLD_NFT && !there_is("nft"))
		r = err_set(err, ENOENT, "nft is not here to close the intake");
	else if (intake == HOLD_IPTABLES && !there_is("iptables-restore"))
		r = err_set(err, ENOENT, "iptables-restore is not here to close the intake");
	if (r < 0)
		err_hint(err, "install it, or say --hold link and --link NAME, or --hold none");
	else
		*ret = intake;
	return r;
}

int hold_check(const struct hold_config *cfg, struct err *err)
{
	enum hold_intake how;

	for (size_t i = 0; i < cfg->npeers; i++)
		if (!is_address(cfg->peers[i], AF_INET) && !is_address(cfg->peers[i], AF_INET6))
			return odd(err, "IP address", cfg->peers[i]);
	for (size_t i = 0; i < cfg->nlinks; i++)
		if (!is_word(cfg->links[i], "._-@"))
			return odd(err, "name of a network interface", cfg->links[i]);
	for (size_t i = 0; i < cfg->nservices; i++)
		if (!is_word(cfg->services[i], "._-@:\\"))
			return odd(err, "name of a service", cfg->services[i]);
	if (cfg->intake == HOLD_LINK && cfg->nlinks == 0)
		return err_set(err, EINVAL, "no network interface is named to be taken down");
	return choose(cfg->intake, &how, err);
}

/*
 * Write down how it is undone, then do it. Where the deadman was faster, its command may have run
 * before this one was through: it is run again.
 */
static int step(struct deadman *d, const char *const undo[], const char *undo_input,
		const char *const apply[], const char *input, unsigned int timeout_s,
		struct err *err)
{
	char why[256] = "";
	int r, number;

	number = deadman_add(d, undo, undo_input, timeout_s, err);
	if (number < 0)
		return number;
	r = run(apply, input, timeout_s, why, sizeof(why), err);
	if (deadman_fired(d) != DEADMAN_NOT) {
		deadman_again(d, number, NULL);
		return err_set(err, ETIME, "the hold was lifted already: %s",
			       deadman_reason_text(deadman_fired(d)));
	}
	if (r > 0)
		return err_set(err, EIO, "%s %s failed with status %d%s%s", apply[0], apply[1], r,
			       why[0] ? ": " : "", why);
	return r;
}

static int close_nft(const struct hold_config *cfg, struct deadman *d, struct err *err)
{
	static const char *const undo[] = { "nft", "delete", "table", "inet", TABLE, NULL };
	static const char *const apply[] = { "nft", "-f", "-", NULL };
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	/* The first two lines take away what an earlier hold may have left. */
	strbuf_add(&b, "table inet " TABLE "\ndelete table inet " TABLE "\n"
		   "table inet " TABLE " {\n chain intake {\n"
		   "  type filter hook prerouting priority -400; policy accept;\n"
		   "  iifname \"lo\" accept\n"
		   "  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } "
		   "accept\n");
	for (size_t i = 0; i < cfg->npeers; i++)
		strbuf_addf(&b, "  %s saddr %s accept\n",
			    is_address(cfg->peers[i], AF_INET) ? "ip" : "ip6", cfg->peers[i]);
	strbuf_add(&b, "  drop\n }\n}\n");
	if (b.failed)
		return err_nomem(err);
	return step(d, undo, NULL, apply, b.s, cfg->timeout_s, err);
}

static int close_iptables(const struct hold_config *cfg, struct deadman *d, int family,
			  struct err *err)
{
	static const char undo_input[] = "*raw\n-D PREROUTING -j " CHAIN
					 "\n-F " CHAIN "\n-X " CHAIN "\nCOMMIT\n";
	const char *apply[] = { family == AF_INET ? "iptables-restore" : "ip6tables-restore",
			       "--noflush", NULL };
	const char *old[] = { family == AF_INET ? "iptables" : "ip6tables", "-t", "raw", "-D",
			      "PREROUTING", "-j", CHAIN, NULL };
	CLEANUP(strbuf_done) struct strbuf b = { 0 };
	char why[64];

	/* A second jump to the chain would keep it from being removed. Mostly there is none. */
	run(old, NULL, cfg->timeout_s, why, sizeof(why), NULL);
	strbuf_add(&b, "*raw\n:" CHAIN " - [0:0]\n-A " CHAIN " -i lo -j ACCEPT\n");
	if (family == AF_INET6)
		strbuf_add(&b, "-A " CHAIN " -p ipv6-icmp --icmpv6-type 134 -j ACCEPT\n"
			   "-A " CHAIN " -p ipv6-icmp --icmpv6-type 135 -j ACCEPT\n"
			   "-A " CHAIN " -p ipv6-icmp --icmpv6-type 136 -j ACCEPT\n");
	for (size_t i = 0; i < cfg->npeers; i++)
		if (is_address(cfg->peers[i], family))
			strbuf_addf(&b, "-A " CHAIN " -s %s -j ACCEPT\n", cfg->peers[i]);
	strbuf_add(&b, "-A " CHAIN " -j DROP\n-I PREROUTING 1 -j " CHAIN "\nCOMMIT\n");
	if (b.failed)
		return err_nomem(err);
	return step(d, apply, undo_input, apply, b.s, cfg->timeout_s, err);
}

static int close_links(const struct hold_config *cfg, struct deadman *d, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < cfg->nlinks; i++) {
		const char *undo[] = { "ip", "link", "set", "dev", cfg->links[i], "up", NULL };
		const char *apply[] = { "ip", "link", "set", "dev", cfg->links[i], "down", NULL };

		r = step(d, undo, NULL, apply, NULL, cfg->timeout_s, err);
	}
	return r;
}

static int close_intake(const struct hold_config *cfg, struct deadman *d,
			enum hold_intake *ret_used, struct err *err)
{
	enum hold_intake how;
	int r = choose(cfg->intake, &how, err);

	if (r < 0)
		return r;
	*ret_used = how;
	switch (how) {
	case HOLD_NFT:
		return close_nft(cfg, d, err);
	case HOLD_IPTABLES:
		r = close_iptables(cfg, d, AF_INET, err);
		/* A machine without IPv6 may have no tool for it, and needs none. */
		if (r == 0 && access("/proc/sys/net/ipv6", F_OK) == 0)
			r = close_iptables(cfg, d, AF_INET6, err);
		return r;
	case HOLD_LINK:
		return close_links(cfg, d, err);
	default:
		return 0;
	}
}

/* systemd says of itself that it runs by this folder (sd_booted(3)). */
static bool by_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* One that does not run is left alone, and is not started afterwards. */
static int stop_service(const struct hold_config *cfg, const char *name, struct deadman *d,
			struct err *err)
{
	const char *ask_systemd[] = { "systemctl", "is-active", "--quiet", name, NULL };
	const char *start_systemd[] = { "systemctl", "start", name, NULL };
	const char *stop_systemd[] = { "systemctl", "stop", name, NULL };
	const char *ask_init[] = { "service", name, "status", NULL };
	const char *start_init[] = { "service", name, "start", NULL };
	const char *stop_init[] = { "service", name, "stop", NULL };
	bool systemd = by_systemd();
	char why[64];
	int r;

	r = run(systemd ? ask_systemd : ask_init, NULL, cfg->timeout_s, why, sizeof(why), err);
	if (r != 0)
		return MIN(r, 0);
	return step(d, systemd ? start_systemd : start_init, NULL,
		    systemd ? stop_systemd : stop_init, NULL, cfg->timeout_s, err);
}

int hold_begin(const struct hold_config *cfg, struct deadman *d, enum hold_intake *ret_used,
	       struct err *err)
{
	enum hold_intake used = HOLD_NONE;
	int r = hold_check(cfg, err);

	if (r == 0)
		r = close_intake(cfg, d, &used, err);
	for (size_t i = 0; r == 0 && i < cfg->nservices; i++)
		r = stop_service(cfg, cfg->services[i], d, err);
	if (r == 0)
		*ret_used = used;
	return r;
}

int hold_lift(struct deadman *d, struct err *err)
{
	return deadman_undo(d, err);
}

void hold_by_hand(const struct hold_config *cfg, struct strbuf *b)
{
	if (cfg->intake == HOLD_NFT || cfg->intake == HOLD_AUTO)
		strbuf_add(b, "nft delete table inet " TABLE "\n");
	if (cfg->intake == HOLD_IPTABLES || cfg->intake == HOLD_AUTO)
		strbuf_add(b, "iptables -t raw -D PREROUTING -j " CHAIN "\n"
			   "ip6tables -t raw -D PREROUTING -j " CHAIN "\n");
	for (size_t i = 0; cfg->intake == HOLD_LINK && i < cfg->nlinks; i++)
		strbuf_addf(b, "ip link set dev %s up\n", cfg->links[i]);
	for (size_t i = cfg->nservices; i-- > 0;)
		strbuf_addf(b, by_systemd() ? "systemctl start %s\n" : "service %s start\n",
			    cfg->services[i]);
}
