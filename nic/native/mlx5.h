/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * NVIDIA (Mellanox) ConnectX-4 and later, BlueField: mlx5. After the kernel's include/linux/mlx5/device.h, qp.h and cq.h, and the
 * way en_tx.c and en_rx.c of its driver go; all is big endian.
 *
 * Send queue: blocks of 64 bytes. A frame is one entry of as many blocks as its segments need, 16 bytes each:
 *
 *	        63          40 39    32 31         8 7    0
 *	 0      | counter     | opcode | queue      | segments |	control; counter: of blocks, 16 bits
 *	 8      |             | 8: completion wanted |         |
 *	16, 24  | 0: no checksums, no inline header            |	Ethernet
 *	32      | length               | key                   |	data: the first two fit the first block
 *	40      | address                                      |
 *
 * Slots and blocks go together, so a frame of several slots leaves blocks over: they get entries that do nothing. The address
 * of a block's own buffer is at 40. Where a frame's segments overwrite that in the blocks behind its first, holds[] says whose
 * address is there now.
 *
 * Receive queue, cyclic: 16 bytes a buffer (length, key, address), of which only the address changes. A frame takes one buffer:
 * larger ones are errors, so an MTU beyond a buffer is refused.
 *
 * Completions are rings of 64 bytes. Whose turn it is says a bit that changes with each lap, beginning with 0:
 *
 *	40      |                      | bytes                 |	received
 *	48      |                       vendor's code | error  |	where the opcode says so
 *	56      | queue                | counter  | | op 0 0 o |	op 4 bits, format 2 bits, o: whose turn
 *
 * A queue's memory is in pages, hw.desc and hw.done are tables of them. The device is told how far we are by records in memory;
 * only what is to be sent needs a register too, which gets the first 8 bytes of the last entry.
 *
 * The driver sets hw.desc, hw.done (rx), hw.mask, hw.shift, hw.len (rx), the doorbell (tx: UAR), and what is marked so below;
 * a power of two of slots; completion rings of as many entries (rx) or at least as many (tx), of 64 bytes, uncompressed, in pages
 * of the same size; queues and completion queues that were not used yet, with entries of 16 bytes (rx); no inline headers wanted;
 * LRO, VLAN stripping and frames with their checksum off.
 */
#ifndef LR_NATIVE_MLX5_H
#define LR_NATIVE_MLX5_H

#include "nic/native/rx.h"
#include "nic/native/tx.h"

#define LR_MLX5_BLOCK 64u
#define LR_MLX5_BLOCK_SHIFT 6
#define LR_MLX5_WORDS 8u	/* of 8 bytes a block */
#define LR_MLX5_BUFS_SHIFT 2	/* 4 entries of the receive queue in a block */
#define LR_MLX5_SEGMENTS 63u	/* of a frame at most; 2 are no data */

#define LR_MLX5_NOP 0ull
#define LR_MLX5_SEND 0x0aull
#define LR_MLX5_COMPLETE (8ull << 32)
#define LR_MLX5_RX_FLAG 0x80000000u	/* of a length, as the driver has it: what precedes a frame is padded */

#define LR_MLX5_OWNER 1u
#define LR_MLX5_OP 0xfcu	/* opcode and format */
#define LR_MLX5_OP_SENT 0x00u
#define LR_MLX5_OP_RECEIVED 0x20u
#define LR_MLX5_OP_RX_ERROR 0xe0u
#define LR_MLX5_COUNTER_SHIFT 16
#define LR_MLX5_CI 0xffffffu	/* bits of a completion queue's record */

struct lr_mlx5_tx {
	struct lr_native_tx tx;
	/* From the driver: */
	void *const *done;	/* pages of completions */
	uint32_t done_mask;
	__be32 *sq_record, *cq_record;
	uint32_t queue, key;

	/* Ours: */
	uint16_t counter;	/* of blocks given to the device */
	uint32_t taken;		/* completions */
};

struct lr_mlx5_rx {
	struct lr_native_rx rx;
	/* From the driver: */
	__be32 *rq_record, *cq_record;
	uint32_t key;

	/* Ours: */
	__be64 entry;		/* what the entries began with before */
	uint32_t posted, taken;	/* buffers and completions, at the last doorbell */
};

/* Block b of a queue with 1 << shift blocks a page. */
LR_INLINE __be64 *lr_mlx5_block(void *const *page, unsigned int shift, size_t b)
{
	return (__be64 *)page[b >> shift] + (b & ((1u << shift) - 1)) * LR_MLX5_WORDS;
}

