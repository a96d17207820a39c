/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP back end: the life of a port, its queues and what happens to them. See af_xdp.h.
 *
 * A queue's socket is opened with the first of its two rings and closed with the last. It has to be opened anew, with packets
 * carried over, when the region has outgrown the UMEM, and when one ring goes while the other stays: only a closed socket
 * gives all its buffers back.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "af_xdp.h"
#include "nic.h"
#include "os/user/waiter.h"

#define DRAIN_MSEC 50	/* how long a stop waits for the last packets to leave */
#define STUCK_MSEC 5	/* and when it gives up because nothing moves */

/* What the kernel had of a queue when its socket was closed. */
struct carry {
	uint32_t *buf;		/* buffers for received packets */
	struct xdp_desc *desc;	/* packets to send that it had not taken */
	uint32_t bufs, descs;
};

/* --- Closing and opening again -------------------------------------------------------------- */

static void carry_fini(struct carry *c)
{
	os_free(c->buf);
	os_free(c->desc);
}

/* Waits for packets in flight, as long as there is some movement. */
static void tx_drain(struct lr_ring *r, int msec)
{
	struct lr_xdp_queue *q = r->priv;
	struct timespec nap = { .tv_nsec = 100000 };
	int i, still = 0;

	if (!os_load(&q->nic->dev->up))
		return;
	for (i = 0; i < msec * 10 && still < STUCK_MSEC * 10; i++) {
		uint32_t done = q->tx.done;

		if (os_load(q->tx.consumer) != q->tx.prod)
			sendto(q->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
		lr_xdp_tx_reclaim(r);
		if (!lr_xdp_tx_in_flight(&q->tx))
			return;
		still = q->tx.done == done ? still + 1 : 0;
		nanosleep(&nap, NULL);
	}
}

/* The slots in flight have their own buffers again, whatever the program has written there. */
static void tx_restore(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t done = t->done, pos;

	for (pos = lr_pos_next(r->hwtail, r->num_slots); pos != r->hwcur; pos = lr_pos_next(pos, r->num_slots))
		if (!t->skip[pos])
			os_store(&r->slot[pos].buf_idx, (uint32_t)((t->desc[done++ & t->mask].addr & ~LR_XDP_EARLY) >> q->shift));
}

/*
 * Takes out what the kernel has not taken; the rest counts as sent. A packet of which it took only the beginning is lost,
 * so that its end does not become a packet.
 */
static int tx_take(struct lr_ring *r, struct carry *c)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_xdp_tx *t = &q->tx;
	uint32_t at = os_load_acquire(t->consumer), i;

	tx_restore(r);
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
	os_store_release(q->tx.producer, c->descs);
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

/* The socket's own count of what it lost; goes into the ring's. */
static void count_drops(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	struct xdp_statistics s;
	socklen_t len = sizeof(s);
	uint64_t now;

	memset(&s, 0, sizeof(s));
	if (!q->open || getsockopt(q->fd, SOL_XDP, XDP_STATISTICS, &s, &len) < 0)
		return;
	now = s.rx_dropped + s.rx_ring_full;	/* an empty fill ring shows in rx_dropped */
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
		tx_drain(q->tx_ring, msec);
		err = tx_take(q->tx_ring, c);
	}
	if (q->rx_ring) {
		count_drops(q->rx_ring);
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
 * All queues again that had a socket. With the memory that there is now; where the kernel does not take so much (the limit of
 * locked memory), with what it had: buffers beyond that cannot be sent through this NIC.
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

/* Opens queues [first, first + n) anew. The locks of their rings are held, or nobody syncs them. */
static void reopen(struct lr_xdp_nic *nic, uint32_t first, uint32_t n)
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

static void xdp_region_grown(struct lr_port *p)
{
	struct lr_xdp_nic *nic = p->priv;

	if (outgrown(nic) && !p->gone)
		reopen(nic, 0, nic->queues);
}

/* The same before another ring starts. */
static void grow(struct lr_xdp_nic *nic)
{
	struct lr_port *p = nic->port;
	uint32_t i;

	for (i = 0; i < p->num_rings[LR_TX]; i++)
		os_mutex_lock(&p->ring[LR_TX][i].lock);
	for (i = 0; i < p->num_rings[LR_RX]; i++)
		os_mutex_lock(&p->ring[LR_RX][i].lock);
	xdp_region_grown(p);
	for (i = 0; i < p->num_rings[LR_TX]; i++)
		os_mutex_unlock(&p->ring[LR_TX][i].lock);
	for (i = 0; i < p->num_rings[LR_RX]; i++)
		os_mutex_unlock(&p->ring[LR_RX][i].lock);
}

/* --- Rings ------------------------------------------------------------------------------------ */

/* What drives the port, and why nothing better. */
static void describe(struct lr_xdp_nic *nic)
{
	struct lr_port *p = nic->port;
	char xdp[96], mode[96];

	if (nic->link < 0)
		lr_text(xdp, sizeof(xdp), "tx only");
	else if (nic->generic)
		lr_text(xdp, sizeof(xdp), "generic XDP (native: %s)", nic->no_native);
	else
		lr_text(xdp, sizeof(xdp), "native XDP");
	if (nic->zc || !nic->no_zc[0])
		lr_text(mode, sizeof(mode), nic->zc ? "zero-copy" : "copy mode");
	else
		lr_text(mode, sizeof(mode), "copy mode (zero-copy: %s)", nic->no_zc);
	lr_text(p->backend, sizeof(p->backend), "af_xdp: %s, %s, %u queue%s, %s", xdp, mode, nic->queues, nic->queues == 1 ? "" : "s",
		nic->sg ? "multi-buffer" : "one buffer a packet");
}

static int tx_start(struct lr_xdp_queue *q, struct lr_ring *r, struct lr_why *why)
{
	int err;

	q->tx.skip = os_zalloc(r->num_slots);
	if (!q->tx.skip)
		return lr_why(why, -ENOMEM, "no memory for a ring of %u slots", r->num_slots);
	q->tx.skips = 0;
	q->tx.discard = false;
	err = lr_nap_init(&q->tx.nap);
	if (err) {
		os_free(q->tx.skip);
		return lr_why(why, err, "no timer for a tx ring: %s", strerror(-err));
	}
	q->tx_ring = r;
	return 0;
}

static void tx_stop(struct lr_xdp_queue *q)
{
	if (q->open)
		tx_restore(q->tx_ring);
	q->tx_ring = NULL;
	lr_nap_fini(&q->tx.nap);
	os_free(q->tx.skip);
	q->tx.skip = NULL;
}

static int rx_start(struct lr_xdp_queue *q, struct lr_ring *r, struct lr_why *why)
{
	uint32_t last = r->num_slots - 1;

	q->rx_ring = r;
	q->rx.missing = 0;
	/* All slots are ours: as if the program had just given them back, once around. */
	lr_xdp_rx_post(r, last);
	lr_xdp_rx_post(r, 0);
	os_waitq_lend(&r->wq, q->fd, POLLIN);
	return lr_xdp_redirect(q, why);
}

static void rx_stop(struct lr_xdp_queue *q)
{
	struct lr_ring *r = q->rx_ring;
	struct carry c = { 0 };

	if (q->open) {
		count_drops(r);
		if (rx_take(r, &c) == 0)
			rx_return(r, &c);
		carry_fini(&c);
	}
	os_waitq_lend(&r->wq, -1, 0);
	q->rx_ring = NULL;
}

/* The last ring has left the queue. */
static void queue_end(struct lr_xdp_queue *q)
{
	bool wait = q->open && q->zc && !q->nic->port->gone;

	if (q->fd < 0)
		return;
	lr_xdp_socket_close(q);
	close(q->fd);
	q->fd = -1;
	if (wait)
		lr_xdp_socket_settle(q);
}

static bool any_rx(const struct lr_xdp_nic *nic)
{
	uint32_t i;

	for (i = 0; i < nic->queues; i++)
		if (nic->queue[i].rx_ring)
			return true;
	return false;
}

/* One ring of the queue has left. dirty: the kernel has buffers of it, which only a closed socket gives up. */
static void queue_leave(struct lr_xdp_queue *q, bool dirty)
{
	struct lr_ring *other = q->tx_ring ? q->tx_ring : q->rx_ring;
	struct lr_xdp_nic *nic = q->nic;
	int back;

	if (other && dirty && !nic->port->gone) {
		os_mutex_lock(&other->lock);
		reopen(nic, q->index, 1);
		os_mutex_unlock(&other->lock);
	} else if (!other && lr_netdev_enter(nic->dev, &back, NULL) == 0) {
		queue_end(q);
		lr_netdev_leave(back);
	} else if (!other) {
		queue_end(q);
	}
	if (!nic->zc && !any_rx(nic))
		lr_xdp_detach(nic);
}

static int queue_start(struct lr_xdp_queue *q, bool rx, struct lr_why *why)
{
	struct lr_xdp_nic *nic = q->nic;
	int err = 0;

	if (outgrown(nic))
		grow(nic);
	if (nic->port->gone)
		return lr_why(why, -ENXIO, "%s is gone", nic->port->name);
	if (rx)
		err = lr_xdp_attach(nic, why);
	if (!err && q->fd < 0) {
		if (!lr_xdp_any_open(nic))
			nic->bufs = lr_region_bufs_committed(nic->port->region);
		err = lr_xdp_socket_open(q, why);
	}
	/* A driver sends for sockets in zero-copy mode only while there is a program. */
	if (!err && nic->zc)
		err = lr_xdp_attach(nic, why);
	return err;
}

static int xdp_ring_start(struct lr_ring *r, struct lr_why *why)
{
	struct lr_xdp_nic *nic = r->port->priv;
	struct lr_xdp_queue *q = &nic->queue[r->index];
	bool rx = !lr_kind_is_tx(r->kind), started;
	int err, back;

	err = lr_netdev_enter(nic->dev, &back, why);
	if (err)
		return err;
	r->priv = q;
	err = queue_start(q, rx, why);
	if (!err)
		err = rx ? rx_start(q, r, why) : tx_start(q, r, why);
	lr_netdev_leave(back);
	if (!err) {
		describe(nic);
		return 0;
	}
	started = q->rx_ring == r;
	if (started)
		rx_stop(q);
	queue_leave(q, started);
	return err;
}

static void xdp_ring_stop(struct lr_ring *r)
{
	struct lr_xdp_queue *q = r->priv;
	bool dirty = true;

	if (lr_kind_is_tx(r->kind)) {
		if (q->open)
			tx_drain(r, DRAIN_MSEC);
		dirty = lr_xdp_tx_in_flight(&q->tx);
		tx_stop(q);
	} else {
		rx_stop(q);
	}
	queue_leave(q, dirty);
}

/* --- The port --------------------------------------------------------------------------------- */

static void xdp_stop(struct lr_port *p)
{
	lr_xdp_detach(p->priv);
}

static void xdp_wait(struct lr_ring *r, struct os_waiter *w)
{
	struct lr_xdp_queue *q = r->priv;
	struct lr_netdev *d = q->nic->dev;

	lr_netdev_wait(d, w);
	if (!lr_kind_is_tx(r->kind))
		os_waitq_record(&r->wq, w);
	else if (lr_xdp_tx_in_flight(&q->tx) && os_load(&d->up))
		lr_nap_take(&q->tx.nap, os_load(&r->hwtail), w);
}

static void xdp_describe(struct lr_port *p)
{
	struct lr_xdp_nic *nic = p->priv;
	uint32_t i;

	lr_netdev_read_news(nic->dev);
	for (i = 0; i < p->num_rings[LR_RX]; i++) {
		if (!nic->queue[i].rx_ring)
			continue;
		os_mutex_lock(&p->ring[LR_RX][i].lock);
		count_drops(&p->ring[LR_RX][i]);
		os_mutex_unlock(&p->ring[LR_RX][i].lock);
	}
}

static void nic_free(struct lr_xdp_nic *nic)
{
	lr_xdp_program_unload(nic);
	if (nic->hole >= 0)
		close(nic->hole);
	os_free(nic->queue);
	os_free(nic);
}

static void xdp_destroy(struct lr_port *p)
{
	struct lr_xdp_nic *nic = p->priv;
	struct lr_netdev *d = nic->dev;

	nic_free(nic);
	lr_netdev_close(d);
	os_free(d);
	lr_port_free(p);
}

static const struct lr_port_ops xdp_ops = {
	.kind = "nic",
	.stop = xdp_stop,
	.ring_start = xdp_ring_start,
	.ring_stop = xdp_ring_stop,
	.txsync = lr_xdp_txsync,
	.rxsync = lr_xdp_rxsync,
	.wait = xdp_wait,
	.region_grown = xdp_region_grown,
	.describe = xdp_describe,
	.destroy = xdp_destroy,
};

/* Buffers are pinned memory: as much as we may have. */
static void raise_memlock(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, now;

	if (setrlimit(RLIMIT_MEMLOCK, &all) == 0 || getrlimit(RLIMIT_MEMLOCK, &now) < 0)
		return;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_MEMLOCK, &now);
}

/* A socket and a program: what a process without privileges cannot have. */
static int probe(struct lr_xdp_nic *nic, struct lr_why *why)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return lr_why(why, -errno, errno == EPERM ? "no permission for sockets (needs CAP_NET_RAW)" : "no sockets: %s", strerror(errno));
	close(fd);
	raise_memlock();
	return lr_xdp_program_load(nic, why);
}

