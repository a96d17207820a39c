/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host rings: what the machine's own stack sends and receives on an interface, and slots that are forwarded
 * between wire and host. SEMANTICS 7. A packet socket at the near end stands for the host: it gets what the stack gets,
 * and what it sends goes the stack's way.
 *
 *	host: packet socket at lr0  --  netmap:lr0^  netmap:lr0  =====  lr1  packet socket
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "wire.h"

static struct port p;
static int host, wire;	/* packet sockets at the near end, at the far end */

/* Opens lr0 so; skips the case where there are no host rings. */
static void open_rings(uint32_t mode, const struct nmreq_register *more)
{
	const char *name = wire_near();
	int err;

	if (!wire) {
		host = wire_socket_at(name);
		wire = wire_socket();
	}
	p = (struct port){ .fd = dev_open() };
	if (more)
		p.reg = *more;
	p.reg.nr_mode = mode;
	strcpy(p.name, name);
	err = port_register(&p);
	if (err == EOPNOTSUPP)
		SKIP("%s", why);
	if (err)
		FAIL("register: %s (%s)", strerror(err), why);
	port_map(&p);
}

static struct netmap_ring *host_tx(unsigned int i)
{
	return tx_ring(&p, p.nifp->ni_tx_rings + i);
}

static struct netmap_ring *host_rx(unsigned int i)
{
	return rx_ring(&p, p.nifp->ni_rx_rings + i);
}

static void put(struct netmap_ring *r, uint32_t seq, uint16_t len)
{
	CHECK(!nm_ring_empty(r));
	frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, len);
	r->slot[r->head].len = len;
	r->slot[r->head].flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
}

/* The next packet of ours on one ring, or -1. */
static int take(struct netmap_ring *r, uint16_t flags)
{
	while (!nm_ring_empty(r)) {
		struct netmap_slot *s = &r->slot[r->head];
		int seq = frame_check(NETMAP_BUF(r, s->buf_idx), s->len);

		s->flags |= flags;
		r->head = r->cur = nm_ring_next(r, r->head);
		if (seq >= 0)
			return seq;
	}
	return -1;
}

/* The next one within a second, or what is one here, on whichever of n rings. */
static int await(struct netmap_ring *(*ring)(unsigned int), unsigned int n)
{
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(1000);

	for (; check_now_ms() < end; poll_port(&p, POLLIN, 50))
		for (unsigned int i = 0; i < n; i++) {
			int seq = take(ring(i), 0);

			if (seq >= 0)
				return seq;
		}
	return -1;
}

static struct netmap_ring *nic_rx(unsigned int i)
{
	return rx_ring(&p, i);
}

static int await_host(void)
{
	return await(host_rx, p.nifp->ni_host_rx_rings);
}

static int await_nic(void)
{
	return await(nic_rx, p.nifp->ni_rx_rings);
}

static bool comes(int sock, uint32_t seq)
{
	return wire_receive(sock, 1000, NULL) == (int)seq;
}

static bool nothing_comes(int sock)
{
	return wire_receive(sock, 50, NULL) < 0;
}

static uint64_t host_drops(void)
{
	struct nm_ring_stats rings[64];
	struct nmreq_port_stats body = { .nr_rings = PTR(rings), .nr_count = 64 };
	uint64_t n = 0;

	CHECK_GRANTED(ctrl(p.fd, NETMAP_REQ_PORT_STATS_GET, p.name, &body));
	for (unsigned int i = 0; i < body.nr_count && i < 64; i++)
		n += rings[i].host && rings[i].dir ? rings[i].drops : 0;
	return n;
}

/* --- Which rings ------------------------------------------------------------------------------- */

CASE(rings_that_are_bound)
{
	unsigned int nic, i;

	open_rings(NR_REG_SW, NULL);
	CHECK(p.reg.nr_host_tx_rings >= 1 && p.reg.nr_host_rx_rings >= 1);
	CHECK_EQ(p.nifp->ni_host_tx_rings, p.reg.nr_host_tx_rings);
	CHECK_EQ(p.nifp->ni_host_rx_rings, p.reg.nr_host_rx_rings);
	nic = p.nifp->ni_tx_rings;
	for (i = 0; i < nic + p.nifp->ni_host_tx_rings; i++)
		CHECK_EQ(p.nifp->ring_ofs[i] != 0, i >= nic);
	nic = i + p.nifp->ni_rx_rings;
	for (; i < nic + p.nifp->ni_host_rx_rings; i++)
		CHECK_EQ(p.nifp->ring_ofs[i] != 0, i >= nic);
	CHECK_EQ(host_tx(0)->ringid, p.nifp->ni_tx_rings);
	CHECK_EQ(host_rx(0)->ringid, p.nifp->ni_rx_rings);
	port_close(&p);
}

