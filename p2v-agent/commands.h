/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The subcommands of p2v-agent: each returns an exit status (common/opts.h). Tables are in their
 * files.
 */
#ifndef P2V_AGENT_COMMANDS_H
#define P2V_AGENT_COMMANDS_H

#include "common/program.h"

extern const struct opt inventory_opts[], plan_opts[], check_opts[], cold_opts[], map_opts[];
extern const struct opt sample_opts[], quiesce_opts[], track_opts[], hot_opts[];
extern const struct opt medium_opts[];
extern const struct program agent_program;

int inventory_run(int argc, char **argv);
int plan_run(int argc, char **argv);
int check_cmd_run(int argc, char **argv);
int cold_run(int argc, char **argv);
int hot_run(int argc, char **argv);
int map_run(int argc, char **argv);
int sample_run(int argc, char **argv);
int quiesce_run(int argc, char **argv);
int track_run(int argc, char **argv);
int medium_run(int argc, char **argv);

#endif
