/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pair of interfaces of the case's own: a namespace that ends with it, with
 * a veth pair in it, two queues each. The tests open one end; at the other end is
 * a packet socket.
 *
 *	netmap:lr0  =====  lr1  packet socket
 *
 * Environment LR_WIRE, any word: lr0 and lr1 are there already, in the namespace that the program runs in, joined by
 * a cable: NICs of a virtual machine. They may have one queue only, and be deaf for a second after they came up or
 * changed their filters. LR_SLOW=N is for machines that are N times slower than others: waits last longer.
 */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include "port.h"

/* The near end, the far end. The first call makes them; skips the case where that is not allowed. */
const char *wire_near(void);
const char *wire_far(void);

/* A packet socket at the far end; at another interface of the namespace. */
int wire_socket(void);
int wire_socket_at(const char *ifname);

/* Sends packet number seq, len bytes, from the far end. */
void wire_send(int sock, uint32_t seq, uint16_t len);
/* The same, but what the wire has no room for now is lost. */
void wire_offer(int sock, uint32_t seq, uint16_t len);
/* Receives there: its number, or -1 after timeout_ms; damage fails the case. */
int wire_receive(int sock, int timeout_ms, uint16_t *len);

/* Packet number seq for a slot, in a frame that only this test understands. */
void frame_fill(char *frame, uint32_t seq, uint16_t len);
/* Its number; checks what follows. -1 for a packet of somebody else. */
int frame_check(const char *frame, uint16_t len);

/* So many milliseconds of waiting; more where LR_SLOW says that all takes longer. */
int wire_patience(int ms);

/* Runs `ip` with these arguments in the namespace. A case that deletes what cannot be deleted is skipped. */
void wire_ip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
