/* SPDX-License-Identifier: BSD-2-Clause */
/* The UDP packet that is sent, and how it changes from one to the next. */
#ifndef PKT_GEN_PACKET_H
#define PKT_GEN_PACKET_H

#include "range.h"

#include <stdbool.h>
#include <stdint.h>

struct options;

/* The longest IPv4 packet, with its Ethernet header. */
#define PACKET_LENGTH_MAX (65535 + 14)
/* What ping puts at the start of the payload. */
#define PACKET_STAMP_LENGTH 16

struct cursor {
	struct span span;
	uint64_t now;
};

struct packet {
	uint8_t *bytes;		/* virtio-net header and frame, for the longest length */
	uint32_t vnet_length;
	uint32_t header_length;	/* virtio-net, Ethernet, IP and UDP headers */
	uint32_t length;	/* of this packet, all included */
	uint32_t length_min;
	uint32_t length_max;
	bool varies;		/* one packet differs from the next */
	bool ipv6;
	bool random_source;
	bool random_target;
	uint64_t random_state;
	struct cursor source_mac;
	struct cursor target_mac;
	struct cursor source;
	struct cursor target;
	struct cursor source_port;
	struct cursor target_port;
	/* Sums of the 16-bit words that never change, not yet folded. */
	uint64_t ip_sum;
	uint64_t udp_sum;
	uint32_t *payload_sums;	/* by length of the payload */
};

/* Ethernet, IP and UDP headers. */
uint32_t packet_header_length(int family);

/*
 * False when there is no memory. own_mac is the source when -S was not given. Different seeds give different random
 * packets.
 */
bool packet_init(struct packet *packet, const struct options *options, const uint8_t own_mac[6], uint64_t seed);
void packet_fini(struct packet *packet);

/* Writes the next packet. Only the headers differ from what was there before. */
void packet_next(struct packet *packet);

/* Puts a stamp at the start of the payload of the packets to come. */
void packet_stamp(struct packet *packet, const uint8_t stamp[PACKET_STAMP_LENGTH]);

#endif
