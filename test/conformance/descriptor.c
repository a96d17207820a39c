/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions of netmap_user.h: macros, nm_open and what goes with it. SEMANTICS 3
 * and 12. Header only: runs with and without libnetmap.
 */
#define NETMAP_WITH_LIBS
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

/* nm_open of "netmap:" + a name of this process + rest. */
static struct nm_desc *open_desc(const char *rest, const struct nmreq *req, uint64_t flags, const struct nm_desc *parent)
{
	char spec[128];

	snprintf(spec, sizeof(spec), "netmap:%s%s", unique(""), rest);
	return nm_open(spec, req, flags, parent);
}

static void pair(struct nm_desc *d[2])
{
	d[0] = open_desc("{1", NULL, 0, NULL);
	d[1] = open_desc("}1", NULL, 0, NULL);
	CHECK(d[0] && d[1]);
}

CASE(open_and_close)
{
	struct nm_desc *d = open_desc("{1", NULL, 0, NULL);

	CHECK(d);
	CHECK(IS_NETMAP_DESC(d));
	CHECK_EQ(NETMAP_FD(d), d->fd);
	CHECK(d->fd >= 0 && d->mem && d->nifp && d->some_ring);
	CHECK_EQ(d->memsize, d->req.nr_memsize);
	CHECK_EQ(d->done_mmap, 1);
	CHECK_EQ(d->first_tx_ring, 0);
	CHECK_EQ(d->last_tx_ring, 0);
	CHECK_EQ(d->first_rx_ring, 0);
	CHECK_EQ(d->last_rx_ring, 0);
	CHECK((char *)d->buf_start > (char *)d->mem && d->buf_end > d->buf_start);
	CHECK_EQ(nm_close(d), 0);
	CHECK_EQ(nm_close(NULL), 0);
}