/* The last word of a completion, if it is there in this lap; then the rest may be read. */
LR_INLINE bool lr_mlx5_is_there(const __be64 *done, uint32_t lap, uint64_t *last)
{
	*last = be64_to_cpu(os_load(&done[7]));
	if ((*last & LR_MLX5_OWNER) != lap)
		return false;
	dma_rmb();
	return true;
}

LR_APART void lr_mlx5_log_error(const struct lr_ring *r, const __be64 *done)
{
	uint64_t code = be64_to_cpu(os_load(&done[6])), last = be64_to_cpu(os_load(&done[7]));

	os_log("%s: ring %u: completion %#x, error %#x (%#x)", r->port->name, r->index, (unsigned int)last & LR_MLX5_OP,
	       (unsigned int)code & 0xff, (unsigned int)code >> 8 & 0xff);
}

/* --- Transmit ---------------------------------------------------------------------------------- */

LR_INLINE __be64 *lr_mlx5_tx_block(const struct lr_tx_hw *h, size_t d)
{
	return lr_mlx5_block(h->desc, h->shift, d);
}

/* The first word of an entry at block d, which this sync writes. */
LR_INLINE __be64 lr_mlx5_tx_control(const struct lr_tx_hw *h, size_t d, uint64_t opcode, uint32_t segments)
{
	const struct lr_mlx5_tx *v = h->queue;
	uint16_t counter = (uint16_t)(v->counter + ((d - h->first) & h->mask));

	return cpu_to_be64((uint64_t)counter << 40 | opcode << 32 | v->queue << 8 | segments);
}

LR_INLINE void lr_mlx5_tx_addr(const struct lr_tx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_mlx5_tx_block(h, d)[5], cpu_to_be64(addr));
}

LR_INLINE void lr_mlx5_tx_data(const struct lr_tx_hw *h, size_t d, uint32_t len)
{
	const struct lr_mlx5_tx *v = h->queue;

	os_store(&lr_mlx5_tx_block(h, d)[4], cpu_to_be64((uint64_t)len << 32 | v->key));
}

/* What comes before the data of a frame. */
LR_INLINE void lr_mlx5_tx_head(const struct lr_tx_hw *h, size_t d, uint32_t segments)
{
	__be64 *word = lr_mlx5_tx_block(h, d);

	os_store(&word[0], lr_mlx5_tx_control(h, d, LR_MLX5_SEND, segments));
	os_store(&word[1], (__be64)0);
	os_store(&word[2], (__be64)0);
	os_store(&word[3], (__be64)0);
}

LR_INLINE void lr_mlx5_tx_frame(const struct lr_tx_hw *h, size_t d, uint32_t k, uint32_t len)
{
	(void)k;
	lr_mlx5_tx_head(h, d, 3);
	lr_mlx5_tx_data(h, d, len);
}

/*
 * The data segments of n pieces, each in its own block until now, go one behind the other. No segment is overwritten before it
 * has gone to its place: piece i goes to block (2 + i) / 4, whose own is of a piece before. Returns the blocks in use.
 */
static inline uint32_t lr_mlx5_tx_gather(struct lr_native_tx *t, uint32_t first, uint32_t n)
{
	uint32_t i;

	for (i = 1; i < n; i++) {
		uint32_t at = (2 + i) % 4, from = (first + i) & t->hw.mask, to = (first + (2 + i) / 4) & t->hw.mask;
		const __be64 *own = lr_mlx5_tx_block(&t->hw, from) + 4;
		__be64 *word = lr_mlx5_tx_block(&t->hw, to) + 2 * at;

		os_store(&word[0], os_load(&own[0]));
		os_store(&word[1], os_load(&own[1]));
		if (at == 2)
			t->holds[to] = t->holds[from];
	}
	return (2 + n + 3) / 4;
}

LR_INLINE void lr_mlx5_tx_piece(struct lr_native_tx *t, const struct lr_tx_piece *p)
{
	uint32_t i;

	lr_mlx5_tx_data(&t->hw, p->desc, p->len);
	if (p->i + 1 < p->n)
		return;
	for (i = lr_mlx5_tx_gather(t, p->first, p->n); i < p->n; i++) {
		uint32_t d = (p->first + i) & t->hw.mask;
		__be64 *word = lr_mlx5_tx_block(&t->hw, d);

		os_store(&word[0], lr_mlx5_tx_control(&t->hw, d, LR_MLX5_NOP, 1));
		os_store(&word[1], (__be64)0);
	}
	lr_mlx5_tx_head(&t->hw, p->first, 2 + p->n);
}

/* A frame's last block is an entry: its only one, or one that does nothing. */
LR_INLINE void lr_mlx5_tx_report(const struct lr_tx_hw *h, uint32_t d)
{
	os_store(&lr_mlx5_tx_block(h, d)[1], cpu_to_be64(LR_MLX5_COMPLETE));
}

