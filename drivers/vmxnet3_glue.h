/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * vmxnet3: included by the driver's vmxnet3_drv.c, with the hooks of vmxnet3.cocci. See nic/linux/native.h.
 *
 * The device has no command for a single queue, so one changes hands while all rest: quiesce, reset, activate, as the driver does
 * for each change of parameters. What the device has completed by then is not lost: a last sync takes it, and what a program
 * still wants to send waits.
 *
 * Which queues are netmap's is decided once for each activation, before the device is told of its queues: bits lr_tx and lr_rx
 * of the adapter. The driver's functions leave those alone. They are not the bits of lr_native_on, since the driver's own
 * ring begins with the next activation only, while an interrupt may still look at it after lr_native_stop.
 *
 * Receive queues of netmap's have the first ring, its completions in as many descriptors, and no ring of small frames' data.
 *
 * Interrupts: the device masks a vector when it raises it. It stays so while all its queues are netmap's and nobody sleeps.
 */
#ifndef LR_VMXNET3_GLUE_H
#define LR_VMXNET3_GLUE_H

#include "nic/linux/native.h"
#include "nic/native/vmxnet3.h"

#define LR_VMXNET3_BUF_MAX 16383u

static void vmxnet3_enable_intr(struct vmxnet3_adapter *adapter, unsigned int intr_idx);
static int vmxnet3_tq_tx_complete(struct vmxnet3_tx_queue *tq, struct vmxnet3_adapter *adapter);
static int vmxnet3_rq_rx_complete(struct vmxnet3_rx_queue *rq, struct vmxnet3_adapter *adapter, int quota);

/* --- Rings ----------------------------------------------------------------------------------------------- */

/* The bytes that a receive buffer may say it has: later devices were told a size for all. */
static u32 lr_vmxnet3_rx_len(struct vmxnet3_adapter *adapter, u32 buf_len)
{
	return VMXNET3_VERSION_GE_7(adapter) && adapter->skb_buf_size ? min(buf_len, adapter->skb_buf_size) : buf_len;
}

static int lr_vmxnet3_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);
	bool up = netif_running(n->dev);

	info->buf_len = min(info->buf_size, LR_VMXNET3_BUF_MAX);
	if (lr_native_max_frame(n) > lr_vmxnet3_rx_len(adapter, info->buf_len))
		return lr_why(why, -EOPNOTSUPP, "frames of its MTU (%u) do not fit one buffer (%u bytes)", n->dev->mtu,
			      lr_vmxnet3_rx_len(adapter, info->buf_len));
	if (dev_xdp_prog_count(n->dev))
		return lr_why(why, -EOPNOTSUPP, "an XDP program has its queues");
	info->dma = &adapter->pdev->dev;
	info->rings[LR_TX] = adapter->num_tx_queues;
	info->rings[LR_RX] = adapter->num_rx_queues;
	info->slots[LR_TX] = up ? adapter->tx_queue[0].tx_ring.size : adapter->tx_ring_size;
	info->slots[LR_RX] = up ? adapter->rx_queue[0].rx_ring[0].size : adapter->rx_ring_size;
	return 0;
}

static int lr_vmxnet3_start_tx(struct lr_native *n, struct lr_ring *r)
{
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);
	struct vmxnet3_tx_queue *tq = &adapter->tx_queue[r->index];
	struct lr_vmxnet3_tx *v = r->priv;

	*v = (struct lr_vmxnet3_tx){
		.tx.dma = &n->dma,
		.tx.hw.desc = tq->tx_ring.base,
		.tx.doorbell = adapter->hw_addr0 + adapter->tx_prod_offset + r->index * 8,
		.tx.max_frame = lr_native_max_frame(n),
		.tx.max_pieces = VMXNET3_MAX_TXD_PER_PKT,
		.comp = (struct lr_vmxnet3_comp *)tq->comp_ring.base,
	};
	return lr_vmxnet3_tx_start(v, r);
}

static int lr_vmxnet3_start_rx(struct lr_native *n, struct lr_ring *r)
{
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);
	struct vmxnet3_rx_queue *rq = &adapter->rx_queue[r->index];
	struct lr_vmxnet3_rx *v = r->priv;
	int err;

	*v = (struct lr_vmxnet3_rx){
		.rx.dma = &n->dma,
		.rx.hw.desc = rq->rx_ring[0].base,
		.rx.hw.done = rq->comp_ring.base,
		.rx.hw.len = lr_vmxnet3_rx_len(adapter, r->buf_len),
		.rx.doorbell = adapter->hw_addr0 + adapter->rx_prod_offset + r->index * 8,
	};
	err = lr_native_rx_start(&lr_vmxnet3_rx, &v->rx, r);
	/* It was told how far the ring is filled; from now on it hears so if it wants to. */
	v->wants_doorbell = (const u8 *)&rq->shared->updateRxProd;
	return err;
}

