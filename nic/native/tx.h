/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * txsync over a ring of descriptors. See sync.h.
 *
 * One loop takes frames of one slot whose buffer is the one its descriptor has, another those in any buffer; what is odd
 * beyond that is dealt with apart, and the loops go on. A frame is given to the device whole or not at all: nothing is
 * written to descriptors before all its slots are there and good.
 */
#ifndef LR_NATIVE_TX_H
#define LR_NATIVE_TX_H

#include "nic/native/sync.h"

/* What the loop needs of a device's ring; a copy of it is in registers while it runs. */
struct lr_tx_hw {
	void *desc;		/* the descriptors */
	void *queue;		/* what else the device has */
	uint32_t mask;		/* of positions in that */
	uint32_t lap;		/* 0 and 1 in turn, changes as descriptors wrap */
	uint32_t first;		/* descriptor of the first frame of this sync */
	unsigned int shift;	/* the device's own */
};

/* A descriptor of a frame of several. */
struct lr_tx_piece {
	uint32_t first, desc;	/* descriptor of the first piece, and of this one */
	uint32_t i, n;		/* piece i of n */
	uint32_t len, total;	/* bytes of it, of all */
	uint64_t addr;
};

struct lr_native_tx {
	/* From the driver: */
	const struct lr_dma *dma;
	struct lr_tx_hw hw;
	lr_reg doorbell;
	uint32_t max_frame;	/* bytes, all slots of a frame together */
	uint32_t max_pieces;	/* slots of a frame; at most NETMAP_MAX_FRAGS */

	/* Ours: */
	uint32_t *holds;	/* per descriptor: the buffer whose address it has */
	uint64_t *addr;		/* that address, where the device overwrites it */
	uint32_t *report;	/* descriptors that will be reported, in order */
	uint32_t report_first, report_end;
	uint8_t *skip;		/* per slot: taken, and nothing sent for it */
	uint32_t skips;
	uint32_t done, next;	/* descriptors [done, next) are the device's; next is written next */
	uint32_t frames;	/* given to the device in all */
	uint32_t unreported;	/* descriptors since the last that will be */
	uint32_t every;		/* so many at most */
	bool broken;
};

/* How a device's tx descriptors are written. Called from inline code with a constant table: no calls remain. */
struct lr_tx_format {
	/* Frames shorter than this are made so long with zeros: the device would not, or not right. 0: it does. */
	uint32_t pad;
	/* Addresses do not stay in descriptors. */
	bool loses_addr;

	void (*addr)(const struct lr_tx_hw *h, size_t d, uint64_t addr);
	/* Descriptor d is a whole frame, the k-th in all (modulo 2^32). */
	void (*frame)(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len);
	/* A descriptor of a larger one, the t->frames-th. */
	void (*piece)(struct lr_native_tx *t, const struct lr_tx_piece *p);
	/* All before t->next is the device's. */
	void (*doorbell)(struct lr_native_tx *t);

	/* Descriptor d, the last of a frame that the device does not know of yet, shall be reported. NULL: all are. */
	void (*report)(const struct lr_tx_hw *h, uint32_t d);
	/* Descriptor d, which was to be reported next, and all before it are done: 1, 0, or -1: the device talks nonsense. */
	int (*is_done)(struct lr_native_tx *t, uint32_t d);
	/* Instead of both: moves t->done; false: nonsense. */
	bool (*reclaim)(struct lr_native_tx *t, uint32_t n);
};

/* --- Frames of one slot ---------------------------------------------------------------------- */

/* A frame's length less this is at most lr_tx_room: it is good, and has no flags above it. */
LR_INLINE uint32_t lr_tx_least(const struct lr_tx_format *f)
{
	return f->pad > LR_FRAME_MIN ? f->pad : LR_FRAME_MIN;
}

LR_INLINE uint32_t lr_tx_room(const struct lr_tx_format *f, const struct lr_native_tx *t, const struct lr_ring *r)
{
	return (r->buf_len < t->max_frame ? r->buf_len : t->max_frame) - lr_tx_least(f);
}

/*
 * Up to n frames from slot pos and descriptor t->next on, in a straight piece. How many were of one slot, and their
 * descriptor's buffer.
 */
