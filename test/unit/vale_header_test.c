/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VALE ports whose packets are not alike: virtio-net headers of different lengths, checksums and segmentation that a
 * receiver without header has to get done, smaller buffers; and headers that say nonsense.
 */
#include "vale_port.h"

#define DATA 6000

static struct lr_file *a, *b;
static uint8_t frame[DATA + 200], got[200][4096];
static uint32_t got_len[200];

static void set_header(struct lr_file *f, uint32_t len)
{
	struct nmreq_port_hdr hdr = { .nr_hdr_len = len };

	CHECK_EQ(core_ask(f, NETMAP_REQ_PORT_HDR_SET, "", &hdr), 0);
}

static void begin(uint32_t from, uint32_t to)
{
	a = core_must_open("vale0:a", 256);
	b = core_must_open("vale0:b", 256);
	set_header(a, from);
	set_header(b, to);
}

static void end(void)
{
	lr_file_close(a);
	vale_close(&b, 1);
}

/* Sends n bytes, in slots of at most `piece`. */
static void send_bytes(const uint8_t *p, uint32_t n, uint32_t piece)
{
	while (n) {
		struct netmap_slot *s = vale_next_slot(a);
		uint32_t some = n < piece ? n : piece;

		memcpy(vale_buf(a, s), p, some);
		s->len = (uint16_t)some;
		n -= some;
		s->flags = n ? NS_MOREFRAG : 0;
		p += some;
		vale_advance(core_tx(a));
	}
	vale_send(a);
}

/* All packets that have come, put together. */
static uint32_t receive(void)
{
	struct netmap_ring *r = core_rx(b);
	uint32_t n = 0, left = vale_waiting(b);

	memset(got_len, 0, sizeof(got_len));
	for (; left--; vale_advance(r)) {
		struct netmap_slot *s = &r->slot[r->head];

		if (n < 200 && got_len[n] + s->len <= sizeof(got[0])) {
			memcpy(got[n] + got_len[n], vale_buf(b, s), s->len);
			got_len[n] += s->len;
		}
		n += !(s->flags & NS_MOREFRAG);
	}
	CHECK_EQ(lr_file_ioctl(b, NIOCRXSYNC, 0), 0);
	return n;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* By the book, byte by byte. */
static uint32_t sum(const uint8_t *p, uint32_t n, uint32_t s)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

static uint32_t pseudo(const uint8_t *ip, bool v6, uint32_t proto, uint32_t len)
{
	return sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, proto + len);
}

/* A header of 10 bytes, and a TCP packet with so much data behind it. Its length. */
static uint32_t tcp_packet(uint32_t hdr, bool v6, uint32_t data, uint32_t gso, uint8_t flags)
{
	uint8_t *p = frame + hdr, *ip = p + 14, *tcp = ip + (v6 ? 40 : 20);
	uint32_t head = (uint32_t)(tcp - p) + 32, i;

	memset(frame, 0, sizeof(frame));
	frame[0] = 1;
	frame[1] = gso ? v6 ? 4 : 1 : 0;
	frame[2] = (uint8_t)head;
	frame[4] = (uint8_t)gso;
	frame[5] = (uint8_t)(gso >> 8);
	frame[6] = (uint8_t)(tcp - p);
	frame[8] = 16;
	vale_mac(p, 0xff);
	vale_mac(p + 6, 1);
	put16(p + 12, v6 ? 0x86dd : 0x0800);
	if (v6) {
		ip[0] = 0x60;
		put16(ip + 4, 32 + data);
		ip[6] = 6;
		for (i = 8; i < 40; i++)
			ip[i] = (uint8_t)i;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + 32 + data);
		put16(ip + 4, 0xfffe);
		ip[8] = 64;
		ip[9] = 6;
		for (i = 12; i < 20; i++)
			ip[i] = (uint8_t)(200 + i);
		put16(ip + 10, ~sum(ip, 20, 0));
	}
	put16(tcp + 4, 0x1234);
	put16(tcp + 6, 0xffff);
	tcp[12] = 8 << 4;
	tcp[13] = flags;
	for (i = 0; i < data; i++)
		p[head + i] = (uint8_t)(i * 7 + i / 256);
	put16(tcp + 16, pseudo(ip, v6, 6, 32 + data));
	return head + data;
}

