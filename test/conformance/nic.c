/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network interfaces: packets in and out, rings, exclusive use, timestamps,
 * zero-copy forwarding, bad slots. SEMANTICS 2, 4, 5, 6. Each case has a veth pair
 * of its own (wire.h). Environment NETMAP_NIC chooses the back end, where there is
 * more than one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "wire.h"

#define MANY 5000

/* Which packets have come; any order between rings. */
static struct {
	uint8_t seen[MANY];
	uint32_t got;
} inbox;

/* Lengths from 60 to 1514, going with the number. */
static uint16_t length(uint32_t seq)
{
	return (uint16_t)(60 + seq * 131 % 1455);
}

static void take_slot(const struct netmap_ring *r, const struct netmap_slot *s)
{
	int seq = frame_check(NETMAP_BUF(r, s->buf_idx), s->len);

	if (seq < 0)
		return;
	CHECK_MSG(seq < MANY && !inbox.seen[seq], "packet %d came twice", seq);
	CHECK_EQ(s->len, length((uint32_t)seq));
	inbox.seen[seq] = 1;
	inbox.got++;
}

static bool bound(const struct port *p, unsigned int rx, unsigned int i)
{
	return p->nifp->ring_ofs[(rx ? p->nifp->ni_tx_rings + p->nifp->ni_host_tx_rings : 0) + i];
}

static void take_all(struct port *p)
{
	for (unsigned int i = 0; i < p->nifp->ni_rx_rings; i++) {
		struct netmap_ring *r;

		if (!bound(p, 1, i))
			continue;
		for (r = rx_ring(p, i); !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head))
			take_slot(r, &r->slot[r->head]);
	}
}

/* Until `want` packets have come in all; they have a second each time, or what is one here. */
static void receive_until(struct port *p, uint32_t want)
{
	while (inbox.got < want) {
		CHECK_MSG(poll_port(p, POLLIN, wire_patience(1000)) == POLLIN, "%u packets of %u came", inbox.got, want);
		take_all(p);
	}
}

/* Puts one packet into a tx ring that has room for it. */
static void put_frame(struct netmap_ring *r, uint32_t seq, uint16_t len)
{
	CHECK(!nm_ring_empty(r));
	frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, len);
	r->slot[r->head].len = len;
	r->slot[r->head].flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
}

/* The next packet at the far end. What the driver did not take with the last sync goes with one of ours. */
static int await_far(struct port *p, int sock, uint16_t *len)
{
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(1000);
	int seq = wire_receive(sock, 10, len);

	while (seq < 0 && check_now_ms() < end) {
		txsync(p);
		seq = wire_receive(sock, 10, len);
	}
	return seq;
}

/* Packets [from, to) through one tx ring, received at the far end, in order. */
static void send_frames(struct port *p, unsigned int ring, int sock, uint32_t from, uint32_t to)
{
	struct netmap_ring *r = tx_ring(p, ring);
	uint32_t out = from, in = from;

	while (in < to) {
		for (int n = 0; out < to && n < 64 && !nm_ring_empty(r); n++, out++)
			put_frame(r, out, length(out));
		if (out < to)
			CHECK(poll_port(p, POLLOUT, wire_patience(1000)) & POLLOUT);
		else
			txsync(p);
		for (; in < out; in++) {
			uint16_t len;

			CHECK_EQ(await_far(p, sock, &len), in);
			CHECK_EQ(len, length(in));
		}
	}
}

CASE(receives)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();

	for (uint32_t seq = 0; seq < MANY; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 100 == 99)
			receive_until(&p, seq + 1);
	}
	port_close(&p);
}

CASE(sends)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();

	for (unsigned int i = 0; i < p.nifp->ni_tx_rings; i++)
		send_frames(&p, i, sock, 0, MANY);
	port_close(&p);
}

