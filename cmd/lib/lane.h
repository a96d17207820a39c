/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane moves packets one way: from the rx rings of a port to the tx rings of a port. */
#ifndef CMD_LANE_H
#define CMD_LANE_H

#include <stdbool.h>
#include <stdint.h>

struct netmap_ring;
struct nmport_d;

struct lane {
	struct nmport_d *from;
	struct nmport_d *to;
	bool copy;		/* the ports share no memory, or copying was asked for */
	/* Called for the first slot of each packet before it moves, may be NULL. */
	void (*edit)(const void *context, struct netmap_ring *ring, uint32_t position);
	const void *context;

	uint32_t blocked;	/* out: so many rx rings have packets that wait for room in a tx ring */
	bool more;		/* out: packets were left only because of the limits */
	uint64_t packets;	/* out: since the start */
	uint64_t bytes;
	uint64_t dropped;	/* out: packets that can't be moved, whatever room there is */
};

/*
 * Moves up to so many packets from each rx ring i to tx ring i modulo their number, and not more than most in all.
 * Packets of several slots move whole. Does not sync.
 */
void lane_move(struct lane *lane, uint32_t burst, uint64_t most);

/*
 * To be called before poll. When only room in a tx ring can let the lane go on it returns true, for POLLOUT on
 * lane->to, and poll will wait until there is more room than now.
 */
bool lane_rest(struct lane *lane);

/* Whether no rx ring can use more packets before there is room: POLLIN on lane->from is of no use then. */
bool lane_full(const struct lane *lane);

/* Whether the memory of both ports is one, so that buffers can be swapped. */
bool lane_memory_shared(const struct nmport_d *from, const struct nmport_d *to);

#endif
