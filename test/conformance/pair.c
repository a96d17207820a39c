/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netmap at both ends of a veth pair whose driver knows netmap: slots go from tx ring to rx ring with their buffers, or are
 * copied where the regions differ. Skipped where ports say that they are driven in another way.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

#define SLOTS 64

struct pair {
	struct port near, far;
};

static void check_native(const struct port *p)
{
	struct nmreq_port_stats body = { 0 };

	CHECK_GRANTED(ctrl(p->fd, NETMAP_REQ_PORT_STATS_GET, p->name, &body));
	if (strncmp(body.nr_backend, "native: driver veth", 19) != 0)
		SKIP("no veth driver that knows netmap: %s", body.nr_backend);
}

/* Both ends, SLOTS in each ring; the far one in region mem, 0: the same. */
static struct pair open_pair(uint16_t mem)
{
	struct nmreq_register want = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS }, there = want;
	struct pair p;

	p.near = port_open(wire_near(), &want);
	check_native(&p.near);
	there.nr_mem_id = mem;
	p.far = port_open(wire_far(), &there);
	check_native(&p.far);
	return p;
}

static void close_pair(struct pair *p)
{
	port_close(&p->near);
	port_close(&p->far);
}

static uint16_t length(uint32_t seq)
{
	return (uint16_t)(60 + seq * 131 % 1455);
}

/* Puts packet seq into ring 0, if there is room. */
static bool put(struct port *p, uint32_t seq)
{
	struct netmap_ring *r = tx_ring(p, 0);
	struct netmap_slot *s = &r->slot[r->head];

	if (nm_ring_empty(r))
		return false;
	frame_fill(NETMAP_BUF(r, s->buf_idx), seq, length(seq));
	s->len = length(seq);
	s->flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
	return true;
}

/* Takes the packets of ring 0, which must be those from *seq on. How many. */
static uint32_t take(struct port *p, uint32_t *seq)
{
	struct netmap_ring *r = rx_ring(p, 0);
	uint32_t n = 0;

	for (; !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head)) {
		const struct netmap_slot *s = &r->slot[r->head];
		int got = frame_check(NETMAP_BUF(r, s->buf_idx), s->len);

		if (got < 0)
			continue;	/* the stack's, from before */
		CHECK_EQ(got, (int)*seq);
		CHECK_EQ(s->len, length(*seq));
		++*seq;
		n++;
	}
	return n;
}

/* n packets across, none lost. */
static void carry(struct port *from, struct port *to, uint32_t n)
{
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(5000);
	uint32_t out = 0, in = 0;

	while (in < n) {
		while (out < n && put(from, out))
			out++;
		txsync(from);
		rxsync(to);
		if (take(to, &in))
			end = check_now_ms() + (uint64_t)wire_patience(5000);
		CHECK_MSG(check_now_ms() < end, "%u of %u came", in, n);
		check_progress();
	}
	CHECK_EQ(out, n);
	rxsync(to);
	txsync(from);
	CHECK(!nm_tx_pending(tx_ring(from, 0)));
}

CASE(buffers_are_exchanged)
{
	struct pair p = open_pair(0);
	struct netmap_ring *t = tx_ring(&p.near, 0), *r = rx_ring(&p.far, 0);
	uint32_t sent[20], free[20], at;

	rxsync(&p.far);
	r->head = r->cur = r->tail;
	rxsync(&p.far);
	at = r->head;
	for (uint32_t i = 0; i < 20; i++) {
		sent[i] = t->slot[ring_add(t, t->head, i)].buf_idx;
		free[i] = r->slot[ring_add(r, at, i)].buf_idx;
	}
	for (uint32_t i = 0; i < 20; i++) {
		t->slot[t->head].flags = NS_FORWARD | NS_REPORT;
		CHECK(put(&p.near, i));
		t->slot[ring_add(t, t->head, t->num_slots - 1)].flags = NS_FORWARD | NS_REPORT;
	}
	txsync(&p.near);
	rxsync(&p.far);
	for (uint32_t i = 0; i < 20; i++) {
		const struct netmap_slot *s = &r->slot[ring_add(r, at, i)];

		CHECK_EQ(s->buf_idx, sent[i]);
		CHECK_EQ(s->flags, NS_BUF_CHANGED);	/* what the sender said is not for the receiver */
		CHECK_EQ(t->slot[i].buf_idx, free[i]);
	}
	at = 0;
	CHECK_EQ(take(&p.far, &at), 20);
	close_pair(&p);
}

