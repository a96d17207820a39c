// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// ice: where netmap comes in. What the calls do is in ice_glue.h; what must be in which function afterwards (functions that have
// other names in some kernels, or are in another file: either):
//
// source: drivers/net/ethernet/intel/ice
// files: ice.h ice_base.c ice_lib.c ice_main.c ice_txrx.c ice_xsk.c
// module: ice CONFIG_ICE
// untried: no test machine has such a device
//
// hook: struct:ice_vsi lr
// hook: ice_register_netdev lr_native_register
// hook: (ice_vsi_release|ice_decfg_netdev) lr_native_unregister
// hook: ice_vsi_cfg_lan_txqs lr_ice_configure
// hook: ice_vsi_cfg_txq lr_ice_start_tx
// hook: ice_setup_rx_ctx lr_ice_rx_context
// hook: ice_vsi_cfg_rxq lr_ice_start_rx
// hook: ice_down lr_native_stop_all
// hook: ice_qp_dis lr_native_stop 2
// hook: ice_napi_poll lr_native_wake 2
// hook: ice_start_xmit lr_native_drops

@ ice_vsi @
@@
struct ice_vsi {
	...
+	struct lr_native *lr;
};

@ ice_declare @
@@
#include "ice_devids.h"
+#include "nic/linux/native.h"
+
+struct ice_vsi;
+extern const struct lr_native_ops lr_ice_ops;
+void lr_ice_configure(struct ice_vsi *vsi);

// In ice_base.c, before all that needs it.
@ ice_include @
@@
+#include "ice_glue.h"
+
static int ice_setup_rx_ctx(struct ice_rx_ring *ring)
{
	...
}

@ ice_register @
@@
ice_register_netdev(...)
{
	<...
	set_bit(ICE_VSI_NETDEV_REGISTERED, vsi->state);
+	vsi->lr = lr_native_register(vsi->netdev, &lr_ice_ops);
	...>
}

@ ice_unregister @
identifier f = {ice_vsi_release, ice_decfg_netdev, ice_vsi_rebuild};
@@
f(...)
{
	<...
+	lr_native_unregister(vsi->lr);
+	vsi->lr = NULL;
	free_netdev(vsi->netdev);
	...>
}

@ ice_check @
identifier vsi;
@@
ice_vsi_cfg_lan_txqs(struct ice_vsi *vsi)
{
+	lr_ice_configure(vsi);
	return ice_vsi_cfg_txqs(vsi, vsi->tx_rings, vsi->num_txq);
}

@ ice_start_tx @
identifier ring;
@@
ice_vsi_cfg_txq(...)
{
	<...
	if (pf_q == le16_to_cpu(txq->txq_id))
		ring->txq_teid = le32_to_cpu(txq->q_teid);
+	lr_ice_start_tx(ring);
	...>
}

@ ice_context @
identifier ring, rlan_ctx;
expression list a;
@@
ice_setup_rx_ctx(struct ice_rx_ring *ring)
{
	<...
+	lr_ice_rx_context(ring, &rlan_ctx);
	err = ice_write_rxq_ctx(hw, &rlan_ctx, a);
	...>
}

// If it cannot be started nothing is wanted any more, and it is set up once more as the stack's.
@ ice_start_rx @
identifier ring;
statement S;
@@
ice_vsi_cfg_rxq(struct ice_rx_ring *ring)
{
	<...
	err = ice_setup_rx_ctx(ring);
	if (err) S
+	if (lr_ice_wants(ring)) {
+		if (lr_ice_start_rx(ring))
+			return 0;
+		ice_clean_rx_ring(ring);
+		return ice_vsi_cfg_rxq(ring);
+	}
	...>
}

@ ice_stop_all @
identifier vsi;
@@
ice_down(struct ice_vsi *vsi)
{
	<...
	ice_napi_disable_all(vsi);
+	lr_native_stop_all(vsi->lr);
	...>
}

@ ice_stop_pair @
identifier vsi, i;
@@
ice_qp_dis(struct ice_vsi *vsi, u16 i)
{
	<...
+	lr_native_stop(vsi->lr, LR_TX, i);
+	lr_native_stop(vsi->lr, LR_RX, i);
	ice_qp_clean_rings(vsi, i);
	...>
}

@ ice_poll_tx @
identifier ring;
expression budget;
@@
ice_napi_poll(...)
{
	<...
-	ice_clean_tx_irq(ring, budget)
+	lr_native_wake(q_vector->vsi->lr, LR_TX, ring->q_index) || ice_clean_tx_irq(ring, budget)
	...>
}

@ ice_poll_rx @
expression ring;
expression list a, b;
@@
ice_napi_poll(...)
{
	<...
-	ring->xsk_pool ? ice_clean_rx_irq_zc(a) : ice_clean_rx_irq(b)
+	lr_native_wake(q_vector->vsi->lr, LR_RX, ring->q_index) ? 0 : ring->xsk_pool ? ice_clean_rx_irq_zc(a) : ice_clean_rx_irq(b)
	...>
}

@ ice_xmit @
identifier skb, ring;
@@
ice_start_xmit(struct sk_buff *skb, ...)
{
	<...
	ring = vsi->tx_rings[skb->queue_mapping];
+	if (lr_native_drops(vsi->lr, ring->q_index, skb))
+		return NETDEV_TX_OK;
	...>
}
