/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * veth: included by the driver's veth.c, with the hooks of veth.cocci. See nic/linux/native.h.
 *
 * There is no device: what a program sends is received at once, at the other end. So the rings are the module's own, and two
 * ports that are each other's ends hand slots to each other (nic/linux/pair.c); the driver says who belongs together, and
 * what happens to it. An end whose peer has no program goes on as with the driver as it is.
 */
#ifndef LR_VETH_GLUE_H
#define LR_VETH_GLUE_H

#include "nic/linux/native.h"

static int veth_dev_init(struct net_device *dev);
static int veth_set_channels(struct net_device *dev, struct ethtool_channels *ch);

static int lr_veth_info(struct lr_native *n, struct lr_native_info *info, struct lr_why *why)
{
	struct veth_priv *priv = netdev_priv(n->dev);

	if (!rtnl_dereference(priv->peer))
		return lr_why(why, -ENOTCONN, "its other end is gone");
	info->rings[LR_TX] = n->dev->real_num_tx_queues;
	info->rings[LR_RX] = n->dev->real_num_rx_queues;
	return 0;
}

static struct lr_native *lr_veth_peer(struct lr_native *n)
{
	struct veth_priv *priv = netdev_priv(n->dev);
	struct net_device *peer = rtnl_dereference(priv->peer);

	if (!peer)
		return NULL;
	priv = netdev_priv(peer);
	return priv->lr;
}

static const struct lr_native_ops lr_veth_ops = {
	.driver = "veth",
	.info = lr_veth_info,
	.peer = lr_veth_peer,
};

/* --- Hooks ----------------------------------------------------------------------------------------------------- */

/* ndo_init, under rtnl. Without memory for it, the interface is as it always was. */
static int lr_veth_init(struct net_device *dev)
{
	struct veth_priv *priv = netdev_priv(dev);
	int err = veth_dev_init(dev);

	if (!err)
		priv->lr = lr_native_attach(dev, &lr_veth_ops);
	return err;
}

/* ndo_uninit, under rtnl: everybody has been told that the interface goes. */
static void lr_veth_uninit(struct net_device *dev)
{
	struct veth_priv *priv = netdev_priv(dev);

	lr_native_detach(priv->lr);
	priv->lr = NULL;
}

/* A port's rings are the queues that there were when it was opened. */
static int lr_veth_set_channels(struct net_device *dev, struct ethtool_channels *ch)
{
	unsigned int tx = dev->real_num_tx_queues, rx = dev->real_num_rx_queues;
	struct veth_priv *priv = netdev_priv(dev);
	int err = veth_set_channels(dev, ch);

	if (tx != dev->real_num_tx_queues || rx != dev->real_num_rx_queues)
		lr_native_fail(priv->lr, "it has other channels now");
	return err;
}

#endif