/* tx slots come back when the packets are sent: a full ring empties by itself. */
CASE(tx_ring_empties)
{
	struct port p = port_open(wire_near(), NULL);
	struct netmap_ring *r = tx_ring(&p, 0);

	for (int round = 0; round < 10; round++) {
		while (!nm_ring_empty(r))
			put_frame(r, 1, 60);
		CHECK_EQ(poll_port(&p, POLLOUT, wire_patience(1000)), POLLOUT);
	}
	for (int i = 0; i < 1000 && nm_tx_pending(r); i++) {
		txsync(&p);
		usleep(1000);
	}
	CHECK(!nm_tx_pending(r));
	CHECK_EQ(nm_ring_space(r), r->num_slots - 1);
	port_close(&p);
}

CASE(default_is_all_rings_and_region_1)
{
	struct port p = port_open(wire_near(), NULL);

	CHECK_EQ(p.reg.nr_mem_id, 1);
	CHECK(!(p.nifp->ni_flags & NI_PRIV_MEM));
	CHECK_EQ(p.nifp->ni_tx_rings, p.reg.nr_tx_rings);
	CHECK_EQ(p.nifp->ni_rx_rings, p.reg.nr_rx_rings);
	for (unsigned int i = 0; i < p.nifp->ni_tx_rings; i++)
		CHECK(bound(&p, 0, i));
	for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++)
		CHECK(bound(&p, 1, i));
	CHECK_STREQ(p.nifp->ni_name, p.name);
	port_close(&p);
}

CASE(one_ring)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1 };
	struct nmreq_port_info_get info = { 0 };
	int fd = dev_open(), sock = wire_socket();
	struct port p;

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_PORT_INFO_GET, wire_near(), &info));
	close(fd);
	if (info.nr_tx_rings < 2)
		return;		/* a back end with one ring: ring_out_of_range is all there is to see */
	p = port_open(wire_near(), &want);
	CHECK(!bound(&p, 0, 0) && bound(&p, 0, 1));
	CHECK(!bound(&p, 1, 0) && bound(&p, 1, 1));
	CHECK_EQ(tx_ring(&p, 1)->ringid, 1);
	send_frames(&p, 1, sock, 0, 1000);
	port_close(&p);
}

/* Two descriptors, a ring pair each: all packets come, to the one or the other. */
CASE(ring_pairs_apart)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 0 };
	struct port p[2];
	int sock = wire_socket();

	p[0] = port_open(wire_near(), &want);
	if (p[0].reg.nr_rx_rings != 2)
		return;		/* with more rings they could come elsewhere */
	want.nr_ringid = 1;
	p[1] = port_open(wire_near(), &want);
	for (uint32_t seq = 0; seq < 500; seq++)
		wire_send(sock, seq, length(seq));
	for (int i = 0; i < 1000 && inbox.got < 500; i++) {
		struct pollfd pfd[2] = { { p[0].fd, POLLIN, 0 }, { p[1].fd, POLLIN, 0 } };

		CHECK(poll(pfd, 2, wire_patience(1000)) > 0);
		take_all(&p[0]);
		take_all(&p[1]);
	}
	CHECK_EQ(inbox.got, 500);
	send_frames(&p[0], 0, sock, 0, 200);
	send_frames(&p[1], 1, sock, 0, 200);
	port_close(&p[0]);
	send_frames(&p[1], 1, sock, 0, 200);
	port_close(&p[1]);
}

CASE(ring_out_of_range)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 7 };
	const char *name = wire_near();
	int fd = dev_open();

	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, name, &reg), EINVAL);
	CHECK_MSG(strstr(why, name) && strstr(why, "7"), "the reason says neither port nor ring: %s", why);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, name, &reg));
	close(fd);
}

CASE(exclusive)
{
	struct nmreq_register want = { .nr_flags = NR_EXCLUSIVE }, reg = { .nr_mode = NR_REG_ALL_NIC };
	struct port p = port_open(wire_near(), &want);
	int fd = dev_open();

	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EBUSY);
	port_close(&p);
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg));
	close(fd);
}

