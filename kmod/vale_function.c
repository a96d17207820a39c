/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * For other modules: forwarding functions of switches. While one is registered its module uses symbols of this one, which
 * therefore stays.
 */
#include <linux/export.h>
#include <net/net_namespace.h>

#include "core/vale_function.h"

int netmap_vale_set_function(struct net *net, const char *name, netmap_vale_function function, void *arg)
{
	return lr_vale_set_function(name, net->net_cookie, function, arg, NULL);
}
EXPORT_SYMBOL_GPL(netmap_vale_set_function);

void netmap_vale_clear_function(struct net *net, const char *name)
{
	lr_vale_clear_function(name, net->net_cookie);
}
EXPORT_SYMBOL_GPL(netmap_vale_clear_function);
