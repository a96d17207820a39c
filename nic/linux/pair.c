/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Slots from port to port of a pair of interfaces. See pair.h.
 */
#include <linux/rtnetlink.h>

#include "core/swap.h"
#include "host.h"
#include "inlet.h"
#include "native.h"
#include "nic.h"
#include "pair.h"
#include "xmit.h"

#define BUDGET 1024u	/* packets under one hold of the inlet's lock: softirqs wait for so many */

/* How a move ended. */
enum move_end {
	MOVE_ON,	/* it goes on, if there is anything left */
	MOVE_PART,	/* the last slot of the packet has not come */
	MOVE_ODD,	/* a packet that cannot be sent */
	MOVE_FULL,	/* the receiver takes no more now */
};

struct move {
	struct lr_ring *tx, *rx;
	uint32_t t, r;		/* next slot of each */
	uint32_t left, room;	/* slots still to take; free ones on the other side */
	uint32_t longest, max;	/* frame; in one slot */
	bool same;		/* of one region */
	uint32_t packets;
	uint64_t bytes;
};

static struct lr_pair *pair_of(const struct lr_ring *r)
{
	const struct lr_nic *nic = r->port->priv;

	return &nic->pair[r->kind == LR_RX][r->index];
}

/* --- Packets ---------------------------------------------------------------------------------------- */

static void advance(struct move *m, uint32_t taken, uint32_t filled)
{
	m->t = lr_pos_add(m->t, taken, m->tx->num_slots);
	m->r = lr_pos_add(m->r, filled, m->rx->num_slots);
	m->left -= taken;
	m->room -= filled;
}

/* The hot loop: up to n frames of one slot each, in a straight piece of both rings. Stops at anything else. How many. */
static uint32_t swap_run(struct move *m, uint32_t n)
{
	struct netmap_slot *ts = &m->tx->slot[m->t], *rs = &m->rx->slot[m->r];
	const uint32_t num = m->tx->buf_num, max = m->max - ETH_HLEN;
	const uint8_t *used = m->tx->buf_used;
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < n; i++, ts++, rs++) {
		struct lr_slot a = lr_slot_read(ts), b = lr_slot_read(rs);

		if (unlikely(a.len - ETH_HLEN > max) || unlikely(a.flags & NS_MOREFRAG) || !lr_swap_ok(used, num, a, b))
			break;
		lr_swap(ts, rs, a, b, 0);
		bytes += a.len;
	}
	m->bytes += bytes;
	m->packets += i;
	return i;
}

/* Into n slots with the buffers to[]. */
static void copy_parts(struct move *m, const struct lr_slot *part, uint32_t len, const struct lr_slot *to, uint32_t n)
{
	const struct lr_region *from = m->tx->port->region;
	uint32_t pos = m->r, at = 0, i;

	for (i = 0; i < n; i++, pos = lr_pos_next(pos, m->rx->num_slots)) {
		uint32_t size = min(len, m->rx->buf_len), done = 0;
		char *buf = lr_region_buf(m->rx->port->region, to[i].idx);

		while (done < size) {
			uint32_t step = min(part->len - at, size - done);

			memcpy(buf + done, lr_region_buf(from, part->idx) + at, step);
			done += step;
			at += step;
			if (at == part->len) {
				part++;
				at = 0;
			}
		}
		len -= size;
		lr_slot_write(&m->rx->slot[pos], to[i].idx, size, len ? NS_MOREFRAG : 0);
	}
}

static void swap_parts(struct move *m, const struct lr_slot *part, const struct lr_slot *to, uint32_t n)
{
	uint32_t t = m->t, r = m->r, i;

	for (i = 0; i < n; i++) {
		lr_swap(&m->tx->slot[t], &m->rx->slot[r], part[i], to[i], part[i].flags & NS_MOREFRAG);
		t = lr_pos_next(t, m->tx->num_slots);
		r = lr_pos_next(r, m->rx->num_slots);
	}
}