LR_INLINE void lr_mlx5_tx_doorbell(struct lr_native_tx *t)
{
	struct lr_mlx5_tx *v = LR_CONTAINER_OF(t, struct lr_mlx5_tx, tx);
	uint32_t last = (t->next - 1) & t->hw.mask;

	v->counter = (uint16_t)(v->counter + ((t->next - t->hw.first) & t->hw.mask));
	dma_wmb();	/* entries before the record */
	os_store(v->sq_record, cpu_to_be32((uint32_t)v->counter));
	lr_reg_write_be64(t->doorbell, os_load(&lr_mlx5_tx_block(&t->hw, last)[0]));
}

/* Each completion covers what is before it. An error stops the device's queue, too. */
LR_INLINE bool lr_mlx5_tx_reclaim(struct lr_native_tx *t, uint32_t n)
{
	struct lr_mlx5_tx *v = LR_CONTAINER_OF(t, struct lr_mlx5_tx, tx);
	const uint32_t before = v->taken;
	uint64_t last;

	while (t->done != t->next && v->taken - before < n) {
		const __be64 *done = lr_mlx5_block(v->done, t->hw.shift, v->taken & v->done_mask);
		uint16_t behind;

		if (!lr_mlx5_is_there(done, !!(v->taken & (v->done_mask + 1)), &last))
			break;
		behind = (uint16_t)(v->counter - 1 - (uint16_t)(last >> LR_MLX5_COUNTER_SHIFT));
		if ((last & LR_MLX5_OP) != LR_MLX5_OP_SENT || behind >= lr_pos_dist(t->done, t->next, n))
			return false;
		t->done = (t->next - behind) & t->hw.mask;
		v->taken++;
	}
	if (v->taken != before)
		os_store(v->cq_record, cpu_to_be32(v->taken & LR_MLX5_CI));
	return true;
}

static const struct lr_tx_format lr_mlx5_tx __attribute__((__unused__)) = {
	.addr = lr_mlx5_tx_addr,
	.frame = lr_mlx5_tx_frame,
	.piece = lr_mlx5_tx_piece,
	.doorbell = lr_mlx5_tx_doorbell,
	.report = lr_mlx5_tx_report,
	.reclaim = lr_mlx5_tx_reclaim,
};

/* 0 or -ENOMEM. */
LR_INLINE int lr_mlx5_tx_start(struct lr_mlx5_tx *v, struct lr_ring *r)
{
	os_assert(v->tx.hw.mask == r->num_slots - 1 && v->done_mask >= v->tx.hw.mask && v->tx.max_pieces <= LR_MLX5_SEGMENTS - 2);
	v->tx.hw.queue = v;
	v->counter = 0;
	v->taken = 0;
	return lr_native_tx_start(&lr_mlx5_tx, &v->tx, r);
}

/* ops->txsync, or the body of it. */
LR_INLINE int lr_mlx5_txsync(struct lr_ring *r, unsigned int flags)
{
	const struct lr_mlx5_tx *v = LR_CONTAINER_OF((struct lr_native_tx *)r->priv, struct lr_mlx5_tx, tx);
	bool broken = v->tx.broken;
	int err = lr_txsync(&lr_mlx5_tx, r, flags);

	if (os_unlikely(err && !broken))
		lr_mlx5_log_error(r, lr_mlx5_block(v->done, v->tx.hw.shift, v->taken & v->done_mask));
	return err;
}

/* --- Receive ------------------------------------------------------------------------------------- */

/* The entry for buffer d: two words. */
LR_INLINE __be64 *lr_mlx5_rx_entry(const struct lr_rx_hw *h, size_t d)
{
	return lr_mlx5_block(h->desc, h->shift, d >> LR_MLX5_BUFS_SHIFT) + 2 * (d & ((1u << LR_MLX5_BUFS_SHIFT) - 1));
}

LR_INLINE void lr_mlx5_rx_addr(const struct lr_rx_hw *h, size_t d, uint64_t addr)
{
	os_store(&lr_mlx5_rx_entry(h, d)[1], cpu_to_be64(addr));
}

/* It is the device's as soon as the record says so. */
LR_INLINE void lr_mlx5_rx_give(const struct lr_rx_hw *h, size_t d, size_t p)
{
	(void)h;
	(void)d;
	(void)p;
}

/* Completions taken in all: less than a ring of them between two doorbells. */
LR_INLINE uint32_t lr_mlx5_rx_taken(struct lr_mlx5_rx *v)
{
	v->taken += (v->rx.next - v->taken) & v->rx.hw.mask;
	return v->taken;
}

