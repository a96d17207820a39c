/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * e1000e (82571 to 82574, and those of later chip sets): included by the driver's netdev.c, with the hooks of e1000e.cocci. See
 * nic/linux/native.h.
 *
 * A queue changes hands while the device runs, so that the link stays up: its half of the MAC is disabled (RCTL.EN,
 * TCTL.EN), head and tail are set to 0, and its ring is made empty. 82574 datasheet, 4.6.5 and 4.6.6.
 *
 * Interrupts: the causes of netmap's queues are masked but while somebody sleeps. All three kinds (MSI-X with a vector for
 * each direction, MSI, legacy) mask what they report; the driver's handlers and its poll unmask all causes but netmap's.
 */
#ifndef LR_E1000E_GLUE_H
#define LR_E1000E_GLUE_H

#include <linux/pm_runtime.h>

#include "nic/linux/native_plain.h"
#include "nic/native/e1000e.h"

#define LR_E1000E_RX_CAUSES (E1000_IMS_RXT0 | E1000_IMS_RXDMT0 | E1000_IMS_RXO | E1000_IMS_RXQ0)
#define LR_E1000E_TX_CAUSES (E1000_IMS_TXDW | E1000_IMS_TXQ0)
#define LR_E1000E_RX_VECTOR 0	/* of those that the driver asks for with MSI-X */
#define LR_E1000E_TX_VECTOR 1
#define LR_E1000E_RCTL_SIZE (E1000_RCTL_SZ_256 | E1000_RCTL_BSEX | E1000_RCTL_DTYP_PS)

static void e1000_irq_enable(struct e1000_adapter *adapter);
static void e1000_irq_disable(struct e1000_adapter *adapter);
static void e1000_setup_rctl(struct e1000_adapter *adapter);
static void e1000_configure_rx(struct e1000_adapter *adapter);
static void e1000_configure_msix(struct e1000_adapter *adapter);
static void e1000_clean_tx_ring(struct e1000_ring *tx_ring);
static void e1000_clean_rx_ring(struct e1000_ring *rx_ring);
static int e1000_desc_unused(struct e1000_ring *ring);

/* --- Rings ----------------------------------------------------------------------------------------------- */

static int lr_e1000e_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);

	if (adapter->flags2 & FLAG2_PCIM2PCI_ARBITER_WA)
		return lr_why(why, -EOPNOTSUPP, "the controller of %s needs the driver's care for each doorbell", n->dev->name);
	if (!adapter->tx_ring || !adapter->rx_ring)
		return lr_why(why, -EOPNOTSUPP, "%s has no rings", n->dev->name);
	info->dma = &adapter->pdev->dev;
	info->rings[LR_TX] = info->rings[LR_RX] = 1;
	info->slots[LR_TX] = adapter->tx_ring->count;
	info->slots[LR_RX] = adapter->rx_ring->count;
	info->buf_len = min(rounddown_pow_of_two(info->buf_size), 8192u);
	return 0;
}

/* RCTL.BSIZE and BSEX. */
static u32 lr_e1000e_rctl_size(u32 len)
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

static int lr_e1000e_start(struct lr_native *n, struct lr_ring *r)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	if (r->kind == LR_TX)
		return lr_plain_start_tx(&lr_e1000e_tx, n, r, adapter->tx_ring->desc, adapter->tx_ring->tail, NETMAP_MAX_FRAGS);
	/* One buffer a descriptor, frames as on the wire, without their CRC. */
	ew32(RDLEN(0), adapter->rx_ring->count * sizeof(union e1000_rx_desc_extended));
	ew32(RCTL, (er32(RCTL) & ~LR_E1000E_RCTL_SIZE) | lr_e1000e_rctl_size(r->buf_len) | E1000_RCTL_SECRC);
	ew32(CTRL, er32(CTRL) & ~E1000_CTRL_VME);
	return lr_plain_start_rx(&lr_e1000e_rx, n, r, adapter->rx_ring->desc, adapter->rx_ring->tail);
}

