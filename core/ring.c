/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Rings: the checks and the frame of every sync, and a ring's memory. See ring.h.
 */
#include <net/netmap_linerate.h>

#include "core/port.h"
#include "core/ring.h"

bool lr_pos_valid(uint32_t n, uint32_t old_head, uint32_t tail, uint32_t head, uint32_t cur)
{
	uint32_t room = lr_pos_dist(old_head, tail, n), step;

	if (head >= n || cur >= n)
		return false;
	step = lr_pos_dist(old_head, head, n);
	return step <= room && lr_pos_dist(head, cur, n) <= room - step;
}

uint32_t lr_ring_new_buf(struct lr_ring *r)
{
	uint32_t mended = os_load(&r->mended), idx;

	if (mended >= r->num_slots)
		return 0;
	os_store(&r->mended, mended + 1);
	return lr_region_take_bufs(r->port->region, &idx, 1, NULL) < 0 ? 0 : idx;
}

bool lr_ring_mend_slot(struct lr_ring *r, uint32_t pos)
{
	struct lr_slot s = lr_slot_read(&r->slot[pos]);

	if (lr_slot_ok(r, s))
		return false;
	if (lr_buf_ok(r, s.idx))
		lr_slot_write(&r->slot[pos], s.idx, 0, s.flags);
	else
		lr_slot_write(&r->slot[pos], lr_ring_new_buf(r), 0, NS_BUF_CHANGED);
	return true;
}

void lr_ring_refuse(struct lr_ring *r, uint32_t pos, uint32_t slots, bool whole)
{
	for (; slots; slots--, pos = lr_pos_next(pos, r->num_slots))
		if (lr_ring_mend_slot(r, pos))
			lr_count(&r->count.bad_slots, 1);
	lr_count(&r->count.drops, 1);
	r->skip = !whole;
}

uint32_t lr_ring_skip(struct lr_ring *r, uint32_t pos)
{
	while (r->skip && pos != r->head) {
		r->skip = lr_slot_read(&r->slot[pos]).flags & NS_MOREFRAG;
		lr_ring_mend_slot(r, pos);
		pos = lr_pos_next(pos, r->num_slots);
	}
	return pos;
}

/* The program's slots, [head, tail), get usable buffers and lengths again. */
static void repair_slots(struct lr_ring *r)
{
	uint32_t i;

	for (i = r->head; i != r->tail; i = lr_pos_next(i, r->num_slots))
		lr_count(&r->count.bad_slots, lr_ring_mend_slot(r, i));
}

/* What the program sees goes back to the last positions that made sense; nothing is lost of what it has submitted. */
static os_cold void ring_reset(struct lr_ring *r, uint32_t head, uint32_t cur)
{
	os_log("%s: %s ring %u reset: head %u cur %u are not within [%u, %u] of %u slots", r->port->name,
	       lr_kind_is_tx(r->kind) ? "tx" : "rx", r->index, head, cur, r->head, r->tail, r->num_slots);
	lr_count(&r->count.resets, 1);
	os_store(&r->cur, r->head);
	repair_slots(r);
	os_store(&r->shared->head, r->head);
	os_store(&r->shared->cur, r->head);
	os_store(&r->shared->tail, r->tail);
}

bool lr_no_timestamp;

static os_cold void stamp(struct netmap_ring *s)
{
	int64_t sec, usec;

	os_time_now(&sec, &usec);
	os_store(&s->ts.tv_sec, sec);
	os_store(&s->ts.tv_usec, usec);
}

/* Head and cur as the program wants them, checked. False: the ring was reset. */
static bool take_positions(struct lr_ring *r, unsigned int flags)
{
	/* Partner: the program's writes to its slots, which come before it moves head. */
	uint32_t head = os_load_acquire(&r->shared->head);
	uint32_t cur = os_load(&r->shared->cur);

	if (os_unlikely(flags & LR_SYNC_CLASSIC))
		head = cur;
	if (os_unlikely(!lr_pos_valid(r->num_slots, r->head, r->tail, head, cur))) {
		ring_reset(r, head, cur);
		return false;
	}
	if (os_unlikely(os_load(&r->shared->flags) & NR_FORWARD) && r->ops->forward && !lr_kind_is_tx(r->kind))
		r->ops->forward(r, r->head, head);
	os_store(&r->head, head);
	os_store(&r->cur, cur);
	return true;
}

