/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inventory/load/sample_proc.h"

#include <string.h>
#include "common/bytes.h"
#include "common/compiler.h"
#include "common/text.h"

/* A decimal number behind blanks; moves *p behind it. */
static bool number(const char **p, uint64_t *ret)
{
	const char *s = *p + strspn(*p, " \t");
	uint64_t v = 0;
	bool fits = true;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		fits = fits && u64_mul(v, 10, &v) && u64_add(v, (uint64_t)(*s - '0'), &v);
	*p = s;
	*ret = v;
	return fits && v != SAMPLE_NONE;
}

static size_t numbers(const char **p, uint64_t *v, size_t max)
{
	size_t n = 0;

	while (n < max && number(p, &v[n]))
		n++;
	return n;
}

static void next_line(const char **p)
{
	*p += strcspn(*p, "\n");
	*p += **p == '\n';
}

/* Names of devices go into paths and files: one word without control characters. */
static bool take_name(const char *s, size_t n, char ret[static SAMPLE_NAME_MAX])
{
	if (n == 0 || n >= SAMPLE_NAME_MAX || s[0] == '.' || s[0] == '/')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || (unsigned char)s[i] >= 0x7f)
			return false;
	memcpy(ret, s, n);
	ret[n] = '\0';
	return true;
}

int sample_proc_cpu(const char **p, struct sample_proc_cpu *ret)
{
	/* user nice system idle iowait irq softirq steal; the first four are always there. */
	uint64_t v[8] = { 0 }, cpu;
	const char *s = *p;
	size_t n;

	if (!*s)
		return -1;
	next_line(p);
	if (strncmp(s, "cpu", 3) != 0 || s[3] < '0' || s[3] > '9')
		return 0;
	s += 3;
	if (!number(&s, &cpu) || cpu > UINT32_MAX)
		return 0;
	n = numbers(&s, v, 8);
	if (n < 4)
		return 0;
	*ret = (struct sample_proc_cpu){ .number = (uint32_t)cpu, .idle = v[3], .iowait = v[4],
					 .steal = v[7] };
	if (!u64_add(v[0], v[1], &ret->busy) || !u64_add(ret->busy, v[2], &ret->busy) ||
	    !u64_add(ret->busy, v[5], &ret->busy) || !u64_add(ret->busy, v[6], &ret->busy))
		return 0;
	return 1;
}

int sample_proc_disk(const char **p, struct sample_proc_disk *ret)
{
	/*
	 * major minor name, then: reads, merged, sectors, ms, writes, merged, sectors, ms, in
	 * flight, ms busy, weighted. Partitions of old kernels have four, and are none of ours.
	 */
	uint64_t v[11], id[2];
	const char *s = *p, *name;
	size_t len;

	if (!*s)
		return -1;
	next_line(p);
	if (numbers(&s, id, 2) != 2)
		return 0;
	s += strspn(s, " \t");
	name = s;
	len = strcspn(s, " \t\n");
	s += len;
	if (!take_name(name, len, ret->name) || numbers(&s, v, 11) != 11)
		return 0;
	ret->counter[1] = v[2];
	ret->counter[2] = v[6];
	ret->counter[4] = v[9];
	return u64_add(v[0], v[4], &ret->counter[0]) && u64_add(v[3], v[7], &ret->counter[3]);
}

int sample_proc_nic(const char **p, struct sample_proc_nic *ret)
{
	uint64_t v[10];
	const char *s = *p, *end = *p + strcspn(*p, "\n"), *colon;

	if (!*s)
		return -1;
	next_line(p);
	s += strspn(s, " \t");
	colon = memchr(s, ':', (size_t)(end - s));
	if (!colon || !take_name(s, (size_t)(colon - s), ret->name))
		return 0;
	s = colon + 1;
	if (numbers(&s, v, 10) != 10)
		return 0;
	ret->counter[0] = v[0];
	ret->counter[1] = v[1];
	ret->counter[2] = v[8];
	ret->counter[3] = v[9];
	return 1;
}

uint64_t sample_proc_key(const char *text, const char *key)
{
	size_t n = strlen(key);
	uint64_t v;

	while (text && *text) {
		if (strncmp(text, key, n) == 0 && text[n] == ' ') {
			text += n;
			return number(&text, &v) ? v : SAMPLE_NONE;
		}
		next_line(&text);
	}
	return SAMPLE_NONE;
}

