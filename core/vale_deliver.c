/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Delivery: the packets of a batch that go to one port are copied into slots of one of its queues. What does not fit is the
 * receiver's loss: dropped and counted there, whole packets, the last ones. See vale.h for leases.
 *
 * The slots of a program's rx ring are the program's to scribble on: index and buffer are checked when they are filled.
 */
#include "core/vale.h"
#include "core/vale_copy.h"

#define NOT_DONE UINT32_MAX	/* no filled lease begins at this slot */

/* --- Queues ------------------------------------------------------------------------------------------------- */

void lr_vale_queue_init(struct lr_vale_queue *q, struct lr_ring *r, bool nic)
{
	memset(q, 0, sizeof(*q));
	q->ring = r;
	q->nic = nic;
	os_mutex_init(&q->lock);
}

void lr_vale_queue_fini(struct lr_vale_queue *q)
{
	os_mutex_fini(&q->lock);
}

int lr_vale_queue_open(struct lr_vale_queue *q, struct lr_why *why)
{
	uint32_t i, n = q->ring->num_slots;

	q->done = os_zalloc(n * sizeof(*q->done));
	if (!q->done)
		return lr_why(why, -ENOMEM, "no memory for the leases of a ring of %u slots", n);
	for (i = 0; i < n; i++)
		q->done[i] = NOT_DONE;
	os_mutex_lock(&q->lock);
	q->lease = q->ring->hwtail;
	/* Partner: lr_vale_convert, which looks at the ring when it is open. */
	os_store_release(&q->open, true);
	os_mutex_unlock(&q->lock);
	return 0;
}

void lr_vale_queue_close(struct lr_vale_queue *q)
{
	os_mutex_lock(&q->lock);
	os_store(&q->open, false);
	os_mutex_unlock(&q->lock);
}

void lr_vale_queue_clear(struct lr_vale_queue *q)
{
	os_free(q->done);
	q->done = NULL;
}

void lr_vale_drop(struct lr_vale_queue *q, uint32_t packets)
{
	os_mutex_lock(&q->lock);
	lr_count(&q->ring->count.drops, packets);
	os_mutex_unlock(&q->lock);
}

/* --- Leases -------------------------------------------------------------------------------------------------- */

/* Free slots; the queue is locked. */
static uint32_t queue_room(const struct lr_vale_queue *q)
{
	const struct lr_ring *r = q->ring;

	if (q->nic)
		return lr_pos_dist(r->head, r->tail, r->num_slots);
	/* Partner: vale_rxsync, after the program has given slots back. */
	return r->num_slots - 1 - lr_pos_dist(os_load_acquire(&r->hwcur), q->lease, r->num_slots);
}

/* A lease of `slots`, there is room for them. The queue is locked. */
static void begin(struct lr_vale_lease *l, struct lr_vale_queue *q, uint32_t slots)
{
	uint32_t at = q->nic ? q->ring->head : q->lease;

	*l = (struct lr_vale_lease){ .queue = q, .start = at, .pos = at, .slots = slots };
	l->end = lr_pos_add(at, slots, q->ring->num_slots);
	if (!q->nic)
		q->lease = l->end;
}

/* To a NIC: its driver takes what is in the lease. The queue is locked. */
static void send_to_nic(struct lr_vale_lease *l)
{
	struct lr_ring *r = l->queue->ring;

	os_store(&r->shared->cur, l->end);
	os_store_release(&r->shared->head, l->end);
	lr_ring_try_sync(r);
	/* The NIC is gone or being set up anew, or somebody who shares its memory has written there. */
	if (os_unlikely(r->head != l->end))
		lr_count(&r->count.drops, l->packets);
}

