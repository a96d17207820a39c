/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classic interface: the published first example and its sender, on a
 * struct nmreq full of garbage. SEMANTICS 13.
 */
#include <net/netmap_classic.h>
#include <stdio.h>

#include "port.h"

struct classic {
	int fd;
	char *mem;
	struct netmap_if *nifp;
	uint32_t memsize;
};

static struct classic classic_open(const char *name)
{
	struct classic c;
	struct nmreq req;

	memset(&req, 0xa5, sizeof(req));
	c.fd = open("/dev/netmap", O_RDWR);
	CHECK_OK(c.fd);
	strcpy(req.nr_name, name);
	CHECK_OK(ioctl(c.fd, NIOCREG, &req));
	c.memsize = req.nr_memsize;
	c.mem = mmap(NULL, req.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, c.fd, 0);
	CHECK(c.mem != MAP_FAILED);
	c.nifp = NETMAP_IF(c.mem, req.nr_offset);
	return c;
}

static void classic_close(struct classic *c)
{
	CHECK_OK(munmap(c->mem, c->memsize));
	CHECK_OK(close(c->fd));
}

/* The loop of the example: how many packets, each checked. */
static uint32_t classic_receive(struct classic *c, uint32_t *seq)
{
	struct pollfd fds = { .fd = c->fd, .events = POLLIN };
	struct netmap_ring *ring = NETMAP_RX_RING(c->nifp, 0);
	uint32_t n = 0;

	CHECK_EQ(poll(&fds, 1, 1000), 1);
	CHECK_EQ(fds.revents, POLLIN);
	for (; ring->avail > 0; ring->avail--) {
		uint32_t i = ring->cur;
		char *buf = NETMAP_BUF(ring, i);

		CHECK(memcmp(buf, seq, sizeof(*seq)) == 0);
		CHECK_EQ(ring->slot[i].len, 60 + *seq % 97);
		(*seq)++;
		n++;
		ring->cur = NETMAP_NEXT(ring, i);
	}
	return n;
}

CASE(classic_receives)
{
	const char *name = unique("");
	char full[64];
	struct classic c;
	struct port p;
	uint32_t out = 0, in = 0;

	snprintf(full, sizeof(full), "%s{1", name);
	c = classic_open(full);
	snprintf(full, sizeof(full), "%s}1", name);
	p = port_open(full, NULL);
	/* Several times around the ring. */
	while (in < 5 * p.reg.nr_tx_slots) {
		uint32_t n = put_packets(tx_ring(&p, 0), 100, &out);

		CHECK(n > 0);
		txsync(&p);
		CHECK_EQ(classic_receive(&c, &in), n);
		CHECK_OK(ioctl(c.fd, NIOCRXSYNC, NULL));
		CHECK_EQ(NETMAP_RX_RING(c.nifp, 0)->avail, 0);
	}
	classic_close(&c);
	port_close(&p);
}

CASE(classic_sends)
{
	const char *name = unique("");
	char full[64];
	struct classic c;
	struct port p;
	struct netmap_ring *ring;
	uint32_t out = 0, in = 0;

	snprintf(full, sizeof(full), "%s{1", name);
	c = classic_open(full);
	snprintf(full, sizeof(full), "%s}1", name);
	p = port_open(full, NULL);
	ring = NETMAP_TX_RING(c.nifp, 0);
	CHECK_OK(ioctl(c.fd, NIOCTXSYNC, NULL));
	CHECK_EQ(ring->avail, ring->num_slots - 1);
	while (in < 5 * ring->num_slots) {
		for (int n = 0; n < 50 && ring->avail > 0; n++, ring->avail--, out++) {
			uint32_t i = ring->cur;

			packet_fill(ring, i, out, (uint16_t)(60 + out % 97));
			ring->cur = NETMAP_NEXT(ring, i);
		}
		CHECK_OK(ioctl(c.fd, NIOCTXSYNC, NULL));
		rxsync(&p);
		take_packets(rx_ring(&p, 0), 1000, &in);
		CHECK_EQ(in, out);
		rxsync(&p);
	}
	classic_close(&c);
	port_close(&p);
}

/* Nobody takes them: avail falls to 0, poll says so, and rises again. */
CASE(classic_tx_ring_full)
{
	const char *name = unique("");
	char full[64];
	struct classic c;
	struct port p;
	struct netmap_ring *ring;
	struct pollfd fds;
	uint32_t out = 0, in = 0;

	snprintf(full, sizeof(full), "%s{1", name);
	c = classic_open(full);
	snprintf(full, sizeof(full), "%s}1", name);
	p = port_open(full, NULL);
	ring = NETMAP_TX_RING(c.nifp, 0);
	fds = (struct pollfd){ .fd = c.fd, .events = POLLOUT };
	for (int round = 0; round < 10 && poll(&fds, 1, 20) == 1; round++) {
		CHECK_EQ(fds.revents, POLLOUT);
		for (; ring->avail > 0; ring->avail--) {
			packet_fill(ring, ring->cur, out, (uint16_t)(60 + out % 97));
			out++;
			ring->cur = NETMAP_NEXT(ring, ring->cur);
		}
	}
	CHECK_EQ(ring->avail, 0);
	CHECK(out >= ring->num_slots - 1);
	rxsync(&p);
	CHECK(take_packets(rx_ring(&p, 0), 100, &in) == 100);
	rxsync(&p);
	CHECK_EQ(poll(&fds, 1, 1000), 1);
	CHECK(ring->avail > 0);
	classic_close(&c);
	port_close(&p);
}

CASE(classic_cur_out_of_range)
{
	struct classic c = classic_open(unique("{1"));
	struct netmap_ring *ring = NETMAP_TX_RING(c.nifp, 0);

	CHECK_OK(ioctl(c.fd, NIOCTXSYNC, NULL));
	ring->cur = 0xdeadbeef;
	CHECK_OK(ioctl(c.fd, NIOCTXSYNC, NULL));
	CHECK(ring->cur < ring->num_slots);
	CHECK_OK(ioctl(c.fd, NIOCTXSYNC, NULL));
	CHECK_EQ(ring->avail, ring->num_slots - 1);
	classic_close(&c);
}

/* head is not part of this interface: what is in it does not matter. */
CASE(classic_ignores_head)
{
	const char *name = unique("");
	char full[64];
	struct classic c;
	struct port p;
	uint32_t out = 0, in = 0;

	snprintf(full, sizeof(full), "%s{1", name);
	c = classic_open(full);
	snprintf(full, sizeof(full), "%s}1", name);
	p = port_open(full, NULL);
	for (int i = 0; i < 100; i++) {
		NETMAP_RX_RING(c.nifp, 0)->head = (uint32_t)i * 7919u;
		CHECK_EQ(put_packets(tx_ring(&p, 0), 30, &out), 30);
		txsync(&p);
		CHECK_EQ(classic_receive(&c, &in), 30);
	}
	classic_close(&c);
	port_close(&p);
}

CASE(classic_unknown_interface)
{
	struct nmreq req;
	int fd = dev_open();

	memset(&req, 0xff, sizeof(req));
	strcpy(req.nr_name, "lrnosuch0");
	CHECK_ERRNO(ioctl(fd, NIOCREG, &req), ENXIO);
	memset(&req, 0xff, sizeof(req));
	CHECK_EQ(ioctl(fd, NIOCREG, &req), -1);
	CHECK(errno == EINVAL || errno == ENXIO);
	close(fd);
}
