/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A lane moves packets one way: from the rx rings of a port to the tx rings of a port, by swapping buffers if it can.
 *
 * A packet moves only when all its slots have arrived and all find room. One that could never do either is dropped,
 * or the lane would stand still for ever.
 */
#include "lane.h"

#include <libnetmap.h>

bool lane_memory_shared(const struct nmport_d *from, const struct nmport_d *to)
{
	return from->mem == to->mem || from->reg.nr_mem_id == to->reg.nr_mem_id;
}

/* The slots of the packet at position at, of which there are available ones; 0 when its end has not arrived. */
static uint32_t packet_slots(const struct netmap_ring *ring, uint32_t at, uint32_t available)
{
	for (uint32_t count = 1; count <= available; count++) {
		if (!(ring->slot[at].flags & NS_MOREFRAG))
			return count;
		at = nm_ring_next(ring, at);
	}
	return 0;
}

static bool packet_fits(const struct netmap_ring *rx, uint32_t at, uint32_t slots, const struct netmap_ring *tx)
{
	if (slots > NETMAP_MAX_FRAGS || slots >= tx->num_slots)
		return false;
	for (; slots; slots--, at = nm_ring_next(rx, at))
		if (rx->slot[at].len > tx->nr_buf_size)
			return false;
	return true;
}

static void slot_move(const struct lane *lane, struct netmap_ring *rx, struct netmap_slot *from, struct netmap_ring *tx,
		      struct netmap_slot *to)
{
	uint32_t index = to->buf_idx;

	to->len = from->len;
	to->flags = from->flags & NS_MOREFRAG;
	if (lane->copy) {
		nm_pkt_copy(NETMAP_BUF_OFFSET(rx, from), NETMAP_BUF_OFFSET(tx, to), from->len);
		return;
	}
	to->buf_idx = from->buf_idx;
	to->ptr = from->ptr;
	to->flags |= NS_BUF_CHANGED;
	from->buf_idx = index;
	from->flags = NS_BUF_CHANGED;
}

static void packet_move(struct lane *lane, struct netmap_ring *rx, uint32_t from, struct netmap_ring *tx, uint32_t to,
			uint32_t slots)
{
	if (lane->edit)
		lane->edit(lane->context, rx, from);
	for (; slots; slots--) {
		lane->bytes += rx->slot[from].len;
		slot_move(lane, rx, &rx->slot[from], tx, &tx->slot[to]);
		from = nm_ring_next(rx, from);
		to = nm_ring_next(tx, to);
	}
	lane->packets++;
}

static uint32_t ring_advance(const struct netmap_ring *ring, uint32_t at, uint32_t slots)
{
	at += slots;
	return at >= ring->num_slots ? at - ring->num_slots : at;
}

/*
 * Returns how many packets moved. Where the rx ring has slots that can't be used yet, cur goes to tail: only news
 * will end the next poll. sem[0] of an rx ring, ours to use, says that the start of a packet was dropped and its end
 * is still to come.
 */
static uint32_t ring_move(struct lane *lane, struct netmap_ring *rx, struct netmap_ring *tx, uint32_t most)
{
	uint32_t from = rx->head, to = tx->head, available = nm_ring_space(rx), room = nm_ring_space(tx), moved = 0;
	bool wait = false;

	while (available && moved < most) {
		uint32_t slots = packet_slots(rx, from, available);

		if (!slots) {
			/* Unless the ring is full of it, there is room for the end to arrive. */
			wait = available < rx->num_slots - 1;
			if (wait)
				break;
			slots = available;
			rx->sem[0] = 1;
		} else if (rx->sem[0]) {
			rx->sem[0] = 0;
			lane->dropped++;
		} else if (!packet_fits(rx, from, slots, tx)) {
			lane->dropped++;
		} else if (slots > room) {
			lane->blocked++;
			wait = true;
			break;
		} else {
			packet_move(lane, rx, from, tx, to, slots);
			to = ring_advance(tx, to, slots);
			room -= slots;
			moved++;
		}
		from = ring_advance(rx, from, slots);
		available -= slots;
	}
	lane->more |= available && !wait;
	rx->head = from;
	rx->cur = wait ? rx->tail : from;
	tx->head = tx->cur = to;
	return moved;
}

void lane_move(struct lane *lane, uint32_t burst, uint64_t most)
{
	const struct nmport_d *from = lane->from, *to = lane->to;
	uint32_t tx = to->first_tx_ring;

	lane->blocked = 0;
	lane->more = false;
	for (uint32_t rx = from->first_rx_ring; rx <= from->last_rx_ring && most; rx++) {
		most -= ring_move(lane, NETMAP_RXRING(from->nifp, rx), NETMAP_TXRING(to->nifp, tx),
				  burst < most ? burst : most);
		tx = tx == to->last_tx_ring ? to->first_tx_ring : tx + 1;
	}
}

bool lane_rest(struct lane *lane)
{
	const struct nmport_d *to = lane->to;

	if (!lane->blocked || lane->more)
		return false;
	for (uint32_t i = to->first_tx_ring; i <= to->last_tx_ring; i++)
		NETMAP_TXRING(to->nifp, i)->cur = NETMAP_TXRING(to->nifp, i)->tail;
	return true;
}

bool lane_full(const struct lane *lane)
{
	return lane->blocked == lane->from->last_rx_ring - lane->from->first_rx_ring + 1u;
}
