/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes: either end first, reopening, several under one parent, the parent's
 * memory, packets of several slots, waking the peer. SEMANTICS 3 and 9.
 */
#include <pthread.h>
#include <stdio.h>

#include "wire.h"

static struct port end_open(const char *parent, const char *rest)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", parent, rest);
	return port_open(full, NULL);
}

/* n packets from one to the other, all the way. */
static void transfer(struct port *from, struct port *to, uint32_t n)
{
	uint32_t out = 0, in = 0;

	while (in < n) {
		put_packets(tx_ring(from, 0), n - out < 40 ? n - out : 40, &out);
		txsync(from);
		rxsync(to);
		CHECK(take_packets(rx_ring(to, 0), 40, &in) > 0);
		rxsync(to);
	}
	txsync(from);
	CHECK_EQ(in, out);
}

CASE(both_ways)
{
	struct port p[2];

	pipe_open(p, unique(""), 0);
	transfer(&p[0], &p[1], 5000);
	transfer(&p[1], &p[0], 5000);
	port_close(&p[0]);
	port_close(&p[1]);
}

CASE(slave_opens_first)
{
	const char *parent = unique("");
	struct port s = end_open(parent, "}1"), m = end_open(parent, "{1");

	CHECK_EQ(s.reg.nr_mem_id, m.reg.nr_mem_id);
	transfer(&m, &s, 100);
	transfer(&s, &m, 100);
	port_close(&s);
	port_close(&m);
}

/* What is sent before the other end opens waits for it. */
CASE(sent_before_the_peer_opens)
{
	const char *parent = unique("");
	struct port m = end_open(parent, "{1"), s;
	uint32_t out = 0, in = 0;

	CHECK_EQ(put_packets(tx_ring(&m, 0), 20, &out), 20);
	txsync(&m);
	s = end_open(parent, "}1");
	CHECK_EQ(poll_port(&s, POLLIN, 1000), POLLIN);
	CHECK_EQ(take_packets(rx_ring(&s, 0), 99, &in), 20);
	transfer(&m, &s, 100);
	port_close(&m);
	port_close(&s);
}

CASE(peer_closes_and_opens_again)
{
	const char *parent = unique("");
	struct port p[2] = { end_open(parent, "{1"), end_open(parent, "}1") };

	for (int round = 0; round < 40; round++) {
		int e = round & 1;

		transfer(&p[0], &p[1], 10);
		port_close(&p[e]);
		/* The one that stays is usable: nothing comes, what it sends is kept or dropped. */
		for (int i = 0; i < 5; i++) {
			uint32_t seq = 0;

			put_packets(tx_ring(&p[!e], 0), 10, &seq);
			txsync(&p[!e]);
			rxsync(&p[!e]);
			CHECK_EQ(nm_ring_space(rx_ring(&p[!e], 0)), 0);
		}
		p[e] = end_open(parent, e ? "}1" : "{1");
		rxsync(&p[e]);
		rx_ring(&p[e], 0)->head = rx_ring(&p[e], 0)->cur = rx_ring(&p[e], 0)->tail;
		rxsync(&p[e]);
		txsync(&p[!e]);
	}
	transfer(&p[0], &p[1], 3000);
	transfer(&p[1], &p[0], 3000);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* Packets that wait in the rx ring when the receiver closes do not come to the next one. */
CASE(close_with_packets_waiting)
{
	const char *parent = unique("");
	struct port m = end_open(parent, "{1"), s = end_open(parent, "}1");
	uint32_t out = 0;

	put_packets(tx_ring(&m, 0), 30, &out);
	txsync(&m);
	rxsync(&s);
	CHECK_EQ(nm_ring_space(rx_ring(&s, 0)), 30);
	port_close(&s);
	txsync(&m);
	s = end_open(parent, "}1");
	transfer(&m, &s, 3000);
	port_close(&m);
	port_close(&s);
}

CASE(both_close_and_begin_anew)
{
	const char *parent = unique("");

	for (int i = 0; i < 20; i++) {
		struct port m = end_open(parent, "{1"), s = end_open(parent, "}1");
		uint32_t out = 0;

		transfer(&m, &s, 10);
		put_packets(tx_ring(&m, 0), 10, &out);
		txsync(&m);
		port_close(&m);
		port_close(&s);
	}
}

CASE(several_pipes_of_one_parent)
{
	const char *parent = unique("");
	struct port p[8][2];
	uint32_t out, in;

	for (int i = 0; i < 8; i++) {
		char rest[16];

		snprintf(rest, sizeof(rest), i < 4 ? "{%d" : "{name%d", i);
		p[i][0] = end_open(parent, rest);
		rest[0] = '}';
		p[i][1] = end_open(parent, rest);
	}
	for (uint32_t i = 0; i < 8; i++) {
		out = i * 1000;
		put_packets(tx_ring(&p[i][0], 0), i + 1, &out);
		txsync(&p[i][0]);
	}
	for (uint32_t i = 0; i < 8; i++) {
		in = i * 1000;
		rxsync(&p[i][1]);
		CHECK_EQ(take_packets(rx_ring(&p[i][1], 0), 99, &in), i + 1);
	}
	for (int i = 0; i < 8; i++) {
		port_close(&p[i][0]);
		port_close(&p[i][1]);
	}
}

/* The pipe takes part in its parent's region, whichever that is. */
CASE(memory_of_the_parent)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL };
	struct port priv = port_open(unique("q{1"), NULL);
	struct port parent, m, s;

	want.nr_mem_id = priv.reg.nr_mem_id;
	parent = port_open(unique("n"), &want);
	m = end_open(unique("n"), "{1");
	s = end_open(unique("n"), "}1");
	CHECK_EQ(m.reg.nr_mem_id, parent.reg.nr_mem_id);
	CHECK_EQ(s.reg.nr_mem_id, parent.reg.nr_mem_id);
	port_close(&priv);
	port_close(&parent);
	transfer(&m, &s, 100);
	port_close(&m);
	port_close(&s);
}