CASE(tx_rings_only)
{
	struct nmreq_register want = { .nr_flags = NR_TX_RINGS_ONLY };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();

	CHECK(!bound(&p, 1, 0));
	send_frames(&p, 0, sock, 0, 1000);
	port_close(&p);
}

CASE(rx_rings_only)
{
	struct nmreq_register want = { .nr_flags = NR_RX_RINGS_ONLY };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();

	CHECK(!bound(&p, 0, 0));
	for (uint32_t seq = 0; seq < 1000; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 100 == 99)
			receive_until(&p, seq + 1);
	}
	port_close(&p);
}

CASE(slots_as_asked)
{
	struct nmreq_register want = { .nr_tx_slots = 100, .nr_rx_slots = 200 };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();

	CHECK_EQ(tx_ring(&p, 0)->num_slots, p.reg.nr_tx_slots);
	CHECK_EQ(rx_ring(&p, 0)->num_slots, p.reg.nr_rx_slots);
	send_frames(&p, 0, sock, 0, 1000);
	for (uint32_t seq = 0; seq < 1000; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 50 == 49)
			receive_until(&p, seq + 1);
	}
	port_close(&p);
}

/* Small rings are slow, not wrong. */
CASE(smallest_rings)
{
	struct nmreq_register want = { .nr_tx_slots = 4, .nr_rx_slots = 4 };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();

	send_frames(&p, 0, sock, 0, 50);
	for (uint32_t seq = 0; seq < 50; seq++) {
		wire_send(sock, seq, length(seq));
		receive_until(&p, seq + 1);
	}
	port_close(&p);
}

CASE(rings_absurd)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 0xffffffff };
	int fd = dev_open();

	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EINVAL, ENOMEM);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC, .nr_rx_slots = 1 };
	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EINVAL, ENOMEM);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ALL_NIC };
	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg));
	close(fd);
}

CASE(timestamps)
{
	struct port p = port_open(wire_near(), NULL);
	int sock = wire_socket();
	struct timeval before, after;

	for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++)
		rx_ring(&p, i)->flags |= NR_TIMESTAMP;
	gettimeofday(&before, NULL);
	wire_send(sock, 0, length(0));
	CHECK_EQ(poll_port(&p, POLLIN, wire_patience(1000)), POLLIN);
	gettimeofday(&after, NULL);
	for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++) {
		CHECK(!timercmp(&rx_ring(&p, i)->ts, &before, <));
		CHECK(!timercmp(&rx_ring(&p, i)->ts, &after, >));
	}
	port_close(&p);
}

CASE(counters_and_back_end)
{
	struct port p = port_open(wire_near(), NULL);
	struct nmreq_port_stats body = { 0 };
	int sock = wire_socket();
	struct nm_ring_stats s;
	uint64_t packets = 0;

	send_frames(&p, 0, sock, 0, 500);
	for (uint32_t seq = 0; seq < 300; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 100 == 99)
			receive_until(&p, seq + 1);
	}
	s = ring_stats(p.fd, p.name, 0, 0);
	CHECK_EQ(s.packets, 500);
	CHECK(s.bytes > 500 * 60 && s.syncs > 0);
	for (unsigned int i = 0; i < p.reg.nr_rx_rings; i++)
		packets += ring_stats(p.fd, p.name, 1, i).packets;
	CHECK(packets >= 300);
	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body));
	CHECK_EQ(body.nr_count, p.reg.nr_tx_rings + p.reg.nr_rx_rings + p.reg.nr_host_tx_rings + p.reg.nr_host_rx_rings);
	CHECK(strlen(body.nr_backend) > 5);
	port_close(&p);
}

/* All that has come to the rx rings, whether they had room for it or not. */
static uint64_t arrived(const struct port *p)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < p->reg.nr_rx_rings; i++) {
		struct nm_ring_stats s = ring_stats(p->fd, p->name, 1, i);

		n += s.packets + s.drops;
	}
	return n;
}