CASE(nothing_is_lost_either_way)
{
	struct pair p = open_pair(0);

	carry(&p.near, &p.far, 5000);
	carry(&p.far, &p.near, 5000);
	CHECK_EQ(ring_stats(p.near.fd, p.near.name, 0, 0).packets, 5000);
	close_pair(&p);
}

/* The far end's region is that of a pipe. */
CASE(another_region_copies)
{
	struct port pipe[2];
	struct pair p;
	uint32_t before[SLOTS];
	struct netmap_ring *t;

	pipe_open(pipe, unique("mem"), 0);
	p = open_pair(pipe[0].reg.nr_mem_id);
	CHECK(p.far.reg.nr_mem_id != p.near.reg.nr_mem_id);
	t = tx_ring(&p.near, 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		before[i] = t->slot[i].buf_idx;
	carry(&p.near, &p.far, 1000);
	carry(&p.far, &p.near, 1000);
	for (uint32_t i = 0; i < SLOTS; i++)
		CHECK_EQ(t->slot[i].buf_idx, before[i]);
	close_pair(&p);
	port_close(&pipe[0]);
	port_close(&pipe[1]);
}

/* A packet in pieces; false: there is no room for all of them. The last piece may be held back. */
static bool put_pieces(struct port *p, uint32_t seq, uint32_t pieces, bool last)
{
	struct netmap_ring *r = tx_ring(p, 0);
	char frame[2048];
	uint16_t len = length(seq), at = 0;

	if (nm_ring_space(r) < pieces)
		return false;
	frame_fill(frame, seq, len);
	for (uint32_t i = 0; i < pieces - !last; i++) {
		uint16_t part = (uint16_t)(i == pieces - 1 ? (uint32_t)(len - at) : len / pieces);

		memcpy(NETMAP_BUF(r, r->slot[r->head].buf_idx), frame + at, part);
		r->slot[r->head].len = part;
		r->slot[r->head].flags = i == pieces - 1 ? 0 : NS_MOREFRAG;
		r->head = r->cur = nm_ring_next(r, r->head);
		at = (uint16_t)(at + part);
	}
	return true;
}

/* The next packet, in slots. How many. */
static uint32_t take_pieces(struct port *p, uint32_t seq)
{
	struct netmap_ring *r = rx_ring(p, 0);
	uint32_t pieces = 0, at = 0;
	char frame[2048];
	bool more = true;

	while (more) {
		const struct netmap_slot *s = &r->slot[r->head];

		CHECK(!nm_ring_empty(r) && at + s->len <= sizeof(frame));
		memcpy(frame + at, NETMAP_BUF(r, s->buf_idx), s->len);
		at += s->len;
		pieces++;
		more = s->flags & NS_MOREFRAG;
		r->head = r->cur = nm_ring_next(r, r->head);
	}
	CHECK_EQ(frame_check(frame, (uint16_t)at), (int)seq);
	CHECK_EQ(at, length(seq));
	return pieces;
}

static void pieces(struct pair *p, bool same)
{
	struct netmap_ring *r = rx_ring(&p->far, 0);

	rxsync(&p->far);
	r->head = r->cur = r->tail;
	for (uint32_t seq = 0; seq < 200; seq++) {
		uint32_t n = 1 + seq % 7;

		CHECK(put_pieces(&p->near, seq, n, true));
		txsync(&p->near);
		rxsync(&p->far);
		CHECK_EQ(take_pieces(&p->far, seq), same ? n : 1);
	}
	/* Not before all of it is there. */
	CHECK(put_pieces(&p->near, 1000, 3, false));
	txsync(&p->near);
	rxsync(&p->far);
	CHECK(nm_ring_empty(r));
	CHECK(nm_tx_pending(tx_ring(&p->near, 0)));
}

CASE(several_slots)
{
	struct pair p = open_pair(0);

	pieces(&p, true);
	close_pair(&p);
}

CASE(several_slots_to_another_region)
{
	struct port pipe[2];
	struct pair p;

	pipe_open(pipe, unique("mem"), 0);
	p = open_pair(pipe[0].reg.nr_mem_id);
	pieces(&p, false);
	close_pair(&p);
	port_close(&pipe[0]);
	port_close(&pipe[1]);
}

/* What is too long for either end is lost; all else comes. */
CASE(another_mtu)
{
	uint32_t seq = 0, in = 0, out = 0;
	struct pair p;

	for (int i = 0; i < 2; i++) {
		p = open_pair(0);
		wire_ip("link set %s mtu 600", i ? wire_far() : wire_near());
		for (out = 0; out < 20; out++)
			CHECK(put(&p.near, out));
		txsync(&p.near);
		rxsync(&p.far);
		for (seq = in = 0; seq < 20; seq++) {
			struct netmap_ring *r = rx_ring(&p.far, 0);
			const struct netmap_slot *s = &r->slot[r->head];

			if (length(seq) > 600 + 14 + 4)
				continue;
			CHECK(!nm_ring_empty(r));
			CHECK_EQ(frame_check(NETMAP_BUF(r, s->buf_idx), s->len), (int)seq);
			r->head = r->cur = nm_ring_next(r, r->head);
			in++;
		}
		CHECK(in > 2 && in < 20);
		CHECK_EQ(ring_stats(p.near.fd, p.near.name, 0, 0).drops, 20 - in);
		close_pair(&p);
		wire_ip("link set %s mtu 1500", i ? wire_far() : wire_near());
	}
}

/* Who does not look at his ring holds up the sender for a moment, not for ever. */
CASE(receiver_that_does_not_look)
{
	struct pair p = open_pair(0);
	uint32_t out = 0, in = 0;
	uint64_t end;

	for (int i = 0; i < 4; i++) {
		while (put(&p.near, out))
			out++;
		txsync(&p.near);
	}
	CHECK(out >= SLOTS && nm_tx_pending(tx_ring(&p.near, 0)));
	for (end = check_now_ms() + (uint64_t)wire_patience(3000); nm_tx_pending(tx_ring(&p.near, 0));) {
		CHECK_MSG(check_now_ms() < end, "the sender is held up for ever");
		poll_port(&p.near, POLLOUT, 100);
	}
	CHECK(ring_stats(p.near.fd, p.near.name, 0, 0).drops > 0);
	rxsync(&p.far);
	CHECK_EQ(take(&p.far, &in), SLOTS - 1);
	close_pair(&p);
}

/* A sender that sleeps because of a full ring is woken when slots come back. */
static void *take_later(void *arg)
{
	struct port *p = arg;
	uint32_t in = 0;

	usleep(30000);
	rxsync(p);
	take(p, &in);
	rxsync(p);
	return NULL;
}

CASE(sender_is_woken)
{
	struct pair p = open_pair(0);
	uint32_t out = 0;
	pthread_t t;

	while (put(&p.near, out))
		out++;
	txsync(&p.near);
	while (put(&p.near, out))
		out++;
	txsync(&p.near);
	CHECK(nm_ring_empty(tx_ring(&p.near, 0)));
	CHECK_EQ(pthread_create(&t, NULL, take_later, &p.far), 0);
	CHECK_EQ(poll_port(&p.near, POLLOUT, wire_patience(5000)), POLLOUT);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pair(&p);
}

CASE(bad_slots)
{
	struct pair p = open_pair(0);
	struct netmap_ring *t = tx_ring(&p.near, 0), *r = rx_ring(&p.far, 0);
	uint32_t lost[2], seq = 0, out = 0;

	/* Sent. */
	lost[0] = t->slot[t->head].buf_idx;
	t->slot[t->head] = (struct netmap_slot){ .buf_idx = 0x7fffffff, .len = 60 };
	t->head = t->cur = nm_ring_next(t, t->head);
	t->slot[t->head].len = 5;
	t->slot[t->head].flags = 0;
	t->head = t->cur = nm_ring_next(t, t->head);
	t->slot[t->head].len = 65535;
	t->slot[t->head].flags = 0;
	t->head = t->cur = nm_ring_next(t, t->head);
	for (int i = 0; i < 10; i++)
		CHECK(put(&p.near, out++));
	txsync(&p.near);
	CHECK_EQ(ring_stats(p.near.fd, p.near.name, 0, 0).drops, 3);
	rxsync(&p.far);
	CHECK_EQ(take(&p.far, &seq), 10);
	/* Given back for more. */
	rxsync(&p.far);
	lost[1] = r->slot[ring_add(r, r->head, 3)].buf_idx;
	r->slot[ring_add(r, r->head, 3)].buf_idx = 0;
	for (int i = 0; i < 10; i++)
		CHECK(put(&p.near, out++));
	for (int i = 0; i < 10 && seq < out; i++) {
		txsync(&p.near);
		rxsync(&p.far);
		take(&p.far, &seq);
	}
	CHECK_EQ(seq, out);
	CHECK(lost[0] && lost[1]);
	close_pair(&p);
}

/* The far end closes with the ring full, and what is pending goes the way of all packets. */
CASE(receiver_closes)
{
	struct pair p = open_pair(0);
	uint32_t out = 0;

	for (int i = 0; i < 3; i++) {
		while (put(&p.near, out))
			out++;
		txsync(&p.near);
	}
	CHECK(nm_tx_pending(tx_ring(&p.near, 0)));
	port_close(&p.far);
	txsync(&p.near);
	for (int i = 0; i < 50 && nm_tx_pending(tx_ring(&p.near, 0)); i++)
		poll_port(&p.near, POLLOUT, wire_patience(20));
	CHECK(!nm_tx_pending(tx_ring(&p.near, 0)));
	/* And with another one. */
	p.far = port_open(wire_far(), NULL);
	carry(&p.near, &p.far, 500);
	close_pair(&p);
}

static void *scribble(void *arg)
{
	struct pair *p = arg;

	for (uint32_t i = 0; i < 200000; i++) {
		struct netmap_ring *r = i & 1 ? tx_ring(&p->near, 0) : rx_ring(&p->far, 0);

		*(volatile uint64_t *)&r->slot[(uint32_t)rand() % r->num_slots] = (uint64_t)rand() << 32 | (uint64_t)rand() % 1000;
	}
	return NULL;
}

/* Slots are written while they are moved: nothing but these packets gets hurt. */
CASE(scribbled_slots)
{
	struct pair p = open_pair(0);
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, scribble, &p), 0);
	for (int i = 0; i < 2000; i++) {
		struct netmap_ring *tx = tx_ring(&p.near, 0), *rx = rx_ring(&p.far, 0);

		tx->head = tx->cur = tx->tail;
		ioctl(p.near.fd, NIOCTXSYNC, NULL);
		ioctl(p.far.fd, NIOCRXSYNC, NULL);
		rx->head = rx->cur = rx->tail;
		check_progress();
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pair(&p);
	/* Buffers that were lost are back with the region's last user. */
	p = open_pair(0);
	carry(&p.near, &p.far, 1000);
	close_pair(&p);
}

