/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture FILE: writes a capture file (pcap, Ethernet) with a thousand packets of
 * many kinds and all sizes: TCP, UDP, ICMP, ARP, VLAN, IPv6, LLC and unknown ones.
 * The source address is 02:00:00:00:aa:01, to be told from other packets by.
 *
 * capture -c FILE FILE: are the same packets in both, in whichever order?
 *
 * capture -o FILE FILE FROM HEX: are they in both in the same order? In the second file are others too: what counts begins
 * FROM bytes from its start (0: with its first packet), and has these bytes after the addresses.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 1000
#define FRAME_MAX 1514

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

static int write_file(const char *name)
{
	struct file_head head = { 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1 };
	FILE *f = fopen(name, "wb");

	if (!f) {
		perror(name);
		return 2;
	}
	fwrite(&head, sizeof(head), 1, f);
	for (unsigned int i = 0; i < PACKETS; i++) {
		uint8_t frame[FRAME_MAX];
		uint32_t len = i % 10 ? 60 + next_random() % 1455 : i % 20 ? 60 : 1514;
		struct packet_head ph = { 1000000000 + i / 1000, i % 1000 * 1000, len, len };

		fill(frame, (int)len, i);
		fwrite(&ph, sizeof(ph), 1, f);
		fwrite(frame, len, 1, f);
	}
	return fclose(f) ? 1 : 0;
}

/* --- Comparing --------------------------------------------------------------------- */

struct packet {
	uint32_t len;
	uint8_t frame[FRAME_MAX];
};

struct packets {
	unsigned int n;
	struct packet packet[PACKETS + 1];	/* one more than there may be */
};

static int by_content(const void *a, const void *b)
{
	const struct packet *x = a, *y = b;

	return x->len != y->len ? (x->len < y->len ? -1 : 1) : memcmp(x->frame, y->frame, x->len);
}

/* What is longer than any of ours is cut, and differs by that. */
static void read_file(const char *name, struct packets *p)
{
	FILE *f = fopen(name, "rb");
	struct packet_head ph;

	if (!f || fseek(f, sizeof(struct file_head), SEEK_SET) < 0) {
		perror(name);
		exit(2);
	}
	for (p->n = 0; p->n <= PACKETS && fread(&ph, sizeof(ph), 1, f) == 1; p->n++) {
		struct packet *one = &p->packet[p->n];
		uint32_t keep = ph.caplen < FRAME_MAX ? ph.caplen : FRAME_MAX;

		one->len = ph.len;
		if (fread(one->frame, 1, keep, f) != keep || fseek(f, (long)(ph.caplen - keep), SEEK_CUR) < 0)
			break;
		if (ph.caplen != ph.len || ph.len > FRAME_MAX)
			one->len = 0;
	}
	fclose(f);
	qsort(p->packet, p->n, sizeof(p->packet[0]), by_content);
}

static int compare(const char *sent, const char *seen)
{
	static struct packets a, b;
	unsigned int i = 0;

	read_file(sent, &a);
	read_file(seen, &b);
	while (i < a.n && i < b.n && by_content(&a.packet[i], &b.packet[i]) == 0)
		i++;
	if (i == a.n && i == b.n)
		return 0;
	printf("%u packets sent, %u captured, number %u of them in order of length differs\n", a.n, b.n, i);
	return 1;
}

/* --- Comparing in order -------------------------------------------------------------- */

struct reader {
	FILE *f;
	uint8_t mark[32];	/* packets without it are left out */
	size_t mark_len;
	unsigned int n;		/* read, the last one of which is */
	uint32_t len;
	uint8_t frame[65536];
};

static void reader_open(struct reader *r, const char *name, long from, const char *hex)
{
	unsigned int byte;

	r->f = fopen(name, "rb");
	if (!r->f || fseek(r->f, from ? from : (long)sizeof(struct file_head), SEEK_SET) < 0) {
		perror(name);
		exit(2);
	}
	for (; r->mark_len < sizeof(r->mark) && sscanf(hex, "%2x", &byte) == 1; hex += 2)
		r->mark[r->mark_len++] = (uint8_t)byte;
}

static bool reader_next(struct reader *r)
{
	struct packet_head ph;

	while (fread(&ph, sizeof(ph), 1, r->f) == 1) {
		if (ph.caplen != ph.len || ph.len > sizeof(r->frame) || fread(r->frame, 1, ph.len, r->f) != ph.len) {
			printf("packet %u is cut\n", r->n);
			exit(1);
		}
		if (ph.len < 12 + r->mark_len || memcmp(r->frame + 12, r->mark, r->mark_len) != 0)
			continue;
		r->len = ph.len;
		r->n++;
		return true;
	}
	return false;
}

static int compare_in_order(const char *sent, const char *seen, long from, const char *hex)
{
	static struct reader a, b;
	bool more, other;

	reader_open(&a, sent, 0, "");
	reader_open(&b, seen, from, hex);
	while (more = reader_next(&a), other = reader_next(&b), more && other) {
		if (a.len == b.len && memcmp(a.frame, b.frame, a.len) == 0)
			continue;
		printf("packet %u, of %u bytes, differs from what was seen, of %u bytes\n", a.n, a.len, b.len);
		return 1;
	}
	if (more)
		printf("only %u packets of them were seen\n", b.n);
	else if (other)
		printf("there are %u packets, and more were seen\n", a.n);
	else
		printf("%u packets are the same\n", a.n);
	return more || other || !a.n;
}

int main(int argc, char **argv)
{
	if (argc == 2 && argv[1][0] != '-')
		return write_file(argv[1]);
	if (argc == 4 && strcmp(argv[1], "-c") == 0)
		return compare(argv[2], argv[3]);
	if (argc == 6 && strcmp(argv[1], "-o") == 0)
		return compare_in_order(argv[2], argv[3], atol(argv[4]), argv[5]);
	fprintf(stderr, "usage: capture FILE, or capture -c FILE FILE, or capture -o FILE FILE FROM HEX\n");
	return argc == 2 && strcmp(argv[1], "-h") == 0 ? 0 : 2;
}