/* A wire has packets of its own in it: until they have come, and those that wait for room in the ring. */
static void drain(struct port *p)
{
	uint64_t before;

	do {
		before = arrived(p);
		usleep((useconds_t)wire_patience(50) * 1000);
	} while (arrived(p) != before);
	do
		take_all(p);
	while (poll_port(p, POLLIN, wire_patience(50)) == POLLIN);
}

/* A receiver that keeps its slots: what is over the ring is lost, what is in it is right, and it goes on. */
CASE(slow_receiver)
{
	struct nmreq_register want = { .nr_rx_slots = 128 };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();
	uint32_t first;

	/* There are wires that hold back what does not fit into the ring. */
	for (uint32_t seq = 0; seq < 2000; seq++)
		wire_offer(sock, seq, length(seq));
	CHECK_EQ(poll_port(&p, POLLIN, wire_patience(1000)), POLLIN);
	drain(&p);
	first = inbox.got;
	CHECK(first >= 100 && first <= 2000);
	for (uint32_t seq = 2000; seq < 2400; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 50 == 49)
			receive_until(&p, first + seq + 1 - 2000);
	}
	port_close(&p);
}

/* --- Zero-copy: received buffers become buffers to send, between two NICs ------------------ */

static void forward(struct port *from, struct port *to)
{
	struct netmap_ring *tx = tx_ring(to, 0);

	for (unsigned int i = 0; i < from->nifp->ni_rx_rings; i++) {
		struct netmap_ring *rx = rx_ring(from, i);

		while (!nm_ring_empty(rx) && !nm_ring_empty(tx)) {
			struct netmap_slot *rs = &rx->slot[rx->head], *ts = &tx->slot[tx->head];
			uint32_t idx = ts->buf_idx;

			ts->buf_idx = rs->buf_idx;
			ts->len = rs->len;
			rs->buf_idx = idx;
			ts->flags = rs->flags = NS_BUF_CHANGED;
			rx->head = rx->cur = nm_ring_next(rx, rx->head);
			tx->head = tx->cur = nm_ring_next(tx, tx->head);
		}
	}
}

/* A second pair, lr2 and lr3; the packet socket at lr3. */
static int second_wire(void)
{
	wire_near();
	wire_ip("link add lr2 numrxqueues 2 numtxqueues 2 type veth peer name lr3");
	wire_ip("link set lr2 up");
	wire_ip("link set lr3 up");
	return wire_socket_at("lr3");
}

CASE(zero_copy_forwarding)
{
	int in = wire_socket(), out = second_wire();
	struct port a = port_open(wire_near(), NULL), b = port_open("lr2", NULL);

	CHECK_EQ(a.reg.nr_mem_id, b.reg.nr_mem_id);
	for (uint32_t seq = 0, got = 0; got < MANY;) {
		for (int i = 0; i < 64 && seq < MANY; i++, seq++)
			wire_send(in, seq, length(seq));
		while (got < seq) {
			uint16_t len;
			int n;

			CHECK(poll_port(&a, POLLIN, 0) >= 0);
			forward(&a, &b);
			txsync(&b);
			n = wire_receive(out, got + 64 < seq ? 0 : 10, &len);
			if (n < 0)
				continue;
			CHECK(n < MANY && !inbox.seen[n]);
			inbox.seen[n] = 1;
			CHECK_EQ(len, length((uint32_t)n));
			got++;
		}
	}
	port_close(&a);
	port_close(&b);
}

/* A pipe of the interface is in its region: packets go on into it as they are. */
CASE(zero_copy_into_a_pipe)
{
	struct port p = port_open(wire_near(), NULL), m, s;
	int sock = wire_socket();
	char name[32];

	snprintf(name, sizeof(name), "%s{1", wire_near());
	m = port_open(name, NULL);
	snprintf(name, sizeof(name), "%s}1", wire_near());
	s = port_open(name, NULL);
	CHECK_EQ(m.reg.nr_mem_id, p.reg.nr_mem_id);
	for (uint32_t seq = 0; seq < 1000; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 50 != 49)
			continue;
		while (inbox.got <= seq) {
			CHECK_EQ(poll_port(&p, POLLIN, wire_patience(1000)), POLLIN);
			forward(&p, &m);
			txsync(&m);
			rxsync(&s);
			take_all(&s);
			rxsync(&s);
		}
	}
	port_close(&p);
	port_close(&m);
	port_close(&s);
}