LR_INLINE uint32_t lr_tx_plain(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	const struct netmap_slot *const slot = r->slot + pos;
	const uint32_t least = lr_tx_least(f), room = lr_tx_room(f, t, r), k = t->frames;
	const size_t d = t->next;
	const uint32_t *const holds = t->holds + d;
	const uint64_t *const addr = t->addr + d;
	const struct lr_tx_hw h = t->hw;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t v = os_load((const uint64_t *)(const void *)&slot[i]);
		uint32_t idx = (uint32_t)v, len = (uint32_t)(v >> 32); /* and flags: none, or it is too long */

		if (os_unlikely(idx != holds[i]) || os_unlikely(len - least > room))
			break;
		if (f->loses_addr)
			f->addr(&h, d + i, addr[i]);
		f->frame(&h, d + i, k + (uint32_t)i, len);
		bytes += len;
	}
	t->frames = k + (uint32_t)i;
	lr_count(&r->count.packets, i);
	lr_count(&r->count.bytes, bytes);
	return (uint32_t)i;
}

/* The same for frames of one slot in any buffer: programs that forward hand over another each time. */
LR_INLINE uint32_t lr_tx_swapped(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r, uint32_t pos, uint32_t n)
{
	struct netmap_slot *const slot = r->slot + pos;
	const uint32_t least = lr_tx_least(f), room = lr_tx_room(f, t, r), k = t->frames;
	const size_t d = t->next;
	uint32_t *const holds = t->holds + d;
	uint64_t *const addr = t->addr + d;
	const struct lr_tx_hw h = t->hw;
	const struct lr_dma m = *t->dma;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		struct lr_slot s = lr_slot_read(&slot[i]);

		if (os_unlikely(s.len - least > room) || os_unlikely(s.flags & (NS_MOREFRAG | NS_REPORT)) ||
		    os_unlikely(!lr_dma_ok(&m, r, s.idx)))
			break;
		holds[i] = s.idx;
		if (f->loses_addr)
			addr[i] = lr_dma_addr(&m, s.idx);
		f->addr(&h, d + i, lr_dma_addr(&m, s.idx));
		f->frame(&h, d + i, k + (uint32_t)i, s.len);
		if (s.flags & NS_BUF_CHANGED)
			os_store(&slot[i].flags, (uint16_t)(s.flags & ~NS_BUF_CHANGED));
		bytes += s.len;
	}
	t->frames = k + (uint32_t)i;
	lr_count(&r->count.packets, i);
	lr_count(&r->count.bytes, bytes);
	return (uint32_t)i;
}

/* --- Everything else ------------------------------------------------------------------------- */

/* What is known of a frame once its slots were read. */
struct lr_tx_frame {
	struct lr_slot slot[NETMAP_MAX_FRAGS];
	uint32_t n, bad, total;
	bool more, good;	/* the last slot is still to come; may be sent as far as one can see */
	bool report;
};

/* Reads the slots of one frame at pos, of `left`. Slots with something wrong are mended: the program goes on with them. */
static inline void lr_tx_gather(struct lr_native_tx *t, struct lr_ring *r, uint32_t pos, uint32_t left, struct lr_tx_frame *fr)
{
	fr->n = fr->bad = fr->total = 0;
	fr->more = true;
	fr->good = !r->skip;
	fr->report = false;
	for (; fr->more && fr->n < left; fr->n++, pos = lr_pos_next(pos, r->num_slots)) {
		struct lr_slot s = lr_slot_read(&r->slot[pos]);

		fr->more = s.flags & NS_MOREFRAG;
		if (!s.len || s.len > r->buf_len || !lr_dma_ok(t->dma, r, s.idx)) {
			fr->bad++;
			lr_ring_mend_slot(r, pos);
		}
		fr->total += s.len;
		fr->report |= !!(s.flags & NS_REPORT);
		if (fr->n >= t->max_pieces || fr->bad || fr->total > t->max_frame)
			fr->good = false;
		else
			fr->slot[fr->n] = s;
	}
	if (!fr->more && fr->total < LR_FRAME_MIN)
		fr->good = false;
}

/* Zeros behind the frame, in its last buffer: not all devices can do it. */
static inline void lr_tx_pad(const struct lr_ring *r, struct lr_tx_frame *fr, uint32_t pad)
{
	struct lr_slot *s = &fr->slot[fr->n - 1];
	uint32_t add = pad - fr->total;

	if (add > r->buf_len - s->len)
		add = r->buf_len - s->len;
	memset(lr_region_buf(r->port->region, s->idx) + s->len, 0, add);
	s->len = (uint16_t)(s->len + add);
	fr->total += add;
}

