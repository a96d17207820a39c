/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UDP packet that is sent, and how it changes from one to the next.
 *
 * Both checksums are right in every packet, at a cost that does not depend on its length: what never changes is
 * summed up once, the payload once for each length it can be cut to, and a packet only adds the fields that changed
 * (RFC 1071: the order of additions is free).
 */
#include "packet.h"

#include "options.h"

#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ETHER_LENGTH 14
#define IPV4_LENGTH 20
#define IPV6_LENGTH 40
#define UDP_LENGTH 8
#define HOP_LIMIT 64
#define PORT_DEFAULT 1234

static const char payload_text[] = "linerate pkt-gen test packet. ";

static void store16(uint8_t *to, uint16_t value)
{
	value = htobe16(value);
	memcpy(to, &value, sizeof(value));
}

static void store32(uint8_t *to, uint32_t value)
{
	value = htobe32(value);
	memcpy(to, &value, sizeof(value));
}

static void store64(uint8_t *to, uint64_t value)
{
	value = htobe64(value);
	memcpy(to, &value, sizeof(value));
}

static void store_mac(uint8_t *to, uint64_t value)
{
	store16(to, value >> 32);
	store32(to + 2, value);
}

/* The sum of the four 16-bit words of a number. */
static uint64_t word_sum(uint64_t value)
{
	return (value >> 48) + (value >> 32 & 0xffff) + (value >> 16 & 0xffff) + (value & 0xffff);
}

static uint16_t checksum(uint64_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return ~((sum >> 16) + sum);
}

/* xorshift64*: quick, and good enough to spread packets over flows. */
static uint32_t random_number(struct packet *packet)
{
	uint64_t state = packet->random_state;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	packet->random_state = state;
	return (state * 0x2545f4914f6cdd1d) >> 32;
}

static uint64_t random_within(struct packet *packet, const struct span *span)
{
	uint64_t width = span->last - span->first, high = random_number(packet),
		 number = high << 32 | random_number(packet);

	if (width == UINT64_MAX)
		return number;
	return span->first + (uint64_t)((unsigned __int128)number * (width + 1) >> 64);
}

/* True when it started over. */
static bool cursor_step(struct cursor *cursor)
{
	if (cursor->now != cursor->span.last) {
		cursor->now++;
		return false;
	}
	cursor->now = cursor->span.first;
	return true;
}

static void ends_draw(struct packet *packet)
{
	if (packet->random_source) {
		packet->source.now = random_within(packet, &packet->source.span);
		packet->source_port.now = random_within(packet, &packet->source_port.span);
	}
	if (packet->random_target) {
		packet->target.now = random_within(packet, &packet->target.span);
		packet->target_port.now = random_within(packet, &packet->target_port.span);
	}
}

uint32_t packet_header_length(int family)
{
	return ETHER_LENGTH + (family == AF_INET6 ? IPV6_LENGTH : IPV4_LENGTH) + UDP_LENGTH;
}

static void payload_sum(struct packet *packet)
{
	const uint8_t *payload = packet->bytes + packet->header_length;
	uint32_t most = packet->length_max - packet->header_length, sum = 0;

	for (uint32_t i = 0; i < most; i++) {
		packet->payload_sums[i] = sum;
		/* A missing last byte counts as 0, so an odd one is already in place. */
		sum += i & 1 ? payload[i] : payload[i] << 8;
	}
	packet->payload_sums[most] = sum;
}

static void cursor_init(struct cursor *cursor, const struct span *span)
{
	cursor->span = *span;
	cursor->now = span->first;
}

/* One end of the packets: what was given, else the default; with -z or -Z and no range, everything. */
static void end_init(const struct packet *packet, const struct end_range *range, bool random, uint64_t standard,
		     struct cursor *address, struct cursor *port)
{
	struct span addresses = { standard, standard }, ports = { PORT_DEFAULT, PORT_DEFAULT };

	if (random) {
		addresses = (struct span){ 0, packet->ipv6 ? UINT64_MAX : UINT32_MAX };
		ports = (struct span){ 0, UINT16_MAX };
	}
	cursor_init(address, range->given ? &range->address : &addresses);
	cursor_init(port, range->port_given ? &range->port : &ports);
}

static void ends_init(struct packet *packet, const struct options *options, const uint8_t own_mac[6])
{
	const struct span own = { mac_number(own_mac), mac_number(own_mac) };
	const struct span everybody = { 0xffffffffffff, 0xffffffffffff };

	cursor_init(&packet->source_mac, options->source_mac.given ? &options->source_mac.address : &own);
	cursor_init(&packet->target_mac, options->target_mac.given ? &options->target_mac.address : &everybody);
	packet->random_source = options->random_source;
	packet->random_target = options->random_target;
	end_init(packet, &options->source, options->random_source, packet->ipv6 ? 1 : 0x0a000001, &packet->source,
		 &packet->source_port);
	end_init(packet, &options->target, options->random_target, packet->ipv6 ? 2 : 0x0a010001, &packet->target,
		 &packet->target_port);
	packet->varies = packet->length_min != packet->length_max || span_varies(&packet->source_mac.span) ||
			 span_varies(&packet->target_mac.span) || span_varies(&packet->source.span) ||
			 span_varies(&packet->target.span) || span_varies(&packet->source_port.span) ||
			 span_varies(&packet->target_port.span);
}

