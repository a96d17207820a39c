/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AF_XDP back end: the life of a port and its rings. See af_xdp.h. A queue's socket is opened with the first of its
 * two rings and closed with the last.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "af_xdp.h"
#include "host.h"
#include "nic.h"
#include "os/user/waiter.h"

#define DRAIN_MSEC 50 /* how long a stop waits for the last packets to leave */

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
	lr_text(p->backend, sizeof(p->backend), "af_xdp: %s, %s, %u queue%s, %s", xdp, mode, nic->queues,
		nic->queues == 1 ? "" : "s", nic->sg ? "multi-buffer" : "one buffer a packet");
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
		lr_xdp_tx_restore(q->tx_ring);
	q->tx_ring = NULL;
	lr_nap_fini(&q->tx.nap);
	os_free(q->tx.skip);
	q->tx.skip = NULL;
}

/*
 * Whether packets come from a stack on this machine, not from a wire: checksums may be unfinished then. These drivers
 * know of no hardware, and generic XDP gets packets as some driver made them for the stack.
 */
static bool from_a_stack(const struct lr_xdp_nic *nic)
{
	char driver[32];

	lr_netdev_driver(nic->dev, driver, sizeof(driver));
	return nic->generic || strcmp(driver, "veth") == 0 || strcmp(driver, "tun") == 0;
}

static int rx_start(struct lr_xdp_queue *q, struct lr_ring *r, struct lr_why *why)
{
	uint32_t last = r->num_slots - 1;

	q->rx_ring = r;
	q->unfinished = from_a_stack(q->nic);
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

	if (q->open)
		lr_xdp_rx_empty(r);
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
	if (q->mark >= 0)
		close(q->mark);
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
		lr_xdp_reopen(nic, q->index, 1);
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

	lr_xdp_grow(nic);
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
		lr_host_use(nic->dev->host, r);
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
	bool dirty = true, elsewhere = r->port->elsewhere;

	/* Shared with another process: not even the rings between us and the kernel may be touched. */
	if (elsewhere)
		lr_xdp_socket_close(q);
	if (lr_kind_is_tx(r->kind)) {
		if (q->open)
			lr_xdp_tx_drain(r, DRAIN_MSEC);
		dirty = lr_xdp_tx_in_flight(&q->tx);
		tx_stop(q);
	} else {
		rx_stop(q);
	}
	queue_leave(q, dirty && !elsewhere);
	lr_host_unuse(q->nic->dev->host, r);
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
	uint32_t at = os_load(&r->hwtail);

	if (!lr_kind_is_tx(r->kind)) {
		lr_netdev_wait(d, w, at, &q->rx.seen);
		os_waitq_record(&r->wq, w);
		return;
	}
	lr_netdev_wait(d, w, at, &q->tx.seen);
	if (lr_xdp_tx_in_flight(&q->tx) && os_load(&d->up))
		lr_nap_take(&q->tx.nap, at, w);
}

static void xdp_describe(struct lr_port *p)
{
	struct lr_xdp_nic *nic = p->priv;
	uint32_t i;

	lr_netdev_read_news(nic->dev);
	lr_host_count(nic->dev->host);
	for (i = 0; i < p->num_rings[LR_RX]; i++) {
		if (!nic->queue[i].rx_ring)
			continue;
		os_mutex_lock(&p->ring[LR_RX][i].lock);
		lr_xdp_rx_count_drops(&p->ring[LR_RX][i]);
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
	.forward = lr_host_forward,
	.region_grown = lr_xdp_region_grown,
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
		return lr_why(why, -errno,
			      errno == EPERM ? "no permission for sockets (needs CAP_NET_RAW)" : "no sockets: %s",
			      strerror(errno));
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
	if (nic->hole < 0)
		return lr_why(why, -errno, "no descriptor left: %s", strerror(errno));
	if (!nic->queue)
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
	nic->map = nic->prog = nic->link = nic->their_map = nic->hole = -1;
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
	lr_text(p->backend, sizeof(p->backend), "af_xdp: not in use yet, %u queue%s", nic->queues,
		nic->queues == 1 ? "" : "s");
	return 0;
}

const struct lr_nic_backend lr_af_xdp = { "af_xdp", xdp_create };
