/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * rxsync over a ring of descriptors. See sync.h.
 *
 * Slots given back are posted to the device first; then what it has completed goes into slots, whole frames only. Which
 * buffer a slot gets is told by holds[], not by what the slot says: that is the program's, who may have changed it
 * meanwhile. A frame with an error is not delivered, its buffers are posted again.
 *
 * One slot of those that are ours stays unposted: a device whose head meets its tail takes the ring for empty.
 */
#ifndef LR_NATIVE_RX_H
#define LR_NATIVE_RX_H

#include "nic/native/sync.h"

/* What the loops need of a device's ring; a copy of it is in registers while they run. */
struct lr_rx_hw {
	void *desc;		/* descriptors */
	void *done;		/* where completions are, if elsewhere */
	void *queue;		/* where buffers are posted, if elsewhere */
	void *aux;		/* what else the device has */
	uint32_t mask;		/* of positions in those */
	uint32_t lap, post_lap;	/* 0 and 1 in turn, change as completions, and posts, wrap */
	uint32_t len;		/* bytes that the device may write to a buffer */
	unsigned int shift;	/* the device's own */
};

/* A completed descriptor. */
struct lr_rx_piece {
	uint32_t desc;
	uint32_t len;
	uint32_t left;		/* where only the first piece says how many there are */
	bool last;		/* of its frame */
	bool bad;		/* the frame is to be dropped; where it says so */
};

struct lr_native_rx {
	/* From the driver: */
	const struct lr_dma *dma;
	struct lr_rx_hw hw;
	lr_reg doorbell;
	uint32_t comps;		/* completions before they wrap; 0: as many as slots */
	uint32_t posts;		/* posts before they wrap; 0: as many as slots */

	/* Ours: */
	uint32_t *holds;	/* per descriptor: the buffer whose address it has */
	uint64_t *addr;		/* that address, where the device overwrites it */
	uint32_t next;		/* completion to be looked at next */
	uint32_t post;		/* posted next */
	uint32_t out;		/* descriptors that are the device's */
	uint32_t slot;		/* slot to be posted next */
	uint32_t missing;	/* buffers that the ring is short of: programs lost them */
	uint32_t parted;	/* so many slots still get another buffer than they had */
	bool skip;		/* of a frame that was dropped the rest is still to come */
	bool broken;
};

/* How a device's rx descriptors are written and read. Called from inline code with a constant table: no calls remain. */
struct lr_rx_format {
	/* Addresses do not stay in descriptors. */
	bool loses_addr;
	/* Completions come in another order than posts. */
	bool unordered;

	/* The descriptor for post p; NULL: p. */
	size_t (*pick)(const struct lr_rx_hw *h, size_t p);
	void (*addr)(const struct lr_rx_hw *h, size_t d, uint64_t addr);
	/* Descriptor d is the device's, as post p. */
	void (*give)(const struct lr_rx_hw *h, size_t d, size_t p);
	/* All before x->post is the device's. */
	void (*doorbell)(struct lr_native_rx *x);

	/* How many completions there may be, at most x->out; more: nonsense. NULL: x->out, and each says whether it is there. */
	uint32_t (*ready)(struct lr_native_rx *x);
	/* Completion c is there and a whole frame without error: its descriptor and length. */
	bool (*frame)(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len);
	/*
	 * Completion c: 1 with the piece, 0: not there, -1: nonsense. p->left is what the piece before left there, 0 at the
	 * start of a frame. Not called twice for a piece but after 0 for a later one of the same frame.
	 */
	int (*piece)(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p);
	/* Completion c, of descriptor d, was taken. NULL: nothing to do. */
	void (*take)(const struct lr_rx_hw *h, size_t c, size_t d);
	/* Descriptor d is the device's. NULL: they are those from x->next on. */
	bool (*is_out)(const struct lr_rx_hw *h, uint32_t d);
	/* Piece i of a delivered frame gets its data where it belongs; NULL: it is. */
	void (*settle)(const struct lr_rx_hw *h, uint32_t d, uint32_t i, char *buf, uint32_t len);
};

/* --- Posting ----------------------------------------------------------------------------------- */

/* Descriptor d gets another buffer, which was checked. */
LR_INLINE void lr_rx_hold(const struct lr_rx_format *f, struct lr_native_rx *x, size_t d, uint32_t idx)
{
	uint64_t addr = lr_dma_addr(x->dma, idx);

	x->holds[d] = idx;
	if (f->loses_addr)
		x->addr[d] = addr;
	else
		f->addr(&x->hw, d, addr);
}

