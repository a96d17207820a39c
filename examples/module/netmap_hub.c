/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A forwarding function for a VALE switch of netmap.ko: a hub. Each packet goes to all ports but its own, so that every port
 * can watch; with the parameter `only` set, packets of other Ethernet types are dropped.
 *
 *	make -C /lib/modules/$(uname -r)/build M=$PWD NETMAP=TREE KBUILD_EXTRA_SYMBOLS=WHERE-NETMAP.KO-IS/Module.symvers modules
 *	insmod netmap_hub.ko switch=vale0 only=0x0800
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <net/net_namespace.h>

#include <net/netmap_vale.h>

static char *name = "vale0";
module_param_named(switch, name, charp, 0444);
MODULE_PARM_DESC(switch, "the switch that becomes a hub, in the first network namespace (vale0)");

static ushort only;
module_param(only, ushort, 0644);
MODULE_PARM_DESC(only, "the one Ethernet type that passes; 0: all do (0)");

static unsigned int hub(void *arg, const void *frame, uint32_t len, unsigned int port, unsigned int ring)
{
	const struct ethhdr *eth = frame;
	ushort type = READ_ONCE(only);

	if (type && READ_ONCE(eth->h_proto) != htons(type))
		return NETMAP_VALE_NOBODY;
	return NETMAP_VALE_ALL;
}

static int __init hub_init(void)
{
	return netmap_vale_set_function(&init_net, name, hub, NULL);
}

static void __exit hub_exit(void)
{
	netmap_vale_clear_function(&init_net, name);
}

module_init(hub_init);
module_exit(hub_exit);

MODULE_DESCRIPTION("netmap: a VALE switch as a hub");
MODULE_LICENSE("Dual BSD/GPL");
