/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A forwarding function for a VALE switch of netmapd: a hub. Each packet goes to all ports but its own, so that every port can
 * watch. With arguments, an Ethernet type, packets of other types are dropped. examples/module is the same for the kernel.
 *
 *	cc -shared -fPIC -O2 hub.c -o /usr/local/lib/vale_hub.so
 *
 * In netmapd's configuration:
 *
 *	functions = ( { switch = "vale0"; file = "/usr/local/lib/vale_hub.so"; arguments = "0x0800"; } );
 */
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include <net/netmap_vale.h>

struct hub {
	uint16_t only;	/* 0: all types */
};

int netmap_vale_open(const char *name, const char *arguments, void **arg)
{
	char *end;
	unsigned long type = strtoul(arguments, &end, 0);
	struct hub *hub;

	(void)name;
	if (*end || type > UINT16_MAX)
		return -EINVAL;
	hub = malloc(sizeof(*hub));
	if (!hub)
		return -ENOMEM;
	hub->only = htons((uint16_t)type);
	*arg = hub;
	return 0;
}

void netmap_vale_close(void *arg)
{
	free(arg);
}

unsigned int netmap_vale_forward(void *arg, const void *frame, uint32_t len, unsigned int port, unsigned int ring)
{
	const struct ether_header *eth = frame;
	const struct hub *hub = arg;

	(void)len, (void)port, (void)ring;
	/* Once: the program may be writing to it. */
	if (hub->only && *(const volatile uint16_t *)&eth->ether_type != hub->only)
		return NETMAP_VALE_NOBODY;
	return NETMAP_VALE_ALL;
}
