/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ixgbe (82599, X540, X550, E610): included by the driver's ixgbe_main.c, with the hooks of ixgbe.cocci. See nic/linux/native.h.
 *
 * Queues go by pairs, as the driver's own functions for AF_XDP have them: a queue changes hands while the device runs, its
 * pair is disabled, both rings are emptied (lr_native_stop), and enabled again (lr_native_start). Where the two share their
 * interrupt with other pairs these functions do not work; the interface goes down and up then.
 *
 * Interrupts: a vector masks itself when it fires (EIAM). The driver's poll wakes the sleepers of netmap's rings instead of
 * cleaning them; it unmasks the vector unless all its rings are netmap's: then it stays masked but while somebody sleeps.
 *
 * After the 82599 10 GbE Controller Datasheet: 4.6.7, 4.6.8 (queues disabled and enabled), 7.2.3.5 (write-back of tx).
 */
#ifndef LR_IXGBE_GLUE_H
#define LR_IXGBE_GLUE_H

#include "nic/linux/native_plain.h"
#include "nic/native/ixgbe.h"

#define LR_IXGBE_BUF_UNIT 1024u		/* SRRCTL.BSIZEPACKET */
#define LR_IXGBE_BUF_MAX 8192u
#define LR_IXGBE_TX_PIECES 40		/* descriptors of a frame: 7.2.1.1 */
#define LR_IXGBE_WTHRESH (0x7fu << 16)	/* of TXDCTL */

static inline void ixgbe_irq_enable_queues(struct ixgbe_adapter *adapter, u64 qmask);

/* netdev_priv is the adapter on some kernels, and a pointer to it on others. */
static struct ixgbe_adapter *lr_ixgbe_adapter(const struct lr_native *n)
{
	return pci_get_drvdata(to_pci_dev(n->dev->dev.parent));
}

/* --- Rings ----------------------------------------------------------------------------------------------- */

static struct ixgbe_ring *lr_ixgbe_ring(struct ixgbe_adapter *adapter, enum lr_ring_kind kind, unsigned int i)
{
	return kind == LR_TX ? adapter->tx_ring[i] : adapter->rx_ring[i];
}

/* The rings that the driver has for XDP and for its tests have the same indexes. */
static bool lr_ixgbe_is_queue(struct ixgbe_adapter *adapter, enum lr_ring_kind kind, const struct ixgbe_ring *ring)
{
	return ring->queue_index < (kind == LR_TX ? adapter->num_tx_queues : adapter->num_rx_queues) &&
	       ring == lr_ixgbe_ring(adapter, kind, ring->queue_index);
}

/* The queue is to be netmap's, whether it is already or not. */
static bool lr_ixgbe_wants(struct ixgbe_adapter *adapter, enum lr_ring_kind kind, const struct ixgbe_ring *ring)
{
	struct lr_native *n = adapter->lr;

	return n && !n->failed && lr_ixgbe_is_queue(adapter, kind, ring) &&
	       test_bit(ring->queue_index, kind == LR_TX ? n->want_tx : n->want_rx);
}

/* What the queues may not be used for at the same time. NULL: nothing. */
static const char *lr_ixgbe_obstacle(struct ixgbe_adapter *adapter)
{
	if (adapter->flags & IXGBE_FLAG_SRIOV_ENABLED)
		return "it has virtual functions: its switch wants contexts with frames";
	if (adapter->num_rx_pools > 1)
		return "macvlan interfaces have queues of it";
	if (adapter->flags & IXGBE_FLAG_RX_HWTSTAMP_ENABLED)
		return "its received frames carry time stamps";
	return NULL;
}

static int lr_ixgbe_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct ixgbe_adapter *adapter = lr_ixgbe_adapter(n);
	const char *obstacle = lr_ixgbe_obstacle(adapter);

	if (adapter->hw.mac.type == ixgbe_mac_82598EB)
		return lr_why(why, -EOPNOTSUPP, "controllers as old as %s's have other registers", n->dev->name);
	if (obstacle)
		return lr_why(why, -EOPNOTSUPP, "%s", obstacle);
	if (!adapter->num_tx_queues || !adapter->num_rx_queues)
		return lr_why(why, -EOPNOTSUPP, "%s has no rings", n->dev->name);
	if (info->buf_size < LR_IXGBE_BUF_UNIT)
		return lr_why(why, -EOPNOTSUPP, "its buffers have at least %u bytes", LR_IXGBE_BUF_UNIT);
	info->dma = &adapter->pdev->dev;
	info->rings[LR_TX] = adapter->num_tx_queues;
	info->rings[LR_RX] = adapter->num_rx_queues;
	info->slots[LR_TX] = adapter->tx_ring[0]->count;
	info->slots[LR_RX] = adapter->rx_ring[0]->count;
	info->buf_len = min(info->buf_size / LR_IXGBE_BUF_UNIT * LR_IXGBE_BUF_UNIT, LR_IXGBE_BUF_MAX);
	return 0;
}