CASE(as_many_as_asked)
{
	struct nmreq_register want = { .nr_host_tx_rings = 3, .nr_host_rx_rings = 4 };

	open_rings(NR_REG_SW, &want);
	CHECK_EQ(p.nifp->ni_host_tx_rings, 3);
	CHECK_EQ(p.nifp->ni_host_rx_rings, 4);
	for (uint32_t seq = 0; seq < 30; seq++) {
		put(host_tx(seq % 3), seq, 100);
		txsync(&p);
		CHECK(comes(host, seq));
		wire_send(host, seq, 100);
		CHECK_EQ(await_host(), seq);
	}
	port_close(&p);
}

static struct netmap_ring *host_rx_1(unsigned int i)
{
	return host_rx(i + 1);
}

/* What the host sends comes there, whatever other rings there could be. */
CASE(one_ring)
{
	struct nmreq_register want = { .nr_host_tx_rings = 2, .nr_host_rx_rings = 2, .nr_ringid = 1 };

	open_rings(NR_REG_ONE_SW, &want);
	CHECK(!p.nifp->ring_ofs[p.nifp->ni_tx_rings]);
	put(host_tx(1), 1, 100);
	txsync(&p);
	CHECK(comes(host, 1));
	for (uint32_t seq = 0; seq < 20; seq++) {
		wire_send(host, seq, 100);
		CHECK_EQ(await(host_rx_1, 1), seq);
	}
	port_close(&p);
}

CASE(absurd_numbers)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_SW, .nr_host_rx_rings = 60000 };
	int fd;

	open_rings(NR_REG_SW, NULL);
	port_close(&p);
	fd = dev_open();
	CHECK_REFUSED_ANY(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EINVAL, ENOMEM);
	reg = (struct nmreq_register){ .nr_mode = NR_REG_ONE_SW, .nr_ringid = 5 };
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EINVAL);
	close(fd);
}

/* --- Host rings alone: the wire is the host's as before ------------------------------------------- */

CASE(what_the_host_sends)
{
	open_rings(NR_REG_SW, NULL);
	for (uint32_t seq = 0; seq < 300; seq++) {
		wire_send(host, seq, (uint16_t)(60 + seq * 4));
		CHECK_EQ(await_host(), seq);
	}
	CHECK(nothing_comes(wire));
	port_close(&p);
}

CASE(what_the_host_receives)
{
	open_rings(NR_REG_SW, NULL);
	for (uint32_t seq = 0; seq < 300; seq++) {
		uint16_t len;

		put(host_tx(0), seq, (uint16_t)(60 + seq * 4));
		txsync(&p);
		CHECK_EQ(wire_receive(host, 1000, &len), seq);
		CHECK_EQ(len, 60 + seq * 4);
	}
	CHECK(nothing_comes(wire));
	port_close(&p);
}

CASE(many_at_once)
{
	open_rings(NR_REG_SW, NULL);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 200; i++)
			put(host_tx(0), round * 200 + i, 100);
		CHECK(poll_port(&p, POLLOUT, wire_patience(1000)) & POLLOUT);
		for (uint32_t i = 0; i < 200; i++)
			CHECK(comes(host, round * 200 + i));
	}
	CHECK_EQ(nm_ring_space(host_tx(0)), host_tx(0)->num_slots - 1);
	port_close(&p);
}

CASE(the_wire_reaches_the_host)
{
	open_rings(NR_REG_SW, NULL);
	for (uint32_t seq = 0; seq < 100; seq++) {
		wire_send(wire, seq, 100);
		CHECK(comes(host, seq));
	}
	port_close(&p);
}

