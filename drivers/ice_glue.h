/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * ice (E810, E822 and their like): included by the driver's ice_base.c, with the hooks of ice.cocci. See nic/linux/native.h.
 *
 * A queue changes hands while the interface goes down and up, as the driver does for XDP: its link stays, but all its queues
 * stop for a moment. Received frames go to a queue of netmap's from where the driver sets its context on (ice_vsi_cfg_rxq);
 * sending begins when the firmware has enabled the queue (ice_vsi_cfg_txq).
 *
 * Interrupts stay on, at the rate that the driver moderates them to: the last few descriptors of tx are written back with one.
 * The poll wakes who sleeps on netmap's rings instead of cleaning them.
 *
 * After the Intel Ethernet Controller E810 Datasheet, chapter 10: queue contexts, enabling and disabling queues.
 */
#ifndef LR_ICE_GLUE_H
#define LR_ICE_GLUE_H

#include "nic/linux/native_plain.h"
#include "nic/native/ice.h"

#define LR_ICE_BUF_MIN 1024u	/* of a queue's context */
#define LR_ICE_TRIES 500	/* a millisecond each, for somebody else's configuration */

static struct ice_vsi *lr_ice_vsi(const struct lr_native *n)
{
	struct ice_netdev_priv *np = netdev_priv(n->dev);

	return np->vsi;
}

/* --- Rings ----------------------------------------------------------------------------------------------- */

/* What the queues may not be used for at the same time. NULL: nothing. */
static const char *lr_ice_obstacle(const struct ice_vsi *vsi)
{
	int i;

	if (vsi->type != ICE_VSI_PF)
		return "it is not the port's own interface";
	if (ice_is_switchdev_running(vsi->back))
		return "its switch wants contexts with frames (switchdev)";
	for (i = 0; i < vsi->num_txq; i++)
		if (vsi->tx_rings[i] && vsi->tx_rings[i]->ch)
			return "channels have queues of it";
	return NULL;
}

static int lr_ice_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct ice_vsi *vsi = lr_ice_vsi(n);
	const char *obstacle;

	if (!vsi->num_txq || !vsi->num_rxq || !vsi->tx_rings || !vsi->rx_rings || !vsi->tx_rings[0] || !vsi->rx_rings[0])
		return lr_why(why, -EOPNOTSUPP, "%s has no rings", n->dev->name);
	obstacle = lr_ice_obstacle(vsi);
	if (obstacle)
		return lr_why(why, -EOPNOTSUPP, "%s", obstacle);
	if (info->buf_size < LR_ICE_BUF_MIN)
		return lr_why(why, -EOPNOTSUPP, "its buffers have at least %u bytes", LR_ICE_BUF_MIN);
	info->dma = ice_pf_to_dev(vsi->back);
	info->rings[LR_TX] = vsi->num_txq;
	info->rings[LR_RX] = vsi->num_rxq;
	info->slots[LR_TX] = vsi->tx_rings[0]->count;
	info->slots[LR_RX] = vsi->rx_rings[0]->count;
	info->buf_len = min(info->buf_size / LR_XL_BUF_UNIT * LR_XL_BUF_UNIT, LR_XL_BUF_MAX);
	return 0;
}

static int lr_ice_start(struct lr_native *n, struct lr_ring *r)
{
	struct ice_vsi *vsi = lr_ice_vsi(n);

	if (r->kind == LR_TX)
		return lr_plain_start_tx(&lr_ice_tx, n, r, vsi->tx_rings[r->index]->desc, vsi->tx_rings[r->index]->tail, LR_XL_TX_PIECES);
	return lr_plain_start_rx(&lr_ice_rx, n, r, vsi->rx_rings[r->index]->desc, vsi->rx_rings[r->index]->tail);
}

static void lr_ice_stop(struct lr_native *n, struct lr_ring *r)
{
	lr_plain_stop(&lr_ice_rx, r);
}

static int lr_ice_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_ice_tx, r, flags);
}

static int lr_ice_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_ice_rx, r, flags);
}