void sample_proc_meminfo(const char *text, struct sample_proc_memory *ret)
{
	static const struct {
		const char *key;
		size_t offset;
	} fields[] = {
#define FIELD(key, member) { key, offsetof(struct sample_proc_memory, member) }
		FIELD("MemTotal", total), FIELD("MemFree", free), FIELD("Buffers", buffers),
		FIELD("Cached", cached), FIELD("SwapCached", swap_cached),
		FIELD("Active(file)", active_file), FIELD("Dirty", dirty),
		FIELD("Writeback", writeback), FIELD("AnonPages", anon), FIELD("Shmem", shmem),
		FIELD("SReclaimable", s_reclaimable), FIELD("SUnreclaim", s_unreclaim),
		FIELD("KernelStack", kernel_stack), FIELD("PageTables", page_tables),
		FIELD("SecPageTables", sec_page_tables), FIELD("Percpu", percpu),
		FIELD("Hugetlb", hugetlb), FIELD("HugePages_Total", huge_total),
		FIELD("Hugepagesize", huge_size), FIELD("SwapTotal", swap_total),
		FIELD("SwapFree", swap_free),
#undef FIELD
	};

	memset(ret, 0xff, sizeof(*ret));	/* SAMPLE_NONE, all of them */
	while (text && *text) {
		size_t n = strcspn(text, ":\n");

		for (size_t i = 0; text[n] == ':' && i < ARRAY_SIZE(fields); i++) {
			uint64_t *to = (uint64_t *)(void *)((char *)ret + fields[i].offset);
			const char *s = text + n + 1;
			uint64_t v;

			if (strncmp(text, fields[i].key, n) != 0 || fields[i].key[n])
				continue;
			/* Counts of pages have no unit. */
			if (number(&s, &v) &&
			    (strncmp(s, " kB", 3) != 0 || u64_mul(v, KIB, &v)))
				*to = v;
			break;
		}
		next_line(&text);
	}
}

uint64_t sample_proc_pressure(const char *text)
{
	const char *end = text + strcspn(text, "\n"), *s;
	uint64_t v;

	if (strncmp(text, "some ", 5) != 0)
		return SAMPLE_NONE;
	s = strstr(text, "total=");
	if (!s || s > end)
		return SAMPLE_NONE;
	s += 6;
	return number(&s, &v) ? v : SAMPLE_NONE;
}

uint64_t sample_proc_loadavg(const char *text)
{
	uint64_t whole, part, scale = 100;

	if (!number(&text, &whole) || !u64_mul(whole, 1000, &whole) || *text != '.')
		return SAMPLE_NONE;
	part = 0;
	for (text++; *text >= '0' && *text <= '9' && scale > 0; text++, scale /= 10)
		part += (uint64_t)(*text - '0') * scale;
	return u64_add(whole, part, &whole) ? whole : SAMPLE_NONE;
}

bool sample_proc_pid(const char *text, char name[static SAMPLE_NAME_MAX], uint64_t *ret_ticks,
		     uint64_t *ret_start, uint64_t *ret_rss)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *s;
	uint64_t v;

	/* The name may hold anything, blanks and brackets too; behind the last one it is over. */
	if (!open || !close || close < open)
		return false;
	s = close + 1;
	s += strspn(s, " ");
	if (!*s)
		return false;
	s++;					/* field 3: the state, a letter */
	for (unsigned int field = 4; field <= 24; field++) {
		s += strspn(s, " -");		/* some are signed, none of those matter */
		if (!number(&s, &v) && field != 8 && field != 18)
			return false;
		if (field == 14)
			*ret_ticks = v;
		else if (field == 15 && !u64_add(*ret_ticks, v, ret_ticks))
			return false;
		else if (field == 22)
			*ret_start = v;
		else if (field == 24)
			*ret_rss = v;
	}
	text_escape(open + 1, (size_t)(close - open - 1), name, SAMPLE_NAME_MAX);
	return true;
}

static uint64_t known(uint64_t v)
{
	return v == SAMPLE_NONE ? 0 : v;
}

/* Sums of the kernel's numbers cannot overflow; those of a made-up file end at the largest. */
static uint64_t plus(uint64_t a, uint64_t b)
{
	uint64_t sum = SAMPLE_NONE - 1;

	(void)u64_add(a, known(b), &sum);
	return MIN(sum, SAMPLE_NONE - 1);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	b = known(b);
	return a > b ? a - b : 0;
}

void sample_proc_memory_values(const struct sample_proc_memory *m, uint64_t v[SAMPLE_SERIES])
{
	uint64_t huge = m->hugetlb, named, used, cache;

	if (m->total == SAMPLE_NONE || m->free == SAMPLE_NONE)
		return;
	if (huge == SAMPLE_NONE && !u64_mul(known(m->huge_total), known(m->huge_size), &huge))
		huge = 0;
	huge = MIN(huge, m->total);
	cache = less(plus(plus(known(m->buffers), m->cached), m->swap_cached), m->shmem);
	cache = plus(cache, m->s_reclaimable);
	named = plus(plus(plus(huge, m->anon), m->shmem), m->s_unreclaim);
	named = plus(plus(plus(plus(named, m->kernel_stack), m->page_tables), m->sec_page_tables),
		     m->percpu);
	used = less(less(m->total, m->free), cache);
	/* The fields are not of one instant: what is named is there, whatever the rest says. */
	v[SAMPLE_MEM_WORKING] = MIN(MAX(named, used), m->total);
	v[SAMPLE_MEM_SHARED] = m->shmem;
	v[SAMPLE_MEM_HUGE] = huge;
	v[SAMPLE_MEM_FREE] = m->free;
	v[SAMPLE_MEM_CACHE] = cache;
	v[SAMPLE_MEM_ACTIVE_FILE] = m->active_file;
	if (m->dirty != SAMPLE_NONE)
		v[SAMPLE_MEM_DIRTY] = plus(m->dirty, m->writeback);
	if (m->swap_total != SAMPLE_NONE && m->swap_free != SAMPLE_NONE)
		v[SAMPLE_SWAP_USED] = less(less(m->swap_total, m->swap_free), m->swap_cached);
}
