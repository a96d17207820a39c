/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The OS contract in user space: sleeping and waking.
 *
 * A queue's own eventfd stays readable until the last sleeper has seen it: it is drained only by a poller who is alone,
 * so that one cannot eat another's wake-up. Who looks again while others still wake up finds it readable and tries
 * once more, which ends as soon as they have left.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/os.h"
#include "waiter.h"

void os_waitq_init(struct os_waitq *wq)
{
	*wq = (struct os_waitq){ .fd = -1, .events = POLLIN };
}

void os_waitq_fini(struct os_waitq *wq)
{
	if (wq->fd >= 0 && !wq->lent)
		close(wq->fd);
	os_waitq_init(wq);
}

void os_waitq_lend(struct os_waitq *wq, int fd, short events)
{
	os_waitq_fini(wq);
	wq->lent = fd >= 0;
	if (fd < 0)
		return;
	wq->events = events;
	os_store_release(&wq->fd, fd);
}

static void make_readable(int fd)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

void os_waitq_signal(struct os_waitq *wq)
{
	int fd = os_load_acquire(&wq->fd);

	if (__atomic_exchange_n(&wq->armed, 0, __ATOMIC_SEQ_CST) && fd >= 0)
		make_readable(fd);
}

/* The queue's descriptor, made when first asked for. Several pollers may come at once. */
static int waitq_fd(struct os_waitq *wq)
{
	int fd = os_load_acquire(&wq->fd), none = -1;

	if (fd >= 0)
		return fd;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (__atomic_compare_exchange_n(&wq->fd, &none, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	close(fd);
	return none;
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

void os_waitq_record(struct os_waitq *wq, struct os_waiter *w)
{
	bool lent = wq->lent;
	int fd = waitq_fd(wq);
	int err = fd < 0 ? fd : waiter_push(w, fd, wq->events, lent ? NULL : wq);

	if (err) {
		w->error = err;
		return;
	}
	if (lent)
		return;
	if (__atomic_add_fetch(&wq->waiters, 1, __ATOMIC_ACQ_REL) == 1) {
		drain(fd);
		/* Who came meanwhile may have been woken already, and we ate that: he looks again. */
		if (os_load_acquire(&wq->waiters) > 1)
			make_readable(fd);
	}
	/* Partner: os_waitq_wake. The look at the ring comes after this. */
	__atomic_exchange_n(&wq->armed, 1, __ATOMIC_SEQ_CST);
}

void os_waiter_init(struct os_waiter *w)
{
	*w = (struct os_waiter){ .nap_ms = -1 };
}

void os_waiter_release(struct os_waiter *w)
{
	unsigned int i;

	for (i = 0; i < w->n; i++)
		if (w->wqs[i])
			__atomic_sub_fetch(&w->wqs[i]->waiters, 1, __ATOMIC_ACQ_REL);
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
