/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * virtio_net, split rings: included by the driver's virtio_net.c, with the hooks of virtio_net.cocci. See nic/linux/native.h.
 *
 * A queue changes hands by a reset of that queue (VIRTIO_F_RING_RESET): indexes begin at 0, on both sides. The kernel does that
 * when a queue's size changes, so its size is changed and changed back. While the field `lr` of a queue is set, the driver's own
 * functions leave it alone: its memory is netmap's.
 *
 * Interrupts come through vring_interrupt, which takes them for spurious when the used index is what the driver saw last: that
 * is 0, after the reset, so what happens at a multiple of 65536 is not told. Who goes to sleep near one is woken by time.
 *
 * Guest offloads are off while a receive queue is netmap's: frames would come unfinished.
 */
#ifndef LR_VIRTIO_NET_GLUE_H
#define LR_VIRTIO_NET_GLUE_H

#include <linux/dma-mapping.h>
#include <linux/virtio_ring.h>

#include "nic/linux/native.h"
#include "nic/native/virtio_rx.h"
#include "nic/native/virtio_tx.h"

#define LR_VIRTNET_NAP (HZ / 100 + 1)

static int virtnet_rx_resize(struct virtnet_info *vi, struct receive_queue *rq, u32 ring_num);
static int virtnet_tx_resize(struct virtnet_info *vi, struct send_queue *sq, u32 ring_num);
static bool try_fill_recv(struct virtnet_info *vi, struct receive_queue *rq, gfp_t gfp);
static int virtnet_set_guest_offloads(struct virtnet_info *vi, u64 offloads);
static netdev_tx_t start_xmit(struct sk_buff *skb, struct net_device *dev);

/* What both directions have behind the ring's own state. */
struct lr_virtnet_more {
	void *mem;		/* pairs, then headers */
	dma_addr_t mem_addr;
	size_t mem_size;
	struct delayed_work nap;
	struct lr_ring *ring;
};

struct lr_virtnet_tx {
	struct lr_virtio_tx v;
	struct lr_virtnet_more more;
};

struct lr_virtnet_rx {
	struct lr_virtio_rx v;
	struct lr_virtnet_more more;
};

static struct virtqueue *lr_virtnet_vq(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	return kind == LR_TX ? vi->sq[i].vq : vi->rq[i].vq;
}

static u32 lr_virtnet_slots(struct virtnet_info *vi, struct virtqueue *vq)
{
	return virtqueue_get_vring_size(vq) / (virtio_has_feature(vi->vdev, VIRTIO_RING_F_INDIRECT_DESC) ? 1 : 2);
}

static int lr_virtnet_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct virtio_device *vdev = vi->vdev;

	if (virtio_has_feature(vdev, VIRTIO_F_RING_PACKED))
		return lr_why(why, -EOPNOTSUPP, "its rings are packed, only split ones are known");
	if (!virtio_has_feature(vdev, VIRTIO_F_RING_RESET))
		return lr_why(why, -EOPNOTSUPP, "its device cannot reset single queues (VIRTIO_F_RING_RESET)");
	if (vi->hdr_len > 12)
		return lr_why(why, -EOPNOTSUPP, "its headers have %u bytes", vi->hdr_len);
	if (vi->guest_offloads && !virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS))
		return lr_why(why, -EOPNOTSUPP, "its device cannot switch offloads off (VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)");
	if (!virtio_has_feature(vdev, VIRTIO_F_ACCESS_PLATFORM) && device_iommu_mapped(vdev->dev.parent))
		return lr_why(why, -EOPNOTSUPP, "its device goes past the IOMMU");
	if (vi->xdp_enabled)
		return lr_why(why, -EOPNOTSUPP, "an XDP program has its queues");
	info->dma = vdev->dev.parent;
	info->rings[LR_TX] = info->rings[LR_RX] = vi->curr_queue_pairs;
	info->slots[LR_TX] = lr_virtnet_slots(vi, vi->sq[0].vq);
	info->slots[LR_RX] = lr_virtnet_slots(vi, vi->rq[0].vq);
	info->buf_len = info->buf_size;
	return 0;
}

/* --- The ring's memory ----------------------------------------------------------------------------------- */

static void lr_virtnet_nap_over(struct work_struct *work)
{
	os_waitq_wake(&container_of(to_delayed_work(work), struct lr_virtnet_more, nap)->ring->wq);
}

static void lr_virtnet_notify(void *vq)
{
	virtqueue_notify(vq);
}

