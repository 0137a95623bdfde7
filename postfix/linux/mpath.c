/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "postfix/linux/mpath.h"

#include <string.h>
#include <strings.h>

#include "common/compiler.h"
#include "common/text.h"
#include "postfix/linux/lines.h"

void mpath_names_done(struct mpath_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		free(names->v[i].alias);
		free(names->v[i].wwid);
	}
	free(names->v);
	*names = (struct mpath_names){ 0 };
}

/* It becomes part of a path. */
static bool is_plain(struct span w)
{
	return w.len && w.len < 128 && *w.s != '.' && !memchr(w.s, '/', w.len);
}

static int add(struct mpath_names *names, struct span alias, struct span wwid)
{
	struct mpath_name *slot;

	if (!is_plain(alias) || !is_plain(wwid))
		return 0;
	slot = machine_grow(&names->v, &names->n, sizeof(*names->v));
	if (!slot)
		return -ENOMEM;
	slot->alias = lines_span_dup(alias);
	slot->wwid = lines_span_dup(wwid);
	return slot->alias && slot->wwid ? 0 : -ENOMEM;
}

int mpath_read_bindings(const char *text, struct mpath_names *ret)
{
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		const char *p = l.s;
		struct span alias, wwid;

		if (!lines_is_comment(&l, "#") && lines_word(&p, l.s + l.len, &alias) &&
		    lines_word(&p, l.s + l.len, &wwid) && add(ret, alias, wwid) < 0)
			return -ENOMEM;
	}
	return 0;
}

static struct span unquote(struct span w)
{
	if (w.len >= 2 && *w.s == '"' && w.s[w.len - 1] == '"')
		return (struct span){ w.s + 1, w.len - 2 };
	return w;
}

int mpath_read_conf(const char *text, struct mpath_names *ret)
{
	struct span wwid = { NULL, 0 }, alias = { NULL, 0 };
	const char *pos = text;
	struct line l;

	while (lines_next(&pos, &l)) {
		const char *p = l.s, *end = l.s + l.len;
		struct span w, value;

		if (lines_is_comment(&l, "#!"))
			continue;
		while (lines_word(&p, end, &w)) {
			if (lines_span_is(w, "wwid") && lines_word(&p, end, &value)) {
				wwid = unquote(value);
			} else if (lines_span_is(w, "alias") && lines_word(&p, end, &value)) {
				alias = unquote(value);
			} else if (*w.s == '{' || *w.s == '}' || w.s[w.len - 1] == '{') {
				wwid = alias = (struct span){ NULL, 0 };
			}
			if (wwid.s && alias.s) {
				if (add(ret, alias, wwid) < 0)
					return -ENOMEM;
				wwid = alias = (struct span){ NULL, 0 };
			}
		}
	}
	return 0;
}

static const char *behind(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncasecmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* "0x6005...", "naa.6005..." and "wwn-0x6005..." are what a WWID is behind its first digit. */
static bool same_wwn(const char *wwn, const char *wwid)
{
	static const char *const prefixes[] = { "/dev/disk/by-id/wwn-", "wwn-", "naa.", "0x" };
	const char *p;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if ((p = behind(wwn, prefixes[i])))
			wwn = p;
	return *wwid && (strcasecmp(wwn, wwid) == 0 || strcasecmp(wwn, wwid + 1) == 0);
}

bool mpath_is_disk(const struct machine_disk *d, const char *wwid)
{
	static const char *const links[] = { "/dev/disk/by-id/scsi-",
					     "/dev/disk/by-id/dm-uuid-mpath-",
					     "/dev/disk/by-id/nvme-" };
	const char *id;

	if ((d->wwn && same_wwn(d->wwn, wwid)) || (d->serial && strcasecmp(d->serial, wwid) == 0))
		return true;
	for (size_t i = 0; i < d->aliases.n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(links); k++) {
			id = behind(d->aliases.v[i], links[k]);
			if (id && strcasecmp(id, wwid) == 0)
				return true;
		}
		if (behind(d->aliases.v[i], "/dev/disk/by-id/wwn-") &&
		    same_wwn(d->aliases.v[i], wwid))
			return true;
	}
	return false;
}
