/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receiver: counts what arrives. One system call per batch: poll, which gives back what was read, brings what is
 * new, or sleeps.
 */
#include "worker.h"

#include "dump.h"
#include "options.h"
#include "../lib/clock.h"
#include "../lib/interrupt.h"

#include <libnetmap.h>
#include <poll.h>
#include <stdlib.h>

struct receiver_ring {
	struct netmap_ring *ring;
	uint64_t partial;	/* bytes of a packet whose end has not arrived yet */
};

struct receiver {
	struct worker *worker;
	struct receiver_ring *rings;
	unsigned int ring_count;
	unsigned int ring_next;	/* the ring to begin with */
	uint64_t bytes;		/* of the batch */
};

/* Reads at most so many packets, returns how many ended here. */
static uint32_t ring_drain(struct receiver *receiver, struct receiver_ring *from, uint32_t most)
{
	struct netmap_ring *ring = from->ring;
	uint32_t head = ring->head, packets = 0;
	uint64_t partial = from->partial, bytes = 0;
	bool dump = receiver->worker->options->dump;

	for (uint32_t left = nm_ring_space(ring); left && packets < most; left--) {
		const struct netmap_slot *slot = &ring->slot[head];

		if (dump)
			dump_slot(ring, head);
		partial += slot->len;
		if (!(slot->flags & NS_MOREFRAG)) {
			bytes += partial;
			partial = 0;
			packets++;
		}
		head = nm_ring_next(ring, head);
	}
	from->partial = partial;
	receiver->bytes += bytes;
	ring->head = ring->cur = head;
	return packets;
}

/* One batch over all rings; returns its packets. */
static uint64_t batch_drain(struct receiver *receiver, uint64_t most)
{
	uint32_t burst = receiver->worker->options->burst;
	uint64_t packets = 0;

	receiver->bytes = 0;
	for (unsigned int i = 0; i < receiver->ring_count && packets < most; i++) {
		uint64_t left = most - packets;

		packets += ring_drain(receiver, &receiver->rings[receiver->ring_next], left < burst ? left : burst);
		receiver->ring_next = receiver->ring_next + 1 == receiver->ring_count ? 0 : receiver->ring_next + 1;
	}
	if (packets)
		tally_add(&receiver->worker->tally, packets, receiver->bytes);
	return packets;
}

static void receive_all(struct receiver *receiver)
{
	struct worker *worker = receiver->worker;
	uint64_t left = worker->count;

	while (left && !interrupt_seen() && !worker_failed(worker)) {
		uint64_t packets;

		worker_poll(worker, POLLIN, CLOCK_SECOND);
		packets = batch_drain(receiver, left);
		if (!packets)
			continue;
		/* The time before the first packet does not count. */
		worker->ended = clock_now();
		if (!worker->began)
			worker->began = worker->ended;
		left -= packets;
	}
}

void rx_run(struct worker *worker)
{
	const struct nmport_d *port = worker->port;
	struct receiver receiver = { .worker = worker };

	if (port->first_rx_ring > port->last_rx_ring) {
		worker_fail(worker, "%s has no rx rings", port->hdr.nr_name);
		return;
	}
	receiver.ring_count = port->last_rx_ring - port->first_rx_ring + 1;
	receiver.rings = calloc(receiver.ring_count, sizeof(*receiver.rings));
	if (!receiver.rings) {
		worker_fail(worker, "no memory");
		return;
	}
	for (unsigned int i = 0; i < receiver.ring_count; i++)
		receiver.rings[i].ring = NETMAP_RXRING(port->nifp, port->first_rx_ring + i);
	receive_all(&receiver);
	free(receiver.rings);
}
