/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doors that are served by polling. See busy.h.
 *
 * Each door belongs to one thread. A round answers all that is asked at each; what rings tell is looked at every so many
 * rounds, as that is a system call for each client that sleeps.
 *
 * Lock: a thread's own, held for a round: who adds or removes a door waits for that.
 */
#include "daemon/busy.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/config.h"

#define NEWS_ROUNDS 16

struct entry {
	struct lr_door *door;
	struct lr_file *file;
};

struct lr_busy {
	pthread_mutex_t lock;
	unsigned int wanted;	/* somebody waits for the lock */
	struct entry *entry;
	unsigned int n, room;
};

static struct lr_busy *busy;
static unsigned int next;

static void round_of_news(struct lr_door *d)
{
	struct os_waiter *w = &d->waiter;

	if (d->armed && (w->error || w->nap_ms >= 0 || poll(w->fds, w->n, 0) > 0))
		lr_door_news(d);
}

static void *run(void *arg)
{
	struct lr_busy *b = arg;
	unsigned int turn, i;

	for (turn = 0;; turn++) {
		pthread_mutex_lock(&b->lock);
		for (i = 0; i < b->n; i++) {
			lr_door_serve(b->entry[i].door, b->entry[i].file);
			if (turn % NEWS_ROUNDS == 0)
				round_of_news(b->entry[i].door);
		}
		pthread_mutex_unlock(&b->lock);
		/* A lock that is taken again at once would not be given to anybody else. */
		while (__atomic_load_n(&b->wanted, __ATOMIC_ACQUIRE))
			sched_yield();
		__builtin_ia32_pause();
	}
	return NULL;
}

static int start(struct lr_busy *b, int cpu)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	pthread_mutex_init(&b->lock, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, run, b);
	pthread_attr_destroy(&attr);
	if (err)
		fprintf(stderr, "netmapd: no thread can be had on processor %d: %s\n", cpu, strerror(err));
	return -err;
}

int lr_busy_init(void)
{
	unsigned int i;
	int err;

	busy = calloc(lr_config.num_busy + 1, sizeof(*busy));
	if (!busy)
		return -ENOMEM;
	for (i = 0; i < lr_config.num_busy; i++) {
		err = start(&busy[i], lr_config.busy[i]);
		if (err)
			return err;
	}
	return 0;
}

static void lock(struct lr_busy *b)
{
	__atomic_add_fetch(&b->wanted, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_lock(&b->lock);
	__atomic_sub_fetch(&b->wanted, 1, __ATOMIC_ACQ_REL);
}

struct lr_busy *lr_busy_add(struct lr_door *d, struct lr_file *f)
{
	struct lr_busy *b;

	if (!lr_config.num_busy)
		return NULL;
	b = &busy[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % lr_config.num_busy];
	lock(b);
	if (b->n == b->room) {
		unsigned int room = b->room ? 2 * b->room : 16;
		struct entry *more = realloc(b->entry, room * sizeof(*more));

		if (!more) {
			pthread_mutex_unlock(&b->lock);
			return NULL;
		}
		b->entry = more;
		b->room = room;
	}
	b->entry[b->n++] = (struct entry){ d, f };
	pthread_mutex_unlock(&b->lock);
	return b;
}

void lr_busy_remove(struct lr_busy *b, struct lr_door *d)
{
	unsigned int i;

	lock(b);
	for (i = 0; b->entry[i].door != d; i++)
		;
	b->entry[i] = b->entry[--b->n];
	pthread_mutex_unlock(&b->lock);
}
