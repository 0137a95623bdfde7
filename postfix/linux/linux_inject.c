/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/linux_inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/kernels.h"
#include "postfix/linux/pkglist.h"

#define POLICY	"/usr/sbin/policy-rc.d"

/* How each kind of package is put in and, when that went wrong half-way, out again. */
static const struct {
	enum pkglist_format format;
	const char *tools[3];
	const char *install, *remove;	/* the file in the guest goes behind install */
} managers[] = {
	{ PKGLIST_DEB, { "/usr/bin/dpkg", NULL },
	  "DEBIAN_FRONTEND=noninteractive dpkg -i", "dpkg --purge qemu-guest-agent" },
	{ PKGLIST_RPM, { "/usr/bin/rpm", "/bin/rpm", NULL },
	  "rpm -U --nosignature", NULL },
	{ PKGLIST_APK, { "/sbin/apk", NULL },
	  "apk add --no-network --allow-untrusted", NULL },
};

/* The guest's own: the first that is there. Debian has an rpm, too, so dpkg is asked first. */
static int manager_of(struct fixer *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(managers); i++)
		for (const char *const *t = managers[i].tools; *t; t++)
			if (guest_is_file(f->guest, *t))
				return (int)i;
	return -1;
}

int linux_inject_choose(struct fixer *f, char **ret, struct err *err)
{
	CLEANUP(dir_close) DIR *dir = opendir(f->opt->inject);
	CLEANUP(mem_free) char *best = NULL;
	int m = manager_of(f);
	struct dirent *e;

	*ret = NULL;
	if (!dir)
		return err_errno(err, "cannot open %s", f->opt->inject);
	if (m < 0) {
		fixer_say(f, "the guest has neither dpkg, rpm nor apk: no agent can be installed");
		return 0;
	}
	while ((e = readdir(dir))) {
		struct pkglist_file p;

		if (!pkglist_parse_file(e->d_name, &p) || p.format != managers[m].format ||
		    (strcmp(p.name, "qemu-guest-agent") != 0 && strcmp(p.name, "qemu-ga") != 0) ||
		    !pkglist_arch_fits(p.arch, f->guest->arch))
			continue;
		/* Names that begin alike: the version is what differs. */
		if (best && kernels_version_compare(best, e->d_name) >= 0)
			continue;
		free(best);
		best = strdup(e->d_name);
		if (!best)
			return err_nomem(err);
	}
	if (!best)
		fixer_say(f, "%s has no qemu-guest-agent package for this guest (%s)",
			  f->opt->inject, f->guest->arch);
	*ret = TAKE_PTR(best);
	return 0;
}

static int try_install(struct fixer *f, size_t m, const char *path, struct err *err)
{
	CLEANUP(mem_free) char *command = NULL;
	bool policy = managers[m].format == PKGLIST_DEB && !guest_is_file(f->guest, POLICY);
	static const char deny[] = "#!/bin/sh\nexit 101\n";
	struct err e = ERR_INIT;
	int r = 0;

	command = text_format("%s %s", managers[m].install, path);
	if (!command)
		return err_nomem(err);
	/* The package's scripts would start the agent, here in the appliance. */
	if (policy)
		r = guest_put(f->guest, POLICY, deny, sizeof(deny) - 1, 0755, err);
	if (r >= 0)
		r = guest_run(f->guest, command, NULL, err);
	if (r < 0 && managers[m].remove && guest_run(f->guest, managers[m].remove, NULL, &e) < 0)
		fixer_say(f, "could not be taken out again: %s", e.text);
	if (policy && guest_remove(f->guest, POLICY, &e) < 0 && r >= 0) {
		r = -e.code;
		*err = e;
	}
	return r;
}

int linux_inject_install(struct fixer *f, const char *file, struct err *err)
{
	CLEANUP(mem_free) char *from = text_format("%s/%s", f->opt->inject, file);
	CLEANUP(mem_free) char *to = text_format("/var/tmp/p2v-%s", file);
	CLEANUP(fd_close) int fd = -1;
	struct err e = ERR_INIT;
	int m = manager_of(f), r;

	if (!from || !to)
		return err_nomem(err);
	fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || m < 0)
		return err_errno(err, "cannot open %s", from);
	r = guest_put_fd(f->guest, to, fd, 0600, err);
	if (r >= 0)
		r = try_install(f, (size_t)m, to, err);
	if (guest_remove(f->guest, to, &e) < 0 && r >= 0)
		return err_set(err, e.code, "%s", e.text);
	if (r < 0) {
		err_prefix(err, "%s was not installed", file);
		return r;
	}
	fixer_say(f, "%s is installed", file);
	return guest_edit_rebuilt(&f->edits, guest_is_file(f->guest, "/usr/bin/qemu-ga") ?
				  "/usr/bin/qemu-ga" : "/usr/sbin/qemu-ga", err);
}