static void *delete_later(void *arg)
{
	(void)arg;
	usleep(100000);
	wire_ip("link del %s", "lr0");
	return NULL;
}

/* Both programs get an error, whatever they do at the time. */
CASE(deleted_under_traffic)
{
	struct pair p = open_pair(0);
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(10000);
	uint32_t out = 0, in = 0;
	bool near = true, far = true;
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, delete_later, NULL), 0);
	while (near || far) {
		while (put(&p.near, out))
			out++;
		near = near && ioctl(p.near.fd, NIOCTXSYNC, NULL) == 0;
		far = far && ioctl(p.far.fd, NIOCRXSYNC, NULL) == 0;
		take(&p.far, &in);
		CHECK_MSG(check_now_ms() < end, "no error (near %d, far %d)", near, far);
	}
	CHECK(poll_port(&p.near, POLLOUT, 100) & POLLERR);
	CHECK(poll_port(&p.far, POLLIN, 100) & POLLERR);
	CHECK_EQ(pthread_join(t, NULL), 0);
	close_pair(&p);
}

/* Down, up, another namespace: the near end goes on, or gets an error. */
CASE(down_up_moved)
{
	struct pair p = open_pair(0);

	for (int i = 0; i < 3; i++) {
		uint32_t out = 0;

		wire_ip("link set %s down", wire_far());
		while (put(&p.near, out))
			out++;
		txsync(&p.near);
		wire_ip("link set %s up", wire_far());
		usleep(300000);
		txsync(&p.near);
		rxsync(&p.far);
		rx_ring(&p.far, 0)->head = rx_ring(&p.far, 0)->cur = rx_ring(&p.far, 0)->tail;
		rxsync(&p.far);
		txsync(&p.near);
		rxsync(&p.far);
		rx_ring(&p.far, 0)->head = rx_ring(&p.far, 0)->cur = rx_ring(&p.far, 0)->tail;
		rxsync(&p.far);
		carry(&p.near, &p.far, 300);
	}
	/* A namespace of a process that ends soon. */
	CHECK_EQ(system("unshare -n sleep 60 & pid=$!;"
			"until [ \"$(readlink /proc/$pid/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]; do :; done;"
			"ip link set lr1 netns $pid; rc=$?; { sleep 1; kill $pid; } & exit $rc"), 0);
	CHECK(poll_port(&p.far, POLLIN, 1000) & POLLERR);
	CHECK_OK(ioctl(p.near.fd, NIOCTXSYNC, NULL));
	usleep(1500000);
	CHECK(poll_port(&p.near, POLLIN, wire_patience(2000)) & POLLERR);
	close_pair(&p);
}
