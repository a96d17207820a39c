/* SPDX-License-Identifier: BSD-2-Clause */
/* Pong: sends every packet back to where it came from, in the buffer it came in. */
#include "worker.h"

#include "dump.h"
#include "options.h"
#include "../lib/clock.h"
#include "../lib/interrupt.h"
#include "../lib/lane.h"

#include <libnetmap.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

static void swap(uint8_t *one, uint8_t *other, uint32_t length)
{
	uint8_t saved[16];

	memcpy(saved, one, length);
	memcpy(one, other, length);
	memcpy(other, saved, length);
}

/* Changes source and destination. Checksums stay right: a sum does not depend on the order. */
static void ends_swap(const struct worker *worker, uint8_t *data, uint32_t length)
{
	uint8_t *ip = data + 14;
	uint32_t header = 0, protocol = 0;

	if (length < 14)
		return;
	length -= 14;
	swap(data, data + 6, 6);
	/* Nobody answers from a group address. */
	if (data[6] & 1)
		memcpy(data + 6, worker->own_mac, 6);
	if (data[12] == 0x08 && data[13] == 0x00 && length >= 20) {
		swap(ip + 12, ip + 16, 4);
		header = (ip[0] & 15) * 4;
		protocol = ip[9];
	} else if (data[12] == 0x86 && data[13] == 0xdd && length >= 40) {
		swap(ip + 8, ip + 24, 16);
		header = 40;
		protocol = ip[6];
	}
	if (protocol == IPPROTO_UDP && length >= header + 4)
		swap(ip + header, ip + header + 2, 2);
}

static void answer_make(const void *context, struct netmap_ring *ring, uint32_t position)
{
	const struct worker *worker = context;
	const struct netmap_slot *slot = &ring->slot[position];
	uint32_t vnet = worker->options->vnet_length;

	if (worker->options->dump)
		dump_slot(ring, position);
	if (slot->len > vnet)
		ends_swap(worker, (uint8_t *)NETMAP_BUF_OFFSET(ring, slot) + vnet, slot->len - vnet);
}

static void answer_all(struct worker *worker, struct lane *lane)
{
	while (lane->packets < worker->count && !interrupt_seen() && !worker_failed(worker)) {
		uint64_t packets = lane->packets, bytes = lane->bytes;

		/* Waiting for packets also sends the answers. */
		worker_poll(worker, lane_rest(lane) ? POLLOUT : POLLIN, CLOCK_SECOND);
		lane_move(lane, worker->options->burst, worker->count - packets);
		if (lane->packets == packets)
			continue;
		worker->ended = clock_now();
		if (!worker->began)
			worker->began = worker->ended;
		tally_add(&worker->tally, lane->packets - packets, lane->bytes - bytes);
	}
	worker_flush(worker);
}

void pong_run(struct worker *worker)
{
	struct nmport_d *port = worker->port;
	struct lane lane = { .from = port, .to = port, .edit = answer_make, .context = worker };

	if (port->first_rx_ring > port->last_rx_ring || port->first_tx_ring > port->last_tx_ring)
		worker_fail(worker, "%s: pong needs tx and rx rings", port->hdr.nr_name);
	else
		answer_all(worker, &lane);
}
