/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Transmit into drivers: the queue shared with the stack, the interface going down and up under it, frames that stay in
 * flight for long, also beyond the ring, the port and the interface; queues that go away; packets in several slots.
 *
 *	v0 (a VLAN) --- d0 (dummy), with a token bucket that lets 16 frames a second pass
 */
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "kernel.h"

#define SLOTS 64
#define FLIGHT 256	/* frames that a driver may have, also from a shorter ring: nic/linux/xmit_skb.c */

static void shell(const char *command)
{
	int rc = system(command);

	CHECK_MSG(rc == 0, "%s: code %d", command, rc);
}

static void dummy_make(void)
{
	wire_near();
	wire_ip("link add d0 type dummy");
	wire_ip("link set d0 up");
}

static long read_number(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = -1;

	CHECK_MSG(f && fscanf(f, "%ld", &n) == 1, "no number in %s", path);
	fclose(f);
	return n;
}

static struct port few_slots(const char *ifname)
{
	struct nmreq_register want = { .nr_tx_slots = SLOTS, .nr_rx_slots = SLOTS };

	return port_open(ifname, &want);
}

/* As many frames as the ring takes. */
static uint32_t fill(const struct port *p)
{
	struct netmap_ring *r = tx_ring(p, 0);
	uint32_t n = 0;

	for (; !nm_ring_empty(r); n++) {
		struct netmap_slot *s = &r->slot[r->head];

		frame_fill(NETMAP_BUF(r, s->buf_idx), n, 60);
		s->len = 60;
		s->flags = 0;
		r->head = r->cur = nm_ring_next(r, r->head);
	}
	return n;
}

static void finish(const struct port *p)
{
	for (int i = 0; i < 2000 && nm_tx_pending(tx_ring(p, 0)); i++) {
		txsync(p);
		usleep(1000);
	}
	CHECK(!nm_tx_pending(tx_ring(p, 0)));
}

static uint64_t sent(const struct port *p)
{
	return ring_stats(p->fd, p->name, 0, 0).packets;
}

/* --- Beside the stack ------------------------------------------------------------------------ */

static bool stack_stops;

static void *stack_sends(void *arg)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("d0") };
	int sock = socket(AF_PACKET, SOCK_RAW, 0);
	char frame[60] = { 2 };
	long n = 0;

	(void)arg;
	CHECK_OK(sock);
	while (!__atomic_load_n(&stack_stops, __ATOMIC_RELAXED))
		n += sendto(sock, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)) == sizeof(frame);
	close(sock);
	return (void *)n;
}

CASE(stack_sends_too)
{
	uint32_t rounds = scaled(2000);
	uint64_t n = 0;
	struct port p;
	pthread_t t;
	void *others;

	dummy_make();
	p = few_slots("d0");
	CHECK_EQ(pthread_create(&t, NULL, stack_sends, NULL), 0);
	for (uint32_t i = 0; i < rounds; i++) {
		n += fill(&p);
		CHECK_EQ(poll_port(&p, POLLOUT, 5000), POLLOUT);
	}
	finish(&p);
	__atomic_store_n(&stack_stops, true, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(t, &others), 0);
	CHECK_EQ(sent(&p), n);
	CHECK(read_number("/sys/class/net/d0/statistics/tx_packets") >= (long)n);
	port_close(&p);
}

/* --- Down and up ------------------------------------------------------------------------------- */

static void *flap(void *arg)
{
	for (uint32_t i = 0; i < scaled(40); i++) {
		wire_ip("link set %s down", (const char *)arg);
		wire_ip("link set %s up", (const char *)arg);
	}
	return NULL;
}

static void sends_while_it_flaps(const char *ifname)
{
	uint64_t n = 0;
	struct port p;
	pthread_t t;

	p = few_slots(ifname);
	CHECK_EQ(pthread_create(&t, NULL, flap, (void *)(uintptr_t)ifname), 0);
	do {
		n += fill(&p);
		poll_port(&p, POLLOUT, 20);
	} while (pthread_tryjoin_np(t, NULL));
	for (int i = 0; i < 200; i++) {
		n += fill(&p);
		CHECK_EQ(poll_port(&p, POLLOUT, 5000), POLLOUT);
	}
	finish(&p);
	CHECK_EQ(sent(&p), n);
	port_close(&p);
}

CASE(flaps_with_a_pool)
{
	dummy_make();
	sends_while_it_flaps("d0");
}

CASE(flaps_without_a_pool)
{
	sends_while_it_flaps(wire_near());
}

/* --- In flight for long -------------------------------------------------------------------------- */

static void slow_make(void)
{
	dummy_make();
	if (system("tc qdisc add dev d0 root tbf rate 8kbit burst 1600 limit 1000000 2>/dev/null"))
		SKIP("no token bucket here (tc, sch_tbf)");
	if (system("ip link add link d0 name v0 type vlan id 5 2>/dev/null"))
		SKIP("no VLANs here (8021q)");
	wire_ip("link set v0 up");
}

static void overfill(const struct port *p)
{
	for (int i = 0; i < 200; i++) {
		fill(p);
		txsync(p);
	}
}

/*
 * What the lower interface keeps is bounded (by FLIGHT for a ring this short), and a burst that it sent; then the program has to wait.
 * Some 16 frames leave in a second, also while we fill the ring.
 */
