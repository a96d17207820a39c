/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP: sockets that are opened anew while their rings are in use, and what they held carried over. That is when
 * the region has outgrown the UMEM, or when one ring of a queue goes while the other stays: only a closed socket
 * gives all its buffers back.
 *
 * Packets that wait to be sent stay in order. Lost are those that arrive while there is no socket, and received ones
 * for which the ring has no room; the latter are counted.
 */
#include <sys/socket.h>
#include <time.h>

#include "af_xdp.h"

#define STUCK_MSEC 5 /* nothing has moved for so long: packets in flight are given up */

/* What the kernel had of a queue when its socket was closed. */
struct carry {
	uint32_t *buf; /* buffers for received packets */
	struct xdp_desc *desc; /* packets to send that it had not taken */
	uint32_t bufs, descs;
};

static void carry_fini(struct carry *c)
{
	os_free(c->buf);
	os_free(c->desc);
}

void lr_xdp_tx_drain(struct lr_ring *r, int msec)
{
	struct lr_xdp_queue *q = r->priv;
	struct timespec nap = { .tv_nsec = 100000 };
	int i, still = 0;

	if (!os_load(&q->nic->dev->up))
		return;
	for (i = 0; i < msec * 10 && still < STUCK_MSEC * 10; i++) {
		uint32_t done = q->tx.done;

		if (os_load(q->tx.consumer) != q->tx.prod)
			lr_xdp_tx_kick(r);
		lr_xdp_tx_reclaim(r);
		if (!lr_xdp_tx_in_flight(&q->tx))
			return;
		still = q->tx.done == done ? still + 1 : 0;
		nanosleep(&nap, NULL);
	}
}

void lr_xdp_tx_restore(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t done = t->done, pos;

	for (pos = lr_pos_next(r->hwtail, r->num_slots); pos != r->hwcur; pos = lr_pos_next(pos, r->num_slots))
		if (!t->skip[pos])
			os_store(&r->slot[pos].buf_idx,
				 (uint32_t)((t->desc[done++ & t->mask].addr & ~LR_XDP_EARLY) >> q->shift));
}

/*
 * Takes out what the kernel has not taken; the rest counts as sent. A packet of which it took only the beginning is
 * lost, so that its end does not become a packet.
 */
static int tx_take(struct lr_ring *r, struct carry *c)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t at = os_load_acquire(t->consumer), i;

	lr_xdp_tx_restore(r);
	if ((int32_t)(at - t->done) < 0)
		at = t->done;
	while (at != t->prod && at != t->done && t->desc[(at - 1) & t->mask].options & XDP_PKT_CONTD)
		at++;
	lr_xdp_tx_advance(r, at - t->done);
	os_store(&t->done, at);
	t->early = 0;
	c->desc = os_zalloc((t->prod - at + 1) * sizeof(*c->desc));
	if (!c->desc)
		return -ENOMEM;
	for (i = at; i != t->prod; i++)
		c->desc[c->descs++] = t->desc[i & t->mask];
	return 0;
}

static void tx_put(struct lr_ring *r, const struct carry *c)
{
	struct lr_xdp_queue *q = r->priv;
	uint32_t i;

	for (i = 0; i < c->descs; i++)
		q->tx.desc[i] = c->desc[i];
	os_store(&q->tx.prod, c->descs);
	lr_xdp_tx_publish(q);
}

/* Packets that have arrived go to the program as far as there is room; all other buffers are taken out. */
static int rx_take(struct lr_ring *r, struct carry *c)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_rx *x = &q->rx;
	uint32_t i;

	lr_xdp_rx_receive(r);
	c->buf = os_zalloc((x->posted - x->cons + 1) * sizeof(*c->buf));
	if (!c->buf)
		return -ENOMEM;
	lr_count(&r->count.drops, os_load_acquire(x->producer) - x->cons);
	for (i = x->cons; i != x->posted; i++)
		c->buf[c->bufs++] = (uint32_t)(x->fill[i & x->mask] >> q->shift);
	return 0;
}

static void rx_put(struct lr_ring *r, const struct carry *c)
{
	struct lr_xdp_queue *q = r->priv;
	uint32_t i;

	for (i = 0; i < c->bufs; i++)
		q->rx.fill[i & q->rx.mask] = (uint64_t)c->buf[i] << q->shift | OS_BUF_HEADROOM;
	q->rx.posted = c->bufs;
	os_store_release(q->rx.fill_producer, q->rx.posted);
}

/* Buffers go back to the slots that are ours; a slot whose buffer the program lost stays without. */
static void rx_return(struct lr_ring *r, const struct carry *c)
{
	uint32_t n = r->num_slots - lr_pos_dist(r->hwcur, r->hwtail, r->num_slots), pos = r->hwtail, i;

	for (i = 0; i < n; i++, pos = lr_pos_next(pos, r->num_slots))
		lr_slot_write(&r->slot[pos], i < c->bufs ? c->buf[i] : 0, 0, 0);
}

