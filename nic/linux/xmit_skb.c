/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The skbs that transmit hands to drivers. See xmit_skb.h.
 */
#include <linux/module.h>

#include "fail.h"
#include "xmit.h"
#include "xmit_skb.h"

#define POOL_ROOM 1536u		/* longest frame for the pool: what fits into 2 KiB with all that belongs to an skb */
#define FLIGHT_MIN 256u		/* so many may be in flight also for a short ring: drivers are late to tell of an end */
#define EVENT_EVERY 64u		/* frames to one that tells of its end, where most do not */
#define LOOK_AHEAD 8u		/* skbs of the pool to look at for a free one: a driver may keep single ones for long */

static bool dev_shares(const struct net_device *dev)
{
	return dev->priv_flags & IFF_TX_SKB_SHARING;
}

static uint32_t dev_headroom(const struct net_device *dev)
{
	return ALIGN(LL_RESERVED_SPACE(dev), COPY_STEP);
}

const char *lr_xmit_way(const struct net_device *dev)
{
	return dev_shares(dev) ? "transmit by a pool of skbs" : "transmit by an skb for each frame";
}

/* --- Making skbs -------------------------------------------------------------------------- */

/* What is the same for all frames. Drivers look at the headers' places. */
static void skb_begin(struct sk_buff *skb, struct net_device *dev, uint32_t headroom)
{
	skb_reserve(skb, headroom);
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, ETH_HLEN);
	skb->dev = dev;
}

static struct sk_buff *pool_skb(const struct lr_xmit *x)
{
	struct sk_buff *skb;

	if (os_fail_alloc())
		return NULL;
	/* A driver that pads on its own finds room for it. */
	skb = alloc_skb(x->headroom + x->room + COPY_STEP + x->dev->needed_tailroom, GFP_ATOMIC | __GFP_NOWARN);
	if (skb)
		skb_begin(skb, x->dev, x->headroom);
	return skb;
}

/* The cheapest that the kernel has: memory from a page at hand, the skb from this CPU's cache. */
static struct sk_buff *skb_on_page(uint32_t size)
{
	void *data = napi_alloc_frag(size);
	struct sk_buff *skb;

	if (!data)
		return NULL;
	skb = napi_build_skb(data, size);
	if (!skb)
		skb_free_frag(data);
	return skb;
}

static struct sk_buff *fresh_skb(const struct lr_xmit *x, unsigned int len)
{
	uint32_t bytes, size;
	struct sk_buff *skb;

	if (os_fail_alloc())
		return NULL;
	bytes = x->headroom + ALIGN(max_t(uint32_t, len, ETH_ZLEN), COPY_STEP) + x->dev->needed_tailroom;
	size = SKB_DATA_ALIGN(bytes) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	skb = size <= PAGE_SIZE ? skb_on_page(size) : alloc_skb(bytes, GFP_ATOMIC | __GFP_NOWARN);
	if (skb)
		skb_begin(skb, x->dev, x->headroom);
	return skb;
}

/* --- The end of a frame ----------------------------------------------------------------------- */

void lr_xmit_wake(struct lr_xmit *x)
{
	unsigned long flags;

	spin_lock_irqsave(&x->lock, flags);
	if (x->ring && os_waitq_wake(&x->ring->wq))
		lr_count(&x->ring->count.wakeups, 1);
	spin_unlock_irqrestore(&x->lock, flags);
}

static void free_later(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct lr_xmit, rcu));
	/* Softirqs are off: removal of the module waits for the end of this function. */
	module_put(THIS_MODULE);
}

static void skb_done(struct sk_buff *skb)
{
	struct lr_xmit *x = skb_shinfo(skb)->destructor_arg;
	int refs;

	rcu_read_lock();
	/* A sync that sets waited just after this misses it; its timer does not. */
	refs = atomic_dec_return(&x->refs);
	if (unlikely(!refs)) {
		call_rcu(&x->rcu, free_later);
	} else if (unlikely(READ_ONCE(x->waited)) && refs <= x->refs_low) {
		WRITE_ONCE(x->waited, false);
		lr_xmit_wake(x);
	}
	rcu_read_unlock();
}

/* --- Taking them ----------------------------------------------------------------------------- */