/* The queue is new: describes it to the loops. headers: how many of them. */
static int lr_virtnet_describe(struct lr_native *n, struct lr_ring *r, struct lr_virtio *q, struct lr_virtnet_more *more, u32 headers)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct virtqueue *vq = lr_virtnet_vq(vi, r->kind, r->index);
	const struct vring *vring = virtqueue_get_vring(vq);
	size_t pairs = 2 * sizeof(struct lr_virtio_desc) * (vring->num + LR_VIRTIO_MORE_PAIRS);

	more->mem_size = pairs + headers * LR_VIRTIO_HEADER_ROOM;
	more->mem = dma_alloc_coherent(n->dma_dev, more->mem_size, &more->mem_addr, GFP_KERNEL);
	if (!more->mem)
		return -ENOMEM;
	more->ring = r;
	INIT_DELAYED_WORK(&more->nap, lr_virtnet_nap_over);
	*q = (struct lr_virtio){
		.table = (void *)vring->desc,
		.avail = (void *)vring->avail,
		.used = (void *)vring->used,
		.size = vring->num,
		.indirect = virtio_has_feature(vi->vdev, VIRTIO_RING_F_INDIRECT_DESC),
		.event_idx = virtio_has_feature(vi->vdev, VIRTIO_RING_F_EVENT_IDX),
		.header_len = vi->hdr_len,
		.pair = more->mem,
		.pair_addr = more->mem_addr,
		.header = more->mem + pairs,
		.header_addr = more->mem_addr + pairs,
		.notify = lr_virtnet_notify,
		.arg = vq,
	};
	return 0;
}

static void lr_virtnet_forget(struct lr_native *n, struct lr_virtnet_more *more)
{
	cancel_delayed_work_sync(&more->nap);
	dma_free_coherent(n->dma_dev, more->mem_size, more->mem, more->mem_addr);
	more->mem = NULL;
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

static int lr_virtnet_reset(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	u32 size = virtqueue_get_vring_size(lr_virtnet_vq(vi, kind, i));
	int err;

	if (kind == LR_TX) {
		err = virtnet_tx_resize(vi, &vi->sq[i], size / 2);
		return err ?: virtnet_tx_resize(vi, &vi->sq[i], size);
	}
	err = virtnet_rx_resize(vi, &vi->rq[i], size / 2);
	return err ?: virtnet_rx_resize(vi, &vi->rq[i], size);
}

static void lr_virtnet_mark(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i, bool ours)
{
	if (kind == LR_TX)
		WRITE_ONCE(vi->sq[i].lr, ours);
	else
		WRITE_ONCE(vi->rq[i].lr, ours);
}

/* The stack's again: the queue is new, and empty. */
static void lr_virtnet_return(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	lr_virtnet_mark(vi, kind, i, false);
	if (kind == LR_RX && netif_running(vi->dev))
		try_fill_recv(vi, &vi->rq[i], GFP_KERNEL);
}

static int lr_virtnet_start_rx(struct lr_native *n, struct lr_ring *r)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct lr_virtnet_rx *x = r->priv;
	int err;

	*x = (struct lr_virtnet_rx){ .v.rx.dma = &n->dma, .v.mergeable = vi->mergeable_rx_bufs };
	err = lr_virtnet_describe(n, r, &x->v.q, &x->more, r->num_slots);
	if (err)
		return err;
	err = lr_virtio_rx_start(&x->v, r);
	if (err)
		lr_virtnet_forget(n, &x->more);
	return err;
}

static int lr_virtnet_start_tx(struct lr_native *n, struct lr_ring *r)
{
	struct lr_virtnet_tx *t = r->priv;
	int err;

	*t = (struct lr_virtnet_tx){
		.v.tx = { .dma = &n->dma, .max_frame = lr_native_max_frame(n), .max_pieces = NETMAP_MAX_FRAGS },
	};
	err = lr_virtnet_describe(n, r, &t->v.q, &t->more, 1);
	if (err)
		return err;
	err = lr_virtio_tx_start(&t->v, r);
	if (err)
		lr_virtnet_forget(n, &t->more);
	return err;
}

static int lr_virtnet_start(struct lr_native *n, struct lr_ring *r)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	int err;

	lr_virtnet_mark(vi, r->kind, r->index, true);
	err = lr_virtnet_reset(vi, r->kind, r->index);
	if (!err)
		err = r->kind == LR_TX ? lr_virtnet_start_tx(n, r) : lr_virtnet_start_rx(n, r);
	if (err)
		lr_virtnet_return(vi, r->kind, r->index);
	return err;
}

static void lr_virtnet_stop(struct lr_native *n, struct lr_ring *r)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct lr_virtnet_tx *t = r->priv;
	struct lr_virtnet_rx *x = r->priv;

	if (lr_virtnet_reset(vi, r->kind, r->index))
		netdev_err(vi->dev, "%s queue %u cannot be reset\n", r->kind == LR_TX ? "tx" : "rx", r->index);
	if (r->kind == LR_TX) {
		lr_virtio_tx_stop(&t->v);
		lr_virtnet_forget(n, &t->more);
	} else {
		lr_virtio_rx_stop(&x->v, r);
		lr_virtnet_forget(n, &x->more);
	}
	lr_virtnet_return(vi, r->kind, r->index);
}