static void lr_e1000e_stop(struct lr_native *n, struct lr_ring *r)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);

	lr_plain_stop(&lr_e1000e_rx, r);
	/* Where the driver flushes the ring before a reset, it believes that it was the one to write the tail. */
	if (r->kind == LR_TX)
		adapter->tx_ring->next_to_use = readl(adapter->tx_ring->tail);
}

static int lr_e1000e_txsync(struct lr_ring *r, unsigned int flags)
{
	return lr_txsync(&lr_e1000e_tx, r, flags);
}

static int lr_e1000e_rxsync(struct lr_ring *r, unsigned int flags)
{
	return lr_rxsync(&lr_e1000e_rx, r, flags);
}

static void lr_e1000e_arm(struct lr_native *n, struct lr_ring *r)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);
	struct e1000_hw *hw = &adapter->hw;

	if (adapter->msix_entries)
		ew32(IMS, r->kind == LR_TX ? adapter->tx_ring->ims_val : adapter->rx_ring->ims_val);
	else
		ew32(IMS, r->kind == LR_TX ? E1000_IMS_TXDW : E1000_IMS_RXT0 | E1000_IMS_RXDMT0);
}

/* --- Changing hands ---------------------------------------------------------------------------------------- */

/* The queue is disabled: nothing is in it any more, whatever enables it now. */
static void lr_e1000e_rewind(struct e1000_ring *ring)
{
	writel(0, ring->head);
	writel(0, ring->tail);
}

static void lr_e1000e_switch_tx(struct e1000_adapter *adapter, bool on)
{
	struct e1000_ring *ring = adapter->tx_ring;
	struct e1000_hw *hw = &adapter->hw;
	u32 tctl;
	int i;

	netif_tx_disable(adapter->netdev);
	/* What was handed to the device is sent, as far as it goes on sending. */
	for (i = 0; i < 50 && netif_carrier_ok(adapter->netdev) && readl(ring->head) != readl(ring->tail); i++)
		usleep_range(1000, 2000);
	tctl = er32(TCTL);
	ew32(TCTL, tctl & ~E1000_TCTL_EN);
	e1e_flush();
	usleep_range(2000, 4000);
	if (!on)
		lr_native_stop(adapter->lr, LR_TX, 0);
	lr_e1000e_rewind(ring);
	e1000_clean_tx_ring(ring);
	if (on)
		lr_native_start(adapter->lr, LR_TX, 0, ring->count);
	ew32(TCTL, er32(TCTL) | (tctl & E1000_TCTL_EN));
	/* Without a link, too: the driver's own waking at its coming may have been just before ours. */
	netif_tx_wake_all_queues(adapter->netdev);
}

/* The stack's again, as after a reset. */
static void lr_e1000e_restore_rx(struct e1000_adapter *adapter, u32 rctl)
{
	struct e1000_hw *hw = &adapter->hw;

	ew32(RCTL, rctl & ~(E1000_RCTL_EN | E1000_RCTL_SECRC | LR_E1000E_RCTL_SIZE));
	if (adapter->netdev->features & NETIF_F_HW_VLAN_CTAG_RX)
		ew32(CTRL, er32(CTRL) | E1000_CTRL_VME);
	e1000_setup_rctl(adapter);
	e1000_configure_rx(adapter);
	/* It has switched on that reading ICR masks all, which is not for MSI-X. */
	if (adapter->msix_entries)
		e1000_configure_msix(adapter);
	adapter->alloc_rx_buf(adapter->rx_ring, e1000_desc_unused(adapter->rx_ring), GFP_KERNEL);
}

static void lr_e1000e_switch_rx(struct e1000_adapter *adapter, bool on)
{
	struct e1000_ring *ring = adapter->rx_ring;
	struct e1000_hw *hw = &adapter->hw;
	u32 rctl = er32(RCTL);

	ew32(RCTL, rctl & ~E1000_RCTL_EN);
	e1e_flush();
	usleep_range(2000, 4000);
	if (!on)
		lr_native_stop(adapter->lr, LR_RX, 0);
	lr_e1000e_rewind(ring);
	e1000_clean_rx_ring(ring);
	if (on && lr_native_start(adapter->lr, LR_RX, 0, ring->count))
		ew32(RCTL, er32(RCTL) | (rctl & E1000_RCTL_EN));
	else
		lr_e1000e_restore_rx(adapter, rctl);
}

