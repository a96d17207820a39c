/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll and ppoll where netmap descriptors may be among the others.
 */
#include <stdlib.h>

#include "device.h"
#include "device_libc.h"
#include "device_wait.h"
#include "waiter.h"

#define FEW 16

/* One of ours: where it is in the program's array. */
struct polled {
	nfds_t at;
	struct lr_desc *desc;
};

struct poll_call {
	struct lr_wait wait;
	struct pollfd *fds;
	nfds_t n;
	struct polled *ours;
	nfds_t num_ours;
	struct polled few[FEW];
	struct pollfd *all;		/* the others, and what a waiter has */
	size_t room;
	struct pollfd few_all[2 * FEW];
};

static int poll_look(struct lr_wait *w, struct os_waiter *waiter)
{
	struct poll_call *c = LR_CONTAINER_OF(w, struct poll_call, wait);
	int ready = 0;
	nfds_t i;

	for (i = 0; i < c->num_ours; i++) {
		struct pollfd *p = &c->fds[c->ours[i].at];
		struct lr_desc *d = c->ours[i].desc;

		p->revents = (short)d->ops->ask(d, p->fd, p->events, w, waiter);
		ready += p->revents != 0;
	}
	return ready;
}

static int make_room(struct poll_call *c, size_t n)
{
	struct pollfd *all;

	if (n <= c->room)
		return 0;
	all = malloc(n * sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (c->all != c->few_all)
		free(c->all);
	c->all = all;
	c->room = n;
	return 0;
}

static int poll_rest(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask, const struct os_waiter *waiter)
{
	struct poll_call *c = LR_CONTAINER_OF(w, struct poll_call, wait);
	unsigned int more = waiter ? waiter->n : 0;
	int ready = 0;
	nfds_t i;

	if (c->n == c->num_ours && !more && !mask && !timeout->tv_sec && !timeout->tv_nsec)
		return 0;
	if (make_room(c, c->n + more) < 0)
		return -ENOMEM;
	memcpy(c->all, c->fds, c->n * sizeof(*c->all));
	for (i = 0; i < c->num_ours; i++)
		c->all[c->ours[i].at].fd = -1;
	if (more)
		memcpy(c->all + c->n, waiter->fds, more * sizeof(*c->all));
	if (lr_libc()->ppoll(c->all, c->n + more, timeout, mask) < 0)
		return -errno;
	for (i = 0; i < c->num_ours; i++)
		c->all[c->ours[i].at].revents = c->fds[c->ours[i].at].revents;
	for (i = 0; i < c->n; i++)
		c->fds[i].revents = c->all[i].revents;
	for (i = 0; i < c->n; i++)
		ready += c->all[i].fd >= 0 && c->all[i].revents;
	return ready;
}

static void poll_leave(struct lr_wait *w, int ready)
{
	struct poll_call *c = LR_CONTAINER_OF(w, struct poll_call, wait);

	(void)ready;
	while (c->num_ours)
		lr_desc_put(c->ours[--c->num_ours].desc);
	if (c->ours != c->few)
		free(c->ours);
	if (c->all != c->few_all)
		free(c->all);
}

static const struct lr_wait_ops poll_ops = { .look = poll_look, .rest = poll_rest, .leave = poll_leave };

/* References to those that are ours, the first of which is at `first`. */
static int gather(struct poll_call *c, nfds_t first)
{
	nfds_t i;

	c->ours = c->few;
	c->num_ours = 0;
	if (c->n - first > FEW)
		c->ours = malloc((c->n - first) * sizeof(*c->ours));
	if (!c->ours)
		return -ENOMEM;
	for (i = first; i < c->n; i++) {
		struct lr_desc *d = lr_fd_get(c->fds[i].fd);

		if (!d)
			continue;
		os_store(&d->calls, os_load(&d->calls) + 1);
		c->ours[c->num_ours++] = (struct polled){ i, d };
	}
	return 0;
}

int lr_device_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	struct poll_call c;
	nfds_t first;
	int ready;

	/* The kernel will not have that many, so we need not read them. */
	if (n > LR_FD_PAGE * LR_FD_PAGES)
		return lr_libc()->ppoll(fds, n, timeout, mask);
	for (first = 0; first < n && !lr_fd_peek(fds[first].fd); first++)
		;
	if (first == n)
		return lr_libc()->ppoll(fds, n, timeout, mask);
	if (!lr_timespec_valid(timeout)) {
		errno = EINVAL;
		return -1;
	}
	pthread_testcancel();

	c.fds = fds;
	c.n = n;
	c.all = c.few_all;
	c.room = LR_ARRAY_SIZE(c.few_all);
	ready = gather(&c, first);
	if (!ready) {
		lr_wait_init(&c.wait, &poll_ops);
		ready = lr_wait_run(&c.wait, timeout, mask);
	}
	if (ready >= 0)
		return ready;
	errno = -ready;
	return -1;
}
