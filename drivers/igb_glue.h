/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * igb (82576 to I354): included by the driver's igb_main.c, with the hooks of igb.cocci. See nic/linux/native.h.
 *
 * Each queue can be disabled by itself (TXDCTL, RXDCTL), so one changes hands while the others go on: it is disabled, emptied,
 * and configured by the driver's own functions, which have the hooks. I210 datasheet, 4.5.9 and 4.5.10.
 *
 * Buffers: whole KiB (SRRCTL.BSIZEPACKET), and no more than the smallest of the driver's own, so that a queue which cannot be
 * started for netmap and is filled by the driver instead never writes beyond those. Longer frames take several slots.
 *
 * Interrupts: a vector's cause masks it (EIAM); it stays masked while all its queues are netmap's and nobody sleeps. Without
 * MSI-X there is one for all, which the driver enables at the end of each poll.
 *
 * XDP and AF_XDP send on queues of their own choice: where one of them has the interface, netmap has not.
 */
#ifndef LR_IGB_GLUE_H
#define LR_IGB_GLUE_H

#include <net/xdp_sock_drv.h>

#include "nic/linux/native_plain.h"
#include "nic/native/igb.h"

#define LR_IGB_SRRCTL_SIZE 0x7fu	/* BSIZEPACKET, KiB */

static void igb_irq_enable(struct igb_adapter *adapter);
static void igb_ring_irq_enable(struct igb_q_vector *q_vector);

static struct igb_ring *lr_igb_ring(struct igb_adapter *adapter, enum lr_ring_kind kind, unsigned int i)
{
	return kind == LR_TX ? adapter->tx_ring[i] : adapter->rx_ring[i];
}

/* The device's queue, and not one of ethtool's, shall be netmap's. */
static bool lr_igb_wanted(struct igb_adapter *adapter, enum lr_ring_kind kind, struct igb_ring *ring)
{
	unsigned int i = ring->queue_index;
	struct lr_native *n = adapter->lr;

	return n && test_bit(i, kind == LR_TX ? n->want_tx : n->want_rx) && lr_igb_ring(adapter, kind, i) == ring;
}

/* --- Rings ----------------------------------------------------------------------------------------------- */

static int lr_igb_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct igb_adapter *adapter = netdev_priv(n->dev);
	unsigned int i;

	if (adapter->hw.mac.type < e1000_82576)
		return lr_why(why, -EOPNOTSUPP, "controllers as old as %s's are not known", n->dev->name);
	if (adapter->flags & IGB_FLAG_FQTSS)
		return lr_why(why, -EOPNOTSUPP, "its queues have rates or launch times (tc)");
	if (info->buf_size < 1024)
		return lr_why(why, -EOPNOTSUPP, "it has no buffers of less than 1024 bytes");
	if (dev_xdp_prog_count(n->dev))
		return lr_why(why, -EOPNOTSUPP, "an XDP program has its queues");
	for (i = 0; i < adapter->num_rx_queues; i++)
		if (xsk_get_pool_from_qid(n->dev, i))
			return lr_why(why, -EOPNOTSUPP, "an AF_XDP socket has queue %u", i);
	info->dma = &adapter->pdev->dev;
	info->rings[LR_TX] = adapter->num_tx_queues;
	info->rings[LR_RX] = adapter->num_rx_queues;
	info->slots[LR_TX] = adapter->tx_ring_count;
	info->slots[LR_RX] = adapter->rx_ring_count;
	info->buf_len = rounddown(min_t(u32, info->buf_size, IGB_RXBUFFER_2048), 1024);
	return 0;
}

static int lr_igb_start(struct lr_native *n, struct lr_ring *r)
{
	struct igb_ring *ring = lr_igb_ring(netdev_priv(n->dev), r->kind, r->index);

	if (r->kind == LR_TX)
		return lr_plain_start_tx(&lr_igb_tx, n, r, ring->desc, ring->tail, NETMAP_MAX_FRAGS);
	return lr_plain_start_rx(&lr_igb_rx, n, r, ring->desc, ring->tail);
}

