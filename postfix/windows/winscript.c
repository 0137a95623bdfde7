/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/windows/winscript.h"

#include <errno.h>
#include <string.h>

#include "common/text.h"

/* pnputil has /add-driver since Windows 10 1607, -i -a since Vista, and is not there before. */
static const char *drivers_word(unsigned int major, unsigned int build)
{
	if (major < 6)
		return "device_path";
	return major >= 10 && build >= 14393 ? "add_driver" : "install";
}

/* PowerShell is there since Windows 7; the script falls back where it was not installed. */
static const char *network_word(unsigned int major, unsigned int minor)
{
	return major > 6 || (major == 6 && minor >= 1) ? "ps1" : "vbs";
}

int winscript_firstboot_for(unsigned int major, unsigned int minor, unsigned int build, char **ret)
{
	CLEANUP(strbuf_done) struct strbuf out = { 0 };
	const char *p = winscript_firstboot, *mark;
	char *text;

	while ((mark = strchr(p, '@')) != NULL) {
		const char *word = NULL;
		size_t n = 0;

		if (strncmp(mark, "@DRIVERS@", 9) == 0) {
			word = drivers_word(major, build);
			n = 9;
		} else if (strncmp(mark, "@NETWORK@", 9) == 0) {
			word = network_word(major, minor);
			n = 9;
		}
		strbuf_addn(&out, p, (size_t)(mark - p) + (word ? 0 : 1));
		if (word)
			strbuf_add(&out, word);
		p = mark + (word ? n : 1);
	}
	strbuf_add(&out, p);
	text = strbuf_take(&out);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}
