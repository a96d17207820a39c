/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * An inlet: how packets of the kernel get into an rx ring, in softirq. The ring's program gives slots back by its syncs,
 * under the ring's lock, which cannot be taken here. The two meet in two positions only, as the ends of a pipe do
 * (core/pipe.c): hwtail is written by the inlet (release), hwcur by the program's rxsync (release).
 */
#ifndef LR_INLET_H
#define LR_INLET_H

#include <linux/hrtimer.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>

#include "core/ring.h"

struct lr_inlet {
	spinlock_t lock;	/* taken with softirqs off: several CPUs may receive for one ring; guards all below, and hwtail */
	bool open;		/* the ring is bound; read without the lock for a first guess */
	/*
	 * A free slot has no buffer: the program has put nonsense there, and a new one cannot be had in softirq. The ring's free
	 * slots are the next rxsync's, to mend, until it takes this back.
	 */
	bool stuck;
	bool quiet;		/* somebody was woken: nobody is again before the timer has run */
	bool news;		/* something came in the meantime */
	uint32_t room;		/* so many slots are known to be free */
	struct lr_ring *ring;
	struct hrtimer timer;
};

void lr_inlet_init(struct lr_inlet *in, struct lr_ring *r);
/* The ring has its memory; it is taken away again after lr_inlet_close. */
void lr_inlet_open(struct lr_inlet *in);
void lr_inlet_close(struct lr_inlet *in);

/*
 * A packet for the ring, of which `pulled` bytes lie before its data; `out`: it comes from the stack. Consumes it. In
 * softirq, or with softirqs off. What does not fit is dropped and counted.
 */
void lr_inlet_take(struct lr_inlet *in, struct sk_buff *skb, unsigned int pulled, bool out);
/* Counts a packet that was to come in, or go on from here, and could not. */
void lr_inlet_drop(struct lr_inlet *in);

/* The next free slot has no buffer. Somebody who sleeps has to come and mend it. Under in->lock. */
void lr_inlet_get_stuck(struct lr_inlet *in);

/* The ops->rxsync of such rings. */
int lr_inlet_rxsync(struct lr_ring *r, unsigned int flags);

#endif
