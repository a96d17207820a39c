/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports as the tools see them: their names, what is said about them, and waiting for them. */
#ifndef CMD_PORT_H
#define CMD_PORT_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nmport_d;
struct nmreq_port_stats;
struct nm_ring_stats;

/*
 * The port that -i names, ready for port_open(): a plain interface name gets "netmap:" before it, rings comes behind it.
 * NULL after a message.
 */
struct nmport_d *port_prepare(const char *text, const char *rings);

/* Registers and maps it. False after a message; the port is gone then. */
bool port_open(struct nmport_d *port);

/* The network interface a port is made of, "" if there is none. */
void port_interface(const struct nmport_d *port, char name[IFNAMSIZ]);

/* "name: 2 tx rings of 1024 slots, ..." and what drives it, on stdout. */
void port_describe(const struct nmport_d *port);

/*
 * The port's counters, rings in an array that the caller frees; NULL when there are none (other implementations of
 * netmap do not have this request).
 */
struct nm_ring_stats *port_counters(const struct nmport_d *port, struct nmreq_port_stats *stats);

/*
 * What the events that poll returned say: 0 if the port can go on, else an errno. Errors in a row are counted in *faults.
 */
int port_check(const struct nmport_d *port, short events, unsigned int *faults);

#endif
