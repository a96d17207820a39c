/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VALE switches: two ports of one meet, learning, flooding, packets of several
 * slots, data elsewhere, the destination in the slot's flags, virtio-net headers,
 * listing, slow receivers, waking up. SEMANTICS 2, 3, 5 and 8.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

#define LEN 60

/* A port of a switch that nobody else on this machine uses. */
static struct port vale_open(const char *port, const struct nmreq_register *want)
{
	char name[64];

	snprintf(name, sizeof(name), "vale%s:%s", unique(""), port);
	return port_open(name, want);
}

static const struct nmreq_register small = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 64, .nr_rx_slots = 64 };

static char *slot_buf(struct netmap_ring *r, uint32_t i)
{
	return NETMAP_BUF(r, r->slot[i].buf_idx);
}

static void write_frame(char *p, unsigned int to, unsigned int from, uint32_t seq, uint16_t len)
{
	memset(p, (int)seq, len);
	memset(p, to == 255 ? 255 : 0, 6);
	memset(p + 6, 0, 6);
	if (to != 255) {
		p[0] = 2;
		p[5] = (char)to;
	}
	p[6] = 2;
	p[11] = (char)from;
	memcpy(p + 14, &seq, 4);
}

/* A frame into the next slot of the tx ring. No sync. */
static struct netmap_slot *put(struct port *p, unsigned int to, unsigned int from, uint32_t seq)
{
	struct netmap_ring *r = tx_ring(p, 0);
	struct netmap_slot *s = &r->slot[r->head];

	CHECK(!nm_ring_empty(r));
	write_frame(slot_buf(r, r->head), to, from, seq, LEN);
	s->len = LEN;
	s->flags = 0;
	r->head = r->cur = nm_ring_next(r, r->head);
	return s;
}

static void send_one(struct port *p, unsigned int to, unsigned int from, uint32_t seq)
{
	put(p, to, from, seq);
	txsync(p);
}

/* Slots that have come. */
static uint32_t waiting(struct port *p)
{
	rxsync(p);
	return nm_ring_space(rx_ring(p, 0));
}

/* Takes the next slot, which must be this frame. */
static void get(struct port *p, uint32_t seq)
{
	struct netmap_ring *r = rx_ring(p, 0);
	uint32_t found;
	char *buf;

	CHECK_MSG(waiting(p), "frame %u has not come", seq);
	buf = slot_buf(r, r->head);
	memcpy(&found, buf + 14, 4);
	CHECK_EQ(found, seq);
	CHECK_EQ(r->slot[r->head].len, LEN);
	CHECK_EQ(r->slot[r->head].flags & ~NS_BUF_CHANGED, 0);
	CHECK_EQ(buf[LEN - 1], (char)seq);
	r->head = r->cur = nm_ring_next(r, r->head);
}

static void drain(struct port *p)
{
	struct netmap_ring *r = rx_ring(p, 0);

	rxsync(p);
	r->head = r->cur = r->tail;
	rxsync(p);
}

CASE(two_ports_meet)
{
	struct port a = vale_open("a", NULL), b = vale_open("b", NULL);

	CHECK(a.reg.nr_mem_id != b.reg.nr_mem_id && a.reg.nr_mem_id > 1 && b.reg.nr_mem_id > 1);
	CHECK(a.nifp->ni_flags & NI_PRIV_MEM);
	CHECK_EQ(a.reg.nr_tx_rings, 1);
	CHECK_EQ(a.reg.nr_tx_slots, 1024);
	for (uint32_t i = 0; i < 3000; i++) {
		send_one(&a, 2, 1, 2 * i);
		get(&b, 2 * i);
		send_one(&b, 1, 2, 2 * i + 1);
		get(&a, 2 * i + 1);
	}
	port_close(&a);
	port_close(&b);
}

CASE(either_opens_first_and_again)
{
	struct port a = vale_open("a", &small), b;

	for (uint32_t i = 0; i < 20; i++) {
		send_one(&a, 255, 1, 1000 + i);		/* nobody is there: lost, nothing else */
		b = vale_open("b", &small);
		CHECK_EQ(waiting(&b), 0);
		send_one(&a, 255, 1, i);
		get(&b, i);
		send_one(&b, 1, 2, i);
		get(&a, i);
		port_close(&b);
	}
	port_close(&a);
}

CASE(switches_are_apart)
{
	struct port a = vale_open("a", &small), b = vale_open("b", &small), other;
	char name[64];

	snprintf(name, sizeof(name), "vale%s:b", unique("x"));
	other = port_open(name, &small);
	send_one(&a, 255, 1, 1);
	get(&b, 1);
	CHECK_EQ(waiting(&other), 0);
	port_close(&a);
	port_close(&b);
	port_close(&other);
}

