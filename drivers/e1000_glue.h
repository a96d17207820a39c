/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * e1000 (82540 to 82547): included by the driver's e1000_main.c, with the hooks of e1000.cocci. See nic/linux/native.h.
 *
 * A queue changes hands while the device runs, so that the link stays up: its half of the MAC is disabled (RCTL.EN,
 * TCTL.EN), its ring made empty, its head and tail set to 0. 8254x Software Developer's Manual, 14.4 and 14.5.
 *
 * Interrupts: the causes of netmap's queues are masked but while somebody sleeps. The handler masks all and schedules the
 * driver's poll, which wakes the sleepers (lr_native_wake) and enables the others again.
 */
#ifndef LR_E1000_GLUE_H
#define LR_E1000_GLUE_H

#include "nic/linux/native_plain.h"
#include "nic/native/e1000.h"

#define LR_E1000_RX_CAUSES (E1000_IMS_RXT0 | E1000_IMS_RXDMT0 | E1000_IMS_RXO)
#define LR_E1000_TX_CAUSES (E1000_IMS_TXDW | E1000_IMS_TXQE)

static void e1000_irq_enable(struct e1000_adapter *adapter);
static void e1000_irq_disable(struct e1000_adapter *adapter);
static void e1000_setup_rctl(struct e1000_adapter *adapter);
static void e1000_clean_tx_ring(struct e1000_adapter *adapter, struct e1000_tx_ring *tx_ring);
static void e1000_clean_rx_ring(struct e1000_adapter *adapter, struct e1000_rx_ring *rx_ring);

/* --- Rings ----------------------------------------------------------------------------------------------- */

/* The largest size that RCTL can say, up to that of a buffer. */
static u32 lr_e1000_buf_len(u32 size)
{
	return min_t(u32, rounddown_pow_of_two(size), E1000_RXBUFFER_8192);
}

static int lr_e1000_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);

	if (adapter->hw.mac_type < e1000_82540 || adapter->hw.mac_type == e1000_82547 ||
	    adapter->hw.mac_type == e1000_82547_rev_2)
		return lr_why(why, -EOPNOTSUPP, "controllers as old as %s's need the driver's care for each frame", n->dev->name);
	info->dma = &adapter->pdev->dev;
	info->rings[LR_TX] = info->rings[LR_RX] = 1;
	info->slots[LR_TX] = adapter->tx_ring[0].count;
	info->slots[LR_RX] = adapter->rx_ring[0].count;
	info->buf_len = lr_e1000_buf_len(info->buf_size);
	return 0;
}

/* RCTL.BSIZE and BSEX: 13.4.22. */
static u32 lr_e1000_rctl_size(u32 len)
{
	switch (len) {
	case 256:
		return E1000_RCTL_SZ_256;
	case 512:
		return E1000_RCTL_SZ_512;
	case 1024:
		return E1000_RCTL_SZ_1024;
	case 4096:
		return E1000_RCTL_SZ_4096 | E1000_RCTL_BSEX;
	case 8192:
		return E1000_RCTL_SZ_8192 | E1000_RCTL_BSEX;
	default:
		return E1000_RCTL_SZ_2048;
	}
}

static int lr_e1000_start(struct lr_native *n, struct lr_ring *r)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	if (r->kind == LR_TX)
		return lr_plain_start_tx(&lr_e1000_tx, n, r, adapter->tx_ring[0].desc, hw->hw_addr + adapter->tx_ring[0].tdt, NETMAP_MAX_FRAGS);
	ew32(RCTL, (er32(RCTL) & ~(E1000_RCTL_SZ_256 | E1000_RCTL_BSEX)) | lr_e1000_rctl_size(r->buf_len) | E1000_RCTL_SECRC);
	return lr_plain_start_rx(&lr_e1000_rx, n, r, adapter->rx_ring[0].desc, hw->hw_addr + adapter->rx_ring[0].rdt);
}

static void lr_e1000_stop(struct lr_native *n, struct lr_ring *r)
{
	lr_plain_stop(&lr_e1000_rx, r);
}

static int lr_e1000_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_e1000_tx, r, flags);
}

static int lr_e1000_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_e1000_rx, r, flags);
}

static void lr_e1000_arm(struct lr_native *n, struct lr_ring *r)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	ew32(IMS, r->kind == LR_TX ? LR_E1000_TX_CAUSES : LR_E1000_RX_CAUSES);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* What was handed to the device is sent, as far as it goes on sending. */
static void lr_e1000_drain(struct e1000_adapter *adapter)
{
	struct e1000_hw *hw = &adapter->hw;
	int i;

	for (i = 0; i < 50 && netif_carrier_ok(adapter->netdev) && er32(TDH) != er32(TDT); i++)
		usleep_range(1000, 2000);
}

