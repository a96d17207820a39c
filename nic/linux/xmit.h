/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Transmit: frames in the slots of a NIC tx ring into a queue of the device's driver, beside the queue discipline and under the
 * lock that the driver's queue has.
 *
 * A frame is copied into an skb when the driver is about to take it, so a slot is the program's again as soon as its frame was
 * handed over: hwtail follows hwcur. What the driver does not take now (its queue is stopped, the interface is down, too much is
 * in flight) stays pending in [hwcur, head), and so does a packet whose last slot is still to come.
 *
 * Where the driver leaves the skbs it sends as they are (IFF_TX_SKB_SHARING: most hardware, virtio_net, dummy) they come from a pool
 * and are used again and again; for others (veth, bridges, tun, vlans) each is made anew. In both cases what is in
 * flight is bounded: by the number of slots, or the usual length of a driver's queue if that is more.
 *
 * Who sleeps in poll for a ring that is full is woken by the end of a frame's transmission, or by a timer where a driver
 * does not tell. While the device is down or has no carrier nobody is woken from here: see lr_xmit_create.
 */
#ifndef LR_XMIT_H
#define LR_XMIT_H

#include <linux/if_vlan.h>
#include <linux/netdevice.h>

#include "core/ring.h"
#include "core/why.h"

struct sk_buff_head;
struct lr_xmit;

/*
 * For ring r, which has its memory, into queue `queue` of the device (modulo the queues it has at the time). r->priv is
 * the caller's to set. The device must stay until lr_xmit_detach or lr_xmit_destroy; the caller's reference does that. Process
 * context; no lock is needed, and none is taken that could wait for rtnl. 0 or -ENOMEM.
 *
 * Whoever hears of the device's changes wakes r->wq when it gets up, has its carrier again or has other queues (NETDEV_UP,
 * NETDEV_CHANGE).
 */
int lr_xmit_create(struct lr_xmit **out, struct lr_ring *r, struct net_device *dev, unsigned int queue, struct lr_why *why);

/*
 * Gives all back. Frames in flight are still sent: they keep what they need, this module included, and never touch the ring
 * again. May spin for a moment, does not sleep for the device. The ring is not synced any more. NULL is fine.
 */
void lr_xmit_destroy(struct lr_xmit *x);

/*
 * The device is going: nothing is handed to it after this, and what is pending stays so. Ring lock held, any context that
 * may sleep; destroy follows later.
 */
void lr_xmit_detach(struct lr_xmit *x);

/* ops->txsync of NIC tx rings; r->priv is the lr_xmit. Always 0. */
int lr_xmit_txsync(struct lr_ring *r, unsigned int flags);

/*
 * Frames that do not come from a tx ring (NS_FORWARD, host to wire) into queue `queue`, modulo the queues there are. skbs of the
 * caller's own, alone in their use: whole linear frames from the Ethernet header on, with LL_RESERVED_SPACE in front where
 * that can be had. The list is empty after: what the driver does not take is freed. Returns how many it took. Needs no
 * lr_xmit; the caller sees to it that the device stays (any context with softirqs on).
 */
unsigned int lr_xmit_list(struct net_device *dev, unsigned int queue, struct sk_buff_head *list);

/* --- For txsyncs that do more; the ring's lock is held, but for the first two --------------------------- */

/* The driver may be called. Softirqs off, for as long as the answer shall hold. */
static inline bool lr_xmit_ready(const struct net_device *dev)
{
	return netif_running(dev) && netif_carrier_ok(dev) && netif_device_present(dev);
}

/* The longest frame that it carries, with a tag. */
static inline unsigned int lr_xmit_frame_max(const struct net_device *dev)
{
	return READ_ONCE(dev->mtu) + dev->hard_header_len + VLAN_HLEN;
}

/* Reads the packet at pos, of `max` bytes at most: how many slots it has. -ENODATA: it is not complete; others: it cannot be sent. */
int lr_xmit_packet(const struct lr_ring *r, uint32_t pos, uint32_t max, struct lr_slot part[NETMAP_MAX_FRAGS], uint32_t *len);

/* The packet at hwcur, or the rest of one, is taken and not sent. Its last slot may come with a later sync (r->skip). */
void lr_xmit_drop(struct lr_ring *r);

/*
 * Packets are pending. Who sleeps for room is woken when frames in flight end; not all drivers tell of that in time, or ever,
 * and a queue may go on a moment after. So he looks again after a while: sooner if he had success last time.
 */
void lr_xmit_wait(struct lr_xmit *x, bool success);

/* How frames get to this device's driver, in words, for p->backend. */
const char *lr_xmit_way(const struct net_device *dev);

#endif