/* A program that sends only leaves the host what it receives and what it sends. */
CASE(host_tx_ring_alone)
{
	struct nmreq_register want = { .nr_flags = NR_TX_RINGS_ONLY };

	open_rings(NR_REG_SW, &want);
	put(host_tx(0), 1, 100);
	txsync(&p);
	CHECK(comes(host, 1));
	wire_send(host, 2, 100);
	CHECK(comes(wire, 2));
	port_close(&p);
}

CASE(a_slow_program)
{
	struct nmreq_register want = { .nr_rx_slots = 64 };

	open_rings(NR_REG_SW, &want);
	for (uint32_t seq = 0; seq < 200; seq++)
		wire_send(host, seq, 100);
	CHECK_EQ(host_drops(), 200 - 63);
	for (uint32_t seq = 0; seq < 63; seq++)
		CHECK_EQ(await_host(), seq);
	rxsync(&p);
	wire_send(host, 500, 100);
	CHECK_EQ(await_host(), 500);
	port_close(&p);
}

CASE(all_is_as_before_after_close)
{
	for (uint32_t i = 0; i < 5; i++) {
		open_rings(i & 1 ? NR_REG_SW : NR_REG_NIC_SW, NULL);
		port_close(&p);
		wire_send(host, i, 100);
		CHECK(comes(wire, i));
		wire_send(wire, i, 100);
		CHECK(comes(host, i));
	}
}

/* --- With the NIC's rings -------------------------------------------------------------------------- */

/* The NIC belongs to the program: the host neither sends nor receives. */
CASE(nic_rings_alone)
{
	uint64_t before;

	open_rings(NR_REG_SW, NULL);	/* or skip */
	port_close(&p);
	open_rings(NR_REG_ALL_NIC, NULL);
	before = host_drops();
	wire_send(host, 1, 100);
	CHECK(nothing_comes(wire));
	CHECK_EQ(host_drops(), before + 1);
	wire_send(wire, 2, 100);
	CHECK_EQ(await_nic(), 2);
	CHECK(nothing_comes(host));
	port_close(&p);
}

CASE(both)
{
	open_rings(NR_REG_NIC_SW, NULL);
	for (uint32_t seq = 0; seq < 100; seq++) {
		wire_send(wire, seq, 100);
		CHECK_EQ(await_nic(), seq);
		put(host_tx(0), seq, 100);
		txsync(&p);
		CHECK(comes(host, seq));
		wire_send(host, seq, 100);
		CHECK_EQ(await_host(), seq);
		put(tx_ring(&p, 0), seq, 100);
		txsync(&p);
		CHECK(comes(wire, seq));
	}
	port_close(&p);
}

/* As `bridge` does it: two descriptors. */
CASE(two_descriptors)
{
	struct port nic;

	open_rings(NR_REG_SW, NULL);
	nic = port_open(wire_near(), NULL);
	CHECK_EQ(nic.reg.nr_mem_id, p.reg.nr_mem_id);
	wire_send(host, 1, 100);
	CHECK_EQ(await_host(), 1);
	put(tx_ring(&nic, 0), 2, 100);
	txsync(&nic);
	CHECK(comes(wire, 2));
	port_close(&nic);
	wire_send(wire, 3, 100);
	CHECK(comes(host, 3));
	port_close(&p);
}

CASE(down_and_up)
{
	open_rings(NR_REG_SW, NULL);
	wire_ip("link set %s down", wire_near());
	put(host_tx(0), 1, 100);
	txsync(&p);
	poll_port(&p, POLLIN, 10);
	wire_ip("link set %s up", wire_near());
	close(host);	/* it has an error to tell: it was down */
	host = wire_socket_at(wire_near());
	put(host_tx(0), 2, 100);
	txsync(&p);
	CHECK(comes(host, 2));
	wire_send(host, 3, 100);
	CHECK_EQ(await_host(), 3);
	port_close(&p);
}

CASE(renamed)
{
	open_rings(NR_REG_SW, NULL);
	wire_ip("link set %s down", wire_near());
	wire_ip("link set %s name lr9", wire_near());
	wire_ip("link set lr9 up");
	close(host);	/* it has an error to tell: it was down */
	host = wire_socket_at("lr9");
	poll_port(&p, POLLIN, 20);
	for (uint32_t seq = 0; seq < 10; seq++) {
		wire_send(host, seq, 100);
		CHECK_EQ(await_host(), seq);
		put(host_tx(0), seq, 100);
		txsync(&p);
		CHECK(comes(host, seq));
	}
	CHECK(nothing_comes(wire));
	port_close(&p);
}

