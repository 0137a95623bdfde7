/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histograms against sorted lists, windows, the rules' properties, JSON and table. */
#include "inventory/load/sizing.h"

#include <errno.h>
#include "common/jsonx.h"
#include "common/size.h"
#include "inventory/machine_json.h"
#include "tests/lib/unit.h"

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void setup(void)
{
	seed = UINT64_C(88172645463325252);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

START_TEST(percentiles_against_a_sorted_list)
{
	static const unsigned int permille[] = { 0, 1, 10, 500, 900, 950, 990, 999, 1000 };
	struct histogram *h = malloc(sizeof(*h));
	uint64_t v[2000];

	for (int round = 0; round < 200; round++) {
		size_t n = 1 + rnd() % 2000;
		unsigned int shift = (unsigned int)(rnd() % 64);

		histogram_init(h);
		for (size_t i = 0; i < n; i++) {
			v[i] = rnd() >> (shift + rnd() % (64 - shift));
			histogram_add(h, v[i], 3);
		}
		qsort(v, n, sizeof(v[0]), by_value);
		ck_assert_uint_eq(h->min, v[0]);
		ck_assert_uint_eq(h->max, v[n - 1]);
		for (size_t i = 0; i < ARRAY_SIZE(permille); i++) {
			size_t rank = (n * permille[i] + 999) / 1000;
			uint64_t want = v[rank ? rank - 1 : 0];
			uint64_t got = histogram_percentile(h, permille[i]);

			ck_assert_uint_ge(got, want);
			ck_assert(got - want <= want / 32);
		}
	}
	free(h);
}
END_TEST

START_TEST(histogram_edges)
{
	struct histogram *h = malloc(sizeof(*h));

	histogram_init(h);
	ck_assert_uint_eq(histogram_percentile(h, 950), 0);
	ck_assert_uint_eq(histogram_mean(h), 0);
	histogram_add(h, 7, 0);
	ck_assert_uint_eq(h->total, 0);
	histogram_add(h, UINT64_MAX, UINT64_MAX);
	histogram_add(h, 1, 5);		/* no room for its weight */
	ck_assert_uint_eq(histogram_percentile(h, 0), UINT64_MAX);
	ck_assert_uint_eq(histogram_percentile(h, 1000), UINT64_MAX);
	ck_assert_uint_eq(histogram_mean(h), UINT64_MAX);
	histogram_init(h);
	histogram_add(h, 10, 95);
	histogram_add(h, 1000, 5);
	ck_assert_uint_eq(histogram_percentile(h, 950), 10);
	ck_assert_uint_eq(histogram_percentile(h, 951), 1000);
	free(h);
}
END_TEST

START_TEST(parts_of_a_window)
{
	for (int round = 0; round < 2000; round++) {
		uint64_t v[SAMPLE_WINDOW_SAMPLES];
		size_t n = 1 + rnd() % SAMPLE_WINDOW_SAMPLES, below = 0;
		unsigned int shift = (unsigned int)(rnd() % 64);
		struct sample_stat s;

		for (size_t i = 0; i < n; i++) {
			v[i] = rnd() >> shift;
			v[i] -= v[i] == SAMPLE_NONE;
		}
		sample_window_stat(v, n, &s);
		qsort(v, n, sizeof(v[0]), by_value);
		ck_assert_uint_eq(s.min, v[0]);
		ck_assert_uint_eq(s.max, v[n - 1]);
		ck_assert_uint_eq(s.n, n);
		for (unsigned int p = 0; p < SAMPLE_WINDOW_PARTS; p++) {
			uint64_t end = sample_window_part_end(&s, p);
			size_t k = 0;

			below += s.part[p];
			while (k < n && v[k] <= end)
				k++;
			ck_assert_uint_eq(k, below);
		}
		ck_assert_uint_eq(below, n);
		ck_assert_uint_eq(sample_window_part_end(&s, SAMPLE_WINDOW_PARTS - 1), s.max);
	}
}
END_TEST

/* What a machine may do, for the properties. */
struct load {
	uint64_t busy, steal, running, working, active, swap, swap_in, iops, read, rx, packets;
};

static struct sample_stat flat(uint64_t v)
{
	struct sample_stat s;
	uint64_t list[12];

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		list[i] = v;
	sample_window_stat(list, ARRAY_SIZE(list), &s);
	return s;
}

static void add(struct sizing *s, const struct load *l, uint32_t cpus, uint64_t total,
		uint64_t time)
{
	struct sample_device_stat disk = { .name = "sda" }, nic = { .name = "eno1" };
	struct sample_record r = { .time = time, .duration_ms = 60000, .cpus_online = cpus,
				   .mem_total = total, .disks = &disk, .ndisks = 1, .nics = &nic,
				   .nnics = 1 };

	r.s[SAMPLE_CPU_BUSY] = flat(l->busy);
	r.s[SAMPLE_CPU_STEAL] = flat(l->steal);
	r.s[SAMPLE_RUNNING] = flat(l->running);
	r.s[SAMPLE_MEM_WORKING] = flat(l->working);
	r.s[SAMPLE_MEM_ACTIVE_FILE] = flat(l->active);
	r.s[SAMPLE_SWAP_USED] = flat(l->swap);
	r.s[SAMPLE_SWAP_IN] = flat(l->swap_in);
	disk.s[SAMPLE_DISK_IOPS] = flat(l->iops);
	disk.s[SAMPLE_DISK_READ] = flat(l->read);
	nic.s[SAMPLE_NIC_RX] = flat(l->rx);
	nic.s[SAMPLE_NIC_RX_PACKETS] = flat(l->packets);
	ck_assert_int_eq(sizing_add(s, &r), 0);
}

static struct sizing *sized(const struct machine *m, const struct load *v, size_t n, uint32_t cpus,
			    uint64_t total)
{
	struct sizing *s = NULL;

	ck_assert_int_eq(sizing_new(m, &s), 0);
	for (size_t i = 0; i < n; i++)
		add(s, &v[i], cpus, total, 1000000 + i * 60);
	return s;
}

/* A rank of the buses and of the queues, to compare. */
static uint64_t rank_of(const struct machine_plan_advice *a)
{
	if (strncmp(a->resource, "disk", 4) != 0)
		return a->value;
	if (strncmp(a->recommended, "virtio-blk", 10) == 0)
		return 100 + a->value;
	return strstr(a->recommended, "thread") ? 1 : 0;
}

START_TEST(more_load_never_recommends_less)
{
	static const size_t lengths[] = { 5, 30, 120, 1500 };

	for (int round = 0; round < 120; round++) {
		size_t n = lengths[round % 4] , na = 0, nb = 0;
		struct load *l = calloc(n, sizeof(*l));
		struct machine_plan_advice *a = NULL, *b = NULL;
		uint32_t cpus = 1 + (uint32_t)(rnd() % 64);
		uint64_t total = (1 + rnd() % 256) * GIB;
		CLEANUP(sizing_free) struct sizing *less = NULL, *more = NULL;

		for (size_t i = 0; i < n; i++)
			l[i] = (struct load){ rnd() % (cpus * 600), rnd() % 300, rnd() % (cpus + 1),
					      rnd() % total, rnd() % total, rnd() % (4 * GIB),
					      rnd() % (60 * KIB), rnd() % 30000, rnd() % GIB,
					      rnd() % 4000000000u, rnd() % 300000 };
		less = sized(NULL, l, n, cpus, total);
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < sizeof(*l) / sizeof(uint64_t); k++) {
				uint64_t *f = (uint64_t *)&l[i] + k;

				*f += rnd() % 3 ? 0 : rnd() % (*f + 2);
				if (k == 3)
					*f = MIN(*f, total);
			}
		more = sized(NULL, l, n, cpus, total);
		ck_assert_int_eq(sizing_advise(less, &a, &na), 0);
		ck_assert_int_eq(sizing_advise(more, &b, &nb), 0);
		ck_assert_uint_eq(na, 4);
		ck_assert_uint_eq(nb, 4);
		/* Queues are bounded by vCPUs, which grow as well. */
		for (size_t i = 0; i < na; i++)
			ck_assert_msg(rank_of(&b[i]) >= rank_of(&a[i]), "%s: %s, then %s",
				      a[i].resource, a[i].recommended, b[i].recommended);
		/* Never less than was used, and CPUs never more than there are. */
		ck_assert_uint_ge(sizing_advise_memory(more), more->v[SAMPLE_MEM_WORKING].all.max);
		ck_assert_uint_le(sizing_advise_vcpus(more), cpus);
		ck_assert_uint_ge(sizing_advise_vcpus(more), 1);
		if (n < 60)
			ck_assert_uint_ge(sizing_advise_vcpus(more) * 1000,
					  MIN(more->v[SAMPLE_CPU_BUSY].all.max, cpus * 1000u));
		sizing_advise_free(a, na);
		sizing_advise_free(b, nb);
		free(l);
	}
}
END_TEST

