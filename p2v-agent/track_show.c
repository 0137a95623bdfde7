/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See track_show.h. */
#include "p2v-agent/track_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/jsonx.h"
#include "common/size.h"
#include "common/text.h"
#include "track/track_refuse.h"

#define WIDTH	78

static const char *const verdict_meanings[] = {
	[TRACK_SOUND] = "every write was seen",
	[TRACK_COMPARE_EVER] = "what was ever written is to be compared",
	[TRACK_COMPARE_ALL] = "all of the disk is to be compared",
};

static void print_wrapped(const char *lead, const char *text)
{
	CLEANUP(strbuf_done) struct strbuf b = { 0 };

	strbuf_add(&b, lead);
	text_wrap(&b, text, b.len, 4, WIDTH);
	if (b.s && !b.failed)
		fputs(b.s, stdout);
}

static void print_disk(const struct track_show *s, size_t disk, const struct track_audit *a)
{
	char size[SIZE_TEXT_MAX], granule[SIZE_TEXT_MAX], ever[SIZE_TEXT_MAX];

	printf("%-10s %10s %8s %10" PRIu64 " %10s %12" PRIu64 " %12" PRIu64 "  %s\n",
	       track_disk_name(s->track, disk), size_format(track_disk_size(s->track, disk), size),
	       size_format(track_granule(s->track, disk), granule), a->events,
	       size_format(a->ever, ever), a->sectors_kernel,
	       MAX(a->sectors_submitted, a->sectors_completed), track_verdict_name(a->verdict));
}

static int print_words(const struct track_show *s, size_t disk, const struct track_audit *a,
		       struct err *err)
{
	CLEANUP(track_refusals_done) struct track_refusals refusals = { 0 };
	const char *name = track_disk_name(s->track, disk);
	int r = track_refuse(s->root, name, &refusals, err);

	if (r < 0)
		return r;
	printf("\n%s: %s\n", name, verdict_meanings[a->verdict]);
	for (unsigned int bit = 0; bit < TRACK_REASONS; bit++)
		if (a->reasons & 1u << bit)
			print_wrapped("  - ", track_reason_text(bit));
	for (size_t i = 0; i < refusals.n; i++) {
		print_wrapped(refusals.v[i].refuse ? "  ! " : "  - ", refusals.v[i].what);
		print_wrapped("    ", refusals.v[i].way);
	}
	return 0;
}

static void print_tier(const struct track_show *s)
{
	enum track_tier tier = track_tier(s->track);
	char memory[SIZE_TEXT_MAX];

	if (s->status)
		printf("in use by %s\n",
		       s->owned ? "a running process" : "nobody: its process ended");
	printf("tier %s, %s of memory\n", track_tier_name(tier),
	       size_format(track_memory(s->track), memory));
	print_wrapped("  ", track_tier_meaning(tier));
	for (int i = 0; i < (int)tier; i++) {
		const char *why = track_why_not(s->track, (enum track_tier)i);
		char lead[64];

		if (!why)
			continue;
		snprintf(lead, sizeof(lead), "  not %s: ", track_tier_name((enum track_tier)i));
		print_wrapped(lead, why);
	}
}