CASE(deleted)
{
	open_rings(NR_REG_NIC_SW, NULL);
	wire_ip("link del %s", wire_near());
	CHECK(poll_port(&p, POLLIN, 1000) & POLLERR);
	CHECK_ERRNO(ioctl(p.fd, NIOCTXSYNC, NULL), ENXIO);
	port_close(&p);
}

/* --- Under load ------------------------------------------------------------------------------------ */

static bool stop;

/* Sends without end; the interface may be down, or the queue full. */
static void *sender(void *arg)
{
	int sock = *(int *)arg;
	char frame[1000];

	frame_fill(frame, 1, sizeof(frame));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (send(sock, frame, sizeof(frame), MSG_DONTWAIT) < 0)
			usleep(1000);
	return NULL;
}

/* Opened, used a moment and closed in all ways, with packets on their way in both directions and a link that flaps. */
CASE(open_and_close_under_load)
{
	static const uint32_t modes[] = { NR_REG_SW, NR_REG_ALL_NIC, NR_REG_NIC_SW, NR_REG_ONE_NIC, NR_REG_ONE_SW };
	struct nmreq_register want = { .nr_mode = NR_REG_SW };
	struct port other;
	pthread_t t[2];

	open_rings(NR_REG_SW, NULL);
	port_close(&p);
	/*
	 * As long as somebody diverts what a host sends, the kernel need not patch its code for each of our ports: emulators
	 * of several processors that are older than QEMU 8.1 lose track of that under load.
	 */
	wire_ip("link add lr8 type veth peer name lr9");
	other = port_open("lr8", &want);
	CHECK_EQ(pthread_create(&t[0], NULL, sender, &host), 0);
	CHECK_EQ(pthread_create(&t[1], NULL, sender, &wire), 0);
	for (unsigned int i = 0; i < 60; i++) {
		unsigned int n = sizeof(modes) / sizeof(modes[0]);

		open_rings(modes[i % n], NULL);
		if (i % 10 == 9)
			wire_ip("link set %s %s", wire_near(), i % 20 == 9 ? "down" : "up");
		poll_port(&p, POLLIN | POLLOUT, 5);
		for (unsigned int k = 0; k < p.nifp->ni_rx_rings + p.nifp->ni_host_rx_rings; k++) {
			struct netmap_ring *r;

			if (!p.nifp->ring_ofs[p.nifp->ni_tx_rings + p.nifp->ni_host_tx_rings + k])
				continue;
			r = rx_ring(&p, k);
			r->flags |= NR_FORWARD;
			while (!nm_ring_empty(r))
				take(r, NS_FORWARD);
		}
		rxsync(&p);
		port_close(&p);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(t[0], NULL), 0);
	CHECK_EQ(pthread_join(t[1], NULL), 0);
	port_close(&other);
}

/* --- Forwarding ------------------------------------------------------------------------------------- */

static void set_forward(struct netmap_ring *(*ring)(unsigned int), unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ring(i)->flags |= NR_FORWARD;
}

/* Takes what has come within a second and gives it back with this flag. */
static void give_back(struct netmap_ring *(*ring)(unsigned int), unsigned int n, uint32_t seq, uint16_t flag)
{
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(1000);

	for (; check_now_ms() < end; poll_port(&p, POLLIN, 50))
		for (unsigned int i = 0; i < n; i++) {
			if (take(ring(i), flag) != (int)seq)
				continue;
			rxsync(&p);
			return;
		}
	FAIL("packet %u has not come", seq);
}

CASE(forward_to_the_host)
{
	open_rings(NR_REG_SW, NULL);	/* or skip */
	port_close(&p);
	open_rings(NR_REG_ALL_NIC, NULL);
	set_forward(nic_rx, p.nifp->ni_rx_rings);
	for (uint32_t seq = 0; seq < 100; seq++) {
		wire_send(wire, seq, (uint16_t)(60 + seq * 10));
		give_back(nic_rx, p.nifp->ni_rx_rings, seq, seq & 1 ? NS_FORWARD : 0);
		if (seq & 1)
			CHECK(comes(host, seq));
	}
	CHECK(nothing_comes(host));
	port_close(&p);
}