static int lr_vmxnet3_start(struct lr_native *n, struct lr_ring *r)
{
	return r->kind == LR_TX ? lr_vmxnet3_start_tx(n, r) : lr_vmxnet3_start_rx(n, r);
}

/* What was handed to the device is sent, as far as it goes on sending. */
static void lr_vmxnet3_drain(struct vmxnet3_adapter *adapter, struct lr_ring *r)
{
	struct lr_native_tx *t = r->priv;
	int i;

	for (i = 0; i < 50 && netif_carrier_ok(adapter->netdev) && !t->broken; i++) {
		lr_tx_reclaim(&lr_vmxnet3_tx, t, r);
		if (t->done == t->next)
			return;
		usleep_range(1000, 2000);
	}
}

static void lr_vmxnet3_stop(struct lr_native *n, struct lr_ring *r)
{
	static const u8 deaf;
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);
	struct lr_vmxnet3_rx *v = r->priv;

	if (r->kind == LR_TX) {
		if (!test_bit(VMXNET3_STATE_BIT_QUIESCED, &adapter->state))
			lr_vmxnet3_drain(adapter, r);
		lr_native_tx_stop(r->priv);
		return;
	}
	v->wants_doorbell = &deaf;
	lr_rxsync(&lr_vmxnet3_rx, r, 0);
	lr_native_rx_stop(&lr_vmxnet3_rx, &v->rx, r);
}

static int lr_vmxnet3_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_vmxnet3_tx, r, flags);
}

static int lr_vmxnet3_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_vmxnet3_rx, r, flags);
}

/* What was completed while the vector was masked raises it now. */
static void lr_vmxnet3_arm(struct lr_native *n, struct lr_ring *r)
{
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);

	vmxnet3_enable_intr(adapter, r->kind == LR_TX ? adapter->tx_queue[r->index].comp_ring.intr_idx :
						       adapter->rx_queue[r->index].comp_ring.intr_idx);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

static int lr_vmxnet3_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct vmxnet3_adapter *adapter = netdev_priv(n->dev);
	/* The driver's reset has it while it waits for rtnl, which we hold; it comes after us then. */
	bool first = !test_and_set_bit(VMXNET3_STATE_BIT_RESETTING, &adapter->state);
	unsigned int k;
	int err = 0;

	lr_native_want(n, kind, i, on);
	if (netif_running(n->dev) && !test_bit(VMXNET3_STATE_BIT_QUIESCED, &adapter->state)) {
		for (k = 0; k < adapter->num_tx_queues; k++)
			lr_native_stop(n, LR_TX, k);
		vmxnet3_quiesce_dev(adapter);
		vmxnet3_reset_dev(adapter);
		err = vmxnet3_activate_dev(adapter);
		/* It starts the stack's queues, and does not look at what waits in them. */
		if (!err)
			netif_tx_schedule_all(n->dev);
	}
	/* As the driver does: closing sets the bit itself. */
	if (first || err)
		clear_bit(VMXNET3_STATE_BIT_RESETTING, &adapter->state);
	if (err)
		vmxnet3_force_close(adapter);
	return err;
}