static void publish(struct lr_ring *r, unsigned int flags)
{
	struct netmap_ring *s = r->shared;
	uint32_t tail = os_load_acquire(&r->hwtail);

	os_store(&r->tail, tail);
	if (os_unlikely(os_load(&s->flags) & NR_TIMESTAMP) && !lr_no_timestamp)
		stamp(s);
	if (os_unlikely(flags & LR_SYNC_CLASSIC)) {
		os_store(&s->head, r->head);
		os_store(&s->avail, lr_pos_dist(r->cur, tail, r->num_slots));
	}
	/* Partner: the program's read of tail, before it reads slots. */
	os_store_release(&s->tail, tail);
}

/*
 * Nothing was handed in, and nothing is there to be shown. Only looked at, without the lock: if all of this holds nothing is to
 * be done, whatever others do at the same time; if it does not, the lock tells.
 */
static inline bool at_rest(const struct lr_ring *r, unsigned int flags)
{
	const struct netmap_ring *s = r->shared;
	uint32_t head = os_load(&r->head), tail = os_load(&r->tail);

	return os_load(&s->head) == head && os_load(&s->cur) == os_load(&r->cur) && os_load(&r->hwcur) == head &&
	       os_load(&r->hwtail) == tail && os_load(&s->tail) == tail && os_load(&r->idle) &&
	       !(flags & LR_SYNC_CLASSIC) && !(os_load(&s->flags) & NR_TIMESTAMP);
}

/* The lock is held. */
static inline int sync_held(struct lr_ring *r, unsigned int flags)
{
	int err;

	if (os_unlikely(os_load(&r->port->gone))) {
		err = -ENXIO;
	} else if (os_unlikely(!take_positions(r, flags))) {
		err = flags & LR_SYNC_TELL ? LR_SYNC_RESET : 0;
	} else {
		lr_count(&r->count.syncs, 1);
		err = r->sync(r, flags);
		publish(r, flags);
	}
	return err;
}

/* Not part of lr_ring_sync, which has nothing to save then when the ring is at rest. */
static os_noinline int sync_locked(struct lr_ring *r, unsigned int flags)
{
	int err;

	os_mutex_lock(&r->lock);
	err = sync_held(r, flags);
	os_mutex_unlock(&r->lock);
	return err;
}

int lr_ring_sync(struct lr_ring *r, unsigned int flags)
{
	if (!at_rest(r, flags))
		return sync_locked(r, flags);
	lr_count(&r->count.syncs, 1);
	return 0;
}

int lr_ring_sync_held(struct lr_ring *r)
{
	os_mutex_assert_held(&r->lock);
	return sync_held(r, 0);
}

int lr_ring_try_sync(struct lr_ring *r)
{
	int err;

	if (!os_mutex_trylock(&r->lock))
		return -EBUSY;
	err = lr_ring_sync_held(r);
	os_mutex_unlock(&r->lock);
	return err;
}

/* A buffer in every slot, and the fields that programs read. */
static void fill(struct lr_ring *r, const uint32_t *bufs)
{
	struct lr_region *region = r->port->region;
	struct netmap_ring *s = r->shared;
	uint32_t i;

	s->buf_ofs = (int64_t)(lr_region_offset(region, LR_POOL_BUF, 0) - lr_region_offset(region, LR_POOL_RING, r->object));
	s->num_slots = r->num_slots;
	s->nr_buf_size = region->pool[LR_POOL_BUF].size;
	s->ringid = (uint16_t)(r->index + (lr_kind_is_host(r->kind) ? r->port->config.rings[r->kind - 1] : 0));
	s->dir = lr_kind_is_tx(r->kind) ? 0 : 1;
	s->tail = r->tail;
	for (i = 0; i < r->num_slots; i++)
		s->slot[i].buf_idx = bufs[i];
}

