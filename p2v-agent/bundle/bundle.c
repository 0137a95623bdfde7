/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's side of the bundle: back to how the caller started it. */
#include "p2v-agent/bundle/bundle.h"

#include <nss.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "common/compiler.h"
#include "common/spawn.h"

static char **callers;		/* environment; it has to stay as long as there are children */

static void close_all(const char *fds)
{
	char *end;

	for (long fd = strtol(fds, &end, 10); end != fds; fd = strtol(fds, &end, 10)) {
		if (fd > STDERR_FILENO)
			close((int)fd);
		fds = *end == ',' ? end + 1 : end;
	}
}

/* Is this line of the environment set by the launcher, not by the caller? */
static bool is_ours(const char *line)
{
	static const char *const names[] = {
		BUNDLE_FDS "=", "OPENSSL_CONF=", "OPENSSL_MODULES=", "OPENSSL_ENGINES=",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* The lines stay those of environ, which is not changed any more but by unsetenv(). */
static void give_back_environment(void)
{
	size_t n = 0, saved = strlen(BUNDLE_SAVED);
	char **caller;

	while (environ[n])
		n++;
	caller = calloc(n + 1, sizeof(*caller));
	if (!caller)
		return;
	n = 0;
	for (char **line = environ; *line; line++) {
		if (strncmp(*line, BUNDLE_SAVED, saved) == 0)
			caller[n++] = *line + saved;
		else if (!is_ours(*line))
			caller[n++] = *line;
	}
	spawn_environment(caller);
	free(callers);
	callers = caller;
}

void bundle_begin(void)
{
	const char *fds = getenv(BUNDLE_FDS);

	if (!fds)
		return;
	close_all(fds);
	give_back_environment();
	/* The name of a program that was run by its descriptor is a number. */
	prctl(PR_SET_NAME, "p2v-agent");
	/* The host's nsswitch.conf may name modules that are for another C library than ours. */
	__nss_configure_lookup("hosts", "files dns");
	__nss_configure_lookup("passwd", "files");
	__nss_configure_lookup("group", "files");
	__nss_configure_lookup("services", "files");
}
