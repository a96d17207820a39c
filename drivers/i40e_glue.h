/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * i40e (XL710, X710, XXV710, X722): included by the driver's i40e_main.c, with the hooks of i40e.cocci. See
 * nic/linux/native.h.
 *
 * Queues go by pairs, as the driver's own functions for AF_XDP have them: a queue changes hands while the device runs, its
 * pair is disabled, both rings are emptied, and enabled again. Received frames go to a queue of netmap's from where the driver
 * sets its context on (i40e_configure_rx_ring); sending begins when the queue is enabled, as only then its tail counts.
 *
 * Interrupts stay on, at the rate that the driver moderates them to: most of these controllers write back the last few
 * descriptors of tx only with an interrupt. The poll wakes who sleeps on netmap's rings instead of cleaning them.
 *
 * After the Intel Ethernet Controller X710/XXV710/XL710 Datasheet, 8.3.3 and 8.4.3: enabling and disabling queues, contexts.
 */
#ifndef LR_I40E_GLUE_H
#define LR_I40E_GLUE_H

#include "i40e_lan_hmc.h"
#include "i40e_xsk.h"
#include "nic/linux/native_plain.h"
#include "nic/native/i40e.h"

#define LR_I40E_BUF_MIN 1024u	/* of a queue's context */
#define LR_I40E_TRIES 50	/* the driver's configuration is busy for 50 ms */

static int i40e_configure_rx_ring(struct i40e_ring *ring);

static struct i40e_vsi *lr_i40e_vsi(const struct lr_native *n)
{
	struct i40e_netdev_priv *np = netdev_priv(n->dev);

	return np->vsi;
}

/* --- Rings ----------------------------------------------------------------------------------------------- */

/* What the queues may not be used for at the same time. NULL: nothing. */
static const char *lr_i40e_obstacle(const struct i40e_vsi *vsi)
{
	int i;

	if (vsi->type != I40E_VSI_MAIN)
		return "it is not the port's own interface";
	for (i = 0; i < vsi->num_queue_pairs; i++)
		if (vsi->tx_rings[i]->ch)
			return "channels or macvlan interfaces have queues of it";
	return NULL;
}

static int lr_i40e_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct i40e_vsi *vsi = lr_i40e_vsi(n);
	const char *obstacle;

	if (!vsi->num_queue_pairs || !vsi->tx_rings || !vsi->tx_rings[0])
		return lr_why(why, -EOPNOTSUPP, "%s has no rings", n->dev->name);
	obstacle = lr_i40e_obstacle(vsi);
	if (obstacle)
		return lr_why(why, -EOPNOTSUPP, "%s", obstacle);
	if (info->buf_size < LR_I40E_BUF_MIN)
		return lr_why(why, -EOPNOTSUPP, "its buffers have at least %u bytes", LR_I40E_BUF_MIN);
	info->dma = &vsi->back->pdev->dev;
	info->rings[LR_TX] = info->rings[LR_RX] = vsi->num_queue_pairs;
	info->slots[LR_TX] = vsi->tx_rings[0]->count;
	info->slots[LR_RX] = vsi->rx_rings[0]->count;
	info->buf_len = min(info->buf_size / LR_XL_BUF_UNIT * LR_XL_BUF_UNIT, LR_XL_BUF_MAX);
	return 0;
}

static int lr_i40e_start(struct lr_native *n, struct lr_ring *r)
{
	struct i40e_vsi *vsi = lr_i40e_vsi(n);
	struct i40e_ring *ring = r->kind == LR_TX ? vsi->tx_rings[r->index] : vsi->rx_rings[r->index];
	struct lr_native_tx *t = r->priv;

	if (r->kind != LR_TX)
		return lr_plain_start_rx(&lr_i40e_rx, n, r, ring->desc, ring->tail);
	*t = (struct lr_native_tx){
		.dma = &n->dma,
		.hw.desc = ring->desc,
		/* As i40e_get_head has it. */
		.hw.queue = (struct lr_xl_tx_desc *)ring->desc + ring->count,
		.doorbell = ring->tail,
		.max_frame = lr_native_max_frame(n),
		.max_pieces = LR_XL_TX_PIECES,
	};
	return lr_native_tx_start(&lr_i40e_tx, t, r);
}

static void lr_i40e_stop(struct lr_native *n, struct lr_ring *r)
{
	lr_plain_stop(&lr_i40e_rx, r);
}

static int lr_i40e_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_i40e_tx, r, flags);
}

static int lr_i40e_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_i40e_rx, r, flags);
}

