/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Transmit: slots [hwcur, head) of a tx ring into a queue of the driver. See xmit.h.
 *
 * Frames go in runs, one for each time that the queue's lock is held with softirqs off: every frame but the last comes with
 * the promise of another one (xmit_more), so that the hardware is told once. Within a run they are made and handed over by
 * the BATCH, and the last of a batch waits until there is a next one or none for sure. A run ends at a packet that cannot
 * be sent (it is dropped between runs), where the queue stops, and after RUN_MAX frames.
 *
 * The device's state is looked at with softirqs off: who takes a device down clears __LINK_STATE_START, then waits for all
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

#define RUN_MAX 256u			/* frames under one hold of the queue's lock, about */
#define BATCH 32u
#define COPY_INLINE 256u		/* longer ones are better copied by the CPU's own instruction */
#define NAP_MIN (50 * NSEC_PER_USEC)
#define NAP_MAX (10 * NSEC_PER_MSEC)

/* How a run ended. */
enum run_end {
	RUN_ON,		/* it goes on */
	RUN_OUT,	/* no slots left, or enough for one run */
	RUN_PART,	/* the last slot of the packet has not come */
	RUN_ODD,	/* a packet that cannot be sent */
	RUN_FULL,	/* nobody takes more now */
};

struct run {
	struct lr_xmit *x;
	struct lr_ring *r;
	struct net_device *dev;
	struct netdev_queue *txq;
	unsigned int queue;	/* number of txq */
	unsigned int max;	/* longest frame that needs no special care */
	uint32_t at;		/* the ring's position after the frames in the batch; hwcur: before them */
	uint32_t n;		/* frames in the batch */
	struct sk_buff *skb[BATCH];
	uint8_t slots[BATCH];	/* of each */
	uint32_t packets;	/* handed over */
	uint64_t bytes;
};

/* --- The device's state ------------------------------------------------------------------------ */

/* A queue that it has. Softirqs off, as above. */
static unsigned int dev_queue(const struct net_device *dev, unsigned int queue)
{
	unsigned int n = READ_ONCE(dev->real_num_tx_queues);

	return unlikely(queue >= n) ? queue % n : queue;
}

/* --- From slots to skbs ---------------------------------------------------------------------- */

/* Copies a frame in steps; reads and writes up to a step past its end, where both buffers have room. */
static __always_inline void copy_steps(void *to, const void *from, unsigned int len)
{
	const u64 *s = from, *end = from + len;
	u64 *d = to;

	if (unlikely(len > COPY_INLINE)) {
		memcpy(to, from, len);
		return;
	}
	do {
		d[0] = s[0];
		d[1] = s[1];
		d[2] = s[2];
		d[3] = s[3];
		d[4] = s[4];
		d[5] = s[5];
		d[6] = s[6];
		d[7] = s[7];
		s += COPY_STEP / sizeof(*s);
		d += COPY_STEP / sizeof(*d);
	} while (s < end);
}

/* The frame of len bytes is at data. */
static void skb_end(const struct run *run, struct sk_buff *skb, unsigned char *data, unsigned int len)
{
	lr_xmit_skb_finish(skb, data, run->x->headroom, len, run->queue);
}

int lr_xmit_packet(const struct lr_ring *r, uint32_t pos, uint32_t max, struct lr_slot part[NETMAP_MAX_FRAGS], uint32_t *len)
{
	uint32_t left = lr_pos_dist(pos, r->head, r->num_slots), n = 0;
	uint32_t most = min_t(uint32_t, NETMAP_MAX_FRAGS, r->num_slots - 1);

	*len = 0;
	do {
		if (n == most)
			return -EMSGSIZE;
		if (n == left)
			return -ENODATA;
		part[n] = lr_slot_read(&r->slot[pos]);
		if (!lr_slot_ok(r, part[n]))
			return -EINVAL;
		*len += part[n].len;
		pos = lr_pos_next(pos, r->num_slots);
	} while (part[n++].flags & NS_MOREFRAG);
	return *len < ETH_HLEN || *len > max ? -EMSGSIZE : (int)n;
}

