/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent in one file, for machines on which nothing is installed: `make agent-bundle`.
 *
 *	launcher (static)  + loader, p2v-agent and its libraries, each packed by zstd
 *	   | unpacks them into memory files, which have descriptors and no names
 *	   '-> execs the loader, which takes the agent and all libraries by /proc/self/fd/N
 *
 * The launcher is a program of its own (launcher.c); tools/agent-bundle generates the table of what
 * is packed behind it. The agent is the same program as ever, and undoes at its start what the
 * launcher had to do (bundle_begin): it closes the descriptors, which have served once all is
 * loaded, and what it starts gets the environment that the caller gave.
 *
 * The two speak by the environment, as the loader stands between them.
 */
#ifndef P2V_AGENT_BUNDLE_BUNDLE_H
#define P2V_AGENT_BUNDLE_BUNDLE_H

#include <stddef.h>

/* Decimal descriptors of the memory files, separated by commas: bundle_begin() closes them. */
#define BUNDLE_FDS "P2V_BUNDLE_FDS"
/*
 * Before the name of each variable that would have led the loader or a library to something of the
 * host's, and that was taken away.
 */
#define BUNDLE_SAVED "P2V_BUNDLE_WAS_"

/* What the launcher sets for the libraries; the caller's own are among the saved. */
#define BUNDLE_NOWHERE "/proc/no-such-folder"

/* A packed file, a zstd frame that knows its content's size. */
struct bundle_file {
	const char *name;
	const unsigned char *start, *end;
};

/*
 * The launcher's table, generated: the loader, the agent, then the libraries in the order in which
 * the loader would search them.
 */
extern const struct bundle_file bundle_files[];
extern const size_t bundle_count;

/*
 * In the agent, before anything else and before there is a second thread. Does nothing when the
 * launcher has not been here. Never fails: for want of memory, what is started gets the environment
 * as it is.
 */
void bundle_begin(void);

#endif