/* Interrupts are on. */
static void lr_i40e_arm(struct lr_native *n, struct lr_ring *r)
{
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* No more senders; what was handed to the device is sent, as far as it goes on sending. */
static void lr_i40e_drain(struct i40e_vsi *vsi, unsigned int i)
{
	struct netdev_queue *q = netdev_get_tx_queue(vsi->netdev, i);
	struct i40e_ring *ring = vsi->tx_rings[i];
	struct i40e_hw *hw = &vsi->back->hw;
	int k;

	WRITE_ONCE(ring->lr_shut, true);
	__netif_tx_lock_bh(q);
	__netif_tx_unlock_bh(q);
	for (k = 0; k < 50 && netif_carrier_ok(vsi->netdev); k++) {
		if (rd32(hw, I40E_QTX_HEAD(vsi->base_queue + i)) == readl(ring->tail))
			break;
		usleep_range(1000, 2000);
	}
}

static int lr_i40e_restart(struct i40e_vsi *vsi, unsigned int i)
{
	int tries = LR_I40E_TRIES, err;

	lr_i40e_drain(vsi, i);
	do
		err = i40e_queue_pair_disable(vsi, i);
	while (err == -EBUSY && --tries);
	/* After any other error it stands still, too, as far as it can be told. */
	if (err != -EBUSY)
		err = i40e_queue_pair_enable(vsi, i);
	WRITE_ONCE(vsi->tx_rings[i]->lr_shut, false);
	/* It may have been stopped for want of descriptors, of which all are free now. */
	netif_tx_wake_queue(netdev_get_tx_queue(vsi->netdev, i));
	return err;
}

static int lr_i40e_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct i40e_vsi *vsi = lr_i40e_vsi(n);
	int err;

	lr_native_want(n, kind, i, on);
	if (test_bit(__I40E_VSI_DOWN, vsi->state) || i >= vsi->num_queue_pairs)
		return 0;
	err = lr_i40e_restart(vsi, i);
	if (err)
		netdev_err(vsi->netdev, "%s queue %u cannot be restarted: %d\n", kind == LR_TX ? "tx" : "rx", i, err);
	/* What was never disabled is not used any more at least. */
	if (!on)
		lr_native_stop(n, kind, i);
	return err;
}

static const struct lr_native_ops lr_i40e_ops = {
	.driver = "i40e",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.without = NETIF_F_HW_VLAN_CTAG_RX,
	.info = lr_i40e_info,
	.switch_ring = lr_i40e_switch,
	.start = lr_i40e_start,
	.stop = lr_i40e_stop,
	.txsync = lr_i40e_txsync,
	.rxsync = lr_i40e_rxsync,
	.arm = lr_i40e_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* Before all queues are set up: they may have become fewer, or have other uses now. */
static void lr_i40e_configure(struct i40e_vsi *vsi)
{
	struct lr_native *n = vsi->lr;
	const char *obstacle;

	if (!n)
		return;
	if (find_next_bit(n->want_tx, LR_NATIVE_QUEUES, vsi->num_queue_pairs) < LR_NATIVE_QUEUES ||
	    find_next_bit(n->want_rx, LR_NATIVE_QUEUES, vsi->num_queue_pairs) < LR_NATIVE_QUEUES)
		lr_native_fail(n, "it has fewer queues now");
	obstacle = lr_i40e_obstacle(vsi);
	if (obstacle)
		lr_native_fail(n, obstacle);
}

/* The queue's received frames are to be netmap's. */
static bool lr_i40e_wants(const struct i40e_ring *ring)
{
	const struct lr_native *n = ring->vsi->lr;

	return n && !n->failed && ring->queue_index < LR_NATIVE_QUEUES && test_bit(ring->queue_index, n->want_rx);
}

/* The queue's context is going to be written: the size of netmap's buffers. */
static void lr_i40e_rx_context(const struct i40e_ring *ring, struct i40e_hmc_obj_rxq *ctx)
{
	const struct i40e_vsi *vsi = ring->vsi;
	u32 len;

	if (!lr_i40e_wants(ring))
		return;
	len = vsi->lr->port->ring[LR_RX][ring->queue_index].buf_len;
	ctx->dbuff = len / LR_XL_BUF_UNIT;
	ctx->rxmax = min_t(u32, vsi->max_frame, vsi->back->hw.func_caps.rx_buf_chain_len * len);
}

/* The queue is empty, will be enabled, and would get its buffers now. 0 or -errno. */
static int lr_i40e_start_rx(struct i40e_ring *ring)
{
	if (lr_native_start(ring->vsi->lr, LR_RX, ring->queue_index, ring->count))
		return 0;
	/* Nothing is wanted any more: it is set up once more as the stack's. */
	i40e_clean_rx_ring(ring);
	return i40e_configure_rx_ring(ring);
}

/* The queue was enabled and is empty. */
static void lr_i40e_start_tx(struct i40e_vsi *vsi, unsigned int i)
{
	lr_native_start(vsi->lr, LR_TX, i, vsi->tx_rings[i]->count);
}

static void lr_i40e_start_all_tx(struct i40e_vsi *vsi)
{
	unsigned int i;

	for (i = 0; i < vsi->num_queue_pairs; i++)
		lr_i40e_start_tx(vsi, i);
}

/* The pair was disabled. */
static void lr_i40e_stop_pair(struct i40e_vsi *vsi, unsigned int i)
{
	lr_native_stop(vsi->lr, LR_TX, i);
	lr_native_stop(vsi->lr, LR_RX, i);
}

#endif
