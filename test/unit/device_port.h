/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of the device calls: pipe ends and null ports as descriptors, and one packet into or out of them.
 */
#ifndef TEST_DEVICE_PORT_H
#define TEST_DEVICE_PORT_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <net/netmap.h>
#include <net/netmap_user.h>

#include "test/lib/check.h"

struct port {
	int fd;
	char *mem;
	size_t size;
	struct netmap_ring *tx, *rx;	/* the first of each; NULL: none */
};

static inline int device_open(void)
{
	int fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);

	CHECK_OK(fd);
	return fd;
}

static inline int port_register(int fd, struct nmreq_register *reg, const char *name)
{
	struct nmreq_header hdr = { .nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER, .nr_body = (uintptr_t)reg };

	snprintf(hdr.nr_name, sizeof(hdr.nr_name), "%s", name);
	return ioctl(fd, NIOCCTRL, &hdr);
}

/* Binds and maps fd. name "p{1", "p}1": an end of a pipe; others: a null port with a ring pair. */
static inline struct port port_on(int fd, const char *name)
{
	struct nmreq_register reg = { .nr_mode = strpbrk(name, "{}") ? NR_REG_ALL_NIC : NR_REG_NULL };
	struct port p = { .fd = fd };
	struct netmap_if *nifp;

	if (reg.nr_mode == NR_REG_NULL)
		reg.nr_tx_rings = reg.nr_rx_rings = 1;
	reg.nr_tx_slots = reg.nr_rx_slots = 64;
	CHECK_OK(port_register(fd, &reg, name));
	p.size = reg.nr_memsize;
	p.mem = mmap(NULL, p.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p.mem != MAP_FAILED);
	nifp = NETMAP_IF(p.mem, reg.nr_offset);
	p.tx = NETMAP_TXRING(nifp, 0);
	p.rx = NETMAP_RXRING(nifp, 0);
	return p;
}

static inline struct port port_open(const char *name)
{
	return port_on(device_open(), name);
}

static inline void port_close(struct port *p)
{
	CHECK_OK(munmap(p->mem, p->size));
	CHECK_OK(close(p->fd));
}

/* Puts a packet of this length into the tx ring; not synced. */
static inline void put(struct port *p, unsigned int len)
{
	CHECK(!nm_ring_empty(p->tx));
	p->tx->slot[p->tx->cur].len = (uint16_t)len;
	p->tx->head = p->tx->cur = nm_ring_next(p->tx, p->tx->cur);
}

static inline void send_one(struct port *p, unsigned int len)
{
	put(p, len);
	CHECK_OK(ioctl(p->fd, NIOCTXSYNC));
}

/* Takes a packet that the last sync has shown; its length. */
static inline unsigned int take(struct port *p)
{
	unsigned int len;

	CHECK(!nm_ring_empty(p->rx));
	len = p->rx->slot[p->rx->cur].len;
	p->rx->head = p->rx->cur = nm_ring_next(p->rx, p->rx->cur);
	return len;
}

/* What is in the tx ring goes out as the other end makes room. */
static inline void flush(struct port *p)
{
	CHECK_OK(ioctl(p->fd, NIOCTXSYNC));
	while (nm_tx_pending(p->tx)) {
		usleep(200);
		CHECK_OK(ioctl(p->fd, NIOCTXSYNC));
	}
}

static inline void fill_tx(struct port *p)
{
	while (!nm_ring_empty(p->tx))
		send_one(p, 60);
}

#endif
