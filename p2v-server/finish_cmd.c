/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server finish: options, and the state a job must be in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/ipspec.h"
#include "common/log.h"
#include "p2v-server/commands.h"
#include "p2v-server/decode.h"
#include "p2v-server/finish.h"
#include "p2v-server/finish_list.h"
#include "p2v-server/verify_cmd.h"
#include "postfix/fix.h"

#define OPT(field) offsetof(struct finish_options, field)

const struct opt finish_opts[] = {
	{ "dry-run", 'n', NULL,
	  "show what would be changed in the guest and why, with diffs; change nothing", OPT_FLAG,
	  OPT(dry_run) },
	{ "skip", 0, "ID", "do not make this fix; repeatable", OPT_LIST, OPT(skip) },
	{ "only", 0, "ID", "make only this fix; repeatable", OPT_LIST, OPT(only) },
	{ "set", 0, "KEY=VALUE",
	  "decide how a fix works, or make one that is off by default (ID=on); repeatable",
	  OPT_LIST, OPT(set) },
	{ "key", 'k', "DEVICE=FILE",
	  "open this encrypted device (sda3, /dev/vg/home, UUID=...) with the key in FILE, \"-\" "
	  "for standard input; repeatable",
	  OPT_LIST, OPT(keys) },
	{ "inject", 0, "DIR",
	  "install the guest agent from a package in this folder (.deb, .rpm, .apk)", OPT_STR,
	  OPT(inject) },
	{ "virtio-win", 0, "PATH",
	  "drivers for a Windows guest: virtio-win.iso, or a folder (default: $VIRTIO_WIN, else "
	  "/usr/share/virtio-win)",
	  OPT_STR, OPT(virtio_win) },
	{ "fast", 0, NULL,
	  "append drivers to each initramfs rather than make it anew: when seconds count",
	  OPT_FLAG, OPT(fast) },
	{ "no-fix", 0, NULL, "leave the guest as it is", OPT_FLAG, OPT(no_fix) },
	{ "list-fixes", 0, NULL, "list the fixes there are", OPT_FLAG, OPT(list_fixes) },
	{ "document", 0, NULL, "with --list-fixes: print docs/fixes.md", OPT_FLAG, OPT(document) },
	{ "plan", 'p', "FILE",
	  "use this plan instead of the one that came with the job, and keep it for later", OPT_STR,
	  OPT(plan) },
	{ "map", 'm', "NIC=KIND:TARGET",
	  "connect a NIC: eth0=bridge:br0, *=network:default, eth1=direct:eno2, eth2=none; "
	  "repeatable",
	  OPT_LIST, OPT(maps) },
	{ "mac", 0, "NIC=ADDRESS",
	  "give a NIC another Ethernet address: eth0=52:54:00:12:34:56; repeatable", OPT_LIST,
	  OPT(macs) },
	{ "ip", 0, "NIC=ADDRESSES",
	  "set new addresses in the guest: eth0=10.0.0.5/24,gw=10.0.0.1,dns=10.0.0.2, or "
	  "eth0=dhcp; repeatable",
	  OPT_LIST, OPT(ips) },
	{ "bond", 0, "keep|flatten",
	  "bonds and teams stay, with one member in use (default), or become one interface",
	  OPT_STR, OPT(bond) },
	{ "domain-name", 0, "NAME", "name of the virtual machine (default: the job's)", OPT_STR,
	  OPT(domain_name) },
	{ "memory", 0, "SIZE", "memory of the virtual machine (default: the machine's, exactly)",
	  OPT_SIZE, OPT(memory) },
	{ "vcpus", 0, "N", "virtual CPUs (default: the machine's topology)", OPT_U64, OPT(vcpus) },
	{ "nvram", 0, "source|fresh",
	  "UEFI variables: with the boot entries of the source (default), or blank", OPT_STR,
	  OPT(nvram) },
	{ "accel", 0, "auto|kvm|tcg", "how guests run on this host (default: found by trying)",
	  OPT_STR, OPT(accel) },
	{ "restore", 0, NULL, "remove the fixed overlays: back to the replica as it was copied",
	  OPT_FLAG, OPT(restore) },
	{ "force", 'f', NULL,
	  "throw away what a virtual machine has written to the overlays since the last finish",
	  OPT_FLAG, OPT(force) },
	{ "json", 'j', NULL, "with --dry-run or --list-fixes: print JSON", OPT_FLAG, OPT(json) },
	{ 0 }
};

static int print_list(const struct finish_options *o, struct err *err)
{
	if (o->document)
		finish_list_document();
	else if (o->json)
		return finish_list_json(err);
	else
		finish_list_text();
	return 0;
}

/* What is behind "NIC="; NULL and an error when there is no such thing. */
static const char *behind(const char *option, const char *text, struct err *err)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text || !eq[1]) {
		err_set(err, EINVAL, "--%s %s: NIC=%s is wanted", option, text,
			strcmp(option, "ip") == 0 ? "ADDRESSES" : "ADDRESS");
		return NULL;
	}
	return eq + 1;
}

