/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Row "network-mentions": names are pinned, so what mentions them stays right; but members of a
 * bond that is flattened are gone, as is hardware that a virtual machine has not, and so are old
 * addresses when new ones were asked for. Files that mention those (postfix/data/netfiles.tbl) are
 * told, not changed: what they mean by it is the administrator's to say.
 *
 * Row "network-cloud-init": cloud-init writes the network's settings anew when it takes the machine
 * for a new one. It is told not to.
 */
#include "postfix/linux/linux_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "common/compiler.h"
#include "common/tables.h"
#include "postfix/linux/net_etc.h"

static int look(struct fixer *f, const char *path, const char *reason)
{
	struct machine_strv found = { 0 };
	CLEANUP(strbuf_done) struct strbuf list = { 0 };
	CLEANUP(mem_free) char *text = NULL;
	int r = 0;

	if (guest_edit_read(&f->edits, path, &text, NULL) < 0)
		return 0;
	r = net_etc_mentions(text, f->net, &found);
	for (size_t i = 0; i < found.n; i++) {
		strbuf_addf(&list, "%s%s", i ? ", " : "", found.v[i]);
		free(found.v[i]);
	}
	free(found.v);
	if (r < 0 || list.failed)
		return -ENOMEM;
	return list.len ? fixer_warn(f, "%s (%s) mentions what is gone: %s", path, reason, list.s)
			: 0;
}

/* The pattern is in the last component only. */
static int look_all(struct fixer *f, const struct tables_row *row)
{
	const char *slash = strrchr(row->pattern, '/');
	CLEANUP(guest_strings_free) char **names = NULL;
	char dir[128];
	int r = 0;

	if (!slash || (size_t)(slash - row->pattern) >= sizeof(dir))
		return 0;
	if (!strpbrk(slash, "*?["))
		return look(f, row->pattern, row->reason);
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - row->pattern), row->pattern);
	names = guest_list(f->guest, dir, NULL);
	for (size_t i = 0; names && names[i] && r >= 0; i++) {
		CLEANUP(mem_free) char *path = NULL;

		if (fnmatch(slash + 1, names[i], FNM_PERIOD) != 0)
			continue;
		path = text_format("%s/%s", dir, names[i]);
		r = path ? look(f, path, row->reason) : -ENOMEM;
	}
	return r;
}

int linux_network_mentions_detect(struct fixer *f, struct err *err)
{
	int r = linux_network_plan(f, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < tables_netfiles_count; i++)
		if (look_all(f, &tables_netfiles[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* "network: {config: disabled}" in any way of writing it on one or two lines. */
static bool is_disabled(const char *text)
{
	const char *p = strstr(text, "network:");

	for (; p; p = strstr(p + 1, "network:")) {
		const char *q = p + 8 + strspn(p + 8, " \t\n{");

		if ((p == text || p[-1] == '\n') && strncmp(q, "config:", 7) == 0 &&
		    strncmp(q + 7 + strspn(q + 7, " \t"), "disabled", 8) == 0)
			return true;
	}
	return false;
}

int linux_network_cloud_detect(struct fixer *f, struct err *err)
{
	static const char dir[] = "/etc/cloud/cloud.cfg.d";
	static const char path[] = "/etc/cloud/cloud.cfg.d/99-p2v-network.cfg";
	CLEANUP(guest_strings_free) char **names = NULL;

	if (!guest_is_file(f->guest, "/etc/cloud/cloud.cfg") ||
	    guest_edit_exists(&f->edits, "/etc/cloud/cloud-init.disabled"))
		return 0;
	names = guest_list(f->guest, dir, NULL);
	for (size_t i = 0; names && names[i]; i++) {
		CLEANUP(mem_free) char *file = text_format("%s/%s", dir, names[i]), *text = NULL;

		if (!file)
			return err_nomem(err);
		if (guest_edit_read(&f->edits, file, &text, NULL) == 0 && is_disabled(text))
			return 0;
	}
	return guest_edit_write(&f->edits, path,
				"# The network's settings are those of the physical machine.\n"
				"network: {config: disabled}\n", 0644, err);
}
