/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A nap: how a sender waits for buffers to come back when the kernel does not wake it for that. A timer, at first
 * short, longer while nothing happens; so neither a busy loop nor a pause of a millisecond, in which a NIC sends
 * thousands.
 */
#ifndef LR_NAP_H
#define LR_NAP_H

#include "os/os.h"

struct lr_nap {
	int fd;			/* a timer */
	uint32_t usec;
	uint32_t seen;		/* the position at the last nap */
};

int lr_nap_init(struct lr_nap *nap);
void lr_nap_fini(struct lr_nap *nap);
/* Adds the timer to what the waiter sleeps on. `at` is the position whose movement counts as progress. */
void lr_nap_take(struct lr_nap *nap, uint32_t at, struct os_waiter *w);

#endif
