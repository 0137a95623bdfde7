/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See fix_case.h. */
#include "tests/lib/fix_case.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/spawn.h"
#include "inventory/machine_json.h"
#include "tests/lib/guest_tree.h"
#include "tests/lib/tree.h"
#include "tests/lib/unit.h"

static char *read_text(const char *path)
{
	char *text = NULL;
	size_t n;

	return fdio_read_file(path, (size_t)16 << 20, &text, &n, NULL) < 0 ? NULL : text;
}

static void add(const char **list, const char *word)
{
	size_t n = 0;

	while (list[n])
		n++;
	ck_assert_uint_lt(n, FIX_CASE_WORDS);
	list[n] = word;
}

/* NAME=VALUE of an interface, in place. */
static void add_nic(struct fix_case *c, char *text, bool is_mac)
{
	char *eq = strchr(text, '=');
	struct fix_nic_change *n = &c->nics[c->nnics];

	ck_assert(eq && c->nnics < FIX_CASE_WORDS);
	*eq = '\0';
	n->name = text;
	if (is_mac) {
		n->mac = eq + 1;
	} else {
		c->addresses[c->nnics][0] = eq + 1;
		n->addresses = c->addresses[c->nnics];
	}
	c->nnics++;
}

static void read_options(struct fix_case *c, const char *path)
{
	char *save = NULL;

	c->text = read_text(path);
	for (char *l = c->text ? strtok_r(c->text, "\n", &save) : NULL; l;
	     l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "only ", 5) == 0)
			add(c->only, l + 5);
		else if (strncmp(l, "skip ", 5) == 0)
			add(c->skip, l + 5);
		else if (strncmp(l, "set ", 4) == 0)
			add(c->set, l + 4);
		else if (strcmp(l, "flatten") == 0)
			c->flatten = true;
		else if (strncmp(l, "mac ", 4) == 0)
			add_nic(c, l + 4, true);
		else if (strncmp(l, "ip ", 3) == 0)
			add_nic(c, l + 3, false);
		else if (*l != '#')
			ck_abort_msg("%s: not understood: %s", path, l);
	}
}

static struct machine *read_machine(const char *path)
{
	CLEANUP(mem_free) char *text = read_text(path);
	CLEANUP(json_unref) json_t *json = NULL;
	struct machine *m = NULL;
	struct err e = ERR_INIT;

	if (!text)
		return NULL;
	ck_assert_msg(jsonx_parse(text, strlen(text), path, &json, &e) >= 0, "%s", e.text);
	ck_assert_msg(machine_from_json(json, &m, &e) >= 0, "%s: %s", path, e.text);
	return m;
}

void fix_case_make(struct fix_case *c, const char *spec)
{
	char stem[256], path[300];
	struct err e = ERR_INIT;

	*c = (struct fix_case){ .dir = "/tmp/p2v-tree.XXXXXX" };
	snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(spec) - strlen(".tree")), spec);
	snprintf(c->name, sizeof(c->name), "%s", strrchr(stem, '/') + 1);
	ck_assert_ptr_nonnull(mkdtemp(c->dir));
	snprintf(c->root, sizeof(c->root), "%s/guest", c->dir);
	ck_assert_int_eq(mkdir(c->root, 0755), 0);
	ck_assert_msg(tree_make(spec, c->root, &e) >= 0, "%s", e.text);
	snprintf(path, sizeof(path), "%s.machine.json", stem);
	c->machine = read_machine(path);
	snprintf(path, sizeof(path), "%s.options", stem);
	read_options(c, path);
	snprintf(c->runner, sizeof(c->runner), "%s.run", stem);
	if (access(c->runner, R_OK) != 0)
		snprintf(c->runner, sizeof(c->runner), "tests/trees/run");
}

void fix_case_done(struct fix_case *c)
{
	char command[200];

	snprintf(command, sizeof(command), "chmod -R u+rwX %s; rm -rf %s", c->dir, c->dir);
	ck_assert_int_eq(system(command), 0);
	machine_free(c->machine);
	free(c->text);
}

int fix_case_run(const struct fix_case *c, bool dry_run, struct fix_report **ret, struct err *err)
{
	CLEANUP(guest_free) struct guest *guest = NULL;
	struct fix_options opt = {
		.machine = c->machine,
		.dry_run = dry_run,
		.only = c->only,
		.skip = c->skip,
		.set = c->set,
		.nics = c->nics,
		.nnics = c->nnics,
		.flatten_bonds = c->flatten,
	};
	int r = guest_tree_open(c->root, c->machine, c->runner, &guest, err);

	ck_assert_msg(r >= 0, "%s", err->text);
	return fix_guest(&opt, guest, ret, err);
}

/* Every name, kind, mode and content below dir, as one digest. */
void fix_case_digest(const char *dir, char hex[static 65])
{
	CLEANUP(spawn_result_done) struct spawn_result res = { 0 };
	char script[] = "cd \"$1\" && { find . -printf '%P %y %m %l\\n'; "
			"find . -type f -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum";
	char sh[] = "sh", c[] = "-c";
	char *const argv[] = { sh, c, script, sh, (char *)(uintptr_t)dir, NULL };
	struct err e = ERR_INIT;

	ck_assert_msg(spawn_run(argv, NULL, 0, 60, 4096, &res, &e) >= 0, "%s", e.text);
	ck_assert_int_eq(res.status, 0);
	snprintf(hex, 65, "%.64s", res.out);
}
