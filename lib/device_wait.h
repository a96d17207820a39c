/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of every call that waits: poll, select and epoll_wait differ in how they look and in the real
 * call they sleep in, not in the order of things.
 *
 *	look at ours -> nothing ready, may wait -> block signals
 *	    -> look again, recording what to sleep on -> sleep in the real call, on the others and on that -> again ...
 *
 * Signals are blocked but in the real call, which gets the program's mask: one that comes at any time after the first
 * look ends the call with EINTR, as it would in the kernel. Only that sleep can be cancelled.
 */
#ifndef LR_DEVICE_WAIT_H
#define LR_DEVICE_WAIT_H

#include <signal.h>
#include <time.h>

#include "device_table.h"

struct lr_wait_ops {
	/* Asks our descriptors, with lr_desc_ops.ask. How many are ready, or -errno. */
	int (*look)(struct lr_wait *w, struct os_waiter *waiter);
	/*
	 * The real call, over the others, and if there is a waiter on what it has recorded. How many of the others are
	 * ready, or -errno.
	 */
	int (*rest)(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask, const struct os_waiter *waiter);
	/* The end; ready is what the call returns, or -ECANCELED. */
	void (*leave)(struct lr_wait *w, int ready);
};

#define LR_WAIT_FEW 8

struct lr_wait {
	const struct lr_wait_ops *ops;
	struct os_waiter waiter;
	struct lr_desc **held;		/* references until the next look */
	unsigned int num_held, room_held;
	struct lr_desc *few[LR_WAIT_FEW];
};

void lr_wait_init(struct lr_wait *w, const struct lr_wait_ops *ops);

/* A reference that lasts until the next look or the end. 0, -ENOENT when d has none itself, -ENOMEM. */
int lr_wait_hold(struct lr_wait *w, struct lr_desc *d);

/* How many descriptors are ready, 0 when the time is over, or -errno. timeout NULL: no limit; it is valid. */
int lr_wait_run(struct lr_wait *w, const struct timespec *timeout, const sigset_t *mask);

/* For those who take a timeout from a program. */
static inline bool lr_timespec_valid(const struct timespec *t)
{
	return !t || (t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < 1000000000);
}

/* ms as poll and epoll_wait take it. Returns t, or NULL for no limit. */
static inline const struct timespec *lr_timespec_ms(struct timespec *t, int ms)
{
	*t = (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
	return ms < 0 ? NULL : t;
}

#endif
