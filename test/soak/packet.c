/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of the soak: an Ethernet header, who they are from and for, bytes that follow from that, and a sum. And random numbers.
 */
#include <string.h>

#include "soak.h"

struct head {
	uint8_t to[6], from[6], type[2];
	struct mark mark;
	uint32_t len, sum;
} __attribute__((packed));

uint32_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (uint32_t)(x >> 32);
}

uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((uint64_t)random_next(state) * n >> 32);
}

static void address(uint8_t mac[6], const struct mark *m, uint32_t lane)
{
	uint8_t a[6] = { 2, 0x50, 0xac, 0, (uint8_t)m->group, (uint8_t)lane };

	if (lane >= LANES_MAX)
		memset(a, 0xff, 6);
	memcpy(mac, a, 6);
}

static uint32_t sum_of(const struct head *h)
{
	struct mark m = h->mark;

	return ((m.group * 31 + m.from) * 31 + m.to) * 0x9e3779b9u + m.life * 0x85ebca6bu + m.seq * 0xc2b2ae35u + h->len;
}

static char byte_at(uint32_t sum, uint32_t i)
{
	return (char)((sum >> (i & 24)) + i * 7);
}

void packet_write(char *packet, uint32_t len, const struct mark *m)
{
	struct head h = { .type = { 0x88, 0xb5 }, .mark = *m, .len = len };
	uint32_t i;

	address(h.to, m, m->to);
	address(h.from, m, m->from);
	h.sum = sum_of(&h);
	memcpy(packet, &h, sizeof(h));
	for (i = sizeof(h); i < len; i++)
		packet[i] = byte_at(h.sum, i);
}

bool packet_read(const char *packet, uint32_t len, struct mark *m)
{
	struct head h;
	uint32_t i;

	if (len < sizeof(h))
		return false;
	memcpy(&h, packet, sizeof(h));
	if (h.len != len || h.sum != sum_of(&h))
		return false;
	for (i = sizeof(h); i < len; i++)
		if (packet[i] != byte_at(h.sum, i))
			return false;
	*m = h.mark;
	return true;
}
