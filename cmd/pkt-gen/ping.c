/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ping: sends stamped packets and measures how long their answers take. Without a rate the next one goes when the
 * answer to the last one has come; with a rate they go by the clock.
 *
 * The stamp, at the start of the UDP payload and in the sender's byte order, for it alone reads it:
 *	id of this run (4), sequence number (4), time in ns (8)
 */
#include "worker.h"

#include "dump.h"
#include "latency.h"
#include "options.h"
#include "packet.h"
#include "../lib/clock.h"
#include "../lib/interrupt.h"

#include <libnetmap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* An answer that takes longer is lost. */
#define ANSWER_WAIT CLOCK_SECOND
/* Answers are told from repeated ones as long as no more than this many requests have followed. */
#define WINDOW 65536

struct stamp {
	uint32_t id;
	uint32_t sequence;
	uint64_t time;
};

struct pinger {
	struct worker *worker;
	struct packet packet;
	uint32_t id;
	uint64_t answered;
	uint64_t last_sent;	/* ns */
	uint64_t due;		/* ns: when the next request is to go */
	bool seen[WINDOW];	/* by sequence number: it was answered */
};

/* False when the ring is full. */
static bool request_send(struct pinger *pinger)
{
	struct worker *worker = pinger->worker;
	struct netmap_ring *ring = NETMAP_TXRING(worker->port->nifp, worker->port->first_tx_ring);
	struct netmap_slot *slot = &ring->slot[ring->head];
	struct stamp stamp = { pinger->id, worker->pings, 0 };
	uint8_t bytes[PACKET_STAMP_LENGTH];

	_Static_assert(sizeof(stamp) == sizeof(bytes), "the stamp is copied as it is");
	if (nm_ring_empty(ring))
		return false;
	pinger->seen[stamp.sequence % WINDOW] = false;
	stamp.time = pinger->last_sent = clock_now();
	memcpy(bytes, &stamp, sizeof(bytes));
	packet_stamp(&pinger->packet, bytes);
	packet_next(&pinger->packet);
	nm_pkt_copy(pinger->packet.bytes, NETMAP_BUF_OFFSET(ring, slot), pinger->packet.length);
	slot->len = pinger->packet.length;
	slot->flags = NS_REPORT;
	if (worker->options->dump)
		dump_slot(ring, ring->head);
	ring->head = ring->cur = nm_ring_next(ring, ring->head);
	worker->pings++;
	worker_sync(worker, NIOCTXSYNC);
	return true;
}

static void answer_read(struct pinger *pinger, const struct netmap_ring *ring, const struct netmap_slot *slot,
			uint64_t now)
{
	struct worker *worker = pinger->worker;
	struct stamp stamp;
	uint32_t age;

	if (slot->len < pinger->packet.header_length + sizeof(stamp))
		return;
	memcpy(&stamp, NETMAP_BUF_OFFSET(ring, slot) + pinger->packet.header_length, sizeof(stamp));
	age = (uint32_t)worker->pings - 1 - stamp.sequence;
	/* Not ours, or too old to be judged. */
	if (stamp.id != pinger->id || age >= WINDOW || age >= worker->pings || stamp.time > now)
		return;
	if (pinger->seen[stamp.sequence % WINDOW]) {
		worker->repeated++;
		return;
	}
	pinger->seen[stamp.sequence % WINDOW] = true;
	pinger->answered++;
	latency_add(worker->latency, now - stamp.time);
	tally_add(&worker->tally, 1, slot->len);
	worker->ended = now;
	if (!age && !worker->rate)
		pinger->due = now;
}

static void answers_read(struct pinger *pinger)
{
	const struct nmport_d *port = pinger->worker->port;

	for (unsigned int i = port->first_rx_ring; i <= port->last_rx_ring; i++) {
		struct netmap_ring *ring = NETMAP_RXRING(port->nifp, i);

		for (; !nm_ring_empty(ring); ring->head = nm_ring_next(ring, ring->head)) {
			if (pinger->worker->options->dump)
				dump_slot(ring, ring->head);
			answer_read(pinger, ring, &ring->slot[ring->head], clock_now());
		}
		ring->cur = ring->head;
	}
}

/* When the next request goes; without a rate an answer to this one makes it go earlier. */
static void due_advance(struct pinger *pinger)
{
	uint64_t now = pinger->last_sent;

	if (!pinger->worker->rate) {
		pinger->due = now + ANSWER_WAIT;
		return;
	}
	pinger->due += CLOCK_SECOND / pinger->worker->rate;
	/* After a hold-up there is no rush to catch up. */
	if (pinger->due + CLOCK_SECOND / 10 < now)
		pinger->due = now;
}

static void ping_all(struct pinger *pinger)
{
	struct worker *worker = pinger->worker;
	uint64_t now = clock_now();

	worker->began = worker->ended = pinger->due = pinger->last_sent = now;
	for (; !interrupt_seen() && !worker_failed(worker); now = clock_now()) {
		bool complete = worker->pings == worker->count, sent = false;
		uint64_t until = complete ? pinger->last_sent + ANSWER_WAIT : pinger->due;

		if (complete && (pinger->answered == worker->pings || now >= until))
			break;
		if (!complete && now >= pinger->due) {
			sent = request_send(pinger);
			if (sent)
				due_advance(pinger);
			until = pinger->due;
		}
		/* A full ring is tried again after a while. */
		worker_poll(worker, POLLIN, until > now ? until - now : sent ? 0 : CLOCK_SECOND / 1000);
		answers_read(pinger);
	}
}

void ping_run(struct worker *worker)
{
	const struct nmport_d *port = worker->port;
	struct pinger *pinger;

	if (port->first_rx_ring > port->last_rx_ring || port->first_tx_ring > port->last_tx_ring) {
		worker_fail(worker, "%s: ping needs tx and rx rings", port->hdr.nr_name);
		return;
	}
	pinger = calloc(1, sizeof(*pinger));
	worker->latency = calloc(1, sizeof(*worker->latency));
	if (!pinger || !worker->latency ||
	    !packet_init(&pinger->packet, worker->options, worker->own_mac, clock_now())) {
		worker_fail(worker, "no memory");
		free(pinger);
		return;
	}
	pinger->worker = worker;
	pinger->id = clock_now() * 0x9e3779b97f4a7c15 >> 32;
	if (pinger->packet.length_max > NETMAP_TXRING(port->nifp, port->first_tx_ring)->nr_buf_size)
		worker_fail(worker, "ping sends packets of one buffer only, %u bytes do not fit",
			    pinger->packet.length_max);
	else
		ping_all(pinger);
	packet_fini(&pinger->packet);
	free(pinger);
}
