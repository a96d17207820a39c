// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// e1000e: where netmap comes in. What the calls do is in e1000e_glue.h; what must be in which function afterwards:
//
// source: drivers/net/ethernet/intel/e1000e
// files: e1000.h netdev.c
// module: e1000e CONFIG_E1000E
//
// hook: e1000_probe lr_native_register
// hook: e1000_remove lr_native_unregister
// hook: e1000_configure lr_e1000e_configure
// hook: e1000e_down lr_native_stop_all
// hook: e1000_irq_enable lr_e1000e_causes 3
// hook: e1000_intr_msix_tx lr_e1000e_causes
// hook: e1000_intr_msix_tx lr_native_wake
// hook: e1000e_poll lr_e1000e_causes
// hook: e1000e_poll lr_native_wake 2
// hook: e1000_xmit_frame lr_native_drops
// hook: struct:e1000_adapter lr

@ e1000e_adapter @
@@
struct e1000_adapter {
	...
+	struct lr_native *lr;
};

@ e1000e_include @
@@
#include "e1000.h"
+#include "e1000e_glue.h"

@ e1000e_register @
identifier err, netdev;
@@
e1000_probe(...)
{
	...
	err = register_netdev(netdev);
	if (err) goto err_register;
+	adapter->lr = lr_native_register(netdev, &lr_e1000e_ops);
	...
}

@ e1000e_unregister @
expression netdev;
@@
e1000_remove(...)
{
	<...
	unregister_netdev(netdev);
+	lr_native_unregister(adapter->lr);
	...>
}

@ e1000e_fill @
identifier adapter;
expression list args;
@@
e1000_configure(struct e1000_adapter *adapter)
{
	<...
-	adapter->alloc_rx_buf(args);
+	if (!lr_e1000e_configure(adapter))
+		adapter->alloc_rx_buf(args);
	...>
}

// The MAC is disabled and interrupts are off.
@ e1000e_down @
identifier adapter;
@@
e1000e_down(struct e1000_adapter *adapter, ...)
{
	...
+	lr_native_stop_all(adapter->lr);
	e1000e_flush_descriptors(adapter);
	...
}

@ e1000e_unmask @
identifier f = {e1000_irq_enable, e1000_intr_msix_tx, e1000e_poll};
expression mask;
@@
f(...)
{
	<...
-	ew32(IMS, mask)
+	ew32(IMS, lr_e1000e_causes(adapter, mask))
	...>
}

@ e1000e_msix_tx @
identifier ring;
@@
e1000_intr_msix_tx(...)
{
	<...
-	!e1000_clean_tx_irq(ring)
+	!lr_native_wake(adapter->lr, LR_TX, 0) && !e1000_clean_tx_irq(ring)
	...>
}

@ e1000e_poll_tx @
identifier done;
@@
e1000e_poll(...)
{
	<...
-	done = e1000_clean_tx_irq(adapter->tx_ring);
+	done = lr_native_wake(adapter->lr, LR_TX, 0) || e1000_clean_tx_irq(adapter->tx_ring);
	...>
}

@ e1000e_poll_rx @
expression list args;
@@
e1000e_poll(...)
{
	<...
-	adapter->clean_rx(args);
+	if (!lr_native_wake(adapter->lr, LR_RX, 0))
+		adapter->clean_rx(args);
	...>
}

@ e1000e_xmit @
identifier skb, ring;
@@
e1000_xmit_frame(struct sk_buff *skb, ...)
{
	...
	struct e1000_ring *ring = adapter->tx_ring;
	... when any
+	if (lr_native_drops(adapter->lr, 0, skb))
+		return NETDEV_TX_OK;
	if (test_bit(__E1000_DOWN, &adapter->state))
	{
	...
	}
	...
}
