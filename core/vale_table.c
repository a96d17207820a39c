/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The addresses that a switch has learnt. See vale_table.h.
 */
#include "core/vale_table.h"

#define SWEEP (LR_VALE_ENTRIES / 32)	/* entries looked at in a tick: all of them well before time comes round */

static unsigned int entry_port(uint64_t v)
{
	return v >> 8 & 0xff;
}

static uint32_t entry_age(uint64_t v, uint32_t tick)
{
	return (uint32_t)(tick - v) & 0xff;
}

/* The place for an address that is not in its bucket: a free one, one of the same port, the oldest. */
static uint64_t *victim(uint64_t *e, unsigned int port, uint32_t tick)
{
	uint64_t *own = NULL, *oldest = e;
	unsigned int i;

	for (i = 0; i < LR_VALE_WAYS; i++) {
		uint64_t v = os_load(&e[i]);

		if (!v || entry_age(v, tick) > LR_VALE_AGE)
			return &e[i];
		if (entry_port(v) == port && (!own || entry_age(v, tick) > entry_age(os_load(own), tick)))
			own = &e[i];
		if (entry_age(v, tick) > entry_age(os_load(oldest), tick))
			oldest = &e[i];
	}
	return own ? own : oldest;
}

void lr_vale_learn(struct lr_vale_table *t, uint64_t mac, unsigned int port, uint32_t tick)
{
	uint64_t *e = lr_vale_bucket(t, mac), now = lr_vale_entry(mac, port, tick);
	unsigned int i;

	for (i = 0; i < LR_VALE_WAYS; i++) {
		uint64_t v = os_load(&e[i]);

		if (v >> 16 != mac)
			continue;
		if (v != now)
			os_store(&e[i], now);
		return;
	}
	os_store(victim(e, port, tick), now);
}

/* Forgets entries [first, first + n), modulo the size, that are too old. */
static void sweep(struct lr_vale_table *t, uint32_t first, uint32_t n, uint32_t tick)
{
	for (; n--; first++) {
		uint64_t *e = &t->entry[first % LR_VALE_ENTRIES], v = os_load(e);

		if (v && entry_age(v, tick) > LR_VALE_AGE)
			os_store(e, (uint64_t)0);
	}
}

uint32_t lr_vale_tick(struct lr_vale_table *t)
{
	uint32_t tick = os_seconds() / LR_VALE_TICK, last = os_load(&t->tick), swept = os_load(&t->swept), n, i;

	if (os_likely(tick == last))
		return tick;
	n = SWEEP * (tick - last < 32 ? tick - last : 32);
	/* Two senders may do so at once: then one part is swept twice, and another a round later. */
	os_store(&t->tick, tick);
	os_store(&t->swept, (swept + n) % LR_VALE_ENTRIES);
	if (tick - last <= LR_VALE_AGE) {
		sweep(t, swept, n, tick);
		return tick;
	}
	/* So long a pause that eight bits no longer tell: nothing in there is younger than that. */
	for (i = 0; i < LR_VALE_ENTRIES; i++)
		os_store(&t->entry[i], (uint64_t)0);
	return tick;
}

void lr_vale_forget(struct lr_vale_table *t, unsigned int port)
{
	uint32_t i;

	for (i = 0; i < LR_VALE_ENTRIES; i++) {
		uint64_t v = os_load(&t->entry[i]);

		if (v && entry_port(v) == port)
			os_store(&t->entry[i], (uint64_t)0);
	}
}
