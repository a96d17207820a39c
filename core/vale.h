/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * VALE: learning Ethernet switches between ports in the core. What the vale*.c files share.
 *
 *	tx ring --> source --+                            +--> queue --> rx ring of a program
 *	(txsync)             |   gather, look up, group   |
 *	NIC rx ring -> source+----------------------------+--> queue --> NIC tx ring
 *	(worker)                 reserve, copy, publish
 *
 * A source is a ring that packets come from, a queue one that they go to. Whoever syncs a tx ring switches its packets itself,
 * a batch at a time, in stages: look at all slots, look up all addresses, group by destination; then for each
 * destination reserve slots, copy, publish, wake.
 *
 * Locks, in this order: the source ring's own; the source's section; a queue's lock; the region's. The lock of a NIC's tx ring is
 * only tried (lr_ring_try_sync). Copies are made under the section only, which is the source's alone: nobody waits for it but the
 * control path, and the time it takes is in no program's hands. A queue's lock is held to reserve slots (a lease) and to hand
 * them in, never while a packet is copied to a program.
 *
 * Leases end in any order and are published in the order in which they were given:
 *
 *	       hwtail            lease                 hwcur - 1
 *	received >|< being copied  >|< free                >|
 *
 * The control path takes a port, a queue or a function away so: it is taken out of where senders look for it, then each section
 * of the switch is passed through once (lr_switch_settle); who is in one later does not find it.
 */
#ifndef LR_VALE_H
#define LR_VALE_H

#include <net/netmap_vale.h>

#include "core/port.h"
#include "core/vale_table.h"

#define LR_VALE_NOBODY ((unsigned int)NETMAP_VALE_NOBODY)	/* ports have numbers from 1 on */
#define LR_VALE_PORTS 254u
#define LR_VALE_FLOOD ((unsigned int)NETMAP_VALE_ALL)	/* all ports but the one it came from */
#define LR_VALE_BATCH 256u	/* slots that are switched together; more than a packet may have */
#define LR_SWITCHES_MAX 1024u

/* What a port on a switch gets when nobody asks for other numbers. */
#define LR_VALE_RINGS 1u
#define LR_VALE_SLOTS 1024u

struct lr_switch;
struct lr_vale_port;

/* One slot's data on its way. Of a packet of several slots the first has all but data and len. */
struct lr_vale_piece {
	const char *data;
	uint16_t len;
	uint16_t next;		/* the next packet for the same destination */
	uint8_t slots;		/* of the packet, from this one on */
	uint8_t dst;		/* where its program wants it to go; or LR_VALE_NOBODY: as the switch does */
	uint8_t no_learn;
	uint8_t spare;
};

/* What packets come from. */
struct lr_vale_source {
	struct lr_vale_source *next;	/* of the switch; control lock */
	struct lr_vale_port *port;
	struct lr_ring *ring;
	struct lr_counters *count;	/* drops and wake-ups of what comes from here */
	struct lr_counters *taken;	/* packets and bytes: the same, or `apart` where the ring's own sync counts them */
	struct lr_counters apart;
	uint16_t flags;			/* slot flags that mean something here */
	unsigned int index;		/* chooses among the queues of a destination */
	struct os_mutex section;
	bool skip;			/* of a packet that was dropped the rest is still to come; of who syncs the ring */

	/* A batch; of who syncs the ring. */
	uint32_t hdr_len;		/* of the virtio-net headers in it */
	uint32_t n;			/* pieces */
	uint32_t packets;
	bool plain;			/* each packet has one slot, and nothing rare about it */
	uint64_t bytes, wakeups, nobody;	/* nobody: packets that go nowhere */
	unsigned int num_used;
	uint8_t used[LR_VALE_FLOOD + 1];	/* destinations that have packets */
	uint16_t head[LR_VALE_FLOOD + 1], tail[LR_VALE_FLOOD + 1];	/* their lists; LR_VALE_BATCH: none */
	const uint16_t *order;			/* the packets of one destination: one of these two */
	uint16_t chosen[LR_VALE_BATCH];
	uint16_t all[LR_VALE_BATCH];		/* 0, 1, 2, ... */
	struct lr_vale_piece piece[LR_VALE_BATCH];
};

/* Where packets go to. */
struct lr_vale_queue {
	struct lr_ring *ring;
	struct os_mutex lock;		/* guards all below, and hwtail of a program's ring */
	bool open;			/* somebody takes packets from it; written under lock */
	bool nic;			/* the ring is a NIC's tx ring, which nobody else uses */
	uint32_t lease;			/* the first slot that is not reserved */
	uint32_t *done;			/* by slot: where the lease that begins there ends, if it is filled and one before it is not */
};

