/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which compression level is best now. Pure: the caller measures, this decides.
 *
 * A copy has three stages that can be the slow one: the disk, the workers (hashing, compression)
 * and the link (with it the thread that encrypts). More compression spares the link and costs the
 * workers. So for each level of a ladder two figures are kept, measured on the data itself by
 * compressing a cluster of it at all levels now and then (a probe):
 *
 *	out	bytes on the wire for a byte of the disk	falls with the level
 *	cost	worker-seconds for a byte of the disk		rises with the level
 *
 * and of the stages what they can take: the link in bytes a second, the workers in worker-seconds a
 * second (less than there are workers when other programs want the processors), the disk in bytes a
 * second. A level is then good for
 *
 *	min(link / out, workers / cost, disk)	bytes of the disk per second
 *
 * and the best one is taken. What a stage can take is known only while it is busy; else it
 * is taken to be a little more with each look, and ever more, so that what has become faster is
 * found out.
 *
 *	adapt_probe()	a curve was measured
 *	adapt_look()	a while (ADAPT_LOOK_S) has passed: what was busy, what waited
 *	adapt_level()	what to use from now on
 */
#ifndef P2V_AGENT_ADAPT_H
#define P2V_AGENT_ADAPT_H

#include <stdbool.h>
#include <stdint.h>

#define ADAPT_LEVELS	10
#define ADAPT_LOOK_S	0.25

extern const int adapt_ladder[ADAPT_LEVELS];	/* zstd levels, rising; 0 (raw) first */

/* What a probe found, in bytes out and seconds per byte of raw data. */
struct adapt_curve {
	double out[ADAPT_LEVELS], cost[ADAPT_LEVELS];
	double base;			/* seconds that every byte takes, whatever the level */
};

struct adapt_look {
	double seconds;			/* since the last look; > 0 */
	uint64_t in, out;		/* bytes of the disk, and of them on the wire */
	double sending;			/* seconds of sending, or of waiting for the link */
	double starved;			/* seconds in which nothing was ready to be sent */
	double busy;			/* worker-seconds */
};

struct adapt {
	struct adapt_curve curve;
	unsigned int probes;
	double link, workers, disk;	/* what each can take; 0: not known yet */
	double slower;			/* than in probes, which are too short to be interrupted */
	double hope;			/* by how much more we take the link to be, the next time */
	double threads;
	unsigned int at;		/* place on the ladder */
};

void adapt_init(struct adapt *a, unsigned int threads);
void adapt_probe(struct adapt *a, const struct adapt_curve *c);
void adapt_look(struct adapt *a, const struct adapt_look *l);
int adapt_level(const struct adapt *a);

#endif
