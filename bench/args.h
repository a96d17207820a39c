/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Args: the command line shared by the bench programs, and the packet that all of them send.
 *
 * Every sender sends the same frame: Ethernet, IPv4, UDP to port 9 (discard), zeros; -l is the length of the whole
 * frame without its checksum, as an interface counts it. A program takes those letters of ARGS_LETTERS that mean
 * something to it.
 */
#ifndef BENCH_ARGS_H
#define BENCH_ARGS_H

#include "measure.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <unistd.h>

#define ARGS_DISCARD 9
#define ARGS_HEADERS (sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr))

struct args {
	const char *ifname;	/* -i: interface, or port name */
	unsigned queue;		/* -q */
	unsigned batch;		/* -b: packets per system call */
	unsigned ring;		/* -r: slots of each ring */
	unsigned length;	/* -l: bytes of a frame */
	double seconds;		/* -t */
	int core;		/* -c: core to stay on, -1 for any */
	bool wait;		/* -w: sleep in poll() instead of spinning */
	struct ether_addr source, target;	/* -S, -D */
	struct in_addr source_ip, target_ip;	/* -s, -d */
	int rest;		/* index of the first argument that is no option */
};

/* Say what the program is for, and of the options those that it takes. */
static inline void args_help(FILE *to, const char *purpose, const char *letters)
{
	static const char *const lines[] = {
		"i NAME   interface or port",
		"q N      queue (0)",
		"b N      packets per system call (256)",
		"r N      ring size, a power of two (1024)",
		"l N      frame length without checksum (60)",
		"t S      seconds to measure (1)",
		"c N      stay on core N",
		"w        sleep in poll() while there is nothing to do, instead of spinning",
		"S MAC    source address",
		"D MAC    destination address",
		"s IPV4   source address",
		"d IPV4   destination address",
		"h        this text",
	};

	fputs(purpose, to);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strchr(letters, lines[i][0]))
			fprintf(to, "  -%s\n", lines[i]);
}

static inline unsigned args_number(const char *text, unsigned min, unsigned max, int letter)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < min || n > max) {
		fprintf(stderr, "-%c takes a number from %u to %u, not \"%s\"\n", letter, min, max, text);
		exit(2);
	}
	return (unsigned)n;
}

static inline double args_seconds(const char *text)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s > 0 && s <= 3600)) {
		fprintf(stderr, "-t takes seconds up to 3600, not \"%s\"\n", text);
		exit(2);
	}
	return s;
}

static inline struct ether_addr args_mac(const char *text)
{
	struct ether_addr mac;
	uint8_t *o = mac.ether_addr_octet;
	char rest;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &o[0], &o[1], &o[2], &o[3], &o[4], &o[5], &rest) != 6) {
		fprintf(stderr, "\"%s\" is no Ethernet address\n", text);
		exit(2);
	}
	return mac;
}

static inline struct in_addr args_ip(const char *text)
{
	struct in_addr ip;

	if (inet_pton(AF_INET, text, &ip) != 1) {
		fprintf(stderr, "\"%s\" is no IPv4 address\n", text);
		exit(2);
	}
	return ip;
}

/* Parse; letters is a getopt string out of "i:q:b:r:l:t:c:wS:D:s:d:h". Exits on errors and -h. */
static inline void args_parse(struct args *a, int argc, char **argv, const char *letters,
			      const char *purpose)
{
	int c;

	*a = (struct args){ .batch = 256, .ring = 1024, .length = 60, .seconds = 1, .core = -1 };
	a->source = args_mac("02:00:00:00:00:01");
	a->target = args_mac("02:00:00:00:00:02");
	a->source_ip = args_ip("192.0.2.1");
	a->target_ip = args_ip("192.0.2.2");
	while ((c = getopt(argc, argv, letters)) != -1) {
		switch (c) {
		case 'i': a->ifname = optarg; break;
		case 'q': a->queue = args_number(optarg, 0, 1023, c); break;
		case 'b': a->batch = args_number(optarg, 1, 32768, c); break;
		case 'r': a->ring = args_number(optarg, 8, 65536, c); break;
		case 'l': a->length = args_number(optarg, 60, 1514, c); break;
		case 't': a->seconds = args_seconds(optarg); break;
		case 'c': a->core = (int)args_number(optarg, 0, CPU_SETSIZE - 1, c); break;
		case 'w': a->wait = true; break;
		case 'S': a->source = args_mac(optarg); break;
		case 'D': a->target = args_mac(optarg); break;
		case 's': a->source_ip = args_ip(optarg); break;
		case 'd': a->target_ip = args_ip(optarg); break;
		case 'h': args_help(stdout, purpose, letters); exit(0);
		default: args_help(stderr, purpose, letters); exit(2);
		}
	}
	a->rest = optind;
	if (strchr(letters, 'i') && !a->ifname) {
		args_help(stderr, purpose, letters);
		exit(2);
	}
	if (a->ring & (a->ring - 1)) {
		fprintf(stderr, "-r takes a power of two, not %u\n", a->ring);
		exit(2);
	}
	if (a->batch > a->ring)
		a->batch = a->ring;
}

static inline uint16_t args_ip_checksum(const void *header)
{
	const uint8_t *p = header;
	uint32_t sum = 0;

	for (unsigned i = 0; i < sizeof(struct iphdr); i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Write the frame, a->length bytes, to buf. */
static inline void args_frame(const struct args *a, void *buf)
{
	struct ether_header eth = { .ether_type = htons(ETHERTYPE_IP) };
	struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP };
	struct udphdr udp = { .source = htons(ARGS_DISCARD), .dest = htons(ARGS_DISCARD) };
	char *p = buf;

	memcpy(eth.ether_shost, &a->source, ETH_ALEN);
	memcpy(eth.ether_dhost, &a->target, ETH_ALEN);
	ip.tot_len = htons((uint16_t)(a->length - sizeof(eth)));
	ip.saddr = a->source_ip.s_addr;
	ip.daddr = a->target_ip.s_addr;
	ip.check = args_ip_checksum(&ip);
	udp.len = htons((uint16_t)(a->length - sizeof(eth) - sizeof(ip)));
	memset(p, 0, a->length);
	memcpy(p, &eth, sizeof(eth));
	memcpy(p + sizeof(eth), &ip, sizeof(ip));
	memcpy(p + sizeof(eth) + sizeof(ip), &udp, sizeof(udp));
}

#endif
