/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets that a sending stack leaves to be cut and summed up by hardware that is not there: programs see segments as they
 * would be on a wire, each whole. The far end sends what a stack with TSO does (packet(7), PACKET_VNET_HDR).
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "wire.h"

#define SIZE 1000u	/* bytes of data in a segment */
#define MAX 65000u
#define SEQ 0xfffff000u	/* goes round soon */

static struct {
	struct virtio_net_hdr v;
	uint8_t frame[MAX];
} __attribute__((packed)) sent;

static uint16_t sum(uint32_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of TCP's pseudo header, without the length. */
static uint16_t pseudo(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? sum(IPPROTO_TCP, ip + 12, 8) : sum(IPPROTO_TCP, ip + 8, 32);
}

static size_t ip_len(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
}

/* One packet with len bytes of data, sent from the far end. */
static void send_long(int sock, int family, uint32_t len)
{
	bool v4 = family == AF_INET;
	uint8_t *ip = sent.frame + ETH_HLEN;
	uint32_t ip_size = v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr), head = ETH_HLEN + ip_size + sizeof(struct tcphdr);
	struct tcphdr tcp = { .source = htons(7), .dest = htons(8), .seq = htonl(SEQ), .doff = 5, .ack = 1, .psh = 1 };
	struct iphdr ip4 = { .version = 4, .ihl = 5, .ttl = 9, .protocol = IPPROTO_TCP, .saddr = htonl(0x0a000001),
			     .daddr = htonl(0x0a000002), .id = htons(0xfffe) };
	struct ip6_hdr ip6 = { .ip6_src.s6_addr = { 0xfd, 1, [15] = 1 }, .ip6_dst.s6_addr = { 0xfd, 1, [15] = 2 } };

	memset(&sent, 0, sizeof(sent));
	memcpy(sent.frame, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
	memcpy(sent.frame + 12, v4 ? "\x08\x00" : "\x86\xdd", 2);
	if (v4) {
		ip4.tot_len = htons((uint16_t)(head - ETH_HLEN + len));
		ip4.check = htons((uint16_t)~sum(0, &ip4, sizeof(ip4)));
		memcpy(ip, &ip4, sizeof(ip4));
	} else {
		ip6.ip6_flow = htonl(6u << 28);
		ip6.ip6_plen = htons((uint16_t)(sizeof(tcp) + len));
		ip6.ip6_nxt = IPPROTO_TCP;
		ip6.ip6_hlim = 9;
		memcpy(ip, &ip6, sizeof(ip6));
	}
	tcp.check = htons(sum(pseudo(ip), &(uint16_t){ htons((uint16_t)(sizeof(tcp) + len)) }, 2));
	memcpy(ip + ip_size, &tcp, sizeof(tcp));
	for (uint32_t i = 0; i < len; i++)
		sent.frame[head + i] = (uint8_t)(i ^ i >> 8);
	sent.v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	sent.v.gso_type = v4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	sent.v.gso_size = SIZE;
	sent.v.hdr_len = (uint16_t)head;
	sent.v.csum_start = (uint16_t)(ETH_HLEN + ip_size);
	sent.v.csum_offset = offsetof(struct tcphdr, check);
	CHECK_EQ(send(sock, &sent, sizeof(sent.v) + head + len, 0), sizeof(sent.v) + head + len);
}

/* The segment that begins with byte ofs of what was sent last, len bytes, as a NIC would have made it. Returns how many it has. */
static uint32_t check_segment(const uint8_t *frame, uint32_t frame_len, uint32_t ofs, uint32_t len)
{
	const uint8_t *ip = frame + ETH_HLEN;
	uint32_t head = (uint32_t)(ETH_HLEN + ip_len(ip) + sizeof(struct tcphdr)), n = len - ofs < SIZE ? len - ofs : SIZE;
	uint32_t tcp_len = sizeof(struct tcphdr) + n;
	struct tcphdr tcp;

	/* Hardware makes short frames longer. */
	if (frame_len != 60 || head + n > 60)
		CHECK_EQ(frame_len, head + n);
	memcpy(&tcp, ip + ip_len(ip), sizeof(tcp));
	CHECK_EQ(ntohl(tcp.seq), SEQ + ofs);
	CHECK_EQ(tcp.psh, ofs + n == len);
	CHECK_EQ(tcp.ack, 1);
	if (ip[0] >> 4 == 4) {
		CHECK_EQ(sum(0, ip, sizeof(struct iphdr)), 0xffff);
		CHECK_EQ(ip[2] << 8 | ip[3], (int)(head + n - ETH_HLEN));
	} else {
		CHECK_EQ(ip[4] << 8 | ip[5], (int)tcp_len);
	}
	CHECK_EQ(sum(pseudo(ip) + tcp_len, ip + ip_len(ip), tcp_len), 0xffff);
	CHECK(memcmp(frame + head, sent.frame + head + ofs, n) == 0);
	return n;
}

/* What was nonsense comes with another first byte of its IP header. */
static bool ours(const uint8_t *frame)
{
	return memcmp(frame, sent.frame, ETH_HLEN + 1) == 0;
}

/* All segments of what was sent last, in order. */
static void receive_segments(struct port *p, uint32_t len)
{
	uint32_t ofs = 0;

	while (ofs < len) {
		CHECK_MSG(poll_port(p, POLLIN, wire_patience(1000)) == POLLIN, "%u bytes of %u came", ofs, len);
		for (unsigned int i = 0; i < p->nifp->ni_rx_rings; i++) {
			struct netmap_ring *r = rx_ring(p, i);

			for (; !nm_ring_empty(r); r->head = r->cur = nm_ring_next(r, r->head)) {
				const struct netmap_slot *s = &r->slot[r->head];
				const uint8_t *frame = (uint8_t *)NETMAP_BUF(r, s->buf_idx);

				CHECK(!(s->flags & NS_MOREFRAG));
				if (ours(frame))
					ofs += check_segment(frame, s->len, ofs, len);
			}
		}
	}
}

static int far_socket(void)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(wire_far()) };
	int sock = socket(AF_PACKET, SOCK_RAW, 0), on = 1;

	CHECK_OK(sock);
	CHECK_OK(bind(sock, (struct sockaddr *)&addr, sizeof(addr)));
	CHECK_OK(setsockopt(sock, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)));
	return sock;
}

static void cut_all(int family, struct nmreq_register *want)
{
	static const uint32_t lens[] = { SIZE + 1, 2 * SIZE, 5 * SIZE + 333, 40 * SIZE - 1, 60 * SIZE };
	struct port p = port_open(wire_near(), want);
	int sock = far_socket();

	for (int round = 0; round < 5; round++)
		for (unsigned int i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			send_long(sock, family, lens[i]);
			receive_segments(&p, lens[i]);
		}
	port_close(&p);
}

CASE(ipv4)
{
	cut_all(AF_INET, NULL);
}

CASE(ipv6)
{
	cut_all(AF_INET6, NULL);
}

/* Headers say one thing, the packet is another: dropped, or passed on, and the next one comes as ever. */
CASE(nonsense)
{
	static const uint16_t starts[] = { 0, 1, 14, 33, 60, 200, 0xffff };
	struct port p = port_open(wire_near(), NULL);
	int sock = far_socket();

	for (unsigned int i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		send_long(sock, AF_INET, 3 * SIZE);
		receive_segments(&p, 3 * SIZE);
		sent.v.csum_start = starts[i];
		sent.frame[ETH_HLEN] = 0x4f;
		send(sock, &sent, sizeof(sent.v) + 2000, 0);
	}
	port_close(&p);
}
