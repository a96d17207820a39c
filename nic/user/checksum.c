/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completing checksums. See checksum.h. The field holds the folded sum of the pseudo header (RFC 1071 sums are
 * associative), so the sum over the segment with the field in it is the whole.
 */
#include <netinet/in.h>

#include "checksum.h"

/* Offsets of the checksum in the headers: RFC 793, RFC 768. */
#define TCP_SUM 16
#define UDP_SUM 6

static unsigned int be16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* RFC 1071: ones' complement sum of 16-bit words, folded. */
static uint16_t sum(const uint8_t *p, size_t len)
{
	uint64_t s = 0;

	for (; len > 1; len -= 2, p += 2)
		s += be16(p);
	if (len)
		s += (unsigned int)p[0] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

/* The segment at p has its end where IP says. */
static bool complete(uint8_t *p, size_t len, unsigned int proto)
{
	size_t at = proto == IPPROTO_TCP ? TCP_SUM : UDP_SUM;
	uint16_t s;

	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) || len < at + 2)
		return false;
	s = (uint16_t)~sum(p, len);
	if (s == 0 && proto == IPPROTO_UDP)
		s = 0xffff; /* 0 would mean: none */
	p[at] = (uint8_t)(s >> 8);
	p[at + 1] = (uint8_t)s;
	return true;
}

static bool complete_ip4(uint8_t *p, size_t len)
{
	size_t head, total;

	if (len < 20 || p[0] >> 4 != 4)
		return false;
	head = (size_t)(p[0] & 15) * 4;
	total = be16(p + 2);
	/* A fragment has no whole checksum. */
	if (head < 20 || total < head || total > len || be16(p + 6) & 0x3fff)
		return false;
	return complete(p + head, total - head, p[9]);
}

static bool complete_ip6(uint8_t *p, size_t len)
{
	unsigned int proto;
	size_t end, at = 40;

	if (len < 40 || p[0] >> 4 != 6)
		return false;
	end = 40 + be16(p + 4);
	if (end > len)
		return false;
	proto = p[6];
	while (proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS) {
		if (at + 8 > end)
			return false;
		proto = p[at];
		at += 8 + (size_t)p[at + 1] * 8;
	}
	return at <= end && complete(p + at, end - at, proto);
}

bool lr_checksum_complete(uint8_t *frame, size_t len)
{
	size_t at = 12;
	unsigned int type;

	if (len < 14)
		return false;
	type = be16(frame + at);
	while ((type == 0x8100 || type == 0x88a8) && at + 6 <= len) {
		at += 4;
		type = be16(frame + at);
	}
	at += 2;
	if (type == 0x0800)
		return complete_ip4(frame + at, len - at);
	if (type == 0x86dd)
		return complete_ip6(frame + at, len - at);
	return false;
}
