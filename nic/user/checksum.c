/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completing checksums. See checksum.h. The field holds the folded sum of the pseudo header, so the sum over the
 * segment with the field in it is the whole.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#include "checksum.h"
#include "core/sum.h"

/* Offsets of the checksum in the headers: RFC 793, RFC 768. */
#define TCP_SUM 16
#define UDP_SUM 6

static uint16_t load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The segment begins at `at`, of protocol proto; addr: the addresses of the IP header, addr_len bytes. */
static bool segment(struct lr_checksum *c, size_t len, size_t at, size_t end, unsigned int proto, const uint8_t *addr,
		    size_t addr_len)
{
	c->udp = proto == IPPROTO_UDP;
	c->start = at;
	c->end = end;
	c->field = at + (c->udp ? UDP_SUM : TCP_SUM);
	if (!c->udp && proto != IPPROTO_TCP)
		return false;
	if (c->field + 2 > end || c->field + 2 > len)
		return false;
	c->pseudo = lr_sum_fold(lr_sum_add(htons((uint16_t)proto) + (uint64_t)htons((uint16_t)(end - at)), addr, addr_len));
	return true;
}

static bool find_ip4(const uint8_t *p, size_t at, size_t len, size_t frame_len, struct lr_checksum *c)
{
	size_t head, total;

	if (at + 20 > len)
		return false;
	p += at;
	head = (size_t)(p[0] & 15) * 4;
	total = lr_get16(p + 2);
	/* A fragment has no whole checksum. */
	if (p[0] >> 4 != 4 || head < 20 || total < head || at + total > frame_len || lr_get16(p + 6) & 0x3fff)
		return false;
	return segment(c, len, at + head, at + total, p[9], p + 12, 8);
}

static bool find_ip6(const uint8_t *p, size_t at, size_t len, size_t frame_len, struct lr_checksum *c)
{
	size_t end, next = at + 40;
	unsigned int proto;

	if (next > len || p[at] >> 4 != 6)
		return false;
	end = next + lr_get16(p + at + 4);
	if (end > frame_len)
		return false;
	proto = p[at + 6];
	while (proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS) {
		if (next + 8 > len || next + 8 > end)
			return false;
		proto = p[next];
		next += 8 + (size_t)p[next + 1] * 8;
	}
	return next <= end && segment(c, len, next, end, proto, p + at + 8, 32);
}

bool lr_checksum_find(const uint8_t *head, size_t len, size_t frame_len, struct lr_checksum *c)
{
	size_t at = 2 * ETH_ALEN;
	unsigned int type;

	if (len < ETH_HLEN)
		return false;
	type = lr_get16(head + at);
	while ((type == ETHERTYPE_VLAN || type == 0x88a8) && at + 6 <= len) {
		at += 4;
		type = lr_get16(head + at);
	}
	if (type == ETHERTYPE_IP)
		return find_ip4(head, at + 2, len, frame_len, c);
	if (type == ETHERTYPE_IPV6)
		return find_ip6(head, at + 2, len, frame_len, c);
	return false;
}

bool lr_checksum_unfinished(const uint8_t *head, size_t len, size_t frame_len, struct lr_checksum *c)
{
	return lr_checksum_find(head, len, frame_len, c) && load16(head + c->field) == c->pseudo;
}

uint64_t lr_checksum_add(uint64_t sum, const struct lr_checksum *c, const uint8_t *piece, size_t at, size_t len)
{
	size_t from = at < c->start ? c->start : at, to = at + len < c->end ? at + len : c->end;

	if (from >= to)
		return sum;
	if ((from - c->start) % 2)
		return sum + lr_sum_odd(lr_sum_add(0, piece + (from - at), to - from));
	return sum + lr_sum_fold(lr_sum_add(0, piece + (from - at), to - from));
}

void lr_checksum_finish(uint8_t *head, const struct lr_checksum *c, uint64_t sum)
{
	uint16_t v = (uint16_t)~lr_sum_fold(sum);

	if (v == 0 && c->udp)
		v = 0xffff; /* 0 would mean: none */
	memcpy(head + c->field, &v, sizeof(v));
}

bool lr_checksum_complete(uint8_t *frame, size_t len)
{
	struct lr_checksum c;

	if (!lr_checksum_find(frame, len, len, &c))
		return false;
	lr_checksum_finish(frame, &c, lr_checksum_add(0, &c, frame, 0, len));
	return true;
}