CASE(learning_and_flooding)
{
	struct port p[4] = { vale_open("0", &small), vale_open("1", &small), vale_open("2", &small), vale_open("3", &small) };

	send_one(&p[0], 2, 1, 1);		/* unknown: all but the sender */
	for (int i = 1; i < 4; i++)
		get(&p[i], 1);
	CHECK_EQ(waiting(&p[0]), 0);
	send_one(&p[1], 1, 2, 2);		/* learnt: that one alone */
	get(&p[0], 2);
	CHECK_EQ(waiting(&p[2]) + waiting(&p[3]), 0);
	send_one(&p[0], 255, 1, 3);		/* all */
	for (int i = 1; i < 4; i++)
		get(&p[i], 3);
	send_one(&p[3], 255, 2, 4);		/* address 2 moves */
	for (int i = 0; i < 3; i++)
		get(&p[i], 4);
	send_one(&p[0], 2, 1, 5);
	get(&p[3], 5);
	CHECK_EQ(waiting(&p[1]) + waiting(&p[2]), 0);
	put(&p[2], 255, 9, 6)->flags = NS_NO_LEARN;
	txsync(&p[2]);
	for (int i = 0; i < 4; i++)
		drain(&p[i]);
	send_one(&p[0], 9, 1, 7);
	for (int i = 1; i < 4; i++)
		get(&p[i], 7);
	for (int i = 0; i < 4; i++)
		port_close(&p[i]);
}

CASE(packets_of_several_slots)
{
	struct nmreq_register want = { .nr_mode = NR_REG_ALL_NIC, .nr_tx_slots = 256, .nr_rx_slots = 256 };
	struct port a = vale_open("a", &want), b = vale_open("b", &want);
	struct netmap_ring *r = rx_ring(&b, 0);

	for (unsigned int n = 2; n <= NETMAP_MAX_FRAGS; n++) {
		for (unsigned int i = 0; i < n; i++)
			put(&a, 255, 1, i)->flags = i + 1 < n ? NS_MOREFRAG : 0;
		txsync(&a);
		CHECK_EQ(waiting(&b), n);
		for (unsigned int i = 0; i < n; i++) {
			struct netmap_slot *s = &r->slot[r->head];

			CHECK_EQ(s->flags & NS_MOREFRAG, i + 1 < n ? NS_MOREFRAG : 0);
			CHECK_EQ((s->flags & NS_PORT_MASK) >> NS_PORT_SHIFT, n - 1 - i);
			CHECK_EQ(slot_buf(r, r->head)[40], (char)i);
			r->head = r->cur = nm_ring_next(r, r->head);
		}
	}
	/* More than a packet may have: it is dropped, the next one comes. */
	for (unsigned int i = 0; i < NETMAP_MAX_FRAGS + 6; i++)
		put(&a, 255, 1, i)->flags = i + 1 < NETMAP_MAX_FRAGS + 6 ? NS_MOREFRAG : 0;
	put(&a, 255, 1, 77);
	txsync(&a);
	get(&b, 77);
	port_close(&a);
	port_close(&b);
}

CASE(data_elsewhere)
{
	struct port a = vale_open("a", &small), b = vale_open("b", &small);
	char data[LEN];
	struct netmap_slot *s;

	write_frame(data, 255, 1, 5, LEN);
	s = put(&a, 255, 1, 99);
	s->flags = NS_INDIRECT;
	s->ptr = PTR(data);
	s = put(&a, 255, 1, 98);
	s->flags = NS_INDIRECT;
	s->ptr = 8;			/* nothing is there: dropped */
	put(&a, 255, 1, 6);
	txsync(&a);
	get(&b, 5);
	get(&b, 6);
	CHECK_EQ(waiting(&b), 0);
	CHECK_EQ(ring_stats(a.fd, a.name, 0, 0).drops, 1);
	port_close(&a);
	port_close(&b);
}

/* The numbers of a port: of its switch and its own. */
static struct nmreq_vale_list numbers(const struct port *p)
{
	struct nmreq_vale_list list = { 0 };
	int fd = dev_open();

	CHECK_GRANTED(ctrl(fd, NETMAP_REQ_VALE_LIST, p->name, &list));
	close(fd);
	return list;
}

CASE(destination_in_the_slot)
{
	struct port a = vale_open("a", &small), b = vale_open("b", &small), c = vale_open("c", &small);

	put(&a, 255, 1, 1)->flags = (uint16_t)(numbers(&c).nr_port_idx << NS_PORT_SHIFT);
	txsync(&a);
	get(&c, 1);
	CHECK_EQ(waiting(&b), 0);
	port_close(&a);
	port_close(&b);
	port_close(&c);
}