CASE(a_slow_interface_slows_the_program)
{
	uint64_t before, end, begin = check_now_ms(), left;
	struct port p;

	slow_make();
	p = few_slots("v0");
	overfill(&p);
	before = sent(&p);
	left = (check_now_ms() - begin) * 20 / 1000;
	CHECK_MSG(before < FLIGHT + 2 * SLOTS + left, "%lu frames were handed over", (unsigned long)before);
	CHECK(nm_ring_empty(tx_ring(&p, 0)));
	CHECK_EQ(poll_port(&p, POLLOUT, 5000), POLLOUT);
	/* As fast as it goes, not faster. */
	end = check_now_ms() + 1000;
	while (check_now_ms() < end) {
		fill(&p);
		poll_port(&p, POLLOUT, 1000);
	}
	CHECK_MSG(sent(&p) - before < 200, "%lu frames in a second", (unsigned long)(sent(&p) - before));
	shell("tc qdisc del dev d0 root");
	finish(&p);
	port_close(&p);
}

/* Frames in flight outlive the port; the module stays as long as they do, and not longer. */
CASE(frames_outlive_the_port)
{
	static const char refcnt[] = "/sys/module/netmap/refcnt";
	struct port p;
	long before;

	slow_make();
	before = read_number(refcnt);
	p = few_slots("v0");
	overfill(&p);
	port_close(&p);
	CHECK_MSG(read_number(refcnt) > before, "nothing holds the module while its frames are in flight");
	shell("tc qdisc del dev d0 root");
	for (int i = 0; i < 500 && read_number(refcnt) != before; i++)
		usleep(10000);
	CHECK_EQ(read_number(refcnt), before);
}

CASE(interface_deleted_with_frames_in_flight)
{
	struct port p;

	slow_make();
	p = few_slots("v0");
	overfill(&p);
	wire_ip("link del d0");
	CHECK(ioctl(p.fd, NIOCTXSYNC) < 0 && errno == ENXIO);
	port_close(&p);
}

/* --- Queues ----------------------------------------------------------------------------------------- */

static bool set_queues(const char *ifname, unsigned int n)
{
	struct ethtool_channels c = { .cmd = ETHTOOL_SCHANNELS, .rx_count = n, .tx_count = n };
	struct ifreq req = { .ifr_data = (char *)&c };
	int sock = socket(AF_INET, SOCK_DGRAM, 0), err;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	err = ioctl(sock, SIOCETHTOOL, &req);
	close(sock);
	return err == 0;
}

CASE(queue_of_a_ring_goes_away)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = 1, .nr_flags = NR_TX_RINGS_ONLY };
	int sock = wire_socket();
	struct netmap_ring *r;
	struct port p;

	p = port_open(wire_near(), &want);
	if (!set_queues(wire_near(), 1))
		SKIP("the number of queues of veth cannot be changed here");
	r = tx_ring(&p, 1);
	for (uint32_t seq = 0; seq < 100; seq++) {
		struct netmap_slot *s = &r->slot[r->head];

		if (seq == 50)
			CHECK(set_queues(wire_near(), 2));
		frame_fill(NETMAP_BUF(r, s->buf_idx), seq, 100);
		s->len = 100;
		r->head = r->cur = nm_ring_next(r, r->head);
		txsync(&p);
		CHECK_EQ(wire_receive(sock, 2000, NULL), seq);
	}
	port_close(&p);
}

/* --- Several slots --------------------------------------------------------------------------------- */

static void put_part(struct netmap_ring *r, const char *data, uint16_t len, uint16_t flags)
{
	struct netmap_slot *s = &r->slot[r->head];

	memcpy(NETMAP_BUF(r, s->buf_idx), data, len);
	s->len = len;
	s->flags = flags;
	r->head = r->cur = nm_ring_next(r, r->head);
}

/* A packet is sent when its last slot has come, and not before; empty slots are allowed. */
CASE(slots_come_one_by_one)
{
	char frame[1500];
	int sock = wire_socket();
	struct netmap_ring *r;
	struct port p;

	p = few_slots(wire_near());
	r = tx_ring(&p, 0);
	for (uint32_t seq = 0; seq < 100; seq++) {
		uint16_t len = 0, whole;

		frame_fill(frame, seq, sizeof(frame));
		for (int i = 0; i < 3; i++, len += 400) {
			put_part(r, frame + len, 400, NS_MOREFRAG);
			if (i == 1)
				put_part(r, frame, 0, NS_MOREFRAG);
			txsync(&p);
			CHECK(nm_tx_pending(r));
		}
		put_part(r, frame + len, 300, 0);
		txsync(&p);
		CHECK_EQ(wire_receive(sock, 2000, &whole), seq);
		CHECK_EQ(whole, sizeof(frame));
		CHECK(!nm_tx_pending(r));
	}
	CHECK_EQ(sent(&p), 100);
	port_close(&p);
}

/* One drop each: more slots than a packet may have, and one longer than the interface carries. What follows is sent. */
CASE(packets_that_cannot_be)
{
	char frame[1500];
	int sock = wire_socket();
	struct port p = port_open(wire_near(), NULL);
	struct netmap_ring *r = tx_ring(&p, 0);

	frame_fill(frame, 7, 100);
	for (int i = 0; i < 100; i++) {
		put_part(r, frame, 1, NS_MOREFRAG);
		txsync(&p);
	}
	put_part(r, frame, 1, 0);
	put_part(r, frame, 100, 0);
	txsync(&p);
	CHECK_EQ(wire_receive(sock, 2000, NULL), 7);
	CHECK_EQ(ring_stats(p.fd, p.name, 0, 0).drops, 1);
	put_part(r, frame, 1500, NS_MOREFRAG);
	put_part(r, frame, 19, 0);
	put_part(r, frame, 100, 0);
	txsync(&p);
	CHECK_EQ(wire_receive(sock, 2000, NULL), 7);
	CHECK_EQ(ring_stats(p.fd, p.name, 0, 0).drops, 2);
	CHECK_EQ(ring_stats(p.fd, p.name, 0, 0).bad_slots, 0);
	CHECK_EQ(sent(&p), 2);
	port_close(&p);
}
