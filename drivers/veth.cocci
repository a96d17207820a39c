// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
//
// veth: where netmap comes in. What the calls do is in veth_glue.h; what must be in which function afterwards:
//
// source: drivers/net
// files: veth.c
// module: veth CONFIG_VETH
// alone: veth.c
//
// hook: struct:veth_priv lr
// hook: struct:veth_netdev_ops lr_veth_init
// hook: struct:veth_netdev_ops lr_veth_uninit
// hook: struct:veth_ethtool_ops lr_veth_set_channels

@ veth_priv @
@@
struct veth_priv {
	...
+	struct lr_native *lr;
};

// Where all structs are known.
@ veth_include @
@@
+#include "veth_glue.h"
+
int veth_get_link_ksettings(...)
{
	...
}

// Both ends are made and deleted at once, and may be in different namespaces: each one's own life is what counts.
@ veth_life @
@@
struct net_device_ops veth_netdev_ops = {
-	.ndo_init = veth_dev_init,
+	.ndo_init = lr_veth_init,
+	.ndo_uninit = lr_veth_uninit,
};

@ veth_channels @
@@
struct ethtool_ops veth_ethtool_ops = {
	.set_channels =
-		veth_set_channels,
+		lr_veth_set_channels,
};
