/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A port: a named thing with rings. Every kind (NIC, pipe, null, ...) is one file with one ops table; the core
 * never asks what kind a port is.
 *
 * Life: get (found or created) -> bind rings (start, ring_start) -> sync -> unbind (ring_stop, stop) -> put
 * (destroy with the last reference). All but sync happens under the control lock (control.h).
 */
#ifndef LR_PORT_H
#define LR_PORT_H

#include "core/ring.h"
#include "core/why.h"

/* What can be asked of a port before it has rings, and what it answers. 0 = default. */
struct lr_port_config {
	uint32_t rings[LR_RING_KINDS];
	uint32_t slots[LR_RING_KINDS];
};

/* How a port is asked for. */
struct lr_port_query {
	const char *name;	/* at most NETMAP_REQ_IFNAMSIZ - 1 characters, terminated */
	uint64_t netns;		/* the caller's network namespace */
	uint32_t mode;		/* NR_REG_*; PIPE_MASTER and PIPE_SLAVE name an end of a pipe of port `name` */
	uint16_t pipe_id;	/* with those */
	uint16_t mem_id;	/* region asked for, 0 = choose */
	struct lr_port_config config;
};

struct lr_port {
	struct lr_port *next;
	char name[NETMAP_REQ_IFNAMSIZ];
	uint64_t netns;
	const struct lr_port_kind *kind;
	const struct lr_port_ops *ops;
	struct lr_region *region;
	unsigned int refs;	/* descriptors, and ports that depend on it */
	unsigned int bound;	/* descriptors that bound it: started while there is one */
	bool exclusive;		/* bound without rings, and exclusively */
	bool gone;		/* the thing behind it went away: syncs fail with -ENXIO, polls with POLLERR */
	/* Another process goes on with it (user space, fork): its end here leaves rings, buffers and device as they are. */
	bool elsewhere;
	struct lr_port_config config;
	uint32_t buf_len;	/* most bytes a slot may carry; at most the buffer size */
	struct lr_ring *ring[LR_RING_KINDS];	/* arrays of num_rings[] */
	uint32_t num_rings[LR_RING_KINDS];
	void *priv;		/* the kind's */
	char backend[160];	/* what serves it and why not something better, in words */
};

/*
 * All calls under the control lock, but txsync, rxsync and wait: those two under the ring's lock, wait under none.
 * Positions: txsync takes slots [hwcur, head) and moves hwtail over those free again; rxsync takes back slots [hwcur, head)
 * and moves hwtail over new packets. Neither touches head, cur, tail.
 */
struct lr_port_ops {
	const char *kind;	/* "nic", "pipe", ... for people */

	/* Whether the calling process may bind it; asked for each descriptor. NULL: everybody may. */
	int (*admit)(struct lr_port *p, struct lr_why *why);

	/* Before the first ring is bound; may still change config and buf_len (then lr_port_set_rings). */
	int (*start)(struct lr_port *p, struct lr_why *why);
	void (*stop)(struct lr_port *p);

	/*
	 * The ring gets its first user, its memory is there and its slots are full of buffers; or loses its last one,
	 * when the buffers that belong to it must be back in its slots. NULL: nothing to do.
	 */
	int (*ring_start)(struct lr_ring *r, struct lr_why *why);
	void (*ring_stop)(struct lr_ring *r);

	int (*txsync)(struct lr_ring *r, unsigned int flags);
	int (*rxsync)(struct lr_ring *r, unsigned int flags);
	/* They have nothing to do when nothing is handed in (head == hwcur): then they are not called. */
	bool idle;

	/*
	 * Slots [from, to) of an rx ring are being given back: those with NS_FORWARD shall go on to the other side, from the
	 * wire to the host or back. Under the ring's lock, before rxsync. NULL: there is no other side.
	 */
	void (*forward)(struct lr_ring *r, uint32_t from, uint32_t to);