/* Up to n slots from x->slot on, in a straight piece. How many had a good buffer. */
LR_INLINE uint32_t lr_rx_post_plain(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t n)
{
	const struct netmap_slot *const slot = r->slot + x->slot;
	uint32_t *const holds = x->holds;
	uint64_t *const addr = x->addr;
	const struct lr_rx_hw h = x->hw;
	const struct lr_dma m = *x->dma;
	const size_t p = x->post;
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t idx = os_load(&slot[i].buf_idx);
		size_t d = f->pick ? f->pick(&h, p + i) : p + i;

		if (os_unlikely(idx != holds[d])) {
			if (os_unlikely(!lr_dma_ok(&m, r, idx)))
				break;
			holds[d] = idx;
			if (f->loses_addr)
				addr[d] = lr_dma_addr(&m, idx);
			else
				f->addr(&h, d, lr_dma_addr(&m, idx));
		}
		if (f->loses_addr)
			f->addr(&h, d, addr[d]);
		f->give(&h, d, p + i);
	}
	return (uint32_t)i;
}

/* k posts were made. */
LR_INLINE void lr_rx_posted(struct lr_native_rx *x, uint32_t k)
{
	x->out += k;
	x->post += k;
	if (x->post >= x->posts) {
		x->post -= x->posts;
		x->hw.post_lap ^= 1;
	}
}

/* A buffer that is in no slot: posts it. */
LR_INLINE bool lr_rx_post_one(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t idx)
{
	size_t d = f->pick ? f->pick(&x->hw, x->post) : x->post;

	if (idx != x->holds[d]) {
		if (!lr_dma_ok(x->dma, r, idx))
			return false;
		lr_rx_hold(f, x, d, idx);
	}
	if (f->loses_addr)
		f->addr(&x->hw, d, x->addr[d]);
	f->give(&x->hw, d, x->post);
	lr_rx_posted(x, 1);
	return true;
}

/* Buffers for slots whose own the program lost, as long as there are any for it. */
LR_APART void lr_rx_replace(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r)
{
	while (x->missing) {
		uint32_t idx = lr_ring_new_buf(r);

		if (!idx)
			return;
		if (!lr_rx_post_one(f, x, r, idx)) { /* the device is going to hear of that memory */
			lr_region_give(r->port->region, LR_POOL_BUF, idx);
			return;
		}
		x->missing--;
		x->parted = r->num_slots;
	}
}

/* Slots [x->slot, end). */
LR_INLINE void lr_rx_post(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t end)
{
	const uint32_t n = r->num_slots;

	while (x->slot != end) {
		uint32_t run = lr_pos_run(x->slot, end, n), done;

		if (run > x->posts - x->post)
			run = x->posts - x->post;
		done = lr_rx_post_plain(f, x, r, run);
		lr_rx_posted(x, done);
		x->slot = lr_pos_add(x->slot, done, n);
		if (os_likely(done == run))
			continue;
		lr_count(&r->count.bad_slots, 1);
		x->missing++;
		x->parted = n;
		x->slot = lr_pos_next(x->slot, n);
	}
}

/* --- Receiving ---------------------------------------------------------------------------------- */

/* k completions were taken. */
LR_INLINE void lr_rx_taken(struct lr_native_rx *x, uint32_t k)
{
	x->out -= k;
	x->parted -= k < x->parted ? k : x->parted;
	x->next += k;
	if (x->next >= x->comps) {
		x->next -= x->comps;
		x->hw.lap ^= 1;
	}
}

/* Slots are told of another buffer until, a lap after a frame was dropped or a buffer lost, they meet their own again. */
LR_INLINE uint16_t lr_rx_flags(const struct lr_rx_format *f, const struct lr_native_rx *x)
{
	return f->unordered || os_unlikely(x->parted) ? NS_BUF_CHANGED : 0;
}

/* Frames of one buffer each into slots from pos on, up to n, in a straight piece. How many were so. */
LR_INLINE uint32_t lr_rx_plain(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	struct netmap_slot *const slot = r->slot + pos;
	const uint32_t *const holds = x->holds;
	const struct lr_rx_hw h = x->hw;
	const uint64_t room = h.len - LR_FRAME_MIN, flags = (uint64_t)lr_rx_flags(f, x) << 48;
	const size_t c = x->next;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t len;
		size_t d;

		if (os_unlikely(!f->frame(&h, c + i, &d, &len)) || os_unlikely(len - LR_FRAME_MIN > room))
			break;
		os_store((uint64_t *)(void *)&slot[i], holds[d] | len << 32 | flags);
		if (f->take)
			f->take(&h, c + i, d);
		bytes += len;
	}
	lr_count(&r->count.packets, i);
	lr_count(&r->count.bytes, bytes);
	return (uint32_t)i;
}

