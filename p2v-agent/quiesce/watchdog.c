/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "p2v-agent/quiesce/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include "common/compiler.h"
#include "p2v-agent/quiesce/solitary.h"

#define TICK_IDLE_MS	100
#define TICK_ARMED_MS	10
#define ANSWER_NS	UINT64_C(5000000000)	/* for a guard to start, and to answer */
#define END_WAIT_MS	5000

/* The phase; the reason is put on top of FIRED. */
enum { PHASE_IDLE, PHASE_ARMED, PHASE_ENDING, PHASE_FIRED = 16 };

struct slot {
	atomic_int state;
	_Atomic uint64_t seen;		/* when its guard last looked */
};

struct shared {
	atomic_int phase, reason;
	_Atomic uint64_t armed, deadline, beat, thawed;
	struct slot slots[WATCHDOG_SLOTS];
};

struct watchdog {
	struct watchdog_config cfg;
	struct shared *shared;
	struct solitary process;
	unsigned int n;
};

static bool may_be_frozen(int state)
{
	return state == WATCHDOG_FREEZING || state == WATCHDOG_FROZEN;
}

static enum watchdog_reason due(const struct watchdog *w, bool gone)
{
	struct shared *s = w->shared;
	uint64_t beat = atomic_load(&s->beat), now = solitary_now();

	if (gone)
		return WATCHDOG_GONE;
	if (now >= atomic_load(&s->deadline))
		return WATCHDOG_DEADLINE;
	if (w->cfg.silence_ns && now > beat && now - beat >= w->cfg.silence_ns)
		return WATCHDOG_SILENT;
	return WATCHDOG_NONE;
}

static bool fire(struct shared *s, int from, enum watchdog_reason r)
{
	return atomic_compare_exchange_strong(&s->phase, &from, PHASE_FIRED + (int)r);
}

/*
 * A freeze that has begun may be done at any moment, or has yet to begin: until the agent says that
 * it is done it is tried again, whatever the kernel answers. One that was done and is not any more
 * was thawed by somebody else.
 */
static void guard_thaw(struct watchdog *w, unsigned int slot, int fd)
{
	struct slot *s = &w->shared->slots[slot];
	int state = atomic_load(&s->state), r;

	if (!may_be_frozen(state))
		return;
	r = w->cfg.thaw(w->cfg.opaque, slot, fd);
	if (r == 0)
		atomic_store(&w->shared->thawed, solitary_now());
	if (state == WATCHDOG_FROZEN && (r == 0 || r == -EINVAL))
		atomic_compare_exchange_strong(&s->state, &state, WATCHDOG_THAWED);
}

/* The agent is gone, so nobody freezes any more: once more is enough, if the kernel takes it. */
static void guard_last(struct watchdog *w, unsigned int slot, int fd)
{
	while (may_be_frozen(atomic_load(&w->shared->slots[slot].state))) {
		int r = w->cfg.thaw(w->cfg.opaque, slot, fd);

		if (r == 0)
			atomic_store(&w->shared->thawed, solitary_now());
		if (r == 0 || r == -EINVAL)
			atomic_store(&w->shared->slots[slot].state, WATCHDOG_THAWED);
		else
			nanosleep(&(struct timespec){ .tv_nsec = TICK_ARMED_MS * 1000000 }, NULL);
	}
}

