/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What hangs on an interface while its rings are in use, and comes off without a trace:
 *
 *	a NIC rx ring	rx_handler, promiscuous mode; no merging of packets (GRO, LRO), which would only be undone again
 *	a host rx ring	egress hook: what the stack sends goes into the ring
 *	all tx rings	egress hook: the NIC belongs to programs, what the stack sends is dropped and counted
 *
 * Kernels: the rx_handler is what bridges and bonds use (net/core/dev.c, __netif_receive_skb_core); the egress hook is
 * netfilter's (net/netfilter/core.c; CONFIG_NETFILTER_EGRESS).
 */
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

#include "os_compat.h"
#include "host.h"
#include "inlet.h"
#include "native.h"
#include "nic.h"

#define MERGES (NETIF_F_GRO | NETIF_F_GRO_HW | NETIF_F_GRO_FRAGLIST | NETIF_F_GRO_UDP_FWD | NETIF_F_LRO)

/* --- From the wire ------------------------------------------------------------------------------ */

/*
 * The queue that the driver recorded. A veth records none: the packet still says through which queue the peer sent it,
 * and that is the queue of its receiver, too (drivers/net/veth.c, veth_xmit).
 */
static uint32_t queue_of(const struct lr_nic *nic, const struct sk_buff *skb)
{
	if (nic->queue_of_peer)
		return skb_get_queue_mapping(skb);
	return skb_rx_queue_recorded(skb) ? skb_get_rx_queue(skb) : 0;
}

/* In softirq. Packets of queues that nobody has bound are the host's, as ever. */
static rx_handler_result_t receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct lr_nic *nic = rcu_dereference(skb->dev->rx_handler_data);
	uint32_t n = nic->port->num_rings[LR_RX], queue = queue_of(nic, skb);
	struct lr_inlet *in = &nic->inlet[0][likely(queue < n) ? queue : queue % n];
	unsigned int pulled = skb->data - skb_mac_header(skb);

	if (unlikely(lr_host_injects(nic) || skb->pkt_type == PACKET_LOOPBACK))
		return RX_HANDLER_PASS;
	/* Something redirected here that has no Ethernet header. */
	if (unlikely(pulled - ETH_HLEN > 2 * VLAN_HLEN))
		return RX_HANDLER_PASS;
	if (!READ_ONCE(in->open))
		return RX_HANDLER_PASS;
	lr_inlet_take(in, skb, pulled, false);
	return RX_HANDLER_CONSUMED;
}

/* Switches the features off or on that merge packets. */
static void set_features(struct net_device *dev, netdev_features_t off, netdev_features_t on)
{
	netdev_lock_ops(dev);
	dev->wanted_features = (dev->wanted_features & ~off) | on;
	netdev_update_features(dev);
	netdev_unlock_ops(dev);
}

static const char *whose(const struct net_device *dev)
{
	if (netif_is_bridge_port(dev))
		return "is part of a bridge";
	if (netif_is_bond_slave(dev))
		return "is part of a bond";
	if (netif_is_team_port(dev))
		return "is part of a team";
	if (netif_is_macvlan_port(dev))
		return "carries macvlan interfaces";
	return "has its packets taken by another driver";
}

static int start_receiving(struct lr_nic *nic, struct lr_why *why)
{
	struct net_device *dev = nic->dev;
	int err = netdev_rx_handler_register(dev, receive, nic);

	if (err == -EBUSY)
		return lr_why(why, err, "%s %s: take it out of there first", dev->name, whose(dev));
	if (err)
		return lr_why(why, err, "%s gives its received packets to nobody", dev->name);
	err = dev_set_promiscuity(dev, 1);
	if (err) {
		netdev_rx_handler_unregister(dev);
		return lr_why(why, err, "%s cannot be put in promiscuous mode", dev->name);
	}
	nic->without = dev->wanted_features & (MERGES | (nic->native ? nic->native->ops->without : 0));
	if (nic->without)
		set_features(dev, nic->without, 0);
	nic->receives = true;
	return 0;
}

static void stop_receiving(struct lr_nic *nic)
{
	struct net_device *dev = nic->dev;

	nic->receives = false;
	netdev_rx_handler_unregister(dev);
	dev_set_promiscuity(dev, -1);
	if (nic->without && dev->reg_state == NETREG_REGISTERED)
		set_features(dev, 0, nic->without);
}

/* --- From the host -------------------------------------------------------------------------------- */

static int start_diverting(struct lr_nic *nic, struct lr_why *why)
{
	int err;

	nic->egress = (struct nf_hook_ops){
		.hook = lr_host_divert,
		.pf = NFPROTO_NETDEV,
		.hooknum = NF_NETDEV_EGRESS,
		.priority = INT_MIN,
		.dev = nic->dev,
		.priv = nic,
	};
	err = nf_register_net_hook(dev_net(nic->dev), &nic->egress);
	/* Without it a NIC's own rings work all the same, beside a host that goes on sending. */
	if (err == -EOPNOTSUPP && !nic->users[LR_HOST_RX])
		return 0;
	if (err == -EOPNOTSUPP)
		return lr_why(why, err, "no host rings: this kernel was built without CONFIG_NETFILTER_EGRESS");
	if (err)
		return lr_why(why, err, "no hook for what the host sends on %s", nic->dev->name);
	nic->diverts = true;
	return 0;
}

static void stop_diverting(struct lr_nic *nic)
{
	nic->diverts = false;
	nf_unregister_net_hook(dev_net(nic->dev), &nic->egress);
	/* It may still run somewhere. */
	synchronize_net();
}

/* --- Both ------------------------------------------------------------------------------------------- */

int lr_nic_attach(struct lr_nic *nic, struct lr_why *why)
{
	bool receive = nic->users[LR_RX];
	bool divert = nic->users[LR_HOST_RX] || nic->users[LR_TX] == nic->port->num_rings[LR_TX];
	int err = 0;

	ASSERT_RTNL();
	if (!nic->dev)
		return 0;
	if (nic->receives && !receive)
		stop_receiving(nic);
	if (nic->diverts && !divert)
		stop_diverting(nic);
	if (!nic->receives && receive)
		err = start_receiving(nic, why);
	if (!err && !nic->diverts && divert)
		err = start_diverting(nic, why);
	return err;
}

void lr_nic_detach(struct lr_nic *nic)
{
	ASSERT_RTNL();
	if (nic->receives)
		stop_receiving(nic);
	if (nic->diverts)
		stop_diverting(nic);
}
