/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Transmit: slots [hwcur, head) of a tx ring into a queue of the driver. See xmit.h.
 *
 * Frames go in runs, one for each time that the queue's lock is held with softirqs off: every frame but the last comes with the
 * promise of another one (xmit_more), so that the hardware is told once. A frame is handed over when the next is ready, or it
 * is certain that there is none. A run ends at a packet that cannot be sent (it is dropped between runs), where the queue
 * stops, and after RUN_MAX frames.
 *
 * What the device's state says is looked at with softirqs off: who takes a device down clears __LINK_STATE_START, then waits for all
 * such sections (dev_deactivate_many), then stops the driver. The same goes for the number of queues
 * (netif_set_real_num_tx_queues).
 *
 * Locks: the ring's lock, then the queue's.
 */
#include <linux/hrtimer.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>

#include "core/port.h"
#include "core/ring.h"
#include "os_compat.h"
#include "param.h"
#include "xmit.h"
#include "xmit_skb.h"

#define RUN_MAX 256u			/* frames under one hold of the queue's lock */
#define COPY_INLINE 256u		/* longer ones are better copied by the CPU's own instruction */
#define NAP_MIN (50 * NSEC_PER_USEC)
#define NAP_MAX (10 * NSEC_PER_MSEC)

/* How a run ended. */
enum run_end {
	RUN_OUT,	/* no slots left, or enough for one run */
	RUN_PART,	/* the last slot of the packet has not come */
	RUN_ODD,	/* a packet that cannot be sent */
	RUN_FULL,	/* nobody takes more now */
};

/* --- The device's state ------------------------------------------------------------------------ */

/* The driver may be called. Softirqs off, for as long as the answer shall hold. */
static bool dev_ready(const struct net_device *dev)
{
	return netif_running(dev) && netif_carrier_ok(dev) && netif_device_present(dev);
}

/* A queue that it has. Softirqs off, as above. */
static unsigned int dev_queue(const struct net_device *dev, unsigned int queue)
{
	unsigned int n = READ_ONCE(dev->real_num_tx_queues);

	return unlikely(queue >= n) ? queue % n : queue;
}

/* The longest frame that it carries, with a tag. */
static unsigned int dev_frame_max(const struct net_device *dev)
{
	return READ_ONCE(dev->mtu) + dev->hard_header_len + VLAN_HLEN;
}

/* --- From slots to skbs ---------------------------------------------------------------------- */

/* Copies a frame in steps; reads and writes up to a step past its end, where both buffers have room. */
static __always_inline void copy_steps(void *to, const void *from, unsigned int len)
{
	const u64 *s = from;
	int left = (int)len;
	u64 *d = to;

	if (unlikely(len > COPY_INLINE)) {
		memcpy(to, from, len);
		return;
	}
	do {
		u64 a = s[0], b = s[1], c = s[2], e = s[3];

		d[0] = a;
		d[1] = b;
		d[2] = c;
		d[3] = e;
		a = s[4], b = s[5], c = s[6], e = s[7];
		d[4] = a;
		d[5] = b;
		d[6] = c;
		d[7] = e;
		s += COPY_STEP / sizeof(*s);
		d += COPY_STEP / sizeof(*d);
		left -= COPY_STEP;
	} while (left > 0);
}

/*
 * The packet at pos, in several slots or too long for the pool, and how many slots it has. ERR_PTR: -EAGAIN no skb now,
 * -ENODATA it is not complete, others: it cannot be sent.
 */
static noinline struct sk_buff *gather(struct lr_xmit *x, const struct lr_ring *r, uint32_t pos, unsigned int queue, uint32_t *slots)
{
	uint32_t left = lr_pos_dist(pos, r->head, r->num_slots), len = 0, n = 0, i;
	uint32_t most = min_t(uint32_t, NETMAP_MAX_FRAGS, r->num_slots - 1);
	struct lr_slot part[NETMAP_MAX_FRAGS];
	struct sk_buff *skb;
	unsigned char *data;

	do {
		if (n == most)
			return ERR_PTR(-EMSGSIZE);
		if (n == left)
			return ERR_PTR(-ENODATA);
		part[n] = lr_slot_read(&r->slot[pos]);
		if (!lr_slot_ok(r, part[n]))
			return ERR_PTR(-EINVAL);
		len += part[n].len;
		pos = lr_pos_next(pos, r->num_slots);
	} while (part[n++].flags & NS_MOREFRAG);
	if (len < ETH_HLEN || len > dev_frame_max(x->dev))
		return ERR_PTR(-EMSGSIZE);
	skb = len <= x->room ? lr_xmit_skb_take(x, len) : lr_xmit_skb_fresh(x, len);
	if (IS_ERR(skb))
		return skb;
	data = lr_xmit_skb_data(x, skb);
	for (i = 0, len = 0; i < n; len += part[i++].len)
		memcpy(data + len, lr_region_buf(r->port->region, part[i].idx), part[i].len);
	lr_xmit_skb_finish(x, skb, len, queue);
	*slots = n;
	return skb;
}