static int guard(struct watchdog *w, unsigned int slot, int fd, int sock)
{
	struct shared *s = w->shared;

	if (w->cfg.lock && solitary_lock_memory() < 0)
		return 125;
	atomic_store(&s->slots[slot].seen, solitary_now());
	atomic_store(&s->slots[slot].state, WATCHDOG_READY);
	for (;;) {
		int phase = atomic_load(&s->phase);
		bool message, gone;

		/* Messages are for the watchdog, which may be dead; only the end counts here. */
		gone = solitary_wait(sock, 0, &message);
		if (!gone)
			nanosleep(&(struct timespec){
				.tv_nsec = (phase == PHASE_IDLE ? TICK_IDLE_MS : TICK_ARMED_MS) *
					   1000000L }, NULL);
		atomic_store(&s->slots[slot].seen, solitary_now());
		phase = atomic_load(&s->phase);
		if (phase == PHASE_ARMED || phase == PHASE_ENDING) {
			enum watchdog_reason r = due(w, gone);

			if (r != WATCHDOG_NONE && fire(s, phase, r))
				atomic_store(&s->reason, (int)r);
			phase = atomic_load(&s->phase);
		}
		if (gone)
			break;
		if (phase >= PHASE_FIRED)
			guard_thaw(w, slot, fd);
	}
	guard_last(w, slot, fd);
	return 0;
}

/* A slot's number, with its descriptor; -1 when there was none. */
static int receive(int sock, unsigned int *ret_slot)
{
	char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = ret_slot, .iov_len = sizeof(*ret_slot) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*ret_slot))
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void take_one(struct watchdog *w, int sock)
{
	unsigned int slot;
	int fd = receive(sock, &slot);

	if (fd < 0)
		return;
	if (slot < WATCHDOG_SLOTS && fork() == 0)
		_exit(guard(w, slot, fd, sock));
	close(fd);
}

static int watch(void *arg, int sock)
{
	struct watchdog *w = arg;
	bool message, gone;

	do {
		gone = solitary_wait(sock, TICK_IDLE_MS, &message);
		if (message && !gone)
			take_one(w, sock);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	} while (!gone);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	return 0;
}