CASE(listing)
{
	struct port p[3] = { vale_open("0", &small), vale_open("1", &small), vale_open("2", &small) };
	struct nmreq_vale_list list = { 0 };
	struct nmreq_header h = header(NETMAP_REQ_VALE_LIST, "", &list);
	unsigned int found = 0, all = 0;
	int fd = dev_open();

	for (; ioctl(fd, NIOCCTRL, &h) == 0; list.nr_port_idx++, all++) {
		CHECK(!strncmp(h.nr_name, "vale", 4) && all < 1000);
		for (unsigned int i = 0; i < 3; i++)
			if (!strcmp(h.nr_name, p[i].name)) {
				CHECK_EQ(list.nr_port_idx, numbers(&p[i]).nr_port_idx);
				CHECK_EQ(list.nr_bridge_idx, numbers(&p[i]).nr_bridge_idx);
				found |= 1u << i;
			}
		memset(h.nr_name, 0, sizeof(h.nr_name));
	}
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(found, 7);
	list.nr_bridge_idx = 0;
	CHECK_REFUSED(ctrl(fd, NETMAP_REQ_VALE_LIST, "valenone:x", &list), ENOENT);
	for (int i = 0; i < 3; i++)
		port_close(&p[i]);
	close(fd);
}

CASE(names)
{
	static const char *const bad[] = { "vale0:", "vale:", "vale-:a", "vale0:a b", "vale0:a:b" };
	struct nmreq_register reg = { .nr_mode = NR_REG_ALL_NIC };
	int fd = dev_open();

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_REFUSED(ctrl(fd, NETMAP_REQ_REGISTER, bad[i], &reg), EINVAL);
	close(fd);
}

static void set_header(const struct port *p, uint32_t len)
{
	struct nmreq_port_hdr hdr = { .nr_hdr_len = len };

	CHECK_GRANTED(ctrl(p->fd, NETMAP_REQ_PORT_HDR_SET, p->name, &hdr));
	hdr.nr_hdr_len = 99;
	CHECK_GRANTED(ctrl(p->fd, NETMAP_REQ_PORT_HDR_GET, p->name, &hdr));
	CHECK_EQ(hdr.nr_hdr_len, len);
}

/* A frame behind a header of zeros, between any two lengths. */
CASE(headers_of_different_lengths)
{
	static const uint32_t lens[] = { 0, 10, 12 };
	struct nmreq_register want = small;
	struct nmreq_port_hdr hdr = { .nr_hdr_len = 11 };
	struct port a, b;

	want.nr_flags = NR_ACCEPT_VNET_HDR;
	a = vale_open("a", &want);
	b = vale_open("b", &want);
	CHECK_REFUSED(ctrl(a.fd, NETMAP_REQ_PORT_HDR_SET, a.name, &hdr), EINVAL);
	for (uint32_t i = 0; i < 9; i++) {
		struct netmap_ring *t = tx_ring(&a, 0), *r = rx_ring(&b, 0);
		uint32_t from = lens[i / 3], to = lens[i % 3], seq;
		char *buf;

		set_header(&a, from);
		set_header(&b, to);
		buf = slot_buf(t, t->head);
		memset(buf, 0, from);
		write_frame(buf + from, 255, 1, i, LEN);
		t->slot[t->head].len = (uint16_t)(LEN + from);
		t->head = t->cur = nm_ring_next(t, t->head);
		txsync(&a);
		CHECK_EQ(waiting(&b), 1);
		CHECK_EQ(r->slot[r->head].len, LEN + to);
		buf = slot_buf(r, r->head);
		for (uint32_t k = 0; k < to && k < 10; k++)
			CHECK_EQ(buf[k], 0);
		memcpy(&seq, buf + to + 14, 4);
		CHECK_EQ(seq, i);
		r->head = r->cur = nm_ring_next(r, r->head);
	}
	port_close(&a);
	port_close(&b);
}

/* Who does not take his packets loses them, alone, and nobody waits. */
CASE(slow_receiver)
{
	struct port a = vale_open("a", &small), b = vale_open("b", &small), c = vale_open("c", &small);

	for (uint32_t round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 60; i++)
			put(&a, 255, 1, i);
		txsync(&a);
		CHECK_EQ(nm_ring_space(tx_ring(&a, 0)), 63);
		for (uint32_t i = 0; i < 60; i++)
			get(&b, i);
		rxsync(&b);
	}
	CHECK_EQ(ring_stats(b.fd, b.name, 1, 0).packets, 6000);
	CHECK_EQ(ring_stats(b.fd, b.name, 1, 0).drops, 0);
	CHECK_EQ(ring_stats(c.fd, c.name, 1, 0).packets, 63);
	CHECK_EQ(ring_stats(c.fd, c.name, 1, 0).drops, 6000 - 63);
	CHECK_EQ(ring_stats(a.fd, a.name, 0, 0).packets, 6000);
	port_close(&a);
	port_close(&b);
	port_close(&c);
}

