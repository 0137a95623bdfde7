/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-server: the far end of the agent's channel, and what is done with what came. Only tables. */
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "p2v-server/commands.h"
#include "p2v-server/job.h"

struct server_globals {
	struct program_globals program;
	const char *store;
};

static struct server_globals globals;

static const struct opt global_opts[] = {
	{ "store", 0, "DIR", "folder of the jobs (default: $P2V_STORE or " JOB_STORE_DEFAULT ")",
	  OPT_STR, offsetof(struct server_globals, store) },
	PROGRAM_GLOBAL_OPTS,
	{ 0 }
};

static const struct subcommand commands[] = {
	{ "receive", "[--job NAME] [--job-prefix PREFIX]",
	  "take a machine's disks from an agent on stdin and stdout", receive_opts, receive_run },
	{ "list", "[--json]", "list the jobs", list_opts, list_run },
	{ "show", "NAME [--json]", "show one job", show_opts, show_run },
	{ "throttle", "NAME [RATE|max|own]", "limit how fast a running copy sends", throttle_opts,
	  throttle_run },
	{ "takeover", "NAME", "finish, define, start, and see whether the virtual machine serves",
	  takeover_opts, takeover_run },
	{ "cutover", "NAME", "have a live machine come to rest, and its copy finished",
	  cutover_opts, cutover_run },
	{ "verify", "NAME", "read the images back and compare them with what was sent", verify_opts,
	  verify_run },
	{ "finish", "NAME [--dry-run] [--map NIC=TARGET]...",
	  "fix the guest, write its XML and the report", finish_opts, finish_run },
	{ "define", "NAME [--connect URI]", "define the virtual machine in libvirt", define_opts,
	  define_run },
	{ "doctor", "[--json]", "check this host and say what to install", doctor_opts,
	  doctor_run },
	{ 0 }
};

const struct program server_program = {
	.name = "p2v-server",
	.description = "Receive physical machines' disks as verified images and turn them into "
		       "virtual machines.",
	.global_opts = global_opts,
	.globals = &globals.program,
	.commands = commands,
};

const char *server_store(void)
{
	const char *env = getenv("P2V_STORE");

	return globals.store ? globals.store : env && *env ? env : JOB_STORE_DEFAULT;
}

int server_exit(int code, const struct err *err)
{
	if (code >= 0)
		return EXIT_DONE;
	log_err(err);
	return code == -ECANCELED ? EXIT_CANCELLED : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	return program_main(&server_program, argc, argv);
}
