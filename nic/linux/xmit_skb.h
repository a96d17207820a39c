/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The skbs that transmit hands to drivers: where they come from, and how we learn that they are done with. Only for xmit*.c.
 *
 * Pool (where drivers leave skbs as they are): we hold one reference to each, the driver gets a second one. An skb with
 * a single reference is free, and it is reset and filled again. The pool grows while the next one is still in use, up to
 * as many as the ring has slots. Where that is fewer than the driver's own queue may hold, up to a queue's usual length: some
 * drivers look at what is sent only when the next frame comes, or when an interrupt has been held back for long.
 *
 * Fresh: made for one frame, the driver's alone, with a destructor that counts it out. In the pool's mode one in
 * EVENT_EVERY is fresh while somebody may be waiting, as there is no other way to be told of a frame's end.
 *
 * The lr_xmit lives as long as its last fresh skb: `refs` counts those, and one for the owner. Destructors run anywhere, under RCU,
 * so that the lr_xmit is freed, and the module let go, a grace period after the last one.
 */
#ifndef LR_XMIT_SKB_H
#define LR_XMIT_SKB_H

#include <linux/hrtimer.h>
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "core/ring.h"

#define COPY_STEP 64u	/* bytes of a frame are copied in steps of this many, past its end: there is room for it */

struct lr_xmit {
	/* Guarded by the ring's lock. */
	struct net_device *dev;		/* NULL: detached */
	struct sk_buff **pool;
	uint32_t next, size, limit;	/* in the pool: the one to take, how many there are, may be */
	uint32_t headroom, room;	/* of each, in bytes: before the frame, for the frame; multiples of COPY_STEP */
	uint32_t credit, refill;	/* frames from the pool before a fresh one; and after that */
	unsigned int queue;
	uint64_t nap;			/* ns until the timer looks again */

	/* What the end of a frame's transmission meets. */
	atomic_t refs;			/* fresh skbs, and the owner */
	int refs_low;			/* so few: worth to wake for */
	bool waited;			/* somebody may sleep until there is room */
	spinlock_t lock;		/* guards ring: it may go while frames are in flight */
	struct lr_ring *ring;		/* NULL: destroyed */
	struct hrtimer timer;
	struct rcu_head rcu;
};

/* What is taken from now on: from the pool, where that is possible, and ends to be told of if somebody waits for them. */
void lr_xmit_skb_mode(struct lr_xmit *x, bool waits);

/*
 * An skb for a frame of len bytes, empty, with the references that it has when a driver gets it; or an ERR_PTR: -EAGAIN
 * while too many are in flight, -ENOMEM. Softirqs off, ring lock held.
 */
struct sk_buff *lr_xmit_skb_take(struct lr_xmit *x, unsigned int len);

/* Of the pool, and with nobody else. A clone of it, wherever it came from, reads our data. */
static inline bool lr_xmit_skb_free(const struct sk_buff *skb)
{
	if (unlikely(refcount_read(&skb->users) != 1 || skb->cloned))
		return false;
	/* Partner: the release in the driver's last put. What it did with the skb is over. */
	smp_acquire__after_ctrl_dep();
	return true;
}

/* Not handed over after all. */
static inline void lr_xmit_skb_return(struct sk_buff *skb)
{
	if (skb->destructor)
		consume_skb(skb);
	else
		refcount_set(&skb->users, 1);
}

/*
 * The frame is in, at data, which is headroom behind the skb's start: it becomes an skb that has never been anywhere. What no
 * driver may change in a shared one stays.
 */
static inline void lr_xmit_skb_finish(struct sk_buff *skb, unsigned char *data, uint32_t headroom, unsigned int len,
				      unsigned int queue)
{
	/* A driver whose hardware sends nothing shorter could not make a shared skb longer. */
	if (unlikely(len < ETH_ZLEN) && !skb->destructor) {
		memset(data + len, 0, ETH_ZLEN - len);
		len = ETH_ZLEN;
	}
	skb->data = data;
	skb->len = len;
	skb->tail = headroom + len;
	skb->protocol = ((const struct ethhdr *)data)->h_proto;
	skb_clear_hash(skb);
	skb_set_queue_mapping(skb, queue);
}

/* Wakes who sleeps on the ring, as long as there is a ring. Any context. */
void lr_xmit_wake(struct lr_xmit *x);

/*
 * The pool, if the device can have one, and the owner's reference: 0 or -ENOMEM. fini gives both back, and x goes with its
 * last skb.
 */
int lr_xmit_skb_init(struct lr_xmit *x);
void lr_xmit_skb_fini(struct lr_xmit *x);

#endif
