/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Native NICs: what a driver that knows netmap and this module have to do with each other. The rings of the device itself are
 * the rings of the port; nic/native has the loops, a driver's glue (drivers/NAME_glue.h) the rest.
 *
 * A driver registers each of its interfaces. When a program binds a ring, the module asks the driver to hand it over
 * (switch_ring): the driver stops that queue, empties it, calls lr_native_want and lr_native_start, and lets it run. Other
 * queues stay the stack's, and so does this one after it was switched back. In all that happens to the device meanwhile (down and
 * up, reset, other parameters) the driver's own functions run, with two hooks in them:
 *
 *	before a queue is torn down	lr_native_stop: syncs find a ring at rest from here on
 *	where a queue would be filled	lr_native_start: true: it is netmap's, and was filled
 *
 * Locks: control lock, rtnl, then what the driver has against its own resets, then ring locks. lr_native_want, _start and _stop
 * are called with the driver's exclusion; the ring's memory is there as long as the ring is wanted. What is in struct lr_native
 * changes under rtnl. A ring runs (its sync is the driver's) under its lock; who holds that, and sees it run, may use the
 * device. The bits in `on` are the same for those who cannot take locks: interrupts, polls and senders, which the driver has
 * stopped when it calls lr_native_stop.
 *
 * This part of the file is for drivers, the last for nic/linux.
 */
#ifndef LR_NATIVE_H
#define LR_NATIVE_H

#include <linux/netdevice.h>

#include "core/port.h"
#include "nic/native/sync.h"

#define LR_NATIVE_QUEUES 128	/* most of each direction */

struct lr_native;
struct lr_nic;

/* What an interface has now. */
struct lr_native_info {
	uint32_t buf_size;		/* known before: a buffer's */
	struct device *dma;		/* that reads and writes buffers; NULL with `peer` */
	uint32_t rings[LR_RING_KINDS];	/* LR_TX and LR_RX */
	uint32_t slots[LR_RING_KINDS];
	uint32_t buf_len;		/* most bytes of a slot; from 64 to buf_size */
};

struct lr_native_ops {
	const char *driver;
	size_t tx_size, rx_size;	/* of a ring's struct lr_native_tx or _rx, or the device's around it */
	netdev_features_t without;	/* features that would change frames, or hide them */

	/* Fills in the rest. 0, or why not: the interface is driven without the driver's help then. Under rtnl. */
	int (*info)(struct lr_native *n, struct lr_native_info *info, struct lr_why *why);
	/* The ring becomes netmap's or the driver's own, at once if the device is running. Under rtnl. 0 or -errno. */
	int (*switch_ring)(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool on);

	/*
	 * No device is there to read and write buffers, but another interface that receives what is sent here: who is it? Then the
	 * rings are not the driver's, and all that follows is NULL. NULL: the peer has left. Under rtnl. See pair.h.
	 */
	struct lr_native *(*peer)(struct lr_native *n);

	/* The rest under the ring's lock; r->priv is the ring's state, zeroed. See nic/native/sync.h. */
	int (*start)(struct lr_native *n, struct lr_ring *r);
	void (*stop)(struct lr_native *n, struct lr_ring *r);
	int (*txsync)(struct lr_ring *r, unsigned int flags);
	int (*rxsync)(struct lr_ring *r, unsigned int flags);
	/* Somebody is going to sleep, and looks at the ring once more: its next news raise an interrupt. */
	void (*arm)(struct lr_native *n, struct lr_ring *r);
};

struct lr_native {
	struct list_head list;
	struct net_device *dev;
	const struct lr_native_ops *ops;
	struct lr_port *port;		/* NULL: the driver is alone */
	struct lr_native *mate;		/* the peer, while both have ports; rtnl */
	bool failed;			/* its port is gone: no ring starts any more */
	struct device *dma_dev;		/* buffers are mapped for it; NULL: none is */
	struct lr_dma dma;
	uint64_t *piece;		/* dma.piece */
	uint32_t mapped;		/* clusters of the region's buffers */
	DECLARE_BITMAP(want_tx, LR_NATIVE_QUEUES);	/* netmap's, whenever the device runs */
	DECLARE_BITMAP(want_rx, LR_NATIVE_QUEUES);
	DECLARE_BITMAP(on_tx, LR_NATIVE_QUEUES);	/* netmap's now */
	DECLARE_BITMAP(on_rx, LR_NATIVE_QUEUES);
};

/* The interface is there, and until lr_native_unregister: after it was unregistered, before it is freed. NULL: no memory. */
struct lr_native *lr_native_register(struct net_device *dev, const struct lr_native_ops *ops);
void lr_native_unregister(struct lr_native *n);

/* The same from under rtnl: from ndo_init, to ndo_uninit. */
struct lr_native *lr_native_attach(struct net_device *dev, const struct lr_native_ops *ops);
void lr_native_detach(struct lr_native *n);

/* From switch_ring, with the driver's resets excluded. */
void lr_native_want(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, bool want);
/*
 * The queue, of that many descriptors, stands still and is empty. True: it is netmap's and has its buffers. When it should be and
 * cannot be, its port is gone. n may be NULL.
 */
bool lr_native_start(struct lr_native *n, enum lr_ring_kind kind, unsigned int i, uint32_t slots);
/* The queue stands still and has done with memory. Process context. n may be NULL. */
void lr_native_stop(struct lr_native *n, enum lr_ring_kind kind, unsigned int i);
/* All queues. */
void lr_native_stop_all(struct lr_native *n);
/* The device is such that its rings do not work any more: programs get an error. n may be NULL. */
void lr_native_fail(struct lr_native *n, const char *what);

/* The queue is netmap's. A device may have more queues than we have bits. */
static inline bool lr_native_on(const struct lr_native *n, enum lr_ring_kind kind, unsigned int i)
{
	return n && i < LR_NATIVE_QUEUES && test_bit(i, kind == LR_TX ? n->on_tx : n->on_rx);
}

/* Something happened on the queue. True: it is netmap's, and who waits for it was woken. */
static inline bool lr_native_wake(const struct lr_native *n, enum lr_ring_kind kind, unsigned int i)
{
	struct lr_ring *r;

	if (likely(!lr_native_on(n, kind, i)))
		return false;
	r = &n->port->ring[kind][i];
	if (os_waitq_wake(&r->wq))
		lr_count(&r->count.wakeups, 1);
	return true;
}

/* A sender that goes by the stack's ways around netmap: his packet is lost. */
static inline void lr_native_drop(struct sk_buff *skb)
{
	dev_core_stats_tx_dropped_inc(skb->dev);
	dev_kfree_skb_any(skb);
}

/* If the queue is netmap's. */
static inline bool lr_native_drops(const struct lr_native *n, unsigned int i, struct sk_buff *skb)
{
	if (likely(!lr_native_on(n, LR_TX, i)))
		return false;
	lr_native_drop(skb);
	return true;
}

/* The bytes that the largest frame has. */
static inline uint32_t lr_native_max_frame(const struct lr_native *n)
{
	return max(READ_ONCE(n->dev->mtu) + ETH_HLEN + 4 /* a VLAN tag */, 64u);
}

/* --- For nic/linux ------------------------------------------------------------------------------------ */

extern const struct lr_port_ops lr_native_port_ops;

/* The driver's side of the interface, if there is one that can be used; else NULL, and why not. Under rtnl. */
struct lr_native *lr_native_find(const struct net_device *dev, uint32_t buf_size, struct lr_native_info *info, struct lr_why *why);
/* The port has it, or nobody. Under rtnl. */
void lr_native_hold(struct lr_native *n, struct lr_port *p);
void lr_native_release(struct lr_native *n);

/* The ring is the device's now. Under its lock. */
bool lr_native_runs(const struct lr_ring *r);

/* A ring of the NIC's gets its first user, or loses its last one. Control lock and rtnl held. */
int lr_native_ring_open(struct lr_native *n, struct lr_ring *r, struct lr_why *why);
/* n NULL: the interface is gone. */
void lr_native_ring_close(struct lr_native *n, struct lr_ring *r);

#endif