/* Frame number i of the received is segment i: its data, its headers, its sums. */
static void check_segment(uint32_t i, bool v6, uint32_t ofs, uint32_t n, uint8_t flags)
{
	const uint8_t *p = got[i], *ip = p + 14, *tcp = ip + (v6 ? 40 : 20);
	uint32_t head = (uint32_t)(tcp - p) + 32, k;

	CHECK_EQ(got_len[i], head + n);
	if (v6) {
		CHECK_EQ(get16(ip + 4), 32 + n);
	} else {
		CHECK_EQ(get16(ip + 2), 52 + n);
		CHECK_EQ(get16(ip + 4), (0xfffe + i) & 0xffff);
		CHECK_EQ(sum(ip, 20, 0), 0xffff);
	}
	CHECK_EQ(get32(tcp + 4), 0x1234ffff + ofs);
	CHECK_EQ(tcp[13], flags);
	CHECK_EQ(sum(tcp, 32 + n, pseudo(ip, v6, 6, 32 + n)), 0xffff);
	for (k = 0; k < n; k++)
		if (p[head + k] != (uint8_t)((ofs + k) * 7 + (ofs + k) / 256)) {
			FAIL("segment %u differs at byte %u", i, k);
			return;
		}
}

static void segmentation(void)
{
	static const uint32_t hdrs[] = { 10, 12 }, pieces[] = { 2048, 1000, 333, 10 };
	unsigned int h, v6, k;

	for (h = 0; h < 2; h++) {
		for (v6 = 0; v6 < 2; v6++) {
			for (k = 0; k < LR_ARRAY_SIZE(pieces); k++) {
				uint32_t data = pieces[k] == 10 ? 500 : 5000 + k, gso = pieces[k] == 10 ? 100 : 1448, n, i;
				uint32_t len = hdrs[h] + tcp_packet(hdrs[h], v6, data, gso, 0x99);	/* CWR ACK PSH FIN */

				begin(hdrs[h], 0);
				send_bytes(frame, len, pieces[k]);
				n = receive();
				CHECK_EQ(n, (data + gso - 1) / gso);
				for (i = 0; i < n; i++)
					check_segment(i, v6, i * gso, i + 1 < n ? gso : data - i * gso,
						      (uint8_t)(0x10 | (i ? 0 : 0x80) | (i + 1 < n ? 0 : 0x09)));
				end();
			}
		}
	}
}

static void checksums(void)
{
	static const uint32_t pieces[] = { 2048, 999, 301, 31 };
	uint32_t data, len, k;

	for (k = 0; k < LR_ARRAY_SIZE(pieces); k++) {
		for (data = 1; data < 1400; data += 97) {
			if (data / pieces[k] > 40)
				continue;
			len = tcp_packet(10, false, data, 0, 0x18);
			begin(10, 0);
			send_bytes(frame, 10 + len, pieces[k]);
			CHECK_EQ(receive(), 1);
			CHECK_EQ(got_len[0], len);
			got[0][14 + 4] = 0xff;
			got[0][14 + 5] = 0xfe;
			check_segment(0, false, 0, data, 0x18);
			end();
		}
	}
	/* One who knows of headers is told. */
	len = tcp_packet(12, true, 500, 0, 0x18);
	begin(12, 10);
	send_bytes(frame, 12 + len, 2048);
	CHECK_EQ(receive(), 1);
	CHECK_EQ(got_len[0], len + 10);
	CHECK(memcmp(got[0], frame, 10) == 0 && memcmp(got[0] + 10, frame + 12, len) == 0);
	end();
	len = tcp_packet(10, true, 3000, 1448, 0x18);
	begin(10, 12);
	send_bytes(frame, 10 + len, 2048);
	CHECK_EQ(receive(), 1);
	CHECK_EQ(got_len[0], len + 12);
	CHECK(memcmp(got[0], frame, 10) == 0 && got[0][10] == 1 && !got[0][11] && memcmp(got[0] + 12, frame + 10, len) == 0);
	end();
}