	/* What a poller sleeps on; NULL: os_waitq_record on the ring's queue. */
	void (*wait)(struct lr_ring *r, struct os_waiter *w);

	/* The length of the virtio-net header of its packets: set to *len, or asked. NULL: they have none. */
	int (*header)(struct lr_port *p, uint32_t *len, bool set, struct lr_why *why);

	/* The region has more buffers than before; all the port's ring locks are held. NULL: does not matter. */
	void (*region_grown)(struct lr_port *p);

	/* Refreshes p->backend for the counters request; NULL: it is right as it is. */
	void (*describe)(struct lr_port *p);

	/* The last reference went; frees p with lr_port_free. */
	void (*destroy)(struct lr_port *p);
};

/*
 * A kind of port: recognizes its names. `match` says whether a query is for it; `create` makes the port: with
 * lr_port_alloc, ops, region and config set.
 */
struct lr_port_kind {
	bool (*match)(const struct lr_port_query *q);
	/* The name under which the port is found again; lr_port_plain_name for most. */
	int (*full_name)(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why);
	int (*create)(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why);
};

/* lr_nic_kind is given by nic/user or nic/linux: it takes whatever the others do not. */
extern const struct lr_port_kind lr_null_kind, lr_pipe_kind, lr_vale_kind, lr_nic_kind;

/* Finds or creates; the reference is the caller's. Control lock held, as for all below. */
int lr_port_get(const struct lr_port_query *q, struct lr_port **out, struct lr_why *why);
/* Finds only; no reference taken. kind NULL: any. */
struct lr_port *lr_port_find(const char *name, uint64_t netns, const struct lr_port_kind *kind);
/* All of them, by `next`; also those that are gone. */
const struct lr_port *lr_port_first(void);
void lr_port_hold(struct lr_port *p);
void lr_port_put(struct lr_port *p);

/* For kinds. A port in the list with one reference; NULL without memory. lr_port_free also drops p->region. */
struct lr_port *lr_port_alloc(const char *name, uint64_t netns, const struct lr_port_kind *kind, const struct lr_port_ops *ops);
void lr_port_free(struct lr_port *p);
/* full_name of kinds whose ports are called as they are asked for. */
int lr_port_plain_name(const struct lr_port_query *q, char name[NETMAP_REQ_IFNAMSIZ], struct lr_why *why);
/* (Re)makes the arrays of rings after p->config and p->region; no ring may have users. 0 or -ENOMEM. */
int lr_port_set_rings(struct lr_port *p, struct lr_why *why);
/* The length of the virtio-net header of the port's packets, set or asked. */
int lr_port_header(struct lr_port *p, uint32_t *len, bool set, struct lr_why *why);
/* Fills what is 0 in want from dflt and checks the limits. */
int lr_port_config_check(struct lr_port_config *want, const struct lr_port_config *dflt, struct lr_why *why);

/*
 * Set by a host that decides who may bind what: asked, under the control lock, for each descriptor, with the extra buffers that it
 * wants. NULL: everybody may.
 */
extern int (*lr_port_admit)(struct lr_port *p, uint32_t extra_bufs, struct lr_why *why);

/* One descriptor more or less; the first starts the port, the last stops it. */
int lr_port_start(struct lr_port *p, uint32_t extra_bufs, struct lr_why *why);
void lr_port_stop(struct lr_port *p);
/* One user more or less of one ring, whose memory is there (lr_ring_mem_get). The port is started. */
int lr_port_use_ring(struct lr_ring *r, bool exclusive, struct lr_why *why);
void lr_port_unuse_ring(struct lr_ring *r);

/* Tells all started ports of the region when it has grown since they were told. */
void lr_port_region_grown(struct lr_region *region);

/* The thing behind the port went away: it is not found any more, and all sleepers wake. Takes no lock. */
void lr_port_set_gone(struct lr_port *p);

#define LR_SLOTS_MAX 16384
#define LR_SLOTS_MIN 4
#define LR_RINGS_MAX 1024

#endif
