// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// e1000: where netmap comes in. What the calls do is in e1000_glue.h; what must be in which function afterwards:
//
// source: drivers/net/ethernet/intel/e1000
// files: e1000.h e1000_main.c
// module: e1000 CONFIG_E1000
//
// hook: e1000_probe lr_native_register
// hook: e1000_remove lr_native_unregister
// hook: e1000_configure lr_e1000_configure
// hook: e1000_down lr_native_stop_all
// hook: e1000_irq_enable lr_e1000_causes
// hook: e1000_clean lr_native_wake 2
// hook: e1000_xmit_frame lr_native_drops
// hook: struct:e1000_adapter lr

@ e1000_adapter @
@@
struct e1000_adapter {
	...
+	struct lr_native *lr;
};

@ e1000_include @
@@
#include "e1000.h"
+#include "e1000_glue.h"

@ e1000_register @
identifier err, netdev;
@@
e1000_probe(...)
{
	...
	err = register_netdev(netdev);
	if (err) goto err_register;
+	adapter->lr = lr_native_register(netdev, &lr_e1000_ops);
	...
}

@ e1000_unregister @
expression netdev;
@@
e1000_remove(...)
{
	...
	unregister_netdev(netdev);
+	lr_native_unregister(adapter->lr);
	...
}

@ e1000_fill @
identifier adapter, ring;
@@
e1000_configure(struct e1000_adapter *adapter)
{
	<...
-	adapter->alloc_rx_buf(adapter, ring, E1000_DESC_UNUSED(ring));
+	if (!lr_e1000_configure(adapter))
+		adapter->alloc_rx_buf(adapter, ring, E1000_DESC_UNUSED(ring));
	...>
}

// The MAC is disabled and interrupts are off.
@ e1000_down @
identifier adapter;
@@
e1000_down(struct e1000_adapter *adapter)
{
	...
+	lr_native_stop_all(adapter->lr);
	e1000_reset(adapter);
	...
}

@ e1000_unmask @
identifier adapter;
@@
e1000_irq_enable(struct e1000_adapter *adapter)
{
	...
-	ew32(IMS, IMS_ENABLE_MASK);
+	ew32(IMS, lr_e1000_causes(adapter, IMS_ENABLE_MASK));
	...
}

@ e1000_poll_tx @
identifier done;
@@
e1000_clean(...)
{
	...
-	done = e1000_clean_tx_irq(adapter, &adapter->tx_ring[0]);
+	done = lr_native_wake(adapter->lr, LR_TX, 0) || e1000_clean_tx_irq(adapter, &adapter->tx_ring[0]);
	...
}

@ e1000_poll_rx @
expression list args;
@@
e1000_clean(...)
{
	...
-	adapter->clean_rx(args);
+	if (!lr_native_wake(adapter->lr, LR_RX, 0))
+		adapter->clean_rx(args);
	...
}

@ e1000_xmit @
identifier skb, ring;
@@
e1000_xmit_frame(struct sk_buff *skb, ...)
{
	...
	ring = adapter->tx_ring;
+	if (lr_native_drops(adapter->lr, 0, skb))
+		return NETDEV_TX_OK;
	...
}