int track_show_text(const struct track_show *s, struct err *err)
{
	size_t n = track_ndisks(s->track);
	CLEANUP(mem_free) struct track_audit *a = calloc(n, sizeof(*a));
	uint64_t misses = 0;
	int r = a ? 0 : err_nomem(err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = track_audit(s->track, i, s->quiet, &a[i], err);
	if (r < 0)
		return r;
	print_tier(s);
	printf("\n%-10s %10s %8s %10s %10s %12s %12s  %s\n", "DISK", "SIZE", "GRANULE", "EVENTS",
	       "MARKED", "KERNEL", "TRACKER", "VERDICT");
	for (size_t i = 0; i < n; i++) {
		print_disk(s, i, &a[i]);
		misses = MAX(misses, a[i].misses);
	}
	printf("sectors of 512 bytes; %" PRIu64 " runs of programs were skipped\n", misses);
	for (size_t i = 0; i < n && r == 0; i++)
		r = print_words(s, i, &a[i], err);
	return r;
}

/* ---- JSON */

static int add_reasons(json_t *disk, unsigned int reasons)
{
	json_t *list = json_array();

	for (unsigned int bit = 0; bit < TRACK_REASONS; bit++)
		if (reasons & 1u << bit)
			json_array_append_new(list, json_string(track_reason_text(bit)));
	return json_object_set_new(disk, "reasons", list);
}

static int add_refusals(const struct track_show *s, const char *name, json_t *disk,
			struct err *err)
{
	CLEANUP(track_refusals_done) struct track_refusals refusals = { 0 };
	json_t *list = json_array();
	int r = track_refuse(s->root, name, &refusals, err);

	for (size_t i = 0; i < refusals.n; i++) {
		json_t *o = json_object();

		if (jsonx_set_str(o, "id", refusals.v[i].id) < 0 ||
		    jsonx_set_bool(o, "refuse", refusals.v[i].refuse) < 0 ||
		    jsonx_set_str(o, "what", refusals.v[i].what) < 0 ||
		    jsonx_set_str(o, "way", refusals.v[i].way) < 0)
			r = err_nomem(err);
		json_array_append_new(list, o);
	}
	if (json_object_set_new(disk, "findings", list) < 0)
		return err_nomem(err);
	return r;
}

static int add_disk(const struct track_show *s, size_t i, json_t *list, struct err *err)
{
	const char *name = track_disk_name(s->track, i);
	json_t *o = json_object();
	struct track_audit a;
	int r = track_audit(s->track, i, s->quiet, &a, err);
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "size", track_disk_size(s->track, i) },
		{ "granule", track_granule(s->track, i) },
		{ "events", a.events },
		{ "marked", a.ever },
		{ "sectors_kernel", a.sectors_kernel },
		{ "sectors_submitted", a.sectors_submitted },
		{ "sectors_completed", a.sectors_completed },
		{ "misses", a.misses },
		{ "overruns", a.overruns },
	};
	int failed = jsonx_set_str(o, "name", name);

	json_array_append_new(list, o);
	if (r < 0)
		return r;
	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++)
		failed |= jsonx_set_u64(o, numbers[k].key, numbers[k].value);
	failed |= jsonx_set_str(o, "verdict", track_verdict_name(a.verdict));
	failed |= add_reasons(o, a.reasons);
	return failed ? err_nomem(err) : add_refusals(s, name, o, err);
}

static int print_json(const json_t *root, struct err *err)
{
	CLEANUP(mem_free) char *text = jsonx_dump(root);

	if (!text)
		return err_nomem(err);
	fputs(text, stdout);
	return 0;
}

int track_show_json(const struct track_show *s, struct err *err)
{
	CLEANUP(json_unref) json_t *root = json_object();
	enum track_tier tier = track_tier(s->track);
	json_t *disks = json_array(), *why = json_object();
	int r = jsonx_set_str(root, "tier", track_tier_name(tier));

	r |= jsonx_set_str(root, "meaning", track_tier_meaning(tier));
	r |= jsonx_set_u64(root, "memory", track_memory(s->track));
	if (s->status)
		r |= jsonx_set_bool(root, "owned", s->owned);
	else
		r |= jsonx_set_u64(root, "seconds", s->seconds);
	for (int i = 0; i < (int)tier; i++)
		r |= jsonx_set_str(why, track_tier_name((enum track_tier)i),
				   track_why_not(s->track, (enum track_tier)i));
	r |= json_object_set_new(root, "why_not", why);
	r |= json_object_set_new(root, "disks", disks);
	if (r != 0)
		return err_nomem(err);
	for (size_t i = 0; i < track_ndisks(s->track); i++) {
		r = add_disk(s, i, disks, err);
		if (r < 0)
			return r;
	}
	return print_json(root, err);
}

int track_show_absent(bool json, struct err *err)
{
	CLEANUP(json_unref) json_t *root = NULL;

	if (!json) {
		puts("no tracker is in use");
		return 0;
	}
	root = json_object();
	if (!root || json_object_set_new(root, "tier", json_null()) < 0)
		return err_nomem(err);
	return print_json(root, err);
}