/*
 * Neither the poll nor the handlers of rings run. With MSI-X this is not e1000_irq_disable: a handler that a late message calls,
 * and who goes to sleep on the other ring, would unmask a cause while EIAC has none, so that the device keeps it: it raises
 * no more interrupts then.
 */
static void lr_e1000e_rest(struct e1000_adapter *adapter)
{
	struct e1000_hw *hw = &adapter->hw;

	napi_disable(&adapter->napi);
	if (!adapter->msix_entries) {
		e1000_irq_disable(adapter);
		return;
	}
	disable_irq(adapter->msix_entries[LR_E1000E_RX_VECTOR].vector);
	disable_irq(adapter->msix_entries[LR_E1000E_TX_VECTOR].vector);
	ew32(IMC, adapter->rx_ring->ims_val | adapter->tx_ring->ims_val);
	e1e_flush();
}

static void lr_e1000e_go_on(struct e1000_adapter *adapter)
{
	struct e1000_hw *hw = &adapter->hw;

	napi_enable(&adapter->napi);
	if (adapter->msix_entries) {
		enable_irq(adapter->msix_entries[LR_E1000E_RX_VECTOR].vector);
		enable_irq(adapter->msix_entries[LR_E1000E_TX_VECTOR].vector);
	}
	e1000_irq_enable(adapter);
	/* Whatever came meanwhile. Who sleeps on the other ring looks again, and unmasks its cause. */
	lr_native_wake(adapter->lr, LR_TX, 0);
	lr_native_wake(adapter->lr, LR_RX, 0);
	if (adapter->msix_entries)
		ew32(ICS, adapter->rx_ring->ims_val | adapter->tx_ring->ims_val);
	else
		ew32(ICS, E1000_ICS_RXDMT0);
}

static int lr_e1000e_switch(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on)
{
	struct e1000_adapter *adapter = netdev_priv(n->dev);

	/* It does not go to sleep below a program. */
	if (on)
		pm_runtime_get_sync(&adapter->pdev->dev);
	while (test_and_set_bit(__E1000_RESETTING, &adapter->state))
		usleep_range(1000, 1100);
	lr_native_want(n, kind, i, on);
	if (!test_bit(__E1000_DOWN, &adapter->state)) {
		lr_e1000e_rest(adapter);
		if (kind == LR_TX)
			lr_e1000e_switch_tx(adapter, on);
		else
			lr_e1000e_switch_rx(adapter, on);
		lr_e1000e_go_on(adapter);
	}
	clear_bit(__E1000_RESETTING, &adapter->state);
	if (!on)
		pm_runtime_put_sync(&adapter->pdev->dev);
	return 0;
}

static const struct lr_native_ops lr_e1000e_ops = {
	.driver = "e1000e",
	.tx_size = sizeof(struct lr_native_tx),
	.rx_size = sizeof(struct lr_native_rx),
	.info = lr_e1000e_info,
	.switch_ring = lr_e1000e_switch,
	.start = lr_e1000e_start,
	.stop = lr_e1000e_stop,
	.txsync = lr_e1000e_txsync,
	.rxsync = lr_e1000e_rxsync,
	.arm = lr_e1000e_arm,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* The rings' registers are set, and the stack's rx ring would be filled now. True: it is netmap's. */
static bool lr_e1000e_configure(struct e1000_adapter *adapter)
{
	lr_native_start(adapter->lr, LR_TX, 0, adapter->tx_ring->count);
	return lr_native_start(adapter->lr, LR_RX, 0, adapter->rx_ring->count);
}

/* The causes that the driver may unmask, of `mask`. */
static u32 lr_e1000e_causes(struct e1000_adapter *adapter, u32 mask)
{
	if (lr_native_on(adapter->lr, LR_TX, 0))
		mask &= ~LR_E1000E_TX_CAUSES;
	if (lr_native_on(adapter->lr, LR_RX, 0))
		mask &= ~LR_E1000E_RX_CAUSES;
	return mask;
}

#endif
