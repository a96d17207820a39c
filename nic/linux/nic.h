/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A port on a network interface with the driver as it is: what the files of this directory share.
 *
 *	 program's  tx ring ----- xmit.c ----->  driver                    wire
 *	            rx ring <---- inlet.c ----- rx_handler  <--- driver     wire
 *	            host tx ring -- host.c --> the stack's receive path
 *	            host rx ring <-- inlet.c -- egress hook  <--- the stack
 *
 * A driver may know netmap: native.h, and pair.h for two interfaces that are each other's wire.
 *
 * Locks: control lock, then rtnl, then ring locks, then an inlet's spinlock. What is in struct lr_nic changes under
 * rtnl. The notifier runs under rtnl and never takes the control lock; so nobody takes rtnl under a ring lock.
 *
 * `dev` is ours as long as the port is not gone. When the interface goes, the notifier marks the port as gone and then
 * passes through every ring lock: who holds one, and has seen the port alive, may use dev.
 */
#ifndef LR_NIC_H
#define LR_NIC_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>

#include "core/port.h"

struct lr_inlet;
struct lr_native;
struct lr_pair;

struct lr_nic {
	struct list_head list;
	struct lr_port *port;
	struct net_device *dev;		/* NULL: it is gone */
	netdevice_tracker tracker;
	unsigned int users[LR_RING_KINDS];	/* rings of each kind that somebody has bound */
	struct lr_native *native;	/* the driver knows netmap, and has the rings; NULL: it does not, or dev is gone */
	struct lr_inlet *inlet[2];	/* of the NIC's rx rings, of the host's: an array each */
	struct lr_pair *pair[2];	/* of tx and rx rings, where the driver says who the peer is; see pair.h */

	bool queue_of_peer;		/* a packet names the queue that it was sent through, not the one it came by */
	bool receives;			/* our rx_handler is there */
	netdev_features_t without;	/* features that we have switched off meanwhile */
	bool diverts;			/* our egress hook is there */
	struct nf_hook_ops egress;
};

/* With the module: the notifier that follows what happens to interfaces. */
int lr_nic_init(void);
void lr_nic_fini(void);

/* vale_if.c, with the module: who may change what is on switches. */
void lr_vale_if_init(void);

/* All ports on interfaces; under rtnl. */
extern struct list_head lr_nics;

/* Operations that ports of both ways have. */
int lr_nic_admit(struct lr_port *p, struct lr_why *why);
int lr_nic_ring_start(struct lr_ring *r, struct lr_why *why);
void lr_nic_ring_stop(struct lr_ring *r);
void lr_nic_destroy(struct lr_port *p);

/* A port is called as its interface is. Control lock and rtnl held. */
void lr_nic_follow_names(void);

/* attach.c: what the rings in use need of the interface is there, and nothing else of ours. Under rtnl. */
int lr_nic_attach(struct lr_nic *nic, struct lr_why *why);
/* The last of it goes, whatever is in use. */
void lr_nic_detach(struct lr_nic *nic);

/* The interface goes away, and the port is gone. Under rtnl. */
void lr_nic_lose(struct lr_nic *nic);

/* event.c */
int lr_event_init(void);
void lr_event_fini(void);

#endif
