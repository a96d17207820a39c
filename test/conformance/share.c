/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several descriptors on one port and several threads at once: on rings of their
 * own, on the same ring, opening and closing beside each other, closing under a
 * call. SEMANTICS 1, 5 and 6.
 */
#include <pthread.h>
#include <stdio.h>

#include "port.h"

#define RINGS 4
#define PACKETS 20000u

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	CHECK_EQ(pthread_create(t, NULL, fn, arg), 0);
}

static void join(pthread_t t)
{
	CHECK_EQ(pthread_join(t, NULL), 0);
}

/* Ring i of a pipe with four, on a descriptor of its own. */
static struct port one_ring(const char *parent, const char *end, uint16_t i)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ONE_NIC, .nr_ringid = i, .nr_tx_rings = RINGS,
		.nr_rx_rings = RINGS, .nr_tx_slots = 64, .nr_rx_slots = 64 };
	char full[64];

	snprintf(full, sizeof(full), "%s%s", parent, end);
	return port_open(full, &want);
}

/* Two descriptors see the same rings, at one place in the region. */
CASE(two_descriptors_one_port)
{
	const char *name = unique("{1");
	struct port a = port_open(name, NULL), b = port_open(name, NULL);
	const char *ring_a = (const char *)tx_ring(&a, 0), *ring_b = (const char *)tx_ring(&b, 0);

	CHECK_EQ(ring_a - a.mem, ring_b - b.mem);
	CHECK_EQ(a.reg.nr_memsize, b.reg.nr_memsize);
	tx_ring(&a, 0)->sem[3] = 33;
	CHECK_EQ(tx_ring(&b, 0)->sem[3], 33);
	port_close(&a);
	txsync(&b);
	CHECK_EQ(tx_ring(&b, 0)->sem[3], 33);
	port_close(&b);
}

/* What one has filled the other may send; who leaves takes nothing along. */
CASE(one_fills_the_other_sends)
{
	struct port p[2], q;
	uint32_t out = 0, in = 0;

	pipe_open(p, unique(""), 64);
	q = port_open(p[0].name, NULL);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 5, &out), 5);
	txsync(&q);
	port_close(&q);
	CHECK_EQ(put_packets(tx_ring(&p[0], 0), 5, &out), 5);
	txsync(&p[0]);
	rxsync(&p[1]);
	CHECK_EQ(take_packets(rx_ring(&p[1], 0), 99, &in), 10);
	port_close(&p[0]);
	port_close(&p[1]);
}

struct flow {
	struct port tx, rx;
	uint16_t ring;
};

static void *flow_send(void *arg)
{
	struct flow *f = arg;
	uint32_t out = 0;

	while (out < PACKETS) {
		put_packets(tx_ring(&f->tx, f->ring), PACKETS - out < 20 ? PACKETS - out : 20, &out);
		CHECK_EQ(poll_port(&f->tx, POLLOUT, 10000), POLLOUT);
	}
	while (nm_tx_pending(tx_ring(&f->tx, f->ring))) {
		txsync(&f->tx);
		usleep(100);
	}
	return NULL;
}

static void *flow_receive(void *arg)
{
	struct flow *f = arg;
	uint32_t in = 0;

	while (in < PACKETS) {
		CHECK_EQ(poll_port(&f->rx, POLLIN, 10000), POLLIN);
		take_packets(rx_ring(&f->rx, f->ring), 64, &in);
		rxsync(&f->rx);
	}
	return NULL;
}

/* Eight threads, each on a ring of its own. */
CASE(threads_on_their_own_rings)
{
	struct flow f[RINGS];
	pthread_t t[RINGS][2];

	for (uint16_t i = 0; i < RINGS; i++) {
		f[i].ring = i;
		f[i].tx = one_ring(unique(""), "{1", i);
		f[i].rx = one_ring(unique(""), "}1", i);
	}
	for (int i = 0; i < RINGS; i++) {
		start(&t[i][0], flow_send, &f[i]);
		start(&t[i][1], flow_receive, &f[i]);
	}
	for (int i = 0; i < RINGS; i++) {
		join(t[i][0]);
		join(t[i][1]);
		port_close(&f[i].tx);
		port_close(&f[i].rx);
	}
}

/* Poll on a descriptor of all rings serves each of them. */
CASE(one_descriptor_for_all_rings)
{
	struct nmreq_register want = { .nr_tx_rings = RINGS, .nr_rx_rings = RINGS };
	struct port m = port_open(unique("{1"), &want), s = port_open(unique("}1"), &want);

	for (unsigned int i = 0; i < RINGS; i++) {
		uint32_t out = i, in = i;

		CHECK_EQ(put_packets(tx_ring(&m, i), 1, &out), 1);
		txsync(&m);
		CHECK_EQ(poll_port(&s, POLLIN, 1000), POLLIN);
		for (unsigned int j = 0; j < RINGS; j++)
			CHECK_EQ(nm_ring_space(rx_ring(&s, j)), i == j);
		CHECK_EQ(take_packets(rx_ring(&s, i), 9, &in), 1);
	}
	port_close(&m);
	port_close(&s);
}