/* Interrupts are on. */
static void lr_ice_arm(struct lr_native *n, struct lr_ring *r)
{
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* Down and up, as ice_xdp_setup_prog has it. */
static int lr_ice_restart(struct ice_vsi *vsi)
{
	struct ice_pf *pf = vsi->back;
	int tries, err = 0;

	for (tries = LR_ICE_TRIES; test_and_set_bit(ICE_CFG_BUSY, pf->state); tries--) {
		if (!tries)
			return -EBUSY;
		usleep_range(1000, 2000);
	}
	if (!test_and_set_bit(ICE_VSI_DOWN, vsi->state)) {
		/* It says itself what did not stop; the queues are empty in any case. */
		ice_down(vsi);
		err = ice_up(vsi);
	}
	clear_bit(ICE_CFG_BUSY, pf->state);
	return err;
}

static int lr_ice_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct ice_vsi *vsi = lr_ice_vsi(n);
	int err;

	if (on && ice_is_reset_in_progress(vsi->back->state))
		return -EBUSY;
	lr_native_want(n, kind, i, on);
	if (!netif_running(n->dev) || test_bit(ICE_VSI_DOWN, vsi->state))
		return 0;
	err = lr_ice_restart(vsi);
	if (err)
		netdev_err(n->dev, "%s queue %u cannot be restarted: %d\n", kind == LR_TX ? "tx" : "rx", i, err);
	/* What was never disabled is not used any more at least. */
	if (!on)
		lr_native_stop(n, kind, i);
	return err;
}

const struct lr_native_ops lr_ice_ops = {
	.driver = "ice",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.without = NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_HW_VLAN_STAG_RX,
	.info = lr_ice_info,
	.switch_ring = lr_ice_switch,
	.start = lr_ice_start,
	.stop = lr_ice_stop,
	.txsync = lr_ice_txsync,
	.rxsync = lr_ice_rxsync,
	.arm = lr_ice_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* Before all queues are set up: they may have become fewer, or have other uses now. */
void lr_ice_configure(struct ice_vsi *vsi)
{
	struct lr_native *n = vsi->lr;
	const char *obstacle;

	if (!n)
		return;
	if (find_next_bit(n->want_tx, LR_NATIVE_QUEUES, vsi->num_txq) < LR_NATIVE_QUEUES ||
	    find_next_bit(n->want_rx, LR_NATIVE_QUEUES, vsi->num_rxq) < LR_NATIVE_QUEUES)
		lr_native_fail(n, "it has fewer queues now");
	obstacle = lr_ice_obstacle(vsi);
	if (obstacle)
		lr_native_fail(n, obstacle);
}

/* The queue's received frames are to be netmap's. */
static bool lr_ice_wants(const struct ice_rx_ring *ring)
{
	const struct lr_native *n = ring->vsi->lr;

	return n && !n->failed && ring->q_index < LR_NATIVE_QUEUES && test_bit(ring->q_index, n->want_rx);
}

/* The queue's context is going to be written: netmap's buffers, and frames in one piece as on the wire. */
static void lr_ice_rx_context(const struct ice_rx_ring *ring, struct ice_rlan_ctx *ctx)
{
	u32 len;

	if (!lr_ice_wants(ring))
		return;
	len = ring->vsi->lr->port->ring[LR_RX][ring->q_index].buf_len;
	ctx->dbuf = len / LR_XL_BUF_UNIT;
	ctx->rxmax = min_t(u32, READ_ONCE(ring->vsi->netdev->mtu) + ICE_ETH_PKT_HDR_PAD, ICE_MAX_CHAINED_RX_BUFS * len);
	ctx->hbuf = 0;
	ctx->dtype = ICE_RX_DTYPE_NO_SPLIT;
	ctx->hsplit_0 = ICE_RLAN_RX_HSPLIT_0_NO_SPLIT;
	ctx->crcstrip = 1;
}

/* The queue is empty, will be enabled, and would get its buffers now. */
static bool lr_ice_start_rx(const struct ice_rx_ring *ring)
{
	return lr_native_start(ring->vsi->lr, LR_RX, ring->q_index, ring->count);
}

/* The queue was enabled and is empty. Those for XDP have indexes of their own. */
static void lr_ice_start_tx(const struct ice_tx_ring *ring)
{
	const struct ice_vsi *vsi = ring->vsi;

	if (ring->q_index < vsi->num_txq && ring == vsi->tx_rings[ring->q_index])
		lr_native_start(vsi->lr, LR_TX, ring->q_index, ring->count);
}

#endif
