/* SPDX-License-Identifier: GPL-3.0-or-later */
/* p2v-agent: the program on the machine that is converted. Only tables. */
#include "p2v-agent/bundle/bundle.h"
#include "p2v-agent/commands.h"

static struct program_globals globals;

static const struct opt global_opts[] = {
	PROGRAM_GLOBAL_OPTS,
	{ 0 }
};

static const struct subcommand commands[] = {
	{ "inventory", "[--json] [--sysroot DIR]", "show what this machine is", inventory_opts,
	  inventory_run },
	{ "check", "[--json] [--disk PATH]... [--hot]",
	  "say what would go wrong with the conversion", check_opts, check_cmd_run },
	{ "plan", "[--name NAME] [--check FILE] [--schema]",
	  "write down what is to become of this machine", plan_opts, plan_run },
	{ "cold", "--server USER@HOST [--disk PATH]...",
	  "copy the disks of a machine that is not in use", cold_opts, cold_run },
	{ "hot", "--server USER@HOST [--cutover WHEN] [--then WHAT]",
	  "copy a machine that goes on serving, up to one moment", hot_opts, hot_run },
	{ "map", "[--json] [--png FILE] DISK...", "show which parts of the disks are used",
	  map_opts, map_run },
	{ "sample", "--ring FILE [--interval SECONDS] [--days N]",
	  "keep days of this machine's load, to size the virtual one by", sample_opts,
	  sample_run },
	{ "quiesce", "--plan|--try [--json] [--mount DIR]... [DISK]...",
	  "show how this machine would be brought to rest, or try it", quiesce_opts, quiesce_run },
	{ "track", "--test DURATION | --status | --remove [--json] [DISK...]",
	  "try the tracker of changes on the disks, or show it", track_opts, track_run },
	{ "medium", "--settings|--convert [--identity KEY]",
	  "do what the kernel command line of the bootable medium asks for", medium_opts,
	  medium_run },
	{ 0 }
};

const struct program agent_program = {
	.name = "p2v-agent",
	.description = "Convert this machine to a virtual one: look at it, and stream its disks to "
		       "a p2v-server.",
	.global_opts = global_opts,
	.globals = &globals,
	.commands = commands,
};

int main(int argc, char **argv)
{
	bundle_begin();
	return program_main(&agent_program, argc, argv);
}