/* The next packet, whatever it is. */
static noinline enum move_end move_any(struct move *m)
{
	struct lr_slot part[NETMAP_MAX_FRAGS], to[NETMAP_MAX_FRAGS];
	uint32_t len, need, pos = m->r, i;
	int n = lr_xmit_packet(m->tx, m->t, m->longest, part, &len);

	if (n < 0)
		return n == -ENODATA ? MOVE_PART : MOVE_ODD;
	need = m->same ? n : DIV_ROUND_UP(len, m->rx->buf_len);
	if (need > min_t(uint32_t, NETMAP_MAX_FRAGS, m->rx->num_slots - 1))
		return MOVE_ODD;
	if (need > m->room)
		return MOVE_FULL;
	for (i = 0; i < need; i++, pos = lr_pos_next(pos, m->rx->num_slots)) {
		to[i] = lr_slot_read(&m->rx->slot[pos]);
		if (lr_buf_ok(m->rx, to[i].idx))
			continue;
		lr_inlet_get_stuck(m->rx->priv);
		return MOVE_FULL;
	}
	if (m->same)
		swap_parts(m, part, to, need);
	else
		copy_parts(m, part, len, to, need);
	m->bytes += len;
	m->packets++;
	advance(m, n, need);
	return MOVE_ON;
}

/* Under the inlet's lock. */
static enum move_end move_some(struct move *m)
{
	enum move_end end = MOVE_ON;

	while (m->left && m->packets < BUDGET && end == MOVE_ON) {
		uint32_t n = min3(m->left, m->room, BUDGET - m->packets);

		if (!n)
			return MOVE_FULL;
		n = min3(n, m->tx->num_slots - m->t, m->rx->num_slots - m->r);
		n = likely(m->same) ? swap_run(m, n) : 0;
		if (n)
			advance(m, n, n);
		else
			end = move_any(m);
	}
	return end;
}

/* As long as a ring is our target, its port has its interface. */
static uint32_t frame_max(const struct lr_ring *r)
{
	const struct lr_nic *nic = r->port->priv;

	return lr_xmit_frame_max(nic->dev);
}

/* From hwcur on, as far as it goes under one hold of the lock. */
static enum move_end move(struct lr_ring *t, struct lr_ring *r)
{
	struct lr_inlet *in = r->priv;
	struct move m = { .tx = t, .rx = r, .t = t->hwcur, .same = t->port->region == r->port->region };
	enum move_end end = MOVE_FULL;

	m.left = lr_pos_dist(t->hwcur, t->head, t->num_slots);
	m.longest = min(frame_max(t), frame_max(r));
	m.max = min3(m.longest, t->buf_len, r->buf_len);
	spin_lock_bh(&in->lock);
	/* Partner: the release in lr_inlet_rxsync. */
	if (likely(in->open && !smp_load_acquire(&in->stuck))) {
		m.r = r->hwtail;
		m.room = r->num_slots - 1 - lr_pos_dist(os_load_acquire(&r->hwcur), m.r, r->num_slots);
		end = move_some(&m);
		in->room = m.room;
		lr_count(&r->count.packets, m.packets);
		lr_count(&r->count.bytes, m.bytes);
		/* Partner: the acquire in core/ring.c, publish. */
		os_store_release(&r->hwtail, m.r);
	}
	spin_unlock_bh(&in->lock);
	lr_count(&t->count.packets, m.packets);
	lr_count(&t->count.bytes, m.bytes);
	os_store(&t->hwcur, m.t);
	return end;
}

/* The receiver has no room. Who sleeps until it has looks again by himself, too: a receiver may never wake him. */
static void wait_or_drop(struct lr_ring *t, const struct lr_ring *r)
{
	struct lr_pair *p = pair_of(r);
	unsigned long since = READ_ONCE(p->full);

	if (!since) {
		WRITE_ONCE(p->full, jiffies | 1);
	} else if (time_after(jiffies, since + LR_PAIR_PATIENCE)) {
		while (t->hwcur != t->head)
			lr_xmit_drop(t);
		return;
	}
	if (waitqueue_active(&t->wq.head))
		lr_xmit_wait(t->priv, !since);
}

static int pair_txsync(struct lr_ring *t, unsigned int flags)
{
	const struct lr_nic *nic = t->port->priv;
	enum move_end end = MOVE_ON;
	struct lr_ring *r;
	uint32_t before;

	if (t->kind != LR_TX)
		return lr_host_txsync(t, flags);
	r = pair_of(t)->ring;
	if (!r || !lr_xmit_ready(nic->dev))
		return lr_xmit_txsync(t, flags);
	before = os_load(&r->hwtail);
	while (t->hwcur != t->head && end == MOVE_ON) {
		if (likely(!t->skip))
			end = move(t, r);
		if (t->skip || end == MOVE_ODD) {
			lr_xmit_drop(t);
			end = MOVE_ON;
		}
	}
	if (end == MOVE_FULL)
		wait_or_drop(t, r);
	else if (unlikely(READ_ONCE(pair_of(r)->full)))
		WRITE_ONCE(pair_of(r)->full, 0);
	os_store(&t->hwtail, lr_pos_prev(t->hwcur, t->num_slots));
	if (before != os_load(&r->hwtail) && os_waitq_wake(&r->wq))
		lr_count(&t->count.wakeups, 1);
	return 0;
}

