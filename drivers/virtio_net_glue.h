/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * virtio_net, split rings: included by the driver's virtio_net.c, with the hooks of virtio_net.cocci. See nic/linux/native.h.
 * A queue changes hands by a reset of that queue (VIRTIO_F_RING_RESET): indexes begin at 0, on both sides. The kernel does that
 * when a queue's size changes, so its size is changed and changed back. While the field `lr` of a queue is set, the driver's own
 * functions leave it alone: its memory is netmap's.
 * Interrupts come through vring_interrupt, which takes them for spurious when the used index is what the driver saw last: that
 * is 0, after the reset, so what happens at a multiple of 65536 is not told. Who goes to sleep near one is woken by time. Guest
 * offloads are off while a receive queue is netmap's: frames would come unfinished.
 */
#ifndef LR_VIRTIO_NET_GLUE_H
#define LR_VIRTIO_NET_GLUE_H

#include <linux/pci.h>
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
static int virtnet_poll(struct napi_struct *napi, int budget);
static int virtnet_poll_tx(struct napi_struct *napi, int budget);

/* A queue; the loops' own state comes first. */
struct lr_virtnet {
	union {
		struct lr_virtio_tx tx;
		struct lr_virtio_rx rx;
	};
	struct lr_virtio *q;	/* of the one or the other */
	void *mem;		/* pairs, then headers */
	dma_addr_t mem_addr;
	size_t mem_size;
	struct delayed_work nap;
	struct lr_ring *ring;
};

static struct virtqueue *lr_virtnet_vq(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	return kind == LR_TX ? vi->sq[i].vq : vi->rq[i].vq;
}

/* Whether the queue is netmap's. */
static bool *lr_virtnet_ours(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	return kind == LR_TX ? &vi->sq[i].lr : &vi->rq[i].lr;
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
	os_waitq_wake(&container_of(to_delayed_work(work), struct lr_virtnet, nap)->ring->wq);
}

static void lr_virtnet_notify(void *vq)
{
	virtqueue_notify(vq);
}

/* The queue is new: describes it to the loops. headers: how many of them. */
static int lr_virtnet_describe(struct lr_native *n, struct lr_ring *r, struct lr_virtnet *x, u32 headers)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct virtqueue *vq = lr_virtnet_vq(vi, r->kind, r->index);
	const struct vring *vring = virtqueue_get_vring(vq);
	size_t pairs = 2 * sizeof(struct lr_virtio_desc) * (vring->num + LR_VIRTIO_MORE_PAIRS);

	x->mem_size = pairs + headers * LR_VIRTIO_HEADER_ROOM;
	x->mem = dma_alloc_coherent(n->dma_dev, x->mem_size, &x->mem_addr, GFP_KERNEL);
	if (!x->mem)
		return -ENOMEM;
	x->ring = r;
	INIT_DELAYED_WORK(&x->nap, lr_virtnet_nap_over);
	*x->q = (struct lr_virtio){
		.table = (void *)vring->desc, .avail = (void *)vring->avail, .used = (void *)vring->used,
		.size = vring->num, .header_len = vi->hdr_len,
		.indirect = virtio_has_feature(vi->vdev, VIRTIO_RING_F_INDIRECT_DESC),
		.event_idx = virtio_has_feature(vi->vdev, VIRTIO_RING_F_EVENT_IDX),
		.pair = x->mem, .pair_addr = x->mem_addr,
		.header = x->mem + pairs, .header_addr = x->mem_addr + pairs,
		.notify = lr_virtnet_notify, .arg = vq,
	};
	return 0;
}

static void lr_virtnet_forget(struct lr_native *n, struct lr_virtnet *x)
{
	cancel_delayed_work_sync(&x->nap);
	dma_free_coherent(n->dma_dev, x->mem_size, x->mem, x->mem_addr);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* A queue that has an interrupt of its own is not protected from one that comes late: it would find the ring's memory freed. */
static int lr_virtnet_reset(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	struct virtqueue *vq = lr_virtnet_vq(vi, kind, i);
	struct device *dev = vi->vdev->dev.parent;
	int irq = dev_is_pci(dev) && to_pci_dev(dev)->msix_enabled ? pci_irq_vector(to_pci_dev(dev), vq->index + 1) : 0, err;
	u32 size = virtqueue_get_vring_size(vq);

	if (irq > 0)
		disable_irq(irq);
	err = kind == LR_TX ? virtnet_tx_resize(vi, &vi->sq[i], size / 2) ?: virtnet_tx_resize(vi, &vi->sq[i], size) :
			      virtnet_rx_resize(vi, &vi->rq[i], size / 2) ?: virtnet_rx_resize(vi, &vi->rq[i], size);
	if (irq > 0)
		enable_irq(irq);
	return err;
}

/* The stack's again: the queue is new, and empty. While it is filled the driver's poll, which fills it too, is kept out. */
static void lr_virtnet_return(struct virtnet_info *vi, enum lr_ring_kind kind, unsigned int i)
{
	bool fill = kind == LR_RX && netif_running(vi->dev);

	if (fill)
		napi_disable(&vi->rq[i].napi);
	WRITE_ONCE(*lr_virtnet_ours(vi, kind, i), false);
	if (!fill)
		return;
	try_fill_recv(vi, &vi->rq[i], GFP_KERNEL);
	napi_enable(&vi->rq[i].napi);
	local_bh_disable();
	napi_schedule(&vi->rq[i].napi);	/* what came meanwhile; and it fills the rest later */
	local_bh_enable();
}

/* The queue is new, and netmap's. */
static int lr_virtnet_set_up(struct lr_native *n, struct lr_ring *r, struct lr_virtnet *x)
{
	bool tx = r->kind == LR_TX;
	int err;

	x->q = tx ? &x->tx.q : &x->rx.q;
	if (tx)
		x->tx.tx = (struct lr_native_tx){ .dma = &n->dma, .max_frame = lr_native_max_frame(n), .max_pieces = NETMAP_MAX_FRAGS };
	else
		x->rx.rx.dma = &n->dma;
	err = lr_virtnet_describe(n, r, x, tx ? 1 : r->num_slots);
	if (err)
		return err;
	err = tx ? lr_virtio_tx_start(&x->tx, r) : lr_virtio_rx_start(&x->rx, r);
	if (err)
		lr_virtnet_forget(n, x);
	return err;
}

static int lr_virtnet_start(struct lr_native *n, struct lr_ring *r)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct lr_virtnet *x = memset(r->priv, 0, sizeof(*x));
	int err;

	x->rx.mergeable = r->kind == LR_RX && vi->mergeable_rx_bufs;
	WRITE_ONCE(*lr_virtnet_ours(vi, r->kind, r->index), true);
	err = lr_virtnet_reset(vi, r->kind, r->index) ?: lr_virtnet_set_up(n, r, x);
	if (err)
		lr_virtnet_return(vi, r->kind, r->index);
	return err;
}

