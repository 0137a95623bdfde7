/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fix-image [options] NAME=IMAGE...: run the fixes over images by hand.
 *
 *	--machine FILE	the recorded machine (JSON)
 *	--dry-run	detect only
 *	--fast		append to an initramfs, do not make it anew
 *	--skip ID, --only ID	may be repeated
 *	--kvm		let the appliance use KVM
 *	--json		the report as JSON on stdout
 *
 * NAME is the machine's name for the disk. Exit status: 0 done, 1 failed, 2 usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/fdio.h"
#include "common/jsonx.h"
#include "common/log.h"
#include "inventory/machine_json.h"
#include "postfix/fix.h"

#define MAX_ARGS 32

static void progress(const char *step, unsigned int done, unsigned int total, void *opaque)
{
	(void)opaque;
	log_notice("[%u/%u] %s", done, total, step);
}

static void print_report(const struct fix_report *rep)
{
	for (size_t i = 0; i < rep->nresults; i++) {
		const struct fix_result *res = &rep->results[i];

		printf("%-18s %-8s %s\n", res->id, fix_severity_name(res->severity),
		       fix_state_name(res->state));
		if (res->detail && *res->detail)
			printf("%s\n", res->detail);
		for (size_t k = 0; k < res->nchanges; k++)
			printf("  %s %s\n%s", res->changes[k].what, res->changes[k].path,
			       res->changes[k].diff ? res->changes[k].diff : "");
	}
	for (size_t i = 0; i < rep->warnings.n; i++)
		printf("warning: %s\n", rep->warnings.v[i]);
}

static int load_machine(const char *path, struct machine **ret, struct err *err)
{
	CLEANUP(mem_free) char *text = NULL;
	CLEANUP(json_unref) json_t *json = NULL;
	size_t n = 0;
	int r = fdio_read_file(path, 16 * MIB, &text, &n, err);

	if (r >= 0)
		r = jsonx_parse(text, n, path, &json, err);
	return r < 0 ? r : machine_from_json(json, ret, err);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", required_argument, NULL, 'm' }, { "dry-run", no_argument, NULL, 'n' },
		{ "skip", required_argument, NULL, 's' }, { "only", required_argument, NULL, 'o' },
		{ "kvm", no_argument, NULL, 'k' }, { "json", no_argument, NULL, 'j' },
		{ "fast", no_argument, NULL, 'f' }, { 0 },
	};
	CLEANUP(machine_free) struct machine *m = NULL;
	CLEANUP(fix_report_free) struct fix_report *rep = NULL;
	struct fix_image images[MAX_ARGS];
	const char *skip[MAX_ARGS + 1] = { NULL }, *only[MAX_ARGS + 1] = { NULL };
	struct fix_options opt = { .images = images, .skip = skip, .only = only, .tcg = true,
				   .progress = progress };
	size_t nskip = 0, nonly = 0;
	struct err err = ERR_INIT;
	bool json = false;
	int c, r;

	log_init("fix-image");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'm':
			if (load_machine(optarg, &m, &err) < 0) {
				log_err(&err);
				return 1;
			}
			break;
		case 'n':
			opt.dry_run = true;
			break;
		case 's':
			if (nskip < MAX_ARGS)
				skip[nskip++] = optarg;
			break;
		case 'o':
			if (nonly < MAX_ARGS)
				only[nonly++] = optarg;
			break;
		case 'k':
			opt.tcg = false;
			break;
		case 'f':
			opt.fast = true;
			break;
		case 'j':
			json = true;
			break;
		default:
			return 2;
		}
	for (; optind < argc && opt.nimages < MAX_ARGS; optind++) {
		char *eq = strchr(argv[optind], '=');
		size_t n = strlen(argv[optind]);

		if (!eq)
			return 2;
		*eq = '\0';
		images[opt.nimages++] = (struct fix_image){
			.name = argv[optind],
			.path = eq + 1,
			.logical_sector = 512,
			.format = n > 6 && strcmp(argv[optind] + n - 6, ".qcow2") == 0 ? "qcow2"
										       : "raw",
		};
	}
	if (!opt.nimages) {
		fprintf(stderr,
			"usage: fix-image [--machine FILE] [--dry-run] [--json] NAME=IMAGE...\n");
		return 2;
	}
	opt.machine = m;
	r = fix_run(&opt, &rep, &err);
	if (rep && json) {
		CLEANUP(json_unref) json_t *j = NULL;
		CLEANUP(mem_free) char *text = NULL;

		if (fix_report_to_json(rep, &j, &err) == 0)
			text = jsonx_dump(j);
		if (text)
			fputs(text, stdout);
	} else if (rep) {
		print_report(rep);
	}
	if (r < 0)
		log_err(&err);
	return r < 0;
}