START_TEST(short_samples)
{
	struct load quiet = { .busy = 500, .running = 1, .working = GIB }, v[1440];
	CLEANUP(sizing_free) struct sizing *s5 = NULL, *s30 = NULL, *day = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = quiet;
	v[3].busy = 11000;
	v[3].working = 10 * GIB;
	s5 = sized(NULL, v, 5, 32, 64 * GIB);
	ck_assert_uint_eq(sizing_advise_vcpus(s5), 32);
	ck_assert_uint_eq(sizing_advise_memory(s5), 64 * GIB);
	ck_assert_str_eq(sizing_confidence(s5), "none");
	s30 = sized(NULL, v, 30, 32, 64 * GIB);
	ck_assert_uint_ge(sizing_advise_vcpus(s30), 11);
	ck_assert_uint_eq(sizing_advise_memory(s30), 12 * GIB);
	ck_assert_str_eq(sizing_confidence(s30), "low");
	day = sized(NULL, v, 1440, 32, 64 * GIB);
	ck_assert_uint_eq(sizing_advise_vcpus(day), 1);
	ck_assert_uint_eq(sizing_advise_memory(day), 12 * GIB);
	ck_assert_str_eq(sizing_confidence(day), "good");
}
END_TEST

/* Five seconds of load in three quarters of an hour: no percentile sees it. */
START_TEST(short_peak)
{
	struct sample_record r = { .duration_ms = 60000, .cpus_online = 16, .mem_total = GIB };
	uint64_t v[12] = { 400, 400, 9000, 400, 400, 400, 400, 400, 400, 400, 400, 400 };
	CLEANUP(sizing_free) struct sizing *s = NULL;

	ck_assert_int_eq(sizing_new(NULL, &s), 0);
	for (uint64_t i = 0; i < 100; i++) {
		sample_window_stat(v, 12, &r.s[SAMPLE_CPU_BUSY]);
		r.time = 1000000 + i * 60;
		ck_assert_int_eq(sizing_add(s, &r), 0);
		v[2] = 400;
		if (i == 45) {
			/* An eighth of that minute's spread above the rest, no more. */
			ck_assert_uint_lt(histogram_percentile(&s->v[SAMPLE_CPU_BUSY].all, 990),
					  400 + 8600 / 8 + 60);
			ck_assert_uint_eq(sizing_advise_vcpus(s), 10);
		}
	}
	ck_assert_uint_eq(sizing_advise_vcpus(s), 1);
}
END_TEST

