// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// mlx5: where netmap comes in. What the calls do is in mlx5_glue.h; what must be in which function afterwards (functions that
// have other names in some kernels: either):
//
// source: drivers/net/ethernet/mellanox/mlx5/core
// files: en.h en_main.c en_tx.c en_txrx.c
// beside: drivers/net/ethernet/mellanox/mlxfw/mlxfw.h
// module: mlx5_core CONFIG_MLX5_CORE
// untried: no test machine has such a device
//
// hook: struct:mlx5e_cq lr
// hook: struct:mlx5e_priv lr
// hook: (_mlx5e_probe|mlx5e_probe) lr_native_register
// hook: mlx5e_destroy_netdev lr_mlx5_unregister
// hook: mlx5e_priv_cleanup lr_mlx5_clear
// hook: mlx5e_activate_txqsq lr_mlx5_begin_tx
// hook: mlx5e_deactivate_txqsq lr_mlx5_end_tx
// hook: mlx5e_activate_rq lr_mlx5_begin_rx
// hook: mlx5e_deactivate_rq lr_mlx5_end_rx
// hook: mlx5e_wait_channels_min_rx_wqes lr
// hook: mlx5e_napi_poll lr 2
// hook: mlx5e_completion_event lr_mlx5_event
// hook: mlx5e_xmit lr_native_drops

@ mlx5_declare @
@@
#include "en/selq.h"
+
+struct lr_native;
+struct lr_ring;
+struct mlx5e_cq;
+bool lr_mlx5_event(struct mlx5e_cq *cq);

@ mlx5_cq @
@@
struct mlx5e_cq {
	...
+	struct lr_ring *lr;
};

@ mlx5_priv @
@@
struct mlx5e_priv {
	...
+	struct lr_native *lr;
};

// In en_main.c and in en_tx.c, which drops what the stack sends.
@ mlx5_include @
@@
#include "en/trap.h"
+#include "mlx5_glue.h"

@ mlx5_include_tx @
@@
#include "ipoib/ipoib.h"
+#include "nic/linux/native.h"

// One rule for all that is a statement of its own. What is not enabled is left alone by the driver's polls; what netmap ends needs
// no last descriptor; what is netmap's has its buffers, but the driver does not know of them, and is armed by who sleeps on it.
@ mlx5_hooks @
identifier f = {mlx5e_probe, _mlx5e_probe, mlx5e_destroy_netdev, mlx5e_priv_cleanup, mlx5e_activate_txqsq, mlx5e_deactivate_txqsq,
	mlx5e_activate_rq, mlx5e_deactivate_rq, mlx5e_wait_channels_min_rx_wqes, mlx5e_napi_poll, mlx5e_completion_event, mlx5e_xmit};
@@
f(...)
{
	<...
(
+	priv->lr = lr_native_register(netdev, &lr_mlx5_ops);
	mlx5e_dcbnl_init_app(priv);
|
+	lr_mlx5_unregister(netdev);
	free_netdev(netdev);
|
-	memset(priv, 0, sizeof(*priv));
+	lr_mlx5_clear(priv);
|
+	if (!lr_mlx5_begin_tx(sq))
	set_bit(MLX5E_SQ_STATE_ENABLED, &sq->state);
|
	mlx5e_tx_disable_queue(sq->txq);
+	if (lr_mlx5_end_tx(sq))
+		return;
|
+	if (!lr_mlx5_begin_rx(rq))
	set_bit(MLX5E_RQ_STATE_ENABLED, &rq->state);
|
+	lr_mlx5_end_rx(rq);
	clear_bit(MLX5E_RQ_STATE_ENABLED, &rq->state);
|
+	if (!c->rq.cq.lr)
	err |= mlx5e_wait_for_min_rx_wqes(&c->rq, timeout);
|
+	if (!READ_ONCE(c->sq[i].cq.lr))
	mlx5e_cq_arm(&c->sq[i].cq);
|
+	if (!READ_ONCE(rq->cq.lr))
	mlx5e_cq_arm(&rq->cq);
|
+	if (lr_mlx5_event(cq))
+		return;
	napi_schedule(cq->napi);
|
+	if (lr_native_drops(priv->lr, skb_get_queue_mapping(skb), skb))
+		return NETDEV_TX_OK;
	sq = priv->txq2sq[skb_get_queue_mapping(skb)];
)
	...>
}