/* --- The same ring ------------------------------------------------------------------- */

static bool stop;
static struct port shared[2];

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *sync_all_the_time(void *arg)
{
	const struct port *p = arg;

	while (!stopped()) {
		txsync(p);
		rxsync(p);
		poll_port(p, POLLIN | POLLOUT, 0);
	}
	return NULL;
}

/* Syncs beside the one thread that moves head do no harm. */
CASE(threads_on_the_same_ring)
{
	struct port again;
	pthread_t t[3];
	uint32_t out = 0, in = 0;

	pipe_open(shared, unique(""), 64);
	again = port_open(shared[0].name, NULL);
	start(&t[0], sync_all_the_time, &shared[0]);
	start(&t[1], sync_all_the_time, &shared[1]);
	start(&t[2], sync_all_the_time, &again);
	while (in < PACKETS) {
		put_packets(tx_ring(&shared[0], 0), 20, &out);
		txsync(&shared[0]);
		rxsync(&shared[1]);
		take_packets(rx_ring(&shared[1], 0), 64, &in);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	CHECK_EQ(ring_stats(again.fd, again.name, 0, 0).resets, 0);
	port_close(&again);
	port_close(&shared[0]);
	port_close(&shared[1]);
}

/* --- Opening and closing --------------------------------------------------------------- */

static void *open_and_close(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "%s", unique(arg));
	for (int i = 0; i < 60; i++) {
		struct port p[2];
		uint32_t out = 0, in = 0;

		pipe_open(p, name, 32);
		CHECK_EQ(put_packets(tx_ring(&p[0], 0), 10, &out), 10);
		txsync(&p[0]);
		rxsync(&p[1]);
		CHECK_EQ(take_packets(rx_ring(&p[1], 0), 20, &in), 10);
		port_close(&p[i & 1]);
		port_close(&p[!(i & 1)]);
	}
	return NULL;
}

CASE(threads_open_and_close)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		start(&t[i], open_and_close, (char *[]){ "a", "b", "c", "d" }[i]);
	for (int i = 0; i < 4; i++)
		join(t[i]);
}

/* The same port by all: whoever comes first makes it, whoever leaves last ends it. */
static void *open_the_same(void *arg)
{
	struct nmreq_register want = { .nr_tx_slots = 32, .nr_rx_slots = 32 };

	for (int i = 0; i < 100; i++) {
		struct port p = port_open(arg, &want);

		txsync(&p);
		poll_port(&p, POLLIN, 0);
		port_close(&p);
	}
	return NULL;
}

CASE(threads_open_the_same)
{
	char name[2][32];
	pthread_t t[4];

	snprintf(name[0], sizeof(name[0]), "%s", unique("{1"));
	snprintf(name[1], sizeof(name[1]), "%s", unique("}1"));
	for (int i = 0; i < 4; i++)
		start(&t[i], open_the_same, name[i & 1]);
	for (int i = 0; i < 4; i++)
		join(t[i]);
}

/* A call on a descriptor that another thread closes: it ends, with an error or as if it had come before. */
static struct port victim;

static void *use_until_closed(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd pfd = { .fd = victim.fd, .events = POLLIN };
		int n = poll(&pfd, 1, 1000);

		if (n > 0 && (pfd.revents & (POLLERR | POLLNVAL)))
			break;
		CHECK_MSG(n >= 0, "poll: %s", strerror(errno));
		CHECK_MSG(n > 0, "poll slept on after the close");
	}
	return NULL;
}

CASE(closed_under_a_sleeping_poll)
{
	for (int i = 0; i < 5; i++) {
		pthread_t t;

		victim = port_open(unique("{1"), NULL);
		start(&t, use_until_closed, NULL);
		usleep(20000);
		CHECK_OK(close(victim.fd));
		join(t);
		CHECK_OK(munmap(victim.mem, victim.reg.nr_memsize));
	}
}

static void *sync_until_closed(void *arg)
{
	int fd = *(int *)arg;

	while (ioctl(fd, NIOCTXSYNC, NULL) == 0 && ioctl(fd, NIOCRXSYNC, NULL) == 0)
		;
	CHECK_MSG(errno == EBADF || errno == ENOTTY || errno == EINVAL || errno == ENXIO, "sync: %s", strerror(errno));
	return NULL;
}

CASE(closed_under_a_sync)
{
	for (int i = 0; i < 50; i++) {
		struct port p = port_open(unique("{1"), NULL);
		int fd = p.fd;
		pthread_t t;

		start(&t, sync_until_closed, &fd);
		usleep(500);
		port_close(&p);
		join(t);
	}
}