static void lr_igb_stop(struct lr_native *n, struct lr_ring *r)
{
	lr_plain_stop(&lr_igb_rx, r);
}

static int lr_igb_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_igb_tx, r, flags);
}

static int lr_igb_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_igb_rx, r, flags);
}

static void lr_igb_arm(struct lr_native *n, struct lr_ring *r)
{
	struct igb_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	if (adapter->flags & IGB_FLAG_HAS_MSIX)
		wr32(E1000_EIMS, lr_igb_ring(adapter, r->kind, r->index)->q_vector->eims_value);
	else
		igb_irq_enable(adapter);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

static void lr_igb_switch_tx(struct igb_adapter *adapter, struct igb_ring *ring)
{
	struct e1000_hw *hw = &adapter->hw;
	int i;

	netif_tx_disable(adapter->netdev);
	/* What was handed to the device is sent, as far as it goes on sending. */
	for (i = 0; i < 50 && netif_carrier_ok(adapter->netdev) && rd32(E1000_TDH(ring->reg_idx)) != readl(ring->tail); i++)
		usleep_range(1000, 2000);
	wr32(E1000_TXDCTL(ring->reg_idx), 0);
	wrfl();
	usleep_range(10000, 20000);
	igb_clean_tx_ring(ring);
	igb_configure_tx_ring(adapter, ring);
	netif_tx_wake_all_queues(adapter->netdev);
}

static void lr_igb_switch_rx(struct igb_adapter *adapter, struct igb_ring *ring)
{
	struct e1000_hw *hw = &adapter->hw;

	wr32(E1000_RXDCTL(ring->reg_idx), 0);
	wrfl();
	usleep_range(10000, 20000);
	igb_clean_rx_ring(ring);
	igb_configure_rx_ring(adapter, ring);
	igb_alloc_rx_buffers(ring, igb_desc_unused(ring));
}

/* The queue is there, the device runs, and its rings are those of the hooks. */
static void lr_igb_change(struct igb_adapter *adapter, enum lr_ring_kind kind, struct igb_ring *ring)
{
	struct igb_q_vector *q_vector = ring->q_vector;
	struct e1000_hw *hw = &adapter->hw;

	napi_disable(&q_vector->napi);
	if (kind == LR_TX)
		lr_igb_switch_tx(adapter, ring);
	else
		lr_igb_switch_rx(adapter, ring);
	napi_enable(&q_vector->napi);
	/* Whatever came meanwhile. */
	if (adapter->flags & IGB_FLAG_HAS_MSIX) {
		wr32(E1000_EIMS, q_vector->eims_value);
		wr32(E1000_EICS, q_vector->eims_value);
	} else {
		igb_irq_enable(adapter);
		wr32(E1000_ICS, E1000_ICS_RXDMT0);
	}
}

static int lr_igb_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct igb_adapter *adapter = netdev_priv(n->dev);
	unsigned int queues = kind == LR_TX ? adapter->num_tx_queues : adapter->num_rx_queues;
	int err = 0;

	/* It does not go to sleep below a program. */
	if (on)
		pm_runtime_get_sync(&adapter->pdev->dev);
	while (test_and_set_bit(__IGB_RESETTING, &adapter->state))
		usleep_range(1000, 2000);
	if (on && (i >= queues || xsk_get_pool_from_qid(n->dev, i)))
		err = i < queues ? -EBUSY : -ENXIO;
	lr_native_want(n, kind, i, on && !err);
	/* Off: there may be fewer queues than there were, or it was lost before. */
	if (!err && !test_bit(__IGB_DOWN, &adapter->state) && (on || lr_native_on(n, kind, i)))
		lr_igb_change(adapter, kind, lr_igb_ring(adapter, kind, i));
	clear_bit(__IGB_RESETTING, &adapter->state);
	if (!on)
		pm_runtime_put(&adapter->pdev->dev);
	return err;
}

