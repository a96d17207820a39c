/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: sleeping and waking.
 *
 * A queue's own eventfd stays readable until the last who slept on it has seen it. Who comes meanwhile sleeps on another one,
 * so that he is not woken for old news: there are two, and they change places when nobody is left on the one that
 * was rung before. Only then it is drained: nobody's wake-up can be eaten.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/os.h"
#include "waiter.h"

void os_waitq_init(struct os_waitq *wq)
{
	*wq = (struct os_waitq){ .side = { { .fd = -1 }, { .fd = -1 } }, .events = POLLIN, .lock = PTHREAD_MUTEX_INITIALIZER };
}

void os_waitq_fini(struct os_waitq *wq)
{
	int i;

	for (i = 0; i < 2; i++)
		if (wq->side[i].fd >= 0 && !wq->lent)
			close(wq->side[i].fd);
	os_waitq_init(wq);
}

void os_waitq_lend(struct os_waitq *wq, int fd, short events)
{
	os_waitq_fini(wq);
	wq->lent = fd >= 0;
	if (fd < 0)
		return;
	wq->events = events;
	wq->side[0].fd = fd;
}

void os_waitq_signal(struct os_waitq *wq)
{
	uint64_t one = 1;
	ssize_t n;

	if (!__atomic_exchange_n(&wq->armed, 0, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&wq->lock);
	wq->rung = true;
	do
		n = write(wq->side[wq->now].fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	pthread_mutex_unlock(&wq->lock);
}

static void drain(int fd)
{
	uint64_t v;
	ssize_t n;

	do
		n = read(fd, &v, sizeof(v));
	while (n < 0 && errno == EINTR);
}

static int waiter_push(struct os_waiter *w, int fd, short events, struct os_waitq *wq)
{
	if (w->n == w->room) {
		unsigned int room = w->room ? 2 * w->room : 8;
		struct pollfd *fds = realloc(w->fds, room * sizeof(*fds));
		struct os_waitq **wqs;

		if (!fds)
			return -ENOMEM;
		w->fds = fds;
		wqs = realloc(w->wqs, room * sizeof(*wqs));
		if (!wqs)
			return -ENOMEM;
		w->wqs = wqs;
		w->room = room;
	}
	w->fds[w->n] = (struct pollfd){ .fd = fd, .events = events };
	w->wqs[w->n++] = wq;
	return 0;
}

/* Joins the side on which one sleeps. 0 or -errno. */
static int join(struct os_waitq *wq, struct os_waiter *w)
{
	int other = !wq->now, fd, err;

	if (wq->rung && !wq->side[other].waiters) {
		wq->now = other;
		wq->rung = false;
		if (wq->side[other].fd >= 0)
			drain(wq->side[other].fd);
	}
	fd = wq->side[wq->now].fd;
	if (fd < 0)
		fd = wq->side[wq->now].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = fd < 0 ? -errno : waiter_push(w, fd, wq->events, wq);
	wq->side[wq->now].waiters += !err;
	return err;
}

void os_waitq_record(struct os_waitq *wq, struct os_waiter *w)
{
	int err;

	if (wq->lent) {
		err = waiter_push(w, wq->side[0].fd, wq->events, NULL);
	} else {
		pthread_mutex_lock(&wq->lock);
		err = join(wq, w);
		pthread_mutex_unlock(&wq->lock);
		/* Partner: os_waitq_wake. The look at the ring comes after this. */
		if (!err)
			__atomic_exchange_n(&wq->armed, 1, __ATOMIC_SEQ_CST);
	}
	if (err)
		w->error = err;
}

void os_waiter_init(struct os_waiter *w)
{
	*w = (struct os_waiter){ .nap_ms = -1 };
}

void os_waiter_release(struct os_waiter *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++) {
		struct os_waitq *wq = w->wqs[i];

		if (!wq)
			continue;
		pthread_mutex_lock(&wq->lock);
		wq->side[w->fds[i].fd == wq->side[1].fd].waiters--;
		pthread_mutex_unlock(&wq->lock);
	}
	w->n = 0;
	w->nap_ms = -1;
	w->error = 0;
}

void os_waiter_fini(struct os_waiter *w)
{
	os_waiter_release(w);
	free(w->fds);
	free(w->wqs);
	os_waiter_init(w);
}

int os_waiter_add(struct os_waiter *w, int fd, short events)
{
	int err = waiter_push(w, fd, events, NULL);

	if (err)
		w->error = err;
	return err;
}

void os_waiter_nap(struct os_waiter *w, int ms)
{
	if (w->nap_ms < 0 || ms < w->nap_ms)
		w->nap_ms = ms;
}
