/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * virtio-net, tx queue. See virtio.h.
 *
 * A device may complete frames in any order. Slots are freed in the order of the ring, so a frame that is done early waits
 * for those before it.
 *
 * A frame of several slots takes their pairs for its chain; when it is done they are made anew. In an indirect table the
 * chain must be in one piece: header, then all buffers, over the pairs of the slots it has (two descriptors each, and one
 * more than slots is enough).
 */
#ifndef LR_NATIVE_VIRTIO_TX_H
#define LR_NATIVE_VIRTIO_TX_H

#include "nic/native/tx.h"
#include "nic/native/virtio.h"

struct lr_virtio_tx {
	struct lr_native_tx tx;
	struct lr_virtio q;

	/* Ours: */
	uint8_t *span;		/* per descriptor: slots of the frame that begins there; 0: goes on there */
	uint8_t *early;		/* per descriptor: its frame is done, those before are not */
	uint32_t earlies;
};

LR_INLINE void lr_virtio_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&((struct lr_virtio_desc *)h->desc)[2 * d + 1].addr, cpu_to_le64(addr));
}

LR_INLINE void lr_virtio_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	__le16 *avail = h->queue;

	os_store(&((struct lr_virtio_desc *)h->desc)[2 * d + 1].len, cpu_to_le32(len));
	os_store(&avail[k & h->mask], cpu_to_le16((uint16_t)(d << h->shift)));
}

LR_INLINE void lr_virtio_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	struct lr_virtio_tx *v = LR_CONTAINER_OF(t, struct lr_virtio_tx, tx);
	struct lr_virtio *q = &v->q;
	const bool last = p->i + 1 == p->n;
	uint32_t at = 2 * p->desc + 1, next;
	__le16 *avail = t->hw.queue;

	if (q->indirect) {
		at = 2 * p->first + 1 + p->i;
		next = p->i + 2;
	} else {
		next = 2 * lr_pos_next(p->desc, lr_virtio_slots(q)) + 1;
	}
	lr_virtio_set(&q->pair[at], p->addr, p->len, last ? 0 : LR_VIRTIO_NEXT, last ? 0 : next);
	v->span[p->desc] = 0;
	if (!last)
		return;
	if (q->indirect)
		os_store(&q->table[p->first].len, cpu_to_le32((p->n + 1) * (uint32_t)sizeof(struct lr_virtio_desc)));
	v->span[p->first] = (uint8_t)p->n;
	os_store(&avail[t->frames & t->hw.mask], cpu_to_le16((uint16_t)(p->first << t->hw.shift)));
}

LR_INLINE void lr_virtio_tx_doorbell(struct lr_native_tx *t)
{
	lr_virtio_publish(&LR_CONTAINER_OF(t, struct lr_virtio_tx, tx)->q, (uint16_t)t->frames);
}

/* The descriptors of a larger frame, which was sent, are those of single ones again. */
LR_APART void lr_virtio_tx_dissolve(struct lr_virtio_tx *v, uint32_t first, uint32_t span, uint32_t n)
{
	uint32_t d = first;

	for (; span; span--, d = lr_pos_next(d, n)) {
		lr_virtio_make_pair(&v->q, d, 0, 0, 0);
		lr_virtio_tx_addr(&v->tx.hw, d, lr_dma_addr(v->tx.dma, v->tx.holds[d]));
		v->span[d] = 1;
	}
}

/* Frame d is done before its turn. False: it is not in flight, or was done before. */
LR_APART bool lr_virtio_tx_early(struct lr_virtio_tx *v, uint32_t id, uint32_t done, uint32_t n)
{
	uint32_t d = id >> v->tx.hw.shift;

	if (d >= n || d << v->tx.hw.shift != id || lr_pos_dist(done, d, n) >= lr_pos_dist(done, v->tx.next, n) ||
	    !v->span[d] || v->early[d])
		return false;
	v->early[d] = 1;
	v->earlies++;
	return true;
}

/* Frame `done`, whose turn it is, is done; so may be those behind it. Returns the first that is not. */
LR_APART uint32_t lr_virtio_tx_retire(struct lr_virtio_tx *v, uint32_t done, uint32_t n)
{
	do {
		uint32_t k = v->span[done];

		if (k != 1)
			lr_virtio_tx_dissolve(v, done, k, n);
		if (v->early[done]) {
			v->early[done] = 0;
			v->earlies--;
		}
		done = lr_pos_add(done, k, n);
	} while (v->earlies && v->early[done]);
	return done;
}