struct lr_vale_port {
	struct lr_switch *sw;
	uint8_t index;
	char name[NETMAP_REQ_IFNAMSIZ];	/* valeS:P */
	uint32_t hdr_len;		/* 0, 10 or 12; read without a lock */
	uint32_t num_queues;
	struct lr_vale_queue *queue;
};

struct lr_switch {
	struct lr_switch *next;
	char name[NETMAP_REQ_IFNAMSIZ];	/* valeS */
	uint64_t netns;
	uint16_t index;
	unsigned int num_ports;		/* with the last one it goes */
	struct lr_vale_source *sources;
	netmap_vale_function function;	/* NULL: as the table says. Read in a section */
	void *function_arg;
	struct lr_vale_port *port[LR_VALE_FLOOD];	/* by number. Read in a section; written under the control lock */
	unsigned int top;		/* no port has a higher number; read in a section */
	struct lr_vale_table table;
};

/* --- vale_switch.c; control lock held ------------------------------------------------------------------ */

/* The length of "valeS" in the name of a VALE port; 0: it is none. */
size_t lr_vale_prefix(const char *name);

/* Puts vp on the switch that its name says, which is made if need be, under the lowest free number. */
int lr_switch_join(struct lr_vale_port *vp, uint64_t netns, struct lr_why *why);
/* It gets no packets any more, and may go. Its sources are gone already. */
void lr_switch_leave(struct lr_vale_port *vp);

void lr_switch_add_source(struct lr_switch *sw, struct lr_vale_source *src);
void lr_switch_del_source(struct lr_switch *sw, struct lr_vale_source *src);

/* Waits until no sender uses what was taken away before. */
void lr_switch_settle(struct lr_switch *sw);

struct lr_switch *lr_switch_find(const char *name, size_t len, uint64_t netns);
struct lr_switch *lr_switch_by_index(unsigned int index, uint64_t netns);
/* All of them, one after the other; NULL: the first, and after the last. */
struct lr_switch *lr_switch_next(const struct lr_switch *sw);

/* Another function says where packets go; NULL: the table again. */
void lr_switch_set_function(struct lr_switch *sw, netmap_vale_function function, void *arg);

/* --- vale_forward.c -------------------------------------------------------------------------------------- */

/*
 * Switches slots [from, to) of the source's ring; the position up to which it has. What is left is a packet whose
 * last slot is not there yet.
 */
uint32_t lr_vale_forward(struct lr_vale_source *src, uint32_t from, uint32_t to);

/* n bytes of the packet at piece i, from offset at on; false where it is shorter. */
bool lr_vale_peek(const struct lr_vale_source *src, uint32_t i, uint32_t at, void *out, uint32_t n);

void lr_vale_source_init(struct lr_vale_source *src, struct lr_vale_port *vp, struct lr_ring *r);
void lr_vale_source_fini(struct lr_vale_source *src);

/* --- vale_deliver.c: in the source's section --------------------------------------------------------------- */

void lr_vale_queue_init(struct lr_vale_queue *q, struct lr_ring *r, bool nic);
void lr_vale_queue_fini(struct lr_vale_queue *q);
int lr_vale_queue_open(struct lr_vale_queue *q, struct lr_why *why);
/* No more packets; when the switch has settled, lr_vale_queue_clear. */
void lr_vale_queue_close(struct lr_vale_queue *q);
void lr_vale_queue_clear(struct lr_vale_queue *q);

/* Delivers the packets order[0..n) of a batch to a port. */
void lr_vale_deliver(struct lr_vale_source *src, struct lr_vale_port *vp, uint32_t n);

/* Slots of a queue that were reserved. */
struct lr_vale_lease {
	struct lr_vale_queue *queue;
	uint32_t start, end, pos;	/* pos: the next one to fill */
	uint32_t packets, slots;	/* in it */
	uint64_t bytes;
};

/* For vale_header.c: reserves slots for one packet, or counts it as lost. Then they are all filled, and published. */
bool lr_vale_reserve(struct lr_vale_lease *l, struct lr_vale_queue *q, uint32_t slots);
void lr_vale_publish(struct lr_vale_lease *l, struct lr_vale_source *src);
/* The buffer of the next slot, and its index; NULL: the program has lost it, and there is no other. */
char *lr_vale_slot_buf(struct lr_vale_lease *l, uint32_t *idx);
/* A packet that cannot be delivered to the queue. */
void lr_vale_drop(struct lr_vale_queue *q, uint32_t packets);

/* --- vale_header.c ------------------------------------------------------------------------------------------ */

/* Delivers the packet at piece i to a queue whose packets have other headers, or smaller buffers. */
void lr_vale_convert(struct lr_vale_source *src, uint32_t i, struct lr_vale_queue *q, uint32_t hdr_len);

#endif
