/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Port: the netmap side of the bench programs: open through libnetmap, fill a batch, take a batch.
 */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include "args.h"

#include <libnetmap.h>
#include <net/netmap_linerate.h>
#include <sys/ioctl.h>

/* libnetmap has said why when this returns NULL. */
static inline struct nmport_d *port_open(const char *name)
{
	char spec[128];

	snprintf(spec, sizeof(spec), "%s%s", strchr(name, ':') ? "" : "netmap:", name);
	return nmport_open(spec);
}

static inline struct netmap_ring *port_tx(const struct nmport_d *d)
{
	return NETMAP_TXRING(d->nifp, d->first_tx_ring);
}

static inline struct netmap_ring *port_rx(const struct nmport_d *d)
{
	return NETMAP_RXRING(d->nifp, d->first_rx_ring);
}

/* Hand over up to a batch of packets of this length; their contents are in the buffers already. */
static inline unsigned port_fill(struct netmap_ring *ring, unsigned batch, uint16_t length)
{
	uint32_t i = ring->head;
	unsigned n = nm_ring_space(ring);

	if (n > batch)
		n = batch;
	for (unsigned k = 0; k < n; k++) {
		ring->slot[i].len = length;
		i = nm_ring_next(ring, i);
	}
	ring->head = ring->cur = i;
	return n;
}

/* Take up to a batch of packets, looking at the length of each. */
static inline unsigned port_take(struct netmap_ring *ring, unsigned batch, uint64_t *bytes)
{
	uint32_t i = ring->head;
	unsigned n = nm_ring_space(ring);
	uint64_t sum = 0;

	if (n > batch)
		n = batch;
	for (unsigned k = 0; k < n; k++) {
		sum += ring->slot[i].len;
		i = nm_ring_next(ring, i);
	}
	ring->head = ring->cur = i;
	*bytes += sum;
	return n;
}

/* What drives the port, and how often the device was woken; silent where the request is not known. */
static inline void port_describe(struct nmport_d *d, const char *who)
{
	struct nmreq_port_stats stats = { .nr_rings = 0 };
	struct nmreq_header hdr;

	nmreq_header_init(&hdr, NETMAP_REQ_PORT_STATS_GET, &stats);
	memcpy(hdr.nr_name, d->hdr.nr_name, sizeof(hdr.nr_name));
	if (!ioctl(d->fd, NIOCCTRL, &hdr) && stats.nr_backend[0])
		printf("%s backend \"%.*s\"\n", who, (int)sizeof(stats.nr_backend), stats.nr_backend);
	fflush(stdout);
}

#endif