/* The packet at pos, of at most `max` bytes if it is an ordinary one. Otherwise as gather. */
static __always_inline struct sk_buff *fetch(struct lr_xmit *x, const struct lr_ring *r, uint32_t pos, unsigned int max,
					     unsigned int queue, uint32_t *slots)
{
	struct netmap_slot *at = &r->slot[pos];
	struct lr_slot s = lr_slot_read(at);
	struct sk_buff *skb;

	if (unlikely(s.flags & NS_MOREFRAG || s.len - ETH_HLEN > max - ETH_HLEN || !lr_buf_ok(r, s.idx)))
		return gather(x, r, pos, queue, slots);
	skb = lr_xmit_skb_take(x, s.len);
	if (IS_ERR(skb))
		return skb;
	copy_steps(lr_xmit_skb_data(x, skb), lr_region_buf(r->port->region, s.idx), s.len);
	lr_xmit_skb_finish(x, skb, s.len, queue);
	if (s.flags & (NS_BUF_CHANGED | NS_REPORT))
		os_store(&at->flags, (uint16_t)(s.flags & ~(NS_BUF_CHANGED | NS_REPORT)));
	*slots = 1;
	return skb;
}

/* The packet at hwcur, or the rest of one, is taken and not sent. Its last slot may come with a later sync. */
static void drop_packet(struct lr_ring *r)
{
	bool whole = !r->skip;
	uint32_t bad = 0, len = 0;

	lr_count(&r->count.drops, whole);
	do {
		struct lr_slot s = lr_slot_read(&r->slot[r->hwcur]);

		r->skip = s.flags & NS_MOREFRAG;
		len += s.len;
		bad += lr_ring_mend_slot(r, r->hwcur);
		os_store(&r->hwcur, lr_pos_next(r->hwcur, r->num_slots));
	} while (r->skip && r->hwcur != r->head);
	if (whole && !r->skip && !bad && len < ETH_HLEN)
		bad = 1;
	lr_count(&r->count.bad_slots, bad);
}

/* --- From skbs to the driver -------------------------------------------------------------------- */

static enum run_end why_no_skb(long err)
{
	return err == -EAGAIN ? RUN_FULL : err == -ENODATA ? RUN_PART : RUN_ODD;
}

/* Packets from hwcur on, under the queue's lock; hwcur stops at the first one that was not handed over. */
static enum run_end hand_over(struct lr_xmit *x, struct lr_ring *r, struct net_device *dev, struct netdev_queue *txq,
			      unsigned int queue)
{
	unsigned int max = min3(dev_frame_max(dev), x->room, r->buf_len), held_len = 0, len;
	uint32_t held_at = r->hwcur, at = r->hwcur, packets = 0, slots;
	struct sk_buff *held = NULL, *skb;
	enum run_end end = RUN_OUT;
	uint64_t bytes = 0;

	do {
		skb = NULL;
		len = slots = 0;
		if (at != r->head && packets < RUN_MAX) {
			skb = fetch(x, r, at, max, queue, &slots);
			if (IS_ERR(skb)) {
				end = why_no_skb(PTR_ERR(skb));
				skb = NULL;
			} else {
				len = skb->len;
			}
		}
		if (held) {
			bool taken = dev_xmit_complete(netdev_start_xmit(held, dev, txq, skb));

			if (likely(taken)) {
				packets++;
				bytes += held_len;
			} else {
				lr_xmit_skb_return(held);
				at = held_at;
			}
			if (unlikely(!taken || (skb && netif_xmit_frozen_or_drv_stopped(txq)))) {
				if (skb)
					lr_xmit_skb_return(skb);
				end = RUN_FULL;
				break;
			}
		}
		held = skb;
		held_len = len;
		held_at = at;
		at += slots;
		if (at >= r->num_slots)
			at -= r->num_slots;
	} while (held);
	os_store(&r->hwcur, at);
	lr_count(&r->count.packets, packets);
	lr_count(&r->count.bytes, bytes);
	lr_count(&r->count.kicks, packets != 0);
	return end;
}

/* One run, if the device is there and its queue takes anything. */
static enum run_end run(struct lr_xmit *x, struct lr_ring *r)
{
	struct net_device *dev = x->dev;
	enum run_end end = RUN_FULL;
	struct netdev_queue *txq;
	unsigned int queue;

