/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A switch's table of addresses: which port an Ethernet address was last seen at, and when.
 *
 * An entry is one word: address, port, time. So it is read and written at once, and senders use the table side by side without a
 * lock; when two write the same place one of them is forgotten, and learnt again from the next packet.
 *
 *	bucket  [ address 48 | port 8 | time 8 ] x 4
 *
 * Time is counted in ticks; what was not seen for LR_VALE_AGE of them is as good as gone, and is swept before its eight bits of
 * time could mean something else. A port that invents addresses cannot push out those of others: in a full
 * bucket it loses its own first.
 */
#ifndef LR_VALE_TABLE_H
#define LR_VALE_TABLE_H

#include "os/os.h"

#define LR_VALE_TICK 4		/* seconds */
#define LR_VALE_AGE 75u		/* ticks: five minutes */
#define LR_VALE_WAYS 4u
#define LR_VALE_BITS 10		/* 1024 buckets: 4096 addresses */
#define LR_VALE_ENTRIES (LR_VALE_WAYS << LR_VALE_BITS)

struct lr_vale_table {
	uint32_t tick;		/* when it was last swept */
	uint32_t swept;		/* entries before this one, in this round */
	uint64_t entry[LR_VALE_ENTRIES];
};

/* An address as the table knows it: the six bytes at p, in a number that means nothing else. */
static inline uint64_t lr_mac_read(const void *p)
{
	uint32_t low;
	uint16_t high;

	__builtin_memcpy(&low, p, 4);
	__builtin_memcpy(&high, (const char *)p + 4, 2);
	return low | (uint64_t)high << 32;
}

static inline uint64_t *lr_vale_bucket(const struct lr_vale_table *t, uint64_t mac)
{
	uint64_t h = (mac * 0x9e3779b97f4a7c15u) >> (64 - LR_VALE_BITS);

	return (uint64_t *)&t->entry[h * LR_VALE_WAYS];
}

static inline uint64_t lr_vale_entry(uint64_t mac, unsigned int port, uint32_t tick)
{
	return mac << 16 | port << 8 | (tick & 0xff);
}

/* The port of an address; 0: not known. */
static inline unsigned int lr_vale_lookup(const struct lr_vale_table *t, uint64_t mac, uint32_t tick)
{
	const uint64_t *e = lr_vale_bucket(t, mac);
	unsigned int i;

	for (i = 0; i < LR_VALE_WAYS; i++) {
		uint64_t v = os_load(&e[i]);

		if (v >> 16 == mac && ((tick - v) & 0xff) <= LR_VALE_AGE)
			return v >> 8 & 0xff;
	}
	return 0;
}

/* The address was seen at a port, which is not 0. */
void lr_vale_learn(struct lr_vale_table *t, uint64_t mac, unsigned int port, uint32_t tick);

/* Now, in ticks. Forgets what is too old, a part of the table at a time. */
uint32_t lr_vale_tick(struct lr_vale_table *t);

/* All addresses of a port are forgotten. */
void lr_vale_forget(struct lr_vale_table *t, unsigned int port);

#endif
