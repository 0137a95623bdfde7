/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a verified replica to a virtual machine: overlays, guest fixes, vmspec, domain XML, report.
 * Can be run again at any time; each run starts from the replica. What the plan of the job decides
 * is done (finish_plan.h), and options overrule it.
 */
#ifndef P2V_SERVER_FINISH_H
#define P2V_SERVER_FINISH_H

#include "common/opts.h"
#include "p2v-server/job.h"

struct finish_options {
	bool dry_run, restore, no_fix, json, list_fixes, document;
	bool fast;  /* append to initramfs images, do not make them anew */
	bool force; /* throw away what a virtual machine wrote to the overlays */
	struct opt_list skip, only, set, maps, keys;
	struct opt_list ips, macs;	/* NIC=... of --ip and --mac */
	const char *inject;		/* folder with a guest agent's package */
	const char *nvram;		/* source, fresh; NULL: source */
	bool nvram_fresh;		/* by nvram */
	const char *accel;		/* auto, kvm, tcg */
	const char *virtio_win;		/* see postfix/fix.h */
	const char *bond;		/* keep, flatten; NULL: the plan's, else keep */
	const char *plan;		/* file: in place of the job's plan, and kept */
	const char *domain_name;	/* NULL: the plan's, else the job's name */
	uint64_t memory, vcpus;		/* 0: the plan's, else the machine's */
};

/*
 * The job as it was copied: what finish made is removed. -EBUSY when a virtual machine has run on
 * it. The job is locked; saves it.
 */
int finish_restore(struct job *j, struct err *err);
/* The job is locked and verified. Saves it. */
int finish_job(struct job *j, const struct finish_options *opt, struct err *err);

#endif