CASE(bad_specs)
{
	static const char *const bad[] = {
		"", "netmap", "netmap:", "eth0", "netmap:{", "netmap:{1", "netmap:a{", "netmap:a{1}2", "netmap:a-",
		"netmap:a^x", "netmap:a/", "netmap:a/q", "netmap:a@", "netmap:a@x", "netmap:a@99999",
		"netmap:a-99999", "netmap:a*^", "netmap:a-1^", "netmap:name-of-more-than-15-characters", "vale", "valex",
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		CHECK_MSG(nm_open(bad[i], NULL, 0, NULL) == NULL, "\"%s\" was opened", bad[i]);
		CHECK_MSG(errno == EINVAL || errno == ENXIO, "\"%s\": %s", bad[i], strerror(errno));
	}
	errno = 0;
	CHECK(nm_open(NULL, NULL, 0, NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
}

CASE(unknown_interface)
{
	errno = 0;
	CHECK(nm_open("netmap:lrnosuch0", NULL, 0, NULL) == NULL);
	CHECK_EQ(errno, ENXIO);
}

CASE(inject_and_nextpkt)
{
	struct nm_desc *d[2];
	struct nm_pkthdr hdr;
	char packet[1500];

	pair(d);
	for (int seq = 0; seq < 3000; seq++) {
		int len = 60 + seq % 1400;
		unsigned char *buf;

		memset(packet, seq, (size_t)len);
		CHECK_EQ(nm_inject(d[0], packet, (size_t)len), len);
		CHECK_OK(ioctl(d[0]->fd, NIOCTXSYNC, NULL));
		CHECK(nm_nextpkt(d[1], &hdr) == NULL);
		CHECK_OK(ioctl(d[1]->fd, NIOCRXSYNC, NULL));
		buf = nm_nextpkt(d[1], &hdr);
		CHECK(buf);
		CHECK_EQ(hdr.len, len);
		CHECK_EQ(hdr.caplen, len);
		CHECK(memcmp(buf, packet, (size_t)len) == 0);
		CHECK(hdr.buf == buf && hdr.d == d[1] && hdr.slot->len == len);
		CHECK(nm_nextpkt(d[1], &hdr) == NULL);
	}
	nm_close(d[0]);
	nm_close(d[1]);
}

/* Full: nothing goes in, 0 comes back; the packets before are all there. */
CASE(inject_until_full)
{
	struct nm_desc *d[2];
	struct nm_pkthdr hdr;
	char packet[60] = { 0 };
	int in = 0, out = 0;

	pair(d);
	while (nm_inject(d[0], packet, sizeof(packet)) == sizeof(packet)) {
		out++;
		CHECK(out < 100000);
	}
	CHECK(out >= (int)d[0]->req.nr_tx_slots - 1);
	CHECK_EQ(nm_inject(d[0], packet, sizeof(packet)), 0);
	for (int i = 0; i < 4; i++) {
		ioctl(d[0]->fd, NIOCTXSYNC, NULL);
		ioctl(d[1]->fd, NIOCRXSYNC, NULL);
		while (nm_nextpkt(d[1], &hdr))
			in++;
	}
	CHECK_EQ(in, out);
	nm_close(d[0]);
	nm_close(d[1]);
}

CASE(inject_odd_sizes)
{
	struct nm_desc *d[2];
	static char packet[200000];

	pair(d);
	CHECK_EQ(nm_inject(d[0], packet, 0), 0);
	CHECK_EQ(nm_inject(d[0], packet, sizeof(packet)), 0);
	CHECK_EQ(nm_inject(d[0], packet, 9000), 9000);
	nm_close(d[0]);
	nm_close(d[1]);
}

struct tally {
	int packets, more, bytes;
	const struct nm_desc *d;
};

static void count(unsigned char *arg, const struct nm_pkthdr *hdr, const unsigned char *buf)
{
	struct tally *t = (struct tally *)(void *)arg;

	for (uint32_t i = 0; i < hdr->caplen; i++)
		CHECK_EQ(buf[i], (unsigned char)(hdr->len + i));
	CHECK_EQ(hdr->caplen, hdr->len);
	CHECK(hdr->d == t->d);
	t->packets++;
	t->more += !!(hdr->flags & NM_MORE_PKTS);
	t->bytes += (int)hdr->len;
}

/* Packets of one slot and of several; the callback gets each whole. */
CASE(dispatch)
{
	struct nm_desc *d[2];
	struct tally t = { 0 };
	unsigned char packet[9000];
	int bytes = 0;

	pair(d);
	t.d = d[1];
	for (int i = 0; i < 20; i++) {
		int len = i % 3 ? 100 + i : 5000 + i;

		for (int j = 0; j < len; j++)
			packet[j] = (unsigned char)(len + j);
		CHECK_EQ(nm_inject(d[0], packet, (size_t)len), len);
		bytes += len;
	}
	ioctl(d[0]->fd, NIOCTXSYNC, NULL);
	ioctl(d[1]->fd, NIOCRXSYNC, NULL);
	CHECK_EQ(nm_dispatch(d[1], 5, count, (unsigned char *)&t), 5);
	CHECK_EQ(t.packets, 5);
	CHECK_EQ(nm_dispatch(d[1], -1, count, (unsigned char *)&t), 15);
	CHECK_EQ(t.bytes, bytes);
	CHECK(t.more >= 14);
	CHECK_EQ(nm_dispatch(d[1], -1, count, (unsigned char *)&t), 0);
	nm_close(d[0]);
	nm_close(d[1]);
}

/* A second descriptor shares the mapping of the first. */
CASE(parent_lends_its_mapping)
{
	struct nm_desc *d = open_desc("{1", NULL, 0, NULL), *e;

	CHECK(d);
	e = open_desc("}1", NULL, NM_OPEN_NO_MMAP, d);
	CHECK(e);
	CHECK(e->mem == d->mem && !e->done_mmap);
	CHECK_EQ(nm_inject(d, "packet of no particular content, but long enough to be one ........", 60), 60);
	ioctl(d->fd, NIOCTXSYNC, NULL);
	ioctl(e->fd, NIOCRXSYNC, NULL);
	CHECK(nm_nextpkt(e, &e->hdr));
	nm_close(e);
	CHECK_OK(ioctl(d->fd, NIOCTXSYNC, NULL));
	nm_close(d);
}

CASE(no_mmap)
{
	struct nm_desc *d = open_desc("{1", NULL, NM_OPEN_NO_MMAP, NULL);

	CHECK(d && d->mem == NULL && d->fd >= 0);
	CHECK_EQ(nm_inject(d, "x", 1), 0);
	CHECK(nm_nextpkt(d, &d->hdr) == NULL);
	CHECK_EQ(nm_mmap(d, NULL), 0);
	CHECK(d->mem && d->nifp);
	nm_close(d);
}

CASE(name_from_the_parent)
{
	struct nm_desc *d = open_desc("{1", NULL, 0, NULL), *e;

	CHECK(d);
	e = nm_open(NULL, NULL, NM_OPEN_IFNAME, d);
	CHECK(e);
	CHECK_STREQ(e->req.nr_name, d->req.nr_name);
	nm_close(e);
	nm_close(d);
}

CASE(sizes_from_the_request_and_from_the_parent)
{
	struct nmreq req = { .nr_tx_slots = 64, .nr_rx_slots = 128, .nr_arg3 = 7 };
	struct nm_desc *d = open_desc("{1", &req, 0, NULL), *e;

	CHECK(d);
	CHECK_EQ(NETMAP_TXRING(d->nifp, 0)->num_slots, 64);
	CHECK_EQ(NETMAP_RXRING(d->nifp, 0)->num_slots, 128);
	CHECK_EQ(d->req.nr_arg3, 7);
	CHECK(d->nifp->ni_bufs_head != 0);
	e = nm_open("netmap:anotherpipe{9", NULL, NM_OPEN_RING_CFG | NM_OPEN_ARG2 | NM_OPEN_ARG3, d);
	CHECK(e);
	CHECK_EQ(NETMAP_TXRING(e->nifp, 0)->num_slots, 64);
	CHECK_EQ(e->req.nr_arg2, d->req.nr_arg2);
	CHECK_EQ(e->req.nr_arg3, 7);
	nm_close(e);
	nm_close(d);
}

CASE(letters_and_suffixes)
{
	struct nm_desc *d = open_desc("{1/x", NULL, 0, NULL);

	CHECK(d);
	CHECK(d->req.nr_flags & NR_EXCLUSIVE);
	CHECK(open_desc("{1", NULL, 0, NULL) == NULL);
	CHECK_EQ(errno, EBUSY);
	nm_close(d);
	d = open_desc("{1/R", NULL, 0, NULL);
	CHECK(d);
	CHECK(d->first_tx_ring > d->last_tx_ring);
	CHECK_EQ(nm_inject(d, "x", 1), 0);
	nm_close(d);
	d = open_desc("{1-0", NULL, 0, NULL);
	CHECK(d);
	CHECK_EQ(d->req.nr_flags & NR_REG_MASK, NR_REG_ONE_NIC);
	nm_close(d);
	CHECK(open_desc("{1-3", NULL, 0, NULL) == NULL);
	CHECK_EQ(errno, EINVAL);
}

/* The macros, on a ring that is no port's. */
CASE(macros)
{
	struct netmap_ring *r = calloc(1, 2 << 20);

	CHECK(r);
	*(uint32_t *)(uintptr_t)&r->nr_buf_size = 2048;
	*(int64_t *)(uintptr_t)&r->buf_ofs = 1 << 20;
	*(uint32_t *)(uintptr_t)&r->num_slots = 8;
	r->offset_mask = 0xff;
	CHECK(NETMAP_BUF(r, 3) == (char *)r + (1 << 20) + 3 * 2048);
	CHECK_EQ(NETMAP_BUF_IDX(r, NETMAP_BUF(r, 77)), 77);
	CHECK_EQ(nm_ring_next(r, 6), 7);
	CHECK_EQ(nm_ring_next(r, 7), 0);
	for (uint32_t head = 0; head < 8; head++) {
		for (uint32_t tail = 0; tail < 8; tail++) {
			r->head = r->cur = head;
			r->tail = tail;
			CHECK_EQ(nm_ring_space(r), (tail + 8 - head) % 8);
			CHECK_EQ(!!nm_ring_empty(r), head == tail);
			CHECK_EQ(!!nm_tx_pending(r), head != (tail + 1) % 8);
		}
	}
	r->slot[2].buf_idx = 5;
	r->slot[2].ptr = 0xab00;
	NETMAP_WOFFSET(r, &r->slot[2], 0x1234);
	CHECK_EQ(r->slot[2].ptr, 0xab34);
	CHECK_EQ(NETMAP_ROFFSET(r, &r->slot[2]), 0x34);
	CHECK(NETMAP_BUF_OFFSET(r, &r->slot[2]) == NETMAP_BUF(r, 5) + 0x34);
	free(r);
}

CASE(copy)
{
	static char from[4096], to[4096];

	for (int len = 0; len < 2048; len += 7) {
		memset(to, 0, sizeof(to));
		for (int i = 0; i < len; i++)
			from[i] = (char)(i * 3 + 1);
		nm_pkt_copy(from, to, len);
		CHECK(memcmp(from, to, (size_t)len) == 0);
		/* It may round up, to the cache line at most. */
		for (int i = len + 64; i < 4096; i++)
			CHECK_EQ(to[i], 0);
	}
}

CASE(interface)
{
	char spec[64], packet[1500];
	struct nm_desc *d;
	int sock = wire_socket();

	snprintf(spec, sizeof(spec), "netmap:%s", wire_near());
	d = nm_open(spec, NULL, 0, NULL);
	CHECK(d);
	CHECK_EQ(d->req.nr_arg2, 1);
	for (uint32_t seq = 0; seq < 300; seq++) {
		struct pollfd pfd = { .fd = d->fd, .events = POLLIN };
		struct nm_pkthdr hdr;
		unsigned char *buf;

		frame_fill(packet, seq, 200);
		CHECK_EQ(nm_inject(d, packet, 200), 200);
		CHECK_OK(ioctl(d->fd, NIOCTXSYNC, NULL));
		CHECK_EQ(wire_receive(sock, 1000, NULL), seq);
		wire_send(sock, seq, 300);
		do {
			CHECK_EQ(poll(&pfd, 1, 1000), 1);
			buf = nm_nextpkt(d, &hdr);
		} while (buf == NULL || frame_check((char *)buf, (uint16_t)hdr.len) != (int)seq);
	}
	nm_close(d);
	snprintf(spec, sizeof(spec), "netmap:%s-0/T", wire_near());
	d = nm_open(spec, NULL, 0, NULL);
	CHECK(d);
	CHECK_EQ(d->first_tx_ring, 0);
	CHECK_EQ(d->last_tx_ring, 0);
	nm_close(d);
}