/* To a program: published when all leases before it are. The queue is locked. */
static void finish(struct lr_vale_lease *l)
{
	struct lr_vale_queue *q = l->queue;
	struct lr_ring *r = q->ring;
	uint32_t tail = l->end;

	lr_count(&r->count.packets, l->packets);
	lr_count(&r->count.bytes, l->bytes);
	if (os_unlikely(r->hwtail != l->start)) {
		q->done[l->start] = l->end;
		return;
	}
	/* Those behind it that have been waiting for it. */
	while (os_unlikely(q->done[tail] != NOT_DONE)) {
		uint32_t next = q->done[tail];

		q->done[tail] = NOT_DONE;
		tail = next;
	}
	/* Partner: publish() in ring.c, before the program is shown the slots. */
	os_store_release(&r->hwtail, tail);
}

void lr_vale_publish(struct lr_vale_lease *l, struct lr_vale_source *src)
{
	struct lr_vale_queue *q = l->queue;

	if (q->nic) {
		if (l->slots)
			send_to_nic(l);
		os_mutex_unlock(&q->lock);
		return;
	}
	if (!l->slots)
		return;
	os_mutex_lock(&q->lock);
	finish(l);
	os_mutex_unlock(&q->lock);
	if (os_waitq_wake(&q->ring->wq))
		src->wakeups++;
}

/* The NIC's driver gives back what it has sent meanwhile, when that is needed. The queue is locked. */
static void reclaim(struct lr_vale_queue *q, uint32_t want)
{
	if (q->nic && queue_room(q) < want)
		lr_ring_try_sync(q->ring);
}

/*
 * Reserves slots for as many of the packets order[0..*n) as there is room for, and counts the others as lost. *n: how many.
 * A queue to a NIC stays locked until lr_vale_publish. False: there is nothing to fill.
 */
static bool reserve(struct lr_vale_lease *l, struct lr_vale_source *src, struct lr_vale_queue *q, uint32_t *n)
{
	uint32_t room, fit, slots;

	os_mutex_lock(&q->lock);
	reclaim(q, src->n);
	room = q->open ? queue_room(q) : 0;
	if (src->plain) {
		fit = slots = *n < room ? *n : room;
	} else {
		for (fit = slots = 0; fit < *n; fit++) {
			uint32_t more = src->piece[src->order[fit]].slots;

			if (slots + more > room)
				break;
			slots += more;
		}
	}
	lr_count(&q->ring->count.drops, *n - fit);
	begin(l, q, slots);
	*n = fit;
	if (!q->nic || !fit)
		os_mutex_unlock(&q->lock);
	return fit;
}

bool lr_vale_reserve(struct lr_vale_lease *l, struct lr_vale_queue *q, uint32_t slots)
{
	bool fits;

	os_mutex_lock(&q->lock);
	reclaim(q, slots);
	fits = q->open && slots <= queue_room(q);
	if (fits)
		begin(l, q, slots);
	else
		lr_count(&q->ring->count.drops, 1);
	if (!q->nic || !fits)
		os_mutex_unlock(&q->lock);
	return fits;
}

/* --- Copying ------------------------------------------------------------------------------------------------- */

/* A slot whose buffer is nonsense gets another one. NULL: there is none, and the slot has none. */
static os_noinline char *mend(struct lr_ring *r, uint32_t pos, uint32_t *idx)
{
	*idx = lr_ring_new_buf(r);
	lr_count(&r->count.bad_slots, 1);
	if (*idx)
		return lr_region_buf(r->port->region, *idx);
	lr_slot_write(&r->slot[pos], 0, 0, 0);
	return NULL;
}

char *lr_vale_slot_buf(struct lr_vale_lease *l, uint32_t *idx)
{
	struct lr_ring *r = l->queue->ring;

	*idx = lr_slot_read(&r->slot[l->pos]).idx;
	if (os_likely(lr_buf_ok(r, *idx)))
		return lr_region_buf(r->port->region, *idx);
	return mend(r, l->pos, idx);
}