CASE(several_rings)
{
	struct nmreq_register want = small;
	struct port a, b;
	uint32_t got = 0;

	want.nr_tx_rings = want.nr_rx_rings = 4;
	a = vale_open("a", &want);
	b = vale_open("b", &want);
	CHECK_EQ(a.reg.nr_tx_rings, 4);
	for (unsigned int i = 0; i < 4; i++) {
		struct netmap_ring *r = tx_ring(&a, i);

		write_frame(slot_buf(r, 0), 255, 1, i, LEN);
		r->slot[0].len = LEN;
		r->head = r->cur = 1;
	}
	txsync(&a);
	rxsync(&b);
	for (unsigned int i = 0; i < 4; i++)
		got += nm_ring_space(rx_ring(&b, i));
	CHECK_EQ(got, 4);
	port_close(&a);
	port_close(&b);
}

static void *wait_for_input(void *arg)
{
	CHECK_EQ(poll_port(arg, POLLIN, 20000), POLLIN);
	return NULL;
}

CASE(poll_wakes_the_receiver)
{
	struct port a = vale_open("a", &small), b = vale_open("b", &small), c = vale_open("c", &small);
	pthread_t t[2];

	for (uint32_t i = 0; i < 50; i++) {
		CHECK_EQ(poll_port(&b, POLLIN, 0), 0);
		pthread_create(&t[0], NULL, wait_for_input, &b);
		pthread_create(&t[1], NULL, wait_for_input, &c);
		usleep(i * 20);
		send_one(&a, 255, 1, i);
		pthread_join(t[0], NULL);
		pthread_join(t[1], NULL);
		get(&b, i);
		get(&c, i);
	}
	CHECK_EQ(poll_port(&a, POLLOUT, 0), POLLOUT);
	port_close(&a);
	port_close(&b);
	port_close(&c);
}

struct stream {
	struct port *from;
	unsigned int number;
	uint32_t n;
};

static void *run_stream(void *arg)
{
	struct stream *s = arg;

	for (uint32_t i = 0; i < s->n; i++)
		send_one(s->from, 200, s->number, s->number << 24 | i);
	return NULL;
}

/* Many send to one at the same time: each one's packets in order, all received or counted as lost. */
CASE(many_senders)
{
	struct nmreq_register want = small;
	struct port to, from[4];
	struct stream s[4];
	uint32_t next[5] = { 0 }, sent = 4 * 4000, got = 0;
	pthread_t t[4];
	char name[4];

	want.nr_rx_slots = 512;
	to = vale_open("to", &want);
	for (unsigned int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		from[i] = vale_open(name, &small);
	}
	send_one(&to, 255, 200, 0);
	for (unsigned int i = 0; i < 4; i++) {
		s[i] = (struct stream){ &from[i], i + 1, 4000 };
		pthread_create(&t[i], NULL, run_stream, &s[i]);
	}
	for (;;) {
		struct netmap_ring *r = rx_ring(&to, 0);
		struct nm_ring_stats stats = ring_stats(to.fd, to.name, 1, 0);

		rxsync(&to);
		for (; !nm_ring_empty(r); got++) {
			uint32_t seq;

			memcpy(&seq, slot_buf(r, r->head) + 14, 4);
			CHECK(seq >> 24 >= 1 && seq >> 24 <= 4 && (seq & 0xffffff) >= next[seq >> 24]);
			next[seq >> 24] = (seq & 0xffffff) + 1;
			r->head = r->cur = nm_ring_next(r, r->head);
		}
		if (stats.packets + stats.drops == sent && got == stats.packets)
			break;
	}
	for (unsigned int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		port_close(&from[i]);
	}
	port_close(&to);
}

CASE(pipe_of_a_switch_port)
{
	struct port a = vale_open("a", &small), m, s;
	char name[NETMAP_REQ_IFNAMSIZ + 2];

	snprintf(name, sizeof(name), "%s{1", a.name);
	m = port_open(name, NULL);
	snprintf(name, sizeof(name), "%s}1", a.name);
	s = port_open(name, NULL);
	CHECK_EQ(m.reg.nr_mem_id, a.reg.nr_mem_id);
	CHECK_EQ(s.reg.nr_mem_id, a.reg.nr_mem_id);
	port_close(&m);
	port_close(&s);
	port_close(&a);
}