CASE(memory_of_a_null_parent)
{
	struct nmreq_register want = { .nr_mode = NR_REG_NULL, .nr_extra_bufs = 4 };
	struct port parent = port_open(unique("n"), &want);
	struct port m = end_open(unique("n"), "{1");

	CHECK_EQ(m.reg.nr_mem_id, parent.reg.nr_mem_id);
	CHECK_EQ(m.reg.nr_memsize, parent.reg.nr_memsize);
	port_close(&m);
	port_close(&parent);
}

/* Pipes of a NIC that is there, open or not, are in the region of NICs. */
CASE(memory_of_an_interface)
{
	struct port m = end_open(wire_near(), "{1"), s = end_open(wire_near(), "}1");

	CHECK_EQ(m.reg.nr_mem_id, 1);
	transfer(&m, &s, 100);
	port_close(&m);
	port_close(&s);
}

CASE(named_by_mode)
{
	struct nmreq_register want = { .nr_mode = NR_REG_PIPE_MASTER, .nr_ringid = 3 };
	struct port m = port_open(unique(""), &want), s = end_open(unique(""), "}3");

	transfer(&m, &s, 10);
	port_close(&m);
	port_close(&s);
}

/* --- Packets of several slots ------------------------------------------------------ */

static void put_fragments(struct netmap_ring *r, uint32_t seq, uint32_t n)
{
	uint32_t i = r->head;

	for (uint32_t k = 0; k < n; k++, i = nm_ring_next(r, i)) {
		packet_fill(r, i, seq + k, 500);
		r->slot[i].flags = k + 1 < n ? NS_MOREFRAG : 0;
	}
	r->head = r->cur = i;
}

static void take_fragments(struct netmap_ring *r, uint32_t seq, uint32_t n)
{
	uint32_t i = r->head;

	CHECK(nm_ring_space(r) >= n);
	for (uint32_t k = 0; k < n; k++, i = nm_ring_next(r, i)) {
		packet_check(r, i, seq + k, 500);
		CHECK_EQ(!!(r->slot[i].flags & NS_MOREFRAG), k + 1 < n);
	}
	r->head = r->cur = i;
}

CASE(fragments)
{
	struct port p[2];
	uint32_t seq = 0;

	pipe_open(p, unique(""), 200);
	for (uint32_t n = 1; n <= NETMAP_MAX_FRAGS; n++, seq += n) {
		put_fragments(tx_ring(&p[0], 0), seq, n);
		put_fragments(tx_ring(&p[0], 0), seq + n, 2);
		txsync(&p[0]);
		rxsync(&p[1]);
		take_fragments(rx_ring(&p[1], 0), seq, n);
		take_fragments(rx_ring(&p[1], 0), seq + n, 2);
		rxsync(&p[1]);
		txsync(&p[0]);
	}
	CHECK_EQ(ring_stats(p[0].fd, p[0].name, 0, 0).packets, 2 * NETMAP_MAX_FRAGS);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* The receiver never finds a packet without its end. */
CASE(fragments_in_two_syncs)
{
	struct port p[2];
	struct netmap_ring *tx;

	pipe_open(p, unique(""), 64);
	tx = tx_ring(&p[0], 0);
	put_fragments(tx, 0, 5);
	tx->head = tx->cur = ring_add(tx, tx->head, tx->num_slots - 2);
	txsync(&p[0]);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx_ring(&p[1], 0)), 0);
	tx->head = tx->cur = ring_add(tx, tx->head, 2);
	txsync(&p[0]);
	rxsync(&p[1]);
	take_fragments(rx_ring(&p[1], 0), 0, 5);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* No room for all of it: it comes later, whole. */
