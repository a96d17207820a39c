/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sender. One system call per batch: poll, which syncs and sleeps while all rings are full; with a rate to keep,
 * the tx sync right after each batch.
 *
 * A buffer that still holds the packet, or all of it but the headers, is not written again. What it holds is known by
 * its index: a slot whose index is the one we filled last has kept its buffer, for buffers leave a slot only by
 * changing places with another one.
 */
#include "worker.h"

#include "capture.h"
#include "dump.h"
#include "options.h"
#include "pace.h"
#include "packet.h"
#include "../lib/clock.h"
#include "../lib/interrupt.h"

#include <libnetmap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Drivers may need this much of a buffer for themselves: longer packets are spread over slots without being told. */
#define BUFFER_RESERVE 256

struct sender;

struct sender_ring {
	struct netmap_ring *ring;
	uint32_t *held;		/* by slot: index of the buffer that we filled, 0 if none */
};

struct sender {
	struct worker *worker;
	struct packet packet;
	size_t replayed;	/* next packet of the capture */
	uint32_t fragment_size;
	struct sender_ring *rings;
	unsigned int ring_count;
	unsigned int ring_next;	/* the ring to begin with */
	uint64_t bytes;		/* of the batch */
	/*
	 * Fills so many slots, which are free, with a packet each and returns their number; fewer packets when they
	 * are spread over slots.
	 */
	uint32_t (*fill)(struct sender *sender, struct sender_ring *ring, uint32_t most);
};

/* Hands the slots from head up to end to the port. */
static void ring_release(struct netmap_ring *ring, uint32_t end)
{
	ring->head = ring->cur = end;
}

/* The port tells promptly when the last slot of a batch is done. */
static void slot_set(struct netmap_slot *slot, uint32_t length, bool last)
{
	slot->len = length;
	slot->flags = last ? NS_REPORT : 0;
}

/* -r: nothing but lengths. */
static uint32_t fill_rubbish(struct sender *sender, struct sender_ring *to, uint32_t most)
{
	struct netmap_ring *ring = to->ring;
	uint32_t head = ring->head, length = sender->packet.length;

	for (uint32_t left = most; left; left--) {
		slot_set(&ring->slot[head], length, left == 1);
		head = nm_ring_next(ring, head);
	}
	ring_release(ring, head);
	sender->bytes += (uint64_t)most * length;
	return most;
}

/* The same packet again and again. */
static uint32_t fill_same(struct sender *sender, struct sender_ring *to, uint32_t most)
{
	struct netmap_ring *ring = to->ring;
	uint32_t head = ring->head, length = sender->packet.length, *held = to->held;

	for (uint32_t left = most; left; left--) {
		struct netmap_slot *slot = &ring->slot[head];

		if (slot->buf_idx != held[head]) {
			nm_pkt_copy(sender->packet.bytes, NETMAP_BUF_OFFSET(ring, slot), length);
			held[head] = slot->buf_idx;
		}
		slot_set(slot, length, left == 1);
		head = nm_ring_next(ring, head);
	}
	ring_release(ring, head);
	sender->bytes += (uint64_t)most * length;
	return most;
}

/* Packets that differ in their headers and lengths. */
static uint32_t fill_varied(struct sender *sender, struct sender_ring *to, uint32_t most)
{
	struct packet *packet = &sender->packet;
	struct netmap_ring *ring = to->ring;
	uint32_t head = ring->head;

	for (uint32_t left = most; left; left--) {
		struct netmap_slot *slot = &ring->slot[head];
		bool held = slot->buf_idx == to->held[head];

		/* The whole of the longest packet, so that any length will do later. */
		nm_pkt_copy(packet->bytes, NETMAP_BUF_OFFSET(ring, slot),
			    held ? packet->header_length : packet->length_max);
		to->held[head] = slot->buf_idx;
		slot_set(slot, packet->length, left == 1);
		sender->bytes += packet->length;
		packet_next(packet);
		head = nm_ring_next(ring, head);
	}
	ring_release(ring, head);
	return most;
}

/* Lays one packet into slots from *head on. Without room for all of it *head stays and it returns false. */
static bool packet_spread(const struct sender *sender, struct netmap_ring *ring, uint32_t *head, const uint8_t *bytes,
			  uint32_t length, bool last)
{
	uint32_t at = *head, piece;

	for (; length; length -= piece, bytes += piece) {
		struct netmap_slot *slot = &ring->slot[at];

		if (at == ring->tail)
			return false;
		piece = length < sender->fragment_size ? length : sender->fragment_size;
		nm_pkt_copy(bytes, NETMAP_BUF_OFFSET(ring, slot), piece);
		slot_set(slot, piece, last);
		if (length > piece)
			slot->flags = NS_MOREFRAG;
		at = nm_ring_next(ring, at);
	}
	*head = at;
	return true;
}

/* Packets that take several slots, or come from a capture: always copied. */
static uint32_t fill_spread(struct sender *sender, struct sender_ring *to, uint32_t most)
{
	const struct capture *capture = sender->worker->capture;
	struct packet *packet = &sender->packet;
	uint32_t head = to->ring->head, length, sent = 0;
	const uint8_t *bytes;

	for (; sent < most; sent++) {
		if (capture) {
			bytes = capture->packets[sender->replayed].bytes;
			length = capture->packets[sender->replayed].length;
		} else {
			bytes = packet->bytes;
			length = packet->length;
		}
		if (!packet_spread(sender, to->ring, &head, bytes, length, sent + 1 == most))
			break;
		sender->bytes += length;
		if (capture)
			sender->replayed = sender->replayed + 1 == capture->count ? 0 : sender->replayed + 1;
		else if (packet->varies)
			packet_next(packet);
	}
	ring_release(to->ring, head);
	/* Room for less than a packet is none: poll is to wait for more. */
	if (sent < most)
		to->ring->cur = to->ring->tail;
	return sent;
}

