/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces on VALE switches: attached, its packets go to ports of the switch and theirs to it; polled; detached, it
 * is as before. Persistent ports. SEMANTICS 8.
 */
#include <stdio.h>

#include "wire.h"

static char attached[64];	/* valeS:lr0 */
static int dev;

static int attach(void)
{
	struct nmreq_vale_attach req = { .reg.nr_mode = NR_REG_ALL_NIC };
	int err = ctrl(dev, NETMAP_REQ_VALE_ATTACH, attached, &req);

	if (!err)
		CHECK(req.port_index >= 1 && req.port_index <= 254);
	return err;
}

static void detach(void)
{
	struct nmreq_vale_detach req = { 0 };

	CHECK_GRANTED(ctrl(dev, NETMAP_REQ_VALE_DETACH, attached, &req));
	CHECK(req.port_index >= 1);
}

/* A port of the switch, and the interface on it. Returns the socket at the far end of its wire. */
static int begin(struct port *p)
{
	char name[64];
	int sock, err;

	snprintf(attached, sizeof(attached), "vale%s:%s", unique(""), wire_near());
	snprintf(name, sizeof(name), "vale%s:p", unique(""));
	sock = wire_socket();
	dev = dev_open();
	*p = port_open(name, NULL);
	err = attach();
	if (err == EPERM || err == EACCES)
		SKIP("%s", why);
	CHECK_MSG(!err, "%s", why);
	usleep(1000 * (unsigned int)wire_patience(100));
	return sock;
}

static void port_sends(struct port *p, uint32_t seq)
{
	struct netmap_ring *r = tx_ring(p, 0);

	frame_fill(NETMAP_BUF(r, r->slot[r->head].buf_idx), seq, 100);
	r->slot[r->head].len = 100;
	r->head = r->cur = nm_ring_next(r, r->head);
	txsync(p);
}

/* The next frame of ours; -1 when none came. */
static int port_receives(struct port *p)
{
	struct netmap_ring *r = rx_ring(p, 0);
	uint64_t end = check_now_ms() + (uint64_t)wire_patience(5000);

	while (check_now_ms() < end) {
		poll_port(p, POLLIN, 100);
		while (!nm_ring_empty(r)) {
			int seq = frame_check(NETMAP_BUF(r, r->slot[r->head].buf_idx), r->slot[r->head].len);

			r->head = r->cur = nm_ring_next(r, r->head);
			if (seq >= 0)
				return seq;
		}
	}
	return -1;
}

static void carry(struct port *p, int sock, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint16_t len;

		wire_send(sock, i, 200);
		CHECK_EQ(port_receives(p), i);
		port_sends(p, i);
		CHECK_EQ(wire_receive(sock, wire_patience(5000), &len), i);
	}
}

CASE(attached_and_detached)
{
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	struct port p, nic;
	int sock = begin(&p), fd;

	carry(&p, sock, 50);
	CHECK_REFUSED(attach(), EBUSY);
	fd = dev_open();
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, wire_near(), &reg), EBUSY);
	close(fd);
	detach();
	nic = port_open(wire_near(), NULL);
	port_close(&nic);
	CHECK_GRANTED(attach());
	usleep(1000 * (unsigned int)wire_patience(100));
	carry(&p, sock, 5);
	detach();
	port_close(&p);
}

CASE(polled)
{
	struct nmreq_vale_polling req = { .nr_mode = NETMAP_POLLING_MODE_SINGLE_CPU, .nr_num_polling_cpus = 1 };
	struct port p;
	int sock = begin(&p);

	CHECK_GRANTED(ctrl(dev, NETMAP_REQ_VALE_POLLING_ENABLE, attached, &req));
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_POLLING_ENABLE, attached, &req), EBUSY);
	carry(&p, sock, 20);
	CHECK_GRANTED(ctrl(dev, NETMAP_REQ_VALE_POLLING_DISABLE, attached, &req));
	carry(&p, sock, 5);
	detach();
	port_close(&p);
}

CASE(refused)
{
	struct nmreq_vale_attach req = { .reg.nr_mode = NR_REG_ALL_NIC };
	struct nmreq_vale_detach out = { 0 };

	dev = dev_open();
	wire_near();
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_ATTACH, "vale0:lrnone9", &req), ENXIO);
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_ATTACH, "lr0", &req), EINVAL);
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_DETACH, "vale0:lr0", &out), ENXIO);
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_DELIF, "lrnone9", NULL), ENXIO);
}

CASE(persistent_ports)
{
	struct nmreq_vale_newif new = { .nr_tx_slots = 64, .nr_rx_slots = 64 };
	struct nmreq_vale_list list = { 0 };
	int err;

	dev = dev_open();
	wire_near();
	err = ctrl(dev, NETMAP_REQ_VALE_NEWIF, "lrv0", &new);
	if (err == EPERM)
		SKIP("%s", why);
	CHECK_MSG(!err, "%s", why);
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_NEWIF, "lrv0", &new), EEXIST);
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_NEWIF, "lo", &new), EEXIST);
	snprintf(attached, sizeof(attached), "vale%s:lrv0", unique(""));
	CHECK_GRANTED(attach());
	CHECK_GRANTED(ctrl(dev, NETMAP_REQ_VALE_LIST, attached, &list));
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_DELIF, "lrv0", NULL), EBUSY);
	detach();
	CHECK_REFUSED(ctrl(dev, NETMAP_REQ_VALE_LIST, attached, &list), ENOENT);
	CHECK_GRANTED(ctrl(dev, NETMAP_REQ_VALE_DELIF, "lrv0", NULL));
}
