/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Simport: the simulated network interface of simnic.c. Its driver is a port of kind "nic"; this is its hardware
 * side.
 */
#ifndef BENCH_SIMPORT_H
#define BENCH_SIMPORT_H

#include <stdint.h>

/* Slots of both rings. */
#define SIMPORT_SLOTS 1024u

/* What the hardware has seen: to show that packets went through and were not garbled. */
struct simport_wire {
	uint64_t tx_packets, tx_bytes;
	uint64_t rx_packets, rx_bytes;
};

/* Let the hardware send whatever the driver has posted. */
void simport_send(struct simport_wire *w);
/* Let packets of this length come in, up to n, as the driver has posted buffers for them. */
void simport_arrive(struct simport_wire *w, unsigned n, uint16_t length);

#endif