/* The address of the slot's buffer, which its descriptor has from now on. */
LR_INLINE uint64_t lr_tx_hold(const struct lr_tx_format *f, struct lr_native_tx *t, uint32_t d, uint32_t idx)
{
	uint64_t addr = lr_dma_addr(t->dma, idx);

	t->holds[d] = idx;
	if (f->loses_addr)
		t->addr[d] = addr;
	f->addr(&t->hw, d, addr);
	return addr;
}

LR_INLINE void lr_tx_ask_report(const struct lr_tx_format *f, struct lr_native_tx *t, uint32_t n)
{
	uint32_t d = lr_pos_prev(t->next, n);

	f->report(&t->hw, d);
	t->report[t->report_end] = d;
	t->report_end = lr_pos_next(t->report_end, n);
	t->unreported = 0;
}

/* Descriptors go on by k. */
LR_INLINE void lr_tx_advance(struct lr_native_tx *t, uint32_t k, uint32_t n)
{
	t->unreported += k;
	t->next += k;
	if (t->next >= n) {
		t->next -= n;
		t->hw.lap ^= 1;
	}
}

/* A good frame goes into descriptors. */
LR_INLINE void lr_tx_give(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r, uint32_t pos,
			  const struct lr_tx_frame *fr)
{
	const uint32_t n = r->num_slots, first = t->next;
	struct lr_tx_piece p = { .first = first, .n = fr->n, .total = fr->total };

	for (p.i = 0; p.i < p.n; p.i++, pos = lr_pos_next(pos, n)) {
		const struct lr_slot *s = &fr->slot[p.i];

		p.desc = t->next;
		p.len = s->len;
		p.addr = lr_tx_hold(f, t, p.desc, s->idx);
		if (p.n == 1)
			f->frame(&t->hw, p.desc, t->frames, s->len);
		else
			f->piece(t, &p);
		if (s->flags & (NS_BUF_CHANGED | NS_REPORT))
			os_store(&r->slot[pos].flags, (uint16_t)(s->flags & ~(NS_BUF_CHANGED | NS_REPORT)));
		lr_tx_advance(t, 1, n);
	}
	t->frames++;
	lr_count(&r->count.packets, 1);
	lr_count(&r->count.bytes, fr->total);
	if (f->report && (fr->report || t->unreported >= t->every))
		lr_tx_ask_report(f, t, n);
}

/*
 * One frame, or what has come of it, at pos, where the program has `left` slots for us. Returns how many slots were
 * used up; 0: the frame is not complete.
 */
LR_APART uint32_t lr_tx_odd(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r, uint32_t pos, uint32_t left)
{
	struct lr_tx_frame fr;
	uint32_t i;

	lr_tx_gather(t, r, pos, left, &fr);
	if (fr.good && fr.more && fr.n < r->num_slots - 1)
		return 0;
	if (fr.good && !fr.more) {
		if (fr.total < f->pad)
			lr_tx_pad(r, &fr, f->pad);
		lr_tx_give(f, t, r, pos, &fr);
		return fr.n;
	}
	lr_count(&r->count.drops, !r->skip);
	lr_count(&r->count.bad_slots, fr.bad);
	r->skip = fr.more;
	t->skips += fr.n;
	for (i = 0; i < fr.n; i++, pos = lr_pos_next(pos, r->num_slots))
		t->skip[pos] = 1;
	return fr.n;
}

/* --- The sync -------------------------------------------------------------------------------- */

LR_INLINE void lr_tx_submit(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r)
{
	const uint32_t n = r->num_slots, first = t->next;
	uint32_t pos = r->hwcur, left = lr_pos_dist(pos, r->head, n);

	t->hw.first = first;
	while (left) {
		uint32_t run = lr_native_run(left, pos, t->next, n), done = 0;

		if (f->report && run > t->every - t->unreported)
			run = t->every - t->unreported;
		if (os_likely(!r->skip))
			done = lr_tx_plain(f, t, r, pos, run);
		lr_tx_advance(t, done, n);
		if (done != run && !r->skip) {
			uint32_t more = lr_tx_swapped(f, t, r, pos + done, run - done);

			lr_tx_advance(t, more, n);
			done += more;
		}
		pos = lr_pos_add(pos, done, n);
		left -= done;
		if (f->report && t->unreported >= t->every)
			lr_tx_ask_report(f, t, n);
		if (os_likely(done == run))
			continue;
		done = lr_tx_odd(f, t, r, pos, left);
		if (!done)
			break;
		pos = lr_pos_add(pos, done, n);
		left -= done;
	}
	os_store(&r->hwcur, pos);
	if (t->next == first)
		return;
	if (f->report && t->unreported)
		lr_tx_ask_report(f, t, n);
	f->doorbell(t);
	lr_count(&r->count.kicks, 1);
}

