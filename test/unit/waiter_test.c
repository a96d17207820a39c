/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping and waking: no wake-up is lost, whoever else sleeps on the same ring and whenever the news come.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/user/waiter.h"

#include "core.h"

#define PATIENCE 20000	/* ms that nothing here can take */

static bool readable(const struct os_waiter *w)
{
	return poll(w->fds, w->n, 0) > 0;
}

/* --- One step at a time -------------------------------------------------------------------------- */

static void record_and_wake(void)
{
	struct os_waitq wq;
	struct os_waiter w;
	int i;

	os_waitq_init(&wq);
	os_waiter_init(&w);
	CHECK(!os_waitq_wake(&wq));
	CHECK_EQ(wq.side[0].fd, -1);
	for (i = 0; i < 3; i++) {
		os_waitq_record(&wq, &w);
		CHECK(w.n == 1 && !w.error && !readable(&w));
		CHECK(os_waitq_wake(&wq));
		CHECK(!os_waitq_wake(&wq));
		CHECK(readable(&w));
		os_waiter_release(&w);
		CHECK_EQ(wq.side[0].waiters + wq.side[1].waiters, 0);
	}
	/* News that nobody slept on do not wake the next one. */
	CHECK(!os_waitq_wake(&wq));
	os_waitq_record(&wq, &w);
	CHECK(!readable(&w));
	os_waiter_fini(&w);
	os_waitq_fini(&wq);
	CHECK_EQ(wq.side[0].fd, -1);
}

static void two_on_one_queue(void)
{
	struct os_waitq wq;
	struct os_waiter a, b;

	os_waitq_init(&wq);
	os_waiter_init(&a);
	os_waiter_init(&b);
	os_waitq_record(&wq, &a);
	CHECK(os_waitq_wake(&wq));
	/* Another comes before the first has seen it: the news stay for the first, and are none to the other. */
	os_waitq_record(&wq, &b);
	CHECK(readable(&a) && !readable(&b));
	os_waiter_release(&a);
	CHECK(os_waitq_wake(&wq));
	CHECK(readable(&b));
	os_waiter_release(&b);
	os_waitq_record(&wq, &a);
	CHECK(!readable(&a));
	os_waitq_record(&wq, &b);
	CHECK(os_waitq_wake(&wq));
	CHECK(readable(&a) && readable(&b));
	os_waiter_fini(&a);
	os_waiter_fini(&b);
	os_waitq_fini(&wq);
}

static void lent_descriptors(void)
{
	struct os_waitq wq;
	struct os_waiter w;
	int fd = eventfd(0, EFD_NONBLOCK);

	os_waitq_init(&wq);
	os_waiter_init(&w);
	os_waitq_lend(&wq, fd, POLLOUT);
	os_waitq_record(&wq, &w);
	CHECK(w.n == 1 && w.fds[0].fd == fd && w.fds[0].events == POLLOUT);
	/* Its owner wakes through the descriptor; it is not ours to write, drain or close. */
	CHECK(!os_waitq_wake(&wq));
	os_waiter_release(&w);
	CHECK_EQ(wq.side[0].waiters + wq.side[1].waiters, 0);
	os_waitq_lend(&wq, -1, 0);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	os_waitq_record(&wq, &w);
	CHECK(w.n == 1 && w.fds[0].fd != fd && w.fds[0].events == POLLIN);
	CHECK(os_waitq_wake(&wq) && readable(&w));
	os_waiter_fini(&w);
	os_waitq_fini(&wq);
	close(fd);
}