static const struct lr_native_ops lr_vmxnet3_ops = {
	.driver = "vmxnet3",
	.tx_size = sizeof(struct lr_vmxnet3_tx),
	.rx_size = sizeof(struct lr_vmxnet3_rx),
	.without = NETIF_F_RXCSUM | NETIF_F_LRO | NETIF_F_HW_VLAN_CTAG_RX,
	.info = lr_vmxnet3_info,
	.switch_ring = lr_vmxnet3_switch,
	.start = lr_vmxnet3_start,
	.stop = lr_vmxnet3_stop,
	.txsync = lr_vmxnet3_txsync,
	.rxsync = lr_vmxnet3_rxsync,
	.arm = lr_vmxnet3_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* The ring is what it was when a program bound it; else programs lose the interface. */
static bool lr_vmxnet3_same(struct vmxnet3_adapter *adapter, const struct lr_ring *r)
{
	if (r->num_slots != (r->kind == LR_TX ? adapter->tx_queue[r->index].tx_ring.size :
						adapter->rx_queue[r->index].rx_ring[0].size))
		lr_native_fail(adapter->lr, "its rings have other sizes now");
	else if (lr_native_max_frame(adapter->lr) > lr_vmxnet3_rx_len(adapter, r->buf_len))
		lr_native_fail(adapter->lr, "frames of its MTU do not fit one buffer any more");
	return !adapter->lr->failed;
}

/* The device is going to be activated: are there receive queues that are netmap's? */
static void lr_vmxnet3_claim(struct vmxnet3_adapter *adapter)
{
	struct lr_native *n = adapter->lr;
	bool same = n && !n->failed;
	unsigned int i;

	adapter->lr_tx = adapter->lr_rx = 0;
	if (!same)
		return;
	for_each_set_bit(i, n->want_tx, adapter->num_tx_queues)
		same &= lr_vmxnet3_same(adapter, &n->port->ring[LR_TX][i]);
	for_each_set_bit(i, n->want_rx, adapter->num_rx_queues)
		same &= lr_vmxnet3_same(adapter, &n->port->ring[LR_RX][i]);
	if (same)
		bitmap_copy(&adapter->lr_rx, n->want_rx, adapter->num_rx_queues);
}

/* What the device is told of itself is complete, but for these queues. */
static void lr_vmxnet3_describe(struct vmxnet3_adapter *adapter)
{
	unsigned int i;

	for_each_set_bit(i, &adapter->lr_rx, adapter->num_rx_queues) {
		struct Vmxnet3_RxQueueConf *conf = &adapter->rqd_start[i].conf;

		conf->compRingSize = cpu_to_le32(adapter->rx_queue[i].rx_ring[0].size);
		conf->rxDataRingBasePA = 0;
		conf->rxDataRingDescSize = 0;
	}
	if (adapter->lr_rx)
		adapter->shared->devRead.misc.uptFeatures &= ~(UPT1_F_RXCSUM | UPT1_F_LRO | UPT1_F_RXVLAN | UPT1_F_RXINNEROFLD);
}

/* The device is active, all queues are empty; receive queues of netmap's have no buffers yet. */
static void lr_vmxnet3_begin(struct vmxnet3_adapter *adapter)
{
	unsigned int i;

	for (i = 0; i < adapter->num_tx_queues; i++)
		if (lr_native_start(adapter->lr, LR_TX, i, adapter->tx_queue[i].tx_ring.size))
			__set_bit(i, &adapter->lr_tx);
	/* One that gets no memory stays empty, until programs have let go of it. */
	for_each_set_bit(i, &adapter->lr_rx, adapter->num_rx_queues)
		lr_native_start(adapter->lr, LR_RX, i, adapter->rx_queue[i].rx_ring[0].size);
}

static bool lr_vmxnet3_drops(struct vmxnet3_adapter *adapter, struct sk_buff *skb)
{
	if (likely(!test_bit(skb->queue_mapping, &adapter->lr_tx)))
		return false;
	dev_core_stats_tx_dropped_inc(skb->dev);
	dev_kfree_skb_any(skb);
	return true;
}

/* Instead of the functions of these names. */

static int lr_vmxnet3_tx_complete(struct vmxnet3_tx_queue *tq, struct vmxnet3_adapter *adapter)
{
	unsigned int i = tq - adapter->tx_queue;

	if (likely(!test_bit(i, &adapter->lr_tx)))
		return vmxnet3_tq_tx_complete(tq, adapter);
	lr_native_wake(adapter->lr, LR_TX, i);
	return 0;
}

static int lr_vmxnet3_rx_complete(struct vmxnet3_rx_queue *rq, struct vmxnet3_adapter *adapter, int quota)
{
	unsigned int i = rq - adapter->rx_queue;

	if (likely(!test_bit(i, &adapter->lr_rx)))
		return vmxnet3_rq_rx_complete(rq, adapter, quota);
	lr_native_wake(adapter->lr, LR_RX, i);
	return 0;
}

static void lr_vmxnet3_enable_intr(struct vmxnet3_adapter *adapter, unsigned int idx)
{
	bool ours = true;
	unsigned int i;

	for (i = 0; i < adapter->num_tx_queues; i++)
		if (adapter->tx_queue[i].comp_ring.intr_idx == idx && !test_bit(i, &adapter->lr_tx))
			ours = false;
	for (i = 0; i < adapter->num_rx_queues; i++)
		if (adapter->rx_queue[i].comp_ring.intr_idx == idx && !test_bit(i, &adapter->lr_rx))
			ours = false;
	if (!ours)
		vmxnet3_enable_intr(adapter, idx);
}

#endif
