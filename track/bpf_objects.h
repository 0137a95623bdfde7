/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The maps, programs and links of the bpf tier, and their pins: names in a bpffs of our own, which
 * keep them alive without us.
 *
 *	RUN/bpf/meta marks counters	what track.h's struct track shows
 *	RUN/bpf/pairs-COPY		ranges of bios; only with disks that know no requests
 *	RUN/bpf/prog-SLOT link-SLOT	a program, and what attaches it
 *
 * Only these names are ever removed, and only from a bpffs that lies on RUN/bpf. Who unmounts that
 * bpffs ends the tracker of a dead agent without a word, so everything is looked at when it is
 * taken up again.
 */
#ifndef P2V_TRACK_BPF_OBJECTS_H
#define P2V_TRACK_BPF_OBJECTS_H

#include "track/state.h"

struct bpf_objects {
	char *dir;			/* RUN/bpf */
	bool pins;			/* they were made, and so have to be there */
	int meta, marks, counters;
	int pairs[TRACK_COPIES];
	int prog[TRACK_SLOTS], link[TRACK_SLOTS];
	/* Mapped, and their lengths in bytes. */
	struct track_meta *meta_map;
	uint64_t *marks_map;
	struct track_counters *counters_map;
	size_t marks_len, counters_len;
};

int bpf_objects_new(const char *run_dir, struct bpf_objects **ret, struct err *err);
void bpf_objects_free(struct bpf_objects *o);		/* pins stay */
DEFINE_CLEANUP(struct bpf_objects *, bpf_objects_free)

int bpf_objects_mount(struct bpf_objects *o, struct err *err);
/* Maps for nwords of marks and n disks, mapped; with pairs only when asked. */
int bpf_objects_create(struct bpf_objects *o, uint64_t nwords, size_t n, bool pairs,
		       struct err *err);
int bpf_objects_pin(struct bpf_objects *o, struct err *err);
/* From the pins: -ENOENT when there are none at all, -ESTALE when one is missing or differs. */
int bpf_objects_open(struct bpf_objects *o, struct err *err);
/* Every link is there, with its pins, and attaches the program that meta names. */
bool bpf_objects_whole(const struct bpf_objects *o);
uint64_t bpf_objects_misses(const struct bpf_objects *o);
uint32_t bpf_objects_prog_id(int fd);
/* Remove the pins, then the mount and its folder. */
void bpf_objects_remove(struct bpf_objects *o);

#endif
