/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The host side of a NIC port: the machine's own network stack.
 */
#ifndef LR_HOST_H
#define LR_HOST_H

#include <linux/netfilter.h>
#include <linux/percpu.h>

#include "core/ring.h"

struct lr_nic;

/* The port for which this CPU gives packets to the stack just now; they pass by its rx_handler. Softirqs are off then. */
DECLARE_PER_CPU(const struct lr_nic *, lr_host_injector);

static inline bool lr_host_injects(const struct lr_nic *nic)
{
	return this_cpu_read(lr_host_injector) == nic;
}

/* Netfilter's egress hook; priv is the struct lr_nic. */
unsigned int lr_host_divert(void *priv, struct sk_buff *skb, const struct nf_hook_state *state);

/* ops->txsync of host tx rings. */
int lr_host_txsync(struct lr_ring *r, unsigned int flags);
/* ops->forward of all rx rings. */
void lr_host_forward(struct lr_ring *r, uint32_t from, uint32_t to);

#endif