/* The packet at run->at, in several slots or too long for the pool, and how many slots it has. ERR_PTR: -EAGAIN no skb now. */
static noinline struct sk_buff *gather(const struct run *run, uint8_t *slots)
{
	const struct lr_ring *r = run->r;
	struct lr_slot part[NETMAP_MAX_FRAGS];
	struct lr_xmit *x = run->x;
	struct sk_buff *skb;
	unsigned char *data;
	uint32_t len;
	int n, i;

	n = lr_xmit_packet(r, run->at, lr_xmit_frame_max(run->dev), part, &len);
	if (n < 0)
		return ERR_PTR(n);
	skb = lr_xmit_skb_take(x, len);
	if (IS_ERR(skb))
		return skb;
	data = skb->head + x->headroom;
	for (i = 0, len = 0; i < n; len += part[i++].len)
		memcpy(data + len, lr_region_buf(r->port->region, part[i].idx), part[i].len);
	skb_end(run, skb, data, len);
	*slots = (uint8_t)n;
	return skb;
}

/* The buffer's pool is the same for all slots: here for the compiler to see it. */
static __always_inline const char *buf_at(const struct lr_pool *p, uint32_t index)
{
	return p->cluster[index >> p->shift] + (size_t)(index & ((1u << p->shift) - 1)) * p->size;
}

/* A slot with a frame that fits into an skb of the pool. Longer ones, and those with several slots, are gathered. */
static __always_inline bool slot_plain(struct lr_slot s, unsigned int max, uint32_t buf_num, const uint8_t *buf_used)
{
	return likely(s.len - ETH_HLEN <= max - ETH_HLEN) && likely(s.idx < buf_num) && likely(os_load_acquire(&buf_used[s.idx]));
}

/* False: the packet goes on. The other flags have been seen to when the frame is copied. */
static __always_inline bool slot_flags(struct netmap_slot *at, struct lr_slot s)
{
	if (likely(!s.flags))
		return true;
	if (s.flags & NS_MOREFRAG)
		return false;
	if (s.flags & (NS_BUF_CHANGED | NS_REPORT))
		os_store(&at->flags, (uint16_t)(s.flags & ~(NS_BUF_CHANGED | NS_REPORT)));
	return true;
}

/*
 * The hot loop: plain frames in a straight piece of the ring, into skbs in a straight piece of the pool. Stops before the
 * first of anything else. How many.
 */
static uint32_t make_straight(struct run *run)
{
	const struct lr_ring *r = run->r;
	struct lr_xmit *x = run->x;
	const struct lr_pool bufs = r->port->region->pool[LR_POOL_BUF];
	const uint32_t num = min3(min(BATCH - run->n, lr_pos_run(run->at, r->head, r->num_slots)), x->size - x->next, x->credit);
	struct sk_buff **from = &x->pool[x->next], **to = &run->skb[run->n];
	const unsigned int max = run->max, queue = run->queue;
	const uint32_t buf_num = r->buf_num, headroom = x->headroom;
	struct netmap_slot *slot = &r->slot[run->at];
	const uint8_t *buf_used = r->buf_used;
	uint32_t i;

	for (i = 0; i < num; i++) {
		struct lr_slot s = lr_slot_read(&slot[i]);
		struct sk_buff *skb = from[i];
		unsigned char *data;

		if (unlikely(!slot_plain(s, max, buf_num, buf_used) || !lr_xmit_skb_free(skb) || !slot_flags(&slot[i], s)))
			break;
		data = skb->head + headroom;
		copy_steps(data, buf_at(&bufs, s.idx), s.len);
		lr_xmit_skb_finish(skb, data, headroom, s.len, queue);
		refcount_set(&skb->users, 2);
		to[i] = skb;
	}
	memset(&run->slots[run->n], 1, i);
	run->n += i;
	run->at = lr_pos_add(run->at, i, r->num_slots);
	x->next = lr_pos_add(x->next, i, x->size);
	x->credit -= i;
	return i;
}

/* The next packet, whatever it is, as gather. */
static struct sk_buff *make_any(const struct run *run, uint8_t *slots)
{
	const struct lr_ring *r = run->r;
	struct netmap_slot *at = &r->slot[run->at];
	struct lr_slot s = lr_slot_read(at);
	struct sk_buff *skb;
	unsigned char *data;

	if (!slot_plain(s, run->max, r->buf_num, r->buf_used) || s.flags & NS_MOREFRAG)
		return gather(run, slots);
	skb = lr_xmit_skb_take(run->x, s.len);
	if (IS_ERR(skb))
		return skb;
	data = skb->head + run->x->headroom;
	copy_steps(data, lr_region_buf(r->port->region, s.idx), s.len);
	skb_end(run, skb, data, s.len);
	slot_flags(at, s);
	*slots = 1;
	return skb;
}

static enum run_end why_not_made(long err)
{
	return err == -EAGAIN ? RUN_FULL : err == -ENODATA ? RUN_PART : RUN_ODD;
}