START_TEST(machine_at_its_limit)
{
	struct load l[120];
	CLEANUP(sizing_free) struct sizing *busy = NULL, *queue = NULL, *swap = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		l[i] = (struct load){ .busy = 6900, .running = 7, .working = 7 * GIB };
	busy = sized(NULL, l, ARRAY_SIZE(l), 8, 8 * GIB);
	ck_assert_uint_eq(sizing_advise_vcpus(busy), 8);
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		l[i] = (struct load){ .busy = 2000, .running = 9, .working = 7 * GIB,
				      .swap = 4 * GIB };
	queue = sized(NULL, l, ARRAY_SIZE(l), 8, 8 * GIB);
	ck_assert_uint_eq(sizing_advise_vcpus(queue), 8);
	/* What is swapped out and stays there is no reason for more than there was. */
	ck_assert_uint_eq(sizing_advise_memory(queue), 8 * GIB);
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		l[i].swap_in = 10 * MIB;
	swap = sized(NULL, l, ARRAY_SIZE(l), 8, 8 * GIB);
	ck_assert_uint_gt(sizing_advise_memory(swap), 11 * GIB);
}
END_TEST

START_TEST(nothing_known)
{
	CLEANUP(sizing_free) struct sizing *s = NULL;
	CLEANUP(mem_free) char *text = NULL;
	struct machine_plan_advice *a = NULL;
	struct sample_record r = { 0 };
	size_t n = 0;

	ck_assert_int_eq(sizing_new(NULL, &s), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(sizing_add(s, &r), 0);
	ck_assert_int_eq(sizing_advise(s, &a, &n), 0);
	ck_assert_uint_eq(n, 2);
	sizing_advise_free(a, n);
	text = sizing_text(s);
	ck_assert_ptr_nonnull(strstr(text, "confidence: none"));
}
END_TEST

START_TEST(points_over_time)
{
	CLEANUP(sizing_free) struct sizing *s = NULL;
	struct load l = { .busy = 100 };
	uint64_t ms = 0, peak = 0;

	ck_assert_int_eq(sizing_new(NULL, &s), 0);
	for (uint64_t i = 0; i < 10080; i++) {
		l.busy = i == 4321 ? 9999 : 100 + i % 7;
		/* the recorder was off for a while, and the clock was set back once */
		add(s, &l, 16, GIB, 1000000 + i * 60 + (i > 5000 ? 86400 : 0) -
		    (i > 8000 ? 3600 : 0));
	}
	ck_assert_uint_le(s->nbins, SIZING_POINTS);
	ck_assert_uint_gt(s->nbins, SIZING_POINTS / 3);
	for (size_t i = 0; i < s->nbins; i++) {
		ck_assert_uint_lt(s->bins[i].from, s->bins[i].to);
		if (i > 0)
			ck_assert_uint_ge(s->bins[i].from, s->bins[i - 1].to);
		ms += s->v[SAMPLE_CPU_BUSY].at[i].ms;
		peak = MAX(peak, s->v[SAMPLE_CPU_BUSY].at[i].max);
		ck_assert_uint_ge(s->v[SAMPLE_CPU_BUSY].at[i].mean, 100);
	}
	ck_assert_uint_eq(ms, UINT64_C(10080) * 60000);
	ck_assert_uint_eq(peak, 9999);
	ck_assert_uint_eq(s->gaps, 1);
	ck_assert_uint_eq(s->boots, 1);
}
END_TEST

START_TEST(hostile_records)
{
	CLEANUP(sizing_free) struct sizing *s = NULL;
	CLEANUP(mem_free) char *text = NULL, *json = NULL;
	CLEANUP(json_unref) json_t *j = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(sizing_new(NULL, &s), 0);
	for (int i = 0; i < 3000; i++) {
		struct sample_device_stat d[2];
		struct sample_record r = { .disks = d, .ndisks = 2, .nics = d, .nnics = 1 };

		r.time = rnd() >> rnd() % 64;
		r.duration_ms = (uint32_t)rnd();
		r.cpus_online = (uint32_t)rnd();
		r.boot_id[0] = (uint8_t)(rnd() % 4);
		r.mem_total = r.swap_total = rnd();
		for (int k = 0; k < SAMPLE_SERIES; k++)
			r.s[k] = flat(UINT64_MAX - 1 - (rnd() >> rnd() % 64));
		for (int k = 0; k < 2; k++)
			for (int q = 0; q < SAMPLE_DEVICE_SERIES; q++)
				d[k].s[q] = flat(UINT64_MAX - 1 - (rnd() >> rnd() % 64));
		strcpy(d[0].name, "a\x1b[31m\n<&>");
		strcpy(d[1].name, "\xff\xfe");
		r.nservices = 1;
		r.services_ms = (uint32_t)rnd();
		r.services[0] = (struct sample_service){ "\x1b]0;x\x07", rnd(), rnd() };
		ck_assert_int_eq(sizing_add(s, &r), 0);
	}
	sizing_sort(s);
	text = sizing_text(s);
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	for (char *l = strtok(text, "\n"); l; l = strtok(NULL, "\n"))
		ck_assert_msg(strlen(l) <= 100, "%s", l);
	ck_assert_msg(sizing_json(s, &j, &err) == 0, "%s", err.text);
	json = jsonx_dump(j);
	ck_assert_ptr_nonnull(json);
}
END_TEST

START_TEST(evidence_and_json)
{
	CLEANUP(machine_free) struct machine *m = NULL, *back = NULL;
	CLEANUP(sizing_free) struct sizing *s = NULL;
	CLEANUP(json_unref) json_t *j = NULL, *root = NULL;
	struct machine_numa_node *node;
	struct load l[1440];
	struct machine_plan_advice *a = NULL;
	struct err err = ERR_INIT;
	size_t n = 0;

	ck_assert_int_eq(machine_new(&m), 0);
	m->cpu.threads_per_core = 2;
	for (int i = 0; i < 2; i++) {
		node = machine_grow(&m->cpu.nodes, &m->cpu.nnodes, sizeof(*node));
		node->id = (uint32_t)i;
	}
	m->memory.installed = 64 * GIB;
	for (size_t i = 0; i < ARRAY_SIZE(l); i++)
		l[i] = (struct load){ .busy = 8000, .running = 3, .working = 20 * GIB,
				      .iops = 25000, .read = 100, .rx = 3000000000u,
				      .packets = 250000 };
	s = sized(m, l, ARRAY_SIZE(l), 16, 63 * GIB);
	ck_assert_int_eq(sizing_advise(s, &a, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(a[0].now, "16 CPUs (8 cores of 2 threads)");
	ck_assert_str_eq(a[0].recommended, "12 vCPUs");
	ck_assert_ptr_nonnull(strstr(a[0].evidence, "8.0 CPUs busy at p95"));
	ck_assert_ptr_nonnull(strstr(a[0].evidence, "NUMA nodes has (8): give the VM 2"));
	ck_assert_str_eq(a[1].recommended, "23 GiB");
	ck_assert_str_eq(a[2].recommended, "virtio-blk, own I/O thread, 3 queues");
	ck_assert_str_eq(a[3].recommended, "virtio, 3 queues, 10 Gbit/s network");
	ck_assert_str_eq(a[0].confidence, "good");
	sizing_advise_free(a, n);
	/* Beside the machine's members it does not trouble who reads the machine. */
	ck_assert_int_eq(sizing_json(s, &j, &err), 0);
	ck_assert_int_eq(machine_to_json(m, &root, &err), 0);
	ck_assert_int_eq(json_object_set(root, "sizing", j), 0);
	ck_assert_msg(machine_from_json(root, &back, &err) == 0, "%s", err.text);
	ck_assert_int_eq((int)json_integer_value(json_object_get(json_object_get(json_object_get(
		j, "statistics"), "cpu_busy"), "p95")), 8000);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "advice")), 4);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sizing");
	TCase *t = tcase_create("sizing");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, percentiles_against_a_sorted_list);
	tcase_add_test(t, histogram_edges);
	tcase_add_test(t, parts_of_a_window);
	tcase_add_test(t, more_load_never_recommends_less);
	tcase_add_test(t, short_samples);
	tcase_add_test(t, short_peak);
	tcase_add_test(t, machine_at_its_limit);
	tcase_add_test(t, nothing_known);
	tcase_add_test(t, points_over_time);
	tcase_add_test(t, hostile_records);
	tcase_add_test(t, evidence_and_json);
	suite_add_tcase(s, t);
	return s;
}

UNIT_MAIN(suite)