/* Slot after slot, packets of several too. */
static os_noinline void copy_packets(struct lr_vale_source *src, struct lr_vale_lease *l, uint32_t n)
{
	struct lr_ring *r = l->queue->ring;
	uint32_t i, idx, left;

	for (i = 0; i < n; i++) {
		const struct lr_vale_piece *p = &src->piece[src->order[i]];

		for (left = p->slots; left--; p++) {
			char *buf = lr_vale_slot_buf(l, &idx);
			uint16_t flags = (uint16_t)(left ? left << NS_PORT_SHIFT | NS_MOREFRAG : 0);

			if (buf) {
				lr_packet_copy(buf, p->data, p->len);
				lr_slot_write(&r->slot[l->pos], idx, p->len, flags);
			}
			l->bytes += p->len;
			l->pos = lr_pos_next(l->pos, r->num_slots);
		}
	}
}

/* n packets of one slot, in a straight piece of the ring; stops at a slot whose buffer is nonsense. How many. */
static inline uint32_t copy_run(struct lr_vale_source *src, struct lr_ring *r, uint32_t pos, const uint16_t *order, uint32_t n,
				uint64_t *total)
{
	const struct lr_pool *pool = &r->port->region->pool[LR_POOL_BUF];
	const uint32_t mask = (1u << pool->shift) - 1, shift = pool->shift, size = pool->size, num = r->buf_num;
	struct netmap_slot *slot = &r->slot[pos];
	char *const *cluster = pool->cluster;
	const uint8_t *used = r->buf_used;
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < n; i++, slot++) {
		const struct lr_vale_piece *p = &src->piece[order[i]];
		uint32_t idx = lr_slot_read(slot).idx, len = p->len;
		char *buf;

		if (os_unlikely(idx >= num) || os_unlikely(!os_load_acquire(&used[idx])))
			break;
		buf = cluster[idx >> shift] + (size_t)(idx & mask) * size + OS_BUF_HEADROOM;
		lr_packet_copy(buf, p->data, len);
		lr_slot_write(slot, idx, (uint16_t)len, 0);
		bytes += len;
	}
	*total += bytes;
	return i;
}

static void copy_whole(struct lr_vale_source *src, struct lr_vale_lease *l, uint32_t n)
{
	struct lr_ring *r = l->queue->ring;
	uint32_t i = 0;

	while (i < n) {
		uint32_t run = r->num_slots - l->pos < n - i ? r->num_slots - l->pos : n - i;
		uint32_t done = copy_run(src, r, l->pos, src->order + i, run, &l->bytes);
		uint32_t idx;

		i += done;
		l->pos = lr_pos_add(l->pos, done, r->num_slots);
		if (os_likely(done == run))
			continue;
		/* With another buffer it can be copied; without one it is empty. */
		if (mend(r, l->pos, &idx)) {
			lr_slot_write(&r->slot[l->pos], idx, 0, 0);
			continue;
		}
		l->pos = lr_pos_next(l->pos, r->num_slots);
		i++;
	}
}

/* The n packets go into the port's slots as they are. */
static bool fits(const struct lr_vale_source *src, const struct lr_port *p, uint32_t n)
{
	uint32_t i, k;

	if (os_likely(src->ring->buf_len <= p->buf_len))
		return true;
	for (i = 0; i < n; i++)
		for (k = 0; k < src->piece[src->order[i]].slots; k++)
			if (src->piece[src->order[i] + k].len > p->buf_len)
				return false;
	return true;
}

void lr_vale_deliver(struct lr_vale_source *src, struct lr_vale_port *vp, uint32_t n)
{
	struct lr_vale_queue *q = &vp->queue[src->index < vp->num_queues ? src->index : src->index % vp->num_queues];
	uint32_t hdr_len = os_load(&vp->hdr_len), i;
	struct lr_vale_lease l;

	if (os_unlikely(hdr_len != src->hdr_len) || os_unlikely(!fits(src, q->ring->port, n))) {
		for (i = 0; i < n; i++)
			lr_vale_convert(src, src->order[i], q, hdr_len);
		return;
	}
	if (!reserve(&l, src, q, &n))
		return;
	l.packets = n;
	if (src->plain)
		copy_whole(src, &l, n);
	else
		copy_packets(src, &l, n);
	lr_vale_publish(&l, src);
}
