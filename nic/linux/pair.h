/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Interfaces that are each other's wire (veth): what one sends, the other receives at once. When programs have both, slots go
 * from the tx ring of the one to the rx ring of the other; their buffers are exchanged if both ports use the same
 * region, else frames are copied: a buffer never leaves its region. All else is as on other ports: what goes to or comes from
 * the peer's stack, host rings, what is forwarded. So these ports have everything that emulated ones have, and a way around it.
 *
 *	tx ring i ---- swap or copy ----> rx ring i of the peer (modulo its rings), if that is open
 *	tx ring i ---- xmit.c, driver, inlet.c or the stack ---->	if not
 *
 * A rx ring that is full holds up who sends to it, so nothing is lost between programs that keep up with each other; but
 * only for LR_PAIR_PATIENCE. A program that does not look at its rings must not stop others: from then on its packets are
 * dropped, as on a wire, until it gives slots back.
 *
 * Locks: who belongs together changes under rtnl; where a tx ring's slots go also under that ring's lock, and who fills an rx
 * ring under that one's. Senders to a ring exclude each other, and the stack, by the lock of its inlet, inside of their own
 * ring's.
 */
#ifndef LR_PAIR_H
#define LR_PAIR_H

#include <linux/jiffies.h>

#include "core/port.h"

struct lr_native;
struct lr_nic;

#define LR_PAIR_PATIENCE (HZ / 5)

/* A ring's side of it. */
struct lr_pair {
	struct lr_ring *ring;	/* tx: what it fills; rx: the first that fill it. NULL: none */
	uint32_t rings, step;	/* rx: so many fill it, each step-th */
	unsigned long full;	/* rx: since when, in jiffies; 0: it is not */
};

extern const struct lr_port_ops lr_pair_port_ops;

/* For the rings of a port; undone by os_free of both. */
int lr_pair_init(struct lr_nic *nic, struct lr_why *why);

/* A ring of the NIC's is open from now on, or closes. Under rtnl. */
void lr_pair_switch(struct lr_native *n, const struct lr_ring *r, bool open);

/* The port, or the interface, is not there any more. Under rtnl. */
void lr_pair_part(struct lr_native *n);

#endif