int watchdog_new(const struct watchdog_config *cfg, struct watchdog **ret, struct err *err)
{
	CLEANUP(watchdog_free) struct watchdog *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_nomem(err);
	w->cfg = *cfg;
	w->process.sock = -1;
	w->shared = solitary_share(sizeof(*w->shared));
	if (!w->shared)
		return err_nomem(err);
	r = solitary_start("p2v-watchdog", cfg->lock, watch, w, &w->process, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(w);
	return 0;
}

void watchdog_free(struct watchdog *w)
{
	if (!w)
		return;
	solitary_end(&w->process, END_WAIT_MS);
	solitary_unshare(w->shared, sizeof(*w->shared));
	free(w);
}

static void pause_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int send_fd(int sock, unsigned int slot, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &slot, .iov_len = sizeof(slot) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int watchdog_add(struct watchdog *w, int fd, struct err *err)
{
	uint64_t end = solitary_now() + ANSWER_NS;
	int r;

	if (w->n == WATCHDOG_SLOTS)
		return err_set(err, EMFILE, "more than %d filesystems to freeze", WATCHDOG_SLOTS);
	r = send_fd(w->process.sock, w->n, fd);
	if (r < 0)
		return err_code(err, -r, "the watchdog does not answer");
	while (atomic_load(&w->shared->slots[w->n].state) != WATCHDOG_READY) {
		if (solitary_now() > end)
			return err_set(err, ETIMEDOUT, "the watchdog does not answer: can memory "
				       "be locked?");
		pause_a_little();
	}
	return (int)w->n++;
}

int watchdog_arm(struct watchdog *w, uint64_t bound_ns, struct err *err)
{
	uint64_t now = solitary_now(), end = now + ANSWER_NS;
	struct shared *s = w->shared;

	/* A guard that has looked since now is alive. */
	for (unsigned int i = 0; i < w->n; i++)
		while (atomic_load(&s->slots[i].seen) < now) {
			if (solitary_now() > end)
				return err_set(err, ETIMEDOUT, "a process of the watchdog does not "
					       "answer; nothing was frozen");
			pause_a_little();
		}
	for (unsigned int i = 0; i < w->n; i++)
		atomic_store(&s->slots[i].state, WATCHDOG_READY);
	atomic_store(&s->reason, WATCHDOG_NONE);
	atomic_store(&s->thawed, 0);
	now = solitary_now();
	atomic_store(&s->armed, now);
	atomic_store(&s->beat, now);
	atomic_store(&s->deadline, now + bound_ns);
	atomic_store(&s->phase, PHASE_ARMED);
	return 0;
}

int watchdog_reset(struct watchdog *w, struct err *err)
{
	if (watchdog_holds(w))
		return err_set(err, EBUSY, "a filesystem is still frozen");
	atomic_store(&w->shared->reason, WATCHDOG_NONE);
	atomic_store(&w->shared->phase, PHASE_IDLE);
	return 0;
}

void watchdog_beat(struct watchdog *w)
{
	atomic_store(&w->shared->beat, solitary_now());
}

bool watchdog_freezing(struct watchdog *w, unsigned int slot)
{
	/* First the mark, then the question: a guard that fires in between sees the mark. */
	atomic_store(&w->shared->slots[slot].state, WATCHDOG_FREEZING);
	if (atomic_load(&w->shared->phase) == PHASE_ARMED)
		return true;
	atomic_store(&w->shared->slots[slot].state, WATCHDOG_READY);
	return false;
}

bool watchdog_frozen(struct watchdog *w, unsigned int slot)
{
	atomic_store(&w->shared->slots[slot].state, WATCHDOG_FROZEN);
	return atomic_load(&w->shared->phase) == PHASE_ARMED;
}

void watchdog_not_frozen(struct watchdog *w, unsigned int slot)
{
	atomic_store(&w->shared->slots[slot].state, WATCHDOG_READY);
}

void watchdog_thawed(struct watchdog *w, unsigned int slot)
{
	atomic_store(&w->shared->slots[slot].state, WATCHDOG_THAWED);
}

enum watchdog_state watchdog_slot(const struct watchdog *w, unsigned int slot)
{
	return (enum watchdog_state)atomic_load(&w->shared->slots[slot].state);
}

bool watchdog_ending(struct watchdog *w)
{
	int from = PHASE_ARMED;

	/* The time may be over with all guards about to see it: that counts. */
	if (solitary_now() >= atomic_load(&w->shared->deadline) &&
	    fire(w->shared, PHASE_ARMED, WATCHDOG_DEADLINE))
		atomic_store(&w->shared->reason, WATCHDOG_DEADLINE);
	return atomic_compare_exchange_strong(&w->shared->phase, &from, PHASE_ENDING);
}

void watchdog_fire(struct watchdog *w)
{
	struct shared *s = w->shared;

	if (fire(s, PHASE_ARMED, WATCHDOG_ASKED) || fire(s, PHASE_ENDING, WATCHDOG_ASKED))
		atomic_store(&s->reason, WATCHDOG_ASKED);
}

void watchdog_disarm(struct watchdog *w)
{
	atomic_store(&w->shared->phase, PHASE_IDLE);
}

enum watchdog_reason watchdog_fired(const struct watchdog *w)
{
	int phase = atomic_load(&w->shared->phase);

	return (enum watchdog_reason)(phase >= PHASE_FIRED ? phase - PHASE_FIRED :
				      atomic_load(&w->shared->reason));
}

const char *watchdog_reason_text(enum watchdog_reason r)
{
	switch (r) {
	case WATCHDOG_DEADLINE:
		return "the time for it was over";
	case WATCHDOG_SILENT:
		return "the agent gave no sign of life";
	case WATCHDOG_GONE:
		return "the agent was gone";
	case WATCHDOG_ASKED:
		return "the agent could not";
	default:
		return "nothing has happened";
	}
}

bool watchdog_holds(const struct watchdog *w)
{
	for (unsigned int i = 0; i < WATCHDOG_SLOTS; i++)
		if (may_be_frozen(atomic_load(&w->shared->slots[i].state)))
			return true;
	return false;
}

uint64_t watchdog_thaw_ns(const struct watchdog *w)
{
	uint64_t thawed = atomic_load(&w->shared->thawed);

	return thawed ? thawed - atomic_load(&w->shared->armed) : 0;
}