/* Headers that cannot be, one after the other: dropped, counted, and nothing else. */
static void nonsense(void)
{
	uint64_t seed = 7;
	uint32_t i, len, sent = 0;
	struct lr_counters *count;

	begin(10, 0);
	count = vale_count(b, LR_RX);
	len = tcp_packet(10, false, 3000, 1448, 0x18);
	frame[4] = frame[5] = 0;			/* no size */
	send_bytes(frame, 10 + len, 2048);
	tcp_packet(10, false, 3000, 1448, 0x18);
	frame[1] = 3;					/* UDP */
	send_bytes(frame, 10 + len, 2048);
	tcp_packet(10, false, 3000, 1448, 0x18);
	frame[1] = 4;					/* IPv6 it is not */
	send_bytes(frame, 10 + len, 2048);
	tcp_packet(10, false, 3000, 1448, 0x18);
	frame[10 + 14 + 20 + 12] = 0x40;		/* a TCP header of 16 bytes */
	send_bytes(frame, 10 + len, 2048);
	tcp_packet(10, false, 3000, 1, 0x18);		/* more segments than there are slots */
	send_bytes(frame, 10 + len, 2048);
	len = tcp_packet(10, false, 300, 0, 0x18);
	frame[8] = 255;					/* the sum is past the head */
	frame[9] = 255;
	send_bytes(frame, 10 + len, 2048);
	CHECK_EQ(count->drops, 6);
	CHECK_EQ(receive(), 0);
	for (i = 0; i < 20000; i++) {
		uint32_t k = unit_random(&seed) % 4 + 1;

		len = tcp_packet(10, unit_random(&seed) & 1, unit_random(&seed) % 4000, unit_random(&seed) % 3000, 0x18);
		while (k--)
			frame[unit_random(&seed) % 80] = (uint8_t)unit_random(&seed);
		send_bytes(frame, 10 + len, unit_random(&seed) % 2000 + 48);
		sent++;
		if (i % 8 == 0)
			receive();
	}
	CHECK(count->packets + count->drops >= sent);
	receive();
	len = tcp_packet(10, false, 5000, 1448, 0x18);
	send_bytes(frame, 10 + len, 2048);
	CHECK_EQ(receive(), 4);
	end();
}

/* From large buffers to small ones: in more slots. */
static void smaller_buffers(void)
{
	const struct lr_region_params before = lr_region_params[1];
	uint32_t len, i;

	a = core_must_open("vale0:a", 64);
	lr_region_params[1].pool[LR_POOL_BUF].size = 256;
	b = core_must_open("vale0:b", 64);
	lr_region_params[1] = before;
	for (len = 60; len <= 2048; len += 71) {
		struct netmap_ring *r = core_rx(b);
		uint32_t slots = (len + 255) / 256;

		vale_put(a, 0xff, 1, len, (uint16_t)len, 0);
		vale_send(a);
		CHECK_EQ(vale_waiting(b), slots);
		for (i = 0; i < slots; i++) {
			struct netmap_slot *s = &r->slot[r->head];

			CHECK_EQ(s->len, i + 1 < slots ? 256 : len - 256 * (slots - 1));
			CHECK_EQ(s->flags, i + 1 < slots ? NS_MOREFRAG | (slots - 1 - i) << NS_PORT_SHIFT : 0);
			CHECK_EQ((uint8_t)vale_buf(b, s)[s->len - 1], (uint8_t)len);
			vale_advance(r);
		}
	}
	end();
}

static const struct unit_case cases[] = {
	{ "segmentation", segmentation },
	{ "checksums", checksums },
	{ "nonsense in headers", nonsense },
	{ "smaller buffers", smaller_buffers },
};

int main(int argc, char **argv)
{
	lr_core_init();
	return unit_main(cases, LR_ARRAY_SIZE(cases), argc, argv);
}
