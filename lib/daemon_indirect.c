/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NS_INDIRECT where the core is in another process: data that is elsewhere in this one is put into the slot's own buffer, which
 * the program does not use then, before the daemon is asked to send; that is what the core would do with it. What cannot be read
 * keeps its flag: the daemon cannot read it either, and drops and counts it.
 *
 * The rings are seen through a mapping of our own. Others who have it may write there what they like, so what is taken from
 * it is checked against its size.
 */
#include <sys/mman.h>

#include <net/netmap.h>

#include "daemon.h"
#include "device_libc.h"

int lr_remote_map(struct lr_remote *r, const struct lrd_bound *b)
{
	void *base;

	if (!b->indirect || b->num_tx > LRD_INDIRECT_RINGS)
		return 0;
	base = lr_libc()->mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->memory, 0);
	if (base == MAP_FAILED)
		return -errno;
	r->bound = *b;
	os_store_release(&r->base, (char *)base);
	return 0;
}

/* `len` bytes at this offset, or NULL where there is no such memory. */
static void *at(const struct lr_remote *r, uint64_t offset, uint64_t len)
{
	return offset <= r->size && len <= r->size - offset ? r->base + offset : NULL;
}

static void fetch(const struct lr_remote *r, uint64_t bufs, uint32_t size, struct netmap_slot *s)
{
	uint32_t idx = os_load(&s->buf_idx);
	uint16_t len = os_load(&s->len), flags = os_load(&s->flags);
	char *buf = at(r, bufs + (uint64_t)idx * size, len);

	if (buf && len <= size && os_copyin(buf, os_load(&s->ptr), len) == 0)
		os_store(&s->flags, (uint16_t)(flags & ~NS_INDIRECT));
}

/* Slots that were not sent yet begin after the tail. */
static void fetch_ring(const struct lr_remote *r, uint64_t offset)
{
	struct netmap_ring *ring = at(r, offset, sizeof(*ring));
	uint32_t n, i, head, size, left;
	uint64_t bufs;

	if (!ring)
		return;
	n = os_load(&ring->num_slots);
	size = os_load(&ring->nr_buf_size);
	bufs = offset + (uint64_t)os_load(&ring->buf_ofs);
	head = os_load(&ring->head);
	i = os_load(&ring->tail);
	if (i >= n || head >= n || !at(r, offset, sizeof(*ring) + n * sizeof(ring->slot[0])))
		return;
	for (left = n; left; left--) {
		i = i + 1 == n ? 0 : i + 1;
		if (i == head)
			return;
		if (os_unlikely(os_load(&ring->slot[i].flags) & NS_INDIRECT))
			fetch(r, bufs, size, &ring->slot[i]);
	}
}

void lr_remote_fetch(const struct lr_remote *r)
{
	uint32_t i;

	for (i = 0; i < r->bound.num_tx; i++)
		fetch_ring(r, r->bound.tx[i]);
}
