// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// i40e: where netmap comes in. What the calls do is in i40e_glue.h; what must be in which function afterwards:
//
// source: drivers/net/ethernet/intel/i40e
// files: i40e.h i40e_txrx.h i40e_main.c i40e_txrx.c
// module: i40e CONFIG_I40E
// untried: no test machine has such a device
//
// hook: struct:i40e_vsi lr
// hook: struct:i40e_ring lr_shut
// hook: i40e_vsi_setup lr_native_register
// hook: i40e_vsi_setup lr_native_unregister
// hook: i40e_vsi_release lr_native_unregister
// hook: i40e_vsi_reinit_setup lr_native_unregister
// hook: i40e_vsi_configure lr_i40e_configure
// hook: i40e_configure_rx_ring lr_i40e_rx_context
// hook: i40e_configure_rx_ring lr_i40e_start_rx
// hook: i40e_up_complete lr_i40e_start_all_tx
// hook: i40e_down lr_native_stop_all
// hook: i40e_queue_pair_enable lr_i40e_start_tx
// hook: i40e_queue_pair_disable lr_i40e_stop_pair
// hook: i40e_napi_poll lr_native_wake 2
// hook: i40e_lan_xmit_frame lr_shut
// hook: i40e_lan_xmit_frame lr_native_drops

@ i40e_vsi @
@@
struct i40e_vsi {
	...
+	struct lr_native *lr;
};

@ i40e_ring @
@@
struct i40e_ring {
	...
+	bool lr_shut;
};

// i40e_main.c
@ i40e_include @
@@
#include "i40e_diag.h"
+#include "i40e_glue.h"

// i40e_txrx.c
@ i40e_include_txrx @
@@
#include "i40e_txrx_common.h"
+#include "nic/linux/native.h"

@ i40e_register @
@@
i40e_vsi_setup(...)
{
	<...
	vsi->netdev_registered = true;
+	vsi->lr = lr_native_register(vsi->netdev, &lr_i40e_ops);
	...>
}

@ i40e_unregister @
identifier f = {i40e_vsi_setup, i40e_vsi_release, i40e_vsi_reinit_setup};
@@
f(...)
{
	<...
	unregister_netdev(vsi->netdev);
+	lr_native_unregister(vsi->lr);
+	vsi->lr = NULL;
	...>
}

@ i40e_check @
identifier vsi;
@@
i40e_vsi_configure(struct i40e_vsi *vsi)
{
	<...
+	lr_i40e_configure(vsi);
	i40e_set_vsi_rx_mode(vsi);
	...>
}

@ i40e_context @
identifier ring, rx_ctx;
@@
i40e_configure_rx_ring(struct i40e_ring *ring)
{
	...
	struct i40e_hmc_obj_rxq rx_ctx;
	<...
+	lr_i40e_rx_context(ring, &rx_ctx);
	err = i40e_clear_lan_rx_queue_context(hw, pf_q);
	...>
}

@ i40e_start_rx @
identifier ring;
@@
i40e_configure_rx_ring(struct i40e_ring *ring)
{
	<...
	writel(0, ring->tail);
+	if (lr_i40e_wants(ring))
+		return lr_i40e_start_rx(ring);
	...>
}

@ i40e_start_all @
identifier vsi;
@@
i40e_up_complete(struct i40e_vsi *vsi)
{
	<...
+	lr_i40e_start_all_tx(vsi);
	clear_bit(__I40E_VSI_DOWN, vsi->state);
	...>
}

@ i40e_stop_all @
identifier vsi;
@@
i40e_down(struct i40e_vsi *vsi)
{
	<...
	i40e_napi_disable_all(vsi);
+	lr_native_stop_all(vsi->lr);
	...>
}

@ i40e_start_pair @
identifier vsi, pair;
@@
i40e_queue_pair_enable(struct i40e_vsi *vsi, int pair)
{
	<...
	err = i40e_queue_pair_toggle_rings(vsi, pair, true);
+	if (!err)
+		lr_i40e_start_tx(vsi, pair);
	...>
}

@ i40e_stop_pair @
identifier vsi, pair;
@@
i40e_queue_pair_disable(struct i40e_vsi *vsi, int pair)
{
	<...
	err = i40e_queue_pair_toggle_rings(vsi, pair, false);
+	lr_i40e_stop_pair(vsi, pair);
	...>
}

@ i40e_poll_tx @
expression ring;
expression list a, b;
@@
i40e_napi_poll(...)
{
	<...
-	ring->xsk_pool ? i40e_clean_xdp_tx_irq(a) : i40e_clean_tx_irq(b)
+	lr_native_wake(vsi->lr, LR_TX, ring->queue_index) || (ring->xsk_pool ? i40e_clean_xdp_tx_irq(a) : i40e_clean_tx_irq(b))
	...>
}

@ i40e_poll_rx @
expression ring;
expression list a, b;
@@
i40e_napi_poll(...)
{
	<...
-	ring->xsk_pool ? i40e_clean_rx_irq_zc(a) : i40e_clean_rx_irq(b)
+	lr_native_wake(vsi->lr, LR_RX, ring->queue_index) ? 0 : ring->xsk_pool ? i40e_clean_rx_irq_zc(a) : i40e_clean_rx_irq(b)
	...>
}

@ i40e_xmit @
identifier skb, ring;
@@
i40e_lan_xmit_frame(struct sk_buff *skb, ...)
{
	... when any
	struct i40e_ring *ring = ...;
+	if (unlikely(READ_ONCE(ring->lr_shut)))
+		return NETDEV_TX_BUSY;
+	if (lr_native_drops(vsi->lr, ring->queue_index, skb))
+		return NETDEV_TX_OK;
	... when any
}
