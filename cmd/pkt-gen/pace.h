/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps a sender to its rate, by batches. */
#ifndef PKT_GEN_PACE_H
#define PKT_GEN_PACE_H

#include <stdint.h>

struct pace {
	uint64_t rate;		/* packets per second */
	uint64_t start;		/* ns: when the first packet was due */
	uint64_t spent;		/* packets since then */
	uint64_t batch;		/* packets worth waking up for */
};

void pace_init(struct pace *pace, uint64_t rate, uint64_t burst);

/*
 * How many packets, at most most, may go now. When none may it sleeps for a while and returns 0. Add what went to
 * pace->spent.
 */
uint64_t pace_grant(struct pace *pace, uint64_t most);

#endif