static void lr_virtnet_stop(struct lr_native *n, struct lr_ring *r)
{
	struct virtnet_info *vi = netdev_priv(n->dev);
	struct lr_virtnet *x = r->priv;

	if (lr_virtnet_reset(vi, r->kind, r->index))
		netdev_err(vi->dev, "%s queue %u cannot be reset\n", r->kind == LR_TX ? "tx" : "rx", r->index);
	if (r->kind == LR_TX)
		lr_virtio_tx_stop(&x->tx);
	else
		lr_virtio_rx_stop(&x->rx, r);
	lr_virtnet_forget(n, x);
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

static int lr_virtnet_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_virtio_tx, r, flags);
}

static int lr_virtnet_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_virtio_rx, r, flags);
}

/* The sync that follows looks again. */
static void lr_virtnet_arm(struct lr_native *n, struct lr_ring *r)
{
	struct lr_virtnet *x = r->priv;

	/* A sender is woken when half of what is in flight is done; if that is so already, by the next. */
	if (r->kind == LR_RX || lr_virtio_tx_arm(&x->tx))
		lr_virtio_ask(x->q);
	if ((u16)(x->q->used_idx + 2 * x->q->size) <= 2 * x->q->size)
		schedule_delayed_work(&x->nap, LR_VIRTNET_NAP);
}

static const struct lr_native_ops lr_virtnet_ops = {
	.driver = "virtio_net",
	.tx_size = sizeof(struct lr_virtnet), .rx_size = sizeof(struct lr_virtnet),
	.info = lr_virtnet_info,
	.switch_ring = lr_virtnet_switch,
	.start = lr_virtnet_start, .stop = lr_virtnet_stop,
	.txsync = lr_virtnet_txsync, .rxsync = lr_virtnet_rxsync,
	.arm = lr_virtnet_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* In the interrupt. True: the queue is netmap's. */
static bool lr_virtnet_done(struct virtnet_info *vi, const struct virtqueue *vq)
{
	enum lr_ring_kind kind = vq->index % 2 ? LR_TX : LR_RX;

	if (likely(!READ_ONCE(*lr_virtnet_ours(vi, kind, vq->index / 2))))
		return false;
	lr_native_wake(vi->lr, kind, vq->index / 2);
	return true;
}

/* Polls: of a queue that is netmap's there is nothing to do. */
static int lr_virtnet_poll(struct napi_struct *napi, int budget)
{
	if (likely(!READ_ONCE(container_of(napi, struct receive_queue, napi)->lr)))
		return virtnet_poll(napi, budget);
	napi_complete_done(napi, 0);
	return 0;
}

static int lr_virtnet_poll_tx(struct napi_struct *napi, int budget)
{
	if (likely(!READ_ONCE(container_of(napi, struct send_queue, napi)->lr)))
		return virtnet_poll_tx(napi, budget);
	napi_complete_done(napi, 0);
	return 0;
}

/* ndo_start_xmit. While the queue changes hands, too: the reset waits for those who came before. */
static netdev_tx_t lr_virtnet_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct virtnet_info *vi = netdev_priv(dev);

	if (likely(!READ_ONCE(vi->sq[skb_get_queue_mapping(skb)].lr)))
		return start_xmit(skb, dev);
	lr_native_drop(skb);
	return NETDEV_TX_OK;
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

	for (i = 0; vi->lr && i < 2 * vi->curr_queue_pairs; i++)
		lr_native_start(vi->lr, i % 2 ? LR_TX : LR_RX, i / 2, lr_virtnet_slots(vi, i % 2 ? vi->sq[i / 2].vq : vi->rq[i / 2].vq));
}

#endif
