// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// igb: where netmap comes in. What the calls do is in igb_glue.h; what must be in which function afterwards:
//
// source: drivers/net/ethernet/intel/igb
// files: igb.h igb_main.c
// module: igb CONFIG_IGB
//
// hook: struct:igb_adapter lr
// hook: igb_probe lr_native_register
// hook: igb_remove lr_native_unregister
// hook: igb_configure_tx_ring lr_igb_threshold
// hook: igb_configure_tx_ring lr_igb_start_tx
// hook: igb_configure_rx_ring lr_igb_threshold
// hook: igb_setup_srrctl lr_igb_srrctl
// hook: igb_alloc_rx_buffers lr_igb_start_rx
// hook: igb_clean_tx_ring lr_igb_rest
// hook: igb_clean_rx_ring lr_igb_rest
// hook: igb_xmit_frame lr_native_drops
// hook: igb_xmit_xdp_ring lr_native_on
// hook: igb_poll lr_igb_clean_tx
// hook: igb_poll lr_igb_clean_rx
// hook: igb_poll lr_igb_irq_enable

@ igb_adapter @
@@
struct igb_adapter {
	...
+	struct lr_native *lr;
};

// Where the driver's own functions are declared.
@ igb_include @
@@
+#include "igb_glue.h"
+
igb_regdump(...)
{
	...
}

// The interface is registered.
@ igb_register @
identifier netdev;
@@
igb_probe(...)
{
	<...
+	adapter->lr = lr_native_register(netdev, &lr_igb_ops);
	netif_carrier_off(netdev);
	...>
}

@ igb_unregister @
identifier netdev;
@@
igb_remove(...)
{
	<...
	unregister_netdev(netdev);
+	lr_native_unregister(adapter->lr);
	...>
}

// The queue is enabled, and empty.
@ igb_tx_ring @
identifier adapter, ring, txdctl;
@@
igb_configure_tx_ring(struct igb_adapter *adapter, struct igb_ring *ring)
{
	<...
(
-	txdctl |= IGB_TX_WTHRESH << 16;
+	txdctl |= lr_igb_threshold(adapter, LR_TX, ring, IGB_TX_WTHRESH) << 16;
|
	wr32(E1000_TXDCTL(...), txdctl);
+	lr_igb_start_tx(adapter, ring);
)
	...>
}

@ igb_rx_ring @
identifier adapter, ring, rxdctl;
@@
igb_configure_rx_ring(struct igb_adapter *adapter, struct igb_ring *ring)
{
	<...
-	rxdctl |= IGB_RX_WTHRESH << 16;
+	rxdctl |= lr_igb_threshold(adapter, LR_RX, ring, IGB_RX_WTHRESH) << 16;
	...>
}

@ igb_srrctl @
identifier adapter, ring, srrctl;
expression reg;
@@
igb_setup_srrctl(struct igb_adapter *adapter, struct igb_ring *ring)
{
	<...
-	wr32(E1000_SRRCTL(reg), srrctl);
+	wr32(E1000_SRRCTL(reg), lr_igb_srrctl(adapter, ring, srrctl));
	...>
}

@ igb_fill @
identifier ring, n;
@@
igb_alloc_rx_buffers(struct igb_ring *ring, u16 n)
{
	...
+	if (lr_igb_start_rx(ring))
+		return;
	if (!n) return;
	...
}

@ igb_stop_tx @
identifier ring, i;
@@
igb_clean_tx_ring(struct igb_ring *ring)
{
	...
+	lr_igb_rest(LR_TX, ring);
	while (i != ring->next_to_use) { ... }
	...
}

@ igb_stop_rx @
identifier ring;
@@
igb_clean_rx_ring(struct igb_ring *ring)
{
	...
+	lr_igb_rest(LR_RX, ring);
	dev_kfree_skb(ring->skb);
	...
}

@ igb_xmit @
identifier skb;
@@
igb_xmit_frame(struct sk_buff *skb, ...)
{
	...
+	if (lr_native_drops(adapter->lr, igb_tx_queue_mapping(adapter, skb)->queue_index, skb))
+		return NETDEV_TX_OK;
	return igb_xmit_frame_ring(skb, igb_tx_queue_mapping(adapter, skb));
}

@ igb_xmit_xdp @
identifier adapter, ring, count, len;
@@
igb_xmit_xdp_ring(struct igb_adapter *adapter, struct igb_ring *ring, ...)
{
	...
+	if (lr_native_on(adapter->lr, LR_TX, ring->queue_index))
+		return IGB_XDP_CONSUMED;
	count = TXD_USE_COUNT(len);
	...
}

@ igb_polls @
expression list args;
@@
igb_poll(...)
{
	<...
(
-	igb_clean_tx_irq(args)
+	lr_igb_clean_tx(args)
|
-	igb_clean_rx_irq(args)
+	lr_igb_clean_rx(args)
|
-	igb_ring_irq_enable(args)
+	lr_igb_irq_enable(args)
)
	...>
}