static void lr_e1000_switch_tx(struct e1000_adapter *adapter, bool on)
{
	struct e1000_hw *hw = &adapter->hw;
	u32 tctl;

	netif_tx_disable(adapter->netdev);
	lr_e1000_drain(adapter);
	tctl = er32(TCTL);
	ew32(TCTL, tctl & ~E1000_TCTL_EN);
	E1000_WRITE_FLUSH();
	usleep_range(2000, 4000);
	if (!on)
		lr_native_stop(adapter->lr, LR_TX, 0);
	e1000_clean_tx_ring(adapter, &adapter->tx_ring[0]);
	if (on)
		lr_native_start(adapter->lr, LR_TX, 0, adapter->tx_ring[0].count);
	ew32(TCTL, tctl);
	netif_tx_wake_all_queues(adapter->netdev);
}

static void lr_e1000_switch_rx(struct e1000_adapter *adapter, bool on)
{
	struct e1000_rx_ring *ring = &adapter->rx_ring[0];
	struct e1000_hw *hw = &adapter->hw;
	u32 rctl = er32(RCTL);

	ew32(RCTL, rctl & ~E1000_RCTL_EN);
	E1000_WRITE_FLUSH();
	usleep_range(2000, 4000);
	if (!on)
		lr_native_stop(adapter->lr, LR_RX, 0);
	e1000_clean_rx_ring(adapter, ring);
	if (!on || !lr_native_start(adapter->lr, LR_RX, 0, ring->count)) {
		ew32(RCTL, er32(RCTL) & ~(E1000_RCTL_SECRC | E1000_RCTL_SZ_256));
		e1000_setup_rctl(adapter);
		adapter->alloc_rx_buf(adapter, ring, E1000_DESC_UNUSED(ring));
	}
	ew32(RCTL, er32(RCTL) | (rctl & E1000_RCTL_EN));
}

static int lr_e1000_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	while (test_and_set_bit(__E1000_RESETTING, &adapter->flags))
		msleep(1);
	lr_native_want(n, kind, i, on);
	if (!test_bit(__E1000_DOWN, &adapter->flags)) {
		/* It switches the transmitter on when it sees a link. */
		cancel_delayed_work_sync(&adapter->watchdog_task);
		napi_disable(&adapter->napi);
		e1000_irq_disable(adapter);
		if (kind == LR_TX)
			lr_e1000_switch_tx(adapter, on);
		else
			lr_e1000_switch_rx(adapter, on);
		napi_enable(&adapter->napi);
		e1000_irq_enable(adapter);
		/* Whatever came meanwhile. Who sleeps on the other ring looks again, and unmasks its cause. */
		lr_native_wake(adapter->lr, LR_TX, 0);
		lr_native_wake(adapter->lr, LR_RX, 0);
		ew32(ICS, E1000_ICS_RXDMT0 | E1000_ICS_TXDW);
		schedule_delayed_work(&adapter->watchdog_task, 1);
	}
	clear_bit(__E1000_RESETTING, &adapter->flags);
	return 0;
}

static const struct lr_native_ops lr_e1000_ops = {
	.driver = "e1000",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.without = NETIF_F_HW_VLAN_CTAG_RX,
	.info = lr_e1000_info,
	.switch_ring = lr_e1000_switch,
	.start = lr_e1000_start,
	.stop = lr_e1000_stop,
	.txsync = lr_e1000_txsync,
	.rxsync = lr_e1000_rxsync,
	.arm = lr_e1000_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* The rings' registers are set, and the stack's rx ring would be filled now. True: it is netmap's. */
static bool lr_e1000_configure(struct e1000_adapter *adapter)
{
	lr_native_start(adapter->lr, LR_TX, 0, adapter->tx_ring[0].count);
	return lr_native_start(adapter->lr, LR_RX, 0, adapter->rx_ring[0].count);
}

/* The causes that the driver may unmask, of `mask`. */
static u32 lr_e1000_causes(struct e1000_adapter *adapter, u32 mask)
{
	if (lr_native_on(adapter->lr, LR_TX, 0))
		mask &= ~LR_E1000_TX_CAUSES;
	if (lr_native_on(adapter->lr, LR_RX, 0))
		mask &= ~LR_E1000_RX_CAUSES;
	return mask;
}

#endif