/* Used entries of frames of one slot, in their turn. Returns the first entry that is otherwise. */
LR_INLINE uint16_t lr_virtio_tx_in_turn(const struct lr_virtio_tx *v, uint16_t seen, uint16_t end, uint32_t *next, uint32_t n)
{
	const struct lr_virtio_used *used = v->q.used;
	const unsigned int shift = v->tx.hw.shift;
	const uint32_t mask = v->tx.hw.mask;
	const uint8_t *span = v->span;
	uint32_t done = *next;

	for (; seen != end; seen++) {
		if (os_unlikely(le32_to_cpu(os_load(&used->ring[seen & mask].id)) != done << shift) || os_unlikely(span[done] != 1))
			break;
		done = lr_pos_next(done, n);
	}
	*next = done;
	return seen;
}

LR_INLINE bool lr_virtio_tx_reclaim(struct lr_native_tx *t, uint32_t n)
{
	struct lr_virtio_tx *v = LR_CONTAINER_OF(t, struct lr_virtio_tx, tx);
	const struct lr_virtio_used *used = v->q.used;
	uint16_t seen = v->q.used_idx, end = le16_to_cpu(os_load(&used->idx));
	uint32_t done = t->done;
	bool sane = (uint16_t)(end - seen) <= (uint16_t)(t->frames - seen);

	dma_rmb();	/* idx before the entries it covers */
	while (sane && seen != end) {
		uint32_t id;

		if (os_likely(!v->earlies))
			seen = lr_virtio_tx_in_turn(v, seen, end, &done, n);
		if (os_likely(seen == end))
			break;
		id = le32_to_cpu(os_load(&used->ring[seen++ & t->hw.mask].id));
		if (id == done << t->hw.shift)
			done = lr_virtio_tx_retire(v, done, n);
		else
			sane = lr_virtio_tx_early(v, id, done, n);
	}
	v->q.used_idx = seen;
	t->done = done;
	return sane;
}

static const struct lr_tx_format lr_virtio_tx __attribute__((__unused__)) = {
	.addr = lr_virtio_tx_addr,
	.frame = lr_virtio_tx_frame,
	.piece = lr_virtio_tx_piece,
	.doorbell = lr_virtio_tx_doorbell,
	.reclaim = lr_virtio_tx_reclaim,
};

static inline void lr_virtio_tx_stop(struct lr_virtio_tx *v)
{
	os_free(v->span);
	os_free(v->early);
	v->span = v->early = NULL;
	lr_native_tx_stop(&v->tx);
}

/* r->num_slots is lr_virtio_slots. 0 or -ENOMEM. */
LR_INLINE int lr_virtio_tx_start(struct lr_virtio_tx *v, struct lr_ring *r)
{
	const uint32_t n = r->num_slots;
	uint32_t d;
	int err;

	lr_virtio_start(&v->q);
	memset(v->q.header, 0, v->q.header_len);
	v->tx.hw = (struct lr_tx_hw){
		.desc = v->q.pair, .queue = v->q.avail->ring, .mask = v->q.size - 1, .shift = lr_virtio_shift(&v->q),
	};
	v->earlies = 0;
	v->span = os_zalloc(n);
	v->early = os_zalloc(n);
	if (!v->span || !v->early) {
		lr_virtio_tx_stop(v);
		return -ENOMEM;
	}
	memset(v->span, 1, n);
	for (d = 0; d < n; d++)
		lr_virtio_make_pair(&v->q, d, 0, 0, 0);
	err = lr_native_tx_start(&lr_virtio_tx, &v->tx, r);
	if (err)
		lr_virtio_tx_stop(v);
	else
		lr_virtio_disarm(&v->q);
	return err;
}

/* For who is about to sleep: an interrupt when half of what is in flight is done. True: look again. */
static inline bool lr_virtio_tx_arm(struct lr_virtio_tx *v)
{
	uint16_t flying = (uint16_t)(v->tx.frames - v->q.used_idx);

	return lr_virtio_arm(&v->q, flying > 1 ? flying / 2 : 1);
}

#endif
