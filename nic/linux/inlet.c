/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Packets into rx rings. See inlet.h.
 */
#include "os_compat.h"
#include "core/port.h"
#include "frame.h"
#include "inlet.h"
#include "param.h"

/* --- Waking ------------------------------------------------------------------------------------- */

static bool wake(struct lr_inlet *in)
{
	if (!os_waitq_wake(&in->ring->wq))
		return false;
	lr_count(&in->ring->count.wakeups, 1);
	return true;
}

/* Sleepers are told at once, and after that once in an interval: then there is more for them to do. */
static void announce(struct lr_inlet *in)
{
	unsigned int interval;

	if (in->quiet) {
		in->news = true;
		return;
	}
	if (!wake(in))
		return;
	interval = READ_ONCE(lr_generic_mit);
	if (!interval)
		return;
	in->quiet = true;
	in->news = false;
	hrtimer_start(&in->timer, ns_to_ktime(interval), HRTIMER_MODE_REL_SOFT);
}

/* Who does not sleep by now will look by himself before he does: see os_waitq_record. */
static enum hrtimer_restart interval_over(struct hrtimer *timer)
{
	struct lr_inlet *in = container_of(timer, struct lr_inlet, timer);
	unsigned int interval = READ_ONCE(lr_generic_mit);

	spin_lock(&in->lock);
	in->quiet = in->open && in->news && wake(in) && interval;
	in->news = false;
	spin_unlock(&in->lock);
	if (!in->quiet)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(interval));
	return HRTIMER_RESTART;
}

/* --- Life ----------------------------------------------------------------------------------------- */

void lr_inlet_init(struct lr_inlet *in, struct lr_ring *r)
{
	spin_lock_init(&in->lock);
	in->ring = r;
	hrtimer_setup(&in->timer, interval_over, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
}

void lr_inlet_open(struct lr_inlet *in)
{
	spin_lock_bh(&in->lock);
	in->stuck = in->quiet = in->news = false;
	in->ring->idle = true;
	in->room = 0;
	os_store(&in->ring->idle, true);
	WRITE_ONCE(in->open, true);
	spin_unlock_bh(&in->lock);
}

void lr_inlet_close(struct lr_inlet *in)
{
	spin_lock_bh(&in->lock);
	WRITE_ONCE(in->open, false);
	spin_unlock_bh(&in->lock);
	hrtimer_cancel(&in->timer);
}

/* --- Packets ---------------------------------------------------------------------------------------- */

static void drop(struct lr_inlet *in)
{
	lr_count(&in->ring->count.drops, 1);
}

void lr_inlet_get_stuck(struct lr_inlet *in)
{
	lr_count(&in->ring->count.bad_slots, 1);
	/* The next sync has something to do, also when nothing is handed in. */
	os_store(&in->ring->idle, false);
	/* Partner: the acquire in lr_inlet_rxsync. We are done with the free slots. */
	smp_store_release(&in->stuck, true);
	wake(in);
}

/* Whether n slots are free. */
static bool has_room(struct lr_inlet *in, uint32_t n)
{
	const struct lr_ring *r = in->ring;

	if (likely(in->room >= n))
		return true;
	/* Partner: the release in lr_inlet_rxsync, after the program's last access to its slots. */
	in->room = r->num_slots - 1 - lr_pos_dist(os_load_acquire(&r->hwcur), r->hwtail, r->num_slots);
	return in->room >= n;
}

/* Something for the program, up to `pos`. */
static void advance(struct lr_inlet *in, uint32_t pos, uint32_t slots, uint32_t bytes)
{
	struct lr_ring *r = in->ring;

	in->room -= slots;
	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, bytes);
	/* Partner: the acquire in core/ring.c, publish. */
	os_store_release(&r->hwtail, pos);
	announce(in);
}