/* Fills the batch. RUN_ON: it is full. */
static enum run_end make(struct run *run)
{
	struct lr_ring *r = run->r;
	struct sk_buff *skb;

	while (run->n < BATCH) {
		if (run->at == r->head || run->packets >= RUN_MAX)
			return RUN_OUT;
		if (make_straight(run))
			continue;
		skb = make_any(run, &run->slots[run->n]);
		if (IS_ERR(skb))
			return why_not_made(PTR_ERR(skb));
		run->at = lr_pos_add(run->at, run->slots[run->n], r->num_slots);
		run->skb[run->n++] = skb;
	}
	return RUN_ON;
}

void lr_xmit_drop(struct lr_ring *r)
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

/* The first n frames of the batch, with more to come after them or not. How many the driver took. */
static uint32_t hand_over(struct run *run, uint32_t n, bool more)
{
	uint32_t last = more ? n : n - 1, i;
	uint64_t bytes = 0;

	for (i = 0; i < n && likely(!netif_xmit_frozen_or_drv_stopped(run->txq)); i++) {
		struct sk_buff *skb = run->skb[i];
		unsigned int len = skb->len;

		if (unlikely(!dev_xmit_complete(netdev_start_xmit(skb, run->dev, run->txq, i < last))))
			break;
		bytes += len;
	}
	run->packets += i;
	run->bytes += bytes;
	return i;
}

/* The driver has taken `done` frames of the batch, and takes no more. */
static void batch_stop(struct run *run, uint32_t done)
{
	struct lr_ring *r = run->r;
	uint32_t slots = 0, i;

	for (i = 0; i < done; i++)
		slots += run->slots[i];
	os_store(&r->hwcur, lr_pos_add(r->hwcur, slots, r->num_slots));
	while (run->n > done)
		lr_xmit_skb_return(run->skb[--run->n]);
}

/* The driver has taken all of the batch, or (more) all but the last frame, which is the first of the next batch. */
static void batch_next(struct run *run, bool more)
{
	struct lr_ring *r = run->r;
	uint32_t last = run->n - 1;

	if (!more) {
		os_store(&r->hwcur, run->at);
		return;
	}
	os_store(&r->hwcur, lr_pos_add(run->at, r->num_slots - run->slots[last], r->num_slots));
	run->skb[0] = run->skb[last];
	run->slots[0] = run->slots[last];
	run->n = 1;
}

/* One run, under the queue's lock; hwcur stops at the first packet that was not handed over. */
static enum run_end run_queue(struct run *run)
{
	enum run_end end;
	bool more;

	do {
		uint32_t n, taken;

		end = make(run);
		more = end == RUN_ON;
		n = run->n - more;
		taken = hand_over(run, n, more);
		if (unlikely(taken < n)) {
			batch_stop(run, taken);
			end = RUN_FULL;
			break;
		}
		batch_next(run, more);
	} while (more);
	lr_count(&run->r->count.packets, run->packets);
	lr_count(&run->r->count.bytes, run->bytes);
	lr_count(&run->r->count.kicks, run->packets != 0);
	return end;
}

/* One run, if the device is there and its queue takes anything. */
static enum run_end run(struct lr_xmit *x, struct lr_ring *r)
{
	struct run run = { .x = x, .r = r, .dev = x->dev, .at = r->hwcur };
	enum run_end end = RUN_FULL;

	if (!run.dev)
		return RUN_FULL;
	run.max = min3(lr_xmit_frame_max(run.dev), x->room, r->buf_len);
	/* As dev_queue_xmit: drivers may rely on it. */
	rcu_read_lock_bh();
	if (lr_xmit_ready(run.dev)) {
		run.queue = dev_queue(run.dev, x->queue);
		run.txq = netdev_get_tx_queue(run.dev, run.queue);
		HARD_TX_LOCK(run.dev, run.txq, smp_processor_id());
		if (!netif_xmit_frozen_or_drv_stopped(run.txq))
			end = run_queue(&run);
		HARD_TX_UNLOCK(run.dev, run.txq);
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
			lr_xmit_drop(r);
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

void lr_xmit_wait(struct lr_xmit *x, bool success)
{
	x->nap = success ? nap_first() : min_t(uint64_t, 2 * x->nap, NAP_MAX);
	if (!x->dev || !lr_xmit_ready(x->dev))
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
			lr_xmit_wait(x, r->hwcur != before);
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
	if (lr_xmit_ready(dev)) {
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