/* `freed` descriptors are done: that many slots, and those between and next to them that were dropped. */
LR_APART void lr_tx_free_skipping(struct lr_native_tx *t, struct lr_ring *r, uint32_t freed)
{
	const uint32_t n = r->num_slots;
	uint32_t tail = r->hwtail, pos;

	for (pos = lr_pos_next(tail, n); pos != r->hwcur; pos = lr_pos_next(pos, n)) {
		if (t->skip[pos]) {
			t->skip[pos] = 0;
			t->skips--;
		} else if (!freed--) {
			break;
		}
		tail = pos;
	}
	os_store(&r->hwtail, tail);
}

LR_INLINE int lr_tx_reclaim(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r)
{
	const uint32_t n = r->num_slots, before = t->done;
	uint32_t freed;
	int is = 0;

	if (f->reclaim) {
		if (os_unlikely(!f->reclaim(t, n)))
			is = -1;
	} else {
		while (t->report_first != t->report_end) {
			uint32_t d = t->report[t->report_first];

			is = f->is_done(t, d);
			if (is <= 0)
				break;
			t->done = lr_pos_next(d, n);
			t->report_first = lr_pos_next(t->report_first, n);
		}
	}
	freed = lr_pos_dist(before, t->done, n);
	if (os_unlikely(t->skips))
		lr_tx_free_skipping(t, r, freed);
	else
		os_store(&r->hwtail, lr_pos_add(r->hwtail, freed, n));
	return os_unlikely(is < 0) ? lr_native_break(r, &t->broken, "what was never sent to be sent") : 0;
}

/* ops->txsync, or the body of it. 0; -EIO: broken. */
LR_INLINE int lr_txsync(const struct lr_tx_format *f, struct lr_ring *r, unsigned int flags)
{
	struct lr_native_tx *t = r->priv;

	(void)flags;
	if (os_unlikely(t->broken))
		return -EIO;
	if (r->hwcur != r->head)
		lr_tx_submit(f, t, r);
	return lr_tx_reclaim(f, t, r);
}

/* --- Life --------------------------------------------------------------------------------------- */

static inline void lr_native_tx_stop(struct lr_native_tx *t)
{
	os_free(t->holds);
	os_free(t->addr);
	os_free(t->report);
	os_free(t->skip);
	t->holds = t->report = NULL;
	t->addr = NULL;
	t->skip = NULL;
}

/*
 * An empty ring of descriptors begins. All slots are the program's again, but those it has submitted and that were
 * not sent: these will be. Every descriptor gets the address of a buffer, the one it meets. 0 or -ENOMEM.
 */
LR_INLINE int lr_native_tx_start(const struct lr_tx_format *f, struct lr_native_tx *t, struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint32_t d, pos = r->hwcur, any = lr_native_any_buf(t->dma, r);

	t->holds = os_zalloc(n * sizeof(*t->holds));
	t->addr = os_zalloc(n * sizeof(*t->addr));
	t->report = os_zalloc(n * sizeof(*t->report));
	t->skip = os_zalloc(n);
	if (!any || !t->holds || !t->addr || !t->report || !t->skip) {
		lr_native_tx_stop(t);
		return -ENOMEM;
	}
	t->report_first = t->report_end = t->skips = t->done = t->next = t->frames = t->unreported = 0;
	t->hw.lap = 0;
	t->every = n / 4;
	os_assert(r->buf_len >= 64 && t->max_frame >= 64 && t->max_pieces <= NETMAP_MAX_FRAGS);
	t->broken = false;
	for (d = 0; d < n; d++, pos = lr_pos_next(pos, n)) {
		uint32_t idx = lr_slot_read(&r->slot[pos]).idx;

		lr_tx_hold(f, t, d, lr_dma_ok(t->dma, r, idx) ? idx : any);
	}
	os_store(&r->hwtail, lr_pos_prev(r->hwcur, n));
	return 0;
}

#endif