static int lr_virtnet_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct virtnet_info *vi = netdev_priv(n->dev);

	lr_native_want(n, kind, i, on);
	if (on && netif_running(n->dev))
		lr_native_start(n, kind, i, lr_virtnet_slots(vi, lr_virtnet_vq(vi, kind, i)));
	if (!on)
		lr_native_stop(n, kind, i);
	/* Off for the first, and back with the last: see lr_virtnet_offloads. */
	if (kind == LR_RX && vi->guest_offloads)
		virtnet_set_guest_offloads(vi, vi->guest_offloads);
	return 0;
}

/* --- Syncs ----------------------------------------------------------------------------------------------------- */

static int lr_virtnet_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_virtio_tx, r, flags);
}

static int lr_virtnet_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_virtio_rx, r, flags);
}

/*
 * The next used buffer raises an interrupt, whatever was used before: who waits for edges (EPOLLET) looks now, and then not
 * again before he is told. So the index must be the device's of after it could see ours.
 */
static void lr_virtnet_ask(struct lr_virtio *q)
{
	unsigned int tries = 0;
	u16 seen;

	if (!q->event_idx) {
		os_store(&q->avail->flags, (__le16)0);
		return;
	}
	do {
		seen = le16_to_cpu(os_load(&q->used->idx));
		os_store(&q->avail->ring[q->size], cpu_to_le16(seen));
		lr_dma_mb();
	} while (seen != le16_to_cpu(os_load(&q->used->idx)) && ++tries < q->size);
}

/* The sync that follows looks again. */
static void lr_virtnet_arm(struct lr_native *n, struct lr_ring *r)
{
	struct lr_virtnet_tx *t = r->priv;
	struct lr_virtnet_rx *x = r->priv;
	struct lr_virtnet_more *more = r->kind == LR_TX ? &t->more : &x->more;
	struct lr_virtio *q = r->kind == LR_TX ? &t->v.q : &x->v.q;

	/* A sender is woken when half of what is in flight is done; if that is so already, by the next. */
	if (r->kind == LR_RX || lr_virtio_tx_arm(&t->v))
		lr_virtnet_ask(q);
	if ((u16)(q->used_idx + 2 * q->size) <= 2 * q->size)
		schedule_delayed_work(&more->nap, LR_VIRTNET_NAP);
}

static const struct lr_native_ops lr_virtnet_ops = {
	.driver = "virtio_net",
	.tx_size = sizeof(struct lr_virtnet_tx),
	.rx_size = sizeof(struct lr_virtnet_rx),
	.info = lr_virtnet_info,
	.switch_ring = lr_virtnet_switch,
	.start = lr_virtnet_start,
	.stop = lr_virtnet_stop,
	.txsync = lr_virtnet_txsync,
	.rxsync = lr_virtnet_rxsync,
	.arm = lr_virtnet_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* In the interrupt. True: the queue is netmap's. */
static bool lr_virtnet_done(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	if (likely(!READ_ONCE(*(kind == LR_TX ? &vi->sq[i].lr : &vi->rq[i].lr))))
		return false;
	lr_native_wake(vi->lr, kind, i);
	return true;
}

/* A poll of a queue that is netmap's: there is nothing to do in it. */
static bool lr_virtnet_no_poll(struct napi_struct *napi, bool ours)
{
	if (likely(!READ_ONCE(ours)))
		return false;
	napi_complete_done(napi, 0);
	return true;
}

/* ndo_start_xmit. */
static netdev_tx_t lr_virtnet_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct virtnet_info *vi = netdev_priv(dev);

	if (lr_native_drops(vi->lr, skb_get_queue_mapping(skb), skb))
		return NETDEV_TX_OK;
	return start_xmit(skb, dev);
}

/* The offloads that the device may use, of those that the driver wants. */
static u64 lr_virtnet_offloads(struct virtnet_info *vi, u64 offloads)
{
	return vi->lr && !bitmap_empty(vi->lr->want_rx, LR_NATIVE_QUEUES) ? 0 : offloads;
}

/* The interface is up. */
static void lr_virtnet_up(struct virtnet_info *vi)
{
	unsigned int i;

	for (i = 0; vi->lr && i < vi->curr_queue_pairs; i++) {
		lr_native_start(vi->lr, LR_TX, i, lr_virtnet_slots(vi, vi->sq[i].vq));
		lr_native_start(vi->lr, LR_RX, i, lr_virtnet_slots(vi, vi->rq[i].vq));
	}
}

/* The queues are going to have other sizes. */
static void lr_virtnet_resizing(struct virtnet_info *vi)
{
	lr_native_stop_all(vi->lr);
	lr_native_fail(vi->lr, "its rings get other sizes");
}

#endif