static int lr_ixgbe_start(struct lr_native *n, struct lr_ring *r)
{
	struct ixgbe_ring *ring = lr_ixgbe_ring(lr_ixgbe_adapter(n), r->kind, r->index);

	if (r->kind == LR_TX)
		return lr_plain_start_tx(&lr_ixgbe_tx, n, r, ring->desc, ring->tail, min(LR_IXGBE_TX_PIECES, NETMAP_MAX_FRAGS));
	return lr_plain_start_rx(&lr_ixgbe_rx, n, r, ring->desc, ring->tail);
}

static void lr_ixgbe_stop(struct lr_native *n, struct lr_ring *r)
{
	lr_plain_stop(&lr_ixgbe_rx, r);
}

static int lr_ixgbe_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_ixgbe_tx, r, flags);
}

static int lr_ixgbe_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_ixgbe_rx, r, flags);
}

/* A cause that came while the vector was masked raises its interrupt now. */
static void lr_ixgbe_arm(struct lr_native *n, struct lr_ring *r)
{
	struct ixgbe_adapter *adapter = lr_ixgbe_adapter(n);

	ixgbe_irq_enable_queues(adapter, BIT_ULL(lr_ixgbe_ring(adapter, r->kind, r->index)->q_vector->v_idx));
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* The driver's functions for a pair take it that the two, and nobody else, have the vector of their index. */
static bool lr_ixgbe_is_pair(struct ixgbe_adapter *adapter, unsigned int i)
{
	const struct ixgbe_q_vector *v = adapter->rx_ring[i]->q_vector;

	return v == adapter->tx_ring[i]->q_vector && v->v_idx == i && v->rx.count == 1;
}

/* No more senders; what was handed to the device is sent, as far as it goes on sending. */
static void lr_ixgbe_drain(struct ixgbe_adapter *adapter, unsigned int i)
{
	struct netdev_queue *q = netdev_get_tx_queue(adapter->netdev, i);
	struct ixgbe_ring *ring = adapter->tx_ring[i];
	struct ixgbe_hw *hw = &adapter->hw;
	int k;

	/* One word, or an array of them; the driver clears the bit when it enables the queue. */
	set_bit(__IXGBE_TX_DISABLED, (unsigned long *)&ring->state);
	__netif_tx_lock_bh(q);
	__netif_tx_unlock_bh(q);
	for (k = 0; k < 50 && netif_carrier_ok(adapter->netdev); k++) {
		if (IXGBE_READ_REG(hw, IXGBE_TDH(ring->reg_idx)) == IXGBE_READ_REG(hw, IXGBE_TDT(ring->reg_idx)))
			break;
		usleep_range(1000, 2000);
	}
}

static void lr_ixgbe_restart(struct ixgbe_adapter *adapter, unsigned int i)
{
	if (!lr_ixgbe_is_pair(adapter, i)) {
		ixgbe_down(adapter);
		ixgbe_up(adapter);
		return;
	}
	lr_ixgbe_drain(adapter, i);
	ixgbe_txrx_ring_disable(adapter, i);
	ixgbe_txrx_ring_enable(adapter, i);
	/* It may have been stopped for want of descriptors, of which all are free now. */
	netif_tx_wake_queue(netdev_get_tx_queue(adapter->netdev, i));
}

static int lr_ixgbe_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct ixgbe_adapter *adapter = lr_ixgbe_adapter(n);

	while (test_and_set_bit(__IXGBE_RESETTING, &adapter->state))
		usleep_range(1000, 2000);
	lr_native_want(n, kind, i, on);
	if (!test_bit(__IXGBE_DOWN, &adapter->state) && i < min(adapter->num_tx_queues, adapter->num_rx_queues))
		lr_ixgbe_restart(adapter, i);
	clear_bit(__IXGBE_RESETTING, &adapter->state);
	return 0;
}

