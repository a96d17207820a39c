// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// ixgbe: where netmap comes in. What the calls do is in ixgbe_glue.h; what must be in which function afterwards:
//
// source: drivers/net/ethernet/intel/ixgbe
// files: ixgbe.h ixgbe_main.c
// module: ixgbe CONFIG_IXGBE
// untried: no test machine has such a device
//
// hook: struct:ixgbe_adapter lr
// hook: ixgbe_probe lr_native_register
// hook: ixgbe_probe lr_native_unregister
// hook: ixgbe_remove lr_native_unregister
// hook: ixgbe_configure lr_ixgbe_configure
// hook: ixgbe_configure_tx_ring lr_ixgbe_txdctl
// hook: ixgbe_configure_tx_ring lr_ixgbe_start_tx
// hook: ixgbe_configure_srrctl lr_ixgbe_srrctl
// hook: ixgbe_configure_rx_ring lr_ixgbe_start_rx
// hook: ixgbe_clean_tx_ring lr_ixgbe_clean
// hook: ixgbe_clean_rx_ring lr_ixgbe_clean
// hook: ixgbe_poll lr_ixgbe_wake 2
// hook: ixgbe_poll lr_ixgbe_is_quiet
// hook: __ixgbe_xmit_frame lr_native_drops

@ ixgbe_adapter @
@@
struct ixgbe_adapter {
	...
+	struct lr_native *lr;
};

@ ixgbe_include @
@@
#include "ixgbe_txrx_common.h"
+#include "ixgbe_glue.h"

@ ixgbe_register @
identifier err, netdev;
@@
ixgbe_probe(...)
{
	... when any
	err = register_netdev(netdev);
	if (err) goto err_register;
+	adapter->lr = lr_native_register(netdev, &lr_ixgbe_ops);
	... when any
}

@ ixgbe_unregister_probe @
expression netdev;
@@
ixgbe_probe(...)
{
	<...
	unregister_netdev(netdev);
+	lr_native_unregister(adapter->lr);
	...>
}

@ ixgbe_unregister @
expression netdev;
@@
ixgbe_remove(...)
{
	<...
+	lr_native_unregister(adapter->lr);
	free_netdev(netdev);
	...>
}

@ ixgbe_check @
identifier adapter;
@@
ixgbe_configure(struct ixgbe_adapter *adapter)
{
	<...
+	lr_ixgbe_configure(adapter);
	ixgbe_configure_pb(adapter);
	...>
}

@ ixgbe_wthresh @
identifier adapter, ring, txdctl;
@@
ixgbe_configure_tx_ring(struct ixgbe_adapter *adapter, struct ixgbe_ring *ring)
{
	<...
-	IXGBE_WRITE_REG(hw, IXGBE_TXDCTL(reg_idx), txdctl)
+	IXGBE_WRITE_REG(hw, IXGBE_TXDCTL(reg_idx), lr_ixgbe_txdctl(adapter, ring, txdctl))
	...>
}

@ ixgbe_start_tx @
identifier adapter, ring;
statement S;
@@
ixgbe_configure_tx_ring(struct ixgbe_adapter *adapter, struct ixgbe_ring *ring)
{
	... when any
	if (!wait_loop) S
+	lr_ixgbe_start_tx(adapter, ring);
}

@ ixgbe_buf_size @
identifier adapter, ring, srrctl;
@@
ixgbe_configure_srrctl(struct ixgbe_adapter *adapter, struct ixgbe_ring *ring)
{
	<...
-	IXGBE_WRITE_REG(hw, IXGBE_SRRCTL(reg_idx), srrctl)
+	IXGBE_WRITE_REG(hw, IXGBE_SRRCTL(reg_idx), lr_ixgbe_srrctl(adapter, ring, srrctl))
	...>
}

@ ixgbe_start_rx @
identifier adapter, ring;
@@
ixgbe_configure_rx_ring(struct ixgbe_adapter *adapter, struct ixgbe_ring *ring)
{
	<...
	ixgbe_rx_desc_queue_enable(adapter, ring);
+	if (lr_ixgbe_start_rx(adapter, ring))
+		return;
	...>
}

@ ixgbe_stop_tx @
identifier ring, tx_buffer;
expression e;
@@
ixgbe_clean_tx_ring(struct ixgbe_ring *ring)
{
	...
	struct ixgbe_tx_buffer *tx_buffer = e;
+	lr_ixgbe_clean(ring, LR_TX);
	... when any
}

@ ixgbe_stop_rx @
identifier ring, rx_buffer;
expression e;
@@
ixgbe_clean_rx_ring(struct ixgbe_ring *ring)
{
	...
	struct ixgbe_rx_buffer *rx_buffer = e;
+	lr_ixgbe_clean(ring, LR_RX);
	... when any
}

@ ixgbe_poll_tx @
expression ring;
expression list a, b;
@@
ixgbe_poll(...)
{
	<...
-	ring->xsk_pool ? ixgbe_clean_xdp_tx_irq(a) : ixgbe_clean_tx_irq(b)
+	lr_ixgbe_wake(ring, LR_TX) || (ring->xsk_pool ? ixgbe_clean_xdp_tx_irq(a) : ixgbe_clean_tx_irq(b))
	...>
}

@ ixgbe_poll_rx @
expression ring;
expression list a, b;
@@
ixgbe_poll(...)
{
	<...
-	ring->xsk_pool ? ixgbe_clean_rx_irq_zc(a) : ixgbe_clean_rx_irq(b)
+	lr_ixgbe_wake(ring, LR_RX) ? 0 : ring->xsk_pool ? ixgbe_clean_rx_irq_zc(a) : ixgbe_clean_rx_irq(b)
	...>
}

@ ixgbe_poll_unmask @
expression mask;
@@
ixgbe_poll(...)
{
	<...
-	if (!test_bit(__IXGBE_DOWN, &adapter->state))
+	if (!test_bit(__IXGBE_DOWN, &adapter->state) && !lr_ixgbe_is_quiet(q_vector))
		ixgbe_irq_enable_queues(adapter, mask);
	...>
}

@ ixgbe_xmit @
identifier skb, tx_ring;
@@
__ixgbe_xmit_frame(struct sk_buff *skb, ...)
{
	... when any
+	if (lr_native_drops(adapter->lr, tx_ring->queue_index, skb))
+		return NETDEV_TX_OK;
	return ixgbe_xmit_frame_ring(skb, adapter, tx_ring);
}