static struct sk_buff *fresh(struct lr_xmit *x, unsigned int len)
{
	struct sk_buff *skb;

	if (unlikely(atomic_read(&x->refs) > x->limit))
		return ERR_PTR(-EAGAIN);
	skb = fresh_skb(x, len);
	if (unlikely(!skb))
		return ERR_PTR(-ENOMEM);
	atomic_inc(&x->refs);
	skb_shinfo(skb)->destructor_arg = x;
	skb->destructor = skb_done;
	x->credit = x->refill;
	return skb;
}

static struct sk_buff *pool_give(struct lr_xmit *x)
{
	struct sk_buff *skb = x->pool[x->next];

	refcount_set(&skb->users, 2);
	x->next = lr_pos_next(x->next, x->size);
	x->credit--;
	return skb;
}

/* A new one in place of one that the driver is done with, but has a clone somewhere. */
static bool pool_renew(struct lr_xmit *x)
{
	struct sk_buff **at = &x->pool[x->next], *skb;

	if (refcount_read(&(*at)->users) != 1)
		return false;
	skb = pool_skb(x);
	if (!skb)
		return false;
	consume_skb(*at);
	*at = skb;
	return true;
}

/* A new one where the next to take is; that goes to the end. False: the pool is full, or memory is. */
static bool pool_grow(struct lr_xmit *x)
{
	struct sk_buff *skb;

	if (x->size == x->limit)
		return false;
	skb = pool_skb(x);
	if (!skb)
		return false;
	x->pool[x->size++] = x->pool[x->next];
	x->pool[x->next] = skb;
	return true;
}

/* The next free one of the pool. */
static struct sk_buff *pool_take(struct lr_xmit *x)
{
	uint32_t i;

	for (i = 0; i < LOOK_AHEAD; i++) {
		if (lr_xmit_skb_free(x->pool[x->next]) || pool_renew(x) || pool_grow(x))
			return pool_give(x);
		x->next = lr_pos_next(x->next, x->size);
	}
	return ERR_PTR(-EAGAIN);
}

struct sk_buff *lr_xmit_skb_take(struct lr_xmit *x, unsigned int len)
{
	struct sk_buff *skb;

	if (x->credit && len <= x->room)
		return pool_take(x);
	skb = fresh(x, len);
	if (likely(!IS_ERR(skb)) || !x->refill || len > x->room)
		return skb;
	/* An end that is not told of is better than a frame that is not sent. */
	x->credit = x->refill;
	return pool_take(x);
}

static void pool_empty(struct lr_xmit *x)
{
	while (x->size)
		consume_skb(x->pool[--x->size]);
	x->next = 0;
}

void lr_xmit_skb_mode(struct lr_xmit *x, bool waits)
{
	uint32_t headroom = dev_headroom(x->dev);

	/* What the device wants in front of a frame has grown: a driver cannot make room in a shared skb. */
	if (unlikely(headroom > x->headroom)) {
		pool_empty(x);
		x->headroom = headroom;
	}
	x->refill = 0;
	if (x->pool && (x->size || pool_grow(x)))
		x->refill = waits ? EVENT_EVERY : UINT_MAX;
	if (x->credit > x->refill || !waits)
		x->credit = x->refill;
}

/* --- Life -------------------------------------------------------------------------------------- */

int lr_xmit_skb_init(struct lr_xmit *x)
{
	struct net_device *dev = x->dev;

	x->limit = max(x->ring->num_slots, FLIGHT_MIN);
	x->refs_low = 1 + x->limit / 2;
	x->headroom = dev_headroom(dev);
	x->room = POOL_ROOM;
	if (dev_shares(dev)) {
		x->pool = os_zalloc(x->limit * sizeof(*x->pool));
		if (!x->pool)
			return -ENOMEM;
	}
	atomic_set(&x->refs, 1);
	__module_get(THIS_MODULE);
	return 0;
}

void lr_xmit_skb_fini(struct lr_xmit *x)
{
	pool_empty(x);
	os_free(x->pool);
	if (!atomic_dec_and_test(&x->refs))
		return;
	/* A destructor on another CPU may not have left yet. */
	kfree_rcu(x, rcu);
	module_put(THIS_MODULE);
}
