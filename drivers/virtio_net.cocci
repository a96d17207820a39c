// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// virtio_net: where netmap comes in. What the calls do is in virtio_net_glue.h; what must be in which function afterwards:
//
// source: drivers/net
// files: virtio_net.c
// module: virtio_net CONFIG_VIRTIO_NET
// alone: virtio_net.c
//
// hook: struct:send_queue lr
// hook: struct:receive_queue lr
// hook: struct:virtnet_info lr
// hook: virtnet_probe lr_native_register
// hook: virtnet_remove lr_native_unregister
// hook: skb_xmit_done lr_virtnet_done
// hook: skb_recv_done lr_virtnet_done
// hook: try_fill_recv lr
// hook: virtnet_alloc_queues lr_virtnet_poll
// hook: virtnet_alloc_queues lr_virtnet_poll_tx
// hook: virtnet_poll_cleantx lr
// hook: struct:virtnet_netdev lr_virtnet_xmit
// hook: virtnet_open lr_virtnet_up
// hook: virtnet_close lr_native_stop_all
// hook: virtnet_set_ringparam lr_native_fail
// hook: virtnet_set_guest_offloads lr_virtnet_offloads

@ virtio_net_queue @
identifier queue = { send_queue, receive_queue };
@@
struct queue {
	...
+	bool lr;
};

@ virtio_net_vi @
@@
struct virtnet_info {
	...
+	struct lr_native *lr;
};

// Where all structs are known.
@ virtio_net_include @
@@
+#include "virtio_net_glue.h"
int vq2txq(struct virtqueue *vq)
{
	...
}

// The interface is registered, nothing can fail any more, and rtnl is not held.
@ virtio_net_register @
@@
virtnet_probe(...)
{
	<...
+	vi->lr = lr_native_register(vi->dev, &lr_virtnet_ops);
	return 0;
	...>
}

@ virtio_net_unregister @
@@
virtnet_remove(...)
{
	<...
	unregister_netdev(vi->dev);
+	lr_native_unregister(vi->lr);
	...>
}

@ virtio_net_done @
identifier done = { skb_xmit_done, skb_recv_done };
identifier vq;
@@
done(struct virtqueue *vq)
{
	<...
(
+	if (lr_virtnet_done(vi, vq))
+		return;
	virtqueue_disable_cb(vq);
|
+	if (lr_virtnet_done(vi, vq))
+		return;
	virtqueue_napi_schedule(&rq->napi, vq);
)
	...>
}

@ virtio_net_fill @
identifier vi, rq;
statement S1, S2;
@@
try_fill_recv(struct virtnet_info *vi, struct receive_queue *rq, ...)
{
	<...
+	if (READ_ONCE(rq->lr))
+		return true;
	if (vi->mergeable_rx_bufs) S1 else S2
	...>
}

@ virtio_net_polls @
@@
virtnet_alloc_queues(...)
{
	<...
(
-	virtnet_poll
+	lr_virtnet_poll
|
-	virtnet_poll_tx
+	lr_virtnet_poll_tx
)
	...>
}

@ virtio_net_cleantx @
@@
virtnet_poll_cleantx(...)
{
	<...
-	!sq->napi.weight
+	!sq->napi.weight || READ_ONCE(sq->lr)
	...>
}

@ virtio_net_xmit @
identifier ops;
@@
struct net_device_ops ops = {
	.ndo_start_xmit =
-		start_xmit,
+		lr_virtnet_xmit,
};

@ virtio_net_open @
@@
virtnet_open(...)
{
	<...
+	lr_virtnet_up(vi);
	return 0;
	...>
}

@ virtio_net_close @
identifier i;
statement S;
@@
virtnet_close(...)
{
	<...
+	lr_native_stop_all(vi->lr);
	for (i = 0; i < vi->max_queue_pairs; i++) S
	...>
}

@ virtio_net_sizes @
identifier i;
statement S;
@@
virtnet_set_ringparam(...)
{
	<...
+	lr_native_stop_all(vi->lr);
+	lr_native_fail(vi->lr, "its rings get other sizes");
	for (i = 0; i < vi->max_queue_pairs; i++) S
	...>
}

@ virtio_net_offloads @
expression offloads;
@@
virtnet_set_guest_offloads(...)
{
	<...
-	cpu_to_virtio64(vi->vdev, offloads)
+	cpu_to_virtio64(vi->vdev, lr_virtnet_offloads(vi, offloads))
	...>
}