/* Gives back what is in the slots. A program that put a buffer there twice, or none, finds out here. */
static void give_bufs(struct lr_ring *r)
{
	uint32_t i, missing = 0;

	for (i = 0; i < r->num_slots; i++)
		if (!lr_region_give(r->port->region, LR_POOL_BUF, lr_slot_read(&r->slot[i]).idx))
			missing++;
	if (missing && !r->port->elsewhere)
		os_log("%s: %s ring %u came back with %u buffers missing; they return with the region's last user",
		       r->port->name, lr_kind_is_tx(r->kind) ? "tx" : "rx", r->index, missing);
}

static int mem_create(struct lr_ring *r, struct lr_why *why)
{
	struct lr_region *region = r->port->region;
	uint32_t size = (uint32_t)sizeof(struct netmap_ring) + r->num_slots * (uint32_t)sizeof(struct netmap_slot);
	uint32_t *bufs = os_zalloc(r->num_slots * sizeof(*bufs));
	int err;

	if (!bufs)
		return lr_why(why, -ENOMEM, "no memory for a ring of %u slots", r->num_slots);
	r->object = lr_region_take(region, LR_POOL_RING, size);
	if (!r->object) {
		err = lr_why(why, -ENOMEM, "memory region %u has no room for a ring of %u slots: %u of ring_num %u are in use, ring_size is %u and %u are needed",
			     region->id, r->num_slots, region->pool[LR_POOL_RING].taken, region->pool[LR_POOL_RING].num - 1,
			     region->pool[LR_POOL_RING].size, size);
		goto err_object;
	}
	err = lr_region_take_bufs(region, bufs, r->num_slots, why);
	if (err < 0)
		goto err_bufs;
	r->shared = lr_region_object(region, LR_POOL_RING, r->object);
	r->slot = r->shared->slot;
	r->buf_len = r->port->buf_len;
	r->buf_num = region->pool[LR_POOL_BUF].num;
	r->buf_used = region->pool[LR_POOL_BUF].used;
	r->head = r->cur = r->hwcur = 0;
	r->mended = 0;
	r->skip = false;
	r->tail = r->hwtail = lr_kind_is_tx(r->kind) ? r->num_slots - 1 : 0;
	fill(r, bufs);
	os_free(bufs);
	return 0;

err_bufs:
	lr_region_give(region, LR_POOL_RING, r->object);
err_object:
	os_free(bufs);
	return err;
}

int lr_ring_mem_get(struct lr_ring *r, struct lr_why *why)
{
	int err = r->mem_refs ? 0 : mem_create(r, why);

	if (!err)
		r->mem_refs++;
	return err;
}

void lr_ring_mem_put(struct lr_ring *r)
{
	if (--r->mem_refs)
		return;
	give_bufs(r);
	lr_region_give(r->port->region, LR_POOL_RING, r->object);
	r->shared = NULL;
	r->slot = NULL;
}

void lr_ring_stats(const struct lr_ring *r, struct nm_ring_stats *out)
{
	memset(out, 0, sizeof(*out));
	out->ring = r->index;
	out->dir = lr_kind_is_tx(r->kind) ? 0 : 1;
	out->host = lr_kind_is_host(r->kind);
	out->num_slots = r->num_slots;
	out->hwcur = os_load(&r->hwcur);
	out->hwtail = os_load(&r->hwtail);
	out->packets = os_load(&r->count.packets);
	out->bytes = os_load(&r->count.bytes);
	out->drops = os_load(&r->count.drops);
	out->kicks = os_load(&r->count.kicks);
	out->syncs = os_load(&r->count.syncs);
	out->bad_slots = os_load(&r->count.bad_slots);
	out->resets = os_load(&r->count.resets);
	out->wakeups = os_load(&r->count.wakeups);
}
