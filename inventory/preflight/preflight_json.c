/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Report and rules for programs. */
#include "inventory/preflight/preflight_rules.h"

#include "common/jsonx.h"

static int set_link(json_t *o, const char *id)
{
	CLEANUP(mem_free) char *link = text_format("docs/preflight.md#%s", id);

	return link ? jsonx_set_str(o, "link", link) : -ENOMEM;
}

/* Ours: past 2^63-1 it is said as that. */
static int set_u64(json_t *o, const char *key, uint64_t v)
{
	return jsonx_set_u64(o, key, MIN(v, (uint64_t)INT64_MAX));
}

static int add_finding(json_t *list, const struct preflight_finding *f)
{
	json_t *o = json_object();

	/* The list owns it, also when it could not be added. */
	if (json_array_append_new(list, o) < 0 ||
	    jsonx_set_str(o, "id", f->rule->id) < 0 ||
	    jsonx_set_str(o, "severity", preflight_severity_name(f->severity)) < 0 ||
	    jsonx_set_bool(o, "accepted", f->accepted) < 0 ||
	    jsonx_set_str(o, "subject", f->subject) < 0 ||
	    jsonx_set_str(o, "title", f->rule->title) < 0 ||
	    jsonx_set_str(o, "evidence", f->evidence) < 0 ||
	    jsonx_set_str(o, "advice", f->rule->advice) < 0 || set_link(o, f->rule->id) < 0)
		return -ENOMEM;
	return 0;
}

int preflight_to_json(const struct preflight_report *r, json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *o = json_object();
	json_t *list = json_array();
	bool bad = !o || json_object_set_new(o, "findings", list) < 0;

	for (size_t i = 0; i < r->n && !bad; i++)
		bad = add_finding(list, &r->findings[i]) < 0;
	bad = bad || set_u64(o, "blocking", preflight_blocking(r)) < 0 ||
	      set_u64(o, "total", r->total) < 0 ||
	      (r->to_copy && set_u64(o, "to_copy", r->to_copy) < 0) ||
	      (r->rate && set_u64(o, "rate", r->rate) < 0) ||
	      (r->rate && set_u64(o, "seconds", r->seconds) < 0);
	if (bad)
		return err_nomem(err);
	*ret = TAKE_PTR(o);
	return 0;
}

static int add_rule(json_t *list, const struct preflight_theme *t,
		    const struct preflight_rule *rule)
{
	json_t *o = json_object();

	if (json_array_append_new(list, o) < 0 || jsonx_set_str(o, "id", rule->id) < 0 ||
	    jsonx_set_str(o, "severity", preflight_severity_name(rule->severity)) < 0 ||
	    jsonx_set_str(o, "theme", t->title) < 0 ||
	    jsonx_set_str(o, "title", rule->title) < 0 ||
	    jsonx_set_str(o, "why", rule->why) < 0 ||
	    jsonx_set_str(o, "advice", rule->advice) < 0 || set_link(o, rule->id) < 0)
		return -ENOMEM;
	return 0;
}

int preflight_rules_to_json(json_t **ret, struct err *err)
{
	CLEANUP(json_unref) json_t *list = json_array();
	const struct preflight_theme *const *themes;
	size_t n;

	themes = preflight_themes(&n);
	for (size_t t = 0; t < n; t++)
		for (size_t i = 0; i < themes[t]->n; i++)
			if (!list || add_rule(list, themes[t], &themes[t]->rules[i]) < 0)
				return err_nomem(err);
	*ret = TAKE_PTR(list);
	return 0;
}