void lr_xdp_rx_count_drops(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct xdp_statistics s;
	socklen_t len = sizeof(s);
	uint64_t now;

	memset(&s, 0, sizeof(s));
	if (!q->open || getsockopt(q->fd, SOL_XDP, XDP_STATISTICS, &s, &len) < 0)
		return;
	now = s.rx_dropped + s.rx_ring_full; /* an empty fill ring shows in rx_dropped */
	lr_count(&r->count.drops, now - q->rx.kernel_drops);
	q->rx.kernel_drops = now;
}

/* Closes the socket and leaves in c what it held, of the rings that are started. */
static int queue_close(struct lr_xdp_queue *q, struct carry *c, int msec)
{
	int err = 0;

	memset(c, 0, sizeof(*c));
	if (!q->open)
		return 0;
	if (q->tx_ring) {
		lr_xdp_tx_drain(q->tx_ring, msec);
		err = tx_take(q->tx_ring, c);
	}
	if (q->rx_ring) {
		lr_xdp_rx_count_drops(q->rx_ring);
		if (!err)
			err = rx_take(q->rx_ring, c);
	}
	lr_xdp_socket_close(q);
	return err;
}

static int queue_open(struct lr_xdp_queue *q, const struct carry *c, struct lr_why *why)
{
	int err = lr_xdp_socket_open(q, why);

	if (err)
		return err;
	if (q->tx_ring)
		tx_put(q->tx_ring, c);
	if (!q->rx_ring)
		return 0;
	rx_put(q->rx_ring, c);
	return lr_xdp_redirect(q, why);
}

static void lost(struct lr_xdp_nic *nic, int err, const struct lr_why *why)
{
	os_log("%s: %s; the port is lost", nic->port->name, why->text[0] ? why->text : strerror(-err));
	lr_port_set_gone(nic->port);
}

/*
 * All queues again that had a socket. With the memory that there is now; where the kernel does not take so much (the
 * limit of locked memory), with what it had: buffers beyond that cannot be sent through this NIC.
 */
static int open_again(struct lr_xdp_nic *nic, uint32_t first, uint32_t n, const struct carry *carry, struct lr_why *why)
{
	uint32_t old = nic->bufs, i;
	int err = 0;

	if (!lr_xdp_any_open(nic))
		nic->bufs = lr_region_bufs_committed(nic->port->region);
	for (i = 0; i < n && !err; i++) {
		struct lr_xdp_queue *q = &nic->queue[first + i];

		if (q->fd < 0)
			continue;
		err = queue_open(q, &carry[i], why);
		if (err == -ENOMEM && nic->bufs != old && !lr_xdp_any_open(nic)) {
			os_log("%s: %s", nic->port->name, why->text);
			nic->bufs = old;
			err = queue_open(q, &carry[i], why);
		}
	}
	return err;
}

void lr_xdp_reopen(struct lr_xdp_nic *nic, uint32_t first, uint32_t n)
{
	struct carry *carry = os_zalloc(n * sizeof(*carry));
	struct lr_why why = { "" };
	int err = carry ? 0 : -ENOMEM, back;
	uint32_t i;

	if (!err)
		err = lr_netdev_enter(nic->dev, &back, &why);
	if (err) {
		lost(nic, err, &why);
		os_free(carry);
		return;
	}
	for (i = 0; i < n && !err; i++)
		err = queue_close(&nic->queue[first + i], &carry[i], STUCK_MSEC);
	if (!err)
		err = open_again(nic, first, n, carry, &why);
	if (err)
		lost(nic, err, &why);
	lr_netdev_leave(back);
	for (i = 0; i < n; i++) {
		if (!nic->queue[first + i].open && nic->queue[first + i].rx_ring)
			rx_return(nic->queue[first + i].rx_ring, &carry[i]);
		carry_fini(&carry[i]);
	}
	os_free(carry);
}

static bool outgrown(const struct lr_xdp_nic *nic)
{
	return lr_xdp_any_open(nic) && lr_region_bufs_committed(nic->port->region) > nic->bufs;
}

void lr_xdp_region_grown(struct lr_port *p)
{
	struct lr_xdp_nic *nic = p->priv;

	if (outgrown(nic) && !p->gone)
		lr_xdp_reopen(nic, 0, nic->queues);
}

void lr_xdp_grow(struct lr_xdp_nic *nic)
{
	struct lr_port *p = nic->port;
	uint32_t i;

	if (!outgrown(nic))
		return;

	for (i = 0; i < p->num_rings[LR_TX]; i++)
		os_mutex_lock(&p->ring[LR_TX][i].lock);
	for (i = 0; i < p->num_rings[LR_RX]; i++)
		os_mutex_lock(&p->ring[LR_RX][i].lock);
	lr_xdp_region_grown(p);
	for (i = 0; i < p->num_rings[LR_TX]; i++)
		os_mutex_unlock(&p->ring[LR_TX][i].lock);
	for (i = 0; i < p->num_rings[LR_RX]; i++)
		os_mutex_unlock(&p->ring[LR_RX][i].lock);
}

void lr_xdp_rx_empty(struct lr_ring *r)
{
	struct carry c = { 0 };

	lr_xdp_rx_count_drops(r);
	if (rx_take(r, &c) == 0)
		rx_return(r, &c);
	carry_fini(&c);
}