	if (!dev)
		return RUN_FULL;
	/* As dev_queue_xmit: drivers may rely on it. */
	rcu_read_lock_bh();
	if (dev_ready(dev)) {
		queue = dev_queue(dev, x->queue);
		txq = netdev_get_tx_queue(dev, queue);
		HARD_TX_LOCK(dev, txq, smp_processor_id());
		if (!netif_xmit_frozen_or_drv_stopped(txq))
			end = hand_over(x, r, dev, txq, queue);
		HARD_TX_UNLOCK(dev, txq);
	}
	rcu_read_unlock_bh();
	return end;
}

/* Runs until all is handed over, or no more can be now. */
static enum run_end submit(struct lr_xmit *x, struct lr_ring *r)
{
	enum run_end end = RUN_OUT;

	while (r->hwcur != r->head) {
		uint32_t before = r->hwcur;

		if (likely(!r->skip))
			end = run(x, r);
		if (r->skip || end == RUN_ODD)
			drop_packet(r);
		else if (r->hwcur == before || end == RUN_PART)
			break;
	}
	return end;
}

/* --- Waiting ------------------------------------------------------------------------------------ */

static uint64_t nap_first(void)
{
	return clamp_t(uint64_t, READ_ONCE(lr_generic_mit), NAP_MIN, NAP_MAX);
}

/*
 * Packets are pending. Who sleeps for room is woken when frames in flight end; not all drivers tell of that in time, or ever,
 * and a queue may go on a moment after. So he looks again after a while: sooner if he had success last time.
 */
static void wait_for_room(struct lr_xmit *x, bool success)
{
	x->nap = success ? nap_first() : min_t(uint64_t, 2 * x->nap, NAP_MAX);
	if (!x->dev || !dev_ready(x->dev))
		return;
	WRITE_ONCE(x->waited, true);
	hrtimer_start(&x->timer, ns_to_ktime(x->nap), HRTIMER_MODE_REL_SOFT);
}

static enum hrtimer_restart look_again(struct hrtimer *timer)
{
	lr_xmit_wake(container_of(timer, struct lr_xmit, timer));
	return HRTIMER_NORESTART;
}

int lr_xmit_txsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_xmit *x = r->priv;
	uint32_t before = r->hwcur;
	enum run_end end;
	bool waits;

	(void)flags;
	if (before != r->head) {
		/* A poller has put himself on the queue before he comes here. */
		waits = waitqueue_active(&r->wq.head);
		if (x->dev)
			lr_xmit_skb_mode(x, waits);
		end = submit(x, r);
		if (unlikely(end == RUN_FULL) && waits)
			wait_for_room(x, r->hwcur != before);
	}
	os_store(&r->hwtail, lr_pos_prev(r->hwcur, r->num_slots));
	return 0;
}

/* --- Frames from elsewhere ------------------------------------------------------------------------ */

unsigned int lr_xmit_list(struct net_device *dev, unsigned int queue, struct sk_buff_head *list)
{
	struct netdev_queue *txq;
	struct sk_buff *skb;
	unsigned int n = 0;

	rcu_read_lock_bh();
	if (dev_ready(dev)) {
		queue = dev_queue(dev, queue);
		txq = netdev_get_tx_queue(dev, queue);
		HARD_TX_LOCK(dev, txq, smp_processor_id());
		while (!netif_xmit_frozen_or_drv_stopped(txq) && (skb = __skb_dequeue(list))) {
			skb->dev = dev;
			skb_set_queue_mapping(skb, queue);
			if (!dev_xmit_complete(netdev_start_xmit(skb, dev, txq, !skb_queue_empty(list)))) {
				kfree_skb(skb);
				break;
			}
			n++;
		}
		HARD_TX_UNLOCK(dev, txq);
	}
	rcu_read_unlock_bh();
	__skb_queue_purge(list);
	return n;
}

/* --- Life ----------------------------------------------------------------------------------------- */

int lr_xmit_create(struct lr_xmit **out, struct lr_ring *r, struct net_device *dev, unsigned int queue, struct lr_why *why)
{
	struct lr_xmit *x = os_zalloc(sizeof(*x));

	if (!x)
		goto err_alloc;
	x->dev = dev;
	x->queue = queue;
	x->ring = r;
	spin_lock_init(&x->lock);
	hrtimer_setup(&x->timer, look_again, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	if (lr_xmit_skb_init(x))
		goto err_init;
	*out = x;
	return 0;

err_init:
	os_free(x);
err_alloc:
	return lr_why(why, -ENOMEM, "no memory to transmit on %s, ring %u", netdev_name(dev), r->index);
}

void lr_xmit_detach(struct lr_xmit *x)
{
	x->dev = NULL;
}

void lr_xmit_destroy(struct lr_xmit *x)
{
	if (!x)
		return;
	hrtimer_cancel(&x->timer);
	spin_lock_irq(&x->lock);
	x->ring = NULL;
	spin_unlock_irq(&x->lock);
	lr_xmit_skb_fini(x);
}
