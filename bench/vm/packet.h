/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet: sockets of AF_PACKET, past the queueing discipline if told so, with buffers that are large enough for anything.
 */
#ifndef BENCH_VM_PACKET_H
#define BENCH_VM_PACKET_H

#include "load.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

static inline int packet_socket(int bypass)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0), space = 64 << 20;

	if (fd < 0)
		return load_fail("cannot make a packet socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &space, sizeof(space));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof(space));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass));
	return fd;
}

/* Protocol ETH_P_ALL receives everything, 0 nothing. */
static inline int packet_bind(int fd, const char *ifname, uint16_t protocol)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol),
				  .sll_ifindex = (int)if_nametoindex(ifname) };

	if (to.sll_ifindex && !bind(fd, (struct sockaddr *)&to, sizeof(to)))
		return 0;
	return load_fail(ifname);
}

#endif