static const struct lr_native_ops lr_igb_ops = {
	.driver = "igb",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.without = NETIF_F_HW_VLAN_CTAG_RX,
	.info = lr_igb_info,
	.switch_ring = lr_igb_switch,
	.start = lr_igb_start,
	.stop = lr_igb_stop,
	.txsync = lr_igb_txsync,
	.rxsync = lr_igb_rxsync,
	.arm = lr_igb_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* After how many descriptors the device writes them back: at once for netmap, who looks there and waits for no interrupt. */
static u32 lr_igb_threshold(struct igb_adapter *adapter, enum lr_ring_kind kind, struct igb_ring *ring, u32 own)
{
	return lr_igb_wanted(adapter, kind, ring) ? 1 : own;
}

/* Slots have frames only: no time stamp before them. */
static u32 lr_igb_srrctl(struct igb_adapter *adapter, struct igb_ring *ring, u32 own)
{
	if (!lr_igb_wanted(adapter, LR_RX, ring) || adapter->lr->failed)
		return own;
	own &= ~(LR_IGB_SRRCTL_SIZE | E1000_SRRCTL_TIMESTAMP);
	return own | adapter->lr->port->buf_len >> E1000_SRRCTL_BSIZEPKT_SHIFT;
}

/* The queue is configured and empty. True: it is netmap's. */
static bool lr_igb_begin(struct igb_adapter *adapter, enum lr_ring_kind kind, struct igb_ring *ring)
{
	struct lr_native *n = adapter->lr;

	if (likely(!lr_igb_wanted(adapter, kind, ring)))
		return false;
	if (adapter->num_tx_queues != n->port->num_rings[LR_TX] || adapter->num_rx_queues != n->port->num_rings[LR_RX])
		lr_native_fail(n, "it has another number of queues now");
	if (adapter->xdp_prog)
		lr_native_fail(n, "an XDP program has its queues now");
	return lr_native_start(n, kind, ring->queue_index, ring->count);
}

static void lr_igb_start_tx(struct igb_adapter *adapter, struct igb_ring *ring)
{
	lr_igb_begin(adapter, LR_TX, ring);
}

/* Where buffers are about to be put into the ring. */
static bool lr_igb_start_rx(struct igb_ring *ring)
{
	return lr_igb_begin(netdev_priv(ring->netdev), LR_RX, ring);
}

/* The queue is disabled and is going to be emptied. */
static void lr_igb_rest(enum lr_ring_kind kind, struct igb_ring *ring)
{
	struct igb_adapter *adapter = netdev_priv(ring->netdev);

	if (lr_igb_ring(adapter, kind, ring->queue_index) == ring)
		lr_native_stop(adapter->lr, kind, ring->queue_index);
}

/* Instead of the driver's functions. Bits of queues change while their polls are disabled. */

static bool lr_igb_clean_tx(struct igb_q_vector *q_vector, int budget)
{
	return lr_native_wake(q_vector->adapter->lr, LR_TX, q_vector->tx.ring->queue_index) || igb_clean_tx_irq(q_vector, budget);
}

static int lr_igb_clean_rx(struct igb_q_vector *q_vector, int budget)
{
	if (lr_native_wake(q_vector->adapter->lr, LR_RX, q_vector->rx.ring->queue_index))
		return 0;
	return igb_clean_rx_irq(q_vector, budget);
}

static void lr_igb_irq_enable(struct igb_q_vector *q_vector)
{
	const struct igb_ring *tx = q_vector->tx.ring, *rx = q_vector->rx.ring;
	struct igb_adapter *adapter = q_vector->adapter;

	if (!(adapter->flags & IGB_FLAG_HAS_MSIX) || (tx && !lr_native_on(adapter->lr, LR_TX, tx->queue_index)) ||
	    (rx && !lr_native_on(adapter->lr, LR_RX, rx->queue_index)))
		igb_ring_irq_enable(q_vector);
}

#endif
