/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Persistent ports as network interfaces. There is no wire: what the host sends is dropped, unless the interface is on a
 * switch. Then its host rings are (core/vale_persist.c), and take what the host sends before it comes here, and bring the host
 * what the switch has for it. So all that is left to do is to be an Ethernet interface.
 */
#include <linux/capability.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/net_namespace.h>

#include "core/vale_nic.h"
#include "nic/linux/nic.h"

/* Changes under the control lock. */
static LIST_HEAD(interfaces);

struct vale_if {
	struct list_head list;
	struct net_device *dev;
	u64 netns;		/* where it was made */
	char name[IFNAMSIZ];	/* as what */
};

static netdev_tx_t vale_if_xmit(struct sk_buff *skb, struct net_device *dev)
{
	dev_core_stats_tx_dropped_inc(dev);
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops vale_if_ops = {
	.ndo_start_xmit = vale_if_xmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void vale_if_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "netmap-vale", sizeof(info->driver));
}

static const struct ethtool_ops vale_if_ethtool_ops = {
	.get_drvinfo = vale_if_drvinfo,
	.get_link = ethtool_op_get_link,
};

static void vale_if_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &vale_if_ops;
	dev->ethtool_ops = &vale_if_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	eth_hw_addr_random(dev);
}

static struct net_device *make(const char *name, struct net *net, struct lr_why *why, int *err)
{
	struct net_device *dev = alloc_netdev(0, name, NET_NAME_USER, vale_if_setup);

	if (!dev) {
		*err = lr_why(why, -ENOMEM, "no memory for an interface");
		return NULL;
	}
	dev_net_set(dev, net);
	*err = register_netdev(dev);
	if (!*err)
		return dev;
	lr_why(why, *err, *err == -EEXIST ? "there is a network interface %s already" : "the interface %s could not be made", name);
	free_netdev(dev);
	return NULL;
}

static int may(struct lr_why *why)
{
	if (ns_capable(current->nsproxy->net_ns->user_ns, CAP_NET_ADMIN))
		return 0;
	return lr_why(why, -EPERM, "no permission to change what is on switches: it needs CAP_NET_ADMIN");
}

void lr_vale_if_init(void)
{
	lr_vale_admit = may;
}

int lr_vale_if_create(const char *name, struct lr_why *why)
{
	struct net *net = current->nsproxy->net_ns;
	struct vale_if *v;
	int err;

	v = os_zalloc(sizeof(*v));
	if (!v)
		return lr_why(why, -ENOMEM, "no memory for an interface");
	v->dev = make(name, net, why, &err);
	if (!v->dev) {
		os_free(v);
		return err;
	}
	strscpy(v->name, name, sizeof(v->name));
	v->netns = net->net_cookie;
	list_add(&v->list, &interfaces);
	return 1;
}

/* With its network namespace an interface is moved to the first one; it is ours still. */
void lr_vale_if_destroy(const char *name, u64 netns)
{
	struct vale_if *v;

	list_for_each_entry(v, &interfaces, list) {
		if (v->netns != netns || strcmp(v->name, name) != 0)
			continue;
		list_del(&v->list);
		unregister_netdev(v->dev);
		os_free(v);
		return;
	}
}
