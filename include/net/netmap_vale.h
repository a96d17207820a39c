/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Another forwarding function for a VALE switch: it says where packets go, in
 * the place of the table of addresses. In the kernel a module registers one;
 * netmapd loads a shared object that has one.
 */
#ifndef NET_NETMAP_VALE_H
#define NET_NETMAP_VALE_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

#define NETMAP_VALE_NOBODY	0	/* the packet is dropped */
#define NETMAP_VALE_ALL		255	/* all ports but the one it came from */

/*
 * Returns a port's number (VALE_LIST tells it), or one of the above; anything
 * else is nobody. frame is the packet's first len bytes, at least 14, without
 * virtio-net header; more may be in other slots. A program may be changing them:
 * read what you need once. port and ring are where it came from. Called by
 * several senders at once; may not sleep, nor ask netmap for anything.
 */
typedef unsigned int (*netmap_vale_function)(void *arg, const void *frame, uint32_t len,
					     unsigned int port, unsigned int ring);

#ifdef __KERNEL__
struct net;

/*
 * For switch "valeS" of a network namespace, whether it is there already or comes
 * later. 0, -EBUSY: it has another function; -EINVAL: that is no name of a
 * switch; -ENOMEM.
 */
int netmap_vale_set_function(struct net *net, const char *name, netmap_vale_function function, void *arg);

/* The table again. When it returns nobody is in the function any more. */
void netmap_vale_clear_function(struct net *net, const char *name);
#else
/*
 * What a shared object that netmapd loads must have: netmap_vale_forward. And what
 * it may have: open is called for each switch that the configuration names,
 * with its `arguments` or "", and gives the function's arg; 0 or -errno. close is called when
 * nobody is in the function any more, nor will be.
 */
int netmap_vale_open(const char *name, const char *arguments, void **arg);
void netmap_vale_close(void *arg);
unsigned int netmap_vale_forward(void *arg, const void *frame, uint32_t len, unsigned int port, unsigned int ring);
#endif

#endif /* NET_NETMAP_VALE_H */