/* The fields that are the same in every packet, and their sums. */
static void constants_init(struct packet *packet, const struct options *options)
{
	const uint64_t prefix = 0xfd00000000000000;
	uint64_t source = options->source.given ? options->source.prefix : prefix;
	uint64_t target = options->target.given ? options->target.prefix : prefix;
	uint8_t *ether = packet->bytes + packet->vnet_length, *ip = ether + ETHER_LENGTH;

	packet->udp_sum = IPPROTO_UDP;
	if (packet->ipv6) {
		store16(ether + 12, 0x86dd);
		ip[0] = 0x60;
		ip[6] = IPPROTO_UDP;
		ip[7] = HOP_LIMIT;
		store64(ip + 8, source);
		store64(ip + 24, target);
		packet->udp_sum += word_sum(source) + word_sum(target);
		return;
	}
	store16(ether + 12, 0x0800);
	ip[0] = 0x45;
	store16(ip + 6, 0x4000);	/* don't fragment */
	ip[8] = HOP_LIMIT;
	ip[9] = IPPROTO_UDP;
	packet->ip_sum = 0x4500 + 0x4000 + (HOP_LIMIT << 8 | IPPROTO_UDP);
}

bool packet_init(struct packet *packet, const struct options *options, const uint8_t own_mac[6], uint64_t seed)
{
	uint32_t room;

	memset(packet, 0, sizeof(*packet));
	packet->ipv6 = options->family == AF_INET6;
	packet->vnet_length = options->vnet_length;
	packet->header_length = options->vnet_length + packet_header_length(options->family);
	packet->length_min = options->vnet_length + options->length_min;
	packet->length_max = options->vnet_length + options->length_max;
	packet->random_state = seed * 0x9e3779b97f4a7c15 | 1;
	room = packet->length_max - packet->header_length;
	packet->bytes = calloc(1, packet->length_max);
	packet->payload_sums = calloc(room + 1, sizeof(*packet->payload_sums));
	if (!packet->bytes || !packet->payload_sums) {
		packet_fini(packet);
		return false;
	}
	for (uint32_t i = 0; i < room; i++)
		packet->bytes[packet->header_length + i] = payload_text[i % (sizeof(payload_text) - 1)];
	payload_sum(packet);
	ends_init(packet, options, own_mac);
	constants_init(packet, options);
	ends_draw(packet);
	return true;
}

void packet_fini(struct packet *packet)
{
	free(packet->bytes);
	free(packet->payload_sums);
}

/*
 * The source port runs fastest, then the source address, the destination port and the destination address. Random
 * ends are drawn each time.
 */
static void ends_step(struct packet *packet)
{
	bool over = true;

	cursor_step(&packet->source_mac);
	cursor_step(&packet->target_mac);
	if (!packet->random_source)
		over = cursor_step(&packet->source_port) && cursor_step(&packet->source);
	if (!packet->random_target && over && cursor_step(&packet->target_port))
		cursor_step(&packet->target);
	ends_draw(packet);
}

/* Writes the fields that can differ from one packet to the next. */
static void headers_write(struct packet *packet)
{
	uint8_t *ether = packet->bytes + packet->vnet_length, *ip = ether + ETHER_LENGTH;
	uint8_t *udp = packet->bytes + packet->header_length - UDP_LENGTH;
	uint32_t udp_length = packet->length - packet->header_length + UDP_LENGTH;
	uint64_t addresses = word_sum(packet->source.now) + word_sum(packet->target.now);
	uint64_t ports = packet->source_port.now + packet->target_port.now;
	uint16_t sum;

	store_mac(ether, packet->target_mac.now);
	store_mac(ether + 6, packet->source_mac.now);
	if (packet->ipv6) {
		store16(ip + 4, udp_length);
		store64(ip + 16, packet->source.now);
		store64(ip + 32, packet->target.now);
	} else {
		store16(ip + 2, udp_length + IPV4_LENGTH);
		store16(ip + 10, checksum(packet->ip_sum + addresses + udp_length + IPV4_LENGTH));
		store32(ip + 12, packet->source.now);
		store32(ip + 16, packet->target.now);
	}
	store16(udp, packet->source_port.now);
	store16(udp + 2, packet->target_port.now);
	store16(udp + 4, udp_length);
	/* The length is summed twice: it is in the pseudo header as well. */
	sum = checksum(packet->udp_sum + addresses + ports + 2 * udp_length +
		       packet->payload_sums[udp_length - UDP_LENGTH]);
	store16(udp + 6, sum ? sum : 0xffff);
}

void packet_next(struct packet *packet)
{
	uint32_t spread = packet->length_max - packet->length_min;

	packet->length = packet->length_min;
	if (spread)
		packet->length += (uint64_t)random_number(packet) * (spread + 1) >> 32;
	headers_write(packet);
	ends_step(packet);
}

void packet_stamp(struct packet *packet, const uint8_t stamp[PACKET_STAMP_LENGTH])
{
	memcpy(packet->bytes + packet->header_length, stamp, PACKET_STAMP_LENGTH);
	payload_sum(packet);
}