/* A frame that is in pieces, or takes several slots: all of them or none. */
static void put_pieces(struct lr_inlet *in, const struct sk_buff *skb)
{
	struct lr_ring *r = in->ring;
	uint32_t slots = DIV_ROUND_UP(skb->len, r->buf_len), pos = r->hwtail, from = 0;

	if (!slots || slots > NETMAP_MAX_FRAGS || !has_room(in, slots)) {
		drop(in);
		return;
	}
	for (; from < skb->len; pos = lr_pos_next(pos, r->num_slots)) {
		uint32_t idx = lr_slot_read(&r->slot[pos]).idx;
		uint32_t len = min(skb->len - from, r->buf_len);

		if (unlikely(!lr_buf_ok(r, idx))) {
			drop(in);
			lr_inlet_get_stuck(in);
			return;
		}
		if (skb_copy_bits(skb, from, lr_region_buf(r->port->region, idx), len) < 0) {
			drop(in);
			return;
		}
		from += len;
		lr_slot_write(&r->slot[pos], idx, len, from < skb->len ? NS_MOREFRAG : 0);
	}
	advance(in, pos, slots, skb->len);
}

/* A frame in one piece that fits in a slot; the others are few. */
static void put(struct lr_inlet *in, const struct sk_buff *skb, unsigned int pulled)
{
	struct lr_ring *r = in->ring;
	uint32_t len = skb->len + pulled, pos = r->hwtail, idx;

	if (unlikely(!has_room(in, 1))) {
		drop(in);
		return;
	}
	idx = lr_slot_read(&r->slot[pos]).idx;
	if (unlikely(!lr_buf_ok(r, idx))) {
		drop(in);
		lr_inlet_get_stuck(in);
		return;
	}
	memcpy(lr_region_buf(r->port->region, idx), skb->data - pulled, len);
	lr_slot_write(&r->slot[pos], idx, len, 0);
	advance(in, lr_pos_next(pos, r->num_slots), 1, len);
}

/* Under the lock: whether it is open and can take something. */
static bool usable(struct lr_inlet *in)
{
	if (likely(in->open && !smp_load_acquire(&in->stuck)))
		return true;
	if (in->open)
		drop(in);
	return false;
}

/* Frames that had to be made. */
static void take_made(struct lr_inlet *in, struct sk_buff *skb, unsigned int pulled, bool out)
{
	struct sk_buff *list = lr_frame_make(skb, pulled, out), *next;

	spin_lock(&in->lock);
	if (!list && in->open)
		drop(in);
	for (skb = list; skb; skb = skb->next)
		if (usable(in))
			put_pieces(in, skb);
	spin_unlock(&in->lock);
	for (skb = list; skb; skb = next) {
		next = skb->next;
		skb_mark_not_on_list(skb);
		napi_consume_skb(skb, 1);
	}
}

void lr_inlet_take(struct lr_inlet *in, struct sk_buff *skb, unsigned int pulled, bool out)
{
	if (unlikely(!lr_frame_plain(skb) || skb->len + pulled > in->ring->buf_len)) {
		take_made(in, skb, pulled, out);
		return;
	}
	spin_lock(&in->lock);
	if (usable(in))
		put(in, skb, pulled);
	spin_unlock(&in->lock);
	/* The budget says that softirqs are off: what is freed may be kept for the next packet. */
	napi_consume_skb(skb, 1);
}

void lr_inlet_drop(struct lr_inlet *in)
{
	spin_lock_bh(&in->lock);
	drop(in);
	spin_unlock_bh(&in->lock);
}

/* --- The program's side -------------------------------------------------------------------------------- */

/* The free slots are ours for the moment: each gets a buffer again, as far as there are any. */
static void mend(struct lr_inlet *in)
{
	struct lr_ring *r = in->ring;
	uint32_t end = lr_pos_prev(r->hwcur, r->num_slots), i;

	for (i = r->hwtail; i != end; i = lr_pos_next(i, r->num_slots))
		lr_ring_mend_slot(r, i);
	os_store(&r->idle, true);
	smp_mb();	/* Partner: lr_port_set_gone, which marks the port first. */
	if (os_load(&r->port->gone))
		os_store(&r->idle, false);
	/* Partner: the acquire in usable. */
	smp_store_release(&in->stuck, false);
}

int lr_inlet_rxsync(struct lr_ring *r, unsigned int flags)
{
	struct lr_inlet *in = r->priv;

	/* Partner: the acquire in has_room. */
	if (r->hwcur != r->head)
		os_store_release(&r->hwcur, r->head);
	if (unlikely(smp_load_acquire(&in->stuck)))
		mend(in);
	return 0;
}