/* There is room for completions before there are buffers for them. */
LR_INLINE void lr_mlx5_rx_doorbell(struct lr_native_rx *x)
{
	struct lr_mlx5_rx *v = LR_CONTAINER_OF(x, struct lr_mlx5_rx, rx);

	v->posted += (x->post - v->posted) & x->hw.mask;
	os_store(v->cq_record, cpu_to_be32(lr_mlx5_rx_taken(v) & LR_MLX5_CI));
	dma_wmb();
	os_store(v->rq_record, cpu_to_be32(v->posted & 0xffff));
}

LR_INLINE bool lr_mlx5_rx_frame(const struct lr_rx_hw *h, size_t c, size_t *desc, uint64_t *len)
{
	const __be64 *done = lr_mlx5_block(h->done, h->shift, c);
	uint64_t last;

	if (!lr_mlx5_is_there(done, h->lap, &last))
		return false;
	*desc = c;
	*len = (uint32_t)be64_to_cpu(os_load(&done[5]));
	return (last & LR_MLX5_OP) == LR_MLX5_OP_RECEIVED && (last >> LR_MLX5_COUNTER_SHIFT & h->mask) == c;
}

/* Errors after which the queue does not go on, as the driver has it: of the queue, of protection, flushed. */
LR_INLINE bool lr_mlx5_rx_is_fatal(uint32_t error)
{
	return error == 2 || error == 4 || error == 5;
}

LR_INLINE int lr_mlx5_rx_piece(struct lr_native_rx *x, uint32_t c, struct lr_rx_piece *p)
{
	const __be64 *done = lr_mlx5_block(x->hw.done, x->hw.shift, c);
	uint64_t last;

	if (!lr_mlx5_is_there(done, x->hw.lap, &last))
		return 0;
	p->desc = c;
	p->last = true;
	p->bad = (last & LR_MLX5_OP) != LR_MLX5_OP_RECEIVED;
	p->len = p->bad ? 0 : (uint32_t)be64_to_cpu(os_load(&done[5]));
	if ((last >> LR_MLX5_COUNTER_SHIFT & x->hw.mask) != c)
		return -1;
	if (!p->bad)
		return 1;
	return (last & LR_MLX5_OP) == LR_MLX5_OP_RX_ERROR && !lr_mlx5_rx_is_fatal(be64_to_cpu(os_load(&done[6])) & 0xff) ? 1 : -1;
}

static const struct lr_rx_format lr_mlx5_rx __attribute__((__unused__)) = {
	.addr = lr_mlx5_rx_addr,
	.give = lr_mlx5_rx_give,
	.doorbell = lr_mlx5_rx_doorbell,
	.frame = lr_mlx5_rx_frame,
	.piece = lr_mlx5_rx_piece,
};

/* 0 or -ENOMEM. */
LR_INLINE int lr_mlx5_rx_start(struct lr_mlx5_rx *v, struct lr_ring *r)
{
	uint32_t d;

	os_assert(v->rx.hw.mask == r->num_slots - 1);
	v->posted = v->taken = 0;
	v->entry = os_load(&lr_mlx5_rx_entry(&v->rx.hw, 0)[0]);
	for (d = 0; d < r->num_slots; d++)
		os_store(&lr_mlx5_rx_entry(&v->rx.hw, d)[0], cpu_to_be64((uint64_t)(v->rx.hw.len | LR_MLX5_RX_FLAG) << 32 | v->key));
	return lr_native_rx_start(&lr_mlx5_rx, &v->rx, r);
}

/* The driver finds lengths as it wrote them. */
LR_INLINE void lr_mlx5_rx_stop(struct lr_mlx5_rx *v, struct lr_ring *r)
{
	uint32_t d;

	for (d = 0; d < r->num_slots; d++)
		os_store(&lr_mlx5_rx_entry(&v->rx.hw, d)[0], v->entry);
	lr_native_rx_stop(&lr_mlx5_rx, &v->rx, r);
}

/* ops->rxsync, or the body of it. */
LR_INLINE int lr_mlx5_rxsync(struct lr_ring *r, unsigned int flags)
{
	const struct lr_mlx5_rx *v = LR_CONTAINER_OF((struct lr_native_rx *)r->priv, struct lr_mlx5_rx, rx);
	bool broken = v->rx.broken;
	int err = lr_rxsync(&lr_mlx5_rx, r, flags);

	if (os_unlikely(err && !broken))
		lr_mlx5_log_error(r, lr_mlx5_block(v->rx.hw.done, v->rx.hw.shift, v->rx.next));
	return err;
}

#endif