static void many_queues_and_naps(void)
{
	struct os_waitq wq[40];
	struct os_waiter w;
	unsigned int i;
	int pipefd[2];

	os_waiter_init(&w);
	CHECK_EQ(w.nap_ms, -1);
	for (i = 0; i < 40; i++) {
		os_waitq_init(&wq[i]);
		os_waitq_record(&wq[i], &w);
	}
	CHECK(w.n == 40 && !w.error && !readable(&w));
	os_waitq_wake(&wq[39]);
	CHECK(readable(&w) && w.fds[39].revents == POLLIN);
	if (pipe(pipefd) < 0)
		abort();
	CHECK_EQ(os_waiter_add(&w, pipefd[0], POLLIN), 0);
	os_waiter_nap(&w, 50);
	os_waiter_nap(&w, 70);
	CHECK_EQ(w.nap_ms, 50);
	os_waiter_nap(&w, 0);
	CHECK_EQ(w.nap_ms, 0);
	os_waiter_fini(&w);
	CHECK(w.n == 0 && w.nap_ms == -1);
	for (i = 0; i < 40; i++) {
		CHECK_EQ(wq[i].side[0].waiters, 0);
		os_waitq_fini(&wq[i]);
	}
	close(pipefd[0]);
	close(pipefd[1]);
}

/* Without descriptors there is no sleep: the host is told, and nothing else happens. */
static void no_descriptors(void)
{
	struct rlimit old, none;
	struct os_waitq wq;
	struct os_waiter w;

	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ 0, old.rlim_max };
	os_waitq_init(&wq);
	os_waiter_init(&w);
	setrlimit(RLIMIT_NOFILE, &none);
	os_waitq_record(&wq, &w);
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK(w.error == -EMFILE && w.n == 0 && wq.side[0].waiters == 0);
	os_waiter_release(&w);
	CHECK_EQ(w.error, 0);
	os_waitq_record(&wq, &w);
	CHECK(w.n == 1 && !w.error);
	os_waiter_fini(&w);
	os_waitq_fini(&wq);
}

/* --- Threads --------------------------------------------------------------------------------------- */

/* Waits as a host does until there is what poll asked for. False: the wake-up was lost. */
static bool wait_for(struct lr_file *f, unsigned int events)
{
	struct os_waiter w;
	bool there = lr_file_poll(f, events, NULL), lost = false;

	os_waiter_init(&w);
	while (!there && !lost) {
		there = lr_file_poll(f, events, &w);
		lost = !there && poll(w.fds, w.n, PATIENCE) == 0;
		os_waiter_release(&w);
	}
	os_waiter_fini(&w);
	return !lost;
}

#define ROUNDS 20000

struct player {
	struct lr_file *file;
	bool begins;
};

static bool throw_ball(struct lr_file *f)
{
	struct netmap_ring *r = core_tx(f);

	if (!wait_for(f, LR_POLLOUT))
		return false;
	r->slot[r->head].len = 60;
	r->head = lr_pos_next(r->head, r->num_slots);
	r->cur = r->head;
	lr_file_ioctl(f, NIOCTXSYNC, 0);
	return true;
}

static bool catch_ball(struct lr_file *f)
{
	struct netmap_ring *r = core_rx(f);

	if (!wait_for(f, LR_POLLIN))
		return false;
	CHECK(r->head != r->tail);
	r->head = r->cur = lr_pos_next(r->head, r->num_slots);
	return true;
}

/* Only one of the two has something to do at any time: each round takes two wake-ups. */
static void *play(void *arg)
{
	struct player *p = arg;
	int i;

	for (i = 0; i < ROUNDS && !unit_failed(); i++)
		if ((p->begins && !throw_ball(p->file)) || !catch_ball(p->file) || (!p->begins && !throw_ball(p->file)))
			FAIL("a wake-up was lost in round %d", i);
	return NULL;
}

static void ping_pong(void)
{
	struct player a = { core_must_open("lrx{1", 4), true }, b = { core_must_open("lrx}1", 4), false };
	pthread_t t;

	pthread_create(&t, NULL, play, &b);
	play(&a);
	pthread_join(t, NULL);
	lr_file_close(a.file);
	lr_file_close(b.file);
	CHECK(core_is_empty());
}

#define PACKETS 200000