static int pair_rxsync(struct lr_ring *r, unsigned int flags)
{
	int err = lr_inlet_rxsync(r, flags);
	struct lr_pair *p;
	uint32_t i;

	if (r->kind != LR_RX)
		return err;
	p = pair_of(r);
	if (unlikely(READ_ONCE(p->full)))
		WRITE_ONCE(p->full, 0);
	/* Senders may wait for room. */
	for (i = 0; i < p->rings; i++)
		if (os_waitq_wake(&p->ring[i * p->step].wq))
			lr_count(&r->count.wakeups, 1);
	return err;
}

const struct lr_port_ops lr_pair_port_ops = {
	.kind = "nic",
	.admit = lr_nic_admit,
	.ring_start = lr_nic_ring_start,
	.ring_stop = lr_nic_ring_stop,
	.txsync = pair_txsync,
	.rxsync = pair_rxsync,
	.idle = true,
	.forward = lr_host_forward,
	.destroy = lr_nic_destroy,
};

/* --- Who belongs together ------------------------------------------------------------------------------ */

/* Where tx ring t sends to. What it has pending may go now, or another way. */
static void set_target(struct lr_ring *t, struct lr_ring *r)
{
	struct lr_pair *p = pair_of(t);

	if (p->ring == r)
		return;
	os_mutex_lock(&t->lock);
	p->ring = r;
	os_mutex_unlock(&t->lock);
	os_waitq_wake(&t->wq);
}

/* Rings [i], [i + step] ... of the n from `first` on fill r. n 0: none. */
static void set_senders(struct lr_ring *r, struct lr_ring *first, uint32_t n, uint32_t step)
{
	struct lr_pair *p = pair_of(r);

	os_mutex_lock(&r->lock);
	p->ring = first + r->index;
	p->rings = n > r->index ? DIV_ROUND_UP(n - r->index, step) : 0;
	p->step = step;
	os_mutex_unlock(&r->lock);
}

/* All that a sends to b goes the short way, as far as rings are open; or (together false) none of it. */
static void join(struct lr_native *a, struct lr_native *b, bool together)
{
	struct lr_port *from = a->port, *to = b->port;
	uint32_t tx = from->num_rings[LR_TX], rx = to->num_rings[LR_RX], i;

	for (i = 0; i < tx; i++) {
		bool open = together && test_bit(i, a->want_tx) && test_bit(i % rx, b->want_rx);

		set_target(&from->ring[LR_TX][i], open ? &to->ring[LR_RX][i % rx] : NULL);
	}
	for (i = 0; i < rx; i++)
		set_senders(&to->ring[LR_RX][i], from->ring[LR_TX], together ? tx : 0, rx);
}

void lr_pair_part(struct lr_native *n)
{
	struct lr_native *mate = n->mate;

	ASSERT_RTNL();
	if (!mate)
		return;
	join(n, mate, false);
	join(mate, n, false);
	n->mate = mate->mate = NULL;
}

static bool usable(const struct lr_native *n)
{
	return n && n->port && n->port->ops == &lr_pair_port_ops && !os_load(&n->port->gone);
}

void lr_pair_switch(struct lr_native *n, const struct lr_ring *r, bool open)
{
	struct lr_native *mate = n->mate ?: n->ops->peer(n);

	ASSERT_RTNL();
	lr_native_want(n, r->kind, r->index, open);
	WRITE_ONCE(pair_of(r)->full, 0);
	if (!usable(n) || !usable(mate))
		return;
	n->mate = mate;
	mate->mate = n;
	join(n, mate, true);
	join(mate, n, true);
}

int lr_pair_init(struct lr_nic *nic, struct lr_why *why)
{
	const struct lr_port *p = nic->port;

	nic->pair[0] = os_zalloc(p->num_rings[LR_TX] * sizeof(*nic->pair[0]));
	nic->pair[1] = os_zalloc(p->num_rings[LR_RX] * sizeof(*nic->pair[1]));
	return nic->pair[0] && nic->pair[1] ? 0 : lr_why(why, -ENOMEM, "no memory for the rings of %s", p->name);
}