/* Received buffers are kept, extra ones take their place. */
CASE(extra_buffers_in_an_rx_ring)
{
	struct nmreq_register want = { .nr_extra_bufs = 64 };
	struct port p = port_open(wire_near(), &want);
	int sock = wire_socket();
	uint32_t list[64], kept = 0;

	CHECK_EQ(list_walk(&p, p.mem, p.nifp->ni_bufs_head, list, 64), 64);
	for (uint32_t seq = 0; seq < 64; seq++)
		wire_send(sock, seq, length(seq));
	while (kept < 64) {
		CHECK_EQ(poll_port(&p, POLLIN, wire_patience(1000)), POLLIN);
		for (unsigned int i = 0; i < p.nifp->ni_rx_rings; i++) {
			struct netmap_ring *r = rx_ring(&p, i);

			for (; !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head)) {
				struct netmap_slot *s = &r->slot[r->head];
				uint32_t idx = s->buf_idx;

				if (frame_check(NETMAP_BUF(r, idx), s->len) < 0)
					continue;
				s->buf_idx = list[kept];
				s->flags = NS_BUF_CHANGED;
				list[kept++] = idx;
			}
		}
	}
	for (uint32_t seq = 100; seq < 1100; seq++) {
		wire_send(sock, seq, length(seq));
		if (seq % 100 == 99)
			receive_until(&p, seq - 99);
	}
	/* What was kept is untouched by a thousand packets. */
	for (uint32_t i = 0; i < 64; i++) {
		int seq = frame_check(NETMAP_BUF(rx_ring(&p, 0), list[i]), length(0));

		CHECK(seq >= 0 && seq < 64);
	}
	port_close(&p);
}

/* --- Bad slots ---------------------------------------------------------------------------------- */

CASE(bad_slots)
{
	static const struct {
		uint32_t idx;
		uint16_t len;
	} bad[] = { { 0, 60 }, { 1, 60 }, { 0xffffffff, 60 }, { 1 << 20, 60 }, { 0, 2049 }, { 0, 0xffff } };
	struct port p = port_open(wire_near(), NULL);
	struct netmap_ring *r = tx_ring(&p, 0);
	int sock = wire_socket();

	for (unsigned int i = 0; i < 6; i++) {
		struct netmap_slot *s = &r->slot[r->head];
		uint64_t before = ring_stats(p.fd, p.name, 0, 0).bad_slots;

		put_frame(r, 4000 + i, 60);
		if (bad[i].len == 60)
			s->buf_idx = bad[i].idx;
		s->len = bad[i].len;
		s->flags = NS_BUF_CHANGED;
		txsync(&p);
		CHECK_EQ(ring_stats(p.fd, p.name, 0, 0).bad_slots, before + 1);
		send_frames(&p, 0, sock, 0, 600);
	}
	port_close(&p);
}

/* Too short, too long, empty: not sent, or cut off by the NIC; the ring goes on. */
CASE(odd_lengths)
{
	static const uint16_t lens[] = { 0, 1, 13, 14, 1515, 1600, 1792, 1793, 2000, 2048 };
	struct port p = port_open(wire_near(), NULL);
	struct netmap_ring *r = tx_ring(&p, 0);
	int sock = wire_socket();
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	char frame[4096];

	for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct netmap_slot *s = &r->slot[r->head];

		put_frame(r, 4000 + i, lens[i] < 60 ? 60 : lens[i]);
		s->len = lens[i];
		txsync(&p);
		/* As it is: a short one may have got its length on the way. */
		while (poll(&pfd, 1, 20) > 0)
			CHECK_OK(recv(sock, frame, sizeof(frame), 0));
		send_frames(&p, 0, sock, 0, 50);
	}
	port_close(&p);
}