/* A sender that is faster than the ring is long, and a receiver that takes its time: both sleep. */
static void *receive_all(void *arg)
{
	struct lr_file *f = arg;
	struct netmap_ring *r = core_rx(f);
	uint32_t n = 0;

	while (n < PACKETS && !unit_failed()) {
		if (!wait_for(f, LR_POLLIN)) {
			FAIL("the receiver sleeps after %u packets", n);
			break;
		}
		for (; r->head != r->tail; n++)
			r->head = r->cur = lr_pos_next(r->head, r->num_slots);
	}
	lr_file_ioctl(f, NIOCRXSYNC, 0);
	return NULL;
}

static void full_and_empty(void)
{
	struct lr_file *a = core_must_open("lrx{1", 4), *b = core_must_open("lrx}1", 4);
	struct netmap_ring *r = core_tx(a);
	uint32_t n = 0;
	pthread_t t;

	pthread_create(&t, NULL, receive_all, b);
	while (n < PACKETS && !unit_failed()) {
		if (!wait_for(a, LR_POLLOUT)) {
			FAIL("the sender sleeps after %u packets", n);
			break;
		}
		for (; r->head != r->tail && n < PACKETS; n++)
			r->head = r->cur = lr_pos_next(r->head, r->num_slots);
		lr_file_ioctl(a, NIOCTXSYNC, 0);
	}
	/* What had no room then is still to be pushed. */
	while (os_load(&core_ring(a, LR_TX, 0)->hwcur) != r->head && !unit_failed())
		wait_for(a, LR_POLLIN | LR_POLLOUT);
	pthread_join(t, NULL);
	lr_file_close(a);
	lr_file_close(b);
	CHECK(core_is_empty());
}

/* --- Several sleepers on one ring -------------------------------------------------------------------- */

#define GENERATIONS 3000

static struct os_waitq crowd_queue;
static _Atomic uint32_t generation, seen;
static uint32_t looks;

static void *one_of_the_crowd(void *arg)
{
	struct os_waiter w;
	uint32_t g;

	os_waiter_init(&w);
	for (g = 1; g <= GENERATIONS && !unit_failed(); g++) {
		for (;;) {
			os_waitq_record(&crowd_queue, &w);
			__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED);
			if (generation >= g || unit_failed())
				break;
			if (poll(w.fds, w.n, PATIENCE) == 0)
				FAIL("sleeper %d has missed generation %u", (int)(intptr_t)arg, g);
			os_waiter_release(&w);
		}
		os_waiter_release(&w);
		seen++;
	}
	os_waiter_fini(&w);
	return NULL;
}

/* Each sleeps until there is news, and there is none before all have seen the last: nobody is woken by chance. */
static void crowd_of(unsigned int n)
{
	pthread_t t[4];
	uint32_t g;
	uintptr_t i;

	os_waitq_init(&crowd_queue);
	generation = seen = 0;
	looks = 0;
	for (i = 0; i < n; i++)
		pthread_create(&t[i], NULL, one_of_the_crowd, (void *)i);
	for (g = 1; g <= GENERATIONS && !unit_failed(); g++) {
		generation = g;
		os_waitq_wake(&crowd_queue);
		while (seen < g * n && !unit_failed())
			sched_yield();
	}
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	printf("# %u sleepers looked %.1f times for each news\n", n, (double)looks / GENERATIONS / n);
	CHECK(looks < 100ul * GENERATIONS * n);	/* they sleep between news */
	CHECK_EQ(crowd_queue.side[0].waiters + crowd_queue.side[1].waiters, 0);
	os_waitq_fini(&crowd_queue);
}

static void crowds(void)
{
	crowd_of(1);
	crowd_of(2);
	crowd_of(4);
}

static const struct unit_case cases[] = {
	{ "record, wake, release", record_and_wake },
	{ "two on one queue", two_on_one_queue },
	{ "lent descriptors", lent_descriptors },
	{ "many queues, and naps", many_queues_and_naps },
	{ "no descriptors left", no_descriptors },
	{ "ping-pong loses no wake-up", ping_pong },
	{ "neither full nor empty rings sleep for ever", full_and_empty },
	{ "several sleepers on one ring", crowds },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
