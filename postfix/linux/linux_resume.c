/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Row "resume": where initramfs-tools looks for a hibernation image. */
#include "postfix/linux/linux_rows.h"
#include "postfix/linux/etctext.h"

static int resume(struct fixer *f, const char *path, const char *text, char **ret)
{
	(void)path;
	return etctext_resume(text, &f->guest->map, ret);
}

int linux_resume_detect(struct fixer *f, struct err *err)
{
	int r = fixer_rewrite_all(f, "/etc/initramfs-tools/conf.d", "*", resume, err);

	if (r >= 0)
		r = fixer_rewrite(f, "/etc/initramfs-tools/initramfs.conf", resume, err);
	return r < 0 ? r : 0;
}