/* What is known of a frame once its pieces were looked at. */
struct lr_rx_frame {
	uint32_t idx[NETMAP_MAX_FRAGS], desc[NETMAP_MAX_FRAGS];
	uint16_t len[NETMAP_MAX_FRAGS];
	uint32_t n;		/* pieces taken from the device */
	uint32_t total;
	bool good;
};

LR_INLINE bool lr_rx_has(const struct lr_rx_frame *fr, uint32_t desc)
{
	uint32_t i;

	for (i = 0; i < fr->n; i++)
		if (fr->desc[i] == desc)
			return true;
	return false;
}

/* Looks for the end of the frame that begins at x->next, in `limit` completions. 1: the pieces of fr->n; 0, -1 as f->piece. */
LR_INLINE int lr_rx_gather(const struct lr_rx_format *f, struct lr_native_rx *x, uint32_t limit, struct lr_rx_frame *fr)
{
	struct lr_rx_piece p = { .left = 0 };
	uint32_t c = x->next, lap = x->hw.lap;
	int is = 0;

	fr->n = fr->total = 0;
	fr->good = !x->skip;
	do {
		is = fr->n == limit ? 0 : f->piece(x, c, &p);
		if (is <= 0)
			break;
		if (!p.len || p.len > x->hw.len || fr->n == NETMAP_MAX_FRAGS)
			fr->good = false;
		if (fr->good) {
			if (lr_rx_has(fr, p.desc))
				is = -1;
			fr->desc[fr->n] = p.desc;
			fr->idx[fr->n] = x->holds[p.desc];
			fr->len[fr->n] = (uint16_t)p.len;
		}
		fr->n++;
		fr->total += p.len;
		if (++c == x->comps) {
			c = 0;
			x->hw.lap ^= 1;
		}
	} while (!p.last && is > 0);
	x->hw.lap = lap;
	if (is <= 0)
		return is;
	if (p.bad || fr->total < LR_FRAME_MIN)
		fr->good = false;
	return 1;
}

/* Takes k completions that are not delivered and posts their buffers again. */
LR_INLINE bool lr_rx_repost(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t k)
{
	struct lr_rx_piece p = { .left = 0 };

	for (; k; k--) {
		uint32_t idx;

		if (f->piece(x, x->next, &p) <= 0)
			return false;
		idx = x->holds[p.desc];
		if (f->take)
			f->take(&x->hw, x->next, p.desc);
		lr_rx_taken(x, 1);
		if (!lr_rx_post_one(f, x, r, idx))
			x->missing++;
	}
	x->parted = r->num_slots;
	return true;
}

/* A good frame goes into slots from pos on. */
LR_INLINE void lr_rx_deliver(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t pos,
			     const struct lr_rx_frame *fr)
{
	uint32_t i;

	for (i = 0; i < fr->n; i++, pos = lr_pos_next(pos, r->num_slots)) {
		uint16_t flags = lr_rx_flags(f, x) | (i + 1 < fr->n ? NS_MOREFRAG : 0);

		if (f->settle)
			f->settle(&x->hw, fr->desc[i], i, lr_region_buf(r->port->region, fr->idx[i]), fr->len[i]);
		lr_slot_write(&r->slot[pos], fr->idx[i], fr->len[i], flags);
		if (f->take)
			f->take(&x->hw, x->next, fr->desc[i]);
		lr_rx_taken(x, 1);
	}
	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, fr->total);
}

/*
 * One frame of any kind, or what there is of it, in the next `limit` completions. How many slots from pos on it took. *limit
 * becomes what is left of it; 0: no more now.
 */
LR_APART uint32_t lr_rx_odd(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t pos, uint32_t *limit)
{
	struct lr_rx_frame fr;
	uint32_t most = *limit;
	int is = lr_rx_gather(f, x, most, &fr);

	*limit = 0;
	if (is < 0) {
		lr_native_break(r, &x->broken, "a frame in no buffer");
		return 0;
	}
	/* All that the device has is full and no end: it would wait for more for ever. */
	if (!is && fr.n < x->out)
		return 0;
	if (is && fr.good) {
		lr_rx_deliver(f, x, r, pos, &fr);
		*limit = most - fr.n;
		return fr.n;
	}
	if (!x->skip)
		lr_count(&r->count.drops, 1);
	x->skip = !is;
	if (lr_rx_repost(f, x, r, fr.n))
		*limit = most - fr.n;
	else
		lr_native_break(r, &x->broken, "a frame, and then not");
	return 0;
}