static int queues_create(struct lr_xdp_nic *nic, struct lr_port *p, struct lr_why *why)
{
	uint32_t tx, rx, i;

	lr_netdev_queues(nic->dev, &tx, &rx);
	p->config.rings[LR_TX] = tx < LR_NIC_QUEUES_MAX ? tx : LR_NIC_QUEUES_MAX;
	p->config.rings[LR_RX] = rx < LR_NIC_QUEUES_MAX ? rx : LR_NIC_QUEUES_MAX;
	nic->queues = p->config.rings[p->config.rings[LR_TX] > p->config.rings[LR_RX] ? LR_TX : LR_RX];
	nic->queue = aligned_alloc(_Alignof(struct lr_xdp_queue), nic->queues * sizeof(*nic->queue));
	nic->hole = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!nic->queue || nic->hole < 0)
		return lr_why(why, -ENOMEM, "no memory for %u queues", nic->queues);
	memset(nic->queue, 0, nic->queues * sizeof(*nic->queue));
	for (i = 0; i < nic->queues; i++) {
		nic->queue[i].nic = nic;
		nic->queue[i].index = i;
		nic->queue[i].fd = -1;
	}
	return 0;
}

static int xdp_create(struct lr_port *p, struct lr_netdev *d, struct lr_why *why)
{
	uint32_t size = p->region->pool[LR_POOL_BUF].size;
	struct lr_xdp_nic *nic;
	int err;

	if (size != 2048 && size != 4096)
		return lr_why(why, -EOPNOTSUPP, "buffers of %u bytes, it can have 2048 or 4096", size);
	nic = os_zalloc(sizeof(*nic));
	if (!nic)
		return lr_why(why, -ENOMEM, "no memory");
	nic->port = p;
	nic->dev = d;
	nic->map = nic->prog = nic->link = nic->hole = -1;
	nic->shift = (unsigned int)__builtin_ctz(size);
	err = queues_create(nic, p, why);
	if (!err)
		err = probe(nic, why);
	if (err) {
		nic_free(nic);
		return err;
	}
	p->ops = &xdp_ops;
	p->priv = nic;
	p->buf_len = size - OS_BUF_HEADROOM;
	lr_text(p->backend, sizeof(p->backend), "af_xdp: not in use yet, %u queue%s", nic->queues, nic->queues == 1 ? "" : "s");
	return 0;
}

const struct lr_nic_backend lr_af_xdp = { "af_xdp", xdp_create };
