/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture FILE: writes a capture file (pcap, Ethernet) with a thousand packets of
 * many kinds and all sizes: TCP, UDP, ICMP, ARP, VLAN, IPv6, LLC and unknown ones.
 * The source address is 02:00:00:00:aa:01, to be told from other packets by.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PACKETS 1000

struct file_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, linktype;
};

struct packet_head {
	uint32_t sec, usec, caplen, len;
};

static uint32_t next_random(void)
{
	static uint64_t state = 20110;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33);
}

static void put16(uint8_t *p, uint16_t v)
{
	v = htons(v);
	memcpy(p, &v, sizeof(v));
}

/* Sum of 16-bit words, as IP has it. */
static uint16_t ip_sum(const uint8_t *p, int n)
{
	uint32_t sum = 0;

	for (; n > 1; p += 2, n -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void ipv4(uint8_t *p, int len, uint8_t proto)
{
	static const uint8_t addresses[8] = { 192, 0, 2, 1, 198, 51, 100, 7 };

	p[0] = 0x45;
	p[1] = 0;
	put16(p + 2, (uint16_t)len);
	p[6] = p[7] = 0;
	p[8] = 64;
	p[9] = proto;
	put16(p + 10, 0);
	memcpy(p + 12, addresses, sizeof(addresses));
	put16(p + 10, ip_sum(p, 20));
}

/* One frame of some kind; its first 12 bytes are addresses, the rest is random but for the headers. */
static void fill(uint8_t *frame, int len, unsigned int kind)
{
	static const uint16_t types[] = { 0x0800, 0x0800, 0x0800, 0x0806, 0x8100, 0x86dd, 0, 0x88b5 };
	static const uint8_t protos[] = { 6, 17, 1 };

	for (int i = 0; i < len; i++)
		frame[i] = (uint8_t)next_random();
	memcpy(frame, "\x02\x00\x00\x00\xbb\x02\x02\x00\x00\x00\xaa\x01", 12);
	if (kind % 11 == 0)
		memset(frame, 0xff, 6);
	put16(frame + 12, types[kind % 8]);
	if (kind % 8 < 3)
		ipv4(frame + 14, len - 14, protos[kind % 8]);
	if (kind % 8 == 4) {
		put16(frame + 14, (uint16_t)(kind & 0xfff));
		put16(frame + 16, 0x0800);
		ipv4(frame + 18, len - 18, 17);
	}
	if (kind % 8 == 6)
		put16(frame + 12, (uint16_t)(len - 14));
}

int main(int argc, char **argv)
{
	struct file_head head = { 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1 };
	FILE *f = argc == 2 ? fopen(argv[1], "wb") : NULL;

	if (!f) {
		fprintf(stderr, "usage: capture file\n");
		return 2;
	}
	fwrite(&head, sizeof(head), 1, f);
	for (unsigned int i = 0; i < PACKETS; i++) {
		uint8_t frame[1514];
		uint32_t len = i % 10 ? 60 + next_random() % 1455 : i % 20 ? 60 : 1514;
		struct packet_head ph = { 1000000000 + i / 1000, i % 1000 * 1000, len, len };

		fill(frame, (int)len, i);
		fwrite(&ph, sizeof(ph), 1, f);
		fwrite(frame, len, 1, f);
	}
	return fclose(f) ? 1 : 0;
}
