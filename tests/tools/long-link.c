/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A long way on one machine: long-link PORT TARGET-PORT MILLISECONDS takes connections on
 * 127.0.0.1 and passes them on to another port, each byte so much later, in both directions.
 * Prints "ready" once it listens. (A kernel without netem cannot do that to packets.)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WAYS	64		/* directions: two for each connection */
#define PIECE	65536
#define ON_ROAD (32u << 20)	/* bytes under way, in one direction */

struct piece {
	struct piece *next;
	double due;
	size_t len, done;
	char bytes[PIECE];
};

struct way {
	int from, to;
	struct piece *head, **tail;
	size_t bytes;
	bool eof, used;
};

static struct way ways[WAYS];
static double delay;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void quick(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
}

static struct sockaddr_in local(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static void add_way(int from, int to)
{
	for (int i = 0; i < WAYS; i++) {
		if (ways[i].used)
			continue;
		ways[i] = (struct way){ .from = from, .to = to, .used = true };
		ways[i].tail = &ways[i].head;
		return;
	}
	fprintf(stderr, "long-link: too many connections\n");
	exit(1);
}

static void add_connection(int listener, int target)
{
	struct sockaddr_in a = local(target);
	int near = accept(listener, NULL, NULL), far;

	if (near < 0)
		return;
	far = socket(AF_INET, SOCK_STREAM, 0);
	if (far < 0 || connect(far, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(near);
		return;
	}
	quick(near);
	quick(far);
	add_way(near, far);
	add_way(far, near);
}

static void take(struct way *w)
{
	struct piece *p = malloc(sizeof(*p));
	ssize_t n;

	if (!p)
		exit(1);
	n = read(w->from, p->bytes, sizeof(p->bytes));
	if (n <= 0) {
		w->eof = n == 0 || errno != EAGAIN;
		free(p);
		return;
	}
	p->next = NULL;
	p->due = now() + delay;
	p->len = (size_t)n;
	p->done = 0;
	*w->tail = p;
	w->tail = &p->next;
	w->bytes += p->len;
}

static void give(struct way *w)
{
	struct piece *p = w->head;
	ssize_t n = write(w->to, p->bytes + p->done, p->len - p->done);

	if (n < 0 && errno != EAGAIN)
		w->eof = true;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		p->done += (size_t)n;
	if (n > 0 && p->done < p->len)
		return;
	w->bytes -= p->len;
	w->head = p->next;
	if (!w->head)
		w->tail = &w->head;
	free(p);
}

/* A connection goes when both of its directions are at their end and empty. */
static void sweep(void)
{
	for (int i = 0; i < WAYS; i += 2) {
		if (!ways[i].used)
			continue;
		for (int k = i; k < i + 2; k++)
			if (ways[k].eof && !ways[k].head)
				shutdown(ways[k].to, SHUT_WR);
		if (ways[i].eof && !ways[i].head && ways[i + 1].eof && !ways[i + 1].head) {
			close(ways[i].from);
			close(ways[i].to);
			ways[i].used = ways[i + 1].used = false;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = local(argc == 4 ? atoi(argv[1]) : 0);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (argc != 4) {
		fprintf(stderr, "usage: long-link PORT TARGET-PORT MILLISECONDS\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	delay = atof(argv[3]) / 1000;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 16) < 0) {
		perror("long-link");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		struct pollfd p[1 + 2 * WAYS];
		double next = 1, t = now();

		p[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
		for (int i = 0; i < WAYS; i++) {
			struct way *w = &ways[i];
			bool due = w->used && w->head && w->head->due <= t;

			p[1 + i] = (struct pollfd){ .fd = -1, .events = POLLIN };
			p[1 + WAYS + i] = (struct pollfd){ .fd = -1, .events = POLLOUT };
			if (w->used && !w->eof && w->bytes < ON_ROAD)
				p[1 + i].fd = w->from;
			if (due)
				p[1 + WAYS + i].fd = w->to;
			else if (w->used && w->head && w->head->due - t < next)
				next = w->head->due - t;
		}
		if (poll(p, 1 + 2 * WAYS, (int)(next * 1000) + 1) < 0)
			continue;
		for (int i = 0; i < WAYS; i++) {
			if (p[1 + WAYS + i].revents)
				give(&ways[i]);
			if (p[1 + i].revents)
				take(&ways[i]);
		}
		if (p[0].revents)
			add_connection(listener, atoi(argv[2]));
		sweep();
	}
}