/* Whether the machine has such a NIC is known later, in finish_plan.c. */
static int check_nics(const struct finish_options *o, struct err *err)
{
	for (size_t i = 0; i < o->macs.n; i++) {
		const char *text = behind("mac", o->macs.v[i], err);
		char mac[18];

		if (!text)
			return -EINVAL;
		if (!ipspec_parse_mac(text, mac))
			return err_set(err, EINVAL, "--mac %s: that is no address of a network "
						    "interface", o->macs.v[i]);
	}
	for (size_t i = 0; i < o->ips.n; i++) {
		const char *text = behind("ip", o->ips.v[i], err);
		struct ipspec ip = { 0 };

		if (!text)
			return -EINVAL;
		if (ipspec_add(&ip, text, err) < 0) {
			err_prefix(err, "--ip %.*s", (int)(text - o->ips.v[i]) - 1, o->ips.v[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int check_options(struct finish_options *o, struct err *err)
{
	int r;

	if (o->document)
		return err_set(err, EINVAL, "--document goes with --list-fixes");
	o->nvram_fresh = o->nvram && strcmp(o->nvram, "fresh") == 0;
	if (o->nvram && !o->nvram_fresh && strcmp(o->nvram, "source") != 0)
		return err_set(err, EINVAL, "--nvram is source or fresh");
	if (o->json && !o->dry_run)
		return err_set(err, EINVAL,
			       "--json goes with --dry-run; afterwards, p2v-server show NAME "
			       "--json has it all");
	if (o->restore && (o->dry_run || o->no_fix || o->plan))
		return err_set(err, EINVAL, "--restore goes alone");
	if (o->domain_name && !text_name_valid(o->domain_name))
		return err_set(err, EINVAL, "--domain-name %s is not a valid name", o->domain_name);
	for (size_t i = 0; i < o->set.n; i++)
		if (!strchr(o->set.v[i], '=') || o->set.v[i][0] == '=')
			return err_set(err, EINVAL, "--set %s: KEY=VALUE is wanted", o->set.v[i]);
	if (o->bond && strcmp(o->bond, "keep") != 0 && strcmp(o->bond, "flatten") != 0)
		return err_set(err, EINVAL, "--bond %s: it is keep or flatten", o->bond);
	r = check_nics(o, err);
	if (r < 0)
		return r;
	if (o->vcpus > 4096)
		return err_set(err, EINVAL, "--vcpus is at most 4096");
	return 0;
}

static int finish(const char *name, const struct finish_options *o, struct err *err)
{
	CLEANUP(job_free) struct job *j = NULL;
	int r;

	r = job_open(server_store(), name, JOB_LOCK_TRY, &j, err);
	if (r < 0)
		return r;
	if (j->state == JOB_DAMAGED)
		return err_set(err, EILSEQ,
			       "job %s is damaged: its image does not hold what was sent", name);
	if (j->resync)
		return err_set(err, EBUSY,
			       "job %s is being brought up to date: run p2v-agent cold --resync "
			       "to its end",
			       name);
	/* Nothing is changed before it is known to be whole. */
	if (j->state == JOB_RECEIVING) {
		r = verify_images(j, decode_threads_default(), err);
		if (r < 0)
			return r;
	}
	r = finish_job(j, o, err);
	if (r < 0 || o->dry_run)
		return r;
	for (size_t i = 0; i < j->warnings.n; i++)
		log_warning("%s", j->warnings.v[i]);
	if (o->restore) {
		log_notice("job %s is as it was copied", name);
	} else {
		log_notice("XML     %s/%s/%s", j->store, name, j->domain_xml);
		log_notice("report  %s/%s/%s", j->store, name, j->report_html);
		log_notice("next    p2v-server define %s", name);
	}
	return 0;
}

/* A slip in an option that only shows once the machine is known is a slip all the same. */
static int done(int r, const struct err *err)
{
	return r == -EDOM ? opts_usage_error(server_program.name, "finish", err) :
			    server_exit(r, err);
}

int finish_run(int argc, char **argv)
{
	struct finish_options o = { 0 };
	struct err err = ERR_INIT;
	int first, r;

	r = program_parse(&server_program, "finish", argc, argv, &o, -1, &first);
	if (r < 0 && o.list_fixes) {
		r = server_exit(print_list(&o, &err), &err);
	} else if (r < 0) {
		int bad = argc - first != 1
				  ? err_set(&err, EINVAL, "exactly one job NAME is wanted")
				  : check_options(&o, &err);

		r = bad < 0 ? opts_usage_error(server_program.name, "finish", &err)
			    : done(finish(argv[first], &o, &err), &err);
	}
	opt_list_done(&o.skip);
	opt_list_done(&o.only);
	opt_list_done(&o.set);
	opt_list_done(&o.maps);
	opt_list_done(&o.keys);
	opt_list_done(&o.macs);
	opt_list_done(&o.ips);
	return r;
}