/* One batch over all rings; returns its packets. */
static uint64_t batch_fill(struct sender *sender, uint64_t most)
{
	const struct options *options = sender->worker->options;
	uint64_t sent = 0;

	sender->bytes = 0;
	for (unsigned int i = 0; i < sender->ring_count && sent < most; i++) {
		struct sender_ring *to = &sender->rings[sender->ring_next];
		uint32_t limit = nm_ring_space(to->ring), head = to->ring->head;

		sender->ring_next = sender->ring_next + 1 == sender->ring_count ? 0 : sender->ring_next + 1;
		if (limit > options->burst)
			limit = options->burst;
		if (limit > most - sent)
			limit = most - sent;
		if (!limit)
			continue;
		sent += sender->fill(sender, to, limit);
		for (; options->dump && head != to->ring->head; head = nm_ring_next(to->ring, head))
			dump_slot(to->ring, head);
	}
	if (sent)
		tally_add(&sender->worker->tally, sent, sender->bytes);
	return sent;
}

/* How packets are spread over slots. False after a failure. */
static bool fragments_settle(struct sender *sender, uint32_t longest)
{
	const struct options *options = sender->worker->options;
	const struct netmap_ring *ring = sender->rings[0].ring;
	uint32_t size = ring->nr_buf_size, slots;

	if (options->fragment_size)
		size = options->fragment_size;
	else if (options->fragments)
		size = (longest + options->fragments - 1) / options->fragments;
	else if (longest > size - BUFFER_RESERVE)
		size -= BUFFER_RESERVE;
	slots = (longest + size - 1) / size;
	sender->fragment_size = size;
	if (size > ring->nr_buf_size)
		worker_fail(sender->worker, "%u bytes do not fit in one buffer, they have %u bytes", size,
			    ring->nr_buf_size);
	else if (slots > NETMAP_MAX_FRAGS || slots >= ring->num_slots)
		worker_fail(sender->worker,
			    "a packet of %u bytes needs %u slots of %u bytes, a ring has %u and a packet may take %u",
			    longest, slots, size, ring->num_slots, NETMAP_MAX_FRAGS);
	return !worker_failed(sender->worker);
}

static bool rings_init(struct sender *sender)
{
	const struct nmport_d *port = sender->worker->port;

	if (port->first_tx_ring > port->last_tx_ring) {
		worker_fail(sender->worker, "%s has no tx rings", port->hdr.nr_name);
		return false;
	}
	sender->ring_count = port->last_tx_ring - port->first_tx_ring + 1;
	sender->rings = calloc(sender->ring_count, sizeof(*sender->rings));
	for (unsigned int i = 0; sender->rings && i < sender->ring_count; i++) {
		sender->rings[i].ring = NETMAP_TXRING(port->nifp, port->first_tx_ring + i);
		sender->rings[i].held = calloc(sender->rings[i].ring->num_slots, sizeof(uint32_t));
		if (!sender->rings[i].held)
			break;
		if (i + 1 == sender->ring_count)
			return true;
	}
	worker_fail(sender->worker, "no memory");
	return false;
}

static bool sender_init(struct sender *sender, struct worker *worker)
{
	const struct capture *capture = worker->capture;
	struct packet *packet = &sender->packet;
	uint32_t longest;

	memset(sender, 0, sizeof(*sender));
	sender->worker = worker;
	if (!rings_init(sender))
		return false;
	if (!packet_init(packet, worker->options, worker->own_mac, clock_now() + worker->index)) {
		worker_fail(worker, "no memory");
		return false;
	}
	longest = capture ? capture->longest : packet->length_max;
	if (!fragments_settle(sender, longest))
		return false;
	packet_next(packet);
	if (capture || sender->fragment_size < longest)
		sender->fill = fill_spread;
	else if (worker->options->rubbish)
		sender->fill = fill_rubbish;
	else
		sender->fill = packet->varies ? fill_varied : fill_same;
	return true;
}

static void sender_fini(struct sender *sender)
{
	for (unsigned int i = 0; sender->rings && i < sender->ring_count; i++)
		free(sender->rings[i].held);
	free(sender->rings);
	packet_fini(&sender->packet);
}

static void send_all(struct sender *sender)
{
	struct worker *worker = sender->worker;
	uint64_t left = worker->count;
	struct pace pace = { 0 };

	if (worker->rate)
		pace_init(&pace, worker->rate, worker->options->burst);
	while (left && !interrupt_seen() && !worker_failed(worker)) {
		uint64_t most = worker->rate ? pace_grant(&pace, left) : left, sent;

		if (!most)
			continue;
		sent = batch_fill(sender, most);
		pace.spent += sent;
		left -= sent;
		if (!left)
			break;
		if (sent && worker->rate)
			worker_sync(worker, NIOCTXSYNC);
		else
			worker_poll(worker, POLLOUT, CLOCK_SECOND);
	}
}

void tx_run(struct worker *worker)
{
	struct sender sender;

	if (sender_init(&sender, worker)) {
		worker->began = clock_now();
		send_all(&sender);
		worker_flush(worker);
		worker->ended = clock_now();
	}
	sender_fini(&sender);
}
