/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The subcommands of p2v-server: each returns an exit status (common/opts.h). Tables are in their
 * files.
 */
#ifndef P2V_SERVER_COMMANDS_H
#define P2V_SERVER_COMMANDS_H

#include "common/program.h"

extern const struct opt receive_opts[], list_opts[], show_opts[], verify_opts[], finish_opts[],
	define_opts[], doctor_opts[], throttle_opts[], cutover_opts[];
extern const struct opt takeover_opts[];
extern const struct program server_program;

/* --store, else P2V_STORE, else the default. */
const char *server_store(void);

int receive_run(int argc, char **argv);
int list_run(int argc, char **argv);
int show_run(int argc, char **argv);
int throttle_run(int argc, char **argv);
int cutover_run(int argc, char **argv);
int takeover_run(int argc, char **argv);
int verify_run(int argc, char **argv);
int finish_run(int argc, char **argv);
int define_run(int argc, char **argv);
int doctor_run(int argc, char **argv);

/* Log the error (if any) and give the exit status for a return value. */
int server_exit(int code, const struct err *err);

#endif
