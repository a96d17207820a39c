// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// vmxnet3: where netmap comes in. What the calls do is in vmxnet3_glue.h; what must be in which function afterwards:
//
// source: drivers/net/vmxnet3
// files: vmxnet3_int.h vmxnet3_drv.c
// module: vmxnet3 CONFIG_VMXNET3
//
// hook: struct:vmxnet3_adapter lr
// hook: struct:vmxnet3_adapter lr_tx
// hook: struct:vmxnet3_adapter lr_rx
// hook: vmxnet3_probe_device lr_native_register
// hook: vmxnet3_remove_device lr_native_unregister
// hook: vmxnet3_activate_dev lr_vmxnet3_claim
// hook: vmxnet3_rq_alloc_rx_buf lr_rx
// hook: vmxnet3_setup_driver_shared lr_vmxnet3_describe
// hook: vmxnet3_activate_dev lr_vmxnet3_begin
// hook: vmxnet3_tq_cleanup_all lr_native_stop_all
// hook: vmxnet3_xmit_frame lr_vmxnet3_drops
// hook: vmxnet3_tq_start lr_tx
// hook: vmxnet3_do_poll lr_vmxnet3_tx_complete
// hook: vmxnet3_do_poll lr_vmxnet3_rx_complete
// hook: vmxnet3_poll_rx_only lr_vmxnet3_tx_complete
// hook: vmxnet3_poll_rx_only lr_vmxnet3_rx_complete
// hook: vmxnet3_poll_rx_only lr_vmxnet3_enable_intr
// hook: vmxnet3_msix_tx lr_vmxnet3_tx_complete 2
// hook: vmxnet3_msix_tx lr_vmxnet3_enable_intr

@ vmxnet3_adapter @
@@
struct vmxnet3_adapter {
	...
+	struct lr_native *lr;
+	unsigned long lr_tx;
+	unsigned long lr_rx;
};

@ vmxnet3_include @
@@
#include "vmxnet3_int.h"
+#include "vmxnet3_glue.h"

// The interface is registered.
@ vmxnet3_register @
@@
vmxnet3_probe_device(...)
{
	<...
+	adapter->lr = lr_native_register(netdev, &lr_vmxnet3_ops);
	vmxnet3_check_link(adapter, false);
	...>
}

@ vmxnet3_unregister @
expression netdev;
@@
vmxnet3_remove_device(...)
{
	...
	unregister_netdev(netdev);
+	lr_native_unregister(adapter->lr);
	...
}

@ vmxnet3_claim @
identifier adapter;
@@
vmxnet3_activate_dev(struct vmxnet3_adapter *adapter)
{
	...
+	lr_vmxnet3_claim(adapter);
	vmxnet3_tq_init_all(adapter);
	...
}

@ vmxnet3_fill @
identifier rq, adapter, n, num_allocated;
statement S;
@@
vmxnet3_rq_alloc_rx_buf(struct vmxnet3_rx_queue *rq, u32 ring_idx, int n, struct vmxnet3_adapter *adapter)
{
	...
+	if (test_bit(rq - adapter->rx_queue, &adapter->lr_rx))
+		return n;
	while (num_allocated <= n) S
	...
}

@ vmxnet3_describe @
identifier adapter;
expression rxmode;
@@
vmxnet3_setup_driver_shared(struct vmxnet3_adapter *adapter)
{
	...
+	lr_vmxnet3_describe(adapter);
	devRead->rxFilterConf.rxMode = rxmode;
	...
}

// The device is active and its filter lets nothing in yet.
@ vmxnet3_begin @
identifier adapter;
@@
vmxnet3_activate_dev(struct vmxnet3_adapter *adapter)
{
	...
+	lr_vmxnet3_begin(adapter);
	vmxnet3_set_mc(adapter->netdev);
	...
}

// The device is quiescent.
@ vmxnet3_stop @
identifier adapter, i;
statement S;
@@
vmxnet3_tq_cleanup_all(struct vmxnet3_adapter *adapter)
{
	...
+	lr_native_stop_all(adapter->lr);
	for (i = 0; i < adapter->num_tx_queues; i++) S
}

@ vmxnet3_xmit @
identifier skb;
expression list args;
@@
vmxnet3_xmit_frame(struct sk_buff *skb, ...)
{
	...
+	if (lr_vmxnet3_drops(adapter, skb))
+		return NETDEV_TX_OK;
	return vmxnet3_tq_xmit(skb, args);
}

// Senders that go past the stack (XDP) look at this.
@ vmxnet3_stopped @
identifier tq, adapter;
@@
vmxnet3_tq_start(struct vmxnet3_tx_queue *tq, struct vmxnet3_adapter *adapter)
{
-	tq->stopped = false;
+	tq->stopped = test_bit(tq - adapter->tx_queue, &adapter->lr_tx);
	...
}

@ vmxnet3_complete_tx @
identifier f = {vmxnet3_do_poll, vmxnet3_poll_rx_only, vmxnet3_msix_tx};
expression list args;
@@
f(...)
{
	<...
-	vmxnet3_tq_tx_complete(args)
+	lr_vmxnet3_tx_complete(args)
	...>
}

@ vmxnet3_complete_rx @
identifier f = {vmxnet3_do_poll, vmxnet3_poll_rx_only};
expression list args;
@@
f(...)
{
	<...
-	vmxnet3_rq_rx_complete(args)
+	lr_vmxnet3_rx_complete(args)
	...>
}

@ vmxnet3_unmask @
identifier f = {vmxnet3_poll_rx_only, vmxnet3_msix_tx};
expression list args;
@@
f(...)
{
	<...
-	vmxnet3_enable_intr(args)
+	lr_vmxnet3_enable_intr(args)
	...>
}