static const struct lr_native_ops lr_ixgbe_ops = {
	.driver = "ixgbe",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.without = NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_LRO,
	.info = lr_ixgbe_info,
	.switch_ring = lr_ixgbe_switch,
	.start = lr_ixgbe_start,
	.stop = lr_ixgbe_stop,
	.txsync = lr_ixgbe_txsync,
	.rxsync = lr_ixgbe_rxsync,
	.arm = lr_ixgbe_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* Before all queues are set up: they may have become fewer, or have other uses now. */
static void lr_ixgbe_configure(struct ixgbe_adapter *adapter)
{
	struct lr_native *n = adapter->lr;
	const char *obstacle;

	if (!n)
		return;
	if (find_next_bit(n->want_tx, LR_NATIVE_QUEUES, adapter->num_tx_queues) < LR_NATIVE_QUEUES ||
	    find_next_bit(n->want_rx, LR_NATIVE_QUEUES, adapter->num_rx_queues) < LR_NATIVE_QUEUES)
		lr_native_fail(n, "it has fewer queues now");
	obstacle = lr_ixgbe_obstacle(adapter);
	if (obstacle)
		lr_native_fail(n, obstacle);
}

/* A report is written back when its frame is sent, and waits for no others. */
static u32 lr_ixgbe_txdctl(struct ixgbe_adapter *adapter, const struct ixgbe_ring *ring, u32 txdctl)
{
	return lr_ixgbe_wants(adapter, LR_TX, ring) ? txdctl & ~LR_IXGBE_WTHRESH : txdctl;
}

/* The size of netmap's buffers. */
static u32 lr_ixgbe_srrctl(struct ixgbe_adapter *adapter, const struct ixgbe_ring *ring, u32 srrctl)
{
	if (!lr_ixgbe_wants(adapter, LR_RX, ring))
		return srrctl;
	return (srrctl & ~IXGBE_SRRCTL_BSIZEPKT_MASK) |
	       adapter->lr->port->ring[LR_RX][ring->queue_index].buf_len >> IXGBE_SRRCTL_BSIZEPKT_SHIFT;
}

/* The queue runs and is empty. */
static void lr_ixgbe_start_tx(struct ixgbe_adapter *adapter, const struct ixgbe_ring *ring)
{
	if (lr_ixgbe_wants(adapter, LR_TX, ring))
		lr_native_start(adapter->lr, LR_TX, ring->queue_index, ring->count);
}

/* The queue runs, and would get its buffers now. True: it has them. */
static bool lr_ixgbe_start_rx(struct ixgbe_adapter *adapter, struct ixgbe_ring *ring)
{
	if (!lr_ixgbe_wants(adapter, LR_RX, ring))
		return false;
	/* If not: nothing is wanted any more, and it is set up once more as the stack's. */
	if (!lr_native_start(adapter->lr, LR_RX, ring->queue_index, ring->count))
		ixgbe_configure_rx_ring(adapter, ring);
	return true;
}

/* The queue is disabled and will be made empty. */
static void lr_ixgbe_clean(struct ixgbe_ring *ring, enum lr_ring_kind kind)
{
	struct ixgbe_adapter *adapter = ring->q_vector ? ring->q_vector->adapter : NULL;

	if (adapter && lr_ixgbe_is_queue(adapter, kind, ring))
		lr_native_stop(adapter->lr, kind, ring->queue_index);
}

static bool lr_ixgbe_on(const struct ixgbe_ring *ring, enum lr_ring_kind kind)
{
	struct ixgbe_adapter *adapter = ring->q_vector->adapter;

	return lr_native_on(adapter->lr, kind, ring->queue_index) && lr_ixgbe_is_queue(adapter, kind, ring);
}

/* In the poll. True: the ring is netmap's. */
static bool lr_ixgbe_wake(const struct ixgbe_ring *ring, enum lr_ring_kind kind)
{
	return lr_ixgbe_on(ring, kind) && lr_native_wake(ring->q_vector->adapter->lr, kind, ring->queue_index);
}

/* All rings of the vector are netmap's: it stays masked. */
static bool lr_ixgbe_is_quiet(const struct ixgbe_q_vector *v)
{
	const struct ixgbe_ring *ring;

	ixgbe_for_each_ring(ring, v->tx)
		if (!lr_ixgbe_on(ring, LR_TX))
			return false;
	ixgbe_for_each_ring(ring, v->rx)
		if (!lr_ixgbe_on(ring, LR_RX))
			return false;
	return true;
}

#endif