/* Completions become slots. Only what was the device's when this began: what is posted again waits for the next sync. */
LR_INLINE void lr_rx_receive(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r)
{
	const uint32_t n = r->num_slots, posted = x->post;
	uint32_t limit = f->ready ? f->ready(x) : x->out, pos = r->hwtail;

	if (os_unlikely(limit > x->out)) {
		lr_native_break(r, &x->broken, "more frames than it has buffers");
		return;
	}
	while (limit) {
		uint32_t run = lr_native_run(limit, pos, 0, n), done;

		if (run > x->comps - x->next)
			run = x->comps - x->next;
		done = os_likely(!x->skip) ? lr_rx_plain(f, x, r, pos, run) : 0;
		lr_rx_taken(x, done);
		pos = lr_pos_add(pos, done, n);
		limit -= done;
		if (os_likely(done == run))
			continue;
		pos = lr_pos_add(pos, lr_rx_odd(f, x, r, pos, &limit), n);
	}
	/* Programs read the frames after they see the new tail. */
	dma_rmb();
	os_store(&r->hwtail, pos);
	if (os_unlikely(x->post != posted)) {
		f->doorbell(x);
		lr_count(&r->count.kicks, 1);
	}
}

/* ops->rxsync, or the body of it. 0; -EIO: broken. */
LR_INLINE int lr_rxsync(const struct lr_rx_format *f, struct lr_ring *r, unsigned int flags)
{
	struct lr_native_rx *x = r->priv;
	const uint32_t posted = x->post;

	(void)flags;
	if (os_unlikely(x->broken))
		return -EIO;
	if (r->hwcur != r->head) {
		lr_rx_post(f, x, r, lr_pos_prev(r->head, r->num_slots));
		os_store(&r->hwcur, r->head);
	}
	if (os_unlikely(x->missing))
		lr_rx_replace(f, x, r);
	if (x->post != posted) {
		f->doorbell(x);
		lr_count(&r->count.kicks, 1);
	}
	lr_rx_receive(f, x, r);
	return os_unlikely(x->broken) ? -EIO : 0;
}

/* --- Life ---------------------------------------------------------------------------------------- */

static inline void lr_native_rx_free(struct lr_native_rx *x)
{
	os_free(x->holds);
	os_free(x->addr);
	x->holds = NULL;
	x->addr = NULL;
}

/* The device has stopped. What it had goes back into slots that are ours: they no longer say which buffers these are. */
LR_INLINE void lr_native_rx_stop(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint32_t d = f->is_out ? 0 : x->next, pos = r->hwtail, k;

	for (k = 0; k < n && x->out; k++, d = lr_pos_next(d, n)) {
		if (f->is_out && !f->is_out(&x->hw, d))
			continue;
		lr_slot_write(&r->slot[pos], x->holds[d], 0, NS_BUF_CHANGED);
		pos = lr_pos_next(pos, n);
		x->out--;
	}
	for (; x->missing && pos != x->slot; x->missing--, pos = lr_pos_next(pos, n))
		lr_slot_write(&r->slot[pos], 0, 0, NS_BUF_CHANGED);
	lr_native_rx_free(x);
}

/* Every descriptor gets the address of a buffer that was checked; until then holds[] means nothing. */
LR_INLINE void lr_rx_hold_all(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r, uint32_t any)
{
	uint32_t d, pos = r->hwtail;

	for (d = 0; d < r->num_slots; d++, pos = lr_pos_next(pos, r->num_slots)) {
		uint32_t idx = lr_slot_read(&r->slot[pos]).idx;

		lr_rx_hold(f, x, d, lr_dma_ok(x->dma, r, idx) ? idx : any);
	}
}

/*
 * An empty ring of descriptors begins: the buffers in slots that are ours are posted; what the program has, it keeps. 0 or
 * -ENOMEM.
 */
LR_INLINE int lr_native_rx_start(const struct lr_rx_format *f, struct lr_native_rx *x, struct lr_ring *r)
{
	const uint32_t n = r->num_slots, any = lr_native_any_buf(x->dma, r);

	if (!x->comps)
		x->comps = n;
	if (!x->posts)
		x->posts = n;
	x->next = x->post = x->out = x->missing = x->parted = 0;
	x->hw.lap = x->hw.post_lap = 0;
	x->skip = x->broken = false;
	os_assert(x->hw.len >= 64 && x->hw.len <= r->buf_len);
	x->slot = r->hwtail;
	x->holds = os_zalloc(n * sizeof(*x->holds));
	x->addr = os_zalloc(n * sizeof(*x->addr));
	if (!any || !x->holds || !x->addr) {
		lr_native_rx_free(x);
		return -ENOMEM;
	}
	lr_rx_hold_all(f, x, r, any);
	lr_rx_post(f, x, r, lr_pos_prev(r->hwcur, n));
	f->doorbell(x);
	return 0;
}

#endif
