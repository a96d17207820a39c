/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back ends that can serve a network interface in user space. nic.c chooses.
 */
#ifndef LR_NIC_H
#define LR_NIC_H

#include "core/port.h"
#include "netdev.h"

#define LR_NIC_SLOTS 1024	/* per ring, when nobody asks for another number */
#define LR_NIC_QUEUES_MAX 220	/* of each direction: with the host rings, what a netmap_if has room for */

#define LR_NIC_IDLE_SYNCS 1024u	/* a receiver that never sleeps looks for news of the interface this often */

struct lr_nic_backend {
	const char *name;	/* what NETMAP_NIC calls it */
	/*
	 * Makes sure that it is allowed and possible here, and takes the port over: sets ops, priv, config.rings and
	 * buf_len; priv begins with a pointer to d. The port has its region. On failure nothing is changed. d lives
	 * until ops->destroy, which closes and frees it.
	 */
	int (*create)(struct lr_port *p, struct lr_netdev *d, struct lr_why *why);
};

extern const struct lr_nic_backend lr_af_xdp, lr_af_packet;

#endif