static void forward_to_the_wire(uint32_t mode)
{
	open_rings(mode, NULL);
	set_forward(host_rx, p.nifp->ni_host_rx_rings);
	for (uint32_t seq = 0; seq < 100; seq++) {
		wire_send(host, seq, (uint16_t)(60 + seq * 10));
		give_back(host_rx, p.nifp->ni_host_rx_rings, seq, seq & 1 ? NS_FORWARD : 0);
		if (seq & 1)
			CHECK(comes(wire, seq));
	}
	CHECK(nothing_comes(wire));
}

CASE(forward_to_the_wire)
{
	forward_to_the_wire(NR_REG_SW);
	port_close(&p);
}

/* The program sends there, too; what comes first does not matter. */
CASE(forward_to_the_wire_beside_tx_rings)
{
	struct netmap_ring *tx;

	forward_to_the_wire(NR_REG_NIC_SW);
	tx = tx_ring(&p, 0);
	for (uint32_t seq = 1000; seq < 1100; seq += 2) {
		int first, second;

		put(tx, seq, 100);
		wire_send(host, seq + 1, 200);
		give_back(host_rx, p.nifp->ni_host_rx_rings, seq + 1, NS_FORWARD);
		txsync(&p);
		first = wire_receive(wire, 1000, NULL);
		second = wire_receive(wire, 1000, NULL);
		CHECK_MSG(first != second && (uint32_t)first / 2 == seq / 2 && (uint32_t)second / 2 == seq / 2,
			  "%d and %d instead of %u and %u", first, second, seq, seq + 1);
	}
	CHECK(nothing_comes(wire));
	port_close(&p);
}

/* Only on rings that are set so. */
CASE(forward_not_asked_for)
{
	open_rings(NR_REG_NIC_SW, NULL);
	wire_send(wire, 1, 100);
	give_back(nic_rx, p.nifp->ni_rx_rings, 1, NS_FORWARD);
	CHECK(nothing_comes(host));
	wire_send(host, 2, 100);
	give_back(host_rx, p.nifp->ni_host_rx_rings, 2, NS_FORWARD);
	CHECK(nothing_comes(wire));
	port_close(&p);
}

/* A program that changes what it forwards: nothing worse than a lost packet. */
CASE(forward_nonsense)
{
	static const struct {
		uint32_t idx;
		uint16_t len;
	} bad[] = { { 0, 60 }, { 0xffffffff, 60 }, { 0, 0 }, { 0, 13 }, { 0, 0xffff }, { 0, 2048 } };

	open_rings(NR_REG_NIC_SW, NULL);
	set_forward(nic_rx, p.nifp->ni_rx_rings);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct netmap_ring *r;
		struct netmap_slot *s;
		unsigned int k = 0;

		wire_send(wire, i, 100);
		CHECK(poll_port(&p, POLLIN, wire_patience(1000)) & POLLIN);
		while (nm_ring_empty(nic_rx(k)))
			k++;
		r = nic_rx(k);
		s = &r->slot[r->head];
		if (bad[i].len == 60)
			s->buf_idx = bad[i].idx;
		s->len = bad[i].len;
		s->flags = NS_FORWARD;
		r->head = r->cur = nm_ring_next(r, r->head);
		rxsync(&p);
	}
	while (wire_receive(host, 20, NULL) >= 0)
		;
	/* Once around the ring packets may be lost for want of a buffer; then each slot works. */
	for (uint32_t seq = 0; seq < nic_rx(0)->num_slots; seq++) {
		wire_send(wire, seq, 100);
		if (poll_port(&p, POLLIN, wire_patience(100)) & POLLIN)
			CHECK_EQ(await_nic(), seq);
	}
	for (uint32_t seq = 0; seq < nic_rx(0)->num_slots; seq++) {
		wire_send(wire, seq, 100);
		CHECK_EQ(await_nic(), seq);
	}
	port_close(&p);
}

/* --- Packets as they are ------------------------------------------------------------------------------ */

