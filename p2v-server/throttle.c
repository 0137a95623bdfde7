/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-server/throttle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/rate_limit.h"

#define FILE_NAME	"throttle"
#define FILE_MAX	64

int throttle_parse(const char *text, struct throttle *ret)
{
	struct throttle t = { .mode = PROTO_THROTTLE_OWN };
	int r;

	if (strcmp(text, "own") != 0) {
		r = rate_limit_parse(text, &t.rate);
		if (r < 0)
			return r;
		t.mode = t.rate ? PROTO_THROTTLE_RATE : PROTO_THROTTLE_NONE;
	}
	*ret = t;
	return 0;
}

const char *throttle_format(const struct throttle *t, char buf[static THROTTLE_TEXT_MAX])
{
	char rate[RATE_LIMIT_TEXT_MAX];

	snprintf(buf, THROTTLE_TEXT_MAX, "%s", t->mode == PROTO_THROTTLE_OWN ?
		 "as the agent was told" : rate_limit_format(t->rate, rate));
	return buf;
}

int throttle_read(int jobfd, struct throttle *ret, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	struct throttle own = { .mode = PROTO_THROTTLE_OWN };
	size_t len;
	int r;

	r = fdio_read_file_at(jobfd, FILE_NAME, FILE_MAX, &text, &len, err);
	if (r == -ENOENT) {
		if (err)
			err_reset(err);
		*ret = own;
		return 0;
	}
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (throttle_parse(text, ret) < 0)
		return err_set(err, EBADMSG, "the job's file " FILE_NAME " is not understood");
	return 0;
}

int throttle_write(int jobfd, const struct throttle *t, struct err *err)
{
	char text[FILE_MAX];

	if (t->mode == PROTO_THROTTLE_OWN) {
		if (unlinkat(jobfd, FILE_NAME, 0) < 0 && errno != ENOENT)
			return err_errno(err, "cannot remove the job's file " FILE_NAME);
		return 0;
	}
	if (t->mode == PROTO_THROTTLE_NONE)
		snprintf(text, sizeof(text), "max\n");
	else
		snprintf(text, sizeof(text), "%" PRIu64 "\n", t->rate);
	return fdio_replace_file_at(jobfd, FILE_NAME, text, strlen(text), 0600, err);
}

bool throttle_changed(int jobfd, struct throttle_watch *w)
{
	struct throttle_watch now = { .ino = 0 };
	struct stat st;
	bool changed;

	if (fstatat(jobfd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = (struct throttle_watch){ .mtime = st.st_mtim, .ino = st.st_ino };
	changed = now.ino != w->ino || now.mtime.tv_sec != w->mtime.tv_sec ||
		  now.mtime.tv_nsec != w->mtime.tv_nsec;
	*w = now;
	return changed;
}