CASE(fragments_without_room)
{
	struct port p[2];
	struct netmap_ring *rx;

	pipe_open(p, unique(""), 16);
	rx = rx_ring(&p[1], 0);
	put_fragments(tx_ring(&p[0], 0), 0, 10);
	txsync(&p[0]);
	rxsync(&p[1]);
	take_fragments(rx, 0, 10);
	/* The slots are not handed back yet. */
	txsync(&p[0]);
	CHECK(nm_ring_space(tx_ring(&p[0], 0)) >= 10);
	put_fragments(tx_ring(&p[0], 0), 100, 10);
	txsync(&p[0]);
	CHECK_EQ(nm_ring_space(rx), 0);
	rxsync(&p[1]);
	CHECK_EQ(nm_ring_space(rx), 0);
	txsync(&p[0]);
	rxsync(&p[1]);
	take_fragments(rx, 100, 10);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* A packet that never ends, or is longer than any may be, blocks nothing for good. */
CASE(fragments_without_end)
{
	struct port p[2];
	struct netmap_ring *tx, *rx;

	pipe_open(p, unique(""), 100);
	tx = tx_ring(&p[0], 0);
	rx = rx_ring(&p[1], 0);
	for (int i = 0; i < 1000; i++) {
		if (nm_ring_space(tx)) {
			packet_fill(tx, tx->head, (uint32_t)i, 60);
			tx->slot[tx->head].flags = NS_MOREFRAG;
			tx->head = tx->cur = nm_ring_next(tx, tx->head);
		}
		txsync(&p[0]);
		rxsync(&p[1]);
		rx->head = rx->cur = rx->tail;
		rxsync(&p[1]);
	}
	for (int i = 0; i < 5 && nm_ring_space(tx) == 0; i++)
		txsync(&p[0]);
	CHECK(nm_ring_space(tx) > 0);
	put_fragments(tx, 0, 1);
	txsync(&p[0]);
	rxsync(&p[1]);
	rx->head = rx->cur = rx->tail;
	rxsync(&p[1]);
	transfer(&p[0], &p[1], 300);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* --- Waking ------------------------------------------------------------------------ */

#define PACKETS 50000

static struct port ends[2];

static void *sender(void *arg)
{
	uint32_t out = 0;

	(void)arg;
	while (out < PACKETS) {
		CHECK_EQ(poll_port(&ends[0], POLLOUT, 10000), POLLOUT);
		put_packets(tx_ring(&ends[0], 0), PACKETS - out < 37 ? PACKETS - out : 37, &out);
	}
	while (nm_tx_pending(tx_ring(&ends[0], 0))) {
		txsync(&ends[0]);
		usleep(100);
	}
	return NULL;
}

/* Each sleeps until the other one has done something. */
CASE(threads_wake_each_other)
{
	pthread_t t;
	uint32_t in = 0;

	pipe_open(ends, unique(""), 64);
	CHECK_EQ(pthread_create(&t, NULL, sender, NULL), 0);
	while (in < PACKETS) {
		CHECK_EQ(poll_port(&ends[1], POLLIN, 10000), POLLIN);
		take_packets(rx_ring(&ends[1], 0), 50, &in);
	}
	rxsync(&ends[1]);
	CHECK_EQ(pthread_join(t, NULL), 0);
	port_close(&ends[0]);
	port_close(&ends[1]);
}

#define ROUNDS 5000

static void *echo(void *arg)
{
	(void)arg;
	for (uint32_t n = 0; n < ROUNDS;) {
		uint32_t out = n;

		CHECK_EQ(poll_port(&ends[1], POLLIN, 10000), POLLIN);
		take_packets(rx_ring(&ends[1], 0), 1, &n);
		CHECK_EQ(put_packets(tx_ring(&ends[1], 0), 1, &out), 1);
		txsync(&ends[1]);
	}
	return NULL;
}

CASE(ping_pong)
{
	pthread_t t;

	pipe_open(ends, unique(""), 16);
	CHECK_EQ(pthread_create(&t, NULL, echo, NULL), 0);
	for (uint32_t out = 0, in = 0; out < ROUNDS;) {
		CHECK_EQ(put_packets(tx_ring(&ends[0], 0), 1, &out), 1);
		txsync(&ends[0]);
		CHECK_EQ(poll_port(&ends[0], POLLIN, 10000), POLLIN);
		CHECK_EQ(take_packets(rx_ring(&ends[0], 0), 9, &in), 1);
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
	port_close(&ends[0]);
	port_close(&ends[1]);
}

/* A third thread opens and closes one end all the time. */
static bool stop;

static void *reopener(void *arg)
{
	const char *parent = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct port s = end_open(parent, "}1");

		rxsync(&s);
		rx_ring(&s, 0)->head = rx_ring(&s, 0)->cur = rx_ring(&s, 0)->tail;
		rxsync(&s);
		port_close(&s);
	}
	return NULL;
}

CASE(peer_comes_and_goes_while_sending)
{
	char parent[64];
	struct port m;
	uint32_t out = 0;
	pthread_t t;

	strcpy(parent, unique(""));
	m = end_open(parent, "{1");
	CHECK_EQ(pthread_create(&t, NULL, reopener, parent), 0);
	for (int i = 0; i < 20000; i++) {
		put_packets(tx_ring(&m, 0), 30, &out);
		txsync(&m);
		rxsync(&m);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(t, NULL), 0);
	port_close(&m);
}
