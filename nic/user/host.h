/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host side of a NIC port in user space: host rings, slots that are forwarded to the other side, and the host kept off what
 * belongs to programs. The rules are those of the module (netmap-module(4), "Host rings").
 *
 *	              hook: divert                 queue i
 *	host's stack =============> tap `from` ---------------> host rx ring i
 *	             \ hook: cut, or nothing
 *	              v
 *	            eth0 (wire)                       write
 *	              ^             tap `to` <----------------- host tx rings
 *	host's stack  '------------- hook: mark, back out, tc: into eth0
 *
 * What a program sends to the host goes through `to` twice: received from it, it is marked and sent out by it again, and what
 * is sent there enters the stack by eth0. The mark tells it from what comes from the wire, for who receives with a packet
 * socket; the hook on eth0 takes it off.
 *
 * Everything hangs on descriptors (taps, the socket that owns the hooks), so it ends with the process, however that ends.
 *
 * Locks: the control lock guards who uses which rings; h->lock guards taps, hooks and sockets, which are made under a ring's lock
 * too when a program forwards. It comes after ring locks and after the interface's.
 */
#ifndef LR_HOST_H
#define LR_HOST_H

#include "core/port.h"
#include "hook.h"
#include "netdev.h"
#include "tap.h"

#define LR_HOST_RINGS_MAX 32u

struct lr_host_rx {
	int fd;			/* a queue of the tap */
	uint32_t seen;		/* by who slept last */
	uint32_t idle;		/* syncs that found nothing */
};

struct lr_host {
	struct lr_netdev *dev;
	bool copies;		/* the back end leaves the host what it receives: a hook has to drop it */
	uint32_t users[LR_RING_KINDS];	/* rings that are bound */
	struct lr_host_rx rx[LR_HOST_RINGS_MAX];
	struct os_mutex lock;
	char name[IFNAMSIZ];	/* of the interface, as the hooks know it */
	int hooks;		/* the socket that owns them; -1: none */
	int wire;		/* a packet socket, for what is forwarded to the wire; -1: none */
	bool on[LR_HOOKS];
	struct lr_tap from, to;
	uint64_t cut, lost;	/* what the hook has dropped, and the tap, as far as counted */
	uint8_t *rest;		/* room for the end of packets that are too long */
};

/* For the port of d; NULL without memory. */
struct lr_host *lr_host_create(struct lr_netdev *d);
void lr_host_destroy(struct lr_host *h);

/* The port's rings were made: those of the host get their operations. */
void lr_host_take_rings(struct lr_port *p);

/*
 * A hardware ring gets its first user, loses its last: the host is kept off, as far as that is possible here. It is said in
 * p->backend if it is not.
 */
void lr_host_use(struct lr_host *h, struct lr_ring *r);
void lr_host_unuse(struct lr_host *h, struct lr_ring *r);

/* ops->forward of rx rings. */
void lr_host_forward(struct lr_ring *r, uint32_t from, uint32_t to);

/* Counts what was lost on the way from the host. No ring lock is held. */
void lr_host_count(struct lr_host *h);
/* Something has happened to the interface: it may have another name, another address. */
void lr_host_follow(struct lr_host *h);

/* host_sync.c. h->lock is not held. */
int lr_host_txsync(struct lr_ring *r, unsigned int flags);
int lr_host_rxsync(struct lr_ring *r, unsigned int flags);
/* Both are there, or are made; h->to, h->wire. False: not possible, which was said. */
bool lr_host_reach_stack(struct lr_host *h);
bool lr_host_reach_wire(struct lr_host *h);

/* A back end's private part begins with the interface, see nic.h. */
static inline struct lr_host *lr_host_of(const struct lr_port *p)
{
	struct lr_netdev *const *dev = p->priv;

	return (*dev)->host;
}

#endif
