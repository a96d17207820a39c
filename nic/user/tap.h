/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tap interfaces: two ends of the way between a host's stack and a program. Documentation/networking/tuntap.rst in the kernel's
 * sources. They go with their last descriptor, however the process ends.
 *
 * A tap has none of the offloads that a NIC has: what the stack sends through it was cut to size before and has its checksums.
 * Its MTU is so small that no protocol of the host will use it for itself; for what is redirected it does not count.
 */
#ifndef LR_TAP_H
#define LR_TAP_H

#include <net/if.h>

#include "core/why.h"
#include "netdev.h"

struct lr_tap {
	int fd;			/* keeps it; -1: there is none. Of a tap with queues it is none of them */
	unsigned int index;
	char name[IFNAMSIZ];
};

/*
 * Beside d, with its address, and up. queue: so many packets wait in each queue, which lr_tap_queue opens; 0: one queue, which is
 * t->fd. The thread is in the namespace of d.
 */
int lr_tap_open(struct lr_tap *t, const struct lr_netdev *d, uint32_t queue, struct lr_why *why);
/* Another queue, of what is sent; the descriptor, which does not block, or -errno. */
int lr_tap_queue(const struct lr_tap *t, struct lr_why *why);
/* What is sent through t is received by the host as if it came from d. */
int lr_tap_return(const struct lr_tap *t, const struct lr_netdev *d, struct lr_why *why);
/* The address of d may have changed. */
void lr_tap_follow(const struct lr_tap *t, const struct lr_netdev *d);
/* Packets that were sent through it and for which there was no room. The thread is in the namespace of the tap. */
uint64_t lr_tap_drops(const struct lr_tap *t);
void lr_tap_close(struct lr_tap *t);

#endif