CASE(odd_lengths)
{
	static const uint16_t lens[] = { 0, 1, 13, 2048, 0xffff };

	open_rings(NR_REG_SW, NULL);
	for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		put(host_tx(0), 1, 60);
		host_tx(0)->slot[host_tx(0)->head ? host_tx(0)->head - 1 : host_tx(0)->num_slots - 1].len = lens[i];
		txsync(&p);
		CHECK(nothing_comes(host));
		put(host_tx(0), 100 + i, 60);
		txsync(&p);
		CHECK(comes(host, 100 + i));
	}
	port_close(&p);
}

/* Each slot with a piece of it; the last one comes later. */
CASE(a_packet_in_pieces)
{
	struct netmap_ring *r;
	char frame[1000];

	open_rings(NR_REG_SW, NULL);
	r = host_tx(0);
	frame_fill(frame, 7, sizeof(frame));
	for (unsigned int i = 0; i < 10; i++) {
		memcpy(NETMAP_BUF(r, r->slot[r->head].buf_idx), frame + 100 * i, 100);
		r->slot[r->head].len = 100;
		r->slot[r->head].flags = i < 9 ? NS_MOREFRAG : 0;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&p);
		if (i < 9)
			CHECK_MSG(wire_receive(host, 5, NULL) < 0, "a part of a packet came");
	}
	CHECK(comes(host, 7));
	CHECK_EQ(nm_ring_space(r), r->num_slots - 1);
	port_close(&p);
}

CASE(long_packets)
{
	open_rings(NR_REG_SW, NULL);	/* or skip */
	port_close(&p);
	wire_ip("link set %s mtu 9000", wire_near());
	open_rings(NR_REG_SW, NULL);
	for (uint32_t seq = 0; seq < 50; seq++) {
		uint16_t len = (uint16_t)(60 + seq * 178), done = 0;
		struct netmap_ring *r = host_rx(0), *t = host_tx(0);
		bool more = true;

		wire_send(host, seq, len);
		CHECK(poll_port(&p, POLLIN, wire_patience(1000)) & POLLIN);
		while (more) {
			struct netmap_slot *s = &r->slot[r->head], *d = &t->slot[t->head];

			CHECK(!nm_ring_empty(r) && !nm_ring_empty(t));
			memcpy(NETMAP_BUF(t, d->buf_idx), NETMAP_BUF(r, s->buf_idx), s->len);
			d->len = s->len;
			d->flags = s->flags & NS_MOREFRAG;
			more = d->flags;
			done += s->len;
			r->head = r->cur = nm_ring_next(r, r->head);
			t->head = t->cur = nm_ring_next(t, t->head);
		}
		CHECK_EQ(done, len);
		txsync(&p);
		CHECK_EQ(wire_receive(host, 1000, &done), seq);
		CHECK_EQ(done, len);
	}
	port_close(&p);
}

/* The tag of a packet is where it belongs, both ways. */
CASE(vlan_tags)
{
	struct netmap_ring *r;
	int sock, seq = -1;
	char tag[4];

	open_rings(NR_REG_SW, NULL);
	if (system("ip link add link lr0 name lr0.5 type vlan id 5 2>/dev/null"))
		SKIP("no VLAN interfaces here");
	wire_ip("link set lr0.5 up");
	sock = wire_socket_at("lr0.5");
	r = host_rx(0);
	wire_send(sock, 1, 200);
	for (int i = 0; i < 20 && seq != 1; i++) {
		poll_port(&p, POLLIN, 50);
		while (!nm_ring_empty(r) && seq != 1) {
			char *frame = NETMAP_BUF(r, r->slot[r->head].buf_idx);

			memcpy(tag, frame + 12, 4);
			memmove(frame + 4, frame, 12);
			seq = frame_check(frame + 4, (uint16_t)(r->slot[r->head].len - 4));
			r->head = r->cur = nm_ring_next(r, r->head);
		}
	}
	CHECK_EQ(seq, 1);
	CHECK(memcmp(tag, "\x81\0\0\5", 4) == 0);
	put(host_tx(0), 2, 200);
	r = host_tx(0);
	{
		struct netmap_slot *s = &r->slot[r->head ? r->head - 1 : r->num_slots - 1];
		char *frame = NETMAP_BUF(r, s->buf_idx);

		memmove(frame + 16, frame + 12, 188);
		memcpy(frame + 12, tag, 4);
		s->len = 204;
	}
	txsync(&p);
	CHECK(comes(sock, 2));
	port_close(&p);
	CHECK_EQ(system("ip link del lr0.5"), 0);
}
